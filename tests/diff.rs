//! `postmortem diff`: recordings, dumps, series and findings of two sides, as a user gives them.

mod common;

use common::{entries, files, in_repository, name};
use serde_json::Value;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn diff(arguments: &[&str], input: &[u8]) -> (i32, String, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_postmortem"))
        .arg("diff")
        .args(arguments)
        .env_remove("COLUMNS")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input);
    let out = child.wait_with_output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (out.status.code().unwrap(), text(out.stdout), text(out.stderr))
}

fn json(before: &Path, after: &Path) -> Value {
    let (code, out, error) = diff(&[before.to_str().unwrap(), after.to_str().unwrap(), "--format", "json"], b"");
    assert_eq!(code, 0, "{error}");
    serde_json::from_str(&out).unwrap()
}

fn recordings(kind: &str) -> Vec<PathBuf> {
    let all = entries(&in_repository("tests/diff"));
    all.into_iter().filter(|path| name(path).starts_with(&format!("ledger-{kind}"))).collect()
}

fn changed(diff: &Value) -> Vec<&str> {
    let functions = diff["profiles"].as_array().unwrap().iter().flat_map(|it| it["functions"].as_array().unwrap());
    functions.filter(|it| it["verdict"] != "same").map(|it| it["function"].as_str().unwrap()).collect()
}

#[test]
fn two_recordings_of_one_program_are_unchanged() {
    let base = recordings("base");
    for (nth, before) in base.iter().enumerate() {
        for after in &base[nth + 1..] {
            let diff = json(before, after);
            assert_eq!(diff["outcome"], "unchanged", "{before:?} {after:?}: {:?}", changed(&diff));
        }
    }
}

#[test]
fn the_function_that_got_20_percent_slower_is_the_first_line() {
    for after in recordings("slow") {
        let slow = name(&after).trim_start_matches("ledger-slow-").trim_end_matches(".script.xz").to_owned();
        for before in recordings("base") {
            let diff = json(&before, &after);
            assert_eq!(changed(&diff).first().copied(), Some(slow.as_str()), "{before:?}");
            let factor = diff["profiles"][0]["functions"][0]["factor"].as_f64().unwrap();
            assert!((1.1..1.35).contains(&factor), "{slow} {factor}");
            assert!(diff["summary"][0].as_str().unwrap().starts_with(&format!("{slow} costs 1.")));
        }
    }
}

fn schema() -> Value {
    serde_json::from_str(&std::fs::read_to_string(in_repository("docs/diff.schema.json")).unwrap()).unwrap()
}

/// The fields that the schema does not name.
fn unknown(value: &Value, schema: &Value, root: &Value, path: &str) -> Vec<String> {
    let schema = schema["$ref"].as_str().map_or(schema, |path| root.pointer(&path[1..]).unwrap());
    match value {
        Value::Array(items) => items.iter().flat_map(|item| unknown(item, &schema["items"], root, path)).collect(),
        Value::Object(fields) => fields
            .iter()
            .flat_map(|(name, inner)| match schema["properties"].get(name) {
                Some(schema) => unknown(inner, schema, root, &format!("{path}.{name}")),
                None => vec![format!("{path}.{name}")],
            })
            .collect(),
        _ => Vec::new(),
    }
}

#[test]
fn what_is_printed_follows_the_schema_to_the_field() {
    let root = schema();
    let validator = jsonschema::validator_for(&root).unwrap();
    let bundle = |name: &str| in_repository(&format!("samples/bundles/{name}"));
    let slow = recordings("slow").remove(0);
    for (before, after) in
        [(recordings("base").remove(0), slow), (bundle("cartd-sessions.tar.gz"), bundle("cartd-sessions.tar.gz"))]
    {
        let printed = json(&before, &after);
        let errors: Vec<String> = validator.iter_errors(&printed).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(unknown(&printed, &root, &root, ""), Vec::<String>::new());
    }
}

#[test]
fn a_bundle_against_itself_is_unchanged_in_every_part() {
    let bundle = in_repository("samples/bundles/cartd-sessions.tar.gz");
    let diff = json(&bundle, &bundle);
    assert_eq!(diff["outcome"], "unchanged", "{:?}", diff["summary"]);
    for part in ["profiles", "threads", "series", "findings"] {
        let items = diff[part].as_array().unwrap();
        assert!(!items.is_empty(), "{part}");
    }
    assert!(diff["series"].as_array().unwrap().iter().all(|series| series["verdict"] == "same"));
}

/// A goroutine dump with so many goroutines that wait to send.
fn dump(stuck: usize) -> String {
    let mut text = String::from("goroutine 1 [running]:\nmain.main()\n\t/app/main.go:9 +0x1d\n\n");
    for id in 0..stuck {
        text += &format!(
            "goroutine {} [chan send, 12 minutes]:\nmain.publish(0xc000{id:06x})\n\t/app/hub.go:41 +0x45\ncreated by main.accept in goroutine 1\n\t/app/hub.go:20 +0x65\n\n",
            id + 20
        );
    }
    text
}

#[test]
fn goroutines_that_pile_up_are_the_change() {
    let folder = TempDir::new().unwrap();
    let put = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (few, many) = (put("before.txt", dump(4)), put("after.txt", dump(400)));
    let printed = json(few.as_ref(), many.as_ref());
    let group = &printed["threads"][0]["groups"][0];
    assert_eq!(
        (&group["count"]["verdict"], &group["reason"], &group["place"]),
        (&"grew".into(), &"chan-send".into(), &"main.publish".into())
    );
    assert_eq!((&group["count"]["before"], &group["count"]["after"]), (&4.into(), &400.into()));
}

#[test]
fn series_before_and_after_an_incident_are_one_table() {
    let folder = TempDir::new().unwrap();
    let table = |name: &str, goroutines: u32, p99: f64| {
        let mut text = String::from("time,go_goroutines,p99_latency_seconds,open_fds\n");
        for minute in 0..30u32 {
            let wobble = f64::from(minute * 7 % 5);
            text += &format!(
                "2026-11-20T10:{minute:02}:00Z,{},{:.4},{}\n",
                goroutines + minute % 3,
                p99 * (1.0 + wobble / 100.0),
                64 + minute % 2
            );
        }
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    let (before, after) = (table("before.csv", 120, 0.08), table("after.csv", 2_400, 0.95));
    let printed = json(&before, &after);
    let series = printed["series"].as_array().unwrap();
    let verdict = |name: &str| {
        series.iter().find(|it| it["series"].as_str().unwrap().contains(name)).map(|it| it["verdict"].clone())
    };
    assert_eq!(verdict("goroutine"), Some("grew".into()), "{series:?}");
    assert_eq!(verdict("p99"), Some("grew".into()), "{series:?}");
    assert!(series.iter().filter(|it| it["verdict"] != "same").count() == 2, "{series:?}");
    let (code, out, _) = diff(&[before.to_str().unwrap(), after.to_str().unwrap(), "--fail-on", "series=50%"], b"");
    assert_eq!(code, 1, "{out}");
    assert_eq!(
        diff(&[after.to_str().unwrap(), before.to_str().unwrap(), "--fail-on", "any"], b"").0,
        0,
        "less is no failure"
    );
}

/// Folded stacks; `slow` multiplies one of them.
fn folded(slow: f64) -> String {
    let costs = [
        ("parse", 900.0),
        ("render", 3_000.0 * slow),
        ("sort", 2_000.0),
        ("log", 700.0),
        ("hash", 1_500.0),
        ("idle", 0.4),
    ];
    costs.iter().map(|(name, cost)| format!("main;serve;{name} {}\n", cost.round())).collect()
}

#[test]
fn one_side_may_be_standard_input_and_two_columns_are_a_pair() {
    let folder = TempDir::new().unwrap();
    let before = folder.path().join("before.folded");
    std::fs::write(&before, folded(1.0)).unwrap();
    let before = before.to_str().unwrap();
    let (code, out, error) = diff(&[before, "-", "--fail-on", "grown=5%"], folded(1.5).as_bytes());
    assert_eq!(code, 1, "{error}");
    assert!(out.starts_with("CHANGED") && out.contains("render costs 1.50 times what it did"), "{out}");
    assert!(out.contains("Rates per second are not known"), "{out}");
    assert_eq!(diff(&[before, "-", "--fail-on", "grown=60%"], folded(1.5).as_bytes()).0, 0);
    assert_eq!(diff(&["-", "-"], b"").0, 2);
    let both: String = folded(1.0)
        .lines()
        .zip(folded(1.5).lines())
        .map(|(was, is)| format!("{was} {}\n", is.rsplit(' ').next().unwrap()))
        .collect();
    let (code, columns, error) = diff(&["-", "-q"], both.as_bytes());
    assert_eq!(code, 0, "{error}");
    assert!(columns.contains("render costs 1.50 times what it did"), "{columns}");
    let (code, _, error) = diff(&[before], b"");
    assert!(code == 2 && error.contains("two numbers a line"), "{error}");
    let (code, _, error) = diff(&[before, before, "--fail-on", "much"], b"");
    assert!(code == 2 && error.contains("there are grown, threads"), "{error}");
}

#[test]
fn pictures_go_both_ways_and_are_the_same_each_time() {
    let folder = TempDir::new().unwrap();
    let (before, after) = (recordings("base").remove(0), recordings("slow").remove(0));
    let written = |name: &str| {
        let out = folder.path().join(name);
        let arguments = [before.to_str().unwrap(), after.to_str().unwrap(), "-q", "--out", out.to_str().unwrap()];
        assert_eq!(diff(&arguments, b"").0, 0);
        files(&out)
    };
    let (first, second) = (written("one"), written("two"));
    assert!(first == second);
    let names: Vec<&str> = first.iter().map(|(name, _)| name.as_str()).collect();
    let id = "01-cpu-cpu-clock-ppp";
    for name in
        ["diff.json", "diff.md", &format!("{id}.after.svg"), &format!("{id}.before.svg"), &format!("{id}.folded")]
    {
        assert!(names.contains(&name), "{names:?}");
    }
}

#[test]
fn words_and_tables() {
    let (before, after) = (recordings("base").remove(0), recordings("slow").remove(0));
    let sides = [before.to_str().unwrap(), after.to_str().unwrap()];
    insta::assert_snapshot!("diff_terminal", diff(&sides, b"").1);
    insta::assert_snapshot!("diff_markdown", diff(&[sides[0], sides[1], "--format", "markdown"], b"").1);
}
