//! Lines that carry two clocks: the seconds since a start and, from a log wrapper or a second stamp, the wall.

use crate::evidence::When;
use crate::lines::LineNo;

/// A clock that counts from a start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum StartClock {
    /// Since the process began: [`When::Uptime`].
    Process,
    /// Since the kernel booted: [`When::Boot`].
    Kernel,
}

/// A run of lines of one artifact that agree on when the clock stood at nought.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ClockTie {
    /// Which clock.
    pub clock: StartClock,
    /// First and last line of the run.
    pub lines: (LineNo, LineNo),
    /// Number of lines that agree.
    pub count: u32,
    /// When the clock stood at nought, nanoseconds since 1970 UTC: a line is written after what it tells, never
    /// before, so that the earliest is the nearest.
    pub start: i64,
    /// By how much the lines that agree differ, nanoseconds.
    pub spread: i64,
    /// Clock at the first and last of them, seconds.
    span: (f64, f64),
    /// Both times were taken at once.
    pub live: bool,
}

/// Lines that differ by more belong to another life, or were held up; nanoseconds.
const AGREE: i64 = 2_000_000_000;

impl ClockTie {
    /// The tie of one line. `live`: its program printed both times; else a log stamped it, perhaps much later. `None`
    /// where the time is neither of a process nor of the kernel.
    pub fn new(when: When, wall: i64, live: bool, line: LineNo) -> Option<Self> {
        let (clock, seconds) = match when {
            When::Uptime(seconds) => (StartClock::Process, seconds),
            When::Boot(seconds) => (StartClock::Kernel, seconds),
            _ => return None,
        };
        // No clock has counted a thousand years.
        let start = (0.0..3e10).contains(&seconds).then(|| wall.checked_sub((seconds * 1e9) as i64)).flatten()?;
        Some(ClockTie { clock, lines: (line, line), count: 1, start, spread: 0, span: (seconds, seconds), live })
    }

    /// Whether the wall's clock went on with this one: a log that was written at one go has the same stamp on all.
    pub fn is_proven(&self) -> bool {
        let went_on = self.span.1 - self.span.0;
        self.live || went_on >= 0.5 && went_on >= self.spread as f64 / 5e8
    }

    /// Takes what follows into this run; whether it belongs to it.
    fn join(&mut self, next: &ClockTie) -> bool {
        // An uptime with whole seconds or one stamped by several threads may go back a little.
        if self.clock != next.clock || next.span.0 + 1.0 < self.span.1 {
            return false;
        }
        let start = self.start.min(next.start);
        let end = self.start.saturating_add(self.spread).max(next.start.saturating_add(next.spread));
        let spread = end.saturating_sub(start);
        if spread > AGREE {
            // The lines so far were held up, else the clock would have begun before itself.
            let were_late = next.start < self.start;
            if were_late {
                *self = ClockTie { lines: (self.lines.0, next.lines.1), ..*next };
            }
            return were_late;
        }
        self.lines.1 = next.lines.1;
        self.count = self.count.saturating_add(next.count);
        (self.span.1, self.start, self.spread) = (next.span.1, start, spread);
        self.live |= next.live;
        true
    }
}

/// Adds a run behind those of an artifact, joined with the last of its clock where they agree. Lines that were held up
/// begin runs of their own; there are never more than [`MAX_TIES`].
pub fn add(ties: &mut Vec<ClockTie>, next: ClockTie) {
    if !ties.iter_mut().rev().find(|tie| tie.clock == next.clock).is_some_and(|tie| tie.join(&next))
        && ties.len() < MAX_TIES
    {
        ties.push(next);
    }
}

/// More lives than this are not told apart.
const MAX_TIES: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn runs(rows: &[(f64, f64)]) -> Vec<ClockTie> {
        let mut all = Vec::new();
        for (line, &(uptime, wall)) in (1..).zip(rows) {
            add(&mut all, ClockTie::new(When::Uptime(uptime), (wall * 1e9) as i64, false, line).unwrap());
        }
        all
    }

    fn ties(rows: &[(f64, f64)]) -> Vec<(i64, i64, u32)> {
        runs(rows).iter().map(|tie| (tie.start / SECOND, tie.spread / 100_000_000, tie.count)).collect()
    }

    #[test]
    fn the_earliest_line_tells_the_start() {
        assert_eq!(ties(&[(1.0, 101.3), (2.0, 102.0), (3.0, 103.9)]), [(100, 9, 3)]);
    }

    #[test]
    fn a_second_life_is_a_run_of_its_own() {
        assert_eq!(ties(&[(1.0, 101.0), (9.0, 109.0), (0.5, 120.5), (4.0, 124.0)]), [(100, 0, 2), (120, 0, 2)]);
        // Its first line came later than the last of the life before.
        assert_eq!(ties(&[(1.0, 101.0), (2.0, 102.0), (5.0, 118.0)]), [(100, 0, 2), (113, 0, 1)]);
    }

    #[test]
    fn a_log_written_at_one_go_proves_nothing() {
        let at_once = runs(&[(1.0, 500.0), (200.0, 500.0), (300.0, 500.1), (300.5, 500.1)]);
        assert_eq!(at_once.iter().map(ClockTie::is_proven).collect::<Vec<_>>(), [false]);
        // What was read late is followed by what is read as it comes.
        let caught_up = runs(&[(1.0, 500.0), (200.0, 500.0), (480.0, 580.1), (490.0, 590.0)]);
        assert_eq!(
            caught_up.iter().map(|tie| (tie.start / SECOND, tie.is_proven())).collect::<Vec<_>>(),
            [(100, true)]
        );
        assert!(!runs(&[(3.0, 103.0)])[0].is_proven());
    }

    #[test]
    fn clocks_that_make_no_sense_tie_nothing() {
        for seconds in [f64::NAN, f64::INFINITY, -1.0, 1e18] {
            assert_eq!(ClockTie::new(When::Uptime(seconds), 0, true, 1), None);
        }
        assert_eq!(ClockTie::new(When::Uptime(2e10), i64::MIN, true, 1), None);
        assert_eq!(ClockTie::new(When::Wall(5), 5, true, 1), None);
    }
}
