//! Reports of the sanitizers of gcc and clang: ThreadSanitizer, AddressSanitizer, LeakSanitizer. Sources:
//! compiler-rt's `tsan_report.cpp`, `asan_report.cpp`, `asan_errors.cpp`, `lsan_common.cpp`.

use crate::cpp_name::without_parameters;
use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{LineNo, Lines, decimal, rsplit_once, split_once, trim};
use crate::tables::{Frame, FrameId, Tables};
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::memmem;

const RULER: &[u8] = b"==================";
const THREADS: &[u8] = b"WARNING: ThreadSanitizer: ";
const SUMMARY: &[u8] = b"SUMMARY: ";

/// Sanitizer reports.
pub struct Sanitizer;

impl Format for Sanitizer {
    fn id(&self) -> &'static str {
        "sanitizer"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        line.starts_with(THREADS) || error_of(line).is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let report = Report::read(lines, hint, out);
        if !report.is_closed {
            out.note(report.line, "a sanitizer's report without its summary: it is cut or another line stands within");
        }
        if report.tool == "LeakSanitizer" { report.leaks(out) } else { report.push(out) }
    }
}

/// `==28998==ERROR: AddressSanitizer: heap-use-after-free on address ..`: pid, tool, message.
fn error_of(line: &[u8]) -> Option<(u64, &'static str, &[u8])> {
    let (pid, rest) = split_once(line.strip_prefix(b"==")?, b"==ERROR: ")?;
    let (tool, message) = split_once(rest, b": ")?;
    let tool = match tool {
        b"AddressSanitizer" => "AddressSanitizer",
        b"HWAddressSanitizer" => "HWAddressSanitizer",
        b"LeakSanitizer" => "LeakSanitizer",
        _ => return None,
    };
    Some((decimal(pid)?, tool, message))
}

/// One of the stacks of a report.
struct Part {
    line: LineNo,
    end: LineNo,
    /// `Read of size 4 at 0x555555558054 by main thread`, `freed by thread T0 here`.
    title: String,
    frames: Vec<FrameId>,
}

/// A report as it stands.
struct Report {
    line: LineNo,
    end: LineNo,
    claims: Claims,
    when: When,
    tool: &'static str,
    message: String,
    parts: Vec<Part>,
    /// `And 11 more similar thread leaks.`
    similar: u64,
    /// `Location is global 'served' of size 4 at ..`, `0x.. is located 0 bytes inside of ..`.
    location: String,
    summary: String,
    is_closed: bool,
}

impl Report {
    fn read(lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) -> Self {
        let first = lines.peek().unwrap_or_default();
        let (pid, tool, message) = match error_of(first) {
            Some((pid, tool, message)) => (Some(pid), tool, without_registers(message)),
            None => {
                let message = first.strip_prefix(THREADS).unwrap_or(first);
                let (message, pid) = rsplit_once(message, b" (pid=").unwrap_or((message, b""));
                (pid.strip_suffix(b")").and_then(decimal), "ThreadSanitizer", message)
            }
        };
        let mut report = Report {
            line: lines.number(),
            end: 0,
            claims: Claims { pid, ..Claims::default() },
            when: lines.time().map_or(hint.when, When::Wall),
            tool,
            message: text(message),
            parts: Vec::new(),
            similar: 0,
            location: String::new(),
            summary: String::new(),
            is_closed: false,
        };
        lines.advance();
        report.body(lines, out);
        report.end = lines.last_number().saturating_add(1);
        report
    }

    fn body(&mut self, lines: &mut Lines<'_>, out: &mut Parsed) {
        // The access that AddressSanitizer reports has its stack right below.
        if self.tool != "ThreadSanitizer" && self.tool != "LeakSanitizer" {
            self.begin(self.line, self.message.clone());
        }
        while let Some(line) = lines.peek() {
            if line == RULER || error_of(line).is_some() || line.starts_with(THREADS) {
                self.is_closed |= line == RULER && self.tool == "ThreadSanitizer";
                if line == RULER {
                    lines.advance();
                }
                return;
            }
            if let Some(summary) = line.strip_prefix(SUMMARY) {
                (self.summary, self.is_closed) = (text(summary), true);
                lines.advance();
                self.behind(lines);
                return;
            }
            if let Some(frame) = frame(line, &mut out.tables) {
                let number = lines.number();
                if self.parts.is_empty() {
                    self.begin(number, String::new());
                }
                if let Some(part) = self.parts.last_mut() {
                    part.frames.push(frame);
                    part.end = number.saturating_add(1);
                }
            } else if let Some(title) = title(line) {
                self.begin(lines.number(), text(title));
            } else if let Some(count) = similar(line) {
                self.similar = count;
            } else if line.starts_with(b"  Location is ") || memmem::find(line, b" is located ").is_some() {
                self.location = text(trim(line));
            } else if !is_own(line) {
                if crate::opened_by(line).is_some() || !goes_on(lines) {
                    return;
                }
                out.note(lines.number(), "a line of another program stands within a sanitizer's report; left out");
            }
            lines.advance();
        }
    }

    fn begin(&mut self, line: LineNo, title: String) {
        match self.parts.last_mut() {
            // `READ of size 4 at 0x.. thread T0` tells more than the error line above it.
            Some(part) if part.frames.is_empty() && self.tool != "LeakSanitizer" => part.title = title,
            _ => self.parts.push(Part { line, end: line.saturating_add(1), title, frames: Vec::new() }),
        }
    }

    /// What follows the summary: the ruler of ThreadSanitizer, shadow bytes, the last word.
    fn behind(&mut self, lines: &mut Lines<'_>) {
        while let Some(line) = lines.peek() {
            let last = line == RULER || line.ends_with(b"==ABORTING");
            let is_shadow = line.starts_with(b"Shadow byte") || line.starts_with(b"=>0x") || line.starts_with(b"  ");
            if !last && !is_shadow && !line.is_empty() {
                return;
            }
            if line.is_empty() && lines.peek_second().is_none_or(|next| !next.starts_with(b"Shadow byte")) {
                return;
            }
            lines.advance();
            if last {
                return;
            }
        }
    }

    fn push(&self, out: &mut Parsed) {
        let created = |part: &&Part| part.title.ends_with(" at") && part.title.contains("created by");
        let titled = |what: &str| self.parts.iter().find(|part| part.title.contains(what));
        let main = match self.kind() {
            "thread-leak" => self.parts.iter().find(created),
            _ => self.parts.first(),
        };
        let site_of = |part: Option<&Part>| part.and_then(|part| site(&part.frames, &out.tables));
        let mut attributes = vec![("message", self.message.clone()), ("tool", self.tool.to_owned())];
        let mut add = |name: &'static str, value: Option<String>| {
            attributes.extend(value.filter(|value| !value.is_empty()).map(|value| (name, value)));
        };
        let record_kind = match self.kind() {
            "data-race" => {
                let mut accesses = self.parts.iter().filter(|part| part.title.contains(" of size "));
                let (first, second) = (accesses.next(), accesses.next());
                add("kind", Some("data-race".into()));
                add("access", first.map(|part| part.title.clone()));
                add("previous", second.map(|part| part.title.clone()));
                add("site", site_of(first));
                add("other_site", site_of(second));
                add(
                    "sites",
                    Some([site_of(first), site_of(second)].into_iter().flatten().collect::<Vec<_>>().join(", ")),
                );
                add("address", first.and_then(|part| address_of(&part.title)));
                add("variable", quoted(&self.location));
                RecordKind::Race
            }
            "thread-leak" => {
                add("class", Some("thread-leak".into()));
                add("count", Some((self.similar.saturating_add(1)).to_string()));
                add("site", site_of(main));
                RecordKind::Log
            }
            "lock-order-inversion" => {
                let mut taken = self.parts.iter().filter(|part| part.title.contains(" acquired here"));
                let (first, second) = (taken.next(), taken.next());
                add("class", Some("lock-order-inversion".into()));
                // The function that takes the second lock is often one for both orders: its callers differ.
                add("site", site_of(first));
                add("other_site", site_of(second));
                add("sites", Some(callers(&[first, second], &out.tables).join(", ")));
                RecordKind::Log
            }
            kind if self.tool == "ThreadSanitizer" => {
                add("class", Some(kind.into()));
                add("site", site_of(main));
                RecordKind::Log
            }
            kind => {
                add("kind", Some(kind.into()));
                add("access", main.map(|part| part.title.clone()).filter(|title| title.contains(" of size ")));
                add("site", site_of(main));
                add("freed_by", site_of(titled("freed by")));
                add("allocated_by", site_of(titled("allocated by")));
                RecordKind::Fatal
            }
        };
        add("created_by", join(self.parts.iter().filter(created).filter_map(|part| site(&part.frames, &out.tables))));
        add("location", Some(self.location.clone()));
        add("summary", Some(self.summary.clone()));
        let stack = main.map_or_else(Default::default, |part| out.tables.stack(&part.frames));
        out.records += 1;
        let claims = self.claims.clone();
        let text = format!("{}: {}", self.tool, self.message);
        let (line, end, when, kind) = (self.line, self.end, self.when, record_kind);
        out.evidence.push(Evidence::Record(Record { line, end, claims, when, kind, attributes, stack, text }));
    }

    /// One record per leak and one for their sum.
    fn leaks(&self, out: &mut Parsed) {
        let mut record = |line, end, attributes, stack, text: String| {
            out.records += 1;
            out.evidence.push(Evidence::Record(Record {
                line,
                end,
                claims: self.claims.clone(),
                when: self.when,
                kind: RecordKind::Log,
                attributes,
                stack,
                text,
            }));
        };
        for part in &self.parts {
            let Some((what, bytes, objects)) = leak_of(part.title.as_bytes()) else { continue };
            let mut attributes = vec![("class", "memory-leak".to_owned()), ("leak", what.to_owned())];
            attributes.extend([("bytes", bytes.to_string()), ("objects", objects.to_string())]);
            attributes.extend(site(&part.frames, &out.tables).map(|site| ("site", site)));
            let stack = out.tables.stack(&part.frames);
            record(part.line, part.end, attributes, stack, part.title.clone());
        }
        let total = split_once(self.summary.as_bytes(), b": ").map_or(&b""[..], |(_, total)| total);
        let mut numbers = crate::lines::words(total).filter_map(decimal);
        if let (Some(bytes), Some(objects)) = (numbers.next(), numbers.next()) {
            let attributes = vec![
                ("class", "memory-leak-total".to_owned()),
                ("bytes", bytes.to_string()),
                ("objects", objects.to_string()),
            ];
            record(self.line, self.end, attributes, Default::default(), self.summary.clone());
        }
    }

    /// The kind of error in the words of the tool, joined: `data-race`, `heap-use-after-free`, `SEGV`.
    fn kind(&self) -> &str {
        match self.message.as_str() {
            message if message.starts_with("data race") => "data-race",
            "thread leak" => "thread-leak",
            message if message.starts_with("attempting double-free") => "double-free",
            message if message.starts_with("attempting free on address which was not malloc") => "bad-free",
            message => message.split(' ').next().unwrap_or(message),
        }
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn join(names: impl Iterator<Item = String>) -> Option<String> {
    let mut all: Vec<String> = Vec::new();
    names.for_each(|name| {
        if !all.contains(&name) {
            all.push(name)
        }
    });
    (!all.is_empty()).then(|| all.join(", "))
}

/// `SEGV on unknown address 0x08 (pc 0x55 bp 0x7f ..` and `.. on address 0x60 at pc 0x55 bp ..` up to the registers.
fn without_registers(message: &[u8]) -> &[u8] {
    let message =
        split_once(message, b" (pc 0x").or(split_once(message, b" at pc 0x")).map_or(message, |(text, _)| text);
    message.strip_suffix(b":").unwrap_or(message)
}

/// A line that begins a stack, without its colon.
fn title(line: &[u8]) -> Option<&[u8]> {
    const MARKS: [&[u8]; 8] = [
        b" by thread T",
        b" by main thread",
        b" acquired here",
        b"previously acquired by",
        b" created by ",
        b" created at",
        b" of size ",
        b"allocated from",
    ];
    let indented = trim(line);
    let is_access = (indented.starts_with(b"READ of size ") || indented.starts_with(b"WRITE of size "))
        && memmem::find(line, b" thread ").is_some();
    let title = match indented.strip_suffix(b":") {
        Some(title) => title,
        None if is_access => indented,
        None => return None,
    };
    let is_title = is_access
        || leak_of(title).is_some()
        || title.starts_with(b"As if synchronized via")
        || MARKS.iter().any(|mark| memmem::find(title, mark).is_some());
    is_title.then_some(title)
}

/// `And 11 more similar thread leaks.`
fn similar(line: &[u8]) -> Option<u64> {
    let (count, _) = split_once(trim(line).strip_prefix(b"And ")?, b" more similar ")?;
    decimal(count)
}

/// `Direct leak of 6890 byte(s) in 500 object(s) allocated from`: direct or indirect, bytes, objects.
fn leak_of(title: &[u8]) -> Option<(&'static str, u64, u64)> {
    let (what, rest) = split_once(title, b" leak of ")?;
    let what = match what {
        b"Direct" => "direct",
        b"Indirect" => "indirect",
        _ => return None,
    };
    let mut numbers = crate::lines::words(rest).filter_map(decimal);
    Some((what, numbers.next()?, numbers.next()?))
}

/// Lines of a report that hold nothing to keep.
fn is_own(line: &[u8]) -> bool {
    let pid_line = line.strip_prefix(b"==").is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit));
    line.is_empty()
        || line.starts_with(b"  ")
        || line.starts_with(b"AddressSanitizer")
        || line.starts_with(b"HINT: ")
        || line.starts_with(b"-----")
        || pid_line
}

/// Whether the report goes on behind a line that is not its own.
fn goes_on(lines: &Lines<'_>) -> bool {
    lines.peek_second().is_some_and(|next| {
        next == RULER || next.starts_with(SUMMARY) || next.starts_with(b"    #") || title(next).is_some()
    })
}

/// `    #1 0x5613edaa8218 in dup_token /srv/edge/parser.c:5`, `    #0 main /srv/edge/joinless.c:7 (joinless-ts+0x126d)`,
/// `    #5 0x55fbe1ea7110 in _start (/srv/edge/lookupd+0x1110) (BuildId: ..)`, `    #1 <null> <null> (lib.so+0x12)`.
fn frame(line: &[u8], tables: &mut Tables) -> Option<FrameId> {
    let rest = line.strip_prefix(b"    #")?;
    let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let rest = rest[digits..].strip_prefix(b" ").filter(|_| digits > 0)?;
    let rest = match rest.strip_prefix(b"0x") {
        // Without a symbol only the module follows: `0x7f00  (/lib/l.so+0x1)`.
        Some(address) => split_once(address, b" in ").or_else(|| split_once(address, b" "))?.1,
        None => rest,
    };
    let rest = rsplit_once(rest, b" (BuildId: ").map_or(rest, |(rest, _)| rest);
    let (rest, module) = match rsplit_once(rest, b" (") {
        Some((before, module)) if module.ends_with(b")") && memmem::find(module, b"+0x").is_some() => {
            (before, rsplit_once(module, b"+0x").map_or(module, |(module, _)| module))
        }
        _ => (rest, &rest[..0]),
    };
    let (function, file, line) = source(trim(rest));
    let function = if matches!(function, b"" | b"<null>") { &b"??"[..] } else { without_parameters(function) };
    let module = tables.name(module);
    let frame = Frame { function: tables.symbol(function), file: tables.name(file), line, module, ..Frame::default() };
    Some(tables.frame(frame))
}

/// Function, file and line of `std::vector<int>::push(int const&) /usr/include/v.h:552:7`.
fn source(text: &[u8]) -> (&[u8], &[u8], u32) {
    let number = |text: &[u8]| decimal(text).and_then(|line| u32::try_from(line).ok());
    let Some((function, place)) = rsplit_once(text, b" ") else { return (text, b"", 0) };
    let Some((file, last)) = rsplit_once(place, b":") else {
        let is_file = place == b"<null>" || place.starts_with(b"/") || place.starts_with(b"../");
        return if is_file { (function, place.strip_prefix(b"<null>").unwrap_or(place), 0) } else { (text, b"", 0) };
    };
    let Some(last) = number(last) else { return (text, b"", 0) };
    match rsplit_once(file, b":").map(|(file, line)| (file, number(line))) {
        Some((file, Some(line))) => (function, file, line),
        _ => (function, file, last),
    }
}

/// The frames of the program itself: not of the sanitizer, not of the C and C++ libraries.
fn program_frames<'a>(frames: &'a [FrameId], tables: &'a Tables) -> impl Iterator<Item = &'a str> {
    const LIBRARY: [&str; 8] = [
        "__interceptor_",
        "___interceptor_",
        "__libc_",
        "__asan_",
        "__tsan_",
        "operator new",
        "operator delete",
        "std::",
    ];
    const FILES: [&str; 6] = ["libsanitizer/", "/compiler-rt/", "sanitizer_common", "/c++/", "sysdeps/", "/csu/"];
    let is_program = |&id: &FrameId| {
        let frame = tables.get_frame(id);
        let (function, file) = (tables.text(frame.function), tables.text(frame.file));
        let module = tables.text(frame.module).rsplit('/').next().unwrap_or("");
        let is_library = ["libasan.so", "libtsan.so", "libc.so", "libstdc++.so", "libpthread"];
        !LIBRARY.iter().any(|name| function.starts_with(name))
            && !FILES.iter().any(|name| file.contains(name))
            && !is_library.iter().any(|name| module.starts_with(name))
            && !matches!(function, "_start" | "start_thread" | "clone" | "clone3" | "??")
    };
    frames.iter().copied().filter(is_program).map(|frame| tables.function(frame))
}

/// The innermost function of the program, else the innermost of all.
fn site(frames: &[FrameId], tables: &Tables) -> Option<String> {
    let any = || frames.first().map(|&frame| tables.function(frame));
    program_frames(frames, tables).next().or_else(any).map(str::to_owned)
}

/// For two stacks: their sites, and where these are the same the first functions outside that differ.
fn callers(parts: &[Option<&Part>; 2], tables: &Tables) -> Vec<String> {
    let stacks = parts.map(|part| part.map_or(&[][..], |part| &part.frames));
    let mut names: Vec<String> = stacks.iter().filter_map(|frames| site(frames, tables)).collect();
    let [first, second] = stacks;
    let pair = program_frames(first, tables).zip(program_frames(second, tables)).find(|(a, b)| a != b);
    names.extend(pair.into_iter().flat_map(|(a, b)| [a.to_owned(), b.to_owned()]));
    let mut seen = Vec::new();
    names.retain(|name| {
        !seen.contains(name) && {
            seen.push(name.clone());
            true
        }
    });
    names
}

/// The address of `Read of size 4 at 0x555555558054 by main thread`.
fn address_of(title: &str) -> Option<String> {
    let (_, rest) = title.split_once(" at ")?;
    rest.split(' ').next().map(str::to_owned)
}

/// The name in `Location is global 'served' of size 4`.
fn quoted(location: &str) -> Option<String> {
    location.split('\'').nth(1).map(str::to_owned)
}

#[cfg(test)]
mod tests;
