//! `postmortem completions` and `postmortem man`: made from the command line itself.

use anyhow::{Context, Result};
use clap::CommandFactory;
use std::path::PathBuf;

/// Print completions for a shell.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem completions bash > /etc/bash_completion.d/postmortem
  postmortem completions zsh > ~/.zfunc/_postmortem")]
pub struct Completions {
    /// The shell.
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Print the manual page, or write those of all verbs into a folder.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem man | man -l -
  postmortem man --out /usr/local/share/man/man1")]
pub struct Man {
    /// Folder for the pages: postmortem.1, postmortem-analyze.1, ...
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

/// Prints the completions.
pub fn completions(args: &Completions) -> Result<u8> {
    let mut out = Vec::new();
    clap_complete::generate(args.shell, &mut super::Cli::command(), "postmortem", &mut out);
    super::print(&String::from_utf8(out)?)?;
    Ok(0)
}

/// Prints or writes the pages.
pub fn man(args: &Man) -> Result<u8> {
    let command = super::Cli::command();
    match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder)
                .and_then(|()| clap_mangen::generate_to(command, folder))
                .with_context(|| format!("cannot write to {}", folder.display()))?;
        }
        None => {
            let mut out = Vec::new();
            clap_mangen::Man::new(command).render(&mut out)?;
            super::print(&String::from_utf8(out)?)?;
        }
    }
    Ok(0)
}
