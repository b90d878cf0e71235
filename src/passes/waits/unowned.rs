//! Lock waits of dumps that print neither owners nor locks: native stacks without arguments, Python. Who waits is
//! known, for which lock is not: the waiters are judged together.

use super::super::code;
use super::super::python_locks;
use super::super::threads::{Census, Known, Population};
use super::Wait;
use crate::case::Case;
use postmortem_parsers::evidence::Runtime;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// The waits of lock waiters that no other wait has.
pub fn waits(case: &Case, population: &Population<'_>, known: &[Wait]) -> Vec<Wait> {
    if !matches!(population.runtime, Runtime::Native | Runtime::Python) {
        return Vec::new();
    }
    let census = population.latest();
    let taken: BTreeSet<usize> = known.iter().flat_map(Wait::everybody).collect();
    let mut clusters: BTreeMap<(&str, &str), BTreeSet<usize>> = BTreeMap::new();
    for (index, known) in census.threads.iter().enumerate() {
        if known.waits_for_lock() && !known.is_idle() && !taken.contains(&index) {
            clusters.entry(domain(case, population.runtime, known)).or_default().insert(index);
        }
    }
    clusters.into_values().filter_map(|waiters| judge(case, population, waiters)).collect()
}

/// Waiters of one class or file may want one lock. Native stacks tell nothing of that.
fn domain<'a>(case: &'a Case, runtime: Runtime, known: &Known<'_>) -> (&'a str, &'a str) {
    match (runtime, known.stack.site) {
        (Runtime::Python, Some(frame)) => python_locks::domain(&case.tables, frame),
        _ => ("", ""),
    }
}

fn judge(case: &Case, population: &Population<'_>, waiters: BTreeSet<usize>) -> Option<Wait> {
    let census = population.latest();
    if waiters.len() < 2 {
        return None;
    }
    if let Some(circle) = circle(census, &waiters) {
        let says = circle
            .iter()
            .take(4)
            .map(|&index| (index, "waits in a method of an object whose method another of them is in".to_owned()))
            .collect();
        return Some(Wait { shape: "cycle", proof: "address", members: circle, waiters, says, ..Wait::default() });
    }
    if let Some(holder) = holder(case, population, &waiters) {
        return Some(Wait { shape: "convoy", proof: "inferred", waiters, holder: Some(holder), ..Wait::default() });
    }
    let places: BTreeSet<&str> = waiters
        .iter()
        .filter_map(|&index| census.threads[index].stack.site)
        .map(|frame| case.tables.function(frame))
        .collect();
    let shape = if places.len() >= 2 { "cycle" } else { "lost-owner" };
    Some(Wait { shape, proof: "inferred", waiters, ..Wait::default() })
}

/// Threads each of which waits in a method of an object whose method the next is in further out.
fn circle(census: &Census<'_>, waiters: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
    let of = |&index: &usize| Some((index, python_locks::objects(&census.placed.what, &census.threads[index])?));
    let all: BTreeMap<usize, (u64, BTreeSet<u64>)> = waiters.iter().filter_map(of).collect();
    let holder_of = |wanted: u64| all.iter().find(|(_, (_, held))| held.contains(&wanted)).map(|(&index, _)| index);
    all.keys().find_map(|&start| {
        let mut path = vec![start];
        loop {
            let next = holder_of(all[&path[path.len() - 1]].0)?;
            if let Some(at) = path.iter().position(|&index| index == next) {
                return (path.len() - at >= 2).then(|| path[at..].iter().copied().collect());
            }
            path.push(next);
        }
    })
}

/// A thread that does not wait for a lock and is in user code that waiters are in too, beyond where threads begin.
fn holder(case: &Case, population: &Population<'_>, waiters: &BTreeSet<usize>) -> Option<usize> {
    let census = population.latest();
    let inner = |known: &Known<'_>| -> Vec<&str> {
        let frames = case.tables.stack_frames(known.thread.stack);
        let user = frames.iter().filter(|&&frame| code::is_user(&case.tables, frame, population.runtime));
        let mut functions: Vec<&str> = user.map(|&frame| case.tables.function(frame)).collect();
        // Where a thread begins is shared by all workers of a pool.
        functions.pop();
        functions
    };
    let guarded: HashSet<&str> = waiters.iter().flat_map(|&index| inner(&census.threads[index])).collect();
    (0..census.threads.len()).filter(|index| !waiters.contains(index)).find(|&index| {
        let known = &census.threads[index];
        !known.is_idle() && !known.waits_for_lock() && inner(known).iter().any(|function| guarded.contains(function))
    })
}
