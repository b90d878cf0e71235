//! Folded stacks and flame graphs of every profile and of the stacks of every dump.

use crate::case::{Case, Placed};
use crate::diagnosis::profiles::profile_id;
use crate::fold::stacks::{self, Naming};
use crate::passes::hotspots::kind_word;
use crate::passes::reason;
use crate::report::folded::{Builder, Folded};
use crate::report::{flamegraph, units};
use postmortem_parsers::evidence::Snapshot;

/// The files of one profile or dump.
#[derive(Debug)]
pub struct Picture {
    /// File name without its ending.
    pub stem: String,
    /// Its stacks.
    pub folded: Folded,
    /// Flame graph; `None` where there is nothing to draw.
    pub svg: Option<String>,
}

/// All pictures of a case: profiles first, then dumps, in the order of the report. One at a time: those of a large
/// profile are large.
pub fn all(case: &Case) -> impl Iterator<Item = Picture> {
    let profiles = case.profiles.iter().enumerate().map(|(index, placed)| {
        let stem = profile_id(index, kind_word(placed.what.kind), &placed.what.event);
        let title = format!("{} ({})", placed.what.event, case.path(placed.artifact));
        picture(stem, &title, &placed.what.unit, stacks::folded(&case.tables, &placed.what, Naming::MARKED))
    });
    let dumps = case.snapshots.iter().enumerate().map(|(index, placed)| {
        let path = case.path(placed.artifact);
        let clean: String = path.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
        let stem = format!("{:02}-threads-{}", case.profiles.len() + index + 1, clean.trim_matches(['-', '.']));
        let title = format!("{} threads by reason ({path})", units::number(placed.what.total() as f64));
        picture(stem, &title, "threads", snapshot(case, placed))
    });
    profiles.chain(dumps)
}

fn picture(stem: String, title: &str, unit: &str, folded: Folded) -> Picture {
    Picture { stem, svg: flamegraph::svg(&folded, title, unit, flamegraph::Direction::Up), folded }
}

/// The stacks of a dump below the reasons why their threads wait.
fn snapshot(case: &Case, placed: &Placed<Snapshot>) -> Folded {
    let snapshot = &placed.what;
    let mut builder = Builder::default();
    for thread in &snapshot.threads {
        let by_frames = reason::from_frames(&case.tables, thread.stack, snapshot.runtime);
        let root = builder.root(reason::of_thread(&case.tables, thread, snapshot.runtime, by_frames));
        let stack = builder.stack(case.tables.functions(thread.stack).rev().map(|name| (name, "")));
        builder.add(root, stack, u64::from(thread.count));
    }
    builder.finish()
}
