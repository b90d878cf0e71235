//! The report that HotSpot writes when it crashes: `hs_err_pidN.log`, and its head on the console. Grammar:
//! `src/hotspot/share/utilities/vmError.cpp`, `runtime/frame.cpp` (print_on_error).

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::kernel_oom::lossy;
use crate::lines::{LineNo, Lines, decimal, float, rsplit_once, split_once, words};
use crate::tables::{Frame, FrameId, FrameKind, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded, time};
use memchr::{memchr, memmem};

/// Crash reports of HotSpot.
pub struct HsErr;

impl Format for HsErr {
    fn id(&self) -> &'static str {
        "hs-err"
    }

    /// The head stands among the lines of the console, the same as in the report.
    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        line.first() == Some(&b'#') && (line == CRASH || line == NO_MEMORY)
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut report =
            Report { first: lines.number(), when: lines.time().map_or(hint.when, When::Wall), ..Report::default() };
        report.head(lines);
        report.sections(lines, out);
        report.finish(lines, out);
    }
}

const CRASH: &[u8] = b"# A fatal error has been detected by the Java Runtime Environment:";
const NO_MEMORY: &[u8] = b"# There is insufficient memory for the Java Runtime Environment to continue.";
/// The report proper begins at most this many lines behind the head.
const HEAD_GAP: usize = 4;

#[derive(Default)]
struct Report<'a> {
    first: u32,
    when: When,
    text: &'a [u8],
    /// `SIGSEGV (0xb) at pc=0x.., pid=2956, tid=3022`.
    signal: &'a [u8],
    /// What stands below it: `fatal error: OutOfMemory encountered: Java heap space`.
    detail: &'a [u8],
    version: &'a [u8],
    frame: &'a [u8],
    thread: &'a [u8],
    siginfo: &'a [u8],
    native: Vec<FrameId>,
    java: Vec<FrameId>,
    /// The sections of the report were there, not its head alone.
    is_whole: bool,
    ended: bool,
}

/// What the lines of the section on the thread list.
#[derive(Clone, Copy, PartialEq)]
enum List {
    None,
    Native,
    Java,
}

impl<'a> Report<'a> {
    /// The lines that begin with `#`.
    fn head(&mut self, lines: &mut Lines<'a>) {
        self.text = lines.next().unwrap_or_default();
        if self.text == NO_MEMORY {
            self.signal = &NO_MEMORY[2..];
        }
        let mut frame_follows = false;
        while let Some(line) = lines.peek().and_then(|line| line.strip_prefix(b"#")) {
            let text = line.trim_ascii();
            if frame_follows {
                self.frame = text;
            } else if self.signal.is_empty() && memmem::find(text, b", pid=").is_some() {
                self.signal = text;
            } else if let Some(version) = text.strip_prefix(b"JRE version: ") {
                self.version = version;
            } else if self.detail.is_empty() && self.version.is_empty() && !self.signal.is_empty() && text.len() > 1 {
                self.detail = text;
            }
            frame_follows = text == b"Problematic frame:";
            lines.advance();
        }
    }

    /// The sections up to the end of the report.
    fn sections(&mut self, lines: &mut Lines<'a>, out: &mut Parsed) {
        let mut ahead = *lines;
        if !ahead.by_ref().take(HEAD_GAP).any(|line| section(line).is_some()) {
            return;
        }
        self.is_whole = true;
        let (mut name, mut list) = (&b""[..], List::None);
        while let Some(line) = lines.next() {
            let number = lines.last_number();
            if let Some(found) = section(line) {
                (name, list) = (found, List::None);
            } else if line == b"END." {
                self.ended = true;
                return;
            } else if name == b"T H R E A D" {
                list = self.of_thread(line, list, &mut out.tables);
            } else if name == b"S U M M A R Y" {
                self.summary(line, number, out);
            }
        }
    }

    /// `Time: Sat Nov 21 22:27:56 2026 UTC elapsed time: 1.598970 seconds (0d 0h 0m 1s)`.
    fn summary(&mut self, line: &[u8], number: LineNo, out: &mut Parsed) {
        let Some((time, rest)) = line.strip_prefix(b"Time: ").and_then(|rest| split_once(rest, b" elapsed")) else {
            return;
        };
        let utc = time.strip_suffix(b" UTC").or_else(|| time.strip_suffix(b" GMT"));
        if let Some(at) = utc.and_then(time::instant) {
            self.when = When::Wall(at);
            let elapsed = split_once(rest, b" time: ").and_then(|(_, rest)| split_once(rest, b" seconds"));
            if let Some(elapsed) = elapsed.and_then(|(elapsed, _)| float(elapsed)) {
                out.tie(When::Uptime(elapsed), Some(at), true, number);
            }
        }
    }

    fn of_thread(&mut self, line: &'a [u8], list: List, tables: &mut Tables) -> List {
        if line.starts_with(b"Native frames: ") {
            return List::Native;
        }
        if line.starts_with(b"Java frames: ") {
            return List::Java;
        }
        if let Some(thread) = line.strip_prefix(b"Current thread (") {
            self.thread = split_once(thread, b"): ").map_or(thread, |(_, thread)| thread.trim_ascii());
        } else if let Some(siginfo) = line.strip_prefix(b"siginfo: ") {
            self.siginfo = siginfo;
        }
        if line.is_empty() {
            return List::None;
        }
        if list != List::None
            && let Some(frame) = frame(line, tables)
        {
            if list == List::Native { self.native.push(frame) } else { self.java.push(frame) }
        }
        list
    }

    fn finish(mut self, lines: &Lines<'_>, out: &mut Parsed) {
        let is_java = |frame: &FrameId, tables: &Tables| tables.get_frame(*frame).kind == FrameKind::User;
        // The walk through native frames ends where a library keeps no frame pointer.
        if !self.native.iter().any(|frame| is_java(frame, &out.tables)) {
            self.native.append(&mut self.java);
        }
        if self.native.is_empty() {
            self.native.extend(frame(self.frame, &mut out.tables));
        }
        if self.is_whole && !self.ended {
            out.note(lines.last_number(), "the crash report of the JVM ends too early");
        }
        let site =
            self.native.iter().find(|frame| is_java(frame, &out.tables) && !is_library(out.tables.function(**frame)));
        let site = site.map(|frame| out.tables.function(*frame).to_owned());
        let mut attributes = self.attributes();
        attributes.extend(site.map(|site| ("site", site)));
        // The console repeats the head of the report.
        let kind = if self.is_whole { RecordKind::Fatal } else { RecordKind::Log };
        let pid = split_once(self.signal, b"pid=").and_then(|(_, rest)| leading_number(rest));
        let stack = out.tables.stack(&self.native);
        out.records += 1;
        out.evidence.push(Evidence::Record(Record {
            line: self.first,
            end: lines.last_number().saturating_add(1),
            claims: Claims { pid, ..Claims::default() },
            when: self.when,
            kind,
            attributes,
            stack,
            text: lossy(self.signal),
        }));
    }

    fn attributes(&self) -> Vec<(&'static str, String)> {
        let what = split_once(self.signal, b" at pc=").map_or(self.signal, |(what, _)| what);
        let what = split_once(what, b", pid=").map_or(what, |(what, _)| what);
        let is_signal = what.starts_with(b"SIG");
        let message = if is_signal || self.detail.is_empty() { what } else { self.detail };
        let mut attributes = Vec::new();
        if !self.is_whole {
            attributes.push(("class", "jvm-crash".to_owned()));
        }
        attributes.push(("message", lossy(message)));
        attributes.push(("runtime", "java".to_owned()));
        let (name, state) = thread(self.thread);
        for (key, value) in [
            ("signal", if is_signal { words(what).next().unwrap_or_default() } else { b"" }),
            ("problematic_frame", self.frame),
            ("thread", name),
            ("thread_state", state),
            ("tid", split_once(self.signal, b"tid=").map_or(&b""[..], |(_, tid)| tid)),
            ("siginfo", self.siginfo),
            ("version", self.version),
        ] {
            if !value.is_empty() {
                attributes.push((key, lossy(value)));
            }
        }
        attributes
    }
}

fn leading_number(text: &[u8]) -> Option<u64> {
    decimal(text.split(|byte| !byte.is_ascii_digit()).next()?)
}

/// `---------------  T H R E A D  ---------------`.
fn section(line: &[u8]) -> Option<&[u8]> {
    let name = line.strip_prefix(b"---------------  ")?;
    split_once(name, b"  ---").or_else(|| split_once(name, b" ---")).map(|(name, _)| name.trim_ascii())
}

/// `JavaThread "http-nio-8080-exec-6" daemon [_thread_in_Java, id=3022, stack(..)]`: name and state.
fn thread(text: &[u8]) -> (&[u8], &[u8]) {
    let name =
        split_once(text, b"\"").and_then(|(_, rest)| rsplit_once(rest, b"\"")).map_or(&b""[..], |(name, _)| name);
    let state = rsplit_once(text, b"[_").and_then(|(_, rest)| rest.split(|byte| matches!(byte, b',' | b']')).next());
    (name, state.unwrap_or_default())
}

/// Classes of the JDK.
fn is_library(function: &str) -> bool {
    ["java.", "javax.", "jdk.", "sun.", "com.sun."].iter().any(|package| function.starts_with(package))
}

/// A frame behind its letter: `J` and `A` compiled, `j` interpreted, `V` and `v` of the JVM, `C` native.
fn frame(line: &[u8], tables: &mut Tables) -> Option<FrameId> {
    let (letter, rest) = line.split_first()?;
    if rest.first() != Some(&b' ') {
        return None;
    }
    match letter {
        b'J' | b'A' | b'j' => java_frame(rest, tables),
        b'V' | b'C' => native_frame(rest.trim_ascii(), tables),
        b'v' => {
            let function = tables.name(rest.trim_ascii());
            Some(tables.frame(Frame { function, kind: FrameKind::Native, ..Frame::default() }))
        }
        _ => None,
    }
}

/// ` 242 c1 com.acme.codec.Decoder.decode(I)I (31 bytes) @ 0x..`, `  java.lang.Thread.run()V+11 java.base@17.0.15`.
fn java_frame(rest: &[u8], tables: &mut Tables) -> Option<FrameId> {
    let method = words(rest).find(|word| memchr(b'(', word).is_some_and(|at| at > 0))?;
    let function = tables.name(split_once(method, b"(")?.0);
    let module = words(rest).find(|word| memchr(b'@', word).is_some_and(|at| at > 0)).unwrap_or_default();
    let module = tables.name(module);
    Some(tables.frame(Frame { function, module, kind: FrameKind::User, ..Frame::default() }))
}

/// `[libjvm.so+0x8f8f23]  thread_entry(JavaThread*, JavaThread*)+0xa3`, `[libc.so.6+0x8a1f5]`.
fn native_frame(text: &[u8], tables: &mut Tables) -> Option<FrameId> {
    let (place, symbol) =
        split_once(text.strip_prefix(b"[")?, b"]").map(|(place, symbol)| (place, symbol.trim_ascii()))?;
    let object = rsplit_once(place, b"+0x").map_or(place, |(object, _)| object);
    let name = rsplit_once(symbol, b"+0x").map_or(symbol, |(name, _)| name);
    // `operator()` keeps its name.
    let end = memchr(b'(', name).filter(|at| *at > 0 && !name[..*at].ends_with(b"operator")).unwrap_or(name.len());
    let function = tables.symbol(if name.is_empty() { b"[unknown]" } else { &name[..end] });
    let module = tables.name(object);
    Some(tables.frame(Frame { function, module, kind: FrameKind::Native, ..Frame::default() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &str) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if HsErr.opens(line) {
                HsErr.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn only(out: &Parsed) -> &Record {
        let [Evidence::Record(record)] = &out.evidence[..] else { panic!("{:?}", out.evidence) };
        record
    }

    const HEAD: &str = "READY\n#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n\
        #  SIGSEGV (0xb) at pc=0x00007fdf5544b085, pid=2956, tid=3022\n#\n\
        # JRE version: OpenJDK Runtime Environment (17.0.15+6) (build 17.0.15+6-Debian-1deb12u1)\n# Problematic frame:\n\
        # J 242 c1 com.acme.codec.Decoder.decode(I)I (31 bytes) @ 0x00007fdf5544b085 [0x00007fdf5544ad80+0x0000000000000305]\n#\n";
    const REST: &str = "\n---------------  S U M M A R Y ------------\n\nCommand Line: -Xmx128m com.acme.codec.C17\n\n\
        Time: Sat Nov 21 22:27:56 2026 UTC elapsed time: 1.598970 seconds (0d 0h 0m 1s)\n\n\
        ---------------  T H R E A D  ---------------\n\n\
        Current thread (0x00007fdf6c0fb330):  JavaThread \"http-nio-8080-exec-6\" daemon [_thread_in_Java, id=3022, stack(0x00007fdf709f4000,0x00007fdf70af4000)]\n\n\
        Native frames: (J=compiled Java code, j=interpreted, Vv=VM code, C=native code)\n\
        C  [libresample.so+0x1111]  mix_tail+0x18\n\
        j  jdk.internal.misc.Unsafe.putLong(Ljava/lang/Object;JJ)V+0 java.base@17.0.15\n\
        J 242 c1 com.acme.codec.Decoder.decode(I)I (31 bytes) @ 0x00007fdf5544b085 [0x00007fdf5544ad80+0x0000000000000305]\n\
        v  ~StubRoutines::call_stub\n\
        V  [libjvm.so+0x8282d2]  JavaCalls::call_helper(JavaValue*, methodHandle const&)+0x302\n\n\
        siginfo: si_signo: 11 (SIGSEGV), si_code: 1 (SEGV_MAPERR), si_addr: 0x0000000000000010\n\n\
        ---------------  P R O C E S S  ---------------\n\nEND.\nafter\n";

    #[test]
    fn a_report_names_signal_thread_and_frames() {
        let out = parse(&format!("{HEAD}{REST}"));
        let record = only(&out);
        assert_eq!((record.kind, record.claims.pid), (RecordKind::Fatal, Some(2956)));
        assert_eq!(record.when, When::Wall(time::instant(b"2026-11-21T22:27:56Z").unwrap()));
        for (key, value) in [
            ("message", "SIGSEGV (0xb)"),
            ("signal", "SIGSEGV"),
            ("thread", "http-nio-8080-exec-6"),
            ("thread_state", "thread_in_Java"),
            ("tid", "3022"),
            ("site", "com.acme.codec.Decoder.decode"),
        ] {
            assert_eq!(record.attribute(key), Some(value), "{key}");
        }
        let functions: Vec<_> = out.tables.functions(record.stack).collect();
        assert_eq!(
            functions,
            [
                "mix_tail",
                "jdk.internal.misc.Unsafe.putLong",
                "com.acme.codec.Decoder.decode",
                "~StubRoutines::call_stub",
                "JavaCalls::call_helper"
            ]
        );
        assert!(out.notes.is_empty(), "{:?}", out.notes);
    }

    #[test]
    fn the_console_repeats_the_head() {
        let out = parse(&format!("{HEAD}next\n"));
        let record = only(&out);
        assert_eq!((record.kind, record.attribute("class")), (RecordKind::Log, Some("jvm-crash")));
        assert_eq!(out.tables.functions(record.stack).collect::<Vec<_>>(), ["com.acme.codec.Decoder.decode"]);
    }

    #[test]
    fn errors_of_the_jvm_itself_have_a_message() {
        let oom = "#\n# A fatal error has been detected by the Java Runtime Environment:\n#\n\
            #  Internal Error (debug.cpp:362), pid=2010, tid=2011\n\
            #  fatal error: OutOfMemory encountered: Java heap space\n#\n# JRE version: OpenJDK (17)\n";
        let out = parse(oom);
        let record = only(&out);
        assert_eq!(record.attribute("message"), Some("fatal error: OutOfMemory encountered: Java heap space"));
        assert_eq!((record.attribute("signal"), record.claims.pid), (None, Some(2010)));
    }

    #[test]
    fn a_cut_report_is_noted() {
        let text = format!("{HEAD}{REST}");
        let out = parse(&text[..text.find("siginfo").unwrap()]);
        assert_eq!((only(&out).kind, out.notes.len()), (RecordKind::Fatal, 1));
    }
}
