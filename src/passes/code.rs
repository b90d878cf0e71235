//! Whose code a function is: the user's, the standard library's, or the runtime's.

use postmortem_parsers::evidence::Runtime;
use postmortem_parsers::tables::{FrameId, FrameKind, StackId, Tables};
use std::borrow::Cow;

/// First path elements of Go's standard library.
const GO_STD: &[&str] = &[
    "archive",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "unsafe",
    "vendor",
    "weak",
];

/// Java packages that are not the user's own: the platform, servers, drivers and frameworks.
const JAVA_LIBRARY: &[&str] = &[
    "java.",
    "javax.",
    "jakarta.",
    "jdk.",
    "sun.",
    "com.sun.",
    "org.apache.",
    "org.eclipse.",
    "io.netty.",
    "com.zaxxer.",
    "org.springframework.",
    "kotlin.",
    "kotlinx.",
    "scala.",
    "akka.",
    "org.hibernate.",
    "io.grpc.",
    "com.google.common.",
    "org.jboss.",
    "io.undertow.",
    "com.mysql.",
    "org.postgresql.",
    "oracle.",
    "reactor.",
    "io.vertx.",
    "okhttp3.",
    "org.slf4j.",
    "ch.qos.",
    "com.fasterxml.",
];

/// Objects of the C and C++ libraries and of language runtimes: what they hold is nobody's own code. An object's name
/// begins so.
const LIBRARY_OBJECTS: &[&str] = &[
    "libc.so",
    "libc-2.",
    "libm.so",
    "libpthread",
    "librt.so",
    "libdl.so",
    "ld-linux",
    "ld-2.",
    "ld-musl",
    "libstdc++",
    "libc++",
    "libgcc_s",
    "libgomp",
    "libjemalloc",
    "libtcmalloc",
    "libjvm.so",
    "libjli.so",
    "libpython",
    "[vdso]",
];

/// Native functions of the C library and of language runtimes.
const NATIVE_LIBRARY: &[&str] = &[
    "__*",
    "_IO_*",
    "_dl_*",
    "_int_*",
    "_start",
    "_exit",
    "clone",
    "clone3",
    "start_thread",
    "pthread_*",
    "lll_*",
    "futex_*",
    "do_futex_wait*",
    "lll_*",
    "sem_*",
    "epoll_*",
    "poll",
    "select",
    "read",
    "write",
    "recv*",
    "send*",
    "accept*",
    "connect",
    "nanosleep",
    "clock_nanosleep",
    "usleep",
    "sleep",
    "malloc",
    "calloc",
    "realloc",
    "free",
    "mem*",
    "str*",
    "syscall",
    "*@@*",
    "std::*",
    "core::*",
    "alloc::*",
    "<std::*",
    "<core::*",
    "<alloc::*",
    "indexbody*",
    "cmpbody*",
    "countbody*",
    "memeqbody*",
    "aeshashbody*",
    "gcWriteBarrier*",
    "<&T as core::*",
    "<*const *",
    "<*mut *",
    "<&*",
    "<[*",
    "<str as *",
    "<u8 as *",
    "<u32 as *",
    "<u64 as *",
    "<usize as *",
    "<i32 as *",
    "<i64 as *",
    "<f64 as *",
    "<T as *",
    "<I as *",
    "<F as *",
    "hashbrown::*",
    "<hashbrown::*",
    "memchr::*",
    "regex::*",
    "regex_automata::*",
    "regex_syntax::*",
    "serde::*",
    "serde_json::*",
    "<serde_json::*",
    "tokio::*",
    "<tokio::*",
    "rayon::*",
    "rayon_core::*",
    "parking_lot*",
    "crossbeam*",
    "futures_*",
    "mio::*",
    "hyper::*",
    "rust_*",
    "entry_SYSCALL*",
    "do_syscall*",
    "raise",
    "abort",
    "gsignal",
    "_Z*St*",
    "operator new*",
    "operator delete*",
    "void std::*",
    "[unknown]",
    "??",
    "(garbage collector)",
    "(program)",
    "(idle)",
    "(root)",
];

/// Whether a function is the user's own code.
pub fn is_user(tables: &Tables, frame: FrameId, runtime: Runtime) -> bool {
    let detail = tables.get_frame(frame);
    if detail.kind == FrameKind::Kernel {
        return false;
    }
    let function = tables.text(detail.function);
    match runtime {
        Runtime::Go => is_user_go(function),
        Runtime::Java => is_user_java(function),
        Runtime::Python => !is_python_library(tables.text(detail.file)),
        Runtime::Kernel => false,
        Runtime::Node => !tables.text(detail.file).starts_with("node:"),
        Runtime::Native | Runtime::Unknown => {
            let (file, module) = (tables.text(detail.file), tables.text(detail.module));
            let module = module.rsplit('/').next().unwrap_or(module);
            if file.ends_with(".py") || file.starts_with("<frozen ") {
                return !is_python_library(file);
            }
            !function.is_empty()
                && !file.starts_with("node:")
                && !LIBRARY_OBJECTS.iter().any(|object| module.starts_with(object))
                && is_user_unknown(function)
        }
    }
}

/// How rules name a frame: by its function, in Python with the file before it and without the class, which not every
/// dump prints: `/usr/lib/python3.11/queue.py:get`.
pub fn rule_name(tables: &Tables, frame: FrameId, runtime: Runtime) -> Cow<'_, str> {
    if runtime != Runtime::Python {
        return Cow::Borrowed(tables.function(frame));
    }
    let place = tables.get_frame(frame);
    let (function, file) = (tables.text(place.function), tables.text(place.file));
    let function = function.rsplit('.').next().unwrap_or(function);
    Cow::Owned(format!("/{}:{function}", file.trim_start_matches('/')))
}

/// Whether a Python file belongs to the interpreter or to an installed package. faulthandler prints whole paths; py-spy
/// leaves out the folder that the module was found in, so that packages show by their first path element.
fn is_python_library(file: &str) -> bool {
    file.starts_with('<')
        || ["/lib/python", "site-packages/", "dist-packages/"].iter().any(|folder| file.contains(folder))
        || match file.split_once('/') {
            Some((package, _)) => PYTHON_PACKAGES.contains(&package),
            None => PYTHON_MODULES.contains(&file),
        }
}

/// Modules of Python's own library in which threads wait or begin.
const PYTHON_MODULES: &[&str] = &[
    "asyncore.py",
    "codecs.py",
    "contextlib.py",
    "functools.py",
    "queue.py",
    "runpy.py",
    "sched.py",
    "selectors.py",
    "socket.py",
    "socketserver.py",
    "ssl.py",
    "subprocess.py",
    "threading.py",
];

/// Packages of Python's own library and those that services are built on.
const PYTHON_PACKAGES: &[&str] = &[
    "aiohttp",
    "amqp",
    "apscheduler",
    "asgiref",
    "asyncio",
    "billiard",
    "boto3",
    "botocore",
    "celery",
    "concurrent",
    "django",
    "email",
    "eventlet",
    "fastapi",
    "flask",
    "gevent",
    "grpc",
    "gunicorn",
    "http",
    "httpcore",
    "httpx",
    "importlib",
    "json",
    "kafka",
    "kombu",
    "logging",
    "multiprocessing",
    "numpy",
    "opentelemetry",
    "pandas",
    "pika",
    "prometheus_client",
    "psycopg",
    "psycopg2",
    "psycopg_pool",
    "pymongo",
    "pymysql",
    "redis",
    "requests",
    "sentry_sdk",
    "sqlalchemy",
    "sqlite3",
    "starlette",
    "tornado",
    "unittest",
    "urllib",
    "urllib3",
    "uvicorn",
    "uvloop",
    "waitress",
    "werkzeug",
    "wsgiref",
    "xmlrpc",
];

/// Whether a Go function is outside the standard library and the runtime.
pub fn is_user_go(function: &str) -> bool {
    let first = function.split(['/', '.']).next().unwrap_or(function);
    if first == "main" {
        return true;
    }
    if matches!(
        first,
        "_cgo_gotypes" | "C" | "type:" | "go:" | "_rt0_amd64" | "_rt0_amd64_linux" | "non-Go function" | ""
    ) {
        return false;
    }
    // A first element with a dot is a host name; without one and not of the library, a local module.
    let host = function.split('/').next().is_some_and(|element| element.contains('.') && function.contains('/'));
    host || !GO_STD.contains(&first)
}

/// Whether a Java method or class is outside of the platform and of well-known libraries.
pub fn is_user_java(function: &str) -> bool {
    !JAVA_LIBRARY.iter().any(|prefix| function.starts_with(prefix)) && !function.contains("$$Lambda")
}

/// A function of unknown language: not known to be a library's of any.
fn is_user_unknown(function: &str) -> bool {
    // A perf map may hold whole signatures: `int sun.nio.ch.EPoll.wait(int, long)`.
    let name = function.split('(').next().unwrap_or(function);
    let slashed = name.rsplit(' ').next().unwrap_or(name).replace('/', ".");
    !NATIVE_LIBRARY.iter().any(|pattern| super::glob::fits(pattern, function))
        && !JAVA_LIBRARY.iter().any(|prefix| slashed.starts_with(prefix))
        && (!looks_go(function) || is_user_go(function))
}

/// `net/http.(*conn).serve`, `runtime.gopark`: names that only Go makes.
fn looks_go(function: &str) -> bool {
    let first = function.split(['/', '.']).next().unwrap_or(function);
    (function.contains(".(*") || function.starts_with("runtime.") || GO_STD.contains(&first))
        && !function.contains("::")
        && function.contains('.')
}

/// Index of the innermost user frame of a stack.
pub fn innermost_user(tables: &Tables, stack: StackId, runtime: Runtime) -> Option<usize> {
    tables.stack_frames(stack).iter().position(|&frame| is_user(tables, frame, runtime))
}

/// User functions on a stack, generated wrappers left out.
pub fn user_depth(tables: &Tables, stack: StackId, runtime: Runtime) -> usize {
    tables
        .stack_frames(stack)
        .iter()
        .filter(|&&frame| is_user(tables, frame, runtime) && !tables.function(frame).contains("$$Lambda"))
        .count()
}

/// The receiver type of a Go method with its package: `pkg.(*T).m` and `pkg.(*T).m.func1` give `pkg.(*T)`.
pub fn receiver_type(function: &str) -> Option<&str> {
    let open = function.find(".(*")?;
    let close = open + function[open..].find(')')?;
    Some(&function[..=close])
}

/// A Go function without its closures: `pkg.f.func1.2` gives `pkg.f`.
pub fn enclosing(function: &str) -> &str {
    let package_end = function.rfind('/').map_or(0, |slash| slash + 1);
    let tail = &function[package_end..];
    let cut = [".func", ".gowrap", ".deferwrap"].iter().filter_map(|mark| tail.find(mark)).min();
    match cut {
        Some(cut) => &function[..package_end + cut],
        None => function,
    }
}

/// The package of a Go function: `example.com/x/pkg.(*T).m` gives `example.com/x/pkg`.
pub fn package(function: &str) -> &str {
    let start = function.rfind('/').map_or(0, |slash| slash + 1);
    match function[start..].find('.') {
        Some(dot) => &function[..start + dot],
        None => function,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_code_is_told_by_its_import_path() {
        for user in [
            "main.main",
            "example.com/svc/pkg/x.(*T).m",
            "shop.corp.example/cartd/internal/session.newItems",
            "myapp/store.Get",
            "github.com/a/b.F",
        ] {
            assert!(is_user_go(user), "{user}");
        }
        for library in
            ["net/http.(*conn).serve", "internal/poll.(*FD).Read", "runtime.gopark", "sync.(*Mutex).Lock", "time.Sleep"]
        {
            assert!(!is_user_go(library), "{library}");
        }
    }

    #[test]
    fn parts_of_names() {
        assert_eq!(receiver_type("a.com/p.(*T[...]).m.func1"), Some("a.com/p.(*T[...])"));
        assert_eq!(enclosing("main.run.func1.2"), "main.run");
        assert_eq!(enclosing("main.(*T).Start.gowrap1"), "main.(*T).Start");
        assert_eq!(package("example.com/x/pkg.(*T).m"), "example.com/x/pkg");
        assert_eq!(package("main.main"), "main");
    }
}
