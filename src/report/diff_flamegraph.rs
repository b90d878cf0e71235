//! Differential flame graphs. The classic form colours whatever differs; here a frame has a colour only where its
//! function changed beyond what chance explains.

use super::flamegraph::{self, Direction, Drawn};
use super::folded::Folded;
use std::collections::HashMap;

/// Which side gives the widths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// That of before: what vanished is seen.
    Before,
    /// That of after: what appeared is seen.
    After,
}

/// Draws one side, coloured by the other; `None` where it has no weight. `ratio` is what the functions that did not
/// change weigh on this side, of what they weigh on the other; `changed` says of an innermost frame whether its
/// function changed.
pub fn svg(
    (own, other): (&Folded, &Folded),
    title: &str,
    unit: &str,
    width: Width,
    ratio: f64,
    changed: &dyn Fn(&str) -> bool,
) -> Option<String> {
    let others: HashMap<String, u64> =
        other.iter().map(|(root, stack, weight)| (format!("{root}{stack}"), weight)).collect();
    let mut lines: Vec<(String, u64, u64)> = Vec::new();
    for Drawn { line, weight, whole } in flamegraph::drawn(own) {
        let leaf = line.rsplit(';').next().unwrap_or(&line);
        // Of a stack that was cut, the last frame is not the innermost.
        let expected = if whole && changed(leaf) {
            (others.get(&line).copied().unwrap_or(0) as f64 * ratio).round() as u64
        } else {
            weight
        };
        match lines.last_mut() {
            Some((last, was, is)) if *last == line => {
                *was += expected;
                *is += weight;
            }
            _ => lines.push((line, expected, weight)),
        }
    }
    let lines: Vec<String> = lines.into_iter().map(|(line, was, is)| format!("{line} {was} {is}")).collect();
    flamegraph::draw(&lines, title, unit, Direction::Up, flamegraph::Form::Interactive, width == Width::Before)
}

#[cfg(test)]
mod tests {
    use super::super::folded::Builder;
    use super::*;

    fn folded(stacks: &[(&[&str], u64)]) -> Folded {
        let mut builder = Builder::default();
        let root = builder.root("");
        for (frames, weight) in stacks {
            let stack = builder.stack(frames.iter().map(|frame| (*frame, "")));
            builder.add(root, stack, *weight);
        }
        builder.finish()
    }

    fn fill<'a>(svg: &'a str, function: &str) -> &'a str {
        let at = svg.find(&format!("<title>{function} (")).unwrap_or_else(|| panic!("no {function} in {svg}"));
        let fill = at + svg[at..].find("fill=\"").unwrap() + 6;
        &svg[fill..fill + svg[fill..].find('"').unwrap()]
    }

    const NEUTRAL: &str = "rgb(250,250,250)";

    #[test]
    fn only_what_changed_has_a_colour_and_both_directions_agree_on_it() {
        let before = folded(&[(&["main", "hot"], 100), (&["main", "cold"], 50), (&["main", "gone"], 30)]);
        let after = folded(&[(&["main", "hot"], 190), (&["main", "cold"], 51), (&["main", "new"], 40)]);
        let changed = |leaf: &str| leaf != "cold";
        let draw = |pair, width| svg(pair, "t", "samples", width, 1.0, &changed).unwrap();
        let up = draw((&after, &before), Width::After);
        assert_eq!((fill(&up, "cold"), fill(&up, "main")), (NEUTRAL, NEUTRAL));
        assert!(fill(&up, "hot").starts_with("rgb(255,") && fill(&up, "new").starts_with("rgb(255,"), "{up}");
        assert!(!up.contains("<title>gone"));
        let down = draw((&before, &after), Width::Before);
        assert_eq!(fill(&down, "cold"), NEUTRAL);
        assert!(fill(&down, "hot").starts_with("rgb(255,"), "red is what grew, in both directions");
        assert!(fill(&down, "gone").ends_with(",255)"));
        assert_eq!(down, draw((&before, &after), Width::Before));
    }

    #[test]
    fn a_side_without_weight_is_not_drawn() {
        let (none, some) = (folded(&[]), folded(&[(&["a"], 1)]));
        assert_eq!(svg((&none, &some), "t", "samples", Width::After, 1.0, &|_| true), None);
        assert!(svg((&some, &none), "t", "samples", Width::After, 1.0, &|_| true).is_some());
    }

    #[test]
    fn another_load_alone_has_no_colour() {
        let before = folded(&[(&["a"], 100), (&["b"], 10)]);
        let after = folded(&[(&["a"], 200), (&["b"], 20)]);
        let svg = svg((&after, &before), "t", "samples", Width::After, 2.0, &|_| true).unwrap();
        assert_eq!((fill(&svg, "a"), fill(&svg, "b")), (NEUTRAL, NEUTRAL));
    }
}
