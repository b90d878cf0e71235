//! Folded stacks: `outermost;...;innermost weight`, one line a stack, the form that flame graph tools read.

use std::collections::BTreeMap;

use super::text;

/// A stack with its weight.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StackLine {
    /// Function names, outermost first.
    pub frames: Vec<String>,
    /// Samples, bytes, microseconds, threads, ...
    pub weight: u64,
}

/// Merges equal stacks and sorts them. Stacks without weight say nothing and are left out.
pub fn fold(lines: impl Iterator<Item = StackLine>) -> Vec<(String, u64)> {
    let mut merged: BTreeMap<String, u64> = BTreeMap::new();
    for line in lines.filter(|line| line.weight > 0) {
        let total = merged.entry(join(&line.frames)).or_default();
        *total = total.saturating_add(line.weight);
    }
    merged.into_iter().collect()
}

/// Folded text of stacks, sorted.
pub fn folded(lines: impl Iterator<Item = StackLine>) -> String {
    write(&fold(lines))
}

/// The text of folded stacks.
pub fn write(folded: &[(String, u64)]) -> String {
    let mut out = String::new();
    for (stack, weight) in folded {
        out.push_str(stack);
        out.push(' ');
        out.push_str(&weight.to_string());
        out.push('\n');
    }
    out
}

fn join(frames: &[String]) -> String {
    let mut stack = String::new();
    for (index, frame) in frames.iter().enumerate() {
        if index > 0 {
            stack.push(';');
        }
        if is_plain(frame) {
            stack.push_str(frame);
        } else {
            stack.push_str(&frame_name(frame));
        }
    }
    if stack.is_empty() { "(no stack)".to_owned() } else { stack }
}

/// True for the names that need no look at all, which are nearly all of them.
fn is_plain(frame: &str) -> bool {
    !frame.is_empty() && frame.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';' && byte != b'#')
}

/// A frame without what has a meaning in folded text: the separator, control characters, and an end that reads as
/// a second weight.
fn frame_name(frame: &str) -> String {
    let mut name = text::visible(frame.trim()).replace(';', ":");
    let end = name.rfind(' ').filter(|&space| {
        let word = &name[space + 1..];
        word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
    });
    if let Some(space) = end {
        name.replace_range(space..=space, "_");
    }
    // Readers take lines that begin with "# " for comments.
    if let Some(rest) = name.strip_prefix("# ") {
        name = format!("#_{rest}");
    }
    if name.is_empty() { "(unknown)".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(frames: &[&str], weight: u64) -> StackLine {
        StackLine { frames: frames.iter().map(|frame| (*frame).to_owned()).collect(), weight }
    }

    #[test]
    fn equal_stacks_are_merged_and_the_text_is_sorted() {
        let stacks = [line(&["main", "b"], 2), line(&["main", "a"], 1), line(&["main", "b"], 40), line(&["zero"], 0)];
        assert_eq!(folded(stacks.into_iter()), "main;a 1\nmain;b 42\n");
    }

    #[test]
    fn names_cannot_break_the_form() {
        let hostile = [line(&["a;b", "x\ny\x1b", "", "operator new 12"], 1), line(&[], u64::MAX), line(&[], 5)];
        assert_eq!(
            folded(hostile.into_iter()),
            "(no stack) 18446744073709551615\na:b;x y\\u{1b};(unknown);operator new_12 1\n"
        );
        assert_eq!(folded([line(&["# x"], 1)].into_iter()), "#_x 1\n");
    }
}
