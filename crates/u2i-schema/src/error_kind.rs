/// What kind of fault an error is. Every error type of the crates that read, train and serve has a `kind()`.
///
/// A program acts on the kind, a person on the message. The command line has an exit code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// A check failed: what was measured is not what was promised.
    Check,
    /// A config, or arguments, that cannot be.
    Usage,
    /// Data that cannot be used.
    Data,
    /// A file, the network or the disk.
    Files,
    /// A file is not what was written.
    Integrity,
    /// Parts that do not belong together, or a format that this version does not read.
    Mixture,
    /// NaN or infinity.
    NotFinite,
    /// A device that is not there.
    Device,
    /// Another process works in the folder.
    Busy,
    /// Somebody asked to stop, and what was reached is kept.
    Stopped,
}
