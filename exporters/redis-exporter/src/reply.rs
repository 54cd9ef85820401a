//! Replies, as the commands are known to shape them (RESP2 throughout).

use redis::Value;

/// A string of any kind.
pub(crate) fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.as_bytes()),
        Value::Okay => Some(b"OK"),
        _ => None,
    }
}

/// A string that is text.
pub(crate) fn text(value: &Value) -> Option<&str> {
    std::str::from_utf8(bytes(value)?).ok()
}

/// A whole number, as one or as text.
pub(crate) fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => text(value)?.parse().ok(),
    }
}

/// A number, as one or as text.
pub(crate) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(*number as f64),
        _ => text(value)?.trim().parse().ok(),
    }
}

/// The elements of an array; none of anything else.
pub(crate) fn items(value: &Value) -> &[Value] {
    match value {
        Value::Array(items) | Value::Set(items) => items,
        _ => &[],
    }
}

/// An array that alternates between names and values.
pub(crate) fn pairs(value: &Value) -> impl Iterator<Item = (&[u8], &Value)> {
    items(value).chunks_exact(2).filter_map(|pair| Some((bytes(&pair[0])?, &pair[1])))
}

/// The value behind this name in such an array.
pub(crate) fn field<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    pairs(value).find(|(own, _)| *own == name.as_bytes()).map(|(_, value)| value)
}
