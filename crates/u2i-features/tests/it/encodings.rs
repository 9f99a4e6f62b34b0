//! Text in the encodings that people have, and bytes that are no text in any of them.

use crate::*;

fn encoding(label: &str) -> Encoding {
    Encoding::of_label(label).unwrap()
}

/// Text in an encoding, and where its characters stand for themselves.
fn encoded(label: &str, text: &str) -> Vec<u8> {
    match label {
        "utf-16le" => text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        "utf-16be" => text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        _ => panic!("{label}"),
    }
}

fn read(bytes: &[u8], label: &str, limits: ReadLimits) -> Result<RawData, FeatureError> {
    read_events(bytes, encoding(label), limits)
}

/// Each as its own table of characters has it: bytes by hand.
#[test]
fn text_of_an_encoding_is_read_by_its_table() {
    let cases: [(&str, &[u8], &str); 9] = [
        ("windows-1252", b"\x80 \x93q\x94 caf\xe9", "€ “q” café"),
        ("latin-1", b"\x80caf\xe9", "\u{80}café"),
        ("iso-8859-15", b"\xa4", "€"),
        ("windows-1251", b"\xcc\xe0\xf1\xf2\xe5\xf0", "Мастер"),
        ("koi8-r", b"\xed\xc9\xd2", "Мир"),
        // The second byte of each is `|` and `\`.
        ("shift_jis", b"\x83\x7c\x83\x5c", "ポソ"),
        ("big5", b"\xa5\x5c", "功"),
        ("gb18030", b"\xbb\xb0\x81\x30\x84\x36", "话¥"),
        ("euc-kr", b"\xb1\xe2\xbb\xfd\xc3\xe6", "기생충"),
    ];
    for (label, bytes, wanted) in cases {
        for separator in [',', '|'] {
            let text = [b"who,what,when\nu,", bytes, b",1\n"].concat();
            let text: Vec<u8> = if separator == '|' && label != "shift_jis" {
                text.iter().map(|&byte| if byte == b',' { b'|' } else { byte }).collect()
            } else {
                text
            };
            let separator = if label == "shift_jis" { ',' } else { separator };
            let mut config = events_csv(encoding(label), ReadLimits::STRICT);
            config.events.format = Csv::new(separator, encoding(label)).into();
            let raw = read_tables(&config, folder(&[("events", &text)]).path()).unwrap();
            assert_eq!(raw.item_ids, [wanted], "{label}");
        }
    }
    // A bar within a letter ends no field.
    let mut config = events_csv(encoding("shift_jis"), ReadLimits::STRICT);
    config.events.format = Csv::new('|', encoding("shift_jis")).into();
    let raw = read_tables(&config, folder(&[("events", b"who|what|when\nu|\x83\x7c|1\n")]).path()).unwrap();
    assert_eq!(raw.item_ids, ["ポ"]);
}

#[test]
fn utf_16_is_read_with_and_without_its_mark_and_with_lines_and_hash_of_the_file() {
    let text = "who,what,when\r\nu,\"千と\n千尋\",1\r\nu,😀,2\nu,x,soon\n";
    for label in ["utf-16le", "utf-16be"] {
        for marked in [text.to_owned(), format!("\u{feff}{text}")] {
            let bytes = encoded(label, &marked);
            let raw = read(&bytes, label, lenient()).unwrap();
            assert_eq!(raw.item_ids, ["千と\n千尋", "😀"]);
            assert_eq!(raw.files[0].rejects[0].line, 5);
            let other = read(&bytes, "windows-1252", lenient());
            // A mark goes before what the config says; without one nothing can be made of it.
            assert_eq!(other.is_ok(), marked != text, "{label}");
        }
    }
}

#[test]
fn bytes_that_are_no_text_of_an_encoding_are_rejects_of_their_row() {
    let cases: [(&str, &[u8]); 5] = [
        ("shift_jis", b"\x83\xff"),
        ("gb18030", b"\xff"),
        ("euc-kr", b"\xff\xff"),
        ("big5", b"\x80"),
        ("windows-1253", b"\xff"),
    ];
    for (label, bytes) in cases {
        let text = [b"who,what,when\nu,a,1\nu,b", bytes, b",2\nu,c,3\n"].concat();
        let raw = read(&text, label, lenient()).unwrap();
        let [reject] = raw.files[0].rejects.as_slice() else { panic!("{label}: {:?}", raw.files) };
        assert_eq!((reject.line, raw.item_ids.len()), (3, 2), "{label}");
        assert!(reject.reason.starts_with(&format!("not {label}: bytes behind \"u,b")), "{}", reject.reason);
        let error = read(&text, label, ReadLimits::STRICT).unwrap_err();
        assert!(matches!(error, FeatureError::TooManyRejects { .. }), "{label}: {error}");
    }
    // Half a surrogate pair, and a byte too few at the end.
    let mut bytes = encoded("utf-16le", "who,what,when\nu,a,1\nu,b");
    bytes.extend_from_slice(&0xd83d_u16.to_le_bytes());
    bytes.extend_from_slice(&encoded("utf-16le", ",2\nu,c,3"));
    bytes.push(b'\n');
    let raw = read(&bytes, "utf-16le", ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT }).unwrap();
    assert_eq!(raw.files[0].rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [3, 4]);
}

/// Characters of several bytes lie across whatever is read at once, 64 KiB and 256 KiB.
#[test]
fn letters_across_reads_are_whole() {
    let mut text = b"who,what,when\n".to_vec();
    let n_rows = 60_000;
    for row in 0..n_rows {
        text.extend_from_slice(format!("u{},", row % 7).as_bytes());
        text.extend_from_slice(&b"\x83\x7c"[..].repeat(1 + row % 3));
        text.extend_from_slice(format!(",{row}\n").as_bytes());
    }
    let raw = read(&text, "shift_jis", ReadLimits::STRICT).unwrap();
    assert_eq!((raw.n_events(), raw.item_ids), (n_rows, vec!["ポ".into(), "ポポ".into(), "ポポポ".into()]));
}

#[test]
fn a_header_in_another_encoding_is_refused_with_the_key() {
    let error = read(b"who,wh\xe4t,when\nu,a,1\n", "utf-8", lenient()).unwrap_err().to_string();
    let wanted = "events:1: the header is not UTF-8: the byte 0xe4 behind \"who,wh\"; the config says encoding = \"utf-8\"";
    assert!(error.contains(wanted), "{error}");
}

#[test]
fn the_encoding_of_a_file_is_told_from_all_of_it() {
    let of = |bytes: &[u8]| {
        let dir = folder(&[("x.csv", bytes)]);
        let beginning = FileBeginning::read(&dir.path().join("x.csv")).unwrap();
        let text = beginning.text().unwrap();
        (text.encoding().label(), text.lines().map(str::to_owned).collect::<Vec<_>>())
    };
    let ascii = "u,plain,1\n".repeat(40_000);
    let behind = |bytes: &[u8]| [b"who,what,when\n", ascii.as_bytes(), bytes].concat();
    assert_eq!(of(&behind(b"")).0, "utf-8");
    assert_eq!(of(&behind("u,Café,1\n".as_bytes())).0, "utf-8");
    assert_eq!(of(&behind(b"u,Caf\xe9,1\n")).0, "latin-1");
    assert_eq!(of(&behind(b"u,\x93Caf\xe9\x94,1\n")).0, "windows-1252");
    let mixed = [&"u,Café,1\n".repeat(9).into_bytes()[..], b"u,Caf\xe9,1\n"].concat();
    assert_eq!(of(&behind(&mixed)).0, "utf-8");
    let (label, lines) = of(&encoded("utf-16le", "\u{feff}who,what\nu,千\n"));
    assert_eq!((label.as_str(), lines), ("utf-16le", vec!["who,what".to_owned(), "u,千".to_owned()]));
}
