/// An adapter of the graphics API that this machine has: a GPU, or a driver that does its work on the CPU.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Adapter {
    /// Discrete, integrated or virtual GPU, or software.
    pub kind: AdapterKind,
    /// Its place among those of its kind.
    pub index: usize,
}

/// What an [`Adapter`] is, in the order in which they are numbered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum AdapterKind {
    /// A card of its own.
    Discrete,
    /// A part of the processor.
    Integrated,
    /// A GPU that a hypervisor passes on.
    Virtual,
    /// A driver that does its work on the CPU: for tests, slower than the `cpu` device. `auto` never takes it.
    Software,
}

impl AdapterKind {
    /// In words.
    pub fn words(self) -> &'static str {
        match self {
            AdapterKind::Discrete => "discrete GPU",
            AdapterKind::Integrated => "integrated GPU",
            AdapterKind::Virtual => "virtual GPU",
            AdapterKind::Software => "software driver",
        }
    }
}
