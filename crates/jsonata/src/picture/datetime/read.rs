//! Reading dates and times that are written as a picture shows

use super::calendar::{DAY, DAYS, MONTHS, Moment, date_and_time};
use super::parts::{Marker, Part};
use crate::Error;
use crate::pattern::Pattern;
use crate::picture::integer::{Case, Grouping, IntegerPicture, Style, parse_int};
use crate::picture::words::all_words;

/// All components that a text can give, the order being that of [`Components::set`]
const COMPONENTS: &str = "YXMxWwdDFPHhmsfZz";

/// What a text says; the first `Option` is whether there was such a component, the second whether its text had a meaning
#[derive(Default)]
struct Components([Option<Option<f64>>; 17]);

impl Components {
    fn set(&mut self, component: char, value: Option<f64>) {
        let index = COMPONENTS.find(component);
        if let Some(place) = index.and_then(|index| self.0.get_mut(index)) {
            *place = Some(value);
        }
    }

    fn get(&self, component: char) -> Option<f64> {
        let index = COMPONENTS.find(component)?;
        self.0.get(index).copied().flatten().flatten()
    }

    /// Neither missing nor zero. As in the reference, a component that is zero doesn't count when the kind of date is
    /// made out.
    fn has(&self, component: char) -> bool {
        self.get(component).is_some_and(|value| value != 0.0 && !value.is_nan())
    }

    /// Is there any of the wanted components, and none of the others of `all`?
    fn are(&self, all: &str, wanted: &str) -> bool {
        let mut present = all.chars().filter(|component| self.has(*component)).peekable();
        present.peek().is_some() && present.all(|component| wanted.contains(component))
    }
}

/// Milliseconds since 1970; none if the text doesn't fit the picture or the picture asks for nothing, `NaN` if it fits but
/// is no date.
pub(super) fn read(text: &str, parts: &[Part], now: Moment) -> Result<Option<f64>, Error> {
    let mut source = "^".to_owned();
    for part in parts {
        source.push('(');
        add_pattern(&mut source, part)?;
        source.push(')');
    }
    source.push('$');
    let pattern = Pattern::new(&source, true, false)
        .map_err(|_| Error::with_message("D3136", "The date/time picture string is too long"))?;
    let Some(found) = pattern.find_at(text, 0)? else { return Ok(None) };
    let mut components = Components::default();
    for (part, group) in parts.iter().zip(found.groups) {
        if let Part::Marker(marker) = part {
            let text = group.and_then(|(start, end)| text.get(start..end)).unwrap_or_default();
            components.set(marker.component, value(text, marker)?);
        }
    }
    if components.0.iter().all(Option::is_none) {
        return Ok(None);
    }
    resolve(components, now).map(Some)
}

/// Adds a regular expression for a part.
fn add_pattern(source: &mut String, part: &Part) -> Result<(), Error> {
    let marker = match part {
        Part::Literal(text) => {
            text.chars().for_each(|character| add_escaped(source, character));
            return Ok(());
        }
        Part::Marker(marker) => marker,
    };
    match (&marker.integer, marker.component) {
        (integer, 'Z' | 'z') => {
            source.push_str(if marker.component == 'z' { "GMT[-+][0-9]+" } else { "[-+][0-9]+" });
            if let Some(separator) = integer.as_ref().and_then(zone_separator) {
                add_escaped(source, separator);
                source.push_str("[0-9]+");
            }
        }
        (Some(integer), _) => add_integer(source, integer, marker.digits)?,
        (None, 'M' | 'x' | 'F' | 'P') => source.push_str("[a-zA-Z]+"),
        (None, _) => return Err(Error::new("D3133").string_value(&marker.component.to_string())),
    }
    Ok(())
}

fn add_escaped(source: &mut String, character: char) {
    if r".*+?^${}()|[]\/".contains(character) {
        source.push('\\');
    }
    source.push(character);
}

fn add_integer(source: &mut String, integer: &IntegerPicture, digits: Option<usize>) -> Result<(), Error> {
    let is_upper = integer.case == Case::Upper;
    match &integer.style {
        Style::Letters => source.push_str(if is_upper { "[A-Z]+" } else { "[a-z]+" }),
        Style::Roman => source.push_str(if is_upper { "[MDCLXVI]+" } else { "[mdclxvi]+" }),
        Style::Words => {
            source.push_str("(?:");
            for word in all_words() {
                source.push_str(&word);
                source.push('|');
            }
            source.push_str(r"and|[\-, ])+");
        }
        Style::Decimal(decimal) => {
            source.push_str("[0-9]");
            match digits.filter(|digits| *digits > 0) {
                Some(digits) if decimal.optional == 0 => source.push_str(&format!("{{{digits}}}")),
                Some(digits) => {
                    let least = digits.saturating_sub(decimal.optional);
                    source.push_str(&format!("{{{least},{digits}}}"));
                }
                None => source.push('+'),
            }
            if integer.is_ordinal {
                source.push_str("(?:th|st|nd|rd)");
            }
        }
        Style::Sequence(token) => return Err(Error::new("D3130").string_value(token)),
    }
    Ok(())
}

fn zone_separator(integer: &IntegerPicture) -> Option<char> {
    match &integer.style {
        Style::Decimal(decimal) => match decimal.grouping {
            Grouping::Regular(_, separator) => Some(separator),
            Grouping::Places(_) => None,
        },
        _ => None,
    }
}

/// What a component's text says; none for a name that isn't known.
fn value(text: &str, marker: &Marker) -> Result<Option<f64>, Error> {
    let numbered = |names: &[&str]| {
        let is_it = |name: &&str| match marker.most_width.filter(|width| *width > 0) {
            Some(width) => name.chars().take(width).eq(text.chars()),
            None => **name == *text,
        };
        // Where names are cut so short that several are the same, the last one counts
        names.iter().rposition(is_it).map(|index| index as f64 + 1.0)
    };
    Ok(match (&marker.integer, marker.component) {
        (integer, 'Z' | 'z') => {
            let offset = if marker.component == 'z' { text.get(3..).unwrap_or_default() } else { text };
            Some(minutes_of_zone(offset, integer.as_ref().and_then(zone_separator)))
        }
        (Some(integer), 'f') => Some(milliseconds(text, integer.read(text)?, integer)),
        (Some(integer), _) => Some(integer.read(text)?),
        (None, 'M' | 'x') => numbered(&MONTHS),
        (None, 'F') => numbered(&DAYS),
        (None, _) => match text {
            "am" | "AM" => Some(0.0),
            "pm" | "PM" => Some(1.0),
            _ => None,
        },
    })
}

/// Milliseconds of a second's fraction. The reference reads any number of digits as a count of milliseconds. So do we where
/// that's how they are written; else more than three digits are those behind a decimal point.
fn milliseconds(text: &str, number: f64, integer: &IntegerPicture) -> f64 {
    let written = match &integer.style {
        Style::Decimal(decimal) => decimal.mandatory,
        _ => return number,
    };
    let is_fraction = text.len() > 3 && (text.len() > written || number > 999.0);
    match text.get(..3) {
        Some(digits) if is_fraction && text.bytes().all(|digit| digit.is_ascii_digit()) => parse_int(digits),
        _ => number,
    }
}

/// The minutes of a distance from UTC. The reference counts the minutes of `-05:30` forwards; so do we.
fn minutes_of_zone(text: &str, separator: Option<char>) -> f64 {
    let (hours, minutes) = match separator {
        Some(separator) => text.split_once(separator).unwrap_or((text, "")),
        None if text.len() <= 3 => return parse_int(text) * 60.0,
        None => text.split_at_checked(3).unwrap_or((text, "")),
    };
    parse_int(hours) * 60.0 + parse_int(minutes)
}

/// Makes a point in time of components: those above the ones there are come from now, those below are the first of their
/// kind.
fn resolve(mut components: Components, now: Moment) -> Result<f64, Error> {
    const DATES: &str = "YXMxWwdD";
    const TIMES: &str = "PHhmsf";
    let has_month = components.are(DATES, "YMD");
    let has_day_of_year = !has_month && components.are(DATES, "Yd");
    if components.are(DATES, "XxwF") || components.are(DATES, "XWF") {
        // Dates by weeks aren't supported, as in the reference
        return Err(Error::new("D3136"));
    }
    let is_half_day = !components.are(TIMES, "Hmsf") && components.are(TIMES, "Phmsf");
    let date = if has_day_of_year { "YD" } else { "YMD" };
    let time = if is_half_day { "Phmsf" } else { "Hmsf" };
    let (mut began, mut ended) = (false, false);
    for component in date.chars().chain(time.chars()) {
        if components.get(component).is_some() {
            began = true;
            if ended {
                return Err(Error::new("D3136"));
            }
        } else if began {
            ended = true;
            components.set(component, Some(if matches!(component, 'M' | 'D') { 1.0 } else { 0.0 }));
        } else {
            components.set(component, now.component(component).map(|value| value as f64));
        }
    }
    let part = |component| components.get(component).unwrap_or(f64::NAN);
    let mut month = components.get('M').filter(|month| *month > 0.0).unwrap_or(1.0);
    let mut day = part('D');
    if has_day_of_year {
        // In a year of the 20th century, if it has one or two digits
        let (year, day_of_year) = (part('Y'), part('d'));
        let first = date_and_time([year, 1.0, 1.0], [0.0; 4]);
        if first.is_nan() || day_of_year.abs() > 1e6 {
            return Ok(f64::NAN);
        }
        let derived = Moment::new(first as i64 + (day_of_year as i64 - 1) * DAY);
        let number = |component| derived.component(component).map_or(f64::NAN, |value| value as f64);
        (month, day) = (number('M'), number('D'));
    }
    let mut hour = part('H');
    if is_half_day {
        hour = part('h');
        if hour == 12.0 {
            hour = 0.0;
        }
        if components.get('P') == Some(1.0) {
            hour += 12.0;
        }
    }
    let mut millis = date_and_time([part('Y'), month, day], [hour, part('m'), part('s'), part('f')]);
    let zone = ['Z', 'z'].into_iter().find(|component| components.has(*component));
    if let Some(zone) = zone {
        millis -= part(zone) * 60_000.0;
    }
    Ok(millis)
}
