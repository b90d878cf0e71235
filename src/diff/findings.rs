//! Findings of both sides: which came, went, became worse or better.

use super::model::{Change, FindingDiff};
use crate::report::model::{Finding, Report};
use std::cmp::Reverse;

/// Patterns that say what a profile is full of: where profiles are compared, that is judged there, and not by whether
/// a share came over a threshold.
const OF_PROFILES: &[&str] = &["cpu-hotspot", "cpu-hotspot-threads"];

/// Compares the findings of two reports; `profiled`: their profiles were compared too.
pub fn diff(before: &Report, after: &Report, profiled: bool) -> Vec<FindingDiff> {
    let told = |finding: &&Finding| !(profiled && OF_PROFILES.contains(&finding.pattern.as_str()));
    let mut left: Vec<&Finding> = before.findings.iter().filter(told).collect();
    let mut pairs: Vec<(Option<&Finding>, Option<&Finding>)> = Vec::new();
    // The same by fingerprint; what is left, by pattern: a place may have another name in another build.
    let mut open: Vec<&Finding> = Vec::new();
    for finding in after.findings.iter().filter(told) {
        match left.iter().position(|old| old.fingerprint == finding.fingerprint) {
            Some(at) => pairs.push((Some(left.remove(at)), Some(finding))),
            None => open.push(finding),
        }
    }
    for finding in open {
        let old = left.iter().position(|old| old.pattern == finding.pattern).map(|at| left.remove(at));
        pairs.push((old, Some(finding)));
    }
    pairs.extend(left.into_iter().map(|old| (Some(old), None)));
    let mut all: Vec<FindingDiff> = pairs.into_iter().filter_map(|(before, after)| compared(before, after)).collect();
    all.sort_by_key(|it| {
        (it.verdict == Change::Same, Reverse(it.after.max(it.before)), it.verdict, it.pattern.clone())
    });
    all
}

fn compared(before: Option<&Finding>, after: Option<&Finding>) -> Option<FindingDiff> {
    let told = after.or(before)?;
    let verdict = match (before.map(|it| it.severity), after.map(|it| it.severity)) {
        (None, _) => Change::Appeared,
        (_, None) => Change::Vanished,
        (Some(was), Some(is)) if is > was => Change::Grew,
        (Some(was), Some(is)) if is < was => Change::Shrank,
        _ => Change::Same,
    };
    Some(FindingDiff {
        pattern: told.pattern.clone(),
        title: told.title.clone(),
        verdict,
        before: before.map(|it| it.severity),
        after: after.map(|it| it.severity),
        confidence: told.confidence,
        place: told.sites.first().map(|site| site.function.clone()),
    })
}
