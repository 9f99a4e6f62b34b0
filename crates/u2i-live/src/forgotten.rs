use std::collections::HashSet;
use std::fmt;

/// Bytes of the random key that a store makes once and keeps.
pub(crate) const SALT_BYTES: usize = 32;

/// What is kept in place of an id. Enough bytes that no two ids of a store have the same.
pub(crate) type Mark = [u8; 16];

/// The key under which ids become marks: whoever has a mark and not the store cannot try ids until one fits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt(pub(crate) [u8; SALT_BYTES]);

impl Salt {
    /// The first half of BLAKE3 of the id under the key.
    pub(crate) fn mark(&self, id: &str) -> Mark {
        let hash = blake3::keyed_hash(&self.0, id.as_bytes());
        let [first, _] = hash.as_bytes().as_chunks::<16>().0 else { unreachable!("a hash has 32 bytes") };
        *first
    }
}

/// The users that a store was told to forget, as they were when it was read; [`Revision`](crate::Revision) says when to
/// read them again. It holds hashes and no id.
#[derive(Clone)]
pub struct ForgottenUsers {
    salt: Salt,
    marks: HashSet<Mark>,
}

impl ForgottenUsers {
    pub(crate) fn new(salt: Salt, marks: HashSet<Mark>) -> Self {
        ForgottenUsers { salt, marks }
    }

    /// Whether this user was forgotten, and so what was known of them before must not be used. True also if events of
    /// theirs came since: those count.
    pub fn contains(&self, user: &str) -> bool {
        !self.marks.is_empty() && self.marks.contains(&self.salt.mark(user))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.marks.len()
    }

    /// Whether nobody was forgotten.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }
}

/// Marks and salt stay out of logs.
impl fmt::Debug for ForgottenUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ForgottenUsers({})", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_depends_on_the_id_and_on_the_salt() {
        let salts = [Salt([0; SALT_BYTES]), Salt([1; SALT_BYTES])];
        let marks: HashSet<Mark> =
            salts.iter().flat_map(|salt| ["", "a", "b"].map(|id| salt.mark(id))).collect();
        assert_eq!(marks.len(), 6);
        let forgotten = ForgottenUsers::new(salts[0], HashSet::from([salts[0].mark("a")]));
        assert_eq!(["a", "b", ""].map(|user| forgotten.contains(user)), [true, false, false]);
        assert_eq!(format!("{forgotten:?}"), "ForgottenUsers(1)");
    }
}
