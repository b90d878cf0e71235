//! Blocks of any size give the same as one block, with formats of the tests' own.

use super::dispatch::Catalogue;
use super::*;
use postmortem_parsers::evidence::{Claims, Evidence, Point, SeriesKind, Unit, When};
use postmortem_parsers::lines::{Lines, decimal};
use postmortem_parsers::{Format, Hint, Shape, Sniff};
use std::fs;

/// A number on each line, told by the word `numbers` on its first, or by a name: a document.
struct Numbers;

impl Format for Numbers {
    fn id(&self) -> &'static str {
        "numbers"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        if head.starts_with(b"numbers") || hint.file_name() == "value" { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        if hint.continues && hint.file_name() != "value" {
            assert_eq!(hint.heading, b"numbers");
        }
        while let Some(line) = lines.peek() {
            if let Some(number) = decimal(line) {
                let when = lines.time().map_or(hint.when, When::Wall);
                let point = Point {
                    when,
                    value: postmortem_parsers::evidence::Amount::Value(number as f64),
                    line: lines.number(),
                };
                out.point(&Claims::default(), hint.name, Unit::Count, SeriesKind::Gauge, point);
                out.records += 1;
            } else if !line.is_empty() && line != b"numbers" {
                out.note(lines.number(), "not a number");
            }
            lines.advance();
        }
    }
}

/// The same behind `n `, among the lines of a log.
struct Embedded;

impl Format for Embedded {
    fn id(&self) -> &'static str {
        "embedded"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, _head: &[u8], _hint: &Hint<'_>) -> Sniff {
        Sniff::No
    }

    fn opens(&self, line: &[u8]) -> bool {
        line.starts_with(b"n ") || line == b"stuck"
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        while let Some(number) = lines.peek().and_then(|line| decimal(line.strip_prefix(b"n ")?)) {
            let when = lines.time().map_or(hint.when, When::Wall);
            let point =
                Point { when, value: postmortem_parsers::evidence::Amount::Value(number as f64), line: lines.number() };
            out.point(&Claims::default(), "n", Unit::Count, SeriesKind::Gauge, point);
            out.records += 1;
            lines.advance();
        }
    }
}

/// Bytes that must come in one piece.
struct WholePiece;

impl Format for WholePiece {
    fn id(&self) -> &'static str {
        "whole"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        if head.starts_with(b"\0whole") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        assert!(!hint.continues);
        out.records += lines.rest().len() as u64;
        lines.finish();
    }
}

/// A parser with a defect.
struct Panics;

impl Format for Panics {
    fn id(&self) -> &'static str {
        "panics"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        if head.starts_with(b"panic!") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, _lines: &mut Lines<'_>, _hint: &Hint<'_>, _out: &mut Parsed) {
        panic!("a defect, as the test wants it");
    }
}

struct Own;

impl Catalogue for Own {
    fn detect(&self, head: &[u8], hint: &Hint<'_>) -> Option<&'static dyn Format> {
        let all: [&'static dyn Format; 3] = [&Numbers, &WholePiece, &Panics];
        all.into_iter().find(|format| format.sniff(head, hint) == Sniff::Yes)
    }

    fn opened_by(&self, line: &[u8]) -> Option<&'static dyn Format> {
        Embedded.opens(line).then_some(&Embedded)
    }
}

fn read_in_blocks(name: &str, bytes: &[u8], block: usize, limits: &Limits) -> Bundle {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let settings = Settings { block, batch: block, in_flight: 4 * block, ..Settings::default() };
    read_with(&[path], limits, &|_| {}, &settings, &Own).unwrap()
}

/// All but the text, which only artifacts of one block keep.
fn content(bundle: &Bundle) -> String {
    let one = &bundle.artifacts[0];
    format!("{:?} {} {:?}\n{:#?}\n{:#?}", one.format, one.bytes, one.parts, one.parsed.evidence, bundle.warnings)
}

/// Reads in blocks of several sizes, which must give the same, and returns what the largest gave.
fn same_in_any_blocks(name: &str, text: &str) -> Bundle {
    let limits = Limits::default();
    let whole = read_in_blocks(name, text.as_bytes(), 1 << 20, &limits);
    for block in [64, 100, 1000] {
        let parts = read_in_blocks(name, text.as_bytes(), block, &limits);
        assert_eq!(content(&parts), content(&whole), "blocks of {block} bytes");
    }
    whole
}

fn points(bundle: &Bundle, signal: &str) -> Vec<Point> {
    let series = bundle.artifacts[0].parsed.evidence.iter().find_map(|evidence| match evidence {
        Evidence::Series(series) if series.signal == signal => Some(series),
        _ => None,
    });
    series.unwrap_or_else(|| panic!("no series {signal}")).points.clone()
}

#[test]
fn a_document_in_blocks() {
    let text: String = (0..500).map(|n| if n == 0 { "numbers\n".into() } else { format!("{n}\n") }).collect();
    let bundle = same_in_any_blocks("series.txt", &text);
    let points = points(&bundle, "series.txt");
    assert_eq!(points.len(), 499);
    assert!(points.iter().enumerate().all(|(index, point)| point.line == index as u32 + 2));
    assert_eq!(bundle.artifacts[0].parts, [Part { format: "numbers", records: 499, lines: Some((1, 500)) }]);
}

#[test]
fn a_log_in_blocks() {
    let text: String =
        (0..500).map(|n| format!("some words\r\nn {n}\r\n{}", if n % 7 == 0 { "\r\n" } else { "" })).collect();
    let bundle = same_in_any_blocks("app.log", &text);
    assert_eq!(bundle.artifacts[0].format, Some("embedded"));
    assert_eq!(bundle.artifacts[0].parsed.records, 500);
}

#[test]
fn a_wrapped_log_in_blocks() {
    let text: String = (0..300)
        .map(|n| {
            let time = format!("2026-11-21T22:{:02}:{:02}.5Z", n / 60, n % 60);
            format!("{time} stdout F words\n{time} stderr P n \n{time} stderr F {n}\n")
        })
        .collect();
    // A block must hold the lines that are joined.
    let limits = Limits::default();
    let whole = read_in_blocks("pod.log", text.as_bytes(), 1 << 20, &limits);
    for block in [200, 1000] {
        let parts = read_in_blocks("pod.log", text.as_bytes(), block, &limits);
        assert_eq!(content(&parts), content(&whole), "blocks of {block} bytes");
    }
    let points = points(&whole, "n");
    assert_eq!((points.len(), points[1].line), (300, 5));
    assert!(points.iter().all(|point| matches!(point.when, When::Wall(_))));
}

#[test]
fn sections_in_blocks() {
    let text: String = (0..100)
        .map(|n| {
            let body: String = (0..n % 50).map(|k| format!("{k}\n")).collect();
            format!("=== 2026-11-21T22:{:02}:{:02}Z ===\n$ cat /proc/1/value\n{n}\n{body}\nn {n}\n", n / 60, n % 60)
        })
        .collect();
    let bundle = same_in_any_blocks("all.log", &text);
    let points = points(&bundle, "/proc/1/value");
    assert_eq!(points.len(), 100 + (0..100).map(|n| n % 50).sum::<usize>());
    assert!(points.iter().all(|point| matches!(point.when, When::Wall(_))));
}

#[test]
fn a_section_that_ends_ends_its_hints() {
    let text = "n 1\n==> /a/value <==\n2\n\n==> /a/other <==\nn 3\n=== 2026-11-21 22:51:17 ===\nn 4\n";
    let bundle = same_in_any_blocks("all.txt", text);
    assert_eq!(points(&bundle, "/a/value").len(), 1);
    let embedded = points(&bundle, "n");
    assert_eq!(embedded.iter().map(|point| point.line).collect::<Vec<_>>(), [1, 6, 8]);
    assert_eq!(embedded[1].when, When::Unknown);
    assert!(matches!(embedded[2].when, When::Wall(_)));
}

#[test]
fn what_must_be_whole_is_read_up_to_its_limit() {
    let mut bytes = b"\0whole".to_vec();
    bytes.resize(5000, 1);
    let bundle = read_in_blocks("x.bin", &bytes, 64, &Limits::default());
    assert_eq!((bundle.artifacts[0].format, bundle.artifacts[0].parsed.records), (Some("whole"), 5000));
    let bundle = read_in_blocks("x.bin", &bytes, 64, &Limits { whole_bytes: 4999, ..Limits::default() });
    assert_eq!((bundle.artifacts[0].format, bundle.artifacts[0].parsed.records), (Some("whole"), 0));
    assert_eq!(bundle.artifacts[0].bytes, 5000);
    assert!(bundle.warnings[0].message.contains("too large for whole"));
}

#[test]
fn a_format_that_does_not_move_is_passed() {
    let bundle = same_in_any_blocks("x.log", "stuck\nn 1\nstuck\n");
    assert_eq!(bundle.artifacts[0].parsed.records, 1);
    let lines: Vec<_> = bundle.warnings.iter().map(|warning| warning.line).collect();
    assert_eq!(lines, [Some(1), Some(3)]);
}

#[test]
fn a_parser_that_panics_costs_only_its_artifact() {
    let text = format!("panic!\n{}", "1\n".repeat(300));
    for block in [64, 1 << 20] {
        let bundle = read_in_blocks("x.txt", text.as_bytes(), block, &Limits::default());
        assert!(bundle.warnings.iter().any(|warning| warning.message.contains("defect")));
        assert_eq!(bundle.artifacts[0].format, Some("text-log"));
    }
}

#[test]
fn lines_longer_than_a_block_are_cut_and_counted_once() {
    let text = format!("{}\nn 7\n", "x".repeat(1000));
    let bundle = read_in_blocks("x.log", text.as_bytes(), 64, &Limits::default());
    assert!(bundle.warnings[0].message.contains("line of more than 64 bytes"));
    assert_eq!(points(&bundle, "n")[0].line, 2);
}

#[test]
fn binaries_that_nobody_knows_are_counted_only() {
    let bundle = read_in_blocks("x.bin", &[0, 9, 1].repeat(1000), 64, &Limits::default());
    assert_eq!((bundle.artifacts[0].format, bundle.artifacts[0].bytes), (None, 3000));
}

#[test]
fn threads_change_nothing() {
    let text: String = (0..3000).map(|n| format!("some words {n}\nn {n}\n")).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| content(&read_in_blocks("app.log", text.as_bytes(), 256, &Limits::default())))
    };
    assert_eq!(run(1), run(7));
}

#[test]
fn kept_texts_do_not_depend_on_their_order() {
    let kept = |order: &[usize]| {
        let folder = tempfile::tempdir().unwrap();
        let settings = Settings { keep_all: 100, batch: 1, ..Settings::default() };
        let mut archive = tar::Builder::new(fs::File::create(folder.path().join("a.tar")).unwrap());
        for name in order {
            let mut header = tar::Header::new_gnu();
            header.set_size(30);
            archive.append_data(&mut header, format!("{name}.txt"), &[b'x'; 30][..]).unwrap();
        }
        archive.finish().unwrap();
        let bundle = read_with(&[folder.path().join("a.tar")], &Limits::default(), &|_| {}, &settings, &Own).unwrap();
        bundle.artifacts.iter().filter(|artifact| artifact.text.is_some()).count()
    };
    assert_eq!(kept(&[1, 2, 3, 4, 5]), 2);
    assert_eq!(kept(&[5, 3, 4, 2, 1]), 2);
}
