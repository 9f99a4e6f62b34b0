use std::collections::{BTreeMap, BTreeSet};

use u2i_models::TwoTower;

use crate::module_tensors::{fill_module, weight_views};
use crate::view::{TensorViews, first_not_finite, take};
use crate::{Observer, TrainError};

/// What the best model is called in a state.
pub(crate) const BEST: &str = "best";

/// The model of the best epoch so far.
pub(crate) enum Best<M> {
    /// Off the autodiff device.
    InMemory(M),
    /// By the path of each weight, where the observer keeps it.
    Elsewhere(TensorViews<'static>),
}

impl<M: TwoTower> Best<M> {
    /// The model of an epoch, counted from 1, which is the observer's to keep elsewhere. Its error is that of the first
    /// weight that is not finite, if it does.
    pub fn new(
        model: M,
        epoch: usize,
        observer: &mut dyn Observer,
        not_finite: impl FnOnce(String) -> TrainError,
    ) -> Result<Self, TrainError> {
        let views = weight_views(&model);
        let kept = observer.on_best(&views).map_err(|source| TrainError::Best { epoch, source })?;
        let Some(kept) = kept else { return Ok(Best::InMemory(model)) };
        // In memory it is looked at whenever a state is handed out, but what was written is not read that often.
        match first_not_finite(&views)? {
            Some(name) => Err(not_finite(format!("{BEST}/{name}"))),
            None => Ok(Best::Elsewhere(kept)),
        }
    }

    /// Takes the best model of a state, which is of this epoch, out of `tensors`. `like` is a model with tables as long
    /// as its.
    pub fn restore(
        like: M,
        epoch: usize,
        tensors: &mut TensorViews<'_>,
        observer: &mut dyn Observer,
    ) -> Result<Self, TrainError> {
        let mut own = BTreeMap::new();
        for (path, wanted) in weight_views(&like) {
            let name = format!("{BEST}/{path}");
            let view = take(tensors, &name, wanted.shape())?;
            view.check(&name, wanted.shape())?;
            own.insert(path, view);
        }
        let kept = observer.on_best(&own).map_err(|source| TrainError::Best { epoch, source })?;
        Ok(match kept {
            Some(kept) => Best::Elsewhere(kept),
            None => Best::InMemory(fill_module(like, "", &BTreeSet::new(), &mut own)?),
        })
    }

    /// The weights as `best/<path>`.
    pub fn view<'a>(&'a self, tensors: &mut TensorViews<'a>) {
        let name = |path: &String| format!("{BEST}/{path}");
        match self {
            Best::InMemory(model) => {
                tensors.extend(weight_views(model).into_iter().map(|(path, view)| (name(&path), view)));
            }
            Best::Elsewhere(kept) => {
                tensors.extend(kept.iter().map(|(path, view)| (name(path), view.again())))
            }
        }
    }

    /// True if a state has it in memory, so that it may have changed since it was last looked at.
    pub fn is_in_memory(&self) -> bool {
        matches!(self, Best::InMemory(_))
    }
}
