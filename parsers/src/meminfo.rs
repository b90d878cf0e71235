//! `/proc/meminfo`: the memory of the machine. Source: `proc_meminfo(5)`; sizes are in kB (1024 bytes).

use crate::evidence::{Parsed, SeriesKind, Unit};
use crate::lines::{Lines, Text, split_once, trim};
use crate::series::{SeriesBuilder, claims_of, each_line, number};
use crate::signals::{Signal, Source, lookup};
use crate::{Format, Hint, Shape, Sniff};

/// Memory of the machine.
pub struct Meminfo;

impl Format for Meminfo {
    fn id(&self) -> &'static str {
        "meminfo"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        if first.starts_with(b"MemTotal:") && pair(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        each_line(lines, hint, "that are not a field of /proc/meminfo", out, |line, at| {
            let Some((key, value, unit, scale)) = pair(line) else { return false };
            let signal = lookup(Source::Meminfo, key)
                .unwrap_or_else(|| Signal::own(format!("system.memory.meminfo.{key}"), unit, SeriesKind::Gauge, scale));
            builder.add(&claims, &signal, value, at);
            true
        });
        builder.finish(out);
    }
}

/// `MemAvailable:   22660076 kB`; counts such as `HugePages_Total:       0` have no unit.
fn pair(line: &[u8]) -> Option<(&str, f64, Unit, f64)> {
    let (key, value) = split_once(line, b":")?;
    let key = std::str::from_utf8(key).ok()?;
    let is_key = key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'(' | b')'));
    let value = trim(value);
    let (value, unit, scale) = match value.strip_suffix(b"kB") {
        Some(kib) => (trim(kib), Unit::Bytes, 1024.0),
        None => (value, Unit::Count, 1.0),
    };
    Some((key, number(value).filter(|_| is_key && !key.is_empty())?, unit, scale))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    #[test]
    fn fields_with_and_without_unit() {
        let text = b"MemTotal:       24684084 kB\nMemAvailable:   22660076 kB\nActive(anon):      1024 kB\nHugePages_Total:       3\n";
        let mut out = Parsed::default();
        assert_eq!(Meminfo.sniff(text, &Hint::default()), Sniff::Yes);
        Meminfo.parse(&mut Text::new(text, 1).lines(), &Hint::default(), &mut out);
        let found: Vec<_> = out
            .evidence
            .iter()
            .map(|evidence| match evidence {
                Evidence::Series(s) => (s.signal.as_str(), s.unit, s.points[0].value),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(found[1], ("system.memory.available", Unit::Bytes, Amount::Value(22_660_076.0 * 1024.0)));
        assert_eq!(found[2].0, "system.memory.meminfo.Active(anon)");
        assert_eq!(found[3], ("system.memory.meminfo.HugePages_Total", Unit::Count, Amount::Value(3.0)));
    }
}
