//! What the readers of sampled stacks have in common: raw frames that are parsed once, and samples that become the
//! rows of a profile.

use crate::evidence::{Parsed, Profile, ProfileRow, ProfileThread, When};
use crate::lines::LineNo;
use crate::tables::{FrameId, StackId};
use hashbrown::HashTable;
use rustc_hash::{FxHashMap, FxHasher};
use std::hash::Hasher;

/// Frames by their raw text. A large profile repeats each of its frame lines some thirty times.
#[derive(Default)]
pub(crate) struct RawFrames<'a> {
    seen: HashTable<(u64, &'a [u8], FrameId)>,
}

impl<'a> RawFrames<'a> {
    /// The frame of this text, parsed where it is new.
    pub(crate) fn get(&mut self, raw: &'a [u8], parse: impl FnOnce(&'a [u8]) -> FrameId) -> FrameId {
        let mut hasher = FxHasher::default();
        hasher.write(raw);
        let hash = hasher.finish();
        if let Some(&(_, _, frame)) = self.seen.find(hash, |&(known, text, _)| known == hash && text == raw) {
            return frame;
        }
        let frame = parse(raw);
        self.seen.insert_unique(hash, (hash, raw, frame), |&(hash, _, _)| hash);
        frame
    }
}

/// Whose sample, as the text has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct RawThread<'a> {
    pub(crate) comm: &'a [u8],
    pub(crate) pid: i64,
    pub(crate) tid: i64,
}

/// A profile in the making: samples of equal stack and thread are one row.
pub(crate) struct ProfileRows<'a> {
    profile: Profile,
    threads: FxHashMap<RawThread<'a>, u32>,
    rows: FxHashMap<(StackId, u32), usize>,
    times: Option<(f64, f64)>,
    /// Row and weight of what was added last.
    latest: (u32, f64),
}

impl<'a> ProfileRows<'a> {
    /// Begins with the head of a profile, which has no threads and rows yet.
    pub(crate) fn new(profile: Profile) -> Self {
        let (threads, rows) = (FxHashMap::default(), FxHashMap::default());
        ProfileRows { profile, threads, rows, times: None, latest: (0, 0.0) }
    }

    /// Adds samples; `name` interns the comm of a thread that is new.
    pub(crate) fn add(
        &mut self,
        thread: RawThread<'a>,
        stack: StackId,
        samples: u64,
        weight: f64,
        name: impl FnOnce(&'a [u8]) -> crate::tables::Sym,
    ) {
        let profile = &mut self.profile;
        let thread = *self.threads.entry(thread).or_insert_with(|| {
            profile.threads.push(ProfileThread { comm: name(thread.comm), pid: thread.pid, tid: thread.tid });
            profile.threads.len() as u32 - 1
        });
        let index = *self.rows.entry((stack, thread)).or_insert_with(|| {
            profile.rows.push(ProfileRow { stack, thread, samples: 0, weight: 0.0 });
            profile.rows.len() - 1
        });
        let row = &mut profile.rows[index];
        row.samples = row.samples.saturating_add(samples);
        row.weight += weight;
        self.latest = (index as u32, weight);
    }

    /// What was added last was seen at this time, in seconds: widens the span of the profile to hold it.
    pub(crate) fn seen_at(&mut self, time: f64) {
        self.profile.over_time.add(self.latest.0, time, self.latest.1);
        let (first, last) = self.times.unwrap_or((time, time));
        self.times = Some((first.min(time), last.max(time)));
    }

    /// The profile.
    pub(crate) fn finish(mut self) -> Profile {
        if let Some((first, last)) = self.times {
            self.profile.when = When::Boot(first);
            self.profile.span_s = last - first;
        }
        self.profile
    }
}

/// Something odd that repeats: said once, with its number and the line where it was first seen.
#[derive(Default)]
pub(crate) struct Oddity {
    pub(crate) count: u64,
    pub(crate) first: LineNo,
}

impl Oddity {
    /// Counts one at this line.
    pub(crate) fn see(&mut self, line: LineNo) {
        if self.count == 0 {
            self.first = line;
        }
        self.count += 1;
    }

    /// Says it, if it was seen.
    pub(crate) fn note(&self, out: &mut Parsed, message: &str) {
        if self.count > 0 {
            let lines = if self.count == 1 { "line" } else { "lines" };
            out.note(self.first, format!("{} {lines} {message}", self.count));
        }
    }
}
