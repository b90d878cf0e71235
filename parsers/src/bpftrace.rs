//! Maps of stacks that `bpftrace` prints when it ends: `@name[stack, stack, comm]: number`. Grammar: the text output of
//! bpftrace's `output.cpp` (a stack begins on a line of its own, its frames indented by four blanks; keys are parted by
//! `, `).

use crate::evidence::{Claims, Evidence, Parsed, Profile, ProfileKind};
use crate::lines::{LineNo, Lines, Text, decimal, rsplit_once, trim};
use crate::over_time::OverTime;
use crate::sampling::{Oddity, ProfileRows, RawThread};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff};
use rustc_hash::FxHashMap;

/// Stack maps of bpftrace.
pub struct BpfTrace;

impl Format for BpfTrace {
    fn id(&self) -> &'static str {
        "bpftrace"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines();
        for _ in 0..SNIFFED_LINES {
            let Some(line) = lines.next() else { break };
            if opening(line).is_some_and(|opening| opening.value.is_none()) && lines.peek().is_some_and(is_frame) {
                return Sniff::Yes;
            }
        }
        Sniff::No
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut reader = Reader::new(hint);
        while let Some(line) = lines.next() {
            reader.line(line, lines.last_number(), &mut out.tables);
        }
        reader.finish(lines, out);
    }
}

/// How many lines sniffing looks at.
const SNIFFED_LINES: usize = 100;

/// The first line of an entry: `@offcpu[copier/0:1, `, `@[`, `@[main]: 3`.
struct Opening<'a> {
    map: &'a [u8],
    /// Keys on the line; what is behind the last separator is empty where a stack follows.
    keys: &'a [u8],
    value: Option<&'a [u8]>,
}

fn opening(line: &[u8]) -> Option<Opening<'_>> {
    let rest = line.strip_prefix(b"@")?;
    let name = rest.iter().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let keys = rest[name..].strip_prefix(b"[")?;
    let (keys, value) = closing(keys).map_or((keys, None), |(keys, value)| (keys, Some(value)));
    Some(Opening { map: &rest[..name], keys, value })
}

/// Splits `keys]: value`.
fn closing(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let (keys, value) = rsplit_once(text, b"]:")?;
    Some((keys, trim(value)))
}

fn is_frame(line: &[u8]) -> bool {
    line.starts_with(b"    ") && !trim(line).is_empty()
}

/// `stats_add+55`, `0x7f12ab`, `f+8 (/usr/bin/x)`.
fn frame(text: &[u8], tables: &mut Tables) -> FrameId {
    let (text, module) = match text.strip_suffix(b")").and_then(|text| rsplit_once(text, b" (")) {
        Some((text, module)) => (text, module),
        None => (text, &b""[..]),
    };
    let function = match rsplit_once(text, b"+") {
        Some((function, offset)) if !function.is_empty() && decimal(offset).is_some() => function,
        _ => text,
    };
    let frame = Frame { function: tables.symbol(function), module: tables.name(module), ..Frame::default() };
    tables.frame(frame)
}

/// Outermost functions of a kernel stack, and innermost ones of a thread that leaves its CPU.
fn is_kernel_end(function: &str) -> bool {
    const STARTS: &[&str] =
        &["entry_SYSCALL", "do_syscall", "asm_", "ret_from_fork", "secondary_startup", "el0_", "el0t_"];
    STARTS.iter().any(|start| function.starts_with(start)) || is_switch(function)
}

/// Functions that are innermost only while a thread is being taken off its CPU.
fn is_switch(function: &str) -> bool {
    matches!(function, "schedule" | "__schedule") || function.starts_with("finish_task_switch")
}

#[derive(Default)]
struct Entry<'a> {
    line: LineNo,
    map: &'a [u8],
    comm: &'a [u8],
    id: i64,
    /// Frames of each stack, innermost first.
    stacks: Vec<Vec<FrameId>>,
    /// A separator was read: the next frame begins another stack.
    parted: bool,
}

struct Reader<'a> {
    when: crate::evidence::When,
    open: Option<Entry<'a>>,
    profiles: Vec<ProfileRows<'a>>,
    by_map: FxHashMap<(&'a [u8], bool), usize>,
    records: u64,
    values: Oddity,
    junk: Oddity,
}

impl<'a> Reader<'a> {
    fn new(hint: &Hint<'_>) -> Self {
        Reader {
            when: hint.when,
            open: None,
            profiles: Vec::new(),
            by_map: FxHashMap::default(),
            records: 0,
            values: Oddity::default(),
            junk: Oddity::default(),
        }
    }

    fn line(&mut self, line: &'a [u8], number: LineNo, tables: &mut Tables) {
        if let Some(opening) = opening(line) {
            if opening.value.is_some() {
                self.open = None;
                return self.values.see(number);
            }
            let mut entry = Entry { line: number, map: opening.map, parted: true, ..Entry::default() };
            entry.keys(opening.keys);
            self.open = Some(entry);
        } else if let Some(entry) = &mut self.open {
            if is_frame(line) {
                if entry.parted {
                    entry.stacks.push(Vec::new());
                    entry.parted = false;
                }
                let frame = frame(trim(line), tables);
                entry.stacks.last_mut().expect("a stack was begun").push(frame);
            } else if let Some((keys, value)) = closing(line) {
                entry.keys(keys);
                let entry = self.open.take().expect("it is open");
                self.close(entry, value, number, tables);
            } else {
                entry.parted = true;
                entry.keys(line);
            }
        } else if !trim(line).is_empty() && !line.starts_with(b"Attaching ") {
            self.junk.see(number);
        }
    }

    fn close(&mut self, entry: Entry<'a>, value: &[u8], number: LineNo, tables: &mut Tables) {
        let Some(value) = decimal(value) else { return self.values.see(number) };
        if entry.stacks.iter().all(Vec::is_empty) {
            return self.values.see(number);
        }
        // Which of two stacks is the kernel's is not printed, and scripts put them in either order.
        let mut frames: Vec<FrameId> = Vec::new();
        let (mut user, mut switch) = (Vec::new(), false);
        for stack in &entry.stacks {
            let ends = [stack.first(), stack.last()];
            if ends.into_iter().flatten().any(|&end| is_kernel_end(tables.function(end))) {
                switch |= stack.first().is_some_and(|&frame| is_switch(tables.function(frame)));
                frames.extend(stack.iter().map(|&id| {
                    let frame = tables.get_frame(id);
                    tables.frame(Frame { kind: FrameKind::Kernel, ..frame })
                }));
            } else {
                user.extend_from_slice(stack);
            }
        }
        frames.extend(user);
        let stack = tables.stack(&frames);
        let (profiles, when) = (&mut self.profiles, self.when);
        let index = *self.by_map.entry((entry.map, switch)).or_insert_with(|| {
            let map = String::from_utf8_lossy(entry.map);
            profiles.push(ProfileRows::new(Profile {
                line: entry.line,
                claims: Claims::default(),
                kind: if switch { ProfileKind::OffCpu } else { ProfileKind::Unknown },
                event: if map.is_empty() { "samples".into() } else { map.into_owned() },
                unit: "samples".into(),
                when,
                span_s: 0.0,
                threads: Vec::new(),
                rows: Vec::new(),
                over_time: OverTime::default(),
            }));
            profiles.len() - 1
        });
        let thread = RawThread { comm: entry.comm, pid: 0, tid: entry.id };
        self.profiles[index].add(thread, stack, value, value as f64, |comm| tables.name(comm));
        self.records += 1;
    }

    fn finish(mut self, lines: &Lines<'_>, out: &mut Parsed) {
        if let Some(entry) = self.open.take() {
            out.note(
                entry.line,
                format!("the text ends at line {} within this entry, which is not counted", lines.last_number()),
            );
        }
        out.records += self.records;
        self.values.note(out, "of maps without stacks or with values that are no counts, which are not read");
        self.junk.note(out, "that belong to no map");
        out.evidence.extend(self.profiles.into_iter().map(|rows| Evidence::Profile(rows.finish())));
    }
}

impl<'a> Entry<'a> {
    /// Keys besides stacks: a number is an id, the first text the name of the process or thread.
    fn keys(&mut self, text: &'a [u8]) {
        for key in text.split(|byte| *byte == b',').map(trim).filter(|key| !key.is_empty()) {
            match decimal(key).and_then(|id| i64::try_from(id).ok()) {
                Some(id) => self.id = id,
                None if self.comm.is_empty() => self.comm = key,
                None => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Parsed, Vec<Profile>) {
        let mut out = Parsed::default();
        BpfTrace.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let profiles = std::mem::take(&mut out.evidence).into_iter();
        let profiles = profiles.filter_map(|e| if let Evidence::Profile(profile) = e { Some(profile) } else { None });
        (out, profiles.collect())
    }

    const SWITCH: &str = "Attaching 2 probes...\n\n\n@[\n    schedule+35\n    do_futex+253\n    \
        entry_SYSCALL_64_after_hwframe+118\n, \n    __GI___lll_lock_wait+43\n    handle_packet+9\n, counterd]: 160\n";

    #[test]
    fn kernel_and_user_stacks_become_one() {
        let (out, profiles) = read(SWITCH);
        let profile = &profiles[0];
        assert_eq!((profile.kind, profile.rows[0].samples), (ProfileKind::OffCpu, 160));
        assert_eq!(out.tables.text(profile.threads[0].comm), "counterd");
        let functions: Vec<&str> = out.tables.functions(profile.rows[0].stack).collect();
        let expected =
            ["schedule", "do_futex", "entry_SYSCALL_64_after_hwframe", "__GI___lll_lock_wait", "handle_packet"];
        assert_eq!(functions, expected);
        let kinds: Vec<FrameKind> =
            out.tables.stack_frames(profile.rows[0].stack).iter().map(|f| out.tables.get_frame(*f).kind).collect();
        assert_eq!(kinds[2..4], [FrameKind::Kernel, FrameKind::User]);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
    }

    #[test]
    fn keys_stand_in_any_order_and_maps_stay_apart() {
        let (out, profiles) =
            read("@on[java, 77, \n    main+3\n    0x7f00\n]: 4\n@off[\n    schedule+1\n]: 2\n@n[sh]: 9\n");
        let events: Vec<(&str, ProfileKind)> = profiles.iter().map(|p| (p.event.as_str(), p.kind)).collect();
        assert_eq!(events, [("on", ProfileKind::Unknown), ("off", ProfileKind::OffCpu)]);
        assert_eq!((out.tables.text(profiles[0].threads[0].comm), profiles[0].threads[0].tid), ("java", 77));
        assert_eq!(
            out.notes[0].message,
            "1 line of maps without stacks or with values that are no counts, which are not read"
        );
    }

    #[test]
    fn an_entry_that_is_cut_is_said() {
        let (out, profiles) = read("@[\n    f+1\n]: 1\n@[\n    g+");
        assert_eq!((profiles[0].rows.len(), out.notes.len()), (1, 1));
        assert!(out.notes[0].message.contains("within this entry"));
    }

    #[test]
    fn only_maps_of_stacks_are_recognised() {
        assert_eq!(BpfTrace.sniff(SWITCH.as_bytes(), &Hint::default()), Sniff::Yes);
        for text in ["@[sh]: 3\n@[java]: 9\n", "@user[ hello\nworld\n", "    f+1\n", ""] {
            assert_eq!(BpfTrace.sniff(text.as_bytes(), &Hint::default()), Sniff::No, "{text}");
        }
    }
}
