//! Files in gzip and Zstandard are what is in them, whatever they are called, and never less.

use std::io::Write as _;

use crate::*;
use u2i_schema::ErrorKind;

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zst(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 1).unwrap()
}

const CSV: &[u8] = b"who,what,when\nann,caf\xc3\xa9,10\nshort\nbob,7,20\n";

/// What was read, but for the hash.
fn unhashed(raw: RawData) -> RawData {
    RawData { hash: String::new(), files: vec![], ..raw }
}

#[test]
fn every_format_of_text_is_read_packed_as_it_is_unpacked() {
    let json: &[u8] =
        b"{\"who\":\"ann\",\"what\":\"caf\xc3\xa9\",\"when\":10}\n{\"who\":\"bob\",\"what\":7,\"when\":20}\n";
    let tsv = String::from_utf8(CSV.to_vec()).unwrap().replace(',', "\t").into_bytes();
    let encoding = Encoding::Utf8;
    let formats: [(FileFormat, &[u8]); 3] =
        [(Csv::new(',', encoding).into(), CSV), (Tsv { encoding }.into(), &tsv), (JsonLines {}.into(), json)];
    for (format, plain) in formats {
        let mut config = events_csv(encoding, lenient());
        config.events.format = format;
        let read = |bytes: &[u8]| read_tables(&config, folder(&[("events", bytes)]).path()).unwrap();
        let wanted = read(plain);
        for packed in [gzip(plain), zst(plain), [gzip(&plain[..20]), gzip(&plain[20..])].concat()] {
            let found = read(&packed);
            // The hash is that of the file as it lies.
            assert_ne!(found.hash, wanted.hash);
            assert_eq!(found.files[0].rejects, wanted.files[0].rejects);
            assert_eq!(unhashed(found), unhashed(wanted.clone()));
        }
    }
    let pairs = SequencesConfig {
        file: "pairs".into(),
        layout: SequencesLayout::Pairs,
        encoding,
        limits: ReadLimits::STRICT,
    };
    let raw = read_sequences(&pairs, folder(&[("pairs", &gzip(b"7 a\n7 b\n"))]).path()).unwrap();
    assert_eq!(raw.item_ids, ["a", "b"]);
}

#[test]
fn packed_files_are_recognised_by_what_is_in_them() {
    let dir = folder(&[("a", &gzip(CSV)), ("b.txt", &zst(b"{\"who\":1}\n{\"who\":2}\n"))]);
    assert_eq!(table_format(&dir.path().join("b.txt")).unwrap(), JsonLines {}.into());
    let rows = RequestsConfig {
        format: table_format(&dir.path().join("b.txt")).unwrap(),
        user: Some("who".into()),
        history: None,
        at: None,
        attributes: vec![],
        ignored: vec![],
        missing: None,
        whole_number_ids: false,
        limits: ReadLimits::STRICT,
    };
    let read = read_requests(&dir.path().join("b.txt"), &rows).unwrap();
    assert_eq!(read.iter().map(|row| row.user.as_deref()).collect::<Vec<_>>(), [Some("1"), Some("2")]);
}

/// A table that is cut anywhere is an error that names the file, and never a shorter table.
#[test]
fn what_is_cut_or_broken_is_refused_with_the_file() {
    let rows: String = (0..200).map(|row| format!("u{row},i{},{row}\n", row * 7919 % 1000)).collect();
    let plain = format!("who,what,when\n{rows}").into_bytes();
    for packed in [gzip(&plain), zst(&plain)] {
        for end in 0..packed.len() {
            let error = read_events(&packed[..end], Encoding::Utf8, lenient()).unwrap_err();
            assert!(error.to_string().contains("events"), "{end}: {error}");
            assert_eq!(error.kind(), ErrorKind::Data, "{end}: {error}");
        }
        let behind = [&packed[..], b"u,i,1\n"].concat();
        let error = read_events(&behind, Encoding::Utf8, lenient()).unwrap_err();
        assert!(matches!(error, FeatureError::Unpack { .. }), "{error}");
    }
}

#[test]
fn archives_and_files_of_other_kinds_are_refused_with_what_to_do() {
    let cases: [(&[u8], &str); 6] = [
        (b"PK\x03\x04\x14\0", "unzip it"),
        (b"BZh91AY&SY\0", "packed with bzip2"),
        (b"\xfd7zXZ\0\0", "packed with xz"),
        (b"PAR1\x15\x04", "format = { parquet = {} }"),
        (b"SQLite format 3\0", "a SQLite data base"),
        (&gzip(&gzip(CSV)), "packed twice"),
    ];
    for (bytes, wanted) in cases {
        let error = read_events(bytes, Encoding::Utf8, lenient()).unwrap_err();
        assert!(error.to_string().contains(wanted), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }
}

/// 64 MiB of one letter are 64 KiB in gzip: memory is that of a line that may be kept, and the line is rejected.
#[test]
fn what_unpacks_to_much_is_read_within_the_limit_of_a_line() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(b"who,what,when\nu,a,1\n").unwrap();
    let mebibyte = vec![b'x'; 1 << 20];
    (0..64).for_each(|_| encoder.write_all(&mebibyte).unwrap());
    encoder.write_all(b"\nu,b,2\n").unwrap();
    let raw = read_events(&encoder.finish().unwrap(), Encoding::Utf8, lenient()).unwrap();
    assert_eq!(raw.item_ids, ["a", "b"]);
    assert!(raw.files[0].rejects[0].reason.starts_with("longer than"), "{:?}", raw.files);
}
