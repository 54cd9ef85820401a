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
    /// Below 2^53 neighbours are at most 1 apart, so an integer's own digits are the shortest.
    const EXACT: f64 = (1_u64 << 53) as f64;
    let magnitude = value.abs();
    if (1e-4..1e6).contains(&magnitude) {
        if !write_decimal(value, out) {
            // Here ryu prints what Go prints; integers were printed already.
            out.extend_from_slice(ryu::Buffer::new().format_finite(value).as_bytes());
        }
        return;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    if (1e6..EXACT).contains(&magnitude) && (magnitude as u64) as f64 == magnitude {
        let mut buffer = itoa::Buffer::new();
        let digits = buffer.format(magnitude as u64).as_bytes();
        write_exponential(without_zeros(digits), digits.len() as i32 - 1, out);
    } else {
        write_rest(magnitude, out);
    }
}

/// Appends a value that is not whole, is below 1e6, and has at most six digits behind the point, as seconds mostly do;
/// whether it is such a one. At most 15 digits that read back as the value are the shortest that do, since no two such
/// decimals read as one float. An eighth of what finding them costs.
fn write_decimal(value: f64, out: &mut Vec<u8>) -> bool {
    const DIGITS: usize = 6;
    const UNITS: u64 = 1_000_000;
    let magnitude = value.abs();
    let units = (magnitude * UNITS as f64 + 0.5) as u64;
    if units as f64 / UNITS as f64 != magnitude {
        return false;
    }
    if value < 0.0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(units / UNITS).as_bytes());
    let mut text = [b'.'; DIGITS + 1];
    let mut rest = units % UNITS;
    for digit in text[1..].iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    out.extend_from_slice(without_zeros(&text));
    true
}

/// The shortest digits of what is neither small nor an integer, from ryu's text: `1.5e-7`, `1234567.5`, `1e21`.
fn write_rest(magnitude: f64, out: &mut Vec<u8>) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(magnitude);
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse().unwrap_or(0)),
        None => (text, 0_i32),
    };
    let (whole, part) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let mut space = [0_u8; 24];
    let mut len = 0;
    // `0.00001` has its first digit behind the point.
    let mut leading = 0;
    for digit in whole.bytes().chain(part.bytes()) {
        if len == 0 && digit == b'0' {
            leading += 1;
        } else {
            space[len] = digit;
            len += 1;
        }
    }
    let first = whole.len() as i32 - 1 - leading;
    write_exponential(without_zeros(&space[..len]), first + exponent, out);
}

fn without_zeros(digits: &[u8]) -> &[u8] {
    let end = digits.iter().rposition(|&digit| digit != b'0').unwrap_or(0);
    &digits[..=end]
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
            (99.327, "99.327"),
            (-2.007, "-2.007"),
            (0.000_101, "0.000101"),
            (999_999.999_999, "999999.999999"),
            (999_999.999_999_9, "999999.9999999"),
            (0.1 + 0.2, "0.30000000000000004"),
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
        fn decimals_are_as_ryu_prints_them(units in 100_u64..1_000_000_000_000, off in -2_i64..3) {
            let value = f64::from_bits((units as f64 / 1e6).to_bits().wrapping_add_signed(off));
            proptest::prop_assume!(value.fract() != 0.0 && value >= 1e-4);
            let mut buffer = ryu::Buffer::new();
            proptest::prop_assert_eq!(text(value), buffer.format_finite(value));
        }

        #[test]
        fn integers_read_back(value: i64) {
            proptest::prop_assert_eq!(text(value as f64).parse::<f64>().unwrap(), value as f64);
        }
    }
}
