//! Profiles: which function owns the cost. Neither the top by self (a leaf such as memcmp) nor by total (a wrapper
//! such as main): the user function below which most of the samples are, as deep as they stay together.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::site;
use crate::case::{Case, Placed};
use crate::report::units;
use postmortem_parsers::evidence::{Profile, ProfileKind, Runtime};
use postmortem_parsers::tables::FrameId;
use std::collections::{HashMap, HashSet};

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
        let mut seen: HashSet<FrameId> = HashSet::new();
        // Frames that differ by line alone are one function.
        let mut canonical: HashMap<&str, FrameId> = HashMap::new();
        for row in &profile.rows {
            shares.total += row.weight;
            shares.samples += row.samples;
            let frames = case.tables.stack_frames(row.stack);
            if frames.len() <= 1 {
                shares.broken += row.weight;
            }
            seen.clear();
            for (depth, &frame) in frames.iter().enumerate() {
                let name = case.tables.function(frame);
                let frame = *canonical.entry(name).or_insert(frame);
                if depth == 0 {
                    *shares.own.entry(frame).or_default() += row.weight;
                    if name.is_empty() || name == "[unknown]" {
                        shares.unknown += row.weight;
                    }
                }
                if seen.insert(frame) {
                    *shares.through.entry(frame).or_default() += row.weight;
                }
            }
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
        let shares = Shares::of(case, &placed.what);
        if shares.total > 0.0 {
            hot(case, placed, &shares, facts);
        }
    }
}

fn hot(case: &Case, placed: &Placed<Profile>, shares: &Shares, facts: &mut Facts) {
    let own = Shares::ranked(case, &shares.own);
    let Some(&(_, leaf, leaf_weight)) = own.first() else { return };
    let culprits = owners(case, &placed.what, shares);
    let mut fact = Fact::new("hot", placed.subject);
    fact.set("of", kind_word(placed.what.kind)).set("samples", shares.samples);
    fact.set("leaf", leaf).set("self", leaf_weight / shares.total);
    fact.set("broken", shares.broken / shares.total).set("unknown", shares.unknown / shares.total);
    if let Some(&(frame, weight)) = culprits.first() {
        fact.set("culprit", case.tables.function(frame)).set("total", weight / shares.total);
        let says = format!(
            "{} of the {} samples pass through {}",
            units::share(weight / shares.total),
            units::number(shares.samples as f64),
            case.tables.function(frame)
        );
        fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
    }
    let says = format!("{} of the samples are in {leaf} itself", units::share(leaf_weight / shares.total));
    fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
    fact.sites = culprits.iter().take(3).map(|&(frame, _)| site(&case.tables, frame, "hot")).collect();
    for &(frame, _, _) in own.iter().take(2) {
        let leaf = site(&case.tables, frame, "hot");
        if !fact.sites.iter().any(|known| known.function == leaf.function) {
            fact.sites.push(leaf);
        }
    }
    if placed.what.unit == "bytes" {
        fact.set("bytes", shares.total);
    }
    facts.push(fact);
}

/// User functions that own the cost: those through which many samples pass and which are the innermost user code of
/// most of them. Best first.
fn owners(case: &Case, profile: &Profile, shares: &Shares) -> Vec<(FrameId, f64)> {
    let mut innermost: HashMap<&str, (FrameId, f64)> = HashMap::new();
    for row in &profile.rows {
        let frames = case.tables.stack_frames(row.stack);
        let user = frames.iter().copied().find(|&frame| code::is_user(&case.tables, frame, Runtime::Unknown));
        if let Some(frame) = user {
            innermost.entry(case.tables.function(frame)).or_insert((frame, 0.0)).1 += row.weight;
        }
    }
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
