//! Pages into bytes: buffers and a compressor that are used again. A compressor made anew for each scrape triples the
//! peak of memory.

use bytes::Bytes;
use exposition::Assembly;
use flate2::{Compress, Compression, FlushCompress, Status};

/// Level 1 costs a tenth of the usual 6 and makes 15 kB of a node page instead of 11.
const LEVEL: Compression = Compression::new(1);
const WINDOW_BITS: u8 = 12;
/// Space by which the output grows.
const STEP: usize = 16 * 1024;
/// Buffers above this are given back after a page that needed less.
const KEEP: usize = 256 * 1024;

/// What pages are written with.
#[derive(Debug)]
pub(crate) struct Encoder {
    pub(crate) assembly: Assembly,
    pub(crate) text: Vec<u8>,
    zipped: Vec<u8>,
    gzip: Compress,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            assembly: Assembly::new(),
            text: Vec::new(),
            zipped: Vec::new(),
            gzip: Compress::new_gzip(LEVEL, WINDOW_BITS),
        }
    }
}

impl Encoder {
    /// The text that was written, as a body.
    pub(crate) fn plain(&mut self) -> Bytes {
        let body = Bytes::copy_from_slice(&self.text);
        self.shrink();
        body
    }

    /// The same, compressed.
    ///
    /// # Errors
    /// What the compressor says; it has no reason to.
    pub(crate) fn gzip(&mut self) -> Result<Bytes, flate2::CompressError> {
        self.gzip.reset();
        self.zipped.clear();
        loop {
            self.zipped.reserve(STEP);
            let done = self.gzip.total_in() as usize;
            match self.gzip.compress_vec(&self.text[done..], &mut self.zipped, FlushCompress::Finish)? {
                Status::StreamEnd => break,
                Status::Ok | Status::BufError => {}
            }
        }
        let body = Bytes::copy_from_slice(&self.zipped);
        self.shrink();
        Ok(body)
    }

    fn shrink(&mut self) {
        for buffer in [&mut self.text, &mut self.zipped] {
            if buffer.capacity() > KEEP && buffer.len() < buffer.capacity() / 4 {
                buffer.shrink_to(buffer.len() * 2);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read as _;

    #[test]
    fn compresses_again_and_again() {
        let mut encoder = Encoder::default();
        for length in [0, 10, 100_000] {
            encoder.text = (0..length).map(|i| b"abc 123\n"[i % 8]).collect();
            let body = encoder.gzip().unwrap();
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            assert_eq!(text, encoder.text);
        }
    }
}
