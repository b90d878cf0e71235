//! Walks the inputs: folders, archives within archives, single files. Runs on the reading thread.

use super::blocks::{Block, count_lines, cut, fill};
use super::decode::{Kind, Replay};
use super::labels;
use super::pipeline::{Job, Known, Pipeline};
use super::source::{Counted, Guarded, Metered, hash};
use super::{Artifact, Bundle, InputInfo, Limits, Text, Warning};
use anyhow::Context;
use postmortem_parsers::evidence::When;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Cursor, Read, Seek};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

/// A member by its label within a container.
#[derive(Clone, Debug)]
struct Place {
    container: usize,
    label: String,
}

/// A folder or archive.
#[derive(Default)]
struct Container {
    /// Where it is itself; `None`: it is the bundle.
    parent: Option<Place>,
    /// Labels of its files, to find the folder that all are in; folders given as such have none.
    members: Vec<String>,
    /// An archive: a folder that all its members share is left out of their paths.
    archive: bool,
    /// The folder that all seem to share, told by the first member.
    shared: Option<String>,
}

/// How deep in archives a stream is.
#[derive(Clone, Copy, Default)]
struct Depth {
    archives: u32,
    compressions: u32,
    /// The stream is the bundle.
    root: bool,
}

/// A warning whose artifact has no final path yet.
struct Said {
    place: Option<Place>,
    message: String,
}

/// An artifact that was sent to the parsers.
struct Sent {
    job: Arc<Job>,
    place: Place,
    bytes: u64,
    /// Format that must see all of it and could not.
    too_large_for: Option<&'static str>,
}

/// The reading thread.
pub(super) struct Walker<'s, 'scope> {
    pipeline: Pipeline<'s, 'scope>,
    limits: &'s Limits,
    progress: &'s dyn Fn(u64),
    /// Only one path was given.
    sole: bool,
    read: Cell<u64>,
    bytes_left: u64,
    entries_left: u64,
    stopped: bool,
    /// Time that the name of the input itself tells.
    input_when: When,
    walked: Walked,
}

/// What the walk gave, for when all is parsed.
#[derive(Default)]
pub(super) struct Walked {
    containers: Vec<Container>,
    sent: Vec<Sent>,
    said: Vec<Said>,
    inputs: Vec<InputInfo>,
    hash: Option<JoinHandle<Option<String>>>,
}

impl<'s, 'scope> Walker<'s, 'scope> {
    pub(super) fn new(
        pipeline: Pipeline<'s, 'scope>,
        limits: &'s Limits,
        progress: &'s dyn Fn(u64),
        sole: bool,
    ) -> Self {
        let walked = Walked { containers: vec![Container::default()], ..Walked::default() };
        Walker {
            pipeline,
            limits,
            progress,
            sole,
            read: Cell::new(0),
            bytes_left: limits.total_bytes,
            entries_left: limits.entries,
            stopped: false,
            input_when: When::Unknown,
            walked,
        }
    }

    /// Sends the last artifacts and gives what was walked, unless a path could not be read.
    pub(super) fn finish(mut self, outcome: anyhow::Result<()>) -> anyhow::Result<Walked> {
        self.pipeline.flush();
        (self.progress)(self.read.get());
        outcome.map(|()| self.walked)
    }

    /// Reads an archive that is in memory.
    pub(super) fn memory(&mut self, name: &str, mut bytes: &[u8]) {
        let size = bytes.len() as u64;
        self.stream(name, &mut bytes);
        self.walked.inputs.push(InputInfo { name: name.to_owned(), bytes: size });
    }

    /// Reads one of the paths given.
    pub(super) fn input(&mut self, path: &Path) -> anyhow::Result<()> {
        let before = self.read.get();
        let name = if path == Path::new("-") { "stdin".to_owned() } else { input_name(path) };
        let size = if path == Path::new("-") {
            self.stream(&name, &mut io::stdin().lock());
            None
        } else {
            self.input_path(path, &name).with_context(|| format!("cannot read {}", path.display()))?
        };
        let bytes = size.unwrap_or(self.read.get() - before);
        self.walked.inputs.push(InputInfo { name, bytes });
        Ok(())
    }

    /// Reads what a path names and gives its size, if that is known without reading it.
    fn input_path(&mut self, path: &Path, name: &str) -> io::Result<Option<u64>> {
        let metadata = fs::metadata(path)?;
        if metadata.is_dir() {
            self.folder(path, name)?;
            return Ok(None);
        }
        let mut file = File::open(path)?;
        if !metadata.is_file() {
            self.stream(name, &mut file);
            return Ok(None);
        }
        if self.sole {
            self.walked.hash = Some(hash(path.to_owned()));
        }
        self.file(name, file)?;
        Ok(Some(metadata.len()))
    }

    /// A file given by its path.
    fn file(&mut self, name: &str, mut file: File) -> io::Result<()> {
        let mut magic = [0; 4];
        let count = file.read(&mut magic)?;
        file.rewind()?;
        if Kind::of(&magic[..count]) != Kind::Zip {
            self.stream(name, &mut file);
            return Ok(());
        }
        self.input_when = input_when(name);
        let (read, progress) = (Cell::new(self.read.get()), self.progress);
        let counted = Counted { inner: file, read: &read, progress };
        let place = self.place(0, name);
        self.zip(place, BufReader::with_capacity(256 << 10, counted), Depth { root: self.sole, ..Depth::default() });
        self.read.set(read.get());
        Ok(())
    }

    /// A stream that is an input itself.
    fn stream(&mut self, name: &str, reader: &mut dyn Read) {
        self.input_when = input_when(name);
        let (read, progress) = (Cell::new(self.read.get()), self.progress);
        let mut counted = Counted { inner: reader, read: &read, progress };
        let place = self.place(0, name);
        self.source(place, &mut counted, Depth { root: self.sole, ..Depth::default() });
        self.read.set(read.get());
    }

    /// A folder given by its path: its files in the order of their paths. Links are not followed.
    fn folder(&mut self, path: &Path, name: &str) -> io::Result<()> {
        self.input_when = input_when(name);
        let parent = (!self.sole).then(|| Place { container: 0, label: name.to_owned() });
        let container = self.container(Container { parent, ..Container::default() });
        self.entries_of(container, "", fs::read_dir(path)?);
        Ok(())
    }

    fn entries_of(&mut self, container: usize, folder: &str, entries: fs::ReadDir) {
        let mut entries: Vec<_> = entries.filter_map(Result::ok).collect();
        entries.sort_by_key(fs::DirEntry::file_name);
        for entry in entries {
            if !self.count_entry() {
                return;
            }
            let name = labels::clean(entry.file_name().as_encoded_bytes());
            let place = self.place(container, &format!("{folder}{name}"));
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) => {
                    self.warn(&place, format!("cannot be read: {error}"));
                    continue;
                }
            };
            if kind.is_dir() && name.ends_with(".postmortem") && entry.path().join("report.json").is_file() {
                self.warn(&place, "is the report of an earlier analysis and was left out");
            } else if kind.is_dir() {
                match fs::read_dir(entry.path()) {
                    Ok(inner) => self.entries_of(container, &format!("{}/", place.label), inner),
                    Err(error) => self.warn(&place, format!("cannot be read: {error}")),
                }
            } else if kind.is_symlink() {
                self.warn(&place, "is a link and was not followed");
            } else if !kind.is_file() {
                self.warn(&place, "is no regular file and was not read");
            } else {
                match File::open(entry.path()) {
                    Ok(file) => self.member_file(place, file),
                    Err(error) => self.warn(&place, format!("cannot be read: {error}")),
                }
            }
        }
    }

    fn member_file(&mut self, place: Place, file: File) {
        let (read, progress) = (Cell::new(self.read.get()), self.progress);
        let mut counted = Counted { inner: file, read: &read, progress };
        self.source(place, &mut counted, Depth::default());
        self.read.set(read.get());
    }

    /// A stream of any kind.
    fn source(&mut self, place: Place, reader: &mut dyn Read, depth: Depth) {
        if self.stopped {
            return;
        }
        let mut replay = Replay::new(reader);
        let kind = Kind::of(replay.head());
        match kind {
            Kind::Plain => self.artifact(place, &mut replay, depth),
            Kind::Tar | Kind::Zip if depth.archives >= self.limits.nesting => self.too_deep(place, &mut replay, depth),
            Kind::Tar => self.tar(place, &mut replay, depth),
            Kind::Zip => self.zip_in_memory(place, &mut replay, depth),
            _ if depth.compressions >= self.limits.nesting => self.too_deep(place, &mut replay, depth),
            _ => match kind.decoder(replay.buffered()) {
                Ok(mut decoder) => {
                    let depth = Depth { compressions: depth.compressions + 1, ..depth };
                    let mut named = Named { inner: &mut *decoder, kind };
                    self.source(place, &mut named, depth);
                }
                Err(error) => self.warn(&place, format!("{} cannot be read: {error}", kind.name())),
            },
        }
    }

    /// An archive in too many others: kept as a file that nobody reads.
    fn too_deep(&mut self, place: Place, reader: &mut dyn Read, depth: Depth) {
        let message = format!("is nested more than {} deep and was not opened", self.limits.nesting);
        self.warn(&place, message);
        self.artifact(place, reader, depth);
    }

    fn tar(&mut self, place: Place, reader: &mut dyn Read, depth: Depth) {
        let container = self.archive(place.clone(), depth);
        let left = Cell::new(0);
        Guarded::in_headers(&left);
        let mut archive = tar::Archive::new(Guarded::new(reader, &left));
        let mut entries = match archive.entries() {
            Ok(entries) => entries,
            Err(error) => return self.archive_damaged(&place, depth, &error),
        };
        loop {
            Guarded::in_headers(&left);
            let mut entry = match entries.next() {
                None => return,
                Some(Ok(entry)) => entry,
                Some(Err(error)) => return self.archive_damaged(&place, depth, &error),
            };
            if !self.count_entry() {
                return;
            }
            Guarded::in_member(&left);
            let member = self.place(container, &labels::clean(&entry.path_bytes()));
            let kind = entry.header().entry_type();
            if kind.is_dir() {
                self.guess_shared(container, &format!("{}/", member.label));
            } else if kind.is_symlink() || kind.is_hard_link() {
                self.warn(&member, "is a link and was not followed");
            } else if kind.is_file() || kind.is_contiguous() || kind.is_gnu_sparse() {
                self.tar_member(member, &mut entry, depth);
            } else if !kind.is_pax_global_extensions() {
                self.warn(&member, "is no regular file and was not read");
            }
            if self.stopped {
                return;
            }
        }
    }

    fn tar_member(&mut self, place: Place, entry: &mut tar::Entry<'_, Guarded<'_>>, depth: Depth) {
        let (size, read) = (entry.size(), Cell::new(0));
        let mut counted = Counted { inner: entry, read: &read, progress: &|_| {} };
        self.source(place.clone(), &mut counted, inside(depth));
        // What a nested archive has behind its end.
        let rest = if self.stopped { Ok(0) } else { io::copy(&mut counted, &mut io::sink()) };
        if rest.is_ok() && read.get() < size && !self.stopped {
            self.warn(&place, format!("is cut short: {} of {size} bytes are there", read.get()));
        }
    }

    /// A zip within another archive or from a pipe: its directory is at its end, so that it is held in memory.
    fn zip_in_memory(&mut self, place: Place, reader: &mut dyn Read, depth: Depth) {
        let mut bytes = Vec::new();
        let limit = usize::try_from(self.limits.whole_bytes).unwrap_or(usize::MAX - 1);
        if let Err(error) = fill(reader, &mut bytes, limit + 1) {
            self.archive_damaged(&place, depth, &error);
        }
        if bytes.len() > limit {
            let message =
                format!("a zip within another archive or a pipe is not opened when larger than {limit} bytes");
            self.say(&place, depth, message);
            return;
        }
        self.zip(place, Cursor::new(bytes), depth);
    }

    fn zip(&mut self, place: Place, reader: impl Read + Seek, depth: Depth) {
        let container = self.archive(place.clone(), depth);
        let mut archive = match zip::ZipArchive::new(reader) {
            Ok(archive) => archive,
            Err(error) => return self.archive_damaged(&place, depth, &error),
        };
        for index in 0..archive.len() {
            if self.stopped || !self.count_entry() {
                return;
            }
            let mut entry = match archive.by_index(index) {
                Ok(entry) => entry,
                Err(error) => {
                    self.say(&place, depth, format!("member {} cannot be read: {error}", index + 1));
                    continue;
                }
            };
            let member = self.place(container, &labels::clean(entry.name_raw()));
            if entry.is_dir() {
                self.guess_shared(container, &format!("{}/", member.label));
            } else if entry.is_symlink() {
                self.warn(&member, "is a link and was not followed");
            } else {
                self.source(member, &mut entry, inside(depth));
            }
        }
    }

    /// A file that is no archive.
    fn artifact(&mut self, place: Place, reader: &mut dyn Read, depth: Depth) {
        self.guess_shared(place.container, &place.label);
        self.walked.containers[place.container].members.push(place.label.clone());
        let path = self.path(&place, |container| container.shared.as_deref());
        let full = self.path(&place, |_| None);
        let when = match labels::when(&full) {
            When::Unknown => self.input_when,
            when => when,
        };
        let name = if depth.compressions > 0 { labels::uncompressed(&path) } else { &path }.to_owned();
        let job = Arc::new(Job::new(self.walked.sent.len(), Known { path, name, full_path: full, when }));
        let mut metered = Metered { inner: reader, left: self.bytes_left, over: false };
        let mut sent = Sent { job, place, bytes: 0, too_large_for: None };
        let outcome = self.read_blocks(&mut sent, &mut metered);
        sent.bytes = self.bytes_left - metered.left;
        self.bytes_left = metered.left;
        let over = metered.over;
        if let Err(error) = outcome {
            self.damaged(&sent.place, &error);
        }
        if over {
            self.stop(format!("more than {} bytes unpacked", self.limits.total_bytes));
            self.warn(&sent.place, "was not read to its end");
        }
        self.walked.sent.push(sent);
    }

    fn read_blocks(&mut self, sent: &mut Sent, reader: &mut Metered<'_>) -> io::Result<()> {
        let size = self.pipeline.shared.settings.block;
        let mut bytes = self.pipeline.shared.buffer();
        let mut outcome = fill(reader, &mut bytes, size + 1);
        if outcome.is_err() || bytes.len() <= size {
            bytes.shrink_to(bytes.len() * 2);
            self.pipeline.send_small(Arc::clone(&sent.job), bytes);
            return outcome;
        }
        let job = Arc::clone(&sent.job);
        let plan = self.pipeline.begin(&job, &bytes);
        if plan.is_unknown() {
            return io::copy(reader, &mut io::sink()).map(drop);
        }
        if let Some(format) = plan.whole() {
            return self.read_whole(sent, format.id(), bytes, reader);
        }
        let (mut first_line, mut long_line) = (1u32, false);
        for index in 0.. {
            let ended = outcome.is_err() || bytes.len() <= size;
            let end = if ended { bytes.len() } else { cut(&bytes, plan.wrapper, plan.sectioned).unwrap_or(0) };
            long_line |= end == 0;
            let end = if end == 0 { bytes.len() } else { end };
            let mut rest = self.pipeline.shared.buffer();
            rest.extend_from_slice(&bytes[end..]);
            bytes.truncate(end);
            let lines = count_lines(&bytes);
            self.pipeline.send_block(&job, index, Block { bytes, first_line, continues: index > 0 });
            first_line = first_line.saturating_add(lines);
            bytes = rest;
            if ended {
                break;
            }
            bytes.reserve((size + 1).saturating_sub(bytes.len()));
            outcome = fill(reader, &mut bytes, size + 1);
            if bytes.is_empty() {
                break;
            }
        }
        if long_line {
            self.warn(&sent.place, format!("has a line of more than {size} bytes, which was cut"));
        }
        outcome
    }

    /// An artifact that its format must see in one piece.
    fn read_whole(
        &mut self,
        sent: &mut Sent,
        format: &'static str,
        mut bytes: Vec<u8>,
        reader: &mut Metered<'_>,
    ) -> io::Result<()> {
        let limit = usize::try_from(self.limits.whole_bytes).unwrap_or(usize::MAX - 1);
        let outcome = fill(reader, &mut bytes, limit + 1);
        if bytes.len() > limit {
            sent.too_large_for = Some(format);
            self.warn(&sent.place, format!("is larger than {limit} bytes, too large for {format}: not analysed"));
            drop(bytes);
            return io::copy(reader, &mut io::sink()).map(drop);
        }
        self.pipeline.send_block(&sent.job, 0, Block { bytes, first_line: 1, continues: false });
        outcome
    }

    fn place(&self, container: usize, label: &str) -> Place {
        Place { container, label: label.to_owned() }
    }

    fn container(&mut self, container: Container) -> usize {
        self.walked.containers.push(container);
        self.walked.containers.len() - 1
    }

    fn archive(&mut self, place: Place, depth: Depth) -> usize {
        if !depth.root {
            self.guess_shared(place.container, &place.label);
            self.walked.containers[place.container].members.push(place.label.clone());
        }
        self.container(Container { parent: (!depth.root).then_some(place), archive: true, ..Container::default() })
    }

    /// The first member tells which folder all may be in. Only hints for parsers rely on it.
    fn guess_shared(&mut self, container: usize, label: &str) {
        let container = &mut self.walked.containers[container];
        if container.archive && container.shared.is_none() {
            let folder = labels::first_folder(label).filter(|folder| *folder != "unnamed");
            container.shared = Some(folder.unwrap_or_default().to_owned());
        }
    }

    fn path<'p>(&'p self, place: &Place, shared: impl Fn(&'p Container) -> Option<&'p str> + Copy) -> String {
        self.walked.path(place, shared)
    }

    /// Counts a member; false: the limit is reached.
    fn count_entry(&mut self) -> bool {
        if self.stopped {
            return false;
        }
        if self.entries_left == 0 {
            self.stop(format!("more than {} files", self.limits.entries));
            return false;
        }
        self.entries_left -= 1;
        true
    }

    fn stop(&mut self, why: String) {
        self.stopped = true;
        let message = format!("the limit is reached: {why}; what was read so far is analysed");
        self.walked.said.push(Said { place: None, message });
    }

    fn damaged(&mut self, place: &Place, error: &dyn std::fmt::Display) {
        self.warn(place, format!("is damaged, what could be read is analysed: {error}"));
    }

    fn archive_damaged(&mut self, place: &Place, depth: Depth, error: &dyn std::fmt::Display) {
        self.say(place, depth, format!("the archive is damaged, what could be read is analysed: {error}"));
    }

    /// Says something of an archive; the bundle itself is no artifact.
    fn say(&mut self, place: &Place, depth: Depth, message: String) {
        let place = (!depth.root).then(|| place.clone());
        self.walked.said.push(Said { place, message });
    }

    fn warn(&mut self, place: &Place, message: impl Into<String>) {
        self.walked.said.push(Said { place: Some(place.clone()), message: message.into() });
    }
}

/// The depth of the members of an archive.
fn inside(depth: Depth) -> Depth {
    Depth { archives: depth.archives + 1, compressions: 0, root: false }
}

/// The last component of a path, also for `.`.
fn input_name(path: &Path) -> String {
    let name = |path: &Path| path.file_name().map(|name| labels::clean(name.as_encoded_bytes()));
    name(path).or_else(|| name(&path.canonicalize().ok()?)).unwrap_or_else(|| "bundle".to_owned())
}

/// The time that the input's own name is, without the endings of archives.
fn input_when(name: &str) -> When {
    labels::when(&format!("{}/", name.split('.').next().unwrap_or(name)))
}

/// A decoder whose errors name what is damaged.
struct Named<'a> {
    inner: &'a mut dyn Read,
    kind: Kind,
}

impl Read for Named<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::Interrupted => error,
            kind => io::Error::new(kind, format!("{}: {error}", self.kind.name())),
        })
    }
}

impl Walked {
    /// The path of a member: labels from the outermost container in, without the folders that `shared` names.
    fn path<'p>(&'p self, place: &Place, shared: impl Fn(&'p Container) -> Option<&'p str> + Copy) -> String {
        let container = &self.containers[place.container];
        let inner = shared(container)
            .filter(|folder| !folder.is_empty())
            .and_then(|folder| place.label.strip_prefix(folder)?.strip_prefix('/'))
            .unwrap_or(&place.label);
        match &container.parent {
            Some(parent) => format!("{}/{}", self.path(parent, shared), inner.trim_start_matches('/')),
            None => inner.to_owned(),
        }
    }

    /// Gathers what the parsers gave.
    pub(super) fn into_bundle(mut self, mut texts: BTreeMap<usize, Text>) -> Bundle {
        for container in self.containers.iter_mut().filter(|container| container.archive) {
            container.shared = labels::common_folder(container.members.iter().map(String::as_str)).map(str::to_owned);
        }
        let mut warnings: Vec<Warning> = Vec::new();
        for said in &self.said {
            let artifact = said.place.as_ref().map(|place| self.path(place, |container| container.shared.as_deref()));
            warnings.push(Warning { artifact, line: None, message: said.message.clone() });
        }
        let mut named: Vec<(String, usize)> = (self.sent.iter().enumerate())
            .map(|(index, sent)| (self.path(&sent.place, |container| container.shared.as_deref()), index))
            .collect();
        named.sort();
        let mut artifacts: Vec<Artifact> = Vec::new();
        let mut repeated = 1;
        for at in 0..named.len() {
            let (path, index) = &named[at];
            repeated = if at > 0 && named[at - 1].0 == *path { repeated + 1 } else { 1 };
            let path = if repeated == 1 { path.clone() } else { format!("{path}#{repeated}") };
            if repeated > 1 {
                let message = "is there more than once under this name".to_owned();
                warnings.push(Warning { artifact: Some(path.clone()), line: None, message });
            }
            artifacts.push(self.sent[*index].artifact(path, texts.remove(index), &mut warnings));
        }
        artifacts.sort_by(|a, b| a.path.cmp(&b.path));
        warnings.sort_by(|a, b| a.artifact.cmp(&b.artifact));
        let names: Vec<&str> = self.inputs.iter().map(|input| input.name.as_str()).collect();
        Bundle {
            name: names.join(", "),
            bytes: self.inputs.iter().map(|input| input.bytes).sum(),
            sha256: self.hash.take().and_then(|hash| hash.join().ok().flatten()),
            artifacts,
            warnings,
            inputs: self.inputs,
        }
    }
}

impl Sent {
    fn artifact(&self, path: String, text: Option<Text>, warnings: &mut Vec<Warning>) -> Artifact {
        let (read, is_text) = self.job.outcome().take();
        let mut warn = |line: Option<u32>, message: String| {
            warnings.push(Warning { artifact: Some(path.clone()), line, message });
        };
        for note in &read.parsed.notes {
            warn((note.line > 0).then_some(note.line), note.message.clone());
        }
        if read.parsed.notes_dropped > 0 {
            warn(None, format!("{} more such notes were left out", read.parsed.notes_dropped));
        }
        if self.bytes == 0 {
            warn(None, "is empty".to_owned());
        }
        let most = read.parts.iter().rev().max_by_key(|part| part.records).map(|part| part.format);
        let format = self.too_large_for.or(most).or((is_text || self.bytes == 0).then_some("text-log"));
        if format.is_none() {
            warn(None, "is in no known format".to_owned());
        }
        Artifact { path, bytes: self.bytes, format, parts: read.parts, parsed: read.parsed, text }
    }
}
