//! A third set of kinds, made up after the method was settled; nothing in the code was chosen with its help.

use super::{Kind, LEVEL, Made, Must, Random, kind, made, noisy, rounded, times};
use std::f64::consts::TAU;

pub const THIRD: &[Kind] = &[
    kind("random_telegraph", Must::Silent, telegraph),
    kind("many_load_levels", Must::Silent, load_levels),
    kind("one_long_batch_job", Must::Silent, one_batch),
    kind("table_doubles_early", Must::Silent, table_doubles),
    kind("flushes_that_decay", Must::Silent, flushes),
    kind("heavy_tailed_noise", Must::Silent, |r, n| heavy_tailed(r, n, 0.0)),
    kind("hyperbolic_warm_up", Must::Silent, hyperbolic),
    kind("trimmed_teeth", Must::Silent, trimmed_teeth),
    kind("leak_heavy_tailed_noise", Must::Found, |r, n| {
        let growth = r.growth(0.3, 1.5);
        heavy_tailed(r, n, growth)
    }),
    kind("leak_paced_by_traffic", Must::Found, paced_by_traffic),
    kind("leak_in_small_chunks", Must::Found, small_chunks),
    kind("leak_over_telegraph", Must::Found, over_telegraph),
    kind("leak_of_descriptors", Must::Found, descriptors),
    kind("leak_that_slows_a_little", Must::Found, slows_a_little),
    kind("leak_with_one_cache_flush", Must::Found, one_flush),
];

/// Two levels that alternate at random, some eight to thirty times.
fn telegraph_of(r: &mut Random, height: f64) -> impl Fn(f64) -> f64 + use<> {
    let mut flips: Vec<f64> = (0..r.count(8, 30)).map(|_| r.unit()).collect();
    flips.sort_by(f64::total_cmp);
    move |t| if flips.partition_point(|flip| *flip < t).is_multiple_of(2) { 0.0 } else { height }
}

fn telegraph(r: &mut Random, n: usize) -> Made {
    let height = LEVEL * r.between(0.1, 0.6);
    let levels = telegraph_of(r, height);
    noisy(r, n, 0.5, move |_, t| levels(t))
}

/// An autoscaled load: a dozen or more levels in no order.
fn load_levels(r: &mut Random, n: usize) -> Made {
    let levels: Vec<f64> = (0..r.count(12, 25)).map(|_| LEVEL * r.between(-0.3, 0.3)).collect();
    noisy(r, n, 0.5, move |_, t| levels[((t * levels.len() as f64) as usize).min(levels.len() - 1)])
}

/// Up, stay, and down again before the end.
fn one_batch(r: &mut Random, n: usize) -> Made {
    let (from, long, height) = (r.between(0.1, 0.3), r.between(0.2, 0.4), LEVEL * r.between(0.2, 1.0));
    noisy(r, n, 1.0, move |_, t| {
        let ramp = 0.05;
        height * ((t - from) / ramp).min((from + long - t) / ramp).clamp(0.0, 1.0)
    })
}

/// A hash table that grows to twice its size, two or three times, and then holds.
fn table_doubles(r: &mut Random, n: usize) -> Made {
    let mut at: Vec<f64> = (0..r.count(2, 4)).map(|_| r.between(0.02, 0.35)).collect();
    at.sort_by(f64::total_cmp);
    let first = LEVEL * r.between(0.05, 0.15);
    noisy(r, n, 0.5, move |_, t| first * f64::from((1_u32 << at.iter().filter(|a| **a < t).count()) - 1))
}

/// Writes that gather and drain: sharp rises with an exponential tail.
fn flushes(r: &mut Random, n: usize) -> Made {
    let at: Vec<f64> = (0..r.count(5, 12)).map(|_| r.unit()).collect();
    let (height, tail) = (LEVEL * r.between(0.1, 0.5), r.between(0.01, 0.05));
    noisy(r, n, 0.5, move |_, t| at.iter().filter(|a| **a < t).map(|a| height * (-(t - a) / tail).exp()).sum())
}

/// Log-normal noise: the floor is sharp, the top is not.
fn heavy_tailed(r: &mut Random, n: usize, growth: f64) -> Made {
    let deviation = LEVEL * r.between(0.01, 0.04);
    let series = noisy(r, n, 0.1, move |r, t| growth * t + deviation * r.normal(0.8).exp());
    Made { slope: (growth > 0.0).then_some(growth), peak: None, ..series }
}

fn hyperbolic(r: &mut Random, n: usize) -> Made {
    let (height, rate) = (LEVEL * r.between(0.3, 1.5), r.between(40.0, 150.0));
    noisy(r, n, 1.0, move |_, t| height * rate * t / (1.0 + rate * t))
}

/// Teeth whose heights differ, as of a buffer that is written out when it is full or when somebody waits.
fn trimmed_teeth(r: &mut Random, n: usize) -> Made {
    let mut cuts: Vec<f64> = (0..r.count(10, 40)).map(|_| r.unit()).collect();
    cuts.push(0.0);
    cuts.sort_by(f64::total_cmp);
    let rate = LEVEL * r.between(2.0, 12.0);
    noisy(r, n, 0.3, move |_, t| rate * (t - cuts[cuts.partition_point(|cut| *cut <= t).max(1) - 1]))
}

/// Each request leaks the same, and there are more by day: the slope itself is a wave.
fn paced_by_traffic(r: &mut Random, n: usize) -> Made {
    let (growth, swing, days, phase) = (r.growth(0.3, 1.5), r.between(0.3, 0.7), r.between(2.0, 6.0), r.unit());
    let wave = move |t: f64| (TAU * phase).cos() - (TAU * (days * t + phase)).cos();
    noisy(r, n, 0.5, move |_, t| growth * (t + swing * wave(t) / (TAU * days)))
}

fn small_chunks(r: &mut Random, n: usize) -> Made {
    let chunks: Vec<f64> = (0..r.count(60, 200)).map(|_| r.unit()).collect();
    let growth = r.growth(0.3, 1.5);
    noisy(r, n, 0.5, move |_, t| growth * chunks.iter().filter(|at| **at < t).count() as f64 / chunks.len() as f64)
}

fn over_telegraph(r: &mut Random, n: usize) -> Made {
    let growth = r.growth(0.4, 1.5);
    let height = growth * r.between(0.1, 0.25);
    let levels = telegraph_of(r, height);
    Made { slope: Some(growth), peak: None, ..noisy(r, n, 0.5, move |_, t| growth * t + levels(t)) }
}

/// A count from nearly nought, with as many in flight as a small pool has.
fn descriptors(r: &mut Random, n: usize) -> Made {
    let growth = r.between(60.0, 800.0);
    let in_flight = r.between(2.0, 12.0);
    let t = times(r, n);
    let busy: Vec<f64> = t.iter().map(|_| in_flight * r.unit()).collect();
    rounded(Made { slope: Some(growth), ..made(&t, |i, t| 10.0 + growth * t + busy[i]) }, 1.0)
}

fn slows_a_little(r: &mut Random, n: usize) -> Made {
    let (growth, power) = (r.growth(0.4, 1.5), r.between(0.8, 0.95));
    noisy(r, n, 0.5, move |_, t| growth * t.powf(power))
}

/// A cache beside the leak is emptied once.
fn one_flush(r: &mut Random, n: usize) -> Made {
    let (growth, at) = (r.growth(0.5, 1.5), r.between(0.2, 0.8));
    let cache = growth * r.between(0.05, 0.2);
    Made {
        slope: Some(growth),
        peak: None,
        ..noisy(r, n, 0.5, move |_, t| growth * t + if t < at { cache } else { 0.0 })
    }
}
