//! The experiment files of `configs/`, which are compiled in.

macro_rules! built_in {
    ($($path:literal),* $(,)?) => {
        /// Path below `configs/`, and text, of each experiment that is built in.
        pub const FILES: &[(&str, &str)] = &[$(($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/configs/", $path)))),*];
    };
}

built_in!(
    "book/fm.toml",
    "book/dssm.toml",
    "book/dssm_text.toml",
    "book/youtube_dnn.toml",
    "ml-1m/quick/fm.toml",
    "ml-1m/quick/dssm.toml",
    "ml-1m/quick/youtube_dnn.toml",
    "ml-1m/fm.toml",
    "ml-1m/dssm.toml",
    "ml-1m/youtube_dnn.toml",
    "ml-100k/fm.toml",
    "ml-100k/dssm.toml",
    "ml-100k/youtube_dnn.toml",
    "synthetic/fm.toml",
    "synthetic/dssm.toml",
    "synthetic/youtube_dnn.toml",
);

/// Path and text of the experiment with this name: its path below `configs/`, without the ending.
///
/// ```
/// let (path, text) = u2i::built_in::file("ml-1m/fm").unwrap();
/// assert_eq!(path, "ml-1m/fm.toml");
/// assert!(text.contains("[model.fm]"));
/// assert_eq!(u2i::built_in::file("ml-20m/fm"), None);
/// ```
pub fn file(name: &str) -> Option<(&'static str, &'static str)> {
    FILES.iter().copied().find(|(path, _)| path.strip_suffix(".toml") == Some(name))
}
