//! Tables whose columns begin where their headings do and are parted by two blanks or more, as kubectl and docker
//! print them: headings and cells may hold single blanks.

/// The headings of such a table, and where each begins.
pub(crate) struct Padded<'a> {
    columns: Vec<(&'a str, usize)>,
}

impl<'a> Padded<'a> {
    /// The headings of a line; `None` where it is not all upper case.
    pub(crate) fn of(line: &'a [u8]) -> Option<Padded<'a>> {
        let line = std::str::from_utf8(line).ok()?.trim_end();
        if line.is_empty() || line.starts_with(' ') || !line.is_ascii() || line.contains("\t") {
            return None;
        }
        let mut columns: Vec<(&str, usize)> = Vec::new();
        let mut at = 0;
        for part in line.split("  ") {
            let name = part.trim_start();
            if !name.is_empty() {
                columns.push((name.trim_end(), at + part.len() - name.len()));
            }
            at += part.len() + 2;
        }
        Some(Padded { columns })
    }

    /// Whether these are the first headings.
    pub(crate) fn begins_with(&self, names: &[&str]) -> bool {
        names.len() <= self.columns.len() && names.iter().zip(&self.columns).all(|(name, column)| *name == column.0)
    }

    /// The cell of a row below a heading, trimmed; `None` for an empty one. The last column holds the rest.
    pub(crate) fn cell<'b>(&self, row: &'b [u8], name: &str) -> Option<&'b str> {
        let index = self.columns.iter().position(|column| column.0 == name)?;
        let start = self.columns[index].1;
        let end = self.columns.get(index + 1).map_or(row.len(), |next| next.1.min(row.len()));
        // A row that is not aligned has text where the gap should be.
        let aligned = start == 0 || row.get(start - 1) == Some(&b' ');
        let cell = std::str::from_utf8(row.get(start..end).filter(|_| aligned)?).ok()?.trim();
        (!cell.is_empty()).then_some(cell)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_stand_below_their_headings() {
        let table = Padded::of(b"CONTAINER ID   NAME      MEM USAGE / LIMIT   PIDS").unwrap();
        assert!(table.begins_with(&["CONTAINER ID", "NAME"]));
        let row = b"dee4ce42a00e   idle      20.42MiB / 64MiB    1";
        assert_eq!(table.cell(row, "MEM USAGE / LIMIT"), Some("20.42MiB / 64MiB"));
        assert_eq!(table.cell(row, "PIDS"), Some("1"));
        assert_eq!(table.cell(b"short", "NAME"), None);
        assert_eq!(table.cell(b"much-longer-than-the-column", "NAME"), None);
    }
}
