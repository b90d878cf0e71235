//! The library behind the `postmortem` command: bundle in, report out.

pub mod analysis;
pub mod bundle;
pub mod case;
pub mod cli;
pub mod diagnosis;
pub mod diff;
pub mod fold;
pub mod passes;
pub mod patterns;
pub mod pictures;
pub mod policy;
pub mod report;
pub mod source;
