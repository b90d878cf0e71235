//! Damaged bundles: whatever is cut, swapped or made up, reading never breaks down and the report keeps to its schema.

mod common;

use common::{DEFECT, Numbers, bundle_of, cases, faults, files, in_repository, report, schema};
use postmortem::bundle::{Limits, read};
use postmortem::patterns;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes that are kept of a file: mutants stay small, so that each takes little time.
const MOST: usize = 24 << 10;

/// Pieces that parsers trip over.
const ODD: &[&[u8]] = &[
    b"",
    b"\n",
    b"\n\n\n\n",
    b"\r\n",
    b"\0",
    b"\xff\xfe",
    b"\t",
    b"-1",
    b"18446744073709551616",
    b"99999999999999999999999999",
    b"1e309",
    b"-nan",
    b"max",
    b"]: [",
    b"((((",
    b"goroutine 0 [",
    b"goroutine 18446744073709551615 [select, 4294967296 minutes]:\n",
    b"\"\" #-1\n",
    b"\"t\" #1 prio=5 tid=0x nid=0x\n",
    b"gc 1 @",
    b"=== 2026-11-21T22:56:31Z ===\n",
    b"==> x <==\n",
    b"2026-11-21T22:56:31.078352255Z stderr P ",
    b"9999-99-99T99:99:99Z",
    b"panic: \n",
    b"Killed process 4294967296 (",
];

/// A stretch of a file that begins anywhere.
fn stretch(bytes: &[u8], numbers: &mut Numbers) -> Vec<u8> {
    let start = if bytes.len() > MOST && numbers.below(2) == 0 { numbers.below(bytes.len() - MOST) } else { 0 };
    bytes[start..bytes.len().min(start + MOST)].to_vec()
}

fn range(length: usize, most: usize, numbers: &mut Numbers) -> std::ops::Range<usize> {
    let start = numbers.below(length + 1);
    start..(start + numbers.below(most)).min(length)
}

/// One change of a file.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], numbers: &mut Numbers) {
    match numbers.below(8) {
        0 => bytes.truncate(numbers.below(bytes.len() + 1)),
        1 => {
            for _ in 0..8 {
                if !bytes.is_empty() {
                    let at = numbers.below(bytes.len());
                    bytes[at] = numbers.below(256) as u8;
                }
            }
        }
        2 => drop(bytes.drain(range(bytes.len(), 400, numbers))),
        3 => {
            let piece = bytes[range(bytes.len(), 2000, numbers)].to_vec();
            let at = numbers.below(bytes.len() + 1);
            bytes.splice(at..at, piece);
        }
        4 => {
            let piece = ODD[numbers.below(ODD.len())];
            let at = numbers.below(bytes.len() + 1);
            bytes.splice(at..at, piece.iter().copied());
        }
        5 => {
            // Numbers become others, of any size.
            for _ in 0..6 {
                let from = numbers.below(bytes.len() + 1);
                if let Some(digit) = bytes[from..].iter().position(u8::is_ascii_digit) {
                    let odd = ODD[7 + numbers.below(6)];
                    bytes.splice(from + digit..=from + digit, odd.iter().copied());
                }
            }
        }
        6 => {
            let mut lines: Vec<&[u8]> = bytes.split_inclusive(|&byte| byte == b'\n').collect();
            for _ in 0..10 {
                let (a, b) = (numbers.below(lines.len().max(1)), numbers.below(lines.len().max(1)));
                if a.max(b) < lines.len() {
                    lines.swap(a, b);
                }
            }
            *bytes = lines.concat();
        }
        _ => {
            let piece = other[range(other.len(), 3000, numbers)].to_vec();
            let at = numbers.below(bytes.len() + 1);
            bytes.splice(at..at, piece);
        }
    }
}

fn mutant(files: &[(String, Vec<u8>)], numbers: &mut Numbers) -> Vec<(String, Vec<u8>)> {
    let mut mutant: Vec<(String, Vec<u8>)> =
        files.iter().map(|(name, bytes)| (name.clone(), stretch(bytes, numbers))).collect();
    for _ in 0..1 + numbers.below(5) {
        let (at, other) = (numbers.below(mutant.len()), numbers.below(files.len()));
        mutate(&mut mutant[at].1, &files[other].1, numbers);
    }
    if numbers.below(6) == 0 {
        // The content of one file under the name of another.
        let (a, b) = (numbers.below(mutant.len()), numbers.below(mutant.len()));
        mutant[a].1 = mutant[b].1.clone();
    }
    mutant
}

/// Incidents, and the captures of all formats side by side.
fn seeds() -> Vec<Vec<(String, Vec<u8>)>> {
    let mut seeds: Vec<_> = cases().iter().map(|case| files(&case.join("bundle"))).collect();
    let all = files(&in_repository("samples"));
    let captures: Vec<_> = all
        .into_iter()
        .filter(|(name, _)| !name.starts_with("bundles/") && !name.ends_with(".snap") && !name.ends_with("SOURCE"))
        .collect();
    seeds.extend(captures.chunks(6).map(<[_]>::to_vec));
    seeds
}

#[test]
fn damaged_bundles_give_valid_reports() {
    let (patterns, schema, seeds) = (patterns::built_in().unwrap(), schema(), seeds());
    let mut wrong = String::new();
    for number in 0..400_u64 {
        let mut numbers = Numbers(number);
        let mutant = mutant(&seeds[number as usize % seeds.len()], &mut numbers);
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            // Nothing at all may be left of a bundle: that is said, and no defect.
            let Ok(bundle) = bundle_of(&mutant) else { return Vec::new() };
            let report = report(bundle, &patterns);
            let mut said = faults(&schema, &report);
            if report["warnings"].to_string().contains(DEFECT) {
                said.push("a defect of a reader".to_owned());
            }
            said
        }));
        for fault in outcome.unwrap_or_else(|_| vec!["a panic".to_owned()]) {
            let first = &mutant[0].0;
            writeln!(wrong, "mutant {number} ({first}, ...): {fault}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "\n{wrong}");
}

#[test]
fn damaged_archives_are_read_as_far_as_they_go() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("damaged.tar.gz");
    let whole = std::fs::read(in_repository("samples/bundles/cartd-sessions.tar.gz")).unwrap();
    let (patterns, schema) = (patterns::built_in().unwrap(), schema());
    for number in 0..60_u64 {
        let (mut bytes, mut numbers) = (whole.clone(), Numbers(1000 + number));
        mutate(&mut bytes, &whole, &mut numbers);
        std::fs::write(&path, &bytes).unwrap();
        if let Ok(bundle) = read(std::slice::from_ref(&path), &Limits::default(), &|_| {}) {
            let report = report(bundle, &patterns);
            assert_eq!(faults(&schema, &report), [""; 0], "archive {number}");
            assert!(!report["warnings"].to_string().contains(DEFECT), "archive {number}");
        }
    }
}
