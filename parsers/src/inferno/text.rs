//! The folded text, sorted by its bytes.

use super::{Folder, Process, Stack};
use std::io::{self, Write};

impl Folder {
    /// Writes a line a stack: `process;outermost;...;innermost weight`.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write(self, out: &mut dyn Write) -> io::Result<()> {
        // A name with a separator in it may stand for a process and its outermost frame.
        if self.processes.iter().any(|name| name.contains(&b';')) {
            return self.write_ambiguous(out);
        }
        let texts = Texts::of(&self);
        let mut processes: Vec<Process> = (0..self.processes.len()).collect();
        processes.sort_by_cached_key(|&process| [self.processes.get(process), b";"].concat());
        let mut rank = vec![0u32; processes.len()];
        for (place, &process) in processes.iter().enumerate() {
            rank[process as usize] = place as u32;
        }
        let mut rows: Vec<(u32, u32, u64)> = Vec::with_capacity(self.counts.len());
        rows.extend(
            self.counts.iter().map(|(key, weight)| (rank[key.0 as usize], texts.rank_of(key.1, key.2), *weight)),
        );
        rows.sort_unstable();
        // The same stack may have been told by other lines.
        rows.dedup_by(|next, kept| {
            let same = (next.0, next.1) == (kept.0, kept.1);
            if same {
                kept.2 = kept.2.wrapping_add(next.2);
            }
            same
        });
        for (process, text, weight) in rows {
            out.write_all(self.processes.get(processes[process as usize]))?;
            out.write_all(texts.get(text))?;
            writeln!(out, " {weight}")?;
        }
        Ok(())
    }

    fn write_ambiguous(self, out: &mut dyn Write) -> io::Result<()> {
        let mut rows = std::collections::BTreeMap::<Vec<u8>, u64>::new();
        for (&(process, innermost, callers), &weight) in &self.counts {
            let mut text = self.processes.get(process).to_vec();
            self.put_stack(innermost, callers, &mut text);
            let sum = rows.entry(text).or_default();
            *sum = sum.wrapping_add(weight);
        }
        for (text, weight) in rows {
            out.write_all(&text)?;
            writeln!(out, " {weight}")?;
        }
        Ok(())
    }

    /// `;outermost;...;innermost`.
    fn put_stack(&self, innermost: Stack, callers: Stack, text: &mut Vec<u8>) {
        for stack in [callers, innermost] {
            for &frame in self.stacks.get(stack).iter().rev() {
                text.push(b';');
                text.extend_from_slice(self.frames.get(frame));
            }
        }
    }
}

/// The texts of all stacks in their order.
struct Texts {
    text: Vec<u8>,
    /// Where each text stands, sorted by text, each once.
    spans: Vec<(usize, usize)>,
    ranks: rustc_hash::FxHashMap<(Stack, Stack), u32>,
}

impl Texts {
    fn of(folder: &Folder) -> Texts {
        let mut pairs: Vec<(Stack, Stack)> = folder.counts.keys().map(|key| (key.1, key.2)).collect();
        pairs.sort_unstable();
        pairs.dedup();
        let mut text = Vec::new();
        let mut spans: Vec<((usize, usize), (Stack, Stack))> = Vec::with_capacity(pairs.len());
        for (innermost, callers) in pairs {
            let start = text.len();
            folder.put_stack(innermost, callers, &mut text);
            spans.push(((start, text.len()), (innermost, callers)));
        }
        let of = |span: (usize, usize)| &text[span.0..span.1];
        spans.sort_unstable_by(|a, b| of(a.0).cmp(of(b.0)));
        let mut texts = Texts { text: Vec::new(), spans: Vec::with_capacity(spans.len()), ranks: Default::default() };
        for (span, pair) in spans {
            if texts.spans.last().is_none_or(|last| of(*last) != of(span)) {
                texts.spans.push(span);
            }
            texts.ranks.insert(pair, texts.spans.len() as u32 - 1);
        }
        texts.text = text;
        texts
    }

    fn rank_of(&self, innermost: Stack, callers: Stack) -> u32 {
        self.ranks[&(innermost, callers)]
    }

    fn get(&self, rank: u32) -> &[u8] {
        let (start, end) = self.spans[rank as usize];
        &self.text[start..end]
    }
}
