//! `/proc/PID/limits`. Source: `proc_pid_limits(5)`, `fs/proc/base.c` (proc_pid_limits): columns of 26, 21 and 21
//! characters, then the unit.

use crate::evidence::{Parsed, Point};
use crate::lines::{Lines, Text, trim, words};
use crate::series::{SeriesBuilder, amount, claims_of, each_line};
use crate::signals::{Signal, Source, lookup};
use crate::{Format, Hint, Shape, Sniff};

/// Resource limits of a process.
pub struct ProcLimits;

/// Width of the name's column.
const NAME: usize = 26;

impl Format for ProcLimits {
    fn id(&self) -> &'static str {
        "proc-limits"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        if is_header(first) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        each_line(lines, hint, "that are not a limit", out, |line, (when, number)| {
            let Some((name, [soft, hard])) = limit(line) else { return is_header(line) };
            // Limits without a signal (priorities, message queues) bound nothing that is measured.
            if let Some(signal) = lookup(Source::ProcLimits, name) {
                let hard_signal = Signal { name: format!("{}.hard", signal.name).into(), ..signal.clone() };
                for (signal, word) in [(signal, soft), (hard_signal, hard)] {
                    let Some(value) = amount(&signal, word) else { return false };
                    let series = builder.open(&claims, &signal, Vec::new());
                    builder.push(series, Point { when, value, line: number });
                }
            }
            true
        });
        builder.finish(out);
    }
}

fn is_header(line: &[u8]) -> bool {
    let words: Vec<&[u8]> = words(line).collect();
    words == [b"Limit".as_slice(), b"Soft", b"Limit", b"Hard", b"Limit", b"Units"]
}

/// Name, soft and hard limit of `Max open files            20000                20000                files     `.
fn limit(line: &[u8]) -> Option<(&str, [&[u8]; 2])> {
    let (name, values) = line.split_at_checked(NAME)?;
    let mut values = words(values);
    let limits = [values.next()?, values.next()?];
    let name = std::str::from_utf8(trim(name)).ok()?;
    let is_value = |word: &[u8]| word == b"unlimited" || word.iter().all(u8::is_ascii_digit);
    (name.starts_with("Max ") && limits.iter().all(|word| is_value(word))).then_some((name, limits))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    #[test]
    fn soft_limits_are_the_signal() {
        let text = b"Limit                     Soft Limit           Hard Limit           Units     \n\
            Max open files            120                  20000                files     \n\
            Max address space         unlimited            unlimited            bytes     \n\
            Max nice priority         0                    0                    \ncut\n";
        let (mut out, hint) = (Parsed::default(), Hint { name: "/proc/7/limits", ..Hint::default() });
        assert_eq!(ProcLimits.sniff(text, &hint), Sniff::Yes);
        ProcLimits.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        let found: Vec<_> = out
            .evidence
            .iter()
            .map(|evidence| match evidence {
                Evidence::Series(s) => (s.signal.as_str(), s.points[0].value, s.claims.pid),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found[0], ("process.open_file_descriptor.limit", Amount::Value(120.0), Some(7)));
        assert_eq!(found[1], ("process.open_file_descriptor.limit.hard", Amount::Value(20_000.0), Some(7)));
        assert_eq!(found[2].1, Amount::Unlimited);
        assert_eq!((found.len(), out.notes.len()), (4, 1));
    }
}
