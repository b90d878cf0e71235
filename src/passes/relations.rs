//! Which signals of a process move together, and what a signal is made of.

use super::growth::{self, Correlation};
use crate::case::{Case, Clock, Signal, SubjectId};
use postmortem_parsers::evidence::SeriesKind;
use rayon::prelude::*;
use std::collections::BTreeMap;

/// Signals of one subject that are held against each other; a table of thousands would show chance only.
const MOST_SIGNALS: usize = 32;
/// Samples of a signal that are used; longer ones are thinned.
const MOST_SAMPLES: usize = 400;
/// Fewer samples than this say nothing.
const FEWEST: usize = 8;
/// A pair is told when this few of a hundred told pairs are there by chance.
const FALSE_DISCOVERIES: f64 = 0.01;
/// And when the changes go together as well as the levels: two mere trends do not.
const FIRM: f64 = 0.5;

/// Two signals that move together.
#[derive(Debug)]
pub struct Relation<'a> {
    /// The first, or the one that leads.
    pub a: &'a Signal,
    /// The second.
    pub b: &'a Signal,
    /// How.
    pub found: Correlation,
    /// Chance of it without a relation, corrected for all pairs that were tried (Benjamini and Hochberg).
    pub p: f64,
}

/// The pairs of signals that move together, the firmest first.
pub fn relations(case: &Case) -> Vec<Relation<'_>> {
    let pairs: Vec<(&Signal, &Signal)> = comparable(case)
        .into_values()
        .flat_map(|signals| {
            let pair = |(nth, a): (usize, &&'_ Signal)| -> Vec<(usize, usize)> {
                let others = signals.iter().enumerate().skip(nth + 1);
                others.filter(|(_, b)| !of_one_family(a, b)).map(|(other, _)| (nth, other)).collect()
            };
            let all: Vec<(usize, usize)> = signals.iter().enumerate().flat_map(pair).collect();
            all.into_iter().map(|(a, b)| (signals[a], signals[b])).collect::<Vec<_>>()
        })
        .collect();
    let mut tried: Vec<Relation<'_>> = pairs
        .into_par_iter()
        .filter_map(|(a, b)| {
            let found = growth::correlate_lagged(&points(a), &points(b))?;
            // The one that leads stands first.
            let (a, b) = if found.lag_s < 0.0 { (b, a) } else { (a, b) };
            Some(Relation { a, b, p: found.p, found: Correlation { lag_s: found.lag_s.abs(), ..found } })
        })
        .collect();
    correct(&mut tried);
    tried.retain(|relation| relation.p < FALSE_DISCOVERIES && relation.found.r_diff.is_some_and(|r| r.abs() >= FIRM));
    let firmness = |relation: &Relation<'_>| relation.found.r_diff.map_or(0.0, f64::abs);
    tried.sort_by(|x, y| {
        let names = |r: &Relation<'_>| (r.a.subject, r.a.title(), r.b.title());
        firmness(y).total_cmp(&firmness(x)).then_with(|| names(x).cmp(&names(y)))
    });
    tried
}

/// Benjamini and Hochberg: of the pairs at or below a corrected p, that share is expected to be chance.
fn correct(tried: &mut [Relation<'_>]) {
    tried.sort_by(|x, y| y.p.total_cmp(&x.p));
    let (count, mut least) = (tried.len() as f64, 1.0_f64);
    for (nth, relation) in tried.iter_mut().enumerate() {
        least = least.min(relation.p * count / (count - nth as f64));
        relation.p = least;
    }
}

/// Signals that may be compared: levels and totals of one subject on one clock, those with most samples.
fn comparable(case: &Case) -> BTreeMap<(SubjectId, Clock), Vec<&Signal>> {
    let mut all: BTreeMap<(SubjectId, Clock), Vec<&Signal>> = BTreeMap::new();
    for signal in case.signals.iter().filter(|signal| is_used(signal)) {
        all.entry((signal.subject, signal.clock)).or_default().push(signal);
    }
    for signals in all.values_mut() {
        signals.sort_by_key(|signal| (std::cmp::Reverse(signal.samples.len()), signal.title()));
        signals.truncate(MOST_SIGNALS);
    }
    all
}

fn is_used(signal: &Signal) -> bool {
    let varies = || signal.samples.windows(2).any(|pair| pair[0].value != pair[1].value);
    signal.kind == SeriesKind::Gauge && signal.while_alive().len() >= FEWEST && varies()
}

/// Signals of one family, such as `process.memory`, measure the same thing in other words. So do the kernel's counts of
/// a process and of its group.
fn of_one_family(a: &Signal, b: &Signal) -> bool {
    let family = |signal: &Signal| {
        let name = signal.name.replacen("cgroup.", "process.", 1);
        name.split('.').take(2).map(str::to_owned).collect::<Vec<_>>()
    };
    family(a) == family(b)
}

fn points(signal: &Signal) -> Vec<(f64, f64)> {
    let alive = signal.while_alive();
    let step = alive.len().div_ceil(MOST_SAMPLES).max(1);
    alive.iter().step_by(step).map(|sample| (sample.t, sample.value)).collect()
}

/// A signal as a sum of others of its subject.
#[derive(Debug)]
pub struct Explained<'a> {
    /// The signal.
    pub of: &'a Signal,
    /// The others, as [`growth::Term::of`] counts them.
    pub others: Vec<&'a Signal>,
    /// The sum; none where nothing explains it.
    pub found: Option<growth::Regression>,
}

/// Explains every signal of that name (with or without its labels) by the others.
pub fn explain<'a>(case: &'a Case, name: &str) -> Vec<Explained<'a>> {
    let chosen = case.signals.iter().filter(|signal| signal.name == name || signal.title() == name);
    chosen
        .map(|of| {
            let fits = |other: &&Signal| {
                (other.subject, other.clock) == (of.subject, of.clock) && is_used(other) && !of_one_family(of, other)
            };
            let others: Vec<&Signal> = case.signals.iter().filter(fits).collect();
            let regressors: Vec<Vec<(f64, f64)>> = others.iter().map(|other| points(other)).collect();
            Explained { of, found: growth::regress(&points(of), &regressors), others }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use postmortem_parsers::evidence::Unit;

    fn signal(name: &str) -> Signal {
        Signal {
            subject: 0,
            name: name.to_owned(),
            labels: Vec::new(),
            unit: Unit::Count,
            kind: SeriesKind::Gauge,
            clock: Clock::Wall,
            samples: Vec::new(),
            unlimited: false,
        }
    }

    #[test]
    fn many_pairs_make_each_less_sure() {
        let (a, b) = (signal("process.thread.count"), signal("go.goroutine.count"));
        let found = Correlation { r: 0.9, p: 0.0, n: 10, a_per_b: 1.0, r_diff: Some(0.9), lag_s: 0.0 };
        let pair = |p| Relation { a: &a, b: &b, found, p };
        let mut tried = [0.01, 0.04, 0.03, 0.5].map(pair);
        correct(&mut tried);
        let corrected: Vec<f64> = tried.iter().map(|relation| (relation.p * 1e4).round() / 1e4).collect();
        assert_eq!(corrected, [0.5, 0.0533, 0.0533, 0.04]);
    }

    #[test]
    fn signals_of_one_family_are_not_compared() {
        assert!(of_one_family(&signal("process.memory.usage"), &signal("process.memory.rss_anon")));
        assert!(of_one_family(&signal("process.memory.usage"), &signal("cgroup.memory.anon")));
        assert!(!of_one_family(&signal("process.memory.usage"), &signal("process.thread.count")));
    }
}
