//! The formats that feed time series, on their captures and on damaged ones.

use postmortem_parsers::evidence::{Evidence, Parsed, Series, When};
use postmortem_parsers::lines::Text;
use postmortem_parsers::{FORMATS, Hint, detect};
use proptest::prelude::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const IDS: &[&str] = &[
    "cgroup-io",
    "cgroup-memory",
    "cmdline",
    "csv",
    "docker-inspect",
    "docker-stats",
    "free",
    "go-memstats",
    "jstat",
    "kubectl-table",
    "kubernetes",
    "meminfo",
    "number-file",
    "numa-maps",
    "pmap",
    "proc-cgroup",
    "proc-io",
    "proc-limits",
    "proc-stat",
    "proc-status",
    "prometheus",
    "ps",
    "psi",
    "smaps",
    "socket-summary",
    "socket-table",
    "top",
    "vmstat",
];

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../samples")
}

/// All captures of a format: `case/file` and content.
fn captures(id: &str) -> Vec<(String, Vec<u8>)> {
    let entries = |folder: &Path| -> Vec<PathBuf> {
        let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        paths
    };
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    let mut captures = Vec::new();
    for case in entries(&samples().join(id)) {
        for file in entries(&case).into_iter().filter(|file| name(file) != "SOURCE" && !name(file).ends_with(".snap")) {
            captures.push((format!("{}/{}", name(&case), name(&file)), std::fs::read(&file).unwrap()));
        }
    }
    assert!(!captures.is_empty(), "no captures of {id}");
    captures
}

fn parse(id: &str, text: &[u8], hint: &Hint<'_>) -> Parsed {
    let format = FORMATS.iter().find(|format| format.id() == id).unwrap();
    let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
    format.parse(&mut lines, hint, &mut out);
    assert!(lines.is_done(), "{id} left text behind");
    out
}

#[test]
fn each_capture_is_known_by_its_content_and_name() {
    for id in IDS {
        for (name, text) in captures(id) {
            let hint = Hint { name: &name, artifact: &name, ..Hint::default() };
            assert_eq!(detect(&text, &hint).map(|format| format.id()), Some(*id), "{name}");
        }
    }
}

fn describe(series: &Series, text: &mut String) {
    let labels: Vec<String> = series.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let first = &series.points[0];
    let last = &series.points[series.points.len() - 1];
    writeln!(
        text,
        "{}{{{}}} {:?} {} x{}: {:?} .. {:?} (line {})",
        series.signal,
        labels.join(","),
        series.kind,
        series.unit.as_str(),
        series.points.len(),
        first.value,
        last.value,
        last.line,
    )
    .unwrap();
}

fn describe_all(out: &Parsed, text: &mut String) {
    writeln!(text, "{} records, notes {:?}", out.records, out.notes).unwrap();
    for evidence in &out.evidence {
        match evidence {
            Evidence::Series(series) => describe(series, text),
            Evidence::Record(record) => writeln!(text, "{:?} {:?}", record.kind, record.attributes).unwrap(),
            Evidence::Snapshot(snapshot) => {
                let first = &snapshot.threads[0];
                let (name, state) = (out.tables.text(first.name), out.tables.text(first.state));
                writeln!(text, "{} threads, the first {name:?} in {state:?}", snapshot.threads.len()).unwrap();
            }
            other => panic!("unexpected {other:?}"),
        }
    }
}

#[test]
fn evidence_of_each_capture() {
    for id in IDS {
        for (name, capture) in captures(id) {
            let hint = Hint { name: &name, artifact: &name, when: When::Wall(1), ..Hint::default() };
            let mut text = String::new();
            describe_all(&parse(id, &capture, &hint), &mut text);
            let (case, file) = name.split_once('/').unwrap();
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(samples().join(id).join(case));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(file, text));
        }
    }
}

/// Words of these formats, so that damage made of them gets past the first checks.
const WORDS: &[&[u8]] = &[
    b"\n",
    b"\r\n",
    b" ",
    b"\t",
    b",",
    b";",
    b"\"",
    b"{",
    b"}",
    b"=",
    b"\\",
    b"#",
    b"# TYPE a_sum counter\n",
    b"# scrape 2026-11-21T22:51:17Z\n",
    b"go_goroutines",
    b"container_threads{pod=\"a\"} 5 17953010210",
    b"99999999999999999999",
    b"-1",
    b"1e400",
    b"max",
    b"NaN",
    b"12",
    b"timestamp,fds,pid\n",
    b"2026-11-21T22:51:17Z",
    b"2026-99-99T99:99:99Z",
    b"some avg10=",
    b"full avg10=1 total=5",
    b"Name:\tx\nPid:\t5\n",
    b"VmRSS:\t",
    b"  PID USER   PR  NI VIRT RES SHR S %CPU %MEM TIME+ COMMAND\n",
    b"  PID   TID STAT WCHAN COMMAND\n",
    b" 1725  1726 Dl  folio_wait_bit  my app\n",
    b"top - 22:26:52 up 27 min, load average: 1, 2, 3\n",
    b"f0000000-100000000 rw-p 00000000 00:00 0 \nRss: 4 kB\n",
    b"22756 (ja) va) S 1 ",
    b"State Recv-Q Send-Q Local Address:Port Peer Address:Port Process\n",
    b"ESTAB 0 0 [::1]:80 [::1]:50000 users:((\"a\",pid=1,fd=2))\n",
    b" r  b   swpd   free\n",
    b"apiVersion: v1\nkind: Pod\n",
    b"spec:\n  containers:\n  - name: a\n",
    b"- ",
    b"&a *a ",
    b"? ",
    b"!!binary |\n",
    b"%YAML 9\n---\n",
    b"cache 1\nrss 2\npgpgin 3\ntotal_rss 4\n",
    b"\xff\xfe",
];

fn never_panics(text: &[u8], name: &str) {
    for id in IDS {
        for continues in [false, true] {
            let hint = Hint { name, artifact: name, command: name, continues, heading: b"ts,a\n", ..Hint::default() };
            detect(text, &hint);
            let out = parse(id, text, &hint);
            for evidence in &out.evidence {
                if let Evidence::Series(series) = evidence {
                    assert!(!series.points.is_empty() && !series.signal.is_empty());
                }
            }
        }
    }
}

const NAMES: &[&str] = &[
    "statm",
    "io.stat",
    "blkio.throttle.io_service_bytes",
    "pids.events",
    "cmdline",
    "free -m",
    "memory.current",
    "cpu.max",
    "fds.log",
    "exit_status",
    "/sys/fs/cgroup/",
    "/proc/1/status",
    "",
    "-1",
    "pids.max-1",
];

proptest! {
    #[test]
    fn any_bytes_are_endured(text in prop::collection::vec(any::<u8>(), 0..300), name in prop::sample::select(NAMES)) {
        never_panics(&text, name);
    }

    #[test]
    fn damaged_texts_are_endured(words in prop::collection::vec(prop::sample::select(WORDS), 0..60), name in prop::sample::select(NAMES)) {
        never_panics(&words.concat(), name);
    }

    #[test]
    fn cut_captures_are_endured(id in prop::sample::select(IDS), at in any::<prop::sample::Index>()) {
        for (name, text) in captures(id) {
            never_panics(&text[..at.index(text.len() + 1)], &name);
        }
    }
}
