use std::fmt;

use sha2::{Digest as _, Sha256};

/// A SHA-256 over a sequence of named parts, printed as lower-case hex.
///
/// Every part is preceded by its name and length, so parts cannot run into each other.
///
/// ```
/// use u2i_schema::Digest;
/// let ab = Digest::new().part("x", b"ab").part("y", b"").finish();
/// let a_b = Digest::new().part("x", b"a").part("y", b"b").finish();
/// assert_ne!(ab, a_b);
/// assert_eq!(ab.len(), 64);
/// ```
#[derive(Clone, Default)]
pub struct Digest(Sha256);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

impl Digest {
    /// A digest of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes under a name.
    #[must_use]
    pub fn part(mut self, name: &str, bytes: &[u8]) -> Self {
        for field in [name.as_bytes(), bytes] {
            self.0.update((field.len() as u64).to_le_bytes());
            self.0.update(field);
        }
        self
    }

    /// Adds unsigned integers under a name, in little-endian order.
    #[must_use]
    pub fn numbers<T: Copy + Into<u64>>(self, name: &str, values: &[T]) -> Self {
        self.numbers_of(name, values, |&value| [value.into()])
    }

    /// Adds the numbers that each of `values` is made of, as [`numbers`](Self::numbers) adds those of a slice.
    ///
    /// ```
    /// use u2i_schema::Digest;
    /// let slice = Digest::new().numbers("corners", &[0u64, 1, 2, 3]).finish();
    /// let corners = [(0, 1), (2, 3)];
    /// assert_eq!(Digest::new().numbers_of("corners", &corners, |&(x, y)| [x, y]).finish(), slice);
    /// ```
    #[must_use]
    pub fn numbers_of<T, const N: usize>(
        mut self,
        name: &str,
        values: &[T],
        numbers: impl Fn(&T) -> [u64; N],
    ) -> Self {
        self = self.part(name, &((N * values.len()) as u64).to_le_bytes());
        // A call for each number would take longer than hashing it.
        let mut bytes = [[[0; 8]; N]; 64];
        for values in values.chunks(bytes.len()) {
            bytes.iter_mut().zip(values).for_each(|(of_value, value)| {
                *of_value = numbers(value).map(u64::to_le_bytes);
            });
            self.0.update(bytes[..values.len()].as_flattened().as_flattened());
        }
        self
    }

    /// The digest as 64 hex digits.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the docs say, a call for each number.
    fn one_by_one(name: &str, values: &[u64]) -> String {
        let length = |n: usize| (n as u64).to_le_bytes();
        let mut sha = Sha256::new();
        sha.update(length(name.len()));
        sha.update(name);
        sha.update(length(8));
        sha.update(length(values.len()));
        values.iter().for_each(|value| sha.update(value.to_le_bytes()));
        Digest(sha).finish()
    }

    /// The numbers of 64 values are hashed at once.
    #[test]
    fn numbers_are_hashed_as_if_one_by_one() {
        for n in [0, 1, 63, 64, 65, 128, 1_300] {
            let pairs: Vec<[u64; 2]> =
                (1..=n).map(|i: u64| [i, i.wrapping_mul(0x9e37_79b9_7f4a_7c15)]).collect();
            let values = pairs.as_flattened();
            let wanted = one_by_one("x", values);
            assert_eq!(Digest::new().numbers("x", values).finish(), wanted, "{n}");
            assert_eq!(Digest::new().numbers_of("x", &pairs, |&pair| pair).finish(), wanted, "{n}");
        }
    }
}
