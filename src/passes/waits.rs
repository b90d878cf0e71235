//! Who waits for a lock, and what is known of its holder: owners that a dump prints, addresses that close a circle,
//! and, where neither is printed, the goroutine past the same lock that is stuck elsewhere.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::{Census, Known, Population, sites_of, thread_key};
use crate::case::Case;
use crate::report::model::Site;
use crate::report::{units, view};
use postmortem_parsers::evidence::{ObjectRole, Runtime};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

mod unowned;

/// States the wait facts of a population.
pub fn state(case: &Case, population: &Population<'_>, facts: &mut Facts) {
    facts.looked_for("wait", population.subject);
    let mut found = match population.runtime {
        Runtime::Go => go_clusters(case, population.latest()),
        _ => owner_graph(case, population.latest()),
    };
    found.extend(unowned::waits(case, population, &found));
    let mut found: Vec<Wait> =
        found.into_iter().filter(|wait| !wait.waiters.is_empty() || !wait.members.is_empty()).collect();
    found.sort_by_key(|wait| (std::cmp::Reverse(wait.everybody().len()), wait.waiters.clone()));
    for wait in found {
        let fact = wait.fact(case, population);
        facts.push(fact);
    }
}

/// Threads (by index into the census) that wait for locks which belong together.
#[derive(Debug, Default)]
struct Wait {
    shape: &'static str,
    proof: &'static str,
    /// Threads of the circle, or the holder.
    members: BTreeSet<usize>,
    /// Threads that wait for the same locks.
    waiters: BTreeSet<usize>,
    /// The thread that keeps them waiting, where one is known.
    holder: Option<usize>,
    says: Vec<(usize, String)>,
}

impl Wait {
    fn everybody(&self) -> BTreeSet<usize> {
        self.members.union(&self.waiters).copied().collect()
    }

    fn fact(&self, case: &Case, population: &Population<'_>) -> Fact {
        let census = population.latest();
        let everybody = self.everybody();
        let of = |index: &usize| &census.threads[*index];
        let lock_waiters: Vec<&Known<'_>> = everybody.iter().map(of).filter(|known| waits_for_owner(known)).collect();
        let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
        for known in &lock_waiters {
            *reasons.entry(known.reason).or_default() += 1;
        }
        let main_reason = reasons.iter().max_by_key(|(_, count)| **count).map_or("unknown", |(reason, _)| reason);
        let mut fact = Fact::new("wait", population.subject);
        fact.set("shape", self.shape).set("proof", self.proof).set("runtime", population.runtime.as_str());
        fact.set("reason", main_reason).set(
            "kinds",
            everybody
                .iter()
                .map(of)
                .map(|k| k.reason.to_owned())
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect::<Vec<_>>(),
        );
        fact.set("members", self.members.len()).set("waiters", self.waiters.len());
        fact.set("in_task", lock_waiters.iter().any(|known| known.stack.in_task));
        // A slow holder is not stuck; the holder in a deadlock is.
        let stuck = if self.shape == "convoy" { self.waiters.len() } else { everybody.len() };
        fact.set("count", stuck);
        let places: BTreeSet<&str> =
            lock_waiters.iter().filter_map(|k| k.stack.site).map(|f| case.tables.function(f)).collect();
        fact.set("lock_sites", places.len()).set("locks", self.locks(census));
        fact.set_known("min_wait_s", lock_waiters.iter().filter_map(|k| k.thread.waited_s).min().map(f64::from));
        fact.set("moments", population.censuses.len());
        self.turnover(case, population, &places, &mut fact);
        if let Some(holder) = self.holder.as_ref().map(of) {
            fact.set("holder_reason", holder.reason);
            fact.set_known("holder_site", holder.stack.site.map(|frame| case.tables.function(frame)));
            let same = |known: &&Known<'_>| {
                thread_key(known.thread) == thread_key(holder.thread)
                    && (known.reason, known.thread.stack) == (holder.reason, holder.thread.stack)
            };
            if population.censuses.len() > 1 && population.first().has_ids() {
                fact.set("holder_stays", population.first().threads.iter().any(|known| same(&known)));
            }
        }
        fact.sites = self.sites(case, census, population.runtime);
        self.cite(case, population, &lock_waiters, &mut fact);
        fact
    }

    /// How many locks they want, by the addresses that the dump prints.
    fn locks(&self, census: &Census<'_>) -> usize {
        let wanted = self.everybody().into_iter().filter_map(|index| {
            let objects = census.placed.what.objects_of(census.threads[index].thread);
            objects.iter().find(|object| object.role == ObjectRole::WaitsToLock).map(|object| object.object)
        });
        wanted.collect::<BTreeSet<u64>>().len()
    }

    fn turnover(&self, case: &Case, population: &Population<'_>, places: &BTreeSet<&str>, fact: &mut Fact) {
        let (first, latest) = (population.first(), population.latest());
        if population.censuses.len() < 2 {
            return;
        }
        let before: HashSet<u64> = first
            .threads
            .iter()
            .filter(|known| {
                waits_for_owner(known) && known.stack.site.is_some_and(|f| places.contains(case.tables.function(f)))
            })
            .map(|known| thread_key(known.thread))
            .collect();
        let now: HashSet<u64> =
            self.everybody().iter().map(|&index| thread_key(latest.threads[index].thread)).collect();
        fact.set("growth", self.waiters.len() as f64 - before.len() as f64);
        if !before.is_empty() && first.has_ids() && latest.has_ids() {
            fact.set("persisted", before.intersection(&now).count() as f64 / before.len() as f64);
        }
    }

    /// The places of the circle's members first, then of the crowd.
    fn sites(&self, case: &Case, census: &Census<'_>, runtime: Runtime) -> Vec<Site> {
        let mut sites: Vec<Site> = Vec::new();
        let mut add = |index: usize, rename: Option<&str>, most: usize| {
            let thread = census.threads[index].thread;
            for mut site in sites_of(&case.tables, thread.stack, thread.created_by, runtime).into_iter().take(most) {
                if let (Some(role), "blocked") = (rename, site.role.as_str()) {
                    site.role = role.to_owned();
                }
                if sites.len() < 8 && !sites.iter().any(|known| known.function == site.function) {
                    sites.push(site);
                }
            }
        };
        let holder = self.holder;
        if self.holder.is_some() || self.members.is_empty() {
            self.waiters.iter().take(1).for_each(|&index| add(index, None, 1));
        }
        holder.into_iter().for_each(|index| add(index, Some("holder"), 1));
        self.members.iter().filter(|index| Some(**index) != holder).take(4).for_each(|&index| add(index, None, 1));
        let mut seen = BTreeSet::new();
        for &index in &self.waiters {
            if seen.insert(census.threads[index].thread.stack) && seen.len() <= 4 {
                add(index, None, 3);
            }
        }
        self.members.iter().take(4).for_each(|&index| add(index, None, 3));
        sites
    }

    fn cite(&self, case: &Case, population: &Population<'_>, lock_waiters: &[&Known<'_>], fact: &mut Fact) {
        let census = population.latest();
        let artifact = census.placed.artifact;
        let noun = if population.runtime == Runtime::Go { "goroutine" } else { "thread" };
        let name = |known: &Known<'_>| {
            let name = case.tables.text(known.thread.name);
            if name.is_empty() { format!("{noun} {}", thread_key(known.thread)) } else { format!("\"{name}\"") }
        };
        for (index, says) in &self.says {
            let known = &census.threads[*index];
            fact.cites.push(Cite::new(artifact, known.thread.line, format!("{} {says}", name(known))));
        }
        let mut by_place: BTreeMap<(&str, &str), Vec<&&Known<'_>>> = BTreeMap::new();
        for known in lock_waiters {
            let place = known.stack.site.map_or("", |frame| case.tables.function(frame));
            by_place.entry((place, known.reason)).or_default().push(known);
        }
        let mut places: Vec<_> = by_place.into_iter().collect();
        places.sort_by_key(|(key, members)| (std::cmp::Reverse(members.len()), *key));
        for ((place, reason), members) in places.into_iter().take(4) {
            let plural = if members.len() == 1 { "" } else { "s" };
            let wait = view::waits(reason, members.len() == 1);
            let says = format!("{} {noun}{plural} {wait} at {place}", units::count(members.len() as u64));
            fact.cites.push(Cite::new(artifact, members[0].thread.line, says));
        }
        if let Some(index) = self.holder {
            let known = &census.threads[index];
            let place = known.stack.site.map_or("", |frame| case.tables.function(frame));
            fact.cites.push(Cite::new(
                artifact,
                known.thread.line,
                format!("{} is past the lock and {} at {place}", name(known), view::waits(known.reason, true)),
            ));
        }
    }
}

fn waits_for_owner(known: &Known<'_>) -> bool {
    known.waits_for_lock() || matches!(known.reason, "monitor-enter" | "park" | "monitor-wait" | "futex")
}

// ---- Owners that the dump prints ----

/// Follows the owners of monitors and synchronizers: circles, and crowds behind one holder.
fn owner_graph(case: &Case, census: &Census<'_>) -> Vec<Wait> {
    let snapshot = &census.placed.what;
    let mut owner_of: HashMap<u64, usize> = HashMap::new();
    let mut wants: Vec<Option<u64>> = vec![None; census.threads.len()];
    for (index, known) in census.threads.iter().enumerate() {
        for object in snapshot.objects_of(known.thread) {
            match object.role {
                ObjectRole::Holds | ObjectRole::Owns => {
                    owner_of.insert(object.object, index);
                }
                ObjectRole::WaitsToLock | ObjectRole::WaitsToRelock | ObjectRole::ParksOn => {
                    wants[index] = wants[index].or(Some(object.object));
                }
                _ => {}
            }
        }
    }
    let inferred = infer_owners(census, &wants, &mut owner_of);
    let next: Vec<Option<usize>> = wants
        .iter()
        .enumerate()
        .map(|(index, wanted)| wanted.and_then(|object| owner_of.get(&object).copied()).filter(|&owner| owner != index))
        .collect();
    let declared = declared_names(case, census);
    let mut waits: BTreeMap<usize, Wait> = BTreeMap::new();
    for start in 0..next.len() {
        let Some(root) = next[start] else { continue };
        let (end, circle) = follow(start, root, &next);
        if circle.is_empty() && has_moved_on(case, census, start, end) {
            let wait = waits.entry(end).or_default();
            (wait.shape, wait.proof, wait.holder) = ("lost-owner", "owner", Some(end));
            wait.waiters.insert(start);
            continue;
        }
        let wait = waits.entry(end).or_default();
        if circle.is_empty() {
            wait.shape = "convoy";
            wait.proof =
                if wants[start].is_some_and(|object| inferred.contains(&object)) { "address" } else { "owner" };
            wait.holder = Some(end);
            wait.waiters.insert(start);
        } else {
            wait.shape = "cycle";
            let is_declared =
                circle.iter().all(|&index| declared.contains(case.tables.text(census.threads[index].thread.name)));
            let guessed = circle.iter().any(|&index| wants[index].is_some_and(|object| inferred.contains(&object)));
            wait.proof = if is_declared {
                "declared"
            } else if guessed {
                "address"
            } else {
                "owner"
            };
            wait.members.extend(&circle);
            if !circle.contains(&start) {
                wait.waiters.insert(start);
            }
        }
    }
    for wait in waits.values_mut() {
        say_owners(case, census, wait, &wants, &next);
    }
    let mut waits: Vec<Wait> = waits.into_values().collect();
    waits.extend(ownerless(case, census, &wants, &owner_of));
    waits.extend(class_init(case, census));
    waits
}

/// Whether the owner of a synchronizer does something that has nothing to do with it: it is in no method of the classes
/// that lead a waiter to the lock, beyond the one in which threads begin. Monitors are left with their frame.
fn has_moved_on(case: &Case, census: &Census<'_>, waiter: usize, owner: usize) -> bool {
    let snapshot = &census.placed.what;
    let owner = &census.threads[owner];
    let classes_of = |known: &Known<'_>| -> Vec<&str> {
        let frames = case.tables.stack_frames(known.thread.stack);
        let user = frames.iter().filter(|&&frame| code::is_user(&case.tables, frame, snapshot.runtime));
        let functions = user.map(|&frame| case.tables.function(frame));
        functions.map(|function| function.rsplit_once('.').map_or(function, |(class, _)| class)).collect()
    };
    let mut wanted = classes_of(&census.threads[waiter]);
    if wanted.len() > 1 {
        wanted.pop();
    }
    let owns = snapshot.objects_of(owner.thread).iter().filter(|object| object.role == ObjectRole::Owns);
    let wants = snapshot.objects_of(census.threads[waiter].thread).iter().map(|object| object.object);
    let wants: Vec<u64> = wants.collect();
    owns.into_iter().any(|object| wants.contains(&object.object))
        && owner.is_waiting()
        && !classes_of(owner).iter().any(|class| wanted.contains(class))
}

/// The lock whose owner the lists name whenever it has one. Readers of a ReentrantReadWriteLock are on no list.
const LISTED_LOCK: &str = ".ReentrantLock$";

/// Locks for which threads wait and whose owner is gone: a dump with lists of owners has none, or prints one that is
/// no thread of it.
fn ownerless(case: &Case, census: &Census<'_>, wants: &[Option<u64>], owner_of: &HashMap<u64, usize>) -> Vec<Wait> {
    let snapshot = &census.placed.what;
    let mut by_lock: BTreeMap<u64, BTreeSet<usize>> = BTreeMap::new();
    for (index, wanted) in wants.iter().enumerate() {
        let Some(wanted) = wanted.filter(|object| !owner_of.contains_key(object)) else { continue };
        let mut objects = snapshot.objects_of(census.threads[index].thread).iter();
        let is_lock =
            objects.any(|object| object.object == wanted && case.tables.text(object.class).contains(LISTED_LOCK));
        if snapshot.lost_locks.contains(&wanted) || (snapshot.lists_owners && is_lock) {
            by_lock.entry(wanted).or_default().insert(index);
        }
    }
    let lost = |waiters| Wait { shape: "lost-owner", proof: "owner", waiters, ..Wait::default() };
    by_lock.into_values().filter(|waiters| waiters.len() >= 2).map(lost).collect()
}

/// Native dumps print no owners: a lock that one thread passes around and does not wait for is taken to be its own.
/// Gives the locks whose owner was found like this.
fn infer_owners(census: &Census<'_>, wants: &[Option<u64>], owner_of: &mut HashMap<u64, usize>) -> HashSet<u64> {
    let snapshot = &census.placed.what;
    let wanted: BTreeSet<u64> =
        wants.iter().flatten().copied().filter(|object| !owner_of.contains_key(object)).collect();
    let mut inferred = HashSet::new();
    for object in wanted {
        let mut passing = census.threads.iter().enumerate().filter(|(index, known)| {
            wants[*index] != Some(object)
                && snapshot
                    .objects_of(known.thread)
                    .iter()
                    .any(|o| o.role == ObjectRole::Argument && o.object == object)
        });
        if let (Some((index, _)), None) = (passing.next(), passing.next()) {
            owner_of.insert(object, index);
            inferred.insert(object);
        }
    }
    inferred
}

/// The end of a chain of owners: its last thread, or the smallest of the circle that it runs into, with the circle.
fn follow(start: usize, first: usize, next: &[Option<usize>]) -> (usize, BTreeSet<usize>) {
    let mut seen = vec![start];
    let mut at = first;
    loop {
        if let Some(position) = seen.iter().position(|&index| index == at) {
            let circle: BTreeSet<usize> = seen[position..].iter().copied().collect();
            return (circle.first().copied().unwrap_or(at), circle);
        }
        match next[at] {
            Some(owner) => {
                seen.push(at);
                at = owner;
            }
            None => return (at, BTreeSet::new()),
        }
    }
}

fn declared_names<'a>(case: &'a Case, census: &Census<'_>) -> HashSet<&'a str> {
    census
        .placed
        .what
        .deadlocks
        .iter()
        .flat_map(|deadlock| &deadlock.members)
        .map(|(name, _)| case.tables.text(*name))
        .collect()
}

fn say_owners(case: &Case, census: &Census<'_>, wait: &mut Wait, wants: &[Option<u64>], next: &[Option<usize>]) {
    let says: Vec<(usize, String)> = wait
        .members
        .iter()
        .take(4)
        .filter_map(|&index| {
            let (object, owner) = (wants[index]?, next[index]?);
            let owner = case.tables.text(census.threads[owner].thread.name);
            Some((index, format!("waits for {object:#x}, which \"{owner}\" holds")))
        })
        .collect();
    wait.says = says;
}

/// Threads that wait for classes which others initialise, which in turn wait for them.
fn class_init(case: &Case, census: &Census<'_>) -> Option<Wait> {
    let snapshot = &census.placed.what;
    let waiting: BTreeSet<usize> = census
        .threads
        .iter()
        .enumerate()
        .filter(|(_, known)| {
            snapshot.objects_of(known.thread).iter().any(|object| object.role == ObjectRole::WaitsForClassInit)
        })
        .map(|(index, _)| index)
        .collect();
    let classes: BTreeSet<_> = waiting
        .iter()
        .flat_map(|&index| snapshot.objects_of(census.threads[index].thread))
        .filter(|object| object.role == ObjectRole::WaitsForClassInit)
        .map(|object| object.class)
        .collect();
    let initialises = |index: &usize| {
        case.tables.functions(census.threads[*index].thread.stack).any(|function| function.ends_with(".<clinit>"))
    };
    let (members, waiters): (BTreeSet<usize>, BTreeSet<usize>) = waiting.into_iter().partition(initialises);
    (classes.len() >= 2 && members.len() >= 2).then(|| Wait {
        shape: "class-init",
        proof: "owner",
        members,
        waiters,
        ..Wait::default()
    })
}

// ---- Go: no owner is printed ----

/// What guards what: the receiver type of a method, or a function without its closures.
fn domain(function: &str) -> &str {
    code::receiver_type(function).unwrap_or_else(|| code::enclosing(function))
}

/// The domains of the user frames of a goroutine, inner first.
fn domains<'a>(case: &'a Case, known: &Known<'_>) -> Vec<&'a str> {
    let frames = case.tables.stack_frames(known.thread.stack);
    frames
        .iter()
        .map(|&frame| case.tables.function(frame))
        .filter(|function| code::is_user_go(function))
        .map(domain)
        .collect()
}

fn go_clusters(case: &Case, census: &Census<'_>) -> Vec<Wait> {
    let waiting: Vec<usize> = (0..census.threads.len())
        .filter(|&index| census.threads[index].waits_for_lock() && !census.threads[index].is_idle())
        .collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    // Locks that one goroutine takes one within the other belong together.
    let place = |index: usize| domains(case, &census.threads[index]).first().copied().unwrap_or("");
    let waited: BTreeSet<&str> = waiting.iter().map(|&index| place(index)).collect();
    let mut joined: BTreeMap<&str, &str> = waited.iter().map(|&name| (name, name)).collect();
    for &index in &waiting {
        let here: Vec<&str> =
            domains(case, &census.threads[index]).into_iter().filter(|name| waited.contains(name)).collect();
        for other in here.iter().skip(1) {
            let (a, b) = (root(&joined, here[0]), root(&joined, other));
            let (low, high) = if a < b { (a, b) } else { (b, a) };
            joined.insert(high, low);
        }
    }
    let mut clusters: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for &index in &waiting {
        clusters.entry(root(&joined, place(index))).or_default().insert(index);
    }
    clusters
        .into_iter()
        .map(|(name, waiters)| {
            let guarded: BTreeSet<&str> = waited.iter().copied().filter(|other| root(&joined, other) == name).collect();
            judge_cluster(case, census, waiters, &guarded)
        })
        .collect()
}

fn root<'a>(joined: &BTreeMap<&'a str, &'a str>, mut name: &'a str) -> &'a str {
    while let Some(&up) = joined.get(name) {
        if up == name {
            break;
        }
        name = up;
    }
    name
}

fn judge_cluster(case: &Case, census: &Census<'_>, waiters: BTreeSet<usize>, guarded: &BTreeSet<&str>) -> Wait {
    let candidates = holder_candidates(case, census, &waiters, guarded);
    if let Some(&busy) = candidates.iter().find(|&&index| makes_progress(case, &census.threads[index])) {
        return Wait { shape: "convoy", proof: "inferred", waiters, holder: Some(busy), ..Wait::default() };
    }
    if let Some(circle) = address_circle(census, &waiters) {
        let says = circle
            .iter()
            .take(4)
            .map(|&index| (index, "waits for a lock inside an object that the next of the circle works on".to_owned()))
            .collect();
        return Wait { shape: "cycle", proof: "address", members: circle, waiters, says, ..Wait::default() };
    }
    if !candidates.is_empty() {
        let holder = candidates.first().copied();
        return Wait {
            shape: "holder-stuck",
            proof: "inferred",
            members: candidates,
            waiters,
            holder,
            ..Wait::default()
        };
    }
    let place = |index: &usize| census.threads[*index].stack.site;
    let places: HashSet<_> = waiters.iter().map(place).collect();
    let kinds: HashSet<_> = waiters.iter().map(|&index| census.threads[index].reason).collect();
    let shape = if waiters.len() >= 2 && (places.len() >= 2 || kinds.len() >= 2) {
        "cycle"
    } else if waiters.len() == 1 && waiters.iter().all(|&index| holds_its_own(case, &census.threads[index])) {
        "self"
    } else {
        "lost-owner"
    };
    Wait { shape, proof: "inferred", waiters, ..Wait::default() }
}

/// Goroutines that may be past the lock: they are in the same type or function, and not in line for it.
fn holder_candidates(
    case: &Case,
    census: &Census<'_>,
    waiters: &BTreeSet<usize>,
    guarded: &BTreeSet<&str>,
) -> BTreeSet<usize> {
    let parents: HashSet<u64> = waiters.iter().filter_map(|&index| census.threads[index].thread.created_in).collect();
    (0..census.threads.len())
        .filter(|index| !waiters.contains(index))
        .filter(|&index| {
            let known = &census.threads[index];
            if known.is_idle() {
                return false;
            }
            // Who started the waiters and waits for them to end is a victim.
            let is_parent = parents.contains(&known.thread.id)
                && matches!(known.reason, "waitgroup" | "chan-receive" | "select" | "sleep");
            let started_there =
                known.thread.created_by.is_some_and(|frame| guarded.contains(domain(case.tables.function(frame))));
            !is_parent && (started_there || domains(case, known).iter().any(|name| guarded.contains(name)))
        })
        .collect()
}

/// Whether a goroutine runs, or waits for something outside of the process, also where the library does so in a select.
fn makes_progress(case: &Case, known: &Known<'_>) -> bool {
    const PEERS: &[&str] = &[
        "net/http.(*persistConn).roundTrip",
        "net/http.(*Transport).*",
        "google.golang.org/grpc.*",
        "net.(*Dialer).*",
    ];
    matches!(
        known.reason,
        "running" | "runnable" | "network-io" | "disk-io" | "syscall" | "cgo" | "sleep" | "dns" | "gc"
    ) || case
        .tables
        .functions(known.thread.stack)
        .take(8)
        .any(|function| PEERS.iter().any(|glob| super::glob::fits(glob, function)))
}

/// Whether an outer frame is a method of the same type: it may hold the lock that the inner one waits for.
fn holds_its_own(case: &Case, known: &Known<'_>) -> bool {
    let all = domains(case, known);
    all.iter().skip(1).any(|name| Some(name) == all.first())
}

/// A circle that printed addresses close: each waits for a lock inside an object that the next one works on further
/// out in its stack.
fn address_circle(census: &Census<'_>, waiters: &BTreeSet<usize>) -> Option<BTreeSet<usize>> {
    if waiters.len() > 5_000 {
        return None;
    }
    let snapshot = &census.placed.what;
    let parts: Vec<(usize, Option<u64>, Vec<u64>)> = waiters
        .iter()
        .map(|&index| {
            let objects = snapshot.objects_of(census.threads[index].thread);
            let lock = objects.first().filter(|object| object.role == ObjectRole::Argument);
            let wanted = lock.map(|object| object.object);
            let holds: Vec<u64> = objects
                .iter()
                .skip(1)
                .filter(|object| object.role == ObjectRole::Argument)
                .map(|object| object.object)
                .filter(|&object| wanted.is_none_or(|wanted| !inside(wanted, object)))
                .collect();
            (index, wanted, holds)
        })
        .collect();
    let next = |wanted: u64| -> Vec<usize> {
        (0..parts.len()).filter(|&at| parts[at].2.iter().any(|&object| inside(wanted, object))).collect()
    };
    // Circles of two are what lock-order faults make; longer ones are found by following on.
    for start in 0..parts.len().min(200) {
        let mut paths: Vec<Vec<usize>> = vec![vec![start]];
        for _ in 0..4 {
            let mut longer = Vec::new();
            for path in &paths {
                let Some(wanted) = parts[path[path.len() - 1]].1 else { continue };
                for step in next(wanted) {
                    if step == start && path.len() > 1 {
                        return Some(path.iter().map(|&at| parts[at].0).collect());
                    }
                    if !path.contains(&step) && longer.len() < 64 {
                        let mut extended = path.clone();
                        extended.push(step);
                        longer.push(extended);
                    }
                }
            }
            paths = longer;
        }
    }
    None
}

/// A lock at `address` lies inside the object at `object`: no further in than a struct usually is large.
fn inside(address: u64, object: u64) -> bool {
    (object..object.saturating_add(1024)).contains(&address)
}
