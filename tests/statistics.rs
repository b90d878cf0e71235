//! The judge of growth is held to its goals on made series whose truth is known; docs/statistics.md has the table.

mod series;

use series::score::{Cell, quantile, score};
use series::third::THIRD;
use series::{FURTHER, KINDS, Kind, Must, Random};

use postmortem::passes::growth::{Input, judge};

const SERIES: u64 = 60;
const SEED: u64 = 20_261_122;
const LONG: [usize; 3] = [50, 100, 200];

fn cells(kind: &Kind, lengths: &[usize]) -> Vec<Cell> {
    lengths.iter().map(|n| score(kind, *n, SERIES, SEED, true)).collect()
}

fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

fn flagged(cells: &[Cell]) -> f64 {
    mean(cells.iter().map(|c| c.flagged))
}

fn of(must: Must, kinds: &[Kind]) -> impl Iterator<Item = &Kind> {
    kinds.iter().filter(move |k| k.must == must)
}

#[test]
fn healthy_series_raise_no_alarm() {
    let kinds: Vec<(&str, f64)> =
        of(Must::Silent, KINDS).map(|kind| (kind.name, flagged(&cells(kind, &LONG)))).collect();
    assert!(kinds.iter().all(|(_, share)| *share <= 0.04), "{kinds:?}");
    assert!(mean(kinds.iter().map(|k| k.1)) <= 0.01, "{kinds:?}");
    let short = mean(of(Must::Silent, KINDS).map(|kind| flagged(&cells(kind, &[20]))));
    assert!(short <= 0.01, "n = 20: {short}");
}

#[test]
fn leaks_are_found_and_measured() {
    let surely = ["linear", "late_onset", "with_restarts", "accelerating", "post_gc_series"];
    let (mut shares, mut slope_errors) = (Vec::new(), Vec::new());
    for kind in of(Must::Found, KINDS) {
        let cells = cells(kind, &LONG);
        let share = flagged(&cells);
        assert!(share >= if surely.contains(&kind.name) { 0.95 } else { 0.65 }, "{}: {share}", kind.name);
        shares.push(share);
        slope_errors.extend(cells.iter().flat_map(|c| &c.slope_errors));
        if kind.name == "late_onset" {
            let onset = quantile(&cells[1].onset_errors, 0.5);
            assert!(onset.is_some_and(|error| error <= 0.03), "onset: {onset:?}");
        }
        if kind.name == "linear" {
            let limit = cells[1..].iter().flat_map(|c| c.limit_errors.clone()).collect::<Vec<_>>();
            let error = quantile(&limit, 0.9);
            assert!(error.is_some_and(|error| error <= 0.10), "time to limit: {error:?}");
            assert!(mean(cells.iter().map(|c| c.covered)) >= 0.88);
        }
    }
    assert!(mean(shares.iter().copied()) >= 0.90, "{shares:?}");
    let slope = quantile(&slope_errors, 0.5);
    assert!(slope.is_some_and(|error| error <= 0.03), "slope: {slope:?}");
    let short = mean(of(Must::Found, KINDS).map(|kind| flagged(&cells(kind, &[20]))));
    assert!(short >= 0.75, "n = 20: {short}");
}

#[test]
fn further_kinds_fare_no_worse() {
    let healthy = mean(of(Must::Silent, FURTHER).map(|kind| flagged(&cells(kind, &LONG))));
    assert!(healthy <= 0.01, "false alarms: {healthy}");
    let leaks = mean(of(Must::Found, FURTHER).map(|kind| flagged(&cells(kind, &LONG))));
    assert!(leaks >= 0.90, "found: {leaks}");
}

#[test]
fn a_third_set_fares_no_worse() {
    let shares = |must| -> Vec<(&str, f64)> { of(must, THIRD).map(|k| (k.name, flagged(&cells(k, &LONG)))).collect() };
    let healthy = shares(Must::Silent);
    assert!(mean(healthy.iter().map(|k| k.1)) <= 0.01, "false alarms: {healthy:?}");
    let leaks = shares(Must::Found);
    assert!(mean(leaks.iter().map(|k| k.1)) >= 0.90, "found: {leaks:?}");
}

/// The order of the input, the epoch of the clock and the units of time and value change no verdict.
#[test]
fn order_epoch_and_units_do_not_matter() {
    for kind in KINDS.iter().chain(FURTHER).chain(THIRD) {
        for n in [12, 24, 60] {
            let series = (kind.make)(&mut Random::new(SEED ^ n as u64), n);
            let plain = judge(&Input { points: &series.points, restarts: &series.restarts, limit: None });
            let turned: Vec<_> =
                series.points.iter().rev().map(|(t, y)| (t * 3600.0 + 1.8e9, y * 1_048_576.0)).collect();
            let restarts: Vec<_> = series.restarts.iter().map(|t| t * 3600.0 + 1.8e9).collect();
            let other = judge(&Input { points: &turned, restarts: &restarts, limit: None });
            assert_eq!((other.verdict, other.segments), (plain.verdict, plain.segments), "{} {n}", kind.name);
            if let (Some(a), Some(b)) = (other.slope_per_s, plain.slope_per_s) {
                let expected = b * 1_048_576.0 / 3600.0;
                assert!((a - expected).abs() <= 1e-4 * expected.abs().max(1.0), "{} {n}: {a} {expected}", kind.name);
            }
        }
    }
}

#[test]
fn unknown_restarts_are_seen() {
    let kinds = |must| of(must, KINDS).find(|k| k.name.contains("restarts")).expect("a kind with restarts");
    let share = |kind| mean(LONG.iter().map(|n| score(kind, *n, SERIES, SEED, false).flagged));
    assert!(share(kinds(Must::Silent)) <= 0.02);
    assert!(share(kinds(Must::Found)) >= 0.80);
}
