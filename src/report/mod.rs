//! The report model and its renderers. A renderer sees the [`model::Report`] and nothing else.

mod annotation;
pub mod diff;
pub mod diff_flamegraph;
pub mod flamegraph;
pub mod folded;
pub mod github;
pub mod gitlab;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod model;
pub mod redact;
pub mod sarif;
pub mod terminal;
mod text;
pub mod tree;
pub mod units;
pub(crate) mod view;

#[cfg(test)]
pub(crate) mod fixtures;
#[cfg(test)]
mod tests;

use crate::policy::Gate;

/// What a report can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One screen of text.
    Terminal,
    /// A text for a ticket.
    Markdown,
    /// A page that stands alone.
    Html,
    /// The whole report, for programs.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// A test report: a test case for each pattern.
    Junit,
    /// Annotations of a run of GitHub Actions.
    Github,
    /// A code quality report of GitLab.
    Gitlab,
}

/// What the renderers may be told. Each uses the part that concerns it.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For the terminal.
    pub style: terminal::Style,
    /// For Markdown: the most characters that the text may have.
    pub max_chars: usize,
    /// For Markdown: where it will be read.
    pub target: markdown::Target,
    /// For JUnit: which findings are failures.
    pub gate: Gate,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            style: terminal::Style::default(),
            max_chars: markdown::DEFAULT_MAX_CHARS,
            target: markdown::Target::Github,
            gate: Gate { fail_on: model::Severity::Warning, min_confidence: 0.0 },
        }
    }
}

/// Writes a report in a format.
pub fn render(report: &model::Report, format: Format, options: &Options) -> String {
    match format {
        Format::Terminal => terminal::render(report, &options.style),
        Format::Markdown => markdown::render_for(report, options.target, options.max_chars),
        Format::Html => html::render(report),
        Format::Json => json::render(report),
        Format::Sarif => sarif::render(report),
        Format::Junit => junit::render(report, &options.gate),
        Format::Github => github::render(report),
        Format::Gitlab => gitlab::render(report),
    }
}
