//! Go's `/debug/pprof/*?debug=1` texts: goroutine, goroutineleak, threadcreate, heap, allocs, mutex and block, of Go
//! 1.13 to 1.27. Source: `src/runtime/pprof/pprof.go` (printCountProfile, printStackRecord, writeHeapInternal,
//! writeProfileInternal).

use crate::evidence::{
    Claims, Completeness, Evidence, Marks, Parsed, Point, Profile, ProfileKind, ProfileRow, ProfileThread, Runtime,
    Snapshot, Thread, When,
};
use crate::go_goroutines::label_pairs;
use crate::lines::{LineNo, Lines, decimal, hexadecimal, rsplit_once, split_once};
use crate::over_time::OverTime;
use crate::signals::{Source, lookup};
use crate::tables::{Frame, FrameId, FrameKind, StackId, Sym, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::memchr;
use nom::bytes::complete::tag;
use nom::character::complete::digit1;
use nom::combinator::{all_consuming, map_opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};
use rustc_hash::FxHashMap;
use std::ops::Range;

/// Texts of Go's profiles.
pub struct GoProfileText;

impl Format for GoProfileText {
    fn id(&self) -> &'static str {
        "go-profile-text"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        match line.first() {
            Some(b'g' | b't' | b'h' | b'-') => heading(line).is_some(),
            // The text goes on behind a line of another format, or in the next block.
            Some(b'0'..=b'9') => is_record(line),
            _ => false,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut text = Text::begin(lines, hint, out);
        text.read(lines, out);
        text.finish(lines, out);
    }
}

/// Whether a record of any profile begins at a line; most lines of logs that begin with a digit are dates.
fn is_record(line: &[u8]) -> bool {
    let digits = line.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(line.len());
    matches!(line[digits..], [b' ' | b':', ..])
        && Kind::ALL_HEADS.iter().any(|kind| kind.values(line).is_some_and(|(_, has_addresses)| has_addresses))
}

/// Which profile a text is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Goroutine,
    GoroutineLeak,
    ThreadCreate,
    /// Heap or allocs, with the mean number of bytes between two samples.
    Heap {
        rate: f64,
    },
    Mutex,
    Block,
}

impl Kind {
    /// One kind for each form of a record's first line.
    const ALL_HEADS: [Kind; 3] = [Kind::Goroutine, Kind::Heap { rate: 0.0 }, Kind::Block];

    /// The numbers of a record's first line, and whether it has addresses.
    fn values(self, line: &[u8]) -> Option<([u64; 4], bool)> {
        let (numbers, pcs) = split_once(line, b" @")?;
        let addresses = pcs.starts_with(b" 0x");
        if !addresses && !pcs.trim_ascii().is_empty() {
            return None;
        }
        let values = match self {
            Kind::Goroutine | Kind::GoroutineLeak | Kind::ThreadCreate => [decimal(numbers)?, 0, 0, 0],
            Kind::Heap { .. } => all_consuming(heap_numbers).parse(numbers).ok()?.1,
            Kind::Mutex | Kind::Block => {
                let (cycles, count) = split_once(numbers, b" ")?;
                [decimal(count)?, decimal(cycles)?, 0, 0]
            }
        };
        Some((values, addresses))
    }
}

fn number(input: &[u8]) -> IResult<&[u8], u64> {
    map_opt(digit1, decimal).parse(input)
}

/// `26: 2496 [30: 2880]`: objects and bytes in use, objects and bytes allocated.
fn heap_numbers(input: &[u8]) -> IResult<&[u8], [u64; 4]> {
    let (rest, objects) = terminated(number, tag(&b": "[..])).parse(input)?;
    let (rest, bytes) = terminated(number, tag(&b" ["[..])).parse(rest)?;
    let (rest, all_objects) = terminated(number, tag(&b": "[..])).parse(rest)?;
    let (rest, all_bytes) = terminated(number, tag(&b"]"[..])).parse(rest)?;
    Ok((rest, [objects, bytes, all_objects, all_bytes]))
}

/// The kind that a first line names, and the number of entries that it states.
fn heading(line: &[u8]) -> Option<(Kind, Option<u64>)> {
    match line {
        b"--- mutex:" => return Some((Kind::Mutex, None)),
        b"--- contention:" => return Some((Kind::Block, None)),
        _ => {}
    }
    if let Some((name, total)) = split_once(line, b" profile: total ") {
        let kind = match name {
            b"goroutine" => Kind::Goroutine,
            b"goroutineleak" => Kind::GoroutineLeak,
            b"threadcreate" => Kind::ThreadCreate,
            _ => return None,
        };
        return Some((kind, Some(decimal(total)?)));
    }
    let head = preceded(tag(&b"heap profile: "[..]), heap_numbers);
    let (_, (_, _, doubled)) = all_consuming((head, tag(&b" @ heap/"[..]), number)).parse(line).ok()?;
    // Go prints twice the rate.
    Some((Kind::Heap { rate: (doubled / 2) as f64 }, None))
}

/// One record: the numbers of its first line and its stack.
struct Row {
    line: LineNo,
    end: LineNo,
    values: [u64; 4],
    stack: StackId,
    labels: Range<u32>,
    cut: bool,
}

/// A text that is being read.
struct Text<'a> {
    line: LineNo,
    kind: Kind,
    total: Option<u64>,
    when: When,
    rows: Vec<Row>,
    labels: Vec<(Sym, Sym)>,
    cycles_per_second: Option<f64>,
    sampling_period: u64,
    /// Snapshot that these records go on, begun before a line of another format.
    resumed: Option<Snapshot>,
    /// The heading stands in an earlier block.
    continues: bool,
    foreign_lines: u32,
    frames: FxHashMap<&'a [u8], FrameId>,
    buffer: Vec<FrameId>,
}

impl<'a> Text<'a> {
    fn begin(lines: &mut Lines<'a>, hint: &Hint<'_>, out: &mut Parsed) -> Self {
        let mut text = Text {
            line: lines.number(),
            kind: Kind::Goroutine,
            total: None,
            when: lines.time().map_or(hint.when, When::Wall),
            rows: Vec::new(),
            labels: Vec::new(),
            cycles_per_second: None,
            sampling_period: 1,
            resumed: None,
            continues: false,
            foreign_lines: 0,
            frames: FxHashMap::default(),
            buffer: Vec::new(),
        };
        let first = lines.peek().unwrap_or_default();
        if let Some((kind, total)) = heading(first) {
            (text.kind, text.total) = (kind, total);
            lines.advance();
        } else if let Some((kind, _)) = heading(hint.heading) {
            (text.kind, text.continues) = (kind, true);
        } else if let Some(snapshot) = take_open_snapshot(out) {
            text.kind = if snapshot.origin == "goroutineleak" { Kind::GoroutineLeak } else { Kind::Goroutine };
            text.resumed = Some(snapshot);
        } else {
            let known = Kind::ALL_HEADS.into_iter().find(|kind| kind.values(first).is_some());
            text.kind = known.unwrap_or(Kind::Goroutine);
            text.continues = true;
            out.note(text.line, "records of a Go profile without its first line: taken for what their form says");
        }
        text
    }

    fn read(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        while let Some(line) = lines.peek() {
            if line.is_empty() {
                if !self.goes_on_after_blank(lines) {
                    return;
                }
                lines.advance();
            } else if let Some((values, _)) = self.kind.values(line) {
                self.record(values, lines, out);
            } else if line.starts_with(b"# ") {
                self.statistic(line, lines.number(), out);
                lines.advance();
            } else if let Some(value) = line.strip_prefix(b"cycles/second=") {
                self.cycles_per_second = decimal(value).filter(|&rate| rate > 0).map(|rate| rate as f64);
                lines.advance();
            } else if let Some(value) = line.strip_prefix(b"sampling period=") {
                self.sampling_period = decimal(value).unwrap_or(1).max(1);
                lines.advance();
            } else if !self.skip_foreign(line, lines) {
                return;
            }
        }
    }

    fn goes_on_after_blank(&self, lines: &Lines<'a>) -> bool {
        let mut ahead = *lines;
        while ahead.peek().is_some_and(<[u8]>::is_empty) {
            ahead.advance();
        }
        ahead.peek().is_none_or(|line| self.kind.values(line).is_some() || line.starts_with(b"# "))
    }

    /// Leaves out a line of another program if the text goes on behind it.
    fn skip_foreign(&mut self, line: &[u8], lines: &mut Lines<'a>) -> bool {
        let goes_on = lines
            .peek_second()
            .is_some_and(|next| next.starts_with(b"#\t") || self.kind.values(next).is_some_and(|(_, pcs)| pcs));
        if !goes_on || crate::opened_by(line).is_some() {
            return false;
        }
        self.foreign_lines += 1;
        lines.advance();
        true
    }

    fn record(&mut self, values: [u64; 4], lines: &mut Lines<'a>, out: &mut Parsed) {
        let line = lines.number();
        lines.advance();
        let first_label = self.labels.len() as u32;
        self.buffer.clear();
        while let Some(next) = lines.peek() {
            if let Some(labels) = next.strip_prefix(b"# labels: {") {
                let labels = labels.strip_suffix(b"}").unwrap_or(labels);
                let (all, tables) = (&mut self.labels, &mut out.tables);
                label_pairs(labels, |key, value| all.push((tables.name(&key), tables.name(&value))));
            } else if next.starts_with(b"#\t") {
                self.frame(next, &mut out.tables);
            } else if next.is_empty() || next.starts_with(b"# ") || !self.skip_foreign(next, lines) {
                break;
            } else {
                continue;
            }
            lines.advance();
        }
        out.records += 1;
        self.rows.push(Row {
            line,
            end: lines.last_number() + 1,
            values,
            stack: out.tables.stack(&self.buffer),
            labels: first_label..self.labels.len() as u32,
            cut: lines.is_done() && !lines.ended_with_newline(),
        });
    }

    /// `#  0x62ddd4  main.recvWorker+0x14  example.com/app/main.go:28`, cells parted by runs of tabs.
    fn frame(&mut self, line: &'a [u8], tables: &mut Tables) {
        let mut cells = line[1..].splitn(3, |byte| *byte == b'\t').skip(1);
        let address = cells.next().unwrap_or_default();
        let rest = cells.next().unwrap_or_default();
        if let Some(&known) = self.frames.get(rest).filter(|_| !rest.is_empty()) {
            return self.buffer.push(known);
        }
        let (name, place) = match memchr(b'\t', rest) {
            Some(end) => (&rest[..end], rest[end..].trim_ascii()),
            None => (rest, &b""[..]),
        };
        let function = rsplit_once(name, b"+0x").map_or(name, |(function, _)| function);
        if function.is_empty() {
            // The profile of threads holds nothing but zeros; other addresses without a name are C code.
            if hexadecimal(address).is_some_and(|address| address != 0) {
                let function = tables.name(b"non-Go function");
                self.buffer.push(tables.frame(Frame { function, kind: FrameKind::Native, ..Frame::default() }));
            }
            return;
        }
        let (file, number) = match rsplit_once(place, b":") {
            Some((file, number)) => (file, decimal(number).and_then(|n| u32::try_from(n).ok()).unwrap_or(0)),
            None => (place, 0),
        };
        let frame =
            Frame { function: tables.name(function), file: tables.name(file), line: number, ..Frame::default() };
        let id = tables.frame(frame);
        self.frames.insert(rest, id);
        self.buffer.push(id);
    }

    /// `# HeapAlloc = 96073768`: one of the lines below `# runtime.MemStats`. Lists of pauses and totals of
    /// allocations are left to the profile itself.
    fn statistic(&self, line: &[u8], number: LineNo, out: &mut Parsed) {
        let Some((key, value)) = split_once(&line[2..], b" = ") else { return };
        let Some(signal) = std::str::from_utf8(key).ok().and_then(|key| lookup(Source::GoMemStats, key)) else {
            return;
        };
        // `Stack = 393216 / 393216`: in use / obtained from the system.
        let value = split_once(value, b" / ").map_or(value, |(used, _)| used);
        let Some(value) = crate::series::number(value) else {
            return out.note(number, "a line of runtime.MemStats without a number");
        };
        let point = Point { when: self.when, value: signal.amount(value), line: number };
        out.point(&Claims::default(), &signal.name, signal.unit, signal.kind, point);
    }

    fn finish(mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        if self.rows.is_empty() && lines.number() == self.line {
            // A line that opened and yet gave nothing is taken, or the reader would stand still.
            lines.advance();
        }
        if self.foreign_lines > 0 {
            let message = format!("{} lines of another program within a Go profile; left out", self.foreign_lines);
            out.note(self.line, message);
        }
        let is_cut = lines.is_done() && !lines.ended_with_newline();
        match self.kind {
            Kind::Goroutine | Kind::GoroutineLeak => {
                let snapshot = self.snapshot(is_cut, out);
                out.evidence.push(Evidence::Snapshot(snapshot));
                return;
            }
            Kind::ThreadCreate => {
                self.profile(ProfileKind::Threads, "threadcreate", "count", out, |values| (values[0], values[0] as f64))
            }
            Kind::Heap { rate } => {
                self.profile(ProfileKind::HeapInUse, "inuse_space", "bytes", out, |v| unsampled(v[0], v[1], rate));
                self.profile(ProfileKind::HeapAlloc, "alloc_space", "bytes", out, |v| unsampled(v[2], v[3], rate));
            }
            Kind::Mutex => self.contention(ProfileKind::Mutex, out),
            Kind::Block => self.contention(ProfileKind::Block, out),
        }
        if is_cut {
            out.note(lines.last_number(), "the text ends in the middle of a line");
        }
    }

    fn snapshot(&mut self, is_cut: bool, out: &mut Parsed) -> Snapshot {
        let leaked = self.kind == Kind::GoroutineLeak;
        let mut snapshot = self.resumed.take().unwrap_or_else(|| Snapshot {
            line: self.line,
            runtime: Runtime::Go,
            origin: if leaked { "goroutineleak" } else { "debug=1" },
            when: self.when,
            stated_total: self.total,
            continues: self.continues,
            ..Snapshot::default()
        });
        let known_labels = snapshot.labels.len() as u32;
        snapshot.labels.append(&mut self.labels);
        snapshot.threads.extend(self.rows.iter().map(|row| Thread {
            line: row.line,
            end: row.end,
            stack: row.stack,
            count: u32::try_from(row.values[0]).unwrap_or(u32::MAX),
            labels: row.labels.start + known_labels..row.labels.end + known_labels,
            marks: Marks { leaked, truncated: row.cut, ..Marks::default() },
            ..Thread::default()
        }));
        let (found, stated) = (snapshot.total(), snapshot.stated_total);
        snapshot.open = stated.is_none_or(|stated| found < stated);
        snapshot.completeness = match stated {
            Some(stated) if found < stated => Completeness::Truncated,
            _ if is_cut => Completeness::Truncated,
            _ => Completeness::Complete,
        };
        if let Some(stated) = stated.filter(|&stated| stated != found) {
            out.note(snapshot.line, format!("the text states {stated} goroutines and holds {found}"));
        } else if is_cut {
            out.note(self.rows.last().map_or(self.line, |row| row.line), "the text ends in the middle of a record");
        }
        snapshot
    }

    fn contention(&self, kind: ProfileKind, out: &mut Parsed) {
        // Go scales counts by the sampling period since 1.20; counts that are no multiples of it come from before.
        let scaled = self.rows.iter().all(|row| row.values[0] % self.sampling_period == 0);
        let factor = if scaled { 1 } else { self.sampling_period };
        if !scaled {
            out.note(self.line, "the values are sampled and were multiplied by the sampling period");
        }
        let (unit, per_cycle) = match self.cycles_per_second {
            Some(rate) => ("nanoseconds", 1e9 / rate),
            None => {
                out.note(self.line, "no cycles/second line: the weights are cycles, not nanoseconds");
                ("cycles", 1.0)
            }
        };
        self.profile(kind, "delay", unit, out, |values| {
            (values[0].saturating_mul(factor), values[1] as f64 * factor as f64 * per_cycle)
        });
    }

    /// Adds a profile of the rows that `weigh` gives any samples or weight.
    fn profile(
        &self,
        kind: ProfileKind,
        event: &str,
        unit: &str,
        out: &mut Parsed,
        weigh: impl Fn([u64; 4]) -> (u64, f64),
    ) {
        let mut profile = Profile {
            line: self.line,
            claims: Claims::default(),
            kind,
            event: event.to_owned(),
            unit: unit.to_owned(),
            when: self.when,
            span_s: 0.0,
            threads: vec![ProfileThread::default()],
            rows: Vec::new(),
            over_time: OverTime::default(),
        };
        let mut index: FxHashMap<StackId, usize> = FxHashMap::default();
        for row in &self.rows {
            let (samples, weight) = weigh(row.values);
            if samples == 0 && weight == 0.0 {
                continue;
            }
            let at = *index.entry(row.stack).or_insert_with(|| {
                profile.rows.push(ProfileRow { stack: row.stack, thread: 0, samples: 0, weight: 0.0 });
                profile.rows.len() - 1
            });
            let known = &mut profile.rows[at];
            known.samples = known.samples.saturating_add(samples);
            known.weight += weight;
        }
        out.evidence.push(Evidence::Profile(profile));
    }
}

/// The open debug=1 snapshot that was read last, taken out to be gone on with.
fn take_open_snapshot(out: &mut Parsed) -> Option<Snapshot> {
    let at = out.evidence.iter().rposition(
        |evidence| matches!(evidence, Evidence::Snapshot(s) if matches!(s.origin, "debug=1" | "goroutineleak")),
    )?;
    if !matches!(&out.evidence[at], Evidence::Snapshot(snapshot) if snapshot.open) {
        return None;
    }
    // What was said of the total is not true any more.
    let Evidence::Snapshot(snapshot) = out.evidence.remove(at) else { return None };
    out.notes.retain(|note| !(note.line == snapshot.line && note.message.starts_with("the text states ")));
    Some(snapshot)
}

/// Objects and bytes of which samples at `rate` show these: the text holds the samples, the protobuf and pprof the
/// estimate. As scaleHeapSample of pprof.
fn unsampled(objects: u64, bytes: u64, rate: f64) -> (u64, f64) {
    if objects == 0 || bytes == 0 {
        return (0, 0.0);
    }
    if rate <= 1.0 {
        return (objects, bytes as f64);
    }
    let mean = bytes as f64 / objects as f64;
    let scale = 1.0 / (1.0 - (-mean / rate).exp());
    ((objects as f64 * scale) as u64, (bytes as f64 * scale).trunc())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Amount;
    use crate::lines;
    use proptest::prelude::*;

    fn parse_with(text: &[u8], hint: &Hint<'_>) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), lines::Text::new(text, 1).lines());
        while let Some(line) = lines.peek() {
            if GoProfileText.opens(line) {
                GoProfileText.parse(&mut lines, hint, &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn parse(text: &[u8]) -> Parsed {
        parse_with(text, &Hint::default())
    }

    fn snapshot(out: &Parsed) -> &Snapshot {
        let [Evidence::Snapshot(snapshot)] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        snapshot
    }

    fn profiles(out: &Parsed) -> Vec<&Profile> {
        out.evidence
            .iter()
            .filter_map(|evidence| match evidence {
                Evidence::Profile(profile) => Some(profile),
                _ => None,
            })
            .collect()
    }

    const LABELLED: &str = "goroutine profile: total 4\n\
        3 @ 0x47e1aa 0x41512e 0x414c72 0x4e3899 0x4840a1\n\
        # labels: {\"req\":\"42\", \"tenant\":\"acme\"}\n\
        #\t0x4e3898\tmain.worker+0x18\texample.com/app/main.go:3\n\n\
        1 @ 0x441011 0x47d51d 0x4cf3d1 0x4cf0a5 0x4cc009 0x4e364e 0x44ac27 0x4840a1\n\
        #\t0x4e364d\tmain.main+0x5ad\t\t\t\texample.com/app/main.go:10\n\
        #\t0x44ac26\truntime.main+0x426\t\t\truntime/proc.go:302\n\n";

    #[test]
    fn records_keep_counts_labels_and_frames() {
        let out = parse(LABELLED.as_bytes());
        let all = snapshot(&out);
        assert_eq!((all.origin, all.stated_total, all.total()), ("debug=1", Some(4), 4));
        assert_eq!((all.completeness, all.open), (Completeness::Complete, false));
        let [first, second] = &all.threads[..] else { panic!("{:?}", all.threads) };
        assert_eq!((first.line, first.end, first.count), (2, 5, 3));
        let labels: Vec<_> =
            all.labels_of(first).iter().map(|(k, v)| (out.tables.text(*k), out.tables.text(*v))).collect();
        assert_eq!(labels, [("req", "42"), ("tenant", "acme")]);
        assert_eq!(out.tables.functions(second.stack).collect::<Vec<_>>(), ["main.main", "runtime.main"]);
        let frame = out.tables.get_frame(out.tables.stack_frames(second.stack)[0]);
        assert_eq!((out.tables.text(frame.file), frame.line), ("example.com/app/main.go", 10));
    }

    #[test]
    fn captures_of_several_versions_hold_what_they_state() {
        for (text, total, leaked) in [
            (&include_bytes!("../../samples/go-profile-text/goroutine-labels/goroutine.txt")[..], 74, false),
            (include_bytes!("../../samples/go-profile-text/goroutine-go1.21/goroutine.txt"), 74, false),
            (include_bytes!("../../samples/go-profile-text/goroutineleak/goroutineleak.txt"), 69, true),
        ] {
            let out = parse(text);
            let all = snapshot(&out);
            assert_eq!((all.total(), all.stated_total), (total, Some(total)));
            assert!(all.threads.iter().all(|t| t.marks.leaked == leaked && t.stack != StackId::EMPTY));
            assert_eq!(out.notes, []);
        }
    }

    #[test]
    fn heap_samples_become_the_estimate_that_the_protobuf_holds() {
        let out = parse(include_bytes!("../../samples/go-profile-text/heap/heap.txt"));
        let [in_use, allocated] = profiles(&out)[..] else { panic!() };
        assert_eq!((in_use.kind, allocated.kind), (ProfileKind::HeapInUse, ProfileKind::HeapAlloc));
        // The values of the protobuf that was taken in the same second; two of its rows have the same symbols.
        let rows: Vec<_> = in_use.rows.iter().map(|row| (row.samples, row.weight)).collect();
        assert_eq!(rows, [(1, 953158.0), (142007 + 174766, 13632736.0 + 4194400.0), (150744, 12059544.0)]);
        let series: Vec<_> = out
            .evidence
            .iter()
            .filter_map(|evidence| match evidence {
                Evidence::Series(s) => Some((s.signal.as_str(), s.points[0].value)),
                _ => None,
            })
            .collect();
        assert!(series.contains(&("go.memory.heap_inuse", Amount::Value(97050624.0))), "{series:?}");
        assert!(series.contains(&("go.memory.stack_inuse", Amount::Value(393216.0))), "{series:?}");
        assert_eq!(series.len(), 15);
    }

    #[test]
    fn contention_is_in_nanoseconds_and_not_scaled_twice() {
        let out = parse(include_bytes!("../../samples/go-profile-text/mutex/mutex.txt"));
        let [mutex] = profiles(&out)[..] else { panic!() };
        assert_eq!((mutex.kind, mutex.unit.as_str()), (ProfileKind::Mutex, "nanoseconds"));
        // The protobuf that was taken in the same second says 2701485834814.
        assert_eq!((mutex.rows[0].samples, mutex.rows[0].weight.round()), (490, 2701485834814.0));
        assert_eq!(out.tables.functions(mutex.rows[0].stack).nth(1), Some("main.(*limiter).take"));
        let out = parse(include_bytes!("../../samples/go-profile-text/block/block.txt"));
        let [block] = profiles(&out)[..] else { panic!() };
        assert_eq!((block.kind, block.rows[0].samples), (ProfileKind::Block, 462));
    }

    #[test]
    fn contention_of_old_go_is_multiplied_by_the_sampling_period() {
        let text =
            b"--- mutex:\ncycles/second=1000000000\nsampling period=5\n100 3 @ 0x1 0x2\n#\t0x1\tmain.f+0x1\ta.go:1\n";
        let out = parse(text);
        assert_eq!((profiles(&out)[0].rows[0].samples, profiles(&out)[0].rows[0].weight), (15, 500.0));
        assert_eq!(out.notes.len(), 1);
    }

    #[test]
    fn threads_without_a_stack_are_counted() {
        let out = parse(include_bytes!("../../samples/go-profile-text/threadcreate/threadcreate.txt"));
        let [threads] = profiles(&out)[..] else { panic!() };
        let rows: Vec<_> = threads.rows.iter().map(|r| (r.samples, out.tables.functions(r.stack).len())).collect();
        assert_eq!(rows, [(5, 0), (1, 4)]);
    }

    #[test]
    fn a_log_line_within_is_left_out_with_a_note() {
        let text = LABELLED.replace("#\t0x44", "2026/11/21 22:00:00 level=info msg=hi\n#\t0x44");
        let out = parse(text.as_bytes());
        assert_eq!(snapshot(&out).total(), 4);
        assert_eq!(out.tables.functions(snapshot(&out).threads[1].stack).len(), 2);
        assert_eq!(out.notes.len(), 1);
    }

    #[test]
    fn lines_of_another_format_do_not_end_the_snapshot() {
        let gctrace = "gc 3 @5.873s 2%: 0.15+0.75+0.004 ms clock, 0.30+0.74/0.083/0.66+0.009 ms cpu, \
            10->10->8 MB, 10 MB goal, 0 MB stacks, 0 MB globals, 2 P\n";
        let out = parse(LABELLED.replace("1 @", &format!("{gctrace}1 @")).as_bytes());
        assert_eq!((snapshot(&out).total(), snapshot(&out).completeness), (4, Completeness::Complete));
        assert_eq!(out.notes, []);
    }

    #[test]
    fn a_text_cut_at_a_record_is_joined_again() {
        let (head, tail) = LABELLED.split_at(LABELLED.find("1 @").unwrap());
        let mut first = parse(head.as_bytes());
        assert!(snapshot(&first).open);
        let hint = Hint { heading: b"goroutine profile: total 4", continues: true, ..Hint::default() };
        first.append(parse_with(tail.as_bytes(), &hint));
        assert_eq!((snapshot(&first).total(), snapshot(&first).completeness), (4, Completeness::Complete));
    }

    #[test]
    fn a_cut_text_says_so() {
        let out = parse(&LABELLED.as_bytes()[..LABELLED.find("\n1 @").unwrap()]);
        assert_eq!(snapshot(&out).completeness, Completeness::Truncated);
        assert_eq!(out.notes[0].message, "the text states 4 goroutines and holds 3");
    }

    #[test]
    fn other_lines_do_not_open() {
        for line in ["3 @ home", "goroutine profile: total", "heap profile:  1: 2 [ 3: 4] @ heapprofile", "--- a", "7"]
        {
            assert!(!GoProfileText.opens(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn no_input_panics(cut in 0usize..6000, at in 0usize..6000, byte in any::<u8>()) {
            for text in [LABELLED.as_bytes(), include_bytes!("../../samples/go-profile-text/mutex/mutex.txt")] {
                let mut text = text[..cut.min(text.len())].to_vec();
                if let Some(slot) = text.get_mut(at) {
                    *slot = byte;
                }
                parse(&text);
            }
        }
    }
}
