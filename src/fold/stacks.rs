//! The stacks of a profile as folded text names them.

use crate::report::folded::{Builder, Folded};
use postmortem_parsers::evidence::{Profile, ProfileThread};
use postmortem_parsers::tables::{FrameKind, StackId, Tables};
use rustc_hash::FxHashMap;

/// What the names of threads and frames say besides the name.
#[derive(Clone, Copy, Debug, Default)]
pub struct Naming {
    /// `-PID` behind the name of a process.
    pub pid: bool,
    /// `-PID/TID` behind the name of a process.
    pub tid: bool,
    /// `_[k]` behind kernel functions.
    pub kernel: bool,
    /// `_[j]` behind functions compiled at run time.
    pub jit: bool,
}

impl Naming {
    /// Frames with their marks, threads by their names.
    pub const MARKED: Naming = Naming { pid: false, tid: false, kernel: true, jit: true };

    /// What is put behind the name of a frame that is no ordinary code.
    fn mark(self, kind: FrameKind) -> &'static str {
        match kind {
            FrameKind::Kernel if self.kernel => "_[k]",
            FrameKind::Jit if self.jit => "_[j]",
            FrameKind::Inlined => "_[i]",
            _ => "",
        }
    }

    /// The name of a thread.
    pub fn thread(self, tables: &Tables, thread: &ProfileThread) -> String {
        let comm = tables.text(thread.comm);
        // Where only a thread id is printed, the process is not known.
        let pid = if thread.pid == 0 { "?".to_owned() } else { thread.pid.to_string() };
        match self {
            Naming { tid: true, .. } => format!("{comm}-{pid}/{}", thread.tid),
            Naming { pid: true, .. } => format!("{comm}-{pid}"),
            _ => comm.to_owned(),
        }
    }
}

/// The stacks of a profile below the names of their threads, where they have names and there are several.
pub fn folded(tables: &Tables, profile: &Profile, naming: Naming) -> Folded {
    let mut builder = Builder::default();
    let several = profile.threads.len() > 1;
    let named = |thread: &ProfileThread| several || thread.tid != 0 || thread.pid != 0;
    let threads: Vec<(u32, u32)> = profile
        .threads
        .iter()
        .map(|thread| {
            let name = naming.thread(tables, thread);
            (builder.root(if named(thread) { &name } else { "" }), builder.root(&name))
        })
        .collect();
    let mut stacks: FxHashMap<StackId, u32> = FxHashMap::default();
    for row in &profile.rows {
        let (root, of_empty) = threads.get(row.thread as usize).copied().unwrap_or_else(|| (builder.root(""), 0));
        let root = if row.stack == StackId::EMPTY { of_empty } else { root };
        let stack = *stacks.entry(row.stack).or_insert_with(|| {
            builder.stack(tables.stack_frames(row.stack).iter().rev().map(|&frame| {
                let detail = tables.get_frame(frame);
                (tables.text(detail.function), naming.mark(detail.kind))
            }))
        });
        builder.add(root, stack, row.weight.max(0.0).round() as u64);
    }
    builder.finish()
}
