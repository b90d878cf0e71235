//! Finds the sections of a capture: the times, commands and files that scripts print between the texts they collect.

use postmortem_parsers::evidence::When;
use postmortem_parsers::lines::{LineNo, Lines, NO_TIME, Numbering, Text, trim};
use postmortem_parsers::time::instant;

/// What a line that is no content says of the lines behind it.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Mark {
    /// When they were captured, nanoseconds since 1970 UTC.
    Time(i64),
    /// The command that printed them.
    Command(String),
    /// The file that they show.
    Path(String),
}

/// What the marks so far say of the lines at hand.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Context {
    /// Time of the last time mark.
    pub(super) when: Option<When>,
    /// File that a path or `cat` mark named; empty: the artifact itself.
    pub(super) name: String,
    /// Command of the last command mark.
    pub(super) command: String,
    /// Some of the section was seen already.
    pub(super) begun: bool,
    /// Whether lines that are only a time part the text: they do where it begins with one, and not where a time is
    /// part of a report's head. `None`: nothing was seen yet.
    bare_times: Option<bool>,
}

impl Context {
    /// A new time forgets the path, a new path keeps the time.
    pub(super) fn enter(&mut self, mark: Mark) {
        self.name.clear();
        self.command.clear();
        self.begun = false;
        self.bare_times = Some(true);
        match mark {
            Mark::Time(time) => self.when = Some(When::Wall(time)),
            Mark::Path(path) => self.name = path,
            Mark::Command(command) => {
                self.name = file_shown_by(&command).unwrap_or_default().to_owned();
                self.command = command;
            }
        }
    }
}

/// The file that a command prints: `cat /proc/1/status`, also behind `kubectl exec pod --`.
fn file_shown_by(command: &str) -> Option<&str> {
    let mut words = command
        .split_ascii_whitespace()
        .skip_while(|word| !matches!(word.rsplit('/').next(), Some("cat" | "zcat" | "head" | "tail")));
    words.next()?;
    let mut files =
        words.take_while(|word| !matches!(*word, "|" | ";" | "&&" | "2>&1")).filter(|word| !word.starts_with('-'));
    let file = files.next()?;
    files.next().is_none().then_some(file)
}

/// The mark that a line is, if it is one.
pub(super) fn mark(line: &[u8]) -> Option<Mark> {
    match line.first()? {
        b'=' if line.starts_with(b"==> ") => path(line[4..].strip_suffix(b" <==")?).map(Mark::Path),
        b'=' => {
            let inner = trim(line.strip_prefix(b"==")?.strip_suffix(b"==")?.trim_with(b'='));
            instant(inner).map(Mark::Time).or_else(|| whole_path(inner).map(Mark::Path))
        }
        b'#' => {
            let inner = line.strip_prefix(b"# ")?;
            instant(inner.strip_prefix(b"scrape ").unwrap_or(inner)).map(Mark::Time)
        }
        b'$' => {
            let command = trim(line.strip_prefix(b"$ ")?);
            let begins = command.first().is_some_and(|&byte| byte.is_ascii_alphabetic() || b"/.(".contains(&byte));
            begins.then(|| Mark::Command(String::from_utf8_lossy(command).into_owned()))
        }
        b'-' => {
            let inner = line.strip_prefix(b"--- ")?;
            listed_name(inner.strip_suffix(b" ---").unwrap_or(inner)).map(Mark::Path)
        }
        b'0'..=b'9' | b'A'..=b'Z' => bare_time(line).map(Mark::Time),
        _ => None,
    }
}

/// `trim_matches` for bytes.
trait TrimWith {
    fn trim_with(&self, byte: u8) -> &Self;
}

impl TrimWith for [u8] {
    fn trim_with(&self, byte: u8) -> &[u8] {
        let start = self.iter().position(|&b| b != byte).unwrap_or(self.len());
        let end = self.iter().rposition(|&b| b != byte).map_or(start, |last| last + 1);
        &self[start..end]
    }
}

/// Any text between the arrows of `head` and `tail`.
fn path(text: &[u8]) -> Option<String> {
    (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
}

/// A path without blanks: `=== END ===` is none.
fn whole_path(text: &[u8]) -> Option<String> {
    (is_name(text) && text.iter().any(|byte| b"/.".contains(byte))).then(|| String::from_utf8_lossy(text).into_owned())
}

/// A path or a bare file name: not `mutex:`, no words, no rule of dashes.
fn listed_name(text: &[u8]) -> Option<String> {
    let named = text.first().is_some_and(|&byte| byte == b'/' || byte == b'.' || byte.is_ascii_alphanumeric());
    (named && is_name(text)).then(|| String::from_utf8_lossy(text).into_owned())
}

fn is_name(text: &[u8]) -> bool {
    text.iter().any(u8::is_ascii_alphanumeric)
        && !text.ends_with(b":")
        && text.iter().all(|&byte| byte.is_ascii_graphic() && !b"\"'<>|(){}".contains(&byte))
}

/// A line that is only a time. A bare number is a value, never a time.
fn bare_time(line: &[u8]) -> Option<i64> {
    if !(15..=40).contains(&line.len()) {
        return None;
    }
    let dated = matches!(line[4], b'-' | b'/') || matches!(line[8], b'T' | b'-' | b'_');
    let named = line[0].is_ascii_alphabetic() && (line[3] == b' ' || line[3] == b',');
    let timed = line.contains(&b':') || line.contains(&b'T') || matches!(line[8], b'-' | b'_');
    ((dated || named) && timed).then(|| instant(line)).flatten()
}

/// Whether a text that begins like this has sections.
pub(super) fn has_marks(head: &[u8]) -> bool {
    let (mut lines, mut context) = (Text::new(head, 1).lines(), Context::default());
    while !lines.is_done() {
        if context.mark_at(&lines).is_some() {
            return true;
        }
        lines.advance();
    }
    false
}

impl Context {
    /// The mark under the cursor; the head of a diff is none.
    fn mark_at(&mut self, lines: &Lines<'_>) -> Option<Mark> {
        let line = lines.peek()?;
        let found = mark(line);
        if self.bare_times.is_none() && !line.is_empty() {
            self.bare_times = Some(found.is_some());
        }
        let (found, begins_with_mark) = (found?, self.bare_times == Some(true));
        let next = || lines.peek_second().unwrap_or_default();
        let is_mark = match found {
            // HotSpot prints the time of a thread dump on the line before it, in the middle of a log too.
            Mark::Time(_) if bare_time(line).is_some() => begins_with_mark || next().starts_with(b"Full thread dump"),
            Mark::Path(_) => !next().starts_with(b"+++ "),
            _ => true,
        };
        is_mark.then_some(found)
    }
}

/// A stretch of text between two marks.
pub(super) struct Body<'a> {
    bytes: &'a [u8],
    numbers: Vec<LineNo>,
    times: Vec<i64>,
    first: LineNo,
}

impl<'a> Body<'a> {
    /// Its lines.
    pub(super) fn text(&self) -> Text<'_> {
        if self.numbers.is_empty() {
            return Text::new(self.bytes, self.first);
        }
        Text::numbered(self.bytes, Numbering::Each(&self.numbers), &self.times)
    }
}

/// Cuts a text at its marks. `each` gets what stands between them, the part before the first mark too; `context`
/// follows the marks and is left for the text that continues this one.
pub(super) fn walk(text: Text<'_>, wrapped: bool, context: &mut Context, mut each: impl FnMut(&Context, Body<'_>)) {
    let bytes = text.bytes();
    let (mut lines, mut start) = (text.lines(), text.lines());
    loop {
        let found = context.mark_at(&lines);
        if found.is_some() || lines.is_done() {
            let body = &bytes[start.offset()..lines.offset()];
            if !trim(body).is_empty() {
                each(context, cut_out(body, start, lines.offset(), wrapped));
                context.begun = true;
            }
        }
        if let Some(mark) = found {
            context.enter(mark);
            lines.advance();
            start = lines;
        } else if lines.is_done() {
            return;
        } else {
            lines.advance();
        }
    }
}

fn cut_out<'a>(bytes: &'a [u8], mut lines: Lines<'_>, end: usize, wrapped: bool) -> Body<'a> {
    let mut body = Body { bytes, numbers: Vec::new(), times: Vec::new(), first: lines.number() };
    while wrapped && lines.offset() < end {
        body.numbers.push(lines.number());
        body.times.push(lines.time().unwrap_or(NO_TIME));
        lines.advance();
    }
    body
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Option<Mark> {
        instant(text.as_bytes()).map(Mark::Time)
    }

    fn path(text: &str) -> Option<Mark> {
        Some(Mark::Path(text.to_owned()))
    }

    #[test]
    fn marks_of_real_captures() {
        assert_eq!(mark(b"=== 2026-11-21T22:51:17Z ==="), time("2026-11-21T22:51:17Z"));
        assert_eq!(mark(b"# scrape 2026-11-21T22:51:17Z"), time("2026-11-21T22:51:17Z"));
        assert_eq!(mark(b"Sat Nov 21 22:52:54 UTC 2026"), time("2026-11-21T22:52:54Z"));
        assert_eq!(mark(b"2026-11-21 22:27:05"), time("2026-11-21T22:27:05Z"));
        assert_eq!(mark(b"20261121T225114Z"), time("2026-11-21T22:51:14Z"));
        assert_eq!(mark(b"==> /proc/17/task/18/wchan <=="), path("/proc/17/task/18/wchan"));
        assert_eq!(mark(b"==> memory.stat <=="), path("memory.stat"));
        assert_eq!(mark(b"--- /proc/pressure/memory"), path("/proc/pressure/memory"));
        assert_eq!(mark(b"=== /proc/1/status ==="), path("/proc/1/status"));
        assert_eq!(mark(b"$ ls /proc/123/fd | wc -l"), Some(Mark::Command("ls /proc/123/fd | wc -l".into())));
    }

    #[test]
    fn what_only_looks_like_a_mark() {
        let lines: [&[u8]; 14] = [
            b"--- mutex:",
            b"--- FAIL: TestX (0.00s)",
            b"---------",
            b"--- ---",
            b"=== RUN   TestX",
            b"=== END ===",
            b"=====",
            b"2871296000",
            b"1795301574",
            b"$ 12",
            b"$1 = 3",
            b"# HELP up is up",
            b"2026-11-21T22:56:31.18Z INFO started",
            b"Found one Java-level deadlock:",
        ];
        for line in lines {
            assert_eq!(mark(line), None, "{}", String::from_utf8_lossy(line));
        }
        assert!(!has_marks(b"--- a/main.go\n+++ b/main.go\n"));
    }

    #[test]
    fn a_command_names_the_file_that_it_shows() {
        assert_eq!(file_shown_by("cat /sys/fs/cgroup/memory/memory.stat"), Some("/sys/fs/cgroup/memory/memory.stat"));
        assert_eq!(file_shown_by("kubectl exec -it pod -- /bin/cat /proc/1/status"), Some("/proc/1/status"));
        assert_eq!(file_shown_by("cat /a /b"), None);
        assert_eq!(file_shown_by("ls /proc/1/fd | wc -l"), None);
    }

    fn sections(text: &[u8]) -> Vec<(Option<When>, String, String, LineNo, String)> {
        let (mut context, mut seen) = (Context::default(), Vec::new());
        walk(Text::new(text, 1), false, &mut context, |context, body| {
            seen.push((
                context.when,
                context.name.clone(),
                context.command.clone(),
                body.text().lines().number(),
                String::from_utf8_lossy(body.bytes).trim_end().to_owned(),
            ));
        });
        seen
    }

    #[test]
    fn times_hold_for_the_paths_behind_them() {
        let text = b"=== 2026-11-21T22:51:17Z ===\n\
            $ cat /sys/fs/cgroup/memory/memory.usage_in_bytes\n130781184\n\
            --- /proc/1/status\nName:\tx\n\
            === 2026-11-21T22:51:27Z ===\nsome avg10=0.00\n";
        let when = |text: &str| Some(When::Wall(instant(text.as_bytes()).unwrap()));
        let usage = "/sys/fs/cgroup/memory/memory.usage_in_bytes";
        assert_eq!(
            sections(text),
            [
                (when("2026-11-21T22:51:17Z"), usage.into(), format!("cat {usage}"), 3, "130781184".into()),
                (when("2026-11-21T22:51:17Z"), "/proc/1/status".into(), String::new(), 5, "Name:\tx".into()),
                (when("2026-11-21T22:51:27Z"), String::new(), String::new(), 7, "some avg10=0.00".into()),
            ]
        );
    }

    #[test]
    fn a_time_in_the_head_of_a_report_is_no_mark() {
        let dump = b"29393\n2026-11-21T22:26:05.403410545Z\n25.0.3+9-LTS\n\n#3 \"main\" WAITING\n";
        assert_eq!(sections(dump).len(), 1);
        assert!(!has_marks(dump));
        let log = b"started\n2026-11-21 22:20:52\nFull thread dump OpenJDK 64-Bit Server VM\n";
        assert_eq!(sections(log).len(), 2);
        assert_eq!(sections(b"\nSat Nov 21 22:52:54 UTC 2026\n137\nSat Nov 21 22:52:59 UTC 2026\n138\n").len(), 2);
    }

    #[test]
    fn what_stands_before_the_first_mark_is_kept() {
        let seen = sections(b"hello\n==> a <==\nx\n\n==> b <==\ny");
        let names: Vec<_> = seen.iter().map(|s| (s.1.as_str(), s.3, s.4.as_str())).collect();
        assert_eq!(names, [("", 1, "hello"), ("a", 3, "x"), ("b", 6, "y")]);
    }
}
