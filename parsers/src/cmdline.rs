//! `/proc/PID/cmdline`: the command line of a process, NUL between arguments (or blanks, where a script put them).
//! Only the program's name and the options of the Java VM are kept: the others may hold secrets.

use crate::environ::without_secrets;
use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind};
use crate::lines::{Lines, Text, trim, words};
use crate::series::{claims_of, each_line, plain_name};
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// Command lines.
pub struct Cmdline;

impl Format for Cmdline {
    fn id(&self) -> &'static str {
        "cmdline"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], hint: &Hint<'_>) -> Sniff {
        let is_named = plain_name(hint.file_name()) == "cmdline" || hint.command.contains("/cmdline");
        let first = Text::new(head, 1).lines().find(|line| !trim(line).is_empty()).unwrap_or_default();
        // /proc/cmdline is the kernel's own.
        let is_kernel = hint.name.ends_with("proc/cmdline") || memchr::memmem::find(first, b"BOOT_IMAGE=").is_some();
        if is_named && !first.is_empty() && !is_kernel { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut found = Vec::new();
        each_line(lines, hint, "that are not a command line", out, |line, (when, number)| {
            let text: Vec<u8> = line.iter().map(|&byte| if byte == 0 { b' ' } else { byte }).collect();
            let Some(first) = words(&text).next() else { return false };
            let program = String::from_utf8_lossy(first.rsplit(|byte| *byte == b'/').next().unwrap_or(first));
            let mut attributes = vec![("program", program.to_string())];
            attributes.extend(java_options(&text).map(|options| ("java_options", options)));
            let text = attributes.iter().map(|(_, value)| value.as_str()).collect::<Vec<_>>().join(" ");
            found.push(Record {
                line: number,
                end: number.saturating_add(1),
                claims: Claims { comm: Some(program.chars().take(15).collect()), ..claims_of(hint) },
                when,
                kind: RecordKind::Setting,
                attributes,
                stack: StackId::EMPTY,
                text,
            });
            true
        });
        out.records += found.len() as u64;
        out.evidence.extend(found.into_iter().map(Evidence::Record));
    }
}

/// The options of the Java VM on a command line, without what may be secret in them: those before the main class.
pub(crate) fn java_options(command: &[u8]) -> Option<String> {
    let mut parts = words(command);
    let program = parts.next()?;
    if program.rsplit(|byte| *byte == b'/').next() != Some(b"java") {
        return None;
    }
    let (mut options, mut is_value) = (Vec::new(), false);
    for part in parts {
        if is_value {
            is_value = false;
        } else if matches!(part, b"-cp" | b"-classpath" | b"--class-path" | b"-p" | b"--module-path") {
            is_value = true;
        } else if part.starts_with(b"-") && part != b"-jar" && part != b"-m" {
            options.push(part);
        } else {
            break;
        }
    }
    Some(without_secrets(&options.join(&b' '))).filter(|options| !options.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_the_virtual_machine_are_kept() {
        let text = b"/usr/bin/java\0-Xmx256m\0-Dpw=s3cret\0-cp\0.\0Srv\0--token=s3cret\0";
        let (mut out, hint) = (Parsed::default(), Hint { name: "/proc/7/cmdline", ..Hint::default() });
        assert_eq!(Cmdline.sniff(text, &hint), Sniff::Yes);
        Cmdline.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        let [Evidence::Record(record)] = &out.evidence[..] else { panic!() };
        assert_eq!(record.attribute("program"), Some("java"));
        assert_eq!(record.attribute("java_options"), Some("-Xmx256m -Dpw=..."));
        assert!(!format!("{out:?}").contains("s3cret") && record.claims.pid == Some(7));
        assert_eq!(java_options(b"python3 -X dev app.py"), None);
    }

    #[test]
    fn the_kernels_own_command_line_is_none() {
        let hint = Hint { name: "/proc/cmdline", ..Hint::default() };
        assert_eq!(Cmdline.sniff(b"BOOT_IMAGE=/vmlinuz root=/dev/vda1\n", &hint), Sniff::No);
        assert_eq!(Cmdline.sniff(b"console=ttyS0 panic=1\n", &hint), Sniff::No);
    }
}
