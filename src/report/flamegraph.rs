//! Flame graphs: folded stacks to an SVG that stands alone. The same stacks give the same bytes.

use std::borrow::Cow;

use inferno::flamegraph::{self, Options};

use super::folded::Folded;
use super::text;

/// Deeper stacks keep their outermost and innermost frames and a mark for those between.
const MAX_DEPTH: usize = 200;
/// Outermost frames that a deep stack keeps: where it began.
const KEEP_OUTER: usize = 20;
/// Wider names (C++ templates) lose their middle.
const MAX_NAME: usize = 400;
/// Narrower boxes cannot be seen: one in so many parts of the whole.
const NARROWEST: u64 = 10_000;
/// Most boxes of a picture; it keeps the widest.
const MAX_BOXES: usize = 8_000;
/// Stands for stacks of which no frame is wide enough.
const TOO_NARROW: &str = "(too narrow to draw)";

/// Where what is called stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Above its caller: a flame graph.
    Up,
    /// Below its caller: an icicle graph.
    Down,
}

/// How a picture is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// In a browser: it fits the window, zooms and searches by its script.
    Interactive,
    /// In a ticket or document, which run no scripts: of one width, with names cut to their boxes.
    Still,
}

/// Width of a still picture in pixels: that of a page.
const STILL_WIDTH: usize = 1_200;

/// Draws a flame graph; `None` when there is no weight.
pub fn svg(folded: &Folded, title: &str, unit: &str, direction: Direction, form: Form) -> Option<String> {
    draw(&wide_enough(&drawable(folded)), title, unit, direction, form, false)
}

/// Draws lines; with two numbers each, the second gives the widths and what it is above the first the colours:
/// red, or blue where they are `negated`.
pub(super) fn draw(
    lines: &[String],
    title: &str,
    unit: &str,
    direction: Direction,
    form: Form,
    negated: bool,
) -> Option<String> {
    if lines.is_empty() {
        return None;
    }
    let mut options = Options::default();
    options.title = text::visible(title);
    options.count_name = text::visible(unit);
    options.negate_differentials = negated;
    // Colours from the name alone; the default draws lots.
    options.deterministic = true;
    if direction == Direction::Down {
        options.direction = flamegraph::Direction::Inverted;
    }
    if form == Form::Still {
        options.no_javascript = true;
        options.image_width = Some(STILL_WIDTH);
    }
    let mut svg = Vec::new();
    flamegraph::from_lines(&mut options, lines.iter().map(String::as_str), &mut svg).ok()?;
    let svg = String::from_utf8(svg).ok()?;
    Some(if form == Form::Still { without_controls(svg) } else { svg })
}

/// Without what only a script could make use of, which inferno writes all the same.
fn without_controls(svg: String) -> String {
    let controls = [("<script", "</script>"), ("<text id=\"unzoom\"", "</text>"), ("<text id=\"search\"", "</text>")];
    controls.iter().fold(svg.replace(" onload=\"init(evt)\"", ""), |mut svg, (start, end)| {
        let from = svg.find(start);
        let to = from.and_then(|from| Some(from + svg[from..].find(end)? + end.len()));
        if let (Some(from), Some(to)) = (from, to) {
            svg.replace_range(from..to, "");
        }
        svg
    })
}

/// A stack that can be drawn: its root with the separator or empty, what is above it, weight.
type Line<'a> = (&'a str, Cow<'a, str>, u64);

/// Stacks of bounded depth and name length, with weights that can be added without overflow.
fn drawable(folded: &Folded) -> Vec<Line<'_>> {
    let total: u128 = folded.iter().map(|(_, _, weight)| u128::from(weight)).sum();
    let scale = u64::try_from(total >> 62).unwrap_or(u64::MAX).saturating_add(1);
    let lines = folded.iter().map(|(root, stack, weight)| (root, cut(stack), weight / scale));
    lines.filter(|(_, _, weight)| *weight > 0).collect()
}

/// A stack as far as it is drawn.
pub(super) struct Drawn {
    /// Its frames with their root.
    pub line: String,
    /// Its weight.
    pub weight: u64,
    /// No frame was left out.
    pub whole: bool,
}

/// The stacks in their order, each as far as it is drawn.
pub(super) fn drawn(folded: &Folded) -> Vec<Drawn> {
    let stacks = drawable(folded);
    let kept = kept(&stacks);
    let drawn = stacks.iter().zip(kept).map(|((whole_root, whole, weight), (root, stack))| Drawn {
        line: format!("{root}{stack}"),
        weight: *weight,
        whole: (root, stack) == (*whole_root, &**whole) && matches!(whole, Cow::Borrowed(_)),
    });
    drawn.collect()
}

/// What is left of each stack without the frames that are too narrow.
fn kept<'a>(stacks: &'a [Line<'_>]) -> Vec<(&'a str, &'a str)> {
    let boxes = Boxes::of(stacks);
    let narrowest = boxes.narrowest();
    let mut open = Vec::new();
    let mut next = 0;
    let kept = stacks.iter().zip(&boxes.depths).map(|((root, stack, _), &(shared, depth))| {
        open.truncate(shared);
        open.extend(next..next + depth - shared);
        next += depth - shared;
        let kept = open.iter().take_while(|&&index| boxes.weights[index] >= narrowest).count();
        outermost(root, stack, kept)
    });
    kept.collect()
}

/// Folded lines without the frames that are too narrow; their weight stays with the frame below.
fn wide_enough(stacks: &[Line<'_>]) -> Vec<String> {
    let mut lines: Vec<(&str, &str, u64)> = Vec::new();
    for ((_, _, weight), (root, stack)) in stacks.iter().zip(kept(stacks)) {
        match lines.last_mut() {
            Some((last_root, last, sum)) if (*last_root, *last) == (root, stack) => *sum += weight,
            _ => lines.push((root, stack, *weight)),
        }
    }
    lines.iter().map(|(root, stack, weight)| format!("{root}{stack} {weight}")).collect()
}

/// The first frames of a stack, that of its root among them.
fn outermost<'a>(root: &'a str, stack: &'a str, frames: usize) -> (&'a str, &'a str) {
    match frames.checked_sub(usize::from(!root.is_empty())) {
        None => ("", TOO_NARROW),
        Some(0) if root.is_empty() => ("", TOO_NARROW),
        Some(0) => ("", root.trim_end_matches(';')),
        Some(above) => (root, stack.match_indices(';').nth(above - 1).map_or(stack, |(end, _)| &stack[..end])),
    }
}

/// The boxes that sorted stacks draw, in the order in which they open.
struct Boxes {
    total: u64,
    weights: Vec<u64>,
    /// For each stack, the frames that it shares with the one before, and all its frames.
    depths: Vec<(usize, usize)>,
}

impl Boxes {
    fn of(stacks: &[Line<'_>]) -> Boxes {
        let mut boxes = Boxes { total: 0, weights: Vec::new(), depths: Vec::new() };
        let mut open: Vec<usize> = Vec::new();
        let mut before: Option<(&str, &str)> = None;
        for (root, stack, weight) in stacks {
            let below = usize::from(!root.is_empty());
            let shared = match before {
                Some((before_root, before)) if before_root == *root => below + shared_frames(before, stack),
                _ => 0,
            };
            let depth = below + frames(stack);
            open.truncate(shared);
            open.extend(boxes.weights.len()..boxes.weights.len() + depth - shared);
            boxes.weights.resize(boxes.weights.len() + depth - shared, 0);
            open.iter().for_each(|&index| boxes.weights[index] += weight);
            boxes.depths.push((shared, depth));
            boxes.total += weight;
            before = Some((*root, &**stack));
        }
        boxes
    }

    /// Weight from which a box is drawn.
    fn narrowest(&self) -> u64 {
        let mut weights = self.weights.clone();
        let visible = self.total / NARROWEST;
        if weights.len() <= MAX_BOXES {
            return visible;
        }
        let (_, too_narrow, _) = weights.select_nth_unstable_by(MAX_BOXES, |a, b| b.cmp(a));
        visible.max(*too_narrow + 1)
    }
}

fn frames(stack: &str) -> usize {
    memchr::memchr_iter(b';', stack.as_bytes()).count() + 1
}

fn shared_frames(before: &str, stack: &str) -> usize {
    before.split(';').zip(stack.split(';')).take_while(|(a, b)| a == b).count()
}

/// The stack as it can be drawn: not too deep, no name too wide.
fn cut(stack: &str) -> Cow<'_, str> {
    let depth = frames(stack);
    let narrow = stack.len() <= MAX_NAME || stack.split(';').all(|frame| frame.len() <= MAX_NAME);
    if depth <= MAX_DEPTH && narrow {
        return Cow::Borrowed(stack);
    }
    let frames = stack.split(';').map(|frame| text::cut_middle(frame, MAX_NAME));
    let frames: Vec<_> = match depth.saturating_sub(MAX_DEPTH) {
        0 => frames.collect(),
        more => {
            let inner = frames.clone().skip(KEEP_OUTER + more);
            frames.take(KEEP_OUTER).chain([format!("... {more} frames")]).chain(inner).collect()
        }
    };
    Cow::Owned(frames.join(";"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stack(text: &str, weight: u64) -> (String, u64) {
        (text.to_owned(), weight)
    }

    /// Below the root that is their first frame, as threads and reasons are.
    fn folded(stacks: &[(String, u64)]) -> Folded {
        let mut builder = super::super::folded::Builder::default();
        for (stack, weight) in stacks {
            let (root, above) = stack.split_once(';').unwrap_or(("", stack));
            let (root, stack) = (builder.root(root), builder.stack(above.split(';').map(|frame| (frame, ""))));
            builder.add(root, stack, *weight);
        }
        builder.finish()
    }

    fn draw(stacks: &[(String, u64)], title: &str, unit: &str) -> Option<String> {
        super::svg(&folded(stacks), title, unit, Direction::Up, Form::Interactive)
    }

    #[test]
    fn a_still_picture_has_names_that_fit_and_no_script() {
        let name = format!("crate::module::{}", "long_name_".repeat(40));
        let stacks = folded(&[(format!("main;{name}"), 1), ("main;wide".to_owned(), 99)]);
        let svg = super::svg(&stacks, "CPU", "samples", Direction::Up, Form::Still).unwrap();
        assert!(!svg.contains("<script") && !svg.contains("onload"), "{}", &svg[..600]);
        assert!(svg.contains("width=\"1200\"") && svg.contains(">wide</text>"));
        // The whole name stands in the title of its box alone.
        assert_eq!(svg.matches(&name[..60]).count(), 1);
    }

    #[test]
    fn the_same_stacks_give_the_same_picture() {
        let stacks = [stack("main;<T as A>::a", 3), stack("main;b", 4)];
        let svg = draw(&stacks, "CPU & more", "samples").unwrap();
        assert!(svg.contains("&lt;T as A&gt;::a (3 samples, 42.86%)"), "{svg}");
        assert!(svg.contains("CPU &amp; more"));
        assert_eq!(Some(svg), draw(&stacks, "CPU & more", "samples"));
    }

    #[test]
    fn nothing_to_draw_is_none() {
        assert_eq!(draw(&[], "empty", "samples"), None);
        assert_eq!(draw(&[stack("main", 0)], "no weight", "samples"), None);
    }

    #[test]
    fn deep_and_heavy_stacks_stay_small() {
        let deep = |n: usize| format!("main;{}leaf", "f;".repeat(n));
        let svg = draw(&[stack(&deep(9_998), 1), stack("other", 1)], "deep", "samples").unwrap();
        assert!(svg.contains("... 9799 frames") && svg.contains(">leaf (1 samples"));
        assert!(svg.len() < 200_000, "{}", svg.len());

        let heavy = [stack("a", u64::MAX), stack("b", u64::MAX)];
        assert!(draw(&heavy, "heavy", "bytes").is_some());
    }

    #[test]
    fn frames_that_cannot_be_seen_leave_their_weight_below() {
        let stacks = [stack("a;b;c", 1), stack("a;b;d", 9_999), stack("e", 1), stack("f;g", 9_999)];
        let drawn = wide_enough(&drawable(&folded(&stacks)));
        assert_eq!(drawn, ["(too narrow to draw) 1", "a;b 1", "a;b;d 9999", "f;g 9999"]);
    }

    #[test]
    fn many_narrow_stacks_stay_below_the_limit() {
        let wide: Vec<_> =
            (0..3_000).map(|n| stack(&format!("main;{}", format!("frame_{n};").repeat(40)), 1)).collect();
        let svg = draw(&wide, "wide", "samples").unwrap();
        assert!(svg.len() < 4_000_000, "{}", svg.len());
        assert!(svg.contains("all (3,000 samples, 100%)") && svg.contains("main (3,000 samples, 100.00%)"));
    }
}
