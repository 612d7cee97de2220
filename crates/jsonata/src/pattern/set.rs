//! Sets of characters, and which characters are the same but for their case

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::text::number::is_space;

/// A set of characters
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Set {
    /// One bit for each ASCII character, for speed
    ascii: u128,
    /// First and last code points, sorted, neither overlapping nor adjoining
    ranges: Vec<(u32, u32)>,
}

const LAST: u32 = 0x0010_ffff;
const DIGITS: &[(u32, u32)] = &[(0x30, 0x39)];
const WORD: &[(u32, u32)] = &[(0x30, 0x39), (0x41, 0x5a), (0x5f, 0x5f), (0x61, 0x7a)];
const LINE_ENDS: &[(u32, u32)] = &[(0x0a, 0x0a), (0x0d, 0x0d), (0x2028, 0x2029)];

impl Set {
    /// The set of these code points, whatever their order.
    pub(crate) fn new(mut ranges: Vec<(u32, u32)>) -> Set {
        ranges.sort_unstable();
        let mut merged: Vec<(u32, u32)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
                _ => merged.push((first, last)),
            }
        }
        let mut ascii = 0;
        for &(first, last) in &merged {
            for code in first..=last.min(127) {
                ascii |= 1_u128 << code;
            }
        }
        Set { ascii, ranges: merged }
    }

    /// The set of one character.
    pub(crate) fn of(character: char) -> Set {
        Set::new(vec![(character.into(), character.into())])
    }

    /// `\d`: the ASCII digits
    pub(crate) fn digits() -> Set {
        Set::new(DIGITS.to_vec())
    }

    /// `\w`: ASCII letters, digits and `_`
    pub(crate) fn word() -> Set {
        Set::new(WORD.to_vec())
    }

    /// `\s`
    pub(crate) fn space() -> Set {
        SPACE.clone()
    }

    /// `.`: all but the ends of lines
    pub(crate) fn dot() -> Set {
        Set::new(LINE_ENDS.to_vec()).negated()
    }

    /// All that aren't in this set.
    pub(crate) fn negated(&self) -> Set {
        let mut ranges = Vec::with_capacity(self.ranges.len() + 1);
        let mut next = 0;
        for &(first, last) in &self.ranges {
            if first > next {
                ranges.push((next, first - 1));
            }
            next = last + 1;
        }
        if next <= LAST {
            ranges.push((next, LAST));
        }
        Set::new(ranges)
    }

    /// The code points, as first and last ones.
    pub(crate) fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Is the character in the set?
    pub(crate) fn contains(&self, character: char) -> bool {
        let code = u32::from(character);
        if code < 128 {
            return self.ascii >> code & 1 == 1;
        }
        let after = self.ranges.partition_point(|range| range.0 <= code);
        after > 0 && self.ranges.get(after - 1).is_some_and(|range| code <= range.1)
    }

    /// With all characters that differ from one in the set only in case.
    pub(crate) fn ignoring_case(&self) -> Set {
        let mut ranges = self.ranges.clone();
        let letters = |first: char| {
            let is_member = |letter: &u32| self.ascii >> letter & 1 == 1;
            (u32::from(first)..u32::from(first) + 26).filter(is_member)
        };
        ranges.extend(letters('A').map(|letter| (letter + 32, letter + 32)));
        ranges.extend(letters('a').map(|letter| (letter - 32, letter - 32)));
        if self.ranges.last().is_none_or(|range| range.1 < 128) {
            // No ASCII letter is the same as one beyond ASCII
            return Set::new(ranges);
        }
        let mut add = |family: &[char]| {
            ranges.extend(family.iter().map(|member| (u32::from(*member), u32::from(*member))));
        };
        if let [(code, last)] = self.ranges.as_slice()
            && code == last
        {
            // One character, which is what most sets are
            if let Some(family) = char::from_u32(*code).and_then(|code| FAMILIES.get(&without_case(code))) {
                add(family);
            }
            return Set::new(ranges);
        }
        for family in FAMILIES.values() {
            if family.iter().any(|member| self.contains(*member)) {
                add(family);
            }
        }
        Set::new(ranges)
    }
}

/// The set of [`is_space`]
static SPACE: LazyLock<Set> = LazyLock::new(|| {
    let spaces = (0..=0xffff).filter(|code| char::from_u32(*code).is_some_and(is_space));
    Set::new(spaces.map(|code| (code, code)).collect())
});

/// Is it one that ends a line?
pub(crate) fn is_line_end(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// What a character is compared as when case is ignored: its upper case, if that is one character, and no ASCII
/// character for one that isn't ASCII.
pub(crate) fn without_case(character: char) -> char {
    if character.is_ascii() {
        return character.to_ascii_uppercase();
    }
    // JavaScript compares 16-bit units here, which have no case beyond the first plane
    if u32::from(character) > 0xffff {
        return character;
    }
    let mut upper = character.to_uppercase();
    match (upper.next(), upper.next()) {
        (Some(upper), None) if !upper.is_ascii() => upper,
        _ => character,
    }
}

/// The characters that are the same but for their case, where there's more than one, by what they're compared as
static FAMILIES: LazyLock<BTreeMap<char, Vec<char>>> = LazyLock::new(|| {
    let mut families = BTreeMap::<char, Vec<char>>::new();
    for character in (0..=0xffff).filter_map(char::from_u32) {
        families.entry(without_case(character)).or_default().push(character);
    }
    families.retain(|_, family| family.len() > 1);
    families
});
