//! Objects of Kubernetes as `kubectl get pod|events|deployment -o json|yaml` prints them: how containers ended, what
//! they may use, and what happened to them. Source: the API reference (Pod, Event, Deployment of `v1`, `apps/v1`).

use crate::environ::setting;
use crate::evidence::{Amount, Claims, Evidence, Parsed, Point, Record, RecordKind, Scope, SeriesKind, Unit, When};
use crate::kubectl_describe::quantity;
use crate::lines::{Lines, Text, trim};
use crate::tables::StackId;
use crate::tree::{self, Node};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memmem;

/// Objects of Kubernetes.
pub struct Kubernetes;

type Attributes = Vec<(&'static str, String)>;

impl Format for Kubernetes {
    fn id(&self) -> &'static str {
        "kubernetes"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().map(trim).find(|line| !line.is_empty() && *line != b"---");
        let has = |key: &[u8]| memmem::find(head, key).is_some();
        let is_object = match first.unwrap_or_default() {
            [b'{' | b'[', ..] => has(b"\"apiVersion\"") && has(b"\"kind\""),
            first => {
                let begins = first.starts_with(b"apiVersion: ") || first.starts_with(b"kind: ") || first == b"items:";
                begins && has(b"apiVersion: ") && has(b"kind: ")
            }
        };
        if is_object { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let when = lines.time().map_or(hint.when, When::Wall);
        let documents = tree::read(lines, out);
        let mut objects = Vec::new();
        for document in &documents {
            flatten(document, &mut objects);
        }
        let pods = objects.iter().filter(|object| object.text("kind") == Some("Pod")).count();
        let scope = if pods > 1 { Scope::Listed } else { Scope::Own };
        for object in objects {
            match object.text("kind") {
                Some("Pod") => pod(object, scope, when, out),
                Some("Event") => event(object, when, out),
                Some(_) if object.get("spec.template.spec").is_some() => workload(object, when, out),
                kind => {
                    let kind = kind.unwrap_or("without a kind");
                    out.note(object.line, format!("an object {kind} tells nothing of processes; not read"));
                }
            }
        }
    }
}

/// The objects of a list, of lists in a list, or the one itself. Members of a typed list lack their kind.
fn flatten<'a>(object: &'a Node, into: &mut Vec<&'a Node>) {
    let is_list = object.get("items").is_some() && object.text("kind").is_none_or(|kind| kind.ends_with("List"));
    if is_list {
        object.list("items").iter().for_each(|item| flatten(item, into));
    } else if object.elements().is_empty() {
        into.push(object);
    } else {
        object.elements().iter().for_each(|item| flatten(item, into));
    }
}

fn push(
    out: &mut Parsed,
    kind: RecordKind,
    node: &Node,
    claims: Claims,
    when: When,
    text: String,
    attributes: Attributes,
) {
    out.records += 1;
    let (line, end) = (node.line, node.last_line().max(node.line).saturating_add(1));
    out.evidence.push(Evidence::Record(Record {
        line,
        end,
        claims,
        when,
        kind,
        attributes,
        stack: StackId::EMPTY,
        text,
    }));
}

/// Members by their path, under the names that records have.
fn named(node: &Node, members: &[(&str, &'static str)]) -> Attributes {
    members.iter().filter_map(|(path, name)| Some((*name, node.text(path)?.to_owned()))).collect()
}

fn instant(node: &Node, path: &str) -> Option<i64> {
    time::instant(node.text(path)?.as_bytes())
}

fn pod(pod: &Node, scope: Scope, when: When, out: &mut Parsed) {
    let name = pod.text("metadata.name").unwrap_or_default();
    let specs = pod.list("spec.containers");
    // What holds for one of several containers holds for no process that is not known to be in it.
    let scope = if specs.len() > 1 { Scope::Listed } else { scope };
    let claims = |container: Option<&str>| Claims {
        pod: Some(name.to_owned()),
        container: container.map(str::to_owned),
        scope,
        ..Claims::default()
    };
    let attributes = named(
        pod,
        &[
            ("metadata.namespace", "namespace"),
            ("spec.nodeName", "node"),
            ("status.phase", "status"),
            ("status.reason", "reason"),
            ("status.message", "message"),
            ("status.qosClass", "qos"),
            ("spec.priorityClassName", "priority_class"),
        ],
    );
    // A pod that failed as a whole: evicted, preempted.
    if let Some(reason) = pod.text("status.reason") {
        let mut exit = vec![("which", "pod".to_owned()), ("reason", reason.to_owned())];
        exit.extend(pod.text("status.message").map(|message| ("message", message.to_owned())));
        push(out, RecordKind::Exit, pod, claims(None), when, format!("pod {name}"), exit);
    }
    push(out, RecordKind::Setting, pod, claims(None), when, format!("pod {name}"), attributes);
    for spec in specs {
        let container = spec.text("name").unwrap_or_default();
        let status = pod.list("status.containerStatuses").iter().find(|s| s.text("name") == Some(container));
        container_settings(spec, status, claims(Some(container)), when, out);
        for (which, path) in [("state", "state"), ("last_state", "lastState")] {
            if let Some((status, state)) = status.and_then(|status| Some((status, status.get(path)?))) {
                ended(status, state, which, claims(Some(container)), when, out);
            }
        }
    }
}

/// What a container may use and what its environment says, and the limits as signals of its control group.
fn container_settings(spec: &Node, status: Option<&Node>, claims: Claims, when: When, out: &mut Parsed) {
    let container = claims.container.clone().unwrap_or_default();
    let mut attributes = vec![("container", container.clone())];
    attributes.extend(status.and_then(|status| Some(("restarts", status.text("restartCount")?.to_owned()))));
    attributes.extend(named(spec, &[("image", "image")]));
    let id = status.and_then(|status| status.text("containerID"));
    attributes.extend(id.map(|id| ("container_id", id.rsplit('/').next().unwrap_or(id).to_owned())));
    for (path, name, signal, unit, kind) in [
        ("resources.limits.memory", "memory_limit_bytes", "cgroup.memory.limit", Unit::Bytes, SeriesKind::Limit),
        ("resources.limits.cpu", "cpu_limit_cores", "cgroup.cpu.quota", Unit::Count, SeriesKind::Limit),
        ("resources.requests.memory", "memory_request_bytes", "k8s.memory.request", Unit::Bytes, SeriesKind::Limit),
        ("resources.requests.cpu", "cpu_request_cores", "k8s.cpu.request", Unit::Count, SeriesKind::Limit),
    ] {
        let Some(member) = spec.get(path) else { continue };
        let Some(amount) = member.own_text().and_then(|text| quantity(text.as_bytes())) else { continue };
        attributes.push((name, format!("{amount}")));
        out.point(&claims, signal, unit, kind, Point { when, value: Amount::Value(amount), line: member.line });
        out.records += 1;
    }
    for variable in spec.list("env") {
        let (name, value) = (variable.text("name").unwrap_or_default(), variable.text("value").unwrap_or_default());
        attributes.extend(setting(name.as_bytes(), value.as_bytes()));
    }
    let text = format!("container {container} of pod {}", claims.pod.as_deref().unwrap_or(""));
    push(out, RecordKind::Setting, spec, claims, when, text, attributes);
}

/// An exit for what has ended, a line of a log for what waits to start; what runs is no event.
fn ended(status: &Node, state: &Node, which: &str, claims: Claims, when: When, out: &mut Parsed) {
    let container = claims.container.clone().unwrap_or_default();
    let mut attributes = vec![("container", container.clone())];
    attributes.extend(named(status, &[("restartCount", "restarts")]));
    attributes.push(("which", which.to_owned()));
    if let Some(waiting) = state.get("waiting") {
        attributes.insert(0, ("class", "k8s-waiting".to_owned()));
        attributes.extend(named(waiting, &[("reason", "reason"), ("message", "message")]));
        push(out, RecordKind::Log, waiting, claims, when, format!("{container}: Waiting"), attributes);
    } else if let Some(ended) = state.get("terminated") {
        attributes.extend(named(
            ended,
            &[("reason", "reason"), ("message", "message"), ("exitCode", "exit_code"), ("signal", "signal")],
        ));
        let (from, to) = (instant(ended, "startedAt"), instant(ended, "finishedAt"));
        let lived = from.zip(to).and_then(|(from, to)| to.checked_sub(from)).filter(|lived| *lived >= 0);
        for (name, at) in [("started", from), ("finished", to)] {
            attributes.extend(at.map(|at| (name, time::rfc3339_utc(at))));
        }
        attributes.extend(lived.map(|lived| ("uptime_s", format!("{}", lived as f64 / 1e9))));
        let when = to.map_or(when, When::Wall);
        push(out, RecordKind::Exit, ended, claims, when, format!("{container}: Terminated"), attributes);
    }
}

/// Deployments and the like: what their pods may use.
fn workload(object: &Node, when: When, out: &mut Parsed) {
    let containers = object.list("spec.template.spec.containers");
    let scope = if containers.len() > 1 { Scope::Listed } else { Scope::Own };
    for spec in containers {
        let claims = Claims { container: spec.text("name").map(str::to_owned), scope, ..Claims::default() };
        container_settings(spec, None, claims, when, out);
    }
}

fn event(event: &Node, when: When, out: &mut Parsed) {
    let mut attributes = vec![("class", "k8s-event".to_owned())];
    attributes.extend(named(
        event,
        &[
            ("type", "type"),
            ("reason", "reason"),
            ("message", "message"),
            ("count", "count"),
            ("source.component", "from"),
        ],
    ));
    if event.text("count").is_none() {
        attributes.push(("count", event.text("series.count").unwrap_or("1").to_owned()));
    }
    // `involvedObject` of core/v1 is `regarding` of events.k8s.io, whose message is a note.
    let of = |path: &str| event.text(&format!("involvedObject.{path}")).or(event.text(&format!("regarding.{path}")));
    attributes.extend(event.text("note").map(|note| ("message", note.to_owned())));
    let pod = of("name").filter(|_| of("kind") == Some("Pod")).map(str::to_owned);
    let container = of("fieldPath").and_then(|path| path.split_once('{')?.1.strip_suffix('}').map(str::to_owned));
    attributes.extend(of("name").map(|name| ("object", name.to_owned())));
    let at = ["lastTimestamp", "series.lastObservedTime", "eventTime", "deprecatedLastTimestamp", "firstTimestamp"]
        .iter()
        .find_map(|path| instant(event, path));
    let text = format!("{}: {}", event.text("reason").unwrap_or(""), event.text("message").unwrap_or(""));
    let claims = Claims { pod, container, ..Claims::default() };
    push(out, RecordKind::Log, event, claims, at.map_or(when, When::Wall), text, attributes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed {
        let mut out = Parsed::default();
        assert_eq!(Kubernetes.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        Kubernetes.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        out
    }

    fn records(out: &Parsed, kind: RecordKind) -> Vec<&Record> {
        let all = out.evidence.iter().filter_map(|e| if let Evidence::Record(r) = e { Some(r) } else { None });
        all.filter(|record| record.kind == kind).collect()
    }

    const YAML: &str = include_str!("../../samples/kubernetes/pod-oom-yaml/pod.yaml");
    const JSON: &str = include_str!("../../samples/kubernetes/pod-oom-json/pod.json");

    #[test]
    fn a_pod_tells_the_same_in_both_notations() {
        for text in [YAML, JSON] {
            let out = parse(text);
            assert!(out.notes.is_empty(), "{:?}", out.notes);
            let [exit] = records(&out, RecordKind::Exit)[..] else { panic!() };
            assert_eq!((exit.attribute("exit_code"), exit.attribute("reason")), (Some("137"), Some("OOMKilled")));
            assert_eq!((exit.attribute("uptime_s"), exit.attribute("restarts")), (Some("50"), Some("7")));
            let settings = records(&out, RecordKind::Setting);
            assert_eq!(settings[1].attribute("memory_limit_bytes"), Some("167772160"));
            assert_eq!(settings[1].attribute("GODEBUG"), Some("gctrace=1"));
            assert!(!format!("{out:?}").contains("s3cret"));
            let line = text.lines().nth(exit.line as usize - 1).unwrap();
            assert!(line.contains("containerID") || line.contains("terminated"), "{line}");
            let limit = out.evidence.iter().find_map(|e| match e {
                Evidence::Series(s) if s.signal == "cgroup.memory.limit" => Some(s),
                _ => None,
            });
            assert_eq!(limit.unwrap().points[0].value, Amount::Value(167_772_160.0));
        }
    }

    #[test]
    fn events_of_a_pod() {
        let out = parse(include_str!("../../samples/kubernetes/events-yaml/events.yaml"));
        let events = records(&out, RecordKind::Log);
        assert_eq!((events.len(), events[0].attribute("reason")), (3, Some("Unhealthy")));
        assert_eq!(events[0].claims.container.as_deref(), Some("searchd"));
        assert!(matches!(events[0].when, When::Wall(_)));
    }
}
