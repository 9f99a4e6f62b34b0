/// Something that is done to a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Make a file.
    Create,
    /// Fill a file.
    Write,
    /// Make the contents of a file last.
    Sync,
    /// Give a file or folder its final name.
    Rename,
    /// Make the names in a folder last.
    SyncFolder,
}

impl Action {
    /// The verb that follows "cannot" in a message: `write`, `sync` or `rename`.
    pub fn verb(self) -> &'static str {
        match self {
            Action::Create | Action::Write => "write",
            Action::Sync | Action::SyncFolder => "sync",
            Action::Rename => "rename",
        }
    }
}
