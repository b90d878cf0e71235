//! Why a thread waits: from its frames first, from its header second.

use postmortem_parsers::evidence::{Runtime, Thread};
use postmortem_parsers::tables::{FrameId, FrameKind, StackId, Tables};

/// A blocking reason: a word of the report schema.
pub type Reason = &'static str;

/// What the innermost frames of a stack say; `None` where only the header can tell.
pub fn from_frames(tables: &Tables, stack: StackId, runtime: Runtime) -> Option<Reason> {
    match runtime {
        Runtime::Go => go_frames(tables, stack),
        Runtime::Java => java_frames(tables, stack),
        Runtime::Native => native_frames(tables, stack),
        Runtime::Python => python_frames(tables, stack).or_else(|| native_frames(tables, stack)),
        _ => None,
    }
}

/// The reason of a thread, given what its frames say.
pub fn of_thread(tables: &Tables, thread: &Thread, runtime: Runtime, frames: Option<Reason>) -> Reason {
    let state = tables.text(thread.state);
    match runtime {
        Runtime::Go => go_header(state, frames),
        Runtime::Java => java_header(state, frames),
        Runtime::Python if frames.is_none() && state.starts_with("active") => "running",
        _ => frames.unwrap_or("unknown"),
    }
}

/// Locks and waits of Go by their frames: prefix of the function, reason. The first that fits wins, so what stands
/// around a mutex (`sync.(*RWMutex).Lock`) comes before the mutex.
const GO_LOCKS: &[(&str, Reason)] = &[
    ("sync.(*RWMutex).RLock", "rwmutex-read"),
    ("sync.(*RWMutex).Lock", "rwmutex-write"),
    ("sync.(*WaitGroup).Wait", "waitgroup"),
    ("sync.(*Cond).Wait", "cond"),
    ("golang.org/x/sync/semaphore.(*Weighted).Acquire", "semaphore"),
    ("sync.(*Mutex).Lock", "mutex"),
    ("sync.(*Mutex).lockSlow", "mutex"),
    ("internal/sync.(*Mutex).", "mutex"),
    ("sync.runtime_SemacquireMutex", "mutex"),
    ("internal/sync.runtime_SemacquireMutex", "mutex"),
];

/// The runtime's own frames, seen in SIGQUIT dumps and protobuf profiles.
const GO_RUNTIME: &[(&str, Reason)] = &[
    ("runtime.chansend", "chan-send"),
    ("runtime.chanrecv", "chan-receive"),
    ("runtime.selectgo", "select"),
    ("runtime.block", "nil-chan"),
    ("runtime.netpollblock", "network-io"),
    ("internal/poll.runtime_pollWait", "network-io"),
    ("time.Sleep", "sleep"),
    ("runtime.gcBgMarkWorker", "gc"),
];

fn go_frames(tables: &Tables, stack: StackId) -> Option<Reason> {
    let mut found = None;
    for (index, &frame) in tables.stack_frames(stack).iter().enumerate().take(14) {
        let function = tables.function(frame);
        if let Some((_, reason)) = GO_LOCKS.iter().find(|(prefix, _)| function.starts_with(prefix)) {
            // An outer frame of the lock says which lock it is: the writer's side of an RWMutex waits in a Mutex.
            found = Some(*reason);
            if matches!(*reason, "rwmutex-read" | "rwmutex-write" | "waitgroup" | "cond" | "semaphore") {
                return found;
            }
            continue;
        }
        if found.is_some() {
            return found;
        }
        if let Some((_, reason)) = GO_RUNTIME.iter().find(|(prefix, _)| function.starts_with(prefix)) {
            // Below a pollWait stands what is waited for; a DNS look-up names itself further out.
            return Some(if *reason == "network-io" && is_dns(tables, stack) { "dns" } else { reason });
        }
        let cgo = function.starts_with("runtime.cgocall") || function.contains("._Cfunc_");
        if cgo || (index < 2 && tables.get_frame(frame).kind == FrameKind::Native) {
            return Some(if is_dns(tables, stack) { "dns" } else { "cgo" });
        }
        if is_disk(function) {
            return Some("disk-io");
        }
        if super::code::is_user_go(function) {
            break;
        }
    }
    None
}

fn is_dns(tables: &Tables, stack: StackId) -> bool {
    tables.functions(stack).take(24).any(|function| {
        function.starts_with("net.(*Resolver).lookup")
            || function.starts_with("net.cgoLookup")
            || function.starts_with("net._C2func_getaddrinfo")
            || function.contains("Inet6AddressImpl.lookupAllHostAddr")
            || function.contains("Inet4AddressImpl.lookupAllHostAddr")
    })
}

fn is_disk(function: &str) -> bool {
    matches!(function, "os.(*File).Sync" | "internal/poll.(*FD).Fsync" | "syscall.Fsync" | "syscall.Fdatasync")
}

fn go_header(state: &str, frames: Option<Reason>) -> Reason {
    // A goroutine that runs is not waiting, whatever it was about to do.
    match state {
        "running" => return "running",
        "runnable" | "preempted" | "copystack" => return "runnable",
        _ => {}
    }
    let state = state.strip_suffix(" (durable)").or(state.strip_suffix(" (synctest)")).unwrap_or(state);
    match state {
        "chan receive (nil chan)" | "chan send (nil chan)" | "select (no cases)" => return "nil-chan",
        "chan send" => return "chan-send",
        "chan receive" => return "chan-receive",
        "select" => return if frames == Some("semaphore") { "semaphore" } else { "select" },
        _ => {}
    }
    if let Some(reason) = frames {
        return reason;
    }
    match state {
        "sync.Mutex.Lock" => "mutex",
        "sync.RWMutex.RLock" => "rwmutex-read",
        "sync.RWMutex.Lock" => "rwmutex-write",
        "sync.WaitGroup.Wait" => "waitgroup",
        "sync.Cond.Wait" => "cond",
        "semacquire" => "semaphore",
        "IO wait" => "network-io",
        "syscall" => "syscall",
        "sleep" => "sleep",
        "waiting for cgo callback" => "cgo",
        _ if state.starts_with("GC ") || state.starts_with("garbage collection") || state == "wait for GC cycle" => {
            "gc"
        }
        _ => "unknown",
    }
}

/// Java waits by their innermost frames: suffix of class and method, reason.
const JAVA_FRAMES: &[(&str, Reason)] = &[
    ("SocketInputStream.socketRead0", "network-io"),
    ("SocketDispatcher.read0", "network-io"),
    ("SocketDispatcher.read", "network-io"),
    ("SocketDispatcher.write0", "network-io"),
    ("SocketOutputStream.socketWrite0", "network-io"),
    ("Net.poll", "network-io"),
    ("Net.accept", "network-io"),
    ("Net.connect0", "network-io"),
    ("EPoll.wait", "network-io"),
    ("EPollArrayWrapper.epollWait", "network-io"),
    ("PlainSocketImpl.socketAccept", "network-io"),
    ("PlainSocketImpl.socketConnect", "network-io"),
    ("ServerSocketChannelImpl.accept0", "network-io"),
    ("Native.epollWait", "network-io"),
    ("Native.epollWait0", "network-io"),
    ("NioSocketImpl.park", "network-io"),
    ("lookupAllHostAddr", "dns"),
    ("FileInputStream.readBytes", "disk-io"),
    ("FileOutputStream.writeBytes", "disk-io"),
    ("FileDispatcherImpl.read0", "disk-io"),
    ("FileDispatcherImpl.write0", "disk-io"),
    ("FileDispatcherImpl.pread0", "disk-io"),
    ("FileDispatcherImpl.force0", "disk-io"),
    ("Object.wait", "monitor-wait"),
    ("Object.wait0", "monitor-wait"),
    ("Thread.sleep", "sleep"),
    ("Thread.sleep0", "sleep"),
    ("Thread.sleepNanos0", "sleep"),
    ("Thread.sleepNanos", "sleep"),
    ("TimeUnit.sleep", "sleep"),
    ("ProcessHandleImpl.waitForProcessExit0", "syscall"),
];

fn java_frames(tables: &Tables, stack: StackId) -> Option<Reason> {
    let frames = tables.stack_frames(stack);
    let top = tables.function(*frames.first()?);
    if let Some((_, reason)) = JAVA_FRAMES.iter().find(|(suffix, _)| top.ends_with(suffix)) {
        return Some(reason);
    }
    if top.ends_with("Unsafe.park")
        || top.ends_with("VirtualThread.park")
        || top.ends_with("VirtualThread.yieldContinuation")
    {
        let near = || frames.iter().take(12).map(|&frame| tables.function(frame));
        if near().any(|function| function.ends_with("NioSocketImpl.park")) {
            return Some("network-io");
        }
        if near().any(|function| function.contains("concurrent.Semaphore.")) {
            return Some("semaphore");
        }
        return Some("park");
    }
    None
}

fn java_header(state: &str, frames: Option<Reason>) -> Reason {
    let word = state.split(' ').next().unwrap_or(state);
    match (word, frames) {
        // OpenJ9 has letters: blocked, condition wait, parked, runnable.
        ("BLOCKED" | "B", _) => "monitor-enter",
        ("WAITING" | "TIMED_WAITING" | "CW" | "P", Some(reason)) => reason,
        ("CW", None) => "monitor-wait",
        ("P", None) => "park",
        ("WAITING" | "TIMED_WAITING", None) => match state {
            _ if state.contains("(parking)") => "park",
            _ if state.contains("(sleeping)") => "sleep",
            _ if state.contains("object monitor") => "monitor-wait",
            _ => "unknown",
        },
        ("RUNNABLE" | "runnable" | "R", Some(reason)) => reason,
        ("RUNNABLE" | "runnable" | "R", None) => "running",
        (_, Some(reason)) => reason,
        _ => "unknown",
    }
}

/// Native waits: the innermost frames, inner first; the second decides where the first is a bare futex.
const NATIVE_FRAMES: &[(&str, Reason)] = &[
    ("*pthread_cond_*", "cond"),
    ("*pthread_rwlock_rdlock*", "rwmutex-read"),
    ("*pthread_rwlock_wrlock*", "rwmutex-write"),
    ("*pthread_mutex_*", "mutex"),
    ("*lll_lock_wait*", "mutex"),
    ("*Mutex*lock_contended*", "mutex"),
    ("*RawMutex*lock_slow*", "mutex"),
    ("*RwLock*read_contended*", "rwmutex-read"),
    ("*RwLock*write_contended*", "rwmutex-write"),
    ("*RawRwLock*lock_shared_slow*", "rwmutex-read"),
    ("*RawRwLock*lock_exclusive_slow*", "rwmutex-write"),
    ("*Condvar*wait*", "cond"),
    ("*sem_wait*", "semaphore"),
    ("*sem_timedwait*", "semaphore"),
    ("*pthread_*join*", "waitgroup"),
    ("*epoll_wait*", "network-io"),
    ("*recv*", "network-io"),
    ("*accept*", "network-io"),
    ("*connect*", "network-io"),
    ("*ppoll*", "network-io"),
    ("*poll", "network-io"),
    ("*fsync*", "disk-io"),
    ("*fdatasync*", "disk-io"),
    ("*nanosleep*", "sleep"),
    ("*usleep*", "sleep"),
];

fn native_names<'a>(functions: impl Iterator<Item = &'a str>) -> Option<Reason> {
    functions.take(5).find_map(|function| {
        let known = NATIVE_FRAMES.iter().find(|(pattern, _)| super::glob::fits(pattern, function));
        known.map(|(_, reason)| *reason)
    })
}

/// Why a sampled thread left its CPU: `runnable` when it was taken off it.
pub fn of_switch(tables: &Tables, stack: StackId) -> Reason {
    let frames = tables.stack_frames(stack);
    let kernel = frames.iter().take_while(|&&frame| tables.get_frame(frame).kind == FrameKind::Kernel).count();
    let of = |frames: &[FrameId]| frames.iter().map(|&frame| tables.function(frame)).collect::<Vec<_>>();
    let (kernel, user) = (of(&frames[..kernel]), of(&frames[kernel..]));
    let has = |name: &str| kernel.iter().any(|function| function.contains(name));
    if has("irqentry_exit") || has("preempt_schedule") || has("asm_sysvec") {
        return "runnable";
    }
    native_names(user.iter().copied()).unwrap_or(match () {
        () if has("futex") => "futex",
        () if has("io_schedule") || has("fsync") => "disk-io",
        () if has("poll") || has("sock") || has("tcp_") => "network-io",
        () if has("nanosleep") => "sleep",
        () => "unknown",
    })
}

fn native_frames(tables: &Tables, stack: StackId) -> Option<Reason> {
    if let Some(reason) = native_names(tables.functions(stack)) {
        return Some(reason);
    }
    tables.functions(stack).next().filter(|function| function.contains("futex")).map(|_| "futex")
}

/// System calls by which a thread waits.
const SYSTEM_CALLS: &[(&str, Reason)] = &[
    ("recv*", "network-io"),
    ("send*", "network-io"),
    ("accept*", "network-io"),
    ("connect", "network-io"),
    ("epoll_*wait*", "network-io"),
    ("poll", "network-io"),
    ("ppoll*", "network-io"),
    ("select", "network-io"),
    ("pselect*", "network-io"),
    ("futex*", "futex"),
    ("*nanosleep*", "sleep"),
    ("fsync", "disk-io"),
    ("fdatasync", "disk-io"),
    ("flock", "disk-io"),
];

/// The reason of a thread that is in a system call.
pub fn of_call(call: &str) -> Reason {
    SYSTEM_CALLS.iter().find(|(glob, _)| super::glob::fits(glob, call)).map_or("syscall", |(_, reason)| reason)
}

/// Waits within Python's own library: file, function without its class, reason. Of the frames of one file the outermost
/// that is here decides: a `Semaphore.acquire` waits in a `Condition.wait`.
const PYTHON_FRAMES: &[(&str, &str, Reason)] = &[
    ("threading.py", "acquire", "semaphore"),
    ("threading.py", "wait", "cond"),
    ("threading.py", "_wait_for_tstate_lock", "waitgroup"),
    ("threading.py", "join", "waitgroup"),
    ("threading.py", "_shutdown", "waitgroup"),
    ("thread.py", "_worker", "cond"),
    ("selectors.py", "select", "network-io"),
    ("socket.py", "accept", "network-io"),
    ("socket.py", "readinto", "network-io"),
    ("socket.py", "create_connection", "network-io"),
    ("socket.py", "getaddrinfo", "dns"),
    ("ssl.py", "read", "network-io"),
    ("ssl.py", "recv", "network-io"),
    ("ssl.py", "send", "network-io"),
    ("ssl.py", "do_handshake", "network-io"),
    ("subprocess.py", "wait", "syscall"),
    ("subprocess.py", "_try_wait", "syscall"),
    ("popen_fork.py", "poll", "syscall"),
];

/// C functions of the interpreter by which Python code waits, which `py-spy dump --native` shows.
const PYTHON_CALLS: &[(&str, Reason)] = &[
    ("*acquire_lock*", "mutex"),
    ("*PyMutex_Lock*", "mutex"),
    ("*rlock_acquire*", "mutex"),
    ("time_sleep*", "sleep"),
    ("pysleep*", "sleep"),
    ("take_gil*", "runnable"),
    ("sock_*", "network-io"),
    ("select_*", "network-io"),
];

fn python_frames(tables: &Tables, stack: StackId) -> Option<Reason> {
    let frames = tables.stack_frames(stack);
    let native = frames.iter().take_while(|&&frame| tables.get_frame(frame).kind == FrameKind::Native).count();
    let file = |frame: FrameId| tables.text(tables.get_frame(frame).file);
    let library = frames.get(native).and_then(|&first| {
        let of_one_file = frames[native..].iter().take_while(|&&frame| file(frame) == file(first));
        let base = file(first).rsplit('/').next()?;
        let reason = |frame: FrameId| {
            let function = tables.function(frame).rsplit('.').next()?;
            PYTHON_FRAMES.iter().find(|(of, name, _)| *of == base && *name == function).map(|(_, _, reason)| *reason)
        };
        of_one_file.filter_map(|&frame| reason(frame)).last()
    });
    // The library's own name for the wait tells more than the lock by which it waits.
    library.or_else(|| {
        frames[..native].iter().find_map(|&frame| {
            let function = tables.function(frame);
            PYTHON_CALLS.iter().find(|(glob, _)| super::glob::fits(glob, function)).map(|(_, reason)| *reason)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use postmortem_parsers::tables::Frame;

    fn stack(tables: &mut Tables, functions: &[&str]) -> StackId {
        let frames: Vec<_> = functions
            .iter()
            .map(|name| {
                let function = tables.name_str(name);
                tables.frame(Frame { function, ..Frame::default() })
            })
            .collect();
        tables.stack(&frames)
    }

    fn reason(runtime: Runtime, state: &str, functions: &[&str]) -> Reason {
        let mut tables = Tables::default();
        let stack = stack(&mut tables, functions);
        let thread = Thread { state: tables.name_str(state), stack, ..Thread::default() };
        let frames = from_frames(&tables, stack, runtime);
        of_thread(&tables, &thread, runtime, frames)
    }

    #[test]
    fn the_primitive_beats_the_header() {
        let go = |state, frames: &[&str]| reason(Runtime::Go, state, frames);
        // The second writer waits on the RWMutex's own mutex.
        assert_eq!(
            go(
                "sync.Mutex.Lock",
                &["internal/sync.(*Mutex).lockSlow", "sync.(*Mutex).Lock", "sync.(*RWMutex).Lock", "main.f"]
            ),
            "rwmutex-write"
        );
        assert_eq!(go("semacquire", &["sync.runtime_Semacquire", "sync.(*WaitGroup).Wait", "main.f"]), "waitgroup");
        assert_eq!(go("semacquire", &["sync.runtime_SemacquireMutex", "sync.(*Mutex).lockSlow", "main.f"]), "mutex");
        assert_eq!(go("chan receive", &["main.f"]), "chan-receive");
        assert_eq!(go("chan receive (nil chan)", &["main.f"]), "nil-chan");
        assert_eq!(go("select", &["golang.org/x/sync/semaphore.(*Weighted).Acquire", "main.f"]), "semaphore");
        assert_eq!(go("IO wait", &["internal/poll.runtime_pollWait", "net.(*conn).Read"]), "network-io");
        assert_eq!(go("syscall", &["main._Cfunc_slp", "main.f"]), "cgo");
        assert_eq!(go("syscall", &["syscall.Syscall6", "syscall.openat", "os.Open", "main.f"]), "syscall");
        assert_eq!(go("", &["runtime.gopark", "runtime.chansend1", "main.f"]), "chan-send");
    }

    #[test]
    fn a_java_thread_in_a_native_read_waits_for_the_network() {
        let java = |state, frames: &[&str]| reason(Runtime::Java, state, frames);
        assert_eq!(java("RUNNABLE", &["sun.nio.ch.SocketDispatcher.read0", "x.Y.z"]), "network-io");
        assert_eq!(java("RUNNABLE", &["com.acme.A.b"]), "running");
        assert_eq!(java("BLOCKED (on object monitor)", &["com.acme.A.b"]), "monitor-enter");
        assert_eq!(java("WAITING (on object monitor)", &["java.lang.Object.wait0"]), "monitor-wait");
        assert_eq!(
            java("WAITING (parking)", &["jdk.internal.misc.Unsafe.park", "java.util.concurrent.Semaphore.acquire"]),
            "semaphore"
        );
        assert_eq!(java("TIMED_WAITING (sleeping)", &["java.lang.Thread.sleep0"]), "sleep");
    }

    #[test]
    fn python_waits_by_its_library_or_the_call_below() {
        let mut tables = Tables::default();
        let mut python = |frames: &[(&str, &str)]| {
            let frames: Vec<_> = frames
                .iter()
                .map(|(name, file)| {
                    let kind = if file.ends_with(".py") { FrameKind::User } else { FrameKind::Native };
                    let (function, file) = (tables.name_str(name), tables.name_str(file));
                    tables.frame(Frame { function, file, kind, ..Frame::default() })
                })
                .collect();
            let stack = tables.stack(&frames);
            from_frames(&tables, stack, Runtime::Python)
        };
        let user = ("Account.deposit", "bank.py");
        assert_eq!(python(&[("Condition.wait", "threading.py"), user]), Some("cond"));
        assert_eq!(python(&[("wait", "/usr/lib/python3.11/threading.py"), user]), Some("cond"));
        assert_eq!(python(&[("PyThread_acquire_lock_timed", ""), user]), Some("mutex"));
        assert_eq!(
            python(&[("PyThread_acquire_lock_timed", ""), ("Condition.wait", "threading.py"), user]),
            Some("cond")
        );
        assert_eq!(python(&[("sock_recv", ""), user]), Some("network-io"));
        assert_eq!(python(&[user]), None);
    }

    #[test]
    fn a_bare_futex_is_told_by_the_next_frame() {
        let native = |frames: &[&str]| reason(Runtime::Native, "", frames);
        assert_eq!(native(&["futex_wait", "__GI___lll_lock_wait", "___pthread_mutex_lock", "f"]), "mutex");
        assert_eq!(native(&["__futex_abstimed_wait_common64", "__pthread_cond_wait_common", "f"]), "cond");
        assert_eq!(native(&["futex_wait", "g"]), "futex");
    }
}
