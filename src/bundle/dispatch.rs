//! Gives each section to the document format that it is, and every other line to the format that opens there.

use super::Part;
use postmortem_parsers::evidence::Parsed;
use postmortem_parsers::lines::{Lines, Text};
use postmortem_parsers::{Format, Hint};
use std::collections::BTreeSet;

/// The formats that are known: those of the parsers, or a test's own.
pub(super) trait Catalogue: Sync {
    /// The document format of a section.
    fn detect(&self, head: &[u8], hint: &Hint<'_>) -> Option<&'static dyn Format>;
    /// The embedded format that a record of begins at this line.
    fn opened_by(&self, line: &[u8]) -> Option<&'static dyn Format>;
}

/// The formats of the parsers.
pub(super) struct Known;

impl Catalogue for Known {
    fn detect(&self, head: &[u8], hint: &Hint<'_>) -> Option<&'static dyn Format> {
        postmortem_parsers::detect(head, hint)
    }

    fn opened_by(&self, line: &[u8]) -> Option<&'static dyn Format> {
        postmortem_parsers::opened_by(line)
    }
}

/// How much of a section its format is told by.
pub(super) const HEAD: usize = 64 << 10;

/// The beginning of a section that its format is told by.
pub(super) fn head(bytes: &[u8]) -> &[u8] {
    &bytes[..bytes.len().min(HEAD)]
}

/// What was read from a stretch of an artifact.
#[derive(Default)]
pub(super) struct Read {
    /// Evidence and notes.
    pub(super) parsed: Parsed,
    /// The formats that read it, in order of first sight.
    pub(super) parts: Vec<Part>,
    /// Names of sections that nothing read and that were said.
    unread: BTreeSet<String>,
}

impl Read {
    /// Appends what the next stretch gave.
    pub(super) fn append(&mut self, next: Read) {
        self.parsed.append(next.parsed);
        for part in next.parts {
            self.count(part);
        }
    }

    fn count(&mut self, part: Part) {
        match self.parts.iter_mut().find(|known| known.format == part.format) {
            Some(known) => {
                known.records += part.records;
                known.lines = match (known.lines, part.lines) {
                    (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
                    (a, b) => a.or(b),
                };
            }
            None => self.parts.push(part),
        }
    }

    /// Lets a document format read all of a text. What it leaves is offered to the embedded formats.
    pub(super) fn document(&mut self, format: &dyn Format, text: Text<'_>, hint: &Hint<'_>, catalogue: &dyn Catalogue) {
        let mut lines = text.lines();
        let (first, records) = (lines.number(), self.parsed.records);
        format.parse(&mut lines, hint, &mut self.parsed);
        let lines_read = is_text(head(text.bytes())).then(|| (first, lines.last_number().max(first)));
        self.count(Part { format: format.id(), records: self.parsed.records - records, lines: lines_read });
        if lines_read.is_some() && !lines.is_done() {
            self.embedded(lines, hint, catalogue);
        }
    }

    /// Offers line by line to the embedded formats. The one that opens owns the lines until its parse returns.
    pub(super) fn embedded(&mut self, mut lines: Lines<'_>, hint: &Hint<'_>, catalogue: &dyn Catalogue) {
        let (start, mut claimed, mut blank) = (lines.number(), false, true);
        while let Some(line) = lines.peek() {
            let Some(format) = catalogue.opened_by(line) else {
                blank &= line.is_empty();
                lines.advance();
                continue;
            };
            claimed = true;
            let (first, offset, records) = (lines.number(), lines.offset(), self.parsed.records);
            format.parse(&mut lines, hint, &mut self.parsed);
            if lines.offset() <= offset {
                self.parsed.note(first, format!("{} could not read its own line", format.id()));
                lines.advance();
            }
            let records = self.parsed.records - records;
            self.count(Part { format: format.id(), records, lines: Some((first, lines.last_number().max(first))) });
        }
        // A plain log needs no word; a section that names a file or command is a capture that was not understood.
        let named = hint.name != hint.artifact || !hint.command.is_empty();
        if named && !claimed && !blank && self.unread.insert(hint.name.to_owned()) {
            let name = if hint.command.is_empty() { hint.name } else { hint.command };
            self.parsed.note(start, format!("the section {name:?} is of no known format; not read (said once)"));
        }
    }
}

/// Whether bytes are text: no NUL and few control characters.
pub(super) fn is_text(head: &[u8]) -> bool {
    let control = |&&byte: &&u8| byte < 0x20 && !matches!(byte, b'\t' | b'\n' | b'\r' | 0x1b | 0x0c);
    let odd = head.iter().filter(control).count();
    let high = head.iter().filter(|&&byte| byte >= 0x80).count();
    let garbled =
        high * 10 > head.len() * 3 && std::str::from_utf8(head).is_err_and(|error| error.error_len().is_some());
    memchr::memchr(0, head).is_none() && odd * 20 <= head.len() && !garbled
}
