//! `docker stats` (`--no-stream`, or again and again). Source: docker's `cli/command/container/formatter_stats.go`.

use crate::evidence::SeriesKind::{Counter, Gauge, Limit};
use crate::evidence::{Claims, Parsed, Scope, Unit};
use crate::lines::{Lines, Text, float, trim};
use crate::padded::Padded;
use crate::series::{SeriesBuilder, each_line};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// Use of resources by container.
pub struct DockerStats;

impl Format for DockerStats {
    fn id(&self) -> &'static str {
        "docker-stats"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        if header(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut table = header(hint.heading);
        let mut rows = Vec::new();
        each_line(lines, hint, "that are not of docker stats", out, |line, at| {
            if let Some(next) = header(line) {
                table = Some(next);
                return true;
            }
            let Some(table) = &table else { return false };
            let Some(name) = table.cell(line, "NAME").or(table.cell(line, "CONTAINER ID")) else { return false };
            let pair = |column: &str| table.cell(line, column).and_then(|cell| cell.split_once(" / "));
            let mut values = Vec::new();
            let mut take = |name: &'static str, label, unit, kind, value: Option<f64>| {
                values.extend(value.map(|value| (Signal { label, ..Signal::own(name, unit, kind, 1.0) }, value)));
            };
            if let Some((used, limit)) = pair("MEM USAGE / LIMIT") {
                take("cgroup.memory.working_set", None, Unit::Bytes, Gauge, size(used));
                take("cgroup.memory.limit", None, Unit::Bytes, Limit, size(limit).filter(|limit| *limit > 0.0));
            }
            for (column, name, labels) in [
                ("NET I/O", "cgroup.network.io", ["receive", "transmit"]),
                ("BLOCK I/O", "cgroup.disk.io", ["read", "write"]),
            ] {
                if let Some((first, second)) = pair(column) {
                    take(name, Some(("direction", labels[0])), Unit::Bytes, Counter, size(first));
                    take(name, Some(("direction", labels[1])), Unit::Bytes, Counter, size(second));
                }
            }
            let percent = table.cell(line, "CPU %").and_then(|cell| float(cell.strip_suffix('%')?.as_bytes()));
            take("cgroup.cpu.used_cores", None, Unit::Count, Gauge, percent.map(|percent| percent / 100.0));
            let pids = table.cell(line, "PIDS").and_then(|cell| float(cell.as_bytes()));
            take("cgroup.pids.current", None, Unit::Count, Gauge, pids);
            rows.push((name.to_owned(), values, at));
            true
        });
        let several = rows.iter().any(|(name, ..)| *name != rows[0].0);
        let mut builder = SeriesBuilder::default();
        for (name, values, at) in rows {
            let scope = if several { Scope::Listed } else { Scope::Own };
            let claims = Claims { container: Some(name), scope, ..Claims::default() };
            for (signal, value) in values {
                builder.add(&claims, &signal, value, at);
            }
        }
        builder.finish(out);
    }
}

fn header(line: &[u8]) -> Option<Padded<'_>> {
    Padded::of(line).filter(|table| table.begins_with(&["CONTAINER ID", "NAME", "CPU %"]))
}

/// `20.42MiB`, `1.2kB`, `0B`: memory in powers of 1024, traffic in powers of 1000, as the letters say.
fn size(text: &str) -> Option<f64> {
    let text = text.trim();
    let digits = text.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'.').count();
    let scale = match &text[digits..] {
        "B" => 1.0,
        "kB" => 1e3,
        "MB" => 1e6,
        "GB" => 1e9,
        "TB" => 1e12,
        "KiB" => 1024.0,
        "MiB" => 1_048_576.0,
        "GiB" => 1_073_741_824.0,
        "TiB" => 1_099_511_627_776.0,
        _ => return None,
    };
    float(&text.as_bytes()[..digits]).filter(|value| value.is_finite()).map(|value| value * scale)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    #[test]
    fn a_row_of_a_container() {
        let text = b"CONTAINER ID   NAME      CPU %     MEM USAGE / LIMIT   MEM %     NET I/O   BLOCK I/O   PIDS\n\
            dee4ce42a00e   idle      50.00%    20.42MiB / 64MiB    31.90%    0B / 0B   1.2kB / 0B  1\n";
        let mut out = Parsed::default();
        assert_eq!(DockerStats.sniff(text, &Hint::default()), Sniff::Yes);
        DockerStats.parse(&mut Text::new(text, 1).lines(), &Hint::default(), &mut out);
        let value = |signal: &str| {
            out.evidence.iter().find_map(|evidence| match evidence {
                Evidence::Series(s) if s.signal == signal => Some((s.points[0].value, s.claims.scope)),
                _ => None,
            })
        };
        assert_eq!(value("cgroup.memory.limit"), Some((Amount::Value(64.0 * 1_048_576.0), Scope::Own)));
        assert_eq!(value("cgroup.cpu.used_cores").unwrap().0, Amount::Value(0.5));
        assert_eq!(value("cgroup.disk.io").unwrap().0, Amount::Value(1200.0));
    }
}
