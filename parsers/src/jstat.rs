//! `jstat -gc`, `-gcutil`, `-gccause`, `-gcnew`, `-gcold` and the like, of any JDK: tables that are read by their header
//! line, which may come again (`-h`) and may begin with `Timestamp` (`-t`). Source: `jstat_options` of `jdk.jcmd`.

use crate::evidence::{Parsed, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, float, words};
use crate::series::{Odd, SeriesBuilder, claims_of};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};
use std::borrow::Cow;

/// jstat's tables.
pub struct Jstat;

impl Format for Jstat {
    fn id(&self) -> &'static str {
        "jstat"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !line.trim_ascii().is_empty());
        if first.is_some_and(is_header) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let claims = claims_of(hint);
        let (mut builder, mut odd) = (SeriesBuilder::default(), Odd::default());
        let heading = Text::new(hint.heading, 1).lines().next().filter(|line| hint.continues && is_header(line));
        let mut header: Vec<&[u8]> = heading.map_or_else(Vec::new, |line| words(line).collect());
        while let Some(line) = lines.peek() {
            let at = (lines.time().map_or(hint.when, When::Wall), lines.number());
            lines.advance();
            if is_header(line) {
                header = words(line).collect();
            } else if !line.trim_ascii().is_empty() && row(line, &header, at, &claims, &mut builder).is_none() {
                odd.line(at.1);
            }
        }
        odd.note("that are not rows of jstat", out);
        builder.finish(out);
    }
}

/// Columns that only a table of jstat has; one of them is in every one that this reads.
fn is_header(line: &[u8]) -> bool {
    const MARKS: &[&[u8]] = &[b"YGC", b"FGC", b"GCT", b"CCSU", b"CCSC", b"S0C", b"NGCMN"];
    let names = || words(line);
    names().filter(|name| MARKS.contains(name)).count() >= 2
        && names().all(|name| name.iter().all(|byte| byte.is_ascii_alphanumeric()) && name[0].is_ascii_uppercase())
}

/// Adds what a row tells; none where it is no row of this header.
fn row(
    line: &[u8],
    header: &[&[u8]],
    (when, number): (When, LineNo),
    claims: &crate::evidence::Claims,
    builder: &mut SeriesBuilder<'_>,
) -> Option<()> {
    // The causes of collections are words of their own, and stand last.
    let values = || header.iter().zip(words(line)).take_while(|(name, _)| !matches!(**name, b"LGCC" | b"GCC"));
    let printed =
        |text: &[u8]| -> Option<Option<f64>> { if text == b"-" { Some(None) } else { decimal_of(text).map(Some) } };
    let known = header.iter().filter(|name| !matches!(**name, b"LGCC" | b"GCC")).count();
    if known == 0 || values().count() < known || values().any(|(_, text)| printed(text).is_none()) {
        return None;
    }
    let uptime = values().find(|(name, _)| **name == b"Timestamp").and_then(|(_, text)| decimal_of(text));
    let at = (uptime.map_or(when, When::Uptime), number);
    for (name, text) in values() {
        if let (Some((signal, label)), Some(Some(value))) = (signal_of(name), printed(text)) {
            builder.add_labelled(claims, &signal, vec![label], value, at);
        }
    }
    Some(())
}

/// `47.00`, and `47,00` where the locale has it so.
fn decimal_of(text: &[u8]) -> Option<f64> {
    if !text.contains(&b',') {
        return float(text).filter(|value| value.is_finite());
    }
    let text: Vec<u8> = text.iter().map(|byte| if *byte == b',' { b'.' } else { *byte }).collect();
    float(&text).filter(|value| value.is_finite())
}

/// What a column is: `U` used and `C` committed of a pool in KiB, a bare name its use in percent, counts and times of
/// collections.
fn signal_of(column: &[u8]) -> Option<(Signal, (String, String))> {
    const POOL: &str = "jvm.memory.pool.name";
    const COLLECTOR: &str = "jvm.gc.name";
    let signal = |name, unit, kind, scale| Signal {
        name: Cow::Borrowed(name),
        unit,
        kind,
        scale,
        label: None,
        zero_is_unlimited: false,
    };
    let labelled = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let pool = |name: &[u8]| match name {
        b"S0" => Some("survivor 0"),
        b"S1" => Some("survivor 1"),
        b"E" => Some("eden"),
        b"O" => Some("old generation"),
        b"P" => Some("permanent generation"),
        b"M" => Some("Metaspace"),
        b"CCS" => Some("class space"),
        _ => None,
    };
    let collector = |name: &[u8]| match name {
        b"YGC" => Some("young"),
        b"FGC" => Some("full"),
        b"CGC" => Some("concurrent"),
        _ => None,
    };
    if let Some(name) = pool(column) {
        return Some((signal("jvm.memory.utilization", Unit::Ratio, SeriesKind::Gauge, 0.01), labelled(POOL, name)));
    }
    if let Some(name) = collector(column) {
        return Some((signal("jvm.gc.count", Unit::Count, SeriesKind::Counter, 1.0), labelled(COLLECTOR, name)));
    }
    if column == b"GCT" {
        return Some((signal("jvm.gc.time", Unit::Seconds, SeriesKind::Counter, 1.0), labelled(COLLECTOR, "all")));
    }
    match column.split_last()? {
        (b'U', name) => pool(name)
            .map(|name| (signal("jvm.memory.used", Unit::Bytes, SeriesKind::Gauge, 1024.0), labelled(POOL, name))),
        (b'C', name) => pool(name)
            .map(|name| (signal("jvm.memory.committed", Unit::Bytes, SeriesKind::Gauge, 1024.0), labelled(POOL, name))),
        (b'T', name) => collector(name)
            .map(|name| (signal("jvm.gc.time", Unit::Seconds, SeriesKind::Counter, 1.0), labelled(COLLECTOR, name))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    fn read(text: &str) -> (Vec<(String, String, When, Amount)>, Parsed) {
        let mut out = Parsed::default();
        Jstat.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let all = out.evidence.iter().filter_map(|evidence| match evidence {
            Evidence::Series(series) => Some(
                series
                    .points
                    .iter()
                    .map(move |point| (series.signal.clone(), series.labels[0].1.clone(), point.when, point.value)),
            ),
            _ => None,
        });
        (all.flatten().collect(), out)
    }

    const UTIL: &str = "Timestamp         S0     S1     E      O      M     CCS    YGC     YGCT     FGC    FGCT     CGC    CGCT       GCT   \n\
        \x20           4.4   0.00 100.00  55.00   2.02  61.76  14.09      2     0.005     0     0.000     0     0.000     0.005\n";

    #[test]
    fn shares_counts_and_times() {
        let (values, out) = read(UTIL);
        let value = |signal: &str, label: &str| {
            values.iter().find(|value| value.0 == signal && value.1 == label).map(|value| (value.2, value.3))
        };
        let at = When::Uptime(4.4);
        assert_eq!(value("jvm.memory.utilization", "eden"), Some((at, Amount::Value(0.55))));
        assert_eq!(value("jvm.gc.count", "young"), Some((at, Amount::Value(2.0))));
        assert_eq!(value("jvm.gc.time", "all"), Some((at, Amount::Value(0.005))));
        assert_eq!((values.len(), out.notes.len()), (13, 0));
    }

    #[test]
    fn sizes_are_bytes_and_what_a_collector_lacks_is_left_out() {
        let (values, out) = read(
            "    S0C         OC           OU          MC         MU     YGC     YGCT\n\
             \x20          -      65536.0      16384,0      640.0      433.7      -         -\n",
        );
        let sizes: Vec<_> = values.iter().map(|value| (value.0.as_str(), value.1.as_str(), value.3)).collect();
        assert_eq!(sizes[0], ("jvm.memory.committed", "old generation", Amount::Value(67_108_864.0)));
        assert_eq!(sizes[1], ("jvm.memory.used", "old generation", Amount::Value(16_777_216.0)));
        assert_eq!((sizes.len(), out.notes.len()), (4, 0));
    }

    #[test]
    fn causes_are_words_and_headers_come_again() {
        let (values, out) = read(
            "  O      YGC    GCT    LGCC                 GCC                 \n\
             \x20 37.50     12     0.000 Proactive            No GC               \n\
             \x20 O      YGC    GCT    LGCC                 GCC                 \n\
             \x20 38.50     13     0.001 Allocation Failure   No GC               \nsomething else\n",
        );
        assert_eq!(values.iter().filter(|value| value.0 == "jvm.memory.utilization").count(), 2);
        assert_eq!(out.notes.len(), 2, "{:?}", out.notes);
    }

    #[test]
    fn other_tables_are_none() {
        for text in
            ["PID USER TIME COMMAND\n", "num #instances #bytes\n", "timestamp,YGC,FGC\n", "YGC and FGC are columns\n"]
        {
            assert_eq!(Jstat.sniff(text.as_bytes(), &Hint::default()), Sniff::No, "{text}");
        }
        assert_eq!(Jstat.sniff(UTIL.as_bytes(), &Hint::default()), Sniff::Yes);
    }
}
