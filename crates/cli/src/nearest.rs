//! What was perhaps meant: the nearest of some names.

/// The candidate that needs the fewest edits to become the name; none when more than a third of it would change.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(80).collect();
    let limit = wanted.len() / 3 + 1;
    candidates
        .into_iter()
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions and replacements; `-` and `_` count as the same, and so do cases of a letter.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let plain = |character: char| if character == '-' { '_' } else { character.to_ascii_lowercase() };
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (position, character) in candidate.chars().enumerate() {
        let mut diagonal = position;
        let mut left = position + 1;
        for (cell, other) in row.iter_mut().skip(1).zip(wanted) {
            let replaced = diagonal + usize::from(plain(*other) != plain(character));
            diagonal = *cell;
            left = replaced.min(*cell + 1).min(left + 1);
            *cell = left;
        }
        if let Some(first) = row.first_mut() {
            *first = position + 1;
        }
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found_unless_all_are_far() {
        let names = ["runtime", "handler", "timeout_seconds", "dir"];
        for (name, expected) in [
            ("runtme", Some("runtime")),
            ("Handler", Some("handler")),
            ("timeout-seconds", Some("timeout_seconds")),
            ("timeout", None),
            ("colour", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), expected, "{name}");
        }
    }
}
