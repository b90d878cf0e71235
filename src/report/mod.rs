//! The report model and its renderers. A renderer sees the [`model::Report`] and nothing else.

pub mod flamegraph;
pub mod folded;
pub mod json;
pub mod markdown;
pub mod model;
pub mod terminal;
mod text;
pub mod units;
mod view;

#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod tests;

/// What a report can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// One screen of text.
    Terminal,
    /// A text for a ticket.
    Markdown,
    /// The whole report, for programs.
    Json,
}

/// What the renderers may be told. Each uses the part that concerns it.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// For the terminal.
    pub style: terminal::Style,
    /// For Markdown: the most characters that the text may have.
    pub max_chars: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { style: terminal::Style::default(), max_chars: markdown::DEFAULT_MAX_CHARS }
    }
}

/// Writes a report in a format.
pub fn render(report: &model::Report, format: Format, options: &Options) -> String {
    match format {
        Format::Terminal => terminal::render(report, &options.style),
        Format::Markdown => markdown::render(report, options.max_chars),
        Format::Json => json::render(report),
    }
}
