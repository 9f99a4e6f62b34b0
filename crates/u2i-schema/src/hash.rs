use std::fmt;

use bytemuck::Pod;

/// A BLAKE3 over a sequence of named parts, printed as lower-case hex.
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
// Two kilobytes, which each part would move.
#[derive(Clone, Default)]
pub struct Digest(Box<blake3::Hasher>);

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(..)")
    }
}

/// Numbers that a [`Digest`] takes: `u32`, `u64`, `i64`, `f32` and `f64`.
pub trait Number: Pod {
    /// The number whose bytes in memory are those of `self` in little-endian order.
    #[must_use]
    fn little_endian(self) -> Self;
}

macro_rules! number {
    ($($number:ty),+) => {
        $(impl Number for $number {
            fn little_endian(self) -> Self {
                Self::from_ne_bytes(self.to_le_bytes())
            }
        })+
    };
}

number!(u32, u64, i64, f32, f64);

impl Digest {
    /// A digest of nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds bytes under a name.
    #[must_use]
    pub fn part(self, name: &str, bytes: &[u8]) -> Self {
        let mut part = self.begin_part(name, bytes.len() as u64);
        part.update(bytes);
        part.end()
    }

    /// Begins a part whose `n_bytes` bytes come piece by piece: [`part`](Self::part) of all of them.
    ///
    /// ```
    /// use u2i_schema::Digest;
    /// let mut part = Digest::new().begin_part("x", 3);
    /// part.update(b"a");
    /// part.update(b"bc");
    /// assert_eq!(part.end().finish(), Digest::new().part("x", b"abc").finish());
    /// ```
    pub fn begin_part(self, name: &str, n_bytes: u64) -> DigestPart {
        DigestPart { digest: self.begin(name, n_bytes), left: n_bytes }
    }

    /// Adds numbers under a name: [`part`](Self::part) of their bytes in little-endian order.
    ///
    /// ```
    /// use u2i_schema::Digest;
    /// let bytes = Digest::new().part("items", &[3, 0, 0, 0, 1, 2, 0, 0]).finish();
    /// assert_eq!(Digest::new().numbers("items", &[3_u32, 513]).finish(), bytes);
    /// ```
    #[must_use]
    pub fn numbers<T: Number>(self, name: &str, values: &[T]) -> Self {
        if cfg!(target_endian = "little") {
            return self.part(name, bytemuck::cast_slice(values));
        }
        self.numbers_of(name, values, |&value| [value])
    }

    /// Adds the numbers that each of `values` is made of, as [`numbers`](Self::numbers) adds those of a slice.
    ///
    /// ```
    /// use u2i_schema::Digest;
    /// let slice = Digest::new().numbers("corners", &[0_u64, 1, 2, 3]).finish();
    /// let corners = [(0_u64, 1), (2, 3)];
    /// assert_eq!(Digest::new().numbers_of("corners", &corners, |&(x, y)| [x, y]).finish(), slice);
    /// ```
    #[must_use]
    pub fn numbers_of<T, U: Number, const N: usize>(
        self,
        name: &str,
        values: &[T],
        numbers: impl Fn(&T) -> [U; N],
    ) -> Self {
        let mut digest = self.begin(name, (size_of::<[U; N]>() * values.len()) as u64);
        // As many as BLAKE3 needs to fill its registers.
        let mut block = [[U::zeroed(); N]; BLOCK];
        for values in values.chunks(block.len()) {
            block.iter_mut().zip(values).for_each(|(of_value, value)| {
                *of_value = numbers(value).map(U::little_endian);
            });
            digest.0.update(bytemuck::cast_slice(block[..values.len()].as_flattened()));
        }
        digest
    }

    fn begin(mut self, name: &str, n_bytes: u64) -> Self {
        self.0.update(&(name.len() as u64).to_le_bytes());
        self.0.update(name.as_bytes());
        self.0.update(&n_bytes.to_le_bytes());
        self
    }

    /// The digest as 64 hex digits.
    pub fn finish(self) -> String {
        self.0.finalize().to_hex().as_str().to_owned()
    }
}

/// A part of a [`Digest`] whose bytes come piece by piece.
#[derive(Debug)]
pub struct DigestPart {
    digest: Digest,
    left: u64,
}

impl DigestPart {
    /// Adds the next bytes.
    ///
    /// # Panics
    ///
    /// If they are more than the part was said to have.
    pub fn update(&mut self, bytes: &[u8]) {
        self.left = self.left.checked_sub(bytes.len() as u64).expect("no more bytes than were said");
        self.digest.0.update(bytes);
    }

    /// The digest with this part.
    ///
    /// # Panics
    ///
    /// If there were fewer bytes than the part was said to have.
    pub fn end(self) -> Digest {
        assert_eq!(self.left, 0, "as many bytes as were said");
        self.digest
    }
}

/// How many values are hashed at once.
const BLOCK: usize = 2_048;

#[cfg(test)]
mod tests {
    use super::*;

    /// As the docs say, a call for each number.
    fn one_by_one<T: Number>(name: &str, values: &[T], bytes: impl Fn(&T) -> Vec<u8>) -> String {
        let length = |n: usize| (n as u64).to_le_bytes();
        let mut hash = blake3::Hasher::new();
        hash.update(&length(name.len()));
        hash.update(name.as_bytes());
        hash.update(&length(size_of_val(values)));
        values.iter().for_each(|value| {
            hash.update(&bytes(value));
        });
        hash.finalize().to_string()
    }

    /// Many values are hashed at once.
    #[test]
    fn numbers_are_hashed_as_if_one_by_one() {
        for n in [0, 1, 63, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK, 5_000] {
            let pairs: Vec<[u64; 2]> =
                (1..=n as u64).map(|i| [i, i.wrapping_mul(0x9e37_79b9_7f4a_7c15)]).collect();
            let values = pairs.as_flattened();
            let wanted = one_by_one("x", values, |value| value.to_le_bytes().into());
            assert_eq!(Digest::new().numbers("x", values).finish(), wanted, "{n}");
            assert_eq!(Digest::new().numbers_of("x", &pairs, |&pair| pair).finish(), wanted, "{n}");

            let narrow: Vec<u32> = values.iter().map(|&value| (value >> 32) as u32).collect();
            let wanted = one_by_one("x", &narrow, |value| value.to_le_bytes().into());
            assert_eq!(Digest::new().numbers("x", &narrow).finish(), wanted, "{n}");
            let signed: Vec<i64> = values.iter().map(|&value| value as i64).collect();
            let wanted = one_by_one("x", &signed, |value| value.to_le_bytes().into());
            assert_eq!(Digest::new().numbers_of("x", &signed, |&value| [value]).finish(), wanted, "{n}");
        }
    }

    /// The first of BLAKE3's own test vectors: nothing, and the bytes 0, 1 and 2.
    #[test]
    fn digests_are_those_of_blake3() {
        let hash = |bytes: &[u8]| {
            let mut digest = Digest::new();
            digest.0.update(bytes);
            digest.finish()
        };
        assert_eq!(hash(&[]), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262");
        assert_eq!(hash(&[0, 1, 2]), "e1be4d7a8ab5560aa4199eea339849ba8e293d55ca0a81006726d184519e647f");
    }
}
