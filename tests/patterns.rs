//! Holds the built-in patterns to their own word: every fenced example, every name that they use.

use postmortem::passes::fact::kind_named;
use postmortem::patterns::{built_in, examples, parse};

#[test]
fn every_fenced_example_does_what_it_says() {
    let mut faults = Vec::new();
    for pattern in built_in().unwrap() {
        for run in examples::run(&pattern).unwrap() {
            if let Some(fault) = run.fault {
                faults.push(format!("{} {} {}: {fault}", pattern.id, run.kind, run.name));
            }
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn patterns_name_only_what_exists() {
    let patterns = built_in().unwrap();
    assert!(patterns.len() >= 20, "{}", patterns.len());
    for pattern in &patterns {
        for other in &pattern.explains {
            assert!(
                patterns.iter().any(|known| known.id == *other),
                "{} explains {other}, which is no pattern",
                pattern.id
            );
            assert_ne!(*other, pattern.id, "{} explains itself", pattern.id);
        }
        assert!(!pattern.needs.is_empty(), "{} does not say what it needs", pattern.id);
        let anchors: Vec<_> = pattern.anchors.iter().map(|anchor| kind_named(&anchor.fact).unwrap()).collect();
        let known =
            |name: &str| anchors.iter().any(|kind| kind.attributes.iter().any(|attribute| attribute.name == name));
        for name in postmortem::diagnosis::text::names(&pattern.summary) {
            assert!(known(name), "{}: the summary uses {{{name}}}, which its anchors do not have", pattern.id);
        }
        for weighted in pattern.fors.iter().chain(&pattern.againsts) {
            for name in postmortem::diagnosis::text::names(&weighted.clause.says) {
                let own = kind_named(&weighted.clause.fact);
                let fits = own.map_or_else(|| known(name), |kind| kind.attributes.iter().any(|a| a.name == name));
                assert!(fits, "{}: {:?} uses {{{name}}}", pattern.id, weighted.clause.says);
            }
        }
    }
}

#[test]
fn a_pattern_that_is_not_well_formed_is_told_with_what_exists() {
    let good = "+++\ntitle = \"t\"\ncategory = \"crash\"\nseverity = \"error\"\nprior = 0\nsummary = \"s\"\n\
        needs = [\"go-goroutines\"]\n[[match]]\nfact = \"crash\"\nwhere = { kind = \"panic\" }\n+++\n## What it means\nx\n\
        ## Fix\ny\n## Examples\n```match a.txt\nx\n```\n```look-alike a.txt\nx\n```\n";
    parse("good", good).unwrap();
    for (from, to, expected) in [
        ("\"crash\"\nseverity", "\"bug\"\nseverity", "unknown category \"bug\""),
        ("fact = \"crash\"", "fact = \"crush\"", "unknown fact \"crush\"; there are"),
        ("kind = \"panic\"", "kid = \"panic\"", "crash has no attribute \"kid\"; it has kind"),
        ("kind = \"panic\"", "kind = \"oops\"", "kind cannot be \"oops\"; it is one of panic"),
        ("## Fix", "## Repair", "unknown heading \"Repair\""),
        ("needs = [\"go-goroutines\"]", "needs = [\"a-miracle\"]", "unknown capture \"a-miracle\""),
        ("```look-alike a.txt", "```text", "no fenced look-alike"),
        ("prior = 0", "prior = 0\ncolour = 1", "unknown field `colour`"),
    ] {
        let text = good.replacen(from, to, 1);
        assert_ne!(text, good, "{from} is not in the text");
        let error = format!("{:#}", parse("bad", &text).unwrap_err());
        assert!(error.contains(expected), "{expected:?} is not in {error:?}");
    }
}
