//! What several tests need: the samples, and reports held against their schema.
#![allow(dead_code, reason = "each test uses a part")]

use jsonschema::Validator;
use postmortem::analysis::analyze;
use postmortem::bundle::{Bundle, from_memory};
use postmortem::patterns::Pattern;
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// What the driver says where a parser panicked.
pub const DEFECT: &str = "a defect of the reader";

/// A file of the repository.
pub fn in_repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// The entries of a folder, by name.
pub fn entries(folder: &Path) -> Vec<PathBuf> {
    let listed = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = listed.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

/// The last component of a path.
pub fn name(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

/// The incidents under `samples/bundles`.
pub fn cases() -> Vec<PathBuf> {
    entries(&in_repository("samples/bundles")).into_iter().filter(|case| case.join("truth.json").exists()).collect()
}

/// The files of a folder and of those in it: path within it and content.
pub fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for path in entries(folder) {
        if path.is_dir() {
            all.extend(files(&path).into_iter().map(|(inner, bytes)| (format!("{}/{inner}", name(&path)), bytes)));
        } else {
            all.push((name(&path), fs::read(&path).unwrap()));
        }
    }
    all
}

/// Reads files as if they had come in an archive.
pub fn bundle_of(files: &[(String, Vec<u8>)]) -> anyhow::Result<Bundle> {
    let borrowed: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    from_memory("sample", &borrowed)
}

/// The report of a bundle as JSON.
pub fn report(bundle: Bundle, patterns: &[Pattern]) -> Value {
    serde_json::to_value(analyze(bundle, patterns).unwrap().report).unwrap()
}

/// The schema that reports keep to.
pub fn schema() -> Validator {
    let text = fs::read_to_string(in_repository("docs/report.schema.json")).unwrap();
    jsonschema::validator_for(&serde_json::from_str(&text).unwrap()).unwrap()
}

/// The first faults of a report against the schema.
pub fn faults(schema: &Validator, report: &Value) -> Vec<String> {
    schema.iter_errors(report).take(3).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// A generator of numbers that are the same in each run (splitmix64).
pub struct Numbers(pub u64);

impl Numbers {
    /// The next number below `end`, which is not 0.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % end as u64) as usize
    }
}
