//! The few marks that our Markdown is made of, as other places write them.

use std::iter::Peekable;
use std::str::Chars;

/// Where the text will be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Target {
    /// An issue, a comment or a pull request of GitHub or GitLab.
    #[default]
    Github,
    /// A description or comment of Jira, in its wiki markup.
    Jira,
    /// A message of Slack.
    Slack,
    /// The summary of a job of GitHub Actions.
    Summary,
}

impl Target {
    /// The most characters that the place takes.
    pub fn limit(self) -> usize {
        match self {
            // Bodies of issues take 65,536 characters.
            Target::Github => 65_000,
            // 32,767, or the whole text is refused.
            Target::Jira => 32_000,
            // A block of a message takes 3,000.
            Target::Slack => 3_000,
            // 1 MiB, and a character may take four bytes.
            Target::Summary => 230_000,
        }
    }

    /// The text, whole lines of our Markdown, as this place writes it.
    pub(super) fn write(self, markdown: &str) -> String {
        match self {
            Target::Github => markdown.to_owned(),
            Target::Summary => lines(markdown, |line| match line {
                Line::Heading(level, text) => Some(format!("{} {text}", "#".repeat(level + 2))),
                Line::Fence(fence) => Some(fence.to_owned()),
                Line::Other(text) | Line::Code(text) => Some(text.to_owned()),
                other => other.as_markdown(),
            }),
            Target::Jira => {
                // Jira closes a block with the mark that opened it.
                let mut block = "{code}";
                lines(markdown, |line| match line {
                    Line::Heading(level, text) => Some(format!("h{level}. {}", self.inline(text))),
                    Line::Summary(text) => Some(format!("*{}*", self.inline(text))),
                    Line::Fence(fence) => match fence.trim_start_matches('`') {
                        "" => Some(block.to_owned()),
                        "text" => {
                            block = "{noformat}";
                            Some(block.to_owned())
                        }
                        language => {
                            block = "{code}";
                            Some(format!("{{code:{language}}}"))
                        }
                    },
                    Line::Code(text) => Some(text.replace("{code", "{ code").replace("{noformat", "{ noformat")),
                    Line::Head(cells) => Some(format!("||{}||", self.cells(&cells, "||"))),
                    Line::Row(cells) => Some(format!("|{}|", self.cells(&cells, "|"))),
                    Line::Close | Line::Rule(_) => None,
                    Line::Other(text) => {
                        let item = text.trim_start();
                        let depth = (text.len() - item.len()) / 2 + 1;
                        match item.strip_prefix("- ") {
                            Some(rest) => Some(format!("{} {}", "-".repeat(depth), self.inline(rest))),
                            None => Some(self.inline(text)),
                        }
                    }
                })
            }
            Target::Slack => lines(markdown, |line| match line {
                Line::Heading(_, text) | Line::Summary(text) => Some(format!("*{}*", self.inline(text))),
                Line::Fence(_) => Some("```".to_owned()),
                Line::Code(text) => Some(entities(text).replace("```", "'''")),
                Line::Row(cells) => Some(format!("• {}", self.cells(&cells, " · "))),
                Line::Head(_) | Line::Close | Line::Rule(_) => None,
                Line::Other(text) => Some(self.inline(text)),
            }),
        }
    }

    fn cells(self, cells: &[&str], between: &str) -> String {
        // An empty cell would close the row.
        let filled = cells.iter().map(|cell| if cell.is_empty() { " ".to_owned() } else { self.inline(cell) });
        filled.collect::<Vec<_>>().join(between)
    }

    /// Text within a line.
    fn inline(self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        let mut chars = text.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '`' => out.push_str(&self.code(&mut chars)),
                '*' if chars.peek() == Some(&'*') => {
                    chars.next();
                    out.push('*');
                }
                '\\' => {
                    if let Some(next) = chars.next() {
                        if self == Target::Jira && "*_{}[]|!-+^~?".contains(next) {
                            out.push('\\');
                        }
                        out.push(next);
                    }
                }
                '{' | '}' if self == Target::Jira => out.extend(['\\', c]),
                c => out.push(c),
            }
        }
        if self == Target::Jira { out.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") } else { out }
    }

    /// A code span, of which the first tick was read.
    fn code(self, chars: &mut Peekable<Chars<'_>>) -> String {
        let mut ticks = 1;
        while chars.next_if_eq(&'`').is_some() {
            ticks += 1;
        }
        let close = "`".repeat(ticks);
        let mut inside = String::new();
        let mut run = 0;
        for c in chars.by_ref() {
            inside.push(c);
            run = if c == '`' { run + 1 } else { 0 };
            let ends = inside.ends_with(&close) && run == ticks;
            // A longer run does not end the span; ours are never followed by a tick.
            if ends {
                inside.truncate(inside.len() - ticks);
                break;
            }
        }
        let inside = inside.trim().replace("\\|", "|");
        match self {
            Target::Jira => {
                let mut escaped = String::new();
                for c in inside.chars() {
                    if "{}[]*|!".contains(c) {
                        escaped.push('\\');
                    }
                    escaped.push(c);
                }
                format!("{{{{{escaped}}}}}")
            }
            _ => format!("`{}`", entities(&inside.replace('`', "'"))),
        }
    }
}

fn entities(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// A line of our Markdown.
enum Line<'a> {
    Heading(usize, &'a str),
    /// `<details><summary>…</summary>`.
    Summary(&'a str),
    /// `</details>`.
    Close,
    Fence(&'a str),
    /// Within a fence.
    Code(&'a str),
    Head(Vec<&'a str>),
    /// The rule below the head of a table.
    Rule(&'a str),
    Row(Vec<&'a str>),
    Other(&'a str),
}

impl Line<'_> {
    fn as_markdown(&self) -> Option<String> {
        let row = |cells: &[&str]| format!("| {} |", cells.join(" | "));
        match self {
            Line::Summary(text) => Some(format!("<details><summary>{text}</summary>")),
            Line::Close => Some("</details>".to_owned()),
            Line::Rule(rule) => Some((*rule).to_owned()),
            Line::Head(cells) | Line::Row(cells) => Some(row(cells)),
            _ => None,
        }
    }
}

fn lines<'a>(markdown: &'a str, mut to: impl FnMut(Line<'a>) -> Option<String>) -> String {
    let mut out = String::with_capacity(markdown.len());
    let all: Vec<&str> = markdown.split_inclusive('\n').collect();
    let mut fence: Option<&str> = None;
    for (index, whole) in all.iter().enumerate() {
        let line = whole.strip_suffix('\n').unwrap_or(whole);
        let marks = line.len() - line.trim_start_matches('`').len();
        let parsed = match fence {
            Some(open) if line == open => {
                fence = None;
                Line::Fence(line)
            }
            Some(_) => Line::Code(line),
            None if marks >= 3 => {
                fence = Some(&line[..marks]);
                Line::Fence(line)
            }
            None => parse(line, all.get(index + 1).copied().unwrap_or("")),
        };
        if let Some(text) = to(parsed) {
            out.push_str(&text);
            if whole.ends_with('\n') {
                out.push('\n');
            }
        }
    }
    out
}

fn parse<'a>(line: &'a str, next: &str) -> Line<'a> {
    let level = line.len() - line.trim_start_matches('#').len();
    if let Some(text) = line[level..].strip_prefix(' ').filter(|_| (1..=6).contains(&level)) {
        return Line::Heading(level, text);
    }
    if let Some(text) = line.strip_prefix("<details><summary>").and_then(|it| it.strip_suffix("</summary>")) {
        return Line::Summary(text);
    }
    match line {
        "</details>" => Line::Close,
        line if line.starts_with("|---") => Line::Rule(line),
        line if line.starts_with("| ") && next.starts_with("|---") => Line::Head(cells(line)),
        line if line.starts_with("| ") => Line::Row(cells(line)),
        line => Line::Other(line),
    }
}

/// The cells of a row; an escaped bar is part of one.
fn cells(line: &str) -> Vec<&str> {
    let line = line.trim().trim_start_matches('|');
    let line = line.strip_suffix('|').unwrap_or(line);
    let (mut cells, mut from, mut before) = (Vec::new(), 0, ' ');
    for (at, c) in line.char_indices() {
        if c == '|' && before != '\\' {
            cells.push(line[from..at].trim());
            from = at + 1;
        }
        before = c;
    }
    cells.push(line[from..].trim());
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "## A \\*b\n\n**bold** `a\\|b {x}` &lt;c&gt;\n- one\n  - two\n\n| a | b |\n|---|---:|\n| `x` |  |\n\n\
                        ```text\n{code} & ```` \n```\n<details><summary>More</summary>\n\nx\n</details>\n";

    #[test]
    fn jira_reads_its_own_marks() {
        assert_eq!(
            Target::Jira.write(TEXT),
            "h2. A \\*b\n\n*bold* {{a\\|b \\{x\\}}} <c>\n- one\n-- two\n\n||a||b||\n|{{x}}| |\n\n\
             {noformat}\n{ code} & ```` \n{noformat}\n*More*\n\nx\n"
        );
    }

    #[test]
    fn slack_knows_no_headings_tables_and_folds() {
        assert_eq!(
            Target::Slack.write(TEXT),
            "*A *b*\n\n*bold* `a|b {x}` &lt;c&gt;\n- one\n  - two\n\n• `x` ·  \n\n\
             ```\n{code} &amp; '''' \n```\n*More*\n\nx\n"
                .replace("'''' ", "'''` ")
        );
    }

    #[test]
    fn a_job_summary_begins_with_a_small_heading_and_github_gets_it_as_it_is() {
        let summary = Target::Summary.write(TEXT);
        assert!(summary.starts_with("#### A \\*b\n") && summary.contains("|---|---:|\n"), "{summary}");
        assert_eq!(summary.replacen("####", "##", 1), TEXT);
        assert_eq!(Target::Github.write(TEXT), TEXT);
    }
}
