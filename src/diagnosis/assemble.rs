//! Puts the report together from the case, the facts and the diagnosis.

use super::score::subject_id;
use super::{Diagnosis, profiles};
use crate::bundle::Bundle;
use crate::case::{Case, Clock, Moment};
use crate::passes::advice;
use crate::passes::fact::{Fact, Facts};
use crate::passes::growth;
use crate::passes::measures::{Judged, memory_limit, word};
use crate::passes::relations;
use crate::passes::threads::{Known, Population};
use crate::report::model::*;
use postmortem_parsers::evidence::RecordKind;
use postmortem_parsers::time::rfc3339_utc;
use std::collections::BTreeMap;

/// Stacks of one reason that a report lists; the counts are of all.
const MOST_GROUPS: usize = 100;
/// Frames of a stack that a report lists.
const MOST_FRAMES: usize = 60;
/// Points of a trend that a report keeps for drawing.
const MOST_POINTS: usize = 120;
/// Pairs of signals that a report lists.
const MOST_CORRELATIONS: usize = 40;
/// Series that a report lists.
const MOST_TRENDS: usize = 400;

/// The report of a case.
pub fn report(
    case: &Case,
    bundle: &Bundle,
    facts: &Facts,
    populations: &[Population<'_>],
    judged: &[Judged<'_>],
    diagnosis: Diagnosis,
) -> Report {
    Report {
        schema: SCHEMA.to_owned(),
        tool: Tool { name: "postmortem".into(), version: env!("CARGO_PKG_VERSION").into() },
        bundle: BundleInfo {
            name: bundle.name.clone(),
            bytes: bundle.bytes,
            sha256: bundle.sha256.clone(),
            span: case.span.map(span),
            inputs: if bundle.inputs.len() > 1 {
                bundle.inputs.iter().map(|input| InputInfo { name: input.name.clone(), bytes: input.bytes }).collect()
            } else {
                Vec::new()
            },
        },
        artifacts: case.artifacts.iter().map(artifact).collect(),
        verdict: diagnosis.verdict,
        root_causes: diagnosis.root_causes,
        findings: diagnosis.findings,
        buckets: buckets(case, populations),
        trends: trends(case, judged),
        correlations: correlations(case),
        regressions: Vec::new(),
        advice: advice(case, facts),
        next_captures: diagnosis.next_captures,
        warnings: warnings(case, bundle, facts),
        not_checked: diagnosis.not_checked,
        subjects: subjects(case),
        checked: diagnosis.checked,
        events: events(case),
        memory: memory(case, facts),
        profiles: profiles::all(case),
        redaction: None,
    }
}

/// What the reader must know of the input: what was odd about it, and what profiles cannot tell.
fn warnings(case: &Case, bundle: &Bundle, facts: &Facts) -> Vec<Warning> {
    let odd = bundle.warnings.iter().map(|warning| Warning {
        artifact: warning.artifact.clone(),
        line: warning.line,
        message: warning.message.clone(),
    });
    let unnamed = facts.of("unnamed").flat_map(|fact| &fact.cites).map(|cite| Warning {
        artifact: Some(case.path(cite.place.artifact).to_owned()),
        line: Some(cite.place.line).filter(|line| *line > 0),
        message: cite.says.clone(),
    });
    odd.chain(unnamed).collect()
}

fn span((from, to): (i64, i64)) -> Span {
    Span { from: rfc3339_utc(from), to: rfc3339_utc(to) }
}

fn artifact(info: &crate::case::ArtifactInfo) -> Artifact {
    Artifact {
        path: info.path.clone(),
        format: info.format.map(str::to_owned),
        bytes: info.bytes,
        records: info.records,
        span: info.span.map(span),
        parts: if info.parts.len() > 1 {
            info.parts
                .iter()
                .map(|part| Part { format: part.format.to_owned(), records: part.records, lines: part.lines })
                .collect()
        } else {
            Vec::new()
        },
    }
}

fn buckets(case: &Case, populations: &[Population<'_>]) -> Vec<Bucket> {
    let mut buckets = Vec::new();
    for population in populations {
        let mut by_reason: BTreeMap<&str, BTreeMap<_, Vec<&Known<'_>>>> = BTreeMap::new();
        for known in &population.latest().threads {
            let key = (known.thread.stack, known.thread.created_by);
            by_reason.entry(known.reason).or_default().entry(key).or_default().push(known);
        }
        let size = |members: &[&Known<'_>]| members.iter().map(|known| u64::from(known.thread.count)).sum::<u64>();
        let mut own: Vec<Bucket> = by_reason
            .into_iter()
            .map(|(reason, groups)| {
                let count = groups.values().map(|members| size(members)).sum();
                let mut groups: Vec<BucketGroup> = groups
                    .into_iter()
                    .map(|((stack, creator), members)| BucketGroup {
                        count: size(&members),
                        idle: members.iter().all(|known| known.is_idle()),
                        waited: waited(&members),
                        frames: case.tables.functions(stack).take(MOST_FRAMES).map(str::to_owned).collect(),
                        created_by: creator.map(|frame| case.tables.function(frame).to_owned()),
                    })
                    .collect();
                groups.sort_by(|a, b| {
                    b.count
                        .cmp(&a.count)
                        .then_with(|| a.frames.cmp(&b.frames))
                        .then_with(|| a.created_by.cmp(&b.created_by))
                });
                groups.truncate(MOST_GROUPS);
                Bucket {
                    process: case.subjects[population.subject as usize].name.clone(),
                    runtime: population.runtime.as_str().to_owned(),
                    reason: reason.to_owned(),
                    count,
                    groups,
                }
            })
            .collect();
        own.sort_by(|a, b| b.count.cmp(&a.count).then_with(|| a.reason.cmp(&b.reason)));
        buckets.extend(own);
    }
    buckets
}

fn waited(members: &[&Known<'_>]) -> Option<Waited> {
    let waits = || members.iter().filter_map(|known| known.thread.waited_s).map(f64::from);
    let (min, max) = (waits().reduce(f64::min)?, waits().reduce(f64::max)?);
    Some(Waited { min, max })
}

/// An instant of a clock as the report writes it; only wall instants have a date.
fn instant(clock: Clock, t: f64) -> Option<String> {
    (clock == Clock::Wall && t.is_finite() && t.abs() < 9e9).then(|| rfc3339_utc((t * 1e3).round() as i64 * 1_000_000))
}

fn trends(case: &Case, judged: &[Judged<'_>]) -> Vec<Trend> {
    let mut trends: Vec<Trend> = judged
        .iter()
        .filter(|judged| judged.signal.samples.len() > 1)
        .map(|judged| {
            let (signal, growth) = (judged.signal, &judged.growth);
            let timed = signal.clock.is_time();
            let origin = signal.first().map_or(0.0, |sample| sample.t);
            let last = signal.last().map_or(0.0, |sample| sample.t);
            let step = signal.samples.len().div_ceil(MOST_POINTS);
            let wall = |seconds: f64| instant(signal.clock, seconds);
            Trend {
                series: signal.title(),
                unit: signal.unit.as_str().to_owned(),
                n: growth.n as u64,
                verdict: word(growth.verdict).to_owned(),
                slope_per_hour: growth.slope_per_s.filter(|_| timed).map(|slope| slope * 3600.0),
                ci95: growth.ci95.filter(|_| timed).map(|(low, high)| (low * 3600.0, high * 3600.0)),
                r2: growth.r2,
                p: growth.p,
                since: growth.since_s.and_then(wall),
                limit: judged.limit,
                exhausts_at: growth.exhausts_in_s.and_then(|seconds| wall(last + seconds)),
                exhausts_ci: growth
                    .exhausts_interval_s
                    .and_then(|(soonest, latest)| Some((wall(last + soonest)?, wall(last + latest)?))),
                onset_ci: growth.onset_s.and_then(|(from, to)| Some((wall(from)?, wall(to)?))),
                subject: Some(subject_id(signal.subject)),
                points: Some(
                    (signal.samples.iter().step_by(step.max(1)))
                        .chain(signal.last().filter(|_| (signal.samples.len() - 1) % step.max(1) > 0))
                        .map(|sample| (sample.t - origin, sample.value))
                        .collect(),
                ),
                begins: wall(origin),
                fit: growth.fit.map(|ends| ends.map(|(t, value)| (t - origin, value))),
                clock: signal.clock.as_str().to_owned(),
            }
        })
        .collect();
    let rank = |verdict: &str| match verdict {
        "growing" => 0,
        "step" => 1,
        "falling" => 2,
        "plateau" | "cyclic" => 3,
        "flat" => 4,
        _ => 5,
    };
    trends.sort_by(|a, b| {
        rank(&a.verdict)
            .cmp(&rank(&b.verdict))
            .then_with(|| a.series.cmp(&b.series))
            .then_with(|| a.subject.cmp(&b.subject))
            .then_with(|| a.clock.cmp(&b.clock))
    });
    trends.truncate(MOST_TRENDS);
    let _ = case;
    trends
}

fn correlations(case: &Case) -> Vec<Correlation> {
    let told = relations::relations(case).into_iter().take(MOST_CORRELATIONS);
    told.map(|relation| Correlation {
        a: relation.a.title(),
        b: relation.b.title(),
        pearson: relation.found.r,
        p: relation.p,
        n: relation.found.n as u64,
        pearson_of_changes: relation.found.r_diff,
        lag_s: relation.found.lag_s,
        subject: Some(subject_id(relation.a.subject)),
    })
    .collect()
}

fn advice(case: &Case, facts: &Facts) -> Vec<Advice> {
    let all = advice::advise(case, facts).into_iter();
    all.map(|advice| Advice {
        setting: advice.setting,
        value: advice.value,
        now: advice.now,
        arithmetic: advice.arithmetic,
        subject: Some(subject_id(advice.subject)),
    })
    .collect()
}

/// The signals of this name as sums of others.
pub fn regressions(case: &Case, name: &str) -> Vec<Regression> {
    let explained = relations::explain(case, name).into_iter();
    explained
        .map(|explained| {
            let term = |term: &growth::Term| {
                let of = explained.others[term.of];
                Term {
                    series: of.title(),
                    unit: of.unit.as_str().to_owned(),
                    coefficient: term.coefficient,
                    std_error: term.error,
                    p: term.p,
                }
            };
            let found = explained.found.as_ref();
            Regression {
                series: explained.of.title(),
                unit: explained.of.unit.as_str().to_owned(),
                subject: subject_id(explained.of.subject),
                n: found.map_or(0, |found| found.n as u64),
                intercept: found.map_or(0.0, |found| found.intercept),
                r2: found.map_or(0.0, |found| found.r2),
                adjusted_r2: found.map_or(0.0, |found| found.adjusted_r2),
                terms: found.map_or(Vec::new(), |found| found.terms.iter().map(term).collect()),
            }
        })
        .collect()
}

fn subjects(case: &Case) -> Vec<Subject> {
    case.subject_ids()
        .map(|id| {
            let subject = &case.subjects[id as usize];
            let mut claims = serde_json::Map::new();
            if !subject.pids.is_empty() {
                claims.insert("pids".into(), subject.pids.clone().into());
            }
            if !subject.cgroups.is_empty() {
                claims.insert("cgroups".into(), subject.cgroups.clone().into());
            }
            Subject {
                id: subject_id(id),
                kind: subject.kind.to_owned(),
                name: subject.name.clone(),
                runtime: Some(subject.runtime.as_str()).filter(|name| *name != "unknown").map(str::to_owned),
                claims,
                joined_because: subject.joined_because.clone(),
                incarnations: (!subject.pids.is_empty()).then_some(subject.pids.len() as u64),
            }
        })
        .collect()
}

fn events(case: &Case) -> Vec<Event> {
    let word = |at: Option<Moment>| at.map_or("unknown", |at| at.clock.as_str()).to_owned();
    let when = |at: Option<Moment>| at.and_then(|at| instant(at.clock, at.t));
    let mut events: Vec<(Option<Moment>, Event)> = Vec::new();
    for placed in &case.records {
        let kind = match placed.what.kind {
            RecordKind::Kill => "kill",
            RecordKind::Panic => "panic",
            RecordKind::Fatal => "fatal-error",
            RecordKind::Signal => "signal",
            RecordKind::Exit => "exit",
            _ => continue,
        };
        events.push((
            placed.at,
            Event {
                kind: kind.into(),
                at: when(placed.at),
                clock: word(placed.at),
                subject: Some(subject_id(placed.subject)),
                says: placed.what.text.clone(),
                artifact: case.path(placed.artifact).to_owned(),
                line: (placed.what.line > 0).then_some(placed.what.line),
            },
        ));
    }
    for placed in &case.snapshots {
        events.push((
            placed.at,
            Event {
                kind: "snapshot".into(),
                at: when(placed.at),
                clock: word(placed.at),
                subject: Some(subject_id(placed.subject)),
                says: format!("{} threads ({})", placed.what.total(), placed.what.origin),
                artifact: case.path(placed.artifact).to_owned(),
                line: (placed.what.line > 0).then_some(placed.what.line),
            },
        ));
    }
    for id in case.subject_ids() {
        let subject = &case.subjects[id as usize];
        events.extend(subject.began_again.iter().map(|&t| {
            let at = Some(Moment { clock: Clock::Wall, t });
            let event = Event {
                kind: "restart".into(),
                at: when(at),
                clock: word(at),
                subject: Some(subject_id(id)),
                says: format!("a later life of {} was first seen", subject.name),
                artifact: String::new(),
                line: None,
            };
            (at, event)
        }));
    }
    let clock = |at: &Option<Moment>| at.map(|at| at.clock);
    events.sort_by(|(a, _), (b, _)| {
        clock(a).cmp(&clock(b)).then(a.map_or(0.0, |at| at.t).total_cmp(&b.map_or(0.0, |at| at.t)))
    });
    events.into_iter().map(|(_, event)| event).collect()
}

fn memory(case: &Case, facts: &Facts) -> Vec<Memory> {
    case.subject_ids()
        .filter_map(|id| {
            let own: Vec<&Fact> = facts.of("memory.part").filter(|fact| fact.subject == id).collect();
            let is_whole = |fact: &&Fact| matches!(fact.text("part"), Some("used" | "rss"));
            let whole = own.iter().copied().find(is_whole);
            let mut parts = Vec::new();
            let roots = ["", "used", "rss"];
            let tops = own.iter().filter(|fact| !is_whole(fact));
            for fact in tops.filter(|fact| roots.contains(&fact.text("within").unwrap_or(""))) {
                add_part(fact, "", &own, &mut parts);
            }
            (!parts.is_empty()).then(|| Memory {
                subject: subject_id(id),
                limit: memory_limit(case, id).map(|(limit, _)| limit as u64),
                used: whole.and_then(|fact| fact.number("bytes")).map(|used| used.max(0.0) as u64),
                parts,
            })
        })
        .collect()
}

/// A part, and behind it the parts that it is made of.
fn add_part(fact: &Fact, within: &str, own: &[&Fact], parts: &mut Vec<MemoryPart>) {
    let name = fact.text("part").unwrap_or("");
    parts.push(MemoryPart {
        part: name.to_owned(),
        within: within.to_owned(),
        bytes: fact.number("bytes").unwrap_or(0.0) as i64,
        share_of_limit: fact.number("share_of_limit"),
        grew: fact.number("grew_bytes").unwrap_or(0.0) as i64,
        share_of_growth: fact.number("share_of_growth"),
    });
    for inner in own.iter().filter(|inner| inner.text("within") == Some(name)) {
        add_part(inner, name, own, parts);
    }
}
