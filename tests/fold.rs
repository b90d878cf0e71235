//! Folding and exports: what goes in comes out, whatever the form.

mod common;

use common::{entries, in_repository, name};
use postmortem::bundle::from_memory;
use postmortem::fold::stacks::{self, Naming};
use postmortem::fold::{pprof, speedscope};
use postmortem_parsers::evidence::{Evidence, Profile};
use postmortem_parsers::tables::Tables;
use std::collections::BTreeMap;

/// Every profile of every capture, with the file that it stands in.
fn profiles() -> Vec<(String, Tables, Profile)> {
    let mut all = Vec::new();
    for format in ["perf-script", "folded", "bpftrace", "pprof"] {
        for case in entries(&in_repository("samples").join(format)) {
            for file in
                entries(&case).into_iter().filter(|file| name(file) != "SOURCE" && !name(file).ends_with(".snap"))
            {
                let bytes = std::fs::read(&file).unwrap();
                let artifact = from_memory("sample", &[(&name(&file), &bytes)]).unwrap().artifacts.remove(0);
                for evidence in artifact.parsed.evidence {
                    if let Evidence::Profile(profile) = evidence {
                        all.push((file.display().to_string(), artifact.parsed.tables.clone(), profile));
                    }
                }
            }
        }
    }
    assert!(all.len() > 30, "{}", all.len());
    all
}

/// Weight by the functions of a stack, outermost first.
fn by_functions(tables: &Tables, profile: &Profile) -> BTreeMap<Vec<String>, f64> {
    let mut weights = BTreeMap::new();
    for row in &profile.rows {
        let functions: Vec<String> = tables.functions(row.stack).rev().map(str::to_owned).collect();
        *weights.entry(functions).or_default() += row.weight;
    }
    weights
}

#[test]
fn folded_text_keeps_the_weight_of_every_sample() {
    for (path, tables, profile) in profiles() {
        let folded = stacks::folded(&tables, &profile, Naming { tid: true, ..Naming::MARKED });
        let expected: u64 = profile.rows.iter().map(|row| row.weight.max(0.0).round() as u64).sum();
        assert_eq!(folded.iter().map(|(_, _, weight)| weight).sum::<u64>(), expected, "{path} {}", profile.event);
    }
}

#[test]
fn pprof_files_are_read_as_they_were_written() {
    for (path, tables, profile) in profiles() {
        let bytes = pprof::gzipped(&tables, &profile).unwrap();
        let artifact = from_memory("export", &[("x.pb.gz", &bytes)]).unwrap().artifacts.remove(0);
        assert_eq!(artifact.format, Some("pprof"), "{path}");
        let back = artifact.parsed.evidence.iter().find_map(|evidence| match evidence {
            Evidence::Profile(back) if back.unit == profile.unit || profile.unit == "samples" => Some(back),
            _ => None,
        });
        let back = back.unwrap_or_else(|| panic!("{path}: no profile of unit {} comes back", profile.unit));
        let mut expected = by_functions(&tables, &profile);
        expected.values_mut().for_each(|weight| *weight = weight.max(0.0).round());
        expected.retain(|_, weight| *weight > 0.0);
        let mut got = by_functions(&artifact.parsed.tables, back);
        got.retain(|_, weight| *weight > 0.0);
        assert_eq!(got.keys().collect::<Vec<_>>(), expected.keys().collect::<Vec<_>>(), "{path} {}", profile.event);
        for (stack, weight) in &expected {
            assert!((got[stack] - weight).abs() <= 1.0 + weight * 1e-9, "{path} {stack:?}: {} {weight}", got[stack]);
        }
    }
}

#[test]
fn speedscope_files_hold_every_stack_with_its_weight() {
    for (path, tables, profile) in profiles() {
        let json: serde_json::Value = serde_json::from_str(&speedscope::json(&tables, &profile, &path)).unwrap();
        let frames = json["shared"]["frames"].as_array().unwrap();
        let mut got: BTreeMap<Vec<String>, f64> = BTreeMap::new();
        for thread in json["profiles"].as_array().unwrap() {
            let (samples, weights) = (thread["samples"].as_array().unwrap(), thread["weights"].as_array().unwrap());
            assert_eq!(samples.len(), weights.len(), "{path}");
            for (stack, weight) in samples.iter().zip(weights) {
                let name =
                    |index: &serde_json::Value| frames[index.as_u64().unwrap() as usize]["name"].as_str().unwrap();
                let stack = stack.as_array().unwrap().iter().map(|index| name(index).to_owned()).collect();
                *got.entry(stack).or_default() += weight.as_f64().unwrap();
            }
        }
        assert_eq!(got, by_functions(&tables, &profile), "{path} {}", profile.event);
    }
}
