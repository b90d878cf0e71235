//! The files of a task under `/proc/PID/task/TID/`: `comm`, `wchan`, `stack` and `syscall`, and `/proc/PID/stack` and
//! `wchan` for the first task. Those of one moment make a snapshot of where each task is in the kernel. Source:
//! `proc_pid_stack(5)`, `proc_pid_wchan(5)`, `fs/proc/base.c` (proc_pid_stack, proc_pid_wchan).

use crate::evidence::{Claims, Completeness, Evidence, Parsed, Runtime, Snapshot, Thread, When};
use crate::kernel_log::{kernel_frame, stack_frame};
use crate::lines::{LineNo, Lines, Text, decimal, trim};
use crate::tables::{StackId, Sym, Tables};
use crate::{Format, Hint, Shape, Sniff};

/// Files of tasks.
pub struct ProcTask;

pub(crate) const ORIGIN: &str = "proc-task";

impl Format for ProcTask {
    fn id(&self) -> &'static str {
        "proc-task"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        let Some(task) = Task::of(hint.name) else { return Sniff::No };
        let first = Text::new(head, 1).lines().next().unwrap_or_default();
        let fits = match task.file {
            // Nothing but the path tells a name or a function from any other word.
            "comm" => first.len() <= 15 && !first.is_empty(),
            "wchan" => is_symbol(first),
            "stack" => first.starts_with(b"[<"),
            "syscall" => first == b"running" || first.split(|byte| *byte == b' ').next().is_some_and(is_call),
            _ => false,
        };
        if fits { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let Some(task) = Task::of(hint.name) else { return lines.finish() };
        let number = lines.number();
        let value = lines.peek().map(trim).unwrap_or_default();
        let found = match task.file {
            "comm" => Some(Known { name: out.tables.name(value), ..Known::default() }),
            // `0`: it is not asleep, or the kernel does not tell.
            "wchan" if value != b"0" => Some(Known { wchan: symbol_stack(value, &mut out.tables), ..Known::default() }),
            "stack" => Some(Known { stack: read_stack(lines, &mut out.tables), ..Known::default() }),
            _ => None,
        };
        lines.finish();
        out.records += 1;
        if let Some(found) = found {
            let when = lines.time().map_or(hint.when, When::Wall);
            add(out, &task, when, number, lines.last_number().saturating_add(1), found);
        }
    }
}

/// Which file of which task a path names.
#[derive(Debug, PartialEq)]
pub(crate) struct Task<'a> {
    pid: u64,
    tid: u64,
    file: &'a str,
}

impl Task<'_> {
    /// `.../proc/1725/task/1726/stack`, `.../proc/1725/wchan`.
    pub(crate) fn of(path: &str) -> Option<Task<'_>> {
        let mut parts = path.rsplit('/');
        let file = parts.next()?;
        let tid = decimal(parts.next()?.as_bytes())?;
        let pid = match (parts.next()?, file) {
            ("task", _) => decimal(parts.next()?.as_bytes())?,
            ("proc", "stack" | "wchan") => tid,
            _ => return None,
        };
        Some(Task { pid, tid, file })
    }
}

/// What a file says of its task.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Known {
    name: Sym,
    state: Sym,
    wchan: StackId,
    stack: StackId,
}

/// Adds what a file says to the task in the snapshot of that moment, which is begun where it is new.
pub(crate) fn add(out: &mut Parsed, task: &Task<'_>, when: When, line: LineNo, end: LineNo, known: Known) {
    let last = out.evidence.iter().rposition(|evidence| match evidence {
        Evidence::Snapshot(snapshot) => snapshot.origin == ORIGIN && snapshot.claims.pid == Some(task.pid),
        _ => false,
    });
    // What a task told before begins the next look at all of them.
    let is_told = |thread: &Thread| {
        let has_stack = known.stack != StackId::EMPTY && out.tables.stack_frames(thread.stack).len() > 1;
        thread.id == task.tid && (has_stack || (!known.state.is_empty() && !thread.state.is_empty()))
    };
    let goes_on = last.filter(|&index| match &out.evidence[index] {
        Evidence::Snapshot(snapshot) => snapshot.when == when && !snapshot.threads.iter().any(is_told),
        _ => false,
    });
    let index = goes_on.unwrap_or_else(|| {
        out.evidence.push(Evidence::Snapshot(Snapshot {
            line,
            claims: Claims { pid: Some(task.pid), ..Claims::default() },
            runtime: Runtime::Kernel,
            origin: ORIGIN,
            when,
            completeness: Completeness::Unknown,
            ..Snapshot::default()
        }));
        out.evidence.len() - 1
    });
    let Some(Evidence::Snapshot(snapshot)) = out.evidence.get_mut(index) else { return };
    let at = snapshot.threads.iter().position(|thread| thread.id == task.tid).unwrap_or_else(|| {
        let thread = Thread { line, end, id: task.tid, os_id: Some(task.tid), count: 1, ..Thread::default() };
        snapshot.threads.push(thread);
        snapshot.threads.len() - 1
    });
    known.put(&mut snapshot.threads[at], end);
}

/// `futex_do_wait`.
fn is_symbol(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
}

/// The number of a system call; -1: none.
fn is_call(text: &[u8]) -> bool {
    decimal(text.strip_prefix(b"-").unwrap_or(text)).is_some()
}

fn symbol_stack(function: &[u8], tables: &mut Tables) -> StackId {
    let frame = kernel_frame(function, b"", tables);
    tables.stack(&[frame])
}

/// `[<0>] futex_do_wait+0x46/0x90`, a frame a line, innermost first.
fn read_stack(lines: &mut Lines<'_>, tables: &mut Tables) -> StackId {
    let mut frames = Vec::new();
    for line in lines {
        frames.extend(stack_frame(line, tables));
    }
    tables.stack(&frames)
}

impl Known {
    /// What `status` says.
    pub(crate) fn status(name: &[u8], state: &[u8], tables: &mut Tables) -> Self {
        Known { name: tables.name(name), state: tables.name(state), ..Known::default() }
    }

    fn put(self, thread: &mut Thread, end: LineNo) {
        thread.end = end;
        if !self.name.is_empty() {
            thread.name = self.name;
        }
        if !self.state.is_empty() {
            thread.state = self.state;
        }
        // The whole stack tells more than its first function.
        if self.stack != StackId::EMPTY {
            thread.stack = self.stack;
        } else if thread.stack == StackId::EMPTY {
            thread.stack = self.wchan;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Record;
    use crate::proc_status::ProcStatus;

    fn read(files: &[(&str, &str)]) -> (Parsed, Vec<Snapshot>) {
        let mut out = Parsed::default();
        for (name, text) in files {
            let hint = Hint { name, ..Hint::default() };
            let text = Text::new(text.as_bytes(), 1);
            let formats: [&dyn Format; 2] = [&ProcTask, &ProcStatus];
            let format = formats.into_iter().find(|format| format.sniff(text.bytes(), &hint) == Sniff::Yes).unwrap();
            format.parse(&mut text.lines(), &hint, &mut out);
        }
        let evidence = std::mem::take(&mut out.evidence);
        let snapshots = evidence
            .into_iter()
            .filter_map(|evidence| match evidence {
                Evidence::Snapshot(snapshot) => Some(snapshot),
                Evidence::Record(Record { .. }) => panic!(),
                _ => None,
            })
            .collect();
        (out, snapshots)
    }

    #[test]
    fn the_files_of_a_task_make_a_thread_and_a_second_look_a_second_snapshot() {
        let status = "Name:\tsyncd\nState:\tD (disk sleep)\nTgid:\t1725\nPid:\t1726\nThreads:\t9\n";
        let stack = "[<0>] folio_wait_bit+0xd6/0x220\n[<0>] ext4_sync_file+0x226/0x2d0 [ext4]\n";
        let round: [(&str, &str); 6] = [
            ("/proc/1725/task/1725/wchan", "futex_do_wait"),
            ("/proc/1725/task/1726/comm", "syncd\n"),
            ("/proc/1725/task/1726/status", status),
            ("/proc/1725/task/1726/wchan", "folio_wait_bit\n"),
            ("/proc/1725/task/1726/stack", stack),
            ("/proc/1725/task/1726/syscall", "74 0x3 0x0 0x0 0x3f0000 0x0 0x0 0x7fb87532de60 0x7fb875430c4a\n"),
        ];
        let (out, snapshots) = read(&[round, round].concat());
        assert_eq!(snapshots.len(), 2);
        assert_eq!((snapshots[0].claims.pid, snapshots[0].threads.len()), (Some(1725), 2));
        let thread = &snapshots[0].threads[1];
        assert_eq!(
            (thread.id, out.tables.text(thread.name), out.tables.text(thread.state)),
            (1726, "syncd", "D (disk sleep)")
        );
        let functions: Vec<&str> = out.tables.functions(thread.stack).collect();
        assert_eq!(functions, ["folio_wait_bit", "ext4_sync_file"]);
    }

    #[test]
    fn only_a_path_of_a_task_makes_a_word_one() {
        for (name, text) in [("wchan", "do_wait"), ("/proc/17/comm", "syncd"), ("/proc/17/task/18/wchan", "a sentence")]
        {
            assert_eq!(ProcTask.sniff(text.as_bytes(), &Hint { name, ..Hint::default() }), Sniff::No, "{name}");
        }
        assert_eq!(Task::of("b/proc/17/wchan"), Some(Task { pid: 17, tid: 17, file: "wchan" }));
    }
}
