use std::num::NonZeroUsize;

use serde::{Deserialize, Serialize};

use crate::IndexError;

/// faiss warns on stderr when it trains on fewer points per cluster, and the clusters are poor.
const ITEMS_PER_LIST: usize = 39;
/// Codes of 8 bits name clusters, too, 256 for each part of a vector.
const ITEMS_FOR_CODES: usize = 256 * ITEMS_PER_LIST;
/// Above any sensible setting of a graph, and far below what overflows the C++ side.
const MAX_HNSW: usize = 1 << 16;

/// Which faiss index is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaissSpec {
    /// Every vector is compared: exact.
    Flat,
    /// Clusters the items (k-means) and compares only those of the nearest clusters.
    Ivf {
        /// Number of clusters, at most one per 39 items.
        nlist: NonZeroUsize,
        /// Clusters that a search looks into, at most `nlist`.
        nprobe: NonZeroUsize,
    },
    /// Walks a graph of near neighbours: Malkov and Yashunin, "Efficient and Robust Approximate Nearest
    /// Neighbor Search Using Hierarchical Navigable Small World Graphs", TPAMI 2020.
    Hnsw {
        /// Links per item and layer, at least 2; twice as many in the lowest layer.
        m: NonZeroUsize,
        /// Candidates kept while an item is linked.
        ef_construction: NonZeroUsize,
        /// Candidates kept while searching: choose more than `k` plus the items that users have seen. A query that
        /// needs more is answered by exact search, which at 100,000 items takes 0.5 ms and 6 ms alone where a walk
        /// takes 0.2 ms.
        ef_search: NonZeroUsize,
    },
    /// Every vector is compared, each number of it as one of 256 steps between the least and the greatest of its axis:
    /// `dim` bytes a vector, a quarter of what `Flat` takes.
    Sq8,
    /// Clusters the items as `Ivf` does, and keeps of each only what names it among 256 examples for each of `m` parts
    /// of the vectors: `m` bytes a vector and 8 for its place. For catalogs that memory does not hold. Jégou, Douze
    /// and Schmid, "Product Quantization for Nearest Neighbor Search", TPAMI 2011.
    IvfPq {
        /// Number of clusters, at most one per 39 items. At least 9,984 items are needed to find the examples among.
        nlist: NonZeroUsize,
        /// Clusters that a search looks into, at most `nlist`.
        nprobe: NonZeroUsize,
        /// Bytes of a vector, the number of parts that it is cut into: a divisor of its dimensions, of which
        /// [`AugmentedInnerProduct`](Similarity::AugmentedInnerProduct) adds one.
        m: NonZeroUsize,
    },
}

/// What faiss compares vectors by. Scores are inner products in each case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Similarity {
    /// Inner product of the vectors as they are.
    InnerProduct,
    /// Inner product, of items stored with one more coordinate that makes all equally long
    /// ([`ItemVectors::augmented`](crate::ItemVectors::augmented)), for vectors of varying length such as
    /// those of a factorization machine.
    ///
    /// Measure before choosing it. On 3,000 random vectors of 32 dimensions with log-normal lengths (σ = 0.5)
    /// a graph finds 28 % of the ten best this way and all of them by [`InnerProduct`](Self::InnerProduct) (m
    /// 16, 128 candidates), as Morozov and Babenko report ("Non-metric Similarity Graphs for Maximum Inner
    /// Product Search", NeurIPS 2018); for clusters there is no difference (8 of 32: 63 and 62 %).
    AugmentedInnerProduct,
    /// Squared distance. Only for items of unit length, where it ranks as the inner product does, and not for
    /// compressed ones, whose length is another.
    L2,
}

impl Similarity {
    /// Coordinates that it adds to vectors.
    pub(crate) fn extra_dims(self) -> usize {
        usize::from(self == Similarity::AugmentedInnerProduct)
    }
}

impl FaissSpec {
    /// An index that fits a catalog of this size; [`measure`](crate::measure) says how well.
    ///
    /// - `Flat` up to 20,000 items: there it answers a query in 0.14 ms, which a graph does not undercut, and misses
    ///   nothing.
    /// - `HNSW` up to 10⁶. 16 links reach 32 dimensions, above that it takes 32: among 50,000 random directions, the
    ///   hardest case, recall@10 at 128 candidates is .98 (16 links) in 32 dimensions, and .85 (16) or .97 (32) in 64.
    ///   256 candidates leave room for what users have seen.
    /// - `IVF` above: a graph takes 0.4 to 1 ms per item on the one thread that builds it, hours for 10⁷, and 128 to
    ///   256 bytes per item beside the vector. Here it is `4 √n` lists, of which one in 32 is probed. Clusters are found
    ///   whole, but of random directions, where the nearest lie in many lists, less than half: measure, and probe more.
    ///
    /// Times are of one thread. Compressed indexes (`Sq8`, `IvfPq`) are never chosen here: what they miss depends on
    /// the vectors, so that they are for those who ask for one.
    #[must_use]
    pub fn for_size(n_items: usize, dim: usize) -> FaissSpec {
        const fn n(n: usize) -> NonZeroUsize {
            NonZeroUsize::new(n).expect("settings are not 0")
        }
        match n_items {
            ..=20_000 => FaissSpec::Flat,
            20_001..=1_000_000 => FaissSpec::Hnsw {
                m: n(if dim <= 32 { 16 } else { 32 }),
                ef_construction: n(200),
                ef_search: n(256),
            },
            _ => {
                let nlist = 4 * n_items.isqrt();
                FaissSpec::Ivf { nlist: n(nlist), nprobe: n(nlist / 32) }
            }
        }
    }

    /// The name under which results are reported, as `hnsw_ip(m=32,ef_construction=200,ef_search=128)`.
    pub fn kind(&self, metric: Similarity) -> String {
        let metric = match metric {
            Similarity::InnerProduct => "ip",
            Similarity::AugmentedInnerProduct => "augmented_ip",
            Similarity::L2 => "l2",
        };
        match self {
            FaissSpec::Flat => format!("flat_{metric}"),
            FaissSpec::Ivf { nlist, nprobe } => format!("ivf_{metric}(nlist={nlist},nprobe={nprobe})"),
            FaissSpec::Hnsw { m, ef_construction, ef_search } => {
                format!("hnsw_{metric}(m={m},ef_construction={ef_construction},ef_search={ef_search})")
            }
            FaissSpec::Sq8 => format!("sq8_{metric}"),
            FaissSpec::IvfPq { nlist, nprobe, m } => {
                format!("ivf_pq_{metric}(nlist={nlist},nprobe={nprobe},m={m})")
            }
        }
    }

    /// Whether both are the same index but for how it is searched.
    #[cfg(feature = "faiss")]
    pub(crate) fn is_built_as(&self, other: &FaissSpec) -> bool {
        match (self, other) {
            (FaissSpec::Flat, FaissSpec::Flat) | (FaissSpec::Sq8, FaissSpec::Sq8) => true,
            (FaissSpec::Ivf { nlist, .. }, FaissSpec::Ivf { nlist: other, .. }) => nlist == other,
            (
                FaissSpec::Hnsw { m, ef_construction, .. },
                FaissSpec::Hnsw { m: other_m, ef_construction: other_ef, .. },
            ) => (m, ef_construction) == (other_m, other_ef),
            (FaissSpec::IvfPq { nlist, m, .. }, FaissSpec::IvfPq { nlist: other, m: other_m, .. }) => {
                (nlist, m) == (other, other_m)
            }
            _ => false,
        }
    }

    /// Whether the index holds less than the vectors.
    pub fn is_compressed(&self) -> bool {
        match self {
            FaissSpec::Sq8 | FaissSpec::IvfPq { .. } => true,
            FaissSpec::Flat | FaissSpec::Ivf { .. } | FaissSpec::Hnsw { .. } => false,
        }
    }

    /// Whether this index can be built over so many items of so many dimensions.
    ///
    /// # Errors
    ///
    /// [`Setting`](IndexError::Setting) names the key and what it may be, and
    /// [`CompressedL2`](IndexError::CompressedL2).
    pub fn check(&self, n_items: usize, dim: usize, metric: Similarity) -> Result<(), IndexError> {
        if metric == Similarity::L2 && self.is_compressed() {
            return Err(IndexError::CompressedL2 { kind: self.kind(metric) });
        }
        let within = |name, found: NonZeroUsize, least: usize, most: usize, why: &str| {
            if (least..=most).contains(&found.get()) {
                return Ok(());
            }
            Err(IndexError::Setting { name, found: found.get(), wanted: format!("{least} to {most}{why}") })
        };
        match *self {
            FaissSpec::Flat | FaissSpec::Sq8 => Ok(()),
            FaissSpec::Ivf { nlist, .. } if n_items < ITEMS_PER_LIST => {
                let wanted = format!("another index for {n_items} items, a list needs {ITEMS_PER_LIST}");
                Err(IndexError::Setting { name: "nlist", found: nlist.get(), wanted })
            }
            FaissSpec::Ivf { nlist, nprobe } => {
                within("nlist", nlist, 1, n_items / ITEMS_PER_LIST, &format!(" for {n_items} items"))?;
                within("nprobe", nprobe, 1, nlist.get(), ", the number of lists")
            }
            FaissSpec::IvfPq { m, .. } if n_items < ITEMS_FOR_CODES => {
                let wanted = format!("another index for {n_items} items, its codes need {ITEMS_FOR_CODES}");
                Err(IndexError::Setting { name: "m", found: m.get(), wanted })
            }
            FaissSpec::IvfPq { nlist, nprobe, m } => {
                FaissSpec::Ivf { nlist, nprobe }.check(n_items, dim, metric)?;
                let dim = dim.saturating_add(metric.extra_dims());
                if dim.is_multiple_of(m.get()) {
                    return Ok(());
                }
                let wanted = format!("a divisor of {dim}, the dimensions that are indexed");
                Err(IndexError::Setting { name: "m", found: m.get(), wanted })
            }
            FaissSpec::Hnsw { m, ef_construction, ef_search } => {
                within("m", m, 2, MAX_HNSW, "")?;
                within("ef_construction", ef_construction, 1, MAX_HNSW, "")?;
                within("ef_search", ef_search, 1, MAX_HNSW, "")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn n(n: usize) -> NonZeroUsize {
        NonZeroUsize::new(n).unwrap()
    }

    #[test]
    fn settings_out_of_range_are_refused() {
        let hnsw = |m, ef_construction, ef_search| FaissSpec::Hnsw {
            m: n(m),
            ef_construction: n(ef_construction),
            ef_search: n(ef_search),
        };
        let ivf = |nlist, nprobe| FaissSpec::Ivf { nlist: n(nlist), nprobe: n(nprobe) };
        let cases = [
            (ivf(1, 1), 38, "`nlist` is 1, wanted another index for 38 items, a list needs 39"),
            (ivf(3, 1), 116, "`nlist` is 3, wanted 1 to 2 for 116 items"),
            (ivf(2, 3), 116, "`nprobe` is 3, wanted 1 to 2, the number of lists"),
            (hnsw(1, 8, 8), 9, "`m` is 1, wanted 2 to 65536"),
            (hnsw(2, 70_000, 8), 9, "`ef_construction` is 70000, wanted 1 to 65536"),
            (hnsw(2, 8, 70_000), 9, "`ef_search` is 70000, wanted 1 to 65536"),
        ];
        for (spec, n_items, message) in cases {
            assert_eq!(spec.check(n_items, 8, Similarity::L2).unwrap_err().to_string(), message);
        }
        for (spec, n_items) in [(ivf(1, 1), 39), (ivf(2, 2), 116), (hnsw(2, 1, 1), 1), (FaissSpec::Flat, 1)] {
            spec.check(n_items, 8, Similarity::L2).unwrap();
        }
    }

    #[test]
    fn compressed_indexes_out_of_range_are_refused() {
        let pq = |nlist, nprobe, m| FaissSpec::IvfPq { nlist: n(nlist), nprobe: n(nprobe), m: n(m) };
        let (ip, augmented) = (Similarity::InnerProduct, Similarity::AugmentedInnerProduct);
        let cases = [
            (pq(1, 1, 4), 9_983, ip, "`m` is 4, wanted another index for 9983 items, its codes need 9984"),
            (pq(1, 1, 5), 9_984, ip, "`m` is 5, wanted a divisor of 8, the dimensions that are indexed"),
            (pq(1, 1, 16), 9_984, ip, "`m` is 16, wanted a divisor of 8, the dimensions that are indexed"),
            (
                pq(1, 1, 4),
                9_984,
                augmented,
                "`m` is 4, wanted a divisor of 9, the dimensions that are indexed",
            ),
            (pq(257, 1, 4), 9_984, ip, "`nlist` is 257, wanted 1 to 256 for 9984 items"),
            (pq(2, 3, 4), 9_984, ip, "`nprobe` is 3, wanted 1 to 2, the number of lists"),
            (
                pq(2, 1, 4),
                9_984,
                Similarity::L2,
                "`ivf_pq_l2(nlist=2,nprobe=1,m=4)` would not score by inner products, wanted another metric than L2 \
                 for compressed vectors",
            ),
            (
                FaissSpec::Sq8,
                1,
                Similarity::L2,
                "`sq8_l2` would not score by inner products, wanted another metric than L2 for compressed vectors",
            ),
        ];
        for (spec, n_items, metric, message) in cases {
            assert_eq!(spec.check(n_items, 8, metric).unwrap_err().to_string(), message);
        }
        for (spec, metric) in [(pq(256, 256, 8), ip), (pq(1, 1, 3), augmented), (FaissSpec::Sq8, augmented)] {
            spec.check(9_984, 8, metric).unwrap();
        }
    }

    #[test]
    fn every_size_has_an_index_that_can_be_built() {
        let sizes = [0, 1, 20_000, 20_001, 1_000_000, 1_000_001, 10_000_000, u32::MAX as usize];
        for n_items in sizes {
            for dim in [1, 32, 33, 1_000] {
                FaissSpec::for_size(n_items, dim).check(n_items, dim, Similarity::InnerProduct).unwrap();
            }
        }
        let kinds = sizes.map(|n_items| FaissSpec::for_size(n_items, 64).kind(Similarity::InnerProduct));
        assert_eq!(kinds[2], "flat_ip");
        assert_eq!(kinds[3], "hnsw_ip(m=32,ef_construction=200,ef_search=256)");
        assert_eq!(kinds[5], "ivf_ip(nlist=4000,nprobe=125)");
        assert!(FaissSpec::for_size(50_000, 32).kind(Similarity::L2).starts_with("hnsw_l2(m=16,"));
    }

    #[test]
    fn the_index_of_every_size_can_be_built() {
        let kinds =
            [(1, "flat"), (20_000, "flat"), (20_001, "hnsw"), (1_000_000, "hnsw"), (1_000_001, "ivf")];
        for (n_items, kind) in kinds {
            for dim in [16, 64, 256] {
                let spec = FaissSpec::for_size(n_items, dim);
                spec.check(n_items, dim, Similarity::InnerProduct).unwrap();
                assert!(!spec.is_compressed(), "{n_items}: {spec:?}");
                assert!(spec.kind(Similarity::InnerProduct).starts_with(kind), "{n_items}: {spec:?}");
            }
        }
    }

    #[test]
    fn configurations_are_read_strictly() {
        let text = r#"{"ivf":{"nlist":64,"nprobe":8}}"#;
        let spec: FaissSpec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.kind(Similarity::AugmentedInnerProduct), "ivf_augmented_ip(nlist=64,nprobe=8)");
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
        assert_eq!(serde_json::from_str::<FaissSpec>(r#""flat""#).unwrap().kind(Similarity::L2), "flat_l2");
        assert!(serde_json::from_str::<FaissSpec>(r#"{"ivf":{"nlist":64,"nprobe":8,"m":2}}"#).is_err());
        assert!(serde_json::from_str::<FaissSpec>(r#"{"ivf":{"nlist":0,"nprobe":8}}"#).is_err());
        assert_eq!(serde_json::from_str::<FaissSpec>(r#""sq8""#).unwrap(), FaissSpec::Sq8);
        let text = r#"{"ivf_pq":{"nlist":64,"nprobe":8,"m":16}}"#;
        let spec: FaissSpec = serde_json::from_str(text).unwrap();
        assert_eq!(spec.kind(Similarity::InnerProduct), "ivf_pq_ip(nlist=64,nprobe=8,m=16)");
        assert_eq!(serde_json::to_string(&spec).unwrap(), text);
        for wrong in ["\"m\":0", "\"m\":16,\"bits\":8", "\"n\":16"] {
            assert!(serde_json::from_str::<FaissSpec>(&text.replace("\"m\":16", wrong)).is_err(), "{wrong}");
        }
    }
}
