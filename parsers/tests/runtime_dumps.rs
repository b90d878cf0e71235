//! The formats that read what runtimes and orchestrators print of themselves, on their captures and on damaged ones.

use postmortem_parsers::evidence::{Evidence, Parsed, Record, Snapshot, When};
use postmortem_parsers::lines::Text;
use postmortem_parsers::tables::{FrameId, StackId};
use postmortem_parsers::{FORMATS, Format, Hint, Shape, detect, opened_by};
use proptest::prelude::*;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const IDS: &[&str] = &[
    "environ",
    "hs-err",
    "jmap-histo",
    "jvm-gc-log",
    "jvm-heap-info",
    "jvm-nmt",
    "kubectl-describe",
    "java-dump-file",
    "java-dump-json",
    "java-thread-info",
    "node-report",
    "openj9-javacore",
    "pyspy-json",
    "python-threads",
    "python-traceback",
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

fn format(id: &str) -> &'static dyn Format {
    *FORMATS.iter().find(|format| format.id() == id).unwrap()
}

/// Reads a text as the dispatcher does, with one format alone.
fn parse(id: &str, text: &[u8], hint: &Hint<'_>) -> Parsed {
    let format = format(id);
    let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
    if format.shape() != Shape::Embedded {
        format.parse(&mut lines, hint, &mut out);
        return out;
    }
    while let Some(line) = lines.peek() {
        if line.is_empty() || !format.opens(line) {
            lines.advance();
            continue;
        }
        let before = lines.offset();
        format.parse(&mut lines, hint, &mut out);
        assert!(lines.offset() > before, "{id} took no line");
    }
    out
}

#[test]
fn each_capture_is_known_by_its_content() {
    for id in IDS {
        for (name, text) in captures(id) {
            let hint = Hint { name: &name, artifact: &name, ..Hint::default() };
            let document = detect(&text[..text.len().min(64 << 10)], &hint).map(|format| format.id());
            if format(id).shape() != Shape::Embedded {
                assert_eq!(document, Some(*id), "{name}");
                continue;
            }
            assert_eq!(document, None, "{name}");
            let mut openers = Text::new(&text, 1).lines().filter_map(opened_by).map(|format| format.id());
            assert!(openers.any(|opener| opener == *id), "{name}");
        }
    }
}

fn frame(out: &Parsed, id: FrameId) -> String {
    let frame = out.tables.get_frame(id);
    let place = match (out.tables.text(frame.file), frame.line) {
        ("", _) => String::new(),
        (file, 0) => format!(" {file}"),
        (file, line) => format!(" {file}:{line}"),
    };
    format!("{}{place} {} {:?}", out.tables.text(frame.function), out.tables.text(frame.module), frame.kind)
}

/// How many frames a stack has, its first three and its last.
fn stack(out: &Parsed, stack: StackId, text: &mut String) {
    let frames = out.tables.stack_frames(stack);
    for (index, id) in frames.iter().enumerate().filter(|(index, _)| *index < 3 || index + 1 == frames.len()) {
        writeln!(text, "      {index} {}", frame(out, *id)).unwrap();
    }
}

fn snapshot(out: &Parsed, snapshot: &Snapshot, text: &mut String) {
    writeln!(
        text,
        "{:?} {} {} {:?} {:?} {:?} x{} stated {:?}",
        snapshot.runtime,
        snapshot.origin,
        out.tables.text(snapshot.version),
        snapshot.when,
        snapshot.claims.pid,
        snapshot.completeness,
        snapshot.threads.len(),
        snapshot.stated_total,
    )
    .unwrap();
    for thread in &snapshot.threads {
        let labels: Vec<_> =
            snapshot.labels_of(thread).iter().map(|(k, v)| (out.tables.text(*k), out.tables.text(*v))).collect();
        let name = out.tables.text(thread.name);
        let state = out.tables.text(thread.state);
        let (marks, os) = (thread.marks, thread.os_id);
        writeln!(text, "  {}-{} #{} os {os:?} {name:?} [{state}] {labels:?}", thread.line, thread.end, thread.id)
            .unwrap();
        if marks != Default::default() {
            writeln!(text, "      {marks:?}").unwrap();
        }
        for object in snapshot.objects_of(thread) {
            let class = out.tables.text(object.class);
            writeln!(text, "      {:?} {:x} {class} at {}", object.role, object.object, object.frame).unwrap();
        }
        stack(out, thread.stack, text);
    }
}

fn record(out: &Parsed, record: &Record, text: &mut String) {
    let claims: Vec<String> = [
        record.claims.pid.map(|pid| format!("pid {pid}")),
        record.claims.container.clone().map(|name| format!("container {name}")),
        record.claims.pod.clone().map(|name| format!("pod {name}")),
    ]
    .into_iter()
    .flatten()
    .collect();
    let (line, end, kind, when) = (record.line, record.end, record.kind, record.when);
    writeln!(text, "{kind:?} {line}-{end} {when:?} {claims:?} {:?}", record.text).unwrap();
    for (key, value) in &record.attributes {
        writeln!(text, "    {key}: {value}").unwrap();
    }
    stack(out, record.stack, text);
}

fn describe(out: &Parsed) -> String {
    let mut text = format!("{} records, notes {:?}\n", out.records, out.notes);
    for evidence in &out.evidence {
        match evidence {
            Evidence::Snapshot(found) => snapshot(out, found, &mut text),
            Evidence::Record(found) => record(out, found, &mut text),
            Evidence::Series(found) => {
                let (labels, unit, kind) = (&found.labels, found.unit.as_str(), found.kind);
                let (claims, last) = (&found.claims.pid, found.points.last());
                writeln!(text, "{} {labels:?} {kind:?} {unit} {claims:?} {last:?}", found.signal).unwrap();
            }
            Evidence::Events(found) => {
                writeln!(text, "{:?} x{} {:?}", found.kind, found.rows.len(), found.columns).unwrap();
                for (index, row) in found.rows.iter().enumerate().filter(|(index, _)| index % 16 == 0) {
                    writeln!(text, "  {row:?} {:?}", found.row(index)).unwrap();
                }
            }
            Evidence::Profile(found) => panic!("unexpected {found:?}"),
        }
    }
    text
}

#[test]
fn evidence_of_each_capture() {
    for id in IDS {
        for (name, capture) in captures(id) {
            let hint = Hint { name: &name, artifact: &name, when: When::Sample(1), ..Hint::default() };
            let text = describe(&parse(id, &capture, &hint));
            let (case, file) = name.split_once('/').unwrap();
            let mut settings = insta::Settings::clone_current();
            settings.set_snapshot_path(samples().join(id).join(case));
            settings.set_prepend_module_to_snapshot(false);
            settings.set_omit_expression(true);
            settings.bind(|| insta::assert_snapshot!(file, text));
        }
    }
}

#[test]
fn line_ends_of_other_systems_change_nothing() {
    for id in IDS {
        for (name, capture) in captures(id) {
            let other = String::from_utf8(capture.clone()).unwrap().replace('\n', "\r\n");
            let hint = Hint { name: &name, artifact: &name, ..Hint::default() };
            assert_eq!(describe(&parse(id, &capture, &hint)), describe(&parse(id, other.as_bytes(), &hint)), "{name}");
        }
    }
}

fn never_panics(id: &str, text: &[u8]) {
    for continues in [false, true] {
        let hint = Hint { name: "hs_err_pid1.log", continues, ..Hint::default() };
        format(id).sniff(text, &hint);
        describe(&parse(id, text, &hint));
        format(id).parse(&mut Text::new(text, 1).lines(), &hint, &mut Parsed::default());
    }
}

/// Drops, doubles and swaps lines, and changes bytes.
fn damage(text: &[u8], edits: &[(prop::sample::Index, u8)]) -> Vec<u8> {
    let mut lines: Vec<Vec<u8>> = text.split(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for (at, what) in edits {
        let index = at.index(lines.len());
        match what % 5 {
            0 if lines.len() > 1 => drop(lines.remove(index)),
            1 => lines.insert(index, lines[index].clone()),
            2 => lines.swap(index, 0),
            3 => lines[index].clear(),
            _ => {
                let place = at.index(lines[index].len() + 1);
                lines[index].insert(place, *what);
            }
        }
    }
    lines.join(&b'\n')
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes_are_endured(text in prop::collection::vec(any::<u8>(), 0..600)) {
        for id in IDS {
            never_panics(id, &text);
        }
    }

    #[test]
    fn damaged_captures_are_endured(
        id in prop::sample::select(IDS),
        which in any::<prop::sample::Index>(),
        edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..12),
        end in any::<prop::sample::Index>(),
    ) {
        let all = captures(id);
        let text = damage(&all[which.index(all.len())].1, &edits);
        never_panics(id, &text);
        never_panics(id, &text[..end.index(text.len() + 1)]);
    }
}
