//! `GODEBUG=scavtrace=1` lines of Go 1.16 to 1.27: how much memory the scavenger has returned. Source: `printScavTrace`
//! in `src/runtime/mgcscavenge.go`.

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
    fn cut_lines_and_prose_are_none() {
        for line in
            ["scav 64 KiB work (bg), 8 KiB work (eager), 29", "scav is slow", "scav x KiB work, 1 KiB total, 1% util"]
        {
            assert_eq!(row(line.as_bytes()), None, "{line}");
        }
    }
}
