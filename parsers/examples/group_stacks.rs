//! Reads a file in blocks, as the program does, and says how many threads and distinct stacks it holds:
//! `group_stacks FILE`. For measuring from outside: one pass, one core.
#![allow(clippy::print_stdout)]

use postmortem_parsers::evidence::{Evidence, Parsed};
use postmortem_parsers::lines::Text;
use postmortem_parsers::{FORMATS, Format, Hint, Sniff};
use rustc_hash::FxHashMap;
use std::fs::File;
use std::io::Read;

/// Read at a time.
const BLOCK: usize = 4 << 20;

fn of(head: &[u8]) -> Option<&'static dyn Format> {
    FORMATS.iter().copied().find(|format| format.sniff(head, &Hint::default()) == Sniff::Yes)
}

fn main() -> std::io::Result<()> {
    let mut file = File::open(std::env::args().nth(1).unwrap_or_default())?;
    let (mut block, mut all, mut line) = (Vec::new(), Parsed::default(), 1);
    let mut format = None;
    loop {
        block.reserve(BLOCK);
        let read = file.by_ref().take(BLOCK as u64).read_to_end(&mut block)?;
        let Some(found) = format.or_else(|| of(&block[..block.len().min(65536)])) else {
            println!("no format reads this");
            return Ok(());
        };
        // A block ends where a thread does.
        let end = match memchr::memmem::rfind(&block, b"\n\n") {
            Some(blank) if read > 0 => blank + 2,
            _ => block.len(),
        };
        let mut next = Parsed::default();
        let hint = Hint { continues: format.is_some(), ..Hint::default() };
        let mut lines = Text::new(&block[..end], line).lines();
        while !lines.is_done() {
            found.parse(&mut lines, &hint, &mut next);
            while lines.peek().is_some_and(|line| !found.opens(line)) {
                lines.advance();
            }
        }
        line = lines.number();
        all.append(next);
        block.drain(..end);
        format = Some(found);
        if read == 0 {
            break;
        }
    }
    let mut stacks: FxHashMap<_, u64> = FxHashMap::default();
    for evidence in &all.evidence {
        if let Evidence::Snapshot(snapshot) = evidence {
            for thread in &snapshot.threads {
                *stacks.entry((thread.state, thread.stack, thread.created_by)).or_default() += u64::from(thread.count);
            }
        }
    }
    println!("{} threads, {} groups", stacks.values().sum::<u64>(), stacks.len());
    Ok(())
}
