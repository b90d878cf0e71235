//! JSON documents: what is left of one that was cut, and where in the text its objects stand.

use crate::evidence::Parsed;
use crate::lines::{LineNo, Lines};
use memchr::memmem;
use serde_json::Value;

/// Deeper than any dump is; serde_json stops at the same depth.
const DEEPEST: usize = 128;

/// A document and, per occurrence of a key, its line.
pub(crate) struct Document {
    pub(crate) value: Value,
    /// The lines that `key` stands on, in the order of the text.
    pub(crate) lines: Vec<LineNo>,
    /// The text ended too early.
    pub(crate) cut: bool,
}

/// Reads all that is left. `key` is one that each object of interest has once, with its quotes.
pub(crate) fn read(lines: &mut Lines<'_>, key: &str, out: &mut Parsed) -> Option<Document> {
    let (first, text) = (lines.number(), lines.rest());
    let mut places = Vec::new();
    while let Some(line) = lines.next() {
        let count = memmem::find_iter(line, key).count();
        places.extend(std::iter::repeat_n(lines.last_number(), count));
    }
    match serde_json::from_slice(text) {
        Ok(value) => Some(Document { value, lines: places, cut: false }),
        Err(error) => {
            let at = first
                .saturating_add(u32::try_from(error.line().saturating_sub(1)).unwrap_or(0))
                .min(lines.last_number());
            out.note(at, format!("the JSON is damaged or cut: {error}; what stands before is used"));
            let value = serde_json::from_slice(&mended(text)?).ok()?;
            Some(Document { value, lines: places, cut: true })
        }
    }
}

/// The text up to the last bracket that was closed, with those closed that were open there.
pub(crate) fn mended(text: &[u8]) -> Option<Vec<u8>> {
    let (mut open, mut in_string, mut escaped) = (Vec::new(), false, false);
    let mut good: Option<(usize, Vec<u8>)> = None;
    for (at, &byte) in text.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' if open.len() < DEEPEST => open.push(if byte == b'{' { b'}' } else { b']' }),
            b'{' | b'[' => break,
            b'}' | b']' => {
                if open.pop() != Some(byte) {
                    break;
                }
                good = Some((at + 1, open.clone()));
            }
            _ => {}
        }
    }
    let (end, open) = good?;
    Some([&text[..end], &open.into_iter().rev().collect::<Vec<u8>>()].concat())
}

/// The text of a string; empty for anything else.
pub(crate) fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value.get(key).and_then(Value::as_str).unwrap_or("")
}

/// A whole number, also one that is printed as a string.
pub(crate) fn whole(value: &Value, key: &str) -> Option<u64> {
    let value = value.get(key)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// The elements of an array; none for anything else.
pub(crate) fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lines::Text;

    fn parse(text: &str) -> (Option<Document>, Parsed) {
        let mut out = Parsed::default();
        let mut lines = Text::new(text.as_bytes(), 5).lines();
        (read(&mut lines, "\"id\"", &mut out), out)
    }

    #[test]
    fn objects_have_lines() {
        let (document, out) = parse("[\n{\"id\": 1},\n\n{\"id\": \"2\"}]\n");
        let document = document.unwrap();
        assert_eq!(document.lines, [6, 8]);
        assert_eq!(whole(&document.value[1], "id"), Some(2));
        assert!(out.notes.is_empty() && !document.cut);
    }

    #[test]
    fn a_cut_document_keeps_what_was_closed() {
        let (document, out) = parse("{\"a\": [\n{\"id\": 1, \"t\": \"}\\\"]\"},\n{\"id\": 2, \"x\": \"un");
        let document = document.unwrap();
        assert!(document.cut);
        assert_eq!(document.value["a"].as_array().unwrap().len(), 1);
        assert_eq!((out.notes.len(), out.notes[0].line), (1, 7));
        assert!(parse("{\"a\": ").0.is_none());
        assert!(parse(&"[".repeat(100_000)).0.is_none());
    }
}
