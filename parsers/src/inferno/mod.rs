//! Folds `perf script` text byte for byte as `inferno-collapse-perf` 0.12 does, with what it leaves out and misreads:
//! for those who compare with earlier folded files. The format `perf-script` of this package reads every sample.
//!
//! Bytes in, folded text out. Most samples repeat the callers of another one to the byte, addresses included: they
//! are looked up as a whole, and lines are looked at one by one only where they are new.

mod frame;
mod header;
mod text;

use crate::interned::{Fingerprint, Fingerprints, Names, Sequences};
use crate::perf_frames::{FrameLines, behind_address};
use frame::Rules;
use header::Header;
use memchr::memchr;
use rustc_hash::FxHashMap;
use std::borrow::Cow;

/// What `inferno-collapse-perf` has as options of the same names.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Process ids behind the process names.
    pub pid: bool,
    /// Process and thread ids behind the process names.
    pub tid: bool,
    /// Addresses where symbols are missing.
    pub addrs: bool,
    /// `_[k]` behind kernel functions.
    pub kernel: bool,
    /// `_[j]` behind functions compiled at run time.
    pub jit: bool,
    /// The event whose samples count; the first of the text without it.
    pub event_filter: Option<String>,
}

impl Options {
    /// With the event that counts: the one that is set, or the first in the text.
    pub fn for_text(&self, beginning: &[u8]) -> Options {
        Options { event_filter: self.event_filter.clone().or_else(|| first_event(beginning)), ..self.clone() }
    }
}

/// The event of the first sample that names one.
fn first_event(text: &[u8]) -> Option<String> {
    let mut frames_follow = false;
    for line in text.split(|byte| *byte == b'\n').filter(|line| !line.starts_with(b"#")) {
        let line = trimmed(line);
        if line.is_empty() {
            frames_follow = false;
        } else if !frames_follow && let Some(header) = header::read(&line) {
            if let Some(event) = header.event {
                return Some(event.to_owned());
            }
            frames_follow = header.only_frame.is_none();
        }
    }
    None
}

/// The text of a line without the blanks at its end.
fn trimmed(line: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(line) {
        Ok(line) => Cow::Borrowed(line.trim_end()),
        Err(_) => Cow::Owned(String::from_utf8_lossy(line).trim_end().to_owned()),
    }
}

/// Where a text may be cut so that each part can be folded on its own: behind the last blank line.
pub fn last_cut(text: &[u8]) -> Option<usize> {
    let mut end = text.len();
    while let Some(line_end) = memchr::memrchr(b'\n', &text[..end]) {
        let start = memchr::memrchr(b'\n', &text[..line_end]).map_or(0, |before| before + 1);
        if trimmed(&text[start..line_end]).is_empty() {
            return Some(line_end + 1);
        }
        end = line_end;
    }
    None
}

/// Whose samples: an index into [`Folder::processes`].
type Process = u32;
/// A list of frames, outermost last: an index into [`Folder::stacks`].
type Stack = u32;

/// What the lines of a sample that were read so far say.
#[derive(Default)]
struct Open {
    /// A header was read: what follows until a blank line are frames.
    frames_follow: bool,
    /// The sample is of another event.
    left_out: bool,
    process: Process,
    period: Option<u64>,
    /// Frames, innermost first.
    stack: Vec<u32>,
}

/// Folds text, part after part.
pub struct Folder {
    options: Options,
    rules: Rules,
    /// Text of frames.
    frames: Names,
    /// Frames of each distinct line, without its address; those of Java processes apart.
    lines: [Names; 2],
    line_frames: [Vec<Stack>; 2],
    /// Names of processes with what the options put behind them.
    processes: Names,
    java: Vec<bool>,
    stacks: Sequences,
    /// Callers by the texts of their lines, those of Java processes apart.
    callers: [Fingerprints; 2],
    /// Weight by process, innermost line's frames and callers.
    counts: FxHashMap<(Process, Stack, Stack), u64>,
    open: Open,
    buffer: Vec<u32>,
    name: Vec<u8>,
    /// Callers of the sample at hand, without their addresses.
    texts: Vec<u8>,
}

impl Folder {
    /// A folder with nothing in it. The options must name the event that counts ([`Options::for_text`]).
    pub fn new(options: Options) -> Folder {
        Folder {
            rules: Rules { addrs: options.addrs, kernel: options.kernel, jit: options.jit },
            options,
            frames: Names::default(),
            lines: Default::default(),
            line_frames: Default::default(),
            processes: Names::default(),
            java: Vec::new(),
            stacks: Sequences::default(),
            callers: Default::default(),
            counts: FxHashMap::default(),
            open: Open::default(),
            buffer: Vec::new(),
            name: Vec::new(),
            texts: Vec::new(),
        }
    }

    /// Folds a part of a text, which ends at [`last_cut`] or at the end of the text.
    pub fn fold(&mut self, text: &[u8]) {
        let mut at = 0;
        while at < text.len() {
            let rest = &text[at..];
            let end = memchr(b'\n', rest).unwrap_or(rest.len());
            self.line(&rest[..end]);
            at += (end + 1).min(rest.len());
            if self.open.frames_follow && self.open.stack.is_empty() && !self.open.left_out {
                at += self.sample(&text[at..]);
            }
        }
        self.close();
    }

    /// Counts the frames that follow a header as a whole, and says how many bytes these are; 0: they must be read line
    /// by line.
    fn sample(&mut self, text: &[u8]) -> usize {
        let mut texts = std::mem::take(&mut self.texts);
        let sample = FrameLines::take(text, &mut texts).filter(|_| !self.options.addrs);
        let bytes = sample.map_or(0, |sample| self.count_sample(&sample, &texts));
        self.texts = texts;
        bytes
    }

    fn count_sample(&mut self, sample: &FrameLines<'_>, texts: &[u8]) -> usize {
        let Some(innermost) = self.frames_of(sample.innermost) else { return 0 };
        let java = usize::from(self.java[self.open.process as usize]);
        let texts = Fingerprint::of(texts);
        let callers = match self.callers[java].get(texts) {
            Some(stack) => stack,
            None => {
                let stack = self.callers_of(sample.callers);
                self.callers[java].insert(texts, stack);
                stack
            }
        };
        self.count(innermost, callers);
        sample.bytes
    }

    fn callers_of(&mut self, lines: &[u8]) -> Stack {
        let mut frames = std::mem::take(&mut self.buffer);
        frames.clear();
        for line in lines.split(|byte| *byte == b'\n') {
            if let Some(found) = self.frames_of(line) {
                frames.extend_from_slice(self.stacks.get(found));
            }
        }
        let stack = self.stacks.index_of(&frames);
        self.buffer = frames;
        stack
    }

    /// The frames of a line below a header; `None`: it is blank.
    fn frames_of(&mut self, line: &[u8]) -> Option<Stack> {
        let java = usize::from(self.java[self.open.process as usize]);
        let text = behind_address(line);
        if let Some(text) = text
            && let Some(known) = self.lines[java].find(text)
        {
            return Some(self.line_frames[java][known as usize]);
        }
        let (frames, keep) = self.read_line(line, java == 1)?;
        if let Some(text) = text.filter(|_| keep) {
            self.lines[java].index_of(text);
            self.line_frames[java].push(frames);
        }
        Some(frames)
    }

    /// Frames of a line that is new, and whether they would be the same at another address.
    #[cold]
    fn read_line(&mut self, line: &[u8], java: bool) -> Option<(Stack, bool)> {
        let line = trimmed(line);
        if line.is_empty() {
            return None;
        }
        let mut found = Vec::new();
        let of_address = self.rules.read(&line, java, |name| found.push(self.frames.index_of(name.as_bytes())));
        // Stacks are kept innermost first, and the innermost of a line stands last.
        found.reverse();
        Some((self.stacks.index_of(&found), !of_address))
    }

    /// Any line, on its own.
    fn line(&mut self, line: &[u8]) {
        if line.starts_with(b"#") {
            return;
        }
        let text = trimmed(line);
        if text.is_empty() {
            self.close();
        } else if !self.open.frames_follow {
            self.begin(&text);
        } else if !self.open.left_out {
            self.frame_line(line);
        }
    }

    fn frame_line(&mut self, line: &[u8]) {
        if let Some(frames) = self.frames_of(line) {
            self.open.stack.extend_from_slice(self.stacks.get(frames));
        }
    }

    fn begin(&mut self, line: &str) {
        let Some(header) = header::read(line) else { return };
        self.open.frames_follow = true;
        if let Some(event) = header.event {
            self.open.period = header.period;
            if self.options.event_filter.as_deref().is_some_and(|counts| counts != event) {
                self.open.left_out = true;
                return;
            }
        }
        self.open.process = self.process(&header);
        if let Some(frame) = header.only_frame {
            self.frame_line(frame.as_bytes());
            self.open.frames_follow = false;
            if !self.open.stack.is_empty() {
                self.close();
            }
        }
    }

    fn process(&mut self, header: &Header<'_>) -> Process {
        let name = &mut self.name;
        name.clear();
        name.extend(header.comm.bytes().map(|byte| if byte == b' ' { b'_' } else { byte }));
        let ids: &[&str] = match () {
            () if self.options.tid => &["-", header.pid, "/", header.tid],
            () if self.options.pid => &["-", header.pid],
            () => &[],
        };
        ids.iter().for_each(|part| name.extend_from_slice(part.as_bytes()));
        let process = self.processes.index_of(name);
        if process as usize == self.java.len() {
            self.java.push(name.starts_with(b"java"));
        }
        process
    }

    /// Ends the sample whose lines were read one by one.
    fn close(&mut self) {
        if !self.open.stack.is_empty() {
            let frames = std::mem::take(&mut self.open.stack);
            let (innermost, stack) = (self.stacks.index_of(&[]), self.stacks.index_of(&frames));
            self.open.stack = frames;
            self.count(innermost, stack);
        }
        self.reset();
    }

    fn reset(&mut self) {
        self.open.frames_follow = false;
        self.open.left_out = false;
        self.open.period = None;
        self.open.stack.clear();
    }

    fn count(&mut self, innermost: Stack, callers: Stack) {
        if !(self.stacks.get(innermost).is_empty() && self.stacks.get(callers).is_empty()) {
            let sum = self.counts.entry((self.open.process, innermost, callers)).or_default();
            *sum = sum.wrapping_add(self.open.period.unwrap_or(1));
        }
        self.reset();
    }

    /// Adds what another folder counted.
    pub fn absorb(&mut self, other: Folder) {
        let frames: Vec<u32> = other.frames.iter().map(|name| self.frames.index_of(name)).collect();
        let processes: Vec<u32> = other.processes.iter().map(|name| self.processes.index_of(name)).collect();
        let stacks: Vec<u32> = other
            .stacks
            .iter()
            .map(|stack| {
                self.buffer.clear();
                self.buffer.extend(stack.iter().map(|frame| frames[*frame as usize]));
                self.stacks.index_of(&self.buffer)
            })
            .collect();
        for ((process, innermost, callers), weight) in other.counts {
            let key = (processes[process as usize], stacks[innermost as usize], stacks[callers as usize]);
            let sum = self.counts.entry(key).or_default();
            *sum = sum.wrapping_add(weight);
        }
    }
}
