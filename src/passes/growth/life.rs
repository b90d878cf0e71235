//! One life of a process, from its start to its end: cycle, floor, slope, shape, and whether it still grows.

use super::Verdict;
use super::cycle::without_cycle;
use super::headline::Headline;
use super::robust::{
    Sen, TINY, buckets, is_sawtooth, lag_one, mann_kendall_z, median, percentile, spread, without_peaks,
};
use super::shapes::{Contest, Corner, FineHinge, Line, bic, hinge, parabola, since};

/// From this many samples on, the floor is taken in buckets; below, the samples stand for themselves.
const BUCKETS_FROM: usize = 24;
/// Two-sided p of 0.01.
const SIGNIFICANT_Z: f64 = 2.575_829_304;
/// Growth below this share of the level does not matter.
const MATERIAL_SHARE: f64 = 0.03;
/// A change of this many times the spread of the errors needs no test of ranks.
const DWARFS: f64 = 20.0;
/// How much better, in BIC, another shape must fit.
const BETTER: f64 = 2.0;
/// How much better than a line a parabola must fit to be called accelerating.
const CLEARLY_BETTER: f64 = 6.0;
/// A start-up is over after this share of the window.
const START: f64 = 0.15;
/// Growth behind a start-up must be this share of the level.
const CLEAR_SHARE: f64 = 0.1;
/// The second half of it must rise at this share of the pace of the first.
const STEADY: f64 = 0.85;
const NO_TREND: &str = "no significant trend";
/// Intervals from few samples are too narrow by about this factor.
const FEW_SAMPLES_WIDENING: f64 = 1.3;

/// Samples scaled to 0..1 in time and value, so that no unit and no epoch matters.
pub(super) struct Life {
    origin_s: f64,
    pub span_s: f64,
    /// Lowest value; value = base + unit * y.
    base: f64,
    pub unit: f64,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// The floor of a life, what was made of it and why.
pub(super) struct Opinion {
    pub verdict: Verdict,
    pub reason: &'static str,
    x: Vec<f64>,
    y: Vec<f64>,
}

/// The points that the tests see, turned so that they rise.
struct Rising<'l> {
    x: &'l [f64],
    floor: &'l [f64],
    samples_x: &'l [f64],
    samples: &'l [f64],
    sawtooth: bool,
    /// Level in the middle of the life, in scaled units.
    level: f64,
    sen: Sen,
    /// Where the slope applies from.
    onset: f64,
}

impl Life {
    /// `points` are clean and at least two.
    pub(super) fn new(points: &[(f64, f64)]) -> Life {
        let (origin_s, end_s) = (points[0].0, points[points.len() - 1].0);
        let low = points.iter().map(|p| p.1).fold(f64::INFINITY, f64::min);
        let high = points.iter().map(|p| p.1).fold(f64::NEG_INFINITY, f64::max);
        let (span_s, unit) = (end_s - origin_s, high - low);
        let scaled = |v: f64| if unit > 0.0 { (v - low) / unit } else { 0.0 };
        Life {
            origin_s,
            span_s,
            base: low,
            unit,
            x: points.iter().map(|p| (p.0 - origin_s) / span_s).collect(),
            y: points.iter().map(|p| scaled(p.1)).collect(),
        }
    }

    /// Scaled time in the clock of the samples.
    pub(super) fn seconds(&self, x: f64) -> f64 {
        self.origin_s + x * self.span_s
    }

    pub(super) fn judge(&self) -> Opinion {
        if self.unit <= 0.0 {
            let (x, y) = (self.x.clone(), self.y.clone());
            return Opinion { verdict: Verdict::Flat, reason: "constant", x, y };
        }
        let rest = without_cycle(&self.x, &self.y);
        let cyclic = rest.is_some();
        let samples = rest.unwrap_or_else(|| self.y.clone());
        let sawtooth = is_sawtooth(&samples);
        let (x, floor) = floor(&self.x, &samples, sawtooth);
        let (verdict, reason) = match self.turn_and_test(&x, &floor, &samples, sawtooth) {
            (Verdict::Flat, NO_TREND) if self.rises_late(&x, &floor, &samples, sawtooth) => {
                (Verdict::Growing, "flat at first, then grows, and still does at the end")
            }
            (Verdict::Plateau | Verdict::Step, _) if self.rises_after_start(&x, &floor, &samples, sawtooth) => {
                (Verdict::Growing, "leaps at the start, then grows, and still does at the end")
            }
            (Verdict::Flat, _) if cyclic => (Verdict::Cyclic, "a cycle, and no trend without it"),
            other => other,
        };
        Opinion { verdict, reason, x, y: floor }
    }

    /// A falling series is judged upside down.
    fn turn_and_test(&self, x: &[f64], floor: &[f64], samples: &[f64], sawtooth: bool) -> (Verdict, &'static str) {
        let level = median(floor) + self.base / self.unit;
        let Some(sen) = Sen::of(x, floor) else { return (Verdict::Flat, NO_TREND) };
        if sen.slope > 0.0 {
            return Rising { x, floor, samples_x: &self.x, samples, sawtooth, level, sen, onset: x[0] }.test();
        }
        let turn = |values: &[f64]| values.iter().map(|v| -v).collect::<Vec<_>>();
        let (floor, samples) = (turn(floor), turn(samples));
        let sen = Sen { slope: -sen.slope, low: -sen.high, high: -sen.low };
        let (samples_x, samples, onset) = (&self.x, &samples, x[0]);
        match (Rising { x, floor: &floor, samples_x, samples, sawtooth, level, sen, onset }.test()) {
            (Verdict::Growing, _) => (Verdict::Falling, "falls, and still does at the end"),
            other => other,
        }
    }

    /// A rise in the last half hardly shows in the ranks of the whole life: where a bend is clear, those since the bend
    /// are tested.
    fn rises_late(&self, x: &[f64], floor: &[f64], samples: &[f64], sawtooth: bool) -> bool {
        let Some(Corner { at: onset, .. }) = hinge(x, floor) else { return false };
        let from = x.partition_point(|v| *v < onset);
        let Some(sen) = Sen::of(&x[from..], &floor[from..]) else { return false };
        let shapes = Contest::hold(x, floor);
        let level = median(floor) + self.base / self.unit;
        let rising = Rising { x, floor, samples_x: &self.x, samples, sawtooth, level, sen, onset };
        shapes.bent()
            && sen.low > 0.0
            && mann_kendall_z(&floor[from..]) > SIGNIFICANT_Z
            && rising.other_gates(&shapes).0 == Verdict::Growing
    }

    /// A program loads its data and then leaks: the leap at the start hides the slower rise behind it.
    fn rises_after_start(&self, x: &[f64], floor: &[f64], samples: &[f64], sawtooth: bool) -> bool {
        let from = x.partition_point(|v| *v < START);
        let samples_from = self.x.partition_point(|v| *v < START);
        let (x, floor) = (&x[from..], &floor[from..]);
        let (samples_x, samples) = (&self.x[samples_from..], &samples[samples_from..]);
        if sawtooth || samples.len() < super::FEWEST_SAMPLES || x.len() < 6 {
            return false;
        }
        let Some(sen) = Sen::of(x, floor) else { return false };
        let level = median(floor) + self.base / self.unit;
        let rising = Rising { x, floor, samples_x, samples, sawtooth, level, sen, onset: x[0] };
        let (early, late) = (x.len() / 2, x.len() - x.len() / 2);
        let slope = |range: std::ops::Range<usize>| Sen::of(&x[range.clone()], &floor[range]).map_or(0.0, |s| s.slope);
        // What slows down as it goes may be a cache that still fills.
        let steady = slope(early..x.len()) >= STEADY * slope(0..late);
        steady && rising.change() >= CLEAR_SHARE * level && rising.test().0 == Verdict::Growing
    }
}

/// The level that a leak lifts and that garbage or a short peak does not.
fn floor(x: &[f64], samples: &[f64], sawtooth: bool) -> (Vec<f64>, Vec<f64>) {
    if x.len() < BUCKETS_FROM {
        return (x.to_vec(), samples.to_vec());
    }
    let count = (x.len() / 3).clamp(8, 16);
    let (x, y) = buckets(x, samples, count, if sawtooth { 10.0 } else { 50.0 });
    let y = without_peaks(&y);
    (x, y)
}

impl Rising<'_> {
    /// The gates, one after the other; the first that closes names the verdict.
    fn test(&self) -> (Verdict, &'static str) {
        let shapes = Contest::hold(self.x, self.floor);
        if !self.significant() {
            // What is beyond doubt by its size may be called growth, and nothing less.
            let by_size = if self.dwarfs_its_errors() { self.other_gates(&shapes) } else { (Verdict::Flat, NO_TREND) };
            return if by_size.0 == Verdict::Growing {
                by_size
            } else if shapes.jumped() {
                (Verdict::Step, "no significant trend, but one clear jump")
            } else {
                (Verdict::Flat, NO_TREND)
            };
        }
        self.other_gates(&shapes)
    }

    fn other_gates(&self, shapes: &Contest) -> (Verdict, &'static str) {
        if !self.material() {
            return (Verdict::Flat, "the change is too small, against the level or the noise");
        }
        if shapes.stepping() + BETTER < shapes.growing() {
            return (Verdict::Step, "one or two steps fit better than a line");
        }
        if shapes.resting() + BETTER < shapes.growing() {
            return (Verdict::Plateau, "a curve that comes to rest fits better than a line");
        }
        if !self.moves_at_the_end() {
            return (Verdict::Plateau, "it moved, but no longer does at the end");
        }
        if !self.left_its_floor() {
            return (Verdict::Flat, "the last quarter lies no higher than what was before");
        }
        (Verdict::Growing, "grows, and still does at the end")
    }

    /// Mann-Kendall and Sen's interval, both corrected for errors that persist.
    fn significant(&self) -> bool {
        let inflation = self.variance_inflation().sqrt();
        mann_kendall_z(self.floor).abs() / inflation > SIGNIFICANT_Z && self.sen.widened(inflation).low > 0.0
    }

    /// The ranks of few samples cannot outweigh errors that persist, however small they are beside the change.
    fn dwarfs_its_errors(&self) -> bool {
        self.samples.len() < BUCKETS_FROM
            && mann_kendall_z(self.floor).abs() > SIGNIFICANT_Z
            && self.sen.low > 0.0
            && self.change() >= DWARFS * spread(&self.off_line())
    }

    fn change(&self) -> f64 {
        self.sen.slope * (self.x.last().copied().unwrap_or(0.0) - self.onset)
    }

    /// By the lag-1 autocorrelation of what the best growing shape leaves.
    fn variance_inflation(&self) -> f64 {
        let r1 = lag_one(&self.residual_of_growth()).min(0.9);
        match r1 {
            r1 if r1 <= 0.15 => 1.0,
            r1 if self.samples.len() < BUCKETS_FROM => (1.0 + r1) / (1.0 - r1),
            r1 => (1.0 + r1 / 2.0) / (1.0 - r1 / 2.0),
        }
    }

    /// Of the robust line, or of a late onset where that leaves much less.
    fn residual_of_growth(&self) -> Vec<f64> {
        let off_line = self.off_line();
        let middle = off_line.iter().sum::<f64>() / off_line.len() as f64;
        let left: f64 = off_line.iter().map(|r| (r - middle).powi(2)).sum();
        match hinge(self.x, self.floor) {
            Some(Corner { at, squared_error }) if squared_error < 0.6 * left => {
                let bent: Vec<f64> = self.x.iter().map(|x| since(*x, at)).collect();
                Line::fit(&bent, self.floor).residual(&bent, self.floor)
            }
            _ => off_line,
        }
    }

    fn off_line(&self) -> Vec<f64> {
        self.x.iter().zip(self.floor).map(|(x, y)| y - self.sen.slope * since(*x, self.onset)).collect()
    }

    fn material(&self) -> bool {
        let change = self.change();
        change >= MATERIAL_SHARE * self.level.abs() && change >= 2.0 * spread(&self.off_line())
    }

    /// The last 30 % of the samples, or 40 % of the floor, must carry their share.
    fn moves_at_the_end(&self) -> bool {
        let (start, end) = (self.x[0], self.x[self.x.len() - 1]);
        let floor_from = self.x.partition_point(|x| *x < start + 0.6 * (end - start));
        let (x, y) = (&self.x[floor_from..], &self.floor[floor_from..]);
        if self.samples.len() < BUCKETS_FROM {
            return x.len() < 4 || Sen::of(x, y).is_none_or(|end| end.slope >= 0.35 * self.sen.slope);
        }
        let samples_from = self.samples_x.partition_point(|x| *x < 0.7);
        let (x, y) =
            if self.sawtooth { (x, y) } else { (&self.samples_x[samples_from..], &self.samples[samples_from..]) };
        if x.len() < 5 {
            return true;
        }
        let end = Line::fit(x, y);
        let persistence = lag_one(&end.residual(x, y)).max(0.0);
        let error = end.slope_error * ((1.0 + persistence) / (1.0 - persistence.min(0.9))).sqrt();
        end.slope + 1.3 * error >= 0.6 * self.sen.slope
    }

    /// The last quarter of the floor stands above nearly all of what was before.
    fn left_its_floor(&self) -> bool {
        let n = self.floor.len();
        let (before, end) = self.floor.split_at(n - (n / 4).max(1));
        median(end) >= percentile(before, 80.0)
    }
}

impl Opinion {
    /// Where growth began, if it was within this life and a bend fits better than a line and no worse than a parabola.
    pub(super) fn onset(&self) -> Option<FineHinge> {
        let n = self.x.len();
        let hinge = FineHinge::fit(&self.x, &self.y)?;
        let bent = bic(hinge.best.squared_error, n, 3);
        let line = bic(Line::fit(&self.x, &self.y).squared_error, n, 2);
        (bent + BETTER < line && bent <= self.parabola_bic().unwrap_or(f64::INFINITY)).then_some(hinge)
    }

    fn parabola_bic(&self) -> Option<f64> {
        let (error, upwards) = parabola(&self.x, &self.y);
        upwards.then(|| bic(error, self.x.len(), 3))
    }

    /// A parabola fits clearly better than a line, and a late onset does not explain it.
    pub(super) fn accelerates(&self) -> bool {
        let line = bic(Line::fit(&self.x, &self.y).squared_error, self.x.len(), 2);
        self.onset().is_none() && self.parabola_bic().is_some_and(|curve| curve + CLEARLY_BETTER < line)
    }

    /// Least squares on the floor, since the onset where there is one; the robust slope where the two disagree.
    pub(super) fn headline(&self, life: &Life, onset: Option<FineHinge>) -> Option<Headline> {
        let widen = if life.x.len() < BUCKETS_FROM { FEW_SAMPLES_WIDENING } else { 1.0 };
        let Some(onset) = onset else {
            return Headline::fit(&self.x, &self.y, widen).map(|line| robust(line, &self.x, &self.y));
        };
        let bent_at = |corner: f64| {
            let time: Vec<f64> = self.x.iter().map(|x| since(*x, corner)).collect();
            Headline::fit(&time, &self.y, widen)
        };
        let mut line = bent_at(onset.best.at)?;
        // An onset that is not known exactly leaves the slope less certain too.
        for slope in [onset.earliest, onset.latest].into_iter().filter_map(|at| Some(bent_at(at)?.slope)) {
            line.ci95 = (line.ci95.0.min(slope), line.ci95.1.max(slope));
        }
        let from = self.x.partition_point(|x| *x < onset.best.at);
        Some(robust(line, &self.x[from..], &self.y[from..]))
    }

    /// Both ends of the line of this slope through the middle of the floor, from the onset on, in the samples' units.
    pub(super) fn drawn(&self, life: &Life, slope: f64, onset: Option<f64>) -> Option<[(f64, f64); 2]> {
        let from = onset.unwrap_or(self.x.first().copied()?);
        let above: Vec<f64> =
            self.x.iter().zip(&self.y).filter(|(x, _)| **x >= from).map(|(x, y)| y - slope * x).collect();
        let level = (!above.is_empty()).then(|| median(&above))?;
        Some([from, 1.0].map(|x| (life.seconds(x), life.base + life.unit * (level + slope * x))))
    }
}

/// Theil and Sen's slope in place of one that a few points have bent.
fn robust(line: Headline, x: &[f64], y: &[f64]) -> Headline {
    match Sen::of(x, y) {
        Some(sen)
            if x.len() >= super::FEWEST_SAMPLES && (line.slope - sen.slope).abs() > 0.3 * sen.slope.abs() + TINY =>
        {
            Headline { slope: sen.slope, ci95: (sen.low, sen.high), ..line }
        }
        _ => line,
    }
}
