//! Profiles: which function owns the cost. Neither the top by self (a leaf such as memcmp) nor by total (a wrapper
//! such as main): the user function below which most of the samples are, as deep as they stay together.

use super::fact::{Cite, Fact, Facts};
use super::threads::site;
use super::{code, idioms, reason};
use crate::case::{Case, Placed};
use crate::report::units;
use postmortem_parsers::evidence::{Profile, ProfileKind, ProfileRow, Runtime};
use postmortem_parsers::tables::{FrameId, FrameKind, Sym};
use rustc_hash::FxHashMap;
use std::collections::{BTreeMap, HashMap};

/// The word for what a profile sampled.
pub fn kind_word(kind: ProfileKind) -> &'static str {
    match kind {
        ProfileKind::Cpu => "cpu",
        ProfileKind::OffCpu => "off-cpu",
        ProfileKind::HeapInUse => "heap-inuse",
        ProfileKind::HeapAlloc => "heap-alloc",
        ProfileKind::Mutex => "mutex",
        ProfileKind::Block => "block",
        ProfileKind::Wall | ProfileKind::Threads | ProfileKind::Event | ProfileKind::Unknown => "other",
    }
}

/// Shares of the functions of a profile.
#[derive(Debug, Default)]
pub struct Shares {
    /// Sum of the weights.
    pub total: f64,
    /// Samples.
    pub samples: u64,
    /// Weight of the samples in which a function is innermost.
    pub own: HashMap<FrameId, f64>,
    /// Weight of the samples in which a function occurs.
    pub through: HashMap<FrameId, f64>,
    /// Weight of samples of at most one frame.
    pub broken: f64,
    /// Weight of samples whose innermost frame has no name.
    pub unknown: f64,
}

impl Shares {
    /// Sums up a profile.
    pub fn of(case: &Case, profile: &Profile) -> Shares {
        let mut shares = Shares::default();
        let tables = &case.tables;
        // Frames that differ by line alone are one function: the first that has its name stands for it.
        let mut canonical: Vec<Option<FrameId>> = vec![None; tables.frame_count()];
        let mut named: FxHashMap<Sym, FrameId> = FxHashMap::default();
        let (mut own, mut through) = (vec![0.0; tables.frame_count()], vec![0.0; tables.frame_count()]);
        // The row in which a function was seen last: it counts once a stack.
        let mut seen = vec![0usize; tables.frame_count()];
        for (nth, row) in profile.rows.iter().enumerate() {
            shares.total += row.weight;
            shares.samples = shares.samples.saturating_add(row.samples);
            let frames = tables.stack_frames(row.stack);
            if frames.len() <= 1 {
                shares.broken += row.weight;
            }
            for (depth, &frame) in frames.iter().enumerate() {
                let function = *canonical[frame.index()]
                    .get_or_insert_with(|| *named.entry(tables.get_frame(frame).function).or_insert(frame));
                if depth == 0 {
                    own[function.index()] += row.weight;
                    let name = tables.function(function);
                    if name.is_empty() || name == "[unknown]" {
                        shares.unknown += row.weight;
                    }
                }
                if seen[function.index()] <= nth {
                    seen[function.index()] = nth + 1;
                    through[function.index()] += row.weight;
                }
            }
        }
        for &function in named.values() {
            if own[function.index()] != 0.0 {
                shares.own.insert(function, own[function.index()]);
            }
            shares.through.insert(function, through[function.index()]);
        }
        shares
    }

    /// Functions by weight, the heaviest first.
    pub fn ranked<'a>(case: &'a Case, weights: &HashMap<FrameId, f64>) -> Vec<(FrameId, &'a str, f64)> {
        let mut ranked: Vec<_> =
            weights.iter().map(|(&frame, &weight)| (frame, case.tables.function(frame), weight)).collect();
        ranked.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(b.1)));
        ranked
    }
}

/// States the hot facts of a case.
pub fn state(case: &Case, facts: &mut Facts) {
    for placed in &case.profiles {
        if matches!(placed.what.kind, ProfileKind::Threads | ProfileKind::Event) {
            continue;
        }
        if placed.what.kind == ProfileKind::OffCpu {
            off_cpu(case, placed, facts);
        } else if let Some(fact) = hot(case, placed, &placed.what) {
            facts.push(fact);
            if matches!(placed.what.kind, ProfileKind::Cpu | ProfileKind::Unknown | ProfileKind::Wall) {
                state_idioms(case, placed, facts);
            }
        }
    }
    for subject in case.subject_ids() {
        heap_growth(case, subject, facts);
    }
}

/// Which function's bytes grew from the first heap profile to the last.
fn heap_growth(case: &Case, subject: u32, facts: &mut Facts) {
    let mut heaps: Vec<&Placed<Profile>> = case
        .profiles
        .iter()
        .filter(|placed| placed.subject == subject && placed.what.kind == ProfileKind::HeapInUse)
        .collect();
    heaps.sort_by(|a, b| crate::case::compare(a.at, b.at));
    let [first, .., last] = &heaps[..] else { return };
    let (before, after) = (innermost_users(case, &first.what), innermost_users(case, &last.what));
    let total = |bytes: &BTreeMap<&str, (FrameId, f64)>| bytes.values().map(|(_, weight)| weight).sum::<f64>();
    let grew = total(&after) - total(&before);
    let mut ranked: Vec<(FrameId, &str, f64)> = after
        .iter()
        .map(|(name, (frame, weight))| (*frame, *name, weight - before.get(name).map_or(0.0, |(_, before)| *before)))
        .collect();
    ranked.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(b.1)));
    let Some(&(_, name, most)) = ranked.first() else { return };
    if most <= 0.0 {
        return;
    }
    let mut fact = Fact::new("alloc", subject);
    fact.set("function", name).set("grew_bytes", most).set("bytes", after[name].1).set("profiles", heaps.len());
    fact.set("total_grew_bytes", grew);
    fact.set("share", after[name].1 / total(&after).max(1.0));
    if grew > 0.0 {
        fact.set("share_of_growth", most / grew);
    }
    fact.sites = ranked
        .iter()
        .filter(|(_, _, grew)| *grew > most * 0.3)
        .take(2)
        .map(|&(frame, _, _)| site(&case.tables, frame, "hot"))
        .collect();
    fact.sites.extend(callers(case, &last.what, name));
    let says = format!(
        "{} more in use, allocated by {name}, than in the first of {} heap profiles",
        units::bytes(most),
        heaps.len()
    );
    fact.cites.push(Cite::new(last.artifact, last.what.line, says));
    facts.push(fact);
}

/// The user functions that called the culprit in its heaviest stack.
fn callers(case: &Case, profile: &Profile, culprit: &str) -> Vec<crate::report::model::Site> {
    let heaviest = profile
        .rows
        .iter()
        .filter(|row| case.tables.functions(row.stack).any(|function| function == culprit))
        .max_by(|a, b| a.weight.total_cmp(&b.weight));
    let Some(row) = heaviest else { return Vec::new() };
    case.tables
        .stack_frames(row.stack)
        .iter()
        .copied()
        .filter(|&frame| code::is_user(&case.tables, frame, Runtime::Unknown))
        .skip_while(|&frame| case.tables.function(frame) != culprit)
        .skip(1)
        .take(2)
        .map(|frame| site(&case.tables, frame, "caller"))
        .collect()
}

/// Weight by the innermost user function of each stack, else by the innermost function.
fn innermost_users<'a>(case: &'a Case, profile: &Profile) -> BTreeMap<&'a str, (FrameId, f64)> {
    let mut user: Vec<Option<bool>> = vec![None; case.tables.frame_count()];
    let mut weights: FxHashMap<Sym, (FrameId, f64)> = FxHashMap::default();
    for row in &profile.rows {
        let frames = case.tables.stack_frames(row.stack);
        let mut is_user = |frame: FrameId| {
            *user[frame.index()].get_or_insert_with(|| code::is_user(&case.tables, frame, Runtime::Unknown))
        };
        let innermost = frames.iter().copied().find(|&frame| is_user(frame));
        if let Some(frame) = innermost.or(frames.first().copied()) {
            weights.entry(case.tables.get_frame(frame).function).or_insert((frame, 0.0)).1 += row.weight;
        }
    }
    weights.into_iter().map(|(function, weight)| (case.tables.text(function), weight)).collect()
}

/// Functions at the root of every stack of a thread.
pub(super) const ROOTS: &[&str] = &[
    "",
    "[unknown]",
    "runtime.goexit*",
    "runtime.main",
    "runtime.mstart*",
    "runtime.systemstack*",
    "runtime.mcall*",
    "main.main",
    "main",
    "_start",
    "__libc_start*",
    "start_thread",
    "*clone*",
    "_rt0_*",
    "*Thread.run",
    "entry_SYSCALL*",
    "do_syscall*",
    "x64_sys_call",
    "all",
];

/// What most of the time off CPU is waited in, and which function waits. Threads that could go on wait for nothing.
fn off_cpu(case: &Case, placed: &Placed<Profile>, facts: &mut Facts) {
    let mut reasons: BTreeMap<&str, (f64, Vec<ProfileRow>)> = BTreeMap::new();
    for row in &placed.what.rows {
        let (weight, rows) = reasons.entry(reason::of_switch(&case.tables, row.stack)).or_default();
        *weight += row.weight;
        rows.push(*row);
    }
    reasons.remove("runnable");
    let total: f64 = reasons.values().map(|(weight, _)| weight).sum();
    let Some((reason, (weight, rows))) = reasons.into_iter().max_by(|a, b| a.1.0.total_cmp(&b.1.0)) else { return };
    let waits = Profile { rows, ..placed.what.clone() };
    let Some(mut fact) = hot(case, placed, &waits) else { return };
    fact.set("reason", reason).set("reason_share", weight / total);
    if waits.unit == "nanoseconds" {
        fact.set("waited_s", weight / 1e9);
    }
    facts.push(fact);
}

fn hot(case: &Case, placed: &Placed<Profile>, profile: &Profile) -> Option<Fact> {
    let shares = &Shares::of(case, profile);
    let own = Shares::ranked(case, &shares.own);
    let &(_, leaf, leaf_weight) = own.first().filter(|_| shares.total > 0.0)?;
    let culprits = owners(case, profile, shares);
    let mut fact = Fact::new("hot", placed.subject);
    fact.set("of", kind_word(placed.what.kind)).set("samples", shares.samples);
    fact.set_known("cpus", cpus(&placed.what, shares.total));
    fact.set("leaf", leaf).set("self", leaf_weight / shares.total);
    fact.set("broken", shares.broken / shares.total).set("unknown", shares.unknown / shares.total);
    if culprits.is_empty() {
        // No user function has as much as one sample in fifty: nothing is hot.
        fact.set("total", 0.0).set("user", false);
    }
    if let Some(&(frame, weight)) = culprits.first() {
        fact.set("culprit", case.tables.function(frame)).set("total", weight / shares.total);
        fact.set("user", code::is_user(&case.tables, frame, Runtime::Unknown));
        let all = match profile.unit.as_str() {
            "nanoseconds" if profile.kind == ProfileKind::OffCpu => units::duration(shares.total / 1e9),
            _ => format!("the {} samples", units::number(shares.samples as f64)),
        };
        let share = units::share(weight / shares.total);
        let says = format!("{share} of {all} pass through {}", case.tables.function(frame));
        fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
    }
    let says = format!("{} of the samples are in {leaf} itself", units::share(leaf_weight / shares.total));
    fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
    // Besides the culprit, only what has a tenth of the samples is worth a place.
    let large = |weight: f64| weight >= shares.total * 0.1;
    fact.sites = culprits
        .iter()
        .enumerate()
        .filter(|(nth, (_, weight))| *nth == 0 || large(*weight))
        .take(3)
        .map(|(_, &(frame, _))| site(&case.tables, frame, "hot"))
        .collect();
    for &(frame, _, _) in own.iter().take(2).filter(|(_, _, weight)| large(*weight)) {
        let leaf = site(&case.tables, frame, "hot");
        if !fact.sites.iter().any(|known| known.function == leaf.function) {
            fact.sites.push(leaf);
        }
    }
    let through = Shares::ranked(case, &shares.through);
    let below_roots = through.iter().find(|(_, name, _)| !ROOTS.iter().any(|glob| super::glob::fits(glob, name)));
    if let Some(&(frame, name, weight)) = below_roots {
        fact.set("wrapper", name).set("wrapper_share", weight / shares.total);
        if !fact.sites.iter().any(|known| known.function == name) {
            fact.sites.push(site(&case.tables, frame, "hot"));
        }
    }
    let kernel = shares.own.iter().filter(|(frame, _)| case.tables.get_frame(**frame).kind == FrameKind::Kernel);
    let kernel = kernel.map(|(_, weight)| weight).sum::<f64>().max(0.0) / shares.total;
    fact.set("kernel_share", kernel);
    if kernel >= 0.3 && placed.what.kind == ProfileKind::Cpu {
        let says = format!("{} of the samples are in the kernel", units::share(kernel));
        fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
    }
    for (nth, cost) in idioms::costs(&case.tables, profile, shares.total).iter().enumerate().take(3) {
        let share = cost.weight / shares.total;
        if share < 0.2 {
            break;
        }
        if nth == 0 {
            fact.set("idiom", cost.idiom).set("idiom_share", share);
        }
        fact.cites.push(Cite::new(placed.artifact, placed.what.line, says_of(case, cost, share)));
    }
    if placed.what.unit == "bytes" {
        fact.set("bytes", shares.total);
    }
    Some(fact)
}

fn says_of(case: &Case, cost: &idioms::Cost, share: f64) -> String {
    let caller = cost.caller.filter(|(_, weight)| *weight * 2.0 >= cost.weight);
    let below =
        caller.map_or(String::new(), |(frame, _)| format!(", most of it below {}", case.tables.function(frame)));
    format!("{} of the samples are in {}{below}", units::share(share), cost.idiom)
}

/// A fact for each known idiom of a CPU profile.
fn state_idioms(case: &Case, placed: &Placed<Profile>, facts: &mut Facts) {
    let profile = &placed.what;
    let total: f64 = profile.rows.iter().map(|row| row.weight).sum();
    for cost in idioms::costs(&case.tables, profile, total) {
        let share = cost.weight / total;
        let mut fact = Fact::new("idiom", placed.subject);
        fact.set("of", kind_word(profile.kind)).set("idiom", cost.idiom).set("share", share);
        fact.set("samples", profile.rows.iter().map(|row| row.samples).sum::<u64>());
        fact.set_known("cpus", cpus(profile, total));
        if let Some((caller, weight)) = cost.caller {
            fact.set("caller", case.tables.function(caller)).set("caller_share", weight / cost.weight);
            fact.sites.push(site(&case.tables, caller, "hot"));
        }
        fact.cites.push(Cite::new(placed.artifact, profile.line, says_of(case, &cost, share)));
        facts.push(fact);
    }
}

/// CPUs that were in use on average, where the profile tells time and duration.
fn cpus(profile: &Profile, total: f64) -> Option<f64> {
    (profile.unit == "nanoseconds" && profile.span_s >= 1.0).then(|| total / 1e9 / profile.span_s)
}

/// User functions that own the cost: those through which many samples pass and which are the innermost user code of
/// most of them. Best first.
fn owners(case: &Case, profile: &Profile, shares: &Shares) -> Vec<(FrameId, f64)> {
    let innermost = innermost_users(case, profile);
    let mut owners: Vec<(FrameId, &str, f64)> =
        innermost.into_iter().map(|(name, (frame, weight))| (frame, name, weight)).collect();
    owners.sort_by(|a, b| b.2.total_cmp(&a.2).then(a.1.cmp(b.1)));
    owners
        .into_iter()
        .filter(|(_, _, weight)| *weight > shares.total * 0.02)
        .take(5)
        .map(|(frame, _, weight)| (frame, weight))
        .collect()
}
