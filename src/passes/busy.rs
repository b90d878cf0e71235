//! Threads that use the CPU, as dumps with CPU times tell (HotSpot prints `cpu=` and `elapsed=` per thread).

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::{Known, Population, site, thread_key};
use crate::case::Case;
use postmortem_parsers::tables::FrameId;
use std::collections::{BTreeMap, HashMap};

/// A thread that uses less than this share of a CPU is not busy.
const LEAST_SHARE: f64 = 0.05;

/// A busy thread: its state in each snapshot, and the CPUs that it used between the first and the last.
struct Busy<'a, 'b> {
    moments: Vec<&'b Known<'a>>,
    cpus: f64,
}

/// States the busy facts of a population: threads by the user function that their stacks have outermost.
pub fn state(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    let has_times = |known: &Known<'_>| known.thread.cpu_ms.is_some() && known.thread.elapsed_s.is_some();
    if population.censuses.len() < 2 || !population.latest().threads.iter().any(has_times) {
        return;
    }
    facts.looked_for("busy", population.subject);
    let mut groups: BTreeMap<&str, Vec<Busy<'_, '_>>> = BTreeMap::new();
    for busy in threads(population) {
        if let Some(outermost) = user_functions(case, population, busy.moments[0]).last() {
            groups.entry(case.tables.function(*outermost)).or_default().push(busy);
        }
    }
    let all = process_cpus(population);
    for members in groups.into_values() {
        let mut fact = describe(case, population, &members);
        fact.set_known("of_process", all.map(|all| members.iter().map(|busy| busy.cpus).sum::<f64>() / all));
        facts.push(fact);
    }
}

/// CPUs that a thread used between two snapshots, where both print its times.
fn cpus(from: &Known<'_>, to: &Known<'_>) -> Option<f64> {
    let elapsed = to.thread.elapsed_s? - from.thread.elapsed_s?;
    (elapsed >= 1.0).then_some((to.thread.cpu_ms? - from.thread.cpu_ms?) / 1e3 / elapsed)
}

/// CPUs that all threads of the first snapshot used, those of the runtime too.
fn process_cpus(population: &Population<'_>) -> Option<f64> {
    let latest = &population.latest().threads;
    let then: HashMap<u64, &Known<'_>> =
        population.first().threads.iter().map(|known| (thread_key(known.thread), known)).collect();
    let used = latest.iter().filter_map(|known| cpus(then.get(&thread_key(known.thread))?, known));
    Some(used.sum::<f64>()).filter(|all| *all > 0.0)
}

/// The busy threads that are in every snapshot, in the order of the newest.
fn threads<'a, 'b>(population: &'b Population<'a>) -> Vec<Busy<'a, 'b>> {
    let by_id: Vec<HashMap<u64, &Known<'_>>> = population
        .censuses
        .iter()
        .map(|census| census.threads.iter().map(|known| (thread_key(known.thread), known)).collect())
        .collect();
    let mut all = Vec::new();
    for known in &population.latest().threads {
        let id = thread_key(known.thread);
        let moments: Option<Vec<&Known<'_>>> = by_id.iter().map(|known| known.get(&id).copied()).collect();
        let Some(moments) = moments.filter(|_| id != 0 && !known.thread.marks.system) else { continue };
        let Some(cpus) = cpus(moments[0], known) else { continue };
        if cpus >= LEAST_SHARE && moments.iter().all(|known| known.stack.is_user) {
            all.push(Busy { moments, cpus });
        }
    }
    all
}

fn user_functions(case: &Case, population: &Population<'_>, known: &Known<'_>) -> Vec<FrameId> {
    let frames = case.tables.stack_frames(known.thread.stack).iter().copied();
    frames.filter(|&frame| code::is_user(&case.tables, frame, population.runtime)).collect()
}

fn describe(case: &Case, population: &Population<'_>, members: &[Busy<'_, '_>]) -> Fact {
    let mut innermost: BTreeMap<&str, (usize, FrameId)> = BTreeMap::new();
    let mut pairs = 0;
    for frame in members.iter().flat_map(|busy| &busy.moments).filter_map(|known| known.stack.site) {
        innermost.entry(case.tables.function(frame)).or_insert((0, frame)).0 += 1;
        pairs += 1;
    }
    let cpus: f64 = members.iter().map(|busy| busy.cpus).sum();
    let mut fact = Fact::new("busy", population.subject);
    fact.set("runtime", population.runtime.as_str()).set("count", members.len()).set("cpus", cpus);
    fact.set("moments", population.censuses.len()).set_known("span_s", population.span_s());
    let latest = members[0].moments[members[0].moments.len() - 1];
    if let Some((&function, &(times, frame))) = innermost.iter().max_by_key(|(_, (times, _))| *times) {
        fact.set("site", function).set("same_place", times as f64 / f64::from(pairs.max(1)));
        fact.sites.push(site(&case.tables, frame, "hot"));
        let callers = user_functions(case, population, latest);
        let callers = callers.into_iter().filter(|&frame| case.tables.function(frame) != function).take(2);
        fact.sites.extend(callers.map(|frame| site(&case.tables, frame, "caller")));
    }
    let says = format!(
        "{} {} of the CPU between the first and the last snapshot",
        if members.len() == 1 { "1 thread used".to_owned() } else { format!("{} threads used", members.len()) },
        crate::report::units::share(cpus),
    );
    fact.cites.push(Cite::new(population.latest().placed.artifact, latest.thread.line, says));
    let first = members[0].moments[0];
    let says = "one of them in the first snapshot".to_owned();
    fact.cites.push(Cite::new(population.first().placed.artifact, first.thread.line, says));
    fact
}
