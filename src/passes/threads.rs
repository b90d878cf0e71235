//! What the thread passes share: each snapshot's threads with their reason, role and place, grouped.

use super::code;
use super::python_locks;
use super::reason::{self, Reason};
use super::roles::{Catalogue, Role};
use crate::case::{Case, Moment, Placed, SubjectId};
use crate::report::model::Site;
use postmortem_parsers::evidence::{Completeness, Runtime, Snapshot, Thread};
use postmortem_parsers::tables::{FrameId, StackId, Tables};
use rayon::prelude::*;
use std::collections::{BTreeMap, HashMap, HashSet};

/// What a stack tells, whatever thread it belongs to.
#[derive(Clone, Debug, Default)]
pub struct StackInfo {
    /// Reason by the frames.
    pub reason: Option<Reason>,
    /// Innermost user frame, or the innermost of all where none is the user's.
    pub site: Option<FrameId>,
    /// Whether the site is user code.
    pub is_user: bool,
    /// Waits inside a request or task.
    pub in_task: bool,
    /// `main.main` or the main method is the outermost user frame.
    pub is_main: bool,
}

/// A thread with what is known of it.
#[derive(Clone, Copy, Debug)]
pub struct Known<'a> {
    /// As the dump prints it.
    pub thread: &'a Thread,
    /// Why it waits.
    pub reason: Reason,
    /// Row of the catalogue.
    pub role: Option<&'a Role>,
    /// What its stack tells.
    pub stack: &'a StackInfo,
}

impl Known<'_> {
    /// Known to wait harmlessly.
    pub fn is_idle(&self) -> bool {
        self.role.is_some_and(|role| role.idle) || self.thread.marks.system
    }

    /// Waits for something that may never come.
    pub fn is_waiting(&self) -> bool {
        !matches!(self.reason, "running" | "runnable" | "gc")
    }

    /// Waits for a lock.
    pub fn waits_for_lock(&self) -> bool {
        matches!(self.reason, "mutex" | "rwmutex-read" | "rwmutex-write")
    }
}

/// A snapshot with its threads known.
#[derive(Debug)]
pub struct Census<'a> {
    /// The snapshot.
    pub placed: &'a Placed<Snapshot>,
    /// Its threads.
    pub threads: Vec<Known<'a>>,
    /// Ids of its threads, where the dump has any.
    pub ids: HashSet<u64>,
}

impl Census<'_> {
    /// Threads, entries with a count taken at their count.
    pub fn total(&self) -> u64 {
        self.placed.what.total()
    }

    /// Whether its threads have ids.
    pub fn has_ids(&self) -> bool {
        !self.ids.is_empty()
    }
}

/// All snapshots of a subject that tell of the same population, in the order of time.
#[derive(Debug)]
pub struct Population<'a> {
    /// Whose threads.
    pub subject: SubjectId,
    /// Which runtime.
    pub runtime: Runtime,
    /// The snapshots, never empty.
    pub censuses: Vec<Census<'a>>,
    /// Stacks that were only counted at other moments, where one full dump is all there is.
    pub counted: Vec<Census<'a>>,
}

impl<'a> Population<'a> {
    /// The newest snapshot.
    pub fn latest(&self) -> &Census<'a> {
        &self.censuses[self.censuses.len() - 1]
    }

    /// The oldest snapshot.
    pub fn first(&self) -> &Census<'a> {
        &self.censuses[0]
    }

    /// Seconds from the first to the last snapshot, where a clock tells.
    pub fn span_s(&self) -> Option<f64> {
        let (Moment { clock: a, t: from }, Moment { clock: b, t: to }) =
            (self.first().placed.at?, self.latest().placed.at?);
        (a == b && a.is_time()).then_some(to - from)
    }
}

/// Everything that stacks tell, once per distinct stack.
#[derive(Debug)]
pub struct Stacks {
    by_runtime: HashMap<Runtime, Vec<StackInfo>>,
    roles: HashMap<(Runtime, StackId, Option<FrameId>), usize>,
    catalogue: Vec<Role>,
}

const RUNTIMES: [Runtime; 6] =
    [Runtime::Go, Runtime::Java, Runtime::Native, Runtime::Python, Runtime::Node, Runtime::Unknown];

impl Stacks {
    /// Looks at every distinct stack of the snapshots, in parallel.
    pub fn of(case: &Case, catalogue: &Catalogue) -> Stacks {
        let mut by_runtime = HashMap::new();
        for runtime in RUNTIMES {
            let used: HashSet<StackId> = threads_of(case, runtime).map(|thread| thread.stack).collect();
            if used.is_empty() {
                continue;
            }
            let mut used: Vec<StackId> = used.into_iter().collect();
            used.sort();
            let infos: Vec<(StackId, StackInfo)> =
                used.par_iter().map(|&stack| (stack, stack_info(&case.tables, stack, runtime))).collect();
            let mut all = vec![StackInfo::default(); case.tables.stack_count()];
            for (stack, info) in infos {
                all[stack.index()] = info;
            }
            by_runtime.insert(runtime, all);
        }
        let mut pairs: Vec<(Runtime, StackId, Option<FrameId>)> = RUNTIMES
            .iter()
            .flat_map(|&runtime| {
                threads_of(case, runtime).map(move |thread| (runtime, thread.stack, thread.created_by))
            })
            .collect::<HashSet<_>>()
            .into_iter()
            .collect();
        pairs.sort_by_key(|(runtime, stack, creator)| (*runtime, *stack, *creator));
        let found: Vec<Option<Role>> = pairs
            .par_iter()
            .map(|&(runtime, stack, creator)| {
                let creator = creator.map_or("", |frame| case.tables.function(frame));
                catalogue.role_of(&case.tables, stack, creator, runtime).cloned()
            })
            .collect();
        let (mut roles, mut kept) = (HashMap::new(), Vec::new());
        for (pair, role) in pairs.into_iter().zip(found) {
            if let Some(role) = role {
                roles.insert(pair, kept.len());
                kept.push(role);
            }
        }
        Stacks { by_runtime, roles, catalogue: kept }
    }

    fn know<'a>(&'a self, tables: &Tables, thread: &'a Thread, runtime: Runtime) -> Known<'a> {
        static NOTHING: StackInfo =
            StackInfo { reason: None, site: None, is_user: false, in_task: false, is_main: false };
        let stack = self.by_runtime.get(&runtime).and_then(|all| all.get(thread.stack.index())).unwrap_or(&NOTHING);
        let role = self.roles.get(&(runtime, thread.stack, thread.created_by)).map(|&index| &self.catalogue[index]);
        Known { thread, reason: reason::of_thread(tables, thread, runtime, stack.reason), role, stack }
    }
}

fn threads_of(case: &Case, runtime: Runtime) -> impl Iterator<Item = &Thread> {
    case.snapshots.iter().filter(move |placed| placed.what.runtime == runtime).flat_map(|placed| &placed.what.threads)
}

fn stack_info(tables: &Tables, stack: StackId, runtime: Runtime) -> StackInfo {
    let frames = tables.stack_frames(stack);
    let user = code::innermost_user(tables, stack, runtime);
    let outermost = frames
        .iter()
        .rev()
        .map(|&frame| tables.function(frame))
        .find(|function| !matches!(*function, "runtime.main" | "runtime.goexit"));
    StackInfo {
        reason: reason::from_frames(tables, stack, runtime),
        site: user.map(|index| frames[index]).or(frames.first().copied()),
        is_user: user.is_some(),
        in_task: in_task(tables, stack, runtime),
        is_main: outermost.is_some_and(|function| function == "main.main")
            || outermost.is_some_and(|function| runtime == Runtime::Java && function.ends_with(".main")),
    }
}

/// Functions below which a thread works on a request or task, as globs.
const TASK_MARKS: &[&str] = &[
    "*net/http.serverHandler.ServeHTTP",
    "*google.golang.org/grpc.(*Server).handleStream",
    "*java.util.concurrent.ThreadPoolExecutor.runWorker",
    "*java.util.concurrent.ForkJoinTask.doExec",
    "*java.util.concurrent.ThreadPerTaskExecutor",
    "*/concurrent/futures/thread.py:run",
    "*/socketserver.py:process_request_thread",
    "*/gunicorn/workers/*:handle_request",
    "*/celery/app/trace.py:trace_task",
    "*/werkzeug/serving.py:run_wsgi",
    "*/waitress/task.py:service",
    "*/flask/app.py:wsgi_app",
    "*/django/core/handlers/base.py:get_response",
];

fn in_task(tables: &Tables, stack: StackId, runtime: Runtime) -> bool {
    let is_mark = |&frame: &FrameId| {
        let name = code::rule_name(tables, frame, runtime);
        TASK_MARKS.iter().any(|mark| super::glob::fits(mark, &name))
    };
    let marked = tables.stack_frames(stack).iter().any(is_mark);
    match runtime {
        Runtime::Java => {
            marked && !tables.functions(stack).any(|function| function.ends_with("ThreadPoolExecutor.getTask"))
        }
        _ => marked,
    }
}

/// The populations of a case: for each subject and runtime, the snapshots that can be compared.
pub fn populations<'a>(case: &'a Case, stacks: &'a Stacks) -> Vec<Population<'a>> {
    let mut by_owner: BTreeMap<(SubjectId, Runtime), Vec<&'a Placed<Snapshot>>> = BTreeMap::new();
    // A list of threads has no stacks: the pass over tasks reads it.
    for placed in case.snapshots.iter().filter(|placed| placed.what.origin != "ps") {
        by_owner.entry((placed.subject, placed.what.runtime)).or_default().push(placed);
    }
    by_owner
        .into_iter()
        .map(|((subject, runtime), all)| {
            let chosen = comparable(&all);
            let counted = if let [full] = chosen[..] { counted_before(&all, full) } else { Vec::new() };
            let census = |placed: &'a Placed<Snapshot>| Census {
                placed,
                threads: known_threads(case, stacks, placed),
                ids: placed
                    .what
                    .threads
                    .iter()
                    .filter(|t| t.count == 1 && has_id(&placed.what))
                    .map(thread_key)
                    .collect(),
            };
            let censuses = chosen.into_iter().map(census).collect();
            let counted = counted.into_iter().map(census).collect();
            Population { subject, runtime, censuses, counted }
        })
        .collect()
}

fn known_threads<'a>(case: &'a Case, stacks: &'a Stacks, placed: &'a Placed<Snapshot>) -> Vec<Known<'a>> {
    let snapshot = &placed.what;
    let mut threads: Vec<Known<'a>> =
        snapshot.threads.iter().map(|thread| stacks.know(&case.tables, thread, snapshot.runtime)).collect();
    if snapshot.runtime == Runtime::Python {
        python_locks::mark(&case.tables, snapshot, &mut threads);
    }
    threads
}

/// The id by which a thread is known from one snapshot to the next.
pub fn thread_key(thread: &Thread) -> u64 {
    if thread.id != 0 { thread.id } else { thread.os_id.unwrap_or(0) }
}

fn has_id(snapshot: &Snapshot) -> bool {
    !matches!(snapshot.origin, "debug=1" | "pprof" | "goroutineleak" | "debug=0")
}

/// Snapshots of one kind: full dumps where there are any, else counted stacks; the goroutine of a panic alone only
/// where there is nothing else. A leak profile lists a part of the goroutines and is evidence of its own.
fn comparable<'a>(all: &[&'a Placed<Snapshot>]) -> Vec<&'a Placed<Snapshot>> {
    let rank = |snapshot: &Snapshot| match snapshot.origin {
        "goroutineleak" => 3,
        _ if snapshot.completeness == Completeness::Partial => 4,
        _ if has_id(snapshot) => 0,
        _ => 1,
    };
    let best = all.iter().map(|placed| rank(&placed.what)).min().unwrap_or(0);
    let kept: Vec<_> = all.iter().copied().filter(|placed| rank(&placed.what) == best).collect();
    // faulthandler has other ids than py-spy, and no class names: threads of the two cannot be followed.
    let is_fault = |placed: &&Placed<Snapshot>| placed.what.origin == "faulthandler";
    let faults = kept.iter().filter(|placed| is_fault(placed)).count();
    let take_faults = faults * 2 > kept.len();
    kept.into_iter().filter(|placed| is_fault(placed) == take_faults).collect()
}

/// The counted stacks (`debug=1`, pprof) from before a full dump. One of the same moment tells nothing of time.
fn counted_before<'a>(all: &[&'a Placed<Snapshot>], full: &Placed<Snapshot>) -> Vec<&'a Placed<Snapshot>> {
    let before = |placed: &&Placed<Snapshot>| match (placed.at, full.at) {
        (Some(a), Some(b)) if a.clock == b.clock && a.clock.is_time() => a.t + SAME_MOMENT_S < b.t,
        (Some(a), Some(b)) => a.clock == b.clock && a.t < b.t,
        _ => false,
    };
    let is_counted = |placed: &&Placed<Snapshot>| {
        !has_id(&placed.what)
            && placed.what.origin != "goroutineleak"
            && placed.what.completeness != Completeness::Partial
    };
    all.iter().copied().filter(is_counted).filter(before).collect()
}

/// Captures that are no further apart were taken by one script at one go.
const SAME_MOMENT_S: f64 = 3.0;

/// A place in the code for a report.
pub fn site(tables: &Tables, frame: FrameId, role: &str) -> Site {
    let detail = tables.get_frame(frame);
    let file = tables.text(detail.file);
    Site {
        function: tables.text(detail.function).to_owned(),
        file: (!file.is_empty()).then(|| file.to_owned()),
        line: (detail.line > 0).then_some(detail.line),
        role: role.to_owned(),
    }
}

/// Functions by which any code waits: they tell nothing of what is waited for.
const MECHANISMS: &[&str] = &[
    "runtime.*",
    "internal/*",
    "sync.*",
    "*.Unsafe.park",
    "*LockSupport.*",
    "*AbstractQueuedSynchronizer*",
    "java.util.concurrent.*Queue*",
    "java.util.concurrent.*Deque*",
    "*ForkJoinPool.managedBlock",
    "*ForkJoinPool.unmanagedBlock",
    "java.lang.Object.wait*",
    "*futex*",
    "*lll_lock_wait*",
    "*pthread_*",
];

/// The places of a waiting stack: where it waits, who called that, who started it.
pub fn sites_of(tables: &Tables, stack: StackId, created_by: Option<FrameId>, runtime: Runtime) -> Vec<Site> {
    let frames = tables.stack_frames(stack);
    let mut sites: Vec<Site> = Vec::new();
    let user: Vec<FrameId> = frames.iter().copied().filter(|&frame| code::is_user(tables, frame, runtime)).collect();
    match user.first() {
        Some(&first) => {
            sites.push(site(tables, first, "blocked"));
            sites.extend(user.iter().skip(1).take(2).map(|&frame| site(tables, frame, "caller")));
        }
        None => {
            let library = frames.iter().copied().find(|&frame| {
                let function = tables.function(frame);
                !MECHANISMS.iter().any(|glob| super::glob::fits(glob, function))
            });
            sites.extend(library.or(frames.first().copied()).map(|frame| site(tables, frame, "blocked")));
        }
    }
    sites.extend(created_by.map(|frame| site(tables, frame, "creator")));
    sites
}
