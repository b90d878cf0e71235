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
    /// What its file names begin with.
    pub lead: String,
    /// The dump's path in the bundle, which its file names tell too; empty for a profile.
    pub path: String,
    /// What stands above the graph.
    pub title: String,
    /// What is counted.
    pub unit: String,
    /// Its stacks.
    pub folded: Folded,
}

impl Picture {
    /// File name without its ending.
    pub fn stem(&self) -> String {
        let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' };
        let path: String = self.path.chars().map(plain).collect();
        format!("{}-{}", self.lead, path.trim_matches(['-', '.'])).trim_end_matches('-').to_owned()
    }

    /// The flame graph; `None` where there is nothing to draw.
    pub fn svg(&self) -> Option<String> {
        flamegraph::svg(&self.folded, &self.title, &self.unit, flamegraph::Direction::Up)
    }
}

/// All pictures of a case: profiles first, then dumps, in the order of the report. One at a time: those of a large
/// profile are large.
pub fn all(case: &Case) -> impl Iterator<Item = Picture> {
    let profiles = case.profiles.iter().enumerate().map(|(index, placed)| {
        let lead = profile_id(index, kind_word(placed.what.kind), &placed.what.event);
        let title = format!("{} ({})", placed.what.event, case.path(placed.artifact));
        let folded = stacks::folded(&case.tables, &placed.what, Naming::MARKED);
        Picture { lead, path: String::new(), title, unit: placed.what.unit.clone(), folded }
    });
    let dumps = case.snapshots.iter().enumerate().map(|(index, placed)| {
        let path = case.path(placed.artifact);
        let lead = format!("{:02}-threads", case.profiles.len() + index + 1);
        let title = format!("{} threads by reason ({path})", units::number(placed.what.total() as f64));
        Picture { lead, path: path.to_owned(), title, unit: "threads".to_owned(), folded: snapshot(case, placed) }
    });
    profiles.chain(dumps)
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
