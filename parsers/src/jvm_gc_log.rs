//! HotSpot's unified garbage collection logs, 11 and later (`-Xlog:gc*`): Serial, Parallel, G1, ZGC and Shenandoah, with
//! any decoration. Source: `src/hotspot/share/gc/shared/gcTraceTime.cpp`, `gc/z/zStat.cpp`, `logging/logDecorations.cpp`.

use crate::evidence::{Claims, EventKind, Events, Evidence, Parsed, Record, RecordKind, When};
use crate::kernel_oom::lossy;
use crate::lines::{LineNo, Lines, decimal, float, rsplit_once, split_once, words};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff, sniff_embedded, time};
use memchr::memchr;

/// Columns of the rows. Sizes are rounded by the JVM to whole units as printed; a pause stops all threads.
pub const COLUMNS: &[&str] = &[
    "gc_number",
    "pause_s",
    "heap_before_bytes",
    // Not given for pauses of G1 that collect nothing (Remark, Cleanup).
    "heap_after_bytes",
    // ZGC prints none.
    "heap_capacity_bytes",
    // 1: all of the heap was collected with the program stopped.
    "full",
    // 1: as `full`, and somebody asked for it (`System.gc()`, a histogram, a heap dump).
    "asked",
];

/// Causes of full collections that no lack of memory brought about.
pub(crate) const ASKED: &[&[u8]] = &[b"System.gc()", b"Heap Inspection", b"Heap Dump", b"Diagnostic Command"];

/// Unified GC logs.
pub struct JvmGcLog;

impl Format for JvmGcLog {
    fn id(&self) -> &'static str {
        "jvm-gc-log"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        message(line).is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut log = Log::default();
        while let Some(line) = lines.peek() {
            let Some(said) = message(line) else { break };
            let (wall, uptime) = clocks(line, said);
            if let Some(uptime) = uptime {
                out.tie(When::Uptime(uptime), wall.or(lines.time()), wall.is_some(), lines.number());
            }
            // A wrapper's time is that of the write; the uptime is exact.
            let logged = lines.time().map_or(hint.when, When::Wall);
            let when = wall.map(When::Wall).or(uptime.map(When::Uptime)).unwrap_or(logged);
            log.line(said, when, lines.number());
            lines.advance();
        }
        log.finish(out);
    }
}

/// What a line says behind its decorations; none for lines of other logs.
fn message(line: &[u8]) -> Option<&[u8]> {
    let (mut rest, mut is_gc) = (line, false);
    while rest.first() == Some(&b'[') {
        let end = memchr(b']', rest)?;
        let group = rest[1..end].trim_ascii();
        is_gc |= [&b"gc"[..], b"safepoint"].iter().any(|tag| tags_begin_with(group, tag));
        rest = &rest[end + 1..];
    }
    let said = rest.trim_ascii();
    let is_numbered = said.starts_with(b"GC(") && number(said).is_some();
    // Without tags only what no other log says is taken.
    let is_safepoint = rest.len() < line.len() && said.starts_with(b"Safepoint \"");
    (is_gc && !said.is_empty() || is_numbered || is_safepoint).then_some(said)
}

/// `gc`, `gc,heap`.
fn tags_begin_with(group: &[u8], tag: &[u8]) -> bool {
    group.strip_prefix(tag).is_some_and(|rest| rest.is_empty() || rest[0] == b',')
}

/// The number of a collection and what is said of it: `GC(12) Pause Remark ...`.
fn number(said: &[u8]) -> Option<(u64, &[u8])> {
    let (number, rest) = split_once(said.strip_prefix(b"GC(")?, b")")?;
    Some((decimal(number)?, rest.trim_ascii_start()))
}

/// No JVM is up for thirty years.
const EPOCH_FROM: f64 = 1e9;

/// The times among the decorations: of the wall in nanoseconds since 1970, and since the start in seconds.
fn clocks(line: &[u8], said: &[u8]) -> (Option<i64>, Option<f64>) {
    let decorations = &line[..line.len().saturating_sub(said.len())];
    let (mut wall, mut uptime) = (None, None);
    for group in decorations.split(|byte| matches!(byte, b'[' | b']')).map(<[u8]>::trim_ascii) {
        if group.len() > 18 && group[4] == b'-' {
            wall = wall.or(time::instant(group));
            continue;
        }
        let (digits, scale) = match (group.strip_suffix(b"ms"), group.strip_suffix(b"ns"), group.strip_suffix(b"s")) {
            (Some(digits), _, _) => (digits, 1e3),
            (_, Some(digits), _) => (digits, 1e9),
            (_, _, Some(digits)) => (digits, 1.0),
            _ => continue,
        };
        let Some(seconds) = float(digits).filter(|value| value.is_finite()).map(|value| value / scale) else {
            continue;
        };
        if seconds > EPOCH_FROM {
            // `timemillis` and `timenanos` count from 1970.
            wall = wall.or(Some((seconds * 1e9) as i64));
            continue;
        }
        uptime = uptime.or(Some(seconds));
    }
    (wall, uptime)
}

/// What is more than a row: a sign that the collector does not keep up.
#[derive(Default)]
struct Sign {
    count: u64,
    seconds: f64,
    /// First line, line behind the last, and when the first was seen.
    first: LineNo,
    end: LineNo,
    when: When,
    text: String,
}

impl Sign {
    fn add(&mut self, seconds: f64, text: &[u8], when: When, line: LineNo) {
        if self.count == 0 {
            (self.first, self.when, self.text) = (line, when, lossy(text));
        }
        (self.count, self.seconds, self.end) = (self.count + 1, self.seconds + seconds, line.saturating_add(1));
    }
}

/// Classes of the records, in the order of [`Log::signs`].
const CLASSES: [&str; 3] = ["gc-to-space-exhausted", "gc-allocation-stall", "gc-degenerated"];

/// How long the program stood still in safepoints, and how long its threads took to get there.
#[derive(Default)]
struct Safepoints {
    sign: Sign,
    reaching_s: f64,
    longest_s: f64,
    /// What the longest way to a safepoint was for.
    operation: String,
}

#[derive(Default)]
pub(crate) struct Log {
    rows: Vec<(When, LineNo)>,
    values: Vec<f64>,
    signs: [Sign; CLASSES.len()],
    safepoints: Safepoints,
    settings: Vec<(&'static str, String)>,
    /// Where the settings stand.
    settings_at: (LineNo, LineNo),
    /// The last row is a clean-up of this cycle of Shenandoah, which makes several.
    cleaned: Option<u64>,
}

impl Log {
    fn line(&mut self, said: &[u8], when: When, line: LineNo) {
        let (gc, rest) = number(said).map_or((None, said), |(gc, rest)| (Some(gc), rest));
        if rest.starts_with(b"To-space exhausted") || contains(rest, b"(Evacuation Failure") && ends_in_time(rest) {
            self.sign(0, 0.0, rest, when, line);
        } else if rest.starts_with(b"Allocation Stall (") {
            self.sign(1, seconds(rest).unwrap_or(0.0), rest, when, line);
        } else if rest.starts_with(b"Pause Degenerated GC") && ends_in_time(rest) {
            self.sign(2, seconds(rest).unwrap_or(0.0), rest, when, line);
        }
        match gc {
            Some(gc) => self.row(gc, rest, when, line),
            None if self.safepoint(rest, when, line) => {}
            None => self.setting(rest, line),
        }
    }

    /// `Safepoint "G1CollectForAllocation", Time since last: 601615788 ns, Reaching safepoint: 9337 ns, .., Total: 55278361 ns`.
    fn safepoint(&mut self, text: &[u8], when: When, line: LineNo) -> bool {
        let Some((operation, rest)) = text.strip_prefix(b"Safepoint \"").and_then(|rest| split_once(rest, b"\""))
        else {
            return false;
        };
        let seconds = |key: &[u8]| {
            let mut fields = rest.split(|byte| *byte == b',').filter_map(|field| split_once(field.trim_ascii(), b": "));
            fields.find(|(name, _)| *name == key).and_then(|(_, value)| decimal(value.strip_suffix(b" ns")?))
        };
        let (Some(total), Some(reaching)) = (seconds(b"Total"), seconds(b"Reaching safepoint")) else { return false };
        self.stop(total as f64 / 1e9, reaching as f64 / 1e9, operation, text, when, line);
        true
    }

    fn sign(&mut self, class: usize, seconds: f64, text: &[u8], when: When, line: LineNo) {
        self.signs[class].add(seconds, text, when, line);
    }

    /// Only what ends in a size transition is a row: with `gc,start` each pause stands twice.
    fn row(&mut self, gc: u64, text: &[u8], when: When, line: LineNo) {
        const PAUSE: &[u8] = b"Pause ";
        const CYCLES: &[&[u8]] = &[b"Garbage Collection", b"Minor Collection", b"Major Collection"];
        const CLEANUP: &[u8] = b"Concurrent cleanup";
        let is_pause = text.starts_with(PAUSE);
        let is_cleanup = text.starts_with(CLEANUP);
        if !(is_pause || is_cleanup || CYCLES.iter().any(|cycle| text.starts_with(cycle))) {
            return;
        }
        let Some((before, after, capacity)) = transition(text) else { return };
        let is_full = text.starts_with(b"Pause Full");
        let collects_nothing = text.starts_with(b"Pause Remark") || text.starts_with(b"Pause Cleanup");
        let mut values = [
            gc as f64,
            if is_pause { seconds(text).unwrap_or(f64::NAN) } else { f64::NAN },
            before,
            if collects_nothing { f64::NAN } else { after },
            capacity,
            f64::from(u8::from(is_full)),
            f64::from(u8::from(is_full && ASKED.iter().any(|cause| contains(text, cause)))),
        ];
        let again = is_cleanup && self.cleaned == Some(gc);
        self.cleaned = is_cleanup.then_some(gc);
        if again && let (Some(row), Some(last)) = (self.rows.last_mut(), self.values.last_chunk_mut()) {
            values[2] = last[2];
            (*row, *last) = ((when, line), values);
            return;
        }
        self.push(when, line, values);
    }

    /// Adds a row.
    pub(crate) fn push(&mut self, when: When, line: LineNo, values: [f64; COLUMNS.len()]) {
        self.rows.push((when, line));
        self.values.extend(values);
    }

    /// What survived a collection found no room.
    pub(crate) fn exhausted(&mut self, text: &[u8], when: When, line: LineNo) {
        self.sign(0, 0.0, text, when, line);
    }

    /// `Total time for which application threads were stopped: 0.0120000 seconds, Stopping threads took: 0.0000100
    /// seconds`, of JDK 8; the operation is not told.
    pub(crate) fn stopped(&mut self, text: &[u8], when: When, line: LineNo) {
        let mut times = text.split(|byte| *byte == b',').filter_map(|field| {
            let (_, seconds) = split_once(field, b": ")?;
            float(seconds.strip_suffix(b" seconds")?)
        });
        let (Some(total), reaching) = (times.next(), times.next().unwrap_or(0.0)) else { return };
        self.stop(total, reaching, b"", text, when, line);
    }

    fn stop(&mut self, total: f64, reaching: f64, operation: &[u8], text: &[u8], when: When, line: LineNo) {
        let safepoints = &mut self.safepoints;
        safepoints.sign.add(total, text, when, line);
        safepoints.reaching_s += reaching;
        if reaching > safepoints.longest_s {
            (safepoints.longest_s, safepoints.operation) = (reaching, lossy(operation));
        }
    }

    /// What the head of a log says of the JVM: `Using G1`, `Heap Max Capacity: 96M`.
    fn setting(&mut self, text: &[u8], line: LineNo) {
        let (key, value) = match split_once(text, b": ") {
            Some((b"Heap Max Capacity" | b"Max Capacity", value)) => ("heap_max_bytes", bytes(value.trim_ascii())),
            Some((b"Memory", value)) => ("memory_bytes", bytes(value.trim_ascii())),
            Some((b"CPUs", value)) => ("cpus", words(value).nth(2).and_then(float)),
            Some((b"Version", value)) => return self.set("jvm_version", lossy(value), line),
            Some(_) => return,
            None => match text.strip_prefix(b"Using ") {
                Some(name) if words(name).count() <= 3 => return self.set("collector", lossy(name), line),
                _ => return,
            },
        };
        if let Some(value) = value {
            self.set(key, format!("{value}"), line);
        }
    }

    /// Keeps the first value of a setting.
    pub(crate) fn set(&mut self, key: &'static str, value: String, line: LineNo) {
        if self.settings.iter().any(|(known, _)| *known == key) {
            return;
        }
        if self.settings.is_empty() {
            self.settings_at.0 = line;
        }
        self.settings_at.1 = line.saturating_add(1);
        self.settings.push((key, value));
    }

    /// Hands over what was read.
    pub(crate) fn finish(self, out: &mut Parsed) {
        out.records += self.rows.len() as u64;
        if !self.settings.is_empty() {
            let (line, end) = self.settings_at;
            let text = "settings of the JVM in the head of its log".to_owned();
            out.evidence.push(Evidence::Record(record(
                RecordKind::Setting,
                self.settings,
                (line, end),
                When::Unknown,
                text,
            )));
        }
        for (sign, class) in self.signs.into_iter().zip(CLASSES).filter(|(sign, _)| sign.count > 0) {
            add_sign(sign, class, Vec::new(), out);
        }
        if self.safepoints.sign.count > 0 {
            let Safepoints { sign, reaching_s, longest_s, operation } = self.safepoints;
            out.records += sign.count;
            let more = vec![
                ("reaching_seconds", format!("{reaching_s:.6}")),
                (LONGEST, format!("{longest_s:.6}")),
                ("operation", operation),
            ];
            add_sign(sign, "jvm-safepoint", more, out);
        }
        if self.rows.is_empty() {
            return;
        }
        let known = out.evidence.iter_mut().rev().find_map(|evidence| match evidence {
            Evidence::Events(known) if known.kind == EventKind::JvmGc => Some(known),
            _ => None,
        });
        match known {
            Some(known) => {
                known.rows.extend(self.rows);
                known.values.extend(self.values);
            }
            None => out.evidence.push(Evidence::Events(Events {
                claims: Claims::default(),
                kind: EventKind::JvmGc,
                columns: COLUMNS,
                rows: self.rows,
                values: self.values,
            })),
        }
    }
}

fn record(
    kind: RecordKind,
    attributes: Vec<(&'static str, String)>,
    (line, end): (LineNo, LineNo),
    when: When,
    text: String,
) -> Record {
    Record { line, end, claims: Claims::default(), when, kind, attributes, stack: StackId::EMPTY, text }
}

/// One record per class and log: it counts. A program that writes among the lines of the log does not part it.
fn add_sign(sign: Sign, class: &'static str, more: Vec<(&'static str, String)>, out: &mut Parsed) {
    let mut attributes = vec![
        ("class", class.to_owned()),
        ("count", sign.count.to_string()),
        ("seconds", format!("{:.6}", sign.seconds)),
    ];
    attributes.extend(more);
    let known = out.evidence.iter_mut().rev().find_map(|evidence| match evidence {
        Evidence::Record(known) if known.attribute("class") == Some(class) => Some(known),
        _ => None,
    });
    let Some(known) = known else {
        let record = record(RecordKind::Log, attributes, (sign.first, sign.end), sign.when, sign.text);
        return out.evidence.push(Evidence::Record(record));
    };
    known.end = known.end.max(sign.end);
    let number = |text: &str| text.parse::<f64>().unwrap_or(0.0);
    let find = |name: &str| attributes.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value.as_str());
    let longer = known.attribute(LONGEST).is_some_and(|known| number(find(LONGEST)) > number(known));
    for (key, value) in &mut known.attributes {
        let new = find(key);
        match *key {
            "count" => *value = value.parse::<u64>().unwrap_or(0).saturating_add(sign.count).to_string(),
            "seconds" | "reaching_seconds" => *value = format!("{:.6}", number(value) + number(new)),
            LONGEST | "operation" if longer => new.clone_into(value),
            _ => {}
        }
    }
}

/// The longest way to a safepoint.
const LONGEST: &str = "longest_reaching_seconds";

fn contains(text: &[u8], what: &[u8]) -> bool {
    memchr::memmem::find(text, what).is_some()
}

fn ends_in_time(text: &[u8]) -> bool {
    seconds(text).is_some()
}

/// The time that a message ends with: `9.856ms`, `0.042s`.
fn seconds(text: &[u8]) -> Option<f64> {
    let last = text.rsplit(|byte| *byte == b' ').next()?;
    let (digits, scale) = match last.strip_suffix(b"ms") {
        Some(digits) => (digits, 1e3),
        None => (last.strip_suffix(b"s")?, 1.0),
    };
    float(digits).filter(|value| value.is_finite()).map(|value| value / scale)
}

/// `6M->1M(96M)`, `96M(100%)->40M(42%)`: before, after and capacity.
fn transition(text: &[u8]) -> Option<(f64, f64, f64)> {
    let word = text.rsplit(|byte| *byte == b' ').take(2).find(|word| contains(word, b"->"))?;
    let (before, after) = split_once(word, b"->")?;
    let before = before.split(|byte| *byte == b'(').next()?;
    let (after, capacity) = rsplit_once(after.strip_suffix(b")")?, b"(")?;
    let capacity = if capacity.ends_with(b"%") { f64::NAN } else { bytes(capacity)? };
    Some((bytes(before)?, bytes(after)?, capacity))
}

/// `96M`, in bytes.
pub(crate) fn bytes(text: &[u8]) -> Option<f64> {
    let (last, digits) = text.split_last()?;
    let unit = match last {
        b'B' => 1.0,
        b'K' => 1024.0,
        b'M' => 1_048_576.0,
        b'G' => 1_073_741_824.0,
        b'T' => 1_099_511_627_776.0,
        _ => return None,
    };
    float(digits).filter(|value| value.is_finite()).map(|value| value * unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    const MIB: f64 = 1_048_576.0;

    fn parse(text: &str) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if JvmGcLog.opens(line) {
                JvmGcLog.parse(&mut lines, &Hint::default(), &mut out);
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

    fn row(line: &str) -> Vec<f64> {
        let out = parse(line);
        events(&out).row(0).to_vec()
    }

    #[test]
    fn pauses_of_each_collector() {
        let g1 = "[0.255s][info][gc          ] GC(0) Pause Young (Normal) (G1 Evacuation Pause) 6M->1M(96M) 9.856ms";
        assert_eq!(row(g1), [0.0, 0.009_856, 6.0 * MIB, MIB, 96.0 * MIB, 0.0, 0.0]);
        let full = "[1.1s][info][gc] GC(7) Pause Full (G1 Compaction Pause) 58M->57M(64M) 1.223ms";
        assert_eq!(row(full), [7.0, 1.223 / 1e3, 58.0 * MIB, 57.0 * MIB, 64.0 * MIB, 1.0, 0.0]);
        let z = row("[1.1s][info][gc] GC(3) Garbage Collection (Allocation Rate) 96M(100%)->40M(42%)");
        assert_eq!((z[2], z[3]), (96.0 * MIB, 40.0 * MIB));
        assert!(z[1].is_nan() && z[4].is_nan());
        let young = row("[1.1s][info][gc] GC(0) Major Collection (Metadata GC Threshold) 228M(0%)->34M(0%) 0.042s");
        assert_eq!(young[3], 34.0 * MIB);
        assert!(young[1].is_nan(), "a cycle is no pause");
        let remark = row("[1.1s][info][gc] GC(4) Pause Remark 40M->38M(64M) 0.512ms");
        assert!(remark[3].is_nan() && remark[1] > 0.0);
    }

    #[test]
    fn what_is_no_collection_is_no_row() {
        let out = parse(
            "[0.2s][info][gc,start    ] GC(0) Pause Young (Allocation Failure)\n\
             [0.2s][info][gc,metaspace] GC(0) Metaspace: 123K(320K)->123K(320K) NonClass: 1K(1K)->1K(1K) Class: 3K(3K)->3K(3K)\n\
             [0.2s][info][gc,heap     ] GC(0) DefNew: 26176K(29440K)->3264K(29440K)\n\
             [0.2s][info][gc          ] GC(1) Concurrent Mark Cycle 5ms\n\
             [0.2s][info][safepoint   ] Safepoint \"G1CollectForAllocation\", Time since last: 128661449 ns\n",
        );
        assert!(out.evidence.is_empty(), "{:?}", out.evidence);
        for line in [&b"[gc thread started"[..], b"[INFO] hello", b"GC(x) y", b"[2026][gcd] x"] {
            assert!(!JvmGcLog.opens(line), "{}", lossy(line));
        }
    }

    #[test]
    fn decorations_vary() {
        let pause = "GC(0) Pause Young (Normal) (G1 Evacuation Pause) 6M->6M(64M) 21.671ms";
        let at = |decorations: &str| events(&parse(&format!("{decorations}{pause}"))).rows[0].0;
        let wall = When::Wall(time::instant(b"2026-11-21T22:54:17.811Z").unwrap());
        assert_eq!(at("[2026-11-21T22:54:17.811+0000][0.128s][info][gc] "), wall);
        assert_eq!(at("[0.015s][21934][info][gc] "), When::Uptime(0.015));
        assert_eq!(at("[0,595s][info][gc] "), When::Uptime(0.595));
        assert_eq!(at("[595ms] "), When::Uptime(0.595));
        assert_eq!(at(""), When::Unknown);
        let near = |when| matches!(when, When::Wall(ns) if (ns - 1_795_321_116_644_000_000_i64).abs() < 1_000);
        assert!(near(at("[2.160s][1795321116644ms][info][gc] ")) && near(at("[1795321116644000000ns] ")));
    }

    #[test]
    fn signs_are_counted_once_per_log() {
        let stall = "[1.0s][info][gc] Allocation Stall (main) 4.131ms\n";
        let text = format!(
            "{stall}hello\n{stall}[1.2s][info][gc] GC(3) To-space exhausted\n\
            [1.3s][info][gc] GC(4) Pause Degenerated GC (Outside of Cycle) 85M->77M(96M) 2.937ms\n\
            [1.3s][info][gc,start] GC(5) Pause Degenerated GC (Outside of Cycle)\n"
        );
        let out = parse(&text);
        let seen: Vec<_> = records(&out)
            .iter()
            .map(|r| (r.attribute("class"), r.attribute("count"), r.attribute("seconds")))
            .collect();
        let expected = |class, count, seconds| (Some(class), Some(count), Some(seconds));
        assert_eq!(
            seen,
            [
                expected("gc-allocation-stall", "2", "0.008262"),
                expected("gc-to-space-exhausted", "1", "0.000000"),
                expected("gc-degenerated", "1", "0.002937"),
            ]
        );
        assert_eq!((records(&out)[0].line, records(&out)[0].end), (1, 4));
        assert_eq!(events(&out).rows.len(), 1);
    }

    #[test]
    fn safepoints_are_summed_and_the_slowest_is_named() {
        let point = |name: &str, reaching: u32, total: u32| {
            format!(
                "[0.7s][info][safepoint        ] Safepoint \"{name}\", Time since last: 601615788 ns, \
                 Reaching safepoint: {reaching} ns, Cleanup: 69942 ns, At safepoint: 55199082 ns, Total: {total} ns\n"
            )
        };
        let text = [
            point("G1CollectForAllocation", 9337, 55_278_361),
            "hello\n".to_owned(),
            point("ThreadDump", 38_447_678, 40_000_000),
            point("ICBufferFull", 14_032_299, 15_000_000),
        ];
        let out = parse(&text.concat());
        let [record] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        for (key, value) in [
            ("class", "jvm-safepoint"),
            ("count", "3"),
            ("seconds", "0.110278"),
            ("reaching_seconds", "0.052489"),
            ("longest_reaching_seconds", "0.038448"),
            ("operation", "ThreadDump"),
        ] {
            assert_eq!(record.attribute(key), Some(value), "{key}");
        }
        assert_eq!((record.line, record.end), (1, 5));
    }

    #[test]
    fn a_cycle_of_shenandoah_is_one_row() {
        let out = parse(
            "[1.5s][info][gc] GC(0) Concurrent cleanup 59M->58M(192M) 0.022ms\n\
             [1.6s][info][gc] GC(0) Concurrent evacuation 4.000ms\n\
             [1.7s][info][gc] GC(0) Concurrent cleanup 70M->12M(192M) 0.022ms\n\
             [2.7s][info][gc] GC(1) Concurrent cleanup 80M->13M(192M) 0.022ms\n",
        );
        let events = events(&out);
        assert_eq!(events.rows.iter().map(|row| row.1).collect::<Vec<_>>(), [3, 4]);
        assert_eq!((events.row(0)[2], events.row(0)[3]), (59.0 * MIB, 12.0 * MIB));
    }

    #[test]
    fn the_head_says_what_the_jvm_got() {
        let out = parse(
            "[0.010s][info][gc] Using Serial\n[0.010s][info][gc,init] Version: 17.0.15+6-Debian-1deb12u1 (release)\n\
             [0.010s][info][gc,init] CPUs: 2 total, 2 available\n[0.010s][info][gc,init] Memory: 24150M\n\
             [0.010s][info][gc,init] Heap Max Capacity: 192M\n",
        );
        let [record] = records(&out)[..] else { panic!() };
        assert_eq!(record.kind, RecordKind::Setting);
        assert_eq!(record.attribute("heap_max_bytes"), Some("201326592"));
        assert_eq!((record.attribute("collector"), record.attribute("cpus")), (Some("Serial"), Some("2")));
    }
}
