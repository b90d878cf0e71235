//! One name for a function on both sides: without what a compiler, a linker or a runtime puts in anew at each build
//! or start.

use std::borrow::Cow;

/// What compilers append to copies and parts of a function, each followed by a number or by nothing.
const COPIES: &[&str] = &[".isra", ".constprop", ".part", ".cold", ".llvm", ".lto_priv", ".localalias"];
/// Java and .NET classes that are made at run time end with a number after these.
const GENERATED: &[&str] =
    &["$$Lambda", "LambdaForm$", "GeneratedMethodAccessor", "GeneratedConstructorAccessor", "$Proxy"];

/// The name by which a function is known on both sides.
pub fn identity(name: &str) -> Cow<'_, str> {
    let bare = without_copies(without_rust_hash(name.split(" [clone").next().unwrap_or(name)));
    match GENERATED.iter().find_map(|mark| bare.find(mark).map(|at| at + mark.len())) {
        Some(end) => Cow::Owned(without_numbers(bare, end)),
        None => Cow::Borrowed(bare),
    }
}

/// `core::fmt::write::h0123456789abcdef`.
fn without_rust_hash(name: &str) -> &str {
    let hash = |end: &str| end.len() == 16 && end.bytes().all(|byte| byte.is_ascii_hexdigit());
    name.rsplit_once("::h").filter(|(_, end)| hash(end)).map_or(name, |(bare, _)| bare)
}

fn without_copies(mut name: &str) -> &str {
    let cut = |name: &str| {
        COPIES.iter().find_map(|copy| {
            let at = name.rfind(copy).filter(|at| *at > 0)?;
            let number = &name[at + copy.len()..];
            let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
            ((number.is_empty() || number.starts_with('.')) && is_number(number)).then_some(at)
        })
    };
    while let Some(at) = cut(name) {
        name = &name[..at];
    }
    name
}

/// Digits, addresses and slashes directly behind the mark say which copy it is.
fn without_numbers(name: &str, from: usize) -> String {
    let (head, tail) = name.split_at(from);
    let number = |c: char| c.is_ascii_digit() || matches!(c, '/' | '+' | '$') || c.is_ascii_hexdigit() || c == 'x';
    let end = tail.find(['.', '(']).unwrap_or(tail.len());
    let kept = if tail[..end].chars().all(number) { &tail[end..] } else { tail };
    format!("{head}{kept}")
}

#[cfg(test)]
mod tests {
    use super::identity;

    #[test]
    fn builds_and_starts_do_not_tell_functions_apart() {
        for (printed, name) in [
            ("core::fmt::write::h0123456789abcdef", "core::fmt::write"),
            ("walk_tree.part.0.isra.0", "walk_tree"),
            ("decode.constprop.3", "decode"),
            ("parse.llvm.1234567890", "parse"),
            ("fold [clone .cold]", "fold"),
            ("drop.cold", "drop"),
            ("com/acme/Job$$Lambda$14/0x0000000800c03000.run", "com/acme/Job$$Lambda.run"),
            ("sun.reflect.GeneratedMethodAccessor12.invoke", "sun.reflect.GeneratedMethodAccessor.invoke"),
            ("main.(*T).partition", "main.(*T).partition"),
            ("a.partner", "a.partner"),
            ("words::h0", "words::h0"),
            ("", ""),
            (".part.0", ".part.0"),
        ] {
            assert_eq!(identity(printed), name, "{printed}");
        }
    }
}
