//! Tables of kubectl: `get events`, `get pods`, `top pod`, `top node`. Source: what kubectl prints; columns by heading.

use crate::evidence::{Amount, Claims, Evidence, Parsed, Point, Record, RecordKind, Scope, SeriesKind, Unit, When};
use crate::kubectl_describe::quantity;
use crate::lines::{LineNo, Lines, Text, decimal, trim};
use crate::padded::Padded;
use crate::series::each_line;
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// Tables of kubectl.
pub struct KubectlTable;

/// Which table it is.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Events,
    Pods,
    /// Use of pods, containers or nodes.
    Top,
}

impl Format for KubectlTable {
    fn id(&self) -> &'static str {
        "kubectl-table"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        if kind_of(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut table = kind_of(hint.heading);
        let mut rows: Vec<Row> = Vec::new();
        each_line(lines, hint, "that are not of kubectl's table", out, |line, at| {
            if let Some(next) = kind_of(line) {
                table = Some(next);
                return true;
            }
            let Some((kind, padded)) = &table else { return false };
            let row = Row::of(*kind, padded, line, at);
            let fits = row.is_some();
            rows.extend(row);
            fits
        });
        // What holds for one of several pods holds for no process that is not known to be in it.
        let of_pods = rows.iter().filter(|row| row.kind != Kind::Events);
        let mut names: Vec<_> = of_pods.map(|row| (&row.claims.pod, &row.claims.container)).collect();
        names.sort();
        names.dedup();
        let scope = if names.len() > 1 { Scope::Listed } else { Scope::Own };
        for mut row in rows {
            if row.claims.scope == Scope::Own && row.kind != Kind::Events {
                row.claims.scope = scope;
            }
            row.push(out);
        }
    }
}

/// The table that a line of headings begins.
fn kind_of(line: &[u8]) -> Option<(Kind, Padded<'_>)> {
    let padded = Padded::of(line)?;
    let begins = |names: &[&str]| padded.begins_with(names) || padded.begins_with(&[&["NAMESPACE"], names].concat());
    let kind = if begins(&["LAST SEEN", "TYPE", "REASON", "OBJECT"]) {
        Kind::Events
    } else if begins(&["NAME", "READY", "STATUS", "RESTARTS"]) {
        Kind::Pods
    } else if begins(&["NAME", "CPU(cores)"]) || begins(&["POD", "NAME", "CPU(cores)"]) {
        Kind::Top
    } else {
        return None;
    };
    Some((kind, padded))
}

/// What a row says.
struct Row {
    kind: Kind,
    at: (When, LineNo),
    claims: Claims,
    values: Vec<(&'static str, Unit, f64)>,
    attributes: Vec<(&'static str, String)>,
}

impl Row {
    fn of(kind: Kind, table: &Padded<'_>, line: &[u8], at: (When, LineNo)) -> Option<Row> {
        let cell = |name: &str| table.cell(line, name);
        let mut row = Row { kind, at, claims: Claims::default(), values: Vec::new(), attributes: Vec::new() };
        match kind {
            Kind::Events => {
                let object = cell("OBJECT")?;
                row.claims.pod = object.strip_prefix("pod/").map(str::to_owned);
                row.attributes.push(("class", "k8s-event".to_owned()));
                for (heading, name) in [
                    ("TYPE", "type"),
                    ("REASON", "reason"),
                    ("MESSAGE", "message"),
                    ("COUNT", "count"),
                    ("LAST SEEN", "age"),
                    ("SOURCE", "from"),
                ] {
                    row.attributes.extend(cell(heading).map(|text| (name, text.to_owned())));
                }
                row.attributes.push(("object", object.to_owned()));
            }
            Kind::Pods => {
                row.claims.pod = Some(cell("NAME")?.to_owned());
                // `7 (2m10s ago)`.
                let restarts = cell("RESTARTS")?.split(' ').next()?;
                row.values.push(("k8s.container.restart.count", Unit::Count, decimal(restarts.as_bytes())? as f64));
                let status = cell("STATUS")?;
                if !matches!(status, "Running" | "Completed") {
                    row.attributes.push(("class", "k8s-waiting".to_owned()));
                    row.attributes.push(("reason", status.to_owned()));
                    row.attributes.push(("restarts", restarts.to_owned()));
                }
            }
            Kind::Top => {
                let is_node = table.begins_with(&["NAME", "CPU(cores)", "CPU(%)"])
                    || table.begins_with(&["NAME", "CPU(cores)", "CPU%"]);
                let name = cell("NAME")?.to_owned();
                match cell("POD") {
                    Some(pod) => (row.claims.pod, row.claims.container) = (Some(pod.to_owned()), Some(name)),
                    None if is_node => row.claims.scope = Scope::Machine,
                    None => row.claims.pod = Some(name),
                }
                let value = |heading: &str| cell(heading).and_then(|text| quantity(text.as_bytes()));
                let (cpu, memory) = if is_node {
                    ("system.cpu.used_cores", "system.memory.used")
                } else {
                    ("k8s.pod.cpu.usage", "cgroup.memory.working_set")
                };
                row.values.extend(value("CPU(cores)").map(|cores| (cpu, Unit::Count, cores)));
                row.values.extend(value("MEMORY(bytes)").map(|bytes| (memory, Unit::Bytes, bytes)));
                if row.values.is_empty() {
                    return None;
                }
            }
        }
        Some(row)
    }

    fn push(self, out: &mut Parsed) {
        let (when, line) = self.at;
        for (signal, unit, value) in self.values {
            let kind = if signal.ends_with("restart.count") { SeriesKind::Counter } else { SeriesKind::Gauge };
            out.point(&self.claims, signal, unit, kind, Point { when, value: Amount::Value(value), line });
            out.records += 1;
        }
        if self.attributes.is_empty() {
            return;
        }
        let text = self.attributes.iter().skip(1).map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
        out.records += 1;
        out.evidence.push(Evidence::Record(Record {
            line,
            end: line.saturating_add(1),
            claims: self.claims,
            when,
            kind: RecordKind::Log,
            attributes: self.attributes,
            stack: StackId::EMPTY,
            text,
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Parsed {
        let mut out = Parsed::default();
        assert_eq!(KubectlTable.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes);
        KubectlTable.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        out
    }

    #[test]
    fn events_with_blanks_in_their_messages() {
        let out = parse(
            "LAST SEEN   TYPE      REASON      OBJECT                      MESSAGE\n\
             2m13s       Warning   Unhealthy   pod/searchd-7d9f-q8zvn      Liveness probe failed:  Get \"http://x\"\n",
        );
        let [Evidence::Record(record)] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        assert_eq!(record.attribute("message"), Some("Liveness probe failed:  Get \"http://x\""));
        assert_eq!(record.claims.pod.as_deref(), Some("searchd-7d9f-q8zvn"));
    }

    #[test]
    fn use_of_one_pod_and_of_many() {
        let header = "NAME                    CPU(cores)   MEMORY(bytes)   \n";
        let row = "cartd-6f7c9d5b8-x2lqp   488m         147Mi           \n";
        let of = |text: &str| match &parse(text).evidence[1] {
            Evidence::Series(s) => (s.signal.clone(), s.points[0].value, s.claims.scope),
            other => panic!("{other:?}"),
        };
        let bytes = Amount::Value(147.0 * 1_048_576.0);
        assert_eq!(of(&[header, row].concat()), ("cgroup.memory.working_set".into(), bytes, Scope::Own));
        let two = [header, row, &row.replace("cartd", "other")].concat();
        assert_eq!(of(&two).2, Scope::Listed);
    }

    #[test]
    fn pods_that_do_not_run() {
        let out = parse(
            "NAME         READY   STATUS             RESTARTS        AGE\n\
             cartd-x2lqp  0/1     CrashLoopBackOff   7 (2m10s ago)   22m\n",
        );
        assert_eq!(out.records, 2);
    }
}
