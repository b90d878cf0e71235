//! Drives the folder that does as inferno does: one thread reads, all others fold, and their counts are added.

use anyhow::{Result, anyhow};
use postmortem_parsers::inferno::{Folder, Options, last_cut};
use std::io::{Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel, sync_channel};

/// What is read at once; small enough to stay in the caches.
const BLOCK: usize = 256 << 10;

/// Folds a `perf script` text.
///
/// # Errors
/// When the text cannot be read or the result not be written.
pub fn fold(reader: &mut dyn Read, options: &Options, threads: usize, out: &mut dyn Write) -> Result<()> {
    let mut blocks = Blocks { reader, rest: Vec::new() };
    let mut first = Vec::new();
    blocks.next(&mut first)?;
    let options = options.for_text(&first);
    let folder = if threads < 2 {
        let mut folder = Folder::new(options);
        loop {
            folder.fold(&first);
            if !blocks.next(&mut first)? {
                break folder;
            }
        }
    } else {
        on_threads(&mut blocks, first, &options, threads)?
    };
    folder.write(out)?;
    Ok(out.flush()?)
}

fn on_threads(blocks: &mut Blocks<'_>, first: Vec<u8>, options: &Options, threads: usize) -> Result<Folder> {
    let (send, blocks_to_fold) = sync_channel::<Vec<u8>>(2 * threads);
    let (give_back, folded) = channel::<Vec<u8>>();
    let blocks_to_fold = Mutex::new(blocks_to_fold);
    std::thread::scope(|scope| {
        let worker = || work(&blocks_to_fold, &give_back, options);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        let mut block = first;
        let read = loop {
            // The workers end only when nothing more can be sent.
            let _ = send.send(block);
            block = folded.try_recv().unwrap_or_default();
            match blocks.next(&mut block) {
                Ok(true) => {}
                ended => break ended,
            }
        };
        drop(send);
        let mut folders = workers.into_iter().map(|worker| worker.join().map_err(|_| anyhow!("a folder broke down")));
        let mut all = folders.next().ok_or_else(|| anyhow!("there are no threads"))??;
        folders.try_for_each(|folder| folder.map(|folder| all.absorb(folder)))?;
        read.map(|_| all)
    })
}

fn work(blocks: &Mutex<Receiver<Vec<u8>>>, give_back: &Sender<Vec<u8>>, options: &Options) -> Folder {
    let mut folder = Folder::new(options.clone());
    loop {
        let next = blocks.lock().map(|blocks| blocks.recv());
        let Ok(Ok(block)) = next else { return folder };
        folder.fold(&block);
        // The reader may have ended.
        let _ = give_back.send(block);
    }
}

/// Cuts a stream into parts that can be folded on their own.
struct Blocks<'r> {
    reader: &'r mut dyn Read,
    /// What was read behind the last cut.
    rest: Vec<u8>,
}

impl Blocks<'_> {
    /// Puts the next part in the place of the last one; false: there is none.
    fn next(&mut self, block: &mut Vec<u8>) -> Result<bool> {
        block.clear();
        block.append(&mut self.rest);
        loop {
            let before = block.len();
            let read = (&mut *self.reader).take(BLOCK as u64).read_to_end(block)?;
            if read == 0 {
                return Ok(before > 0);
            }
            // A line that was looked at before and is not blank stays so.
            let from = memchr::memrchr(b'\n', &block[..before]).map_or(0, |end| end + 1);
            if let Some(cut) = last_cut(&block[from..]).map(|cut| from + cut) {
                self.rest.extend_from_slice(&block[cut..]);
                block.truncate(cut);
                return Ok(true);
            }
        }
    }
}
