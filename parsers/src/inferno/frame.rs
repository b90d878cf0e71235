//! A frame line and the names that inferno makes of it.

use std::borrow::Cow;

/// Options that change the names of frames.
pub(super) struct Rules {
    pub(super) addrs: bool,
    pub(super) kernel: bool,
    pub(super) jit: bool,
}

impl Rules {
    /// Gives the names of a line without blanks at its end, outermost first, and says whether its address is in them.
    pub(super) fn read(&self, line: &str, java: bool, mut name: impl FnMut(&str)) -> bool {
        let Some((address, symbol, module)) = parts(line) else { return false };
        let symbol = without_offset(symbol);
        // Taken for the name of a process.
        if symbol.starts_with('(') {
            return false;
        }
        let symbol = half_demangled(symbol);
        let mut of_address = false;
        // Java's inlined calls stand in one line.
        for (nth, part) in symbol.split("->").enumerate() {
            let named = self.or_module(part, module, address);
            of_address |= self.addrs && part == UNKNOWN;
            let mut text = without_arguments(&named);
            if java && text.starts_with('L') && text.contains('/') {
                text.remove(0);
            }
            if nth > 0 {
                mark(&mut text, "_[i]");
            } else if self.kernel && is_kernel(module) {
                text.push_str("_[k]");
            } else if self.jit && is_jit(module) {
                mark(&mut text, "_[j]");
            }
            name(&text);
        }
        of_address
    }

    /// A name for what has none: that of its module.
    fn or_module<'a>(&self, symbol: &'a str, module: &str, address: &str) -> Cow<'a, str> {
        let file = match module {
            _ if symbol != UNKNOWN => return Cow::Borrowed(symbol),
            UNKNOWN if !self.addrs => return Cow::Borrowed(symbol),
            UNKNOWN => "unknown",
            module => module.rsplit('/').next().unwrap_or(module),
        };
        Cow::Owned(if self.addrs { format!("[{file} <{address}>]") } else { format!("[{file}]") })
    }
}

const UNKNOWN: &str = "[unknown]";

fn mark(name: &mut String, mark: &str) {
    if !name.contains(mark) {
        name.push_str(mark);
    }
}

/// Address, symbol and module: the first word, the last in its parentheses, and what is between.
fn parts(line: &str) -> Option<(&str, &str, &str)> {
    let (address, rest) = line.trim_start().split_once(' ')?;
    let (symbol, module) = rest.rsplit_once(' ')?;
    let module = module.strip_prefix('(')?.strip_suffix(')')?;
    let symbol = symbol.trim();
    Some((address.trim_end(), if symbol.is_empty() { " " } else { symbol }, module))
}

fn without_offset(symbol: &str) -> &str {
    match symbol.rsplit_once("+0x") {
        Some((name, offset)) if offset.bytes().all(|byte| byte.is_ascii_hexdigit()) => name,
        _ => symbol,
    }
}

/// Cuts the arguments off. Parentheses within other brackets stay, as do those of Go's receivers and of C++'s
/// anonymous namespaces. `;` becomes `:`.
fn without_arguments(name: &str) -> String {
    let mut depth = 0i32;
    let mut before = 0;
    let mut end = name.len();
    for (at, byte) in name.bytes().enumerate() {
        match byte {
            b'(' => {
                let kept = before == b'.' || name[at..].starts_with("(anonymous namespace)");
                if depth == 0 && !kept {
                    end = at;
                    break;
                }
                depth += 1;
            }
            b'<' | b'{' | b'[' => depth += 1,
            b'>' | b'}' | b']' | b')' => depth -= 1,
            _ => {}
        }
        before = byte;
    }
    name[..end].replace(';', ":")
}

fn is_kernel(module: &str) -> bool {
    (module.starts_with('[') || module.ends_with(".ko") || is_vmlinux(module)) && module != UNKNOWN
}

fn is_vmlinux(module: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    module.rfind("vmlinux").is_some_and(|at| module[at..].bytes().all(plain))
}

fn is_jit(module: &str) -> bool {
    (module.starts_with("/tmp/perf-") && module.ends_with(".map"))
        || (module.contains("/jitted-") && module.ends_with(".so"))
}

/// What the escapes of Rust's older mangling stand for.
const ESCAPES: &[(&str, &str)] = &[
    ("$SP$", "@"),
    ("$BP$", "*"),
    ("$RF$", "&"),
    ("$LT$", "<"),
    ("$GT$", ">"),
    ("$LP$", "("),
    ("$RP$", ")"),
    ("$C$", ","),
    ("$u7e$", "~"),
    ("$u20$", " "),
    ("$u27$", "'"),
    ("$u3d$", "="),
    ("$u5b$", "["),
    ("$u5d$", "]"),
    ("$u7b$", "{"),
    ("$u7d$", "}"),
    ("$u3b$", ";"),
    ("$u2b$", "+"),
    ("$u21$", "!"),
    ("$u22$", "\""),
];

/// Length of the hash that ends a Rust name: `h` and sixteen digits.
const RUST_HASH: usize = 17;

/// A Rust name of which perf left the escapes and the hash; others stay as they are.
fn half_demangled(symbol: &str) -> Cow<'_, str> {
    let split = symbol.len().checked_sub(RUST_HASH).and_then(|at| symbol.split_at_checked(at));
    let Some((name, hash)) = split else { return Cow::Borrowed(symbol) };
    if !hash.strip_prefix('h').is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        return Cow::Borrowed(symbol);
    }
    let mut rest = name.strip_suffix("::").unwrap_or(name);
    if rest.starts_with("_$") {
        rest = &rest[1..];
    }
    let mut out = String::with_capacity(rest.len());
    while let Some(at) = rest.find(['$', '.']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(more) = rest.strip_prefix("..") {
            out.push_str("::");
            rest = more;
        } else if let Some(more) = rest.strip_prefix('.') {
            out.push('.');
            rest = more;
        } else if let Some((escape, means)) = ESCAPES.iter().find(|(escape, _)| rest.starts_with(escape)) {
            out.push_str(means);
            rest = &rest[escape.len()..];
        } else {
            break;
        }
    }
    out.push_str(rest);
    Cow::Owned(out)
}
