//! The operators for burn's flex backend.

mod dense;
mod function;
mod parts;
mod pool;
mod windows;

pub(crate) use dense::dense;
pub(crate) use function::is_here;
pub(crate) use pool::pool;
