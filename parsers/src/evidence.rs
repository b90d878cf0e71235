//! What a format read out of an artifact: the one data model between parsers and passes.
//!
//! Units after the parser: bytes, seconds, UTC. The verbatim state stays beside its interpretation; what is not
//! printed is `None`, and "max" is [`Amount::Unlimited`], never -1.

use crate::clock_tie::{self, ClockTie};
use crate::lines::LineNo;
use crate::off_cpu::{self, Switches};
use crate::over_time::OverTime;
use crate::tables::{FrameId, Remap, StackId, Sym, Tables};
use std::ops::Range;

/// When something was seen.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum When {
    /// Nanoseconds since 1970 UTC.
    Wall(i64),
    /// Seconds since the process began.
    Uptime(f64),
    /// Seconds since the kernel booted.
    Boot(f64),
    /// Time of day in seconds UTC, from a file name such as `heap-225131.pb.gz`; the day comes from the bundle.
    TimeOfDay(u32),
    /// The nth capture of its kind, from a file name such as `jstack-2.txt`, or the nth in a file.
    Sample(u32),
    /// Nothing tells.
    #[default]
    Unknown,
}

/// A measured value or the word for "no limit".
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Amount {
    /// A number in the unit of its signal.
    Value(f64),
    /// `max`, `unlimited`, -1, or a number so large that it means the same.
    Unlimited,
}

/// What an artifact says of whom it speaks. Evidence is joined to one subject only where claims agree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Claims {
    /// Process id in the namespace of the capture.
    pub pid: Option<u64>,
    /// Name of the process (`comm`, 15 bytes at most in the kernel's files).
    pub comm: Option<String>,
    /// Control group path below the mount point.
    pub cgroup: Option<String>,
    /// Container id or name.
    pub container: Option<String>,
    /// Pod name.
    pub pod: Option<String>,
    /// Whether the artifact is about them alone.
    pub scope: Scope,
}

/// How much an artifact is about those whom it names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// It is about them.
    #[default]
    Own,
    /// They are one entry of a list of all that run: to be listed makes nobody a subject.
    Listed,
    /// It is about the machine as a whole.
    Machine,
}

impl Claims {
    /// True when nothing is claimed.
    pub fn is_empty(&self) -> bool {
        *self == Claims::default()
    }
}

/// The language runtime whose threads or stacks these are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Runtime {
    /// Go goroutines.
    Go,
    /// Java threads on HotSpot.
    Java,
    /// Threads of native code.
    Native,
    /// CPython threads.
    Python,
    /// Node.js.
    Node,
    /// Kernel stacks.
    Kernel,
    /// Not told.
    #[default]
    Unknown,
}

impl Runtime {
    /// The word that reports use.
    pub fn as_str(self) -> &'static str {
        match self {
            Runtime::Go => "go",
            Runtime::Java => "java",
            Runtime::Native => "native",
            Runtime::Python => "python",
            Runtime::Node => "node",
            Runtime::Kernel => "kernel",
            Runtime::Unknown => "unknown",
        }
    }
}

/// What a thread has to do with an object that its dump names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObjectRole {
    /// First argument of the frame: the receiver of a method, or a lock.
    Argument,
    /// The same, marked by Go as possibly stale (`0x…?`).
    StaleArgument,
    /// Owns the monitor or lock (`- locked`).
    Holds,
    /// Owns a java.util.concurrent synchronizer (`Locked ownable synchronizers`).
    Owns,
    /// Waits to enter the monitor (`- waiting to lock`).
    WaitsToLock,
    /// Waits in Object.wait (`- waiting on`), the monitor released.
    WaitsOn,
    /// Was notified and waits to enter again (`- waiting to re-lock in wait()`).
    WaitsToRelock,
    /// Parked on a synchronizer (`- parking to wait for`).
    ParksOn,
    /// Waits for a class to be initialised; `class` names it.
    WaitsForClassInit,
}

/// An object that a thread's dump names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ObjectRef {
    /// Index of the frame in the stack, 0 innermost; `u16::MAX`: not tied to a frame.
    pub frame: u16,
    /// What the thread has to do with it.
    pub role: ObjectRole,
    /// Address or identity as printed; 0 when only the class is known.
    pub object: u64,
    /// Class of the object; empty when not printed.
    pub class: Sym,
}

/// Marks of a thread's header.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Marks {
    /// Go's own proof: nothing can ever wake it (`(leaked)`).
    pub leaked: bool,
    /// `locked to thread`.
    pub locked_to_thread: bool,
    /// Java daemon thread.
    pub daemon: bool,
    /// The stack was cut by the program that printed it or by the end of the file.
    pub truncated: bool,
    /// A thread of the runtime itself (header without user code: VM Thread, goroutine 0).
    pub system: bool,
    /// The thread whose crash, panic or signal caused the dump.
    pub crashed: bool,
    /// Java virtual thread.
    pub is_virtual: bool,
}

/// One thread or goroutine of a [`Snapshot`].
#[derive(Clone, Debug, Default)]
pub struct Thread {
    /// Line of the header.
    pub line: LineNo,
    /// Line behind the last one that belongs to it.
    pub end: LineNo,
    /// Goroutine id, Java `#` number, or the only id that is printed; 0 when none.
    pub id: u64,
    /// Operating system thread id, when printed.
    pub os_id: Option<u64>,
    /// Thread name; empty when none.
    pub name: Sym,
    /// State as printed: `chan receive (nil chan)`, `BLOCKED (on object monitor)`.
    pub state: Sym,
    /// How long it has waited, in seconds, as printed (Go: whole minutes, a lower bound).
    pub waited_s: Option<u32>,
    /// CPU time used, in milliseconds.
    pub cpu_ms: Option<f64>,
    /// Time since its start, in seconds.
    pub elapsed_s: Option<f64>,
    /// Frames, innermost first.
    pub stack: StackId,
    /// Function that started it.
    pub created_by: Option<FrameId>,
    /// Goroutine that started it.
    pub created_in: Option<u64>,
    /// How many threads the entry stands for (debug=1 texts count equal stacks).
    pub count: u32,
    /// Marks of the header.
    pub marks: Marks,
    /// Objects that it names: a range of [`Snapshot::objects`].
    pub objects: Range<u32>,
    /// Labels (pprof labels): a range of [`Snapshot::labels`].
    pub labels: Range<u32>,
}

/// Whether a snapshot holds all threads of its process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Completeness {
    /// All are there.
    Complete,
    /// The text ends before the dump does.
    Truncated,
    /// By its nature a part only (the goroutine that panicked; jstack without virtual threads).
    Partial,
    /// Nothing tells.
    #[default]
    Unknown,
}

/// A deadlock that the runtime itself declares.
#[derive(Clone, Debug, Default)]
pub struct DeclaredDeadlock {
    /// First line of the declaration.
    pub line: LineNo,
    /// The threads of the cycle: name and, per thread, the object that it waits for.
    pub members: Vec<(Sym, u64)>,
}

/// All threads of a process at one instant.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// First line.
    pub line: LineNo,
    /// Who says that it is.
    pub claims: Claims,
    /// Whose threads.
    pub runtime: Runtime,
    /// Version of the runtime as printed; empty when not printed.
    pub version: Sym,
    /// What wrote it: `debug=2`, `debug=1`, `sigquit`, `panic`, `fatal`, `jstack`, ...
    pub origin: &'static str,
    /// When it was taken.
    pub when: When,
    /// Whether all threads are in it.
    pub completeness: Completeness,
    /// The threads in the order of the artifact.
    pub threads: Vec<Thread>,
    /// Objects that threads name.
    pub objects: Vec<ObjectRef>,
    /// Labels that threads carry: key, value.
    pub labels: Vec<(Sym, Sym)>,
    /// Deadlocks that the runtime declared.
    pub deadlocks: Vec<DeclaredDeadlock>,
    /// The number of threads that the artifact itself states.
    pub stated_total: Option<u64>,
    /// It lists the synchronizers that its threads own (`jstack -l`): one that is on no list has no living owner.
    pub lists_owners: bool,
    /// Locks whose owner, as the dump prints it, is none of its threads.
    pub lost_locks: Vec<u64>,
    /// The text goes on in the next block of the artifact.
    pub open: bool,
    /// The text began in the block before.
    pub continues: bool,
}

/// What a profile counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ProfileKind {
    /// Time on CPU, or samples taken on CPU.
    Cpu,
    /// Time off CPU.
    OffCpu,
    /// Wall time, running or not.
    Wall,
    /// Bytes or objects in use.
    HeapInUse,
    /// Bytes or objects ever allocated.
    HeapAlloc,
    /// Goroutines or threads.
    Threads,
    /// Time that others waited for a mutex.
    Mutex,
    /// Time spent blocked.
    Block,
    /// Any other event, by name.
    Event,
    /// Folded stacks whose origin the artifact does not tell.
    Unknown,
}

/// One distinct stack of a profile within one thread.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ProfileRow {
    /// Frames, innermost first.
    pub stack: StackId,
    /// Index into [`Profile::threads`].
    pub thread: u32,
    /// How many samples.
    pub samples: u64,
    /// Their weight in [`Profile::unit`].
    pub weight: f64,
}

/// Whose samples.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProfileThread {
    /// Process or thread name as sampled.
    pub comm: Sym,
    /// Process id; 0 when not printed.
    pub pid: i64,
    /// Thread id; 0 when not printed.
    pub tid: i64,
}

/// Stacks with weights. Each event is a profile of its own: unlike events are never summed.
#[derive(Clone, Debug)]
pub struct Profile {
    /// First line.
    pub line: LineNo,
    /// Who says that it is.
    pub claims: Claims,
    /// What is counted.
    pub kind: ProfileKind,
    /// The event as printed (`cycles:u`, `cpu-clock:pppH`, `page-faults`); `samples` when none is.
    pub event: String,
    /// Unit of the weights: `samples`, `nanoseconds`, `bytes`, or the event's own.
    pub unit: String,
    /// When it began, if told.
    pub when: When,
    /// Seconds from the first to the last sample; 0 when not told.
    pub span_s: f64,
    /// Threads that were sampled.
    pub threads: Vec<ProfileThread>,
    /// Distinct stacks with their weights, in order of first sight.
    pub rows: Vec<ProfileRow>,
    /// When the rows were seen, where samples have times.
    pub over_time: OverTime,
}

/// What kind of event stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventKind {
    /// Go `GODEBUG=gctrace=1` lines.
    GoGcTrace,
    /// Go `GODEBUG=schedtrace=N` lines.
    GoSchedTrace,
    /// JVM garbage collections.
    JvmGc,
}

/// Rows of numbers with a time each. `NaN`: not printed.
#[derive(Clone, Debug)]
pub struct Events {
    /// Who says that it is.
    pub claims: Claims,
    /// What stream.
    pub kind: EventKind,
    /// Column names with their unit as a suffix (`live_bytes`, `gc_cpu_percent`).
    pub columns: &'static [&'static str],
    /// When and on which line each row stands.
    pub rows: Vec<(When, LineNo)>,
    /// `rows.len() * columns.len()` values, row by row.
    pub values: Vec<f64>,
}

impl Events {
    /// The index of a column.
    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| *column == name)
    }

    /// The values of a row.
    pub fn row(&self, index: usize) -> &[f64] {
        &self.values[index * self.columns.len()..(index + 1) * self.columns.len()]
    }

    /// The time of a row in seconds of its own clock.
    pub fn seconds(&self, index: usize) -> Option<f64> {
        match self.rows.get(index)?.0 {
            When::Wall(ns) => Some(ns as f64 / 1e9),
            When::Uptime(seconds) | When::Boot(seconds) => Some(seconds),
            When::TimeOfDay(_) | When::Sample(_) | When::Unknown => None,
        }
    }
}

/// Whether a signal goes up and down or only up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SeriesKind {
    /// A level.
    Gauge,
    /// A running total: a fall means a restart.
    Counter,
    /// A setting: limits and the like.
    Limit,
}

/// Unit of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Seconds.
    Seconds,
    /// A plain count.
    Count,
    /// A share, 0..1.
    Ratio,
    /// Not known.
    Unknown,
}

impl Unit {
    /// The word that reports use (UCUM, as OpenTelemetry does).
    pub fn as_str(self) -> &'static str {
        match self {
            Unit::Bytes => "By",
            Unit::Seconds => "s",
            Unit::Count => "{count}",
            Unit::Ratio => "1",
            Unit::Unknown => "",
        }
    }
}

/// One value of a series.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When it was read.
    pub when: When,
    /// The value, in the unit of the series.
    pub value: Amount,
    /// The line that it stands on.
    pub line: LineNo,
}

/// One signal of one subject over time.
#[derive(Clone, Debug)]
pub struct Series {
    /// Who says that it is.
    pub claims: Claims,
    /// Name by OpenTelemetry's conventions, else the kernel's key (`cgroup.memory.stat.anon`).
    pub signal: String,
    /// Labels in the order of their names.
    pub labels: Vec<(String, String)>,
    /// Unit of the values.
    pub unit: Unit,
    /// Level, total or setting.
    pub kind: SeriesKind,
    /// The values in the order of the artifact.
    pub points: Vec<Point>,
}

/// What happened, or what is set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RecordKind {
    /// A Go panic.
    Panic,
    /// A Go `fatal error`, or any runtime's own fatal end.
    Fatal,
    /// A signal that ended or dumped the process.
    Signal,
    /// An exit status.
    Exit,
    /// A kill by the kernel or a userspace killer.
    Kill,
    /// A data race that a race detector saw.
    Race,
    /// A setting of the process or container: environment, limits.
    Setting,
    /// A notable line of a log.
    Log,
}

/// A piece of evidence of the kind something-happened or something-is-set.
#[derive(Clone, Debug)]
pub struct Record {
    /// First line.
    pub line: LineNo,
    /// Line behind the last.
    pub end: LineNo,
    /// Who says that it is.
    pub claims: Claims,
    /// When it happened.
    pub when: When,
    /// What kind.
    pub kind: RecordKind,
    /// Named details, as printed.
    pub attributes: Vec<(&'static str, String)>,
    /// Stack of the thread that it happened to.
    pub stack: StackId,
    /// The first line of its text, as printed.
    pub text: String,
}

impl Record {
    /// A detail by name.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.as_str())
    }
}

/// One piece of what a format read.
#[derive(Clone, Debug)]
pub enum Evidence {
    /// Threads of a process.
    Snapshot(Snapshot),
    /// Weighted stacks.
    Profile(Profile),
    /// A stream of rows.
    Events(Events),
    /// A signal over time.
    Series(Series),
    /// A happening or a setting.
    Record(Record),
}

/// Something that a reader must know about how an artifact was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// Line of the artifact; 0 when the note is about all of it.
    pub line: LineNo,
    /// What was odd, in words.
    pub message: String,
}

/// At most this many notes are kept per artifact; the rest is counted in the last one.
const MAX_NOTES: usize = 200;

/// What a format read from one stretch of one artifact.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// Names, frames and stacks that the evidence refers to.
    pub tables: Tables,
    /// The evidence, in the order of the artifact.
    pub evidence: Vec<Evidence>,
    /// What was odd.
    pub notes: Vec<Note>,
    /// How many notes did not fit.
    pub notes_dropped: u64,
    /// How many records of the format were read: samples, threads, rows, keys.
    pub records: u64,
    /// Lines that tell both the time since a start and that of the wall.
    pub ties: Vec<ClockTie>,
    /// The goroutine dump that may go on: its line, and the ids that it has. Saves counting them for each interruption.
    pub(crate) open_dump: Option<(LineNo, rustc_hash::FxHashSet<u64>)>,
    pub(crate) merge: MergeIndex,
    /// Threads that are off CPU where the stretch ends.
    pub(crate) switches: Switches,
}

impl Parsed {
    /// Keeps a note.
    pub fn note(&mut self, line: LineNo, message: impl Into<String>) {
        if self.notes.len() < MAX_NOTES {
            self.notes.push(Note { line, message: message.into() });
        } else {
            self.notes_dropped += 1;
        }
    }

    /// Notes that a line tells the seconds since a start and an instant of the wall, if it does. `live`: its program
    /// printed both; else a log stamped it.
    pub fn tie(&mut self, when: When, wall: Option<i64>, live: bool, line: LineNo) {
        if let Some(tie) = wall.and_then(|wall| ClockTie::new(when, wall, live, line)) {
            clock_tie::add(&mut self.ties, tie);
        }
    }

    /// Adds a point to the series of that name and claims, which is begun where it is new.
    pub fn point(&mut self, claims: &Claims, signal: &str, unit: Unit, kind: SeriesKind, point: Point) {
        self.labelled_point(claims, signal, &[], unit, kind, point);
    }

    /// Adds a point to the series of that name, labels and claims, which is begun where it is new.
    pub fn labelled_point(
        &mut self,
        claims: &Claims,
        signal: &str,
        labels: &[(String, String)],
        unit: Unit,
        kind: SeriesKind,
        point: Point,
    ) {
        // Newest first: the series of a block were mostly begun by the section just read.
        let found = self.evidence.iter_mut().rev().find_map(|evidence| match evidence {
            Evidence::Series(s) if s.signal == signal && s.labels == labels && s.claims == *claims => Some(s),
            _ => None,
        });
        match found {
            Some(series) => series.points.push(point),
            None => self.evidence.push(Evidence::Series(Series {
                claims: claims.clone(),
                signal: signal.to_owned(),
                labels: labels.to_vec(),
                unit,
                kind,
                points: vec![point],
            })),
        }
    }

    /// Appends what the next stretch of the same artifact gave: series, events and profiles are joined by name,
    /// a snapshot that goes on is continued.
    pub fn append(&mut self, mut next: Parsed) {
        if self.evidence.is_empty() && self.records == 0 && self.notes.is_empty() {
            *self = next;
            return;
        }
        let remap = self.tables.absorb(&next.tables);
        self.records += next.records;
        self.notes_dropped += next.notes_dropped;
        for tie in next.ties.drain(..) {
            clock_tie::add(&mut self.ties, tie);
        }
        for note in next.notes.drain(..) {
            self.note(note.line, note.message);
        }
        self.merge.see(&self.evidence);
        for mut evidence in next.evidence {
            evidence.remap(&remap);
            self.merge.merge(&mut self.evidence, evidence);
        }
        let waits = self.switches.join(next.switches, &remap);
        if !waits.is_empty() {
            self.merge.merge(&mut self.evidence, Evidence::Profile(off_cpu::profile(&waits, 1)));
        }
    }
}

/// Finds the evidence that the next stretch continues. It is kept from stretch to stretch.
#[derive(Clone, Debug, Default)]
pub(crate) struct MergeIndex {
    /// How much of the evidence is in it.
    seen: usize,
    series: std::collections::HashMap<SeriesKey, usize>,
    profiles: rustc_hash::FxHashMap<usize, RowIndex>,
}

/// Signal, labels and claims.
type SeriesKey = (String, Vec<(String, String)>, Claims);

/// Threads and rows of a profile by what they are.
#[derive(Clone, Debug, Default)]
struct RowIndex {
    threads: rustc_hash::FxHashMap<ProfileThread, u32>,
    rows: rustc_hash::FxHashMap<(StackId, u32), usize>,
}

impl RowIndex {
    fn of(profile: &Profile) -> RowIndex {
        let threads = profile.threads.iter().enumerate().map(|(index, thread)| (*thread, index as u32));
        let rows = profile.rows.iter().enumerate().map(|(index, row)| ((row.stack, row.thread), index));
        RowIndex { threads: threads.collect(), rows: rows.collect() }
    }
}

impl MergeIndex {
    fn key(series: &Series) -> SeriesKey {
        (series.signal.clone(), series.labels.clone(), series.claims.clone())
    }

    /// Takes in the evidence that came without a merge.
    fn see(&mut self, evidence: &[Evidence]) {
        for (index, evidence) in evidence.iter().enumerate().skip(self.seen) {
            if let Evidence::Series(series) = evidence {
                self.series.insert(Self::key(series), index);
            }
        }
        self.seen = evidence.len();
    }

    fn merge(&mut self, all: &mut Vec<Evidence>, next: Evidence) {
        self.join(all, next);
        self.seen = all.len();
    }

    fn join(&mut self, all: &mut Vec<Evidence>, next: Evidence) {
        match next {
            Evidence::Series(series) => match self.series.get(&Self::key(&series)) {
                Some(&index) => {
                    if let Evidence::Series(known) = &mut all[index] {
                        known.points.extend(series.points);
                    }
                }
                None => {
                    self.series.insert(Self::key(&series), all.len());
                    all.push(Evidence::Series(series));
                }
            },
            Evidence::Events(events) => {
                let known = all.iter_mut().rev().find_map(|evidence| match evidence {
                    Evidence::Events(known) if known.kind == events.kind && known.claims == events.claims => {
                        Some(known)
                    }
                    _ => None,
                });
                match known {
                    Some(known) => {
                        known.rows.extend(events.rows);
                        known.values.extend(events.values);
                    }
                    None => all.push(Evidence::Events(events)),
                }
            }
            Evidence::Profile(profile) => {
                let known = all.iter_mut().enumerate().rev().find_map(|(index, evidence)| match evidence {
                    Evidence::Profile(known) if known.continued_by(&profile) => Some((index, known)),
                    _ => None,
                });
                match known {
                    Some((at, known)) => {
                        let index = self.profiles.entry(at).or_insert_with(|| RowIndex::of(known));
                        known.append(profile, index);
                    }
                    None => all.push(Evidence::Profile(profile)),
                }
            }
            Evidence::Snapshot(snapshot) => match all.iter_mut().rev().find_map(|evidence| match evidence {
                Evidence::Snapshot(known) => Some(known),
                _ => None,
            }) {
                Some(known) if known.open && snapshot.continues => known.append(snapshot),
                _ => all.push(Evidence::Snapshot(snapshot)),
            },
            record @ Evidence::Record(_) => all.push(record),
        }
    }
}

impl Profile {
    fn continued_by(&self, next: &Profile) -> bool {
        self.event == next.event && self.kind == next.kind && self.unit == next.unit && self.claims == next.claims
    }

    fn append(&mut self, next: Profile, index: &mut RowIndex) {
        let new_index: Vec<u32> = next
            .threads
            .iter()
            .map(|thread| {
                *index.threads.entry(*thread).or_insert_with(|| {
                    self.threads.push(*thread);
                    self.threads.len() as u32 - 1
                })
            })
            .collect();
        let mut places = Vec::with_capacity(next.rows.len());
        for row in next.rows {
            let thread = new_index[row.thread as usize];
            let at = *index.rows.entry((row.stack, thread)).or_insert_with(|| {
                self.rows.push(ProfileRow { thread, samples: 0, weight: 0.0, ..row });
                self.rows.len() - 1
            });
            let known = &mut self.rows[at];
            known.samples = known.samples.saturating_add(row.samples);
            known.weight += row.weight;
            places.push(at as u32);
        }
        self.over_time.append(next.over_time, &places);
        self.span_s = match (self.when, next.when) {
            (When::Boot(first), When::Boot(then)) => (then + next.span_s - first).max(self.span_s),
            _ => self.span_s + next.span_s,
        };
    }
}

impl Snapshot {
    fn append(&mut self, next: Snapshot) {
        let (objects, labels) = (self.objects.len() as u32, self.labels.len() as u32);
        self.objects.extend(next.objects);
        self.labels.extend(next.labels);
        self.threads.extend(next.threads.into_iter().map(|mut thread| {
            thread.objects = thread.objects.start + objects..thread.objects.end + objects;
            thread.labels = thread.labels.start + labels..thread.labels.end + labels;
            thread
        }));
        self.deadlocks.extend(next.deadlocks);
        self.stated_total = self.stated_total.or(next.stated_total);
        self.lists_owners |= next.lists_owners;
        self.lost_locks.extend(next.lost_locks);
        self.open = next.open;
        if next.completeness != Completeness::Unknown {
            self.completeness = next.completeness;
        }
    }

    /// The objects that a thread names.
    pub fn objects_of(&self, thread: &Thread) -> &[ObjectRef] {
        &self.objects[thread.objects.start as usize..thread.objects.end as usize]
    }

    /// The labels that a thread carries.
    pub fn labels_of(&self, thread: &Thread) -> &[(Sym, Sym)] {
        &self.labels[thread.labels.start as usize..thread.labels.end as usize]
    }

    /// Number of threads, entries with a count taken at their count.
    pub fn total(&self) -> u64 {
        self.threads.iter().map(|thread| u64::from(thread.count)).sum()
    }
}

impl Evidence {
    /// Renames all ids after their tables were absorbed by others.
    pub fn remap(&mut self, remap: &Remap) {
        match self {
            Evidence::Snapshot(snapshot) => {
                snapshot.version = remap.name(snapshot.version);
                for thread in &mut snapshot.threads {
                    thread.name = remap.name(thread.name);
                    thread.state = remap.name(thread.state);
                    thread.stack = remap.stack(thread.stack);
                    thread.created_by = thread.created_by.map(|frame| remap.frame(frame));
                }
                for object in &mut snapshot.objects {
                    object.class = remap.name(object.class);
                }
                for (key, value) in &mut snapshot.labels {
                    *key = remap.name(*key);
                    *value = remap.name(*value);
                }
                for deadlock in &mut snapshot.deadlocks {
                    for (name, _) in &mut deadlock.members {
                        *name = remap.name(*name);
                    }
                }
            }
            Evidence::Profile(profile) => {
                for thread in &mut profile.threads {
                    thread.comm = remap.name(thread.comm);
                }
                for row in &mut profile.rows {
                    row.stack = remap.stack(row.stack);
                }
            }
            Evidence::Record(record) => record.stack = remap.stack(record.stack),
            Evidence::Events(_) | Evidence::Series(_) => {}
        }
    }

    /// What the artifact says of whom it speaks.
    pub fn claims(&self) -> &Claims {
        match self {
            Evidence::Snapshot(e) => &e.claims,
            Evidence::Profile(e) => &e.claims,
            Evidence::Events(e) => &e.claims,
            Evidence::Series(e) => &e.claims,
            Evidence::Record(e) => &e.claims,
        }
    }
}
