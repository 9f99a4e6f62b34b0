use std::path::PathBuf;

/// Why vectors could not be indexed, searched, saved or loaded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Somebody asked to stop while an index was built or measured; there is no index.
    #[error("stopped")]
    Stopped,
    /// An item's vector was another one each time it was made, so its place cannot be told.
    #[error("the vector of an item is another one each time it is made")]
    Unsteady,
    /// There is nothing to index.
    #[error(
        "an index needs at least one item of at least one dimension, found {items} items of {dim} dimensions"
    )]
    Empty {
        /// Number of ids.
        items: usize,
        /// Numbers per vector.
        dim: usize,
    },
    /// The data are not `dim` numbers for each id.
    #[error("{items} items of {dim} dimensions do not fit {data} numbers")]
    DataLength {
        /// Number of ids.
        items: usize,
        /// Numbers per vector.
        dim: usize,
        /// Numbers found.
        data: usize,
    },
    /// Id 0 is padding and never an item.
    #[error("id 0 is padding, not an item")]
    PaddingId,
    /// Ids are not strictly ascending, so one may be there twice.
    #[error("ids must ascend, found {id} after {previous} in row {row}")]
    IdsNotAscending {
        /// Row of the second of the two.
        row: usize,
        /// The id before it.
        previous: u32,
        /// The id there.
        id: u32,
    },
    /// An item's vector holds NaN or an infinity.
    #[error("the vector of item {id} holds {value} on axis {axis}, wanted a finite number")]
    ItemNotFinite {
        /// Whose vector it is.
        id: u32,
        /// Where in the vector.
        axis: usize,
        /// What is there.
        value: f32,
    },
    /// The queries are not `dim` numbers each.
    #[error("{found} numbers are not queries of {dim} dimensions")]
    QueryLength {
        /// Numbers found.
        found: usize,
        /// Numbers per query.
        dim: usize,
    },
    /// A query holds NaN or an infinity.
    #[error("query {query} holds {value} on axis {axis}, wanted a finite number")]
    QueryNotFinite {
        /// Which query.
        query: usize,
        /// Where in the query.
        axis: usize,
        /// What is there.
        value: f32,
    },
    /// Scores of this query could overflow.
    #[error(
        "query {query} of length {length:.1e} is too long for 32-bit scores with items up to {longest_item:.1e}"
    )]
    QueryTooLong {
        /// Which query.
        query: usize,
        /// Its Euclidean length.
        length: f64,
        /// Euclidean length of the longest item.
        longest_item: f64,
    },
    /// Something that belongs to each query is not there once per query.
    #[error("found {found} {what} for {queries} queries")]
    PerQuery {
        /// What it is: `exclusion lists`, `targets` or `vectors`.
        what: &'static str,
        /// How many there are.
        found: usize,
        /// How many queries there are.
        queries: usize,
    },
    /// A list of ids to exclude does not ascend.
    #[error("the exclusion list of query {query} must ascend, found {id} after {previous}")]
    ExcludeNotSorted {
        /// Which query.
        query: usize,
        /// The id before the one that is out of order.
        previous: u32,
        /// The id that is out of order.
        id: u32,
    },
    /// An item is asked for that is not in the index.
    #[error("the index has no item {id}")]
    UnknownItem {
        /// The id that was asked for.
        id: u32,
    },
    /// There are no queries to measure a search on.
    #[error("a search cannot be measured without queries")]
    NoQueries,
    /// An index can only be searched as what it was built as.
    #[error(
        "an index built as `{built}` cannot be searched as `{asked}`: only nprobe and ef_search may differ"
    )]
    BuiltOtherwise {
        /// What it was built as.
        built: String,
        /// What was asked for.
        asked: String,
    },
    /// Exact search over other items cannot stand in for an index.
    #[error(
        "exact search over {} items of {} dimensions is not over the {} items of {} dimensions of the index",
        found.0, found.1, wanted.0, wanted.1
    )]
    OtherItems {
        /// Items and dimensions of the exact search.
        found: (usize, usize),
        /// Items and dimensions of the index.
        wanted: (usize, usize),
    },
    /// Under L2, vectors that are not of unit length rank differently from inner products.
    #[error("the L2 metric wants vectors of unit length, item {id} has length {length}")]
    NotUnitLength {
        /// The first item that is too long or too short.
        id: u32,
        /// Its Euclidean length.
        length: f64,
    },
    /// Distances to compressed vectors, whose length is not 1, are no inner products.
    #[error(
        "`{kind}` would not score by inner products, wanted another metric than L2 for compressed vectors"
    )]
    CompressedL2 {
        /// The index that was asked for.
        kind: String,
    },
    /// A setting of an index is outside of what can be built.
    #[error("`{name}` is {found}, wanted {wanted}")]
    Setting {
        /// Key in the configuration.
        name: &'static str,
        /// Its value.
        found: usize,
        /// The values that are possible here.
        wanted: String,
    },
    /// faiss reported an error.
    #[error("faiss failed to {action}: {message}")]
    Faiss {
        /// What it was asked for.
        action: &'static str,
        /// What it said.
        message: String,
    },
    /// A thread that shares its work with others by being one of theirs.
    #[error("the thread is one of {threads} of a pool, wanted one of its own")]
    OfAPool {
        /// How many there are.
        threads: usize,
    },
    /// rayon made no pool of a thread.
    #[error("cannot keep work to a thread")]
    Threads {
        /// Why not.
        source: rayon::ThreadPoolBuildError,
    },
    /// The operating system refused.
    #[error("cannot {action} {path}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// The file does not end as an index file does.
    #[error("{path} is cut off, or not an index file")]
    CutOff {
        /// Which file.
        path: PathBuf,
    },
    /// The bytes of the file are not those that were saved.
    #[error("{path} was changed: its SHA-256 is {found}, its end says {wanted}")]
    Changed {
        /// Which file.
        path: PathBuf,
        /// SHA-256 written when it was saved.
        wanted: String,
        /// SHA-256 of what is there.
        found: String,
    },
    /// The description in the file is not one of this version.
    #[error("cannot understand the description in {path}")]
    Description {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: serde_json::Error,
    },
    /// Parts of the file contradict each other or what was asked for.
    #[error("{path} has {what} {found}, wanted {wanted}")]
    Mismatch {
        /// Which file.
        path: PathBuf,
        /// What differs.
        what: &'static str,
        /// The value that was wanted.
        wanted: String,
        /// The value that is there.
        found: String,
    },
}
