//! Made series whose truth is known: healthy kinds, leaks, and kinds that nobody can tell. Values are in MiB round a
//! level of 500, the window is 1; times are uneven and three in ten series have a hole.

pub mod score;
pub mod third;

use std::f64::consts::TAU;

/// Level of every series.
pub const LEVEL: f64 = 500.0;

/// 90th percentile of the normal distribution.
const P90: f64 = 1.2816;

/// SplitMix64 with what a simulation draws.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Random {
        Random(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// In 0..1, never 0.
    fn unit(&mut self) -> f64 {
        ((self.next() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    fn count(&mut self, low: usize, beyond: usize) -> usize {
        low + (self.next() % (beyond - low) as u64) as usize
    }

    /// Box-Muller.
    fn normal(&mut self, deviation: f64) -> f64 {
        (-2.0 * self.unit().ln()).sqrt() * (TAU * self.unit()).cos() * deviation
    }

    fn gamma4(&mut self) -> f64 {
        (0..4).map(|_| -self.unit().ln()).sum()
    }

    /// Growth over the window, log-uniform between these shares of the level.
    fn growth(&mut self, low: f64, high: f64) -> f64 {
        LEVEL * self.between(low.ln(), high.ln()).exp()
    }
}

/// A series with its truth.
#[derive(Default)]
pub struct Made {
    pub points: Vec<(f64, f64)>,
    /// Known restarts.
    pub restarts: Vec<f64>,
    /// True growth per window, where it is one number.
    pub slope: Option<f64>,
    pub onset: Option<f64>,
    /// Nine in ten samples lie below this height over the true line; `None` where the time to a limit is not scored.
    pub peak: Option<f64>,
}

/// What must be said of a kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Must {
    Silent,
    Found,
    /// Printed in the table, held to nothing.
    Either,
}

pub struct Kind {
    pub name: &'static str,
    pub must: Must,
    pub make: fn(&mut Random, usize) -> Made,
}

const fn kind(name: &'static str, must: Must, make: fn(&mut Random, usize) -> Made) -> Kind {
    Kind { name, must, make }
}

/// The kinds that the method was built on.
pub const KINDS: &[Kind] = &[
    kind("flat", Must::Silent, |r, n| noisy(r, n, 1.0, |_, _| 0.0)),
    kind("ar1", Must::Silent, ar1_only),
    kind("gc_sawtooth", Must::Silent, gc_sawtooth),
    kind("rampup_plateau", Must::Silent, rampup_plateau),
    kind("sawtooth_rampup", Must::Silent, sawtooth_rampup),
    kind("step", Must::Silent, step),
    kind("diurnal_1to6_cycles", Must::Silent, diurnal),
    kind("cache_fill_to_cap", Must::Silent, cache_fill),
    kind("spikes", Must::Silent, spikes),
    kind("restarts_plateau", Must::Silent, restarts_plateau),
    kind("diurnal_rising_half", Must::Either, rising_half),
    kind("linear", Must::Found, linear),
    kind("linear_ar1", Must::Found, linear_ar1),
    kind("under_gc_sawtooth", Must::Found, under_sawtooth),
    kind("late_onset", Must::Found, late_onset),
    kind("with_restarts", Must::Found, with_restarts),
    kind("with_diurnal", Must::Found, with_diurnal),
    kind("staircase", Must::Found, staircase),
    kind("slow_5to10pct", Must::Found, slow),
    kind("accelerating", Must::Found, accelerating),
    kind("post_gc_series", Must::Found, post_gc),
];

/// Further kinds. The rule against taking two steps for a wave came from `two_steps`; no other shaped the code.
pub const FURTHER: &[Kind] = &[
    kind("two_steps", Must::Silent, two_steps),
    kind("pool_fills_in_bursts_to_cap", Must::Silent, bursts_to_cap),
    kind("two_level_batch", Must::Silent, batch),
    kind("logistic_warm_up", Must::Silent, logistic),
    kind("drop_then_recover", Must::Silent, drop_then_recover),
    kind("noise_grows_level_stays", Must::Silent, widening_noise),
    kind("integer_count_flat", Must::Silent, |r, n| rounded(noisy(r, n, 0.1, |_, _| 0.0), 1.0)),
    kind("weekly_load_with_trend_0", Must::Silent, two_waves),
    kind("near_random_walk", Must::Either, |r, n| {
        let t = times(r, n);
        let walk = ar1(r, n, 0.97, LEVEL * 0.03);
        made(&t, |i, _| LEVEL + walk[i])
    }),
    kind("sqrt_growth", Must::Either, |r, n| {
        let g = r.growth(0.3, 1.5);
        noisy(r, n, 1.0, move |_, t| g * t.sqrt())
    }),
    kind("loads_then_rests", Must::Silent, |r, n| loads_first(r, n, 0.0)),
    kind("loads_then_leaks", Must::Found, |r, n| {
        let growth = r.growth(0.3, 1.5);
        loads_first(r, n, growth)
    }),
    kind("leak_rounded_8mib", Must::Found, |r, n| rounded(linear(r, n), 8.0)),
    kind("leak_wild_outliers", Must::Found, wild_outliers),
    kind("exponential_leak", Must::Found, exponential),
    kind("leak_thread_count", Must::Found, |r, n| {
        let g = r.between(20.0, 400.0);
        let series = noisy(r, n, 0.0, move |_, t| g * t - LEVEL + 5.0);
        rounded(Made { slope: Some(g), peak: None, ..series }, 1.0)
    }),
    kind("leak_heteroscedastic", Must::Found, |r, n| {
        let (g, s) = (r.growth(0.3, 1.5), LEVEL * r.between(0.005, 0.02));
        let series = noisy(r, n, 0.0, move |r, t| g * t + r.normal(s * (0.5 + 1.5 * t)));
        Made { slope: Some(g), peak: None, ..series }
    }),
];

fn times(r: &mut Random, n: usize) -> Vec<f64> {
    let mut total = 0.0;
    let mut t: Vec<f64> = (0..n)
        .map(|_| {
            total += r.gamma4();
            total
        })
        .collect();
    if r.unit() < 0.3 {
        let (from, hole) = (r.count(1, n - 1), r.between(0.05, 0.3) * total);
        t[from..].iter_mut().for_each(|v| *v += hole);
    }
    let (start, span) = (t[0], t[n - 1] - t[0]);
    t.iter().map(|v| (v - start) / span).collect()
}

fn made(t: &[f64], value: impl Fn(usize, f64) -> f64) -> Made {
    let points = t.iter().enumerate().map(|(i, t)| (*t, value(i, *t).max(1.0))).collect();
    Made { points, ..Made::default() }
}

/// The level, a shape and `share` of the usual noise of 0.5 to 3 % of the level.
fn noisy(r: &mut Random, n: usize, share: f64, shape: impl Fn(&mut Random, f64) -> f64) -> Made {
    let t = times(r, n);
    let noise = LEVEL * r.between(0.005, 0.03) * share;
    let points = t.iter().map(|t| (*t, (LEVEL + shape(r, *t) + r.normal(noise)).max(1.0))).collect();
    Made { points, peak: Some(P90 * noise), ..Made::default() }
}

fn rounded(mut series: Made, to: f64) -> Made {
    series.points.iter_mut().for_each(|p| p.1 = (p.1 / to).round() * to);
    series
}

fn ar1(r: &mut Random, n: usize, phi: f64, deviation: f64) -> Vec<f64> {
    let mut x = r.normal(deviation);
    (0..n)
        .map(|i| {
            if i > 0 {
                x = phi * x + r.normal(deviation * (1.0 - phi * phi).sqrt());
            }
            x
        })
        .collect()
}

fn teeth(t: f64, height: f64, period: f64, phase: f64) -> f64 {
    height * (t / period + phase).fract()
}

fn ar1_only(r: &mut Random, n: usize) -> Made {
    let t = times(r, n);
    let (phi, deviation) = (r.between(0.7, 0.95), LEVEL * r.between(0.01, 0.04));
    let x = ar1(r, n, phi, deviation);
    made(&t, |i, _| LEVEL + x[i])
}

fn gc_sawtooth(r: &mut Random, n: usize) -> Made {
    let (height, period, phase) = (LEVEL * r.between(0.2, 1.0), r.between(0.02, 0.25), r.unit());
    noisy(r, n, 0.3, |_, t| teeth(t, height, period, phase))
}

fn warm_up(t: f64, tau: f64) -> f64 {
    1.0 - (-t / tau).exp()
}

fn rampup_plateau(r: &mut Random, n: usize) -> Made {
    let (height, tau) = (LEVEL * r.between(0.3, 2.0), r.between(0.04, 0.2));
    noisy(r, n, 1.0, |_, t| height * warm_up(t, tau))
}

fn sawtooth_rampup(r: &mut Random, n: usize) -> Made {
    let (tau, height, period, phase) = (r.between(0.04, 0.2), r.between(0.3, 1.0), r.between(0.02, 0.15), r.unit());
    noisy(r, n, 0.3, |_, t| LEVEL * warm_up(t, tau) * (height + teeth(t, 0.5, period, phase)))
}

fn step(r: &mut Random, n: usize) -> Made {
    let (height, at) = (LEVEL * r.between(0.2, 1.0), r.between(0.15, 0.85));
    noisy(r, n, 1.0, |_, t| if t > at { height } else { 0.0 })
}

fn diurnal(r: &mut Random, n: usize) -> Made {
    let (height, cycles, phase) = (LEVEL * r.between(0.05, 0.4), r.between(1.0, 6.0), r.unit());
    noisy(r, n, 1.0, |_, t| height * (TAU * (cycles * t + phase)).sin())
}

fn rising_half(r: &mut Random, n: usize) -> Made {
    let (height, cycles) = (LEVEL * r.between(0.05, 0.4), r.between(0.3, 0.6));
    noisy(r, n, 1.0, |_, t| height * (TAU * (cycles * t - 0.25)).sin())
}

fn cache_fill(r: &mut Random, n: usize) -> Made {
    let (full, noise) = (r.between(0.15, 0.6), LEVEL * r.between(0.005, 0.03));
    noisy(r, n, 0.0, |r, t| LEVEL * (t / full).min(1.0) + r.normal(if t < full { noise } else { 0.2 * noise }))
}

fn spikes(r: &mut Random, n: usize) -> Made {
    let spikes: Vec<(f64, f64, f64)> =
        (0..r.count(1, 4)).map(|_| (r.unit(), r.between(0.02, 0.12), LEVEL * r.between(0.2, 1.0))).collect();
    noisy(r, n, 1.0, |_, t| spikes.iter().filter(|(at, width, _)| (t - at).abs() < *width).map(|s| s.2).sum())
}

fn restarts(r: &mut Random, t: &[f64]) -> Vec<f64> {
    let mut at: Vec<f64> = (0..r.count(1, 4)).map(|_| r.between(0.15, 0.85)).collect();
    at.sort_by(f64::total_cmp);
    at.retain(|c| t.iter().any(|t| t >= c));
    at
}

fn age(t: f64, restarts: &[f64]) -> f64 {
    t - restarts.iter().copied().filter(|c| *c <= t).fold(0.0, f64::max)
}

fn restarts_plateau(r: &mut Random, n: usize) -> Made {
    let t = times(r, n);
    let at = restarts(r, &t);
    let (tau, noise) = (r.between(0.01, 0.05), LEVEL * r.between(0.005, 0.03));
    let errors: Vec<f64> = t.iter().map(|_| r.normal(noise)).collect();
    let series = made(&t, |i, t| LEVEL * 0.6 + LEVEL * 0.6 * warm_up(age(t, &at), tau) + errors[i]);
    Made { restarts: at, ..series }
}

fn linear(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.15, 1.5);
    Made { slope: Some(growth), ..noisy(r, n, 1.0, |_, t| growth * t) }
}

fn linear_ar1(r: &mut Random, n: usize) -> Made {
    let t = times(r, n);
    let growth = r.growth(0.2, 1.5);
    let (phi, deviation) = (r.between(0.5, 0.9), LEVEL * r.between(0.01, 0.03));
    let x = ar1(r, n, phi, deviation);
    Made { slope: Some(growth), peak: Some(P90 * deviation), ..made(&t, |i, t| LEVEL + growth * t + x[i]) }
}

fn under_sawtooth(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.2, 1.5);
    let (height, period, phase) = (LEVEL * r.between(0.2, 0.8), r.between(0.02, 0.2), r.unit());
    Made {
        slope: Some(growth),
        peak: Some(0.9 * height),
        ..noisy(r, n, 0.3, |_, t| growth * t + teeth(t, height, period, phase))
    }
}

fn late_onset(r: &mut Random, n: usize) -> Made {
    let (growth, onset) = (r.growth(0.3, 1.5), r.between(0.2, 0.6));
    let slope = growth / (1.0 - onset);
    Made { slope: Some(slope), onset: Some(onset), ..noisy(r, n, 1.0, |_, t| slope * (t - onset).max(0.0)) }
}

fn with_restarts(r: &mut Random, n: usize) -> Made {
    let t = times(r, n);
    let growth = r.growth(0.4, 3.0);
    let at = restarts(r, &t);
    let noise = LEVEL * r.between(0.005, 0.03);
    let errors: Vec<f64> = t.iter().map(|_| r.normal(noise)).collect();
    let series = made(&t, |i, t| LEVEL + growth * age(t, &at) + errors[i]);
    Made { slope: Some(growth), restarts: at, ..series }
}

fn with_diurnal(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.3, 1.5);
    let (height, cycles, phase) = (growth * r.between(0.1, 0.3), r.between(1.5, 6.0), r.unit());
    Made {
        slope: Some(growth),
        peak: None,
        ..noisy(r, n, 1.0, |_, t| growth * t + height * (TAU * (cycles * t + phase)).sin())
    }
}

fn staircase(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.3, 1.5);
    let stairs: Vec<f64> = (0..r.count(6, 20)).map(|_| r.unit()).collect();
    noisy(r, n, 1.0, |_, t| growth * stairs.iter().filter(|c| **c < t).count() as f64 / stairs.len() as f64)
}

fn slow(r: &mut Random, n: usize) -> Made {
    let growth = LEVEL * r.between(0.05, 0.10);
    Made {
        slope: Some(growth),
        peak: Some(P90 * LEVEL * 0.01),
        ..noisy(r, n, 0.0, |r, t| growth * t + r.normal(LEVEL * 0.01))
    }
}

fn accelerating(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.3, 1.5);
    noisy(r, n, 1.0, |_, t| growth * t * t)
}

/// Live heap after each collection: the noise of what is in flight, no teeth.
fn post_gc(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.2, 1.5);
    Made { slope: Some(growth), ..noisy(r, n, 0.5, |_, t| growth * t) }
}

fn two_steps(r: &mut Random, n: usize) -> Made {
    let (first, second) = (r.between(0.1, 0.45), r.between(0.55, 0.9));
    let (up, more) = (LEVEL * r.between(0.2, 0.6), LEVEL * r.between(0.2, 0.6));
    noisy(r, n, 1.0, |_, t| {
        if t > second {
            up + more
        } else if t > first {
            up
        } else {
            0.0
        }
    })
}

fn bursts_to_cap(r: &mut Random, n: usize) -> Made {
    let bursts: Vec<f64> = (0..r.count(3, 8)).map(|_| r.between(0.0, 0.5)).collect();
    let height = LEVEL * r.between(0.3, 1.0);
    noisy(r, n, 0.5, |_, t| height * bursts.iter().filter(|c| **c < t).count() as f64 / bursts.len() as f64)
}

fn batch(r: &mut Random, n: usize) -> Made {
    let (height, cycles, phase) = (LEVEL * r.between(0.2, 1.0), r.between(2.0, 9.0), r.unit());
    noisy(r, n, 1.0, |_, t| if (cycles * t + phase).fract() < 0.4 { height } else { 0.0 })
}

fn logistic(r: &mut Random, n: usize) -> Made {
    let (height, middle, rate) = (LEVEL * r.between(0.3, 1.5), r.between(0.15, 0.5), r.between(12.0, 40.0));
    noisy(r, n, 1.0, |_, t| height / (1.0 + (-rate * (t - middle)).exp()))
}

fn drop_then_recover(r: &mut Random, n: usize) -> Made {
    let (from, width) = (r.between(0.1, 0.4), r.between(0.1, 0.3));
    let depth = LEVEL * r.between(0.2, 0.6);
    noisy(r, n, 1.0, |_, t| if t > from && t < from + width { -depth } else { 0.0 })
}

fn widening_noise(r: &mut Random, n: usize) -> Made {
    let deviation = LEVEL * r.between(0.02, 0.08);
    noisy(r, n, 0.2, |r, t| r.normal(deviation * (0.1 + t)))
}

fn two_waves(r: &mut Random, n: usize) -> Made {
    let (slow, fast) = (LEVEL * r.between(0.05, 0.2), LEVEL * r.between(0.05, 0.2));
    let (phase, cycles) = (r.unit(), r.between(1.0, 1.8));
    noisy(r, n, 1.0, |_, t| slow * (TAU * (cycles * t + phase)).sin() + fast * (TAU * 7.0 * cycles * t + phase).sin())
}

fn wild_outliers(r: &mut Random, n: usize) -> Made {
    let mut series = linear(r, n);
    for point in &mut series.points {
        if r.unit() < 0.05 {
            point.1 *= r.between(0.3, 2.0);
        }
    }
    series
}

fn exponential(r: &mut Random, n: usize) -> Made {
    let (growth, rate) = (r.growth(0.3, 1.5), r.between(1.0, 3.0));
    noisy(r, n, 1.0, |_, t| growth * ((rate * t).exp() - 1.0) / (rate.exp() - 1.0))
}

/// A leap within the first tenth of the window, as of data that is loaded, and what comes after it.
fn loads_first(r: &mut Random, n: usize, growth: f64) -> Made {
    let (height, until) = (LEVEL * r.between(0.3, 2.0), r.between(0.02, 0.1));
    let series = noisy(r, n, 0.5, move |_, t| height * (t / until).min(1.0) + growth * t);
    Made { slope: (growth > 0.0).then_some(growth), peak: None, ..series }
}
