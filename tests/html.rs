//! The page that stands alone: its structure, that nothing of the input becomes markup, that it asks nobody for
//! anything, and that it stays small.

mod common;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use common::{bundle_of, cases, files, name};
use postmortem::analysis::analyze;
use postmortem::patterns;
use postmortem::report::model::{Report, StackTree, TreeFrame};
use postmortem::report::{html, json};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;

/// What may stand in a sick process's names and logs.
const HOSTILE: &str = "</style></script><script>alert(1)</script><img src=x onerror=alert(2)>\" onload=\"alert(3)' \
                       onclick='alert(4) --><svg/onload=alert(5)> &lt; \u{1b}[31m \u{202e}\u{0} javascript:alert(6)";
/// Most bytes of a page.
const MOST: usize = 5_000_000;
const VOID: &[&str] = &["br", "input", "link", "meta", "wbr"];

/// A tag that opens an element.
#[derive(Debug)]
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
    /// Names of the elements that it stands in.
    inside: Vec<&'a str>,
    /// What follows up to the next tag.
    text: &'a str,
}

impl<'a> Tag<'a> {
    fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
    }
}

/// Reads a page as a browser does, but refuses what a browser would have to guess.
fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut rest = page.strip_prefix("<!DOCTYPE html>").expect("a page begins with its type");
    let (mut tags, mut open): (Vec<Tag<'_>>, Vec<&str>) = (Vec::new(), Vec::new());
    while let Some(start) = rest.find('<') {
        assert!(!rest[..start].contains('>'), "a bare > in {:?}", &rest[..start]);
        rest = &rest[start + 1..];
        if let Some(closing) = rest.strip_prefix('/') {
            let (name, after) = closing.split_once('>').unwrap();
            assert_eq!(open.pop(), Some(name), "closed in another order than opened");
            rest = after;
            continue;
        }
        let end = rest.find([' ', '>']).unwrap();
        let (name, mut inner) = rest.split_at(end);
        assert!(name.bytes().all(|b| b.is_ascii_alphanumeric()), "an odd tag {name:?}");
        let mut attributes = Vec::new();
        while let Some(next) = inner.strip_prefix(' ') {
            let end = next.find(['=', ' ', '>']).unwrap();
            let (attribute, value) = next.split_at(end);
            (inner, attributes) = match value.strip_prefix("=\"").map(|value| value.split_once('"').unwrap()) {
                Some((value, after)) => (after, {
                    attributes.push((attribute, value));
                    attributes
                }),
                None => (value, {
                    attributes.push((attribute, ""));
                    attributes
                }),
            };
        }
        rest = inner.strip_prefix('>').unwrap_or_else(|| panic!("<{name} does not end"));
        let raw = matches!(name, "script" | "style");
        let end = if raw { rest.find(&format!("</{name}>")) } else { rest.find('<') };
        let text = &rest[..end.unwrap()];
        tags.push(Tag { name, attributes, inside: open.clone(), text });
        if raw {
            rest = &rest[text.len()..];
        }
        if !VOID.contains(&name) {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "not closed: {open:?}");
    tags
}

/// What holds of every page.
fn check(page: &str) {
    assert!(page.len() < MOST, "{} bytes", page.len());
    let odd =
        page.chars().find(|c| (c.is_control() && *c != '\n') || matches!(c, '\u{202a}'..='\u{202e}' | '\u{200b}'));
    assert_eq!(odd, None, "a character that acts");
    let tags = tags(page);
    let all = |name: &str| tags.iter().filter(|tag| tag.name == name).collect::<Vec<_>>();
    for one in ["html", "head", "header", "nav", "main", "footer", "h1", "style", "script"] {
        assert_eq!(all(one).len(), 1, "<{one}>");
    }
    let titles = all("title").into_iter().filter(|title| !title.inside.contains(&"svg"));
    assert_eq!(titles.count(), 1, "<title>");
    for refused in ["img", "iframe", "object", "embed", "form", "base", "image", "foreignObject", "use", "video"] {
        assert!(all(refused).is_empty(), "<{refused}>");
    }
    let mut ids = BTreeSet::new();
    for tag in &tags {
        for (attribute, value) in &tag.attributes {
            assert!(!attribute.starts_with("on") && !matches!(*attribute, "style" | "src" | "srcset"), "{tag:?}");
            assert!(*attribute != "id" || ids.insert(*value), "id {value} twice");
        }
    }
    for tag in &tags {
        match (tag.name, tag.attribute("href")) {
            ("a", Some(href)) => match href.strip_prefix('#') {
                Some(id) => assert!(ids.contains(id), "{href} leads nowhere"),
                None => assert!(href.starts_with("https://"), "{href}"),
            },
            ("link", href) => assert_eq!(href, Some("data:,")),
            (_, href) => assert_eq!(href, None, "{tag:?}"),
        }
        for refers in ["aria-labelledby", "aria-describedby"] {
            assert!(tag.attribute(refers).is_none_or(|id| ids.contains(id)), "{tag:?}");
        }
    }
    let captions = all("caption");
    assert_eq!(captions.len(), all("table").len(), "every table has a caption");
    assert!(captions.iter().all(|caption| !caption.text.trim().is_empty()));
    assert!(all("svg").iter().all(|svg| {
        svg.inside.contains(&"svg") || svg.attribute("aria-hidden").is_some() || svg.attribute("aria-label").is_some()
    }));
    policy(&tags);
}

/// The policy lets the page's own style and script run and nothing else.
fn policy(tags: &[Tag<'_>]) {
    let policy = tags.iter().find(|tag| tag.attribute("http-equiv") == Some("Content-Security-Policy")).unwrap();
    let policy = policy.attribute("content").unwrap();
    assert!(
        policy.starts_with("default-src 'none';") && !policy.contains("unsafe") && !policy.contains('*'),
        "{policy}"
    );
    for (name, directive) in [("style", "style-src"), ("script", "script-src")] {
        let text = tags.iter().find(|tag| tag.name == name).unwrap().text;
        let hash = STANDARD.encode(Sha256::digest(text));
        assert!(policy.contains(&format!("{directive} 'sha256-{hash}';")), "{policy}");
        // Nothing in them names another host.
        assert!(!text.replace("http://www.w3.org/2000/svg", "").contains("http"), "{name}");
        assert!(!text.contains("url(") && !text.contains("@import") && !text.contains("innerHTML"), "{name}");
    }
}

fn sample(case: &str) -> Report {
    let folder = common::in_repository("samples/bundles").join(case).join("bundle");
    analyze(bundle_of(&files(&folder)).unwrap(), &patterns::built_in().unwrap()).unwrap().report
}

#[test]
fn every_incident_gives_a_sound_page_and_so_does_its_json() {
    let patterns = patterns::built_in().unwrap();
    for case in cases() {
        let bundle = bundle_of(&files(&case.join("bundle"))).unwrap();
        let report = analyze(bundle, &patterns).unwrap().report;
        let page = html::render(&report);
        check(&page);
        let read: Report = serde_json::from_str(&json::render(&report)).unwrap();
        assert!(html::render(&read) == page, "{}: the JSON gives another page", name(&case));
    }
}

#[test]
fn the_answer_stands_first_and_its_lines_open() {
    let report = sample("heap-leak-cartd-sessions");
    let page = html::render(&report);
    let tags = tags(&page);
    let at = |wanted: &dyn Fn(&Tag<'_>) -> bool| tags.iter().position(wanted).expect("it is on the page");
    let answer = at(&|tag| tag.name == "h1" && tag.text == report.findings[1].title);
    let evidence = at(&|tag| tag.attribute("class") == Some("excerpt"));
    let marked = at(&|tag| tag.name == "mark");
    let timeline = at(&|tag| tag.attribute("id") == Some("timeline"));
    assert!(answer < evidence && evidence < marked && marked < timeline);
    assert!(tags[marked].inside.contains(&"details") && tags[marked].inside.contains(&"pre"));
    for (name, class) in
        [("polyline", "series"), ("polyline", "fit"), ("line", "limit"), ("line", "event end"), ("svg", "bar")]
    {
        at(&|tag| tag.name == name && tag.attribute("class") == Some(class));
    }
    at(&|tag| tag.attribute("class") == Some("flame"));
    assert!(page.contains("cat /sys/fs/cgroup"), "what was not checked has its command");
}

/// Adds hostile text to every string but the words of an enumeration.
fn poison(value: &mut Value, key: &str) {
    match value {
        Value::String(text) if !matches!(key, "severity" | "schema" | "at" | "from" | "to" | "since" | "begins") => {
            text.push_str(HOSTILE);
        }
        Value::Array(items) => items.iter_mut().for_each(|item| poison(item, key)),
        Value::Object(fields) => {
            // Of the two verdicts, that of the report is an enumeration.
            let top = fields.contains_key("schema");
            fields
                .iter_mut()
                .filter(|(key, _)| !(top && *key == "verdict"))
                .for_each(|(key, value)| poison(value, key));
        }
        _ => {}
    }
}

#[test]
fn nothing_that_the_bundle_says_becomes_markup() {
    for case in ["heap-leak-cartd-sessions", "pool-exhaustion-java-orders", "goroutine-leak-invsync-bodies"] {
        let mut report = serde_json::to_value(sample(case)).unwrap();
        poison(&mut report, "");
        let page = html::render(&serde_json::from_value(report).unwrap());
        assert!(page.matches("alert(1)").count() > 100, "the text itself is shown");
        check(&page);
    }
}

#[test]
fn names_of_files_and_functions_are_text() {
    let dump = "goroutine 1 [chan receive, 9 minutes]:\nmain.</style><script>alert(1)</script>(0x1)\n\t/src/<b>\"x.go:1 +0x1\n\n";
    let log = format!("{dump}goroutine 2 [select]:\nmain.f\"onload=\"alert(2)(...)\n\t/src/y.go:2 +0x2\n");
    let files = [("a\"><img src=x onerror=alert(3)>.txt".to_owned(), log.into_bytes())];
    let report = analyze(bundle_of(&files).unwrap(), &patterns::built_in().unwrap()).unwrap().report;
    assert!(!report.buckets.is_empty());
    let page = html::render(&report);
    assert!(page.contains("&lt;script&gt;") && page.contains("onerror"), "{page}");
    check(&page);
}

#[test]
fn a_huge_report_gives_a_small_page_that_says_what_was_cut() {
    let mut report = sample("goroutine-leak-invsync-bodies");
    let long = |n: usize| format!("com.example.{}.Handler{n}<{}>::handle", "deep.".repeat(8), "T,".repeat(40));
    let frames: Vec<String> = (0..60).map(long).collect();
    for bucket in &mut report.buckets {
        let group = bucket.groups[0].clone();
        bucket.groups = (0..100)
            .map(|n| {
                let mut group = group.clone();
                group.frames.clone_from(&frames);
                group.frames[30] = long(n);
                group
            })
            .collect();
    }
    report.buckets = vec![report.buckets; 40].concat();
    let nodes = (0..3_000).map(|n| TreeFrame(n % 60, long(n as usize), 100.0 / f64::from(n + 1))).collect();
    report.profiles[0].tree = Some(StackTree { frames: nodes, left_out: 5 });
    report.profiles = vec![report.profiles[0].clone(); 100];
    report.findings[0].evidence = vec![report.findings[0].evidence[0].clone(); 500];
    let cause = report.findings[0].id.clone();
    let symptoms = vec![report.findings[1].clone(); 3_000];
    report.findings.extend(symptoms.into_iter().enumerate().map(|(n, mut finding)| {
        finding.id = format!("finding-{n}");
        finding.explained_by = Some(cause.clone());
        finding
    }));
    let points = (0..120).map(|n| (f64::from(n), f64::from(n) * 1.234_567)).collect::<Vec<_>>();
    report.trends.iter_mut().for_each(|trend| trend.points = Some(points.clone()));
    report.trends = vec![report.trends; 300].concat();
    report.events = vec![report.events; 20_000].concat();
    report.artifacts = vec![report.artifacts; 10_000].concat();
    report.subjects = vec![report.subjects; 5_000].concat();
    report.not_checked = vec![report.not_checked; 500].concat();
    report.checked = vec![report.checked; 500].concat();
    report.warnings = (0..100_000)
        .map(|n| {
            serde_json::from_value(serde_json::json!({ "message": long(n), "artifact": long(n), "line": n })).unwrap()
        })
        .collect();
    let page = html::render(&report);
    check(&page);
    for cut in
        ["more groups", "more profiles have no room", "more findings have no room", "more warnings", "more files"]
    {
        assert!(page.contains(cut), "{cut:?} is not said");
    }
}
