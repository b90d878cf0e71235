//! The command as a user meets it: exit status, what comes on which stream, what is written.

mod common;

use common::{faults, files, in_repository, schema};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What a run gave.
#[derive(Debug)]
struct Ran {
    status: i32,
    stdout: String,
    stderr: String,
}

impl Ran {
    /// One line on stderr, nothing on stdout, status 2.
    fn refused_with(&self, words: &str) {
        assert_eq!((self.status, self.stdout.as_str()), (2, ""), "{self:?}");
        assert!(self.stderr.contains(words) && self.stderr.lines().count() == 1, "{self:?}");
        assert!(self.stderr.starts_with("postmortem: "), "{self:?}");
    }
}

fn command(folder: &TempDir, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postmortem"));
    command.args(arguments).current_dir(folder.path()).stdin(Stdio::null());
    for name in ["CLICOLOR_FORCE", "FORCE_COLOR", "COLUMNS"] {
        command.env_remove(name);
    }
    command
}

fn finished(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
    Ran { status: output.status.code().unwrap_or(-1), stdout: text(output.stdout), stderr: text(output.stderr) }
}

fn run(folder: &TempDir, arguments: &[&str]) -> Ran {
    finished(&mut command(folder, arguments))
}

fn fed(folder: &TempDir, arguments: &[&str], input: &[u8]) -> Ran {
    let path = folder.path().join("input");
    fs::write(&path, input).unwrap();
    let ran = finished(command(folder, arguments).stdin(fs::File::open(&path).unwrap()));
    fs::remove_file(path).unwrap();
    ran
}

fn put(folder: &TempDir, name: &str, bytes: &[u8]) -> String {
    fs::write(folder.path().join(name), bytes).unwrap();
    name.to_owned()
}

fn folder() -> TempDir {
    TempDir::new().unwrap()
}

fn sample(path: &str) -> String {
    let path: PathBuf = in_repository("samples").join(path);
    path.to_str().unwrap().to_owned()
}

fn sick() -> String {
    sample("bundles/deadlock-java-bank-transfer/bundle")
}

fn healthy() -> String {
    sample("bundles/ok-http-gateway/bundle")
}

fn archive() -> String {
    sample("bundles/cartd-sessions.tar.gz")
}

fn nothing_in(path: &Path) -> bool {
    fs::read_dir(path).unwrap().next().is_none()
}

#[test]
fn wrong_usage_is_status_2() {
    let folder = folder();
    for arguments in [&["analyze"][..], &["analyse", "x"], &["analyze", "x", "--fail-on", "much"], &["explain"]] {
        let ran = run(&folder, arguments);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{ran:?}");
        assert!(ran.stderr.contains("--help"), "{ran:?}");
    }
    let help = run(&folder, &["--help"]);
    assert_eq!((help.status, help.stderr.as_str()), (0, ""));
    assert!(help.stdout.contains("Exit status"));
}

#[test]
fn what_is_not_there_empty_or_not_known_is_refused_in_one_line() {
    let folder = folder();
    run(&folder, &["analyze", "nowhere.tar.gz"]).refused_with("nowhere.tar.gz");
    let empty = put(&folder, "empty.txt", b"");
    run(&folder, &["analyze", &empty]).refused_with("nothing in empty.txt");
    let binary = put(&folder, "core", &[0, 1, 2, 3, 0xff, 0, 0xfe]);
    run(&folder, &["analyze", &binary]).refused_with("nothing recognised");
    run(&folder, &["analyze", &binary, "--format", "json"]).refused_with("nothing recognised");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing was written");
}

#[test]
fn a_cut_archive_is_analysed_with_a_warning() {
    let folder = folder();
    let whole = fs::read(archive()).unwrap();
    let cut = put(&folder, "cut.tar.gz", &whole[..whole.len() / 2]);
    let ran = run(&folder, &["analyze", &cut, "--format", "json"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(report["artifacts"].as_array().unwrap().len() > 2);
    let warnings = report["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning["message"].as_str().unwrap().contains("damaged")), "{warnings:?}");
}

#[test]
fn the_summary_comes_also_where_nothing_can_be_written() {
    let folder = folder();
    put(&folder, "file", b"in the way");
    let ran = run(&folder, &["analyze", &sick(), "--out", "file/report"]);
    assert_eq!((ran.status, ran.stderr.lines().count()), (2, 1), "{ran:?}");
    assert!(ran.stderr.contains("cannot write the report to file/report"), "{ran:?}");
    assert!(ran.stdout.contains("PROBLEM"), "{ran:?}");
}

#[test]
fn findings_fail_a_run_only_when_asked() {
    let folder = folder();
    let status = |bundle: &str, more: &[&str]| {
        run(&folder, &[&["analyze", bundle, "--format", "terminal"], more].concat()).status
    };
    assert_eq!(status(&sick(), &[]), 0);
    assert_eq!(status(&sick(), &["--fail-on", "error"]), 1);
    assert_eq!(status(&sick(), &["--fail-on", "info"]), 1);
    assert_eq!(status(&healthy(), &["--fail-on", "error"]), 0);
    assert_eq!(status(&healthy(), &["--fail-on", "warning"]), 0);
}

#[test]
fn json_is_all_that_format_json_prints() {
    let (folder, schema) = (folder(), schema());
    for bundle in [sick(), healthy(), archive()] {
        let ran = run(&folder, &["analyze", &bundle, "--format", "json"]);
        assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
        let report = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(faults(&schema, &report), [""; 0], "{bundle}");
    }
    assert!(nothing_in(folder.path()));
}

#[test]
fn without_a_format_a_folder_is_written_beside_the_summary() {
    let folder = folder();
    let ran = run(&folder, &["analyze", &archive()]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""), "{ran:?}");
    assert!(ran.stdout.contains("cartd-sessions.tar.gz"), "{ran:?}");
    let written = folder.path().join("cartd-sessions.tar.gz.postmortem");
    let names: Vec<String> = files(&written).into_iter().map(|(name, _)| name).collect();
    for name in ["report.json", "report.md", "report.html"] {
        assert!(names.iter().any(|written| written == name), "{names:?}");
    }
    let of =
        |start: &str, end: &str| names.iter().filter(|name| name.starts_with(start) && name.ends_with(end)).count();
    assert!(of("folded/", ".folded") > 0, "{names:?}");
    assert_eq!(of("folded/", ".folded"), of("flamegraphs/", ".svg"), "{names:?}");
    let again = run(&folder, &["analyze", &archive()]);
    assert_eq!((again.status, again.stdout), (0, ran.stdout), "a second run writes over the first");
}

#[test]
fn the_report_of_an_earlier_run_is_no_part_of_the_bundle() {
    let folder = folder();
    let dump = fs::read(sample("bundles/deadlock-java-bank-transfer/bundle/jstack-1.txt")).unwrap();
    put(&folder, "jstack-1.txt", &dump);
    let first = run(&folder, &["analyze", "."]);
    let again = run(&folder, &["analyze", ".", "--format", "json"]);
    assert_eq!((first.status, again.status), (0, 0), "{first:?}");
    let report: serde_json::Value = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(report["artifacts"].as_array().unwrap().len(), 1, "{}", report["artifacts"]);
    assert!(again.stdout.contains("the report of an earlier analysis"), "{}", report["warnings"]);
}

#[test]
fn stdin_is_a_bundle() {
    let folder = folder();
    let ran = fed(&folder, &["analyze", "-", "--format", "json"], &fs::read(archive()).unwrap());
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains("goroutine-debug1-224230.txt"));
    let dump = fs::read(sample("bundles/deadlock-java-bank-transfer/bundle/jstack-1.txt")).unwrap();
    let ran = fed(&folder, &["analyze", "-", "--format", "terminal"], &dump);
    assert_eq!(ran.status, 0, "{ran:?}");
    assert!(ran.stdout.contains("deadlock"), "{ran:?}");
    fed(&folder, &["analyze", "-"], b"").refused_with("there is nothing in");
}

#[test]
fn patterns_are_listed_tested_and_explained() {
    let folder = folder();
    let list = run(&folder, &["patterns", "list"]);
    assert_eq!((list.status, list.stderr.as_str()), (0, ""));
    assert!(list.stdout.lines().count() > 10, "{list:?}");
    for line in list.stdout.lines().take(3) {
        let id = line.split_whitespace().next().unwrap();
        let explained = run(&folder, &["explain", id]);
        assert_eq!(explained.status, 0, "{explained:?}");
        assert!(explained.stdout.starts_with(id) && explained.stdout.contains("\nFix\n"), "{explained:?}");
        assert_eq!(run(&folder, &["explain", &format!("{id}-0123abcd")]).stdout, explained.stdout);
    }
    run(&folder, &["explain", "no-such-pattern"]).refused_with("no-such-pattern");
    let bad = folder.path().join("bad");
    fs::create_dir(&bad).unwrap();
    fs::write(bad.join("bad.md"), "no head\n").unwrap();
    run(&folder, &["patterns", "test", "bad"]).refused_with("pattern bad: ");
    run(&folder, &["analyze", &healthy(), "--patterns", "bad"]).refused_with("pattern bad: ");
}

#[test]
fn the_examples_of_all_patterns_pass() {
    let ran = run(&folder(), &["patterns", "test"]);
    assert!(ran.status == 0 && ran.stdout.trim_end().ends_with(" 0 failed"), "{}", ran.stdout);
}

#[test]
fn inspect_shows_files_and_does_not_judge() {
    let folder = folder();
    let ran = run(&folder, &["inspect", &archive()]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout.contains("stderr.log") && ran.stdout.contains("go-gctrace"), "{}", ran.stdout);
    assert!(!ran.stdout.contains("PROBLEM") && !ran.stdout.contains("HEALTHY"), "{}", ran.stdout);
    assert!(nothing_in(folder.path()));
    run(&folder, &["inspect", "nowhere"]).refused_with("nowhere");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let folder = folder();
    let mut child = command(&folder, &["analyze", &archive(), "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(0), &b""[..]));
}

/// An archive whose member names and stacks carry escape sequences.
fn hostile_archive() -> Vec<u8> {
    let blocked: String = (1..=200)
        .map(|id| {
            format!(
                "goroutine {id} [chan send, 9 minutes]:\nmain.\x1b[31mred\x07\x1b]0;owned\x07(0xc000012000)\n\
                 \t/srv/\x1b[2Jmain.go:12 +0x2f\ncreated by main.\x1b[Hhome in goroutine 1\n\t/srv/main.go:5 +0x44\n\n"
            )
        })
        .collect();
    let panic = "panic: \x1b[31mboom\u{9b}31m\u{202e}\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/main.go:7 +0x1d\n";
    let mut builder = tar::Builder::new(Vec::new());
    for (name, text) in [("a\x1b[31m\x07\r\u{9b}2J.txt", blocked.as_str()), ("p\x1b]0;x\x07.log", panic)] {
        let mut header = tar::Header::new_gnu();
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap()
}

#[test]
fn control_characters_of_the_input_never_reach_the_terminal() {
    let folder = folder();
    let bundle = put(&folder, "hostile.tar", &hostile_archive());
    for arguments in [
        &["analyze", &bundle, "--format", "terminal"][..],
        &["analyze", &bundle, "--format", "terminal", "-v"],
        &["analyze", &bundle, "-vv"],
        &["analyze", &bundle, "--format", "markdown"],
        &["analyze", &bundle, "--format", "json"],
        &["inspect", &bundle],
        &["analyze", "no\x1b[31m\x07where"],
        &["explain", "\x1b[31mred"],
    ] {
        let ran = run(&folder, arguments);
        let obeyed = |c: char| c.is_control() || c == '\u{202e}';
        let odd = |text: &str| text.lines().find(|line| line.contains(obeyed)).map(str::to_owned);
        assert_eq!(odd(&ran.stdout), None, "{arguments:?}");
        assert_eq!(odd(&ran.stderr), None, "{arguments:?}");
    }
    for (name, bytes) in files(&folder.path().join("hostile.tar.postmortem")) {
        let text = String::from_utf8(bytes).unwrap();
        assert!(!name.chars().any(char::is_control), "{name:?}");
        assert!(!text.chars().any(|c| c.is_control() && c != '\n' && c != '\t'), "{name}");
    }
}

#[test]
fn standard_input_that_is_cut_is_no_reason_to_hang() {
    let folder = folder();
    let mut child = command(&folder, &["analyze", "-", "--format", "terminal"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"goroutine 1 [running]:\nmain.ma").unwrap();
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(0));
}

/// A day of `schedtrace`: what is squared over its rows takes tens of gigabytes.
#[test]
fn a_long_series_is_judged_in_little_time_and_memory() {
    let folder = folder();
    let rows: String = (0..100_000)
        .map(|row| {
            format!(
                "SCHED {}ms: gomaxprocs=2 idleprocs=0 threads={} spinningthreads=0 needspinning=0 idlethreads=1 \
                 runqueue=0 [0 0]\n",
                row * 1000,
                5 + row % 3
            )
        })
        .collect();
    let log = put(&folder, "schedtrace.log", rows.as_bytes());
    let began = std::time::Instant::now();
    let ran = run(&folder, &["analyze", &log, "--format", "terminal"]);
    assert_eq!((ran.status, ran.stderr.as_str()), (0, ""));
    assert!(began.elapsed().as_secs() < 60, "{:?}", began.elapsed());
}

#[test]
fn fold_writes_one_profile_and_says_what_it_leaves_out() {
    let folder = TempDir::new().unwrap();
    let capture = |path: &str| in_repository("samples").join(path).display().to_string();

    let two = capture("perf-script/odd-names-two-events/perf.script");
    let first = run(&folder, &["fold", &two]);
    assert_eq!(first.status, 0, "{first:?}");
    assert!(first.stderr.contains("only page-faults is folded"), "{first:?}");
    assert!(
        first.stdout.lines().all(|line| line.rsplit_once(' ').is_some_and(|(_, weight)| weight.parse::<u64>().is_ok()))
    );
    let other = run(&folder, &["fold", "--event-filter", "context-switches", &two]);
    assert!(other.status == 0 && other.stdout != first.stdout && !other.stdout.is_empty(), "{other:?}");
    run(&folder, &["fold", "--event-filter", "cycles", &two]).refused_with("there is no event \"cycles\"");

    // inferno reads nothing of a switch with a payload; every sample counts without it.
    let switches = capture("perf-script/sched-switch/perf.script");
    assert_eq!(run(&folder, &["fold", "--compat", "inferno", &switches]).stdout, "");
    assert_eq!(run(&folder, &["fold", &switches]).stdout.lines().count(), 1);

    let icicle = run(&folder, &["fold", "--format", "icicle", &capture("perf-script/rust-inv/perf.script")]);
    assert!(icicle.stdout.starts_with("<?xml") && icicle.stdout.contains("inv::dedup"), "{}", icicle.stdout.len());
    run(&folder, &["fold", &capture("environ")]).refused_with("");
}
