use super::*;
use crate::lines::Text;

fn parse(text: &str) -> Parsed {
    let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
    while let Some(line) = lines.peek() {
        if PythonThreads.opens(line) {
            PythonThreads.parse(&mut lines, &Hint::default(), &mut out);
        } else {
            lines.advance();
        }
    }
    out
}

fn snapshots(out: &Parsed) -> Vec<&Snapshot> {
    out.evidence.iter().filter_map(|e| if let Evidence::Snapshot(s) = e { Some(s) } else { None }).collect()
}

fn functions(out: &Parsed, stack: StackId) -> Vec<&str> {
    out.tables.functions(stack).collect()
}

const SPY: &str = "Process 15338: /usr/bin/python3 t.py\nPython v3.11.7 (/usr/bin/python3.11)\n\n\
    Thread 15338 (active+gil): \"MainThread\"\n    time_time (libpython3.11.so.1.0)\n    <module> (t.py:14)\n    \
    0x7f3c0ee4524a (libc.so.6)\nThread 15390 (idle): \"x\"\n    x (t.py:6)\n    Thread.run (threading.py:982)\n        \
    Arguments:\n            self: <Thread at 0x7f3c0e9623d0>\n";

#[test]
fn py_spy_says_process_version_and_state() {
    let out = parse(SPY);
    let [snapshot] = snapshots(&out)[..] else { panic!("{:?}", out.evidence) };
    assert_eq!((snapshot.origin, snapshot.claims.pid), (PY_SPY, Some(15338)));
    assert_eq!(out.tables.text(snapshot.version), "3.11.7");
    assert_eq!(snapshot.completeness, Completeness::Complete);
    let [main, x] = &snapshot.threads[..] else { panic!() };
    assert_eq!((main.id, main.os_id, out.tables.text(main.state)), (15338, Some(15338), "active+gil"));
    assert_eq!(functions(&out, main.stack), ["time_time", "<module>", "[unknown]"]);
    assert_eq!((out.tables.text(x.name), functions(&out, x.stack)), ("x", vec!["x", "Thread.run"]));
    let kinds: Vec<_> =
        out.tables.stack_frames(main.stack).iter().map(|frame| out.tables.get_frame(*frame).kind).collect();
    assert_eq!(kinds, [FrameKind::Native, FrameKind::User, FrameKind::Native]);
    assert!(out.notes.is_empty());
}

#[test]
fn each_process_and_each_time_is_a_snapshot() {
    let out = parse(&format!("{SPY}\n{SPY}"));
    assert_eq!(snapshots(&out).iter().map(|s| s.threads.len()).collect::<Vec<_>>(), [2, 2]);
}

const FATAL: &str = "Fatal Python error: Segmentation fault\n\nCurrent thread 0x00007f3f471536c0 (most recent call \
    first):\n  File \"/usr/lib/python3.11/ctypes/__init__.py\", line 519 in string_at\n  File \"/srv/thumbsd.py\", line 3 \
    in read_header\n\nThread 0x00007f3f47c4a2c0 (most recent call first):\n  File \"/srv/thumbsd.py\", line 8 in <module>\n";

#[test]
fn a_fatal_error_has_the_stack_of_the_current_thread() {
    let out = parse(FATAL);
    let Some(Evidence::Record(record)) = out.evidence.first() else { panic!("{:?}", out.evidence) };
    assert_eq!((record.kind, record.attribute("message")), (RecordKind::Fatal, Some("Segmentation fault")));
    assert_eq!(functions(&out, record.stack), ["string_at", "read_header"]);
    let [snapshot] = snapshots(&out)[..] else { panic!() };
    assert!(snapshot.threads[0].marks.crashed && !snapshot.threads[1].marks.crashed);
    assert_eq!((snapshot.threads[0].id, snapshot.threads[0].os_id), (0x7f3f_4715_36c0, None));
}

#[test]
fn an_id_that_comes_again_begins_a_new_dump() {
    let dump = &FATAL[FATAL.find("Current").unwrap()..];
    let out = parse(&dump.repeat(3));
    assert_eq!(snapshots(&out).iter().map(|s| s.threads.len()).collect::<Vec<_>>(), [2, 2, 2]);
    assert!(out.evidence.iter().all(|e| matches!(e, Evidence::Snapshot(_))), "only a fatal error is a record");
}

#[test]
fn log_lines_between_threads_and_frames_are_left_out() {
    let text = FATAL
        .replace("\n\nThread", "\n\nINFO still here\nThread")
        .replace("  File \"/srv/thumbsd.py\", line 3", "WARN slow\n  File \"/srv/thumbsd.py\", line 3");
    let out = parse(&text);
    let [snapshot] = snapshots(&out)[..] else { panic!("{:?}", out.evidence) };
    assert_eq!(functions(&out, snapshot.threads[0].stack), ["string_at", "read_header"]);
    assert_eq!(snapshot.threads.len(), 2);
    assert_eq!(out.notes.len(), 1, "{:?}", out.notes);
}

#[test]
fn what_faulthandler_cuts_off_is_marked() {
    let text = "Timeout (0:00:03)!\nThread 0x00007f6f82ffd6c0 (most recent call first):\n  File \"a.py\", line 1 in f\n  ...\n\n...\n";
    let out = parse(text);
    let [snapshot] = snapshots(&out)[..] else { panic!() };
    assert!(snapshot.threads[0].marks.truncated);
    assert_eq!(snapshot.completeness, Completeness::Truncated);
    let half = parse(&SPY[..SPY.find("ding.py:982").unwrap()]);
    assert_eq!(snapshots(&half)[0].completeness, Completeness::Truncated);
    assert!(snapshots(&half)[0].threads[1].marks.truncated);
}

#[test]
fn other_programs_have_threads_too() {
    for line in [
        "Thread 3 (Thread 0x7f584b8a16c0 (LWP 30672) \"cdead\"):",
        "Thread 2 (LWP 123):",
        "Thread pool started",
        "Process started",
        "Python is great",
        "Timeout (10s)!",
        "Process 12 exited: 3",
    ] {
        assert!(!PythonThreads.opens(line.as_bytes()), "{line}");
    }
}

#[test]
fn the_name_of_a_thread_may_stand_in_brackets() {
    let found = header(b"Thread 0x00007f6f82ffd6c0 [MainThread] (most recent call first):").unwrap();
    assert_eq!((found.name, found.id), (&b"MainThread"[..], 0x7f6f_82ff_d6c0));
}

#[test]
fn a_dump_goes_on_in_the_next_block_but_dumps_are_not_joined() {
    let dump = &FATAL[FATAL.find("Current").unwrap()..];
    let (first, second) = dump.split_at(dump.find("Thread 0x").unwrap());
    let mut all = parse(first);
    let next = format!("{second}Timeout (0:00:03)!\n{dump}{dump}");
    let (mut out, mut lines) = (Parsed::default(), Text::new(next.as_bytes(), 9).lines());
    let hint = Hint { continues: true, ..Hint::default() };
    while lines.peek().is_some() {
        PythonThreads.parse(&mut lines, &hint, &mut out);
    }
    all.append(out);
    assert_eq!(snapshots(&all).iter().map(|s| s.threads.len()).collect::<Vec<_>>(), [2, 2, 2]);
}
