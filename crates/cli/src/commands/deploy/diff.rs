//! The difference of two texts, line by line, as `diff -u` shows it.

/// Lines that are shown around a change.
const CONTEXT: usize = 3;
/// Comparisons of lines that are made at most: beyond, a changed part is shown as removed and added as a whole.
const COMPARISONS_MAX: usize = 4_000_000;

/// A line of a difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line<'a> {
    /// Lines before this one are left out. It is the line of the new text that follows, from 1.
    Gap(usize),
    /// In both.
    Same(&'a str),
    /// Only in the old text.
    Removed(&'a str),
    /// Only in the new text.
    Added(&'a str),
}

/// The changed lines with those around them.
pub(super) fn lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let all = all_lines(old, new);
    let is_change = |line: &Line<'_>| !matches!(line, Line::Same(_));
    let mut shown = Vec::new();
    let mut number = 1;
    let mut left_out = false;
    for (position, line) in all.iter().enumerate() {
        let around = position.saturating_sub(CONTEXT)..(position + CONTEXT + 1).min(all.len());
        if all[around].iter().any(is_change) {
            if left_out || shown.is_empty() {
                shown.push(Line::Gap(number));
            }
            left_out = false;
            shown.push(*line);
        } else {
            left_out = true;
        }
        number += usize::from(!matches!(line, Line::Removed(_)));
    }
    shown
}

fn all_lines<'a>(old: &'a str, new: &'a str) -> Vec<Line<'a>> {
    let old: Vec<&str> = old.lines().collect();
    let new: Vec<&str> = new.lines().collect();
    let before = old.iter().zip(&new).take_while(|(old, new)| old == new).count();
    let (old_rest, new_rest) = (&old[before..], &new[before..]);
    let behind = old_rest.iter().rev().zip(new_rest.iter().rev()).take_while(|(old, new)| old == new).count();
    let (old_changed, same_end) = old_rest.split_at(old_rest.len() - behind);
    let new_changed = &new_rest[..new_rest.len() - behind];
    let mut lines: Vec<Line<'a>> = old[..before].iter().map(|line| Line::Same(line)).collect();
    changed(old_changed, new_changed, &mut lines);
    lines.extend(same_end.iter().map(|line| Line::Same(line)));
    lines
}

/// By the longest common subsequence.
fn changed<'a>(old: &[&'a str], new: &[&'a str], lines: &mut Vec<Line<'a>>) {
    let width = new.len() + 1;
    if old.len().saturating_mul(new.len()) > COMPARISONS_MAX {
        lines.extend(old.iter().map(|line| Line::Removed(line)));
        lines.extend(new.iter().map(|line| Line::Added(line)));
        return;
    }
    // The length of the longest common subsequence of what is left from a line of each.
    let mut lengths = vec![0u32; (old.len() + 1) * width];
    for (i, old_line) in old.iter().enumerate().rev() {
        for (j, new_line) in new.iter().enumerate().rev() {
            lengths[i * width + j] = if old_line == new_line {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while let (Some(old_line), Some(new_line)) = (old.get(i), new.get(j)) {
        if old_line == new_line {
            lines.push(Line::Same(old_line));
            (i, j) = (i + 1, j + 1);
        } else if lengths[(i + 1) * width + j] >= lengths[i * width + j + 1] {
            lines.push(Line::Removed(old_line));
            i += 1;
        } else {
            lines.push(Line::Added(new_line));
            j += 1;
        }
    }
    lines.extend(old[i..].iter().map(|line| Line::Removed(line)));
    lines.extend(new[j..].iter().map(|line| Line::Added(line)));
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn shown(old: &str, new: &str) -> String {
        let text = |line: &Line<'_>| match line {
            Line::Gap(number) => format!("@{number}"),
            Line::Same(text) => format!(" {text}"),
            Line::Removed(text) => format!("-{text}"),
            Line::Added(text) => format!("+{text}"),
        };
        lines(old, new).iter().map(text).collect::<Vec<_>>().join("|")
    }

    #[test]
    fn changes_are_shown_with_the_lines_around_them() {
        for (old, new, expected) in [
            ("a\nb", "a\nb", ""),
            ("", "a", "@1|+a"),
            ("a\nb\nc", "a\nx\nc", "@1| a|-b|+x| c"),
            ("1\n2\n3\n4\n5\n6", "1\n2\n3\n4\n5\n7", "@3| 3| 4| 5|-6|+7"),
            ("x\n1\n2\n3\n4\n5\n6\n7\ny", "1\n2\n3\n4\n5\n6\n7", "@1|-x| 1| 2| 3|@5| 5| 6| 7|-y"),
            ("a\nb\nc\nd", "b\nd\ne", "@1|-a| b|-c| d|+e"),
        ] {
            assert_eq!(shown(old, new), expected, "{old:?} {new:?}");
        }
    }

    proptest! {
        #[test]
        fn both_texts_are_in_the_difference(old in "[abc\n]{0,40}", new in "[abc\n]{0,40}") {
            let all = all_lines(&old, &new);
            let pick = |unwanted: fn(&Line<'_>) -> bool| -> Vec<&str> {
                all.iter().filter(|line| !unwanted(line)).filter_map(|line| match line {
                    Line::Same(text) | Line::Removed(text) | Line::Added(text) => Some(*text),
                    Line::Gap(_) => None,
                }).collect()
            };
            prop_assert_eq!(pick(|line| matches!(line, Line::Added(_))), old.lines().collect::<Vec<_>>());
            prop_assert_eq!(pick(|line| matches!(line, Line::Removed(_))), new.lines().collect::<Vec<_>>());
        }
    }
}
