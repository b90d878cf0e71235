//! Differential flame graphs of a comparison, in both directions.

use super::Comparison;
use super::model::{Change, ProfileDiff};
use super::names::identity;
use super::profiles::Pair;
use crate::report::diff_flamegraph::{Width, svg};
use crate::report::folded::Folded;
use std::collections::HashSet;

/// A file.
#[derive(Debug)]
pub struct Picture {
    /// File name.
    pub name: String,
    /// What is in it.
    pub text: String,
}

/// All pictures, one at a time: for each profile `ID.after.svg` and `ID.before.svg`, by whose weights are the widths,
/// and the stacks of both as `ID.folded`, with two numbers a line.
pub fn all(comparison: &Comparison<'_>) -> impl Iterator<Item = Picture> {
    comparison.diff.profiles.iter().zip(&comparison.pairs).flat_map(|(diff, pair)| of(diff, pair))
}

fn of(diff: &ProfileDiff, pair: &Pair<'_>) -> Vec<Picture> {
    let (before, after) = (pair.before.folded(), pair.after.folded());
    let changed: HashSet<&str> = diff
        .functions
        .iter()
        .filter(|function| function.verdict != Change::Same)
        .map(|function| function.function.as_str())
        .collect();
    let changed = |leaf: &str| changed.contains(identity(leaf).as_ref());
    let ratio = pair.rest_in_weight(diff);
    let said = "only functions that changed beyond chance are coloured: red more, blue less";
    let title = |side: &str| format!("{}, widths of {side}; {said}", pair.event);
    let up = svg((&after, &before), &title("AFTER"), &pair.unit, Width::After, ratio, &changed);
    let down = svg((&before, &after), &title("BEFORE"), &pair.unit, Width::Before, 1.0 / ratio, &changed);
    let drawn = [("after", up), ("before", down)];
    let mut all: Vec<Picture> = drawn
        .into_iter()
        .filter_map(|(side, svg)| svg.map(|text| Picture { name: format!("{}.{side}.svg", diff.id), text }))
        .collect();
    all.push(Picture { name: format!("{}.folded", diff.id), text: columns(&before, &after) });
    all
}

/// Both sides as `stack before after`, as difffolded.pl writes them.
fn columns(before: &Folded, after: &Folded) -> String {
    let mut stacks: std::collections::BTreeMap<(&str, &str), (u64, u64)> = std::collections::BTreeMap::new();
    before.iter().for_each(|(root, stack, weight)| stacks.entry((root, stack)).or_default().0 += weight);
    after.iter().for_each(|(root, stack, weight)| stacks.entry((root, stack)).or_default().1 += weight);
    stacks.into_iter().map(|((root, stack), (was, is))| format!("{root}{stack} {was} {is}\n")).collect()
}
