//! How much two recordings of one program may differ: counts, their scatter within the recordings, and tests.
//!
//! Samples come in bursts, so that they scatter more than independent draws. How much more is measured: both recordings
//! are cut into blocks, the n-th of one is held against the n-th of the other (phases that both have cancel), and what
//! is left is compared with what independent draws would leave. The counts are then divided by that factor, and an
//! exact test of the reduced counts says how likely the difference is.

use crate::passes::growth::robust::median;
use crate::passes::growth::student::incomplete_beta;

/// Blocks that a recording is cut into.
pub const BLOCKS: usize = 16;
/// Dispersion where the recordings have no times: more than most programs with times have.
const ASSUMED: f64 = 1.5;
/// Relative deviation of a function's cost from run to run that no block of one run shows: where its code and data
/// came to lie, who shared the caches.
const BETWEEN_RUNS: f64 = 0.02;
/// Worth of the average dispersion of all functions, in degrees of freedom.
const PRIOR_FREEDOM: f64 = 10.0;
/// Share of false alarms among the changes that are called, at most.
pub const ALPHA: f64 = 0.05;
/// Fewer samples on both sides together decide nothing.
pub const FEWEST: f64 = 10.0;

/// One measure (self, own or total of a function) on one side.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Measure {
    /// Weight in the unit of the profile.
    pub weight: f64,
    /// Weight in each block; empty where there are no times.
    pub blocks: Vec<f64>,
}

/// One side as a whole.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Whole {
    /// Sum of the weights.
    pub weight: f64,
    /// Samples that were taken, as far as known.
    pub samples: f64,
    /// Weight in each block; empty where there are no times.
    pub blocks: Vec<f64>,
}

impl Whole {
    /// Weight as a number of samples.
    pub fn samples_of(&self, weight: f64) -> f64 {
        if self.weight > 0.0 { weight / self.weight * self.samples } else { 0.0 }
    }

    fn share(&self, measure: &Measure) -> f64 {
        if self.weight > 0.0 { measure.weight / self.weight } else { 0.0 }
    }
}

/// What varies between the two sides by chance.
#[derive(Clone, Debug)]
pub struct Noise<'a> {
    before: &'a Whole,
    after: &'a Whole,
    /// Average dispersion of the functions, 1 for independent draws.
    pub typical: f64,
    /// How much wider than all this most differences are: see [`inflation`].
    pub inflation: f64,
}

/// Whether the dispersion could be measured.
pub fn is_measured(before: &Whole, after: &Whole) -> bool {
    !before.blocks.is_empty() || !after.blocks.is_empty()
}

impl<'a> Noise<'a> {
    /// Takes the average over these functions.
    pub fn of<'m>(
        before: &'a Whole,
        after: &'a Whole,
        functions: impl Iterator<Item = (&'m Measure, &'m Measure)>,
    ) -> Noise<'a> {
        let mut noise = Noise { before, after, typical: ASSUMED, inflation: 1.0 };
        if is_measured(before, after) {
            let (mut sum, mut weights) = (0.0, 0.0);
            for (a, b) in functions {
                let samples = noise.samples(a, b);
                if let Some(dispersion) = noise.raw(a, b, BLOCKS).filter(|_| samples >= FEWEST) {
                    sum += dispersion * samples.sqrt();
                    weights += samples.sqrt();
                }
            }
            noise.typical = if weights > 0.0 { (sum / weights).max(1.0) } else { ASSUMED };
        }
        noise
    }

    fn samples(&self, before: &Measure, after: &Measure) -> f64 {
        self.before.samples_of(before.weight) + self.after.samples_of(after.weight)
    }

    /// Variance of the difference of shares by the blocks, over that of independent draws.
    fn raw(&self, before: &Measure, after: &Measure, blocks: usize) -> Option<f64> {
        let (left, right) = (deviations(before, self.before, blocks), deviations(after, self.after, blocks));
        let mut independent = 0.0;
        for (measure, whole, measured) in
            [(before, self.before, !left.is_empty()), (after, self.after, !right.is_empty())]
        {
            if measured && whole.samples > 0.0 {
                let share = whole.share(measure);
                independent += share * (1.0 - share) / whole.samples;
            }
        }
        let apart = |block: usize| left.get(block).unwrap_or(&0.0) - right.get(block).unwrap_or(&0.0);
        let variance: f64 =
            (0..blocks).map(|block| apart(block).powi(2)).sum::<f64>() * blocks as f64 / (blocks - 1) as f64;
        (independent > 0.0).then(|| variance / independent)
    }

    /// How many samples are worth an independent one: the larger of what short and long blocks show, each drawn to the
    /// average, since few blocks tell little.
    pub fn dispersion(&self, before: &Measure, after: &Measure) -> f64 {
        if !is_measured(self.before, self.after) || self.samples(before, after) < FEWEST {
            return self.typical * widening(PRIOR_FREEDOM);
        }
        let of = |blocks: usize| {
            let freedom = (blocks - 1) as f64;
            let own = self.raw(before, after, blocks).unwrap_or(self.typical);
            (own * freedom + self.typical * PRIOR_FREEDOM) / (freedom + PRIOR_FREEDOM)
                * widening(freedom + PRIOR_FREEDOM)
        };
        of(BLOCKS).max(of(BLOCKS / 2)).max(1.0)
    }

    /// Variance of the logarithm of the ratio of the two sides.
    pub fn variance(&self, before: &Measure, after: &Measure) -> f64 {
        let (a, b) = (self.before.samples_of(before.weight) + 0.5, self.after.samples_of(after.weight) + 0.5);
        let within = self.dispersion(before, after) * (1.0 / a + 1.0 / b);
        (within + 2.0 * BETWEEN_RUNS.powi(2)) * self.inflation.powi(2)
    }

    /// Chance of a difference at least this large where after : before is truly `ratio` of samples, with this relative
    /// error of the ratio (as a variance of its logarithm). On either side.
    pub fn chance(&self, before: &Measure, after: &Measure, ratio: f64, ratio_variance: f64) -> f64 {
        let (a, b) = (self.before.samples_of(before.weight), self.after.samples_of(after.weight));
        if a + b <= 0.0 || !ratio.is_finite() || ratio <= 0.0 {
            return 1.0;
        }
        let between = (2.0 * BETWEEN_RUNS.powi(2) + ratio_variance) * (a + 0.5) * (b + 0.5) / (a + b + 1.0);
        let worth = (self.dispersion(before, after) + between) * self.inflation.powi(2);
        exact(a / worth, b / worth, ratio)
    }
}

/// Deviation of each block from the share of the whole, in shares of the whole.
fn deviations(measure: &Measure, whole: &Whole, blocks: usize) -> Vec<f64> {
    if whole.blocks.is_empty() || whole.weight <= 0.0 {
        return Vec::new();
    }
    let share = whole.share(measure);
    let wide = (BLOCKS / blocks).max(1);
    let sum = |all: &[f64], block: usize| all.iter().skip(block * wide).take(wide).sum::<f64>();
    (0..blocks).map(|block| (sum(&measure.blocks, block) - share * sum(&whole.blocks, block)) / whole.weight).collect()
}

/// What makes normal quantiles those of an estimate with so many degrees of freedom, at three deviations (Cornish and
/// Fisher's first term), for a variance.
fn widening(freedom: f64) -> f64 {
    (1.0 + 10.0 / (4.0 * freedom)).powi(2)
}

/// Two-sided chance of so uneven a split, given the sum: `after` is binomial with odds `ratio`. The exact test of
/// Przyborowski and Wilenski, for counts that need not be whole.
pub fn exact(before: f64, after: f64, ratio: f64) -> f64 {
    let odds = ratio / (1.0 + ratio);
    let at_least = if after > 0.0 { incomplete_beta(after, before + 1.0, odds) } else { 1.0 };
    let at_most = if before > 0.0 { incomplete_beta(before, after + 1.0, 1.0 - odds) } else { 1.0 };
    (2.0 * at_least.min(at_most)).clamp(0.0, 1.0)
}

/// The ratio after : before that most functions agree on, as logarithm, with its variance: the cost of what did not
/// change. Each function has a logarithm of its ratio, the variance of that, and a say in the median from which it is
/// told who agrees.
pub fn common_ratio(functions: &[(f64, f64, f64)]) -> Option<(f64, f64)> {
    let mut ordered = functions.to_vec();
    ordered.sort_by(|a, b| a.0.total_cmp(&b.0));
    let half = ordered.iter().map(|function| function.2).sum::<f64>() / 2.0;
    let mut said = 0.0;
    let (middle, ..) = *ordered.iter().find(|function| {
        said += function.2;
        said >= half
    })?;
    let agreeing = || functions.iter().filter(|function| (function.0 - middle).powi(2) <= 6.25 * function.1);
    let precision: f64 = agreeing().map(|(_, variance, _)| 1.0 / variance).sum();
    let mean = agreeing().map(|(log, variance, _)| log / variance).sum::<f64>() / precision;
    mean.is_finite().then_some((mean, 1.0 / precision))
}

/// Benjamini and Hochberg's correction: the share of false alarms among all that are at least as clear.
pub fn corrected(chances: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..chances.len()).collect();
    order.sort_by(|&a, &b| chances[a].total_cmp(&chances[b]));
    let mut all = vec![1.0; chances.len()];
    let mut least = 1.0_f64;
    for (rank, &index) in order.iter().enumerate().rev() {
        least = least.min(chances[index] * chances.len() as f64 / (rank + 1) as f64);
        all[index] = least;
    }
    all
}

/// How much wider than expected most differences are, of these in units of their deviation; 1 at least. Recordings
/// that differ in everything a little (another machine, another neighbour) are no place to call any of it a change.
pub fn inflation(standardised: &[f64]) -> f64 {
    // Median of the square of a normal deviate.
    const USUAL: f64 = 0.4549;
    // A few functions tell little: the estimate is drawn to 1 as if so many more had told that.
    const PRIOR: f64 = 8.0;
    if standardised.len() < 3 {
        return 1.0;
    }
    let squares: Vec<f64> = standardised.iter().map(|z| z * z).collect();
    let count = squares.len() as f64;
    ((median(&squares) / USUAL * count + PRIOR) / (count + PRIOR)).sqrt().max(1.0)
}

#[cfg(test)]
mod tests;
