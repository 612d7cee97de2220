//! `$formatInteger` and `$parseInteger`: whole numbers in the way of XPath's `format-integer`

use super::words::{
    letters_to_number, number_to_letters, number_to_roman, number_to_words, roman_to_number, words_to_number,
};
use super::{LONGEST_PICTURE, regular_interval};
use crate::Error;
use crate::text::number::{is_space, number_text};

/// The zeros of the scripts that have decimal digits of their own (in the first plane)
const ZEROS: [u32; 37] = [
    0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50,
    0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40,
    0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10,
];

/// Upper or lower case, or the first letter of each word in upper case
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Case {
    Upper,
    Lower,
    Title,
}

/// Where separators go between digits, counted from the right
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Grouping {
    /// After every so many digits
    Regular(usize, char),
    /// At places, from the left to the right; maybe none at all
    Places(Vec<(usize, char)>),
}

/// Digits, as a picture shows them
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Decimal {
    pub(super) zero: u32,
    pub(super) mandatory: usize,
    pub(super) optional: usize,
    pub(super) grouping: Grouping,
}

/// How a whole number is written
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Style {
    Decimal(Decimal),
    Letters,
    Roman,
    Words,
    /// Something that isn't supported
    Sequence(String),
}

/// A picture for whole numbers
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct IntegerPicture {
    pub(super) style: Style,
    pub(super) case: Case,
    pub(super) is_ordinal: bool,
}

/// Writes a number, rounded down, as a picture shows: `#,##0`, `I`, `a`, `Ww`, `1;o`, …
///
/// # Errors
/// `D3130` for a picture that isn't supported, or a Roman numeral beyond 5 million; `D3131` for digits of several scripts.
pub(crate) fn format_integer(value: f64, picture: &str) -> Result<String, Error> {
    IntegerPicture::parse(picture)?.write(value.floor())
}

/// Reads a whole number that is written as a picture shows; `NaN` if it isn't.
///
/// # Errors
/// `D3130` for a picture that isn't supported; `D3131` for digits of several scripts.
pub(crate) fn parse_integer(text: &str, picture: &str) -> Result<f64, Error> {
    IntegerPicture::parse(picture)?.read(text)
}

impl IntegerPicture {
    pub(super) fn parse(picture: &str) -> Result<IntegerPicture, Error> {
        if picture.len() > LONGEST_PICTURE {
            return Err(Error::with_message("D3130", "The picture string is too long"));
        }
        let (primary, modifier) = picture.rsplit_once(';').unwrap_or((picture, ""));
        let (style, case) = match primary {
            "A" => (Style::Letters, Case::Upper),
            "a" => (Style::Letters, Case::Lower),
            "I" => (Style::Roman, Case::Upper),
            "i" => (Style::Roman, Case::Lower),
            "W" => (Style::Words, Case::Upper),
            "Ww" => (Style::Words, Case::Title),
            "w" => (Style::Words, Case::Lower),
            _ => (Style::digits(primary)?, Case::Lower),
        };
        Ok(IntegerPicture { style, case, is_ordinal: modifier.starts_with('o') })
    }

    /// Writes a whole number.
    pub(super) fn write(&self, value: f64) -> Result<String, Error> {
        if !value.is_finite() {
            return Ok(number_text(value));
        }
        let magnitude = value.abs();
        let text = match &self.style {
            Style::Letters => number_to_letters(magnitude, if self.case == Case::Upper { 'A' } else { 'a' }),
            Style::Roman => {
                let text = number_to_roman(magnitude);
                let text = text.ok_or_else(|| Error::new("D3130").value(number_text(magnitude)))?;
                if self.case == Case::Upper { text.to_uppercase() } else { text }
            }
            Style::Words => {
                let text = number_to_words(magnitude, self.is_ordinal);
                match self.case {
                    Case::Upper => text.to_uppercase(),
                    Case::Lower => text,
                    Case::Title => title(&text),
                }
            }
            Style::Decimal(decimal) => decimal.write(magnitude, self.is_ordinal),
            Style::Sequence(token) => return Err(Error::new("D3130").string_value(token)),
        };
        Ok(if value < 0.0 { format!("-{text}") } else { text })
    }

    /// Reads a whole number.
    pub(super) fn read(&self, text: &str) -> Result<f64, Error> {
        Ok(match &self.style {
            Style::Letters => letters_to_number(text, if self.case == Case::Upper { 'A' } else { 'a' }),
            Style::Roman if self.case == Case::Upper => roman_to_number(text),
            Style::Roman => roman_to_number(&text.to_uppercase()),
            Style::Words => words_to_number(text),
            Style::Decimal(decimal) => decimal.read(text, self.is_ordinal),
            Style::Sequence(token) => return Err(Error::new("D3130").string_value(token)),
        })
    }
}

/// Each word but `and` with a capital letter.
fn title(words: &str) -> String {
    let mut text = String::with_capacity(words.len());
    let mut rest = words;
    while !rest.is_empty() {
        let length = rest.find([' ', '-', ',']).map_or(rest.len(), |length| length + 1);
        let (word, behind) = rest.split_at_checked(length).unwrap_or((rest, ""));
        let mut letters = word.chars();
        match letters.next() {
            Some(first) if word.trim_end() != "and" => {
                text.extend(first.to_uppercase());
                text.push_str(letters.as_str());
            }
            _ => text.push_str(word),
        }
        rest = behind;
    }
    text
}

impl Style {
    /// Reads a picture of digits, `#` and separators.
    fn digits(picture: &str) -> Result<Style, Error> {
        let (mut zero, mut mandatory, mut optional) = (None, 0, 0);
        let mut separators = Vec::new();
        for character in picture.chars().rev() {
            let code = u32::from(character);
            if let Some(group) = ZEROS.into_iter().find(|first| (*first..first + 10).contains(&code)) {
                mandatory += 1;
                if *zero.get_or_insert(group) != group {
                    return Err(Error::new("D3131"));
                }
            } else if character == '#' {
                optional += 1;
            } else {
                separators.push((mandatory + optional, character));
            }
        }
        let Some(zero) = zero else { return Ok(Style::Sequence(picture.to_owned())) };
        let positions: Vec<usize> = separators.iter().map(|separator| separator.0).collect();
        let is_same = |pair: &[(usize, char)]| {
            pair.iter().map(|separator| separator.1).is_sorted_by(|one, other| one == other)
        };
        let interval = if separators.windows(2).all(is_same) { regular_interval(&positions) } else { 0 };
        let grouping = match separators.first() {
            Some((_, separator)) if interval > 0 => Grouping::Regular(interval, *separator),
            _ => {
                separators.reverse();
                Grouping::Places(separators)
            }
        };
        Ok(Style::Decimal(Decimal { zero, mandatory, optional, grouping }))
    }
}

impl Decimal {
    fn write(&self, magnitude: f64, is_ordinal: bool) -> String {
        let digits = format!("{:0>1$}", number_text(magnitude), self.mandatory);
        let mut text: Vec<char> = digits.chars().collect();
        if self.zero != 0x30 {
            for digit in &mut text {
                *digit =
                    char::from_u32((u32::from(*digit) + self.zero).saturating_sub(0x30)).unwrap_or(*digit);
            }
        }
        match &self.grouping {
            Grouping::Regular(interval, separator) => text = group(&text, *interval, *separator),
            Grouping::Places(places) => {
                for (place, separator) in places {
                    let at = text.len().checked_sub(*place);
                    // Where there are fewer digits, the reference keeps only as many as are lacking
                    let kept = at.unwrap_or_else(|| (2 * text.len()).saturating_sub(*place));
                    let behind = text.split_off(kept.min(text.len()));
                    if at.is_none() {
                        text.clear();
                    }
                    text.push(*separator);
                    text.extend(behind);
                }
            }
        }
        let mut written: String = text.iter().collect();
        if is_ordinal {
            let before = text.len().checked_sub(2).and_then(|index| text.get(index));
            written.push_str(match text.last() {
                _ if before == Some(&'1') => "th",
                Some('1') => "st",
                Some('2') => "nd",
                Some('3') => "rd",
                _ => "th",
            });
        }
        written
    }

    fn read(&self, text: &str, is_ordinal: bool) -> f64 {
        let mut characters: Vec<char> = text.chars().collect();
        if is_ordinal {
            // "st", "nd", "rd" or "th"
            characters.truncate(characters.len().saturating_sub(2));
        }
        match &self.grouping {
            // Whatever the picture's separator is, the reference takes out commas
            Grouping::Regular(..) => characters.retain(|character| *character != ','),
            Grouping::Places(places) => {
                characters.retain(|character| !places.iter().any(|(_, separator)| separator == character));
            }
        }
        if self.zero != 0x30 {
            for character in &mut characters {
                let code = (u32::from(*character) + 0x30).checked_sub(self.zero).and_then(char::from_u32);
                let Some(code) = code else { return f64::NAN };
                *character = code;
            }
        }
        parse_int(&characters.into_iter().collect::<String>())
    }
}

/// Puts a separator after every so many digits, from the right.
fn group(digits: &[char], interval: usize, separator: char) -> Vec<char> {
    let mut text = Vec::with_capacity(digits.len() * 2);
    for (index, digit) in digits.iter().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(interval) {
            text.push(separator);
        }
        text.push(*digit);
    }
    text
}

/// JavaScript's `parseInt`: a sign, digits (hexadecimal behind `0x`), and whatever behind them; `NaN` without a digit.
pub(super) fn parse_int(text: &str) -> f64 {
    let text = text.trim_start_matches(is_space);
    let (sign, text) = match text.strip_prefix('-') {
        Some(text) => (-1.0, text),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    };
    let prefixed = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"));
    let radix = if prefixed.is_some() { 16 } else { 10 };
    let text = prefixed.unwrap_or(text);
    let length = text.chars().take_while(|digit| digit.is_digit(radix)).count();
    let digits = text.get(..length).unwrap_or_default();
    if radix == 10 {
        return digits.parse::<f64>().map_or(f64::NAN, |number| sign * number);
    }
    sign * crate::text::number::parse_number(&format!("0x{digits}")).unwrap_or(f64::NAN)
}

#[cfg(test)]
#[path = "integer_tests.rs"]
mod tests;
