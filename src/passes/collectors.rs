//! What tables of a JVM's counters (`jstat`) tell of its collector where no log of it was captured.

use super::fact::{Cite, Fact, Facts};
use crate::case::{Case, Signal, SubjectId};
use crate::report::units;
use postmortem_parsers::evidence::EventKind;

/// Fewer samples tell no share of time.
const FEWEST: usize = 3;

/// States a gc fact for each JVM without a log.
pub fn state(case: &Case, facts: &mut Facts) {
    for subject in case.subject_ids() {
        let has_log =
            case.events.iter().any(|placed| placed.subject == subject && placed.what.kind == EventKind::JvmGc);
        if !has_log {
            counted(case, subject, facts);
        }
    }
}

/// The signal of that name whose only label has this value.
fn labelled<'a>(case: &'a Case, subject: SubjectId, name: &str, value: &str) -> Option<&'a Signal> {
    case.labelled(subject, name).into_iter().find(|signal| signal.labels.first().is_some_and(|(_, of)| of == value))
}

/// How much a counter rose from its first to its last sample.
fn rose(signal: &Signal) -> Option<f64> {
    Some(signal.last()?.value - signal.first()?.value)
}

fn counted(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let Some(spent) = labelled(case, subject, "jvm.gc.time", "all") else { return };
    let (Some(first), Some(last)) = (spent.first(), spent.last()) else { return };
    let span = last.t - first.t;
    if spent.samples.len() < FEWEST || !spent.clock.is_time() || span <= 0.0 {
        return;
    }
    let of = |name: &str, collector: &str| labelled(case, subject, name, collector).and_then(rose);
    let share = ((last.value - first.value) / span).clamp(0.0, 1.0);
    let full = of("jvm.gc.count", "full");
    let cycles = [of("jvm.gc.count", "young"), full].into_iter().flatten().sum::<f64>();
    let mut fact = Fact::new("gc", subject);
    fact.set("collector", "jvm").set("cycles", cycles).set_known("full", full);
    fact.set("cpu_percent", (share * 100.0).round()).set("span_s", span).set("per_s", cycles / span);
    let stood = of("jvm.gc.time", "full").map(|seconds| (seconds / span).clamp(0.0, 1.0));
    fact.set_known("full_time_share", stood);
    if let Some(old) = labelled(case, subject, "jvm.memory.utilization", "old generation") {
        let tail = &old.samples[old.samples.len() - old.samples.len().div_ceil(4)..];
        // Between collections it only fills: the lowest is nearest to what is live.
        let live = tail.iter().map(|sample| sample.value).fold(f64::INFINITY, f64::min);
        fact.set_known("live_to_goal", live.is_finite().then_some(live));
    }
    let says = format!(
        "collections took {} of {} ({} of them full)",
        units::share(share),
        units::duration(span),
        full.map_or("an unknown number".to_owned(), units::number)
    );
    fact.cites.push(Cite { place: last.place, says });
    facts.push(fact);
}
