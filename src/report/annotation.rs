//! What the outputs for machines share: where a finding is annotated, and what is said of it in plain text.

use super::model::{Finding, Report, Severity, Verdict};
use super::view::{self, Place};
use super::{text, units};

/// Evidence lines of a message.
const MOST_EVIDENCE: usize = 5;

/// Where a finding is annotated.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot {
    /// Path from the root of the repository; where no source is known, of the capture within the bundle.
    pub path: String,
    /// Line, from 1.
    pub line: u32,
    /// Length of that line in characters, where the source was there.
    pub columns: Option<usize>,
}

/// The innermost place of the user's code: in the repository if it is known there, else as the capture prints it if
/// that can be a path of a repository, else the line of the capture that shows the finding.
pub(super) fn spot(report: &Report, finding: &Finding) -> Spot {
    if let Some(place) = finding.source.first() {
        let line = place.line.unwrap_or(1);
        let columns = place.lines.iter().find(|(number, _)| *number == line).map(|(_, text)| text.chars().count());
        return Spot { path: text::visible(&place.path), line, columns };
    }
    let relative = |path: &str| !path.starts_with(['/', '\\', '<', '[']) && !path.contains(':') && path.contains('/');
    for site in &finding.sites {
        if let Some(path) = site.file.as_deref().filter(|path| relative(path)) {
            return Spot { path: text::visible(path), line: site.line.unwrap_or(1), columns: None };
        }
    }
    let shown = finding.evidence.iter().find(|line| !line.artifact.is_empty());
    match shown {
        Some(shown) => {
            Spot { path: text::visible(&shown.artifact), line: shown.line.unwrap_or(1).max(1), columns: None }
        }
        None => Spot { path: text::visible(&report.bundle.name), line: 1, columns: None },
    }
}

/// The findings as a reader wants them: root causes by rank, then the rest, the worst first.
pub(super) fn in_order(report: &Report) -> Vec<&Finding> {
    let causes = view::causes(report);
    let mut all: Vec<&Finding> = causes.iter().filter_map(|cause| cause.finding).collect();
    let mut rest: Vec<&Finding> =
        report.findings.iter().filter(|finding| all.iter().all(|told| told.id != finding.id)).collect();
    rest.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.confidence.total_cmp(&a.confidence)));
    all.extend(rest);
    all
}

/// `info`, `warning`, `error` or `critical`, and how sure.
pub(super) fn certainty(finding: &Finding) -> String {
    view::certainty(Some(finding), finding.confidence)
}

/// One line that names the fault.
pub(super) fn title(finding: &Finding) -> String {
    let title = text::visible(&finding.title);
    let title = title.trim();
    if title.is_empty() { finding.pattern.clone() } else { title.to_owned() }
}

/// The finding in plain text: what, where, why, what to do.
pub(super) fn message(report: &Report, finding: &Finding) -> String {
    let mut lines = vec![format!("{} {}", title(finding), certainty(finding))];
    let summary = view::beyond_title(&finding.title, &finding.summary);
    lines.extend(plain(summary));
    let mut places: Vec<String> = view::places(report, finding, false).iter().map(place).collect();
    places.extend(view::subject_of(report, finding).map(|subject| format!("in {}", text::visible(subject))));
    if !places.is_empty() {
        lines.push(format!("Where: {}", places.join(", ")));
    }
    for line in finding.evidence.iter().take(MOST_EVIDENCE) {
        lines.push(format!("- {}: {}", text::visible(&view::place(line)), text::visible(&line.says)));
    }
    let more = finding.evidence.len().saturating_sub(MOST_EVIDENCE) as u64;
    if more > 0 {
        lines.push(format!("- {} more", units::counted(more, "line", "lines")));
    }
    let fix = plain(&finding.remediation);
    if !fix.is_empty() {
        lines.push("Fix:".to_owned());
        lines.extend(fix);
    }
    lines.extend(view::allowance(finding).map(|allowance| format!("This is {}", text::visible(&allowance))));
    lines.join("\n")
}

fn place(place: &Place<'_>) -> String {
    let source = place.source.as_ref().map_or(String::new(), |source| format!(" ({source})"));
    text::visible(&format!("{} {}{source}", place.lead, place.function))
}

/// The lines of prose, harmless, without those that are empty.
fn plain(prose: &str) -> Vec<String> {
    prose.lines().map(|line| text::visible(line).trim_end().to_owned()).filter(|line| !line.is_empty()).collect()
}

/// Whether the report has something to say at all.
pub(super) fn verdict_line(report: &Report) -> String {
    let word = view::verdict_word(report.verdict);
    match report.verdict {
        Verdict::Problem => word.to_owned(),
        _ => format!("{word}: {}", view::verdict_meaning(report)),
    }
}

/// Error, warning or note: three levels are all that others know.
pub(super) fn level(severity: Severity) -> &'static str {
    match severity {
        Severity::Critical | Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "note",
    }
}
