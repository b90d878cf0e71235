//! How processes and containers ended, by exit status and by what container runtimes and Kubernetes say.

use super::fact::{Cite, Fact, Facts};
use super::measures::memory_limit;
use crate::case::{Case, Placed, SubjectId};
use crate::report::model::Site;
use postmortem_parsers::evidence::{Record, RecordKind};

/// States exit facts, and kills for memory that nothing else tells of.
pub fn state(case: &Case, facts: &mut Facts) {
    for placed in case.records.iter().filter(|placed| placed.what.kind == RecordKind::Exit) {
        exit(case, placed, facts);
    }
    for subject in case.subject_ids() {
        stated_kill(case, subject, facts);
    }
}

/// The exit status, under either of its names.
fn code(record: &Record) -> Option<f64> {
    record.attribute("exit_code").or(record.attribute("code"))?.parse().ok()
}

/// Whether who reports the exit says that it was for memory.
fn says_oom(record: &Record) -> bool {
    record.attribute("reason") == Some("OOMKilled") || record.attribute("oom_killed") == Some("true")
}

fn exit(case: &Case, placed: &Placed<Record>, facts: &mut Facts) {
    let record = &placed.what;
    let mut fact = Fact::new("exit", placed.subject);
    let code = code(record);
    fact.set_known("code", code).set_known("reason", record.attribute("reason"));
    fact.set_known("container", record.attribute("container"));
    for (name, attribute) in [("restarts", "restarts"), ("uptime_s", "uptime_s")] {
        fact.set_known(name, record.attribute(attribute).and_then(|text| text.parse::<f64>().ok()));
    }
    let (oom, how) = kernel_oom(case, placed, facts);
    fact.set("kernel_oom", oom);
    let probe = probe(case, record);
    fact.set_known("probed", probe.map(|_| true));
    let status = code.map_or(String::new(), |code| format!(" with status {code}"));
    let reason = record.attribute("reason").map_or(String::new(), |reason| format!(" ({reason})"));
    let who = record.attribute("container").unwrap_or("the process");
    fact.cites.push(Cite::new(placed.artifact, record.line, format!("{who} ended{status}{reason}")));
    fact.cites.extend(how);
    if let Some(event) = probe {
        fact.cites.push(Cite::new(event.artifact, event.what.line, event.what.text.clone()));
    }
    if let Some(container) = record.attribute("container") {
        fact.sites.push(Site { function: container.to_owned(), file: None, line: None, role: "blocked".into() });
    }
    facts.push(fact);
}

/// Whether the kernel killed it for memory, and what tells. That nobody says so is no "no": a runtime that missed the
/// kernel's notice gives the reason as Error.
fn kernel_oom(case: &Case, placed: &Placed<Record>, facts: &Facts) -> (&'static str, Option<Cite>) {
    if says_oom(&placed.what) {
        return ("yes", None);
    }
    if let Some(kill) = facts.of("kill").find(|fact| may_be_of(fact, placed.subject)) {
        return ("yes", kill.cites.first().cloned());
    }
    if placed.what.attribute("oom_killed") == Some("false") {
        return (
            "no",
            Some(Cite::new(placed.artifact, placed.what.line, "the container runtime saw no kill for memory")),
        );
    }
    let counter = case.signal(placed.subject, "cgroup.memory.events.oom_kill").and_then(|signal| signal.last());
    if let Some(flat) = counter.filter(|sample| sample.value == 0.0) {
        return ("no", Some(Cite { place: flat.place, says: "the cgroup's oom_kill counter is 0".to_owned() }));
    }
    ("unknown", None)
}

/// A kernel log names the process, not the container: what it reports may be the end of any.
fn may_be_of(kill: &Fact, subject: SubjectId) -> bool {
    kill.subject == subject || !matches!(kill.text("by"), Some("counter" | "elsewhere"))
}

/// The event that tells of a liveness probe that failed, of the same pod where both name one.
fn probe<'a>(case: &'a Case, exit: &Record) -> Option<&'a Placed<Record>> {
    case.records.iter().find(|placed| {
        let event = &placed.what;
        let same = exit.claims.pod.is_none() || event.claims.pod.is_none() || event.claims.pod == exit.claims.pod;
        let message = event.attribute("message").unwrap_or("");
        let failed = match event.attribute("reason") {
            Some("Killing") => message.contains("liveness probe"),
            Some("Unhealthy") => message.starts_with("Liveness probe"),
            _ => false,
        };
        event.attribute("class") == Some("k8s-event") && failed && same
    })
}

/// A kill for memory that only the end of a container tells of.
fn stated_kill(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let told = || {
        case.records
            .iter()
            .filter(move |placed| placed.subject == subject && placed.what.kind == RecordKind::Exit)
            .filter(|placed| says_oom(&placed.what))
    };
    // A kernel log names the process, not the container: any kill that it reports is taken for this one.
    let known = facts.of("kill").any(|fact| may_be_of(fact, subject));
    let Some(last) = told().next_back().filter(|_| !known) else { return };
    let mut fact = Fact::new("kill", subject);
    let victim = last.what.attribute("container").unwrap_or("the container");
    let instants: std::collections::BTreeSet<&str> =
        told().filter_map(|placed| placed.what.attribute("finished")).collect();
    fact.set("by", "exit").set("victim", victim).set("count", instants.len().max(1));
    fact.set_known("limit_bytes", memory_limit(case, subject).map(|(limit, _)| limit));
    for placed in told().take(3) {
        let says = format!("{victim} was ended for memory (OOMKilled)");
        fact.cites.push(Cite::new(placed.artifact, placed.what.line, says));
    }
    fact.sites.push(Site { function: victim.to_owned(), file: None, line: None, role: "blocked".into() });
    facts.push(fact);
}
