//! `postmortem inspect`: what was read, without a judgement.

use super::analyze::all_patterns;
use crate::analysis::analyze;
use crate::bundle::{self, Limits};
use crate::report::units;
use anyhow::Result;
use std::fmt::Write;
use std::path::PathBuf;

/// Show what a bundle holds: each file with its format, records and time span, without judging it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// What to look at; - for standard input.
    #[arg(required = true, value_name = "BUNDLE")]
    paths: Vec<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let bundle = bundle::read(&args.paths, &Limits::default(), &|_| {})?;
    let report = analyze(bundle, &all_patterns(&[])?)?.report;
    let mut out = String::new();
    let widest = report.artifacts.iter().map(|artifact| artifact.path.chars().count()).max().unwrap_or(0).min(60);
    for artifact in &report.artifacts {
        let format = artifact.format.as_deref().unwrap_or("not recognised");
        let span = artifact.span.as_ref().map_or(String::new(), |span| format!("  {} to {}", span.from, span.to));
        writeln!(
            out,
            "{:widest$}  {format:<18} {:>12} {:>9} records{span}",
            clean(&artifact.path),
            units::bytes(artifact.bytes as f64),
            units::count(artifact.records),
        )?;
        for part in &artifact.parts {
            let lines = part.lines.map_or(String::new(), |(from, to)| format!(", lines {from} to {to}"));
            writeln!(out, "{:widest$}    {} ({} records{lines})", "", part.format, units::count(part.records))?;
        }
    }
    for subject in &report.subjects {
        writeln!(
            out,
            "{} {} ({})",
            subject.kind,
            clean(&subject.name),
            subject.runtime.as_deref().unwrap_or("runtime not known")
        )?;
        for reason in &subject.joined_because {
            writeln!(out, "  {}", clean(reason))?;
        }
    }
    for warning in &report.warnings {
        let place = match (&warning.artifact, warning.line) {
            (Some(artifact), Some(line)) => format!("{artifact}:{line}: "),
            (Some(artifact), None) => format!("{artifact}: "),
            _ => String::new(),
        };
        writeln!(out, "warning: {}", clean(&format!("{place}{}", warning.message)))?;
    }
    super::print(&out)?;
    Ok(0)
}

/// Names come from the input: control characters must not reach the terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}
