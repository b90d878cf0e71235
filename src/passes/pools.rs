//! Bounded resources: workers of one pool that all wait at one place, and threads in line for a connection or permit.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::names;
use super::threads::{Census, Known, Population, sites_of, thread_key};
use crate::case::Case;
use crate::report::{units, view};
use postmortem_parsers::evidence::Runtime;
use postmortem_parsers::tables::StackId;
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// A thread name with `#` for each run of digits: threads of one family share it.
pub fn family_name(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    let mut in_number = false;
    for c in name.chars() {
        if c.is_ascii_digit() {
            if !in_number {
                out.push('#');
            }
            in_number = true;
        } else {
            in_number = false;
            out.push(c);
        }
    }
    out
}

/// States the pool and family facts of a population.
pub fn state(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    facts.looked_for("pool", population.subject);
    facts.looked_for("family", population.subject);
    waiters_for_resources(case, population, facts);
    if population.runtime == Runtime::Go {
        go_workers(case, population, facts);
    } else {
        named_pools(case, population, facts);
        families(case, population, facts);
    }
}

/// Threads whose role is to wait for a bounded resource, by resource and place.
fn waiters_for_resources(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    type Line<'a, 'b> = Vec<&'b Known<'a>>;
    fn lines<'a, 'b>(census: &'b Census<'a>) -> BTreeMap<&'b str, Line<'a, 'b>> {
        let mut lines: BTreeMap<&str, Line<'a, 'b>> = BTreeMap::new();
        for known in &census.threads {
            if let Some(role) = known.role
                && role.side == "waiter"
                && role.resource != "http response body"
            {
                lines.entry(role.resource.as_str()).or_default().push(known);
            }
        }
        lines
    }
    let before = lines(population.first());
    for (resource, members) in lines(population.latest()) {
        let mut fact = Fact::new("pool", population.subject);
        let kind = if resource == "semaphore" { "permits" } else { "connections" };
        let count: u64 = members.iter().map(|known| u64::from(known.thread.count)).sum();
        fact.set("name", resource).set("kind", kind).set("runtime", population.runtime.as_str());
        fact.set("count", count).set("blocked", count).set("reason", members[0].reason);
        common(case, population, &members, &mut fact);
        if kind == "permits" {
            fact.set("may_be_work", may_be_work(&fact, &members));
        }
        if population.censuses.len() > 1 {
            turnover(before.get(resource).map_or(&[][..], |all| all), &members, &mut fact);
        }
        let artifact = population.latest().placed.artifact;
        fact.cites.push(Cite::new(artifact, members[0].thread.line, format!("{count} wait for {resource}")));
        if population.censuses.len() > 1 {
            let earlier = before.get(resource).map_or(&[][..], |all| all);
            let line = earlier.first().map_or(1, |known| known.thread.line);
            let says = format!("{} waited for it in the first snapshot", earlier.len());
            fact.cites.push(Cite::new(population.first().placed.artifact, line, says));
        }
        facts.push(fact);
    }
}

/// Whether a semaphore may count work to be done: those who wait do so in the loop of their own thread, or in a function
/// whose name tells that it takes work.
fn may_be_work(fact: &Fact, members: &[&Known<'_>]) -> bool {
    let in_loop = fact.number("user_depth").is_some_and(|depth| depth <= 1.0);
    in_loop && !members.iter().any(|known| known.stack.in_task) || fact.text("site").is_some_and(names::takes_work)
}

fn common(case: &Case, population: &Population<'_>, members: &[&Known<'_>], fact: &mut Fact) {
    fact.set("moments", population.censuses.len());
    let mut stacks: BTreeMap<_, usize> = BTreeMap::new();
    for known in members {
        *stacks.entry((known.thread.stack, known.thread.created_by)).or_default() += 1;
    }
    if let Some((&(stack, creator), _)) = stacks.iter().max_by_key(|(_, count)| **count) {
        fact.sites = sites_of(&case.tables, stack, creator, population.runtime);
        let depth = code::user_depth(&case.tables, stack, population.runtime);
        // A task that the accepting function made is there for one client: it begins below the lambda.
        let serves = population.runtime == Runtime::Java && made_by_acceptor(case, population, stack);
        fact.set("user_depth", depth - usize::from(serves && depth > 1));
        fact.set_known("site", fact.sites.first().map(|site| site.function.clone()));
    }
}

/// Whether a task is a lambda of a function that is accepting connections.
fn made_by_acceptor(case: &Case, population: &Population<'_>, stack: StackId) -> bool {
    let is_lambda = |function: &&str| function.contains(".lambda$");
    let Some(maker) = case.tables.functions(stack).rfind(is_lambda).and_then(lambda_maker) else { return false };
    let listens = |known: &&Known<'_>| known.role.is_some_and(|role| role.role == "listener");
    let mut accepting = population.latest().threads.iter().filter(listens);
    accepting.any(|known| case.tables.functions(known.thread.stack).any(|function| maker.is(function)))
}

/// The method that a lambda's name tells of: `a.b.Main.lambda$acceptLoop$1` was made in `a.b.Main.acceptLoop`.
#[derive(Debug, PartialEq)]
struct Maker<'a> {
    class: &'a str,
    method: &'a str,
}

impl Maker<'_> {
    fn is(&self, function: &str) -> bool {
        function.rsplit_once('.') == Some((self.class, self.method))
    }
}

fn lambda_maker(function: &str) -> Option<Maker<'_>> {
    let (class, lambda) = function.rsplit_once(".lambda$")?;
    Some(Maker { class, method: lambda.rsplit_once('$')?.0 })
}

fn turnover(before: &[&Known<'_>], now: &[&Known<'_>], fact: &mut Fact) {
    let ids = |all: &[&Known<'_>]| -> HashSet<u64> { all.iter().map(|known| thread_key(known.thread)).collect() };
    let (before, now) = (ids(before), ids(now));
    fact.set("growth", now.len() as f64 - before.len() as f64);
    if !before.is_empty() {
        fact.set("persisted", before.intersection(&now).count() as f64 / before.len() as f64);
    }
}

fn by_family<'a, 'b>(case: &Case, census: &'b Census<'a>) -> BTreeMap<String, Vec<&'b Known<'a>>> {
    let mut families: BTreeMap<String, Vec<&Known<'_>>> = BTreeMap::new();
    for known in &census.threads {
        let name = case.tables.text(known.thread.name);
        if !name.is_empty() {
            families.entry(family_name(name)).or_default().push(known);
        }
    }
    families
}

/// Waits for the end of a task, as globs: in a worker of the same pool it can wait for ever.
const TASK_WAITS: &[&str] = &[
    "*java.util.concurrent.FutureTask.get",
    "*java.util.concurrent.CompletableFuture.get",
    "*java.util.concurrent.CompletableFuture.join",
    "*java.util.concurrent.ForkJoinTask.join",
    "*java.util.concurrent.ForkJoinTask.get",
    "*java.util.concurrent.CountDownLatch.await",
    "*java.util.concurrent.AbstractExecutorService.invokeAll",
    "*java.util.concurrent.AbstractExecutorService.invokeAny",
    "*/concurrent/futures/_base.py:result",
    "*/concurrent/futures/_base.py:wait",
    "*/concurrent/futures/_base.py:as_completed",
    "*/multiprocessing/pool.py:get",
];

/// Pools of named worker threads, and where most of their busy workers wait.
fn named_pools(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    let before = by_family(case, population.first());
    for (name, members) in by_family(case, population.latest()) {
        let busy: Vec<&&Known<'_>> =
            members.iter().filter(|known| known.stack.in_task && known.stack.is_user).collect();
        if members.len() < 2 || busy.is_empty() {
            continue;
        }
        let mut places: BTreeMap<(&str, &str), Vec<&Known<'_>>> = BTreeMap::new();
        for known in &busy {
            let site = known.stack.site.map_or("", |frame| case.tables.function(frame));
            places.entry((known.reason, site)).or_default().push(known);
        }
        let Some(((reason, site), blocked)) = places.into_iter().max_by_key(|(_, all)| all.len()) else { continue };
        let mut fact = Fact::new("pool", population.subject);
        fact.set("name", name.as_str()).set("kind", "threads").set("runtime", population.runtime.as_str());
        fact.set("size", members.len()).set("blocked", blocked.len()).set("count", blocked.len());
        fact.set("blocked_share", blocked.len() as f64 / members.len() as f64);
        fact.set("reason", reason).set("site", site).set("sleeping", reason == "sleep");
        let on_tasks = blocked
            .iter()
            .filter(|known| {
                case.tables.stack_frames(known.thread.stack).iter().take(12).any(|&frame| {
                    let name = code::rule_name(&case.tables, frame, population.runtime);
                    TASK_WAITS.iter().any(|wait| super::glob::fits(wait, &name))
                })
            })
            .count();
        fact.set("self_wait", on_tasks * 2 > blocked.len());
        common(case, population, &blocked, &mut fact);
        if population.censuses.len() > 1 {
            let earlier: Vec<&Known<'_>> = before
                .get(&name)
                .into_iter()
                .flatten()
                .filter(|known| known.stack.site.is_some_and(|frame| case.tables.function(frame) == site))
                .copied()
                .collect();
            turnover(&earlier, &blocked, &mut fact);
        }
        let artifact = population.latest().placed.artifact;
        let says = format!(
            "{} of {} threads named \"{name}\" {} at {site}",
            units::count(blocked.len() as u64),
            units::count(members.len() as u64),
            view::waits(reason, false)
        );
        fact.cites.push(Cite::new(artifact, blocked[0].thread.line, says));
        facts.push(fact);
    }
}

/// Waits of Go for others of the program.
const GO_WAITS: &[&str] = &["chan-send", "chan-receive", "select", "waitgroup", "cond"];

/// The worker loop that a goroutine runs in, a method, and the method of the same type in which its task waits.
fn inner_wait<'a>(case: &'a Case, known: &Known<'_>) -> Option<(&'a str, &'a str)> {
    let frames = case.tables.stack_frames(known.thread.stack);
    let user = frames.iter().filter(|&&frame| code::is_user(&case.tables, frame, Runtime::Go));
    let functions: Vec<&str> = user.map(|&frame| case.tables.function(frame)).collect();
    let inner = *functions.first()?;
    let owner = code::receiver_type(inner)?;
    let outer = functions.iter().rposition(|function| code::receiver_type(function) == Some(owner))?;
    // Between the two stands the task: code of others.
    let has_task = functions[1..outer.max(1)].iter().any(|function| code::receiver_type(function) != Some(owner));
    (functions[outer] != inner && has_task && GO_WAITS.contains(&known.reason)).then_some((functions[outer], inner))
}

/// Goroutines in a worker loop, and those of them whose tasks wait.
fn in_loop<'b>(case: &Case, census: &'b Census<'_>, name: &str) -> (usize, Vec<&'b Known<'b>>) {
    let runs = |known: &&Known<'_>| case.tables.functions(known.thread.stack).any(|function| function == name);
    let all: Vec<&Known<'_>> = census.threads.iter().filter(runs).collect();
    let waits = |known: &&Known<'_>| {
        let at_loop = known.stack.site.is_some_and(|frame| case.tables.function(frame) == name);
        GO_WAITS.contains(&known.reason) && !at_loop && !known.is_idle()
    };
    (all.len(), all.into_iter().filter(waits).collect())
}

/// Workers of Go whose tasks wait, some of them for the very type whose loop runs them.
fn go_workers(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    let latest = population.latest();
    let mut loops: BTreeMap<(&str, &str), Vec<&Known<'_>>> = BTreeMap::new();
    for known in &latest.threads {
        if let Some(place) = inner_wait(case, known) {
            loops.entry(place).or_default().push(known);
        }
    }
    for ((name, site), on_pool) in loops {
        let (size, blocked) = in_loop(case, latest, name);
        let mut fact = Fact::new("pool", population.subject);
        fact.set("name", name).set("kind", "threads").set("runtime", "go").set("self_wait", true);
        fact.set("size", size).set("blocked", blocked.len()).set("count", blocked.len());
        fact.set("blocked_share", blocked.len() as f64 / size.max(1) as f64);
        fact.set("reason", on_pool[0].reason).set("site", site).set("sleeping", false);
        common(case, population, &on_pool, &mut fact);
        if population.censuses.len() > 1 {
            turnover(&in_loop(case, population.first(), name).1, &blocked, &mut fact);
        }
        let artifact = latest.placed.artifact;
        let says = format!("{} of {size} goroutines in {name} are in {} at {site}", on_pool.len(), on_pool[0].reason);
        fact.cites.push(Cite::new(artifact, on_pool[0].thread.line, says));
        if let Some(other) = blocked.iter().find(|known| inner_wait(case, known).is_none()) {
            let says = format!("the other {} wait inside their tasks", blocked.len() - on_pool.len());
            fact.cites.push(Cite::new(artifact, other.thread.line, says));
        }
        facts.push(fact);
    }
}

/// Families of threads by name, and how they grew.
fn families(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    let before = by_family(case, population.first());
    for (name, members) in by_family(case, population.latest()) {
        if members.len() < 5 {
            continue;
        }
        let first = before.get(&name).map_or(0, Vec::len);
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for known in &members {
            *reasons.entry(known.reason).or_default() += 1;
        }
        let reason = reasons.iter().max_by_key(|(_, count)| **count).map_or("unknown", |(reason, _)| *reason);
        let mut fact = Fact::new("family", population.subject);
        fact.set("name", name.as_str()).set("runtime", population.runtime.as_str()).set("count", members.len());
        fact.set("growth", members.len() as f64 - first as f64).set("moments", population.censuses.len());
        if let [.., last_but_one, _] = &population.censuses[..]
            && population.censuses.len() > 2
        {
            let earlier = by_family(case, last_but_one).get(&name).map_or(0, Vec::len);
            fact.set("levelled", members.len() <= earlier);
        }
        let idle = members.iter().filter(|known| known.is_idle()).count();
        fact.set("idle_share", idle as f64 / members.len() as f64).set("reason", reason);
        let accepts =
            population.latest().threads.iter().any(|known| known.role.is_some_and(|role| role.role == "listener"));
        let serving = members
            .iter()
            .filter(|known| {
                let depth = code::user_depth(&case.tables, known.thread.stack, population.runtime);
                known.reason == "network-io" && depth <= 1
            })
            .count();
        fact.set("per_client", accepts && serving * 2 > members.len());
        fact.set("system", members.iter().all(|known| known.thread.marks.system));
        let numbers: BTreeSet<String> =
            members.iter().filter_map(|known| first_number(case.tables.text(known.thread.name))).collect();
        fact.set("pools", numbers.len());
        let mut stacks: BTreeMap<_, usize> = BTreeMap::new();
        for known in &members {
            *stacks.entry(known.thread.stack).or_default() += 1;
        }
        if let Some((&stack, _)) = stacks.iter().max_by_key(|(_, count)| **count) {
            fact.sites = sites_of(&case.tables, stack, None, population.runtime);
        }
        let artifact = population.latest().placed.artifact;
        fact.cites.push(Cite::new(
            artifact,
            members[0].thread.line,
            format!(
                "{} threads named \"{name}\"; most {}",
                units::count(members.len() as u64),
                view::waits(reason, false)
            ),
        ));
        if population.censuses.len() > 1 {
            let census = population.first();
            fact.cites.push(Cite::new(census.placed.artifact, 1, format!("{first} of them in the first snapshot")));
        }
        facts.push(fact);
    }
}

fn first_number(name: &str) -> Option<String> {
    let start = name.find(|c: char| c.is_ascii_digit())?;
    Some(name[start..].chars().take_while(char::is_ascii_digit).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_do_not_part_a_family() {
        assert_eq!(family_name("http-nio-8080-exec-12"), "http-nio-#-exec-#");
        assert_eq!(family_name("pool-3-thread-1"), "pool-#-thread-#");
        assert_eq!(first_number("pool-31-thread-1").as_deref(), Some("31"));
    }

    #[test]
    fn a_lambda_tells_who_made_it() {
        let maker = lambda_maker("io.acme.Main.lambda$acceptLoop$1").unwrap();
        assert!(maker.is("io.acme.Main.acceptLoop") && !maker.is("io.acme.Main.accept"), "{maker:?}");
        assert_eq!(lambda_maker("io.acme.Main.acceptLoop"), None);
    }
}
