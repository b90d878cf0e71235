//! Masks secrets, addresses and names in a report before it is rendered, so that no renderer has to.
//!
//! Equal values get equal pseudonyms (`<ip-1>`), numbered in the order of the report, so that joins survive and the same
//! report gives the same text. Functions, pids and cgroup paths stay. Fingerprints were made before.

mod detect;

use super::model::{Redaction, Report};
use detect::{Detector, Kind, Span};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv6Addr;

/// Fields that the program or its patterns wrote: they stay as they are.
const VERBATIM: &[&str] = &[
    "schema",
    "tool",
    "sha256",
    "id",
    "fingerprint",
    "pattern",
    "category",
    "severity",
    "verdict",
    "format",
    "kind",
    "runtime",
    "reason",
    "clock",
    "unit",
    "outcome",
    "family",
    "bucket",
    "role",
    "count_of",
    "explained_by",
    "finding",
    "explains",
    "remediation",
    "references",
    "needs",
    "command",
    "answers",
    "cgroups",
    "suppressed",
    "state",
];

/// Fields with functions. A profile may have other frames: a thread, a request.
const NAMES: &[&str] = &["function", "frames", "created_by"];

/// What a text is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// A sentence, a line of an artifact, a name of a file.
    Text,
    /// A line within a private key.
    Key,
    /// A frame of a stack.
    Name,
}

/// The report with everything masked that tells who or holds a secret; as it is if that was done before.
pub fn redacted(report: &Report) -> Report {
    if report.redaction.is_some() {
        return report.clone();
    }
    let mut masks = Masks::of(report);
    masks.apply(report)
}

/// What is masked, by what.
pub struct Masks {
    detector: Detector,
    pseudonyms: BTreeMap<(Kind, String), String>,
    numbers: BTreeMap<Kind, usize>,
    /// Values that are masked wherever they stand, the longest first.
    known: Vec<(Kind, String)>,
    counts: BTreeMap<String, u64>,
}

impl Masks {
    /// Learns what there is to mask in a report.
    pub fn of(report: &Report) -> Masks {
        let value = serde_json::to_value(report).unwrap_or_default();
        let mut masks = Masks {
            detector: Detector::new(names_of_code(&value)),
            pseudonyms: BTreeMap::new(),
            numbers: BTreeMap::new(),
            known: Vec::new(),
            counts: BTreeMap::new(),
        };
        let ours: BTreeSet<&str> = report
            .subjects
            .iter()
            .map(|subject| subject.name.as_str())
            .chain(report.buckets.iter().map(|bucket| bucket.process.as_str()))
            .collect();
        each(&value, &mut |text, place| {
            for span in masks.detector.found(text, place) {
                let found = text[span.start..span.end].to_owned();
                if !masks.learn(span.kind, &found) {
                    continue;
                }
                if !ours.contains(found.as_str()) && span.kind.is_telling(&found) && !masks.detector.is_code(&found) {
                    masks.known.push((span.kind, found));
                }
            }
        });
        masks.known.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then_with(|| a.cmp(b)));
        masks
    }

    fn apply(&mut self, report: &Report) -> Report {
        let mut value = serde_json::to_value(report).unwrap_or_default();
        change(&mut value, "", &mut Pem::default(), &mut |text, place| self.masked_at(text, place));
        let mut masked: Report = serde_json::from_value(value).unwrap_or_else(|_| report.clone());
        masked.redaction = Some(Redaction { counts: std::mem::take(&mut self.counts) });
        masked
    }

    /// A text with everything masked.
    pub fn masked(&mut self, text: &str) -> String {
        self.masked_at(text, Place::Text)
    }

    /// A frame of a stack with everything masked that no function is called like.
    pub fn masked_name(&mut self, name: &str) -> String {
        self.masked_at(name, Place::Name)
    }

    fn masked_at(&mut self, text: &str, place: Place) -> String {
        let mut spans = self.detector.found(text, place);
        for span in &spans {
            self.learn(span.kind, &text[span.start..span.end]);
        }
        spans.extend(self.known_in(text));
        self.replaced(text, spans)
    }

    /// Gives a value a pseudonym; false if it has one.
    fn learn(&mut self, kind: Kind, value: &str) -> bool {
        let key = (kind, normal(kind, value));
        if self.pseudonyms.contains_key(&key) {
            return false;
        }
        let number = self.numbers.entry(kind).or_insert(0);
        *number += 1;
        self.pseudonyms.insert(key, format!("<{}-{number}>", kind.as_str()));
        true
    }

    fn known_in(&self, text: &str) -> Vec<Span> {
        let mut spans = Vec::new();
        for (kind, value) in &self.known {
            spans.extend(
                text.match_indices(value.as_str())
                    .filter(|(start, _)| kind.is_whole(text, *start, start + value.len()))
                    .map(|(start, _)| Span { kind: *kind, start, end: start + value.len() }),
            );
        }
        spans
    }

    fn replaced(&mut self, text: &str, mut spans: Vec<Span>) -> String {
        spans.sort_by_key(|span| (span.start, std::cmp::Reverse(span.end)));
        let (mut out, mut at) = (String::with_capacity(text.len()), 0);
        for span in spans {
            if span.start < at {
                // What overlaps a masked value may be its continuation.
                at = at.max(span.end);
                continue;
            }
            let key = (span.kind, normal(span.kind, &text[span.start..span.end]));
            let Some(pseudonym) = self.pseudonyms.get(&key) else { continue };
            out.push_str(&text[at..span.start]);
            out.push_str(pseudonym);
            at = span.end;
            *self.counts.entry(span.kind.as_str().to_owned()).or_default() += 1;
        }
        out.push_str(&text[at..]);
        out
    }
}

/// One value may be written in several ways.
fn normal(kind: Kind, value: &str) -> String {
    match kind {
        Kind::Host | Kind::Email | Kind::Mac => value.to_ascii_lowercase(),
        Kind::Ip => value.parse::<Ipv6Addr>().map_or_else(|_| value.to_owned(), |address| address.to_string()),
        Kind::Secret | Kind::User => value.to_owned(),
    }
}

/// The functions of a report: what looks like a host or a secret in them is none.
fn names_of_code(value: &Value) -> Vec<String> {
    let (mut names, detector) = (BTreeSet::new(), Detector::new(Vec::new()));
    each(value, &mut |text, place| {
        if place == Place::Name && detector.found(text, place).is_empty() {
            names.insert(text.to_owned());
        }
    });
    names.into_iter().collect()
}

/// Calls `see` with each text that may be masked, in order.
fn each(value: &Value, see: &mut dyn FnMut(&str, Place)) {
    let mut copy = value.clone();
    change(&mut copy, "", &mut Pem::default(), &mut |text, place| {
        see(text, place);
        text.to_owned()
    });
}

/// Whether the lines that follow belong to a private key.
#[derive(Default)]
struct Pem(bool);

impl Pem {
    /// Whether this line stands within a key that an earlier line opened.
    fn holds(&mut self, line: &str) -> bool {
        let within = self.0;
        if let Some(at) = line.rfind("-----BEGIN ") {
            self.0 = line[at..].contains("PRIVATE KEY") && !line[at..].contains("-----END ");
        } else if line.contains("-----END ") {
            self.0 = false;
        }
        within
    }
}

fn change(value: &mut Value, field: &str, pem: &mut Pem, to: &mut dyn FnMut(&str, Place) -> String) {
    match value {
        Value::String(text) => {
            let place = match pem.holds(text) {
                _ if NAMES.contains(&field) => Place::Name,
                true => Place::Key,
                false => Place::Text,
            };
            let new = to(text, place);
            if new != *text {
                *text = new;
            }
        }
        Value::Array(items) => {
            // The lines of a context follow each other, and so may those of a key.
            let mut own = Pem::default();
            let pem = if field == "line" { pem } else { &mut own };
            let inner = if field == "context" || field == "lines" { "line" } else { field };
            items.iter_mut().for_each(|item| change(item, inner, pem, to));
        }
        Value::Object(fields) => {
            let mut changed = Map::new();
            for (name, mut item) in std::mem::take(fields) {
                if !VERBATIM.contains(&name.as_str()) {
                    change(&mut item, &name, &mut Pem::default(), to);
                }
                let name = if matches!(field, "signals" | "claims") { to(&name, Place::Text) } else { name };
                changed.insert(name, item);
            }
            *fields = changed;
        }
        _ => {}
    }
}
