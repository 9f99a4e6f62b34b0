//! What the files are that a config is wanted for.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use u2i::Error;
use u2i_features::{Encoding, FileFormat};

use crate::sniff;

/// Data, recognised.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Source {
    /// The folder of MovieLens 1M.
    Ml1m(PathBuf),
    /// The folder of MovieLens 100K.
    Ml100k(PathBuf),
    /// Pairs in time order.
    Sequences(PathBuf, Encoding),
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
const ML_100K: [&str; 3] = ["u.data", "u.user", "u.item"];
/// Ends of names of files that are looked at in a folder.
const TABLES: [&str; 8] = ["csv", "tsv", "txt", "parquet", "pq", "inter", "user", "item"];
/// How much of a file is looked at.
const LOOKED_AT: u64 = 1 << 18;

/// Recognises files, or the one folder that holds them.
pub(super) fn recognise(data: &[PathBuf]) -> Result<Source, Error> {
    if let [dir] = data
        && dir.is_dir()
    {
        let has = |files: &[&str]| files.iter().all(|file| dir.join(file).is_file());
        if has(&ML_1M) {
            return Ok(Source::Ml1m(dir.clone()));
        }
        if has(&ML_100K) {
            return Ok(Source::Ml100k(dir.clone()));
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

/// The files of a folder that may hold data, by name.
fn listed(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let unreadable = |source| Error::Io { action: "read", path: dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let end = path.extension().and_then(|end| end.to_str()).unwrap_or_default().to_ascii_lowercase();
        if path.is_file() && TABLES.contains(&end.as_str()) {
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
    let unreadable = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut bytes = Vec::new();
    let mut opened = File::open(path).map_err(unreadable)?;
    (&mut opened).take(LOOKED_AT).read_to_end(&mut bytes).map_err(unreadable)?;
    let table = |format, reason: &str| {
        Ok(Source::Tables(vec![TableFile { path: path.to_owned(), format, reason: reason.to_owned() }]))
    };
    if bytes.starts_with(b"PAR1") {
        return table(FileFormat::Parquet {}, "Parquet, by its first four bytes.");
    }
    let encoding = encoding(path, opened, &bytes)?;
    let text: String = match encoding {
        Encoding::Utf8 => String::from_utf8_lossy(&bytes).into_owned(),
        Encoding::Latin1 => bytes.iter().map(|&byte| char::from(byte)).collect(),
    };
    let lines = sniff::whole_lines(&text, (bytes.len() as u64) < LOOKED_AT);
    let Some(first) = lines.first() else {
        return Err(Error::Features(u2i_features::FeatureError::Empty { path: path.to_owned() }));
    };
    if sniff::is_atomic_header(first) {
        return table(FileFormat::Tsv { encoding }, "An atomic file of RecBole, by the types in its header.");
    }
    if sniff::is_sequences(&lines) {
        return Ok(Source::Sequences(path.to_owned(), encoding));
    }
    let lines = &lines[..lines.len().min(200)];
    let Some(separator) = sniff::separator(lines) else {
        return Err(Error::Usage(format!(
            "{}: neither `,`, `;`, a tab nor `|` divides its lines into as many fields each, and they are not pairs \
             `user item`; the first line is {:?}",
            path.display(),
            first.chars().take(80).collect::<String>()
        )));
    };
    if !sniff::is_header(first, separator) {
        return Err(Error::Usage(format!(
            "{}: expected the names of columns in the first line, found {:?}; add a line with names",
            path.display(),
            first.chars().take(80).collect::<String>()
        )));
    }
    let shown = if separator == '\t' { "a tab".to_owned() } else { format!("`{separator}`") };
    table(FileFormat::Csv { separator, encoding }, &format!("Text with {shown} between fields."))
}

/// UTF-8 if the whole file is; otherwise Latin-1, which every file is.
fn encoding(path: &Path, mut rest: File, first: &[u8]) -> Result<Encoding, Error> {
    let unreadable = |source| Error::Io { action: "read", path: path.to_owned(), source };
    let mut pending = first.to_vec();
    let mut buffer = vec![0; LOOKED_AT as usize];
    loop {
        match std::str::from_utf8(&pending) {
            Ok(_) => pending.clear(),
            Err(error) if error.error_len().is_some() => return Ok(Encoding::Latin1),
            // A character that goes on in the next block.
            Err(error) => drop(pending.drain(..error.valid_up_to())),
        }
        let n = rest.read(&mut buffer).map_err(unreadable)?;
        if n == 0 {
            return Ok(if pending.is_empty() { Encoding::Utf8 } else { Encoding::Latin1 });
        }
        pending.extend_from_slice(&buffer[..n]);
    }
}

/// How a file of requests is written, by its first lines.
///
/// # Errors
///
/// If the file cannot be read, or is no table with a header.
pub fn table_format(path: &Path) -> Result<FileFormat, Error> {
    match file(path) {
        Ok(Source::Tables(mut found)) if found.len() == 1 => Ok(found.remove(0).format),
        // One column needs no separator.
        Err(Error::Usage(_)) | Ok(_) => {
            let bytes = std::fs::read(path).map_err(|source| Error::Io {
                action: "read",
                path: path.to_owned(),
                source,
            })?;
            let encoding =
                if std::str::from_utf8(&bytes).is_ok() { Encoding::Utf8 } else { Encoding::Latin1 };
            Ok(FileFormat::Csv { separator: ',', encoding })
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
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
        let (dir, found) = of(&ML_100K);
        assert_eq!(found, Source::Ml100k(dir.path().to_owned()));
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
        let csv = |separator| FileFormat::Csv { separator, encoding: utf_8 };
        let cases: [(&[u8], FileFormat); 6] = [
            (b"user,item,time\na,b,1\n", csv(',')),
            (b"user;item;time\na;b;1\n", csv(';')),
            (b"user\titem\ttime\na\tb\t1\n", csv('\t')),
            (b"user_id:token\titem_id:token\n1\t2\n", FileFormat::Tsv { encoding: utf_8 }),
            (
                b"user,item,time\ncaf\xe9,b,1\n",
                FileFormat::Csv { separator: ',', encoding: Encoding::Latin1 },
            ),
            (b"PAR1 and so on", FileFormat::Parquet {}),
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
        let cases: [(&[u8], ErrorKind, &str); 4] = [
            (b"", ErrorKind::Data, "the file is empty"),
            (
                b"196\t242\t3\t881250949\n186\t302\t3\t891717742\n",
                ErrorKind::Usage,
                "expected the names of columns in the first line",
            ),
            (b"hello\nmy friends\n", ErrorKind::Usage, "divides its lines"),
            (b"1::1193::5::978300760\n", ErrorKind::Usage, "divides its lines"),
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

    #[test]
    fn a_character_across_two_blocks_is_whole() {
        let mut bytes = vec![b'a'; LOOKED_AT as usize - 1];
        bytes.extend_from_slice("é".as_bytes());
        let dir = folder(&[("x", &bytes)]);
        let path = dir.path().join("x");
        let mut opened = File::open(&path).unwrap();
        let mut first = Vec::new();
        (&mut opened).take(LOOKED_AT).read_to_end(&mut first).unwrap();
        assert_eq!(encoding(&path, opened, &first).unwrap(), Encoding::Utf8);
    }
}
