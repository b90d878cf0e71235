//! `pmap -x PID`: the mappings of a process. Source: `pmap(1)` of procps-ng.

use crate::columns::Columns;
use crate::evidence::SeriesKind::Gauge;
use crate::evidence::{Amount, Claims, Parsed, Point, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, hexadecimal, split_once, trim, words};
use crate::ps::program;
use crate::series::{SeriesBuilder, claims_of, each_line};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;

/// Mappings by size.
pub struct Pmap;

const MAPPING: &[&str] = &["Mapping"];

/// So many mappings are listed by name, the largest first.
const MOST_MAPPINGS: usize = 20;

impl Format for Pmap {
    fn id(&self) -> &'static str {
        "pmap"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let titled = lines.next().is_some_and(|line| title(line).is_some());
        if titled && lines.next().is_some_and(is_header) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut builder = SeriesBuilder::default();
        let mut map = Map { claims: claims_of(hint), ..Map::default() };
        let mut header = Vec::new();
        each_line(lines, hint, "that are not a mapping", out, |line, at| {
            if let Some((pid, command)) = title(line) {
                std::mem::take(&mut map).finish(&mut builder);
                let comm = Some(program(&command)).filter(|name| !name.is_empty());
                map.claims = Claims { pid: Some(pid), comm, ..Claims::default() };
                map.at = Some(at);
                return true;
            }
            if is_header(line) {
                header = line.to_vec();
                return true;
            }
            let is_sum = line.starts_with(b"----") || line.starts_with(b"total");
            is_sum || map.take(&header, line, at).is_some()
        });
        map.finish(&mut builder);
        builder.finish(out);
    }
}

/// `22756:   java -Xmx256m -cp . Srv`.
fn title(line: &[u8]) -> Option<(u64, String)> {
    let (pid, command) = split_once(line, b":")?;
    Some((decimal(pid)?, String::from_utf8_lossy(trim(command)).into_owned()))
}

fn is_header(line: &[u8]) -> bool {
    let mut words = words(line);
    words.next() == Some(b"Address") && words.next() == Some(b"Kbytes") && words.next() == Some(b"RSS")
}

/// The mappings of one capture.
#[derive(Default)]
struct Map {
    claims: Claims,
    at: Option<(When, LineNo)>,
    kib: f64,
    resident_kib: f64,
    dirty_kib: f64,
    count: f64,
    by_name: BTreeMap<String, (f64, LineNo)>,
    /// Private writable mappings of one size without a file: stacks of threads are such.
    by_size: BTreeMap<u64, (f64, LineNo)>,
}

impl Map {
    fn take(&mut self, header: &[u8], line: &[u8], at: (When, LineNo)) -> Option<()> {
        let columns = Columns::of(header, MAPPING);
        let row = columns.row(line)?;
        let cell = |name: &str| row.cell(columns.position(&[name]));
        hexadecimal(cell("Address")?)?;
        let kib = cell("Kbytes").and_then(decimal)?;
        let value = |name: &str| cell(name).and_then(decimal).unwrap_or(0) as f64;
        let name = String::from_utf8_lossy(cell("Mapping")?).trim().chars().take(200).collect::<String>();
        self.at.get_or_insert(at);
        self.kib += kib as f64;
        self.resident_kib += value("RSS");
        self.dirty_kib += value("Dirty");
        self.count += 1.0;
        if name == "[ anon ]" && cell("Mode").is_some_and(|mode| mode.starts_with(b"rw-")) {
            self.by_size.entry(kib).or_insert((0.0, at.1)).0 += 1.0;
        }
        self.by_name.entry(name).or_insert((0.0, at.1)).0 += value("RSS");
        Some(())
    }

    fn finish(self, builder: &mut SeriesBuilder<'_>) {
        let Some(at) = self.at.filter(|_| self.count > 0.0) else { return };
        let size = |name: &'static str| Signal::own(name, Unit::Bytes, Gauge, 1024.0);
        let count = |name: &'static str| Signal::own(name, Unit::Count, Gauge, 1.0);
        for (signal, value) in [
            (size("process.memory.virtual"), self.kib),
            (size("process.memory.pmap.rss"), self.resident_kib),
            (size("process.memory.pmap.dirty"), self.dirty_kib),
            (count("process.memory.mapping.count"), self.count),
        ] {
            builder.add(&self.claims, &signal, value, at);
        }
        let mut ranked: Vec<_> = self.by_name.into_iter().filter(|(_, (kib, _))| *kib > 0.0).collect();
        ranked.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        for (name, (kib, line)) in ranked.into_iter().take(MOST_MAPPINGS) {
            let labels = vec![("mapping".to_owned(), name)];
            let series = builder.open(&self.claims, &size("process.memory.by_mapping"), labels);
            builder.push(series, Point { when: at.0, value: Amount::Value(kib * 1024.0), line });
        }
        // The sizes that recur most: thread stacks (8192 KiB), arenas, buffers.
        let mut sizes: Vec<_> = self.by_size.into_iter().filter(|(_, (count, _))| *count >= 4.0).collect();
        sizes.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then(a.0.cmp(&b.0)));
        for (kib, (number, line)) in sizes.into_iter().take(3) {
            let labels = vec![("size".to_owned(), format!("{kib} KiB"))];
            builder.add_labelled(
                &self.claims,
                &count("process.memory.anonymous.by_size"),
                labels,
                number,
                (at.0, line),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;

    #[test]
    fn mappings_are_summed_by_name_and_size() {
        let stack = "00007fac2c021000    8192      16      16 rw---   [ anon ]\n";
        let text = format!(
            "3474:   /usr/local/srv/bin/audioxd -x\nAddress           Kbytes     RSS   Dirty Mode  Mapping\n\
             0000000000400000       8       8       0 r---- audioxd\n{stack}{stack}{stack}{stack}\
             ---------------- ------- ------- ------- \ntotal kB           32776      72      64\n"
        );
        let mut out = Parsed::default();
        assert_eq!(Pmap.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        Pmap.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        let found: Vec<_> = out
            .evidence
            .iter()
            .map(|evidence| match evidence {
                Evidence::Series(s) => {
                    assert_eq!((s.claims.pid, s.claims.comm.as_deref()), (Some(3474), Some("audioxd")));
                    (s.signal.as_str(), s.labels.first().map(|label| label.1.as_str()), s.points[0].value)
                }
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found[0], ("process.memory.virtual", None, Amount::Value(32_776.0 * 1024.0)));
        assert_eq!(found[3], ("process.memory.mapping.count", None, Amount::Value(5.0)));
        assert_eq!(found[4], ("process.memory.by_mapping", Some("[ anon ]"), Amount::Value(65_536.0)));
        assert_eq!(found[6], ("process.memory.anonymous.by_size", Some("8192 KiB"), Amount::Value(4.0)));
    }
}
