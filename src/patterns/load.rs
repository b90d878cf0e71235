//! Reads pattern files: a TOML head between `+++` lines, a Markdown body, fenced captures.

use super::condition;
use super::{CATEGORIES, Clause, Example, FAMILIES, Join, Pattern, Weighted};
use crate::passes::fact::{KINDS, kind_named};
use crate::report::model::Severity;
use anyhow::{Context, Result, anyhow, bail};
use serde::Deserialize;
use std::path::Path;

include!(concat!(env!("OUT_DIR"), "/library.rs"));

/// The head of a pattern file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Head {
    title: String,
    category: String,
    severity: Severity,
    prior: i32,
    summary: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    settle: Vec<String>,
    #[serde(default)]
    count_of: Option<String>,
    #[serde(default)]
    bucket: Option<String>,
    #[serde(default)]
    explains: Vec<String>,
    #[serde(rename = "match")]
    anchors: Vec<RawClause>,
    #[serde(default, rename = "for")]
    fors: Vec<RawWeighted>,
    #[serde(default, rename = "against")]
    againsts: Vec<RawWeighted>,
    #[serde(default)]
    unless: Vec<RawClause>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClause {
    #[serde(default)]
    fact: String,
    #[serde(default)]
    on: Option<String>,
    #[serde(default, rename = "where")]
    conditions: toml::Table,
    #[serde(default)]
    says: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawWeighted {
    #[serde(default)]
    fact: String,
    #[serde(default)]
    on: Option<String>,
    #[serde(default, rename = "where")]
    conditions: toml::Table,
    says: String,
    weight: i32,
    family: String,
}

/// The patterns that are built in, by id.
///
/// # Errors
/// When one of them is not well formed; a test holds that none is.
pub fn built_in() -> Result<Vec<Pattern>> {
    LIBRARY.iter().map(|(id, text)| parse(id, text)).collect()
}

/// The patterns of a folder, by id.
///
/// # Errors
/// When the folder cannot be read or a pattern is not well formed.
pub fn from_dir(dir: &Path) -> Result<Vec<Pattern>> {
    let entries =
        std::fs::read_dir(dir).with_context(|| format!("cannot read the pattern folder {}", dir.display()))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    files.sort();
    files
        .iter()
        .map(|path| {
            let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
            parse(&path.file_stem().unwrap_or_default().to_string_lossy(), &text)
        })
        .collect()
}

/// Reads one pattern file.
///
/// # Errors
/// When the head or the body is not well formed: with what is wrong and what exists.
pub fn parse(id: &str, text: &str) -> Result<Pattern> {
    read(id, text).map_err(|error| anyhow!("pattern {id}: {error:#}"))
}

fn read(id: &str, text: &str) -> Result<Pattern> {
    let text = text.replace("\r\n", "\n");
    let rest = text.strip_prefix("+++\n").ok_or_else(|| anyhow!("the file does not begin with a line +++"))?;
    let (head, body) = rest.split_once("\n+++\n").ok_or_else(|| anyhow!("the head does not end with a line +++"))?;
    let head: Head = toml::from_str(head)?;
    if !CATEGORIES.iter().any(|(name, _)| *name == head.category) {
        let known: Vec<&str> = CATEGORIES.iter().map(|(name, _)| *name).collect();
        bail!("unknown category {:?}; there are {}", head.category, known.join(", "));
    }
    if head.anchors.is_empty() {
        bail!("there is no [[match]]");
    }
    for need in head.needs.iter().chain(&head.settle) {
        if !crate::diagnosis::captures::exists(need) {
            bail!("unknown capture {need:?}; there are {}", crate::diagnosis::captures::names().join(", "));
        }
    }
    let anchor_kinds: Vec<String> = head.anchors.iter().map(|anchor| anchor.fact.clone()).collect();
    let clause =
        |raw: RawClause, anchor: bool| clause(raw.fact, raw.on, raw.conditions, raw.says, &anchor_kinds, anchor);
    let weighted = |raw: RawWeighted, against: bool| -> Result<Weighted> {
        if !FAMILIES.contains(&raw.family.as_str()) {
            bail!("unknown family {:?}; there are {}", raw.family, FAMILIES.join(", "));
        }
        if (raw.weight < 0) != against || raw.weight == 0 {
            bail!("the weight of a [[for]] is above 0, that of an [[against]] below: {}", raw.weight);
        }
        let clause = self::clause(raw.fact, raw.on, raw.conditions, raw.says, &anchor_kinds, false)?;
        Ok(Weighted { clause, weight: raw.weight, family: raw.family })
    };
    let sections = sections(body)?;
    Ok(Pattern {
        id: id.to_owned(),
        title: head.title,
        category: head.category,
        severity: head.severity,
        prior: head.prior,
        summary: head.summary,
        needs: head.needs,
        settle: head.settle,
        count_of: head.count_of,
        bucket: head.bucket,
        explains: head.explains,
        anchors: head.anchors.into_iter().map(|raw| clause(raw, true)).collect::<Result<_>>()?,
        fors: head.fors.into_iter().map(|raw| weighted(raw, false)).collect::<Result<_>>()?,
        againsts: head.againsts.into_iter().map(|raw| weighted(raw, true)).collect::<Result<_>>()?,
        unless: head.unless.into_iter().map(|raw| clause(raw, false)).collect::<Result<_>>()?,
        meaning: sections.meaning,
        confirm: sections.confirm,
        fix: sections.fix,
        references: sections.references,
        examples: sections.examples,
    })
}

fn clause(
    fact: String,
    on: Option<String>,
    conditions: toml::Table,
    says: String,
    anchors: &[String],
    is_anchor: bool,
) -> Result<Clause> {
    if is_anchor && fact.is_empty() {
        bail!("a [[match]] names its fact");
    }
    // A condition on the anchor may be about an attribute that only one of several anchors has.
    let names: Vec<&str> = if fact.is_empty() { anchors.iter().map(String::as_str).collect() } else { vec![&fact] };
    let kinds: Vec<_> = names
        .iter()
        .map(|name| {
            kind_named(name).ok_or_else(|| {
                let known: Vec<&str> = KINDS.iter().map(|kind| kind.name).collect();
                anyhow!("unknown fact {name:?}; there are {}", known.join(", "))
            })
        })
        .collect::<Result<_>>()?;
    let on = match on.as_deref() {
        None | Some("subject") => Join::Subject,
        Some("site") => Join::Site,
        Some("bundle") => Join::Bundle,
        Some(other) => bail!("unknown join {other:?}; there are subject, site, bundle"),
    };
    let mut read = Vec::new();
    for (name, value) in &conditions {
        let mut all = kinds.iter().flat_map(|kind| kind.attributes);
        let attribute = all.find(|attribute| attribute.name == name).ok_or_else(|| {
            let known: Vec<&str> =
                kinds.iter().flat_map(|kind| kind.attributes).map(|attribute| attribute.name).collect();
            anyhow!("{} has no attribute {name:?}; it has {}", names.join(" or "), known.join(", "))
        })?;
        read.push((name.clone(), condition::read(name, attribute.of, value).map_err(|error| anyhow!(error))?));
    }
    Ok(Clause { fact, on, conditions: read, says })
}

#[derive(Default)]
struct Sections {
    meaning: String,
    confirm: String,
    fix: String,
    references: Vec<String>,
    examples: Vec<Example>,
}

/// The headings and fenced captures of the body.
fn sections(body: &str) -> Result<Sections> {
    let mut found = Sections::default();
    let mut heading = "";
    let mut lines = body.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        if let Some(info) = line.strip_prefix("```") {
            let mut text = String::new();
            let mut closed = false;
            for (_, line) in lines.by_ref() {
                if line == "```" {
                    closed = true;
                    break;
                }
                text.push_str(line);
                text.push('\n');
            }
            if !closed {
                bail!("a fence is not closed");
            }
            if let Some(example) = example(info, text.clone(), number)? {
                found.examples.push(example);
            } else if heading == "How to confirm" {
                found.confirm.push_str(&text);
            } else if heading == "Fix" {
                found.fix.push_str(&format!("```{info}\n{text}```\n"));
            }
            continue;
        }
        if let Some(title) = line.strip_prefix("## ") {
            heading = title.trim();
            if !["What it means", "How to confirm", "Fix", "References", "Examples"].contains(&heading) {
                bail!(
                    "unknown heading {heading:?}; there are What it means, How to confirm, Fix, References, Examples"
                );
            }
            continue;
        }
        let part = match heading {
            "What it means" => &mut found.meaning,
            "How to confirm" => &mut found.confirm,
            "Fix" => &mut found.fix,
            "References" => {
                if let Some(reference) = line.strip_prefix("- ") {
                    found.references.push(reference.trim().to_owned());
                }
                continue;
            }
            _ => continue,
        };
        if !(part.is_empty() && line.is_empty()) {
            part.push_str(line);
            part.push('\n');
        }
    }
    for (name, text) in [("What it means", &found.meaning), ("Fix", &found.fix)] {
        if text.trim().is_empty() {
            bail!("the body has nothing under ## {name}");
        }
    }
    for text in [&mut found.meaning, &mut found.confirm, &mut found.fix] {
        text.truncate(text.trim_end().len());
    }
    for (matches, what) in [(true, "match"), (false, "look-alike")] {
        if !found.examples.iter().any(|example| example.matches == matches) {
            bail!("there is no fenced {what} example");
        }
    }
    Ok(found)
}

/// ```` ```match goroutine.txt ```` or ```` ```look-alike=2 a/b.log ````.
fn example(info: &str, text: String, line: usize) -> Result<Option<Example>> {
    let mut words = info.split_whitespace();
    let Some(word) = words.next() else { return Ok(None) };
    let (kind, name) = word.split_once('=').unwrap_or((word, "1"));
    let matches = match kind {
        "match" => true,
        "look-alike" => false,
        _ => return Ok(None),
    };
    let artifact = words.next().ok_or_else(|| anyhow!("a {kind} fence names its artifact: ```{kind} goroutine.txt"))?;
    Ok(Some(Example { matches, name: name.to_owned(), artifact: artifact.to_owned(), text, line }))
}
