//! What ties evidence to a captured process besides its pid: ids and names of containers, control groups, and what the
//! kernel's report of a kill tells of its victim.

use super::ArtifactId;
use postmortem_parsers::container::container_id;
use postmortem_parsers::evidence::{Amount, Claims, Evidence, Record, RecordKind, Scope};
use std::collections::BTreeMap;

/// The captured processes by what else they are known by.
#[derive(Default)]
pub struct Joins {
    /// The pid of a captured process, by the id of its container.
    by_container: BTreeMap<String, u64>,
    /// The same by the path of its control group.
    by_cgroup: BTreeMap<String, u64>,
    /// Ids of containers by pod and name.
    ids: BTreeMap<(Option<String>, String), String>,
    /// Groups whose limit brought about the kill of a captured process.
    killed_in: BTreeMap<String, u64>,
    /// Memory limits that were read of the captured groups.
    limits: Vec<f64>,
}

/// Whether the victim of a kill is one of the captured processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Victim {
    /// The one with this pid.
    Captured(u64, &'static str),
    /// Its group has the limit that was read of the captured group.
    Fits,
    /// None of them.
    Stranger,
    /// Nothing speaks for or against it.
    Unknown,
}

impl Joins {
    /// Collects the ties; `captured` tells the name of a process that was captured by its pid.
    pub fn new<'a>(loose: &[(ArtifactId, Evidence)], captured: impl Fn(u64) -> Option<&'a str>) -> Joins {
        let mut joins = Joins::default();
        for (_, evidence) in loose {
            let claims = evidence.claims();
            let own = claims.pid.filter(|pid| captured(*pid).is_some());
            let told = match evidence {
                Evidence::Record(record) if record.kind == RecordKind::Kill => continue,
                Evidence::Record(record) => record.attribute("container_id"),
                Evidence::Series(series) if is_limit(&series.signal) && claims.scope == Scope::Own => {
                    let values = series.points.iter();
                    joins.limits.extend(values.filter_map(|point| match point.value {
                        Amount::Value(value) => Some(value),
                        Amount::Unlimited => None,
                    }));
                    None
                }
                _ => None,
            };
            if let (Some(id), Some(name)) = (told, &claims.container) {
                joins.ids.insert((claims.pod.clone(), name.clone()), id.to_owned());
            }
            let Some(pid) = own else { continue };
            let of_path = claims.cgroup.as_deref().and_then(container_id);
            if let Some(id) = told.or(of_path) {
                joins.by_container.entry(id.to_owned()).or_insert(pid);
            }
            if let Some(path) = claims.cgroup.as_deref().map(plain).filter(|path| !path.is_empty()) {
                joins.by_cgroup.entry(path.to_owned()).or_insert(pid);
            }
        }
        for (_, evidence) in loose {
            if let Evidence::Record(record) = evidence
                && record.kind == RecordKind::Kill
                && let (Victim::Captured(pid, _), Some(group)) = (joins.victim(record, &captured), group_of(record))
            {
                joins.killed_in.entry(group.to_owned()).or_insert(pid);
            }
        }
        joins
    }

    /// The captured process of a container or control group, and why.
    pub fn process(&self, claims: &Claims) -> Option<(u64, &'static str)> {
        let named = claims.container.as_ref().and_then(|name| self.ids.get(&(claims.pod.clone(), name.clone())));
        let ids =
            [claims.cgroup.as_deref().and_then(container_id), claims.container.as_deref(), named.map(String::as_str)];
        if let Some(pid) = ids.into_iter().flatten().find_map(|id| self.by_container.get(id)) {
            return Some((*pid, "the same container id"));
        }
        let pid = self.by_cgroup.get(plain(claims.cgroup.as_deref()?))?;
        Some((*pid, "the same control group"))
    }

    /// Whose the victim of a kill is.
    pub fn victim<'a>(&self, kill: &Record, captured: impl Fn(u64) -> Option<&'a str>) -> Victim {
        let claims = &kill.claims;
        if let Some(pid) = claims.pid.filter(|pid| captured(*pid).is_some()) {
            return Victim::Captured(pid, "the pid of the victim");
        }
        if let Some((pid, why)) = self.process(claims) {
            return Victim::Captured(pid, why);
        }
        if let Some(pid) = group_of(kill).and_then(|group| self.killed_in.get(group)) {
            return Victim::Captured(*pid, "killed for the same limit as a captured process");
        }
        let limit = kill.attribute("limit_bytes").and_then(|text| text.parse::<f64>().ok());
        if limit.is_some_and(|limit| self.limits.iter().any(|known| (known - limit).abs() <= limit * 0.001)) {
            return Victim::Fits;
        }
        let is_elsewhere = claims.cgroup.as_deref().map(plain).is_some_and(|path| {
            !self.by_cgroup.is_empty()
                && self.by_cgroup.keys().all(|known| !is_below(path, known) && !is_below(known, path))
        });
        if is_elsewhere { Victim::Stranger } else { Victim::Unknown }
    }
}

fn is_limit(signal: &str) -> bool {
    matches!(signal, "cgroup.memory.limit" | "cgroup.memory.hierarchical_limit")
}

/// The group whose limit was met.
fn group_of(kill: &Record) -> Option<&str> {
    kill.attribute("oom_memcg").map(plain).filter(|group| !group.is_empty())
}

fn plain(path: &str) -> &str {
    path.trim_matches('/')
}

/// The path is that of the group or of one within it.
fn is_below(path: &str, group: &str) -> bool {
    path.strip_prefix(group).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}
