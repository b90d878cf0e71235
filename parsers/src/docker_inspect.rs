//! `docker inspect CONTAINER` (and podman's, which has the same names): how the container ended and what it may use.
//! Source: the Engine API's ContainerInspect.

use crate::environ::setting;
use crate::evidence::{Amount, Claims, Evidence, Parsed, Point, Record, RecordKind, Scope, SeriesKind, Unit, When};
use crate::lines::{Lines, Text, split_once, trim};
use crate::tables::StackId;
use crate::tree::{self, Node};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memmem;

/// Inspected containers.
pub struct DockerInspect;

impl Format for DockerInspect {
    fn id(&self) -> &'static str {
        "docker-inspect"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().map(trim).find(|line| !line.is_empty()).unwrap_or_default();
        let has = |key: &[u8]| memmem::find(head, key).is_some();
        let is_json = matches!(first, [b'{' | b'[', ..]);
        if is_json && has(b"\"State\"") && (has(b"\"OOMKilled\"") || has(b"\"HostConfig\"")) {
            Sniff::Yes
        } else {
            Sniff::No
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let when = lines.time().map_or(hint.when, When::Wall);
        let documents = tree::read(lines, out);
        let all: Vec<&Node> = documents
            .iter()
            .flat_map(|document| {
                if document.get("State").is_some() { std::slice::from_ref(document) } else { document.elements() }
            })
            .filter(|container| container.get("State").is_some())
            .collect();
        let scope = if all.len() > 1 { Scope::Listed } else { Scope::Own };
        for container in all {
            inspected(container, scope, when, out);
        }
    }
}

fn number(node: &Node, path: &str) -> Option<f64> {
    node.text(path)?.parse().ok()
}

fn inspected(container: &Node, scope: Scope, when: When, out: &mut Parsed) {
    let name = container.text("Name").unwrap_or_default().trim_start_matches('/').to_owned();
    let pid = number(container, "State.Pid").filter(|pid| *pid > 0.0).map(|pid| pid as u64);
    let claims = Claims { pid, container: Some(name.clone()), scope, ..Claims::default() };
    let mut shared = vec![("container", name.clone())];
    shared.extend(container.text("RestartCount").map(|count| ("restarts", count.to_owned())));
    let record = |node: &Node, kind, when, attributes, text| Record {
        line: node.line,
        end: node.last_line().saturating_add(1),
        claims: claims.clone(),
        when,
        kind,
        attributes,
        stack: StackId::EMPTY,
        text,
    };
    let mut settings = shared.clone();
    settings.extend(container.text("Id").map(|id| ("container_id", id.to_owned())));
    settings.extend(container.text("Config.Image").map(|image| ("image", image.to_owned())));
    settings
        .extend(container.text("HostConfig.RestartPolicy.Name").map(|policy| ("restart_policy", policy.to_owned())));
    let positive = |path: &str| number(container, path).filter(|value| *value > 0.0);
    let quota =
        positive("HostConfig.CpuQuota").map(|quota| quota / positive("HostConfig.CpuPeriod").unwrap_or(100_000.0));
    let line_of = |path: &str| container.get(path).map_or(container.line, |node| node.line);
    // 0 stands for "no limit" in all of them.
    for (name, signal, unit, value, line) in [
        (
            "memory_limit_bytes",
            "cgroup.memory.limit",
            Unit::Bytes,
            positive("HostConfig.Memory"),
            line_of("HostConfig.Memory"),
        ),
        (
            "memory_request_bytes",
            "cgroup.memory.soft_limit",
            Unit::Bytes,
            positive("HostConfig.MemoryReservation"),
            line_of("HostConfig.MemoryReservation"),
        ),
        (
            "cpu_limit_cores",
            "cgroup.cpu.quota",
            Unit::Count,
            positive("HostConfig.NanoCpus").map(|nano| nano / 1e9).or(quota),
            line_of("HostConfig.NanoCpus"),
        ),
        (
            "pids_limit",
            "cgroup.pids.limit",
            Unit::Count,
            positive("HostConfig.PidsLimit"),
            line_of("HostConfig.PidsLimit"),
        ),
    ] {
        let Some(value) = value else { continue };
        settings.push((name, format!("{value}")));
        out.point(&claims, signal, unit, SeriesKind::Limit, Point { when, value: Amount::Value(value), line });
        out.records += 1;
    }
    for variable in container.list("Config.Env").iter().filter_map(Node::own_text) {
        settings.extend(split_once(variable.as_bytes(), b"=").and_then(|(name, value)| setting(name, value)));
    }
    out.records += 1;
    out.evidence.push(Evidence::Record(record(
        container,
        RecordKind::Setting,
        when,
        settings,
        format!("container {name}"),
    )));
    let Some(state) = container.get("State") else { return };
    if !matches!(state.text("Status"), Some("exited" | "dead")) {
        return;
    }
    let oom = state.text("OOMKilled") == Some("true");
    let mut exit = shared;
    exit.push(("which", "state".to_owned()));
    exit.extend(oom.then(|| ("reason", "OOMKilled".to_owned())));
    exit.extend(state.text("OOMKilled").map(|killed| ("oom_killed", killed.to_owned())));
    for (path, name) in [("ExitCode", "exit_code"), ("Error", "message")] {
        exit.extend(state.text(path).map(|text| (name, text.to_owned())));
    }
    let instant = |path: &str| time::instant(state.text(path)?.as_bytes()).filter(|at| *at > 0);
    let (from, to) = (instant("StartedAt"), instant("FinishedAt"));
    for (name, at) in [("started", from), ("finished", to)] {
        exit.extend(at.map(|at| (name, time::rfc3339_utc(at))));
    }
    let lived = from.zip(to).and_then(|(from, to)| to.checked_sub(from)).filter(|lived| *lived >= 0);
    exit.extend(lived.map(|lived| ("uptime_s", format!("{}", lived as f64 / 1e9))));
    out.records += 1;
    out.evidence.push(Evidence::Record(record(
        state,
        RecordKind::Exit,
        to.map_or(when, When::Wall),
        exit,
        format!("{name}: exited"),
    )));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exit_of(text: &str) -> Record {
        let mut out = Parsed::default();
        assert_eq!(DockerInspect.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        DockerInspect.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        assert!(!format!("{out:?}").contains("TOKEN"));
        let exits = out.evidence.iter().find_map(|e| match e {
            Evidence::Record(record) if record.kind == RecordKind::Exit => Some(record.clone()),
            _ => None,
        });
        exits.unwrap()
    }

    #[test]
    fn two_ends_with_the_same_code() {
        let oom = exit_of(include_str!("../../samples/docker-inspect/oom-killed/docker-inspect-oom.json"));
        assert_eq!((oom.attribute("exit_code"), oom.attribute("reason")), (Some("137"), Some("OOMKilled")));
        let killed = exit_of(include_str!("../../samples/docker-inspect/killed/docker-inspect-killed.json"));
        assert_eq!((killed.attribute("exit_code"), killed.attribute("oom_killed")), (Some("137"), Some("false")));
        assert_eq!(killed.claims.container.as_deref(), Some("idle"));
    }
}
