//! Recordings by lot, with bursts, from a fixed seed: what is called changed where nothing changed, and what is found.

use super::model::{Change, ProfileDiff};
use super::profiles::{diff, pair_of};
use crate::case::{ArtifactInfo, Case, Placed};
use postmortem_parsers::evidence::{Claims, Profile, ProfileKind, ProfileRow, ProfileThread, When};
use postmortem_parsers::over_time::OverTime;
use postmortem_parsers::tables::Frame;

/// What each function costs.
const COSTS: [f64; 12] = [30.0, 20.0, 12.0, 10.0, 8.0, 6.0, 5.0, 4.0, 2.0, 1.5, 1.0, 0.5];
const SAMPLES: u32 = 12_000;
const SECONDS: f64 = 12.0;

struct Lot(u64);

impl Lot {
    /// 0..1.
    fn draw(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// A recording of functions of these costs, each sample the first of a burst of so many on average.
fn recording(case: &mut Case, costs: &[f64], burst: f64, samples: u32, timed: bool, lot: &mut Lot) -> Placed<Profile> {
    let total: f64 = costs.iter().sum();
    let mut rows: Vec<ProfileRow> = (0..costs.len())
        .map(|n| {
            let mut frame = |name: &str| {
                let function = case.tables.name_str(name);
                case.tables.frame(Frame { function, ..Frame::default() })
            };
            let frames = [frame(&format!("work_{n}")), frame("serve"), frame("main")];
            ProfileRow { stack: case.tables.stack(&frames), thread: 0, samples: 0, weight: 0.0 }
        })
        .collect();
    let mut over_time = OverTime::default();
    let mut taken = 0;
    while taken < samples {
        let mut at = lot.draw() * total;
        let function = costs
            .iter()
            .position(|cost| {
                at -= cost;
                at < 0.0
            })
            .unwrap_or(costs.len() - 1);
        while taken < samples {
            let time = 100.0 + f64::from(taken) / f64::from(samples) * SECONDS;
            rows[function].samples += 1;
            rows[function].weight += 1.0;
            if timed {
                over_time.add(function as u32, time, 1.0);
            }
            taken += 1;
            if lot.draw() > 1.0 - 1.0 / burst {
                break;
            }
        }
    }
    rows.retain(|row| row.samples > 0 || timed);
    let what = Profile {
        line: 1,
        claims: Claims::default(),
        kind: ProfileKind::Cpu,
        event: "cycles".into(),
        unit: "samples".into(),
        when: When::Boot(100.0),
        span_s: if timed { SECONDS } else { 0.0 },
        threads: vec![ProfileThread::default()],
        rows,
        over_time,
    };
    Placed { what, artifact: 0, subject: 0, at: None }
}

fn compared(before: &[f64], after: &[f64], burst: f64, samples: (u32, u32), timed: bool, lot: &mut Lot) -> ProfileDiff {
    let mut case = Case::default();
    let path = "perf.script".to_owned();
    case.artifacts.push(ArtifactInfo { path, format: None, bytes: 0, records: 0, parts: Vec::new(), span: None });
    let before = recording(&mut case, before, burst, samples.0, timed, lot);
    let after = recording(&mut case, after, burst, samples.1, timed, lot);
    diff(&pair_of(&case, &before, &after), 0)
}

fn changed(diff: &ProfileDiff) -> Vec<&str> {
    let changed = diff.functions.iter().filter(|function| function.verdict != Change::Same);
    changed.map(|function| function.function.as_str()).collect()
}

/// Pairs of 100 in which anything is called changed.
fn alarms(burst: f64, samples: (u32, u32), timed: bool) -> usize {
    let mut lot = Lot(4_711);
    let alarm = |_: &usize| !changed(&compared(&COSTS, &COSTS, burst, samples, timed, &mut lot)).is_empty();
    (0..100).filter(alarm).count()
}

#[test]
fn where_nothing_changed_nothing_is_called_changed() {
    for (burst, samples) in
        [(1.0, (SAMPLES, SAMPLES)), (4.0, (SAMPLES, SAMPLES)), (12.0, (SAMPLES, SAMPLES / 3)), (1.0, (400, 400))]
    {
        let alarms = alarms(burst, samples, true);
        assert!(alarms <= 5, "{alarms} alarms of 100 in bursts of {burst}, {samples:?}");
    }
    let alarms = alarms(1.0, (SAMPLES, SAMPLES), false);
    assert!(alarms <= 5, "{alarms} alarms of 100 without times");
}

#[test]
fn a_function_that_got_slower_is_the_first_line() {
    let mut lot = Lot(99);
    // In bursts it takes more samples to be as sure: in those of two, three are worth one.
    let much = 3 * SAMPLES;
    for (slow, burst, samples) in
        [(0, 1.0, SAMPLES), (1, 1.0, SAMPLES), (2, 1.0, SAMPLES), (0, 2.0, much), (1, 2.0, much)]
    {
        let mut costs = COSTS;
        costs[slow] *= 1.25;
        let mut found = 0;
        for _ in 0..20 {
            let diff = compared(&COSTS, &costs, burst, (samples, samples), true, &mut lot);
            let first = changed(&diff).first().is_some_and(|first| *first == format!("work_{slow}"));
            found += usize::from(first && diff.functions[0].verdict == Change::Grew);
        }
        assert!(found >= 18, "work_{slow} in bursts of {burst}: {found} of 20");
    }
}

#[test]
fn what_did_not_change_is_the_yardstick() {
    let mut costs = COSTS;
    costs[0] *= 2.0;
    let diff = compared(&COSTS, &costs, 1.0, (SAMPLES, SAMPLES), true, &mut Lot(5));
    assert_eq!(changed(&diff), ["work_0"], "the others shrank by 23 %, as they must");
    let first = &diff.functions[0];
    assert!((first.factor.unwrap() - 2.0).abs() < 0.15, "{first:?}");
    assert!((diff.rest.unwrap() - 0.77).abs() < 0.03, "{:?}", diff.rest);
    assert_eq!(first.stack, ["main", "serve", "work_0"]);
    assert!(first.own.rate_after > first.own.rate_before);
}

#[test]
fn what_came_and_went_is_told_with_the_number_of_samples_that_it_takes() {
    let mut costs = COSTS.to_vec();
    costs[3] = 0.0;
    costs.push(10.0);
    let mut before = COSTS.to_vec();
    before.push(0.0);
    let diff = compared(&before, &costs, 1.0, (SAMPLES, SAMPLES), true, &mut Lot(6));
    let verdict = |name: &str| diff.functions.iter().find(|function| function.function == name).map(|it| it.verdict);
    assert_eq!((verdict("work_3"), verdict("work_12")), (Some(Change::Vanished), Some(Change::Appeared)));
    // One sample against none, and a few against none, are nothing.
    for (few, samples) in [(0.1, 1_000), (0.4, 1_000)] {
        costs = COSTS.to_vec();
        costs.push(few);
        let diff = compared(&before, &costs, 1.0, (samples, samples), true, &mut Lot(7));
        assert_eq!(changed(&diff), Vec::<&str>::new());
    }
}

#[test]
fn another_length_or_load_is_no_change() {
    let diff = compared(&COSTS, &COSTS, 1.0, (SAMPLES, 3 * SAMPLES), true, &mut Lot(8));
    assert_eq!(changed(&diff), Vec::<&str>::new());
    assert!((diff.rest.unwrap() - 3.0).abs() < 0.1, "three times the samples a second: {:?}", diff.rest);
}

#[test]
fn without_samples_there_is_nothing_to_say() {
    let diff = compared(&COSTS, &COSTS, 1.0, (0, 5), true, &mut Lot(9));
    assert_eq!(changed(&diff), Vec::<&str>::new());
}
