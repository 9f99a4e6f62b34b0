//! Tests of the public API.

mod cases;
mod oracle;
mod reference;
