//! What a runtime itself says that it had not enough of: Java's OutOfMemoryError, thrown or logged.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::site;
use crate::case::{Case, Placed, SubjectId};
use crate::report::model::Site;
use postmortem_parsers::evidence::{Record, Runtime};
use std::collections::BTreeMap;

/// Records that are cited.
const MOST_CITED: usize = 3;

/// States one fact for each subject and resource.
pub fn state(case: &Case, facts: &mut Facts) {
    let mut by_resource: BTreeMap<(SubjectId, &str), Vec<&Placed<Record>>> = BTreeMap::new();
    for placed in case.records.iter().filter(|placed| placed.what.attribute("class") == Some("java-out-of-memory")) {
        if let Some(resource) = placed.what.attribute("resource") {
            by_resource.entry((placed.subject, resource)).or_default().push(placed);
        }
    }
    for ((subject, resource), told) in by_resource {
        let mut fact = Fact::new("shortage", subject);
        fact.set("resource", resource).set("count", told.iter().map(|placed| times(&placed.what)).sum::<f64>());
        fact.set("ended", told.iter().any(|placed| placed.what.attribute("ended").is_some()));
        let number = |placed: &&Placed<Record>| placed.what.attribute("limit_bytes")?.parse::<f64>().ok();
        fact.set_known("limit_bytes", told.iter().find_map(number));
        fact.set_known("message", told.iter().find_map(|placed| placed.what.attribute("message")));
        fact.sites = sites(case, &told);
        fact.set_known("site", fact.sites.first().map(|site| site.function.clone()));
        for placed in told.iter().take(MOST_CITED) {
            fact.cites.push(Cite::new(placed.artifact, placed.what.line, placed.what.text.clone()));
        }
        facts.push(fact);
    }
}

fn times(record: &Record) -> f64 {
    record.attribute("count").and_then(|count| count.parse().ok()).unwrap_or(1.0)
}

/// The innermost user functions of the stacks, that which met it most often first.
fn sites(case: &Case, told: &[&Placed<Record>]) -> Vec<Site> {
    let mut counted: BTreeMap<String, (f64, Site)> = BTreeMap::new();
    for placed in told {
        let frames = case.tables.stack_frames(placed.what.stack).iter().copied();
        let user = frames.filter(|&frame| code::is_user(&case.tables, frame, Runtime::Java));
        for (depth, found) in user.take(2).map(|frame| site(&case.tables, frame, "blocked")).enumerate() {
            // Of one stack the inner function comes first.
            let weight = times(&placed.what) / (1.0 + depth as f64);
            counted.entry(found.function.clone()).or_insert((0.0, found)).0 += weight;
        }
    }
    let mut sites: Vec<(f64, Site)> = counted.into_values().collect();
    sites.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.function.cmp(&b.1.function)));
    sites.into_iter().map(|(_, site)| site).take(4).collect()
}
