//! Threads of CPython as text, on their own or in the middle of a log: `py-spy dump` (also `--locals`, `--native`) and
//! faulthandler. Grammar: py-spy `src/dump.rs` (print_trace), CPython `Modules/faulthandler.c`, `Python/traceback.c`
//! (dump_traceback, dump_frame), `Python/pylifecycle.c` (fatal_error).

use crate::evidence::{
    Completeness, Evidence, Marks, ObjectRef, ObjectRole, Parsed, Record, RecordKind, Runtime, Snapshot, Thread, When,
};
use crate::kernel_oom::lossy;
use crate::lines::{LineNo, Lines, decimal, hexadecimal, rsplit_once, split_once};
use crate::tables::{Frame, FrameId, FrameKind, StackId, Sym, Tables};
use crate::{Format, Hint, Shape, Sniff, opened_by, sniff_embedded};

/// py-spy and faulthandler dumps.
pub struct PythonThreads;

impl Format for PythonThreads {
    fn id(&self) -> &'static str {
        "python-threads"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        !matches!(classify(line), Line::Blank | Line::Frame(..) | Line::Detail | Line::Cut | Line::Foreign)
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut dump = Dump::begin(lines, hint, out);
        dump.read(lines, out);
        dump.finish(lines, hint, out);
    }
}

pub(crate) const PY_SPY: &str = "py-spy";
const FAULTHANDLER: &str = "faulthandler";
/// A stack goes on behind at most this many lines of another program.
const LONGEST_GAP: usize = 8;
/// A dump goes on with a further thread behind at most this many lines of another program.
const LONGEST_BREAK: LineNo = 64;

/// What a line of a dump is.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Blank,
    /// `Process 30401: /usr/bin/python3 t.py`
    Process(u64),
    /// `Python v3.11.7 (/usr/bin/python3.11)`
    Version(&'a [u8]),
    /// `Fatal Python error: Segmentation fault`
    Fatal(&'a [u8]),
    /// `Timeout (0:00:03)!`
    Timeout,
    Thread(Header<'a>),
    Frame(&'static str, Place<'a>),
    /// Arguments and locals, and what faulthandler adds to a fatal error.
    Detail,
    /// `  ...` or `...`: faulthandler prints at most 100 frames of a thread, and at most 100 threads.
    Cut,
    Foreign,
}

/// The head of a thread.
#[derive(Debug, Default, PartialEq)]
struct Header<'a> {
    origin: &'static str,
    id: u64,
    is_os_id: bool,
    name: &'a [u8],
    state: &'a [u8],
    current: bool,
}

/// Where a frame is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Place<'a> {
    pub(crate) function: &'a [u8],
    pub(crate) file: &'a [u8],
    pub(crate) line: Option<u32>,
}

fn classify(line: &[u8]) -> Line<'_> {
    match line.first() {
        None => Line::Blank,
        Some(b' ') => indented(line),
        Some(b'P') => program(line).unwrap_or(Line::Foreign),
        Some(b'T') if timeout(line) => Line::Timeout,
        Some(b'T' | b'C' | b'S') => header(line).map_or(Line::Foreign, Line::Thread),
        Some(b'F') => line.strip_prefix(b"Fatal Python error: ").map_or(Line::Foreign, Line::Fatal),
        Some(b'E') if line.starts_with(b"Extension modules: ") => Line::Detail,
        Some(b'.') if line == b"..." => Line::Cut,
        Some(b'\t') if line.trim_ascii().is_empty() => Line::Blank,
        _ => Line::Foreign,
    }
}

/// A line that begins with a blank.
fn indented(line: &[u8]) -> Line<'_> {
    let text = line.trim_ascii();
    match line.len() - line.trim_ascii_start().len() {
        _ if text.is_empty() => Line::Blank,
        2 if text == b"..." => Line::Cut,
        // `<no Python frame>`, `Garbage-collecting`.
        2 if text.starts_with(b"<") || text == b"Garbage-collecting" => Line::Detail,
        2 => fault_frame(text).map_or(Line::Foreign, |place| Line::Frame(FAULTHANDLER, place)),
        4 => spy_frame(text).map_or(Line::Foreign, |place| Line::Frame(PY_SPY, place)),
        indent if indent >= 8 => Line::Detail,
        _ => Line::Foreign,
    }
}

fn program(line: &[u8]) -> Option<Line<'_>> {
    if let Some(rest) = line.strip_prefix(b"Python v") {
        return Some(Line::Version(split_once(rest, b" (").filter(|_| rest.ends_with(b")"))?.0));
    }
    if line.starts_with(b"Python runtime state: ") {
        return Some(Line::Detail);
    }
    decimal(split_once(line.strip_prefix(b"Process ")?, b": ")?.0).map(Line::Process)
}

fn timeout(line: &[u8]) -> bool {
    line.strip_prefix(b"Timeout (").and_then(|rest| rest.strip_suffix(b")!")).is_some_and(|time| {
        !time.is_empty() && time.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b':' | b'.'))
    })
}

/// `Thread 15338 (active+gil): "MainThread"`, `Current thread 0x00007f3f471536c0 (most recent call first):`.
fn header(line: &[u8]) -> Option<Header<'_>> {
    if line == b"Stack (most recent call first):" {
        return Some(Header { origin: FAULTHANDLER, current: true, ..Header::default() });
    }
    let (rest, current) = match line.strip_prefix(b"Current thread ") {
        Some(rest) => (rest, true),
        None => (line.strip_prefix(b"Thread ")?, false),
    };
    let (id, rest) = split_once(rest, b" ")?;
    let is_os_id = !id.starts_with(b"0x");
    let id = if is_os_id { decimal(id)? } else { hexadecimal(id)? };
    if let Some(name) = rest.strip_suffix(b"(most recent call first):") {
        // CPython 3.14 prints the name of the thread: `[MainThread] `.
        let name = name.trim_ascii_end();
        let name = name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name);
        return Some(Header { origin: FAULTHANDLER, id, is_os_id, name, state: b"", current });
    }
    let (state, name) = split_once(rest.strip_prefix(b"(")?, b")")?;
    if current || !matches!(state, b"active" | b"idle" | b"active+gil" | b"idle+gil") {
        return None;
    }
    let name = name.strip_prefix(b":").unwrap_or(name).trim_ascii();
    let name = name.strip_prefix(b"\"").and_then(|name| name.strip_suffix(b"\"")).unwrap_or(name);
    Some(Header { origin: PY_SPY, id, is_os_id, name, state, current })
}

/// `File "t.py", line 6 in x`; a traceback has a comma behind the number.
fn fault_frame(text: &[u8]) -> Option<Place<'_>> {
    let (file, rest) = split_once(text.strip_prefix(b"File ")?, b", line ")?;
    let (line, function) = split_once(rest, b" in ")?;
    let line = if line == b"???" { None } else { Some(u32::try_from(decimal(line)?).unwrap_or(0)) };
    let file = file.strip_prefix(b"\"").and_then(|file| file.strip_suffix(b"\"")).unwrap_or(file);
    Some(Place { function, file: if file == b"???" { b"" } else { file }, line })
}

/// `x (t.py:6)`, `PyThread_acquire_lock_timed (libpython3.11.so.1.0)`.
fn spy_frame(text: &[u8]) -> Option<Place<'_>> {
    let (function, place) = rsplit_once(text.strip_suffix(b")")?, b" (")?;
    match rsplit_once(place, b":").map(|(file, line)| (file, decimal(line))) {
        Some((file, Some(line))) => Some(Place { function, file, line: Some(u32::try_from(line).unwrap_or(0)) }),
        _ => Some(Place { function, file: place, line: None }),
    }
}

/// Whether a file is an object file or the source of one.
fn is_native(place: &Place<'_>) -> bool {
    const SOURCES: &[&[u8]] = &[b".c", b".cc", b".cpp", b".cxx", b".h", b".hpp", b".S", b".s", b".rs", b".f90"];
    is_object(place) || SOURCES.iter().any(|end| place.file.ends_with(end))
}

/// Whether a frame names an object file and no line of source: `libc.so.6`, `python3.11`.
fn is_object(place: &Place<'_>) -> bool {
    let is_python = place.file.ends_with(b".py") || place.file.starts_with(b"<");
    place.line.is_none() && !place.file.is_empty() && !is_python
}

/// Class and address of `<Account at 0x7f11ef3fd8d0>`.
pub(crate) fn instance(value: &[u8]) -> Option<(&[u8], u64)> {
    let (class, address) = rsplit_once(value.strip_prefix(b"<")?.strip_suffix(b">")?, b" at 0x")?;
    Some((class, hexadecimal(address)?))
}

impl Place<'_> {
    pub(crate) fn intern(&self, tables: &mut Tables) -> FrameId {
        // An address differs from run to run: the frame has no name.
        let is_address = self.function.starts_with(b"0x") && hexadecimal(self.function).is_some();
        let function = tables.name(if is_address { b"[unknown]" } else { self.function });
        let file = tables.name(self.file);
        let (file, module) = if is_object(self) { (Sym::EMPTY, file) } else { (file, Sym::EMPTY) };
        let kind = if is_native(self) { FrameKind::Native } else { FrameKind::User };
        tables.frame(Frame { function, file, line: self.line.unwrap_or(0), module, kind })
    }
}

/// A dump that is being read.
struct Dump {
    snapshot: Snapshot,
    /// Where the snapshot stood in the evidence, when it was begun by an earlier call.
    resumed: Option<usize>,
    current: Option<Thread>,
    frames: Vec<FrameId>,
    /// A fatal error whose stack is that of the current thread.
    fatal: Option<Record>,
    /// faulthandler left out threads.
    cut: bool,
    /// The head that dumps of a process begin with was seen.
    headed: bool,
    /// First and number of the lines that were left out.
    skipped: Option<(LineNo, usize)>,
}

impl Dump {
    fn begin(lines: &Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) -> Self {
        let when = lines.time().map_or(hint.when, When::Wall);
        let mut dump = Dump {
            snapshot: Snapshot { line: lines.number(), runtime: Runtime::Python, when, ..Snapshot::default() },
            resumed: None,
            current: None,
            frames: Vec::new(),
            fatal: None,
            cut: false,
            headed: true,
            skipped: None,
        };
        let Some(Line::Thread(found)) = lines.peek().map(classify) else { return dump };
        dump.headed = found.origin == FAULTHANDLER;
        let number = lines.number();
        // A dump that lines of another program interrupted goes on here.
        let last = out.evidence.iter().rposition(|evidence| matches!(evidence, Evidence::Snapshot(_)));
        if let Some(index) = last
            && let Evidence::Snapshot(last) = &mut out.evidence[index]
            && goes_on_with(last, &found, number)
        {
            dump.headed = true;
            dump.snapshot = std::mem::take(last);
            dump.resumed = Some(index);
        } else {
            // A dump of faulthandler has no head of its own: only what a block begins with may go on from the one before.
            dump.snapshot.continues = hint.continues && last.is_none();
        }
        dump
    }

    fn read(&mut self, lines: &mut Lines<'_>, out: &mut Parsed) {
        while let Some(line) = lines.peek() {
            match classify(line) {
                Line::Process(pid) if self.is_fresh() => self.snapshot.claims.pid = Some(pid),
                Line::Version(version) if self.is_fresh() => {
                    self.snapshot.version = out.tables.name(version);
                    self.snapshot.origin = PY_SPY;
                }
                Line::Fatal(message) if self.is_fresh() => self.fatal(message, line, lines.number()),
                Line::Timeout if self.is_fresh() => self.snapshot.origin = FAULTHANDLER,
                Line::Process(_) | Line::Version(_) | Line::Fatal(_) | Line::Timeout => return,
                Line::Thread(found) => {
                    if !self.takes(&found) {
                        return;
                    }
                    self.thread(&found, lines.number(), out);
                }
                Line::Frame(origin, place) if self.current.is_some() && origin == self.snapshot.origin => {
                    self.frames.push(place.intern(&mut out.tables));
                }
                Line::Detail if self.current.is_some() || self.fatal.is_some() => self.receiver(line, out),
                Line::Cut if !self.is_fresh() => self.cut_here(line),
                Line::Blank => {
                    self.close_thread(out);
                    if lines.peek_second().is_none_or(|next| !belongs(next)) {
                        lines.advance();
                        return;
                    }
                }
                _ if !self.skip_foreign(lines, out) => return,
                _ => continue,
            }
            lines.advance();
            if let Some(current) = &mut self.current {
                current.end = lines.last_number().saturating_add(1);
            }
        }
    }

    /// No thread was read yet.
    fn is_fresh(&self) -> bool {
        self.current.is_none() && self.snapshot.threads.is_empty() && self.fatal.is_none()
    }

    /// Whether that thread belongs to this dump: no other program prints it, and it stands in a dump once.
    fn takes(&self, found: &Header<'_>) -> bool {
        let is_known = |thread: &Thread| thread.id == found.id;
        (self.snapshot.origin.is_empty() || self.snapshot.origin == found.origin)
            && !self.current.as_ref().is_some_and(is_known)
            && !self.snapshot.threads.iter().any(is_known)
    }

    fn fatal(&mut self, message: &[u8], line: &[u8], number: LineNo) {
        self.snapshot.origin = FAULTHANDLER;
        self.fatal = Some(Record {
            line: number,
            end: number.saturating_add(1),
            claims: Default::default(),
            when: self.snapshot.when,
            kind: RecordKind::Fatal,
            attributes: vec![("message", lossy(message)), ("runtime", "python".to_owned())],
            stack: StackId::EMPTY,
            text: lossy(line),
        });
    }

    fn thread(&mut self, found: &Header<'_>, line: LineNo, out: &mut Parsed) {
        self.close_thread(out);
        self.snapshot.origin = found.origin;
        let crashed = found.current && self.fatal.is_some();
        let objects = self.snapshot.objects.len() as u32;
        self.current = Some(Thread {
            line,
            id: found.id,
            os_id: found.is_os_id.then_some(found.id).filter(|id| *id != 0),
            name: out.tables.name(found.name),
            state: out.tables.name(found.state),
            count: 1,
            marks: Marks { crashed, ..Marks::default() },
            objects: objects..objects,
            ..Thread::default()
        });
    }

    /// `self: <Account at 0x7f11ef3fd8d0>`, which `--locals` prints: the object whose method the frame is.
    fn receiver(&mut self, line: &[u8], out: &mut Parsed) {
        let value = line.trim_ascii().strip_prefix(b"self: ");
        let Some((class, object)) = value.and_then(instance) else { return };
        let (Some(current), Some(frame)) = (&mut self.current, self.frames.len().checked_sub(1)) else { return };
        self.snapshot.objects.push(ObjectRef {
            frame: u16::try_from(frame).unwrap_or(u16::MAX),
            role: ObjectRole::Argument,
            object,
            class: out.tables.name(class),
        });
        current.objects.end = self.snapshot.objects.len() as u32;
    }

    fn close_thread(&mut self, out: &mut Parsed) {
        let Some(mut done) = self.current.take() else { return };
        done.stack = out.tables.stack(&self.frames);
        self.frames.clear();
        if let Some(record) = &mut self.fatal
            && done.marks.crashed
        {
            record.stack = done.stack;
            record.end = done.end;
        }
        out.records += 1;
        self.snapshot.threads.push(done);
    }

    fn cut_here(&mut self, line: &[u8]) {
        match &mut self.current {
            Some(current) if line.starts_with(b" ") => current.marks.truncated = true,
            _ => self.cut = true,
        }
    }

    /// Leaves out lines of another program when the stack goes on behind them.
    fn skip_foreign(&mut self, lines: &mut Lines<'_>, out: &mut Parsed) -> bool {
        let at = lines.number();
        if self.current.is_some()
            && let Some(count) = gap(lines, self.snapshot.origin)
        {
            let (_, total) = self.skipped.get_or_insert((at, 0));
            *total += count;
            (0..count).for_each(|_| lines.advance());
            return true;
        }
        if lines.peek_second().is_none() && !lines.ended_with_newline() && lines.peek().is_some_and(looks_cut) {
            out.note(at, "the text ends in the middle of a line of the thread dump");
            if let Some(current) = &mut self.current {
                current.marks.truncated = true;
            }
            self.cut = true;
            lines.advance();
        }
        false
    }

    fn finish(mut self, lines: &Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        self.close_thread(out);
        if let Some((line, count)) = self.skipped {
            out.note(line, format!("lines within a Python thread dump that are not part of it, left out: {count}"));
        }
        if let Some(record) = self.fatal {
            out.evidence.push(Evidence::Record(record));
        }
        let mut snapshot = self.snapshot;
        let headless = !self.headed && !hint.continues;
        let only_one = snapshot.threads.len() == 1 && snapshot.threads[0].id == 0;
        snapshot.open = !only_one;
        snapshot.completeness = match snapshot.completeness {
            known @ (Completeness::Truncated | Completeness::Partial) => known,
            _ if self.cut || (lines.is_done() && !lines.ended_with_newline()) => Completeness::Truncated,
            _ if only_one => Completeness::Partial,
            _ if headless => Completeness::Unknown,
            _ => Completeness::Complete,
        };
        match self.resumed {
            Some(index) => out.evidence[index] = Evidence::Snapshot(snapshot),
            None if snapshot.threads.is_empty() => {}
            None => {
                if headless {
                    out.note(snapshot.line, "the head of this py-spy dump is missing");
                }
                out.evidence.push(Evidence::Snapshot(snapshot));
            }
        }
    }
}

/// Whether a thread that stands alone belongs to that snapshot.
fn goes_on_with(last: &Snapshot, found: &Header<'_>, line: LineNo) -> bool {
    let end = last.threads.last().map_or(last.line, |thread| thread.end);
    last.runtime == Runtime::Python
        && last.open
        && last.origin == found.origin
        && line.saturating_sub(end) <= LONGEST_BREAK
        && last.threads.iter().all(|thread| thread.id != found.id)
}

/// Whether a dump goes on with this line behind a blank one.
fn belongs(line: &[u8]) -> bool {
    matches!(classify(line), Line::Blank | Line::Thread(_))
        || line == b"..."
        || line.starts_with(b"Extension modules: ")
}

/// The number of lines of another program before the next frame of the same stack.
fn gap(lines: &Lines<'_>, origin: &str) -> Option<usize> {
    let mut ahead = *lines;
    for count in 0..LONGEST_GAP {
        let line = ahead.next()?;
        match classify(line) {
            Line::Frame(found, _) if count > 0 && found == origin => return Some(count),
            Line::Foreign | Line::Detail if opened_by(line).is_none() => {}
            _ => return None,
        }
    }
    None
}

/// Whether a last line is the beginning of one of a dump.
fn looks_cut(line: &[u8]) -> bool {
    line.starts_with(b"    ") || line.starts_with(b"  File ") || line.starts_with(b"Thread ")
}

#[cfg(test)]
mod tests;
