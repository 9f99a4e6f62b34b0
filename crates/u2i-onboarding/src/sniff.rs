//! Whether a file holds pairs, from its first lines.

/// Whether these lines are pairs `user item` in time order: two fields in each, white space between them, and neither
/// a separator of tables nor a header.
pub(super) fn is_sequences(lines: &[&str]) -> bool {
    let is_pair =
        |line: &&str| line.split_ascii_whitespace().count() == 2 && !line.contains([',', ';', '|', '"']);
    let Some(first) = lines.first() else { return false };
    let is_header = first.split_ascii_whitespace().all(crate::names::is_known);
    lines.iter().all(is_pair) && !is_header
}

/// Whether these lines are a user and all items each, as those of LightGCN: white space between them, no separator of
/// tables, and not as many on every line. A user may have no item.
pub(super) fn is_adjacency(lines: &[&str]) -> bool {
    let counts: Vec<usize> = lines.iter().map(|line| line.split_ascii_whitespace().count()).collect();
    let is_plain = |line: &&str| !line.contains([',', ';', '|', '"', '\t']);
    let differ = counts.iter().any(|&count| count != counts[0]);
    lines.iter().all(is_plain) && !counts.contains(&0) && differ && counts.iter().any(|&count| count > 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_told_from_tables() {
        let cases: [(&[&str], bool); 7] = [
            (&["1 17", "1 4", "2 17"], true),
            (&["A2 B001E", "A2\tB002F"], true),
            (&["user_id item_id", "1 17"], false),
            (&["1 17 3", "1 4 2"], false),
            (&["a, b", "c, d"], false),
            (&["1", "2"], false),
            (&[], false),
        ];
        for (lines, wanted) in cases {
            assert_eq!(is_sequences(lines), wanted, "{lines:?}");
        }
    }

    #[test]
    fn lists_of_items_are_told_from_tables_and_pairs() {
        let cases: [(&[&str], bool); 7] = [
            (&["0 0 1 2", "1 4", "2 7 9 1 3"], true),
            (&["0", "1 4", "2 7 9"], true),
            (&["1 17", "1 4", "2 17"], false),
            (&["1 17 3", "1 4 2"], false),
            (&["user,item", "1,2"], false),
            (&["hello", "my dear friends"], true),
            (&[], false),
        ];
        for (lines, wanted) in cases {
            assert_eq!(is_adjacency(lines), wanted, "{lines:?}");
        }
    }
}
