//! Diagnostic reports of Node.js (`process.report`, `--report-on-signal`, `--report-on-fatalerror`): the JavaScript
//! stack of the main thread and of each worker, what the event loop waits for, and why the report was written. Source:
//! Node's `src/node_report.cc`.

use crate::evidence::{Claims, Completeness, Evidence, Parsed, Record, RecordKind, Runtime, Snapshot, Thread, When};
use crate::json::{self, list, text, whole};
use crate::lines::{LineNo, Lines, decimal};
use crate::tables::{Frame, FrameId, FrameKind, StackId, Tables};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memmem;
use serde_json::Value;

/// Node.js reports.
pub struct NodeReport;

impl Format for NodeReport {
    fn id(&self) -> &'static str {
        "node-report"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let has = |key: &[u8]| memmem::find(head, key).is_some();
        let is_object = head.trim_ascii_start().starts_with(b"{");
        if is_object && has(b"\"reportVersion\"") && has(b"\"nodejsVersion\"") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, logged) = (lines.number(), lines.time().map(When::Wall));
        let Some(document) = json::read(lines, "\"javascriptStack\"", out) else { return };
        let report = &document.value;
        let header = &report["header"];
        let when = time::instant(text(header, "dumpEventTime").as_bytes()).map(When::Wall);
        let mut snapshot = Snapshot {
            line,
            claims: Claims { pid: whole(header, "processId"), ..Claims::default() },
            runtime: Runtime::Node,
            version: out.tables.name_str(text(header, "nodejsVersion")),
            origin: "report",
            when: logged.or(when).unwrap_or(hint.when),
            completeness: if document.cut { Completeness::Truncated } else { Completeness::Complete },
            ..Snapshot::default()
        };
        // The stacks of workers stand in reports of their own within that of the main thread, which comes first.
        let workers = list(report, "workers").iter();
        let ends = document.lines.get(1..).unwrap_or_default().iter().copied().chain([lines.last_number()]);
        for ((one, at), end) in std::iter::once(report).chain(workers).zip(document.lines.iter().copied()).zip(ends) {
            snapshot.threads.push(thread(one, at, end, &mut out.tables));
        }
        out.records += snapshot.threads.len() as u64;
        let stack = snapshot.threads.first().map_or(StackId::EMPTY, |thread| thread.stack);
        out.evidence.extend(cause(report, line, stack, &snapshot).map(Evidence::Record));
        if !snapshot.threads.is_empty() {
            out.evidence.push(Evidence::Snapshot(snapshot));
        }
    }
}

fn thread(report: &Value, line: LineNo, end: LineNo, tables: &mut Tables) -> Thread {
    let id = whole(&report["header"], "threadId").unwrap_or(0);
    let frames: Vec<FrameId> =
        list(&report["javascriptStack"], "stack").iter().filter_map(|line| frame(line.as_str()?, tables)).collect();
    let name = if id == 0 { "main".to_owned() } else { format!("worker-{id}") };
    // A thread without a JavaScript stack is between two turns of its event loop.
    let state = if frames.is_empty() { "in the event loop" } else { "in JavaScript" };
    let used = &report["uvthreadResourceUsage"];
    let seconds = |key: &str| used.get(key).and_then(Value::as_f64);
    Thread {
        line,
        end: end.max(line),
        id,
        cpu_ms: seconds("userCpuSeconds").zip(seconds("kernelCpuSeconds")).map(|(user, kernel)| (user + kernel) * 1e3),
        name: tables.name_str(&name),
        state: tables.name_str(state),
        stack: tables.stack(&frames),
        count: 1,
        ..Thread::default()
    }
}

/// `at waitForTurn (/srv/hung.js:13:36)`, `at /srv/hung.js:14:51`, `at  (node:internal/modules/cjs/loader:1521:14)`.
fn frame(line: &str, tables: &mut Tables) -> Option<FrameId> {
    let text = line.trim_start().strip_prefix("at ")?;
    let (function, place) = match text.strip_suffix(')').and_then(|text| text.rsplit_once('(')) {
        Some((function, place)) => (function.trim(), place),
        None => ("", text.trim()),
    };
    let number = |text: &str| decimal(text.as_bytes()).and_then(|number| u32::try_from(number).ok());
    // The last number is the column.
    let (file, line) = match place.rsplit_once(':').filter(|(_, column)| number(column).is_some()) {
        Some((rest, _)) => match rest.rsplit_once(':').map(|(file, line)| (file, number(line))) {
            Some((file, Some(line))) => (file, line),
            _ => (rest, 0),
        },
        None => (place, 0),
    };
    let function = if function.is_empty() { "(anonymous)" } else { function };
    let (function, file) = (tables.name_str(function), tables.name_str(file));
    Some(tables.frame(Frame { function, file, line, kind: FrameKind::User, ..Frame::default() }))
}

/// Why the report was written, where that is the end of the process.
fn cause(report: &Value, line: LineNo, stack: StackId, snapshot: &Snapshot) -> Option<Record> {
    let (header, script) = (&report["header"], &report["javascriptStack"]);
    let (kind, message) = match text(header, "trigger") {
        "Exception" => (RecordKind::Fatal, text(script, "message")),
        "FatalError" | "OOMError" => (RecordKind::Fatal, text(header, "event")),
        _ => return None,
    };
    Some(Record {
        line,
        end: line.saturating_add(1),
        claims: snapshot.claims.clone(),
        when: snapshot.when,
        kind,
        attributes: vec![("message", message.to_owned()), ("runtime", "node".to_owned())],
        stack,
        text: format!("{}: {message}", text(header, "trigger")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_with_and_without_a_name() {
        let mut tables = Tables::default();
        let mut read = |line| frame_of(line, &mut tables);
        assert_eq!(read("at waitForTurn (/srv/hung.js:13:36)"), ("waitForTurn".into(), "/srv/hung.js".into(), 13));
        assert_eq!(read("at  (node:internal/main/worker_thread:192:26)").2, 192);
        assert_eq!(read("at /srv/hung.js:14:51"), ("(anonymous)".into(), "/srv/hung.js".into(), 14));
    }

    fn frame_of(line: &str, tables: &mut Tables) -> (String, String, u32) {
        let id = frame(line, tables).unwrap();
        let found = tables.get_frame(id);
        (tables.text(found.function).to_owned(), tables.text(found.file).to_owned(), found.line)
    }
}
