//! The event line of a sample as inferno takes it apart: from its beginning, up to the first word of digits.

/// Parts of an event line.
#[derive(Debug, PartialEq)]
pub(super) struct Header<'a> {
    pub(super) comm: &'a str,
    /// `?` where only a thread id is printed.
    pub(super) pid: &'a str,
    pub(super) tid: &'a str,
    pub(super) event: Option<&'a str>,
    pub(super) period: Option<u64>,
    /// What stands behind the event, taken for the only frame.
    pub(super) only_frame: Option<&'a str>,
}

/// Reads a line without blanks at its end; `None`: it has no word of digits.
pub(super) fn read(line: &str) -> Option<Header<'_>> {
    let (start, end) = first_word_of_digits(line.as_bytes())?;
    let ids = &line[start..end];
    // Of several slashes the last one parts.
    let (pid, tid) = ids.rsplit_once('/').unwrap_or(("?", ids));
    let mut parts = line[end + 1..].splitn(3, ':').skip(1);
    let mut header = Header { comm: line[..start - 1].trim(), pid, tid, event: None, period: None, only_frame: None };
    if let Some(period_and_event) = parts.next() {
        let mut words = period_and_event.rsplit(' ');
        header.event = words.next();
        header.period = words.next().and_then(|word| word.parse().ok());
    }
    // Modifiers of the event go first: `u:  ffffffff9aa3c8de [unknown] ([unknown])`.
    header.only_frame = parts.next().and_then(|text| {
        let frame = text[text.find([':', ' ']).map_or(0, |at| at + 1)..].trim();
        (!frame.is_empty()).then_some(frame)
    });
    Some(header)
}

/// The first word but one that is digits and slashes, and has a blank behind it.
fn first_word_of_digits(line: &[u8]) -> Option<(usize, usize)> {
    let mut at = memchr::memchr(b' ', line)? + 1;
    loop {
        let length = memchr::memchr(b' ', line.get(at..)?)?;
        let word = &line[at..at + length];
        if length > 0 && word.iter().all(|byte| byte.is_ascii_digit() || *byte == b'/') {
            return Some((at, at + length));
        }
        at += length + 1;
    }
}
