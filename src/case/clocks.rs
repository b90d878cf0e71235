//! Clocks that count from a start, tied to the wall by lines that carry both or by an event that both saw. What is not
//! tied stays on its own clock and is never compared with another.

use super::{ArtifactId, SubjectId};
use crate::report::units;
use postmortem_parsers::clock_tie::{ClockTie, StartClock};
use postmortem_parsers::evidence::{Events, Evidence, Record, RecordKind, When};
use postmortem_parsers::time::rfc3339_utc;
use std::collections::BTreeMap;

/// Ties that are further apart speak of two starts; nanoseconds.
const ONE_START: i64 = 2_000_000_000;

/// When a clock stood at nought, and how exactly that is known.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Start {
    /// Nanoseconds since 1970 UTC.
    at: i64,
    /// Nanoseconds.
    error: i64,
}

/// The ties of a bundle.
#[derive(Default)]
pub struct Clocks {
    /// Runs of lines of an artifact that carry both clocks.
    within: BTreeMap<(ArtifactId, StartClock), Vec<ClockTie>>,
    /// The one start that all artifacts of a process agree on.
    process: BTreeMap<SubjectId, Start>,
    /// The one boot that all artifacts agree on.
    boot: Option<Start>,
    /// What was tied by what, by subject.
    pub said: Vec<(SubjectId, String)>,
}

impl Clocks {
    /// Ties the clocks of the evidence of a bundle. `ties` by artifact; `of` is the subject of each piece.
    pub fn new(ties: Vec<Vec<ClockTie>>, loose: &[(ArtifactId, Evidence)], of: &[SubjectId], paths: &[&str]) -> Self {
        let mut clocks = Clocks::default();
        for (artifact, ties) in (0..).zip(ties) {
            for tie in ties.into_iter().filter(ClockTie::is_proven) {
                clocks.within.entry((artifact, tie.clock)).or_default().push(tie);
            }
        }
        // Whose clock an artifact shows, by its first piece of evidence with such times.
        let mut owner: BTreeMap<(ArtifactId, StartClock), SubjectId> = BTreeMap::new();
        for ((artifact, evidence), &subject) in loose.iter().zip(of) {
            if let Some(clock) = clock_of(evidence) {
                owner.entry((*artifact, clock)).or_insert(subject);
            }
        }
        let mut starts: BTreeMap<SubjectId, Vec<&ClockTie>> = BTreeMap::new();
        let mut boots = Vec::new();
        for (&(artifact, clock), ties) in &clocks.within {
            match clock {
                StartClock::Process => {
                    if let Some(&subject) = owner.get(&(artifact, clock)) {
                        starts.entry(subject).or_default().extend(ties);
                    }
                }
                StartClock::Kernel => boots.extend(ties),
            }
        }
        clocks.process = starts.iter().filter_map(|(&subject, ties)| Some((subject, agreed(ties)?))).collect();
        clocks.boot = agreed(&boots);
        for (&(artifact, clock), &subject) in &owner {
            let said = match (clocks.within.get(&(artifact, clock)), clock) {
                (Some(ties), _) => Some(by_lines(ties)),
                (None, StartClock::Process) => clocks.process.get(&subject).map(|start| by_others("process", *start)),
                (None, StartClock::Kernel) => clocks.boot.map(|start| by_others("kernel", start)),
            };
            clocks.said.extend(said.map(|said| (subject, format!("{}: {said}", paths[artifact as usize]))));
        }
        if clocks.boot.is_none() && boots.is_empty() {
            clocks.tie_by_kill(loose, of, paths);
        }
        clocks
    }

    /// The one out-of-memory kill of the kernel's log and the one container that ended so are the same event.
    fn tie_by_kill(&mut self, loose: &[(ArtifactId, Evidence)], of: &[SubjectId], paths: &[&str]) {
        let mut kills = Vec::new();
        let mut exits = Vec::new();
        for ((artifact, evidence), &subject) in loose.iter().zip(of) {
            let Evidence::Record(record) = evidence else { continue };
            match (record.kind, record.when) {
                (RecordKind::Kill, When::Boot(seconds)) => kills.push((*artifact, subject, record, seconds)),
                (RecordKind::Exit, When::Wall(at)) if is_oom(record) => exits.push((*artifact, at)),
                _ => {}
            }
        }
        let ([(artifact, subject, kill, seconds)], [(seen_in, at)]) = (&kills[..], &exits[..]) else { return };
        let Some(start) = ClockTie::new(When::Boot(*seconds), *at, true, kill.line) else { return };
        // Kubernetes writes whole seconds, and writes them when it has noticed.
        let start = Start { at: start.start, error: 1_000_000_000 };
        self.boot = Some(start);
        let said = format!(
            "{}: the kill at {seconds:.3} s is the OOMKilled exit of {}: the kernel's clock began {}, give or take {}",
            paths[*artifact as usize],
            paths[*seen_in as usize],
            rfc3339_utc(start.at),
            units::duration(start.error as f64 / 1e9),
        );
        self.said.push((*subject, said));
    }

    /// The instant of the wall of a time that a line of an artifact tells; the time as it is where nothing ties it.
    fn wall(&self, artifact: ArtifactId, subject: SubjectId, line: u32, when: When) -> When {
        let (clock, seconds, others) = match when {
            When::Uptime(seconds) => (StartClock::Process, seconds, self.process.get(&subject).copied()),
            When::Boot(seconds) => (StartClock::Kernel, seconds, self.boot),
            _ => return when,
        };
        let within = self.within.get(&(artifact, clock)).and_then(|ties| {
            let later = ties.partition_point(|tie| tie.lines.0 <= line);
            ties.get(later.saturating_sub(1)).map(|tie| tie.start)
        });
        let start = within.or(others.map(|start| start.at));
        let span = (seconds.abs() < 3e10).then_some((seconds * 1e9) as i64);
        match start.zip(span).and_then(|(start, span)| start.checked_add(span)) {
            Some(at) => When::Wall(at),
            None => when,
        }
    }

    /// Puts all times of a piece of evidence on the wall's clock that can be.
    pub fn apply(&self, artifact: ArtifactId, subject: SubjectId, evidence: &mut Evidence) {
        match evidence {
            Evidence::Snapshot(snapshot) => {
                snapshot.when = self.wall(artifact, subject, snapshot.line, snapshot.when);
            }
            Evidence::Profile(profile) => profile.when = self.wall(artifact, subject, profile.line, profile.when),
            Evidence::Record(record) => record.when = self.wall(artifact, subject, record.line, record.when),
            Evidence::Series(series) => {
                for point in &mut series.points {
                    point.when = self.wall(artifact, subject, point.line, point.when);
                }
            }
            Evidence::Events(events) => {
                for (when, line) in &mut events.rows {
                    *when = self.wall(artifact, subject, *line, *when);
                }
                follow(events);
            }
        }
    }
}

/// A process that starts again counts its uptime from nought: where nothing ties them, its rows follow those of the
/// life before, as they do in the log.
fn follow(events: &mut Events) {
    let (mut before, mut last) = (0.0, f64::NEG_INFINITY);
    for (when, _) in &mut events.rows {
        if let When::Uptime(uptime) = when {
            if before + *uptime < last {
                before = last;
            }
            last = before + *uptime;
            *uptime = last;
        }
    }
}

fn is_oom(record: &Record) -> bool {
    record.attribute("reason") == Some("OOMKilled")
}

/// The clock that a piece of evidence is told by, if it counts from a start.
fn clock_of(evidence: &Evidence) -> Option<StartClock> {
    let when = match evidence {
        Evidence::Snapshot(snapshot) => snapshot.when,
        Evidence::Profile(profile) => profile.when,
        Evidence::Record(record) => record.when,
        Evidence::Series(series) => series.points.first()?.when,
        Evidence::Events(events) => events.rows.first()?.0,
    };
    match when {
        When::Uptime(_) => Some(StartClock::Process),
        When::Boot(_) => Some(StartClock::Kernel),
        _ => None,
    }
}

/// The one start that ties speak of; none where they speak of several.
fn agreed(ties: &[&ClockTie]) -> Option<Start> {
    let at = ties.iter().map(|tie| tie.start).min()?;
    let end = ties.iter().map(|tie| tie.start.saturating_add(tie.spread)).max()?;
    let error = end.saturating_sub(at);
    (error <= ONE_START).then_some(Start { at, error })
}

fn by_lines(ties: &[ClockTie]) -> String {
    let lines: u64 = ties.iter().map(|tie| u64::from(tie.count)).sum();
    let error = ties.iter().map(|tie| tie.spread).max().unwrap_or(0);
    let starts = if ties.len() > 1 { format!(", {} starts", ties.len()) } else { String::new() };
    let (count, tell) = if lines == 1 { ("1 line".to_owned(), "tells") } else { (format!("{lines} lines"), "tell") };
    format!("{count} {tell} uptime and wall time{starts}, within {}", units::duration(error as f64 / 1e9))
}

fn by_others(whose: &str, start: Start) -> String {
    format!(
        "its times count from the start of the {whose}, {} as other artifacts tell, within {}",
        rfc3339_utc(start.at),
        units::duration(start.error as f64 / 1e9)
    )
}
