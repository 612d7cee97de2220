//! The order in which AWS shows the columns of a CSV file: that of a hash table of Java's, as its recordings have it.

/// Buckets of a new table.
const BUCKETS_FIRST: u32 = 16;

/// Positions of the names, which differ from each other, in the order of a `java.util.HashMap` with these keys.
pub(crate) fn hash_order<S: AsRef<str>>(names: &[S]) -> Vec<usize> {
    let mut buckets = BUCKETS_FIRST;
    // A table doubles when it is more than three quarters full.
    while names.len() as u64 > u64::from(buckets) * 3 / 4 {
        buckets *= 2;
    }
    let mut order: Vec<usize> = (0..names.len()).collect();
    // Within a bucket the order is that in which they came, which a stable sort keeps.
    order.sort_by_cached_key(|position| bucket(names[*position].as_ref(), buckets));
    order
}

fn bucket(name: &str, buckets: u32) -> u32 {
    let hash =
        name.encode_utf16().fold(0u32, |hash, unit| hash.wrapping_mul(31).wrapping_add(u32::from(unit)));
    (hash ^ (hash >> 16)) & (buckets - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_as_in_a_hash_table_of_java() {
        let numbered: Vec<String> = (0..13).map(|number| format!("H{number}")).collect();
        let numbered: Vec<&str> = numbered.iter().map(String::as_str).collect();
        for (names, expected) in [
            // As recorded.
            (&["0", "True", "{}"][..], &["0", "{}", "True"][..]),
            (&["H1", "H2", "H3"], &["H1", "H2", "H3"]),
            (&[], &[]),
            (&["", "a"], &["", "a"]),
            // One bucket, "Aa" and "BB" even one hash.
            (&["BB", "Aa"], &["BB", "Aa"]),
            // Twelve have 16 buckets, thirteen 32.
            (&numbered[..12], &["H8", "H9", "H10", "H0", "H1", "H11", "H2", "H3", "H4", "H5", "H6", "H7"]),
            (&numbered, &["H10", "H0", "H12", "H1", "H11", "H2", "H3", "H4", "H5", "H6", "H7", "H8", "H9"]),
        ] {
            let shown: Vec<&str> = hash_order(names).into_iter().map(|position| names[position]).collect();
            assert_eq!(shown, expected);
        }
    }
}
