//! What the files are that a config is wanted for.

use std::path::{Path, PathBuf};

use u2i::Error;
use u2i_features::{Encoding, Evidence, FeatureError, FileBeginning, FileFormat, Formats, FoundFormat};

use crate::sniff;

/// Data, recognised.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// The folder of MovieLens 1M.
    Ml1m(PathBuf),
    /// The folder of MovieLens 10M.
    Ml10m(PathBuf),
    /// The folder of MovieLens 100K.
    Ml100k(PathBuf),
    /// Pairs in time order.
    Sequences(PathBuf, Encoding),
    /// A user and all items on a line, in a file to train on and one to test on.
    Adjacency { train: PathBuf, test: PathBuf, encoding: Encoding },
    /// Tables, of which one holds the events.
    Tables(Vec<TableFile>),
}

/// A table.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct TableFile {
    pub path: PathBuf,
    pub format: FileFormat,
    /// How it was recognised.
    pub reason: String,
}

const ML_1M: [&str; 3] = ["ratings.dat", "users.dat", "movies.dat"];
/// As MovieLens 1M, but for the users.
const ML_10M: [&str; 2] = ["ratings.dat", "movies.dat"];
const ML_100K: [&str; 3] = ["u.data", "u.user", "u.item"];
/// MovieLens 20M and later, where tags have users, items and times as ratings do.
const ML_CSV: [&str; 3] = ["ratings.csv", "movies.csv", "tags.csv"];

/// The split of LightGCN. Beside them stand lists of ids.
const LIGHT_GCN: [&str; 2] = ["train.txt", "test.txt"];

/// Recognises files, or the one folder that holds them.
pub(super) fn recognise(data: &[PathBuf]) -> Result<Source, Error> {
    if let [dir] = data
        && dir.is_dir()
    {
        let has = |files: &[&str]| files.iter().all(|file| dir.join(file).is_file());
        if has(&ML_1M) {
            return Ok(Source::Ml1m(dir.clone()));
        }
        if has(&ML_10M) {
            return Ok(Source::Ml10m(dir.clone()));
        }
        if has(&ML_CSV) {
            let [ratings, movies, _] = ML_CSV.map(|file| dir.join(file));
            return files(&[ratings, movies]);
        }
        if has(&ML_100K) {
            return Ok(Source::Ml100k(dir.clone()));
        }
        if has(&LIGHT_GCN)
            && let Some(found) = adjacency(LIGHT_GCN.map(|file| dir.join(file)))?
        {
            return Ok(found);
        }
        return files(&listed(dir)?);
    }
    match data.iter().find(|path| path.is_dir()) {
        Some(dir) => Err(Error::Usage(format!(
            "{} is a folder; name either one folder or the files themselves",
            dir.display()
        ))),
        None => files(data),
    }
}

/// The two files of a split, if both have a user and all items on a line.
fn adjacency([train, test]: [PathBuf; 2]) -> Result<Option<Source>, Error> {
    let beginnings = [FileBeginning::read(&train)?, FileBeginning::read(&test)?];
    for beginning in &beginnings {
        if !sniff::is_adjacency(&beginning.text()?.lines().collect::<Vec<_>>()) {
            return Ok(None);
        }
    }
    let encoding = beginnings[0].text()?.encoding();
    Ok(Some(Source::Adjacency { train, test, encoding }))
}

/// The files of a folder that may hold data, by name.
fn listed(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Io { action: "read", path: dir.to_owned(), source };
    let formats = Formats::built_in();
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        if path.is_file() && formats.endings().any(|known| known == end) {
            paths.push(path);
        }
    }
    // RecBole keeps atomic files beside the files that they were made from.
    let is_atomic = |path: &PathBuf| {
        path.extension().is_some_and(|end| ["inter", "user", "item"].iter().any(|own| end == *own))
    };
    if paths.iter().any(|path| path.extension().is_some_and(|end| end == "inter")) {
        paths.retain(is_atomic);
    }
    paths.sort();
    // Beside data there may be a text that describes it.
    let is_text = |path: &PathBuf| path.extension().is_some_and(|end| end == "txt");
    if !paths.iter().all(is_text) {
        paths.retain(|path| !is_text(path));
    }
    Ok(paths)
}

fn files(paths: &[PathBuf]) -> Result<Source, Error> {
    if paths.is_empty() {
        return Err(Error::Usage(
            "there is no data: expected a MovieLens folder, or files of events in CSV, Parquet, RecBole's format or \
             pairs `user item`"
                .to_owned(),
        ));
    }
    let mut tables = Vec::new();
    for path in paths {
        match file(path)? {
            Source::Tables(found) => tables.extend(found),
            source if paths.len() == 1 => return Ok(source),
            // Beside tables, such as a README.
            _ => {}
        }
    }
    if tables.is_empty() {
        return Err(Error::Usage("several files of pairs: name the one that holds all events".to_owned()));
    }
    Ok(Source::Tables(tables))
}

fn file(path: &Path) -> Result<Source, Error> {
    let beginning = FileBeginning::read(path)?;
    let found = Formats::built_in().recognise(&beginning);
    let is_marked = found.as_ref().is_ok_and(|found| found.evidence == Evidence::Mark);
    let may_be_pairs = matches!(found, Ok(_) | Err(FeatureError::Unrecognised { .. }));
    if !is_marked && may_be_pairs {
        let text = beginning.text()?;
        if sniff::is_sequences(&text.lines().collect::<Vec<_>>()) {
            return Ok(Source::Sequences(path.to_owned(), text.encoding()));
        }
    }
    match found {
        Ok(FoundFormat { format, reason, .. }) => {
            Ok(Source::Tables(vec![TableFile { path: path.to_owned(), format, reason }]))
        }
        Err(error @ FeatureError::Unrecognised { .. }) => {
            let first = |beginning: &FileBeginning| {
                beginning.text().ok().and_then(|text| text.lines().next().map(str::to_owned))
            };
            let movielens = match first(&beginning).is_some_and(|line| line.contains("::")) {
                true => {
                    "\n  MovieLens 1M and 10M, `::` between fields: name the folder that holds ratings.dat and movies.dat"
                }
                false => "",
            };
            Err(Error::Usage(format!(
                "{error}\n  pairs `user item`: expected two fields on every line, white space between them{movielens}"
            )))
        }
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use u2i_features::formats::{Csv, Parquet, Tsv};

    use super::*;
    use u2i::ErrorKind;

    fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        files.iter().for_each(|(name, bytes)| std::fs::write(dir.path().join(name), bytes).unwrap());
        dir
    }

    #[test]
    fn folders_are_known_by_their_files() {
        let of = |files: &[&str]| {
            let files: Vec<(&str, &[u8])> =
                files.iter().map(|name| (*name, b"a,b\n1,2\n".as_slice())).collect();
            let dir = folder(&files);
            let found = recognise(&[dir.path().to_owned()]).unwrap();
            (dir, found)
        };
        let (dir, found) = of(&ML_1M);
        assert_eq!(found, Source::Ml1m(dir.path().to_owned()));
        let (dir, found) = of(&["ratings.dat", "movies.dat", "tags.dat"]);
        assert_eq!(found, Source::Ml10m(dir.path().to_owned()));
        let (dir, found) = of(&ML_100K);
        assert_eq!(found, Source::Ml100k(dir.path().to_owned()));
        let (_dir, found) = of(&["genome-scores.csv", "links.csv", "movies.csv", "ratings.csv", "tags.csv"]);
        let Source::Tables(tables) = found else { panic!("{found:?}") };
        assert!(tables[0].path.ends_with("ratings.csv") && tables[1].path.ends_with("movies.csv"));
        assert_eq!(tables.len(), 2);
        let lists = [("train.txt", b"0 1 2 3\n1 4\n".as_slice()), ("test.txt", b"0 5 6\n1 7\n".as_slice())];
        let dir = folder(&[lists[0], lists[1], ("item_list.txt", b"org_id remap_id\n")]);
        let [train, test] = LIGHT_GCN.map(|file| dir.path().join(file));
        let found = recognise(&[dir.path().to_owned()]).unwrap();
        assert_eq!(found, Source::Adjacency { train, test, encoding: Encoding::Utf8 });
        let (_dir, found) = of(&["b.csv", "a.csv", "README.md"]);
        let Source::Tables(tables) = found else { panic!("{found:?}") };
        let names: Vec<_> =
            tables.iter().map(|table| table.path.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["a.csv", "b.csv"]);
        let (_dir, found) = of(&["x.inter", "x.item", "ratings.csv"]);
        assert!(matches!(found, Source::Tables(tables) if tables.len() == 2));
    }

    #[test]
    fn files_are_known_by_their_first_lines() {
        let utf_8 = Encoding::Utf8;
        let csv = |separator| FileFormat::from(Csv::new(separator, utf_8));
        let cases: [(&[u8], FileFormat); 6] = [
            (b"user,item,time\na,b,1\n", csv(',')),
            (b"user;item;time\na;b;1\n", csv(';')),
            (b"user\titem\ttime\na\tb\t1\n", csv('\t')),
            (b"user_id:token\titem_id:token\n1\t2\n", Tsv { encoding: utf_8 }.into()),
            (b"user,item,time\ncaf\xe9,b,1\n", Csv::new(',', Encoding::Latin1).into()),
            (b"PAR1 and so on", Parquet {}.into()),
        ];
        for (bytes, wanted) in cases {
            let dir = folder(&[("x", bytes)]);
            let found = recognise(&[dir.path().join("x")]).unwrap();
            let Source::Tables(tables) = found else { panic!("{found:?}") };
            assert_eq!(tables[0].format, wanted);
        }
        let dir = folder(&[("x", b"1 17\n1 4\n")]);
        let path = dir.path().join("x");
        assert_eq!(recognise(std::slice::from_ref(&path)).unwrap(), Source::Sequences(path, utf_8));
    }

    #[test]
    fn what_is_no_data_is_refused_with_the_reason() {
        let cases: [(&[u8], ErrorKind, &str); 5] = [
            (b"", ErrorKind::Data, "the file is empty"),
            (
                b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
                ErrorKind::Usage,
                "expected the names of columns in the first line",
            ),
            (b"hello\nmy friends\n", ErrorKind::Usage, "divides its lines"),
            (b"1::1193::5::978300760\n", ErrorKind::Usage, "divides its lines"),
            (b"1::1193::3.5::978300760\n", ErrorKind::Usage, "name the folder that holds ratings.dat"),
        ];
        for (bytes, kind, message) in cases {
            let dir = folder(&[("x", bytes)]);
            let error = recognise(&[dir.path().join("x")]).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.kind(), kind);
        }
        assert_eq!(recognise(&[]).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(recognise(&[PathBuf::from("/there/is/none")]).unwrap_err().kind(), ErrorKind::Files);
    }
}
