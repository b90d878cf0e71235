//! `/proc/PID/maps`: what is mapped into a process, and so which language runtime it has. Source: `proc_pid_maps(5)`,
//! `show_map_vma` of `fs/proc/task_mmu.c`.

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{LineNo, Lines, Text, trim};
use crate::series::{claims_of, each_line};
use crate::smaps::mapping;
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff};

/// Mappings without sizes.
pub struct ProcMaps;

impl Format for ProcMaps {
    fn id(&self) -> &'static str {
        "proc-maps"
    }

    fn shape(&self) -> Shape {
        Shape::Document
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let mut lines = Text::new(head, 1).lines().filter(|line| !trim(line).is_empty()).take(5).peekable();
        if lines.peek().is_some() && lines.all(|line| mapping(line).is_some()) { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (mut maps, mut first) = (Maps::default(), None);
        each_line(lines, hint, "that are not mappings", out, |line, at| {
            let Some((start, name)) = mapping(line) else { return false };
            first.get_or_insert(at);
            maps.add(start, &name, at.1);
            true
        });
        if let Some(at) = first {
            out.records += maps.count;
            maps.finish(claims_of(hint), at, out);
        }
    }
}

/// What mappings tell of a runtime.
#[derive(Default)]
pub(crate) struct Maps {
    count: u64,
    told_by: Option<(&'static str, LineNo)>,
    has_program: bool,
}

/// Where Go's heap begins on 64-bit Linux.
const GO_ARENA: u64 = 0xc0_0000_0000;

impl Maps {
    /// Takes a mapping.
    pub(crate) fn add(&mut self, start: u64, name: &str, line: LineNo) {
        self.count += 1;
        self.has_program |= name.starts_with('/');
        let file = name.rsplit('/').next().unwrap_or(name);
        let told = match file {
            "libjvm.so" | "libj9vm29.so" | "java" => Some("java"),
            "node" | "nodejs" => Some("node"),
            "[anon]" if start == GO_ARENA => Some("go"),
            "libcoreclr.so" | "libmonosgen-2.0.so" | "libruby.so" | "libperl.so" | "beam.smp" => Some("other"),
            _ if is_python(file) => Some("python"),
            _ if ["libruby", "libphp", "php", "ruby", "perl", "lua", "libnode."]
                .iter()
                .any(|it| file.starts_with(it)) =>
            {
                Some("other")
            }
            _ => None,
        };
        if self.told_by.is_none() {
            self.told_by = told.map(|runtime| (runtime, line));
        }
    }

    /// Hands over what they tell.
    pub(crate) fn finish(self, claims: Claims, (when, first): (When, LineNo), out: &mut Parsed) {
        let mut attributes = vec![("mappings", self.count.to_string())];
        attributes.extend(self.runtime().map(|runtime| ("mapped_runtime", runtime.to_owned())));
        let line = self.told_by.map_or(first, |(_, line)| line);
        out.evidence.push(Evidence::Record(Record {
            line,
            end: line.saturating_add(1),
            claims,
            when,
            kind: RecordKind::Setting,
            attributes,
            stack: StackId::EMPTY,
            text: format!("{} mappings", self.count),
        }));
    }

    /// `java`, `go`, ..., `other` for one that manages memory too, `native` where nothing of any is mapped.
    pub(crate) fn runtime(&self) -> Option<&'static str> {
        self.told_by.map(|(runtime, _)| runtime).or(self.has_program.then_some("native"))
    }
}

/// `python3`, `python3.11`, `libpython3.12.so.1.0`.
fn is_python(file: &str) -> bool {
    let rest = file.strip_prefix("libpython").or(file.strip_prefix("python"));
    rest.is_some_and(|rest| rest.chars().next().is_none_or(|digit| digit.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(mappings: &[(u64, &str)]) -> Option<&'static str> {
        let mut maps = Maps::default();
        mappings.iter().for_each(|(start, name)| maps.add(*start, name, 1));
        maps.runtime()
    }

    #[test]
    fn runtimes_by_what_is_mapped() {
        let native = (0x55_0000, "/srv/fontd");
        assert_eq!(runtime(&[native, (0x7f_0000, "[heap]")]), Some("native"));
        assert_eq!(runtime(&[native, (GO_ARENA, "[anon]")]), Some("go"));
        assert_eq!(runtime(&[native, (0x7f_0000, "/usr/lib/jvm/java-17/lib/server/libjvm.so")]), Some("java"));
        assert_eq!(runtime(&[(0x40_0000, "/usr/bin/python3.11")]), Some("python"));
        assert_eq!(runtime(&[(0x40_0000, "/usr/bin/pythonesque")]), Some("native"));
        assert_eq!(runtime(&[(0x7f_0000, "[vdso]")]), None, "a cut list without a file tells nothing");
    }
}
