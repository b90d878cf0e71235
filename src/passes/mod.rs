//! Passes state facts; they never name a root cause.

pub mod growth;
