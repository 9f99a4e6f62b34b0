use std::fmt;
use std::num::NonZeroUsize;

use serde::de::{Unexpected, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Test users that are ranked for where the experiment does not say.
pub const MOST_TEST_USERS: NonZeroUsize = NonZeroUsize::new(50_000).unwrap();
/// Validation users that are ranked for after each epoch where the experiment does not say.
pub const MOST_VALIDATION_USERS: NonZeroUsize = NonZeroUsize::new(10_000).unwrap();

/// How many of the held-out users are ranked for: `"all"`, or a number of them.
///
/// # Examples
///
/// ```
/// # use u2i::config::UserSample;
/// let read = |text| serde_json::from_str::<UserSample>(text);
/// assert_eq!(read("\"all\"").unwrap(), UserSample::All);
/// assert_eq!(read("500").unwrap(), UserSample::AtMost(500.try_into().unwrap()));
/// assert!(read("0").is_err() && read("\"some\"").is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UserSample {
    /// All of them.
    All,
    /// A sample of so many; all where there are no more.
    AtMost(NonZeroUsize),
}

impl UserSample {
    /// How many that is of so many.
    pub fn of(self, n_users: usize) -> usize {
        match self {
            UserSample::All => n_users,
            UserSample::AtMost(most) => n_users.min(most.get()),
        }
    }
}

impl Serialize for UserSample {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            UserSample::All => serializer.serialize_str("all"),
            UserSample::AtMost(most) => most.serialize(serializer),
        }
    }
}

impl<'de> Deserialize<'de> for UserSample {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl Visitor<'_> for Either {
            type Value = UserSample;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("\"all\" or a number of users above 0")
            }

            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<UserSample, E> {
                match text {
                    "all" => Ok(UserSample::All),
                    other => Err(E::invalid_value(Unexpected::Str(other), &self)),
                }
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<UserSample, E> {
                let most = usize::try_from(n).ok().and_then(NonZeroUsize::new);
                most.map(UserSample::AtMost).ok_or_else(|| E::invalid_value(Unexpected::Unsigned(n), &self))
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<UserSample, E> {
                let wrong = || E::invalid_value(Unexpected::Signed(n), &self);
                u64::try_from(n).map_err(|_| wrong()).and_then(|n| Either.visit_u64(n))
            }
        }

        deserializer.deserialize_any(Either)
    }
}
