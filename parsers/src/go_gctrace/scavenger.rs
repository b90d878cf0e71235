//! What the scavenger has returned to the system: `GODEBUG=scavtrace=1` lines of Go 1.16 to 1.27, and the `scvg` lines
//! that `gctrace=1` printed before. Source: `printScavTrace` and `bgscavenge` in `src/runtime/mgcscavenge.go`, for the
//! old ones `mheap.scavenge` in `src/runtime/mheap.go` of Go 1.12.

use crate::evidence::{Claims, Unit, When};
use crate::jmap_histo::signal;
use crate::lines::{LineNo, decimal, split_once};
use crate::series::SeriesBuilder;
use crate::signals::Signal;

/// What a line says.
#[derive(Debug, PartialEq)]
pub(super) struct Row {
    /// Bytes returned since the line before.
    work: f64,
    /// Bytes of the heap that are returned at present.
    released: f64,
    /// Share of what is not returned that is in use, in percent.
    used_percent: f64,
}

impl Row {
    /// Adds its numbers to their series.
    pub(super) fn add(&self, at: (When, LineNo), builder: &mut SeriesBuilder<'_>) {
        let claims = Claims::default();
        let used = Signal { scale: 0.01, ..signal("go.scavenger.heap_use", Unit::Ratio) };
        builder.add(&claims, &signal("go.scavenger.released", Unit::Bytes), self.released, at);
        builder.add(&claims, &signal("go.scavenger.work", Unit::Bytes), self.work, at);
        builder.add(&claims, &used, self.used_percent, at);
    }
}

/// `scav 64 KiB work (bg), 0 KiB work (eager), 2928 KiB now, 67% util`; to Go 1.20
/// `scav 8 KiB work, 2704 KiB total, 66% util`.
pub(super) fn row(line: &[u8]) -> Option<Row> {
    let kib = |text: &[u8]| decimal(text).map(|value| value as f64 * 1024.0);
    let rest = line.strip_prefix(b"scav ")?;
    let (work, rest) = split_once(rest, b" KiB work")?;
    let mut work = kib(work)?;
    let rest = match rest.strip_prefix(b" (bg), ") {
        Some(rest) => {
            let (eager, rest) = split_once(rest, b" KiB work (eager)")?;
            work += kib(eager)?;
            rest
        }
        None => rest,
    };
    let (released, rest) = split_once(rest.strip_prefix(b", ")?, b" KiB ")?;
    let rest = rest.strip_prefix(b"now, ").or_else(|| rest.strip_prefix(b"total, "))?;
    let (used, _) = split_once(rest, b"% util")?;
    Some(Row { work, released: kib(released)?, used_percent: decimal(used)? as f64 })
}

/// The heap as a `scvg` line has it, in bytes.
#[derive(Debug, PartialEq)]
pub(super) struct Heap {
    in_use: f64,
    idle: f64,
    system: f64,
    released: f64,
}

impl Heap {
    /// Adds its numbers to their series.
    pub(super) fn add(&self, at: (When, LineNo), builder: &mut SeriesBuilder<'_>) {
        for (name, bytes) in [
            ("go.memory.heap_inuse", self.in_use),
            ("go.memory.heap_idle", self.idle),
            ("go.memory.heap_sys", self.system),
            ("go.memory.heap_released", self.released),
        ] {
            builder.add(&Claims::default(), &signal(name, Unit::Bytes), bytes, at);
        }
    }
}

/// `scvg: inuse: 3, idle: 60, sys: 63, released: 57, consumed: 6 (MB)`; `scvg12: ...` to Go 1.12, `forced scvg: ...`.
pub(super) fn heap(line: &[u8]) -> Option<Heap> {
    let rest = line.strip_prefix(b"forced ").unwrap_or(line).strip_prefix(b"scvg")?;
    let (number, rest) = split_once(rest, b": inuse: ")?;
    let (in_use, rest) = split_once(rest, b", idle: ")?;
    let (idle, rest) = split_once(rest, b", sys: ")?;
    let (system, rest) = split_once(rest, b", released: ")?;
    let (released, rest) = split_once(rest, b", consumed: ")?;
    rest.strip_suffix(b" (MB)").and_then(decimal)?;
    let mib = |text: &[u8]| decimal(text).map(|value| value as f64 * 1_048_576.0);
    let heap = Heap { in_use: mib(in_use)?, idle: mib(idle)?, system: mib(system)?, released: mib(released)? };
    number.iter().all(u8::is_ascii_digit).then_some(heap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms() {
        let new = row(b"scav 64 KiB work (bg), 8 KiB work (eager), 2928 KiB now, 67% util").unwrap();
        assert_eq!(new, Row { work: 73_728.0, released: 2_998_272.0, used_percent: 67.0 });
        let old = row(b"scav 8 KiB work, 2704 KiB total, 66% util (forced)").unwrap();
        assert_eq!(old, Row { work: 8192.0, released: 2_768_896.0, used_percent: 66.0 });
    }

    #[test]
    fn heaps_of_old_versions() {
        let mib = 1_048_576.0;
        let expected = || Heap { in_use: 3.0 * mib, idle: 60.0 * mib, system: 63.0 * mib, released: 57.0 * mib };
        for head in ["scvg: ", "scvg12: ", "forced scvg: "] {
            let line = format!("{head}inuse: 3, idle: 60, sys: 63, released: 57, consumed: 6 (MB)");
            assert_eq!(heap(line.as_bytes()), Some(expected()), "{line}");
        }
        for line in ["scvg: 8 KB released", "scvgx: inuse: 3, idle: 60, sys: 63, released: 57, consumed: 6 (MB)"] {
            assert_eq!(heap(line.as_bytes()), None, "{line}");
        }
    }

    #[test]
    fn cut_lines_and_prose_are_none() {
        for line in
            ["scav 64 KiB work (bg), 8 KiB work (eager), 29", "scav is slow", "scav x KiB work, 1 KiB total, 1% util"]
        {
            assert_eq!(row(line.as_bytes()), None, "{line}");
        }
    }
}
