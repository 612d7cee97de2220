//! Picture strings: how numbers, whole numbers, dates and times are written and read

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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::datetime::{from_millis, to_millis};
    use super::integer::{format_integer, parse_integer};
    use super::number::format_number;

    proptest! {
        /// Whatever the number, text and picture: no panic, and results no longer than can be expected.
        #[test]
        fn any_picture_is_safe(
            value in prop_oneof![any::<f64>(), -1e15..1e15, Just(f64::NAN)],
            text in r"[0-9a-zA-Z,. :+é☃-]{0,12}",
            number in r"[0-9#,.;e%‰a٠é-]{0,12}",
            integer in r"([0#,;oA1٠é]{0,6}|[aAiIwW]|Ww)(;[oc])?",
            date in r"(\[[YMDdFWwXxHhPmsfZzCEq][0-9#nNaAiIwWo,*:t-]{0,5}\]|[ :\]é\[-]){0,6}",
            zone in proptest::option::of("[+-]?[0-9]{0,5}"),
            option in ("decimal-separator|grouping-separator|exponent-separator|zero-digit|digit|pattern-separator", "[.,;0é9#]{0,2}"),
        ) {
            let lengths = [
                format_number(value, &number, &[]).map(|text| text.len()),
                format_number(value, &number, &[option]).map(|text| text.len()),
                format_integer(value, &integer).map(|text| text.len()),
                from_millis(value, Some(&date), zone.as_deref()).map(|text| text.len()),
            ];
            for length in lengths.into_iter().flatten() {
                prop_assert!(length < 10_000);
            }
            let _ = parse_integer(&text, &integer);
            let _ = to_millis(&text, Some(&date), 0);
            let _ = to_millis(&text, None, i64::MAX);
            if let Ok(text) = from_millis(value, Some(&date), zone.as_deref()) {
                let _ = to_millis(&text, Some(&date), i64::MIN);
            }
        }
    }
}
