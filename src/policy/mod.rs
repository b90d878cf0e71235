//! What a run is held against: a baseline, what is allowed, and how bad a finding must be to fail it.

mod baseline;
mod change;
mod config;

pub use baseline::compare;
pub use change::FailOn;
pub use config::{Allow, Config, allow};

use crate::report::model::{Finding, Report, Severity, State};

/// When a run fails.
#[derive(Clone, Copy, Debug)]
pub struct Gate {
    /// Findings at least this bad fail it.
    pub fail_on: Severity,
    /// Findings that are less sure than this do not.
    pub min_confidence: f64,
}

impl Gate {
    /// Whether a finding fails the run: bad and sure enough, not allowed, and not known from the baseline.
    pub fn stops(&self, finding: &Finding) -> bool {
        finding.severity >= self.fail_on && finding.confidence >= self.min_confidence && is_open(finding)
    }

    /// Whether one of the findings does.
    pub fn fails(&self, report: &Report) -> bool {
        report.findings.iter().any(|finding| self.stops(finding))
    }
}

/// Whether a finding is neither allowed nor known from the baseline.
pub fn is_open(finding: &Finding) -> bool {
    finding.suppressed.is_none() && finding.state != Some(State::Same)
}
