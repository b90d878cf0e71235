//! The report: what `--format json` prints and all that a renderer sees. Within version 1 fields are added, never
//! renamed, removed or given another meaning. Instants are RFC 3339 in UTC, durations seconds, sizes bytes, shares 0..1.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// The value of [`Report::schema`].
pub const SCHEMA: &str = "postmortem.report/1";

/// A whole report.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote it.
    pub tool: Tool,
    /// What was analysed.
    pub bundle: BundleInfo,
    /// Every file of the bundle.
    pub artifacts: Vec<Artifact>,
    /// The answer in one word.
    pub verdict: Verdict,
    /// Best first; empty unless the verdict is `problem`.
    pub root_causes: Vec<RootCause>,
    /// Everything that was found, symptoms included.
    pub findings: Vec<Finding>,
    /// Threads of the latest snapshot of each process by the reason that they wait.
    pub buckets: Vec<Bucket>,
    /// Every signal over time.
    pub trends: Vec<Trend>,
    /// Signals that move together.
    #[serde(default)]
    pub correlations: Vec<Correlation>,
    /// Signals as sums of others, where that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub regressions: Vec<Regression>,
    /// Settings that follow from what was measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub advice: Vec<Advice>,
    /// What to capture next.
    #[serde(default)]
    pub next_captures: Vec<NextCapture>,
    /// Whatever was skipped, truncated, malformed or over a limit.
    pub warnings: Vec<Warning>,
    /// Patterns that could not be judged for want of input.
    #[serde(default)]
    pub not_checked: Vec<NotChecked>,
    /// Processes, containers, cgroups and nodes that the artifacts speak of.
    #[serde(default)]
    pub subjects: Vec<Subject>,
    /// Every pattern with its outcome.
    #[serde(default)]
    pub checked: Vec<Checked>,
    /// What happened when.
    #[serde(default)]
    pub events: Vec<Event>,
    /// Who holds the bytes.
    #[serde(default)]
    pub memory: Vec<Memory>,
    /// Stack profiles.
    #[serde(default)]
    pub profiles: Vec<ProfileInfo>,
    /// What was masked; null: nothing was.
    #[serde(default)]
    pub redaction: Option<Redaction>,
}

/// What was masked.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Redaction {
    /// How many values of each kind were masked, repetitions included.
    pub counts: BTreeMap<String, u64>,
}

/// Name and version of the program.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tool {
    /// `postmortem`.
    pub name: String,
    /// Semantic version.
    pub version: String,
}

/// What was analysed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BundleInfo {
    /// File or folder name, without its path.
    pub name: String,
    /// Size as given: of the archive, or of all files.
    pub bytes: u64,
    /// SHA-256 of the archive file; null for a directory.
    pub sha256: Option<String>,
    /// First and last instant that the artifacts speak of.
    #[serde(default)]
    pub span: Option<Span>,
    /// The paths that were given, when there were several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inputs: Vec<InputInfo>,
}

/// One of several inputs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InputInfo {
    /// File or folder name.
    pub name: String,
    /// Size as given.
    pub bytes: u64,
}

/// A time span.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Span {
    /// First instant.
    pub from: String,
    /// Last instant.
    pub to: String,
}

/// A file of the bundle.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Artifact {
    /// Path within the bundle.
    pub path: String,
    /// Main format; `text-log` for a plain log; null: not recognised.
    pub format: Option<String>,
    /// Size, unpacked.
    pub bytes: u64,
    /// Records read.
    pub records: u64,
    /// First and last instant that it speaks of.
    #[serde(default)]
    pub span: Option<Span>,
    /// The formats in it, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
}

/// One format within an artifact.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Part {
    /// Format.
    pub format: String,
    /// Records read.
    pub records: u64,
    /// First and last line.
    #[serde(default)]
    pub lines: Option<(u32, u32)>,
}

/// The answer in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// At least one finding of severity warning or above.
    Problem,
    /// Enough was recognised to judge, and nothing was found.
    Healthy,
    /// Too little was recognised to judge.
    Inconclusive,
}

/// How bad.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A fault of small effect, or one on thin evidence.
    Warning,
    /// A fault that grows or blocks.
    Error,
    /// An outage or a kill that happened, or will within the hour.
    Critical,
}

impl Severity {
    /// The word in reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Info => "info",
            Severity::Warning => "warning",
            Severity::Error => "error",
            Severity::Critical => "critical",
        }
    }
}

/// A place in the code.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Site {
    /// As the artifact prints it.
    pub function: String,
    /// Source file.
    #[serde(default)]
    pub file: Option<String>,
    /// Source line.
    #[serde(default)]
    pub line: Option<u32>,
    /// blocked, creator, holder, hot or caller.
    pub role: String,
}

/// A line of an artifact and what it says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceLine {
    /// Path of the artifact.
    pub artifact: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// The line itself.
    #[serde(default)]
    pub excerpt: Option<String>,
    /// What follows from it.
    pub says: String,
    /// Lines around the line, itself included, each with its number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<Vec<(u32, String)>>,
}

/// A part of a confidence.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScorePart {
    /// prior, proof, shape, population, time, consequence or context.
    pub family: String,
    /// Decibans: +10 is ten to one.
    pub weight: i32,
    /// Why.
    pub says: String,
}

/// Something that was found.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// Stable for the same bundle.
    pub id: String,
    /// Stable across bundles for the same fault at the same place.
    pub fingerprint: String,
    /// Pattern that matched.
    pub pattern: String,
    /// Category of the taxonomy.
    pub category: String,
    /// How bad.
    pub severity: Severity,
    /// 0..1.
    pub confidence: f64,
    /// One line.
    pub title: String,
    /// Some sentences with the numbers.
    pub summary: String,
    /// Reason that the threads wait, if the finding is about threads.
    pub bucket: Option<String>,
    /// Threads or goroutines concerned.
    pub count: Option<u64>,
    /// What is counted.
    pub count_of: Option<String>,
    /// Places, the best first.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// What speaks for it.
    pub evidence: Vec<EvidenceLine>,
    /// What speaks against it.
    #[serde(default)]
    pub against: Vec<EvidenceLine>,
    /// Values that it rests on, by signal name.
    #[serde(default)]
    pub signals: Map<String, Value>,
    /// What to do.
    #[serde(default)]
    pub remediation: String,
    /// Where to read on.
    #[serde(default)]
    pub references: Vec<String>,
    /// Id of the subject.
    pub subject: Option<String>,
    /// Parts of the confidence.
    #[serde(default)]
    pub score: Vec<ScorePart>,
    /// Finding that it is a symptom of.
    pub explained_by: Option<String>,
    /// Its places in the repository, the best first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub source: Vec<SourcePlace>,
    /// Against the baseline; null without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<State>,
    /// Why it is allowed; null: it is not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suppressed: Option<Suppressed>,
}

/// A place of a finding in the repository.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourcePlace {
    /// As the artifact prints it.
    pub function: String,
    /// Path from the root of the repository.
    pub path: String,
    /// Line, from 1.
    pub line: Option<u32>,
    /// The line and those around it, each with its number.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(u32, String)>,
}

/// A finding beside those of the baseline.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// The baseline does not have it.
    New,
    /// The baseline has it with a lower severity.
    Worse,
    /// The baseline has it.
    Same,
}

/// Why a finding is allowed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Suppressed {
    /// The reason that the configuration gives.
    pub reason: String,
    /// Last day on which it is allowed.
    pub until: Option<String>,
}

/// A cause, ranked.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RootCause {
    /// From 1.
    pub rank: u32,
    /// Id of the finding.
    pub finding: String,
    /// Category of the taxonomy.
    pub category: String,
    /// Reason that the threads wait.
    pub bucket: Option<String>,
    /// Threads or goroutines concerned.
    pub count: Option<u64>,
    /// Places, the best first.
    #[serde(default)]
    pub sites: Vec<Site>,
    /// 0..1.
    pub confidence: f64,
    /// Some sentences.
    pub summary: String,
    /// Ids of its symptoms.
    pub explains: Vec<String>,
}

/// Threads with one reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Name of the process.
    pub process: String,
    /// Language runtime.
    pub runtime: String,
    /// Why they wait.
    pub reason: String,
    /// How many.
    pub count: u64,
    /// Equal stacks.
    pub groups: Vec<BucketGroup>,
}

/// Threads with one stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketGroup {
    /// How many.
    pub count: u64,
    /// Known to wait harmlessly.
    pub idle: bool,
    /// Shortest and longest wait in seconds.
    #[serde(default)]
    pub waited: Option<Waited>,
    /// Innermost first.
    pub frames: Vec<String>,
    /// Who started them.
    #[serde(default)]
    pub created_by: Option<String>,
}

/// Shortest and longest wait.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Waited {
    /// Seconds.
    pub min: f64,
    /// Seconds.
    pub max: f64,
}

/// A signal over time.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Trend {
    /// Signal name, with its labels.
    pub series: String,
    /// UCUM unit.
    pub unit: String,
    /// Samples.
    pub n: u64,
    /// growing, falling, flat, step, plateau, cyclic or insufficient.
    pub verdict: String,
    /// Units per hour.
    pub slope_per_hour: Option<f64>,
    /// 95 % interval of the slope.
    #[serde(default)]
    pub ci95: Option<(f64, f64)>,
    /// Coefficient of determination of the line.
    #[serde(default)]
    pub r2: Option<f64>,
    /// Chance of such a slope without growth.
    #[serde(default)]
    pub p: Option<f64>,
    /// When the growth began.
    #[serde(default)]
    pub since: Option<String>,
    /// The limit that applies.
    #[serde(default)]
    pub limit: Option<f64>,
    /// When the limit is reached at this rate.
    #[serde(default)]
    pub exhausts_at: Option<String>,
    /// Interval of `exhausts_at`, by that of the slope; its end is at most three spans ahead.
    #[serde(default)]
    pub exhausts_ci: Option<(String, String)>,
    /// Interval of `since`.
    #[serde(default)]
    pub onset_ci: Option<(String, String)>,
    /// Id of the subject.
    #[serde(default)]
    pub subject: Option<String>,
    /// [seconds since the first sample, value], thinned.
    #[serde(default)]
    pub points: Option<Vec<(f64, f64)>>,
    /// When the first sample was taken; null where the clock has no date.
    #[serde(default)]
    pub begins: Option<String>,
    /// Both ends of the line that was fitted, in the coordinates of `points`.
    #[serde(default)]
    pub fit: Option<[(f64, f64); 2]>,
    /// wall, uptime, sample or unknown.
    #[serde(default = "unknown")]
    pub clock: String,
}

/// Two signals that move together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Correlation {
    /// First signal, with its labels: the one that leads.
    pub a: String,
    /// Second signal.
    pub b: String,
    /// Pearson's r.
    pub pearson: f64,
    /// Chance of it without a relation, allowing for samples that persist and corrected for all pairs that were tried.
    pub p: f64,
    /// Pairs of samples.
    pub n: u64,
    /// Pearson's r of the changes from sample to sample: two mere trends have none.
    #[serde(default)]
    pub pearson_of_changes: Option<f64>,
    /// Seconds by which the first leads.
    #[serde(default)]
    pub lag_s: f64,
    /// Id of the subject.
    #[serde(default)]
    pub subject: Option<String>,
}

/// A signal as a sum of others, by least squares.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Regression {
    /// The signal, with its labels.
    pub series: String,
    /// UCUM unit.
    pub unit: String,
    /// Id of the subject.
    pub subject: String,
    /// Samples at which all were measured; 0: nothing explains it.
    pub n: u64,
    /// Value where all others are nought.
    pub intercept: f64,
    /// Share of the variance that is explained.
    pub r2: f64,
    /// The same, less what as many signals without meaning would explain.
    pub adjusted_r2: f64,
    /// The others, the most telling first.
    pub terms: Vec<Term>,
}

/// A signal within a sum.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Term {
    /// The signal, with its labels.
    pub series: String,
    /// UCUM unit.
    pub unit: String,
    /// What one unit of it adds.
    pub coefficient: f64,
    /// Standard error of that.
    pub std_error: f64,
    /// Chance of it without an effect.
    pub p: f64,
}

/// A setting, what it should be, and how that comes about.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Advice {
    /// GOMEMLIMIT, GOMAXPROCS, -Xmx, memory limit, pool size of NAME.
    pub setting: String,
    /// What it should be.
    pub value: String,
    /// What it is; null: not known, or not set.
    pub now: Option<String>,
    /// The arithmetic.
    pub arithmetic: String,
    /// Id of the subject.
    #[serde(default)]
    pub subject: Option<String>,
}

/// A capture that would settle what is open.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NextCapture {
    /// Exact command.
    pub command: String,
    /// The question that it answers.
    pub answers: String,
}

/// Something about the input that the reader must know.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Warning {
    /// Path of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact: Option<String>,
    /// Line of the artifact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// In words.
    pub message: String,
}

/// A pattern that could not be judged.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NotChecked {
    /// Pattern id.
    pub pattern: String,
    /// What is missing.
    pub needs: String,
    /// How to capture it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
}

/// Somebody that the artifacts speak of.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subject {
    /// Id within the report.
    pub id: String,
    /// process, container, pod, cgroup, node or unknown.
    pub kind: String,
    /// Name for people.
    pub name: String,
    /// Language runtime.
    #[serde(default)]
    pub runtime: Option<String>,
    /// What was claimed.
    #[serde(default)]
    pub claims: Map<String, Value>,
    /// Why artifacts were joined.
    #[serde(default)]
    pub joined_because: Vec<String>,
    /// How many lives it had in the bundle.
    #[serde(default)]
    pub incarnations: Option<u64>,
}

/// A pattern with its outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Checked {
    /// Pattern id.
    pub pattern: String,
    /// found, not-found or not-checked.
    pub outcome: String,
    /// Category of the taxonomy.
    #[serde(default)]
    pub category: String,
    /// One line.
    #[serde(default)]
    pub title: String,
    /// What is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needs: Option<String>,
    /// How to capture it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// Why it was not found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Something that happened.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Event {
    /// kill, panic, exit, snapshot, ...
    pub kind: String,
    /// When.
    pub at: Option<String>,
    /// wall, uptime, sample or unknown.
    #[serde(default = "unknown")]
    pub clock: String,
    /// Id of the subject.
    pub subject: Option<String>,
    /// In words.
    pub says: String,
    /// Path of the artifact.
    #[serde(default)]
    pub artifact: String,
    /// Line of the artifact.
    pub line: Option<u32>,
}

/// Who holds the bytes of one subject.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Memory {
    /// Id of the subject.
    pub subject: String,
    /// Limit in bytes; null: none known.
    pub limit: Option<u64>,
    /// Bytes in use by the kernel's count at the latest sample that lived.
    pub used: Option<u64>,
    /// The parts.
    pub parts: Vec<MemoryPart>,
}

/// A part of the memory.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct MemoryPart {
    /// anon, file, shmem, kernel, ...
    pub part: String,
    /// Part that it is a part of; empty for parts of the whole.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub within: String,
    /// Bytes at the latest sample that lived; below zero for `not-touched` and `unexplained`, where other parts were
    /// counted with more than the whole has.
    pub bytes: i64,
    /// Share of the limit.
    pub share_of_limit: Option<f64>,
    /// Growth in bytes from the first sample.
    pub grew: i64,
    /// Share of the whole growth.
    pub share_of_growth: Option<f64>,
}

/// A stack profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProfileInfo {
    /// Id within the report; also the stem of its files.
    pub id: String,
    /// cpu, heap-inuse, threads, ...
    pub kind: String,
    /// Event as the artifact names it.
    #[serde(default)]
    pub event: String,
    /// Unit of the total.
    pub unit: String,
    /// Sum of the weights.
    pub total: f64,
    /// Samples.
    #[serde(default)]
    pub samples: u64,
    /// Path of the artifact.
    #[serde(default)]
    pub artifact: String,
    /// The hottest functions: name, share by self, share by total.
    #[serde(default)]
    pub hottest: Vec<Hot>,
    /// Files written for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
    /// Its heaviest stacks, for drawing; null where another profile of its kind stands for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tree: Option<StackTree>,
}

/// Stacks merged from the outermost frame on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct StackTree {
    /// Parents before their children, which follow at once, the heaviest first.
    pub frames: Vec<TreeFrame>,
    /// Frames that are too light to be listed; their weight is still in their callers.
    pub left_out: u64,
}

/// A frame of a [`StackTree`]: its depth (0 is the outermost), its function, and the weight of all stacks through it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TreeFrame(pub u32, pub String, pub f64);

/// A hot function.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Hot {
    /// Function.
    pub function: String,
    /// Share of samples in which it is the innermost frame.
    pub self_share: f64,
    /// Share of samples in which it occurs.
    pub total_share: f64,
}

fn unknown() -> String {
    "unknown".to_owned()
}
