//! HotSpot thread dumps as text: jstack, `jcmd Thread.print` and `kill -3`, of HotSpot 8 to 25, on their own or in the
//! middle of a log. Grammar: `src/hotspot/share/runtime/{threads,javaThread,thread,vframe}.cpp` (print_on,
//! print_lock_info_on), `services/threadService.cpp` (DeadlockCycle::print_on_with).

use crate::evidence::{
    Completeness, DeclaredDeadlock, Evidence, Marks, ObjectRef, ObjectRole, Parsed, Runtime, Snapshot, Thread, When,
};
use crate::lines::{LineNo, Lines, decimal, float, hexadecimal, rsplit_once, split_once};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded, time};
use memchr::{memchr, memmem, memrchr, memrchr_iter};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until, take_while1};
use nom::combinator::{map_opt, opt, value};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use rustc_hash::FxHashMap;

/// HotSpot thread dumps.
pub struct JavaThreads;

impl Format for JavaThreads {
    fn id(&self) -> &'static str {
        "java-threads"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        match line.first() {
            Some(b'F') => line.starts_with(HEAD) || line == DEADLOCK,
            Some(b'"') => header(line).is_some(),
            // A text may be cut at any blank line of a dump: what can stand behind one opens, too.
            Some(b'J') => line.starts_with(FOOTER),
            Some(b'T') => line == SMR_INFO,
            Some(b' ') => line == OWNED_LIST,
            _ => false,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut dump = Dump::begin(lines, hint, out);
        if dump.threads(lines, out) {
            dump.tail(lines, out);
        }
        dump.finish(lines, hint, out);
    }
}

const HEAD: &[u8] = b"Full thread dump ";
const SMR_INFO: &[u8] = b"Threads class SMR info:";
const OWNED_LIST: &[u8] = b"   Locked ownable synchronizers:";
/// `JNI global references: 16` (8), `JNI global refs: 4, weak refs: 0` (from 11).
const FOOTER: &[u8] = b"JNI global ref";
const DEADLOCK: &[u8] = b"Found one Java-level deadlock:";
/// A dump goes on behind at most this many lines of another program.
const LONGEST_GAP: usize = 64;
/// A thread that is none of that many last ones of an open dump continues it: a log cannot make this slow.
const MOST_COMPARED: usize = 4096;

/// What a line of a dump is.
#[derive(Debug, PartialEq)]
enum Line<'a> {
    Blank,
    Head,
    Thread(Header<'a>),
    /// `   java.lang.Thread.State: ...`
    State(&'a [u8]),
    /// `Carrying virtual thread #26`, in the place of the state.
    Carrying(&'a [u8]),
    /// `Mounted virtual thread #26`: its stack follows that of its carrier.
    Mounted(u64),
    Frame(&'a [u8]),
    /// `- locked <0x..> (a X)` and the like, without the `- `.
    Lock(&'a [u8]),
    OwnedList,
    /// Lines that say nothing of a thread's stack: lists of addresses, compile tasks.
    Detail,
    Footer,
    Deadlock,
    Foreign,
}

fn classify(line: &[u8]) -> Line<'_> {
    let text = line.trim_ascii_start();
    match text.first() {
        None => Line::Blank,
        Some(_) if text.len() == line.len() => at_margin(line),
        Some(b'a') if text.starts_with(b"at ") && text.ends_with(b")") => Line::Frame(&text[3..]),
        Some(b'-') if text.starts_with(b"- ") => Line::Lock(&text[2..]),
        Some(b'j') => text.strip_prefix(b"java.lang.Thread.State: ").map_or(Line::Foreign, Line::State),
        Some(b'L') if text == OWNED_LIST.trim_ascii_start() => Line::OwnedList,
        Some(b'C') if text.starts_with(b"Carrying virtual thread #") => Line::Carrying(text),
        Some(b'C') if text.starts_with(b"Compiling: ") => Line::Detail,
        Some(b'N') if text == b"No compile task" => Line::Detail,
        Some(b'M') => {
            text.strip_prefix(b"Mounted virtual thread #").and_then(decimal).map_or(Line::Foreign, Line::Mounted)
        }
        _ => Line::Foreign,
    }
}

/// [`classify`] of a line that is not indented.
fn at_margin(line: &[u8]) -> Line<'_> {
    match line[0] {
        b'"' => header(line).map_or(Line::Foreign, Line::Thread),
        b'F' if line.starts_with(HEAD) => Line::Head,
        b'F' if line == DEADLOCK => Line::Deadlock,
        b'J' if line.starts_with(FOOTER) => Line::Footer,
        b'T' if line == SMR_INFO => Line::Detail,
        b'_' if line.starts_with(b"_java_thread_list=") || line.starts_with(b"_to_delete_list=") => Line::Detail,
        b'0' if line.starts_with(b"0x")
            && line.iter().all(|byte| byte.is_ascii_hexdigit() || b"x, ".contains(byte)) =>
        {
            Line::Detail
        }
        b'}' if line == b"}" => Line::Detail,
        _ => Line::Foreign,
    }
}

/// What the header of a thread says.
#[derive(Debug, Default, PartialEq)]
struct Header<'a> {
    name: &'a [u8],
    id: Option<u64>,
    os_id: Option<u64>,
    daemon: bool,
    cpu_ms: Option<f64>,
    elapsed_s: Option<f64>,
    /// `waiting on condition` and the like.
    word: &'a [u8],
}

/// `"NAME" #12 [1066] daemon prio=5 os_prio=0 cpu=0.15ms elapsed=4.21s tid=0x.. nid=0x217 waiting on condition  [0x..]`.
/// A name may hold all of that itself: the quote that ends it is the last one that a valid rest follows.
fn header(line: &[u8]) -> Option<Header<'_>> {
    header_end(line.strip_prefix(b"\"")?)
}

/// A header without its first quote.
fn header_end(inner: &[u8]) -> Option<Header<'_>> {
    memrchr_iter(b'"', inner).find_map(|quote| {
        let (_, found) = behind_name(&inner[quote + 1..]).ok()?;
        Some(Header { name: &inner[..quote], ..found })
    })
}

/// The name and the header of a thread whose name holds a line end.
fn broken_header<'a>(lines: &Lines<'a>) -> Option<(Vec<u8>, Header<'a>)> {
    let start = lines.peek()?.strip_prefix(b"\"")?;
    let found = lines.peek_second().filter(|next| !next.starts_with(b"\"")).and_then(header_end)?;
    Some(([start, found.name].join(&b'\n'), found))
}

fn number(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(take_while1(|byte: u8| byte.is_ascii_digit()), decimal).parse(input)
}

/// ` key=` and its value.
fn pair<'a>(key: &'static [u8]) -> impl Parser<&'a [u8], Output = &'a [u8], Error = nom::error::Error<&'a [u8]>> {
    preceded(tag(key), take_till(|byte: u8| byte == b' '))
}

/// ` key=` and a measured value before its unit.
fn measure<'a>(
    key: &'static [u8],
    unit: &'static [u8],
) -> impl Parser<&'a [u8], Output = f64, Error = nom::error::Error<&'a [u8]>> {
    map_opt(pair(key), move |text: &[u8]| float(text.strip_suffix(unit)?).filter(|value| value.is_finite()))
}

fn behind_name(rest: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (rest, id) = opt(preceded(tag(&b" #"[..]), number)).parse(rest)?;
    let (rest, os_id) = opt(delimited(tag(&b" ["[..]), number, tag(&b"]"[..]))).parse(rest)?;
    let (rest, daemon) = opt(tag(&b" daemon"[..])).parse(rest)?;
    let (rest, _) = opt(pair(b" prio=")).parse(rest)?;
    let (rest, _) = opt(pair(b" os_prio=")).parse(rest)?;
    let (rest, cpu_ms) = opt(measure(b" cpu=", b"ms")).parse(rest)?;
    let (rest, elapsed_s) = opt(measure(b" elapsed=", b"s")).parse(rest)?;
    let (rest, _) = opt(pair(b" allocated=")).parse(rest)?;
    let (rest, _) = opt(pair(b" defined_classes=")).parse(rest)?;
    let (rest, _) = pair(b" tid=0x").parse(rest)?;
    let (rest, nid) = opt(pair(b" nid=")).parse(rest)?;
    // The stack pointer stands last; threads of the VM have none.
    let word = rsplit_once(rest, b"[0x").map_or(rest, |(word, _)| word).trim_ascii();
    let found = Header {
        name: b"",
        id,
        os_id: nid.and_then(native_id).or(os_id),
        daemon: daemon.is_some(),
        cpu_ms,
        elapsed_s,
        word,
    };
    Ok((&rest[rest.len()..], found))
}

/// Hexadecimal with `0x` up to 17, decimal from 21.
fn native_id(text: &[u8]) -> Option<u64> {
    if text.starts_with(b"0x") { hexadecimal(text) } else { decimal(text) }
}

/// A thread that is being read.
#[derive(Default)]
struct Building {
    thread: Thread,
    frames: Vec<FrameId>,
    objects: Vec<ObjectRef>,
}

/// A dump that is being read.
struct Dump<'a> {
    snapshot: Snapshot,
    /// Where the snapshot stood in the evidence, when it was begun by an earlier call.
    resumed: Option<usize>,
    current: Option<Building>,
    /// The carrier of the virtual thread that is `current`.
    carrier: Option<Building>,
    frames: FxHashMap<&'a [u8], FrameId>,
    /// No blank line has ended the stack of `current` yet.
    in_stack: bool,
    in_owned_list: bool,
    footer: bool,
    /// First and number of the lines that were left out.
    skipped: Option<(LineNo, u32)>,
}

impl<'a> Dump<'a> {
    fn begin(lines: &mut Lines<'a>, hint: &Hint<'_>, out: &mut Parsed) -> Self {
        let first = lines.peek().map_or(Line::Blank, classify);
        let mut dump = Dump {
            snapshot: Snapshot::default(),
            resumed: None,
            current: None,
            carrier: None,
            frames: FxHashMap::default(),
            in_stack: false,
            in_owned_list: false,
            footer: false,
            skipped: None,
        };
        if first == Line::Head {
            dump.head(lines, hint, out);
            return dump;
        }
        // A dump that lines of another program interrupted goes on here.
        let last = out.evidence.iter().rposition(|evidence| matches!(evidence, Evidence::Snapshot(_)));
        if let Some(index) = last
            && let Evidence::Snapshot(last) = &mut out.evidence[index]
            && goes_on_with(last, &first)
        {
            dump.footer = !last.open;
            dump.snapshot = std::mem::take(last);
            dump.resumed = Some(index);
            return dump;
        }
        dump.snapshot = fresh(lines.number(), lines.time().map_or(hint.when, When::Wall));
        dump.snapshot.continues = true;
        dump
    }

    fn head(&mut self, lines: &mut Lines<'a>, hint: &Hint<'_>, out: &mut Parsed) {
        let line = lines.number();
        let printed = lines.before().take(3).find_map(time_line);
        let when = match (printed, lines.time()) {
            // The JVM prints local time without its zone; a log wrapper knows better.
            (Some(printed), Some(logged)) if printed.abs_diff(logged) > 60_000_000_000 => {
                out.note(
                    line,
                    "the time before the thread dump has no zone and is not that of the log; the log's is used",
                );
                When::Wall(logged)
            }
            (Some(printed), _) => When::Wall(printed),
            (None, logged) => logged.map_or(hint.when, When::Wall),
        };
        self.snapshot = fresh(line, when);
        let mut before = lines.before();
        if before.next().and_then(time_line).is_some() {
            // jcmd prints the pid of each process first.
            self.snapshot.claims.pid = before.next().and_then(|line| line.strip_suffix(b":")).and_then(decimal);
        }
        if let Some(first) = lines.next() {
            self.snapshot.version = out.tables.name(version(first));
        }
    }

    /// Reads the threads; true when what follows them (footer, deadlocks, heap) is reached.
    fn threads(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) -> bool {
        while let Some(line) = lines.peek() {
            match classify(line) {
                Line::Head => return false,
                Line::Footer | Line::Deadlock => return true,
                Line::Blank => (self.in_stack, self.in_owned_list) = (false, false),
                Line::Thread(found) => self.thread(&found, lines.number(), out),
                Line::Detail => {}
                Line::OwnedList => (self.in_owned_list, self.snapshot.lists_owners) = (true, true),
                Line::Lock(text) if self.in_owned_list => self.owned(text, lines.number(), out),
                Line::Foreign => {
                    if let Some((name, found)) = broken_header(lines) {
                        self.thread(&Header { name: &name, ..found }, lines.number(), out);
                        lines.advance();
                    } else {
                        let in_stack = self.in_stack;
                        if !self.foreign(lines, out, |line| resumes(line, in_stack)) {
                            return false;
                        }
                        continue;
                    }
                }
                _ if !self.in_stack => {
                    // The header of these lines was lost: whatever follows is not the thread before.
                    self.close_thread(out);
                    self.skip(lines.number(), 1);
                }
                Line::State(state) => self.state(state, out),
                Line::Carrying(text) => self.state(text, out),
                Line::Mounted(id) => self.mounted(id, lines.number()),
                Line::Frame(text) => self.frame(text, lines.number(), out),
                Line::Lock(text) => self.lock(text, lines.number(), out),
            }
            lines.advance();
            if let Some(current) = &mut self.current
                && (self.in_stack || self.in_owned_list)
            {
                current.thread.end = lines.last_number() + 1;
            }
        }
        false
    }

    fn thread(&mut self, found: &Header<'_>, line: LineNo, out: &mut Parsed) {
        self.close_thread(out);
        (self.in_stack, self.in_owned_list) = (true, false);
        self.current = Some(Building {
            thread: Thread {
                line,
                id: found.id.unwrap_or(0),
                os_id: found.os_id,
                name: out.tables.name(found.name),
                state: out.tables.name(found.word),
                cpu_ms: found.cpu_ms,
                elapsed_s: found.elapsed_s,
                count: 1,
                marks: Marks { daemon: found.daemon, system: found.id.is_none(), ..Marks::default() },
                ..Thread::default()
            },
            ..Building::default()
        });
    }

    fn state(&mut self, text: &[u8], out: &mut Parsed) {
        if let Some(current) = &mut self.current {
            current.thread.state = out.tables.name(text.trim_ascii_end());
            current.thread.marks.system = false;
        }
    }

    fn mounted(&mut self, id: u64, line: LineNo) {
        let marks = Marks { is_virtual: true, ..Marks::default() };
        let thread = Thread { line, id, count: 1, marks, ..Thread::default() };
        // A second one cannot be: a carrier carries one.
        if self.carrier.is_none() {
            self.carrier = self.current.replace(Building { thread, ..Building::default() });
        }
    }

    fn frame(&mut self, text: &'a [u8], line: LineNo, out: &mut Parsed) {
        let Some(id) = self.frame_id(text, &mut out.tables) else { return self.skip(line, 1) };
        if let Some(current) = &mut self.current {
            current.frames.push(id);
        }
    }

    fn frame_id(&mut self, text: &'a [u8], tables: &mut Tables) -> Option<FrameId> {
        if let Some(&id) = self.frames.get(text) {
            return Some(id);
        }
        let open = memrchr(b'(', text)?;
        let place = text[open + 1..].strip_suffix(b")")?;
        let (module, place) = split_once(place, b"/").filter(|(module, _)| !module.is_empty()).unwrap_or((b"", place));
        let (file, line, kind) = match place {
            b"Native Method" => (&b""[..], 0, FrameKind::Native),
            b"Unknown Source" => (&b""[..], 0, FrameKind::User),
            _ => match rsplit_once(place, b":").map(|(file, line)| (file, decimal(line))) {
                Some((file, Some(line))) => (file, u32::try_from(line).unwrap_or(0), FrameKind::User),
                _ => (place, 0, FrameKind::User),
            },
        };
        let (function, file, module) = (tables.name(&text[..open]), tables.name(file), tables.name(module));
        let id = tables.frame(Frame { function, file, line, module, kind });
        self.frames.insert(text, id);
        Some(id)
    }

    fn lock(&mut self, text: &[u8], line: LineNo, out: &mut Parsed) {
        if text.starts_with(b"eliminated ") {
            return;
        }
        let Ok((_, (role, object, class))) = lock_line(text) else { return self.skip(line, 1) };
        if let Some(current) = &mut self.current {
            let frame = current.frames.len().checked_sub(1).and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX);
            current.objects.push(ObjectRef { frame, role, object, class: out.tables.name(class) });
        }
    }

    /// An entry of `Locked ownable synchronizers`, which the platform thread owns, not the virtual one that it carries.
    fn owned(&mut self, text: &[u8], line: LineNo, out: &mut Parsed) {
        if text == b"None" {
            return;
        }
        match (reference(text), self.carrier.as_mut().or(self.current.as_mut())) {
            (Ok((_, (object, class))), Some(owner)) => owner.objects.push(ObjectRef {
                frame: u16::MAX,
                role: ObjectRole::Owns,
                object,
                class: out.tables.name(class),
            }),
            _ => self.skip(line, 1),
        }
    }

    fn close_thread(&mut self, out: &mut Parsed) {
        (self.in_stack, self.in_owned_list) = (false, false);
        for mut done in [self.carrier.take(), self.current.take()].into_iter().flatten() {
            let blocked = out.tables.text(done.thread.state).starts_with("BLOCKED");
            settle_waits(&mut done.objects, blocked);
            let start = self.snapshot.objects.len() as u32;
            self.snapshot.objects.append(&mut done.objects);
            done.thread.objects = start..self.snapshot.objects.len() as u32;
            done.thread.stack = out.tables.stack(&done.frames);
            out.records += 1;
            self.snapshot.threads.push(done.thread);
        }
    }

    /// Footer, deadlock reports and, from `kill -3`, the heap.
    fn tail(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        self.close_thread(out);
        while let Some(line) = lines.peek() {
            if line.starts_with(FOOTER) {
                self.footer = true;
                lines.advance();
            } else if line == DEADLOCK {
                self.deadlock(lines, out);
            } else if line == b"Heap" {
                self.snapshot.origin = "kill-3";
                lines.advance();
                while lines.peek().is_some_and(|line| line.starts_with(b" ")) {
                    lines.advance();
                }
            } else if line.trim_ascii().is_empty() || deadlock_count(line) {
                lines.advance();
            } else if !self.foreign(lines, out, |line| line == DEADLOCK || line == b"Heap" || deadlock_count(line)) {
                return;
            }
        }
    }

    /// `Found one Java-level deadlock:`, its members, and their stacks, which stood among the threads already.
    fn deadlock(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        let mut found = DeclaredDeadlock { line: lines.number(), members: Vec::new() };
        lines.advance();
        let (mut name, mut in_stacks) = (None, false);
        while let Some(line) = lines.peek() {
            if line == DEADLOCK || deadlock_count(line) {
                break;
            } else if !deadlock_line(line) {
                if !self.foreign(lines, out, |line| !line.is_empty() && (deadlock_line(line) || deadlock_count(line))) {
                    break;
                }
                continue;
            } else if line.starts_with(b"Java stack information") {
                in_stacks = true;
            } else if line.starts_with(b"\"") && !in_stacks {
                name = line[1..].strip_suffix(b"\":");
            } else if line.starts_with(b"  waiting ") && !in_stacks {
                match name.take() {
                    Some(name) => found.members.push((out.tables.name(name), object_waited_for(line))),
                    None => self.skip(lines.number(), 1),
                }
            }
            lines.advance();
        }
        if lines.is_done() {
            out.note(lines.last_number(), "the text ends within the report of a deadlock");
        }
        if !found.members.is_empty() {
            self.snapshot.deadlocks.push(found);
        }
    }

    /// Leaves out lines of another program when the dump goes on behind them with a line that is `ours`.
    fn foreign(&mut self, lines: &mut Lines<'a>, out: &mut Parsed, ours: impl Fn(&[u8]) -> bool) -> bool {
        let at = lines.number();
        if let Some(count) = gap(lines, ours) {
            self.skip(at, count);
            (0..count).for_each(|_| lines.advance());
            return true;
        }
        if lines.peek_second().is_none() && !lines.ended_with_newline() && !self.footer {
            out.note(at, "the text ends in the middle of a line of the thread dump");
            lines.advance();
        }
        false
    }

    fn skip(&mut self, line: LineNo, count: usize) {
        let (_, total) = self.skipped.get_or_insert((line, 0));
        *total = total.saturating_add(count as u32);
    }

    fn finish(mut self, lines: &Lines<'a>, hint: &Hint<'_>, out: &mut Parsed) {
        let cut = lines.is_done() && !self.footer;
        if let Some(current) = &mut self.current
            && cut
            && self.in_stack
        {
            current.thread.marks.truncated = true;
            out.note(lines.last_number(), "the text ends in the middle of a thread's stack");
        }
        self.close_thread(out);
        if let Some((line, count)) = self.skipped {
            out.note(line, format!("lines within a thread dump that are not part of it, left out: {count}"));
        }
        let mut snapshot = self.snapshot;
        let headless = snapshot.continues && !hint.continues;
        snapshot.open = !self.footer;
        snapshot.completeness = match (self.footer, headless) {
            (true, false) if names_virtual_threads(&snapshot, &out.tables) => Completeness::Partial,
            (true, false) => Completeness::Complete,
            _ if cut => Completeness::Truncated,
            _ => Completeness::Unknown,
        };
        match self.resumed {
            Some(index) => out.evidence[index] = Evidence::Snapshot(snapshot),
            None if snapshot.threads.is_empty() && snapshot.deadlocks.is_empty() && headless => {}
            None => {
                if headless {
                    out.note(snapshot.line, "the head of this thread dump is missing");
                }
                out.evidence.push(Evidence::Snapshot(snapshot));
            }
        }
    }
}

fn fresh(line: LineNo, when: When) -> Snapshot {
    Snapshot { line, runtime: Runtime::Java, origin: "jstack", when, ..Snapshot::default() }
}

/// Whether a line that opens no dump of its own belongs to that snapshot.
fn goes_on_with(last: &Snapshot, first: &Line<'_>) -> bool {
    last.runtime == Runtime::Java
        && match first {
            Line::Deadlock => true,
            Line::Thread(Header { id: Some(id), .. }) => {
                last.open && last.threads.iter().rev().take(MOST_COMPARED).all(|t| t.id != *id)
            }
            _ => last.open,
        }
}

/// Whether the process has virtual threads, of which jstack lists only those that are mounted.
/// `VirtualThread-unparker` (21) and `VirtualThread-unblocker` (25) run where there are any.
fn names_virtual_threads(snapshot: &Snapshot, tables: &Tables) -> bool {
    snapshot.threads.iter().any(|thread| {
        tables.text(thread.name).starts_with("VirtualThread-un")
            || tables.text(thread.state).starts_with("Carrying virtual thread")
    })
}

/// `2026-11-21 22:27:05` and nothing else.
fn time_line(line: &[u8]) -> Option<i64> {
    (line.len() == 19 && line[10] == b' ').then(|| time::instant(line)).flatten()
}

/// `21.0.8+9-LTS` of `Full thread dump OpenJDK 64-Bit Server VM (21.0.8+9-LTS mixed mode, sharing):`.
fn version(head: &[u8]) -> &[u8] {
    let inner = rsplit_once(head, b" (").map_or(&b""[..], |(_, inner)| inner);
    inner.split(|byte| matches!(byte, b' ' | b')')).next().unwrap_or(b"")
}

/// Whether the threads of a dump go on with this line behind lines of another program.
fn resumes(line: &[u8], in_stack: bool) -> bool {
    match classify(line) {
        // Blank lines and lone braces are common in logs.
        Line::Blank | Line::Detail | Line::Foreign => false,
        Line::Frame(_) | Line::Lock(_) => in_stack,
        _ => true,
    }
}

/// The number of lines of another program before the next line that is `ours`; none when the dump does not go on.
fn gap(lines: &Lines<'_>, ours: impl Fn(&[u8]) -> bool) -> Option<usize> {
    let mut ahead = *lines;
    let mut in_trace = false;
    for count in 0..LONGEST_GAP {
        let line = ahead.next()?;
        // The trace of an exception that was logged looks like the frames of a thread.
        if in_trace && (matches!(classify(line), Line::Frame(_)) || line.starts_with(b"\t... ")) {
            continue;
        }
        if count > 0 && ours(line) {
            return if line.starts_with(HEAD) { None } else { Some(count) };
        }
        if crate::opened_by(line).is_some() {
            return None;
        }
        in_trace = names_throwable(line);
    }
    None
}

/// `java.lang.IllegalStateException: no such order`, at the end of a log line or alone.
fn names_throwable(line: &[u8]) -> bool {
    [&b"Exception"[..], b"Error", b"Throwable"]
        .iter()
        .any(|word| memmem::find_iter(line, word).any(|at| matches!(line.get(at + word.len()), None | Some(b':'))))
}

/// `Found 2 deadlocks.`
fn deadlock_count(line: &[u8]) -> bool {
    line.strip_prefix(b"Found ")
        .and_then(|rest| split_once(rest, b" "))
        .is_some_and(|(count, rest)| decimal(count).is_some() && matches!(rest, b"deadlock." | b"deadlocks."))
}

fn deadlock_line(line: &[u8]) -> bool {
    line.is_empty()
        || (line.starts_with(b"\"") && line.ends_with(b"\":"))
        || line.starts_with(b"  waiting ")
        || line.starts_with(b"  which is held by ")
        || line.starts_with(b"  in JNI, which is held by ")
        || line.starts_with(b"Java stack information for ")
        || line.iter().all(|byte| *byte == b'=')
        || matches!(classify(line), Line::Frame(_) | Line::Lock(_))
}

/// The address in `waiting to lock monitor 0x.. (object 0x.., a X),` or `waiting for ownable synchronizer 0x.., (a X),`.
fn object_waited_for(line: &[u8]) -> u64 {
    let behind = split_once(line, b"(object ").or_else(|| split_once(line, b"ownable synchronizer "));
    let text = behind.map_or(&b""[..], |(_, rest)| rest);
    text.split(|byte| *byte == b',').next().and_then(hexadecimal).unwrap_or(0)
}

/// `waiting to lock <0x..> (a X)` and its like: what the thread has to do with which object of which class.
fn lock_line(text: &[u8]) -> IResult<&[u8], (ObjectRole, u64, &[u8])> {
    if let Some(class) = text.strip_prefix(b"waiting on the Class initialization monitor for ") {
        return Ok((b"", (ObjectRole::WaitsForClassInit, 0, class)));
    }
    let (rest, role) = alt((
        value(ObjectRole::Holds, tag(&b"locked "[..])),
        value(ObjectRole::WaitsToLock, tag(&b"waiting to lock "[..])),
        value(ObjectRole::WaitsToRelock, tag(&b"waiting to re-lock in wait() "[..])),
        value(ObjectRole::WaitsOn, tag(&b"waiting on "[..])),
        value(ObjectRole::ParksOn, tag(&b"parking to wait for "[..])),
    ))
    .parse(text)?;
    let (rest, (object, class)) = reference(rest.trim_ascii_start())?;
    Ok((rest, (role, object, class)))
}

/// `<0x..> (a X)`, or `<no object reference available>`: 0.
fn reference(text: &[u8]) -> IResult<&[u8], (u64, &[u8])> {
    let (rest, address) = delimited(tag(&b"<"[..]), take_until(&b">"[..]), tag(&b">"[..])).parse(text)?;
    let (rest, class) = opt(preceded(tag(&b" (a "[..]), take_till(|byte: u8| byte == b')'))).parse(rest)?;
    let object = if memchr(b' ', address).is_some() { 0 } else { hexadecimal(address).unwrap_or(0) };
    Ok((rest, (object, class.unwrap_or(b""))))
}

/// A thread in Object.wait has released the monitor, though its `- locked` lines stay. What is left is one wait:
/// `WaitsOn`, or `WaitsToRelock` once it was notified.
pub(crate) fn settle_waits(objects: &mut Vec<ObjectRef>, blocked: bool) {
    let is_wait = |role| matches!(role, ObjectRole::WaitsOn | ObjectRole::WaitsToRelock);
    let Some(at) = objects.iter().position(|object| is_wait(object.role)) else { return };
    let mut wait = objects[at];
    // Compiled code may not tell the object. It is one that the thread locked, and then the innermost.
    if wait.object == 0 {
        let lower = &objects[at + 1..];
        let known = lower
            .iter()
            .find(|object| is_wait(object.role))
            .or_else(|| lower.iter().find(|object| object.role == ObjectRole::Holds));
        if let Some(known) = known {
            (wait.object, wait.class) = (known.object, known.class);
        }
    }
    // 11 prints both lines whether the thread was notified or not; there the state alone tells.
    let twice = objects[at + 1..].iter().any(|o| o.role == ObjectRole::WaitsToRelock && o.object == wait.object);
    if twice && blocked {
        wait.role = ObjectRole::WaitsToRelock;
    }
    objects[at] = wait;
    let mut index = 0;
    objects.retain(|object| {
        index += 1;
        index <= at + 1 || object.object != wait.object || !(is_wait(object.role) || object.role == ObjectRole::Holds)
    });
}

#[cfg(test)]
mod tests;
