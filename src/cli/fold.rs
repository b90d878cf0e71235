//! `postmortem fold`.

use crate::bundle;
use crate::fold::inferno;
use anyhow::Result;
use clap::ValueEnum;
use postmortem_parsers::inferno::Options;
use std::io::BufWriter;
use std::path::PathBuf;

/// Fold the stacks of one profile: a line a stack, `process;outermost;...;innermost weight`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem fold perf.script > stacks.folded
  postmortem fold --compat inferno --all perf.script.gz > stacks.folded")]
pub struct Args {
    /// The profile, compressed or not; - for standard input.
    #[arg(default_value = "-", value_name = "FILE")]
    path: PathBuf,
    /// Fold perf script text byte for byte as this tool does, with what it leaves out and misreads.
    #[arg(long, value_enum, value_name = "TOOL")]
    compat: Option<Compat>,
    /// Process ids behind the process names.
    #[arg(long)]
    pid: bool,
    /// Process and thread ids behind the process names.
    #[arg(long)]
    tid: bool,
    /// Addresses where symbols are missing.
    #[arg(long, requires = "compat")]
    addrs: bool,
    /// _[k] behind kernel functions.
    #[arg(long)]
    kernel: bool,
    /// _[j] behind functions compiled at run time.
    #[arg(long)]
    jit: bool,
    /// --kernel and --jit.
    #[arg(long)]
    all: bool,
    /// Only samples of this event; by default the first of the file.
    #[arg(long, value_name = "EVENT")]
    event_filter: Option<String>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compat {
    /// inferno-collapse-perf 0.12.
    Inferno,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let mut out = BufWriter::with_capacity(256 << 10, std::io::stdout().lock());
    let options = Options {
        pid: args.pid,
        tid: args.tid,
        addrs: args.addrs,
        kernel: args.kernel || args.all,
        jit: args.jit || args.all,
        event_filter: args.event_filter.clone(),
    };
    inferno::fold(&mut *bundle::open(&args.path)?, &options, rayon::current_num_threads(), &mut out)?;
    Ok(0)
}
