//! Cuts the stream of a long artifact into blocks at record boundaries.

use super::sections;
use super::unwrap::Wrapper;
use memchr::{memchr_iter, memmem, memrchr};
use postmortem_parsers::lines::LineNo;
use std::io::{self, Read};

/// A blank line is looked for in this many bytes at the end of a block.
const BLANK_LINE_WITHIN: usize = 256 << 10;

/// A stretch of an artifact that ends at a record boundary.
pub(super) struct Block {
    pub(super) bytes: Vec<u8>,
    pub(super) first_line: LineNo,
    pub(super) continues: bool,
}

/// How many lines end in these bytes.
pub(super) fn count_lines(bytes: &[u8]) -> LineNo {
    LineNo::try_from(memchr_iter(b'\n', bytes).count()).unwrap_or(LineNo::MAX)
}

/// Where to end the block that these bytes begin with: at the last mark of a section, else behind the last blank
/// line, else behind the last line; `None` when there is no line end.
pub(super) fn cut(bytes: &[u8], wrapper: Wrapper, sectioned: bool) -> Option<usize> {
    let last = memrchr(b'\n', bytes)? + 1;
    if sectioned && let Some(at) = last_mark(&bytes[..last], wrapper) {
        return Some(at);
    }
    if wrapper != Wrapper::None {
        return Some(wrapped_cut(&bytes[..last], wrapper));
    }
    let window = last.saturating_sub(BLANK_LINE_WITHIN);
    let blank = memmem::rfind(&bytes[window..last], b"\n\n")
        .map(|at| window + at + 2)
        .or_else(|| memmem::rfind(&bytes[window..last], b"\n\r\n").map(|at| window + at + 3));
    Some(blank.unwrap_or(last))
}

/// The lines of `bytes`, the last first, each with its offset; `bytes` ends with a line end.
fn backwards(bytes: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut end = bytes.len();
    std::iter::from_fn(move || {
        let line_end = end.checked_sub(1)?;
        let start = memrchr(b'\n', &bytes[..line_end]).map_or(0, |at| at + 1);
        end = start;
        Some((start, bytes[start..line_end].strip_suffix(b"\r").unwrap_or(&bytes[start..line_end])))
    })
}

/// The offset of the last mark in the second half.
fn last_mark(bytes: &[u8], wrapper: Wrapper) -> Option<usize> {
    let half = bytes.len() / 2;
    backwards(bytes)
        .take_while(|(at, _)| *at > half)
        .find(|(_, line)| match wrapper {
            Wrapper::None => sections::mark(line).is_some(),
            _ => false,
        })
        .map(|(at, _)| at)
}

/// Behind the last line whose text is blank, else behind the last that no other goes on with.
fn wrapped_cut(bytes: &[u8], wrapper: Wrapper) -> usize {
    let window = bytes.len().saturating_sub(BLANK_LINE_WITHIN);
    let mut lines = backwards(bytes).take_while(|(at, _)| *at >= window);
    if let Some((at, line)) = lines.find(|(_, line)| wrapper.is_blank(line)) {
        return bytes.len().min(at + line.len() + 1 + usize::from(bytes.get(at + line.len()) == Some(&b'\r')));
    }
    let mut end = bytes.len();
    for (at, line) in backwards(bytes).take_while(|(at, _)| *at >= window) {
        if !wrapper.is_partial(line) {
            return end;
        }
        end = at;
    }
    bytes.len()
}

/// Reads until `buffer` holds `size` bytes. Fewer: the source has ended, or failed with the error.
pub(super) fn fill(reader: &mut dyn Read, buffer: &mut Vec<u8>, size: usize) -> io::Result<()> {
    let missing = size.saturating_sub(buffer.len());
    buffer.reserve(missing.min(64 << 10));
    reader.take(missing as u64).read_to_end(buffer).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_at_blank_lines_else_at_line_ends() {
        assert_eq!(cut(b"a\n\nb\nc", Wrapper::None, false), Some(3));
        assert_eq!(cut(b"a\r\n\r\nb\r\nc", Wrapper::None, false), Some(5));
        assert_eq!(cut(b"a\nb\nc", Wrapper::None, false), Some(4));
        assert_eq!(cut(b"abc", Wrapper::None, false), None);
        assert_eq!(cut(b"a\n\nb\n", Wrapper::None, false), Some(3));
    }

    #[test]
    fn blocks_of_sections_end_at_marks() {
        assert_eq!(cut(b"==> a <==\n1\n\n==> b <==\n2\n", Wrapper::None, true), Some(13));
    }

    #[test]
    fn blocks_of_wrapped_logs_keep_partial_lines_together() {
        let log = b"2026-11-21T22:56:31Z stderr F a\n2026-11-21T22:56:31Z stderr P b\n";
        assert_eq!(cut(log, Wrapper::Cri, false), Some(32));
        let log = b"2026-11-21T22:56:31Z stderr F \n2026-11-21T22:56:31Z stderr F b\n";
        assert_eq!(cut(log, Wrapper::Cri, false), Some(31));
    }

    #[test]
    fn lines_come_backwards() {
        let seen: Vec<_> = backwards(b"a\n\r\nb\n").map(|(at, line)| (at, line.to_vec())).collect();
        assert_eq!(seen, [(4, b"b".to_vec()), (2, b"".to_vec()), (0, b"a".to_vec())]);
    }
}
