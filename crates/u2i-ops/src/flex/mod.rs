//! The operators for burn's flex backend.

mod dense;
mod factors;
mod function;
mod parts;
mod pool;
mod pool_by;
mod windows;

pub(crate) use dense::dense;
pub(crate) use function::is_f32_of_flex;
pub(crate) use pool::pool;
pub(crate) use pool_by::pool_by;
