//! The bytes of the inputs: files counted as they are read, their hash, limits on members.

use sha2::{Digest, Sha256};
use std::cell::Cell;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::thread::JoinHandle;

/// A reader that tells how many bytes were read through it.
pub(super) struct Counted<'a, R> {
    pub(super) inner: R,
    pub(super) read: &'a Cell<u64>,
    pub(super) progress: &'a dyn Fn(u64),
}

/// Progress is told each time so many more bytes were read.
const STEP: u64 = 1 << 20;

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let (before, after) = (self.read.get(), self.read.get() + count as u64);
        self.read.set(after);
        if before / STEP != after / STEP {
            (self.progress)(after);
        }
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<'_, R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// A reader that stops at a limit, and says whether there was more.
pub(super) struct Metered<'a> {
    pub(super) inner: &'a mut dyn Read,
    /// Bytes that may still be read.
    pub(super) left: u64,
    /// The limit was reached and there was more.
    pub(super) over: bool,
}

impl Read for Metered<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.over || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.over = self.inner.read(&mut [0])? > 0;
            return Ok(0);
        }
        let room = usize::try_from(self.left).map_or(buffer.len(), |left| left.min(buffer.len()));
        let count = self.inner.read(&mut buffer[..room])?;
        self.left -= count as u64;
        Ok(count)
    }
}

/// The headers between two members of an archive may be this large: long names are read into memory.
const LARGEST_HEADERS: u64 = 16 << 20;

/// A reader of an archive that limits what is read outside of its members.
pub(super) struct Guarded<'a> {
    inner: &'a mut dyn Read,
    left: &'a Cell<u64>,
}

impl<'a> Guarded<'a> {
    pub(super) fn new(inner: &'a mut dyn Read, left: &'a Cell<u64>) -> Self {
        Guarded { inner, left }
    }

    /// From here on headers are read.
    pub(super) fn in_headers(left: &Cell<u64>) {
        left.set(LARGEST_HEADERS);
    }

    /// From here on a member is read.
    pub(super) fn in_member(left: &Cell<u64>) {
        left.set(u64::MAX);
    }
}

impl Read for Guarded<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get().checked_sub(count as u64);
        self.left.set(left.ok_or_else(|| io::Error::other("a header is too large"))?);
        Ok(count)
    }
}

/// Hashes a file on a thread of its own: the pages are in memory already, so that only a processor is used.
pub(super) fn hash(path: PathBuf) -> JoinHandle<Option<String>> {
    std::thread::spawn(move || {
        let mut file = File::open(path).ok()?;
        let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => hasher.update(&buffer[..count]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
        Some(hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    })
}
