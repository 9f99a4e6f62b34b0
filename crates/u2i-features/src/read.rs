use std::path::Path;

use crate::config::{DataConfig, FilesSplit, SplitConfig};
use crate::error::{FeatureError, invalid};
use crate::formats::Formats;
use crate::movielens;
use crate::raw::RawData;
use crate::read_progress::ReadProgress;
use crate::read_tables::{read_logs, read_tables_in};
use crate::sequences::read_sequences_in;
use crate::table::n_bytes;

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

    /// [`read`](Self::read), or [`read_for`](Self::read_for) where there is a split, while `progress` hears of
    /// the bytes that are read, out of [`n_bytes`](Self::n_bytes).
    ///
    /// # Errors
    ///
    /// As there, and [`FeatureError::Stopped`].
    pub fn read_following(
        &self,
        split: Option<&SplitConfig>,
        base: &Path,
        progress: &mut ReadProgress<'_>,
    ) -> Result<RawData, FeatureError> {
        Formats::built_in().read_following(self, split, base, progress)
    }

    /// Bytes of all files that are read, those of the split among them. What is not there has none.
    pub fn n_bytes(&self, split: Option<&SplitConfig>, base: &Path) -> u64 {
        let mut files: Vec<&Path> = Vec::new();
        match self {
            DataConfig::Ml1m(config) => {
                return movielens::n_bytes(&base.join(&config.dir), &movielens::ML_1M);
            }
            DataConfig::Ml10m(config) => {
                return movielens::n_bytes(&base.join(&config.dir), &movielens::ML_10M);
            }
            DataConfig::Ml100k(config) => {
                return movielens::n_bytes(&base.join(&config.dir), &movielens::ML_100K);
            }
            DataConfig::Tables(tables) => {
                files.push(&tables.events.file);
                files.extend([&tables.users, &tables.items].into_iter().flatten().map(|table| &*table.file));
                files.extend(tables.sequences.iter().map(|sequence| &*sequence.file));
            }
            DataConfig::Logs(logs) => {
                files.extend(logs.log.iter().map(|log| &*log.events.file));
                files.extend([&logs.users, &logs.items].into_iter().flatten().map(|table| &*table.file));
            }
            DataConfig::Sequences(sequences) => files.push(&sequences.file),
        }
        if let Some(SplitConfig::Files(split)) = split {
            files.extend(split.validation.as_deref());
            files.push(&split.test);
        }
        files.into_iter().map(|file| n_bytes(&base.join(file))).sum()
    }
}

impl Formats {
    /// [`DataConfig::read`] where tables are in these formats.
    ///
    /// # Errors
    ///
    /// As [`DataConfig::read`].
    pub fn read(&self, config: &DataConfig, base: &Path) -> Result<RawData, FeatureError> {
        self.read_with(config, None, base, &mut ReadProgress::silent())
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
        self.read_following(config, Some(split), base, &mut ReadProgress::silent())
    }

    /// [`DataConfig::read_following`] where tables are in these formats.
    ///
    /// # Errors
    ///
    /// As [`DataConfig::read_following`].
    pub fn read_following(
        &self,
        config: &DataConfig,
        split: Option<&SplitConfig>,
        base: &Path,
        progress: &mut ReadProgress<'_>,
    ) -> Result<RawData, FeatureError> {
        let Some(SplitConfig::Files(split)) = split else {
            return self.read_with(config, None, base, progress);
        };
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
            _ => self.read_with(config, Some(split), base, progress),
        }
    }

    fn read_with(
        &self,
        config: &DataConfig,
        split: Option<&FilesSplit>,
        base: &Path,
        progress: &mut ReadProgress<'_>,
    ) -> Result<RawData, FeatureError> {
        match config {
            DataConfig::Ml1m(config) => movielens::ml_1m(&base.join(&config.dir), &config.limits, progress),
            DataConfig::Ml10m(config) => movielens::ml_10m(&base.join(&config.dir), &config.limits, progress),
            DataConfig::Ml100k(config) => {
                movielens::ml_100k(&base.join(&config.dir), &config.limits, progress)
            }
            DataConfig::Tables(config) => read_tables_in(self, config, split, base, progress),
            DataConfig::Logs(config) => read_logs(self, config, base, progress),
            DataConfig::Sequences(config) => read_sequences_in(config, split, base, progress),
        }
    }
}
