//! The formats that a file of rows may have.
//!
//! A further format is a file beside this one with a [`RowFormat`], and here the line that declares its module and its
//! line in the list. Reading, [`Formats::recognise`], `u2i init` and the fuzz targets go by the list.

mod arrow;
mod arrow_cells;
mod columnar_file;
mod csv;
mod delimited;
pub(crate) mod foreign;
mod json_lines;
mod parquet;
mod parquet_columns;
mod parquet_footer;
mod records;
mod sniffed;
mod tsv;

use std::any::Any;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::error::FeatureError;
use crate::file_beginning::FileBeginning;
use crate::row_source::{Evidence, Recognition, RowFormat};

pub use tsv::{AtomicType, atomic_field};

/// Makes [`FileFormat`] and [`Formats::built_in`] of a list of formats.
macro_rules! formats {
    ($($module:ident::$format:ident),+ $(,)?) => {
        $(pub use $module::$format;)+

        /// How a table is written.
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case", deny_unknown_fields)]
        pub enum FileFormat {
            $(#[doc = concat!("[`", stringify!($format), "`].")] $format($format),)+
            /// A format of somebody else's.
            Other(OtherFormat),
        }

        $(impl From<$format> for FileFormat {
            fn from(format: $format) -> Self {
                FileFormat::$format(format)
            }
        })+

        impl FileFormat {
            /// The config that names a format with its values.
            fn of(format: &dyn RowFormat) -> Self {
                let any: &dyn Any = format;
                $(if let Some(format) = any.downcast_ref::<$format>() {
                    return FileFormat::$format($format::clone(format));
                })+
                FileFormat::Other(OtherFormat { name: format.name().to_owned() })
            }

            /// What a config calls the format.
            pub fn name(&self) -> &str {
                self.built_in().map_or_else(|name| name, RowFormat::name)
            }

            /// The format, or the name of somebody else's.
            fn built_in(&self) -> Result<&dyn RowFormat, &str> {
                match self {
                    $(FileFormat::$format(format) => Ok(format),)+
                    FileFormat::Other(OtherFormat { name }) => Err(name),
                }
            }
        }

        fn built_in() -> Vec<Arc<dyn RowFormat>> {
            vec![$(Arc::new($format::PROTOTYPE) as Arc<dyn RowFormat>),+]
        }
    };
}

// A line for each format, in the order in which they are asked whether a file is theirs. Those that look at bytes alone
// come first: text is read to its end to know its encoding.
formats! {
    parquet::Parquet,
    arrow::Arrow,
    json_lines::JsonLines,
    tsv::Tsv,
    csv::Csv,
}

/// A format that a config knows by its name alone: [`Formats::with`] says what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherFormat {
    /// [`RowFormat::name`].
    pub name: String,
}

/// The formats that files may have: those of this crate, and others.
///
/// # Examples
///
/// ```
/// use u2i_features::Formats;
/// assert!(Formats::built_in().names().eq(["parquet", "arrow", "json_lines", "tsv", "csv"]));
/// ```
#[derive(Debug, Clone)]
pub struct Formats(Vec<Arc<dyn RowFormat>>);

/// A format that fits a file.
#[derive(Debug, Clone, PartialEq)]
pub struct FoundFormat {
    /// What a config says of it.
    pub format: FileFormat,
    /// What speaks for it.
    pub evidence: Evidence,
    /// What speaks for it, in a sentence.
    pub reason: String,
}

impl Formats {
    /// The formats of this crate.
    pub fn built_in() -> Self {
        Formats(built_in())
    }

    /// These and one more, which is asked before them whether a file is of it. A config names it by
    /// `format = { other = { name = "..." } }`.
    #[must_use]
    pub fn with(mut self, format: impl RowFormat) -> Self {
        self.0.insert(0, Arc::new(format));
        self
    }

    /// Their names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|format| format.name())
    }

    /// Endings of the names of files that may be of one of them, in lower case.
    pub fn endings(&self) -> impl Iterator<Item = &'static str> {
        self.0.iter().flat_map(|format| format.endings()).copied()
    }

    /// The format that fits a file: one that it bears the mark of, else the first that it looks like.
    ///
    /// # Errors
    ///
    /// [`FeatureError::Unrecognised`] with what each format says if none fits, [`FeatureError::NotATable`] for
    /// files of programs that are known and not read, as Excel's, and if the file cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use u2i_features::formats::Csv;
    /// use u2i_features::{Encoding, FileBeginning, Formats};
    /// let file = std::env::temp_dir().join(format!("u2i-plays-{}.csv", std::process::id()));
    /// std::fs::write(&file, "listener;track\nann;7\n")?;
    /// let found = Formats::built_in().recognise(&FileBeginning::read(&file)?)?;
    /// assert_eq!(found.format, Csv::new(';', Encoding::Utf8).into());
    /// # std::fs::remove_file(&file)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn recognise(&self, beginning: &FileBeginning) -> Result<FoundFormat, FeatureError> {
        let (mut looks, mut reasons) = (None, Vec::new());
        for format in &self.0 {
            let is_built_in = !matches!(FileFormat::of(&**format), FileFormat::Other(_));
            // Somebody else's format, which comes first, may be one of these.
            if is_built_in && looks.is_none() {
                foreign::refuse(beginning.path(), beginning.bytes())?;
            }
            match format.recognise(beginning)? {
                Recognition::Yes { format, evidence, reason } => {
                    let found = FoundFormat { format: FileFormat::of(&*format), evidence, reason };
                    if evidence == Evidence::Mark {
                        return Ok(found);
                    }
                    looks = looks.or(Some(found));
                }
                Recognition::No { reason } => reasons.push((format.name().to_owned(), reason)),
            }
        }
        looks.ok_or_else(|| FeatureError::Unrecognised { path: beginning.path().to_owned(), reasons })
    }

    /// The format that a config names at `key`.
    pub(crate) fn find<'a>(
        &'a self,
        format: &'a FileFormat,
        key: &str,
    ) -> Result<&'a dyn RowFormat, FeatureError> {
        let name = match format.built_in() {
            Ok(format) => return Ok(format),
            Err(name) => name,
        };
        let found = self.0.iter().find(|format| format.name() == name);
        found.map(|format| &**format).ok_or_else(|| FeatureError::UnknownFormat {
            key: format!("{key}.format.other.name"),
            name: name.to_owned(),
            known: self.names().map(str::to_owned).collect(),
        })
    }
}

/// How a file of requests is written, by how it begins: a format that fits, or CSV of one column, which needs no
/// separator.
///
/// # Errors
///
/// If the file cannot be read, or is empty.
pub fn table_format(path: &Path) -> Result<FileFormat, FeatureError> {
    let beginning = FileBeginning::read(path)?;
    match Formats::built_in().recognise(&beginning) {
        Ok(found) => Ok(found.format),
        Err(FeatureError::Unrecognised { .. }) => Ok(Csv::new(',', beginning.text()?.encoding()).into()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::Encoding;

    /// What a config calls a format is what the format is called.
    #[test]
    fn each_format_of_the_list_has_the_name_that_configs_know_it_by() {
        for format in &Formats::built_in().0 {
            let written = toml::Table::try_from(FileFormat::of(&**format)).unwrap();
            assert!(written.keys().eq([format.name()]), "{written}");
        }
    }

    fn recognise(bytes: &[u8]) -> Result<FoundFormat, FeatureError> {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        std::fs::write(&path, bytes).unwrap();
        Formats::built_in().recognise(&FileBeginning::read(&path)?)
    }

    #[test]
    fn files_are_known_by_their_first_lines() {
        let csv = |separator| FileFormat::from(Csv::new(separator, Encoding::Utf8));
        let cases: [(&[u8], FileFormat); 8] = [
            (b"user,item,time\na,b,1\n", csv(',')),
            (b"user;item;time\na;b;1\n", csv(';')),
            (b"user\titem\ttime\na\tb\t1\n", csv('\t')),
            (b"user_id:token\titem_id:token\n1\t2\n", Tsv { encoding: Encoding::Utf8 }.into()),
            (b"user,item,time\ncaf\xe9,b,1\n", Csv::new(',', Encoding::Latin1).into()),
            (b"PAR1 and so on", Parquet {}.into()),
            (b"ARROW1\0\0 and so on", Arrow {}.into()),
            (b"\xff\xff\xff\xff\x78\x02\0\0 and so on", Arrow {}.into()),
        ];
        for (bytes, wanted) in cases {
            assert_eq!(recognise(bytes).unwrap().format, wanted);
        }
    }

    #[test]
    fn files_of_no_format_are_refused_with_what_each_wants() {
        let cases: [(&[u8], &str); 3] = [
            (b"", "the file is empty"),
            (b"196\t242\t3\n", "csv: expected the names of columns in the first line"),
            (b"hello\nmy friends\n", "csv: neither `,`, `;`, a tab nor `|` divides its lines"),
        ];
        for (bytes, wanted) in cases {
            let message = recognise(bytes).unwrap_err().to_string();
            assert!(message.contains(wanted), "{message}");
        }
    }
}
