//! What holds for every renderer, and what three reports look like.

use proptest::prelude::*;

use super::fixtures::{empty, healthy, inconclusive, leak, problem};
use super::model::*;
use super::terminal::{Style, Verbosity};
use super::{json, markdown, terminal, text};

fn reports() -> [(&'static str, Report); 3] {
    [("problem", problem()), ("healthy", healthy()), ("inconclusive", inconclusive())]
}

fn style(verbosity: Verbosity) -> Style {
    Style { verbosity, ..Style::default() }
}

#[test]
fn what_they_look_like() {
    for (name, report) in reports() {
        insta::assert_snapshot!(format!("terminal_{name}"), terminal::render(&report, &style(Verbosity::Normal)));
        insta::assert_snapshot!(format!("terminal_quiet_{name}"), terminal::render(&report, &style(Verbosity::Quiet)));
        insta::assert_snapshot!(format!("markdown_{name}"), markdown::render(&report, markdown::DEFAULT_MAX_CHARS));
    }
    insta::assert_snapshot!(
        "terminal_verbose_inconclusive",
        terminal::render(&inconclusive(), &style(Verbosity::Verbose))
    );
    insta::assert_snapshot!("terminal_debug_problem", terminal::render(&problem(), &style(Verbosity::Debug)));
    insta::assert_snapshot!("markdown_problem_3000", markdown::render(&problem(), 3_000));
}

#[test]
fn json_is_what_the_schema_says_and_reads_back() {
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for report in [problem(), healthy(), inconclusive(), empty("nothing", Verdict::Inconclusive)] {
        let text = json::render(&report);
        assert!(text.ends_with("}\n"));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        let errors: Vec<_> = validator.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{errors:?}");
        let read: Report = serde_json::from_str(&text).unwrap();
        assert_eq!(json::render(&read), text);
    }
    let mut wrong = problem();
    wrong.findings[0].category = "gremlins".into();
    assert!(!validator.is_valid(&serde_json::to_value(&wrong).unwrap()), "the schema checks something");
}

#[test]
fn a_report_with_only_what_the_contract_requires_reads() {
    let mut value = serde_json::to_value(problem()).unwrap();
    let schema: serde_json::Value = serde_json::from_str(include_str!("../../docs/report.schema.json")).unwrap();
    strip(&mut value, &schema, &schema);
    let read: Report = serde_json::from_value(value).unwrap();
    assert_eq!(read.findings.len(), problem().findings.len());
    assert!(terminal::render(&read, &Style::default()).starts_with("PROBLEM  goroutine-leak"));
    let again = serde_json::to_value(&read).unwrap();
    assert!(jsonschema::is_valid(&schema, &again), "what is missing is not made up");
}

/// Removes every field that the schema does not require.
fn strip(value: &mut serde_json::Value, schema: &serde_json::Value, root: &serde_json::Value) {
    let schema = match schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        Some(path) => root.pointer(path).unwrap(),
        None => schema,
    };
    match value {
        serde_json::Value::Array(items) => items.iter_mut().for_each(|item| strip(item, &schema["items"], root)),
        serde_json::Value::Object(fields) => {
            if let Some(required) = schema["required"].as_array() {
                fields.retain(|name, _| required.iter().any(|it| it == name));
            }
            fields.iter_mut().for_each(|(name, field)| strip(field, &schema["properties"][name], root));
        }
        _ => {}
    }
}

#[test]
fn the_first_3000_characters_of_markdown_stand_alone() {
    let text = markdown::render(&problem(), markdown::DEFAULT_MAX_CHARS);
    let head: String = text.chars().take(3_000).collect();
    let finding = leak();
    for wanted in
        ["# PROBLEM: goroutine-leak (error, 94 % sure)", &finding.title, "23:10:00", "case <-ctx.Done(): return"]
    {
        assert!(head.contains(wanted), "{wanted} is not in the head:\n{head}");
    }
    let listed = head.lines().skip_while(|line| *line != "**Evidence**").filter(|line| line.starts_with("- `")).take(3);
    assert_eq!(listed.count(), 3);
}

#[test]
fn a_long_head_still_fits_into_3000_characters() {
    let mut report = problem();
    let long = "A_sentence with <many> words. ".repeat(200);
    report.root_causes[0].summary.clone_from(&long);
    for finding in &mut report.findings {
        finding.title.clone_from(&long);
        finding.remediation.clone_from(&long);
        finding.evidence.iter_mut().for_each(|line| line.says.clone_from(&long));
    }
    let text = markdown::render(&report, markdown::DEFAULT_MAX_CHARS);
    let end = text.find("## Root causes").unwrap();
    assert!(text[..end].chars().count() <= 3_000, "{}", text[..end].chars().count());
    assert!(text.chars().count() <= markdown::DEFAULT_MAX_CHARS);
}

#[test]
fn cut_markdown_says_what_is_missing() {
    let text = markdown::render(&problem(), 1_500);
    let last = text.lines().last().unwrap();
    assert!(last.ends_with("left out; full report: report.json"), "{last}");
    assert!(text.contains("413") || text.contains("813 of 901"), "the summary stays:\n{text}");
}

#[test]
fn input_cannot_become_markup() {
    let mut report = problem();
    let hostile = "# x <script>alert(1)</script> @root `</code>` | a\\|b </details> ```";
    let finding = &mut report.findings[0];
    finding.title = hostile.into();
    finding.sites[0].function = hostile.into();
    finding.evidence[0].excerpt = Some(hostile.into());
    finding.evidence[0].says = hostile.into();
    report.root_causes[0].summary = format!("{hostile}\n# heading\n> quote\n<b>bold");
    report.findings[1].title = hostile.into();
    report.warnings[0].message = hostile.into();
    report.buckets[0].groups[0].frames[0] = "```\n</details>".into();
    check_markdown(&markdown::render(&report, markdown::DEFAULT_MAX_CHARS));
}

#[test]
fn the_terminal_shows_one_screen() {
    for (name, report) in reports() {
        for width in [80, 100, 200] {
            let text = terminal::render(&report, &Style { width, ..Style::default() });
            assert!(text.lines().count() <= 40, "{name} at {width}:\n{text}");
        }
    }
}

#[test]
fn colour_adds_nothing_but_colour() {
    for (_, report) in reports() {
        let plain = terminal::render(&report, &Style::default());
        let painted = terminal::render(&report, &Style { color: true, ..Style::default() });
        assert_ne!(plain, painted);
        assert_eq!(without_sgr(&painted), plain);
    }
}

#[test]
fn long_function_names_keep_both_ends() {
    let mut report = problem();
    let long = format!("main.{}.last", "very_long_name_".repeat(20));
    report.findings[0].sites[0].function = long;
    let text = terminal::render(&report, &Style::default());
    assert!(text.contains("main.very") && text.contains("name_.last"), "{text}");
}

/// Removes SGR sequences; anything else with an escape stays and is found.
fn without_sgr(painted: &str) -> String {
    let mut plain = String::new();
    let mut rest = painted;
    while let Some(start) = rest.find("\x1b[") {
        plain.push_str(&rest[..start]);
        let sequence = &rest[start + 2..];
        let digits = sequence.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b';').count();
        assert_eq!(sequence.as_bytes().get(digits), Some(&b'm'), "not SGR");
        rest = &sequence[digits + 1..];
    }
    plain + rest
}

/// Fences and details are closed, and outside of code there is no HTML but ours.
fn check_markdown(markdown: &str) {
    let mut fence: Option<usize> = None;
    let mut details = 0;
    for line in markdown.lines() {
        let ticks = line.bytes().take_while(|byte| *byte == b'`').count();
        match fence {
            Some(open) if ticks >= open && line.len() == ticks => fence = None,
            Some(_) => {}
            None if ticks >= 3 && !line[ticks..].contains('`') => fence = Some(ticks),
            None => {
                let text = without_code_spans(line);
                details += text.matches("<details>").count();
                let closed = text.matches("</details>").count();
                assert!(closed <= details, "a </details> too many:\n{markdown}");
                details -= closed;
                check_line(line);
            }
        }
    }
    assert_eq!(fence, None, "a fence is open:\n{markdown}");
    assert_eq!(details, 0, "a <details> is open:\n{markdown}");
}

fn check_line(line: &str) {
    let text = without_code_spans(line);
    let ours =
        ["<details>", "</details>", "<summary>", "</summary>", "<code>", "</code>", "<https://go.dev/blog/context>"];
    let text = ours.iter().fold(text, |text, tag| text.replace(tag, ""));
    assert!(!text.contains('<'), "raw HTML: {line}");
    assert!(!text.contains("@root"), "a mention: {line}");
    if line.starts_with("| ") && line != "| " {
        let bars = without_escapes(&line.replace("\\\\", "")).matches('|').count();
        assert!(bars >= 4, "a broken row: {line}");
    }
}

fn without_escapes(line: &str) -> String {
    line.replace("\\|", "")
}

/// As CommonMark reads them: a run of ticks is closed by the next run of the same length; an escaped tick opens none.
fn without_code_spans(line: &str) -> String {
    let bytes = line.as_bytes();
    let run = |at: usize| bytes[at..].iter().take_while(|byte| **byte == b'`').count();
    let mut out = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => {
                out.extend(&bytes[at..(at + 2).min(bytes.len())]);
                at += 2;
            }
            b'`' => {
                let open = run(at);
                let mut end = at + open;
                while end < bytes.len() && (bytes[end] != b'`' || run(end) != open) {
                    end += if bytes[end] == b'`' { run(end) } else { 1 };
                }
                at = if end < bytes.len() { end + open } else { at + open };
            }
            byte => {
                out.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(out).unwrap()
}

/// Words that hurt, and some that do not.
fn hostile() -> impl Strategy<Value = String> {
    let word = prop_oneof![
        Just("```".to_owned()),
        Just("`".to_owned()),
        Just("</details>".to_owned()),
        Just("<details>".to_owned()),
        Just("<script>".to_owned()),
        Just("\x1b[31m\x1b]0;x\x07".to_owned()),
        Just("\u{9b}2J".to_owned()),
        Just("\u{202e}".to_owned()),
        Just("@root #12".to_owned()),
        Just("|".to_owned()),
        Just("\\".to_owned()),
        Just("\n# ".to_owned()),
        Just("\n```\n".to_owned()),
        Just("\r\n- ".to_owned()),
        Just("名前".to_owned()),
        "[a-zA-Z0-9_.:/*()]{1,30}",
        "[a-z]{200,400}",
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec((word, prop::bool::ANY), 0..12)
        .prop_map(|words| words.into_iter().map(|(word, space)| if space { word + " " } else { word }).collect())
}

prop_compose! {
    fn hostile_report()(
        which in 0..3usize,
        words in prop::collection::vec(hostile(), 12..13),
        repeat in 1..30usize,
        confidence in prop_oneof![Just(f64::NAN), -1.0..2.0f64],
    ) -> Report {
        let [(_, problem), (_, healthy), (_, inconclusive)] = reports();
        let mut report = [problem, healthy, inconclusive][which].clone();
        let word = |index: usize| words[index % words.len()].clone();
        report.bundle.name = word(0);
        for cause in &mut report.root_causes {
            cause.summary = word(1).repeat(repeat);
            cause.category = word(2);
            cause.confidence = confidence;
        }
        for (index, finding) in report.findings.iter_mut().enumerate() {
            finding.title = word(index);
            finding.category = word(2);
            finding.summary = word(index + 1);
            finding.remediation = word(index + 3).repeat(repeat);
            finding.sites.iter_mut().for_each(|site| site.function = word(index + 4));
            let line = EvidenceLine {
                artifact: word(5),
                line: Some(7),
                excerpt: Some(word(index + 6)),
                says: word(index + 7),
                context: Some(vec![(1, word(8))]),
            };
            finding.evidence.extend(std::iter::repeat_n(line.clone(), repeat));
            finding.against = vec![line; repeat];
            finding.references = vec![word(9)];
            finding.score.iter_mut().for_each(|part| part.says = word(10));
        }
        for group in report.buckets.iter_mut().flat_map(|bucket| &mut bucket.groups) {
            group.frames = std::iter::repeat_n(word(11), repeat * 4).collect();
            group.created_by = Some(word(0));
        }
        for trend in &mut report.trends {
            trend.series = word(3);
            trend.unit = word(4);
            trend.verdict = word(5);
            trend.since = Some(word(6));
        }
        report.artifacts.iter_mut().for_each(|artifact| artifact.path = word(7));
        report.warnings.iter_mut().for_each(|warning| warning.message = word(8));
        report.not_checked.iter_mut().for_each(|pattern| pattern.command = Some(word(9)));
        report.next_captures.iter_mut().for_each(|next| next.command = word(10));
        report
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(128) })]

    #[test]
    fn markdown_keeps_its_limit_and_its_form(report in hostile_report(), max in 500..30_000usize) {
        let text = markdown::render(&report, max);
        prop_assert!(text.chars().count() <= max);
        prop_assert!(text.contains("HEALTHY") || text.contains("PROBLEM") || text.contains("INCONCLUSIVE"));
        check_markdown(&text);
    }

    #[test]
    fn nothing_reaches_the_terminal_but_text(report in hostile_report(), width in 0..200usize, color: bool, level in 0..4usize) {
        let verbosity = [Verbosity::Quiet, Verbosity::Normal, Verbosity::Verbose, Verbosity::Debug][level];
        let drawn = terminal::render(&report, &Style { color, width, verbosity });
        let plain = if color { without_sgr(&drawn) } else { drawn };
        prop_assert!(plain.chars().all(|c| c == '\n' || !c.is_control()));
        if verbosity == Verbosity::Normal && width >= 80 {
            prop_assert!(plain.lines().count() <= 40, "{} lines:\n{plain}", plain.lines().count());
            for line in plain.lines().filter(|line| !line.trim_start().starts_with('$')) {
                prop_assert!(text::width(line) <= width.clamp(40, 120) || line.contains(":7"), "too wide: {line}");
            }
        }
    }
}
