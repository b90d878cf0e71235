//! Profiles alone: folded text and other forms of what one file holds, without a diagnosis.

pub mod inferno;
pub mod pprof;
pub mod speedscope;
pub mod stacks;

use crate::bundle::{self, Bundle, Limits};
use crate::report::units;
use anyhow::{Result, bail};
use postmortem_parsers::evidence::{Evidence, Profile};
use postmortem_parsers::tables::Tables;
use std::path::Path;

/// The profiles of a file, in the order of the file.
#[derive(Debug)]
pub struct Profiles {
    /// Names, frames and stacks.
    pub tables: Tables,
    /// One for each event and sort of value.
    pub all: Vec<Profile>,
    /// What a reader must know, each a sentence.
    pub warnings: Vec<String>,
}

/// Reads the profiles of a single file.
///
/// # Errors
/// When it cannot be read or holds no profile.
pub fn read(path: &Path) -> Result<Profiles> {
    let Bundle { mut artifacts, warnings, .. } = bundle::read(&[path.to_owned()], &Limits::default(), &|_| {})?;
    if artifacts.len() > 1 {
        bail!("{} holds {} files; name a single one", path.display(), artifacts.len());
    }
    let Some(artifact) = artifacts.pop() else { bail!("there is nothing in {}", path.display()) };
    let said = warnings.into_iter().map(|warning| warning.message);
    let notes = artifact.parsed.notes.iter().map(|note| match note.line {
        0 => note.message.clone(),
        line => format!("line {line}: {}", note.message),
    });
    let warnings = said.chain(notes).collect();
    let all: Vec<Profile> = artifact
        .parsed
        .evidence
        .into_iter()
        .filter_map(|evidence| if let Evidence::Profile(profile) = evidence { Some(profile) } else { None })
        .collect();
    if all.is_empty() {
        bail!("there is no profile in {} ({})", path.display(), artifact.format.unwrap_or("not recognised"));
    }
    Ok(Profiles { tables: artifact.parsed.tables, all, warnings })
}

impl Profiles {
    /// Keeps the profile of an event, or the first; says what is left out. Unlike events are never summed.
    ///
    /// # Errors
    /// When there is none of that event.
    pub fn choose(&mut self, event: Option<&str>) -> Result<Profile> {
        let index = match event {
            None => Some(0),
            Some(event) => self.all.iter().position(|profile| bare(&profile.event) == bare(event)),
        };
        let described = |profile: &Profile| {
            let samples = profile.rows.iter().map(|row| row.samples).sum::<u64>();
            format!("{} ({})", profile.event, units::counted(samples, "sample", "samples"))
        };
        let names = self.all.iter().map(described).collect::<Vec<_>>().join(", ");
        let Some(index) = index else { bail!("there is no event {:?}; there are {names}", event.unwrap_or_default()) };
        if self.all.len() > 1 && event.is_none() {
            let chosen = &self.all[index].event;
            self.warnings.push(format!("only {chosen} is folded; choose with --event-filter among {names}"));
        }
        Ok(self.all.swap_remove(index))
    }
}

/// The name of an event without its modifiers: `cycles` of `cycles:u`.
pub(crate) fn bare(event: &str) -> &str {
    match event.rsplit_once(':') {
        Some((name, modifiers)) if modifiers.chars().all(|c| "ukhHGpPSDIWeb".contains(c)) => name,
        _ => event,
    }
}
