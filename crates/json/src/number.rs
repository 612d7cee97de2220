//! Numbers that keep what was written: whole numbers exactly, all others as the nearest `f64`

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

/// A JSON number. As with Jackson, `1` stays a whole number, `1.0` stays a fraction, and both are equal.
#[derive(Clone)]
pub struct Number(Kind);

#[derive(Clone)]
enum Kind {
    Int(i64),
    /// A whole number that `i64` cannot hold: digits without leading zeros, with a minus sign if negative.
    Big(Arc<str>),
    /// Never infinite, never "not a number".
    Float(f64),
}

/// 2^63: the first whole number past `i64`.
const I64_END: f64 = 9_223_372_036_854_775_808.0;

impl Number {
    /// The nearest value for a finite float; `None` for infinities and "not a number", which JSON cannot hold.
    pub fn from_f64(value: f64) -> Option<Number> {
        value.is_finite().then_some(Number(Kind::Float(value)))
    }

    /// A whole number from its JSON text (`-?digits`, no leading zeros); `None` for any other text.
    pub fn from_integer_text(text: &str) -> Option<Number> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        if !plain || (digits.len() > 1 && digits.starts_with('0')) {
            return None;
        }
        Some(text.parse::<i64>().map_or_else(|_| Number(Kind::Big(text.into())), Number::from))
    }

    /// The value of a whole number that `i64` holds. `None` for `1.0`: see [`Number::integral`].
    pub fn as_i64(&self) -> Option<i64> {
        match self.0 {
            Kind::Int(value) => Some(value),
            _ => None,
        }
    }

    /// The value when it is whole and `i64` holds it, however it is written: 1 for `1`, `1.0` and `1e0`.
    pub fn integral(&self) -> Option<i64> {
        match self.0 {
            Kind::Int(value) => Some(value),
            Kind::Float(value) if value.fract() == 0.0 && (-I64_END..I64_END).contains(&value) => {
                Some(value as i64)
            }
            _ => None,
        }
    }

    /// The nearest `f64`; infinite for a whole number past the range of `f64`.
    pub fn as_f64(&self) -> f64 {
        match &self.0 {
            Kind::Int(value) => *value as f64,
            Kind::Big(text) => text.parse().unwrap_or(f64::INFINITY),
            Kind::Float(value) => *value,
        }
    }

    /// Written without fraction and exponent, of any size.
    pub fn is_integer(&self) -> bool {
        !matches!(self.0, Kind::Float(_))
    }

    /// Bytes of the JSON text.
    pub fn text_size(&self) -> usize {
        match &self.0 {
            Kind::Int(value) => integer_text_size(*value),
            Kind::Big(text) => text.len(),
            Kind::Float(_) => {
                let mut size = 0;
                self.with_text(|text| size = text.len());
                size
            }
        }
    }

    /// Hands the JSON text to `use_text` without allocating.
    pub(crate) fn with_text(&self, use_text: impl FnOnce(&str)) {
        match &self.0 {
            Kind::Int(value) => use_text(itoa::Buffer::new().format(*value)),
            Kind::Big(text) => use_text(text),
            Kind::Float(value) => {
                let mut text = FloatText::default();
                text.write(*value);
                use_text(text.as_str());
            }
        }
    }
}

fn integer_text_size(value: i64) -> usize {
    let digits = value.unsigned_abs().checked_ilog10().map_or(1, |log| log as usize + 1);
    digits + usize::from(value < 0)
}

/// Text of one float in the layout of Java's `Double.toString`: plain from 0.001 up to (not including) 10,000,000,
/// otherwise one digit, a point, the other digits, `E` and the exponent (`1.0E10`). Shortest digits that read back.
#[derive(Default)]
struct FloatText {
    bytes: [u8; 32],
    length: usize,
}

impl FloatText {
    fn push(&mut self, byte: u8) {
        if let Some(slot) = self.bytes.get_mut(self.length) {
            *slot = byte;
            self.length += 1;
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.length]).unwrap_or("0.0")
    }

    fn write(&mut self, value: f64) {
        if value.is_sign_negative() {
            self.push(b'-');
        }
        let (digits, count, point) = shortest_digits(value.abs());
        let digits = &digits[..count];
        let digit = |at: i32| usize::try_from(at).ok().and_then(|at| digits.get(at)).copied().unwrap_or(b'0');
        if count == 0 {
            self.push(b'0');
            self.push(b'.');
            self.push(b'0');
        } else if (-2..=7).contains(&point) {
            // The number is 0.digits x 10^point.
            for at in point.min(1) - 1..point.max(1) {
                if point <= 0 && at < 0 {
                    continue;
                }
                self.push(if point <= 0 { b'0' } else { digit(at) });
            }
            self.push(b'.');
            for at in point..(count as i32).max(point + 1) {
                self.push(digit(at));
            }
        } else {
            self.push(digit(0));
            self.push(b'.');
            for at in 1..(count as i32).max(2) {
                self.push(digit(at));
            }
            self.push(b'E');
            for byte in itoa::Buffer::new().format(point - 1).bytes() {
                self.push(byte);
            }
        }
    }
}

/// The shortest digits `d` (without zeros at either end) and the exponent `e` with `value = 0.d × 10^e`.
fn shortest_digits(value: f64) -> ([u8; 24], usize, i32) {
    let mut buffer = ryu::Buffer::new();
    let (mut digits, mut count, mut point, mut exponent) = ([0u8; 24], 0usize, 0i32, 0i32);
    let mut behind_point = false;
    let text = buffer.format_finite(value);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'.' => behind_point = true,
            b'e' => {
                exponent = text[at + 1..].parse().unwrap_or(0);
                break;
            }
            b'0' if count == 0 => point -= i32::from(behind_point),
            digit => {
                if let Some(slot) = digits.get_mut(count) {
                    *slot = digit;
                    count += 1;
                }
                point += i32::from(!behind_point);
            }
        }
    }
    while count > 0 && digits[count - 1] == b'0' {
        count -= 1;
    }
    (digits, count, point + exponent)
}

impl From<i64> for Number {
    fn from(value: i64) -> Number {
        Number(Kind::Int(value))
    }
}

impl From<u64> for Number {
    fn from(value: u64) -> Number {
        i64::try_from(value).map_or_else(|_| Number(Kind::Big(value.to_string().into())), Number::from)
    }
}

impl PartialEq for Number {
    fn eq(&self, other: &Number) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Number {}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Number) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// By exact value: neither a large whole number nor a float is rounded for the comparison.
impl Ord for Number {
    fn cmp(&self, other: &Number) -> Ordering {
        match (&self.0, &other.0) {
            (Kind::Int(left), Kind::Int(right)) => left.cmp(right),
            (Kind::Float(left), Kind::Float(right)) => left.partial_cmp(right).unwrap_or(Ordering::Equal),
            (Kind::Int(left), Kind::Float(right)) => compare_int_float(*left, *right),
            (Kind::Float(left), Kind::Int(right)) => compare_int_float(*right, *left).reverse(),
            (Kind::Big(left), Kind::Big(right)) => compare_integer_texts(left, right),
            (Kind::Big(left), Kind::Int(_)) => sign_of_text(left),
            (Kind::Int(_), Kind::Big(right)) => sign_of_text(right).reverse(),
            (Kind::Big(left), Kind::Float(right)) => compare_big_float(left, *right),
            (Kind::Float(left), Kind::Big(right)) => compare_big_float(right, *left).reverse(),
        }
    }
}

fn compare_int_float(int: i64, float: f64) -> Ordering {
    if float >= I64_END {
        return Ordering::Less;
    }
    if float < -I64_END {
        return Ordering::Greater;
    }
    let whole = float.trunc();
    int.cmp(&(whole as i64)).then_with(|| 0.0f64.partial_cmp(&(float - whole)).unwrap_or(Ordering::Equal))
}

fn compare_big_float(big: &str, float: f64) -> Ordering {
    if (-I64_END..I64_END).contains(&float) {
        return sign_of_text(big);
    }
    // Floats of this size are whole, and this prints all their digits.
    compare_integer_texts(big, &format!("{float:.0}"))
}

fn sign_of_text(big: &str) -> Ordering {
    if big.starts_with('-') { Ordering::Less } else { Ordering::Greater }
}

fn compare_integer_texts(left: &str, right: &str) -> Ordering {
    let by_digits = |left: &str, right: &str| left.len().cmp(&right.len()).then_with(|| left.cmp(right));
    match (left.strip_prefix('-'), right.strip_prefix('-')) {
        (None, None) => by_digits(left, right),
        (Some(left), Some(right)) => by_digits(right, left),
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut result = Ok(());
        self.with_text(|text| result = formatter.write_str(text));
        result
    }
}

impl fmt::Debug for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
