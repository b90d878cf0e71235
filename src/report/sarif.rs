//! The findings as SARIF 2.1.0 (OASIS), with what GitHub code scanning asks for beyond the standard.

use super::annotation::{self, Spot, level};
use super::model::{EvidenceLine, Finding, Report, State};
use super::{json, text};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// Most results that GitHub shows of a run.
const MOST_RESULTS: usize = 5_000;
/// Most locations that GitHub takes for a result.
const MOST_LOCATIONS: usize = 100;
/// Most characters of a description.
const MOST_DESCRIPTION: usize = 1_024;
/// Most characters of a rule's name.
const MOST_NAME: usize = 255;

/// Writes one run with a result for each finding.
pub fn render(report: &Report) -> String {
    let mut findings = annotation::in_order(report);
    findings.truncate(MOST_RESULTS);
    let mut rules: Vec<&Finding> = Vec::new();
    for finding in &findings {
        if rules.iter().all(|rule| rule.pattern != finding.pattern) {
            rules.push(finding);
        }
    }
    let index = |finding: &Finding| rules.iter().position(|rule| rule.pattern == finding.pattern);
    let name = text::visible(&report.bundle.name);
    let log = json!({
        "$schema": "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "rules": rules.iter().map(|finding| rule(report, finding)).collect::<Vec<_>>(),
            }},
            // What stands before the last slash tells runs of one kind; captures of another day are of the same kind.
            "automationDetails": { "id": format!("postmortem/{name}") },
            "columnKind": "unicodeCodePoints",
            "results": findings.iter().map(|finding| result(report, finding, index(finding))).collect::<Vec<_>>(),
            "properties": { "verdict": report.verdict, "bundle": name, "redaction": report.redaction },
        }],
    });
    json::pretty(&log)
}

fn rule(report: &Report, finding: &Finding) -> Value {
    let known = report.checked.iter().find(|checked| checked.pattern == finding.pattern);
    let title = known.map(|checked| checked.title.as_str()).filter(|title| !title.is_empty());
    let title = fitted(title.unwrap_or(&annotation::title(finding)), MOST_DESCRIPTION);
    let fix: Vec<String> = finding.remediation.lines().map(text::visible).collect();
    let fix = fix.join("\n");
    let help = if fix.trim().is_empty() { title.clone() } else { fix };
    let precision = match finding.confidence {
        sure if sure >= 0.95 => "very-high",
        sure if sure >= 0.85 => "high",
        sure if sure >= 0.5 => "medium",
        _ => "low",
    };
    let mut rule = json!({
        "id": finding.pattern,
        "name": fitted(&finding.pattern, MOST_NAME),
        "shortDescription": { "text": title },
        "fullDescription": { "text": fitted(&format!("{title} ({})", finding.category), MOST_DESCRIPTION) },
        "help": { "text": help, "markdown": help },
        "defaultConfiguration": { "level": level(finding.severity) },
        "properties": {
            "tags": [finding.category],
            "precision": precision,
            "problem.severity": match level(finding.severity) { "note" => "recommendation", other => other },
        },
    });
    if let Some(link) = finding.references.iter().find(|link| link.starts_with("https://") && !link.contains(' ')) {
        rule["helpUri"] = link.as_str().into();
    }
    rule
}

fn result(report: &Report, finding: &Finding, rule: Option<usize>) -> Value {
    let mut result = json!({
        "ruleId": finding.pattern,
        "ruleIndex": rule,
        "level": level(finding.severity),
        "message": { "text": annotation::message(report, finding) },
        "locations": [location(report, finding)],
        "partialFingerprints": {
            "primaryLocationLineHash": finding.fingerprint,
            "postmortem/v1": finding.fingerprint,
        },
        "rank": (finding.confidence.clamp(0.0, 1.0) * 1000.0).round() / 10.0,
        "properties": properties(finding),
    });
    let related = related(finding);
    if !related.is_empty() {
        result["relatedLocations"] = related.into();
    }
    if let Some(state) = finding.state {
        let word = match state {
            State::New => "new",
            State::Worse => "updated",
            State::Same => "unchanged",
        };
        result["baselineState"] = word.into();
    }
    if let Some(suppressed) = &finding.suppressed {
        result["suppressions"] = json!([{ "kind": "external", "justification": text::visible(&suppressed.reason) }]);
    }
    result
}

fn properties(finding: &Finding) -> Value {
    let mut properties = Map::new();
    properties.insert("id".into(), finding.id.as_str().into());
    properties.insert("category".into(), finding.category.as_str().into());
    properties.insert("severity".into(), finding.severity.as_str().into());
    properties.insert("confidence".into(), finding.confidence.into());
    if let Some(count) = finding.count {
        properties.insert("count".into(), count.into());
    }
    if let Some(cause) = &finding.explained_by {
        properties.insert("explainedBy".into(), cause.as_str().into());
    }
    properties.into()
}

/// The only location that GitHub shows.
fn location(report: &Report, finding: &Finding) -> Value {
    let Spot { path, line, columns } = annotation::spot(report, finding);
    let mut location = physical(&path, line, columns);
    let functions: Vec<Value> = finding
        .sites
        .iter()
        .take(MOST_LOCATIONS)
        .map(|site| json!({ "fullyQualifiedName": text::visible(&site.function), "kind": "function" }))
        .collect();
    if !functions.is_empty() {
        location["logicalLocations"] = functions.into();
    }
    location
}

fn physical(path: &str, line: u32, columns: Option<usize>) -> Value {
    json!({ "physicalLocation": {
        "artifactLocation": { "uri": uri(path) },
        "region": {
            "startLine": line.max(1),
            "startColumn": 1,
            "endLine": line.max(1),
            "endColumn": columns.unwrap_or(1).max(1) + 1,
        },
    }})
}

/// The other places in the repository, and the lines of the captures.
fn related(finding: &Finding) -> Vec<Value> {
    let said = |path: &str, line: Option<u32>, columns: Option<usize>, says: &str| {
        let mut location = physical(path, line.unwrap_or(1), columns);
        location["message"] = json!({ "text": if says.is_empty() { path.to_owned() } else { text::visible(says) } });
        location
    };
    let places = finding.source.iter().skip(1).map(|place| said(&place.path, place.line, None, &place.function));
    let shown = |line: &&EvidenceLine| !line.artifact.is_empty();
    let lines = finding.evidence.iter().chain(&finding.against).filter(shown).map(|line| {
        let columns = line.excerpt.as_deref().map(|excerpt| excerpt.chars().count());
        said(&line.artifact, line.line, columns, if line.says.is_empty() { &finding.title } else { &line.says })
    });
    let mut related: Vec<Value> = places.chain(lines).take(MOST_LOCATIONS).collect();
    for (id, location) in related.iter_mut().enumerate() {
        location["id"] = (id + 1).into();
    }
    related
}

/// A path as a relative reference (RFC 3986).
fn uri(path: &str) -> String {
    let mut uri = String::with_capacity(path.len());
    for byte in path.trim_start_matches(['/', '\\']).bytes() {
        match byte {
            b'\\' => uri.push('/'),
            b'/' | b'-' | b'.' | b'_' | b'~' => uri.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => uri.push(char::from(byte)),
            byte => write!(uri, "%{byte:02X}").expect("to a string"),
        }
    }
    if uri.is_empty() { "bundle".to_owned() } else { uri }
}

fn fitted(text: &str, most: usize) -> String {
    text::cut_end(&text::visible(text), most)
}

#[cfg(test)]
mod tests {
    #[test]
    fn paths_are_relative_references() {
        assert_eq!(super::uri("/src/a b/né.go"), "src/a%20b/n%C3%A9.go");
        assert_eq!(super::uri("C:\\x\\y.cs"), "C%3A/x/y.cs");
        assert_eq!(super::uri("<host-1>/dmesg"), "%3Chost-1%3E/dmesg");
        assert_eq!(super::uri(""), "bundle");
    }
}
