//! `top -b` and `top -b -H`. Source: `top(1)` of procps-ng: five lines of sums, a blank line, headings, then a row a
//! process or thread; sizes in KiB unless they end in a letter.

use crate::columns::Columns;
use crate::evidence::SeriesKind::{Counter, Gauge};
use crate::evidence::{Claims, Parsed, Scope, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, split_once, trim, words};
use crate::ps::{clock, program};
use crate::series::{SeriesBuilder, each_line, number};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// Frames of top.
pub struct Top;

const COMMAND: &[&str] = &["COMMAND"];

impl Format for Top {
    fn id(&self) -> &'static str {
        "top"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        if time_of_day(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut builder = SeriesBuilder::default();
        let mut frame = Frame { when: hint.when, ..Frame::default() };
        let mut seen: Option<u32> = None;
        each_line(lines, hint, "that are not of top", out, |line, (when, number)| {
            if let Some(second) = time_of_day(line) {
                frame.finish(&mut builder);
                // The capture's own time holds for the first frame; the others follow it by top's clock.
                let first = *seen.get_or_insert(second);
                let when = match when {
                    When::Wall(start) => {
                        let passed = (i64::from(second) - i64::from(first)).rem_euclid(86_400);
                        When::Wall(start.saturating_add(passed * 1_000_000_000))
                    }
                    _ => When::TimeOfDay(second),
                };
                frame = Frame { when, number: frame.number + 1, ..Frame::default() };
            }
            frame.line(line, number, &mut builder)
        });
        frame.finish(&mut builder);
        builder.finish(out);
    }
}

/// Seconds since midnight of `top - 22:26:52 up 27 min,  0 user,  load average: 13.02, 8.86, 4.90`.
fn time_of_day(line: &[u8]) -> Option<u32> {
    let (time, rest) = split_once(line.strip_prefix(b"top - ")?, b" ")?;
    let parts: Vec<u64> = time.split(|byte| *byte == b':').map(decimal).collect::<Option<_>>()?;
    let [hour @ 0..24, minute @ 0..60, second @ 0..=60] = parts[..] else { return None };
    trim(rest).starts_with(b"up ").then_some((hour * 3600 + minute * 60 + second) as u32)
}

/// One refresh of the screen.
#[derive(Default)]
struct Frame {
    when: When,
    number: u32,
    /// The line of sums says threads, not tasks.
    by_thread: bool,
    columns: Option<Vec<u8>>,
    rows: Vec<(Process, LineNo)>,
}

/// A row.
struct Process {
    id: u64,
    command: String,
    virtual_bytes: Option<f64>,
    resident_bytes: Option<f64>,
    cpu_percent: Option<f64>,
    cpu_s: Option<f64>,
}

impl Frame {
    fn line(&mut self, line: &[u8], number: LineNo, builder: &mut SeriesBuilder<'_>) -> bool {
        let at = (self.when, number);
        if let Some((_, loads)) = split_once(line, b"load average: ") {
            sums(builder, at, "system.cpu.load_average", &["1m", "5m", "15m"], loads);
            return true;
        }
        if let Some(sums) = line.strip_prefix(b"%Cpu(s):") {
            cpu(builder, at, sums);
            return true;
        }
        if line.starts_with(b"Tasks:") || line.starts_with(b"Threads:") {
            self.by_thread = line.starts_with(b"Threads:");
            return true;
        }
        if memory(builder, at, line) {
            return true;
        }
        if words(line).next() == Some(b"PID") {
            self.columns = Some(line.to_vec());
            return true;
        }
        let Some(process) = self.columns.as_ref().and_then(|header| process(header, line)) else { return false };
        self.rows.push((process, number));
        true
    }

    fn finish(&mut self, builder: &mut SeriesBuilder<'_>) {
        for (row, line) in std::mem::take(&mut self.rows) {
            let at = (self.when, line);
            let comm = Some(program(&row.command));
            let percent = Signal::own("process.cpu.utilization", Unit::Ratio, Gauge, 0.01);
            // What the first frame prints is the share over the life of the process, not over an interval.
            let now = row.cpu_percent.filter(|_| self.number > 1);
            if self.by_thread {
                // The id is that of the thread; whose it is stands in no column.
                let claims = Claims { scope: Scope::Listed, ..Claims::default() };
                let labels = || {
                    vec![
                        ("thread.id".to_owned(), row.id.to_string()),
                        ("thread.name".to_owned(), program(&row.command)),
                    ]
                };
                let time = Signal::own("process.thread.cpu.time", Unit::Seconds, Counter, 1.0);
                let share = Signal { name: "process.thread.cpu.utilization".into(), ..percent };
                for (signal, value) in [(time, row.cpu_s), (share, now)] {
                    if let Some(value) = value {
                        builder.add_labelled(&claims, &signal, labels(), value, at);
                    }
                }
                continue;
            }
            let claims = Claims { pid: Some(row.id), comm, scope: Scope::Listed, ..Claims::default() };
            for (signal, value) in [
                (Signal::own("process.memory.virtual", Unit::Bytes, Gauge, 1.0), row.virtual_bytes),
                (Signal::own("process.memory.usage", Unit::Bytes, Gauge, 1.0), row.resident_bytes),
                (Signal::own("process.cpu.time", Unit::Seconds, Counter, 1.0), row.cpu_s),
                (percent, now),
            ] {
                if let Some(value) = value.filter(|_| row.virtual_bytes != Some(0.0)) {
                    builder.add(&claims, &signal, value, at);
                }
            }
        }
    }
}

fn process(header: &[u8], line: &[u8]) -> Option<Process> {
    let columns = Columns::of(header, COMMAND);
    let row = columns.row(line)?;
    let cell = |name: &str| row.cell(columns.position(&[name]));
    Some(Process {
        id: cell("PID").and_then(decimal)?,
        command: String::from_utf8_lossy(cell("COMMAND")?).into_owned(),
        virtual_bytes: cell("VIRT").and_then(size),
        resident_bytes: cell("RES").and_then(size),
        cpu_percent: cell("%CPU").and_then(number),
        cpu_s: cell("TIME+").or(cell("TIME")).and_then(clock),
    })
}

/// `2794736` KiB, `1.2g`.
fn size(text: &[u8]) -> Option<f64> {
    let scale = match text.last()? {
        b'k' => 1024.0,
        b'm' => 1_048_576.0,
        b'g' => 1_073_741_824.0,
        b't' => 1_099_511_627_776.0,
        b'0'..=b'9' => return number(text).map(|kib| kib * 1024.0),
        _ => return None,
    };
    number(&text[..text.len() - 1]).map(|value| value * scale)
}

fn machine() -> Claims {
    Claims { scope: Scope::Machine, ..Claims::default() }
}

/// Numbers parted by commas, each with its label.
fn sums(builder: &mut SeriesBuilder<'_>, at: (When, LineNo), name: &'static str, labels: &[&str], text: &[u8]) {
    for (label, value) in labels.iter().zip(words(text)) {
        if let Some(value) = number(value.strip_suffix(b",").unwrap_or(value)) {
            let labels = vec![("period".to_owned(), (*label).to_owned())];
            builder.add_labelled(&machine(), &Signal::own(name, Unit::Count, Gauge, 1.0), labels, value, at);
        }
    }
}

/// `100.0 us,  0.0 sy,  0.0 ni,100.0 id`: no blank where a number fills its column.
fn cpu(builder: &mut SeriesBuilder<'_>, at: (When, LineNo), text: &[u8]) {
    for part in text.split(|byte| *byte == b',') {
        let mut parts = words(part);
        if let (Some(value), Some(mode)) = (parts.next().and_then(number), parts.next()) {
            let labels = vec![("mode".to_owned(), String::from_utf8_lossy(mode).into_owned())];
            let signal = Signal::own("system.cpu.utilization", Unit::Ratio, Gauge, 0.01);
            builder.add_labelled(&machine(), &signal, labels, value, at);
        }
    }
}

/// `MiB Mem :  24105.6 total,  18094.6 free,   1943.6 used,   4394.7 buff/cache` and the like for swap.
fn memory(builder: &mut SeriesBuilder<'_>, at: (When, LineNo), line: &[u8]) -> bool {
    let mut parts = words(line);
    let scale = match parts.next() {
        Some(b"KiB") => 1024.0,
        Some(b"MiB") => 1_048_576.0,
        Some(b"GiB") => 1_073_741_824.0,
        _ => return false,
    };
    let (Some(what), Some((_, rest))) = (parts.next(), split_once(line, b":")) else { return false };
    let prefix = if what.starts_with(b"Swap") { "system.paging" } else { "system.memory" };
    for part in rest.split(|byte| *byte == b',') {
        let mut parts = words(part);
        if let (Some(value), Some(key)) = (parts.next().and_then(number), parts.next()) {
            let key = String::from_utf8_lossy(key);
            let name = format!("{prefix}.{}", key.trim_end_matches('.').replace("buff/cache", "buffers_and_cache"));
            builder.add(&machine(), &Signal::own(name, Unit::Bytes, Gauge, scale), value, at);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence, Point};

    const FRAMES: &str = "top - 03:12:44 up  3:18,  0 user,  load average: 9.96, 6.31, 3.49\n\
        Threads:  17 total,   2 running,  15 sleeping,   0 stopped,   0 zombie\n\
        %Cpu(s):  0.0 us,  0.0 sy,  0.0 ni,100.0 id,  0.0 wa,  0.0 hi,  0.0 si,  0.0 st \n\
        MiB Mem :  24105.6 total,  18094.6 free,   1943.6 used,   4394.7 buff/cache     \n\
        MiB Swap:      0.0 total,      0.0 free,      0.0 used.  22162.0 avail Mem \n\n  \
        PID USER      PR  NI    VIRT    RES    SHR S  %CPU  %MEM     TIME+ COMMAND\n\
        22828 root      20   0 2794736   1.2g  20404 R  25.0   0.2   0:00.90 VM Thread\n";

    fn points(text: &str, signal: &str) -> Vec<Point> {
        let mut out = Parsed::default();
        assert_eq!(Top.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        Top.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        let found = out.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Series(s) if s.signal == signal => Some(s.points.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    #[test]
    fn two_frames_of_threads() {
        let text = [FRAMES, "\n", &FRAMES.replace("03:12:44", "03:12:45").replace("0:00.90", "0:01.15")].concat();
        let time: Vec<_> = points(&text, "process.thread.cpu.time").iter().map(|p| (p.when, p.value)).collect();
        assert_eq!(
            time,
            [(When::TimeOfDay(11_564), Amount::Value(0.9)), (When::TimeOfDay(11_565), Amount::Value(1.15))]
        );
        let share = points(&text, "process.thread.cpu.utilization");
        assert_eq!(share.iter().map(|p| p.value).collect::<Vec<_>>(), [Amount::Value(0.25)]);
    }

    #[test]
    fn sums_and_sizes() {
        let text = FRAMES.replace("Threads:", "Tasks:");
        assert_eq!(points(&text, "system.cpu.load_average")[0].value, Amount::Value(9.96));
        assert_eq!(points(&text, "system.memory.free")[0].value, Amount::Value(18_094.6 * 1_048_576.0));
        let Amount::Value(resident) = points(&text, "process.memory.usage")[0].value else { panic!() };
        assert!((resident / 1_073_741_824.0 - 1.2).abs() < 1e-9);
    }
}
