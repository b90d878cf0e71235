//! Takes log wrappers off: container runtimes, `--timestamps`, syslog. Each line keeps its number and the time that
//! its wrapper gave; stdout and stderr become texts of their own.

use memchr::{memchr, memchr_iter};
use postmortem_parsers::clock_tie::ClockTie;
use postmortem_parsers::lines::{LineNo, NO_TIME, Numbering, Text};
use serde::Deserialize;
use std::borrow::Cow;

/// How the lines of a log are wrapped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Wrapper {
    /// Not at all.
    #[default]
    None,
    /// `2026-11-21T22:56:31.18Z stderr F text`, as CRI runtimes write it.
    Cri,
    /// `{"log":"text\n","stream":"stderr","time":"..."}`, docker's json-file driver.
    Docker,
    /// `{"MESSAGE":"text","__REALTIME_TIMESTAMP":"1795301791180163",...}`, `journalctl -o json`.
    Journal,
    /// `2026-11-21T22:56:31.18Z text`, `kubectl logs --timestamps`.
    Timestamps,
    /// `Nov 21 22:00:01 host app[123]: text` or the same with an RFC 3339 time.
    Syslog,
    /// `checkout-1  | text` of docker compose, `[pod/checkout-5d8/app] text` of `kubectl logs --prefix`.
    Named,
}

/// How many of the first lines vote on the wrapper.
const VOTERS: usize = 50;

impl Wrapper {
    /// The wrapper of a text that begins like this: the one that most of its first lines have.
    pub(super) fn of(head: &[u8]) -> Wrapper {
        let (mut lines, mut votes) = (0, [0; 6]);
        let kinds =
            [Wrapper::Cri, Wrapper::Docker, Wrapper::Journal, Wrapper::Syslog, Wrapper::Named, Wrapper::Timestamps];
        for line in head.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).take(VOTERS) {
            lines += 1;
            if let Some(kind) = kinds.iter().position(|kind| kind.fits(line)) {
                votes[kind] += 1;
            }
        }
        let winner = (0..kinds.len()).rev().max_by_key(|&kind| votes[kind]);
        winner.filter(|&kind| votes[kind] * 2 > lines).map_or(Wrapper::None, |kind| kinds[kind])
    }

    fn fits(self, line: &[u8]) -> bool {
        match self {
            Wrapper::None => false,
            Wrapper::Cri => cri(line).is_some(),
            Wrapper::Docker => line.starts_with(b"{") && docker(line).is_some(),
            Wrapper::Journal => line.starts_with(b"{") && journal(line).is_some(),
            Wrapper::Syslog => syslog(line).is_some(),
            Wrapper::Named => named(line).is_some(),
            // A time and numbers alone are a table of samples, not a log.
            Wrapper::Timestamps => timestamped(line)
                .is_some_and(|line| line.text.is_empty() || line.text.iter().any(u8::is_ascii_alphabetic)),
        }
    }

    fn unwrap(self, line: &[u8]) -> Option<Line<'_>> {
        match self {
            Wrapper::None => None,
            Wrapper::Cri => cri(line),
            Wrapper::Docker => docker(line),
            Wrapper::Journal => journal(line),
            Wrapper::Timestamps => timestamped(line),
            Wrapper::Syslog => syslog(line),
            Wrapper::Named => named(line),
        }
    }

    /// Syslog stamps the kernel's lines as they come; other wrappers may hold what was printed long after.
    pub(super) fn vouch(self, ties: &mut [ClockTie]) {
        if self == Wrapper::Syslog {
            ties.iter_mut().for_each(|tie| tie.live = true);
        }
    }

    /// Whether the text of this line is blank.
    pub(super) fn is_blank(self, line: &[u8]) -> bool {
        self.unwrap(line).is_some_and(|line| line.text.trim_ascii().is_empty() && !line.partial)
    }

    /// Whether the text of this line goes on in the next line of its stream.
    pub(super) fn is_partial(self, line: &[u8]) -> bool {
        matches!(self, Wrapper::Cri | Wrapper::Docker) && self.unwrap(line).is_some_and(|line| line.partial)
    }
}

/// Number of streams that a log can hold: stdout and stderr.
pub(super) const STREAMS: usize = 2;

/// A line without its wrapper.
struct Line<'a> {
    text: Cow<'a, [u8]>,
    time: i64,
    /// 0 stdout, 1 stderr.
    stream: usize,
    partial: bool,
}

/// `TIME stdout|stderr F|P[:tags] TEXT`.
fn cri(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = rfc3339_prefix(line)?;
    let rest = rest.strip_prefix(b" ")?;
    let (stream, rest) = match rest.strip_prefix(b"stdout ") {
        Some(rest) => (0, rest),
        None => (1, rest.strip_prefix(b"stderr ")?),
    };
    let end = memchr(b' ', rest).unwrap_or(rest.len());
    let partial = match rest[..end].split(|&byte| byte == b':').next() {
        Some(b"F") => false,
        Some(b"P") => true,
        _ => return None,
    };
    let text = Cow::Borrowed(rest.get(end + 1..).unwrap_or_default());
    Some(Line { text, time, stream, partial })
}

/// A line of docker's json-file driver.
#[derive(Deserialize)]
struct DockerLine<'a> {
    #[serde(borrow)]
    log: Cow<'a, str>,
    #[serde(borrow)]
    stream: Cow<'a, str>,
    #[serde(borrow, default)]
    time: Cow<'a, str>,
}

fn docker(line: &[u8]) -> Option<Line<'_>> {
    let found: DockerLine<'_> = serde_json::from_slice(line).ok()?;
    let time = rfc3339_prefix(found.time.as_bytes()).map_or(NO_TIME, |(time, _)| time);
    let partial = !found.log.ends_with('\n');
    let text = match found.log {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_suffix('\n').unwrap_or(text).as_bytes()),
        Cow::Owned(mut text) => {
            text.truncate(text.len() - usize::from(!partial));
            Cow::Owned(text.into_bytes())
        }
    };
    Some(Line { text, time, stream: usize::from(found.stream == "stderr"), partial })
}

/// A line of `journalctl -o json`. Source: systemd's journal export formats: every field is text, a list of bytes
/// where it is not UTF-8, or null where it is long.
#[derive(Deserialize)]
struct JournalLine<'a> {
    #[serde(rename = "MESSAGE", borrow)]
    message: Option<JournalText<'a>>,
    #[serde(rename = "__REALTIME_TIMESTAMP", borrow)]
    microseconds: Cow<'a, str>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum JournalText<'a> {
    #[serde(borrow)]
    Text(Cow<'a, str>),
    Bytes(Vec<u8>),
}

fn journal(line: &[u8]) -> Option<Line<'_>> {
    let found: JournalLine<'_> = serde_json::from_slice(line).ok()?;
    let time = found.microseconds.parse::<i64>().ok().and_then(|us| us.checked_mul(1000)).unwrap_or(NO_TIME);
    let text = match found.message {
        Some(JournalText::Text(Cow::Borrowed(text))) => Cow::Borrowed(text.as_bytes()),
        Some(JournalText::Text(Cow::Owned(text))) => Cow::Owned(text.into_bytes()),
        Some(JournalText::Bytes(bytes)) => Cow::Owned(bytes),
        None => Cow::Borrowed(&b""[..]),
    };
    Some(Line { text, time, stream: 0, partial: false })
}

/// `TIME TEXT`.
fn timestamped(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = rfc3339_prefix(line)?;
    let text = if rest.is_empty() { rest } else { rest.strip_prefix(b" ")? };
    Some(Line { text: Cow::Borrowed(text), time, stream: 0, partial: false })
}

/// `TIME HOST TAG: TEXT`. Traditional times name no year, so they give none.
fn syslog(line: &[u8]) -> Option<Line<'_>> {
    let (time, rest) = rfc3339_prefix(line).or_else(|| Some((NO_TIME, bsd_time(line)?)))?;
    let rest = rest.strip_prefix(b" ")?;
    let host = memchr(b' ', rest).filter(|&end| end > 0)?;
    let rest = &rest[host + 1..];
    let colon = memchr(b':', rest)?;
    let tag = &rest[..colon];
    let name = tag.strip_suffix(b"]").and_then(|tag| {
        let (name, pid) = tag.split_at(memchr(b'[', tag)?);
        pid[1..].iter().all(u8::is_ascii_digit).then_some(name)
    });
    // Without a pid only the kernel and plain words are tags; `INFO:` of an application is no host and tag.
    let plain =
        |tag: &[u8]| !tag.is_empty() && tag.iter().all(|&b| b.is_ascii_alphanumeric() || b"-_./@()".contains(&b));
    let wrapped = match name {
        Some(name) => plain(name),
        None => tag == b"kernel" || (time == NO_TIME && plain(tag)),
    };
    let text = &rest[colon + 1..];
    wrapped.then(|| Line {
        text: Cow::Borrowed(text.strip_prefix(b" ").unwrap_or(text)),
        time,
        stream: 0,
        partial: false,
    })
}

/// A line behind the name of what wrote it, with or without a time.
fn named(line: &[u8]) -> Option<Line<'_>> {
    let rest = match line.strip_prefix(b"[pod/") {
        Some(rest) => &rest[memchr(b']', rest)? + 1..],
        None => {
            let name = line.iter().position(|b| !(b.is_ascii_alphanumeric() || b"-_.".contains(b)))?;
            // Compose numbers the containers of a service; without the number it may be a row of any table.
            let digits = line[..name].iter().rev().take_while(|b| b.is_ascii_digit()).count();
            let numbered = digits > 0 && name > digits + 1 && matches!(line[name - digits - 1], b'-' | b'_');
            numbered.then(|| line[name..].trim_ascii_start().strip_prefix(b"|")).flatten()?
        }
    };
    let text = rest.strip_prefix(b" ").or(rest.is_empty().then_some(rest))?;
    match rfc3339_prefix(text) {
        Some((time, text)) => {
            let text = text.strip_prefix(b" ").unwrap_or(text);
            Some(Line { text: Cow::Borrowed(text), time, stream: 0, partial: false })
        }
        None => Some(Line { text: Cow::Borrowed(text), time: NO_TIME, stream: 0, partial: false }),
    }
}

/// What follows `Nov 21 22:00:01`, with or without a fraction.
fn bsd_time(line: &[u8]) -> Option<&[u8]> {
    let (head, rest) = line.split_at_checked(15)?;
    postmortem_parsers::time::month(&head[..3])?;
    let shape = |at: usize, pattern: &[u8]| {
        head[at..].iter().zip(pattern).all(|(byte, want)| match want {
            b'0' => byte.is_ascii_digit(),
            b'_' => byte.is_ascii_digit() || *byte == b' ',
            _ => byte == want,
        })
    };
    if !shape(3, b" _0 00:00:00") {
        return None;
    }
    let fraction = rest.iter().skip(1).take_while(|byte| byte.is_ascii_digit()).count();
    Some(if rest.first() == Some(&b'.') && fraction > 0 { &rest[1 + fraction..] } else { rest })
}

/// The RFC 3339 time with `T` and zone at the beginning of a line, in nanoseconds since 1970 UTC, and the rest.
pub(super) fn rfc3339_prefix(line: &[u8]) -> Option<(i64, &[u8])> {
    let (head, mut rest) = line.split_at_checked(19)?;
    let number = |at: usize, len: usize| {
        head[at..at + len]
            .iter()
            .try_fold(0i64, |value, byte| byte.is_ascii_digit().then(|| value * 10 + i64::from(byte - b'0')))
    };
    if head[4] != b'-' || head[7] != b'-' || head[10] != b'T' || head[13] != b':' || head[16] != b':' {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !(1970..2262).contains(&year)
        || !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
    {
        return None;
    }
    let mut nanos = 0;
    if let Some(fraction) = rest.strip_prefix(b".").or_else(|| rest.strip_prefix(b",")) {
        let digits = fraction.iter().take_while(|byte| byte.is_ascii_digit()).count();
        nanos = (0..9)
            .fold(0i64, |value, at| value * 10 + fraction[..digits].get(at).map_or(0, |digit| i64::from(digit - b'0')));
        rest = &fraction[digits..];
    }
    let (offset_s, rest) = zone(rest)?;
    let seconds = days_since_1970(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second - offset_s;
    Some((seconds.checked_mul(1_000_000_000)?.checked_add(nanos)?, rest))
}

/// `Z`, `+02:00` or `+0200` in seconds.
fn zone(rest: &[u8]) -> Option<(i64, &[u8])> {
    if let Some(rest) = rest.strip_prefix(b"Z") {
        return Some((0, rest));
    }
    let sign = match rest.first()? {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let two = |at: usize| postmortem_parsers::lines::decimal(rest.get(at..at + 2)?).map(|value| value as i64);
    let colon = usize::from(rest.get(3) == Some(&b':'));
    let (hours, minutes) = (two(1)?, two(3 + colon)?);
    Some((sign * (hours * 3600 + minutes * 60), &rest[5 + colon..]))
}

/// Howard Hinnant's `days_from_civil`.
fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

/// A text without its wrapper, one for each stream.
pub(super) enum Unwrapped<'a> {
    /// Nothing had to be taken off, or only colours, which leaves lines where they are.
    Plain(Cow<'a, [u8]>, LineNo),
    /// Lines by stream.
    Streams(Box<[Stream; STREAMS]>),
}

/// The lines of one stream.
#[derive(Default)]
pub(super) struct Stream {
    bytes: Vec<u8>,
    numbers: Vec<LineNo>,
    times: Vec<i64>,
    /// The last line waits for its continuation.
    open: bool,
}

impl Unwrapped<'_> {
    /// The text of a stream; the first when there is only one.
    pub(super) fn stream(&self, index: usize) -> Option<Text<'_>> {
        match self {
            Unwrapped::Plain(bytes, first) => (index == 0).then(|| Text::new(bytes, *first)),
            Unwrapped::Streams(streams) => {
                streams.get(index).filter(|stream| !stream.bytes.is_empty()).map(Stream::text)
            }
        }
    }
}

impl Stream {
    fn text(&self) -> Text<'_> {
        Text::numbered(&self.bytes, Numbering::Each(&self.numbers), &self.times)
    }

    fn push(&mut self, line: Line<'_>, number: LineNo) {
        if !self.open {
            self.numbers.push(number);
            self.times.push(line.time);
        }
        // A wrapped line may hold line ends itself: each line counts as the one that wraps it.
        for _ in memchr_iter(b'\n', &line.text) {
            self.numbers.push(number);
            self.times.push(line.time);
        }
        self.bytes.extend_from_slice(&line.text);
        self.open = line.partial;
        if !line.partial {
            self.bytes.push(b'\n');
        }
    }
}

/// Takes `wrapper` and colours off. Lines that are not wrapped stay as they are.
pub(super) fn take_off(wrapper: Wrapper, bytes: &[u8], first: LineNo) -> Unwrapped<'_> {
    const BYTE_ORDER_MARK: &[u8] = "\u{feff}".as_bytes();
    let plain = without_colours(bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes));
    if wrapper == Wrapper::None {
        return Unwrapped::Plain(plain, first);
    }
    let mut streams = Box::<[Stream; STREAMS]>::default();
    let mut last = 0;
    for (line, number) in Text::new(&plain, 1).lines().zip(first..) {
        let found = wrapper.unwrap(line).unwrap_or(Line {
            text: Cow::Borrowed(line),
            time: NO_TIME,
            stream: last,
            partial: false,
        });
        last = found.stream;
        streams[last].push(found, number);
    }
    Unwrapped::Streams(streams)
}

/// The text without ANSI control sequences (`ESC [ ... letter`).
fn without_colours(bytes: &[u8]) -> Cow<'_, [u8]> {
    const ESCAPE: u8 = 0x1b;
    let Some(first) = memchr(ESCAPE, bytes) else { return Cow::Borrowed(bytes) };
    let mut clean = bytes[..first].to_vec();
    let mut rest = &bytes[first..];
    while let Some(at) = memchr(ESCAPE, rest) {
        clean.extend_from_slice(&rest[..at]);
        let sequence = &rest[at + 1..];
        let parameters = match sequence.strip_prefix(b"[") {
            Some(body) => 1 + body.iter().take_while(|&&byte| (0x20..0x40).contains(&byte)).count(),
            None => 0,
        };
        let ends = parameters > 0 && sequence.get(parameters).is_some_and(|byte| (0x40..0x7f).contains(byte));
        rest = &sequence[if ends { parameters + 1 } else { 0 }..];
    }
    clean.extend_from_slice(rest);
    Cow::Owned(clean)
}

#[cfg(test)]
mod tests {
    use super::*;
    use postmortem_parsers::time::{instant, rfc3339_utc};

    fn stream(unwrapped: &Unwrapped<'_>, index: usize) -> Vec<(LineNo, Option<i64>, String)> {
        let Some(text) = unwrapped.stream(index) else { return Vec::new() };
        let (mut lines, mut seen) = (text.lines(), Vec::new());
        while let Some(line) = lines.peek() {
            seen.push((lines.number(), lines.time(), String::from_utf8_lossy(line).into_owned()));
            lines.advance();
        }
        seen
    }

    fn texts(lines: &[(LineNo, Option<i64>, String)]) -> Vec<(LineNo, &str)> {
        lines.iter().map(|(number, _, text)| (*number, text.as_str())).collect()
    }

    #[test]
    fn cri_parts_streams_and_joins_partial_lines() {
        let log = b"2026-11-21T22:56:31.078352255Z stdout F row 0\n\
            2026-11-21T22:56:31.180163498Z stderr F goroutine 1 [sync.WaitGroup.Wait]:\n\
            2026-11-21T22:56:31.180170000Z stderr P main.ma\n\
            2026-11-21T22:56:31.180171000Z stdout F row 1\n\
            2026-11-21T22:56:31.180172000Z stderr F in()\n\
            2026-11-21T22:56:31.180173000Z stderr F \tmain.go:3\n\
            2026-11-21T22:56:31.180174000Z stderr F \n";
        assert_eq!(Wrapper::of(log), Wrapper::Cri);
        let unwrapped = take_off(Wrapper::Cri, log, 10);
        let stderr = stream(&unwrapped, 1);
        assert_eq!(texts(&stream(&unwrapped, 0)), [(10, "row 0"), (13, "row 1")]);
        assert_eq!(
            texts(&stderr),
            [(11, "goroutine 1 [sync.WaitGroup.Wait]:"), (12, "main.main()"), (15, "\tmain.go:3"), (16, "")]
        );
        assert_eq!(stderr[0].1, instant(b"2026-11-21T22:56:31.180163498Z"));
        assert!(Wrapper::Cri.is_partial(b"2026-11-21T22:56:31.180170000Z stderr P main.ma"));
    }

    #[test]
    fn docker_lines_lose_their_escapes() {
        let log = br#"{"log":"2026/11/21 23:04:26 rptgen GOGC=\"off\"\n","stream":"stderr","time":"2026-11-21T23:04:26.248981577Z"}
{"log":"\tmain.go:3 \u003e\n","stream":"stderr","time":"2026-11-21T23:04:27Z"}
{"log":"half ","stream":"stdout","time":"2026-11-21T23:04:28Z"}
{"log":"line\r\n","stream":"stdout","time":"2026-11-21T23:04:28Z"}
"#;
        assert_eq!(Wrapper::of(log), Wrapper::Docker);
        let unwrapped = take_off(Wrapper::Docker, log, 1);
        let stderr = stream(&unwrapped, 1);
        assert_eq!(texts(&stderr), [(1, "2026/11/21 23:04:26 rptgen GOGC=\"off\""), (2, "\tmain.go:3 >")]);
        assert_eq!(stderr[0].1, instant(b"2026-11-21T23:04:26.248981577Z"));
        assert_eq!(texts(&stream(&unwrapped, 0)), [(3, "half line")]);
    }

    #[test]
    fn journal_lines_are_objects() {
        let log = include_bytes!("../../samples/kernel-log/oom-journal-json/journal.json");
        assert_eq!(Wrapper::of(log), Wrapper::Journal);
        let unwrapped = take_off(Wrapper::Journal, log, 1);
        let lines = stream(&unwrapped, 0);
        assert!(lines[0].2.starts_with("server invoked oom-killer: "), "{:?}", lines[0]);
        assert!(lines.iter().all(|line| line.1.is_some()));
        let bytes = br#"{"__REALTIME_TIMESTAMP":"1795301791180163","MESSAGE":[104,105,255]}"#;
        assert_eq!(journal(bytes).unwrap().text[..2], *b"hi");
        assert!(journal(br#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":null}"#).unwrap().text.is_empty());
    }

    #[test]
    fn kubectl_timestamps_are_kept_as_times() {
        let log = b"2026-11-21T22:56:31.18Z INFO started\r\n2026-11-21T22:56:32Z goroutine 1 [running]:\nno time\n";
        assert_eq!(Wrapper::of(log), Wrapper::Timestamps);
        let unwrapped = take_off(Wrapper::Timestamps, log, 1);
        let lines = stream(&unwrapped, 0);
        assert_eq!(texts(&lines), [(1, "INFO started"), (2, "goroutine 1 [running]:"), (3, "no time")]);
        assert_eq!(lines[0].1, instant(b"2026-11-21T22:56:31.18Z"));
        assert_eq!(lines[2].1, None);
    }

    #[test]
    fn a_table_with_a_time_column_is_no_log() {
        assert_eq!(Wrapper::of(b"2026-11-21T22:56:31Z 123 456\n2026-11-21T22:56:32Z 124 456\n"), Wrapper::None);
        assert_eq!(Wrapper::of(b"timestamp,rss\n2026-11-21T22:56:31Z,123\n"), Wrapper::None);
    }

    #[test]
    fn syslog_prefixes_go_and_kernel_times_stay() {
        let log = b"Nov 30 02:53:56 host kernel: [  968.44] Out of memory: Kill process 27438 (R)\n\
            Nov  3 02:53:56 host kernel: Killed process 27438 (R)\n\
            Nov 21 22:00:01 host app[123]: goroutine 1 [running]:\n\
            Nov 21 22:00:01 host app[123]: \tmain.go:3\n";
        assert_eq!(Wrapper::of(log), Wrapper::Syslog);
        let unwrapped = take_off(Wrapper::Syslog, log, 1);
        let lines = stream(&unwrapped, 0);
        assert_eq!(lines[0].2, "[  968.44] Out of memory: Kill process 27438 (R)");
        assert_eq!(lines[2].2, "goroutine 1 [running]:");
        assert_eq!(lines[3].2, "\tmain.go:3");
        assert!(lines.iter().all(|line| line.1.is_none()));
    }

    #[test]
    fn syslog_with_full_times_keeps_them() {
        let log = b"2026-11-21T22:00:01.5+00:00 host app[123]: hello\n2026-11-21T22:00:02+0000 host kernel: oops\n";
        assert_eq!(Wrapper::of(log), Wrapper::Syslog);
        let unwrapped = take_off(Wrapper::Syslog, log, 1);
        let lines = stream(&unwrapped, 0);
        assert_eq!(texts(&lines), [(1, "hello"), (2, "oops")]);
        assert_eq!(lines[0].1, instant(b"2026-11-21T22:00:01.5Z"));
    }

    #[test]
    fn colours_go_and_plain_text_is_not_copied() {
        let coloured = take_off(Wrapper::None, b"\x1b[1;31merror\x1b[0m x\x1b\ny\n", 4);
        assert_eq!(texts(&stream(&coloured, 0)), [(4, "error x"), (5, "y")]);
        assert_eq!(texts(&stream(&take_off(Wrapper::None, "\u{feff}x\n".as_bytes(), 1), 0)), [(1, "x")]);
        assert!(matches!(take_off(Wrapper::None, b"x\n", 1), Unwrapped::Plain(Cow::Borrowed(_), 1)));
    }

    #[test]
    fn prefix_times_agree_with_the_parser_of_instants() {
        for text in [
            "2026-11-21T22:56:31.180163498Z",
            "1970-01-01T00:00:00Z",
            "2024-02-29T23:59:59.000001+02:00",
            "2000-03-01T00:00:00-11:30",
        ] {
            let (time, rest) = rfc3339_prefix(text.as_bytes()).unwrap();
            assert_eq!(rfc3339_utc(time), rfc3339_utc(instant(text.as_bytes()).unwrap()), "{text}");
            assert!(rest.is_empty());
        }
        for text in ["2026-11-21 22:56:31Z", "2026-13-21T22:56:31Z", "2026-11-21T22:56:31", "2026-11-21T22:56:31+0"] {
            assert!(rfc3339_prefix(text.as_bytes()).is_none(), "{text}");
        }
    }
}
