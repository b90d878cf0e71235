//! Whole incidents with a known answer: `samples/bundles/<case>/{bundle/,truth.json}`.

mod common;

use common::{bundle_of, cases, faults, files, name, report, schema};
use postmortem::patterns;
use serde_json::Value;
use std::fmt::Write;

/// A function's name without arguments, generic parameters, offsets and punctuation of the receiver.
fn norm(function: &str) -> String {
    let mut name = function.trim();
    if let Some(open) = name.ends_with(')').then(|| name.rfind('(')).flatten() {
        let arguments = &name[open + 1..name.len() - 1];
        if arguments.is_empty() || arguments == "..." || arguments.starts_with("0x") {
            name = &name[..open];
        }
    }
    name = name.split("+0x").next().unwrap_or(name);
    let (mut plain, mut depth) = (String::new(), 0_u32);
    for c in name.chars() {
        match c {
            '[' | '<' => depth += 1,
            ']' | '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => plain.push(c),
            _ => {}
        }
    }
    plain.replace("(*", "").replace(')', "").replace('$', ".").to_lowercase()
}

/// Whether two names are of the same function, one of them perhaps without its package.
fn same(a: &str, b: &str) -> bool {
    let (a, b) = (norm(a), norm(b));
    let ends = |long: &str, short: &str| long.strip_suffix(short).is_some_and(|rest| rest.ends_with(['/', '.']));
    a == b || ends(&a, &b) || ends(&b, &a)
}

fn list<'v>(value: &'v Value, key: &str) -> Vec<&'v Value> {
    value[key].as_array().map(|list| list.iter().collect()).unwrap_or_default()
}

fn loud(report: &Value) -> Vec<&Value> {
    let mut findings = list(report, "findings");
    findings.retain(|finding| matches!(finding["severity"].as_str(), Some("warning" | "error" | "critical")));
    findings
}

/// What is wrong with a report, in words.
fn judge(truth: &Value, report: &Value) -> Vec<String> {
    let mut wrong = Vec::new();
    let roots = list(report, "root_causes");
    let loud = loud(report);
    for claim in roots.iter().chain(&loud).filter(|claim| list(truth, "must_not_claim").contains(&&claim["category"])) {
        wrong.push(format!("claims {}", claim["category"]));
    }
    let unread = list(report, "artifacts").into_iter().filter(|artifact| artifact["format"].is_null());
    wrong.extend(unread.map(|artifact| format!("does not recognise {}", artifact["path"])));
    let causes = list(truth, "causes");
    if causes.is_empty() {
        if report["verdict"] == "problem" || !loud.is_empty() {
            let said: Vec<&Value> = loud.iter().map(|finding| &finding["id"]).collect();
            wrong.push(format!("is healthy, but the verdict is {} with {said:?}", report["verdict"]));
        }
        return wrong;
    }
    match roots.first() {
        None if truth["evidence"] == "thin" && report["verdict"] == "inconclusive" => {}
        None => wrong.push(format!("no root cause (verdict {}), not {}", report["verdict"], causes[0]["category"])),
        Some(root) => wrong.extend(judge_root(truth, &causes, root)),
    }
    wrong
}

fn judge_root(truth: &Value, causes: &[&Value], root: &Value) -> Vec<String> {
    let category = &root["category"];
    let accepted =
        causes.iter().find(|cause| cause["category"] == *category || list(cause, "also_accept").contains(&category));
    let cause = match accepted {
        Some(cause) => *cause,
        None if list(truth, "accept_categories").contains(&category) => causes[0],
        None => return vec![format!("says {category}, not {}", causes[0]["category"])],
    };
    let mut wrong = Vec::new();
    let sites = list(cause, "sites");
    let named: Vec<&str> = list(root, "sites").iter().filter_map(|site| site["function"].as_str()).collect();
    if !sites.is_empty() && !named.iter().any(|a| sites.iter().any(|b| same(a, b.as_str().unwrap_or_default()))) {
        wrong.push(format!("names {named:?}, none of {sites:?}"));
    }
    let bucket = cause["bucket"].as_str().unwrap_or_default();
    let fits = root["bucket"] == bucket || list(truth, "accept_buckets").contains(&&root["bucket"]);
    if !matches!(bucket, "" | "none") && !fits {
        wrong.push(format!("says bucket {}, not {bucket}", root["bucket"]));
    }
    let counts = list(cause, "accept_counts").into_iter().chain([&cause["count"]]);
    let counts: Vec<f64> = counts.filter_map(Value::as_f64).collect();
    let near = |count: f64| counts.iter().any(|&truth| (count - truth).abs() <= (0.05 * truth).max(2.0));
    if !counts.is_empty() && !root["count"].as_f64().is_some_and(near) {
        wrong.push(format!("counts {}, not {counts:?}", root["count"]));
    }
    wrong
}

#[test]
fn incidents_get_their_root_cause() {
    let patterns = patterns::built_in().unwrap();
    let mut said = String::new();
    for case in cases() {
        let truth: Value = serde_json::from_slice(&std::fs::read(case.join("truth.json")).unwrap()).unwrap();
        let report = report(bundle_of(&files(&case.join("bundle"))).unwrap(), &patterns);
        for wrong in judge(&truth, &report) {
            writeln!(said, "{}: {wrong}", name(&case)).unwrap();
        }
    }
    assert!(said.is_empty(), "\n{said}");
}

#[test]
fn reports_of_incidents_keep_to_the_schema() {
    let (patterns, schema) = (patterns::built_in().unwrap(), schema());
    for case in cases() {
        let report = report(bundle_of(&files(&case.join("bundle"))).unwrap(), &patterns);
        assert_eq!(faults(&schema, &report), [""; 0], "{}", name(&case));
    }
}

#[test]
fn truths_say_what_they_are_about() {
    let (mut sick, mut healthy) = (0, 0);
    for case in cases() {
        let truth: Value = serde_json::from_slice(&std::fs::read(case.join("truth.json")).unwrap()).unwrap();
        assert_eq!(truth["id"], name(&case));
        assert!(truth["source"].as_str().is_some_and(|source| !source.is_empty()), "{}", name(&case));
        assert_eq!(truth["healthy"].as_bool(), Some(list(&truth, "causes").is_empty()), "{}", name(&case));
        *if list(&truth, "causes").is_empty() { &mut healthy } else { &mut sick } += 1;
    }
    assert!(sick >= 13 && healthy >= 4, "{sick} sick, {healthy} healthy");
}

#[test]
fn function_names_are_the_same_but_for_decoration() {
    for (a, b) in [
        ("main.(*ledger).post", "main.ledger.post"),
        ("main.work[go.shape.int].func1", "main.work.func1"),
        ("main.f(0xc000, 0x1)", "main.f"),
        ("regexp.compile+0x8f", "compile"),
        ("com.acme.Order$Inner.find", "com.acme.order.inner.find"),
        ("github.com/x/y.Do", "y.Do"),
    ] {
        assert!(same(a, b), "{a} {b}");
    }
    assert!(!same("main.recompile", "compile"));
}
