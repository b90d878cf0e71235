//! Every kill for memory in the samples of the kernel's log is decoded, and its table of tasks read by its header: with
//! and without the columns of 6.8. What is expected is taken from the text by other means than the parser's.

use postmortem_parsers::evidence::{Evidence, Parsed, Record, RecordKind};
use postmortem_parsers::lines::Text;
use postmortem_parsers::{FORMATS, Hint};
use std::fs;
use std::path::PathBuf;

/// The texts under `samples/kernel-log/oom-*`, but for the journal's JSON.
fn logs() -> Vec<(String, String)> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../samples/kernel-log");
    let mut logs = Vec::new();
    for case in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let name = case.file_name().unwrap().to_string_lossy().into_owned();
        if !name.starts_with("oom-") || name.ends_with("-json") {
            continue;
        }
        for file in fs::read_dir(&case).unwrap().map(|entry| entry.unwrap().path()) {
            if file.file_name().unwrap() != "SOURCE" {
                logs.push((name.clone(), fs::read_to_string(&file).unwrap()));
            }
        }
    }
    logs.sort();
    logs
}

fn kills(text: &str) -> Vec<Record> {
    let format = FORMATS.iter().find(|format| format.id() == "kernel-log").unwrap();
    let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
    while let Some(line) = lines.peek() {
        if !line.is_empty() && format.opens(line) {
            format.parse(&mut lines, &Hint::default(), &mut out);
        } else {
            lines.advance();
        }
    }
    let records = out.evidence.into_iter();
    let records = records.filter_map(|e| if let Evidence::Record(record) = e { Some(record) } else { None });
    records.filter(|record| record.kind == RecordKind::Kill).collect()
}

/// The digits behind `key`.
fn digits(line: &str, key: &str) -> Option<u64> {
    let rest = line.split_once(key)?.1;
    rest[..rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len())].parse().ok()
}

#[test]
fn every_kill_of_the_samples_is_decoded() {
    let (logs, mut seen) = (logs(), 0);
    assert!(logs.len() >= 7, "{}", logs.len());
    for (name, text) in &logs {
        let kills = kills(text);
        for line in text.lines().filter(|line| line.contains("Killed process ")) {
            let pid = digits(line, "Killed process ").unwrap();
            let kill = kills.iter().find(|kill| kill.claims.pid == Some(pid));
            let kill = kill.unwrap_or_else(|| panic!("{name}: the kill of {pid} is missing"));
            let of = |key: &str| kill.attribute(key).and_then(|text| text.parse::<u64>().ok());
            for (printed, read) in
                [("anon-rss:", "anon_rss_bytes"), ("file-rss:", "file_rss_bytes"), ("total-vm:", "total_vm_bytes")]
            {
                let expected = digits(line, printed).map(|kib| kib * 1024);
                assert_eq!(of(read), expected, "{name}: {read} of {pid}");
            }
            assert!(kill.attribute("killer").is_some_and(|killer| killer != "unknown" || name == "oom-tail"), "{name}");
            seen += 1;
        }
        let printed = text.lines().filter(|line| line.contains("Killed process ")).count();
        assert!(kills.len() >= printed.min(1), "{name}");
    }
    assert!(seen >= 10, "{seen}");
}

/// The largest resident size of each table, in pages, by the place of its column under the header.
fn largest(text: &str) -> Vec<u64> {
    let (mut all, mut column) = (Vec::new(), None);
    for line in text.lines() {
        let Some((_, row)) = line.rsplit_once("[ ").or_else(|| line.rsplit_once('[')) else { continue };
        let Some((pid, rest)) = row.split_once(']') else { continue };
        let words: Vec<&str> = rest.split_whitespace().collect();
        if pid.trim() == "pid" {
            column = words.iter().position(|word| *word == "rss");
            all.push(0);
        } else if let (Some(column), Ok(_), Some(last)) = (column, pid.trim().parse::<u64>(), all.last_mut())
            && let Some(pages) = words.get(column).and_then(|word| word.parse::<u64>().ok())
            && words.len() > column + 2
        {
            *last = pages.max(*last);
        }
    }
    all
}

#[test]
fn tables_of_tasks_are_read_by_their_header() {
    let (mut old, mut new) = (0, 0);
    for (name, text) in &logs() {
        let expected = largest(text);
        if expected.is_empty() || name == "oom-tail" {
            // Excerpts and tails have no header, or rows from before it.
            continue;
        }
        let mut read: Vec<u64> = kills(text)
            .iter()
            .filter_map(|kill| kill.attribute("largest_task_rss_bytes")?.parse::<u64>().ok())
            .map(|bytes| bytes / 4096)
            .collect();
        read.dedup();
        for pages in &read {
            assert!(expected.contains(pages), "{name}: {pages} pages are in none of {expected:?}");
        }
        if !read.is_empty() {
            if text.contains("rss_anon rss_file") { new += 1 } else { old += 1 }
        }
    }
    assert!(old >= 1 && new >= 2, "{old} tables without rss_anon, {new} with it");
}
