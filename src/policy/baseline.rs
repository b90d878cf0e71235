//! Compares with an earlier report.

use crate::report::model::{Finding, Report, State};

/// Sets the state of each finding. Findings are the same when their fingerprints are: those hold neither lines nor
/// counts. A symptom of what was known before is nothing new, also where it shows for the first time.
pub fn compare(report: &mut Report, baseline: &Report) {
    let own = |finding: &Finding| {
        let known = baseline.findings.iter().filter(|old| old.fingerprint == finding.fingerprint);
        match known.map(|old| old.severity).max() {
            None => State::New,
            Some(severity) if severity < finding.severity => State::Worse,
            Some(_) => State::Same,
        }
    };
    let states: Vec<State> = report
        .findings
        .iter()
        .map(|finding| match own(finding) {
            State::New => cause(report, finding).map_or(State::New, |cause| match own(cause) {
                State::New => State::New,
                State::Worse | State::Same => State::Same,
            }),
            state => state,
        })
        .collect();
    for (finding, state) in report.findings.iter_mut().zip(states) {
        finding.state = Some(state);
    }
}

/// The finding at the root of what explains this one.
fn cause<'a>(report: &'a Report, finding: &'a Finding) -> Option<&'a Finding> {
    let mut root = None;
    let mut at = finding;
    // A report that somebody edited may hold a circle.
    for _ in 0..report.findings.len() {
        let Some(id) = &at.explained_by else { break };
        let Some(cause) = report.findings.iter().find(|it| it.id == *id) else { break };
        root = Some(cause);
        at = cause;
    }
    root
}
