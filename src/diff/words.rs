//! What changed, in sentences.

use super::model::{Change, Diff, FunctionDiff, ProfileDiff, SeriesDiff, ThreadsDiff};
use crate::report::units;

/// Changes of one sort that the summary names.
const MOST: usize = 3;

/// Whether anything changed.
pub fn changed(diff: &Diff) -> bool {
    let is = |change: Change| change != Change::Same;
    diff.profiles.iter().any(|profile| changes(profile).next().is_some())
        || diff.threads.iter().any(|it| is(it.total.verdict) || it.groups.iter().any(|group| is(group.count.verdict)))
        || diff.series.iter().any(|series| is(series.verdict))
        || diff.findings.iter().any(|finding| is(finding.verdict))
}

/// The functions of a profile that changed, the one that explains most first.
pub fn changes(profile: &ProfileDiff) -> impl Iterator<Item = &FunctionDiff> {
    profile.functions.iter().filter(|function| function.verdict != Change::Same)
}

/// The sentences, the most telling first.
pub fn summary(diff: &Diff) -> Vec<String> {
    let mut said = Vec::new();
    for finding in diff.findings.iter().filter(|finding| finding.verdict != Change::Same).take(MOST) {
        said.push(match finding.verdict {
            Change::Appeared => format!("New: {} ({}).", finding.title, finding.pattern),
            Change::Vanished => format!("Gone: {} ({}).", finding.title, finding.pattern),
            Change::Grew => format!("Worse: {} ({}).", finding.title, finding.pattern),
            _ => format!("Better: {} ({}).", finding.title, finding.pattern),
        });
    }
    diff.profiles.iter().for_each(|profile| said.extend(of_profile(profile)));
    diff.threads.iter().for_each(|threads| said.extend(of_threads(threads)));
    said.extend(diff.series.iter().filter(|series| series.verdict != Change::Same).take(MOST).map(of_series));
    said
}

fn of_profile(profile: &ProfileDiff) -> Vec<String> {
    let mut said = Vec::new();
    let all: Vec<&FunctionDiff> = changes(profile).filter(|function| !function.library).collect();
    for (nth, function) in all.iter().take(MOST).enumerate() {
        said.push(of_function(profile, function));
        if nth == 0 && !function.callers.is_empty() {
            let did = if matches!(function.verdict, Change::Grew | Change::Appeared) { "grew" } else { "shrank" };
            said.push(format!("{} {did} in total because of it.", list(&function.callers)));
        }
    }
    if all.len() > MOST {
        said.push(format!(
            "{} changed too.",
            units::counted((all.len() - MOST) as u64, "further function", "further functions")
        ));
    }
    if let (Some(rest), false) = (profile.rest, all.is_empty())
        && profile.before.rate.is_some()
        && profile.after.rate.is_some()
        && (rest - 1.0).abs() >= 0.02
    {
        let less = if rest < 1.0 { "less" } else { "more" };
        let by = units::share((rest - 1.0).abs());
        said.push(format!("All that did not change took {by} {less} per second: that is the yardstick, not a change."));
    }
    said
}

fn of_function(profile: &ProfileDiff, function: &FunctionDiff) -> String {
    let FunctionDiff { function: name, own, itself, .. } = function;
    let cost = if function.library { itself } else { own };
    let shares = format!("{} to {} of the {}", units::share(cost.before), units::share(cost.after), noun(profile));
    let rates = match (cost.rate_before, cost.rate_after) {
        (Some(before), Some(after)) => format!(", {} to {}", rate(profile, before), rate(profile, after)),
        _ => String::new(),
    };
    match (function.verdict, function.factor) {
        (Change::Appeared, _) => format!("{name} is new: {shares}{rates}."),
        (Change::Vanished, _) => format!("{name} is gone: {shares}{rates}."),
        (Change::Grew, Some(factor)) => format!("{name} costs {} times what it did: {shares}{rates}.", times(factor)),
        (_, Some(factor)) => format!("{name} costs {} of what it did: {shares}{rates}.", units::share(factor)),
        (_, None) => format!("{name}: {shares}{rates}."),
    }
}

fn of_threads(threads: &ThreadsDiff) -> Vec<String> {
    let noun = if threads.runtime == "go" { "goroutines" } else { "threads" };
    let counts = |before: u64, after: u64| format!("{} to {}", units::count(before), units::count(after));
    let mut said = Vec::new();
    if threads.total.verdict != Change::Same {
        said.push(format!("{} has {} {noun}.", threads.process, counts(threads.total.before, threads.total.after)));
    }
    for group in threads.groups.iter().filter(|group| group.count.verdict != Change::Same).take(MOST) {
        let place = if group.place.is_empty() { "no known function" } else { &group.place };
        let count = counts(group.count.before, group.count.after);
        said.push(format!("{count} {noun} wait in {} at {place}.", group.reason));
    }
    said
}

fn of_series(series: &SeriesDiff) -> String {
    let (before, after) = (&series.before, &series.after);
    if let Some(slope) = after.slope_per_hour.filter(|_| before.trend.as_deref() != Some("growing")) {
        let from = units::value(before.median, &series.unit);
        return format!("{} grows now, {}; before it was at {from}.", series.series, units::rate(slope, &series.unit));
    }
    let value = |value: f64| units::value(value, &series.unit);
    format!("{}: {} to {}.", series.series, value(before.median), value(after.median))
}

/// A factor: `1.21`.
pub fn times(factor: f64) -> String {
    if factor < 10.0 { format!("{factor:.2}") } else { units::number(factor.round()) }
}

/// What the weights of a profile are.
pub fn noun(profile: &ProfileDiff) -> &'static str {
    match (profile.unit.as_str(), profile.kind.as_str()) {
        ("bytes", _) => "bytes",
        (_, "off-cpu") => "time off CPU",
        ("nanoseconds" | "microseconds" | "milliseconds" | "seconds", "cpu") => "CPU time",
        ("nanoseconds" | "microseconds" | "milliseconds" | "seconds", _) => "time",
        ("samples", _) => "samples",
        _ => "weight",
    }
}

/// A weight per second, with its unit.
pub fn rate(profile: &ProfileDiff, per_second: f64) -> String {
    match profile.unit.as_str() {
        "nanoseconds" => format!("{} per s", units::duration(per_second / 1e9)),
        "microseconds" => format!("{} per s", units::duration(per_second / 1e6)),
        "milliseconds" => format!("{} per s", units::duration(per_second / 1e3)),
        "bytes" => format!("{} per s", units::bytes(per_second)),
        unit => format!("{} {unit} per s", units::number(per_second)),
    }
}

fn list(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [all @ .., last] => format!("{} and {last}", all.join(", ")),
    }
}
