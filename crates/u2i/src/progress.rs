/// Follows a long job. Does nothing unless told otherwise.
pub trait Progress {
    /// Something worth a line.
    fn line(&mut self, _text: &str) {}
    /// A bar of `steps` begins.
    fn begin(&mut self, _label: &str, _steps: u64) {}
    /// A bar of `steps` begins, each of which is one of `unit`, a word in the plural: `bytes`, `events`. With 0 steps it is
    /// not known how many there are.
    fn begin_in(&mut self, label: &str, steps: u64, _unit: &'static str) {
        self.begin(label, steps);
    }
    /// So many steps are done.
    fn advance(&mut self, _done: u64, _note: &str) {}
    /// The bar is over.
    fn end(&mut self) {}
    /// Whether somebody wants the job to stop. Training keeps what it has reached first.
    fn stop_requested(&self) -> bool {
        false
    }
    /// A table is through, as text. Comes before the next one begins, so that whatever ends the job later takes no
    /// result along.
    fn table(&mut self, _text: &str) {}
}

impl Progress for () {}
