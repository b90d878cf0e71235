//! Profiles of the same event on both sides: which functions changed, held against what did not.
//!
//! When one function takes more of the CPU, all others get less of it: their shares and rates fall though they do what
//! they did. Most functions do not change from one recording to the next, so what most of them agree on is the yardstick
//! ([`noise::common_ratio`]): a function changed when it left the others.

use super::model::{Change, Cost, FunctionDiff, ProfileDiff, Recording as RecordingInfo};
use super::noise::{self, ALPHA, FEWEST, Measure, Noise};
use super::recording::{Function, Recording};
use crate::case::{Case, Placed, compare};
use crate::diagnosis::profiles::profile_id;
use crate::passes::growth::student;
use crate::passes::hotspots::kind_word;
use postmortem_parsers::evidence::{Profile, ProfileKind};
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// A change is at least this much of a function's cost.
const LEAST_RELATIVE: f64 = 0.05;
/// A change is at least this much of all of the weight.
const LEAST_SHARE: f64 = 0.005;
/// A function that had less than this of what it has now was not there.
const TRACE: f64 = 0.02;
/// Functions with fewer samples say nothing of how much everything varies.
const TELLING: f64 = 40.0;
/// Library code that this share of all is spent in, with no caller of the user's own known, is judged like any other.
const LARGE_LIBRARY: f64 = 0.05;
/// Functions that are listed though they did not change.
const MOST_SAME: usize = 30;
/// Functions that are listed because they changed.
const MOST_CHANGED: usize = 200;

/// What makes profiles comparable: kind, event, unit.
type Key = (&'static str, String, String);

/// Two profiles of one event.
#[derive(Debug)]
pub struct Pair<'a> {
    /// What is counted.
    pub kind: &'static str,
    /// The event as printed after.
    pub event: String,
    /// Unit of the weights.
    pub unit: String,
    /// Before.
    pub before: Recording<'a>,
    /// After.
    pub after: Recording<'a>,
}

impl Pair<'_> {
    /// What the functions that did not change weigh after, of what they weighed before.
    pub fn rest_in_weight(&self, diff: &ProfileDiff) -> f64 {
        let seconds = self.before.seconds.zip(self.after.seconds).map_or(1.0, |(before, after)| after / before);
        let whole = self.after.whole.weight / self.before.whole.weight;
        let ratio = diff.rest.map_or(whole, |rest| rest * seconds);
        if ratio.is_finite() && ratio > 0.0 { ratio } else { 1.0 }
    }
}

/// The pairs of two cases, and sentences about what has none.
pub fn pairs<'a>(before: &'a Case, after: &'a Case) -> (Vec<Pair<'a>>, Vec<String>) {
    let (mut left, right) = (by_event(before), by_event(after));
    let mut pairs = Vec::new();
    let mut alone = Vec::new();
    for ((kind, event, unit), own) in right {
        match left.remove(&(kind, event.clone(), unit.clone())) {
            Some(other) => {
                let event = own.last().map_or(event, |placed| placed.what.event.clone());
                let (before, after) = (Recording::of(before, other), Recording::of(after, own));
                pairs.push(Pair { kind, event, unit, before, after });
            }
            None => alone.push(format!("a profile of {event} is only in AFTER")),
        }
    }
    alone.extend(left.into_keys().map(|(_, event, _)| format!("a profile of {event} is only in BEFORE")));
    pairs.sort_by_key(|pair| Reverse(pair.before.samples.saturating_add(pair.after.samples)));
    (pairs, alone)
}

/// Two profiles of one case, held against each other.
pub fn pair_of<'a>(case: &'a Case, before: &'a Placed<Profile>, after: &'a Placed<Profile>) -> Pair<'a> {
    Pair {
        kind: kind_word(after.what.kind),
        event: "samples".into(),
        unit: after.what.unit.clone(),
        before: Recording::of(case, vec![before]),
        after: Recording::of(case, vec![after]),
    }
}

/// Profiles by what they count: all of those that sample a stretch of time, the newest of those that tell a state or
/// count from the start of the process.
fn by_event(case: &Case) -> BTreeMap<Key, Vec<&Placed<Profile>>> {
    let mut all: BTreeMap<Key, Vec<&Placed<Profile>>> = BTreeMap::new();
    for placed in case.profiles.iter().filter(|placed| placed.what.kind != ProfileKind::Threads) {
        let what = &placed.what;
        let key = (kind_word(what.kind), crate::fold::bare(&what.event).to_owned(), what.unit.clone());
        all.entry(key).or_default().push(placed);
    }
    for placed in all.values_mut() {
        let sampled =
            |kind| matches!(kind, ProfileKind::Cpu | ProfileKind::OffCpu | ProfileKind::Wall | ProfileKind::Event);
        if !placed.iter().all(|placed| sampled(placed.what.kind)) {
            placed.sort_by(|a, b| compare(a.at, b.at));
            placed.drain(..placed.len() - 1);
        }
    }
    all.retain(|_, placed| placed.iter().any(|placed| placed.what.rows.iter().any(|row| row.weight > 0.0)));
    all
}

/// A measure on both sides with what the test says.
struct Tested<'m> {
    before: &'m Measure,
    after: &'m Measure,
    /// After : before in samples, as logarithm, against the rest.
    log: f64,
    /// The change against the rest, in shares of all after.
    excess: f64,
    p: f64,
    q: f64,
}

impl Tested<'_> {
    fn change(&self) -> Change {
        let large = self.excess.abs() >= LEAST_SHARE && self.log.abs() >= LEAST_RELATIVE.ln_1p();
        match (self.q < ALPHA && large, self.excess > 0.0) {
            (false, _) => Change::Same,
            (true, true) if self.log > -TRACE.ln() => Change::Appeared,
            (true, true) => Change::Grew,
            (true, false) if self.log < TRACE.ln() => Change::Vanished,
            (true, false) => Change::Shrank,
        }
    }
}

/// Compares a pair.
pub fn diff(pair: &Pair<'_>, index: usize) -> ProfileDiff {
    let Judged { names, own, itself, total, noise, rest } = judge(pair);
    let (before, after) = (&pair.before, &pair.after);
    let weight = |recording: &Recording<'_>| recording.whole.weight;
    let cost = |tested: &Tested<'_>| Cost {
        before: if weight(before) > 0.0 { tested.before.weight / weight(before) } else { 0.0 },
        after: if weight(after) > 0.0 { tested.after.weight / weight(after) } else { 0.0 },
        rate_before: before.rate(tested.before.weight),
        rate_after: after.rate(tested.after.weight),
    };
    let mut all: Vec<(usize, FunctionDiff)> = (names.iter().enumerate())
        .map(|(at, name)| {
            let library = is_library(pair, name);
            let telling = if library { &itself[at] } else { &own[at] };
            let function = FunctionDiff {
                function: (*name).clone(),
                verdict: telling.change(),
                total_verdict: total[at].change(),
                library,
                own: cost(&own[at]),
                itself: cost(&itself[at]),
                total: cost(&total[at]),
                factor: (telling.before.weight > 0.0).then(|| factor(pair, telling, &rest)),
                explains: telling.excess,
                p: telling.p,
                q: telling.q,
                callers: Vec::new(),
                stack: Vec::new(),
            };
            (at, function)
        })
        .collect();
    // Library code does not change by itself: what its callers ask of it does.
    if !all.iter().any(|(_, function)| function.verdict != Change::Same && !function.library) {
        let part =
            |function: &FunctionDiff| function.library && function.own.before.max(function.own.after) < LARGE_LIBRARY;
        all.iter_mut().filter(|(_, function)| part(function)).for_each(|(_, function)| function.verdict = Change::Same);
    }
    // What changed comes first, library code behind those who call it; then by size.
    all.sort_by(|(_, a), (_, b)| {
        let rank = |f: &FunctionDiff| (f.verdict == Change::Same, f.library && f.verdict != Change::Same);
        let size = |f: &FunctionDiff| match f.verdict {
            Change::Same => f.own.after.max(f.own.before).max(f.itself.after).max(f.itself.before),
            _ => f.explains.abs(),
        };
        rank(a).cmp(&rank(b)).then_with(|| size(b).total_cmp(&size(a))).then_with(|| a.function.cmp(&b.function))
    });
    let changed = all.iter().filter(|(_, function)| function.verdict != Change::Same).count();
    let listed = changed.min(MOST_CHANGED) + MOST_SAME;
    let unlisted = all.len().saturating_sub(listed) as u64;
    all.truncate(listed);
    let mut functions: Vec<FunctionDiff> = all.into_iter().map(|(_, function)| function).collect();
    let totals: BTreeMap<&str, Change> =
        names.iter().zip(&total).map(|(name, tested)| (name.as_str(), tested.change())).collect();
    for function in functions.iter_mut().take(changed.min(MOST_PLACED)) {
        place(pair, function, &rest, &totals);
    }
    let unit_rate = |ratio: f64| {
        // Samples to weight, and where both lengths are known to weight per second.
        let per_sample = |recording: &Recording<'_>| recording.whole.weight / recording.whole.samples.max(1.0);
        let seconds = before.seconds.zip(after.seconds).map_or(1.0, |(before, after)| before / after);
        ratio * per_sample(after) / per_sample(before) * seconds
    };
    ProfileDiff {
        id: profile_id(index, pair.kind, &pair.event),
        kind: pair.kind.to_owned(),
        event: pair.event.clone(),
        unit: pair.unit.clone(),
        before: info(before),
        after: info(after),
        rest: rest.measured.then(|| unit_rate(rest.log.exp())),
        dispersion: noise.typical,
        dispersion_measured: noise::is_measured(&before.whole, &after.whole),
        inflation: noise.inflation,
        tested: own.iter().filter(|tested| is_tested(pair, tested)).count() as u64,
        detectable: detectable(pair, &own, &noise, &rest),
        functions,
        unlisted,
    }
}

fn is_library(pair: &Pair<'_>, name: &str) -> bool {
    [&pair.before, &pair.after].iter().any(|side| side.functions.get(name).is_some_and(|function| function.library))
}

/// Changed functions whose stacks are looked up.
const MOST_PLACED: usize = 20;

struct Judged<'m> {
    names: Vec<&'m String>,
    own: Vec<Tested<'m>>,
    itself: Vec<Tested<'m>>,
    total: Vec<Tested<'m>>,
    noise: Noise<'m>,
    rest: Rest,
}

/// What the functions that did not change agree on: after : before in samples.
struct Rest {
    log: f64,
    variance: f64,
    /// Functions agreed; else it is the ratio of the wholes.
    measured: bool,
}

impl Rest {
    /// By these of the functions.
    fn of(pair: &Pair<'_>, ratios: &[Ratio<'_>], counts: impl Fn(usize) -> bool) -> Rest {
        let kept = ratios.iter().enumerate().filter(|(at, _)| counts(*at));
        let kept: Vec<(f64, f64, f64)> = kept.map(|(_, ratio)| (ratio.log, ratio.variance, ratio.say)).collect();
        match noise::common_ratio(&kept) {
            Some((log, variance)) => Rest { log, variance, measured: true },
            None => {
                let whole = pair.after.whole.samples.max(1.0) / pair.before.whole.samples.max(1.0);
                Rest { log: whole.ln(), variance: 0.0, measured: false }
            }
        }
    }
}

/// A function with samples on both sides.
struct Ratio<'m> {
    own: (&'m Measure, &'m Measure),
    /// After : before in samples, as logarithm, with its variance.
    log: f64,
    variance: f64,
    /// Its weight in the median.
    say: f64,
    /// Samples on both sides.
    samples: f64,
}

impl<'m> Ratio<'m> {
    fn of(pair: &Pair<'_>, noise: &Noise<'_>, before: &'m Measure, after: &'m Measure) -> Option<Ratio<'m>> {
        let (a, b) = (pair.before.whole.samples_of(before.weight), pair.after.whole.samples_of(after.weight));
        let say = (before.weight / pair.before.whole.weight + after.weight / pair.after.whole.weight).sqrt();
        let (log, variance) = (((b + 0.5) / (a + 0.5)).ln(), noise.variance(before, after));
        (a + b >= FEWEST && a.min(b) >= 3.0).then_some(Ratio {
            own: (before, after),
            log,
            variance,
            say,
            samples: a + b,
        })
    }
}

/// Takes the clearest change out of the yardstick, again and again, until none is left. Each function is held against
/// all others, so that one that is large does not hide its own change by moving the yardstick.
fn without_changed(pair: &Pair<'_>, noise: &Noise<'_>, ratios: &[Ratio<'_>]) -> Rest {
    let mut changed = vec![false; ratios.len()];
    // Most functions did not change, or nothing tells which did.
    for _ in 0..(ratios.len() / 2).min(MOST_CHANGED) {
        let mut tested: Vec<(usize, Tested<'_>)> = (0..ratios.len())
            .filter(|&at| !changed[at])
            .map(|at| {
                let others = Rest::of(pair, ratios, |other| other != at && !changed[other]);
                (at, test(pair, noise, &others, ratios[at].own.0, ratios[at].own.1))
            })
            .filter(|(_, tested)| is_tested(pair, tested))
            .collect();
        let corrected = noise::corrected(&tested.iter().map(|(_, tested)| tested.p).collect::<Vec<_>>());
        tested.iter_mut().zip(corrected).for_each(|((_, tested), q)| tested.q = q);
        let clearest = tested
            .iter()
            .filter(|(_, tested)| tested.change() != Change::Same)
            .min_by(|(_, a), (_, b)| a.p.total_cmp(&b.p).then_with(|| b.excess.total_cmp(&a.excess)));
        match clearest {
            Some((at, _)) => changed[*at] = true,
            None => break,
        }
    }
    Rest::of(pair, ratios, |at| !changed[at])
}

fn judge<'m>(pair: &'m Pair<'_>) -> Judged<'m> {
    static NOTHING: Function = Function {
        own: Measure { weight: 0.0, blocks: Vec::new() },
        itself: Measure { weight: 0.0, blocks: Vec::new() },
        total: Measure { weight: 0.0, blocks: Vec::new() },
        library: false,
    };
    let (before, after) = (&pair.before, &pair.after);
    let mut sides: BTreeMap<&String, (&Function, &Function)> = BTreeMap::new();
    before.functions.iter().for_each(|(name, function)| sides.entry(name).or_insert((&NOTHING, &NOTHING)).0 = function);
    after.functions.iter().for_each(|(name, function)| sides.entry(name).or_insert((&NOTHING, &NOTHING)).1 = function);
    let of = |measure: fn(&Function) -> &Measure| sides.values().map(move |(a, b)| (measure(a), measure(b)));
    let owners = || sides.values().filter(|(a, b)| !a.library && !b.library).map(|(a, b)| (&a.own, &b.own));
    let mut noise = Noise::of(&before.whole, &after.whole, owners());
    let ratios: Vec<Ratio<'_>> = owners().filter_map(|(a, b)| Ratio::of(pair, &noise, a, b)).collect();
    let rest = Rest::of(pair, &ratios, |_| true);
    let standardised: Vec<f64> = ratios
        .iter()
        .filter(|ratio| ratio.samples >= TELLING)
        .map(|ratio| (ratio.log - rest.log) / (ratio.variance + rest.variance).sqrt())
        .collect();
    noise.inflation = noise::inflation(&standardised);
    let rest = without_changed(pair, &noise, &ratios);
    let test = |measure: fn(&Function) -> &Measure| {
        let mut all: Vec<Tested<'m>> = of(measure).map(|(a, b)| test(pair, &noise, &rest, a, b)).collect();
        let enough: Vec<usize> = (0..all.len()).filter(|&at| is_tested(pair, &all[at])).collect();
        let corrected = noise::corrected(&enough.iter().map(|&at| all[at].p).collect::<Vec<_>>());
        enough.into_iter().zip(corrected).for_each(|(at, q)| all[at].q = q);
        all
    };
    let (own, itself, total) = (test(|it| &it.own), test(|it| &it.itself), test(|it| &it.total));
    Judged { names: sides.keys().copied().collect(), own, itself, total, noise, rest }
}

fn test<'m>(pair: &Pair<'_>, noise: &Noise<'_>, rest: &Rest, before: &'m Measure, after: &'m Measure) -> Tested<'m> {
    let (a, b) = (pair.before.whole.samples_of(before.weight), pair.after.whole.samples_of(after.weight));
    let ratio = rest.log.exp();
    // Of nothing before, half a sample is what it may have been.
    let log = (b.max(0.5) / a.max(0.5)).ln() - rest.log;
    let excess = (b - a * ratio) / pair.after.whole.samples.max(1.0);
    let p = if a + b >= FEWEST { noise.chance(before, after, ratio, rest.variance) } else { 1.0 };
    Tested { before, after, log, excess, p, q: 1.0 }
}

fn samples(pair: &Pair<'_>, tested: &Tested<'_>) -> f64 {
    pair.before.whole.samples_of(tested.before.weight) + pair.after.whole.samples_of(tested.after.weight)
}

/// What could be called a change if it were one. To test the others too would only hide those.
fn is_tested(pair: &Pair<'_>, tested: &Tested<'_>) -> bool {
    let share = |weight: f64, whole: f64| if whole > 0.0 { weight / whole } else { 0.0 };
    let before = share(tested.before.weight, pair.before.whole.weight);
    let after = share(tested.after.weight, pair.after.whole.weight);
    samples(pair, tested) >= FEWEST && before.max(after) >= LEAST_SHARE
}

/// Cost after, of the cost before, where that of the rest is 1.
fn factor(pair: &Pair<'_>, tested: &Tested<'_>, rest: &Rest) -> f64 {
    let (a, b) = (pair.before.whole.samples_of(tested.before.weight), pair.after.whole.samples_of(tested.after.weight));
    b / a / rest.log.exp()
}

/// The growth of the largest function that is found in four of five cases.
fn detectable(pair: &Pair<'_>, own: &[Tested<'_>], noise: &Noise<'_>, rest: &Rest) -> Option<f64> {
    const FOUR_OF_FIVE: f64 = 0.84;
    let tested = own.iter().filter(|tested| is_tested(pair, tested));
    let count = tested.clone().count();
    let largest = tested.max_by(|a, b| samples(pair, a).total_cmp(&samples(pair, b)))?;
    let deviation = (noise.variance(largest.before, largest.after) + rest.variance).sqrt();
    let (mut low, mut high) = (0.0, 10.0);
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if student::two_sided(middle, 1e6) > ALPHA / count as f64 { low = middle } else { high = middle }
    }
    Some(((high + FOUR_OF_FIVE) * deviation).exp_m1().max(LEAST_RELATIVE))
}

/// Finds the stack in which a function changed most, and which of its callers changed with it.
fn place(pair: &Pair<'_>, function: &mut FunctionDiff, rest: &Rest, totals: &BTreeMap<&str, Change>) {
    let (before, after) = (pair.before.stacks_of(&function.function), pair.after.stacks_of(&function.function));
    let mut changes: BTreeMap<Vec<String>, f64> = BTreeMap::new();
    for (stack, weight) in before {
        *changes.entry(stack).or_default() -= pair.before.whole.samples_of(weight) * rest.log.exp();
    }
    for (stack, weight) in after {
        *changes.entry(stack).or_default() += pair.after.whole.samples_of(weight);
    }
    let sign = function.explains.signum();
    let most = changes.into_iter().max_by(|a, b| (a.1 * sign).total_cmp(&(b.1 * sign)).then_with(|| b.0.cmp(&a.0)));
    let Some((stack, _)) = most else { return };
    let grew = |change: &Change| matches!(change, Change::Grew | Change::Appeared);
    let along = |name: &&String| {
        **name != function.function
            && totals.get(name.as_str()).is_some_and(|change| *change != Change::Same && grew(change) == (sign > 0.0))
    };
    let mut callers: Vec<String> = stack.iter().filter(along).cloned().collect();
    callers.dedup();
    function.callers = callers;
    function.stack = stack;
}

fn info(recording: &Recording<'_>) -> RecordingInfo {
    RecordingInfo {
        artifacts: recording.artifacts(),
        total: recording.whole.weight,
        samples: recording.samples,
        seconds: recording.seconds,
        rate: recording.rate(recording.whole.weight),
    }
}
