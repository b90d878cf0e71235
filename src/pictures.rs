//! Folded stacks and flame graphs of every profile and of the stacks of every dump.

use crate::case::{Case, Placed};
use crate::diagnosis::assemble::profile_id;
use crate::passes::hotspots::kind_word;
use crate::passes::reason;
use crate::report::folded::{Builder, Folded};
use crate::report::{flamegraph, units};
use postmortem_parsers::evidence::{Profile, Snapshot};
use postmortem_parsers::tables::{FrameKind, StackId, Tables};
use rustc_hash::FxHashMap;

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
        picture(stem, &title, &placed.what.unit, profile(&case.tables, &placed.what))
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
    Picture { stem, svg: flamegraph::svg(&folded, title, unit), folded }
}

/// The stacks of a profile below the names of their threads, where it has several.
fn profile(tables: &Tables, profile: &Profile) -> Folded {
    let mut builder = Builder::default();
    let several = profile.threads.len() > 1;
    let mut stacks: FxHashMap<StackId, u32> = FxHashMap::default();
    for row in &profile.rows {
        let thread = profile.threads.get(row.thread as usize);
        let comm = thread.map_or("", |thread| tables.text(thread.comm));
        let named = several || row.stack == StackId::EMPTY || thread.is_some_and(|thread| thread.tid != 0);
        let root = builder.root(if named { comm } else { "" });
        let stack = *stacks.entry(row.stack).or_insert_with(|| {
            builder.stack(tables.stack_frames(row.stack).iter().rev().map(|&frame| {
                let detail = tables.get_frame(frame);
                (tables.text(detail.function), mark(detail.kind))
            }))
        });
        builder.add(root, stack, row.weight.max(0.0).round() as u64);
    }
    builder.finish()
}

/// What is put behind the name of a frame that is no ordinary code.
fn mark(kind: FrameKind) -> &'static str {
    match kind {
        FrameKind::Kernel => "_[k]",
        FrameKind::Jit => "_[j]",
        FrameKind::Inlined => "_[i]",
        FrameKind::User | FrameKind::Native => "",
    }
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
