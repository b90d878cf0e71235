//! `runtime.MemStats` as JSON, by itself or in what `/debug/vars` (package expvar) answers. Source: `src/expvar/expvar.go`
//! and `src/runtime/mstats.go`.

use crate::evidence::{Parsed, When};
use crate::json;
use crate::lines::Lines;
use crate::series::{SeriesBuilder, claims_of};
use crate::signals::{Source, by_suffix, lookup};
use crate::{Format, Hint, Shape, Sniff};
use memchr::memmem;
use serde_json::Value;

/// Memory statistics of Go as JSON.
pub struct GoMemStats;

/// A key that every version has, and that stands before the long lists.
const MARK: &str = "\"HeapReleased\"";

impl Format for GoMemStats {
    fn id(&self) -> &'static str {
        "go-memstats"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let text = head.trim_ascii_start();
        let has = |what: &str| memmem::find(text, what.as_bytes()).is_some();
        if text.starts_with(b"{") && has(MARK) && has("\"HeapAlloc\"") { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let (first, text) = (lines.number(), lines.rest());
        let when = lines.time().map_or(hint.when, When::Wall);
        let value = match serde_json::from_slice(text) {
            Ok(value) => {
                lines.finish();
                Some(value)
            }
            // The lists of pauses are long: a capture that was cut mostly ends in them.
            Err(_) => match statistics(text) {
                Some(value) => {
                    lines.finish();
                    out.note(first, "the JSON is damaged or cut; the numbers before that are used");
                    Some(value)
                }
                None => json::read(lines, MARK, out).map(|document| document.value),
            },
        };
        let Some(value) = value else { return };
        let mut builder = SeriesBuilder::default();
        let claims = claims_of(hint);
        let in_vars = value.get("memstats");
        let line = line_of(text, first);
        for (key, number) in numbers(in_vars.unwrap_or(&value)) {
            if let Some(signal) = lookup(Source::GoMemStats, key) {
                builder.add(&claims, &signal, number, (when, line));
            }
        }
        if in_vars.is_some() {
            // What the program itself publishes.
            for (key, number) in numbers(&value) {
                builder.add(&claims, &by_suffix(key), number, (when, first));
            }
        }
        builder.finish(out);
    }
}

fn numbers(value: &Value) -> impl Iterator<Item = (&str, f64)> {
    let entries = value.as_object().into_iter().flatten();
    entries.filter_map(|(key, value)| Some((key.as_str(), value.as_f64()?)))
}

/// The line that the statistics stand on.
fn line_of(text: &[u8], first: u32) -> u32 {
    let at = memmem::find(text, MARK.as_bytes()).unwrap_or(0);
    let before = memchr::memchr_iter(b'\n', &text[..at]).count();
    first.saturating_add(u32::try_from(before).unwrap_or(u32::MAX))
}

/// The plain numbers of statistics that are cut later on, as if there were no more.
fn statistics(text: &[u8]) -> Option<Value> {
    let from = text.iter().position(|byte| *byte == b'{')?;
    let inner = memmem::find(text, b"\"memstats\"").and_then(|at| {
        let open = text[at..].iter().position(|byte| *byte == b'{')?;
        Some(at + open)
    });
    let start = inner.unwrap_or(from);
    let list = start + memmem::find(&text[start..], b"\"PauseNs\"")?;
    let body = text[start..list].trim_ascii_end();
    let mut closed = body.strip_suffix(b",")?.to_vec();
    closed.push(b'}');
    serde_json::from_slice(&closed).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence};
    use crate::lines::Text;

    fn read(text: &str) -> (Vec<(String, f64, u32)>, Parsed) {
        let mut out = Parsed::default();
        GoMemStats.parse(&mut Text::new(text.as_bytes(), 1).lines(), &Hint::default(), &mut out);
        let values = out.evidence.iter().filter_map(|evidence| match evidence {
            Evidence::Series(series) => match series.points[0].value {
                Amount::Value(value) => Some((series.signal.clone(), value, series.points[0].line)),
                Amount::Unlimited => None,
            },
            _ => None,
        });
        (values.collect(), out)
    }

    const VARS: &str = "{\n\"cmdline\": [\"./app\"],\n\"requests\": 17,\n\"memstats\": {\"Alloc\":3390416,\"Sys\":12941576,\
        \"HeapAlloc\":3390416,\"HeapReleased\":2998272,\"PauseTotalNs\":1985139,\"PauseNs\":[1866482,118657";

    #[test]
    fn vars_of_a_program() {
        let (values, out) = read(&format!("{VARS}]}}\n}}\n"));
        let value = |name: &str| values.iter().find(|value| value.0 == name).map(|value| (value.1, value.2));
        assert_eq!(value("go.memory.sys"), Some((12_941_576.0, 4)));
        assert_eq!(value("requests"), Some((17.0, 1)));
        assert_eq!(value("go.gc.pause_total"), Some((0.001_985_139, 4)));
        assert!(out.notes.is_empty());
    }

    #[test]
    fn cut_within_the_list_of_pauses() {
        let (values, out) = read(VARS);
        assert!(values.iter().any(|value| value.0 == "go.memory.heap_released" && value.1 == 2_998_272.0));
        assert_eq!(out.notes.len(), 1);
    }

    #[test]
    fn other_json_is_none() {
        for text in ["{\"threads\": []}", "[\"HeapReleased\", \"HeapAlloc\"]", "{\"HeapAlloc\": 3}"] {
            assert_eq!(GoMemStats.sniff(text.as_bytes(), &Hint::default()), Sniff::No);
        }
        assert_eq!(GoMemStats.sniff(VARS.as_bytes(), &Hint::default()), Sniff::Yes);
    }
}
