//! Nothing that tells who or holds a secret leaves in a report that is passed on.

mod common;

use common::{Numbers, cases, files};
use postmortem::analysis::analyze;
use postmortem::bundle::from_memory;
use postmortem::report::model::Report;
use postmortem::report::{Format, Options, redact, render};

const FORMATS: &[Format] =
    &[Format::Terminal, Format::Markdown, Format::Json, Format::Sarif, Format::Junit, Format::Github, Format::Gitlab];

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
    let files = vec![
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
    assert!(secrets.len() >= 200 && shown * 10 >= secrets.len() * 8, "the bundle shows {shown} of {}", secrets.len());
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
