//! `/proc/PID/numa_maps`: on which node the pages of a process lie. Source: `numa(7)`, `fs/proc/task_mmu.c`.

use crate::evidence::{Parsed, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, hexadecimal, split_once, trim, words};
use crate::series::{SeriesBuilder, claims_of, each_line};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;

/// Pages by node.
pub struct NumaMaps;

impl Format for NumaMaps {
    fn id(&self) -> &'static str {
        "numa-maps"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty()).take(20);
        let (mut maps, mut sized) = (true, false);
        for line in lines {
            maps &= mapping(line).is_some();
            sized |= memchr::memmem::find(line, b" kernelpagesize_kB=").is_some();
        }
        if maps && sized { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        let signal = Signal::own("process.memory.numa", Unit::Bytes, SeriesKind::Gauge, 1024.0);
        let mut nodes: BTreeMap<u64, f64> = BTreeMap::new();
        let (mut at, mut last) = (None::<(When, LineNo)>, 0);
        let mut finish = |nodes: &mut BTreeMap<u64, f64>, at: Option<(When, LineNo)>| {
            for (node, kib) in std::mem::take(nodes) {
                let labels = vec![("node".to_owned(), node.to_string())];
                builder.add_labelled(&claims, &signal, labels, kib, at.unwrap_or_default());
            }
        };
        each_line(lines, hint, "that are not a mapping with its nodes", out, |line, here| {
            let Some((start, pages)) = mapping(line) else { return false };
            if start < last || at.is_none() {
                finish(&mut nodes, at);
                at = Some(here);
            }
            last = start;
            for (node, kib) in pages {
                *nodes.entry(node).or_default() += kib;
            }
            true
        });
        finish(&mut nodes, at);
        builder.finish(out);
    }
}

/// Start and, by node, KiB of `f0000000 default anon=753 dirty=753 N0=700 N1=53 kernelpagesize_kB=4`.
fn mapping(line: &[u8]) -> Option<(u64, Vec<(u64, f64)>)> {
    let mut parts = words(line);
    let (start, policy) = (parts.next()?, parts.next()?);
    let start = hexadecimal(start).filter(|_| start.len() >= 8)?;
    const POLICIES: [&[u8]; 6] = [b"default", b"prefer", b"bind", b"interleave", b"local", b"weighted"];
    if !POLICIES.iter().any(|known| policy.starts_with(known)) {
        return None;
    }
    let (mut pages, mut page_kib) = (Vec::new(), 4.0);
    for (key, value) in parts.filter_map(|part| split_once(part, b"=")) {
        if key == b"kernelpagesize_kB" {
            page_kib = decimal(value)? as f64;
        } else if let Some(node) = key.strip_prefix(b"N").and_then(decimal) {
            pages.push((node, decimal(value)? as f64));
        }
    }
    Some((start, pages.into_iter().map(|(node, count)| (node, count * page_kib)).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    #[test]
    fn pages_are_summed_by_node() {
        let text = b"f0000000 default anon=753 dirty=753 active=0 N0=753 kernelpagesize_kB=4\n\
            558308be7000 default file=/usr/bin/java mapped=3 N0=1 N1=2 kernelpagesize_kB=4\n\
            7ffd10000000 default\n";
        let (mut out, hint) = (Parsed::default(), Hint { name: "/proc/7/numa_maps", ..Hint::default() });
        assert_eq!(NumaMaps.sniff(text, &hint), Sniff::Yes);
        NumaMaps.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        let values: Vec<_> = out
            .evidence
            .iter()
            .map(|evidence| match evidence {
                Evidence::Series(s) => (s.labels[0].1.as_str(), s.points[0].value),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(values, [("0", Amount::Value(754.0 * 4096.0)), ("1", Amount::Value(8192.0))]);
    }
}
