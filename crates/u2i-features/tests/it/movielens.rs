use crate::*;

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
        assert_eq!(error.exit_code(), 3);
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
        assert_eq!(error.exit_code(), 3);
    }
    let error = read_ml_1m(Path::new("nowhere"), &ReadLimits::STRICT).unwrap_err();
    assert_eq!(error.exit_code(), 4);
}

/// 10,000 rows of which a twentieth is broken in a random way: every broken one is rejected at its line, every
/// good one is an event.
#[test]
fn no_bad_row_passes_and_no_good_row_is_lost() {
    let mut rng = Stream::new(4, Purpose::SYNTHETIC, 0, 0);
    let (mut text, mut bad_lines, mut good) = (Vec::new(), Vec::new(), Vec::new());
    for line in 1..=10_000u64 {
        let fields = [rng.below(50), 1 + rng.below(90), 1 + rng.below(5), 900_000_000 + rng.below(1_000_000)];
        let mut fields = fields.map(|field| field.to_string());
        let time_s: i64 = fields[3].parse().unwrap();
        let row = if rng.below(20) == 0 {
            bad_lines.push(line);
            match rng.below(5) {
                0 => fields[..3].join("::"),
                1 => fields.join(":"),
                2 => format!("{}::", fields.join("::")),
                _ => {
                    let place = rng.index(4);
                    fields[place] = ["x", "", "-1", "1.5", "\u{0}"][rng.index(5)].into();
                    fields.join("::")
                }
            }
        } else {
            good.push((fields[0].clone(), fields[1].clone(), time_s));
            fields.join("::")
        };
        text.extend_from_slice(row.as_bytes());
        text.extend_from_slice(if rng.below(2) == 0 { b"\n" } else { b"\r\n" });
    }
    let raw = read(&text, b"1::F::1::10::48067\n", MOVIES, lenient()).unwrap();
    let rejected: Vec<u64> = raw.files[0].rejects.iter().map(|reject| reject.line).collect();
    assert_eq!(rejected, bad_lines);
    assert_balanced(&raw.files);
    let events = raw.events.user.iter().zip(&raw.events.item).zip(&raw.events.time_s);
    let events: Vec<_> = events
        .map(|((&u, &i), &t)| (raw.user_ids[u as usize].clone(), raw.item_ids[i as usize].clone(), t))
        .collect();
    assert_eq!(events, good);
}
