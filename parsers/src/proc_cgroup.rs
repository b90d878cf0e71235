//! `/proc/PID/cgroup`: which control group a process is in, and so which container and pod. Source: `cgroups(7)`;
//! paths as the kubelet's cgroupfs and systemd drivers, containerd, CRI-O and docker make them.

use crate::container::container_id;
use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind};
use crate::lines::{LineNo, Lines, Text, decimal, trim};
use crate::series::{claims_of, each_line};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// Control groups of a process.
pub struct ProcCgroup;

impl Format for ProcCgroup {
    fn id(&self) -> &'static str {
        "proc-cgroup"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty()).take(20).peekable();
        if lines.peek().is_some() && lines.all(|line| membership(line).is_some()) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut groups: Vec<(LineNo, &str, &str)> = Vec::new();
        let mut when = hint.when;
        each_line(lines, hint, "that are not a control group", out, |line, (at, number)| {
            let Some((controllers, path)) = membership(line) else { return false };
            when = at;
            groups.push((number, controllers, path));
            true
        });
        // The group that charges the memory tells most; of v2 there is only one.
        let rank = |controllers: &str| match controllers {
            _ if controllers.split(',').any(|name| name == "memory") => 0,
            "" => 1,
            _ => 2,
        };
        let Some(&(line, controllers, path)) = groups.iter().min_by_key(|(_, controllers, path)| {
            // `0::/` of a hybrid host says less than any path.
            (*path == "/", rank(controllers))
        }) else {
            return;
        };
        let (container, pod) = (container_id(path), pod_uid(path));
        let version = if controllers.is_empty() { "2" } else { "1" };
        let mut attributes = vec![("cgroup", path.to_owned()), ("cgroup_version", version.to_owned())];
        attributes.extend(container.map(|id| ("container_id", id.to_owned())));
        attributes.extend(pod.map(|uid| ("pod_uid", uid)));
        let cgroup = Some(path.trim_start_matches('/').to_owned());
        let claims = Claims { cgroup, container: container.map(str::to_owned), ..claims_of(hint) };
        out.records += groups.len() as u64;
        out.evidence.push(Evidence::Record(Record {
            line,
            end: line.saturating_add(1),
            claims,
            when,
            kind: RecordKind::Setting,
            attributes,
            stack: StackId::EMPTY,
            text: format!("{controllers}:{path}"),
        }));
    }
}

/// Controllers (none: v2) and path of `4:memory:/docker/ID` and `0::/kubepods.slice/...`.
fn membership(line: &[u8]) -> Option<(&str, &str)> {
    let mut parts = std::str::from_utf8(trim(line)).ok()?.splitn(3, ':');
    let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ',' | '_' | '=' | '-' | '.');
    let unified = id == "0" && controllers.is_empty();
    (decimal(id.as_bytes()).is_some()
        && (unified || !controllers.is_empty())
        && controllers.chars().all(is_name)
        && path.starts_with('/'))
    .then_some((controllers, path))
}

/// `pode034ee31_4c1d_4a8e_9b52_673300e23f48` within a group's name, with the dashes that systemd had to take out.
fn pod_uid(path: &str) -> Option<String> {
    path.split('/').find_map(|group| {
        let group = group.strip_suffix(".slice").unwrap_or(group);
        let at = group.rfind("pod").filter(|at| group[at + 3..].len() >= 32)?;
        let uid = &group[at + 3..];
        uid.bytes().all(|b| b.is_ascii_hexdigit() || matches!(b, b'_' | b'-')).then(|| uid.replace('_', "-"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Record {
        let (mut out, hint) = (Parsed::default(), Hint { name: "/proc/7/cgroup", ..Hint::default() });
        assert_eq!(ProcCgroup.sniff(text.as_bytes(), &hint), Sniff::Yes);
        ProcCgroup.parse(&mut Text::new(text.as_bytes(), 1).lines(), &hint, &mut out);
        match out.evidence.pop() {
            Some(Evidence::Record(record)) => record,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_pod_and_its_container() {
        let id = "1cbfccf7a0ea384428372eb560a8d8b49ed2ff7e2ac1a2f03f05a5fb1ed2b1aa";
        let record = parse(&format!(
            "0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pode034ee31_4c1d_4a8e_9b52_673300e23f48.slice/cri-containerd-{id}.scope\n"
        ));
        assert_eq!(record.attribute("pod_uid"), Some("e034ee31-4c1d-4a8e-9b52-673300e23f48"));
        assert_eq!(record.attribute("container_id"), Some(id));
        assert_eq!((record.claims.pid, record.claims.container.as_deref()), (Some(7), Some(id)));
    }

    #[test]
    fn the_memory_controller_of_a_hybrid_host() {
        let record = parse("9:name=systemd:/\n4:memory:/process_api/7c3e\n1:cpu:/\n0::/\n");
        assert_eq!((record.attribute("cgroup"), record.line), (Some("/process_api/7c3e"), 2));
        assert_eq!(parse("0::/\n").attribute("cgroup_version"), Some("2"));
    }
}
