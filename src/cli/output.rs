//! What `analyze` and `render` share: how a report is printed, written and turned into an exit status.

use crate::pictures::Picture;
use crate::report::model::{Report, Severity};
use crate::report::terminal::{Style, Verbosity};
use crate::report::{self, Format, Options, markdown};
use anyhow::{Context, Result};
use clap::ValueEnum;
use std::io::IsTerminal;
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
    /// Most characters of a Markdown report.
    #[arg(long, value_name = "N", default_value_t = markdown::DEFAULT_MAX_CHARS)]
    max_chars: usize,
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

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum Color {
    Auto,
    Always,
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

    /// Whether the facts are wanted after the summary.
    pub fn shows_facts(&self) -> bool {
        self.verbose >= 2 && self.format.is_none()
    }

    fn options(&self) -> Options {
        Options { style: self.style(), max_chars: self.max_chars, fail_on: self.fail_on.unwrap_or(Severity::Warning) }
    }

    fn style(&self) -> Style {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let terminal = std::io::stdout().is_terminal();
        let color = match self.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => {
                let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
                !set("NO_COLOR") && (set("CLICOLOR_FORCE") || set("FORCE_COLOR") || (terminal && !dumb))
            }
        };
        let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
        let verbosity = match (self.quiet, self.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, 0) => Verbosity::Normal,
            (_, 1) => Verbosity::Verbose,
            _ => Verbosity::Debug,
        };
        Style { color, width: columns.unwrap_or(100), verbosity }
    }
}

/// Writes the report to its folder, prints it, and gives the exit status.
pub fn deliver(report: Report, args: &Args, folder: Option<&Path>, pictures: &dyn Fn() -> Vec<Picture>) -> Result<u8> {
    let mut code = failed(&report, args.fail_on);
    let options = args.options();
    if let Some(folder) = folder
        && let Err(error) = write_folder(folder, &report, &options, pictures)
    {
        super::complain(&format!("cannot write the report to {}: {error:#}", folder.display()));
        code = 2;
    }
    super::print(&report::render(&report, args.format.unwrap_or(Format::Terminal), &options))?;
    Ok(code)
}

fn failed(report: &Report, fail_on: Option<Severity>) -> u8 {
    let Some(least) = fail_on else { return 0 };
    u8::from(report.findings.iter().any(|finding| finding.severity >= least && report::counts(finding)))
}

/// The files of the output folder that are made from the report.
const FILES: [(&str, Format); 3] =
    [("report.json", Format::Json), ("report.md", Format::Markdown), ("findings.sarif", Format::Sarif)];

fn write_folder(folder: &Path, report: &Report, options: &Options, pictures: &dyn Fn() -> Vec<Picture>) -> Result<()> {
    let put = |name: &str, text: &str| -> Result<()> {
        std::fs::write(folder.join(name), text).with_context(|| name.to_owned())
    };
    std::fs::create_dir_all(folder)?;
    for (name, format) in FILES {
        put(name, &report::render(report, format, options))?;
    }
    let pictures = pictures();
    for (dir, ending) in [("folded", "folded"), ("flamegraphs", "svg")] {
        std::fs::create_dir_all(folder.join(dir))?;
        forget(&folder.join(dir), ending)?;
    }
    for picture in pictures {
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
