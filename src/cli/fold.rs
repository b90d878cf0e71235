//! `postmortem fold`.

use crate::bundle;
use crate::fold::stacks::{self, Naming};
use crate::fold::{self, inferno, pprof, speedscope};
use crate::report::flamegraph::{self, Direction, Form};
use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use postmortem_parsers::evidence::ProfileRow;
use postmortem_parsers::inferno::Options;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Fold the stacks of one profile: a line a stack, `process;outermost;...;innermost weight`. Every sample counts; what
/// is odd is said on standard error.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem fold perf.script > stacks.folded
  postmortem fold --format flamegraph --static perf.script > ticket.svg
  postmortem fold --format speedscope cpu.pb.gz > cpu.speedscope.json
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
    /// Only samples of the threads of this name or id.
    #[arg(long, value_name = "NAME", conflicts_with = "compat")]
    thread: Option<String>,
    /// A picture without a script, of one width and with names cut to their boxes, for tickets and documents.
    #[arg(long = "static", conflicts_with = "compat")]
    still: bool,
    /// What to write.
    #[arg(long, value_enum, default_value_t = FormatArg::Folded, conflicts_with = "compat")]
    format: FormatArg,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Compat {
    /// inferno-collapse-perf 0.12.
    Inferno,
}

#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
enum FormatArg {
    /// A line a stack.
    Folded,
    /// A flame graph: callers below, what they call above.
    Flamegraph,
    /// The same, callers above.
    Icicle,
    /// speedscope's JSON.
    Speedscope,
    /// pprof's protobuf, gzipped.
    Pprof,
}

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let mut out = BufWriter::with_capacity(256 << 10, std::io::stdout().lock());
    let (kernel, jit) = (args.kernel || args.all, args.jit || args.all);
    if let Some(Compat::Inferno) = args.compat {
        let (pid, tid, event_filter) = (args.pid, args.tid, args.event_filter.clone());
        let options = Options { pid, tid, addrs: args.addrs, kernel, jit, event_filter };
        inferno::fold(&mut *bundle::open(&args.path)?, &options, rayon::current_num_threads(), &mut out)?;
        return Ok(0);
    }
    let mut profiles = fold::read(&args.path)?;
    let mut profile = profiles.choose(args.event_filter.as_deref())?;
    if let Some(comm) = &args.thread {
        let tables = &profiles.tables;
        let named = |row: &ProfileRow| {
            profile.threads.get(row.thread as usize).is_some_and(|thread| {
                tables.text(thread.comm) == comm || comm.parse().is_ok_and(|id: i64| id == thread.tid)
            })
        };
        profile.rows = profile.rows.iter().filter(|row| named(row)).copied().collect();
        if profile.rows.is_empty() {
            bail!("no sample is of a thread {comm:?}");
        }
    }
    let naming = Naming { pid: args.pid, tid: args.tid, kernel, jit };
    let title = format!("{} ({})", profile.event, name(&args.path));
    match args.format {
        FormatArg::Folded => stacks::folded(&profiles.tables, &profile, naming).write(&mut out)?,
        FormatArg::Speedscope => out.write_all(speedscope::json(&profiles.tables, &profile, &title).as_bytes())?,
        FormatArg::Pprof => out.write_all(&pprof::gzipped(&profiles.tables, &profile)?)?,
        FormatArg::Flamegraph | FormatArg::Icicle => {
            let folded = stacks::folded(&profiles.tables, &profile, naming);
            let direction = if args.format == FormatArg::Icicle { Direction::Down } else { Direction::Up };
            let form = if args.still { Form::Still } else { Form::Interactive };
            let svg = flamegraph::svg(&folded, &title, &profile.unit, direction, form);
            out.write_all(svg.context("the profile has no weight")?.as_bytes())?;
        }
    }
    out.flush()?;
    for warning in &profiles.warnings {
        super::complain(&format!("{}: {warning}", name(&args.path)));
    }
    Ok(0)
}

/// The last component of the path.
fn name(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
