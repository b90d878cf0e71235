//! The environment of a process: `/proc/PID/environ` (NUL between variables) and what `env` prints (one a line).
//! Only variables that steer a runtime are kept: the others may hold secrets.

use crate::evidence::{Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{LineNo, Lines, split_once, words};
use crate::series::{claims_of, plain_name};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// Environments.
pub struct Environ;

/// The variables that are kept.
const KEPT: &[&str] = &[
    "GOGC",
    "GOMEMLIMIT",
    "GOMAXPROCS",
    "GODEBUG",
    "GOTRACEBACK",
    "JAVA_TOOL_OPTIONS",
    "JDK_JAVA_OPTIONS",
    "JAVA_OPTS",
    "_JAVA_OPTIONS",
    "JVM_OPTS",
    "CATALINA_OPTS",
    "MALLOC_ARENA_MAX",
    "LD_PRELOAD",
    "PYTHONFAULTHANDLER",
    "PYTHONMALLOC",
];

impl Format for Environ {
    fn id(&self) -> &'static str {
        "environ"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        let name = plain_name(hint.file_name());
        let is_named = matches!(name, "environ" | "env" | "environment" | "printenv")
            || matches!(hint.command, "env" | "printenv")
            || hint.command.ends_with("/environ");
        let mut variables = variables(head).peekable();
        let any = variables.peek().is_some();
        let mut has_path = false;
        // The last one may be cut; a value may go on in the next line.
        let all = variables.all(|(name, _)| {
            has_path |= name == b"PATH";
            !name.is_empty()
        });
        match (any && all, is_named, has_path) {
            (true, true, _) => Sniff::Yes,
            (true, false, true) => Sniff::Maybe,
            _ => Sniff::No,
        }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (first, mut others) = (lines.number(), 0u64);
        while let Some(line) = lines.peek() {
            let (number, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
            lines.advance();
            for (name, value) in variables(line) {
                match setting(name, value) {
                    Some(kept) => {
                        out.records += 1;
                        out.evidence.push(Evidence::Record(record(kept, number, when, hint)));
                    }
                    None => others += 1,
                }
            }
        }
        if others > 0 {
            out.note(first, format!("{others} environment variable(s) that steer no runtime are left out"));
        }
    }
}

/// The variables of a text: name, empty where it is none, and value.
fn variables(text: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    text.split(|byte| matches!(byte, 0 | b'\n')).map(<[u8]>::trim_ascii).filter(|part| !part.is_empty()).map(|part| {
        let is_name = |name: &[u8]| {
            !name.first().is_none_or(u8::is_ascii_digit)
                && name.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-'))
        };
        split_once(part, b"=").filter(|(name, _)| is_name(name)).unwrap_or((b"", part))
    })
}

/// Name and value of a variable that is kept, without what may be secret in it.
pub(crate) fn setting(name: &[u8], value: &[u8]) -> Option<(&'static str, String)> {
    let name = *KEPT.iter().find(|kept| kept.as_bytes() == name)?;
    let value =
        if name.contains("JAVA") { without_secrets(value) } else { String::from_utf8_lossy(value).into_owned() };
    Some((name, value))
}

/// Java options: those of the VM whole, of the others (`-Dpassword=x`, `-javaagent:a.jar=key=x`) what stands before `=`.
pub(crate) fn without_secrets(options: &[u8]) -> String {
    let mut kept = String::new();
    for option in words(options).filter(|option| option.starts_with(b"-")) {
        if !kept.is_empty() {
            kept.push(' ');
        }
        let runs_command = option.starts_with(b"-XX:On");
        match split_once(option, b"=") {
            Some((key, _)) if runs_command || !option.starts_with(b"-X") => {
                kept.push_str(&String::from_utf8_lossy(key));
                kept.push_str("=...");
            }
            _ => kept.push_str(&String::from_utf8_lossy(option)),
        }
    }
    kept
}

fn record((name, value): (&'static str, String), line: LineNo, when: When, hint: &Hint<'_>) -> Record {
    Record {
        line,
        end: line.saturating_add(1),
        claims: claims_of(hint),
        when,
        kind: RecordKind::Setting,
        text: format!("{name}={value}"),
        attributes: vec![(name, value)],
        stack: StackId::EMPTY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &[u8]) -> (Parsed, Vec<(String, LineNo)>) {
        let mut out = Parsed::default();
        Environ.parse(&mut Text::new(text, 1).lines(), &Hint::default(), &mut out);
        let records = out.evidence.iter().map(|evidence| match evidence {
            Evidence::Record(record) => (record.text.clone(), record.line),
            other => panic!("{other:?}"),
        });
        let records = records.collect();
        (out, records)
    }

    #[test]
    fn variables_end_with_a_line_or_a_nul() {
        let lines = b"PATH=/usr/bin:/bin\nTOKEN=s3cret\nGOGC=off\nGOMEMLIMIT=72MiB\n";
        let expected = [("GOGC=off".to_owned(), 3), ("GOMEMLIMIT=72MiB".to_owned(), 4)];
        let (out, records) = parse(lines);
        assert_eq!(records, expected);
        assert!(!format!("{out:?}").contains("s3cret") && out.notes.len() == 1);
        let nul = b"PATH=/bin\0TOKEN=s3cret\0GOGC=off\0GOMEMLIMIT=72MiB\0";
        assert_eq!(
            parse(nul).1.iter().map(|(text, _)| text.as_str()).collect::<Vec<_>>(),
            ["GOGC=off", "GOMEMLIMIT=72MiB"]
        );
    }

    #[test]
    fn secrets_among_java_options_are_left_out() {
        let (_, records) = parse(b"JAVA_TOOL_OPTIONS=-Xmx96m -Ddb.password=s3cret -XX:OnError=\"curl -H s3cret\" -javaagent:/a.jar=key=s3cret -XX:+UseZGC\n");
        assert_eq!(
            records[0].0,
            "JAVA_TOOL_OPTIONS=-Xmx96m -Ddb.password=... -XX:OnError=... -H -javaagent:/a.jar=... -XX:+UseZGC"
        );
    }

    #[test]
    fn names_or_a_path_tell_an_environment() {
        let sniff = |text: &[u8], name| Environ.sniff(text, &Hint { name, ..Hint::default() });
        assert_eq!(sniff(b"GOGC=off\n", "environ.txt"), Sniff::Yes);
        assert_eq!(sniff(b"A=1\0B=2\0", "/proc/7/environ"), Sniff::Yes);
        assert_eq!(sniff(b"PATH=/bin\nA=1\n", "x.txt"), Sniff::Maybe);
        assert_eq!(sniff(b"a=1\n", "x.txt"), Sniff::No);
        assert_eq!(sniff(b"hello\n", "env.txt"), Sniff::No);
        assert_eq!(sniff(b"", "env.txt"), Sniff::No);
    }
}
