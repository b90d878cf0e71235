//! Makes text of the input harmless in Markdown: it comes from a sick process and may say anything.

use super::text::{self, Block};

/// Text within a line: nothing in it is markup, HTML, a mention or a reference.
pub(in crate::report) fn inline(text: &str) -> String {
    escape(&text::visible(text))
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len() + 8);
    let mut chars = text.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        let next = chars.peek().copied().unwrap_or(' ');
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            // Trackers look for mentions and numbers after Markdown is done: only an invisible break stops them.
            '@' | '#' if next.is_alphanumeric() => {
                escaped.push('\\');
                escaped.push(c);
                escaped.push('\u{200b}');
            }
            // Within a word it is no emphasis, and names stay readable.
            '_' if before.is_alphanumeric() && next.is_alphanumeric() => escaped.push('_'),
            '\\' | '`' | '*' | '_' | '[' | ']' | '#' | '|' | '~' | '$' | '!' | '@' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
        before = c;
    }
    escaped
}

/// Text at the start of a line: cannot become a list, a quote, a rule or a heading.
fn line_start(escaped: String) -> String {
    let digits = escaped.bytes().take_while(u8::is_ascii_digit).count();
    match escaped.as_bytes().get(digits) {
        Some(b'-' | b'+' | b'=') if digits == 0 => format!("\\{escaped}"),
        Some(b'.' | b')') if digits > 0 => format!("{}\\{}", &escaped[..digits], &escaped[digits..]),
        _ => escaped,
    }
}

/// Prose with paragraphs, lists, fences and `code`, which is all of Markdown that it may use.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::new();
    let mut in_list = false;
    for block in text::blocks(text) {
        let is_item = matches!(block, Block::Item(..));
        if !out.is_empty() {
            out.push_str(if in_list && is_item { "\n" } else { "\n\n" });
        }
        in_list = is_item;
        match block {
            Block::Paragraph(words) => out.push_str(&line_start(with_code(&words))),
            Block::Item(mark, words) => out.push_str(&format!("{mark} {}", line_start(with_code(&words)))),
            Block::Code(lines) => out.push_str(fence("text", &lines).trim_end()),
        }
    }
    out
}

/// Escapes a line but for its code spans.
fn with_code(line: &str) -> String {
    let pieces: Vec<_> = line.split('`').collect();
    let mut out = String::new();
    for (index, piece) in pieces.iter().enumerate() {
        let closed = index + 1 < pieces.len();
        match (index % 2 == 1, closed) {
            (true, true) if !piece.trim().is_empty() => out.push_str(&code(piece)),
            (true, false) => out.push_str(&format!("\\`{}", escape(piece))),
            _ => out.push_str(&escape(piece)),
        }
    }
    out
}

/// A code span that its content cannot end.
pub(super) fn code(text: &str) -> String {
    let text = text::visible(text);
    let text = text.trim();
    if text.is_empty() {
        return String::new();
    }
    let ticks = "`".repeat(longest_run(text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// A fence that its content cannot end.
pub(super) fn fence(language: &str, lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let ticks = "`".repeat(longest.max(2) + 1);
    let mut fenced = format!("{ticks}{language}\n");
    for line in lines {
        fenced.push_str(&text::visible(line));
        fenced.push('\n');
    }
    fenced.push_str(&ticks);
    fenced.push('\n');
    fenced
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or(0)
}

/// Code in a cell of a table, where a bar must be escaped even within a code span.
pub(in crate::report) fn code_cell(text: &str) -> String {
    // Readers disagree on a backslash before that escaped bar, so such text gets an element instead of a span.
    if text.contains("\\|") { format!("<code>{}</code>", inline(text)) } else { code(text).replace('|', "\\|") }
}

/// Text within an HTML element of ours, where Markdown is not read.
pub(super) fn html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text::visible(text).chars() {
        match c {
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '&' => escaped.push_str("&amp;"),
            '@' | '#' => escaped.extend([c, '\u{200b}']),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A link that shows where it leads, if it is a plain one.
pub(super) fn link(reference: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '<' | '>' | '`' | '\\' | '"');
    let is_link = reference.starts_with("https://") && reference.len() <= 300 && reference.chars().all(plain);
    if is_link { format!("<{reference}>") } else { fit(reference, 300, inline) }
}

/// Shortens text until its escaped form has at most so many characters.
pub(super) fn fit(text: &str, max: usize, escape: impl Fn(&str) -> String) -> String {
    let mut room = max;
    loop {
        // Line breaks have a meaning in prose, so the text is cut as it is.
        let cut = cut_end(text, room);
        let escaped = escape(&cut);
        let length = escaped.chars().count();
        if length <= max || room == 0 {
            return escaped;
        }
        room = (room * max / length).min(room - 1);
    }
}

fn cut_end(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        None => text.to_owned(),
        Some(_) => {
            let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(at, _)| at);
            format!("{}…", text[..end].trim_end())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inline_text_is_no_markup() {
        assert_eq!(inline("<b>&\n# x"), "&lt;b&gt;&amp; \\# x");
        assert_eq!(inline("main.(*hub).keep_alive a|b `c`"), "main.(\\*hub).keep_alive a\\|b \\`c\\`");
        assert_eq!(inline("@root fixes #12"), "\\@\u{200b}root fixes \\#\u{200b}12");
        assert_eq!(inline("_x_ [a](b)"), "\\_x\\_ \\[a\\](b)");
    }

    #[test]
    fn prose_keeps_lists_and_code_and_nothing_else() {
        assert_eq!(
            prose("Use `a|b`:\n- one\n- <two>\n\n# no heading"),
            "Use `a|b`:\n\n- one\n- &lt;two&gt;\n\n\\# no heading"
        );
        assert_eq!(prose("+ x\n\n3) y\n\n--- z"), "\\+ x\n\n3\\) y\n\n\\--- z");
        assert_eq!(prose("an open ` tick"), "an open \\` tick");
        assert_eq!(prose("```\nopen <fence>"), "```text\nopen <fence>\n```");
    }

    #[test]
    fn code_cannot_be_ended_by_its_content() {
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(" \n"), "");
        assert_eq!(code_cell("a|b"), "`a\\|b`");
        assert_eq!(code_cell("a\\|b"), "<code>a\\\\\\|b</code>");
        assert_eq!(fence("text", &["````".into(), "x\ny".into()]), "`````text\n````\nx y\n`````\n");
    }

    #[test]
    fn only_plain_links_are_links() {
        assert_eq!(link("https://go.dev/blog/context"), "<https://go.dev/blog/context>");
        assert_eq!(link("javascript:alert(1)"), "javascript:alert(1)");
        assert_eq!(link("https://x> <b>"), "https://x&gt; &lt;b&gt;");
    }

    #[test]
    fn what_is_escaped_fits_too() {
        let cut = fit(&"<".repeat(100), 41, inline);
        assert_eq!(cut, format!("{}…", "&lt;".repeat(9)));
        assert_eq!(fit("short", 41, inline), "short");
    }
}
