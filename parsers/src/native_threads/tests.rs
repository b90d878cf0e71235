use super::*;
use crate::evidence::ObjectRole;
use crate::lines::Text;
use proptest::prelude::*;
use std::fmt::Write;

fn parse_with(text: &[u8], hint: &Hint<'_>) -> Parsed {
    let mut out = Parsed::default();
    let mut lines = Text::new(text, 1).lines();
    while let Some(line) = lines.peek() {
        if !line.is_empty() && NativeThreads.opens(line) {
            let before = lines.offset();
            NativeThreads.parse(&mut lines, hint, &mut out);
            assert!(lines.offset() > before, "no line was taken");
        } else {
            lines.advance();
        }
    }
    out
}

fn parse(text: &[u8]) -> Parsed {
    parse_with(text, &Hint::default())
}

fn snapshots<'a>(out: &'a Parsed) -> Vec<&'a Snapshot> {
    let snapshot = |evidence: &'a Evidence| match evidence {
        Evidence::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    };
    out.evidence.iter().filter_map(snapshot).collect()
}

fn sample(case: &str) -> Vec<u8> {
    let path = format!("{}/../samples/native-threads/{case}/dump.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

const SAMPLES: [&str; 12] = [
    "eu-lock-cycle",
    "eu-sources",
    "gdb-cartd",
    "gdb-abort",
    "gdb-core",
    "gdb-signal",
    "gdb-full",
    "gdb-go-cgo",
    "gdb-lock-cycle",
    "gdb-session",
    "gstack",
    "lldb",
];

/// What matters of a text's evidence.
fn outline(out: &Parsed) -> String {
    let mut text = String::new();
    let tables = &out.tables;
    for snapshot in snapshots(out) {
        let Snapshot { origin, completeness, stated_total, claims, .. } = snapshot;
        let _ = writeln!(text, "{origin} {completeness:?} {stated_total:?} {:?} {:?}", claims.pid, claims.comm);
        for thread in &snapshot.threads {
            let name = tables.text(thread.name);
            let crashed = if thread.marks.crashed { " crashed" } else { "" };
            let (id, os_id, line, end) = (thread.id, thread.os_id, thread.line, thread.end);
            let _ = writeln!(text, "  {line}-{end} #{id} {os_id:?} {name:?}{crashed}");
            for frame in tables.stack_frames(thread.stack) {
                let frame = tables.get_frame(*frame);
                let inlined = if frame.kind == FrameKind::Inlined { " inlined" } else { "" };
                let (function, file) = (tables.text(frame.function), tables.text(frame.file));
                let _ = writeln!(text, "      {function} {file}:{} {}{inlined}", frame.line, tables.text(frame.module));
            }
            for object in snapshot.objects_of(thread) {
                let class = tables.text(object.class);
                let _ = writeln!(text, "    - {:?} {:#x} <{class}> at {}", object.role, object.object, object.frame);
            }
        }
    }
    for evidence in &out.evidence {
        if let Evidence::Record(record) = evidence {
            let _ = writeln!(text, "{:?} {} {:?}", record.kind, record.text, record.attributes);
        }
    }
    for note in &out.notes {
        let _ = writeln!(text, "note {}: {}", note.line, note.message);
    }
    text
}

fn objects(out: &Parsed, lwp: u64) -> Vec<(ObjectRole, &str)> {
    let snapshot = snapshots(out)[0];
    let thread = snapshot.threads.iter().find(|thread| thread.os_id == Some(lwp)).unwrap();
    snapshot.objects_of(thread).iter().map(|object| (object.role, out.tables.text(object.class))).collect()
}

#[test]
fn samples_read_as_expected() {
    for case in SAMPLES {
        insta::assert_snapshot!(case, outline(&parse(&sample(case))));
    }
}

#[test]
fn owners_that_were_printed_without_a_name_are_tied_where_one_way_is_left() {
    let out = parse(&sample("gdb-lock-cycle"));
    assert_eq!(objects(&out, 15536), [(ObjectRole::WaitsToLock, "b"), (ObjectRole::Holds, "a")]);
    assert_eq!(objects(&out, 15537), [(ObjectRole::WaitsToLock, "a"), (ObjectRole::Holds, "b")]);
    assert_eq!(out.notes.len(), 1);
    // Three mutexes are waited for and two owners are known: more than one way is left.
    let out = parse(&sample("gdb-session"));
    assert!(snapshots(&out)[0].objects.iter().all(|object| object.role != ObjectRole::Holds));
    assert_eq!(out.notes.len(), 1);
}

#[test]
fn owners_are_tied_by_the_command_that_printed_them() {
    let command = "gdb -batch -ex 'thread apply all bt' -ex 'p a.__data.__owner' -ex 'p b.__data.__owner'";
    let out = parse_with(&sample("gdb-lock-cycle"), &Hint { command, ..Hint::default() });
    assert_eq!(objects(&out, 15536)[1], (ObjectRole::Holds, "a"));
    assert_eq!(out.notes, []);
    let session = String::from_utf8_lossy(&sample("gdb-session"))
        .replace("(gdb) $1", "(gdb) p alice.lock.__data.__owner\n$1")
        .replace("(gdb) $2", "(gdb) print bob.lock\n$2");
    let out = parse(session.as_bytes());
    assert_eq!(objects(&out, 12567)[1], (ObjectRole::Holds, "alice"));
    assert_eq!(objects(&out, 12568)[1], (ObjectRole::Holds, "bob"));
    let session = session.replace("$1 = 12567", "$1 = 99");
    assert_eq!(
        parse(session.as_bytes()).notes[0].message,
        "thread 99, printed as the owner of a mutex, is not in the dump"
    );
}

#[test]
fn a_mutex_on_the_stack_tells_its_owner_in_a_full_backtrace() {
    let out = parse(&sample("gdb-full"));
    let held: Vec<_> = snapshots(&out)[0].objects.iter().filter(|o| o.role == ObjectRole::Holds).collect();
    assert_eq!((held.len(), held[0].object, held[0].frame), (1, 0x7f79_8a2b_ce90, 4));
}

#[test]
fn several_dumps_in_one_text_are_told_apart() {
    for (case, threads) in [("gdb-cartd", 7), ("eu-lock-cycle", 4), ("gstack", 5), ("lldb", 5)] {
        let once = sample(case);
        let out = parse(&[&once[..], &once].concat());
        let sizes: Vec<usize> = snapshots(&out).iter().map(|snapshot| snapshot.threads.len()).collect();
        assert_eq!(sizes, [threads, threads], "{case}");
    }
}

#[test]
fn a_cut_dump_is_not_complete() {
    let text = sample("gdb-cartd");
    let out = parse(&text[..text.len() / 2]);
    assert_eq!(snapshots(&out)[0].completeness, Completeness::Truncated);
    let end = memmem::find(&text, b"\nThread 3 ").unwrap();
    assert_eq!(snapshots(&parse(&text[..end]))[0].completeness, Completeness::Partial);
}

#[test]
fn a_log_line_within_is_left_out_and_said() {
    let text = String::from_utf8_lossy(&sample("gstack")).replacen("#3 ", "2026-11-21 INFO hello\r\n#3 ", 1);
    let out = parse(text.as_bytes());
    assert_eq!(out.notes.len(), 1);
    assert_eq!(snapshots(&out)[0].threads.len(), 5);
    let after = [&sample("gstack")[..], b"started\nlistening\nready\nrunning\n"].concat();
    assert_eq!(parse(&after).notes, []);
}

#[test]
fn frames_that_the_terminal_wrapped_are_joined() {
    let out = parse(
        b"Thread 1 (LWP 7):\n#0  poll (fds=0x5570,\n    nfds=1)\n    at ../poll.c:29\n#1  0x00005570 in run ()\n",
    );
    let snapshot = snapshots(&out)[0];
    let frames = out.tables.stack_frames(snapshot.threads[0].stack);
    assert_eq!((snapshot.completeness, frames.len()), (Completeness::Complete, 2));
    assert_eq!(out.tables.get_frame(frames[0]).line, 29);
}

#[test]
fn a_thread_that_is_past_the_lock_does_not_wait() {
    let text = b"Thread 1 (LWP 7):\n#0  0x00007f01 in ___pthread_mutex_lock (mutex=0x5570) at m.c:93\n#1  0x01 in f () at a.c:1\n";
    assert_eq!(snapshots(&parse(text))[0].objects, []);
}

#[test]
fn other_logs_do_not_open_a_dump() {
    for line in [
        &b"#0 building with \"default\" instance"[..],
        b"Thread 30401 (active+gil): \"MainThread\"",
        b"Thread 0x00007f3d2 (most recent call first):",
        b"Process 12 exited",
        b"[New session]",
        b"* thread of thoughts",
    ] {
        assert!(!NativeThreads.opens(line), "{}", String::from_utf8_lossy(line));
    }
}

proptest! {
    #[test]
    fn no_input_panics(case in 0usize..SAMPLES.len(), cut in 0usize..8000, at in 0usize..8000, byte: u8) {
        let mut text = sample(SAMPLES[case]);
        text.truncate(cut);
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
        parse(&text);
    }

    #[test]
    fn no_line_panics(text in "[#T *(fram0-9x <>=`:\\n]{0,80}") {
        parse(text.as_bytes());
        parse(format!("Thread 1 (LWP 7):\n#0  {text}\n").as_bytes());
        parse(format!("PID 1 - process\nTID 1:\n#0  {text}\n").as_bytes());
        parse(format!("* thread #1\n    frame #0: 0x1 {text}\n").as_bytes());
    }
}
