//! The whole MovieLens sets. Numbers are from their READMEs and from
//!
//! ```sh
//! cut -d: -f3 ratings.dat | sort -u | wc -l                # 3706 items
//! wc -l < ratings.dat                                      # 1000209 events, less 3 for each of 6040 users
//! ```

use std::io::Write;
use std::time::Instant;

use u2i_schema::Side;

use reference::MovieLens;

use crate::*;

/// Columns as the tuned recipes have them.
fn recipe() -> FeaturesConfig {
    let one = 1.try_into().unwrap();
    let user = |name| column(name, Side::User, ColumnKind::Categorical { min_count: one });
    features(vec![
        user("gender"),
        user("age"),
        user("occupation"),
        user("zip3"),
        column("genres", Side::Item, ColumnKind::MultiCategorical { min_count: one }),
        column("year5", Side::Item, ColumnKind::Categorical { min_count: one }),
    ])
}

#[test]
fn ml_1m_has_its_published_numbers_and_is_ready_in_two_seconds() {
    let Some(dir) = real_data::folder("ml-1m") else { return };
    let start = Instant::now();
    let raw = read_ml_1m(&dir, &ReadLimits::STRICT).unwrap();
    let read = start.elapsed();
    let data = prepare(&raw, &leave_last_out(), &recipe(), &all_samples(), 0).unwrap();
    let whole = start.elapsed();
    writeln!(std::io::stderr(), "ml-1m: read in {read:.2?}, ready in {whole:.2?} (2 s on a quiet machine)")
        .unwrap();

    assert_balanced(&raw.files);
    let counts: Vec<_> = raw.files.iter().map(|f| (f.read, f.kept, f.filtered)).collect();
    assert_eq!(counts, [(1_000_209, 1_000_209, 0), (6_040, 6_040, 0), (3_883, 3_706, 177)]);
    assert!(raw.titles.iter().all(|title| title.as_ref().is_some_and(|title| !title.contains('\u{fffd}'))));
    assert!(number_column(&raw.items, "year").iter().all(|year| (1919.0..=2000.0).contains(year)));
    assert_eq!((data.users.ids().len(), data.events.n_events()), (6_040, 1_000_209));
    assert_eq!((data.catalog.n_items(), data.catalog.n_trained()), (3_706, 3_704));
    assert_eq!((data.samples.len(), data.validation.len(), data.test.len()), (982_089, 6_040, 6_040));
    assert_eq!((data.users.ids()[0].as_str(), data.users.ids()[6_039].as_str()), ("1", "6040"));
    // Rows of padding, out of vocabulary and 2 genders, 7 ages, 21 occupations.
    let n_rows: Vec<_> = data.columns.iter().map(|column| column.transform.n_rows().unwrap()).collect();
    assert_eq!(n_rows[..3], [4, 9, 23]);
    assert_eq!(n_rows[4], 20);
    assert!(whole.as_secs() < 10, "ready after {whole:?}");
}

/// Reports and bundles record these, so a faster way of reading and ordering must come to the same. They are
/// those of commit 3b4ebe6, which changed how they are made and not what of.
#[test]
fn hashes_of_movielens_are_those_on_record() {
    let data = [
        "54b5b23b3f3b74a8dcee7cc652839fa1603522bb3ebc8a4c098b3dea0bedfea7",
        "0dda7ab8e5a59f9f1faec6636ccc66c0a6fa56120e842620e0d6d1ec1417ee92",
    ];
    let split = [
        "0083e43d03d98673a3948f494a5819a15b23ac6cbef4a832b806f0b75fb59ecb",
        "a7547802baa41e62087968b126364568a03ed429302fd20078bc6dee404fbd5a",
    ];
    for (i, name) in ["ml-1m", "ml-100k"].into_iter().enumerate() {
        let Some(dir) = real_data::folder(name) else { return };
        let raw = if i == 0 { read_ml_1m } else { read_ml_100k }(&dir, &ReadLimits::STRICT).unwrap();
        let prepared = prepare(&raw, &leave_last_out(), &recipe(), &all_samples(), 0).unwrap();
        assert_eq!(
            (prepared.data_hash.as_str(), prepared.split_hash.as_str()),
            (data[i], split[i]),
            "{name}"
        );
    }
}

#[test]
fn ml_1m_splits_by_the_book_and_by_time() {
    let Some(dir) = real_data::folder("ml-1m") else { return };
    let raw = read_ml_1m(&dir, &ReadLimits::STRICT).unwrap();
    let samples = SamplesConfig { per_user: PerUser::Newest { n: 200.try_into().unwrap() } };
    let book = prepare(&raw, &SplitConfig::Book { min_events: 10 }, &recipe(), &samples, 0).unwrap();
    assert_eq!((book.users.ids().len(), book.catalog.n_items()), (6_040, 3_706));
    // The last rows of the file hold only 316 distinct items, since it is ordered by something else than time.
    let mut targets: Vec<u32> =
        book.test.iter().map(|s| book.events.items(s.user as usize)[s.position as usize]).collect();
    targets.sort_unstable();
    targets.dedup();
    assert_eq!(targets.len(), 316);

    let cut = SplitConfig::TimeCut { ties: Ties::File, validation_quantile: 0.8, test_quantile: 0.9 };
    let cut = prepare(&raw, &cut, &recipe(), &all_samples(), 0).unwrap();
    let newest = cut.train.newest_s().unwrap();
    assert!(cut.train.events().n_events() <= 800_168);
    for sample in cut.test.iter().chain(&cut.validation) {
        assert!(cut.events.times_s(sample.user as usize)[sample.position as usize] > newest);
    }
    let stats = (cut.test.len(), cut.n_test_without_history, cut.validation.len(), cut.catalog.n_trained());
    writeln!(
        std::io::stderr(),
        "ml-1m, time cut: test, without history, validation, trained items {stats:?}"
    )
    .unwrap();
}

#[test]
fn ml_100k_has_its_published_numbers() {
    let Some(dir) = real_data::folder("ml-100k") else { return };
    let raw = read_ml_100k(&dir, &ReadLimits::STRICT).unwrap();
    let data = prepare(&raw, &leave_last_out(), &recipe(), &all_samples(), 0).unwrap();
    let counts: Vec<_> = raw.files.iter().map(|f| (f.read, f.kept, f.filtered)).collect();
    assert_eq!(counts, [(100_000, 100_000, 0), (943, 943, 0), (1_682, 1_682, 0)]);
    assert_eq!((data.users.ids().len(), data.catalog.n_items()), (943, 1_682));
    assert_eq!(data.samples.len(), 100_000 - 3 * 943);
    // Only "unknown" has no year.
    assert_eq!(number_column(&raw.items, "year").iter().filter(|year| year.is_nan()).count(), 1);
}

/// D1 and D2 on all rows; 50 titles of ML-1M are no UTF-8.
#[test]
fn movielens_is_what_the_reference_reads() {
    for (name, files) in
        [("ml-1m", ["ratings.dat", "users.dat", "movies.dat"]), ("ml-100k", ["u.data", "u.user", "u.item"])]
    {
        let Some(dir) = real_data::folder(name) else { return };
        let files = files.map(|file| std::fs::read(dir.join(file)).unwrap());
        let is_1m = name == "ml-1m";
        let read = if is_1m { read_ml_1m } else { read_ml_100k };
        let reference = if is_1m { MovieLens::one_million } else { MovieLens::hundred_thousand };
        let raw = read(&dir, &ReadLimits::STRICT).unwrap();
        reference(1 << 20).assert_reads(&raw, files.each_ref().map(Vec::as_slice), name);
        let is_not_utf_8 = |line: &&[u8]| std::str::from_utf8(line).is_err();
        let n = files[2].split(|&byte| byte == b'\n').filter(is_not_utf_8).count();
        assert!(!is_1m || n == 50, "{n}");
        let replaced = raw.titles.iter().flatten().filter(|title| title.contains('\u{fffd}')).count();
        assert_eq!(replaced, 0, "{name}");
    }
}
