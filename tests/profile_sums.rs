//! No sample is lost: what a capture of stacks holds, by event, is what is read from it and what is written out again.

use postmortem::bundle::from_memory;
use postmortem::fold::stacks::{Naming, folded};
use postmortem::fold::{pprof, speedscope};
use postmortem_parsers::evidence::{Evidence, Profile, ProfileKind};
use postmortem_parsers::tables::Tables;
use regex::Regex;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Formats of sampled stacks.
const FORMATS: &[&str] = &[
    "async-profiler",
    "bpftrace",
    "cpuprofile",
    "folded",
    "go-profile-text",
    "perf-report",
    "perf-script",
    "pprof",
    "speedscope",
];

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// Format, file name and bytes of all captures.
fn captures() -> Vec<(&'static str, String, Vec<u8>)> {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
    let mut captures = Vec::new();
    for &format in FORMATS {
        for file in entries(&samples.join(format)).iter().flat_map(|case| entries(case)) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if name != "SOURCE" && !name.ends_with(".snap") && !name.ends_with(".snap.new") {
                captures.push((format, name, std::fs::read(&file).unwrap()));
            }
        }
    }
    assert!(captures.len() > 40, "{} captures", captures.len());
    captures
}

/// The profiles of a capture. Waits are made of switches, which are counted already.
fn read(name: &str, bytes: &[u8]) -> (Tables, Vec<Profile>) {
    let artifact = from_memory("sample", &[(name, bytes)]).unwrap().artifacts.remove(0);
    let profiles = artifact.parsed.evidence.into_iter().filter_map(|evidence| match evidence {
        Evidence::Profile(profile) => Some(profile),
        _ => None,
    });
    (artifact.parsed.tables, profiles.collect())
}

/// Samples and weight by event.
type Sums = BTreeMap<String, (u64, f64)>;

fn sums<'a>(profiles: impl IntoIterator<Item = &'a Profile>) -> Sums {
    let mut sums = Sums::new();
    for profile in profiles {
        let sum = sums.entry(profile.event.clone()).or_default();
        for row in &profile.rows {
            sum.0 += row.samples;
            sum.1 += row.weight;
        }
    }
    sums
}

fn add(sums: &mut Sums, event: &str, samples: u64, weight: f64) {
    let sum = sums.entry(event.to_owned()).or_default();
    *sum = (sum.0 + samples, sum.1 + weight);
}

/// What the lines of events say, frames left aside.
fn of_perf_script(text: &str) -> Sums {
    let event =
        Regex::new(r"(?:\s\d+\.\d{6,9}:|\s\d+)\s+(?:(\d+)\s+)?([a-z][\w-]*(?:[:/][\w:/-]*[\w/])?): *(?:$|[ \t])")
            .unwrap();
    let mut sums = Sums::new();
    for line in text.lines().filter(|line| !line.starts_with(['\t', '#']) && !line.contains("PERF_RECORD_")) {
        if let Some(found) = event.captures(line) {
            let period = found.get(1).map_or(1.0, |period| period.as_str().parse().unwrap());
            add(&mut sums, &found[2], 1, period);
        }
    }
    sums
}

fn of_folded(text: &str) -> Sums {
    let number = |text: &str| text.parse::<f64>().ok();
    let rows: Vec<&str> = text.lines().filter(|line| !line.starts_with('#') && line.contains(';')).collect();
    let two = rows.iter().all(|row| {
        let mut last = row.rsplit(' ');
        last.next().and_then(number).is_some() && last.next().and_then(number).is_some()
    });
    let mut sums = Sums::new();
    for row in text.lines().filter(|line| !line.starts_with('#')) {
        let mut last = row.rsplit(' ');
        let Some(value) = last.next().and_then(number) else { continue };
        if two {
            add(&mut sums, "samples, after", value as u64, value);
            let before = last.next().and_then(number).unwrap();
            add(&mut sums, "samples, before", before as u64, before);
        } else {
            add(&mut sums, "samples", value as u64, value);
        }
    }
    sums
}

fn of_speedscope(text: &str) -> Sums {
    let file: Value = serde_json::from_str(text).unwrap();
    let mut sums = Sums::new();
    for profile in file["profiles"].as_array().unwrap() {
        let scale = if profile["unit"] == "seconds" { 1e9 } else { 1.0 };
        for weight in profile["weights"].as_array().unwrap() {
            add(&mut sums, "samples", 1, weight.as_f64().unwrap() * scale);
        }
    }
    sums
}

fn of_cpuprofile(text: &str) -> Sums {
    let file: Value = serde_json::from_str(text).unwrap();
    let idle = |node: &&Value| node["callFrame"]["functionName"] == "(idle)";
    let nodes = file["nodes"].as_array().unwrap();
    let idle = nodes.iter().find(idle).and_then(|node| node["id"].as_u64());
    let samples: Vec<u64> = file["samples"].as_array().unwrap().iter().map(|id| id.as_u64().unwrap()).collect();
    let mut ends: Vec<f64> = Vec::new();
    let mut at = file["startTime"].as_f64().unwrap();
    for delta in file["timeDeltas"].as_array().unwrap() {
        at += delta.as_f64().unwrap();
        ends.push(at);
    }
    ends.push(file["endTime"].as_f64().unwrap());
    let mut sums = Sums::new();
    for (nth, id) in samples.iter().enumerate() {
        let event = if Some(*id) == idle { "idle" } else { "cpu" };
        add(&mut sums, event, 1, (ends[nth + 1] - ends[nth]).max(0.0) * 1e3);
    }
    sums
}

fn near(a: &Sums, b: &Sums) -> bool {
    let same = |event: &String| {
        let (one, other) = (a[event], b.get(event).copied().unwrap_or_default());
        one.0 == other.0 && (one.1 - other.1).abs() <= 1e-9 * one.1.abs().max(1.0)
    };
    a.len() == b.len() && a.keys().all(same)
}

#[test]
fn what_a_capture_holds_is_read() {
    let mut compared = 0;
    for (format, name, bytes) in captures() {
        let text = || String::from_utf8_lossy(&bytes).into_owned();
        let held = match format {
            "perf-script" => of_perf_script(&text()),
            "folded" => of_folded(&text()),
            "speedscope" => of_speedscope(&text()),
            "cpuprofile" => of_cpuprofile(&text()),
            _ => continue,
        };
        let (_, profiles) = read(&name, &bytes);
        let recorded: Vec<&Profile> = match format {
            "perf-script" => profiles.iter().filter(|profile| profile.kind != ProfileKind::OffCpu).collect(),
            _ => profiles.iter().collect(),
        };
        // offcputime prints microseconds.
        let scale =
            if recorded.iter().any(|p| p.kind == ProfileKind::OffCpu && p.event == "samples") { 1e3 } else { 1.0 };
        let read = sums(recorded);
        let held: Sums = held
            .into_iter()
            .map(|(event, (samples, weight))| {
                let samples = if scale > 1.0 { read[&event].0 } else { samples };
                (event, (samples, weight * scale))
            })
            .collect();
        assert!(near(&held, &read), "{format} {name}: holds {held:?}, read {read:?}");
        compared += 1;
    }
    assert!(compared > 20, "{compared} captures were compared");
}

#[test]
fn what_was_read_is_written() {
    for (format, name, bytes) in captures() {
        let (tables, profiles) = read(&name, &bytes);
        for profile in profiles.iter().filter(|profile| profile.rows.iter().all(|row| row.weight >= 0.0)) {
            let of = &format!("{format} {name} {}", profile.event);
            let (samples, weight) = sums([profile])[&profile.event];
            let rounded: f64 = profile.rows.iter().map(|row| row.weight.round()).sum();
            let lines = folded(&tables, profile, Naming::default());
            let written: f64 = lines.iter().map(|(_, _, weight)| weight as f64).sum();
            assert!((written - rounded).abs() <= 1e-9 * rounded, "{of}: {rounded} read, {written} in folded text");

            let (_, again) = read("out.json", speedscope::json(&tables, profile, "sums").as_bytes());
            let (_, seen) = sums(&again).into_values().next().unwrap_or_default();
            assert!((seen - weight).abs() <= 1e-9 * weight, "{of}: {weight} read, {seen} in speedscope's JSON");

            let (_, again) = read("out.pb.gz", &pprof::gzipped(&tables, profile).unwrap());
            let Some(again) = again.iter().find(|again| again.unit == profile.unit) else { continue };
            let (counted, seen) = sums([again]).into_values().next().unwrap();
            assert!((seen - rounded).abs() <= 1e-9 * rounded, "{of}: {rounded} read, {seen} in pprof's form");
            assert_eq!(counted, samples, "{of}: samples in pprof's form");
        }
    }
}
