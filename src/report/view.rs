//! What every renderer for people needs to know of a report: what belongs together, and how to say it.
//! Texts are as the report has them: the renderer makes them harmless.

use super::model::{
    Advice, Correlation, EvidenceLine, Finding, Memory, MemoryPart, Regression, Report, RootCause, Severity, Site,
    SourcePlace, State, Trend, Verdict,
};
use super::units;

/// A root cause with its finding.
pub(crate) struct Cause<'a> {
    pub cause: &'a RootCause,
    /// None only in a report that somebody edited.
    pub finding: Option<&'a Finding>,
    /// Findings that it explains.
    pub symptoms: Vec<&'a Finding>,
}

/// The root causes, best first.
pub(crate) fn causes(report: &Report) -> Vec<Cause<'_>> {
    let mut causes: Vec<_> = report
        .root_causes
        .iter()
        .map(|cause| Cause {
            cause,
            finding: report.findings.iter().find(|finding| finding.id == cause.finding),
            symptoms: symptoms(report, cause),
        })
        .collect();
    causes.sort_by_key(|cause| cause.cause.rank);
    causes
}

fn symptoms<'a>(report: &'a Report, cause: &RootCause) -> Vec<&'a Finding> {
    let explained = |finding: &&Finding| {
        finding.id != cause.finding
            && (cause.explains.contains(&finding.id) || finding.explained_by.as_ref() == Some(&cause.finding))
    };
    let mut symptoms: Vec<_> = report.findings.iter().filter(explained).collect();
    symptoms.sort_by_key(|symptom| std::cmp::Reverse(symptom.severity));
    symptoms
}

/// Findings that are neither a root cause nor the direct symptom of one, the worst first.
pub(crate) fn other_findings<'a>(report: &'a Report, causes: &[Cause<'_>]) -> Vec<&'a Finding> {
    let told = |finding: &Finding| {
        causes.iter().any(|cause| {
            cause.cause.finding == finding.id || cause.symptoms.iter().any(|symptom| symptom.id == finding.id)
        })
    };
    let mut others: Vec<_> = report.findings.iter().filter(|finding| !told(finding)).collect();
    others.sort_by(|a, b| b.severity.cmp(&a.severity).then(b.confidence.total_cmp(&a.confidence)));
    others
}

/// What an inconclusive report suspects most. What is sure and only worth knowing is no suspicion.
pub(crate) fn suspected(report: &Report) -> Option<&Finding> {
    let others = || other_findings(report, &[]).into_iter().find(|finding| finding.confidence < 0.5);
    (report.verdict == Verdict::Inconclusive).then(others).flatten()
}

/// The verdict in one word.
pub(crate) fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Problem => "PROBLEM",
        Verdict::Healthy => "HEALTHY",
        Verdict::Inconclusive => "INCONCLUSIVE",
    }
}

/// What the verdict means, for those without a cause to show.
pub(crate) fn verdict_meaning(report: &Report) -> &'static str {
    match report.verdict {
        Verdict::Problem => "something is wrong, but the report names no cause",
        Verdict::Healthy => "enough was captured to judge, and nothing is wrong",
        Verdict::Inconclusive if suspected(report).is_some() => "something is suspected, but not shown",
        Verdict::Inconclusive if report.buckets.is_empty() && report.trends.is_empty() => {
            "too little was captured to judge"
        }
        Verdict::Inconclusive => "nothing was found, and too little was captured to call it healthy",
    }
}

/// `(error, 94 % sure, new)`. A cause has no finding only in a report that somebody edited.
pub(crate) fn certainty(finding: Option<&Finding>, confidence: f64) -> String {
    let sure = match units::confidence(confidence) {
        percent if confidence.is_finite() => format!("{percent} sure"),
        unknown => format!("confidence {unknown}"),
    };
    let severity = finding.map(|finding| finding.severity.as_str().to_owned());
    let standing = finding.into_iter().flat_map(marks);
    let said: Vec<String> = severity.into_iter().chain([sure]).chain(standing.map(str::to_owned)).collect();
    format!("({})", said.join(", "))
}

/// How a finding stands to the baseline and to what is allowed, a word or two each.
pub(crate) fn marks(finding: &Finding) -> Vec<&'static str> {
    let state = finding.state.map(|state| match state {
        State::New => "new",
        State::Worse => "worse than in the baseline",
        State::Same => "in the baseline",
    });
    state.into_iter().chain(finding.suppressed.as_ref().map(|_| "allowed")).collect()
}

/// Why a finding is allowed and for how long.
pub(crate) fn allowance(finding: &Finding) -> Option<String> {
    let suppressed = finding.suppressed.as_ref()?;
    let until = suppressed.until.as_ref().map_or(String::new(), |until| format!(" until {until}"));
    Some(format!("allowed{until}: {}", suppressed.reason))
}

/// `metrics.txt:1203`.
pub(crate) fn place(evidence: &EvidenceLine) -> String {
    match evidence.line {
        Some(line) => format!("{}:{line}", evidence.artifact),
        None => evidence.artifact.clone(),
    }
}

/// How the findings of warning and above stand to the baseline, and what is allowed, a line each.
pub(crate) fn standing(report: &Report) -> Vec<String> {
    let mut lines = Vec::new();
    let of = |state: State| {
        let loud = report.findings.iter().filter(|it| it.severity >= Severity::Warning && it.state == Some(state));
        loud.map(|finding| finding.id.as_str()).collect::<Vec<_>>()
    };
    if report.findings.iter().any(|finding| finding.state.is_some()) {
        let (new, worse) = (of(State::New), of(State::Worse));
        let named = |ids: &[&str]| if ids.is_empty() { String::new() } else { format!(" ({})", some_of(ids, 4)) };
        lines.push(format!(
            "beside the baseline {} new{}, {} worse{}, {} known",
            new.len(),
            named(&new),
            worse.len(),
            named(&worse),
            of(State::Same).len()
        ));
    }
    for finding in &report.findings {
        if let Some(allowance) = allowance(finding) {
            lines.push(format!("{} is {allowance}", finding.id));
        }
    }
    lines
}

/// `internal/hub/hub.go:41`.
pub(crate) fn source_place(place: &SourcePlace) -> String {
    place.line.map_or_else(|| place.path.clone(), |line| format!("{}:{line}", place.path))
}

/// What was masked: `Masked: 2 ip, 3 secret (--no-redact shows them).`
pub(crate) fn masked(report: &Report) -> Option<String> {
    let counts = &report.redaction.as_ref()?.counts;
    let kinds: Vec<String> = counts.iter().map(|(kind, count)| format!("{} {kind}", units::count(*count))).collect();
    (!kinds.is_empty()).then(|| format!("Masked: {} (--no-redact shows them).", kinds.join(", ")))
}

/// Number and size of what was given.
pub(crate) fn input(report: &Report) -> String {
    units::counted(report.artifacts.len() as u64, "file", "files")
}

/// A site as a phrase: what leads to it, the function, and the place in the source.
pub(crate) struct Place<'a> {
    pub lead: String,
    pub function: &'a str,
    /// `hub.go:41`; the source's directories only where they are asked for.
    pub source: Option<String>,
}

/// Where it happens, as phrases of one sentence: `813 goroutines wait in select at` f, `started by` g. The first site
/// of each role, or all of them.
pub(crate) fn places<'a>(report: &Report, finding: &'a Finding, all: bool) -> Vec<Place<'a>> {
    let mut places: Vec<Place> = Vec::new();
    let mut roles: Vec<&str> = Vec::new();
    // A process without a known function is its own place.
    let process = subject_of(report, finding).unwrap_or("");
    for site in finding.sites.iter().filter(|site| site.function != process) {
        let again = roles.contains(&site.role.as_str());
        if again && !all {
            continue;
        }
        roles.push(&site.role);
        let who = if places.is_empty() { who_waits(finding) } else { None };
        let lead = match (who, site.role.as_str()) {
            (Some(who), "blocked") => format!("{who} at"),
            (Some(who), _) => format!("{who}, {}", role(finding, &site.role, again)),
            (None, _) => role(finding, &site.role, again),
        };
        places.push(Place { lead, function: &site.function, source: source(site, all) });
    }
    places
}

fn role(finding: &Finding, role: &str, again: bool) -> String {
    let lead = match role {
        "hot" if finding.category.contains("leak") => "allocated in",
        "blocked" => "at",
        "creator" => "started by",
        "holder" => "held by",
        "hot" => "hot in",
        "caller" => "called from",
        other => other,
    };
    if again { format!("and {lead}") } else { lead.to_owned() }
}

fn source(site: &Site, whole: bool) -> Option<String> {
    let file = site.file.as_deref()?;
    let file = if whole { file } else { file.rsplit(['/', '\\']).next().unwrap_or(file) };
    Some(site.line.map_or_else(|| file.to_owned(), |line| format!("{file}:{line}")))
}

/// `813 goroutines wait in select`.
pub(crate) fn who_waits(finding: &Finding) -> Option<String> {
    let count = finding.count?;
    let many = finding.count_of.as_deref().unwrap_or("threads");
    let who = units::counted(count, many.strip_suffix('s').unwrap_or(many), many);
    match finding.bucket.as_deref() {
        Some(reason) => Some(format!("{who} {}", waits(reason, count == 1))),
        None => Some(who),
    }
}

/// What a thread does whose reason is this one.
pub(crate) fn waits(reason: &str, single: bool) -> String {
    let (verb, rest) = match reason {
        "running" => ("run", ""),
        "runnable" => ("are", "ready to run"),
        "chan-send" => ("wait", "to send to a channel"),
        "chan-receive" => ("wait", "to receive from a channel"),
        "nil-chan" => ("wait", "for a nil channel"),
        "select" => ("wait", "in select"),
        "mutex" => ("wait", "for a mutex"),
        "rwmutex-read" => ("wait", "for a read lock"),
        "rwmutex-write" => ("wait", "for a write lock"),
        "waitgroup" => ("wait", "for a WaitGroup"),
        "cond" => ("wait", "for a condition"),
        "semaphore" => ("wait", "for a semaphore"),
        "monitor-enter" => ("wait", "to enter a monitor"),
        "monitor-wait" => ("wait", "in Object.wait"),
        "park" => ("are", "parked"),
        "futex" => ("wait", "for a futex"),
        "network-io" => ("wait", "for the network"),
        "dns" => ("wait", "for a name lookup"),
        "disk-io" => ("wait", "for a disk"),
        "syscall" => ("are", "in a system call"),
        "cgo" => ("are", "in C code"),
        "sleep" => ("sleep", ""),
        "gc" => ("wait", "for the garbage collector"),
        "unknown" => ("wait", "for an unknown reason"),
        other => return format!("{} ({other})", if single { "waits" } else { "wait" }),
    };
    let verb = match (verb, single) {
        ("are", true) => "is".to_owned(),
        (verb, true) => format!("{verb}s"),
        (verb, false) => verb.to_owned(),
    };
    format!("{verb} {rest}").trim_end().to_owned()
}

/// What was there to judge by, a line each: files, processes, signals, patterns.
pub(crate) fn judged(report: &Report) -> Vec<String> {
    let mut lines = vec![files(report)];
    lines.extend(processes(report));
    lines.extend(profiles(report));
    lines.extend(signals(report));
    lines.extend(patterns(report));
    lines
}

fn files(report: &Report) -> String {
    let known = report.artifacts.iter().filter(|artifact| artifact.format.is_some()).count();
    let mut formats: Vec<_> = report.artifacts.iter().filter_map(|artifact| artifact.format.as_deref()).collect();
    formats.sort_unstable();
    formats.dedup();
    let mut line = format!("{} of {} recognised", units::count(known as u64), input(report));
    if !formats.is_empty() {
        line.push_str(&format!(": {}", some_of(&formats, 6)));
    }
    if let Some(span) = &report.bundle.span {
        line.push_str(&format!("; {}", units::span(&span.from, &span.to)));
    }
    line
}

/// The first few of a list and how many more there are.
pub(crate) fn some_of(items: &[&str], most: usize) -> String {
    let shown = items.iter().take(most).copied().collect::<Vec<_>>().join(", ");
    match items.len().saturating_sub(most) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

fn processes(report: &Report) -> Vec<String> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    for bucket in &report.buckets {
        if !names.contains(&(&bucket.process, &bucket.runtime)) {
            names.push((&bucket.process, &bucket.runtime));
        }
    }
    let snapshots = report.events.iter().filter(|event| event.kind == "snapshot").count() as u64;
    let mut lines: Vec<_> = names
        .iter()
        .map(|&(process, runtime)| {
            let own = || report.buckets.iter().filter(|bucket| bucket.process == process && bucket.runtime == runtime);
            let threads: u64 = own().map(|bucket| bucket.count).sum();
            let idle: u64 =
                own().flat_map(|bucket| &bucket.groups).filter(|group| group.idle).map(|group| group.count).sum();
            let what = units::counted(threads, thread(runtime), &format!("{}s", thread(runtime)));
            let idle = match idle {
                0 => "none".to_owned(),
                idle if idle == threads => "all".to_owned(),
                idle => units::count(idle),
            };
            format!("{process} ({runtime}): {what}, {idle} known to wait harmlessly")
        })
        .collect();
    if snapshots > 0 {
        lines.push(units::counted(snapshots, "snapshot of threads", "snapshots of threads"));
    } else if names.is_empty() {
        lines.push("no snapshot of threads".to_owned());
    }
    lines
}

/// What a runtime calls its threads.
pub(crate) fn thread(runtime: &str) -> &'static str {
    if runtime == "go" { "goroutine" } else { "thread" }
}

/// The profiles, the largest first, each with its hottest function.
fn profiles(report: &Report) -> Vec<String> {
    let mut largest: Vec<_> = report.profiles.iter().collect();
    largest.sort_by_key(|profile| std::cmp::Reverse(profile.samples));
    largest
        .into_iter()
        .take(2)
        .map(|profile| {
            let samples = units::counted(profile.samples, "sample", "samples");
            let hottest = profile
                .hottest
                .first()
                .map_or(String::new(), |hot| format!("; most in {} ({})", hot.function, units::share(hot.self_share)));
            format!("profile {}: {samples}{hottest}", profile.event)
        })
        .collect()
}

fn signals(report: &Report) -> Option<String> {
    if report.trends.is_empty() {
        return Some("no signal over time".to_owned());
    }
    let series = units::counted(report.trends.len() as u64, "signal", "signals");
    Some(format!("{series} over time: {}", tally(report.trends.iter().map(|trend| trend.verdict.as_str()))))
}

fn patterns(report: &Report) -> Option<String> {
    let total = report.checked.len() as u64;
    (total > 0).then(|| {
        format!(
            "{}: {}",
            units::counted(total, "pattern", "patterns"),
            tally(report.checked.iter().map(|checked| checked.outcome.as_str()))
        )
    })
}

/// How often each word occurs, the most frequent first: `27 flat, 3 falling`.
pub(crate) fn tally<'a>(words: impl Iterator<Item = &'a str>) -> String {
    let mut counts: Vec<(&str, u64)> = Vec::new();
    for word in words {
        match counts.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            None => counts.push((word, 1)),
        }
    }
    counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
    let said: Vec<_> =
        counts.iter().map(|(word, count)| format!("{} {}", units::count(*count), spaced(word))).collect();
    said.join(", ")
}

fn spaced(word: &str) -> String {
    match word {
        "insufficient" => "with too few samples".to_owned(),
        word => word.replace('-', " "),
    }
}

/// Trends that say something, growing ones first, and the rest as a tally.
pub(crate) fn trends(report: &Report) -> (Vec<&Trend>, Option<String>) {
    let rank = |trend: &Trend| match trend.verdict.as_str() {
        "growing" => 0,
        "step" => 1,
        "plateau" => 2,
        "falling" => 3,
        "cyclic" => 4,
        "flat" | "insufficient" => 9,
        _ => 5,
    };
    let mut telling: Vec<_> = report.trends.iter().filter(|trend| rank(trend) < 9).collect();
    telling.sort_by_key(|trend| rank(trend));
    let rest = tally(report.trends.iter().filter(|trend| rank(trend) == 9).map(|trend| trend.verdict.as_str()));
    (telling, (!rest.is_empty()).then_some(rest))
}

/// Interval of a slope: `+400 to +440`.
pub(crate) fn interval(trend: &Trend) -> Option<String> {
    let (low, high) = trend.ci95?;
    let unit = if trend.unit.starts_with('{') { "1" } else { &trend.unit };
    Some(format!("{} to {}", units::signed(low, unit), units::signed(high, unit)))
}

/// The summary without the title, where it begins with it.
pub(crate) fn beyond_title<'a>(title: &str, summary: &'a str) -> &'a str {
    let title = title.trim().trim_end_matches('.');
    match summary.trim_start().strip_prefix(title) {
        Some(rest) if rest.trim().is_empty() || rest.starts_with('.') => rest.trim_start_matches('.').trim_start(),
        _ => summary,
    }
}

/// A trend in one sentence without its name.
pub(crate) fn trend(trend: &Trend) -> String {
    let mut said = trend.verdict.clone();
    if let Some(slope) = trend.slope_per_hour {
        said.push_str(&format!(", {}", units::rate(slope, &trend.unit)));
    }
    if let Some(interval) = interval(trend) {
        said.push_str(&format!(" (95 %: {interval})"));
    }
    if let Some(since) = &trend.since {
        said.push_str(&format!(", since {} UTC", units::instant(since)));
    }
    if let Some(limit) = trend.limit {
        said.push_str(&format!(", limit {}", units::value(limit, &trend.unit)));
    }
    if let Some(at) = &trend.exhausts_at {
        said.push_str(&format!(", reached at {} UTC", units::instant(at)));
    }
    if let Some((soonest, latest)) = &trend.exhausts_ci {
        said.push_str(&format!(" (95 %: {} to {})", units::instant(soonest), units::instant(latest)));
    }
    said
}

/// Name of the process that a finding is about, if it is known.
pub(crate) fn subject_of<'a>(report: &'a Report, finding: &Finding) -> Option<&'a str> {
    let id = finding.subject.as_ref()?;
    let subject = report.subjects.iter().find(|subject| subject.id == *id)?;
    (subject.name != subject.kind).then_some(subject.name.as_str())
}

/// Name of a subject for people.
pub(crate) fn subject<'a>(report: &'a Report, id: &'a str) -> &'a str {
    report.subjects.iter().find(|subject| subject.id == id).map_or(id, |subject| &subject.name)
}

/// Two signals that move together.
pub(crate) fn correlation(pair: &Correlation) -> String {
    let p = if pair.p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", pair.p) };
    let changes = pair.pearson_of_changes.map_or(String::new(), |r| format!(", of the changes {r:.2}"));
    let lag =
        if pair.lag_s > 0.0 { format!("; the first leads by {}", units::duration(pair.lag_s)) } else { String::new() };
    format!("{} and {}: r = {:.2}{changes} (n = {}, {p}){lag}", pair.a, pair.b, pair.pearson, units::count(pair.n))
}

/// A signal as a sum of others: a line for the whole and one for each.
pub(crate) fn regression(found: &Regression) -> Vec<String> {
    if found.terms.is_empty() {
        return vec![format!("{}: no other signal of its process explains it", found.series)];
    }
    let mut lines = vec![format!(
        "{}: R2 = {:.3} (adjusted {:.3}), n = {}, {} where all others are nought",
        found.series,
        found.r2,
        found.adjusted_r2,
        units::count(found.n),
        units::value(found.intercept, &found.unit)
    )];
    lines.extend(found.terms.iter().map(|term| {
        let p = if term.p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {:.3}", term.p) };
        // A byte or second of the other is too small a step to read.
        let (step, name) = match term.unit.as_str() {
            "By" => (1_048_576.0, "1 MiB of ".to_owned()),
            _ => (1.0, "each of ".to_owned()),
        };
        let amount = |value: f64| units::value(value * step, &found.unit);
        format!("{name}{}: {} (error {}, {p})", term.series, amount(term.coefficient), amount(term.std_error))
    }));
    lines
}

/// A setting and what it should be.
pub(crate) fn advice(advice: &Advice) -> String {
    let now = advice.now.as_ref().map_or("not set or not known".to_owned(), |now| format!("now {now}"));
    format!("{} = {} ({now}): {}", advice.setting, advice.value, advice.arithmetic)
}

/// How much memory is in use, of which limit.
pub(crate) fn used_memory(memory: &Memory) -> String {
    let used = memory.used.map_or("use unknown".to_owned(), |used| units::bytes(used as f64));
    match (memory.limit, memory.used) {
        (Some(limit), Some(in_use)) if limit > 0 => {
            let share = units::share(in_use as f64 / limit as f64);
            format!("{used} of {} ({share})", units::bytes(limit as f64))
        }
        (Some(limit), _) => format!("{used}, limit {}", units::bytes(limit as f64)),
        (None, _) => format!("{used}, no limit known"),
    }
}

/// Parts within parts that are set off.
const DEEPEST: usize = 6;

/// How many parts a part of the memory lies within.
pub(crate) fn depth(memory: &Memory, part: &MemoryPart) -> usize {
    let (mut depth, mut within) = (0, part.within.as_str());
    while depth < DEEPEST
        && let Some(outer) = memory.parts.iter().find(|outer| !within.is_empty() && outer.part == within)
    {
        (depth, within) = (depth + 1, outer.within.as_str());
    }
    depth
}
