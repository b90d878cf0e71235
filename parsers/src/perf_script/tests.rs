//! Lines as perf prints them, most of them copied from captures.

use super::*;
use crate::lines::Text;

fn read(text: &str) -> Parsed {
    let mut out = Parsed::default();
    PerfScript.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
    out
}

fn profiles(out: &Parsed) -> Vec<&Profile> {
    let profiles = out.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Profile(profile) => Some(profile),
        _ => None,
    });
    profiles.collect()
}

fn notes(out: &Parsed) -> Vec<(LineNo, &str)> {
    out.notes.iter().map(|note| (note.line, note.message.as_str())).collect()
}

/// Function, module and kind of each frame of a row.
fn frames(out: &Parsed, profile: usize, row: usize) -> Vec<(&str, &str, FrameKind)> {
    let stack = out.tables.stack_frames(profiles(out)[profile].rows[row].stack).iter();
    let frames = stack.map(|id| out.tables.get_frame(*id));
    frames.map(|frame| (out.tables.text(frame.function), out.tables.text(frame.module), frame.kind)).collect()
}

/// comm, pid, tid, time, period, event, tail.
type Fields<'a> = (&'a str, i64, i64, Option<f64>, Option<u64>, &'a str, &'a str);

fn fields(line: &str) -> Option<Fields<'_>> {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    let h = header(line.as_bytes())?;
    Some((text(h.thread.comm), h.thread.pid, h.thread.tid, h.time, h.period, text(h.event), text(h.tail).trim()))
}

#[test]
fn headers_are_read_backwards_from_their_time() {
    const CLOCK: &str = "cpu-clock:pppH";
    for (line, expected) in [
        (
            "hot prog 17550  2880.952668:    2004008 cpu-clock:pppH: ",
            ("hot prog", 0, 17550, Some(2880.952668), Some(2004008), CLOCK, ""),
        ),
        (
            "bash 16622/16622 [000]  2857.918272: cpu-clock:pppH: ",
            ("bash", 16622, 16622, Some(2857.918272), None, CLOCK, ""),
        ),
        (
            "bash 16622 [000] K      2857.918272:    2004008 cpu-clock:pppH: ",
            ("bash", 0, 16622, Some(2857.918272), Some(2004008), CLOCK, ""),
        ),
        (
            "bash 16622 [000]  2857.918272739:    2004008 cpu-clock:pppH: ",
            ("bash", 0, 16622, Some(2857.918272739), Some(2004008), CLOCK, ""),
        ),
        (
            ":-1    -1 [000]   844.826776:     200040 cpu-clock:pppH: ",
            (":-1", 0, -1, Some(844.826776), Some(200040), CLOCK, ""),
        ),
        (
            ":820   820  2241.598123:      40000 cpu-clock:pppH: ",
            (":820", 0, 820, Some(2241.598123), Some(40000), CLOCK, ""),
        ),
        (
            "a: 1/2 3:   370  2220.626527:    5025125 cpu-clock:pppH:",
            ("a: 1/2 3:", 0, 370, Some(2220.626527), Some(5025125), CLOCK, ""),
        ),
        (
            "a: 1/2 3:  9024/9032  [000]  2493.665249: cpu-clock:pppH: ",
            ("a: 1/2 3:", 9024, 9032, Some(2493.665249), None, CLOCK, ""),
        ),
        (
            "T7 77 [001] 24850 [001]  3090.964352:   10101010 cpu-clock:pppH: ",
            ("T7 77 [001]", 0, 24850, Some(3090.964352), Some(10101010), CLOCK, ""),
        ),
        (
            "12345 24840 [000]  3091.013926:   10101010 cpu-clock:pppH: ",
            ("12345", 0, 24840, Some(3091.013926), Some(10101010), CLOCK, ""),
        ),
        (
            "  lead space   939  2252.927211:    5025125 cpu-clock:pppH: ",
            ("  lead space", 0, 939, Some(2252.927211), Some(5025125), CLOCK, ""),
        ),
        (
            "x 1 2.000000: y   939  2252.927211:    5025125 cycles:u: ",
            ("x 1 2.000000: y", 0, 939, Some(2252.927211), Some(5025125), "cycles:u", ""),
        ),
        (
            "swapper     0 [001]    12.000000: cpu_core/cycles/: ",
            ("swapper", 0, 0, Some(12.0), None, "cpu_core/cycles/", ""),
        ),
        (
            "redis-server  4735/4735    921.700317:       sched:sched_switch: redis-server:4735 [120] S ==> swapper/0:0 [120]",
            (
                "redis-server",
                4735,
                4735,
                Some(921.700317),
                None,
                "sched:sched_switch",
                "redis-server:4735 [120] S ==> swapper/0:0 [120]",
            ),
        ),
        (
            "zonesvr 162731 [004] 42055630.368972: syscalls:sys_enter_brk: brk: 0x00000000",
            ("zonesvr", 0, 162731, Some(42055630.368972), None, "syscalls:sys_enter_brk", "brk: 0x00000000"),
        ),
        (
            "f  9566 [001] 18490161.191159: kfree: call_site=ffffffff81092295 ptr=(nil)",
            ("f", 0, 9566, Some(18490161.191159), None, "kfree", "call_site=ffffffff81092295 ptr=(nil)"),
        ),
        ("bash  2857.918272: cycles: ", ("bash", 0, 0, Some(2857.918272), None, "cycles", "")),
        ("bash 16622  2857.918272: ", ("bash", 0, 16622, Some(2857.918272), None, "", "")),
        ("java 19983 cycles:", ("java", 0, 19983, None, None, "cycles", "")),
        ("func_ab 15294 cpu-clock: ", ("func_ab", 0, 15294, None, None, "cpu-clock", "")),
        ("pool 1 (busy) 24 [003]    4000 cycles:ppp: ", ("pool 1 (busy)", 0, 24, None, Some(4000), "cycles:ppp", "")),
        (
            "            bash 16622 cpu-clock:pppH:  ffffffff8168410e page_counter_charge ([kernel.kallsyms])",
            ("bash", 0, 16622, None, None, CLOCK, "ffffffff8168410e page_counter_charge ([kernel.kallsyms])"),
        ),
        (
            "false 39654 19115.489713:          1 cycles:u:  ffffffff9b201293 [unknown] ([unknown])",
            ("false", 0, 39654, Some(19115.489713), Some(1), "cycles:u", "ffffffff9b201293 [unknown] ([unknown])"),
        ),
    ] {
        assert_eq!(fields(line), Some(expected), "{line}");
    }
}

#[test]
fn other_lines_are_no_headers() {
    for line in [
        " instruction trace error type 1 time 4525.744123981 cpu 0 pid 21595 tid 21595 ip 0 code 8: Lost trace data",
        "# time of first sample : 2857.918272",
        "# nrcpus online : 2",
        "[   12.123456] usb 1-1: new device",
        "2026-11-21 22:46:59.123456 worker 12 failed: timeout",
        "worker 12 failed: timeout",
        "INFO 12.123456: upload: done",
        "[ 2390.246783] CPU: 3 PID: 8213 Comm: uwsgi Not tainted 5.4.0 (buster)",
        "CPU: 3 UID: 0 PID: 8213 Comm: uwsgi Not tainted 5.4.0 (buster)",
        "[ 2390.246907] RAX: ffffffffffffffda RBX: 00007f1455562000 RCX: 0000000000000000",
        "RAX: 0 RBX: 00007f1455562000 f (/x)",
        "\t           27a0 _start+0x25 (/usr/bin/x)",
        "SCHED 1006ms: gomaxprocs=2 idleprocs=0",
        "",
    ] {
        assert_eq!(fields(line), None, "{line}");
    }
}

#[test]
fn frames_keep_blanks_and_parentheses() {
    use FrameKind::{Inlined, Jit, Kernel, User};
    for (text, function, module, kind) in [
        (
            "std::_Function_handler<long (long), main::{lambda(long)#2}>::_M_invoke+0x8 (/srv/dir with space (x)/hot prog)",
            "std::_Function_handler<long (long), main::{lambda(long)#2}>::_M_invoke",
            "/srv/dir with space (x)/hot prog",
            User,
        ),
        (
            "(anonymous namespace)::EarlyCSE::run+0xf99 (/usr/lib/libLLVM.so)",
            "(anonymous namespace)::EarlyCSE::run",
            "/usr/lib/libLLVM.so",
            User,
        ),
        ("[unknown] (/memfd:sealed-91173221a7ea (deleted))", "[unknown]", "/memfd:sealed-91173221a7ea (deleted)", User),
        (
            "int io.northwind.game.Board.solve(int)+0x1c (/tmp/perf-9774.map)",
            "int io.northwind.game.Board.solve(int)",
            "/tmp/perf-9774.map",
            Jit,
        ),
        ("StubRoutines (1)+0x9f (/tmp/perf-9571.map)", "StubRoutines (1)", "/tmp/perf-9571.map", Jit),
        (
            "java.util.stream.Collectors$$Lambda$11/0x00007f39200424e0.apply(java.lang.Object) (/tmp/jitted-1-2.so)",
            "java.util.stream.Collectors$$Lambda$11/0x00007f39200424e0.apply(java.lang.Object)",
            "/tmp/jitted-1-2.so",
            Jit,
        ),
        ("x ([JIT app cache])", "x", "[JIT app cache]", Jit),
        ("operator[]+0x10b (inlined)", "operator[]", "", Inlined),
        ("do_syscall_64+0x71 ([kernel.kallsyms])", "do_syscall_64", "[kernel.kallsyms]", Kernel),
        ("start_kernel ([kernel.kallsyms].init.text)", "start_kernel", "[kernel.kallsyms].init.text", Kernel),
        ("x ([guest.kernel.kallsyms])", "x", "[guest.kernel.kallsyms]", Kernel),
        ("ext4_readdir+0x3 ([ext4])", "ext4_readdir", "[ext4]", Kernel),
        ("x (/lib/modules/5.4/kernel/../x.ko)", "x", "/lib/modules/5.4/kernel/../x.ko", Kernel),
        ("x+0xffff018fd5dce000 (/usr/lib/debug/vmlinux-5.4.14-x)", "x", "/usr/lib/debug/vmlinux-5.4.14-x", Kernel),
        ("bpf_prog_2b95 (bpf_prog_2b95)", "bpf_prog_2b95", "bpf_prog_2b95", Kernel),
        ("__vdso_clock_gettime+0x2 ([vdso])", "__vdso_clock_gettime", "[vdso]", User),
        ("x ([[vdso]])", "x", "[[vdso]]", User),
        ("[unknown] ([unknown])", "[unknown]", "[unknown]", User),
        (" (/lib/x.so)", "", "/lib/x.so", User),
        ("f (/srv/a(b)", "f", "/srv/a(b", User),
        ("f (/srv/a)b)", "f", "/srv/a)b", User),
        ("page_counter_charge", "page_counter_charge", "", User),
    ] {
        let out = read(&format!("x 1 2.000000: cycles: \n\t            1155 {text}\n\n"));
        assert_eq!(frames(&out, 0, 0), [(function, module, kind)], "{text}");
    }
}

#[test]
fn a_frame_may_stand_on_the_event_line() {
    let out = read(
        "        hot prog 17610  2883.3:\n        hot prog 17610  2883.304963:    2004008 cpu-clock:pppH:      55b1c25e3134 f+0xa (/x)\n            dead 17610  2883.315906:    2004008 cpu-clock:pppH:      55b1c25e3134 g (/x)\n",
    );
    assert_eq!((frames(&out, 0, 0)[0].0, frames(&out, 0, 1)[0].0), ("f", "g"));
    let names: Vec<_> = profiles(&out)[0].threads.iter().map(|thread| out.tables.text(thread.comm)).collect();
    assert_eq!(names, ["hot prog", "dead"]);
    assert_eq!(notes(&out), [(1, "1 line neither an event nor a frame")]);
}

#[test]
fn frames_of_old_files_need_no_tab() {
    let out = read(
        "java 19983 cycles:\n    7f0011223344 Lorg/mozilla/javascript/Scope; (/tmp/perf-1.map)\n\njava 19983 cycles:\n7f3a6e508212 [unknown] ([unknown])\n7f3a6e508213 f (/x)\n\n",
    );
    assert_eq!(frames(&out, 0, 0)[0].0, "Lorg/mozilla/javascript/Scope;");
    assert_eq!(frames(&out, 0, 1).len(), 2);
    assert_eq!((out.records, out.notes.len()), (2, 0));
}

#[test]
fn source_lines_belong_to_the_frame_above() {
    let out = read(
        "x 1 2.000000: cycles: \n\t  541b operator[]+0x10b\n  ledger.cpp:20 (inlined)\n\t  541b main+0x1 (/x)\n  libc-2.33.so[27b25]\n\n",
    );
    assert_eq!(frames(&out, 0, 0), [("operator[]", "", FrameKind::Inlined), ("main", "/x", FrameKind::User)]);
    let leaf = out.tables.get_frame(out.tables.stack_frames(profiles(&out)[0].rows[0].stack)[0]);
    assert_eq!((out.tables.text(leaf.file), leaf.line), ("ledger.cpp", 20));
    assert!(out.notes.is_empty(), "{:?}", out.notes);
}

#[test]
fn weights_are_periods_in_the_unit_of_the_event() {
    let unit = |event: &str| {
        let (kind, unit) = meaning(event.as_bytes(), true);
        (kind, unit)
    };
    assert_eq!(unit("cpu-clock:pppH"), (ProfileKind::Cpu, "nanoseconds".into()));
    assert_eq!(unit("task-clock"), (ProfileKind::Cpu, "nanoseconds".into()));
    assert_eq!(unit("cycles:u"), (ProfileKind::Cpu, "cycles".into()));
    assert_eq!(unit("cpu_core/cycles/u"), (ProfileKind::Cpu, "cycles".into()));
    assert_eq!(unit("instructions"), (ProfileKind::Event, "instructions".into()));
    assert_eq!(unit("sched:sched_switch"), (ProfileKind::Event, "sched:sched_switch".into()));
    assert_eq!(meaning(b"cpu-clock", false), (ProfileKind::Cpu, "samples".into()));
    let out = read(
        "x 1 2.000000: 70 page-faults: \n\t 1 f (/x)\n\nx 1 2.500000: 30 page-faults: \n\t 2 f (/x)\n\nx 1 2.600000: 9 cycles: \n",
    );
    let [faults, cycles] = profiles(&out)[..] else { panic!() };
    assert_eq!((faults.rows.len(), faults.rows[0].samples, faults.rows[0].weight), (1, 2, 100.0));
    assert_eq!((faults.when, faults.span_s), (When::Boot(2.0), 0.5));
    assert_eq!((cycles.line, cycles.rows[0].stack), (7, crate::tables::StackId::EMPTY));
}

#[test]
fn records_that_are_no_samples_are_counted() {
    let out = read(
        "# ========\nswapper     0 [000]     0.000000: PERF_RECORD_MMAP -1/0: [0xffffffff81000000(0x1206448) @ 0xffffffff81000000]: x [kernel.kallsyms]_text\n\
             perf-exec     0 [000]     0.000000: PERF_RECORD_COMM: perf-exec:16622/16622\nbash 16622 [000]  2857.918359: PERF_RECORD_FORK(16659:16659):(16622:16622)\n\
             sleep 17185  2872.547331: PERF_RECORD_SWITCH OUT        \nnames   803  2241.078291: PERF_RECORD_LOST lost 6\n:820   820  2241.590000: PERF_RECORD_LOST lost 81\n\
             sleep 17185 PERF_RECORD_SWITCH IN\nx 1 2.000000: cycles: \n\t 1 f (/x)\nx 1 2.000000: PERF_RECORD_SWITCH OUT\n\t 1 g (/x)\n",
    );
    assert_eq!(out.records, 1);
    assert_eq!(frames(&out, 0, 0).len(), 1);
    assert_eq!(
        notes(&out),
        [
            (6, "perf itself lost 87 samples (2 PERF_RECORD_LOST)"),
            (2, "8 lines of PERF_RECORD events that are no samples"),
            (12, "1 line with a frame that belongs to no event"),
            (1, "1 line of comments"),
        ]
    );
}

#[test]
fn an_address_behind_the_event_is_no_frame() {
    let out = read("x 1 2.000000: 1 page-faults:     7ffd1234 [unknown] ([stack])\n\t 1 f (/x)\n\n");
    assert_eq!(frames(&out, 0, 0), [("f", "/x", FrameKind::User)]);
    assert_eq!(notes(&out), [(2, "1 line with an address behind the event, which is not kept")]);
}

#[test]
fn a_torn_end_keeps_the_sample() {
    for (end, depth) in [
        ("\t     1155 f (/x)\n\t    7f12 half+0x", 1),
        ("\t     1155 f (/x)\n\t    7f", 1),
        ("\t     1155 f (/x)", 1),
        ("\t   ", 0),
        ("", 0),
    ] {
        let out = read(&format!("x 1 2.000000: cycles: \n{end}"));
        assert_eq!((out.records, frames(&out, 0, 0).len()), (1, depth), "{end:?}");
        assert_eq!(out.notes.len(), usize::from(!end.is_empty()), "{end:?}: {:?}", out.notes);
    }
}

#[test]
fn lines_with_carriage_returns_are_read_alike() {
    let out =
        read("x 1 2.000000: cycles: \r\n\t 1 f+0x1 (/x)\r\n\r\nx 1 3.000000: cycles: \r\n\t 2 f+0x3 (/x)\r\n\r\n");
    assert_eq!((profiles(&out)[0].rows.len(), profiles(&out)[0].rows[0].samples), (1, 2));
}

#[test]
fn only_perf_script_is_recognised() {
    let sniff = |text: &str| PerfScript.sniff(text.as_bytes(), &Hint::default());
    for text in [
        "java 19983 cycles:\n7f3a6e508212 [unknown] ([unknown])\n",
        "x  5072/5072       page-faults: \n\tffffffff817554ea\n",
        "x 1 2.000000: 1 cycles:  ffffffff9b201293 [unknown] ([unknown])\n",
        "perf: warning\nx 1 2.000000: 1 cycles: \n\t 1 f (/x)\n",
        "# ========\n# captured on    : Sat\n# perf version : 6.1.187\n# ========\n#\n",
        "a 1 [000] 2.000000: sched:sched_wakeup: comm=b\na 1 [000] 2.000001: sched:sched_wakeup: comm=b\na 1 [000] 2.000003: sched:sched_wakeup: comm=b\n",
    ] {
        assert_eq!(sniff(text), Sniff::Yes, "{text}");
    }
    for text in [
        "",
        "main;f;g 3\nmain;h 4\n",
        "SCHED 1006ms: gomaxprocs=2 idleprocs=0 threads=5 spinningthreads=0 idlethreads=2 runqueue=1 [0 0]\n",
        "timestamp,rss\n2026-11-21T22:00:00Z,12\n",
        "[   12.123456] usb 1-1: new device\n[   12.123457] usb 1-1: new device\n[   12.123458] a: b\n",
        "          <idle>-0     [001]   123.456789: sched_switch: a\n          <idle>-0     [001]   123.456789: sched_switch: a\n          <idle>-0     [001]   123.456790: sched_switch: a\n",
        "# ========\n# captured on    : Sat\n# perf version : 6.1.187\n# ========\n#\n# Samples: 1K of event 'cycles'\n",
        "2026/11/21 22:00:00 worker 12 failed: timeout\n\tat f (x.go:3)\n",
    ] {
        assert_eq!(sniff(text), Sniff::No, "{text}");
    }
}

#[test]
fn huge_lines_take_no_time() {
    for part in ["a: ", "1 a: ", "1 1.000000: ", "1.000000: a: ", "\t(", "1 a: 1 f (", " PERF_RECORD_"] {
        let text = format!("{}{}\n", part.repeat(200_000), " ".repeat(500_000));
        assert!(read(&text).records < 2, "{part}");
        PerfScript.sniff(text.as_bytes(), &Hint::default());
    }
}
