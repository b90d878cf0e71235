//! The examples of docs/ci.md run as they are written.

mod common;

use postmortem::policy::Config;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// The text of docs/ci.md between fences of a language.
fn fences(language: &str) -> Vec<String> {
    let text = std::fs::read_to_string(common::in_repository("docs/ci.md")).unwrap();
    let open = format!("```{language}\n");
    text.split(&open).skip(1).map(|rest| rest.split("\n```").next().unwrap().to_owned()).collect()
}

/// The commands of a pipeline: blocks after `run: |`, or the list under `script:`.
fn steps(yaml: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let lines: Vec<&str> = yaml.lines().collect();
    let mut steps = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let inner = || lines[at + 1..].iter().take_while(|next| indent(next) > indent(line));
        match line.trim() {
            "run: |" => steps.push(inner().map(|line| line.trim()).collect::<Vec<_>>().join("\n")),
            "script:" => steps.extend(inner().map(|line| line.trim().trim_start_matches("- ").to_owned())),
            _ => {}
        }
    }
    steps
}

/// Runs the steps as a runner does, each in a shell of its own, and gives the statuses.
fn run(steps: &[String], folder: &Path) -> Vec<i32> {
    let binary = Path::new(env!("CARGO_BIN_EXE_postmortem")).parent().unwrap();
    let path = format!("{}:{}", binary.display(), std::env::var("PATH").unwrap());
    let one = |step: &String| {
        let mut command = Command::new("sh");
        command.args(["-e", "-c", step]).current_dir(folder).env("PATH", &path);
        let output = command.env("GITHUB_STEP_SUMMARY", folder.join("summary.md")).output().unwrap();
        assert!(output.stderr.is_empty(), "{step}: {}", String::from_utf8_lossy(&output.stderr));
        output.status.code().unwrap()
    };
    steps.iter().map(one).collect()
}

fn work(case: &str) -> TempDir {
    let folder = TempDir::new().unwrap();
    for (name, bytes) in common::files(&common::in_repository("samples/bundles").join(case).join("bundle")) {
        let path = folder.path().join("captures").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
    folder
}

#[test]
fn the_pipelines_run_and_fail_for_a_fault() {
    let pipelines = fences("yaml");
    assert_eq!(pipelines.len(), 2);
    for (case, expected) in [("deadlock-java-bank-transfer", 1), ("ok-java-tomcat-idle", 0)] {
        for pipeline in &pipelines {
            let folder = work(case);
            let steps = steps(pipeline);
            assert!(steps.len() >= 4, "{steps:?}");
            let statuses = run(&steps, folder.path());
            let (gate, others) = statuses.split_last().unwrap();
            let reports = others.iter().zip(&steps).filter(|(_, step)| !step.contains("--fail-on"));
            assert!(
                reports.clone().count() >= 2 && reports.into_iter().all(|(status, _)| *status == 0),
                "{statuses:?}"
            );
            assert_eq!(*gate, expected, "{case}: {steps:?}");
            for file in ["report/findings.sarif", "report/report.json"] {
                assert!(folder.path().join(file).exists(), "{file}");
            }
        }
    }
}

#[test]
fn a_committed_baseline_lets_the_gate_pass() {
    let folder = work("deadlock-java-bank-transfer");
    let steps = steps(&fences("yaml")[0]);
    assert_eq!(run(&steps, folder.path()).last(), Some(&1));
    let summary = std::fs::read_to_string(folder.path().join("summary.md")).unwrap();
    assert!(summary.starts_with("### PROBLEM: deadlock"), "{summary}");
    std::fs::copy(folder.path().join("report/report.json"), folder.path().join("baseline.json")).unwrap();
    assert_eq!(run(&steps, folder.path()).last(), Some(&0));
}

#[test]
fn the_example_of_the_file_is_read() {
    let config = Config::parse(&fences("toml")[0]).unwrap();
    assert_eq!((config.allow.len(), config.min_confidence), (1, Some(0.8)));
}
