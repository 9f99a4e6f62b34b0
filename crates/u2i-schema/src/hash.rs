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
        self.stream(name, values.len(), values.iter().map(|&value| value.into()))
    }

    /// Adds `n` numbers as [`numbers`](Self::numbers) adds those of a slice, for those that stand in none.
    ///
    /// ```
    /// use u2i_schema::Digest;
    /// let slice = Digest::new().numbers("squares", &[0u64, 1, 4]).finish();
    /// assert_eq!(Digest::new().stream("squares", 3, (0..3).map(|i| i * i)).finish(), slice);
    /// ```
    ///
    /// # Panics
    ///
    /// If there are not `n`.
    #[must_use]
    pub fn stream(mut self, name: &str, n: usize, values: impl IntoIterator<Item = u64>) -> Self {
        self = self.part(name, &(n as u64).to_le_bytes());
        // A call for each number would take longer than hashing it.
        let (mut bytes, mut filled, mut found) = ([0; 1 << 12], 0, 0);
        for value in values {
            bytes[filled..filled + 8].copy_from_slice(&value.to_le_bytes());
            filled += 8;
            found += 1;
            if filled == bytes.len() {
                self.0.update(bytes);
                filled = 0;
            }
        }
        self.0.update(&bytes[..filled]);
        assert_eq!(found, n, "as many numbers as were announced");
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

    /// 512 numbers are hashed at once.
    #[test]
    fn numbers_are_hashed_as_if_one_by_one() {
        for n in [0, 1, 511, 512, 513, 1_024, 1_300] {
            let values: Vec<u64> = (1..=n).map(|i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
            let found = Digest::new().stream("x", values.len(), values.iter().copied()).finish();
            assert_eq!(found, one_by_one("x", &values), "{n}");
        }
    }

    #[test]
    #[should_panic(expected = "as many numbers as were announced")]
    fn more_numbers_than_were_announced_panic() {
        let _ = Digest::new().stream("x", 512, 0..513);
    }

    #[test]
    #[should_panic(expected = "as many numbers as were announced")]
    fn fewer_numbers_than_were_announced_panic() {
        let _ = Digest::new().stream("x", 513, 0..512);
    }
}
