//! Series and events on one axis of time.

use maud::{Markup, html};

use super::charts::{self, Axis};
use super::flame::percent;
use super::parts::Column::{Number, Text};
use super::parts::{self, fill, name, sentence, shown, table};
use crate::report::model::{Event, Finding, Report, Trend};
use crate::report::{units, view};

/// Charts that are seen at once.
const FIRST_CHARTS: usize = 6;
/// Charts at most.
const MOST_CHARTS: usize = 60;
/// Room for the charts.
const MOST_BYTES: usize = 500_000;
/// Room for the lists of events and of series.
const MOST_LISTED: usize = 120_000;
/// Events seen at once.
const FIRST_EVENTS: usize = 12;
/// Marks that are nearer than this share of the width are one.
const NEAR: f64 = 0.03;

/// What changed over time and what happened meanwhile.
pub(super) fn section(report: &Report) -> Option<Markup> {
    let trends = chosen(report);
    let dated: Vec<(f64, &Event)> = report.events.iter().filter_map(|event| Some((instant(event)?, event))).collect();
    let axis = axis(&trends, &dated);
    let (first, more) = trends.split_at(trends.len().min(FIRST_CHARTS));
    let more = &more[..more.len().min(MOST_CHARTS)];
    (!report.trends.is_empty() || !report.events.is_empty()).then(|| {
        html! {
            @if let Some(axis) = axis { (lane(axis, &dated)) }
            @if !trends.is_empty() {
                p.legend aria-hidden="true" {
                    span.key.series { "measured" } " " span.key.fit { "fitted growth" } " "
                    span.key.onset { "onset, 95 %" } " " span.key.limit { "limit" }
                }
            }
            (charts(report, first, axis, &dated))
            @if !more.is_empty() {
                details.card {
                    summary { strong { (units::counted(more.len() as u64, "more series", "more series")) } " as charts" }
                    (charts(report, more, axis, &dated))
                }
            }
            (events(report))
            (series(report))
        }
    })
}

fn instant(event: &Event) -> Option<f64> {
    charts::seconds(event.at.as_deref()?)
}

/// Series worth a chart: those that the answer rests on, those that grow into a limit, those that other findings rest
/// on, and those that move.
fn chosen(report: &Report) -> Vec<&Trend> {
    let lead = view::causes(report).first().and_then(|cause| cause.finding).or_else(|| view::suspected(report));
    let names = |finding: &Finding, kind: &str| -> Vec<String> {
        let names = finding.signals.keys().filter_map(|key| Some(key.strip_prefix(kind)?.rsplit_once('.')?.0));
        names.map(str::to_owned).collect()
    };
    let leading = lead.map_or(Vec::new(), |finding| names(finding, "trend."));
    let cited: Vec<String> = report
        .findings
        .iter()
        .flat_map(|finding| [names(finding, "trend."), names(finding, "level.")].concat())
        .collect();
    let rank = |trend: &Trend| {
        let base = trend.series.split('{').next().unwrap_or("");
        let is_in = |names: &[String]| names.iter().any(|name| name == base);
        let moves = match trend.verdict.as_str() {
            "growing" => 0,
            "step" => 1,
            "plateau" | "falling" => 2,
            "cyclic" => 3,
            _ => 9,
        };
        let rank = match moves {
            _ if is_in(&leading) => 0,
            0 if trend.limit.is_some() => 1,
            _ if is_in(&cited) => 2,
            9 => return None,
            _ => 3,
        };
        Some((rank, moves))
    };
    let drawable = report.trends.iter().filter(|trend| trend.points.as_ref().is_some_and(|points| points.len() > 1));
    let mut ranked: Vec<_> = drawable.filter_map(|trend| Some((rank(trend)?, trend))).collect();
    ranked.sort_by_key(|(rank, _)| *rank);
    ranked.into_iter().map(|(_, trend)| trend).collect()
}

/// The one axis of all that has a date.
fn axis(trends: &[&Trend], events: &[(f64, &Event)]) -> Option<Axis> {
    let series = trends.iter().filter(|trend| trend.begins.is_some()).flat_map(|trend| charts::points(trend));
    let times: Vec<f64> = series.map(|(t, _)| t).chain(events.iter().map(|(t, _)| *t)).collect();
    let (from, to) = (times.iter().copied().reduce(f64::min)?, times.iter().copied().reduce(f64::max)?);
    Some(Axis { from, to, wall: true })
}

/// Charts on the one axis, then those that have a clock of their own.
fn charts(report: &Report, trends: &[&Trend], axis: Option<Axis>, events: &[(f64, &Event)]) -> Markup {
    let (dated, others): (Vec<&Trend>, Vec<&Trend>) = trends.iter().partition(|trend| trend.begins.is_some());
    let (dated, no_room) = fill(dated.iter().map(|trend| figure(report, trend, axis, events)), MOST_BYTES / 3);
    let (others, neither) = fill(others.iter().map(|trend| figure(report, trend, None, &[])), MOST_BYTES / 6);
    html! {
        div.charts { (dated) @if let Some(axis) = axis { (axis.strip()) } }
        @if !others.0.is_empty() {
            p.quiet { "On clocks of their own, which no line of the bundle ties to a date:" }
            div.charts { (others) }
        }
        (parts::left_out((no_room + neither) as u64, "more charts have no room here."))
    }
}

fn figure(report: &Report, trend: &Trend, axis: Option<Axis>, events: &[(f64, &Event)]) -> Markup {
    let own = charts::own_axis(trend);
    let chart = charts::chart(trend, axis.unwrap_or(own), events);
    let subject = trend.subject.as_deref().filter(|_| report.subjects.len() > 1);
    html! {
        @if let Some(chart) = chart {
            figure.series {
                figcaption {
                    (name(&trend.series))
                    @if let Some(subject) = subject { span.chip { (shown(view::subject(report, subject), 80)) } }
                    span class={ "chip " (word(&trend.verdict)) } { (shown(&trend.verdict, 20)) }
                    span.quiet { (numbers(trend)) }
                    @if axis.is_none() { span.chip { (shown(&trend.clock, 20)) " clock" } }
                }
                (chart)
                @if axis.is_none() && trend.clock != "sample" { (own.strip()) }
            }
        }
    }
}

fn word(verdict: &str) -> &'static str {
    if verdict == "growing" { "growing" } else { "still" }
}

/// What was measured, without the verdict, which stands before it.
fn numbers(trend: &Trend) -> String {
    let told = view::trend(trend);
    let rest = told.strip_prefix(trend.verdict.as_str()).unwrap_or(&told).trim_start_matches(", ");
    sentence(rest, 300)
}

/// Marks of what happened, above the charts.
fn lane(axis: Axis, events: &[(f64, &Event)]) -> Markup {
    let mut marks: Vec<(f64, usize, usize, &'static str)> = Vec::new();
    for (index, (t, event)) in events.iter().enumerate() {
        let (share, kind) = (axis.share(*t), charts::kind(event));
        match marks.last_mut() {
            Some((at, _, last, worst)) if share - *at < NEAR => {
                *last = index;
                if kind == "end" {
                    *worst = kind;
                }
            }
            _ => marks.push((share, index, index, kind)),
        }
    }
    html! {
        @if !marks.is_empty() {
            div.lane-frame { svg.lane width="100%" height="26" role="img" aria-label=(format!("{} on the axis, by their number in the list below", units::counted(events.len() as u64, "event", "events"))) {
                line.base x2="100%" y1="22" y2="22" {}
                @for (share, first, last, kind) in &marks {
                    line class={ "event " (kind) } x1=(percent(*share)) x2=(percent(*share)) y1="14" y2="26" {}
                    text class=(kind) x=(percent(*share)) y="11" text-anchor="middle" {
                        (first + 1) @if last > first { "–" (last + 1) }
                    }
                }
            } }
        }
    }
}

/// What happened, in order; those with a date have the number that the lane shows.
fn events(report: &Report) -> Markup {
    let (dated, undated): (Vec<&Event>, Vec<&Event>) = report.events.iter().partition(|event| instant(event).is_some());
    let item = |event: &Event| {
        html! {
            li {
                span class={ "chip " (charts::kind(event)) } { (shown(&event.kind, 30)) }
                " " span.quiet { (event.at.as_deref().map_or(format!("no date ({} clock)", parts::visible(&event.clock, 20)), |at| parts::visible(&units::instant(at), 40))) }
                " " (sentence(&event.says, 300))
                @if !event.artifact.is_empty() {
                    " " code.place { (shown(&event.artifact, 160)) @if let Some(line) = event.line { ":" (line) } }
                }
            }
        }
    };
    let (first, more) = dated.split_at(dated.len().min(FIRST_EVENTS));
    let (more, left_out) = fill(more.iter().map(|event| item(event)), MOST_LISTED);
    let (undated_items, also_left_out) = fill(undated.iter().map(|event| item(event)), MOST_LISTED / 3);
    html! {
        @if !report.events.is_empty() {
            h3 { "What happened" }
            ol.events { @for event in first { (item(event)) } }
            @if dated.len() > first.len() {
                details.more.printed {
                    summary { (units::counted((dated.len() - first.len()) as u64, "later event", "later events")) }
                    ol.events start=(first.len() + 1) { (more) }
                }
            }
            @if !undated.is_empty() { ul.events { (undated_items) } }
            (parts::left_out((left_out + also_left_out) as u64, "more events are in report.json."))
        }
    }
}

/// All series with their numbers.
fn series(report: &Report) -> Markup {
    let rows = report.trends.iter().map(|trend| {
        html! {
            tr {
                th scope="row" { (name(&trend.series)) }
                td { (shown(&trend.verdict, 20)) }
                td.number { (units::count(trend.n)) }
                td.number { (trend.slope_per_hour.map_or(String::new(), |slope| parts::visible(&units::rate(slope, &trend.unit), 80))) }
                td.number { (trend.limit.map_or(String::new(), |limit| parts::value(limit, &trend.unit))) }
                td { (shown(&trend.clock, 20)) }
            }
        }
    });
    let (rows, left_out) = fill(rows, MOST_LISTED);
    let tally = view::tally(report.trends.iter().map(|trend| trend.verdict.as_str()));
    html! {
        @if !report.trends.is_empty() {
            details.card {
                summary { strong { "All " (units::counted(report.trends.len() as u64, "series", "series")) } ": " (sentence(&tally, 200)) }
                (table("Series over time", &[Text("series"), Text("verdict"), Number("samples"), Number("slope"), Number("limit"), Text("clock")], rows))
                (parts::left_out(left_out as u64, "more series are in report.json."))
            }
        }
    }
}
