//! One timeline: clocks that count from a start are put on the wall's where something ties them, and nowhere else.

use postmortem::bundle::from_memory;
use postmortem::case::{Case, Clock};
use postmortem_parsers::time::instant;

/// 2026-11-21T22:00:00Z.
fn began() -> f64 {
    instant(b"2026-11-21T22:00:00Z").unwrap() as f64 / 1e9
}

fn case(files: &[(&str, &str)]) -> Case {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (*name, text.as_bytes())).collect();
    Case::build(&mut from_memory("timeline", &files).unwrap())
}

/// gctrace lines at these seconds of uptime; `stamp` puts a time before each.
fn gctrace(uptimes: &[f64], stamp: impl Fn(f64) -> String) -> String {
    let mut text = String::new();
    for (number, uptime) in uptimes.iter().enumerate() {
        text += &format!(
            "{}gc {} @{uptime:.3}s 1%: 0.1+0.2+0.01 ms clock, 0.2+0/0.3/0+0.02 ms cpu, 4->4->2 MB, 4 MB goal, 0 MB stacks, \
             0 MB globals, 2 P\n",
            stamp(*uptime),
            number + 1
        );
    }
    text
}

/// A container log's stamp `delay` seconds after the line was written, by a process that began `began` seconds late.
fn stamped(began: f64, delay: f64) -> impl Fn(f64) -> String {
    move |uptime| {
        let seconds = began + uptime + delay;
        format!("2026-11-21T22:{:02}:{:09.6}000Z stderr F ", seconds as u64 / 60, seconds % 60.0)
    }
}

const LIVE: &str = "go.memory.live_after_gc";

fn times(case: &Case, name: &str) -> (Clock, Vec<f64>) {
    let signal = case.signal(0, name).unwrap_or_else(|| panic!("no {name}"));
    let origin = if signal.clock == Clock::Wall { began() } else { 0.0 };
    (signal.clock, signal.samples.iter().map(|sample| ((sample.t - origin) * 100.0).round() / 100.0).collect())
}

#[test]
fn a_container_log_ties_the_uptime_of_its_lines() {
    let log = gctrace(&[1.0, 2.0, 5.5], stamped(30.0, 0.004));
    let case = case(&[("app.log", &log)]);
    assert_eq!(times(&case, LIVE), (Clock::Wall, vec![31.0, 32.0, 35.5]));
    assert!(
        case.subjects[0].joined_because[0].starts_with("app.log: 3 lines tell uptime and wall time, within "),
        "{:?}",
        case.subjects[0].joined_because
    );
}

#[test]
fn another_artifact_of_the_process_is_tied_with_it() {
    let log = gctrace(&[1.0, 2.0, 5.5], stamped(30.0, 0.004));
    let sched = "SCHED 3000ms: gomaxprocs=2 idleprocs=2 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 \
                 runqueue=0 [ 0 0 ] schedticks=[ 2 8 ]\n";
    let case = case(&[("app.log", &log), ("sched.log", sched)]);
    assert_eq!(times(&case, "go.sched.threads"), (Clock::Wall, vec![33.0]));
}

#[test]
fn each_life_has_its_own_start() {
    let log = gctrace(&[1.0, 9.0], stamped(0.0, 0.0)) + &gctrace(&[0.5, 4.0], stamped(20.0, 0.0));
    let case = case(&[("app.log", &log)]);
    assert_eq!(times(&case, LIVE), (Clock::Wall, vec![1.0, 9.0, 20.5, 24.0]));
}

#[test]
fn a_log_that_was_written_at_one_go_ties_nothing() {
    let log = gctrace(&[1.0, 60.0, 90.0], |_| "2026-11-21T22:05:00.000000000Z stderr F ".into());
    assert_eq!(times(&case(&[("app.log", &log)]), LIVE), (Clock::Uptime, vec![1.0, 60.0, 90.0]));
}

#[test]
fn without_stamps_a_second_life_follows_the_first() {
    let log = gctrace(&[1.0, 5.0, 9.0], |_| String::new()) + &gctrace(&[0.5, 4.0], |_| String::new());
    assert_eq!(times(&case(&[("app.log", &log)]), LIVE), (Clock::Uptime, vec![1.0, 5.0, 9.0, 9.5, 13.0]));
}

const KILL: &str = "[ 2390.246768] cartd invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=900\n\
    [ 2390.247001] memory: usage 163840kB, limit 163840kB, failcnt 105\n\
    [ 2390.247100] Memory cgroup out of memory: Killed process 5086 (cartd) total-vm:1235000kB, anon-rss:160000kB, \
    file-rss:3000kB, shmem-rss:0kB, UID:0 pgtables:500kB oom_score_adj:900\n";

#[test]
fn the_kill_that_kubernetes_saw_ties_the_kernels_clock() {
    let pod = std::fs::read_to_string("samples/kubectl-describe/oom-killed/describe-pod.txt").unwrap();
    let case = case(&[("dmesg.txt", KILL), ("describe-pod.txt", &pod)]);
    let kill = case.records.iter().find(|placed| case.path(placed.artifact) == "dmesg.txt").unwrap();
    let at = kill.at.unwrap();
    assert_eq!((at.clock, (at.t - began()).round()), (Clock::Wall, 42.0 * 60.0 + 56.0));
    let said = &case.subjects[kill.subject as usize].joined_because;
    assert!(said.iter().any(|said| said.contains("give or take 1 s")), "{said:?}");
}

#[test]
fn the_kernels_clock_is_not_that_of_a_process() {
    let log = gctrace(&[1.0, 2.0, 5.5], stamped(30.0, 0.004));
    let case = case(&[("app.log", &log), ("dmesg.txt", KILL)]);
    let kill = case.records.iter().find(|placed| case.path(placed.artifact) == "dmesg.txt").unwrap();
    assert_eq!(kill.at.map(|at| at.clock), Some(Clock::Boot));
}

#[test]
fn a_kill_ends_a_life() {
    let status = |seconds: std::ops::Range<u32>| -> String {
        let one =
            |s| format!("=== 2026-11-21T22:00:{s:02}Z ===\nName:\tcartd\nPid:\t5086\nVmRSS:\t {s}000 kB\nState:\tS\n");
        seconds.map(one).collect()
    };
    let log = KILL.replace("[ 2390.24", "2026-11-21T22:00:15.5Z node kernel: [ 2390.24");
    let case = case(&[("status.log", &(status(0..15) + &status(16..30))), ("kern.log", &log)]);
    assert_eq!(case.subjects[0].killed_at, [began() + 15.5]);
}
