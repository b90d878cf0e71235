//! Summaries of `perf trace -s`: the time of each thread's system calls. Source: `thread__dump_stats` of
//! `builtin-trace.c` of the perf sources; `errors` is a column since perf 5.13.

use crate::columns::Columns;
use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, Scope, When};
use crate::lines::{Lines, Text, decimal, float, rsplit_once, split_once};
use crate::sampling::Oddity;
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// perf trace summaries.
pub struct PerfTrace;

impl Format for PerfTrace {
    fn id(&self) -> &'static str {
        "perf-trace"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().take(200);
        let found = lines.any(|line| thread(line).is_some()) && lines.any(|line| is_head(line).is_some());
        if found { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let when = lines.time().map_or(hint.when, When::Wall);
        let (mut claims, mut columns) = (Claims::default(), None);
        let mut junk = Oddity::default();
        while let Some(line) = lines.next() {
            let number = lines.last_number();
            let text = line.trim_ascii();
            if let Some(of) = thread(line) {
                (claims, columns) = (of, None);
            } else if let Some(head) = is_head(line) {
                columns = Some(head);
            } else if is_ornament(text) {
            } else if let Some(attributes) = columns.as_ref().and_then(|columns| row(columns, text)) {
                out.records += 1;
                out.evidence.push(Evidence::Record(Record {
                    line: number,
                    end: number.saturating_add(1),
                    claims: claims.clone(),
                    when,
                    kind: RecordKind::Log,
                    attributes,
                    stack: StackId::EMPTY,
                    text: String::from_utf8_lossy(text).into_owned(),
                }));
            } else {
                junk.see(number);
            }
        }
        junk.note(out, "that are no rows of system calls");
    }
}

/// ` ls (1765), 290 events, 97.3%`.
fn thread(line: &[u8]) -> Option<Claims> {
    let (of, events) = split_once(line.strip_prefix(b" ")?, b"), ")?;
    let (comm, tid) = rsplit_once(of, b" (")?;
    split_once(events, b" events, ")?;
    let comm = Some(String::from_utf8_lossy(comm).into_owned());
    // Threads are listed, not processes.
    Some(Claims { pid: Some(decimal(tid)?), comm, scope: Scope::Listed, ..Claims::default() })
}

/// Titles, units and rulers.
fn is_ornament(text: &[u8]) -> bool {
    text.is_empty() || text == b"Summary of events:" || text.starts_with(b"(msec)") || text.starts_with(b"---")
}

/// `syscall  calls  errors  total  min  avg  max  stddev`.
fn is_head(line: &[u8]) -> Option<Columns<'_>> {
    let text = line.trim_ascii();
    let columns = Columns::of(text, &[]);
    (text.starts_with(b"syscall ") && columns.has("calls") && columns.has("total")).then_some(columns)
}

fn row(columns: &Columns<'_>, line: &[u8]) -> Option<Vec<(&'static str, String)>> {
    let row = columns.row(line)?;
    let cell = |name: &str| row.cell(columns.position(&[name]));
    let text = |cell: &[u8]| String::from_utf8_lossy(cell).into_owned();
    let (call, calls, millis) = (cell("syscall")?, cell("calls")?, float(cell("total")?)?);
    decimal(calls)?;
    let mut attributes =
        vec![("class", "syscall-time".to_owned()), ("from", "perf trace".to_owned()), ("call", text(call))];
    attributes.push(("calls", text(calls)));
    attributes.push(("seconds", format!("{:.6}", millis / 1e3)));
    attributes.extend(cell("errors").map(|errors| ("errors", text(errors))));
    Some(attributes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMMARY: &str = "\n Summary of events:\n\n ls (1765), 290 events, 97.3%\n\n   syscall            calls  errors  total       min       avg       max       stddev\n                                     (msec)    (msec)    (msec)    (msec)        (%)\n   --------------- --------  ------ -------- --------- --------- ---------     ------\n   mmap                  30      0     0.693     0.013     0.023     0.080      9.89%\n   openat                34     13     0.672     0.013     0.020     0.039      4.62%\n";

    #[test]
    fn a_row_is_the_time_of_a_call() {
        let mut out = Parsed::default();
        PerfTrace.parse(&mut Text::new(SUMMARY.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let [Evidence::Record(mmap), Evidence::Record(openat)] = &out.evidence[..] else { panic!("{out:?}") };
        assert_eq!((mmap.claims.pid, mmap.claims.comm.as_deref(), mmap.line), (Some(1765), Some("ls"), 9));
        let values = ["call", "calls", "errors", "seconds"].map(|name| openat.attribute(name).unwrap_or(""));
        assert_eq!(values, ["openat", "34", "13", "0.000672"]);
        assert!(out.notes.is_empty(), "{:?}", out.notes);
        assert_eq!(PerfTrace.sniff(SUMMARY.as_bytes(), &Hint::default()), Sniff::Yes);
        assert_eq!(PerfTrace.sniff(b" ls (1765), 290 events, 97.3%\n", &Hint::default()), Sniff::No);
    }
}
