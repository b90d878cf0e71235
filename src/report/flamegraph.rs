//! Flame graphs: folded stacks to an SVG that stands alone. The same stacks give the same bytes.

use inferno::flamegraph::{self, Options};

use super::{folded, text};

/// Deeper stacks keep their outermost and innermost frames and a mark for those between.
const MAX_DEPTH: usize = 200;
/// Outermost frames that a deep stack keeps: where it began.
const KEEP_OUTER: usize = 20;
/// Wider names (C++ templates) lose their middle.
const MAX_NAME: usize = 400;
/// Narrowest frame drawn, in percent of the whole; the next one is tried when the file would get too large.
const MIN_WIDTHS: [f64; 4] = [0.01, 0.05, 0.25, 1.0];
/// Size from which narrow frames are left out.
const MAX_BYTES: usize = 3 << 20;

/// Draws a flame graph of folded stacks (see [`folded::fold`]); `None` when they have no weight.
pub fn svg(folded: &[(String, u64)], title: &str, unit: &str) -> Option<String> {
    let lines = drawable(folded)?;
    MIN_WIDTHS
        .iter()
        .try_fold(None, |_: Option<String>, &min_width| match draw(&lines, title, unit, min_width) {
            Some(svg) if svg.len() > MAX_BYTES => Ok(Some(svg)),
            done => Err(done),
        })
        .unwrap_or_else(|done| done)
}

fn draw(lines: &[String], title: &str, unit: &str, min_width: f64) -> Option<String> {
    let mut options = Options::default();
    options.title = text::visible(title);
    options.count_name = text::visible(unit);
    // Colours from the name alone; the default draws lots.
    options.deterministic = true;
    options.min_width = min_width;
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).ok()?;
    String::from_utf8(svg).ok()
}

/// Folded lines of bounded depth and name length, with weights that can be added without overflow.
fn drawable(folded: &[(String, u64)]) -> Option<Vec<String>> {
    let total: u128 = folded.iter().map(|(_, weight)| u128::from(*weight)).sum();
    let scale = u64::try_from(total >> 62).unwrap_or(u64::MAX).checked_add(1).unwrap_or(u64::MAX);
    let shallow =
        folded.iter().map(|(stack, weight)| folded::StackLine { frames: cut_depth(stack), weight: weight / scale });
    let merged = folded::fold(shallow);
    (!merged.is_empty()).then(|| folded::write(&merged).lines().map(str::to_owned).collect())
}

fn cut_depth(stack: &str) -> Vec<String> {
    let name = |frame: &str| text::cut_middle(frame, MAX_NAME);
    let depth = stack.split(';').count();
    if depth <= MAX_DEPTH {
        return stack.split(';').map(name).collect();
    }
    let cut = depth - MAX_DEPTH;
    let outer = stack.split(';').take(KEEP_OUTER).map(name);
    let inner = stack.split(';').skip(KEEP_OUTER + cut).map(name);
    outer.chain([format!("... {cut} frames")]).chain(inner).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(text: &str, weight: u64) -> (String, u64) {
        (text.to_owned(), weight)
    }

    #[test]
    fn the_same_stacks_give_the_same_picture() {
        let stacks = [stack("main;<T as A>::a", 3), stack("main;b", 4)];
        let svg = svg(&stacks, "CPU & more", "samples").unwrap();
        assert!(svg.contains("&lt;T as A&gt;::a (3 samples, 42.86%)"), "{svg}");
        assert!(svg.contains("CPU &amp; more"));
        assert_eq!(Some(svg), super::svg(&stacks, "CPU & more", "samples"));
    }

    #[test]
    fn nothing_to_draw_is_none() {
        assert_eq!(svg(&[], "empty", "samples"), None);
        assert_eq!(svg(&[stack("main", 0)], "no weight", "samples"), None);
    }

    #[test]
    fn deep_and_heavy_stacks_stay_small() {
        let deep = |n: usize| format!("main;{}leaf", "f;".repeat(n));
        let svg = svg(&[stack(&deep(9_998), 1), stack("other", 1)], "deep", "samples").unwrap();
        assert!(svg.contains("... 9800 frames") && svg.contains(">leaf (1 samples"));
        assert!(svg.len() < 200_000, "{}", svg.len());

        let heavy = [stack("a", u64::MAX), stack("b", u64::MAX)];
        assert!(super::svg(&heavy, "heavy", "bytes").is_some());
    }

    #[test]
    fn many_narrow_stacks_stay_below_the_limit() {
        let wide: Vec<_> =
            (0..3_000).map(|n| stack(&format!("main;{}", format!("frame_{n};").repeat(40)), 1)).collect();
        let svg = svg(&wide, "wide", "samples").unwrap();
        assert!(svg.len() < MAX_BYTES, "{}", svg.len());
    }
}
