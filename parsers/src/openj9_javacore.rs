//! Java dumps of Eclipse OpenJ9 and IBM's JVM (`javacore.*.txt`): threads with their stacks and locks, the deadlocks that
//! the JVM found, and why the dump was written. Each line begins with a tag. Source: OpenJ9's `javadump.cpp` and its
//! documentation (dump_javadump).

use crate::evidence::{
    Claims, Completeness, DeclaredDeadlock, Evidence, Marks, ObjectRef, ObjectRole, Parsed, Record, RecordKind,
    Runtime, Snapshot, Thread, When,
};
use crate::java_dump_file::Building;
use crate::lines::{LineNo, Lines, Text, decimal, float, hexadecimal, rsplit_once, split_once};
use crate::tables::{Frame, FrameKind, StackId, Tables};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memrchr;

/// OpenJ9 javacores.
pub struct OpenJ9Javacore;

impl Format for OpenJ9Javacore {
    fn id(&self) -> &'static str {
        "openj9-javacore"
    }

    /// Deadlocks and current thread stand far from the threads that they speak of.
    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let text = Text::new(head, 1);
        let tagged = text.lines().take(200).filter(|line| {
            line.starts_with(b"0SECTION  ") || line.starts_with(b"1TISIGINFO ") || line.starts_with(b"3XMTHREADINFO  ")
        });
        if tagged.take(2).count() == 2 { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut core = Core {
            snapshot: Snapshot {
                line: lines.number(),
                runtime: Runtime::Java,
                origin: "javacore",
                when: lines.time().map_or(hint.when, When::Wall),
                completeness: Completeness::Complete,
                ..Snapshot::default()
            },
            ..Core::default()
        };
        while let Some(line) = lines.next() {
            let (tag, rest) = split_once(line, b" ").unwrap_or((line, b""));
            core.line(tag, rest.trim_ascii(), lines.last_number(), out);
        }
        core.finish(lines, out);
    }
}

/// A javacore that is being read.
#[derive(Default)]
struct Core {
    snapshot: Snapshot,
    threads: Vec<Building>,
    /// The thread that is being read is printed a second time, or is none of Java's.
    skipping: bool,
    /// The next thread is the one that caused the dump.
    is_current: bool,
    /// Addresses of the JVM's thread structures, to know a thread again.
    seen: rustc_hash::FxHashMap<u64, usize>,
    /// Lock, and the structure of the thread that owns it.
    owners: Vec<(ObjectRef, u64)>,
    event: Option<(LineNo, String)>,
}

impl Core {
    fn line(&mut self, tag: &[u8], rest: &[u8], number: LineNo, out: &mut Parsed) {
        match tag {
            b"1TISIGINFO" => self.event = Some((number, String::from_utf8_lossy(rest).into_owned())),
            b"1TIDATETIMEUTC" => {
                if let Some(at) = date(rest) {
                    self.snapshot.when = When::Wall(at);
                }
            }
            b"1CIPROCESSID" => {
                let pid = rest.strip_prefix(b"Process ID: ").and_then(|text| text.split(|b| *b == b' ').next());
                self.snapshot.claims.pid = pid.and_then(decimal);
            }
            b"1CIJAVAVERSION" => self.snapshot.version = out.tables.name(rest),
            b"1LKDEADLOCK" => {
                self.snapshot.deadlocks.push(DeclaredDeadlock { line: number, members: Vec::new() });
            }
            b"2LKDEADLOCKTHR" => self.deadlocked(rest, &mut out.tables),
            b"4LKDEADLOCKOBJ" => {
                let object = rsplit_once(rest, b"@").and_then(|(_, at)| hexadecimal(at)).unwrap_or(0);
                let last = self.snapshot.deadlocks.last_mut().and_then(|deadlock| deadlock.members.last_mut());
                if let Some(member) = last {
                    member.1 = object;
                }
            }
            b"1XMCURTHDINFO" => self.is_current = true,
            b"3XMTHREADINFO" => self.thread(rest, number, out),
            _ => self.detail(tag, rest, number, &mut out.tables),
        }
    }

    /// `Thread "Worker Thread 2" (0x94501D00)`; the first of a circle is named again at its end.
    fn deadlocked(&mut self, rest: &[u8], tables: &mut Tables) {
        let name = rest.strip_prefix(b"Thread \"").and_then(|rest| rsplit_once(rest, b"\""));
        if let (Some((name, _)), Some(deadlock)) = (name, self.snapshot.deadlocks.last_mut()) {
            let name = tables.name(name);
            if !deadlock.members.iter().any(|(known, _)| *known == name) {
                deadlock.members.push((name, 0));
            }
        }
    }

    /// `"main" J9VMThread:0xB6B60E00, omrthread_t:0x.., java/lang/Thread:0x.., state:R, prio=5`, `Anonymous native thread`.
    fn thread(&mut self, rest: &[u8], number: LineNo, out: &mut Parsed) {
        let is_current = std::mem::take(&mut self.is_current);
        let head = rest.strip_prefix(b"\"").and_then(|rest| rsplit_once(rest, b"\" J9VMThread:"));
        let Some((name, fields)) = head else {
            self.skipping = true;
            return;
        };
        let key = hexadecimal(fields.split(|byte| *byte == b',').next().unwrap_or_default()).unwrap_or(0);
        self.skipping = self.seen.contains_key(&key);
        if self.skipping {
            return;
        }
        let state = split_once(fields, b"state:")
            .map_or(&b""[..], |(_, rest)| rest.split(|byte| *byte == b',').next().unwrap_or_default());
        self.seen.insert(key, self.threads.len());
        let thread = Thread {
            line: number,
            end: number.saturating_add(1),
            name: out.tables.name(name),
            state: out.tables.name(state),
            count: 1,
            marks: Marks { crashed: is_current, system: is_of_the_vm(fields, name), ..Marks::default() },
            ..Thread::default()
        };
        self.threads.push(Building { thread, ..Building::default() });
        out.records += 1;
    }

    fn detail(&mut self, tag: &[u8], rest: &[u8], number: LineNo, tables: &mut Tables) {
        let Some(current) = self.threads.last_mut().filter(|_| !self.skipping) else { return };
        let frame = current.frames.len().checked_sub(1).and_then(|at| u16::try_from(at).ok()).unwrap_or(u16::MAX);
        match tag {
            b"3XMJAVALTHREAD" => {
                current.thread.id = value_of(rest, b"getId:").and_then(hexadecimal).unwrap_or(0);
                current.thread.marks.daemon = value_of(rest, b"isDaemon:") == Some(b"true");
            }
            b"3XMTHREADINFO1" => current.thread.os_id = value_of(rest, b"native thread ID:").and_then(hexadecimal),
            b"3XMCPUTIME" => {
                let seconds = rest.strip_prefix(b"CPU usage total: ").and_then(|rest| split_once(rest, b" "));
                current.thread.cpu_ms = seconds.and_then(|(seconds, _)| float(seconds)).map(|seconds| seconds * 1e3);
            }
            b"3XMTHREADBLOCK" => {
                let roles: [(&[u8], ObjectRole); 3] = [
                    (b"Blocked on: ", ObjectRole::WaitsToLock),
                    (b"Waiting on: ", ObjectRole::WaitsOn),
                    (b"Parked on: ", ObjectRole::ParksOn),
                ];
                let found = roles.into_iter().find_map(|(word, role)| Some((role, rest.strip_prefix(word)?)));
                let Some((role, rest)) = found else { return };
                let (lock, owner) = split_once(rest, b" Owned by: ").unwrap_or((rest, b""));
                let Some(object) = object(role, u16::MAX, lock, tables) else { return };
                current.objects.push(object);
                let owner = value_of(owner, b"J9VMThread:").and_then(hexadecimal);
                self.owners.extend(owner.filter(|_| role != ObjectRole::WaitsOn).map(|owner| (object, owner)));
            }
            b"4XESTACKTRACE" => {
                let Some(read) = rest.strip_prefix(b"at ").and_then(|text| java_frame(text, tables)) else { return };
                current.frames.push(tables.frame(read));
            }
            b"5XESTACKTRACE" => {
                let lock = rest.strip_prefix(b"(entered lock: ").and_then(|rest| split_once(rest, b", "));
                current.objects.extend(lock.and_then(|(lock, _)| object(ObjectRole::Holds, frame, lock, tables)));
            }
            _ => return,
        }
        current.thread.end = number.saturating_add(1);
    }

    fn finish(mut self, lines: &Lines<'_>, out: &mut Parsed) {
        for (lock, owner) in std::mem::take(&mut self.owners) {
            let Some(owner) = self.seen.get(&owner).and_then(|&index| self.threads.get_mut(index)) else { continue };
            if !owner.objects.iter().any(|known| known.object == lock.object && known.role == ObjectRole::Holds) {
                owner.objects.push(ObjectRef { role: ObjectRole::Owns, ..lock });
            }
        }
        if !lines.ended_with_newline() && self.threads.last().is_some() {
            self.snapshot.completeness = Completeness::Truncated;
            out.note(lines.last_number(), "the javacore may be cut off: its last line has no end");
        }
        let mut snapshot = self.snapshot;
        for thread in self.threads {
            thread.finish(&mut snapshot, &mut out.tables);
        }
        let crashed = snapshot.threads.iter().find(|thread| thread.marks.crashed).map(|thread| thread.stack);
        let record = self.event.and_then(|(line, event)| cause(line, &event, &snapshot, crashed));
        out.evidence.extend(record.map(Evidence::Record));
        if !snapshot.threads.is_empty() {
            out.evidence.push(Evidence::Snapshot(snapshot));
        }
    }
}

/// Why the dump was written, where that is a fault: `Dump Event "gpf" (00002000) received`, `Dump Event "systhrow"
/// (00040000) Detail "java/lang/OutOfMemoryError" "Java heap space" received`. A user's signal is none.
fn cause(line: LineNo, event: &str, snapshot: &Snapshot, stack: Option<StackId>) -> Option<Record> {
    let quoted: Vec<&str> = event.split('"').skip(1).step_by(2).collect();
    let (kind, message) = match quoted[..] {
        ["gpf" | "abort", ..] => (RecordKind::Signal, quoted[0].to_owned()),
        ["systhrow" | "throw" | "uncaught", class, ref detail @ ..] => {
            let text = [&[class.replace('/', ".").as_str()], detail].concat().join(": ");
            (RecordKind::Fatal, text)
        }
        _ => return None,
    };
    Some(Record {
        line,
        end: line.saturating_add(1),
        claims: Claims { pid: snapshot.claims.pid, ..Claims::default() },
        when: snapshot.when,
        kind,
        attributes: vec![("message", message), ("runtime", "java".to_owned())],
        stack: stack.unwrap_or(StackId::EMPTY),
        text: event.to_owned(),
    })
}

/// Threads of the JVM itself have no Java stack and a name that it gives.
fn is_of_the_vm(fields: &[u8], name: &[u8]) -> bool {
    const NAMES: &[&[u8]] = &[b"JIT ", b"GC ", b"IProfiler", b"Concurrent Mark Helper", b"VM "];
    split_once(fields, b"java/lang/Thread:").is_none() || NAMES.iter().any(|prefix| name.starts_with(prefix))
}

/// The word behind a key within parentheses: `0x72D8` of `(native thread ID:0x72D8, native priority:0x5`.
fn value_of<'a>(text: &'a [u8], key: &[u8]) -> Option<&'a [u8]> {
    let (_, rest) = split_once(text, key)?;
    rest.split(|byte| matches!(byte, b',' | b')')).next()
}

/// `java/lang/Object@0xB5666678`.
fn object(role: ObjectRole, frame: u16, text: &[u8], tables: &mut Tables) -> Option<ObjectRef> {
    let (class, address) = rsplit_once(text, b"@")?;
    let class: Vec<u8> = class.iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect();
    Some(ObjectRef { frame, role, object: hexadecimal(address)?, class: tables.name(&class) })
}

/// `java/lang/StringBuffer.append(StringBuffer.java:486(Compiled Code))`, `WorkerThread.run(DeadLockTest.java:35)`.
fn java_frame(text: &[u8], tables: &mut Tables) -> Option<Frame> {
    let text = text.strip_suffix(b"(Compiled Code))").unwrap_or_else(|| text.strip_suffix(b")").unwrap_or(text));
    let open = memrchr(b'(', text)?;
    let function: Vec<u8> = text[..open].iter().map(|byte| if *byte == b'/' { b'.' } else { *byte }).collect();
    let place = &text[open + 1..];
    let (file, line) = match rsplit_once(place, b":").map(|(file, line)| (file, decimal(line))) {
        Some((file, Some(line))) => (file, u32::try_from(line).unwrap_or(0)),
        _ if matches!(place, b"Native Method" | b"Bytecode PC") => (&b""[..], 0),
        _ => (place, 0),
    };
    let kind = if place == b"Native Method" { FrameKind::Native } else { FrameKind::User };
    let (function, file) = (tables.name(&function), tables.name(file));
    Some(Frame { function, file, line, kind, ..Frame::default() })
}

/// `Date: 2021/04/23 at 18:02:44:017 (UTC)`.
fn date(text: &[u8]) -> Option<i64> {
    let (day, rest) = split_once(text.strip_prefix(b"Date: ")?, b" at ")?;
    let clock = rest.split(|byte| *byte == b' ').next()?;
    let (clock, thousandths) = rsplit_once(clock, b":")?;
    let day: Vec<u8> = day.iter().map(|byte| if *byte == b'/' { b'-' } else { *byte }).collect();
    time::instant(&[&day, &b"T"[..], clock, b".", thousandths, b"Z"].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_and_dates() {
        let mut tables = Tables::default();
        let frame = java_frame(b"java/lang/StringBuffer.append(StringBuffer.java:486(Compiled Code))", &mut tables);
        let frame = frame.unwrap();
        assert_eq!((tables.text(frame.function), frame.line), ("java.lang.StringBuffer.append", 486));
        assert_eq!(java_frame(b"java/lang/Object.wait(Native Method)", &mut tables).unwrap().kind, FrameKind::Native);
        assert_eq!(date(b"Date: 2021/04/23 at 18:02:44:017 (UTC)"), time::instant(b"2021-04-23T18:02:44.017Z"));
    }

    #[test]
    fn an_error_that_was_thrown_is_told_and_a_signal_of_the_user_is_not() {
        let snapshot = Snapshot::default();
        let event =
            "Dump Event \"systhrow\" (00040000) Detail \"java/lang/OutOfMemoryError\" \"Java heap space\" received";
        let record = cause(1, event, &snapshot, None).unwrap();
        assert_eq!(record.attribute("message"), Some("java.lang.OutOfMemoryError: Java heap space"));
        assert!(cause(1, "Dump Event \"user\" (00004000) received", &snapshot, None).is_none());
    }
}
