//! Bundles through the public API.

mod answers;
mod damage;
mod fixture;
mod golden;

mod hostile;
mod index;
mod served;
