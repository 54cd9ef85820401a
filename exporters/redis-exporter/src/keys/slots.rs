//! Which node of a cluster has which keys.

use redis::Value;

use crate::reply;

/// First and last slot, host and port of each master in CLUSTER SLOTS.
pub(super) fn masters(reply: &Value) -> Vec<(u16, u16, String, u16)> {
    let range = |value: &Value| u16::try_from(reply::integer(value)?).ok();
    let one = |entry: &Value| {
        let [first, last, master, ..] = reply::items(entry) else { return None };
        let [host, port, ..] = reply::items(master) else { return None };
        Some((range(first)?, range(last)?, reply::text(host).unwrap_or_default().to_owned(), range(port)?))
    };
    reply::items(reply).iter().filter_map(one).collect()
}

/// The slot of a key: what stands in the first braces counts, if there is something in them.
pub(super) fn slot_of(key: &[u8]) -> u16 {
    let tag = key.iter().position(|&byte| byte == b'{').and_then(|open| {
        let length = key[open + 1..].iter().position(|&byte| byte == b'}')?;
        (length > 0).then(|| &key[open + 1..open + 1 + length])
    });
    crc16(tag.unwrap_or(key)) % 16384
}

/// CRC-16/XMODEM.
fn crc16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0, |crc, &byte| {
        (0..8).fold(crc ^ (u16::from(byte) << 8), |crc, _| {
            if crc & 0x8000 == 0 { crc << 1 } else { (crc << 1) ^ 0x1021 }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_of_keys() {
        assert_eq!(crc16(b"123456789"), 0x31c3);
        assert_eq!(slot_of(b"foo"), 12182);
        assert_eq!(slot_of(b"{user1000}.following"), slot_of(b"{user1000}.followers"));
        assert_ne!(slot_of(b"{}a"), slot_of(b"{}b"));
    }
}
