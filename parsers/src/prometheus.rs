//! Prometheus text exposition 0.0.4 and OpenMetrics 1.0, one scrape or many in one text.
//! Source: `docs/instrumenting/exposition_formats.md` of Prometheus and the OpenMetrics specification.

use crate::evidence::{Amount, Claims, Parsed, Point, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, trim, words};
use crate::series::{Odd, SeriesBuilder, Slot, claims_of, number};
use crate::signals::{Signal, Source, by_suffix, lookup};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::{memchr, memchr2};
use rustc_hash::FxHashMap;

/// Prometheus text.
pub struct Prometheus;

impl Format for Prometheus {
    fn id(&self) -> &'static str {
        "prometheus"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let (mut fitting, mut sure, mut odd) = (0u32, false, 0u32);
        for line in Text::new(head, 1).lines().filter(|line| !trim(line).is_empty()).take(40) {
            if let Some(comment) = line.strip_prefix(b"#") {
                sure |= declared(comment).is_some() || comment.starts_with(b" HELP ");
                continue;
            }
            match sample(line).and_then(|sample| Some((Key::read(sample.key)?, sample.value))) {
                Some((key, value)) if number(value).is_some() => {
                    fitting += 1;
                    sure |= !key.labels.is_empty() || lookup(Source::Metric, &key.name).is_some();
                }
                _ => odd += 1,
            }
        }
        // Kernel files of `key value` lines look like samples without labels: something must be Prometheus's own.
        if sure && fitting > 0 && odd * 4 <= fitting { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut scrape = Scrape { base: claims_of(hint), ..Scrape::default() };
        while let Some(line) = lines.peek() {
            let at = lines.number();
            match line.first() {
                None => {}
                Some(b'#') => scrape.comment(line),
                Some(_) => {
                    let when = scrape.time.or(lines.time()).map_or(hint.when, When::Wall);
                    if !scrape.line(line, when, at) && !trim(line).is_empty() {
                        scrape.odd.line(at);
                    }
                }
            }
            lines.advance();
        }
        scrape.finish(out);
    }
}

/// What `# TYPE` declares.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Declared {
    Counter,
    Distribution,
    Other,
}

/// ` TYPE go_threads gauge`, behind the `#`.
fn declared(comment: &[u8]) -> Option<(&[u8], Declared)> {
    let mut parts = words(comment.strip_prefix(b" TYPE ")?);
    let (name, word) = (parts.next()?, parts.next()?);
    let kind = match word {
        b"counter" => Declared::Counter,
        b"histogram" | b"summary" => Declared::Distribution,
        b"gauge" | b"untyped" | b"unknown" | b"info" | b"stateset" | b"gaugehistogram" => Declared::Other,
        _ => return None,
    };
    parts.next().is_none().then_some((name, kind))
}

/// State of one parse call.
#[derive(Default)]
struct Scrape<'a> {
    builder: SeriesBuilder<'a>,
    types: FxHashMap<&'a [u8], Declared>,
    /// Who the section is of, before labels.
    base: Claims,
    /// Time of the last `# scrape TIME`.
    time: Option<i64>,
    odd: Odd,
    infinite: Odd,
    bad_times: Odd,
}

impl<'a> Scrape<'a> {
    fn comment(&mut self, line: &'a [u8]) {
        let comment = &line[1..];
        if let Some((name, kind)) = declared(comment) {
            self.types.insert(name, kind);
        } else if let Some(instant) = comment.strip_prefix(b" scrape ").and_then(time::instant) {
            self.time = Some(instant);
        }
    }

    /// Takes a line of a sample; false when it is none.
    fn line(&mut self, line: &'a [u8], when: When, at: LineNo) -> bool {
        let Some(sample) = sample(line) else { return false };
        let Some(value) = number(sample.value) else { return false };
        let slot = match self.builder.known(sample.key) {
            Some(slot) => slot,
            None => {
                let Some(key) = Key::read(sample.key) else { return false };
                let slot = self.open(key);
                self.builder.remember(sample.key, slot);
                slot
            }
        };
        if value.is_nan() {
            return true;
        }
        let value = slot.reading.amount(value);
        if matches!(value, Amount::Value(value) if value.is_infinite()) {
            self.infinite.line(at);
            return true;
        }
        let when = match sample.time {
            [] => when,
            time => time::instant(time).map_or_else(
                || {
                    self.bad_times.line(at);
                    when
                },
                When::Wall,
            ),
        };
        self.builder.push(slot.series, Point { when, value, line: at });
        true
    }

    fn open(&mut self, key: Key) -> Slot {
        let signal = self.signal(&key);
        let mut claims = self.base.clone();
        let of_container = key.name.starts_with("container_");
        let labels = key.labels.into_iter().filter(|(name, value)| !claim(&mut claims, of_container, name, value));
        let labels = labels.collect();
        Slot { series: self.builder.open(&claims, &signal, labels), reading: signal.reading() }
    }

    fn signal(&self, key: &Key) -> Signal {
        if let Some(signal) = lookup(Source::Metric, &key.name) {
            return signal;
        }
        let name = key.name.as_str();
        let mut signal = by_suffix(name);
        let declared = |name: &str| self.types.get(name.as_bytes()).copied();
        if let Some((base, part)) = ["_bucket", "_sum", "_count"].iter().find_map(|p| Some((name.strip_suffix(p)?, *p)))
        {
            let of_values = by_suffix(base);
            let undeclared = declared(base).is_none() && declared(name).is_none();
            let bucket = part == "_bucket" && key.labels.iter().any(|(label, _)| label == "le");
            if declared(base) == Some(Declared::Distribution)
                || (undeclared && (bucket || of_values.unit != Unit::Unknown))
            {
                let (unit, scale) = if part == "_sum" { (of_values.unit, of_values.scale) } else { (Unit::Count, 1.0) };
                return Signal { unit, scale, kind: SeriesKind::Counter, ..signal };
            }
        }
        match declared(name) {
            Some(Declared::Counter) => signal.kind = SeriesKind::Counter,
            Some(_) => signal.kind = SeriesKind::Gauge,
            None => {}
        }
        signal
    }

    fn finish(self, out: &mut Parsed) {
        self.odd.note("that are not a sample", out);
        self.infinite.note("with an infinite value, left out", out);
        self.bad_times.note("with a time that cannot be read, that of the scrape taken", out);
        self.builder.finish(out);
    }
}

/// Takes a label as a claim where it says of whom the sample speaks.
fn claim(claims: &mut Claims, of_container: bool, name: &str, value: &str) -> bool {
    match name {
        // An empty label is the same as none.
        _ if value.is_empty() => return true,
        "container" | "container_name" => claims.container = Some(value.to_owned()),
        "pod" | "pod_name" => claims.pod = Some(value.to_owned()),
        "pid" => match decimal(value.as_bytes()) {
            Some(pid) => claims.pid = Some(pid),
            None => return false,
        },
        // cAdvisor's id is the path of the group; "/" is the node.
        "id" if of_container => match value.strip_prefix('/').filter(|path| !path.is_empty()) {
            Some(path) => claims.cgroup = Some(path.to_owned()),
            None => return false,
        },
        _ => return false,
    }
    true
}

/// The parts of a sample's line.
struct Sample<'a> {
    /// Name with labels, as printed.
    key: &'a [u8],
    value: &'a [u8],
    /// Time, empty where none: milliseconds, or seconds with a fraction in OpenMetrics.
    time: &'a [u8],
}

fn sample(line: &[u8]) -> Option<Sample<'_>> {
    let end = key_end(line)?;
    let (key, rest) = (&line[..end], line[end..].trim_ascii_start());
    let (value, rest) = next_word(rest);
    let (time, rest) = next_word(rest);
    // OpenMetrics: `# {trace_id="..."} 0.67` behind the value is an exemplar.
    if time.first() == Some(&b'#') {
        return Some(Sample { key, value, time: b"" });
    }
    let only_these = rest.is_empty() || rest.first() == Some(&b'#');
    (only_these && !value.is_empty()).then_some(Sample { key, value, time })
}

fn next_word(bytes: &[u8]) -> (&[u8], &[u8]) {
    match memchr2(b' ', b'\t', bytes) {
        Some(end) => (&bytes[..end], bytes[end..].trim_ascii_start()),
        None => (bytes, b""),
    }
}

/// The end of `name{labels}`.
fn key_end(line: &[u8]) -> Option<usize> {
    let end = line.iter().position(|b| matches!(b, b'{' | b' ' | b'\t'))?;
    if line[end] != b'{' {
        return Some(end);
    }
    let mut at = end + 1;
    loop {
        let found = at + memchr2(b'"', b'}', line.get(at..)?)?;
        if line[found] == b'}' {
            return Some(found + 1);
        }
        at = found + 1 + quote_end(&line[found + 1..])? + 1;
    }
}

/// The offset of the quote that ends a string.
fn quote_end(text: &[u8]) -> Option<usize> {
    let mut at = 0;
    loop {
        let found = at + memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[found] == b'"' {
            return Some(found);
        }
        at = found + 2;
    }
}

/// A name and its labels.
struct Key {
    name: String,
    labels: Vec<(String, String)>,
}

impl Key {
    fn read(key: &[u8]) -> Option<Key> {
        let open = memchr(b'{', key).unwrap_or(key.len());
        let mut name = std::str::from_utf8(&key[..open]).ok()?.to_owned();
        let mut labels = Vec::new();
        let mut rest = key.get(open + 1..).unwrap_or_default();
        loop {
            rest = rest.trim_ascii_start();
            match rest.first() {
                None | Some(b'}') => break,
                Some(b',') => rest = &rest[1..],
                // A name that is no identifier stands quoted among the labels.
                Some(b'"') => (name, rest) = quoted(rest)?,
                Some(_) => {
                    let equals = memchr(b'=', rest)?;
                    let label = std::str::from_utf8(trim(&rest[..equals])).ok()?;
                    let (value, behind) = quoted(rest[equals + 1..].trim_ascii_start())?;
                    labels.push((label.to_owned(), value));
                    rest = behind;
                }
            }
        }
        let head_ok = name.bytes().next()?.is_ascii_alphabetic() || name.starts_with(['_', ':']);
        let all_ok = name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b':' | b'.' | b'-' | b'/'));
        (head_ok && (all_ok || open == 0)).then_some(Key { name, labels })
    }
}

/// A quoted string, unescaped, and what follows it.
fn quoted(text: &[u8]) -> Option<(String, &[u8])> {
    let inner = text.strip_prefix(b"\"")?;
    let end = quote_end(inner)?;
    let raw = String::from_utf8_lossy(&inner[..end]);
    let value = if raw.contains('\\') { unescaped(&raw) } else { raw.into_owned() };
    Some((value, &inner[end + 1..]))
}

fn unescaped(raw: &str) -> String {
    let mut value = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some('n') => value.push('\n'),
                Some(other) => value.push(other),
                None => {}
            },
            c => value.push(c),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Series};

    const GO: &[u8] = include_bytes!("../../samples/prometheus/go-client/metrics.prom");
    const CADVISOR: &[u8] = include_bytes!("../../samples/prometheus/cadvisor/cadvisor.prom");

    fn parse(text: &[u8]) -> Parsed {
        let (mut out, hint) = (Parsed::default(), Hint { when: When::Wall(7), ..Hint::default() });
        Prometheus.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        out
    }

    fn all<'a>(out: &'a Parsed, signal: &'a str) -> Vec<&'a Series> {
        let series = |evidence: &'a Evidence| match evidence {
            Evidence::Series(series) if series.signal == signal => Some(series),
            _ => None,
        };
        out.evidence.iter().filter_map(series).collect()
    }

    fn sniff(text: &[u8]) -> Sniff {
        Prometheus.sniff(text, &Hint::default())
    }

    #[test]
    fn a_scrape_of_a_go_service() {
        assert_eq!(sniff(GO), Sniff::Yes);
        let out = parse(GO);
        assert_eq!(out.notes, []);
        let goroutines = all(&out, "go.goroutine.count");
        assert_eq!(goroutines[0].points, [Point { when: When::Wall(7), value: Amount::Value(8.0), line: 12 }]);
        assert_eq!(all(&out, "process.cpu.time")[0].kind, SeriesKind::Counter);
        assert_eq!(all(&out, "go.memory.limit")[0].points[0].value, Amount::Unlimited);
        assert_eq!(all(&out, "go_gc_duration_seconds").len(), 5);
        let sum = all(&out, "go_gc_duration_seconds_sum")[0];
        assert_eq!((sum.kind, sum.unit), (SeriesKind::Counter, Unit::Seconds));
        assert_eq!(all(&out, "go_info")[0].labels, [("version".to_owned(), "go1.27.3".to_owned())]);
    }

    #[test]
    fn many_scrapes_of_cadvisor_join() {
        assert_eq!(sniff(CADVISOR), Sniff::Yes);
        let out = parse(CADVISOR);
        let usage = all(&out, "cgroup.memory.current");
        let [usage] = usage[..] else { panic!() };
        let times: Vec<_> = ["2026-11-21T22:51:17Z", "2026-11-21T22:51:22Z"]
            .iter()
            .map(|text| When::Wall(time::instant(text.as_bytes()).unwrap()))
            .collect();
        assert_eq!(usage.points.iter().map(|point| point.when).collect::<Vec<_>>(), times);
        assert_eq!(
            (usage.claims.container.as_deref(), usage.claims.pod.as_deref()),
            (Some("archivd"), Some("archivd-0"))
        );
        assert_eq!(usage.labels, [("namespace".to_owned(), "store".to_owned())]);
        let failures = all(&out, "container_memory_failures_total")[0];
        assert_eq!(failures.labels[0], ("failure_type".to_owned(), "pgmajfault".to_owned()));
    }

    #[test]
    fn escapes_times_and_exemplars() {
        let text = b"a_total{path=\"C:\\\\x\\\"}{\",b=\"\\n\",} 3 1795301021000\n\
            b_bucket{le=\"+Inf\"} 7 # {trace_id=\"x\"} 0.67 1795301021.5\nc_seconds NaN\nd +Inf\ne 5 17.5\n# EOF\n";
        let out = parse(text);
        let a = all(&out, "a_total")[0];
        assert_eq!(a.labels[1].1, "C:\\x\"}{");
        assert_eq!(a.labels[0].1, "\n");
        assert_eq!(a.points[0].when, When::Wall(1_795_301_021_000_000_000));
        let b = all(&out, "b_bucket")[0];
        assert_eq!((b.points[0].value, b.kind, b.unit), (Amount::Value(7.0), SeriesKind::Counter, Unit::Count));
        assert!(all(&out, "c_seconds").is_empty() && all(&out, "d").is_empty());
        assert_eq!(out.notes.iter().map(|note| note.line).collect::<Vec<_>>(), [4, 5]);
    }

    #[test]
    fn type_lines_decide_before_endings() {
        let text = b"# TYPE jobs_count gauge\njobs_count 4\n# TYPE hits counter\nhits 9\n# TYPE x summary\nx_count 1\n";
        let out = parse(text);
        assert_eq!(all(&out, "jobs_count")[0].kind, SeriesKind::Gauge);
        assert_eq!(all(&out, "hits")[0].kind, SeriesKind::Counter);
        assert_eq!(all(&out, "x_count")[0].kind, SeriesKind::Counter);
    }

    #[test]
    fn a_failed_scrape_is_noted() {
        let out = parse(b"go_goroutines 8\ncurl: (7) Failed to connect to 127.0.0.1 port 22201: Connection refused\n");
        assert_eq!((out.notes.len(), out.notes[0].line, out.records), (1, 2, 1));
    }

    #[test]
    fn files_of_keys_and_logs_are_not_prometheus() {
        for text in [
            "cache 0\nrss 1126400\n",
            "nr_free_pages 12\npgfault 3\n",
            "usage_usec 2197402\n",
            "{\"level\":\"info\"} 5\n",
            "# labels: {\"req\":\"42\"}\n#\t0x4e3898\tmain.worker+0x18\n",
            "heap profile: 1: 2 [3: 4] @ heap/1048576\n",
            "main;a;b 12\nmain;a;c 13\n",
            "",
        ] {
            assert_eq!(sniff(text.as_bytes()), Sniff::No, "{text}");
        }
    }
}
