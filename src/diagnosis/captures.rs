//! The captures that patterns name: what to run and what it tells. Data in `captures.toml`.

use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A capture.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Capture {
    /// What it is.
    pub title: String,
    /// The command that makes it; upper-case words are to be filled in.
    pub command: String,
    /// The question that it answers.
    pub answers: String,
}

static CAPTURES: LazyLock<BTreeMap<String, Capture>> =
    LazyLock::new(|| toml::from_str(include_str!("captures.toml")).unwrap_or_default());

/// A capture by name.
pub fn get(name: &str) -> Option<&'static Capture> {
    CAPTURES.get(name)
}

/// Whether a capture has this name.
pub fn exists(name: &str) -> bool {
    CAPTURES.contains_key(name)
}

/// All names.
pub fn names() -> Vec<&'static str> {
    CAPTURES.keys().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_table_is_read() {
        assert!(super::names().len() > 10);
    }
}
