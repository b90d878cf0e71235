//! Channels that hand out permits: who waits for one, and who is past the wait and works under it.
//!
//! Go prints no owner of a permit. It is inferred: a goroutine is past the wait when the function that called the
//! waiting one is on its stack, at a later line, and the waiting one is not.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::{Census, Known, Population, site, sites_of, thread_key};
use crate::case::Case;
use postmortem_parsers::evidence::Runtime;
use postmortem_parsers::tables::FrameId;
use std::collections::{BTreeMap, HashSet};

/// Where goroutines wait for a permit, and the function that goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gate<'a> {
    wait: &'a str,
    caller: &'a str,
    /// Line of the call in the caller.
    line: u32,
}

/// States a pool fact for each gate with holders.
pub fn state(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    if population.runtime != Runtime::Go {
        return;
    }
    let latest = population.latest();
    for (gate, waiters) in gates(case, latest) {
        let holders = holders(case, latest, gate);
        if waiters.len() < 4 || holders.is_empty() || holders.len() >= waiters.len() {
            continue;
        }
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for known in &holders {
            *reasons.entry(known.reason).or_default() += 1;
        }
        let Some((&reason, &most)) = reasons.iter().max_by_key(|(_, count)| **count) else { continue };
        let mut fact = Fact::new("pool", population.subject);
        fact.set("name", "a permit").set("kind", "channel").set("runtime", "go");
        fact.set("count", waiters.len()).set("blocked", waiters.len()).set("reason", waiters[0].reason);
        fact.set("site", gate.wait).set("moments", population.censuses.len());
        fact.set("holders", holders.len()).set("holder_reason", reason);
        fact.set("holders_agree", most as f64 / holders.len() as f64);
        fact.sites = sites_of(&case.tables, waiters[0].thread.stack, waiters[0].thread.created_by, Runtime::Go);
        if let Some(frame) = holders.iter().find(|known| known.reason == reason).and_then(|known| known.stack.site) {
            fact.sites.push(site(&case.tables, frame, "holder"));
            fact.set("holder_site", case.tables.function(frame));
        }
        let artifact = latest.placed.artifact;
        let says = format!("{} wait at {}", waiters.len(), gate.wait);
        fact.cites.push(Cite::new(artifact, waiters[0].thread.line, says));
        let says = format!("{} are past it in {}, most in {reason}", holders.len(), gate.caller);
        fact.cites.push(Cite::new(artifact, holders[0].thread.line, says));
        if population.censuses.len() > 1 {
            earlier(case, population, gate, &waiters, &mut fact);
        }
        facts.push(fact);
    }
}

/// How many waited and held in the first snapshot.
fn earlier(case: &Case, population: &Population<'_>, gate: Gate<'_>, waiters: &[&Known<'_>], fact: &mut Fact) {
    let first = population.first();
    let then = gates(case, first).remove(&gate).unwrap_or_default();
    let before: HashSet<u64> = then.iter().map(|known| thread_key(known.thread)).collect();
    let now = waiters.iter().filter(|known| before.contains(&thread_key(known.thread))).count();
    fact.set("growth", waiters.len() as f64 - before.len() as f64);
    if !before.is_empty() && first.has_ids() {
        fact.set("persisted", now as f64 / before.len() as f64);
    }
    fact.set("holders_before", holders(case, first, gate).len());
    let line = then.first().map_or(1, |known| known.thread.line);
    fact.cites.push(Cite::new(
        first.placed.artifact,
        line,
        format!("{} waited there in the first snapshot", then.len()),
    ));
}

/// Goroutines that wait on a channel inside a task, by gate.
fn gates<'a, 'b>(case: &'a Case, census: &'b Census<'_>) -> BTreeMap<Gate<'a>, Vec<&'b Known<'b>>> {
    let mut gates: BTreeMap<Gate<'_>, Vec<&Known<'_>>> = BTreeMap::new();
    for known in &census.threads {
        if matches!(known.reason, "chan-send" | "chan-receive" | "select")
            && !known.is_idle()
            && let [wait, caller, ..] = user_frames(case, known)[..]
        {
            let (wait, line) = (case.tables.function(wait), case.tables.get_frame(caller).line);
            gates.entry(Gate { wait, caller: case.tables.function(caller), line }).or_default().push(known);
        }
    }
    gates
}

fn holders<'b>(case: &Case, census: &'b Census<'_>, gate: Gate<'_>) -> Vec<&'b Known<'b>> {
    let past = |known: &&Known<'_>| {
        let frames = user_frames(case, known);
        let is_later = |frame: &FrameId| {
            case.tables.function(*frame) == gate.caller && case.tables.get_frame(*frame).line > gate.line
        };
        frames.iter().any(is_later) && !frames.iter().any(|&frame| case.tables.function(frame) == gate.wait)
    };
    census.threads.iter().filter(past).collect()
}

fn user_frames(case: &Case, known: &Known<'_>) -> Vec<FrameId> {
    let frames = case.tables.stack_frames(known.thread.stack).iter().copied();
    frames.filter(|&frame| code::is_user(&case.tables, frame, Runtime::Go)).collect()
}
