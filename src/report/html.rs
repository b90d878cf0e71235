//! The report as one page that stands alone: no request to the outside, and all but zoom and search without a script.
//! Text of the input is made visible and escaped; maud escapes what it is given, so nothing of it becomes markup.

mod charts;
mod findings;
mod flame;
mod lists;
mod parts;
mod profiles;
mod threads;
mod timeline;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::model::{Report, Verdict};
use super::{units, view};
use findings::Findings;
use parts::shown;

const STYLE: &str = include_str!("assets/report.css");
const SCRIPT: &str = include_str!("assets/report.js");

/// A part of the page that the navigation leads to.
struct Section {
    id: &'static str,
    title: &'static str,
    body: Markup,
}

/// Writes the page. It has less than 5 MB: what is cut is said where it would stand.
pub fn render(report: &Report) -> String {
    let findings = Findings::of(report);
    let sections: Vec<Section> = [
        ("findings", "Other findings", findings.others()),
        ("timeline", "Timeline", timeline::section(report)),
        ("memory", "Who holds the memory", lists::memory(report)),
        ("threads", "Threads by the reason that they wait", threads::section(report)),
        ("profiles", "Profiles", profiles::section(report)),
        ("next", "What was not checked", lists::not_checked(report)),
        ("artifacts", "What was read", lists::artifacts(report)),
        ("warnings", "Warnings about the input", lists::warnings(report)),
    ]
    .into_iter()
    .filter_map(|(id, title, body)| Some(Section { id, title, body: body? }))
    .collect();
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(report))
            body {
                a.skip href="#main" { "Skip to the answer" }
                header {
                    p.bundle { (bundle(report)) }
                    nav aria-label="Sections" {
                        ul {
                            li { a href="#main" { "Answer" } }
                            @for section in &sections {
                                li { a href={ "#" (section.id) } { (section.title) } }
                            }
                        }
                    }
                }
                main id="main" {
                    (findings.lead())
                    @for section in &sections {
                        section id=(section.id) aria-labelledby={ (section.id) "-title" } {
                            h2 id={ (section.id) "-title" } { (section.title) }
                            (section.body)
                        }
                    }
                }
                footer {
                    p {
                        "Written by " (shown(&report.tool.name, 40)) " " (shown(&report.tool.version, 40))
                        " from the captures alone. Instants are in UTC. The same report for programs: "
                        code { "report.json" } "."
                    }
                }
                script { (PreEscaped(SCRIPT)) }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    // An empty icon keeps browsers from asking the server for one.
    let policy = format!(
        "default-src 'none'; style-src {}; script-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(STYLE),
        hash(SCRIPT)
    );
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(policy);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (title(report)) }
            link rel="icon" href="data:,";
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// A source expression for exactly this inline text.
fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)))
}

fn title(report: &Report) -> String {
    let name = parts::visible(&report.bundle.name, 60);
    match (report.verdict, view::causes(report).first()) {
        (Verdict::Problem, Some(cause)) => format!("{}: {name}", parts::visible(&cause.cause.category, 60)),
        (verdict, _) => format!("{}: {name}", view::verdict_word(verdict).to_lowercase()),
    }
}

fn bundle(report: &Report) -> Markup {
    let bundle = &report.bundle;
    html! {
        strong { (shown(&bundle.name, 80)) }
        " · " (units::bytes(bundle.bytes as f64)) ", " (view::input(report))
        @if let Some(span) = &bundle.span { " · " (shown(&units::span(&span.from, &span.to), 100)) }
        @if let Some(sha256) = &bundle.sha256 {
            " · " span.sha title="SHA-256 of the file" { "SHA-256 " code { (shown(sha256, 64)) } }
        }
    }
}
