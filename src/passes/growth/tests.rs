use super::*;
use proptest::prelude::*;

fn judged(points: &[(f64, f64)]) -> Growth {
    judge(&Input { points, restarts: &[], limit: None })
}

fn every(step: f64, values: &[f64]) -> Vec<(f64, f64)> {
    values.iter().enumerate().map(|(i, v)| (i as f64 * step, *v)).collect()
}

/// Rising by `slope` a sample, with a fixed zigzag.
fn zigzag(n: u32, slope: f64) -> Vec<(f64, f64)> {
    let wiggle = [0.0, 1.3, -0.7, 0.4, -1.1, 0.9, 0.2];
    (0..n).map(|i| (f64::from(i) * 10.0, 500.0 + slope * f64::from(i) + wiggle[i as usize % 7])).collect()
}

/// Live heap of a leaking and of a warming Go service, MB after each cycle: too short to judge, the ends remain.
#[test]
fn seven_gc_cycles_are_too_few() {
    let leak = judged(&every(1.0, &[2.0, 5.0, 8.0, 16.0, 28.0, 50.0, 90.0]));
    let healthy = judged(&every(1.0, &[3.0, 5.0, 9.0, 18.0, 23.0, 23.0, 23.0]));
    for (growth, last) in [(leak, 90.0), (healthy, 23.0)] {
        assert_eq!(growth.verdict, Verdict::Insufficient);
        assert_eq!((growth.n, growth.last, growth.max, growth.monotone_share), (7, last, last, 1.0));
        assert_eq!(growth.slope_per_s, None);
    }
}

#[test]
fn a_few_more_gc_cycles_tell_a_leak_from_a_warm_up() {
    let leak = judged(&every(1.0, &[2.0, 5.0, 8.0, 16.0, 28.0, 50.0, 90.0, 131.0, 190.0, 244.0]));
    assert_eq!(leak.verdict, Verdict::Growing, "{leak:?}");
    let healthy = judged(&every(1.0, &[3.0, 5.0, 9.0, 18.0, 23.0, 23.0, 23.0, 23.0, 24.0, 23.0]));
    assert!(matches!(healthy.verdict, Verdict::Plateau | Verdict::Flat), "{healthy:?}");
}

/// Threads of a daemon in ten status files, a minute apart.
#[test]
fn ten_status_files_show_threads_growing() {
    let threads = every(60.0, &[5.0, 28.0, 53.0, 76.0, 99.0, 124.0, 147.0, 170.0, 194.0, 217.0]);
    let growth = judge(&Input { points: &threads, restarts: &[], limit: Some(512.0) });
    assert_eq!(growth.verdict, Verdict::Growing, "{growth:?}");
    assert!((growth.slope_per_s.unwrap() * 60.0 - 23.6).abs() < 0.2, "{growth:?}");
    assert!(growth.r2.unwrap() > 0.99 && growth.p.unwrap() < 1e-9);
    assert!((growth.exhausts_in_s.unwrap() - 750.0).abs() < 30.0, "{growth:?}");
    let (soonest, latest) = growth.exhausts_interval_s.unwrap();
    assert!(soonest <= growth.exhausts_in_s.unwrap() && growth.exhausts_in_s.unwrap() <= latest);
    let counted: Vec<_> = threads.iter().zip(1..).map(|(p, i)| (f64::from(i), p.1)).collect();
    assert_eq!(judged(&counted).verdict, Verdict::Growing);
}

#[test]
fn constant_and_perfect_lines() {
    assert_eq!(judged(&every(1.0, &[7.0; 30])).verdict, Verdict::Flat);
    assert_eq!(judged(&every(1.0, &[7.0; 30])).slope_per_s, Some(0.0));
    let line: Vec<f64> = (0..60).map(f64::from).collect();
    let growth = judged(&every(2.0, &line));
    assert_eq!((growth.verdict, growth.accelerating, growth.since_s), (Verdict::Growing, false, None));
    assert!((growth.slope_per_s.unwrap() - 0.5).abs() < 1e-9);
}

#[test]
fn falling_is_growing_upside_down() {
    let growth = judged(&zigzag(60, -4.0));
    assert_eq!(growth.verdict, Verdict::Falling, "{growth:?}");
    assert!((growth.slope_per_s.unwrap() + 0.4).abs() < 0.01);
    assert_eq!(growth.exhausts_in_s, None);
}

#[test]
fn a_wave_is_cyclic_and_a_jump_is_a_step() {
    let wave: Vec<f64> = (0..120).map(|i| 100.0 + 30.0 * (f64::from(i) / 24.0 * std::f64::consts::TAU).sin()).collect();
    assert_eq!(judged(&every(3600.0, &wave)).verdict, Verdict::Cyclic);
    let jump: Vec<_> = zigzag(60, 0.0).into_iter().map(|(t, y)| (t, if t > 250.0 { y + 300.0 } else { y })).collect();
    assert_eq!(judged(&jump).verdict, Verdict::Step);
}

#[test]
fn onset_and_limit_of_a_late_leak() {
    let leak: Vec<_> = zigzag(100, 0.0).into_iter().map(|(t, y)| (t, y + (t - 400.0).max(0.0))).collect();
    let growth = judge(&Input { points: &leak, restarts: &[], limit: Some(1500.0) });
    assert_eq!(growth.verdict, Verdict::Growing);
    assert!((growth.since_s.unwrap() - 400.0).abs() < 40.0, "{growth:?}");
    let (earliest, latest) = growth.onset_s.unwrap();
    assert!(earliest <= growth.since_s.unwrap() && growth.since_s.unwrap() <= latest);
    // 1090 at the end, one a second.
    assert!((growth.exhausts_in_s.unwrap() - 410.0).abs() < 10.0, "{growth:?}");
    let far = judge(&Input { points: &leak, restarts: &[], limit: Some(1e6) });
    assert_eq!(far.exhausts_in_s, None);
    let beyond = judge(&Input { points: &leak, restarts: &[], limit: Some(600.0) });
    assert_eq!(beyond.exhausts_in_s, Some(0.0));
}

#[test]
fn each_life_is_judged_by_itself() {
    let lives: Vec<_> = (0..90).map(|i| (f64::from(i), 100.0 + 5.0 * f64::from(i % 30) + f64::from(i % 3))).collect();
    let known = judge(&Input { points: &lives, restarts: &[60.0, 30.0, f64::NAN, 30.0], limit: None });
    assert_eq!((known.verdict, known.segments), (Verdict::Growing, 3), "{known:?}");
    assert!((known.slope_per_s.unwrap() - 5.0).abs() < 0.1);
    let seen = judged(&lives);
    assert_eq!((seen.verdict, seen.segments), (Verdict::Growing, 3));
    assert_eq!(falls(&lives).len(), 2);
    let short = judge(&Input { points: &lives[..20], restarts: &[7.0, 14.0], limit: None });
    assert_eq!((short.verdict, short.segments), (Verdict::Insufficient, 3));
}

#[test]
fn what_is_no_number_is_dropped() {
    let mut points = zigzag(40, 3.0);
    let clean = judged(&points);
    points.extend([(f64::NAN, 1.0), (15.0, f64::INFINITY), (f64::NEG_INFINITY, 2.0), (17.0, f64::NAN), (0.0, 9999.0)]);
    assert_eq!(judged(&points), clean);
    let empty = judged(&[]);
    assert!(empty.first.is_nan() && empty.monotone_share.is_nan() && empty.n == 0 && empty.segments == 0);
}

fn any_value() -> impl Strategy<Value = f64> {
    prop_oneof![4 => -1e3..1e3_f64, 2 => (-5..5_i32).prop_map(f64::from), 1 => any::<f64>()]
}

proptest! {
    #[test]
    fn nothing_panics(
        points in prop::collection::vec((any_value(), any_value()), 0..120),
        restarts in prop::collection::vec(any_value(), 0..4),
        limit in prop::option::of(any_value()),
    ) {
        let growth = judge(&Input { points: &points, restarts: &restarts, limit });
        prop_assert!(growth.n >= 8 || growth.verdict == Verdict::Insufficient);
        let numbers = [growth.slope_per_s, growth.r2, growth.p, growth.since_s, growth.exhausts_in_s];
        prop_assert!(numbers.iter().flatten().all(|v| v.is_finite()), "{:?}", growth);
        let _ = correlate(&points, &points.iter().map(|p| (p.0, p.1 * 2.0)).collect::<Vec<_>>());
    }

    #[test]
    fn order_epoch_and_unit_do_not_matter(
        slope in prop_oneof![Just(0.0), -8.0..8.0_f64],
        n in 8..90_u32,
        noise in prop::collection::vec(-20.0..20.0_f64, 90),
        order in any::<u64>(),
    ) {
        let points: Vec<_> =
            zigzag(n, slope).into_iter().zip(&noise).map(|((t, y), e)| (t, (y + e).round())).collect();
        let plain = judged(&points);
        let mut shuffled = points.clone();
        shuffled.sort_by_key(|p| (p.0.to_bits() ^ order).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        prop_assert_eq!(&judged(&shuffled), &plain);
        let epoch: Vec<_> = points.iter().map(|(t, y)| (t + 1.8e9, *y)).collect();
        prop_assert_eq!(&Growth { since_s: plain.since_s, onset_s: plain.onset_s, fit: plain.fit, ..judged(&epoch) }, &plain);
        let bytes: Vec<_> = points.iter().map(|(t, y)| (t * 60.0, y * 1_048_576.0)).collect();
        let scaled = judged(&bytes);
        prop_assert_eq!((scaled.verdict, scaled.reason), (plain.verdict, plain.reason));
        if let (Some(a), Some(b)) = (scaled.slope_per_s, plain.slope_per_s) {
            prop_assert!((a - b * 1_048_576.0 / 60.0).abs() <= 1e-9 * a.abs().max(1.0));
        }
    }
}
