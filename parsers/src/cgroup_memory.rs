//! Files of control groups, v1 and v2: `memory.stat`, `memory.events`, `memory.oom_control`, `pids.events`, `cpu.stat`,
//! `cpu.max` and the files that hold one value. Source: `Documentation/admin-guide/cgroup-v1/memory.rst` and `cgroup-v2.rst`.

use crate::evidence::{Amount, Claims, Parsed, Point, SeriesKind, Unit, When};
use crate::lines::{LineNo, Lines, Text, trim, words};
use crate::series::{Odd, SeriesBuilder, amount, claims_of, leading_time, number, plain_name, timed};
use crate::signals::{Signal, Source, lookup};
use crate::{Format, Hint, Shape, Sniff};

/// Control group files.
pub struct CgroupMemory;

/// Which file a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    StatV1,
    StatV2,
    Events,
    OomControl,
    CpuStat,
    CpuMax,
    /// `pids.events` and `memory.swap.events`: keys that the name alone explains.
    NamedEvents(&'static str),
    /// One value a line; the name says which.
    Value,
}

impl Format for CgroupMemory {
    fn id(&self) -> &'static str {
        "cgroup-memory"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        if kind_of(head, hint).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let Some(kind) = kind_of(lines.rest(), hint) else {
            out.note(lines.number(), "not a control group file");
            lines.finish();
            return;
        };
        let claims = claims_of(hint);
        let mut builder = SeriesBuilder::default();
        match kind {
            Kind::Value => values(lines, hint, &claims, &mut builder, out),
            Kind::NamedEvents(of) => named_events(of, lines, hint, &claims, &mut builder, out),
            Kind::CpuMax => cpu_max(lines, hint, &claims, &mut builder, out),
            Kind::StatV1 => stat_v1(lines, hint, &claims, &mut builder, out),
            Kind::StatV2 => keyed(Source::MemoryStatV2, lines, hint, &claims, &mut builder, out),
            Kind::OomControl => keyed(Source::OomControl, lines, hint, &claims, &mut builder, out),
            Kind::CpuStat => keyed(Source::CpuStat, lines, hint, &claims, &mut builder, out),
            Kind::Events => keyed(Source::MemoryEvents, lines, hint, &claims, &mut builder, out),
        }
        builder.finish(out);
    }
}

/// Content decides for files of keys, the name for files of bare values.
fn kind_of(text: &[u8], hint: &Hint<'_>) -> Option<Kind> {
    by_keys(text).or_else(|| by_name(text, plain_name(hint.file_name())))
}

/// As many lines as the longest `memory.stat` has, with room for kernels to come.
const LINES_TO_SNIFF: usize = 120;

fn by_keys(text: &[u8]) -> Option<Kind> {
    let mut seen = Vec::new();
    for line in Text::new(text, 1).lines().take(LINES_TO_SNIFF).filter(|line| !trim(line).is_empty()) {
        let Some((key, _)) = pair(line) else {
            // A first line that is no pair belongs to another format; a later one may be a cut or a message.
            if seen.is_empty() { return None } else { break }
        };
        seen.push(key);
    }
    let has = |key: &str| seen.contains(&key);
    if has("nr_free_pages") {
        // /proc/vmstat shares the event keys of memory.stat.
        return None;
    }
    if has("cache") && has("rss") && (has("pgpgin") || has("mapped_file")) {
        Some(Kind::StatV1)
    } else if has("anon") && has("file") && (has("kernel_stack") || has("inactive_anon")) {
        Some(Kind::StatV2)
    } else if has("oom_kill_disable") && has("under_oom") {
        Some(Kind::OomControl)
    } else if has("max") && has("oom") && (has("high") || has("oom_kill")) {
        Some(Kind::Events)
    } else if has("usage_usec") && has("user_usec") || has("nr_periods") && has("nr_throttled") {
        Some(Kind::CpuStat)
    } else {
        None
    }
}

fn by_name(text: &[u8], name: &str) -> Option<Kind> {
    let mut lines = Text::new(text, 1).lines();
    let first = lines.find(|line| !trim(line).is_empty())?;
    let rest = leading_time(first).map_or(first, |(_, rest)| rest);
    if name == "cpu.max" {
        return quota(rest).map(|_| Kind::CpuMax);
    }
    if let Some((_, of)) = NAMED_EVENTS.iter().find(|(file, _)| name.strip_suffix(".local").unwrap_or(name) == *file) {
        return pair(rest).map(|_| Kind::NamedEvents(of));
    }
    let signal = lookup(Source::CgroupFile, name)?;
    amount(&signal, trim(rest)).map(|_| Kind::Value)
}

/// Files of events whose keys could be those of others, and how their signals begin.
const NAMED_EVENTS: &[(&str, &str)] =
    &[("pids.events", "cgroup.pids.events"), ("memory.swap.events", "cgroup.memory.swap.events")];

fn named_events(
    of: &'static str,
    lines: &mut Lines<'_>,
    hint: &Hint<'_>,
    claims: &Claims,
    builder: &mut SeriesBuilder<'_>,
    out: &mut Parsed,
) {
    let local = plain_name(hint.file_name()).ends_with(".local");
    each_pair(lines, hint, out, |key, value, at| {
        let mut signal = Signal::own(format!("{of}.{key}"), Unit::Count, SeriesKind::Counter, 1.0);
        signal.label = local.then_some(OWN);
        builder.add(claims, &signal, value, at);
        true
    });
}

/// A line `key value`.
fn pair(line: &[u8]) -> Option<(&str, f64)> {
    let mut parts = words(line);
    let (key, value) = (parts.next()?, parts.next()?);
    if parts.next().is_some() || !key.first()?.is_ascii_lowercase() {
        return None;
    }
    Some((std::str::from_utf8(key).ok()?, number(value).filter(|value| value.is_finite())?))
}

fn values(lines: &mut Lines<'_>, hint: &Hint<'_>, claims: &Claims, builder: &mut SeriesBuilder<'_>, out: &mut Parsed) {
    let name = plain_name(hint.file_name());
    let Some(signal) = lookup(Source::CgroupFile, name) else { return lines.finish() };
    let series = builder.open(claims, &signal, Vec::new());
    let mut odd = Odd::default();
    while let Some(line) = lines.peek() {
        let (when, rest) = timed(lines, line, hint);
        match amount(&signal, trim(rest)) {
            Some(value) => {
                builder.push(series, Point { when, value, line: lines.number() });
            }
            None if trim(line).is_empty() => {}
            None => odd.line(lines.number()),
        }
        lines.advance();
    }
    odd.note("that are not a value", out);
}

/// The cores of `200000 100000`, in microseconds of a period; `max` for no limit.
fn quota(line: &[u8]) -> Option<Amount> {
    let mut parts = words(line);
    let (quota, period) = (parts.next()?, parts.next()?);
    let period = number(period).filter(|&period| period > 0.0 && period.is_finite())?;
    match quota {
        _ if parts.next().is_some() => None,
        b"max" => Some(Amount::Unlimited),
        quota => number(quota).filter(|quota| quota.is_finite()).map(|quota| Amount::Value(quota / period)),
    }
}

fn cpu_max(lines: &mut Lines<'_>, hint: &Hint<'_>, claims: &Claims, builder: &mut SeriesBuilder<'_>, out: &mut Parsed) {
    let signal = Signal {
        name: "cgroup.cpu.quota".into(),
        unit: Unit::Count,
        kind: SeriesKind::Limit,
        scale: 1.0,
        label: None,
        zero_is_unlimited: false,
    };
    let series = builder.open(claims, &signal, Vec::new());
    let mut odd = Odd::default();
    while let Some(line) = lines.peek() {
        let (when, rest) = timed(lines, line, hint);
        match quota(rest) {
            Some(value) => builder.push(series, Point { when, value, line: lines.number() }),
            None if trim(line).is_empty() => {}
            None => odd.line(lines.number()),
        }
        lines.advance();
    }
    odd.note("that are not a quota with its period", out);
}

/// Calls back with each pair of a file of keys.
fn each_pair<'a>(
    lines: &mut Lines<'a>,
    hint: &Hint<'_>,
    out: &mut Parsed,
    mut take: impl FnMut(&'a str, f64, (When, LineNo)) -> bool,
) {
    let mut odd = Odd::default();
    while let Some(line) = lines.peek() {
        let when = lines.time().map_or(hint.when, When::Wall);
        let taken = pair(line).is_some_and(|(key, value)| take(key, value, (when, lines.number())));
        if !taken && !trim(line).is_empty() {
            odd.line(lines.number());
        }
        lines.advance();
    }
    odd.note("that are not a key with its value", out);
}

fn keyed(
    source: Source,
    lines: &mut Lines<'_>,
    hint: &Hint<'_>,
    claims: &Claims,
    builder: &mut SeriesBuilder<'_>,
    out: &mut Parsed,
) {
    // memory.events counts children too, memory.events.local does not.
    let local = source == Source::MemoryEvents && plain_name(hint.file_name()).ends_with(".local");
    each_pair(lines, hint, out, |key, value, at| {
        let Some(mut signal) = lookup(source, key) else { return false };
        signal.label = if local { Some(OWN) } else { signal.label };
        builder.add(claims, &signal, value, at);
        true
    });
}

/// The label of values that leave the children of a group out, where values with them stand beside.
const OWN: (&str, &str) = ("scope", "self");

/// v1 prints each key twice: of the group alone, and as `total_` with its children, which is what is charged
/// to its limit. The total is the signal; the group's own value is kept beside it where it differs.
fn stat_v1(lines: &mut Lines<'_>, hint: &Hint<'_>, claims: &Claims, builder: &mut SeriesBuilder<'_>, out: &mut Parsed) {
    let first = lines.number();
    let mut pairs = Vec::new();
    each_pair(lines, hint, out, |key, value, at| {
        let known = lookup(Source::MemoryStatV1, key).is_some();
        if known {
            pairs.push((key, value, at));
        }
        known
    });
    let mut totals = false;
    let captures = pairs.chunk_by(|_, next| next.0 != pairs[0].0);
    for capture in captures {
        for &(key, value, at) in capture {
            if let Some(key) = key.strip_prefix("total_") {
                totals = true;
                add_v1(builder, claims, key, value, at, false);
                continue;
            }
            let total = capture.iter().find(|(other, ..)| other.strip_prefix("total_") == Some(key));
            match total {
                Some((_, total, _)) if *total == value => {}
                total => add_v1(builder, claims, key, value, at, total.is_some()),
            }
        }
    }
    if !totals {
        out.note(first, "no total_ keys: the values are those of this group without its children");
    }
}

fn add_v1(b: &mut SeriesBuilder<'_>, claims: &Claims, key: &str, value: f64, at: (When, LineNo), own: bool) {
    if let Some(mut signal) = lookup(Source::MemoryStatV1, key) {
        signal.label = own.then_some(OWN);
        b.add(claims, &signal, value, at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Evidence, Series};

    const V1: &[u8] = include_bytes!("../../samples/cgroup-memory/v1-archivd/memory.stat");
    const V1_PARENT: &[u8] = include_bytes!("../../samples/cgroup-memory/v1-root-with-child/memory.stat");
    const V2: &[u8] = include_bytes!("../../samples/cgroup-memory/v2-orderd/memory.stat");
    const EVENTS: &[u8] = include_bytes!("../../samples/cgroup-memory/v2-events/memory.events");
    const OOM_CONTROL: &[u8] = include_bytes!("../../samples/cgroup-memory/v1-oom-control/memory.oom_control");
    const CPU_V1: &[u8] = include_bytes!("../../samples/cgroup-memory/v1-cpu/cpu.stat");
    const CPU_V2: &[u8] = include_bytes!("../../samples/cgroup-memory/v2-cpu/cpu.stat");

    fn parse(text: &[u8], name: &str) -> Parsed {
        let (mut out, hint) = (Parsed::default(), Hint { name, when: When::Wall(7), ..Hint::default() });
        assert_eq!(CgroupMemory.sniff(text, &hint), Sniff::Yes, "{name}");
        CgroupMemory.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        out
    }

    fn all<'a>(out: &'a Parsed, signal: &str) -> Vec<&'a Series> {
        let mut series: Vec<&Series> = Vec::new();
        for evidence in &out.evidence {
            if let Evidence::Series(one) = evidence {
                series.push(one);
            }
        }
        series.retain(|series| series.signal == signal);
        series
    }

    fn value(out: &Parsed, signal: &str) -> Amount {
        let series = all(out, signal);
        assert_eq!(series.len(), 1, "{signal}");
        series[0].points[0].value
    }

    #[test]
    fn v1_totals_are_the_signal() {
        let out = parse(V1, "/sys/fs/cgroup/memory/memory.stat");
        assert_eq!(out.notes, []);
        assert_eq!(value(&out, "cgroup.memory.file"), Amount::Value(125_845_504.0));
        assert_eq!(value(&out, "cgroup.memory.anon"), Amount::Value(1_015_808.0));
        assert_eq!(value(&out, "cgroup.memory.hierarchical_limit"), Amount::Value(201_326_592.0));
        assert_eq!(value(&out, "cgroup.memory.memsw.hierarchical_limit"), Amount::Unlimited);
        let anon = all(&out, "cgroup.memory.anon")[0];
        assert_eq!(
            (anon.claims.cgroup.as_deref(), anon.points[0].line, anon.points[0].when),
            (Some(""), 24, When::Wall(7))
        );
    }

    #[test]
    fn v1_own_values_stay_beside_totals_that_differ() {
        let out = parse(V1_PARENT, "memory.stat");
        let anon = all(&out, "cgroup.memory.anon");
        let own: Vec<_> = anon.iter().map(|series| (series.labels.is_empty(), series.points[0].value)).collect();
        assert_eq!(own, [(false, Amount::Value(12_976_128.0)), (true, Amount::Value(25_165_824.0))]);
        assert_eq!(all(&out, "cgroup.memory.shmem").len(), 1, "equal values are one series");
    }

    #[test]
    fn v1_without_totals_says_so() {
        let out = parse(b"cache 0\nrss 4096\npgpgin 5\n", "memory.stat");
        assert_eq!(value(&out, "cgroup.memory.anon"), Amount::Value(4096.0));
        assert_eq!(out.notes.len(), 1);
    }

    #[test]
    fn v2_keys_and_units() {
        let out = parse(V2, "/sys/fs/cgroup/kubepods.slice/memory.stat");
        assert_eq!(value(&out, "cgroup.memory.anon"), Amount::Value(2_416_640.0));
        assert_eq!(value(&out, "cgroup.memory.kernel"), Amount::Value(217_088.0));
        assert_eq!(value(&out, "cgroup.memory.stat.anon_thp"), Amount::Value(2_097_152.0));
        let refault = all(&out, "cgroup.memory.workingset_refault_file")[0];
        assert_eq!((refault.unit, refault.kind), (Unit::Count, SeriesKind::Counter));
        assert_eq!(refault.claims.cgroup.as_deref(), Some("kubepods.slice"));
        assert_eq!((out.evidence.len(), out.notes.len()), (51, 0));
    }

    #[test]
    fn events_and_oom_control() {
        let out = parse(EVENTS, "memory.events");
        assert_eq!(all(&out, "cgroup.memory.events.oom_kill")[0].kind, SeriesKind::Counter);
        assert_eq!(out.evidence.len(), 6);
        let out = parse(EVENTS, "memory.events.local");
        assert_eq!(all(&out, "cgroup.memory.events.oom")[0].labels, [("scope".to_owned(), "self".to_owned())]);
        let out = parse(OOM_CONTROL, "memory.oom_control");
        assert_eq!(value(&out, "cgroup.memory.events.oom_kill"), Amount::Value(0.0));
        assert_eq!(value(&out, "cgroup.memory.under_oom"), Amount::Value(0.0));
    }

    #[test]
    fn cpu_files_of_both_versions() {
        let out = parse(CPU_V1, "cpu.stat.log");
        assert_eq!(value(&out, "cgroup.cpu.periods"), Amount::Value(35.0));
        let out = parse(CPU_V2, "cpu.stat");
        assert_eq!(value(&out, "cgroup.cpu.time"), Amount::Value(2.197402));
        assert_eq!(value(&parse(b"50000 100000\n", "cpu.max"), "cgroup.cpu.quota"), Amount::Value(0.5));
        assert_eq!(value(&parse(b"max 100000\n", "cpu.max"), "cgroup.cpu.quota"), Amount::Unlimited);
        assert_eq!(value(&parse(b"-1\n", "cpu.cfs_quota_us"), "cgroup.cpu.cfs_quota"), Amount::Unlimited);
        assert_eq!(value(&parse(b"100000\n", "cpu.cfs_period_us"), "cgroup.cpu.cfs_period"), Amount::Value(0.1));
    }

    #[test]
    fn events_that_only_the_name_explains() {
        assert_eq!(
            value(&parse(b"max 42\n", "/sys/fs/cgroup/pids/pids.events"), "cgroup.pids.events.max"),
            Amount::Value(42.0)
        );
        assert_eq!(
            value(&parse(b"max 0\nfail 3\n", "memory.swap.events"), "cgroup.memory.swap.events.fail"),
            Amount::Value(3.0)
        );
        let hint = Hint { name: "events.txt", ..Hint::default() };
        assert_eq!(CgroupMemory.sniff(b"max 42\n", &hint), Sniff::No);
    }

    #[test]
    fn files_of_one_value_go_by_their_name() {
        let root = "/sys/fs/cgroup/memory/";
        for (name, text, signal, expected) in [
            ("memory.usage_in_bytes", "130781184\n", "cgroup.memory.current", Amount::Value(130_781_184.0)),
            ("memory.limit_in_bytes", "9223372036854771712\n", "cgroup.memory.limit", Amount::Unlimited),
            ("memory.max", "max\n", "cgroup.memory.limit", Amount::Unlimited),
            ("memory.failcnt", "293994\n", "cgroup.memory.failcnt", Amount::Value(293_994.0)),
            ("memory.kmem.usage_in_bytes", "300000\n", "cgroup.memory.kernel", Amount::Value(300_000.0)),
            ("pids.max", "max\n", "cgroup.pids.limit", Amount::Unlimited),
        ] {
            let out = parse(text.as_bytes(), &format!("{root}{name}"));
            assert_eq!(value(&out, signal), expected, "{name}");
            assert_eq!(out.evidence[0].claims().cgroup.as_deref(), Some(""));
        }
        assert_eq!(
            value(&parse(b"10207232\n", "memory.peak-225131.txt"), "cgroup.memory.peak"),
            Amount::Value(10_207_232.0)
        );
    }

    #[test]
    fn a_log_of_values_with_times() {
        let out = parse(b"2026-11-21T22:43:41Z 123\n2026-11-21T22:43:51Z 456\ncat: gone\n", "memory.current.log");
        let points = &all(&out, "cgroup.memory.current")[0].points;
        assert_eq!((points.len(), points[1].value), (2, Amount::Value(456.0)));
        assert!(points.iter().all(|point| matches!(point.when, When::Wall(at) if at > 7)));
        assert_eq!(out.notes[0].message, "1 line(s) that are not a value");
    }

    #[test]
    fn other_files_of_keys_are_refused() {
        for (text, name) in [
            ("nr_free_pages 1\nanon 1\nfile 2\ninactive_anon 3\n", "vmstat"),
            ("Name:\tx\n", "status"),
            ("12\n", "fd_count"),
            ("cat: /sys/fs/cgroup/memory.current: No such file or directory\n", "memory.current"),
            ("some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n", "memory.pressure"),
            ("go_goroutines 5\ngo_threads 7\n", "metrics.txt"),
            ("", "memory.max"),
        ] {
            let hint = Hint { name, ..Hint::default() };
            assert_eq!(CgroupMemory.sniff(text.as_bytes(), &hint), Sniff::No, "{name}");
        }
    }
}
