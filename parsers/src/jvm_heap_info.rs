//! `jcmd PID GC.heap_info`, of all collectors. Source: `print_on` of `src/hotspot/share/gc/*` and
//! `memory/metaspace/metaspaceReporter.cpp`.

use crate::evidence::{Parsed, SeriesKind, Unit, When};
use crate::jmap_histo::{jcmd_pid, signal};
use crate::lines::{Lines, Text, decimal, rsplit_once};
use crate::series::{Odd, SeriesBuilder, claims_of};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// Heap summaries.
pub struct JvmHeapInfo;

impl Format for JvmHeapInfo {
    fn id(&self) -> &'static str {
        "jvm-heap-info"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().take(16);
        let is_heap =
            lines.by_ref().take(3).any(|line| line == SHENANDOAH || (line.starts_with(b" ") && pool(line).is_some()));
        if is_heap && lines.any(|line| line.starts_with(b" Metaspace ")) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut claims = claims_of(hint);
        let (mut builder, mut odd) = (SeriesBuilder::default(), Odd::default());
        while let Some(line) = lines.peek() {
            let at = (lines.time().map_or(hint.when, When::Wall), lines.number());
            lines.advance();
            if let Some(pid) = jcmd_pid(line) {
                claims.pid = Some(pid);
                continue;
            }
            let Some((name, sizes)) = pool(line) else {
                if !is_part(line) {
                    odd.line(at.1);
                }
                continue;
            };
            for (key, value) in sizes {
                let Some(signal) = signal_of(key) else { continue };
                let label = vec![("jvm.memory.pool.name".to_owned(), String::from_utf8_lossy(name).into_owned())];
                builder.add_labelled(&claims, &signal, label, value, at);
            }
        }
        odd.note("that are not of a heap summary", out);
        builder.finish(out);
    }
}

const SHENANDOAH: &[u8] = b"Shenandoah Heap";

/// What a size of a pool is. `capacity` of metaspace in 11 lies between used and committed and is left out.
fn signal_of(key: &[u8]) -> Option<Signal> {
    let (name, kind) = match key {
        b"used" => ("jvm.memory.used", SeriesKind::Gauge),
        b"total" | b"committed" => ("jvm.memory.committed", SeriesKind::Gauge),
        b"max" | b"max capacity" => ("jvm.memory.limit", SeriesKind::Limit),
        _ => return None,
    };
    Some(Signal { kind, ..signal(name, Unit::Bytes) })
}

/// Parts of a pool, regions and addresses.
fn is_part(line: &[u8]) -> bool {
    line.trim_ascii().is_empty()
        || line.starts_with(b" ")
        || line == SHENANDOAH
        || [&b"Status: "[..], b"Reserved region:", b"Collection set:"].iter().any(|head| line.starts_with(head))
}

/// The sizes of a pool by their names.
type Sizes<'a> = Vec<(&'a [u8], f64)>;

/// ` def new generation   total 39296K, used 16812K [0x..`, ` ZHeap           used 2M, capacity 64M, max capacity 64M`,
/// ` 65536K max, 65536K soft max, 65536K committed, 1536K used`: name and sizes.
fn pool(line: &[u8]) -> Option<(&[u8], Sizes<'_>)> {
    let text = line.trim_ascii();
    let text = memchr::memmem::find(text, b" [0x").map_or(text, |at| &text[..at]);
    let mut parts = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    let first = parts.next()?;
    let (name, mut sizes) = match rsplit_once(first, b" ") {
        Some((words, size)) if bytes(size).is_some() => {
            let (name, key) = rsplit_once(words, b" ")?;
            if !matches!(key, b"total" | b"used") {
                return None;
            }
            (name.trim_ascii_end(), vec![(key, bytes(size)?)])
        }
        // Shenandoah prints the number first.
        Some((size, b"max")) => (SHENANDOAH, vec![(&b"max"[..], bytes(size)?)]),
        _ => return None,
    };
    for part in parts {
        if let Some((key, value)) = rsplit_once(part, b" ").and_then(|(key, size)| Some((key, bytes(size)?))) {
            sizes.push((key, value));
        } else if let Some((value, key)) =
            crate::lines::split_once(part, b" ").and_then(|(size, key)| Some((bytes(size)?, key)))
        {
            sizes.push((key, value));
        }
    }
    (!name.is_empty() && sizes.len() > 1).then_some((name, sizes))
}

/// `39296K`, in bytes.
fn bytes(text: &[u8]) -> Option<f64> {
    let (unit, digits) = text.split_last()?;
    let scale = match unit {
        b'B' => 1.0,
        b'K' => 1024.0,
        b'M' => 1_048_576.0,
        b'G' => 1_073_741_824.0,
        _ => return None,
    };
    decimal(digits).map(|value| value as f64 * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, Vec<(String, f64)>)> {
        let (name, sizes) = pool(line.as_bytes())?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some((text(name), sizes.into_iter().map(|(key, value)| (text(key), value / 1024.0)).collect()))
    }

    fn expected(name: &str, sizes: &[(&str, f64)]) -> Option<(String, Vec<(String, f64)>)> {
        Some((name.to_owned(), sizes.iter().map(|(key, value)| (key.to_string(), *value)).collect()))
    }

    #[test]
    fn pools_of_each_collector() {
        let g1 = " garbage-first heap   total 262144K, used 67364K [0x00000000f0000000, 0x0000000100000000)";
        assert_eq!(read(g1), expected("garbage-first heap", &[("total", 262_144.0), ("used", 67_364.0)]));
        let z = " ZHeap           used 2M, capacity 64M, max capacity 64M";
        assert_eq!(read(z), expected("ZHeap", &[("used", 2048.0), ("capacity", 65_536.0), ("max capacity", 65_536.0)]));
        let shenandoah = " 65536K max, 65536K soft max, 65536K committed, 1536K used";
        let sizes = [("max", 65_536.0), ("soft max", 65_536.0), ("committed", 65_536.0), ("used", 1536.0)];
        assert_eq!(read(shenandoah), expected("Shenandoah Heap", &sizes));
        let class = "  class space    used 908K, committed 1024K, reserved 1048576K";
        assert_eq!(
            read(class),
            expected("class space", &[("used", 908.0), ("committed", 1024.0), ("reserved", 1_048_576.0)])
        );
    }

    #[test]
    fn parts_of_a_pool_are_no_pools() {
        for line in [
            "  eden space 34944K,  48% used [0x00000000f8000000, 0x0)",
            "  region size 1024K, 62 young (63488K), 2 survivors (2048K)",
            " 256 x 256K regions",
            "",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
