use std::path::Path;

use crate::config::{DataConfig, FilesSplit, SplitConfig};
use crate::error::{FeatureError, invalid};
use crate::formats::Formats;
use crate::movielens::{read_ml_1m, read_ml_10m, read_ml_100k};
use crate::raw::RawData;
use crate::read_tables::{read_logs, read_tables_in};
use crate::sequences::read_sequences_in;

impl DataConfig {
    /// Reads the files; relative paths start at `base`.
    ///
    /// # Errors
    ///
    /// If a file cannot be read, or holds more bad rows than `max_reject_ratio` allows.
    pub fn read(&self, base: &Path) -> Result<RawData, FeatureError> {
        Formats::built_in().read(self, base)
    }

    /// Reads the files, and those of the split where it goes by files.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`FeatureError::InvalidValue`] if the split names other training events than the data
    /// does, or the data is no file of events.
    pub fn read_for(&self, split: &SplitConfig, base: &Path) -> Result<RawData, FeatureError> {
        Formats::built_in().read_for(self, split, base)
    }
}

impl Formats {
    /// [`DataConfig::read`] where tables are in these formats.
    ///
    /// # Errors
    ///
    /// As [`DataConfig::read`].
    pub fn read(&self, config: &DataConfig, base: &Path) -> Result<RawData, FeatureError> {
        self.read_with(config, None, base)
    }

    /// [`DataConfig::read_for`] where tables are in these formats.
    ///
    /// # Errors
    ///
    /// As [`DataConfig::read_for`].
    pub fn read_for(
        &self,
        config: &DataConfig,
        split: &SplitConfig,
        base: &Path,
    ) -> Result<RawData, FeatureError> {
        let SplitConfig::Files(split) = split else { return self.read(config, base) };
        let file = match config {
            DataConfig::Tables(tables) => &tables.events.file,
            DataConfig::Sequences(sequences) => &sequences.file,
            DataConfig::Ml1m(_) | DataConfig::Ml10m(_) | DataConfig::Ml100k(_) | DataConfig::Logs(_) => {
                let wanted = "events in data.files.tables or data.files.sequences";
                return Err(invalid("split.files", wanted, config.name()));
            }
        };
        match &split.train {
            Some(train) if base.join(train) != base.join(file) => {
                let wanted = "the file of events in data.files, or nothing";
                Err(invalid("split.files.train", wanted, train))
            }
            _ => self.read_with(config, Some(split), base),
        }
    }

    fn read_with(
        &self,
        config: &DataConfig,
        split: Option<&FilesSplit>,
        base: &Path,
    ) -> Result<RawData, FeatureError> {
        match config {
            DataConfig::Ml1m(config) => read_ml_1m(&base.join(&config.dir), &config.limits),
            DataConfig::Ml10m(config) => read_ml_10m(&base.join(&config.dir), &config.limits),
            DataConfig::Ml100k(config) => read_ml_100k(&base.join(&config.dir), &config.limits),
            DataConfig::Tables(config) => read_tables_in(self, config, split, base),
            DataConfig::Logs(config) => read_logs(self, config, base),
            DataConfig::Sequences(config) => read_sequences_in(config, split, base),
        }
    }
}
