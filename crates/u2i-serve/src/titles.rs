//! Items by words of their titles, also mistyped ones.

use std::collections::{BTreeMap, HashMap};

use fst::automaton::{Automaton as _, Levenshtein, Str};
use fst::{IntoStreamer as _, Map, Streamer as _};

/// The longest word that is looked for with an error in it: the automaton grows with it.
const LONGEST: usize = 24;
/// Words of the dictionary that one word of a query may stand for.
const WORDS: usize = 256;

/// An index of titles by their words.
pub(crate) struct Titles {
    /// From a word to its place in `places`.
    words: Map<Vec<u8>>,
    /// Items whose titles have each word, the most popular first.
    items: Vec<Vec<u32>>,
}

/// How well a word of a title meets one of the query.
#[derive(Clone, Copy)]
enum Meets {
    Same,
    Begins,
    Mistyped,
}

impl Meets {
    fn weight(self) -> f32 {
        match self {
            Meets::Same => 1.0,
            Meets::Begins => 0.6,
            Meets::Mistyped => 0.4,
        }
    }
}

impl Titles {
    /// Of items with titles, the most popular first.
    pub fn new<'a>(items: impl Iterator<Item = (u32, &'a str)>) -> Self {
        let mut by_word: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for (item, title) in items {
            for word in words(title) {
                let items = by_word.entry(word).or_default();
                if items.last() != Some(&item) {
                    items.push(item);
                }
            }
        }
        let keys = by_word.keys().enumerate().map(|(place, word)| (word.as_bytes(), place as u64));
        let words = Map::from_iter(keys).unwrap_or_default();
        Titles { words, items: by_word.into_values().collect() }
    }

    /// The `n` items whose titles meet most words of a query best; between equals the more popular one.
    pub fn find(&self, query: &str, n: usize, popularity: impl Fn(u32) -> u32) -> Vec<u32> {
        let mut weights: HashMap<u32, f32> = HashMap::new();
        for word in words(query).take(16) {
            let mut of_word: HashMap<u32, f32> = HashMap::new();
            for (place, meets) in self.meeting(&word) {
                for &item in &self.items[place] {
                    let weight = of_word.entry(item).or_default();
                    *weight = weight.max(meets.weight());
                }
            }
            for (item, weight) in of_word {
                *weights.entry(item).or_default() += weight;
            }
        }
        let mut found: Vec<(f32, u32, u32)> =
            weights.into_iter().map(|(item, weight)| (weight, popularity(item), item)).collect();
        let best_first = |a: &(f32, u32, u32), b: &(f32, u32, u32)| {
            b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)).then(a.2.cmp(&b.2))
        };
        if found.len() > n {
            found.select_nth_unstable_by(n, best_first);
            found.truncate(n);
        }
        found.sort_unstable_by(best_first);
        found.into_iter().map(|(_, _, item)| item).collect()
    }

    /// Words of the dictionary that a word may stand for.
    fn meeting(&self, word: &str) -> Vec<(usize, Meets)> {
        let mut found = Vec::new();
        let mut begins = self.words.search(Str::new(word).starts_with()).into_stream();
        while let Some((known, place)) = begins.next() {
            let meets = if known == word.as_bytes() { Meets::Same } else { Meets::Begins };
            found.push((place as usize, meets));
            if found.len() == WORDS {
                break;
            }
        }
        // A short word with an error in it could be any other.
        let errors = match word.chars().count() {
            0..=3 => return found,
            4..=7 => 1,
            8..=LONGEST => 2,
            _ => return found,
        };
        let Ok(mistyped) = Levenshtein::new(word, errors) else { return found };
        let mut near = self.words.search(mistyped).into_stream();
        while let Some((_, place)) = near.next() {
            found.push((place as usize, Meets::Mistyped));
            if found.len() >= 2 * WORDS {
                break;
            }
        }
        found
    }
}

/// Words in lower case: letters and digits.
fn words(text: &str) -> impl Iterator<Item = String> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TITLES: [&str; 6] = [
        "Toy Story (1995)",
        "Toy Soldiers (1991)",
        "Story of Us, The (1999)",
        "Amélie",
        "千と千尋の神隠し",
        "Terminator, The (1984)",
    ];

    fn find(query: &str) -> Vec<u32> {
        let titles = Titles::new(TITLES.iter().enumerate().map(|(i, title)| (i as u32 + 1, *title)));
        titles.find(query, 3, |item| 100 - item)
    }

    #[test]
    fn words_are_found_begun_and_mistyped() {
        assert_eq!(find("toy story")[0], 1);
        assert_eq!(find("STORY toy")[0], 1);
        assert_eq!(find("sold")[0], 2);
        assert_eq!(find("termniator"), [6]);
        assert_eq!(find("Terminater"), [6]);
        assert_eq!(find("stroy of us")[0], 3);
        assert_eq!(find("amélie"), [4]);
        assert_eq!(find("千と千尋の神隠し"), [5]);
        assert_eq!(find("1999")[0], 3);
    }

    #[test]
    fn what_is_not_there_is_not_found() {
        for query in ["", "()", "zzz", "toz", &"x".repeat(10_000)] {
            assert_eq!(find(query), [0; 0], "{query}");
        }
    }

    #[test]
    fn the_more_popular_of_equals_comes_first() {
        assert_eq!(find("toy"), [1, 2]);
        assert_eq!(find("the"), [3, 6]);
    }
}
