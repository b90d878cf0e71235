//! Small pieces that many sections are made of.

use maud::{Markup, PreEscaped, Render, html};

use crate::report::model::Severity;
use crate::report::text::{self, Block};
use crate::report::units;

/// Text of the input as it may stand on the page, before it is escaped: harmless, in one line, not too long.
pub(super) fn visible(text: &str, max: usize) -> String {
    text::cut_middle(&text::visible(text), max)
}

/// The same for text whose beginning tells most.
pub(super) fn sentence(text: &str, max: usize) -> String {
    text::cut_end(&text::visible(text), max)
}

/// Text of the input, escaped.
pub(super) fn shown(text: &str, max: usize) -> Markup {
    visible(text, max).render()
}

/// A value with its unit, which may be the input's.
pub(super) fn value(value: f64, unit: &str) -> String {
    visible(&units::value(value, unit), 80)
}

/// A function or path, which may break where it has a joint.
pub(super) fn name(text: &str) -> Markup {
    let text = visible(text, 300);
    html! {
        code.name {
            @for piece in text.split_inclusive(['/', '.', ':', '_', ',', '$']) { (piece) wbr; }
        }
    }
}

/// Characters of a piece of prose.
const MOST_PROSE: usize = 6_000;

/// Prose with paragraphs, lists, fences and `code`.
pub(super) fn prose(text: &str) -> Markup {
    let text: String = text.chars().take(MOST_PROSE).collect();
    let mut list: Vec<Markup> = Vec::new();
    let mut out: Vec<Markup> = Vec::new();
    for block in text::blocks(&text) {
        if !matches!(block, Block::Item(..)) && !list.is_empty() {
            out.push(items(&mut list));
        }
        match block {
            Block::Paragraph(words) => out.push(html! { p { (with_code(&words)) } }),
            Block::Item(_, words) => list.push(with_code(&words)),
            Block::Code(lines) => out.push(html! { pre { @for line in &lines { (line) "\n" } } }),
        }
    }
    if !list.is_empty() {
        out.push(items(&mut list));
    }
    html! { @for piece in &out { (piece) } }
}

fn items(list: &mut Vec<Markup>) -> Markup {
    html! { ul { @for item in list.drain(..) { li { (item) } } } }
}

/// A line with its `code` spans.
fn with_code(line: &str) -> Markup {
    let pieces: Vec<&str> = line.split('`').collect();
    html! {
        @for (index, piece) in pieces.iter().enumerate() {
            @if index % 2 == 0 { (piece) }
            @else if index + 1 < pieces.len() { code { (piece) } }
            @else { "`" (piece) }
        }
    }
}

/// A reference, as a link if it is a plain one.
pub(super) fn link(reference: &str) -> Markup {
    html! {
        @if is_link(reference) {
            a href=(reference) rel="noopener noreferrer" { (reference.trim_start_matches("https://")) }
        } @else { (shown(reference, 300)) }
    }
}

fn is_link(reference: &str) -> bool {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '`' | '\\' | '"' | '\'');
    reference.starts_with("https://") && reference.len() <= 300 && reference.chars().all(plain)
}

/// How bad, as a word in its colour.
pub(super) fn severity(severity: Severity) -> Markup {
    html! { span class={ "chip " (severity.as_str()) } { (severity.as_str()) } }
}

/// As many of the pieces as there is room for, and how many are left out.
pub(super) fn fill(pieces: impl Iterator<Item = Markup>, max_bytes: usize) -> (Markup, usize) {
    let (mut out, mut left_out) = (String::new(), 0);
    for piece in pieces {
        if left_out == 0 && out.len() + piece.0.len() <= max_bytes {
            out.push_str(&piece.0);
        } else {
            left_out += 1;
        }
    }
    (PreEscaped(out), left_out)
}

/// A column of a table.
pub(super) enum Column {
    Text(&'static str),
    Number(&'static str),
    /// Repeats the number before it as a bar.
    Bar,
}

/// A table that may be wider than the page, in a frame that scrolls.
pub(super) fn table(caption: &str, columns: &[Column], rows: Markup) -> Markup {
    html! {
        div.scroll tabindex="0" role="group" aria-label=(caption) {
            table {
                caption { (caption) }
                thead { tr {
                    @for column in columns {
                        @match column {
                            Column::Text(title) => th scope="col" { (title) },
                            Column::Number(title) => th.number scope="col" { (title) },
                            Column::Bar => td.wide {},
                        }
                    }
                } }
                tbody { (rows) }
            }
        }
    }
}

/// Says what a limit has cut off.
pub(super) fn left_out(count: u64, what: &str) -> Markup {
    html! { @if count > 0 { p.cut { (units::count(count)) " " (what) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_becomes_markup_and_its_text_does_not() {
        let markup = prose("Use `a<b>` now.\n- one\n- `two\n```\n</pre><script>\n```").into_string();
        assert_eq!(
            markup,
            "<p>Use <code>a&lt;b&gt;</code> now.</p><ul><li>one</li><li>`two</li></ul>\
             <pre>&lt;/pre&gt;&lt;script&gt;\n</pre>"
        );
    }

    #[test]
    fn only_plain_references_are_links() {
        assert!(link("https://go.dev/doc").into_string().starts_with("<a href=\"https://go.dev/doc\""));
        for hostile in ["javascript:alert(1)", "https://x\" onclick=\"y", "http://plain"] {
            assert!(!link(hostile).into_string().contains("<a "), "{hostile}");
        }
    }

    #[test]
    fn what_has_no_room_is_counted() {
        let piece = || PreEscaped("12345".to_owned());
        let (markup, left_out) = fill(std::iter::repeat_with(piece).take(5), 12);
        assert_eq!((markup.0.as_str(), left_out), ("1234512345", 3));
    }
}
