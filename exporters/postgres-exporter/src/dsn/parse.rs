//! Connection strings, as `key=value` pairs or as a URL, to options by name. Errors quote no value: it may be a password.

use exporter_core::ConfigError;

use super::{Options, bad};

pub(super) fn options(text: &str) -> Result<Options, ConfigError> {
    let text = text.trim();
    match text.strip_prefix("postgresql://").or_else(|| text.strip_prefix("postgres://")) {
        Some(rest) => url(rest),
        None => pairs(text),
    }
}

/// `key = value key='va\'lue'`.
fn pairs(text: &str) -> Result<Options, ConfigError> {
    let mut options = Options::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (name, after) =
            rest.split_once('=').ok_or_else(|| bad("write key=value pairs, or a postgresql:// URL"))?;
        let name = name.trim();
        if name.is_empty() || name.contains(char::is_whitespace) {
            return Err(bad("write key=value pairs; a value with blanks stands in single quotes"));
        }
        let (value, after) =
            value(after.trim_start()).ok_or_else(|| bad(format!("the quote of {name} does not end")))?;
        if options.insert(name.to_owned(), value).is_some() {
            // The peer takes several strings, with a comma between them.
            return Err(bad(format!("{name} stands there twice; one connection string is of one server")));
        }
        rest = after.trim_start();
    }
    Ok(options)
}

/// A value and what follows it; `None` where its quote does not end.
fn value(text: &str) -> Option<(String, &str)> {
    let (quoted, body) = match text.strip_prefix('\'') {
        Some(body) => (true, body),
        None => (false, text),
    };
    let mut value = String::new();
    let mut chars = body.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.push(chars.next()?.1),
            '\'' if quoted => return Some((value, &body[at + 1..])),
            c if !quoted && c.is_whitespace() => return Some((value, &body[at..])),
            c => value.push(c),
        }
    }
    (!quoted).then_some((value, ""))
}

/// `user:password@host:port,host:port/database?key=value`.
fn url(rest: &str) -> Result<Options, ConfigError> {
    let mut options = Options::new();
    let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
    let (login, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    for (name, text) in [("user", user), ("password", password), ("dbname", database)] {
        if !text.is_empty() {
            options.insert(name.to_owned(), decode(text)?);
        }
    }
    if !hosts.is_empty() {
        let (mut names, mut ports) = (Vec::new(), Vec::new());
        for part in hosts.split(',') {
            let (name, port) = host_and_port(part)?;
            names.push(decode(name)?);
            ports.push(if port.is_empty() { "5432" } else { port });
        }
        options.insert("host".to_owned(), names.join(","));
        options.insert("port".to_owned(), ports.join(","));
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').ok_or_else(|| bad("a parameter behind ? has no value"))?;
        let name = match name {
            "ssl" if value == "true" => {
                options.insert("sslmode".to_owned(), "require".to_owned());
                continue;
            }
            name => decode(name)?,
        };
        options.insert(name, decode(value)?);
    }
    Ok(options)
}

fn host_and_port(text: &str) -> Result<(&str, &str), ConfigError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (name, after) = rest.split_once(']').ok_or_else(|| bad("an IPv6 address lacks its ]"))?;
        return Ok((name, after.strip_prefix(':').unwrap_or(after)));
    }
    Ok(text.rsplit_once(':').unwrap_or((text, "")))
}

fn decode(text: &str) -> Result<String, ConfigError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let code = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes
            .push(code.ok_or_else(|| bad("a % is not followed by two hexadecimal digits (write % as %25)"))?);
        rest = &after[2..];
    }
    String::from_utf8(bytes).map_err(|_| bad("not UTF-8"))
}
