//! Lists of processes and threads as `ps` prints them (`aux`, `-ef`, `-o ...`, `-T`, `-L`), by their headings.
//! Source: `ps(1)` of procps-ng and what it prints. `RSS` and `VSZ` are in KiB.

use crate::cmdline::java_options;
use crate::columns::Columns;
use crate::evidence::SeriesKind::{Counter, Gauge};
use crate::evidence::{
    Claims, Completeness, Evidence, Parsed, Record, RecordKind, Runtime, Scope, Snapshot, Thread, Unit, When,
};
use crate::lines::{LineNo, Lines, Text, decimal, trim};
use crate::series::{SeriesBuilder, each_line, number};
use crate::signals::Signal;
use crate::tables::{Frame, FrameKind, StackId};
use crate::{Format, Hint, Shape, Sniff};
use std::collections::{BTreeMap, BTreeSet};

/// Process lists.
pub struct Ps;

const COMMAND: &[&str] = &["COMMAND", "CMD"];
const THREAD: &[&str] = &["SPID", "TID", "LWP"];

impl Format for Ps {
    fn id(&self) -> &'static str {
        "ps"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let Some(header) = lines.next().filter(|line| is_header(line)) else { return Sniff::No };
        let table = Table::of(header);
        match lines.next().map(|line| table.row(line).is_some()) {
            Some(true) => Sniff::Yes,
            Some(false) => Sniff::No,
            None => Sniff::Maybe,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut table = if is_header(hint.heading) { Some(Table::of(hint.heading)) } else { None };
        let mut lists = vec![List::default()];
        each_line(lines, hint, "that are not of a list of processes", out, |line, at| {
            if is_header(line) {
                table = Some(Table::of(line));
                lists.push(List { at, entries: Vec::new() });
                return true;
            }
            let Some(entry) = table.as_ref().and_then(|table| table.row(line)) else { return false };
            if let Some(list) = lists.last_mut() {
                list.entries.push((entry, at.1));
            }
            true
        });
        let mut builder = SeriesBuilder::default();
        for list in lists {
            list.state(&mut builder, out);
        }
        builder.finish(out);
    }
}

fn is_header(line: &[u8]) -> bool {
    let columns = Columns::of(line, COMMAND);
    columns.has("PID") && columns.position(COMMAND).is_some() && !columns.has("PR") && line.is_ascii()
}

/// Where in a row the values stand.
struct Table<'a> {
    columns: Columns<'a>,
}

/// A row of the list.
#[derive(Default)]
struct Entry {
    pid: u64,
    thread: Option<u64>,
    command: String,
    state: String,
    wchan: Option<String>,
    resident_kib: Option<f64>,
    virtual_kib: Option<f64>,
    threads: Option<f64>,
    cpu_s: Option<f64>,
    cpu_percent: Option<f64>,
}

impl<'a> Table<'a> {
    fn of(header: &'a [u8]) -> Self {
        Table { columns: Columns::of(header, COMMAND) }
    }

    fn row(&self, line: &[u8]) -> Option<Entry> {
        let at = |names: &[&str]| self.columns.position(names);
        let row = self.columns.row(line)?;
        let value = |names: &[&str]| row.cell(at(names)).and_then(number);
        let text = |names: &[&str]| {
            row.cell(at(names)).map(|cell| String::from_utf8_lossy(cell).into_owned()).unwrap_or_default()
        };
        Some(Entry {
            pid: row.cell(at(&["PID"])).and_then(decimal)?,
            thread: match at(THREAD) {
                Some(column) => Some(row.cell(Some(column)).and_then(decimal)?),
                None => None,
            },
            command: text(COMMAND),
            state: text(&["STAT", "S"]),
            wchan: row.cell(at(&["WCHAN"])).map(|cell| String::from_utf8_lossy(cell).into_owned()),
            resident_kib: value(&["RSS", "RSZ"]),
            virtual_kib: value(&["VSZ"]),
            threads: value(&["NLWP", "THCNT"]),
            cpu_s: row.cell(at(&["TIME"])).and_then(clock),
            cpu_percent: value(&["%CPU"]),
        })
    }
}

/// Seconds of `[DD-]hh:mm:ss`, `mm:ss` and top's `mm:ss.hh`.
pub(crate) fn clock(text: &[u8]) -> Option<f64> {
    let (days, rest) = match memchr::memchr(b'-', text) {
        Some(at) => (decimal(&text[..at])? as f64, &text[at + 1..]),
        None => (0.0, text),
    };
    let parts: Vec<f64> = rest.split(|byte| *byte == b':').map(number).collect::<Option<_>>()?;
    if !(2..=3).contains(&parts.len()) {
        return None;
    }
    Some(days * 86_400.0 + parts.into_iter().fold(0.0, |sum, part| sum * 60.0 + part))
}

/// The name of a program by its command line: `[kworker/0:1]`, `/usr/bin/java -Xmx1g`, `VM Thread`.
pub(crate) fn program(command: &str) -> String {
    let command = command.trim_start_matches(['|', '\\', '_', ' ', '`', '-']);
    let name = match command.strip_prefix('[') {
        Some(kernel) => kernel.trim_end_matches(']'),
        None if command.starts_with('/') => {
            let path = command.split(' ').next().unwrap_or(command);
            path.rsplit('/').next().unwrap_or(path)
        }
        None if command.contains(" -") => command.split(' ').next().unwrap_or(command),
        None => command,
    };
    name.chars().take(64).collect()
}

/// The processes of one capture.
#[derive(Default)]
struct List {
    at: (When, LineNo),
    entries: Vec<(Entry, LineNo)>,
}

impl List {
    fn state(self, builder: &mut SeriesBuilder<'_>, out: &mut Parsed) {
        let List { at, entries } = self;
        let pids: BTreeSet<u64> = entries.iter().map(|(entry, _)| entry.pid).collect();
        let scope = if pids.len() > 1 { Scope::Listed } else { Scope::Own };
        let claims = |entry: &Entry| Claims {
            pid: Some(entry.pid),
            comm: Some(program(&entry.command)).filter(|name| !name.is_empty()),
            scope,
            ..Claims::default()
        };
        let by_thread = entries.iter().any(|(entry, _)| entry.thread.is_some());
        if by_thread {
            threads(&entries, at, &claims, builder, out);
        }
        let mut states: BTreeMap<char, f64> = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for (entry, line) in &entries {
            if let Some(state) = entry.state.chars().next() {
                *states.entry(state).or_default() += 1.0;
            }
            // The first row of a process is its main thread.
            if seen.insert(entry.pid) {
                entry.add(&claims(entry), (at.0, *line), by_thread, builder, out);
            }
        }
        let whole = Claims { scope: Scope::Machine, ..Claims::default() };
        if scope == Scope::Listed && !by_thread {
            for (state, count) in states {
                let labels = vec![("state".to_owned(), state.to_string())];
                builder.add_labelled(&whole, &count_of("system.process.count"), labels, count, at);
            }
        }
    }
}

fn count_of(name: &'static str) -> Signal {
    Signal::own(name, Unit::Count, Gauge, 1.0)
}

impl Entry {
    fn add(
        &self,
        claims: &Claims,
        at: (When, LineNo),
        by_thread: bool,
        builder: &mut SeriesBuilder<'_>,
        out: &mut Parsed,
    ) {
        // Threads of the kernel have no memory of their own.
        let sized = self.virtual_kib != Some(0.0);
        for (signal, value) in [
            (Signal::own("process.memory.usage", Unit::Bytes, Gauge, 1024.0), self.resident_kib),
            (Signal::own("process.memory.virtual", Unit::Bytes, Gauge, 1024.0), self.virtual_kib),
            (count_of("process.thread.count"), self.threads),
            (Signal::own("process.cpu.time", Unit::Seconds, Counter, 1.0), self.cpu_s.filter(|_| !by_thread)),
        ] {
            if let Some(value) = value.filter(|_| sized) {
                builder.add(claims, &signal, value, at);
            }
        }
        if let Some(options) = java_options(self.command.as_bytes()) {
            out.evidence.push(Evidence::Record(Record {
                line: at.1,
                end: at.1.saturating_add(1),
                claims: claims.clone(),
                when: at.0,
                kind: RecordKind::Setting,
                text: format!("java {options}"),
                attributes: vec![("java_options", options)],
                stack: StackId::EMPTY,
            }));
        }
    }
}

/// Lists by thread: how many there are, and what the kernel has them wait in where the list tells.
fn threads(
    entries: &[(Entry, LineNo)],
    at: (When, LineNo),
    claims: &impl Fn(&Entry) -> Claims,
    builder: &mut SeriesBuilder<'_>,
    out: &mut Parsed,
) {
    for of_process in entries.chunk_by(|a, b| a.0.pid == b.0.pid) {
        let (first, line) = &of_process[0];
        let claims = claims(first);
        if first.threads.is_none() {
            builder.add(&claims, &count_of("process.thread.count"), of_process.len() as f64, (at.0, *line));
        }
        for (entry, line) in of_process {
            let labels = || {
                vec![
                    ("thread.id".to_owned(), entry.thread.unwrap_or(entry.pid).to_string()),
                    ("thread.name".to_owned(), program(&entry.command)),
                ]
            };
            let percent = Signal::own("process.thread.cpu.lifetime_utilization", Unit::Ratio, Gauge, 0.01);
            if let Some(value) = entry.cpu_percent {
                builder.add_labelled(&claims, &percent, labels(), value, (at.0, *line));
            }
        }
        if !of_process.iter().any(|(entry, _)| entry.wchan.is_some()) {
            continue;
        }
        let mut snapshot = Snapshot {
            line: *line,
            claims,
            runtime: Runtime::Kernel,
            origin: "ps",
            when: at.0,
            completeness: Completeness::Complete,
            ..Snapshot::default()
        };
        for (entry, line) in of_process {
            let wchan = entry.wchan.as_deref().filter(|wchan| !matches!(*wchan, "-" | "0" | "?"));
            let name = out.tables.name_str(&program(&entry.command));
            let state = out.tables.name_str(&entry.state);
            let stack = wchan.map_or(StackId::EMPTY, |wchan| {
                let function = out.tables.name_str(wchan);
                let frame = out.tables.frame(Frame { function, kind: FrameKind::Kernel, ..Frame::default() });
                out.tables.stack(&[frame])
            });
            let id = entry.thread.unwrap_or(entry.pid);
            let (line, end) = (*line, line.saturating_add(1));
            let thread = Thread { line, end, id, os_id: Some(id), name, state, stack, count: 1, ..Thread::default() };
            snapshot.threads.push(thread);
        }
        out.evidence.push(Evidence::Snapshot(snapshot));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Series};

    fn parse(text: &str) -> Parsed {
        let mut out = Parsed::default();
        assert_eq!(Ps.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        Ps.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        out
    }

    fn series<'a>(out: &'a Parsed, signal: &str) -> Vec<&'a Series> {
        let all = out.evidence.iter().filter_map(|e| if let Evidence::Series(s) = e { Some(s) } else { None });
        all.filter(|series| series.signal == signal).collect()
    }

    #[test]
    fn a_list_of_all_processes_claims_little() {
        let out = parse(
            "USER       PID %CPU %MEM    VSZ   RSS TTY      STAT START   TIME COMMAND\n\
             root         2  0.0  0.0      0     0 ?        S    Nov21   0:00 [kthreadd]\n\
             root     22756  3.0  0.1 2794736 41176 ?       Sl   03:12 1-01:02:03 java -Xmx256m -Dpw=x -cp . Srv\n",
        );
        let resident = series(&out, "process.memory.usage");
        assert_eq!(resident.len(), 1, "threads of the kernel are left out");
        assert_eq!(resident[0].points[0].value, Amount::Value(41_176.0 * 1024.0));
        assert_eq!(resident[0].claims.scope, Scope::Listed);
        assert_eq!(resident[0].claims.comm.as_deref(), Some("java"));
        assert_eq!(series(&out, "process.cpu.time")[0].points[0].value, Amount::Value(90_123.0));
        let setting = out.evidence.iter().find_map(|e| if let Evidence::Record(r) = e { Some(r) } else { None });
        assert_eq!(setting.unwrap().attribute("java_options"), Some("-Xmx256m -Dpw=..."));
    }

    #[test]
    fn threads_with_what_they_wait_in() {
        let out = parse(
            "  PID   TID STAT WCHAN                            COMMAND\n 1725  1725 Sl   futex_do_wait    syncd\n \
             1725  1726 Dl   folio_wait_bit                   VM Thread\n 1725  1727 Rl   -                  syncd\n",
        );
        let [Evidence::Snapshot(snapshot), ..] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        let told: Vec<(&str, &str, Option<&str>)> = snapshot
            .threads
            .iter()
            .map(|thread| {
                let frames = out.tables.stack_frames(thread.stack);
                let function = frames.first().map(|&frame| out.tables.function(frame));
                (out.tables.text(thread.name), out.tables.text(thread.state), function)
            })
            .collect();
        assert_eq!(told[1], ("VM Thread", "Dl", Some("folio_wait_bit")));
        assert_eq!(told[2].2, None);
        assert_eq!(series(&out, "process.thread.count")[0].points[0].value, Amount::Value(3.0));
        assert_eq!(snapshot.claims.scope, Scope::Own);
    }

    #[test]
    fn times_and_names() {
        assert_eq!(clock(b"0:02.12"), Some(2.12));
        assert_eq!(clock(b"00:01:05"), Some(65.0));
        assert_eq!(clock(b"12"), None);
        for (command, name) in [
            ("[kworker/0:1-events]", "kworker/0:1-events"),
            ("/usr/bin/java -Xmx1g", "java"),
            ("VM Thread", "VM Thread"),
            ("\\_ sleep -x 5", "sleep"),
        ] {
            assert_eq!(program(command), name);
        }
    }
}
