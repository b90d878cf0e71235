//! Who is who: processes of one name are lives of one only where they did not live at the same time.

use postmortem::bundle::from_memory;
use postmortem::case::Case;

fn status(pid: u32, seconds: std::ops::Range<u32>, kb: u32) -> String {
    seconds
        .map(|s| format!("=== 2026-11-21T22:00:{s:02}Z ===\nName:\tworker\nPid:\t{pid}\nVmRSS:\t {kb} kB\nThreads:\t4\nState:\tS (sleeping)\n"))
        .collect()
}

fn subjects(first: &str, second: &str) -> Case {
    let mut bundle = from_memory("two", &[("a.log", first.as_bytes()), ("b.log", second.as_bytes())]).unwrap();
    Case::build(&mut bundle)
}

#[test]
fn two_that_live_at_the_same_time_are_two() {
    let case = subjects(&status(101, 0..10, 1000), &status(202, 0..10, 9000));
    assert_eq!(case.subjects.iter().map(|subject| subject.pids.clone()).collect::<Vec<_>>(), [[101], [202]]);
    for id in case.subject_ids() {
        let rss = case.signal(id, "process.memory.usage").unwrap();
        assert!(rss.samples.windows(2).all(|pair| pair[0].value == pair[1].value), "{rss:?}");
    }
}

#[test]
fn one_after_the_other_they_are_lives_of_one() {
    let case = subjects(&status(101, 0..10, 1000), &status(202, 20..30, 9000));
    assert_eq!(case.subjects.len(), 1);
    assert_eq!(case.subjects[0].pids, [101, 202]);
    let second = case.signal(0, "process.memory.usage").unwrap().samples[10].t;
    assert_eq!(case.subjects[0].began_again, [second]);
}
