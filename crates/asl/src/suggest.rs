//! What was perhaps meant: the nearest of some names.

/// Names longer than this are not compared.
const LENGTH_MAX: usize = 80;
/// Names that are looked at for one suggestion, so that a large definition costs no more than a small one.
const CANDIDATES_MAX: usize = 2_000;

/// The candidate that needs the fewest edits to become the name; none when all are far away.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wanted: Vec<char> = name.chars().take(LENGTH_MAX + 1).collect();
    if wanted.is_empty() || wanted.len() > LENGTH_MAX {
        return None;
    }
    // A third of the name may be wrong.
    let mut best_distance = wanted.len() / 3 + 1;
    let mut best = None;
    for candidate in candidates.take(CANDIDATES_MAX) {
        if candidate == name || candidate.len().abs_diff(name.len()) > best_distance * 4 {
            continue;
        }
        let distance = distance(&wanted, candidate);
        if distance < best_distance || (best.is_none() && distance == best_distance) {
            best_distance = distance;
            best = Some(candidate);
        }
    }
    best
}

/// Insertions, deletions, replacements; another case of a letter costs nothing, as it is the likeliest mistake.
fn distance(wanted: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=wanted.len()).collect();
    for (position, character) in candidate.chars().take(LENGTH_MAX + 1).enumerate() {
        let mut diagonal = row[0];
        row[0] = position + 1;
        for column in 0..wanted.len() {
            let same = wanted[column].eq_ignore_ascii_case(&character);
            let cost = (diagonal + usize::from(!same)).min(row[column] + 1).min(row[column + 1] + 1);
            diagonal = row[column + 1];
            row[column + 1] = cost;
        }
    }
    row[wanted.len()]
}
