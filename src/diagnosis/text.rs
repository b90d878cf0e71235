//! Sentences of patterns, filled with the attributes of a fact.

use crate::passes::fact::{Fact, Value};
use crate::report::{units, view};
use std::borrow::Cow;

/// Replaces `{name}` by the attribute of that name, written for people: `_bytes` with a binary unit, `_s` as a
/// duration, shares as percent. `{name:form}` forces a form: bytes, duration, percent, number;
/// `{name:goroutine is/goroutines are}` adds what fits one or several; `{reason:waits}` and `{reason:wait}` say what one
/// or several do whose reason that is. What was not measured is written as "an unknown number of" would be: `?`.
pub fn fill(template: &str, fact: &Fact) -> String {
    let mut out = String::with_capacity(template.len() + 32);
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        let Some(close) = rest[open..].find('}') else {
            out.push_str(&rest[open..]);
            return out;
        };
        let inside = &rest[open + 1..open + close];
        let (name, form) = inside.split_once(':').unwrap_or((inside, ""));
        match fact.attributes.get(name) {
            Some(value) => out.push_str(&write(name, &in_words_of(form, fact), value)),
            None => out.push('?'),
        }
        rest = &rest[open + close + 1..];
    }
    out.push_str(rest);
    out
}

/// What patterns of all runtimes say of threads, in the word of the runtime that a fact is of.
pub fn in_words_of<'a>(text: &'a str, fact: &Fact) -> Cow<'a, str> {
    match fact.text("runtime") {
        Some("go") => Cow::Owned(text.replace("thread", "goroutine")),
        _ => Cow::Borrowed(text),
    }
}

/// The names that a template uses.
pub fn names(template: &str) -> Vec<&str> {
    template
        .split('{')
        .skip(1)
        .filter_map(|part| part.split_once('}'))
        .map(|(inside, _)| inside.split(':').next().unwrap_or(inside))
        .collect()
}

fn write(name: &str, form: &str, value: &Value) -> String {
    match value {
        Value::Text(reason) if matches!(form, "wait" | "waits") => view::waits(reason, form == "waits"),
        Value::Text(text) => text.clone(),
        Value::Flag(flag) => if *flag { "yes" } else { "no" }.to_owned(),
        Value::List(list) => list.iter().take(3).cloned().collect::<Vec<_>>().join(", "),
        Value::Number(number) if form.contains('/') => {
            let (one, many) = form.split_once('/').unwrap_or((form, form));
            format!("{} {}", units::number(*number), if *number == 1.0 { one } else { many })
        }
        Value::Number(number) => {
            let form = match form {
                "" if name.ends_with("_bytes") || name == "bytes" => "bytes",
                "" if name.ends_with("_s") && !name.contains("per") => "duration",
                "" if name.contains("share")
                    || matches!(name, "of_growth" | "orphans" | "persisted" | "total" | "self") =>
                {
                    "percent"
                }
                other => other,
            };
            match form {
                "bytes" => units::bytes(*number),
                "duration" => units::duration(*number),
                "percent" => units::share(*number),
                _ => units::number(*number),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_filled_for_people() {
        let mut fact = Fact::new("group", 0);
        fact.set("count", 1200usize).set("site", "main.f").set("share", 0.5);
        assert_eq!(
            fill("{count} at {site}, {share} of all, {growth} more", &fact),
            "1,200 at main.f, 50 % of all, ? more"
        );
        assert_eq!(fill("{count:thread waits/threads wait}", &fact), "1,200 threads wait");
        fact.set("reason", "park");
        assert_eq!(fill("one {reason:waits}, others {reason:wait}", &fact), "one is parked, others are parked");
        assert_eq!(names("{count} {bytes:bytes}"), ["count", "bytes"]);
    }
}
