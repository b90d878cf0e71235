//! `GODEBUG=gctrace=1` lines of Go 1.5 to 1.27, and those of the scavenger among them. Source: `src/runtime/mgc.go` (gcMarkTermination) and the
//! documentation of `gctrace` in `src/runtime/extern.go`.

mod scavenger;

use crate::evidence::{Claims, EventKind, Events, Evidence, Parsed, When};
use crate::lines::{Lines, decimal, float, split_once};
use crate::series::SeriesBuilder;
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use nom::bytes::complete::{tag, take_till1, take_while1};
use nom::character::complete::{char, space1};
use nom::combinator::{map_opt, opt};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// Columns of the rows: sizes are MiB rounded down by Go, here in bytes; times in seconds.
pub const COLUMNS: &[&str] = &[
    "gc_number",
    "gc_cpu_percent",
    "wall_s",
    "cpu_assist_s",
    "cpu_background_s",
    "cpu_idle_s",
    "heap_start_bytes",
    "heap_end_bytes",
    "heap_live_bytes",
    "heap_goal_bytes",
    "stacks_bytes",
    "globals_bytes",
    "gomaxprocs",
    "forced",
];

const MIB: f64 = 1_048_576.0;

/// gctrace lines.
pub struct GoGcTrace;

impl Format for GoGcTrace {
    fn id(&self) -> &'static str {
        "go-gctrace"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        match line[0] {
            b'g' => is_row(line),
            b's' | b'f' => scavenger::row(line).is_some() || scavenger::heap(line).is_some(),
            _ => false,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut events = Events {
            claims: Claims::default(),
            kind: EventKind::GoGcTrace,
            columns: COLUMNS,
            rows: Vec::new(),
            values: Vec::new(),
        };
        let mut returned = SeriesBuilder::default();
        while let Some(line) = lines.peek() {
            let at = (lines.time().map_or(hint.when, When::Wall), lines.number());
            if let Some(row) = scavenger::row(line) {
                row.add(at, &mut returned);
                lines.advance();
                continue;
            }
            if let Some(heap) = scavenger::heap(line) {
                heap.add(at, &mut returned);
                lines.advance();
                continue;
            }
            if !is_row(line) {
                break;
            }
            let Ok((_, (uptime, values))) = row(line) else {
                out.note(lines.number(), "a gctrace line that cannot be read");
                lines.advance();
                continue;
            };
            // The time since start orders collections exactly; a wrapper's time is that of the write.
            events.rows.push((When::Uptime(uptime), lines.number()));
            events.values.extend(values);
            out.tie(When::Uptime(uptime), lines.time(), false, lines.number());
            out.records += 1;
            lines.advance();
        }
        returned.finish(out);
        if events.rows.is_empty() {
            return;
        }
        let known = out.evidence.iter_mut().rev().find_map(|evidence| match evidence {
            Evidence::Events(known) if known.kind == EventKind::GoGcTrace => Some(known),
            _ => None,
        });
        match known {
            Some(known) => {
                known.rows.extend(events.rows);
                known.values.extend(events.values);
            }
            None => out.evidence.push(Evidence::Events(events)),
        }
    }
}

/// `gc 1 @0.501s ... MB goal ...`: cheap, since it is asked of every line of every log.
fn is_row(line: &[u8]) -> bool {
    let Some((number, rest)) = line.strip_prefix(b"gc ").and_then(|rest| split_once(rest, b" @")) else { return false };
    decimal(number).is_some()
        && rest.first().is_some_and(u8::is_ascii_digit)
        && memchr::memmem::find(rest, b" MB goal").is_some()
}

fn number(input: &[u8]) -> IResult<&[u8], f64> {
    map_opt(take_while1(|b: u8| b.is_ascii_digit() || b == b'.'), float).parse(input)
}

/// A word up to the next blank.
fn word(input: &[u8]) -> IResult<&[u8], &[u8]> {
    take_till1(|byte: u8| byte == b' ').parse(input)
}

/// `gc 1 @0.501s 1%: 13+10+0.011 ms clock, 26+0/0.29/0+0.023 ms cpu, 0->0->0 MB, 4 MB goal, ... 2 P`.
fn row(line: &[u8]) -> IResult<&[u8], (f64, [f64; COLUMNS.len()])> {
    let (rest, gc) = preceded(tag(&b"gc "[..]), map_opt(word, decimal)).parse(line)?;
    let (rest, uptime) = preceded(tag(&b" @"[..]), terminated(number, char('s'))).parse(rest)?;
    let (rest, percent) = preceded(space1, terminated(number, char('%'))).parse(rest)?;
    let (rest, _) = opt(tag(&b" (checking for goroutine leaks)"[..])).parse(rest)?;
    let (rest, _) = tag(&b": "[..]).parse(rest)?;
    let (rest, clock) = terminated(word, tag(&b" ms clock, "[..])).parse(rest)?;
    let (rest, cpu) = terminated(word, tag(&b" ms cpu, "[..])).parse(rest)?;
    let (rest, sizes) = terminated(word, tag(&b" MB, "[..])).parse(rest)?;
    let (rest, goal) = terminated(number, tag(&b" MB goal"[..])).parse(rest)?;

    let mut values = [f64::NAN; COLUMNS.len()];
    values[0] = gc as f64;
    values[1] = percent;
    values[2] = clock.split(|b| *b == b'+').filter_map(float).sum::<f64>() / 1e3;
    let middle = cpu.split(|b| *b == b'+').nth(1).unwrap_or_default();
    for (slot, part) in middle.split(|b| *b == b'/').take(3).enumerate() {
        values[3 + slot] = float(part).map_or(f64::NAN, |ms| ms / 1e3);
    }
    let mut at = sizes;
    for value in &mut values[6..9] {
        let (size, next) = split_once(at, b"->").unwrap_or((at, b""));
        *value = float(size).map_or(f64::NAN, |mib| mib * MIB);
        at = next;
    }
    if values[8].is_nan() {
        return Err(nom::Err::Error(nom::error::Error::new(sizes, nom::error::ErrorKind::Digit)));
    }
    values[9] = goal * MIB;
    values[13] = 0.0;
    for part in rest.split(|b| *b == b',') {
        let part = part.trim_ascii();
        if let Some(stacks) = part.strip_suffix(b" MB stacks") {
            values[10] = float(stacks).map_or(f64::NAN, |mib| mib * MIB);
        } else if let Some(globals) = part.strip_suffix(b" MB globals") {
            values[11] = float(globals).map_or(f64::NAN, |mib| mib * MIB);
        } else {
            let forced = part.ends_with(b"(forced)");
            let procs = part.strip_suffix(b" (forced)").unwrap_or(part);
            if let Some(procs) = procs.strip_suffix(b" P") {
                values[12] = float(procs).unwrap_or(f64::NAN);
                values[13] = f64::from(u8::from(forced));
            }
        }
    }
    Ok((b"", (uptime, values)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn value(line: &str, column: &str) -> f64 {
        let (_, (_, values)) = row(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        values[COLUMNS.iter().position(|c| *c == column).unwrap()]
    }

    const GO127: &str = "gc 3 @5.873s 2%: 0.15+0.75+0.004 ms clock, 0.30+0.74/0.083/0.66+0.009 ms cpu, \
        10->10->8 MB, 10 MB goal, 0 MB stacks, 0 MB globals, 2 P (forced)";

    #[test]
    fn a_line_of_go_1_27() {
        assert_eq!(value(GO127, "heap_live_bytes"), 8.0 * MIB);
        assert_eq!(value(GO127, "heap_goal_bytes"), 10.0 * MIB);
        assert_eq!(value(GO127, "gc_cpu_percent"), 2.0);
        assert_eq!(value(GO127, "forced"), 1.0);
        assert_eq!(value(GO127, "gomaxprocs"), 2.0);
    }

    #[test]
    fn lines_without_stacks_and_with_the_leak_check() {
        let old = "gc 1 @0.501s 1%: 13+10+0.011 ms clock, 26+0/0.29/0+0.023 ms cpu, 0->0->0 MB, 4 MB goal, 2 P";
        assert_eq!(value(old, "gomaxprocs"), 2.0);
        assert!(value(old, "stacks_bytes").is_nan());
        let leaks = GO127.replace("2%:", "2% (checking for goroutine leaks):");
        assert_eq!(value(&leaks, "heap_live_bytes"), 8.0 * MIB);
    }

    #[test]
    fn rows_of_interleaved_lines_are_one_stream() {
        let text = format!("{GO127}\nhello\n{GO127}\ngc 4 @cut\n");
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if GoGcTrace.opens(line) {
                GoGcTrace.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        let [Evidence::Events(events)] = &out.evidence[..] else { panic!() };
        assert_eq!(events.rows.iter().map(|r| r.1).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(out.records, 2);
    }
}
