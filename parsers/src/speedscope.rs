//! speedscope's JSON, as py-spy, many converters and speedscope itself write it. Source: its schema,
//! <https://www.speedscope.app/file-format-schema.json>. Each of its profiles is a thread or another view.

use crate::evidence::{Claims, Evidence, Parsed, Profile, ProfileKind, When};
use crate::json::{self, list, text, whole};
use crate::lines::{LineNo, Lines, decimal, split_once};
use crate::over_time::OverTime;
use crate::sampling::{ProfileRows, RawThread};
use crate::tables::{Frame, FrameId, Tables};
use crate::{Format, Hint, Shape, Sniff};
use memchr::memmem;
use serde_json::Value;
use std::collections::BTreeMap;

/// speedscope profiles.
pub struct Speedscope;

impl Format for Speedscope {
    fn id(&self) -> &'static str {
        "speedscope"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let is_object = head.trim_ascii_start().starts_with(b"{");
        let named = memmem::find(head, b"speedscope.app/file-format-schema").is_some();
        if is_object && named { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let budget = lines.rest().len().saturating_mul(FRAMES_PER_BYTE);
        let Some(document) = json::read(lines, "\"profiles\"", out) else { return };
        let frames = list(&document.value["shared"], "frames");
        let frames: Vec<FrameId> = frames.iter().map(|value| frame(value, &mut out.tables)).collect();
        let mut reader =
            Reader { line, when, frames: &frames, by_unit: BTreeMap::new(), budget, samples: 0, unknown: 0 };
        for profile in list(&document.value, "profiles") {
            reader.profile(profile, out);
        }
        let Reader { by_unit, samples, unknown, .. } = reader;
        if unknown > 0 {
            out.note(line, format!("{unknown} frames are left out: the list of frames does not have them"));
        }
        out.records += samples;
        out.evidence.extend(by_unit.into_values().map(|rows| Evidence::Profile(rows.finish())));
    }
}

fn frame(value: &Value, tables: &mut Tables) -> FrameId {
    let line = whole(value, "line").and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
    let function = tables.symbol(text(value, "name").as_bytes());
    let file = tables.name_str(text(value, "file"));
    tables.frame(Frame { function, file, line, ..Frame::default() })
}

/// Events that open frames and close none would make stacks far longer than the text.
const FRAMES_PER_BYTE: usize = 32;

/// What a unit is called here, and how many of these one is.
fn unit(name: &str) -> (&'static str, f64) {
    match name {
        "seconds" => ("nanoseconds", 1e9),
        "milliseconds" => ("nanoseconds", 1e6),
        "microseconds" => ("nanoseconds", 1e3),
        "nanoseconds" => ("nanoseconds", 1.0),
        "bytes" => ("bytes", 1.0),
        _ => ("samples", 1.0),
    }
}

struct Reader<'a> {
    line: LineNo,
    when: When,
    frames: &'a [FrameId],
    by_unit: BTreeMap<&'static str, ProfileRows<'a>>,
    /// Frames that the text is still believed to hold.
    budget: usize,
    samples: u64,
    unknown: u64,
}

impl<'a> Reader<'a> {
    fn profile(&mut self, profile: &'a Value, out: &mut Parsed) {
        let (unit, scale) = unit(text(profile, "unit"));
        let head = Profile {
            line: self.line,
            claims: Claims::default(),
            kind: ProfileKind::Unknown,
            event: "samples".into(),
            unit: unit.into(),
            when: self.when,
            span_s: 0.0,
            over_time: OverTime::default(),
            threads: Vec::new(),
            rows: Vec::new(),
        };
        let mut rows = self.by_unit.remove(unit).unwrap_or_else(|| ProfileRows::new(head));
        let thread = thread(text(profile, "name").as_bytes());
        let mut add = |frames: &[FrameId], weight: f64| {
            let frames = &frames[..frames.len().min(self.budget)];
            self.budget -= frames.len();
            let innermost_first: Vec<FrameId> = frames.iter().rev().copied().collect();
            let stack = out.tables.stack(&innermost_first);
            rows.add(thread, stack, 1, weight * scale, |name| out.tables.name(name));
            self.samples += 1;
        };
        let place = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let (known, unknown) = (self.frames, &mut self.unknown);
        let mut named = |value: Option<&Value>| {
            let frame = value.and_then(place).and_then(|index| known.get(index)).copied();
            *unknown += u64::from(frame.is_none());
            frame
        };
        match text(profile, "type") {
            "evented" => {
                let (mut open, mut since): (Vec<FrameId>, Option<f64>) = (Vec::new(), None);
                for event in list(profile, "events") {
                    let at = event.get("at").and_then(Value::as_f64).unwrap_or_default();
                    if let Some(since) = since.filter(|since| !open.is_empty() && at > *since) {
                        add(&open, at - since);
                    }
                    since = Some(at);
                    match text(event, "type") {
                        "O" => open.extend(named(event.get("frame"))),
                        _ => drop(open.pop()),
                    }
                }
            }
            _ => {
                let weights = list(profile, "weights");
                for (index, sample) in list(profile, "samples").iter().enumerate() {
                    let stack = sample.as_array().map_or(&[][..], Vec::as_slice);
                    let stack: Vec<FrameId> = stack.iter().filter_map(|value| named(Some(value))).collect();
                    let weight = weights.get(index).and_then(Value::as_f64);
                    add(&stack, weight.unwrap_or(1.0 / scale));
                }
            }
        }
        self.by_unit.insert(unit, rows);
    }
}

/// py-spy names threads `Thread 4242 "MainThread"`, with `Process 4242 ` before it where there are several.
fn thread(name: &[u8]) -> RawThread<'_> {
    let number = |text: &[u8]| decimal(text).and_then(|number| i64::try_from(number).ok());
    let of_process = || {
        let (pid, rest) = split_once(name.strip_prefix(b"Process ")?, b" ")?;
        Some((number(pid)?, rest))
    };
    let (pid, rest) = of_process().unwrap_or((0, name));
    let of_thread = || {
        let (tid, quoted) = split_once(rest.strip_prefix(b"Thread ")?, b" ")?;
        Some((number(tid)?, quoted.strip_prefix(b"\"")?.strip_suffix(b"\"")?))
    };
    match of_thread() {
        Some((tid, comm)) => RawThread { comm, pid, tid },
        None => RawThread { comm: name, pid: 0, tid: 0 },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn read(text: &str) -> Parsed {
        let mut out = Parsed::default();
        Speedscope.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        out
    }

    fn profile(out: &Parsed, index: usize) -> &Profile {
        let Evidence::Profile(profile) = &out.evidence[index] else { panic!("{:?}", out.evidence) };
        profile
    }

    #[test]
    fn threads_of_one_unit_are_one_profile() {
        let out = read(
            r#"{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[{"name":"main","file":"a.py","line":3},{"name":"scan"}]},
            "profiles":[{"type":"sampled","name":"Thread 77 \"scan-0\"","unit":"seconds","startValue":0,"endValue":1,"samples":[[0,1],[0,9]],"weights":[0.25,0.5]},
            {"type":"sampled","name":"Process 5 Thread 78 \"b\"","unit":"seconds","samples":[[0]],"weights":[2]},
            {"type":"sampled","name":"heap","unit":"bytes","samples":[[1]],"weights":[64]}]}"#,
        );
        let (bytes, time) = (profile(&out, 0), profile(&out, 1));
        assert_eq!((bytes.unit.as_str(), bytes.rows[0].weight), ("bytes", 64.0));
        assert_eq!(time.rows.iter().map(|row| row.weight).collect::<Vec<_>>(), [0.25e9, 0.5e9, 2e9]);
        let threads: Vec<_> = time.threads.iter().map(|t| (out.tables.text(t.comm), t.pid, t.tid)).collect();
        assert_eq!(threads, [("scan-0", 0, 77), ("b", 5, 78)]);
        assert_eq!(out.tables.functions(time.rows[0].stack).collect::<Vec<_>>(), ["scan", "main"]);
        assert_eq!(out.records, 4);
        assert!(out.notes[0].message.starts_with("1 frames are left out"), "{:?}", out.notes);
    }

    #[test]
    fn events_give_the_time_between_them() {
        let out = read(
            r#"{"$schema":"https://www.speedscope.app/file-format-schema.json","shared":{"frames":[{"name":"a"},{"name":"b"}]},
            "profiles":[{"type":"evented","name":"t","unit":"milliseconds","startValue":0,"endValue":9,
            "events":[{"type":"O","frame":0,"at":1},{"type":"O","frame":1,"at":3},{"type":"C","frame":1,"at":7},{"type":"C","frame":0,"at":8}]}]}"#,
        );
        let profile = profile(&out, 0);
        let rows: Vec<_> = profile
            .rows
            .iter()
            .map(|row| (out.tables.functions(row.stack).collect::<Vec<_>>().join(";"), row.weight))
            .collect();
        assert_eq!(rows, [("a".to_owned(), 3e6), ("b;a".to_owned(), 4e6)]);
    }
}
