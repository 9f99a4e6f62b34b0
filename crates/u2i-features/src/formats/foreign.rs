//! Formats that are not read, known by how their files begin. Some would pass for text in an odd encoding.

use std::path::Path;

use crate::error::FeatureError;

/// What files of a format have, and what to do with them.
struct Foreign {
    /// Where `mark` stands.
    at: usize,
    mark: &'static [u8],
    name: &'static str,
    remedy: &'static str,
}

const fn foreign(mark: &'static [u8], name: &'static str, remedy: &'static str) -> Foreign {
    Foreign { at: 0, mark, name, remedy }
}

const PANDAS: &str = "read it with pandas and write it with DataFrame.to_parquet";
const SHEET: &str = "save the sheet as CSV";
const NUMPY: &str = "load it with numpy and write its columns with pandas.DataFrame.to_parquet";
const EXPORT: &str = "export each table that is needed as Parquet or CSV";

const FOREIGN: &[Foreign] = &[
    foreign(b"PARE", "Parquet with an encrypted footer", "write it without encryption"),
    foreign(
        b"FEA1",
        "Feather of version 1",
        "read it with pandas.read_feather and write it with DataFrame.to_feather",
    ),
    foreign(b"ORC", "ORC", "read it with pandas.read_orc and write it with DataFrame.to_parquet"),
    foreign(b"Obj\x01", "Avro", "write it as Parquet, as Spark, DuckDB or polars do"),
    foreign(b"SQLite format 3\0", "a SQLite data base", EXPORT),
    Foreign { at: 8, mark: b"DUCK", name: "a DuckDB data base", remedy: EXPORT },
    foreign(
        b"\x89HDF\r\n\x1a\n",
        "HDF5",
        "read it with pandas.read_hdf and write it with DataFrame.to_parquet",
    ),
    foreign(b"\x93NUMPY", "an array of numpy", NUMPY),
    foreign(b"\x80\x02", "a pickle", PANDAS),
    foreign(b"\x80\x03", "a pickle", PANDAS),
    foreign(b"\x80\x04", "a pickle", PANDAS),
    foreign(b"\x80\x05", "a pickle", PANDAS),
    foreign(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel file of before 2007", SHEET),
    foreign(b"SEQ\x06", "a SequenceFile of Hadoop", "write it as Parquet, as Spark does"),
    foreign(b"RCF\x01", "an RCFile of Hive", "write it as Parquet, as Hive and Spark do"),
    foreign(b"RDX2\n", "data of R", "write it with arrow::write_parquet or write.csv"),
    foreign(b"RDX3\n", "data of R", "write it with arrow::write_parquet or write.csv"),
    foreign(b"MATLAB 5.0 MAT-file", "data of MATLAB", "write it with parquetwrite or writetable"),
    foreign(b"<stata_dta>", "data of Stata", PANDAS),
    foreign(b"$FL2", "data of SPSS", PANDAS),
    foreign(b"%PDF-", "a PDF document", "look for the data itself"),
];

/// What tells archives of the kind zip that are one document from others, in the name of an entry.
const ZIPPED: &[(&[u8], &str, &str)] = &[
    (b"xl/", "an Excel file", SHEET),
    (b"opendocument.spreadsheet", "a spreadsheet of OpenDocument", SHEET),
    (b".npy", "arrays of numpy", NUMPY),
];

/// Refuses a file of a known format that is not read.
pub(crate) fn refuse(path: &Path, beginning: &[u8]) -> Result<(), FeatureError> {
    if !is_binary(beginning) {
        return Ok(());
    }
    let is_marked =
        |foreign: &&Foreign| beginning.get(foreign.at..).is_some_and(|rest| rest.starts_with(foreign.mark));
    let found = FOREIGN.iter().find(is_marked).map(|foreign| (foreign.name, foreign.remedy));
    match found.or_else(|| zipped(beginning)) {
        Some((what, advice)) => Err(FeatureError::NotATable { path: path.to_owned(), what, advice }),
        None => Ok(()),
    }
}

/// Some marks are letters, and text may begin with them: `ORCHID,7`.
fn is_binary(beginning: &[u8]) -> bool {
    const LOOKED_AT: usize = 512;
    let mut bytes = beginning.iter().take(LOOKED_AT);
    bytes.any(|byte| byte.is_ascii_control() && !b"\t\n\r\x0c".contains(byte))
}

fn zipped(beginning: &[u8]) -> Option<(&'static str, &'static str)> {
    if !beginning.starts_with(b"PK\x03\x04") {
        return None;
    }
    let holds = |mark: &[u8]| beginning.windows(mark.len()).any(|bytes| bytes == mark);
    ZIPPED.iter().find(|(mark, ..)| holds(mark)).map(|&(_, name, remedy)| (name, remedy))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_other_programs_are_refused_by_name_with_what_to_do() {
        let cases: [(&[u8], &str, &str); 8] = [
            (b"ORC\x0a\x03\x0a\x01", "it is ORC,", "pandas.read_orc"),
            (b"Obj\x01\x04\x14avro.codec", "it is Avro,", "as Parquet"),
            (b"SQLite format 3\0\x10\0", "a SQLite data base,", "export each table"),
            (b"\x80\x04\x95\x1c\0", "a pickle,", "to_parquet"),
            (b"\x89HDF\r\n\x1a\n\0", "HDF5,", "read_hdf"),
            (
                b"PK\x03\x04\x14\0\x06\0[Content_Types].xml PK\x03\x04 xl/workbook.xml",
                "an Excel file,",
                "as CSV",
            ),
            (b"\x01\x02\x03\x04\x05\x06\x07\x08DUCK\x40", "a DuckDB data base,", "export"),
            (b"FEA1\0\0\0\0", "Feather of version 1,", "to_feather"),
        ];
        for (bytes, name, remedy) in cases {
            let message = refuse(Path::new("events"), bytes).unwrap_err().to_string();
            assert!(message.starts_with("events: ") && message.contains(name), "{message}");
            assert!(message.contains(remedy), "{message}");
        }
    }

    #[test]
    fn text_and_plain_archives_are_none_of_them() {
        let files: [&[u8]; 6] = [
            b"ORCHID,item\nann,7\n",
            b"%PDF-id\tx\n",
            b"user_id,DUCK\n",
            b"PK\x03\x04\x14\0ratings.csv",
            b"",
            b"\x80",
        ];
        for bytes in files {
            assert!(refuse(Path::new("events"), bytes).is_ok(), "{bytes:?}");
        }
    }
}
