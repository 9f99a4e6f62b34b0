//! BLAKE3 of what a run made, for its report.

use u2i_features::Prepared;
use u2i_index::ItemVectors;
use u2i_models::TwoTower;
use u2i_schema::Digest;
use u2i_train::weight_views;

use crate::tensor_file::little_endian;

pub(crate) fn columns(prepared: &Prepared) -> String {
    let text = serde_json::to_string(&prepared.columns).expect("columns are plain data");
    Digest::new().part("columns", text.as_bytes()).finish()
}

pub(crate) fn samples(prepared: &Prepared) -> String {
    let samples = prepared.samples.samples();
    Digest::new().numbers_of("samples", samples, |sample| [sample.user, sample.position]).finish()
}

pub(crate) fn model_weights<M: TwoTower>(model: &M) -> String {
    let mut digest = Digest::new();
    for (name, tensor) in weight_views(model) {
        let mut part = digest.begin_part(&name, 4 * tensor.n_numbers() as u64);
        for piece in tensor.pieces() {
            part.update(&little_endian(&piece.expect("the model is in memory")));
        }
        digest = part.end();
    }
    digest.finish()
}

pub(crate) fn item_vectors(items: &ItemVectors) -> String {
    Digest::new().numbers("ids", items.ids()).numbers("vectors", items.data()).finish()
}
