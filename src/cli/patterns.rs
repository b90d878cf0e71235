//! `postmortem patterns`.

use super::analyze::all_patterns;
use crate::patterns::{self, examples};
use anyhow::Result;
use clap::Subcommand;
use std::fmt::Write;
use std::path::PathBuf;

/// List the patterns, or run the examples in their files.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List all patterns: id, category, title.
    List {
        /// More patterns, one Markdown file each.
        #[arg(long, value_name = "DIR")]
        patterns: Vec<PathBuf>,
    },
    /// Run the fenced examples of the patterns in a folder (of the built-in ones without it).
    Test {
        /// Folder of pattern files.
        #[arg(value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    match &args.verb {
        Verb::List { patterns } => list(patterns),
        Verb::Test { dir } => test(dir.as_ref()),
    }
}

fn list(dirs: &[PathBuf]) -> Result<u8> {
    let mut out = String::new();
    for pattern in all_patterns(dirs)? {
        writeln!(out, "{:<28} {:<20} {}", pattern.id, pattern.category, pattern.title)?;
    }
    super::print(&out)?;
    Ok(0)
}

fn test(dir: Option<&PathBuf>) -> Result<u8> {
    let patterns = match dir {
        Some(dir) => patterns::from_dir(dir)?,
        None => patterns::built_in()?,
    };
    let mut out = String::new();
    let (mut passed, mut failed) = (0, 0);
    for pattern in &patterns {
        for result in examples::run(pattern)? {
            match result.fault {
                None => passed += 1,
                Some(fault) => {
                    failed += 1;
                    writeln!(out, "{}: {} {}: {fault}", pattern.id, result.kind, result.name)?;
                }
            }
        }
    }
    writeln!(out, "{} patterns; {passed} passed, {failed} failed", patterns.len())?;
    super::print(&out)?;
    Ok(u8::from(failed > 0))
}
