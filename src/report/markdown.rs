//! The report for a ticket: what matters most in the first 3,000 characters, the rest while there is room.
//!
//! The text is made of parts that are whole in themselves (a paragraph, a row of a table, a fence with what is in
//! it). Each has a rank; parts are taken by rank until the text is full and stand in the order of the document. So a
//! cut never leaves a fence, a table or a `<details>` open.

mod dialect;
pub(super) mod escape;
mod parts;

pub use dialect::Target;
use escape::{code, code_cell, fence, fit, inline, prose};
use parts::{Document, Left, Section};

use super::model::{BucketGroup, EvidenceLine, Finding, Report, RootCause, Verdict};
use super::view::{self, Cause};
use super::{text, units};

/// What a ticket takes without complaint.
pub const DEFAULT_MAX_CHARS: usize = 30_000;
/// The head and the verdict need this much; a smaller limit is taken for this one.
pub const MIN_MAX_CHARS: usize = 500;

/// Frames shown of a stack.
const MAX_FRAMES: usize = 30;
/// Groups shown of the threads with one reason.
const MAX_GROUPS: usize = 3;
/// Evidence that the head of the report tells.
const LEAD_EVIDENCE: usize = 3;

/// What is taken first when there is little room: the lower the earlier.
mod rank {
    pub(super) const VERDICT: u8 = 0;
    pub(super) const CAUSE: u8 = 1;
    pub(super) const LEAD_FIX: u8 = 2;
    pub(super) const LEAD_EVIDENCE: u8 = 3;
    pub(super) const FURTHER_CAUSES: u8 = 4;
    pub(super) const NEXT: u8 = 5;
    pub(super) const ABOUT_CAUSES: u8 = 6;
    pub(super) const EVIDENCE: u8 = 7;
    pub(super) const EXPLAINS: u8 = 8;
    pub(super) const WARNINGS: u8 = 9;
    pub(super) const FINDINGS: u8 = 10;
    pub(super) const NUMBERS: u8 = 11;
    pub(super) const STACKS: u8 = 12;
    pub(super) const LISTS: u8 = 13;
}

/// Writes the report as GitHub-flavoured Markdown of at most `max_chars` characters.
pub fn render(report: &Report, max_chars: usize) -> String {
    render_for(report, Target::Github, max_chars)
}

/// Writes the report as this place reads it, in at most `max_chars` characters and never more than the place takes.
pub fn render_for(report: &Report, target: Target, max_chars: usize) -> String {
    let max_chars = max_chars.min(target.limit()).max(MIN_MAX_CHARS);
    let causes = view::causes(report);
    let mut document = Document::for_target(target);
    lead(&mut document, report, &causes, max_chars);
    root_causes(&mut document, report, &causes);
    what_explains_what(&mut document, report, &causes);
    other_findings(&mut document, report, &causes);
    next_captures(&mut document, report);
    blocked_threads(&mut document, report);
    memory(&mut document, report);
    advice(&mut document, report);
    trends(&mut document, report);
    relations(&mut document, report);
    profiles(&mut document, report);
    events(&mut document, report);
    artifacts(&mut document, report);
    not_checked(&mut document, report);
    warnings(&mut document, report);
    document.write(max_chars)
}

// The head: it stands alone.

fn lead(document: &mut Document, report: &Report, causes: &[Cause<'_>], max_chars: usize) {
    // A smaller text has a smaller head, in proportion.
    let at_most = |chars: usize| chars * max_chars.min(3_000) / 3_000;
    let head = document.section(None, "", "");
    let bundle = document.section(None, "", "");
    let word = view::verdict_word(report.verdict);
    let title = match causes.first() {
        Some(cause) => {
            let category = fit(&cause.cause.category, 60, inline);
            format!("{word}: {category} {}", view::certainty(cause.finding, cause.cause.confidence))
        }
        None => format!("{word}: {}", view::verdict_meaning(report)),
    };
    document.text(head, rank::VERDICT, format!("# {title}\n\n"));
    let masked = view::masked(report).map_or(String::new(), |masked| format!(" {}", inline(&masked)));
    document.text(bundle, rank::NEXT, format!("{}{masked}\n\n", bundle_line(report)));
    let standing = document.section(None, "", "\n");
    for line in view::standing(report) {
        document.text(standing, rank::NEXT, format!("- {}\n", fit(&line, 400, inline)));
    }

    match (causes.first(), view::suspected(report)) {
        (Some(Cause { cause, finding: Some(finding), .. }), _) => {
            lead_finding(document, report, "", finding, &cause.summary, at_most);
        }
        (Some(Cause { cause, .. }), _) => {
            let lead = document.section(None, "", "");
            document.text(lead, rank::CAUSE, format!("{}\n\n", fit(&cause.summary, at_most(720), prose)));
        }
        (None, Some(finding)) => {
            let label = format!("Suspected ({} sure): ", units::confidence(finding.confidence));
            lead_finding(document, report, &label, finding, &finding.summary, at_most);
        }
        (None, None) => {}
    }
    if causes.is_empty() {
        judged(document, report);
    }
}

/// What the head says of the first cause, or of what is suspected.
fn lead_finding(
    document: &mut Document,
    report: &Report,
    label: &str,
    finding: &Finding,
    summary: &str,
    at_most: impl Fn(usize) -> usize,
) {
    let lead = document.section(None, "", "");
    let title = fit(&finding.title, at_most(240), inline);
    document.part(lead, rank::CAUSE, format!("**{label}{title}**\n\n"), Left::finding());
    let summary = fit(view::beyond_title(&finding.title, summary), at_most(720), prose);
    if !summary.is_empty() {
        document.text(lead, rank::CAUSE, format!("{summary}\n\n"));
    }
    if let Some(places) = whereabouts(report, finding, at_most(380), false) {
        document.text(lead, rank::CAUSE, format!("**Where:** {places}\n\n"));
    }
    source(document, lead, rank::LEAD_EVIDENCE, finding);
    let evidence = document.section(None, "**Evidence**\n\n", "\n");
    for line in finding.evidence.iter().take(LEAD_EVIDENCE) {
        let place = code(&text::cut_middle(&text::visible(&view::place(line)), 90));
        let says = fit(&line.says, at_most(150), inline);
        document.part(evidence, rank::LEAD_EVIDENCE, format!("- {place}: {says}\n"), Left::evidence());
    }
    let heading = if label.is_empty() { "**Fix**\n\n" } else { "**Fix, if that is confirmed**\n\n" };
    let fix = document.section(None, heading, "");
    if !finding.remediation.trim().is_empty() {
        document.text(fix, rank::LEAD_FIX, format!("{}\n\n", fit(&finding.remediation, at_most(450), prose)));
    }
}

/// The guilty lines of the first place that is in the repository.
fn source(document: &mut Document, section: Section, rank: u8, finding: &Finding) {
    let Some(place) = finding.source.iter().find(|place| !place.lines.is_empty()) else { return };
    let guilty = |number: u32| if Some(number) == place.line { '>' } else { ' ' };
    let lines: Vec<String> =
        place.lines.iter().map(|(number, line)| format!("{} {number:>5}  {line}", guilty(*number))).collect();
    let place = code(&text::cut_middle(&text::visible(&view::source_place(place)), 120));
    document.text(section, rank, format!("{place}\n\n{}\n", fence("text", &lines)));
}

fn bundle_line(report: &Report) -> String {
    let name = code(&text::cut_middle(&text::visible(&report.bundle.name), 60));
    let size = units::bytes(report.bundle.bytes as f64);
    let span = report
        .bundle
        .span
        .as_ref()
        .map_or(String::new(), |span| format!(", {}", fit(&units::span(&span.from, &span.to), 80, inline)));
    let tool = fit(&format!("{} {}", report.tool.name, report.tool.version), 40, inline);
    format!("{name}, {size}, {}{span}. Judged by {tool}.", view::input(report))
}

fn judged(document: &mut Document, report: &Report) {
    let judged = document.section(None, "**What was judged**\n\n", "\n");
    for line in view::judged(report) {
        document.text(judged, rank::CAUSE, format!("- {}\n", fit(&line, 400, inline)));
    }
}

/// `813 goroutines wait in select at f (hub.go:41), started by g`.
fn whereabouts(report: &Report, finding: &Finding, max: usize, all: bool) -> Option<String> {
    let mut said = String::new();
    let places = view::places(report, finding, all).into_iter().map(|place| {
        let function = code(&text::cut_middle(&text::visible(place.function), 200));
        let source = place.source.map_or(String::new(), |it| format!(" ({})", fit(&it, 200, inline)));
        format!("{} {function}{source}", inline(&place.lead))
    });
    let subject = view::subject_of(report, finding).map(|subject| format!("in {}", fit(subject, 80, inline)));
    for phrase in places.chain(subject) {
        if !said.is_empty() && said.chars().count() + phrase.chars().count() + 2 > max {
            break;
        }
        said.push_str(if said.is_empty() { "" } else { ", " });
        said.push_str(&phrase);
    }
    (!said.is_empty()).then_some(said)
}

// Root causes in full.

fn root_causes(document: &mut Document, report: &Report, causes: &[Cause<'_>]) {
    if causes.is_empty() {
        return;
    }
    let all = document.section(None, "## Root causes\n\n", "");
    for (index, cause) in causes.iter().enumerate() {
        let heading = format!(
            "### {}. {} {}\n\n",
            cause.cause.rank,
            fit(&cause.cause.category, 60, inline),
            view::certainty(cause.finding, cause.cause.confidence)
        );
        let one = document.section(Some(all), &heading, "");
        if let Some(finding) = cause.finding {
            about_cause(document, report, one, cause.cause, finding, index == 0);
        } else {
            let summary = fit(&cause.cause.summary, 2_000, prose);
            document.part(one, rank::FURTHER_CAUSES, format!("{summary}\n\n"), Left::finding());
        }
    }
}

fn about_cause(
    document: &mut Document,
    report: &Report,
    one: Section,
    cause: &RootCause,
    finding: &Finding,
    is_first: bool,
) {
    if !is_first {
        let title = format!("**{}**\n\n", fit(&finding.title, 400, inline));
        document.part(one, rank::FURTHER_CAUSES, title, Left::finding());
    }
    // What the head had no room for.
    let long = |text: &str, lead: usize| !is_first || prose(text).chars().count() > lead;
    let summary = view::beyond_title(&finding.title, &cause.summary);
    if long(summary, 720) && !summary.is_empty() {
        let rank = if is_first { rank::ABOUT_CAUSES } else { rank::FURTHER_CAUSES };
        document.text(one, rank, format!("{}\n\n", fit(summary, 4_000, prose)));
    }
    if let Some(places) = whereabouts(report, finding, 2_000, true) {
        document.text(one, rank::ABOUT_CAUSES, format!("Where: {places}\n\n"));
    }
    if !is_first {
        source(document, one, rank::ABOUT_CAUSES, finding);
    }
    let shown = if is_first { LEAD_EVIDENCE } else { 0 };
    confidence(document, one, finding);
    evidence(document, one, "Evidence", &finding.evidence, shown);
    evidence(document, one, "Against", &finding.against, 0);
    if long(&finding.remediation, 450) && !finding.remediation.trim().is_empty() {
        let fix = document.section(Some(one), "Fix:\n\n", "");
        document.text(fix, rank::ABOUT_CAUSES, format!("{}\n\n", fit(&finding.remediation, 4_000, prose)));
    }
    let references = document.section(Some(one), "Read on:\n\n", "\n");
    for reference in &finding.references {
        document.text(references, rank::FINDINGS, format!("- {}\n", escape::link(reference)));
    }
}

fn confidence(document: &mut Document, one: Section, finding: &Finding) {
    let head = "Confidence (10 decibans: ten to one):\n\n| family | decibans | why |\n|---|---:|---|\n";
    let table = document.section(Some(one), head, "\n");
    for part in &finding.score {
        let row = row(&[fit(&part.family, 40, inline), format!("{:+}", part.weight), fit(&part.says, 300, inline)]);
        document.text(table, rank::FINDINGS, row);
    }
}

fn evidence(document: &mut Document, one: Section, label: &str, lines: &[EvidenceLine], shown: usize) {
    let head = format!("{label}:\n\n| where | what it says | the line itself |\n|---|---|---|\n");
    let table = document.section(Some(one), &head, "\n");
    for (index, line) in lines.iter().enumerate() {
        let excerpt =
            line.excerpt.as_deref().map_or(String::new(), |it| code_cell(&text::cut_middle(&text::visible(it), 160)));
        let place = code_cell(&text::cut_middle(&text::visible(&view::place(line)), 160));
        let row = row(&[place, fit(&line.says, 400, inline), excerpt]);
        let left = if index < shown { Left::nothing() } else { Left::evidence() };
        document.part(table, if index < 5 { rank::EVIDENCE } else { rank::FINDINGS }, row, left);
    }
}

fn what_explains_what(document: &mut Document, report: &Report, causes: &[Cause<'_>]) {
    if causes.iter().all(|cause| cause.symptoms.is_empty()) {
        return;
    }
    let all = document.section(None, "## What explains what\n\n", "\n");
    for cause in causes.iter().filter(|cause| !cause.symptoms.is_empty()) {
        let title = cause.finding.map_or(cause.cause.category.as_str(), |finding| finding.title.as_str());
        document.text(all, rank::EXPLAINS, format!("- {}\n", fit(title, 300, inline)));
        for symptom in &cause.symptoms {
            document.part(all, rank::EXPLAINS, format!("  - explains {}\n", in_one_line(symptom)), Left::finding());
            // A symptom may have its own; the rest is in the JSON.
            let further = report.findings.iter().filter(|it| it.explained_by.as_ref() == Some(&symptom.id));
            for further in further.filter(|it| cause.symptoms.iter().all(|told| told.id != it.id)) {
                document.text(all, rank::FINDINGS, format!("    - explains {}\n", in_one_line(further)));
            }
        }
    }
    for symptom in causes.iter().flat_map(|cause| &cause.symptoms) {
        details_of(document, symptom);
    }
}

fn other_findings(document: &mut Document, report: &Report, causes: &[Cause<'_>]) {
    let others = view::other_findings(report, causes);
    let heading = match report.verdict {
        Verdict::Inconclusive => "## What is suspected\n\n",
        _ => "## Other findings\n\n",
    };
    let all = document.section(None, heading, "\n");
    for finding in &others {
        document.part(all, rank::EXPLAINS, format!("- {}\n", in_one_line(finding)), Left::finding());
    }
    for finding in others {
        details_of(document, finding);
    }
}

/// A finding that is no root cause: summary and evidence, folded away.
fn details_of(document: &mut Document, finding: &Finding) {
    let head = format!(
        "<details><summary>{}</summary>\n\n",
        escape::html(&text::cut_end(&text::visible(&finding.title), 160))
    );
    let all = document.section(None, &head, "</details>\n\n");
    let summary = fit(view::beyond_title(&finding.title, &finding.summary), 2_000, prose);
    if !summary.is_empty() {
        document.text(all, rank::FINDINGS, format!("{summary}\n\n"));
    }
    source(document, all, rank::FINDINGS, finding);
    for line in finding.evidence.iter().chain(&finding.against) {
        let place = code(&text::cut_middle(&text::visible(&view::place(line)), 160));
        document.part(all, rank::FINDINGS, format!("- {place}: {}\n", fit(&line.says, 400, inline)), Left::evidence());
    }
    document.text(all, rank::FINDINGS, "\n".to_owned());
}

fn in_one_line(finding: &Finding) -> String {
    let certainty = view::certainty(Some(finding), finding.confidence);
    format!("{} {certainty}: {}", fit(&finding.category, 60, inline), fit(&finding.title, 300, inline))
}

fn next_captures(document: &mut Document, report: &Report) {
    let all = document.section(None, "## What to capture next\n\n", "");
    for next in &report.next_captures {
        let question = fit(&next.answers, 400, inline);
        document.text(all, rank::NEXT, format!("{question}\n\n{}\n", fence("sh", std::slice::from_ref(&next.command))));
    }
}

// The state of the patient.

fn blocked_threads(document: &mut Document, report: &Report) {
    let head = "## Threads by the reason that they wait\n\n\
                | process | reason | threads | of these idle | largest group |\n|---|---|---:|---:|---|\n";
    let table = document.section(None, head, "\n");
    for bucket in &report.buckets {
        let idle: u64 = bucket.groups.iter().filter(|group| group.idle).map(|group| group.count).sum();
        let largest = bucket.groups.iter().max_by_key(|group| group.count);
        let top = largest.and_then(|group| Some((group.count, group.frames.first()?)));
        let largest = top.map_or(String::new(), |(count, frame)| {
            format!("{} × {}", units::count(count), code_cell(&text::cut_middle(&text::visible(frame), 120)))
        });
        let cells = [
            fit(&format!("{} ({})", bucket.process, bucket.runtime), 80, inline),
            fit(&bucket.reason, 40, inline),
            units::count(bucket.count),
            units::count(idle),
            largest,
        ];
        document.text(table, rank::NUMBERS, row(&cells));
    }
    let stacks =
        document.section(None, "<details><summary>Stacks of the largest groups</summary>\n\n", "</details>\n\n");
    for bucket in &report.buckets {
        let mut groups: Vec<_> = bucket.groups.iter().filter(|group| !group.idle && !group.frames.is_empty()).collect();
        groups.sort_by_key(|group| std::cmp::Reverse(group.count));
        for group in groups.into_iter().take(MAX_GROUPS) {
            let what = units::counted(
                group.count,
                view::thread(&bucket.runtime),
                &format!("{}s", view::thread(&bucket.runtime)),
            );
            let head = format!("{what} of {}, {}{}", bucket.process, bucket.reason, waited(group));
            document.text(stacks, rank::STACKS, format!("{}:\n\n{}\n", fit(&head, 200, inline), stack(group)));
        }
    }
}

fn waited(group: &BucketGroup) -> String {
    match group.waited {
        Some(waited) if waited.min == waited.max => format!(", for {}", units::duration(waited.max)),
        Some(waited) => format!(", for {} to {}", units::duration(waited.min), units::duration(waited.max)),
        None => String::new(),
    }
}

fn stack(group: &BucketGroup) -> String {
    let line = |frame: &String| text::cut_middle(&text::visible(frame), 300);
    let mut lines: Vec<_> = group.frames.iter().take(MAX_FRAMES).map(line).collect();
    let more = group.frames.len().saturating_sub(MAX_FRAMES);
    if more > 0 {
        lines.push(format!("... {} more", units::counted(more as u64, "frame", "frames")));
    }
    if let Some(creator) = &group.created_by {
        lines.push(format!("created by {}", line(creator)));
    }
    fence("text", &lines)
}

fn memory(document: &mut Document, report: &Report) {
    let all = document.section(None, "## Memory\n\n", "");
    for memory in &report.memory {
        let name = fit(view::subject(report, &memory.subject), 80, inline);
        let used = view::used_memory(memory);
        let head = format!(
            "{name}: {used}\n\n| part | bytes | of the limit | change | of the growth |\n|---|---:|---:|---:|---:|\n"
        );
        let table = document.section(Some(all), &head, "\n");
        for part in &memory.parts {
            let share = |share: Option<f64>| share.map_or(String::new(), units::share);
            let cells = [
                format!("{}{}", "&emsp;".repeat(view::depth(memory, part)), fit(&part.part, 80, inline)),
                units::value(part.bytes as f64, "By"),
                share(part.share_of_limit),
                units::signed(part.grew as f64, "By"),
                share(part.share_of_growth),
            ];
            document.text(table, rank::NUMBERS, row(&cells));
        }
    }
}

fn advice(document: &mut Document, report: &Report) {
    let all = document.section(None, "## Settings that follow\n\n", "\n");
    for advice in &report.advice {
        document.text(all, rank::NUMBERS, format!("- {}\n", fit(&view::advice(advice), 600, inline)));
    }
}

fn relations(document: &mut Document, report: &Report) {
    let explained = document.section(None, "## Signals explained by others\n\n", "\n");
    for found in &report.regressions {
        for (nth, line) in view::regression(found).iter().enumerate() {
            let indent = if nth == 0 { "" } else { "  " };
            document.text(explained, rank::NUMBERS, format!("{indent}- {}\n", fit(line, 400, inline)));
        }
    }
    let together = document.section(None, "## Signals that move together\n\n", "\n");
    for pair in &report.correlations {
        document.text(together, rank::NUMBERS, format!("- {}\n", fit(&view::correlation(pair), 400, inline)));
    }
}

fn trends(document: &mut Document, report: &Report) {
    let (telling, rest) = view::trends(report);
    let all = document.section(None, "## Signals over time\n\n", "");
    let head = "| signal | trend | slope | 95 % interval | since (UTC) | limit | limit reached (UTC) |\n|---|---|---:|---|---|---:|---|\n";
    let table = document.section(Some(all), head, "\n");
    for trend in telling {
        let when = |at: &Option<String>| at.as_deref().map_or(String::new(), |at| fit(&units::instant(at), 40, inline));
        let cells = [
            code_cell(&text::cut_middle(&text::visible(&trend.series), 120)),
            fit(&trend.verdict, 30, inline),
            trend.slope_per_hour.map_or(String::new(), |slope| fit(&units::rate(slope, &trend.unit), 60, inline)),
            view::interval(trend).map_or(String::new(), |it| fit(&it, 80, inline)),
            when(&trend.since),
            trend.limit.map_or(String::new(), |limit| fit(&units::value(limit, &trend.unit), 60, inline)),
            when(&trend.exhausts_at),
        ];
        document.text(table, rank::NUMBERS, row(&cells));
    }
    if let Some(rest) = rest {
        let others = document.section(Some(all), "", "");
        document.text(others, rank::NUMBERS, format!("Other signals: {}.\n\n", fit(&rest, 200, inline)));
    }
}

fn profiles(document: &mut Document, report: &Report) {
    let all = document.section(None, "## Hot functions\n\n", "");
    for profile in &report.profiles {
        let head = format!(
            "{} ({}), {} in {}, from {}\n\n| function | self | total |\n|---|---:|---:|\n",
            fit(&profile.kind, 40, inline),
            fit(&profile.event, 80, inline),
            fit(&units::value(profile.total, &profile.unit), 60, inline),
            units::counted(profile.samples, "sample", "samples"),
            code(&text::cut_middle(&text::visible(&profile.artifact), 120)),
        );
        let table = document.section(Some(all), &head, "\n");
        for hot in profile.hottest.iter().take(10) {
            let function = code_cell(&text::cut_middle(&text::visible(&hot.function), 160));
            let cells = [function, units::share(hot.self_share), units::share(hot.total_share)];
            document.text(table, rank::NUMBERS, row(&cells));
        }
    }
}

fn events(document: &mut Document, report: &Report) {
    let head = "## What happened when\n\n| when (UTC) | what | where |\n|---|---|---|\n";
    let table = document.section(None, head, "\n");
    for event in &report.events {
        let at = event.at.as_deref().map_or("unknown".to_owned(), |at| fit(&units::instant(at), 40, inline));
        let place = event.line.map_or_else(|| event.artifact.clone(), |line| format!("{}:{line}", event.artifact));
        let place = code_cell(&text::cut_middle(&text::visible(&place), 120));
        let says = format!("{}: {}", fit(&event.kind, 40, inline), fit(&event.says, 300, inline));
        document.text(table, rank::NUMBERS, row(&[at, says, place]));
    }
}

// What it rests on.

fn artifacts(document: &mut Document, report: &Report) {
    let total = units::counted(report.artifacts.len() as u64, "file", "files");
    let head = format!(
        "## Files\n\n<details><summary>{total}</summary>\n\n| file | format | size | records |\n|---|---|---:|---:|\n"
    );
    let table = document.section(None, &head, "\n</details>\n\n");
    for artifact in &report.artifacts {
        let cells = [
            code_cell(&text::cut_middle(&text::visible(&artifact.path), 120)),
            artifact.format.as_deref().map_or("not recognised".to_owned(), |it| fit(it, 60, inline)),
            units::bytes(artifact.bytes as f64),
            units::count(artifact.records),
        ];
        document.text(table, rank::LISTS, row(&cells));
    }
}

fn not_checked(document: &mut Document, report: &Report) {
    let total = units::counted(report.not_checked.len() as u64, "pattern", "patterns");
    let head = format!(
        "## Not checked\n\n<details><summary>{total} for want of input</summary>\n\n\
         | pattern | needs | capture with |\n|---|---|---|\n"
    );
    let table = document.section(None, &head, "\n</details>\n\n");
    for pattern in &report.not_checked {
        let command = pattern
            .command
            .as_deref()
            .map_or(String::new(), |it| code_cell(&text::cut_middle(&text::visible(it), 300)));
        let cells = [fit(&pattern.pattern, 80, inline), fit(&pattern.needs, 300, inline), command];
        document.text(table, rank::LISTS, row(&cells));
    }
}

fn warnings(document: &mut Document, report: &Report) {
    let all = document.section(None, "## Warnings\n\n", "\n");
    for (index, warning) in report.warnings.iter().enumerate() {
        let place = match (&warning.artifact, warning.line) {
            (Some(artifact), Some(line)) => format!("{artifact}:{line}"),
            (Some(artifact), None) => artifact.clone(),
            (None, _) => String::new(),
        };
        let place = if place.is_empty() {
            place
        } else {
            format!("{}: ", code(&text::cut_middle(&text::visible(&place), 120)))
        };
        let rank = if index < 3 { rank::WARNINGS } else { rank::LISTS };
        document.text(all, rank, format!("- {place}{}\n", fit(&warning.message, 400, inline)));
    }
}

/// A row of a table; the cells are escaped already.
fn row(cells: &[String]) -> String {
    format!("| {} |\n", cells.join(" | "))
}
