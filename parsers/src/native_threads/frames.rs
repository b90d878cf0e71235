//! One line of a native stack: gdb, gstack, eu-stack and lldb, and the headers of their threads.

use crate::lines::{decimal, hexadecimal, rsplit_once, split_once, trim};
use memchr::memchr;
use nom::Parser;
use nom::bytes::complete::{tag, take_while1};
use nom::character::complete::space1;
use nom::combinator::{map_opt, opt};
use nom::sequence::{delimited, preceded, terminated};

/// What the header of a thread says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Header<'a> {
    /// Number that the debugger gave; 0: none.
    pub(super) id: u64,
    /// Id in the kernel (LWP, TID).
    pub(super) lwp: Option<u64>,
    /// `pthread_self()`, which lies at the upper end of the thread's stack.
    pub(super) pthread: Option<u64>,
    pub(super) name: &'a [u8],
    /// lldb's stop reason.
    pub(super) state: &'a [u8],
}

/// What the line of a frame says.
#[derive(Debug, Default, PartialEq)]
pub(super) struct FrameLine<'a> {
    pub(super) index: u64,
    /// Empty where the line does not tell.
    pub(super) function: &'a [u8],
    /// Text between the parentheses.
    pub(super) arguments: &'a [u8],
    pub(super) file: &'a [u8],
    pub(super) line: u32,
    pub(super) module: &'a [u8],
    pub(super) address: Option<u64>,
    /// The line itself says that the function is inlined.
    pub(super) inlined: bool,
}

fn number(input: &[u8]) -> nom::IResult<&[u8], u64> {
    map_opt(take_while1(|byte: u8| byte.is_ascii_digit()), decimal).parse(input)
}

fn address(input: &[u8]) -> nom::IResult<&[u8], u64> {
    preceded(tag(&b"0x"[..]), map_opt(take_while1(|byte: u8| byte.is_ascii_hexdigit()), hexadecimal)).parse(input)
}

/// `Thread 3 (Thread 0x7f584b8a16c0 (LWP 30672) "cdead"):`, `Thread 2 (LWP 123):`, `Thread 1 (process 12):`.
pub(super) fn gdb_header(line: &[u8]) -> Option<Header<'_>> {
    let (rest, (id, of_inferior)) = (
        preceded(tag::<_, _, nom::error::Error<&[u8]>>(&b"Thread "[..]), number),
        opt(preceded(tag(&b"."[..]), number)),
    )
        .parse(line)
        .ok()?;
    let body = rest.strip_prefix(b" (")?.strip_suffix(b":")?;
    let pthread = preceded(tag::<_, _, nom::error::Error<&[u8]>>(&b"Thread "[..]), address).parse(body).ok();
    let lwp = split_once(body, b"LWP ").or_else(|| body.strip_prefix(b"process ").map(|rest| (&body[..0], rest)));
    let lwp = lwp.and_then(|(_, rest)| number(rest).ok()).map(|(_, lwp)| lwp);
    if pthread.is_none() && lwp.is_none() {
        return None;
    }
    let name =
        split_once(body, b" \"").and_then(|(_, rest)| rsplit_once(rest, b"\"")).map_or(&b""[..], |(name, _)| name);
    let pthread = pthread.map(|(_, pthread)| pthread);
    Some(Header { id: of_inferior.unwrap_or(id), lwp, pthread, name, state: b"" })
}

/// `TID 15535:`.
pub(super) fn eu_header(line: &[u8]) -> Option<Header<'_>> {
    let tid = decimal(line.strip_prefix(b"TID ")?.strip_suffix(b":")?)?;
    Some(Header { lwp: Some(tid), ..Header::default() })
}

/// `* thread #1, name = 'transferd', stop reason = signal SIGSTOP`, `  thread #2: tid = 0x3f2a, ...`.
pub(super) fn lldb_header(line: &[u8]) -> Option<Header<'_>> {
    let rest = line.strip_prefix(b"* thread #").or_else(|| line.strip_prefix(b"  thread #"))?;
    let (rest, id) = number(rest).ok()?;
    if !matches!(rest.first(), None | Some(b',' | b':')) {
        return None;
    }
    let name = split_once(rest, b"name = '").map_or(&b""[..], |(_, name)| {
        split_once(name, b"', ").map_or(name.strip_suffix(b"'").unwrap_or(name), |(name, _)| name)
    });
    let tid = split_once(rest, b"tid = ").map(|(_, tid)| &tid[..memchr(b',', tid).unwrap_or(tid.len())]);
    let lwp = tid.and_then(|tid| if tid.starts_with(b"0x") { hexadecimal(tid) } else { decimal(tid) });
    let state = split_once(rest, b"stop reason = ").map_or(&b""[..], |(_, state)| state);
    Some(Header { id, lwp, pthread: None, name, state })
}

/// `#2  0x00007f584c719f7b in f (x=1) at a.c:3`, `#1  f (x=1) at a.c:3`, `#4  0x.. in ?? () from /lib/l.so`,
/// `#2  <signal handler called>`.
pub(super) fn gdb_frame(line: &[u8]) -> Option<FrameLine<'_>> {
    let (rest, index) = delimited(tag::<_, _, nom::error::Error<&[u8]>>(&b"#"[..]), number, space1).parse(line).ok()?;
    if rest.starts_with(b"<") && rest.ends_with(b">") {
        return Some(FrameLine { index, function: rest, ..FrameLine::default() });
    }
    Some(FrameLine { index, ..gdb_place(rest)? })
}

/// The part of a gdb frame behind its number, which also stands alone where a process stopped.
pub(super) fn gdb_place(text: &[u8]) -> Option<FrameLine<'_>> {
    let (rest, address) =
        opt(terminated(address, tag::<_, _, nom::error::Error<&[u8]>>(&b" in "[..]))).parse(text).ok()?;
    let open = arguments_at(rest)?;
    let function = &rest[..open];
    let inner = &rest[open + 2..];
    // The place stands behind the last parenthesis that it can follow: strings in arguments hold anything.
    let (arguments, place) = match (rsplit_once(inner, b") at "), rsplit_once(inner, b") from ")) {
        (Some((arguments, place)), _) if is_place(place) => (arguments, Place::At(place)),
        (_, Some((arguments, module))) => (arguments, Place::From(module)),
        _ => (inner.strip_suffix(b")")?, Place::Unknown),
    };
    let mut frame = FrameLine { function, arguments, address, ..FrameLine::default() };
    match place {
        Place::At(place) => (frame.file, frame.line) = file_line(place),
        Place::From(module) => frame.module = module,
        Place::Unknown => {}
    }
    Some(frame)
}

enum Place<'a> {
    At(&'a [u8]),
    From(&'a [u8]),
    Unknown,
}

/// `./nptl/futex-internal.c:57`.
fn is_place(text: &[u8]) -> bool {
    rsplit_once(text, b":").is_some_and(|(file, line)| !file.is_empty() && decimal(line).is_some())
}

/// File and line of `a.c:3` and, with a column, `a.c:3:7`.
fn file_line(place: &[u8]) -> (&[u8], u32) {
    let number = |text: &[u8]| decimal(text).and_then(|line| u32::try_from(line).ok());
    let Some((file, last)) = rsplit_once(place, b":") else { return (place, 0) };
    let Some(last) = number(last) else { return (place, 0) };
    match rsplit_once(file, b":").map(|(file, line)| (file, number(line))) {
        Some((file, Some(line))) => (file, line),
        _ => (file, last),
    }
}

/// Where the blank before the arguments stands: the first ` (` that is not within `<..>` or `(..)` of the name.
fn arguments_at(text: &[u8]) -> Option<usize> {
    let (mut angle, mut round, mut at) = (0usize, 0usize, 0usize);
    while let Some(&byte) = text.get(at) {
        match byte {
            b'o' if text[at..].starts_with(b"operator") => {
                // `operator<`, `operator->`, `operator()`: signs that are part of the name.
                at += b"operator".len();
                let signs = if text[at..].starts_with(b"()") {
                    2
                } else {
                    text[at..].iter().take_while(|byte| matches!(byte, b'<' | b'>' | b'=' | b'-')).count()
                };
                at += signs;
                continue;
            }
            b' ' if angle == 0 && round == 0 && at > 0 && text.get(at + 1) == Some(&b'(') => return Some(at),
            b'<' => angle += 1,
            b'>' => angle = angle.saturating_sub(1),
            b'(' => round += 1,
            b')' => round = round.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// `#1  0x00007fd84c720482 __pthread_mutex_lock@GLIBC_2.2.5`, with `-m` and ` - /lib/libc.so.6` behind.
pub(super) fn eu_frame(line: &[u8]) -> Option<FrameLine<'_>> {
    let (rest, (index, address)) =
        (delimited(tag::<_, _, nom::error::Error<&[u8]>>(&b"#"[..]), number, space1), address).parse(line).ok()?;
    // With `-v` calls are told from activations by a `- 1`.
    let rest = trim(rest);
    let rest = rest.strip_prefix(b"- 1").map_or(rest, trim);
    let (function, module) = rsplit_once(rest, b" - /")
        .map_or((rest, &rest[..0]), |(function, module)| (function, &rest[rest.len() - module.len() - 1..]));
    Some(FrameLine { index, function: unversioned(function), module, address: Some(address), ..FrameLine::default() })
}

/// The line below a frame of `eu-stack -s`: `    ./nptl/futex-internal.c:57:12`.
pub(super) fn eu_source(line: &[u8]) -> Option<(&[u8], u32)> {
    let place = line.strip_prefix(b"    ").filter(|place| !place.starts_with(b" "))?;
    Some(file_line(place)).filter(|(_, line)| *line > 0)
}

/// A symbol without its version: `pthread_cond_wait@@GLIBC_2.3.2`.
fn unversioned(symbol: &[u8]) -> &[u8] {
    match memchr(b'@', symbol) {
        Some(at) if at > 0 => &symbol[..at],
        _ => symbol,
    }
}

/// ``    frame #1: 0x00007f798bb4a115 libc.so.6`__GI___lll_lock_wait(futex=0x000055e561cb9080) at lowlevellock.c:49:7``.
pub(super) fn lldb_frame(line: &[u8]) -> Option<FrameLine<'_>> {
    let rest = line.strip_prefix(b"    frame #").or_else(|| line.strip_prefix(b"  * frame #"))?;
    let (rest, (index, address)) = (terminated(number, tag(&b": "[..])), address).parse(rest).ok()?;
    let mut frame = FrameLine { index, address: Some(address), ..FrameLine::default() };
    let rest = trim(rest);
    let Some((module, rest)) = split_once(rest, b"`") else {
        frame.module = rest;
        return Some(frame);
    };
    frame.module = module;
    let (mut name, place) = match rsplit_once(rest, b" at ") {
        Some((name, place)) if is_place(place) => (name, place),
        _ => (rest, &rest[..0]),
    };
    (frame.file, frame.line) = file_line(place);
    if let Some((before, offset)) = rsplit_once(name, b" + ")
        && decimal(offset).is_some()
    {
        name = before;
    }
    if let Some((_, inner)) = split_once(name, b" [inlined] ") {
        (name, frame.inlined) = (inner, true);
    }
    match opening_of_last(name) {
        Some(open) => (frame.function, frame.arguments) = (&name[..open], &name[open + 1..name.len() - 1]),
        None => frame.function = name,
    }
    Some(frame)
}

/// Where the parenthesis opens that the last one of `f(int)(x=1)` closes.
fn opening_of_last(name: &[u8]) -> Option<usize> {
    name.strip_suffix(b")")?;
    let mut depth = 0usize;
    for (at, byte) in name.iter().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => {
                depth -= 1;
                if depth == 0 {
                    return (at > 0).then_some(at);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(line: &[u8]) -> (&[u8], &[u8]) {
        let frame = gdb_frame(line).unwrap();
        (frame.function, frame.arguments)
    }

    #[test]
    fn names_of_cpp_keep_their_parentheses() {
        assert_eq!(
            function(b"#4  0x000055a6 in std::function<void (int)>::operator()(int) const (this=0x7f, __args#0=1) at a.h:591"),
            (&b"std::function<void (int)>::operator()(int) const"[..], &b"this=0x7f, __args#0=1"[..])
        );
        assert_eq!(function(b"#1  operator() (__closure=0x5c) at pool.cc:12").0, b"operator()");
        assert_eq!(function(b"#1  (anonymous namespace)::run (n=1) at pool.cc:12").0, b"(anonymous namespace)::run");
        assert_eq!(function(b"#1  operator< (a=1, b=2) at pool.cc:12").0, b"operator<");
        assert_eq!(
            function(b"#0  0x01 in log (s=0x5 \"a) at b (c\") at l.c:7"),
            (&b"log"[..], &b"s=0x5 \"a) at b (c\""[..])
        );
    }

    #[test]
    fn lines_that_are_no_frames() {
        for line in [
            &b"#0 building with \"default\" instance using docker driver"[..],
            b"#1 [internal] load build definition from Dockerfile",
            b"# comment (x)",
            b"#",
            b"#5",
        ] {
            assert_eq!(gdb_frame(line), None);
        }
    }

    #[test]
    fn headers() {
        let header = gdb_header(b"Thread 3 (Thread 0x7f584b8a16c0 (LWP 30672) \"a (b) \\\"c\"):").unwrap();
        assert_eq!((header.id, header.lwp, header.pthread), (3, Some(30672), Some(0x7f58_4b8a_16c0)));
        assert_eq!(header.name, b"a (b) \\\"c");
        assert_eq!(gdb_header(b"Thread 2 (LWP 123):").unwrap().lwp, Some(123));
        assert_eq!(gdb_header(b"Thread 1 (process 99):").unwrap().lwp, Some(99));
        assert_eq!(gdb_header(b"Thread 30401 (active+gil): \"MainThread\""), None);
        assert_eq!(gdb_header(b"Thread 0x00007f3 (most recent call first):"), None);
        assert_eq!(
            lldb_header(b"* thread #1: tid = 0x10, 0x1 libc`f, name = 'x', stop reason = y").unwrap().lwp,
            Some(16)
        );
    }

    #[test]
    fn an_offset_or_a_string_does_not_hide_the_function_of_lldb() {
        let frame = lldb_frame(b"    frame #6: 0x000055e561cb6111 transferd`_start + 33").unwrap();
        assert_eq!((frame.function, frame.module), (&b"_start"[..], &b"transferd"[..]));
        let frame = lldb_frame(b"    frame #1: 0x00 srv`run(int) [inlined] step(this=0x01) at a.cc:7:3").unwrap();
        assert_eq!((frame.function, frame.line, frame.inlined), (&b"step"[..], 7, true));
    }
}
