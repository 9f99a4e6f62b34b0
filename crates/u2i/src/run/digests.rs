//! BLAKE3 of what a run made, for its report.

use u2i_features::Prepared;
use u2i_index::ItemVectors;
use u2i_models::TwoTower;
use u2i_schema::Digest;
use u2i_train::weights;

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
    for (name, tensor) in weights(model) {
        digest = digest.numbers(&name, &tensor.data);
    }
    digest.finish()
}

pub(crate) fn item_vectors(items: &ItemVectors) -> String {
    Digest::new().numbers("ids", items.ids()).numbers("vectors", items.data()).finish()
}
