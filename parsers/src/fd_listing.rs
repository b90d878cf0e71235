//! `ls -l /proc/PID/fd`: the open descriptors of a process by what they lead to. Source: `proc_pid_fd(5)` and the
//! long format of `ls`.

use crate::evidence::{Amount, Claims, Parsed, Point, SeriesKind, Unit, When};
use crate::lines::{Lines, Text, decimal, split_once, words};
use crate::{Format, Hint, Shape, Sniff};
use std::collections::BTreeMap;

/// Listings of `/proc/PID/fd`.
pub struct FdListing;

/// A sort of target that is listed by name when so many descriptors lead to it.
const MOST_TARGETS: usize = 20;

impl Format for FdListing {
    fn id(&self) -> &'static str {
        "fd-listing"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let (mut entries, mut others) = (0, 0);
        for line in Text::new(head, 1).lines().take(50).filter(|line| !line.is_empty() && !line.starts_with(b"total "))
        {
            if entry(line).is_some() { entries += 1 } else { others += 1 }
        }
        if entries >= 3 && others <= 1 { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let first = lines.number();
        let when = lines.time().map_or(hint.when, When::Wall);
        let claims = Claims { pid: pid_of(hint), ..Claims::default() };
        let (mut count, mut odd) = (0_u64, 0_u64);
        let mut targets: BTreeMap<String, (u64, u32)> = BTreeMap::new();
        while let Some(line) = lines.peek() {
            match entry(line) {
                Some(target) => {
                    count += 1;
                    targets.entry(class(target)).or_insert((0, lines.number())).0 += 1;
                }
                None if line.is_empty() || line.starts_with(b"total ") => {}
                None => odd += 1,
            }
            lines.advance();
        }
        if odd > 0 {
            out.note(first, format!("{odd} lines of a descriptor listing are not entries"));
        }
        let point = |value: u64, line| Point { when, value: Amount::Value(value as f64), line };
        out.point(&claims, "process.open_file_descriptor.count", Unit::Count, SeriesKind::Gauge, point(count, first));
        let mut ranked: Vec<_> = targets.into_iter().collect();
        ranked.sort_by(|a, b| b.1.0.cmp(&a.1.0).then_with(|| a.0.cmp(&b.0)));
        for (target, (number, line)) in ranked.into_iter().take(MOST_TARGETS) {
            let labels = [("target".to_owned(), target)];
            let signal = "process.open_file_descriptor.by_target";
            out.labelled_point(&claims, signal, &labels, Unit::Count, SeriesKind::Gauge, point(number, line));
        }
        out.records += count;
    }
}

/// The target of `lrwx------ 1 root root 64 Nov 21 22:50 5 -> socket:[462049]`.
fn entry(line: &[u8]) -> Option<&[u8]> {
    let (left, target) = split_once(line, b" -> ")?;
    let mut parts = words(left);
    let mode = parts.next()?;
    let descriptor = parts.last()?;
    decimal(descriptor)?;
    (mode.len() >= 10 && mode[0] == b'l').then_some(target)
}

/// Targets that differ by a number alone are one sort: `socket:[462049]` is `socket`.
fn class(target: &[u8]) -> String {
    let text = String::from_utf8_lossy(target);
    match text.split_once(":[") {
        Some(("anon_inode", name)) => format!("anon_inode:{}", name.trim_end_matches(']')),
        Some((kind @ ("socket" | "pipe"), _)) => kind.to_owned(),
        _ => text.chars().take(200).collect(),
    }
}

/// The process of `/proc/3476/fd`, from the section's path or command.
fn pid_of(hint: &Hint<'_>) -> Option<u64> {
    [hint.name, hint.command].iter().find_map(|text| {
        let (_, rest) = text.split_once("/proc/")?;
        decimal(rest.split('/').next()?.as_bytes())
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::Evidence;

    const LISTING: &[u8] = b"total 0\nlrwx------ 1 root root 64 Nov 21 22:50 0 -> /dev/null\n\
        lrwx------ 1 root root 64 Nov 21 22:50 10 -> socket:[462049]\nlr-x------ 1 root root 64 Nov 21 22:50 5 -> anon_inode:[eventpoll]\n\
        lrwx------ 1 root root 64 Nov 21 22:50 6 -> socket:[462050]\n";

    #[test]
    fn descriptors_are_counted_by_target() {
        assert_eq!(FdListing.sniff(LISTING, &Hint::default()), Sniff::Yes);
        assert_eq!(
            FdListing.sniff(b"total 0\n-rw-r--r-- 1 root root 64 Nov 21 22:50 a\n", &Hint::default()),
            Sniff::No
        );
        let mut out = Parsed::default();
        let hint = Hint { name: "/proc/77/fd", ..Hint::default() };
        FdListing.parse(&mut Text::new(LISTING, 1).lines(), &hint, &mut out);
        let found: Vec<_> = out
            .evidence
            .iter()
            .filter_map(|evidence| match evidence {
                Evidence::Series(s) => Some((s.labels.first().map(|l| l.1.as_str()), s.points[0].value, s.claims.pid)),
                _ => None,
            })
            .collect();
        assert_eq!(found[0], (None, Amount::Value(4.0), Some(77)));
        assert_eq!(found[1], (Some("socket"), Amount::Value(2.0), Some(77)));
        assert_eq!(out.records, 4);
    }
}
