//! MovieLens of GroupLens.

use super::set::{Contents, KnownSet, Layout, Part, Source};

static SOURCE: Source = Source {
    title: "MovieLens",
    page: "https://grouplens.org/datasets/movielens/",
    found_in: "grouplens.org; sizes and hashes: TensorFlow Datasets (movielens.txt), for ml-10m OmniRec",
    licence: "MovieLens data is provided by GroupLens, University of Minnesota, for research: no commercial use and no \
              redistribution without permission; see the README in its folder.",
    citation: "F. Maxwell Harper and Joseph A. Konstan, \"The MovieLens Datasets: History and Context\", ACM \
               Transactions on Interactive Intelligent Systems 5, 4, Article 19, 2015, \
               https://doi.org/10.1145/2827872",
};

const README: [&str; 3] = ["README", "README.txt", "README.html"];

pub(super) fn sets() -> Vec<KnownSet> {
    let csv = || Layout::Tables(vec!["ratings.csv".to_owned(), "movies.csv".to_owned()]);
    let set = |name, folder, about: &str, layout: Layout, bytes, sha256: Option<&str>| KnownSet {
        name,
        about: about.to_owned(),
        source: &SOURCE,
        parts: vec![Part {
            url: format!("https://files.grouplens.org/datasets/movielens/{name}.zip"),
            bytes,
            sha256: sha256.map(str::to_owned),
            contents: Contents::Zip {
                folder: Some(folder),
                members: layout.files(),
                optional: README.map(str::to_owned).to_vec(),
            },
            max_file_bytes: if matches!(layout, Layout::Ml100k | Layout::Ml1m) { 64 << 20 } else { 4 << 30 },
        }],
        layout,
        other_folders: if folder == "ml-10M100K" { &["ml-10M100K"] } else { &[] },
    };
    vec![
        set(
            "ml-100k",
            "ml-100k",
            "100,000 ratings of 943 users and 1,682 movies, with demographics",
            Layout::Ml100k,
            Some(4_924_029),
            Some("50d2a982c66986937beb9ffb3aa76efe955bf3d5c6b761f4e3a7cd717c6a3229"),
        ),
        set(
            "ml-1m",
            "ml-1m",
            "1,000,209 ratings of 6,040 users and 3,706 movies, with demographics",
            Layout::Ml1m,
            Some(5_917_549),
            Some("a6898adb50b9ca05aa231689da44c217cb524e7ebd39d264c56e2832f2c54e20"),
        ),
        set(
            "ml-10m",
            "ml-10M100K",
            "10,000,054 ratings in half stars, 10,681 movies",
            Layout::Ml10m,
            Some(65_566_137),
            Some("813c411ccb6122564edfe752e7f80c4dcc5aa25fa94c93622f6877a7ba252862"),
        ),
        set(
            "ml-20m",
            "ml-20m",
            "20,000,263 ratings in half stars of 138,493 users, 27,278 movies",
            csv(),
            Some(198_702_078),
            Some("96f243c338a8665f6bcc89c53edf6ee39162a846940de6b7c8c48aeada765ff3"),
        ),
        set(
            "ml-25m",
            "ml-25m",
            "25,000,095 ratings in half stars of 162,541 users, 62,423 movies",
            csv(),
            Some(261_978_986),
            Some("8b21cfb7eb1706b4ec0aac894368d90acf26ebdfb6aced3ebd4ad5bd1eb9c6aa"),
        ),
        set(
            "ml-32m",
            "ml-32m",
            "32,000,204 ratings in half stars of 200,948 users, 87,585 movies",
            csv(),
            None,
            None,
        ),
        set(
            "ml-latest-small",
            "ml-latest-small",
            "about 100,000 ratings in half stars of 610 users",
            csv(),
            Some(978_202),
            Some("696d65a3dfceac7c45750ad32df2c259311949efec81f0f144fdfb91ebc9e436"),
        ),
    ]
}
