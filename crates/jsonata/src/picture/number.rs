//! `$formatNumber`: numbers in the way of XPath's `format-number`

use std::collections::VecDeque;

use super::{LONGEST_PICTURE, regular_interval};
use crate::Error;
use crate::text::number::round;

/// The characters that have a meaning in pictures, and the texts that appear in results
struct Options {
    decimal_separator: Vec<char>,
    grouping_separator: Vec<char>,
    exponent_separator: Vec<char>,
    infinity: String,
    minus_sign: Vec<char>,
    not_a_number: String,
    percent: Vec<char>,
    per_mille: Vec<char>,
    zero_digit: char,
    digit: Vec<char>,
    pattern_separator: Vec<char>,
}

impl Options {
    fn new(given: &[(String, String)]) -> Options {
        let text = |name: &str, default: &str| {
            let given = given.iter().rev().find(|(other, _)| other == name);
            given.map_or_else(|| default.to_owned(), |(_, value)| value.clone())
        };
        let characters = |name: &str, default: &str| text(name, default).chars().collect::<Vec<char>>();
        Options {
            decimal_separator: characters("decimal-separator", "."),
            grouping_separator: characters("grouping-separator", ","),
            exponent_separator: characters("exponent-separator", "e"),
            infinity: text("infinity", "Infinity"),
            minus_sign: characters("minus-sign", "-"),
            not_a_number: text("NaN", "NaN"),
            percent: characters("percent", "%"),
            per_mille: characters("per-mille", "\u{2030}"),
            zero_digit: characters("zero-digit", "0").first().copied().unwrap_or('0'),
            digit: characters("digit", "#"),
            pattern_separator: characters("pattern-separator", ";"),
        }
    }

    /// Is it one of the ten digits that begin with the zero digit?
    fn is_mandatory(&self, character: char) -> bool {
        u32::from(character).checked_sub(self.zero_digit.into()).is_some_and(|digit| digit < 10)
    }

    fn is_digit(&self, character: char) -> bool {
        self.is_mandatory(character) || self.digit == [character]
    }

    fn is_active(&self, character: char) -> bool {
        let separators = [
            &self.decimal_separator,
            &self.exponent_separator,
            &self.grouping_separator,
            &self.pattern_separator,
        ];
        self.is_digit(character) || separators.into_iter().any(|separator| *separator == [character])
    }

    /// A decimal digit in the picture's digits.
    fn translate(&self, digit: char) -> char {
        let Some(value) = digit.to_digit(10) else { return digit };
        char::from_u32(u32::from(self.zero_digit) + value).unwrap_or(digit)
    }
}

/// Writes a number as a picture shows. Options are pairs of a name and a text, as XPath names them:
/// `decimal-separator`, `grouping-separator`, `exponent-separator`, `minus-sign`, `infinity`, `NaN`, `percent`,
/// `per-mille`, `zero-digit`, `digit`, `pattern-separator`.
///
/// # Errors
/// `D3080` to `D3093` for a bad picture; the last that applies counts.
pub(crate) fn format_number(
    value: f64,
    picture: &str,
    options: &[(String, String)],
) -> Result<String, Error> {
    let options = Options::new(options);
    let characters: Vec<char> = picture.chars().collect();
    if characters.len() > LONGEST_PICTURE {
        return Err(Error::with_message("D3080", "The picture string is too long"));
    }
    let parts = split(&characters, &options.pattern_separator);
    if parts.len() > 2 {
        return Err(Error::new("D3080"));
    }
    let mut formats = Vec::new();
    for part in parts {
        let part = SubPicture::new(part, &options);
        part.validate(&options)?;
        formats.push(Format::new(&part, &options));
    }
    if value.is_nan() {
        return Ok(options.not_a_number);
    }
    let Some(first) = formats.first() else { return Err(Error::new("D3085")) };
    if value >= 0.0 {
        return Ok(first.write(value, &options));
    }
    Ok(match formats.get(1) {
        Some(negative) => negative.write(value, &options),
        None => options.minus_sign.iter().collect::<String>() + &first.write(value, &options),
    })
}

/// Where a text is in another, at or behind an index.
fn find(text: &[char], wanted: &[char], from: usize) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    let behind = text.get(from..)?;
    behind.windows(wanted.len()).position(|window| window == wanted).map(|index| index + from)
}

fn split<'a>(text: &'a [char], separator: &[char]) -> Vec<&'a [char]> {
    let mut parts = Vec::new();
    let mut start = 0;
    while let Some(end) = find(text, separator, start) {
        parts.push(text.get(start..end).unwrap_or_default());
        start = end + separator.len();
    }
    parts.push(text.get(start..).unwrap_or_default());
    parts
}

/// One of at most two pictures, for numbers from zero on and for those below, and the parts of it
struct SubPicture<'a> {
    picture: &'a [char],
    prefix: &'a [char],
    suffix: &'a [char],
    active: &'a [char],
    mantissa: &'a [char],
    exponent: Option<&'a [char]>,
    integer: &'a [char],
    fraction: &'a [char],
}

impl<'a> SubPicture<'a> {
    fn new(picture: &'a [char], options: &Options) -> SubPicture<'a> {
        let is_edge =
            |character: &char| options.is_active(*character) && options.exponent_separator != [*character];
        // A picture without any active character is active as a whole, so that it's refused
        let first = picture.iter().position(is_edge).unwrap_or(0);
        let last = picture.iter().rposition(is_edge).map_or(picture.len(), |last| last + 1);
        let cut = |text: &'a [char], start: usize, end: usize| {
            text.get(start..end.min(text.len())).unwrap_or_default()
        };
        let active = cut(picture, first, last);
        // The reference counts the exponent's place from the start of the whole picture; so a prefix before a picture
        // with an exponent isn't supported
        let position = find(picture, &options.exponent_separator, first).filter(|position| *position <= last);
        let (mantissa, exponent) = match position {
            Some(position) => (cut(active, 0, position), Some(cut(active, position + 1, active.len()))),
            None => (active, None),
        };
        let suffix = cut(picture, last, picture.len());
        let (integer, fraction) = match find(mantissa, &options.decimal_separator, 0) {
            Some(point) => (cut(mantissa, 0, point), cut(mantissa, point + 1, mantissa.len())),
            None => (mantissa, suffix),
        };
        SubPicture {
            picture,
            prefix: cut(picture, 0, first),
            suffix,
            active,
            mantissa,
            exponent,
            integer,
            fraction,
        }
    }

    fn validate(&self, options: &Options) -> Result<(), Error> {
        let position = |wanted: &[char]| find(self.picture, wanted, 0);
        let is_repeated = |wanted: &[char]| {
            position(wanted).is_some_and(|first| find(self.picture, wanted, first + 1).is_some())
        };
        let has_scale = position(&options.percent).is_some() || position(&options.per_mille).is_some();
        let is_grouping = |character: Option<&char>| {
            character.is_some_and(|character| options.grouping_separator == [*character])
        };
        let is_mandatory = |character: &char| options.is_mandatory(*character);
        let (misplaced_grouping, ends_with_grouping) = match position(&options.decimal_separator) {
            Some(point) => {
                let before = point.checked_sub(1).and_then(|before| self.picture.get(before));
                (is_grouping(before) || is_grouping(self.picture.get(point + 1)), false)
            }
            None => (false, is_grouping(self.integer.last())),
        };
        let twice: Vec<char> = options.grouping_separator.repeat(2);
        let optional_last = find(self.integer, &options.digit, 0)
            .is_some_and(|optional| self.integer.iter().take(optional).any(is_mandatory));
        let optional_first = rfind(self.fraction, &options.digit)
            .is_some_and(|optional| self.fraction.iter().skip(optional).any(is_mandatory));
        let exponent = self.exponent;
        let checks = [
            ("D3081", is_repeated(&options.decimal_separator)),
            ("D3082", is_repeated(&options.percent)),
            ("D3083", is_repeated(&options.per_mille)),
            ("D3084", position(&options.percent).is_some() && position(&options.per_mille).is_some()),
            ("D3085", !self.mantissa.iter().any(|character| options.is_digit(*character))),
            ("D3086", self.active.iter().any(|character| !options.is_active(*character))),
            ("D3087", misplaced_grouping),
            ("D3088", ends_with_grouping),
            ("D3089", position(&twice).is_some()),
            ("D3090", optional_last),
            ("D3091", optional_first),
            ("D3092", exponent.is_some_and(|exponent| !exponent.is_empty()) && has_scale),
            (
                "D3093",
                exponent.is_some_and(|exponent| exponent.is_empty() || !exponent.iter().all(is_mandatory)),
            ),
        ];
        match checks.into_iter().rev().find(|check| check.1) {
            Some((code, _)) => Err(Error::new(code)),
            None => Ok(()),
        }
    }
}

fn rfind(text: &[char], wanted: &[char]) -> Option<usize> {
    if wanted.is_empty() {
        return None;
    }
    text.windows(wanted.len()).rposition(|window| window == wanted)
}

/// What a picture says, worked out
struct Format {
    prefix: String,
    suffix: String,
    /// 100 for percent, 1000 for per mille
    factor: f64,
    has_point: bool,
    integer_groups: Vec<usize>,
    regular_groups: usize,
    fraction_groups: Vec<usize>,
    least_integer: usize,
    least_fraction: usize,
    most_fraction: usize,
    least_exponent: usize,
    /// How many digits the mantissa has before the point when there's an exponent
    scaling: usize,
}

impl Format {
    fn new(part: &SubPicture<'_>, options: &Options) -> Format {
        let mandatory =
            |text: &[char]| text.iter().filter(|character| options.is_mandatory(**character)).count();
        let digits = |text: &[char]| text.iter().filter(|character| options.is_digit(**character)).count();
        let separator = &options.grouping_separator;
        let mut integer_groups = Vec::new();
        let mut place = find(part.integer, separator, 0);
        while let Some(position) = place {
            integer_groups.push(digits(part.integer.get(position..).unwrap_or_default()));
            place = find(part.integer, separator, position + 1);
        }
        let mut fraction_groups = Vec::new();
        let mut place = find(part.fraction, separator, 0);
        while let Some(position) = place {
            fraction_groups.push(digits(part.fraction.get(..position).unwrap_or(part.fraction)));
            // The reference looks for more separators in the integer part, of all places
            place = find(part.integer, separator, position + 1);
        }
        let scaling = mandatory(part.integer);
        let mut least_integer = scaling;
        let mut least_fraction = mandatory(part.fraction);
        let mut most_fraction = digits(part.fraction);
        if least_integer == 0 && most_fraction == 0 {
            if part.exponent.is_some() {
                (least_fraction, most_fraction) = (1, 1);
            } else {
                least_integer = 1;
            }
        }
        if part.exponent.is_some() && least_integer == 0 && find(part.integer, &options.digit, 0).is_some() {
            least_integer = 1;
        }
        if least_integer == 0 && least_fraction == 0 {
            least_fraction = 1;
        }
        let factor = if find(part.picture, &options.percent, 0).is_some() {
            100.0
        } else if find(part.picture, &options.per_mille, 0).is_some() {
            1000.0
        } else {
            1.0
        };
        Format {
            prefix: part.prefix.iter().collect(),
            suffix: part.suffix.iter().collect(),
            factor,
            has_point: find(part.picture, &options.decimal_separator, 0).is_some(),
            regular_groups: regular_interval(&integer_groups),
            integer_groups,
            fraction_groups,
            least_integer,
            least_fraction,
            most_fraction,
            least_exponent: part.exponent.map_or(0, mandatory),
            scaling,
        }
    }

    /// Writes a number's magnitude with prefix and suffix.
    fn write(&self, value: f64, options: &Options) -> String {
        let mut mantissa = value * self.factor;
        if mantissa.is_infinite() {
            return format!("{}{}{}", self.prefix, options.infinity, self.suffix);
        }
        let mut exponent = None;
        if self.least_exponent > 0 {
            let (scaled, moved) = scale(mantissa.abs(), self.scaling);
            mantissa = scaled;
            exponent = Some(moved);
        }
        let most_fraction = self.most_fraction;
        let places = i32::try_from(most_fraction).unwrap_or(i32::MAX);
        let text = format!("{:.most_fraction$}", round(mantissa, places).abs());
        let mut written = self.group(&text, options);
        if let Some(exponent) = exponent {
            written.extend(&options.exponent_separator);
            if exponent < 0 {
                written.extend(&options.minus_sign);
            }
            let digits = format!("{:0>1$}", exponent.unsigned_abs(), self.least_exponent);
            written.extend(digits.chars().map(|digit| options.translate(digit)));
        }
        format!("{}{}{}", self.prefix, written.iter().collect::<String>(), self.suffix)
    }

    /// Pads a number's decimal text, without a sign, and puts separators into it.
    fn group(&self, text: &str, options: &Options) -> VecDeque<char> {
        let (integer, fraction) = text.split_once('.').unwrap_or((text, ""));
        let integer = integer.trim_start_matches('0');
        let fraction = fraction.trim_end_matches('0');
        let mut written: VecDeque<char> = VecDeque::new();
        let zeros = |count: usize, least: usize| std::iter::repeat_n('0', least.saturating_sub(count));
        written.extend(
            zeros(integer.len(), self.least_integer)
                .chain(integer.chars())
                .map(|digit| options.translate(digit)),
        );
        let mut point = written.len();
        written.extend(&options.decimal_separator);
        let fraction = fraction.chars().chain(zeros(fraction.len(), self.least_fraction));
        written.extend(fraction.map(|digit| options.translate(digit)));
        let insert = |written: &mut VecDeque<char>, at: usize| {
            for (index, character) in options.grouping_separator.iter().enumerate() {
                written.insert((at + index).min(written.len()), *character);
            }
        };
        let separator_length = options.grouping_separator.len();
        match point.saturating_sub(1).checked_div(self.regular_groups) {
            Some(groups) => {
                for group in 1..=groups {
                    insert(&mut written, point - group * self.regular_groups);
                }
                point += groups * separator_length;
            }
            None => {
                for (place, group) in (point..).zip(&self.integer_groups) {
                    // Where there are fewer digits, the reference counts on from the text's end
                    let from_end = (written.len() + place).saturating_sub(*group);
                    insert(&mut written, place.checked_sub(*group).unwrap_or(from_end));
                }
                point = find_in(&written, &options.decimal_separator);
            }
        }
        for group in &self.fraction_groups {
            insert(&mut written, point + group + 1);
        }
        let point = find_in(&written, &options.decimal_separator);
        if !self.has_point || point + 1 == written.len() {
            written.pop_back();
        }
        written
    }
}

fn find_in(text: &VecDeque<char>, wanted: &[char]) -> usize {
    let first = wanted.first();
    text.iter().position(|character| Some(character) == first).unwrap_or(text.len())
}

/// Moves the decimal point so that so many digits are before it, and says by how much: the number is the first times ten
/// to the second.
fn scale(magnitude: f64, digits: usize) -> (f64, i32) {
    // A double has at most 308 digits before the point
    let digits = i32::try_from(digits.min(300)).unwrap_or(300);
    let power = |exponent: i32| format!("1e{exponent}").parse::<f64>().unwrap_or(1.0);
    let (least, most) = (power(digits - 1), power(digits));
    let (mut mantissa, mut exponent) = (magnitude, 0);
    if mantissa == 0.0 {
        return (mantissa, exponent);
    }
    while mantissa < least {
        mantissa *= 10.0;
        exponent -= 1;
    }
    while mantissa > most {
        mantissa /= 10.0;
        exponent += 1;
    }
    (mantissa, exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_with(value: f64, picture: &str, options: &[(&str, &str)], expected: &str) {
        let options: Vec<_> =
            options.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect();
        let result = format_number(value, picture, &options);
        let shown = result.unwrap_or_else(|error| error.code().unwrap_or_default().to_owned());
        assert_eq!(shown, expected, "{value} as {picture:?} with {options:?}");
    }

    #[track_caller]
    fn check(value: f64, picture: &str, expected: &str) {
        check_with(value, picture, &[], expected);
    }

    #[test]
    fn numbers_are_written() {
        check(12345.6, "#,###.00", "12,345.60");
        check(12345678.9, "9,999.99", "12,345,678.90");
        check(123412345678.9, "9,9,99.99", "123412345,6,78.90");
        check(1234.56789, "9,999.999,999", "1,234.567,890");
        check(123.9, "9999", "0124");
        check(0.14, "01%", "14%");
        check(0.4857, "###.###‰", "485.7‰");
        check(-6.0, "000", "-006");
        check(2.14 * 86.58, "PREFIX##00.000###SUFFIX", "PREFIX185.2812SUFFIX");
        check(2392.14 * -36.58, "000,000.000###;###,###.000###", "87,504.4812");
        check(1e20, "#,######", "100,000000,000000,000000");
        check(2.0, "000.000", "002.000");
        check(1e21, "#,##0", "1,000,000,000,000,000,000,000");
        check(f64::INFINITY, "#0", "Infinity");
        check(f64::NEG_INFINITY, "#0", "-Infinity");
        check(f64::NAN, "#0", "NaN");
        check(0.0, "#", "0");
        check(0.5, "#.#", ".5");
        check(0.0, "#.#", ".0");
        check(1.0, "#.#", "1.0");
        check(1.0, "0.#", "1");
    }

    #[test]
    fn exponents_are_written() {
        check(1234.5678, "00.000e0", "12.346e2");
        check(1234.5678, "00.000e000", "12.346e002");
        check(0.234, "0.0e0", "2.3e-1");
        check(0.234, "#.00e0", "0.23e0");
        check(0.123, "#.e9", "0.1e0");
        check(0.234, ".00e0", ".23e0");
        check(0.0, "0e0", "0e0");
        check(-42.0, "0e0", "-4e1");
        check(42.0, "0e0", "4e1");
        check(0.0, "0.00e0", "0.00e0");
        check(5e-324, "0e0", "5e-324");
        check(f64::MAX, "0.0e0", "1.8e308");
    }

    #[test]
    fn options_change_characters() {
        check_with(0.14, "###pm", &[("per-mille", "pm")], "140pm");
        check_with(1234.5678, "①①.①①①e①", &[("zero-digit", "\u{245f}")], "①②.③④⑥e②");
        check_with(2.0, "AAA.AAA", &[("zero-digit", "A")], "AAC.AAA");
        check_with(0.1, "AeAAA", &[("zero-digit", "A")], "Be-AAB");
        check_with(
            1234.5,
            "#.##0,00",
            &[("decimal-separator", ","), ("grouping-separator", ".")],
            "1.234,50",
        );
        check_with(-1.0, "0", &[("minus-sign", "minus ")], "minus 1");
        check_with(1.0, "0", &[("pattern-separator", ""), ("grouping-separator", "")], "1");
        check_with(1.0, "0", &[("zero-digit", "")], "1");
    }

    #[test]
    fn bad_pictures_are_refused() {
        for (picture, code) in [
            ("#;#;#", "D3080"),
            ("#.0.0", "D3081"),
            ("#0%%", "D3082"),
            ("#0‰‰", "D3083"),
            ("#0%‰", "D3084"),
            (".e0", "D3085"),
            ("0+.e0", "D3086"),
            ("0,.e0", "D3087"),
            ("0,", "D3088"),
            ("0,,0", "D3089"),
            ("0#.e0", "D3090"),
            ("#0.#0e0", "D3091"),
            ("#0.0e0%", "D3092"),
            ("#0.0e0,0", "D3093"),
            ("%%", "D3086"),
            ("‰‰", "D3086"),
            ("%‰", "D3086"),
            ("---", "D3086"),
            ("", "D3085"),
        ] {
            check(20.0, picture, code);
        }
        check(20.0, &"0".repeat(20_000), "D3080");
    }

    #[test]
    fn long_pictures_take_no_time() {
        let options = [];
        let picture = "0,".repeat(2000) + "0." + &"0".repeat(1500);
        assert!(format_number(1.5, &picture, &options).is_ok());
        let picture = "#,##,".repeat(900) + "#0";
        assert!(format_number(1.5, &picture, &options).is_ok());
    }
}
