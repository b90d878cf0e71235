//! The case: all evidence of a bundle, by subject, on one timeline. Nothing here judges.

mod clocks;
mod identity;
mod joins;
mod timeline;

use crate::bundle::Bundle;
use postmortem_parsers::clock_tie::ClockTie;
use postmortem_parsers::evidence::{
    Amount, Events, Evidence, Parsed, Profile, Record, RecordKind, Runtime, Series, SeriesKind, Snapshot, Unit,
};
use postmortem_parsers::lines::LineNo;
use postmortem_parsers::tables::Tables;

pub use timeline::{Clock, Moment, compare};

/// Index into [`Case::artifacts`].
pub type ArtifactId = u32;
/// Index into [`Case::subjects`].
pub type SubjectId = u32;

/// A place in an artifact.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which artifact.
    pub artifact: ArtifactId,
    /// Which line; 0: the artifact as a whole.
    pub line: LineNo,
}

/// A process, container, cgroup or node that artifacts speak of.
#[derive(Clone, Debug)]
pub struct Subject {
    /// What sort of thing.
    pub kind: &'static str,
    /// Name for people: the command name where one is known.
    pub name: String,
    /// Language runtime, where one is known.
    pub runtime: Runtime,
    /// Process ids, in order of first sight.
    pub pids: Vec<u64>,
    /// Control groups that were joined to it.
    pub cgroups: Vec<String>,
    /// Why artifacts were joined.
    pub joined_because: Vec<String>,
    /// When its later lives were first seen, in seconds of the wall clock.
    pub began_again: Vec<f64>,
    /// When its lives were ended from outside, in seconds of the wall clock.
    pub killed_at: Vec<f64>,
}

impl Subject {
    /// A subject of which nothing else is known yet.
    fn new(kind: &'static str, name: String, runtime: Runtime) -> Self {
        Subject {
            kind,
            name,
            runtime,
            pids: Vec::new(),
            cgroups: Vec::new(),
            joined_because: Vec::new(),
            began_again: Vec::new(),
            killed_at: Vec::new(),
        }
    }

    /// It is a process, not the machine that processes run on.
    pub fn is_process(&self) -> bool {
        self.kind != identity::MACHINE
    }
}

/// Evidence with its place, subject and time.
#[derive(Debug)]
pub struct Placed<T> {
    /// The evidence.
    pub what: T,
    /// Artifact that it stands in.
    pub artifact: ArtifactId,
    /// Whom it speaks of.
    pub subject: SubjectId,
    /// When, if anything tells.
    pub at: Option<Moment>,
}

/// A value of a [`Signal`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample {
    /// Seconds on the signal's clock.
    pub t: f64,
    /// Value in the unit of the signal.
    pub value: f64,
    /// Where it stands.
    pub place: Place,
}

/// One signal of one subject on one clock: the series of all artifacts that measure it.
#[derive(Clone, Debug)]
pub struct Signal {
    /// Whose.
    pub subject: SubjectId,
    /// Name, without labels.
    pub name: String,
    /// Labels.
    pub labels: Vec<(String, String)>,
    /// Unit.
    pub unit: Unit,
    /// Level, total or setting.
    pub kind: SeriesKind,
    /// Clock of the samples.
    pub clock: Clock,
    /// Samples in the order of their time; "unlimited" is left out.
    pub samples: Vec<Sample>,
    /// The newest value is "unlimited".
    pub unlimited: bool,
}

impl Signal {
    /// Name with its labels, as reports print it.
    pub fn title(&self) -> String {
        if self.labels.is_empty() {
            return self.name.clone();
        }
        let labels: Vec<String> = self.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
        format!("{}{{{}}}", self.name, labels.join(","))
    }

    /// The newest sample.
    pub fn last(&self) -> Option<&Sample> {
        self.samples.last()
    }

    /// The oldest sample.
    pub fn first(&self) -> Option<&Sample> {
        self.samples.first()
    }

    /// The largest value.
    pub fn peak(&self) -> Option<&Sample> {
        self.samples.iter().max_by(|a, b| a.value.total_cmp(&b.value))
    }

    /// The samples while the subject lived: without the trailing ones, near zero, that a cgroup or an exporter
    /// shows after the process has gone.
    pub fn while_alive(&self) -> &[Sample] {
        let peak = self.peak().map_or(0.0, |peak| peak.value);
        let alive = self.samples.iter().rposition(|sample| sample.value > peak * 0.02).map_or(0, |last| last + 1);
        if self.samples.len() - alive <= self.samples.len() / 2 && alive > 0 {
            &self.samples[..alive]
        } else {
            &self.samples
        }
    }
}

/// An artifact, without its evidence.
#[derive(Debug)]
pub struct ArtifactInfo {
    /// Path within the bundle.
    pub path: String,
    /// Main format.
    pub format: Option<&'static str>,
    /// Size.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// Formats in it.
    pub parts: Vec<crate::bundle::Part>,
    /// First and last wall instant that it speaks of, nanoseconds.
    pub span: Option<(i64, i64)>,
}

/// All evidence of a bundle.
#[derive(Debug, Default)]
pub struct Case {
    /// Names, frames and stacks.
    pub tables: Tables,
    /// The files, by path.
    pub artifacts: Vec<ArtifactInfo>,
    /// Whom they speak of.
    pub subjects: Vec<Subject>,
    /// Thread snapshots, by subject and time.
    pub snapshots: Vec<Placed<Snapshot>>,
    /// Profiles.
    pub profiles: Vec<Placed<Profile>>,
    /// Event streams.
    pub events: Vec<Placed<Events>>,
    /// Happenings and settings.
    pub records: Vec<Placed<Record>>,
    /// Signals, by subject and name.
    pub signals: Vec<Signal>,
    /// First and last wall instant, nanoseconds.
    pub span: Option<(i64, i64)>,
}

impl Case {
    /// Takes the evidence out of a bundle and orders it.
    pub fn build(bundle: &mut Bundle) -> Case {
        let mut case = Case::default();
        let (mut loose, mut ties) = (Vec::new(), Vec::new());
        for (index, artifact) in bundle.artifacts.iter_mut().enumerate() {
            let mut parsed = std::mem::take(&mut artifact.parsed);
            ties.push(std::mem::take(&mut parsed.ties));
            case.artifacts.push(ArtifactInfo {
                path: artifact.path.clone(),
                format: artifact.format,
                bytes: artifact.bytes,
                records: parsed.records,
                parts: artifact.parts.clone(),
                span: None,
            });
            case.take(index as ArtifactId, parsed, &mut loose);
        }
        case.place(loose, ties);
        case
    }

    fn take(&mut self, artifact: ArtifactId, parsed: Parsed, loose: &mut Vec<(ArtifactId, Evidence)>) {
        let remap = self.tables.absorb(&parsed.tables);
        for mut evidence in parsed.evidence {
            evidence.remap(&remap);
            loose.push((artifact, evidence));
        }
    }

    fn place(&mut self, mut loose: Vec<(ArtifactId, Evidence)>, ties: Vec<Vec<ClockTie>>) {
        let paths: Vec<&str> = self.artifacts.iter().map(|artifact| artifact.path.as_str()).collect();
        let found = identity::subjects(&loose, &paths, &self.tables);
        self.subjects = found.subjects;
        let clocks = clocks::Clocks::new(ties, &loose, &found.of, &paths);
        for ((artifact, evidence), &subject) in loose.iter_mut().zip(&found.of) {
            clocks.apply(*artifact, subject, evidence);
            let span = &mut self.artifacts[*artifact as usize].span;
            *span = timeline::both(*span, timeline::wall_span(evidence));
        }
        for (subject, said) in clocks.said {
            self.subjects[subject as usize].joined_because.push(said);
        }
        self.span = self.artifacts.iter().fold(None, |span, artifact| timeline::both(span, artifact.span));
        let clock = timeline::Resolver::new(self.span);
        let mut series = Vec::new();
        for ((artifact, evidence), subject) in loose.into_iter().zip(found.of) {
            match evidence {
                Evidence::Snapshot(what) => {
                    let at = clock.moment(what.when);
                    self.snapshots.push(Placed { what, artifact, subject, at });
                }
                Evidence::Profile(what) => {
                    let at = clock.moment(what.when);
                    self.profiles.push(Placed { what, artifact, subject, at });
                }
                Evidence::Events(what) => {
                    series.extend(timeline::event_series(&what).into_iter().map(|s| (artifact, subject, s)));
                    self.events.push(Placed { what, artifact, subject, at: None });
                }
                Evidence::Record(what) => {
                    let at = clock.moment(what.when);
                    self.records.push(Placed { what, artifact, subject, at });
                }
                Evidence::Series(mut what) => {
                    if !self.subjects[subject as usize].is_process() {
                        name_owner(&mut what);
                    }
                    series.push((artifact, subject, what));
                }
            }
        }
        // Captures without any time keep the order of their artifacts.
        self.snapshots.sort_by(|a, b| a.subject.cmp(&b.subject).then(timeline::compare(a.at, b.at)));
        self.records.sort_by(|a, b| timeline::compare(a.at, b.at));
        self.cut_lives_at_kills();
        self.signals = join(series, &clock);
    }

    /// A kill, or the end of the only container, ends a life: what is seen afterwards belongs to the next one.
    fn cut_lives_at_kills(&mut self) {
        let exits = || self.records.iter().filter(|placed| placed.what.kind == RecordKind::Exit);
        let container = exits().next().map(|placed| &placed.what.claims.container);
        let is_alone = exits().all(|placed| Some(&placed.what.claims.container) == container);
        for placed in &self.records {
            let subject = &mut self.subjects[placed.subject as usize];
            let ends = match placed.what.kind {
                RecordKind::Kill => placed.what.claims.pid.is_some_and(|pid| subject.pids.contains(&pid)),
                RecordKind::Exit => is_alone,
                _ => false,
            };
            if let Some(Moment { clock: Clock::Wall, t }) = placed.at.filter(|_| ends) {
                subject.killed_at.push(t);
            }
        }
    }

    /// The path of an artifact.
    pub fn path(&self, artifact: ArtifactId) -> &str {
        &self.artifacts[artifact as usize].path
    }

    /// A signal of a subject by name, without labels, with the most samples.
    pub fn signal(&self, subject: SubjectId, name: &str) -> Option<&Signal> {
        self.signals.iter().filter(|s| s.subject == subject && s.name == name).max_by_key(|s| s.samples.len())
    }

    /// The signals of a subject by name, one for each set of labels: that with the most samples.
    pub fn labelled(&self, subject: SubjectId, name: &str) -> Vec<&Signal> {
        let mut kept: Vec<&Signal> = Vec::new();
        for signal in self.signals.iter().filter(|s| s.subject == subject && s.name == name) {
            match kept.iter_mut().find(|known| known.labels == signal.labels) {
                Some(known) if known.samples.len() >= signal.samples.len() => {}
                Some(known) => *known = signal,
                None => kept.push(signal),
            }
        }
        kept
    }

    /// The snapshots of a subject in the order of time.
    pub fn snapshots_of(&self, subject: SubjectId) -> impl DoubleEndedIterator<Item = &Placed<Snapshot>> {
        self.snapshots.iter().filter(move |snapshot| snapshot.subject == subject)
    }

    /// All subject ids.
    pub fn subject_ids(&self) -> impl Iterator<Item = SubjectId> + use<> {
        0..self.subjects.len() as SubjectId
    }
}

/// On the machine the measures of many processes meet: each says whose it is.
fn name_owner(series: &mut Series) {
    let claims = &series.claims;
    let labels = [("process.pid", claims.pid.map(|pid| pid.to_string())), ("process.name", claims.comm.clone())];
    series.labels.extend(labels.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    series.labels.sort_unstable();
}

/// Joins the series of all artifacts that measure the same thing.
fn join(series: Vec<(ArtifactId, SubjectId, Series)>, clock: &timeline::Resolver) -> Vec<Signal> {
    type Key = (SubjectId, String, Vec<(String, String)>, Clock);
    let mut joined: std::collections::BTreeMap<Key, (Signal, Option<f64>)> = std::collections::BTreeMap::new();
    for (artifact, subject, series) in series {
        for (nth, point) in series.points.iter().enumerate() {
            let moment = clock.moment(point.when).unwrap_or(Moment { clock: Clock::Order, t: nth as f64 });
            let key = (subject, series.signal.clone(), series.labels.clone(), moment.clock);
            let (signal, newest) = joined.entry(key).or_insert_with(|| {
                let signal = Signal {
                    subject,
                    name: series.signal.clone(),
                    labels: series.labels.clone(),
                    unit: series.unit,
                    kind: series.kind,
                    clock: moment.clock,
                    samples: Vec::new(),
                    unlimited: false,
                };
                (signal, None)
            });
            if newest.is_none_or(|newest| moment.t >= newest) {
                *newest = Some(moment.t);
                signal.unlimited = point.value == Amount::Unlimited;
            }
            if let Amount::Value(value) = point.value
                && value.is_finite()
            {
                signal.samples.push(Sample { t: moment.t, value, place: Place { artifact, line: point.line } });
            }
        }
    }
    joined
        .into_values()
        .map(|(mut signal, _)| {
            signal.samples.sort_by(|a, b| a.t.total_cmp(&b.t));
            signal.samples.dedup_by(|next, kept| next.t == kept.t && next.value == kept.value);
            signal
        })
        .collect()
}
