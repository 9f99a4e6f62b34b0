use std::path::Path;

use crate::config::DataConfig;
use crate::error::FeatureError;
use crate::formats::Formats;
use crate::movielens::{read_ml_1m, read_ml_10m, read_ml_100k};
use crate::raw::RawData;
use crate::sequences::read_sequences;

impl DataConfig {
    /// Reads the files; relative paths start at `base`.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or holds more bad rows than `max_reject_ratio` allows.
    pub fn read(&self, base: &Path) -> Result<RawData, FeatureError> {
        Formats::built_in().read(self, base)
    }
}

impl Formats {
    /// [`DataConfig::read`] where tables are in these formats.
    ///
    /// # Errors
    ///
    /// As [`DataConfig::read`].
    pub fn read(&self, config: &DataConfig, base: &Path) -> Result<RawData, FeatureError> {
        match config {
            DataConfig::Ml1m(config) => read_ml_1m(&base.join(&config.dir), &config.limits),
            DataConfig::Ml10m(config) => read_ml_10m(&base.join(&config.dir), &config.limits),
            DataConfig::Ml100k(config) => read_ml_100k(&base.join(&config.dir), &config.limits),
            DataConfig::Tables(config) => self.read_tables(config, base),
            DataConfig::Sequences(config) => read_sequences(config, base),
        }
    }
}
