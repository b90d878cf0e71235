//! Reports of Go's race detector (`go build -race`). Source: `runtime/race` and ThreadSanitizer's report printer for
//! Go (`compiler-rt/lib/tsan/rtl/tsan_report.cpp`, SANITIZER_GO).

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{Lines, decimal, rsplit_once, split_once, trim};
use crate::tables::{Frame, FrameId, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};

const FIRST: &[u8] = b"WARNING: DATA RACE";
const RULER: &[u8] = b"==================";

/// Race reports.
pub struct GoRace;

impl Format for GoRace {
    fn id(&self) -> &'static str {
        "go-race"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        line == FIRST
    }

    fn parse(&self, lines: &mut Lines<'_>, _hint: &Hint<'_>, out: &mut Parsed) {
        let line = lines.number();
        let when = lines.time().map_or(When::Unknown, When::Wall);
        lines.advance();
        let report = Report::read(lines, out);
        if !report.is_closed {
            out.note(line, "a race report without its last line: it is cut or another line stands within");
        }
        out.records += 1;
        let record = report.record(out);
        out.evidence.push(Evidence::Record(Record {
            line,
            end: lines.last_number().saturating_add(1),
            when,
            ..record
        }));
    }
}

/// One of the stacks of a report.
struct Part {
    /// `Read at 0x00c0000180f8 by goroutine 7` or `Goroutine 7 (running) created at`.
    title: String,
    frames: Vec<FrameId>,
}

#[derive(Default)]
struct Report {
    parts: Vec<Part>,
    is_closed: bool,
}

impl Report {
    fn read(lines: &mut Lines<'_>, out: &mut Parsed) -> Self {
        let mut report = Report::default();
        while let Some(line) = lines.peek() {
            if line == RULER {
                lines.advance();
                report.is_closed = true;
                break;
            }
            if let Some(title) = title(line) {
                report.parts.push(Part { title: String::from_utf8_lossy(title).into_owned(), frames: Vec::new() });
            } else if let (Some(function), Some(part)) = (function(line), report.parts.last_mut()) {
                let place = lines.peek_second().and_then(|next| next.strip_prefix(b"      ")).unwrap_or_default();
                part.frames.push(frame(function, place, &mut out.tables));
                if !place.is_empty() {
                    lines.advance();
                }
            } else if !line.is_empty() && !line.starts_with(b"  ") {
                if crate::opened_by(line).is_some() || !goes_on(lines) {
                    break;
                }
                out.note(lines.number(), "a line of another program stands within a race report; left out");
            }
            lines.advance();
        }
        report
    }

    fn record(&self, out: &mut Parsed) -> Record {
        let created = |part: &&Part| part.title.ends_with(" created at");
        let mut accesses = self.parts.iter().filter(|part| !created(part));
        let (first, second) = (accesses.next(), accesses.next());
        let site = |part: Option<&Part>| part.and_then(|part| user_function(&part.frames, &out.tables));
        let mut attributes = Vec::new();
        let names = [(first, "access", "access_by"), (second, "previous", "previous_by")];
        for (part, access, by) in names {
            let Some((what, address, who)) = part.and_then(|part| access_of(&part.title)) else { continue };
            attributes.push((access, what));
            attributes.push((by, who));
            if access == "access" {
                attributes.push(("address", address));
            }
        }
        let (site, other) = (site(first), site(second));
        attributes.extend(site.clone().map(|site| ("site", site)));
        attributes.extend(other.clone().map(|other| ("other_site", other)));
        let sites: Vec<String> = site.into_iter().chain(other).collect();
        attributes.push(("sites", sites.join(", ")));
        let creators: Vec<String> =
            self.parts.iter().filter(created).filter_map(|part| user_function(&part.frames, &out.tables)).collect();
        if !creators.is_empty() {
            attributes.push(("created_by", creators.join(", ")));
        }
        Record {
            line: 0,
            end: 0,
            claims: Claims::default(),
            when: When::Unknown,
            kind: RecordKind::Race,
            attributes,
            stack: first.map_or_else(Default::default, |part| out.tables.stack(&part.frames)),
            text: first.map_or_else(String::new, |part| part.title.clone()),
        }
    }
}

/// A line that begins a stack, without its colon.
fn title(line: &[u8]) -> Option<&[u8]> {
    let title = line.strip_suffix(b":")?;
    let is_access = split_once(title, b" at 0x").is_some() && split_once(title, b" by ").is_some();
    let is_creation = title.starts_with(b"Goroutine ") && title.ends_with(b" created at");
    (is_access || is_creation).then_some(title)
}

/// `Previous write at 0x00c0000180f8 by main goroutine`: what, where, who.
fn access_of(title: &str) -> Option<(String, String, String)> {
    let (what, rest) = title.split_once(" at ")?;
    let (address, who) = rest.split_once(" by ")?;
    let what = what.strip_prefix("Previous ").unwrap_or(what).to_lowercase();
    Some((what, address.to_owned(), who.to_owned()))
}

/// `  main.(*S).inc()`, or `  [failed to restore the stack]`, which is no function.
fn function(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_prefix(b"  ").filter(|name| !name.starts_with(b" "))?;
    name.strip_suffix(b"()").filter(|name| !name.is_empty())
}

/// Whether the report goes on behind a line that is not its own.
fn goes_on(lines: &Lines<'_>) -> bool {
    lines.peek_second().is_some_and(|next| next == RULER || next.starts_with(b"  ") || title(next).is_some())
}

/// A frame from its function and `/go/src/main.go:24 +0x44`.
fn frame(function: &[u8], place: &[u8], tables: &mut Tables) -> FrameId {
    let place = trim(rsplit_once(place, b" +0x").map_or(place, |(place, _)| place));
    let (file, line) = match rsplit_once(place, b":") {
        Some((file, line)) => (file, decimal(line).and_then(|line| u32::try_from(line).ok()).unwrap_or(0)),
        None => (place, 0),
    };
    let frame = Frame { function: tables.name(function), file: tables.name(file), line, ..Frame::default() };
    tables.frame(frame)
}

/// The innermost function that is not of the runtime or of the packages that only pass an access on.
fn user_function(frames: &[FrameId], tables: &Tables) -> Option<String> {
    let is_user = |name: &&str| {
        let package = name.split(['.', '[']).next().unwrap_or(name);
        !matches!(package, "runtime" | "sync" | "sync/atomic" | "reflect")
            && !package.starts_with("runtime/")
            && !package.starts_with("internal/")
    };
    let mut names = frames.iter().map(|&frame| tables.function(frame));
    names.clone().find(is_user).or_else(|| names.next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &[u8]) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text, 1).lines());
        while let Some(line) = lines.peek() {
            if GoRace.opens(line) {
                GoRace.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn records(out: &Parsed) -> Vec<&Record> {
        out.evidence
            .iter()
            .map(|evidence| match evidence {
                Evidence::Record(record) => record,
                other => panic!("{other:?}"),
            })
            .collect()
    }

    fn values<'a>(record: &'a Record, names: &[&str]) -> Vec<Option<&'a str>> {
        names.iter().map(|name| record.attribute(name)).collect()
    }

    const SMALL: &[u8] = include_bytes!("../../samples/go-race/small/race.txt");
    const SERVICE: &[u8] = include_bytes!("../../samples/go-race/service/statsagg-race.log");

    #[test]
    fn reports_name_both_accesses() {
        let out = parse(SMALL);
        let [first, second] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!((first.kind, first.line, first.end), (RecordKind::Race, 2, 19));
        let names = ["access", "access_by", "previous", "previous_by", "address", "site", "other_site", "created_by"];
        let expected = [
            "read",
            "main goroutine",
            "write",
            "goroutine 6",
            "0x00c0000180f8",
            "main.(*S).inc",
            "main.(*S).inc",
            "main.main",
        ];
        assert_eq!(values(first, &names), expected.map(Some));
        assert_eq!(out.tables.functions(first.stack).collect::<Vec<_>>(), ["main.(*S).inc", "main.main"]);
        assert_eq!(values(second, &["sites"]), [Some("main.main, main.main.func1")]);
        assert_eq!(out.notes, []);
    }

    #[test]
    fn sites_are_those_of_the_program() {
        let out = parse(SERVICE);
        let sites: Vec<_> =
            records(&out).iter().map(|record| values(record, &["access", "previous", "sites"])).collect();
        assert_eq!(sites[0], ["read", "write", "main.(*agg).report, main.(*agg).add"].map(Some));
        // The innermost frame is runtime.mapassign_faststr.
        assert_eq!(sites[1], ["write", "write", "main.(*agg).add, main.(*agg).add"].map(Some));
        let frame = out.tables.get_frame(out.tables.stack_frames(records(&out)[0].stack)[0]);
        assert_eq!((out.tables.text(frame.file), frame.line), ("/go/src/statsagg/main.go", 24));
    }

    #[test]
    fn a_log_line_within_is_left_out_and_a_cut_is_said() {
        let text = String::from_utf8_lossy(SMALL).replacen("  main.main()\n", "2026/11/21 hello\n  main.main()\n", 1);
        let out = parse(text.as_bytes());
        assert_eq!(out.tables.functions(records(&out)[0].stack).len(), 2);
        assert_eq!((records(&out).len(), out.notes.len()), (2, 1));
        let out = parse(&SMALL[..300]);
        assert_eq!((records(&out).len(), out.notes.len()), (1, 1));
    }

    #[test]
    fn a_stack_that_was_lost_has_no_frames() {
        let text = b"WARNING: DATA RACE\nWrite at 0x00c000014098 by goroutine 8:\n  main.f()\n      a.go:3 +0x1\n\n\
            Previous read at 0x00c000014098 by goroutine 7:\n  [failed to restore the stack]\n\n==================\n";
        let out = parse(text);
        assert_eq!(
            values(records(&out)[0], &["previous", "other_site", "sites"]),
            [Some("read"), None, Some("main.f")]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_input_panics(cut in 0usize..900, at in 0usize..900, byte: u8) {
            let mut text = SMALL[..cut.min(SMALL.len())].to_vec();
            if let Some(slot) = text.get_mut(at) {
                *slot = byte;
            }
            parse(&text);
        }
    }
}
