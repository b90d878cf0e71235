//! `vmstat N [M]`, with and without `-t`: run queue, memory and CPU of the machine. Source: `vmstat(8)` of procps-ng.
//! Sizes are in KiB and rates per second unless an option says otherwise; the first row is the average since boot.

use crate::evidence::SeriesKind::Gauge;
use crate::evidence::{Claims, Parsed, Scope, Unit, When};
use crate::lines::{Lines, Text, trim, words};
use crate::series::{SeriesBuilder, each_line, number};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff, time};

/// Virtual memory statistics.
pub struct Vmstat;

/// Column, signal, unit, scale, and whether the first row has the average since boot.
const COLUMNS: &[(&str, &str, Unit, f64, bool)] = &[
    ("r", "system.cpu.run_queue", Unit::Count, 1.0, false),
    ("b", "system.process.blocked", Unit::Count, 1.0, false),
    ("swpd", "system.paging.used", Unit::Bytes, 1024.0, false),
    ("free", "system.memory.free", Unit::Bytes, 1024.0, false),
    ("buff", "system.memory.buffers", Unit::Bytes, 1024.0, false),
    ("cache", "system.memory.cached", Unit::Bytes, 1024.0, false),
    ("si", "system.paging.in_per_s", Unit::Bytes, 1024.0, true),
    ("so", "system.paging.out_per_s", Unit::Bytes, 1024.0, true),
    ("bi", "system.disk.read_per_s", Unit::Bytes, 1024.0, true),
    ("bo", "system.disk.written_per_s", Unit::Bytes, 1024.0, true),
    ("in", "system.cpu.interrupts_per_s", Unit::Count, 1.0, true),
    ("cs", "system.cpu.context_switches_per_s", Unit::Count, 1.0, true),
    ("us", "system.cpu.utilization.user", Unit::Ratio, 0.01, true),
    ("sy", "system.cpu.utilization.system", Unit::Ratio, 0.01, true),
    ("id", "system.cpu.utilization.idle", Unit::Ratio, 0.01, true),
    ("wa", "system.cpu.utilization.iowait", Unit::Ratio, 0.01, true),
    ("st", "system.cpu.utilization.steal", Unit::Ratio, 0.01, true),
];

impl Format for Vmstat {
    fn id(&self) -> &'static str {
        "vmstat"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let first = lines.next().unwrap_or_default();
        let headed = is_title(first) && lines.next().is_some_and(is_header);
        if headed || is_header(first) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let claims = Claims { scope: Scope::Machine, ..Claims::default() };
        let mut builder = SeriesBuilder::default();
        let (mut names, mut zone, mut since_boot): (Vec<String>, Option<String>, bool) = (Vec::new(), None, false);
        let mut local = None;
        each_line(lines, hint, "that are not of vmstat", out, |line, (when, number_of_line)| {
            if is_title(line) {
                return true;
            }
            if is_header(line) {
                let known =
                    |name: &&[u8]| COLUMNS.iter().any(|(column, ..)| column.as_bytes() == *name) || *name == b"gu";
                let all: Vec<&[u8]> = words(line).collect();
                // vmstat repeats its headings when a screen is full: only the first row of all is since boot.
                since_boot = names.is_empty();
                names =
                    all.iter().copied().filter(known).map(|name| String::from_utf8_lossy(name).into_owned()).collect();
                zone = all.last().filter(|name| !known(name)).map(|name| String::from_utf8_lossy(name).into_owned());
                return true;
            }
            let cells: Vec<&[u8]> = words(line).collect();
            let Some((values, stamp)) = cells.split_at_checked(names.len()).filter(|_| !names.is_empty()) else {
                return false;
            };
            let values: Option<Vec<f64>> = values.iter().map(|cell| number(cell)).collect();
            let Some(values) = values else { return false };
            let own = time::instant(&stamp.join(&b' ')).filter(|_| stamp.len() == 2);
            let when = match (own, zone.as_deref()) {
                (Some(own), Some("UTC" | "GMT")) => When::Wall(own),
                (Some(_), _) => {
                    local.get_or_insert(number_of_line);
                    when
                }
                (None, _) => when,
            };
            for (name, value) in names.iter().zip(values) {
                let Some((_, signal, unit, scale, averaged)) = COLUMNS.iter().find(|(column, ..)| column == name)
                else {
                    continue;
                };
                if !(since_boot && *averaged) {
                    builder.add(&claims, &Signal::own(*signal, *unit, Gauge, *scale), value, (when, number_of_line));
                }
            }
            since_boot = false;
            true
        });
        if let Some(line) = local {
            out.note(line, "times of vmstat in a zone other than UTC are not used");
        }
        builder.finish(out);
    }
}

/// `procs -----------memory---------- ---swap-- ...`.
fn is_title(line: &[u8]) -> bool {
    let line = trim(line);
    (line.starts_with(b"procs ") || line.starts_with(b"--procs-- "))
        && memchr::memmem::find(line, b"--memory--").is_some()
}

fn is_header(line: &[u8]) -> bool {
    let mut words = words(line);
    words.next() == Some(b"r") && words.next() == Some(b"b") && words.next() == Some(b"swpd")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence, Point};

    fn points(text: &str, signal: &str) -> Vec<Point> {
        let mut out = Parsed::default();
        assert_eq!(Vmstat.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        Vmstat.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let found = out.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Series(s) if s.signal == signal => Some(s.points.clone()),
            _ => None,
        });
        found.unwrap_or_default()
    }

    #[test]
    fn rates_begin_with_the_second_row() {
        let text = "procs -----------memory---------- ---swap-- -----io---- -system-- ------cpu----- -----timestamp-----\n \
            r  b   swpd   free   buff  cache   si   so    bi    bo   in   cs us sy id wa st                 UTC\n\
            10  1      0 18419416  34844 4457608    0    0  3573  3157  502  632 56  6 37  0  0 2026-11-22 03:12:49\n \
            9  0      0 18419416  34844 4457608    0    0     0     0  835 1155 97  3  0  0  0 2026-11-22 03:12:50\n";
        let queue: Vec<_> = points(text, "system.cpu.run_queue").iter().map(|p| p.value).collect();
        assert_eq!(queue, [Amount::Value(10.0), Amount::Value(9.0)]);
        let user = points(text, "system.cpu.utilization.user");
        assert_eq!((user.len(), user[0].value, user[0].line), (1, Amount::Value(0.97), 4));
        assert!(matches!(user[0].when, When::Wall(_)));
    }
}
