//! Bundles through the public API.

mod answers;
mod damage;
mod disk;
mod fixture;
mod golden;

mod hostile;
#[cfg(feature = "faiss")]
mod index;
mod served;
