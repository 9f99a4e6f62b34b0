use mutations::{Field, MAX_LINE_BYTES, Mutated, assert_rejected, mutated};
use reference::MovieLens;

use crate::*;
use u2i_schema::ErrorKind;

const RATINGS: &[u8] = b"1::10::5::978300760\n2::10::3::978300761\r\n1::20::4::978300762\n\n";
const USERS: &[u8] = b"1::F::1::10::48067\n2::M::56::16::70072\n3::M::25::15::55117\n";
const MOVIES: &[u8] =
    b"10::Caf\xe9: Part 2 (1998)::Animation|Comedy\n20::Alien:::Horror\n30::Unseen (2000)::Drama\n";

fn read(ratings: &[u8], users: &[u8], movies: &[u8], limits: ReadLimits) -> Result<RawData, FeatureError> {
    let dir = folder(&[("ratings.dat", ratings), ("users.dat", users), ("movies.dat", movies)]);
    read_ml_1m(dir.path(), &limits)
}

#[test]
fn ml_1m_files_become_events_and_attributes() {
    let raw = read(RATINGS, USERS, MOVIES, ReadLimits::STRICT).unwrap();
    assert_eq!((raw.user_ids, raw.item_ids), (vec!["1".into(), "2".into()], vec!["10".into(), "20".into()]));
    assert_eq!(raw.events.user, [0, 1, 0]);
    assert_eq!(raw.events.item, [0, 0, 1]);
    assert_eq!(raw.events.time_s, [978300760, 978300761, 978300762]);
    assert_eq!(raw.titles, [Some("Café: Part 2 (1998)".into()), Some("Alien:".into())]);
    assert_eq!(text_column(&raw.users, "gender"), [Some("F"), Some("M")]);
    assert_eq!(text_column(&raw.users, "zip"), [Some("48067"), Some("70072")]);
    assert_eq!(text_column(&raw.users, "zip3"), [Some("480"), Some("700")]);
    assert_eq!(number_column(&raw.users, "age"), [1.0, 56.0]);
    assert_eq!(list_column(&raw.items, "genres"), [vec!["Animation", "Comedy"], vec!["Horror"]]);
    assert_eq!(text_column(&raw.items, "first_genre"), [Some("Animation"), Some("Horror")]);
    assert_eq!(text_column(&raw.items, "year5"), [Some("1995"), None]);
    assert_eq!(number_column(&raw.items, "year")[0], 1998.0);
    assert!(number_column(&raw.items, "year")[1].is_nan());
    let counts: Vec<_> = raw.files.iter().map(|f| (file_name(&f.path), f.read, f.kept, f.filtered)).collect();
    assert_eq!(counts, [("ratings.dat", 3, 3, 0), ("users.dat", 3, 2, 1), ("movies.dat", 3, 2, 1)]);
}

#[test]
fn the_hash_depends_on_the_content_alone() {
    let hash = |ratings: &[u8]| read(ratings, USERS, MOVIES, ReadLimits::STRICT).unwrap().hash;
    assert_eq!(hash(RATINGS), hash(RATINGS));
    assert_ne!(hash(RATINGS), hash(&RATINGS[..RATINGS.len() - 1]));
}

fn read_10m(ratings: &[u8], movies: &[u8], limits: &ReadLimits) -> Result<RawData, FeatureError> {
    let tags = b"1::10::slow::1600000000\n".as_slice();
    let dir = folder(&[("ratings.dat", ratings), ("movies.dat", movies), ("tags.dat", tags)]);
    read_ml_10m(dir.path(), limits)
}

#[test]
fn ml_10m_has_half_stars_utf_8_titles_and_no_users() {
    let ratings =
        b"1::10::3.5::978300760\n2::10::4.5::978300761\n1::20::0.5::978300762\n2::30::5::978300763\n";
    let movies =
        "10::Café: Part 2 (1998)::Animation|IMAX\n20::Alien::Horror\n30::Daisy (1958)::(no genres listed)\n";
    let raw = read_10m(ratings, movies.as_bytes(), &ReadLimits::STRICT).unwrap();
    assert_eq!(raw.user_ids, ["1", "2"]);
    assert_eq!(raw.item_ids, ["10", "20", "30"]);
    assert_eq!(raw.events.time_s, [978300760, 978300761, 978300762, 978300763]);
    assert_eq!(raw.sequences[0].event, [1, 3]);
    assert_eq!(raw.titles[0].as_deref(), Some("Café: Part 2 (1998)"));
    assert_eq!(list_column(&raw.items, "genres"), [vec!["Animation", "IMAX"], vec!["Horror"], vec![]]);
    assert_eq!(text_column(&raw.items, "first_genre"), [Some("Animation"), Some("Horror"), None]);
    assert_eq!(text_column(&raw.items, "year5"), [Some("1995"), None, Some("1955")]);
    assert!(raw.users.is_empty());
    let names: Vec<_> = raw.files.iter().map(|file| file_name(&file.path)).collect();
    assert_eq!(names, ["ratings.dat", "movies.dat"]);
}

#[test]
fn ml_10m_reads_whole_stars_as_ml_1m_does() {
    let ratings = b"1::10::5::978300760\n2::10::3::978300761\r\n1::20::4::978300762\n\n";
    let movies = b"10::Two (1998)::Animation|Comedy\n20::Alien:::Horror\n30::Unseen (2000)::Drama\n";
    let one = read(ratings, USERS, movies, ReadLimits::STRICT).unwrap();
    let ten = read_10m(ratings, movies, &ReadLimits::STRICT).unwrap();
    assert_eq!(ten.events.user, one.events.user);
    assert_eq!(ten.events.item, one.events.item);
    assert_eq!(ten.events.time_s, one.events.time_s);
    assert_eq!(ten.sequences[0].event, one.sequences[0].event);
    assert_eq!(ten.titles, one.titles);
    assert_eq!(list_column(&ten.items, "genres"), list_column(&one.items, "genres"));
}

#[test]
fn bad_rows_of_ml_10m_are_rejected_with_line_column_and_reason() {
    let ratings = b"1::10::3.5::978300760\n1::10::5.5::1\n1::10::0::1\n1::10::3.25::1\n1::10::3,5::1\n1::10::::1\n1::10::3.5\n";
    let movies = b"10::Caf\xe9 (1998)::Drama\n10::Caf\xc3\xa9 (1998)::Drama\n10::Again (1998)::Drama\n11::None (1998)::\n";
    let limits = ReadLimits { max_reject_ratio: 0.9, ..ReadLimits::STRICT };
    let raw = read_10m(ratings, movies, &limits).unwrap();
    let rejects: Vec<String> = raw
        .files
        .iter()
        .flat_map(|file| &file.rejects)
        .map(|reject| format!("{} {}: {}", reject.line, reject.column, reject.reason))
        .collect();
    let wanted = "expected a rating from 0.5 to 5 in half stars, found";
    assert_eq!(
        rejects,
        [
            format!("2 rating: {wanted} \"5.5\""),
            format!("3 rating: {wanted} \"0\""),
            format!("4 rating: {wanted} \"3.25\""),
            format!("5 rating: {wanted} \"3,5\""),
            format!("6 rating: {wanted} \"\""),
            "7 : expected the 4 fields user, item, rating, timestamp, found 3".to_owned(),
            "1 title: not UTF-8: the byte 0xe9 behind \"Caf\"".to_owned(),
            "3 item: a second row of the same id".to_owned(),
            "4 genres: expected genres, found nothing".to_owned(),
        ]
    );
    assert_eq!(raw.titles, [Some("Café (1998)".to_owned())]);
}

#[test]
fn ml_10m_without_its_movies_is_an_error_that_names_the_file() {
    let dir = folder(&[("ratings.dat", b"1::10::3.5::978300760\n".as_slice())]);
    let error = read_ml_10m(dir.path(), &ReadLimits::STRICT).unwrap_err();
    assert!(error.to_string().contains("movies.dat"), "{error}");
    assert_eq!(error.kind(), ErrorKind::Files);
}

#[test]
fn ml_100k_genres_come_from_flags() {
    let flags = |on: &[usize]| (0..19).map(|i| if on.contains(&i) { "|1" } else { "|0" }).collect::<String>();
    let items = format!("7|Twister (1996)|10-May-1996||http://x/?a::b{}\n", flags(&[1, 15]));
    let dir = folder(&[
        ("u.data", b"5\t7\t3\t881250949\n".as_slice()),
        ("u.user", b"5|33|F|other|15213\n"),
        ("u.item", items.as_bytes()),
    ]);
    let raw = read_ml_100k(dir.path(), &ReadLimits::STRICT).unwrap();
    assert_eq!(list_column(&raw.items, "genres"), [vec!["Action", "Sci-Fi"]]);
    assert_eq!(number_column(&raw.items, "year"), [1996.0]);
    assert_eq!(text_column(&raw.users, "gender"), [Some("F")]);
    assert_eq!(text_column(&raw.users, "occupation"), [Some("other")]);
    assert_eq!(number_column(&raw.users, "age"), [33.0]);
}

#[test]
fn bad_rows_are_rejected_with_line_column_and_reason() {
    let cases: [(&[u8], u64, &str, &str); 9] = [
        (b"1::10::5::1\n1::10::5\n", 2, "", "expected the 4 fields user, item, rating, timestamp, found 3"),
        (
            b"1::10::5::1\n1::10::5::1::1\n",
            2,
            "",
            "expected the 4 fields user, item, rating, timestamp, found 5",
        ),
        (
            b"1::10::5::1\n\n1::10::5::1\n",
            2,
            "",
            "expected the 4 fields user, item, rating, timestamp, found 1",
        ),
        (b"::10::5::1\n1::10::5::1\n", 1, "user", "expected an integer, found \"\""),
        (b"1::1e3::5::1\n1::10::5::1\n", 1, "item", "expected an integer, found \"1e3\""),
        (b"1::10::5::1\n1::10::6::1\n", 2, "rating", "expected a rating from 1 to 5, found \"6\""),
        (b"1::10::5::abc\n1::10::5::1\n", 1, "timestamp", "expected an integer, found \"abc\""),
        (
            b"1::10::5::978300760000\n1::10::5::1\n",
            1,
            "timestamp",
            "expected seconds before the year 2100, found \"978300760000\"",
        ),
        (b"1::10::5::1\n1::1\0::5::1\n", 2, "", "has a NUL byte"),
    ];
    for (ratings, line, column, reason) in cases {
        let raw = read(ratings, b"1::F::1::10::48067\n", MOVIES, lenient()).unwrap();
        let wanted = Reject { line, column: column.into(), reason: reason.into() };
        assert_eq!(raw.files[0].rejects, [wanted]);
        assert_balanced(&raw.files);
        // Without leave, the same row ends the reading, and the message names the place.
        let error = read(ratings, USERS, MOVIES, ReadLimits::STRICT).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Data);
        assert!(error.to_string().contains(&format!("ratings.dat:{line}")), "{error}");
    }
}

#[test]
fn a_line_longer_than_the_limit_is_rejected() {
    let ratings = [b"1::10::5::1\n".as_slice(), &[b'9'; 100], b"\n1::20::5::2\n"].concat();
    let limits = ReadLimits { max_line_bytes: 50.try_into().unwrap(), ..lenient() };
    let raw = read(&ratings, USERS, MOVIES, limits).unwrap();
    assert_eq!((raw.files[0].rejects[0].line, raw.n_events()), (2, 2));
}

#[test]
fn files_without_a_usable_row_are_refused_with_counts() {
    let cases: [(&[u8], &[u8], &str); 3] = [
        (b"", USERS, "the file is empty"),
        (
            RATINGS,
            b"9::F::1::10::48067\n",
            "no row to use: 1 read, 0 rejected, 1 of users or items without events",
        ),
        (RATINGS, b"1::F::1::10::48067\n1::F::1::10::48067\n", "a second row of the same id"),
    ];
    for (ratings, users, message) in cases {
        let error = read(ratings, users, MOVIES, ReadLimits::STRICT).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert_eq!(error.kind(), ErrorKind::Data);
    }
    let error = read_ml_1m(Path::new("nowhere"), &ReadLimits::STRICT).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Files);
}

const IDS: &[&[u8]] = &[b"", b"x1", b"1e3", b"-1", b"1.5", b" 7", b"7 ", b"\xff\xfe", "٧".as_bytes()];
const AGES: &[&[u8]] = &[b"", b"x", b"-1", b"2.5", b"70000", b"\xe9"];
const TIMES: &[&[u8]] =
    &[b"", b"abc", b"-1", b"1.5e9", b"4102444800", b"978300760000", b"99999999999999999999", b"9\xff"];

fn below(rng: &mut Stream, n: u64) -> String {
    rng.below(n).to_string()
}

/// Every fiftieth row is a second one of the first id.
fn own_id(rng: &mut Stream, row: usize) -> String {
    if rng.below(50) == 0 { "1".into() } else { (row + 1).to_string() }
}

fn rating_fields() -> [Field; 4] {
    let id = |name| Field {
        name,
        good: |rng, row| if row == 0 { "1".into() } else { below(rng, 10_000) },
        bad: IDS,
    };
    let rating = |rng: &mut Stream, _| (1 + rng.below(5)).to_string();
    let time = |rng: &mut Stream, _| (900_000_000 + rng.below(1_000_000)).to_string();
    [
        id("user"),
        id("item"),
        Field { name: "rating", good: rating, bad: &[b"", b"0", b"6", b"55", b"5.0", b"x"] },
        Field { name: "timestamp", good: time, bad: TIMES },
    ]
}

fn user_fields() -> [Field; 5] {
    let bad: &[&[u8]] = &[b""];
    [
        Field { name: "user", good: own_id, bad: IDS },
        Field { name: "gender", good: |rng, _| ["F", "M"][rng.index(2)].into(), bad },
        Field { name: "age", good: |rng, _| below(rng, 100), bad: AGES },
        Field { name: "occupation", good: |rng, _| below(rng, 21), bad },
        Field { name: "zip", good: |rng, _| format!("{:05}", rng.below(100_000)), bad },
    ]
}

fn item_fields() -> [Field; 3] {
    let title = |rng: &mut Stream, row| format!("Part {row}: {} (19{:02})", rng.below(9), rng.below(100));
    let genres = |rng: &mut Stream, _| ["Drama", "Film-Noir|War", "Children's"][rng.index(3)].to_owned();
    [
        Field { name: "item", good: own_id, bad: IDS },
        Field { name: "title", good: title, bad: &[b""] },
        Field { name: "genres", good: genres, bad: &[b""] },
    ]
}

/// Those of ML-100K: dates and address may be anything, genres are flags.
fn flag_fields() -> Vec<Field> {
    let [item, title, _] = item_fields();
    let anything = ["release_date", "video_release_date", "imdb_url"].map(|name| Field {
        name,
        good: |rng, _| ["", "01-Jan-1995", "http://a::b"][rng.index(3)].into(),
        bad: &[],
    });
    let flags = reference::GENRES.split('|');
    let flags = flags.map(|name| Field {
        name,
        good: |rng, _| below(rng, 2),
        bad: &[b"", b"2", b"x", b"00", b"\xff"],
    });
    [item, title].into_iter().chain(anything).chain(flags).collect()
}

/// D4: 13,000 rows in each of six files. The reference says what is kept, the mutator what is not.
#[test]
fn no_bad_row_passes_and_no_good_row_is_lost() {
    let limits = ReadLimits { max_reject_ratio: 0.5, max_line_bytes: MAX_LINE_BYTES.try_into().unwrap() };
    let [user, gender, age, occupation, zip] = user_fields();
    let users_100k = [user, age, gender, occupation, zip];
    type Read = fn(&Path, &ReadLimits) -> Result<RawData, FeatureError>;
    let sets: [(MovieLens, Read, [&str; 3], [Mutated; 3]); 2] = [
        (
            MovieLens::one_million(MAX_LINE_BYTES),
            read_ml_1m,
            ["ratings.dat", "users.dat", "movies.dat"],
            [
                mutated(1, b"::", &rating_fields(), 1),
                mutated(2, b"::", &user_fields(), 1),
                mutated(3, b"::", &item_fields(), 1),
            ],
        ),
        (
            MovieLens::hundred_thousand(MAX_LINE_BYTES),
            read_ml_100k,
            ["u.data", "u.user", "u.item"],
            [
                mutated(4, b"\t", &rating_fields(), 1),
                mutated(5, b"|", &users_100k, 1),
                mutated(6, b"|", &flag_fields(), 1),
            ],
        ),
    ];
    for (reference, read, names, mutated) in sets {
        let files = [0, 1, 2].map(|file| mutated[file].file.as_slice());
        let dir = folder(&[0, 1, 2].map(|file| (names[file], files[file])));
        let raw = read(dir.path(), &limits).unwrap();
        for (counts, mutated) in raw.files.iter().zip(&mutated) {
            assert_rejected(counts, &mutated.broken);
        }
        assert_balanced(&raw.files);
        reference.assert_reads(&raw, files, names[0]);
    }
}
