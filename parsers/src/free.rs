//! `free`: the memory of the machine. Source: `free(1)` of procps-ng: KiB unless an option says otherwise, letters
//! behind the numbers with `-h`.

use crate::evidence::{Claims, Parsed, Scope, SeriesKind, Unit};
use crate::lines::{Lines, Text, trim, words};
use crate::series::{SeriesBuilder, each_line, number};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// Memory of the machine in a small table.
pub struct Free;

impl Format for Free {
    fn id(&self) -> &'static str {
        "free"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let headed = lines.next().is_some_and(is_header);
        if headed && lines.next().is_some_and(|line| line.starts_with(b"Mem:")) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let claims = Claims { scope: Scope::Machine, ..Claims::default() };
        let (first, mut builder, told) = (lines.number(), SeriesBuilder::default(), unit_of(hint.command));
        let (mut names, mut unsure) = (Vec::new(), false);
        each_line(lines, hint, "that are not of free", out, |line, at| {
            if is_header(line) {
                names = words(line).map(|name| String::from_utf8_lossy(name).replace('/', "_and_")).collect();
                return true;
            }
            let mut cells = words(line);
            let prefix = match cells.next() {
                Some(b"Mem:") => "system.memory",
                Some(b"Swap:") => "system.paging",
                _ => return false,
            };
            let values: Option<Vec<(f64, bool)>> = cells.map(size).collect();
            let Some(values) = values else { return false };
            // Without the command a bare number may be MiB: no machine that runs this has less than 128 MiB.
            let bare = values.first().is_some_and(|(total, lettered)| !lettered && *total < 131_072.0 * 1024.0);
            if told.is_none() && bare && prefix == "system.memory" {
                unsure = true;
            }
            for (name, (value, lettered)) in names.iter().zip(values).filter(|_| !unsure) {
                let scale = if lettered { 1.0 } else { told.unwrap_or(1024.0) / 1024.0 };
                let signal = Signal::own(format!("{prefix}.{name}"), Unit::Bytes, SeriesKind::Gauge, 1.0);
                builder.add(&claims, &signal, value * scale, at);
            }
            true
        });
        if unsure {
            out.note(first, "free prints numbers whose unit nothing tells; not used");
        }
        builder.finish(out);
    }
}

fn is_header(line: &[u8]) -> bool {
    let mut words = words(line);
    words.next() == Some(b"total") && words.next() == Some(b"used") && words.next() == Some(b"free")
}

/// Bytes and whether a letter said so: `23Gi`, `8.7Mi`, `0B`; KiB without one.
fn size(text: &[u8]) -> Option<(f64, bool)> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
    let (value, unit) = (number(&text[..digits])?, &text[digits..]);
    let scale = match unit {
        b"" => return Some((value * 1024.0, false)),
        b"B" => 1.0,
        b"Ki" | b"K" => 1024.0,
        b"Mi" | b"M" => 1_048_576.0,
        b"Gi" | b"G" => 1_073_741_824.0,
        b"Ti" | b"T" => 1_099_511_627_776.0,
        _ => return None,
    };
    Some((value * scale, true))
}

/// Bytes that a bare number of `free -m` stands for; `None` where no command is known.
fn unit_of(command: &str) -> Option<f64> {
    let mut words = command.split_ascii_whitespace().skip_while(|word| *word != "free");
    words.next()?;
    let has = |word: &str, short: char, long: &str| {
        word == long || (word.starts_with('-') && !word.starts_with("--") && word.contains(short))
    };
    let options: Vec<&str> = words.collect();
    let any = |short, long| options.iter().any(|word| has(word, short, long));
    Some(match () {
        () if any('b', "--bytes") => 1.0,
        () if any('m', "--mebi") => 1_048_576.0,
        () if any('g', "--gibi") => 1_073_741_824.0,
        () => 1024.0,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    fn total(text: &str, command: &str) -> Option<f64> {
        let (mut out, hint) = (Parsed::default(), Hint { command, ..Hint::default() });
        assert_eq!(Free.sniff(text.as_bytes(), &hint), Sniff::Yes);
        Free.parse(&mut Text::new(text.as_bytes(), 1).lines(), &hint, &mut out);
        out.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Series(s) if s.signal == "system.memory.total" => match s.points[0].value {
                Amount::Value(value) => Some(value),
                Amount::Unlimited => None,
            },
            _ => None,
        })
    }

    #[test]
    fn units_are_told_or_left_open() {
        let header = "               total        used        free      shared  buff/cache   available\n";
        let table = |total: &str| {
            format!(
                "{header}Mem:        {total}     2024008    18488476        8872     4506828    22660076\nSwap:             0           0           0\n"
            )
        };
        assert_eq!(total(&table("24684084"), ""), Some(24_684_084.0 * 1024.0));
        assert_eq!(total(&table("23Gi"), ""), Some(23.0 * 1_073_741_824.0));
        assert_eq!(total(&table("24105"), "free -mw"), Some(24_105.0 * 1_048_576.0));
        assert_eq!(total(&table("24105"), ""), None);
    }
}
