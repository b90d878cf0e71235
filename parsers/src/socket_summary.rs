//! Sums of sockets: `ss -s` and `/proc/net/sockstat`. Source: `ss(8)` (print_summary), `net/ipv4/proc.c`
//! (sockstat_seq_show); `mem` is in pages, for which 4 KiB is taken.

use crate::evidence::{Parsed, SeriesKind, Unit};
use crate::lines::{Lines, Text, split_once, trim, words};
use crate::series::{SeriesBuilder, claims_of, each_line, number};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// Sums of sockets.
pub struct SocketSummary;

impl Format for SocketSummary {
    fn id(&self) -> &'static str {
        "socket-summary"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let (first, second) = (lines.next().unwrap_or_default(), lines.next().unwrap_or_default());
        let summary = first.starts_with(b"Total: ") && second.starts_with(b"TCP: ") && second.ends_with(b")");
        let sockstat = first.starts_with(b"sockets: used ") || first.starts_with(b"TCP: inuse ");
        if summary || sockstat { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        each_line(lines, hint, "that are not a sum of sockets", out, |line, at| {
            let Some((protocol, rest)) = split_once(line, b":") else { return is_transport(line) };
            let protocol = String::from_utf8_lossy(protocol).to_ascii_lowercase();
            let Some(pairs) = pairs(rest) else { return false };
            for (key, value) in pairs {
                let name = format!("system.network.sockets.{protocol}.{key}");
                let signal = match key.as_str() {
                    "mem" => Signal::own(name, Unit::Bytes, SeriesKind::Gauge, 4096.0),
                    "memory" => Signal::own(name, Unit::Bytes, SeriesKind::Gauge, 1.0),
                    _ => Signal::own(name, Unit::Count, SeriesKind::Gauge, 1.0),
                };
                builder.add(&claims, &signal, value, at);
            }
            true
        });
        builder.finish(out);
    }
}

/// The table of transports below `ss -s` repeats the sums by protocol.
fn is_transport(line: &[u8]) -> bool {
    let first = words(line).next().unwrap_or_default();
    matches!(first, b"Transport" | b"*" | b"RAW" | b"UDP" | b"TCP" | b"INET" | b"FRAG" | b"UNIX")
}

/// ` inuse 4 orphan 0 tw 24`, ` 152` and `   216 (estab 110, closed 104, orphaned 0, timewait 104)`.
fn pairs(text: &[u8]) -> Option<Vec<(String, f64)>> {
    let (total, details) = split_once(text, b"(").unwrap_or((text, b""));
    let mut pairs = Vec::new();
    let mut parts: Vec<&[u8]> = words(total).collect();
    if parts.len() == 1 {
        pairs.push(("total".to_owned(), number(parts[0])?));
        parts.clear();
    }
    parts.extend(details.split(|byte| matches!(byte, b' ' | b',' | b')')).filter(|part| !part.is_empty()));
    for pair in parts.chunks(2) {
        let [key, value] = pair else { return None };
        // `timewait 104/0` of older versions counts the kernel's own behind the slash.
        let value = value.split(|byte| *byte == b'/').next()?;
        pairs.push((String::from_utf8_lossy(key).into_owned(), number(value)?));
    }
    (!pairs.is_empty()).then_some(pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    fn values(text: &str) -> Vec<(String, Amount)> {
        let mut out = Parsed::default();
        assert_eq!(SocketSummary.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        SocketSummary.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        let all = out.evidence.iter().map(|evidence| match evidence {
            Evidence::Series(s) => (s.signal.clone(), s.points[0].value),
            other => panic!("{other:?}"),
        });
        all.collect()
    }

    #[test]
    fn the_summary_of_ss() {
        let found = values(
            "Total: 152\nTCP:   216 (estab 110, closed 104, orphaned 0, timewait 104)\n\n\
             Transport Total     IP        IPv6\nRAW\t  0         0         0        \n",
        );
        assert_eq!(found[1], ("system.network.sockets.tcp.total".into(), Amount::Value(216.0)));
        assert_eq!(found[5], ("system.network.sockets.tcp.timewait".into(), Amount::Value(104.0)));
        assert_eq!(found.len(), 6);
    }

    #[test]
    fn sockstat_of_the_kernel() {
        let found = values("sockets: used 72\nTCP: inuse 4 orphan 0 tw 24 alloc 32 mem 380\nFRAG: inuse 0 memory 0\n");
        assert_eq!(found[0], ("system.network.sockets.sockets.used".into(), Amount::Value(72.0)));
        assert_eq!(found[5], ("system.network.sockets.tcp.mem".into(), Amount::Value(380.0 * 4096.0)));
    }
}
