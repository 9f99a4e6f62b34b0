//! The losses as implementations of `Loss`.

use burn::tensor::{Device, Tensor};
use u2i_losses::samplers::Hits;
use u2i_losses::{CandidateVectors, Candidates, Comparison, Drawn, LossConfig, LossMemory};

fn loss(written: &str) -> LossConfig {
    serde_json::from_str(written).unwrap_or_else(|error| panic!("{written}: {error}"))
}

const SAMPLED: &str =
    r#"{"sampled_softmax":{"negatives":16,"sampler":{"unigram":{"exponent":0.75}},"temperature":1.0}}"#;
const ROWS: &str = r#"{"sampled_softmax":{"negatives":16,"sampler":{"uniform":{}},"temperature":1.0,"draw":"per_row","mask":"training_positives"}}"#;
const IN_BATCH: &str =
    r#"{"in_batch_softmax":{"temperature":1.0,"streaming":{"alpha":0.5,"buckets":9,"hashes":2}}}"#;
const MIXED: &str = r#"{"mixed_softmax":{"negatives":16,"sampler":{"log_uniform":{}},"temperature":1.0}}"#;
const FULL: &str = r#"{"full_softmax":{"temperature":1.0,"temperature_floor":0.5}}"#;
const BCE: &str = r#"{"bce":{"negatives":4,"sampler":{"uniform":{}}}}"#;
const BPR: &str = r#"{"bpr":{"negatives":4,"sampler":{"uniform":{}}}}"#;

#[test]
fn they_are_written_as_they_are_read() {
    for written in [SAMPLED, ROWS, IN_BATCH, MIXED, FULL, BCE, BPR] {
        assert_eq!(serde_json::to_string(&loss(written)).unwrap(), written);
        let misspelt = written.replacen("\"negatives\"", "\"negative\"", 1);
        let misspelt = misspelt.replacen("\"temperature\"", "\"temperatures\"", 1);
        let error = serde_json::from_str::<LossConfig>(&misspelt).unwrap_err().to_string();
        assert!(error.starts_with("unknown field `"), "{error}");
    }
}

/// By hand for eight rows: users, positives and the gradients of both, then negatives with eight parts of a gradient and
/// their sum.
#[test]
fn they_state_their_tensors() {
    let pairs = LossMemory { candidates: 40, scores: 32, vectors: 8 * (2 + 4 * 4) };
    for (written, n_trained, memory) in [
        (SAMPLED, 100, LossMemory { candidates: 24, scores: 32, vectors: 32 + 160 }),
        (SAMPLED, 10, LossMemory { candidates: 10, scores: 20, vectors: 32 + 100 }),
        (ROWS, 100, LossMemory { candidates: 100, scores: 256 + 32, vectors: 32 + 200 }),
        (IN_BATCH, 100, LossMemory { candidates: 8, scores: 16, vectors: 32 + 80 }),
        (MIXED, 100, LossMemory { candidates: 24, scores: 48, vectors: 32 + 240 }),
        (FULL, 100, LossMemory { candidates: 100, scores: 200, vectors: 32 + 1000 }),
        (FULL, 20_000, LossMemory { candidates: 20_000, scores: 163_840, vectors: 48 + 80_000 }),
        (BCE, 100, pairs),
        (BPR, 100, pairs),
    ] {
        assert_eq!(loss(written).build().unwrap().memory(8, n_trained), memory, "{written}");
    }
}

#[test]
fn only_a_learned_temperature_is_learned_and_only_bce_takes_the_bias_of_a_user() {
    for written in [SAMPLED, ROWS, IN_BATCH, MIXED, FULL, BCE, BPR] {
        let loss = loss(written).build().unwrap();
        let parameters = loss.parameters();
        assert_eq!(parameters.len(), usize::from(written == FULL), "{written}");
        assert_eq!(loss.takes_user_bias(), written == BCE, "{written}");
        let values = parameters.into_iter().map(|learned| (learned.name, learned.values)).collect();
        let temperature = loss.temperature(&values).unwrap();
        assert_eq!(temperature.is_some(), written == FULL);
        if let Some(temperature) = temperature {
            assert!((temperature.get() - 1.0).abs() < 1e-6, "{temperature:?}");
        }
    }
}

/// Negatives come in any order and more than once; what a draw says itself counts instead.
#[test]
fn hits_are_the_negatives_that_are_the_positive_of_a_row() {
    let device = Device::flex();
    let marks = |hits: Option<Hits>, picked: bool| {
        let drawn = Drawn { items: vec![7, 3, 7, 5], hits, ..Drawn::default() };
        let candidates = Candidates::new(vec![3, 7, 4], drawn);
        let vectors = match picked {
            true => CandidateVectors::Picked {
                positives: Tensor::zeros([3, 2], &device),
                negatives: Some(Tensor::zeros([4, 2], &device)),
            },
            false => CandidateVectors::Each(Tensor::zeros([4, 2], &device)),
        };
        let step = Comparison::new(Tensor::zeros([3, 2], &device), &candidates, vectors);
        step.hits().into_data().convert::<bool>().try_into_vec::<bool>().unwrap()
    };
    let (o, x) = (false, true);
    for picked in [false, true] {
        assert_eq!(marks(None, picked), [o, x, o, o, x, o, x, o, o, o, o, o]);
        let own = Hits { marks: vec![x; 12], rows_without_negatives: 3 };
        assert_eq!(marks(Some(own), picked), [x; 12]);
    }
}
