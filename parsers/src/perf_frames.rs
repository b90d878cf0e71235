//! The frame lines of a sample of `perf script` taken as a whole. Most samples repeat the callers of another one but for
//! the addresses, so the callers are known by the texts behind these.

use memchr::{memchr, memchr_iter, memmem};

/// Ends of samples are looked for in this many bytes; longer samples are read line by line.
const LONGEST: usize = 16 << 10;

/// The lines below a header, up to the blank line that ends the sample.
pub(crate) struct FrameLines<'a> {
    /// The first line.
    pub(crate) innermost: &'a [u8],
    /// The others.
    pub(crate) callers: &'a [u8],
    /// Lines and the blank one.
    pub(crate) lines: usize,
    /// Bytes of all these.
    pub(crate) bytes: usize,
}

impl<'a> FrameLines<'a> {
    /// Takes the frames that a text begins with, and gathers the texts of the callers; `None` where a line has not the
    /// columns of perf: these are to be read one by one.
    pub(crate) fn take(text: &'a [u8], texts: &mut Vec<u8>) -> Option<Self> {
        let end = memmem::find(&text[..text.len().min(LONGEST)], b"\n\n")?;
        let sample = &text[..end];
        let innermost = &sample[..memchr(b'\n', sample).unwrap_or(end)];
        behind_address(innermost)?;
        let callers = sample.get(innermost.len() + 1..).unwrap_or_default();
        texts.clear();
        let (mut start, mut lines) = (0, 2);
        if !callers.is_empty() {
            for end in memchr_iter(b'\n', callers).chain([callers.len()]) {
                texts.extend_from_slice(behind_address(&callers[start..end])?);
                texts.push(b'\n');
                start = end + 1;
                lines += 1;
            }
        }
        Some(FrameLines { innermost, callers, lines, bytes: end + 2 })
    }
}

/// The text behind the address of a line as perf writes it: a tab, the address in sixteen columns, a blank.
pub(crate) fn behind_address(line: &[u8]) -> Option<&[u8]> {
    let (head, text) = line.split_first_chunk::<18>()?;
    let columns: &[u8; 16] = head[1..17].first_chunk()?;
    // Written so that the compiler looks at all columns at once.
    let blank = |byte: &u8| *byte == b' ';
    let digit = |byte: &u8| (byte.wrapping_sub(b'0') < 10) | ((byte | 0x20).wrapping_sub(b'a') < 6);
    let plain = columns.iter().fold(true, |plain, byte| plain & (blank(byte) | digit(byte)));
    let blanks = columns.iter().fold(0u8, |blanks, byte| blanks + u8::from(blank(byte)));
    let padding = columns.iter().take_while(|byte| blank(byte)).count() as u8;
    (head[0] == b'\t' && head[17] == b' ' && plain && blanks == padding && padding < 16).then_some(text)
}
