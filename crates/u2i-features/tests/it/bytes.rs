//! Files byte by byte: separators inside titles, every byte of Latin-1, line ends, and what is no text at all.

use reference::{Format, MovieLens, Rule};

use crate::*;
use u2i_schema::ErrorKind;

/// The folder of ML-1M with these files.
fn ml_1m(files: [&[u8]; 3]) -> tempfile::TempDir {
    let [ratings, users, movies] = files;
    folder(&[("ratings.dat", ratings), ("users.dat", users), ("movies.dat", movies)])
}

const USERS: &[u8] = b"1::F::1::10::48067\n";

/// D1: pieces are drawn so that about a third of the titles has a separator inside or begins with a colon, which
/// leaves a row of another arity or an id that is none.
#[test]
fn a_hundred_thousand_titles_full_of_colons_are_those_of_the_reference() {
    const PIECES: [&[u8]; 8] = [b":", b":", b": ", b"a", b"Alien", b"\xe9", b"|", b"\r"];
    let mut rng = Stream::new(1, Purpose::SYNTHETIC, 0, 0);
    let (mut ratings, mut movies, mut whole) = (Vec::new(), Vec::new(), Vec::new());
    for item in 1..=100_000 {
        let title = (0..rng.index(7)).map(|_| PIECES[rng.index(8)]).collect::<Vec<_>>().concat();
        let has_separator = title.windows(2).any(|pair| pair == b"::");
        if !title.is_empty() && !title.starts_with(b":") && !has_separator {
            whole.push(title.iter().map(|&byte| char::from(byte)).collect::<String>());
        }
        ratings.extend_from_slice(format!("1::{item}::5::{item}\n").as_bytes());
        movies.extend_from_slice(&[format!("{item}::").as_bytes(), &title, b"::Drama|Comedy\n"].concat());
    }
    let limits = ReadLimits { max_reject_ratio: 1.0, ..ReadLimits::STRICT };
    let files = [ratings.as_slice(), USERS, &movies];
    let raw = read_ml_1m(ml_1m(files).path(), &limits).unwrap();
    MovieLens::one_million(1 << 20).assert_reads(&raw, files, "seed 1");
    assert!(raw.titles.into_iter().flatten().eq(whole), "a title is not the one that was written");
}

/// D2: each byte stands in a title of its own; a newline ends a row and a NUL is refused.
#[test]
fn every_byte_of_latin_1_comes_back_as_its_character() {
    let bytes: Vec<u8> = (0..=255).filter(|&byte| byte != b'\n').collect();
    let wanted = |keeps: fn(u8) -> bool| {
        let title = |byte: &u8| keeps(*byte).then(|| format!("x{}y", char::from(*byte)));
        bytes.iter().map(title).collect::<Vec<_>>()
    };
    let (mut ratings, mut movies) = (Vec::new(), Vec::new());
    for (item, byte) in bytes.iter().enumerate() {
        ratings.extend_from_slice(format!("1::{item}::5::1\n").as_bytes());
        movies.extend_from_slice(&[format!("{item}::x").as_bytes(), &[*byte], b"y::Drama\n"].concat());
    }
    let raw = read_ml_1m(ml_1m([&ratings, USERS, &movies]).path(), &lenient()).unwrap();
    assert_eq!(raw.titles, wanted(|byte| byte != 0));
    assert_eq!(raw.files[2].rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [1]);

    let mut rows = b"who,what,when\n".to_vec();
    for (time_s, byte) in bytes.iter().enumerate() {
        let byte: &[u8] = if *byte == b'"' { b"\"\"" } else { std::slice::from_ref(byte) };
        rows.extend_from_slice(&[b"u,\"x", byte, b"y\",", time_s.to_string().as_bytes(), b"\n"].concat());
    }
    rows.extend_from_slice(b"u,\"x\ny\",255\n");
    let raw = read_events(&rows, Encoding::Latin1, lenient()).unwrap();
    let kept = wanted(|byte| byte != 0).into_iter().flatten().chain(["x\ny".to_owned()]);
    assert_eq!(raw.item_ids, kept.collect::<Vec<_>>());
    assert_eq!(raw.files[0].rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [2]);
}

/// D2: a stray byte, a cut sequence, an overlong one, half a surrogate pair and a number above Unicode, each on a
/// random line among rows that go on over two lines. The row is named by the line on which it begins.
#[test]
fn bytes_that_are_no_utf_8_are_rejects_of_their_row() {
    const BROKEN: [&[u8]; 6] =
        [b"\xff", b"\xe9", b"\xe2\x82", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf5\x80\x80\x80"];
    for seed in 0..120 {
        let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
        let (mut csv, mut line, mut wanted) = (b"who,what,when\n".to_vec(), 2, 0);
        let broken = rng.index(50);
        for row in 0..50 {
            let mut item =
                if rng.below(2) == 0 { b"caf\xc3\xa9".to_vec() } else { b"\"two\n\xe2\x82\xac\"".to_vec() };
            if row == broken {
                wanted = line;
                let place = item.iter().position(|byte| *byte == b'"').map_or(0, |_| 1);
                item.splice(place..place, BROKEN[seed as usize % 6].iter().copied());
            }
            line += 1 + item.iter().filter(|byte| **byte == b'\n').count() as u64;
            csv.extend_from_slice(&[b"u,", item.as_slice(), b",1\n"].concat());
        }
        let raw = read_events(&csv, Encoding::Utf8, lenient()).unwrap();
        let [reject] = raw.files[0].rejects.as_slice() else { panic!("seed {seed}: {:?}", raw.files) };
        assert_eq!((reject.line, reject.column.as_str()), (wanted, ""), "seed {seed}");
        let byte = format!("not UTF-8: the byte 0x{:02x} behind \"u,", BROKEN[seed as usize % 6][0]);
        assert!(reject.reason.starts_with(&byte), "seed {seed}: {}", reject.reason);
        assert_eq!(raw.n_events(), 49, "seed {seed}");
        let error = read_events(&csv, Encoding::Utf8, ReadLimits::STRICT).unwrap_err();
        assert!(matches!(error, FeatureError::TooManyRejects { .. }), "seed {seed}: {error}");
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(read_events(&csv, Encoding::Latin1, lenient()).is_ok(), "seed {seed}");
    }
    let header = read_events(b"who,wh\xe4t,when\nu,a,1\n", Encoding::Utf8, lenient()).unwrap_err();
    assert!(matches!(header, FeatureError::Encoding { line: 1, .. }), "{header}");
}

/// D9: 1,500 files of a few lines, made of whatever has ever broken a reader, behind one row that is good; or behind so
/// many that the lines lie across two reads, of 256 KiB each. Where rows may not have 48 bytes, none is read at once.
#[test]
fn random_bytes_are_read_as_the_reference_reads_them() {
    const GOOD: &[u8] = b"1::2::3::4\n";
    const PIECES: [&[u8]; 19] = [
        b"1::2::3::4",
        b"5::6::1::978300760",
        b"007::2::3::4",
        b"4194303::4194304::3::4",
        b"9999999999::2::3::4",
        b"1::2::3::4102444800",
        b"8::9::5::99999999999999999999",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b"::",
        b":",
        b"7",
        b" ",
        b"\"",
        b"\xef\xbb\xbf",
        b"\xff",
    ];
    let movies = b"2::a::b\n6::a::b\n";
    let dir = ml_1m([b"", USERS, movies]);
    for seed in 0..1_500 {
        let n_good = if seed % 100 == 0 { (1 << 18) / GOOD.len() - seed as usize / 100 } else { 1 };
        let ratings = random_file(seed, &GOOD.repeat(n_good), &PIECES);
        std::fs::write(dir.path().join("ratings.dat"), &ratings).unwrap();
        for max_line_bytes in [30, 47, 48, 1 << 20] {
            let limits =
                ReadLimits { max_reject_ratio: 1.0, max_line_bytes: max_line_bytes.try_into().unwrap() };
            let raw = read_ml_1m(dir.path(), &limits).unwrap();
            let context = format!("seed {seed}, lines of up to {max_line_bytes} bytes");
            MovieLens::one_million(max_line_bytes).assert_reads(&raw, [&ratings, USERS, movies], &context);
        }
    }
}

#[test]
fn random_csv_files_are_read_as_the_reference_reads_them() {
    const PIECES: [&[u8]; 15] = [
        b"u,a,1",
        b"v,b,978300760",
        b"w,c,99999999999999999999",
        b"\n",
        b"\n",
        b"\r\n",
        b"\r",
        b"\0",
        b",",
        b"7",
        b" ",
        b"#",
        b"NA",
        b"\xef\xbb\xbf",
        b"\xff",
    ];
    let limits = ReadLimits { max_reject_ratio: 1.0, max_line_bytes: 30.try_into().unwrap() };
    let is_id: Rule = |field| reference::not_blank(field) && field.trim() != "NA";
    let columns: Vec<(_, Rule)> = vec![("who", is_id), ("what", is_id), ("when", reference::seconds)];
    let format = Format { separator: ",", columns, max_line_bytes: 30 };
    for seed in 0..1_500 {
        let csv = random_file(seed, b"who,what,when\nu,a,1\n", &PIECES);
        let raw = read_events(&csv, Encoding::Latin1, limits).unwrap();
        let rows = &csv[b"who,what,when\n".len()..];
        reference::assert_events(&raw, &format, [0, 1, 2], rows, 2, &format!("seed {seed}"));
        // With quotes there is no reference: each row is counted, or the file is refused, and nothing panics.
        let quotes: Vec<u8> = csv.iter().map(|&byte| if byte == b'7' { b'"' } else { byte }).collect();
        match read_events(&quotes, Encoding::Latin1, limits) {
            Ok(raw) => assert_balanced(&raw.files),
            Err(error) => assert_eq!(error.kind(), ErrorKind::Data, "seed {seed}: {error}"),
        }
    }
}

fn random_file(seed: u64, start: &[u8], pieces: &[&[u8]]) -> Vec<u8> {
    let mut rng = Stream::new(seed, Purpose::SYNTHETIC, 0, 0);
    let mut file = start.to_vec();
    (0..rng.index(60)).for_each(|_| file.extend_from_slice(pieces[rng.index(pieces.len())]));
    file
}
