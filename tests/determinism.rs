//! The same bundle gives the same bytes: whatever the number of threads, the time zone and the language, and from a
//! folder as from its archive.

mod common;

use common::{files, in_repository};
use flate2::Compression;
use flate2::write::GzEncoder;
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

/// Cases with dumps, profiles, metrics and kernel logs: all that a report is made of.
const CASES: &[&str] = &[
    "heap-leak-cartd-sessions",
    "goroutine-leak-invsync-bodies",
    "gc-thrash-rankd",
    "pool-exhaustion-java-orders",
    "ok-pingd-cgroup-v2",
];

type Files = Vec<(String, Vec<u8>)>;

/// All files that an analysis writes, and what it prints.
fn analyse(input: &Path, environment: &[(&str, &str)]) -> Files {
    let out = TempDir::new().unwrap();
    let folder = out.path().join("report");
    let mut command = Command::new(env!("CARGO_BIN_EXE_postmortem"));
    command.arg("analyze").arg(input).arg("--out").arg(&folder).envs(environment.iter().copied());
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let mut all = files(&folder);
    assert!(all.iter().any(|(name, _)| name == "report.json"));
    all.push(("stdout".into(), ran.stdout));
    all
}

fn assert_same(case: &str, what: &str, expected: &Files, got: &Files) {
    let names = |files: &Files| -> Vec<String> { files.iter().map(|(name, _)| name.clone()).collect() };
    assert_eq!(names(expected), names(got), "{case}, {what}");
    for ((name, a), (_, b)) in expected.iter().zip(got) {
        assert!(a == b, "{case}: {name} is not the same {what}");
    }
}

/// A copy of a case's bundle in a folder of this name.
fn copied(case: &str, into: &Path) {
    for (name, bytes) in files(&in_repository("samples/bundles").join(case).join("bundle")) {
        let path = into.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

#[test]
fn threads_time_zone_and_language_change_nothing() {
    for case in CASES {
        let input = in_repository("samples/bundles").join(case).join("bundle");
        let expected = analyse(&input, &[("RAYON_NUM_THREADS", "1")]);
        let others = [
            ("with two threads", vec![("RAYON_NUM_THREADS", "2")]),
            ("with seven threads", vec![("RAYON_NUM_THREADS", "7")]),
            ("in Tokyo", vec![("TZ", "Asia/Tokyo"), ("LC_ALL", "C")]),
            ("in another language", vec![("LC_ALL", "de_DE.UTF-8"), ("LANG", "de_DE.UTF-8")]),
        ];
        for (what, environment) in others {
            assert_same(case, what, &expected, &analyse(&input, &environment));
        }
    }
}

/// Leaves out what an archive is not like a folder in: size and checksum. Both have the same name.
fn without_size(files: Files) -> Files {
    let plain = |(file, bytes): (String, Vec<u8>)| {
        let text = String::from_utf8(bytes).unwrap();
        let text = match file.as_str() {
            "report.json" => {
                let mut report: serde_json::Value = serde_json::from_str(&text).unwrap();
                for key in ["bytes", "sha256"] {
                    report["bundle"][key].take();
                }
                serde_json::to_string_pretty(&report).unwrap()
            }
            "report.html" => {
                let (head, rest) = text.split_once("<p class=\"bundle\">").unwrap();
                format!("{head}{}", rest.split_once("</p>").unwrap().1)
            }
            // The third line names the bundle and its size.
            "report.md" => text.lines().enumerate().filter(|(at, _)| *at != 2).map(|(_, line)| line).collect(),
            _ => text,
        };
        (file, text.into_bytes())
    };
    files.into_iter().map(plain).collect()
}

#[test]
fn an_archive_gives_what_its_folder_gives() {
    let folder = TempDir::new().unwrap();
    for case in CASES {
        let (input, archive) = (folder.path().join("plain").join(case), folder.path().join(case));
        copied(case, &input);
        let gzip = GzEncoder::new(fs::File::create(&archive).unwrap(), Compression::fast());
        let mut tar = tar::Builder::new(gzip);
        tar.append_dir_all(case, &input).unwrap();
        tar.into_inner().unwrap().finish().unwrap();
        let expected = without_size(analyse(&input, &[]));
        assert_same(case, "from its archive", &expected, &without_size(analyse(&archive, &[])));
    }
}

#[test]
fn the_archive_among_the_samples_holds_the_files_of_its_case() {
    let folder = TempDir::new().unwrap();
    let (input, archive) = (folder.path().join("plain/cartd-sessions"), folder.path().join("cartd-sessions"));
    copied("heap-leak-cartd-sessions", &input);
    fs::copy(in_repository("samples/bundles/cartd-sessions.tar.gz"), &archive).unwrap();
    let expected = without_size(analyse(&input, &[]));
    assert_same("cartd-sessions", "from its archive", &expected, &without_size(analyse(&archive, &[])));
}
