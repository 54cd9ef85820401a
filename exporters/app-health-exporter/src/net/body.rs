//! Bodies: unpacked, counted, and kept as far as they are looked at. Nothing a server sends makes this grow without bound.

use brotli_decompressor::DecompressorWriter;
use flate2::write::{DeflateDecoder, MultiGzDecoder};
use std::io::Write;

use super::{Failure, Reason};

#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// More than this fails; 0 is no limit.
    pub(crate) size: u64,
    /// Whether the body is looked at, and so kept.
    pub(crate) keep: bool,
    /// More cannot be kept.
    pub(crate) most: u64,
}

pub(crate) enum Body {
    Plain(Kept),
    Gzip(Box<MultiGzDecoder<Kept>>),
    Deflate(Box<DeflateDecoder<Kept>>),
    Brotli(Box<DecompressorWriter<Kept>>),
}

/// What brotli unpacks at once.
const BROTLI_BUFFER: usize = 16 * 1024;

pub(crate) struct Kept {
    limits: Limits,
    count: u64,
    bytes: Vec<u8>,
    over: bool,
}

impl From<Kept> for (Vec<u8>, u64) {
    fn from(kept: Kept) -> Self {
        (kept.bytes, kept.count)
    }
}

impl Write for Kept {
    fn write(&mut self, data: &[u8]) -> std::io::Result<usize> {
        self.count += data.len() as u64;
        let limit = match (self.limits.size, self.limits.keep) {
            (0, false) => u64::MAX,
            (0, true) => self.limits.most,
            (size, false) => size,
            (size, true) => size.min(self.limits.most),
        };
        if self.count > limit {
            self.over = true;
            // What is beyond is not read, and the peer does not count it.
            self.count = limit;
            return Err(std::io::Error::other("too long"));
        }
        if self.limits.keep {
            self.bytes.extend_from_slice(data);
        }
        Ok(data.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Body {
    pub(crate) fn new(compression: &str, limits: Limits) -> Self {
        let kept = Kept { limits, count: 0, bytes: Vec::new(), over: false };
        match compression {
            "gzip" => Body::Gzip(Box::new(MultiGzDecoder::new(kept))),
            "br" => Body::Brotli(Box::new(DecompressorWriter::new(kept, BROTLI_BUFFER))),
            "deflate" => Body::Deflate(Box::new(DeflateDecoder::new(kept))),
            _ => Body::Plain(kept),
        }
    }

    fn kept(&self) -> &Kept {
        match self {
            Body::Plain(kept) => kept,
            Body::Gzip(decoder) => decoder.get_ref(),
            Body::Deflate(decoder) => decoder.get_ref(),
            Body::Brotli(decoder) => decoder.get_ref(),
        }
    }

    pub(crate) fn take(&mut self, data: &[u8]) -> Result<(), Failure> {
        let result = match self {
            Body::Plain(kept) => kept.write_all(data),
            Body::Gzip(decoder) => decoder.write_all(data),
            Body::Deflate(decoder) => decoder.write_all(data),
            Body::Brotli(decoder) => decoder.write_all(data),
        };
        result.map_err(|error| self.failure(&error))
    }

    /// Bytes so far, unpacked.
    pub(crate) fn len(&self) -> u64 {
        self.kept().count
    }

    /// The kept bytes, and how many there were.
    pub(crate) fn finish(self) -> Result<(Vec<u8>, u64), Failure> {
        let over = self.kept().over;
        let result = match self {
            Body::Plain(kept) => Ok(kept),
            Body::Gzip(decoder) => decoder.finish(),
            Body::Deflate(decoder) => decoder.finish(),
            Body::Brotli(decoder) => {
                decoder.into_inner().map_err(|_| std::io::ErrorKind::UnexpectedEof.into())
            }
        };
        result.map(Kept::into).map_err(|error| unpack(&error, over))
    }

    fn failure(&self, error: &std::io::Error) -> Failure {
        unpack(error, self.kept().over)
    }
}

fn unpack(error: &std::io::Error, over: bool) -> Failure {
    if over {
        return Failure::new(Reason::BodyLimit, "the body is longer than the limit");
    }
    Failure::new(Reason::Decompress, format!("the body is not packed as configured: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;

    fn limits(size: u64, keep: bool, most: u64) -> Limits {
        Limits { size, keep, most }
    }

    #[test]
    fn counts_without_keeping() {
        let mut body = Body::new("", limits(0, false, 10));
        for _ in 0..100 {
            body.take(&[0; 1000]).unwrap();
        }
        assert_eq!(body.len(), 100_000);
        assert_eq!(body.finish().unwrap().0.capacity(), 0);
    }

    #[test]
    fn a_packed_bomb_is_stopped() {
        let mut packed = GzEncoder::new(Vec::new(), Compression::best());
        packed.write_all(&vec![b'a'; 20_000_000]).unwrap();
        let packed = packed.finish().unwrap();
        assert!(packed.len() < 50_000);
        let mut body = Body::new("gzip", limits(0, true, 1_000_000));
        assert_eq!(body.take(&packed).unwrap_err().reason, Reason::BodyLimit);
        assert!(body.len() < 1_100_000);
    }

    #[test]
    fn brotli() {
        let packed = b"\x0b\x05\x80hello world\x03";
        let unpacked = |packed: &[u8], most| {
            let mut body = Body::new("br", limits(0, true, most));
            // Byte by byte, as a slow server sends it.
            packed.iter().try_for_each(|byte| body.take(&[*byte])).and_then(|()| body.finish())
        };
        assert_eq!(unpacked(packed, 1000).unwrap(), (b"hello world".to_vec(), 11));
        assert_eq!(unpacked(packed, 5).unwrap_err().reason, Reason::BodyLimit);
        assert_eq!(unpacked(&packed[..8], 1000).unwrap_err().reason, Reason::Decompress);
        assert_eq!(unpacked(b"plain text, not packed", 1000).unwrap_err().reason, Reason::Decompress);
    }

    #[test]
    fn what_is_not_packed_is_told() {
        let mut body = Body::new("gzip", limits(0, true, 1000));
        let result = body.take(b"plain text").and_then(|()| body.finish().map(drop));
        assert_eq!(result.unwrap_err().reason, Reason::Decompress);
    }
}
