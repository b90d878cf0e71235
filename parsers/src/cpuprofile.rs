//! CPU profiles of V8 (`.cpuprofile`): `node --cpu-prof`, Chrome's developer tools, `v8.Profiler` of the inspector.
//! Source: the type `Profile` of the protocol, <https://chromedevtools.github.io/devtools-protocol/v8/Profiler/>.

use crate::evidence::{Claims, Evidence, Parsed, Profile, ProfileKind, When};
use crate::json::{self, list, text, whole};
use crate::lines::Lines;
use crate::over_time::OverTime;
use crate::sampling::{ProfileRows, RawThread};
use crate::tables::{Frame, FrameId, FrameKind, StackId, Tables};
use crate::{Format, Hint, Shape, Sniff};
use memchr::memmem;
use rustc_hash::FxHashMap;
use serde_json::Value;

/// V8 CPU profiles.
pub struct CpuProfile;

impl Format for CpuProfile {
    fn id(&self) -> &'static str {
        "cpuprofile"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let has = |key: &[u8]| memmem::find(head, key).is_some();
        let is_object = head.trim_ascii_start().starts_with(b"{");
        if is_object && has(b"\"nodes\"") && has(b"\"callFrame\"") && has(b"\"hitCount\"") {
            Sniff::Yes
        } else {
            Sniff::No
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let Some(document) = json::read(lines, "\"nodes\"", out) else { return };
        let tree = Tree::of(list(&document.value, "nodes"), &mut out.tables);
        let time = |key: &str| document.value.get(key).and_then(Value::as_f64);
        let span_s = time("endTime").zip(time("startTime")).map_or(0.0, |(end, start)| (end - start).max(0.0) / 1e6);
        let of = |kind, event: &str| {
            ProfileRows::new(Profile {
                line,
                claims: Claims::default(),
                kind,
                event: event.into(),
                unit: "nanoseconds".into(),
                when,
                span_s,
                over_time: OverTime::default(),
                threads: Vec::new(),
                rows: Vec::new(),
            })
        };
        let (mut busy, mut idle) = (of(ProfileKind::Cpu, "cpu"), of(ProfileKind::OffCpu, "idle"));
        let (mut unknown, mut were_idle) = (0u64, 0u64);
        let samples = list(&document.value, "samples");
        for (id, micros) in samples.iter().zip(durations(&document.value, samples.len())) {
            let node = id.as_u64().and_then(|id| tree.nodes.get(&id));
            let Some(node) = node else {
                unknown += 1;
                continue;
            };
            were_idle += u64::from(node.is_idle);
            let rows = if node.is_idle { &mut idle } else { &mut busy };
            rows.add(RawThread::default(), node.stack, 1, micros * 1e3, |name| out.tables.name(name));
        }
        if unknown > 0 {
            out.note(line, format!("{unknown} samples are left out: the list of nodes does not have theirs"));
        }
        out.records += samples.len() as u64 - unknown;
        out.evidence.push(Evidence::Profile(busy.finish()));
        if were_idle > 0 {
            out.evidence.push(Evidence::Profile(idle.finish()));
        }
    }
}

/// Microseconds that each sample stands for: up to the next one. `timeDeltas` has the time before each.
fn durations(profile: &Value, samples: usize) -> impl Iterator<Item = f64> {
    let mut deltas: Vec<f64> = list(profile, "timeDeltas").iter().map(|delta| delta.as_f64().unwrap_or(0.0)).collect();
    deltas.resize(samples, 0.0);
    let before_last: f64 = deltas.iter().sum();
    let time = |key: &str| profile.get(key).and_then(Value::as_f64);
    let last = time("endTime").zip(time("startTime")).map_or(0.0, |(end, start)| end - start - before_last);
    deltas.into_iter().skip(1).chain([last]).map(|micros| micros.max(0.0))
}

struct Node {
    stack: StackId,
    is_idle: bool,
}

/// The nodes by id.
struct Tree {
    nodes: FxHashMap<u64, Node>,
}

/// V8 keeps 255 frames of a stack.
const DEEPEST: usize = 256;

impl Tree {
    fn of(nodes: &[Value], tables: &mut Tables) -> Tree {
        let mut parents: FxHashMap<u64, u64> = FxHashMap::default();
        let mut frames: FxHashMap<u64, FrameId> = FxHashMap::default();
        for node in nodes {
            let Some(id) = whole(node, "id") else { continue };
            parents.extend(list(node, "children").iter().filter_map(Value::as_u64).map(|child| (child, id)));
            parents.extend(whole(node, "parent").map(|parent| (id, parent)));
            frames.insert(id, frame(&node["callFrame"], tables));
        }
        let all = nodes.iter().filter_map(|node| whole(node, "id"));
        let nodes = all.map(|id| {
            // The root stands for no function.
            let up = std::iter::successors(Some(id), |id| parents.get(id).copied()).take(DEEPEST);
            let stack: Vec<FrameId> =
                up.filter(|id| parents.contains_key(id)).filter_map(|id| frames.get(&id).copied()).collect();
            let is_idle = stack.first().is_some_and(|leaf| tables.function(*leaf) == "(idle)");
            (id, Node { stack: tables.stack(&stack), is_idle })
        });
        Tree { nodes: nodes.collect() }
    }
}

/// V8 counts lines from 0 and writes -1 where there is none.
fn frame(call: &Value, tables: &mut Tables) -> FrameId {
    let name = Some(text(call, "functionName")).filter(|name| !name.is_empty()).unwrap_or("(anonymous)");
    let url = text(call, "url");
    let line =
        call.get("lineNumber").and_then(Value::as_i64).and_then(|line| u32::try_from(line.saturating_add(1)).ok());
    let frame = Frame {
        function: tables.name_str(name),
        file: tables.name_str(url.strip_prefix("file://").unwrap_or(url)),
        line: line.unwrap_or(0),
        kind: FrameKind::User,
        ..Frame::default()
    };
    tables.frame(frame)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    const PROFILE: &str = r#"{"nodes":[{"id":1,"callFrame":{"functionName":"(root)","scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1},"hitCount":0,"children":[2,3]},
        {"id":2,"callFrame":{"functionName":"(idle)","scriptId":"0","url":"","lineNumber":-1,"columnNumber":-1},"hitCount":1},
        {"id":3,"callFrame":{"functionName":"","scriptId":"9","url":"file:///srv/app.js","lineNumber":4,"columnNumber":2},"hitCount":2,"children":[4]},
        {"id":4,"callFrame":{"functionName":"match","scriptId":"9","url":"file:///srv/app.js","lineNumber":9,"columnNumber":2},"hitCount":1}],
        "startTime":1000,"endTime":2000,"samples":[3,2,4,3,77],"timeDeltas":[100,200,300,150,50]}"#;

    #[test]
    fn a_sample_lasts_until_the_next() {
        let mut out = Parsed::default();
        CpuProfile.parse(&mut Text::new(PROFILE.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let [Evidence::Profile(busy), Evidence::Profile(idle)] = &out.evidence[..] else { panic!("{out:?}") };
        let rows = |profile: &Profile| -> Vec<(String, u64, f64)> {
            let stack = |row| out.tables.functions(row).collect::<Vec<_>>().join(";");
            profile.rows.iter().map(|row| (stack(row.stack), row.samples, row.weight)).collect()
        };
        assert_eq!(rows(busy), [("(anonymous)".into(), 2, 250e3), ("match;(anonymous)".into(), 1, 150e3)]);
        assert_eq!(rows(idle), [("(idle)".into(), 1, 300e3)]);
        assert_eq!((out.records, busy.span_s), (4, 0.001));
        let leaf = out.tables.get_frame(out.tables.stack_frames(busy.rows[1].stack)[0]);
        assert_eq!((out.tables.text(leaf.file), leaf.line), ("/srv/app.js", 10));
        assert!(out.notes[0].message.starts_with("1 samples are left out"), "{:?}", out.notes);
    }

    #[test]
    fn a_circle_of_parents_ends() {
        let text = PROFILE.replace(r#""hitCount":1}]"#, r#""hitCount":1,"children":[3]}]"#);
        let mut out = Parsed::default();
        CpuProfile.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        assert_eq!(out.records, 4);
    }
}
