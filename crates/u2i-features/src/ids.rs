use std::collections::HashMap;

/// Canonical integers below this are looked up in a plain table instead of a hash map.
const DENSE: usize = 1 << 22;
const UNSEEN: u32 = u32::MAX;

/// Numbers exact texts 0, 1, 2, … in the order in which they first occur: `007` is not `7`.
#[derive(Default)]
pub(crate) struct Ids {
    texts: Vec<String>,
    dense: Vec<u32>,
    sparse: HashMap<String, u32>,
}

impl Ids {
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(known) = self.get(text) {
            return known;
        }
        let index = self.texts.len() as u32;
        match small(text) {
            Some(number) => {
                if self.dense.len() <= number {
                    self.dense.resize((number + 1).next_power_of_two(), UNSEEN);
                }
                self.dense[number] = index;
            }
            None => {
                self.sparse.insert(text.to_owned(), index);
            }
        }
        self.texts.push(text.to_owned());
        index
    }

    /// The index of a number, by its canonical text; `None` if it is not below [`DENSE`].
    #[inline(always)]
    pub(crate) fn intern_small(&mut self, number: u64) -> Option<u32> {
        let number = usize::try_from(number).ok().filter(|&number| number < DENSE)?;
        match self.dense.get(number) {
            Some(&index) if index != UNSEEN => Some(index),
            _ => Some(self.intern(&number.to_string())),
        }
    }

    pub(crate) fn get(&self, text: &str) -> Option<u32> {
        match small(text) {
            Some(number) => self.dense.get(number).copied().filter(|&index| index != UNSEEN),
            None => self.sparse.get(text).copied(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    pub(crate) fn into_texts(self) -> Vec<String> {
        self.texts
    }
}

/// The number that `text` is the one way to write, if it is below [`DENSE`].
fn small(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let canonical = matches!(bytes, [b'0'] | [b'1'..=b'9', ..]) && bytes.len() <= 7;
    if !canonical || !bytes.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = bytes.iter().fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    (number < DENSE).then_some(number)
}

/// The indices of `ids` in the order of the ids: by number if all are canonical integers, else as text.
pub(crate) fn id_order<S: AsRef<str>>(ids: &[S]) -> Vec<u32> {
    let mut order: Vec<u32> = (0..ids.len() as u32).collect();
    match ids.iter().map(|id| canonical(id.as_ref())).collect::<Option<Vec<i128>>>() {
        Some(numbers) => order.sort_unstable_by_key(|&i| numbers[i as usize]),
        None => order.sort_unstable_by(|&a, &b| ids[a as usize].as_ref().cmp(ids[b as usize].as_ref())),
    }
    order
}

fn canonical(text: &str) -> Option<i128> {
    let digits = text.strip_prefix('-').unwrap_or(text);
    match digits.as_bytes() {
        [b'0'] => (text == "0").then_some(0),
        [b'1'..=b'9', rest @ ..] if rest.iter().all(u8::is_ascii_digit) => text.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_exact_text() {
        let mut ids = Ids::default();
        let texts = ["7", "007", "1e3", "1000", "7.0", " 7", "-7", "4194304", "99999999999999999999", "٧"];
        for (index, text) in texts.iter().enumerate() {
            assert_eq!(ids.intern(text), index as u32, "{text}");
        }
        assert!(
            texts
                .iter()
                .zip(0..)
                .all(|(text, index)| ids.intern(text) == index && ids.get(text) == Some(index))
        );
        assert_eq!(ids.get("8"), None);
        assert_eq!([7, 1000, 4_194_303].map(|number| ids.intern_small(number)), [Some(0), Some(3), Some(10)]);
        assert_eq!((ids.intern("4194303"), ids.intern_small(4_194_304)), (10, None));
        assert_eq!(ids.into_texts(), [&texts[..], &["4194303"]].concat());
    }

    #[test]
    fn a_million_ids_do_not_collide() {
        let mut ids = Ids::default();
        for number in 0..500_000 {
            ids.intern(&number.to_string());
            ids.intern(&format!("0{number}"));
        }
        assert_eq!(ids.len(), 1_000_000);
    }

    #[test]
    fn ids_order_by_number_only_if_all_are_canonical_integers() {
        let order =
            |ids: &[&'static str]| id_order(ids).into_iter().map(|i| ids[i as usize]).collect::<Vec<_>>();
        assert_eq!(order(&["10", "9", "-1", "0"]), ["-1", "0", "9", "10"]);
        assert_eq!(order(&["10", "9", "01"]), ["01", "10", "9"]);
        assert_eq!(order(&["10", "9", "-0"]), ["-0", "10", "9"]);
    }
}
