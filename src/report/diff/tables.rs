//! The tables of a comparison, each cell a text: what the renderers for people share.

use crate::diff::model::*;
use crate::diff::words::{noun, rate, times};
use crate::report::units;

/// A table with the sentences around it.
#[derive(Debug)]
pub struct Table {
    /// What it is of.
    pub title: String,
    /// Heads of the columns; the last one is that of the name.
    pub head: Vec<&'static str>,
    /// Rows: what became of it, the other cells.
    pub rows: Vec<(Change, Vec<String>)>,
    /// Rows that are not shown.
    pub left_out: u64,
    /// What must be known to read it.
    pub notes: Vec<String>,
}

/// How many rows that did not change are shown.
#[derive(Clone, Copy, Debug)]
pub struct Most {
    /// Rows that changed.
    pub changed: usize,
    /// Rows that did not.
    pub same: usize,
}

/// The word for what became of something.
pub fn word(change: Change) -> &'static str {
    match change {
        Change::Appeared => "new",
        Change::Grew => "grew",
        Change::Shrank => "shrank",
        Change::Vanished => "gone",
        Change::Same => "same",
    }
}

/// The heading of a comparison.
pub fn headline(diff: &Diff) -> (&'static str, &'static str) {
    match diff.outcome {
        Outcome::Changed => ("CHANGED", ""),
        Outcome::Unchanged => ("UNCHANGED", "Nothing changed beyond what chance explains."),
        Outcome::Incomparable => ("INCOMPARABLE", "The two sides have nothing in common that could be compared."),
    }
}

/// All tables, in the order of the comparison.
pub fn all(diff: &Diff, most: Most) -> Vec<Table> {
    let findings = (!diff.findings.is_empty()).then(|| findings(&diff.findings, most));
    let profiles = diff.profiles.iter().map(|profile| self::profile(profile, most));
    let threads = diff.threads.iter().map(|threads| self::threads(threads, most));
    let series = (!diff.series.is_empty()).then(|| series(&diff.series, most));
    findings.into_iter().chain(profiles).chain(threads).chain(series).collect()
}

/// Takes rows in their order: those that changed and those that did not, up to a number of each.
fn rows<T>(
    all: &[T],
    most: Most,
    change: impl Fn(&T) -> Change,
    cells: impl Fn(&T) -> Vec<String>,
) -> (Vec<(Change, Vec<String>)>, u64) {
    let (mut changed, mut same) = (0, 0);
    let mut rows = Vec::new();
    for row in all {
        let (count, limit) =
            if change(row) == Change::Same { (&mut same, most.same) } else { (&mut changed, most.changed) };
        *count += 1;
        if *count <= limit {
            rows.push((change(row), cells(row)));
        }
    }
    let left_out = (all.len() - rows.len()) as u64;
    (rows, left_out)
}

fn profile(profile: &ProfileDiff, most: Most) -> Table {
    let shares = |cost: &Cost| {
        let before = units::share(cost.before);
        format!("{} > {}", before.strip_suffix(" %").unwrap_or(&before), units::share(cost.after))
    };
    let rates = |cost: &Cost| match (cost.rate_before, cost.rate_after) {
        (Some(before), Some(after)) => {
            let before = rate(profile, before);
            format!(
                "{} > {}",
                before.strip_suffix(" per s").unwrap_or(&before),
                rate(profile, after).trim_end_matches(" per s")
            )
        }
        _ => "?".to_owned(),
    };
    let factor = |function: &FunctionDiff| match (function.verdict, function.factor) {
        (Change::Appeared | Change::Vanished, _) | (_, None) => String::new(),
        (_, Some(factor)) => format!("x{}", times(factor)),
    };
    let cells = |function: &FunctionDiff| {
        let cost = if function.library { &function.itself } else { &function.own };
        let mark = if function.library { " (library)" } else { "" };
        vec![
            factor(function),
            shares(&function.own),
            shares(&function.itself),
            shares(&function.total),
            rates(cost),
            format!("{}{mark}", function.function),
        ]
    };
    let (rows, left_out) = rows(&profile.functions, most, |function| function.verdict, cells);
    let side = |recording: &Recording| {
        let samples = units::counted(recording.samples, "sample", "samples");
        match recording.seconds {
            Some(seconds) => format!("{samples} in {}", units::duration(seconds)),
            None => samples,
        }
    };
    let mut notes = Vec::new();
    if profile.before.rate.is_none() || profile.after.rate.is_none() {
        notes.push("Rates per second are not known: a recording has no times.".to_owned());
    }
    let tested = units::counted(profile.tested, "function has", "functions have");
    let found = profile.detectable.zip(profile.functions.iter().map(|function| function.own.after).reduce(f64::max));
    if let Some((least, _)) = found {
        notes.push(format!(
            "{tested} enough samples for a judgement. The largest would have had to grow by {} to be noticed.",
            units::share((least * 100.0).ceil() / 100.0)
        ));
    }
    let scatter = format!("{:.1}", profile.dispersion);
    notes.push(if profile.dispersion_measured {
        format!("Samples scatter {scatter} times as much as independent ones, by the times of the recordings.")
    } else {
        format!("Without times the scatter of samples is assumed: {scatter} times that of independent ones.")
    });
    if profile.inflation > 1.2 {
        let by = format!("{:.1}", profile.inflation);
        notes.push(format!("The recordings differ {by} times as much in all functions as within themselves: another load or machine. Changes are judged by that."));
    }
    Table {
        title: format!(
            "{} of {}: before {}, after {}",
            noun(profile),
            profile.event,
            side(&profile.before),
            side(&profile.after)
        ),
        head: vec!["cost", "with library", "self", "total", "per second", "function"],
        rows,
        left_out: left_out + profile.unlisted,
        notes,
    }
}

fn range(now: u64, (least, most): (u64, u64)) -> String {
    if least == most {
        units::count(now)
    } else {
        format!("{} ({}..{})", units::count(now), units::count(least), units::count(most))
    }
}

fn threads(threads: &ThreadsDiff, most: Most) -> Table {
    let count = |count: &Count| vec![range(count.before, count.range_before), range(count.after, count.range_after)];
    let mut listed: Vec<(Change, Vec<String>)> = Vec::new();
    let named = |count_of: &Count, name: String| {
        let mut cells = count(count_of);
        cells.push(name);
        (count_of.verdict, cells)
    };
    listed.push(named(&threads.total, "all".to_owned()));
    let reasons = threads.reasons.iter().filter(|reason| reason.count.verdict != Change::Same);
    listed.extend(reasons.map(|reason| named(&reason.count, format!("all in {}", reason.reason))));
    let cells = |group: &GroupDiff| {
        let place = if group.place.is_empty() { "no known function" } else { &group.place };
        let creator = group.created_by.as_ref().map_or(String::new(), |creator| format!(", started by {creator}"));
        named(&group.count, format!("{} at {place}{creator}", group.reason)).1
    };
    let (rows, left_out) = rows(&threads.groups, most, |group| group.count.verdict, cells);
    listed.extend(rows);
    let noun = if threads.runtime == "go" { "Goroutines" } else { "Threads" };
    let dumps = |count| units::counted(count, "dump", "dumps");
    Table {
        title: format!(
            "{noun} of {}: before {}, after {}",
            threads.process,
            dumps(threads.dumps.0),
            dumps(threads.dumps.1)
        ),
        head: vec!["before", "after", "group"],
        rows: listed,
        left_out: left_out + threads.unlisted,
        notes: Vec::new(),
    }
}

fn series(all: &[SeriesDiff], most: Most) -> Table {
    let subjects: std::collections::BTreeSet<&str> = all.iter().map(|series| series.subject.as_str()).collect();
    let cells = |series: &SeriesDiff| {
        let value = |value: f64| units::value(value, &series.unit);
        let trend = |level: &Level| level.trend.clone().unwrap_or_else(|| "?".to_owned());
        let slope = series
            .after
            .slope_per_hour
            .map_or(String::new(), |slope| format!(", {}", units::rate(slope, &series.unit)));
        let owner = if subjects.len() > 1 { format!(" of {}", series.subject) } else { String::new() };
        let change = series.relative.map_or(String::new(), |ratio| format!("x{}", times(ratio)));
        vec![
            value(series.before.median),
            value(series.after.median),
            change,
            format!("{} > {}{slope}", trend(&series.before), trend(&series.after)),
            format!("{}{owner}", series.series),
        ]
    };
    let (rows, left_out) = rows(all, most, |series| series.verdict, cells);
    Table {
        title: "Series: medians".to_owned(),
        head: vec!["before", "after", "change", "trend", "series"],
        rows,
        left_out,
        notes: Vec::new(),
    }
}

fn findings(all: &[FindingDiff], most: Most) -> Table {
    let cells = |finding: &FindingDiff| {
        let severity =
            |severity: Option<crate::report::model::Severity>| severity.map_or("-", |it| it.as_str()).to_owned();
        let place = finding.place.as_ref().map_or(String::new(), |place| format!(", at {place}"));
        let says = format!("{}: {}{place}", finding.pattern, finding.title);
        vec![severity(finding.before), severity(finding.after), units::confidence(finding.confidence), says]
    };
    let (rows, left_out) = rows(all, most, |finding| finding.verdict, cells);
    let head = vec!["before", "after", "sure", "finding"];
    Table { title: "Findings".to_owned(), head, rows, left_out, notes: Vec::new() }
}
