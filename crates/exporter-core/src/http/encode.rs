//! Pages into bytes: buffers and a compressor that are used again.

use bytes::Bytes;
use exposition::{Assembly, Gzip, Output};

/// Buffers above this are given back after a page that needed less.
const KEEP: usize = 256 * 1024;

/// What pages are written with.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    assembly: Assembly,
    text: Vec<u8>,
    zipped: Vec<u8>,
    gzip: Gzip,
}

impl Encoder {
    /// What `write` writes, as a body, compressed if wanted.
    pub(crate) fn encode(&mut self, gzip: bool, write: impl FnOnce(&mut Assembly, &mut dyn Output)) -> Bytes {
        self.text.clear();
        self.zipped.clear();
        let body = if gzip {
            let mut page = self.gzip.page(&mut self.text, &mut self.zipped);
            write(&mut self.assembly, &mut page);
            page.end();
            Bytes::copy_from_slice(&self.zipped)
        } else {
            write(&mut self.assembly, &mut self.text);
            // A large page twice would be memory that no scrape with compression needs.
            match self.text.len() > KEEP {
                true => std::mem::take(&mut self.text).into(),
                false => Bytes::copy_from_slice(&self.text),
            }
        };
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
        for length in [0, 10, 2 * KEEP, 100_000] {
            let page: Vec<u8> = (0..length).map(|i| b"abc 123\n"[i % 8]).collect();
            let plain = encoder.encode(false, |_, out| out.text().extend_from_slice(&page));
            let body = encoder.encode(true, |_, out| out.text().extend_from_slice(&page));
            let mut text = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut text).unwrap();
            assert_eq!(text, page);
            assert_eq!(plain, page);
        }
    }
}
