//! The findings as a code quality report of GitLab.

use super::annotation::{self, Spot};
use super::json;
use super::model::{Report, Severity};
use serde_json::{Value, json};

/// Writes the list of issues; a fingerprint stands in it once.
pub fn render(report: &Report) -> String {
    let mut known: Vec<&str> = Vec::new();
    let mut issues: Vec<Value> = Vec::new();
    for finding in annotation::in_order(report).into_iter().filter(|finding| finding.suppressed.is_none()) {
        if known.contains(&finding.fingerprint.as_str()) {
            continue;
        }
        known.push(&finding.fingerprint);
        let Spot { path, line, .. } = annotation::spot(report, finding);
        let severity = match finding.severity {
            Severity::Critical => "blocker",
            Severity::Error => "critical",
            Severity::Warning => "major",
            Severity::Info => "info",
        };
        issues.push(json!({
            "description": format!("{} {}", annotation::title(finding), annotation::certainty(finding)),
            "check_name": finding.pattern,
            "fingerprint": finding.fingerprint,
            "severity": severity,
            "location": { "path": path, "lines": { "begin": line } },
            "categories": ["Bug Risk"],
            "content": { "body": annotation::message(report, finding) },
        }));
    }
    json::pretty(&Value::from(issues))
}
