//! `/proc/PID/smaps` and `/proc/PID/smaps_rollup`: the memory of a process by mapping. Source: `proc_pid_smaps(5)`,
//! `fs/proc/task_mmu.c`. Counted page by page, so nearer to the truth than `VmRSS`.

use crate::evidence::{Amount, Claims, Parsed, Point, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, hexadecimal, split_once, trim, words};
use crate::proc_maps::Maps;
use crate::series::{SeriesBuilder, claims_of, each_line, number};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;

/// Memory maps with sizes.
pub struct Smaps;

/// So many mappings are listed by name, the largest first.
const MOST_MAPPINGS: usize = 20;

impl Format for Smaps {
    fn id(&self) -> &'static str {
        "smaps"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let begins = lines.next().is_some_and(|line| mapping(line).is_some());
        if begins && lines.next().is_some_and(|line| size(line).is_some()) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        let mut capture = Capture::default();
        let (mut maps, mut first) = (Maps::default(), None);
        each_line(lines, hint, "that are not of a memory map", out, |line, at| {
            if let Some((start, name)) = mapping(line) {
                // Addresses rise within a capture: a lower one begins the next.
                if start < capture.start || capture.at.is_none() {
                    std::mem::take(&mut capture).finish(&claims, &mut builder);
                    capture.at = Some(at);
                }
                if name != "[rollup]" {
                    maps.add(start, &name, at.1);
                    first.get_or_insert(at);
                }
                capture.start = start;
                capture.name = name;
                return true;
            }
            match size(line) {
                Some((key, kib)) if capture.at.is_some() => {
                    capture.take(key, kib, at.1);
                    true
                }
                // VmFlags and THPeligible are no sizes.
                _ => split_once(line, b":").is_some_and(|(key, _)| key.iter().all(u8::is_ascii_alphanumeric)),
            }
        });
        capture.finish(&claims, &mut builder);
        builder.finish(out);
        if let Some(at) = first {
            maps.finish(claims, at, out);
        }
    }
}

/// Start and name of `558308be7000-558308be8000 r--p 00000000 fe:00 314800    /usr/bin/java`.
pub(crate) fn mapping(line: &[u8]) -> Option<(u64, String)> {
    let mut parts = words(line);
    let (start, end) = split_once(parts.next()?, b"-")?;
    let (start, _) = (hexadecimal(start)?, hexadecimal(end)?);
    let mode = parts.next()?;
    let (_offset, device, _inode) = (hexadecimal(parts.next()?)?, parts.next()?, parts.next()?);
    if mode.len() != 4 || !device.contains(&b':') {
        return None;
    }
    let name = parts.map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ");
    Some((start, if name.is_empty() { "[anon]".to_owned() } else { name.chars().take(200).collect() }))
}

/// `Rss:               40384 kB`.
fn size(line: &[u8]) -> Option<(&[u8], f64)> {
    let (key, value) = split_once(line, b":")?;
    let value = number(trim(trim(value).strip_suffix(b"kB")?))?;
    key.iter().all(|byte| byte.is_ascii_alphanumeric() || *byte == b'_').then_some((key, value))
}

/// What one reading of the file says.
#[derive(Default)]
struct Capture {
    at: Option<(When, LineNo)>,
    start: u64,
    name: String,
    /// Sums over the mappings in KiB, by key, and the first line of each.
    sums: BTreeMap<String, (f64, LineNo)>,
    /// Resident size of the mappings of a name, and the first line of each.
    resident: BTreeMap<String, (f64, LineNo)>,
}

/// Sizes of pages and of address space are not what is held.
const NOT_HELD: &[&[u8]] = &[b"Size", b"KernelPageSize", b"MMUPageSize"];

impl Capture {
    fn take(&mut self, key: &[u8], kib: f64, line: LineNo) {
        if NOT_HELD.contains(&key) {
            return;
        }
        let key = String::from_utf8_lossy(key).to_ascii_lowercase();
        if key == "rss" && self.name != "[rollup]" {
            self.resident.entry(self.name.clone()).or_insert((0.0, line)).0 += kib;
        }
        self.sums.entry(key).or_insert((0.0, line)).0 += kib;
    }

    fn finish(self, claims: &Claims, builder: &mut SeriesBuilder<'_>) {
        let Some((when, _)) = self.at else { return };
        let signal = |name: String| Signal::own(name, Unit::Bytes, SeriesKind::Gauge, 1024.0);
        for (key, (kib, line)) in self.sums {
            builder.add(claims, &signal(format!("process.memory.smaps.{key}")), kib, (when, line));
        }
        let mut ranked: Vec<_> = self.resident.into_iter().filter(|(_, (kib, _))| *kib > 0.0).collect();
        ranked.sort_by(|a, b| b.1.0.total_cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        for (name, (kib, line)) in ranked.into_iter().take(MOST_MAPPINGS) {
            let labels = vec![("mapping".to_owned(), name)];
            let series = builder.open(claims, &signal("process.memory.by_mapping".to_owned()), labels);
            builder.push(series, Point { when, value: Amount::Value(kib * 1024.0), line });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;

    fn parse(text: &[u8]) -> (Parsed, Vec<(String, String, f64)>) {
        let (mut out, hint) = (Parsed::default(), Hint { name: "/proc/7/smaps", ..Hint::default() });
        assert_eq!(Smaps.sniff(text, &hint), Sniff::Yes);
        Smaps.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        let all = out.evidence.iter().filter_map(|evidence| match evidence {
            Evidence::Series(s) => {
                let label = s.labels.first().map(|label| label.1.clone()).unwrap_or_default();
                let Amount::Value(value) = s.points[0].value else { panic!() };
                Some((s.signal.clone(), label, value))
            }
            _ => None,
        });
        let all = all.collect();
        (out, all)
    }

    #[test]
    fn mappings_are_summed_and_ranked() {
        let text = b"f0000000-100000000 rw-p 00000000 00:00 0 \nSize:             262144 kB\nRss:                3028 kB\n\
            THPeligible:           0\nVmFlags: rd wr mr \n\
            558308be7000-558308be8000 r--p 00000000 fe:00 314800                     /usr/bin/my app\nRss:                   4 kB\n\
            558308be8000-558308be9000 r--p 00000000 fe:00 314800                     /usr/bin/my app\nRss:                   8 kB\n";
        let (out, all) = parse(text);
        assert!(out.notes.is_empty());
        assert_eq!(all[0], ("process.memory.smaps.rss".into(), String::new(), 3040.0 * 1024.0));
        assert_eq!(all[1], ("process.memory.by_mapping".into(), "[anon]".into(), 3028.0 * 1024.0));
        assert_eq!(all[2], ("process.memory.by_mapping".into(), "/usr/bin/my app".into(), 12.0 * 1024.0));
    }

    #[test]
    fn a_rollup_has_no_mappings() {
        let text = b"f0000000-7fff7b14e000 ---p 00000000 00:00 0                              [rollup]\nRss:               40384 kB\n\
            Pss:               38270 kB\nLazyFree:              0 kB\n";
        let (_, all) = parse(text);
        let names: Vec<&str> = all.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["process.memory.smaps.lazyfree", "process.memory.smaps.pss", "process.memory.smaps.rss"]);
    }
}
