//! Known costly idioms by the functions that stand on their paths.

use super::{code, glob};
use postmortem_parsers::evidence::{Profile, Runtime};
use postmortem_parsers::tables::{FrameId, Sym, Tables};
use rustc_hash::FxHashMap;

/// An idiom and the functions that tell it, as patterns.
const IDIOMS: &[(&str, &[&str])] = &[
    (
        "regex-compile",
        &[
            "regexp.MustCompile*",
            "regexp.Compile*",
            "regexp.compile",
            "java*util*regex*Pattern.compile",
            "java*util*regex*Pattern.<init>",
            "std::*basic_regex<*>::_M_compile*",
            "std::__detail::_Compiler<*",
            "regex::*Builder*::build",
            "regex::*Regex::new",
            "pcre_compile*",
            "pcre2_compile*",
            "re_compile_internal",
            "_sre.compile",
            "sre_compile.compile",
        ],
    ),
    (
        "json",
        &[
            "encoding/json.*",
            "com.fasterxml.jackson.*",
            "com/fasterxml/jackson/*",
            "serde_json::*",
            "nlohmann::*",
            "JSONDecoder.*",
            "JSONEncoder.*",
        ],
    ),
    ("reflection", &["reflect.Value.Call", "reflect.Value.call", "java*lang*reflect*Method.invoke"]),
    // Any time in a lock, also that which taking a free one costs.
    (
        "lock",
        &[
            "*pthread_mutex_*lock*",
            "*pthread_rwlock_*",
            "*lll_lock_wa*",
            "sync.(*Mutex).*",
            "sync.(*RWMutex).*",
            "internal/sync.(*Mutex).*",
            "*RawMutex*lock*",
        ],
    ),
    // The path that only threads take that find a lock taken, or leave it to one that waits.
    (
        "lock-contended",
        &[
            "*lll_lock_wa*",
            "*pthread_rwlock_*lock_full*",
            "sync.(*Mutex).lockSlow",
            "sync.(*Mutex).unlockSlow",
            "internal/sync.(*Mutex).lockSlow",
            "internal/sync.(*Mutex).unlockSlow",
            "*RawMutex*lock_slow*",
            "*Mutex::lock_contended*",
            "*Mutex::wake*",
            "ObjectMonitor::*nter*",
            "ObjectSynchronizer::*",
        ],
    ),
    ("lock-spin", &["*queued_spin_lock_slowpath*", "runtime.procyield*", "*pthread_spin_lock*"]),
    (
        "busy-wait",
        &[
            "*sched_yield*",
            "runtime.Gosched",
            "runtime.gosched_m",
            "*Thread.yield*",
            "*Thread.onSpinWait*",
            "std::thread::yield_now",
        ],
    ),
    (
        "selector-spin",
        &[
            "*sun*nio*ch*EPoll.wait*",
            "*sun*nio*ch*SelectorImpl.lockAndDoSelect*",
            "*sun*nio*ch*EPollSelectorImpl.doSelect*",
        ],
    ),
    ("futex", &["do_futex"]),
    (
        "gc",
        &[
            "runtime.gcBgMarkWorker*",
            "runtime.gcAssistAlloc*",
            "runtime.gcDrain*",
            "runtime.bgsweep*",
            "G1ParTask*",
            "G1*Task::work",
            "GCTaskThread*",
            "*Scavenge*Task*",
            "PSPromotionManager::*",
            "G1ParScanThreadState::*",
            "(garbage collector)",
            "gc_collect_main*",
        ],
    ),
    ("memory-copy", &["*memcpy*", "*memmove*", "*memset*", "runtime.memclr*"]),
    ("page-fault", &["exc_page_fault", "asm_exc_page_fault", "do_page_fault", "do_user_addr_fault"]),
    (
        "map-growth",
        &[
            "runtime.hashGrow",
            "runtime.growWork*",
            "internal/runtime/maps.*rehash*",
            "internal/runtime/maps.*grow*",
            "java*util*HashMap.resize",
            "std::_Hashtable<*>::_M_rehash*",
            "hashbrown::*reserve_rehash*",
        ],
    ),
    (
        "logging",
        &[
            "log.(*Logger).*",
            "log/slog.(*Logger).*",
            "ch*qos*logback*",
            "org*apache*logging*",
            "Logger._log",
            "Logger.handle",
            "StreamHandler.emit",
            "spdlog::*",
        ],
    ),
];

/// The names of all idioms.
pub const NAMES: &[&str] = &{
    let mut names = [""; IDIOMS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = IDIOMS[at].0;
        at += 1;
    }
    names
};

/// How much an idiom takes, and who calls it.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// Its name.
    pub idiom: &'static str,
    /// Weight of the samples on whose path it is.
    pub weight: f64,
    /// The user function below which most of it is, and the weight there.
    pub caller: Option<(FrameId, f64)>,
}

/// The idioms of a profile that have at least a twentieth of its weight, the heaviest first.
pub fn costs(tables: &Tables, profile: &Profile, total: f64) -> Vec<Cost> {
    let mut known: Vec<Option<u32>> = vec![None; tables.frame_count()];
    let mut user: Vec<Option<bool>> = vec![None; tables.frame_count()];
    let mut weights = vec![0.0; IDIOMS.len()];
    let mut callers: Vec<FxHashMap<Sym, (FrameId, f64)>> = vec![FxHashMap::default(); IDIOMS.len()];
    for row in &profile.rows {
        let frames = tables.stack_frames(row.stack);
        let mut seen = 0u32;
        for &frame in frames {
            seen |= *known[frame.index()].get_or_insert_with(|| idioms_of(tables.function(frame)));
        }
        if seen == 0 {
            continue;
        }
        let mut is_user =
            |frame: FrameId| *user[frame.index()].get_or_insert_with(|| code::is_user(tables, frame, Runtime::Unknown));
        let caller = frames.iter().copied().find(|&frame| is_user(frame));
        for idiom in (0..IDIOMS.len()).filter(|idiom| seen & (1 << idiom) != 0) {
            weights[idiom] += row.weight;
            if let Some(caller) = caller {
                callers[idiom].entry(tables.get_frame(caller).function).or_insert((caller, 0.0)).1 += row.weight;
            }
        }
    }
    let heaviest = |callers: &FxHashMap<Sym, (FrameId, f64)>| {
        callers.values().copied().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0)))
    };
    let mut costs: Vec<Cost> = weights
        .iter()
        .zip(IDIOMS)
        .zip(&callers)
        .filter(|((weight, _), _)| **weight >= total * 0.05 && **weight > 0.0)
        .map(|((&weight, (idiom, _)), callers)| Cost { idiom, weight, caller: heaviest(callers) })
        .collect();
    costs.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    costs
}

/// The idioms that a function tells, a bit each.
fn idioms_of(function: &str) -> u32 {
    let tells = |globs: &[&str]| globs.iter().any(|glob| glob::fits(glob, function));
    IDIOMS.iter().enumerate().filter(|(_, (_, globs))| tells(globs)).map(|(idiom, _)| 1 << idiom).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_tell_idioms() {
        let names = |function: &str| -> Vec<&str> {
            let bits = idioms_of(function);
            (0..IDIOMS.len()).filter(|idiom| bits & (1 << idiom) != 0).map(|idiom| IDIOMS[idiom].0).collect()
        };
        assert_eq!(names("__GI___lll_lock_wake"), ["lock", "lock-contended"]);
        assert_eq!(names("pthread_mutex_lock@@GLIBC_2.2.5"), ["lock"]);
        assert_eq!(names("pthread_cond_wait@@GLIBC_2.3.2"), [""; 0]);
        assert_eq!(
            names("std::__cxx11::basic_regex<char, std::__cxx11::regex_traits<char> >::_M_compile"),
            ["regex-compile"]
        );
        assert_eq!(names("std::regex_match<char>"), [""; 0]);
        assert_eq!(names("java/util/regex/Pattern.compile"), ["regex-compile"]);
    }
}
