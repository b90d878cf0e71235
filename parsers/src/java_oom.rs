//! OutOfMemoryError of a JVM, wherever a log has it: thrown, caught and logged, or as the reason for which the JVM ends
//! itself. Source: `OutOfMemoryError` in `src/hotspot/share/memory/universe.cpp` and `utilities/debug.cpp`,
//! `java.nio.Bits.reserveMemory`, `Thread.start0`.

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::java_dump_file::java_frame;
use crate::kernel_oom::lossy;
use crate::lines::{Lines, float, split_once};
use crate::python_traceback::count_again;
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::memmem::find;

/// Errors for want of memory.
pub struct JavaOutOfMemory;

const ERROR: &[u8] = b"java.lang.OutOfMemoryError";
/// What may stand before the error on its line; a logger's own words are no part of the error.
const HEADS: &[&[u8]] =
    &[b"", b"Exception in thread ", b"Caused by: ", b"Terminating due to ", b"Aborting due to ", b"Exception: "];
/// Deeper stacks are cut.
const MOST_FRAMES: usize = 1024;

impl Format for JavaOutOfMemory {
    fn id(&self) -> &'static str {
        "java-oom"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        matches!(line[0], b'j' | b'E' | b'C' | b'T' | b'A') && error(line).is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (line, text) = (lines.number(), lines.peek().unwrap_or_default());
        let when = lines.time().map_or(hint.when, When::Wall);
        lines.advance();
        let Some((head, message)) = error(text) else { return };
        let mut frames = Vec::new();
        while let Some(text) = lines.peek().and_then(frame) {
            if frames.len() < MOST_FRAMES {
                frames.extend(java_frame(text, &mut out.tables));
            }
            lines.advance();
        }
        let mut attributes = vec![
            ("class", "java-out-of-memory".to_owned()),
            ("resource", resource(message).to_owned()),
            ("message", lossy(message)),
            ("runtime", "java".to_owned()),
        ];
        if matches!(head.first(), Some(b'T' | b'A')) {
            attributes.push(("ended", "true".to_owned()));
        }
        if let Some(limit) = direct_limit(message) {
            attributes.push(("limit_bytes", format!("{limit}")));
        }
        keep(
            Record {
                line,
                end: lines.last_number().saturating_add(1),
                claims: Claims::default(),
                when,
                kind: RecordKind::Log,
                attributes,
                stack: out.tables.stack(&frames),
                text: lossy(text),
            },
            out,
        );
    }
}

/// What stands before the error and what it says.
fn error(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = find(line, ERROR)?;
    let (head, rest) = (&line[..at], &line[at + ERROR.len()..]);
    // `Exception in thread "main" `, `Exception: java.lang...Error thrown from the UncaughtExceptionHandler`.
    let known = HEADS.iter().any(|known| {
        head.strip_prefix(*known)
            .is_some_and(|name| name.is_empty() || name.starts_with(b"\"") && name.ends_with(b"\" "))
    });
    let message = rest.strip_prefix(b": ").unwrap_or(b"");
    (known && (rest.is_empty() || rest[0] == b':' || rest.starts_with(b" thrown from"))).then_some((head, message))
}

/// `\tat java.base/java.nio.Bits.reserveMemory(Bits.java:178)`.
fn frame(line: &[u8]) -> Option<&[u8]> {
    let text = line.trim_ascii_start();
    text.strip_prefix(b"at ").filter(|_| text.len() < line.len() && text.ends_with(b")"))
}

/// What there is not enough of.
fn resource(message: &[u8]) -> &'static str {
    const RESOURCES: &[(&[u8], &str)] = &[
        (b"Java heap space", "heap"),
        (b"GC overhead limit exceeded", "heap"),
        (b"Required array length", "array"),
        (b"Requested array size", "array"),
        (b"Metaspace", "metaspace"),
        (b"Compressed class space", "metaspace"),
        (b"PermGen space", "metaspace"),
        (b"irect buffer memory", "direct"),
        (b"unable to create", "threads"),
    ];
    RESOURCES.iter().find(|(said, _)| find(message, said).is_some()).map_or("native", |(_, resource)| resource)
}

/// `... of direct buffer memory (allocated: 301989888, limit: 301989888)`.
fn direct_limit(message: &[u8]) -> Option<f64> {
    let (_, rest) = split_once(message, b", limit: ")?;
    float(rest.strip_suffix(b")")?).filter(|limit| limit.is_finite())
}

/// An error is compared with this many pieces of evidence before it: a log cannot make this slow.
const RECENT: usize = 32;

/// Adds a record; the same error again is counted.
fn keep(record: Record, out: &mut Parsed) {
    out.records += 1;
    let is_same = |known: &Record| {
        known.stack == record.stack
            && known.attribute("class") == record.attribute("class")
            && known.attribute("resource") == record.attribute("resource")
            && known.attribute("ended") == record.attribute("ended")
    };
    let known = out.evidence.iter_mut().rev().take(RECENT).find_map(|evidence| match evidence {
        Evidence::Record(known) if is_same(known) => Some(known),
        _ => None,
    });
    match known {
        Some(known) => count_again(known),
        None => out.evidence.push(Evidence::Record(record)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &str) -> Parsed {
        let (mut out, mut lines) = (Parsed::default(), Text::new(text.as_bytes(), 1).lines());
        while let Some(line) = lines.peek() {
            if !line.is_empty() && JavaOutOfMemory.opens(line) {
                JavaOutOfMemory.parse(&mut lines, &Hint::default(), &mut out);
            } else {
                lines.advance();
            }
        }
        out
    }

    fn records(out: &Parsed) -> Vec<&Record> {
        out.evidence.iter().filter_map(|e| if let Evidence::Record(record) = e { Some(record) } else { None }).collect()
    }

    #[test]
    fn a_logged_error_has_its_stack_and_is_counted() {
        let one = "java.lang.OutOfMemoryError: Cannot reserve 262144 bytes of direct buffer memory (allocated: 301989888, limit: 301989888)\n\
                   \tat java.base/java.nio.Bits.reserveMemory(Bits.java:178)\n\
                   \tat io.acme.Upload.append(Main.java:12)\n";
        let out = parse(&format!("10:00 ERROR upload failed\n{one}10:01 ERROR upload failed\n{one}"));
        let [record] = records(&out)[..] else { panic!("{:?}", out.evidence) };
        assert_eq!((record.attribute("resource"), record.attribute("count")), (Some("direct"), Some("2")));
        assert_eq!(record.attribute("limit_bytes"), Some("301989888"));
        assert_eq!((record.line, record.end), (2, 5));
        let functions: Vec<&str> =
            out.tables.stack_frames(record.stack).iter().map(|frame| out.tables.function(*frame)).collect();
        assert_eq!(functions, ["java.nio.Bits.reserveMemory", "io.acme.Upload.append"]);
    }

    #[test]
    fn what_is_short_and_how_it_ended() {
        let of = |line: &str| {
            let out = parse(line);
            let record = records(&out)[0].clone();
            (record.attribute("resource").unwrap().to_owned(), record.attribute("ended").is_some())
        };
        assert_eq!(
            of("Exception in thread \"main\" java.lang.OutOfMemoryError: Java heap space"),
            ("heap".into(), false)
        );
        assert_eq!(of("Terminating due to java.lang.OutOfMemoryError: Java heap space"), ("heap".into(), true));
        assert_eq!(of("Aborting due to java.lang.OutOfMemoryError: Metaspace"), ("metaspace".into(), true));
        let threads = "java.lang.OutOfMemoryError: unable to create native thread: possibly out of memory or process/resource limits reached";
        assert_eq!(of(threads), ("threads".into(), false));
        assert_eq!(of("Caused by: java.lang.OutOfMemoryError"), ("native".into(), false));
    }

    #[test]
    fn mere_words_open_nothing() {
        for line in ["java.lang.OutOfMemoryErrors: 3", "Catching java.lang.OutOfMemoryError: x", "Exceptions seen: 0"] {
            assert!(!JavaOutOfMemory.opens(line.as_bytes()), "{line}");
        }
    }
}
