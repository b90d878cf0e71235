//! Every format on the captures of all formats: each is recognised as what it is, and stays it when it is cut short,
//! comes with other line ends or stands in a log.

mod common;

use common::{DEFECT, Numbers, entries, in_repository, name};
use postmortem::bundle::{Artifact, from_memory};
use postmortem_parsers::evidence::Evidence;
use postmortem_parsers::{FORMATS, Hint, Sniff};
use std::fmt::Write;

/// A capture under `samples/<format>/<case>/`.
struct Sample {
    format: &'static str,
    /// `format/case/file`.
    path: String,
    file: String,
    bytes: Vec<u8>,
}

fn samples() -> Vec<Sample> {
    let mut all = Vec::new();
    for format in FORMATS.iter().map(|format| format.id()) {
        let folder = in_repository("samples").join(format);
        assert!(folder.exists(), "{format} has no samples");
        for case in entries(&folder) {
            for file in entries(&case).into_iter().filter(|file| !matches!(name(file).as_str(), "SOURCE")) {
                if !name(&file).ends_with(".snap") {
                    let path = format!("{format}/{}/{}", name(&case), name(&file));
                    all.push(Sample { format, path, file: name(&file), bytes: std::fs::read(&file).unwrap() });
                }
            }
        }
    }
    all
}

impl Sample {
    fn is_text(&self) -> bool {
        !self.bytes.contains(&0) && !self.bytes.starts_with(&[0x1f, 0x8b])
    }

    /// Reads these bytes under the name of the sample.
    fn read(&self, bytes: &[u8]) -> Option<Artifact> {
        let bundle = from_memory("sample", &[(&self.file, bytes)]).ok()?;
        bundle.artifacts.into_iter().next()
    }

    /// The sample with something before each of its lines.
    fn prefixed(&self, prefix: &str) -> Vec<u8> {
        let text = self.bytes.strip_suffix(b"\n").unwrap_or(&self.bytes);
        text.split(|&byte| byte == b'\n').flat_map(|line| [prefix.as_bytes(), line, b"\n"].concat()).collect()
    }
}

/// Samples that another format takes for its own as well, and why that does no harm.
const ALSO_TAKEN_BY: &[(&str, &str)] = &[
    (
        "python-traceback/thread-deaths",
        "the log holds a report of Python's fault handler too, which python-threads reads",
    ),
    ("native-threads/lldb", "a line of lldb's own Python error stands in the capture"),
    ("hs-err/", "a crash report holds a list of threads; the format that opens the report owns its lines"),
];

fn excepted(list: &[(&str, &str)], path: &str) -> bool {
    list.iter().any(|(prefix, _)| path.starts_with(prefix))
}

#[test]
fn each_sample_is_recognised_by_its_own_format_alone() {
    let mut faults = String::new();
    for sample in samples() {
        let head = &sample.bytes[..sample.bytes.len().min(64 << 10)];
        let hint = Hint { name: &sample.file, artifact: &sample.file, ..Hint::default() };
        for format in FORMATS.iter().filter(|format| format.id() != sample.format) {
            if format.sniff(head, &hint) == Sniff::Yes && !excepted(ALSO_TAKEN_BY, &sample.path) {
                writeln!(faults, "{}: {} says that it is its own", sample.path, format.id()).unwrap();
            }
        }
        let read = sample.read(&sample.bytes).unwrap();
        if read.format != Some(sample.format) {
            writeln!(faults, "{}: is read as {:?}", sample.path, read.format).unwrap();
        }
        if read.parsed.records == 0 {
            writeln!(faults, "{}: gives no records", sample.path).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Lines that evidence names.
fn lines_of(evidence: &Evidence) -> Vec<u32> {
    match evidence {
        Evidence::Snapshot(snapshot) => {
            let threads = snapshot.threads.iter().flat_map(|thread| [thread.line, thread.end.saturating_sub(1)]);
            threads.chain(snapshot.deadlocks.iter().map(|deadlock| deadlock.line)).chain([snapshot.line]).collect()
        }
        Evidence::Profile(profile) => vec![profile.line],
        Evidence::Events(events) => events.rows.iter().map(|(_, line)| *line).collect(),
        Evidence::Series(series) => series.points.iter().map(|point| point.line).collect(),
        Evidence::Record(record) => vec![record.line, record.end.saturating_sub(1)],
    }
}

#[test]
fn evidence_stands_on_lines_of_its_file() {
    let mut faults = String::new();
    for sample in samples().iter().filter(|sample| sample.is_text()) {
        let last = sample.bytes.split_inclusive(|&byte| byte == b'\n').count() as u32;
        let read = sample.read(&sample.bytes).unwrap();
        for evidence in &read.parsed.evidence {
            if let Some(line) = lines_of(evidence).into_iter().find(|line| !(1..=last).contains(line)) {
                writeln!(faults, "{}: evidence on line {line} of {last}", sample.path).unwrap();
            }
        }
        for note in read.parsed.notes.iter().filter(|note| note.line > last) {
            writeln!(faults, "{}: a note on line {} of {last}", sample.path, note.line).unwrap();
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Samples that may give more records when they are cut, and why.
const MORE_WHEN_CUT: &[(&str, &str)] = &[
    ("cgroup-memory/v1-", "a total that lost its last digits differs from the group's own value: both are kept"),
    (
        "strace/",
        "calls that had not returned where the log ends, and stacks not yet released, are findings of their own",
    ),
    ("socket-table/", "an address that lost its last digits is another service"),
    ("perf-script/side-events", "a side event that ends behind its time looks like a sample without an event"),
];

#[test]
fn samples_cut_short_are_read_without_a_defect() {
    let mut faults = String::new();
    let mut numbers = Numbers(20);
    for sample in samples() {
        let all = sample.read(&sample.bytes).unwrap().parsed.records;
        let fortieths = (1..40).map(|part| sample.bytes.len() * part / 40);
        let anywhere: Vec<usize> = (0..8).map(|_| numbers.below(sample.bytes.len())).collect();
        for end in fortieths.chain(anywhere).filter(|&end| end > 0) {
            let Some(read) = sample.read(&sample.bytes[..end]) else { continue };
            if read.parsed.notes.iter().any(|note| note.message.contains(DEFECT)) {
                writeln!(faults, "{}: a defect when it ends at byte {end}", sample.path).unwrap();
            }
            if read.parsed.records > all && !excepted(MORE_WHEN_CUT, &sample.path) {
                let records = read.parsed.records;
                writeln!(faults, "{}: {records} records of {all} when it ends at byte {end}", sample.path).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}

/// Samples that are read in another way within a log, and why.
const NOT_THE_SAME_IN_A_LOG: &[(&str, &str)] = &[
    ("csv/unix-seconds", "a time and numbers alone are a table, whose first column the time is"),
    ("vmstat/", "rows of numbers behind a time are a table, not a log"),
    ("kernel-log/oom-journal-json", "the journal is a wrapper itself, and one is taken off"),
    ("jstat/", "a time and numbers alone are a table, whose first column the time is"),
    ("go-memstats/expvar", "of its few lines, as many are a bracket alone as are text: no log"),
    ("java-dump-file/", "its second line is a bare time, which parts a text that begins with a heading"),
];

#[test]
fn line_ends_log_prefixes_and_headings_change_no_record() {
    let mut faults = String::new();
    for sample in samples().iter().filter(|sample| sample.is_text()) {
        let plain = sample.read(&sample.bytes).unwrap();
        let windows: Vec<u8> = sample.bytes.split(|&byte| byte == b'\n').collect::<Vec<_>>().join(&b"\r\n"[..]);
        let variants = [
            ("CRLF", windows),
            ("CRI", sample.prefixed("2026-11-21T22:56:31.078352255Z stderr F ")),
            ("kubectl --timestamps", sample.prefixed("2026-11-21T22:56:31.078352255Z ")),
            ("a heading", [b"=== 2026-11-21T22:56:31Z ===\n", &sample.bytes[..]].concat()),
        ];
        for (what, bytes) in variants {
            let read = sample.read(&bytes).unwrap();
            let same = read.format == plain.format && read.parsed.records == plain.parsed.records;
            if !same && (what == "CRLF" || !excepted(NOT_THE_SAME_IN_A_LOG, &sample.path)) {
                let (now, was) = (read.parsed.records, plain.parsed.records);
                writeln!(faults, "{} with {what}: {:?}, {now} records, not {was}", sample.path, read.format).unwrap();
            }
            if read.parsed.notes.iter().any(|note| note.message.contains(DEFECT)) {
                writeln!(faults, "{} with {what}: a defect", sample.path).unwrap();
            }
        }
    }
    assert!(faults.is_empty(), "\n{faults}");
}
