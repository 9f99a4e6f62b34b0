//! Bugs planted on purpose, to see that tests notice.
//!
//! Each guard of the project has a bug planted beside it that its test must catch; a guard whose test passes with
//! the bug guards nothing. Without the feature `seeded-bugs` [`planted`] is the constant `false`, and what it
//! guards is not compiled in. With it, the environment variable `U2I_SEEDED_BUG` names the one bug of the process.
//! `cargo xtask seeded-bugs` plants them all, one after the other.
//!
//! ```toml
//! u2i-bug = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Examples
//!
//! A guard with its bug. Nothing is planted here, so it holds.
//!
//! ```
#![doc = include_str!("../examples/bug_alone.rs")]
//! ```

/// Whether the bug of this name is planted, which without the feature `seeded-bugs` none is.
#[cfg(not(feature = "seeded-bugs"))]
#[inline(always)]
pub const fn planted(_name: &str) -> bool {
    false
}

/// Whether the bug of this name is planted: the one that `U2I_SEEDED_BUG` named when it was first asked for.
#[cfg(feature = "seeded-bugs")]
pub fn planted(name: &str) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    PLANTED.get_or_init(|| std::env::var("U2I_SEEDED_BUG").ok()).as_deref() == Some(name)
}

#[cfg(all(test, not(feature = "seeded-bugs")))]
mod tests {
    /// Evaluated by the compiler, so the guarded code is gone, whatever the environment says.
    #[test]
    fn without_the_feature_nothing_is_planted() {
        const PLANTED: bool = super::planted("anything");
        assert_eq!([PLANTED, super::planted("")], [false; 2]);
    }
}
