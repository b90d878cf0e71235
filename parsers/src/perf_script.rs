//! The default text of `perf script`, perf 3.x to 6.x, with and without call chains. Grammar: `builtin-script.c`
//! (perf_sample__fprintf_start, process_event) and `evsel_fprintf.c` (sample__fprintf_callchain) of the perf sources.
//!
//! A thread may call itself anything, so a header is read backwards from its time. A frame line is looked up by its
//! text behind the address, which never changes what the frame is, and parsed only where that is new.

use crate::evidence::{Claims, Evidence, Parsed, Profile, ProfileKind, ProfileThread, When};
use crate::interned::{Fingerprint, Fingerprints};
use crate::lines::{LineNo, Lines, decimal, hexadecimal, rsplit_once, split_once, words};
use crate::off_cpu::{self, Switch, Switches, Wait};
use crate::over_time::OverTime;
use crate::perf_frames::{FrameLines, behind_address};
use crate::sampling::{Oddity, ProfileRows, RawFrames, RawThread};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff};
use memchr::{memchr, memchr_iter, memmem, memrchr};
use nom::bytes::complete::take_till1;
use nom::character::complete::{digit1, space0, space1};
use nom::combinator::{map_opt, opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};
use rustc_hash::FxHashMap;

/// perf script text.
pub struct PerfScript;

impl Format for PerfScript {
    fn id(&self) -> &'static str {
        "perf-script"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let starts = |start: &'static [u8]| move |line: &[u8]| line.starts_with(start);
        let mut lines = crate::lines::Text::new(head, 1).lines();
        let mut comments = lines.take(SNIFFED_LINES).filter(|line| line.starts_with(b"# "));
        // `perf report` writes the same header above its table.
        if comments.any(starts(b"# perf version :")) && !comments.any(starts(b"# Samples: ")) {
            return Sniff::Yes;
        }
        let mut events = 0;
        for _ in 0..SNIFFED_LINES {
            let Some(line) = lines.next() else { break };
            let Some(header) = header(line).filter(|header| header.has_ids && !header.event.is_empty()) else {
                continue;
            };
            let framed = inline_frame(header.tail).is_some() || lines.peek().is_some_and(is_plain_frame);
            // Tracepoints without call chains have no frames; their times and names tell in number.
            events += u32::from(header.time.is_some());
            if framed || events > 2 {
                return Sniff::Yes;
            }
        }
        Sniff::No
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut reader = Reader::new(hint.when);
        reader.read(lines, &mut out.tables);
        reader.finish(lines, out);
    }
}

/// How many lines sniffing looks at.
const SNIFFED_LINES: usize = 400;

/// The line of an event.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Header<'a> {
    thread: RawThread<'a>,
    /// Whether a process or thread id is printed.
    has_ids: bool,
    /// Seconds since a start that the text does not name.
    time: Option<f64>,
    period: Option<u64>,
    /// Empty when not printed.
    event: &'a [u8],
    /// What follows the event: nothing, the only frame, or the payload of a tracepoint.
    tail: &'a [u8],
}

/// `comm ids [cpu] misc time: period event: tail`.
fn header(line: &[u8]) -> Option<Header<'_>> {
    timed_header(line).or_else(|| untimed_header(line))
}

fn timed_header(line: &[u8]) -> Option<Header<'_>> {
    let line = line.trim_ascii_end();
    // A comm or a payload may hold what looks like a time; around the true one both sides make sense.
    memchr_iter(b':', line).find_map(|colon| {
        if line.get(colon + 1).is_some_and(|next| !is_blank(*next)) {
            return None;
        }
        let (before, time) = time_at_end(&line[..colon])?;
        let (thread, has_ids) = thread_before_time(before)?;
        let rest = &line[colon + 1..];
        let (period, event, tail) = match event(rest) {
            Ok((tail, (period, event))) => (period, event, tail),
            Err(_) if has_ids && (rest.trim_ascii().is_empty() || inline_frame(rest).is_some()) => {
                (None, &b""[..], rest)
            }
            Err(_) => return None,
        };
        if !has_ids && !tail_fits(event, tail) {
            return None;
        }
        Some(Header { thread, has_ids, time: Some(time), period, event, tail })
    })
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Splits a time of 6 or 9 decimals off the end.
fn time_at_end(text: &[u8]) -> Option<(&[u8], f64)> {
    // Looks no further back than a time is long: a line may be huge and hold many colons.
    let (decimals, scale) = [(6, 1e6), (9, 1e9)]
        .into_iter()
        .find(|(decimals, _)| text.len() > *decimals && text[text.len() - decimals - 1] == b'.')?;
    let (dot, fraction) = (text.len() - decimals - 1, &text[text.len() - decimals..]);
    let digits = text[..dot].iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
    let (before, whole) = text[..dot].split_at(dot - digits);
    if before.last().is_some_and(|byte| !is_blank(*byte)) {
        return None;
    }
    Some((before, decimal(whole)? as f64 + decimal(fraction)? as f64 / scale))
}

/// What stands before the last word, and the last word.
fn last_word(text: &[u8]) -> (&[u8], &[u8]) {
    let text = text.trim_ascii_end();
    text.split_at(text.iter().rposition(|byte| is_blank(*byte)).map_or(0, |blank| blank + 1))
}

/// `comm ids [cpu] misc`, read from the end. Without ids all of it is the comm.
fn thread_before_time(text: &[u8]) -> Option<(RawThread<'_>, bool)> {
    let (mut before, mut word) = last_word(text);
    if (1..=3).contains(&word.len()) && word.iter().all(u8::is_ascii_alphabetic) {
        (before, word) = last_word(before);
    }
    if is_cpu(word) {
        (before, word) = last_word(before);
    }
    if let Some((pid, tid)) = ids(word) {
        return Some((RawThread { comm: comm(before), pid, tid }, true));
    }
    let comm = comm(text);
    (1..=15).contains(&comm.len()).then_some((RawThread { comm, pid: 0, tid: 0 }, false))
}

/// Without call chains perf pads the comm to 16 columns; else blanks at its beginning are its own.
fn comm(field: &[u8]) -> &[u8] {
    let field = field.trim_ascii_end();
    if field.len() == 16 && field[0] == b' ' { field.trim_ascii_start() } else { field }
}

/// `[003]`.
fn is_cpu(word: &[u8]) -> bool {
    word.strip_prefix(b"[").and_then(|word| word.strip_suffix(b"]")).and_then(decimal).is_some()
}

/// `tid` or `pid/tid`, as process id (0: not printed) and thread id.
fn ids(word: &[u8]) -> Option<(i64, i64)> {
    match memchr(b'/', word) {
        Some(slash) => Some((signed(&word[..slash])?, signed(&word[slash + 1..])?)),
        None => Some((0, signed(word)?)),
    }
}

fn signed(digits: &[u8]) -> Option<i64> {
    match digits.strip_prefix(b"-") {
        Some(digits) => decimal(digits).and_then(|value| i64::try_from(value).ok()).map(|value| -value),
        None => decimal(digits).and_then(|value| i64::try_from(value).ok()),
    }
}

/// `period event:`; what is left is the tail.
fn event(text: &[u8]) -> IResult<&[u8], (Option<u64>, &[u8])> {
    let period = opt(terminated(map_opt(digit1, decimal), space1));
    preceded(space0, (period, map_opt(take_till1(is_blank), event_name))).parse(text)
}

fn event_name(word: &[u8]) -> Option<&[u8]> {
    if word.starts_with(SIDE) {
        return Some(word);
    }
    word.strip_suffix(b":").filter(|name| name.iter().any(u8::is_ascii_alphabetic))
}

/// How the name of a record begins that is no sample.
const SIDE: &[u8] = b"PERF_RECORD_";

/// A header without time: the ids are the first word of digits that an event can follow.
fn untimed_header(line: &[u8]) -> Option<Header<'_>> {
    if line.starts_with(b"# ") {
        return None;
    }
    let (line, mut at) = (line.trim_ascii_end(), 0);
    words(line).find_map(|word| {
        let start = at + memmem::find(&line[at..], word)?;
        at = start + word.len();
        let (pid, tid) = ids(word).filter(|_| start > 0)?;
        let (rest, _) = opt(preceded(space1, cpu)).parse(&line[at..]).ok()?;
        let (tail, (period, event)) = event(rest).ok()?;
        let comm = comm(&line[..start]);
        let named = comm.len() <= LONGEST_COMM && !comm.ends_with(b":");
        let thread = RawThread { comm, pid, tid };
        (named && tail_fits(event, tail)).then_some(Header { thread, has_ids: true, time: None, period, event, tail })
    })
}

/// Logs hold the words of a header too (`RAX: 0 RBX: ff`): where time or ids are missing, only an event with nothing
/// behind it, with a whole frame or with the payload of a tracepoint is one.
fn tail_fits(event: &[u8], tail: &[u8]) -> bool {
    tail.trim_ascii().is_empty()
        || inline_frame(tail).is_some_and(|frame| frame.ends_with(b")"))
        || event.contains(&b':')
}

/// Names of kernel workers are longer than the 15 bytes of others.
const LONGEST_COMM: usize = 63;

fn cpu(text: &[u8]) -> IResult<&[u8], &[u8]> {
    nom::combinator::verify(take_till1(is_blank), is_cpu).parse(text)
}

/// The text of a frame line behind its address; the address itself where nothing follows.
fn frame_text(line: &[u8]) -> Option<&[u8]> {
    let blanks = line.iter().take_while(|byte| is_blank(**byte)).count();
    let line = &line[blanks..];
    let digits = line.iter().take(17).take_while(|byte| byte.is_ascii_hexdigit()).count();
    match (digits, line.get(digits)) {
        (1..=16, Some(b' ')) => Some(&line[digits + 1..]),
        (1..=16, None) => Some(line),
        _ => None,
    }
}

/// Whether nothing but a frame looks like this: it ends with a dso, or its address fills the columns of perf.
fn is_plain_frame(line: &[u8]) -> bool {
    let columns =
        line.len() >= 17 && line[0] == b'\t' && line[16] != b' ' && line.get(17).is_none_or(|byte| *byte == b' ');
    frame_text(line).is_some() && (columns || line.ends_with(b")"))
}

/// The frame that follows the event on its line when no call chains were recorded.
fn inline_frame(tail: &[u8]) -> Option<&[u8]> {
    let address = tail.trim_ascii();
    let text = frame_text(address)?;
    (text.len() < address.len()).then_some(text)
}

/// `symbol+0x10 (dso)`, `symbol (inlined)`, `symbol`.
fn frame(text: &[u8], tables: &mut Tables) -> FrameId {
    let (symbol, dso) = split_dso(text.trim_ascii_end());
    let symbol = without_offset(symbol.trim_ascii());
    let (module, kind) = match dso {
        b"inlined" => (&b""[..], FrameKind::Inlined),
        // The field `dsoff` puts the address into the dso as well.
        dso => (without_offset(dso), kind_of(dso)),
    };
    let frame = Frame { function: tables.symbol(symbol), module: tables.name(module), kind, ..Frame::default() };
    tables.frame(frame)
}

/// The dso is the last ` (`...`)` that is balanced to the end of the line: both it and the symbol may hold
/// blanks and parentheses.
fn split_dso(text: &[u8]) -> (&[u8], &[u8]) {
    let Some(inner) = text.strip_suffix(b")") else { return (text, b"") };
    let mut depth = 1;
    let balanced = inner.iter().rposition(|byte| {
        match byte {
            b')' => depth += 1,
            b'(' => depth -= 1,
            _ => {}
        }
        depth == 0
    });
    match balanced {
        Some(0) if matches!(inner.get(1), Some(b'/' | b'[')) => (b"", &inner[1..]),
        Some(open) if open > 0 && inner[open - 1] == b' ' => (&inner[..open], &inner[open + 1..]),
        _ => rsplit_once(inner, b" (").unwrap_or((text, b"")),
    }
}

fn without_offset(name: &[u8]) -> &[u8] {
    match rsplit_once(name, b"+0x") {
        Some((bare, offset)) if !offset.is_empty() && offset.iter().all(u8::is_ascii_hexdigit) => bare,
        _ => name,
    }
}

pub(crate) fn kind_of(dso: &[u8]) -> FrameKind {
    let file = memrchr(b'/', dso).map_or(dso, |slash| &dso[slash + 1..]);
    let kernel_module = [&b".ko"[..], b".ko.xz", b".ko.gz", b".ko.zst"].iter().any(|end| file.ends_with(end));
    if dso.starts_with(b"[JIT") || (file.starts_with(b"perf-") && file.ends_with(b".map")) || is_jitdump(file) {
        FrameKind::Jit
    } else if kernel_module
        || file.starts_with(b"vmlinux")
        || dso.starts_with(b"bpf_prog_")
        || [&b"[kernel."[..], b"[guest.kernel"].iter().any(|start| dso.starts_with(start))
        || is_module_name(dso)
    {
        FrameKind::Kernel
    } else {
        FrameKind::User
    }
}

/// `jitted-PID-N.so`, which `perf inject --jit` writes.
fn is_jitdump(file: &[u8]) -> bool {
    file.starts_with(b"jitted-") && file.ends_with(b".so")
}

/// `[ext4]`, but not the mappings of a process that are printed alike.
fn is_module_name(dso: &[u8]) -> bool {
    let name = dso.strip_prefix(b"[").and_then(|dso| dso.strip_suffix(b"]"));
    name.is_some_and(|name| {
        !matches!(name, b"" | b"unknown" | b"vdso" | b"vvar" | b"vsyscall" | b"heap" | b"stack" | b"anon" | b"uprobes")
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.'))
    })
}

/// Name of an event without its modifiers and its unit of the processor: `cycles` of `cpu_core/cycles/u`.
fn base_event(event: &[u8]) -> &[u8] {
    if let Some((_, term)) = split_once(event, b"/") {
        let end = term.iter().position(|byte| matches!(byte, b'/' | b',')).unwrap_or(term.len());
        return &term[..end];
    }
    match rsplit_once(event, b":") {
        Some((bare, modifiers)) if modifiers.iter().all(|byte| b"ukhHGpPSDIWeb".contains(byte)) => bare,
        _ => event,
    }
}

/// What the samples of an event measure, and the unit of their periods.
pub(crate) fn meaning(event: &[u8], has_period: bool) -> (ProfileKind, String) {
    let base = base_event(event);
    let kind = match base {
        b"cycles" | b"cpu-cycles" | b"cpu-clock" | b"task-clock" => ProfileKind::Cpu,
        _ => ProfileKind::Event,
    };
    let unit = match (has_period, base) {
        (false, _) | (_, b"") => "samples".into(),
        (true, b"cpu-clock" | b"task-clock") => "nanoseconds".into(),
        (true, name) => String::from_utf8_lossy(name).into_owned(),
    };
    (kind, unit)
}

/// A source position below a frame (`-F +srcline`).
#[derive(Debug, PartialEq)]
struct SourceLine<'a> {
    /// File and line, where they are known.
    position: Option<(&'a [u8], u32)>,
    inlined: bool,
}

/// `  ledger.cpp:20`, `  ledger.cpp:20 (inlined)`, or `  libc-2.33.so[27b25]` where the source is not known.
fn source_line(line: &[u8]) -> Option<SourceLine<'_>> {
    let text = line.strip_prefix(b"  ").filter(|text| text.first().is_some_and(|byte| !is_blank(*byte)))?;
    let (text, inlined) = text.strip_suffix(b" (inlined)").map_or((text, false), |text| (text, true));
    let text = split_once(text, b" (discriminator ").map_or(text, |(text, _)| text);
    let address = text.strip_suffix(b"]").and_then(|text| rsplit_once(text, b"[")).and_then(|(_, at)| hexadecimal(at));
    if address.is_some() || text == b"??:0" {
        return Some(SourceLine { position: None, inlined });
    }
    let (file, line) = rsplit_once(text, b":")?;
    let line = decimal(line).and_then(|line| u32::try_from(line).ok())?;
    Some(SourceLine { position: Some((file, line)), inlined })
}

/// Whether the last line has no end and is no whole frame.
fn cut_short(lines: &Lines<'_>, line: &[u8]) -> bool {
    lines.is_done() && !lines.ended_with_newline() && !line.ends_with(b")")
}

fn new_profile(header: &Header<'_>, line: LineNo, when: When) -> Profile {
    let (kind, unit) = meaning(header.event, header.period.is_some());
    let event = if header.event.is_empty() { "samples".into() } else { String::from_utf8_lossy(header.event) };
    Profile {
        line,
        claims: Claims::default(),
        kind,
        event: event.into_owned(),
        unit,
        when,
        span_s: 0.0,
        threads: Vec::new(),
        rows: Vec::new(),
        over_time: OverTime::default(),
    }
}

#[derive(Default)]
struct Oddities {
    junk: Oddity,
    orphans: Oddity,
    comments: Oddity,
    side: Oddity,
    payloads: Oddity,
    addresses: Oddity,
    lost_records: Oddity,
    lost_samples: u64,
}

#[derive(Clone, Copy)]
struct OpenSample<'a> {
    thread: RawThread<'a>,
    time: Option<f64>,
    period: Option<u64>,
    /// Index of its profile.
    profile: usize,
    switch: Option<Switch>,
    line: LineNo,
}

/// Reads the lines of a text into one profile an event.
struct Reader<'a> {
    when: When,
    raw: RawFrames<'a>,
    /// The sample whose frames are being read, innermost first.
    open: Option<OpenSample<'a>>,
    frames: Vec<FrameId>,
    /// Distinct callers by the texts of their lines, and their frames.
    callers: Fingerprints,
    caller_frames: Vec<FrameId>,
    caller_ends: Vec<usize>,
    texts: Vec<u8>,
    /// The only frame of the open sample stood on its event line.
    inline: bool,
    profiles: Vec<ProfileRows<'a>>,
    /// Profiles by event, those with and those without periods apart.
    by_event: FxHashMap<(&'a [u8], bool), usize>,
    latest: Option<((&'a [u8], bool), usize)>,
    samples: u64,
    switches: Switches,
    waits: Vec<Wait>,
    first_wait: LineNo,
    /// The text ends without a line end while a sample is open.
    cut: bool,
    odd: Oddities,
}

impl<'a> Reader<'a> {
    fn new(when: When) -> Self {
        Reader {
            when,
            raw: RawFrames::default(),
            open: None,
            frames: Vec::new(),
            callers: Fingerprints::default(),
            caller_frames: Vec::new(),
            caller_ends: Vec::new(),
            texts: Vec::new(),
            inline: false,
            profiles: Vec::new(),
            by_event: FxHashMap::default(),
            latest: None,
            samples: 0,
            switches: Switches::default(),
            waits: Vec::new(),
            first_wait: 0,
            cut: false,
            odd: Oddities::default(),
        }
    }

    fn read(&mut self, lines: &mut Lines<'a>, tables: &mut Tables) {
        while let Some(line) = lines.next() {
            if line.first() == Some(&b'\t')
                && self.open.is_some()
                && let Some(text) = frame_text(line)
            {
                if cut_short(lines, line) {
                    break;
                }
                self.frame_below(text, lines, tables);
            } else {
                self.other(line, lines, tables);
                if self.open.is_some() && self.frames.is_empty() {
                    self.whole_sample(lines, tables);
                }
            }
        }
        self.cut = self.open.is_some() && !lines.ended_with_newline();
        self.close(tables);
    }

    /// Reads the frames of the open sample at once, where its callers were seen before or its lines are plain.
    fn whole_sample(&mut self, lines: &mut Lines<'a>, tables: &mut Tables) {
        let mut texts = std::mem::take(&mut self.texts);
        if let Some(sample) = FrameLines::take(lines.rest(), &mut texts) {
            self.plain_frame(sample.innermost, tables);
            let fingerprint = Fingerprint::of(&texts);
            let known = self.callers.get(fingerprint).unwrap_or_else(|| {
                sample.callers.split(|byte| *byte == b'\n').for_each(|line| self.plain_frame(line, tables));
                self.caller_frames.extend_from_slice(&self.frames[1..]);
                self.caller_ends.push(self.caller_frames.len());
                self.frames.truncate(1);
                let index = self.caller_ends.len() as u32 - 1;
                self.callers.insert(fingerprint, index);
                index
            });
            let start = known.checked_sub(1).map_or(0, |before| self.caller_ends[before as usize]);
            self.frames.extend_from_slice(&self.caller_frames[start..self.caller_ends[known as usize]]);
            lines.skip_lines(sample.bytes, sample.lines);
            self.close(tables);
        }
        self.texts = texts;
    }

    fn plain_frame(&mut self, line: &'a [u8], tables: &mut Tables) {
        if let Some(text) = behind_address(line) {
            self.frames.push(self.raw.get(text, |text| frame(text, tables)));
        }
    }

    /// Any line but an indented frame of the open sample.
    fn other(&mut self, line: &'a [u8], lines: &Lines<'a>, tables: &mut Tables) {
        let number = lines.last_number();
        if line.trim_ascii().is_empty() {
            // Blanks without a line end are the beginning of a frame that was cut off.
            if !cut_short(lines, line) {
                self.close(tables);
            }
        } else if let Some(header) = timed_header(line) {
            self.begin(header, number, tables);
        } else if let Some(text) = self.old_frame(line) {
            if !cut_short(lines, line) {
                self.frame_below(text, lines, tables);
            }
        } else if line[0] == b'#' {
            self.odd.comments.see(number);
        } else if let Some((_, record)) = split_once(line, b" PERF_RECORD_") {
            self.close(tables);
            self.side_record(record, number);
        } else if let Some(source) = self.open.and_then(|_| source_line(line)) {
            self.place(source, number, tables);
        } else if let Some(header) = untimed_header(line) {
            self.begin(header, number, tables);
        } else if line[0] == b'\t' && frame_text(line).is_some() {
            self.odd.orphans.see(number);
        } else {
            self.odd.junk.see(number);
        }
    }

    /// A frame of the open sample that is indented with blanks or not at all, as some old files have them.
    fn old_frame(&self, line: &'a [u8]) -> Option<&'a [u8]> {
        if self.open.is_none() || self.inline {
            return None;
        }
        frame_text(line).filter(|_| line[0] == b' ' || line.ends_with(b")"))
    }

    fn begin(&mut self, header: Header<'a>, number: LineNo, tables: &mut Tables) {
        self.close(tables);
        if let Some(record) = header.event.strip_prefix(SIDE) {
            // The rest of the line stands in the tail; of use are switches and the number of lost samples.
            if let (b"SWITCH", true, Some(time)) = (record, header.tail.trim_ascii().starts_with(b"IN"), header.time) {
                return self.come(header.thread.tid, time, number);
            }
            self.odd.side.see(number);
            self.lost(record, header.tail, number);
            return;
        }
        if let Some(text) = inline_frame(header.tail) {
            self.frames.push(self.raw.get(text, |text| frame(text, tables)));
            self.inline = true;
        }
        let switch = off_cpu::switch(header.tail).filter(|_| base_event(header.event) == off_cpu::EVENT);
        if !self.inline && switch.is_none() && !header.tail.trim_ascii().is_empty() {
            self.odd.payloads.see(number);
        }
        let profile = self.profile_of(&header, number);
        let Header { thread, time, period, .. } = header;
        self.open = Some(OpenSample { thread, time, period, profile, switch, line: number });
    }

    fn side_record(&mut self, record: &[u8], number: LineNo) {
        self.odd.side.see(number);
        self.lost(record, record, number);
    }

    /// `PERF_RECORD_LOST lost 6`: samples that perf itself could not keep.
    fn lost(&mut self, record: &[u8], text: &[u8], number: LineNo) {
        if record.starts_with(b"LOST") {
            self.odd.lost_records.see(number);
            let count = split_once(text, b"lost ").and_then(|(_, count)| decimal(count.trim_ascii()));
            self.odd.lost_samples = self.odd.lost_samples.saturating_add(count.unwrap_or(0));
        }
    }

    fn frame_below(&mut self, text: &'a [u8], lines: &Lines<'a>, tables: &mut Tables) {
        if self.inline {
            // Frames follow, so what stood behind the event was the address of the data (`-F +addr`).
            self.inline = false;
            self.frames.clear();
            self.odd.addresses.see(lines.last_number());
        }
        self.frames.push(self.raw.get(text, |text| frame(text, tables)));
    }

    fn place(&mut self, source: SourceLine<'a>, number: LineNo, tables: &mut Tables) {
        let Some(last) = self.frames.last_mut() else { return self.odd.junk.see(number) };
        let mut frame = tables.get_frame(*last);
        if let Some((file, line)) = source.position {
            frame.file = tables.name(file);
            frame.line = line;
        }
        if source.inlined {
            frame.kind = FrameKind::Inlined;
        }
        *last = tables.frame(frame);
    }

    /// The profile of an event, begun where it is new.
    fn profile_of(&mut self, header: &Header<'a>, number: LineNo) -> usize {
        let key = (header.event, header.period.is_some());
        if let Some((_, index)) = self.latest.filter(|(latest, _)| *latest == key) {
            return index;
        }
        let (profiles, when) = (&mut self.profiles, self.when);
        let index = *self.by_event.entry(key).or_insert_with(|| {
            profiles.push(ProfileRows::new(new_profile(header, number, when)));
            profiles.len() - 1
        });
        self.latest = Some((key, index));
        index
    }

    /// Counts the open sample. One without frames counts with the empty stack.
    fn close(&mut self, tables: &mut Tables) {
        let Some(sample) = self.open.take() else { return };
        let stack = tables.stack(&self.frames);
        self.frames.clear();
        self.inline = false;
        self.samples += 1;
        let profile = &mut self.profiles[sample.profile];
        let weight = sample.period.map_or(1.0, |period| period as f64);
        profile.add(sample.thread, stack, 1, weight, |comm| tables.name(comm));
        let Some(time) = sample.time else { return };
        profile.seen_at(time);
        if let Some(switch) = sample.switch {
            let RawThread { comm, pid, tid } = sample.thread;
            let thread = ProfileThread { comm: tables.name(comm), pid, tid };
            self.come(switch.to, time, sample.line);
            let out = off_cpu::Out { since: time, thread, stack, runnable: switch.runnable };
            self.switches.leave(switch.from, out);
        }
    }

    /// A thread comes onto a CPU.
    fn come(&mut self, thread: i64, time: f64, line: LineNo) {
        if self.waits.is_empty() {
            self.first_wait = line;
        }
        self.waits.extend(self.switches.come(thread, time));
    }

    fn finish(self, lines: &Lines<'_>, out: &mut Parsed) {
        out.records += self.samples;
        let odd = self.odd;
        if odd.lost_records.count > 0 {
            let (samples, records) = (odd.lost_samples, odd.lost_records.count);
            out.note(
                odd.lost_records.first,
                format!("perf itself lost {samples} samples ({records} PERF_RECORD_LOST)"),
            );
        }
        odd.side.note(out, "of PERF_RECORD events that are no samples");
        odd.payloads.note(out, "with the payload of a tracepoint, which is not kept");
        odd.addresses.note(out, "with an address behind the event, which is not kept");
        odd.orphans.note(out, "with a frame that belongs to no event");
        odd.comments.note(out, "of comments");
        odd.junk.note(out, "neither an event nor a frame");
        if self.cut {
            out.note(lines.last_number(), "the text ends within this line: the last stack may be short");
        }
        out.evidence.extend(self.profiles.into_iter().map(|rows| Evidence::Profile(rows.finish())));
        if !self.waits.is_empty() {
            out.evidence.push(Evidence::Profile(off_cpu::profile(&self.waits, self.first_wait)));
        }
        out.switches = self.switches;
    }
}

#[cfg(test)]
mod tests;
