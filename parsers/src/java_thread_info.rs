//! Thread dumps that a Java program prints of itself: `java.lang.management.ThreadInfo.toString`, of JDK 8 to 25, on
//! their own or in a log. It prints eight frames of a stack, and who owns what a thread waits for.

use crate::evidence::{Evidence, Marks, ObjectRef, ObjectRole, Parsed, Runtime, Snapshot, Thread, When};
use crate::java_dump_file::{Building, java_frame, object_ref};
use crate::lines::{LineNo, Lines, decimal, rsplit_once, split_once};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::memchr_iter;
use rustc_hash::FxHashMap;

/// ThreadInfo texts.
pub struct JavaThreadInfo;

impl Format for JavaThreadInfo {
    fn id(&self) -> &'static str {
        "java-thread-info"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        line.first() == Some(&b'"') && header(line).is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut dump =
            Dump { line: lines.number(), when: lines.time().map_or(hint.when, When::Wall), ..Dump::default() };
        dump.continues = hint.continues && lines.offset() == 0;
        while let Some(line) = lines.peek() {
            let taken = dump.line(line, lines.number(), out) || (line.is_empty() && goes_on(lines));
            if !taken {
                break;
            }
            lines.advance();
        }
        dump.finish(out);
    }
}

/// Whether the dump goes on behind a blank line.
fn goes_on(lines: &Lines<'_>) -> bool {
    lines.peek_second().is_none_or(|next| {
        next.is_empty() || next.starts_with(b"\tNumber of locked synchronizers = ") || header(next).is_some()
    })
}

/// What the head of a thread says.
#[derive(Debug, Default, PartialEq)]
struct Header<'a> {
    name: &'a [u8],
    daemon: bool,
    id: u64,
    state: &'a [u8],
    /// What it waits for, as `Object.toString` names it, and the thread that owns that.
    owner: Option<(&'a [u8], u64)>,
}

/// `"NAME" daemon prio=5 Id=15 WAITING on CLASS@HASH owned by "OWNER" Id=14 (suspended) (in native)`; JDK 8 prints
/// neither `daemon` nor `prio`. A name may hold quotes: the one that ends it is the first that a valid rest follows.
fn header(line: &[u8]) -> Option<Header<'_>> {
    const STATES: &[&[u8]] = &[b"NEW", b"RUNNABLE", b"BLOCKED", b"WAITING", b"TIMED_WAITING", b"TERMINATED"];
    let inner = line.strip_prefix(b"\"")?;
    memchr_iter(b'"', inner).find_map(|quote| {
        let rest = inner[quote + 1..].strip_prefix(b" ")?;
        let (daemon, rest) = rest.strip_prefix(b"daemon ").map_or((false, rest), |rest| (true, rest));
        let rest = match rest.strip_prefix(b"prio=") {
            Some(rest) => split_once(rest, b" ")?.1,
            None => rest,
        };
        let (id, rest) = split_once(rest.strip_prefix(b"Id=")?, b" ")?;
        let (state, rest) = split_once(rest, b" ").unwrap_or((rest, b""));
        let owner =
            rest.strip_prefix(b"on ").and_then(|rest| split_once(rest, b" owned by \"")).and_then(|(lock, rest)| {
                let (_, id) = rsplit_once(rest, b"\" Id=")?;
                Some((lock, decimal(id.split(|byte| *byte == b' ').next()?)?))
            });
        STATES.contains(&state).then_some(())?;
        Some(Header { name: &inner[..quote], daemon, id: decimal(id)?, state, owner })
    })
}

/// A dump that is being read.
#[derive(Default)]
struct Dump<'a> {
    line: LineNo,
    when: When,
    continues: bool,
    threads: Vec<Building>,
    known: FxHashMap<&'a [u8], crate::tables::FrameId>,
    /// Which thread owns what another waits for, by id.
    owners: Vec<(&'a [u8], u64)>,
}

impl<'a> Dump<'a> {
    /// Takes a line; false when it is none of the dump.
    fn line(&mut self, line: &'a [u8], number: LineNo, out: &mut Parsed) -> bool {
        let taken = match line.first() {
            Some(b'"') => header(line).is_some_and(|found| self.thread(&found, number, out)),
            Some(b'\t' | b' ') => self.detail(line.trim_ascii(), out),
            _ => false,
        };
        if let (true, Some(current)) = (taken, self.threads.last_mut()) {
            current.thread.end = number.saturating_add(1);
        }
        taken
    }

    fn thread(&mut self, found: &Header<'a>, number: LineNo, out: &mut Parsed) -> bool {
        // The same thread again begins another dump.
        if self.threads.iter().any(|known| known.thread.id == found.id) {
            return false;
        }
        self.owners.extend(found.owner);
        let (name, state) = (out.tables.name(found.name), out.tables.name(found.state));
        let marks = Marks { daemon: found.daemon, ..Marks::default() };
        let thread = Thread { line: number, id: found.id, name, state, count: 1, marks, ..Thread::default() };
        self.threads.push(Building { thread, ..Building::default() });
        true
    }

    /// A frame, what it locks, or what the thread owns.
    fn detail(&mut self, text: &'a [u8], out: &mut Parsed) -> bool {
        let Some(current) = self.threads.last_mut() else { return false };
        if text == b"..." {
            current.thread.marks.truncated = true;
            return true;
        }
        if let Some(lock) = text.strip_prefix(b"- ") {
            // Locks of frames have two blanks, owned synchronizers have one.
            let frame = current.frames.len().checked_sub(1).and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX);
            let object = match lock.strip_prefix(b" ") {
                None => object_ref(ObjectRole::Owns, u16::MAX, lock, &mut out.tables),
                Some(lock) => {
                    let innermost = current.frames.last().map_or("", |frame| out.tables.function(*frame));
                    let Some((role, object)) = role_of(lock, innermost.ends_with("Unsafe.park")) else { return false };
                    object_ref(role, frame, object, &mut out.tables)
                }
            };
            current.objects.push(object);
            return true;
        }
        if let Some(text) = text.strip_prefix(b"at ") {
            let known = self.known.get(text).copied();
            let Some(frame) = known.or_else(|| java_frame(text, &mut out.tables)) else { return false };
            self.known.insert(text, frame);
            current.frames.push(frame);
            return true;
        }
        text.starts_with(b"Number of locked synchronizers = ")
    }

    fn finish(mut self, out: &mut Parsed) {
        if self.threads.is_empty() {
            return;
        }
        // The frame that took a lock may be one that was not printed: then the head of the waiter tells the owner.
        for (lock, id) in std::mem::take(&mut self.owners) {
            let owned = object_ref(ObjectRole::Owns, u16::MAX, lock, &mut out.tables);
            let has = |known: &ObjectRef| known.object == owned.object && known.class == owned.class;
            if let Some(owner) = self.threads.iter_mut().find(|known| known.thread.id == id)
                && !owner.objects.iter().any(has)
            {
                owner.objects.push(owned);
            }
        }
        let mut snapshot = Snapshot {
            line: self.line,
            runtime: Runtime::Java,
            origin: "ThreadInfo",
            when: self.when,
            open: true,
            continues: self.continues,
            ..Snapshot::default()
        };
        for thread in self.threads {
            thread.finish(&mut snapshot, &mut out.tables);
            out.records += 1;
        }
        out.evidence.push(Evidence::Snapshot(snapshot));
    }
}

/// `blocked on CLASS@HASH`, `waiting on ..`, `locked ..`.
fn role_of(text: &[u8], is_parked: bool) -> Option<(ObjectRole, &[u8])> {
    let roles: [(&[u8], ObjectRole); 3] = [
        (b"blocked on ", ObjectRole::WaitsToLock),
        (b"waiting on ", if is_parked { ObjectRole::ParksOn } else { ObjectRole::WaitsOn }),
        (b"locked ", ObjectRole::Holds),
    ];
    roles.into_iter().find_map(|(word, role)| Some((role, text.strip_prefix(word)?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    // From ThreadMXBean.dumpAllThreads of JDK 17.
    const TWO: &str = "\"writer\" daemon prio=5 Id=14 TIMED_WAITING\n\tat java.base@17.0.15/java.lang.Thread.sleep(Native Method)\n\
        \tat JmxDump.lambda$main$2(JmxDump.java:13)\n\t...\n\n\
        \"reader, \"slow\" one\" daemon prio=5 Id=15 WAITING on java.util.concurrent.locks.ReentrantLock$NonfairSync@2ddc8ecb owned by \"writer\" Id=14\n\
        \tat java.base@17.0.15/jdk.internal.misc.Unsafe.park(Native Method)\n\
        \t-  waiting on java.util.concurrent.locks.ReentrantLock$NonfairSync@2ddc8ecb\n\
        \tat java.base@17.0.15/java.util.concurrent.locks.LockSupport.park(LockSupport.java:211)\n\n\
        \tNumber of locked synchronizers = 1\n\t- java.util.concurrent.locks.ReentrantLock$NonfairSync@47542153\n\nserved 12\n";

    #[test]
    fn the_head_of_a_waiter_names_the_owner() {
        let mut out = Parsed::default();
        let text = Text::new(TWO.as_bytes(), 1);
        let mut lines = text.lines();
        JavaThreadInfo.parse(&mut lines, &Hint::default(), &mut out);
        assert_eq!(lines.peek(), Some(&b""[..]));
        let [Evidence::Snapshot(snapshot)] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        let [writer, reader] = &snapshot.threads[..] else { panic!() };
        assert_eq!((writer.line, writer.id, writer.marks.truncated), (1, 14, true));
        assert_eq!(snapshot.objects_of(writer)[0].role, ObjectRole::Owns);
        assert_eq!(snapshot.objects_of(writer)[0].object, 0x2ddc_8ecb);
        assert_eq!(out.tables.text(reader.name), "reader, \"slow\" one");
        let roles: Vec<_> = snapshot.objects_of(reader).iter().map(|object| (object.role, object.object)).collect();
        assert_eq!(roles, [(ObjectRole::ParksOn, 0x2ddc_8ecb), (ObjectRole::Owns, 0x4754_2153)]);
    }

    #[test]
    fn the_head_of_version_8_is_shorter() {
        let found = header(b"\"t-1\" Id=11 BLOCKED on java.lang.Object@4aa298b7 owned by \"t-2\" Id=12").unwrap();
        assert_eq!((found.id, found.state, found.owner.map(|owner| owner.1)), (11, &b"BLOCKED"[..], Some(12)));
        assert_eq!(header(b"\"main\" #1 prio=5 os_prio=0 cpu=1ms elapsed=1s tid=0x1 nid=0x2 runnable  [0x3]"), None);
        assert_eq!(header(b"\"a\" Id=x RUNNABLE"), None);
    }
}
