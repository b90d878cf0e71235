//! Known costly idioms by the functions that stand on their paths.

use super::glob;
use postmortem_parsers::evidence::Profile;
use postmortem_parsers::tables::Tables;

/// An idiom and the functions that tell it, as patterns.
const IDIOMS: &[(&str, &[&str])] = &[
    (
        "the compilation of regular expressions",
        &[
            "regexp.MustCompile",
            "regexp.Compile*",
            "regexp.compile",
            "java*util*regex*Pattern.compile",
            "_sre.compile",
            "sre_compile.compile",
        ],
    ),
    ("JSON", &["encoding/json.*", "com.fasterxml.jackson.*", "com/fasterxml/jackson/*", "serde_json::*"]),
    ("reflection", &["reflect.Value.Call", "reflect.Value.call", "java*lang*reflect*Method.invoke"]),
    (
        "spinning for a lock",
        &["*queued_spin_lock_slowpath*", "runtime.lock2", "runtime.procyield*", "*pthread_spin_lock*"],
    ),
    ("futex calls", &["do_futex"]),
    (
        "garbage collection",
        &["runtime.gcBgMarkWorker*", "runtime.gcAssistAlloc*", "runtime.gcDrain*", "G1ParTask*", "GCTaskThread*"],
    ),
    ("copying and clearing memory", &["*memcpy*", "*memmove*", "*memset*", "runtime.memclr*"]),
    ("page faults", &["exc_page_fault", "asm_exc_page_fault", "do_page_fault", "do_user_addr_fault"]),
    (
        "the growth of maps",
        &[
            "runtime.hashGrow",
            "runtime.growWork*",
            "internal/runtime/maps.*rehash*",
            "internal/runtime/maps.*grow*",
            "java*util*HashMap.resize",
        ],
    ),
    ("logging", &["log.(*Logger).*", "log/slog.(*Logger).*", "ch*qos*logback*", "org*apache*logging*"]),
];

/// The idiom with the largest share of the weight, and that share; `None` below a fifth.
pub fn most_costly(tables: &Tables, profile: &Profile, total: f64) -> Option<(&'static str, f64)> {
    let of_frame = |name: &str| IDIOMS.iter().position(|(_, globs)| globs.iter().any(|glob| glob::fits(glob, name)));
    let mut known: Vec<Option<Option<usize>>> = vec![None; tables.frame_count()];
    let mut weights = vec![0.0; IDIOMS.len()];
    for row in &profile.rows {
        let mut seen = [false; IDIOMS.len()];
        for &frame in tables.stack_frames(row.stack) {
            let idiom = *known[frame.index()].get_or_insert_with(|| of_frame(tables.function(frame)));
            if let Some(idiom) = idiom.filter(|idiom| !seen[*idiom]) {
                seen[idiom] = true;
                weights[idiom] += row.weight;
            }
        }
    }
    let (idiom, weight) = weights.into_iter().enumerate().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))?;
    (weight >= total * 0.2).then(|| (IDIOMS[idiom].0, weight / total))
}
