//! Settings that follow from what was measured, with the arithmetic.

use super::fact::{Fact, Facts};
use super::measures::memory_limit;
use crate::case::{Case, SubjectId};
use crate::report::units;

/// What is kept free below a limit for what was not measured.
const RESERVE: f64 = 0.05;
/// A collector needs this much room above what is live.
const ROOM: f64 = 1.3;
/// From this share of its limit on, a group is near it.
const NEAR: f64 = 0.9;
/// Memory that a JVM needs beyond heap and what native memory tracking sees.
const JVM_RESERVE: f64 = 0.10;

/// Parts of a group's memory that no pressure gives back.
const UNRECLAIMABLE: &[&str] = &["cgroup.memory.anon", "cgroup.memory.shmem", "cgroup.memory.kernel"];

/// A setting, what it should be, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Advice {
    /// Whose.
    pub subject: SubjectId,
    /// `GOMEMLIMIT`, `GOMAXPROCS`, `-Xmx`, `memory limit`, `pool size`.
    pub setting: String,
    /// What it should be, as one would write it.
    pub value: String,
    /// What it is; none where that is not known.
    pub now: Option<String>,
    /// How the value comes about.
    pub arithmetic: String,
}

/// All advice that the facts of a case allow.
pub fn advise(case: &Case, facts: &Facts) -> Vec<Advice> {
    let of_subject = |subject| {
        let known = Known { case, facts, subject };
        [known.go_memory_limit(), known.gomaxprocs(), known.largest_heap(), known.memory_limit(), known.request()]
    };
    let settings = case.subject_ids().flat_map(of_subject).flatten();
    settings.chain(facts.of("pool").filter_map(pool_size)).collect()
}

/// What is known of one subject.
struct Known<'a> {
    case: &'a Case,
    facts: &'a Facts,
    subject: SubjectId,
}

impl Known<'_> {
    fn fact(&self, kind: &'static str, selector: &str, word: &str) -> Option<&Fact> {
        self.facts.of(kind).find(|fact| fact.subject == self.subject && fact.text(selector) == Some(word))
    }

    fn part(&self, name: &str) -> Option<f64> {
        self.fact("memory.part", "part", name)?.number("bytes").filter(|bytes| *bytes > 0.0)
    }

    /// Most of it came while it was watched: what it will need cannot be said.
    fn leaps(&self, part: &str) -> bool {
        let grew = self.fact("memory.part", "part", part).and_then(|fact| fact.number("grew_bytes"));
        grew.zip(self.part(part)).is_some_and(|(grew, bytes)| grew > bytes / 2.0 && grew > 16.0 * 1_048_576.0)
    }

    fn group_limit(&self) -> Option<f64> {
        memory_limit(self.case, self.subject).map(|(limit, _)| limit)
    }

    fn advice(&self, setting: &str, value: String, now: Option<String>, arithmetic: String) -> Advice {
        Advice { subject: self.subject, setting: setting.to_owned(), value, now, arithmetic }
    }

    /// The limit of the group less what the runtime does not count, less a reserve.
    fn go_memory_limit(&self) -> Option<Advice> {
        let limit = self.group_limit()?;
        if ["native", "go-live", "go-objects"].into_iter().any(|part| self.leaps(part)) {
            return None;
        }
        let live = self.part("go-live").or(self.part("go-objects"))?;
        let now = self.fact("limit", "kind", "gomemlimit").and_then(|fact| fact.number("value"));
        let outside: Vec<(&str, f64)> = ["native", "kernel", "shmem", "sock"]
            .into_iter()
            .filter_map(|part| Some((part, self.part(part)?)))
            .collect();
        let beside: f64 = outside.iter().map(|(_, bytes)| bytes).sum();
        let best = limit * (1.0 - RESERVE) - beside;
        if now.is_some_and(|now| now <= best && now >= live * ROOM) || best < live * ROOM {
            // It fits, or no value does: then the limit itself is advised.
            return None;
        }
        let listed =
            outside.iter().map(|(part, bytes)| format!(" - {} {part}", units::bytes(*bytes))).collect::<String>();
        let arithmetic = format!(
            "limit {} - {} in reserve{listed} = {}; the live heap of {} has room below it",
            units::bytes(limit),
            units::bytes(limit * RESERVE),
            units::bytes(best),
            units::bytes(live)
        );
        Some(self.advice("GOMEMLIMIT", mebibytes(best, "MiB"), now.map(units::bytes), arithmetic))
    }

    /// The CPU quota, rounded up.
    fn gomaxprocs(&self) -> Option<Advice> {
        let procs = self.facts.of("sched").find(|fact| fact.subject == self.subject)?.number("gomaxprocs")?;
        let last = |name| Some(self.case.signal(self.subject, name).filter(|signal| !signal.unlimited)?.last()?.value);
        let quota = last("cgroup.cpu.quota")
            .or_else(|| Some(last("cgroup.cpu.cfs_quota")? / last("cgroup.cpu.cfs_period")?))
            .filter(|quota| quota.is_finite() && *quota > 0.0)?;
        let best = quota.ceil().max(1.0);
        let arithmetic = format!("the quota is {} of a CPU, rounded up: {best}", units::number(quota));
        (procs > best).then(|| self.advice("GOMAXPROCS", format!("{best}"), Some(format!("{procs}")), arithmetic))
    }

    /// The limit of the group less what the JVM holds outside of its heap, less a reserve.
    fn largest_heap(&self) -> Option<Advice> {
        let limit = self.group_limit()?;
        let (jvm, heap) = (self.part("jvm")?, self.part("java-heap")?);
        let native = self.part("native").unwrap_or(0.0);
        let beside = jvm - heap + native;
        let best = limit * (1.0 - JVM_RESERVE) - beside;
        let arithmetic = format!(
            "limit {} - {} in reserve - {} outside of the heap (native memory tracking: {} - {} heap; unseen by it: {}) = {}",
            units::bytes(limit),
            units::bytes(limit * JVM_RESERVE),
            units::bytes(beside),
            units::bytes(jvm),
            units::bytes(heap),
            units::bytes(native),
            units::bytes(best)
        );
        (heap > best && best > 0.0)
            .then(|| self.advice("-Xmx", mebibytes(best, "m"), Some(units::bytes(heap)), arithmetic))
    }

    /// What cannot be reclaimed at its highest, where the pod asks for less or for nothing: the first to go when the
    /// node runs out of memory are those above their request.
    fn request(&self) -> Option<Advice> {
        let last = |name| Some(self.case.signal(self.subject, name)?.last()?.value);
        let now = last("k8s.memory.request");
        let pod = self.case.records.iter().filter(|placed| placed.subject == self.subject);
        let is_pod = pod.into_iter().any(|placed| placed.what.claims.pod.is_some());
        // A pod with a limit and no request asks for the limit.
        let asked = now.or(self.group_limit());
        let peaks = self.held();
        let peak: f64 = peaks.iter().map(|(_, bytes)| bytes).sum();
        if !is_pod || peaks.is_empty() || asked.is_some_and(|asked| peak <= asked) {
            return None;
        }
        let best = peak * 1.1;
        let arithmetic = format!(
            "highest: {} = {}, which cannot be reclaimed; a tenth more = {}",
            listed(&peaks),
            units::bytes(peak),
            units::bytes(best)
        );
        Some(self.advice("memory request", mebibytes(best, "Mi"), now.map(units::bytes), arithmetic))
    }

    /// The highest of each part of the group's memory that cannot be reclaimed.
    fn held(&self) -> Vec<(&'static str, f64)> {
        UNRECLAIMABLE
            .iter()
            .filter_map(|name| Some((*name, self.fact("level", "signal", name)?.number("max")?)))
            .collect()
    }

    /// What cannot be reclaimed at its highest, and a quarter more; not while it grows, since no limit is enough then.
    fn memory_limit(&self) -> Option<Advice> {
        let limit = self.group_limit()?;
        let grows = |signal: &str| {
            self.fact("trend", "signal", signal)
                .is_some_and(|fact| matches!(fact.text("verdict"), Some("growing" | "insufficient")))
        };
        let live_grows = ["go.memory.live_after_gc", "jvm.memory.used_after_last_gc"].into_iter().any(grows);
        if UNRECLAIMABLE.iter().any(|name| grows(name)) || live_grows {
            return None;
        }
        let peaks = self.held();
        let peak: f64 = peaks.iter().map(|(_, bytes)| bytes).sum();
        if peak < limit * NEAR {
            return None;
        }
        let best = peak * 1.25;
        let arithmetic = format!(
            "highest: {} = {}, which cannot be reclaimed; a quarter more = {}",
            listed(&peaks),
            units::bytes(peak),
            units::bytes(best)
        );
        Some(self.advice("memory limit", mebibytes(best, "Mi"), Some(units::bytes(limit)), arithmetic))
    }
}

fn listed(peaks: &[(&str, f64)]) -> String {
    let each = peaks
        .iter()
        .map(|(name, bytes)| format!("{} {}", units::bytes(*bytes), name.rsplit('.').next().unwrap_or(name)));
    each.collect::<Vec<_>>().join(" + ")
}

/// As many as are in use and waited for at once: the demand of the worst moment that was captured.
fn pool_size(fact: &Fact) -> Option<Advice> {
    let (size, waiting) = (fact.number("size")?, fact.number("blocked")?);
    let moves = fact.number("persisted").is_some_and(|share| share < 0.5);
    let is_bounded = matches!(fact.text("kind"), Some("connections" | "permits"));
    (is_bounded && moves && waiting > 0.0 && size > 0.0).then(|| Advice {
        subject: fact.subject,
        setting: format!("pool size of {}", fact.text("name").unwrap_or("the pool")),
        value: units::number(size + waiting),
        now: Some(units::number(size)),
        arithmetic: format!(
            "{} in use + {} waiting in the same snapshot; those who wait change, so the pool is too small and not leaking",
            units::number(size),
            units::number(waiting)
        ),
    })
}

/// Rounded down to whole mebibytes.
fn mebibytes(bytes: f64, unit: &str) -> String {
    format!("{}{unit}", (bytes / 1_048_576.0).floor())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::{Clock, Place, Sample, Signal};
    use postmortem_parsers::evidence::{SeriesKind, Unit};

    const MIB: f64 = 1_048_576.0;

    fn case(limit: f64) -> Case {
        let mut case = Case::default();
        case.subjects.push(crate::case::Subject {
            kind: "process",
            name: "cartd".into(),
            runtime: postmortem_parsers::evidence::Runtime::Go,
            pids: Vec::new(),
            cgroups: Vec::new(),
            joined_because: Vec::new(),
            began_again: Vec::new(),
            killed_at: Vec::new(),
        });
        case.signals.push(Signal {
            subject: 0,
            name: "cgroup.memory.limit".into(),
            labels: Vec::new(),
            unit: Unit::Bytes,
            kind: SeriesKind::Limit,
            clock: Clock::Wall,
            samples: vec![Sample { t: 0.0, value: limit, place: Place { artifact: 0, line: 1 } }],
            unlimited: false,
        });
        case
    }

    fn part(name: &str, bytes: f64) -> Fact {
        let mut fact = Fact::new("memory.part", 0);
        fact.set("part", name).set("bytes", bytes);
        fact
    }

    #[test]
    fn gomemlimit_leaves_room_for_what_go_does_not_count() {
        let mut facts = Facts::default();
        facts.push(part("go-live", 60.0 * MIB));
        facts.push(part("native", 20.0 * MIB));
        let advice = advise(&case(200.0 * MIB), &facts);
        assert_eq!(advice.len(), 1, "{advice:?}");
        assert_eq!((advice[0].setting.as_str(), advice[0].value.as_str()), ("GOMEMLIMIT", "170MiB"));
        assert_eq!(
            advice[0].arithmetic,
            "limit 200.0 MiB - 10.0 MiB in reserve - 20.0 MiB native = 170.0 MiB; the live heap of 60.0 MiB has room below it"
        );
        let mut set = Fact::new("limit", 0);
        set.set("kind", "gomemlimit").set("value", 160.0 * MIB);
        facts.push(set);
        assert_eq!(advise(&case(200.0 * MIB), &facts), []);
        assert_eq!(advise(&case(64.0 * MIB), &facts), [], "no GOMEMLIMIT helps a live heap that fills the limit");
    }

    #[test]
    fn xmx_leaves_room_for_the_rest_of_the_jvm() {
        let mut facts = Facts::default();
        facts.push(part("jvm", 700.0 * MIB));
        facts.push(part("java-heap", 512.0 * MIB));
        let advice = advise(&case(512.0 * MIB), &facts);
        assert_eq!((advice[0].setting.as_str(), advice[0].value.as_str()), ("-Xmx", "272m"));
        assert_eq!(advise(&case(1024.0 * MIB), &facts), []);
    }
}
