//! Reports made by hand for the tests of the renderers.

use serde_json::{Map, Value, json};

use super::model::*;

/// Two causes, the first with symptoms.
pub(crate) fn problem() -> Report {
    let mut report = empty("bundle.tar.gz", Verdict::Problem);
    report.bundle.bytes = 2_516_582;
    report.bundle.sha256 = Some("9f2b5d3c".repeat(8));
    report.bundle.span = span("2026-11-20T22:40:01Z", "2026-11-20T22:47:47Z");
    report.artifacts = artifacts();
    report.findings = vec![leak(), heap(), kill(), throttling(), hotspot()];
    report.root_causes = vec![cause(1, &leak(), &["heap-leak-1", "oom-kill-1"]), cause(2, &throttling(), &[])];
    report.root_causes[0].summary = leak().summary;
    report.buckets = buckets();
    report.trends = trends();
    report.next_captures = vec![
        NextCapture {
            command:
                "curl -s 'http://localhost:6060/debug/pprof/goroutine?debug=2' > goroutine-debug2-$(date +%H%M%S).txt"
                    .into(),
            answers: "Do the same goroutines still wait after 10 minutes?".into(),
        },
        NextCapture {
            command: "cat /sys/fs/cgroup/cpu.max /sys/fs/cgroup/cpu.stat".into(),
            answers: "Does the quota hold the process back all the time or in bursts?".into(),
        },
    ];
    report.warnings = vec![
        warning("app.log", Some(90_312), "the line is cut off at 65,536 bytes"),
        warning("goroutine-debug2-224747.txt", None, "the dump ends in the middle of goroutine 90112"),
        Warning { artifact: None, line: None, message: "2 files were empty".into() },
        warning("top.txt", Some(3), "not a process line, 4 times"),
    ];
    report.not_checked = vec![
        NotChecked {
            pattern: "native-heap-growth".into(),
            needs: "two readings of /proc/PID/smaps_rollup".into(),
            command: Some("cat /proc/$PID/smaps_rollup".into()),
        },
        NotChecked { pattern: "java-monitor-deadlock".into(), needs: "a thread dump of a JVM".into(), command: None },
    ];
    report.subjects = vec![subject()];
    report.checked = vec![
        checked("goroutine-subscriber-leak", "found", "goroutine-leak"),
        checked("go-lock-cycle", "not-found", "deadlock"),
        checked("native-heap-growth", "not-checked", "native-memory-leak"),
    ];
    report.events = events();
    report.memory = vec![memory()];
    report.profiles = vec![profile()];
    report
}

/// Enough was seen, and nothing is wrong.
pub(crate) fn healthy() -> Report {
    let mut report = empty("calm", Verdict::Healthy);
    report.bundle.bytes = 91_204;
    report.bundle.span = span("2026-11-20T09:00:00Z", "2026-11-20T10:00:00Z");
    report.artifacts = vec![
        artifact("goroutine-1.txt", Some("go-goroutines"), 41_000, 61),
        artifact("goroutine-2.txt", Some("go-goroutines"), 41_204, 62),
        artifact("metrics.txt", Some("prometheus-text"), 9_000, 120),
    ];
    report.buckets = vec![
        bucket("api", "select", vec![group(40, true, &["net/http.(*persistConn).writeLoop", "net/http.dialConn"])]),
        bucket("api", "network-io", vec![group(21, true, &["net/http.(*conn).serve"])]),
    ];
    report.trends = vec![
        trend("go.goroutine.count", "{goroutine}", "flat", Some(0.4)),
        trend("process.memory.usage", "By", "cyclic", Some(-1_048_576.0)),
    ];
    report.checked = vec![
        checked("goroutine-subscriber-leak", "not-found", "goroutine-leak"),
        checked("native-heap-growth", "not-checked", "native-memory-leak"),
    ];
    report.not_checked = vec![NotChecked {
        pattern: "native-heap-growth".into(),
        needs: "two readings of /proc/PID/smaps_rollup".into(),
        command: Some("cat /proc/$PID/smaps_rollup".into()),
    }];
    report.events = vec![event("snapshot", Some("2026-11-20T09:00:00Z"), "61 goroutines", "goroutine-1.txt", 1)];
    report
}

/// One dump, a suspicion, a file that nobody knows.
pub(crate) fn inconclusive() -> Report {
    let mut report = empty("one-dump.txt", Verdict::Inconclusive);
    report.bundle.bytes = 812_000;
    report.artifacts =
        vec![artifact("one-dump.txt", Some("go-goroutines"), 800_000, 413), artifact("core.meta", None, 12_000, 0)];
    let mut suspected = leak();
    suspected.severity = Severity::Info;
    suspected.confidence = 0.31;
    suspected.title = "401 goroutines wait in select at main.(*hub).keepAlive".into();
    suspected.summary = "401 of 413 goroutines wait in select at the same place. One dump does not tell whether they \
                         grow or are always there."
        .into();
    suspected.count = Some(401);
    suspected.evidence.truncate(1);
    suspected.evidence[0].artifact = "one-dump.txt".into();
    suspected.evidence[0].says = "401 goroutines wait in select".into();
    report.findings = vec![suspected];
    report.buckets = vec![bucket("unknown", "select", vec![group(401, false, &["main.(*hub).keepAlive"])])];
    report.next_captures = vec![NextCapture {
        command: "curl -s 'http://localhost:6060/debug/pprof/goroutine?debug=2' > second.txt".into(),
        answers: "Are there more of them ten minutes later?".into(),
    }];
    report.warnings = vec![warning("core.meta", None, "the format is not known")];
    report
}

/// Only what the contract requires.
pub(crate) fn empty(name: &str, verdict: Verdict) -> Report {
    Report {
        schema: SCHEMA.into(),
        tool: Tool { name: "postmortem".into(), version: "0.1.0".into() },
        bundle: BundleInfo { name: name.into(), bytes: 0, sha256: None, span: None, inputs: vec![] },
        artifacts: vec![],
        verdict,
        root_causes: vec![],
        findings: vec![],
        buckets: vec![],
        trends: vec![],
        correlations: Vec::new(),
        regressions: Vec::new(),
        advice: Vec::new(),
        next_captures: vec![],
        warnings: vec![],
        not_checked: vec![],
        subjects: vec![],
        checked: vec![],
        events: vec![],
        memory: vec![],
        profiles: vec![],
        redaction: None,
    }
}

fn artifacts() -> Vec<Artifact> {
    let mut log = artifact("app.log", Some("text-log"), 9_512_340, 4);
    log.parts = vec![
        Part { format: "text-log".into(), records: 0, lines: Some((1, 90_312)) },
        Part { format: "go-gctrace".into(), records: 4, lines: Some((40, 80_003)) },
    ];
    let mut dump = artifact("goroutine-debug2-224747.txt", Some("go-goroutines"), 1_204_113, 901);
    dump.span = span("2026-11-20T22:47:47Z", "2026-11-20T22:47:47Z");
    vec![
        log,
        artifact("goroutine-debug2-224652.txt", Some("go-goroutines"), 640_220, 488),
        dump,
        artifact("memory.events", Some("cgroup-keys"), 81, 6),
        artifact("metrics.txt", Some("prometheus-text"), 88_120, 1_204),
        artifact("notes.bin", None, 512, 0),
    ]
}

pub(crate) fn leak() -> Finding {
    Finding {
        signals: Map::from_iter([("go.goroutine.count".to_owned(), json!(901))]),
        bucket: Some("select".into()),
        count: Some(813),
        count_of: Some("goroutines".into()),
        sites: vec![
            site("main.(*hub).keepAlive", Some("/src/api/hub.go"), Some(41), "blocked"),
            site("main.(*hub).Join", Some("/src/api/hub.go"), Some(22), "creator"),
        ],
        evidence: vec![
            evidence(
                "goroutine-debug2-224747.txt",
                Some(5321),
                Some("goroutine 90110 [select, 6 minutes]:"),
                "813 goroutines wait here, 401 more than 55 s before",
            ),
            evidence(
                "metrics.txt",
                Some(1203),
                Some("go_goroutines 901"),
                "go.goroutine.count grows by 420 per hour (95 %: 400 to 440)",
            ),
            EvidenceLine {
                context: Some(vec![
                    (5330, "main.(*hub).Join(...)".into()),
                    (5331, "\t/src/api/hub.go:22 +0x9c".into()),
                ]),
                ..evidence(
                    "goroutine-debug2-224747.txt",
                    Some(5330),
                    Some("created by main.(*hub).Join in goroutine 18"),
                    "goroutine 18, which started them, has ended",
                )
            },
            evidence("app.log", Some(402), None, "the first \"hub: client gone\" comes 3 s before the growth"),
        ],
        against: vec![evidence(
            "metrics.txt",
            Some(77),
            Some("ws_clients 790"),
            "790 clients are connected: a level of 790 would be normal",
        )],
        remediation: "Leave the loop when the client is gone:\n\n- give `keepAlive` the context of the connection\n- \
                      add `case <-ctx.Done(): return` to the select at hub.go:41\n"
            .into(),
        references: vec!["https://go.dev/blog/context".into()],
        score: vec![
            part("prior", -10, "few selects are leaks"),
            part("time", 16, "new ids in each of 2 dumps, none ended"),
            part("population", 9, "813 equal stacks of 901"),
            part("context", -3, "790 clients are connected"),
        ],
        ..finding(
            "goroutine-leak-1",
            "goroutine-subscriber-leak",
            "goroutine-leak",
            Severity::Error,
            0.94,
            "Goroutines pile up in the keep-alive loop of clients that are gone",
            "813 of 901 goroutines wait in select at hub.go:41 for up to 6 min. There were 412 at 22:46:52, 55 s before. \
             None of the 412 has ended. At this rate the memory limit of 256.0 MiB is reached at 23:10:00.",
        )
    }
}

fn heap() -> Finding {
    Finding {
        explained_by: Some("goroutine-leak-1".into()),
        evidence: vec![evidence(
            "app.log",
            Some(80_003),
            Some("gc 812 @466.1s 3%"),
            "the live heap is 96.0 MiB after gc 812, 41.0 MiB after gc 40",
        )],
        ..finding(
            "heap-leak-1",
            "go-live-heap-grows",
            "heap-leak",
            Severity::Warning,
            0.71,
            "The live heap grows by 55.0 MiB in 7 min",
            "The live heap after collection grows. The stacks and buffers of the goroutines account for it.",
        )
    }
}

fn kill() -> Finding {
    Finding {
        explained_by: Some("goroutine-leak-1".into()),
        evidence: vec![evidence("memory.events", Some(4), Some("oom_kill 1"), "one process of the cgroup was killed")],
        ..finding(
            "oom-kill-1",
            "cgroup-oom-kill",
            "oom-kill",
            Severity::Critical,
            1.0,
            "The kernel killed api: the cgroup was at its limit of 256.0 MiB",
            "The kernel killed api.",
        )
    }
}

fn throttling() -> Finding {
    Finding {
        evidence: vec![evidence(
            "cpu.stat",
            Some(5),
            Some("nr_throttled 812"),
            "throttled in 812 of 4,000 periods (20.3 %)",
        )],
        remediation: "Raise the quota, or set GOMAXPROCS to 2.".into(),
        score: vec![part("prior", -6, "quotas are often short"), part("proof", 11, "nr_throttled rises")],
        ..finding(
            "cpu-throttling-1",
            "cfs-quota-throttling",
            "cpu-throttling",
            Severity::Warning,
            0.76,
            "The CPU quota of 2 holds 16 threads back in 20.3 % of the periods",
            "The quota is 2 CPUs and GOMAXPROCS is 16. The cgroup was throttled in 812 of 4,000 periods.",
        )
    }
}

fn hotspot() -> Finding {
    Finding {
        sites: vec![site("encoding/json.(*decodeState).object", None, None, "hot")],
        evidence: vec![evidence("cpu.folded", None, None, "34.6 % of the samples are in it")],
        ..finding(
            "cpu-hotspot-1",
            "one-function-hot",
            "cpu-hotspot",
            Severity::Info,
            0.2,
            "JSON decoding takes 34.6 % of the CPU",
            "JSON decoding takes 34.6 % of the CPU. A busy service does that.",
        )
    }
}

fn finding(
    id: &str,
    pattern: &str,
    category: &str,
    severity: Severity,
    confidence: f64,
    title: &str,
    summary: &str,
) -> Finding {
    Finding {
        id: id.into(),
        fingerprint: format!("{id}-fp"),
        pattern: pattern.into(),
        category: category.into(),
        severity,
        confidence,
        title: title.into(),
        summary: summary.into(),
        bucket: None,
        count: None,
        count_of: None,
        sites: vec![],
        evidence: vec![],
        against: vec![],
        signals: Map::<String, Value>::new(),
        remediation: String::new(),
        references: vec![],
        subject: Some("api".into()),
        score: vec![],
        explained_by: None,
        source: vec![],
        state: None,
        suppressed: None,
    }
}

fn cause(rank: u32, finding: &Finding, explains: &[&str]) -> RootCause {
    RootCause {
        rank,
        finding: finding.id.clone(),
        category: finding.category.clone(),
        bucket: finding.bucket.clone(),
        count: finding.count,
        sites: finding.sites.clone(),
        confidence: finding.confidence,
        summary: finding.summary.clone(),
        explains: explains.iter().map(|id| (*id).to_owned()).collect(),
    }
}

fn buckets() -> Vec<Bucket> {
    let mut stuck = group(813, false, &["main.(*hub).keepAlive", "main.(*hub).Join.func1"]);
    stuck.waited = Some(Waited { min: 12.0, max: 360.0 });
    stuck.created_by = Some("main.(*hub).Join".into());
    vec![
        bucket("api", "select", vec![stuck, group(2, true, &["database/sql.(*DB).connectionOpener"])]),
        bucket("api", "network-io", vec![group(80, true, &["internal/poll.(*FD).Read", "net/http.(*conn).serve"])]),
        bucket("api", "running", vec![group(6, false, &["runtime/pprof.writeGoroutineStacks"])]),
    ]
}

fn trends() -> Vec<Trend> {
    vec![
        trend("cgroup.memory.stat.file", "By", "flat", Some(12.0)),
        Trend {
            ci95: Some((400.0, 440.0)),
            r2: Some(0.99),
            p: Some(0.0001),
            since: Some("2026-11-20T22:41:10Z".into()),
            ..trend("go.goroutine.count", "{goroutine}", "growing", Some(420.0))
        },
        Trend {
            ci95: Some((400_000_000.0, 490_000_000.0)),
            since: Some("2026-11-20T22:41:20Z".into()),
            limit: Some(268_435_456.0),
            exhausts_at: Some("2026-11-20T23:10:00Z".into()),
            points: Some(vec![(0.0, 90_000_000.0), (460.0, 150_000_000.0)]),
            ..trend("cgroup.memory.current", "By", "growing", Some(440_000_000.0))
        },
        trend("process.open_file_descriptor.count", "{count}", "insufficient", None),
    ]
}

fn events() -> Vec<Event> {
    vec![
        event("snapshot", Some("2026-11-20T22:46:52Z"), "488 goroutines", "goroutine-debug2-224652.txt", 1),
        event("snapshot", Some("2026-11-20T22:47:47Z"), "901 goroutines", "goroutine-debug2-224747.txt", 1),
        event("kill", None, "the kernel killed api (pid 4711)", "memory.events", 4),
    ]
}

fn memory() -> Memory {
    let part = |part: &str, bytes: i64, grew: i64, of_limit: f64, of_growth: Option<f64>| MemoryPart {
        part: part.into(),
        within: String::new(),
        bytes,
        share_of_limit: Some(of_limit),
        grew,
        share_of_growth: of_growth,
    };
    Memory {
        subject: "api".into(),
        limit: Some(268_435_456),
        used: Some(251_658_240),
        parts: vec![
            part("anon", 230_686_720, 188_743_680, 0.859, Some(0.984)),
            part("file", 16_777_216, 3_145_728, 0.0625, Some(0.016)),
            part("kernel", 4_194_304, -1_024, 0.0156, None),
        ],
    }
}

fn profile() -> ProfileInfo {
    ProfileInfo {
        id: "cpu-1".into(),
        kind: "cpu".into(),
        event: "cpu-clock".into(),
        unit: "s".into(),
        total: 61.25,
        samples: 6_125,
        artifact: "cpu.folded".into(),
        hottest: vec![
            Hot { function: "encoding/json.(*decodeState).object".into(), self_share: 0.346, total_share: 0.402 },
            Hot { function: "runtime.mallocgc".into(), self_share: 0.11, total_share: 0.134 },
        ],
        files: vec!["folded/cpu-1.folded".into()],
        tree: None,
    }
}

fn subject() -> Subject {
    Subject {
        id: "api".into(),
        kind: "process".into(),
        name: "api (pid 4711)".into(),
        runtime: Some("go".into()),
        claims: Map::from_iter([("pid".to_owned(), json!(4711))]),
        joined_because: vec!["the same pid".into()],
        incarnations: Some(1),
    }
}

fn artifact(path: &str, format: Option<&str>, bytes: u64, records: u64) -> Artifact {
    Artifact { path: path.into(), format: format.map(Into::into), bytes, records, span: None, parts: vec![] }
}

fn evidence(artifact: &str, line: Option<u32>, excerpt: Option<&str>, says: &str) -> EvidenceLine {
    EvidenceLine { artifact: artifact.into(), line, excerpt: excerpt.map(Into::into), says: says.into(), context: None }
}

fn site(function: &str, file: Option<&str>, line: Option<u32>, role: &str) -> Site {
    Site { function: function.into(), file: file.map(Into::into), line, role: role.into() }
}

fn part(family: &str, weight: i32, says: &str) -> ScorePart {
    ScorePart { family: family.into(), weight, says: says.into() }
}

fn bucket(process: &str, reason: &str, groups: Vec<BucketGroup>) -> Bucket {
    let count = groups.iter().map(|group| group.count).sum();
    Bucket { process: process.into(), runtime: "go".into(), reason: reason.into(), count, groups }
}

fn group(count: u64, idle: bool, frames: &[&str]) -> BucketGroup {
    let frames = frames.iter().map(|frame| (*frame).to_owned()).collect();
    BucketGroup { count, idle, waited: None, frames, created_by: None }
}

fn trend(series: &str, unit: &str, verdict: &str, slope_per_hour: Option<f64>) -> Trend {
    Trend {
        series: series.into(),
        unit: unit.into(),
        n: 24,
        verdict: verdict.into(),
        slope_per_hour,
        ci95: None,
        r2: None,
        p: None,
        since: None,
        limit: None,
        exhausts_at: None,
        exhausts_ci: None,
        onset_ci: None,
        subject: Some("api".into()),
        points: None,
        begins: None,
        fit: None,
        clock: "wall".into(),
    }
}

fn event(kind: &str, at: Option<&str>, says: &str, artifact: &str, line: u32) -> Event {
    Event {
        kind: kind.into(),
        at: at.map(Into::into),
        clock: if at.is_some() { "wall" } else { "unknown" }.into(),
        subject: Some("api".into()),
        says: says.into(),
        artifact: artifact.into(),
        line: Some(line),
    }
}

fn checked(pattern: &str, outcome: &str, category: &str) -> Checked {
    Checked {
        pattern: pattern.into(),
        outcome: outcome.into(),
        category: category.into(),
        title: pattern.replace('-', " "),
        needs: None,
        command: None,
        why: (outcome == "not-found").then(|| "group: count is 1, not >=3".into()),
    }
}

fn warning(artifact: &str, line: Option<u32>, message: &str) -> Warning {
    Warning { artifact: Some(artifact.into()), line, message: message.into() }
}

fn span(from: &str, to: &str) -> Option<Span> {
    Some(Span { from: from.into(), to: to.into() })
}
