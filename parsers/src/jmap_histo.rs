//! Class histograms (`jmap -histo`, `jcmd GC.class_histogram`) and classes that wait to be finalized
//! (`jcmd GC.finalizer_info`). Source: `src/hotspot/share/memory/heapInspection.cpp`,
//! `jdk/src/java.base/java/lang/ref/Finalizer.java`. Sizes are shallow: bytes of the objects themselves.

use crate::evidence::{Claims, Parsed, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, rsplit_once, words};
use crate::series::{Odd, SeriesBuilder, claims_of};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};
use std::borrow::Cow;

/// Class histograms.
pub struct JmapHisto;

/// At most this many classes of a histogram are kept: the largest. The totals hold the rest.
const LARGEST: u64 = 100;
const FINALIZER: &[u8] = b"Unreachable instances waiting for finalization";

impl Format for JmapHisto {
    fn id(&self) -> &'static str {
        "jmap-histo"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let is_head = |line: &[u8]| is_histogram(line) || line == FINALIZER;
        if Text::new(head, 1).lines().take(4).any(is_head) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut claims = claims_of(hint);
        let (mut builder, mut odd) = (SeriesBuilder::default(), Odd::default());
        let (mut left_out, mut left_out_at) = (0u64, 0);
        // A class that several loaders have loaded stands there several times.
        let mut table = Histogram::default();
        while let Some(line) = lines.peek() {
            let at = (lines.time().map_or(hint.when, When::Wall), lines.number());
            lines.advance();
            if let Some(pid) = jcmd_pid(line) {
                claims.pid = Some(pid);
            } else if let Some(row) = row(line) {
                if row.rank > LARGEST {
                    left_out_at = if left_out == 0 { at.1 } else { left_out_at };
                    left_out += 1;
                    continue;
                }
                if row.rank == 1 {
                    std::mem::take(&mut table).finish(&claims, &mut builder);
                }
                table.add(&row, at);
            } else if !(total(line, &claims, at, &mut builder) || is_frame(line)) {
                match waiting(line) {
                    Some((count, class)) => {
                        let class = vec![("class".to_owned(), String::from_utf8_lossy(class).into_owned())];
                        builder.add_labelled(&claims, &signal("jvm.finalizer.pending", Unit::Count), class, count, at);
                    }
                    None => odd.line(at.1),
                }
            }
        }
        table.finish(&claims, &mut builder);
        if left_out > 0 {
            out.note(left_out_at, format!("the {LARGEST} largest classes are kept, {left_out} smaller ones left out"));
        }
        odd.note("that are not of a class histogram", out);
        builder.finish(out);
    }
}

/// The classes of one histogram, by name: instances, bytes, and where the largest stands.
#[derive(Default)]
struct Histogram<'a> {
    order: Vec<&'a [u8]>,
    sums: rustc_hash::FxHashMap<&'a [u8], Sum>,
}

struct Sum {
    instances: f64,
    bytes: f64,
    at: (When, LineNo),
}

impl<'a> Histogram<'a> {
    fn add(&mut self, row: &Row<'a>, at: (When, LineNo)) {
        let order = &mut self.order;
        let sum = self.sums.entry(row.class).or_insert_with(|| {
            order.push(row.class);
            Sum { instances: 0.0, bytes: 0.0, at }
        });
        sum.instances += row.instances;
        sum.bytes += row.bytes;
    }

    fn finish(self, claims: &Claims, builder: &mut SeriesBuilder<'_>) {
        for name in self.order {
            let Sum { instances, bytes, at } = self.sums[name];
            let class = vec![("class".to_owned(), String::from_utf8_lossy(name).into_owned())];
            builder.add_labelled(claims, &signal("jvm.class.bytes", Unit::Bytes), class.clone(), bytes, at);
            builder.add_labelled(claims, &signal("jvm.class.instances", Unit::Count), class, instances, at);
        }
    }
}

/// A level.
pub(crate) fn signal(name: &'static str, unit: Unit) -> Signal {
    Signal {
        name: Cow::Borrowed(name),
        unit,
        kind: SeriesKind::Gauge,
        scale: 1.0,
        label: None,
        zero_is_unlimited: false,
    }
}

/// `1404:`: jcmd prints the process first.
pub(crate) fn jcmd_pid(line: &[u8]) -> Option<u64> {
    line.strip_suffix(b":").and_then(decimal)
}

/// ` num     #instances         #bytes  class name (module)`.
fn is_histogram(line: &[u8]) -> bool {
    let mut head = words(line);
    head.next() == Some(b"num") && head.next() == Some(b"#instances") && head.next() == Some(b"#bytes")
}

/// Heads and rules.
fn is_frame(line: &[u8]) -> bool {
    let text = line.trim_ascii();
    is_histogram(line)
        || text == FINALIZER
        || text == b"No instances waiting for finalization found"
        || text.starts_with(b"#instances ")
        || text.iter().all(|byte| *byte == b'-')
}

struct Row<'a> {
    rank: u64,
    instances: f64,
    bytes: f64,
    class: &'a [u8],
}

/// `   3:         22517         900680  java.lang.ref.Finalizer (java.base@17.0.15)`.
fn row(line: &[u8]) -> Option<Row<'_>> {
    let mut parts = words(line);
    let rank = parts.next()?.strip_suffix(b":").and_then(decimal)?;
    let (instances, bytes) = (parts.next().and_then(decimal)? as f64, parts.next().and_then(decimal)? as f64);
    let class = parts.next()?;
    // What follows is the module.
    parts.all(|part| part.starts_with(b"(") && part.ends_with(b")")).then_some(Row { rank, instances, bytes, class })
}

/// `Total        116373       11228816`; false when the line is none.
fn total(line: &[u8], claims: &Claims, at: (When, LineNo), builder: &mut SeriesBuilder<'_>) -> bool {
    let Some((first, bytes)) = line.strip_prefix(b"Total ").and_then(|rest| rsplit_once(rest.trim_ascii(), b" "))
    else {
        return false;
    };
    let (Some(instances), Some(bytes)) = (decimal(first.trim_ascii()), decimal(bytes)) else { return false };
    builder.add(claims, &signal("jvm.class.total_instances", Unit::Count), instances as f64, at);
    builder.add(claims, &signal("jvm.class.total_bytes", Unit::Bytes), bytes as f64, at);
    true
}

/// `     18833  com.acme.store.RemoteHandle`.
fn waiting(line: &[u8]) -> Option<(f64, &[u8])> {
    let mut parts = words(line);
    let (count, class) = (parts.next().and_then(decimal)?, parts.next()?);
    parts.next().is_none().then_some((count as f64, class))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence, Series};

    fn parse(text: &str) -> Parsed {
        let mut out = Parsed::default();
        JmapHisto.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        out
    }

    fn value(out: &Parsed, signal: &str, class: &str) -> Option<Amount> {
        let of = |series: &&Series| series.signal == signal && series.labels.iter().all(|(_, value)| value == class);
        let all = out.evidence.iter().filter_map(|e| if let Evidence::Series(s) = e { Some(s) } else { None });
        all.filter(of).map(|series| series.points[0].value).next()
    }

    const HISTOGRAM: &str = "29822:\n num     #instances         #bytes  class name (module)\n\
        -------------------------------------------------------\n   1:         30026       92935120  [B (java.base@17.0.15)\n   \
        4:         22517         540408  com.acme.store.RemoteHandle\n 101:             6            240  java.util.EnumMap (java.base@17.0.15)\n\
        Total        116373       11228816\n";

    #[test]
    fn the_largest_classes_are_series() {
        let out = parse(HISTOGRAM);
        assert_eq!(value(&out, "jvm.class.bytes", "[B"), Some(Amount::Value(92_935_120.0)));
        let handle = "com.acme.store.RemoteHandle";
        assert_eq!(value(&out, "jvm.class.instances", handle), Some(Amount::Value(22_517.0)));
        assert_eq!(value(&out, "jvm.class.bytes", "java.util.EnumMap"), None);
        assert_eq!(value(&out, "jvm.class.total_bytes", ""), Some(Amount::Value(11_228_816.0)));
        assert_eq!((out.evidence[0].claims().pid, out.notes.len()), (Some(29822), 1));
    }

    #[test]
    fn a_class_of_several_loaders_is_one() {
        let text = " num     #instances         #bytes  class name (module)\n-----\n   1:            40            960  com.acme.Plugin\n   \
            2:             3             72  com.acme.Plugin\nTotal 43 1032\n";
        assert_eq!(value(&parse(text), "jvm.class.instances", "com.acme.Plugin"), Some(Amount::Value(43.0)));
    }

    #[test]
    fn classes_that_wait_for_the_finalizer() {
        let text = "29822:\nUnreachable instances waiting for finalization\n#instances  class name\n-----------------------\n     \
            18833  com.acme.store.RemoteHandle\n";
        assert_eq!(JmapHisto.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        let out = parse(text);
        let handle = "com.acme.store.RemoteHandle";
        assert_eq!(value(&out, "jvm.finalizer.pending", handle), Some(Amount::Value(18_833.0)));
        assert!(out.notes.is_empty());
    }
}
