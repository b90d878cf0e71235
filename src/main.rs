//! The `postmortem` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    postmortem::cli::main()
}
