//! Panics of Rust programs with their backtraces, of Rust before and after 1.73. Source: `library/std/src/panicking.rs`
//! (`default_hook`), `library/std/src/sys/backtrace.rs` and `library/std/src/backtrace_rs/src/print.rs`.

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{Lines, decimal, rsplit_once, split_once};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};

/// A message has as many lines as its writer likes; more than this is another program's text.
const MAX_MESSAGE_LINES: usize = 40;

const BACKTRACE: &[u8] = b"stack backtrace:";
const NOTE: &[u8] = b"note: ";
const ABORT: &[u8] = b"thread caused non-unwinding panic. aborting.";

/// Rust panics.
pub struct RustPanic;

impl Format for RustPanic {
    fn id(&self) -> &'static str {
        "rust-panic"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        head(line).is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let Some(first) = lines.next() else { return };
        let Some(head) = head(first) else { return };
        let mut message = String::from_utf8_lossy(head.message).into_owned();
        let mut place = head.place;
        match head.form {
            Form::Whole => {}
            Form::Below => read_message(lines, &mut message),
            Form::Quoted => place = read_quoted(lines, &mut message).unwrap_or_default(),
        }
        let mut frames = Vec::new();
        if lines.peek() == Some(BACKTRACE) {
            lines.advance();
            read_frames(lines, &mut frames, out);
        }
        let is_note = |line: &[u8]| line.starts_with(NOTE) && split_once(line, b"RUST_BACKTRACE").is_some();
        while lines.peek().is_some_and(is_note) {
            lines.advance();
        }
        let aborts = lines.peek() == Some(ABORT);
        if aborts {
            lines.advance();
        }
        let mut attributes = vec![("message", message)];
        if !place.is_empty() {
            attributes.push(("place", String::from_utf8_lossy(place).into_owned()));
        }
        attributes.push(("thread", String::from_utf8_lossy(head.thread).into_owned()));
        attributes.extend(head.os_id.map(|id| ("os_id", id.to_string())));
        attributes.extend(site(&frames, &out.tables).map(|site| ("site", site)));
        if aborts {
            attributes.push(("aborts", "true".to_owned()));
        }
        out.records += 1;
        out.evidence.push(Evidence::Record(Record {
            line,
            end: lines.last_number().saturating_add(1),
            claims: Claims::default(),
            when,
            kind: RecordKind::Panic,
            attributes,
            stack: out.tables.stack(&frames),
            text: String::from_utf8_lossy(first).into_owned(),
        }));
    }
}

/// What the first line says.
struct Head<'a> {
    thread: &'a [u8],
    os_id: Option<u64>,
    /// `src/main.rs:5:10`.
    place: &'a [u8],
    /// Begin of the message where the old form has it on the same line.
    message: &'a [u8],
    form: Form,
}

/// Where the message stands.
enum Form {
    /// On the line, and ends there.
    Whole,
    /// On the line in quotes that a later line closes.
    Quoted,
    /// On the lines below.
    Below,
}

/// `thread 'main' (12899) panicked at main.rs:4:68:` and, before 1.73, `thread 'main' panicked at 'msg', main.rs:4:68`.
fn head(line: &[u8]) -> Option<Head<'_>> {
    let rest = line.strip_prefix(b"thread '")?;
    let (thread, place) = split_once(rest, b" panicked at ")?;
    let (thread, os_id) = match thread.strip_suffix(b"'") {
        Some(name) => (name, None),
        None => {
            let (name, id) = rsplit_once(thread, b"' (")?;
            (name, Some(decimal(id.strip_suffix(b")")?)?))
        }
    };
    if let Some(text) = place.strip_prefix(b"'") {
        let (message, place, form) = match rsplit_once(text, b"', ") {
            Some((message, place)) if is_place(place) => (message, place, Form::Whole),
            _ => (text, &text[..0], Form::Quoted),
        };
        return Some(Head { thread, os_id, place, message, form });
    }
    let place = place.strip_suffix(b":").filter(|place| is_place(place))?;
    Some(Head { thread, os_id, place, message: b"", form: Form::Below })
}

/// `src/main.rs:5:10`.
fn is_place(text: &[u8]) -> bool {
    file_line(text).is_some()
}

/// File and line of `src/main.rs:5:10`.
fn file_line(text: &[u8]) -> Option<(&[u8], u32)> {
    let (rest, column) = rsplit_once(text, b":")?;
    let (file, line) = rsplit_once(rest, b":")?;
    decimal(column)?;
    Some((file, decimal(line).and_then(|line| u32::try_from(line).ok())?))
}

/// The message goes on until the backtrace or the note about it. Where neither follows, only its first line is surely
/// the panic's.
fn read_message(lines: &mut Lines<'_>, message: &mut String) {
    let is_end = |line: &[u8]| line == BACKTRACE || line == ABORT || line.starts_with(NOTE);
    let mut ahead = *lines;
    let length = ahead.by_ref().take(MAX_MESSAGE_LINES).take_while(|line| head(line).is_none()).position(is_end);
    for (index, line) in (*lines).take(length.unwrap_or(1)).enumerate() {
        if index > 0 || !message.is_empty() {
            message.push('\n');
        }
        message.push_str(&String::from_utf8_lossy(line));
        lines.advance();
    }
}

/// The rest of a message of several lines in quotes, and the place behind them.
fn read_quoted<'a>(lines: &mut Lines<'a>, message: &mut String) -> Option<&'a [u8]> {
    let closed = |line: &'a [u8]| rsplit_once(line, b"', ").filter(|(_, place)| is_place(place));
    let length = (*lines).take(MAX_MESSAGE_LINES).position(|line| closed(line).is_some())?;
    for line in lines.by_ref().take(length + 1) {
        let (text, place) = closed(line).map_or((line, None), |(text, place)| (text, Some(place)));
        message.push('\n');
        message.push_str(&String::from_utf8_lossy(text));
        if place.is_some() {
            return place;
        }
    }
    None
}

/// Frames of both forms: `   3: main::Ledger::post` and `  17:     0x55c8102b4037 - main::Ledger::post::h56129bbcc11ca6e0`,
/// each with `             at ./main.rs:3:0` below.
fn read_frames(lines: &mut Lines<'_>, frames: &mut Vec<FrameId>, out: &mut Parsed) {
    let mut last_address = None;
    let mut all: Vec<Frame> = Vec::new();
    // Other threads write on while the frames are printed.
    let mut foreign = 0u32;
    while let Some(line) = lines.peek() {
        if let Some((address, function)) = frame(line) {
            // Frames at one address are inlined into the next of them.
            if let Some(inner) = all.last_mut().filter(|_| address.is_some() && address == last_address) {
                inner.kind = FrameKind::Inlined;
            }
            last_address = address;
            all.push(Frame { function: out.tables.symbol(function), ..Frame::default() });
        } else if let (Some(place), Some(frame)) = (line.trim_ascii_start().strip_prefix(b"at "), all.last_mut())
            && line.starts_with(b"   ")
        {
            let (file, at) = file_line(place).unwrap_or((place, 0));
            (frame.file, frame.line) = (out.tables.name(file), at);
        } else if line.starts_with(b"      [... omitted ") {
            out.note(lines.number(), "frames of a backtrace were left out by the program");
        } else if (*lines).skip(1).take(MAX_FOREIGN_LINES).any(|line| goes_on(line, all.len())) {
            foreign += 1;
        } else {
            break;
        }
        lines.advance();
    }
    if foreign > 0 {
        out.note(lines.last_number(), format!("{foreign} lines of other output stand within a backtrace; left out"));
    }
    frames.extend(all.into_iter().map(|frame| out.tables.frame(frame)));
}

/// Between two lines of a backtrace stand no more lines of other output than this.
const MAX_FOREIGN_LINES: usize = 4;

/// Whether a line is the frame that comes next, or the place of the one before.
fn goes_on(line: &[u8], next: usize) -> bool {
    let index = line.strip_prefix(b"  ").and_then(|line| split_once(line.trim_ascii_start(), b": "));
    let is_place = next > 0 && line.starts_with(b"             at ");
    is_place || index.and_then(|(index, _)| decimal(index)).is_some_and(|index| index as usize == next)
}

/// Address, if there, and function.
fn frame(line: &[u8]) -> Option<(Option<&[u8]>, &[u8])> {
    let (index, rest) = split_once(line.strip_prefix(b"  ")?.trim_ascii_start(), b": ")?;
    decimal(index)?;
    let rest = rest.trim_ascii_start();
    match split_once(rest, b" - ") {
        Some((address, function)) if address.starts_with(b"0x") => Some((Some(address), function)),
        _ => Some((None, rest)),
    }
}

/// The innermost function that is not of Rust's libraries, whose files have the compiler's path.
fn site(frames: &[FrameId], tables: &Tables) -> Option<String> {
    const LIBRARY: [&str; 12] = [
        "std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "std[", "core[", "alloc[", "rust_", "__rust",
        "<<std",
    ];
    let is_program = |id: &FrameId| {
        let frame = tables.get_frame(*id);
        let file = tables.text(frame.file);
        !file.starts_with("/rustc/") && !LIBRARY.iter().any(|name| tables.text(frame.function).starts_with(name))
    };
    frames.iter().find(|frame| is_program(frame)).map(|&frame| tables.function(frame).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &[u8]) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
        while let Some(line) = lines.peek() {
            if RustPanic.opens(line) {
                let before = lines.offset();
                RustPanic.parse(&mut lines, &Hint::default(), &mut out);
                assert!(lines.offset() > before, "no line was taken");
            } else {
                lines.advance();
            }
        }
        out
    }

    fn records<'a>(out: &'a Parsed) -> Vec<&'a Record> {
        let record = |evidence: &'a Evidence| match evidence {
            Evidence::Record(record) => record,
            other => panic!("{other:?}"),
        };
        out.evidence.iter().map(record).collect()
    }

    fn values<'a>(record: &'a Record, names: &[&str]) -> Vec<Option<&'a str>> {
        names.iter().map(|name| record.attribute(name)).collect()
    }

    const SHORT: &[u8] = include_bytes!("../../samples/rust-panic/short/stderr.log");
    const FULL: &[u8] = include_bytes!("../../samples/rust-panic/full/stderr.log");
    const NONE: &[u8] = include_bytes!("../../samples/rust-panic/no-backtrace/stderr.log");
    const ABORTS: &[u8] = include_bytes!("../../samples/rust-panic/abort/stderr.log");
    const OLD: &[u8] = include_bytes!("../../samples/rust-panic/before-1.73/stderr.log");

    #[test]
    fn a_panic_names_its_thread_place_and_function() {
        let out = parse(SHORT);
        let [worker, main] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!(
            values(worker, &["thread", "os_id", "place", "message", "site"]),
            [
                "importer-1",
                "12900",
                "main.rs:3:63",
                "index out of bounds: the len is 4 but the index is 7",
                "main::Ledger::post"
            ]
            .map(Some)
        );
        assert_eq!((worker.kind, worker.line, worker.end), (RecordKind::Panic, 2, 18));
        assert_eq!(out.tables.functions(worker.stack).len(), 6);
        assert_eq!(values(main, &["thread", "site"]), ["main", "main::import"].map(Some));
        assert_eq!(out.notes, []);
    }

    #[test]
    fn a_full_backtrace_loses_addresses_and_hashes() {
        let out = parse(FULL);
        let [worker, main] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!(worker.attribute("site"), Some("main::Ledger::post"));
        let frames = out.tables.stack_frames(worker.stack);
        assert_eq!(frames.len(), 33);
        let (post, import) = (out.tables.get_frame(frames[17]), out.tables.get_frame(frames[18]));
        assert_eq!((out.tables.text(post.function), post.line), ("main::Ledger::post", 3));
        assert_eq!((post.kind, import.kind), (FrameKind::Inlined, FrameKind::User));
        let message = "two\nlines of message: Err(ParseIntError { kind: InvalidDigit })";
        assert_eq!(values(main, &["message", "site"]), [message, "main::main"].map(Some));
    }

    #[test]
    fn without_a_backtrace_only_the_message_is_taken() {
        let out = parse(NONE);
        let [worker, main] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!(values(worker, &["message", "site"])[1], None);
        assert_eq!((worker.line, worker.end, main.line), (2, 5, 7));
        let out = parse(b"thread 'a' panicked at src/a.rs:1:2:\nboom\n2026 INFO next\n2026 INFO more\n");
        assert_eq!((records(&out)[0].attribute("message"), records(&out)[0].end), (Some("boom"), 3));
    }

    #[test]
    fn a_panic_that_ends_the_process_says_so() {
        let out = parse(ABORTS);
        let aborts: Vec<_> = records(&out).iter().map(|record| record.attribute("aborts")).collect();
        assert_eq!(aborts, [None, Some("true")]);
    }

    #[test]
    fn the_form_before_1_73_has_the_message_on_the_line() {
        let out = parse(OLD);
        let [worker, main] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        let names = ["message", "place", "thread", "site"];
        let expected = [
            "index out of bounds: the len is 4 but the index is 7",
            "main.rs:3:54",
            "importer-1",
            "main::Ledger::post",
        ];
        assert_eq!(values(worker, &names), expected.map(Some));
        let expected = ["two\nlines: Err(ParseIntError { kind: InvalidDigit })", "main.rs:12:39", "main", "main::main"];
        assert_eq!(values(main, &names), expected.map(Some));
        assert_eq!(out.tables.functions(main.stack).len(), 4);
    }

    #[test]
    fn other_lines_do_not_open_a_panic() {
        for line in
            [&b"thread 'main' panicked"[..], b"thread main panicked at a.rs:1:2:", b"thread 'x' panicked at dawn:"]
        {
            assert!(!RustPanic.opens(line), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn lines_of_other_threads_stand_between_frames() {
        let text = include_str!("../../samples/rust-panic/short/stderr.log");
        let (head, rest) = text.split_once("stack backtrace:\n").unwrap();
        let plain = parse(text.as_bytes());
        let mixed = parse(format!("{head}stack backtrace:\nline 2500: fee 24\n{rest}").as_bytes());
        let functions =
            |out: &Parsed| -> Vec<String> { out.tables.functions(records(out)[0].stack).map(str::to_owned).collect() };
        assert_eq!(functions(&mixed), functions(&plain));
        assert!(mixed.notes.len() > plain.notes.len());
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(which in 0usize..5, cut in 0usize..4000, at in 0usize..4000, byte: u8) {
            let mut text = [SHORT, FULL, NONE, ABORTS, OLD][which].to_vec();
            text.truncate(cut);
            if let Some(slot) = text.get_mut(at) {
                *slot = byte;
            }
            parse(&text);
        }
    }
}
