//! What the formats that feed time series share: a builder of series that is fast on many points, times at the
//! head of lines, and what a path of `/proc` or `/sys/fs/cgroup` says of whom it speaks.

use crate::evidence::{Amount, Claims, Evidence, Parsed, Point, Series, When};
use crate::lines::{LineNo, Lines, decimal, float};
use crate::signals::{Reading, Signal};
use crate::{Hint, time};
use hashbrown::{HashMap, HashTable};
use rustc_hash::{FxBuildHasher, FxHasher};
use std::hash::{Hash, Hasher};

/// Gathers the points of one parse call. A series is found by its identity once, and by number from then on.
#[derive(Default)]
pub struct SeriesBuilder<'a> {
    series: Vec<Series>,
    /// Hash and number of each series.
    by_identity: HashTable<(u64, usize)>,
    by_key: HashMap<&'a [u8], Slot, FxBuildHasher>,
}

/// A series by its number, and how it reads the numbers of the text.
#[derive(Clone, Copy, Debug)]
pub struct Slot {
    /// What [`SeriesBuilder::open`] gave.
    pub series: usize,
    /// From printed number to value.
    pub reading: Reading,
}

fn identity(claims: &Claims, signal: &str, labels: &[(String, String)]) -> u64 {
    let mut hasher = FxHasher::default();
    (claims, signal, labels).hash(&mut hasher);
    hasher.finish()
}

impl<'a> SeriesBuilder<'a> {
    /// The number of the series of that identity, which is begun where it is new. Labels go by their names.
    pub fn open(&mut self, claims: &Claims, signal: &Signal, mut labels: Vec<(String, String)>) -> usize {
        if let Some((name, value)) = signal.label {
            labels.push((name.to_owned(), value.to_owned()));
        }
        labels.sort_unstable();
        let hash = identity(claims, &signal.name, &labels);
        let same = |&(known_hash, index): &(u64, usize)| {
            let known = &self.series[index];
            known_hash == hash && known.signal == signal.name && known.labels == labels && known.claims == *claims
        };
        if let Some(&(_, index)) = self.by_identity.find(hash, same) {
            return index;
        }
        let index = self.series.len();
        self.series.push(Series {
            claims: claims.clone(),
            signal: signal.name.clone().into_owned(),
            labels,
            unit: signal.unit,
            kind: signal.kind,
            points: Vec::new(),
        });
        self.by_identity.insert_unique(hash, (hash, index), |(hash, _)| *hash);
        index
    }

    /// The series that [`SeriesBuilder::remember`] was told of for these bytes.
    pub fn known(&self, key: &[u8]) -> Option<Slot> {
        self.by_key.get(key).copied()
    }

    /// Notes that these bytes of the text stand for a series.
    pub fn remember(&mut self, key: &'a [u8], slot: Slot) {
        self.by_key.insert(key, slot);
    }

    /// Adds a point to a series that was opened.
    pub fn push(&mut self, index: usize, point: Point) {
        self.series[index].points.push(point);
    }

    /// Opens and pushes: for files of few values.
    pub fn add(&mut self, claims: &Claims, signal: &Signal, printed: f64, at: (When, LineNo)) {
        self.add_labelled(claims, signal, Vec::new(), printed, at);
    }

    /// [`SeriesBuilder::add`] with labels.
    pub fn add_labelled(
        &mut self,
        claims: &Claims,
        signal: &Signal,
        labels: Vec<(String, String)>,
        printed: f64,
        (when, line): (When, LineNo),
    ) {
        let index = self.open(claims, signal, labels);
        self.push(index, Point { when, value: signal.amount(printed), line });
    }

    /// Hands the series over; `records` counts their points.
    pub fn finish(mut self, out: &mut Parsed) {
        self.series.retain(|series| !series.points.is_empty());
        self.number_untimed(out);
        let points: usize = self.series.iter().map(|series| series.points.len()).sum();
        let others = continue_in_order(self.series, &mut out.evidence);
        if !others.is_empty() {
            let evidence = others.into_iter().map(Evidence::Series).collect();
            out.append(Parsed { evidence, ..Parsed::default() });
        }
        out.records += points as u64;
    }

    /// Captures that follow one another without a time of their own are told apart by their number.
    fn number_untimed(&mut self, out: &mut Parsed) {
        let mut noted = false;
        for series in &mut self.series {
            let [first, second, ..] = &series.points[..] else { continue };
            let (when, line) = (first.when, second.line);
            if !series.points.iter().all(|point| point.when == when) {
                continue;
            }
            for (index, point) in series.points.iter_mut().enumerate() {
                point.when = When::Sample(u32::try_from(index + 1).unwrap_or(u32::MAX));
            }
            if !noted {
                out.note(line, "several captures follow one another without times: they are numbered");
                noted = true;
            }
        }
    }
}

/// Adds to the series of earlier sections of the same file: they stand side by side in the same order. Gives back
/// the series that are not found that way.
fn continue_in_order(series: Vec<Series>, known: &mut [Evidence]) -> Vec<Series> {
    let is_same = |evidence: &Evidence, next: &Series| match evidence {
        Evidence::Series(s) => s.signal == next.signal && s.labels == next.labels && s.claims == next.claims,
        _ => false,
    };
    let mut at = match series.first() {
        Some(first) => known.iter().position(|evidence| is_same(evidence, first)).unwrap_or(known.len()),
        None => return series,
    };
    let mut others = Vec::new();
    for next in series {
        match known.get_mut(at) {
            Some(evidence) if is_same(evidence, &next) => {
                if let Evidence::Series(earlier) = evidence {
                    earlier.points.extend(next.points);
                }
                at += 1;
            }
            _ => others.push(next),
        }
    }
    others
}

/// Counts lines that no grammar fits and says so once.
#[derive(Default)]
pub struct Odd {
    first: LineNo,
    count: u64,
}

impl Odd {
    /// Counts a line.
    pub fn line(&mut self, number: LineNo) {
        if self.count == 0 {
            self.first = number;
        }
        self.count += 1;
    }

    /// Says how many there were, where there were any: "3 line(s) that are not a value".
    pub fn note(self, what: &str, out: &mut Parsed) {
        if self.count > 0 {
            out.note(self.first, format!("{} line(s) {what}", self.count));
        }
    }
}

/// Reads on to the end: `take` gets each line that is not blank, with its time and number, and says whether it knew
/// what to do with it. The others are noted as `line(s) that {what}`.
pub fn each_line<'a>(
    lines: &mut Lines<'a>,
    hint: &Hint<'_>,
    what: &str,
    out: &mut Parsed,
    mut take: impl FnMut(&'a [u8], (When, LineNo)) -> bool,
) {
    let mut odd = Odd::default();
    while let Some(line) = lines.peek() {
        let (when, number) = (lines.time().map_or(hint.when, When::Wall), lines.number());
        if !line.trim_ascii().is_empty() && !take(line, (when, number)) {
            odd.line(number);
        }
        lines.advance();
    }
    odd.note(what, out);
}

/// A number as artifacts print it. Digits alone take a short way.
pub fn number(bytes: &[u8]) -> Option<f64> {
    let mut value = 0u64;
    // 15 digits are exact in a float and cannot overflow.
    if bytes.is_empty() || bytes.len() > 15 {
        return float(bytes);
    }
    for &byte in bytes {
        if !byte.is_ascii_digit() {
            return float(bytes);
        }
        value = value * 10 + u64::from(byte - b'0');
    }
    Some(value as f64)
}

/// A value of a kernel file: a number, or `max` for no limit.
pub fn amount(signal: &Signal, word: &[u8]) -> Option<Amount> {
    if word == b"max" || word == b"unlimited" {
        return Some(Amount::Unlimited);
    }
    number(word).filter(|value| value.is_finite()).map(|value| signal.amount(value))
}

/// A time that a line begins with, and what follows it: `2026-11-21T22:43:41Z 123`.
pub fn leading_time(line: &[u8]) -> Option<(i64, &[u8])> {
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let is_separator = |b: &u8| matches!(b, b' ' | b'\t' | b',' | b';');
    let first = line.iter().position(is_separator)?;
    let second = line[first + 1..].iter().position(is_separator).map(|end| first + 1 + end);
    for end in [second, Some(first)].into_iter().flatten() {
        let rest = line[end + 1..].trim_ascii_start();
        if let Some(instant) = time::instant(&line[..end]).filter(|_| !rest.is_empty()) {
            return Some((instant, rest));
        }
    }
    None
}

/// When the line under the cursor was captured, and what follows its own time.
pub fn timed<'a>(lines: &Lines<'a>, line: &'a [u8], hint: &Hint<'_>) -> (When, &'a [u8]) {
    match leading_time(line) {
        Some((instant, rest)) => (When::Wall(instant), rest),
        None => (lines.time().map_or(hint.when, When::Wall), line),
    }
}

/// Whom the path of a section names: `/proc/PID/...` and `/sys/fs/cgroup/...`.
pub fn claims_of(hint: &Hint<'_>) -> Claims {
    let pid = pid_of(hint.name).or_else(|| pid_of(hint.command));
    Claims { pid, cgroup: cgroup_of(hint.name), ..Claims::default() }
}

fn pid_of(path: &str) -> Option<u64> {
    let (_, rest) = path.split_once("/proc/")?;
    decimal(rest.split('/').next()?.as_bytes())
}

/// Mount points of controllers below `/sys/fs/cgroup` on hosts with cgroup v1.
const CONTROLLERS: &[&str] =
    &["memory", "cpu", "cpuacct", "cpu,cpuacct", "cpuset", "pids", "blkio", "io", "hugetlb", "unified", "systemd"];

/// The folder of a cgroup file below the mount point; empty for the root of the capture.
fn cgroup_of(path: &str) -> Option<String> {
    if !path.starts_with('/') {
        return None;
    }
    let (_, below) = path.split_once("/cgroup/")?;
    let folder = below.rsplit_once('/').map_or("", |(folder, _)| folder);
    let (first, rest) = folder.split_once('/').unwrap_or((folder, ""));
    Some(if CONTROLLERS.contains(&first) { rest } else { folder }.to_owned())
}

/// A file name without what wrappers add: `memory.current.log`, `fd_count-225131`, `pids.current-2.txt`.
pub fn plain_name(name: &str) -> &str {
    let mut name = name;
    for extension in [".log", ".txt", ".out", ".cgroup"] {
        name = name.strip_suffix(extension).unwrap_or(name);
    }
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    match stem.strip_suffix(['-', '_', '.']) {
        Some(stem) if stem.len() + 1 < name.len() && !stem.is_empty() => stem,
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{SeriesKind, Unit};
    use crate::signals::{Source, by_suffix, lookup};

    fn hint(name: &str) -> Hint<'_> {
        Hint { name, ..Hint::default() }
    }

    #[test]
    fn paths_name_process_and_group() {
        assert_eq!(claims_of(&hint("/proc/3481/status")).pid, Some(3481));
        assert_eq!(claims_of(&hint("/proc/self/status")).pid, None);
        let group = |path: &str| claims_of(&hint(path)).cgroup;
        assert_eq!(group("/sys/fs/cgroup/memory/memory.usage_in_bytes").as_deref(), Some(""));
        assert_eq!(group("/sys/fs/cgroup/memory.current").as_deref(), Some(""));
        assert_eq!(group("/sys/fs/cgroup/memory/docker/ab12/memory.stat").as_deref(), Some("docker/ab12"));
        assert_eq!(group("/sys/fs/cgroup/unified/memory.pressure").as_deref(), Some(""));
        assert_eq!(group("/sys/fs/cgroup/kubepods.slice/pod1/memory.max").as_deref(), Some("kubepods.slice/pod1"));
        assert_eq!(group("20261121T225114Z/memory.current"), None);
        assert_eq!(group("/proc/pressure/memory"), None);
    }

    #[test]
    fn lines_that_begin_with_a_time() {
        let (instant, rest) = leading_time(b"2026-11-21T22:43:41Z 123").unwrap();
        assert_eq!((time::rfc3339_utc(instant).as_str(), rest), ("2026-11-21T22:43:41Z", &b"123"[..]));
        assert_eq!(leading_time(b"2026-11-21 22:43:41 123"), Some((instant, &b"123"[..])));
        assert_eq!(leading_time(b"1795301021 44"), Some((instant, &b"44"[..])));
        assert_eq!(leading_time(b"1795301021"), None, "a bare number is a value");
        assert_eq!(leading_time(b"200000 100000"), None);
    }

    #[test]
    fn names_lose_what_wrappers_add() {
        for name in ["fd_count", "fd_count.log", "fd_count-225131", "fd_count-2.txt", "fd_count.3"] {
            assert_eq!(plain_name(name), "fd_count", "{name}");
        }
        assert_eq!(plain_name("memory.usage_in_bytes"), "memory.usage_in_bytes");
        assert_eq!(plain_name("137"), "137");
    }

    #[test]
    fn numbers() {
        assert_eq!(number(b"130781184"), Some(130_781_184.0));
        assert_eq!(number(b"2.098224e+06"), Some(2_098_224.0));
        assert_eq!(number(b"9223372036854771712"), Some(9_223_372_036_854_771_712.0));
        assert_eq!(number(b""), None);
        assert_eq!(number(b"0022x"), None);
    }

    #[test]
    fn labels_in_another_order_are_the_same_series() {
        let mut builder = SeriesBuilder::default();
        let labels = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| (k.to_string(), v.to_string())).collect();
        let signal = by_suffix("http_requests_total");
        let one = builder.open(&Claims::default(), &signal, labels(&[("code", "500"), ("path", "/")]));
        let two = builder.open(&Claims::default(), &signal, labels(&[("path", "/"), ("code", "500")]));
        assert_eq!(one, two);
        let three = builder.open(&Claims::default(), &signal, labels(&[("path", "/"), ("code", "200")]));
        assert_ne!(one, three);
    }

    #[test]
    fn calls_join_their_series_and_untimed_captures_are_numbered() {
        let signal = lookup(Source::CgroupFile, "memory.current").unwrap();
        let mut out = Parsed::default();
        for (line, when) in [(1, When::Wall(5)), (4, When::Wall(9))] {
            let mut builder = SeriesBuilder::default();
            builder.add(&Claims::default(), &signal, 1.0, (when, line));
            builder.finish(&mut out);
        }
        let [Evidence::Series(series)] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        assert_eq!(series.points.iter().map(|p| p.when).collect::<Vec<_>>(), [When::Wall(5), When::Wall(9)]);
        assert_eq!((series.unit, series.kind, out.records), (Unit::Bytes, SeriesKind::Gauge, 2));

        let mut builder = SeriesBuilder::default();
        builder.add(&Claims::default(), &signal, 1.0, (When::Unknown, 1));
        builder.add(&Claims::default(), &signal, 2.0, (When::Unknown, 2));
        let mut out = Parsed::default();
        builder.finish(&mut out);
        let [Evidence::Series(series)] = &out.evidence[..] else { panic!() };
        assert_eq!(series.points.iter().map(|p| p.when).collect::<Vec<_>>(), [When::Sample(1), When::Sample(2)]);
        assert_eq!(out.notes.len(), 1);
    }
}
