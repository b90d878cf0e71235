//! Integer decibans: a prior and, per evidence family, the strongest for and the strongest against. Families add,
//! members of one do not.

use super::text::{fill, in_words_of};
use crate::bundle::{Artifact, Bundle};
use crate::case::{Case, SubjectId};
use crate::passes::fact::{Cite, Fact, Facts, Value};
use crate::patterns::{FAMILIES, Match, Part, Pattern, tier};
use crate::report::model::{EvidenceLine, Finding, ScorePart, Severity, Site};
use serde_json::Map;
use sha2::{Digest, Sha256};
use std::cmp::Ordering;

/// A score at which a finding is sure enough to be an error.
const ERROR: i32 = 7;
/// A score at which a finding is worth a warning.
const WARNING: i32 = 0;
/// A score below which a finding is not even suspected.
const SUSPECTED: i32 = -6;

/// A match with its score and finding.
#[derive(Debug)]
pub struct Scored<'a> {
    /// The pattern.
    pub pattern: &'a Pattern,
    /// The anchor fact.
    pub anchor: &'a Fact,
    /// Index of the anchor fact.
    pub anchor_index: usize,
    /// Further facts that it rests on.
    pub rests_on: Vec<usize>,
    /// Whom it is about.
    pub subject: SubjectId,
    /// Decibans.
    pub score: i32,
    /// What the report says.
    pub finding: Finding,
}

/// The chance that goes with a score.
pub fn confidence(score: i32) -> f64 {
    let odds = 10f64.powf(f64::from(score) / 10.0);
    (odds / (1.0 + odds) * 1000.0).round() / 1000.0
}

/// The strongest part of each family.
fn strongest(parts: &[Part]) -> Vec<&Part> {
    FAMILIES
        .iter()
        .filter_map(|family| {
            parts.iter().filter(|part| part.family == *family).max_by(|a, b| {
                // Of equals the first: max_by would keep the last.
                a.weight.abs().cmp(&b.weight.abs()).then(Ordering::Greater)
            })
        })
        .collect()
}

impl<'a> Scored<'a> {
    /// Scores a match; `None` where it is not even suspected.
    pub fn of(case: &Case, bundle: &Bundle, facts: &'a Facts, pattern: &'a Pattern, hit: &Match) -> Option<Scored<'a>> {
        let anchor = &facts.all[hit.anchor];
        let (fors, againsts) = (strongest(&hit.fors), strongest(&hit.againsts));
        let mut parts =
            vec![ScorePart { family: "prior".into(), weight: pattern.prior, says: "before any evidence".into() }];
        parts.extend(fors.iter().chain(&againsts).map(|part| ScorePart {
            family: part.family.clone(),
            weight: part.weight,
            says: part.says.clone(),
        }));
        let mut score: i32 = parts.iter().map(|part| part.weight).sum();
        let has = |family: &str| fors.iter().any(|part| part.family == family);
        // One moment without proof gives a warning at most.
        if !has("proof") && !has("time") && score >= ERROR {
            parts.push(ScorePart {
                family: "cap".into(),
                weight: ERROR - 1 - score,
                says: "one moment without proof gives a warning at most".into(),
            });
            score = ERROR - 1;
        }
        if score >= WARNING && rests_on_one_rise(anchor, &fors) {
            parts.push(ScorePart {
                family: "cap".into(),
                weight: WARNING - 1 - score,
                says: "one series alone, seen for less than a day: it may be the rising half of a daily cycle".into(),
            });
            score = WARNING - 1;
        }
        parts.extend(hit.open.iter().map(|says| ScorePart {
            family: "open".into(),
            weight: 0,
            says: format!("could not be ruled out: {says}"),
        }));
        let severity = match score {
            ERROR.. => pattern.severity,
            WARNING.. => pattern.severity.min(Severity::Warning),
            SUSPECTED.. => Severity::Info,
            _ => return None,
        };
        let show =
            |cites: &[Cite]| -> Vec<EvidenceLine> { cites.iter().map(|cite| show(case, bundle, cite)).collect() };
        let mut evidence = show(&anchor.cites);
        for part in &fors {
            let mut lines = show(&part.cites);
            if let (true, Some(first)) = (lines.is_empty(), evidence.first()) {
                // What the anchor itself says stands where the anchor does.
                lines.push(EvidenceLine { excerpt: None, context: None, says: part.says.clone(), ..first.clone() });
            }
            for line in lines {
                if !evidence.iter().any(|known| known.says == line.says) {
                    evidence.push(line);
                }
            }
        }
        if evidence.is_empty() {
            evidence.push(EvidenceLine {
                artifact: String::new(),
                line: None,
                excerpt: None,
                says: pattern.title.clone(),
                context: None,
            });
        }
        let against = againsts
            .iter()
            .map(|part| {
                let mut line = show(&part.cites).into_iter().next().unwrap_or_else(|| EvidenceLine {
                    excerpt: None,
                    context: None,
                    ..evidence[0].clone()
                });
                line.says.clone_from(&part.says);
                line
            })
            .collect();
        let rests_on: Vec<usize> = fors.iter().filter_map(|part| part.fact).collect();
        let sites = sites(anchor, facts, &rests_on);
        let fingerprint = fingerprint(pattern, anchor, &sites);
        let count = anchor.number("count").filter(|count| *count >= 0.0).map(|count| count as u64);
        let finding =
            Finding {
                id: format!("{}-{}", pattern.id, &fingerprint[..8]),
                fingerprint,
                pattern: pattern.id.clone(),
                category: pattern.category.clone(),
                severity,
                confidence: confidence(score),
                title: fill(&pattern.title, anchor),
                summary: fill(if hit.summary.is_empty() { &pattern.summary } else { &hit.summary }, anchor),
                bucket: pattern.bucket.as_ref().map(|bucket| fill(bucket, anchor)).or_else(|| {
                    if pattern.count_of.is_some() { anchor.text("reason").map(str::to_owned) } else { None }
                }),
                count: pattern.count_of.as_ref().and(count),
                count_of: pattern.count_of.as_deref().map(|noun| in_words_of(noun, anchor).into_owned()),
                sites,
                evidence,
                against,
                signals: signals(anchor, facts, &rests_on),
                remediation: pattern.fix.clone(),
                references: pattern.references.clone(),
                subject: Some(subject_id(anchor.subject)),
                score: parts,
                explained_by: None,
                source: Vec::new(),
                state: None,
                suppressed: None,
            };
        Some(Scored { pattern, anchor, anchor_index: hit.anchor, rests_on, subject: anchor.subject, score, finding })
    }

    /// How much it weighs beside others of equal score.
    fn impact(&self) -> f64 {
        self.anchor.number("count").or(self.anchor.number("share_of_limit")).unwrap_or(0.0)
    }
}

/// Seconds after which a daily cycle would have shown.
const DAY: f64 = 86_400.0;
/// Load goes down now and then; what is only ever taken does not.
const NEVER_FALLS: f64 = 0.99;
/// What grew by less than this in the time of a capture may do so every day.
const SURGE: f64 = 2.0;

/// Nothing but the rise of one series over less than a day speaks for it, and the rise is one that a daily load makes.
fn rests_on_one_rise(anchor: &Fact, fors: &[&Part]) -> bool {
    let is_slow_rise = anchor.kind == "trend"
        && anchor.text("verdict") == Some("growing")
        && anchor.number("span_s").is_some_and(|span| span < DAY)
        && anchor.number("ratio").is_some_and(|ratio| ratio < SURGE)
        && anchor.number("monotone").is_some_and(|share| share < NEVER_FALLS)
        && anchor.number("limit_share").is_none_or(|share| share < 0.9);
    is_slow_rise && fors.iter().all(|part| part.fact.is_none())
}

/// The id of a subject in the report.
pub fn subject_id(subject: SubjectId) -> String {
    format!("s{}", subject + 1)
}

/// The places of the anchor and of the facts that it rests on. Where the anchor is a measurement, which names the
/// process at most, code comes first.
fn sites(anchor: &Fact, facts: &Facts, rests_on: &[usize]) -> Vec<Site> {
    let measured = matches!(anchor.kind, "trend" | "level" | "memory.part" | "limit" | "kill" | "gc" | "sched");
    let others =
        || rests_on.iter().map(|&fact| &facts.all[fact]).filter(|fact| names_code(fact)).flat_map(|fact| &fact.sites);
    let ordered: Vec<&Site> =
        if measured { others().chain(&anchor.sites).collect() } else { anchor.sites.iter().chain(others()).collect() };
    let mut sites: Vec<Site> = Vec::new();
    for site in ordered {
        if sites.len() < 8 && !sites.iter().any(|known| known.function == site.function) {
            sites.push(site.clone());
        }
    }
    sites
}

/// Whether the places of a fact are in the code.
fn names_code(fact: &Fact) -> bool {
    !matches!(fact.kind, "trend" | "level" | "memory.part" | "limit" | "kill")
}

/// An artifact's line as the report shows it.
pub fn show(case: &Case, bundle: &Bundle, cite: &Cite) -> EvidenceLine {
    let artifact = &bundle.artifacts[cite.place.artifact as usize];
    let line = (cite.place.line > 0).then_some(cite.place.line);
    let excerpt = line.and_then(|line| artifact.line(line)).map(|text| shorten(text.trim_end()));
    EvidenceLine {
        artifact: case.path(cite.place.artifact).to_owned(),
        line,
        excerpt: excerpt.filter(|text| !text.is_empty()),
        says: cite.says.clone(),
        context: line.and_then(|line| context(artifact, line)),
    }
}

/// Lines shown before a cited one.
const LINES_BEFORE: u32 = 3;
/// Lines shown after it: the frames of a stack follow its header.
const LINES_AFTER: u32 = 8;

/// The lines around a cited one; `None` where the text was not kept.
fn context(artifact: &Artifact, line: u32) -> Option<Vec<(u32, String)>> {
    artifact.line(line)?;
    let around = line.saturating_sub(LINES_BEFORE).max(1)..=line.saturating_add(LINES_AFTER);
    Some(around.filter_map(|number| Some((number, shorten(artifact.line(number)?.trim_end())))).collect())
}

fn shorten(text: &str) -> String {
    const MOST: usize = 240;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// The values that a finding rests on.
fn signals(anchor: &Fact, facts: &Facts, rests_on: &[usize]) -> Map<String, serde_json::Value> {
    let mut signals = Map::new();
    for fact in std::iter::once(anchor).chain(rests_on.iter().map(|&index| &facts.all[index])) {
        let name = fact.text("signal").or(fact.text("part")).or(fact.text("kind"));
        let prefix = name.map_or(fact.kind.to_owned(), |name| format!("{}.{name}", fact.kind));
        for (attribute, value) in &fact.attributes {
            if let Value::Number(number) = value
                && let Some(number) = serde_json::Number::from_f64(*number)
            {
                signals.entry(format!("{prefix}.{attribute}")).or_insert(serde_json::Value::Number(number));
            }
        }
    }
    signals
}

/// Stable across captures of the same fault: of category, runtime of its threads, normalised place and resource. The
/// runtime of the subject is not in it: another file of the bundle may tell that one, or not.
fn fingerprint(pattern: &Pattern, anchor: &Fact, sites: &[Site]) -> String {
    let runtime = anchor.text("runtime").unwrap_or("");
    let place = sites.first().map_or("", |site| site.function.as_str());
    let resource =
        anchor.text("name").or(anchor.text("signal")).or(anchor.text("part")).or(anchor.text("victim")).unwrap_or("");
    let mut hash = Sha256::new();
    for part in [&pattern.category, runtime, &normalise(place), &unnumbered(resource)] {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

/// A function without what changes from build to build: type arguments, addresses, hashes, and the numbers of closures
/// (`f.func1.2`, `lambda$f$0`, `f.gowrap1`).
fn normalise(function: &str) -> String {
    let function = function.split("+0x").next().unwrap_or("");
    let function = match function.rsplit_once("::h") {
        Some((path, hash)) if hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()) => path,
        _ => function,
    };
    let mut out = String::new();
    let mut depth = 0;
    for c in function.chars() {
        match c {
            '[' | '<' => depth += 1,
            ']' | '>' if depth > 0 => depth -= 1,
            _ if depth > 0 => {}
            c if c.is_ascii_digit() && ["func", "gowrap", ".", "$", "$Lambda/"].iter().any(|it| out.ends_with(it)) => {}
            c => out.push(c),
        }
    }
    out.trim_end_matches('.').to_owned()
}

/// A name without its numbers and addresses: `pool-2-thread-17` is another of `pool-1-thread-3` in the next run.
fn unnumbered(name: &str) -> String {
    let mut out = String::new();
    for part in name.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = part.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if word.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            out.push_str(&part[word.len()..]);
        } else {
            out.extend(part.chars().filter(|c| !c.is_ascii_digit()));
        }
    }
    out
}

/// Best first: score, impact, tier, fingerprint.
pub fn order(a: &Scored<'_>, b: &Scored<'_>) -> Ordering {
    b.score
        .cmp(&a.score)
        .then(b.impact().total_cmp(&a.impact()))
        .then(tier(&a.pattern.category).cmp(&tier(&b.pattern.category)))
        .then_with(|| a.finding.fingerprint.cmp(&b.finding.fingerprint))
        .then_with(|| a.pattern.id.cmp(&b.pattern.id))
}

/// Of several findings about the same fact, the same place, or from different anchors of one pattern, the best stays.
pub fn drop_rivals(scored: &mut Vec<Scored<'_>>) {
    struct Kept {
        subject: SubjectId,
        anchor: usize,
        kind: &'static str,
        place: String,
        category: String,
        pattern: String,
    }
    let mut kept: Vec<Kept> = Vec::new();
    scored.retain(|scored| {
        let this = Kept {
            subject: scored.subject,
            anchor: scored.anchor_index,
            kind: scored.anchor.kind,
            place: scored.finding.sites.first().map_or(String::new(), |site| site.function.clone()),
            category: scored.pattern.category.clone(),
            pattern: scored.pattern.id.clone(),
        };
        let rival = kept.iter().any(|known| {
            let one_place = known.category == this.category && known.place == this.place;
            let one_pattern = known.pattern == this.pattern && (known.kind != this.kind || this.kind == "trend");
            known.anchor == this.anchor || (known.subject == this.subject && (one_place || one_pattern))
        });
        if !rival {
            kept.push(this);
        }
        !rival
    });
}

#[cfg(test)]
mod tests {
    use super::{normalise, unnumbered};

    #[test]
    fn fingerprints_take_no_numbers_of_a_build_or_a_run() {
        assert_eq!(normalise("main.serve[...].func2.1"), normalise("main.serve[int].func1.3"));
        assert_eq!(normalise("com.acme.Foo.lambda$run$0"), normalise("com.acme.Foo.lambda$run$12"));
        assert_eq!(normalise("app::work::h0123456789abcdef"), "app::work");
        assert_eq!(normalise("decode_v2+0x1f"), "decode_v2");
        assert_ne!(normalise("main.send1"), normalise("main.send2"));
        assert_eq!(unnumbered("pool-1-thread-17"), unnumbered("pool-2-thread-3"));
        assert_eq!(unnumbered("lock 0x71b9c8"), unnumbered("lock 0x5fffe0"));
        assert_eq!(unnumbered("go.memory.live_after_gc"), "go.memory.live_after_gc");
    }
}
