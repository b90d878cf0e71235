//! Folded stacks: `outermost;...;innermost weight`, one line a stack, the form that flame graph tools read.

use super::text;
use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

/// Weighted stacks, each once: by root (the process, thread or reason that all have as their outermost frame), then by
/// the text of what is above.
#[derive(Debug, Default)]
pub struct Folded {
    /// Roots with the separator behind; the empty one has none.
    roots: Vec<String>,
    text: Arc<String>,
    rows: Vec<Row>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    root: u32,
    start: usize,
    end: usize,
    weight: u64,
}

impl Folded {
    /// Root, stack and weight of each line. A root ends with the separator, or is empty.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &str, u64)> {
        self.rows.iter().map(|row| (self.roots[row.root as usize].as_str(), &self.text[row.start..row.end], row.weight))
    }

    /// The same stacks with other names.
    pub fn renamed(&self, to: &mut dyn FnMut(&str) -> String) -> Folded {
        let mut builder = Builder::default();
        for (root, stack, weight) in self.iter() {
            let root = builder.root(&to(root.trim_end_matches(';')));
            let frames: Vec<String> = stack.split(';').map(&mut *to).collect();
            let stack = builder.stack(frames.iter().map(|frame| (frame.as_str(), "")));
            builder.add(root, stack, weight);
        }
        builder.finish()
    }

    /// The roots that have most of the weight, at least so much of it each, the heaviest first.
    pub fn heaviest_roots(&self, least_share: f64) -> Vec<u32> {
        let mut weights = vec![0u128; self.roots.len()];
        for row in &self.rows {
            weights[row.root as usize] += u128::from(row.weight);
        }
        let total = weights.iter().sum::<u128>() as f64;
        let mut roots: Vec<u32> = (0..self.roots.len() as u32)
            .filter(|&root| !self.root(root).is_empty() && weights[root as usize] as f64 >= total * least_share)
            .collect();
        roots.sort_by_key(|&root| (std::cmp::Reverse(weights[root as usize]), root));
        roots
    }

    /// How many roots there are.
    pub fn root_count(&self) -> usize {
        self.roots.len()
    }

    /// The name of a root.
    pub fn root(&self, root: u32) -> &str {
        self.roots[root as usize].trim_end_matches(';')
    }

    /// The stacks of one root alone.
    pub fn of_root(&self, root: u32) -> Folded {
        let rows = self.rows.iter().filter(|row| row.root == root).copied().collect();
        Folded { roots: self.roots.clone(), text: Arc::clone(&self.text), rows }
    }

    /// Writes the text.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        self.iter().try_for_each(|(root, stack, weight)| writeln!(out, "{root}{stack} {weight}"))
    }
}

/// Gathers weighted stacks.
#[derive(Debug, Default)]
pub struct Builder {
    roots: Vec<String>,
    known: HashMap<String, u32>,
    text: String,
    stacks: Vec<(usize, usize)>,
    rows: Vec<(u32, u32, u64)>,
}

impl Builder {
    /// Names a root; the empty name is none.
    pub fn root(&mut self, name: &str) -> u32 {
        if let Some(root) = self.known.get(name) {
            return *root;
        }
        let mut text = String::new();
        if !name.is_empty() {
            push_frame(&mut text, name, "");
            text.push(';');
        }
        self.roots.push(text);
        self.known.insert(name.to_owned(), self.roots.len() as u32 - 1);
        self.roots.len() as u32 - 1
    }

    /// Names a stack by its frames, outermost first, each with a mark that is put behind its name.
    pub fn stack<'a>(&mut self, frames: impl Iterator<Item = (&'a str, &'static str)>) -> u32 {
        let start = self.text.len();
        for (name, mark) in frames {
            if self.text.len() > start {
                self.text.push(';');
            }
            push_frame(&mut self.text, name, mark);
        }
        if self.text.len() == start {
            self.text.push_str("(no stack)");
        }
        self.stacks.push((start, self.text.len()));
        self.stacks.len() as u32 - 1
    }

    /// Adds weight to a stack below a root. Without weight it says nothing and is left out.
    pub fn add(&mut self, root: u32, stack: u32, weight: u64) {
        if weight > 0 {
            self.rows.push((root, stack, weight));
        }
    }

    /// Sorts, and merges what is equal.
    pub fn finish(self) -> Folded {
        let (root_order, root_ranks) = ranked(&self.roots.iter().map(String::as_str).collect::<Vec<_>>());
        let texts: Vec<&str> = self.stacks.iter().map(|(start, end)| &self.text[*start..*end]).collect();
        let (stack_order, stack_ranks) = ranked(&texts);
        let mut rows: Vec<(u32, u32, u64)> = self.rows;
        for row in &mut rows {
            *row = (root_ranks[row.0 as usize], stack_ranks[row.1 as usize], row.2);
        }
        rows.sort_unstable();
        rows.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 = kept.2.saturating_add(next.2);
            }
            same
        });
        let place = |&(root, stack, weight): &(u32, u32, u64)| {
            let (start, end) = self.stacks[stack_order[stack as usize]];
            Row { root, start, end, weight }
        };
        let rows = rows.iter().map(place).collect();
        let roots = root_order.iter().map(|root| self.roots[*root].clone()).collect();
        Folded { roots, text: Arc::new(self.text), rows }
    }
}

/// The order of texts, and the place of each in it; of equal texts the first place.
fn ranked(texts: &[&str]) -> (Vec<usize>, Vec<u32>) {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_unstable_by_key(|&item| texts[item]);
    let mut ranks = vec![0; texts.len()];
    for (place, pair) in order.iter().enumerate() {
        let before = place.checked_sub(1).map(|before| order[before]).filter(|&before| texts[before] == texts[*pair]);
        ranks[*pair] = before.map_or(place as u32, |before| ranks[before]);
    }
    (order, ranks)
}

fn push_frame(text: &mut String, name: &str, mark: &str) {
    if is_plain(name) {
        text.push_str(name)
    } else {
        text.push_str(&frame_name(name))
    }
    text.push_str(mark);
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

    fn folded(lines: &[(&str, &[&str], u64)]) -> String {
        let mut builder = Builder::default();
        for (root, frames, weight) in lines {
            let (root, stack) = (builder.root(root), builder.stack(frames.iter().map(|frame| (*frame, ""))));
            builder.add(root, stack, *weight);
        }
        let mut out = Vec::new();
        builder.finish().write(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn equal_stacks_are_merged_and_the_text_is_sorted() {
        let lines: [(&str, &[&str], u64); 5] = [
            ("p", &["main", "b"], 2),
            ("p", &["main", "a"], 1),
            ("p", &["main", "b"], 40),
            ("p", &["z"], 0),
            ("", &["x"], 7),
        ];
        assert_eq!(folded(&lines), "x 7\np;main;a 1\np;main;b 42\n");
    }

    #[test]
    fn a_root_stands_alone() {
        let mut builder = Builder::default();
        for (root, weight) in [("quiet", 1), ("busy", 90), ("", 40), ("mild", 9)] {
            let (root, stack) = (builder.root(root), builder.stack([("main", "")].into_iter()));
            builder.add(root, stack, weight);
        }
        let folded = builder.finish();
        let heaviest = folded.heaviest_roots(0.05);
        assert_eq!(heaviest.iter().map(|&root| folded.root(root)).collect::<Vec<_>>(), ["busy", "mild"]);
        let mut out = Vec::new();
        folded.of_root(heaviest[0]).write(&mut out).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "busy;main 90\n");
    }

    #[test]
    fn names_cannot_break_the_form() {
        let lines: [(&str, &[&str], u64); 4] = [
            ("", &["a;b", "x\ny\x1b", "", "operator new 12"], 1),
            ("", &[], u64::MAX),
            ("", &[], 5),
            ("c;d", &["# x"], 1),
        ];
        assert_eq!(
            folded(&lines),
            "(no stack) 18446744073709551615\na:b;x y\\u{1b};(unknown);operator new_12 1\nc:d;#_x 1\n"
        );
        assert_eq!(folded(&[("", &["# x"], 1)]), "#_x 1\n");
    }
}
