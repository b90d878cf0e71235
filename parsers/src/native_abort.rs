//! Last words of native programs in their logs: failed assertions, exceptions that nobody caught, heap and stack checks
//! of the C library, and the frames that a signal handler prints with `backtrace_symbols`. Sources: glibc
//! `assert/assert.c`, `malloc/malloc.c` (malloc_printerr), `debug/fortify_fail.c`, `debug/backtracesymsfd.c`; libstdc++
//! `libsupc++/vterminate.cc`.

use crate::cpp_name::without_signature;
use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{LineNo, Lines, decimal, hexadecimal, rsplit_once, split_once};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::memmem;

/// Assertions, terminations and backtraces.
pub struct NativeAbort;

impl Format for NativeAbort {
    fn id(&self) -> &'static str {
        "native-abort"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        match line.last() {
            Some(b']') => frame(line).is_some(),
            _ => last_words(line).is_some(),
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let text = lines.peek().unwrap_or_default();
        let words = last_words(text);
        let mut signal = words.as_ref().map(|_| "SIGABRT");
        let mut attributes = Vec::new();
        if let Some(words) = words {
            lines.advance();
            words.attributes(lines, &mut attributes);
            // Between the message and the frames stands what the handler says.
            if let Some(gap) = (*lines).take(GAP).position(|line| frame(line).is_some()) {
                (0..gap).for_each(|_| lines.advance());
            }
        } else {
            signal = lines.before().take(GAP).find_map(signal_in);
        }
        let frames = read_frames(lines, out);
        let program = frames.last().map(|frame| out.tables.text(out.tables.get_frame(*frame).module).to_owned());
        if !attributes.iter().any(|(name, _)| *name == "message") {
            let message =
                signal.map_or_else(|| "the program printed its stack".to_owned(), |name| format!("signal {name}"));
            attributes.push(("message", message));
        }
        attributes.extend(signal.map(|signal| ("signal", signal.to_owned())));
        if !attributes.iter().any(|(name, _)| *name == "program") {
            attributes.push(("program", program.unwrap_or_default()));
        }
        let kind = if signal.is_some() { RecordKind::Signal } else { RecordKind::Log };
        let stack = out.tables.stack(&frames);
        out.records += 1;
        out.evidence.push(Evidence::Record(Record {
            line,
            end: lines.last_number().saturating_add(1),
            claims: Claims::default(),
            when,
            kind,
            attributes,
            stack,
            text: String::from_utf8_lossy(text).into_owned(),
        }));
    }
}

/// How many lines may stand between what a program says and the frames of its stack.
const GAP: usize = 3;

/// What a program says of its own end.
#[derive(Debug, PartialEq)]
enum LastWords<'a> {
    /// `ledgerd: ledger.c:22: check_total: Assertion `total >= 0' failed.`
    Assertion { program: &'a [u8], place: &'a [u8], function: &'a [u8], condition: &'a [u8] },
    /// `terminate called after throwing an instance of 'std::runtime_error'`, `  what():  ..` on the next line.
    Uncaught(&'a [u8]),
    /// `free(): double free detected in tcache 2`, `*** stack smashing detected ***: terminated`.
    Check(&'a [u8]),
}

/// What glibc's malloc says begins with the function that found the damage.
const HEAP_CHECKS: &[&[u8]] = &[
    b"free(): ",
    b"malloc(): ",
    b"realloc(): ",
    b"calloc(): ",
    b"munmap_chunk(): ",
    b"corrupted size vs. prev_size",
    b"corrupted double-linked list",
    b"double free or corruption",
];
const HEAP_DAMAGE: &[&[u8]] =
    &[b"invalid", b"double free", b"corrupted", b"corruption", b"mismatching", b"unaligned", b"too many chunks"];

fn last_words(line: &[u8]) -> Option<LastWords<'_>> {
    match line.first()? {
        b't' if line.starts_with(b"terminate called ") => {
            let class = split_once(line, b"instance of '").and_then(|(_, class)| class.strip_suffix(b"'"));
            return Some(LastWords::Uncaught(class.unwrap_or_default()));
        }
        b'*' if line.starts_with(b"*** ") && line.ends_with(b" detected ***: terminated") => {
            return Some(LastWords::Check(line));
        }
        b'f' | b'm' | b'r' | b'c' | b'd'
            if line.len() < 80
                && HEAP_CHECKS.iter().any(|check| line.starts_with(check))
                && HEAP_DAMAGE.iter().any(|damage| memmem::find(line, damage).is_some()) =>
        {
            return Some(LastWords::Check(line));
        }
        _ => {}
    }
    let (head, condition) = split_once(line.strip_suffix(b"' failed.")?, b": Assertion `")?;
    let (program, rest) = split_once(head, b": ")?;
    let (place, function) = split_once(rest, b": ")?;
    rsplit_once(place, b":").and_then(|(_, line)| decimal(line))?;
    Some(LastWords::Assertion { program, place, function, condition })
}

impl LastWords<'_> {
    fn attributes(&self, lines: &mut Lines<'_>, out: &mut Vec<(&'static str, String)>) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        match self {
            LastWords::Assertion { program, place, function, condition } => {
                out.push(("message", format!("assertion `{}` failed", text(condition))));
                out.push(("place", text(place)));
                out.push(("site", text(without_signature(function))));
                out.push(("program", text(program)));
            }
            LastWords::Uncaught(class) => {
                let what = lines.peek().and_then(|line| line.strip_prefix(b"  what():  "));
                if what.is_some() {
                    lines.advance();
                }
                let message = match (class.is_empty(), what) {
                    (true, _) => "terminate called without an exception: a thread that was neither joined nor detached, or a second exception".to_owned(),
                    (false, None) => format!("uncaught {}", text(class)),
                    (false, Some(what)) => format!("uncaught {}: {}", text(class), text(what)),
                };
                out.push(("message", message));
            }
            LastWords::Check(line) => out.push(("message", text(line))),
        }
    }
}

/// The signals by which programs end of their own fault, and their numbers on Linux.
const SIGNALS: &[(&str, u64)] = &[("SIGILL", 4), ("SIGABRT", 6), ("SIGBUS", 7), ("SIGFPE", 8), ("SIGSEGV", 11)];

/// The signal that a line of a handler names, by name or by number.
fn signal_in(line: &[u8]) -> Option<&'static str> {
    let by_name = SIGNALS.iter().find(|(name, _)| memmem::find(line, name.as_bytes()).is_some());
    let number = || {
        let (_, rest) = split_once(line, b"ignal ")?;
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let number = decimal(&rest[..digits])?;
        SIGNALS.iter().find(|(_, of)| *of == number)
    };
    by_name.or_else(number).map(|(name, _)| *name)
}

/// One frame: `./ledgerd(post_entry+0x1d)[0x5573091ca2d4]`, with a blank before `[` where `backtrace_symbols` made it.
#[derive(Debug, PartialEq)]
struct PrintedFrame<'a> {
    module: &'a [u8],
    /// Empty where the module exports no name for it.
    function: &'a [u8],
    offset: u64,
}

fn frame(line: &[u8]) -> Option<PrintedFrame<'_>> {
    let (rest, address) = rsplit_once(line.strip_suffix(b"]")?, b"[0x")?;
    hexadecimal(address)?;
    let (module, symbol) = rsplit_once(rest.trim_ascii_end().strip_suffix(b")")?, b"(")?;
    let (function, offset) = rsplit_once(symbol, b"+0x")?;
    // A handler may number its lines.
    let module = module.rsplit(|byte| *byte == b' ').next().unwrap_or(module);
    let is_module = !module.is_empty() && (module.contains(&b'/') || module.iter().all(u8::is_ascii_graphic));
    is_module.then_some(PrintedFrame { module, function, offset: hexadecimal(offset)? })
}

/// Frames without those of the signal handler, innermost first.
fn read_frames(lines: &mut Lines<'_>, out: &mut Parsed) -> Vec<FrameId> {
    let mut printed: Vec<(LineNo, PrintedFrame<'_>)> = Vec::new();
    while let Some(frame) = lines.peek().and_then(frame) {
        printed.push((lines.number(), frame));
        lines.advance();
    }
    // The kernel returns from a handler through a piece of the C library that has no name; what it interrupted follows.
    let is_entry = |frame: &PrintedFrame<'_>| {
        is_c_library(frame.module) && (frame.function.is_empty() || frame.function == b"__restore_rt")
    };
    let own = |frame: &PrintedFrame<'_>| !is_c_library(frame.module) && frame.function != b"_start";
    let entry = printed.iter().position(|(_, frame)| is_c_library(frame.module));
    let skip = entry.filter(|&at| is_entry(&printed[at].1) && printed[at + 1..].iter().any(|(_, frame)| own(frame)));
    let skip = skip.map_or(0, |at| at + 1);
    let frames = printed.iter().enumerate().skip(skip);
    frames.map(|(index, (_, printed))| intern(printed, index == skip && skip > 0, &mut out.tables)).collect()
}

fn is_c_library(module: &[u8]) -> bool {
    let name = module.rsplit(|byte| *byte == b'/').next().unwrap_or(module);
    name.starts_with(b"libc.") || name.starts_with(b"libc-") || name.starts_with(b"libpthread")
}

/// `interrupted`: the address is the instruction itself, not the one behind a call.
fn intern(printed: &PrintedFrame<'_>, interrupted: bool, tables: &mut Tables) -> FrameId {
    // A return address at the very start of a function belongs to the one before it, which ends with that call.
    let is_next = printed.offset == 0 && !interrupted;
    let named = if is_next { b"".as_slice() } else { printed.function };
    let function = if named.is_empty() {
        let module = String::from_utf8_lossy(printed.module.rsplit(|byte| *byte == b'/').next().unwrap_or_default());
        let base = String::from_utf8_lossy(printed.function);
        let text = if is_next { format!("{module}(before {base})") } else { format!("{module}+{:#x}", printed.offset) };
        tables.name_str(&text)
    } else {
        tables.name(named)
    };
    let module = tables.name(printed.module);
    tables.frame(Frame { function, module, kind: FrameKind::Native, ..Frame::default() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn records(text: &[u8]) -> (Vec<Record>, Tables) {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
        while let Some(line) = lines.peek() {
            if NativeAbort.opens(line) {
                let before = lines.offset();
                NativeAbort.parse(&mut lines, &Hint::default(), &mut out);
                assert!(lines.offset() > before, "no line was taken");
            } else {
                lines.advance();
            }
        }
        let record = |evidence| match evidence {
            Evidence::Record(record) => record,
            other => panic!("{other:?}"),
        };
        (out.evidence.into_iter().map(record).collect(), out.tables)
    }

    fn functions(record: &Record, tables: &Tables) -> Vec<String> {
        tables.functions(record.stack).map(str::to_owned).collect()
    }

    #[test]
    fn frames_behind_the_handler_are_the_crash() {
        let (all, tables) = records(include_bytes!("../../samples/native-abort/segv-handler/stderr.log"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].attribute("signal"), Some("SIGSEGV"));
        assert_eq!(functions(&all[0], &tables)[..3], ["balance_of", "post_entry", "main"]);
        assert_eq!((all[0].line, all[0].end), (6, 14));
    }

    #[test]
    fn without_names_the_module_and_its_offset_stand() {
        let (all, tables) = records(include_bytes!("../../samples/native-abort/segv-no-names/stderr.log"));
        assert_eq!(functions(&all[0], &tables)[..2], ["ledgerd-static-names+0x12ae", "ledgerd-static-names+0x12d4"]);
    }

    #[test]
    fn an_assertion_and_its_stack_are_one_record() {
        let (all, tables) = records(include_bytes!("../../samples/native-abort/assert-handler/stderr.log"));
        assert_eq!(all.len(), 1);
        let attribute = |name| all[0].attribute(name).unwrap();
        assert_eq!((attribute("site"), attribute("place")), ("check_total", "ledger.c:22"));
        assert_eq!(attribute("message"), "assertion `total >= 0 && \"ledger does not balance\"` failed");
        // The call that never returns is the last instruction of its function: the address names the next one.
        assert_eq!(functions(&all[0], &tables)[5..7], ["ledgerd(before rename_account)", "main"]);
    }

    #[test]
    fn heap_checks_and_uncaught_exceptions_are_told() {
        let (all, tables) = records(include_bytes!("../../samples/native-abort/double-free/stderr.log"));
        assert_eq!(all[0].attribute("message"), Some("free(): double free detected in tcache 2"));
        assert!(functions(&all[0], &tables).contains(&"close_account".to_owned()));
        let (all, _) = records(include_bytes!("../../samples/native-abort/terminate/stderr.log"));
        assert_eq!(all[0].attribute("message"), Some("uncaught std::runtime_error: no market data for XAU"));
    }

    #[test]
    fn other_lines_open_nothing() {
        for line in [
            "free(): 1024 bytes",
            "corrupted record skipped",
            "[0x1234]",
            "worker(+1)[2]",
            "level=info msg=\"signal 11 received\"",
            "test: Assertion failed",
        ] {
            assert!(!NativeAbort.opens(line.as_bytes()), "{line}");
        }
    }

    proptest::proptest! {
        #[test]
        fn never_panics(text in "([ -~]|\n|terminate called |: Assertion `|' failed.|(f+0x1)[0x12]){0,80}") {
            records(text.as_bytes());
        }
    }
}
