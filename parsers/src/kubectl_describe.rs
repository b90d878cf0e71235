//! `kubectl describe pod`. Source: `staging/src/k8s.io/kubectl/pkg/describe/describe.go` (describePod,
//! describeContainers, DescribeEvents). What is meant for people is nested by indentation.

use crate::environ::setting;
use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::kernel_oom::lossy;
use crate::lines::{LineNo, Lines, Text, decimal, float, split_once};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memmem;

/// Descriptions of pods.
pub struct KubectlDescribe;

type Attributes = Vec<(&'static str, String)>;

impl Format for KubectlDescribe {
    fn id(&self) -> &'static str {
        "kubectl-describe"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().skip_while(|line| line.is_empty());
        let is_named = lines.next().is_some_and(|line| line.starts_with(b"Name: "))
            && lines.next().is_some_and(|line| line.starts_with(b"Namespace: "));
        if is_named && lines.any(|line| line == b"Containers:") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut pod = Pod { when: hint.when, ..Pod::default() };
        while let Some(line) = lines.peek() {
            let number = lines.number();
            if line.starts_with(b"Name: ") {
                pod.finish(out);
                pod = Pod { when: lines.time().map_or(hint.when, When::Wall), line: number, ..Pod::default() };
            }
            pod.line(line, number, out);
            lines.advance();
            pod.end = lines.last_number().saturating_add(1);
        }
        pod.finish(out);
    }
}

/// A state that a container is or was in.
#[derive(Default)]
struct State {
    line: LineNo,
    name: String,
    attributes: Attributes,
    started: Option<i64>,
    finished: Option<i64>,
}

/// A container that is being read.
#[derive(Default)]
struct Container {
    line: LineNo,
    name: String,
    restarts: Option<String>,
    /// `State` and `Last State`.
    states: [Option<State>; 2],
    settings: Attributes,
}

/// What the lines below a key of a container tell of.
#[derive(Clone, Copy, Default, PartialEq)]
enum Below {
    #[default]
    Nothing,
    /// A state by its index in [`Container::states`].
    State(usize),
    Limits,
    Requests,
    Environment,
}

/// A pod that is being read.
#[derive(Default)]
struct Pod {
    line: LineNo,
    end: LineNo,
    when: When,
    name: String,
    /// The key at the margin that the line stands below.
    section: Vec<u8>,
    container: Option<Container>,
    below: Below,
    attributes: Attributes,
}

impl Pod {
    fn line(&mut self, line: &[u8], number: LineNo, out: &mut Parsed) {
        let text = line.trim_ascii();
        let indent = line.len() - line.trim_ascii_start().len();
        let (key, value) = split_once(text, b":").map_or((text, &b""[..]), |(key, value)| (key, value.trim_ascii()));
        if text.is_empty() {
        } else if indent == 0 {
            self.close_container(out);
            self.section = key.to_vec();
            self.of_pod(key, value);
        } else if self.section.ends_with(b"Containers") {
            match indent {
                2 if value.is_empty() => {
                    self.close_container(out);
                    self.container = Some(Container { line: number, name: lossy(key), ..Container::default() });
                }
                4 => self.of_container(key, value, number),
                6.. => self.below(key, value),
                _ => {}
            }
        } else if self.section == b"Events" {
            self.event(text, number, out);
        }
    }

    fn of_pod(&mut self, key: &[u8], value: &[u8]) {
        let name = match key {
            b"Name" => return self.name = lossy(value),
            b"Namespace" => "namespace",
            b"Node" => "node",
            b"Status" => "status",
            b"Reason" => "reason",
            b"Message" => "message",
            b"QoS Class" => "qos",
            b"Priority Class Name" => "priority_class",
            _ => return,
        };
        self.attributes.push((name, lossy(value)));
    }

    fn of_container(&mut self, key: &[u8], value: &[u8], number: LineNo) {
        let Some(container) = &mut self.container else { return };
        let state = |index: usize, container: &mut Container| {
            container.states[index] = Some(State { line: number, name: lossy(value), ..State::default() });
            Below::State(index)
        };
        self.below = match key {
            b"State" => state(0, container),
            b"Last State" => state(1, container),
            b"Limits" => Below::Limits,
            b"Requests" => Below::Requests,
            b"Environment" => Below::Environment,
            b"Restart Count" => {
                container.restarts = Some(lossy(value));
                Below::Nothing
            }
            b"Container ID" => {
                let id = memmem::find(value, b"://").map_or(value, |at| &value[at + 3..]);
                container.settings.push(("container_id", lossy(id)));
                Below::Nothing
            }
            b"Image" => {
                container.settings.push(("image", lossy(value)));
                Below::Nothing
            }
            _ => Below::Nothing,
        };
    }

    fn below(&mut self, key: &[u8], value: &[u8]) {
        let Some(container) = &mut self.container else { return };
        let settings = &mut container.settings;
        match self.below {
            Below::Nothing => {}
            Below::State(index) => {
                if let Some(state) = &mut container.states[index] {
                    state.take(key, value);
                }
            }
            Below::Environment => settings.extend(setting(key, value)),
            Below::Limits | Below::Requests => {
                let name = match (self.below, key) {
                    (Below::Limits, b"memory") => "memory_limit_bytes",
                    (Below::Limits, b"cpu") => "cpu_limit_cores",
                    (_, b"memory") => "memory_request_bytes",
                    (_, b"cpu") => "cpu_request_cores",
                    _ => return,
                };
                settings.extend(quantity(value).map(|amount| (name, format!("{amount}"))));
            }
        }
    }

    fn claims(&self, container: Option<&str>) -> Claims {
        Claims { pod: Some(self.name.clone()), container: container.map(str::to_owned), ..Claims::default() }
    }

    fn close_container(&mut self, out: &mut Parsed) {
        self.below = Below::Nothing;
        let Some(container) = self.container.take() else { return };
        let claims = self.claims(Some(&container.name));
        let mut attributes = vec![("container", container.name.clone())];
        attributes.extend(container.restarts.iter().map(|count| ("restarts", count.clone())));
        let settings = [attributes.clone(), container.settings].concat();
        for (which, state) in ["state", "last_state"].into_iter().zip(container.states) {
            if let Some(state) = state {
                let mut shared = attributes.clone();
                shared.push(("which", which.to_owned()));
                out.evidence.extend(state.record(shared, claims.clone(), self.when).map(Evidence::Record));
            }
        }
        let text = format!("container {} of pod {}", container.name, self.name);
        self.push(RecordKind::Setting, settings, claims, (container.line, self.end), text, out);
    }

    fn push(
        &self,
        kind: RecordKind,
        attributes: Attributes,
        claims: Claims,
        (line, end): (LineNo, LineNo),
        text: String,
        out: &mut Parsed,
    ) {
        let (when, stack) = (self.when, StackId::EMPTY);
        out.records += 1;
        out.evidence.push(Evidence::Record(Record { line, end, claims, when, kind, attributes, stack, text }));
    }

    /// `Warning  BackOff    12s (x3 over 40s)    kubelet  Back-off restarting failed container ...`.
    fn event(&mut self, text: &[u8], number: LineNo, out: &mut Parsed) {
        let columns: Vec<&[u8]> = columns(text);
        let [kind, reason, age, from, message] = columns[..] else {
            // A rule of dashes and `<none>` are no events either.
            if !(text.starts_with(b"Type") || text.starts_with(b"----") || text == b"<none>") {
                out.note(number, "an event of the pod that is not five columns");
            }
            return;
        };
        if kind == b"Type" || kind == b"----" {
            return;
        }
        let (age, times) = split_once(age, b" (x").unwrap_or((age, b"1"));
        let times = times.split(|byte| *byte == b' ').next().and_then(decimal).unwrap_or(1);
        let attributes = vec![
            ("class", "k8s-event".to_owned()),
            ("type", lossy(kind)),
            ("reason", lossy(reason)),
            ("message", lossy(message)),
            ("count", times.to_string()),
            ("age", lossy(age)),
            ("from", lossy(from)),
        ];
        let claims = self.claims(None);
        self.push(RecordKind::Log, attributes, claims, (number, number.saturating_add(1)), lossy(text), out);
    }

    fn finish(&mut self, out: &mut Parsed) {
        self.close_container(out);
        if self.attributes.is_empty() {
            return;
        }
        let attributes = std::mem::take(&mut self.attributes);
        let find = |name| attributes.iter().find(|(key, _)| *key == name).map(|(_, value)| value.clone());
        let text = format!("pod {}", self.name);
        let lines = (self.line, self.end);
        // A pod that failed as a whole: `Reason: Evicted`.
        if let Some(reason) = find("reason") {
            let mut exit = vec![("which", "pod".to_owned()), ("reason", reason)];
            exit.extend(find("message").map(|message| ("message", message)));
            self.push(RecordKind::Exit, exit, self.claims(None), lines, text.clone(), out);
        }
        self.push(RecordKind::Setting, attributes, self.claims(None), lines, text, out);
    }
}

impl State {
    fn take(&mut self, key: &[u8], value: &[u8]) {
        let name = match key {
            b"Reason" => "reason",
            b"Message" => "message",
            b"Exit Code" => "exit_code",
            b"Signal" => "signal",
            b"Started" => "started",
            b"Finished" => "finished",
            _ => return,
        };
        let at = time::instant(value);
        match name {
            "started" => self.started = at,
            "finished" => self.finished = at,
            _ => {}
        }
        let is_time = matches!(name, "started" | "finished");
        self.attributes.push((name, at.filter(|_| is_time).map_or_else(|| lossy(value), time::rfc3339_utc)));
    }

    /// An exit for what has ended, a line of a log for what waits to start; what runs is no event.
    fn record(self, mut attributes: Attributes, claims: Claims, when: When) -> Option<Record> {
        let kind = match self.name.as_str() {
            "Terminated" => RecordKind::Exit,
            "Waiting" => {
                attributes.insert(0, ("class", "k8s-waiting".to_owned()));
                RecordKind::Log
            }
            _ => return None,
        };
        let count = u32::try_from(self.attributes.len()).unwrap_or(0);
        attributes.extend(self.attributes);
        let lived = self.started.zip(self.finished).and_then(|(from, to)| to.checked_sub(from));
        attributes
            .extend(lived.filter(|lived| *lived >= 0).map(|lived| ("uptime_s", format!("{}", lived as f64 / 1e9))));
        let text = format!("{}: {}", claims.container.as_deref().unwrap_or(""), self.name);
        let end = self.line.saturating_add(1).saturating_add(count);
        let when = self.finished.map_or(when, When::Wall);
        Some(Record { line: self.line, end, claims, when, kind, attributes, stack: StackId::EMPTY, text })
    }
}

/// What two or more blanks part; the fifth column holds the rest.
fn columns(text: &[u8]) -> Vec<&[u8]> {
    let (mut columns, mut rest) = (Vec::new(), text);
    while columns.len() < 4
        && let Some((column, next)) = split_once(rest, b"  ")
    {
        columns.push(column);
        rest = next.trim_ascii_start();
    }
    columns.push(rest);
    columns
}

/// `160Mi`, `500m`, `1`, `1e9`: in bytes or cores.
pub(crate) fn quantity(text: &[u8]) -> Option<f64> {
    const UNITS: &[(&[u8], f64)] = &[
        (b"Ki", 1024.0),
        (b"Mi", 1_048_576.0),
        (b"Gi", 1_073_741_824.0),
        (b"Ti", 1_099_511_627_776.0),
        (b"k", 1e3),
        (b"M", 1e6),
        (b"G", 1e9),
        (b"T", 1e12),
    ];
    if let Some(digits) = text.strip_suffix(b"m") {
        return float(digits).filter(|value| value.is_finite()).map(|value| value / 1e3);
    }
    let unit = UNITS.iter().find_map(|(unit, scale)| Some((text.strip_suffix(*unit)?, *scale)));
    let (digits, scale) = unit.unwrap_or((text, 1.0));
    float(digits).filter(|value| value.is_finite()).map(|value| value * scale)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed {
        let mut out = Parsed::default();
        KubectlDescribe.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        out
    }

    fn records(out: &Parsed, kind: RecordKind) -> Vec<&Record> {
        let all =
            out.evidence.iter().filter_map(|e| if let Evidence::Record(record) = e { Some(record) } else { None });
        all.filter(|record| record.kind == kind).collect()
    }

    const POD: &str = "\
Name:             cartd-6f7c9d5b8-x2lqp
Namespace:        shop
Status:           Running
Containers:
  cartd:
    Container ID:   containerd://dfa2
    State:          Waiting
      Reason:       CrashLoopBackOff
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Sat, 21 Nov 2026 22:42:06 +0000
      Finished:     Sat, 21 Nov 2026 22:42:56 +0000
    Ready:          True
    Restart Count:  7
    Limits:
      cpu:      500m
      memory:   160Mi
    Requests:
      cpu:      1
    Environment:
      GODEBUG:       gctrace=1
      DB_PASSWORD:   s3cret
    Mounts:
      /var/run/secrets from kube-api-access-88f5c (ro)
QoS Class:                   Burstable
Events:
  Type     Reason     Age                  From     Message
  ----     ------     ----                 ----     -------
  Normal   Started    41s (x8 over 2d3h)   kubelet  Started container cartd
  Warning  BackOff    12s                  kubelet  Back-off restarting  failed container
";

    #[test]
    fn a_container_that_was_killed() {
        let out = parse(POD);
        let [exit] = records(&out, RecordKind::Exit)[..] else { panic!("{:?}", out.evidence) };
        for (key, value) in [
            ("container", "cartd"),
            ("which", "last_state"),
            ("reason", "OOMKilled"),
            ("exit_code", "137"),
            ("finished", "2026-11-21T22:42:56Z"),
            ("uptime_s", "50"),
            ("restarts", "7"),
        ] {
            assert_eq!(exit.attribute(key), Some(value), "{key}");
        }
        assert_eq!((exit.line, exit.end), (9, 14));
        assert_eq!(exit.when, When::Wall(time::instant(b"2026-11-21T22:42:56Z").unwrap()));
        assert_eq!(exit.claims.pod.as_deref(), Some("cartd-6f7c9d5b8-x2lqp"));
    }

    #[test]
    fn limits_and_what_steers_the_runtime_are_settings() {
        let out = parse(POD);
        let [container, pod] = records(&out, RecordKind::Setting)[..] else { panic!() };
        assert_eq!(container.attribute("memory_limit_bytes"), Some("167772160"));
        assert_eq!(container.attribute("cpu_limit_cores"), Some("0.5"));
        assert_eq!(container.attribute("cpu_request_cores"), Some("1"));
        assert_eq!(container.attribute("GODEBUG"), Some("gctrace=1"));
        assert_eq!((pod.attribute("qos"), pod.attribute("status")), (Some("Burstable"), Some("Running")));
        assert!(!format!("{out:?}").contains("s3cret"));
    }

    #[test]
    fn events_and_waiting_are_lines_of_a_log() {
        let out = parse(POD);
        let seen: Vec<_> = records(&out, RecordKind::Log)
            .iter()
            .map(|r| (r.attribute("class").unwrap(), r.attribute("reason").unwrap(), r.attribute("count")))
            .collect();
        assert_eq!(
            seen,
            [
                ("k8s-waiting", "CrashLoopBackOff", None),
                ("k8s-event", "Started", Some("8")),
                ("k8s-event", "BackOff", Some("1"))
            ]
        );
    }

    #[test]
    fn several_pods_and_an_eviction() {
        let evicted = "Name:   web-1\nNamespace:  shop\nStatus:   Failed\nReason:   Evicted\nMessage:  The node was low on resource: memory.\n";
        let out = parse(&format!("{POD}\n\n{evicted}"));
        let exits = records(&out, RecordKind::Exit);
        assert_eq!((exits.len(), exits[1].attribute("reason")), (2, Some("Evicted")));
        assert_eq!(exits[1].claims.pod.as_deref(), Some("web-1"));
    }

    #[test]
    fn quantities() {
        assert_eq!(quantity(b"160Mi"), Some(167_772_160.0));
        assert_eq!(quantity(b"128M"), Some(128e6));
        assert_eq!(quantity(b"250m"), Some(0.25));
        assert_eq!(quantity(b"1"), Some(1.0));
        assert_eq!(quantity(b"<none>"), None);
    }
}
