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
    /// File name without its ending.
    pub stem: String,
    /// Its stacks.
    pub folded: Folded,
    /// Flame graph; `None` where there is nothing to draw.
    pub svg: Option<String>,
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
        let stem = format!("{:02}-threads-{}", case.profiles.len() + index + 1, file_name(path));
        let title = format!("{} threads by reason ({path})", units::number(placed.what.total() as f64));
        picture(stem, &title, "threads", snapshot(case, placed))
    });
    profiles.chain(dumps)
}

/// A name that is harmless as that of a file.
fn file_name(name: &str) -> String {
    let clean: String = name.chars().map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' }).collect();
    clean.trim_matches(['-', '.']).to_owned()
}

/// The whole profile, then its busiest threads where it has threads of several names.
fn of_profile(case: &Case, index: usize, placed: &Placed<Profile>) -> Vec<Picture> {
    let profile = &placed.what;
    let (path, unit) = (case.path(placed.artifact), &profile.unit);
    let stem = profile_id(index, kind_word(profile.kind), &profile.event);
    let folded = stacks::folded(&case.tables, profile, Naming::MARKED);
    let several = index < MOST_PROFILES && folded.root_count() > 1;
    let roots = if several { folded.heaviest_roots(LEAST_SHARE) } else { Vec::new() };
    let threads = roots.into_iter().take(MOST_THREADS).enumerate().map(|(nth, root)| {
        let name = folded.root(root);
        let title = format!("{} of {name} ({path})", profile.event);
        picture(format!("{stem}-{}-{}", nth + 1, file_name(name)), &title, unit, folded.of_root(root))
    });
    let threads: Vec<Picture> = threads.collect();
    let whole = picture(stem, &format!("{} ({path})", profile.event), unit, folded);
    std::iter::once(whole).chain(threads).collect()
}

fn picture(stem: String, title: &str, unit: &str, folded: Folded) -> Picture {
    let svg = flamegraph::svg(&folded, title, unit, flamegraph::Direction::Up, flamegraph::Form::Interactive);
    Picture { stem, svg, folded }
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
