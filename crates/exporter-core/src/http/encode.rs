//! Pages into bytes: buffers and a compressor that are used again.

use bytes::Bytes;
use exposition::{Assembly, Gzip};

/// Buffers above this are given back after a page that needed less.
const KEEP: usize = 256 * 1024;

/// What pages are written with.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    pub(crate) assembly: Assembly,
    pub(crate) text: Vec<u8>,
    zipped: Vec<u8>,
    gzip: Gzip,
}

impl Encoder {
    /// The text that was written, as a body.
    pub(crate) fn plain(&mut self) -> Bytes {
        let body = Bytes::copy_from_slice(&self.text);
        self.shrink();
        body
    }

    /// The same, compressed.
    pub(crate) fn gzip(&mut self) -> Bytes {
        self.zipped.clear();
        self.gzip.compress(&self.text, &mut self.zipped);
        let body = Bytes::copy_from_slice(&self.zipped);
        self.shrink();
        body
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
            let body = encoder.gzip();
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            assert_eq!(text, encoder.text);
        }
    }
}
