//! `strace` logs (`-f`, with any of `-t -tt -ttt -r -T`, from `-o` or stderr) and the tables of `strace -c`: what the
//! calls say of threads and their stacks, of calls that never return and of the time they took. Source: strace(1).

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{LineNo, Lines, Text, decimal, hexadecimal, split_once, words};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};
use line::{Event, Stamp};
use memchr::memmem;
use rustc_hash::{FxHashMap, FxHashSet};
use std::collections::BTreeMap;

mod line;

/// Arguments are kept up to this many bytes.
const MAX_ARGUMENTS: usize = 120;

const DAY_S: f64 = 86_400.0;

/// Stands for the only process of a log without ids.
const UNNAMED: u64 = 0;

/// System calls of a process and its threads.
pub struct Strace;

impl Format for Strace {
    fn id(&self) -> &'static str {
        "strace"
    }

    /// Who never returned or was never unmapped shows only at the end.
    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let (mut own, mut other) = (0u32, 0u32);
        let mut with_pid = false;
        for line in Text::new(head, 1).lines().take(60).filter(|line| !line.is_empty()) {
            if is_table_head(line) {
                return Sniff::Yes;
            }
            match line::read(line) {
                Some(read) => {
                    own += 1;
                    with_pid |= read.pid.is_some();
                }
                None => other += 1,
            }
        }
        match own {
            0..=2 => Sniff::No,
            _ if other * 4 > own => Sniff::No,
            _ if with_pid || other == 0 => Sniff::Yes,
            _ => Sniff::Maybe,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut log = Log::new(lines.number(), hint);
        let mut odd: Option<(LineNo, u64)> = None;
        while let Some(text) = lines.peek() {
            let number = lines.number();
            if is_table_head(text) {
                table(lines, &log, out);
                continue;
            }
            match line::read(text) {
                Some(read) => log.take(&read, number),
                None if text.is_empty() => {}
                None => odd.get_or_insert((number, 0)).1 += 1,
            }
            lines.advance();
        }
        if let Some((number, times)) = odd {
            out.note(number, format!("{times} lines are not of strace or are cut"));
        }
        log.finish(lines.last_number(), out);
    }
}

/// `% time     seconds  usecs/call     calls    errors syscall`.
fn is_table_head(line: &[u8]) -> bool {
    let mut all = words(line);
    all.next().is_some_and(|word| matches!(word, b"%" | b"%time"))
        && all.any(|word| word == b"calls")
        && line.ends_with(b"syscall")
}

/// A table of `strace -c`, read by its header.
fn table(lines: &mut Lines<'_>, log: &Log<'_>, out: &mut Parsed) {
    let head = lines.next().unwrap_or_default();
    let columns: Vec<&[u8]> = words(head).filter(|word| *word != b"%").collect();
    let is_ruler = |line: &[u8]| line.starts_with(b"--");
    while let Some(line) = lines.peek() {
        let number = lines.number();
        let cells: Vec<&[u8]> = words(line).collect();
        if !is_ruler(line) {
            // Only `errors` may be blank: it is when there are none.
            let has_errors = cells.len() == columns.len();
            if !has_errors && cells.len() + 1 != columns.len() {
                return;
            }
            let mut cells = cells.iter();
            let mut attributes = vec![("class", "syscall-time".to_owned()), ("from", "-c".to_owned())];
            for column in &columns {
                let name = match *column {
                    b"seconds" => "seconds",
                    b"calls" => "calls",
                    b"errors" if !has_errors => {
                        attributes.push(("errors", "0".to_owned()));
                        continue;
                    }
                    b"errors" => "errors",
                    b"syscall" => "call",
                    _ => {
                        cells.next();
                        continue;
                    }
                };
                let Some(cell) = cells.next() else { break };
                attributes.push((name, String::from_utf8_lossy(cell).into_owned()));
            }
            if attributes.iter().any(|(name, value)| *name == "call" && value == "total") {
                attributes[0].1 = "syscall-time-total".to_owned();
            }
            log.record(number, number, log.main, RecordKind::Log, attributes, line, out);
        }
        lines.advance();
    }
}

/// A call that has begun and not returned.
#[derive(Clone, Copy)]
struct Pending<'a> {
    line: LineNo,
    call: &'a [u8],
    arguments: &'a [u8],
    since: Option<f64>,
    /// When it was seen not to return: the process ended.
    until: Option<f64>,
    /// It waits for a peer to answer: it connects, or the call before it sent something on the same descriptor.
    asked: bool,
}

/// Calls that ask a peer for something.
const SENDS: &[&[u8]] = &[b"send", b"sendto", b"sendmsg", b"sendmmsg", b"write", b"writev"];

/// The descriptor that a call is about: `recvfrom(6, ..`, `poll([{fd=6, ..`.
fn descriptor(arguments: &[u8]) -> Option<u64> {
    let first = arguments.strip_prefix(b"[{fd=").unwrap_or(arguments);
    decimal(&first[..first.iter().take_while(|byte| byte.is_ascii_digit()).count()])
}

/// A process or thread.
#[derive(Default)]
struct Task<'a> {
    pending: Option<Pending<'a>>,
    /// The process it belongs to.
    process: u64,
    is_thread: bool,
    /// Base of the mapping that it has as its stack.
    stack: Option<u64>,
    /// It ended by itself, not with its process.
    ended: bool,
    gone: Option<String>,
    /// The descriptor on which its last call sent something.
    sent_on: Option<u64>,
}

/// The end of a process.
struct End<'a> {
    line: LineNo,
    process: Option<u64>,
    kind: RecordKind,
    attribute: (&'static str, String),
    text: &'a [u8],
}

/// A mapping made to be a stack (`MAP_STACK`).
#[derive(Default)]
struct Stack {
    size: u64,
    users: u64,
    last_user: Option<u64>,
}

#[derive(Default)]
struct CallTime {
    calls: u64,
    errors: u64,
    seconds: f64,
}

/// What a log told so far.
struct Log<'a> {
    first: LineNo,
    when: When,
    /// The first process.
    main: Option<u64>,
    /// Processes and threads that strace followed.
    followed: FxHashSet<u64>,
    /// Whose line was cut by strace's own words.
    broken: u64,
    comms: FxHashMap<u64, String>,
    tasks: BTreeMap<u64, Task<'a>>,
    stacks: BTreeMap<u64, Stack>,
    ends: Vec<End<'a>>,
    times: BTreeMap<&'a [u8], CallTime>,
    has_times: bool,
    created: u64,
    created_by: &'a [u8],
    mapped: u64,
    unmapped: u64,
    exits: bool,
    /// Seconds by the clock of the log, midnights and `-r` taken into account.
    now: Option<f64>,
    last_of_day: f64,
    days: f64,
}

impl<'a> Log<'a> {
    fn new(first: LineNo, hint: &Hint<'_>) -> Self {
        Log {
            first,
            when: hint.when,
            main: None,
            followed: FxHashSet::default(),
            broken: UNNAMED,
            comms: FxHashMap::default(),
            tasks: BTreeMap::new(),
            stacks: BTreeMap::new(),
            ends: Vec::new(),
            times: BTreeMap::new(),
            has_times: false,
            created: 0,
            created_by: b"",
            mapped: 0,
            unmapped: 0,
            exits: false,
            now: None,
            last_of_day: 0.0,
            days: 0.0,
        }
    }

    fn clock(&mut self, stamp: Stamp) {
        self.now = match stamp {
            Stamp::None => self.now,
            Stamp::Since(seconds) => Some(self.now.unwrap_or(0.0) + seconds),
            Stamp::Unix(seconds) => Some(seconds),
            Stamp::OfDay(seconds) => {
                if seconds + DAY_S / 2.0 < self.last_of_day {
                    self.days += 1.0;
                }
                self.last_of_day = seconds;
                Some(seconds + self.days * DAY_S)
            }
        };
    }

    /// Whose line it is. Ids are left out while there is one process: what it did before goes over to its id.
    fn pid_of(&mut self, printed: Option<u64>) -> u64 {
        let Some(pid) = printed else { return self.main.unwrap_or(UNNAMED) };
        if self.main.is_none() && !self.followed.contains(&pid) {
            self.main = Some(pid);
            if let Some(mut task) = self.tasks.remove(&UNNAMED) {
                task.process = pid;
                self.tasks.insert(pid, task);
            }
            if let Some(comm) = self.comms.remove(&UNNAMED) {
                self.comms.insert(pid, comm);
            }
            if self.broken == UNNAMED {
                self.broken = pid;
            }
            for task in self.tasks.values_mut().filter(|task| task.process == UNNAMED) {
                task.process = pid;
            }
        }
        pid
    }

    fn task(&mut self, pid: u64) -> &mut Task<'a> {
        self.tasks.entry(pid).or_insert_with(|| Task { process: pid, ..Task::default() })
    }

    fn take(&mut self, read: &line::Read<'a>, number: LineNo) {
        self.clock(read.stamp);
        if let Event::Attached(pid) = read.event {
            if self.tasks.is_empty() && self.main.is_none() {
                self.main = Some(pid);
            }
            self.followed.insert(pid);
            return;
        }
        // The rest of a line has no id of its own.
        let pid = match read.event {
            Event::Rest { .. } => self.broken,
            _ => self.pid_of(read.pid),
        };
        let now = self.now;
        match read.event {
            Event::Begin { call, arguments } => {
                self.begin(pid, number, call, arguments);
                self.exits |= call == b"exit_group";
            }
            Event::Broken { call, arguments, child } => {
                self.followed.insert(child);
                self.broken = pid;
                self.begin(pid, number, call, arguments);
            }
            Event::Rest { result, seconds } => {
                if let Some(begun) = self.task(pid).pending.take() {
                    self.returned(pid, begun, result, seconds);
                }
            }
            Event::Call { call, arguments, result, seconds } => {
                let begun = Pending { line: number, call, arguments, since: now, until: None, asked: false };
                self.returned(pid, begun, result, seconds);
            }
            Event::Resumed { call, rest, result, seconds } => {
                let known = self.task(pid).pending.take().filter(|pending| pending.call == call);
                let mut begun = known.unwrap_or(Pending {
                    line: number,
                    call,
                    arguments: rest,
                    since: None,
                    until: None,
                    asked: false,
                });
                begun.until = now;
                self.returned(pid, begun, result, seconds);
            }
            Event::Exited(code) => self.gone(pid, number, RecordKind::Exit, code, read.text),
            Event::Killed(signal) => self.gone(pid, number, RecordKind::Signal, signal, read.text),
            Event::Signal | Event::Detached | Event::Attached(_) => {}
        }
    }

    fn begin(&mut self, pid: u64, line: LineNo, call: &'a [u8], arguments: &'a [u8]) {
        let since = self.now;
        let task = self.task(pid);
        let asked = call == b"connect" || (task.sent_on.is_some() && task.sent_on == descriptor(arguments));
        task.pending = Some(Pending { line, call, arguments, since, until: None, asked });
    }

    fn returned(&mut self, pid: u64, mut begun: Pending<'a>, result: &'a [u8], seconds: Option<f64>) {
        let Pending { call, arguments, .. } = begun;
        self.task(pid).sent_on = descriptor(arguments).filter(|_| SENDS.contains(&call));
        let value = result.split(|byte| *byte == b' ').next().unwrap_or_default();
        if let Some(seconds) = seconds {
            let time = self.times.entry(call).or_default();
            time.calls += 1;
            time.seconds += seconds;
            time.errors += u64::from(value.starts_with(b"-1"));
            self.has_times = true;
        }
        if value == b"?" {
            let now = self.now;
            self.exits |= call == b"exit_group";
            let ends = matches!(call, b"exit" | b"exit_group");
            let task = self.task(pid);
            task.ended |= call == b"exit";
            begun.until = begun.until.or(now);
            task.pending = Some(begun).filter(|_| !ends);
            return;
        }
        self.task(pid).pending = None;
        match call {
            b"clone" | b"clone3" | b"fork" | b"vfork" => self.cloned(pid, call, arguments, value),
            b"mmap" | b"mmap2" if memmem::find(arguments, b"MAP_STACK").is_some() => {
                let size = arguments.split(|byte| *byte == b',').nth(1).and_then(|size| decimal(size.trim_ascii()));
                if let (Some(base), Some(size)) = (hexadecimal(value).filter(|_| value.starts_with(b"0x")), size) {
                    self.mapped += 1;
                    self.stacks.insert(base, Stack { size, ..Stack::default() });
                }
            }
            b"munmap" if value == b"0" => {
                let base = arguments.split(|byte| *byte == b',').next().and_then(hexadecimal);
                if base.is_some_and(|base| self.stacks.remove(&base).is_some()) {
                    self.unmapped += 1;
                }
            }
            b"execve" if value == b"0" => {
                let path = arguments.split(|byte| *byte == b'"').nth(1).unwrap_or_default();
                let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or(path);
                let name = String::from_utf8_lossy(&name[..name.len().min(15)]).into_owned();
                self.comms.insert(pid, name);
            }
            _ => {}
        }
    }

    fn cloned(&mut self, pid: u64, call: &'a [u8], arguments: &'a [u8], value: &[u8]) {
        let Some(child) = decimal(value).filter(|child| *child > 0) else { return };
        let is_thread = memmem::find(arguments, b"CLONE_THREAD").is_some();
        let process = if is_thread { self.task(pid).process } else { child };
        if is_thread {
            self.created += 1;
            self.created_by = call;
        }
        let base = split_once(arguments, b"stack=0x").and_then(|(_, rest)| {
            let digits = rest.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
            self.stack_at(hexadecimal(&rest[..digits])?)
        });
        if let Some(stack) = base.and_then(|base| self.stacks.get_mut(&base)) {
            stack.users += 1;
            stack.last_user = Some(child);
        }
        let task = self.task(child);
        (task.process, task.is_thread, task.stack) = (process, is_thread, base);
    }

    /// The base of the stack that an address lies in; `clone` is given the upper end.
    fn stack_at(&self, address: u64) -> Option<u64> {
        let (base, stack) = self.stacks.range(..=address).next_back()?;
        (address - base <= stack.size).then_some(*base)
    }

    fn gone(&mut self, pid: u64, line: LineNo, kind: RecordKind, how: &'a [u8], text: &'a [u8]) {
        let exits = self.exits || kind == RecordKind::Signal;
        let how = String::from_utf8_lossy(how).into_owned();
        let task = self.task(pid);
        task.gone = Some(String::from_utf8_lossy(text).trim_matches(['+', ' ']).to_owned());
        task.ended |= !exits;
        if !task.is_thread {
            let process = Some(pid).filter(|pid| *pid > 0);
            let name = if kind == RecordKind::Exit { "code" } else { "signal" };
            self.ends.push(End { line, process, kind, attribute: (name, how), text });
        }
    }

    #[allow(clippy::too_many_arguments)]
    fn record(
        &self,
        line: LineNo,
        last: LineNo,
        pid: Option<u64>,
        kind: RecordKind,
        attributes: Vec<(&'static str, String)>,
        text: &[u8],
        out: &mut Parsed,
    ) {
        out.records += 1;
        let comm = pid.and_then(|pid| self.comms.get(&pid).cloned()).or_else(|| self.comms.get(&UNNAMED).cloned());
        out.evidence.push(Evidence::Record(Record {
            line,
            end: last.saturating_add(1),
            claims: Claims { pid, comm, ..Claims::default() },
            when: self.when,
            kind,
            attributes,
            stack: StackId::EMPTY,
            text: String::from_utf8_lossy(text).into_owned(),
        }));
    }

    fn finish(mut self, last: LineNo, out: &mut Parsed) {
        for end in std::mem::take(&mut self.ends) {
            self.record(end.line, end.line, end.process, end.kind, vec![end.attribute], end.text, out);
        }
        self.threads(last, out);
        self.stacks_kept(last, out);
        for (pid, task) in &self.tasks {
            if let Some(pending) = task.pending {
                self.blocked(*pid, task, pending, out);
            }
        }
        if self.has_times {
            for (call, time) in &self.times {
                let call = String::from_utf8_lossy(call).into_owned();
                let text = format!("{call}: {} calls, {:.6} s", time.calls, time.seconds);
                let attributes = vec![
                    ("class", "syscall-time".to_owned()),
                    ("from", "-T".to_owned()),
                    ("call", call),
                    ("seconds", format!("{:.6}", time.seconds)),
                    ("calls", time.calls.to_string()),
                    ("errors", time.errors.to_string()),
                ];
                self.record(self.first, last, self.main, RecordKind::Log, attributes, text.as_bytes(), out);
            }
        }
    }

    /// Threads that were created and did not end before their process did.
    fn threads(&self, last: LineNo, out: &mut Parsed) {
        if self.created == 0 {
            return;
        }
        let made_by = String::from_utf8_lossy(self.created_by).into_owned();
        let mut attributes = vec![("class", "threads-created-not-ended".to_owned()), ("created_by", made_by)];
        attributes.extend(self.last_call().map(|call| ("call", String::from_utf8_lossy(call).into_owned())));
        attributes.push(("created", self.created.to_string()));
        let mut text = format!("{} threads created", self.created);
        // Without `-f` nobody saw whether they ended.
        if self.main.is_some() {
            let ended = self.tasks.values().filter(|task| task.is_thread && task.ended).count() as u64;
            attributes.push(("ended", ended.to_string()));
            attributes.push(("count", self.created.saturating_sub(ended).to_string()));
            text.push_str(&format!(", {ended} ended"));
        }
        self.record(self.first, last, self.main, RecordKind::Log, attributes, text.as_bytes(), out);
    }

    /// The call that most of the threads which did not end did not return from.
    fn last_call(&self) -> Option<&'a [u8]> {
        let mut calls: BTreeMap<&[u8], usize> = BTreeMap::new();
        for task in self.tasks.values().filter(|task| task.is_thread && !task.ended) {
            if let Some(pending) = task.pending {
                *calls.entry(pending.call).or_default() += 1;
            }
        }
        calls.into_iter().max_by_key(|(_, count)| *count).map(|(call, _)| call)
    }

    /// Stacks of threads that ended, still mapped and not used again: of threads that nobody joined, but for the few
    /// that the C library keeps for reuse.
    fn stacks_kept(&self, last: LineNo, out: &mut Parsed) {
        if self.mapped == 0 || self.main.is_none() {
            return;
        }
        let has_ended =
            |stack: &&Stack| stack.last_user.and_then(|tid| self.tasks.get(&tid)).is_some_and(|task| task.ended);
        let kept: Vec<&Stack> = self.stacks.values().filter(has_ended).collect();
        let bytes: u64 = kept.iter().map(|stack| stack.size).fold(0, u64::saturating_add);
        let reused: u64 = self.stacks.values().map(|stack| stack.users.saturating_sub(1)).sum();
        let text = format!(
            "{} stacks mapped, {} unmapped, {} left by threads that ended",
            self.mapped,
            self.unmapped,
            kept.len()
        );
        let attributes = vec![
            ("class", "thread-stacks-kept".to_owned()),
            ("created_by", String::from_utf8_lossy(self.created_by).into_owned()),
            ("count", kept.len().to_string()),
            ("bytes", bytes.to_string()),
            ("mapped", self.mapped.to_string()),
            ("unmapped", self.unmapped.to_string()),
            ("reused", reused.to_string()),
        ];
        self.record(self.first, last, self.main, RecordKind::Log, attributes, text.as_bytes(), out);
    }

    /// The last call of a task, which did not return.
    fn blocked(&self, pid: u64, task: &Task<'_>, pending: Pending<'_>, out: &mut Parsed) {
        let call = String::from_utf8_lossy(pending.call).into_owned();
        let arguments = &pending.arguments[..pending.arguments.len().min(MAX_ARGUMENTS)];
        let arguments = String::from_utf8_lossy(arguments).into_owned();
        let mut attributes = vec![("class", "blocked-call".to_owned()), ("call", call.clone())];
        if pid > 0 {
            attributes.push(("tid", pid.to_string()));
        }
        let fd = arguments.split(',').next().filter(|fd| decimal(fd.as_bytes()).is_some());
        attributes.extend(fd.map(|fd| ("fd", fd.to_owned())));
        if let (Some(since), Some(until)) = (pending.since, pending.until.or(self.now)) {
            attributes.push(("seconds", format!("{:.3}", (until - since).max(0.0))));
        }
        attributes.extend(task.gone.clone().map(|how| ("end", how)));
        attributes.extend(pending.asked.then(|| ("asked", "true".to_owned())));
        let text = format!("{call}({arguments}");
        attributes.push(("args", arguments));
        let process = Some(task.process).filter(|process| *process > 0);
        self.record(pending.line, pending.line, process, RecordKind::Log, attributes, text.as_bytes(), out);
    }
}

#[cfg(test)]
mod tests;
