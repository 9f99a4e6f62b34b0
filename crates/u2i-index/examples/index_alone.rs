//! Exact search over three items, with and without what the user has seen.

use u2i_index::{ExactIndex, Filter, Index, ItemVectors};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let items = ItemVectors::new(vec![1, 2, 3], 2, vec![1.0, 0.0, 0.0, 1.0, 0.6, 0.8])?;
    let index = ExactIndex::new(items);
    let k = 2.try_into()?;
    let found = index.search(&[1.0, 0.0], k, Filter::ALL)?;
    assert_eq!(found.ids(0), [1, 3]);
    assert_eq!(found.scores(0), [1.0, 0.6]);

    let seen = [vec![1]];
    assert_eq!(index.search(&[1.0, 0.0], k, Filter::excluding(&seen))?.ids(0), [3, 2]);
    Ok(())
}
