//! Dumps of threads and goroutines on both sides: which groups came, went, grew and shrank.

use super::model::{Change, Count, GroupDiff, ReasonDiff, ThreadsDiff};
use super::names;
use super::noise::{corrected, exact};
use super::subjects::Subjects;
use crate::case::Case;
use crate::passes::threads::{Census, Known, Population};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Share of false alarms among the changes that are called, at most.
const ALPHA: f64 = 0.01;
/// Threads come and go in batches: so many count as one that does so alone.
const BATCH: f64 = 3.0;
/// A change is at least this many threads,
const LEAST: u64 = 3;
/// and at least this share of the larger side.
const LEAST_RELATIVE: f64 = 0.2;
/// From so many dumps on each side, what they range over decides.
const RANGE_DUMPS: usize = 3;
/// Groups that are listed though they did not change.
const MOST_SAME: usize = 20;
/// Frames of a stack that are kept.
const MOST_FRAMES: usize = 60;

/// Reason, frames innermost first, creator.
type Key = (&'static str, Vec<String>, Option<String>);

/// What a group is on either side.
#[derive(Clone, Default)]
struct Group {
    /// Its size in each dump before and after.
    sizes: [Vec<u64>; 2],
    place: String,
    busy: bool,
}

/// Compares the populations of two cases.
pub fn diff(
    before: (&Case, &[Population<'_>]),
    after: (&Case, &[Population<'_>]),
    subjects: &Subjects,
) -> (Vec<ThreadsDiff>, Vec<String>) {
    let mut all = Vec::new();
    let mut alone = Vec::new();
    let mut left: Vec<&Population<'_>> = before.1.iter().collect();
    for own in after.1 {
        let fits = |other: &&Population<'_>| {
            other.runtime == own.runtime && subjects.before(own.subject) == Some(other.subject)
        };
        let name = &after.0.subjects[own.subject as usize].name;
        match left.iter().position(fits) {
            Some(at) => all.push(pair((before.0, left.remove(at)), (after.0, own), name)),
            None => alone.push(format!("threads of {name} are only in AFTER")),
        }
    }
    let name = |other: &Population<'_>| &before.0.subjects[other.subject as usize].name;
    alone.extend(left.into_iter().map(|other| format!("threads of {} are only in BEFORE", name(other))));
    (all, alone)
}

fn pair(before: (&Case, &Population<'_>), after: (&Case, &Population<'_>), process: &str) -> ThreadsDiff {
    let mut groups: BTreeMap<Key, Group> = BTreeMap::new();
    let dumps = [before.1.censuses.len(), after.1.censuses.len()];
    for (side, (case, population)) in [before, after].into_iter().enumerate() {
        for (nth, census) in population.censuses.iter().enumerate() {
            gather(case, census, |key, known, place| {
                let group = groups.entry(key).or_default();
                group.sizes[side].resize(dumps[side], 0);
                group.sizes[side][nth] += u64::from(known.thread.count);
                group.busy |= !known.is_idle();
                if group.place.is_empty() {
                    group.place = place;
                }
            });
        }
    }
    groups.values_mut().for_each(|group| (0..2).for_each(|side| group.sizes[side].resize(dumps[side], 0)));
    let sum = |of: &mut dyn Iterator<Item = &Group>| {
        let mut sizes = [vec![0; dumps[0]], vec![0; dumps[1]]];
        for group in of {
            for (sums, own) in sizes.iter_mut().zip(&group.sizes) {
                sums.iter_mut().zip(own).for_each(|(sum, size)| *sum += size);
            }
        }
        sizes
    };
    let total = counts(&[sum(&mut groups.values())])[0];
    let mut by_reason: BTreeMap<&str, Vec<&Group>> = BTreeMap::new();
    groups.iter().for_each(|((reason, ..), group)| by_reason.entry(reason).or_default().push(group));
    let sizes: Vec<_> = by_reason.values().map(|groups| sum(&mut groups.iter().copied())).collect();
    let mut reasons: Vec<ReasonDiff> = by_reason
        .keys()
        .zip(counts(&sizes))
        .map(|(reason, count)| ReasonDiff { reason: (*reason).to_owned(), count })
        .collect();
    reasons.sort_by(|a, b| order(&a.count).cmp(&order(&b.count)).then_with(|| a.reason.cmp(&b.reason)));
    let sizes: Vec<_> = groups.values().map(|group| group.sizes.clone()).collect();
    let mut groups: Vec<GroupDiff> = (groups.into_iter().zip(counts(&sizes)))
        .map(|(((reason, frames, created_by), group), count)| GroupDiff {
            reason: reason.to_owned(),
            count,
            place: group.place,
            frames,
            created_by,
            idle: !group.busy,
        })
        .collect();
    groups.sort_by(|a, b| order(&a.count).cmp(&order(&b.count)).then_with(|| a.frames.cmp(&b.frames)));
    let changed = groups.iter().filter(|group| group.count.verdict != Change::Same).count();
    let unlisted = groups.len().saturating_sub(changed + MOST_SAME) as u64;
    groups.truncate(changed + MOST_SAME);
    ThreadsDiff {
        process: process.to_owned(),
        runtime: after.1.runtime.as_str().to_owned(),
        dumps: (dumps[0] as u64, dumps[1] as u64),
        total,
        reasons,
        groups,
        unlisted,
    }
}

/// Changed ones first, by the size of the change; then the largest.
fn order(count: &Count) -> (bool, Reverse<u64>, Reverse<u64>) {
    (count.verdict == Change::Same, Reverse(count.before.abs_diff(count.after)), Reverse(count.after))
}

fn gather(case: &Case, census: &Census<'_>, mut give: impl FnMut(Key, &Known<'_>, String)) {
    let name = |frame| names::identity(case.tables.function(frame)).into_owned();
    for known in &census.threads {
        let frames = case.tables.stack_frames(known.thread.stack).iter().take(MOST_FRAMES).map(|&frame| name(frame));
        let key = (known.reason, frames.collect(), known.thread.created_by.map(name));
        give(key, known, known.stack.site.map(name).unwrap_or_default());
    }
}

/// What became of groups of these sizes, corrected for their number.
fn counts(sizes: &[[Vec<u64>; 2]]) -> Vec<Count> {
    let newest = |sizes: &[u64]| sizes.last().copied().unwrap_or(0);
    let chances: Vec<f64> = sizes
        .iter()
        .map(|[before, after]| exact(newest(before) as f64 / BATCH, newest(after) as f64 / BATCH, 1.0))
        .collect();
    sizes.iter().zip(corrected(&chances)).map(|([before, after], q)| count(before, after, q)).collect()
}

fn count(before: &[u64], after: &[u64], q: f64) -> Count {
    let range = |sizes: &[u64]| (sizes.iter().min().copied().unwrap_or(0), sizes.iter().max().copied().unwrap_or(0));
    let newest = |sizes: &[u64]| sizes.last().copied().unwrap_or(0);
    let (first, last) = (newest(before), newest(after));
    let (range_before, range_after) = (range(before), range(after));
    let apart = range_before.1 < range_after.0 || range_after.1 < range_before.0;
    let many = before.len() >= RANGE_DUMPS && after.len() >= RANGE_DUMPS;
    let large = first.abs_diff(last) >= LEAST && first.abs_diff(last) as f64 >= LEAST_RELATIVE * first.max(last) as f64;
    let changed = large && apart && (q < ALPHA || many);
    let verdict = match (changed, last > first) {
        (false, _) => Change::Same,
        (true, true) if range_before.1 == 0 => Change::Appeared,
        (true, true) => Change::Grew,
        (true, false) if range_after.1 == 0 => Change::Vanished,
        (true, false) => Change::Shrank,
    };
    Count { verdict, before: first, after: last, range_before, range_after }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(before: &[u64], after: &[u64]) -> Change {
        counts(&[[before.to_vec(), after.to_vec()]])[0].verdict
    }

    #[test]
    fn a_few_threads_more_are_nothing_and_a_crowd_is() {
        for (before, after) in [(0, 1), (1, 0), (3, 9), (0, 12), (100, 118), (1_000, 1_100)] {
            assert_eq!(verdict(&[before], &[after]), Change::Same, "{before} {after}");
        }
        assert_eq!(verdict(&[0], &[40]), Change::Appeared);
        assert_eq!(verdict(&[40], &[0]), Change::Vanished);
        assert_eq!(verdict(&[12], &[300]), Change::Grew);
        assert_eq!(verdict(&[1_000], &[400]), Change::Shrank);
    }

    #[test]
    fn several_dumps_tell_what_is_usual() {
        assert_eq!(verdict(&[8, 8, 8], &[16, 16, 16]), Change::Grew);
        assert_eq!(verdict(&[8, 17, 8], &[16, 16, 16]), Change::Same);
        assert_eq!(verdict(&[10, 400, 10], &[300]), Change::Same);
    }
}
