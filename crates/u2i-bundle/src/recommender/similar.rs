//! Items whose vectors point nearly where that of another does.

use std::num::NonZeroUsize;

use super::Recommender;
use crate::{Because, BundleError, Now, Recommended};

impl Recommender {
    /// The `k` items whose vectors point most nearly where that of `item_id` does, itself left out. Scores are cosines.
    ///
    /// # Errors
    ///
    /// [`UnknownItem`](BundleError::UnknownItem), or [`NoVector`](BundleError::NoVector) for an item that is not ranked.
    pub fn similar(&self, item_id: &str, k: NonZeroUsize) -> Result<Vec<Recommended<'_>>, BundleError> {
        self.similar_now(item_id, k, &Now::default())
    }

    /// [`similar`](Self::similar) items without those that are hidden now. What is near a hidden item can still be asked.
    ///
    /// # Errors
    ///
    /// As [`similar`](Self::similar).
    pub fn similar_now(
        &self,
        item_id: &str,
        k: NonZeroUsize,
        now: &Now<'_>,
    ) -> Result<Vec<Recommended<'_>>, BundleError> {
        let item =
            self.catalog.item_idx(item_id).ok_or_else(|| BundleError::UnknownItem(item_id.to_owned()))?;
        let row = self.exact.vectors().row(item).ok_or_else(|| BundleError::NoVector(item_id.to_owned()))?;
        let is_shown = |id: u32| now.hidden.is_none_or(|hidden| !hidden.contains(id));
        let others = self.exact.vectors().ids().iter().enumerate();
        let others = others.filter(|&(other, &id)| other != row && is_shown(id));
        let mut found: Vec<(f32, u32)> = others.map(|(other, &id)| (self.cosine(row, other), id)).collect();
        let best_first = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if found.len() > k.get() {
            found.select_nth_unstable_by(k.get(), best_first);
            found.truncate(k.get());
        }
        found.sort_unstable_by(best_first);
        Ok(found.into_iter().map(|(score, item)| self.recommended(item, score)).collect())
    }

    /// The items of the history that are most similar to `item`; those without a vector are similar to nothing.
    pub(super) fn because(&self, item: u32, history: &[u32], n: usize) -> Vec<Because<'_>> {
        let vectors = self.exact.vectors();
        let Some(row) = vectors.row(item) else { return Vec::new() };
        let others = history.iter().filter(|&&other| other != item);
        let similar = others.filter_map(|&other| Some((self.cosine(row, vectors.row(other)?), other)));
        let mut similar: Vec<(f32, u32)> = similar.collect();
        similar.sort_by(|a, b| b.0.total_cmp(&a.0));
        let because = |(similarity, item): (f32, u32)| Because {
            item_id: self.catalog.item_id(item),
            title: self.catalog.title(item),
            similarity,
        };
        similar.into_iter().take(n).map(because).collect()
    }

    /// Cosine of two rows of the vectors; 0 where one has no direction.
    fn cosine(&self, a: usize, b: usize) -> f32 {
        let vectors = self.exact.vectors();
        let lengths = self.lengths[a] * self.lengths[b];
        let product: f32 = vectors.vector(a).iter().zip(vectors.vector(b)).map(|(a, b)| a * b).sum();
        if lengths > 0.0 { (f64::from(product) / lengths) as f32 } else { 0.0 }
    }

    pub(super) fn recommended(&self, item: u32, score: f32) -> Recommended<'_> {
        Recommended {
            item_idx: item,
            item_id: self.catalog.item_id(item),
            title: self.catalog.title(item),
            score,
            because: Vec::new(),
        }
    }
}
