/// The name among `known` that somebody may have meant who wrote `found`: the nearest by the number of letters to be put
/// in, left out or replaced (V. Levenshtein, "Binary codes capable of correcting deletions, insertions, and reversals",
/// Soviet Physics Doklady, 1966), whatever their case. `None` where none is near: more than two letters, or a third of
/// `found` where that is more, or all the letters of the longer one.
///
/// # Examples
///
/// ```
/// use u2i_schema::nearest_name;
/// assert_eq!(nearest_name("gendre", ["age", "gender"]), Some("gender"));
/// assert_eq!(nearest_name("Gender", ["age", "gender"]), Some("gender"));
/// assert_eq!(nearest_name("kx", ["k", "seen"]), Some("k"));
/// assert_eq!(nearest_name("zip", ["age", "gender"]), None);
/// ```
pub fn nearest_name<'a>(found: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let found = found.to_lowercase();
    let n = found.chars().count();
    let near = known.into_iter().filter_map(|known| {
        let distance = distance(&found, &known.to_lowercase());
        let is_near = distance <= 2.max(n / 3) && distance < n.max(known.chars().count());
        is_near.then_some((distance, known))
    });
    near.min_by_key(|&(distance, _)| distance).map(|(_, known)| known)
}

fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, own) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let replaced = diagonal + usize::from(own != *other);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_levenshtein() {
        for (a, b, wanted) in [("epoch", "epochs", 1), ("", "abc", 3), ("kitten", "sitting", 3)] {
            assert_eq!((distance(a, b), distance(b, a)), (wanted, wanted), "{a} {b}");
        }
    }

    #[test]
    fn a_name_is_near_if_less_than_all_of_it_differs() {
        let known = ["at", "age", "user_id", "größe"];
        for (found, wanted) in [
            ("AGE", Some("age")),
            ("userid", Some("user_id")),
            ("grösse", Some("größe")),
            ("ip", None),
            ("zip", None),
            ("", None),
            ("occupation", None),
        ] {
            assert_eq!(nearest_name(found, known), wanted, "{found}");
        }
    }
}
