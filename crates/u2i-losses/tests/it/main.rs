//! Tests of the public API.

#[cfg(feature = "tensor")]
mod as_losses;
mod draws;
#[cfg(feature = "tensor")]
mod losses;
#[cfg(feature = "tensor")]
mod many;
mod masks;
#[cfg(feature = "tensor")]
mod oracle;
#[cfg(feature = "tensor")]
mod published;
mod samplers;
mod streaming;
#[cfg(feature = "tensor")]
mod temperatures;
