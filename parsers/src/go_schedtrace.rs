//! `GODEBUG=schedtrace=N` lines, with and without `scheddetail=1`, of Go 1.13 to 1.27. Source: `schedtrace` in
//! `src/runtime/proc.go`.

use crate::evidence::{Claims, EventKind, Events, Evidence, Parsed, When};
use crate::lines::{Lines, decimal, split_once};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use nom::bytes::complete::tag;
use nom::character::complete::digit1;
use nom::combinator::map_opt;
use nom::sequence::delimited;
use nom::{IResult, Parser};

/// Columns of the rows. `local_runqueue` is the sum over the processors' own queues; `goroutines_*` come from
/// scheddetail and count the goroutines in a state.
pub const COLUMNS: &[&str] = &[
    "gomaxprocs",
    "idleprocs",
    "threads",
    "spinningthreads",
    "idlethreads",
    "runqueue",
    "local_runqueue",
    "goroutines",
    "goroutines_runnable",
    "goroutines_running",
    "goroutines_syscall",
    "goroutines_waiting",
];

/// schedtrace lines.
pub struct GoSchedTrace;

impl Format for GoSchedTrace {
    fn id(&self) -> &'static str {
        "go-schedtrace"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        line.starts_with(b"SCHED ") && header(line).is_ok()
    }

    fn parse(&self, lines: &mut Lines<'_>, _hint: &Hint<'_>, out: &mut Parsed) {
        let index = out
            .evidence
            .iter()
            .rposition(|evidence| matches!(evidence, Evidence::Events(known) if known.kind == EventKind::GoSchedTrace));
        let index = index.unwrap_or_else(|| {
            out.evidence.push(Evidence::Events(Events {
                claims: Claims::default(),
                kind: EventKind::GoSchedTrace,
                columns: COLUMNS,
                rows: Vec::new(),
                values: Vec::new(),
            }));
            out.evidence.len() - 1
        });
        while let Some(line) = lines.peek() {
            let Ok((rest, uptime_ms)) = header(line) else { break };
            let (when, number) = (When::Uptime(uptime_ms / 1e3), lines.number());
            out.tie(when, lines.time(), false, number);
            let mut values = fields(rest);
            lines.advance();
            while let Some(detail) = lines.peek().and_then(detail_line) {
                detail.count(&mut values);
                lines.advance();
            }
            let Evidence::Events(events) = &mut out.evidence[index] else { unreachable!("chosen by kind") };
            events.rows.push((when, number));
            events.values.extend(values);
            out.records += 1;
        }
    }
}

/// `SCHED 1006ms: `; what follows are the fields.
fn header(line: &[u8]) -> IResult<&[u8], f64> {
    delimited(tag(&b"SCHED "[..]), map_opt(digit1, decimal), tag(&b"ms: gomaxprocs="[..]))
        .map(|ms| ms as f64)
        .parse(line)
        .map(|(rest, ms)| (&line[line.len() - rest.len() - b"gomaxprocs=".len()..], ms))
}

fn fields(rest: &[u8]) -> [f64; COLUMNS.len()] {
    let mut values = [f64::NAN; COLUMNS.len()];
    for word in crate::lines::words(rest) {
        if let Some((key, value)) = split_once(word, b"=")
            && let Some(column) = COLUMNS.iter().position(|column| column.as_bytes() == key)
            && let Some(value) = decimal(value)
        {
            values[column] = value as f64;
        }
    }
    // The queues of the processors stand in the first bracket, with blanks inside from Go 1.25 on.
    if let Some((_, queues)) = split_once(rest, b"[")
        && let Some((queues, _)) = split_once(queues, b"]")
    {
        values[6] = crate::lines::words(queues).filter_map(decimal).map(|length| length as f64).sum();
    }
    values
}

/// A line of scheddetail.
enum Detail {
    Processor { runqsize: f64 },
    Thread,
    Goroutine { status: u64 },
}

fn detail_line(line: &[u8]) -> Option<Detail> {
    let line = line.strip_prefix(b"  ")?;
    let (name, rest) = split_once(line, b": ")?;
    decimal(name.get(1..)?)?;
    let field = |key: &[u8]| {
        let (_, value) = split_once(rest, key)?;
        let end = value.iter().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
        decimal(&value[..end])
    };
    match name[0] {
        b'P' => Some(Detail::Processor { runqsize: field(b"runqsize=")? as f64 }),
        b'M' => Some(Detail::Thread),
        b'G' => Some(Detail::Goroutine { status: field(b"status=")? }),
        _ => None,
    }
}

impl Detail {
    fn count(&self, values: &mut [f64; COLUMNS.len()]) {
        let mut add = |column: usize, amount: f64| {
            values[column] = if values[column].is_nan() { amount } else { values[column] + amount };
        };
        match self {
            Detail::Processor { runqsize } => add(6, *runqsize),
            Detail::Thread => {}
            Detail::Goroutine { status } => {
                // The scan bit may be set; 0 idle and 6 dead goroutines are free to be used again.
                let status = status & 0xfff;
                if !matches!(status, 0 | 6 | 11) {
                    add(7, 1.0);
                }
                match status {
                    1 => add(8, 1.0),
                    2 => add(9, 1.0),
                    3 => add(10, 1.0),
                    4 => add(11, 1.0),
                    _ => {}
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn read(text: &str) -> Events {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if GoSchedTrace.opens(line) {
                GoSchedTrace.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        let Some(Evidence::Events(events)) = out.evidence.pop() else { panic!("nothing read") };
        events
    }

    #[test]
    fn lines_of_go_1_19_and_1_27() {
        let events = read(
            "SCHED 0ms: gomaxprocs=2 idleprocs=0 threads=3 spinningthreads=1 idlethreads=0 runqueue=0 [3 4]\nx\n\
             SCHED 1006ms: gomaxprocs=2 idleprocs=2 threads=4 spinningthreads=0 needspinning=0 idlethreads=2 \
             runqueue=5 [ 1 2 ] schedticks=[ 200 800 ]\n",
        );
        assert_eq!(events.rows, [(When::Uptime(0.0), 1), (When::Uptime(1.006), 3)]);
        assert_eq!(&events.row(0)[..7], [2.0, 0.0, 3.0, 1.0, 0.0, 0.0, 7.0]);
        assert_eq!(&events.row(1)[..7], [2.0, 2.0, 4.0, 0.0, 2.0, 5.0, 3.0]);
    }

    #[test]
    fn detail_lines_are_counted() {
        let events = read(
            "SCHED 0ms: gomaxprocs=2 idleprocs=0 threads=4 spinningthreads=0 needspinning=0 idlethreads=1 runqueue=1 \
             gcwaiting=false nmidlelocked=1 stopwait=0 sysmonwait=false\n  \
             P0: status=1 schedtick=0 syscalltick=0 m=3 runqsize=2 gfreecnt=0 timerslen=0\n  \
             M3: p=0 curg=4 mallocing=0 throwing=0 preemptoff= locks=0 dying=0 spinning=false blocked=false lockedg=nil\n  \
             G1: status=4(chan receive) m=nil lockedm=0\n  G2: status=1() m=nil lockedm=0\n  G3: status=6() m=nil lockedm=0\n",
        );
        assert_eq!((events.row(0)[6], events.row(0)[7], events.row(0)[8], events.row(0)[11]), (2.0, 2.0, 1.0, 1.0));
    }
}
