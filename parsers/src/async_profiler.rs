//! The text of async-profiler (`-o traces,flat`, also its default output until 2.0): the heaviest stacks, then the
//! functions on top. Source: `dumpText` of `profiler.cpp` of async-profiler. Its `collapsed` output is `folded`.

use crate::evidence::{Claims, Evidence, Parsed, Profile, ProfileKind, When};
use crate::folded;
use crate::lines::{LineNo, Lines, Text, decimal, float, split_once, words};
use crate::over_time::OverTime;
use crate::sampling::{Oddity, ProfileRows, RawFrames, RawThread};
use crate::tables::{FrameId, Tables};
use crate::{Format, Hint, Shape, Sniff};

/// async-profiler's text.
pub struct AsyncProfiler;

/// The first line, below what the launcher says.
const TITLE: &[u8] = b"--- Execution profile ---";

impl Format for AsyncProfiler {
    fn id(&self) -> &'static str {
        "async-profiler"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().take(20);
        let titled = lines.any(|line| line.trim_ascii_end() == TITLE);
        if titled && lines.any(|line| line.starts_with(b"Total samples")) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut reader = Reader::default();
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        while let Some(text) = lines.next() {
            reader.line(text.trim_ascii_end(), lines.last_number(), &mut out.tables);
        }
        reader.finish(line, when, out);
    }
}

/// `--- 9902352571 ns (7.48%), 9820 samples`: value, unit, samples.
fn trace(line: &[u8]) -> Option<(u64, &[u8], u64)> {
    let mut cells = words(line.strip_prefix(b"--- ")?);
    let (value, unit, share, samples) = (decimal(cells.next()?)?, cells.next()?, cells.next()?, cells.next()?);
    (share.starts_with(b"(") && cells.next()?.starts_with(b"sample")).then_some((value, unit, decimal(samples)?))
}

/// `  [ 0] java.util.Hashtable.get`.
fn frame(line: &[u8]) -> Option<&[u8]> {
    let (number, name) = split_once(line.strip_prefix(b"  [")?, b"] ")?;
    decimal(number.trim_ascii()).map(|_| name)
}

/// `  9902352571    7.48%     9820  copy_to_user_[k]`: value, samples, function.
fn top(line: &[u8]) -> Option<(u64, u64, &[u8])> {
    let (value, rest) = split_once(line.trim_ascii(), b" ")?;
    let (share, rest) = split_once(rest.trim_ascii_start(), b"% ")?;
    let (samples, name) = split_once(rest.trim_ascii_start(), b"  ")?;
    float(share)?;
    Some((decimal(value)?, decimal(samples)?, name))
}

/// A stack being read.
struct Trace {
    value: u64,
    samples: u64,
}

/// Value and samples of a stack, innermost frame first.
type Row = (Vec<FrameId>, u64, u64);

#[derive(Default)]
struct Reader<'a> {
    raw: RawFrames<'a>,
    /// `Started [cpu] profiling`, which the launcher writes.
    event: &'a [u8],
    total: u64,
    unit: &'a [u8],
    open: Option<Trace>,
    frames: Vec<FrameId>,
    traces: Vec<Row>,
    tops: Vec<Row>,
    junk: Oddity,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8], number: LineNo, tables: &mut Tables) {
        if let (Some(_), Some(name)) = (&self.open, frame(line)) {
            self.frames.push(self.raw.get(name, |name| folded::frame(name, tables)));
            return;
        }
        self.close();
        if let Some((value, unit, samples)) = trace(line) {
            self.unit = unit;
            self.open = Some(Trace { value, samples });
        } else if let Some((value, samples, name)) = top(line) {
            let frame = self.raw.get(name, |name| folded::frame(name, tables));
            self.tops.push((vec![frame], value, samples));
        } else if let Some((_, total)) = split_once(line, b":").filter(|_| line.starts_with(b"Total samples")) {
            self.total = decimal(total.trim_ascii()).unwrap_or_default();
        } else if let Some(event) = line.strip_prefix(b"Started [").and_then(|rest| rest.strip_suffix(b"] profiling")) {
            self.event = event;
        } else if line.ends_with(b"  top") && self.unit.is_empty() {
            self.unit = words(line).next().unwrap_or_default();
        } else if !is_ornament(line) {
            self.junk.see(number);
        }
    }

    fn close(&mut self) {
        if let Some(Trace { value, samples }) = self.open.take() {
            self.traces.push((std::mem::take(&mut self.frames), value, samples));
        }
    }

    fn finish(mut self, line: LineNo, when: When, out: &mut Parsed) {
        self.close();
        // The list of functions repeats what the stacks say.
        let rows = if self.traces.is_empty() { &self.tops } else { &self.traces };
        let (kind, unit) = self.meaning();
        let event = if self.event.is_empty() { &b"samples"[..] } else { self.event };
        let mut profile = ProfileRows::new(Profile {
            line,
            claims: Claims::default(),
            kind,
            event: String::from_utf8_lossy(event).into_owned(),
            unit,
            when,
            span_s: 0.0,
            over_time: OverTime::default(),
            threads: Vec::new(),
            rows: Vec::new(),
        });
        let mut samples = 0u64;
        for (frames, value, count) in rows {
            let stack = out.tables.stack(frames);
            profile.add(RawThread::default(), stack, *count, *value as f64, |name| out.tables.name(name));
            samples = samples.saturating_add(*count);
        }
        out.records += rows.len() as u64;
        self.junk.note(out, "neither a stack nor a function");
        if self.total > samples {
            let lost = self.total - samples;
            out.note(line, format!("{lost} of {} samples are not in the text: it lists the heaviest only", self.total));
        }
        if !rows.is_empty() {
            out.evidence.push(Evidence::Profile(profile.finish()));
        }
    }

    fn meaning(&self) -> (ProfileKind, String) {
        let (kind, unit) = match (self.event, self.unit) {
            (b"cpu" | b"ctimer" | b"itimer", _) => (ProfileKind::Cpu, self.unit),
            (b"wall", _) => (ProfileKind::Wall, self.unit),
            (b"lock", _) => (ProfileKind::Mutex, self.unit),
            (b"alloc", _) | (_, b"bytes") => (ProfileKind::HeapAlloc, self.unit),
            _ => (ProfileKind::Unknown, self.unit),
        };
        let unit = if unit == b"ns" { "nanoseconds".into() } else { String::from_utf8_lossy(unit).into_owned() };
        (kind, unit)
    }
}

/// Titles, rulers, and the counts of what could not be walked.
fn is_ornament(line: &[u8]) -> bool {
    let counted =
        || split_once(line, b":").is_some_and(|(_, count)| count.trim_ascii().first().is_some_and(u8::is_ascii_digit));
    line.is_empty() || line == TITLE || line.ends_with(b"  top") || line.trim_ascii().starts_with(b"-----") || counted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Parsed, Profile) {
        let mut out = Parsed::default();
        AsyncProfiler.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let Some(Evidence::Profile(profile)) = out.evidence.pop() else { panic!("{text} gives no profile") };
        (out, profile)
    }

    const HEAD: &str = "Started [lock] profiling\n--- Execution profile ---\nTotal samples:         496\nGC_active           : 8 (0.01%)\n\nFrame buffer usage:    0.0052%\n\n";
    const TRACES: &str = "--- 352227700 ns (53.09%), 248 samples\n  [ 0] java.util.Properties\n  [ 1] java.util.Hashtable.get\n\n--- 1 ns (1.00%), 1 sample\n  [ 0] copyout_[k]\n\n";
    const FLAT: &str = "          ns  percent  samples  top\n  ----------  -------  -------  ---\n   352227700   53.09%      248  java.util.Properties\n";

    #[test]
    fn stacks_are_read_and_their_tops_are_not_counted_again() {
        let (out, profile) = read(&format!("{HEAD}{TRACES}{FLAT}"));
        let stacks: Vec<_> =
            profile.rows.iter().map(|row| out.tables.functions(row.stack).collect::<Vec<_>>().join(";")).collect();
        assert_eq!(stacks, ["java.util.Properties;java.util.Hashtable.get", "copyout"]);
        assert_eq!((profile.rows[0].samples, profile.rows[0].weight), (248, 352_227_700.0));
        assert_eq!(
            (profile.kind, profile.event.as_str(), profile.unit.as_str()),
            (ProfileKind::Mutex, "lock", "nanoseconds")
        );
        assert_eq!(out.notes.len(), 1, "{:?}", out.notes);
        assert!(out.notes[0].message.starts_with("247 of 496 samples"));
    }

    #[test]
    fn functions_alone_are_stacks_of_one_frame() {
        let (out, profile) = read(&format!("{HEAD}{FLAT}"));
        assert_eq!(out.tables.functions(profile.rows[0].stack).collect::<Vec<_>>(), ["java.util.Properties"]);
        assert_eq!((profile.rows.len(), profile.unit.as_str()), (1, "nanoseconds"));
    }
}
