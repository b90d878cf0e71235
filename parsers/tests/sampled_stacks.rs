//! perf script and folded stacks: real captures keep every sample, and no text makes a reader panic.

use postmortem_parsers::evidence::{Evidence, Parsed, Profile, ProfileKind};
use postmortem_parsers::lines::Text;
use postmortem_parsers::{Format, Hint, detect};
use proptest::prelude::*;
use std::path::PathBuf;

fn sample(path: &str) -> Vec<u8> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../samples").join(path);
    std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read(format: &dyn Format, text: &[u8]) -> Parsed {
    let mut out = Parsed::default();
    format.parse(&mut Text::new(text, 1).lines(), &Hint::default(), &mut out);
    out
}

fn perf() -> &'static dyn Format {
    detect(b"a 1 2.000000: cycles: \n\t  10 f (/x)\n", &Hint::default()).expect("perf script is a format")
}

fn folded() -> &'static dyn Format {
    detect(b"main;f;g 3\nmain;h 4\n", &Hint::default()).expect("folded is a format")
}

fn profiles(parsed: &Parsed) -> Vec<&Profile> {
    let profiles = parsed.evidence.iter().filter_map(|evidence| match evidence {
        Evidence::Profile(profile) => Some(profile),
        _ => None,
    });
    profiles.collect()
}

fn samples(profile: &Profile) -> u64 {
    profile.rows.iter().map(|row| row.samples).sum()
}

fn weight(profile: &Profile) -> f64 {
    profile.rows.iter().map(|row| row.weight).sum()
}

/// Capture and, per event in the order of first sight, the number of its header lines.
const PERF: &[(&str, &[(&str, u64)])] = &[
    ("cpp-demangled/perf.script", &[("cpu-clock:pppH", 14)]),
    ("cpp-mangled/perf.script", &[("cpu-clock:pppH", 14)]),
    ("cpp-symbols-and-lines/perf.script", &[("cpu-clock:pppH", 56)]),
    ("dso-with-parentheses/perf.script", &[("cpu-clock:pppH", 56)]),
    ("go-service/perf.script", &[("cpu-clock:pppH", 17)]),
    ("java-perf-map/perf.script", &[("cpu-clock:pppH", 13)]),
    ("java-without-map/perf.script", &[("cpu-clock:pppH", 179)]),
    ("no-call-chains/perf.script", &[("cpu-clock:pppH", 46)]),
    ("odd-names-cut-in-frame/perf.script", &[("cpu-clock:pppH", 41)]),
    ("odd-names-fields/perf-script.txt", &[("cpu-clock:pppH", 103)]),
    ("odd-names-lost/perf.script", &[("cpu-clock:pppH", 53)]),
    ("odd-names-sched/sched.script", &[("sched:sched_switch", 22), ("sched:sched_wakeup", 4)]),
    ("odd-names-system-wide/perf.script", &[("cpu-clock:pppH", 108)]),
    ("odd-names-two-events/perf.script", &[("page-faults", 5), ("context-switches", 26)]),
    ("rust-inv/perf.script", &[("cpu-clock:pppH", 43)]),
    ("rust-inv-mangled/perf.script", &[("cpu-clock:pppH", 43)]),
    ("sched-switch-pool/perf.script", &[("sched:sched_switch", 60)]),
    ("sched-switch/perf.script", &[("sched:sched_switch", 1)]),
    ("side-events/perf.script", &[("cpu-clock:pppH", 1)]),
    ("source-lines/perf.script", &[("cpu-clock:pppH", 1)]),
    ("tracepoint-payload/perf.script", &[("syscalls:sys_enter_brk", 2)]),
];

#[test]
fn every_perf_sample_is_counted() {
    for (path, events) in PERF {
        let text = sample(&format!("perf-script/{path}"));
        let format = detect(&text, &Hint::default()).unwrap_or_else(|| panic!("{path} is not recognised"));
        assert_eq!(format.id(), "perf-script", "{path}");
        let parsed = read(format, &text);
        // Waits are made of switches, which are counted.
        let profiles = profiles(&parsed).into_iter().filter(|profile| profile.kind != ProfileKind::OffCpu);
        let counted: Vec<(&str, u64)> = profiles.map(|p| (p.event.as_str(), samples(p))).collect();
        assert_eq!(counted, *events, "{path}");
        assert_eq!(parsed.records, events.iter().map(|(_, count)| count).sum::<u64>(), "{path}");
        let junk: Vec<_> = parsed.notes.iter().filter(|note| note.message.contains("neither")).collect();
        assert!(junk.is_empty(), "{path}: {junk:?}");
    }
}

#[test]
fn no_frame_of_a_capture_is_lost() {
    for (path, _) in PERF {
        let text = sample(&format!("perf-script/{path}"));
        let printed =
            Text::new(&text, 1).lines().filter(|line| line.starts_with(b"\t") && line.ends_with(b")")).count();
        let inline = if path.starts_with("no-call-chains") { 46 } else { 0 };
        let parsed = read(perf(), &text);
        let depth = |row: &postmortem_parsers::evidence::ProfileRow| {
            parsed.tables.stack_frames(row.stack).len() * usize::try_from(row.samples).unwrap()
        };
        // Time off CPU is made of stacks that are counted already.
        let recorded = profiles(&parsed).into_iter().filter(|profile| profile.kind != ProfileKind::OffCpu);
        let kept: usize = recorded.flat_map(|profile| &profile.rows).map(depth).sum();
        assert_eq!(kept, printed + inline, "{path}");
    }
}

#[test]
fn mangled_names_are_read_as_perf_demangles_them() {
    for (mangled, demangled) in [("rust-inv-mangled", "rust-inv"), ("cpp-mangled", "cpp-demangled")] {
        let stacks = |path: &str| {
            let parsed = read(perf(), &sample(&format!("perf-script/{path}/perf.script")));
            let rows = profiles(&parsed)[0].rows.iter();
            rows.map(|row| (parsed.tables.functions(row.stack).map(str::to_owned).collect::<Vec<_>>(), row.samples))
                .collect::<Vec<_>>()
        };
        assert_eq!(stacks(mangled), stacks(demangled), "{mangled}");
    }
}

#[test]
fn names_of_threads_are_kept_as_they_are() {
    for path in
        ["odd-names-fields/perf-script.txt", "odd-names-system-wide/perf.script", "odd-names-sched/sched.script"]
    {
        let parsed = read(perf(), &sample(&format!("perf-script/{path}")));
        let names: Vec<&str> = profiles(&parsed)
            .iter()
            .flat_map(|profile| &profile.threads)
            .map(|thread| parsed.tables.text(thread.comm))
            .collect();
        let known = [
            "names",
            "12345",
            "x;y;z",
            "GC Thread#0",
            "pool 1 (busy)",
            "[worker/1]",
            "a: 1/2 3:",
            "nähe ✓",
            "T7 77 [001]",
            "tab\tname",
            "%s 99% done",
            "<defunct>",
            "  lead space",
            "io,uring=2",
            "C2 CompilerThre",
            "map:0 <u64>",
        ];
        for name in &names {
            assert!(known.contains(name), "{path}: {name:?}");
        }
    }
}

#[test]
fn samples_that_perf_lost_are_said() {
    let parsed = read(perf(), &sample("perf-script/odd-names-lost/perf.script"));
    assert!(parsed.notes.iter().any(|note| note.message.starts_with("perf itself lost ")), "{:?}", parsed.notes);
}

#[test]
fn a_file_cut_in_mid_frame_keeps_its_last_sample() {
    let parsed = read(perf(), &sample("perf-script/odd-names-cut-in-frame/perf.script"));
    assert!(parsed.notes.iter().any(|note| note.message.contains("may be short")), "{:?}", parsed.notes);
}

#[test]
fn folded_captures_keep_their_totals() {
    let captures = [
        ("stackcollapse-cpp/out.folded", 59, 463.0),
        ("async-profiler/profile.collapsed", 22, 606.0),
        ("offcputime/offcpu.folded", 1, 52_983_511_000.0),
        ("py-spy-threads/record.raw", 3, 525.0),
        ("py-spy-gil/record-gil.raw", 2, 499.0),
    ];
    for (path, lines, total) in captures {
        let text = sample(&format!("folded/{path}"));
        let format = detect(&text, &Hint::default()).unwrap_or_else(|| panic!("{path} is not recognised"));
        assert_eq!(format.id(), "folded", "{path}");
        let parsed = read(format, &text);
        assert_eq!((parsed.records, weight(profiles(&parsed)[0])), (lines, total), "{path}");
    }
}

/// Frames, thread name, thread id and samples.
type Row = (Vec<String>, String, i64, u64);

/// All that must not depend on where a text was cut into blocks: per event the samples, weight, threads and rows.
fn totals(parsed: &Parsed) -> Vec<(String, u64, u64, usize, Vec<Row>)> {
    let mut totals = Vec::new();
    for profile in profiles(parsed) {
        let mut rows = Vec::new();
        for row in &profile.rows {
            let thread = profile.threads[row.thread as usize];
            let stack = parsed.tables.functions(row.stack).map(str::to_owned).collect();
            rows.push((stack, parsed.tables.text(thread.comm).to_owned(), thread.tid, row.samples));
        }
        // Time off CPU is known when the thread comes back, perhaps in a later block: the order of its rows is not told.
        if profile.kind == ProfileKind::OffCpu {
            rows.sort();
        }
        totals.push((profile.event.clone(), samples(profile), weight(profile) as u64, profile.threads.len(), rows));
    }
    totals
}

/// The text as blocks that end at some of its blank lines.
fn blocks<'a>(text: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let ends: Vec<usize> = (2..text.len()).filter(|&end| text[..end].ends_with(b"\n\n")).collect();
    let mut chosen: Vec<usize> =
        if ends.is_empty() { Vec::new() } else { cuts.iter().map(|cut| ends[cut.index(ends.len())]).collect() };
    chosen.sort_unstable();
    chosen.dedup();
    let (mut blocks, mut start) = (Vec::new(), 0);
    for end in chosen.into_iter().chain([text.len()]) {
        blocks.push(&text[start..end]);
        start = end;
    }
    blocks
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_read(text in prop::collection::vec(any::<u8>(), 0..2000)) {
        read(perf(), &text);
        read(folded(), &text);
        detect(&text, &Hint::default());
    }

    #[test]
    fn any_text_of_their_signs_is_read(text in "[-a ;:.0-9()\\[\\]/+x#\t\n]{0,300}") {
        read(perf(), text.as_bytes());
        read(folded(), text.as_bytes());
        detect(text.as_bytes(), &Hint::default());
    }

    #[test]
    fn damaged_captures_are_read(
        which in any::<prop::sample::Index>(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..3u8), 1..40),
        end in any::<prop::sample::Index>(),
    ) {
        let mut text = sample(&format!("perf-script/{}", PERF[which.index(PERF.len())].0));
        for (at, byte, how) in damage {
            let at = at.index(text.len());
            match how {
                0 => text[at] = byte,
                1 => text.insert(at, byte),
                _ => { text.remove(at); }
            }
        }
        text.truncate(end.index(text.len() + 1));
        read(perf(), &text);
        read(folded(), &text);
        detect(&text, &Hint::default());
    }

    #[test]
    fn blocks_add_up(
        which in any::<prop::sample::Index>(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let text = sample(&format!("perf-script/{}", PERF[which.index(PERF.len())].0));
        let mut parsed = Parsed::default();
        for block in blocks(&text, &cuts) {
            parsed.append(read(perf(), block));
        }
        let whole = read(perf(), &text);
        prop_assert_eq!(totals(&parsed), totals(&whole));
        prop_assert_eq!(parsed.records, whole.records);
        let span = |parsed: &Parsed| profiles(parsed).iter().map(|p| (p.when, (p.span_s * 1e6).round())).collect::<Vec<_>>();
        prop_assert_eq!(span(&parsed), span(&whole));
    }
}

#[test]
fn counts_of_samples_that_are_too_large_do_not_overflow_where_blocks_meet() {
    let folded = postmortem_parsers::FORMATS.iter().find(|format| format.id() == "folded").unwrap();
    let mut blocks = [0, 1].map(|_| {
        let mut out = postmortem_parsers::evidence::Parsed::default();
        let mut lines = postmortem_parsers::lines::Text::new(b"main;work 18446744073709551615\n", 1).lines();
        folded.parse(&mut lines, &postmortem_parsers::Hint::default(), &mut out);
        out
    });
    let [first, second] = &mut blocks;
    first.append(std::mem::take(second));
    let [postmortem_parsers::evidence::Evidence::Profile(profile)] = &first.evidence[..] else { panic!("{first:?}") };
    assert_eq!(profile.rows.iter().map(|row| row.samples).collect::<Vec<_>>(), [u64::MAX]);
}
