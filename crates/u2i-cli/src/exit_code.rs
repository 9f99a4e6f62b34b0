//! The process's exit codes, the same for every command.

use u2i::{Error, ErrorKind};

/// A guard or a check failed.
pub const CHECK: u8 = 1;
/// Config or usage.
pub const USAGE: u8 = 2;
/// Data.
pub const DATA: u8 = 3;
/// Files, network, disk.
pub const FILES: u8 = 4;
/// A file is not what was written.
pub const INTEGRITY: u8 = 5;
/// Parts that do not belong together, or a newer format.
pub const MIXTURE: u8 = 6;
/// NaN or infinity.
pub const NOT_FINITE: u8 = 7;
/// No such device.
pub const DEVICE: u8 = 8;
/// Another process works in the folder.
pub const BUSY: u8 = 75;
/// Interrupted (SIGINT), after what was reached is kept.
pub const INTERRUPTED: u8 = 130;
/// Terminated (SIGTERM), after what was reached is kept.
pub const TERMINATED: u8 = 143;

/// What a command that ends with this error returns to the shell. Who asked to stop is not in the error: a stop is taken
/// for one by SIGINT.
pub fn of(error: &Error) -> u8 {
    match error.kind() {
        ErrorKind::Check => CHECK,
        ErrorKind::Usage => USAGE,
        ErrorKind::Data => DATA,
        ErrorKind::Files => FILES,
        ErrorKind::Integrity => INTEGRITY,
        ErrorKind::Mixture => MIXTURE,
        ErrorKind::NotFinite => NOT_FINITE,
        ErrorKind::Device => DEVICE,
        ErrorKind::Busy => BUSY,
        ErrorKind::Stopped => INTERRUPTED,
    }
}
