//! JSON of strangers. A byte of text may take seventy of memory, so the values are bounded, not only the text.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::Cell;
use std::fmt;

use super::{Failure, Reason};

/// Reads a body. Depth is bounded by the parser.
pub(crate) fn parse(body: &[u8], max_values: usize) -> Result<Value, Failure> {
    let left = Cell::new(max_values);
    let mut parser = serde_json::Deserializer::from_slice(body);
    let value = Limited(&left).deserialize(&mut parser).and_then(|value| parser.end().map(|()| value));
    value.map_err(|error| match left.get() {
        0 => Failure::new(Reason::BodyLimit, format!("the body has more than {max_values} values")),
        // Not the parser's own words: they could quote the body.
        _ => Failure::new(Reason::Json, format!("no JSON at line {}", error.line())),
    })
}

/// How many values a body of at most so many bytes may have.
pub(crate) fn max_values(max_body: u64) -> usize {
    usize::try_from(max_body / 100).unwrap_or(usize::MAX).max(10_000)
}

/// A value, as long as there is room for one more.
struct Limited<'a>(&'a Cell<usize>);

impl<'de> DeserializeSeed<'de> for Limited<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let left = self.0.get().checked_sub(1).ok_or_else(|| D::Error::custom("too many values"))?;
        self.0.set(left);
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Limited<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(Limited(self.0))? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(name) = map.next_key()? {
            values.insert(name, map.next_value_seed(Limited(self.0))?);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(body: &str, most: usize) -> Reason {
        parse(body.as_bytes(), most).unwrap_err().reason
    }

    #[test]
    fn as_the_parser_reads_it() {
        let body =
            r#" {"a": [1, -2, 2.5, true, null, "x\u00fc"], "b": {"c": {}}, "a2": 18446744073709551615} "#;
        assert_eq!(parse(body.as_bytes(), 100).unwrap(), serde_json::from_str::<Value>(body).unwrap());
        for bad in ["", "{", "[1,]", "[1] x", "{\"a\": 1e999}", "\"\u{1}\""] {
            assert_eq!(reason(bad, 100), Reason::Json, "{bad}");
        }
        assert_eq!(reason(&"[".repeat(100_000), 1_000_000), Reason::Json);
    }

    #[test]
    fn values_are_counted() {
        assert!(parse(b"[1, 2, {\"a\": 3}]", 6).is_ok());
        for body in [
            "[1, 2, 3, 4, 5, 6]",
            "[[], [], [], [], [], []]",
            "{\"a\": {\"b\": {\"c\": {\"d\": {\"e\": {\"f\": 1}}}}}}",
        ] {
            assert_eq!(reason(body, 6), Reason::BodyLimit, "{body}");
        }
        assert_eq!((max_values(256 * 1024), max_values(10_000_000)), (10_000, 100_000));
    }

    proptest::proptest! {
        #[test]
        fn the_same_as_the_parser(body in "[\\[\\]{}\":,a-z0-9. \\\\-]{0,60}") {
            let expected = serde_json::from_str::<Value>(&body).ok();
            proptest::prop_assert_eq!(parse(body.as_bytes(), 1000).ok(), expected);
        }
    }
}
