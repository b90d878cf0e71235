//! Which changes fail a run of `diff`.

use crate::diff::model::{Change, Count, Diff};
use crate::report::model::Severity;
use std::str::FromStr;

/// A change that fails the run. Only what is more or worse does: that something shrank is no failure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum FailOn {
    /// A finding at least this bad is new, or became so.
    Finding(Severity),
    /// A function grew or appeared, by at least this share of all.
    Grown(f64),
    /// Threads, or a group of them, grew or appeared by at least so many.
    Threads(u64),
    /// A series rose, by at least this share of what it was.
    Series(f64),
    /// Any of these, and findings from warning on.
    Any,
}

impl FromStr for FailOn {
    type Err = String;

    fn from_str(text: &str) -> Result<FailOn, String> {
        let (word, least) = text.split_once('=').map_or((text, None), |(word, least)| (word, Some(least)));
        let share = || match least.map(|least| (least, least.trim_end_matches('%').trim().parse::<f64>())) {
            None => Ok(0.0),
            Some((_, Ok(percent))) if percent >= 0.0 && percent.is_finite() => Ok(percent / 100.0),
            Some((least, _)) => Err(format!("{least:?} is no percentage")),
        };
        match word {
            "grown" => share().map(FailOn::Grown),
            "series" => share().map(FailOn::Series),
            "threads" => match least.map(str::parse) {
                None => Ok(FailOn::Threads(0)),
                Some(Ok(count)) => Ok(FailOn::Threads(count)),
                Some(Err(_)) => Err(format!("{:?} is no number of threads", least.unwrap_or_default())),
            },
            "any" if least.is_none() => Ok(FailOn::Any),
            _ if least.is_some() => Err(format!("{word:?} takes no amount; grown, threads and series do")),
            _ => <Severity as clap::ValueEnum>::from_str(word, false).map(FailOn::Finding).map_err(|_| {
                format!("there is no {word:?}; there are grown, threads, series, any, info, warning, error, critical")
            }),
        }
    }
}

impl FailOn {
    /// Whether the comparison has such a change.
    pub fn fails(self, diff: &Diff) -> bool {
        let more = |change: Change| matches!(change, Change::Grew | Change::Appeared);
        match self {
            FailOn::Finding(least) => {
                diff.findings.iter().any(|it| more(it.verdict) && it.after.is_some_and(|severity| severity >= least))
            }
            FailOn::Grown(least) => {
                let functions = diff.profiles.iter().flat_map(|profile| &profile.functions);
                functions.filter(|it| more(it.verdict)).any(|it| it.explains >= least)
            }
            FailOn::Threads(least) => {
                let grew = |count: &Count| more(count.verdict) && count.after.saturating_sub(count.before) >= least;
                diff.threads.iter().any(|it| grew(&it.total) || it.groups.iter().any(|group| grew(&group.count)))
            }
            FailOn::Series(least) => diff.series.iter().filter(|it| more(it.verdict)).any(|it| {
                it.relative.is_none_or(|ratio| ratio - 1.0 >= least) || it.after.trend.as_deref() == Some("growing")
            }),
            FailOn::Any => {
                [FailOn::Finding(Severity::Warning), FailOn::Grown(0.0), FailOn::Threads(0), FailOn::Series(0.0)]
                    .into_iter()
                    .any(|it| it.fails(diff))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_percent_or_threads() {
        for (text, meaning) in [
            ("error", FailOn::Finding(Severity::Error)),
            ("grown", FailOn::Grown(0.0)),
            ("grown=2.5%", FailOn::Grown(0.025)),
            ("grown=2", FailOn::Grown(0.02)),
            ("threads=100", FailOn::Threads(100)),
            ("series=50%", FailOn::Series(0.5)),
            ("any", FailOn::Any),
        ] {
            assert_eq!(text.parse(), Ok(meaning), "{text}");
        }
        for (text, words) in [
            ("bad", "there is no \"bad\"; there are grown"),
            ("grown=much", "\"much\" is no percentage"),
            ("threads=-1", "\"-1\" is no number"),
            ("error=3", "\"error\" takes no amount"),
            ("grown=-1", "no percentage"),
        ] {
            let error = text.parse::<FailOn>().unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
