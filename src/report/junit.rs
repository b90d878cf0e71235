//! A test report in the JUnit form that Jenkins, GitLab and others read: a test case for each pattern that was checked.

use super::annotation;
use super::model::{Checked, Finding, Report};
use super::text;
use crate::policy::Gate;
use std::fmt::Write;

/// Writes the report; findings that stop at the gate are failures.
pub fn render(report: &Report, gate: &Gate) -> String {
    let findings = annotation::in_order(report);
    let mut cases = String::new();
    let (mut failures, mut skipped) = (0, 0);
    for checked in &report.checked {
        let own: Vec<&Finding> = findings.iter().copied().filter(|it| it.pattern == checked.pattern).collect();
        let failing = |finding: &&&Finding| gate.stops(finding);
        let classname = format!("postmortem.{}", checked.category);
        let name = if checked.title.is_empty() { checked.pattern.clone() } else { named(checked) };
        write!(cases, "    <testcase classname=\"{}\" name=\"{}\" time=\"0\"", attribute(&classname), attribute(&name))
            .expect("to a string");
        let failed: Vec<&&Finding> = own.iter().filter(failing).collect();
        let inside = if checked.outcome == "not-checked" {
            skipped += 1;
            let needs = checked.needs.as_deref().unwrap_or("other captures");
            let command = checked.command.as_deref().map_or(String::new(), |it| format!("; capture with: {it}"));
            format!("      <skipped message=\"{}\"/>\n", attribute(&format!("not checked: needs {needs}{command}")))
        } else if let Some(worst) = failed.first() {
            failures += 1;
            let body: Vec<String> = failed.iter().map(|finding| annotation::message(report, finding)).collect();
            format!(
                "      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
                worst.severity.as_str(),
                attribute(&annotation::title(worst)),
                content(&body.join("\n\n"))
            )
        } else if own.is_empty() {
            String::new()
        } else {
            let body: Vec<String> = own.iter().map(|finding| annotation::message(report, finding)).collect();
            format!("      <system-out>{}</system-out>\n", content(&body.join("\n\n")))
        };
        cases.push_str(&if inside.is_empty() { "/>\n".to_owned() } else { format!(">\n{inside}    </testcase>\n") });
    }
    let tests = report.checked.len();
    let name = attribute(&report.bundle.name);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"postmortem\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" time=\"0\">\n  \
         <testsuite name=\"{name}\" tests=\"{tests}\" failures=\"{failures}\" errors=\"0\" skipped=\"{skipped}\" time=\"0\">\n\
         {cases}    <system-out>{}</system-out>\n  </testsuite>\n</testsuites>\n",
        content(&annotation::verdict_line(report))
    )
}

fn named(checked: &Checked) -> String {
    format!("{}: {}", checked.pattern, checked.title)
}

fn attribute(value: &str) -> String {
    escape(&text::visible(value))
}

/// Text between tags; its line breaks stay.
fn content(value: &str) -> String {
    let lines: Vec<String> = value.lines().map(|line| escape(&text::visible(line))).collect();
    lines.join("\n")
}

fn escape(value: &str) -> String {
    let mut escaped = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            c => escaped.push(c),
        }
    }
    escaped
}
