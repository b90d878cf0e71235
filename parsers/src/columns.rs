//! Tables of blank-separated columns below a line of headings, as ps, top and their like print them.

use crate::lines::words;

/// The headings of a table.
pub(crate) struct Columns<'a> {
    names: Vec<&'a [u8]>,
    /// The column whose cells may hold blanks.
    free: Option<usize>,
}

/// A row of a table, cell by cell in the order of the headings.
pub(crate) struct Row<'a> {
    cells: Vec<&'a [u8]>,
}

impl<'a> Columns<'a> {
    /// Reads a line of headings; `free` names the column of text that may hold blanks, in any of its spellings.
    pub(crate) fn of(line: &'a [u8], free: &[&str]) -> Self {
        let names: Vec<&[u8]> = words(line).collect();
        let free = names.iter().position(|name| free.iter().any(|free| free.as_bytes() == *name));
        Columns { names, free }
    }

    /// The place of the first heading that is one of these.
    pub(crate) fn position(&self, names: &[&str]) -> Option<usize> {
        self.names.iter().position(|name| names.iter().any(|wanted| wanted.as_bytes() == *name))
    }

    /// Whether there is such a heading.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.position(&[name]).is_some()
    }

    /// Cuts a row: words from the left up to the free column, words from the right behind it, and between them the
    /// free text. `None` where there are fewer words than headings.
    pub(crate) fn row<'b>(&self, line: &'b [u8]) -> Option<Row<'b>> {
        let before = self.free.unwrap_or(self.names.len());
        let behind = self.names.len() - before - usize::from(self.free.is_some());
        let mut rest = line.trim_ascii();
        let mut left = Vec::with_capacity(self.names.len());
        for _ in 0..before {
            let end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            if word.is_empty() {
                return None;
            }
            left.push(word);
            rest = after.trim_ascii_start();
        }
        let mut right = Vec::with_capacity(behind);
        for _ in 0..behind {
            let start = rest.iter().rposition(u8::is_ascii_whitespace).map_or(0, |at| at + 1);
            let (before, word) = rest.split_at(start);
            if word.is_empty() {
                return None;
            }
            right.push(word);
            rest = before.trim_ascii_end();
        }
        if self.free.is_some() {
            left.push(rest);
        }
        left.extend(right.into_iter().rev());
        Some(Row { cells: left })
    }
}

impl<'a> Row<'a> {
    /// The cell of a column that [`Columns::position`] found.
    pub(crate) fn cell(&self, column: Option<usize>) -> Option<&'a [u8]> {
        self.cells.get(column?).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_text_stands_anywhere() {
        let last = Columns::of(b"  PID STAT COMMAND", &["COMMAND", "CMD"]);
        let row = last.row(b" 7 Ssl my app -x  y ").unwrap();
        assert_eq!(row.cell(last.position(&["COMMAND"])), Some(&b"my app -x  y"[..]));
        let middle = Columns::of(b"PID CMD RSS %CPU", &["CMD"]);
        let row = middle.row(b"7 VM Thread  100  0.5").unwrap();
        assert_eq!(row.cell(middle.position(&["CMD"])), Some(&b"VM Thread"[..]));
        assert_eq!(row.cell(middle.position(&["RSS"])), Some(&b"100"[..]));
        assert!(middle.row(b"7").is_none() && middle.row(b"").is_none());
        assert_eq!(row.cell(middle.position(&["TTY"])), None);
    }
}
