//! Folded stacks and flame graphs of every profile and of the stacks of every dump.

use crate::case::{Case, Placed};
use crate::diagnosis::profiles::profile_id;
use crate::fold::stacks::{self, Naming};
use crate::passes::hotspots::kind_word;
use crate::passes::reason;
use crate::report::folded::{Builder, Folded};
use crate::report::{flamegraph, units};
use postmortem_parsers::evidence::{Profile, Snapshot};

/// The files of one profile or dump.
#[derive(Debug)]
pub struct Picture {
    /// What its file names begin with.
    pub lead: String,
    /// What its file names tell too: the path of a dump in the bundle, the name of a thread; empty for a whole profile.
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
        flamegraph::svg(&self.folded, &self.title, &self.unit, flamegraph::Direction::Up, flamegraph::Form::Interactive)
    }
}

/// Threads, by name, of a profile that have a picture of their own.
const MOST_THREADS: usize = 3;
/// A thread with a smaller share of its profile has none.
const LEAST_SHARE: f64 = 0.05;
/// Profiles whose threads have pictures of their own.
const MOST_PROFILES: usize = 4;

/// All pictures of a case: profiles first, each with its busiest threads, then dumps, in the order of the report. One
/// at a time: those of a large profile are large.
pub fn all(case: &Case) -> impl Iterator<Item = Picture> {
    let profiles = case.profiles.iter().enumerate().flat_map(|(index, placed)| of_profile(case, index, placed));
    let dumps = case.snapshots.iter().enumerate().map(|(index, placed)| {
        let path = case.path(placed.artifact);
        let lead = format!("{:02}-threads", case.profiles.len() + index + 1);
        let title = format!("{} threads by reason ({path})", units::number(placed.what.total() as f64));
        Picture { lead, path: path.to_owned(), title, unit: "threads".to_owned(), folded: snapshot(case, placed) }
    });
    profiles.chain(dumps)
}

/// The whole profile, then its busiest threads where it has threads of several names.
fn of_profile(case: &Case, index: usize, placed: &Placed<Profile>) -> Vec<Picture> {
    let profile = &placed.what;
    let (path, unit) = (case.path(placed.artifact), &profile.unit);
    let lead = profile_id(index, kind_word(profile.kind), &profile.event);
    let folded = stacks::folded(&case.tables, profile, Naming::MARKED);
    let several = index < MOST_PROFILES && folded.root_count() > 1;
    let roots = if several { folded.heaviest_roots(LEAST_SHARE) } else { Vec::new() };
    let threads = roots.into_iter().take(MOST_THREADS).enumerate().map(|(nth, root)| {
        let name = folded.root(root);
        let title = format!("{} of {name} ({path})", profile.event);
        Picture {
            lead: format!("{lead}-{}", nth + 1),
            path: name.to_owned(),
            title,
            unit: unit.clone(),
            folded: folded.of_root(root),
        }
    });
    let threads: Vec<Picture> = threads.collect();
    let title = format!("{} ({path})", profile.event);
    let whole = Picture { lead, path: String::new(), title, unit: unit.clone(), folded };
    std::iter::once(whole).chain(threads).collect()
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
