//! Profiles: samples whose stacks hold code without a name or end too early, by the likely cause.

use super::fact::{Cite, Fact, Facts};
use super::{glob, hotspots};
use crate::case::{Case, Placed};
use crate::report::units;
use postmortem_parsers::evidence::Profile;
use postmortem_parsers::tables::{FrameId, FrameKind, Tables};

/// From this share of the samples on, it is said.
const LEAST: f64 = 0.1;
/// Stacks that were cut because registers ran out are shorter than those of programs that nest deeply.
const SHORT: usize = 12;

/// A cause, what it means, and the capture that does without it, as `captures.toml` names it.
pub struct Cause {
    /// The word of the fact.
    pub name: &'static str,
    says: &'static str,
    /// What to capture next.
    pub capture: &'static str,
}

/// All causes; a sample counts for each that it shows.
pub const CAUSES: &[Cause] = &[
    Cause {
        name: "no-call-chains",
        says: "the samples are of single functions: call chains were not recorded",
        capture: "cpu-profile",
    },
    Cause {
        name: "no-frame-pointers",
        says: "end within the program: its code, or a library's, keeps no frame pointers, so that callers are missing \
               or wrong",
        capture: "cpu-profile-dwarf",
    },
    Cause {
        name: "run-time-code",
        says: "pass through code that was compiled at run time and has no names: there was no perf map",
        capture: "cpu-profile-perf-map",
    },
    Cause {
        name: "stripped",
        says: "pass through functions without a name of a program or library: its symbols were stripped",
        capture: "cpu-profile-symbols",
    },
    Cause {
        name: "kernel-hidden",
        says: "pass through kernel functions without a name: kernel.kptr_restrict hides them",
        capture: "cpu-profile-kernel",
    },
];

/// The words of all causes.
pub const NAMES: &[&str] = &{
    let mut names = [""; CAUSES.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = CAUSES[at].name;
        at += 1;
    }
    names
};

/// States the unnamed facts of a case.
pub fn state(case: &Case, facts: &mut Facts) {
    for placed in &case.profiles {
        shares(case, placed, facts);
    }
}

fn shares(case: &Case, placed: &Placed<Profile>, facts: &mut Facts) {
    let profile = &placed.what;
    let total: f64 = profile.rows.iter().map(|row| row.weight).sum();
    let mut known: Vec<Option<u8>> = vec![None; case.tables.frame_count()];
    let mut weights = [0.0; CAUSES.len()];
    let deepest = profile.rows.iter().map(|row| case.tables.stack_frames(row.stack).len()).max().unwrap_or(0);
    for row in &profile.rows {
        let frames = case.tables.stack_frames(row.stack);
        let mut seen = 0u8;
        for &frame in frames {
            seen |= *known[frame.index()].get_or_insert_with(|| of_frame(&case.tables, frame));
        }
        if deepest > 1 && is_cut(&case.tables, frames) {
            seen |= 1 << place("no-frame-pointers");
        }
        if deepest == 1 && names_objects(&case.tables, frames) {
            seen |= 1 << place("no-call-chains");
        }
        for (cause, weight) in weights.iter_mut().enumerate() {
            if seen & (1 << cause) != 0 {
                *weight += row.weight;
            }
        }
    }
    for (cause, weight) in CAUSES.iter().zip(weights) {
        let share = weight / total;
        if total <= 0.0 || share < LEAST {
            continue;
        }
        let mut fact = Fact::new("unnamed", placed.subject);
        fact.set("of", hotspots::kind_word(profile.kind)).set("cause", cause.name).set("share", share);
        let says = match cause.name {
            "no-call-chains" => cause.says.to_owned(),
            _ => format!("{} of the samples {}", units::share(share), cause.says),
        };
        fact.cites.push(Cite::new(placed.artifact, profile.line, says));
        facts.push(fact);
    }
}

fn place(cause: &str) -> usize {
    CAUSES.iter().position(|known| known.name == cause).unwrap_or(0)
}

/// The causes that a frame shows, a bit each.
fn of_frame(tables: &Tables, frame: FrameId) -> u8 {
    let detail = tables.get_frame(frame);
    if tables.text(detail.function) != "[unknown]" {
        return 0;
    }
    let module = tables.text(detail.module);
    let at_run_time = ["//anon", "[anon", "/memfd:", "[JIT]"].iter().any(|start| module.starts_with(start));
    let cause = match detail.kind {
        FrameKind::Kernel => "kernel-hidden",
        FrameKind::Jit => "run-time-code",
        _ if at_run_time => "run-time-code",
        _ if module.starts_with('/') => "stripped",
        // An address that lies in no mapping: what was taken for a caller was none.
        _ => return 0,
    };
    1 << place(cause)
}

/// Whether the outermost frame of user code is none that a thread begins with. Only what names objects and no sources
/// unwinds as perf does; profilers of a runtime end stacks where its own threads begin.
fn is_cut(tables: &Tables, frames: &[FrameId]) -> bool {
    let user: Vec<FrameId> =
        frames.iter().copied().filter(|&frame| tables.get_frame(frame).kind != FrameKind::Kernel).collect();
    let Some(&outermost) = user.last() else { return false };
    let detail = tables.get_frame(outermost);
    let name = tables.text(detail.function);
    let begins = |glob: &str| !matches!(glob, "" | "[unknown]") && glob::fits(glob, name);
    let by_perf = !detail.module.is_empty() && detail.file.is_empty();
    by_perf && user.len() <= SHORT && !hotspots::ROOTS.iter().any(|glob| begins(glob))
}

fn names_objects(tables: &Tables, frames: &[FrameId]) -> bool {
    frames.first().is_some_and(|&frame| !tables.get_frame(frame).module.is_empty())
}

#[cfg(test)]
mod tests {
    use crate::bundle::from_memory;
    use crate::case::Case;
    use crate::passes::fact::Facts;

    /// Causes and their shares in percent.
    fn causes(capture: &str) -> Vec<(String, u32)> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("samples/perf-script").join(capture);
        let text = std::fs::read(path.join("perf.script")).unwrap();
        let case = Case::build(&mut from_memory("sample", &[("perf.script", &text)]).unwrap());
        let mut facts = Facts::default();
        super::state(&case, &mut facts);
        let percent = |share: Option<f64>| (share.unwrap_or_default() * 100.0).round() as u32;
        facts
            .of("unnamed")
            .filter(|fact| fact.text("of") == Some("cpu"))
            .map(|fact| (fact.text("cause").unwrap_or_default().to_owned(), percent(fact.number("share"))))
            .collect()
    }

    #[test]
    fn the_likely_cause_is_told() {
        let of = |cause: &str, share| vec![(cause.to_owned(), share)];
        assert_eq!(causes("no-call-chains"), of("no-call-chains", 100));
        assert_eq!(causes("java-without-map"), [of("no-frame-pointers", 99), of("run-time-code", 99)].concat());
        assert_eq!(causes("stripped"), [of("no-frame-pointers", 100), of("stripped", 15)].concat());
        assert_eq!(causes("kernel-hidden"), of("kernel-hidden", 90));
        for sound in ["java-perf-map", "go-service", "rust-inv"] {
            assert_eq!(causes(sound), [], "{sound}");
        }
    }
}
