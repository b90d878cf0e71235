//! `postmortem explain`.

use super::analyze::all_patterns;
use anyhow::{Result, bail};
use std::fmt::Write;
use std::path::PathBuf;

/// Explain a pattern: what it means, how to confirm it, how to fix it.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Id of a pattern (`postmortem patterns list`), or of a finding of a report.
    #[arg(value_name = "ID")]
    id: String,
    /// More patterns, one Markdown file each.
    #[arg(long, value_name = "DIR")]
    patterns: Vec<PathBuf>,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let patterns = all_patterns(&args.patterns)?;
    // A finding's id is its pattern's with eight hexadecimal digits behind.
    let known = patterns.iter().find(|pattern| {
        args.id
            .strip_prefix(pattern.id.as_str())
            .is_some_and(|rest| rest.is_empty() || (rest.len() == 9 && rest.starts_with('-')))
    });
    let Some(pattern) = known else {
        let within: Vec<&str> =
            patterns.iter().filter(|pattern| pattern.category == args.id).map(|pattern| pattern.id.as_str()).collect();
        if !within.is_empty() {
            bail!("{} is a category; its patterns are {}", args.id, within.join(", "));
        }
        bail!("there is no pattern {:?}; `postmortem patterns list` names them", args.id)
    };
    let mut out = String::new();
    writeln!(out, "{}\n{} ({})\n\n{}", pattern.id, pattern.title, pattern.category, pattern.meaning)?;
    if !pattern.confirm.is_empty() {
        writeln!(out, "\nHow to confirm\n\n{}", pattern.confirm)?;
    }
    writeln!(out, "\nFix\n\n{}", pattern.fix)?;
    if !pattern.references.is_empty() {
        writeln!(out, "\nReferences\n")?;
        for reference in &pattern.references {
            writeln!(out, "- {reference}")?;
        }
    }
    super::print(&out)?;
    Ok(0)
}
