//! Locks that native stacks name: who waits for which, and, where the debugger printed owners, who holds which.

use super::Reader;
use crate::evidence::{ObjectRef, ObjectRole, Parsed};
use crate::lines::{LineNo, decimal, hexadecimal, split_once};
use crate::tables::{Sym, Tables};
use memchr::{memchr, memmem};

/// Where objects of a process can be: not in the first page, not in the kernel's half.
const USER_SPACE: std::ops::Range<u64> = 4096..1 << 56;

/// Stacks of threads are not larger, as a rule: 8 MiB is the default.
const STACK_SIZE: u64 = 64 << 20;

/// More owners are not matched with mutexes.
const MAX_OWNERS: usize = 8;

/// A pointer among the arguments of a frame.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pointer {
    pub(super) frame: u16,
    /// What the function does with it, by its name and that of the argument.
    pub(super) role: ObjectRole,
    pub(super) address: u64,
    pub(super) class: Sym,
}

/// An owner of a mutex that the debugger printed.
#[derive(Debug)]
pub(super) enum Owner {
    /// `__owner = 12571` among the locals of a frame of a thread.
    Local { thread: usize, frame: u16, lwp: u64 },
    /// `$1 = 15536` behind the dump; the expression where the command is known.
    Printed { line: LineNo, expression: Option<String>, lwp: u64 },
}

/// Whether a thread inside this function sleeps on a lock.
pub(super) fn sleeps(function: &[u8]) -> bool {
    memmem::find(function, b"futex").is_some() || memmem::find(function, b"lock_wait").is_some()
}

/// What the function does with an argument of that name.
fn role(function: &[u8], argument: &[u8]) -> ObjectRole {
    let has = |part: &[u8]| memmem::find(function, part).is_some();
    match argument {
        b"mutex" if has(b"cond_") => ObjectRole::WaitsOn,
        b"mutex" if has(b"mutex_") && has(b"lock") => ObjectRole::WaitsToLock,
        b"futex" if has(b"lll_") && has(b"lock_wait") => ObjectRole::WaitsToLock,
        b"rwlock" if has(b"rdlock") || has(b"wrlock") => ObjectRole::WaitsToLock,
        b"cond" if has(b"cond_") && has(b"wait") => ObjectRole::WaitsOn,
        b"sem" if has(b"sem_") && has(b"wait") => ObjectRole::WaitsOn,
        _ => ObjectRole::Argument,
    }
}

/// The pointers among `mutex=mutex@entry=0x55a6 <a>, private=0`.
pub(super) fn pointers(
    function: &[u8],
    arguments: &[u8],
    frame: u16,
    tables: &mut Tables,
    mut each: impl FnMut(Pointer),
) {
    for at in memmem::find_iter(arguments, b"=0x") {
        let before = &arguments[..at];
        let start = before.iter().rposition(|byte| matches!(byte, b' ' | b'(' | b',' | b'{')).map_or(0, |at| at + 1);
        let name = &before[start..];
        let name = &name[..memchr(b'=', name).unwrap_or(name.len())];
        let value = &arguments[at + b"=0x".len()..];
        let digits = value.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
        let Some(address) = hexadecimal(&value[..digits]).filter(|address| USER_SPACE.contains(address)) else {
            continue;
        };
        let symbol = value[digits..].strip_prefix(b" <").map(|rest| &rest[..memchr(b'>', rest).unwrap_or(rest.len())]);
        let class = symbol.map_or(Sym::EMPTY, |symbol| tables.name(symbol));
        each(Pointer { frame, role: role(function, name), address, class });
    }
}

/// The number behind the first `__owner = `.
pub(super) fn owner_in(text: &[u8]) -> Option<u64> {
    let (_, rest) = split_once(text, b"__owner = ")?;
    decimal(&rest[..rest.iter().take_while(|byte| byte.is_ascii_digit()).count()])
}

/// A mutex that somebody waits for.
struct Wanted {
    address: u64,
    class: Sym,
    waiters: Vec<usize>,
}

/// A mutex and the thread that holds it.
struct Held {
    thread: usize,
    address: u64,
    class: Sym,
    frame: u16,
}

/// Fills in the objects of all threads.
pub(super) fn tie(reader: &mut Reader, out: &mut Parsed) {
    let wanted = wanted(reader);
    let (held, lost) = holders(reader, &wanted, out);
    reader.snapshot.lost_locks = lost;
    for (index, read) in reader.threads.iter_mut().enumerate() {
        let objects = &mut reader.snapshot.objects;
        let first = objects.len() as u32;
        for pointer in read.pointers.iter().filter(|pointer| pointer.role != ObjectRole::Argument) {
            push(objects, first, pointer);
        }
        for held in held.iter().filter(|held| held.thread == index) {
            let Held { frame, address, class, .. } = *held;
            objects.push(ObjectRef { frame, role: ObjectRole::Holds, object: address, class });
        }
        for pointer in read.pointers.iter().filter(|pointer| pointer.role == ObjectRole::Argument) {
            push(objects, first, pointer);
        }
        read.thread.objects = first..objects.len() as u32;
    }
}

/// Adds what a frame names, once per thread: the frames of a lock function hand the same address on.
fn push(objects: &mut Vec<ObjectRef>, first: u32, pointer: &Pointer) {
    let known = objects.iter().skip(first as usize).any(|object| object.object == pointer.address);
    if !known {
        let Pointer { frame, role, address, class } = *pointer;
        objects.push(ObjectRef { frame, role, object: address, class });
    }
}

fn wanted(reader: &Reader) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = Vec::new();
    let mut index_of = rustc_hash::FxHashMap::default();
    for (index, read) in reader.threads.iter().enumerate() {
        let Some(pointer) = read.pointers.iter().find(|pointer| pointer.role == ObjectRole::WaitsToLock) else {
            continue;
        };
        let at = *index_of.entry(pointer.address).or_insert_with(|| {
            all.push(Wanted { address: pointer.address, class: pointer.class, waiters: Vec::new() });
            all.len() - 1
        });
        all[at].waiters.push(index);
    }
    all
}

/// Ties the owners that were printed to the mutexes that are waited for.
/// Who holds what, and the locks whose owner is no thread of the dump any more.
fn holders(reader: &Reader, wanted: &[Wanted], out: &mut Parsed) -> (Vec<Held>, Vec<u64>) {
    let (mut held, mut lost): (Vec<Held>, Vec<u64>) = Default::default();
    let mut loose: Vec<(LineNo, usize)> = Vec::new();
    for owner in &reader.owners {
        match owner {
            Owner::Local { thread, frame, lwp } => {
                let Some(address) = mutex_of_local(reader, *thread, *frame) else { continue };
                let Some(want) = wanted.iter().find(|want| want.address == address) else { continue };
                if let Some(holder) = reader.thread_of(*lwp) {
                    let frame = if holder == *thread { *frame } else { u16::MAX };
                    held.push(Held { thread: holder, address, class: want.class, frame });
                } else if *lwp > 0 && reader.is_whole() {
                    lost.push(address);
                }
            }
            Owner::Printed { line, lwp, expression } => {
                let Some(holder) = reader.thread_of(*lwp) else {
                    out.note(*line, format!("thread {lwp}, printed as the owner of a mutex, is not in the dump"));
                    let want = match wanted {
                        [only] => Some(only),
                        _ => expression.as_deref().and_then(|text| named(text, wanted, &out.tables)),
                    };
                    lost.extend(want.filter(|_| reader.is_whole()).map(|want| want.address));
                    continue;
                };
                match expression.as_deref().and_then(|text| named(text, wanted, &out.tables)) {
                    Some(want) => held.push(Held::of(holder, want)),
                    None => loose.push((*line, holder)),
                }
            }
        }
    }
    held.extend(by_elimination(&loose, wanted, &held, out));
    (held, lost)
}

impl Held {
    fn of(thread: usize, want: &Wanted) -> Self {
        Held { thread, address: want.address, class: want.class, frame: u16::MAX }
    }
}

/// The mutex that a frame has on its stack and whose lock function it calls: only that one's owner is known to be
/// the `__owner` among its locals.
fn mutex_of_local(reader: &Reader, thread: usize, frame: u16) -> Option<u64> {
    let printed =
        |owner: &&Owner| matches!(owner, Owner::Local { thread: t, frame: f, .. } if *t == thread && *f == frame);
    if reader.owners.iter().filter(printed).count() != 1 {
        return None;
    }
    let read = reader.threads.get(thread)?;
    let waits = read.pointers.iter().rfind(|pointer| pointer.role == ObjectRole::WaitsToLock)?;
    let below = read.pthread?.checked_sub(waits.address)?;
    (waits.frame.checked_add(1) == Some(frame) && below < STACK_SIZE).then_some(waits.address)
}

/// The mutex that an expression such as `a.__data.__owner` or `((pthread_mutex_t *)0x55a6)->__data.__owner` names.
fn named<'a>(expression: &str, wanted: &'a [Wanted], tables: &Tables) -> Option<&'a Wanted> {
    if let Some((_, rest)) = expression.split_once("0x") {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_hexdigit()).len();
        let address = hexadecimal(&rest.as_bytes()[..digits])?;
        return wanted.iter().find(|want| want.address == address);
    }
    let name = expression.split(".__data").next().unwrap_or(expression);
    let name = name.trim_matches(|c: char| matches!(c, '(' | ')' | '*' | '&' | ' '));
    let base = name.split(['.', '[', '-']).next().unwrap_or(name);
    // A member at the beginning of a variable has the variable's symbol.
    let fits = |text: &str| text == name || (text == base && !name.contains('['));
    let mut all = wanted.iter().filter(|want| fits(tables.text(want.class)));
    all.next().filter(|_| all.next().is_none())
}

/// Owners that were printed without the name of their mutex: tied where only one way is left in which nobody holds
/// what it waits for itself.
fn by_elimination(loose: &[(LineNo, usize)], wanted: &[Wanted], held: &[Held], out: &mut Parsed) -> Vec<Held> {
    let free: Vec<&Wanted> =
        wanted.iter().filter(|want| !held.iter().any(|held| held.address == want.address)).collect();
    let Some(&(line, _)) = loose.first().filter(|_| !free.is_empty()) else { return Vec::new() };
    let threads: Vec<usize> = loose.iter().map(|(_, thread)| *thread).collect();
    let ways = match (&threads[..], &free[..]) {
        (&[thread], &[want]) => return vec![Held::of(thread, want)],
        _ if threads.len() > free.len() || free.len() > MAX_OWNERS => Vec::new(),
        _ => ways(&threads, &free),
    };
    let [way] = &ways[..] else {
        out.note(line, format!("{} printed owners could not be tied to their mutexes", threads.len()));
        return Vec::new();
    };
    out.note(line, format!("{} printed owners were tied to mutexes by elimination", threads.len()));
    way.iter().zip(&threads).filter_map(|(&at, &thread)| Some(Held::of(thread, free.get(at)?))).collect()
}

/// All ways to give each thread a mutex of its own that it does not wait for; at most two are looked for.
fn ways(threads: &[usize], free: &[&Wanted]) -> Vec<Vec<usize>> {
    let mut found = Vec::new();
    let mut open: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(way) = open.pop() {
        let Some(thread) = threads.get(way.len()) else {
            found.push(way);
            if found.len() > 1 {
                break;
            }
            continue;
        };
        for (at, want) in free.iter().enumerate() {
            if !way.contains(&at) && !want.waiters.contains(thread) {
                open.push(way.iter().copied().chain([at]).collect());
            }
        }
    }
    found
}
