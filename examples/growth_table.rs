//! Prints the tables of docs/statistics.md: `cargo run --release --example growth_table [series per cell] [seed]`.

#[path = "../tests/series/mod.rs"]
mod series;

use series::score::{Cell, quantile, score};
use series::third::THIRD;
use series::{FURTHER, KINDS, Kind, Must};
use std::io::{self, Write};

const LENGTHS: [usize; 6] = [10, 20, 50, 100, 200, 500];

fn percent(value: Option<f64>) -> String {
    value.filter(|v| v.is_finite()).map_or("-".into(), |v| format!("{:.1}", v * 100.0))
}

fn table(out: &mut impl Write, title: &str, kinds: &[Kind], count: u64, seed: u64) -> io::Result<()> {
    writeln!(out, "### {title}\n")?;
    let lengths = LENGTHS.map(|n| n.to_string()).join(" | ");
    writeln!(
        out,
        "| kind | must be | {lengths} | slope error, n=20 / 100 | interval holds the truth | onset error | time to limit, P90 error |"
    )?;
    writeln!(out, "|---|---|{}---|---|---|---|", "---|".repeat(LENGTHS.len()))?;
    let mut sums = [[0.0; LENGTHS.len()]; 2];
    for kind in kinds {
        let cells = LENGTHS.map(|n| score(kind, n, count, seed, true));
        if let Some(sum) = [Must::Silent, Must::Found].iter().position(|m| *m == kind.must) {
            sums[sum].iter_mut().zip(&cells).for_each(|(s, c)| *s += c.flagged);
        }
        let flagged = cells.each_ref().map(|c| format!("{:.1}", c.flagged * 100.0)).join(" | ");
        let pair = |f: fn(&Cell) -> Option<f64>| format!("{} / {}", percent(f(&cells[1])), percent(f(&cells[3])));
        let (must, name) = (format!("{:?}", kind.must).to_lowercase(), kind.name);
        let slope = pair(|c| quantile(&c.slope_errors, 0.5));
        let covered = pair(|c| Some(c.covered));
        let onset = pair(|c| quantile(&c.onset_errors, 0.5));
        let limit = pair(|c| quantile(&c.limit_errors, 0.9));
        writeln!(out, "| {name} | {must} | {flagged} | {slope} | {covered} | {onset} | {limit} |")?;
    }
    for (must, sum) in [Must::Silent, Must::Found].iter().zip(sums) {
        let kinds = kinds.iter().filter(|k| k.must == *must).count().max(1) as f64;
        let means = sum.map(|s| format!("{:.1}", s / kinds * 100.0)).join(" | ");
        writeln!(out, "| **mean** | {must:?} | {means} | | | | |")?;
    }
    writeln!(out)
}

fn main() -> io::Result<()> {
    let mut arguments = std::env::args().skip(1).filter_map(|a| a.parse().ok());
    let (count, seed) = (arguments.next().unwrap_or(200), arguments.next().unwrap_or(1));
    let mut out = io::stdout().lock();
    table(&mut out, "Kinds that the method was built on", KINDS, count, seed)?;
    table(&mut out, "Further kinds", FURTHER, count, seed)?;
    table(&mut out, "A third set, made up after the method was settled", THIRD, count, seed)?;
    let blind = LENGTHS.map(|n| {
        let kinds = KINDS.iter().filter(|k| k.name.contains("restarts"));
        kinds.map(|k| format!("{:.1}", score(k, n, count, seed, false).flagged * 100.0)).collect::<Vec<_>>().join(" / ")
    });
    writeln!(out, "Restarts not known (restarts_plateau / with_restarts): {}", blind.join(" | "))
}
