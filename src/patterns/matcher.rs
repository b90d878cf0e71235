//! Holds patterns against facts.

use super::condition::{Truth, holds, is_chosen};
use super::{Clause, Join, Pattern};
use crate::passes::fact::{Cite, Fact, Facts, Value, kind_named};

/// A part of the score of a match.
#[derive(Clone, Debug)]
pub struct Part {
    /// Evidence family.
    pub family: String,
    /// Decibans.
    pub weight: i32,
    /// Why.
    pub says: String,
    /// Where it can be read.
    pub cites: Vec<Cite>,
    /// Index of the fact that it rests on, when that is not the anchor.
    pub fact: Option<usize>,
}

/// A pattern that fits an anchor.
#[derive(Clone, Debug)]
pub struct Match {
    /// Index of the anchor fact.
    pub anchor: usize,
    /// What the `[[match]]` that it fits says in place of the summary; may be empty.
    pub summary: String,
    /// What speaks for it, all that holds.
    pub fors: Vec<Part>,
    /// What speaks against it, all that holds.
    pub againsts: Vec<Part>,
    /// What could not be ruled out.
    pub open: Vec<String>,
}

/// What became of a pattern.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// It fits these anchors.
    Found(Vec<Match>),
    /// Nothing fits.
    NotFound,
    /// There was no input to judge it by.
    NotChecked,
}

/// Holds a pattern against the facts.
pub fn check(pattern: &Pattern, facts: &Facts) -> Outcome {
    let mut found = Vec::new();
    let mut judged = false;
    for (index, fact) in facts.all.iter().enumerate() {
        for anchor in pattern.anchors.iter().filter(|anchor| anchor.fact == fact.kind) {
            match holds(&anchor.conditions, fact, fact) {
                Truth::Yes => {
                    judged = true;
                    if !found.iter().any(|known: &Match| known.anchor == index)
                        && let Some(hit) = weigh(pattern, anchor, index, fact, facts)
                    {
                        found.push(hit);
                    }
                }
                Truth::No => judged |= is_chosen(kind_of(anchor), &anchor.conditions, fact, fact),
                Truth::Unknown => {}
            }
        }
    }
    if !found.is_empty() {
        return Outcome::Found(found);
    }
    let could = pattern.anchors.iter().any(|anchor| {
        // Without selectors it is enough that somebody looked; with them the chosen measurement must be there.
        let selects = anchor.conditions.iter().any(|(name, _)| kind_of(anchor).selectors.contains(&name.as_str()));
        !selects && facts.could_state(&anchor.fact, None)
    });
    if judged || could { Outcome::NotFound } else { Outcome::NotChecked }
}

/// Why a pattern was not found: the anchor that came nearest and what it lacked.
pub fn why_not(pattern: &Pattern, facts: &Facts) -> String {
    let mut nearest: Option<(usize, String)> = None;
    for fact in &facts.all {
        for anchor in pattern.anchors.iter().filter(|anchor| anchor.fact == fact.kind) {
            let lacking: Vec<String> = anchor
                .conditions
                .iter()
                .filter(|one| holds(&vec![(*one).clone()], fact, fact) != Truth::Yes)
                .map(|(name, condition)| {
                    let is = fact.attributes.get(name.as_str()).map_or("not known".to_owned(), Value::to_string);
                    format!("{name} is {is}, not {condition}")
                })
                .collect();
            if nearest.as_ref().is_none_or(|(least, _)| lacking.len() < *least) {
                let what = fact.text("site").or(fact.text("signal")).or(fact.text("part")).or(fact.text("name"));
                let what = what.map_or(String::new(), |what| format!(" ({what})"));
                let why = if lacking.is_empty() {
                    let ruled_out =
                        pattern.unless.iter().filter(|it| test(it, usize::MAX, fact, facts).0 == Truth::Yes);
                    let says: Vec<&str> = ruled_out.map(|it| it.says.as_str()).filter(|it| !it.is_empty()).collect();
                    if says.is_empty() { "too little speaks for it".to_owned() } else { says.join("; ") }
                } else {
                    lacking.join(", ")
                };
                nearest = Some((lacking.len(), format!("{}{what}: {why}", fact.kind)));
            }
        }
    }
    let kinds = || pattern.anchors.iter().map(|anchor| anchor.fact.as_str()).collect::<Vec<_>>().join(" or ");
    nearest.map_or_else(|| format!("nothing states {}", kinds()), |(_, why)| why)
}

fn kind_of(clause: &Clause) -> &'static crate::passes::fact::Kind {
    kind_named(&clause.fact).unwrap_or(&crate::passes::fact::KINDS[0])
}

/// The parts of a match, or `None` when an `unless` rules it out.
fn weigh(pattern: &Pattern, clause: &Clause, index: usize, anchor: &Fact, facts: &Facts) -> Option<Match> {
    let mut hit =
        Match { anchor: index, summary: clause.says.clone(), fors: Vec::new(), againsts: Vec::new(), open: Vec::new() };
    for clause in &pattern.unless {
        match test(clause, index, anchor, facts).0 {
            Truth::Yes => return None,
            Truth::Unknown if !clause.says.is_empty() => hit.open.push(clause.says.clone()),
            _ => {}
        }
    }
    for (weighted, parts) in pattern
        .fors
        .iter()
        .map(|weighted| (weighted, true))
        .chain(pattern.againsts.iter().map(|weighted| (weighted, false)))
    {
        let (truth, facts_found) = test(&weighted.clause, index, anchor, facts);
        if truth != Truth::Yes {
            continue;
        }
        let fact = facts_found.first().copied();
        let cites = match fact {
            Some(fact) => facts.all[fact].cites.iter().take(2).cloned().collect(),
            None => Vec::new(),
        };
        let part = Part {
            family: weighted.family.clone(),
            weight: weighted.weight,
            says: crate::diagnosis::text::fill(&weighted.clause.says, fact.map_or(anchor, |fact| &facts.all[fact])),
            cites,
            fact,
        };
        if parts { hit.fors.push(part) } else { hit.againsts.push(part) }
    }
    Some(hit)
}

/// Whether a clause holds, and the facts by which it does (none where it is about the anchor).
fn test(clause: &Clause, index: usize, anchor: &Fact, facts: &Facts) -> (Truth, Vec<usize>) {
    if clause.fact.is_empty() {
        return (holds(&clause.conditions, anchor, anchor), Vec::new());
    }
    let kind = kind_of(clause);
    let (mut truth, mut found, mut chosen) = (Truth::No, Vec::new(), false);
    for (other, fact) in facts.all.iter().enumerate() {
        if other == index || fact.kind != clause.fact || !joined(clause.on, anchor, fact) {
            continue;
        }
        let one = holds(&clause.conditions, fact, anchor);
        if one == Truth::Yes {
            found.push(other);
        }
        if is_chosen(kind, &clause.conditions, fact, anchor) {
            chosen = true;
            truth = truth.or(one);
        }
    }
    let selects = clause.conditions.iter().any(|(name, _)| kind.selectors.contains(&name.as_str()));
    let subject = (clause.on != Join::Bundle).then_some(anchor.subject);
    if !chosen && (selects || !facts.could_state(&clause.fact, subject)) {
        return (Truth::Unknown, found);
    }
    (truth, found)
}

fn joined(on: Join, anchor: &Fact, fact: &Fact) -> bool {
    match on {
        Join::Bundle => true,
        Join::Subject => fact.subject == anchor.subject,
        Join::Site => {
            let same =
                |name: &str| fact.text(name).is_some_and(|site| !site.is_empty() && anchor.text("site") == Some(site));
            fact.subject == anchor.subject && (same("site") || same("holder_site"))
        }
    }
}
