//! Which Python threads wait for a lock. CPython's locks are C: a thread that waits at a `with` line shows that line and
//! nothing of the lock. What tells is how the waiting threads stand to each other.

use super::code;
use super::names;
use super::threads::Known;
use postmortem_parsers::evidence::{ObjectRole, Runtime, Snapshot};
use postmortem_parsers::tables::{FrameId, Tables};
use std::collections::{BTreeMap, BTreeSet};

/// Gives the reason `mutex` to the threads of a snapshot that are seen to wait for each other's locks.
pub fn mark(tables: &Tables, snapshot: &Snapshot, threads: &mut [Known<'_>]) {
    let waiting: Vec<usize> = (0..threads.len()).filter(|&index| waits_in_c(tables, &threads[index])).collect();
    let mut locked = circle_of_objects(snapshot, threads, &waiting);
    if locked.is_empty() {
        locked = nested_calls(tables, threads, &waiting);
    }
    if locked.is_empty() {
        locked = behind_one_past(tables, threads, &waiting);
    }
    for index in locked {
        threads[index].reason = "mutex";
    }
}

/// Whether a thread waits in a C function that user code called: a lock, but also `time.sleep` or `recv`.
fn waits_in_c(tables: &Tables, known: &Known<'_>) -> bool {
    let Some(&innermost) = tables.stack_frames(known.thread.stack).first() else { return false };
    known.reason == "unknown"
        && !known.is_idle()
        && code::is_user(tables, innermost, Runtime::Python)
        && !names::waits_for_peer_or_time(tables.function(innermost))
}

/// The objects whose methods a thread is in, where the dump prints them: the innermost, and those further out.
pub fn objects(snapshot: &Snapshot, known: &Known<'_>) -> Option<(u64, BTreeSet<u64>)> {
    let mut own = snapshot.objects_of(known.thread).iter().filter(|object| object.role == ObjectRole::Argument);
    let inner = own.next()?.object;
    Some((inner, own.map(|object| object.object).filter(|object| *object != inner).collect()))
}

/// Threads that wait in methods of objects which the others of them are in further out, until the circle closes; and
/// those that wait in methods of the same objects.
fn circle_of_objects(snapshot: &Snapshot, threads: &[Known<'_>], waiting: &[usize]) -> BTreeSet<usize> {
    let all: BTreeMap<usize, (u64, BTreeSet<u64>)> =
        waiting.iter().filter_map(|&index| Some((index, objects(snapshot, &threads[index])?))).collect();
    let mut inside = all.clone();
    // Whoever nobody waits for, or who waits for nobody, is not of the circle.
    loop {
        let held: BTreeSet<u64> = inside.values().flat_map(|(_, outer)| outer).copied().collect();
        let wanted: BTreeSet<u64> = inside.values().map(|(inner, _)| *inner).collect();
        let before = inside.len();
        inside.retain(|_, (inner, outer)| held.contains(inner) && !outer.is_disjoint(&wanted));
        if inside.len() == before {
            break;
        }
    }
    let objects: BTreeSet<u64> = inside.values().map(|(inner, _)| *inner).collect();
    all.into_iter().filter(|(_, (inner, _))| objects.contains(inner)).map(|(index, _)| index).collect()
}

/// Threads that wait in a function which another function of the same class or file called, together with threads that
/// wait in other functions of it: what the two share is a lock.
fn nested_calls(tables: &Tables, threads: &[Known<'_>], waiting: &[usize]) -> BTreeSet<usize> {
    let mut by_domain: BTreeMap<(&str, &str), BTreeMap<FrameId, Vec<usize>>> = BTreeMap::new();
    for &index in waiting {
        let frame = tables.stack_frames(threads[index].thread.stack)[0];
        by_domain.entry(domain(tables, frame)).or_default().entry(frame).or_default().push(index);
    }
    let mut locked = BTreeSet::new();
    for ((_, class), places) in by_domain {
        let is_nested = |index: &usize| {
            let frames = tables.stack_frames(threads[*index].thread.stack);
            let caller = frames.get(1).filter(|&&caller| code::is_user(tables, caller, Runtime::Python));
            caller.is_some_and(|&caller| {
                domain(tables, caller) == domain(tables, frames[0])
                    && tables.function(caller) != tables.function(frames[0])
            })
        };
        let (nested, flat): (Vec<_>, Vec<_>) =
            places.into_values().partition(|all| all.len() >= 2 && all.iter().all(is_nested));
        // A file holds much that has nothing to do with the lock: there it takes a crowd, and one place alone.
        let others: Vec<Vec<usize>> = flat.into_iter().filter(|all| !class.is_empty() || all.len() >= 2).collect();
        if nested.len() == 1 && !others.is_empty() {
            locked.extend(nested.into_iter().chain(others).flatten());
        }
    }
    locked
}

/// A crowd that waits at one line of a function which one thread alone is in at a later line: that one has the lock. It
/// is stuck with the crowd when it waits too, and so does a thread of the same file that is as deep in calls.
fn behind_one_past(tables: &Tables, threads: &[Known<'_>], waiting: &[usize]) -> BTreeSet<usize> {
    const LEAST: usize = 3;
    let frames = |index: usize| tables.stack_frames(threads[index].thread.stack);
    let mut places: BTreeMap<FrameId, Vec<usize>> = BTreeMap::new();
    for &index in waiting {
        places.entry(frames(index)[0]).or_default().push(index);
    }
    let mut locked = BTreeSet::new();
    for (place, crowd) in places.into_iter().filter(|(_, crowd)| crowd.len() >= LEAST) {
        let at = tables.get_frame(place);
        let is_past = |index: &usize| {
            let later = |frame: &FrameId| {
                let frame = tables.get_frame(*frame);
                (frame.function, frame.file) == (at.function, at.file) && frame.line > at.line
            };
            frames(*index).iter().any(later)
        };
        let past: Vec<usize> = (0..threads.len()).filter(is_past).collect();
        let [holder] = past[..] else { continue };
        locked.extend(crowd.iter().copied());
        let is_deep = |index: &usize| {
            let caller = frames(*index).get(1).filter(|&&caller| code::is_user(tables, caller, Runtime::Python));
            caller.is_some_and(|&caller| {
                domain(tables, caller).0 == tables.text(at.file) && tables.function(caller) != "<module>"
            })
        };
        let others: Vec<usize> = waiting.iter().copied().filter(|index| !crowd.contains(index)).collect();
        let stuck: Vec<usize> = others.into_iter().filter(is_deep).collect();
        if stuck.contains(&holder) && stuck.len() == 2 {
            locked.extend(stuck);
        }
    }
    locked
}

/// The class of a method with its file; the file alone where only the function's own name is printed.
pub fn domain(tables: &Tables, frame: FrameId) -> (&str, &str) {
    let place = tables.get_frame(frame);
    let class = tables.text(place.function).rsplit_once('.').map_or("", |(class, _)| class);
    (tables.text(place.file), class)
}
