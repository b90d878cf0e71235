//! Signals: how each went, how high it stood, who holds the memory, which limits apply, how the collector and the
//! scheduler did.

use super::fact::{Cite, Fact, Facts};
use super::growth::{self, Growth, Verdict};
use super::{memory, objects};
use crate::case::{Case, Clock, Place, Sample, Signal, Subject, SubjectId};
use crate::report::model::Site;
use crate::report::units;
use postmortem_parsers::evidence::{EventKind, RecordKind, SeriesKind, Unit};
use std::collections::BTreeMap;

/// A signal with its verdict.
#[derive(Debug)]
pub struct Judged<'a> {
    /// The signal.
    pub signal: &'a Signal,
    /// How it went.
    pub growth: Growth,
    /// The limit that applies to it.
    pub limit: Option<f64>,
}

/// Judges every signal that is not a setting, in parallel.
pub fn judge_all(case: &Case) -> Vec<Judged<'_>> {
    use rayon::prelude::*;
    let restarts = restarts(case);
    case.signals
        .par_iter()
        .filter(|signal| signal.kind != SeriesKind::Limit && !signal.samples.is_empty())
        .map(|signal| {
            let limit = limit_of(case, signal);
            let alive = if signal.kind == SeriesKind::Gauge { signal.while_alive() } else { &signal.samples[..] };
            let points: Vec<(f64, f64)> = alive.iter().map(|sample| (sample.t, sample.value)).collect();
            let known = restarts.get(&(signal.subject, signal.clock)).map_or(&[][..], |all| all);
            let judge = |points: &[(f64, f64)]| growth::judge(&growth::Input { points, restarts: known, limit });
            let whole = judge(&points);
            let before = before_full(signal, &points, limit).map(judge);
            let growth = match before.filter(|before| before.verdict == Verdict::Growing) {
                Some(before) => Growth {
                    exhausts_in_s: Some(0.0),
                    exhausts_interval_s: None,
                    n: whole.n,
                    span_s: whole.span_s,
                    last: whole.last,
                    max: whole.max,
                    monotone_share: whole.monotone_share,
                    ..before
                },
                None => whole,
            };
            Judged { signal, growth, limit }
        })
        .collect()
}

/// A heap is full from this share of its limit on.
const FULL: f64 = 0.9;

/// What stays after a collection, or is open, cannot grow on once it fills its limit, and that is no rest: it is judged by the time
/// before, if that was most of the time.
fn before_full<'p>(signal: &Signal, points: &'p [(f64, f64)], limit: Option<f64>) -> Option<&'p [(f64, f64)]> {
    const NEVER_SPARE: &[&str] =
        &["jvm.memory.used_after_last_gc", "go.memory.live_after_gc", "process.open_file_descriptor.count"];
    if !NEVER_SPARE.contains(&signal.name.as_str()) {
        return None;
    }
    let full = limit? * FULL;
    let last_below = points.iter().rposition(|(_, value)| *value < full).map_or(0, |index| index + 1);
    let (start, end) = (points.first()?.0, points.last()?.0);
    let until = points[..last_below].last()?.0;
    (last_below < points.len() && until - start >= (end - start) / 2.0).then(|| &points[..last_below])
}

/// The largest heap that a JVM may have: as its log, its heap summary or its environment says.
pub fn heap_limit(case: &Case, subject: SubjectId) -> Option<(f64, Place)> {
    let set = case.records.iter().filter(|placed| placed.subject == subject && placed.what.kind == RecordKind::Setting);
    set.filter_map(|placed| {
        let bytes = placed.what.attribute("heap_max_bytes")?.parse().ok()?;
        Some((bytes, Place { artifact: placed.artifact, line: placed.what.line }))
    })
    .next()
    .or_else(|| setting(case, subject, &["jvm.memory.limit"]).map(|sample| (sample.value, sample.place)))
}

/// Running totals that belong to the process itself: when one of them falls, the process has started again.
const LIFE_COUNTERS: &[&str] = &["process.cpu.time", "go.memory.allocated", "process.context_switches"];

/// When each subject started again, by clock, as its running totals tell.
fn restarts(case: &Case) -> BTreeMap<(SubjectId, Clock), Vec<f64>> {
    let mut restarts: BTreeMap<(SubjectId, Clock), Vec<f64>> = BTreeMap::new();
    for signal in case.signals.iter().filter(|signal| LIFE_COUNTERS.contains(&signal.name.as_str())) {
        let points: Vec<(f64, f64)> = signal.samples.iter().map(|sample| (sample.t, sample.value)).collect();
        restarts.entry((signal.subject, signal.clock)).or_default().extend(growth::falls(&points));
    }
    for subject in case.subject_ids() {
        let Subject { began_again, killed_at, .. } = &case.subjects[subject as usize];
        if !(began_again.is_empty() && killed_at.is_empty()) {
            restarts.entry((subject, Clock::Wall)).or_default().extend(began_again.iter().chain(killed_at));
        }
    }
    for instants in restarts.values_mut() {
        instants.sort_by(f64::total_cmp);
        instants.dedup();
    }
    restarts
}

/// The limit that a signal runs into.
fn limit_of(case: &Case, signal: &Signal) -> Option<f64> {
    match signal.name.as_str() {
        "cgroup.memory.current"
        | "cgroup.memory.anon"
        | "cgroup.memory.working_set"
        | "process.memory.usage"
        | "process.memory.rss_anon"
        | "go.memory.live_after_gc"
        | "cgroup.memory.shmem" => memory_limit(case, signal.subject).map(|(limit, _)| limit),
        "jvm.memory.used_after_last_gc" => heap_limit(case, signal.subject).map(|(limit, _)| limit),
        "process.open_file_descriptor.count" => {
            setting(case, signal.subject, &["process.open_file_descriptor.limit"]).map(|s| s.value)
        }
        "cgroup.pids.current" => setting(case, signal.subject, &["cgroup.pids.limit"]).map(|s| s.value),
        _ => None,
    }
}

/// The newest value of the first of these settings that is limited.
fn setting<'a>(case: &'a Case, subject: SubjectId, names: &[&str]) -> Option<&'a Sample> {
    names.iter().find_map(|name| case.signal(subject, name).filter(|signal| !signal.unlimited)?.last())
}

/// The memory limit of a subject: the smallest that is set, and where it stands.
pub fn memory_limit(case: &Case, subject: SubjectId) -> Option<(f64, &Sample)> {
    ["cgroup.memory.limit", "cgroup.memory.hierarchical_limit"]
        .iter()
        .filter_map(|name| setting(case, subject, &[name]))
        .filter(|sample| sample.value > 0.0 && sample.value < 1e15)
        .min_by(|a, b| a.value.total_cmp(&b.value))
        .map(|sample| (sample.value, sample))
}

/// States what the signals of a case tell.
pub fn state(case: &Case, judged: &[Judged<'_>], facts: &mut Facts) {
    for judged in judged {
        trend(judged, &case.subjects[judged.signal.subject as usize].name, facts);
        level(judged.signal, facts);
    }
    for subject in case.subject_ids() {
        ratios(case, subject, facts);
        memory::state(case, subject, facts);
        objects::state(case, subject, facts);
        limits(case, subject, facts);
        settings(case, subject, facts);
    }
    couplings(case, facts);
    for placed in &case.events {
        match placed.what.kind {
            EventKind::GoGcTrace => gc(case, placed, facts),
            EventKind::GoSchedTrace => sched(placed, facts),
            EventKind::JvmGc => jvm_gc(placed, facts),
        }
    }
}

/// A verdict in the words of the report.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Growing => "growing",
        Verdict::Falling => "falling",
        Verdict::Flat => "flat",
        Verdict::Step => "step",
        Verdict::Plateau => "plateau",
        Verdict::Cyclic => "cyclic",
        Verdict::Insufficient => "insufficient",
    }
}

/// A value with its unit, for people.
pub fn amount(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Bytes => units::bytes(value),
        Unit::Seconds => units::duration(value),
        Unit::Ratio => units::share(value),
        Unit::Count | Unit::Unknown => units::number(value),
    }
}

fn trend(judged: &Judged<'_>, process: &str, facts: &mut Facts) {
    let (signal, growth) = (judged.signal, &judged.growth);
    let mut fact = Fact::new("trend", signal.subject);
    fact.set("signal", signal.name.as_str()).set("verdict", word(growth.verdict)).set("labels", labels(signal));
    if let [(_, label)] = &signal.labels[..] {
        fact.set("label", label.as_str());
    }
    fact.set("n", growth.n).set("first", growth.first).set("last", growth.last).set("max", growth.max);
    fact.set("delta", growth.last - growth.first);
    if growth.monotone_share.is_finite() {
        fact.set("monotone", growth.monotone_share);
    }
    if signal.unit == Unit::Count {
        fact.set("count", (growth.last - growth.first).max(0.0));
    }
    // Among the measures of the machine the labels say whose it is.
    let listed = signal.labels.iter().find(|(name, _)| name == "process.name").map(|(_, name)| name.as_str());
    let process = listed.unwrap_or(process);
    fact.sites.push(Site { function: process.to_owned(), file: None, line: None, role: "blocked".into() });
    if growth.first > 0.0 {
        fact.set("ratio", growth.last / growth.first);
    }
    if signal.clock.is_time() {
        fact.set("span_s", growth.span_s);
        fact.set_known("slope_per_hour", growth.slope_per_s.map(|slope| slope * 3600.0));
        fact.set_known("exhausts_in_s", growth.exhausts_in_s);
    }
    fact.set_known("p", growth.p).set_known("limit", judged.limit);
    fact.set_known("limit_share", judged.limit.map(|limit| growth.max / limit));
    let alive = signal.while_alive();
    if let (Some(first), Some(last)) = (alive.first(), alive.last()) {
        let over =
            if signal.clock.is_time() { format!(" over {}", units::duration(growth.span_s)) } else { String::new() };
        let says = format!(
            "{} went from {} to {}{over} ({} samples: {})",
            signal.title(),
            amount(first.value, signal.unit),
            amount(last.value, signal.unit),
            growth.n,
            if growth.verdict == Verdict::Insufficient { "too few for a trend" } else { word(growth.verdict) }
        );
        fact.cites.push(Cite { place: last.place, says });
    }
    facts.push(fact);
}

/// Labels as conditions test them.
fn labels(signal: &Signal) -> Vec<String> {
    signal.labels.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

fn level(signal: &Signal, facts: &mut Facts) {
    let (Some(first), Some(last), Some(peak)) = (signal.first(), signal.last(), signal.peak()) else { return };
    let mut values: Vec<f64> = signal.samples.iter().map(|sample| sample.value).collect();
    values.sort_by(f64::total_cmp);
    let mut fact = Fact::new("level", signal.subject);
    fact.set("signal", signal.name.as_str()).set("last", last.value).set("max", peak.value);
    fact.set("labels", labels(signal));
    fact.set("median", values[values.len() / 2]).set("n", values.len()).set("delta", last.value - first.value);
    if signal.clock.is_time() && last.t > first.t {
        fact.set("rate_per_s", (last.value - first.value) / (last.t - first.t));
    }
    let says = match signal.kind {
        SeriesKind::Counter => format!("{} rose by {}", signal.title(), amount(last.value - first.value, signal.unit)),
        _ => format!(
            "{} stood at {} at most, {} at the end",
            signal.title(),
            amount(peak.value, signal.unit),
            amount(last.value, signal.unit)
        ),
    };
    fact.cites.push(Cite { place: peak.place, says });
    facts.push(fact);
}

/// Levels that are the ratio of two signals.
fn ratios(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let growth = |name: &str| -> Option<(f64, &Sample)> {
        let signal = case.signal(subject, name)?;
        let (first, last) = (signal.first()?, signal.last()?);
        (signal.samples.len() > 1).then_some((last.value - first.value, last))
    };
    // Counters of a group begin with it: a single sample tells of its whole life.
    let of_life = |name: &str| growth(name).or_else(|| Some(case.signal(subject, name)?.last()?).map(|s| (s.value, s)));
    if let (Some((throttled, at)), Some((periods, _))) =
        (of_life("cgroup.cpu.throttled_periods"), of_life("cgroup.cpu.periods"))
        && periods > 0.0
    {
        let mut fact = Fact::new("level", subject);
        let share = throttled / periods;
        fact.set("signal", "cgroup.cpu.throttled_share").set("last", share).set("max", share).set("n", periods);
        fact.cites.push(Cite {
            place: at.place,
            says: format!("{throttled} of {periods} periods were throttled ({})", units::share(share)),
        });
        facts.push(fact);
    }
    if let (Some((refaults, at)), Some((faults, _))) =
        (growth("cgroup.memory.workingset_refault_file"), growth("cgroup.memory.pgfault"))
        && faults > 0.0
    {
        let mut fact = Fact::new("level", subject);
        let share = refaults / faults;
        fact.set("signal", "cgroup.memory.refault_share").set("last", share).set("max", share).set("delta", refaults);
        fact.cites.push(Cite {
            place: at.place,
            says: format!("{refaults} pages of files were read again after they had been evicted"),
        });
        facts.push(fact);
    }
}

fn limits(case: &Case, subject: SubjectId, facts: &mut Facts) {
    if let Some((value, at)) = memory_limit(case, subject) {
        let mut fact = Fact::new("limit", subject);
        fact.set("kind", "memory").set("value", value).set("unset", false);
        let used = case.signal(subject, "cgroup.memory.current").and_then(Signal::peak);
        // A kill at the limit tells more than samples from before it.
        let killed = facts.of("kill").any(|kill| {
            kill.subject == subject
                && kill.text("by") == Some("memcg")
                && kill.number("limit_bytes").is_some_and(|limit| (limit - value).abs() <= value * 0.001)
        });
        fact.set_known("peak_share", if killed { Some(1.0) } else { used.map(|used| used.value / value) });
        let hits =
            ["cgroup.memory.events.max", "cgroup.memory.failcnt"].iter().find_map(|name| case.signal(subject, name));
        fact.set_known("hits", hits.and_then(|s| Some(s.last()?.value - s.first()?.value)));
        fact.cites.push(Cite { place: at.place, says: format!("the memory limit is {}", units::bytes(value)) });
        facts.push(fact);
    } else if case.signal(subject, "cgroup.memory.limit").is_some_and(|signal| signal.unlimited) {
        let mut fact = Fact::new("limit", subject);
        fact.set("kind", "memory").set("unset", true);
        facts.push(fact);
    }
    let limits =
        [("go.memory.limit", "gomemlimit", "GOMEMLIMIT"), ("cgroup.memory.high", "memory-high", "memory.high")];
    for (signal, kind, name) in limits {
        let Some(found) = case.signal(subject, signal) else { continue };
        let mut fact = Fact::new("limit", subject);
        // The runtime prints the largest number for "none".
        let value = found.last().map(|sample| sample.value).filter(|value| *value < 9e18 && !found.unlimited);
        fact.set("kind", kind).set("unset", value.is_none()).set_known("value", value);
        fact.set_known("of_memory", value.zip(memory_limit(case, subject)).map(|(value, (limit, _))| value / limit));
        if let Some(sample) = found.last() {
            let says = value.map_or(format!("{name} is not set"), |value| format!("{name} is {}", units::bytes(value)));
            fact.cites.push(Cite { place: sample.place, says });
        }
        facts.push(fact);
    }
}

/// What the environment and the pod's description set: GOMEMLIMIT, GOGC and the memory limit.
fn settings(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let set = case.records.iter().filter(|placed| placed.subject == subject && placed.what.kind == RecordKind::Setting);
    for placed in set {
        let mut state = |kind: &'static str, value: Option<f64>, says: String| {
            let mut fact = Fact::new("limit", subject);
            fact.set("kind", kind).set("unset", value.is_none()).set_known("value", value);
            let memory = memory_limit(case, subject).map(|(limit, _)| limit);
            fact.set_known(
                "of_memory",
                value.filter(|_| kind == "gomemlimit").zip(memory).map(|(value, limit)| value / limit),
            );
            fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
            facts.push(fact);
        };
        if let Some(text) = placed.what.attribute("GOMEMLIMIT") {
            state("gomemlimit", go_bytes(text), format!("GOMEMLIMIT is {text}"));
        }
        if let Some(text) = placed.what.attribute("GOGC") {
            // Off means that the collector never starts by itself: below any percentage.
            let percent = if text == "off" { Some(-1.0) } else { text.parse().ok() };
            state("gogc", percent, format!("GOGC is {text}"));
        }
    }
}

/// A size as Go reads it: `72MiB`, `1GiB`, `123456`; `off` is none.
fn go_bytes(text: &str) -> Option<f64> {
    let units =
        [("KiB", 1024.0), ("MiB", 1_048_576.0), ("GiB", 1_073_741_824.0), ("TiB", 1_099_511_627_776.0), ("B", 1.0)];
    let found = units.iter().find_map(|(unit, scale)| Some((text.strip_suffix(unit)?, *scale)));
    let (digits, scale) = found.unwrap_or((text, 1.0));
    digits.trim().parse::<f64>().ok().map(|value| value * scale)
}

/// Pairs of signals that tell of a cause when they go together.
const PAIRS: &[(&str, &str)] = &[
    ("process.memory.virtual", "process.thread.count"),
    ("cgroup.memory.kernel_stack", "process.thread.count"),
    ("go.memory.stack_inuse", "go.goroutine.count"),
    ("cgroup.memory.anon", "go.goroutine.count"),
    ("process.open_file_descriptor.count", "go.goroutine.count"),
    ("cgroup.memory.anon", "go.memory.live_after_gc"),
];

fn couplings(case: &Case, facts: &mut Facts) {
    for subject in case.subject_ids() {
        for (a, b) in PAIRS {
            let (Some(first), Some(second)) = (case.signal(subject, a), case.signal(subject, b)) else { continue };
            if first.clock != second.clock {
                continue;
            }
            let points = |signal: &Signal| signal.while_alive().iter().map(|s| (s.t, s.value)).collect::<Vec<_>>();
            let Some(found) = growth::correlate(&points(first), &points(second)) else { continue };
            let mut fact = Fact::new("coupling", subject);
            fact.set("a", *a).set("b", *b).set("r", found.r).set("p", found.p).set("n", found.n);
            fact.set("a_per_b", found.a_per_b);
            if let Some(last) = first.last() {
                let per = amount(found.a_per_b, first.unit);
                fact.cites.push(Cite {
                    place: last.place,
                    says: format!("{a} goes with {b}: {per} each (r = {:.3})", found.r),
                });
            }
            facts.push(fact);
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.retain(|value| value.is_finite());
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

fn gc(case: &Case, placed: &crate::case::Placed<postmortem_parsers::evidence::Events>, facts: &mut Facts) {
    let events = &placed.what;
    let n = events.rows.len();
    let column = |name: &str| -> Vec<f64> {
        let Some(index) = events.column(name) else { return Vec::new() };
        (0..n).map(|row| events.row(row)[index]).collect()
    };
    if n == 0 {
        return;
    }
    let (live, goal, end, percent) =
        (column("heap_live_bytes"), column("heap_goal_bytes"), column("heap_end_bytes"), column("gc_cpu_percent"));
    let times: Vec<f64> = (0..n).map(|row| events.seconds(row).unwrap_or(0.0)).collect();
    let tail = n - (n / 4).max(1)..n;
    let mut fact = Fact::new("gc", placed.subject);
    fact.set("collector", "go").set("cycles", n).set("cpu_percent", percent[n - 1]).set("live_bytes", live[n - 1]);
    fact.set_known("live_to_goal", median(tail.clone().map(|i| live[i] / goal[i]).collect()));
    fact.set_known("freed_share", median(tail.map(|i| (end[i] - live[i]) / end[i]).collect()));
    fact.set("span_s", times[n - 1] - times[0]);
    let half = n / 2;
    if n - half > 1 && times[n - 1] > times[half] {
        fact.set("per_s", (n - 1 - half) as f64 / (times[n - 1] - times[half]));
    }
    fact.set_known("near_limit_share", memory_limit(case, placed.subject).map(|(limit, _)| goal[n - 1] / limit));
    let line = events.rows[n - 1].1;
    let says = format!(
        "collection {n}: {} % of the CPU so far, {} live, goal {}",
        percent[n - 1],
        units::bytes(live[n - 1]),
        units::bytes(goal[n - 1])
    );
    fact.cites.push(Cite::new(placed.artifact, line, says));
    facts.push(fact);
}

fn jvm_gc(placed: &crate::case::Placed<postmortem_parsers::evidence::Events>, facts: &mut Facts) {
    let events = &placed.what;
    let n = events.rows.len();
    let value = |row: usize, name: &str| events.column(name).map_or(f64::NAN, |index| events.row(row)[index]);
    let sized: Vec<usize> = (0..n).filter(|&row| value(row, "heap_after_bytes").is_finite()).collect();
    let Some(&last) = sized.last() else { return };
    let tail = &sized[sized.len() - (sized.len() / 4).max(1)..];
    let is_full = |row: usize| value(row, "full") > 0.0;
    let mut fact = Fact::new("gc", placed.subject);
    fact.set("collector", "jvm").set("cycles", sized.len()).set("live_bytes", value(last, "heap_after_bytes"));
    fact.set("full", sized.iter().filter(|&&row| is_full(row)).count());
    fact.set("full_share", tail.iter().filter(|&&row| is_full(row)).count() as f64 / tail.len() as f64);
    let is_asked = |row: usize| value(row, "asked") > 0.0;
    fact.set("asked", sized.iter().filter(|&&row| is_asked(row)).count());
    let of_capacity = |row: &usize| value(*row, "heap_after_bytes") / value(*row, "heap_capacity_bytes");
    fact.set_known("live_to_goal", median(tail.iter().map(of_capacity).collect()));
    let freed = |row: &usize| 1.0 - value(*row, "heap_after_bytes") / value(*row, "heap_before_bytes");
    fact.set_known("freed_share", median(tail.iter().map(freed).collect()));
    if let (Some(from), Some(to)) = (events.seconds(sized[0]), events.seconds(last))
        && to > from
    {
        let paused: f64 = sized.iter().map(|&row| value(row, "pause_s")).filter(|pause| pause.is_finite()).sum();
        fact.set("span_s", to - from).set("cpu_percent", (paused / (to - from) * 100.0).min(100.0).round());
        fact.set("per_s", sized.len() as f64 / (to - from));
        let full = sized.iter().filter(|&&row| is_full(row) && !is_asked(row)).map(|&row| value(row, "pause_s"));
        let stood: f64 = full.filter(|pause| pause.is_finite()).sum();
        fact.set("full_time_share", (stood / (to - from)).min(1.0));
    }
    let says = format!(
        "collection {}: {} of {} in use afterwards",
        sized.len(),
        units::bytes(value(last, "heap_after_bytes")),
        units::bytes(value(last, "heap_capacity_bytes"))
    );
    fact.cites.push(Cite::new(placed.artifact, events.rows[last].1, says));
    facts.push(fact);
}

fn sched(placed: &crate::case::Placed<postmortem_parsers::evidence::Events>, facts: &mut Facts) {
    let events = &placed.what;
    let n = events.rows.len();
    if n == 0 {
        return;
    }
    let value = |row: usize, name: &str| events.column(name).map_or(f64::NAN, |index| events.row(row)[index]);
    let queue = |row: usize| {
        let local = value(row, "local_runqueue");
        value(row, "runqueue") + if local.is_nan() { 0.0 } else { local }
    };
    let procs = value(n - 1, "gomaxprocs");
    let mut fact = Fact::new("sched", placed.subject);
    fact.set("n", n).set("gomaxprocs", procs);
    let queues: Vec<f64> = (0..n).map(queue).collect();
    let most = queues.iter().copied().fold(0.0, f64::max);
    if let Some(median) = median(queues) {
        fact.set("queue_median", median).set("queue_per_proc", median / procs.max(1.0)).set("queue_max", most);
    }
    let idle = (0..n).filter(|&row| value(row, "idleprocs") > 0.0).count();
    fact.set("idle_share", idle as f64 / n as f64);
    let threads: Vec<f64> = (0..n).map(|row| value(row, "threads")).collect();
    fact.set("threads_first", threads[0])
        .set("threads_last", threads[n - 1])
        .set("threads_growth", threads[n - 1] - threads[0]);
    fact.set("threads_per_proc", threads[n - 1] / procs.max(1.0));
    let idle_threads = value(n - 1, "idlethreads");
    fact.set("idle_threads_last", idle_threads);
    fact.set("blocked_threads", (threads[n - 1] - idle_threads - procs).max(0.0));
    if n > 1 {
        let rises = threads.windows(2).filter(|pair| pair[1] >= pair[0]).count();
        fact.set("threads_rising", rises as f64 / (n - 1) as f64);
    }
    let line = events.rows[n - 1].1;
    fact.cites.push(Cite::new(
        placed.artifact,
        line,
        format!(
            "{} threads ({idle_threads} idle) for {procs} processors, {} runnable goroutines wait",
            threads[n - 1],
            queue(n - 1)
        ),
    ));
    fact.cites.push(Cite::new(placed.artifact, events.rows[0].1, format!("{} threads at the first line", threads[0])));
    facts.push(fact);
}

/// The clock word of a signal, for the report.
pub fn clock_word(clock: Clock) -> &'static str {
    clock.as_str()
}

#[cfg(test)]
mod tests {
    #[test]
    fn sizes_as_go_reads_them() {
        for (text, bytes) in
            [("72MiB", Some(75_497_472.0)), ("1GiB", Some(1_073_741_824.0)), ("100", Some(100.0)), ("off", None)]
        {
            assert_eq!(super::go_bytes(text), bytes, "{text}");
        }
    }
}
