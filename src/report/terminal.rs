//! The report on one screen: the verdict first, then why, then what to do.

use super::model::{EvidenceLine, Finding, Report, Severity, Verdict};
use super::view::{self, Cause};
use super::{text, units};

/// How much to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Verbosity {
    /// The verdict, one line a root cause.
    Quiet,
    /// One screen.
    #[default]
    Normal,
    /// Everything that a person may want.
    Verbose,
    /// With the parts of each confidence, and why each pattern was not found.
    Debug,
}

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Style {
    /// Use SGR sequences. Nothing is said by colour alone.
    pub color: bool,
    /// Columns of the terminal; text is set to 120 at most.
    pub width: usize,
    /// How much to say.
    pub verbosity: Verbosity,
}

impl Default for Style {
    fn default() -> Self {
        Style { color: false, width: 100, verbosity: Verbosity::Normal }
    }
}

/// Most lines of the normal text.
const SCREEN: usize = 40;
/// Columns before the text of a row.
const LABEL: usize = 14;

/// How many of each are shown.
#[derive(Clone, Copy)]
struct Limits {
    causes: usize,
    summary_lines: usize,
    evidence: usize,
    evidence_lines: usize,
    against: usize,
    symptoms: usize,
    fix_lines: usize,
    next: usize,
    warnings: usize,
}

/// From what one would like to show to what always fits on a screen.
const SCREENS: [Limits; 4] = [
    Limits {
        causes: 4,
        summary_lines: 6,
        evidence: 4,
        evidence_lines: 2,
        against: 2,
        symptoms: 5,
        fix_lines: 6,
        next: 3,
        warnings: 3,
    },
    Limits {
        causes: 3,
        summary_lines: 5,
        evidence: 3,
        evidence_lines: 2,
        against: 2,
        symptoms: 3,
        fix_lines: 4,
        next: 3,
        warnings: 2,
    },
    Limits {
        causes: 3,
        summary_lines: 4,
        evidence: 3,
        evidence_lines: 1,
        against: 1,
        symptoms: 2,
        fix_lines: 3,
        next: 2,
        warnings: 1,
    },
    Limits {
        causes: 2,
        summary_lines: 3,
        evidence: 2,
        evidence_lines: 1,
        against: 1,
        symptoms: 1,
        fix_lines: 2,
        next: 1,
        warnings: 1,
    },
];

const ALL: Limits = Limits {
    causes: usize::MAX,
    summary_lines: usize::MAX,
    evidence: usize::MAX,
    evidence_lines: usize::MAX,
    against: usize::MAX,
    symptoms: usize::MAX,
    fix_lines: usize::MAX,
    next: usize::MAX,
    warnings: usize::MAX,
};

/// Writes the report for a terminal.
pub fn render(report: &Report, style: &Style) -> String {
    let draw = |limits| Screen::new(report, style, limits).draw();
    match style.verbosity {
        Verbosity::Quiet => Screen::new(report, style, ALL).draw_quiet(),
        Verbosity::Normal => {
            let mut drawn = String::new();
            for limits in SCREENS {
                drawn = draw(limits);
                if drawn.lines().count() <= SCREEN {
                    break;
                }
            }
            drawn
        }
        Verbosity::Verbose | Verbosity::Debug => draw(ALL),
    }
}

/// The lines that were drawn, and how to draw.
struct Screen<'a> {
    report: &'a Report,
    out: String,
    color: bool,
    width: usize,
    verbosity: Verbosity,
    limits: Limits,
}

/// SGR codes.
#[derive(Clone, Copy)]
enum Paint {
    Bold,
    Dim,
    Red,
    Yellow,
    Green,
}

impl<'a> Screen<'a> {
    fn new(report: &'a Report, style: &Style, limits: Limits) -> Screen<'a> {
        let width = style.width.clamp(40, 120);
        Screen { report, out: String::new(), color: style.color, width, verbosity: style.verbosity, limits }
    }

    fn verbose(&self) -> bool {
        self.verbosity >= Verbosity::Verbose
    }

    fn draw(mut self) -> String {
        let causes = view::causes(self.report);
        match causes.split_first() {
            Some((first, rest)) => {
                self.first_cause(first);
                self.further_causes(rest);
            }
            None => self.no_cause(),
        }
        self.other_findings(&causes);
        for found in &self.report.regressions {
            self.blank();
            for (nth, line) in view::regression(found).iter().enumerate() {
                self.paragraph(if nth == 0 { 0 } else { 2 }, line, 3, None);
            }
        }
        if self.verbose() {
            self.signals();
        }
        self.outlook();
        self.out
    }

    fn draw_quiet(mut self) -> String {
        let causes = view::causes(self.report);
        for cause in &causes {
            let place = cause.finding.and_then(|finding| {
                let place = view::places(self.report, finding, false).into_iter().next()?;
                Some(format!("  {}{}", place.function, place.source.map_or(String::new(), |it| format!(" ({it})"))))
            });
            let line = format!("{}{}", self.headline(cause), text::visible(&place.unwrap_or_default()));
            self.line(&line);
        }
        if causes.is_empty() {
            let word = self.verdict(self.report.verdict, None);
            let suspected = view::suspected(self.report).map_or(String::new(), |it| format!(": {}", category(it)));
            self.line(&format!("{word}  {}{suspected}", view::verdict_meaning(self.report)));
        }
        self.out
    }

    // The parts, from the top.

    fn first_cause(&mut self, cause: &Cause<'_>) {
        let headline = self.headline(cause);
        self.title(&headline);
        let Some(finding) = cause.finding else {
            self.prose("", &cause.cause.summary, self.limits.summary_lines);
            return;
        };
        self.whole_cause(cause, finding);
    }

    fn whole_cause(&mut self, cause: &Cause<'_>, finding: &Finding) {
        self.finding(finding, &cause.cause.summary);
        self.symptoms(&cause.symptoms);
        self.prose("Fix", &finding.remediation, self.limits.fix_lines);
        self.references(finding);
    }

    fn further_causes(&mut self, causes: &[Cause<'_>]) {
        for cause in causes.iter().take(self.limits.causes.saturating_sub(1)) {
            self.blank();
            let head = format!(
                "{}. {}  {}",
                cause.cause.rank,
                self.paint(Paint::Bold, &short(&cause.cause.category)),
                view::certainty(cause.finding, cause.cause.confidence)
            );
            self.line(&head);
            match cause.finding {
                Some(finding) if self.verbose() => self.whole_cause(cause, finding),
                Some(finding) => self.finding_in_short(finding, &cause.symptoms),
                None => self.prose("", &cause.cause.summary, 2),
            }
        }
        let left = causes.len().saturating_sub(self.limits.causes.saturating_sub(1)) as u64;
        if left > 0 {
            self.line(&format!("  {} (list with -v)", units::counted(left, "further cause", "further causes")));
        }
    }

    fn no_cause(&mut self) {
        let word = self.verdict(self.report.verdict, None);
        self.title(&format!("{word}  {}", view::verdict_meaning(self.report)));
        if let Some(finding) = view::suspected(self.report).filter(|_| !self.verbose()) {
            self.row("Suspected", &in_one_line(finding), 2);
            self.row("", view::beyond_title(&finding.title, &finding.summary), self.limits.summary_lines);
            self.whereabouts(finding);
            self.source(finding);
            self.evidence("Evidence", &finding.evidence, self.limits.evidence);
            self.evidence("Against", &finding.against, self.limits.against);
        }
        let judged = view::judged(self.report);
        let most = if self.verbose() { usize::MAX } else { 8 };
        for (index, line) in judged.iter().take(most).enumerate() {
            self.row(if index == 0 { "Judged" } else { "" }, line, 2);
        }
        self.and_more(judged.len(), most);
        let unread: Vec<_> = self
            .report
            .artifacts
            .iter()
            .filter(|artifact| artifact.format.is_none())
            .map(|artifact| artifact.path.as_str())
            .collect();
        if !unread.is_empty() {
            let most = if self.verbose() { unread.len() } else { 5 };
            self.row("Unknown", &format!("format not recognised: {}", view::some_of(&unread, most)), 2);
        }
    }

    fn other_findings(&mut self, causes: &[Cause<'_>]) {
        let mut others = view::other_findings(self.report, causes);
        if let Some(told) = view::suspected(self.report).filter(|_| !self.verbose()) {
            others.retain(|finding| finding.id != told.id);
        }
        if others.is_empty() {
            return;
        }
        if !causes.is_empty() {
            self.blank();
        }
        let most = self.limits.symptoms.min(if self.verbose() { usize::MAX } else { 3 });
        for (index, finding) in others.iter().take(most).enumerate() {
            if self.verbose() {
                self.blank();
                let is_suspected = self.report.verdict == Verdict::Inconclusive && finding.confidence < 0.5;
                let label = if is_suspected { "Suspected" } else { "Also seen" };
                self.heading(&format!("{label}: {}", category(finding)));
                self.finding(finding, &finding.summary);
            } else {
                self.row(if index == 0 { "Also seen" } else { "" }, &in_one_line(finding), 2);
            }
        }
        self.and_more(others.len(), most);
    }

    fn signals(&mut self) {
        let (telling, rest) = view::trends(self.report);
        if !self.report.trends.is_empty() {
            self.blank();
            self.heading("Signals over time");
        }
        for trend in telling {
            self.paragraph(2, &format!("{}: {}", trend.series, view::trend(trend)), 3, None);
        }
        if let Some(rest) = rest {
            self.paragraph(2, &format!("Others: {rest}"), 2, None);
        }
        if !self.report.correlations.is_empty() {
            self.blank();
            self.heading("Signals that move together");
        }
        for pair in self.report.correlations.iter().take(10) {
            self.paragraph(2, &view::correlation(pair), 3, None);
        }
        for memory in &self.report.memory {
            self.blank();
            let used = view::used_memory(memory);
            self.heading(&format!("Memory of {}: {used}", view::subject(self.report, &memory.subject)));
            for part in &memory.parts {
                let grew = units::signed(part.grew as f64, "By");
                let share =
                    part.share_of_limit.map_or(String::new(), |it| format!(", {} of the limit", units::share(it)));
                let amount = units::value(part.bytes as f64, "By");
                let indent = 2 + 2 * view::depth(memory, part);
                self.paragraph(indent, &format!("{}: {amount}{share}, change {grew}", part.part), 2, None);
            }
        }
        if !self.report.advice.is_empty() {
            self.blank();
            self.heading("Settings that follow");
        }
        for advice in &self.report.advice {
            self.paragraph(2, &view::advice(advice), 4, None);
        }
        for profile in &self.report.profiles {
            self.blank();
            let total = units::value(profile.total, &profile.unit);
            self.heading(&format!("Profile {} of {} ({total})", profile.kind, profile.artifact));
            for hot in profile.hottest.iter().take(10) {
                let shares = format!("{} self, {} total", units::share(hot.self_share), units::share(hot.total_share));
                self.paragraph(2, &format!("{shares}: {}", hot.function), 2, None);
            }
        }
    }

    fn outlook(&mut self) {
        self.blank();
        let label = if self.report.verdict == Verdict::Inconclusive { "To settle" } else { "Next" };
        for (index, next) in self.report.next_captures.iter().take(self.limits.next).enumerate() {
            self.row(if index == 0 { label } else { "" }, &next.answers, 2);
            self.command(&next.command);
        }
        self.and_more(self.report.next_captures.len(), self.limits.next);
        self.not_checked();
        self.warnings();
        self.not_found();
        for (index, line) in view::standing(self.report).iter().enumerate() {
            self.row(if index == 0 { "Policy" } else { "" }, line, 2);
        }
        if let Some(masked) = view::masked(self.report) {
            self.row("Redacted", &masked, 2);
        }
        while self.out.ends_with("\n\n") {
            self.out.pop();
        }
    }

    fn not_checked(&mut self) {
        let total = self.report.not_checked.len() as u64;
        if total == 0 {
            return;
        }
        if !self.verbose() {
            let patterns = units::counted(total, "pattern", "patterns");
            self.row("Not checked", &format!("{patterns} for want of input (list with -v)"), 2);
            return;
        }
        for (index, pattern) in self.report.not_checked.iter().enumerate() {
            let label = if index == 0 { "Not checked" } else { "" };
            self.row(label, &format!("{}: needs {}", pattern.pattern, pattern.needs), 3);
            if let Some(command) = &pattern.command {
                self.command(command);
            }
        }
    }

    /// Why each pattern that could be judged was not found.
    fn not_found(&mut self) {
        if self.verbosity < Verbosity::Debug {
            return;
        }
        let of = self.report.checked.iter().filter(|checked| checked.outcome == "not-found");
        for (index, checked) in of.enumerate() {
            let why = checked.why.as_deref().unwrap_or("not known why");
            self.row(if index == 0 { "Not found" } else { "" }, &format!("{}: {why}", checked.pattern), 3);
        }
    }

    fn warnings(&mut self) {
        for (index, warning) in self.report.warnings.iter().take(self.limits.warnings).enumerate() {
            let place = match (&warning.artifact, warning.line) {
                (Some(artifact), Some(line)) => format!("{artifact}:{line}: "),
                (Some(artifact), None) => format!("{artifact}: "),
                _ => String::new(),
            };
            let label = if index == 0 { "Warnings" } else { "" };
            self.row(label, &format!("{place}{}", warning.message), 2);
        }
        self.and_more(self.report.warnings.len(), self.limits.warnings);
    }

    // The parts of a finding.

    fn finding(&mut self, finding: &Finding, summary: &str) {
        self.paragraph(2, &finding.title, 2, Some(Paint::Bold));
        self.prose("", view::beyond_title(&finding.title, summary), self.limits.summary_lines);
        self.whereabouts(finding);
        self.source(finding);
        self.evidence("Evidence", &finding.evidence, self.limits.evidence);
        self.evidence("Against", &finding.against, self.limits.against);
        if self.verbosity == Verbosity::Debug {
            for (index, part) in finding.score.iter().enumerate() {
                let label = if index == 0 { "Confidence" } else { "" };
                self.row(label, &format!("{:+} {}: {}", part.weight, part.family, part.says), 3);
            }
        }
    }

    fn finding_in_short(&mut self, finding: &Finding, symptoms: &[&Finding]) {
        self.paragraph(2, &finding.title, 2, None);
        self.whereabouts(finding);
        self.evidence("Evidence", &finding.evidence, 1);
        if !symptoms.is_empty() {
            self.row("Explains", &units::counted(symptoms.len() as u64, "symptom", "symptoms"), 1);
        }
    }

    /// The guilty lines of the first place that is in the repository.
    fn source(&mut self, finding: &Finding) {
        let Some(place) = finding.source.iter().find(|place| !place.lines.is_empty()) else { return };
        let guilty = place.line.unwrap_or(0);
        let near = if self.verbose() { u32::MAX } else { 1 };
        self.row("Source", &view::source_place(place), 1);
        for (number, line) in place.lines.iter().filter(|(number, _)| number.abs_diff(guilty) <= near) {
            let mark = if *number == guilty { '>' } else { ' ' };
            let line = format!("{mark} {number:>5}  {}", text::visible(line));
            self.labelled("", &text::cut_end(&line, self.width.saturating_sub(LABEL)));
        }
    }

    /// Says where: in the code, unless the title did, and in which process.
    fn whereabouts(&mut self, finding: &Finding) {
        let mut said = Vec::new();
        let places = view::places(self.report, finding, self.verbose());
        if places.iter().any(|place| !finding.title.contains(place.function)) {
            said.extend(places.iter().map(|place| self.place(place)));
        }
        said.extend(view::subject_of(self.report, finding).map(|subject| format!("in {subject}")));
        if !said.is_empty() {
            self.row("Where", &said.join(", "), if self.verbose() { usize::MAX } else { 3 });
        }
    }

    fn place(&self, place: &view::Place<'_>) -> String {
        let function = text::cut_middle(&text::visible(place.function), self.width - LABEL);
        let source = place.source.as_ref().map_or(String::new(), |it| format!(" ({it})"));
        format!("{} {function}{source}", place.lead)
    }

    fn evidence(&mut self, label: &str, evidence: &[EvidenceLine], most: usize) {
        let shown = evidence.iter().take(most);
        let widest = (self.width - LABEL) / 2;
        let places: Vec<_> = shown.clone().map(|it| text::visible(&view::place(it))).collect();
        let column = places.iter().map(|place| text::width(place)).filter(|&it| it <= widest).max().unwrap_or(0);
        for (index, (line, place)) in shown.zip(&places).enumerate() {
            let label = if index == 0 { label } else { "" };
            let says = text::visible(&line.says);
            if text::width(place) <= column {
                let gap = " ".repeat(column - text::width(place));
                self.hanging(label, &format!("{place}{gap}  "), &says, self.limits.evidence_lines);
            } else {
                // A path that is too wide for the column keeps a line for itself: it is there to be copied.
                self.labelled(label, place);
                self.hanging("", "  ", &says, self.limits.evidence_lines);
            }
            if self.verbose() {
                self.excerpt(line);
            }
        }
        self.and_more(evidence.len(), most);
    }

    fn excerpt(&mut self, line: &EvidenceLine) {
        let context = line.context.as_deref().filter(|_| self.verbosity == Verbosity::Debug);
        if let Some(context) = context {
            for (number, context) in context {
                self.hanging("", "  | ", &format!("{number}: {}", text::visible(context)), 2);
            }
        } else if let Some(excerpt) = &line.excerpt {
            self.hanging("", "  | ", &text::visible(excerpt), 2);
        }
    }

    fn symptoms(&mut self, symptoms: &[&Finding]) {
        for (index, symptom) in symptoms.iter().take(self.limits.symptoms).enumerate() {
            self.row(if index == 0 { "Symptoms" } else { "" }, &in_one_line(symptom), 2);
        }
        self.and_more(symptoms.len(), self.limits.symptoms);
    }

    fn references(&mut self, finding: &Finding) {
        if self.verbose() {
            for (index, reference) in finding.references.iter().enumerate() {
                self.labelled(if index == 0 { "Read on" } else { "" }, &text::visible(reference));
            }
        }
    }

    // Drawing.

    fn headline(&self, cause: &Cause<'_>) -> String {
        let severity = cause.finding.map(|finding| finding.severity);
        format!(
            "{}  {}  {}",
            self.verdict(self.report.verdict, severity),
            self.paint(Paint::Bold, &short(&cause.cause.category)),
            view::certainty(cause.finding, cause.cause.confidence)
        )
    }

    fn verdict(&self, verdict: Verdict, severity: Option<Severity>) -> String {
        let paint = match (verdict, severity) {
            (Verdict::Healthy, _) => Paint::Green,
            (Verdict::Inconclusive, _) | (_, Some(Severity::Warning)) => Paint::Yellow,
            (Verdict::Problem, _) => Paint::Red,
        };
        self.paint(paint, view::verdict_word(verdict))
    }

    /// The first line: what it is on the left, what was read on the right.
    fn title(&mut self, left: &str) {
        let name = text::cut_middle(&text::visible(&self.report.bundle.name), self.width / 2);
        let right = format!("{name}, {}", view::input(self.report));
        let used = text::width(&unpainted(left)) + text::width(&right);
        match self.width.checked_sub(used).filter(|&gap| gap >= 2) {
            Some(gap) => self.line(&format!("{left}{}{right}", " ".repeat(gap))),
            None => {
                self.line(left);
                self.line(&format!("  {right}"));
            }
        }
    }

    fn heading(&mut self, heading: &str) {
        let heading = self.paint(Paint::Bold, &text::cut_end(&text::visible(heading), self.width));
        self.line(&heading);
    }

    /// A label and wrapped text.
    fn row(&mut self, label: &str, words: &str, most_lines: usize) {
        self.hanging(label, "", &text::visible(words), most_lines);
    }

    /// A label, a lead (kept as it is) and wrapped text that hangs behind the lead.
    fn hanging(&mut self, label: &str, lead: &str, words: &str, most_lines: usize) {
        let indent = text::width(lead);
        let room = self.width.saturating_sub(LABEL + indent);
        let mut lines = clipped(text::wrap(words, room), most_lines, room);
        if lines.is_empty() && !(label.is_empty() && lead.is_empty()) {
            lines.push(String::new());
        }
        for (index, line) in lines.iter().enumerate() {
            let blank = " ".repeat(indent);
            let (label, lead) = if index == 0 { (label, lead) } else { ("", blank.as_str()) };
            self.labelled(label, &format!("{lead}{line}"));
        }
    }

    fn labelled(&mut self, label: &str, line: &str) {
        let padded = format!("{label:<width$}", width = LABEL - 2);
        let padded = if label.is_empty() { padded } else { self.paint(Paint::Bold, &padded) };
        self.line(&format!("  {padded}{line}"));
    }

    fn paragraph(&mut self, indent: usize, words: &str, most_lines: usize, paint: Option<Paint>) {
        let room = self.width - indent;
        for line in clipped(text::wrap(&text::visible(words), room), most_lines, room) {
            let line = paint.map_or_else(|| line.clone(), |paint| self.paint(paint, &line));
            self.line(&format!("{}{line}", " ".repeat(indent)));
        }
    }

    /// Prose with lists and code; without a label it starts at the margin.
    fn prose(&mut self, label: &str, prose: &str, most_lines: usize) {
        let indent = if label.is_empty() { 2 } else { LABEL };
        let mut lines = Vec::new();
        for block in text::blocks(prose) {
            match block {
                text::Block::Paragraph(words) => lines.extend(text::wrap(&words, self.width - indent)),
                text::Block::Item(mark, words) => {
                    let wide = text::width(&mark) + 1;
                    let item = text::wrap(&words, self.width - indent - wide);
                    lines.extend(item.into_iter().enumerate().map(|(index, line)| {
                        if index == 0 { format!("{mark} {line}") } else { format!("{}{line}", " ".repeat(wide)) }
                    }));
                }
                text::Block::Code(code) if self.verbose() => {
                    lines.extend(code.into_iter().map(|line| format!("  {line}")))
                }
                text::Block::Code(code) => {
                    lines.extend(code.iter().map(|line| text::cut_end(&format!("  {line}"), self.width - indent)));
                }
            }
        }
        for (index, line) in clipped(lines, most_lines, self.width - indent).iter().enumerate() {
            match (indent, index) {
                (LABEL, 0) => self.labelled(label, line),
                (LABEL, _) => self.labelled("", line),
                _ => self.line(&format!("  {line}")),
            }
        }
    }

    /// A command, whole and on a line of its own, so that it can be copied.
    fn command(&mut self, command: &str) {
        let command = format!("$ {}", text::visible(command));
        self.labelled("", &command);
    }

    fn and_more(&mut self, total: usize, shown: usize) {
        let more = total.saturating_sub(shown);
        if more > 0 {
            let more = format!("and {} more (list with -v)", units::count(more as u64));
            let more = self.paint(Paint::Dim, &more);
            self.labelled("", &more);
        }
    }

    fn blank(&mut self) {
        if !self.out.ends_with("\n\n") {
            self.out.push('\n');
        }
    }

    fn line(&mut self, line: &str) {
        self.out.push_str(line.trim_end());
        self.out.push('\n');
    }

    fn paint(&self, paint: Paint, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match paint {
            Paint::Bold => "1",
            Paint::Dim => "2",
            Paint::Red => "1;31",
            Paint::Yellow => "1;33",
            Paint::Green => "1;32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }
}

/// A finding in one line.
fn in_one_line(finding: &Finding) -> String {
    format!("{}: {}", category(finding), finding.title)
}

/// A category, which is short unless somebody made it up.
fn short(category: &str) -> String {
    text::cut_middle(&text::visible(category), 36)
}

fn category(finding: &Finding) -> String {
    format!("{} {}", short(&finding.category), view::certainty(Some(finding), finding.confidence))
}

/// The first lines, with a mark where there were more.
fn clipped(mut lines: Vec<String>, most: usize, width: usize) -> Vec<String> {
    if lines.len() > most {
        lines.truncate(most);
        if let Some(last) = lines.last_mut() {
            *last = format!("{} …", text::cut_end(last, width.saturating_sub(2)).trim_end_matches('…').trim_end());
        }
    }
    lines
}

/// The text without our own SGR sequences, to measure it.
fn unpainted(painted: &str) -> String {
    let mut parts = painted.split('\x1b');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}
