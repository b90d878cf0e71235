//! Stack profiles: the hottest functions of each, and its stacks as a picture.

use maud::{Markup, PreEscaped, html};

use super::flame::{self, Picture};
use super::parts::Column::{Bar, Number, Text};
use super::parts::{self, fill, name, table, visible};
use crate::report::model::{ProfileInfo, Report};
use crate::report::units;

/// Room for all profiles.
const MOST_BYTES: usize = 1_000_000;
/// Pictures that are open at once.
const OPEN: usize = 1;

/// The profiles with stacks, then those of which only the numbers are known.
pub(super) fn section(report: &Report) -> Option<Markup> {
    let mut profiles: Vec<(usize, &ProfileInfo)> = report.profiles.iter().enumerate().collect();
    let cited = |profile: &ProfileInfo| {
        report.findings.iter().flat_map(|finding| &finding.evidence).any(|line| line.artifact == profile.artifact)
    };
    // What was ever allocated tells less of a leak than what is in use.
    let is_minor = |profile: &ProfileInfo| !cited(profile) || profile.kind == "heap-alloc";
    profiles.sort_by_key(|(_, profile)| (is_minor(profile), std::cmp::Reverse(profile.samples)));
    let (drawn, listed): (Vec<_>, Vec<_>) = profiles.into_iter().partition(|(_, profile)| profile.tree.is_some());
    let cards = drawn.iter().enumerate().map(|(rank, (index, profile))| card(*index, profile, rank < OPEN));
    let (cards, no_room) = fill(cards, MOST_BYTES);
    let (rows, left_out) = fill(listed.iter().map(|(index, profile)| row(*index, profile)), MOST_BYTES / 10);
    (!report.profiles.is_empty()).then(|| {
        html! {
            (cards)
            (parts::left_out(no_room as u64, "more profiles have no room here; the folder flamegraphs/ has them."))
            @if !listed.is_empty() {
                details.card {
                    summary { strong { "Other profiles" } ": " (units::count(listed.len() as u64)) ", for which a later one of the same kind stands" }
                    (table("Profiles without a picture here", &[Text("profile"), Text("from"), Number("total"), Number("samples"), Text("hottest function")], rows))
                    (parts::left_out(left_out as u64, "more are in report.json."))
                }
            }
        }
    })
}

fn total(profile: &ProfileInfo) -> String {
    match profile.unit.as_str() {
        "bytes" => units::bytes(profile.total),
        "nanoseconds" => units::duration(profile.total / 1e9),
        unit => format!("{} {}", units::number(profile.total), visible(unit, 40)),
    }
}

fn card(index: usize, profile: &ProfileInfo, is_open: bool) -> Markup {
    let title = format!("{} ({})", visible(&profile.event, 80), visible(&profile.artifact, 160));
    let rows = html! {
        @for hot in profile.hottest.iter().take(10) {
            tr {
                th scope="row" { (name(&hot.function)) }
                td.number { (units::share(hot.self_share)) }
                td.wide { svg.bar aria-hidden="true" height="14" width="100%" {
                    rect.rest width=(flame::percent(hot.total_share.clamp(0.0, 1.0))) height="14" {}
                    rect.stuck width=(flame::percent(hot.self_share.clamp(0.0, 1.0))) height="14" {}
                } }
                td.number { (units::share(hot.total_share)) }
            }
        }
    };
    let picture = profile.tree.as_ref().and_then(|tree| {
        flame::draw(&Picture {
            id: format!("flame-{}", index + 1),
            title: title.clone(),
            unit: &profile.unit,
            tree,
            is_idle: |_| false,
        })
    });
    html! {
        details.card id={ "profile-" (index + 1) } open[is_open] {
            summary { strong { (title) } ": " (total(profile)) " in " (units::counted(profile.samples, "sample", "samples")) }
            @if !profile.hottest.is_empty() {
                (table("Hottest functions", &[Text("function"), Number("in itself"), Bar, Number("with what it calls")], rows))
            }
            (picture.unwrap_or(PreEscaped(String::new())))
        }
    }
}

fn row(index: usize, profile: &ProfileInfo) -> Markup {
    html! {
        tr id={ "profile-" (index + 1) } {
            th scope="row" { (visible(&profile.event, 80)) }
            td { (name(&profile.artifact)) }
            td.number { (total(profile)) }
            td.number { (units::count(profile.samples)) }
            td { @if let Some(hot) = profile.hottest.first() { (name(&hot.function)) ", " (units::share(hot.self_share)) } }
        }
    }
}
