//! A guard, and the bug that would break it.

/// The middle of a range, with a bug that is planted on request only.
fn middle(low: u64, high: u64) -> u64 {
    if u2i_bug::planted("middle_is_the_end") {
        return high;
    }
    low + (high - low) / 2
}

fn main() {
    assert_eq!(middle(2, 6), 4);
}
