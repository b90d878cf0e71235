//! `/proc/PID/status`, one sample or many in one text. Source: `proc_pid_status(5)`; sizes are in kB (1024 bytes).

use crate::evidence::{Claims, Parsed, When};
use crate::lines::{LineNo, Lines, Text, decimal, split_once, trim, words};
use crate::proc_task::{self, Known, Task};
use crate::series::{Odd, SeriesBuilder, claims_of, number};
use crate::signals::{Signal, Source, lookup};
use crate::{Format, Hint, Shape, Sniff};

/// Samples of `/proc/PID/status`.
pub struct ProcStatus;

impl Format for ProcStatus {
    fn id(&self) -> &'static str {
        "proc-status"
    }

    fn shape(&self) -> Shape {
        Shape::Whole
    }

    fn sniff(&self, head: &[u8], _hint: &Hint<'_>) -> Sniff {
        let text = Text::new(head, 1);
        let mut lines = text.lines().skip_while(|line| trim(line).is_empty());
        if !lines.next().is_some_and(|line| line.starts_with(b"Name:\t")) {
            return Sniff::No;
        }
        let process = lines.take(12).any(|line| line.starts_with(b"Pid:\t") || line.starts_with(b"Tgid:\t"));
        if process { Sniff::Yes } else { Sniff::No }
    }

    fn parse(&self, lines: &mut Lines<'_>, hint: &Hint<'_>, out: &mut Parsed) {
        let mut builder = SeriesBuilder::default();
        let mut sample = Sample::default();
        let mut odd = Odd::default();
        let (first, mut task) = (lines.number(), (&b""[..], &b""[..]));
        while let Some(line) = lines.peek() {
            if line.starts_with(b"Name:") {
                sample.finish(&mut builder, hint);
            }
            match split_once(line, b":\t") {
                Some((b"Name", name)) => task.0 = trim(name),
                Some((b"State", state)) => task.1 = trim(state),
                _ => {}
            }
            if !sample.field(line, (lines.time().map_or(hint.when, When::Wall), lines.number())) {
                odd.line(lines.number());
            }
            lines.advance();
        }
        sample.finish(&mut builder, hint);
        odd.note("that are not a field of /proc/PID/status", out);
        builder.finish(out);
        if let Some(of) = Task::of(hint.name) {
            let when = lines.time().map_or(hint.when, When::Wall);
            let known = Known::status(task.0, task.1, &mut out.tables);
            proc_task::add(out, &of, when, first, lines.last_number().saturating_add(1), known);
        }
    }
}

/// What one status file says.
#[derive(Default)]
struct Sample {
    name: Option<String>,
    process: Option<u64>,
    thread: Option<u64>,
    values: Vec<(Signal, f64, (When, LineNo))>,
}

impl Sample {
    /// Takes a line; false when it is none of such a file.
    fn field(&mut self, line: &[u8], at: (When, LineNo)) -> bool {
        let Some((key, value)) = split_once(line, b":\t") else { return trim(line).is_empty() };
        let value = trim(value);
        match key {
            b"Name" => self.name = Some(String::from_utf8_lossy(value).into_owned()),
            b"Tgid" => self.process = decimal(value),
            b"Pid" => self.thread = decimal(value),
            _ => {
                let signal = std::str::from_utf8(key).ok().and_then(|key| lookup(Source::ProcStatus, key));
                if let Some(signal) = signal {
                    let Some(value) = words(value).next().and_then(number) else { return false };
                    self.values.push((signal, value, at));
                }
            }
        }
        // Fields without a signal (Umask, CapEff, ...) are settings and masks, no measurements.
        !key.is_empty() && key.iter().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    }

    /// Hands the sample over and begins a new one. The status of a thread (Pid is not Tgid) repeats that of its
    /// process but for the context switches, which are its own.
    fn finish(&mut self, builder: &mut SeriesBuilder<'_>, hint: &Hint<'_>) {
        let sample = std::mem::take(self);
        let thread = sample.thread.filter(|id| sample.process.is_some_and(|process| process != *id));
        let mut claims = Claims { comm: sample.name, ..claims_of(hint) };
        claims.pid = sample.process.or(sample.thread).or(claims.pid);
        let mut labels = Vec::new();
        if let Some(id) = thread {
            labels.push(("thread.id".to_owned(), id.to_string()));
            labels.extend(claims.comm.take().map(|name| ("thread.name".to_owned(), name)));
        }
        for (signal, value, at) in sample.values {
            if thread.is_some() && signal.name != "process.context_switches" {
                continue;
            }
            builder.add_labelled(&claims, &signal, labels.clone(), value, at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{Amount, Evidence, Series, Unit};

    const GO: &[u8] = include_bytes!("../../samples/proc-status/go-service/status");
    const THREADS: &str = "Name:\tworker-a\nState:\tS (sleeping)\nTgid:\t28146\nPid:\t28147\nThreads:\t13\n\
        voluntary_ctxt_switches:\t6\nnonvoluntary_ctxt_switches:\t1\n";

    fn parse(text: &[u8]) -> Parsed {
        let (mut out, hint) = (Parsed::default(), Hint { when: When::Wall(7), ..Hint::default() });
        ProcStatus.parse(&mut Text::new(text, 1).lines(), &hint, &mut out);
        out
    }

    fn all(out: &Parsed) -> Vec<&Series> {
        fn series(evidence: &Evidence) -> Option<&Series> {
            if let Evidence::Series(series) = evidence { Some(series) } else { None }
        }
        out.evidence.iter().filter_map(series).collect()
    }

    fn value(out: &Parsed, signal: &str, label: Option<&str>) -> Option<Amount> {
        let fits = |series: &&&Series| {
            series.signal == signal && label.is_none_or(|label| series.labels.iter().any(|(_, value)| value == label))
        };
        all(out).iter().find(fits).map(|series| series.points[0].value)
    }

    #[test]
    fn a_status_of_a_go_service() {
        assert_eq!(ProcStatus.sniff(GO, &Hint::default()), Sniff::Yes);
        let out = parse(GO);
        assert_eq!(out.notes, []);
        assert_eq!(value(&out, "process.memory.usage", None), Some(Amount::Value(8860.0 * 1024.0)));
        assert_eq!(value(&out, "process.memory.rss_anon", None), Some(Amount::Value(1016.0 * 1024.0)));
        assert_eq!(value(&out, "process.thread.count", None), Some(Amount::Value(5.0)));
        assert!(value(&out, "process.context_switches", Some("involuntary")).is_some());
        let series = all(&out).into_iter().find(|series| series.signal == "process.memory.usage").unwrap();
        assert_eq!((series.claims.pid, series.claims.comm.as_deref()), (Some(3474), Some("audioxd")));
        assert_eq!(series.unit, Unit::Bytes);
        assert_eq!(series.points[0].when, When::Wall(7));
    }

    #[test]
    fn a_thread_speaks_for_itself_only() {
        let out = parse(THREADS.as_bytes());
        assert_eq!(value(&out, "process.thread.count", None), None);
        assert_eq!(value(&out, "process.context_switches", Some("28147")), Some(Amount::Value(6.0)));
        let series = all(&out)[0];
        assert_eq!((series.claims.pid, series.claims.comm.as_deref()), (Some(28146), None));
        assert_eq!(out.notes, []);
    }

    #[test]
    fn samples_that_follow_one_another_are_numbered() {
        let two = [GO, GO].concat();
        let out = parse(&two);
        let threads = all(&out).into_iter().find(|series| series.signal == "process.thread.count").unwrap();
        assert_eq!(threads.points.iter().map(|p| p.when).collect::<Vec<_>>(), [When::Sample(1), When::Sample(2)]);
    }

    #[test]
    fn odd_lines_are_noted_and_cuts_endured() {
        let out = parse(b"Name:\tx\nPid:\t5\nVmRSS:\t  12 kB\ncat: no such process\nThreads:\t\nVmSi");
        assert_eq!(out.notes[0].message, "3 line(s) that are not a field of /proc/PID/status");
        assert_eq!(all(&out).len(), 1);
        for text in ["", "Name: x\nPid: 5\n", "Name:\tx\nhello\n", "Rss:  12 kB\nPss: 3 kB\n"] {
            assert_eq!(ProcStatus.sniff(text.as_bytes(), &Hint::default()), Sniff::No, "{text}");
        }
    }
}
