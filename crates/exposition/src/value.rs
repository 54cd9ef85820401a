//! Sample values, printed as Go's `strconv.FormatFloat(v, 'g', -1, 64)` prints them, for pages that compare equal to
//! the peers' byte by byte: the shortest digits that read back, an exponent below 1e-4 and from 1e6 up.

/// What can be a sample's value. Integers above 2^53 lose their last digits, as everywhere in Prometheus.
pub trait SampleValue {
    /// The value as Prometheus stores it.
    fn to_f64(self) -> f64;
}

impl SampleValue for f64 {
    fn to_f64(self) -> f64 {
        self
    }
}

impl SampleValue for bool {
    fn to_f64(self) -> f64 {
        if self { 1.0 } else { 0.0 }
    }
}

macro_rules! integers {
    ($($ty:ty)*) => {$(
        impl SampleValue for $ty {
            fn to_f64(self) -> f64 {
                self as f64
            }
        }
    )*};
}
integers!(u8 u16 u32 u64 usize i32 i64);

/// Appends `value` as text 0.0.4 has it: `7`, `0.25`, `1e+06`, `NaN`, `+Inf`.
pub fn write_value(value: f64, out: &mut Vec<u8>) {
    // Most values of a page are small integers; `as` saturates, so the comparison is exact.
    let integer = value as i64;
    if integer as f64 == value && integer.unsigned_abs() < 1_000_000 {
        if integer == 0 && value.is_sign_negative() {
            out.push(b'-');
        }
        out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    } else if value.is_nan() {
        out.extend_from_slice(b"NaN");
    } else if value.is_infinite() {
        out.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        write_shortest(value, out);
    }
}

/// Appends `value` as OpenMetrics has it: integers carry `.0`.
pub(crate) fn write_openmetrics_value(value: f64, out: &mut Vec<u8>) {
    let start = out.len();
    write_value(value, out);
    if value.is_finite() && !out[start..].iter().any(|byte| matches!(byte, b'.' | b'e')) {
        out.extend_from_slice(b".0");
    }
}

fn write_shortest(value: f64, out: &mut Vec<u8>) {
    if value < 0.0 {
        out.push(b'-');
    }
    let mut digits = [0_u8; 24];
    let (digits, exponent) = shortest_digits(value.abs(), &mut digits);
    if (-4..6).contains(&exponent) {
        write_plain(digits, exponent, out);
    } else {
        write_exponential(digits, exponent, out);
    }
}

/// The shortest decimal digits of a positive finite value, without leading or trailing zeros, and the decimal exponent
/// of the first one.
fn shortest_digits(value: f64, space: &mut [u8; 24]) -> (&[u8], i32) {
    const EXACT: f64 = (1_u64 << 53) as f64;
    let mut integer = itoa::Buffer::new();
    let mut float = ryu::Buffer::new();
    // Below 2^53 neighbours are at most 1 apart, so an integer's own digits are the shortest.
    let text = if value < EXACT && value.fract() == 0.0 {
        integer.format(value as u64)
    } else {
        float.format_finite(value)
    };
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (text, 0_i32),
    };
    let mut len = 0;
    let mut point = mantissa.len() as i32;
    let mut leading = 0;
    for (at, byte) in mantissa.bytes().enumerate() {
        if byte == b'.' {
            point = at as i32;
        } else if len == 0 && byte == b'0' {
            leading += 1;
        } else {
            space[len] = byte;
            len += 1;
        }
    }
    // For `0.00012` the point stands before the leading zeros that follow it; for `12.5` there are none.
    let first = if leading > 0 { -leading } else { point - 1 };
    while len > 1 && space[len - 1] == b'0' {
        len -= 1;
    }
    (&space[..len], first + exponent)
}

fn write_plain(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend(std::iter::repeat_n(b'0', (-exponent - 1) as usize));
        out.extend_from_slice(digits);
        return;
    }
    let whole = exponent as usize + 1;
    if digits.len() <= whole {
        out.extend_from_slice(digits);
        out.extend(std::iter::repeat_n(b'0', whole - digits.len()));
    } else {
        out.extend_from_slice(&digits[..whole]);
        out.push(b'.');
        out.extend_from_slice(&digits[whole..]);
    }
}

fn write_exponential(digits: &[u8], exponent: i32, out: &mut Vec<u8>) {
    out.push(digits[0]);
    if digits.len() > 1 {
        out.push(b'.');
        out.extend_from_slice(&digits[1..]);
    }
    out.push(b'e');
    out.push(if exponent < 0 { b'-' } else { b'+' });
    let magnitude = exponent.unsigned_abs();
    if magnitude < 10 {
        out.push(b'0');
    }
    out.extend_from_slice(itoa::Buffer::new().format(magnitude).as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: f64) -> String {
        let mut out = Vec::new();
        write_value(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    /// Expected texts are what Go's strconv prints.
    #[test]
    fn as_go_prints() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "-0"),
            (7.0, "7"),
            (-1.0, "-1"),
            (0.5, "0.5"),
            (12.5, "12.5"),
            (999_999.0, "999999"),
            (1e6, "1e+06"),
            (1_234_567.0, "1.234567e+06"),
            (123_456.75, "123456.75"),
            (-1_234_567.5, "-1.2345675e+06"),
            (25_203_539_968.0, "2.5203539968e+10"),
            (0.0001, "0.0001"),
            (0.000_123, "0.000123"),
            (0.000_01, "1e-05"),
            (1.5e-7, "1.5e-07"),
            (1e21, "1e+21"),
            (1e100, "1e+100"),
            (f64::MAX, "1.7976931348623157e+308"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_991.0, "9.007199254740991e+15"),
            (1.8446744073709552e19, "1.8446744073709552e+19"),
            (1_732_134_567.123, "1.732134567123e+09"),
            (f64::NAN, "NaN"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (100_000.5, "100000.5"),
            (0.1, "0.1"),
        ] {
            assert_eq!(text(value), expected);
        }
    }

    #[test]
    fn openmetrics_marks_integers_as_floats() {
        let mut out = Vec::new();
        write_openmetrics_value(7.0, &mut out);
        assert_eq!(out, b"7.0");
        out.clear();
        write_openmetrics_value(1e6, &mut out);
        assert_eq!(out, b"1e+06");
    }

    proptest::proptest! {
        #[test]
        fn reads_back(value: f64) {
            let printed = text(value);
            let read: f64 = printed.parse().unwrap();
            proptest::prop_assert!(read == value || (read.is_nan() && value.is_nan()), "{printed}");
        }

        #[test]
        fn integers_read_back(value: i64) {
            proptest::prop_assert_eq!(text(value as f64).parse::<f64>().unwrap(), value as f64);
        }
    }
}
