//! `postmortem.toml`: thresholds, and findings that are allowed for a while.

use crate::passes::glob;
use crate::report::model::{Finding, Report, Severity, Suppressed, Warning};
use anyhow::{Context, Result, bail};
use jiff::civil::Date;
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The name of the file.
pub const NAME: &str = "postmortem.toml";

/// What the file may say; options of the command line win over it.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Config {
    /// Findings at least this bad fail a run.
    pub fail_on: Option<Severity>,
    /// Findings that are less sure than this do not fail it, 0..1.
    pub min_confidence: Option<f64>,
    /// Most characters of a Markdown report.
    pub max_chars: Option<usize>,
    /// `FROM=TO`: where source files are in the repository.
    #[serde(default)]
    pub source_root: Vec<String>,
    /// Findings that are known and allowed.
    #[serde(default)]
    pub allow: Vec<Allow>,
}

/// Findings that are allowed: all that is given must fit.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Allow {
    /// Id of the pattern; `*` stands for anything.
    #[serde(default = "anything")]
    pub pattern: String,
    /// A function of one of its places; `*` stands for anything.
    pub site: Option<String>,
    /// The fingerprint of the finding.
    pub fingerprint: Option<String>,
    /// Why.
    pub reason: String,
    /// Last day on which it is allowed.
    pub until: Option<Date>,
}

fn anything() -> String {
    "*".to_owned()
}

impl Config {
    /// Reads a file.
    ///
    /// # Errors
    /// When it cannot be read, says something that is not known, or allows without a reason.
    pub fn read(path: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Config::parse(&text).with_context(|| path.display().to_string())
    }

    /// Reads the text of a file.
    ///
    /// # Errors
    /// As [`Config::read`].
    pub fn parse(text: &str) -> Result<Config> {
        let config: Config =
            toml::from_str(text).map_err(|error| anyhow::anyhow!("{}", error.message().trim().replace('\n', "; ")))?;
        if config.min_confidence.is_some_and(|least| !(0.0..=1.0).contains(&least)) {
            bail!("min-confidence is not within 0 and 1");
        }
        for allow in &config.allow {
            if allow.reason.trim().is_empty() {
                bail!("an [[allow]] has no reason");
            }
            if allow.pattern == "*" && allow.site.is_none() && allow.fingerprint.is_none() {
                bail!("an [[allow]] without pattern, site and fingerprint allows everything");
            }
        }
        Ok(config)
    }

    /// The file of this folder, or of the nearest folder above that has one.
    pub fn find(from: &Path) -> Option<PathBuf> {
        from.ancestors().map(|folder| folder.join(NAME)).find(|path| path.is_file())
    }
}

/// Marks the findings that are allowed on a day, by default that of the newest instant in the bundle. What is allowed
/// until a day is not allowed where the day is not known.
pub fn allow(report: &mut Report, allows: &[Allow], today: Option<Date>) {
    let newest = report.bundle.span.as_ref().and_then(|span| span.to.get(..10)?.parse().ok());
    let today = today.or(newest);
    let mut ended: Vec<String> = Vec::new();
    for finding in &mut report.findings {
        finding.suppressed = None;
        for allow in allows.iter().filter(|allow| fits(allow, finding)) {
            match (allow.until, today) {
                (Some(until), Some(today)) if today > until => {
                    ended.push(format!("{} is no longer allowed: that ended on {until}", finding.id));
                }
                (Some(until), None) => {
                    ended
                        .push(format!("{} is not allowed: the bundle has no date to hold against {until}", finding.id));
                }
                (until, _) => {
                    let until = until.map(|until| until.to_string());
                    finding.suppressed = Some(Suppressed { reason: allow.reason.clone(), until });
                    break;
                }
            }
        }
    }
    for message in ended {
        if report.warnings.iter().all(|known| known.message != message) {
            report.warnings.push(Warning { artifact: None, line: None, message });
        }
    }
}

fn fits(allow: &Allow, finding: &Finding) -> bool {
    glob::fits(&allow.pattern, &finding.pattern)
        && allow.fingerprint.as_ref().is_none_or(|it| *it == finding.fingerprint)
        && allow.site.as_ref().is_none_or(|it| finding.sites.iter().any(|site| glob::fits(it, &site.function)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixtures::problem;
    use crate::report::model::Span;

    #[test]
    fn what_is_not_known_is_an_error() {
        for (text, words) in [
            ("fail_on = \"error\"", "unknown field `fail_on`"),
            ("fail-on = \"bad\"", "unknown variant `bad`"),
            ("min-confidence = 2", "not within 0 and 1"),
            ("[[allow]]\npattern = \"x\"", "missing field `reason`"),
            ("[[allow]]\npattern = \"x\"\nreason = \" \"", "has no reason"),
            ("[[allow]]\nreason = \"x\"", "allows everything"),
            ("[[allow]]\npattern = \"x\"\nreason = \"r\"\nuntil = \"soon\"", "invalid digit"),
        ] {
            let error = format!("{:#}", Config::parse(text).unwrap_err());
            assert!(error.contains(words), "{text}: {error}");
        }
    }

    #[test]
    fn allowed_until_a_day_of_the_bundle_and_no_longer() {
        let mut report = problem();
        let pattern = report.findings[0].pattern.clone();
        let text = format!("[[allow]]\npattern = \"{pattern}\"\nreason = \"OPS-1\"\nuntil = \"2026-11-20\"");
        let allows = Config::parse(&text).unwrap().allow;
        let span = |to: &str| Some(Span { from: "2026-01-01T00:00:00Z".into(), to: to.into() });
        for (to, today, allowed) in [
            (Some("2026-11-20T23:59:59Z"), None, true),
            (Some("2026-11-21T00:00:00Z"), None, false),
            (Some("2026-11-21T00:00:00Z"), Some("2026-11-20"), true),
            (Some("2026-11-19T00:00:00Z"), Some("2026-11-21"), false),
            (None, None, false),
        ] {
            report.bundle.span = to.and_then(span);
            report.warnings.clear();
            let day = today.map(|day| day.parse().unwrap());
            allow(&mut report, &allows, day);
            allow(&mut report, &allows, day);
            assert_eq!(report.findings[0].suppressed.is_some(), allowed, "{to:?} {today:?}");
            assert_eq!(report.warnings.len(), usize::from(!allowed), "{:?}", report.warnings);
            assert!(report.findings[1..].iter().all(|it| it.suppressed.is_none() || it.pattern == pattern));
        }
    }
}
