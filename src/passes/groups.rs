//! Groups, turnover and creators: threads that wait at the same place for the same reason, and how that went.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::{Census, Known, Population, sites_of, thread_key};
use crate::case::Case;
use crate::report::{units, view};
use postmortem_parsers::evidence::Runtime;
use postmortem_parsers::tables::Sym;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What makes a group: reason, function of the place, role.
type Key<'a> = (&'static str, &'a str, &'a str);

fn key_of<'a>(case: &'a Case, known: &Known<'a>) -> Key<'a> {
    let site = known.stack.site.map_or("", |frame| case.tables.function(frame));
    (known.reason, site, known.role.map_or("", |role| role.role.as_str()))
}

fn grouped<'a, 'b>(case: &'a Case, census: &'b Census<'a>) -> BTreeMap<Key<'a>, Vec<&'b Known<'a>>> {
    let mut groups: BTreeMap<Key<'a>, Vec<&'b Known<'a>>> = BTreeMap::new();
    for known in &census.threads {
        groups.entry(key_of(case, known)).or_default().push(known);
    }
    groups
}

/// Joins groups that one function started and then left: the two ends of one broken exchange, each at its own place.
fn join_siblings<'a, 'b>(
    case: &'a Case,
    population: &Population<'_>,
    history: &mut [BTreeMap<Key<'a>, Vec<&'b Known<'a>>>],
) {
    let (Some(latest), alive) = (history.last(), &population.latest().ids) else { return };
    let mut largest: BTreeMap<(&str, &str), (Key<'a>, usize)> = BTreeMap::new();
    let mut siblings: Vec<((&str, &str), Key<'a>)> = Vec::new();
    for (key, members) in latest {
        let Some(creator) = members.first().and_then(|known| known.thread.created_by) else { continue };
        let orphaned = |known: &&&Known<'_>| {
            known.thread.created_by == Some(creator)
                && known.thread.created_in.is_some_and(|parent| !alive.contains(&parent))
                && !known.is_idle()
        };
        if !key.2.is_empty() || members.len() < 6 || members.iter().filter(orphaned).count() != members.len() {
            continue;
        }
        let family = (key.0, case.tables.function(creator));
        siblings.push((family, *key));
        let first = largest.entry(family).or_insert((*key, members.len()));
        if members.len() > first.1 {
            *first = (*key, members.len());
        }
    }
    for (family, key) in siblings {
        let target = largest[&family].0;
        if target != key {
            for groups in history.iter_mut() {
                if let Some(members) = groups.remove(&key) {
                    groups.entry(target).or_default().extend(members);
                }
            }
        }
    }
}

fn size(members: &[&Known<'_>]) -> u64 {
    members.iter().map(|known| u64::from(known.thread.count)).sum()
}

/// States the group facts of a population.
pub fn state(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    facts.looked_for("group", population.subject);
    let mut history: Vec<_> = population.censuses.iter().map(|census| grouped(case, census)).collect();
    join_siblings(case, population, &mut history);
    let latest = population.latest();
    let total = latest.total().max(1);
    let family = Families::of(case, latest);
    let mut stated: Vec<Fact> = Vec::new();
    for (key, members) in &history[history.len() - 1] {
        let mut fact = Fact::new("group", population.subject);
        let companions = companions(latest, members);
        let count = size(members) + size(&companions);
        describe(case, population.runtime, key, members, &mut fact);
        fact.set("runtime", population.runtime.as_str());
        if !companions.is_empty() {
            fact.set("companions", size(&companions));
            let place = companions[0].stack.site.map(|frame| super::threads::site(&case.tables, frame, "blocked"));
            fact.sites.extend(place);
        }
        fact.set("count", count).set("share", count as f64 / total as f64);
        family.state(members, case, &mut fact);
        turnover(population, &history, key, members, &mut fact);
        fact.set("moments", population.censuses.len() + population.counted.len());
        cite(case, population, key, &history, members, &mut fact);
        counted_before(case, population, key.1, count, &mut fact);
        stated.push(fact);
    }
    stated.sort_by(|a, b| b.number("count").unwrap_or(0.0).total_cmp(&a.number("count").unwrap_or(0.0)));
    stated.into_iter().for_each(|fact| facts.push(fact));
}

/// The counts that a population's size follows, by runtime.
fn counts_of(runtime: &str) -> &'static str {
    if runtime == "go" { "go.goroutine.count" } else { "process.thread.count" }
}

/// Says of each group how much of the growth of the thread count it can account for.
pub fn account_for_growth(facts: &mut Facts) {
    let growing: Vec<(u32, String, f64)> = facts
        .of("trend")
        .filter(|trend| trend.text("verdict") == Some("growing"))
        .filter_map(|trend| Some((trend.subject, trend.text("signal")?.to_owned(), trend.number("delta")?)))
        .filter(|(.., delta)| *delta >= 10.0)
        .collect();
    for group in facts.all.iter_mut().filter(|fact| fact.kind == "group") {
        let (Some(runtime), Some(count)) = (group.text("runtime").map(str::to_owned), group.number("count")) else {
            continue;
        };
        let runtime = runtime.as_str();
        let counted = counts_of(runtime);
        let grew = growing.iter().find(|(subject, signal, _)| *subject == group.subject && signal == counted);
        if let Some(&(.., delta)) = grew {
            group.set("of_growth", (count / delta).min(1.0));
            // A single dump may be older than the last sample: what came since then stands there too.
            if runtime == "native" && group.number("moments") == Some(1.0) && count >= delta * 0.9 {
                group.set("seen", count).set("count", count.max(delta));
            }
        }
    }
}

/// Threads that belong to the members one by one and are stuck with them: at most as many as there are members.
fn companions<'a, 'b>(census: &'b Census<'a>, members: &[&'b Known<'a>]) -> Vec<&'b Known<'a>> {
    let Some(role) = members.iter().find_map(|known| known.role.filter(|role| !role.companion.is_empty())) else {
        return Vec::new();
    };
    let fits = |known: &&Known<'_>| known.role.is_some_and(|other| other.role == role.companion);
    census.threads.iter().filter(fits).take(members.len()).collect()
}

/// What the stacks of a group say.
fn describe(case: &Case, runtime: Runtime, key: &Key<'_>, members: &[&Known<'_>], fact: &mut Fact) {
    let (reason, site, role) = *key;
    // The stack and the creator that most members have speak for the group.
    let mut variants: BTreeMap<_, u64> = BTreeMap::new();
    for known in members {
        *variants.entry((known.thread.stack, known.thread.created_by)).or_default() += u64::from(known.thread.count);
    }
    let Some((&(stack, creator), _)) = variants.iter().max_by_key(|(_, count)| **count) else { return };
    let functions: Vec<String> = case.tables.functions(stack).take(40).map(str::to_owned).collect();
    fact.set("reason", reason).set("site", site).set("role", role);
    fact.set("idle", members.iter().all(|known| known.is_idle()));
    fact.set("in_task", members.iter().any(|known| known.stack.in_task));
    fact.set("is_main", members.iter().any(|known| known.stack.is_main && known.thread.created_by.is_none()));
    fact.set("user_depth", code::user_depth(&case.tables, stack, runtime));
    fact.set("waiter", members.iter().any(|known| known.role.is_some_and(|role| role.side == "waiter")));
    fact.set_known("function", functions.first().cloned());
    fact.set("frames", functions);
    fact.set_known("creator", creator.map(|frame| case.tables.function(frame)));
    let waits = || members.iter().filter_map(|known| known.thread.waited_s);
    fact.set_known("min_wait_s", waits().min().map(f64::from));
    fact.set(
        "leaked",
        members.iter().filter(|known| known.thread.marks.leaked).map(|k| u64::from(k.thread.count)).sum::<u64>(),
    );
    fact.sites = sites_of(&case.tables, stack, creator, runtime);
    for ((other, creator), _) in variants.iter().filter(|((other, _), _)| *other != stack).take(3) {
        for site in sites_of(&case.tables, *other, *creator, runtime) {
            if !fact.sites.iter().any(|known| known.function == site.function) && fact.sites.len() < 6 {
                fact.sites.push(site);
            }
        }
    }
}

/// Who started whom within a snapshot.
struct Families<'a> {
    alive: &'a HashSet<u64>,
    /// Goroutines that accept connections, with the function in which they do.
    listening: HashMap<u64, &'a str>,
    creating: HashSet<&'a str>,
    waiting: HashSet<u64>,
    parents_of_waiting: HashSet<u64>,
}

impl<'a> Families<'a> {
    fn of(case: &'a Case, census: &'a Census<'_>) -> Self {
        let waiting: HashSet<u64> =
            census.threads.iter().filter(|known| known.is_waiting() && !known.is_idle()).map(|k| k.thread.id).collect();
        let parents_of_waiting = census
            .threads
            .iter()
            .filter(|known| waiting.contains(&known.thread.id))
            .filter_map(|known| known.thread.created_in)
            .collect();
        // Whoever serves HTTP accepts in the library, and what its own function started is not one for each client.
        let listening = census
            .threads
            .iter()
            .filter(|known| known.role.is_some_and(|role| role.role == "listener"))
            .filter(|known| !case.tables.functions(known.thread.stack).any(|function| function.ends_with(".Serve")))
            .filter_map(|known| Some((known.thread.id, code::enclosing(case.tables.function(known.stack.site?)))))
            .collect();
        let creating = census
            .threads
            .iter()
            .filter_map(|known| known.thread.created_by)
            .map(|frame| code::enclosing(case.tables.function(frame)))
            .collect();
        Families { alive: &census.ids, listening, creating, waiting, parents_of_waiting }
    }

    fn state(&self, members: &[&Known<'_>], case: &Case, fact: &mut Fact) {
        let ids: HashSet<u64> = members.iter().map(|known| known.thread.id).collect();
        let parents = ids.iter().filter(|id| self.parents_of_waiting.contains(id)).count();
        fact.set("parents", parents as f64 / members.len().max(1) as f64);
        let place = members.first().and_then(|known| known.stack.site);
        fact.set(
            "site_creates",
            place.is_some_and(|frame| self.creating.contains(code::enclosing(case.tables.function(frame)))),
        );
        let started: Vec<u64> = members.iter().filter_map(|known| known.thread.created_in).collect();
        if started.is_empty() {
            return;
        }
        let share = |n: usize| n as f64 / members.len() as f64;
        let for_a_client = |known: &&&Known<'_>| {
            let accepts = known.thread.created_in.and_then(|parent| self.listening.get(&parent));
            let creator = known.thread.created_by.map(|frame| code::enclosing(case.tables.function(frame)));
            accepts.is_some() && accepts.copied() == creator
        };
        fact.set("creator_listens", share(members.iter().filter(for_a_client).count()) > 0.5);
        let distinct: HashSet<u64> = started.iter().copied().collect();
        let gone = |id: &u64| !self.alive.contains(id);
        fact.set("creators", distinct.len());
        fact.set("orphans", share(started.iter().filter(|id| gone(id)).count()));
        fact.set("dead_creators", distinct.iter().filter(|id| gone(id)).count());
        fact.set("stuck_creators", share(started.iter().filter(|id| self.waiting.contains(id)).count()));
        // In a chain each member started the next in the function that it waits in.
        let chained = members
            .iter()
            .filter(|known| {
                let outer = case.tables.functions(known.thread.stack).next_back();
                let creator = known.thread.created_by.map(|frame| case.tables.function(frame));
                known.thread.created_in.is_some_and(|parent| ids.contains(&parent)) && outer == creator
            })
            .count();
        fact.set("self_started", chained * 2 > members.len());
    }
}

/// How the group went from snapshot to snapshot.
fn turnover(
    population: &Population<'_>,
    history: &[BTreeMap<Key<'_>, Vec<&Known<'_>>>],
    key: &Key<'_>,
    members: &[&Known<'_>],
    fact: &mut Fact,
) {
    if history.len() < 2 {
        return;
    }
    fact.set_known("span_s", population.span_s());
    let sizes: Vec<u64> = history.iter().map(|groups| groups.get(key).map_or(0, |members| size(members))).collect();
    let (prev, count) = (sizes[0], sizes[sizes.len() - 1]);
    fact.set("prev", prev).set("growth", count as f64 - prev as f64);
    if let [.., before, last] = sizes[..]
        && sizes.len() > 2
    {
        fact.set("levelled", last <= before);
    }
    fact.set("never_fell", sizes.windows(2).all(|pair| pair[1] >= pair[0]));
    let (first, last) = (population.first(), population.latest());
    if !first.has_ids() || !last.has_ids() {
        return;
    }
    let ids =
        |members: &[&Known<'_>]| -> HashSet<u64> { members.iter().map(|known| thread_key(known.thread)).collect() };
    let now = ids(members);
    fact.set("new_ids", now.iter().filter(|id| !first.ids.contains(id)).count());
    if let Some(before) = history[0].get(key) {
        let before = ids(before);
        let stayed = before.intersection(&now).count();
        fact.set("persisted", stayed as f64 / before.len().max(1) as f64);
    }
}

/// How many stood at the place when stacks were only counted. Counted stacks tell no reason, so the place alone speaks.
fn counted_before(case: &Case, population: &Population<'_>, place: &str, count: u64, fact: &mut Fact) {
    let mut sizes = Vec::new();
    for census in &population.counted {
        let there: Vec<&Known<'_>> = census
            .threads
            .iter()
            .filter(|known| known.stack.site.is_some_and(|frame| case.tables.function(frame) == place))
            .collect();
        let line = there.iter().map(|known| known.thread.line).min().unwrap_or(1);
        sizes.push(size(&there));
        let says = format!("{} there in an earlier snapshot", units::counted(size(&there), "goroutine", "goroutines"));
        fact.cites.push(Cite::new(census.placed.artifact, line, says));
    }
    if let [prev, ..] = sizes[..] {
        sizes.push(count);
        fact.set("prev", prev).set("growth", count as f64 - prev as f64);
        fact.set("never_fell", sizes.windows(2).all(|pair| pair[1] >= pair[0]));
        if let [.., before, last] = sizes[..]
            && sizes.len() > 2
        {
            fact.set("levelled", last <= before);
        }
    }
}

fn cite(
    case: &Case,
    population: &Population<'_>,
    key: &Key<'_>,
    history: &[BTreeMap<Key<'_>, Vec<&Known<'_>>>],
    members: &[&Known<'_>],
    fact: &mut Fact,
) {
    let (reason, site, _) = *key;
    let (one, many) =
        if population.runtime == Runtime::Go { ("goroutine", "goroutines") } else { ("thread", "threads") };
    let noun = |count: u64| units::counted(count, one, many);
    let artifact = population.latest().placed.artifact;
    let count = size(members);
    let line = members.iter().map(|known| known.thread.line).min().unwrap_or(0);
    let place = if site.is_empty() { "no known function" } else { site };
    fact.cites.push(Cite::new(
        artifact,
        line,
        format!("{} {} at {place}", noun(count), view::waits(reason, count == 1)),
    ));
    for (census, groups) in population.censuses.iter().zip(history).rev().skip(1).take(3) {
        let earlier = groups.get(key);
        let before = earlier.map_or(0, |members| size(members));
        let line = earlier.and_then(|members| members.iter().map(|known| known.thread.line).min()).unwrap_or(1);
        fact.cites.push(Cite::new(
            census.placed.artifact,
            line,
            format!("{} there in an earlier snapshot", noun(before)),
        ));
    }
    if let (Some(orphans), Some(dead)) = (fact.number("orphans"), fact.number("dead_creators"))
        && orphans > 0.5
    {
        let line =
            members.iter().find(|known| known.thread.created_in.is_some()).map_or(line, |known| known.thread.end - 1);
        let share = (orphans * 100.0).round();
        fact.cites.push(Cite::new(
            artifact,
            line,
            format!(
                "{share} % of them were started by {} gone",
                units::counted(dead as u64, "goroutine that is", "goroutines that are")
            ),
        ));
    }
    if let Some(label) = common_label(case, population, members) {
        fact.cites.push(Cite::new(artifact, line, format!("all of them carry the label {label}")));
        fact.set("label_common", label);
    }
}

/// A label that every member carries with the same value.
fn common_label(case: &Case, population: &Population<'_>, members: &[&Known<'_>]) -> Option<String> {
    let snapshot = &population.latest().placed.what;
    let mut counts: HashMap<(Sym, Sym), usize> = HashMap::new();
    for known in members {
        for label in snapshot.labels_of(known.thread) {
            *counts.entry(*label).or_default() += 1;
        }
    }
    let mut common: Vec<String> = counts
        .into_iter()
        .filter(|(_, count)| *count == members.len() && members.len() > 1)
        .map(|((key, value), _)| format!("{}={}", case.tables.text(key), case.tables.text(value)))
        .collect();
    common.sort();
    common.into_iter().next()
}
