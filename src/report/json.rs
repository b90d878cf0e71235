//! The report as JSON, as docs/report.schema.json describes it.

use super::model::Report;
use serde::Serialize;
use serde_json::Value;
use std::fmt::Write;

/// Pretty JSON in the order of the model's fields, with a final newline.
pub fn render(report: &Report) -> String {
    pretty(report)
}

/// Pretty JSON without anything that acts on a terminal, with a final newline.
pub(crate) fn pretty(value: &impl Serialize) -> String {
    // There are only string keys and plain values, so this cannot fail; if it ever did, the reader must see why.
    let value = serde_json::to_value(value).unwrap_or_else(|error| serde_json::json!({ "error": error.to_string() }));
    let mut json = String::new();
    write(&value, 0, &mut json);
    json.push('\n');
    escaped(json)
}

/// An array of more items is written one a line.
const SHORT: usize = 3;

/// Points of a series and frames of a tree are many: each stands on a line of its own.
fn is_short(items: &[Value]) -> bool {
    items.len() <= SHORT && !items.iter().any(|item| item.is_array() || item.is_object())
}

fn write(value: &Value, depth: usize, out: &mut String) {
    let indent = |out: &mut String, depth: usize| {
        out.push('\n');
        out.extend(std::iter::repeat_n("  ", depth));
    };
    match value {
        Value::Array(items) if !is_short(items) => {
            for (index, item) in items.iter().enumerate() {
                out.push(if index == 0 { '[' } else { ',' });
                indent(out, depth + 1);
                write(item, depth + 1, out);
            }
            indent(out, depth);
            out.push(']');
        }
        Value::Object(fields) if !fields.is_empty() => {
            for (index, (name, field)) in fields.iter().enumerate() {
                out.push(if index == 0 { '{' } else { ',' });
                indent(out, depth + 1);
                let _ = write!(out, "{}: ", Value::from(name.as_str()));
                write(field, depth + 1, out);
            }
            indent(out, depth);
            out.push('}');
        }
        Value::Array(items) => {
            let items: Vec<String> = items.iter().map(Value::to_string).collect();
            let _ = write!(out, "[{}]", items.join(", "));
        }
        plain => {
            let _ = write!(out, "{plain}");
        }
    }
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
    fn short_lists_stand_on_a_line_and_nothing_is_lost() {
        let value = serde_json::json!({
            "points": [[0.0, 4.5], [5.0, 1e21]], "none": [], "odd\"": {}, "text": ["a\nb", "c", "d", "e"], "null": null
        });
        let mut json = String::new();
        super::write(&value, 0, &mut json);
        assert!(
            json.starts_with("{\n  \"points\": [\n    [0.0, 4.5],\n    [5.0, 1e+21]\n  ],\n  \"none\": [],"),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<serde_json::Value>(&json).unwrap(), value);
    }

    #[test]
    fn what_a_terminal_obeys_is_escaped_and_means_the_same() {
        let odd = "a\u{7f}\u{9b}31m\u{202e}ü";
        let json = super::escaped(serde_json::to_string(odd).unwrap());
        assert_eq!(json, r#""a\u007f\u009b31m\u202eü""#);
        assert_eq!(serde_json::from_str::<String>(&json).unwrap(), odd);
    }
}
