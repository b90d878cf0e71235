//! Scores matches, ranks causes, links symptoms to them, and says what is missing.

pub mod assemble;
pub mod captures;
mod links;
pub mod profiles;
pub mod score;
pub mod text;

use crate::bundle::Bundle;
use crate::case::Case;
use crate::passes::fact::{Fact, Facts};
use crate::passes::names;
use crate::passes::unnamed::CAUSES;
use crate::patterns::{Outcome, Pattern, check, why_not};
use crate::report::model::{Checked, Finding, NextCapture, NotChecked, RootCause, Severity, Verdict};
use postmortem_parsers::evidence::Runtime;
use std::collections::BTreeSet;

pub use score::{Scored, confidence};

/// What the patterns say of a case.
#[derive(Debug)]
pub struct Diagnosis {
    /// The answer in one word.
    pub verdict: Verdict,
    /// Best first.
    pub root_causes: Vec<RootCause>,
    /// Everything found.
    pub findings: Vec<Finding>,
    /// Every pattern with its outcome.
    pub checked: Vec<Checked>,
    /// Patterns without input.
    pub not_checked: Vec<NotChecked>,
    /// What to capture next.
    pub next_captures: Vec<NextCapture>,
}

/// Holds all patterns against the facts and ranks what they find.
pub fn diagnose(case: &Case, bundle: &Bundle, facts: &Facts, patterns: &[Pattern]) -> Diagnosis {
    use rayon::prelude::*;
    let outcomes: Vec<Outcome> = patterns.par_iter().map(|pattern| check(pattern, facts)).collect();
    let mut scored: Vec<Scored<'_>> = Vec::new();
    let (mut checked, mut not_checked) = (Vec::new(), Vec::new());
    for (pattern, outcome) in patterns.iter().zip(&outcomes) {
        let before = scored.len();
        if let Outcome::Found(hits) = outcome {
            scored.extend(hits.iter().filter_map(|hit| Scored::of(case, bundle, facts, pattern, hit)));
        }
        let word = match outcome {
            Outcome::NotChecked => "not-checked",
            _ if scored.len() > before => "found",
            _ => "not-found",
        };
        checked.push(Checked { why: (word == "not-found").then(|| why_not(pattern, facts)), ..row(pattern, word) });
        if word == "not-checked" {
            let row = row(pattern, word);
            not_checked.push(NotChecked {
                pattern: row.pattern,
                needs: row.needs.unwrap_or_default(),
                command: row.command,
            });
        }
    }
    scored.sort_by(score::order);
    score::drop_rivals(&mut scored);
    let causes = links::link(&mut scored, facts);
    // What is only worth knowing at its surest is no suspicion.
    let suspected = scored
        .iter()
        .any(|scored| scored.finding.severity == Severity::Info && scored.pattern.severity > Severity::Info);
    let loud = scored.iter().any(|scored| scored.finding.severity >= Severity::Warning);
    let verdict = match (loud, suspected) {
        (true, _) => Verdict::Problem,
        (false, false) if was_judged(case, facts) => Verdict::Healthy,
        _ => Verdict::Inconclusive,
    };
    let next_captures = next_captures(case, facts, &scored, verdict, &not_checked);
    let root_causes = if loud { links::root_causes(&scored, &causes) } else { Vec::new() };
    let findings = scored.into_iter().map(|scored| scored.finding).collect();
    Diagnosis { verdict, root_causes, findings, checked, not_checked, next_captures }
}

fn row(pattern: &Pattern, outcome: &str) -> Checked {
    let missing = outcome == "not-checked";
    let captures: Vec<_> = pattern.needs.iter().filter_map(|name| captures::get(name)).collect();
    Checked {
        pattern: pattern.id.clone(),
        outcome: outcome.to_owned(),
        category: pattern.category.clone(),
        title: pattern.title.clone(),
        needs: missing.then(|| captures.iter().map(|capture| capture.title.as_str()).collect::<Vec<_>>().join(" or ")),
        command: if missing { captures.first().map(|capture| capture.command.clone()) } else { None },
        why: None,
    }
}

/// Whether enough was read to call every process healthy: most of its threads known to be idle or seen unchanged, or
/// a signal with enough samples, or a runtime's own trace.
fn was_judged(case: &Case, facts: &Facts) -> bool {
    let mut processes = case.subject_ids().filter(|&id| case.subjects[id as usize].is_process()).peekable();
    processes.peek().is_some()
        && processes.all(|subject| {
            let of = |kind: &'static str| facts.of(kind).filter(move |fact| fact.subject == subject);
            let measured =
                of("trend").any(|fact| fact.text("verdict").is_some_and(|verdict| verdict != "insufficient"));
            let watched = of("gc").chain(of("sched")).next().is_some();
            // One moment tells of health only where most of those who wait are known to wait harmlessly.
            let (mut known, mut all, mut seen_again) = (0.0, 0.0, false);
            for fact in of("group") {
                let count = fact.number("count").unwrap_or(0.0);
                let harmless = fact.flag("idle") == Some(true)
                    || fact.flag("is_main") == Some(true)
                    || matches!(fact.text("reason"), Some("running" | "runnable"));
                all += count;
                known += if harmless { count } else { 0.0 };
                seen_again |= fact.number("moments").is_some_and(|moments| moments > 1.0);
            }
            let settled = !of("group").any(is_open)
                && !of("trend").any(still_grows)
                && !of("busy").any(|busy| busy.number("same_place") >= Some(0.8));
            settled && (measured || watched || (all > 1.0 && (seen_again || known * 2.0 > all)))
        })
}

/// Waits for others of the program: for a lock, a place in a queue, the end of a task.
const WAITS_FOR_OTHERS: &[&str] =
    &["chan-send", "mutex", "rwmutex-read", "rwmutex-write", "monitor-enter", "semaphore", "cond", "waitgroup"];

/// Whether a group leaves open if its threads will ever go on: a crowd that waits inside its tasks for others of the
/// program, or threads that waited so in the first snapshot already.
fn is_open(group: &Fact) -> bool {
    let number = |name| group.number(name).unwrap_or(0.0);
    let waits =
        group.flag("idle") == Some(false) && group.text("reason").is_some_and(|r| WAITS_FOR_OTHERS.contains(&r));
    let crowded = group.flag("in_task") == Some(true) && number("count") >= 10.0 && number("share") >= 0.2;
    let stays = group.flag("is_main") != Some(true) && number("persisted") >= 0.5 && number("share") >= 0.1;
    // Parked deep within the user's code: for what, the frames do not tell.
    let parked = group.flag("idle") == Some(false)
        && group.text("reason") == Some("park")
        && number("user_depth") >= 3.0
        && number("count") >= 5.0
        && number("share") >= 0.3;
    // A Python thread that waits in C shows no more than its own function.
    let in_c = group.flag("idle") == Some(false)
        && (group.text("runtime"), group.text("reason")) == (Some("python"), Some("unknown"))
        && number("count") >= 3.0
        && number("share") >= 0.3
        && number("persisted") >= 0.9
        && !group.text("site").is_some_and(names::waits_for_peer_or_time);
    waits && (crowded || stays) || parked && stays || in_c
}

/// Signals of which a process holds more and more when it leaks.
const HELD: &[&str] = &[
    "process.memory.rss_anon",
    "go.memory.live_after_gc",
    "go.goroutine.count",
    "jvm.memory.used_after_last_gc",
    "process.thread.count",
    "process.open_file_descriptor.count",
];

/// Whether a trend leaves open if the process is well: what it holds still grows at the end.
fn still_grows(trend: &Fact) -> bool {
    trend.text("verdict") == Some("growing")
        && trend.text("signal").is_some_and(|signal| HELD.contains(&signal))
        && trend.number("ratio").is_some_and(|ratio| ratio >= 1.3)
}

/// The captures that would settle what is open: those of weak findings first, then of what was not checked.
fn next_captures(
    case: &Case,
    facts: &Facts,
    scored: &[Scored<'_>],
    verdict: Verdict,
    not_checked: &[NotChecked],
) -> Vec<NextCapture> {
    let open = || scored.iter().filter(|scored| scored.score < 7 && scored.finding.explained_by.is_none());
    let mut names: Vec<&str> = open().flat_map(|scored| &scored.pattern.settle).map(String::as_str).collect();
    let seen = |runtime| case.snapshots.iter().any(|placed| placed.what.runtime == runtime);
    let read = |format: &str| case.artifacts.iter().any(|artifact| artifact.format == Some(format));
    let is_there = |name: &str| match name {
        "go-goroutines-again" | "java-threads-again" => case.snapshots.len() > 1,
        "metrics" => read("prometheus"),
        "proc-status" => read("proc-status"),
        // What a pattern alone needs was captured, or it would not have fitted.
        name => open().any(|scored| matches!(&scored.pattern.needs[..], [only] if only == name)),
    };
    if verdict == Verdict::Inconclusive && names.is_empty() && !not_checked.is_empty() {
        names = match () {
            () if seen(Runtime::Go) => vec!["go-goroutines-again", "metrics", "proc-status"],
            () if seen(Runtime::Java) => vec!["java-threads-again", "proc-status"],
            () if seen(Runtime::Python) || seen(Runtime::Native) => vec!["threads", "proc-status"],
            () => vec!["go-goroutines", "java-threads", "proc-status"],
        };
    }
    if seen(Runtime::Python) {
        names.iter_mut().filter(|name| **name == "threads").for_each(|name| *name = "python-threads");
    }
    // A profile that cannot be read to its end is to be taken again in another way, whatever was found.
    let named = |fact: &Fact| CAUSES.iter().find(|cause| fact.text("cause") == Some(cause.name));
    names.extend(facts.of("unnamed").filter_map(named).map(|cause| cause.capture));
    let pid = case.subjects.first().and_then(|subject| subject.pids.last());
    let mut said = BTreeSet::new();
    names
        .into_iter()
        .filter(|name| said.insert(*name))
        .filter_map(|name| Some((name, captures::get(name)?)))
        .map(|(name, capture)| {
            let command = match pid {
                Some(pid) => {
                    capture.command.replace("/PID/", &format!("/{pid}/")).replace("-p PID", &format!("-p {pid}"))
                }
                None => capture.command.clone(),
            };
            let again = if is_there(name) { " (once more: later or for longer)" } else { "" };
            NextCapture { command, answers: format!("{}{again}", capture.answers) }
        })
        .collect()
}
