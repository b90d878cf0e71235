//! A daily wave or a batch job is taken off before growth is judged.

use super::robust::{buckets, percentile};
use super::shapes::{Contest, Line, bic};
use std::f64::consts::TAU;

/// Fewer samples than this show no cycle.
const FEWEST_SAMPLES: usize = 30;
/// Cycles per window that are tried, in quarters: 1.5 to 8.
const QUARTER_CYCLES: std::ops::RangeInclusive<u32> = 6..=32;
/// The wave must explain more than this share of what the line leaves.
const SHARE_EXPLAINED: f64 = 0.6;
/// And beat the line, and any better-known wave, by this much BIC.
const BIC_GAIN: f64 = 10.0;
/// Buckets in which the residual is watched as it alternates.
const ALTERNATION_BUCKETS: usize = 32;

struct Wave {
    cycles: f64,
    bic: f64,
    values: Vec<f64>,
}

/// `y` without its wave, where a cycle is *seen* to repeat; `x` runs from 0 to 1.
pub(super) fn without_cycle(x: &[f64], y: &[f64]) -> Option<Vec<f64>> {
    if x.len() < FEWEST_SAMPLES {
        return None;
    }
    let line = Line::fit(x, y);
    let residual = line.residual(x, y);
    let wave = best_wave(x, &residual, line.squared_error)?;
    (alternates(x, &residual, wave.cycles) && beats_every_shape(x, y, wave.bic))
        .then(|| y.iter().zip(&wave.values).map(|(v, w)| v - w).collect())
}

fn best_wave(x: &[f64], residual: &[f64], line_error: f64) -> Option<Wave> {
    let n = x.len();
    let mut to_beat = bic(line_error, n, 2);
    let mut best = None;
    for quarters in QUARTER_CYCLES {
        let cycles = f64::from(quarters) / 4.0;
        let (values, error) = fit_wave(x, residual, cycles);
        let weight = bic(error, n, 5);
        if error < (1.0 - SHARE_EXPLAINED) * line_error && weight < to_beat - BIC_GAIN {
            to_beat = weight;
            best = Some(Wave { cycles, bic: weight, values });
        }
    }
    best
}

/// Fits line and wave together: sine and cosine are freed of their linear part first, then of each other.
fn fit_wave(x: &[f64], residual: &[f64], cycles: f64) -> (Vec<f64>, f64) {
    let (sine, cosine): (Vec<f64>, Vec<f64>) = x.iter().map(|v| (TAU * cycles * v).sin_cos()).unzip();
    let free_sine = Line::fit(x, &sine).residual(x, &sine);
    let free_cosine = Line::fit(x, &cosine).residual(x, &cosine);
    let dot = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(p, q)| p * q).sum::<f64>();
    let (ss, sc, cc) = (dot(&free_sine, &free_sine), dot(&free_sine, &free_cosine), dot(&free_cosine, &free_cosine));
    let (sr, cr) = (dot(&free_sine, residual), dot(&free_cosine, residual));
    let determinant = ss * cc - sc * sc;
    if determinant <= 1e-12 * ss * cc {
        return (vec![0.0; x.len()], f64::INFINITY);
    }
    let (a, b) = ((sr * cc - cr * sc) / determinant, (cr * ss - sr * sc) / determinant);
    let error =
        residual.iter().zip(free_sine.iter().zip(&free_cosine)).map(|(r, (s, c))| (r - a * s - b * c).powi(2)).sum();
    (sine.iter().zip(&cosine).map(|(s, c)| a * s + b * c).collect(), error)
}

/// Without this a start-up curve would be "explained" as half a wave.
fn alternates(x: &[f64], residual: &[f64], cycles: f64) -> bool {
    let (_, levels) = buckets(x, residual, ALTERNATION_BUCKETS, 50.0);
    let sizes: Vec<f64> = residual.iter().map(|r| r.abs()).collect();
    let hysteresis = 0.25 * percentile(&sizes, 90.0);
    let signs: Vec<bool> = levels.iter().filter(|v| v.abs() > hysteresis).map(|v| *v > 0.0).collect();
    let changes = signs.windows(2).filter(|pair| pair[0] != pair[1]).count();
    changes as f64 >= ((2.0 * cycles).round() - 1.0).max(4.0)
}

/// The wave must beat every aperiodic shape (two steps look like three waves round a line), on equal footing: BIC per
/// point, on some 60 to 119 of the points.
fn beats_every_shape(x: &[f64], y: &[f64], wave_bic: f64) -> bool {
    let stride = (x.len() / 60).max(1);
    let thin = |v: &[f64]| v.iter().copied().step_by(stride).collect::<Vec<_>>();
    let (thin_x, thin_y) = (thin(x), thin(y));
    let shapes = Contest::hold(&thin_x, &thin_y);
    let best_shape = shapes.growing().min(shapes.resting()).min(shapes.stepping());
    let n = x.len() as f64;
    wave_bic / n < best_shape / thin_x.len() as f64 - BIC_GAIN / n
}

#[cfg(test)]
mod tests {
    use super::super::robust::median;
    use super::*;

    fn grid() -> Vec<f64> {
        (0..100).map(|i| f64::from(i) / 99.0).collect()
    }

    #[test]
    fn a_daily_wave_goes_and_the_rise_stays() {
        let x = grid();
        let y: Vec<f64> = x.iter().map(|v| 0.5 * v + 0.3 * (TAU * 4.0 * v).sin()).collect();
        let rest = without_cycle(&x, &y).unwrap();
        assert!((median(&rest) - 0.25).abs() < 0.01);
        assert!((Line::fit(&x, &rest).slope - 0.5).abs() < 0.01);
    }

    #[test]
    fn a_start_up_curve_is_no_wave() {
        let x = grid();
        let y: Vec<f64> = x.iter().map(|v| 1.0 / (1.0 + (-20.0 * (v - 0.4)).exp())).collect();
        assert!(without_cycle(&x, &y).is_none());
    }
}
