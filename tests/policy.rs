//! A run fails for what is new or worse, and for nothing else.

mod common;

use common::{cases, files, name};
use postmortem::analysis::analyze;
use postmortem::policy::compare;
use postmortem::report::model::{Report, Severity, State};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use tempfile::TempDir;

type Files = Vec<(String, Vec<u8>)>;

fn bundle(case: &str) -> Files {
    files(&common::in_repository("samples/bundles").join(case).join("bundle"))
}

fn report(files: &Files) -> Report {
    analyze(common::bundle_of(files).unwrap(), &postmortem::patterns::built_in().unwrap()).unwrap().report
}

/// Patterns of the findings of warning and above that are in this state.
fn loud(report: &Report, state: State) -> BTreeSet<&str> {
    let of = report.findings.iter().filter(|it| it.severity >= Severity::Warning && it.state == Some(state));
    of.map(|finding| finding.pattern.as_str()).collect()
}

fn compared(files: &Files, baseline: &Report) -> Report {
    let mut report = report(files);
    compare(&mut report, baseline);
    report
}

#[test]
fn nothing_is_new_beside_itself() {
    for case in cases() {
        let own = report(&files(&case.join("bundle")));
        let mut again = own.clone();
        compare(&mut again, &own);
        assert!(again.findings.iter().all(|it| it.state == Some(State::Same)), "{}", name(&case));
    }
}

/// Only the dumps of these names.
fn only(case: &str, keep: &str) -> Files {
    let mut files = bundle(case);
    files.retain(|(name, _)| name.contains(keep));
    assert!(!files.is_empty(), "{case} has no {keep}");
    files
}

/// The text with all lines of source moved down by 17, and with other addresses and longer waits.
fn drifted(files: &Files) -> Files {
    let renumber = |text: &str| {
        let mut out = String::new();
        for line in text.lines() {
            match line.strip_prefix('\t').and_then(|it| it.rsplit_once(':')) {
                Some((path, rest)) => {
                    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                    let moved = digits.parse::<u32>().map_or(0, |line| line + 17);
                    out.push_str(&format!("\t{path}:{moved}{}", &rest[digits.len()..]));
                }
                None => out.push_str(&line.replace("0xc000", "0xc123").replace(" minutes", "7 minutes")),
            }
            out.push('\n');
        }
        out
    };
    files.iter().map(|(name, bytes)| (name.clone(), renumber(&String::from_utf8_lossy(bytes)).into_bytes())).collect()
}

#[test]
fn a_second_capture_of_the_same_fault_is_nothing_new() {
    let case = "deadlock-lost-unlock-two-dumps";
    let dumps = bundle(case);
    let (first, second) = (&dumps[0].0, &dumps[dumps.len() - 1].0);
    assert_ne!(first, second);
    let pairs = [
        (only(case, first), only(case, second)),
        (bundle(case), drifted(&bundle(case))),
        (bundle("goroutine-leak-abandoned-senders"), drifted(&bundle("goroutine-leak-abandoned-senders"))),
        (bundle("pool-exhaustion-billing-rows"), drifted(&bundle("pool-exhaustion-billing-rows"))),
    ];
    for (nth, (before, after)) in pairs.iter().enumerate() {
        let baseline = report(before);
        assert!(baseline.findings.iter().any(|it| it.severity >= Severity::Warning), "pair {nth} has a fault");
        let after = compared(after, &baseline);
        let same = loud(&after, State::Same);
        assert!(!same.is_empty() && loud(&after, State::New).is_empty(), "pair {nth}: {:?}", loud(&after, State::New));
    }
}

#[test]
fn another_fault_is_exactly_what_is_new() {
    let baseline = report(&bundle("deadlock-java-bank-transfer"));
    for other in ["goroutine-leak-abandoned-senders", "cpu-hotspot-shopd"] {
        let alone: BTreeSet<String> = report(&bundle(other)).root_causes.iter().map(|it| it.category.clone()).collect();
        let mut both = bundle("deadlock-java-bank-transfer");
        both.extend(bundle(other).into_iter().map(|(name, bytes)| (format!("other/{name}"), bytes)));
        let report = compared(&both, &baseline);
        let state = |id: &str| report.findings.iter().find(|it| it.id == id).and_then(|it| it.state);
        let new = report.root_causes.iter().filter(|it| state(&it.finding) == Some(State::New));
        let new: BTreeSet<String> = new.map(|it| it.category.clone()).collect();
        assert_eq!(new, alone, "{other}");
        assert!(loud(&report, State::Same).iter().any(|pattern| pattern.contains("deadlock")), "{other}");
    }
}

#[test]
fn a_symptom_of_a_known_cause_is_nothing_new_and_a_worse_finding_is_told() {
    let with_symptom = cases()
        .into_iter()
        .map(|case| report(&files(&case.join("bundle"))))
        .find(|report| report.findings.iter().any(|it| it.explained_by.is_some()));
    let report = with_symptom.expect("a sample has a symptom");
    let mut baseline = report.clone();
    baseline.findings.retain(|finding| finding.explained_by.is_none());
    baseline.findings.iter_mut().for_each(|it| it.severity = it.severity.min(Severity::Warning));
    let mut after = report.clone();
    compare(&mut after, &baseline);
    for finding in &after.findings {
        let expected = match (&finding.explained_by, finding.severity > Severity::Warning) {
            (None, true) => State::Worse,
            _ => State::Same,
        };
        assert_eq!(finding.state, Some(expected), "{}", finding.id);
    }
}

fn run(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postmortem"));
    let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

fn sample(case: &str) -> String {
    common::in_repository("samples/bundles").join(case).join("bundle").to_str().unwrap().to_owned()
}

#[test]
fn the_command_fails_for_what_is_new() {
    let folder = TempDir::new().unwrap();
    let (sick, other) = (sample("deadlock-java-bank-transfer"), sample("goroutine-leak-abandoned-senders"));
    let (_, json, _) = run(&folder, &["analyze", &sick, "--format", "json"]);
    fs::write(folder.path().join("base.json"), json).unwrap();
    let gate = |bundle: &str, more: &[&str]| {
        run(&folder, &[&["analyze", bundle, "--format", "terminal", "--fail-on", "warning"], more].concat())
    };
    assert_eq!(gate(&sick, &[]).0, 1);
    let (code, text, _) = gate(&sick, &["--baseline", "base.json"]);
    assert!(code == 0 && text.contains("beside the baseline 0 new, 0 worse, 1 known"), "{text}");
    let (code, text, _) = gate(&other, &["--baseline", "base.json"]);
    assert!(code == 1 && text.contains("beside the baseline 1 new ("), "{text}");
    let (code, _, complaint) = gate(&other, &["--baseline", "nowhere.json"]);
    assert!(code == 2 && complaint.contains("nowhere.json"), "{complaint}");
}

#[test]
fn the_file_says_what_is_allowed_and_the_command_line_wins() {
    let folder = TempDir::new().unwrap();
    let sick = sample("deadlock-java-bank-transfer");
    let put = |text: &str| fs::write(folder.path().join("postmortem.toml"), text).unwrap();
    let gate = |more: &[&str]| run(&folder, &[&["analyze", &sick, "--format", "terminal"], more].concat());
    put("fail-on = \"error\"\n");
    assert_eq!(gate(&[]).0, 1);
    assert_eq!(gate(&["--no-config"]).0, 0);
    put("fail-on = \"error\"\n[[allow]]\npattern = \"deadlock-*\"\nreason = \"OPS-12\"\n");
    let (code, text, _) = gate(&[]);
    assert!(code == 0 && text.contains("is allowed: OPS-12") && text.contains("PROBLEM"), "{text}");
    put("fail-on = \"error\"\n[[allow]]\npattern = \"deadlock-*\"\nreason = \"OPS-12\"\nuntil = \"2026-11-21\"\n");
    assert_eq!(gate(&["--today", "2026-11-21"]).0, 0);
    let (code, text, _) = gate(&["--today", "2026-11-22"]);
    assert!(code == 1 && text.contains("that ended on 2026-11-21"), "{text}");
    put("min-confidence = 0.9999\nfail-on = \"info\"\n");
    assert_eq!(gate(&[]).0, 0);
    put("fail-on = \"critical\"\n");
    assert_eq!((gate(&[]).0, gate(&["--fail-on", "info"]).0), (0, 1));
    put("fial-on = \"error\"\n");
    let (code, text, complaint) = gate(&[]);
    assert!(code == 2 && text.is_empty() && complaint.contains("unknown field `fial-on`"), "{complaint}");
}
