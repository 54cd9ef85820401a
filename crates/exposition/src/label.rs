//! Label values: what can be one, and how it is escaped.
//!
//! Both formats escape alike, so a value is escaped once, when it is put on the page.

/// Something that can stand as a label value.
pub trait LabelValue {
    /// Appends the value, escaped: backslash, double quote and line feed get a backslash. What is not UTF-8 becomes
    /// U+FFFD.
    fn write_escaped(&self, out: &mut Vec<u8>);
}

impl LabelValue for str {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        escape(self.as_bytes(), out);
    }
}

impl LabelValue for &str {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        escape(self.as_bytes(), out);
    }
}

impl LabelValue for String {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        escape(self.as_bytes(), out);
    }
}

impl LabelValue for std::borrow::Cow<'_, str> {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        escape(self.as_bytes(), out);
    }
}

impl LabelValue for [u8] {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        for chunk in self.utf8_chunks() {
            escape(chunk.valid().as_bytes(), out);
            if !chunk.invalid().is_empty() {
                out.extend_from_slice("\u{fffd}".as_bytes());
            }
        }
    }
}

impl LabelValue for &[u8] {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        (**self).write_escaped(out);
    }
}

impl LabelValue for Vec<u8> {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        self.as_slice().write_escaped(out);
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl LabelValue for $ty {
            fn write_escaped(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(itoa::Buffer::new().format(*self).as_bytes());
            }
        }
    )*};
}
integers!(u8 u16 u32 u64 usize i32 i64);

impl LabelValue for bool {
    fn write_escaped(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(if *self { b"true" } else { b"false" });
    }
}

fn escape(mut value: &[u8], out: &mut Vec<u8>) {
    while let Some(at) = memchr::memchr3(b'\\', b'"', b'\n', value) {
        out.extend_from_slice(&value[..at]);
        out.extend_from_slice(match value[at] {
            b'\\' => b"\\\\",
            b'"' => b"\\\"",
            _ => b"\\n",
        });
        value = &value[at + 1..];
    }
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(value: &dyn LabelValue) -> String {
        let mut out = Vec::new();
        value.write_escaped(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn escapes_what_would_end_the_value() {
        assert_eq!(escaped(&"C:\\dir\n\"x\""), r#"C:\\dir\n\"x\""#);
        assert_eq!(escaped(&"grüße 東京"), "grüße 東京");
    }

    #[test]
    fn bytes_that_are_not_utf8_are_replaced() {
        assert_eq!(escaped(&b"a\xff\"b".as_slice()), "a\u{fffd}\\\"b");
    }

    #[test]
    fn numbers() {
        assert_eq!(escaped(&17_u32), "17");
        assert_eq!(escaped(&-3_i64), "-3");
    }
}
