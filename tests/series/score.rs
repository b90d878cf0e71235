//! Runs the judge over made series and counts.

use super::{Kind, Made, Random};
use postmortem::passes::growth::{Growth, Input, Verdict, judge};

/// What came out of one kind at one length.
#[derive(Default)]
pub struct Cell {
    /// Share called growing.
    pub flagged: f64,
    /// Relative errors of the slope, of found leaks that have one slope.
    pub slope_errors: Vec<f64>,
    /// Share of those whose interval holds the truth.
    pub covered: f64,
    /// Errors of the onset, as shares of the window.
    pub onset_errors: Vec<f64>,
    /// Relative errors of the time to a limit 0.3 to 2 windows ahead of the last sample.
    pub limit_errors: Vec<f64>,
}

/// The `q`-th percentile, as a rank; `None` of nothing.
pub fn quantile(values: &[f64], q: f64) -> Option<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get((q * sorted.len().saturating_sub(1) as f64).round() as usize).copied()
}

/// Judges `count` series of a kind, each of its own seed.
pub fn score(kind: &Kind, n: usize, count: u64, seed: u64, known_restarts: bool) -> Cell {
    let mut cell = Cell::default();
    let (mut found, mut covered) = (0, 0);
    for i in 0..count {
        let name = kind.name.bytes().fold(seed, |h, b| (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01B3));
        let mut random = Random::new(name.wrapping_add((n as u64) << 32).wrapping_add(i));
        let series = (kind.make)(&mut random, n);
        let ahead = random.between(0.3, 2.0);
        let limit = series.slope.zip(series.peak).map(|(slope, peak)| top(&series, slope) + slope * ahead + peak);
        let restarts: &[f64] = if known_restarts { &series.restarts } else { &[] };
        let growth = judge(&Input { points: &series.points, restarts, limit });
        if growth.verdict == Verdict::Growing {
            found += 1;
            covered += cell.add(&series, &growth, ahead);
        }
    }
    cell.flagged = f64::from(found) / count as f64;
    cell.covered = f64::from(covered) / cell.slope_errors.len() as f64;
    cell
}

/// The true line at the last sample.
fn top(series: &Made, slope: f64) -> f64 {
    super::LEVEL + slope * (1.0 - series.onset.unwrap_or(0.0))
}

impl Cell {
    /// 1 if the interval of the slope holds the truth.
    fn add(&mut self, series: &Made, growth: &Growth, ahead: f64) -> u32 {
        if let Some(onset) = series.onset {
            self.onset_errors.push((growth.since_s.unwrap_or(0.0) - onset).abs());
        }
        let (Some(truth), Some(slope), Some((low, high))) = (series.slope, growth.slope_per_s, growth.ci95) else {
            return 0;
        };
        self.slope_errors.push((slope / truth - 1.0).abs());
        if series.peak.is_some() {
            self.limit_errors.push((growth.exhausts_in_s.unwrap_or(f64::INFINITY) / ahead - 1.0).abs());
        }
        u32::from(low <= truth && truth <= high)
    }
}
