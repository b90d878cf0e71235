//! Files that hold a bare number and are known by their name alone: counts of open files (`ls /proc/PID/fd | wc -l`)
//! and exit statuses.

use crate::evidence::{Evidence, Parsed, Point, Record, RecordKind, When};
use crate::lines::{Lines, Text, trim};
use crate::series::{Odd, SeriesBuilder, claims_of, leading_time, number, plain_name, timed};
use crate::signals::{Source, lookup};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// Bare numbers by file name.
pub struct NumberFile;

/// What the number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    OpenFiles,
    ExitStatus,
}

impl Format for NumberFile {
    fn id(&self) -> &'static str {
        "number-file"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        let value = leading_time(first).map_or(first, |(_, rest)| rest);
        if kind_of(hint).is_some() && whole_number(value).is_some() { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        match kind_of(hint) {
            Some(Kind::OpenFiles) => open_files(lines, hint, out),
            Some(Kind::ExitStatus) => exit_status(lines, hint, out),
            None => {
                out.note(lines.number(), "a number that no name explains");
                lines.finish();
            }
        }
    }
}

fn kind_of(hint: &Hint<'_>) -> Option<Kind> {
    if hint.command.contains("/fd") && hint.command.contains("wc -l") {
        return Some(Kind::OpenFiles);
    }
    let name = plain_name(hint.file_name());
    let last = name.rsplit(['.', '-']).next().unwrap_or(name);
    match last {
        "fds" | "fd_count" | "open_fds" | "num_fds" | "nfds" => Some(Kind::OpenFiles),
        "exit_status" | "exit_code" | "exitcode" | "exitstatus" => Some(Kind::ExitStatus),
        _ if matches!(name, "exit-status" | "exit-code" | "exit.status" | "exit.code") => Some(Kind::ExitStatus),
        _ if matches!(name, "fd-count" | "open-fds") => Some(Kind::OpenFiles),
        _ => None,
    }
}

fn whole_number(text: &[u8]) -> Option<f64> {
    let text = trim(text);
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    number(text).filter(|_| digits.len() <= 10 && digits.iter().all(u8::is_ascii_digit))
}

fn open_files(lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
    let Some(signal) = lookup(Source::Column, "fds") else { return lines.finish() };
    let mut builder = SeriesBuilder::default();
    let series = builder.open(&claims_of(hint), &signal, Vec::new());
    let mut odd = Odd::default();
    while let Some(line) = lines.peek() {
        let (when, rest) = timed(lines, line, hint);
        match whole_number(rest).filter(|&count| count >= 0.0) {
            Some(count) => builder.push(series, Point { when, value: signal.amount(count), line: lines.number() }),
            None if trim(line).is_empty() => {}
            None => odd.line(lines.number()),
        }
        lines.advance();
    }
    odd.note("that are not a count", out);
    builder.finish(out);
}

fn exit_status(lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
    let mut odd = Odd::default();
    while let Some(line) = lines.peek() {
        let at = lines.number();
        let (when, rest): (When, _) = timed(lines, line, hint);
        match whole_number(rest) {
            Some(_) => {
                out.evidence.push(Evidence::Record(Record {
                    line: at,
                    end: at.saturating_add(1),
                    claims: claims_of(hint),
                    when,
                    kind: RecordKind::Exit,
                    attributes: vec![("code", String::from_utf8_lossy(trim(rest)).into_owned())],
                    stack: StackId::EMPTY,
                    text: String::from_utf8_lossy(line).into_owned(),
                }));
                out.records += 1;
            }
            None if trim(line).is_empty() => {}
            None => odd.line(at),
        }
        lines.advance();
    }
    odd.note("that are not an exit status", out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &[u8], name: &str) -> Parsed {
        let (mut out, hint) = (Parsed::default(), Hint { name, ..Hint::default() });
        assert_eq!(NumberFile.sniff(text, &hint), Sniff::Yes, "{name}");
        NumberFile.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        out
    }

    #[test]
    fn an_exit_status_is_a_record() {
        let out = parse(include_bytes!("../../samples/number-file/killed/exit_status"), "exit_status");
        let [Evidence::Record(record)] = &out.evidence[..] else { panic!() };
        assert_eq!((record.kind, record.attribute("code"), record.line), (RecordKind::Exit, Some("137"), 1));
    }

    #[test]
    fn counts_of_open_files() {
        for name in ["fd_count", "fds.log", "pricer.fds", "20261121T225114Z/fd_count", "fds-225131.txt"] {
            let out = parse(b"9\n", name);
            let [Evidence::Series(series)] = &out.evidence[..] else { panic!("{name}") };
            assert_eq!(series.signal, "process.open_file_descriptor.count");
        }
        let out = parse(b"2026-11-21T22:43:41Z 9\n2026-11-21T22:43:51Z 12\nls: gone\n", "fds.log");
        let [Evidence::Series(series)] = &out.evidence[..] else { panic!() };
        assert!(series.points.iter().all(|point| matches!(point.when, When::Wall(_))));
        assert_eq!((series.points.len(), out.notes.len()), (2, 1));
    }

    #[test]
    fn a_command_explains_a_number_too() {
        let hint = Hint { command: "ls /proc/77/fd | wc -l", ..Hint::default() };
        let mut out = Parsed::default();
        assert_eq!(NumberFile.sniff(b"12\n", &hint), Sniff::Yes);
        NumberFile.parse(&mut Text::new(b"12\n", 1).lines(), &hint, &mut out);
        assert_eq!(out.evidence[0].claims().pid, Some(77));
    }

    #[test]
    fn a_name_alone_is_not_enough() {
        for (text, name) in [("hello\n", "fds.log"), ("", "exit_status"), ("12\n", "notes.txt"), ("1.5\n", "fds")] {
            let hint = Hint { name, ..Hint::default() };
            assert_eq!(NumberFile.sniff(text.as_bytes(), &hint), Sniff::No, "{name}");
        }
    }
}
