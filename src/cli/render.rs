//! `postmortem render`: every output again, from a report in JSON.

use super::output;
use crate::report::model::{Report, SCHEMA};
use anyhow::{Context, Result, bail};
use std::io::Read;
use std::path::{Path, PathBuf};

/// Print a report.json in another format, as the analysis itself would have.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem render bundle.tar.gz.postmortem/report.json
  postmortem render report.json --format markdown --max-chars 3000
  postmortem analyze bundle.tar.gz --format json | postmortem render - --format markdown")]
pub struct Args {
    /// A report in JSON; - for standard input.
    #[arg(value_name = "REPORT")]
    report: PathBuf,
    #[command(flatten)]
    output: output::Args,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let report = read(&args.report)?;
    let extras = output::Extras { pictures: &|_| Ok(()), facts: &String::new };
    output::deliver(report, &args.output, args.output.out(), &extras)
}

/// Reads a report that `--format json` wrote.
pub fn read(path: &Path) -> Result<Report> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().read_to_string(&mut text).context("cannot read standard input")?;
    } else {
        text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    }
    let report: Report =
        serde_json::from_str(&text).with_context(|| format!("{} is no report in JSON", path.display()))?;
    if report.schema != SCHEMA {
        bail!("{} is of schema {:?}; this version reads {SCHEMA}", path.display(), report.schema);
    }
    Ok(report)
}
