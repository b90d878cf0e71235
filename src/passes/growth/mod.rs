//! Is a series growing, how fast, since when, and when does it hit its limit?
//!
//! Pure and deterministic. The steps, in the order in which they are taken:
//! clean the samples; cut at restarts and judge each life by itself; take a cycle off; reduce to the floor that a leak
//! lifts; test slope and significance; let shapes compete (a line, a late onset, steps, a start-up curve, a ramp to a
//! cap); ask whether it still grows and has left its old floor; then measure the slope, the onset and the time to the
//! limit. `docs/statistics.md` has what this finds and misses.

mod correlate;
mod cycle;
mod headline;
mod life;
mod regress;
pub(crate) mod robust;
mod shapes;
pub(crate) mod student;

pub use correlate::{Correlation, correlate, correlate_lagged};
use life::{Life, Opinion};
pub use regress::{Regression, Term, regress};
use robust::{differences, percentile, spread};

/// A life with fewer samples is not judged.
pub const FEWEST_SAMPLES: usize = 8;
/// More samples of one life tell no more, and cost time.
const MOST_SAMPLES: usize = 4096;
/// Values and times beyond this are no measurement; their squares stay finite.
const LARGEST: f64 = 1e100;
/// Deep falls that are taken for restarts where none are known; more of them are the teeth of a collector.
const MOST_BLIND_CUTS: usize = 2;
/// So many falls beside them, of this share of the range, are smaller teeth of the same collector.
const MOST_LESSER_FALLS: usize = 2;
const LESSER_FALL: f64 = 0.1;
/// No time to a limit further ahead than this many observed spans.
const FURTHEST_SPANS: f64 = 3.0;

/// One series of one process.
#[derive(Clone, Copy, Debug)]
pub struct Input<'a> {
    /// (seconds since any origin, value), sorted or not. What is not finite is dropped, and all but the lowest value
    /// of one instant.
    pub points: &'a [(f64, f64)],
    /// Known instants of a start or restart in the same clock; one before the first sample says that there was none
    /// since. If none is given, one or two deep falls are taken for restarts. For a counter, where any fall is a
    /// restart, see [`falls`].
    pub restarts: &'a [f64],
    /// The value at which growth ends, in the unit of the values.
    pub limit: Option<f64>,
}

/// What a series does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It rises, still, and not by a jump.
    Growing,
    /// It falls, still, and not by a jump.
    Falling,
    /// Neither, or too little to matter.
    Flat,
    /// It jumped to another level and stayed.
    Step,
    /// It moved and came to rest: start-up, a cache that is full.
    Plateau,
    /// It repeats.
    Cyclic,
    /// Too few samples in every life.
    Insufficient,
}

/// What [`judge`] found. Slopes are per second, in the unit of the values.
#[derive(Clone, PartialEq, Debug)]
pub struct Growth {
    /// The answer.
    pub verdict: Verdict,
    /// The step that decided.
    pub reason: &'static str,
    /// Samples used.
    pub n: usize,
    /// Seconds from the first sample to the last.
    pub span_s: f64,
    /// Value of the first sample; NaN without one, as are the next three.
    pub first: f64,
    /// Value of the last sample.
    pub last: f64,
    /// Lowest value.
    pub min: f64,
    /// Highest value.
    pub max: f64,
    /// Slope of the floor in the longest life that decided; since the onset, if there is one.
    pub slope_per_s: Option<f64>,
    /// Its 95 % interval.
    pub ci95: Option<(f64, f64)>,
    /// Both ends of the line with that slope, from the onset to the end of that life; of growing and falling series.
    pub fit: Option<[(f64, f64); 2]>,
    /// Share of the floor's variance that the slope explains. Printed, never used to decide.
    pub r2: Option<f64>,
    /// Of no slope, by Student's t.
    pub p: Option<f64>,
    /// When it began to grow, in the clock of the samples; `None` is at the first sample or before, or no growth.
    pub since_s: Option<f64>,
    /// All times at which it may have begun.
    pub onset_s: Option<(f64, f64)>,
    /// Seconds from the last sample until the peaks reach the limit; `None` if that is more than three spans ahead.
    pub exhausts_in_s: Option<f64>,
    /// By the interval of the slope; an upper end of three spans means that or later.
    pub exhausts_interval_s: Option<(f64, f64)>,
    /// Share of steps that do not fall; NaN with fewer than two samples.
    pub monotone_share: f64,
    /// Lives: stretches between restarts.
    pub segments: usize,
    /// A parabola fits better than a line: the limit is reached by that time at the latest.
    pub accelerating: bool,
}

/// The instants at which a counter fell, that is, started anew.
pub fn falls(points: &[(f64, f64)]) -> Vec<f64> {
    clean(points).windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[1].0).collect()
}

/// Judges a series.
pub fn judge(input: &Input<'_>) -> Growth {
    let points = clean(input.points);
    let mut growth = endpoints(&points);
    let lives = cut(&points, input.restarts);
    growth.segments = lives.len();
    let judged: Vec<(Life, Opinion)> = lives
        .iter()
        .filter(|life| life.len() >= FEWEST_SAMPLES)
        .map(|points| Life::new(&thinned(points)))
        .map(|life| {
            let opinion = life.judge();
            (life, opinion)
        })
        .collect();
    if let (Some((life, opinion)), Some(latest)) = (decide(&judged, &mut growth), lives.last()) {
        measure(life, opinion, latest, input.limit, &mut growth);
    }
    growth
}

/// Every n-th sample of a life with more than are needed to tell.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(MOST_SAMPLES).max(1);
    points.iter().copied().step_by(step).collect()
}

/// Sorted by time, one value for each instant, finite.
fn clean(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    let usable = |v: f64| v.abs() <= LARGEST;
    let mut kept: Vec<_> = points.iter().copied().filter(|(t, y)| usable(*t) && usable(*y)).collect();
    kept.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    kept.dedup_by(|later, kept| later.0 == kept.0);
    kept
}

/// What holds of any number of samples.
fn endpoints(points: &[(f64, f64)]) -> Growth {
    let first = points.first().copied().unwrap_or((f64::NAN, f64::NAN));
    let last = points.last().copied().unwrap_or((f64::NAN, f64::NAN));
    let steps = points.len().saturating_sub(1);
    let not_falling = points.windows(2).filter(|pair| pair[1].1 >= pair[0].1).count();
    Growth {
        verdict: Verdict::Insufficient,
        reason: "fewer than 8 samples in every life",
        n: points.len(),
        span_s: if points.is_empty() { 0.0 } else { last.0 - first.0 },
        first: first.1,
        last: last.1,
        min: points.iter().fold(f64::NAN, |low, p| low.min(p.1)),
        max: points.iter().fold(f64::NAN, |high, p| high.max(p.1)),
        slope_per_s: None,
        ci95: None,
        fit: None,
        r2: None,
        p: None,
        since_s: None,
        onset_s: None,
        exhausts_in_s: None,
        exhausts_interval_s: None,
        monotone_share: if steps == 0 { f64::NAN } else { not_falling as f64 / steps as f64 },
        segments: 0,
        accelerating: false,
    }
}

/// Cuts into lives, at what is known or else at what is seen.
fn cut<'p>(points: &'p [(f64, f64)], restarts: &[f64]) -> Vec<&'p [(f64, f64)]> {
    let mut cuts: Vec<usize> = if restarts.is_empty() {
        blind_cuts(points)
    } else {
        restarts.iter().filter(|t| t.is_finite()).map(|t| points.partition_point(|p| p.0 < *t)).collect()
    };
    cuts.sort_unstable();
    cuts.push(points.len());
    let mut from = 0;
    let mut lives = Vec::with_capacity(cuts.len());
    for to in cuts {
        if to > from {
            lives.push(&points[from..to]);
        }
        from = to;
    }
    lives
}

/// Falls that wipe out most of what was gained, where they are too few to be the teeth of a collector.
fn blind_cuts(points: &[(f64, f64)]) -> Vec<usize> {
    if points.len() < FEWEST_SAMPLES {
        return Vec::new();
    }
    let values: Vec<f64> = points.iter().map(|p| p.1).collect();
    let steps = differences(&values);
    let range = percentile(&values, 95.0) - percentile(&values, 5.0);
    let deep = (0.4 * range).max(6.0 * spread(&steps));
    let cuts: Vec<usize> = (1..points.len()).filter(|i| steps[i - 1] < -deep).collect();
    let lesser = (LESSER_FALL * range).max(4.0 * spread(&steps));
    let lesser = steps.iter().filter(|step| **step < -lesser && **step >= -deep).count();
    if cuts.len() > MOST_BLIND_CUTS || lesser > MOST_LESSER_FALLS { Vec::new() } else { cuts }
}

/// The verdict over all lives, and the life that stands for it: the longest that moves, if such lives cover half of
/// the judged time; else the latest.
fn decide<'j>(judged: &'j [(Life, Opinion)], growth: &mut Growth) -> Option<(&'j Life, &'j Opinion)> {
    let time = |verdict: Option<Verdict>| -> f64 {
        let chosen = judged.iter().filter(|(_, opinion)| verdict.is_none_or(|v| opinion.verdict == v));
        chosen.map(|(life, _)| life.span_s).sum()
    };
    for moving in [Verdict::Growing, Verdict::Falling] {
        let longest = judged
            .iter()
            .filter(|(_, opinion)| opinion.verdict == moving)
            .max_by(|(a, _), (b, _)| a.span_s.total_cmp(&b.span_s));
        if let Some((life, opinion)) = longest
            && time(Some(moving)) >= 0.5 * time(None)
        {
            (growth.verdict, growth.reason) = (moving, opinion.reason);
            return Some((life, opinion));
        }
    }
    let (life, opinion) = judged.last()?;
    (growth.verdict, growth.reason) = match opinion.verdict {
        Verdict::Growing | Verdict::Falling => (Verdict::Flat, "lives disagree: moving ones cover less than half"),
        verdict => (verdict, opinion.reason),
    };
    Some((life, opinion))
}

/// The numbers of the life that decided; onset and time to the limit only of growth.
fn measure(life: &Life, opinion: &Opinion, latest: &[(f64, f64)], limit: Option<f64>, growth: &mut Growth) {
    let growing = growth.verdict == Verdict::Growing;
    let onset = if growing { opinion.onset() } else { None };
    growth.accelerating = growing && opinion.accelerates();
    if let Some(onset) = onset {
        growth.since_s = Some(life.seconds(onset.best.at));
        growth.onset_s = Some((life.seconds(onset.earliest), life.seconds(onset.latest)));
    }
    let Some(line) = opinion.headline(life, onset) else { return };
    let per_second = life.unit / life.span_s;
    let (low, high) = (line.ci95.0 * per_second, line.ci95.1 * per_second);
    growth.slope_per_s = Some(line.slope * per_second);
    if matches!(growth.verdict, Verdict::Growing | Verdict::Falling) {
        growth.fit = opinion.drawn(life, line.slope, onset.map(|onset| onset.best.at));
    }
    growth.ci95 = Some((low, high));
    growth.r2 = Some(line.r2);
    growth.p = Some(line.p);
    let Some(limit) = limit.filter(|l| growing && l.is_finite()) else { return };
    let room = limit - peaks_now(latest, line.slope * per_second);
    let furthest = FURTHEST_SPANS * growth.span_s;
    let ahead = |slope: f64| if slope > 0.0 { (room / slope).max(0.0) } else { f64::INFINITY };
    let likely = ahead(line.slope * per_second);
    if likely <= furthest {
        growth.exhausts_in_s = Some(likely);
        growth.exhausts_interval_s = Some((ahead(high), ahead(low).min(furthest)));
    }
}

/// Where the peaks of the latest life stand at its end: nine of ten samples lie below, once their growth is added.
fn peaks_now(latest: &[(f64, f64)], slope_per_s: f64) -> f64 {
    let end = latest.last().map_or(0.0, |p| p.0);
    // Only the second half: an earlier part may not have grown yet.
    let half = latest.get(latest.len() / 2..).unwrap_or_default();
    let moved: Vec<f64> = half.iter().map(|(t, y)| y + slope_per_s * (end - t)).collect();
    percentile(&moved, 90.0)
}

#[cfg(test)]
mod tests;
