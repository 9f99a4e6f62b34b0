use std::path::Path;

use u2i_index::ItemVectors;
use u2i_models::burn::tensor::Device;
use u2i_models::{HistoryInput, Init, Inputs, TwoTower, TwoTowerConfig, with_weights};
use u2i_schema::{Catalog, Column, EventStore, Side, SideEvents, Users};

use crate::encoder::Encoder;
use crate::error::{io, malformed};
use crate::hash::hash_file;
use crate::origin::{Origin, find_origin};
use crate::{Attribute, BundleError, Manifest, Part, items, npy, users, vocab, weights};

/// Checks the manifest of a bundle and the SHA-256 of each of its files, and loads nothing.
///
/// # Errors
///
/// As [`Recommender::open`](crate::Recommender::open), but for what only shows when a file is read behind its hash.
pub fn verify(dir: &Path) -> Result<Manifest, BundleError> {
    let manifest = Manifest::read(dir)?;
    for part in Part::ALL {
        check(dir, &manifest, part)?;
    }
    Ok(manifest)
}

/// That a part is the one that the manifest describes.
fn check(dir: &Path, manifest: &Manifest, part: Part) -> Result<(), BundleError> {
    let Some(entry) = manifest.parts.get(&part) else { return Ok(()) };
    let path = dir.join(part.file_name());
    let (found, bytes) = hash_file(&path).map_err(io("read", &path, None))?;
    if found == entry.sha256 {
        if bytes == entry.bytes {
            return Ok(());
        }
        return Err(malformed(&path, format!("{bytes} bytes, the manifest says {}", entry.bytes)));
    }
    let expected = entry.sha256.clone();
    Err(match find_origin(&path, part, &manifest.seal) {
        Origin::OtherBundle(seal) => BundleError::Mixture { path, expected, found, seal },
        Origin::Changed => BundleError::Changed { path, what: "SHA-256", expected, found },
    })
}

/// Whether the index is used.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum UseIndex {
    IfThere,
    Never,
}

/// Everything in a bundle, checked.
pub(crate) struct Opened {
    pub manifest: Manifest,
    pub model: Box<dyn Encoder>,
    pub columns: Vec<Column>,
    pub catalog: Catalog,
    pub attributes: Vec<Attribute>,
    pub users: Users,
    pub events: EventStore,
    pub sequences: Vec<SideEvents>,
    pub vectors: ItemVectors,
    #[cfg(feature = "faiss")]
    pub index: Option<u2i_index::FaissIndex>,
}

impl Opened {
    /// The bundle in `dir`, of a model whose config is a `C`.
    pub fn open<C: TwoTowerConfig>(
        dir: &Path,
        device: &Device,
        use_index: UseIndex,
    ) -> Result<Self, BundleError> {
        let manifest = Manifest::read(dir)?;
        // Every hash before any content: a mixture is to be called one.
        let is_used = |part: &Part| *part != Part::Index || use_index == UseIndex::IfThere;
        for part in Part::ALL.into_iter().filter(is_used) {
            check(dir, &manifest, part)?;
        }
        let place = |part: Part| (dir.join(part.file_name()), &manifest.parts[&part]);
        let (path, entry) = place(Part::Vocabulary);
        let columns = vocab::read(&path, entry, &manifest.columns)?;
        let (path, entry) = place(Part::Items);
        let (catalog, attributes) = items::read(&path, entry, manifest.sizes, &manifest.attributes)?;
        let (path, entry) = place(Part::Users);
        let (users, events, sequences) = users::read(&path, entry, manifest.sizes, &columns)?;
        let (path, entry) = place(Part::ItemVectors);
        let ids = (1..=manifest.sizes.items_ranked as u32).collect();
        let vectors = ItemVectors::new(ids, manifest.sizes.dim, npy::read(&path, entry.shape)?)
            .map_err(|error| malformed(&path, error.to_string()))?;
        let (path, _) = place(Part::Weights);
        let config = serde_json::from_value::<C>(manifest.model.clone())
            .map_err(|source| BundleError::OtherModel { path: dir.join(Manifest::FILE_NAME), source })?;
        let model = model(&config, &path, &manifest, &columns, device)?;
        #[cfg(feature = "faiss")]
        let index = match manifest.index {
            Some(_) if use_index == UseIndex::IfThere => {
                let path = dir.join(Part::Index.file_name());
                let index = u2i_index::FaissIndex::load(&path)?;
                let shape = (u2i_index::Index::len(&index), u2i_index::Index::dim(&index));
                if shape != (vectors.ids().len(), vectors.dim()) {
                    return Err(malformed(&path, format!("an index over {shape:?} items and numbers")));
                }
                Some(index)
            }
            _ => None,
        };
        Ok(Opened {
            model: Box::new(model),
            columns,
            catalog,
            attributes,
            users,
            events,
            sequences,
            vectors,
            #[cfg(feature = "faiss")]
            index,
            manifest,
        })
    }
}

/// The model with its weights. No more memory is taken for it than its file has numbers.
fn model<C: TwoTowerConfig>(
    config: &C,
    path: &Path,
    manifest: &Manifest,
    columns: &[Column],
    device: &Device,
) -> Result<C::Model, BundleError> {
    let weights = weights::read(path)?;
    let of_side = |side| columns.iter().filter(|column| column.side == side).cloned().collect();
    let inputs = Inputs {
        n_ids: manifest.sizes.items_trained + usize::from(manifest.unknown_item),
        user: of_side(Side::User),
        request: of_side(Side::Request),
        item: of_side(Side::Item),
        history: manifest.history.clone(),
    };
    let n = weights.values().map(|tensor| tensor.data.len()).sum();
    let mut init = Init::zeros(n, device);
    let model = config.init(&inputs, &mut init)?;
    if init.is_exhausted() || n != manifest.sizes.weights {
        return Err(malformed(path, format!("{n} numbers are not those of the model in the manifest")));
    }
    let model = with_weights(model, weights)?;
    let length = manifest.history.as_ref().map_or(0, |history: &HistoryInput| history.length);
    if ![0, length].contains(&TwoTower::history_len(&model)) {
        return Err(malformed(path, "the model looks at another history than the manifest says"));
    }
    Ok(model)
}
