//! Every output can be had again from the report in JSON, byte for byte.

mod common;

use common::{cases, files, name};
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// What a run prints.
fn run(arguments: &[&str], path: &Path) -> Vec<u8> {
    let ran = Command::new(env!("CARGO_BIN_EXE_postmortem"))
        .args(arguments)
        .arg(path)
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    assert!(ran.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&ran.stderr));
    ran.stdout
}

/// The words that `--format` takes.
fn formats() -> Vec<String> {
    let help = String::from_utf8(run(&["render", "--help"], Path::new(""))).unwrap();
    let rest = help.split("--format <FORMAT>").nth(1).unwrap();
    let rest = &rest[..rest.find("\n      --").unwrap_or(rest.len())];
    let mut words: Vec<String> = Vec::new();
    for line in rest.lines() {
        if let Some(word) = line.trim_start().strip_prefix("- ") {
            words.push(word.split(':').next().unwrap().to_owned());
        }
    }
    assert!(words.contains(&"json".to_owned()) && words.contains(&"markdown".to_owned()), "{help}");
    words
}

#[test]
fn every_format_of_every_bundle_is_the_same_from_its_json() {
    let scratch = TempDir::new().unwrap();
    let report = scratch.path().join("report.json");
    for case in cases() {
        let bundle = case.join("bundle");
        std::fs::write(&report, run(&["analyze", "--format", "json"], &bundle)).unwrap();
        for format in formats() {
            let expected = run(&["analyze", "--format", &format], &bundle);
            assert!(!expected.is_empty(), "{} {format}", name(&case));
            assert!(expected == run(&["render", "--format", &format], &report), "{} {format}", name(&case));
        }
        for verbosity in ["-q", "-v", "-vv"] {
            let expected = run(&["analyze", "--format", "terminal", verbosity], &bundle);
            assert!(expected == run(&["render", verbosity], &report), "{} {verbosity}", name(&case));
        }
    }
}

#[test]
fn a_folder_is_written_again_but_for_the_pictures() {
    let scratch = TempDir::new().unwrap();
    let bundle = &cases()[0].join("bundle");
    let (first, second) = (scratch.path().join("first"), scratch.path().join("second"));
    run(&["analyze", "--out", first.to_str().unwrap()], bundle);
    run(&["render", "--out", second.to_str().unwrap()], &first.join("report.json"));
    let mut expected = files(&first);
    expected.retain(|(name, _)| !name.contains('/'));
    assert!(expected.len() >= 2);
    assert!(expected == files(&second));
}

#[test]
fn what_is_no_report_is_refused() {
    let scratch = TempDir::new().unwrap();
    for (text, words) in [("{}", "is no report in JSON"), ("not json", "is no report in JSON")] {
        let path = scratch.path().join("other.json");
        std::fs::write(&path, text).unwrap();
        let ran = Command::new(env!("CARGO_BIN_EXE_postmortem")).arg("render").arg(&path).output().unwrap();
        assert_eq!(ran.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&ran.stderr).contains(words));
    }
}
