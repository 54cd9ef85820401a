//! The distribution, from os-release(5). Parsed again when the file changes.

use exporter_core::{BoxedSource, CollectError, Collector, ConfigError, Family};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::context::Context;
use crate::read::Reader;
use crate::source;
use crate::text::{Malformed, lines, trim};

pub(crate) static OS: Collector = Collector {
    name: "os",
    enabled: true,
    families: &[INFO.desc(), VERSION.desc(), SUPPORT_END.desc()],
    dynamic: &[],
};

static INFO: Family<12> = Family::info(
    "node_os_info",
    "What os-release says.",
    &[
        "build_id",
        "id",
        "id_like",
        "image_id",
        "image_version",
        "name",
        "pretty_name",
        "variant",
        "variant_id",
        "version",
        "version_codename",
        "version_id",
    ],
);
static VERSION: Family<3> =
    Family::gauge("node_os_version", "Major and minor version as a number.", &["id", "id_like", "name"]);
static SUPPORT_END: Family<0> =
    Family::gauge("node_os_support_end_timestamp_seconds", "When support ends, in Unix time.", &[]);

/// In the order of INFO's labels.
const KEYS: [&[u8]; 12] = [
    b"BUILD_ID",
    b"ID",
    b"ID_LIKE",
    b"IMAGE_ID",
    b"IMAGE_VERSION",
    b"NAME",
    b"PRETTY_NAME",
    b"VARIANT",
    b"VARIANT_ID",
    b"VERSION",
    b"VERSION_CODENAME",
    b"VERSION_ID",
];
const ID: usize = 1;
const ID_LIKE: usize = 2;
const NAME: usize = 5;
const VERSION_ID: usize = 11;

pub(crate) fn source(context: &Context) -> Result<BoxedSource, ConfigError> {
    let paths = ["etc/os-release", "usr/lib/os-release"].map(|path| context.rootfs().join(path));
    let mut reader = Reader::new();
    let mut known: Option<(PathBuf, SystemTime, Release)> = None;
    Ok(source::custom(move |sink| {
        let (path, changed) = newest(&paths)?;
        let release = match known.take() {
            Some((old, at, release)) if old == *path && at == changed => release,
            _ => reader.parse(path, parse)?,
        };
        let facts = &release.facts;
        sink.put(&INFO, facts.each_ref().map(|fact| fact as _), true);
        if let Some(version) = major_minor(&facts[VERSION_ID]) {
            sink.put(&VERSION, [&facts[ID], &facts[ID_LIKE], &facts[NAME]], version);
        }
        if let Some(end) = release.support_end {
            sink.put(&SUPPORT_END, [], end);
        }
        known = Some((path.to_owned(), changed, release));
        Ok(())
    }))
}

/// The first of the files that exists, and when it was changed.
fn newest(paths: &[PathBuf]) -> Result<(&Path, SystemTime), CollectError> {
    for path in paths {
        match std::fs::metadata(path) {
            Ok(metadata) => return Ok((path, metadata.modified()?)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(CollectError::failed(format!("{}: {error}", path.display()))),
        }
    }
    Err(CollectError::no_data("no os-release file"))
}

#[derive(Debug, Default)]
struct Release {
    facts: [Vec<u8>; KEYS.len()],
    support_end: Option<i64>,
}

/// Lines of shell assignments.
fn parse(text: &[u8]) -> Result<Release, Malformed> {
    let mut release = Release::default();
    let mut found = false;
    for line in lines(text).map(trim).filter(|line| !line.is_empty() && line[0] != b'#') {
        let Some(at) = memchr::memchr(b'=', line) else {
            return Err(Malformed::new("assignments like `ID=debian`"));
        };
        let (key, value) = (trim(&line[..at]), unquote(trim(&line[at + 1..])));
        found = true;
        if key == b"SUPPORT_END" {
            release.support_end = date(&value);
        } else if let Some(at) = KEYS.iter().position(|known| *known == key) {
            release.facts[at] = value;
        }
    }
    if found { Ok(release) } else { Err(Malformed::new("any assignment")) }
}

/// A shell word without its quotes; inside double quotes and outside a backslash takes the next byte as it is.
fn unquote(word: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(word.len());
    let mut quote = None;
    let mut bytes = word.iter().copied();
    while let Some(byte) = bytes.next() {
        match (byte, quote) {
            (b'"' | b'\'', None) => quote = Some(byte),
            (byte, Some(open)) if byte == open => quote = None,
            (b'\\', None | Some(b'"')) => out.extend(bytes.next()),
            (byte, _) => out.push(byte),
        }
    }
    out
}

/// `22.04` of `22.04.3`; nothing where the version does not begin with a number.
fn major_minor(version: &[u8]) -> Option<f64> {
    let mut dots = 0;
    let end = version
        .iter()
        .position(|byte| match byte {
            b'0'..=b'9' => false,
            b'.' => {
                dots += 1;
                dots > 1
            }
            _ => true,
        })
        .unwrap_or(version.len());
    let version = version[..end].strip_suffix(b".").unwrap_or(&version[..end]);
    crate::text::number(version).filter(|version| *version > 0.0)
}

/// Midnight UTC of `2027-04-30`.
fn date(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let mut parts = text.splitn(3, '-').map(|part| part.parse::<i64>().ok());
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Counted in years that begin in March, so that the leap day is the last of its year.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days = year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some((days - 719_468) * 86_400)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_comments_and_unknown_keys() {
        let release =
            parse(b"# x\n\nID=debian\nPRETTY_NAME=\"A \\\"b\\\" 'c'\"\nNAME='d \\ e'\nHOME_URL=x\n").unwrap();
        assert_eq!(release.facts[ID], b"debian");
        assert_eq!(release.facts[6], b"A \"b\" 'c'");
        assert_eq!(release.facts[NAME], b"d \\ e");
        assert!(parse(b"").is_err() && parse(b"garbage\n").is_err());
    }

    #[test]
    fn versions() {
        for (text, version) in
            [("12", Some(12.0)), ("22.04.3", Some(22.04)), ("7.", Some(7.0)), ("rolling", None)]
        {
            assert_eq!(major_minor(text.as_bytes()), version, "{text}");
        }
    }

    #[test]
    fn dates() {
        assert_eq!(date(b"1970-01-01"), Some(0));
        assert_eq!(date(b"2000-02-29"), Some(951_782_400));
        assert_eq!(date(b"2027-04-30"), Some(1_809_043_200));
        for bad in ["", "2027", "2027-13-01", "x-y-z"] {
            assert_eq!(date(bad.as_bytes()), None, "{bad}");
        }
    }
}
