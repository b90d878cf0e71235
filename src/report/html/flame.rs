//! Icicle and flame graphs: the boxes of a tree of stacks as SVG that is read without a script; the script zooms.
//!
//! Each box is an `<svg>` with a place in percent, so that it clips its own text and fits every width.

use maud::{Markup, html};

use super::parts::{self, visible};
use crate::report::model::{StackTree, TreeFrame};
use crate::report::units;

/// Height of a box with its gap.
const ROW: u32 = 18;
/// Share of the width from which a box has a name to be read without zooming.
const READABLE: f64 = 0.025;

/// A picture of a tree, with what belongs to it.
pub(super) struct Picture<'a> {
    /// Part of the ids of its elements.
    pub id: String,
    /// What it shows.
    pub title: String,
    /// Unit of the weights.
    pub unit: &'a str,
    pub tree: &'a StackTree,
    /// Says that frames below this outermost one are harmless.
    pub is_idle: fn(&str) -> bool,
}

/// Draws a picture; nothing where the tree has no weight.
pub(super) fn draw(picture: &Picture<'_>) -> Option<Markup> {
    let frames = &picture.tree.frames;
    let total: f64 = frames.iter().filter(|frame| frame.0 == 0).map(|frame| frame.2).sum();
    if !(total.is_finite() && total > 0.0) {
        return None;
    }
    let rows = frames.iter().map(|frame| frame.0).max().unwrap_or(0).saturating_add(1).min(1_000);
    let hint = format!("{}-hint", picture.id);
    Some(html! {
        figure.flame data-rows=(rows) {
            figcaption { (picture.title) }
            div.tools hidden {
                label { "Find " input.find type="search" autocomplete="off" spellcheck="false"; }
                button.turn type="button" aria-pressed="false" { "Flame graph" }
                button.reset type="button" { "Reset zoom" }
            }
            div.boxes tabindex="0" role="group" aria-label=(picture.title) aria-describedby=(hint) {
                svg width="100%" height=(rows * ROW) role="img" aria-label=(format!("Stacks of {}; the outermost frame is above, wider is more", picture.title)) {
                    (boxes(picture, total))
                }
            }
            p.status role="status" { "" }
            p.quiet id=(hint) {
                "Width is " (visible(picture.unit, 40)) ". "
                span.scripted hidden { "Click a frame to zoom; with the keyboard: arrows walk, Enter zooms, Escape goes back. " }
                @if picture.tree.left_out > 0 {
                    (units::counted(picture.tree.left_out, "narrower frame is", "narrower frames are"))
                    " not drawn: what they weigh is the empty room below their caller."
                }
            }
        }
    })
}

fn boxes(picture: &Picture<'_>, total: f64) -> Markup {
    // Where the next box of each depth begins, in weight.
    let mut begins: Vec<f64> = vec![0.0];
    let mut idle = false;
    let mut place = |TreeFrame(depth, name, weight): &TreeFrame| {
        let depth = (*depth as usize).min(begins.len() - 1);
        let x = begins[depth];
        begins.truncate(depth + 1);
        begins[depth] = x + weight;
        begins.push(x);
        if depth == 0 {
            idle = (picture.is_idle)(name);
        }
        (depth, x / total, weight / total, idle)
    };
    html! {
        @for frame in &picture.tree.frames {
            @let (depth, x, width, idle) = place(frame);
            @let name = visible(&frame.1, 120);
            svg class=(if idle { "idle" } else { colour(&frame.1) }) x=(percent(x)) y=(depth as u32 * ROW) width=(percent(width)) height=(ROW - 1) {
                title { (name) "\n" (parts::value(frame.2, unit(picture.unit))) ", " (units::share(width)) }
                rect width="100%" height="100%" {}
                @if width >= READABLE { text x="4" y="13" { (name) } }
            }
        }
    }
}

/// The UCUM name of a unit that profiles print.
fn unit(unit: &str) -> &str {
    match unit {
        "bytes" => "By",
        "nanoseconds" => "ns",
        "microseconds" => "us",
        "milliseconds" => "ms",
        "seconds" => "s",
        "samples" => "{sample}",
        "threads" => "{thread}",
        "goroutines" => "{goroutine}",
        "count" => "1",
        other => other,
    }
}

pub(super) fn percent(share: f64) -> String {
    format!("{:.3}%", share * 100.0)
}

/// A colour by the package of a function, so that what belongs together looks alike.
fn colour(function: &str) -> &'static str {
    const COLOURS: [&str; 6] = ["c0", "c1", "c2", "c3", "c4", "c5"];
    if function.ends_with("_[k]") {
        return "kernel";
    }
    let path = function.rfind('/').map_or(0, |slash| slash + 1);
    let end = function[path..].find(['.', ':', '(', '<']).map_or(function.len(), |dot| path + dot);
    let hash =
        function[..end].bytes().fold(0x811c_9dc5_u32, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    COLOURS[(hash >> 16) as usize % COLOURS.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn boxes_lie_below_their_callers() {
        let frame = |depth, name: &str, weight| TreeFrame(depth, name.into(), weight);
        let frames =
            vec![frame(0, "a", 6.0), frame(1, "b", 4.0), frame(1, "c", 1.0), frame(0, "d", 2.0), frame(1, "e", 2.0)];
        let tree = StackTree { frames, left_out: 0 };
        let picture = Picture { id: "p".into(), title: "t".into(), unit: "samples", tree: &tree, is_idle: |_| false };
        let drawn = draw(&picture).unwrap().into_string();
        for wanted in [
            r#"x="0.000%" y="0" width="75.000%""#,
            r#"x="0.000%" y="18" width="50.000%""#,
            r#"x="50.000%" y="18" width="12.500%""#,
            r#"x="75.000%" y="0" width="25.000%""#,
            r#"x="75.000%" y="18" width="25.000%""#,
            "<title>b\n4 samples, 50 %</title>",
        ] {
            assert!(drawn.contains(wanted), "{wanted} is not in {drawn}");
        }
    }

    #[test]
    fn a_tree_that_somebody_edited_does_no_harm() {
        let odd =
            vec![TreeFrame(9, "deep".into(), f64::NAN), TreeFrame(0, "x".into(), 1.0), TreeFrame(7, "y".into(), 50.0)];
        let tree = StackTree { frames: odd, left_out: 0 };
        let picture = Picture { id: "p".into(), title: "t".into(), unit: "", tree: &tree, is_idle: |_| false };
        assert!(draw(&picture).is_some());
        assert!(draw(&Picture { tree: &StackTree::default(), ..picture }).is_none());
    }

    #[test]
    fn functions_of_a_package_have_one_colour() {
        assert_eq!(colour("net/http.(*conn).serve"), colour("net/http.ListenAndServe"));
        assert_eq!(colour("do_syscall_64_[k]"), "kernel");
    }
}
