//! One line of strace: who, when, what.

use crate::lines::{decimal, float, rsplit_once, split_once};
use nom::Parser;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::space0;
use nom::combinator::{map_opt, opt};
use nom::sequence::{delimited, terminated};

const UNFINISHED: &[u8] = b"<unfinished ...>";
const DETACHED: &[u8] = b"<detached ...>";

/// The time at the beginning of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Stamp {
    None,
    /// Seconds of the day (`-t`, `-tt`), in the time zone of the machine.
    OfDay(f64),
    /// Seconds since 1970 (`-ttt`).
    Unix(f64),
    /// Seconds since the line before (`-r`).
    Since(f64),
}

/// What a line tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Event<'a> {
    /// A call from begin to end.
    Call {
        call: &'a [u8],
        arguments: &'a [u8],
        result: &'a [u8],
        seconds: Option<f64>,
    },
    /// `futex(0x55, FUTEX_WAIT, 2 <unfinished ...>`.
    Begin {
        call: &'a [u8],
        arguments: &'a [u8],
    },
    /// `clone3({..}strace: Process 27614 attached`: strace's own words cut the line of the call that they are about.
    Broken {
        call: &'a [u8],
        arguments: &'a [u8],
        child: u64,
    },
    /// ` => {parent_tid=[27614]}, 88) = 27614`: the rest of that line.
    Rest {
        result: &'a [u8],
        seconds: Option<f64>,
    },
    /// `<... futex resumed>) = 0`.
    Resumed {
        call: &'a [u8],
        rest: &'a [u8],
        result: &'a [u8],
        seconds: Option<f64>,
    },
    /// `+++ exited with 0 +++`.
    Exited(&'a [u8]),
    /// `+++ killed by SIGINT +++`.
    Killed(&'a [u8]),
    /// `--- SIGCHLD {..} ---`.
    Signal,
    /// `strace: Process 28087 attached with 17 threads`.
    Attached(u64),
    Detached,
}

/// A line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Read<'a> {
    pub(super) pid: Option<u64>,
    pub(super) stamp: Stamp,
    pub(super) event: Event<'a>,
    /// What follows id and time.
    pub(super) text: &'a [u8],
}

type Error<'a> = nom::error::Error<&'a [u8]>;

/// Reads a line; `None` when it is not strace's.
pub(super) fn read(line: &[u8]) -> Option<Read<'_>> {
    if let Some(rest) = line.strip_prefix(b"strace: Process ") {
        let (pid, what) = split_once(rest, b" ")?;
        let event = if what.starts_with(b"attached") { Event::Attached(decimal(pid)?) } else { Event::Detached };
        return Some(Read { pid: None, stamp: Stamp::None, event, text: line });
    }
    if line.starts_with(b" => ") {
        let (_, result, seconds) = returned(line)?;
        return Some(Read { pid: None, stamp: Stamp::None, event: Event::Rest { result, seconds }, text: line });
    }
    let (rest, pid) = id(line).unwrap_or((line, None));
    let (text, stamp) = stamp(rest);
    let event = event(text)?;
    Some(Read { pid, stamp, event, text })
}

/// `28745 ` and `[pid 28745] `. A time that stands first is none.
fn id(line: &[u8]) -> Option<(&[u8], Option<u64>)> {
    let number = || map_opt(take_while1::<_, _, Error<'_>>(|byte: u8| byte.is_ascii_digit()), decimal);
    let bracketed = delimited((tag(&b"[pid"[..]), space0), number(), (tag(&b"]"[..]), space0));
    let bare = terminated(number(), (tag(&b" "[..]), space0));
    let (rest, pid) = opt(nom::branch::alt((bracketed, bare))).parse(line).ok()?;
    Some((rest, pid))
}

fn stamp(text: &[u8]) -> (&[u8], Stamp) {
    let trimmed = text.trim_ascii_start();
    let Some((word, rest)) = split_once(trimmed, b" ") else { return (trimmed, Stamp::None) };
    let rest = rest.trim_ascii_start();
    if !word.first().is_some_and(u8::is_ascii_digit) {
        return (trimmed, Stamp::None);
    }
    if let Some(seconds) = of_day(word) {
        return (rest, Stamp::OfDay(seconds));
    }
    match float(word).filter(|seconds| seconds.is_finite()) {
        Some(seconds) if seconds >= 1e9 => (rest, Stamp::Unix(seconds)),
        Some(seconds) => (rest, Stamp::Since(seconds)),
        None => (trimmed, Stamp::None),
    }
}

/// `22:25:47.354745`.
fn of_day(word: &[u8]) -> Option<f64> {
    let (hours, rest) = split_once(word, b":")?;
    let (minutes, seconds) = split_once(rest, b":")?;
    let seconds = float(seconds).filter(|seconds| (0.0..61.0).contains(seconds))?;
    let (hours, minutes) = (decimal(hours).filter(|h| *h < 24)?, decimal(minutes).filter(|m| *m < 60)?);
    Some(hours as f64 * 3600.0 + minutes as f64 * 60.0 + seconds)
}

fn event(text: &[u8]) -> Option<Event<'_>> {
    if let Some(rest) = text.strip_prefix(b"+++ ") {
        let rest = rest.strip_suffix(b" +++")?;
        if let Some(code) = rest.strip_prefix(b"exited with ") {
            return Some(Event::Exited(code));
        }
        let signal = rest.strip_prefix(b"killed by ")?;
        return Some(Event::Killed(signal.split(|byte| *byte == b' ').next().unwrap_or(signal)));
    }
    if text.starts_with(b"--- ") && text.ends_with(b" ---") {
        return Some(Event::Signal);
    }
    if let Some(rest) = text.strip_prefix(b"<... ") {
        let (call, rest) = split_once(rest, b" resumed>")?;
        if rest.ends_with(DETACHED) {
            return Some(Event::Detached);
        }
        let (rest, result, seconds) = returned(rest)?;
        return Some(Event::Resumed { call: name(call)?, rest, result, seconds });
    }
    let (call, rest) = split_once(text, b"(")?;
    let call = name(call)?;
    if let Some((arguments, rest)) = rsplit_once(rest, b"strace: Process ")
        && let Some(child) = rest.strip_suffix(b" attached").and_then(decimal)
    {
        return Some(Event::Broken { call, arguments, child });
    }
    if let Some(arguments) = rest.strip_suffix(UNFINISHED).or_else(|| rest.strip_suffix(DETACHED)) {
        return Some(Event::Begin { call, arguments: arguments.trim_ascii_end() });
    }
    let (arguments, result, seconds) = returned(rest)?;
    let arguments = arguments.strip_suffix(UNFINISHED).unwrap_or(arguments).trim_ascii_end();
    Some(Event::Call { call, arguments, result, seconds })
}

/// Names of calls are lower case words.
fn name(call: &[u8]) -> Option<&[u8]> {
    let is_word = call.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_');
    (is_word && call.first().is_some_and(u8::is_ascii_lowercase)).then_some(call)
}

/// Arguments, result and seconds of `0x55, FUTEX_WAKE) = 1 <0.000012>`; short calls have more blanks before the `=`.
fn returned(rest: &[u8]) -> Option<(&[u8], &[u8], Option<f64>)> {
    let (arguments, result) = rsplit_once(rest, b" = ")?;
    let arguments = arguments.trim_ascii_end().strip_suffix(b")")?;
    let timed =
        rsplit_once(result, b" <").and_then(|(result, seconds)| Some((result, float(seconds.strip_suffix(b">")?)?)));
    let (result, seconds) = timed.map_or((result, None), |(result, seconds)| (result, Some(seconds)));
    let is_result = result.first().is_some_and(|byte| byte.is_ascii_digit() || matches!(byte, b'-' | b'?'));
    is_result.then_some((arguments, result, seconds.filter(|seconds| seconds.is_finite())))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(line: &[u8]) -> (Option<u64>, Stamp, Event<'_>) {
        let read = read(line).unwrap_or_else(|| panic!("{}", String::from_utf8_lossy(line)));
        (read.pid, read.stamp, read.event)
    }

    #[test]
    fn ids_and_times_of_all_options() {
        let close = Event::Call { call: b"close", arguments: b"3", result: b"0", seconds: None };
        for (line, pid, stamp) in [
            (&b"close(3)                                = 0"[..], None, Stamp::None),
            (b"28745 close(3) = 0", Some(28745), Stamp::None),
            (b"[pid   845] close(3) = 0", Some(845), Stamp::None),
            (b"28745 01:00:01.500000 close(3) = 0", Some(28745), Stamp::OfDay(3601.5)),
            (b"01:00:01 close(3) = 0", None, Stamp::OfDay(3601.0)),
            (b"[pid 28745]      0.000250 close(3) = 0", Some(28745), Stamp::Since(0.00025)),
            (b"     0.000250 close(3) = 0", None, Stamp::Since(0.00025)),
            (b"1795301574.250000 close(3) = 0", None, Stamp::Unix(1_795_301_574.25)),
        ] {
            assert_eq!(parts(line), (pid, stamp, close), "{}", String::from_utf8_lossy(line));
        }
    }

    #[test]
    fn calls_that_are_cut_in_two() {
        let begin = Event::Begin { call: b"futex", arguments: b"0x55, FUTEX_WAIT, 2, NULL" };
        assert_eq!(parts(b"7 futex(0x55, FUTEX_WAIT, 2, NULL <unfinished ...>").2, begin);
        let resumed = Event::Resumed { call: b"futex", rest: b"", result: b"0", seconds: Some(0.5) };
        assert_eq!(parts(b"7 <... futex resumed>)      = 0 <0.500000>").2, resumed);
        let dead = Event::Resumed { call: b"recvfrom", rest: b" <unfinished ...>", result: b"?", seconds: None };
        assert_eq!(parts(b"28515 22:25:47.261856 <... recvfrom resumed> <unfinished ...>) = ?").2, dead);
        let exit = Event::Call { call: b"exit", arguments: b"0", result: b"?", seconds: None };
        assert_eq!(parts(b"28747 22:25:47.357574 exit(0)           = ?").2, exit);
        assert_eq!(parts(b"7 <... futex resumed> <detached ...>").2, Event::Detached);
        let broken = Event::Broken { call: b"clone3", arguments: b"{flags=CLONE_VM}", child: 27614 };
        assert_eq!(parts(b"clone3({flags=CLONE_VM}strace: Process 27614 attached").2, broken);
        let rest = Event::Rest { result: b"27614", seconds: None };
        assert_eq!(parts(b" => {parent_tid=[27614]}, 88) = 27614").2, rest);
        assert_eq!(parts(b"1 +++ killed by SIGSEGV (core dumped) +++").2, Event::Killed(b"SIGSEGV"));
    }

    #[test]
    fn strings_do_not_end_a_call() {
        let write = Event::Call { call: b"write", arguments: b"1, \"f(1) = 2\\n\", 9", result: b"9", seconds: None };
        assert_eq!(parts(b"write(1, \"f(1) = 2\\n\", 9) = 9").2, write);
    }

    #[test]
    fn other_lines_are_none() {
        for line in
            [&b"served 60"[..], b"x = f(1)", b"Main(a) = 1", b"close(3)", b"f() = yes", b"12:30:00 INFO start() = ok"]
        {
            assert_eq!(read(line), None, "{}", String::from_utf8_lossy(line));
        }
    }
}
