//! Tasks that wait in the kernel and cannot be interrupted (state D), as lists of threads show them.

use super::fact::{Cite, Fact, Facts};
use crate::case::{Case, Placed, SubjectId};
use crate::report::model::Site;
use postmortem_parsers::evidence::{Snapshot, Thread};
use std::collections::BTreeMap;

/// States stall facts of kind d-state: threads that were in state D in the latest list and in most lists before.
pub fn state(case: &Case, facts: &mut Facts) {
    for subject in case.subject_ids() {
        let lists: Vec<&Placed<Snapshot>> =
            case.snapshots_of(subject).filter(|placed| placed.what.origin == "ps").collect();
        if !lists.is_empty() {
            of_subject(case, subject, &lists, facts);
        }
    }
}

fn of_subject(case: &Case, subject: SubjectId, lists: &[&Placed<Snapshot>], facts: &mut Facts) {
    let is_stuck = |thread: &Thread| case.tables.text(thread.state).starts_with('D');
    // By thread: in how many lists it was in state D.
    let mut seen: BTreeMap<u64, usize> = BTreeMap::new();
    for thread in lists.iter().flat_map(|list| &list.what.threads).filter(|thread| is_stuck(thread)) {
        *seen.entry(thread.id).or_default() += 1;
    }
    let stuck: Vec<u64> = seen.iter().filter(|(_, times)| **times * 2 > lists.len()).map(|(id, _)| *id).collect();
    if lists.len() < 2 || stuck.is_empty() {
        return;
    }
    let mut functions: BTreeMap<&str, usize> = BTreeMap::new();
    let mut fact = Fact::new("stall", subject);
    for list in lists {
        let threads = list.what.threads.iter().filter(|thread| stuck.contains(&thread.id) && is_stuck(thread));
        for thread in threads {
            for frame in case.tables.stack_frames(thread.stack) {
                *functions.entry(case.tables.function(*frame)).or_default() += 1;
            }
        }
        if let Some(first) = list.what.threads.iter().find(|thread| stuck.contains(&thread.id) && is_stuck(thread)) {
            let says = format!("{} threads are in state D", list.what.threads.iter().filter(|t| is_stuck(t)).count());
            fact.cites.push(Cite::new(list.artifact, first.line, says));
        }
    }
    let mut ranked: Vec<(&str, usize)> = functions.into_iter().collect();
    ranked.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    fact.set("kind", "d-state").set("count", stuck.len()).set("task", case.subjects[subject as usize].name.as_str());
    fact.set("reason", "disk-io");
    fact.set("frames", ranked.iter().map(|(name, _)| (*name).to_owned()).collect::<Vec<_>>());
    fact.set_known("site", ranked.first().map(|(name, _)| *name));
    fact.sites = ranked
        .iter()
        .take(4)
        .map(|(name, _)| Site { function: (*name).to_owned(), file: None, line: None, role: "blocked".into() })
        .collect();
    facts.push(fact);
}
