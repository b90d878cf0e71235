//! `postmortem capture-script`.

use anyhow::{Result, bail};

/// Print a shell script that captures what this tool can use; it needs nothing installed where it runs.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  postmortem capture-script --pid 4711 > capture.sh && less capture.sh && sh capture.sh
  postmortem capture-script --pod web-0 --namespace shop --minutes 10 | sh
  postmortem capture-script --pid 1 | kubectl exec -i web-0 -- sh")]
pub struct Args {
    /// The process to capture.
    #[arg(long, value_name = "N")]
    pid: Option<u32>,
    /// The pod whose process to capture, through kubectl exec; its process 1 unless --pid says another.
    #[arg(long, value_name = "NAME")]
    pod: Option<String>,
    /// Namespace of the pod.
    #[arg(long, value_name = "NAME", requires = "pod")]
    namespace: Option<String>,
    /// Container of the pod.
    #[arg(long, value_name = "NAME", requires = "pod")]
    container: Option<String>,
    /// How long to sample.
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1440))]
    minutes: u32,
}

/// What follows the variables that the options set.
const SCRIPT: &str = include_str!("capture.sh");

/// Runs the verb.
pub fn run(args: &Args) -> Result<u8> {
    let names = [("POD", &args.pod), ("NAMESPACE", &args.namespace), ("CONTAINER", &args.container)];
    let mut head = format!(
        "#!/bin/sh\n# Made by `postmortem capture-script`, version {}.\n# Usage: sh capture.sh\n\nPID={}\nMINUTES={}\n",
        env!("CARGO_PKG_VERSION"),
        args.pid.map_or(String::new(), |pid| pid.to_string()),
        args.minutes
    );
    for (variable, value) in names {
        let value = value.as_deref().unwrap_or("");
        if !value.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/')) {
            bail!("{value:?} is no name of Kubernetes");
        }
        head.push_str(&format!("{variable}={value}\n"));
    }
    super::print(&format!("{head}\n{SCRIPT}"))?;
    Ok(0)
}
