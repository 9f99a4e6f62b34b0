//! The models that an experiment can name.

pub use u2i_models::{AnyModel, ModelConfig};
