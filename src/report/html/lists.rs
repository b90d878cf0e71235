//! Lists: memory by part, what was not checked, the files, the warnings.

use maud::{Markup, html};

use super::parts::Column::{Bar, Number, Text};
use super::parts::{self, fill, name, sentence, shown, table};
use crate::report::model::{Memory, MemoryPart, Report, Span};
use crate::report::{units, view};

/// Room for the rows of one list.
const MOST_BYTES: usize = 100_000;
/// Room for the files, and for the warnings.
const MOST_LONG: usize = 200_000;

/// Who holds the bytes of each subject.
pub(super) fn memory(report: &Report) -> Option<Markup> {
    let (all, left_out) = fill(report.memory.iter().map(|memory| of_subject(report, memory)), MOST_BYTES);
    (!report.memory.is_empty()).then(|| {
        html! { (all) (parts::left_out(left_out as u64, "more subjects are in report.json.")) }
    })
}

fn of_subject(report: &Report, memory: &Memory) -> Markup {
    // Negative parts say that others were counted with more than the whole has.
    let positive = |part: &MemoryPart| part.bytes.max(0).unsigned_abs();
    let largest = memory.parts.iter().map(positive).chain(memory.limit).chain(memory.used).max().unwrap_or(0);
    let bar = |bytes: u64| {
        let width = if largest > 0 { bytes as f64 / largest as f64 * 100.0 } else { 0.0 };
        let limit = memory.limit.map(|limit| format!("{:.2}%", limit as f64 / largest as f64 * 100.0));
        html! {
            svg.bar aria-hidden="true" height="14" width="100%" {
                rect.bytes width=(format!("{width:.2}%")) height="14" {}
                @if let Some(limit) = &limit { line.limit x1=(limit) x2=(limit) y1="0" y2="14" {} }
            }
        }
    };
    let share = |share: Option<f64>| share.map_or("–".to_owned(), units::share);
    let parts = memory.parts.iter().filter(|part| part.bytes != 0 || part.grew != 0);
    // The parts of a part stand below it.
    let indent = |part: &MemoryPart| "\u{2003}".repeat(view::depth(memory, part));
    let rows = html! {
        @for part in parts {
            tr {
                th scope="row" { (indent(part)) (shown(&part.part, 60)) }
                td.number { (units::bytes(part.bytes as f64)) }
                td.wide { (bar(positive(part))) }
                td.number { (share(part.share_of_limit)) }
                td.number { (units::signed(part.grew as f64, "By")) }
                td.number { (share(part.share_of_growth)) }
            }
        }
    };
    let used = memory.used.map_or(String::new(), |used| format!(", {} in use", units::bytes(used as f64)));
    let limit = memory.limit.map_or("no limit known".to_owned(), |it| format!("limit {}", units::bytes(it as f64)));
    let caption = format!("{}: {limit}{used}", parts::visible(view::subject(report, &memory.subject), 80));
    html! {
        (table(&caption, &[Text("part"), Number("bytes"), Bar, Number("of the limit"), Number("grew"), Number("of the growth")], rows))
    }
}

/// The captures that would settle what is open, and the patterns that could not be judged.
pub(super) fn not_checked(report: &Report) -> Option<Markup> {
    let found = report.checked.iter().filter(|checked| checked.outcome != "not-checked");
    let title = |id: &str| report.checked.iter().find(|checked| checked.pattern == id).map(|it| it.title.as_str());
    let rows = report.not_checked.iter().map(|missing| {
        html! {
            tr {
                th scope="row" { code { (shown(&missing.pattern, 80)) }
                    @if let Some(title) = title(&missing.pattern) { br; span.quiet { (sentence(title, 200)) } } }
                td { (sentence(&missing.needs, 300)) }
                td { @if let Some(command) = &missing.command { code.command { (shown(command, 600)) } } }
            }
        }
    });
    let (rows, left_out) = fill(rows, MOST_BYTES);
    let (checked, more) = fill(
        found.map(|checked| {
            html! {
                tr {
                    th scope="row" { code { (shown(&checked.pattern, 80)) } }
                    td { (sentence(&checked.title, 200)) }
                    td { (shown(&checked.outcome.replace('-', " "), 40)) }
                }
            }
        }),
        MOST_BYTES,
    );
    let empty = report.next_captures.is_empty() && report.not_checked.is_empty() && report.checked.is_empty();
    (!empty).then(|| {
        html! {
            @if !report.next_captures.is_empty() {
                h3 { "Capture this next" }
                dl.captures {
                    @for next in report.next_captures.iter().take(50) {
                        dt { (sentence(&next.answers, 400)) }
                        dd { pre tabindex="0" aria-label="Command" { (shown(&next.command, 2_000)) } }
                    }
                }
            }
            @if !report.not_checked.is_empty() {
                details.card.printed {
                    summary { strong { (units::counted(report.not_checked.len() as u64, "pattern", "patterns")) } " not checked for want of input, with the command that captures it" }
                    (table("Patterns that could not be judged", &[Text("pattern"), Text("what is missing"), Text("how to capture it")], rows))
                    (parts::left_out(left_out as u64, "more are in report.json."))
                }
            }
            @if report.checked.len() > report.not_checked.len() {
                details.card {
                    summary { strong { (units::counted((report.checked.len() - report.not_checked.len()) as u64, "pattern", "patterns")) } " checked" }
                    (table("Patterns that were judged", &[Text("pattern"), Text("what it says"), Text("outcome")], checked))
                    (parts::left_out(more as u64, "more are in report.json."))
                }
            }
        }
    })
}

/// Every file of the bundle, and whom the files speak of.
pub(super) fn artifacts(report: &Report) -> Option<Markup> {
    let span = |span: &Option<Span>| span.as_ref().map_or(String::new(), |span| units::span(&span.from, &span.to));
    let files = report.artifacts.iter().map(|artifact| {
        let format = artifact.format.as_deref().unwrap_or("not recognised");
        html! {
            tr {
                th scope="row" { (name(&artifact.path)) }
                td {
                    (shown(format, 60))
                    @if artifact.parts.len() > 1 {
                        span.quiet { ": " @for (index, part) in artifact.parts.iter().take(12).enumerate() {
                            @if index > 0 { ", " }
                            (units::count(part.records)) " " (shown(&part.format, 60))
                        } }
                    }
                }
                td.number { (units::bytes(artifact.bytes as f64)) }
                td.number { (units::count(artifact.records)) }
                td { (shown(&span(&artifact.span), 120)) }
            }
        }
    });
    let (files, left_out) = fill(files, MOST_LONG);
    let subjects = report.subjects.iter().map(|subject| {
        let claims: Vec<String> = subject.claims.iter().map(|(key, value)| format!("{key} {value}")).collect();
        html! {
            tr {
                th scope="row" { (shown(&subject.name, 120)) }
                td { (shown(&subject.kind, 40)) @if let Some(runtime) = &subject.runtime { ", " (shown(runtime, 40)) } }
                td { (parts::sentence(&claims.join("; "), 400)) }
                td {
                    @for because in subject.joined_because.iter().take(3) { (sentence(because, 200)) br; }
                    @if subject.joined_because.len() > 3 { "and " (subject.joined_because.len() - 3) " more reasons" }
                }
            }
        }
    });
    let (subjects, more) = fill(subjects, MOST_BYTES);
    let caption = format!("{} in the bundle", view::input(report));
    (!report.artifacts.is_empty()).then(|| {
        html! {
            (table(&caption, &[Text("file"), Text("format"), Number("size"), Number("records"), Text("speaks of")], files))
            (parts::left_out(left_out as u64, "more files are in report.json."))
            @if !report.subjects.is_empty() {
                details.card {
                    summary { strong { "Whom the files speak of" } ": " (units::counted(report.subjects.len() as u64, "subject", "subjects")) }
                    (table("Subjects, and why files were taken to speak of them", &[Text("name"), Text("kind"), Text("claims"), Text("joined because")], subjects))
                    (parts::left_out(more as u64, "more subjects are in report.json."))
                }
            }
        }
    })
}

/// Whatever was skipped, cut off, malformed or over a limit.
pub(super) fn warnings(report: &Report) -> Option<Markup> {
    let rows = report.warnings.iter().map(|warning| {
        let place = match (&warning.artifact, warning.line) {
            (Some(artifact), Some(line)) => format!("{artifact}:{line}"),
            (Some(artifact), None) => artifact.clone(),
            (None, _) => "the bundle".to_owned(),
        };
        html! { tr { th scope="row" { (name(&place)) } td { (sentence(&warning.message, 500)) } } }
    });
    let (rows, left_out) = fill(rows, MOST_LONG);
    let caption = units::counted(report.warnings.len() as u64, "warning", "warnings");
    Some(if report.warnings.is_empty() {
        html! { p.quiet { "None: nothing was skipped, cut off or malformed." } }
    } else {
        html! {
            (table(&caption, &[Text("where"), Text("what")], rows))
            (parts::left_out(left_out as u64, "more warnings are in report.json."))
        }
    })
}
