//! Workflow commands that GitHub Actions shows as annotations of a run.

use super::annotation::{self, level};
use super::model::{Finding, Report};
use super::units;
use crate::policy::is_open;

/// Annotations of a level that GitHub shows of a step; the rest it drops without a word.
const MOST_OF_A_LEVEL: usize = 10;

/// Writes one line a finding, the most important first.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let mut shown = [0; 3];
    let mut left = 0;
    for finding in annotation::in_order(report).into_iter().filter(|finding| is_open(finding)) {
        let nth =
            &mut shown[["error", "warning", "note"].iter().position(|it| *it == level(finding.severity)).unwrap_or(2)];
        // The last notice says what was left out.
        if *nth + usize::from(level(finding.severity) == "note") == MOST_OF_A_LEVEL {
            left += 1;
            continue;
        }
        *nth += 1;
        out.push_str(&command(report, finding));
    }
    if left > 0 {
        out.push_str(&format!(
            "::notice title=postmortem::{}\n",
            units::counted(left, "more finding", "more findings")
        ));
    }
    if out.is_empty() {
        out.push_str(&format!("::notice title=postmortem::{}\n", data(&annotation::verdict_line(report))));
    }
    out
}

fn command(report: &Report, finding: &Finding) -> String {
    let word = match level(finding.severity) {
        "note" => "notice",
        other => other,
    };
    let spot = annotation::spot(report, finding);
    let title = format!("{} {}", finding.category, annotation::certainty(finding));
    format!(
        "::{word} file={},line={},title={}::{}\n",
        property(&spot.path),
        spot.line,
        property(&title),
        data(&annotation::message(report, finding))
    )
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_runner_would_read_as_syntax_is_encoded() {
        assert_eq!(super::data("100 %\nok"), "100 %25%0Aok");
        assert_eq!(super::property("a:b,c\r"), "a%3Ab%2Cc%0D");
    }
}
