//! speedscope's file format: <https://www.speedscope.app/file-format-schema.json>, one sampled profile a thread.

use super::stacks::Naming;
use postmortem_parsers::evidence::{Profile, ProfileThread};
use postmortem_parsers::tables::{FrameId, Tables};
use serde_json::{Value, json};
use std::collections::HashMap;

/// The profile as JSON text. Frames are named once for all threads; stacks are outermost first.
pub fn json(tables: &Tables, profile: &Profile, name: &str) -> String {
    let mut frames: Vec<Value> = Vec::new();
    let mut known: HashMap<FrameId, usize> = HashMap::new();
    let mut threads: Vec<(Vec<Value>, Vec<f64>)> = vec![Default::default(); profile.threads.len().max(1)];
    for row in &profile.rows {
        let stack = tables.stack_frames(row.stack).iter().rev().map(|frame| {
            *known.entry(*frame).or_insert_with(|| {
                frames.push(frame_json(tables, *frame));
                frames.len() - 1
            })
        });
        let stack: Vec<usize> = stack.collect();
        let Some((samples, weights)) = threads.get_mut(row.thread as usize) else { continue };
        samples.push(json!(stack));
        weights.push(row.weight);
    }
    let unit = match profile.unit.as_str() {
        unit @ ("nanoseconds" | "bytes") => unit,
        _ => "none",
    };
    let named = |index: usize| {
        let thread = profile.threads.get(index).copied().unwrap_or(ProfileThread::default());
        Naming { tid: thread.tid != 0, ..Naming::default() }.thread(tables, &thread)
    };
    let profiles: Vec<Value> = threads
        .into_iter()
        .enumerate()
        .map(|(index, (samples, weights))| {
            let total: f64 = weights.iter().sum();
            json!({ "type": "sampled", "name": named(index), "unit": unit, "startValue": 0, "endValue": total,
                    "samples": samples, "weights": weights })
        })
        .collect();
    let file = json!({
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": concat!("postmortem ", env!("CARGO_PKG_VERSION")),
        "name": name,
        "activeProfileIndex": 0,
        "shared": { "frames": frames },
        "profiles": profiles,
    });
    format!("{file}\n")
}

fn frame_json(tables: &Tables, frame: FrameId) -> Value {
    let detail = tables.get_frame(frame);
    let mut json = json!({ "name": tables.text(detail.function) });
    // A frame without source is told apart by its module.
    let file = if detail.file.is_empty() { detail.module } else { detail.file };
    if !file.is_empty() {
        json["file"] = json!(tables.text(file));
    }
    if detail.line > 0 {
        json["line"] = json!(detail.line);
    }
    json
}
