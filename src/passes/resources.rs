//! Limits of descriptors, tasks and processors, what was used of them, and what the command line sets.

use super::fact::{Cite, Fact, Facts};
use super::measures::memory_limit;
use crate::case::{Case, Sample, Signal, SubjectId};
use crate::report::units;
use postmortem_parsers::evidence::{RecordKind, Runtime};

/// States limit facts.
pub fn state(case: &Case, facts: &mut Facts) {
    for subject in case.subject_ids() {
        counted(case, subject, &DESCRIPTORS, facts);
        counted(case, subject, &TASKS, facts);
        let quota = quota(case, subject);
        cpu(subject, quota, facts);
        processors(case, subject, quota.map(|(cores, _)| cores), facts);
        java_heap(case, subject, facts);
        unknown_limit(case, subject, facts);
    }
}

/// A limit of a number of things.
struct Counted {
    kind: &'static str,
    limit: &'static str,
    used: &'static [&'static str],
    /// Counts the times that it was met.
    hits: &'static str,
    things: &'static str,
}

const DESCRIPTORS: Counted = Counted {
    kind: "fds",
    limit: "process.open_file_descriptor.limit",
    used: &["process.open_file_descriptor.count"],
    hits: "",
    things: "open descriptors",
};

const TASKS: Counted = Counted {
    kind: "pids",
    limit: "cgroup.pids.limit",
    used: &["cgroup.pids.current", "cgroup.pids.peak"],
    hits: "cgroup.pids.events.max",
    things: "processes and threads",
};

fn counted(case: &Case, subject: SubjectId, of: &Counted, facts: &mut Facts) {
    let limit = case.signal(subject, of.limit);
    let hits = case.signal(subject, of.hits).and_then(Signal::last);
    let Some(found) = limit.and_then(Signal::last).or(hits) else {
        if limit.is_some_and(|signal| signal.unlimited) {
            let mut fact = Fact::new("limit", subject);
            fact.set("kind", of.kind).set("unset", true);
            facts.push(fact);
        }
        return;
    };
    let value = limit.filter(|signal| !signal.unlimited).and_then(Signal::last).map(|sample| sample.value);
    let used = of.used.iter().filter_map(|name| case.signal(subject, name)?.peak());
    let used = used.max_by(|a, b| a.value.total_cmp(&b.value));
    let mut fact = Fact::new("limit", subject);
    fact.set("kind", of.kind).set_known("value", value).set_known("hits", hits.map(|hits| hits.value));
    fact.set_known("unset", limit.map(|_| value.is_none()));
    fact.set_known("peak_share", used.zip(value).map(|(used, limit)| used.value / limit));
    if let Some(value) = value {
        let says = format!("at most {} {} are allowed", units::number(value), of.things);
        fact.cites.push(Cite { place: found.place, says });
    }
    if let Some(used) = used {
        let says = format!("there were {} {}", units::number(used.value), of.things);
        fact.cites.push(Cite { place: used.place, says });
    }
    if let Some(hits) = hits.filter(|hits| hits.value > 0.0) {
        let says = format!("the limit was met {} times", units::number(hits.value));
        fact.cites.push(Cite { place: hits.place, says });
    }
    facts.push(fact);
}

/// The CPU quota in cores: `cpu.max`, or v1's quota and period.
fn quota(case: &Case, subject: SubjectId) -> Option<(f64, &Sample)> {
    let last = |name: &str| case.signal(subject, name).filter(|signal| !signal.unlimited)?.last();
    if let Some(cores) = last("cgroup.cpu.quota") {
        return Some((cores.value, cores));
    }
    let (quota, period) = (last("cgroup.cpu.cfs_quota")?, last("cgroup.cpu.cfs_period")?);
    (period.value > 0.0 && quota.value > 0.0).then_some((quota.value / period.value, quota))
}

fn cpu(subject: SubjectId, quota: Option<(f64, &Sample)>, facts: &mut Facts) {
    let Some((cores, at)) = quota else { return };
    let mut fact = Fact::new("limit", subject);
    fact.set("kind", "cpu").set("value", cores).set("unset", false);
    fact.cites.push(Cite { place: at.place, says: format!("the CPU quota is {} cores", units::number(cores)) });
    facts.push(fact);
}

/// GOMAXPROCS, from the runtime's metrics or the environment, against the quota.
fn processors(case: &Case, subject: SubjectId, quota: Option<f64>, facts: &mut Facts) {
    let measured = case.signal(subject, "go.processor.limit").and_then(Signal::last);
    let measured = measured.map(|sample| (sample.value, sample.place.artifact, sample.place.line));
    let set = settings(case, subject, "GOMAXPROCS").find_map(|(text, artifact, line)| {
        Some((text.parse::<f64>().ok().filter(|count| *count > 0.0)?, artifact, line))
    });
    let Some((count, artifact, line)) = measured.or(set) else { return };
    let mut fact = Fact::new("limit", subject);
    fact.set("kind", "gomaxprocs").set("value", count).set("unset", false);
    fact.set_known("per_quota", quota.map(|cores| count / cores.ceil().max(1.0)));
    fact.cites.push(Cite::new(artifact, line, format!("GOMAXPROCS is {}", units::number(count))));
    facts.push(fact);
}

/// The settings of a name that a subject has: value and place.
fn settings<'a>(
    case: &'a Case,
    subject: SubjectId,
    name: &'a str,
) -> impl Iterator<Item = (&'a str, crate::case::ArtifactId, u32)> {
    case.records
        .iter()
        .filter(move |placed| placed.subject == subject && placed.what.kind == RecordKind::Setting)
        .filter_map(move |placed| Some((placed.what.attribute(name)?, placed.artifact, placed.what.line)))
}

/// Where options of the Java VM stand, those that win first.
const JAVA_OPTIONS: &[&str] = &[
    "_JAVA_OPTIONS",
    "java_options",
    "JDK_JAVA_OPTIONS",
    "JAVA_TOOL_OPTIONS",
    "JAVA_OPTS",
    "JVM_OPTS",
    "CATALINA_OPTS",
];

/// The largest heap that the command line or the environment allows, against the memory limit.
fn java_heap(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let memory = memory_limit(case, subject).map(|(limit, _)| limit);
    let found = JAVA_OPTIONS.iter().find_map(|name| {
        settings(case, subject, name).find_map(|(options, artifact, line)| {
            let (option, bytes) = largest_heap(options, memory)?;
            Some((option.to_owned(), bytes, artifact, line))
        })
    });
    let Some((option, bytes, artifact, line)) = found else { return };
    let mut fact = Fact::new("limit", subject);
    fact.set("kind", "xmx").set("value", bytes).set("unset", false);
    fact.set_known("of_memory", memory.map(|limit| bytes / limit));
    fact.cites.push(Cite::new(artifact, line, format!("{option} allows a heap of {}", units::bytes(bytes))));
    facts.push(fact);
}

/// The last `-Xmx` (or its long form), else `-XX:MaxRAMPercentage` of the memory limit.
fn largest_heap(options: &str, memory: Option<f64>) -> Option<(&str, f64)> {
    let all = || options.split_ascii_whitespace().rev();
    let sized = all().find_map(|option| {
        let text = option.strip_prefix("-Xmx").or_else(|| option.strip_prefix("-XX:MaxHeapSize="))?;
        Some((option, java_size(text)?))
    });
    sized.or_else(|| {
        all().find_map(|option| {
            let percent: f64 = option.strip_prefix("-XX:MaxRAMPercentage=")?.parse().ok()?;
            Some((option, memory? * percent / 100.0))
        })
    })
}

/// `900m`, `1g`, `262144k`, `1073741824`.
fn java_size(text: &str) -> Option<f64> {
    let (digits, scale) = match text.chars().last()?.to_ascii_lowercase() {
        'k' => (&text[..text.len() - 1], 1024.0),
        'm' => (&text[..text.len() - 1], 1_048_576.0),
        'g' => (&text[..text.len() - 1], 1_073_741_824.0),
        't' => (&text[..text.len() - 1], 1_099_511_627_776.0),
        _ => (text, 1.0),
    };
    digits.parse::<u64>().ok().map(|value| value as f64 * scale)
}

/// A pod's description lists its environment: where a Go program has a memory limit and no GOMEMLIMIT is among it,
/// the runtime was not told.
fn unknown_limit(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let is_go = case.subjects[subject as usize].runtime == Runtime::Go;
    let known = facts.of("limit").any(|fact| fact.subject == subject && fact.text("kind") == Some("gomemlimit"));
    let told = settings(case, subject, "GOMEMLIMIT").next().is_some();
    if !is_go || known || told {
        return;
    }
    let Some((_, artifact, line)) = settings(case, subject, "memory_limit_bytes").next() else { return };
    let mut fact = Fact::new("limit", subject);
    fact.set("kind", "gomemlimit").set("unset", true);
    let says = "the container has a memory limit, and GOMEMLIMIT is not in its environment";
    fact.cites.push(Cite::new(artifact, line, says));
    facts.push(fact);
}

#[cfg(test)]
mod tests {
    use super::{java_size, largest_heap};

    #[test]
    fn heaps_as_java_reads_them() {
        assert_eq!(java_size("256m"), Some(268_435_456.0));
        assert_eq!(java_size("1073741824"), Some(1_073_741_824.0));
        assert_eq!(java_size("g"), None);
        let heap = |options, memory| largest_heap(options, memory).map(|(_, bytes)| bytes);
        assert_eq!(heap("-Xmx1g -Xmx512m", None), Some(536_870_912.0), "the last one wins");
        assert_eq!(heap("-XX:MaxRAMPercentage=75.0", Some(1000.0)), Some(750.0));
        assert_eq!(heap("-XX:MaxRAMPercentage=75.0", None), None);
    }
}
