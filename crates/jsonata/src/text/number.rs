//! Numbers as text, in the way JavaScript writes and reads them, and rounding

use crate::Error;

/// Up to here every whole number has an exact double: 2^53
const LARGEST_EXACT: f64 = 9_007_199_254_740_992.0;

/// What JavaScript's `String(n)` gives: `1e+21`, `1e-7`, `0` for minus zero, `Infinity`, `NaN`.
pub(crate) fn number_text(value: f64) -> String {
    if value.abs() < LARGEST_EXACT && value.fract() == 0.0 {
        return (value as i64).to_string();
    }
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value < 0.0 { "-Infinity" } else { "Infinity" }.to_owned();
    }
    let (digits, point) = shortest_digits(value.abs());
    let sign = if value < 0.0 { "-" } else { "" };
    lay_out(sign, &digits, point)
}

/// What `$string` gives for a number: rounded to 15 significant digits, then as [`number_text`].
pub(crate) fn rounded_text(value: f64) -> String {
    number_text(round_to_15_digits(value))
}

/// JavaScript's `Number(value.toPrecision(15))`, which is also what numbers inside arrays and objects become.
pub(crate) fn round_to_15_digits(value: f64) -> f64 {
    const PRECISION: usize = 15;
    if !value.is_finite() || (value.fract() == 0.0 && value.abs() < 1e15) {
        return value;
    }
    let magnitude = value.abs();
    let (digits, point) = shortest_digits(magnitude);
    if digits.len() <= PRECISION {
        return value;
    }
    // The standard formatter rounds the exact decimal expansion half to even; JavaScript rounds a tie up. A tie has
    // exactly 16 digits, the last a 5, and nothing behind them in the exact expansion.
    let mut text = format!("{magnitude:.14e}");
    if digits.len() == PRECISION + 1 && digits.ends_with('5') {
        let exact = format!("{magnitude:.60e}");
        let behind = exact.bytes().filter(u8::is_ascii_digit).skip(PRECISION + 1).take(60 - PRECISION);
        if behind.into_iter().all(|digit| digit == b'0') {
            let kept = digits.get(..PRECISION).and_then(|kept| kept.parse::<u64>().ok()).unwrap_or_default();
            text = format!("{}e{}", kept + 1, point - PRECISION as i32);
        }
    }
    let rounded = text.parse::<f64>().unwrap_or(magnitude);
    if value < 0.0 { -rounded } else { rounded }
}

/// The shortest decimal digits that give this positive number back, and where the decimal point is, counted from before
/// the first digit: `("125", 1)` is 1.25.
fn shortest_digits(magnitude: f64) -> (String, i32) {
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(magnitude);
    let (mantissa, exponent) = match text.split_once('e') {
        Some((mantissa, exponent)) => (mantissa, exponent.parse::<i32>().unwrap_or_default()),
        None => (text, 0),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let all = format!("{whole}{fraction}");
    let leading = all.len() - all.trim_start_matches('0').len();
    let digits = all.trim_matches('0');
    if digits.is_empty() {
        return ("0".to_owned(), 1);
    }
    (digits.to_owned(), whole.len() as i32 + exponent - leading as i32)
}

/// Writes digits with a decimal point, or with an exponent where JavaScript does.
fn lay_out(sign: &str, digits: &str, point: i32) -> String {
    let count = digits.len() as i32;
    if !(-5..=21).contains(&point) {
        let (first, rest) = digits.split_at_checked(1).unwrap_or((digits, ""));
        let dot = if rest.is_empty() { "" } else { "." };
        let exponent = point - 1;
        let exponent_sign = if exponent < 0 { '-' } else { '+' };
        return format!("{sign}{first}{dot}{rest}e{exponent_sign}{}", exponent.abs());
    }
    if point <= 0 {
        return format!("{sign}0.{}{digits}", "0".repeat(point.unsigned_abs() as usize));
    }
    if point >= count {
        return format!("{sign}{digits}{}", "0".repeat((point - count) as usize));
    }
    let (whole, fraction) = digits.split_at_checked(point as usize).unwrap_or((digits, ""));
    format!("{sign}{whole}.{fraction}")
}

/// What `$number` makes of a text: decimal, or hexadecimal, octal or binary with `0x`, `0o`, `0b`. None where the text
/// is no number or the number has no finite double.
///
/// Zeros may lead, as in `007`. The three prefixes come without a sign.
pub(crate) fn parse_number(text: &str) -> Option<f64> {
    let value = if is_decimal(text) { text.parse::<f64>().ok()? } else { parse_prefixed(text)? };
    value.is_finite().then_some(value)
}

/// Is it `-`?, digits, a fraction with digits?, an exponent?
fn is_decimal(text: &str) -> bool {
    fn digits(rest: &[u8]) -> Option<&[u8]> {
        let count = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if count == 0 { None } else { rest.get(count..) }
    }
    let bytes = text.as_bytes();
    let Some(mut rest) = digits(bytes.strip_prefix(b"-").unwrap_or(bytes)) else { return false };
    if let [b'.', fraction @ ..] = rest {
        match digits(fraction) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    if let [b'e' | b'E', exponent @ ..] = rest {
        let unsigned = match exponent {
            [b'+' | b'-', unsigned @ ..] => unsigned,
            _ => exponent,
        };
        match digits(unsigned) {
            Some(after) => rest = after,
            None => return false,
        }
    }
    rest.is_empty()
}

/// Reads `0x1F`, `0o17` and `0b101`. The reference lets white space be where its expression happens to leave an end
/// open: after `0x…`, around `0o…`, before `0b…`.
fn parse_prefixed(text: &str) -> Option<f64> {
    let trimmed = text.trim_matches(is_space);
    let (prefix, digits) = trimmed.split_at_checked(2)?;
    let (bits, before, after) = match prefix {
        "0x" | "0X" => (4, false, true),
        "0o" | "0O" => (3, true, true),
        "0b" | "0B" => (1, true, false),
        _ => return None,
    };
    if (!before && text.starts_with(is_space)) || (!after && text.ends_with(is_space)) || digits.is_empty() {
        return None;
    }
    // The number's first 100 bits and more, how many digits follow them, and whether one of those isn't zero: enough to
    // round correctly.
    let mut leading: u128 = 0;
    let mut skipped: i32 = 0;
    let mut rest: u128 = 0;
    for digit in digits.chars() {
        let digit = digit.to_digit(1 << bits)?;
        if leading >> 100 == 0 {
            leading = (leading << bits) | u128::from(digit);
        } else {
            skipped = skipped.saturating_add(bits);
            rest |= u128::from(digit != 0);
        }
    }
    let value = (leading | rest) as f64;
    Some(if skipped > 2000 { f64::INFINITY } else { value * 2f64.powi(skipped) })
}

/// What JavaScript takes for white space (`\s`, and what is trimmed off a text): U+FEFF is, U+0085 is not.
pub(crate) fn is_space(character: char) -> bool {
    matches!(
        character,
        '\t'..='\r' | ' ' | '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{2028}' | '\u{2029}' | '\u{202f}'
            | '\u{205f}' | '\u{3000}' | '\u{feff}'
    )
}

/// Writes a number, rounded to a whole one, with digits of a radix (also rounded) from 2 to 36.
///
/// # Errors
/// `D3100` for another radix.
pub(crate) fn format_base(value: f64, radix: f64) -> Result<String, Error> {
    let value = round(value, 0);
    let radix = round(radix, 0);
    if !(2.0..=36.0).contains(&radix) {
        return Err(Error::new("D3100").value(number_text(radix)));
    }
    if radix == 10.0 || !value.is_finite() {
        return Ok(number_text(value));
    }
    // Well above 2^53 JavaScript writes zeros for what a double can't tell, so the division is one of doubles as well.
    let mut whole = value.abs();
    let mut digits = Vec::new();
    while whole / radix >= LARGEST_EXACT {
        whole /= radix;
        digits.push('0');
    }
    loop {
        let digit = whole % radix;
        digits.push(char::from_digit(digit as u32, radix as u32).unwrap_or('0'));
        whole = (whole - digit) / radix;
        if whole <= 0.0 {
            break;
        }
    }
    if value < 0.0 {
        digits.push('-');
    }
    Ok(digits.into_iter().rev().collect())
}

/// `$round`: to a number of decimal places, which may be negative, halves to even. Never minus zero.
///
/// As the reference does, the decimal point is moved in the number's shortest text, so that 1.005 is a half at two
/// places although its double is less.
pub(crate) fn round(value: f64, precision: i32) -> f64 {
    let shifted = if precision == 0 { value } else { move_point(value, i64::from(precision)) };
    if !shifted.is_finite() {
        // So many places are wanted that JavaScript has no number for it
        return if precision == 0 { value } else { f64::NAN };
    }
    let below = shifted.floor();
    let rounded = match shifted - below {
        part if part < 0.5 => below,
        part if part > 0.5 => below + 1.0,
        _ if below % 2.0 == 0.0 => below,
        _ => below + 1.0,
    };
    let result = if precision == 0 { rounded } else { move_point(rounded, -i64::from(precision)) };
    // JSON has no minus zero
    if result == 0.0 { 0.0 } else { result }
}

/// The number times a power of ten, correctly rounded.
fn move_point(value: f64, places: i64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let (digits, point) = shortest_digits(value.abs());
    let exponent = i64::from(point) - digits.len() as i64 + places;
    let moved = format!("{digits}e{exponent}").parse::<f64>().unwrap_or(value);
    if value < 0.0 { -moved } else { moved }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_text(value: f64, expected: &str) {
        assert_eq!(number_text(value), expected, "{value:e}");
    }

    #[test]
    fn numbers_are_written_as_javascript_does() {
        check_text(0.0, "0");
        check_text(-0.0, "0");
        check_text(1.0, "1");
        check_text(-12.5, "-12.5");
        check_text(1e21, "1e+21");
        check_text(1e20, "100000000000000000000");
        check_text(123456789012345680000.0, "123456789012345680000");
        check_text(1.5e300, "1.5e+300");
        check_text(1e-6, "0.000001");
        check_text(1e-7, "1e-7");
        check_text(1.25e-7, "1.25e-7");
        check_text(5e-324, "5e-324");
        check_text(0.1 + 0.2, "0.30000000000000004");
        check_text(9007199254740993.0, "9007199254740992");
        check_text(f64::MAX, "1.7976931348623157e+308");
        check_text(f64::INFINITY, "Infinity");
        check_text(f64::NEG_INFINITY, "-Infinity");
        check_text(f64::NAN, "NaN");
    }

    #[track_caller]
    fn check_rounded(value: f64, expected: &str) {
        assert_eq!(rounded_text(value), expected, "{value:e}");
    }

    #[test]
    fn strings_of_numbers_have_15_digits() {
        check_rounded(0.1 + 0.2, "0.3");
        check_rounded(22.0 / 7.0, "3.14285714285714");
        check_rounded(-22.0 / 7.0, "-3.14285714285714");
        check_rounded(1e100 / 3.0, "3.33333333333333e+99");
        check_rounded(5e-324, "5e-324");
        check_rounded(5890840712243076.0, "5890840712243080");
        check_rounded(1e20, "100000000000000000000");
        check_rounded(1234567890123456.0, "1234567890123460");
        // Ties go up
        check_rounded(100000000000000.5, "100000000000001");
        check_rounded(100000000000001.5, "100000000000002");
        check_rounded(1000000000000005.0, "1000000000000010");
        check_rounded(-1000000000000005.0, "-1000000000000010");
    }

    #[track_caller]
    fn check_parsed(text: &str, expected: Option<f64>) {
        assert_eq!(parse_number(text), expected, "{text:?}");
    }

    #[test]
    fn texts_are_read_as_numbers() {
        check_parsed("0", Some(0.0));
        check_parsed("-5", Some(-5.0));
        check_parsed("007", Some(7.0));
        check_parsed("10", Some(10.0));
        check_parsed("-0.05", Some(-0.05));
        check_parsed("1e2", Some(100.0));
        check_parsed("1.0e-2", Some(0.01));
        check_parsed("1e0", Some(1.0));
        check_parsed("00", Some(0.0));
        check_parsed("0123", Some(123.0));
        check_parsed("-007", Some(-7.0));
        check_parsed("000.00123000", Some(0.00123));
        check_parsed("0x12", Some(18.0));
        check_parsed("0B101", Some(5.0));
        check_parsed("0O12", Some(10.0));
        for text in ["10e500", "Hello world", "1/2", "1234 hello", "[1]"] {
            check_parsed(text, None);
        }
        check_parsed("1.5e3", Some(1500.0));
        check_parsed("1E-2", Some(0.01));
        check_parsed("0x1F", Some(31.0));
        check_parsed("0X1f ", Some(31.0));
        check_parsed(" 0o17 ", Some(15.0));
        check_parsed("0b101", Some(5.0));
        check_parsed("0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF", Some(2f64.powi(144)));
        for text in [
            "", " 1", "1 ", "+1", "1.", ".5", "1e", "1e400", "0x", "0xg", "-0x1", " 0x1", "0b1 ", "0b2", "é",
            "0é",
        ] {
            check_parsed(text, None);
        }
    }

    #[track_caller]
    fn check_base(value: f64, radix: f64, expected: &str) {
        assert_eq!(format_base(value, radix).unwrap(), expected, "{value} {radix}");
    }

    #[test]
    fn numbers_are_written_in_other_bases() {
        check_base(100.0, 10.0, "100");
        check_base(100.0, 2.0, "1100100");
        check_base(-100.0, 2.0, "-1100100");
        check_base(-0.4, 2.0, "0");
        check_base(99.5, 2.5, "1100100");
        check_base(100.0, 36.0, "2s");
        check_base(5890840712243076.0, 10.0, "5890840712243076");
        check_base(255.0, 16.0, "ff");
        check_base(1e21, 10.0, "1e+21");
        check_base(1e18, 7.0, "1535044306544330042000");
        for radix in [1.0, 37.0, 0.0, -5.0, f64::NAN] {
            assert_eq!(format_base(100.0, radix).unwrap_err().code(), Some("D3100"));
        }
        assert_eq!(
            format_base(100.0, 37.0).unwrap_err().to_string(),
            "D3100: The radix of the formatBase function must be between 2 and 36.  It was given 37"
        );
    }

    #[track_caller]
    fn check_round(value: f64, precision: i32, expected: f64) {
        let result = round(value, precision);
        assert_eq!(result, expected, "{value} {precision}");
        assert!(result != 0.0 || result.is_sign_positive(), "{value} {precision}");
    }

    #[test]
    fn halves_are_rounded_to_even() {
        check_round(4.0, 0, 4.0);
        check_round(2.3, 0, 2.0);
        check_round(2.7, 0, 3.0);
        check_round(2.5, 0, 2.0);
        check_round(3.5, 0, 4.0);
        check_round(-0.3, 0, 0.0);
        check_round(0.5, 0, 0.0);
        check_round(-7.5, 0, -8.0);
        check_round(-8.5, 0, -8.0);
        check_round(4.49, 1, 4.5);
        check_round(-0.5, 0, 0.0);
        check_round(-1.5, 0, -2.0);
        check_round(-2.5, 0, -2.0);
        check_round(4.515, 2, 4.52);
        check_round(4.525, 2, 4.52);
        check_round(1.005, 2, 1.0);
        check_round(12345.0, -2, 12300.0);
        check_round(12450.0, -2, 12400.0);
        check_round(12350.0, -2, 12400.0);
        check_round(6.022e-23, 24, 6e-23);
        check_round(1e-100, 3, 0.0);
        assert!(round(1.25, i32::MAX).is_nan());
        check_round(1.25, i32::MIN, 0.0);
        assert!(round(1e300, 20).is_nan());
        assert!(round(f64::NAN, 0).is_nan());
    }
}
