//! The comparison: what `diff --format json` prints and all that its renderers see. Within version 1 fields are added,
//! never renamed, removed or given another meaning. Durations are seconds, shares 0..1, `null` is not known.

use crate::report::model::{Severity, Tool, Verdict, Warning};
use serde::{Deserialize, Serialize};

/// The value of [`Diff::schema`].
pub const SCHEMA: &str = "postmortem.diff/1";

/// A whole comparison.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Diff {
    /// Always [`SCHEMA`].
    pub schema: String,
    /// What wrote it.
    pub tool: Tool,
    /// What came first.
    pub before: Side,
    /// What is held against it.
    pub after: Side,
    /// The answer in one word.
    pub outcome: Outcome,
    /// What changed, in sentences, the most telling first.
    pub summary: Vec<String>,
    /// Profiles of the same event on both sides.
    pub profiles: Vec<ProfileDiff>,
    /// Thread and goroutine dumps of the same runtime on both sides.
    pub threads: Vec<ThreadsDiff>,
    /// Signals that both sides have.
    pub series: Vec<SeriesDiff>,
    /// Findings of either side.
    pub findings: Vec<FindingDiff>,
    /// Evidence that only one side has, each a sentence.
    pub one_sided: Vec<String>,
    /// What was odd in the input of either side.
    pub warnings: Vec<Warning>,
}

/// Whether anything changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// At least one thing did, beyond what chance explains.
    Changed,
    /// Nothing did.
    Unchanged,
    /// The sides have nothing in common that could be compared.
    Incomparable,
}

/// One side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Side {
    /// Name of the bundle, without its path.
    pub name: String,
    /// Size of what was read, in bytes.
    pub bytes: u64,
    /// Checksum of what was read, where it is one file.
    pub sha256: Option<String>,
    /// What an analysis of this side alone says.
    pub verdict: Verdict,
}

/// What became of something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Change {
    /// It is there only after.
    Appeared,
    /// It is more.
    Grew,
    /// It is less.
    Shrank,
    /// It was there only before.
    Vanished,
    /// No change beyond what chance explains.
    Same,
}

/// Two profiles of the same event.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ProfileDiff {
    /// Name of its files: place in the list, kind, event.
    pub id: String,
    /// What was sampled: `cpu`, `off-cpu`, `heap-inuse`, ...
    pub kind: String,
    /// The event as printed.
    pub event: String,
    /// Unit of the weights.
    pub unit: String,
    /// The recording before.
    pub before: Recording,
    /// The recording after.
    pub after: Recording,
    /// What the functions that did not change took after, of what they took before, in weight per second (in weight
    /// where the rate is not known). Changes are held against it.
    pub rest: Option<f64>,
    /// How many samples are worth one independent sample, on average; 1: they do not come in bursts.
    pub dispersion: f64,
    /// Whether that was measured from the times of samples; else it is assumed.
    pub dispersion_measured: bool,
    /// How much wider than the recordings themselves explain most functions differ; 1: not wider.
    pub inflation: f64,
    /// Functions that have enough samples for a judgement.
    pub tested: u64,
    /// The smallest growth of the largest function that would have been called a change, as a share of its cost.
    pub detectable: Option<f64>,
    /// Functions: those that changed, by how much of the change each explains; then the largest others.
    pub functions: Vec<FunctionDiff>,
    /// Functions that are not listed.
    pub unlisted: u64,
}

/// One side of a profile.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recording {
    /// Where it was read, by path within the bundle.
    pub artifacts: Vec<String>,
    /// Sum of the weights.
    pub total: f64,
    /// Samples.
    pub samples: u64,
    /// Seconds that were recorded; null: not told.
    pub seconds: Option<f64>,
    /// Weight per second; null: not known.
    pub rate: Option<f64>,
}

/// A function on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FunctionDiff {
    /// Its name, without what compilers append.
    pub function: String,
    /// What became of its own cost; of a library function: of its cost alone.
    pub verdict: Change,
    /// What became of its total.
    pub total_verdict: Change,
    /// It is library code: its cost is part of the own cost of its callers.
    pub library: bool,
    /// Its cost with that of the library code that it calls.
    pub own: Cost,
    /// Samples in which it is innermost.
    #[serde(rename = "self")]
    pub itself: Cost,
    /// Samples in which it occurs.
    pub total: Cost,
    /// Cost after, of the cost before, where that of the rest is 1; null: it was not there before.
    pub factor: Option<f64>,
    /// The change against the rest, as a share of all of the weight after.
    pub explains: f64,
    /// Chance of such a change where there is none.
    pub p: f64,
    /// The same, corrected for the number of functions that were tested.
    pub q: f64,
    /// Functions that changed in total because they call it, outermost first.
    pub callers: Vec<String>,
    /// The stack in which it changed most, outermost first.
    pub stack: Vec<String>,
}

/// A cost on both sides.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Cost {
    /// Share of all before.
    pub before: f64,
    /// Share of all after.
    pub after: f64,
    /// Weight per second before; null: not known.
    pub rate_before: Option<f64>,
    /// Weight per second after; null: not known.
    pub rate_after: Option<f64>,
}

/// Threads or goroutines on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ThreadsDiff {
    /// Whose.
    pub process: String,
    /// Which runtime.
    pub runtime: String,
    /// Dumps on each side.
    pub dumps: (u64, u64),
    /// All of them, in the newest dump of each side.
    pub total: Count,
    /// By reason, the largest change first.
    pub reasons: Vec<ReasonDiff>,
    /// By reason and stack: those that changed, the largest change first, then the largest others.
    pub groups: Vec<GroupDiff>,
    /// Groups that are not listed.
    pub unlisted: u64,
}

/// A number of threads on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Count {
    /// What became of it.
    pub verdict: Change,
    /// In the newest dump before.
    pub before: u64,
    /// In the newest dump after.
    pub after: u64,
    /// Least and most over all dumps before.
    pub range_before: (u64, u64),
    /// Least and most over all dumps after.
    pub range_after: (u64, u64),
}

/// Threads that wait for one reason.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReasonDiff {
    /// Why they wait.
    pub reason: String,
    /// How many.
    pub count: Count,
}

/// Threads of one reason and stack.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct GroupDiff {
    /// Why they wait.
    pub reason: String,
    /// How many.
    pub count: Count,
    /// The place: the innermost function of the user's own code, else the innermost.
    pub place: String,
    /// Frames, innermost first.
    pub frames: Vec<String>,
    /// Function that started them.
    pub created_by: Option<String>,
    /// They are known to wait harmlessly.
    pub idle: bool,
}

/// A signal on both sides.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SeriesDiff {
    /// Its name by OpenTelemetry's conventions, with labels.
    pub series: String,
    /// Whose.
    pub subject: String,
    /// Unit (UCUM).
    pub unit: String,
    /// `level`, `total` (compared by its rate), or `limit`.
    pub kind: String,
    /// What became of it.
    pub verdict: Change,
    /// Before.
    pub before: Level,
    /// After.
    pub after: Level,
    /// After against before, as a share; null: before is 0.
    pub relative: Option<f64>,
    /// Chance of such a change where there is none; null: too few readings to test.
    pub p: Option<f64>,
}

/// The readings of one side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Level {
    /// How many.
    pub n: u64,
    /// Their median, or rate per second of a total.
    pub median: f64,
    /// The newest.
    pub last: f64,
    /// The largest.
    pub max: f64,
    /// How it went: `growing`, `flat`, ...; null: too few readings.
    pub trend: Option<String>,
    /// Slope, where it grows or falls.
    pub slope_per_hour: Option<f64>,
}

/// A finding of either side.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct FindingDiff {
    /// Id of the pattern.
    pub pattern: String,
    /// What it says.
    pub title: String,
    /// What became of it.
    pub verdict: Change,
    /// How bad, before.
    pub before: Option<Severity>,
    /// How bad, after.
    pub after: Option<Severity>,
    /// How sure, 0..1: after, else before.
    pub confidence: f64,
    /// Where.
    pub place: Option<String>,
}
