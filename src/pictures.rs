//! Folded stacks and flame graphs of every profile and of the stacks of every dump.

use crate::case::{Case, Placed};
use crate::diagnosis::profiles::{frame_label, profile_id, thread_label};
use crate::passes::hotspots::kind_word;
use crate::passes::reason;
use crate::report::folded::{self, StackLine};
use crate::report::{flamegraph, units};
use postmortem_parsers::evidence::{Profile, Snapshot};
use rayon::prelude::*;

/// The files of one profile or dump.
#[derive(Debug)]
pub struct Picture {
    /// File name without its ending.
    pub stem: String,
    /// Folded text, sorted.
    pub folded: String,
    /// Flame graph; `None` where there is nothing to draw.
    pub svg: Option<String>,
}

/// All pictures of a case: profiles first, then dumps, in the order of the report.
pub fn all(case: &Case) -> Vec<Picture> {
    let profiles = (0..case.profiles.len()).into_par_iter().map(|index| {
        let placed = &case.profiles[index];
        let stem = profile_id(index, kind_word(placed.what.kind), &placed.what.event);
        let title = format!("{} ({})", placed.what.event, case.path(placed.artifact));
        picture(stem, &title, &placed.what.unit, profile_lines(case, placed))
    });
    let dumps = (0..case.snapshots.len()).into_par_iter().map(|index| {
        let placed = &case.snapshots[index];
        let path = case.path(placed.artifact);
        let clean: String = path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let stem = format!("{:02}-threads-{}", case.profiles.len() + index + 1, clean.trim_matches(['-', '.']));
        let title = format!("{} threads by reason ({path})", units::number(placed.what.total() as f64));
        picture(stem, &title, "threads", snapshot_lines(case, placed))
    });
    profiles.chain(dumps).collect()
}

fn picture(stem: String, title: &str, unit: &str, lines: Vec<StackLine>) -> Picture {
    let stacks = folded::fold(lines.into_iter());
    Picture { stem, svg: flamegraph::svg(&stacks, title, unit), folded: folded::write(&stacks) }
}

fn profile_lines(case: &Case, placed: &Placed<Profile>) -> Vec<StackLine> {
    let profile = &placed.what;
    profile
        .rows
        .iter()
        .map(|row| {
            let mut frames: Vec<String> = thread_label(case, profile, row).map(str::to_owned).into_iter().collect();
            let stack = case.tables.stack_frames(row.stack).iter().rev();
            frames.extend(stack.map(|&frame| frame_label(case, frame).into_owned()));
            if frames.is_empty() {
                frames.push("[no stack]".to_owned());
            }
            StackLine { frames, weight: row.weight.max(0.0).round() as u64 }
        })
        .collect()
}

fn snapshot_lines(case: &Case, placed: &Placed<Snapshot>) -> Vec<StackLine> {
    let snapshot = &placed.what;
    snapshot
        .threads
        .iter()
        .map(|thread| {
            let by_frames = reason::from_frames(&case.tables, thread.stack, snapshot.runtime);
            let reason = reason::of_thread(&case.tables, thread, snapshot.runtime, by_frames);
            let mut frames = vec![reason.to_owned()];
            frames.extend(case.tables.functions(thread.stack).rev().map(str::to_owned));
            StackLine { frames, weight: u64::from(thread.count) }
        })
        .collect()
}
