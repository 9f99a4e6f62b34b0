use std::num::NonZeroUsize;

use burn::tensor::Device;

/// A device to train on, and how it likes to be worked with.
///
/// A device as such is taken for a CPU. On a GPU that gives the same model, slowly: it is waited for after each step,
/// and its kernels that add to rows one after another take the place of those that add to all at once.
///
/// ```
/// # use u2i_train::TrainDevice;
/// # use u2i_train::burn::tensor::Device;
/// let cpu = TrainDevice::from(&Device::flex());
/// assert_eq!((cpu.read_every.get(), cpu.is_gpu), (1, false));
/// assert!(cpu.batches_ahead <= TrainDevice::BATCHES_AHEAD);
/// ```
#[derive(Debug, Clone)]
pub struct TrainDevice {
    /// The device, without autodiff.
    pub device: Device,
    /// Whether it runs thousands of threads on what it was sent some time ago. Then rows of tables are updated by
    /// kernels that need each row once and take all at a time, what can be told apart there is not sent, and
    /// gradients of a row that occurs often are added in a tree.
    pub is_gpu: bool,
    /// Steps between two readings of their losses. A reading waits until the device has done all it was sent, so in
    /// between the batches of later steps are made and sent while earlier ones run.
    pub read_every: NonZeroUsize,
    /// Batches that another thread makes on the host, at most so many ahead; 0 makes each when it is its turn, on the
    /// thread that trains. Results do not depend on it.
    pub batches_ahead: usize,
}

impl TrainDevice {
    /// Steps between two readings on a GPU.
    pub const GPU_READ_EVERY: NonZeroUsize = NonZeroUsize::new(16).unwrap();

    /// Batches that are made ahead on a GPU, and on a CPU where rayon has more than two threads. Two are as busy with the
    /// operators of a step, so that a third would only take turns with them.
    pub const BATCHES_AHEAD: usize = 2;

    /// A GPU, whose losses are read every [`GPU_READ_EVERY`](Self::GPU_READ_EVERY) steps.
    pub fn gpu(device: Device) -> Self {
        TrainDevice {
            device,
            is_gpu: true,
            read_every: Self::GPU_READ_EVERY,
            batches_ahead: Self::BATCHES_AHEAD,
        }
    }
}

/// Takes it for a CPU, whose losses cost nothing to read.
impl From<&Device> for TrainDevice {
    fn from(device: &Device) -> Self {
        TrainDevice {
            device: device.clone(),
            is_gpu: false,
            read_every: NonZeroUsize::MIN,
            batches_ahead: if rayon::current_num_threads() > 2 { Self::BATCHES_AHEAD } else { 0 },
        }
    }
}

impl From<&TrainDevice> for TrainDevice {
    fn from(device: &TrainDevice) -> Self {
        device.clone()
    }
}
