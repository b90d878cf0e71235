//! Folded stacks, `outer;inner N` a line: stackcollapse and inferno, async-profiler `collapsed`, bcc `-f`, py-spy
//! `raw`, and the two number columns of `difffolded.pl`.

use crate::evidence::{Claims, Evidence, Parsed, Profile, ProfileKind};
use crate::lines::{LineNo, Lines, Text, decimal, float, rsplit_once};
use crate::over_time::OverTime;
use crate::sampling::{Oddity, ProfileRows, RawFrames, RawThread};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff};
use memchr::{memchr, memmem, memrchr};
use nom::bytes::complete::tag;
use nom::character::complete::digit1;
use nom::combinator::map_opt;
use nom::sequence::delimited;
use nom::{IResult, Parser};

/// Folded stacks.
pub struct Folded;

impl Format for Folded {
    fn id(&self) -> &'static str {
        "folded"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let (mut lines, mut stacks, mut deep) = (0u32, 0u32, 0u32);
        let whole = head.ends_with(b"\n");
        let mut text = Text::new(head, 1).lines();
        while let Some(line) = text.next() {
            // The last line may be cut by the limit of the head.
            if line.is_empty() || line[0] == b'#' || (text.is_done() && !whole && lines > 0) {
                continue;
            }
            lines += 1;
            if let Some((stack, _)) = stack_and_number(line) {
                let plausible = looks_like_stack(stack);
                stacks += u32::from(plausible);
                deep += u32::from(plausible && memchr(b';', stack).is_some());
            }
            if lines >= SNIFFED_LINES {
                break;
            }
        }
        match (lines, stacks, deep) {
            (0, ..) | (_, _, 0) => Sniff::No,
            _ if stacks * 10 >= lines * 9 && deep * 2 >= lines => Sniff::Yes,
            _ => Sniff::No,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut reader = Reader::new(lines, hint);
        reader.read(lines, &mut out.tables);
        reader.finish(lines, out);
    }
}

/// How many lines sniffing looks at.
const SNIFFED_LINES: u32 = 100;

/// Rows of numbers and prose with semicolons are no stacks: the outermost frame has a letter, and no blank
/// follows a semicolon.
fn looks_like_stack(stack: &[u8]) -> bool {
    let outermost = memchr(b';', stack).map_or(stack, |end| &stack[..end]);
    let named = outermost.iter().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    named && !matches!(stack[0], b' ' | b'\t' | b';') && memmem::find(stack, b"; ").is_none()
}

/// Splits at the last blank; the number is not negative.
fn stack_and_number(line: &[u8]) -> Option<(&[u8], f64)> {
    let line = line.trim_ascii_end();
    let blank = memrchr(b' ', line)?;
    let number = &line[blank + 1..];
    // `inf` and `1e9` are numbers to a float parser, but names to every writer of this format.
    if !number.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.') {
        return None;
    }
    let value = match decimal(number) {
        Some(value) => value as f64,
        None => float(number)?,
    };
    let stack = line[..blank].trim_ascii_end();
    (!stack.is_empty()).then_some((stack, value))
}

/// What the first lines have in common.
struct Layout {
    /// Two numbers a line, before and after, as `difffolded.pl` writes them.
    differential: bool,
    /// Each stack ends where the scheduler takes the CPU away.
    off_cpu: bool,
    /// Stacks have bcc's separator.
    separated: bool,
}

impl Layout {
    fn of(lines: Lines<'_>) -> Self {
        let mut layout = Layout { differential: true, off_cpu: true, separated: false };
        let mut count = 0;
        for (stack, _) in lines.filter_map(stack_and_number).take(32) {
            let leaf = memrchr(b';', stack).map_or(stack, |last| &stack[last + 1..]);
            layout.differential &= stack_and_number(stack).is_some();
            layout.off_cpu &= SWITCHES.contains(&leaf.strip_suffix(b"_[k]").unwrap_or(leaf));
            layout.separated |= stack.split(|byte| *byte == b';').any(|frame| frame == SEPARATOR);
            count += 1;
        }
        Layout { differential: layout.differential && count > 0, off_cpu: layout.off_cpu && count > 0, ..layout }
    }
}

/// Kernel functions that are a leaf only while a thread is being taken off its CPU.
const SWITCHES: &[&[u8]] = &[b"__schedule", b"schedule", b"finish_task_switch", b"finish_task_switch.isra.0"];

/// `thread (32068): scan-0`, the first frame of py-spy's raw form with `--threads`.
fn python_thread(frame: &[u8]) -> IResult<&[u8], i64> {
    let id = map_opt(digit1, |digits| decimal(digits).and_then(|id| i64::try_from(id).ok()));
    delimited(tag(&b"thread ("[..]), id, tag(&b"): "[..])).parse(frame)
}

/// A frame with the mark of its kind or, in Python, its source: `do_futex_[k]`, `validate (rules.py:3)`.
pub(crate) fn frame(text: &[u8], tables: &mut Tables) -> FrameId {
    let marks = [(&b"_[k]"[..], FrameKind::Kernel), (b"_[j]", FrameKind::Jit), (b"_[i]", FrameKind::Inlined)];
    let marked = marks.iter().find_map(|(mark, kind)| Some((text.strip_suffix(*mark)?, *kind)));
    let (text, kind) = marked.unwrap_or((text, FrameKind::User));
    let (function, file, line) = python_source(text).unwrap_or((text, b"", 0));
    let frame = Frame { function: tables.symbol(function), file: tables.name(file), line, kind, ..Frame::default() };
    tables.frame(frame)
}

fn python_source(text: &[u8]) -> Option<(&[u8], &[u8], u32)> {
    let (function, source) = rsplit_once(text.strip_suffix(b")")?, b" (")?;
    let (file, line) = rsplit_once(source, b":")?;
    Some((function, file, decimal(line).and_then(|line| u32::try_from(line).ok())?))
}

/// bcc's mark between the user's and the kernel's part of a stack.
const SEPARATOR: &[u8] = b"-";

/// The event of the first of two numbers a line.
pub const BEFORE: &str = "samples, before";
/// The event of the second of two numbers a line.
pub const AFTER: &str = "samples, after";

struct Reader<'a> {
    raw: RawFrames<'a>,
    frames: Vec<FrameId>,
    rows: ProfileRows<'a>,
    /// What the second number of each line gives, where there are two.
    after: Option<ProfileRows<'a>>,
    records: u64,
    /// What a unit of the numbers is worth in the profile's unit; `None`: the numbers count samples.
    scale: Option<f64>,
    first: LineNo,
    comments: Oddity,
    separators: Oddity,
    junk: Oddity,
}

impl<'a> Reader<'a> {
    fn new(lines: &Lines<'a>, hint: &Hint<'_>) -> Self {
        let layout = Layout::of(*lines);
        let off_cpu = layout.off_cpu || hint.command.contains("offcputime");
        // offcputime prints microseconds and nothing else; what else folds off-CPU stacks may count switches.
        let microseconds = off_cpu && (layout.separated || hint.command.contains("offcputime"));
        let profile = Profile {
            line: lines.number(),
            claims: Claims::default(),
            kind: if off_cpu { ProfileKind::OffCpu } else { ProfileKind::Unknown },
            event: if layout.differential { BEFORE } else { "samples" }.into(),
            unit: if microseconds { "nanoseconds" } else { "samples" }.into(),
            when: hint.when,
            span_s: 0.0,
            threads: Vec::new(),
            rows: Vec::new(),
            over_time: OverTime::default(),
        };
        let after = layout.differential.then(|| Profile { event: AFTER.into(), ..profile.clone() });
        Reader {
            raw: RawFrames::default(),
            frames: Vec::new(),
            rows: ProfileRows::new(profile),
            after: after.map(ProfileRows::new),
            records: 0,
            scale: microseconds.then_some(1e3),
            first: lines.number(),
            comments: Oddity::default(),
            separators: Oddity::default(),
            junk: Oddity::default(),
        }
    }

    fn read(&mut self, lines: &mut Lines<'a>, tables: &mut Tables) {
        while let Some(line) = lines.next() {
            let number = lines.last_number();
            match self.split(line) {
                Some((stack, values)) => self.stack(stack, values, number, tables),
                None if line.trim_ascii().is_empty() => {}
                None if line[0] == b'#' => self.comments.see(number),
                None => self.junk.see(number),
            }
        }
    }

    /// The stack, its number, and the second number where there are two.
    fn split(&self, line: &'a [u8]) -> Option<(&'a [u8], (f64, f64))> {
        let (stack, value) = stack_and_number(line)?;
        if self.after.is_none() {
            return Some((stack, (value, 0.0)));
        }
        stack_and_number(stack).map(|(stack, before)| (stack, (before, value)))
    }

    fn stack(&mut self, stack: &'a [u8], (before, after): (f64, f64), number: LineNo, tables: &mut Tables) {
        let mut thread = RawThread::default();
        self.frames.clear();
        for (index, text) in stack.split(|byte| *byte == b';').enumerate() {
            if text == SEPARATOR {
                self.separators.see(number);
            } else if index == 0
                && let Ok((name, id)) = python_thread(text)
            {
                thread = RawThread { comm: name, pid: 0, tid: id };
            } else {
                self.frames.push(self.raw.get(text, |text| frame(text, tables)));
            }
        }
        self.frames.reverse();
        let stack = tables.stack(&self.frames);
        let scale = self.scale;
        for (rows, value) in [(Some(&mut self.rows), before), (self.after.as_mut(), after)] {
            // Numbers that measure time say nothing of how many samples there were: a line is one at least.
            let samples = if scale.is_none() && value.fract() == 0.0 { value as u64 } else { 1 };
            if let Some(rows) = rows {
                rows.add(thread, stack, samples, value * scale.unwrap_or(1.0), |comm| tables.name(comm));
            }
        }
        self.records += 1;
    }

    fn finish(self, lines: &Lines<'_>, out: &mut Parsed) {
        out.records += self.records;
        if self.after.is_some() {
            out.note(self.first, "two numbers a line, before and after: each is a profile of its own");
        }
        self.separators.note(out, "with a separator of user and kernel frames, which is left out");
        self.comments.note(out, "of comments");
        self.junk.note(out, "neither a stack nor a comment");
        if self.records > 0 {
            if !lines.ended_with_newline() {
                out.note(lines.last_number(), "the text ends within this line: its number may be cut");
            }
            out.evidence.push(Evidence::Profile(self.rows.finish()));
            out.evidence.extend(self.after.map(|after| Evidence::Profile(after.finish())));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> (Parsed, Profile) {
        let mut out = Parsed::default();
        Folded.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let Some(Evidence::Profile(profile)) = out.evidence.pop() else { panic!("{text} gives no profile") };
        (out, profile)
    }

    fn functions<'a>(out: &'a Parsed, profile: &Profile, row: usize) -> Vec<&'a str> {
        out.tables.functions(profile.rows[row].stack).collect()
    }

    #[test]
    fn stacks_are_turned_innermost_first() {
        let (out, profile) = read_text("ledger;[unknown];strcmp@plt 1\nledger;virtual thunk to f() 2.5\nswapper 7\n");
        assert_eq!(functions(&out, &profile, 0), ["strcmp@plt", "[unknown]", "ledger"]);
        assert_eq!(functions(&out, &profile, 1), ["virtual thunk to f()", "ledger"]);
        assert_eq!(functions(&out, &profile, 2), ["swapper"]);
        assert_eq!(profile.rows.iter().map(|row| row.weight).collect::<Vec<_>>(), [1.0, 2.5, 7.0]);
        assert_eq!((profile.kind, profile.unit.as_str(), out.records), (ProfileKind::Unknown, "samples", 3));
    }

    #[test]
    fn off_cpu_stacks_lose_their_separator_and_are_nanoseconds() {
        let (out, profile) =
            read_text("counterd;rx_main;__GI___lll_lock_wait;-;do_futex_[k];schedule_[k];__schedule_[k] 52983511\n");
        assert_eq!(functions(&out, &profile, 0)[..3], ["__schedule", "schedule", "do_futex"]);
        let kinds: Vec<_> = out
            .tables
            .stack_frames(profile.rows[0].stack)
            .iter()
            .map(|frame| out.tables.get_frame(*frame).kind)
            .collect();
        assert_eq!(kinds[2..], [FrameKind::Kernel, FrameKind::User, FrameKind::User, FrameKind::User]);
        assert_eq!((profile.kind, profile.unit.as_str()), (ProfileKind::OffCpu, "nanoseconds"));
        assert_eq!((profile.rows[0].weight, profile.rows[0].samples), (52_983_511e3, 1));
        assert!(out.notes[0].message.contains("separator"), "{:?}", out.notes);
    }

    #[test]
    fn stacks_of_switches_without_separator_are_counts() {
        let (_, profile) = read_text("a;b;schedule;__schedule 3\n");
        assert_eq!((profile.kind, profile.unit.as_str()), (ProfileKind::OffCpu, "samples"));
    }

    #[test]
    fn py_spy_names_threads_and_sources() {
        let (out, profile) =
            read_text("thread (32068): scan-0;Thread.run (threading.py:975);validate (rules.py:3) 242\n");
        let thread = profile.threads[0];
        assert_eq!((out.tables.text(thread.comm), thread.tid), ("scan-0", 32068));
        assert_eq!(functions(&out, &profile, 0), ["validate", "Thread.run"]);
        let leaf = out.tables.get_frame(out.tables.stack_frames(profile.rows[0].stack)[0]);
        assert_eq!((out.tables.text(leaf.file), leaf.line), ("rules.py", 3));
    }

    #[test]
    fn two_numbers_are_a_profile_each() {
        let mut out = Parsed::default();
        Folded.parse(&mut Text::new(b"a;b 10 20\na;c 0 5\n", 1).lines(), &Hint::default(), &mut out);
        let read: Vec<(&str, Vec<f64>)> = out
            .evidence
            .iter()
            .filter_map(|evidence| if let Evidence::Profile(profile) = evidence { Some(profile) } else { None })
            .map(|profile| (profile.event.as_str(), profile.rows.iter().map(|row| row.weight).collect()))
            .collect();
        assert_eq!(read, [(BEFORE, vec![10.0, 0.0]), (AFTER, vec![20.0, 5.0])]);
        assert!(out.notes[0].message.starts_with("two numbers"), "{:?}", out.notes);
        let (out, profile) = read_text("a;GC Thread 3 20\na;c 5\n");
        assert_eq!(functions(&out, &profile, 0)[0], "GC Thread 3");
    }

    #[test]
    fn what_is_no_stack_is_noted() {
        let (out, profile) = read_text("# c\na;b 1\n\nhello world\na;b -3\na;b 2");
        assert_eq!((profile.rows.len(), profile.rows[0].weight), (1, 3.0));
        let notes: Vec<(LineNo, &str)> = out.notes.iter().map(|note| (note.line, note.message.as_str())).collect();
        assert_eq!(notes[0], (1, "1 line of comments"));
        assert_eq!(notes[1], (4, "2 lines neither a stack nor a comment"));
        assert_eq!(notes[2].0, 6);
    }

    #[test]
    fn only_stacks_are_recognised() {
        let sniff = |text: &str| Folded.sniff(text.as_bytes(), &Hint::default());
        assert_eq!(sniff("a;b 1\nc 2\nd;e;f 3\n"), Sniff::Yes);
        assert_eq!(
            sniff("# from async-profiler\ncom/acme/A.main;java/lang/invoke/LambdaForm$MH+0x00/1840.invoke 1"),
            Sniff::Yes
        );
        for text in [
            "",
            "hello 1\nworld 2\n",
            "time;value\n2026-11-21 22:00:01;12\n2026-11-21 22:00:02;13\n",
            "2026-11-21;3;text 12\n2026-11-21;4;text 13\n",
            "Cookie: a=1; path=/ 200\nCookie: a=2; path=/ 200\n",
            "SCHED 1006ms: gomaxprocs=2 idleprocs=0 threads=5 spinningthreads=0 idlethreads=2 runqueue=1 [0 0]\n",
            "java 1 2.000000: cycles: \n\t  7f12 f (/x)\n",
        ] {
            assert_eq!(sniff(text), Sniff::No, "{text}");
        }
    }
}
