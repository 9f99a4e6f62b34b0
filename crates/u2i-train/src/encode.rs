use burn::tensor::{Device, Tensor};
use u2i_host::read;
use u2i_models::{ItemBatch, TwoTower, UserBatch};
use u2i_schema::{BatchMaker, Catalog, Chunk, ItemRows, Sample};

/// Vectors on the host.
#[derive(Debug, Clone, PartialEq)]
pub struct Vectors {
    /// What each row is of: `item_idx`, or the place of a sample.
    pub ids: Vec<u32>,
    /// Length of a row.
    pub dim: usize,
    /// `[ids, dim]`.
    pub data: Vec<f32>,
}

const BLOCK: usize = 4096;

/// How many items the model can rank, from `item_idx` 1 on: those with a training event, and the others where attributes are
/// enough.
pub fn n_items_ranked<M: TwoTower>(model: &M, catalog: &Catalog) -> usize {
    if model.ranks_cold_items() { catalog.n_items() } else { catalog.n_trained() }
}

/// The vectors of all items that the model can rank, by `item_idx`. Padding is not among them.
pub fn item_vectors<M: TwoTower>(model: &M, catalog: &Catalog, device: &Device) -> Vectors {
    let ids = (1..=n_items_ranked(model, catalog) as u32).collect();
    item_vectors_of(model, catalog, ids, device)
}

/// The vectors of the items `ids`, in their order: on the CPU the very bits that [`item_vectors`] gives them, whatever else
/// is asked for.
pub fn item_vectors_of<M: TwoTower>(model: &M, catalog: &Catalog, ids: Vec<u32>, device: &Device) -> Vectors {
    let blocks = ids
        .chunks(BLOCK)
        .map(|ids| model.encode_items(&ItemBatch::new(&ItemRows::new(catalog, ids), None, device)));
    let (dim, data) = gather(ids.len(), blocks);
    Vectors { ids, dim, data }
}

/// The vectors of the users of `samples`, each from the events before its position, as a server would make them.
pub fn user_vectors<M: TwoTower>(
    model: &M,
    batches: &BatchMaker<'_>,
    samples: &[Sample],
    device: &Device,
) -> Vectors {
    let blocks = samples.chunks(1024).map(|samples| {
        let chunks: Vec<Chunk> = samples.iter().copied().map(Chunk::from).collect();
        model.encode_users(&UserBatch::new(&batches.users(&chunks), None, device))
    });
    let (dim, data) = gather(samples.len(), blocks);
    Vectors { ids: (0..samples.len() as u32).collect(), dim, data }
}

fn gather(n_rows: usize, blocks: impl Iterator<Item = Tensor<2>>) -> (usize, Vec<f32>) {
    let (mut dim, mut data) = (0, Vec::new());
    for block in blocks {
        dim = block.dims()[1];
        // Growing would take all of it twice.
        data.reserve_exact(n_rows * dim - data.len());
        data.extend(read(block));
    }
    (dim, data)
}
