//! The JSON form of the dumps of [`crate::java_dump_file`]: `Thread.dump_to_file -format=json`.

use crate::evidence::{Completeness, Evidence, Marks, ObjectRef, ObjectRole, Parsed, Runtime, Snapshot, Thread, When};
use crate::java_dump_file::{Building, ORIGIN, java_frame, object_ref};
use crate::json::{self, Document, list, text, whole};
use crate::lines::{LineNo, Lines};
use crate::tables::Tables;
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memmem;
use serde_json::Value;

/// `Thread.dump_to_file` as JSON.
pub struct JavaDumpJson;

/// The label that names the container of a thread.
const CONTAINER: &str = "container";

impl Format for JavaDumpJson {
    fn id(&self) -> &'static str {
        "java-dump-json"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let is_object = head.trim_ascii_start().starts_with(b"{");
        let has = |key: &str| memmem::find(head, key.as_bytes()).is_some();
        if is_object && has("\"threadDump\"") && has("\"threadContainers\"") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let Some(document) = json::read(lines, "\"tid\"", out) else { return };
        let Some(dump) = document.value.get("threadDump") else { return };
        let mut snapshot = Snapshot { line, when, runtime: Runtime::Java, origin: ORIGIN, ..Snapshot::default() };
        snapshot.claims.pid = whole(dump, "processId");
        snapshot.version = out.tables.name_str(text(dump, "runtimeVersion"));
        if let Some(at) = time::instant(text(dump, "time").as_bytes()) {
            snapshot.when = When::Wall(at);
        }
        let end = lines.last_number().saturating_add(1);
        let mut total = Some(0u64);
        for container in list(dump, "threadContainers") {
            threads(container, &document, end, &mut snapshot, out);
            total = total.zip(whole(container, "threadCount")).and_then(|(sum, count)| sum.checked_add(count));
        }
        out.records += snapshot.threads.len() as u64;
        snapshot.stated_total = total.filter(|_| !document.cut);
        snapshot.completeness = match snapshot.stated_total {
            _ if document.cut => Completeness::Truncated,
            // Without jdk.trackAllThreads a container counts threads that it does not list.
            Some(stated) if stated > snapshot.threads.len() as u64 => Completeness::Partial,
            _ => Completeness::Complete,
        };
        out.evidence.push(Evidence::Snapshot(snapshot));
    }
}

fn threads(container: &Value, document: &Document, end: LineNo, snapshot: &mut Snapshot, out: &mut Parsed) {
    let name = text(container, CONTAINER);
    for value in list(container, "threads") {
        let index = snapshot.threads.len();
        let mut building = thread(value, &mut out.tables);
        let place = &mut building.thread;
        place.line = document.lines.get(index).copied().unwrap_or(0);
        place.end = document.lines.get(index + 1).copied().unwrap_or(end).max(place.line);
        let start = snapshot.labels.len() as u32;
        if !matches!(name, "" | "<root>") {
            snapshot.labels.push((out.tables.name_str(CONTAINER), out.tables.name_str(name)));
        }
        place.labels = start..snapshot.labels.len() as u32;
        building.finish(snapshot, &mut out.tables);
    }
}

fn thread(value: &Value, tables: &mut Tables) -> Building {
    let is_virtual = value.get("virtual").and_then(Value::as_bool).unwrap_or(false);
    let thread = Thread {
        id: whole(value, "tid").unwrap_or(0),
        name: tables.name_str(text(value, "name")),
        state: tables.name_str(text(value, "state")),
        count: 1,
        marks: Marks { is_virtual, ..Marks::default() },
        ..Thread::default()
    };
    let stack = list(value, "stack").iter().filter_map(Value::as_str);
    let frames = stack.filter_map(|frame| java_frame(frame.as_bytes(), tables)).collect();
    Building { thread, frames, objects: objects(value, tables) }
}

/// The innermost frame waits; owned monitors name the frame that locked them.
fn objects(value: &Value, tables: &mut Tables) -> Vec<ObjectRef> {
    let mut objects = Vec::new();
    let blocker = value.get("parkBlocker").unwrap_or(&Value::Null);
    let blocker = blocker.as_str().unwrap_or_else(|| text(blocker, "object"));
    for (role, object) in [
        (ObjectRole::ParksOn, blocker),
        (ObjectRole::WaitsOn, text(value, "waitingOn")),
        (ObjectRole::WaitsToLock, text(value, "blockedOn")),
    ] {
        if !object.is_empty() {
            objects.push(object_ref(role, 0, object.as_bytes(), tables));
        }
    }
    for owned in list(value, "monitorsOwned") {
        let depth = whole(owned, "depth").and_then(|depth| u16::try_from(depth).ok()).unwrap_or(u16::MAX);
        for object in list(owned, "locks").iter().filter_map(Value::as_str) {
            objects.push(object_ref(ObjectRole::Holds, depth, object.as_bytes(), tables));
        }
    }
    objects
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    const JDK25: &str = r#"{ "threadDump": { "processId": "1803", "time": "2026-11-21T22:27:20.793623573Z",
    "runtimeVersion": "25.0.2+10-LTS", "threadContainers": [
      { "container": "<root>", "parent": null, "owner": null, "threads": [
          { "tid": "12", "name": "Finalizer", "state": "WAITING",
            "waitingOn": "java.lang.ref.ReferenceQueue$Lock@511b0aa0",
            "stack": [ "java.base\/java.lang.Object.wait0(Native Method)" ],
            "monitorsOwned": [ { "depth": 4, "locks": [ "java.lang.ref.ReferenceQueue$Lock@511b0aa0" ] } ] } ],
        "threadCount": "1" },
      { "container": "java.util.concurrent.ThreadPerTaskExecutor@7dda67e5", "threads": [
          { "tid": "25", "name": "", "virtual": true, "state": "BLOCKED", "blockedOn": "java.lang.Object@6ea62d45",
            "stack": [ ], "monitorsOwned": [ { "depth": 1, "locks": [ "Virt@1" ] } ] } ],
        "threadCount": "3" } ] } }"#;

    fn parse(text: &str) -> (Parsed, Snapshot) {
        let mut out = Parsed::default();
        JavaDumpJson.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let Some(Evidence::Snapshot(snapshot)) = out.evidence.pop() else { panic!() };
        (out, snapshot)
    }

    #[test]
    fn containers_are_labels_and_count_what_they_do_not_list() {
        let (out, snapshot) = parse(JDK25);
        let [finalizer, blocked] = &snapshot.threads[..] else { panic!() };
        assert_eq!((finalizer.line, blocked.line), (4, 10));
        assert_eq!(snapshot.objects_of(finalizer).len(), 1, "the monitor is released while it waits");
        let roles: Vec<_> = snapshot.objects_of(blocked).iter().map(|o| (o.role, o.frame, o.object)).collect();
        assert_eq!(roles, [(ObjectRole::WaitsToLock, 0, 0x6ea6_2d45), (ObjectRole::Holds, 1, 1)]);
        let label = snapshot.labels_of(blocked)[0];
        assert_eq!(out.tables.text(label.1), "java.util.concurrent.ThreadPerTaskExecutor@7dda67e5");
        assert!(snapshot.labels_of(finalizer).is_empty() && blocked.marks.is_virtual);
        assert_eq!((snapshot.stated_total, snapshot.completeness), (Some(4), Completeness::Partial));
    }

    #[test]
    fn a_cut_dump_keeps_its_threads() {
        let (out, snapshot) = parse(&JDK25[..JDK25.find("\"25\"").unwrap()]);
        assert_eq!((snapshot.threads.len(), snapshot.completeness), (1, Completeness::Truncated));
        assert_eq!(out.notes.len(), 1);
    }
}
