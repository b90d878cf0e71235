//! Processes that ended by their own fault, kills for memory, and tasks that the kernel saw stuck.

use super::code;
use super::fact::{Cite, Fact, Facts};
use super::threads::{Population, site, sites_of};
use crate::case::{Case, Placed};
use crate::report::model::Site;
use crate::report::units;
use postmortem_parsers::evidence::{Record, RecordKind, Runtime};
use std::collections::BTreeMap;

/// States crash, kill and stall facts.
pub fn state(case: &Case, populations: &[Population<'_>], facts: &mut Facts) {
    for placed in &case.records {
        match placed.what.kind {
            RecordKind::Panic | RecordKind::Fatal | RecordKind::Signal => crash(case, placed, populations, facts),
            RecordKind::Race => race(case, placed, facts),
            _ => {}
        }
    }
    stalls(case, facts);
    reports(case, facts);
    blocked_calls(case, facts);
    kills(case, facts);
}

fn crash(case: &Case, placed: &Placed<Record>, populations: &[Population<'_>], facts: &mut Facts) {
    let record = &placed.what;
    let mut fact = Fact::new("crash", placed.subject);
    let kind = match record.kind {
        RecordKind::Panic => "panic",
        RecordKind::Fatal => "fatal",
        _ => "signal",
    };
    let message = record.attribute("message").unwrap_or(&record.text);
    fact.set("kind", kind).set("message", message);
    fact.set("deadlock", message.contains("all goroutines are asleep"));
    // Signals that somebody sends to ask for a dump or for the end are no fault of the program.
    let asked = ["SIGQUIT", "SIGINT", "SIGTERM", "SIGHUP", "SIGKILL"];
    let sent = record.attribute("signal").is_some_and(|signal| asked.contains(&signal));
    fact.set("quit", record.kind == RecordKind::Signal && sent);
    fact.sites = crash_sites(case, record);
    fact.set_known("site", fact.sites.first().map(|site| site.function.clone()));
    fact.cites.push(Cite::new(placed.artifact, record.line, record.text.clone()));
    asleep(case, placed, populations, &mut fact);
    facts.push(fact);
}

/// The places of a crash: the one that the report itself names, then the user code of its stack, then the other
/// places that it names.
fn crash_sites(case: &Case, record: &Record) -> Vec<Site> {
    let runtime = match (record.attribute("runtime"), record.attribute("site"), record.attribute("program")) {
        (Some("python"), _, _) => Runtime::Python,
        (Some("java"), _, _) => Runtime::Java,
        (None, None, None) => Runtime::Go,
        _ => Runtime::Native,
    };
    let named = |name: &str| {
        record.attribute(name).map(|function| Site {
            function: function.to_owned(),
            file: None,
            line: None,
            role: "blocked".into(),
        })
    };
    let frames = case.tables.stack_frames(record.stack);
    let user = frames
        .iter()
        .copied()
        .filter(|&frame| code::is_user(&case.tables, frame, runtime) && case.tables.function(frame) != "panic")
        .map(|frame| site(&case.tables, frame, "blocked"));
    let mut sites: Vec<Site> = Vec::new();
    let others = ["other_site", "freed_by", "allocated_by"].into_iter().filter_map(named);
    for place in named("site").into_iter().chain(user.take(4)).chain(others) {
        // A frame knows its file and line where the attribute has the name alone.
        match sites.iter_mut().find(|known| known.function == place.function) {
            Some(known) if known.file.is_none() => *known = place,
            Some(_) => {}
            None => sites.push(place),
        }
    }
    sites
}

/// What sanitizers and traces of system calls report.
fn reports(case: &Case, facts: &mut Facts) {
    for placed in case.records.iter().filter(|placed| placed.what.kind == RecordKind::Log) {
        let record = &placed.what;
        let kind = match record.attribute("class") {
            Some("memory-leak") => "memory-leak",
            Some("thread-leak") => "thread-leak",
            Some("lock-order-inversion") => "lock-order-inversion",
            Some("threads-created-not-ended") => "threads-not-ended",
            Some("thread-stacks-kept") => "stacks-kept",
            _ => continue,
        };
        let number = |name: &str| record.attribute(name).and_then(|text| text.parse::<f64>().ok());
        let mut fact = Fact::new("report", placed.subject);
        fact.set("kind", kind).set_known("bytes", number("bytes")).set_known("reused", number("reused"));
        fact.set_known("count", number("count").or(number("objects")));
        let late = number("late").zip(number("count")).filter(|(_, count)| *count > 0.0);
        fact.set_known("late_share", late.map(|(late, count)| late / count));
        fact.set_known("call", record.attribute("call")).set_known("site", record.attribute("site"));
        fact.sites = crash_sites(case, record);
        fact.set_known("reason", record.attribute("call").map(super::reason::of_call));
        if fact.sites.is_empty() {
            let calls = [("call", "blocked"), ("created_by", "creator"), ("program", "blocked")];
            fact.sites.extend(calls.into_iter().filter_map(|(name, role)| {
                let function = record.attribute(name)?.to_owned();
                Some(Site { function, file: None, line: None, role: role.into() })
            }));
        }
        fact.cites.push(Cite::new(placed.artifact, record.line, record.text.clone()));
        facts.push(fact);
    }
}

/// System calls that did not return before the trace ended, by process and call.
fn blocked_calls(case: &Case, facts: &mut Facts) {
    let mut by_call: BTreeMap<(u32, &str, bool), Vec<&Placed<Record>>> = BTreeMap::new();
    for placed in &case.records {
        if placed.what.attribute("class") == Some("blocked-call")
            && let Some(call) = placed.what.attribute("call")
        {
            let asked = placed.what.attribute("asked").is_some();
            by_call.entry((placed.subject, call, asked)).or_default().push(placed);
        }
    }
    for ((subject, call, asked), all) in by_call {
        let mut fact = Fact::new("report", subject);
        let seconds = all.iter().filter_map(|placed| placed.what.attribute("seconds")?.parse::<f64>().ok());
        fact.set("kind", "blocked-call").set("call", call).set("count", all.len()).set("asked", asked);
        fact.set("reason", super::reason::of_call(call)).set("site", call);
        fact.set_known("seconds", seconds.reduce(f64::min));
        fact.sites.push(Site { function: call.to_owned(), file: None, line: None, role: "blocked".into() });
        for placed in all.iter().take(3) {
            fact.cites.push(Cite::new(placed.artifact, placed.what.line, placed.what.text.clone()));
        }
        facts.push(fact);
    }
}

/// For a program in which every goroutine is asleep: how many there are, in what, and where.
fn asleep(case: &Case, placed: &Placed<Record>, populations: &[Population<'_>], fact: &mut Fact) {
    if fact.flag("deadlock") != Some(true) {
        return;
    }
    let Some(census) = populations
        .iter()
        .flat_map(|population| &population.censuses)
        .find(|census| census.placed.artifact == placed.artifact && census.placed.what.line >= placed.what.line)
    else {
        return;
    };
    let waiting: Vec<_> = census.threads.iter().filter(|known| known.is_waiting() && !known.is_idle()).collect();
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for known in &waiting {
        *reasons.entry(known.reason).or_default() += 1;
    }
    fact.set("count", waiting.len());
    fact.set_known("reason", reasons.iter().max_by_key(|(_, count)| **count).map(|(reason, _)| *reason));
    for known in &waiting {
        for place in sites_of(&case.tables, known.thread.stack, known.thread.created_by, Runtime::Go) {
            if fact.sites.len() < 5 && !fact.sites.iter().any(|site| site.function == place.function) {
                fact.sites.push(place);
            }
        }
    }
}

fn race(case: &Case, placed: &Placed<Record>, facts: &mut Facts) {
    let record = &placed.what;
    let mut fact = Fact::new("crash", placed.subject);
    fact.set("kind", "race").set("message", record.text.as_str());
    fact.sites = crash_sites(case, record);
    fact.set_known("site", fact.sites.first().map(|site| site.function.clone()));
    fact.cites.push(Cite::new(placed.artifact, record.line, record.text.clone()));
    facts.push(fact);
}

/// Functions that every stuck task shows and that tell nothing of why.
const SCHEDULER: &[&str] = &[
    "*schedule*",
    "*io_schedule*",
    "__switch_to*",
    "*wait_for_common*",
    "*wait_on_bit*",
    "bit_wait*",
    "dump_*",
    "*show_stack*",
    "*backtrace*",
    "*_raw_spin*",
    "panic",
    "watchdog*",
    "*hrtimer*",
    "*apic*",
    "*sysvec*",
    "asm_*",
    "*irq*",
    "ret_from_fork*",
    "kthread*",
    "*entry*",
    "*do_syscall*",
    "*wait_for_completion*",
];

/// Tasks that the kernel saw stuck, by kind and task.
fn stalls(case: &Case, facts: &mut Facts) {
    let mut by_task: BTreeMap<(u32, &str, &str), Vec<&Placed<Record>>> = BTreeMap::new();
    for placed in case.records.iter().filter(|placed| placed.what.kind == RecordKind::Log) {
        let class = placed.what.attribute("class").unwrap_or("");
        if matches!(class, "hung-task" | "soft-lockup" | "rcu-stall" | "blocked-task") {
            by_task
                .entry((placed.subject, class, placed.what.attribute("task").unwrap_or("")))
                .or_default()
                .push(placed);
        }
    }
    for ((subject, class, task), all) in by_task {
        let first = &all[0].what;
        let mut fact = Fact::new("stall", subject);
        fact.set("kind", class).set("task", task).set("count", all.len());
        if class == "soft-lockup" {
            fact.set("reason", "running");
        }
        fact.set_known(
            "seconds",
            all.iter().filter_map(|p| p.what.attribute("seconds")?.parse::<f64>().ok()).reduce(f64::max),
        );
        let telling = |frame: &&postmortem_parsers::tables::FrameId| {
            !SCHEDULER.iter().any(|glob| super::glob::fits(glob, case.tables.function(**frame)))
        };
        let frames = case.tables.stack_frames(first.stack);
        fact.set(
            "frames",
            frames.iter().take(30).map(|&frame| case.tables.function(frame).to_owned()).collect::<Vec<_>>(),
        );
        fact.sites = frames.iter().filter(telling).take(4).map(|&frame| site(&case.tables, frame, "blocked")).collect();
        fact.set_known("site", fact.sites.first().map(|site| site.function.clone()));
        for placed in all.iter().take(3) {
            fact.cites.push(Cite::new(placed.artifact, placed.what.line, placed.what.text.clone()));
        }
        facts.push(fact);
    }
}

/// Kills that the kernel log reports, by victim's name; else those that the cgroup's counter or an exit status tells.
fn kills(case: &Case, facts: &mut Facts) {
    let mut by_victim: BTreeMap<(u32, String), Vec<&Placed<Record>>> = BTreeMap::new();
    for placed in case.records.iter().filter(|placed| placed.what.kind == RecordKind::Kill) {
        let victim = placed.what.attribute("victim").unwrap_or("").to_owned();
        by_victim.entry((placed.subject, victim)).or_default().push(placed);
    }
    for ((subject, victim), all) in &by_victim {
        let last = &all[all.len() - 1].what;
        let number = |name: &str| last.attribute(name).and_then(|text| text.parse::<f64>().ok());
        let mut fact = Fact::new("kill", *subject);
        let killer = last.attribute("killer").unwrap_or("");
        let by = match killer {
            _ if is_stranger(case, *subject) => "elsewhere",
            "systemd-oomd" => "userspace",
            _ if last.attribute("order") == Some("-1") => "sysrq",
            "cpuset" | "memory-policy" => "numa",
            _ if killer.starts_with("global") => "global",
            _ => "memcg",
        };
        fact.set("at_ancestor", killer == "memcg-parent").set("whole_machine", killer.starts_with("global"));
        fact.set("by", by).set("victim", victim.as_str()).set("count", all.len());
        let limit = number("limit_bytes").filter(|limit| *limit > 0.0);
        fact.set_known("limit_bytes", limit);
        let largest = last.attribute("largest_task_pid").zip(last.attribute("pid"));
        fact.set_known("largest", largest.map(|(largest, victim)| largest == victim));
        fact.set_known("largest_task", last.attribute("largest_task"));
        fact.set_known("oom_score_adj", number("oom_score_adj"));
        let anon = number("anon_rss_bytes");
        fact.set_known("victim_share", anon.zip(limit).map(|(anon, limit)| anon / limit));
        if let (Some(anon), Some(limit)) = (anon, limit) {
            fact.set("innocent", anon + number("shmem_rss_bytes").unwrap_or(0.0) < limit * 0.25);
        }
        fact.set_known(
            "kernel_share",
            number("kmem_usage_bytes").or(number("stat.kernel")).zip(limit).map(|(k, l)| k / l),
        );
        fact.set_known("shmem_share", number("stat.shmem").zip(limit).map(|(s, l)| s / l));
        if by != "elsewhere" {
            parts_at_kill(*subject, all[all.len() - 1], limit, facts);
        }
        if !victim.is_empty() {
            fact.sites.push(Site { function: victim.clone(), file: None, line: None, role: "blocked".into() });
        }
        for placed in all.iter().rev().take(3) {
            fact.cites.push(Cite::new(placed.artifact, placed.what.line, placed.what.text.clone()));
        }
        facts.push(fact);
    }
    for subject in case.subject_ids() {
        if by_victim.keys().any(|(of, _)| *of == subject) {
            continue;
        }
        counted_kill(case, subject, facts);
    }
}

/// The victim is known to be none of the processes that were captured.
fn is_stranger(case: &Case, subject: u32) -> bool {
    !case.subjects[subject as usize].is_process() && case.subjects.iter().any(|subject| !subject.pids.is_empty())
}

/// What filled the limit, as the kernel's report of the kill has it.
fn parts_at_kill(subject: u32, placed: &Placed<Record>, limit: Option<f64>, facts: &mut Facts) {
    let record = &placed.what;
    let number = |name: &str| record.attribute(name).and_then(|text| text.parse::<f64>().ok());
    for (part, bytes) in
        [("shmem", number("stat.shmem")), ("kernel", number("kmem_usage_bytes").or(number("stat.kernel")))]
    {
        let Some((bytes, limit)) = bytes.zip(limit) else { continue };
        let mut fact = Fact::new("memory.part", subject);
        fact.set("part", part).set("bytes", bytes).set("share_of_limit", bytes / limit).set("at_kill", true);
        let says = format!("when it killed, {part} memory was {} of {}", units::bytes(bytes), units::bytes(limit));
        fact.cites.push(Cite::new(placed.artifact, record.line, says));
        let victim = record.attribute("victim").unwrap_or("").to_owned();
        fact.sites.push(Site { function: victim, file: None, line: None, role: "blocked".into() });
        facts.push(fact);
    }
}

/// A kill that only a counter tells of.
fn counted_kill(case: &Case, subject: u32, facts: &mut Facts) {
    let Some(counter) = case.signal(subject, "cgroup.memory.events.oom_kill") else { return };
    facts.looked_for("kill", subject);
    let (Some(first), Some(last)) = (counter.first(), counter.last()) else { return };
    // A single sample tells that a kill happened in the life of the cgroup; two, that it happened in the capture.
    let kills = if counter.samples.len() > 1 { last.value - first.value } else { last.value };
    if kills < 1.0 {
        return;
    }
    let at = counter.samples.iter().find(|sample| sample.value > first.value).unwrap_or(last);
    let mut fact = Fact::new("kill", subject);
    let rose = counter.samples.len() > 1;
    fact.set("by", "counter").set("count", kills).set("rose", rose);
    let says = if rose {
        format!("the cgroup's oom_kill counter went from {} to {}", first.value, last.value)
    } else {
        format!("the cgroup's oom_kill counter stands at {}: when that was, one sample does not tell", last.value)
    };
    fact.cites.push(Cite { place: at.place, says });
    fact.sites.push(Site {
        function: case.subjects[subject as usize].name.clone(),
        file: None,
        line: None,
        role: "blocked".into(),
    });
    facts.push(fact);
}
