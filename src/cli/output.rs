//! What `analyze` and `render` share: how a report is printed, written and turned into an exit status.

use crate::pictures::Picture;
use crate::policy::{self, Config, Gate};
use crate::report::markdown::Target;
use crate::report::model::{Report, Severity};
use crate::report::terminal::{Style, Verbosity};
use crate::report::{self, Format, Options, markdown, redact};
use crate::source::{self, Root, Tree};
use anyhow::{Context, Result};
use clap::ValueEnum;
use jiff::civil::Date;
use std::cell::OnceCell;
use std::fs::File;
use std::io::{BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};

/// Options of the output.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Output")]
#[group(skip)]
pub struct Args {
    /// Folder for the report; for analyze, without it and without --format, BUNDLE.postmortem in the working directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print only this on standard output and write nothing else (unless --out is given).
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Exit with status 1 when a finding is at least this bad.
    #[arg(long, value_enum, value_name = "SEVERITY")]
    fail_on: Option<Severity>,
    /// A report.json to compare with: only what is new or worse fails the run.
    #[arg(long, value_name = "REPORT")]
    baseline: Option<PathBuf>,
    /// Thresholds and findings that are allowed; without it postmortem.toml of this folder or the nearest above.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Read no postmortem.toml.
    #[arg(long, conflicts_with = "config")]
    no_config: bool,
    /// The day on which findings must be allowed; without it that of the newest instant in the bundle.
    #[arg(long, value_name = "YYYY-MM-DD")]
    today: Option<Date>,
    /// Write Markdown for this place, within its limit.
    #[arg(long, value_enum, default_value_t = Target::Github)]
    target: Target,
    /// Make paths of source files paths of the repository; may be given again.
    #[arg(long, value_name = "FROM=TO")]
    source_root: Vec<String>,
    /// The folder of the sources: the report shows the guilty lines.
    #[arg(long, value_name = "DIR")]
    source: Option<PathBuf>,
    /// Most characters of a Markdown report [default: 30000, or what the target takes].
    #[arg(long, value_name = "N")]
    max_chars: Option<usize>,
    /// Mask secrets, addresses and names in the text for the terminal and in JSON too.
    #[arg(long)]
    redact: bool,
    /// Mask nothing: also not in Markdown and in what other programs read.
    #[arg(long, conflicts_with = "redact")]
    no_redact: bool,
    /// When to colour the summary.
    #[arg(long, value_enum, default_value_t = Color::Auto)]
    color: Color,
    /// Only the verdict.
    #[arg(short, long, conflicts_with = "verbose")]
    quiet: bool,
    /// More: what was not checked and every warning; twice: every fact.
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
}

/// When to colour.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Color {
    /// On a terminal.
    Auto,
    /// Also into files.
    Always,
    /// Not at all.
    Never,
}

impl Args {
    /// Where the report of this bundle is written, if it is.
    pub fn folder_for(&self, bundle: &str) -> Option<PathBuf> {
        match (&self.out, self.format) {
            (Some(out), _) => Some(out.clone()),
            (None, Some(_)) => None,
            (None, None) => Some(PathBuf::from(format!("{bundle}.postmortem"))),
        }
    }

    /// The folder that was asked for by name.
    pub fn out(&self) -> Option<&Path> {
        self.out.as_deref()
    }

    /// Whether only the verdict is wanted.
    pub fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether this output is masked: those that are passed on are, unless it was forbidden.
    fn masks(&self, format: Format) -> bool {
        self.redact || !(self.no_redact || matches!(format, Format::Terminal | Format::Json))
    }

    fn options(&self, config: &Config) -> Options {
        let gate = Gate {
            fail_on: self.fail_on.or(config.fail_on).unwrap_or(Severity::Warning),
            min_confidence: config.min_confidence.unwrap_or(0.0),
        };
        let usual = if self.target == Target::Github { markdown::DEFAULT_MAX_CHARS } else { self.target.limit() };
        let max_chars = self.max_chars.or(config.max_chars).unwrap_or(usual);
        Options { style: self.style(), max_chars, target: self.target, gate }
    }

    fn config(&self) -> Result<Config> {
        let found = || Config::find(&std::env::current_dir().ok()?);
        match self.config.clone().or_else(|| if self.no_config { None } else { found() }) {
            Some(path) => Config::read(&path),
            None => Ok(Config::default()),
        }
    }

    fn style(&self) -> Style {
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, 0) => Verbosity::Normal,
            (_, 1) => Verbosity::Verbose,
            _ => Verbosity::Debug,
        };
        style(self.color, verbosity)
    }
}

/// How to draw on this terminal.
pub fn style(color: Color, verbosity: Verbosity) -> Style {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let terminal = std::io::stdout().is_terminal();
    let color = match color {
        Color::Always => true,
        Color::Never => false,
        Color::Auto => {
            let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
            !set("NO_COLOR") && (set("CLICOLOR_FORCE") || set("FORCE_COLOR") || (terminal && !dumb))
        }
    };
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    Style { color, width: columns.unwrap_or(100), verbosity }
}

/// Writes the report to its folder, prints it, and gives the exit status.
pub fn deliver(mut report: Report, args: &Args, folder: Option<&Path>, extras: &Extras<'_>) -> Result<u8> {
    let config = args.config()?;
    if let Some(path) = &args.baseline {
        policy::compare(&mut report, &super::render::read(path).context("the baseline")?);
    }
    if !config.allow.is_empty() {
        policy::allow(&mut report, &config.allow, args.today);
    }
    let roots =
        args.source_root.iter().chain(&config.source_root).map(|it| Root::parse(it)).collect::<Result<Vec<_>>>()?;
    let tree = args.source.as_deref().map(Tree::of).transpose()?;
    if !roots.is_empty() || tree.is_some() {
        source::locate(&mut report, &roots, tree.as_ref());
    }
    let options = args.options(&config);
    let asked = args.fail_on.is_some() || config.fail_on.is_some();
    let mut code = u8::from(asked && options.gate.fails(&report));
    let output = Output { report, masked: OnceCell::new(), args, options };
    if let Some(folder) = folder
        && let Err(error) = output.write_folder(folder, extras)
    {
        super::complain(&format!("cannot write the report to {}: {error:#}", folder.display()));
        code = 2;
    }
    super::print(&output.text(args.format.unwrap_or(Format::Terminal)))?;
    if args.verbose >= 2 && args.format.is_none() {
        let facts = (extras.facts)();
        super::print(&if args.redact { redact::Masks::of(&output.report).masked(&facts) } else { facts })?;
    }
    Ok(code)
}

/// Gives its pictures one at a time: those of a large profile are large.
pub type Pictures<'a> = dyn Fn(&mut dyn FnMut(Picture) -> Result<()>) -> Result<()> + 'a;

/// What only an analysis has beside the report.
pub struct Extras<'a> {
    /// Folded stacks and flame graphs.
    pub pictures: &'a Pictures<'a>,
    /// Every fact, in lines.
    pub facts: &'a dyn Fn() -> String,
}

/// A report on its way out.
struct Output<'a> {
    report: Report,
    /// The report without what tells who or holds a secret, made when it is asked for.
    masked: OnceCell<Report>,
    args: &'a Args,
    options: Options,
}

/// The files of the output folder that are made from the report.
const FILES: [(&str, Format); 4] = [
    ("report.json", Format::Json),
    ("report.html", Format::Html),
    ("report.md", Format::Markdown),
    ("findings.sarif", Format::Sarif),
];

impl Output<'_> {
    fn text(&self, format: Format) -> String {
        let masked = || self.masked.get_or_init(|| redact::redacted(&self.report));
        report::render(if self.args.masks(format) { masked() } else { &self.report }, format, &self.options)
    }

    fn write_folder(&self, folder: &Path, extras: &Extras<'_>) -> Result<()> {
        let put = |name: &str, text: &str| -> Result<()> {
            std::fs::write(folder.join(name), text).with_context(|| name.to_owned())
        };
        std::fs::create_dir_all(folder)?;
        for (name, format) in FILES {
            put(name, &self.text(format))?;
        }
        for (dir, ending) in [("folded", "folded"), ("flamegraphs", "svg")] {
            std::fs::create_dir_all(folder.join(dir))?;
            forget(&folder.join(dir), ending)?;
        }
        let mut masks = self.args.redact.then(|| redact::Masks::of(&self.report));
        (extras.pictures)(&mut |mut picture| {
            if let Some(masks) = &mut masks {
                picture.folded = picture.folded.renamed(&mut |name| masks.masked_name(name));
                picture.title = masks.masked(&picture.title);
                picture.path = masks.masked(&picture.path);
            }
            let stem = picture.stem();
            let name = format!("folded/{stem}.folded");
            // The stacks of a large profile are large: they are not held as a text of their own.
            let mut file = BufWriter::new(File::create(folder.join(&name)).with_context(|| name.clone())?);
            picture.folded.write(&mut file).and_then(|()| file.flush()).context(name)?;
            picture.svg().map_or(Ok(()), |svg| put(&format!("flamegraphs/{stem}.svg"), &svg))
        })
    }
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
