//! HotSpot's garbage collection logs up to JDK 8 (`-XX:+PrintGC`, `-XX:+PrintGCDetails`): Serial, Parallel, CMS and G1.
//! Source: `gc_implementation/*` and `memory/genCollectedHeap.cpp` of HotSpot 8, `utilities/ostream.cpp` (stamps).

use crate::evidence::{Parsed, When};
use crate::jvm_gc_log::{ASKED, COLUMNS, Log, bytes};
use crate::kernel_oom::lossy;
use crate::lines::{Lines, decimal, float, split_once, words};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded, time};
use memchr::memchr;

/// GC logs of JDK 8 and before.
pub struct Jdk8GcLog;

impl Format for Jdk8GcLog {
    fn id(&self) -> &'static str {
        "jdk8-gc-log"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        matches!(line[0], b'0'..=b'9' | b'[' | b'T' | b'A' | b'C' | b'#') && Stamped::of(line).kind().is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut log = Log::default();
        while let Some(line) = lines.peek() {
            let stamped = Stamped::of(line);
            let Some(kind) = stamped.kind() else { break };
            let number = lines.number();
            if let Some(uptime) = stamped.uptime {
                let wall = stamped.wall.or(lines.time());
                out.tie(When::Uptime(uptime), wall, stamped.wall.is_some(), number);
            }
            let logged = lines.time().map_or(hint.when, When::Wall);
            let when = stamped.wall.map(When::Wall).or(stamped.uptime.map(When::Uptime)).unwrap_or(logged);
            lines.advance();
            match kind {
                Kind::Collection => {
                    let pause = pause(stamped.said, lines);
                    if pause.failed {
                        log.exhausted(stamped.said, when, number);
                    }
                    if let Some(values) = pause.values(stamped.id) {
                        log.push(when, number, values);
                    }
                }
                Kind::Stopped => log.stopped(stamped.said, when, number),
                Kind::Flags => flags(stamped.said, number, &mut log),
                Kind::Other => {}
            }
        }
        log.finish(out);
    }
}

/// A line without what stands before its message.
struct Stamped<'a> {
    wall: Option<i64>,
    uptime: Option<f64>,
    /// `#12: ` of `-XX:+PrintGCID`.
    id: Option<u64>,
    said: &'a [u8],
}

/// What a line tells of.
enum Kind {
    /// `[GC ...`, `[Full GC ...`.
    Collection,
    /// How long the program stood still.
    Stopped,
    /// `CommandLine flags: ...`.
    Flags,
    /// Steps of a collector that stop nothing.
    Other,
}

const STOPPED: &[u8] = b"Total time for which application threads were stopped: ";
const FLAGS: &[u8] = b"CommandLine flags: -XX:";

impl<'a> Stamped<'a> {
    /// `2022-08-01T17:16:33.170+0000: 0.169: #0: [GC ...`: each stamp may be missing.
    fn of(line: &'a [u8]) -> Self {
        let mut stamped = Stamped { wall: None, uptime: None, id: None, said: line };
        while let Some((stamp, rest)) = split_once(stamped.said, b": ") {
            if stamp.len() > 18 && stamp[4] == b'-' && stamp[10] == b'T' {
                stamped.wall = time::instant(stamp);
            } else if let Some(id) = stamp.strip_prefix(b"#").and_then(decimal) {
                stamped.id = Some(id);
            } else if stamp.first().is_some_and(u8::is_ascii_digit) && stamp.iter().any(|b| matches!(b, b'.' | b',')) {
                let Some(uptime) = float(stamp).filter(|uptime| uptime.is_finite()) else { break };
                stamped.uptime = Some(uptime);
            } else {
                break;
            }
            stamped.said = rest;
        }
        stamped
    }

    fn kind(&self) -> Option<Kind> {
        let said = self.said;
        let is_pause = |rest: &[u8]| matches!(rest.first(), Some(b' ' | b'-'));
        match said.strip_prefix(b"[").map(|rest| rest.strip_prefix(b"Full ").unwrap_or(rest)) {
            Some(rest) if rest.starts_with(b"GC concurrent-") || rest.starts_with(b"CMS-concurrent-") => {
                Some(Kind::Other)
            }
            Some(rest) => rest.strip_prefix(b"GC").is_some_and(is_pause).then_some(Kind::Collection),
            None if said.starts_with(STOPPED) => Some(Kind::Stopped),
            None if said.starts_with(FLAGS) => Some(Kind::Flags),
            None if said.starts_with(b"Application time: ") && said.ends_with(b" seconds") => Some(Kind::Other),
            None => None,
        }
    }
}

/// A collection that stopped the program.
#[derive(Default)]
struct Pause {
    /// What stands between its own brackets, without what is in brackets of its own.
    own: Vec<u8>,
    /// `Heap: 21.5G(80.0G)->14.5G(80.0G)` of G1's details.
    heap: Option<[f64; 3]>,
    /// There was no room for what survived.
    failed: bool,
}

/// More lines belong to no collection.
const MOST_LINES: usize = 200;

/// Reads a collection whose first line was taken from the cursor. With details of ages and of G1 it goes on for lines.
fn pause(first: &[u8], lines: &mut Lines<'_>) -> Pause {
    let (mut pause, mut depth) = (Pause::default(), 0_usize);
    pause.add(first, &mut depth);
    for _ in 0..MOST_LINES {
        let Some(line) = lines.peek() else { break };
        let is_detail = line.starts_with(b" ") && matches!(line.trim_ascii_start().first(), Some(b'['));
        let is_cut = depth > 0 && matches!(Stamped::of(line).kind(), Some(Kind::Collection));
        if depth == 0 && !is_detail || is_cut {
            break;
        }
        if depth == 0 {
            pause.heap = pause.heap.or(heap(line));
        } else {
            pause.add(line, &mut depth);
        }
        lines.advance();
    }
    pause
}

impl Pause {
    fn add(&mut self, line: &[u8], depth: &mut usize) {
        const FAILURES: &[&[u8]] = &[b"to-space exhausted", b"to-space overflow", b"promotion failed"];
        self.failed |= FAILURES.iter().any(|failure| memchr::memmem::find(line, failure).is_some());
        for &byte in line {
            match byte {
                b'[' => *depth += 1,
                b']' if *depth > 1 => *depth -= 1,
                b']' => {
                    // What follows are the times of its threads.
                    *depth = 0;
                    return;
                }
                _ if *depth == 1 => self.own.push(byte),
                _ => {}
            }
        }
        self.own.push(b' ');
    }

    /// The row, where sizes are told.
    fn values(&self, id: Option<u64>) -> Option<[f64; COLUMNS.len()]> {
        let inline = words(&self.own).find_map(|word| sizes(word.strip_suffix(b",").unwrap_or(word)));
        let [before, after, capacity] = self.heap.or(inline)?;
        let is_full = self.own.starts_with(b"Full");
        let is_asked = ASKED.iter().any(|cause| memchr::memmem::find(&self.own, cause).is_some());
        let full = f64::from(u8::from(is_full));
        let id = id.map_or(f64::NAN, |id| id as f64);
        let asked = f64::from(u8::from(is_full && is_asked));
        Some([id, self.seconds().unwrap_or(f64::NAN), before, after, capacity, full, asked])
    }

    /// The last `, 0.0199218 secs`.
    fn seconds(&self) -> Option<f64> {
        let end = memchr::memmem::rfind(&self.own, b" secs")?;
        let digits = self.own[..end].rsplit(|byte| *byte == b' ').next()?;
        float(digits).filter(|value| value.is_finite())
    }
}

/// `24571K->22186K(94208K)`.
fn sizes(word: &[u8]) -> Option<[f64; 3]> {
    let (before, rest) = split_once(word, b"->")?;
    let (after, capacity) = split_once(rest, b"(")?;
    Some([bytes(before)?, bytes(after)?, bytes(capacity.strip_suffix(b")")?)?])
}

/// `   [Eden: 20.0G(20.0G)->0.0B(17.5G) Survivors: 0.0B->2560.0M Heap: 21.5G(80.0G)->14.5G(80.0G)]`.
fn heap(line: &[u8]) -> Option<[f64; 3]> {
    let (_, rest) = split_once(line, b" Heap: ")?;
    let (before, rest) = split_once(rest, b"->")?;
    let (after, rest) = split_once(rest, b"(")?;
    Some([bytes(&before[..memchr(b'(', before)?])?, bytes(after)?, bytes(&rest[..memchr(b')', rest)?])?])
}

/// `CommandLine flags: -XX:MaxHeapSize=536870912 -XX:+UseConcMarkSweepGC ...`.
fn flags(said: &[u8], line: u32, log: &mut Log) {
    for flag in words(said).filter_map(|flag| flag.strip_prefix(b"-XX:")) {
        if let Some(size) = flag.strip_prefix(b"MaxHeapSize=").and_then(decimal) {
            log.set("heap_max_bytes", size.to_string(), line);
        } else if let Some(collector) = flag.strip_prefix(b"+Use").and_then(|name| name.strip_suffix(b"GC")) {
            log.set("collector", lossy(collector), line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Events, Evidence, Record};
    use crate::lines::Text;

    const KIB: f64 = 1024.0;

    fn parse(text: &str) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if !line.is_empty() && Jdk8GcLog.opens(line) {
                Jdk8GcLog.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn events(out: &Parsed) -> &Events {
        out.evidence.iter().find_map(|e| if let Evidence::Events(events) = e { Some(events) } else { None }).unwrap()
    }

    fn records(out: &Parsed) -> Vec<&Record> {
        out.evidence.iter().filter_map(|e| if let Evidence::Record(record) = e { Some(record) } else { None }).collect()
    }

    fn row(text: &str) -> Vec<f64> {
        events(&parse(text)).row(0).to_vec()
    }

    #[test]
    fn pauses_of_each_collector() {
        let parallel = "2.5: [GC (Allocation Failure) [PSYoungGen: 600K->90K(700K)] 900K->400K(2000K), 0.0050000 secs] \
                        [Times: user=0.01 sys=0.00, real=0.01 secs] ";
        assert_eq!(row(parallel)[1..], [0.005, 900.0 * KIB, 400.0 * KIB, 2000.0 * KIB, 0.0, 0.0]);
        let full = "7.5: #2: [Full GC (System.gc()) [PSYoungGen: 90K->0K(700K)] [ParOldGen: 30K->80K(1300K)] \
                    120K->80K(2000K), [Metaspace: 16K->16K(1064K)], 0.6000000 secs]";
        assert_eq!(row(full), [2.0, 0.6, 120.0 * KIB, 80.0 * KIB, 2000.0 * KIB, 1.0, 1.0]);
        let serial = "0.1: [GC (Allocation Failure) 0.1: [DefNew: 4928K->512K(4928K), 0.0035 secs] \
                      4928K->1543K(15872K), 0.0036 secs]";
        assert_eq!(row(serial)[1..4], [0.0036, 4928.0 * KIB, 1543.0 * KIB]);
        let cms = "9.0: [Full GC (Allocation Failure) 9.0: [CMS2020-01-01T00:00:00.100+0000: 9.1: \
                   [CMS-concurrent-mark: 0.1/0.2 secs] [Times: user=0.1 sys=0.0, real=0.1 secs]\n\
                   \x20(concurrent mode failure): 1300K->1200K(1300K), 0.5 secs] 1900K->1200K(2000K), \
                   [Metaspace: 5K->5K(10K)], 0.7 secs] [Times: user=0.1 sys=0.0, real=0.7 secs]";
        assert_eq!(row(cms)[1..], [0.7, 1900.0 * KIB, 1200.0 * KIB, 2000.0 * KIB, 1.0, 0.0]);
    }

    #[test]
    fn details_of_g1() {
        let text = "26.214: [GC pause (G1 Evacuation Pause) (young) (to-space exhausted)\n\
                    Desired survivor size 1342 bytes, new threshold 15 (max 15)\n, 0.7500000 secs]\n\
                    \x20  [Parallel Time: 700.4 ms, GC Workers: 18]\n\
                    \x20     [GC Worker Start (ms): Min: 26214.3, Avg: 26215.9, Max: 26218.8, Diff: 4.4]\n\
                    \x20  [Eden: 2.0G(2.0G)->0.0B(1.5G) Survivors: 0.0B->256.0M Heap: 3.5G(8.0G)->1.5G(8.0G)]\n\
                    \x20[Times: user=152.96 sys=93.94, real=0.76 secs] \n\
                    27.0: [GC concurrent-root-region-scan-start]\n\
                    28.0: [GC remark, 0.01 secs]\n\
                    29.0: [GC cleanup 30M->20M(100M), 0.0010000 secs]\n";
        let out = parse(text);
        let (events, gib) = (events(&out), KIB * KIB * KIB);
        assert_eq!(events.rows.iter().map(|row| row.1).collect::<Vec<_>>(), [1, 10]);
        assert_eq!(events.row(0)[1..5], [0.75, 3.5 * gib, 1.5 * gib, 8.0 * gib]);
        assert_eq!(events.rows[0].0, When::Uptime(26.214));
        assert_eq!(records(&out)[0].attribute("class"), Some("gc-to-space-exhausted"));
    }

    #[test]
    fn stops_flags_and_stamps() {
        let out = parse(
            "CommandLine flags: -XX:InitialHeapSize=33554432 -XX:MaxHeapSize=536870912 -XX:+PrintGC -XX:+UseParallelGC \n\
             2022-08-01T17:16:33.170+0000: 0.169: [GC (Allocation Failure)  8678K->1081K(9792K), 0.0088699 secs]\n\
             2022-08-01T17:16:33.180+0000: 0.179: Total time for which application threads were stopped: \
             0.0120000 seconds, Stopping threads took: 0.0000100 seconds\n",
        );
        assert_eq!(events(&out).rows[0].0, When::Wall(time::instant(b"2022-08-01T17:16:33.170Z").unwrap()));
        let (setting, stops) = (records(&out)[0], records(&out)[1]);
        assert_eq!(setting.attribute("heap_max_bytes"), Some("536870912"));
        assert_eq!(setting.attribute("collector"), Some("Parallel"));
        assert_eq!((stops.attribute("class"), stops.attribute("seconds")), (Some("jvm-safepoint"), Some("0.012000")));
    }

    #[test]
    fn other_lines_open_nothing() {
        for line in [&b"[GCP] x"[..], b"[INFO] GC", b"12: 5", b"2022-08-01T17:16:33.170+0000: x", b"[gc,start] GC(0)"] {
            assert!(!Jdk8GcLog.opens(line), "{}", lossy(line));
        }
    }
}
