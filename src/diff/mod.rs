//! Two bundles or profiles held against each other: what changed beyond what chance explains.

mod dumps;
mod findings;
pub mod model;
mod names;
mod noise;
pub mod pictures;
mod profiles;
mod recording;
mod series;
mod subjects;
#[cfg(test)]
mod tests;
pub mod words;

use crate::analysis::Analysis;
use crate::passes::roles::Catalogue;
use crate::passes::threads::{self, Stacks};
use crate::report::model::{Report, Tool};
use anyhow::{Result, bail};
use model::{Diff, Outcome, SCHEMA, Side};
use postmortem_parsers::folded::{AFTER as AFTER_COLUMN, BEFORE as BEFORE_COLUMN};
pub use profiles::Pair;
use subjects::Subjects;

/// A comparison with the profiles that it is of, for pictures.
#[derive(Debug)]
pub struct Comparison<'a> {
    /// What changed.
    pub diff: Diff,
    /// The profiles, in the order of [`Diff::profiles`].
    pub pairs: Vec<Pair<'a>>,
}

/// Compares two analyses.
///
/// # Errors
/// When the built-in role catalogue is not well formed.
pub fn compare<'a>(before: &'a Analysis, after: &'a Analysis) -> Result<Comparison<'a>> {
    let (pairs, mut one_sided) = profiles::pairs(&before.case, &after.case);
    let subjects = Subjects::of(&before.case, &after.case);
    let catalogue = Catalogue::built_in()?;
    let stacks = [before, after].map(|side| Stacks::of(&side.case, &catalogue));
    let populations = [threads::populations(&before.case, &stacks[0]), threads::populations(&after.case, &stacks[1])];
    let (groups, alone) = dumps::diff((&before.case, &populations[0]), (&after.case, &populations[1]), &subjects);
    one_sided.extend(alone);
    let (series, alone) = series::diff((&before.case, &before.report), (&after.case, &after.report), &subjects);
    one_sided.extend(alone);
    let findings = findings::diff(&before.report, &after.report, !pairs.is_empty());
    let mut warnings = before.report.warnings.clone();
    warnings.extend(after.report.warnings.iter().filter(|it| !before.report.warnings.contains(it)).cloned());
    let diff = Diff {
        schema: SCHEMA.to_owned(),
        tool: Tool { name: "postmortem".into(), version: env!("CARGO_PKG_VERSION").into() },
        before: side(&before.report),
        after: side(&after.report),
        outcome: Outcome::Incomparable,
        summary: Vec::new(),
        profiles: compared(&pairs),
        threads: groups,
        series,
        findings,
        one_sided,
        warnings,
    };
    Ok(Comparison { diff: told(diff), pairs })
}

/// Compares the two sides that one file of folded stacks with two numbers a line holds.
///
/// # Errors
/// When it holds no such pair.
pub fn compare_columns(both: &Analysis) -> Result<Comparison<'_>> {
    let column = |event: &str| both.case.profiles.iter().find(|placed| placed.what.event == event);
    let (Some(before), Some(after)) = (column(BEFORE_COLUMN), column(AFTER_COLUMN)) else {
        bail!("{} is no pair: a single input must be folded stacks with two numbers a line", both.report.bundle.name);
    };
    let pairs = vec![profiles::pair_of(&both.case, before, after)];
    let diff = Diff {
        schema: SCHEMA.to_owned(),
        tool: Tool { name: "postmortem".into(), version: env!("CARGO_PKG_VERSION").into() },
        before: side(&both.report),
        after: side(&both.report),
        outcome: Outcome::Incomparable,
        summary: Vec::new(),
        profiles: compared(&pairs),
        threads: Vec::new(),
        series: Vec::new(),
        findings: Vec::new(),
        one_sided: Vec::new(),
        warnings: both.report.warnings.clone(),
    };
    Ok(Comparison { diff: told(diff), pairs })
}

fn compared(pairs: &[Pair<'_>]) -> Vec<model::ProfileDiff> {
    pairs.iter().enumerate().map(|(index, pair)| profiles::diff(pair, index)).collect()
}

fn side(report: &Report) -> Side {
    Side {
        name: report.bundle.name.clone(),
        bytes: report.bundle.bytes,
        sha256: report.bundle.sha256.clone(),
        verdict: report.verdict,
    }
}

/// With the outcome and the sentences.
fn told(mut diff: Diff) -> Diff {
    let comparable = !(diff.profiles.is_empty() && diff.threads.is_empty() && diff.series.is_empty());
    diff.outcome = match (words::changed(&diff), comparable) {
        (true, _) => Outcome::Changed,
        (false, true) => Outcome::Unchanged,
        (false, false) => Outcome::Incomparable,
    };
    diff.summary = words::summary(&diff);
    diff
}
