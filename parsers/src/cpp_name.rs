//! Names of C++ functions as tools print them.

/// A function without its parameters and what follows them: `charge_fee(long)`, `pricing::Book::best(size_t) const`.
/// The parentheses of `(anonymous namespace)::f` and `operator()` stay.
pub(crate) fn without_parameters(name: &[u8]) -> &[u8] {
    let bare = name.strip_suffix(b" const").unwrap_or(name);
    if bare.last() != Some(&b')') {
        return name;
    }
    let mut depth = 0i32;
    for (at, byte) in bare.iter().enumerate().rev() {
        match byte {
            b')' => depth += 1,
            b'(' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            let head = &bare[..at];
            return if head.is_empty() || head.ends_with(b"operator") { name } else { head };
        }
    }
    name
}

/// A function as `__PRETTY_FUNCTION__` has it, without result and parameters: `int pricing::Book::best(size_t)`.
pub(crate) fn without_signature(pretty: &[u8]) -> &[u8] {
    let name = without_parameters(pretty);
    name.rsplit(|byte| *byte == b' ').next().unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_left_out() {
        for (name, bare) in [
            ("charge_fee(long)", "charge_fee"),
            ("pricing::Book::best(size_t) const", "pricing::Book::best"),
            ("(anonymous namespace)::take(int, void (*)(int))", "(anonymous namespace)::take"),
            ("main::{lambda()#1}::operator()", "main::{lambda()#1}::operator()"),
            ("plain_c", "plain_c"),
            (")", ")"),
        ] {
            assert_eq!(without_parameters(name.as_bytes()), bare.as_bytes(), "{name}");
        }
        assert_eq!(without_signature(b"int pricing::Book::best(size_t)"), b"pricing::Book::best");
        assert_eq!(without_signature(b"check_total"), b"check_total");
    }
}
