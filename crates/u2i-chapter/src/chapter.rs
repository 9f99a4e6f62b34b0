use crate::ModelName;

/// The figures that the chapter prints for a model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChapterRow {
    /// The model.
    pub model: ModelName,
    /// hit_rate@10, hit_rate@5, ndcg@10, ndcg@5, precision@10, precision@5.
    pub figures: [f64; 6],
}

/// Section 2.2.2 of the fun-rec book.
pub const CHAPTER: [ChapterRow; 3] = [
    ChapterRow { model: ModelName::Fm, figures: [0.0008, 0.0, 0.0003, 0.0, 0.0001, 0.0] },
    ChapterRow { model: ModelName::Dssm, figures: [0.0142, 0.007, 0.0054, 0.003, 0.0014, 0.0014] },
    ChapterRow { model: ModelName::YoutubeDnn, figures: [0.0144, 0.0036, 0.0051, 0.0017, 0.0014, 0.0007] },
];

/// What stands under the table of the book's protocol.
pub const NOTES: &str = "\
Imitated of the original: events in file order, so that the last row of a user is not the last in time and half of a
user's other ratings lie after the test rating; seen items stay in the list; hyper-parameters, losses and samples.
Not imitated: padding ranked as an item; FM ranked by cosine without its last layer, whose weight came out negative,
so that its ranking is upside down; a mean over 50 places whether filled or not; YouTubeDNN trained with unit user and
raw item vectors and ranked with unit vectors on both sides (here inner products of raw vectors in both), and on four
fifths of its samples, the rest being held back for a validation that nothing acts on; negatives alone at the end of the
validation data; a log-uniform sampler over ids that are not sorted by popularity; batch norm over one row per pair of
user and item (here the item tower sees each distinct item of a batch once). One row per user is held back for
validation. The original sets no seed, so its figures scatter. dssm_text is DSSM as the chapter's words describe it:
sampled softmax, L2 normalisation, temperature.
";
