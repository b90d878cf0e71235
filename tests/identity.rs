//! Who is who: processes of one name are lives of one only where they did not live at the same time.

use postmortem::bundle::from_memory;
use postmortem::case::Case;
use postmortem_parsers::evidence::RecordKind;

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

/// The kernel's report of a kill, as 6.18 prints it, cut to its last lines.
fn kill(pid: u32, comm: &str, cgroup: &str) -> String {
    format!(
        "[ 100.1] {comm} invoked oom-killer: gfp_mask=0xcc0(GFP_KERNEL), order=0, oom_score_adj=0\n\
         [ 100.2] memory: usage 131072kB, limit 131072kB, failcnt 87\n\
         [ 100.3] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,\
         oom_memcg={cgroup},task_memcg={cgroup},task={comm},pid={pid},uid=0\n\
         [ 100.4] Memory cgroup out of memory: Killed process {pid} ({comm}) total-vm:133036kB, anon-rss:129664kB, \
         file-rss:1252kB, shmem-rss:0kB, UID:0 pgtables:300kB oom_score_adj:0\n"
    )
}

const WEB: &str = "1cbfccf7a0ea384428372eb560a8d8b49ed2ff7e2ac1a2f03f05a5fb1ed2b1aa";
const DB: &str = "9d3fccf7a0ea384428372eb560a8d8b49ed2ff7e2ac1a2f03f05a5fb1ed2b1bb";

/// The names of the processes that kills were given to; none: to the machine.
fn killed(files: &[(&str, &str)]) -> Vec<Option<String>> {
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    let case = Case::build(&mut from_memory("kills", &files).unwrap());
    let kills = case.records.iter().filter(|placed| placed.what.kind == RecordKind::Kill);
    kills
        .map(|kill| &case.subjects[kill.subject as usize])
        .map(|subject| subject.is_process().then(|| subject.name.clone()))
        .collect()
}

#[test]
fn a_kill_of_another_process_is_not_laid_at_the_only_one() {
    let own = status(101, 0..3, 1000);
    let stranger = kill(4242, "mysqld", "/system.slice/mysql.service");
    assert_eq!(killed(&[("status.log", &own), ("dmesg.txt", &stranger)]), [None]);
    let same_pid = kill(101, "worker", "/system.slice/worker.service");
    assert_eq!(killed(&[("status.log", &own), ("dmesg.txt", &same_pid)]), [Some("worker".into())]);
    // Within a container the pid is another one.
    let same_name = kill(4242, "worker", "/docker/x");
    assert_eq!(killed(&[("status.log", &own), ("dmesg.txt", &same_name)]), [Some("worker".into())]);
}

#[test]
fn a_kill_within_the_captured_group_is_its_own() {
    let own = status(101, 0..3, 1000);
    let helper = kill(4242, "convert", "/docker/x");
    let limit = "=== 2026-11-21T22:00:00Z ===\n$ cat /sys/fs/cgroup/memory.max\n134217728\n";
    let files = [("status.log", own.as_str()), ("cgroup.log", limit), ("dmesg.txt", &helper)];
    assert_eq!(killed(&files), [Some("worker".into())], "the limit is the same");
    let membership = format!("$ cat /proc/101/cgroup\n0::/docker/{WEB}\n");
    let inside = kill(4242, "convert", &format!("/docker/{WEB}"));
    let files = [("status.log", own.as_str()), ("cgroup", membership.as_str()), ("dmesg.txt", &inside)];
    assert_eq!(killed(&files), [Some("worker".into())], "the container is the same");
    let outside = kill(4242, "worker", &format!("/docker/{DB}"));
    let files = [("status.log", own.as_str()), ("cgroup", membership.as_str()), ("dmesg.txt", &outside)];
    assert_eq!(killed(&files), [None], "the name is the same and the container is not");
    // The first victim held little, the second was ours: both for one limit.
    let two = kill(4242, "sleep", "/pod/app") + &kill(101, "worker", "/pod/app");
    assert_eq!(killed(&[("status.log", &own), ("dmesg.txt", &two)]), [Some("worker".into()), Some("worker".into())]);
}

#[test]
fn several_containers_are_joined_to_their_processes() {
    let (web, db) = (status(101, 0..3, 1000), status(202, 0..3, 9000).replace("worker", "postgres"));
    let member = |pid: u32, id: &str| format!("$ cat /proc/{pid}/cgroup\n0::/docker/{id}\n");
    let inspected = |id: &str, name: &str, bytes: u64| {
        format!(
            "{{\"Id\": \"{id}\", \"Name\": \"/{name}\", \"State\": {{\"Status\": \"running\", \"Running\": true, \
             \"Pid\": 0, \"ExitCode\": 0}}, \"HostConfig\": {{\"Memory\": {bytes}}}, \"Config\": {{\"Env\": []}}}}"
        )
    };
    let inspect = format!("[\n{},\n{}\n]\n", inspected(WEB, "web-1", 1 << 28), inspected(DB, "db-1", 1 << 30));
    let (first, second) = (member(101, WEB), member(202, DB));
    let files = [("a.log", &web), ("b.log", &db), ("c1", &first), ("c2", &second), ("inspect.json", &inspect)];
    let files: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
    let case = Case::build(&mut from_memory("two", &files).unwrap());
    let limit = |name: &str| {
        let id = case.subject_ids().find(|&id| case.subjects[id as usize].name == name).unwrap();
        case.signal(id, "cgroup.memory.limit").and_then(|signal| signal.last()).map(|sample| sample.value)
    };
    assert_eq!((limit("worker"), limit("postgres")), (Some(268_435_456.0), Some(1_073_741_824.0)));
}
