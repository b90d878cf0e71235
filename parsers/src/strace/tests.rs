use super::*;
use std::fmt::Write;

fn parse(text: &[u8]) -> Parsed {
    let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
    Strace.parse(&mut lines, &Hint::default(), &mut out);
    assert!(lines.is_done());
    out
}

fn records<'a>(out: &'a Parsed) -> Vec<&'a Record> {
    let record = |evidence: &'a Evidence| match evidence {
        Evidence::Record(record) => record,
        other => panic!("{other:?}"),
    };
    out.evidence.iter().map(record).collect()
}

fn of_class<'a>(out: &'a Parsed, class: &str) -> Vec<&'a Record> {
    records(out).into_iter().filter(|record| record.attribute("class") == Some(class)).collect()
}

fn values<'a>(record: &'a Record, names: &[&str]) -> Vec<Option<&'a str>> {
    names.iter().map(|name| record.attribute(name)).collect()
}

fn sample(case: &str) -> Vec<u8> {
    let path = format!("{}/../samples/strace/{case}/strace.log", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(&path).unwrap_or_else(|e| panic!("{path}: {e}"))
}

const SAMPLES: [&str; 7] = ["blocked", "joined", "no-ids", "relative", "table", "unix-times", "unjoined"];

#[test]
fn samples_read_as_expected() {
    for case in SAMPLES {
        assert_eq!(Strace.sniff(&sample(case), &Hint::default()), Sniff::Yes, "{case}");
        let out = parse(&sample(case));
        let mut text = String::new();
        for record in records(&out).iter().take(24) {
            let Record { line, end, kind, claims, .. } = record;
            let _ = writeln!(text, "{line}-{end} {kind:?} {:?} {:?} {}", claims.pid, claims.comm, record.text);
            let _ = writeln!(text, "    {:?}", record.attributes);
        }
        let _ = writeln!(text, "{} records, notes {:?}", records(&out).len(), out.notes);
        insta::assert_snapshot!(case, text);
    }
}

#[test]
fn threads_that_nobody_joins_leave_their_stacks() {
    let out = parse(&sample("unjoined"));
    let threads = of_class(&out, "threads-created-not-ended")[0];
    assert_eq!(values(threads, &["count", "created", "ended", "created_by"]), ["0", "60", "60", "clone3"].map(Some));
    let stacks = of_class(&out, "thread-stacks-kept")[0];
    let names = ["count", "bytes", "mapped", "unmapped", "reused"];
    assert_eq!(values(stacks, &names), ["60", "503562240", "60", "0", "0"].map(Some));
    assert_eq!(of_class(&out, "blocked-call").len(), 0);
}

#[test]
fn joined_threads_use_the_stacks_again() {
    let out = parse(&sample("joined"));
    let stacks = of_class(&out, "thread-stacks-kept")[0];
    let number = |name| stacks.attribute(name).unwrap().parse::<u64>().unwrap();
    assert!(number("count") <= 5 && number("reused") >= 10, "{:?}", stacks.attributes);
}

#[test]
fn calls_that_never_return_are_told_by_thread() {
    let out = parse(&sample("blocked"));
    let blocked = of_class(&out, "blocked-call");
    let reads: Vec<_> = blocked.iter().filter(|record| record.attribute("call") == Some("recvfrom")).collect();
    let threads = of_class(&out, "threads-created-not-ended")[0];
    assert_eq!(threads.attribute("count"), Some("83"));
    assert_eq!(reads.len(), 82);
    assert_eq!(values(reads[0], &["tid", "fd", "end"]), ["28178", "4", "killed by SIGINT"].map(Some));
    assert_eq!(reads[0].claims.pid, Some(28176));
    assert!(reads[0].attribute("seconds").unwrap().parse::<f64>().unwrap() > 5.0);
    let accept = blocked.iter().find(|record| record.attribute("call") == Some("accept")).unwrap();
    assert_eq!(accept.attribute("tid"), Some("28176"));
}

#[test]
fn a_table_is_read_by_its_header() {
    let out = parse(&sample("table"));
    let [row, total] = records(&out)[..] else { panic!("{:?}", out.evidence) };
    let names = ["class", "call", "seconds", "calls", "errors"];
    assert_eq!(values(row, &names), ["syscall-time", "futex", "0.528191", "7597", "945"].map(Some));
    assert_eq!(total.attribute("class"), Some("syscall-time-total"));
    let text = b"% time     seconds  usecs/call     calls    errors syscall\n------ ----------- ----------- --------- --------- ----------------\n 60.00    0.000003           1         3           close\n";
    assert_eq!(values(records(&parse(text))[0], &names)[4], Some("0"));
}

#[test]
fn lines_without_an_id_belong_to_the_first_process() {
    let out = parse(&sample("relative"));
    let blocked = of_class(&out, "blocked-call");
    assert_eq!(blocked.len(), 1);
    assert_eq!(values(blocked[0], &["call", "fd"]), ["read", "3"].map(Some));
    let exit = records(&out).into_iter().find(|record| record.kind == RecordKind::Exit).unwrap();
    assert_eq!((exit.attribute("code"), exit.claims.pid), (Some("3"), blocked[0].claims.pid));
    assert_eq!(exit.claims.comm.as_deref(), Some("blkd"));
    assert!(exit.claims.pid.is_some());
    let threads = of_class(&out, "threads-created-not-ended")[0];
    assert_eq!(values(threads, &["created", "ended", "count"]), ["2", "1", "1"].map(Some));
    assert_eq!(out.notes, []);
}

#[test]
fn without_following_nobody_knows_whether_threads_ended() {
    let out = parse(&sample("no-ids"));
    let threads = of_class(&out, "threads-created-not-ended")[0];
    assert_eq!(values(threads, &["created", "ended", "count"]), [Some("2"), None, None]);
}

#[test]
fn other_texts_are_not_strace() {
    for text in [
        &b"2026-11-21 INFO start\n2026-11-21 INFO ready\n2026-11-21 INFO done\n"[..],
        b"a(1) = 1\n",
        b"served 60\nserved 61\nserved 62\n",
    ] {
        assert_eq!(Strace.sniff(text, &Hint::default()), Sniff::No);
    }
}

proptest::proptest! {
    #[test]
    fn no_input_panics(case in 0usize..SAMPLES.len(), cut in 0usize..6000, at in 0usize..6000, byte: u8) {
        let mut text = sample(SAMPLES[case]);
        text.truncate(cut);
        if let Some(slot) = text.get_mut(at) {
            *slot = byte;
        }
        parse(&text);
    }

    #[test]
    fn no_line_panics(text in "[0-9 \\[\\]pid.:a-z(),=<>+?\"\n-]{0,120}") {
        parse(text.as_bytes());
        parse(format!("% time seconds usecs/call calls errors syscall\n{text}\n").as_bytes());
        parse(format!("1 mmap(NULL, 8, MAP_STACK, -1, 0) = 0xffffffffffffffff\n1 clone(stack=0x{text}, CLONE_THREAD) = 2\n").as_bytes());
    }
}
