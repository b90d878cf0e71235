//! Permits that the program's own functions hand out: who waits for one, and who is past the wait and works under it.
//!
//! No dump prints the owner of a permit. It is inferred: a thread is past the wait when the function that called the
//! waiting one is on its stack, at a later line, and the waiting one is not. Where nobody is past it, the name of the
//! function must tell that it hands out permits.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::names;
use super::threads::{Census, Known, Population, site, sites_of, thread_key};
use crate::case::Case;
use crate::report::view;
use postmortem_parsers::evidence::Runtime;
use postmortem_parsers::tables::FrameId;
use std::collections::{BTreeMap, HashSet};

/// Where threads wait for a permit, and the function that goes on with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Gate<'a> {
    wait: &'a str,
    caller: &'a str,
    /// Line of the call in the caller.
    line: u32,
}

/// The fewest that wait at a gate which is worth a word.
const LEAST: usize = 4;

/// States a pool fact for each gate with holders, and for each function whose permits nobody has any more.
pub fn state(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    let latest = population.latest();
    let mut by_function: BTreeMap<&str, Vec<(Gate<'_>, Vec<&Known<'_>>)>> = BTreeMap::new();
    for (gate, waiters) in gates(case, population.runtime, latest) {
        by_function.entry(gate.wait).or_default().push((gate, waiters));
    }
    for gates in by_function.into_values() {
        let past: Vec<Vec<&Known<'_>>> =
            gates.iter().map(|(gate, _)| holders(case, population.runtime, latest, *gate)).collect();
        if past.iter().all(Vec::is_empty) {
            let (all, waiters): (Vec<Gate<'_>>, Vec<Vec<&Known<'_>>>) = gates.into_iter().unzip();
            let waiters = waiters.concat();
            if names::takes_permit(all[0].wait, waiters[0].reason == "chan-send") {
                push(case, population, "gate", &all, &waiters, &[], facts);
            }
            continue;
        }
        for ((gate, waiters), holders) in gates.into_iter().zip(past) {
            if population.runtime == Runtime::Go && !holders.is_empty() && holders.len() < waiters.len() {
                push(case, population, "channel", &[gate], &waiters, &holders, facts);
            }
        }
    }
}

fn push(
    case: &Case,
    population: &Population<'_>,
    kind: &'static str,
    gates: &[Gate<'_>],
    waiters: &[&Known<'_>],
    holders: &[&Known<'_>],
    facts: &mut Facts,
) {
    if waiters.len() < LEAST {
        return;
    }
    let mut fact = Fact::new("pool", population.subject);
    fact.set("name", "a permit").set("kind", kind).set("runtime", population.runtime.as_str());
    fact.set("count", waiters.len()).set("blocked", waiters.len()).set("reason", waiters[0].reason);
    fact.set("site", gates[0].wait).set("moments", population.censuses.len());
    fact.set_known("min_wait_s", waiters.iter().filter_map(|known| known.thread.waited_s).min().map(f64::from));
    fact.sites = sites_of(&case.tables, waiters[0].thread.stack, waiters[0].thread.created_by, population.runtime);
    let artifact = population.latest().placed.artifact;
    let says = format!("{} wait at {}", waiters.len(), gates[0].wait);
    fact.cites.push(Cite::new(artifact, waiters[0].thread.line, says));
    held(case, artifact, gates[0], holders, &mut fact);
    if population.censuses.len() > 1 {
        earlier(case, population, gates, waiters, &mut fact);
    }
    facts.push(fact);
}

/// Who is past the gate, and in what.
fn held(case: &Case, artifact: u32, gate: Gate<'_>, holders: &[&Known<'_>], fact: &mut Fact) {
    fact.set("holders", holders.len());
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for known in holders {
        *reasons.entry(known.reason).or_default() += 1;
    }
    let Some((&reason, &most)) = reasons.iter().max_by_key(|(_, count)| **count) else { return };
    fact.set("holder_reason", reason).set("holders_agree", most as f64 / holders.len() as f64);
    if let Some(frame) = holders.iter().find(|known| known.reason == reason).and_then(|known| known.stack.site) {
        fact.sites.push(site(&case.tables, frame, "holder"));
        fact.set("holder_site", case.tables.function(frame));
    }
    let says = format!("{} are past it in {}; most {}", holders.len(), gate.caller, view::waits(reason, false));
    fact.cites.push(Cite::new(artifact, holders[0].thread.line, says));
}

/// How many waited and held in the first snapshot.
fn earlier(case: &Case, population: &Population<'_>, gates: &[Gate<'_>], waiters: &[&Known<'_>], fact: &mut Fact) {
    let first = population.first();
    let mut then = self::gates(case, population.runtime, first);
    let then: Vec<&Known<'_>> = gates.iter().filter_map(|gate| then.remove(gate)).flatten().collect();
    let before: HashSet<u64> = then.iter().map(|known| thread_key(known.thread)).collect();
    let now = waiters.iter().filter(|known| before.contains(&thread_key(known.thread))).count();
    fact.set("growth", waiters.len() as f64 - before.len() as f64);
    if !before.is_empty() && first.has_ids() {
        fact.set("persisted", now as f64 / before.len() as f64);
    }
    let holders = gates.iter().map(|gate| holders(case, population.runtime, first, *gate).len()).sum::<usize>();
    fact.set("holders_before", holders);
    let line = then.first().map_or(1, |known| known.thread.line);
    let says = format!("{} waited there in the first snapshot, {holders} were past it", then.len());
    fact.cites.push(Cite::new(first.placed.artifact, line, says));
}

/// Threads that wait on a channel or in a function of the library inside a task, by gate.
fn gates<'a, 'b>(case: &'a Case, runtime: Runtime, census: &'b Census<'_>) -> BTreeMap<Gate<'a>, Vec<&'b Known<'b>>> {
    let reasons: &[&str] = match runtime {
        Runtime::Go => &["chan-send", "chan-receive", "select", "cond"],
        _ => &["park", "cond", "monitor-wait", "semaphore"],
    };
    let mut gates: BTreeMap<Gate<'_>, Vec<&Known<'_>>> = BTreeMap::new();
    for known in &census.threads {
        if reasons.contains(&known.reason)
            && !known.is_idle()
            && known.role.is_none_or(|role| role.side != "waiter")
            && let [wait, caller, ..] = user_frames(case, runtime, known)[..]
        {
            let (wait, line) = (case.tables.function(wait), case.tables.get_frame(caller).line);
            gates.entry(Gate { wait, caller: case.tables.function(caller), line }).or_default().push(known);
        }
    }
    gates
}

fn holders<'b>(case: &Case, runtime: Runtime, census: &'b Census<'_>, gate: Gate<'_>) -> Vec<&'b Known<'b>> {
    let past = |known: &&Known<'_>| {
        let frames = user_frames(case, runtime, known);
        let is_later = |frame: &FrameId| {
            case.tables.function(*frame) == gate.caller && case.tables.get_frame(*frame).line > gate.line
        };
        frames.iter().any(is_later) && !frames.iter().any(|&frame| case.tables.function(frame) == gate.wait)
    };
    census.threads.iter().filter(past).collect()
}

fn user_frames(case: &Case, runtime: Runtime, known: &Known<'_>) -> Vec<FrameId> {
    let frames = case.tables.stack_frames(known.thread.stack).iter().copied();
    frames.filter(|&frame| code::is_user(&case.tables, frame, runtime)).collect()
}
