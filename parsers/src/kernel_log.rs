//! The kernel's log: `dmesg`, `dmesg -T`, syslog, journal and serial console, of kernels 3.x to 6.x. Out-of-memory
//! reports are read by [`crate::kernel_oom`]; here are the prefixes and the stalls. Sources: `kernel/hung_task.c`,
//! `kernel/watchdog.c`, `kernel/rcu/tree_stall.h`, `kernel/sched/core.c` (sched_show_task).

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::kernel_oom::{self, At, Attributes, OomReader, lossy};
use crate::lines::{LineNo, Lines, decimal, float, rsplit_once, split_once, trim, words};
use crate::tables::{Frame, FrameId, FrameKind, StackId, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded, time};
use memchr::memchr;
use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Kernel log lines.
pub struct KernelLog;

/// At most this many lines of other programs may stand between two lines of the kernel in a syslog.
const FOREIGN_LINES: usize = 8;

impl Format for KernelLog {
    fn id(&self) -> &'static str {
        "kernel-log"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        match prefixed(line) {
            Some(Prefixed { is_sure: true, .. }) => true,
            Some(Prefixed { text, .. }) => is_known(text),
            None => is_known(line),
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, _hint: &Hint<'_>, out: &mut Parsed) {
        let mut log = Log::default();
        let mut is_first = true;
        while let Some(line) = lines.peek() {
            let found = match prefixed(line) {
                Some(found) => found,
                None if is_first || log.goes_on_bare(line) => Prefixed::bare(line),
                None if skip_foreign(lines, &mut log.foreign) => continue,
                None => break,
            };
            let logged = found.logged.or(lines.time());
            out.tie(found.when, logged, found.is_syslog, lines.number());
            let (when, text) = (found.when, found.text);
            let when = if when == When::Unknown { logged.map_or(when, When::Wall) } else { when };
            log.line(text, At { line: lines.number(), when }, out);
            lines.advance();
            is_first = false;
        }
        log.finish(out);
    }
}

/// Moves past lines of other programs if a line of the kernel follows soon.
fn skip_foreign(lines: &mut Lines<'_>, foreign: &mut u32) -> bool {
    let mut ahead = *lines;
    for count in 0..=FOREIGN_LINES {
        let Some(line) = ahead.peek() else { return false };
        if prefixed(line).is_some_and(|found| found.is_sure) {
            for _ in 0..count {
                lines.advance();
                *foreign += 1;
            }
            return count > 0;
        }
        if crate::opened_by(line).is_some() {
            return false;
        }
        ahead.advance();
    }
    false
}

/// A line without its prefix.
struct Prefixed<'a> {
    when: When,
    /// When syslog took the line, if its time stands before the kernel's; nanoseconds since 1970 UTC.
    logged: Option<i64>,
    /// A syslog daemon or the journal took the line as it came.
    is_syslog: bool,
    text: &'a [u8],
    /// Nothing but a kernel writes this prefix.
    is_sure: bool,
}

impl<'a> Prefixed<'a> {
    /// A line that has no prefix.
    fn bare(text: &'a [u8]) -> Self {
        Prefixed { when: When::Unknown, logged: None, is_syslog: false, text, is_sure: false }
    }
}

/// What syslog puts between host and text. Looked for in every line of every log, so the searcher is made once.
static KERNEL: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("kernel: "));

/// Takes `[ 968.443210] `, `[Tue Aug 12 03:54:03 2025] `, `<6>[ 968.443210] `, `Nov 30 02:53:56 host kernel: ` off.
fn prefixed(line: &[u8]) -> Option<Prefixed<'_>> {
    // A console may put a name and the level in front: `Guest: <6>[39291577.009360]`.
    let line = match memchr(b'<', &line[..line.len().min(32)]) {
        Some(at) if matches!(line[at..], [b'<', b'0'..=b'9', b'>', b'[', ..]) => &line[at + 3..],
        Some(at) if matches!(line[at..], [b'<', b'0'..=b'9', b'0'..=b'9', b'>', b'[', ..]) => &line[at + 4..],
        _ => line,
    };
    if line.first() == Some(&b'[') {
        return bracketed(line);
    }
    let at = KERNEL.find(&line[..line.len().min(120)])?;
    let (head, text) = (&line[..at], &line[at + KERNEL.needle().len()..]);
    let (time, _host) = rsplit_once(head.strip_suffix(b" ").unwrap_or(head), b" ").unwrap_or((b"", head));
    let logged = syslog_time(time)?;
    match bracketed(text) {
        Some(inner) => Some(Prefixed { is_sure: true, logged, is_syslog: true, ..inner }),
        // Without a time it may be a sentence of any program.
        None => Some(Prefixed { when: When::Unknown, logged, is_syslog: true, text, is_sure: !time.is_empty() }),
    }
}

fn bracketed(line: &[u8]) -> Option<Prefixed<'_>> {
    let end = memchr(b']', &line[..line.len().min(40)])?;
    let inside = trim(line.get(1..end)?);
    let rest = &line[end + 1..];
    let (when, decimals) = match memchr(b'.', inside) {
        Some(dot) => {
            decimal(&inside[..dot])?;
            decimal(&inside[dot + 1..])?;
            (When::Boot(float(inside)?), inside.len() - dot - 1)
        }
        // dmesg -T: `Sat Nov 21 22:42:26 2026`, by no means a number or a date of another form.
        None if inside.len() == 24 && inside.first()?.is_ascii_uppercase() => (When::Wall(time::instant(inside)?), 0),
        None => return None,
    };
    let is_sure = match decimals {
        0 => !of_web_server(rest),
        decimals => decimals == 6 && matches!(rest.first(), None | Some(b' ' | b'[')),
    };
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    Some(Prefixed { when, logged: None, is_syslog: false, text: without_host(without_caller(rest)), is_sure })
}

/// Apache's error log has the same time in front of `[error] [client ..]` or `[core:notice] [pid 1]`.
fn of_web_server(rest: &[u8]) -> bool {
    let levels: [&[u8]; 8] = [b"emerg", b"alert", b"crit", b"error", b"warn", b"notice", b"info", b"debug"];
    let Some((level, _)) = rest.strip_prefix(b" [").and_then(|rest| split_once(rest, b"]")) else { return false };
    let level = rsplit_once(level, b":").map_or(level, |(_, level)| level);
    levels.contains(&level)
}

/// CONFIG_PRINTK_CALLER adds `[    T1] ` or `[    C0] `.
fn without_caller(text: &[u8]) -> &[u8] {
    let Some((caller, rest)) = text.strip_prefix(b"[").and_then(|text| split_once(text, b"]")) else { return text };
    match trim(caller) {
        [b'T' | b'C', id @ ..] if decimal(id).is_some() => rest.strip_prefix(b" ").unwrap_or(rest),
        _ => text,
    }
}

/// `journalctl -o short-monotonic` has `host kernel: ` behind the time.
fn without_host(text: &[u8]) -> &[u8] {
    match split_once(&text[..text.len().min(80)], b" kernel: ") {
        Some((host, _)) if memchr(b' ', host).is_none() => &text[host.len() + b" kernel: ".len()..],
        _ => text,
    }
}

/// `Nov 30 02:53:56` names no year; ISO times are instants. `None`: not a time, and so not a syslog line.
fn syslog_time(text: &[u8]) -> Option<Option<i64>> {
    let mut parts = words(text);
    match (parts.next(), parts.next(), parts.next(), parts.next()) {
        (None, ..) => Some(None),
        (Some(month), Some(day), Some(clock), None) => {
            time::month(month).filter(|_| month.len() == 3)?;
            decimal(day).filter(|day| (1..=31).contains(day))?;
            (clock.len() >= 8 && clock[2] == b':' && clock[5] == b':').then_some(None)
        }
        _ => time::instant(text).map(Some),
    }
}

/// Whether a text, with or without prefix, begins something that is read here.
fn is_known(text: &[u8]) -> bool {
    kernel_oom::opens(text) || stall(text).is_some()
}

/// What begins a stall: its class and the attributes of its first line.
fn stall(text: &[u8]) -> Option<(&'static str, Attributes)> {
    if let Some(rest) = text.strip_prefix(b"INFO: task ") {
        let (task, rest) = split_once(rest, b" blocked for more than ")?;
        let (name, pid) = rsplit_once(task, b":")?;
        decimal(pid)?;
        let seconds = words(rest).next().filter(|seconds| decimal(seconds).is_some())?;
        return Some(("hung-task", vec![("task", lossy(name)), ("pid", lossy(pid)), ("seconds", lossy(seconds))]));
    }
    if let Some(rest) = text.strip_prefix(b"watchdog: ").unwrap_or(text).strip_prefix(b"BUG: soft lockup - CPU#") {
        let (cpu, rest) = split_once(rest, b" stuck for ")?;
        let (seconds, rest) = split_once(rest, b"s!")?;
        let mut attributes = vec![("cpu", lossy(cpu)), ("seconds", lossy(seconds))];
        let task = rest.trim_ascii().strip_prefix(b"[").and_then(|task| task.strip_suffix(b"]"));
        if let Some((name, pid)) = task.and_then(|task| rsplit_once(task, b":")) {
            attributes.extend([("task", lossy(name)), ("pid", lossy(pid))]);
        }
        return Some(("soft-lockup", attributes));
    }
    let rest = text.strip_prefix(b"rcu: ").unwrap_or(text).strip_prefix(b"INFO: ")?;
    let (flavor, rest) = split_once(rest, b" ")?;
    let is_stall = rest.starts_with(b"detected stall") || rest.starts_with(b"self-detected stall");
    (is_stall && flavor.starts_with(b"rcu")).then(|| {
        let mut attributes = vec![("flavor", lossy(flavor))];
        attributes.extend(jiffies(rest).map(|jiffies| ("jiffies", lossy(jiffies))));
        ("rcu-stall", attributes)
    })
}

/// The number of `(detected by 0, t=38227 jiffies, g=-1127, q=10)`; how long a jiffy is, is not told.
fn jiffies(text: &[u8]) -> Option<&[u8]> {
    let (_, rest) = split_once(text, b"t=")?;
    split_once(rest, b" jiffies").map(|(count, _)| count).filter(|count| decimal(count).is_some())
}

/// `task:kworker/u2:1    state:D stack:    0 pid:19868 ppid:     2 flags:0x00000000`.
fn task_line(text: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (name, rest) = split_once(text.strip_prefix(b"task:")?, b" state:")?;
    let (_, after) = split_once(rest, b" pid:")?;
    let pid = words(after).next().filter(|pid| decimal(pid).is_some())?;
    Some((trim(name), words(rest).next()?, pid))
}

/// A line of a call trace.
enum TraceLine<'a> {
    /// `jbd2_log_wait_commit+0xac/0x120 [jbd2]`: function and module.
    Frame(&'a [u8], &'a [u8]),
    /// `[<c0882f18>] (__schedule) from [<c0883858>] (schedule+0x64/0xe4)`, as ARM prints it: the function, its caller.
    Called(&'a [u8], &'a [u8]),
    /// Marked by `?`: a leftover on the stack.
    Unreliable,
}

fn trace_line(text: &[u8]) -> Option<TraceLine<'_>> {
    let mut text = trim(text);
    if let Some(rest) = text.strip_prefix(b"[<") {
        text = trim(split_once(rest, b">]")?.1);
        if let Some((callee, rest)) = text.strip_prefix(b"(").and_then(|text| split_once(text, b") from ")) {
            let (_, caller) = split_once(rest, b"(")?;
            return Some(TraceLine::Called(callee, split_once(caller, b"+0x")?.0));
        }
    }
    let (text, is_unreliable) = match text.strip_prefix(b"? ") {
        Some(rest) => (rest, true),
        None => (text, false),
    };
    let (place, module) = split_once(text, b" ").unwrap_or((text, b""));
    let (function, sizes) = split_once(place, b"+0x")?;
    split_once(sizes, b"/0x")?;
    if is_unreliable {
        return Some(TraceLine::Unreliable);
    }
    let module = module
        .strip_prefix(b"[")
        .map_or(&b""[..], |module| module.split(|byte| matches!(byte, b']' | b' ')).next().unwrap_or_default());
    (!function.is_empty()).then_some(TraceLine::Frame(function, module))
}

/// The frame of a line of a stack, if it is one.
pub(crate) fn stack_frame(line: &[u8], tables: &mut Tables) -> Option<FrameId> {
    match trace_line(line)? {
        TraceLine::Frame(function, module) => Some(kernel_frame(function, module, tables)),
        TraceLine::Called(..) | TraceLine::Unreliable => None,
    }
}

pub(crate) fn kernel_frame(function: &[u8], module: &[u8], tables: &mut Tables) -> FrameId {
    let frame = Frame {
        function: tables.name(function),
        module: tables.name(module),
        kind: FrameKind::Kernel,
        ..Frame::default()
    };
    tables.frame(frame)
}

/// A stall whose lines are being read.
struct Stall {
    record: Record,
    frames: Vec<FrameId>,
    /// Caller of the last frame, which ARM prints on the same line.
    caller: Option<FrameId>,
    /// The stack is complete; further ones are those of other tasks.
    is_traced: bool,
}

/// A stretch of a log that is being read.
#[derive(Default)]
struct Log {
    oom: OomReader,
    stall: Option<Stall>,
    records: Vec<Record>,
    foreign: u32,
    foreign_from: LineNo,
}

impl Log {
    /// Whether a line without prefix belongs to what is being read.
    fn goes_on_bare(&self, line: &[u8]) -> bool {
        if is_known(line) {
            return true;
        }
        if (!self.oom.is_open() && self.stall.is_none()) || crate::opened_by(line).is_some() {
            return false;
        }
        let detail: [&[u8]; 14] = [
            b"CPU: ",
            b"Call Trace:",
            b"Hardware name:",
            b"Memory cgroup stats for ",
            b"Task in ",
            b"Tasks in ",
            b"Tasks state ",
            b"Workqueue: ",
            b"memory",
            b"swap: ",
            b"kmem: ",
            b"RIP: ",
            b"RSP: ",
            b"Code: ",
        ];
        trace_line(line).is_some()
            || detail.iter().any(|prefix| line.starts_with(prefix))
            || matches!(line.trim_ascii(), b"<TASK>" | b"</TASK>")
            || line.starts_with(b"[ ")
            || register_line(line)
            || words(line).nth(1).and_then(decimal).is_some_and(|_| words(line).count() == 2)
    }

    fn line(&mut self, text: &[u8], at: At, out: &mut Parsed) {
        if self.foreign == 0 {
            self.foreign_from = at.line.saturating_add(1);
        }
        if let Some((class, attributes)) = stall(text) {
            self.begin_stall(class, attributes, text, at, out);
        } else if let Some(trace) = trace_line(text) {
            self.frame(trace, at, out);
        } else if self.oom.line(text, at, out) {
            self.close_stall(out);
        } else if let Some((task, state, pid)) = task_line(text) {
            self.task(task, state, pid, text, at, out);
        } else if let Some(message) = text.strip_prefix(b"Kernel panic - not syncing: ") {
            self.records.push(record("kernel-panic", vec![("message", lossy(message))], text, at));
        } else {
            self.detail(text, at, out);
        }
        out.records += 1;
    }

    fn begin_stall(&mut self, class: &'static str, attributes: Attributes, text: &[u8], at: At, out: &mut Parsed) {
        self.close_stall(out);
        let record = record(class, attributes, text, at);
        self.stall = Some(Stall { record, frames: Vec::new(), caller: None, is_traced: false });
    }

    fn frame(&mut self, trace: TraceLine<'_>, at: At, out: &mut Parsed) {
        let Some(stall) = &mut self.stall else {
            if let TraceLine::Frame(function, module) = trace {
                self.oom.push_frame(kernel_frame(function, module, &mut out.tables), at.line);
            }
            return;
        };
        if stall.is_traced {
            return;
        }
        match trace {
            TraceLine::Frame(function, module) => stall.frames.push(kernel_frame(function, module, &mut out.tables)),
            TraceLine::Called(function, caller) => {
                stall.frames.push(kernel_frame(function, b"", &mut out.tables));
                stall.caller = Some(kernel_frame(caller, b"", &mut out.tables));
            }
            TraceLine::Unreliable => {}
        }
        stall.record.end = at.line.saturating_add(1);
    }

    /// The head of a task's trace: that of the hung task, or of any when all blocked ones are shown (sysrq-w).
    fn task(&mut self, task: &[u8], state: &[u8], pid: &[u8], text: &[u8], at: At, out: &mut Parsed) {
        if let Some(stall) = &mut self.stall
            && stall.record.attribute("pid").is_some_and(|known| known.as_bytes() == pid)
            && stall.frames.is_empty()
        {
            stall.record.attributes.push(("state", lossy(state)));
            stall.record.end = at.line.saturating_add(1);
        } else if state == b"D" {
            let attributes = vec![("task", lossy(task)), ("pid", lossy(pid)), ("state", lossy(state))];
            self.begin_stall("blocked-task", attributes, text, at, out);
        } else if let Some(stall) = &mut self.stall {
            stall.is_traced = true;
        }
    }

    /// Lines between the first one of a stall and its call trace.
    fn detail(&mut self, text: &[u8], at: At, out: &mut Parsed) {
        let Some(stall) = &mut self.stall else { return };
        let attributes = &mut stall.record.attributes;
        let text = trim(text);
        if text == b"Call Trace:" || text == b"Backtrace:" {
            stall.is_traced |= !stall.frames.is_empty();
            return;
        }
        if let Some(place) = text.strip_prefix(b"RIP: 0010:") {
            // Where the processor was: the innermost frame of a lockup.
            if let (Some(TraceLine::Frame(function, module)), true) = (trace_line(place), stall.frames.is_empty()) {
                stall.frames.push(kernel_frame(function, module, &mut out.tables));
            }
            return;
        }
        if let Some(queue) = text.strip_prefix(b"Workqueue: ") {
            attributes.push(("workqueue", lossy(queue)));
        } else if let Some((_, rest)) = split_once(text, b" kthread starved for ") {
            attributes.extend(words(rest).next().map(|jiffies| ("starved_jiffies", lossy(jiffies))));
        } else if let Some((by, _)) = text.strip_prefix(b"(detected by ").and_then(|rest| split_once(rest, b",")) {
            attributes.push(("detected_by_cpu", lossy(by)));
            attributes.extend(jiffies(text).map(|jiffies| ("jiffies", lossy(jiffies))));
        } else if text.ends_with(b"RCU grace-period kthread stack dump:") && stall.frames.is_empty() {
            attributes.push(("stack_of", "RCU grace-period kthread".to_owned()));
        } else if let Some(state) = old_state(text, &stall.record) {
            stall.record.attributes.push(("state", state));
        } else {
            return;
        }
        stall.record.end = at.line.saturating_add(1);
    }

    fn close_stall(&mut self, out: &mut Parsed) {
        let Some(Stall { mut record, mut frames, caller, .. }) = self.stall.take() else { return };
        frames.extend(caller);
        record.stack = out.tables.stack(&frames);
        self.records.push(record);
    }

    fn finish(mut self, out: &mut Parsed) {
        self.close_stall(out);
        self.records.extend(self.oom.finish(out));
        self.records.sort_by_key(|record| record.line);
        for record in self.records {
            join(record, out);
        }
        if self.foreign > 0 {
            let message = format!("{} lines of other programs between those of the kernel; left out", self.foreign);
            out.note(self.foreign_from, message);
        }
    }
}

/// Adds a record; what is said of a kill after an interruption goes to the kill.
fn join(record: Record, out: &mut Parsed) {
    let has_sizes = |record: &Record| record.attribute("total_vm_bytes").is_some();
    let known = out.evidence.iter_mut().rev().take(kernel_oom::RECENT).find_map(|evidence| match evidence {
        Evidence::Record(known) if known.kind == RecordKind::Kill && known.claims.pid == record.claims.pid => {
            Some(known)
        }
        _ => None,
    });
    match known {
        Some(known) if record.kind == RecordKind::Kill && !(has_sizes(known) && has_sizes(&record)) => {
            if known.attribute("killer") == Some("unknown") {
                known.attributes.retain(|(key, _)| *key != "killer");
            }
            for (key, value) in record.attributes {
                if known.attribute(key).is_none() {
                    known.attributes.push((key, value));
                }
            }
            known.claims.cgroup = known.claims.cgroup.take().or(record.claims.cgroup);
            known.end = known.end.max(record.end);
        }
        _ => out.evidence.push(Evidence::Record(record)),
    }
}

/// `logrotate       D    0 17344  17342 0x00000080`, up to 5.10: the state of the task of this record.
fn old_state(text: &[u8], record: &Record) -> Option<String> {
    let rest = text.strip_prefix(record.attribute("task")?.as_bytes())?;
    let state = words(rest).next()?;
    let pid = record.attribute("pid")?;
    (state.len() == 1 && words(rest).any(|word| word == pid.as_bytes())).then(|| lossy(state))
}

/// `RAX: 0000000000000000 RBX: ...`, `R10: ...`.
fn register_line(line: &[u8]) -> bool {
    matches!(line, [b'R', _, _, b':', b' ', ..])
}

fn record(class: &'static str, mut attributes: Attributes, text: &[u8], at: At) -> Record {
    attributes.insert(0, ("class", class.to_owned()));
    let find = |name| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
    let claims =
        Claims { pid: find("pid").and_then(|pid| decimal(pid.as_bytes())), comm: find("task"), ..Claims::default() };
    Record {
        line: at.line,
        end: at.line.saturating_add(1),
        claims,
        when: at.when,
        kind: RecordKind::Log,
        attributes,
        stack: StackId::EMPTY,
        text: lossy(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &[u8]) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
        while let Some(line) = lines.peek() {
            if !line.is_empty() && KernelLog.opens(line) {
                KernelLog.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn records(out: &Parsed) -> Vec<&Record> {
        out.evidence
            .iter()
            .map(|evidence| match evidence {
                Evidence::Record(record) => record,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn only(out: &Parsed) -> &Record {
        let [record] = records(out)[..] else { panic!("{:?}", out.evidence) };
        record
    }

    fn values<'a>(record: &'a Record, names: &[&str]) -> Vec<Option<&'a str>> {
        names.iter().map(|name| record.attribute(name)).collect()
    }

    fn stack<'a>(out: &'a Parsed, record: &Record) -> Vec<&'a str> {
        out.tables.functions(record.stack).collect()
    }

    #[test]
    fn prefixes_of_all_writers_come_off() {
        for (line, when) in [
            ("[  968.443210] text", When::Boot(968.44321)),
            ("[  968.443210][    T1] text", When::Boot(968.44321)),
            ("[  968.443210] [   C12] text", When::Boot(968.44321)),
            ("<6>[  968.443210] text", When::Boot(968.44321)),
            ("Guest: <12>[39291577.009360] text", When::Boot(39291577.00936)),
            ("[Tue Aug 12 03:54:03 2025] text", When::Wall(1_754_970_843_000_000_000)),
            ("Nov 30 02:53:56 host kernel: text", When::Unknown),
            ("Nov 30 02:53:56 host kernel: [  968.443210] text", When::Boot(968.44321)),
            ("2025-08-12T03:54:03Z host kernel: text", When::Wall(1_754_970_843_000_000_000)),
            ("[  968.443210] host kernel: text", When::Boot(968.44321)),
        ] {
            let found = prefixed(line.as_bytes()).unwrap_or_else(|| panic!("{line}"));
            let told =
                if found.when == When::Unknown { found.logged.map_or(When::Unknown, When::Wall) } else { found.when };
            assert_eq!((found.text, told, found.is_sure), (&b"text"[..], when, true), "{line}");
        }
    }

    #[test]
    fn logs_of_other_programs_do_not_open() {
        for line in [
            "[Wed Oct 11 14:32:52 2000] [error] [client 127.0.0.1] client denied by server configuration",
            "[Wed Oct 11 14:32:52 2000] [core:notice] [pid 1] AH00094: Command line",
            "[0.015s][info][gc] Using G1",
            "[    12.345] (II) Module ABI versions:",
            "the kernel: it was slow",
            "Killed process 12",
            "INFO: task done",
            "2026/11/21 22:00:00 worker invoked by kernel: yes",
        ] {
            assert!(!KernelLog.opens(line.as_bytes()), "{line}");
        }
    }

    #[test]
    fn a_healthy_boot_is_recognised_and_says_nothing() {
        let out = parse(include_bytes!("../../samples/kernel-log/boot/dmesg.txt"));
        assert_eq!((out.evidence.len(), out.notes.len(), out.records), (0, 0, 158));
    }

    #[test]
    fn a_report_of_cgroup_v2() {
        let out = parse(include_bytes!("../../samples/kernel-log/oom-v2-61/dmesg.log"));
        let kill = only(&out);
        assert_eq!((kill.kind, kill.line, kill.end, kill.when), (RecordKind::Kill, 64, 66, When::Boot(61.805978)));
        assert_eq!(kill.claims.pid, Some(125));
        assert!(kill.claims.cgroup.as_deref().is_some_and(|path| path.ends_with("913587.scope")));
        let names =
            ["killer", "victim", "usage_bytes", "limit_bytes", "swap_limit_bytes", "stat.anon", "stat.kernel", "tasks"];
        assert_eq!(
            values(kill, &names),
            ["memcg", "orderd", "67112960", "67108864", "unlimited", "66756608", "352256", "1"].map(Some)
        );
        let names = ["anon_rss_bytes", "shmem_rss_bytes", "largest_task_rss_bytes", "invoked_by_pid", "kernel"];
        assert_eq!(values(kill, &names), ["66306048", "6053888", "72364032", "128", "6.1.0-56-amd64"].map(Some));
        assert_eq!(stack(&out, kill)[..2], ["dump_stack_lvl", "dump_header"]);
    }

    #[test]
    fn reports_that_follow_each_other_keep_their_own_details() {
        let out = parse(include_bytes!("../../samples/kernel-log/oom-several/dmesg-memcg-oom-6.18-v1.txt"));
        let kills: Vec<_> = records(&out)
            .iter()
            .map(|kill| values(kill, &["victim", "pid", "stat.shmem", "kmem_usage_bytes", "tasks"]))
            .collect();
        assert_eq!(
            kills,
            [
                ["server", "1333", "0", "970752", "3"].map(Some),
                ["dd", "1346", "131637248", "1019904", "3"].map(Some),
                ["sleep", "1335", "0", "133656576", "3"].map(Some),
                ["worker", "1310", "0", "133767168", "2"].map(Some),
                ["server", "1358", "0", "133787648", "1"].map(Some),
            ]
        );
    }

    #[test]
    fn a_tail_that_begins_in_the_middle_is_joined_by_pid() {
        let out = parse(include_bytes!("../../samples/kernel-log/oom-tail/dmesg-tail.txt"));
        let names = ["killer", "pid", "stat.total_rss", "anon_rss_bytes", "invoked_by", "limit_bytes"];
        assert_eq!(
            values(only(&out), &names),
            [Some("memcg"), Some("11105"), Some("167157760"), Some("166985728"), None, None]
        );
    }

    #[test]
    fn the_next_report_is_not_that_of_the_victim_before() {
        let out = parse(include_bytes!("../../samples/kernel-log/oom-global-stressng/dmesg.txt"));
        let [kill, next] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        let names = ["killer", "pid", "largest_task_pid", "reaped", "constraint", "invoked_by"];
        assert_eq!(
            values(kill, &names),
            [Some("global"), Some("1811"), Some("1810"), Some("true"), Some("CONSTRAINT_NONE"), None]
        );
        let names = ["class", "invoked_by", "stat.slab_unreclaimable", "ram_bytes"];
        assert_eq!(values(next, &names), ["oom-report", "systemd-journal", "2189680640", "8583446528"].map(Some));
        assert_eq!(out.notes.len(), 1);
        let out = parse(include_bytes!("../../samples/kernel-log/oom-uwsgi-54/dmesg.txt"));
        assert_eq!(values(records(&out)[0], &["victim", "reaped", "limit_bytes"]), [Some("uwsgi"), Some("true"), None]);
    }

    #[test]
    fn two_line_kills_of_old_kernels() {
        let out = parse(include_bytes!("../../samples/kernel-log/oom-R-4x/kern.log"));
        let names = ["killer", "victim", "pid", "score", "anon_rss_bytes", "chosen_pid"];
        assert_eq!(
            values(only(&out), &names),
            [Some("global"), Some("R"), Some("27438"), Some("31"), Some("1066930176"), None]
        );
        // 3.10 may choose a process and kill a child of it.
        let out = parse(
            b"Memory cgroup out of memory: Kill process 14821 (java (1)) score 1823 or sacrifice child\n\
              Killed process 14999 (sh) total-vm:100kB, anon-rss:50kB, file-rss:1kB\n",
        );
        let names = ["killer", "victim", "pid", "chosen", "chosen_pid", "score"];
        assert_eq!(values(only(&out), &names), ["memcg", "sh", "14999", "java (1)", "14821", "1823"].map(Some));
    }

    #[test]
    fn a_kill_by_the_limit_of_a_group_above() {
        let out = parse(
            b"Task in /pod/app killed as a result of limit of /pod\n\
              oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=/pod,task_memcg=/pod/app,task=a,b,pid=7,uid=3\n\
              Memory cgroup out of memory: Killed process 7 (a,b) total-vm:8kB, anon-rss:4kB, file-rss:0kB\n",
        );
        let record = only(&out);
        assert_eq!(values(record, &["killer", "victim", "uid"]), ["memcg-parent", "a,b", "3"].map(Some));
        assert_eq!(record.claims.cgroup.as_deref(), Some("/pod/app"));
    }

    #[test]
    fn an_interrupted_report_is_one_kill() {
        let text = String::from_utf8_lossy(include_bytes!("../../samples/kernel-log/oom-v2-61/dmesg.log")).into_owned();
        let at = text.find("[   61.805978]").unwrap();
        let between = "a line of another program\n".repeat(20);
        let out = parse(format!("{}{between}{}", &text[..at], &text[at..]).as_bytes());
        assert_eq!(values(only(&out), &["limit_bytes", "anon_rss_bytes"]), ["67108864", "66306048"].map(Some));
        // A few lines in a syslog do not even interrupt.
        let out = parse(format!("{}x\ny\n{}", &text[..at], &text[at..]).as_bytes());
        assert_eq!((records(&out).len(), out.notes.len()), (1, 1));
    }

    #[test]
    fn a_report_without_prefixes() {
        let text = String::from_utf8_lossy(include_bytes!("../../samples/kernel-log/oom-v2-61/dmesg.log")).into_owned();
        let bare: String = text.lines().map(|line| format!("{}\n", &line[15..])).collect();
        let out = parse(bare.as_bytes());
        let names = ["limit_bytes", "anon_rss_bytes", "tasks", "stat.kernel"];
        assert_eq!(values(only(&out), &names), ["67108864", "66306048", "1", "352256"].map(Some));
    }

    #[test]
    fn hung_tasks_keep_their_name_and_stack() {
        let out = parse(include_bytes!("../../samples/kernel-log/hung-kworker-418/serial.log"));
        let record = only(&out);
        let names = ["class", "task", "pid", "seconds", "state", "workqueue"];
        assert_eq!(
            values(record, &names),
            ["hung-task", "kworker/u146:16", "495", "120", "D", "writeback wb_workfn (flush-253:0)"].map(Some)
        );
        assert_eq!(stack(&out, record)[..3], ["__schedule", "schedule", "jbd2_log_wait_commit"]);
        let frame = out.tables.get_frame(out.tables.stack_frames(record.stack)[2]);
        assert_eq!((frame.kind, out.tables.text(frame.module)), (FrameKind::Kernel, "jbd2"));
        let out = parse(include_bytes!("../../samples/kernel-log/hung-logrotate/dmesg.txt"));
        assert_eq!(stack(&out, only(&out)).last(), Some(&"entry_SYSCALL_64_after_hwframe"));
    }

    #[test]
    fn lockups_and_stalls() {
        let out = parse(include_bytes!("../../samples/kernel-log/softlockup-sonic/console.log"));
        let names = ["class", "cpu", "seconds", "task", "pid"];
        assert_eq!(values(records(&out)[0], &names), ["soft-lockup", "2", "23", "kworker/2:1", "25629"].map(Some));
        assert_eq!(values(records(&out)[1], &["class"]), [Some("kernel-panic")]);
        let out = parse(include_bytes!("../../samples/kernel-log/rcu-stall-tetragon/serial.txt"));
        let names = ["class", "flavor", "jiffies", "starved_jiffies", "seconds"];
        assert_eq!(
            values(records(&out)[0], &names),
            [Some("rcu-stall"), Some("rcu_sched"), Some("38227"), Some("38227"), None]
        );
        assert_eq!(stack(&out, records(&out)[0])[3], "rcu_gp_kthread");
    }

    #[test]
    fn blocked_tasks_on_arm() {
        let out = parse(include_bytes!("../../samples/kernel-log/sysrq-w-arm/sysrq.log"));
        let record = only(&out);
        assert_eq!(values(record, &["class", "task", "pid"]), ["blocked-task", "kworker/u2:1", "19868"].map(Some));
        assert_eq!(
            stack(&out, record)[4..],
            ["synchronize_srcu", "fsnotify_connector_destroy_workfn", "process_one_work"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(cut in 0usize..5000, at in 0usize..5000, byte: u8, text in "(\\[ *[0-9]{0,4}\\.[0-9]{6}\\] )?.{0,60}") {
            let mut sample = include_bytes!("../../samples/kernel-log/oom-v2-61/dmesg.log").to_vec();
            sample.truncate(cut);
            if let Some(slot) = sample.get_mut(at) {
                *slot = byte;
            }
            sample.extend(text.bytes());
            parse(&sample);
        }
    }
}
