//! Documents that are made from the code stay in step with it. `UPDATE_DOCS=1 cargo test --test docs` writes them.

use postmortem::passes::fact::{KINDS, Type};
use postmortem::patterns::{CATEGORIES, FAMILIES, Pattern, Weighted, built_in};
use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

const MADE: &str = "<!-- made by UPDATE_DOCS=1 cargo test --test docs -->";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn is_update() -> bool {
    std::env::var_os("UPDATE_DOCS").is_some()
}

/// Holds a file against what it must be, or writes it.
fn in_step(path: &Path, expected: &str) {
    if is_update() {
        std::fs::write(path, expected).unwrap();
    }
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == expected, "{} is out of step: UPDATE_DOCS=1 cargo test --test docs", path.display());
}

/// `text` with what stands between the markers of this name replaced.
fn with_part(text: &str, name: &str, part: &str) -> String {
    let (open, close) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let (before, rest) = text.split_once(&open).unwrap_or_else(|| panic!("no {open}"));
    let (_, after) = rest.split_once(&close).unwrap_or_else(|| panic!("no {close}"));
    format!("{before}{open}{part}{close}{after}")
}

fn type_words(of: Type) -> String {
    match of {
        Type::Word(words) => format!("one of `{}`", words.join("`, `")),
        Type::Text => "text".into(),
        Type::Number => "number".into(),
        Type::Flag => "true or false".into(),
        Type::List => "list of names".into(),
    }
}

#[test]
fn the_table_of_facts_is_in_step() {
    let mut out = format!(
        "# Facts\n\n{MADE}\n\nWhat the passes state and patterns read. The table is closed: a pattern that names \
         anything else is refused. An attribute that could not be measured is absent, and a condition on it is \
         unknown. **Selectors** are the attributes that choose which measurement is meant; where no fact has the \
         chosen value, the answer is unknown and not \"no\".\n"
    );
    for kind in KINDS {
        writeln!(out, "\n## {}\n\nStates {}.\n", kind.name, kind.doc).unwrap();
        if !kind.selectors.is_empty() {
            writeln!(out, "Selectors: `{}`.\n", kind.selectors.join("`, `")).unwrap();
        }
        out.push_str("| attribute | type | meaning |\n|---|---|---|\n");
        for attribute in kind.attributes {
            writeln!(out, "| `{}` | {} | {} |", attribute.name, type_words(attribute.of), attribute.doc).unwrap();
        }
    }
    in_step(&root().join("docs/facts.md"), &out);
}

#[test]
fn the_tables_of_the_readme_are_in_step() {
    let path = root().join("README.md");
    let text = std::fs::read_to_string(&path).unwrap();
    let mut table = String::from("| category | pattern | what it says |\n|---|---|---|\n");
    let mut patterns = built_in().unwrap();
    let place = |category: &str| CATEGORIES.iter().position(|(name, _)| *name == category);
    patterns.sort_by_key(|pattern| place(&pattern.category));
    for pattern in &patterns {
        let Pattern { id, category, title, .. } = pattern;
        writeln!(table, "| {category} | [`{id}`](docs/patterns/{id}.md) | {title} |").unwrap();
    }
    in_step(&path, &with_part(&text, "table of patterns", &table));
    for format in postmortem_parsers::FORMATS {
        assert!(text.contains(&format!("| `{}` |", format.id())), "README.md has no row for {}", format.id());
    }
}

fn weights(out: &mut String, title: &str, parts: &[Weighted]) {
    if parts.is_empty() {
        return;
    }
    write!(out, "\n## {title}\n\n| weight | family | when |\n|---|---|---|\n").unwrap();
    for part in parts {
        writeln!(out, "| {:+} | {} | {} |", part.weight, part.family, part.clause.says.replace('|', "\\|")).unwrap();
    }
}

fn page(pattern: &Pattern) -> String {
    let mut out = format!("# {}\n\n{MADE}\n\n", pattern.title);
    let Pattern { id, category, severity, prior, .. } = pattern;
    writeln!(
        out,
        "Pattern `{id}`, category `{category}`, at most `{}`, prior {prior:+} decibans. Words in braces are filled \
         with what was measured.",
        severity.as_str()
    )
    .unwrap();
    writeln!(out, "\n## What it means\n\n{}", pattern.meaning).unwrap();
    weights(&mut out, "What speaks for it", &pattern.fors);
    weights(&mut out, "What speaks against it", &pattern.againsts);
    if !pattern.unless.is_empty() {
        out.push_str("\n## What rules it out\n\n");
        for clause in &pattern.unless {
            writeln!(out, "- {}", clause.says).unwrap();
        }
    }
    if !pattern.confirm.is_empty() {
        writeln!(out, "\n## How to confirm\n\n{}", pattern.confirm).unwrap();
    }
    writeln!(out, "\n## Fix\n\n{}", pattern.fix).unwrap();
    if !pattern.references.is_empty() {
        out.push_str("\n## References\n\n");
        for reference in &pattern.references {
            writeln!(out, "- <{reference}>").unwrap();
        }
    }
    out
}

#[test]
fn the_pages_of_the_patterns_are_in_step() {
    let folder = root().join("docs/patterns");
    let patterns = built_in().unwrap();
    let names: BTreeSet<String> = patterns.iter().map(|pattern| format!("{}.md", pattern.id)).collect();
    std::fs::create_dir_all(&folder).unwrap();
    for pattern in &patterns {
        in_step(&folder.join(format!("{}.md", pattern.id)), &page(pattern));
    }
    for entry in std::fs::read_dir(&folder).unwrap() {
        let entry = entry.unwrap();
        if !names.contains(entry.file_name().to_string_lossy().as_ref()) {
            assert!(is_update(), "{} belongs to no pattern", entry.path().display());
            std::fs::remove_file(entry.path()).unwrap();
        }
    }
}

/// Links between the documents lead somewhere.
#[test]
fn links_lead_to_files() {
    let documents = std::fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let documents = documents.chain(["README.md", "CHANGELOG.md", "THIRD-PARTY.md"].map(|name| root().join(name)));
    for path in documents.filter(|path| path.extension().is_some_and(|extension| extension == "md")) {
        let text = std::fs::read_to_string(&path).unwrap();
        for target in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let file = target.split('#').next().unwrap();
            if !file.is_empty() && !file.contains("://") {
                assert!(path.parent().unwrap().join(file).exists(), "{} links to {file}", path.display());
            }
        }
    }
}

/// The worked example of docs/adding-a-pattern.md does what the text says.
#[test]
fn the_example_pattern_passes_its_own_tests() {
    let patterns = postmortem::patterns::from_dir(&root().join("docs/example-pattern")).unwrap();
    let runs = postmortem::patterns::examples::run(&patterns[0]).unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.fault.is_none()), "{runs:?}");
    let head = std::fs::read_to_string(root().join("docs/example-pattern/io-pressure.md")).unwrap();
    let head = head.split("+++\n").nth(1).unwrap();
    let text = std::fs::read_to_string(root().join("docs/adding-a-pattern.md")).unwrap();
    assert!(text.contains(head), "docs/adding-a-pattern.md shows another head");
    for word in CATEGORIES.iter().map(|(name, _)| name).chain(FAMILIES) {
        assert!(text.contains(&format!("`{word}`")), "docs/adding-a-pattern.md does not name {word}");
    }
}
