//! The answer, and every other finding: what is said, the lines that show it, what speaks against it, what to do.

use maud::{Markup, html};

use super::parts::Column::{Number, Text};
use super::parts::{self, fill, link, name, prose, sentence, severity, shown, visible};
use crate::report::model::{EvidenceLine, Finding, ProfileInfo, Report, Verdict};
use crate::report::view::{self, Cause};
use crate::report::{text, units};

/// Room for the findings that are not the answer.
const MOST_BYTES: usize = 600_000;
/// Lines of evidence shown of one finding.
const MOST_EVIDENCE: usize = 20;
/// Findings named beside the answer.
const MOST_NAMED: usize = 20;
/// Questions named beside the answer.
const MOST_NEXT: usize = 4;
/// Evidence that is seen at once.
const FIRST_EVIDENCE: usize = 4;

/// The findings of a report, by what they are in it.
pub(super) struct Findings<'a> {
    report: &'a Report,
    causes: Vec<Cause<'a>>,
    others: Vec<&'a Finding>,
    /// What the page begins with: the first cause, or what is suspected most.
    lead: Option<&'a Finding>,
}

impl<'a> Findings<'a> {
    pub(super) fn of(report: &'a Report) -> Findings<'a> {
        let causes = view::causes(report);
        let others = view::other_findings(report, &causes);
        let lead = causes.first().and_then(|cause| cause.finding).or_else(|| view::suspected(report));
        Findings { report, causes, others, lead }
    }

    fn number(&self, finding: &Finding) -> usize {
        self.report.findings.iter().position(|it| it.id == finding.id).map_or(0, |index| index + 1)
    }

    /// The verdict with its best cause.
    pub(super) fn lead(&self) -> Markup {
        let verdict = self.report.verdict;
        let word = view::verdict_word(verdict);
        let level = self.lead.filter(|_| verdict == Verdict::Problem).map(|finding| finding.severity);
        html! {
            section class={ "answer " (word.to_lowercase()) " " (level.map_or("", |level| level.as_str())) }
                aria-labelledby="answer" {
                p.badges {
                    span.verdict { (word) }
                    @if let Some(finding) = self.lead {
                        (self.badges(finding))
                        @if verdict != Verdict::Problem { span.chip { "only suspected" } }
                    }
                }
                @match self.lead {
                    Some(finding) => (self.told(finding)),
                    None => (self.judged()),
                }
            }
        }
    }

    /// What stands in place of a cause: what there was to judge by, and what would tell more.
    fn judged(&self) -> Markup {
        let judged = html! {
            @if let Some(cause) = self.causes.first() { (prose(&cause.cause.summary)) }
            ul { @for line in view::judged(self.report) { li { (sentence(&line, 400)) } } }
        };
        html! {
            h1 id="answer" { (capital(view::verdict_meaning(self.report))) }
            @if self.report.next_captures.is_empty() { (judged) } @else {
                div.columns { div { (judged) } aside aria-label="What to do" { (self.next()) } }
            }
        }
    }

    /// What to capture next.
    fn next(&self) -> Markup {
        let next = self.report.next_captures.iter().take(MOST_NEXT);
        html! {
            @if !self.report.next_captures.is_empty() {
                h2 { "A further capture would tell" }
                ul { @for next in next { li { (sentence(&next.answers, 200)) } } }
                p.quiet { a href="#next" { "The commands" } }
            }
        }
    }

    fn badges(&self, finding: &Finding) -> Markup {
        html! {
            span.chip { (shown(&finding.category, 60)) }
            (severity(finding.severity))
            span.chip.sure {
                (meter(finding.confidence))
                (units::confidence(finding.confidence)) " sure"
            }
            @for mark in view::marks(finding) { span.chip { (mark) } }
        }
    }

    /// The leading finding: the answer on the left, what to do on the right.
    fn told(&self, finding: &Finding) -> Markup {
        let cause = self.causes.iter().find(|cause| cause.cause.finding == finding.id);
        let summary = cause.map_or(finding.summary.as_str(), |cause| cause.cause.summary.as_str());
        html! {
            h1 id="answer" { (sentence(&finding.title, 300)) }
            div.columns {
                div {
                    div.summary { (prose(view::beyond_title(&finding.title, summary))) }
                    (self.places(finding))
                    (allowed(finding))
                    @if !finding.source.is_empty() { h2 { "In the source" } (source(finding)) }
                    h2 { "Evidence" }
                    (evidence(self.report, finding, &finding.evidence))
                    (against(self.report, finding))
                }
                aside aria-label="What to do" {
                    @if !finding.remediation.trim().is_empty() {
                        h2 { @if cause.is_some() { "What to do" } @else { "What to do, if that is confirmed" } }
                        (prose(&finding.remediation))
                    }
                    (self.next())
                    (self.symptoms(cause))
                    (self.further())
                    (score(finding))
                    (references(finding))
                    (explain(finding))
                }
            }
        }
    }

    /// Where it happens.
    fn places(&self, finding: &Finding) -> Markup {
        let places = view::places(self.report, finding, true);
        html! {
            @if !places.is_empty() {
                dl.places {
                    @for place in &places {
                        dt { (capital(&visible(&place.lead, 200))) }
                        dd {
                            (name(place.function))
                            @if let Some(source) = &place.source { span.source { (name(source)) } }
                        }
                    }
                    @if let Some(subject) = view::subject_of(self.report, finding) {
                        dt { "In" }
                        dd { (shown(subject, 120)) }
                    }
                }
            }
        }
    }

    fn symptoms(&self, cause: Option<&Cause<'_>>) -> Markup {
        let symptoms = cause.map_or(&[][..], |cause| &cause.symptoms);
        html! {
            @if !symptoms.is_empty() {
                h2 { "It explains" }
                ul { @for symptom in symptoms.iter().take(MOST_NAMED) { li { (self.reference(symptom)) } } }
                (parts::left_out(symptoms.len().saturating_sub(MOST_NAMED) as u64, "more stand below."))
            }
        }
    }

    /// Causes beside the first.
    fn further(&self) -> Markup {
        let further: Vec<&Finding> = self.causes.iter().skip(1).filter_map(|cause| cause.finding).collect();
        html! {
            @if !further.is_empty() {
                h2 { "Further root causes" }
                ul { @for finding in further.iter().take(MOST_NAMED) { li { (self.reference(finding)) } } }
                (parts::left_out(further.len().saturating_sub(MOST_NAMED) as u64, "more stand below."))
            }
        }
    }

    /// A finding in one line that leads to all of it.
    fn reference(&self, finding: &Finding) -> Markup {
        html! {
            a href={ "#finding-" (self.number(finding)) } { (sentence(&finding.title, 160)) }
            " " (view::certainty(Some(finding), finding.confidence))
        }
    }

    /// Every finding but the one that the page begins with.
    pub(super) fn others(&self) -> Option<Markup> {
        let causes = self.causes.iter().filter_map(|cause| Some((cause.finding?, "root cause".to_owned())));
        let symptoms = self.causes.iter().flat_map(|cause| {
            cause.symptoms.iter().map(|symptom| (*symptom, format!("symptom of root cause {}", cause.cause.rank)))
        });
        let others = self.others.iter().map(|finding| {
            let by = finding.explained_by.as_ref();
            let by = by.and_then(|id| self.report.findings.iter().find(|finding| finding.id == *id));
            let what = by.map_or("on its own".to_owned(), |by| format!("symptom of {}", visible(&by.category, 60)));
            (*finding, what)
        });
        let mut told: Vec<&str> = self.lead.iter().map(|finding| finding.id.as_str()).collect();
        let mut rest: Vec<(&Finding, String)> = Vec::new();
        for (finding, what) in causes.chain(symptoms).chain(others) {
            if !told.contains(&finding.id.as_str()) {
                told.push(&finding.id);
                rest.push((finding, what));
            }
        }
        let (cards, left_out) = fill(rest.iter().map(|(finding, what)| self.card(finding, what)), MOST_BYTES);
        (!rest.is_empty()).then(|| {
            html! {
                (cards)
                (parts::left_out(left_out as u64, "more findings have no room here; report.json has them."))
            }
        })
    }

    fn card(&self, finding: &Finding, what: &str) -> Markup {
        let fix = if finding.remediation.trim().is_empty() { None } else { Some(prose(&finding.remediation)) };
        html! {
            details.card.printed id={ "finding-" (self.number(finding)) } {
                summary {
                    span.badges { (self.badges(finding)) span.chip { (what) } }
                    strong { (sentence(&finding.title, 240)) }
                }
                (prose(view::beyond_title(&finding.title, &finding.summary)))
                (self.places(finding))
                (allowed(finding))
                @if !finding.source.is_empty() { h3 { "In the source" } (source(finding)) }
                h3 { "Evidence" }
                (evidence(self.report, finding, &finding.evidence))
                (against(self.report, finding))
                @if let Some(fix) = fix { h3 { "What to do" } (fix) }
                (score(finding))
                (references(finding))
                (explain(finding))
            }
        }
    }
}

/// A bar as long as the confidence.
fn meter(confidence: f64) -> Markup {
    let share = if confidence.is_finite() { confidence.clamp(0.0, 1.0) } else { 0.0 };
    html! {
        svg.meter width="40" height="8" aria-hidden="true" {
            rect.rest width="40" height="8" rx="2" {}
            rect.full width=(format!("{:.1}", share * 40.0)) height="8" rx="2" {}
        }
    }
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    chars.next().map_or(String::new(), |first| first.to_uppercase().chain(chars).collect())
}

/// Why a finding does not fail a run.
fn allowed(finding: &Finding) -> Markup {
    html! {
        @if let Some(allowance) = view::allowance(finding) { p.cut { (sentence(&capital(&allowance), 500)) } }
    }
}

/// Its places in the repository: the lines of the first at once, those of the others when they are opened.
fn source(finding: &Finding) -> Markup {
    let shown = finding.source.iter().take(MOST_EVIDENCE);
    html! {
        @for (index, place) in shown.enumerate() {
            @let told = html! { code.place { (visible(&view::source_place(place), 200)) } };
            @if place.lines.is_empty() { div.plain { (told) } } @else {
                details.excerpt open[index == 0] { summary { (told) } (excerpt(&place.lines, place.line)) }
            }
        }
        (parts::left_out(finding.source.len().saturating_sub(MOST_EVIDENCE) as u64, "more places are in report.json."))
    }
}

/// Lines of evidence, each of which opens what stands around it in the artifact.
fn evidence(report: &Report, finding: &Finding, lines: &[EvidenceLine]) -> Markup {
    let shown = &lines[..lines.len().min(MOST_EVIDENCE)];
    let (first, more) = shown.split_at(shown.len().min(FIRST_EVIDENCE));
    html! {
        ol.evidence { @for line in first { li { (evidence_line(report, finding, line)) } } }
        @if !more.is_empty() {
            details.more.printed {
                summary { (units::counted(more.len() as u64, "more line", "more lines")) " of evidence" }
                ol.evidence start=(first.len() + 1) { @for line in more { li { (evidence_line(report, finding, line)) } } }
            }
        }
        (parts::left_out((lines.len() - shown.len()) as u64, "more lines are in report.json."))
    }
}

fn evidence_line(report: &Report, finding: &Finding, line: &EvidenceLine) -> Markup {
    let told = html! {
        span.says { (sentence(&line.says, 500)) }
        @if !line.artifact.is_empty() { " " code.place { (shown(&view::place(line), 200)) } }
    };
    let same_place = |other: &&EvidenceLine| other.artifact == line.artifact && other.line == line.line;
    let mut all = finding.evidence.iter().chain(&finding.against);
    let context = line.context.as_deref().or_else(|| all.find(same_place)?.context.as_deref());
    let profile = profile_of(report, line);
    html! {
        @match (context, &line.excerpt, profile) {
            (Some(context), ..) => {
                details.excerpt { summary { (told) } (excerpt(context, line.line)) }
            }
            (None, Some(text), _) => details.excerpt { summary { (told) } (excerpt(&[(line.line.unwrap_or(0), text.clone())], line.line)) },
            (None, None, Some(profile)) => div.plain { (told) " " a href={ "#profile-" (profile + 1) } { "its stacks" } },
            (None, None, None) => div.plain { (told) },
        }
    }
}

/// The profile of an artifact that has no lines; what is in use before what was ever allocated.
fn profile_of(report: &Report, line: &EvidenceLine) -> Option<usize> {
    let of_artifact = |profile: &ProfileInfo| profile.artifact == line.artifact && profile.tree.is_some();
    let profiles = report.profiles.iter().enumerate().filter(|(_, profile)| of_artifact(profile));
    profiles.min_by_key(|(_, profile)| profile.kind == "heap-alloc").map(|(index, _)| index)
}

/// Lines of an artifact with their numbers; the one that is meant is marked.
fn excerpt(lines: &[(u32, String)], meant: Option<u32>) -> Markup {
    html! {
        pre.lines tabindex="0" aria-label="The lines around it" {
            @for (number, line) in lines {
                @let line = sentence(&line.replace('\t', "    "), 400);
                @let number = if *number > 0 { number.to_string() } else { String::new() };
                @if Some(number.as_str()) == meant.map(|line| line.to_string()).as_deref() {
                    mark { span.number { (number) } (line) } "\n"
                } @else {
                    span.number { (number) } (line) "\n"
                }
            }
        }
    }
}

/// What speaks against a finding, and what could not be ruled out.
fn against(report: &Report, finding: &Finding) -> Markup {
    let open: Vec<&str> = finding
        .score
        .iter()
        .filter(|part| part.family == "open")
        .map(|part| part.says.as_str())
        .take(MOST_EVIDENCE)
        .collect();
    html! {
        h3 { "What speaks against it" }
        @if finding.against.is_empty() && open.is_empty() {
            p.quiet { "Nothing in the bundle." }
        } @else {
            ol.evidence.against {
                @for line in finding.against.iter().take(MOST_EVIDENCE) { li { (evidence_line(report, finding, line)) } }
                @for says in open { li { div.plain { (capital(&sentence(says, 400))) } } }
            }
        }
    }
}

/// How the confidence comes about.
fn score(finding: &Finding) -> Markup {
    let parts: Vec<_> = finding.score.iter().filter(|part| part.family != "open").take(MOST_EVIDENCE).collect();
    let sum: i64 = parts.iter().map(|part| i64::from(part.weight)).sum();
    let rows = html! {
        @for part in &parts {
            tr {
                th scope="row" { (shown(&part.family, 40)) }
                td.number { (format!("{:+}", part.weight)) }
                td { (sentence(&part.says, 300)) }
            }
        }
        tr.sum { th scope="row" { "sum" } td.number { (format!("{sum:+}")) } td { (units::confidence(finding.confidence)) } }
    };
    html! {
        @if !parts.is_empty() {
            details.more.printed {
                summary { "Why " (units::confidence(finding.confidence)) " sure" }
                (parts::table("Weights in decibans; +10 is ten times as likely", &[Text("family"), Number("weight"), Text("why")], rows))
            }
        }
    }
}

fn references(finding: &Finding) -> Markup {
    html! {
        @if !finding.references.is_empty() {
            p.quiet { "Read on: " @for (index, reference) in finding.references.iter().take(10).enumerate() {
                @if index > 0 { ", " }
                (link(reference))
            } }
        }
    }
}

fn explain(finding: &Finding) -> Markup {
    html! { p.quiet { "More: " code { "postmortem explain " (text::visible(&visible(&finding.id, 80))) } } }
}
