//! Classes of a Java heap that have more and more instances from one histogram to the next, and objects that wait for
//! their finalizer.

use super::code;
use super::fact::{Cite, Fact, Facts};
use crate::case::{Case, Signal, SubjectId};
use crate::report::model::Site;
use crate::report::units;

/// Classes of each owner (the program, its libraries) that are stated at most.
const MOST: usize = 3;
/// A last step below this share of the steps before is no growth any more.
const LEVELLED: f64 = 0.25;

/// States the classes of a subject that grew most.
pub fn state(case: &Case, subject: SubjectId, facts: &mut Facts) {
    waiting(case, subject, facts);
    let (counts, sizes) = (case.labelled(subject, "jvm.class.instances"), case.labelled(subject, "jvm.class.bytes"));
    let class = |signal: &Signal| signal.labels.first().map_or(String::new(), |(_, class)| class.clone());
    let total: f64 = sizes.iter().map(|signal| grew(signal)).map(|bytes| bytes.max(0.0)).sum();
    let mut grown: Vec<(&Signal, &Signal)> = counts
        .into_iter()
        .filter(|instances| instances.samples.len() > 1)
        .filter_map(|instances| Some((instances, *sizes.iter().find(|bytes| bytes.labels == instances.labels)?)))
        .collect();
    if !grown.is_empty() {
        facts.looked_for("class", subject);
    }
    grown.retain(|(instances, _)| grew(instances) > 0.0);
    grown.sort_by(|a, b| grew(b.1).total_cmp(&grew(a.1)).then_with(|| a.0.labels.cmp(&b.0.labels)));
    for user in [true, false] {
        let of_owner = grown.iter().filter(|(instances, _)| is_user(&class(instances)) == user);
        for (instances, bytes) in of_owner.take(MOST) {
            let name = class(instances);
            let (Some(first), Some(last)) = (instances.first(), instances.last()) else { continue };
            let values: Vec<f64> = instances.samples.iter().map(|sample| sample.value).collect();
            let rises = values.windows(2).filter(|pair| pair[1] > pair[0]).count();
            let mut fact = Fact::new("class", subject);
            fact.set("class", name.as_str()).set("user", user).set("histograms", values.len());
            fact.set("instances", last.value).set("grew_instances", grew(instances));
            fact.set("bytes", bytes.last().map_or(0.0, |sample| sample.value)).set("grew_bytes", grew(bytes));
            fact.set("rising", rises as f64 / (values.len() - 1) as f64).set("levelled", levelled(&values));
            if first.value > 0.0 {
                fact.set("ratio", last.value / first.value);
            }
            if total > 0.0 {
                fact.set("share_of_growth", grew(bytes) / total);
            }
            let says = format!(
                "{name}: {} instances, {} more than in the first of {} histograms",
                units::number(last.value),
                units::number(grew(instances)),
                values.len()
            );
            fact.cites.push(Cite { place: last.place, says });
            fact.sites.push(Site { function: name, file: None, line: None, role: "hot".into() });
            facts.push(fact);
        }
    }
}

/// States how many objects of a class wait for their finalizer.
fn waiting(case: &Case, subject: SubjectId, facts: &mut Facts) {
    let pending = case.labelled(subject, "jvm.finalizer.pending");
    for signal in pending {
        let (Some((_, class)), Some(last)) = (signal.labels.first(), signal.last()) else { continue };
        let mut fact = Fact::new("finalizer", subject);
        fact.set("class", class.as_str()).set("count", last.value).set("growth", grew(signal));
        let says = format!("{} objects of {class} wait for their finalizer", units::number(last.value));
        fact.cites.push(Cite { place: last.place, says });
        facts.push(fact);
    }
}

fn grew(signal: &Signal) -> f64 {
    match (signal.first(), signal.last()) {
        (Some(first), Some(last)) => last.value - first.value,
        _ => 0.0,
    }
}

/// The last step is next to nothing beside the mean of those before.
fn levelled(values: &[f64]) -> bool {
    let [.., before, last] = values else { return false };
    let earlier = (before - values[0]) / (values.len() as f64 - 2.0);
    values.len() > 2 && last - before < LEVELLED * earlier
}

/// Arrays and classes of the platform are used by every program.
fn is_user(class: &str) -> bool {
    !class.starts_with('[') && code::is_user_java(class)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stopped_growing_has_levelled() {
        assert!(!levelled(&[100.0, 200.0, 300.0]));
        assert!(levelled(&[100.0, 900.0, 1000.0]));
        assert!(levelled(&[100.0, 900.0, 900.0, 900.0]));
        assert!(!levelled(&[100.0, 900.0]), "two histograms do not tell");
    }

    #[test]
    fn arrays_and_platform_classes_are_nobodys() {
        assert!(is_user("com.acme.session.UserSession"));
        for class in ["[B", "[Lcom.acme.Session;", "java.lang.String", "sun.nio.ch.Net"] {
            assert!(!is_user(class), "{class}");
        }
    }
}
