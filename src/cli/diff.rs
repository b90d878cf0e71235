//! `postmortem diff`.

use super::output::{Color, style};
use crate::analysis::{Analysis, analyze};
use crate::bundle::{self, Limits};
use crate::diff::{self, Comparison, pictures};
use crate::patterns;
use crate::policy::FailOn;
use crate::report::redact::Masks;
use crate::report::terminal::Verbosity;
use crate::report::{self, json, units};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use std::path::{Path, PathBuf};

/// Say what changed between two bundles or profiles, beyond what chance explains.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem diff monday.tar.gz friday.tar.gz
  postmortem diff before.script after.script --out what-changed
  postmortem diff v1.pb.gz v2.pb.gz --format json --fail-on grown=2%
  postmortem diff base.folded - < new.folded
  postmortem diff both.folded            # two numbers a line, as difffolded.pl writes them

Exit status: 0 done; 1 a change that --fail-on names; 2 could not do the job.")]
pub struct Args {
    /// What came first: a bundle or a single file of any format, or - for standard input.
    before: PathBuf,
    /// What is held against it; without it BEFORE is folded stacks with two numbers a line.
    after: Option<PathBuf>,
    /// Folder for diff.json, diff.md and the differential flame graphs.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What to print.
    #[arg(long, value_enum, default_value_t = Format::Terminal)]
    format: Format,
    /// Exit with status 1 on such a change; may be given again: a severity (of a finding that is new or worse),
    /// grown[=PERCENT] (a function, by this share of all), threads[=N], series[=PERCENT], any.
    #[arg(long, value_name = "CHANGE", value_delimiter = ',')]
    fail_on: Vec<FailOn>,
    /// Mask secrets, addresses and names in the text for the terminal and in JSON too.
    #[arg(long)]
    redact: bool,
    /// Mask nothing: also not in Markdown.
    #[arg(long, conflicts_with = "redact")]
    no_redact: bool,
    /// When to colour the text.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Only the words.
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// Every row and every note.
    #[arg(short, long)]
    verbose: bool,
}

/// What a comparison can be written as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Words and tables.
    Terminal,
    /// The same for a ticket.
    Markdown,
    /// All of it, for programs.
    Json,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let is_stdin = |path: &Path| path == Path::new("-");
    if is_stdin(&args.before) && args.after.as_deref().is_some_and(is_stdin) {
        bail!("only one side can be standard input");
    }
    let before = read(&args.before)?;
    let after = args.after.as_deref().map(read).transpose()?;
    let comparison = match &after {
        Some(after) => diff::compare(&before, after)?,
        None => diff::compare_columns(&before)?,
    };
    let sides = [Some(&before), after.as_ref()];
    let text = |format: Format| {
        let masks = sides.into_iter().flatten().map(|side| Masks::of(&side.report));
        masked(written(&comparison, format, args), args.masks(format), masks)
    };
    let mut code = u8::from(args.fail_on.iter().any(|change| change.fails(&comparison.diff)));
    if let Some(folder) = &args.out
        && let Err(error) = write_folder(folder, &comparison, &text)
    {
        super::complain(&format!("cannot write to {}: {error:#}", folder.display()));
        code = 2;
    }
    super::print(&text(args.format))?;
    Ok(code)
}

impl Args {
    /// Whether this output is masked: what is passed on is, unless it was forbidden.
    fn masks(&self, format: Format) -> bool {
        self.redact || (format == Format::Markdown && !self.no_redact)
    }
}

fn read(path: &Path) -> Result<Analysis> {
    let bundle = bundle::read(&[path.to_owned()], &Limits::default(), &|_| {})?;
    let analysis = analyze(bundle, &patterns::built_in()?)?;
    if analysis.report.artifacts.iter().all(|artifact| artifact.format.is_none()) {
        let files = units::counted(analysis.report.artifacts.len() as u64, "file", "files");
        bail!("nothing recognised in {}: no known format in {files}", path.display());
    }
    Ok(analysis)
}

fn written(comparison: &Comparison<'_>, format: Format, args: &Args) -> String {
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    match format {
        Format::Terminal => report::diff::terminal(&comparison.diff, &style(args.color, verbosity)),
        Format::Markdown => report::diff::markdown(&comparison.diff),
        Format::Json => json::pretty(&comparison.diff),
    }
}

fn masked(text: String, wanted: bool, masks: impl Iterator<Item = Masks>) -> String {
    if wanted { masks.fold(text, |text, mut masks| masks.masked(&text)) } else { text }
}

fn write_folder(folder: &Path, comparison: &Comparison<'_>, text: &dyn Fn(Format) -> String) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let put = |name: &str, text: &str| std::fs::write(folder.join(name), text).with_context(|| name.to_owned());
    put("diff.json", &text(Format::Json))?;
    put("diff.md", &text(Format::Markdown))?;
    pictures::all(comparison).try_for_each(|picture| put(&picture.name, &picture.text))
}
