//! A comparison for people: words, then tables. As text for a terminal and as Markdown.

pub mod tables;

use super::markdown::escape;
use super::terminal::{Style, Verbosity};
use super::{text, units};
use crate::diff::model::{Change, Diff};
use std::fmt::Write;
use tables::{Most, Table, headline, word};

/// Sentences of the summary that one screen has.
const MOST_SAID: usize = 12;
/// Notes that one screen has.
const MOST_NOTES: usize = 4;

/// Writes the comparison for a terminal.
pub fn terminal(diff: &Diff, style: &Style) -> String {
    let width = style.width.clamp(40, 120);
    let mut out = String::new();
    let (outcome, meaning) = headline(diff);
    let sides = format!("{} > {}", diff.before.name, diff.after.name);
    let paint =
        |code: &str, text: &str| if style.color { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
    let gap = width.saturating_sub(outcome.len() + text::width(&sides)).max(2);
    let _ = writeln!(out, "{}{}{}", paint("1", outcome), " ".repeat(gap), text::visible(&sides));
    let said = diff.summary.iter().map(String::as_str).chain(Some(meaning).filter(|it| !it.is_empty()));
    let most = if style.verbosity >= Verbosity::Verbose { usize::MAX } else { MOST_SAID };
    for sentence in said.take(most) {
        for (nth, line) in text::wrap(&text::visible(sentence), width - 4).into_iter().enumerate() {
            let _ = writeln!(out, "{}{line}", if nth == 0 { "  " } else { "    " });
        }
    }
    if style.verbosity == Verbosity::Quiet {
        return out;
    }
    for table in tables::all(diff, rows(style.verbosity)) {
        out.push('\n');
        out.push_str(&drawn(&table, width, &paint));
    }
    let alone = diff.one_sided.iter().map(|line| format!("Not compared: {line}"));
    let warnings = diff.warnings.iter().map(|warning| match &warning.artifact {
        Some(artifact) => format!("{artifact}: {}", warning.message),
        None => warning.message.clone(),
    });
    let odd: Vec<String> = alone.chain(warnings).collect();
    if !odd.is_empty() {
        out.push('\n');
    }
    let most = if style.verbosity >= Verbosity::Verbose { usize::MAX } else { MOST_NOTES };
    for line in odd.iter().take(most) {
        let _ = writeln!(out, "{}", text::cut_end(&text::visible(line), width));
    }
    if odd.len() > most {
        let more = units::counted((odd.len() - most) as u64, "further note", "further notes");
        let _ = writeln!(out, "{more} (list with -v)");
    }
    out
}

fn rows(verbosity: Verbosity) -> Most {
    match verbosity {
        Verbosity::Quiet => Most { changed: 0, same: 0 },
        Verbosity::Normal => Most { changed: 12, same: 5 },
        _ => Most { changed: usize::MAX, same: usize::MAX },
    }
}

/// A table with aligned columns; the name stands last, so that it may be as long as there is room.
fn drawn(table: &Table, width: usize, paint: &dyn Fn(&str, &str) -> String) -> String {
    let mut out = format!("{}\n", paint("1", &text::cut_end(&text::visible(&table.title), width)));
    if !table.rows.is_empty() {
        let columns = table.head.len() - 1;
        let widest = |column: usize| {
            let cells = table.rows.iter().filter_map(|(_, cells)| cells.get(column)).map(|cell| text::width(cell));
            cells.chain([text::width(table.head[column])]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..columns).map(widest).collect();
        let line = |change: &str, cells: &[&str]| {
            let mut line = format!("  {change:<6}");
            for (cell, width) in cells.iter().zip(&widths) {
                let _ = write!(line, "  {}{cell}", " ".repeat(width.saturating_sub(text::width(cell))));
            }
            let name = text::visible(cells.last().copied().unwrap_or_default());
            let room = width.saturating_sub(text::width(&line) + 2).max(24);
            let _ = write!(line, "  {}", text::cut_middle(&name, room));
            line.trim_end().to_owned()
        };
        let _ = writeln!(out, "{}", paint("2", &line("", &table.head)));
        for (change, cells) in &table.rows {
            let cells: Vec<&str> = cells.iter().map(String::as_str).collect();
            let drawn = line(word(*change), &cells);
            let _ = writeln!(out, "{}", paint(code(*change), &drawn));
        }
    }
    if table.left_out > 0 {
        let _ = writeln!(out, "  {} more", units::count(table.left_out));
    }
    for note in &table.notes {
        for line in text::wrap(&text::visible(note), width - 2) {
            let _ = writeln!(out, "  {line}");
        }
    }
    out
}

/// SGR code of a row. The word says the same.
fn code(change: Change) -> &'static str {
    match change {
        Change::Appeared | Change::Grew => "31",
        Change::Shrank | Change::Vanished => "32",
        Change::Same => "0",
    }
}

/// Writes the comparison as Markdown, for a ticket.
pub fn markdown(diff: &Diff) -> String {
    let (outcome, meaning) = headline(diff);
    let name = |name: &str| escape::code_cell(&text::visible(name));
    let mut out = format!("## {outcome}: {} against {}\n\n", name(&diff.after.name), name(&diff.before.name));
    for sentence in diff.summary.iter().map(String::as_str).chain(Some(meaning).filter(|it| !it.is_empty())) {
        let _ = writeln!(out, "- {}", escape::inline(&text::visible(sentence)));
    }
    for table in tables::all(diff, rows(Verbosity::Normal)) {
        let _ = write!(out, "\n### {}\n\n", escape::inline(&text::visible(&table.title)));
        if !table.rows.is_empty() {
            let _ =
                writeln!(out, "| | {} |\n|---|{}|", table.head.join(" | "), vec!["---"; table.head.len()].join("|"));
        }
        for (change, cells) in &table.rows {
            let last = cells.len() - 1;
            let cells =
                cells.iter().enumerate().map(|(at, cell)| if at == last { name(cell) } else { escape::inline(cell) });
            let _ = writeln!(out, "| {} | {} |", word(*change), cells.collect::<Vec<_>>().join(" | "));
        }
        if table.left_out > 0 {
            let _ = writeln!(out, "\n{} more", units::count(table.left_out));
        }
        for note in &table.notes {
            let _ = writeln!(out, "\n{}", escape::inline(&text::visible(note)));
        }
    }
    if !diff.one_sided.is_empty() {
        out.push('\n');
        diff.one_sided.iter().for_each(|line| {
            let _ = writeln!(out, "- Not compared: {}", escape::inline(&text::visible(line)));
        });
    }
    out
}
