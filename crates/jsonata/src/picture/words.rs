//! Whole numbers as English words, Roman numerals and letters

const SMALL: [&str; 20] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
];
const SMALL_ORDINALS: [&str; 20] = [
    "zeroth",
    "first",
    "second",
    "third",
    "fourth",
    "fifth",
    "sixth",
    "seventh",
    "eighth",
    "ninth",
    "tenth",
    "eleventh",
    "twelfth",
    "thirteenth",
    "fourteenth",
    "fifteenth",
    "sixteenth",
    "seventeenth",
    "eighteenth",
    "nineteenth",
];
/// From twenty on
const TENS: [(&str, &str); 8] = [
    ("twenty", "twentieth"),
    ("thirty", "thirtieth"),
    ("forty", "fortieth"),
    ("fifty", "fiftieth"),
    ("sixty", "sixtieth"),
    ("seventy", "seventieth"),
    ("eighty", "eightieth"),
    ("ninety", "ninetieth"),
];
/// The largest first
const MAGNITUDES: [(f64, &str); 4] =
    [(1e12, "trillion"), (1e9, "billion"), (1e6, "million"), (1e3, "thousand")];

/// A whole number from 0 on in lower case, as a count or (`first`) as a place: `one thousand and twenty-first`.
pub(super) fn number_to_words(number: f64, is_ordinal: bool) -> String {
    let mut words = String::new();
    // A double has at most 309 digits, and each round takes off at least 12 of those before or some behind
    add_words(&mut words, number, is_ordinal, "", "");
    words
}

/// Adds a number's words behind `and` where it's below a hundred, else behind `comma`.
fn add_words(words: &mut String, number: f64, is_ordinal: bool, and: &str, comma: &str) {
    let small = |index: f64, is_ordinal: bool| {
        let names = if is_ordinal { &SMALL_ORDINALS } else { &SMALL };
        names.get(index as usize).copied().unwrap_or_default()
    };
    if number < 20.0 {
        words.push_str(and);
        words.push_str(small(number, is_ordinal));
        return;
    }
    if number < 100.0 {
        let rest = number % 10.0;
        let (cardinal, ordinal) = TENS.get(number as usize / 10 - 2).copied().unwrap_or_default();
        words.push_str(and);
        words.push_str(if is_ordinal && rest == 0.0 { ordinal } else { cardinal });
        if rest > 0.0 {
            words.push('-');
            words.push_str(small(rest, is_ordinal));
        }
        return;
    }
    words.push_str(comma);
    let (unit, name) = MAGNITUDES.into_iter().find(|(unit, _)| number >= *unit).unwrap_or((100.0, "hundred"));
    let count = (number / unit).floor();
    let rest = if unit == 100.0 { number % unit } else { number - count * unit };
    add_words(words, count, false, "", "");
    words.push(' ');
    words.push_str(name);
    if rest > 0.0 {
        add_words(words, rest, is_ordinal, " and ", ", ");
    } else if is_ordinal {
        words.push_str("th");
    }
}

/// What a lower-case word stands for; `and` and everything else: nothing.
fn word_value(word: &str) -> Option<f64> {
    let small = |names: &[&str]| names.iter().position(|name| *name == word).map(|index| index as f64);
    if let Some(value) = small(&SMALL).or_else(|| small(&SMALL_ORDINALS)) {
        return Some(value);
    }
    if let Some(index) = TENS.iter().position(|(cardinal, ordinal)| *cardinal == word || *ordinal == word) {
        return Some((index as f64 + 2.0) * 10.0);
    }
    let cardinal = word.strip_suffix("th").unwrap_or(word);
    let magnitude = MAGNITUDES.iter().find(|(_, name)| *name == cardinal).map(|(unit, _)| *unit);
    magnitude.or_else(|| (cardinal == "hundred").then_some(100.0))
}

/// All words there are in numbers, for a pattern
pub(super) fn all_words() -> impl Iterator<Item = String> {
    let tens = TENS.into_iter().flat_map(|(cardinal, ordinal)| [cardinal, ordinal]);
    let large = MAGNITUDES.into_iter().map(|(_, name)| name).chain(["hundred"]);
    let large = large.flat_map(|name| [name.to_owned(), format!("{name}th")]);
    SMALL.into_iter().chain(SMALL_ORDINALS).chain(tens).map(str::to_owned).chain(large)
}

/// The number that words stand for, `NaN` where one is unknown.
pub(super) fn words_to_number(text: &str) -> f64 {
    let text = text.to_lowercase();
    let mut parts = vec![0.0];
    for word in split_words(&text) {
        let value = word_value(word).unwrap_or(f64::NAN);
        let last = parts.pop().unwrap_or_default();
        if value < 100.0 {
            if last >= 1000.0 {
                parts.extend([last, value]);
            } else {
                parts.push(last + value);
            }
        } else {
            parts.push(last * value);
        }
    }
    parts.into_iter().sum()
}

/// Splits at a comma with a space, at `and` with spaces around it, at spaces, backslashes and hyphens.
fn split_words(text: &str) -> Vec<&str> {
    use crate::text::number::is_space;
    let mut words = Vec::new();
    let mut start = 0;
    let mut skip_to = 0;
    for (index, character) in text.char_indices() {
        if index < skip_to {
            continue;
        }
        let behind = text.get(index + character.len_utf8()..).unwrap_or_default();
        let next = behind.chars().next();
        let end = if character == ',' && next.is_some_and(is_space) {
            Some(index + 1 + next.map_or(0, char::len_utf8))
        } else if is_space(character) {
            let and = behind
                .strip_prefix("and")
                .and_then(|behind| behind.chars().next())
                .filter(|next| is_space(*next));
            Some(index + character.len_utf8() + and.map_or(0, |space| 3 + space.len_utf8()))
        } else {
            matches!(character, '\\' | '-').then_some(index + 1)
        };
        if let Some(end) = end {
            words.push(text.get(start..index).unwrap_or_default());
            (start, skip_to) = (end, end);
        }
    }
    words.push(text.get(start..).unwrap_or_default());
    words
}

/// More than this isn't written as a Roman numeral: each thousand is an M
const LARGEST_ROMAN: f64 = 5_000_000.0;

/// A whole number from 0 on as a Roman numeral in lower case; none if it's too large.
pub(super) fn number_to_roman(number: f64) -> Option<String> {
    const NUMERALS: [(u32, &str); 12] = [
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    if number > LARGEST_ROMAN {
        return None;
    }
    let number = number as u32;
    let mut rest = number % 1000;
    let mut roman = "m".repeat((number / 1000) as usize);
    for (value, numeral) in NUMERALS {
        while rest >= value {
            roman.push_str(numeral);
            rest -= value;
        }
    }
    Some(roman)
}

/// The number of a Roman numeral in upper case, `NaN` where a letter is unknown.
pub(super) fn roman_to_number(text: &str) -> f64 {
    let (mut number, mut largest) = (0.0, 1.0);
    for letter in text.chars().rev() {
        let value = match letter {
            'M' => 1000.0,
            'D' => 500.0,
            'C' => 100.0,
            'L' => 50.0,
            'X' => 10.0,
            'V' => 5.0,
            'I' => 1.0,
            _ => return f64::NAN,
        };
        if value < largest {
            number -= value;
        } else {
            largest = value;
            number += value;
        }
    }
    number
}

/// A whole number as letters, as the columns of a spreadsheet have them; 0 is the empty text.
pub(super) fn number_to_letters(mut number: f64, first: char) -> String {
    let mut letters = Vec::new();
    while number > 0.0 && number.is_finite() {
        let letter = u32::from(first) + ((number - 1.0) % 26.0) as u32;
        letters.push(char::from_u32(letter).unwrap_or(first));
        number = ((number - 1.0) / 26.0).floor();
    }
    letters.into_iter().rev().collect()
}

/// The number of a spreadsheet's column. Other characters than letters count by their distance from the first letter.
pub(super) fn letters_to_number(text: &str, first: char) -> f64 {
    let mut units: Vec<u16> = text.encode_utf16().collect();
    units.reverse();
    let mut number = 0.0;
    let mut weight = 1.0;
    for (index, unit) in units.into_iter().enumerate() {
        // Exact as long as it can be, as a product of rounded factors drifts away
        let exact = u32::try_from(index).ok().and_then(|index| 26_u128.checked_pow(index));
        weight = exact.map_or(weight * 26.0, |weight| weight as f64);
        number += (f64::from(unit) - f64::from(u32::from(first)) + 1.0) * weight;
    }
    number
}
