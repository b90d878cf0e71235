//! Thread dumps that the JVM writes to a file itself, virtual threads included: `jcmd PID Thread.dump_to_file FILE` and
//! HotSpotDiagnosticMXBean.dumpThreads, from 21. Grammar: `java.base/jdk/internal/vm/ThreadDumper.java`.

use crate::evidence::{Completeness, Evidence, Marks, ObjectRef, ObjectRole, Parsed, Runtime, Snapshot, Thread, When};
use crate::java_threads::settle_waits;
use crate::lines::{LineNo, Lines, decimal, hexadecimal, rsplit_once};
use crate::series::Odd;
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::{memchr, memmem, memrchr};
use rustc_hash::FxHashMap;

/// `Thread.dump_to_file` as text.
pub struct JavaDumpFile;

pub(crate) const ORIGIN: &str = "dump_to_file";

impl Format for JavaDumpFile {
    fn id(&self) -> &'static str {
        "java-dump-file"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = head.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
        let is_head = lines.next().and_then(decimal).is_some()
            && lines.next().is_some_and(|line| memchr(b'T', line).is_some() && time::instant(line).is_some())
            && lines.next().and_then(|line| line.first()).is_some_and(u8::is_ascii_digit);
        let first = lines.find(|line| !line.is_empty());
        if is_head && first.is_none_or(|line| header(line).is_some()) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut reader = Reader {
            snapshot: Snapshot {
                line: lines.number(),
                runtime: Runtime::Java,
                origin: ORIGIN,
                when: lines.time().map_or(hint.when, When::Wall),
                ..Snapshot::default()
            },
            ..Reader::default()
        };
        if hint.continues {
            reader.snapshot.continues = true;
        } else {
            reader.head(lines, out);
        }
        while let Some(line) = lines.next() {
            reader.line(line, lines.last_number(), out);
        }
        reader.finish(lines, out);
    }
}

/// A dump that is being read.
#[derive(Default)]
struct Reader<'a> {
    snapshot: Snapshot,
    current: Option<Building>,
    known: FxHashMap<&'a [u8], FrameId>,
    odd: Odd,
}

/// A thread that is being read.
#[derive(Default)]
pub(crate) struct Building {
    pub(crate) thread: Thread,
    pub(crate) frames: Vec<FrameId>,
    pub(crate) objects: Vec<ObjectRef>,
}

impl Building {
    /// Adds the thread to its snapshot.
    pub(crate) fn finish(mut self, snapshot: &mut Snapshot, tables: &mut Tables) {
        let is_blocked = tables.text(self.thread.state).starts_with("BLOCKED");
        settle_waits(&mut self.objects, is_blocked);
        let start = snapshot.objects.len() as u32;
        snapshot.objects.append(&mut self.objects);
        self.thread.objects = start..snapshot.objects.len() as u32;
        self.thread.stack = tables.stack(&self.frames);
        // 21 does not mark virtual threads in JSON; what runs them does.
        let outermost = self.frames.last().map_or("", |frame| tables.function(*frame));
        self.thread.marks.is_virtual |= outermost == "java.lang.VirtualThread.run";
        snapshot.threads.push(self.thread);
    }
}

impl<'a> Reader<'a> {
    /// Process id, time and version.
    fn head(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        self.snapshot.claims.pid = lines.next().and_then(decimal);
        if let Some(at) = lines.next().and_then(time::instant) {
            self.snapshot.when = When::Wall(at);
        }
        self.snapshot.version = out.tables.name(lines.next().unwrap_or_default());
    }

    fn line(&mut self, line: &'a [u8], number: LineNo, out: &mut Parsed) {
        let text = line.trim_ascii();
        if text.is_empty() {
            return self.close(out);
        }
        if let Some(found) = header(line) {
            self.close(out);
            let marks = Marks { is_virtual: found.is_virtual, ..Marks::default() };
            let (name, state) = (out.tables.name(found.name), out.tables.name(found.state));
            let thread = Thread { line: number, id: found.id, name, state, count: 1, marks, ..Thread::default() };
            self.current = Some(Building { thread, ..Building::default() });
        } else if !self.detail(text, out) {
            return self.odd.line(number);
        }
        if let Some(current) = &mut self.current {
            current.thread.end = number.saturating_add(1);
        }
    }

    /// A frame or what it locks; false when it is neither.
    fn detail(&mut self, text: &'a [u8], out: &mut Parsed) -> bool {
        let Some(current) = &mut self.current else { return false };
        if let Some(text) = text.strip_prefix(b"- ") {
            let frame = current.frames.len().checked_sub(1).and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX);
            let Some(object) = lock(text, frame, &mut out.tables) else { return false };
            current.objects.push(object);
            return true;
        }
        let text = text.strip_prefix(b"at ").unwrap_or(text);
        let known = self.known.get(text).copied();
        let Some(frame) = known.or_else(|| java_frame(text, &mut out.tables)) else { return false };
        self.known.insert(text, frame);
        current.frames.push(frame);
        true
    }

    fn close(&mut self, out: &mut Parsed) {
        if let Some(done) = self.current.take() {
            done.finish(&mut self.snapshot, &mut out.tables);
            out.records += 1;
        }
    }

    fn finish(mut self, lines: &Lines<'_>, out: &mut Parsed) {
        let is_cut = !lines.ended_with_newline();
        if let Some(current) = self.current.as_mut().filter(|_| is_cut) {
            current.thread.marks.truncated = true;
            out.note(lines.last_number(), "the text ends in the middle of a thread's stack");
        }
        self.close(out);
        self.odd.note("within a Java thread dump that are not part of it", out);
        self.snapshot.open = true;
        self.snapshot.completeness = if is_cut { Completeness::Truncated } else { Completeness::Complete };
        out.evidence.push(Evidence::Snapshot(self.snapshot));
    }
}

/// What the head of a thread says.
struct Header<'a> {
    id: u64,
    name: &'a [u8],
    is_virtual: bool,
    state: &'a [u8],
}

/// `#25 "" virtual BLOCKED 2026-11-21T22:27:21.493542871Z`, `#1 "main"`.
fn header(line: &[u8]) -> Option<Header<'_>> {
    let rest = line.strip_prefix(b"#")?;
    let quote = memchr(b'"', rest)?;
    let id = decimal(rest[..quote].trim_ascii_end())?;
    let name_end = memrchr(b'"', rest).filter(|end| *end > quote)?;
    let mut header = Header { id, name: &rest[quote + 1..name_end], is_virtual: false, state: b"" };
    for word in crate::lines::words(&rest[name_end + 1..]) {
        match word {
            b"virtual" => header.is_virtual = true,
            _ if word.iter().all(|byte| byte.is_ascii_uppercase() || *byte == b'_') => header.state = word,
            // The time at which this thread was read.
            _ => {}
        }
    }
    Some(header)
}

/// `waiting to lock <java.lang.Object@6ea62d45>`.
fn lock(text: &[u8], frame: u16, tables: &mut Tables) -> Option<ObjectRef> {
    let (what, object) = text.strip_suffix(b">").and_then(|text| rsplit_once(text, b" <"))?;
    let role = match what.trim_ascii() {
        b"locked" => ObjectRole::Holds,
        b"waiting to lock" => ObjectRole::WaitsToLock,
        b"waiting on" => ObjectRole::WaitsOn,
        b"waiting to re-lock in wait()" => ObjectRole::WaitsToRelock,
        b"parking to wait for" => ObjectRole::ParksOn,
        _ => return None,
    };
    Some(object_ref(role, frame, object, tables))
}

/// An object as `Object.toString` names it: class, `@` and identity hash.
pub(crate) fn object_ref(role: ObjectRole, frame: u16, text: &[u8], tables: &mut Tables) -> ObjectRef {
    let (class, hash) = rsplit_once(text, b"@").unwrap_or((text, b""));
    ObjectRef { frame, role, object: hexadecimal(hash).unwrap_or(0), class: tables.name(class) }
}

/// `java.base/java.lang.Thread.sleep(Thread.java:509)`: StackTraceElement.toString.
pub(crate) fn java_frame(text: &[u8], tables: &mut Tables) -> Option<FrameId> {
    let open = memrchr(b'(', text)?;
    let place = text[open + 1..].strip_suffix(b")")?;
    let name = &text[..open];
    // The name of a hidden class has a slash of its own: `Virt$$Lambda/0x00007fdef8004cc0.run`.
    let plain = memmem::find(name, b"$$").unwrap_or(name.len());
    let (module, function) = match memrchr(b'/', &name[..plain]) {
        Some(slash) => (name[..slash].trim_ascii_end(), &name[slash + 1..]),
        None => (&b""[..], name),
    };
    if function.is_empty() || memchr(b' ', function).is_some() {
        return None;
    }
    let (file, line, kind) = match place {
        b"Native Method" => (&b""[..], 0, FrameKind::Native),
        b"Unknown Source" => (&b""[..], 0, FrameKind::User),
        _ => match rsplit_once(place, b":").map(|(file, line)| (file, decimal(line))) {
            Some((file, Some(line))) => (file, u32::try_from(line).unwrap_or(0), FrameKind::User),
            _ => (place, 0, FrameKind::User),
        },
    };
    let (function, file, module) = (tables.name(function), tables.name(file), tables.name(module));
    Some(tables.frame(Frame { function, file, line, module, kind }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &str) -> (Parsed, Snapshot) {
        let mut out = Parsed::default();
        JavaDumpFile.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let Some(Evidence::Snapshot(snapshot)) = out.evidence.pop() else { panic!() };
        (out, snapshot)
    }

    const JDK25: &str = "1803\n2026-11-21T22:27:21.490838793Z\n25.0.2+10-LTS\n\n\
        #12 \"Finalizer\" WAITING 2026-11-21T22:27:21.492760483Z\n    at java.base/java.lang.Object.wait0(Native Method)\n    \
        - waiting on <java.lang.ref.ReferenceQueue$Lock@511b0aa0>\n    \
        at java.base/java.lang.ref.ReferenceQueue.remove(ReferenceQueue.java:215)\n    \
        - locked <java.lang.ref.ReferenceQueue$Lock@511b0aa0>\n\n\
        #25 \"\" virtual BLOCKED 2026-11-21T22:27:21.493542871Z\n    at Virt.lambda$main$1(Virt.java:9)\n    \
        - waiting to lock <java.lang.Object@6ea62d45>\n\n";

    #[test]
    fn threads_of_25_have_state_and_locks() {
        let (out, snapshot) = parse(JDK25);
        assert_eq!((snapshot.claims.pid, snapshot.completeness), (Some(1803), Completeness::Complete));
        assert_eq!(out.tables.text(snapshot.version), "25.0.2+10-LTS");
        let [finalizer, blocked] = &snapshot.threads[..] else { panic!() };
        assert!(blocked.marks.is_virtual && !finalizer.marks.is_virtual);
        assert_eq!(out.tables.text(blocked.state), "BLOCKED");
        let objects = snapshot.objects_of(finalizer);
        assert_eq!(objects.len(), 1, "the monitor is released while it waits");
        assert_eq!((objects[0].role, objects[0].object), (ObjectRole::WaitsOn, 0x511b_0aa0));
        assert_eq!(snapshot.objects_of(blocked)[0].role, ObjectRole::WaitsToLock);
        let top = out.tables.get_frame(out.tables.stack_frames(finalizer.stack)[0]);
        assert_eq!(
            (out.tables.text(top.function), out.tables.text(top.module)),
            ("java.lang.Object.wait0", "java.base")
        );
        assert_eq!(top.kind, FrameKind::Native);
        assert!(out.notes.is_empty());
    }

    #[test]
    fn threads_of_21_have_neither() {
        let text = "1198\n2026-11-21T22:27:10.786879653Z\n21.0.8+9-LTS\n\n#11 \"Signal Dispatcher\"\n\n#18 \"\" virtual\n      \
            java.base/java.lang.VirtualThread.park(Unknown Source)\n      Virt$$Lambda/0x00007fdef8004cc0.run(Unknown Source)\n";
        assert_eq!(JavaDumpFile.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        let (out, snapshot) = parse(text);
        assert_eq!(out.tables.functions(snapshot.threads[1].stack).nth(1), Some("Virt$$Lambda/0x00007fdef8004cc0.run"));
        assert!(snapshot.threads[1].marks.is_virtual && snapshot.threads[1].state.is_empty());
    }

    #[test]
    fn a_cut_dump_says_so() {
        let (out, snapshot) = parse(&JDK25[..JDK25.len() - 30]);
        assert_eq!(snapshot.completeness, Completeness::Truncated);
        assert!(snapshot.threads[1].marks.truncated);
        assert!(!out.notes.is_empty());
    }

    #[test]
    fn other_texts_are_not_taken() {
        for text in ["1803\n", "12\n13\n14\n", "1803\n2026-11-21T22:27:21Z\nhello\n", ""] {
            assert_eq!(JavaDumpFile.sniff(text.as_bytes(), &Hint::default()), Sniff::No, "{text}");
        }
    }
}
