//! `/proc/PID/io`: what a process read and wrote. Source: `proc_pid_io(5)`.

use crate::evidence::Parsed;
use crate::lines::{Lines, Text, split_once, trim};
use crate::series::{SeriesBuilder, claims_of, each_line, number};
use crate::signals::{Source, lookup};
use crate::{Format, Hint, Shape, Sniff};

/// I/O counters of a process.
pub struct ProcIo;

impl Format for ProcIo {
    fn id(&self) -> &'static str {
        "proc-io"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty());
        let mut next_is = |key: &[u8]| lines.next().is_some_and(|line| line.starts_with(key));
        if next_is(b"rchar: ") && next_is(b"wchar: ") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        each_line(lines, hint, "that are not a counter of /proc/PID/io", out, |line, at| {
            let Some((key, value)) = split_once(line, b": ") else { return false };
            let signal = std::str::from_utf8(key).ok().and_then(|key| lookup(Source::ProcIo, key));
            let (Some(signal), Some(value)) = (signal, number(trim(value))) else { return false };
            builder.add(&claims, &signal, value, at);
            true
        });
        builder.finish(out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    #[test]
    fn counters_have_a_direction() {
        let text = b"rchar: 253116\nwchar: 77\nsyscr: 142\nsyscw: 11\nread_bytes: 40960\nwrite_bytes: 36864\n\
            cancelled_write_bytes: 0\n";
        let (mut out, hint) = (Parsed::default(), Hint { name: "/proc/7/io", ..Hint::default() });
        assert_eq!(ProcIo.sniff(text, &hint), Sniff::Yes);
        ProcIo.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        let Evidence::Series(series) = &out.evidence[4] else { panic!() };
        assert_eq!((series.signal.as_str(), series.points[0].value), ("process.disk.io", Amount::Value(40_960.0)));
        assert_eq!((out.records, out.notes.len(), series.points[0].line), (7, 0, 5));
    }
}
