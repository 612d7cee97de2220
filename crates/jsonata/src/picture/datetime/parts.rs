//! Reading pictures of dates and times

use crate::Error;
use crate::picture::LONGEST_PICTURE;
use crate::picture::integer::{Case, IntegerPicture, Style, parse_int};
use crate::text::number::is_space;

/// Larger widths are refused (characters)
const LARGEST_WIDTH: f64 = 1000.0;

/// A part of a picture
#[derive(Debug, Clone)]
pub(super) enum Part {
    /// Text that stands for itself
    Literal(String),
    Marker(Marker),
}

/// A part in brackets
#[derive(Debug, Clone)]
pub(super) struct Marker {
    /// `Y`, `M`, `D`, …
    pub(super) component: char,
    /// Names instead of numbers
    pub(super) names: Option<Case>,
    /// The second modifier is `t`: `Z` for UTC
    pub(super) is_traditional: bool,
    /// At most so many characters
    pub(super) most_width: Option<usize>,
    /// How a number is written
    pub(super) integer: Option<IntegerPicture>,
    /// Years are cut to so many digits; months and days have just so many when they're read
    pub(super) digits: Option<usize>,
}

/// Takes a picture apart.
///
/// # Errors
/// `D3132` for an unknown component, `D3135` without a closing bracket, and those of integer pictures.
pub(super) fn parse(picture: &str) -> Result<Vec<Part>, Error> {
    if picture.len() > LONGEST_PICTURE {
        return Err(Error::with_message("D3135", "The date/time picture string is too long"));
    }
    let mut parts = Vec::new();
    let mut rest = picture;
    while let Some(start) = rest.find('[') {
        let (literal, marker) = rest.split_at_checked(start).unwrap_or((rest, ""));
        add_literal(&mut parts, literal);
        if let Some(behind) = marker.strip_prefix("[[") {
            parts.push(Part::Literal("[".to_owned()));
            rest = behind;
            continue;
        }
        let marker = marker.strip_prefix('[').unwrap_or(marker);
        let (inside, behind) = marker.split_once(']').ok_or_else(|| Error::new("D3135"))?;
        parts.push(Part::Marker(Marker::parse(inside)?));
        rest = behind;
    }
    add_literal(&mut parts, rest);
    Ok(parts)
}

fn add_literal(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Literal(text.replace("]]", "]")));
    }
}

/// How components are shown where the picture doesn't say
fn default_presentation(component: char) -> Option<&'static str> {
    Some(match component {
        'Y' | 'M' | 'D' | 'd' | 'W' | 'w' | 'X' | 'x' | 'H' | 'h' | 'f' => "1",
        'F' | 'P' | 'C' | 'E' => "n",
        'm' | 's' => "01",
        'Z' | 'z' => "01:01",
        _ => return None,
    })
}

/// What a width says: none for `*` and for what is no number.
fn width(text: &str) -> Result<Option<usize>, Error> {
    let width = parse_int(text);
    if width > LARGEST_WIDTH {
        return Err(Error::with_message("D3132", "A width in the date/time picture string is too large"));
    }
    Ok((width >= 0.0).then_some(width as usize))
}

impl Marker {
    /// Reads what is between brackets: a component, one or two modifiers, and maybe a comma and widths.
    fn parse(inside: &str) -> Result<Marker, Error> {
        let marker: String = inside.chars().filter(|character| !is_space(*character)).collect();
        let (before, widths) = match marker.rsplit_once(',') {
            Some((before, widths)) => (before, Some(widths)),
            None => (marker.as_str(), None),
        };
        // Nothing before the comma makes the comma the component
        let mut characters = if before.is_empty() { marker.chars() } else { before.chars() };
        let first = characters.next();
        let modifiers = if before.is_empty() { "" } else { characters.as_str() };
        let unknown = || Error::new("D3132").string_value(&first.map(String::from).unwrap_or_default());
        let component = first.ok_or_else(unknown)?;
        let (least_width, most_width) =
            match widths.map(|widths| widths.split_once('-').unwrap_or((widths, "*"))) {
                Some((least, most)) => (width(least)?, width(most)?),
                None => (None, None),
            };
        let last = modifiers.chars().next_back();
        let (presentation, second) = match last {
            Some(last @ ('a' | 't' | 'c' | 'o')) if modifiers.len() > 1 => {
                (modifiers.strip_suffix(last).unwrap_or(modifiers), Some(last))
            }
            Some(_) => (modifiers, None),
            None => (default_presentation(component).ok_or_else(unknown)?, None),
        };
        let names = match presentation.strip_prefix('N') {
            Some(rest) if rest.starts_with('n') => Some(Case::Title),
            Some(_) => Some(Case::Upper),
            None => presentation.starts_with('n').then_some(Case::Lower),
        };
        let mut marker = Marker {
            component,
            names,
            is_traditional: second == Some('t'),
            most_width,
            integer: None,
            digits: None,
        };
        if matches!(component, 'Z' | 'z') {
            marker.integer = Some(IntegerPicture::parse(presentation)?);
        } else if names.is_none() && "YMDdFWwXxHhmsf".contains(component) {
            let picture =
                second.map_or_else(|| presentation.to_owned(), |second| format!("{presentation};{second}"));
            marker.set_integer(IntegerPicture::parse(&picture)?, least_width);
        }
        Ok(marker)
    }

    fn set_integer(&mut self, mut integer: IntegerPicture, least_width: Option<usize>) {
        let is_date = matches!(self.component, 'Y' | 'M' | 'D');
        self.digits = self.most_width.filter(|_| is_date);
        if let Style::Decimal(decimal) = &mut integer.style {
            decimal.mandatory = decimal.mandatory.max(least_width.unwrap_or(0));
            if let Some(digits) = self.digits {
                decimal.mandatory = digits;
            } else if is_date {
                let width = decimal.mandatory + decimal.optional;
                self.digits = (width >= 2).then_some(width);
            }
        }
        self.integer = Some(integer);
    }
}
