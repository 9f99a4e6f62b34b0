//! A key names one stream, in every run.

use u2i_random::{Purpose, Stream};

fn main() {
    let mut a = Stream::new(7, Purpose::NEGATIVES, 0, 3);
    let mut b = Stream::new(7, Purpose::NEGATIVES, 0, 3);
    assert_eq!(a.next_u64(), b.next_u64());
    assert_ne!(a.next_u64(), Stream::new(7, Purpose::SHUFFLE, 0, 3).next_u64());
    assert!((0..100).all(|_| a.below(5) < 5));
}
