//! Signals on both sides: the table of before and after.

use super::model::{Change, Level, SeriesDiff};
use super::noise::corrected;
use super::subjects::Subjects;
use crate::case::{Case, Signal};
use crate::passes::growth::robust::{lag_one, median, percentile, spread};
use crate::passes::growth::student;
use crate::report::model::{Report, Trend};
use postmortem_parsers::evidence::{SeriesKind, Unit};

/// A change of a level is at least this share of it: from run to run, levels differ more than within one.
const LEAST_RELATIVE: f64 = 0.2;
/// With fewer readings on a side there is no test,
const FEWEST: usize = 5;
/// and a level changed when it is so many times what it was.
const UNTESTED_FACTOR: f64 = 2.0;
/// Share of false alarms among the changes that are called, at most.
const ALPHA: f64 = 0.01;
/// Smaller changes of bytes are nothing.
const LEAST_BYTES: f64 = 8.0 * 1024.0 * 1024.0;
/// Smaller changes of counts are nothing.
const LEAST_COUNT: f64 = 3.0;

/// The readings of a signal as they are compared.
struct Readings {
    values: Vec<f64>,
    last: f64,
    max: f64,
}

/// Compares the signals of two cases; also says how many only one of them has.
pub fn diff(before: (&Case, &Report), after: (&Case, &Report), subjects: &Subjects) -> (Vec<SeriesDiff>, Vec<String>) {
    let mut all = Vec::new();
    let (mut alone, mut met) = (0u64, 0usize);
    for own in &after.0.signals {
        let subject = subjects.before(own.subject);
        let fits = |other: &&Signal| {
            Some(other.subject) == subject
                && other.title() == own.title()
                && other.kind == own.kind
                && other.unit == own.unit
        };
        // Of those on several clocks, the one with the most readings.
        let other = before.0.signals.iter().filter(fits).max_by_key(|other| other.samples.len());
        let largest = after.0.signals.iter().filter(|it| it.subject == own.subject && it.title() == own.title());
        if largest.max_by_key(|it| it.samples.len()).is_some_and(|it| !std::ptr::eq(it, own)) {
            continue;
        }
        match other
            .and_then(|other| pair((before.1, other), (after.1, own), &after.0.subjects[own.subject as usize].name))
        {
            Some(compared) => {
                met += 1;
                all.push(compared);
            }
            None => alone += 1,
        }
    }
    let chances: Vec<f64> = all.iter().map(|series| series.p.unwrap_or(1.0)).collect();
    for (series, q) in all.iter_mut().zip(corrected(&chances)) {
        if series.p.is_some() && q >= ALPHA {
            series.verdict = Change::Same;
        }
    }
    all.sort_by(|a, b| {
        let size = |s: &SeriesDiff| s.relative.map_or(f64::INFINITY, |ratio| ratio.max(1e-9).ln().abs());
        (a.verdict == Change::Same)
            .cmp(&(b.verdict == Change::Same))
            .then_with(
                || if a.verdict == Change::Same { std::cmp::Ordering::Equal } else { size(b).total_cmp(&size(a)) },
            )
            .then_with(|| (&a.series, &a.subject).cmp(&(&b.series, &b.subject)))
    });
    let gone = before.0.signals.len().saturating_sub(met) as u64;
    let said = [(alone, "AFTER"), (gone, "BEFORE")];
    let said = said.into_iter().filter(|(count, _)| *count > 0).map(|(count, side)| match count {
        1 => format!("1 series is only in {side}"),
        _ => format!("{count} series are only in {side}"),
    });
    (all, said.collect())
}

fn pair(before: (&Report, &Signal), after: (&Report, &Signal), subject: &str) -> Option<SeriesDiff> {
    let (a, b) = (readings(before.1)?, readings(after.1)?);
    let signal = after.1;
    let trends = (trend(before.0, before.1), trend(after.0, after.1));
    let (was, is) = (level(&a, trends.0), level(&b, trends.1));
    let (verdict, p) = judge(signal, &a, &b, &is, &was);
    let per_second = if signal.kind == SeriesKind::Counter { "/s" } else { "" };
    Some(SeriesDiff {
        series: signal.title(),
        subject: subject.to_owned(),
        unit: format!("{}{per_second}", signal.unit.as_str()),
        kind: match signal.kind {
            SeriesKind::Gauge => "level",
            SeriesKind::Counter => "total",
            SeriesKind::Limit => "limit",
        }
        .to_owned(),
        verdict,
        relative: (was.median != 0.0).then(|| is.median / was.median),
        before: was,
        after: is,
        p,
    })
}

/// Levels as they are; of totals the rates from reading to reading.
fn readings(signal: &Signal) -> Option<Readings> {
    let samples = if signal.kind == SeriesKind::Gauge { signal.while_alive() } else { &signal.samples[..] };
    let values: Vec<f64> = if signal.kind == SeriesKind::Counter {
        let timed = signal.clock.is_time();
        let pairs = samples.windows(2).filter(|pair| timed && pair[1].t > pair[0].t && pair[1].value >= pair[0].value);
        pairs.map(|pair| (pair[1].value - pair[0].value) / (pair[1].t - pair[0].t)).collect()
    } else {
        samples.iter().map(|sample| sample.value).collect()
    };
    let last = *values.last()?;
    let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    values.iter().all(|value| value.is_finite()).then_some(Readings { values, last, max })
}

fn trend<'r>(report: &'r Report, signal: &Signal) -> Option<&'r Trend> {
    let subject = crate::diagnosis::score::subject_id(signal.subject);
    let title = signal.title();
    report.trends.iter().find(|trend| {
        trend.series == title && trend.subject.as_ref() == Some(&subject) && trend.clock == signal.clock.as_str()
    })
}

fn level(readings: &Readings, trend: Option<&Trend>) -> Level {
    let told = trend.filter(|trend| trend.verdict != "insufficient");
    Level {
        n: readings.values.len() as u64,
        median: median(&readings.values),
        last: readings.last,
        max: readings.max,
        trend: told.map(|trend| trend.verdict.clone()),
        slope_per_hour: told
            .filter(|trend| matches!(trend.verdict.as_str(), "growing" | "falling"))
            .and_then(|trend| trend.slope_per_hour),
    }
}

/// What became of a signal, and the chance of that where nothing changed.
fn judge(signal: &Signal, before: &Readings, after: &Readings, is: &Level, was: &Level) -> (Change, Option<f64>) {
    let direction = |a: f64, b: f64| if b > a { Change::Grew } else { Change::Shrank };
    if signal.kind == SeriesKind::Limit {
        let changed = before.last != after.last;
        return (if changed { direction(before.last, after.last) } else { Change::Same }, None);
    }
    let least = match signal.unit {
        Unit::Bytes => LEAST_BYTES,
        Unit::Count => LEAST_COUNT,
        _ => 0.0,
    };
    // What one side alone proves to grow is news, wherever its median is.
    let grows = |level: &Level| level.trend.as_deref() == Some("growing");
    if grows(is) && !grows(was) && signal.kind == SeriesKind::Gauge {
        return (Change::Grew, None);
    }
    let (a, b) = (was.median, is.median);
    let large = (b - a).abs() >= least && (b - a).abs() >= LEAST_RELATIVE * a.abs().max(b.abs()) && a != b;
    if before.values.len() < FEWEST || after.values.len() < FEWEST {
        let (low, high) = (a.abs().min(b.abs()), a.abs().max(b.abs()));
        let changed = large && high >= UNTESTED_FACTOR * low && signal.kind == SeriesKind::Gauge;
        return (if changed { direction(a, b) } else { Change::Same }, None);
    }
    // The usual range of either side does not reach the middle of the other.
    let outside = |values: &[f64], at: f64| at < percentile(values, 10.0) || at > percentile(values, 90.0);
    let apart = outside(&before.values, b) && outside(&after.values, a);
    let deviation = (error(&before.values).powi(2) + error(&after.values).powi(2)).sqrt();
    let freedom = (before.values.len().min(after.values.len()) - 1) as f64;
    let p = if a == b { 1.0 } else { student::two_sided((b - a) / deviation, freedom) };
    (if large && apart && p < ALPHA { direction(a, b) } else { Change::Same }, Some(p))
}

/// Standard error of the median of readings that remember the one before.
fn error(values: &[f64]) -> f64 {
    const OF_MEDIAN: f64 = 1.2533;
    let middle = median(values);
    let residuals: Vec<f64> = values.iter().map(|value| value - middle).collect();
    let memory = lag_one(&residuals).clamp(0.0, 0.98);
    OF_MEDIAN * spread(values) * ((1.0 + memory) / (1.0 - memory) / values.len() as f64).sqrt()
}
