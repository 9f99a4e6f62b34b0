//! Checks that a machine could not make.

/// Says so in words that a search for what was left out finds.
pub fn unchecked(why: &str, what: &str) {
    eprintln!("xtask: UNCHECKED: {what}: {why}");
}
