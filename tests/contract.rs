//! The report keeps to the contract of version 1, `tests/contract/report.schema.json`: its own schema promises no less,
//! the words of the code are those of the contract, and every report of a sample is valid by both.

mod common;

use common::{bundle_of, cases, faults, files, in_repository, name};
use postmortem::analysis::analyze;
use postmortem::passes::fact::REASONS;
use postmortem::patterns::{self, CATEGORIES};
use postmortem::report::model::{Report, SCHEMA, Severity, State, Verdict};
use postmortem::report::redact;
use postmortem_parsers::evidence::Runtime;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn read(path: &str) -> Value {
    serde_json::from_str(&std::fs::read_to_string(in_repository(path)).unwrap()).unwrap()
}

fn contract() -> Value {
    read("tests/contract/report.schema.json")
}

/// The schema that a reference leads to.
fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    schema["$ref"].as_str().map_or(schema, |path| root.pointer(path.strip_prefix('#').unwrap()).unwrap())
}

fn words(list: &Value) -> BTreeSet<String> {
    match list {
        Value::Array(items) => items.iter().map(ToString::to_string).collect(),
        Value::Null => BTreeSet::new(),
        one => BTreeSet::from([one.to_string()]),
    }
}

/// What a value may be by the contract and may not by the schema of the project, or the other way round where the
/// contract is stricter.
fn gaps(own: &Value, contract: &Value, roots: (&Value, &Value), path: &str, out: &mut Vec<String>) {
    let (own, contract) = (resolved(own, roots.0), resolved(contract, roots.1));
    for key in ["type", "enum", "const"] {
        let (ours, theirs) = (words(&own[key]), words(&contract[key]));
        // An enumeration of strings needs no type, and a constant is an enumeration of one.
        let told = |set: &BTreeSet<String>| set.is_empty() && !(key == "type" && own.get("enum").is_some());
        if !theirs.is_empty() && (told(&ours) || !ours.is_subset(&theirs)) {
            out.push(format!("{path}: {key} is {ours:?}, not {theirs:?}"));
        }
    }
    let missing: Vec<_> = words(&contract["required"]).difference(&words(&own["required"])).cloned().collect();
    if !missing.is_empty() {
        out.push(format!("{path}: {missing:?} is not required"));
    }
    if let Some(fields) = contract["properties"].as_object() {
        for (name, theirs) in fields {
            match own["properties"].get(name) {
                Some(ours) => gaps(ours, theirs, roots, &format!("{path}.{name}"), out),
                None => out.push(format!("{path}.{name} is unknown")),
            }
        }
    }
    if contract.get("items").is_some() {
        gaps(&own["items"], &contract["items"], roots, &format!("{path}[]"), out);
    }
}

#[test]
fn the_schema_of_the_project_promises_no_less() {
    let (own, contract) = (read("docs/report.schema.json"), contract());
    let mut out = Vec::new();
    gaps(&own, &contract, (&own, &contract), "report", &mut out);
    assert!(out.is_empty(), "{}", out.join("\n"));
    // The comparison sees what it is there for.
    let mut less = own.clone();
    less["$defs"]["category"]["enum"].as_array_mut().unwrap().push("gremlins".into());
    less["required"].as_array_mut().unwrap().retain(|it| it != "warnings");
    less["$defs"]["site"]["properties"].as_object_mut().unwrap().remove("line");
    gaps(&less, &contract, (&less, &contract), "report", &mut out);
    assert!(out.len() >= 3, "{out:?}");
}

#[test]
fn the_words_of_the_code_are_those_of_the_contract() {
    let contract = contract();
    let listed = |pointer: &str| {
        let list = contract.pointer(pointer).unwrap_or_else(|| panic!("{pointer}"));
        list.as_array().unwrap().iter().filter_map(Value::as_str).map(str::to_owned).collect::<BTreeSet<String>>()
    };
    let of = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<BTreeSet<String>>();
    let said = |values: Vec<Value>| values.iter().map(|it| it.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>();
    let categories: Vec<&str> = CATEGORIES.iter().map(|(name, _)| *name).collect();
    assert_eq!(of(&categories), listed("/$defs/category/enum"));
    assert_eq!(of(REASONS), listed("/$defs/reason/enum"));
    let severities = [Severity::Info, Severity::Warning, Severity::Error, Severity::Critical];
    assert_eq!(said(severities.iter().map(|it| json!(it)).collect()), listed("/$defs/severity/enum"));
    assert_eq!(of(&severities.map(Severity::as_str)), listed("/$defs/severity/enum"));
    let verdicts = [Verdict::Problem, Verdict::Healthy, Verdict::Inconclusive];
    assert_eq!(said(verdicts.iter().map(|it| json!(it)).collect()), listed("/properties/verdict/enum"));
    let states = [State::New, State::Worse, State::Same];
    assert_eq!(said(states.iter().map(|it| json!(it)).collect()), listed("/$defs/finding/properties/state/enum"));
    let runtimes = [
        Runtime::Go,
        Runtime::Java,
        Runtime::Native,
        Runtime::Python,
        Runtime::Node,
        Runtime::Kernel,
        Runtime::Unknown,
    ];
    assert_eq!(of(&runtimes.map(Runtime::as_str)), listed("/$defs/bucket/properties/runtime/enum"));
    assert_eq!(contract["properties"]["schema"]["const"], SCHEMA);
}

#[test]
fn every_sample_keeps_to_the_contract_masked_or_not() {
    let patterns = patterns::built_in().unwrap();
    let contract = jsonschema::validator_for(&contract()).unwrap();
    for case in cases() {
        let report = analyze(bundle_of(&files(&case.join("bundle"))).unwrap(), &patterns).unwrap().report;
        for report in [redact::redacted(&report), report] {
            let value = serde_json::to_value(&report).unwrap();
            assert_eq!(faults(&contract, &value), [""; 0], "{}", name(&case));
            let read: Report = serde_json::from_value(value.clone()).unwrap();
            assert!(serde_json::to_value(&read).unwrap() == value, "{}: the types keep all of it", name(&case));
        }
    }
}
