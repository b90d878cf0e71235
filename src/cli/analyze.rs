//! `postmortem analyze`.

use crate::analysis::{Analysis, analyze};
use crate::bundle::{self, Limits};
use crate::diagnosis::assemble;
use crate::patterns::{self, Pattern};
use crate::pictures;
use crate::report::model::{Report, Severity};
use crate::report::terminal::{Style, Verbosity};
use crate::report::{self, Format, Options, html, json, markdown, units};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::collections::BTreeSet;
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
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
    /// Folder for the report; without it and without --format, BUNDLE.postmortem in the working directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print only this on standard output and write nothing else (unless --out is given).
    #[arg(long, value_enum)]
    format: Option<FormatArg>,
    /// Exit with status 1 when a finding is at least this bad.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<SeverityArg>,
    /// More patterns, one Markdown file each.
    #[arg(long, value_name = "DIR")]
    patterns: Vec<PathBuf>,
    /// Most characters of a Markdown report.
    #[arg(long, value_name = "N", default_value_t = markdown::DEFAULT_MAX_CHARS)]
    max_chars: usize,
    /// Stop reading after this many unpacked bytes (suffixes K, M, G, T).
    #[arg(long, value_name = "BYTES", value_parser = size)]
    max_bytes: Option<u64>,
    /// Stop reading after this many files.
    #[arg(long, value_name = "N")]
    max_files: Option<u64>,
    /// When to colour the summary.
    #[arg(long, value_enum, default_value_t = ColorArg::Auto)]
    color: ColorArg,
    /// Explain a signal by the others of its process: multiple least squares with errors and R2. Its name as under
    /// "Signals over time".
    #[arg(long, value_name = "NAME")]
    explain_series: Option<String>,
    /// Only the verdict.
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// More: what was not checked and every warning; twice: every fact.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum FormatArg {
    Terminal,
    Markdown,
    Html,
    Json,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum SeverityArg {
    Info,
    Warning,
    Error,
    Critical,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum ColorArg {
    Auto,
    Always,
    Never,
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
    let mut code = failed(report, args.fail_on);
    let options = Options { style: style(args), max_chars: args.max_chars };
    let text = match args.format {
        Some(format) => report::render(report, format.into(), &options),
        None => report::render(report, Format::Terminal, &options),
    };
    if args.format.is_none() || args.out.is_some() {
        let folder = args.out.clone().unwrap_or_else(|| PathBuf::from(format!("{}.postmortem", report.bundle.name)));
        if let Err(error) = write_folder(&folder, &analysis, args.max_chars) {
            super::complain(&format!("cannot write the report to {}: {error:#}", folder.display()));
            code = 2;
        }
    }
    super::print(&text)?;
    if args.verbose >= 2 && args.format.is_none() {
        super::print(&facts(&analysis))?;
    }
    Ok(code)
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
    let show = std::io::stderr().is_terminal() && !args.quiet;
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

fn failed(report: &Report, fail_on: Option<SeverityArg>) -> u8 {
    let Some(least) = fail_on.map(Severity::from) else { return 0 };
    u8::from(report.findings.iter().any(|finding| finding.severity >= least))
}

fn style(args: &Args) -> Style {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let terminal = std::io::stdout().is_terminal();
    let color = match args.color {
        ColorArg::Always => true,
        ColorArg::Never => false,
        ColorArg::Auto => {
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            !set("NO_COLOR") && (set("CLICOLOR_FORCE") || set("FORCE_COLOR") || (terminal && !dumb))
        }
    };
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, 0) => Verbosity::Normal,
        (_, 1) => Verbosity::Verbose,
        _ => Verbosity::Debug,
    };
    Style { color, width: columns.unwrap_or(100), verbosity }
}

fn write_folder(folder: &Path, analysis: &Analysis, max_chars: usize) -> Result<()> {
    let put = |name: &str, text: &str| -> Result<()> {
        std::fs::write(folder.join(name), text).with_context(|| name.to_owned())
    };
    for dir in ["", "folded", "flamegraphs"] {
        std::fs::create_dir_all(folder.join(dir))?;
    }
    forget(&folder.join("folded"), "folded")?;
    forget(&folder.join("flamegraphs"), "svg")?;
    put("report.json", &json::render(&analysis.report))?;
    put("report.html", &html::render(&analysis.report))?;
    put("report.md", &markdown::render(&analysis.report, max_chars))?;
    for picture in pictures::all(&analysis.case) {
        put(&format!("folded/{}.folded", picture.stem), &picture.folded)?;
        if let Some(svg) = &picture.svg {
            put(&format!("flamegraphs/{}.svg", picture.stem), svg)?;
        }
    }
    Ok(())
}

/// Removes the pictures of an earlier run: the new ones may have other names.
fn forget(folder: &Path, ending: &str) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == ending) {
            std::fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// Every fact, for those who write patterns.
fn facts(analysis: &Analysis) -> String {
    let mut out = String::from("\nFacts\n");
    for fact in &analysis.facts.all {
        let attributes: Vec<String> =
            fact.attributes.iter().map(|(name, value)| format!("{name}={}", plain(value))).collect();
        let line = format!("  {} {}", fact.kind, attributes.join(" "));
        out.extend(line.chars().filter(|c| !c.is_control()).take(1200));
        out.push('\n');
    }
    out
}

fn plain(value: &crate::passes::fact::Value) -> String {
    use crate::passes::fact::Value;
    match value {
        Value::Text(text) => format!("{text:?}"),
        Value::Number(number) => format!("{number}"),
        Value::Flag(flag) => flag.to_string(),
        Value::List(list) => format!("{:?}", &list[..list.len().min(6)]),
    }
}

impl From<FormatArg> for Format {
    fn from(format: FormatArg) -> Format {
        match format {
            FormatArg::Terminal => Format::Terminal,
            FormatArg::Markdown => Format::Markdown,
            FormatArg::Html => Format::Html,
            FormatArg::Json => Format::Json,
        }
    }
}

impl From<SeverityArg> for Severity {
    fn from(severity: SeverityArg) -> Severity {
        match severity {
            SeverityArg::Info => Severity::Info,
            SeverityArg::Warning => Severity::Warning,
            SeverityArg::Error => Severity::Error,
            SeverityArg::Critical => Severity::Critical,
        }
    }
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
