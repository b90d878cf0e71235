//! Presets of Markdown keep within their place, and what the command prints about itself.

mod common;

use common::{cases, files, in_repository, name};
use postmortem::analysis::analyze;
use postmortem::report::markdown::{Target, render_for};
use postmortem::report::model::Report;
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use tempfile::TempDir;

fn reports() -> Vec<(String, Report)> {
    let patterns = postmortem::patterns::built_in().unwrap();
    let of = |case: &std::path::PathBuf| {
        let bundle = common::bundle_of(&files(&case.join("bundle"))).unwrap();
        (name(case), analyze(bundle, &patterns).unwrap().report)
    };
    cases().iter().map(of).collect()
}

#[test]
fn each_place_gets_what_it_takes_with_everything_closed() {
    for (name, report) in reports() {
        for target in [Target::Github, Target::Jira, Target::Slack, Target::Summary] {
            for most in [500, 3_000, usize::MAX] {
                let text = render_for(&report, target, most);
                let what = format!("{name}, {target:?}, {most}");
                assert!(text.chars().count() <= most.min(target.limit()), "{what}");
                let head = report.root_causes.first().map_or("", |cause| cause.category.as_str());
                assert!(text.lines().next().unwrap().contains(head), "{what}: {text}");
                let fences = text.lines().filter(|line| line.starts_with("```")).count();
                let blocks = |mark: &str| text.lines().filter(|line| line.starts_with(mark)).count();
                match target {
                    Target::Jira => {
                        assert!(blocks("{code") % 2 == 0 && blocks("{noformat") % 2 == 0 && fences == 0, "{what}");
                        assert!(!text.contains("<details>") && !text.contains("|---"), "{what}");
                    }
                    Target::Slack => {
                        assert!(fences % 2 == 0 && !text.contains("<details>") && !text.contains("|---"), "{what}");
                        assert!(!text.lines().any(|line| line.starts_with('#')), "{what}");
                    }
                    Target::Github | Target::Summary => {
                        assert!(fences % 2 == 0, "{what}");
                        assert_eq!(text.matches("<details>").count(), text.matches("</details>").count(), "{what}");
                        assert!(text.len() < 1 << 20, "{what}");
                    }
                }
                if target == Target::Summary {
                    assert!(text.starts_with("### "), "{what}");
                }
            }
        }
    }
}

fn run(folder: &TempDir, arguments: &[&str]) -> (i32, String, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_postmortem"));
    let output = command.args(arguments).current_dir(folder.path()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
}

#[test]
fn the_most_verbose_text_tells_every_fact_and_why_each_pattern_was_not_found() {
    let folder = TempDir::new().unwrap();
    let bundle = in_repository("samples/bundles/deadlock-java-bank-transfer/bundle");
    let (code, text, _) = run(&folder, &["analyze", bundle.to_str().unwrap(), "-vv"]);
    assert_eq!(code, 0);
    assert!(text.contains("Facts\n") && text.contains("Not found"), "{text}");
    let (_, json, _) = run(&folder, &["analyze", bundle.to_str().unwrap(), "--format", "json"]);
    let report: Value = serde_json::from_str(&json).unwrap();
    for checked in report["checked"].as_array().unwrap() {
        let why = checked["why"].as_str().unwrap_or("");
        assert_eq!(checked["outcome"] == "not-found", !why.is_empty(), "{checked}");
    }
}

#[test]
fn the_guilty_lines_are_shown_and_pointed_at() {
    let folder = TempDir::new().unwrap();
    let put = |path: &str, text: &str| {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    let dump: String = (2..60)
        .map(|id| format!("goroutine {id} [chan send, 9 minutes]:\nmain.publish(0xc000012000)\n\t/build/app/hub/hub.go:4 +0x2f\ncreated by main.main in goroutine 1\n\t/build/app/main.go:3 +0x44\n\n"))
        .collect();
    put("dump/goroutine.txt", &dump);
    put("repo/hub/hub.go", "package main\n\nfunc publish(c chan int) {\n\tc <- 1 // guilty\n}\n");
    for arguments in [&["--source", "repo"][..], &["--source", "repo", "--source-root", "/build/app=."]] {
        let (_, text, complaint) = run(&folder, &[&["analyze", "dump", "--format", "terminal"], arguments].concat());
        assert!(
            text.contains("hub/hub.go:4") && text.contains("> ") && text.contains("// guilty"),
            "{text}{complaint}"
        );
        let (_, ticket, _) = run(&folder, &[&["analyze", "dump", "--format", "markdown"], arguments].concat());
        assert!(ticket.contains("// guilty"), "{ticket}");
        let (_, page, _) = run(&folder, &[&["analyze", "dump", "--format", "html"], arguments].concat());
        let marked = page.split_once("In the source").and_then(|(_, rest)| rest.split_once("<mark>")).unwrap().1;
        let marked = marked.split_once("</mark>").unwrap().0;
        assert!(page.contains("hub/hub.go:4") && marked.contains("// guilty"), "{marked}");
        let (_, log, _) = run(&folder, &[&["analyze", "dump", "--format", "sarif"], arguments].concat());
        let log: Value = serde_json::from_str(&log).unwrap();
        let place = &log["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(
            (&place["artifactLocation"]["uri"], &place["region"]["startLine"]),
            (&"hub/hub.go".into(), &4.into())
        );
    }
    let (_, out, _) = run(&folder, &["analyze", "dump", "--format", "github", "--source-root", "/build/app=src"]);
    assert!(out.contains("file=src/hub/hub.go,line=4,"), "{out}");
    let (code, _, complaint) = run(&folder, &["analyze", "dump", "--source-root", "nothing"]);
    assert!(code == 2 && complaint.contains("is not FROM=TO"), "{complaint}");
}

/// Whoever reads the report sees what is new, what the baseline has and what is allowed, with the reason and the day.
#[test]
fn each_text_for_people_says_how_findings_stand() {
    let folder = TempDir::new().unwrap();
    let bundle = in_repository("samples/bundles/heap-leak-cartd-sessions/bundle");
    let bundle = bundle.to_str().unwrap();
    let (_, json, _) = run(&folder, &["analyze", bundle, "--format", "json"]);
    let mut baseline: Value = serde_json::from_str(&json).unwrap();
    let findings = baseline["findings"].as_array_mut().unwrap();
    // What is not in the baseline: the cause and what it explains; what was less bad there: the rest.
    findings.retain(|finding| !finding["pattern"].as_str().unwrap().starts_with("heap-leak"));
    findings.iter_mut().for_each(|finding| finding["severity"] = "info".into());
    assert!(!findings.is_empty());
    std::fs::write(folder.path().join("base.json"), baseline.to_string()).unwrap();
    let allow = "[[allow]]\npattern = \"heap-leak-*\"\nreason = \"OPS-1234: next release\"\nuntil = \"2099-12-31\"\n";
    std::fs::write(folder.path().join("postmortem.toml"), allow).unwrap();
    for (format, more) in [("terminal", None), ("terminal", Some("-v")), ("markdown", None), ("html", None)] {
        let shown = |arguments: &[&str]| {
            let arguments: Vec<&str> = arguments.iter().copied().chain(more).collect();
            run(&folder, &[&["analyze", bundle, "--format", format], &arguments[..]].concat()).1
        };
        let text = shown(&["--baseline", "base.json"]);
        for words in ["llowed until 2099-12-31: OPS-1234: next release", "new", "worse than in the baseline"] {
            assert!(text.contains(words), "{format} {more:?}: no {words:?} in {text}");
        }
        std::fs::write(folder.path().join("own.json"), &json).unwrap();
        assert!(shown(&["--baseline", "own.json"]).contains("in the baseline"), "{format} {more:?}");
        assert!(!shown(&["--no-config"]).contains("allowed until"), "{format} {more:?}");
    }
}

/// The fields of the report are those of the schema, each the same.
#[test]
fn the_schema_names_every_field() {
    let schema: Value =
        serde_json::from_str(&std::fs::read_to_string(in_repository("docs/report.schema.json")).unwrap()).unwrap();
    let mut unknown = BTreeSet::new();
    for (_, report) in reports() {
        named(&serde_json::to_value(&report).unwrap(), &schema, &schema, "", &mut unknown);
    }
    assert!(unknown.is_empty(), "not in docs/report.schema.json: {unknown:?}");
}

fn named(value: &Value, schema: &Value, root: &Value, path: &str, unknown: &mut BTreeSet<String>) {
    let schema = schema["$ref"].as_str().map_or(schema, |path| root.pointer(&path[1..]).unwrap());
    match value {
        Value::Array(items) => items.iter().for_each(|item| named(item, &schema["items"], root, path, unknown)),
        // Where the schema lists no fields, any may be there.
        Value::Object(fields) if schema["properties"].is_object() => {
            for (name, inner) in fields {
                let path = format!("{path}.{name}");
                match schema["properties"].get(name) {
                    Some(schema) => named(inner, schema, root, &path, unknown),
                    None => _ = unknown.insert(path),
                }
            }
        }
        _ => {}
    }
}

#[test]
fn completions_and_manual_pages_name_every_verb() {
    let folder = TempDir::new().unwrap();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let (code, text, _) = run(&folder, &["completions", shell]);
        assert!(code == 0 && text.contains("capture-script") && text.contains("max-chars"), "{shell}");
    }
    let (code, page, _) = run(&folder, &["man"]);
    assert!(code == 0 && page.contains(".TH postmortem 1"), "{page}");
    assert_eq!(run(&folder, &["man", "--out", "man1"]).0, 0);
    let pages: Vec<String> = files(&folder.path().join("man1")).into_iter().map(|(name, _)| name).collect();
    assert!(pages.contains(&"postmortem-analyze.1".to_owned()) && pages.len() >= 9, "{pages:?}");
    for verb in ["analyze", "diff", "render", "capture-script", "completions", "man"] {
        assert!(run(&folder, &[verb, "--help"]).1.contains("Examples:"), "{verb}");
    }
}
