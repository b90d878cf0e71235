//! Facts: what passes state and patterns read. The table [`KINDS`] is closed; the loader checks patterns against it.

use crate::case::{ArtifactId, Place, SubjectId};
use crate::report::model::Site;
use std::collections::BTreeMap;

/// A value of an attribute. What could not be measured is absent, never a made-up number.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A word or name.
    Text(String),
    /// A number in the unit that the attribute's name ends with (`_s`, `_bytes`) or a plain count or share.
    Number(f64),
    /// Yes or no.
    Flag(bool),
    /// Names, in order.
    List(Vec<String>),
}

impl std::fmt::Display for Value {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Value::Text(text) => write!(f, "{text:?}"),
            Value::Number(number) => write!(f, "{number}"),
            Value::Flag(flag) => write!(f, "{flag}"),
            Value::List(list) => write!(f, "{:?}", &list[..list.len().min(6)]),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}
impl From<f64> for Value {
    fn from(number: f64) -> Self {
        Value::Number(number)
    }
}
impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::Number(number as f64)
    }
}
impl From<usize> for Value {
    fn from(number: usize) -> Self {
        Value::Number(number as f64)
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Flag(flag)
    }
}
impl From<Vec<String>> for Value {
    fn from(list: Vec<String>) -> Self {
        Value::List(list)
    }
}

/// A line of an artifact and what it says.
#[derive(Clone, Debug, PartialEq)]
pub struct Cite {
    /// Where.
    pub place: Place,
    /// In words, with numbers and units.
    pub says: String,
}

impl Cite {
    /// A citation.
    pub fn new(artifact: ArtifactId, line: u32, says: impl Into<String>) -> Self {
        Cite { place: Place { artifact, line }, says: says.into() }
    }
}

/// What a pass states about a subject.
#[derive(Clone, Debug)]
pub struct Fact {
    /// A name of [`KINDS`].
    pub kind: &'static str,
    /// Whom it is about.
    pub subject: SubjectId,
    /// Measured attributes.
    pub attributes: BTreeMap<&'static str, Value>,
    /// Where it can be read.
    pub cites: Vec<Cite>,
    /// Places in the code, the best first.
    pub sites: Vec<Site>,
}

impl Fact {
    /// A fact without attributes yet.
    pub fn new(kind: &'static str, subject: SubjectId) -> Self {
        debug_assert!(kind_named(kind).is_some(), "fact {kind} is not in the table");
        Fact { kind, subject, attributes: BTreeMap::new(), cites: Vec::new(), sites: Vec::new() }
    }

    /// States an attribute.
    pub fn set(&mut self, name: &'static str, value: impl Into<Value>) -> &mut Self {
        debug_assert!(
            kind_named(self.kind).is_some_and(|kind| kind.attributes.iter().any(|a| a.name == name)),
            "attribute {name} of {} is not in the table",
            self.kind
        );
        self.attributes.insert(name, value.into());
        self
    }

    /// States an attribute that may not have been measured.
    pub fn set_known(&mut self, name: &'static str, value: Option<impl Into<Value>>) -> &mut Self {
        if let Some(value) = value {
            self.set(name, value);
        }
        self
    }

    /// A number by name.
    pub fn number(&self, name: &str) -> Option<f64> {
        match self.attributes.get(name) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    /// A word by name.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.attributes.get(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }

    /// A yes or no by name.
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.attributes.get(name) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }
}

/// The type of an attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Type {
    /// One of these words.
    Word(&'static [&'static str]),
    /// Any text; conditions may be globs.
    Text,
    /// A number.
    Number,
    /// Yes or no.
    Flag,
    /// A list of names; a condition holds when one of them fits.
    List,
}

/// An attribute of a kind of fact.
#[derive(Clone, Copy, Debug)]
pub struct Attribute {
    /// Name.
    pub name: &'static str,
    /// Type.
    pub of: Type,
    /// What it means.
    pub doc: &'static str,
}

/// A kind of fact.
#[derive(Clone, Copy, Debug)]
pub struct Kind {
    /// Name.
    pub name: &'static str,
    /// What it says.
    pub doc: &'static str,
    /// Attributes that choose which measurement is meant: where no fact has the chosen value, a condition is
    /// unknown rather than false.
    pub selectors: &'static [&'static str],
    /// All attributes.
    pub attributes: &'static [Attribute],
}

const fn a(name: &'static str, of: Type, doc: &'static str) -> Attribute {
    Attribute { name, of, doc }
}

/// The reasons of the report schema.
pub const REASONS: &[&str] = &[
    "running",
    "runnable",
    "chan-send",
    "chan-receive",
    "nil-chan",
    "select",
    "mutex",
    "rwmutex-read",
    "rwmutex-write",
    "waitgroup",
    "cond",
    "semaphore",
    "monitor-enter",
    "monitor-wait",
    "park",
    "futex",
    "network-io",
    "dns",
    "disk-io",
    "syscall",
    "cgo",
    "sleep",
    "gc",
    "unknown",
];

/// The parts of a memory, each whole before what it is made of.
pub const MEMORY_PARTS: &[&str] = &[
    "used",
    "rss",
    "anon",
    "file",
    "mapped-files",
    "shmem",
    "kernel",
    "kernel-stacks",
    "pagetables",
    "slab",
    "percpu",
    "kernel-other",
    "sock",
    "unexplained",
    "go",
    "go-live",
    "go-garbage",
    "go-objects",
    "go-fragmentation",
    "go-idle",
    "go-stacks",
    "go-runtime",
    "jvm",
    "java-heap",
    "metaspace",
    "thread-stacks",
    "code-cache",
    "gc-structures",
    "direct",
    "jvm-other",
    "native",
    "unmanaged",
    "beyond-heap",
    "not-touched",
    "other-processes",
];

/// Every kind of fact that passes state.
pub const KINDS: &[Kind] = &[
    Kind {
        name: "process",
        doc: "a process and what was captured of it",
        selectors: &[],
        attributes: &[
            a(
                "runtime",
                Type::Word(&["go", "java", "native", "python", "node", "kernel", "unknown"]),
                "language runtime",
            ),
            a("snapshots", Type::Number, "thread snapshots"),
            a("signals", Type::Number, "signals measured"),
            a("threads", Type::Number, "threads or goroutines in the latest snapshot"),
        ],
    },
    Kind {
        name: "group",
        doc: "threads that wait at the same place for the same reason, in the latest snapshot",
        selectors: &[],
        attributes: &[
            a("reason", Type::Word(REASONS), "why they wait"),
            a(
                "runtime",
                Type::Word(&["go", "java", "native", "python", "node", "kernel", "unknown"]),
                "language runtime",
            ),
            a("role", Type::Text, "row of the role catalogue; empty when none fits"),
            a("idle", Type::Flag, "the role says that they wait harmlessly"),
            a("in_task", Type::Flag, "they wait inside a request or task, not between two"),
            a("site", Type::Text, "innermost function of user code"),
            a("function", Type::Text, "innermost function of all"),
            a("creator", Type::Text, "function that started most of them"),
            a("frames", Type::List, "functions of the largest stack, innermost first"),
            a("count", Type::Number, "how many"),
            a("companions", Type::Number, "of these, threads of another role that belong to the others one by one"),
            a(
                "seen",
                Type::Number,
                "of these, in the one dump that there is; the others came after it, as the process's count tells",
            ),
            a("share", Type::Number, "share of all threads, 0..1"),
            a("prev", Type::Number, "how many in the first snapshot"),
            a("growth", Type::Number, "count less prev"),
            a(
                "of_growth",
                Type::Number,
                "share of the growth of the process's thread count that they can account for, 0..1",
            ),
            a("never_fell", Type::Flag, "the count did not fall from one snapshot to the next"),
            a("levelled", Type::Flag, "with three snapshots or more: no growth from the last but one to the last"),
            a("new_ids", Type::Number, "members that were not in the first snapshot"),
            a("persisted", Type::Number, "share of the first snapshot's members that are still there, 0..1"),
            a("moments", Type::Number, "snapshots that it was looked for in"),
            a("span_s", Type::Number, "seconds from the first to the last snapshot"),
            a("min_wait_s", Type::Number, "shortest wait that is printed"),
            a("leaked", Type::Number, "members that the runtime itself marks as leaked"),
            a("creators", Type::Number, "distinct goroutines that started them"),
            a("orphans", Type::Number, "share of members whose starter is gone, 0..1"),
            a("dead_creators", Type::Number, "distinct starters that are gone"),
            a("stuck_creators", Type::Number, "share of members whose starter waits too, 0..1"),
            a(
                "creator_listens",
                Type::Flag,
                "most were started by a goroutine that lives and accepts connections, or wait for the network at the top of their own thread beside one that accepts",
            ),
            a("site_creates", Type::Flag, "the function in which they wait started other goroutines of the dump"),
            a("self_started", Type::Flag, "started by the function in which they wait: a chain"),
            a("parents", Type::Number, "share of members that started other waiting threads, 0..1"),
            a("is_main", Type::Flag, "the main goroutine or thread"),
            a(
                "user_depth",
                Type::Number,
                "user functions on the largest stack: with one, they wait where their task began",
            ),
            a("waiter", Type::Flag, "the role says that they wait for a bounded resource"),
            a("label_common", Type::Text, "label that all of them carry"),
        ],
    },
    Kind {
        name: "wait",
        doc: "threads that wait for a lock, and what is known of its holder",
        selectors: &[],
        attributes: &[
            a(
                "shape",
                Type::Word(&["cycle", "self", "lost-owner", "holder-stuck", "convoy", "class-init"]),
                "how the wait ends",
            ),
            a("proof", Type::Word(&["declared", "owner", "address", "inferred"]), "what the shape rests on"),
            a(
                "runtime",
                Type::Word(&["go", "java", "native", "python", "node", "kernel", "unknown"]),
                "language runtime",
            ),
            a("reason", Type::Word(REASONS), "what most of them wait in"),
            a("kinds", Type::List, "all reasons among them"),
            a("members", Type::Number, "threads in the cycle, the holder included"),
            a("waiters", Type::Number, "threads that wait for the same locks"),
            a("count", Type::Number, "threads stuck in it: members and waiters"),
            a("locks", Type::Number, "distinct locks that they want, as the dump prints their addresses"),
            a("lock_sites", Type::Number, "distinct functions that wait for a lock"),
            a("holder_reason", Type::Word(REASONS), "what the holder does"),
            a("holder_site", Type::Text, "where the holder is"),
            a("holder_stays", Type::Flag, "the same holder stood at the same place in the first snapshot"),
            a("persisted", Type::Number, "share of the first snapshot's waiters that are still there, 0..1"),
            a("moments", Type::Number, "snapshots that it was looked for in"),
            a("growth", Type::Number, "waiters more than in the first snapshot"),
            a("min_wait_s", Type::Number, "shortest wait that is printed"),
            a("in_task", Type::Flag, "they wait inside a request or task"),
        ],
    },
    Kind {
        name: "pool",
        doc: "a bounded resource and the threads that use it or wait for it",
        selectors: &[],
        attributes: &[
            a("name", Type::Text, "name of the pool or library"),
            a(
                "kind",
                Type::Word(&["threads", "connections", "permits", "channel", "gate"]),
                "what is bounded; gate: what a function of the program hands out, as its name tells",
            ),
            a(
                "runtime",
                Type::Word(&["go", "java", "native", "python", "node", "kernel", "unknown"]),
                "language runtime",
            ),
            a("size", Type::Number, "threads of the pool"),
            a("blocked", Type::Number, "threads that wait at the most common place in their tasks"),
            a("blocked_share", Type::Number, "share of the pool that waits there, 0..1"),
            a("count", Type::Number, "threads stuck"),
            a("reason", Type::Word(REASONS), "why they wait"),
            a("site", Type::Text, "where they wait"),
            a("min_wait_s", Type::Number, "shortest wait that is printed"),
            a("holders", Type::Number, "threads that are past the wait for a permit and work under it"),
            a("holders_before", Type::Number, "how many were past it in the first snapshot"),
            a("holders_agree", Type::Number, "share of the holders that wait for the same reason, 0..1"),
            a("holder_reason", Type::Word(REASONS), "what most holders wait for"),
            a("holder_site", Type::Text, "where they wait"),
            a("self_wait", Type::Flag, "they wait for tasks of their own pool"),
            a("sleeping", Type::Flag, "they sleep in their task"),
            a("may_be_work", Type::Flag, "the semaphore may count work that is to be done, and nobody has a permit"),
            a("user_depth", Type::Number, "user functions on their stack: with one, they wait where their task began"),
            a("moments", Type::Number, "snapshots that it was looked for in"),
            a("persisted", Type::Number, "share of the first snapshot's blocked threads that are still there, 0..1"),
            a("growth", Type::Number, "blocked threads more than in the first snapshot"),
        ],
    },
    Kind {
        name: "busy",
        doc: "threads that used the CPU between two snapshots, by the user function outermost on their stacks",
        selectors: &[],
        attributes: &[
            a(
                "runtime",
                Type::Word(&["go", "java", "native", "python", "node", "kernel", "unknown"]),
                "language runtime",
            ),
            a("count", Type::Number, "threads"),
            a("cpus", Type::Number, "CPUs that they used together on average"),
            a("of_process", Type::Number, "share of the CPU time that all threads of the process used, 0..1"),
            a("site", Type::Text, "the user function that is innermost on most of their stacks"),
            a("same_place", Type::Number, "share of their stacks over all snapshots where it is, 0..1"),
            a("moments", Type::Number, "snapshots that they are in"),
            a("span_s", Type::Number, "seconds from the first to the last snapshot"),
        ],
    },
    Kind {
        name: "family",
        doc: "threads whose names differ by numbers only",
        selectors: &[],
        attributes: &[
            a("name", Type::Text, "the name with # for the numbers"),
            a(
                "runtime",
                Type::Word(&["go", "java", "native", "python", "node", "kernel", "unknown"]),
                "language runtime",
            ),
            a("count", Type::Number, "how many in the latest snapshot"),
            a("growth", Type::Number, "more than in the first snapshot"),
            a("levelled", Type::Flag, "with three snapshots or more: no growth from the last but one to the last"),
            a("moments", Type::Number, "snapshots"),
            a("pools", Type::Number, "distinct first numbers: executors of one thread each have as many as threads"),
            a(
                "per_client",
                Type::Flag,
                "most wait for the network where their thread began, and another thread accepts connections",
            ),
            a("idle_share", Type::Number, "share that waits for work, 0..1"),
            a("reason", Type::Word(REASONS), "why most of them wait"),
            a("system", Type::Flag, "threads of the runtime itself"),
        ],
    },
    Kind {
        name: "trend",
        doc: "how a signal went over time",
        selectors: &["signal"],
        attributes: &[
            a("signal", Type::Text, "name of the signal"),
            a("label", Type::Text, "value of its label, where it has one"),
            a(
                "verdict",
                Type::Word(&["growing", "falling", "flat", "step", "plateau", "cyclic", "insufficient"]),
                "shape",
            ),
            a("n", Type::Number, "samples"),
            a("span_s", Type::Number, "seconds from the first to the last"),
            a("first", Type::Number, "first value"),
            a("last", Type::Number, "last value while the subject lived"),
            a("max", Type::Number, "largest value"),
            a("delta", Type::Number, "last less first"),
            a("count", Type::Number, "the same, for signals that count things"),
            a("ratio", Type::Number, "last to first"),
            a("monotone", Type::Number, "share of steps that do not fall, 0..1"),
            a("slope_per_hour", Type::Number, "fitted slope"),
            a("p", Type::Number, "chance of such a slope without growth"),
            a("limit", Type::Number, "limit that applies"),
            a("limit_share", Type::Number, "largest value to the limit"),
            a("exhausts_in_s", Type::Number, "seconds from the last sample until the limit at this rate"),
            a("labels", Type::List, "labels of the signal, as name=value"),
        ],
    },
    Kind {
        name: "level",
        doc: "how high a signal stood",
        selectors: &["signal"],
        attributes: &[
            a("signal", Type::Text, "name of the signal, or of a ratio of two"),
            a("last", Type::Number, "last value"),
            a("median", Type::Number, "median"),
            a("max", Type::Number, "largest value"),
            a("delta", Type::Number, "last less first: for counters, what happened in the capture"),
            a("rate_per_s", Type::Number, "delta per second"),
            a("n", Type::Number, "samples"),
            a("labels", Type::List, "labels of the signal, as name=value"),
        ],
    },
    Kind {
        name: "memory.part",
        doc: "a part of the memory of a cgroup or process, against its limit; the parts of one whole sum up to it",
        selectors: &["part"],
        attributes: &[
            a("part", Type::Word(MEMORY_PARTS), "which part"),
            a("within", Type::Text, "part that it is a part of; empty for the whole"),
            a(
                "bytes",
                Type::Number,
                "at the latest sample that lived; below zero: more was counted than the whole has",
            ),
            a("share_of_limit", Type::Number, "bytes to the limit, 0..1"),
            a("grew_bytes", Type::Number, "more than at the first sample"),
            a("share_of_growth", Type::Number, "share of what the parts beside it grew by, 0..1"),
            a("rising", Type::Number, "share of steps that do not fall, 0..1"),
            a("n", Type::Number, "samples"),
            a("at_kill", Type::Flag, "as the kernel's report of a kill has it"),
        ],
    },
    Kind {
        name: "class",
        doc: "a Java class with more instances in the last histogram than in the first",
        selectors: &[],
        attributes: &[
            a("class", Type::Text, "its name"),
            a("user", Type::Flag, "it is neither an array nor of the platform or a well-known library"),
            a("histograms", Type::Number, "histograms that list it"),
            a("instances", Type::Number, "instances in the last"),
            a("grew_instances", Type::Number, "more than in the first"),
            a("ratio", Type::Number, "instances in the last to those in the first"),
            a("bytes", Type::Number, "shallow bytes in the last"),
            a("grew_bytes", Type::Number, "more than in the first"),
            a("share_of_growth", Type::Number, "share of what all classes grew by, 0..1"),
            a("rising", Type::Number, "share of steps with more instances, 0..1"),
            a("levelled", Type::Flag, "the last step is next to nothing beside those before"),
        ],
    },
    Kind {
        name: "finalizer",
        doc: "unreachable objects of a class that wait for their finalizer",
        selectors: &[],
        attributes: &[
            a("class", Type::Text, "its name"),
            a("count", Type::Number, "how many, at the last sample"),
            a("growth", Type::Number, "more than at the first"),
        ],
    },
    Kind {
        name: "limit",
        doc: "a limit that is set, or should be",
        selectors: &["kind"],
        attributes: &[
            a(
                "kind",
                Type::Word(&["memory", "memory-high", "gomemlimit", "gogc", "cpu", "gomaxprocs", "pids", "fds", "xmx"]),
                "which",
            ),
            a("value", Type::Number, "its value"),
            a("unset", Type::Flag, "known not to be set"),
            a("peak_share", Type::Number, "largest use to the limit, 0..1"),
            a("of_memory", Type::Number, "share of the memory limit"),
            a("per_quota", Type::Number, "processors to the CPU quota, for gomaxprocs"),
            a("hits", Type::Number, "how often it was met in the capture"),
        ],
    },
    Kind {
        name: "kill",
        doc: "a process that was killed for memory",
        selectors: &[],
        attributes: &[
            a(
                "by",
                Type::Word(&["memcg", "global", "numa", "sysrq", "userspace", "counter", "exit", "elsewhere"]),
                "who killed, or what tells of it; elsewhere: the victim is none of the captured processes",
            ),
            a("victim", Type::Text, "name of the victim"),
            a("victim_share", Type::Number, "anonymous memory of the victim to the limit, 0..1"),
            a("limit_bytes", Type::Number, "the limit that was met"),
            a("count", Type::Number, "kills"),
            a("innocent", Type::Flag, "the victims held less than a quarter of the limit"),
            a("waited_s", Type::Number, "seconds off CPU that are waited in it, where times are known"),
            a("kernel_share", Type::Number, "kernel memory to the limit, 0..1"),
            a("shmem_share", Type::Number, "tmpfs and shared memory to the limit, 0..1"),
            a("largest", Type::Flag, "the victim held more than any other task that could be killed"),
            a("largest_task", Type::Text, "the task that held most"),
            a("oom_score_adj", Type::Number, "what was added to the victim's score, -1000..1000"),
            a("rose", Type::Flag, "the counter rose while samples were taken; not: it happened at some time before"),
            a("whole_machine", Type::Flag, "the machine was out of memory, not a control group"),
            a("at_ancestor", Type::Flag, "the limit was that of a group above the victim's own"),
        ],
    },
    Kind {
        name: "exit",
        doc: "how a process or container ended",
        selectors: &[],
        attributes: &[
            a("code", Type::Number, "exit status"),
            a("reason", Type::Text, "why, in the words of who tells"),
            a("container", Type::Text, "name of the container"),
            a("restarts", Type::Number, "how often it was started again"),
            a("uptime_s", Type::Number, "seconds that it lived"),
            a(
                "kernel_oom",
                Type::Word(&["yes", "no", "unknown"]),
                "whether the kernel killed it for memory, by all that was captured",
            ),
            a("probed", Type::Flag, "events tell of liveness probes that failed"),
        ],
    },
    Kind {
        name: "gc",
        doc: "how a garbage collector worked",
        selectors: &[],
        attributes: &[
            a("collector", Type::Text, "go, or the collector's name"),
            a("cycles", Type::Number, "collections"),
            a("full", Type::Number, "full collections, where the collector tells"),
            a("asked", Type::Number, "of these, those that somebody asked for"),
            a("full_share", Type::Number, "share of full collections in the last quarter, 0..1"),
            a(
                "full_time_share",
                Type::Number,
                "share of the time in which the program stood still for full collections that nobody asked for, 0..1",
            ),
            a(
                "cpu_percent",
                Type::Number,
                "share of the CPU over the life of the process, percent, at the last collection",
            ),
            a("live_to_goal", Type::Number, "live heap to the goal, median of the last quarter, 0..1"),
            a("freed_share", Type::Number, "share of the heap that a collection frees, median of the last quarter"),
            a("per_s", Type::Number, "collections per second, last half"),
            a("live_bytes", Type::Number, "live heap after the last collection"),
            a("span_s", Type::Number, "seconds from the first to the last collection"),
            a("near_limit_share", Type::Number, "goal to GOMEMLIMIT or the memory limit, where known"),
        ],
    },
    Kind {
        name: "sched",
        doc: "how the Go scheduler stood over a schedtrace",
        selectors: &[],
        attributes: &[
            a("n", Type::Number, "lines"),
            a("gomaxprocs", Type::Number, "processors"),
            a("queue_median", Type::Number, "runnable goroutines that wait for a processor, median"),
            a("queue_per_proc", Type::Number, "the same per processor"),
            a("queue_max", Type::Number, "the same, largest"),
            a("idle_share", Type::Number, "share of lines with an idle processor"),
            a("threads_first", Type::Number, "threads at the first line"),
            a("threads_last", Type::Number, "threads at the last line"),
            a("threads_growth", Type::Number, "more than at the first line"),
            a("threads_per_proc", Type::Number, "threads at the last line per processor"),
            a("idle_threads_last", Type::Number, "threads without work at the last line"),
            a(
                "blocked_threads",
                Type::Number,
                "threads at the last line that are neither idle nor needed by a processor",
            ),
            a("threads_rising", Type::Number, "share of steps in which threads did not fall"),
        ],
    },
    Kind {
        name: "coupling",
        doc: "two signals that went together",
        selectors: &["a", "b"],
        attributes: &[
            a("a", Type::Text, "first signal"),
            a("b", Type::Text, "second signal"),
            a("r", Type::Number, "Pearson correlation"),
            a("p", Type::Number, "chance of it without a relation"),
            a("n", Type::Number, "pairs of samples"),
            a("a_per_b", Type::Number, "slope of the first on the second"),
        ],
    },
    Kind {
        name: "unnamed",
        doc: "samples of a profile that hold code without a name or stacks that end too early; a tenth and more",
        selectors: &["of", "cause"],
        attributes: &[
            a(
                "of",
                Type::Word(&["cpu", "off-cpu", "heap-inuse", "heap-alloc", "mutex", "block", "other"]),
                "what was sampled",
            ),
            a("cause", Type::Word(super::unnamed::NAMES), "the likely cause"),
            a("share", Type::Number, "share of the samples, 0..1"),
        ],
    },
    Kind {
        name: "idiom",
        doc: "what a known costly idiom takes of a CPU profile; those of a twentieth and more",
        selectors: &["of", "idiom"],
        attributes: &[
            a("of", Type::Word(&["cpu", "other"]), "what was sampled"),
            a("idiom", Type::Word(super::idioms::NAMES), "which"),
            a("share", Type::Number, "share of the samples on whose path it is, 0..1"),
            a("samples", Type::Number, "samples of the profile"),
            a("cpus", Type::Number, "CPUs that were in use on average, where the profile tells time and duration"),
            a("caller", Type::Text, "the user function below which most of it is"),
            a("caller_share", Type::Number, "share of it that is below the caller, 0..1"),
        ],
    },
    Kind {
        name: "hot",
        doc: "the function that owns most of a profile",
        selectors: &["of"],
        attributes: &[
            a(
                "of",
                Type::Word(&["cpu", "off-cpu", "heap-inuse", "heap-alloc", "mutex", "block", "other"]),
                "what was sampled",
            ),
            a("culprit", Type::Text, "the user function that owns the cost"),
            a("leaf", Type::Text, "innermost function with the largest share"),
            a("self", Type::Number, "share of the leaf, 0..1"),
            a("total", Type::Number, "share of samples of which the culprit is the innermost user function, 0..1"),
            a("user", Type::Flag, "the culprit is user code"),
            a("wrapper", Type::Text, "function with the largest share of all below the roots of threads"),
            a("wrapper_share", Type::Number, "share of samples that pass through it, 0..1"),
            a("samples", Type::Number, "samples"),
            a("broken", Type::Number, "share of stacks of one frame or none, 0..1"),
            a("unknown", Type::Number, "share of samples whose innermost frame has no name, 0..1"),
            a("idiom", Type::Word(super::idioms::NAMES), "the costliest known idiom on the path, if any"),
            a("idiom_share", Type::Number, "share of samples on whose path it is, 0..1"),
            a("reason", Type::Word(REASONS), "off CPU: what most of the time is waited in"),
            a("reason_share", Type::Number, "share of the time off CPU that is waited in it, 0..1"),
            a("waited_s", Type::Number, "seconds off CPU that are waited in it, where times are known"),
            a("kernel_share", Type::Number, "share of samples whose innermost frame is the kernel's, 0..1"),
            a("bytes", Type::Number, "bytes, for heap profiles"),
            a("cpus", Type::Number, "CPUs that were in use on average, where the profile tells time and duration"),
            a("growth_share", Type::Number, "share of the growth between the first and the last profile, 0..1"),
        ],
    },
    Kind {
        name: "alloc",
        doc: "the function whose bytes in use grew most between two heap profiles",
        selectors: &[],
        attributes: &[
            a("function", Type::Text, "innermost user function that allocated them"),
            a("bytes", Type::Number, "its bytes in use in the last profile"),
            a("grew_bytes", Type::Number, "more than in the first"),
            a("total_grew_bytes", Type::Number, "growth of all functions together"),
            a("share", Type::Number, "its share of all bytes in use, 0..1"),
            a("share_of_growth", Type::Number, "its share of the growth, 0..1"),
            a("profiles", Type::Number, "heap profiles"),
        ],
    },
    Kind {
        name: "crash",
        doc: "a process that ended by its own fault",
        selectors: &[],
        attributes: &[
            a("kind", Type::Word(&["panic", "fatal", "signal", "race"]), "how"),
            a("message", Type::Text, "what it printed"),
            a("site", Type::Text, "innermost user function"),
            a("reason", Type::Word(REASONS), "what most goroutines of its dump wait in"),
            a("count", Type::Number, "goroutines of its dump that wait"),
            a("deadlock", Type::Flag, "the runtime found every goroutine asleep"),
            a("quit", Type::Flag, "a dump was asked for by signal: no fault by itself"),
        ],
    },
    Kind {
        name: "report",
        doc: "what another tool found: a sanitizer, or a trace of system calls",
        selectors: &[],
        attributes: &[
            a(
                "kind",
                Type::Word(&[
                    "memory-leak",
                    "thread-leak",
                    "lock-order-inversion",
                    "threads-not-ended",
                    "stacks-kept",
                    "blocked-call",
                ]),
                "what",
            ),
            a("site", Type::Text, "where, if it tells"),
            a("count", Type::Number, "how many"),
            a("bytes", Type::Number, "how much"),
            a("reused", Type::Number, "of these, used again"),
            a("late_share", Type::Number, "share of these that came in the second half of the trace, 0..1"),
            a("call", Type::Text, "system call"),
            a("reason", Type::Word(REASONS), "what that call waits for"),
            a(
                "asked",
                Type::Flag,
                "it connects, or the thread sent something on the same descriptor before: it waits for an answer",
            ),
            a("seconds", Type::Number, "how long the shortest of these calls has not returned"),
        ],
    },
    Kind {
        name: "shortage",
        doc: "what a runtime itself says that it had not enough of",
        selectors: &["resource"],
        attributes: &[
            a(
                "resource",
                Type::Word(&["heap", "metaspace", "direct", "threads", "array", "native"]),
                "of what: of a JVM's OutOfMemoryError",
            ),
            a("count", Type::Number, "how often"),
            a("ended", Type::Flag, "the JVM ended itself for it"),
            a("limit_bytes", Type::Number, "the limit that was met, if it tells"),
            a("message", Type::Text, "what it said"),
            a("site", Type::Text, "innermost user function that met it most often"),
        ],
    },
    Kind {
        name: "stall",
        doc: "the kernel saw a task that did not go on",
        selectors: &[],
        attributes: &[
            a("kind", Type::Word(&["hung-task", "soft-lockup", "rcu-stall", "blocked-task", "d-state"]), "how"),
            a("reason", Type::Word(REASONS), "what the task does, where the kind tells"),
            a("task", Type::Text, "name of the task"),
            a("seconds", Type::Number, "for how long"),
            a("site", Type::Text, "kernel function that tells most"),
            a("count", Type::Number, "reports"),
            a("frames", Type::List, "kernel functions, innermost first"),
        ],
    },
];

/// A kind of fact by name.
pub fn kind_named(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// Everything that the passes stated, in a fixed order.
#[derive(Debug, Default)]
pub struct Facts {
    /// The facts.
    pub all: Vec<Fact>,
    /// Kinds of facts for which there was input, by subject: without a fact there, the answer is no; without an
    /// entry here, it is unknown.
    looked: std::collections::BTreeSet<(&'static str, SubjectId)>,
}

impl Facts {
    /// Says that there was input to state facts of this kind about a subject.
    pub fn looked_for(&mut self, kind: &'static str, subject: SubjectId) {
        self.looked.insert((kind, subject));
    }

    /// Whether facts of a kind could have been stated about a subject (any subject when `None`).
    pub fn could_state(&self, kind: &str, subject: Option<SubjectId>) -> bool {
        self.looked.iter().any(|(name, id)| *name == kind && subject.is_none_or(|subject| subject == *id))
    }

    /// Adds a fact.
    pub fn push(&mut self, fact: Fact) {
        self.looked.insert((fact.kind, fact.subject));
        self.all.push(fact);
    }

    /// The facts of a kind.
    pub fn of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Fact> {
        self.all.iter().filter(move |fact| fact.kind == kind)
    }
}
