//! Files and folders that are written whole or not at all.
//!
//! A result is written under another name, synced and renamed into place, and then the folder that holds its name is
//! synced. A process that is killed, a full disk or a power cut leaves the old result or the new one. [`replace`] does so
//! for the bytes of a file, [`replace_with`] for a file that something else writes, [`FolderAside`] for a folder.
//! [`FileLock`] keeps a second process out.
//!
//! ```toml
//! u2i-disk = { git = "https://github.com/u2i-rs/u2i" }
//! ```
//!
//! # Testing what writes
//!
//! Each function that touches the disk takes a [`Step`] first. [`follow`] runs a job, returns its steps in order, and can
//! let one of them fail, so that a test goes through all failures of a disk without a broken disk:
//!
//! ```
//! use u2i_disk::{follow, replace};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::env::temp_dir().join(format!("u2i-disk-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! let path = folder.join("report.json");
//! replace(&path, b"old")?;
//! let (_, steps) = follow(None, || replace(&path, b"old"));
//! for failing in 0..steps.len() {
//!     let (result, steps) = follow(Some(failing), || replace(&path, b"new"));
//!     assert_eq!(result.unwrap_err().action, steps[failing].action);
//!     // Only the last step, which makes the new name last, comes after the rename.
//!     let wanted = if failing == 4 { "new" } else { "old" };
//!     assert_eq!(std::fs::read_to_string(&path)?, wanted);
//! }
//! # std::fs::remove_dir_all(folder)?;
//! # Ok(())
//! # }
//! ```
//!
//! # Examples
//!
//! ```
#![doc = include_str!("../examples/disk_alone.rs")]
//! ```

mod action;
mod error;
mod file;
mod folder;
mod hex;
mod lock;
mod step;

pub use action::Action;
pub use error::DiskError;
pub use file::{replace, replace_with, sync, write_new, write_new_with};
pub use folder::{FolderAside, folder_of, rename, sync_folder};
pub use hex::hex;
pub use lock::{FileLock, LockError};
pub use step::{Step, follow};
