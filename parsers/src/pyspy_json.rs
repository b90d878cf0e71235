//! Threads of CPython as `py-spy dump --json` prints them. Source: py-spy `src/stack_trace.rs` (StackTrace, Frame).

use crate::evidence::{Completeness, Evidence, ObjectRef, ObjectRole, Parsed, Runtime, Snapshot, Thread, When};
use crate::json::{self, Document, list, text, whole};
use crate::lines::Lines;
use crate::python_threads::{PY_SPY, Place, instance};
use crate::tables::{FrameId, Tables};
use crate::{Format, Hint, Shape, Sniff};
use memchr::memmem;
use serde_json::Value;

/// py-spy dumps as JSON.
pub struct PySpyJson;

impl Format for PySpyJson {
    fn id(&self) -> &'static str {
        "pyspy-json"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let is_list = head.trim_ascii_start().starts_with(b"[");
        let has = |key: &str| memmem::find(head, key.as_bytes()).is_some();
        if is_list && has("\"thread_id\"") && has("\"owns_gil\"") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let Some(document) = json::read(lines, "\"thread_id\"", out) else { return };
        let end = lines.last_number().saturating_add(1);
        for mut snapshot in snapshots(&document, end, &mut out.tables) {
            (snapshot.line, snapshot.when) = (snapshot.threads.first().map_or(line, |thread| thread.line), when);
            out.records += snapshot.threads.len() as u64;
            out.evidence.push(Evidence::Snapshot(snapshot));
        }
    }
}

/// With `--subprocesses` the list holds the threads of several processes.
fn snapshots(document: &Document, end: u32, tables: &mut Tables) -> Vec<Snapshot> {
    let mut all: Vec<Snapshot> = Vec::new();
    for (index, value) in document.value.as_array().map_or(&[][..], Vec::as_slice).iter().enumerate() {
        if !value.is_object() {
            continue;
        }
        let pid = whole(value, "pid");
        let at = all.iter().position(|snapshot| snapshot.claims.pid == pid).unwrap_or_else(|| {
            let mut snapshot = Snapshot { runtime: Runtime::Python, origin: PY_SPY, ..Snapshot::default() };
            snapshot.claims.pid = pid;
            snapshot.completeness = if document.cut { Completeness::Truncated } else { Completeness::Complete };
            all.push(snapshot);
            all.len() - 1
        });
        let mut thread = thread(value, tables);
        let start = all[at].objects.len() as u32;
        all[at].objects.extend(receivers(value, tables));
        thread.objects = start..all[at].objects.len() as u32;
        thread.line = document.lines.get(index).copied().unwrap_or(0);
        thread.end = document.lines.get(index + 1).copied().unwrap_or(end).max(thread.line);
        all[at].threads.push(thread);
    }
    all
}

fn thread(value: &Value, tables: &mut Tables) -> Thread {
    let frames: Vec<FrameId> = list(value, "frames").iter().map(|value| frame(value, tables)).collect();
    let flag = |key| value.get(key).and_then(Value::as_bool).unwrap_or(false);
    // In the words of the text form.
    let state = match (flag("active"), flag("owns_gil")) {
        (true, true) => "active+gil",
        (true, false) => "active",
        (false, true) => "idle+gil",
        (false, false) => "idle",
    };
    let os_id = whole(value, "os_thread_id").filter(|id| *id > 0);
    Thread {
        // The text form prints the operating system's id where it knows it, else that of pthreads.
        id: os_id.or(whole(value, "thread_id")).unwrap_or(0),
        os_id,
        name: tables.name_str(text(value, "thread_name")),
        state: tables.name_str(state),
        stack: tables.stack(&frames),
        count: 1,
        ..Thread::default()
    }
}

/// The objects whose methods the frames are: their argument `self`, printed with `--locals`.
fn receivers(value: &Value, tables: &mut Tables) -> Vec<ObjectRef> {
    let own = |frame: &Value| {
        let is_self = |local: &&Value| text(local, "name") == "self" && local.get("arg") == Some(&Value::Bool(true));
        let local = list(frame, "locals").iter().find(is_self)?;
        Some(text(local, "repr").to_owned())
    };
    list(value, "frames")
        .iter()
        .enumerate()
        .filter_map(|(index, frame)| {
            let printed = own(frame)?;
            let (class, object) = instance(printed.as_bytes())?;
            let frame = u16::try_from(index).unwrap_or(u16::MAX);
            Some(ObjectRef { frame, role: ObjectRole::Argument, object, class: tables.name(class) })
        })
        .collect()
}

fn frame(value: &Value, tables: &mut Tables) -> FrameId {
    let line = whole(value, "line").filter(|line| *line > 0).and_then(|line| u32::try_from(line).ok());
    // The text form prints the short name: the stacks of both are the same.
    let short = text(value, "short_filename");
    let file = if short.is_empty() { text(value, "filename") } else { short };
    Place { function: text(value, "name").as_bytes(), file: file.as_bytes(), line }.intern(tables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    const ONE: &str = r#"[
  {
    "pid": 15338,
    "thread_id": 139895901906624,
    "thread_name": "y",
    "os_thread_id": 15391,
    "active": true,
    "owns_gil": false,
    "frames": [
      { "name": "y", "filename": "/srv/app/t.py", "short_filename": "t.py", "line": 10 },
      { "name": "PyThread_acquire_lock_timed", "filename": "/usr/lib/libpython3.11.so.1.0", "short_filename": null, "line": 0 }
    ]
  }
]"#;

    #[test]
    fn a_thread_says_the_same_as_in_text() {
        let mut out = Parsed::default();
        PySpyJson.parse(&mut Text::new(ONE.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let [Evidence::Snapshot(snapshot)] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        assert_eq!((snapshot.claims.pid, snapshot.completeness), (Some(15338), Completeness::Complete));
        let [thread] = &snapshot.threads[..] else { panic!() };
        assert_eq!((thread.line, thread.id, thread.os_id), (4, 15391, Some(15391)));
        assert_eq!(out.tables.text(thread.state), "active");
        let frames = out.tables.stack_frames(thread.stack);
        assert_eq!(out.tables.text(out.tables.get_frame(frames[0]).file), "t.py");
        assert_eq!(out.tables.get_frame(frames[1]).kind, crate::tables::FrameKind::Native);
    }

    #[test]
    fn other_lists_are_not_taken() {
        assert_eq!(PySpyJson.sniff(b"[]", &Hint::default()), Sniff::No);
        assert_eq!(PySpyJson.sniff(b"[{\"pid\": 1}]", &Hint::default()), Sniff::No);
        assert_eq!(PySpyJson.sniff(ONE.as_bytes(), &Hint::default()), Sniff::Yes);
    }
}
