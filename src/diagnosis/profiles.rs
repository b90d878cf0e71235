//! What the report says of stack profiles: totals, the hottest functions, and the heaviest stacks for drawing.

use crate::case::{Case, Placed, compare};
use crate::passes::hotspots::{Shares, kind_word};
use crate::report::model::{Hot, ProfileInfo, StackTree};
use crate::report::tree;
use postmortem_parsers::evidence::{Profile, ProfileRow};
use postmortem_parsers::tables::{FrameId, FrameKind};
use rayon::prelude::*;
use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};

/// Profiles whose stacks the report holds.
const MOST_TREES: usize = 12;
/// Deeper frames are left out.
const DEEPEST: usize = 200;

/// The name of a profile's files: its place in the list and what it counts.
pub fn profile_id(index: usize, kind: &str, event: &str) -> String {
    let clean: String = event.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' }).take(40).collect();
    format!("{:02}-{kind}-{}", index + 1, clean.trim_matches('-'))
}

/// The profiles of a case.
pub fn all(case: &Case) -> Vec<ProfileInfo> {
    let drawn = drawn(case);
    case.profiles
        .par_iter()
        .enumerate()
        .map(|(index, placed)| {
            let profile = &placed.what;
            let shares = Shares::of(case, profile);
            let kind = kind_word(profile.kind);
            let share = |weight: f64| if shares.total > 0.0 { weight / shares.total } else { 0.0 };
            let hottest = Shares::ranked(case, &shares.own)
                .into_iter()
                .take(10)
                .map(|(frame, name, own)| Hot {
                    function: name.to_owned(),
                    self_share: share(own),
                    total_share: share(shares.through.get(&frame).copied().unwrap_or(0.0)),
                })
                .collect();
            ProfileInfo {
                id: profile_id(index, kind, &profile.event),
                kind: kind.to_owned(),
                event: profile.event.clone(),
                unit: profile.unit.clone(),
                total: shares.total,
                samples: shares.samples,
                artifact: case.path(placed.artifact).to_owned(),
                hottest,
                files: Vec::new(),
                tree: drawn.contains(&index).then(|| stacks(case, profile)).filter(|tree| !tree.frames.is_empty()),
            }
        })
        .collect()
}

/// Of the profiles that count the same of the same subject, the latest.
fn drawn(case: &Case) -> Vec<usize> {
    let mut latest: BTreeMap<(u32, &str, &str), usize> = BTreeMap::new();
    for (index, placed) in case.profiles.iter().enumerate() {
        let key = (placed.subject, kind_word(placed.what.kind), placed.what.event.as_str());
        let known = latest.entry(key).or_insert(index);
        if compare(case.profiles[*known].at, placed.at).is_le() {
            *known = index;
        }
    }
    let samples = |placed: &Placed<Profile>| placed.what.rows.iter().map(|row| u128::from(row.samples)).sum::<u128>();
    let mut drawn: Vec<usize> = latest.into_values().collect();
    drawn.sort_by_key(|&index| (std::cmp::Reverse(samples(&case.profiles[index])), index));
    drawn.truncate(MOST_TREES);
    drawn
}

/// A frame's name with the mark that flame graphs give to those that are no plain functions.
pub fn frame_label(case: &Case, frame: FrameId) -> Cow<'_, str> {
    let frame = case.tables.get_frame(frame);
    let name = case.tables.text(frame.function);
    match frame.kind {
        FrameKind::Kernel => format!("{name}_[k]").into(),
        FrameKind::Jit => format!("{name}_[j]").into(),
        FrameKind::Inlined => format!("{name}_[i]").into(),
        FrameKind::User | FrameKind::Native => name.into(),
    }
}

/// The thread below whose name a stack is drawn, where that tells threads apart.
pub fn thread_label<'a>(case: &'a Case, profile: &Profile, row: &ProfileRow) -> Option<&'a str> {
    let thread = profile.threads.get(row.thread as usize)?;
    let comm = case.tables.text(thread.comm);
    let tells = profile.threads.len() > 1 || row.stack.index() == 0 || thread.tid != 0;
    (tells && !comm.is_empty()).then_some(comm)
}

/// The stacks of a profile, merged.
fn stacks(case: &Case, profile: &Profile) -> StackTree {
    let mut names = Names::default();
    let stacks: Vec<(Vec<u32>, f64)> = profile
        .rows
        .iter()
        .filter(|row| row.weight > 0.0)
        .map(|row| {
            let mut path: Vec<u32> =
                thread_label(case, profile, row).map(|label| names.text(label.into())).into_iter().collect();
            let frames = case.tables.stack_frames(row.stack).iter().rev().take(DEEPEST);
            path.extend(frames.map(|&frame| names.frame(case, frame)));
            if path.is_empty() {
                path.push(names.text("[no stack]".into()));
            }
            (path, row.weight)
        })
        .collect();
    tree::merge(stacks, &names.all)
}

/// The names of a tree. Frames that differ by line alone have one.
#[derive(Default)]
struct Names {
    all: Vec<String>,
    by_text: HashMap<String, u32>,
    by_frame: HashMap<FrameId, u32>,
}

impl Names {
    fn text(&mut self, text: Cow<'_, str>) -> u32 {
        if let Some(&known) = self.by_text.get(text.as_ref()) {
            return known;
        }
        let id = self.all.len() as u32;
        self.all.push(text.clone().into_owned());
        self.by_text.insert(text.into_owned(), id);
        id
    }

    fn frame(&mut self, case: &Case, frame: FrameId) -> u32 {
        if let Some(&known) = self.by_frame.get(&frame) {
            return known;
        }
        let id = self.text(frame_label(case, frame));
        self.by_frame.insert(frame, id);
        id
    }
}
