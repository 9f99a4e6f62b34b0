use std::path::PathBuf;

use u2i::device::DeviceChoice;
use u2i_datasets::Places;

/// What to run.
#[derive(Debug, Clone)]
pub struct ClaimsOptions {
    /// Ids of claims; all of them if none is named.
    pub only: Vec<String>,
    /// Whether all data sets are replaced by a tiny one and all sizes are tiny: that shows that every experiment runs, and
    /// says nothing of the chapter.
    pub tiny: bool,
    /// Where to look for data sets.
    pub places: Places,
    /// Where tensors live.
    pub device: DeviceChoice,
    /// What is found goes to `out/<id>.json`, trained models' figures to `out/runs/`. What is there, of the same experiment,
    /// data, device and build, is not run again.
    pub out: PathBuf,
}
