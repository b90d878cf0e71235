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

/// A cluster of one pod, which is this machine; and no debugger, which would stop the test.
const CLUSTER: [(&str, &str); 2] = [
    (
        "kubectl",
        r#"#!/bin/sh
echo "$1" >>"$CALLS"
case " $* " in *" -n shop "*) ;; *) exit 1 ;; esac
case $1 in
    exec)
        while [ "$1" != -- ]; do shift; done
        shift
        exec "$@"
        ;;
    describe)
        printf '%s\n' 'Name:             orders-0' 'Namespace:        shop' 'Status:           Running' \
            'Containers:' '  orders:' '    State:          Running' '    Ready:          True' '    Restart Count:  0'
        ;;
    logs)
        case $* in *--previous*) exit 1 ;; esac
        echo '2026-11-22T06:00:00.1Z listening on :8080'
        ;;
    *) exit 1 ;;
esac
"#,
    ),
    ("gdb", "#!/bin/sh\nexit 1\n"),
];

/// Puts the commands of [`CLUSTER`] into a folder and gives a PATH that finds them first.
fn cluster(folder: &TempDir) -> String {
    use std::os::unix::fs::PermissionsExt;
    let commands = folder.path().join("bin");
    std::fs::create_dir(&commands).unwrap();
    for (name, script) in CLUSTER {
        std::fs::write(commands.join(name), script).unwrap();
        std::fs::set_permissions(commands.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:{}", commands.display(), std::env::var("PATH").unwrap())
}

/// This process opens files and never closes them; its pod is captured, and the bundle says so.
#[test]
fn the_bundle_of_a_sick_pod_names_its_fault() {
    let pid = std::process::id().to_string();
    for shell in shells() {
        let folder = TempDir::new().unwrap();
        let (path, calls) = (cluster(&folder), folder.path().join("calls"));
        let arguments = ["capture-script", "--pod", "orders-0", "--namespace", "shop", "--pid", &pid, "--minutes", "3"];
        std::fs::write(folder.path().join("capture.sh"), postmortem(&arguments).1).unwrap();
        let mut command = Command::new(shell[0]);
        command.args(&shell[1..]).arg("capture.sh").current_dir(folder.path()).env("PATH", &path);
        command.envs([("PAUSE", "1"), ("OUT", "pod")]).env("CALLS", &calls);
        let mut capture = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut leaked = Vec::new();
        while capture.try_wait().unwrap().is_none() && leaked.len() < 2_000 {
            leaked.push(std::fs::File::open("/dev/null"));
            std::thread::sleep(std::time::Duration::from_millis(40));
        }
        let output = capture.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success() && said.contains("in orders-0"), "{shell:?}: {said}");
        let calls = std::fs::read_to_string(&calls).unwrap();
        assert!(calls.lines().count() < 100, "one call for all that is sampled at one go: {calls}");
        let archive = folder.path().join("pod.tar.gz");
        let (_, json) = postmortem(&["analyze", archive.to_str().unwrap(), "--format", "json", "--no-config"]);
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(report["root_causes"][0]["category"], "fd-leak", "{shell:?}: {said}");
        let formats: Vec<&str> =
            report["artifacts"].as_array().unwrap().iter().filter_map(|it| it["format"].as_str()).collect();
        for format in ["fd-listing", "proc-status", "kubectl-describe"] {
            assert!(formats.contains(&format), "{shell:?}: {formats:?}");
        }
        assert!(!folder.path().join("pod").exists(), "the folder is gone, its archive stays");
    }
}

/// A full dump of very many goroutines stops the world: the script takes the grouped one alone.
#[test]
fn dumps_of_very_many_goroutines_are_left_out() {
    for (count, full) in [(9_999, true), (10_001, false)] {
        let folder = TempDir::new().unwrap();
        let path = cluster(&folder);
        let page = format!("goroutine profile: total {count}\\n1 @ 0x1\\n#\\t0x1\\tmain.main+0x1\\t/srv/main.go:1\\n");
        let curl = format!(
            "#!/bin/sh\ncase $* in\n*debug=1*) printf '{page}' ;;\n*debug=2*) echo 'goroutine 1 [running]:' ;;\n*) exit 1 ;;\nesac\n"
        );
        let commands = folder.path().join("bin");
        std::fs::write(commands.join("curl"), curl).unwrap();
        std::fs::copy(commands.join("gdb"), commands.join("wget")).unwrap();
        let fake = std::fs::metadata(commands.join("gdb")).unwrap().permissions();
        std::fs::set_permissions(commands.join("curl"), fake).unwrap();
        let idle = Idle::start();
        let (_, script) = postmortem(&["capture-script", "--pid", &idle.0.id().to_string(), "--minutes", "1"]);
        let mut command = Command::new("sh");
        command.args(["-c", &script]).current_dir(folder.path()).env("PATH", &path);
        command.envs([("PAUSE", "0"), ("OUT", "go"), ("URL", "http://127.0.0.1:1")]);
        assert!(command.output().unwrap().status.success());
        let archive = folder.path().join("go.tar.gz");
        let (_, json) = postmortem(&["analyze", archive.to_str().unwrap(), "--format", "json", "--no-config"]);
        let report: serde_json::Value = serde_json::from_str(&json).unwrap();
        let names: Vec<&str> =
            report["artifacts"].as_array().unwrap().iter().map(|it| it["path"].as_str().unwrap()).collect();
        let of = |lead: &str| names.iter().filter(|name| name.contains(lead)).count();
        assert!(of("goroutine-debug1-") >= 1, "{names:?}");
        assert_eq!(of("goroutine-2") >= 1, full, "{names:?}");
    }
}
