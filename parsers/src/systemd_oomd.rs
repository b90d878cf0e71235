//! Kills by systemd-oomd, as it logs them. Source: `src/oom/oomd-manager.c` and `oomd-util.c` of systemd: 247 and 248
//! say `Killed CGROUP due to ...`, newer ones too, 259 and later `Marked CGROUP for killing due to ...`.

use crate::evidence::{Claims, Evidence, Parsed, Record, RecordKind, When};
use crate::lines::{Lines, split_once};
use crate::series::number;
use crate::tables::StackId;
use crate::{Format, Hint, Shape, Sniff, sniff_embedded};
use memchr::memmem;

/// Log lines of systemd-oomd.
pub struct SystemdOomd;

impl Format for SystemdOomd {
    fn id(&self) -> &'static str {
        "systemd-oomd"
    }

    fn shape(&self) -> Shape {
        Shape::Embedded
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        sniff_embedded(self, head)
    }

    fn opens(&self, line: &[u8]) -> bool {
        kill(line).is_some()
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (number, when) = (lines.number(), lines.time().map_or(hint.when, When::Wall));
        let found = lines.next().and_then(|line| Some((kill(line)?, line)));
        let Some(((cgroup, reason), line)) = found else { return };
        let victim = cgroup.rsplit('/').next().unwrap_or(cgroup).to_owned();
        let mut attributes =
            vec![("killer", "systemd-oomd".to_owned()), ("victim", victim), ("cgroup", cgroup.to_owned())];
        attributes.push(("reason", reason.to_owned()));
        attributes.extend(pressure(reason).map(|percent| ("pressure_percent", format!("{percent}"))));
        out.records += 1;
        out.evidence.push(Evidence::Record(Record {
            line: number,
            end: number.saturating_add(1),
            claims: Claims { cgroup: Some(cgroup.trim_start_matches('/').to_owned()), ..Claims::default() },
            when,
            kind: RecordKind::Kill,
            attributes,
            stack: StackId::EMPTY,
            text: String::from_utf8_lossy(line).into_owned(),
        }));
    }
}

/// Group and reason of `Killed /user.slice/... due to memory pressure for /user.slice being 59.91% > 50.00% for > 20s
/// with reclaim activity`, also behind a syslog prefix.
fn kill(line: &[u8]) -> Option<(&str, &str)> {
    let at = memmem::find(line, b" due to memory ")?;
    let reason = std::str::from_utf8(&line[at + b" due to ".len()..]).ok()?;
    let head = &line[..at];
    let head = head.strip_suffix(b" for killing").unwrap_or(head);
    let (before, cgroup) = match split_once(head, b"Killed /") {
        Some(parts) => parts,
        None => split_once(head, b"Marked /")?,
    };
    // The word stands first, or behind the name of the daemon.
    if !(before.is_empty() || before.ends_with(b": ")) {
        return None;
    }
    let start = head.len() - cgroup.len() - 1;
    let cgroup = std::str::from_utf8(&head[start..]).ok()?;
    let known = reason.starts_with("memory pressure") || reason.starts_with("memory used");
    (known && !cgroup.contains(' ')).then_some((cgroup, reason))
}

/// The first number with a percent sign.
fn pressure(reason: &str) -> Option<f64> {
    reason.split(' ').find_map(|word| number(word.strip_suffix('%')?.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kills_by_pressure_and_by_use() {
        for (line, cgroup, pressure) in [
            (
                "Killed /user.slice/app.scope due to memory pressure for /user.slice being 59.91% > 50.00% for > 20s with reclaim activity",
                "/user.slice/app.scope",
                Some("59.91"),
            ),
            (
                "Sep 10 14:59:49 image systemd-oomd[34]: Killed /a.slice/b.service due to memory used (987) / total (1000) and swap used (99) / total (100) being more than 90.00%",
                "/a.slice/b.service",
                Some("90"),
            ),
            (
                "Marked /system.slice/j.service for killing due to memory pressure for /system.slice being 85.03% > 80.00% for > 2s with reclaim activity",
                "/system.slice/j.service",
                Some("85.03"),
            ),
        ] {
            let mut out = Parsed::default();
            assert!(SystemdOomd.opens(line.as_bytes()), "{line}");
            let text = crate::lines::Text::new(line.as_bytes(), 1);
            SystemdOomd.parse(&mut text.lines(), &Hint::default(), &mut out);
            let [Evidence::Record(record)] = &out.evidence[..] else { panic!() };
            assert_eq!((record.attribute("cgroup"), record.attribute("pressure_percent")), (Some(cgroup), pressure));
        }
        assert!(!SystemdOomd.opens(b"I was Killed / due to memory loss"));
        assert!(!SystemdOomd.opens(b"Killed process 5 (x) due to memory pressure"));
    }
}
