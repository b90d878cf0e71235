//! The only input I/O: reads bundles and parses their members.
//!
//! One thread reads and inflates; blocks of some MiB go to all others, which unwrap, find sections and parse; what
//! they read is merged in order. Nothing is unpacked to disk, and names within archives are labels, never paths.

mod blocks;
mod decode;
mod dispatch;
mod labels;
mod pipeline;
mod sections;
mod source;
mod unwrap;
mod walk;

use anyhow::{Context, bail};
use decode::Kind;
use dispatch::{Catalogue, Known};
use pipeline::{Pipeline, Shared};
use postmortem_parsers::evidence::Parsed;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use walk::Walker;

/// Limits on what is read. What was read before one is reached is analysed.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Bytes of all artifacts, unpacked.
    pub total_bytes: u64,
    /// Members of all archives and files of all folders.
    pub entries: u64,
    /// Archives within archives.
    pub nesting: u32,
    /// Bytes of an artifact that its format must see in one piece, and of an archive that must be held in memory.
    pub whole_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { total_bytes: 64 << 30, entries: 100_000, nesting: 4, whole_bytes: 256 << 20 }
    }
}

/// What was given to be analysed, read.
#[derive(Debug)]
pub struct Bundle {
    /// Names of the files or folders given, without their paths.
    pub name: String,
    /// Size as given: of the archive, or of all files.
    pub bytes: u64,
    /// SHA-256 of the file, when a single file was given.
    pub sha256: Option<String>,
    /// What was given.
    pub inputs: Vec<InputInfo>,
    /// The files in it, by path.
    pub artifacts: Vec<Artifact>,
    /// What a reader must know, by artifact: first what concerns none.
    pub warnings: Vec<Warning>,
}

/// One of the paths given.
#[derive(Clone, Debug)]
pub struct InputInfo {
    /// File or folder name.
    pub name: String,
    /// Size as given.
    pub bytes: u64,
}

/// A file of the bundle.
#[derive(Debug)]
pub struct Artifact {
    /// Path within the bundle.
    pub path: String,
    /// Size, unpacked.
    pub bytes: u64,
    /// The format with most records; `text-log` for text that none reads; `None`: not recognised.
    pub format: Option<&'static str>,
    /// All formats in it.
    pub parts: Vec<Part>,
    /// What they read.
    pub parsed: Parsed,
    /// The text itself, for excerpts; large ones are not kept.
    pub text: Option<Text>,
}

/// One format within an artifact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Name of the format.
    pub format: &'static str,
    /// Records that it read.
    pub records: u64,
    /// First and last line; `None` when it is no text.
    pub lines: Option<(u32, u32)>,
}

/// Something that a reader must know about how the bundle was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// Path of the artifact.
    pub artifact: Option<String>,
    /// Line of the artifact.
    pub line: Option<u32>,
    /// What, in words.
    pub message: String,
}

/// The text of an artifact with the offsets of its lines.
#[derive(Debug)]
pub struct Text {
    bytes: Vec<u8>,
    starts: Vec<u32>,
}

impl Text {
    fn new(bytes: Vec<u8>) -> Text {
        let after = memchr::memchr_iter(b'\n', &bytes).map(|at| at as u32 + 1);
        let starts = std::iter::once(0).chain(after).filter(|&start| (start as usize) < bytes.len()).collect();
        Text { bytes, starts }
    }

    fn size(&self) -> usize {
        self.bytes.len() + self.starts.len() * size_of::<u32>()
    }

    /// The nth line, from 1, without its end.
    pub fn line(&self, number: u32) -> Option<Cow<'_, str>> {
        let index = (number as usize).checked_sub(1)?;
        let start = *self.starts.get(index)? as usize;
        let end = self.starts.get(index + 1).map_or(self.bytes.len(), |&end| end as usize);
        let line = &self.bytes[start..end];
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        Some(String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)))
    }
}

impl Artifact {
    /// The nth line of the artifact, from 1, without its end; `None` where the text was not kept.
    pub fn line(&self, number: u32) -> Option<Cow<'_, str>> {
        self.text.as_ref()?.line(number)
    }
}

/// Sizes that shape the work but not its result.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Bytes of a block.
    block: usize,
    /// Small artifacts are parsed in batches of so many bytes.
    batch: usize,
    /// Bytes read but not yet parsed.
    in_flight: usize,
    /// Largest text that is kept for excerpts.
    keep_each: usize,
    /// Bytes of all texts that are kept.
    keep_all: usize,
}

impl Default for Settings {
    fn default() -> Self {
        const MIB: usize = 1 << 20;
        let blocks = (2 * rayon::current_num_threads() + 2).min(24);
        Settings { block: 4 * MIB, batch: MIB, in_flight: blocks * 4 * MIB, keep_each: 4 * MIB, keep_all: 64 * MIB }
    }
}

/// Reads and parses what the paths name: archives, compressed or plain files, folders; `-` is stdin. `progress` is
/// told how many bytes were read. Fails only where a path does not exist or cannot be read, or holds nothing.
pub fn read(paths: &[PathBuf], limits: &Limits, progress: &dyn Fn(u64)) -> anyhow::Result<Bundle> {
    read_with(paths, limits, progress, &Settings::default(), &Known)
}

/// Opens one stream that is no archive, without its compression; `-` is stdin.
///
/// # Errors
/// When it cannot be read or is an archive.
pub fn open(path: &Path) -> anyhow::Result<Box<dyn Read>> {
    let named = || format!("cannot read {}", path.display());
    let source: Box<dyn Read> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(File::open(path).with_context(named)?) };
    let mut reader = BufReader::with_capacity(64 << 10, source);
    let kind = Kind::of(reader.fill_buf().with_context(named)?);
    if matches!(kind, Kind::Tar | Kind::Zip) {
        bail!("{} is an archive; name a single file", path.display());
    }
    kind.decoder(Box::new(reader)).with_context(named)
}

/// Reads artifacts that are in memory, path and bytes each, as if they had come in an archive.
///
/// # Errors
/// When there is nothing in them.
pub fn from_memory(name: &str, artifacts: &[(&str, &[u8])]) -> anyhow::Result<Bundle> {
    let mut archive = tar::Builder::new(Vec::new());
    for (path, bytes) in artifacts {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        archive.append_data(&mut header, path, *bytes)?;
    }
    let archive = archive.into_inner()?;
    let (limits, settings) = (Limits::default(), Settings::default());
    let shared = Shared::new(&Known, &settings);
    let walked = rayon::in_place_scope(|scope| {
        let mut walker = Walker::new(Pipeline::new(scope, &shared), &limits, &|_| {}, true);
        walker.memory(name, &archive);
        walker.finish(Ok(()))
    })?;
    finish(walked, shared)
}

fn finish(walked: walk::Walked, shared: Shared<'_>) -> anyhow::Result<Bundle> {
    let bundle = walked.into_bundle(shared.into_kept());
    if bundle.artifacts.iter().all(|artifact| artifact.bytes == 0) {
        bail!("there is nothing in {}", if bundle.name.is_empty() { "the bundle" } else { &bundle.name });
    }
    Ok(bundle)
}

fn read_with(
    paths: &[PathBuf],
    limits: &Limits,
    progress: &dyn Fn(u64),
    settings: &Settings,
    catalogue: &dyn Catalogue,
) -> anyhow::Result<Bundle> {
    let shared = Shared::new(catalogue, settings);
    let walked = rayon::in_place_scope(|scope| {
        let mut walker = Walker::new(Pipeline::new(scope, &shared), limits, progress, paths.len() == 1);
        let outcome = paths.iter().try_for_each(|path| walker.input(path));
        walker.finish(outcome)
    })?;
    finish(walked, shared)
}

#[cfg(test)]
mod tests;
