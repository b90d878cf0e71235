//! What a stream is by its first bytes, and the decoders.

use std::io::{self, BufRead, BufReader, Read};

/// What a stream of bytes is, told by its magic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Gzip,
    Zstd,
    Xz,
    Bzip2,
    Tar,
    Zip,
    /// None of these.
    Plain,
}

/// Bytes that tell what a stream is: a tar header.
pub(super) const MAGIC_BYTES: usize = 512;

impl Kind {
    /// The kind of a stream that begins with these bytes.
    pub(super) fn of(head: &[u8]) -> Kind {
        match head {
            [0x1f, 0x8b, 8, ..] => Kind::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd, ..] => Kind::Zstd,
            // A skippable frame, which pzstd writes first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Kind::Zstd,
            [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => Kind::Xz,
            [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, 0x53, 0x59, ..] => Kind::Bzip2,
            [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => Kind::Zip,
            _ if is_tar(head) => Kind::Tar,
            _ => Kind::Plain,
        }
    }

    /// The word for it in messages.
    pub(super) fn name(self) -> &'static str {
        match self {
            Kind::Gzip => "gzip",
            Kind::Zstd => "zstd",
            Kind::Xz => "xz",
            Kind::Bzip2 => "bzip2",
            Kind::Tar => "tar",
            Kind::Zip => "zip",
            Kind::Plain => "file",
        }
    }

    /// The decoder of a compressed stream; other kinds are passed through.
    pub(super) fn decoder<'a>(self, reader: Box<dyn BufRead + 'a>) -> io::Result<Box<dyn Read + 'a>> {
        // No dictionary that a header asks for may take more memory than this.
        const XZ_MEMORY: u64 = 256 << 20;
        Ok(match self {
            Kind::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(reader)),
            Kind::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(reader)),
            Kind::Xz => {
                let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, liblzma::stream::CONCATENATED)?;
                Box::new(liblzma::bufread::XzDecoder::new_stream(reader, stream))
            }
            Kind::Zstd => Box::new(ZstdFrames { reader, decoder: ruzstd::decoding::FrameDecoder::new(), open: false }),
            Kind::Tar | Kind::Zip | Kind::Plain => Box::new(reader),
        })
    }
}

/// A header whose checksum is right; old tars have no magic.
fn is_tar(head: &[u8]) -> bool {
    let Some(block) = head.first_chunk::<512>() else { return false };
    if block[0] == 0 {
        return false;
    }
    let stated = block[148..156].trim_ascii_start();
    let digits = stated.iter().take_while(|byte| matches!(byte, b'0'..=b'7')).count();
    if digits == 0 {
        return false;
    }
    let stated = stated[..digits].iter().fold(0u32, |sum, digit| sum * 8 + u32::from(digit - b'0'));
    let sum = |bytes: &[u8]| bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>();
    stated == sum(&block[..148]) + 8 * 32 + sum(&block[156..])
}

/// A decoder of zstd frames that follow one another.
struct ZstdFrames<R> {
    reader: R,
    decoder: ruzstd::decoding::FrameDecoder,
    open: bool,
}

impl<R: BufRead> ZstdFrames<R> {
    /// Opens the next frame; false at the end.
    fn open_frame(&mut self) -> io::Result<bool> {
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
        loop {
            if self.reader.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.reader) {
                Ok(()) => {
                    self.open = true;
                    return Ok(true);
                }
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame { length, .. })) => {
                    io::copy(&mut (&mut self.reader).take(u64::from(length)), &mut io::sink())?;
                }
                Err(error) => return Err(io::Error::other(error.to_string())),
            }
        }
    }
}

impl<R: BufRead> Read for ZstdFrames<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBlocks;
        loop {
            if !self.open && !self.open_frame()? {
                return Ok(0);
            }
            while self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                let decoded = self.decoder.decode_blocks(&mut self.reader, UptoBlocks(1));
                decoded.map_err(|error| io::Error::other(error.to_string()))?;
            }
            let count = self.decoder.read(buffer)?;
            if count > 0 || buffer.is_empty() {
                return Ok(count);
            }
            self.open = false;
        }
    }
}

/// A stream whose first bytes were looked at: gives them again, then an error met behind them, then the rest.
pub(super) struct Replay<'a> {
    head: Vec<u8>,
    position: usize,
    error: Option<io::Error>,
    rest: &'a mut dyn Read,
}

impl<'a> Replay<'a> {
    /// Looks at the first bytes.
    pub(super) fn new(reader: &'a mut dyn Read) -> Self {
        let mut head = Vec::new();
        let error = super::blocks::fill(reader, &mut head, MAGIC_BYTES).err();
        Replay { head, position: 0, error, rest: reader }
    }

    /// The first bytes.
    pub(super) fn head(&self) -> &[u8] {
        &self.head
    }

    /// The same with a buffer, for decoders.
    pub(super) fn buffered(self) -> Box<dyn BufRead + 'a> {
        Box::new(BufReader::with_capacity(256 << 10, self))
    }
}

impl Read for Replay<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position < self.head.len() {
            let count = (&self.head[self.position..]).read(buffer)?;
            self.position += count;
            return Ok(count);
        }
        match self.error.take() {
            Some(error) => Err(error),
            None => self.rest.read(buffer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_by_magic() {
        assert_eq!(Kind::of(&[0x1f, 0x8b, 8, 0]), Kind::Gzip);
        assert_eq!(Kind::of(b"PK\x03\x04"), Kind::Zip);
        assert_eq!(Kind::of(b"BZh is not bzip2"), Kind::Plain);
        assert_eq!(Kind::of(b""), Kind::Plain);
        let mut header = tar::Header::new_old();
        header.set_path("x").unwrap();
        header.set_size(1);
        header.set_cksum();
        assert_eq!(Kind::of(header.as_bytes()), Kind::Tar);
        header.as_mut_bytes()[0] = b'y';
        assert_eq!(Kind::of(header.as_bytes()), Kind::Plain);
        assert_eq!(Kind::of(&[b' '; 512]), Kind::Plain);
    }
}
