//! Bundles through the public API.

mod answers;
mod damage;
mod disk;
mod fixture;
mod followed;
mod golden;
mod known;
mod limits;
mod live;
mod together;

mod hostile;
#[cfg(feature = "faiss")]
mod index;
mod served;
