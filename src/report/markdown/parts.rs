//! A text of parts with ranks that fits a limit.

use super::dialect::Target;

/// What is lost when a part is left out.
#[derive(Clone, Copy, Default)]
pub(super) struct Left {
    findings: u64,
    evidence: u64,
    others: u64,
}

impl Left {
    pub(super) fn finding() -> Left {
        Left { findings: 1, ..Left::default() }
    }

    pub(super) fn evidence() -> Left {
        Left { evidence: 1, ..Left::default() }
    }

    /// It is told elsewhere.
    pub(super) fn nothing() -> Left {
        Left::default()
    }

    fn other() -> Left {
        Left { others: 1, ..Left::default() }
    }
}

/// A section of a [`Document`].
#[derive(Clone, Copy)]
pub(super) struct Section(usize);

struct SectionText {
    parent: Option<Section>,
    open: String,
    close: String,
}

struct Part {
    section: Section,
    rank: u8,
    text: String,
    left: Left,
}

/// Parts in the order of the text. A section is written only if one of its parts is.
#[derive(Default)]
pub(super) struct Document {
    target: Target,
    sections: Vec<SectionText>,
    parts: Vec<Part>,
}

/// Room kept for the last line: it names three numbers.
const FOOTER: usize = 150;

impl Document {
    /// An empty text for a place.
    pub(super) fn for_target(target: Target) -> Document {
        Document { target, ..Document::default() }
    }

    /// Adds a section; its parent's opening goes before it. Only a section without children may have a closing.
    pub(super) fn section(&mut self, parent: Option<Section>, open: &str, close: &str) -> Section {
        self.sections.push(SectionText { parent, open: self.target.write(open), close: self.target.write(close) });
        Section(self.sections.len() - 1)
    }

    /// Adds a part whose loss is a finding or evidence lost.
    pub(super) fn part(&mut self, section: Section, rank: u8, text: String, left: Left) {
        self.parts.push(Part { section, rank, text: self.target.write(&text), left });
    }

    /// Adds any other part.
    pub(super) fn text(&mut self, section: Section, rank: u8, text: String) {
        self.part(section, rank, text, Left::other());
    }

    /// The text, at most so many characters long.
    pub(super) fn write(&self, max_chars: usize) -> String {
        let whole: Vec<bool> = vec![true; self.parts.len()];
        let text = self.assemble(&whole);
        if text.chars().count() <= max_chars {
            return text;
        }
        let taken = self.choose(max_chars.saturating_sub(FOOTER));
        let mut text = self.assemble(&taken);
        text.push_str(&format!("\n{}\n", self.footer(&taken)));
        text
    }

    /// Takes parts by rank while there is room. A section from which one was left takes no more: rows are never
    /// missing in the middle.
    fn choose(&self, room: usize) -> Vec<bool> {
        let mut order: Vec<usize> = (0..self.parts.len()).collect();
        order.sort_by_key(|&index| self.parts[index].rank);
        let mut taken = vec![false; self.parts.len()];
        let mut opened = vec![false; self.sections.len()];
        let mut full = vec![false; self.sections.len()];
        let mut used = 0;
        for index in order {
            let part = &self.parts[index];
            if full[part.section.0] {
                continue;
            }
            let lineage = self.unopened(part.section, &opened);
            let frames: usize =
                lineage.iter().map(|&it| length(&self.sections[it].open) + length(&self.sections[it].close)).sum();
            let cost = frames + length(&part.text);
            if used + cost > room {
                full[part.section.0] = true;
                continue;
            }
            used += cost;
            taken[index] = true;
            lineage.into_iter().for_each(|it| opened[it] = true);
        }
        taken
    }

    /// The section and those around it that are not open yet.
    fn unopened(&self, section: Section, opened: &[bool]) -> Vec<usize> {
        std::iter::successors(Some(section), |it| self.sections[it.0].parent)
            .map(|it| it.0)
            .filter(|&it| !opened[it])
            .collect()
    }

    fn assemble(&self, taken: &[bool]) -> String {
        let mut inside: Vec<String> = vec![String::new(); self.sections.len()];
        let mut opened = vec![false; self.sections.len()];
        for (part, _) in self.parts.iter().zip(taken).filter(|(_, taken)| **taken) {
            inside[part.section.0].push_str(&part.text);
            self.unopened(part.section, &opened).into_iter().for_each(|it| opened[it] = true);
        }
        let mut text = String::new();
        for (index, section) in self.sections.iter().enumerate().filter(|(index, _)| opened[*index]) {
            text.push_str(&section.open);
            text.push_str(&inside[index]);
            text.push_str(&section.close);
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
        text
    }

    fn footer(&self, taken: &[bool]) -> String {
        let mut left = Left::default();
        for (part, _) in self.parts.iter().zip(taken).filter(|(_, taken)| !**taken) {
            left.findings += part.left.findings;
            left.evidence += part.left.evidence;
            left.others += part.left.others;
        }
        let counted = super::units::counted;
        format!(
            "{}, {}, {} left out; full report: report.json",
            counted(left.findings, "finding", "findings"),
            counted(left.evidence, "evidence line", "evidence lines"),
            counted(left.others, "other entry", "other entries")
        )
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document() -> Document {
        let mut document = Document::default();
        let head = document.section(None, "", "");
        document.text(head, 0, "head\n".into());
        let outer = document.section(None, "## outer\n", "");
        let inner = document.section(Some(outer), "<details>\n", "</details>\n");
        for row in 0..50 {
            document.part(inner, 2, format!("row {row:02} {}\n", "x".repeat(20)), Left::evidence());
        }
        let last = document.section(None, "## last\n", "");
        document.part(last, 1, "last\n".into(), Left::finding());
        document
    }

    #[test]
    fn what_fits_is_whole() {
        let text = document().write(5_000);
        assert!(text.ends_with("row 49 xxxxxxxxxxxxxxxxxxxx\n</details>\n## last\nlast\n"), "{text}");
    }

    #[test]
    fn rows_are_cut_at_the_end_and_sections_are_closed() {
        let text = document().write(500);
        assert!(text.chars().count() <= 500);
        assert!(text.starts_with("head\n## outer\n<details>\nrow 00") && text.contains("</details>\n## last\nlast\n"));
        let rows = text.matches("row ").count();
        assert!((1..50).contains(&rows) && text.contains(&format!("row {:02}", rows - 1)), "{text}");
        let left =
            format!("0 findings, {} evidence lines, 0 other entries left out; full report: report.json\n", 50 - rows);
        assert!(text.ends_with(&left), "{text}");
    }
}
