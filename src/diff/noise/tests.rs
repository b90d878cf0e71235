use super::*;

#[test]
fn few_samples_are_within_chance() {
    assert!(exact(0.0, 1.0, 1.0) > 0.9);
    assert!((exact(0.0, 5.0, 1.0) - 0.0625).abs() < 1e-9, "2 of 32");
    assert!((exact(5.0, 0.0, 1.0) - 0.0625).abs() < 1e-9);
    assert_eq!(exact(10.0, 10.0, 1.0), 1.0);
    assert!(exact(100.0, 200.0, 1.0) < 1e-8 && exact(100.0, 200.0, 2.0) > 0.9);
}

#[test]
fn corrected_chances_grow_with_their_number_and_keep_their_order() {
    assert_eq!(corrected(&[0.01, 0.02, 0.03, 0.5]), [0.04, 0.04, 0.04, 0.5]);
    assert_eq!(corrected(&[0.5]), [0.5]);
    assert!(corrected(&[]).is_empty());
}

#[test]
fn the_yardstick_is_what_most_agree_on_and_not_the_average() {
    let functions = [(0.01, 1e-3, 0.3), (-0.01, 1e-3, 0.3), (0.0, 1e-3, 0.2), (0.7, 1e-3, 0.5)];
    let (log, variance) = common_ratio(&functions).unwrap();
    assert!(log.abs() < 0.02 && variance < 1e-3, "{log} {variance}");
    assert_eq!(common_ratio(&[]), None);
}

#[test]
fn phases_that_both_sides_have_are_no_scatter_and_bursts_are() {
    let side = |blocks: [f64; BLOCKS]| Measure { weight: blocks.iter().sum(), blocks: blocks.to_vec() };
    let whole = Whole { weight: 1600.0, samples: 1600.0, blocks: vec![100.0; BLOCKS] };
    let phase: [f64; BLOCKS] = std::array::from_fn(|n| if n < 8 { 90.0 } else { 2.0 });
    let early: [f64; BLOCKS] = std::array::from_fn(|n| if n % 8 == 1 { 90.0 } else { 2.0 });
    let late: [f64; BLOCKS] = std::array::from_fn(|n| if n % 8 == 5 { 90.0 } else { 2.0 });
    let noise = Noise { before: &whole, after: &whole, typical: 1.0, inflation: 1.0 };
    assert!(noise.dispersion(&side(phase), &side(phase)) < 1.5);
    assert!(noise.dispersion(&side(early), &side(late)) > 20.0);
}

#[test]
fn recordings_that_differ_in_everything_are_judged_by_that() {
    assert_eq!(inflation(&[0.1, -0.2, 0.5, -0.9, 0.3, 0.0]), 1.0);
    assert!(inflation(&[4.0, -5.0, 3.0, -6.0, 5.0, 4.5, -3.5, 4.0]) > 3.0);
    assert_eq!(inflation(&[]), 1.0);
}
