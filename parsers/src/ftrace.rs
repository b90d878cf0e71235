//! The kernel's event stream as text: `trace`, `trace_pipe`, `trace-cmd report` with `sched_process_fork`,
//! `sched_process_exit`, `task_newtask` and `oom:mark_victim`. Source: `kernel/trace/trace_output.c`
//! (trace_print_context), `include/trace/events/{sched,task,oom}.h`.
//!
//! Threads that were created and did not end are counted for each process. Only `task_newtask` tells threads from
//! processes; without it each task that is forked is taken for one of its parent.

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, Scope, When};
use crate::kernel_oom::lossy;
use crate::lines::{LineNo, Lines, Text, decimal, float, hexadecimal, rsplit_once, split_once, trim};
use crate::series::each_line;
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;

/// Kernel events of tasks.
pub struct Ftrace;

/// Flag of `clone`: the child is a thread of the caller's process.
const CLONE_THREAD: u64 = 0x10000;

impl Format for Ftrace {
    fn id(&self) -> &'static str {
        "ftrace"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty()).take(40);
        if lines.any(|line| line.starts_with(b"# tracer: ") || event(line).is_some_and(|event| event.is_known())) {
            Sniff::Yes
        } else {
            Sniff::No
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (mut tasks, mut kills, mut events) = (Tasks::default(), Vec::new(), 0);
        each_line(lines, hint, "that are no events", out, |line, at| {
            let Some(event) = event(line) else { return line.starts_with(b"#") || trim(line).is_empty() };
            events += 1;
            tasks.take(&event, at.1);
            if event.name == b"mark_victim" {
                kills.extend(kill(&event, at));
            }
            true
        });
        out.records += events;
        out.evidence.extend(tasks.finish(hint.when).into_iter().map(Evidence::Record));
        out.evidence.extend(kills.into_iter().map(Evidence::Record));
    }
}

/// `mailpush-573     [000] ..... 26668.528655: sched_process_fork: comm=mailpush pid=573 child_comm=mailpush child_pid=575`.
struct Event<'a> {
    comm: &'a [u8],
    task: u64,
    seconds: f64,
    name: &'a [u8],
    details: &'a [u8],
}

impl Event<'_> {
    fn is_known(&self) -> bool {
        matches!(self.name, b"sched_process_fork" | b"sched_process_exit" | b"task_newtask" | b"mark_victim")
    }

    /// The value of `key=`; names may hold blanks, so that a value goes up to the next key.
    fn value(&self, key: &[u8]) -> Option<&[u8]> {
        let mut rest = self.details;
        loop {
            let (before, after) = split_once(rest, b"=")?;
            let name = before.rsplit(|byte| *byte == b' ').next().unwrap_or(before);
            if name == key {
                let end = split_once(after, b"=")
                    .map_or(after, |(value, _)| rsplit_once(value, b" ").map_or(value, |(value, _)| value));
                return Some(trim(end));
            }
            rest = after;
        }
    }

    fn number(&self, key: &[u8]) -> Option<u64> {
        decimal(self.value(key)?)
    }
}

fn event(line: &[u8]) -> Option<Event<'_>> {
    let (context, rest) = split_once(line, b": ")?;
    let (name, details) = split_once(rest, b": ").or_else(|| Some((rest.strip_suffix(b":")?, &b""[..])))?;
    // Events of a subsystem are printed with or without its name.
    let name = trim(name.rsplit(|byte| *byte == b':').next().unwrap_or(name));
    let (before, time) = rsplit_once(context, b" ")?;
    let seconds = float(time).filter(|seconds| seconds.is_finite() && time.contains(&b'.'))?;
    let at = before.windows(2).position(|pair| pair == b" [")?;
    // `<...>-575     (    573)`: with the option record-tgid the process stands behind the task.
    let task = split_once(&before[..at], b"(").map_or(&before[..at], |(task, _)| task);
    let (comm, task) = rsplit_once(trim(task), b"-")?;
    let is_name = !name.is_empty() && name.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    is_name.then_some(Event { comm: trim(comm), task: decimal(task)?, seconds, name, details: trim(details) })
}

/// A task that was created while the trace ran.
struct Task {
    process: u64,
    is_thread: bool,
    ended: bool,
    seconds: f64,
}

#[derive(Default)]
struct Tasks {
    made: BTreeMap<u64, Task>,
    /// Name of each process, and the lines where its first and last task was created.
    processes: BTreeMap<u64, (String, LineNo, LineNo)>,
    knows_threads: bool,
    span: Option<(f64, f64)>,
}

impl Tasks {
    fn take(&mut self, event: &Event<'_>, line: LineNo) {
        let (from, _) = self.span.unwrap_or((event.seconds, event.seconds));
        self.span = Some((from, event.seconds));
        match event.name {
            b"task_newtask" => {
                let (Some(child), Some(flags)) = (event.number(b"pid"), event.value(b"clone_flags")) else { return };
                self.knows_threads = true;
                let is_thread = hexadecimal(flags).is_some_and(|flags| flags & CLONE_THREAD != 0);
                self.create(event, child, is_thread, line);
            }
            b"sched_process_fork" if !self.knows_threads => {
                if let Some(child) = event.number(b"child_pid") {
                    self.create(event, child, true, line);
                }
            }
            b"sched_process_exit" => {
                let ended = event.number(b"pid").unwrap_or(event.task);
                if let Some(task) = self.made.get_mut(&ended) {
                    task.ended = true;
                }
                if event.value(b"group_dead") == Some(b"true") {
                    let process = self.made.get(&ended).map_or(ended, |task| task.process);
                    self.made.values_mut().filter(|task| task.process == process).for_each(|task| task.ended = true);
                }
            }
            _ => {}
        }
    }

    fn create(&mut self, event: &Event<'_>, child: u64, is_thread: bool, line: LineNo) {
        // A thread may create threads: all are of one process.
        let parent = self.made.get(&event.task).filter(|task| task.is_thread).map_or(event.task, |task| task.process);
        let process = if is_thread { parent } else { child };
        self.made.insert(child, Task { process, is_thread, ended: false, seconds: event.seconds });
        if is_thread {
            let known = self.processes.entry(process).or_insert_with(|| (lossy(event.comm), line, line));
            known.2 = line;
        }
    }

    fn finish(self, when: When) -> Vec<Record> {
        let (from, to) = self.span.unwrap_or((0.0, 0.0));
        let middle = from + (to - from) / 2.0;
        let record = |(process, (name, first, last)): (u64, (String, LineNo, LineNo))| {
            let threads = || self.made.values().filter(|task| task.is_thread && task.process == process);
            let (created, ended) = (threads().count(), threads().filter(|task| task.ended).count());
            let late = threads().filter(|task| !task.ended && task.seconds >= middle).count();
            let count = created - ended;
            Record {
                line: first,
                end: last.saturating_add(1),
                claims: Claims {
                    pid: Some(process),
                    comm: Some(name.clone()),
                    scope: Scope::Listed,
                    ..Claims::default()
                },
                when,
                kind: RecordKind::Log,
                attributes: vec![
                    ("class", "threads-created-not-ended".to_owned()),
                    ("program", name.clone()),
                    ("created", created.to_string()),
                    ("ended", ended.to_string()),
                    ("count", count.to_string()),
                    ("late", late.to_string()),
                ],
                stack: StackId::EMPTY,
                text: format!("{name} ({process}): {created} threads created, {ended} ended"),
            }
        };
        self.processes.clone().into_iter().map(record).collect()
    }
}

/// `oom:mark_victim: pid=27109`, with the name and sizes from 6.8 on.
fn kill(event: &Event<'_>, (when, line): (When, LineNo)) -> Option<Record> {
    let pid = event.number(b"pid")?;
    let name = event.value(b"comm").map(lossy).unwrap_or_default();
    Some(Record {
        line,
        end: line.saturating_add(1),
        claims: Claims { pid: Some(pid), comm: (!name.is_empty()).then(|| name.clone()), ..Claims::default() },
        when,
        kind: RecordKind::Kill,
        attributes: vec![("killer", "unknown".to_owned()), ("victim", name), ("pid", pid.to_string())],
        stack: StackId::EMPTY,
        text: format!("mark_victim: {}", lossy(event.details)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn records(text: &str) -> Vec<Record> {
        let mut out = Parsed::default();
        assert_eq!(Ftrace.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        Ftrace.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        let records = out.evidence.into_iter();
        records
            .filter_map(|evidence| if let Evidence::Record(record) = evidence { Some(record) } else { None })
            .collect()
    }

    #[test]
    fn pairs_of_creation_and_end() {
        let text = "# tracer: nop\n#\n\
            \x20       mail push-573     [000] ..... 26668.528651: task_newtask: pid=575 comm=mail push clone_flags=3d0f00 oom_score_adj=0\n\
            \x20       mail push-573     [000] ..... 26668.528655: sched_process_fork: comm=mail push pid=573 child_comm=mail push child_pid=575\n\
            \x20       mail push-575     [001] ..... 26668.555368: sched_process_exit: comm=mail push pid=575 prio=120 group_dead=false\n\
            \x20       mail push-573     [000] ..... 26669.633638: task_newtask: pid=577 comm=mail push clone_flags=3d0f00 oom_score_adj=0\n\
            \x20            bash-553     [000] d..2. 26669.700000: task_newtask: pid=580 comm=bash clone_flags=1200000 oom_score_adj=0\n";
        let [record] = &records(text)[..] else { panic!() };
        assert_eq!(record.claims.pid, Some(573));
        assert_eq!(record.claims.comm.as_deref(), Some("mail push"));
        let of = |name| record.attribute(name);
        assert_eq!((of("created"), of("ended"), of("count"), of("late")), (Some("2"), Some("1"), Some("1"), Some("1")));
    }

    #[test]
    fn without_flags_each_fork_counts_and_the_end_of_a_process_ends_its_threads() {
        let text = "  app-7       (      7) [001] .... 10.000001: sched_process_fork: comm=app pid=7 child_comm=app child_pid=8\n\
                    \x20 app-8       (      7) [001] .... 10.100001: sched_process_fork: comm=app pid=8 child_comm=app child_pid=9\n\
                    \x20 app-7       (      7) [001] .... 11.000001: sched:sched_process_exit: comm=app pid=7 prio=120 group_dead=true\n";
        let [record] = &records(text)[..] else { panic!() };
        assert_eq!((record.attribute("created"), record.attribute("count")), (Some("2"), Some("0")));
    }

    #[test]
    fn a_victim_of_the_killer_is_a_kill() {
        let kills = records("  hog-90  [000] .N... 50.250000: mark_victim: pid=90\n");
        assert_eq!((kills[0].kind, kills[0].claims.pid), (RecordKind::Kill, Some(90)));
    }
}
