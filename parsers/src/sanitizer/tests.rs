use super::*;
use crate::lines::Text;
use std::fmt::Write;

fn parse(text: &[u8]) -> Parsed {
    let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
    while let Some(line) = lines.peek() {
        if Sanitizer.opens(line) {
            let before = lines.offset();
            Sanitizer.parse(&mut lines, &Hint::default(), &mut out);
            assert!(lines.offset() > before, "no line was taken");
        } else {
            lines.advance();
        }
    }
    out
}

fn records<'a>(out: &'a Parsed) -> Vec<&'a Record> {
    let record = |evidence: &'a Evidence| match evidence {
        Evidence::Record(record) => record,
        other => panic!("{other:?}"),
    };
    out.evidence.iter().map(record).collect()
}

fn sample(case: &str) -> Vec<u8> {
    let path = format!("{}/../samples/sanitizer/{case}/stderr.log", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

const SAMPLES: [&str; 10] = [
    "asan-double-free",
    "asan-overflow",
    "asan-segv",
    "asan-use-after-free",
    "asan-wild-free",
    "lsan-c",
    "lsan-cpp",
    "tsan-lock-order",
    "tsan-races",
    "tsan-thread-leak",
];

fn outline(out: &Parsed) -> String {
    let mut text = String::new();
    for record in records(out) {
        let Record { line, end, kind, claims, .. } = record;
        let _ = writeln!(text, "{line}-{end} {kind:?} {:?} {}", claims.pid, record.text);
        for (key, value) in &record.attributes {
            let _ = writeln!(text, "    {key}: {value}");
        }
        for frame in out.tables.stack_frames(record.stack) {
            let frame = out.tables.get_frame(*frame);
            let name = |sym| out.tables.text(sym);
            let _ = writeln!(
                text,
                "      {} {}:{} {}",
                name(frame.function),
                name(frame.file),
                frame.line,
                name(frame.module)
            );
        }
    }
    for note in &out.notes {
        let _ = writeln!(text, "note {}: {}", note.line, note.message);
    }
    text
}

#[test]
fn samples_read_as_expected() {
    for case in SAMPLES {
        insta::assert_snapshot!(case, outline(&parse(&sample(case))));
    }
}

#[test]
fn a_thread_leak_counts_its_like() {
    let out = parse(&sample("tsan-thread-leak"));
    let [race, leak] = records(&out)[..] else { panic!("{}", outline(&out)) };
    assert_eq!(
        (race.kind, race.attribute("site"), race.attribute("other_site")),
        (RecordKind::Race, Some("main"), Some("serve"))
    );
    assert_eq!(leak.attribute("class"), Some("thread-leak"));
    assert_eq!((leak.attribute("count"), leak.attribute("site")), (Some("12"), Some("start_request")));
}

#[test]
fn the_site_of_a_leak_is_not_the_allocator() {
    let out = parse(&sample("lsan-cpp"));
    let sites: Vec<_> = records(&out).iter().filter_map(|record| record.attribute("site")).collect();
    assert_eq!(sites, ["open_session"; 4]);
    let total = records(&out)[4];
    assert_eq!(total.attribute("class"), Some("memory-leak-total"));
    assert_eq!((total.attribute("bytes"), total.attribute("objects")), (Some("9520"), Some("79")));
}

#[test]
fn orders_of_locks_are_told_by_the_callers_that_differ() {
    let out = parse(&sample("tsan-lock-order"));
    let record = records(&out)[0];
    assert_eq!(record.attribute("class"), Some("lock-order-inversion"));
    assert_eq!(record.attribute("sites"), Some("take, ship, restock"));
}

#[test]
fn an_address_error_names_who_freed_and_who_allocated() {
    let out = parse(&sample("asan-use-after-free"));
    let [record] = records(&out)[..] else { panic!("{}", outline(&out)) };
    assert_eq!((record.kind, record.claims.pid), (RecordKind::Fatal, Some(28998)));
    let names = ["kind", "site", "freed_by", "allocated_by"];
    let values = names.map(|name| record.attribute(name));
    assert_eq!(values, ["heap-use-after-free", "lookup", "evict", "main"].map(Some));
}

#[test]
fn a_cut_report_and_a_line_within_are_said() {
    let text = sample("asan-use-after-free");
    assert_eq!(parse(&text[..400]).notes.len(), 1);
    let text = String::from_utf8_lossy(&text).replacen("    #1 ", "2026 hello\n    #1 ", 1);
    let out = parse(text.as_bytes());
    assert_eq!((records(&out).len(), out.notes.len()), (1, 1));
    assert_eq!(out.tables.functions(records(&out)[0].stack).len(), 5);
}

proptest::proptest! {
    #[test]
    fn no_input_panics(case in 0usize..SAMPLES.len(), cut in 0usize..6000, at in 0usize..6000, byte: u8) {
        let mut text = sample(SAMPLES[case]);
        text.truncate(cut);
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
        parse(&text);
    }
}
