//! The report as JSON, as docs/report.schema.json describes it.

use super::model::Report;
use serde::Serialize;
use std::fmt::Write;

/// Pretty JSON in the order of the model's fields, with a final newline.
pub fn render(report: &Report) -> String {
    pretty(report)
}

/// Pretty JSON without anything that acts on a terminal, with a final newline.
pub(super) fn pretty(value: &impl Serialize) -> String {
    // There are only string keys and plain values, so this cannot fail; if it ever did, the reader must see why.
    let mut json = serde_json::to_string_pretty(value)
        .unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }).to_string());
    json.push('\n');
    escaped(json)
}

/// What JSON may hold as it is, but a terminal takes for a command: DEL, C1 controls and marks that turn the direction
/// of text.
fn is_obeyed(c: char) -> bool {
    let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || matches!(c, '\u{7f}'..='\u{9f}')
}

/// Such characters stand within strings alone, so that each can be written as its escape.
fn escaped(json: String) -> String {
    if !json.contains(is_obeyed) {
        return json;
    }
    let mut out = String::with_capacity(json.len() + 64);
    for c in json.chars() {
        if is_obeyed(c) {
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_terminal_obeys_is_escaped_and_means_the_same() {
        let odd = "a\u{7f}\u{9b}31m\u{202e}ü";
        let json = super::escaped(serde_json::to_string(odd).unwrap());
        assert_eq!(json, r#""a\u007f\u009b31m\u202eü""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), odd);
    }
}
