//! Nothing that tells who or holds a secret leaves in a report that is passed on.

mod common;

use common::{Numbers, cases, files};
use postmortem::analysis::analyze;
use postmortem::bundle::from_memory;
use postmortem::report::model::Report;
use postmortem::report::{Format, Options, redact, render};

const FORMATS: &[Format] = &[
    Format::Terminal,
    Format::Markdown,
    Format::Html,
    Format::Json,
    Format::Sarif,
    Format::Junit,
    Format::Github,
    Format::Gitlab,
];

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const MIXED: &str = "abcdefghijkmnopqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ0123456789";
const LOWER: &str = "abcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";

fn word(numbers: &mut Numbers, letters: &str, length: usize) -> String {
    (0..length).map(|_| char::from(letters.as_bytes()[numbers.below(letters.len())])).collect()
}

/// The kinds of secrets: how each looks, and how it stands in a log. `@` is the place of the secret.
fn planted(kind: usize, numbers: &mut Numbers) -> (String, String) {
    let (secret, line) = match kind {
        0 => (format!("AKIA{}", word(numbers, UPPER, 16)), "using key @ for s3"),
        1 => (word(numbers, MIXED, 40), "AWS_SECRET_ACCESS_KEY=@"),
        2 => (format!("ghp_{}", word(numbers, MIXED, 36)), "git clone failed with @"),
        3 => (format!("glpat-{}", word(numbers, MIXED, 20)), "PRIVATE-TOKEN: @"),
        4 => (format!("xoxb-{}-{}", word(numbers, "0123456789", 12), word(numbers, MIXED, 24)), "slack said no to @"),
        5 => (
            format!("eyJ{}.eyJ{}.{}", word(numbers, MIXED, 20), word(numbers, MIXED, 40), word(numbers, MIXED, 43)),
            "jwt @ expired",
        ),
        6 => (word(numbers, MIXED, 24), "request GET /v1 HTTP/1.1 Authorization: Bearer @"),
        7 => (format!("{}==", word(numbers, MIXED, 22)), "headers map[Authorization:[Basic @]]"),
        8 => (word(numbers, MIXED, 32), "Cookie: theme=dark; session=@"),
        9 => (
            format!("{}-{}", word(numbers, LOWER, 6), word(numbers, "0123456789", 3)),
            "exec: /usr/bin/app --db-password @ --port 80",
        ),
        10 => (
            format!("{}!{}", word(numbers, LOWER, 5), word(numbers, MIXED, 6)),
            "dial postgres://svc:@@db:5432/orders?sslmode=disable",
        ),
        11 => (word(numbers, HEX, 32), r#"{"level":"error","api_key":"@","msg":"denied"}"#),
        12 => (word(numbers, MIXED, 16), "GET https://api/v2/items?page=2&access_token=@&x=1 500"),
        13 => (format!("sk_live_{}", word(numbers, MIXED, 24)), "charge failed for @"),
        14 => (format!("AIza{}", word(numbers, MIXED, 35)), "maps key @ rejected"),
        15 => (
            format!("{}.{}@{}mail.org", word(numbers, LOWER, 6), word(numbers, LOWER, 7), word(numbers, LOWER, 4)),
            "mail to <@> bounced",
        ),
        16 => (
            format!("10.{}.{}.{}", 20 + numbers.below(200), numbers.below(250), 1 + numbers.below(250)),
            "read tcp @:44312: connection reset",
        ),
        17 => (
            format!("2001:db8:{}::{}", word(numbers, HEX, 4).replace('0', "1"), word(numbers, "123456789", 3)),
            "dial tcp [@]:443: refused",
        ),
        18 => (
            format!("db-{}.{}.internal", word(numbers, LOWER, 5), word(numbers, LOWER, 6)),
            "lookup @ on dns: no such host",
        ),
        19 => (word(numbers, LOWER, 9), "open /home/@/.config/app.yaml: permission denied, USER=@"),
        20 => (word(numbers, MIXED, 64), "-----BEGIN RSA PRIVATE KEY----- @ -----END RSA PRIVATE KEY-----"),
        _ => (
            format!("{}{}", word(numbers, MIXED, 20), word(numbers, HEX, 20)),
            "hooks.slack.com/services/T0000/B0000/@ gave 404",
        ),
    };
    let line = line.replacen("@@", "\u{1}@", 1).replace('@', "\u{2}");
    (secret.clone(), line.replace("\u{1}\u{2}", &format!("{secret}@")).replace('\u{2}', &secret))
}

const KINDS: usize = 22;
const EACH: usize = 10;

/// Files by path, and the secrets in them by kind.
type Planted = (Vec<(String, String)>, Vec<(usize, String)>);

/// A bundle of several formats with secrets in it.
fn bundle() -> Planted {
    let mut numbers = Numbers(7);
    let (mut secrets, mut log, mut dump, mut kernel) = (Vec::new(), String::new(), String::new(), String::new());
    let mut metrics = String::from("# TYPE process_open_fds gauge\n");
    for nth in 0..KINDS * EACH {
        let kind = nth % KINDS;
        let (secret, line) = planted(kind, &mut numbers);
        match nth / KINDS % 5 {
            0..=2 => log.push_str(&format!("panic: {line}\n\ngoroutine {nth} [running]:\nmain.f{nth}()\n\t/srv/main.go:7 +0x1d\n")),
            3 => {
                dump.push_str(&format!("fatal error: {line}\n\ngoroutine {nth} [running]:\nmain.g{nth}()\n\t/srv/main.go:9 +0x1d\n"));
                if !line.contains(['"', '\\']) {
                    metrics.push_str(&format!("process_open_fds{{target=\"{line}\"}} 7\n"));
                }
            }
            _ => kernel.push_str(&format!(
                "Nov 21 22:43:41 web-prod-{kind} kernel: Memory cgroup out of memory: Killed process {nth} (app) total-vm:1kB, anon-rss:1kB, file-rss:1kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0\npanic: {line}\n\ngoroutine {nth} [running]:\nmain.h{nth}()\n\t/srv/main.go:7 +0x1d\n"
            )),
        }
        secrets.push((kind, secret));
    }
    secrets.extend((0..KINDS).map(|kind| (KINDS, format!("web-prod-{kind} "))));
    let [profile, grouped, java, described, manifest] = elsewhere(&mut numbers, &mut secrets);
    let files = vec![
        ("profile.folded".to_owned(), profile),
        ("goroutine-debug1.txt".to_owned(), grouped),
        ("jstack.txt".to_owned(), java),
        ("describe-pod.txt".to_owned(), described),
        ("pod.yaml".to_owned(), manifest),
        ("hosts/web-prod-3.eu.example.com/app.log".to_owned(), log),
        ("10.9.8.7-dump.txt".to_owned(), dump),
        ("home/carol.jones@shop.example.com/syslog".to_owned(), kernel),
        ("metrics.txt".to_owned(), metrics),
    ];
    secrets.push((KINDS, "web-prod-3".into()));
    secrets.push((KINDS, "10.9.8.7".into()));
    secrets.push((KINDS, "carol.jones".into()));
    (files, secrets)
}

/// Secrets of each kind in what is no log: names of threads and frames of a profile, labels of goroutines, names of Java
/// threads, the environment of a pod as kubectl describes and lists it.
fn elsewhere(numbers: &mut Numbers, secrets: &mut Vec<(usize, String)>) -> [String; 5] {
    let mut profile = String::from("app;main.serve;main.handle 400\n");
    let mut grouped = format!("goroutine profile: total {}\n", 40 * KINDS);
    let mut java = String::from(
        "2026-11-21 22:43:41\nFull thread dump OpenJDK 64-Bit Server VM (17.0.15+6-LTS mixed mode, sharing):\n\n",
    );
    let mut described = String::from(
        "Name:             app-0\nNamespace:        shop\nStatus:           Running\nContainers:\n  app:\n    State:          Running\n    Last State:     Terminated\n      Reason:       OOMKilled\n      Exit Code:    137\n    Restart Count:  3\n    Environment:\n",
    );
    let mut manifest = String::from(
        "apiVersion: v1\nkind: Pod\nmetadata:\n  name: app-0\n  namespace: shop\nspec:\n  containers:\n  - name: app\n    env:\n",
    );
    for kind in 0..KINDS {
        let mut line = || {
            let (secret, line) = planted(kind, numbers);
            secrets.push((kind, secret));
            line
        };
        // A semicolon ends a frame.
        let (thread, frame) = (line().replace(';', ","), line().replace(';', ","));
        profile.push_str(&format!("{thread};main.serve;{frame};main.h{kind} {}\n", 90 + kind));
        let label = line().replace('\\', "").replace('"', "'");
        grouped.push_str(&format!(
            "40 @ 0x43e5d6 0x44f2d2\n# labels: {{\"request\":\"{label}\"}}\n#\t0x43e5d5\tmain.p{kind}+0x75\t/srv/p.go:{}\n\n",
            7 + kind
        ));
        java.push_str(&format!(
            "\"{}\" #{} prio=5 os_prio=0 cpu=1.0ms elapsed=900.0s tid=0x00007f0{kind:02} nid=0x{:x} waiting on condition  [0x00007f1]\n   java.lang.Thread.State: WAITING (parking)\n\tat jdk.internal.misc.Unsafe.park(java.base@17/Native Method)\n\tat com.acme.W{kind}.take(W.java:7)\n\n",
            line().replace('"', "'"),
            20 + kind,
            100 + kind
        ));
        described.push_str(&format!("      VALUE_{kind}:  {}\n", line()));
        manifest.push_str(&format!("    - name: VALUE_{kind}\n      value: '{}'\n", line().replace('\'', "")));
    }
    [profile, grouped, java, described, manifest]
}

fn report() -> (Report, Vec<(usize, String)>) {
    let (files, secrets) = bundle();
    let borrowed: Vec<(&str, &[u8])> = files.iter().map(|(name, text)| (name.as_str(), text.as_bytes())).collect();
    let bundle = from_memory("dump-of-db-main.prod.internal", &borrowed).unwrap();
    (analyze(bundle, &postmortem::patterns::built_in().unwrap()).unwrap().report, secrets)
}

#[test]
fn no_secret_is_in_any_output() {
    let (report, secrets) = report();
    let bare = render(&report, Format::Json, &Options::default());
    let shown = secrets.iter().filter(|(_, secret)| bare.contains(secret.as_str())).count();
    assert!(shown >= 250, "the bundle shows {shown} of {}", secrets.len());
    let shown_of = |kind| secrets.iter().filter(|(it, secret)| *it == kind && bare.contains(secret.as_str())).count();
    assert!((0..KINDS).all(|kind| shown_of(kind) >= EACH - 2), "every kind is shown");
    let masked = redact::redacted(&report);
    let options = Options { max_chars: usize::MAX, ..Options::default() };
    for format in FORMATS {
        let text = render(&masked, *format, &options);
        let left: Vec<_> = secrets.iter().filter(|(_, secret)| text.contains(secret.as_str())).collect();
        assert!(left.is_empty(), "{format:?}: {} left: {:?}", left.len(), &left[..left.len().min(20)]);
    }
    let counts = &masked.redaction.as_ref().unwrap().counts;
    for kind in ["secret", "email", "ip", "host", "user"] {
        assert!(counts[kind] > 0, "{counts:?}");
    }
    assert_eq!(masked.findings.len(), report.findings.len());
}

#[test]
fn equal_values_have_equal_pseudonyms_and_a_second_masking_changes_nothing() {
    let log = "panic: dial 10.1.2.3 for alice@shop.example.org from db-1.prod.internal\n\ngoroutine 1 [running]:\n\
               main.main()\n\t/srv/main.go:7 +0x1d\npanic: 10.1.2.3 gave up on 10.1.2.4, DB-1.prod.internal, token=abc123DEF\n\n\
               goroutine 1 [running]:\nmain.main()\n\t/srv/main.go:7 +0x1d\n";
    let bundle = from_memory("b", &[("app.log", log.as_bytes())]).unwrap();
    let report = analyze(bundle, &postmortem::patterns::built_in().unwrap()).unwrap().report;
    let masked = redact::redacted(&report);
    let says: Vec<&str> = masked.events.iter().map(|event| event.says.as_str()).collect();
    assert_eq!(says[0], "panic: dial <ip-1> for <email-1> from <host-1>", "{says:?}");
    assert!(says.contains(&"panic: <ip-1> gave up on <ip-2>, <host-1>, token=<secret-1>"), "{says:?}");
    let json = |report: &Report| render(report, Format::Json, &Options::default());
    assert_eq!(json(&redact::redacted(&masked)), json(&masked));
    assert_eq!(json(&redact::redacted(&report)), json(&masked));
}

/// What has the beginning of a token may be a function.
#[test]
fn long_names_of_functions_are_no_tokens() {
    let log = "panic: oops in skb_copy_and_csum_datagram_iter_full, ops_register_all_of_the_devices_late, key_value_store_get\n\n\
               goroutine 1 [running]:\nmain.main()\n\t/srv/main.go:7 +0x1d\n";
    let bundle = from_memory("b", &[("app.log", log.as_bytes())]).unwrap();
    let report = analyze(bundle, &postmortem::patterns::built_in().unwrap()).unwrap().report;
    let masked = redact::redacted(&report);
    assert_eq!(masked.events[0].says, report.events[0].says);
}

/// All that an analysis writes to its folder, the stacks and pictures of profiles with frames that tell included.
#[test]
fn no_secret_is_in_any_file_of_the_folder() {
    let (bundle, secrets) = bundle();
    let folder = tempfile::TempDir::new().unwrap();
    for (name, text) in &bundle {
        let path = folder.path().join("bundle").join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let written = |more: &[&str]| -> Vec<(String, String)> {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_postmortem"));
        command.args(["analyze", "bundle", "--out", "out", "--no-config"]).args(more).current_dir(&folder);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let mut all: Vec<_> =
            files(&folder.path().join("out")).into_iter().map(|(name, bytes)| (name, text(bytes))).collect();
        all.push(("standard output".into(), text(output.stdout)));
        all
    };
    let left = |files: &[(String, String)]| -> Vec<(String, usize, String)> {
        let held = |name: &str, text: &str| {
            let mut left = secrets.iter().filter(|(_, secret)| name.contains(secret) || text.contains(secret.as_str()));
            left.next().map(|(kind, secret)| (name.to_owned(), *kind, secret.clone()))
        };
        files.iter().filter_map(|(name, text)| held(name, text)).collect()
    };
    let bare = left(&written(&[]));
    for ending in [".folded", ".svg", "report.json"] {
        assert!(bare.iter().any(|(name, ..)| name.ends_with(ending)), "unmasked, {ending} tells: {bare:?}");
    }
    let passed_on = |(name, ..): &(String, usize, String)| {
        name.ends_with(".md") || name.ends_with(".html") || name.ends_with(".sarif")
    };
    assert!(!bare.iter().any(passed_on), "{bare:?}");
    for arguments in [&["--redact"][..], &["--redact", "-vv"]] {
        let masked = written(arguments);
        assert!(left(&masked).is_empty(), "{:?}", left(&masked));
        let folded = masked.iter().filter(|(name, _)| name.ends_with(".folded"));
        let folded: String = folded.map(|(_, text)| text.as_str()).collect();
        assert!(folded.contains("main.serve;main.handle 400") && folded.contains("<secret-"), "{folded}");
    }
}

/// What must stay for a report to be of use: functions, pids, cgroups, numbers, and whatever is no name of anybody.
#[test]
fn functions_and_ordinary_words_stay() {
    let patterns = postmortem::patterns::built_in().unwrap();
    for case in cases() {
        let bundle = common::bundle_of(&files(&case.join("bundle"))).unwrap();
        let report = analyze(bundle, &patterns).unwrap().report;
        let masked = redact::redacted(&report);
        for (before, after) in report.findings.iter().zip(&masked.findings) {
            assert_eq!((&before.fingerprint, &before.sites.len()), (&after.fingerprint, &after.sites.len()));
            assert!(before.sites.iter().zip(&after.sites).all(|(a, b)| a.function == b.function));
            assert_eq!(before.title, after.title);
        }
        assert_eq!(serde_json::to_value(&report.buckets).unwrap(), serde_json::to_value(&masked.buckets).unwrap());
    }
}
