//! The command line: one file a verb.

mod analyze;
mod capture;
mod diff;
mod explain;
mod fold;
mod inspect;
mod output;
mod patterns;
mod render;
mod shell;

use clap::{Parser, Subcommand};
use std::io::Write;
use std::process::ExitCode;

/// Says what went wrong with a Linux process or pod from whatever was captured before it died.
#[derive(Debug, Parser)]
#[command(name = "postmortem", version, about, max_term_width = 100, arg_required_else_help = true)]
#[command(after_help = "Examples:
  postmortem analyze bundle.tar.gz
  postmortem analyze bundle.tar.gz --format markdown --target jira > ticket.txt
  postmortem analyze bundle.tar.gz --format sarif --source-root /build=. --fail-on error > findings.sarif
  postmortem diff before.tar.gz after.tar.gz
  postmortem render bundle.tar.gz.postmortem/report.json --format junit
  postmortem capture-script --pid 4711 > capture.sh

Exit status: 0 done; 1 a finding at or above --fail-on, or a change that it names; 2 could not do the job.")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    Analyze(analyze::Args),
    Diff(diff::Args),
    Inspect(inspect::Args),
    Render(render::Args),
    CaptureScript(capture::Args),
    Patterns(patterns::Args),
    Explain(explain::Args),
    Completions(shell::Completions),
    Man(shell::Man),
    Fold(fold::Args),
}

/// Runs the command and gives its exit status.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results, everything else is wrong usage.
            let code = if error.use_stderr() { 2 } else { 0 };
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let result = match cli.verb {
        Verb::Analyze(args) => analyze::run(&args),
        Verb::Diff(args) => diff::run(&args),
        Verb::Inspect(args) => inspect::run(&args),
        Verb::Render(args) => render::run(&args),
        Verb::CaptureScript(args) => capture::run(&args),
        Verb::Patterns(args) => patterns::run(&args),
        Verb::Explain(args) => explain::run(&args),
        Verb::Completions(args) => shell::completions(&args),
        Verb::Man(args) => shell::man(&args),
        Verb::Fold(args) => fold::run(&args),
    };
    match result {
        Ok(code) => ExitCode::from(code),
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&format!("{error:#}"));
            ExitCode::from(2)
        }
    }
}

/// One line on stderr, without control characters: messages may hold names from the input.
fn complain(message: &str) {
    let clean: String = message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(std::io::stderr(), "postmortem: {clean}");
}

/// Writes the result to stdout.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<std::io::Error>())
        .any(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}
