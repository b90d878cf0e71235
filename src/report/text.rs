//! Text of the input, made fit to be shown: harmless, wrapped, cut where it must be.

/// Makes text a single line without anything that acts on a terminal or hides from the eye: line breaks and tabs
/// become spaces, other control and direction characters are spelled out.
pub(crate) fn visible(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => shown.push(' '),
            '\r' => {}
            c if acts(c) => shown.extend(c.escape_unicode()),
            c => shown.push(c),
        }
    }
    shown
}

/// True for characters that act instead of being seen: controls, direction marks, zero widths, tags.
fn acts(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Columns that the text takes.
pub(crate) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

fn columns(c: char) -> usize {
    match c {
        '\u{300}'..='\u{36f}' => 0,
        '\u{1100}'..='\u{115f}'
        | '\u{2e80}'..='\u{a4cf}'
        | '\u{ac00}'..='\u{d7a3}'
        | '\u{f900}'..='\u{faff}'
        | '\u{fe30}'..='\u{fe6f}'
        | '\u{ff00}'..='\u{ff60}'
        | '\u{ffe0}'..='\u{ffe6}'
        | '\u{1f300}'..='\u{1faff}'
        | '\u{20000}'..='\u{3fffd}' => 2,
        _ => 1,
    }
}

/// Cuts out the middle of a text that is too wide: of a name, both ends tell.
pub(crate) fn cut_middle(text: &str, max: usize) -> String {
    // No character takes more columns than bytes.
    if text.len() <= max || width(text) <= max {
        return text.to_owned();
    }
    let room = max.saturating_sub(1);
    let head = take(text.chars(), room / 2);
    let tail: String = take(text.chars().rev(), room - room / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

/// Cuts off the end of a text that is too wide.
pub(crate) fn cut_end(text: &str, max: usize) -> String {
    if width(text) <= max {
        return text.to_owned();
    }
    format!("{}…", take(text.chars(), max.saturating_sub(1)).trim_end())
}

fn take(chars: impl Iterator<Item = char>, max: usize) -> String {
    let mut used = 0;
    chars
        .take_while(|&c| {
            used += columns(c);
            used <= max
        })
        .collect()
}

/// Breaks a line at spaces; a word that is wider than a line loses its middle.
pub(crate) fn wrap(text: &str, max: usize) -> Vec<String> {
    let max = max.max(8);
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in words(text) {
        let word = cut_middle(&word, max);
        if !line.is_empty() && width(&line) + 1 + width(&word) > max {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(&word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

/// The words of a line; a number and its unit are one.
fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let unit = word.trim_end_matches(|c: char| c.is_ascii_punctuation() && c != '%');
        match words.last_mut() {
            Some(number) if UNITS.contains(&unit) && number.ends_with(|c: char| c.is_ascii_digit()) => {
                number.push(' ');
                number.push_str(word);
            }
            _ => words.push(word.to_owned()),
        }
    }
    words
}

const UNITS: [&str; 14] = ["%", "s", "ms", "µs", "min", "h", "d", "B", "KiB", "MiB", "GiB", "TiB", "MiB/s", "KiB/s"];

/// A piece of prose, harmless already.
#[derive(Debug, PartialEq)]
pub(crate) enum Block {
    /// A paragraph, its lines joined.
    Paragraph(String),
    /// A list item: its mark (`-` or `2.`) and text.
    Item(String, String),
    /// Lines between fences.
    Code(Vec<String>),
}

/// Reads prose with paragraphs, lists and fences, which is all that summaries and fixes use of Markdown.
pub(crate) fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let mut code: Option<Vec<String>> = None;
    let mut joins = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            match code.take() {
                Some(lines) => blocks.push(Block::Code(lines)),
                None => code = Some(Vec::new()),
            }
            joins = false;
            continue;
        }
        if let Some(lines) = &mut code {
            lines.push(visible(line));
            continue;
        }
        let line = visible(line);
        let line = line.trim();
        if line.is_empty() {
            joins = false;
        } else if let Some((mark, rest)) = list_mark(line) {
            blocks.push(Block::Item(mark.to_owned(), rest.to_owned()));
            joins = true;
        } else {
            match blocks.last_mut() {
                Some(Block::Paragraph(open) | Block::Item(_, open)) if joins => {
                    open.push(' ');
                    open.push_str(line);
                }
                _ => blocks.push(Block::Paragraph(line.to_owned())),
            }
            joins = true;
        }
    }
    blocks.extend(code.map(Block::Code));
    blocks
}

fn list_mark(line: &str) -> Option<(&str, &str)> {
    if let Some(rest) = line.strip_prefix("- ").or_else(|| line.strip_prefix("* ")) {
        return Some(("-", rest.trim_start()));
    }
    let digits = line.bytes().take_while(u8::is_ascii_digit).count();
    let rest = line.get(digits..)?.strip_prefix(". ")?;
    (1..=2).contains(&digits).then(|| (&line[..=digits], rest.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_and_direction_marks_are_spelled_out() {
        assert_eq!(visible("a\x1b[31mb\r\n\tc\u{202e}d\u{9b}2J"), "a\\u{1b}[31mb  c\\u{202e}d\\u{9b}2J");
        assert_eq!(visible("naïve 名前 é"), "naïve 名前 é");
    }

    #[test]
    fn both_ends_of_a_long_name_stay() {
        assert_eq!(cut_middle("main.(*hub).keepAlive", 11), "main.…Alive");
        assert_eq!(cut_middle("short", 11), "short");
        assert_eq!(cut_middle("名前名前名前名前", 8), "名…名前");
        assert_eq!(cut_end("one two three", 8), "one two…");
    }

    #[test]
    fn words_wrap_and_no_line_is_too_wide() {
        assert_eq!(wrap("one two  three", 8), ["one two", "three"]);
        assert_eq!(wrap("there were 55 s, 12 more", 12), ["there were", "55 s, 12", "more"]);
        assert!(wrap(&format!("a {} b", "x".repeat(50)), 20).iter().all(|line| width(line) <= 20));
    }

    #[test]
    fn prose_has_paragraphs_lists_and_fences() {
        assert_eq!(
            blocks("One\nline.\n\n- first\n  goes on\n2. second\n```\n\tx\n```\nEnd"),
            [
                Block::Paragraph("One line.".into()),
                Block::Item("-".into(), "first goes on".into()),
                Block::Item("2.".into(), "second".into()),
                Block::Code(vec![" x".into()]),
                Block::Paragraph("End".into()),
            ]
        );
    }
}
