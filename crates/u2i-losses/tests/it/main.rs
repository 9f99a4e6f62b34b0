//! Tests of the public API.

#[cfg(feature = "tensor")]
mod losses;
#[cfg(feature = "tensor")]
mod many;
#[cfg(feature = "tensor")]
mod oracle;
#[cfg(feature = "tensor")]
mod published;
mod samplers;
