//! Passes: evidence in, named and typed facts out. A pass never names a root cause.

pub mod advice;
pub mod busy;
pub mod code;
pub mod collectors;
pub mod crashes;
pub mod exits;
pub mod fact;
pub mod glob;
pub mod groups;
pub mod growth;
pub mod hotspots;
pub mod idioms;
pub mod measures;
pub mod memory;
pub mod names;
pub mod objects;
pub mod permits;
pub mod pools;
pub mod python_locks;
pub mod reason;
pub mod relations;
pub mod resources;
pub mod roles;
pub mod shortages;
pub mod tasks;
pub mod threads;
pub mod unnamed;
pub mod waits;

use crate::case::Case;
use fact::{Fact, Facts};
use threads::Population;

/// Runs all passes over a case.
pub fn run(case: &Case, populations: &[Population<'_>], judged: &[measures::Judged<'_>]) -> Facts {
    let mut facts = Facts::default();
    processes(case, populations, &mut facts);
    for population in populations {
        groups::state(case, population, &mut facts);
        waits::state(case, population, &mut facts);
        pools::state(case, population, &mut facts);
        permits::state(case, population, &mut facts);
        busy::state(case, population, &mut facts);
    }
    crashes::state(case, populations, &mut facts);
    tasks::state(case, &mut facts);
    measures::state(case, judged, &mut facts);
    collectors::state(case, &mut facts);
    groups::account_for_growth(&mut facts);
    resources::state(case, &mut facts);
    exits::state(case, &mut facts);
    shortages::state(case, &mut facts);
    hotspots::state(case, &mut facts);
    unnamed::state(case, &mut facts);
    facts
}

fn processes(case: &Case, populations: &[Population<'_>], facts: &mut Facts) {
    for subject in case.subject_ids().filter(|&id| case.subjects[id as usize].is_process()) {
        let mut fact = Fact::new("process", subject);
        fact.set("runtime", case.subjects[subject as usize].runtime.as_str());
        fact.set("signals", case.signals.iter().filter(|signal| signal.subject == subject).count());
        let own: Vec<_> = populations.iter().filter(|population| population.subject == subject).collect();
        fact.set("snapshots", own.iter().map(|population| population.censuses.len()).sum::<usize>());
        if !own.is_empty() {
            fact.set("threads", own.iter().map(|population| population.latest().total()).sum::<u64>());
        }
        facts.push(fact);
    }
}
