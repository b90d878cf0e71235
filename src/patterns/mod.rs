//! Patterns: data that turn facts into findings. A pattern never computes; what it cannot say is a pass's work.

mod condition;
pub mod examples;
mod load;
mod matcher;

pub use condition::{Condition, Truth, Where};
pub use load::{built_in, from_dir, parse};
pub use matcher::{Match, Outcome, Part, check, why_not};

use crate::report::model::Severity;

/// A pattern, as its file says.
#[derive(Clone, Debug)]
pub struct Pattern {
    /// File name without its ending.
    pub id: String,
    /// One line for people.
    pub title: String,
    /// Category of the taxonomy.
    pub category: String,
    /// The worst that it can be.
    pub severity: Severity,
    /// Decibans before any evidence.
    pub prior: i32,
    /// Sentences for a finding, with `{attributes}` of the anchor.
    pub summary: String,
    /// Captures without which it cannot be judged.
    pub needs: Vec<String>,
    /// Captures that would settle a weak finding.
    pub settle: Vec<String>,
    /// What `count` counts.
    pub count_of: Option<String>,
    /// The finding is about waiting threads: its bucket is the anchor's reason.
    pub bucket: Option<String>,
    /// Patterns whose findings it explains on the same subject.
    pub explains: Vec<String>,
    /// The anchors; one finding for each fact that fits one of them.
    pub anchors: Vec<Clause>,
    /// What raises the score.
    pub fors: Vec<Weighted>,
    /// What lowers it.
    pub againsts: Vec<Weighted>,
    /// What rules it out.
    pub unless: Vec<Clause>,
    /// Body: what it means.
    pub meaning: String,
    /// Body: how to confirm.
    pub confirm: String,
    /// Body: what to do.
    pub fix: String,
    /// Body: references, one a line.
    pub references: Vec<String>,
    /// Fenced captures that it must match or must not.
    pub examples: Vec<Example>,
}

/// Facts of one kind that stand in a relation to the anchor.
#[derive(Clone, Debug)]
pub struct Clause {
    /// Kind of fact; empty: the anchor itself.
    pub fact: String,
    /// How it is joined to the anchor.
    pub on: Join,
    /// What its attributes must be.
    pub conditions: Where,
    /// What it means when it holds, for people.
    pub says: String,
}

/// A clause with its weight in the score.
#[derive(Clone, Debug)]
pub struct Weighted {
    /// The clause.
    pub clause: Clause,
    /// Decibans; negative for evidence against.
    pub weight: i32,
    /// Evidence family: within one, only the strongest counts.
    pub family: String,
}

/// How a further fact is joined to the anchor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Join {
    /// The same subject.
    Subject,
    /// The same subject and the same `site` or `holder_site`.
    Site,
    /// Anywhere in the bundle.
    Bundle,
}

/// A capture in a pattern's file.
#[derive(Clone, Debug)]
pub struct Example {
    /// It must match; else it must not.
    pub matches: bool,
    /// Which of several examples: fences with one name form one bundle.
    pub name: String,
    /// Path of the artifact.
    pub artifact: String,
    /// Its text.
    pub text: String,
    /// Line of the file, for messages.
    pub line: usize,
}

/// The categories of the report schema, with the tier that forbids explaining upwards: a cause has a lower or equal
/// tier than its symptom.
pub const CATEGORIES: &[(&str, u8)] = &[
    ("memory-misconfig", 1),
    ("stalled-io", 1),
    ("deadlock", 1),
    ("data-race", 1),
    ("goroutine-leak", 2),
    ("thread-leak", 3),
    ("heap-leak", 3),
    ("native-memory-leak", 3),
    ("fd-leak", 3),
    ("lock-contention", 3),
    ("pool-exhaustion", 3),
    ("page-cache-pressure", 4),
    ("gc-thrash", 4),
    ("cpu-hotspot", 4),
    ("cpu-throttling", 5),
    ("scheduler-starvation", 5),
    ("crash", 6),
    ("oom-kill", 6),
];

/// The tier of a category.
pub fn tier(category: &str) -> u8 {
    CATEGORIES.iter().find(|(name, _)| *name == category).map_or(9, |(_, tier)| *tier)
}

/// The evidence families.
pub const FAMILIES: &[&str] = &["proof", "shape", "population", "time", "consequence", "context"];
