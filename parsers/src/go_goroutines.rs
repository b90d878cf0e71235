//! Go goroutine dumps: `/debug/pprof/goroutine?debug=2`, panics, `fatal error`, SIGQUIT and other signal dumps, of
//! Go 1.13 to 1.27, on their own or in the middle of a log. Grammar: `src/runtime/traceback.go` (goroutineheader,
//! traceback2, printcreatedby1, printAncestorTraceback), `panic.go` (printpanics, fatalthrow).

use crate::evidence::{
    Completeness, Evidence, Marks, ObjectRef, ObjectRole, Parsed, Record, RecordKind, Runtime, Snapshot, Thread, When,
};
use crate::lines::{LineNo, Lines, decimal, hexadecimal, rsplit_once};
use crate::tables::{Frame, FrameId, FrameKind, StackId, Sym, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::{memchr, memrchr};
use nom::bytes::complete::{tag, take_till, take_while1};
use nom::combinator::{map_opt, opt};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use rustc_hash::FxHashMap;

/// Goroutine dumps, panics and fatal errors.
pub struct GoGoroutines;

impl Format for GoGoroutines {
    fn id(&self) -> &'static str {
        "go-goroutines"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        match line.first() {
            Some(b'g') => header(line).is_ok(),
            Some(b'p') => line.starts_with(b"panic: "),
            Some(b'f') => line.starts_with(b"fatal error: "),
            Some(b'S') => signal_line(line),
            Some(b'r') => {
                line.starts_with(b"runtime: goroutine stack exceeds ") || line.starts_with(b"runtime: program exceeds ")
            }
            _ => false,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut dump = Dump::begin(lines, hint, out);
        dump.read(lines, out);
        dump.finish(lines, out);
    }
}

/// `SIGQUIT: quit` and the like, as `runtime.sighandler` prints them.
fn signal_line(line: &[u8]) -> bool {
    line.starts_with(b"SIG") && {
        let name = memchr(b':', line).map_or(&line[..0], |end| &line[..end]);
        matches!(
            (name, line.get(name.len() + 1)),
            (
                b"SIGQUIT" | b"SIGABRT" | b"SIGSEGV" | b"SIGBUS" | b"SIGILL" | b"SIGTRAP" | b"SIGFPE" | b"SIGSYS",
                Some(b' ')
            )
        )
    }
}

/// What a goroutine header says.
#[derive(Debug, PartialEq)]
struct Header<'a> {
    id: u64,
    status: &'a [u8],
    minutes: Option<u32>,
    leaked: bool,
    locked_to_thread: bool,
    labels: Option<&'a [u8]>,
}

fn number(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(take_while1(|byte: u8| byte.is_ascii_digit()), decimal).parse(input)
}

/// `goroutine 7 gp=0xc0 m=nil [select, 12 minutes, locked to thread] {route: /x}:`.
fn header(line: &[u8]) -> IResult<&[u8], Header<'_>> {
    let word = || take_till(|byte: u8| byte == b' ');
    let (rest, id) = preceded(tag(&b"goroutine "[..]), number).parse(line)?;
    let (rest, _) = opt((tag(&b" gp="[..]), word())).parse(rest)?;
    let (rest, _) = opt((tag(&b" m="[..]), word())).parse(rest)?;
    let (rest, _) = opt((tag(&b" mp="[..]), word())).parse(rest)?;
    let (rest, _) = tag(&b" ["[..]).parse(rest)?;
    // Labels may hold `]`: the bracket that counts is the first one that is not within them.
    let labelled = memchr(b'{', rest).and_then(|_| memchr::memmem::find(rest, b" labels:{"));
    let (rest, state, inner_labels) = match labelled {
        Some(at) if memchr(b']', &rest[..at]).is_none() => {
            let (after, labels) = delimited(tag(&b" labels:{"[..]), braced, tag(&b"}"[..])).parse(&rest[at..])?;
            let (after, _) = tag(&b"]"[..]).parse(after)?;
            (after, &rest[..at], Some(labels))
        }
        _ => {
            let (after, state) = take_till(|byte: u8| byte == b']').parse(rest)?;
            let (after, _) = tag(&b"]"[..]).parse(after)?;
            (after, state, None)
        }
    };
    let (rest, outer_labels) = opt(delimited(tag(&b" {"[..]), braced, tag(&b"}"[..]))).parse(rest)?;
    let (rest, _) = tag(&b":"[..]).parse(rest)?;
    let mut found = Header {
        id,
        status: state,
        minutes: None,
        leaked: false,
        locked_to_thread: false,
        labels: inner_labels.or(outer_labels),
    };
    // Marks stand behind the status, which holds blanks and parentheses itself: strip them from the end.
    loop {
        let status = found.status;
        if let Some((before, mark)) = rsplit_once(status, b", ") {
            if mark == b"locked to thread" {
                found.locked_to_thread = true;
            } else if let Some(count) = mark.strip_suffix(b" minutes").and_then(decimal) {
                found.minutes = u32::try_from(count).ok();
            } else if !mark.starts_with(b"synctest ") {
                break;
            }
            found.status = before;
        } else if let Some(before) = status.strip_suffix(b" (leaked)") {
            found.leaked = true;
            found.status = before;
        } else if let Some(before) = status.strip_suffix(b" (scan)") {
            found.status = before;
        } else {
            break;
        }
    }
    Ok((rest, found))
}

/// Everything up to the `}` that closes the labels; quoted values may hold braces.
fn braced(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let (mut quoted, mut at) = (false, 0);
    while at < input.len() {
        match input[at] {
            b'\\' if quoted => at += 1,
            b'"' => quoted = !quoted,
            b'}' if !quoted => return Ok((&input[at..], &input[..at])),
            _ => {}
        }
        at += 1;
    }
    Err(nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::TakeUntil)))
}

/// The pairs of a label list: `req: "r 0", route: /api` or `"req": "r 0"`.
pub(crate) fn label_pairs(mut labels: &[u8], mut each: impl FnMut(Vec<u8>, Vec<u8>)) {
    while !labels.is_empty() {
        let (key, rest) = label_word(labels, b':');
        let rest = rest.strip_prefix(b":").unwrap_or(rest).trim_ascii_start();
        let (value, rest) = label_word(rest, b',');
        if key.is_empty() && value.is_empty() {
            return;
        }
        each(key, value);
        labels = rest.strip_prefix(b",").unwrap_or(rest).trim_ascii_start();
    }
}

/// A quoted or bare word that ends at `end`, and what follows it.
fn label_word(input: &[u8], end: u8) -> (Vec<u8>, &[u8]) {
    if input.first() != Some(&b'"') {
        let at = memchr(end, input).unwrap_or(input.len());
        return (input[..at].to_vec(), &input[at..]);
    }
    let mut word = Vec::new();
    let mut at = 1;
    while at < input.len() && input[at] != b'"' {
        if input[at] == b'\\' && at + 1 < input.len() {
            at += 1;
        }
        word.push(input[at]);
        at += 1;
    }
    (word, &input[(at + 1).min(input.len())..])
}

/// Marks that the frame cache has found the pair of lines before.
type FrameCache<'a> = FxHashMap<(&'a [u8], &'a [u8]), FrameId>;

/// How many pieces of other evidence may stand between a dump and its rest.
const RESUME_WITHIN: usize = 8;

/// A dump that is being read.
struct Dump<'a> {
    snapshot: Snapshot,
    /// Panic or fatal error whose stack is the next goroutine's.
    pending: Vec<Record>,
    frames: FrameCache<'a>,
    buffer: Vec<FrameId>,
    seen: rustc_hash::FxHashSet<u64>,
    /// Under GOTRACEBACK=crash each thread part prints its goroutines again.
    parts: bool,
    closed: bool,
    /// The text ends in the middle of a header.
    cut: bool,
    when: When,
}

impl<'a> Dump<'a> {
    fn begin(lines: &Lines<'a>, hint: &Hint<'_>, out: &mut Parsed) -> Self {
        let when = lines.time().map_or(hint.when, When::Wall);
        let mut dump = Dump {
            snapshot: Snapshot::default(),
            pending: Vec::new(),
            frames: FrameCache::default(),
            buffer: Vec::new(),
            seen: rustc_hash::FxHashSet::default(),
            parts: false,
            closed: false,
            cut: false,
            when,
        };
        let first = lines.peek().and_then(|line| header(line).ok()).map(|(_, header)| header);
        if let Some(first) = first.as_ref().filter(|first| first.status != b"running")
            && dump.resume(first.id, out)
        {
            return dump;
        }
        dump.snapshot = dump.fresh(lines.number());
        let at_start = lines.offset() == 0 && hint.continues;
        dump.snapshot.continues = at_start && first.is_some_and(|first| first.status != b"running");
        dump
    }

    /// Takes up a dump that something else interrupted, unless the goroutine is in it already.
    fn resume(&mut self, next: u64, out: &mut Parsed) -> bool {
        let tail = out.evidence.len().saturating_sub(RESUME_WITHIN);
        let last = out.evidence[tail..].iter().rposition(|evidence| match evidence {
            Evidence::Snapshot(snapshot) => snapshot.runtime == Runtime::Go,
            _ => false,
        });
        let Some(index) = last.map(|index| tail + index) else { return false };
        let Evidence::Snapshot(last) = &mut out.evidence[index] else { return false };
        if !last.open {
            return false;
        }
        let known = out.open_dump.take().filter(|(line, seen)| *line == last.line && seen.len() == last.threads.len());
        let seen = known.map_or_else(|| last.threads.iter().map(|thread| thread.id).collect(), |(_, seen)| seen);
        if seen.contains(&next) {
            return false;
        }
        self.snapshot = std::mem::take(last);
        self.seen = seen;
        out.evidence.remove(index);
        true
    }

    fn fresh(&self, line: LineNo) -> Snapshot {
        Snapshot { line, runtime: Runtime::Go, origin: "debug=2", when: self.when, ..Snapshot::default() }
    }

    fn read(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        while let Some(line) = lines.peek() {
            if line.is_empty() {
                let Some(next) = self.after_blank(lines) else { return };
                *lines = next;
                continue;
            }
            if self.is_cut_header(line, lines) {
                self.cut = true;
                lines.advance();
                return;
            }
            match line[0] {
                b'g' if line.starts_with(b"goroutine ") => {
                    if let Ok((_, found)) = header(line) {
                        self.goroutine(found, lines, out);
                        continue;
                    }
                }
                b'p' if line.starts_with(b"panic: ") => {
                    self.panic(lines, out);
                    continue;
                }
                b'f' if line.starts_with(b"fatal error: ") => {
                    self.message(lines, RecordKind::Fatal, b"fatal error: ", "fatal", out);
                    continue;
                }
                b'S' if signal_line(line) => {
                    self.signal(lines, out);
                    continue;
                }
                b'P' if line.starts_with(b"PC=") => {
                    lines.advance();
                    continue;
                }
                b'[' if line.starts_with(b"[signal ") || line.starts_with(b"[originating from goroutine ") => {
                    lines.advance();
                    continue;
                }
                b'-' if line == b"-----" => {
                    self.parts = true;
                    lines.advance();
                    continue;
                }
                b'r' if line.starts_with(b"runtime: ") => {
                    lines.advance();
                    continue;
                }
                b'r' if line.starts_with(b"runtime stack:") => {
                    lines.advance();
                    self.skip_frames(lines);
                    continue;
                }
                b'e' if line.starts_with(b"exit status ") => {
                    lines.advance();
                    self.closed = true;
                    return;
                }
                b's' if line.starts_with(b"signal arrived during ") => {
                    lines.advance();
                    continue;
                }
                b'g' if line.starts_with(b"goroutine running on other thread") => {
                    lines.advance();
                    continue;
                }
                _ if register_line(line) => {
                    lines.advance();
                    self.closed = !self.parts;
                    continue;
                }
                _ => {}
            }
            return;
        }
    }

    /// Whether the text ends here, in the middle of a goroutine's header.
    fn is_cut_header(&self, line: &[u8], lines: &Lines<'a>) -> bool {
        const HEADER: &[u8] = b"goroutine ";
        !self.snapshot.threads.is_empty()
            && lines.peek_second().is_none()
            && !lines.ended_with_newline()
            && (HEADER.starts_with(line) || (line.starts_with(HEADER) && header(line).is_err()))
    }

    /// The line behind blank ones where the dump goes on.
    fn after_blank(&self, lines: &Lines<'a>) -> Option<Lines<'a>> {
        let mut ahead = *lines;
        let next = loop {
            match ahead.peek() {
                Some([]) => ahead.advance(),
                Some(line) => break line,
                None => return Some(ahead),
            }
        };
        let ours = next.starts_with(b"goroutine ")
            || next == b"-----"
            || next.starts_with(b"runtime stack:")
            || next.starts_with(b"[originating from goroutine ")
            || next.starts_with(b"exit status ")
            || self.is_cut_header(next, &ahead)
            || register_line(next);
        // A new signal or panic opens a dump of its own, but for the parts of GOTRACEBACK=crash.
        let goes_on = ours || self.snapshot.threads.is_empty() || (self.parts && signal_line(next));
        goes_on.then_some(ahead)
    }

    fn panic(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        self.message(lines, RecordKind::Panic, b"panic: ", "panic", out);
    }

    /// A panic or fatal error: one line, its continuation lines, and what belongs to it up to the stacks.
    fn message(
        &mut self,
        lines: &mut Lines<'a>,
        kind: RecordKind,
        prefix: &[u8],
        origin: &'static str,
        out: &mut Parsed,
    ) {
        if !self.snapshot.threads.is_empty() {
            self.restart(lines, out);
        }
        let line = lines.number();
        let Some(first) = lines.next() else { return };
        let text = &first[prefix.len()..];
        let mut attributes = vec![("message", lossy(text))];
        if text.ends_with(b" [recovered]") || text.ends_with(b" [recovered, repanicked]") {
            attributes.push(("recovered", "true".into()));
        }
        while let Some(next) = lines.peek() {
            if next.starts_with(b"\tpanic: ") {
                attributes.push(("repanic", lossy(&next[8..])));
            } else if next.starts_with(b"[signal ") {
                attributes.push(("signal", lossy(next)));
            } else if !next.starts_with(b"\t") {
                break;
            }
            lines.advance();
        }
        skip_message(lines);
        self.snapshot.origin = origin;
        self.pending.push(Record {
            line,
            end: lines.last_number() + 1,
            claims: Default::default(),
            when: self.when,
            kind,
            attributes,
            stack: StackId::EMPTY,
            text: lossy(first),
        });
    }

    fn signal(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        if !self.snapshot.threads.is_empty() && !self.parts {
            self.restart(lines, out);
        }
        let line = lines.number();
        let Some(first) = lines.next() else { return };
        let name = first.split(|b| *b == b':').next().unwrap_or(first);
        let quit = name == b"SIGQUIT";
        if self.snapshot.threads.is_empty() {
            self.snapshot.origin = if quit { "sigquit" } else { "signal" };
            self.pending.push(Record {
                line,
                end: line + 1,
                claims: Default::default(),
                when: self.when,
                kind: RecordKind::Signal,
                attributes: vec![("signal", lossy(name))],
                stack: StackId::EMPTY,
                text: lossy(first),
            });
        }
    }

    /// Closes the snapshot and begins another at the cursor.
    fn restart(&mut self, lines: &Lines<'a>, out: &mut Parsed) {
        let snapshot = std::mem::take(&mut self.snapshot);
        self.seen.clear();
        push(snapshot, out);
        self.when = lines.time().map_or(self.when, When::Wall);
        self.snapshot = self.fresh(lines.number());
    }

    fn goroutine(&mut self, found: Header<'a>, lines: &mut Lines<'a>, out: &mut Parsed) {
        if !self.seen.insert(found.id) {
            if self.parts {
                lines.advance();
                self.skip_frames(lines);
                return;
            }
            // The same id again: another dump was appended to the same file.
            self.restart(lines, out);
            self.seen.insert(found.id);
        }
        let line = lines.number();
        lines.advance();
        let mut thread = Thread {
            line,
            id: found.id,
            state: out.tables.name(found.status),
            waited_s: found.minutes.map(|minutes| minutes.saturating_mul(60)),
            count: 1,
            marks: Marks {
                leaked: found.leaked,
                locked_to_thread: found.locked_to_thread,
                system: found.id == 0,
                ..Marks::default()
            },
            ..Thread::default()
        };
        if let Some(labels) = found.labels {
            let start = self.snapshot.labels.len() as u32;
            let (all, tables) = (&mut self.snapshot.labels, &mut out.tables);
            label_pairs(labels, |key, value| all.push((tables.name(&key), tables.name(&value))));
            thread.labels = start..self.snapshot.labels.len() as u32;
        }
        self.body(&mut thread, lines, out);
        thread.end = lines.last_number() + 1;
        thread.stack = out.tables.stack(&self.buffer);
        for mut record in self.pending.drain(..) {
            thread.marks.crashed = record.kind != RecordKind::Signal || self.snapshot.origin == "signal";
            record.stack = thread.stack;
            out.evidence.push(Evidence::Record(record));
        }
        out.records += 1;
        self.snapshot.threads.push(thread);
    }

    /// The frames and the `created by` of a goroutine; leaves the stack in `self.buffer`.
    fn body(&mut self, thread: &mut Thread, lines: &mut Lines<'a>, out: &mut Parsed) {
        self.buffer.clear();
        let first_object = self.snapshot.objects.len() as u32;
        thread.objects = first_object..first_object;
        while let Some(line) = lines.peek() {
            if line.is_empty() {
                break;
            }
            if line[0] == b'\t' {
                // "goroutine running on other thread; stack unavailable", or a location whose function was cut away.
                lines.advance();
                continue;
            }
            if line.starts_with(b"...") {
                thread.marks.truncated |= line.ends_with(b"frames elided...");
                lines.advance();
                continue;
            }
            if let Some(ancestor) = line.strip_prefix(b"[originating from goroutine ") {
                // GODEBUG=tracebackancestors: the nearest stands first, and before Go 1.21 nothing else names it.
                let parent = ancestor.strip_suffix(b"]:").and_then(decimal);
                thread.created_in = thread.created_in.or(parent);
                lines.advance();
                self.skip_frames(lines);
                break;
            }
            let mut behind = *lines;
            behind.advance();
            let Some(location) = behind.peek() else {
                // The text ends between a function and its place.
                if line.ends_with(b")") || line.starts_with(b"created by ") {
                    lines.advance();
                }
                thread.marks.truncated = true;
                break;
            };
            if !location.starts_with(b"\t") {
                if foreign(line, location) {
                    if crate::opened_by(line).is_none() && continues_frames(location) {
                        out.note(
                            lines.number(),
                            "a line of another program stands within a goroutine's stack; left out",
                        );
                        lines.advance();
                        continue;
                    }
                    break;
                }
                if line.starts_with(b"non-Go function at pc=") {
                    self.push_frame(b"non-Go function", b"", FrameKind::Native, &mut out.tables);
                    lines.advance();
                    continue;
                }
                break;
            }
            if let Some(creator) = line.strip_prefix(b"created by ") {
                let (function, parent) = match rsplit_once(creator, b" in goroutine ") {
                    Some((function, id)) => (function, decimal(id)),
                    None => (creator, None),
                };
                thread.created_by = Some(self.frame_id(function, location, FrameKind::User, &mut out.tables));
                thread.created_in = parent;
                behind.advance();
                *lines = behind;
                if !lines.peek().is_some_and(|line| line.starts_with(b"[originating from")) {
                    break;
                }
                continue;
            }
            match (line.ends_with(b")"), memrchr(b'(', line)) {
                (true, Some(open)) => {
                    let function = &line[..open];
                    let index = self.buffer.len();
                    self.push_frame(function, location, FrameKind::User, &mut out.tables);
                    if let Some((object, stale)) = receiver(function, &line[open + 1..]) {
                        self.snapshot.objects.push(ObjectRef {
                            frame: u16::try_from(index).unwrap_or(u16::MAX),
                            role: if stale { ObjectRole::StaleArgument } else { ObjectRole::Argument },
                            object,
                            class: Sym::EMPTY,
                        });
                        thread.objects.end = self.snapshot.objects.len() as u32;
                    }
                }
                // A C frame from a cgo traceback has no parentheses.
                _ => self.push_frame(line, location, FrameKind::Native, &mut out.tables),
            }
            behind.advance();
            *lines = behind;
            thread.marks.truncated |= lines.is_done() && file_and_line(before_offsets(location)).1 == 0;
        }
    }

    fn skip_frames(&mut self, lines: &mut Lines<'a>) {
        while lines.peek().is_some_and(|line| !line.is_empty() && !line.starts_with(b"goroutine ")) {
            lines.advance();
        }
    }

    fn push_frame(&mut self, function: &'a [u8], location: &'a [u8], kind: FrameKind, tables: &mut Tables) {
        let id = self.frame_id(function, location, kind, tables);
        self.buffer.push(id);
    }

    fn frame_id(&mut self, function: &'a [u8], location: &'a [u8], kind: FrameKind, tables: &mut Tables) -> FrameId {
        let location = location.strip_prefix(b"\t").unwrap_or(location);
        let place = before_offsets(location);
        if let Some(&id) = self.frames.get(&(function, place)) {
            return id;
        }
        let (file, line) = file_and_line(place);
        let file = tables.name(file);
        let name = tables.name(function);
        let id = tables.frame(Frame { function: name, file, line, module: Sym::EMPTY, kind });
        self.frames.insert((function, place), id);
        id
    }

    fn finish(mut self, lines: &Lines<'a>, out: &mut Parsed) {
        for record in self.pending.drain(..) {
            out.records += 1;
            out.evidence.push(Evidence::Record(record));
        }
        self.snapshot.open = !self.closed;
        let cut = lines.is_done() && !lines.ended_with_newline();
        if cut && (self.cut || self.snapshot.threads.last().is_some_and(|last| last.marks.truncated)) {
            self.snapshot.completeness = Completeness::Truncated;
            out.note(
                lines.last_number(),
                "the dump is cut off in the middle of a goroutine: there are more than are counted here. \
                 /debug/pprof/goroutine?debug=2 ends at 64 MiB; debug=1 and debug=0 count all",
            );
        }
        if self.snapshot.open && !lines.is_done() {
            out.open_dump = Some((self.snapshot.line, self.seen));
        }
        push(self.snapshot, out);
    }
}

fn push(mut snapshot: Snapshot, out: &mut Parsed) {
    if snapshot.threads.is_empty() {
        return;
    }
    if snapshot.completeness == Completeness::Unknown {
        let partial = matches!(snapshot.origin, "panic" | "signal") && snapshot.threads.len() == 1;
        snapshot.completeness = if partial { Completeness::Partial } else { Completeness::Complete };
    }
    out.evidence.push(Evidence::Snapshot(snapshot));
}

/// How many lines a message may have.
const MESSAGE_LINES: usize = 32;

/// Moves past the rest of a message of several lines, which older versions do not indent: all up to a blank line
/// with the running goroutine behind it.
fn skip_message(lines: &mut Lines<'_>) {
    let mut ahead = *lines;
    for _ in 0..MESSAGE_LINES {
        let Some(line) = ahead.peek() else { return };
        if line.is_empty() {
            let next = ahead.peek_second().and_then(|next| header(next).ok());
            if next.is_some_and(|(_, next)| next.status == b"running") {
                *lines = ahead;
                return;
            }
        } else if crate::opened_by(line).is_some() {
            return;
        }
        ahead.advance();
    }
}

/// A line of another program in the middle of a dump: not a frame, and no place follows.
fn foreign(line: &[u8], next: &[u8]) -> bool {
    !line.starts_with(b"non-Go function at pc=") && !next.starts_with(b"\t")
}

/// Whether a line looks as if the stack went on with it.
fn continues_frames(line: &[u8]) -> bool {
    (line.ends_with(b")")
        && memchr(b'(', line).is_some()
        && memchr(b' ', line).is_none_or(|at| line[..at].ends_with(b",")))
        || line.starts_with(b"created by ")
}

/// `rax    0x0`, `r8     0xc0`, `rflags 0x246`: the registers behind a signal dump.
fn register_line(line: &[u8]) -> bool {
    let Some(at) = memchr(b' ', line) else { return false };
    (2..=7).contains(&at)
        && line[..at].iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
        && line[at..].trim_ascii_start().starts_with(b"0x")
        && hexadecimal(line[at..].trim_ascii()).is_some()
}

/// The first argument of a method with a pointer receiver, and whether Go marks it as possibly stale.
fn receiver(function: &[u8], arguments: &[u8]) -> Option<(u64, bool)> {
    memchr::memchr_iter(b'*', function).find(|&star| function[..star].ends_with(b"("))?;
    let end = arguments.iter().position(|byte| matches!(byte, b',' | b')')).unwrap_or(arguments.len());
    let first = &arguments[..end];
    let (digits, stale) = match first.strip_suffix(b"?") {
        Some(digits) => (digits, true),
        None => (first, false),
    };
    let value = hexadecimal(digits.strip_prefix(b"0x")?)?;
    // Small numbers are not pointers.
    (value >= 0x1000).then_some((value, stale))
}

/// `main.go:54` of `main.go:54 +0x59 fp=0x.. sp=0x.. pc=0x..`.
fn before_offsets(location: &[u8]) -> &[u8] {
    let is_offset = |&blank: &usize| {
        let behind = &location[blank + 1..];
        behind.starts_with(b"+0x") || behind.starts_with(b"fp=")
    };
    memchr::memchr_iter(b' ', location).find(is_offset).map_or(location, |end| &location[..end])
}

fn file_and_line(place: &[u8]) -> (&[u8], u32) {
    match rsplit_once(place, b":") {
        Some((file, line)) => match decimal(line).and_then(|line| u32::try_from(line).ok()) {
            Some(line) => (file, line),
            None => (place, 0),
        },
        None => (place, 0),
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(2000)]).into_owned()
}

#[cfg(test)]
mod tests;
