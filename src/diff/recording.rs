//! One side of a profile, summed up by function.

use super::names;
use super::noise::{BLOCKS, Measure, Whole};
use crate::case::{Case, Placed};
use crate::passes::code;
use crate::report::folded::{Builder, Folded};
use postmortem_parsers::evidence::{Profile, ProfileKind, ProfileRow, Runtime};
use postmortem_parsers::tables::{FrameId, StackId};
use std::collections::BTreeMap;

/// Bytes between two samples of Go's heap profiles, and of most others.
const HEAP_PERIOD: f64 = 524_288.0;
/// Folded numbers that are all larger than this are no counts.
const SMALLEST_TIME: f64 = 10_000.0;
/// Slots of time that a recording must have, for blocks that are made of them.
const FEWEST_SLOTS: u64 = 2 * BLOCKS as u64;

/// What a function costs.
#[derive(Clone, Debug, Default)]
pub struct Function {
    /// Samples of which it is the innermost function of the user's own code, or the innermost where there is none.
    pub own: Measure,
    /// Samples of which it is innermost.
    pub itself: Measure,
    /// Samples in which it occurs.
    pub total: Measure,
    /// It is code of the system, the language or a runtime.
    pub library: bool,
}

/// The profiles of one event on one side.
#[derive(Debug)]
pub struct Recording<'a> {
    case: &'a Case,
    profiles: Vec<&'a Placed<Profile>>,
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
    /// All of it.
    pub whole: Whole,
    /// Samples as counted.
    pub samples: u64,
    /// Seconds recorded; `None` where nothing tells.
    pub seconds: Option<f64>,
}

/// A stack with the functions on it by number.
#[derive(Clone, Copy, Debug)]
struct Parts {
    start: usize,
    end: usize,
    leaf: usize,
    owner: usize,
}

impl<'a> Recording<'a> {
    /// Sums up profiles of the same event. There is at least one.
    pub fn of(case: &'a Case, profiles: Vec<&'a Placed<Profile>>) -> Recording<'a> {
        let mut sums = Sums::new(case);
        let timed = profiles.iter().all(|placed| is_timed(&placed.what));
        let (mut samples, mut independent) = (0u64, 0.0);
        for placed in &profiles {
            samples = rows(case, &placed.what).fold(samples, |sum, (_, row)| sum.saturating_add(row.samples));
            independent += independent_samples(case, &placed.what);
            sums.add(&placed.what, timed);
        }
        let spans: Vec<f64> = profiles.iter().map(|placed| span_s(&placed.what)).collect();
        let seconds = spans.iter().all(|span| *span > 0.0).then(|| spans.iter().sum());
        let weight = sums.all.weight;
        let blocks = std::mem::take(&mut sums.all.blocks);
        let whole = Whole { weight, samples: independent, blocks };
        let functions = sums.names.into_iter().map(|(name, index)| (name, std::mem::take(&mut sums.functions[index])));
        Recording { case, functions: functions.collect(), whole, samples, seconds, profiles }
    }

    /// Weight per second.
    pub fn rate(&self, weight: f64) -> Option<f64> {
        self.seconds.map(|seconds| weight / seconds)
    }

    /// Paths of the artifacts.
    pub fn artifacts(&self) -> Vec<String> {
        let mut paths: Vec<String> =
            self.profiles.iter().map(|placed| self.case.path(placed.artifact).to_owned()).collect();
        paths.dedup();
        paths
    }

    /// The stacks below which a function is the owner or innermost, as names outermost first, with their weights.
    pub fn stacks_of(&self, function: &str) -> BTreeMap<Vec<String>, f64> {
        let mut stacks: BTreeMap<Vec<String>, f64> = BTreeMap::new();
        for (_, row) in self.profiles.iter().flat_map(|placed| rows(self.case, &placed.what)) {
            let frames = self.case.tables.stack_frames(row.stack);
            let owner = owner(self.case, frames);
            let place =
                [owner, 0].into_iter().find(|&at| frames.get(at).is_some_and(|&it| named(self.case, it) == function));
            if let Some(at) = place {
                let names = frames[at..].iter().rev().map(|&frame| named(self.case, frame)).collect();
                *stacks.entry(names).or_default() += row.weight;
            }
        }
        stacks
    }
}

impl Recording<'_> {
    /// All stacks, threads together, under the names by which functions are compared.
    pub fn folded(&self) -> Folded {
        let mut builder = Builder::default();
        let root = builder.root("");
        for (_, row) in self.profiles.iter().flat_map(|placed| rows(self.case, &placed.what)) {
            let frames = self.case.tables.stack_frames(row.stack).iter().rev();
            let names: Vec<String> = frames.map(|&frame| named(self.case, frame)).collect();
            let stack = builder.stack(names.iter().map(|name| (name.as_str(), "")));
            builder.add(root, stack, row.weight.round() as u64);
        }
        builder.finish()
    }
}

/// Rows that count: those of the idle task say nothing of the program.
fn rows<'a>(case: &'a Case, profile: &'a Profile) -> impl Iterator<Item = (usize, &'a ProfileRow)> {
    let idle = |row: &ProfileRow| {
        profile.threads.get(row.thread as usize).is_some_and(|thread| {
            thread.tid == 0 && thread.pid == 0 && case.tables.text(thread.comm).starts_with("swapper")
        })
    };
    profile.rows.iter().enumerate().filter(move |(_, row)| row.weight > 0.0 && !idle(row))
}

fn is_timed(profile: &Profile) -> bool {
    profile.over_time.ends().is_some_and(|(first, last)| last - first + 1 >= FEWEST_SLOTS)
}

/// Seconds that a profile covers; 0: not told.
fn span_s(profile: &Profile) -> f64 {
    let over = &profile.over_time;
    let slots = over.ends().map_or(0.0, |(first, last)| (last - first) as f64 * over.slot_s());
    if profile.span_s > 0.0 { profile.span_s } else { slots }
}

/// How many samples were drawn: less than what is counted where a count is an estimate or a measure.
fn independent_samples(case: &Case, profile: &Profile) -> f64 {
    let samples: f64 = rows(case, profile).map(|(_, row)| row.samples as f64).sum();
    let weight: f64 = rows(case, profile).map(|(_, row)| row.weight).sum();
    match (profile.unit.as_str(), profile.kind) {
        ("bytes", _) => samples.min((weight / HEAP_PERIOD).max(1.0)),
        // Folded numbers may be times: then the smallest is about one sample.
        ("samples", ProfileKind::Unknown) => {
            let smallest = rows(case, profile).map(|(_, row)| row.weight).fold(f64::INFINITY, f64::min);
            if smallest >= SMALLEST_TIME { weight / smallest } else { samples }
        }
        _ => samples,
    }
}

/// The name by which a frame's function is compared.
pub fn named(case: &Case, frame: FrameId) -> String {
    let detail = case.tables.get_frame(frame);
    match case.tables.text(detail.function) {
        "" | "[unknown]" => {
            let module = case.tables.text(detail.module);
            format!("[unknown] in {}", module.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("[unknown]"))
        }
        name => names::identity(name).into_owned(),
    }
}

/// Index of the innermost frame of the user's own code, 0 where there is none.
fn owner(case: &Case, frames: &[FrameId]) -> usize {
    frames.iter().position(|&frame| is_user(case, frame)).unwrap_or(0)
}

/// Libraries of the system do not own their cost: whoever calls them does.
fn is_user(case: &Case, frame: FrameId) -> bool {
    let module = case.tables.text(case.tables.get_frame(frame).module);
    let file = module.rsplit('/').next().unwrap_or(module);
    let system = ["libc.", "libc-", "libm.", "libm-", "libpthread", "ld-linux", "libstdc++", "libgcc_s", "libjvm."];
    !system.iter().any(|start| file.starts_with(start)) && code::is_user(&case.tables, frame, Runtime::Unknown)
}

/// Sums in the making.
struct Sums<'a> {
    case: &'a Case,
    names: BTreeMap<String, usize>,
    /// The function of each frame, found when it is first met.
    known: Vec<Option<(usize, bool)>>,
    functions: Vec<Function>,
    parts: BTreeMap<StackId, Parts>,
    members: Vec<usize>,
    all: Measure,
}

impl<'a> Sums<'a> {
    fn new(case: &'a Case) -> Self {
        Sums {
            case,
            names: BTreeMap::new(),
            known: vec![None; case.tables.frame_count()],
            functions: Vec::new(),
            parts: BTreeMap::new(),
            members: Vec::new(),
            all: Measure::default(),
        }
    }

    fn add(&mut self, profile: &Profile, timed: bool) {
        let counted: Vec<Option<Parts>> = {
            let mut counted = vec![None; profile.rows.len()];
            for (index, row) in rows(self.case, profile) {
                counted[index] = Some(self.parts_of(row.stack));
                self.count(counted[index], row.weight);
            }
            counted
        };
        let Some((first, last)) = profile.over_time.ends().filter(|_| timed) else { return };
        let per_slot = BLOCKS as f64 / (last - first + 1) as f64;
        for cell in profile.over_time.cells() {
            let Some(parts) = counted.get(cell.row as usize).copied().flatten() else { continue };
            // A slot that lies in two blocks is divided among them.
            let (from, to) = ((cell.slot - first) as f64 * per_slot, (cell.slot - first + 1) as f64 * per_slot);
            let (low, high) = ((from as usize).min(BLOCKS - 1), (to as usize).min(BLOCKS - 1));
            let above = if high > low { (to - high as f64) / per_slot } else { 0.0 };
            self.place(parts, low, f64::from(cell.weight) * (1.0 - above));
            if above > 0.0 {
                self.place(parts, high, f64::from(cell.weight) * above);
            }
        }
    }

    fn count(&mut self, parts: Option<Parts>, weight: f64) {
        let Some(Parts { start, end, leaf, owner }) = parts else { return };
        self.all.weight += weight;
        self.functions[leaf].itself.weight += weight;
        self.functions[owner].own.weight += weight;
        for index in start..end {
            let member = self.members[index];
            self.functions[member].total.weight += weight;
        }
    }

    fn place(&mut self, parts: Parts, block: usize, weight: f64) {
        let put = |measure: &mut Measure| {
            measure.blocks.resize(BLOCKS, 0.0);
            measure.blocks[block] += weight;
        };
        put(&mut self.all);
        put(&mut self.functions[parts.leaf].itself);
        put(&mut self.functions[parts.owner].own);
        for index in parts.start..parts.end {
            put(&mut self.functions[self.members[index]].total);
        }
    }

    fn parts_of(&mut self, stack: StackId) -> Parts {
        if let Some(parts) = self.parts.get(&stack) {
            return *parts;
        }
        let frames = self.case.tables.stack_frames(stack);
        let start = self.members.len();
        let mut owner = None;
        let mut leaf = None;
        for &frame in frames {
            let (function, user) = self.function(frame);
            leaf = leaf.or(Some(function));
            owner = owner.or(user.then_some(function));
            if !self.members[start..].contains(&function) {
                self.members.push(function);
            }
        }
        let leaf = leaf.unwrap_or_else(|| {
            let none = self.numbered("(no stack)".to_owned());
            self.members.push(none);
            none
        });
        let parts = Parts { start, end: self.members.len(), leaf, owner: owner.unwrap_or(leaf) };
        self.parts.insert(stack, parts);
        parts
    }

    fn function(&mut self, frame: FrameId) -> (usize, bool) {
        if let Some(known) = self.known[frame.index()] {
            return known;
        }
        let found = (self.numbered(named(self.case, frame)), is_user(self.case, frame));
        self.functions[found.0].library |= !found.1;
        self.known[frame.index()] = Some(found);
        found
    }

    fn numbered(&mut self, name: String) -> usize {
        *self.names.entry(name).or_insert_with(|| {
            self.functions.push(Function::default());
            self.functions.len() - 1
        })
    }
}
