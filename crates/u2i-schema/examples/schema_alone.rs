//! A history is a slice of the event store.

use u2i_schema::{BatchMaker, Catalog, Chunk, EventStore, SampleTable, TrainEvents, Users};
use u2i_schema::{ColumnData, Sample};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // One user who saw items 1, 2, 3 and then 2 again; the last event is held out.
    let events = EventStore::new(vec![0, 4], vec![1, 2, 3, 2], vec![10, 20, 20, 30], vec![])?;
    let train = TrainEvents::prefixes(&events, &[3]);
    let counts = train.counts(3);
    assert_eq!(counts, [0, 1, 1, 1]);

    let users = Users::new(vec!["ann".into()], vec![ColumnData::Rows(vec![2])]);
    let ids = ["a", "b", "c"].map(String::from).to_vec();
    let catalog = Catalog::new(ids, vec![None; 3], counts, vec![]);
    let samples = SampleTable::new(vec![Sample { user: 0, position: 1 }, Sample { user: 0, position: 2 }]);

    // Both targets share one window; each sees only what lies before it.
    let maker = BatchMaker::new(train.events(), &users, &catalog, 2);
    let chunks = samples.chunks(64.try_into()?);
    assert_eq!(chunks, [Chunk { user: 0, first: 1, targets: 2 }]);
    assert_eq!(maker.users(&chunks).history, [0, 1, 2]);
    assert_eq!(maker.targets(&chunks), [2, 3]);
    Ok(())
}
