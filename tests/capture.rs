//! The script of `postmortem capture-script` runs in any shell, on any process, and gives a bundle that is read.

mod common;

use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A process that does nothing, ended with the test.
struct Idle(Child);

impl Idle {
    fn start() -> Idle {
        Idle(Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn postmortem(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_postmortem")).args(arguments).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap())
}

/// The shells of this machine; sh is always one.
fn shells() -> Vec<Vec<&'static str>> {
    let mut all = vec![vec!["sh"]];
    for shell in [vec!["dash"], vec!["busybox", "sh"]] {
        let there = Command::new(shell[0]).args(&shell[1..]).args(["-c", ":"]).stderr(Stdio::null()).status();
        if there.is_ok_and(|status| status.success()) {
            all.push(shell);
        }
    }
    all
}

#[test]
fn every_shell_takes_the_script() {
    let folder = TempDir::new().unwrap();
    for arguments in
        [&["--pid", "7"][..], &["--pod", "web-0", "--namespace", "shop", "--container", "app", "--minutes", "9"]]
    {
        let (code, script) = postmortem(&[&["capture-script"], arguments].concat());
        assert!(code == 0 && script.starts_with("#!/bin/sh\n"));
        let path = folder.path().join("capture.sh");
        std::fs::write(&path, &script).unwrap();
        for shell in shells() {
            let status = Command::new(shell[0]).args(&shell[1..]).arg("-n").arg(&path).status().unwrap();
            assert!(status.success(), "{shell:?}");
        }
    }
    assert_eq!(postmortem(&["capture-script", "--pod", "a; reboot"]).0, 2);
    assert_eq!(postmortem(&["capture-script", "--pid", "x"]).0, 2);
}

#[test]
fn its_bundle_of_a_plain_process_is_read() {
    for (nth, shell) in shells().into_iter().enumerate() {
        let folder = TempDir::new().unwrap();
        let idle = Idle::start();
        let (_, script) = postmortem(&["capture-script", "--pid", &idle.0.id().to_string(), "--minutes", "1"]);
        std::fs::write(folder.path().join("capture.sh"), script).unwrap();
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("capture.sh").current_dir(folder.path());
        let output = command.env("PAUSE", "0").env("OUT", format!("bundle-{nth}")).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{shell:?}: {said}");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), format!("bundle-{nth}.tar.gz"), "{said}");
        let archive = folder.path().join(format!("bundle-{nth}.tar.gz"));
        let (code, json) = postmortem(&["analyze", archive.to_str().unwrap(), "--format", "json", "--no-config"]);
        assert_eq!(code, 0, "{shell:?}: {said}");
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        let artifacts = report["artifacts"].as_array().unwrap();
        let status = artifacts.iter().find(|it| it["path"].as_str().unwrap().ends_with("status.log")).unwrap();
        assert_eq!(status["format"], "proc-status", "{shell:?}: {said}");
        assert!(status["span"]["from"].is_string(), "{status}");
        assert!(
            report["subjects"].as_array().unwrap().iter().any(|it| it["name"] == "sleep"),
            "{}",
            report["subjects"]
        );
    }
}

#[test]
fn what_is_not_there_is_told() {
    let (_, script) = postmortem(&["capture-script", "--pid", "999999999"]);
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no process 999999999"));
}
