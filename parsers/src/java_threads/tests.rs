use super::*;
use crate::lines::Text;
use proptest::prelude::*;
use std::fmt::Write;

fn parse_with(text: &[u8], hint: &Hint<'_>, first: LineNo) -> Parsed {
    let mut out = Parsed::default();
    let mut lines = Text::new(text, first).lines();
    while let Some(line) = lines.peek() {
        if JavaThreads.opens(line) {
            let before = lines.offset();
            JavaThreads.parse(&mut lines, hint, &mut out);
            assert!(lines.offset() > before, "no line was taken");
        } else {
            lines.advance();
        }
    }
    out
}

fn parse(text: &[u8]) -> Parsed {
    parse_with(text, &Hint::default(), 1)
}

fn snapshots<'a>(out: &'a Parsed) -> Vec<&'a Snapshot> {
    let snapshot = |evidence: &'a Evidence| match evidence {
        Evidence::Snapshot(snapshot) => Some(snapshot),
        _ => None,
    };
    out.evidence.iter().filter_map(snapshot).collect()
}

fn sample(case: &str) -> Vec<u8> {
    let path = format!("{}/../samples/java-threads/{case}/dump.txt", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

const SAMPLES: [&str; 11] = [
    "jdk11",
    "jdk17-class-init",
    "jdk17-compiled-wait",
    "jdk17-deadlock",
    "jdk17-extended",
    "jdk17-kill3-in-log",
    "jdk21",
    "jdk21-virtual",
    "jdk25",
    "jdk25-odd-names",
    "jdk25-virtual",
];

/// What matters of a text's evidence: per thread name, marks, state, number of frames, top frame and objects.
fn outline(out: &Parsed) -> String {
    let mut text = String::new();
    let tables = &out.tables;
    for snapshot in snapshots(out) {
        let when = match snapshot.when {
            When::Wall(at) => time::rfc3339_utc(at),
            other => format!("{other:?}"),
        };
        let version = tables.text(snapshot.version);
        let Snapshot { line, origin, completeness, open, .. } = snapshot;
        writeln!(text, "== line {line} {origin} {version} {when} {completeness:?} open={open}").unwrap();
        for thread in &snapshot.threads {
            let marks = [
                (thread.marks.daemon, " daemon"),
                (thread.marks.system, " system"),
                (thread.marks.is_virtual, " virtual"),
                (thread.marks.truncated, " truncated"),
            ];
            let marks: String = marks.iter().filter(|(set, _)| *set).map(|(_, word)| *word).collect();
            let os_id = thread.os_id.map_or(String::new(), |id| format!(" os={id}"));
            let (id, name, state) = (thread.id, tables.text(thread.name), tables.text(thread.state));
            write!(text, "{}-{} #{id}{os_id} {name:?}{marks} [{state}]", thread.line, thread.end).unwrap();
            let functions: Vec<&str> = tables.functions(thread.stack).collect();
            if let Some(top) = functions.first() {
                write!(text, " {}x {top}", functions.len()).unwrap();
            }
            text.push('\n');
            for object in snapshot.objects_of(thread) {
                let (role, class) = (object.role, tables.text(object.class));
                let frame = if object.frame == u16::MAX { "-".into() } else { object.frame.to_string() };
                writeln!(text, "    {frame} {role:?} {:#x} {class}", object.object).unwrap();
            }
        }
        for deadlock in &snapshot.deadlocks {
            let members: Vec<String> =
                deadlock.members.iter().map(|(name, object)| format!("{:?} {object:#x}", tables.text(*name))).collect();
            writeln!(text, "deadlock at line {}: {}", deadlock.line, members.join(", ")).unwrap();
        }
    }
    for note in &out.notes {
        writeln!(text, "note {}: {}", note.line, note.message).unwrap();
    }
    text
}

#[test]
fn samples_read_as_recorded() {
    for case in SAMPLES {
        insta::assert_snapshot!(case, outline(&parse(&sample(case))));
    }
}

#[test]
fn line_ends_of_windows_change_nothing() {
    for case in SAMPLES {
        let text = String::from_utf8(sample(case)).unwrap();
        assert_eq!(outline(&parse(text.replace('\n', "\r\n").as_bytes())), outline(&parse(text.as_bytes())), "{case}");
    }
}

#[test]
fn headers_of_all_versions() {
    type Case = (&'static str, &'static str, Option<u64>, Option<u64>, bool, Option<f64>, &'static str);
    let cases: [Case; 8] = [
        (
            "\"main\" #1 prio=5 os_prio=0 tid=0x00007f8a4c00a000 nid=0x1b runnable [0x00007f8a53a0d000]",
            "main",
            Some(1),
            Some(27),
            false,
            None,
            "runnable",
        ),
        (
            "\"C1 CompilerThread0\" #7 daemon prio=9 os_prio=0 cpu=13.21ms elapsed=4.31s tid=0x00007f39cc10a800 nid=0x206 waiting on condition  [0x0000000000000000]",
            "C1 CompilerThread0",
            Some(7),
            Some(518),
            true,
            Some(13.21),
            "waiting on condition",
        ),
        (
            "\"main\" #3 [1804] prio=5 os_prio=0 cpu=77.06ms elapsed=3.82s allocated=1155K defined_classes=713 tid=0x00007f24b802a900 nid=1804 waiting on condition  [0x00007f24bc51e000]",
            "main",
            Some(3),
            Some(1804),
            false,
            Some(77.06),
            "waiting on condition",
        ),
        (
            "\"ForkJoinPool-1-worker-2\" #24 [1840] daemon prio=5 os_prio=0 cpu=1267.94ms elapsed=3.63s tid=0x00007f24b8156380  [0x00007f24956fe000]",
            "ForkJoinPool-1-worker-2",
            Some(24),
            Some(1840),
            true,
            Some(1267.94),
            "",
        ),
        (
            "\"GC Thread#0\" os_prio=0 cpu=1.49ms elapsed=5.21s tid=0x00007f9250040000 nid=0x75cb runnable  ",
            "GC Thread#0",
            None,
            Some(30155),
            false,
            Some(1.49),
            "runnable",
        ),
        (
            "\"main\" #1 prio=5 os_prio=0 cpu=200.94ms elapsed=4.13s tid=0x00007f9d88017ef0 nid=0x3f81 sleeping [0x00007f9d8e51e000]",
            "main",
            Some(1),
            Some(16257),
            false,
            Some(200.94),
            "sleeping",
        ),
        (
            "\"say \"hi\" #7 tid=0x1 nid=2\" #13 daemon prio=5 os_prio=0 cpu=0.22ms elapsed=4.06s tid=0x00007f9d8813fbf0 nid=0x3f94 in Object.wait()  [0x00007f9d711fe000]",
            "say \"hi\" #7 tid=0x1 nid=2",
            Some(13),
            Some(16276),
            true,
            Some(0.22),
            "in Object.wait()",
        ),
        (
            "\"\" #14 daemon prio=5 os_prio=0 cpu=0.24ms elapsed=4.05s tid=0x00007f9d88140de0 nid=0x3f95 waiting for monitor entry  [0x00007f9d710fe000]",
            "",
            Some(14),
            Some(16277),
            true,
            Some(0.24),
            "waiting for monitor entry",
        ),
    ];
    for (line, name, id, os_id, daemon, cpu_ms, word) in cases {
        let found = header(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(
            (found.name, found.id, found.os_id, found.daemon, found.cpu_ms, found.word),
            (name.as_bytes(), id, os_id, daemon, cpu_ms, word.as_bytes()),
            "{line}"
        );
    }
    for line in ["\"http-nio-8080-exec-1\":", "\"key\": 1,", "\"a\" #1 prio=5", "main #1 tid=0x1", "\""] {
        assert_eq!(header(line.as_bytes()), None, "{line}");
    }
}

#[test]
fn frames_keep_module_file_and_line() {
    let out = parse(
        b"\"main\" #1 prio=5 os_prio=0 tid=0x1 nid=0x1 runnable [0x1]\n   java.lang.Thread.State: RUNNABLE\n\
        \tat jdk.internal.misc.Unsafe.park(java.base@17.0.15/Native Method)\n\
        \tat java.util.concurrent.FutureTask.run(java.base@17.0.15/FutureTask.java:264)\n\
        \tat Dead$$Lambda$1/0x0000000100060840.run(Unknown Source)\n\
        \tat com.acme.bank.Account.<init>(C01.java:5)\n",
    );
    let stack = snapshots(&out)[0].threads[0].stack;
    let frames: Vec<_> = out
        .tables
        .stack_frames(stack)
        .iter()
        .map(|&id| {
            let frame = out.tables.get_frame(id);
            let text = |name| out.tables.text(name);
            (text(frame.function), text(frame.module), text(frame.file), frame.line, frame.kind)
        })
        .collect();
    assert_eq!(
        frames,
        [
            ("jdk.internal.misc.Unsafe.park", "java.base@17.0.15", "", 0, FrameKind::Native),
            ("java.util.concurrent.FutureTask.run", "java.base@17.0.15", "FutureTask.java", 264, FrameKind::User),
            ("Dead$$Lambda$1/0x0000000100060840.run", "", "", 0, FrameKind::User),
            ("com.acme.bank.Account.<init>", "", "C01.java", 5, FrameKind::User),
        ]
    );
}

/// A dump of two threads, the second one waiting for a monitor that the first has.
const TWO: &str = "2026-11-21 22:27:05\n\
    Full thread dump OpenJDK 64-Bit Server VM (21.0.8+9-LTS mixed mode, sharing):\n\n\
    \"a\" #1 [7] prio=5 os_prio=0 cpu=1.00ms elapsed=1.00s tid=0x1 nid=7 runnable  [0x2]\n   \
       java.lang.Thread.State: RUNNABLE\n\tat Top.a(Top.java:1)\n\t- locked <0x10> (a X)\n\tat Top.b(Top.java:2)\n\n\
    \"b\" #2 [8] prio=5 os_prio=0 cpu=1.00ms elapsed=1.00s tid=0x3 nid=8 waiting for monitor entry  [0x4]\n   \
       java.lang.Thread.State: BLOCKED (on object monitor)\n\tat Top.c(Top.java:3)\n\t- waiting to lock <0x10> (a X)\n\n\
    JNI global refs: 4, weak refs: 0\n\n";

#[test]
fn lines_of_a_log_within_a_dump_are_left_out() {
    let log = "2026-11-21 22:27:05 INFO {\"n\": 1}\n";
    let plain = outline(&parse(TWO.as_bytes()));
    let lines: Vec<&str> = TWO.lines().collect();
    for at in 2..lines.len() - 2 {
        let mut with = lines.clone();
        with.insert(at, log.trim_end());
        let out = parse((with.join("\n") + "\n").as_bytes());
        let all = snapshots(&out);
        assert_eq!(all.len(), 1, "{at}");
        assert_eq!(all[0].completeness, Completeness::Complete, "{at}");
        let stacks: Vec<usize> = all[0].threads.iter().map(|t| out.tables.functions(t.stack).len()).collect();
        assert_eq!((stacks, all[0].objects.len()), (vec![2, 1], 2), "{at}: {plain}");
        assert_eq!(out.notes.len(), 1, "{at}: {:?}", out.notes);
    }
}

#[test]
fn the_trace_of_a_logged_exception_is_not_a_stack() {
    let trace = "ERROR java.io.IOException: gone\n\tat Other.x(Other.java:1)\n\t... 3 more\nINFO next\n";
    let out = parse(TWO.replace("\tat Top.b", &format!("{trace}\tat Top.b")).as_bytes());
    let functions: Vec<&str> = out.tables.functions(snapshots(&out)[0].threads[0].stack).collect();
    assert_eq!(functions, ["Top.a", "Top.b"]);
}

#[test]
fn a_log_that_follows_a_cut_dump_is_not_taken() {
    let head = TWO.split("JNI").next().unwrap().trim_end();
    let log = "INFO one\nINFO two\njava.lang.IllegalStateException: x\n\tat Other.x(Other.java:1)\n}\n";
    let text = format!("{head}\n{}", log.repeat(40));
    let mut lines = Text::new(text.as_bytes(), 1).lines();
    lines.advance();
    let mut out = Parsed::default();
    JavaThreads.parse(&mut lines, &Hint::default(), &mut out);
    assert_eq!(lines.peek(), Some(&b"INFO one"[..]));
    let [snapshot] = snapshots(&out)[..] else { panic!() };
    assert_eq!((snapshot.open, snapshot.completeness, snapshot.threads.len()), (true, Completeness::Unknown, 2));
}

#[test]
fn dumps_after_each_other_are_snapshots_with_their_times() {
    let second = TWO.replace("22:27:05", "22:27:15");
    for text in [format!("{TWO}{second}"), format!("{}{second}", TWO.split("JNI").next().unwrap())] {
        let out = parse(text.as_bytes());
        let when: Vec<When> = snapshots(&out).iter().map(|s| s.when).collect();
        let at = |text: &[u8]| When::Wall(time::instant(text).unwrap());
        assert_eq!(when, [at(b"2026-11-21 22:27:05"), at(b"2026-11-21 22:27:15")]);
        assert!(snapshots(&out).iter().all(|s| s.threads.len() == 2));
    }
}

#[test]
fn the_time_of_the_log_wins_over_a_zone_that_is_not_told() {
    let logged = time::instant(b"2026-11-21T20:27:05Z").unwrap();
    let times = vec![logged; TWO.lines().count()];
    let mut lines = Text::numbered(TWO.as_bytes(), crate::lines::Numbering::From(1), &times).lines();
    lines.advance();
    let mut out = Parsed::default();
    JavaThreads.parse(&mut lines, &Hint::default(), &mut out);
    assert_eq!(snapshots(&out)[0].when, When::Wall(logged));
    assert_eq!(out.notes.len(), 1);
}

#[test]
fn jcmd_tells_the_process() {
    let out = parse(format!("2041:\n{TWO}").as_bytes());
    assert_eq!(snapshots(&out)[0].claims.pid, Some(2041));
}

#[test]
fn a_cut_dump_says_so() {
    for end in ["\tat Top.c(Top", "\t- waiting to lock", "JNI glo"] {
        let at = TWO.find(end).unwrap() + end.len();
        let out = parse(&TWO.as_bytes()[..at]);
        let [snapshot] = snapshots(&out)[..] else { panic!("{end}") };
        assert_eq!(
            (snapshot.completeness, snapshot.open, out.notes.is_empty()),
            (Completeness::Truncated, true, false)
        );
    }
}

#[test]
fn a_dump_without_its_head_is_not_complete() {
    let text = TWO.split_once("\n\n").unwrap().1;
    let out = parse(text.as_bytes());
    let [snapshot] = snapshots(&out)[..] else { panic!() };
    assert_eq!((snapshot.continues, snapshot.completeness), (true, Completeness::Unknown));
    assert_eq!(out.notes.len(), 1);
}

#[test]
fn a_name_with_a_line_end_is_one_thread() {
    let out = parse(TWO.replace("\"b\"", "\"b\nc\"").as_bytes());
    let names: Vec<&str> = snapshots(&out)[0].threads.iter().map(|t| out.tables.text(t.name)).collect();
    assert_eq!(names, ["a", "b\nc"]);
}

/// JDK 11 prints `waiting to re-lock` for every thread in Object.wait: its state tells whether it was notified.
#[test]
fn waits_of_11_are_told_by_the_state() {
    for (state, role) in [("WAITING", ObjectRole::WaitsOn), ("BLOCKED", ObjectRole::WaitsToRelock)] {
        let out = parse(
            format!(
                "\"Finalizer\" #3 daemon prio=8 os_prio=0 cpu=0.26ms elapsed=4.34s tid=0x1 nid=0x1ff in Object.wait()  [0x1]\n   \
                java.lang.Thread.State: {state} (on object monitor)\n\
                \tat java.lang.Object.wait(java.base@11.0.13/Native Method)\n\
                \t- waiting on <0x10> (a X)\n\
                \tat A.a(java.base@11.0.13/Unknown Source)\n\
                \t- waiting to re-lock in wait() <0x10> (a X)\n\
                \tat A.b(java.base@11.0.13/Unknown Source)\n\
                \t- locked <0x20> (a Y)\n\t- locked <0x10> (a X)\n"
            )
            .as_bytes(),
        );
        let found: Vec<_> = snapshots(&out)[0].objects.iter().map(|o| (o.frame, o.role, o.object)).collect();
        assert_eq!(found, [(0, role, 0x10), (2, ObjectRole::Holds, 0x20)], "{state}");
    }
}

/// A text is cut into blocks at blank lines: what the blocks give must be what the whole gives.
#[test]
fn blocks_give_what_the_whole_gives() {
    for case in ["jdk11", "jdk17-extended", "jdk25-virtual"] {
        let text = sample(case);
        let whole = parse(&text);
        for cut in memmem::find_iter(&text, b"\n\n").map(|at| at + 2) {
            let line = text[..cut].iter().filter(|byte| **byte == b'\n').count() as u32 + 1;
            let mut out = parse(&text[..cut]);
            out.append(parse_with(&text[cut..], &Hint { continues: true, ..Hint::default() }, line));
            let all = snapshots(&out);
            let threads = |s: &Snapshot, out: &Parsed| -> Vec<(u64, String, usize)> {
                let of = |t: &Thread| (t.id, out.tables.text(t.state).to_owned(), out.tables.functions(t.stack).len());
                s.threads.iter().map(of).collect()
            };
            assert_eq!(threads(all[0], &out), threads(snapshots(&whole)[0], &whole), "{case} {line}");
            let at_thread =
                text[cut..].starts_with(b"\"") && header(text[cut..].split(|b| *b == b'\n').next().unwrap()).is_some();
            if at_thread && !case.ends_with("virtual") {
                assert_eq!(outline(&out), outline(&whole), "{case} {line}");
            }
        }
    }
}

const REPORT: &str = "Found one Java-level deadlock:\n=============================\n\"x\":\n  \
    waiting to lock monitor 0x7 (object 0x10, a X),\n  which is held by \"y\"\n\"y\":\n  \
    waiting for ownable synchronizer 0x20, (a Y),\n  which is held by \"x\"\n\n\
    Java stack information for the threads listed above:\n===================================================\n\
    \"x\":\n\tat A.a(A.java:1)\n\"y\":\n\tat A.b(A.java:1)\n\nFound 1 deadlock.\n\n";

/// Far behind its dump a report still belongs to it; without one it stands for itself.
#[test]
fn a_deadlock_is_never_lost() {
    let far = format!("{TWO}{}{REPORT}", "INFO x\n".repeat(100));
    for (text, threads) in [(far, 2), (REPORT.to_owned(), 0)] {
        let out = parse(text.as_bytes());
        let [snapshot] = snapshots(&out)[..] else { panic!() };
        let members: Vec<_> = snapshot.deadlocks[0].members.iter().map(|(n, o)| (out.tables.text(*n), *o)).collect();
        assert_eq!((snapshot.threads.len(), members), (threads, vec![("x", 0x10), ("y", 0x20)]));
    }
}

/// A second dump whose head was lost is not the first one going on.
#[test]
fn a_thread_that_comes_again_begins_another_dump() {
    let first = TWO.split("JNI").next().unwrap();
    let second = TWO.split_once("\n\n").unwrap().1;
    let out = parse(format!("{first}{}{second}", "INFO x\n".repeat(100)).as_bytes());
    assert_eq!(snapshots(&out).iter().map(|s| s.threads.len()).collect::<Vec<_>>(), [2, 2]);
}

/// Lines that open another format end a dump; it goes on at its next thread, as the same snapshot.
#[test]
fn a_dump_goes_on_behind_a_record_of_another_format() {
    let other = "goroutine 1 [running]:\nmain.main()\n\t/src/main.go:5 +0x1\n\n";
    let text = TWO.replace("\"b\"", &format!("{other}\"b\""));
    let out = parse(text.as_bytes());
    let [snapshot] = snapshots(&out)[..] else { panic!() };
    assert_eq!((snapshot.threads.len(), snapshot.completeness), (2, Completeness::Complete));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        parse(&text);
        JavaThreads.sniff(&text, &Hint::default());
        let mut lines = Text::new(&text, 1).lines();
        JavaThreads.parse(&mut lines, &Hint::default(), &mut Parsed::default());
    }

    /// Real dumps with lines dropped, doubled and swapped, bytes changed, and the end cut off.
    #[test]
    fn damaged_dumps_are_read(
        case in 0..SAMPLES.len(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), 0..4u8, any::<u8>()), 0..40),
        end in any::<prop::sample::Index>(),
    ) {
        let text = sample(SAMPLES[case]);
        let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        for (at, edit, byte) in edits {
            let at = at.index(lines.len());
            match edit {
                0 => drop(lines.remove(at)),
                1 => lines.insert(at, lines[at].clone()),
                2 => lines.swap(at, usize::from(byte) % 20),
                _ => if let Some(first) = lines[at].first_mut() { *first = byte },
            }
        }
        let mut text = lines.join(&b'\n');
        text.truncate(end.index(text.len() + 1));
        let out = parse(&text);
        for snapshot in snapshots(&out) {
            for thread in &snapshot.threads {
                prop_assert!(thread.objects.end as usize <= snapshot.objects.len() && thread.end > thread.line);
            }
        }
    }
}
