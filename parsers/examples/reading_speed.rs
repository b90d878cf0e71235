//! How fast a file is read on one core, beside merely counting its lines: `reading_speed FILE [BLOCK_MIB]`.
#![allow(clippy::print_stdout)]

use postmortem_parsers::evidence::{Evidence, Parsed};
use postmortem_parsers::lines::Text;
use postmortem_parsers::{Hint, detect};
use std::time::Instant;

fn main() -> std::io::Result<()> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().unwrap_or_default();
    let block = arguments.next().and_then(|mib| mib.parse::<usize>().ok()).map_or(usize::MAX, |mib| mib << 20);
    let text = std::fs::read(path)?;
    let Some(format) = detect(&text[..text.len().min(65536)], &Hint::default()) else {
        println!("no format reads this");
        return Ok(());
    };
    let speed = |started: Instant| text.len() as f64 / 1e6 / started.elapsed().as_secs_f64();
    for _ in 0..5 {
        let started = Instant::now();
        let lines = Text::new(&text, 1).lines().count();
        let counting = speed(started);
        let started = Instant::now();
        let (mut parsed, mut rest) = (Parsed::default(), &text[..]);
        while !rest.is_empty() {
            let near = rest.len().min(block);
            let end = memchr::memmem::find(&rest[near..], b"\n\n").map_or(rest.len(), |blank| near + blank + 2);
            let mut next = Parsed::default();
            format.parse(&mut Text::new(&rest[..end], 1).lines(), &Hint::default(), &mut next);
            parsed.append(next);
            rest = &rest[end..];
        }
        let reading = speed(started);
        let rows: usize = parsed
            .evidence
            .iter()
            .map(|evidence| if let Evidence::Profile(profile) = evidence { profile.rows.len() } else { 0 })
            .sum();
        let (id, records) = (format.id(), parsed.records);
        println!("{id}: {reading:.0} MB/s, counting {lines} lines {counting:.0} MB/s; {records} records, {rows} rows");
    }
    Ok(())
}
