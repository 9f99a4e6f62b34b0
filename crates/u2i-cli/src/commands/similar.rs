use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use u2i::Error;
use u2i::bundle::Recommender;

use super::recommend::{json_items, text_items};
use super::shared::ServingDevice;
use crate::output::Output;
use crate::terminal::Terminal;

/// Show the items whose vectors are nearest to that of an item, by cosine.
///
/// Example: `u2i similar bundle --item 50`
#[derive(Args)]
pub struct Arguments {
    /// The bundle.
    bundle: PathBuf,
    /// Raw id of the item.
    #[arg(long, value_name = "ID")]
    item: String,
    /// How many.
    #[arg(long, default_value = "10")]
    k: NonZeroUsize,
    #[command(flatten)]
    device: ServingDevice,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        let device = self.device.device.open()?;
        let recommender = Recommender::open(&self.bundle, &device.device)?;
        let items = recommender.similar(&self.item, self.k)?;
        match output {
            Output::Json => terminal.print_json(&json_items(&items)),
            Output::Text => terminal.print(&text_items(&items)),
        }
        Ok(())
    }
}
