//! What the files are that a config is wanted for.

use std::path::{Path, PathBuf};

use u2i::Error;
use u2i_features::{
    Encoding, Evidence, FeatureError, FileBeginning, FileFormat, Formats, FoundFormat, part_files,
};

use crate::{folder, sniff};

/// Data, recognised.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Source {
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
pub(crate) struct TableFile {
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

/// Whether texts begin with the names of their columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Names,
    Missing,
}

/// Recognises files and folders of part files, or the one folder that holds either.
pub(crate) fn recognise(data: &[PathBuf], header: Header) -> Result<Source, Error> {
    let [dir] = data else {
        data.iter().filter(|path| path.is_dir()).try_for_each(|dir| one_table(dir))?;
        return files(data, header);
    };
    if !dir.is_dir() {
        return files(data, header);
    }
    let has = |files: &[&str]| files.iter().all(|file| dir.join(file).is_file());
    if has(&ML_1M) {
        return Ok(Source::Ml1m(dir.clone()));
    }
    if has(&ML_10M) {
        return Ok(Source::Ml10m(dir.clone()));
    }
    if has(&ML_CSV) {
        let [ratings, movies, _] = ML_CSV.map(|file| dir.join(file));
        return files(&[ratings, movies], header);
    }
    if has(&ML_100K) {
        return Ok(Source::Ml100k(dir.clone()));
    }
    if has(&LIGHT_GCN)
        && let Some(found) = adjacency(LIGHT_GCN.map(|file| dir.join(file)))?
    {
        return Ok(found);
    }
    files(&tables_in(dir)?, header)
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

/// Whether a file is of one of the formats.
fn is_table(path: &Path) -> bool {
    FileBeginning::read(path).and_then(|beginning| Formats::built_in().recognise(&beginning)).is_ok()
}

/// A folder that is named beside others has to be one table.
fn one_table(dir: &Path) -> Result<(), Error> {
    let inside = tables_in(dir)?;
    if matches!(inside.as_slice(), [only] if only == dir || only.is_file()) {
        return Ok(());
    }
    let names: Vec<String> = inside.iter().map(|path| folder::name(path)).collect();
    Err(Error::Usage(format!(
        "{} is a folder of several tables ({}); name the files themselves, or, if they are parts of one table, a pattern such \
         as '{}'",
        dir.display(),
        names.join(", "),
        dir.join("*.csv").display()
    )))
}

/// The files and folders of a folder that hold a table each, by name; the folder itself if it is one of part files.
fn tables_in(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let formats = Formats::built_in();
    let listed = folder::list(dir, &formats.endings().collect::<Vec<_>>())?;
    if listed.are_parts() {
        return Ok(vec![dir.to_owned()]);
    }
    let mut paths = listed.files;
    // RecBole keeps atomic files beside the files that they were made from.
    let is_atomic = |path: &PathBuf| {
        path.extension().is_some_and(|end| ["inter", "user", "item"].iter().any(|own| end == *own))
    };
    if paths.iter().any(|path| path.extension().is_some_and(|end| end == "inter")) {
        paths.retain(is_atomic);
    }
    for within in listed.folders {
        if folder::list(&within, &formats.endings().collect::<Vec<_>>())?.are_parts() {
            paths.push(within);
        }
    }
    paths.sort();
    // Beside data there may be settings or notes in JSON, and a text that describes it.
    if paths.len() > 1 {
        paths.retain(|path| folder::ending(&folder::name(path)) != "json" || is_table(path));
    }
    let is_text = |path: &PathBuf| path.extension().is_some_and(|end| end == "txt");
    if !paths.iter().all(is_text) {
        paths.retain(|path| !is_text(path));
    }
    Ok(paths)
}

fn files(paths: &[PathBuf], header: Header) -> Result<Source, Error> {
    if paths.is_empty() {
        return Err(Error::Usage(
            "there is no data: expected a MovieLens folder, or files of events in CSV, Parquet, RecBole's format or \
             pairs `user item`"
                .to_owned(),
        ));
    }
    let mut tables = Vec::new();
    for path in paths {
        match file(path, header)? {
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

fn file(path: &Path, header: Header) -> Result<Source, Error> {
    let beginning = match header {
        Header::Names => FileBeginning::read(path)?,
        Header::Missing => FileBeginning::read(path)?.without_header(),
    };
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
        Ok(FoundFormat { format, mut reason, .. }) => {
            for further in [parts_reason(path)?, encoding_reason(&format, &beginning)?] {
                reason.extend(further.map(|further| format!(" {further}")));
            }
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

/// Says of how many files a table is made, if it is of several.
fn parts_reason(path: &Path) -> Result<Option<String>, Error> {
    let files = part_files(path)?;
    Ok(files.map(|files| match files.as_slice() {
        [only] => format!("One file, {}.", only.name),
        [first, .., last] => {
            format!("{} files as one table, from {} to {}.", files.len(), first.name, last.name)
        }
        [] => String::new(),
    }))
}

/// Says why a text is in its encoding, where that is not plain.
fn encoding_reason(format: &FileFormat, beginning: &FileBeginning) -> Result<Option<String>, Error> {
    Ok(match format {
        FileFormat::Csv(_) | FileFormat::Tsv(_) => beginning.text()?.encoding_reason().map(str::to_owned),
        _ => None,
    })
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
            let found = recognise(&[dir.path().to_owned()], Header::Names).unwrap();
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
        let found = recognise(&[dir.path().to_owned()], Header::Names).unwrap();
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
            let found = recognise(&[dir.path().join("x")], Header::Names).unwrap();
            let Source::Tables(tables) = found else { panic!("{found:?}") };
            assert_eq!(tables[0].format, wanted);
        }
        let dir = folder(&[("x", b"1 17\n1 4\n")]);
        let path = dir.path().join("x");
        assert_eq!(
            recognise(std::slice::from_ref(&path), Header::Names).unwrap(),
            Source::Sequences(path, utf_8)
        );
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
            let error = recognise(&[dir.path().join("x")], Header::Names).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert_eq!(error.kind(), kind);
        }
        assert_eq!(recognise(&[], Header::Names).unwrap_err().kind(), ErrorKind::Usage);
        assert_eq!(
            recognise(&[PathBuf::from("/there/is/none")], Header::Names).unwrap_err().kind(),
            ErrorKind::Files
        );
    }
    /// The paths of the tables in a folder of these files, each a CSV with its first letter for a column.
    fn tables(files: &[&str]) -> Result<Vec<String>, String> {
        let dir = tempfile::tempdir().unwrap();
        let text = |file: &str| match file {
            "_SUCCESS" => "",
            "dataset-metadata.json" => "{\n  \"title\": \"Plays\"\n}\n",
            _ => "a,b\n1,2\n",
        };
        for file in files {
            let path = dir.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text(file)).unwrap();
        }
        match recognise(&[dir.path().to_owned()], Header::Names) {
            Ok(Source::Tables(tables)) => {
                let below = |path: &Path| path.strip_prefix(dir.path()).unwrap().display().to_string();
                Ok(tables.iter().map(|table| below(&table.path)).collect())
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_folder_of_part_files_is_one_table_and_one_of_tables_several() {
        let cases: [(&[&str], &[&str]); 9] = [
            (&["part-00000.csv", "part-00001.csv", "_SUCCESS"], &[""]),
            (&["part-00000-9a7c.c000.csv"], &[""]),
            (&["events_2023.csv", "events_2024.csv"], &[""]),
            (&["year=2024/month=1/part-0.csv", "year=2024/month=2/part-0.csv"], &[""]),
            (&["events.csv", "items.csv"], &["events.csv", "items.csv"]),
            (&["train.csv", "test.csv"], &["test.csv", "train.csv"]),
            (&["events.csv.gz", "notes.md", "dataset-metadata.json"], &["events.csv.gz"]),
            (&["events/part-0.csv", "events/part-1.csv", "items/part-0.csv"], &["events", "items"]),
            // A folder with a copy or with something else is not looked into.
            (&["events.csv", "backup/events.csv", "raw/a.csv", "raw/b.csv"], &["events.csv"]),
        ];
        for (files, wanted) in cases {
            assert_eq!(tables(files).unwrap(), wanted, "{files:?}");
        }
        assert!(tables(&["_SUCCESS"]).unwrap_err().contains("there is no data"));
    }

    #[test]
    fn folders_may_be_named_beside_files_if_they_are_one_table() {
        let dir = folder(&[("items.csv", b"a,b\n1,2\n")]);
        let (events, items) = (dir.path().join("events"), dir.path().join("items.csv"));
        std::fs::create_dir(&events).unwrap();
        std::fs::write(events.join("part-0.csv"), "a,b\n1,2\n").unwrap();
        let Source::Tables(tables) = recognise(&[events.clone(), items.clone()], Header::Names).unwrap()
        else {
            panic!()
        };
        assert_eq!([&tables[0].path, &tables[1].path], [&events, &items]);
        assert!(tables[0].reason.contains("One file, part-0.csv."), "{}", tables[0].reason);
        std::fs::write(events.join("other.csv"), "a,b\n1,2\n").unwrap();
        let error = recognise(&[events, items], Header::Names).unwrap_err();
        assert!(error.to_string().contains("several tables (other.csv, part-0.csv)"), "{error}");
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn a_pattern_is_one_table() {
        let dir = folder(&[("jan.csv", b"a,b\n1,2\n"), ("feb.csv", b"a,b\n1,2\n"), ("x.txt", b"x")]);
        let pattern = dir.path().join("*.csv");
        let Source::Tables(tables) = recognise(std::slice::from_ref(&pattern), Header::Names).unwrap() else {
            panic!()
        };
        assert_eq!((tables.len(), &tables[0].path), (1, &pattern));
        assert!(
            tables[0].reason.contains("2 files as one table, from feb.csv to jan.csv."),
            "{}",
            tables[0].reason
        );
    }

    #[test]
    fn an_encoding_is_named_with_its_reason() {
        let good = "u1,Café,1\n".repeat(197);
        let text = [b"user,item,time\n", good.as_bytes(), b"u1,Caf\xe9,1\n"].concat();
        let dir = folder(&[("x", &text)]);
        let Source::Tables(tables) = recognise(&[dir.path().join("x")], Header::Names).unwrap() else {
            panic!()
        };
        assert_eq!(tables[0].format, Csv::new(',', Encoding::Utf8).into());
        let reason = "197 of 198 lines with letters beyond ASCII are UTF-8, 1 cannot be read.";
        assert!(tables[0].reason.ends_with(reason), "{}", tables[0].reason);
    }
}
