//! From a bundle to its report: the stages one after the other.

use crate::bundle::Bundle;
use crate::case::Case;
use crate::diagnosis::{self, assemble};
use crate::passes::{self, fact::Facts, measures, roles::Catalogue, threads};
use crate::patterns::Pattern;
use crate::report::model::Report;
use anyhow::Result;

/// What an analysis gives besides the report: for pictures and for those who write patterns.
#[derive(Debug)]
pub struct Analysis {
    /// The evidence.
    pub case: Case,
    /// What the passes stated.
    pub facts: Facts,
    /// The answer.
    pub report: Report,
}

/// Analyses a bundle.
///
/// # Errors
/// When the built-in role catalogue is not well formed.
pub fn analyze(mut bundle: Bundle, patterns: &[Pattern]) -> Result<Analysis> {
    let case = Case::build(&mut bundle);
    let catalogue = Catalogue::built_in()?;
    let stacks = threads::Stacks::of(&case, &catalogue);
    let (facts, report) = {
        let populations = threads::populations(&case, &stacks);
        let judged = measures::judge_all(&case);
        let facts = passes::run(&case, &populations, &judged);
        let diagnosis = diagnosis::diagnose(&case, &bundle, &facts, patterns);
        let report = assemble::report(&case, &bundle, &facts, &populations, &judged, diagnosis);
        (facts, report)
    };
    Ok(Analysis { case, facts, report })
}
