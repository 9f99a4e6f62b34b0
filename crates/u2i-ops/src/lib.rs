//! Operators of two-tower models with gradients written by hand, for tensors in the memory of a CPU.
//!
//! ```toml
//! u2i-ops = { git = "https://github.com/u2i-rs/u2i", features = ["flex"] }
//! burn = { version = "0.22.1", default-features = false, features = ["std", "flex", "simd"] }
//! ```
//!
//! A training step on a CPU that is put together from burn's operators spends most of its time beside the products: it copies
//! slices and transposes, writes matrices to memory only to read them again, and multiplies a band that is half zeros. The
//! operators here are single nodes of burn's graph, with a gradient of their own:
//!
//! - [`pool`]: weighted sums over the histories of many targets that look at windows of the same events;
//! - [`pool_by`]: the same where weights depend on more than the lag: on the time from an event to a target, or on the event;
//! - [`dense`]: a dense layer with its activation.
//!
//! They are for 32-bit numbers of burn's flex backend, with autodiff or without. For any other tensor they return `None`, and
//! the caller takes burn's operators. What they compute has the same bits for any number of threads.
//!
//! The feature `flex` switches that backend of burn on. Without it, all of them return `None`.
//!
//! # Examples
//!
#![cfg_attr(feature = "flex", doc = "```")]
#![cfg_attr(not(feature = "flex"), doc = "```text")]
#![doc = include_str!("../examples/ops_alone.rs")]
//! ```

use std::cell::Cell;

use burn::tensor::Tensor;

mod activation;
mod dense;
mod factors;
#[cfg(feature = "flex")]
mod flex;
mod pool;
mod pool_by;
mod windows;

pub use activation::Activation;
pub use dense::dense;
pub use factors::Factors;
pub use pool::pool;
pub use pool_by::pool_by;
pub use windows::{Divisor, LEAST_LOG_WEIGHT, Windows};

/// Whether the operators take a tensor: it holds 32-bit numbers of burn's flex backend, with autodiff or without, the
/// feature `flex` is on, and the caller does not run [`without_operators`].
pub fn operate_on<const D: usize>(tensor: &Tensor<D>) -> bool {
    #[cfg(feature = "flex")]
    return IS_ON.get() && flex::is_f32_of_flex(tensor);
    #[cfg(not(feature = "flex"))]
    {
        let _ = tensor;
        false
    }
}

thread_local! {
    static IS_ON: Cell<bool> = const { Cell::new(true) };
}

/// Runs `job` on this thread as if every tensor lay on a device without operators: burn's own take their place, as on a
/// GPU. Tests compare the two ways with it.
///
/// ```
/// # #[cfg(feature = "flex")] {
/// use burn::tensor::{Device, Tensor};
/// let numbers = Tensor::<1>::zeros([3], &Device::flex());
/// assert!(u2i_ops::operate_on(&numbers));
/// assert!(!u2i_ops::without_operators(|| u2i_ops::operate_on(&numbers)));
/// # }
/// ```
pub fn without_operators<T>(job: impl FnOnce() -> T) -> T {
    /// Switches them back on, also when `job` panics.
    struct Restore(bool);
    impl Drop for Restore {
        fn drop(&mut self) {
            IS_ON.set(self.0);
        }
    }
    let _restore = Restore(IS_ON.replace(false));
    job()
}
