//! Order statistics and rank tests: numbers that a few wild samples do not move.

/// Makes a standard deviation of a median absolute deviation, for a normal distribution.
const MAD_TO_SIGMA: f64 = 1.4826;
/// Two-sided 95 % quantile of the normal distribution.
const Z95: f64 = 1.959_963_985;
/// Keeps a scale estimate above zero; values are scaled to 0..1 here.
pub(super) const TINY: f64 = 1e-9;

pub(crate) fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len().max(1) as f64
}

/// The `q`-th percentile with linear interpolation; NaN of nothing.
pub(crate) fn percentile(values: &[f64], q: f64) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else { return f64::NAN };
    let rank = q / 100.0 * last as f64;
    let below = rank.floor();
    let (low, high) = (sorted[below as usize], sorted[rank.ceil() as usize]);
    low + (high - low) * (rank - below)
}

pub(crate) fn median(values: &[f64]) -> f64 {
    percentile(values, 50.0)
}

/// Spread round the median in units of a standard deviation.
pub(crate) fn spread(values: &[f64]) -> f64 {
    let middle = median(values);
    let distances: Vec<f64> = values.iter().map(|v| (v - middle).abs()).collect();
    MAD_TO_SIGMA * median(&distances) + TINY
}

pub(super) fn differences(values: &[f64]) -> Vec<f64> {
    values.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

fn skewness(values: &[f64]) -> f64 {
    let middle = mean(values);
    let moment = |power| values.iter().map(|v| (v - middle).powi(power)).sum::<f64>() / values.len() as f64;
    moment(3) / moment(2).powf(1.5)
}

/// A slow climb and sudden falls, again and again: a heap seen from outside.
pub(super) fn is_sawtooth(y: &[f64]) -> bool {
    let steps = differences(y);
    let falls = steps.iter().filter(|d| **d < 0.0).count();
    let rises = steps.iter().filter(|d| **d > 0.0).count();
    falls >= 2 && rises >= 2 && skewness(&steps) < -1.0
}

/// Pearson's r; `None` where either side does not vary.
pub(super) fn pearson(a: &[f64], b: &[f64]) -> Option<f64> {
    let (mean_a, mean_b) = (mean(a), mean(b));
    let (mut ab, mut aa, mut bb) = (0.0, 0.0, 0.0);
    for (x, y) in a.iter().zip(b) {
        ab += (x - mean_a) * (y - mean_b);
        aa += (x - mean_a).powi(2);
        bb += (y - mean_b).powi(2);
    }
    let r = ab / (aa.sqrt() * bb.sqrt());
    r.is_finite().then(|| r.clamp(-1.0, 1.0))
}

/// How much a residual remembers of the one before; 0 where there is nothing to remember.
pub(crate) fn lag_one(residual: &[f64]) -> f64 {
    let deviation = mean(&residual.iter().map(|r| r * r).collect::<Vec<_>>()).sqrt();
    match residual {
        [head @ .., _] if residual.len() >= 8 && deviation > TINY => pearson(&residual[1..], head).unwrap_or(0.0),
        _ => 0.0,
    }
}

/// Theil-Sen slope with Sen's 95 % rank interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sen {
    pub slope: f64,
    pub low: f64,
    pub high: f64,
}

impl Sen {
    /// `None` with fewer than two points. `x` must rise. Long series are taken by the medians of equal runs: every
    /// pair of 100,000 points would be 40 GB.
    pub(super) fn of(x: &[f64], y: &[f64]) -> Option<Sen> {
        const MOST: usize = 400;
        if x.len() > MOST {
            let run = x.len().div_ceil(MOST);
            let middle = |values: &[f64]| values.chunks(run).map(|run| sorted_median(run.to_vec())).collect::<Vec<_>>();
            return Sen::of(&middle(x), &middle(y));
        }
        let mut slopes = Vec::with_capacity(x.len() * x.len() / 2);
        for i in 0..x.len() {
            for j in i + 1..x.len() {
                if x[j] - x[i] > 1e-12 {
                    slopes.push((y[j] - y[i]) / (x[j] - x[i]));
                }
            }
        }
        slopes.sort_unstable_by(f64::total_cmp);
        let last = slopes.len().checked_sub(1)?;
        let half_width = Z95 * kendall_variance(x.len()).sqrt();
        let low = ((slopes.len() as f64 - half_width) / 2.0).floor().max(0.0) as usize;
        let high = (((slopes.len() as f64 + half_width) / 2.0).ceil() as usize).min(last);
        Some(Sen { slope: median(&slopes), low: slopes[low.min(last)], high: slopes[high] })
    }

    /// The same slope with an interval that is `factor` times as wide.
    pub(super) fn widened(self, factor: f64) -> Sen {
        Sen {
            slope: self.slope,
            low: self.slope - (self.slope - self.low) * factor,
            high: self.slope + (self.high - self.slope) * factor,
        }
    }
}

fn sorted_median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    median(&values)
}

fn kendall_variance(n: usize) -> f64 {
    let n = n as f64;
    n * (n - 1.0) * (2.0 * n + 5.0) / 18.0
}

/// The z value of the Mann-Kendall trend test, corrected for ties.
pub(super) fn mann_kendall_z(y: &[f64]) -> f64 {
    let mut score = 0_i64;
    for (i, earlier) in y.iter().enumerate() {
        for later in &y[i + 1..] {
            score += i64::from(later > earlier) - i64::from(later < earlier);
        }
    }
    let mut sorted = y.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let ties: f64 = sorted.chunk_by(|a, b| a == b).map(|tied| kendall_variance(tied.len())).sum();
    let variance = kendall_variance(y.len()) - ties;
    if variance > 0.0 { (score - score.signum()) as f64 / variance.sqrt() } else { 0.0 }
}

/// Takes single peaks out (Hampel's filter, upwards only); the last point may be news and stays.
pub(super) fn without_peaks(y: &[f64]) -> Vec<f64> {
    let scale = spread(&differences(y));
    let last = y.len().saturating_sub(1);
    let mut filtered = y.to_vec();
    for i in 0..last {
        let window = i.saturating_sub(2)..(i + 3).min(y.len());
        let others: Vec<f64> = window.clone().filter(|j| *j != i).map(|j| y[j]).collect();
        let neighbours_apart = (y[i + 1] - y[i.saturating_sub(1)]).abs();
        if y[i] - median(&others) > (4.0 * scale).max(2.0 * neighbours_apart) {
            filtered[i] = median(&y[window]);
        }
    }
    filtered
}

/// The `q`-th percentile of each of `count` buckets of equal time; empty buckets are left out.
pub(super) fn buckets(x: &[f64], y: &[f64], count: usize, q: f64) -> (Vec<f64>, Vec<f64>) {
    let (Some(start), Some(end)) = (x.first(), x.last()) else { return (Vec::new(), Vec::new()) };
    let width = (end - start) / count.max(1) as f64;
    let (mut centres, mut levels) = (Vec::with_capacity(count), Vec::with_capacity(count));
    let mut from = 0;
    for bucket in 1..=count {
        let to = if bucket == count { x.len() } else { x.partition_point(|v| *v < start + width * bucket as f64) };
        if to > from {
            centres.push(mean(&x[from..to]));
            levels.push(percentile(&y[from..to], q));
        }
        from = to;
    }
    (centres, levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_interpolate() {
        assert_eq!(percentile(&[4.0, 1.0, 3.0, 2.0], 50.0), 2.5);
        assert_eq!(percentile(&[1.0, 2.0, 3.0], 100.0), 3.0);
        assert!(percentile(&[], 50.0).is_nan());
    }

    #[test]
    fn sen_ignores_an_outlier() {
        let x: Vec<f64> = (0..20).map(f64::from).collect();
        let mut y: Vec<f64> = x.iter().map(|v| 3.0 * v).collect();
        y[7] = 1000.0;
        let sen = Sen::of(&x, &y).unwrap();
        assert!((sen.slope - 3.0).abs() < 1e-12);
        assert!(sen.low <= 3.0 && sen.high >= 3.0);
    }

    #[test]
    fn a_long_series_has_the_slope_of_its_runs() {
        let x: Vec<f64> = (0..50_000).map(f64::from).collect();
        let y: Vec<f64> = x.iter().map(|x| 2.0 * x + if (*x as u64).is_multiple_of(7) { 900.0 } else { 0.0 }).collect();
        let sen = Sen::of(&x, &y).unwrap();
        assert!((sen.slope - 2.0).abs() < 0.01, "{}", sen.slope);
    }

    #[test]
    fn mann_kendall_of_eight_rising_points() {
        let rising: Vec<f64> = (0..8).map(f64::from).collect();
        assert!((mann_kendall_z(&rising) - 27.0 / (8.0 * 7.0 * 21.0 / 18.0_f64).sqrt()).abs() < 1e-12);
        assert_eq!(mann_kendall_z(&[5.0; 9]), 0.0);
    }

    #[test]
    fn a_single_peak_goes_and_a_step_stays() {
        let peak = [1.0, 1.1, 1.0, 9.0, 1.1, 1.0, 1.1, 1.0];
        assert!(without_peaks(&peak)[3] < 2.0);
        let step = [1.0, 1.1, 1.0, 1.1, 9.0, 9.1, 9.0, 9.1];
        assert!(without_peaks(&step).iter().zip(&step).all(|(a, b)| (a - b).abs() < 0.2));
    }

    #[test]
    fn sawtooth_by_its_sudden_falls() {
        let teeth: Vec<f64> = (0..60).map(|i| f64::from(i % 10)).collect();
        assert!(is_sawtooth(&teeth));
        let wave: Vec<f64> = (0..60).map(|i| (f64::from(i) * 0.3).sin()).collect();
        assert!(!is_sawtooth(&wave));
    }
}
