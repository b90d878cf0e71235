//! Profiles alone: folded text and other forms of one profile, without a diagnosis.

pub mod inferno;
