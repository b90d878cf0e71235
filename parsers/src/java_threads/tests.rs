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

fn snapshots(out: &Parsed) -> Vec<&Snapshot> {
    let snapshot = |evidence| match evidence {
        &Evidence::Snapshot(ref snapshot) => Some(snapshot),
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
