use super::*;
use crate::lines::Text;

fn parse(text: &[u8]) -> Parsed {
    let mut out = Parsed::default();
    let mut lines = Text::new(text, 1).lines();
    while let Some(line) = lines.peek() {
        if !line.is_empty() && GoGoroutines.opens(line) {
            GoGoroutines.parse(&mut lines, &Hint::default(), &mut out);
        } else {
            lines.advance();
        }
    }
    out
}

fn snapshots(out: &Parsed) -> Vec<&Snapshot> {
    out.evidence
        .iter()
        .filter_map(|evidence| match evidence {
            Evidence::Snapshot(snapshot) => Some(snapshot),
            _ => None,
        })
        .collect()
}

/// Every header form of the grammar, 1.13 to 1.27.
#[test]
fn headers_of_all_versions() {
    type Case = (&'static str, u64, &'static str, Option<u32>, bool, bool, Option<&'static str>);
    let cases: [Case; 11] = [
        ("goroutine 1 [running]:", 1, "running", None, false, false, None),
        ("goroutine 7 [select, 12 minutes, locked to thread]:", 7, "select", Some(12), false, true, None),
        ("goroutine 7 [chan receive (nil chan)]:", 7, "chan receive (nil chan)", None, false, false, None),
        ("goroutine 7 [chan receive (leaked)]:", 7, "chan receive", None, true, false, None),
        ("goroutine 9 [chan send (leaked), 2 minutes]:", 9, "chan send", Some(2), true, false, None),
        ("goroutine 1 gp=0xc000002380 m=nil [sleep]:", 1, "sleep", None, false, false, None),
        ("goroutine 20 gp=0xc0000a2540 m=0 mp=0x5656a0 [running]:", 20, "running", None, false, false, None),
        (
            "goroutine 20 [chan receive] {req: \"r 0\", route: /api/v1}:",
            20,
            "chan receive",
            None,
            false,
            false,
            Some("req: \"r 0\", route: /api/v1"),
        ),
        (
            "goroutine 8 [chan receive labels:{\"req\": \"r ]0\", \"route\": \"/api/v1\"}]:",
            8,
            "chan receive",
            None,
            false,
            false,
            Some("\"req\": \"r ]0\", \"route\": \"/api/v1\""),
        ),
        (
            "goroutine 5 [chan send, 1 minutes] {endpoint: \"/users/{id}\"}:",
            5,
            "chan send",
            Some(1),
            false,
            false,
            Some("endpoint: \"/users/{id}\""),
        ),
        ("goroutine 6 [select (durable), synctest bubble 1]:", 6, "select (durable)", None, false, false, None),
    ];
    for (line, id, status, minutes, leaked, locked, labels) in cases {
        let (_, found) = header(line.as_bytes()).unwrap_or_else(|e| panic!("{line}: {e}"));
        let expected = Header {
            id,
            status: status.as_bytes(),
            minutes,
            leaked,
            locked_to_thread: locked,
            labels: labels.map(str::as_bytes),
        };
        assert_eq!(found, expected, "{line}");
    }
    for line in ["goroutine profile: total 4", "goroutine x [running]:", "goroutine 1 running", "goroutine 1 ["] {
        assert!(header(line.as_bytes()).is_err(), "{line}");
    }
}

#[test]
fn labels_are_split_at_the_right_commas() {
    let mut pairs = Vec::new();
    label_pairs(b"req: \"r, 0\", route: /api/v1", |k, v| {
        pairs.push((String::from_utf8(k).unwrap(), String::from_utf8(v).unwrap()));
    });
    assert_eq!(pairs, [("req".into(), "r, 0".into()), ("route".into(), "/api/v1".into())]);
}

const TWO: &str = "goroutine 18 [sync.Mutex.Lock, 2 minutes]:\n\
    sync.(*Mutex).Lock(...)\n\tsync/mutex.go:46\n\
    main.(*book).post(0xc000012300, 0x1)\n\t/src/main.go:155 +0x59\n\
    created by main.run in goroutine 1\n\t/src/main.go:152 +0x25\n\n\
    goroutine 19 [chan receive]:\nmain.wait(...)\n\t/src/main.go:9\n";

#[test]
fn a_dump_keeps_ids_creators_receivers_and_lines() {
    let out = parse(TWO.as_bytes());
    let all = snapshots(&out);
    assert_eq!(all.len(), 1);
    let [first, second] = &all[0].threads[..] else { panic!("{:?}", all[0].threads) };
    assert_eq!((first.id, first.line, first.end, first.waited_s), (18, 1, 8, Some(120)));
    assert_eq!(out.tables.functions(first.stack).collect::<Vec<_>>(), ["sync.(*Mutex).Lock", "main.(*book).post"]);
    assert_eq!(first.created_in, Some(1));
    assert_eq!(out.tables.function(first.created_by.unwrap()), "main.run");
    assert_eq!(
        all[0].objects_of(first),
        [ObjectRef { frame: 1, role: ObjectRole::Argument, object: 0xc000012300, class: Sym::EMPTY }]
    );
    assert_eq!((second.id, second.line), (19, 9));
    assert_eq!(all[0].completeness, Completeness::Complete);
}

#[test]
fn a_second_dump_in_the_same_file_is_a_second_snapshot() {
    let text = format!("{TWO}\n{TWO}");
    let out = parse(text.as_bytes());
    assert_eq!(snapshots(&out).iter().map(|s| s.threads.len()).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_dump_that_a_log_line_interrupts_stays_one() {
    let text = TWO.replace("main.(*book)", "2026/11/21 22:00:00 level=info msg=\"hi (there)\"\nmain.(*book)");
    let out = parse(text.as_bytes());
    let all = snapshots(&out);
    assert_eq!(all.len(), 1, "{:?}", out.notes);
    assert_eq!(all[0].threads.len(), 2);
    assert_eq!(out.tables.functions(all[0].threads[0].stack).len(), 2);
    assert_eq!(out.notes.len(), 1);
}

/// As the dispatcher does: each line to the format that opens there.
fn parse_log(text: &[u8]) -> Parsed {
    let mut out = Parsed::default();
    let mut lines = Text::new(text, 1).lines();
    while let Some(line) = lines.peek() {
        match crate::opened_by(line) {
            Some(format) => format.parse(&mut lines, &Hint::default(), &mut out),
            None => lines.advance(),
        }
    }
    out
}

#[test]
fn an_empty_line_opens_nothing() {
    assert!(!GoGoroutines.opens(b""));
    assert_eq!(GoGoroutines.sniff(b"\n\ngoroutine 1 [running]:\n", &Hint::default()), Sniff::Yes);
    assert_eq!(GoGoroutines.sniff(b"\n\n\n", &Hint::default()), Sniff::No);
}

#[test]
fn a_dump_that_a_record_of_another_format_interrupts_stays_one() {
    let gc = "gc 1 @0.501s 1%: 13+10+0.011 ms clock, 26+0/0.29/0+0.023 ms cpu, 0->0->0 MB, 4 MB goal, 2 P\n";
    let text = TWO.replace("\n\ngoroutine 19", &format!("\n\n{gc}goroutine 19"));
    let out = parse_log(text.as_bytes());
    let all = snapshots(&out);
    assert_eq!(all.iter().map(|s| s.threads.len()).collect::<Vec<_>>(), [2]);
    assert_eq!(out.evidence.len(), 2);
}

/// Whatever is read again for each interruption makes this take minutes.
#[test]
fn a_dump_that_is_interrupted_all_the_time_is_read_in_linear_time() {
    const GOROUTINES: u64 = 100_000;
    let mut text = String::new();
    for id in 1..=GOROUTINES {
        text += &format!("goroutine {id} [select]:\nmain.f()\n\tf.go:1 +0x1\n\nlevel=info\n");
    }
    let began = std::time::Instant::now();
    let out = parse(text.as_bytes());
    assert_eq!(snapshots(&out).iter().map(|s| s.total()).collect::<Vec<_>>(), [GOROUTINES]);
    let mut blank = b"goroutine 1 [select]:\nmain.f()\n\tf.go:1 +0x1\n".to_vec();
    blank.resize(blank.len() + 500_000, b'\n');
    parse(&blank);
    assert!(began.elapsed().as_secs() < 20, "{:?}", began.elapsed());
}

#[test]
fn panics_and_fatal_errors_carry_their_stack() {
    let text = "panic: boom\n\tsecond line\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x1]\n\n\
        goroutine 4 [running]:\nmain.f(0x0)\n\t/src/a.go:3 +0x1\nexit status 2\n";
    let out = parse(text.as_bytes());
    let Evidence::Record(record) = &out.evidence[0] else { panic!("{:?}", out.evidence) };
    assert_eq!((record.kind, record.attribute("message")), (RecordKind::Panic, Some("boom")));
    assert_eq!(out.tables.functions(record.stack).collect::<Vec<_>>(), ["main.f"]);
    let out = parse(b"fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\tmain.go:5 +0x1\n");
    let Evidence::Record(record) = &out.evidence[0] else { panic!("{:?}", out.evidence) };
    assert_eq!(record.kind, RecordKind::Fatal);
    assert_eq!(snapshots(&out)[0].origin, "fatal");
}

#[test]
fn a_panic_with_a_message_of_several_lines_keeps_its_stack() {
    let out = parse(include_bytes!("../../../samples/go-goroutines/crash-custom-go1.21/stderr.log"));
    let Evidence::Record(record) = &out.evidence[0] else { panic!("{:?}", out.evidence) };
    assert_eq!(out.tables.functions(record.stack).collect::<Vec<_>>(), ["main.main"]);
    assert_eq!(snapshots(&out)[0].origin, "panic");
}

#[test]
fn a_cut_dump_says_so() {
    let cut = &TWO.as_bytes()[..TWO.len() - 8];
    let out = parse(cut);
    assert_eq!(snapshots(&out)[0].completeness, Completeness::Truncated);
    assert_eq!(out.notes.len(), 1);
}

#[test]
fn a_dump_cut_within_a_header_says_so() {
    // The runtime's buffer ends at 64 MiB, wherever that is.
    for rest in ["go", "goroutine 1", "goroutine 120 [chan rec"] {
        let text = format!("{TWO}\n{rest}");
        let out = parse(text.as_bytes());
        let all = snapshots(&out);
        assert_eq!((all.len(), all[0].completeness), (1, Completeness::Truncated), "{rest}");
        assert!(out.notes.iter().any(|note| note.message.contains("cut off")), "{rest}: {:?}", out.notes);
    }
    let whole = parse(format!("{TWO}\ngone").as_bytes());
    assert_eq!(snapshots(&whole)[0].completeness, Completeness::Complete);
}

#[test]
fn an_ancestor_names_the_parent_where_nothing_else_does() {
    // GODEBUG=tracebackancestors of Go 1.27; before 1.21 no `in goroutine` stands behind `created by`.
    let new = include_str!("../../../samples/go-goroutines/sigquit-ancestors-go1.27/stderr.log");
    let old: Vec<&str> = new
        .lines()
        .map(|line| {
            line.split_once(" in goroutine ").filter(|_| line.starts_with("created by ")).map_or(line, |(by, _)| by)
        })
        .collect();
    let parents = |text: &str| -> Vec<(u64, Option<u64>)> {
        let out = parse(text.as_bytes());
        snapshots(&out).iter().flat_map(|all| &all.threads).map(|thread| (thread.id, thread.created_in)).collect()
    };
    let known = parents(new);
    assert!(known.contains(&(4, Some(1))), "{known:?}");
    assert_eq!(parents(&old.join("\n")), known);
}
