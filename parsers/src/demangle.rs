//! Names of the linker in the words of their language: Rust (both manglings) and C++ (Itanium). Arguments and return
//! types are left out, as `perf` leaves them out.

use crate::lines::split_once;
use cpp_demangle::{DemangleOptions, ParseOptions, Symbol};
use std::borrow::Cow;

/// Longer names are kept as they are: what they stand for may be far longer still.
const LONGEST: usize = 4 << 10;
/// Nested deeper than any name that a compiler makes.
const DEEPEST: u32 = 128;

/// What a symbol is called in its source; anything that is not mangled stays as it is.
pub(crate) fn demangled(symbol: &[u8]) -> Cow<'_, [u8]> {
    let is_mangled = [&b"_Z"[..], b"__Z", b"_R", b"__R"].iter().any(|start| symbol.starts_with(start));
    if symbol.len() > LONGEST {
        return Cow::Borrowed(symbol);
    }
    let name = match is_mangled {
        true => rust(symbol).or_else(|| cpp(symbol)),
        false => half_demangled(symbol),
    };
    name.map_or(Cow::Borrowed(symbol), |name| Cow::Owned(name.into_bytes()))
}

/// Without the hash that tells instances of a generic function apart.
fn rust(symbol: &[u8]) -> Option<String> {
    let name = rustc_demangle::try_demangle(std::str::from_utf8(symbol).ok()?).ok()?;
    Some(format!("{name:#}")).filter(|name| name.len() <= LONGEST)
}

fn cpp(symbol: &[u8]) -> Option<String> {
    if let Some((thunk, target)) = thunk(symbol) {
        return cpp(&[b"_Z", target].concat()).map(|name| format!("{thunk} to {name}"));
    }
    let parsing = ParseOptions::default().recursion_limit(DEEPEST);
    let symbol = Symbol::new_with_options(symbol, &parsing).ok()?;
    let plain = DemangleOptions::new().no_params().no_return_type().recursion_limit(DEEPEST);
    symbol.demangle_with_options(&plain).ok().filter(|name| name.len() <= 8 * LONGEST)
}

/// Code that mends the object pointer before a virtual call: what it is, and the name that it goes on to.
fn thunk(symbol: &[u8]) -> Option<(&'static str, &[u8])> {
    let (name, offsets, parts) = match symbol.strip_prefix(b"_ZT")?.split_first()? {
        (b'h', offsets) => ("non-virtual thunk", offsets, 1),
        (b'v', offsets) => ("virtual thunk", offsets, 2),
        _ => return None,
    };
    let target = (0..parts).try_fold(offsets, |text, _| split_once(text, b"_").map(|(_, rest)| rest))?;
    Some((name, target))
}

/// Length of the hash that ends a name of Rust's older mangling: `h` and sixteen digits.
const HASH: usize = 17;

/// A Rust name that was read as C++: its path is apart, its escapes and its hash are not.
fn half_demangled(symbol: &[u8]) -> Option<String> {
    let path = std::str::from_utf8(symbol).ok()?;
    let hash = path.len().checked_sub(HASH).and_then(|at| path.get(at..))?.strip_prefix('h')?;
    if !hash.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte)) || !path.contains("::") {
        return None;
    }
    // Mangled anew, so that its escapes are read by those who know them.
    let segments: String = path.split("::").map(|segment| format!("{}{segment}", segment.len())).collect();
    rust(format!("_ZN{segments}E").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(symbol: &str) -> String {
        String::from_utf8(demangled(symbol.as_bytes()).into_owned()).unwrap()
    }

    #[test]
    fn rust_names_lose_their_hash() {
        assert_eq!(name("_ZN3inv5dedup17h0123456789abcdefE"), "inv::dedup");
        assert_eq!(
            name(
                "_ZN71_$LT$core..hash..sip..Hasher$LT$S$GT$$u20$as$u20$core..hash..Hasher$GT$5write17hdf9b27cf6c5e6a76E"
            ),
            "<core::hash::sip::Hasher<S> as core::hash::Hasher>::write"
        );
        assert_eq!(name("_RNvCskwGfYPst2Cb_3foo16example_function"), "foo::example_function");
        // As tools print it that know C++ alone.
        assert_eq!(
            name("_$LT$core..hash..sip..Hasher$LT$S$GT$$u20$as$u20$core..hash..Hasher$GT$::write::hdf9b27cf6c5e6a76"),
            "<core::hash::sip::Hasher<S> as core::hash::Hasher>::write"
        );
        assert_eq!(name("inv::dedup::h0123456789abcdef"), "inv::dedup");
    }

    #[test]
    fn cpp_names_are_as_perf_prints_them() {
        assert_eq!(name("_ZNSo6sentryC1ERSo"), "std::ostream::sentry::sentry");
        assert_eq!(name("_ZNSo9_M_insertIdEERSoT_"), "std::ostream::_M_insert<double>");
        assert_eq!(
            name("_ZNK4acme6detail7fn_exprIZ4mainEUliE0_E4evalEi"),
            "acme::detail::fn_expr<main::{lambda(int)#2}>::eval"
        );
        assert_eq!(
            name("_ZTv0_n24_NSt7__cxx1118basic_stringstreamD0Ev"),
            "virtual thunk to std::__cxx11::basic_stringstream::~basic_stringstream"
        );
        assert_eq!(name("_ZThn16_N4acme3job3runEv"), "non-virtual thunk to acme::job::run");
        assert_eq!(name("_ZN4acme4sortEPi.isra.0"), "acme::sort");
    }

    #[test]
    fn what_is_not_mangled_stays() {
        for symbol in ["", "main", "_Z", "_ZN", "_R", "_Rb_tree_increment", "_ZGibberish!", "net/http.(*conn).serve"] {
            assert_eq!(name(symbol), symbol);
        }
        // No hash: one digit too many, no path, capital letters.
        for symbol in ["a::h00123456789abcdef", "h0123456789abcdef", "a::h0123456789ABCDEF"] {
            assert_eq!(name(symbol), symbol);
        }
        let deep = format!("_Z{}v", "P".repeat(3_000));
        assert_eq!(name(&deep), deep);
        let long = format!("_ZN{}E", "1a".repeat(4_000));
        assert_eq!(name(&long), long);
    }
}
