//! Log lines on standard error, as logfmt (as the peers do) or JSON.

use std::fmt::Write as _;
use std::io::{StderrLock, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

use crate::date;
use crate::exporter::ConfigError;

/// The form of a log line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum LogFormat {
    /// `time=… level=info msg="…" key=value`
    #[default]
    Logfmt,
    /// One JSON object a line.
    Json,
}

/// Sends everything from `level` up to standard error. A second call changes nothing.
///
/// # Errors
/// An unknown level or format.
pub fn init(level: &str, format: &str) -> Result<(), ConfigError> {
    let level = match level {
        "debug" => Level::DEBUG,
        "info" => Level::INFO,
        "warn" => Level::WARN,
        // The peers of an older age have it; nothing here is fatal.
        "error" | "fatal" => Level::ERROR,
        other => {
            return Err(ConfigError::new(format!(
                "--log.level={other}: unknown; use debug, info, warn or error"
            )));
        }
    };
    let format = match format {
        "logfmt" => LogFormat::Logfmt,
        "json" => LogFormat::Json,
        // As peers of an older age write it: `logger:stderr`, `logger:stdout?json=true`.
        url if url.starts_with("logger:") && url.contains("json=true") => LogFormat::Json,
        url if url.starts_with("logger:") => LogFormat::Logfmt,
        other => {
            return Err(ConfigError::new(format!("--log.format={other}: unknown; use logfmt or json")));
        }
    };
    // A program sets its subscriber once; in tests several may try.
    let _ = tracing::subscriber::set_global_default(Stderr { level, format, lost: AtomicU64::new(0) });
    std::panic::set_hook(Box::new(|panic| tracing::error!(%panic, "panic")));
    Ok(())
}

/// Lines of events. Spans are not kept: nothing here or in the libraries beneath tells more by them.
struct Stderr {
    level: Level,
    format: LogFormat,
    /// Lines that standard error did not take.
    lost: AtomicU64,
}

/// Lines that were not written because nobody reads standard error.
pub(crate) fn lost() -> u64 {
    tracing::dispatcher::get_default(|dispatch| {
        dispatch.downcast_ref().map_or(0, |stderr: &Stderr| stderr.lost.load(Ordering::Relaxed))
    })
}

/// Whether standard error takes a line now. What reads it may hang, and the thread that logs is the one that answers.
#[cfg(unix)]
fn takes_a_line(stderr: &StderrLock<'_>) -> bool {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    let mut files = [PollFd::new(stderr, PollFlags::OUT)];
    poll(&mut files, Some(&Timespec::default())).is_ok_and(|ready| ready > 0)
}

#[cfg(not(unix))]
fn takes_a_line(_: &StderrLock<'_>) -> bool {
    true
}

impl Subscriber for Stderr {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_event() && *metadata.level() <= self.level
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::from_level(self.level))
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let level = event.metadata().level().as_str().to_ascii_lowercase();
        let mut line = Line::new(self.format);
        line.text("time", &timestamp(SystemTime::now()));
        line.text("level", &level);
        // The message comes before the other fields.
        let mut message = Message::default();
        event.record(&mut message);
        line.text("msg", &message.0);
        event.record(&mut line);
        let mut stderr = std::io::stderr().lock();
        if takes_a_line(&stderr) {
            // There is nobody left to tell when standard error is gone.
            let _ = stderr.write_all(line.finish().as_bytes());
        } else {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

#[derive(Default)]
struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

struct Line {
    text: String,
    format: LogFormat,
}

impl Line {
    fn new(format: LogFormat) -> Self {
        Self { text: String::with_capacity(160), format }
    }

    fn key(&mut self, key: &str) {
        let first = self.text.is_empty();
        let _ = match self.format {
            LogFormat::Logfmt => write!(self.text, "{}{key}=", if first { "" } else { " " }),
            LogFormat::Json => write!(self.text, "{}\"{key}\":", if first { "{" } else { "," }),
        };
    }

    fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        let plain = |c: char| c.is_ascii_graphic() && !matches!(c, '"' | '=' | '\\');
        let is_short = (1..LONGEST_VALUE).contains(&value.len());
        if self.format == LogFormat::Logfmt && is_short && value.chars().all(plain) {
            self.text.push_str(value);
        } else {
            quote(value, &mut self.text);
        }
    }

    fn plain(&mut self, key: &str, value: &str) {
        self.key(key);
        self.text.push_str(value);
    }

    fn finish(mut self) -> String {
        self.text.push_str(if self.format == LogFormat::Json { "}\n" } else { "\n" });
        self.text
    }
}

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() != "message" {
            self.text(field.name(), &format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() != "message" {
            self.text(field.name(), value);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field.name(), &value.to_string());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field.name(), &value.to_string());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field.name(), if value { "true" } else { "false" });
    }
}

/// Bytes of a value; a line is to fit into the 4,096 that a pipe takes as one piece.
const LONGEST_VALUE: usize = 1500;

fn quote(value: &str, out: &mut String) {
    out.push('"');
    let most = out.len() + LONGEST_VALUE;
    for c in value.chars() {
        if out.len() > most {
            out.push('…');
            break;
        }
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// RFC 3339 in UTC, with milliseconds.
fn timestamp(at: SystemTime) -> String {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    let (year, month, day) = date::civil(days as i64);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn timestamps() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_795_206_896, "2026-11-20T20:34:56.000Z"),
        ] {
            assert_eq!(timestamp(UNIX_EPOCH + Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn long_values_are_cut() {
        for format in [LogFormat::Logfmt, LogFormat::Json] {
            let mut line = Line::new(format);
            line.text("msg", &"\u{1}ä".repeat(1000));
            line.text("error", &"a".repeat(5000));
            let text = line.finish();
            assert!((3000..3100).contains(&text.len()) && text.matches("…\"").count() == 2, "{text}");
        }
    }

    #[test]
    fn lines() {
        let mut line = Line::new(LogFormat::Logfmt);
        line.text("level", "info");
        line.text("msg", "two \"words\"");
        assert_eq!(line.finish(), "level=info msg=\"two \\\"words\\\"\"\n");
        let mut line = Line::new(LogFormat::Json);
        line.text("msg", "a\u{1}\n");
        line.plain("n", "3");
        assert_eq!(line.finish(), "{\"msg\":\"a\\u0001\\n\",\"n\":3}\n");
    }
}
