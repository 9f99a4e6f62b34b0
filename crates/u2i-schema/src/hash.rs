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
    pub fn numbers<T: Copy + Into<u64>>(mut self, name: &str, values: &[T]) -> Self {
        self = self.part(name, &(values.len() as u64).to_le_bytes());
        for &value in values {
            self.0.update(value.into().to_le_bytes());
        }
        self
    }

    /// The digest as 64 hex digits.
    pub fn finish(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
