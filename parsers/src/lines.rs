//! Text by lines, each with the line number that it has in the artifact.

use memchr::{memchr, memrchr};

/// The nth line of an artifact, from 1; 0: not known.
pub type LineNo = u32;

/// "No time" in a per-line time table.
pub const NO_TIME: i64 = i64::MIN;

/// Where the lines of a [`Text`] stand in the artifact.
#[derive(Clone, Copy, Debug)]
pub enum Numbering<'a> {
    /// The first line has this number, the others follow.
    From(LineNo),
    /// Each line has its own number: a wrapper was taken off and lines of other streams left out.
    Each(&'a [LineNo]),
}

/// A stretch of an artifact, unwrapped, with its line numbers and, from a log wrapper, the time of each line.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    bytes: &'a [u8],
    numbering: Numbering<'a>,
    /// Nanoseconds since 1970 UTC of each line, [`NO_TIME`] where none; empty when no wrapper gave any.
    times: &'a [i64],
}

impl<'a> Text<'a> {
    /// A text whose lines are numbered from `first`.
    pub fn new(bytes: &'a [u8], first: LineNo) -> Self {
        Text { bytes, numbering: Numbering::From(first), times: &[] }
    }

    /// A text with its own line numbers and, where a wrapper gave them, times.
    pub fn numbered(bytes: &'a [u8], numbering: Numbering<'a>, times: &'a [i64]) -> Self {
        Text { bytes, numbering, times }
    }

    /// All bytes.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// A cursor at the first line.
    pub fn lines(&self) -> Lines<'a> {
        Lines::at(*self, 0, 0)
    }
}

/// A cursor over the lines of a [`Text`]. Lines come without their end (`\n` or `\r\n`).
#[derive(Clone, Copy, Debug)]
pub struct Lines<'a> {
    text: Text<'a>,
    position: usize,
    /// Offset of the end of the line under the cursor, searched for once.
    end: usize,
    index: usize,
}

impl<'a> Lines<'a> {
    fn at(text: Text<'a>, position: usize, index: usize) -> Self {
        let end = memchr(b'\n', &text.bytes[position..]).map_or(text.bytes.len(), |length| position + length);
        Lines { text, position, end, index }
    }

    /// The line under the cursor, which stays.
    pub fn peek(&self) -> Option<&'a [u8]> {
        if self.is_done() {
            return None;
        }
        let line = &self.text.bytes[self.position..self.end];
        Some(line.strip_suffix(b"\r").unwrap_or(line))
    }

    /// The line after the one under the cursor.
    pub fn peek_second(&self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        ahead.next()?;
        ahead.peek()
    }

    /// The lines before the cursor, the nearest first.
    pub fn before(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let mut rest = &self.text.bytes[..self.position];
        std::iter::from_fn(move || {
            let line = rest.strip_suffix(b"\n").unwrap_or(rest);
            if rest.is_empty() {
                return None;
            }
            let start = memrchr(b'\n', line).map_or(0, |end| end + 1);
            rest = &rest[..start];
            let line = &line[start..];
            Some(line.strip_suffix(b"\r").unwrap_or(line))
        })
    }

    /// Moves past the line under the cursor.
    pub fn advance(&mut self) {
        self.next();
    }

    /// Moves past so many bytes, which are so many whole lines.
    pub(crate) fn skip_lines(&mut self, bytes: usize, lines: usize) {
        let position = (self.position + bytes).min(self.text.bytes.len());
        *self = Lines::at(self.text, position, self.index + lines);
    }

    /// The number in the artifact of the line under the cursor.
    pub fn number(&self) -> LineNo {
        self.number_of(self.index)
    }

    /// The number in the artifact of the line taken last.
    pub fn last_number(&self) -> LineNo {
        self.number_of(self.index.saturating_sub(1))
    }

    fn number_of(&self, index: usize) -> LineNo {
        match self.text.numbering {
            Numbering::From(first) => first.saturating_add(index as u32),
            Numbering::Each(numbers) => numbers.get(index).or(numbers.last()).copied().unwrap_or(0),
        }
    }

    /// The time that a wrapper gave the line under the cursor, nanoseconds since 1970 UTC.
    pub fn time(&self) -> Option<i64> {
        self.time_of(self.index)
    }

    /// The time that a wrapper gave the line taken last.
    pub fn last_time(&self) -> Option<i64> {
        self.time_of(self.index.checked_sub(1)?)
    }

    fn time_of(&self, index: usize) -> Option<i64> {
        self.text.times.get(index).copied().filter(|&time| time != NO_TIME)
    }

    /// Everything from the cursor on.
    pub fn rest(&self) -> &'a [u8] {
        &self.text.bytes[self.position..]
    }

    /// Bytes before the cursor.
    pub fn offset(&self) -> usize {
        self.position
    }

    /// True when no line is left.
    pub fn is_done(&self) -> bool {
        self.position >= self.text.bytes.len()
    }

    /// Whether the text ends with a line end.
    pub fn ended_with_newline(&self) -> bool {
        self.text.bytes.last() == Some(&b'\n')
    }

    /// Moves to the end.
    pub fn finish(&mut self) {
        while self.next().is_some() {}
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let line = self.peek()?;
        *self = Lines::at(self.text, (self.end + 1).min(self.text.bytes.len()), self.index + 1);
        Some(line)
    }
}

/// `bytes` without blanks and tabs at both ends.
pub fn trim(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

/// A decimal number without sign, or `None`.
pub fn decimal(bytes: &[u8]) -> Option<u64> {
    if bytes.is_empty() || bytes.len() > 20 {
        return None;
    }
    bytes.iter().try_fold(0u64, |value, &byte| {
        byte.is_ascii_digit().then(|| value.checked_mul(10)?.checked_add(u64::from(byte - b'0'))).flatten()
    })
}

/// A hexadecimal number, with or without `0x`, or `None`.
pub fn hexadecimal(bytes: &[u8]) -> Option<u64> {
    let digits = bytes.strip_prefix(b"0x").unwrap_or(bytes);
    if digits.is_empty() || digits.len() > 16 {
        return None;
    }
    digits.iter().try_fold(0u64, |value, &byte| Some(value << 4 | u64::from((byte as char).to_digit(16)?)))
}

/// A decimal number with optional sign, fraction and exponent, or `None`. A comma counts as the decimal point.
pub fn float(bytes: &[u8]) -> Option<f64> {
    let text = std::str::from_utf8(trim(bytes)).ok()?;
    if text.is_empty() || text.len() > 64 {
        return None;
    }
    match text.parse() {
        Ok(value) => Some(value),
        Err(_) if text.bytes().filter(|&b| b == b',').count() == 1 => text.replace(',', ".").parse().ok(),
        Err(_) => None,
    }
}

/// The part before and the part after the first `needle`.
pub fn split_once<'a>(bytes: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(bytes, needle)?;
    Some((&bytes[..at], &bytes[at + needle.len()..]))
}

/// The part before and the part after the last `needle`.
pub fn rsplit_once<'a>(bytes: &'a [u8], needle: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    // Needles are a few bytes long: to look for their first byte costs less than to prepare a search.
    let at = memchr::memrchr_iter(*needle.first()?, bytes).find(|&at| bytes[at..].starts_with(needle))?;
    Some((&bytes[..at], &bytes[at + needle.len()..]))
}

/// The words of a line: what blanks and tabs part.
pub fn words(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == b' ' || *b == b'\t').filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_lose_their_ends_and_keep_their_numbers() {
        let text = Text::new(b"a\r\nb\n\nd", 7);
        let mut lines = text.lines();
        let mut seen = Vec::new();
        while let Some(line) = lines.peek() {
            seen.push((lines.number(), line.to_vec()));
            lines.advance();
        }
        assert_eq!(seen, [(7, b"a".to_vec()), (8, b"b".to_vec()), (9, b"".to_vec()), (10, b"d".to_vec())]);
        assert!(lines.is_done());
    }

    #[test]
    fn lines_that_are_skipped_count() {
        let mut lines = Text::new(b"a\nbb\nccc\n", 1).lines();
        lines.skip_lines(5, 2);
        assert_eq!((lines.number(), lines.peek(), lines.peek_second()), (3, Some(&b"ccc"[..]), None));
        lines.skip_lines(99, 1);
        assert!(lines.is_done() && lines.peek().is_none());
    }

    #[test]
    fn lines_before_the_cursor_come_backwards() {
        let mut lines = Text::new(b"a\r\n\nc\nd", 1).lines();
        assert_eq!(lines.before().next(), None);
        lines.nth(2);
        assert_eq!(lines.before().collect::<Vec<_>>(), [&b"c"[..], b"", b"a"]);
        lines.finish();
        assert_eq!(lines.before().next(), Some(&b"d"[..]));
    }

    #[test]
    fn own_numbers_and_times_follow_the_line() {
        let text = Text::numbered(b"x\ny\n", Numbering::Each(&[3, 9]), &[5, NO_TIME]);
        let mut lines = text.lines();
        assert_eq!((lines.number(), lines.time()), (3, Some(5)));
        lines.advance();
        assert_eq!((lines.number(), lines.time(), lines.last_number()), (9, None, 3));
    }

    #[test]
    fn numbers_never_overflow() {
        assert_eq!(decimal(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(decimal(b"18446744073709551616"), None);
        assert_eq!(decimal(b"1a"), None);
        assert_eq!(hexadecimal(b"0xff"), Some(255));
        assert_eq!(hexadecimal(b"11111111111111111"), None);
        assert_eq!(float(b"0,595"), Some(0.595));
    }
}
