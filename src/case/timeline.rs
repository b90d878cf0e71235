//! One timeline: instants of different clocks, never a file time.

use postmortem_parsers::evidence::{
    Amount, Claims, EventKind, Events, Evidence, Point, Series, SeriesKind, Unit, When,
};
use std::cmp::Ordering;

/// What the seconds of a [`Moment`] count from. Moments of unlike clocks are never compared in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Clock {
    /// Seconds since 1970 UTC.
    Wall,
    /// Seconds since the process began.
    Uptime,
    /// Seconds since the kernel booted.
    Boot,
    /// Seconds since midnight of a day that nothing names.
    TimeOfDay,
    /// The nth capture.
    Sample,
    /// The order in the artifact, where nothing else tells.
    Order,
}

impl Clock {
    /// The word of the report schema.
    pub fn as_str(self) -> &'static str {
        match self {
            Clock::Wall => "wall",
            Clock::Uptime | Clock::Boot => "uptime",
            Clock::Sample => "sample",
            Clock::TimeOfDay | Clock::Order => "unknown",
        }
    }

    /// Whether differences are seconds.
    pub fn is_time(self) -> bool {
        matches!(self, Clock::Wall | Clock::Uptime | Clock::Boot | Clock::TimeOfDay)
    }
}

/// A point in time on a clock.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moment {
    /// What the seconds count from.
    pub clock: Clock,
    /// Seconds, or the number of the capture.
    pub t: f64,
}

/// Orders moments; those of unlike clocks and unknown ones are equal, so that a stable sort keeps their order.
pub fn compare(a: Option<Moment>, b: Option<Moment>) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) if a.clock == b.clock => a.t.total_cmp(&b.t),
        _ => Ordering::Equal,
    }
}

const DAY: i64 = 86_400_000_000_000;

/// Turns what an artifact says of time into moments.
pub struct Resolver {
    /// Nanoseconds of the midnight before the bundle's last wall instant, and that instant.
    day: Option<(i64, i64)>,
}

impl Resolver {
    /// `span`: first and last wall instant of the bundle, nanoseconds.
    pub fn new(span: Span) -> Self {
        Resolver { day: span.map(|(_, last)| (last - last.rem_euclid(DAY), last)) }
    }

    /// The moment of an instant; `None` where nothing tells.
    pub fn moment(&self, when: When) -> Option<Moment> {
        match when {
            When::Wall(ns) => Some(Moment { clock: Clock::Wall, t: ns as f64 / 1e9 }),
            When::Uptime(t) => Some(Moment { clock: Clock::Uptime, t }),
            When::Boot(t) => Some(Moment { clock: Clock::Boot, t }),
            When::Sample(n) => Some(Moment { clock: Clock::Sample, t: f64::from(n) }),
            When::TimeOfDay(seconds) => Some(match self.day {
                Some((midnight, last)) => {
                    let mut ns = midnight + i64::from(seconds) * 1_000_000_000;
                    // A file name's time half a day behind the bundle's last instant belongs to the evening before.
                    if ns > last + DAY / 2 {
                        ns -= DAY;
                    }
                    Moment { clock: Clock::Wall, t: ns as f64 / 1e9 }
                }
                None => Moment { clock: Clock::TimeOfDay, t: f64::from(seconds) },
            }),
            When::Unknown => None,
        }
    }
}

/// First and last instant in nanoseconds.
pub type Span = Option<(i64, i64)>;

/// The span that covers both.
pub fn both(a: Span, b: Span) -> Span {
    match (a, b) {
        (Some(a), Some(b)) => Some((a.0.min(b.0), a.1.max(b.1))),
        (a, b) => a.or(b),
    }
}

/// First and last wall instant that a piece of evidence speaks of.
pub fn wall_span(evidence: &Evidence) -> Span {
    let mut span: Span = None;
    let mut see = |when: When| {
        if let When::Wall(ns) = when {
            span = Some(span.map_or((ns, ns), |(from, to)| (from.min(ns), to.max(ns))));
        }
    };
    match evidence {
        Evidence::Snapshot(snapshot) => see(snapshot.when),
        Evidence::Profile(profile) => see(profile.when),
        Evidence::Record(record) => see(record.when),
        Evidence::Events(events) => events.rows.iter().for_each(|(when, _)| see(*when)),
        Evidence::Series(series) => series.points.iter().for_each(|point| see(point.when)),
    }
    span
}

/// The columns of an event stream that are signals over time: column, signal, unit.
fn columns(kind: EventKind) -> &'static [(&'static str, &'static str, Unit)] {
    match kind {
        EventKind::GoGcTrace => &[
            ("heap_live_bytes", "go.memory.live_after_gc", Unit::Bytes),
            ("heap_goal_bytes", "go.memory.gc.goal", Unit::Bytes),
            ("gc_cpu_percent", "go.gc.cpu_percent", Unit::Unknown),
            ("stacks_bytes", "go.memory.stacks_scanned", Unit::Bytes),
        ],
        EventKind::GoSchedTrace => &[
            ("threads", "go.sched.threads", Unit::Count),
            ("idlethreads", "go.sched.idle_threads", Unit::Count),
            ("idleprocs", "go.sched.idle_procs", Unit::Count),
            ("runqueue", "go.sched.global_run_queue", Unit::Count),
            ("local_runqueue", "go.sched.local_run_queues", Unit::Count),
            ("goroutines", "go.sched.goroutines", Unit::Count),
        ],
        EventKind::JvmGc => &[("heap_after_bytes", "jvm.memory.used_after_last_gc", Unit::Bytes)],
    }
}

/// Views of the columns of an event stream as series.
pub fn event_series(events: &Events) -> Vec<Series> {
    columns(events.kind)
        .iter()
        .filter_map(|&(column, signal, unit)| {
            let column = events.column(column)?;
            let points: Vec<Point> = events
                .rows
                .iter()
                .enumerate()
                .map(|(index, &(when, line))| Point { when, value: Amount::Value(events.row(index)[column]), line })
                .filter(|point| matches!(point.value, Amount::Value(value) if value.is_finite()))
                .collect();
            (!points.is_empty()).then(|| Series {
                claims: Claims::default(),
                signal: signal.to_owned(),
                labels: Vec::new(),
                unit,
                kind: SeriesKind::Gauge,
                points,
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_gets_the_day_of_the_bundle() {
        let last = 10 * DAY + 3_600_000_000_000;
        let resolver = Resolver::new(Some((0, last)));
        let hour = |when| resolver.moment(when).map(|moment| moment.t / 3600.0);
        assert_eq!(hour(When::TimeOfDay(1800)), Some(240.5));
        assert_eq!(hour(When::TimeOfDay(23 * 3600)), Some(239.0));
        assert_eq!(Resolver::new(None).moment(When::TimeOfDay(5)), Some(Moment { clock: Clock::TimeOfDay, t: 5.0 }));
    }

    #[test]
    fn moments_of_unlike_clocks_keep_their_order() {
        let wall = Some(Moment { clock: Clock::Wall, t: 5.0 });
        let sample = Some(Moment { clock: Clock::Sample, t: 1.0 });
        assert_eq!(compare(wall, sample), Ordering::Equal);
        assert_eq!(compare(wall, None), Ordering::Equal);
    }
}
