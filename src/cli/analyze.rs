//! `postmortem analyze`.

use super::output;
use crate::analysis::{Analysis, analyze};
use crate::bundle::{self, Limits};
use crate::diagnosis::assemble;
use crate::patterns::{self, Pattern};
use crate::pictures;
use crate::report::units;
use anyhow::{Result, bail};
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

/// Analyse a bundle: an archive, a folder, a file, or - for standard input.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem analyze bundle.tar.gz
  postmortem analyze jstack-1.txt jstack-2.txt --format markdown > ticket.md
  kubectl logs web-0 --previous | postmortem analyze -
  postmortem analyze bundle.tar.gz --format json --fail-on error")]
pub struct Args {
    /// What to analyse; several paths are one incident.
    #[arg(required = true, value_name = "BUNDLE")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    output: output::Args,
    /// More patterns, one Markdown file each.
    #[arg(long, value_name = "DIR")]
    patterns: Vec<PathBuf>,
    /// Stop reading after this many unpacked bytes (suffixes K, M, G, T).
    #[arg(long, value_name = "BYTES", value_parser = size)]
    max_bytes: Option<u64>,
    /// Stop reading after this many files.
    #[arg(long, value_name = "N")]
    max_files: Option<u64>,
    /// Explain a signal by the others of its process: multiple least squares with errors and R2. Its name as under
    /// "Signals over time".
    #[arg(long, value_name = "NAME")]
    explain_series: Option<String>,
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, scale) = match text.char_indices().last() {
        Some((at, unit)) if !unit.is_ascii_digit() => match unit.to_ascii_uppercase() {
            'K' => (&text[..at], 1 << 10),
            'M' => (&text[..at], 1 << 20),
            'G' => (&text[..at], 1 << 30),
            'T' => (&text[..at], 1u64 << 40),
            _ => return Err(format!("unknown suffix {unit:?}")),
        },
        _ => (text, 1),
    };
    let number: u64 = digits.parse().map_err(|_| format!("not a number: {text:?}"))?;
    number.checked_mul(scale).ok_or_else(|| "too large".to_owned())
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let patterns = all_patterns(&args.patterns)?;
    let mut analysis = read_and_analyze(args, &patterns)?;
    if let Some(name) = &args.explain_series {
        analysis.report.regressions = assemble::regressions(&analysis.case, name);
        if analysis.report.regressions.is_empty() {
            let known: BTreeSet<&str> = analysis.case.signals.iter().map(|signal| signal.name.as_str()).collect();
            bail!("no signal {name:?}; there are {}", known.into_iter().collect::<Vec<_>>().join(", "));
        }
    }
    let report = &analysis.report;
    if report.artifacts.iter().all(|artifact| artifact.format.is_none()) {
        bail!(
            "nothing recognised: no known format in {}",
            units::counted(report.artifacts.len() as u64, "file", "files")
        );
    }
    let folder = args.output.folder_for(&report.bundle.name);
    let extras = output::Extras {
        pictures: &|give| pictures::all(&analysis.case).try_for_each(give),
        facts: &|| facts(&analysis),
    };
    output::deliver(report.clone(), &args.output, folder.as_deref(), &extras)
}

/// The patterns that are built in and those of these folders.
pub fn all_patterns(dirs: &[PathBuf]) -> Result<Vec<Pattern>> {
    let mut all = patterns::built_in()?;
    for dir in dirs {
        for pattern in patterns::from_dir(dir)? {
            if all.iter().any(|known| known.id == pattern.id) {
                bail!("pattern {} of {} has the name of another", pattern.id, dir.display());
            }
            all.push(pattern);
        }
    }
    Ok(all)
}

fn read_and_analyze(args: &Args, patterns: &[Pattern]) -> Result<Analysis> {
    let mut limits = Limits::default();
    limits.total_bytes = args.max_bytes.unwrap_or(limits.total_bytes);
    limits.entries = args.max_files.unwrap_or(limits.entries);
    let show = std::io::stderr().is_terminal() && !args.output.is_quiet();
    let shown = AtomicU64::new(0);
    let progress = |bytes: u64| {
        // A line for every 64 MiB read is enough to see that it goes on.
        let step = bytes >> 26;
        if show && step > shown.swap(step, Ordering::Relaxed) {
            let _ = write!(std::io::stderr(), "\rread {} MiB", bytes >> 20);
        }
    };
    let bundle = bundle::read(&args.paths, &limits, &progress)?;
    if shown.load(Ordering::Relaxed) > 0 {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
    analyze(bundle, patterns)
}

/// Every fact, for those who write patterns.
fn facts(analysis: &Analysis) -> String {
    let mut out = String::from("\nFacts\n");
    for fact in &analysis.facts.all {
        let attributes: Vec<String> = fact.attributes.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let line = format!("  {} {}", fact.kind, attributes.join(" "));
        out.extend(line.chars().filter(|c| !c.is_control()).take(1200));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_have_suffixes() {
        assert_eq!(size("12"), Ok(12));
        assert_eq!(size("3M"), Ok(3 << 20));
        assert!(size("x").is_err());
        assert!(size("99999999999T").is_err());
    }
}
