//! The library behind the `postmortem` command: bundle in, report out.

pub mod bundle;
pub mod passes;
pub mod report;
