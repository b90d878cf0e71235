//! Runs the fenced captures of a pattern: a match must be found, a look-alike must not.

use super::{Example, Pattern};
use crate::analysis::analyze;
use crate::bundle;
use crate::report::model::Severity;
use anyhow::Result;
use std::collections::BTreeMap;

/// What became of an example.
#[derive(Debug)]
pub struct Run {
    /// `match` or `look-alike`.
    pub kind: &'static str,
    /// Its name in the file.
    pub name: String,
    /// What was wrong, if anything.
    pub fault: Option<String>,
}

/// Runs all examples of a pattern, each as a bundle of its own, with this pattern alone.
///
/// # Errors
/// When an example cannot be read as a bundle at all.
pub fn run(pattern: &Pattern) -> Result<Vec<Run>> {
    let mut bundles: BTreeMap<(bool, &str), Vec<&Example>> = BTreeMap::new();
    for example in &pattern.examples {
        bundles.entry((example.matches, example.name.as_str())).or_default().push(example);
    }
    bundles
        .into_iter()
        .map(|((matches, name), files)| {
            let artifacts: Vec<(&str, &[u8])> =
                files.iter().map(|file| (file.artifact.as_str(), file.text.as_bytes())).collect();
            let read = bundle::from_memory("example", &artifacts)?;
            let unknown: Vec<String> =
                read.artifacts.iter().filter(|a| a.format.is_none()).map(|a| a.path.clone()).collect();
            let report = analyze(read, std::slice::from_ref(pattern))?.report;
            // What is only worth knowing has no louder match.
            let enough = pattern.severity.min(Severity::Warning);
            let loud = report.findings.iter().filter(|finding| finding.severity >= enough).count();
            let fault = match (matches, loud) {
                _ if !unknown.is_empty() => Some(format!("not recognised: {}", unknown.join(", "))),
                (true, 0) => Some(match report.findings.first() {
                    Some(weak) => format!(
                        "only suspected: {:?}",
                        weak.score.iter().map(|p| (p.weight, p.says.as_str())).collect::<Vec<_>>()
                    ),
                    None => "not found".to_owned(),
                }),
                (false, loud) if loud > 0 => Some(format!("found, and must not be: {}", report.findings[0].summary)),
                _ => None,
            };
            Ok(Run { kind: if matches { "match" } else { "look-alike" }, name: name.to_owned(), fault })
        })
        .collect()
}
