//! The outputs for machines keep to what their readers publish: SARIF, JUnit, GitLab's code quality, GitHub's commands.

mod common;

use common::{cases, faults, in_repository, name};
use postmortem::analysis::analyze;
use postmortem::bundle::from_memory;
use postmortem::report::model::{Report, Severity, SourcePlace, State, Suppressed};
use postmortem::report::{Format, Options, render};
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// The reports of all sample bundles, and one with everything that may hurt.
fn reports() -> Vec<(String, Report)> {
    let patterns = postmortem::patterns::built_in().unwrap();
    let mut all: Vec<(String, Report)> = cases()
        .iter()
        .map(|case| {
            let bundle = common::bundle_of(&common::files(&case.join("bundle"))).unwrap();
            (name(case), analyze(bundle, &patterns).unwrap().report)
        })
        .collect();
    let hostile = "goroutine 1 [chan send, 9 minutes]:\nmain.\x1b[31m<b>\"&':,%]]>(0xc000012000)\n\t/s r/\u{202e}ma:in,é.go:0 +0x2f\n\n"
        .repeat(30)
        + "panic: <&\"'>%0A::error::x\u{0}\u{b}\u{ffff}\n\ngoroutine 1 [running]:\nmain.main()\n\t/srv/main.go:7 +0x1d\n";
    let bundle = from_memory("a <b>&\"\u{7}.tar", &[("p <&\">:,\u{1}.log", hostile.as_bytes())]).unwrap();
    all.push(("hostile".into(), analyze(bundle, &patterns).unwrap().report));
    let mut annotated = all.iter().find(|(_, report)| report.findings.len() > 1).unwrap().1.clone();
    annotated.findings[0].state = Some(State::New);
    annotated.findings[0].source = vec![
        SourcePlace { function: "f".into(), path: "a b/f.go".into(), line: Some(3), lines: vec![(3, "x()".into())] },
        SourcePlace { function: "g".into(), path: "g.go".into(), line: None, lines: vec![] },
    ];
    annotated.findings[1].state = Some(State::Same);
    annotated.findings[1].suppressed = Some(Suppressed { reason: "known".into(), until: None });
    annotated.findings.iter_mut().for_each(|finding| finding.title.clear());
    all.push(("annotated".into(), annotated));
    assert!(all.iter().any(|(_, report)| report.findings.iter().any(|it| it.severity == Severity::Critical)));
    all
}

fn json(report: &Report, format: Format) -> Value {
    serde_json::from_str(&render(report, format, &Options::default())).unwrap()
}

fn list<'v>(value: &'v Value, path: &str) -> &'v [Value] {
    value.pointer(path).and_then(Value::as_array).unwrap_or_else(|| panic!("no {path} in {value}"))
}

/// What GitHub asks for beyond the standard: the text is there and not empty, and not too long.
fn text(value: &Value, path: &str, most: usize) {
    let text = value.pointer(path).and_then(Value::as_str).unwrap_or_default();
    assert!(!text.trim().is_empty() && text.chars().count() <= most, "{path} of {value}");
}

#[test]
fn sarif_is_valid_and_what_code_scanning_takes() {
    let schema = fs::read_to_string(in_repository("tests/schemas/sarif-schema-2.1.0.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    assert!(!faults(&schema, &serde_json::json!({ "version": "2.1.0", "runs": [{}] })).is_empty());
    for (name, report) in reports() {
        let log = json(&report, Format::Sarif);
        assert_eq!(faults(&schema, &log), [""; 0], "{name}");
        let (run, results) = (&log["runs"][0], list(&log, "/runs/0/results"));
        assert_eq!(results.len(), report.findings.len(), "{name}");
        text(run, "/tool/driver/name", 255);
        text(run, "/automationDetails/id", 255);
        let rules = list(run, "/tool/driver/rules");
        let ids: BTreeSet<&str> = rules.iter().map(|rule| rule["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), rules.len(), "{name}");
        for rule in rules {
            text(rule, "/name", 255);
            text(rule, "/shortDescription/text", 1024);
            text(rule, "/fullDescription/text", 1024);
            text(rule, "/help/text", usize::MAX);
        }
        for result in results {
            text(result, "/message/text", usize::MAX);
            text(result, "/partialFingerprints/primaryLocationLineHash", 255);
            assert_eq!(rules[result["ruleIndex"].as_u64().unwrap() as usize]["id"], result["ruleId"]);
            for location in
                list(result, "/locations").iter().chain(result["relatedLocations"].as_array().into_iter().flatten())
            {
                let uri = location.pointer("/physicalLocation/artifactLocation/uri").unwrap().as_str().unwrap();
                let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-._~%".contains(&byte);
                assert!(!uri.starts_with('/') && uri.bytes().all(plain), "{name}: {uri}");
                let at =
                    |end: &str| location.pointer(&format!("/physicalLocation/region/{end}")).unwrap().as_u64().unwrap();
                assert!(
                    at("startLine") >= 1 && at("endLine") == at("startLine") && at("endColumn") > at("startColumn")
                );
            }
        }
    }
}

#[test]
fn sarif_points_into_the_repository_and_tells_what_is_new_and_allowed() {
    let (_, report) = reports().pop().unwrap();
    let log = json(&report, Format::Sarif);
    let results = list(&log, "/runs/0/results");
    let of =
        |index: usize| results.iter().find(|it| it["properties"]["id"] == report.findings[index].id.as_str()).unwrap();
    let place = &of(0)["locations"][0]["physicalLocation"];
    assert_eq!(place["artifactLocation"]["uri"], "a%20b/f.go");
    assert_eq!(place["region"], serde_json::json!({ "startLine": 3, "startColumn": 1, "endLine": 3, "endColumn": 4 }));
    assert_eq!(of(0)["baselineState"], "new");
    assert_eq!(
        (&of(1)["baselineState"], &of(1)["suppressions"][0]["justification"]),
        (&"unchanged".into(), &"known".into())
    );
    assert_eq!(of(0).get("suppressions"), None);
}

/// Elements of a schema made of named elements and references alone: their attributes, those that they must have, and
/// the elements in them.
#[derive(Debug, Default)]
struct Element {
    attributes: BTreeSet<String>,
    required: BTreeSet<String>,
    children: BTreeSet<String>,
}

fn attributes(tag: &BytesStart<'_>) -> BTreeMap<String, String> {
    tag.attributes()
        .map(|attribute| {
            let attribute = attribute.expect("an attribute is well formed");
            let value = String::from_utf8(attribute.value.to_vec()).unwrap();
            (String::from_utf8(attribute.key.as_ref().to_vec()).unwrap(), value)
        })
        .collect()
}

fn local(tag: &BytesStart<'_>) -> String {
    String::from_utf8(tag.local_name().as_ref().to_vec()).unwrap()
}

/// Reads the schema: top-level elements, what they refer to, and their attributes.
fn junit_schema() -> BTreeMap<String, Element> {
    let text = fs::read_to_string(in_repository("tests/schemas/junit-10.xsd")).unwrap();
    let mut reader = Reader::from_str(&text);
    let (mut all, mut depth, mut open): (BTreeMap<String, Element>, usize, String) = Default::default();
    loop {
        let event = reader.read_event().unwrap();
        let (Event::Start(tag) | Event::Empty(tag)) = &event else {
            match event {
                Event::End(_) => depth -= 1,
                Event::Eof => break,
                _ => {}
            }
            continue;
        };
        let own = attributes(tag);
        match (local(tag).as_str(), depth) {
            ("element", 1) => {
                open = own["name"].clone();
                all.insert(open.clone(), Element::default());
            }
            (_, 1) => open.clear(),
            ("element", _) if own.contains_key("ref") => {
                all.get_mut(&open).map(|it| it.children.insert(own["ref"].clone()));
            }
            ("attribute", _) => {
                if let Some(element) = all.get_mut(&open) {
                    element.attributes.insert(own["name"].clone());
                    if own.get("use").is_some_and(|it| it == "required") {
                        element.required.insert(own["name"].clone());
                    }
                }
            }
            _ => {}
        }
        if matches!(event, Event::Start(_)) {
            depth += 1;
        }
    }
    assert!(all["testsuite"].required.contains("failures") && all["testcase"].children.contains("skipped"));
    all
}

#[test]
fn junit_keeps_to_the_schema_and_counts_right() {
    let schema = junit_schema();
    for (case, report) in reports() {
        let xml = render(&report, Format::Junit, &Options::default());
        assert!(!xml.contains(|c: char| c.is_control() && c != '\n'), "{case}");
        let mut reader = Reader::from_str(&xml);
        let (mut stack, mut counts): (Vec<String>, BTreeMap<String, usize>) = Default::default();
        let mut suite = BTreeMap::new();
        loop {
            let event = reader.read_event().unwrap_or_else(|error| panic!("{case}: {error}"));
            match &event {
                Event::Start(tag) | Event::Empty(tag) => {
                    let (tag_name, own) = (local(tag), attributes(tag));
                    let known = schema.get(&tag_name).unwrap_or_else(|| panic!("{case}: no element {tag_name}"));
                    let names: BTreeSet<String> = own.keys().cloned().collect();
                    assert!(names.is_subset(&known.attributes) && known.required.is_subset(&names), "{case}: {own:?}");
                    if let Some(parent) = stack.last() {
                        assert!(schema[parent].children.contains(&tag_name), "{case}: {tag_name} in {parent}");
                    }
                    *counts.entry(tag_name.clone()).or_default() += 1;
                    if tag_name == "testsuite" {
                        suite = own;
                    }
                    if matches!(event, Event::Start(_)) {
                        stack.push(tag_name);
                    }
                }
                Event::End(tag) => assert_eq!(stack.pop().unwrap().as_bytes(), tag.local_name().as_ref()),
                Event::Eof => break,
                _ => {}
            }
        }
        assert!(stack.is_empty());
        let of = |element: &str| counts.get(element).copied().unwrap_or(0).to_string();
        assert_eq!(
            (of("testcase"), of("failure"), of("skipped")),
            (suite["tests"].clone(), suite["failures"].clone(), suite["skipped"].clone())
        );
        assert_eq!(of("testcase"), report.checked.len().to_string(), "{case}");
        assert_eq!(of("skipped"), report.not_checked.len().to_string(), "{case}");
        let failing: BTreeSet<&str> = report
            .findings
            .iter()
            .filter(|it| it.severity >= Severity::Warning && it.suppressed.is_none() && it.state != Some(State::Same))
            .map(|it| it.pattern.as_str())
            .collect();
        assert_eq!(of("failure"), failing.len().to_string(), "{case}");
    }
}

#[test]
fn gitlab_gets_the_keys_that_it_documents() {
    let schema = fs::read_to_string(in_repository("tests/schemas/gitlab-codeclimate.json")).unwrap();
    let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
    for (name, report) in reports() {
        let issues = json(&report, Format::Gitlab);
        let mut known = BTreeSet::new();
        for issue in issues.as_array().unwrap() {
            assert_eq!(faults(&schema, issue), [""; 0], "{name}");
            text(issue, "/description", usize::MAX);
            text(issue, "/check_name", 255);
            text(issue, "/location/path", usize::MAX);
            assert!(issue.pointer("/location/lines/begin").unwrap().as_u64().unwrap() >= 1);
            let severity = issue["severity"].as_str().unwrap();
            assert!(["info", "minor", "major", "critical", "blocker"].contains(&severity), "{severity}");
            assert!(known.insert(issue["fingerprint"].as_str().unwrap().to_owned()), "{name}: a fingerprint twice");
        }
        let shown = report.findings.iter().filter(|it| it.suppressed.is_none());
        let distinct: BTreeSet<&str> = shown.map(|finding| finding.fingerprint.as_str()).collect();
        assert_eq!(known.len(), distinct.len(), "{name}");
    }
}

#[test]
fn github_gets_one_command_a_line_and_no_more_than_it_shows() {
    for (name, mut report) in reports() {
        let many = report.findings.first().cloned();
        report.findings.extend((0..30).filter_map(|nth| {
            let mut finding = many.clone()?;
            finding.id = format!("{}-{nth}", finding.id);
            Some(finding)
        }));
        let out = render(&report, Format::Github, &Options::default());
        for level in ["::error ", "::warning ", "::notice "] {
            assert!(out.lines().filter(|line| line.starts_with(level)).count() <= 10, "{name}: {out}");
        }
        for line in out.lines() {
            let rest = ["::error ", "::warning ", "::notice "].iter().find_map(|level| line.strip_prefix(level));
            let (properties, message) = rest.unwrap_or_else(|| panic!("{name}: {line}")).split_once("::").unwrap();
            assert!(!message.is_empty() && !message.contains("::error"), "{name}: {line}");
            let names: Vec<&str> = properties.split(',').map(|it| it.split_once('=').unwrap().0).collect();
            assert!(names == ["file", "line", "title"] || names == ["title"], "{name}: {line}");
        }
        if report.findings.iter().any(|finding| finding.severity >= Severity::Error && finding.suppressed.is_none()) {
            assert!(out.starts_with("::error file="), "{name}: {out}");
        }
    }
}
