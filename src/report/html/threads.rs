//! Threads: why they wait as a picture, all stacks as an icicle graph, and each group to be searched.

use maud::{Markup, PreEscaped, html};
use std::collections::BTreeMap;

use super::flame::{self, Picture, percent};
use super::parts::Column::{Bar, Number, Text};
use super::parts::{self, fill, name, shown, table, visible};
use crate::report::model::{Bucket, BucketGroup, Report, StackTree};
use crate::report::{tree, units, view};

/// Room for the pictures.
const MOST_PICTURES: usize = 700_000;
/// Room for the groups, the largest first.
const MOST_GROUPS: usize = 700_000;
/// What is written behind a reason whose threads wait harmlessly.
const HARMLESS: &str = " (harmless)";

/// One process with its buckets.
type Process<'a> = ((&'a str, &'a str), Vec<&'a Bucket>);

/// The threads of each process.
pub(super) fn section(report: &Report) -> Option<Markup> {
    let mut processes: Vec<Process<'_>> = Vec::new();
    for bucket in &report.buckets {
        let key = (bucket.process.as_str(), bucket.runtime.as_str());
        match processes.iter_mut().find(|(known, _)| *known == key) {
            Some((_, buckets)) => buckets.push(bucket),
            None => processes.push((key, vec![bucket])),
        }
    }
    let pictures = processes.iter().enumerate().map(|(index, process)| pictures(index, process));
    let (pictures, no_room) = fill(pictures, MOST_PICTURES);
    let several = processes.len() > 1;
    let mut groups: Vec<(&Bucket, &BucketGroup)> =
        report.buckets.iter().flat_map(|bucket| bucket.groups.iter().map(move |group| (bucket, group))).collect();
    groups.sort_by_key(|(_, group)| (group.idle, std::cmp::Reverse(group.count)));
    let (shown, left_out) = fill(groups.iter().map(|(bucket, group)| stack(bucket, group, several)), MOST_GROUPS);
    (!processes.is_empty()).then(|| {
        html! {
            (pictures)
            (parts::left_out(no_room as u64, "more processes have no room here; report.json has them."))
            h3 id="stacks" { "Stacks by group" }
            div.tools.search hidden {
                label { "Search the stacks by function, reason or file " input type="search" autocomplete="off" spellcheck="false"; }
                label { input type="checkbox"; " leave out the harmless" }
                span role="status" {}
            }
            div.groups { (shown) }
            (parts::left_out(left_out as u64, "more groups, smaller or harmless, have no room here; report.json has up to 100 of each reason."))
        }
    })
}

/// A bar for each reason, and all stacks below their reason.
fn pictures(index: usize, ((process, runtime), buckets): &Process<'_>) -> Markup {
    let thread = view::thread(runtime);
    let all: u64 = buckets.iter().map(|bucket| bucket.count).sum();
    let most = buckets.iter().map(|bucket| bucket.count).max().unwrap_or(1).max(1) as f64;
    let rows = html! {
        @for bucket in buckets {
            @let idle = idle(bucket);
            @let (stuck, idle_share) = ((bucket.count - idle) as f64 / most, idle as f64 / most);
            tr {
                th.word scope="row" { (shown(&bucket.reason, 40)) }
                td.number { (units::count(bucket.count)) }
                td.wide { svg.bar aria-hidden="true" height="14" width="100%" {
                    rect class=(if is_busy(bucket) { "busy" } else { "stuck" }) width=(percent(stuck)) height="14" {}
                    rect.idle x=(percent(stuck)) width=(percent(idle_share)) height="14" {}
                } }
                td.number { (units::count(idle)) }
                td.number { (units::count(bucket.groups.len() as u64)) }
            }
        }
    };
    let caption = format!(
        "{} ({}): {}",
        visible(process, 80),
        visible(runtime, 20),
        units::counted(all, thread, &format!("{thread}s"))
    );
    let tree = stacks(buckets);
    let picture = flame::draw(&Picture {
        id: format!("threads-{}", index + 1),
        title: format!("All {thread}s of {} by reason", visible(process, 80)),
        unit: &format!("{thread}s"),
        tree: &tree,
        is_idle: |reason| reason.ends_with(HARMLESS),
    });
    html! {
        p.legend aria-hidden="true" {
            span.key.stuck { "waits" } " " span.key.busy { "runs" } " " span.key.idle { "known to wait harmlessly" }
        }
        (table(&caption, &[Text("reason"), Number("all"), Bar, Number("harmless"), Number("different stacks")], rows))
        (picture.unwrap_or(PreEscaped(String::new())))
    }
}

/// These threads do not wait at all.
fn is_busy(bucket: &Bucket) -> bool {
    matches!(bucket.reason.as_str(), "running" | "runnable")
}

fn idle(bucket: &Bucket) -> u64 {
    let idle: u64 = bucket.groups.iter().filter(|group| group.idle).map(|group| group.count).sum();
    idle.min(bucket.count)
}

/// The stacks of a process, outermost frame first, below their reason.
fn stacks(buckets: &[&Bucket]) -> StackTree {
    let mut names: Vec<String> = Vec::new();
    let mut known: BTreeMap<String, u32> = BTreeMap::new();
    let mut id = |name: String| {
        *known.entry(name).or_insert_with_key(|name| {
            names.push(name.clone());
            names.len() as u32 - 1
        })
    };
    let mut stacks = Vec::new();
    for bucket in buckets {
        for group in &bucket.groups {
            let mut path = vec![id(format!("{}{}", bucket.reason, if group.idle { HARMLESS } else { "" }))];
            path.extend(group.created_by.iter().map(|creator| id(format!("started by {creator}"))));
            path.extend(group.frames.iter().rev().map(|frame| id(frame.clone())));
            stacks.push((path, group.count as f64));
        }
    }
    tree::merge(stacks, &names)
}

/// A group: its innermost frame, and on opening the whole stack.
fn stack(bucket: &Bucket, group: &BucketGroup, several: bool) -> Markup {
    let first = group.frames.first().map_or("(no stack)", String::as_str);
    html! {
        details.stack.idle[group.idle] {
            summary {
                span.count { (units::count(group.count)) }
                span.chip { (shown(&bucket.reason, 40)) }
                @if group.idle { span.chip.harmless { "harmless" } }
                @if several { span.chip { (shown(&bucket.process, 60)) } }
                (name(first))
                @if let Some(last) = group.frames.get(1..).and_then(<[String]>::last) { span.quiet { " … " (name(last)) } }
                @if let Some(waited) = group.waited { span.quiet { " waited " (waits(waited.min, waited.max)) } }
            }
            ol.frames {
                @for frame in &group.frames { li { (shown(frame, 200)) } }
                @if let Some(creator) = &group.created_by { li.creator { "started by " (name(creator)) } }
            }
        }
    }
}

fn waits(min: f64, max: f64) -> String {
    let (min, max) = (units::duration(min), units::duration(max));
    if min == max { min } else { format!("{min} to {max}") }
}
