//! Which finding explains which.

use super::score::Scored;
use crate::passes::fact::Facts;
use crate::patterns::tier;
use crate::report::model::{RootCause, Severity};

/// Sets `explained_by` and gives the indices of the root causes, best first.
pub fn link(scored: &mut [Scored<'_>], facts: &Facts) -> Vec<usize> {
    let n = scored.len();
    let mut explained: Vec<Option<usize>> = vec![None; n];
    for cause in 0..n {
        if scored[cause].finding.severity < Severity::Warning {
            continue;
        }
        for symptom in 0..n {
            if cause != symptom && explained[symptom].is_none() && explains(&scored[cause], &scored[symptom], facts) {
                explained[symptom] = Some(cause);
            }
        }
    }
    // A chain of explanations ends at a root; the tiers forbid circles but for equals, which the order breaks.
    for index in 0..n {
        let (mut at, mut steps) = (index, 0);
        while let Some(up) = explained[at] {
            at = up;
            steps += 1;
            if at == index || steps > n {
                explained[index] = None;
                break;
            }
        }
    }
    for index in 0..n {
        scored[index].finding.explained_by = explained[index].map(|cause| scored[cause].finding.id.clone());
        // Waiters behind a cause are its symptom, no fault of their own; a kill or crash stays what it is.
        if explained[index].is_some() && matches!(scored[index].anchor.kind, "group" | "wait" | "pool" | "family") {
            scored[index].finding.severity = Severity::Info;
        }
    }
    (0..n).filter(|&index| explained[index].is_none() && scored[index].finding.severity >= Severity::Warning).collect()
}

fn explains(cause: &Scored<'_>, symptom: &Scored<'_>, facts: &Facts) -> bool {
    if cause.subject != symptom.subject {
        return false;
    }
    let lists = |one: &Scored<'_>, other: &Scored<'_>| one.pattern.explains.contains(&other.pattern.id);
    let (above, below) = (tier(&cause.pattern.category), tier(&symptom.pattern.category));
    match (lists(cause, symptom), lists(symptom, cause)) {
        (true, false) => true,
        // Where each could explain the other, the tier decides, then the score.
        (true, true) => above < below || (above == below && cause.score >= symptom.score),
        (false, true) => false,
        (false, false) => above <= below && is_victim(cause, symptom, facts),
    }
}

/// The symptom's threads wait at a place of the cause's, or were started by threads that the cause holds.
fn is_victim(cause: &Scored<'_>, symptom: &Scored<'_>, _facts: &Facts) -> bool {
    let threads = |scored: &Scored<'_>| matches!(scored.anchor.kind, "group" | "wait" | "pool");
    if !threads(cause) || !threads(symptom) || cause.anchor.kind == symptom.anchor.kind && cause.score < symptom.score {
        return false;
    }
    // The lock's waiters also make up groups and pools of their own.
    let first = |scored: &Scored<'_>| scored.finding.sites.first().map(|site| site.function.clone());
    let Some(place) = first(symptom) else { return false };
    cause.finding.sites.iter().any(|site| site.function == place && site.role != "caller" && site.role != "creator")
}

/// The root causes of the report.
pub fn root_causes(scored: &[Scored<'_>], causes: &[usize]) -> Vec<RootCause> {
    causes
        .iter()
        .enumerate()
        .map(|(nth, &index)| {
            let finding = &scored[index].finding;
            RootCause {
                rank: nth as u32 + 1,
                finding: finding.id.clone(),
                category: finding.category.clone(),
                bucket: finding.bucket.clone(),
                count: finding.count,
                sites: finding.sites.clone(),
                confidence: finding.confidence,
                summary: finding.summary.clone(),
                explains: scored
                    .iter()
                    .filter(|other| other.finding.explained_by.as_ref() == Some(&finding.id))
                    .map(|other| other.finding.id.clone())
                    .collect(),
            }
        })
        .collect()
}
