//! Tracebacks of Python exceptions in logs, innermost frame last. Grammar: CPython `Lib/traceback.py`
//! (TracebackException.format) and `Python/pythonrun.c`, `Lib/threading.py` (ExceptHookArgs).
//!
//! A traceback alone does not tell whether the exception was caught and logged. It ended its thread where the text
//! says so (`Exception in thread x:`), and the program where it went through to the module that was run.

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::kernel_oom::lossy;
use crate::lines::{Lines, decimal, split_once};
use crate::tables::{Frame, FrameId, FrameKind, Sym, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};

/// Tracebacks of exceptions.
pub struct PythonTraceback;

impl Format for PythonTraceback {
    fn id(&self) -> &'static str {
        "python-traceback"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        matches!(line.first(), Some(b'T' | b'E' | b' ')) && (is_head(line) || thread_name(line).is_some())
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let when = lines.time().map_or(hint.when, When::Wall);
        let (first, text) = (lines.number(), lines.peek().unwrap_or_default());
        let thread = thread_name(text);
        if thread.is_some() {
            lines.advance();
        }
        let Some(mut error) = traceback(lines, out) else {
            // The heading of a thread's end without its traceback, or a heading alone.
            if lines.number() == first {
                lines.advance();
            }
            out.note(first, "a Python traceback that ends before its exception");
            return;
        };
        let mut cause = None;
        while goes_on(lines) {
            (0..3).for_each(|_| lines.advance());
            let Some(next) = traceback(lines, out) else { break };
            // The first of the chain is what went wrong.
            cause.get_or_insert(error);
            error = next;
        }
        let record = record(&error, cause.as_ref(), thread, out);
        let record =
            Record { line: first, end: lines.last_number().saturating_add(1), when, text: lossy(text), ..record };
        keep(record, out);
    }
}

const HEAD: &[u8] = b"Traceback (most recent call last):";
const GROUP_HEAD: &[u8] = b"+ Exception Group Traceback (most recent call last):";
const THREAD: &[u8] = b"Exception in thread ";
const CAUSE: &[u8] = b"The above exception was the direct cause of the following exception:";
const CONTEXT: &[u8] = b"During handling of the above exception, another exception occurred:";
/// A logged exception is compared with this many pieces of evidence before it: a log cannot make this slow.
const RECENT: usize = 32;

fn is_head(line: &[u8]) -> bool {
    line == HEAD || line.trim_ascii_start() == GROUP_HEAD
}

/// `Exception in thread loader:`. Java says `Exception in thread "main" java.lang...`.
fn thread_name(line: &[u8]) -> Option<&[u8]> {
    line.strip_prefix(THREAD)?.strip_suffix(b":").filter(|name| !name.starts_with(b"\""))
}

/// Whether the traceback that was read is the cause or the context of another one.
fn goes_on(lines: &Lines<'_>) -> bool {
    let mut ahead = *lines;
    ahead.next() == Some(b"")
        && ahead.next().is_some_and(|line| line == CAUSE || line == CONTEXT)
        && ahead.next() == Some(b"")
        && ahead.next().is_some_and(is_head)
}

/// One exception.
struct Error<'a> {
    /// Outermost first, as printed.
    frames: Vec<FrameId>,
    /// `ValueError`, `json.decoder.JSONDecodeError`.
    class: &'a [u8],
    message: &'a [u8],
}

/// Reads a traceback from its head on; none when no exception follows the frames.
fn traceback<'a>(lines: &mut Lines<'a>, out: &mut Parsed) -> Option<Error<'a>> {
    let head = lines.peek().filter(|line| is_head(line))?;
    // The lines of an exception group stand behind `  | `.
    let bar: &[u8] = if head == HEAD { b"" } else { b"  | " };
    lines.advance();
    let mut frames = Vec::new();
    while let Some(text) = lines.peek().and_then(|line| line.strip_prefix(bar)) {
        if let Some(frame) = frame(text, &mut out.tables) {
            frames.push(frame);
        } else if !text.starts_with(b"  ") {
            let (class, message) = exception(text)?;
            lines.advance();
            members(lines, bar);
            return Some(Error { frames, class, message });
        }
        // Source lines and marks below them, `[Previous line repeated 994 more times]`.
        lines.advance();
    }
    None
}

/// Passes the members of an exception group.
fn members(lines: &mut Lines<'_>, bar: &[u8]) {
    let is_member = |line: &[u8]| {
        let text = line.trim_ascii_start();
        text.len() < line.len() && (text.starts_with(b"+-") || text.starts_with(b"| ") || text.starts_with(b"+ Exc"))
    };
    while !bar.is_empty() && lines.peek().is_some_and(is_member) {
        lines.advance();
    }
}

/// `  File "/srv/app.py", line 10, in worker`.
fn frame(text: &[u8], tables: &mut Tables) -> Option<FrameId> {
    let (file, rest) = split_once(text.strip_prefix(b"  File \"")?, b"\", line ")?;
    let (line, function) = split_once(rest, b", in ").unwrap_or((rest, b""));
    let line = u32::try_from(decimal(line)?).unwrap_or(0);
    let (function, file) = (tables.name(function), tables.name(file));
    Some(tables.frame(Frame { function, file, line, module: Sym::EMPTY, kind: FrameKind::User }))
}

/// `ValueError: cannot decode image 8`, `KeyboardInterrupt`: class and message.
fn exception(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (class, message) = split_once(line, b": ").unwrap_or((line.strip_suffix(b":").unwrap_or(line), b""));
    let is_name =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'<' | b'>') || *byte >= 0x80;
    (!class.is_empty() && !class[0].is_ascii_digit() && class.iter().all(is_name)).then_some((class, message))
}

fn record(error: &Error<'_>, cause: Option<&Error<'_>>, thread: Option<&[u8]>, out: &mut Parsed) -> Record {
    let outermost = error.frames.first().map_or("", |frame| out.tables.function(*frame));
    let ended_program = matches!(outermost, "<module>" | "_run_module_as_main");
    let mut attributes = Vec::new();
    let is_end = thread.is_some() || ended_program;
    if !is_end {
        attributes.push(("class", "python-exception".to_owned()));
    }
    attributes.push(("message", said(error)));
    attributes.push(("exception", lossy(error.class)));
    attributes.extend(thread.map(|name| ("thread", lossy(name))));
    attributes.extend(cause.map(|cause| ("cause", said(cause))));
    attributes.push(("runtime", "python".to_owned()));
    let innermost_first: Vec<FrameId> = error.frames.iter().rev().copied().collect();
    Record {
        line: 0,
        end: 0,
        claims: Claims::default(),
        when: When::Unknown,
        kind: if is_end { RecordKind::Panic } else { RecordKind::Log },
        attributes,
        stack: out.tables.stack(&innermost_first),
        text: String::new(),
    }
}

/// The exception as its last line says it.
fn said(error: &Error<'_>) -> String {
    match error.message {
        b"" => lossy(error.class),
        message => format!("{}: {}", lossy(error.class), lossy(message)),
    }
}

/// Adds a record; the same exception logged again is counted.
fn keep(record: Record, out: &mut Parsed) {
    out.records += 1;
    let is_same = |known: &Record| {
        known.kind == RecordKind::Log
            && known.stack == record.stack
            && known.attribute("exception") == record.attribute("exception")
    };
    let known = out.evidence.iter_mut().rev().take(RECENT).find_map(|evidence| match evidence {
        Evidence::Record(known) if record.kind == RecordKind::Log && is_same(known) => Some(known),
        _ => None,
    });
    match known {
        Some(known) => count_again(known),
        None => out.evidence.push(Evidence::Record(record)),
    }
}

/// Raises the attribute `count` of a record that happened again.
pub(crate) fn count_again(record: &mut Record) {
    match record.attributes.iter_mut().find(|(key, _)| *key == "count") {
        Some((_, count)) => *count = (count.parse::<u64>().unwrap_or(1).saturating_add(1)).to_string(),
        None => record.attributes.push(("count", "2".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &str) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if PythonTraceback.opens(line) {
                PythonTraceback.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn records(out: &Parsed) -> Vec<&Record> {
        out.evidence.iter().filter_map(|e| if let Evidence::Record(record) = e { Some(record) } else { None }).collect()
    }

    fn functions<'a>(out: &'a Parsed, record: &Record) -> Vec<&'a str> {
        out.tables.functions(record.stack).collect()
    }

    const THREAD_END: &str = "up\nException in thread thumb-worker-2:\nTraceback (most recent call last):\n  \
        File \"/usr/lib/python3.11/threading.py\", line 1038, in _bootstrap_inner\n    self.run()\n  \
        File \"/srv/pyapp/V/thumbs.py\", line 10, in worker\n    thumbnail(item)\n  \
        File \"/srv/pyapp/V/thumbs.py\", line 5, in thumbnail\n    if item % 9 == 8: raise\n    \
        ^^^^^^^^^\nValueError: cannot decode image 8\nnext\n";

    #[test]
    fn an_exception_ends_its_thread() {
        let out = parse(THREAD_END);
        let [record] = records(&out)[..] else { panic!() };
        assert_eq!((record.kind, record.line, record.end), (RecordKind::Panic, 2, 12));
        assert_eq!(record.attribute("thread"), Some("thumb-worker-2"));
        assert_eq!(record.attribute("message"), Some("ValueError: cannot decode image 8"));
        assert_eq!(functions(&out, record), ["thumbnail", "worker", "_bootstrap_inner"]);
    }

    const LOGGED: &str = "2026-11-22 01:27:25,683 ERROR load failed\nTraceback (most recent call last):\n  \
        File \"/srv/chain.py\", line 4, in load\n    try: return json.loads(text)\n\
        json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)\n\n\
        The above exception was the direct cause of the following exception:\n\n\
        Traceback (most recent call last):\n  File \"/srv/chain.py\", line 8, in main\n    try: load(\"{\")\n\
        RuntimeError: cannot load '{'\n";

    #[test]
    fn a_logged_exception_with_its_cause_is_counted() {
        let out = parse(&LOGGED.repeat(3));
        let [record] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!((record.kind, record.attribute("count")), (RecordKind::Log, Some("3")));
        assert_eq!(record.attribute("class"), Some("python-exception"));
        assert_eq!(record.attribute("message"), Some("RuntimeError: cannot load '{'"));
        let cause = "json.decoder.JSONDecodeError: Expecting value: line 1 column 2 (char 1)";
        assert_eq!(record.attribute("cause"), Some(cause));
        assert_eq!(functions(&out, record), ["main"]);
        assert_eq!(out.records, 3);
    }

    #[test]
    fn an_exception_that_leaves_the_module_ends_the_program() {
        let out = parse(&LOGGED.replace("in main", "in <module>"));
        assert_eq!(records(&out)[0].kind, RecordKind::Panic);
    }

    #[test]
    fn a_group_is_one_exception() {
        let group = "Exception in thread grp:\n  + Exception Group Traceback (most recent call last):\n  |   \
            File \"/srv/app/chain.py\", line 15, in group\n  |     raise\n  | ExceptionGroup: several (2 sub-exceptions)\n  \
            +-+---------------- 1 ----------------\n    | ValueError: a\n    +---------------- 2 ----------------\n    \
            | TypeError: b\n    +------------------------------------\nafter\n";
        let out = parse(group);
        let [record] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!((record.end, record.attribute("exception")), (11, Some("ExceptionGroup")));
        assert_eq!(functions(&out, record), ["group"]);
    }

    #[test]
    fn java_says_it_otherwise_and_a_cut_traceback_is_noted() {
        assert!(!PythonTraceback.opens(b"Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space"));
        let out = parse(&THREAD_END[..THREAD_END.find("ValueError").unwrap()]);
        assert_eq!((records(&out).len(), out.notes.len()), (0, 1));
        assert_eq!(parse("Traceback (most recent call last):\n2026-11-22 went on\n").notes[0].line, 1);
    }
}
