//! Matrix products and functions of many numbers at once, of 32-bit floats on one thread of a CPU.
//!
//! ```toml
//! u2i-linalg = { git = "https://github.com/u2i-rs/u2i" }
//! pulp = { version = "0.22.3", default-features = false, features = ["std", "x86-v3", "x86-v4"] }
//! ```
//!
//! [`product`] multiplies matrices by [`gemm`](https://docs.rs/gemm), whose interface is unsafe, behind checked shapes, and
//! promises what recall needs of it: a number of the product has the same bits whatever other rows and columns are multiplied
//! with it. So a user who is served alone has the vector that he had in a batch, and an item its score in any list.
//!
//! [`exp`], [`gelu`] and [`dot`] are for code that [`pulp`](https://docs.rs/pulp) compiles for several kinds of processors.
//!
//! Both use AVX-512 or AVX2 with FMA where the processor has them, NEON on aarch64, and elsewhere what the compiler makes of
//! plain Rust. Results are the same bits on one kind of processor, and may differ in the last digits on another.
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/linalg_alone.rs")]
//! ```

mod functions;
mod product;

pub use functions::{dot, exp, gelu};
pub use product::{Matrix, add_product, product};
