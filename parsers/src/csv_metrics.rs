//! Tables of metrics with a header line and a column of times: CSV, TSV, and CSV with semicolons.
//! The time may be in any form that [`crate::time::instant`] reads; units come from the names of the columns.

use crate::evidence::{Claims, Parsed, Point, When};
use crate::lines::{LineNo, Lines, Text, decimal, trim};
use crate::series::{Odd, SeriesBuilder, Slot, claims_of, number};
use crate::signals::{Signal, Source, by_suffix, lookup};
use crate::{Format, Hint, Shape, Sniff, time};
use memchr::memchr;
use rustc_hash::{FxHashMap, FxHashSet};

/// Tables of metrics.
pub struct CsvMetrics;

impl Format for CsvMetrics {
    fn id(&self) -> &'static str {
        "csv"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines();
        skip_blank(&mut lines);
        let Some(header) = lines.next().and_then(Header::read) else { return Sniff::No };
        skip_blank(&mut lines);
        let Some(row) = lines.peek() else { return Sniff::Maybe };
        let mut cells = Cells::default();
        if !cells.read(&mut lines, row, header.delimiter) || cells.len() != header.names.len() {
            return Sniff::No;
        }
        let others = || (0..cells.len()).filter(|&column| column != header.time);
        let values = others().filter(|&column| number(cells.get(column)).is_some()).count();
        if instant(cells.get(header.time)).is_some() && values > 0 { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let heading = if hint.continues && !hint.heading.is_empty() {
            Text::new(hint.heading, 1).lines().next()
        } else {
            skip_blank(lines);
            lines.next()
        };
        let Some(header) = heading.and_then(Header::read) else {
            out.note(lines.last_number(), "no header line of a table of metrics");
            lines.finish();
            return;
        };
        let mut table = Table::new(header, *lines, claims_of(hint));
        table.rows(lines);
        table.finish(out);
    }
}

fn skip_blank(lines: &mut Lines<'_>) {
    while lines.peek().is_some_and(|line| trim(line).is_empty()) {
        lines.advance();
    }
}

/// Names of columns that hold the time of a row.
const TIME_NAMES: &[&str] =
    &["timestamp", "time", "ts", "t", "date", "datetime", "@timestamp", "epoch", "when", "unix_time"];

/// The header line.
struct Header {
    delimiter: u8,
    names: Vec<String>,
    /// The column of times.
    time: usize,
}

impl Header {
    fn read(line: &[u8]) -> Option<Header> {
        // sadf and others mark their header as a comment; a byte order mark is no part of the first name.
        let line = line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line);
        let line = line.strip_prefix(b"# ").or_else(|| line.strip_prefix(b"#")).unwrap_or(line);
        let count = |delimiter: u8| line.iter().filter(|b| **b == delimiter).count();
        let delimiter = *b",;\t".iter().max_by_key(|delimiter| count(**delimiter))?;
        let mut cells = Cells::default();
        if !cells.read(&mut Text::new(line, 1).lines(), line, delimiter) || cells.len() < 2 {
            return None;
        }
        let names: Vec<String> =
            (0..cells.len()).map(|column| String::from_utf8_lossy(trim(cells.get(column))).into_owned()).collect();
        let is_name = |name: &String| name.len() <= 200 && number(name.as_bytes()).is_none();
        let time = names.iter().position(|name| TIME_NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)))?;
        names.iter().all(is_name).then_some(Header { delimiter, names, time })
    }
}

/// A row with line ends inside quotes that is longer is not read.
const LONGEST_QUOTED_ROW: usize = 16 << 10;

/// The cells of one row: ranges of the line itself, or of a buffer where quotes had to be taken off.
#[derive(Default)]
struct Cells<'a> {
    line: &'a [u8],
    unquoted: Vec<u8>,
    is_quoted: bool,
    ends: Vec<usize>,
}

impl<'a> Cells<'a> {
    /// Reads the row under the cursor, whose line is given, and moves behind it. False when it cannot be read.
    fn read(&mut self, lines: &mut Lines<'a>, line: &'a [u8], delimiter: u8) -> bool {
        self.ends.clear();
        self.is_quoted = memchr(b'"', line).is_some();
        if self.is_quoted {
            return self.read_quoted(lines, delimiter);
        }
        self.line = line;
        self.ends.extend(line.iter().enumerate().filter(|(_, byte)| **byte == delimiter).map(|(at, _)| at));
        self.ends.push(line.len());
        lines.advance();
        true
    }

    /// Quoted cells may hold delimiters and line ends; a quote that is never closed ends with its line.
    fn read_quoted(&mut self, lines: &mut Lines<'a>, delimiter: u8) -> bool {
        let rest = lines.rest();
        let row = self.unquote(&rest[..rest.len().min(LONGEST_QUOTED_ROW)], delimiter);
        let end = lines.offset() + row.unwrap_or(0);
        lines.advance();
        while lines.offset() < end && !lines.is_done() {
            lines.advance();
        }
        row.is_some()
    }

    /// Splits the row that `text` begins with and says how long it is; `None` when a quote stays open.
    fn unquote(&mut self, text: &[u8], delimiter: u8) -> Option<usize> {
        self.unquoted.clear();
        let mut rest = text;
        loop {
            if let Some(quoted) = rest.strip_prefix(b"\"") {
                rest = quoted;
                loop {
                    let quote = memchr(b'"', rest)?;
                    self.unquoted.extend_from_slice(&rest[..quote]);
                    rest = &rest[quote + 1..];
                    let Some(doubled) = rest.strip_prefix(b"\"") else { break };
                    self.unquoted.push(b'"');
                    rest = doubled;
                }
            }
            let end = memchr::memchr2(delimiter, b'\n', rest).unwrap_or(rest.len());
            let is_last = rest.get(end) != Some(&delimiter);
            let plain = if is_last { rest[..end].strip_suffix(b"\r").unwrap_or(&rest[..end]) } else { &rest[..end] };
            self.unquoted.extend_from_slice(plain);
            self.ends.push(self.unquoted.len());
            if is_last {
                return Some(text.len() - rest.len() + end);
            }
            rest = &rest[end + 1..];
        }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, column: usize) -> &[u8] {
        let Some(&end) = self.ends.get(column) else { return b"" };
        let last = column.checked_sub(1).map(|before| self.ends[before]);
        if self.is_quoted {
            &self.unquoted[last.unwrap_or(0)..end]
        } else {
            &self.line[last.map_or(0, |last| last + 1)..end]
        }
    }
}

/// What a column is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Time,
    Value,
    Label,
}

/// Columns of numbers that name somebody and measure nothing.
const IDENTITIES: &[&str] = &["pid", "tgid", "tid", "uid", "id"];

/// As many rows as it takes to tell labels from values.
const ROWS_TO_LOOK_AT: usize = 50;

/// At most this many combinations of labels are told apart.
const MAX_GROUPS: usize = 10_000;

/// State of one parse call.
struct Table<'a> {
    header: Header,
    columns: Vec<Column>,
    /// Signal of each column, and whether an earlier column is the same signal measured another way
    /// (`fds` and `process_open_fds`).
    signals: Vec<(Signal, bool)>,
    claims: Claims,
    builder: SeriesBuilder<'a>,
    /// The labels of rows, and where their slots are.
    groups: FxHashMap<Vec<u8>, usize>,
    /// A slot per column for each combination of labels.
    slots: Vec<Vec<Option<Slot>>>,
    /// Labels of the last row, and the index of their slots.
    current: Option<(Vec<u8>, usize)>,
    key: Vec<u8>,
    days: Days,
    ragged: Odd,
    untimed: Odd,
    unread: Odd,
    ungrouped: Odd,
}

impl<'a> Table<'a> {
    fn new(header: Header, ahead: Lines<'a>, claims: Claims) -> Self {
        let columns = columns(&header, ahead);
        let mut seen = FxHashSet::default();
        let mut signals = Vec::with_capacity(columns.len());
        for (name, column) in header.names.iter().zip(&columns) {
            let signal = lookup(Source::Column, name).unwrap_or_else(|| by_suffix(name));
            let repeated = *column == Column::Value && !seen.insert((signal.name.clone(), signal.label));
            signals.push((signal, repeated));
        }
        Table {
            header,
            columns,
            signals,
            claims,
            builder: SeriesBuilder::default(),
            groups: FxHashMap::default(),
            slots: Vec::new(),
            current: None,
            key: Vec::new(),
            days: Days::default(),
            ragged: Odd::default(),
            untimed: Odd::default(),
            unread: Odd::default(),
            ungrouped: Odd::default(),
        }
    }

    fn rows(&mut self, lines: &mut Lines<'a>) {
        let mut cells = Cells::default();
        while let Some(line) = lines.peek() {
            let at = lines.number();
            if line.is_empty() {
                lines.advance();
                continue;
            }
            if !cells.read(lines, line, self.header.delimiter) {
                self.ragged.line(at);
                continue;
            }
            self.row(&cells, at);
        }
    }

    fn row(&mut self, cells: &Cells<'a>, at: LineNo) {
        let stamp = cells.get(self.header.time);
        let Some(instant) = self.days.instant(stamp) else {
            // A file that was appended to repeats its header.
            if trim(stamp) != self.header.names[self.header.time].as_bytes() {
                self.untimed.line(at);
            }
            return;
        };
        if cells.len() != self.columns.len() {
            self.ragged.line(at);
        }
        let Some(group) = self.group(cells) else {
            self.ungrouped.line(at);
            return;
        };
        let when = When::Wall(instant);
        for column in 0..self.columns.len().min(cells.len()) {
            if self.columns[column] != Column::Value {
                continue;
            }
            let cell = trim(cells.get(column));
            if cell.is_empty() {
                continue;
            }
            let Some(value) = number(cell) else {
                if !is_no_value(cell) {
                    self.unread.line(at);
                }
                continue;
            };
            if value.is_finite() {
                let slot = self.slot(group, column, cells);
                self.builder.push(slot.series, Point { when, value: slot.reading.amount(value), line: at });
            }
        }
    }

    /// The index of the slots of the row's labels; `None` when there are too many combinations.
    fn group(&mut self, cells: &Cells<'_>) -> Option<usize> {
        self.key.clear();
        for column in (0..self.columns.len()).filter(|&column| self.columns[column] == Column::Label) {
            self.key.extend_from_slice(cells.get(column));
            self.key.push(b'\n');
        }
        if let Some((_, group)) = self.current.as_ref().filter(|(key, _)| *key == self.key) {
            return Some(*group);
        }
        let known = self.groups.get(&self.key).copied();
        if known.is_none() && self.slots.len() >= MAX_GROUPS {
            return None;
        }
        let group = known.unwrap_or_else(|| {
            self.groups.insert(self.key.clone(), self.slots.len());
            self.slots.push(vec![None; self.columns.len()]);
            self.slots.len() - 1
        });
        self.current = Some((self.key.clone(), group));
        Some(group)
    }

    fn slot(&mut self, group: usize, column: usize, cells: &Cells<'_>) -> Slot {
        if let Some(slot) = self.slots[group][column] {
            return slot;
        }
        let mut claims = self.claims.clone();
        let mut labels = Vec::new();
        for label in (0..self.columns.len()).filter(|&column| self.columns[column] == Column::Label) {
            let (name, value) = (&self.header.names[label], String::from_utf8_lossy(trim(cells.get(label))));
            if !value.is_empty() && !claim(&mut claims, name, &value) {
                labels.push((name.clone(), value.into_owned()));
            }
        }
        let (signal, repeated) = &self.signals[column];
        if *repeated {
            labels.push(("column".to_owned(), self.header.names[column].clone()));
        }
        let slot = Slot { series: self.builder.open(&claims, signal, labels), reading: signal.reading() };
        self.slots[group][column] = Some(slot);
        slot
    }

    fn finish(self, out: &mut Parsed) {
        self.ragged.note("not as long as the header", out);
        self.untimed.note("without a time that can be read, left out", out);
        self.unread.note("with a word in a column of numbers, that cell left out", out);
        self.ungrouped.note("left out: too many combinations of labels", out);
        self.builder.finish(out);
    }
}

/// Words for "no value".
fn is_no_value(cell: &[u8]) -> bool {
    [&b"-"[..], b"null", b"NULL", b"None", b"n/a", b"N/A", b"NA"].contains(&cell)
}

/// Tells labels from values by the first rows.
fn columns(header: &Header, mut ahead: Lines<'_>) -> Vec<Column> {
    let mut columns: Vec<Column> = header
        .names
        .iter()
        .map(
            |name| {
                if IDENTITIES.iter().any(|id| name.eq_ignore_ascii_case(id)) { Column::Label } else { Column::Value }
            },
        )
        .collect();
    let mut told = vec![false; columns.len()];
    let mut cells = Cells::default();
    for _ in 0..ROWS_TO_LOOK_AT {
        let Some(line) = ahead.peek() else { break };
        if !cells.read(&mut ahead, line, header.delimiter) || instant(cells.get(header.time)).is_none() {
            continue;
        }
        for column in 0..columns.len() {
            let cell = trim(cells.get(column));
            if !told[column] && !cell.is_empty() && !is_no_value(cell) {
                told[column] = true;
                if number(cell).is_none() {
                    columns[column] = Column::Label;
                }
            }
        }
    }
    if let Some(time) = columns.get_mut(header.time) {
        *time = Column::Time;
    }
    columns
}

/// Takes a label as a claim where it says of whom the row speaks.
fn claim(claims: &mut Claims, name: &str, value: &str) -> bool {
    match name.to_ascii_lowercase().as_str() {
        "pid" | "tgid" => match decimal(value.as_bytes()) {
            Some(pid) => claims.pid = Some(pid),
            None => return false,
        },
        "comm" | "process" | "process_name" => claims.comm = Some(value.to_owned()),
        "pod" | "pod_name" => claims.pod = Some(value.to_owned()),
        "container" | "container_name" | "container_id" => claims.container = Some(value.to_owned()),
        "cgroup" => claims.cgroup = Some(value.trim_start_matches('/').to_owned()),
        _ => return false,
    }
    true
}

fn instant(cell: &[u8]) -> Option<i64> {
    time::instant(cell)
}

/// Reads instants fast: the day of the last row is known, the time of day is digits at fixed places.
#[derive(Default)]
struct Days {
    day: [u8; 10],
    midnight: Option<i64>,
}

impl Days {
    fn instant(&mut self, cell: &[u8]) -> Option<i64> {
        let cell = trim(cell);
        let Some(seconds) = seconds_of_day(cell) else { return instant(cell) };
        let day = cell.first_chunk::<10>()?;
        if self.midnight.is_none() || self.day != *day {
            self.midnight = instant(&[&day[..], b"T00:00:00Z"].concat());
            self.day = *day;
        }
        self.midnight?.checked_add(seconds)
    }
}

/// Nanoseconds since midnight of `2026-11-21T22:43:41Z`; other forms go the long way.
fn seconds_of_day(cell: &[u8]) -> Option<i64> {
    let (cell, end) = cell.split_first_chunk::<19>()?;
    let punctuated = cell[4] == b'-' && cell[7] == b'-' && cell[13] == b':' && cell[16] == b':';
    if !punctuated || !matches!(cell[10], b'T' | b' ') || !matches!(end, b"" | b"Z") {
        return None;
    }
    let two = |at: usize| decimal(&cell[at..at + 2]);
    let (hours, minutes, seconds) = (two(11)?, two(14)?, two(17)?);
    (hours < 24 && minutes < 60 && seconds < 60).then(|| (hours * 3600 + minutes * 60 + seconds) as i64 * 1_000_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence, Series, SeriesKind, Unit};

    const PROC: &[u8] = include_bytes!("../../samples/csv/proc-samples/proc_samples.csv");
    const FDS: &[u8] = include_bytes!("../../samples/csv/fd-count/fd_count.csv");
    const CADVISOR: &[u8] = include_bytes!("../../samples/csv/cadvisor/cadvisor.csv");
    const UNIX: &[u8] = include_bytes!("../../samples/csv/unix-seconds/goroutines.csv");

    fn parse_as(text: &[u8], hint: &Hint<'_>) -> Parsed {
        let mut out = Parsed::default();
        CsvMetrics.parse(&mut Text::new(text, 1).lines(), hint, &mut out);
        out
    }

    fn parse(text: &[u8]) -> Parsed {
        assert_eq!(CsvMetrics.sniff(text, &Hint::default()), Sniff::Yes);
        parse_as(text, &Hint::default())
    }

    fn all<'a>(out: &'a Parsed, signal: &'a str) -> Vec<&'a Series> {
        let series = |evidence: &'a Evidence| match evidence {
            Evidence::Series(series) if series.signal == signal => Some(series),
            _ => None,
        };
        out.evidence.iter().filter_map(series).collect()
    }

    fn first(out: &Parsed, signal: &str) -> Amount {
        all(out, signal)[0].points[0].value
    }

    #[test]
    fn fields_of_proc_status_are_in_kb_and_metrics_in_bytes() {
        let out = parse(PROC);
        assert_eq!(out.notes, []);
        assert_eq!(first(&out, "process.memory.usage"), Amount::Value(8860.0 * 1024.0));
        assert_eq!(first(&out, "go.memory.heap_inuse"), Amount::Value(745_472.0));
        assert_eq!(first(&out, "process.open_file_descriptor.count"), Amount::Value(9.0));
        let threads = all(&out, "process.thread.count")[0];
        let expected = When::Wall(time::instant(b"2026-11-21T22:43:41Z").unwrap());
        assert_eq!(threads.points[0], Point { when: expected, value: Amount::Value(5.0), line: 2 });
    }

    #[test]
    fn an_empty_cell_is_no_point() {
        let out = parse(FDS);
        let (fds, goroutines) = (all(&out, "process.open_file_descriptor.count"), all(&out, "go.goroutine.count"));
        assert_eq!((fds[0].points.len(), goroutines[0].points.len()), (18, 14));
        assert_eq!(out.notes, []);
    }

    #[test]
    fn columns_of_cadvisor_and_memory_stat() {
        let out = parse(CADVISOR);
        assert_eq!(first(&out, "cgroup.memory.current"), Amount::Value(1_085_440.0));
        assert_eq!(all(&out, "cgroup.memory.inactive_file")[0].points.len(), 19);
        assert_eq!(all(&out, "cgroup.memory.failcnt")[0].kind, SeriesKind::Counter);
    }

    #[test]
    fn unix_seconds() {
        let out = parse(UNIX);
        let expected = When::Wall(1_795_301_859_000_000_000);
        assert_eq!(all(&out, "go.goroutine.count")[0].points[0].when, expected);
    }

    #[test]
    fn labels_make_series_and_claims() {
        let out = parse(
            b"time;pid;comm;disk;rss_kb;wait (ms)\n2026-11-21 22:43:41;5;\"a;b\";sda;10;3\n\
              2026-11-21 22:43:41;6;c;sda;11;4\n2026-11-21 22:43:42;5;\"a;b\";sda;12;5\n",
        );
        let rss = all(&out, "process.memory.usage");
        assert_eq!((rss.len(), rss[0].points.len()), (2, 2));
        assert_eq!((rss[0].claims.pid, rss[0].claims.comm.as_deref()), (Some(5), Some("a;b")));
        assert_eq!(rss[0].labels, [("disk".to_owned(), "sda".to_owned())]);
        assert_eq!(rss[0].points[1].line, 4);
        let wait = all(&out, "wait (ms)")[0];
        assert_eq!((wait.unit, wait.points[0].value), (Unit::Seconds, Amount::Value(0.003)));
    }

    #[test]
    fn two_columns_of_one_signal_stay_apart() {
        let out = parse(b"timestamp,fds,process_open_fds\n2026-11-21T22:45:26Z,9,11\n2026-11-21T22:45:31Z,24,27\n");
        let fds = all(&out, "process.open_file_descriptor.count");
        assert_eq!(fds.len(), 2);
        assert!(fds[0].labels.is_empty());
        assert_eq!(fds[1].labels, [("column".to_owned(), "process_open_fds".to_owned())]);
    }

    #[test]
    fn a_block_goes_on_below_the_heading() {
        let hint = Hint { continues: true, heading: b"timestamp,VmRSS", ..Hint::default() };
        let mut out = parse(b"timestamp,VmRSS\n2026-11-21T22:45:26Z,9\n");
        out.append(parse_as(b"2026-11-21T22:45:31Z,10\n", &hint));
        assert_eq!(all(&out, "process.memory.usage")[0].points.len(), 2);
    }

    #[test]
    fn odd_rows_are_noted() {
        let out = parse(
            b"ts\ta\tb\r\n2026-11-21T22:45:26Z\t1\t2\r\n2026-11-21T22:45:27Z\t1\r\nts\ta\tb\r\n\
              soon\t1\t2\r\n2026-11-21T22:45:28Z\tx\t-\r\n2026-11-21T22:45:29.5+01:00\t3\t4\t5\r\n",
        );
        let notes: Vec<_> = out.notes.iter().map(|note| (note.line, note.message.as_str())).collect();
        assert_eq!(
            notes,
            [
                (3, "2 line(s) not as long as the header"),
                (5, "1 line(s) without a time that can be read, left out"),
                (6, "1 line(s) with a word in a column of numbers, that cell left out"),
            ]
        );
        assert_eq!((all(&out, "a")[0].points.len(), all(&out, "b")[0].points.len()), (3, 2));
    }

    #[test]
    fn the_short_way_reads_times_as_the_long_one() {
        let mut days = Days::default();
        for text in ["2026-11-21T22:45:26Z", "2026-11-22 00:00:00", "2026-11-21T22:45:26.25Z", "2026-02-30T00:00:00Z"] {
            assert_eq!(days.instant(text.as_bytes()), instant(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_quoted_cell_may_hold_a_line_end_and_an_open_quote_ends_with_its_line() {
        let out = parse(
            b"ts,name,n\r\n2026-11-21T22:45:26Z,\"two\r\nlines\",1\r\n2026-11-21T22:45:27Z,b,2\r\n\
              2026-11-21T22:45:28Z,\"open,3\r\n2026-11-21T22:45:29Z,b,4\r\n",
        );
        let mut points: Vec<_> =
            all(&out, "n").iter().flat_map(|s| s.points.iter().map(|p| (p.line, p.value))).collect();
        points.sort_by_key(|point| point.0);
        assert_eq!(points, [(2, Amount::Value(1.0)), (4, Amount::Value(2.0)), (6, Amount::Value(4.0))]);
        assert_eq!(out.notes[0].line, 5);
    }

    proptest::proptest! {
        #[test]
        fn rows_split_as_the_csv_crate_splits_them(parts in proptest::collection::vec("[ab1]|,|\"|\"\"|\r\n|\n|\",\"", 1..20)) {
            let text = format!("\"{}\"", parts.concat());
            let mut cells = Cells::default();
            let taken = cells.unquote(text.as_bytes(), b',');
            let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
            let mut record = csv::ByteRecord::new();
            proptest::prop_assert!(reader.read_byte_record(&mut record).unwrap());
            // The csv crate takes all that follows an open quote; here it is no row.
            if taken.is_some() {
                cells.is_quoted = true;
                let ours: Vec<&[u8]> = (0..cells.len()).map(|column| cells.get(column)).collect();
                proptest::prop_assert_eq!(ours, record.iter().collect::<Vec<_>>());
            }
        }
    }

    #[test]
    fn labels_without_end_are_left_out_with_a_note() {
        let mut text = String::from("ts,request,n\n");
        for request in 0..MAX_GROUPS + 5 {
            text.push_str(&format!("2026-11-21T22:45:26Z,r{request},1\n"));
        }
        let out = parse(text.as_bytes());
        assert_eq!(out.evidence.len(), MAX_GROUPS);
        assert_eq!(out.notes[0].message, "5 line(s) left out: too many combinations of labels");
    }

    #[test]
    fn other_tables_and_logs_are_no_metrics() {
        for text in [
            "",
            "main;a;b 12\nmain;a;c 13\n",
            "time,foo\nhello,world\n",
            "a,b\n1,2\n",
            "2026-11-21T22:45:26Z,1\n2026-11-21T22:45:27Z,2\n",
            "time=\"2026\", level=info\nx\n",
            "Name:\tx\nPid:\t5\n",
        ] {
            assert_ne!(CsvMetrics.sniff(text.as_bytes(), &Hint::default()), Sniff::Yes, "{text}");
        }
    }
}
