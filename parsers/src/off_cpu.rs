//! Time off CPU from `sched:sched_switch`: a thread waits at the stack with which it was switched out until it is the
//! next one of a later switch.

use crate::evidence::{Claims, Profile, ProfileKind, ProfileRow, ProfileThread, When};
use crate::lines::{LineNo, decimal, rsplit_once, split_once};
use crate::over_time::OverTime;
use crate::tables::{Remap, StackId};
use rustc_hash::FxHashMap;

/// The event as perf names it.
pub(crate) const EVENT: &[u8] = b"sched:sched_switch";

/// What the payload of a switch says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Switch {
    /// Thread that leaves the CPU.
    pub(crate) from: i64,
    /// It could have gone on.
    pub(crate) runnable: bool,
    /// Thread that comes.
    pub(crate) to: i64,
}

/// `prev_comm=a prev_pid=1 prev_prio=120 prev_state=S ==> next_comm=b next_pid=2 next_prio=120`, or in older files
/// `a:1 [120] S ==> b:2 [120]`. Names may hold anything, so each side is read from its end.
pub(crate) fn switch(payload: &[u8]) -> Option<Switch> {
    let (before, after) = rsplit_once(payload, b" ==> ")?;
    let (before, state) = match rsplit_once(before, b" prev_state=") {
        Some(parts) => parts,
        None => rsplit_once(before, b" ")?,
    };
    Some(Switch { from: pid(before)?, runnable: state.starts_with(b"R"), to: pid(after)? })
}

fn pid(side: &[u8]) -> Option<i64> {
    let digits = match rsplit_once(side, b"_pid=") {
        Some((_, rest)) => split_once(rest, b" ").map_or(rest, |(pid, _)| pid),
        None => rsplit_once(rsplit_once(side, b" [")?.0, b":")?.1,
    };
    decimal(digits).and_then(|pid| i64::try_from(pid).ok())
}

/// A thread that is off its CPU.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Out {
    /// Since when, in seconds.
    pub(crate) since: f64,
    pub(crate) thread: ProfileThread,
    pub(crate) stack: StackId,
    /// It waits for nothing but a CPU.
    pub(crate) runnable: bool,
}

/// A wait that has ended, and its nanoseconds.
pub(crate) type Wait = (Out, f64);

/// Who is off CPU at the end of a stretch, and who came onto one before it was seen to leave.
#[derive(Clone, Debug, Default)]
pub(crate) struct Switches {
    out: FxHashMap<i64, Out>,
    came: FxHashMap<i64, f64>,
}

impl Switches {
    /// A thread leaves its CPU.
    pub(crate) fn leave(&mut self, thread: i64, out: Out) {
        // Thread 0 is the idle loop.
        if thread != 0 {
            self.out.insert(thread, out);
        }
    }

    /// A thread comes onto a CPU: its wait, if it was seen to begin.
    pub(crate) fn come(&mut self, thread: i64, time: f64) -> Option<Wait> {
        match self.out.remove(&thread) {
            Some(out) => ended(out, time),
            None => {
                self.came.entry(thread).or_insert(time);
                None
            }
        }
    }

    /// Goes on with the next stretch of the text, and gives the waits that end in it.
    pub(crate) fn join(&mut self, next: Switches, remap: &Remap) -> Vec<Wait> {
        let mut came: Vec<(i64, f64)> = next.came.into_iter().collect();
        came.sort_unstable_by_key(|(thread, _)| *thread);
        let waits = came.into_iter().filter_map(|(thread, time)| ended(self.out.remove(&thread)?, time)).collect();
        self.out.extend(next.out.into_iter().map(|(id, out)| {
            let thread = ProfileThread { comm: remap.name(out.thread.comm), ..out.thread };
            (id, Out { thread, stack: remap.stack(out.stack), ..out })
        }));
        waits
    }
}

fn ended(out: Out, time: f64) -> Option<Wait> {
    (!out.runnable && time >= out.since).then_some((out, (time - out.since) * 1e9))
}

/// The profile of these waits; each is a sample that weighs its time.
pub(crate) fn profile(waits: &[Wait], line: LineNo) -> Profile {
    let mut profile = Profile {
        line,
        claims: Claims::default(),
        kind: ProfileKind::OffCpu,
        event: "off-cpu".into(),
        unit: "nanoseconds".into(),
        when: When::Unknown,
        span_s: 0.0,
        threads: Vec::new(),
        rows: Vec::new(),
        over_time: OverTime::default(),
    };
    let mut threads: FxHashMap<ProfileThread, u32> = FxHashMap::default();
    let mut rows: FxHashMap<(StackId, u32), usize> = FxHashMap::default();
    for (out, nanoseconds) in waits {
        let thread = *threads.entry(out.thread).or_insert_with(|| {
            profile.threads.push(out.thread);
            profile.threads.len() as u32 - 1
        });
        let row = *rows.entry((out.stack, thread)).or_insert_with(|| {
            profile.rows.push(ProfileRow { stack: out.stack, thread, samples: 0, weight: 0.0 });
            profile.rows.len() - 1
        });
        profile.rows[row].samples += 1;
        profile.rows[row].weight += nanoseconds;
        profile.over_time.add(row as u32, out.since, *nanoseconds);
    }
    profile
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_the_payload_are_read_from_the_end() {
        let new = b"prev_comm=GC ==> prev_pid=9 prev_pid=649 prev_prio=120 prev_state=R+ ==> next_comm=a next_pid=650 next_prio=120";
        assert_eq!(switch(new), Some(Switch { from: 649, runnable: true, to: 650 }));
        let old = b"redis-server:4735 [120] S ==> swapper/0:0 [120]";
        assert_eq!(switch(old), Some(Switch { from: 4735, runnable: false, to: 0 }));
        assert_eq!(switch(b"comm=a pid=1"), None);
    }

    #[test]
    fn waits_end_where_the_thread_comes_back() {
        let out = |since, runnable| Out { since, thread: ProfileThread::default(), stack: StackId::EMPTY, runnable };
        let mut switches = Switches::default();
        assert!(switches.come(7, 1.0).is_none());
        switches.leave(7, out(2.0, false));
        assert_eq!(switches.come(7, 2.5).map(|(_, ns)| ns), Some(0.5e9));
        switches.leave(7, out(3.0, true));
        assert!(switches.come(7, 9.0).is_none(), "waiting for a CPU is no wait");
        switches.leave(0, out(4.0, false));
        assert!(switches.come(0, 5.0).is_none(), "the idle loop waits for nothing");
    }

    #[test]
    fn waits_go_on_in_the_next_stretch() {
        let out = Out { since: 2.0, thread: ProfileThread::default(), stack: StackId::EMPTY, runnable: false };
        let (mut first, mut second) = (Switches::default(), Switches::default());
        first.leave(7, out);
        second.come(7, 4.0);
        second.leave(8, out);
        let waits = first.join(second, &Remap::default());
        assert_eq!(waits.iter().map(|(_, ns)| *ns).collect::<Vec<_>>(), [2e9]);
        assert!(first.out.contains_key(&8) && !first.out.contains_key(&7));
        assert_eq!(profile(&waits, 1).rows.len(), 1);
    }
}
