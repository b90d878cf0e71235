//! Native memory tracking of HotSpot: `jcmd PID VM.native_memory summary` and `summary.diff`, at any scale. Source:
//! `src/hotspot/share/nmt/memReporter.cpp`.

use crate::evidence::{Claims, Parsed, Unit, When};
use crate::jmap_histo::{jcmd_pid, signal};
use crate::lines::{LineNo, Lines, Text, decimal, split_once};
use crate::series::{SeriesBuilder, claims_of};
use crate::{Format, Hint, Shape, Sniff};

/// Native memory tracking.
pub struct JvmNmt;

const HEAD: &[u8] = b"Native Memory Tracking:";

impl Format for JvmNmt {
    fn id(&self) -> &'static str {
        "jvm-nmt"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        if Text::new(head, 1).lines().take(4).any(|line| line == HEAD) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut claims = claims_of(hint);
        let mut builder = SeriesBuilder::default();
        let first = lines.number();
        while let Some(line) = lines.peek() {
            let at = (lines.time().map_or(hint.when, When::Wall), lines.number());
            lines.advance();
            if let Some(pid) = jcmd_pid(line) {
                claims.pid = Some(pid);
            } else {
                // Everything else breaks a category down: malloc and mmap, metadata, peaks.
                read(line, &claims, at, &mut builder);
            }
        }
        let records = out.records;
        builder.finish(out);
        if out.records == records && !hint.continues {
            out.note(first, "native memory tracking without a single category: it may be switched off");
        }
    }
}

fn read(line: &[u8], claims: &Claims, at: (When, LineNo), builder: &mut SeriesBuilder<'_>) {
    if let Some(amounts) = line.strip_prefix(b"Total: ") {
        for (key, name, change) in [
            (&b"reserved="[..], "jvm.nmt.total_reserved", "jvm.nmt.total_reserved_change"),
            (b"committed=", "jvm.nmt.total_committed", "jvm.nmt.total_committed_change"),
        ] {
            let Some((value, grown)) = amount(amounts, key) else { continue };
            builder.add(claims, &signal(name, Unit::Bytes), value, at);
            if let Some(grown) = grown {
                builder.add(claims, &signal(change, Unit::Bytes), grown, at);
            }
        }
    } else if let Some((name, amounts)) = category(line) {
        let label = || vec![("category".to_owned(), String::from_utf8_lossy(name).into_owned())];
        for (key, name, change) in [
            (&b"reserved="[..], "jvm.nmt.reserved", "jvm.nmt.reserved_change"),
            (b"committed=", "jvm.nmt.committed", "jvm.nmt.committed_change"),
        ] {
            let Some((value, grown)) = amount(amounts, key) else { continue };
            builder.add_labelled(claims, &signal(name, Unit::Bytes), label(), value, at);
            if let Some(grown) = grown {
                builder.add_labelled(claims, &signal(change, Unit::Bytes), label(), grown, at);
            }
        }
    } else if let Some(count) = counted(line, b"(thread #") {
        builder.add(claims, &signal("jvm.thread.count", Unit::Count), count, at);
    } else if let Some(count) = counted(line, b"(classes #") {
        builder.add(claims, &signal("jvm.class.count", Unit::Count), count, at);
    }
}

/// `-                 Java Heap (reserved=262144KB, committed=262144KB)`: name and amounts.
fn category(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let (name, amounts) = split_once(line.strip_prefix(b"-")?, b" (")?;
    amounts.starts_with(b"reserved=").then_some((name.trim_ascii(), amounts.strip_suffix(b")").unwrap_or(amounts)))
}

/// The value of `committed=304KB +1KB` and, in a difference, by how much it grew; in bytes.
fn amount(amounts: &[u8], key: &[u8]) -> Option<(f64, Option<f64>)> {
    let (_, rest) = split_once(amounts, key)?;
    let mut parts = rest.split(|byte| *byte == b',').next()?.split(|byte| *byte == b' ');
    let value = bytes(parts.next()?)?;
    let grown = parts.next().and_then(|part| match part.split_first()? {
        (b'+', digits) => bytes(digits),
        (b'-', digits) => bytes(digits).map(|value| -value),
        _ => None,
    });
    Some((value, grown))
}

/// `187619KB`, `183MB`, `412`.
fn bytes(text: &[u8]) -> Option<f64> {
    let (digits, unit) = match (text.strip_suffix(b"KB"), text.strip_suffix(b"MB"), text.strip_suffix(b"GB")) {
        (Some(digits), _, _) => (digits, 1024.0),
        (_, Some(digits), _) => (digits, 1_048_576.0),
        (_, _, Some(digits)) => (digits, 1_073_741_824.0),
        _ => (text.strip_suffix(b"B").unwrap_or(text), 1.0),
    };
    decimal(digits).map(|value| value as f64 * unit)
}

/// `                            (thread #61)`, `(thread #61 +2)`.
fn counted(line: &[u8], what: &[u8]) -> Option<f64> {
    let rest = line.trim_ascii().strip_prefix(what)?;
    rest.split(|byte| matches!(byte, b' ' | b')')).next().and_then(decimal).map(|count| count as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    fn values(text: &str) -> Vec<(String, String, f64)> {
        let mut out = Parsed::default();
        JvmNmt.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let series = out.evidence.iter().map(|evidence| match evidence {
            Evidence::Series(series) => {
                let label = series.labels.first().map_or(String::new(), |(_, value)| value.clone());
                let Amount::Value(value) = series.points[0].value else { panic!() };
                (series.signal.clone(), label, value / 1024.0)
            }
            other => panic!("{other:?}"),
        });
        series.collect()
    }

    fn row(signal: &str, category: &str, kib: f64) -> (String, String, f64) {
        (signal.to_owned(), category.to_owned(), kib)
    }

    #[test]
    fn a_summary() {
        let text = "9675:\n\nNative Memory Tracking:\n\nTotal: reserved=1602011KB, committed=187619KB\n       malloc: 27471KB #7488\n\n\
            -                     Other (reserved=20480KB, committed=20480KB)\n                            (malloc=20480KB #20)\n";
        assert_eq!(JvmNmt.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        assert_eq!(
            values(text),
            [
                row("jvm.nmt.total_reserved", "", 1_602_011.0),
                row("jvm.nmt.total_committed", "", 187_619.0),
                row("jvm.nmt.reserved", "Other", 20_480.0),
                row("jvm.nmt.committed", "Other", 20_480.0),
            ]
        );
    }

    #[test]
    fn a_difference() {
        let text = "Native Memory Tracking:\n\nTotal: reserved=2139298KB +358581KB, committed=753062KB -649KB\n\
            -                    Thread (reserved=30803KB, committed=2055KB +4KB)\n                            (thread #30 +2)\n";
        assert_eq!(
            values(text),
            [
                row("jvm.nmt.total_reserved", "", 2_139_298.0),
                row("jvm.nmt.total_reserved_change", "", 358_581.0),
                row("jvm.nmt.total_committed", "", 753_062.0),
                row("jvm.nmt.total_committed_change", "", -649.0),
                row("jvm.nmt.reserved", "Thread", 30_803.0),
                row("jvm.nmt.committed", "Thread", 2_055.0),
                row("jvm.nmt.committed_change", "Thread", 4.0),
                row("jvm.thread.count", "", 30.0 / 1024.0),
            ]
        );
    }

    #[test]
    fn other_scales_are_bytes_too() {
        assert_eq!(amount(b"reserved=412, committed=183MB", b"committed="), Some((191_889_408.0, None)));
        assert_eq!(amount(b"reserved=412, committed=183MB", b"reserved="), Some((412.0, None)));
    }
}
