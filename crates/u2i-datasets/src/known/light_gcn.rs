//! The three data sets that LightGCN was measured on, in its split.

use super::set::{Contents, KnownSet, Layout, MAX_FILE_BYTES, Part, Source};

static SOURCE: Source = Source {
    title: "The split of LightGCN",
    page: "https://github.com/gusye1234/LightGCN-PyTorch",
    found_in: "that repository, at the commit in the address; counts: the paper",
    licence: "No terms stand with the files; the interactions are from Gowalla, Yelp and Amazon.",
    citation: "Xiangnan He, Kuan Deng, Xiang Wang, Yan Li, Yongdong Zhang and Meng Wang, \"LightGCN: Simplifying and \
               Powering Graph Convolution Network for Recommendation\", SIGIR 2020, \
               https://doi.org/10.1145/3397271.3401063",
};

pub(super) fn sets() -> Vec<KnownSet> {
    let commit = "947ca2b3b1d2d3545b114145710cb06c4e57b3d2";
    let part = |folder, file: &str, bytes, sha256: Option<&str>| Part {
        url: format!(
            "https://raw.githubusercontent.com/gusye1234/LightGCN-PyTorch/{commit}/data/{folder}/{file}"
        ),
        bytes,
        sha256: sha256.map(str::to_owned),
        contents: Contents::File(file.to_owned()),
        max_file_bytes: MAX_FILE_BYTES,
    };
    let set = |name, about: &str, test_bytes, test_sha256| KnownSet {
        name,
        about: about.to_owned(),
        source: &SOURCE,
        layout: Layout::Adjacency { train: "train.txt".to_owned(), test: "test.txt".to_owned() },
        parts: vec![
            part(name, "train.txt", None, None),
            part(name, "test.txt", Some(test_bytes), Some(test_sha256)),
        ],
        other_folders: &[],
    };
    vec![
        set(
            "gowalla",
            "1,027,370 check-ins of 29,858 users at 40,981 places, without times",
            1_372_559,
            "099a2a73924e4b754dc6efd730d764f492321b53c38eb93298850c83acf57be3",
        ),
        set(
            "yelp2018",
            "1,561,406 reviews of 31,668 users and 38,048 businesses, without times",
            1_986_152,
            "9cd9b37926cd1447a06625ffa7914527573fb097c10cb0bbdb1d1b8ded3742fe",
        ),
        set(
            "amazon-book",
            "2,984,108 reviews of 52,643 users and 91,599 books, without times",
            3_848_611,
            "6250754994dd953b91b48dccdd77a73f318e0634b4757c2abfcc9d33a54ab0f5",
        ),
    ]
}
