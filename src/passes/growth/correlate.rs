//! Do two series move together, as threads and the memory of their stacks do?

use super::robust::{differences, lag_one, mean, pearson};
use super::shapes::{Line, median_spacing};
use super::{clean, student};

/// Fewer joined samples than this say nothing.
const FEWEST_PAIRS: usize = 8;

/// How two series move together.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Correlation {
    /// Pearson's r of the joined samples.
    pub r: f64,
    /// Two-sided p of no correlation, by Student's t, with as many degrees of freedom as samples that persist leave
    /// (Bayley and Hammersley, by the lag-1 autocorrelations).
    pub p: f64,
    /// Joined samples.
    pub n: usize,
    /// Slope of `a` on `b`: units of `a` per unit of `b`.
    pub a_per_b: f64,
    /// Pearson's r of the first differences, with the common drift taken off. Two mere trends have a high `r` and
    /// no `r_diff`. `None` where the differences of either do not vary (a perfect line).
    pub r_diff: Option<f64>,
    /// Seconds by which the first leads the second; below zero: it follows.
    pub lag_s: f64,
}

/// Steps of the sparser series by which one may lead the other.
const FURTHEST_LAG: i32 = 4;
/// How much better the changes must go together with a lag than without, and how well.
const LAG_GAIN: f64 = 0.25;
const LAG_FIRM: f64 = 0.6;

/// [`correlate`], with a lag where one series clearly leads the other.
pub fn correlate_lagged(a: &[(f64, f64)], b: &[(f64, f64)]) -> Option<Correlation> {
    let together = correlate(a, b)?;
    let times = |series: &[(f64, f64)]| series.iter().map(|p| p.0).collect::<Vec<_>>();
    let step = median_spacing(&times(a)).max(median_spacing(&times(b)));
    let firmness = |found: &Correlation| found.r_diff.map_or(0.0, f64::abs);
    let lags = (-FURTHEST_LAG..=FURTHEST_LAG).filter(|lag| *lag != 0);
    let best = lags
        .filter_map(|lag| {
            let lag_s = f64::from(lag) * step;
            let later: Vec<(f64, f64)> = a.iter().map(|(t, y)| (t + lag_s, *y)).collect();
            Some(Correlation { lag_s, ..correlate(&later, b)? })
        })
        .max_by(|x, y| firmness(x).total_cmp(&firmness(y)).then(y.lag_s.abs().total_cmp(&x.lag_s.abs())))?;
    let clearly = firmness(&best) >= LAG_FIRM && firmness(&best) >= firmness(&together) + LAG_GAIN;
    Some(if clearly { best } else { together })
}

/// Joins each sample of the series with fewer samples to the nearest of the other, at most half that series' median
/// spacing away. `None` with fewer than 8 pairs, or where either side does not vary.
pub fn correlate(a: &[(f64, f64)], b: &[(f64, f64)]) -> Option<Correlation> {
    let (a, b) = (clean(a), clean(b));
    let pairs: Vec<(f64, f64, f64)> = if a.len() <= b.len() {
        join(&a, &b)
    } else {
        join(&b, &a).into_iter().map(|(t, of_b, of_a)| (t, of_a, of_b)).collect()
    };
    if pairs.len() < FEWEST_PAIRS {
        return None;
    }
    let times: Vec<f64> = pairs.iter().map(|p| p.0).collect();
    let (of_a, of_b): (Vec<f64>, Vec<f64>) = pairs.iter().map(|p| (p.1, p.2)).unzip();
    let r = pearson(&of_a, &of_b)?;
    let persistence = lag_one(&centred(&of_a)) * lag_one(&centred(&of_b));
    let independent = pairs.len() as f64 * (1.0 - persistence) / (1.0 + persistence);
    let freedom = (independent.min(pairs.len() as f64) - 2.0).max(1.0);
    let p = student::two_sided(r * (freedom / (1.0 - r * r).max(0.0)).sqrt(), freedom);
    let a_per_b = Line::fit(&of_b, &of_a).slope;
    Some(Correlation {
        r,
        p,
        n: pairs.len(),
        a_per_b,
        r_diff: pearson(&off_drift(&times, &of_a), &off_drift(&times, &of_b)),
        lag_s: 0.0,
    })
}

/// Scaled to a spread of one, less the mean.
fn centred(values: &[f64]) -> Vec<f64> {
    let middle = mean(values);
    let spread = (values.iter().map(|v| (v - middle).powi(2)).sum::<f64>() / values.len() as f64).sqrt();
    values.iter().map(|v| (v - middle) / spread).collect()
}

/// (time, value of the sparse series, value of the dense one); each sample is used once.
pub(super) fn join(sparse: &[(f64, f64)], dense: &[(f64, f64)]) -> Vec<(f64, f64, f64)> {
    let times: Vec<f64> = sparse.iter().map(|p| p.0).collect();
    let reach = median_spacing(&times) / 2.0;
    let mut pairs = Vec::with_capacity(sparse.len());
    let mut free = 0;
    for (time, value) in sparse {
        let after = dense.partition_point(|p| p.0 < *time);
        let nearest = [after.checked_sub(1), Some(after)]
            .into_iter()
            .flatten()
            .filter(|i| *i >= free)
            .filter_map(|i| dense.get(i).map(|p| (i, (p.0 - time).abs(), p.1)))
            .min_by(|p, q| p.1.total_cmp(&q.1));
        if let Some((i, distance, other)) = nearest
            && distance <= reach
        {
            free = i + 1;
            pairs.push((*time, *value, other));
        }
    }
    pairs
}

/// First differences less what the mean drift explains; uneven steps of time would couple two trends otherwise.
/// Differences that are rounding noise of a perfect line are 0.
fn off_drift(times: &[f64], values: &[f64]) -> Vec<f64> {
    let total = |v: &[f64]| v.last().copied().unwrap_or(0.0) - v.first().copied().unwrap_or(0.0);
    let drift = total(values) / total(times);
    let noise = 1e-9 * values.iter().fold(0.0, |top: f64, v| top.max(v.abs()));
    let rest = differences(values).into_iter().zip(differences(times)).map(|(dv, dt)| dv - drift * dt);
    rest.map(|d| if d.abs() < noise { 0.0 } else { d }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(f: impl Fn(f64) -> f64) -> Vec<(f64, f64)> {
        (0..40).map(|i| f64::from(i * 10 + [0, 1, 3, 2][i as usize % 4])).map(|t| (t, f(t))).collect()
    }

    #[test]
    fn stacks_of_threads() {
        let threads = series(|t| 5.0 + (t / 3.0).floor() + 4.0 * (t / 20.0).sin().round());
        let memory: Vec<_> = threads.iter().map(|(t, n)| (t + 0.5, 1e6 + 8_400_000.0 * n)).collect();
        let found = correlate(&memory, &threads).unwrap();
        assert!(found.r > 0.999 && found.p < 1e-9 && found.n == 40);
        assert!((found.a_per_b - 8_400_000.0).abs() < 1.0);
        assert!(found.r_diff.unwrap() > 0.999);
    }

    #[test]
    fn two_mere_trends_do_not_share_their_steps() {
        let a = series(|t| 100.0 + t + 3.0 * (t * 12.9898).sin());
        let b = series(|t| 7.0 + 2.0 * t + 5.0 * (t * 78.233).cos());
        let found = correlate(&a, &b).unwrap();
        assert!(found.r > 0.95, "{found:?}");
        assert!(found.r_diff.unwrap().abs() < 0.5, "{found:?}");
        let straight = correlate(&series(|t| t), &b).unwrap();
        assert_eq!(straight.r_diff, None);
    }

    #[test]
    fn one_that_leads_is_told() {
        let load = |t: f64| ((t / 10.0).floor() * 12.9898).sin() * 50.0;
        let requests: Vec<_> = (0..80).map(|i| f64::from(i) * 10.0).map(|t| (t, 100.0 + load(t))).collect();
        let queue: Vec<_> = (0..80).map(|i| f64::from(i) * 10.0).map(|t| (t, 7.0 + 0.2 * load(t - 20.0))).collect();
        let found = correlate_lagged(&requests, &queue).unwrap();
        assert!(found.lag_s == 20.0 && found.r > 0.99, "{found:?}");
        assert_eq!(correlate_lagged(&queue, &requests).unwrap().lag_s, -20.0);
        assert_eq!(correlate_lagged(&requests, &requests).unwrap().lag_s, 0.0);
    }

    #[test]
    fn joins_by_nearness_only() {
        let seconds: Vec<_> = (0..380).map(|i| (f64::from(i), f64::from(i % 17))).collect();
        let minutes: Vec<_> = (0..20).map(|i| (f64::from(i * 60), f64::from(i % 3))).collect();
        // Seven minutes begin before the last second; the others are too far from it.
        assert_eq!(correlate(&seconds, &minutes), None);
        let later: Vec<_> = (0..20).map(|i| (1e6 + f64::from(i), f64::from(i))).collect();
        assert_eq!(correlate(&seconds, &later), None);
        assert_eq!(correlate(&seconds, &[]), None);
        let constant: Vec<_> = seconds.iter().map(|(t, _)| (*t, 4.0)).collect();
        assert_eq!(correlate(&seconds, &constant), None);
    }
}
