//! The name that somebody may have meant.

/// The candidate that takes the fewest changes of a letter, without regard to case; none when all are too different.
pub fn nearest<'a>(wanted: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = wanted.to_lowercase().chars().take(NAME_MAX).collect();
    let limit = (wanted.len() / 3).max(1);
    candidates
        .map(|candidate| (distance(&wanted, candidate), candidate))
        .filter(|(changes, _)| *changes <= limit)
        .min_by_key(|(changes, _)| *changes)
        .map(|(_, candidate)| candidate)
}

/// Longer names are compared by their start.
const NAME_MAX: usize = 128;

fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (line, letter) in candidate.to_lowercase().chars().take(NAME_MAX).enumerate() {
        let mut diagonal = row[0];
        row[0] = line + 1;
        for (column, other) in wanted.iter().enumerate() {
            let replaced = diagonal + usize::from(*other != letter);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    row[wanted.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_found() {
        let names = ["sendMessage", "sendMessageBatch", "receiveMessage"];
        for (wanted, expected) in [
            ("sendMesage", Some("sendMessage")),
            ("SENDMESSAGE", Some("sendMessage")),
            ("recieveMessage", Some("receiveMessage")),
            ("purge", None),
        ] {
            assert_eq!(nearest(wanted, names.into_iter()), expected, "{wanted}");
        }
    }
}
