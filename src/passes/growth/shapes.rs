//! Which shape a curve has: each candidate is fitted by least squares and weighed by BIC (lower is better).

use super::robust::{differences, mean};

/// Time constants of a start-up curve that are tried, as shares of the window.
const TIME_CONSTANTS: [f64; 7] = [0.03, 0.05, 0.08, 0.12, 0.18, 0.25, 0.35];
/// Corners that are tried for the time of onset.
const FINE_CORNERS: u32 = 100;
/// How much better, in BIC, a jump or a bend must fit where the ranks alone show no trend.
const CLEARLY: f64 = 10.0;
/// A squared error below this is a perfect fit: values are scaled to 0..1.
const PERFECT: f64 = 1e-9;

/// Bayes' information criterion of a fit with `k` parameters.
pub(super) fn bic(squared_error: f64, n: usize, k: usize) -> f64 {
    let n = n as f64;
    n * (squared_error.max(PERFECT) / n).ln() + k as f64 * n.ln()
}

/// A straight line by least squares.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line {
    pub intercept: f64,
    pub slope: f64,
    pub squared_error: f64,
    /// Standard error of the slope.
    pub slope_error: f64,
}

impl Line {
    pub(super) fn fit(x: &[f64], y: &[f64]) -> Line {
        let (mean_x, mean_y) = (mean(x), mean(y));
        let (mut xx, mut xy) = (0.0, 0.0);
        for (a, b) in x.iter().zip(y) {
            xx += (a - mean_x).powi(2);
            xy += (a - mean_x) * (b - mean_y);
        }
        let slope = if xx > 0.0 { xy / xx } else { 0.0 };
        let intercept = mean_y - slope * mean_x;
        let squared_error: f64 = x.iter().zip(y).map(|(a, b)| (b - intercept - slope * a).powi(2)).sum();
        let freedom = x.len().saturating_sub(2).max(1) as f64;
        Line { intercept, slope, squared_error, slope_error: (squared_error / freedom / xx.max(1e-300)).sqrt() }
    }

    pub(super) fn residual(&self, x: &[f64], y: &[f64]) -> Vec<f64> {
        x.iter().zip(y).map(|(a, b)| b - self.intercept - self.slope * a).collect()
    }
}

/// A fit that has a corner (or a time constant) at `at`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Corner {
    pub at: f64,
    pub squared_error: f64,
}

/// The best of the candidates whose transformed time explains `y` by a rise.
fn best_rise(x: &[f64], y: &[f64], candidates: &[f64], shape: impl Fn(f64, f64) -> f64) -> Option<Corner> {
    let mut best: Option<Corner> = None;
    let mut bent = vec![0.0; x.len()];
    for &at in candidates {
        for (to, from) in bent.iter_mut().zip(x) {
            *to = shape(*from, at);
        }
        let line = Line::fit(&bent, y);
        if line.slope > 0.0 && best.is_none_or(|b| line.squared_error < b.squared_error) {
            best = Some(Corner { at, squared_error: line.squared_error });
        }
    }
    best
}

/// Time since the corner: the regressor of flat-then-rising.
pub(super) fn since(x: f64, corner: f64) -> f64 {
    (x - corner).max(0.0)
}

/// Flat, then rising, with the corner at a point that has one before and two after.
pub(super) fn hinge(x: &[f64], y: &[f64]) -> Option<Corner> {
    best_rise(x, y, x.get(1..x.len().saturating_sub(2)).unwrap_or_default(), since)
}

/// The corner between points, to a hundredth of the window.
#[derive(Clone, Copy, Debug)]
pub(super) struct FineHinge {
    pub best: Corner,
    /// First and last corner within 4 BIC of the best.
    pub earliest: f64,
    pub latest: f64,
}

impl FineHinge {
    pub(super) fn fit(x: &[f64], y: &[f64]) -> Option<FineHinge> {
        let (first, last) = (*x.get(1)?, *x.get(x.len().checked_sub(3)?)?);
        let corners = (0..=FINE_CORNERS).map(|i| first + (last - first) * f64::from(i) / f64::from(FINE_CORNERS));
        let fits: Vec<Corner> = corners.filter_map(|at| best_rise(x, y, &[at], since)).collect();
        let best = fits.iter().copied().min_by(|a, b| a.squared_error.total_cmp(&b.squared_error))?;
        let bound = bic(best.squared_error, x.len(), 3) + 4.0;
        let mut near = fits.iter().filter(|fit| bic(fit.squared_error, x.len(), 3) <= bound).map(|fit| fit.at);
        let earliest = near.next()?;
        Some(FineHinge { best, earliest, latest: near.next_back().unwrap_or(earliest) })
    }
}

/// Squared error of a parabola and whether it bends upwards.
pub(super) fn parabola(x: &[f64], y: &[f64]) -> (f64, bool) {
    let squares: Vec<f64> = x.iter().map(|v| v * v).collect();
    let bend = Line::fit(x, &squares).residual(x, &squares);
    let rest = Line::fit(x, y).residual(x, y);
    let power: f64 = bend.iter().map(|b| b * b).sum();
    let curvature = if power > 0.0 { bend.iter().zip(&rest).map(|(b, r)| b * r).sum::<f64>() / power } else { 0.0 };
    (rest.iter().zip(&bend).map(|(r, b)| (r - curvature * b).powi(2)).sum(), curvature > 0.0)
}

/// Squared errors of y round its mean over any stretch, in constant time.
struct Stretches {
    sums: Vec<f64>,
    squares: Vec<f64>,
}

impl Stretches {
    fn new(y: &[f64]) -> Stretches {
        let running = |f: fn(f64) -> f64| {
            let mut total = 0.0;
            std::iter::once(0.0)
                .chain(y.iter().map(|v| {
                    total += f(*v);
                    total
                }))
                .collect()
        };
        Stretches { sums: running(|v| v), squares: running(|v| v * v) }
    }

    fn error(&self, from: usize, to: usize) -> f64 {
        let sum = self.sums[to] - self.sums[from];
        (self.squares[to] - self.squares[from] - sum * sum / (to - from) as f64).max(0.0)
    }
}

/// BIC of every shape; infinite where the shape cannot be fitted. Quadratic in the points: give it some hundred at most.
#[derive(Clone, Copy, Debug)]
pub(super) struct Contest {
    pub constant: f64,
    pub line: f64,
    pub hinge: f64,
    pub step: f64,
    pub two_steps: f64,
    pub saturation: f64,
    pub ramp_to_cap: f64,
}

impl Contest {
    pub(super) fn hold(x: &[f64], y: &[f64]) -> Contest {
        let n = x.len();
        let (start, span) = match (x.first(), x.last()) {
            (Some(first), Some(last)) => (*first, last - first),
            _ => (0.0, 0.0),
        };
        let weigh = |fit: Option<Corner>| fit.map_or(f64::INFINITY, |corner| bic(corner.squared_error, n, 3));
        let constants = TIME_CONSTANTS.map(|share| share * span);
        let caps = x.get(2..n.saturating_sub(2)).unwrap_or_default();
        let stretches = Stretches::new(y);
        Contest {
            constant: bic(if n > 0 { stretches.error(0, n) } else { 0.0 }, n, 1),
            line: bic(Line::fit(x, y).squared_error, n, 2),
            hinge: weigh(hinge(x, y)),
            step: one_step(&stretches, n),
            two_steps: two_steps(&stretches, n),
            saturation: weigh(best_rise(x, y, &constants, |t, tau| 1.0 - (-(t - start) / tau).exp())),
            ramp_to_cap: weigh(best_rise(x, y, caps, f64::min)),
        }
    }

    /// The better of the shapes that go on growing.
    pub(super) fn growing(&self) -> f64 {
        self.line.min(self.hinge)
    }

    /// The better of the shapes that jump and stay.
    pub(super) fn stepping(&self) -> f64 {
        self.step.min(self.two_steps)
    }

    /// One jump explains much more than a line or nothing does.
    pub(super) fn jumped(&self) -> bool {
        self.step + CLEARLY < self.constant.min(self.growing()).min(self.resting())
    }

    /// Flat-then-rising explains much more than a line or nothing does.
    pub(super) fn bent(&self) -> bool {
        self.hinge + CLEARLY < self.constant.min(self.line)
    }

    /// The better of the shapes that come to rest.
    pub(super) fn resting(&self) -> f64 {
        self.saturation.min(self.ramp_to_cap)
    }
}

fn one_step(stretches: &Stretches, n: usize) -> f64 {
    let errors = (2..n.saturating_sub(1)).map(|k| stretches.error(0, k) + stretches.error(k, n));
    bic(errors.fold(f64::INFINITY, f64::min), n, 3)
}

fn two_steps(stretches: &Stretches, n: usize) -> f64 {
    let mut best = f64::INFINITY;
    for first in 2..n.saturating_sub(3) {
        for second in first + 2..n - 1 {
            let error = stretches.error(0, first) + stretches.error(first, second) + stretches.error(second, n);
            best = best.min(error);
        }
    }
    bic(best, n, 5)
}

/// Median distance of neighbouring times; 0 of fewer than two.
pub(super) fn median_spacing(x: &[f64]) -> f64 {
    if x.len() < 2 { 0.0 } else { super::robust::median(&differences(x)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Vec<f64> {
        (0..16).map(|i| f64::from(i) / 15.0).collect()
    }

    fn contest(shape: impl Fn(f64) -> f64) -> Contest {
        let x = grid();
        // A fixed, small, zigzag error, so that no fit is perfect.
        let y: Vec<f64> = x.iter().enumerate().map(|(i, v)| shape(*v) + [0.01, -0.01, 0.005][i % 3]).collect();
        Contest::hold(&x, &y)
    }

    #[test]
    fn each_shape_wins_on_its_own_curve() {
        let line = contest(|x| x);
        assert!(line.line < line.resting() && line.line < line.stepping());
        let late = contest(|x| since(x, 0.5));
        assert!(late.hinge + 2.0 < late.line && late.hinge < late.resting() && late.hinge < late.stepping());
        let step = contest(|x| f64::from(u8::from(x > 0.4)));
        assert!(step.step + 2.0 < step.growing() && step.step < step.resting());
        let stairs = contest(|x| f64::from(u8::from(x > 0.3)) + f64::from(u8::from(x > 0.7)));
        assert!(stairs.two_steps + 2.0 < stairs.growing() && stairs.two_steps < stairs.resting());
        let warm_up = contest(|x| 1.0 - (-x / 0.12).exp());
        assert!(warm_up.saturation + 2.0 < warm_up.growing() && warm_up.saturation < warm_up.stepping());
        let cap = contest(|x| x.min(0.4));
        assert!(cap.ramp_to_cap + 2.0 < cap.growing() && cap.ramp_to_cap < cap.stepping());
    }

    #[test]
    fn parabola_bends_upwards() {
        let x = grid();
        let y: Vec<f64> = x.iter().map(|v| v * v + v).collect();
        let (error, upwards) = parabola(&x, &y);
        assert!(error < 1e-20 && upwards);
    }

    #[test]
    fn the_hinge_is_found_where_it_is() {
        let x = grid();
        let y: Vec<f64> = x.iter().map(|v| since(*v, x[6])).collect();
        assert_eq!(hinge(&x, &y).unwrap().at, x[6]);
    }

    #[test]
    fn too_few_points_fit_nothing_and_do_not_panic() {
        for n in 0..5 {
            let x: Vec<f64> = (0..n).map(f64::from).collect();
            let _ = Contest::hold(&x, &x);
        }
    }
}
