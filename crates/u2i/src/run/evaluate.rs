use std::path::Path;

use u2i_datasets::Places;
use u2i_losses::LossConfig;
use u2i_models::ModelConfig;

use super::Job;
use crate::Error;
use crate::device::DeviceChoice;
use crate::pipeline::open_device;
use crate::progress::Progress;
use crate::report::Report;

/// Ranks the test targets of a finished run once more, and writes what came out in its folder again.
///
/// # Errors
///
/// If the folder does not hold a finished run, or its data is not what it was trained on.
pub fn evaluate(
    folder: &Path,
    places: &Places,
    device: DeviceChoice,
    progress: &mut dyn Progress,
) -> Result<Report, Error> {
    let device = open_device(device, progress)?;
    Job::new(folder, &device).places(places.clone()).evaluate::<ModelConfig, LossConfig>(progress)
}
