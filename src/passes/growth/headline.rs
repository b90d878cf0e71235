//! The printed numbers: ordinary least squares by linfa, with our own R2, p and interval.

use super::robust::{lag_one, mean};
use super::student;
use linfa::Dataset;
use linfa::traits::Fit;
use linfa_linear::LinearRegression;
use ndarray::{Array1, Array2};

/// A line with what is known of its slope, in the units of the points.
#[derive(Clone, Copy, Debug)]
pub(super) struct Headline {
    pub slope: f64,
    /// Share of the variance that the line explains.
    pub r2: f64,
    /// Two-sided, of no slope, by Student's t with n - 2 degrees of freedom.
    pub p: f64,
    /// 95 % interval of the slope; wider than the textbook's where errors persist or vary.
    pub ci95: (f64, f64),
}

impl Headline {
    /// `widen`: factor on the interval. `None` with fewer than three points or where times do not differ.
    pub(super) fn fit(x: &[f64], y: &[f64], widen: f64) -> Option<Headline> {
        let n = x.len();
        let freedom = n.checked_sub(2).filter(|f| *f > 0)? as f64;
        let (mean_x, mean_y) = (mean(x), mean(y));
        let centred: Vec<f64> = x.iter().map(|v| v - mean_x).collect();
        let power: f64 = centred.iter().map(|v| v * v).sum();
        if power <= 0.0 {
            return None;
        }
        let (at_centre, slope) = linfa_line(&centred, y)?;
        let residual: Vec<f64> = centred.iter().zip(y).map(|(c, v)| v - at_centre - slope * c).collect();
        let left: f64 = residual.iter().map(|r| r * r).sum();
        let total: f64 = y.iter().map(|v| (v - mean_y).powi(2)).sum();
        let plain_error = (left / freedom / power).sqrt();
        let memory = lag_one(&residual).clamp(0.0, 0.9);
        let lasting_error = plain_error * ((1.0 + memory) / (1.0 - memory)).sqrt();
        // Newey and West's is too small where points are few: the larger of the two holds the truth more often.
        let error = newey_west(&centred, &residual, power).max(lasting_error);
        let half = student::quantile_97_5(freedom) * error * widen;
        Some(Headline {
            slope,
            r2: if total > 0.0 { (1.0 - left / total).clamp(0.0, 1.0) } else { 0.0 },
            p: student::two_sided(slope / plain_error, freedom),
            ci95: (slope - half, slope + half),
        })
    }
}

/// Level at the centre and slope.
fn linfa_line(centred: &[f64], y: &[f64]) -> Option<(f64, f64)> {
    let records = Array2::from_shape_vec((centred.len(), 1), centred.to_vec()).ok()?;
    let model = LinearRegression::new().fit(&Dataset::new(records, Array1::from(y.to_vec()))).ok()?;
    let slope = *model.params().first()?;
    let level = model.intercept();
    (slope.is_finite() && level.is_finite()).then_some((level, slope))
}

/// Standard error of the slope that allows for errors that persist and vary (Newey-West, Bartlett weights).
fn newey_west(centred: &[f64], residual: &[f64], power: f64) -> f64 {
    let n = centred.len() as f64;
    let lags = (4.0 * (n / 100.0).powf(2.0 / 9.0)).floor().max(1.0) as usize;
    let scores: Vec<f64> = centred.iter().zip(residual).map(|(c, r)| c * r).collect();
    let mut sum: f64 = scores.iter().map(|s| s * s).sum();
    for lag in 1..=lags.min(scores.len().saturating_sub(1)) {
        let weight = 1.0 - lag as f64 / (lags + 1) as f64;
        sum += 2.0 * weight * scores[lag..].iter().zip(&scores).map(|(a, b)| a * b).sum::<f64>();
    }
    sum.max(0.0).sqrt() / power * (n / (n - 2.0).max(1.0)).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Anscombe's first set: slope 0.50009, standard error 0.11791, R2 0.66654, p 0.00217.
    #[test]
    fn agrees_with_the_textbook() {
        let x = [10.0, 8.0, 13.0, 9.0, 11.0, 14.0, 6.0, 4.0, 12.0, 7.0, 5.0];
        let y = [8.04, 6.95, 7.58, 8.81, 8.33, 9.96, 7.24, 4.26, 10.84, 4.82, 5.68];
        let line = Headline::fit(&x, &y, 1.0).unwrap();
        assert!((line.slope - 0.500_09).abs() < 1e-5);
        assert!((line.r2 - 0.666_54).abs() < 1e-5);
        assert!((line.p - 0.002_17).abs() < 1e-5);
        assert!(line.ci95.0 <= 0.5001 - 2.262 * 0.1179 && line.ci95.1 >= 0.5001 + 2.262 * 0.1179);
    }

    #[test]
    fn perfect_line_and_no_line() {
        let x = [0.0, 1.0, 2.0, 3.0];
        let line = Headline::fit(&x, &[1.0, 3.0, 5.0, 7.0], 1.0).unwrap();
        assert!((line.slope - 2.0).abs() < 1e-12 && line.r2 > 0.999_999 && line.p < 1e-6);
        assert!(Headline::fit(&[1.0; 4], &x, 1.0).is_none());
        assert!(Headline::fit(&x[..2], &x[..2], 1.0).is_none());
    }
}
