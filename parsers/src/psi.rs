//! Pressure stall information: `memory.pressure`, `/proc/pressure/io` and the like.
//! Source: `Documentation/accounting/psi.rst`: averages are percent of wall time, totals microseconds.

use crate::evidence::{Parsed, Point, When};
use crate::lines::{Lines, Text, split_once, trim, words};
use crate::series::{Odd, SeriesBuilder, amount, claims_of};
use crate::signals::pressure;
use crate::{Format, Hint, Shape, Sniff, time};

/// Pressure stall lines.
pub struct Psi;

const RESOURCES: &[&str] = &["memory", "cpu", "io", "irq"];

/// The resource of lines whose file does not say it.
const UNTOLD: &str = "unknown";

impl Format for Psi {
    fn id(&self) -> &'static str {
        "psi"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty());
        if first.is_some_and(|line| stall(line).is_some()) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let claims = claims_of(hint);
        let named = resource_of(hint.name).or_else(|| resource_of(hint.artifact));
        let mut builder = SeriesBuilder::default();
        let mut odd = Odd::default();
        let mut untold = None;
        while let Some(line) = lines.peek() {
            let number = lines.number();
            match stall(line) {
                Some(stall) => {
                    let resource = stall.resource.or(named).unwrap_or_else(|| {
                        untold.get_or_insert(number);
                        UNTOLD
                    });
                    let when = stall.time.or(lines.time()).map_or(hint.when, When::Wall);
                    for (field, value) in words(stall.fields).filter_map(|word| split_once(word, b"=")) {
                        let signal = std::str::from_utf8(field).ok().and_then(|f| pressure(resource, stall.share, f));
                        let read = signal.and_then(|signal| Some((amount(&signal, value)?, signal)));
                        let Some((value, signal)) = read else {
                            odd.line(number);
                            continue;
                        };
                        let series = builder.open(&claims, &signal, Vec::new());
                        builder.push(series, Point { when, value, line: number });
                    }
                }
                None if trim(line).is_empty() => {}
                None => odd.line(number),
            }
            lines.advance();
        }
        if let Some(line) = untold {
            out.note(line, "pressure of a resource that neither line nor file name tells");
        }
        odd.note("that are not pressure values", out);
        builder.finish(out);
    }
}

/// A line of pressure.
struct Stall<'a> {
    /// Its own time, when it begins with one.
    time: Option<i64>,
    /// Resource, where the line names a file (`grep . /proc/pressure/*`).
    resource: Option<&'static str>,
    /// `some` or `full`.
    share: &'static str,
    /// `avg10=0.74 avg60=0.15 avg300=0.03 total=576931`.
    fields: &'a [u8],
}

/// `[time] [path:]some avg10=0.74 avg60=0.15 avg300=0.03 total=576931`.
fn stall(line: &[u8]) -> Option<Stall<'_>> {
    let (head, fields) = split_once(line, b" avg10=")?;
    let share = if head.ends_with(b"some") {
        "some"
    } else if head.ends_with(b"full") {
        "full"
    } else {
        return None;
    };
    let before = trim(&head[..head.len() - share.len()]);
    let fields = &line[line.len() - fields.len() - "avg10=".len()..];
    let (own, resource) = match before.strip_suffix(b":") {
        Some(path) => (None, std::str::from_utf8(path).ok().and_then(resource_of)),
        None => (time::instant(before), leading_resource(before)),
    };
    if !before.is_empty() && own.is_none() && resource.is_none() {
        return None;
    }
    Some(Stall { time: own, resource, share, fields })
}

/// `memory some avg10=...`: the resource as a word of the line.
fn leading_resource(before: &[u8]) -> Option<&'static str> {
    RESOURCES.iter().copied().find(|resource| before == resource.as_bytes())
}

/// The resource that a path names: `/proc/pressure/cpu`, `memory.pressure`, `node-cpu.pressure.log`.
fn resource_of(path: &str) -> Option<&'static str> {
    let file = path.rsplit('/').next()?;
    let mut parts = file.split(['.', '-', '_']);
    parts.find_map(|part| RESOURCES.iter().copied().find(|resource| *resource == part))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence, Series, SeriesKind, Unit};

    const CAPTURE: &[u8] = include_bytes!("../../samples/psi/cgroup-cpu/cpu.pressure");

    fn parse(text: &[u8], name: &str) -> Parsed {
        let (mut out, hint) = (Parsed::default(), Hint { name, when: When::Wall(7), ..Hint::default() });
        Psi.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        out
    }

    fn series<'a>(out: &'a Parsed, signal: &str) -> &'a Series {
        let found = out.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Series(series) if series.signal == signal => Some(series),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("no {signal} in {:?}", out.evidence))
    }

    #[test]
    fn percent_become_shares_and_microseconds_seconds() {
        let out = parse(CAPTURE, "/sys/fs/cgroup/cpu.pressure");
        let avg = series(&out, "pressure.cpu.some.avg10");
        assert_eq!((avg.unit, avg.kind, avg.points.len()), (Unit::Ratio, SeriesKind::Gauge, 1));
        assert_eq!(avg.points[0], Point { when: When::Wall(7), value: Amount::Value(2.20 / 100.0), line: 1 });
        assert_eq!(avg.claims.cgroup.as_deref(), Some(""));
        let total = series(&out, "pressure.cpu.full.total");
        assert_eq!((total.unit, total.kind), (Unit::Seconds, SeriesKind::Counter));
        assert_eq!(total.points[0].value, Amount::Value(0.297298));
        assert_eq!((out.evidence.len(), out.notes.len(), out.records), (8, 0, 8));
    }

    #[test]
    fn the_resource_comes_from_line_or_path() {
        let line = b"some avg10=1.00 avg60=0.00 avg300=0.00 total=5\n";
        series(&parse(line, "/proc/pressure/memory"), "pressure.memory.some.avg10");
        series(&parse(line, "io.pressure.log"), "pressure.io.some.avg10");
        let grep = [b"/proc/pressure/io:", &line[..]].concat();
        series(&parse(&grep, "all.log"), "pressure.io.some.total");
        let out = parse(line, "psi.log");
        series(&out, "pressure.unknown.some.total");
        assert_eq!(out.notes.len(), 1);
    }

    #[test]
    fn a_line_may_begin_with_its_time() {
        let out = parse(b"2026-11-21T22:43:41Z full avg10=2.00 total=9\n", "memory.pressure");
        let expected = time::instant(b"2026-11-21T22:43:41Z").map(When::Wall);
        assert_eq!(Some(series(&out, "pressure.memory.full.avg10").points[0].when), expected);
    }

    #[test]
    fn oddities_are_noted_and_other_texts_refused() {
        let out = parse(b"some avg10=x avg60=0.10 avg300=0.0 total=1\nhello\n", "io.pressure");
        assert_eq!(out.notes[0].message, "2 line(s) that are not pressure values");
        assert_eq!(series(&out, "pressure.io.some.avg60").points[0].value, Amount::Value(0.001));
        for text in ["", "some text avg10=1", "nr_periods 0\n", "awesome avg10=0.1 avg60=1 avg300=1 total=1"] {
            assert_eq!(Psi.sniff(text.as_bytes(), &Hint::default()), Sniff::No, "{text}");
        }
    }
}
