//! One series as a picture: points, fitted line, onset, limit and events on an axis of time.
//!
//! Places along the time are in percent and heights in pixels, so that lines and letters keep their size on every
//! screen; only the curve is stretched.

use jiff::Timestamp;
use maud::{Markup, html};

use super::flame::percent;
use super::parts::{self, sentence, visible};
use crate::report::model::{Event, Trend};
use crate::report::units;

/// Height of a chart.
const HEIGHT: f64 = 92.0;
/// Room above and below the curve.
const MARGIN: f64 = 6.0;
/// Points of a series that can be pointed at, one by one.
const MOST_DOTS: usize = 40;
/// Labels on an axis.
const MOST_TICKS: f64 = 6.0;
/// A limit that is further away than so many times the largest value is only written.
const FAR: f64 = 3.0;

/// A stretch of time, in seconds of the wall clock or since the first sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Axis {
    pub from: f64,
    pub to: f64,
    pub wall: bool,
}

impl Axis {
    /// Where an instant is, as a share of the width.
    pub(super) fn share(&self, t: f64) -> f64 {
        if self.to > self.from { ((t - self.from) / (self.to - self.from)).clamp(0.0, 1.0) } else { 0.5 }
    }

    /// Instants with a label.
    fn ticks(&self) -> Vec<(f64, String)> {
        const STEPS: [f64; 19] = [
            0.1, 0.5, 1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0, 1800.0, 3600.0, 7200.0,
            10_800.0, 21_600.0, 43_200.0,
        ];
        let span = self.to - self.from;
        let step = STEPS.iter().copied().find(|step| span / step <= MOST_TICKS);
        let step = step.unwrap_or_else(|| 86_400.0 * (span / 86_400.0 / MOST_TICKS).ceil());
        let first = (self.from / step).ceil();
        let ticks = (0..=MOST_TICKS as u32).map(|n| (first + f64::from(n)) * step).take_while(|t| *t <= self.to);
        ticks.map(|t| (t, self.label(t, step))).collect()
    }

    fn label(&self, t: f64, step: f64) -> String {
        if !self.wall {
            return units::duration(t);
        }
        let form = match step {
            step if step < 1.0 => "%H:%M:%S%.1f",
            step if step < 60.0 => "%H:%M:%S",
            step if step < 86_400.0 => "%H:%M",
            _ => "%m-%d",
        };
        wall(t).map_or(String::new(), |at| at.strftime(form).to_string())
    }

    /// The labels of the axis as a strip of their own.
    pub(super) fn strip(&self) -> Markup {
        html! {
            svg.axis width="100%" height="16" aria-hidden="true" {
                @for (t, label) in self.ticks() {
                    text x=(percent(self.share(t))) y="12" text-anchor="middle" { (label) }
                }
            }
        }
    }
}

/// Seconds of the epoch of an RFC 3339 instant.
pub(super) fn seconds(instant: &str) -> Option<f64> {
    let at: Timestamp = instant.parse().ok()?;
    Some(at.as_nanosecond() as f64 / 1e9)
}

fn wall(t: f64) -> Option<Timestamp> {
    Timestamp::from_nanosecond((t * 1e9).round() as i128).ok()
}

/// The points of a series on its axis.
pub(super) fn points(trend: &Trend) -> Vec<(f64, f64)> {
    let origin = origin(trend);
    let points = trend.points.iter().flatten();
    points.map(|(t, value)| (t + origin, *value)).filter(|(t, value)| t.is_finite() && value.is_finite()).collect()
}

fn origin(trend: &Trend) -> f64 {
    trend.begins.as_deref().and_then(seconds).unwrap_or(0.0)
}

/// The axis of a series whose clock has no date.
pub(super) fn own_axis(trend: &Trend) -> Axis {
    let times = || points(trend).into_iter().map(|(t, _)| t);
    Axis { from: times().fold(f64::INFINITY, f64::min), to: times().fold(f64::NEG_INFINITY, f64::max), wall: false }
}

/// Values from bottom to top.
struct Heights {
    low: f64,
    high: f64,
}

impl Heights {
    fn of(values: &[(f64, f64)], limit: Option<f64>) -> Heights {
        let (mut low, mut high) = values
            .iter()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, value)| (low.min(*value), high.max(*value)));
        if let Some(limit) = limit {
            (low, high) = (low.min(limit), high.max(limit));
        }
        // Zero is shown where it is near.
        if low > 0.0 && low < 0.6 * high {
            low = 0.0;
        }
        if high <= low {
            (low, high) = (low - 1.0, high + 1.0);
        }
        Heights { low, high }
    }

    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        HEIGHT - MARGIN - share.clamp(0.0, 1.0) * (HEIGHT - 2.0 * MARGIN)
    }
}

/// Draws a series with the events that happened meanwhile; nothing where it has no points.
pub(super) fn chart(trend: &Trend, axis: Axis, events: &[(f64, &Event)]) -> Option<Markup> {
    let points = points(trend);
    if points.is_empty() {
        return None;
    }
    let limit = trend.limit.filter(|limit| limit.is_finite());
    let highest = points.iter().fold(0.0_f64, |high, (_, value)| high.max(*value));
    let near = limit.filter(|limit| *limit <= highest * FAR);
    let heights = Heights::of(&points, near);
    let label = |value: f64| parts::value(value, &trend.unit);
    let y = |value: f64| format!("{:.1}", heights.y(value));
    let at = |t: f64| percent(axis.share(t));
    let since = trend.since.as_deref().and_then(seconds).filter(|_| axis.wall);
    let onset =
        trend.onset_ci.as_ref().and_then(|(from, to)| Some((seconds(from)?, seconds(to)?))).filter(|_| axis.wall);
    let said = format!("{}: {}", visible(&trend.series, 160), crate::report::view::trend(trend));
    Some(html! {
        svg.chart width="100%" height=(HEIGHT) role="img" aria-label=(sentence(&said, 400)) {
            @if let Some((from, to)) = onset {
                rect.onset x=(at(from)) width=(percent((axis.share(to) - axis.share(from)).max(0.002))) height=(HEIGHT) {}
            }
            @for (t, _) in axis.ticks() { line.grid x1=(at(t)) x2=(at(t)) y2=(HEIGHT) {} }
            @for (t, event) in events { line class={ "event " (kind(event)) } x1=(at(*t)) x2=(at(*t)) y2=(HEIGHT) {} }
            @if let Some(limit) = near { line.limit x2="100%" y1=(y(limit)) y2=(y(limit)) {} }
            svg viewBox={ "0 0 1000 " (HEIGHT) } preserveAspectRatio="none" width="100%" height=(HEIGHT) {
                polyline.series points=(line(&points, axis, &heights)) {}
                @if let Some(fit) = trend.fit {
                    @let ends: Vec<(f64, f64)> = fit.iter().map(|(t, value)| (t + origin(trend), *value)).collect();
                    polyline.fit points=(line(&ends, axis, &heights)) {}
                }
            }
            @if points.len() <= MOST_DOTS {
                @for (t, value) in &points {
                    circle cx=(at(*t)) cy=(y(*value)) r="2.2" {
                        title { (axis.moment(*t)) ": " (label(*value)) }
                    }
                }
            }
            @if let Some(since) = since {
                line.since x1=(at(since)) x2=(at(since)) y2=(HEIGHT) {}
                text.since x=(at(since)) y="12" dx=(if axis.share(since) > 0.85 { "-3" } else { "3" })
                    text-anchor=(anchor(axis.share(since))) { "onset" }
            }
            text x="-6" y="12" text-anchor="end" { (label(heights.high)) }
            text x="-6" y=(HEIGHT - 3.0) text-anchor="end" { (label(heights.low)) }
            @if let Some(limit) = near {
                text.limit x="100%" y=(format!("{:.1}", (heights.y(limit) + 13.0).min(HEIGHT))) text-anchor="end" { "limit " (label(limit)) }
            }
        }
    })
}

impl Axis {
    fn moment(&self, t: f64) -> String {
        if !self.wall {
            return units::duration(t);
        }
        wall(t).map_or(String::new(), |at| at.strftime("%H:%M:%S").to_string())
    }
}

/// On which side of a place its label stands, so that it does not leave the picture.
fn anchor(share: f64) -> &'static str {
    if share > 0.85 { "end" } else { "start" }
}

/// What sort of event, for its colour.
pub(super) fn kind(event: &Event) -> &'static str {
    match event.kind.as_str() {
        "snapshot" => "snapshot",
        "restart" => "restart",
        "kill" | "panic" | "fatal-error" | "exit" | "signal" => "end",
        _ => "other",
    }
}

fn line(points: &[(f64, f64)], axis: Axis, heights: &Heights) -> String {
    let points: Vec<String> =
        points.iter().map(|(t, value)| format!("{:.1},{:.1}", axis.share(*t) * 1000.0, heights.y(*value))).collect();
    points.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        let axis = |from: f64, to: f64, wall| Axis { from, to, wall };
        let labels = |axis: Axis| axis.ticks().into_iter().map(|(_, label)| label).collect::<Vec<_>>();
        let noon = seconds("2026-11-21T12:00:07Z").unwrap();
        assert_eq!(labels(axis(noon, noon + 75.0, true)), ["12:00:15", "12:00:30", "12:00:45", "12:01:00", "12:01:15"]);
        assert_eq!(labels(axis(noon, noon + 5.0 * 3600.0, true)), ["13:00", "14:00", "15:00", "16:00", "17:00"]);
        assert_eq!(labels(axis(noon, noon + 86_400.0 * 30.0, true)).len(), 6);
        assert_eq!(labels(axis(0.0, 60.0, false)), ["0 s", "10 s", "20 s", "30 s", "40 s", "50 s", "1 min"]);
        assert_eq!(labels(axis(5.0, 5.0, true)).len(), 1);
    }

    #[test]
    fn zero_is_shown_where_it_is_near() {
        let heights = Heights::of(&[(0.0, 10.0), (1.0, 90.0)], Some(100.0));
        assert_eq!((heights.low, heights.high), (0.0, 100.0));
        assert!(heights.y(100.0) < heights.y(0.0));
        let heights = Heights::of(&[(0.0, 90.0), (1.0, 100.0)], None);
        assert_eq!((heights.low, heights.high), (90.0, 100.0));
        let heights = Heights::of(&[(0.0, 0.0)], None);
        assert!(heights.y(0.0).is_finite());
    }
}
