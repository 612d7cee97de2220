//! Picture strings: how numbers, whole numbers, dates and times are written and read
#![allow(dead_code)]

pub(crate) mod datetime;
pub(crate) mod integer;
pub(crate) mod number;
mod words;

/// Longer picture strings are refused (characters), as the work grows with the square of their length
const LONGEST_PICTURE: usize = 10_000;

/// The greatest common divisor of positions, if they are just its multiples from one on without a gap; else 0.
fn regular_interval(positions: &[usize]) -> usize {
    fn common(one: usize, other: usize) -> usize {
        if other == 0 { one } else { common(other, one % other) }
    }
    let Some(interval) = positions.iter().copied().reduce(common) else { return 0 };
    let mut sorted = positions.to_vec();
    sorted.sort_unstable();
    let is_regular = (1..=positions.len()).all(|index| sorted.binary_search(&(index * interval)).is_ok());
    if is_regular { interval } else { 0 }
}
