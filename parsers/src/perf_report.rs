//! Tables of `perf report --stdio` (perf 3.x to 6.x): a row a function, with its own share of the event. Source:
//! `ui/stdio/hist.c` and `util/sort.c` of the perf sources. The trees below rows are not read: with a column `Children`
//! they overlap.

use crate::evidence::{Claims, Evidence, Parsed, Profile, When};
use crate::lines::{LineNo, Lines, Text, float, split_once};
use crate::over_time::OverTime;
use crate::perf_script::{kind_of, meaning};
use crate::sampling::{Oddity, ProfileRows, RawThread};
use crate::tables::{Frame, FrameKind, StackId, Tables};
use crate::{Format, Hint, Shape, Sniff};

/// perf report text.
pub struct PerfReport;

impl Format for PerfReport {
    fn id(&self) -> &'static str {
        "perf-report"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines();
        let found = lines.by_ref().take(400).any(|line| Columns::of(line).is_some());
        if found && lines.next().is_some_and(is_ruler) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut reader = Reader { when: lines.time().map_or(hint.when, When::Wall), ..Reader::default() };
        while let Some(line) = lines.next() {
            reader.line(line, lines.last_number(), out);
        }
        reader.end_table(out);
        reader.trees.note(out, "of call trees, which are not read: each function has its own share alone");
        reader.junk.note(out, "that are no rows");
    }
}

/// `# ........  .......`, which stands below the titles.
fn is_ruler(line: &[u8]) -> bool {
    line.starts_with(b"# ...") && line[2..].iter().all(|byte| matches!(byte, b'.' | b' '))
}

/// A column of use.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Column {
    Share,
    Samples,
    Comm,
    Pid,
    Module,
    Symbol,
    Other,
}

/// The columns of a table, by its titles; `Symbol` is the last.
#[derive(Debug, PartialEq)]
struct Columns(Vec<Column>);

impl Columns {
    /// `# Overhead  Command  Shared Object  Symbol`, also with `Children` and `Self`.
    fn of(line: &[u8]) -> Option<Columns> {
        let titles = line.strip_prefix(b"# ")?.trim_ascii();
        let columns: Vec<Column> = cells(titles, usize::MAX)
            .map(|title| match title {
                b"Overhead" | b"Self" => Column::Share,
                b"Samples" => Column::Samples,
                b"Command" => Column::Comm,
                b"Pid:Command" => Column::Pid,
                b"Shared Object" => Column::Module,
                b"Symbol" => Column::Symbol,
                _ => Column::Other,
            })
            .collect();
        let first =
            titles.starts_with(b"Overhead ") || titles.starts_with(b"Children ") || titles.starts_with(b"Self ");
        let fits = first && columns.contains(&Column::Share) && columns.last() == Some(&Column::Symbol);
        fits.then_some(Columns(columns))
    }

    /// A row: 4 blanks and more, then a share.
    fn row<'a>(&self, line: &'a [u8], tables: &mut Tables) -> Option<Row<'a>> {
        let mut row = Row::default();
        let mut found = 0;
        for (cell, column) in cells(line.trim_ascii(), self.0.len()).zip(&self.0) {
            found += 1;
            match column {
                Column::Share => row.share = float(cell.strip_suffix(b"%")?)? / 100.0,
                Column::Samples => row.samples = Some(float(cell)?),
                Column::Comm => row.thread.comm = cell,
                Column::Pid => {
                    let (tid, comm) = split_once(cell, b":")?;
                    row.thread = RawThread { comm, pid: 0, tid: float(tid)? as i64 };
                }
                Column::Module => row.module = cell,
                Column::Symbol => row.stack = stack(cell, row.module, tables)?,
                Column::Other => {}
            }
        }
        (found == self.0.len()).then_some(row)
    }
}

/// Cells are apart by two blanks and more; the last one of `most` is what is left.
fn cells(line: &[u8], most: usize) -> impl Iterator<Item = &[u8]> {
    let (mut rest, mut count) = (Some(line), 0);
    std::iter::from_fn(move || {
        let line = rest?;
        count += 1;
        let split = split_once(line, b"  ").filter(|_| count < most);
        rest = split.map(|(_, after)| after.trim_ascii_start());
        Some(split.map_or(line, |(cell, _)| cell))
    })
}

/// `[k] do_syscall_64`: the only frame that is known.
fn stack(cell: &[u8], module: &[u8], tables: &mut Tables) -> Option<StackId> {
    let [b'[', level, b']', b' ', symbol @ ..] = cell else { return None };
    let kind = match level {
        b'k' | b'g' => FrameKind::Kernel,
        _ => kind_of(module),
    };
    let symbol = if symbol.starts_with(b"0x") { b"[unknown]" } else { symbol };
    let frame = Frame { function: tables.symbol(symbol), module: tables.name(module), kind, ..Frame::default() };
    let frame = tables.frame(frame);
    Some(tables.stack(&[frame]))
}

#[derive(Default)]
struct Row<'a> {
    share: f64,
    samples: Option<f64>,
    thread: RawThread<'a>,
    module: &'a [u8],
    stack: StackId,
}

#[derive(Default)]
struct Reader<'a> {
    when: When,
    /// `# Samples: 80  of event 'cpu-clock'`; `K` and `M` stand for thousands and millions.
    samples: f64,
    event: &'a [u8],
    /// `# Event count (approx.): 402010000`.
    count: f64,
    table: Option<(Columns, ProfileRows<'a>)>,
    rows: u64,
    trees: Oddity,
    junk: Oddity,
}

impl<'a> Reader<'a> {
    fn line(&mut self, line: &'a [u8], number: LineNo, out: &mut Parsed) {
        if let Some(samples) = line.strip_prefix(b"# Samples: ") {
            self.end_table(out);
            (self.samples, self.event) = of_event(samples).unwrap_or_default();
        } else if let Some(count) = line.strip_prefix(b"# Event count (approx.): ") {
            self.count = float(count.trim_ascii()).unwrap_or_default();
        } else if let Some(columns) = Columns::of(line) {
            self.end_table(out);
            self.table = Some((columns, ProfileRows::new(self.head(number))));
        } else if line.first() == Some(&b'#') || line.trim_ascii().is_empty() {
        } else if let Some((columns, rows)) = &mut self.table
            && let Some(row) = columns.row(line, &mut out.tables)
        {
            let samples = row.samples.unwrap_or((row.share * self.samples).round());
            let weight = if self.count > 0.0 { row.share * self.count } else { samples };
            rows.add(row.thread, row.stack, samples as u64, weight, |comm| out.tables.name(comm));
            self.rows += 1;
        } else if self.table.is_some() && line.starts_with(b"   ") {
            self.trees.see(number);
        } else {
            self.junk.see(number);
        }
    }

    fn head(&self, line: LineNo) -> Profile {
        let (kind, unit) = meaning(self.event, self.count > 0.0);
        Profile {
            line,
            claims: Claims::default(),
            kind,
            event: String::from_utf8_lossy(self.event).into_owned(),
            unit,
            when: self.when,
            span_s: 0.0,
            over_time: OverTime::default(),
            threads: Vec::new(),
            rows: Vec::new(),
        }
    }

    fn end_table(&mut self, out: &mut Parsed) {
        if let Some((_, rows)) = self.table.take() {
            out.records += std::mem::take(&mut self.rows);
            out.evidence.push(Evidence::Profile(rows.finish()));
        }
    }
}

/// `80  of event 'cpu-clock:ppp'`, `12K of event 'cycles'`.
fn of_event(text: &[u8]) -> Option<(f64, &[u8])> {
    let (count, event) = split_once(text, b" of event")?;
    let count = count.trim_ascii();
    let (digits, unit) = match count.split_last()? {
        (b'K', digits) => (digits, 1e3),
        (b'M', digits) => (digits, 1e6),
        (b'G', digits) => (digits, 1e9),
        _ => (count, 1.0),
    };
    let event = split_once(event, b"'").and_then(|(_, event)| split_once(event, b"'"));
    Some((float(digits)? * unit, event.map_or(&b""[..], |(event, _)| event)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Parsed, Profile) {
        let mut out = Parsed::default();
        PerfReport.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let Some(Evidence::Profile(profile)) = out.evidence.pop() else { panic!("{text} gives no profile") };
        (out, profile)
    }

    const HEAD: &str = "# Samples: 92  of event 'cpu-clock:ppp'\n# Event count (approx.): 462311500\n#\n";

    #[test]
    fn a_row_is_the_share_of_a_function_itself() {
        let (out, profile) = read(&format!(
            "{HEAD}# Children      Self       Samples      Pid:Command  Shared Object      Symbol  \n# ........  ........  ............  ....\n#\n    \
             53.26%     0.00%             0     8949:inv      inv                [.] main\n            |\n            ---main\n               inv::report\n\n    \
             42.39%    25.00%            23     8949:inv      inv                [.] <FlatMap<I,U,F> as Iterator>::next\n    \
             4.35%     4.35%             4     8949:inv      [kernel.kallsyms]  [k] exc_page_fault\n"
        ));
        let rows: Vec<_> = profile
            .rows
            .iter()
            .map(|row| (out.tables.functions(row.stack).next().unwrap(), row.samples, row.weight))
            .collect();
        let count = 462_311_500.0;
        assert_eq!(
            rows,
            [
                ("main", 0, 0.0),
                ("<FlatMap<I,U,F> as Iterator>::next", 23, 0.25 * count),
                ("exc_page_fault", 4, 0.0435 * count)
            ]
        );
        let kernel = out.tables.get_frame(out.tables.stack_frames(profile.rows[2].stack)[0]);
        assert_eq!((kernel.kind, out.tables.text(kernel.module)), (FrameKind::Kernel, "[kernel.kallsyms]"));
        assert_eq!((profile.threads[0].tid, out.tables.text(profile.threads[0].comm)), (8949, "inv"));
        assert_eq!((profile.unit.as_str(), profile.event.as_str(), out.records), ("nanoseconds", "cpu-clock:ppp", 3));
        assert!(out.notes[0].message.starts_with("3 lines of call trees"), "{:?}", out.notes);
    }

    #[test]
    fn each_event_has_a_table() {
        let row = "# Overhead  Symbol\n# ........  ....\n#\n    10.00%  [.] f\n";
        let text = format!(
            "# Samples: 12K of event 'cycles:u'\n# Event count (approx.): 1000\n{row}# Samples: 5  of event 'page-faults'\n# Event count (approx.): 5\n{row}"
        );
        let (out, faults) = read(&text);
        let Evidence::Profile(cycles) = &out.evidence[0] else { panic!() };
        assert_eq!((cycles.event.as_str(), cycles.rows[0].samples, cycles.rows[0].weight), ("cycles:u", 1200, 100.0));
        assert_eq!((faults.event.as_str(), faults.rows[0].weight), ("page-faults", 0.5));
    }

    #[test]
    fn other_texts_are_not_reports() {
        let sniff = |text: &str| PerfReport.sniff(text.as_bytes(), &Hint::default());
        assert_eq!(sniff(&format!("{HEAD}# Overhead  Command  Symbol\n# ........  .......  ....\n")), Sniff::Yes);
        for text in ["", "# Overhead of logging\n# ...\n", "# Overhead  Command\n# ........  .......\n", HEAD] {
            assert_eq!(sniff(text), Sniff::No, "{text}");
        }
    }
}
