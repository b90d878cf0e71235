//! `/proc/PID/stat` and `/proc/PID/statm`. Source: `proc_pid_stat(5)`, `proc_pid_statm(5)`. Times are in clock ticks,
//! of which Linux shows 100 a second everywhere; sizes in pages, for which 4 KiB is taken.

use crate::evidence::SeriesKind::{Counter, Gauge};
use crate::evidence::{Claims, Parsed, Unit, When};
use crate::lines::{LineNo, Lines, Text, decimal, trim, words};
use crate::series::{SeriesBuilder, claims_of, each_line, leading_time, number, plain_name};
use crate::signals::Signal;
use crate::{Format, Hint, Shape, Sniff};

/// One-line process statistics.
pub struct ProcStat;

const PAGE: f64 = 4096.0;
const TICK: f64 = 0.01;

impl Format for ProcStat {
    fn id(&self) -> &'static str {
        "proc-stat"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        let first = leading_time(first).map_or(first, |(_, rest)| rest);
        let is_statm = plain_name(hint.file_name()) == "statm" && statm(first).is_some();
        if is_statm || stat(first).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (claims, mut builder) = (claims_of(hint), SeriesBuilder::default());
        each_line(lines, hint, "that are not process statistics", out, |line, (when, number)| {
            let (when, line) = leading_time(line).map_or((when, line), |(own, rest)| (When::Wall(own), rest));
            let at = (when, number);
            if let Some(stat) = stat(line) {
                stat.add(&mut builder, &claims, at);
            } else if let Some(pages) = statm(line) {
                for (name, pages) in STATM.iter().zip(pages) {
                    builder.add(&claims, &Signal::own(*name, Unit::Bytes, Gauge, PAGE), pages, at);
                }
            } else {
                return false;
            }
            true
        });
        builder.finish(out);
    }
}

/// The columns of statm that are not always zero, in order; the fifth is skipped.
const STATM: [&str; 5] = [
    "process.memory.virtual",
    "process.memory.usage",
    "process.memory.shared",
    "process.memory.executable",
    "process.memory.data",
];

/// `316735 3857 1681 904 0 19727 0`: size, resident, shared, text, lib (0), data, dt (0).
fn statm(line: &[u8]) -> Option<[f64; 5]> {
    let values: Vec<u64> = words(line).map(decimal).collect::<Option<_>>()?;
    let [size, resident, shared, text, 0, data, 0] = values[..] else { return None };
    (resident <= size).then_some([size, resident, shared, text, data].map(|pages| pages as f64))
}

/// What a line of `/proc/PID/stat` says.
struct Stat<'a> {
    pid: u64,
    comm: &'a [u8],
    /// The fields behind the state, the fourth of the manual first.
    fields: Vec<&'a [u8]>,
}

/// `22756 (java) S 1 22538 ...`: the name may hold blanks and parentheses.
fn stat(line: &[u8]) -> Option<Stat<'_>> {
    let open = memchr::memchr(b'(', line)?;
    let close = memchr::memrchr(b')', line)?;
    let pid = decimal(trim(&line[..open]))?;
    let mut rest = words(line.get(close + 1..)?);
    let state = rest.next()?;
    let fields: Vec<&[u8]> = rest.collect();
    let numeric = fields.iter().all(|word| decimal(word.strip_prefix(b"-").unwrap_or(word)).is_some());
    (state.len() == 1 && b"RSDZTtWXxKPI".contains(&state[0]) && fields.len() >= 21 && numeric && open < close)
        .then(|| Stat { pid, comm: &line[open + 1..close], fields })
}

impl Stat<'_> {
    /// A field by its number in `proc_pid_stat(5)`.
    fn field(&self, nth: usize) -> Option<f64> {
        number(self.fields.get(nth.checked_sub(4)?)?)
    }

    fn add(&self, builder: &mut SeriesBuilder<'_>, claims: &Claims, at: (When, LineNo)) {
        let comm = Some(String::from_utf8_lossy(self.comm).into_owned());
        let claims = Claims { pid: Some(self.pid), comm, ..claims.clone() };
        let cpu = self.field(14).zip(self.field(15)).map(|(user, system)| user + system);
        let faults = |kind: &'static str| Signal {
            label: Some(("type", kind)),
            ..Signal::own("process.paging.faults", Unit::Count, Counter, 1.0)
        };
        for (signal, value) in [
            (faults("minor"), self.field(10)),
            (faults("major"), self.field(12)),
            (Signal::own("process.cpu.time", Unit::Seconds, Counter, TICK), cpu),
            (Signal::own("process.thread.count", Unit::Count, Gauge, 1.0), self.field(20)),
            (Signal::own("process.memory.virtual", Unit::Bytes, Gauge, 1.0), self.field(23)),
            (Signal::own("process.memory.usage", Unit::Bytes, Gauge, PAGE), self.field(24)),
            (Signal::own("process.disk.wait", Unit::Seconds, Counter, TICK), self.field(42)),
        ] {
            if let Some(value) = value {
                builder.add(&claims, &signal, value, at);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};

    const STAT: &str = "22756 (ja) va) S 1 22538 2308 0 -1 4194304 5498 0 7 0 106 2 0 0 20 0 17 0 1189164 2861809664 \
        10005 18446744073709551615 94021275779072 94021275779957 140735258347840 0 0 0 0 2 16800973 0 0 0 17 1 0 0 250 \
        0 0 94021275790656 94021275791384 94022217326592 140735258353353 140735258353405 140735258353405 140698684 10032 5101 1 0 76316 0\n";

    fn parse(text: &str, name: &str) -> (Sniff, Vec<(String, Amount)>, Option<u64>) {
        let (mut out, hint) = (Parsed::default(), Hint { name, ..Hint::default() });
        ProcStat.parse(&mut Text::new(text.as_bytes(), 1).lines(), &hint, &mut out);
        let mut pid = None;
        let all = out.evidence.iter().map(|evidence| match evidence {
            Evidence::Series(s) => {
                pid = s.claims.pid;
                (s.signal.clone(), s.points[0].value)
            }
            other => panic!("{other:?}"),
        });
        let all = all.collect();
        (ProcStat.sniff(text.as_bytes(), &hint), all, pid)
    }

    #[test]
    fn fields_of_stat_by_their_number() {
        let (sniff, found, pid) = parse(STAT, "x");
        assert_eq!((sniff, pid), (Sniff::Yes, Some(22756)));
        let value = |name: &str| found.iter().find(|(signal, _)| signal == name).map(|(_, value)| *value);
        assert_eq!(value("process.cpu.time"), Some(Amount::Value(1.08)));
        assert_eq!(value("process.thread.count"), Some(Amount::Value(17.0)));
        assert_eq!(value("process.memory.usage"), Some(Amount::Value(10_005.0 * 4096.0)));
        assert_eq!(value("process.disk.wait"), Some(Amount::Value(2.5)));
    }

    #[test]
    fn statm_goes_by_its_name() {
        let (sniff, found, pid) = parse("316735 3857 1681 904 0 19727 0\n", "/proc/9/statm");
        assert_eq!((sniff, pid, found.len()), (Sniff::Yes, Some(9), 5));
        assert_eq!(found[1], ("process.memory.usage".to_owned(), Amount::Value(3857.0 * 4096.0)));
        assert_eq!(parse("316735 3857 1681 904 0 19727 0\n", "numbers.txt").0, Sniff::No);
    }
}
