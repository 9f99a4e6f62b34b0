use std::path::PathBuf;

use clap::Args;
use u2i::Error;
use u2i::bundle::{Manifest, Seen, verify};
use u2i::table::grid;

use crate::output::Output;
use crate::terminal::Terminal;

/// Check a bundle and show what it is: parts, sizes, hashes, the model, where it comes from, what was measured.
///
/// Example: `u2i inspect bundle`
#[derive(Args)]
pub struct Arguments {
    /// The bundle.
    bundle: PathBuf,
}

impl Arguments {
    pub fn run(self, output: Output, terminal: &mut Terminal<'_>) -> Result<(), Error> {
        print(&verify(&self.bundle)?, output, terminal);
        Ok(())
    }
}

pub fn print(manifest: &Manifest, output: Output, terminal: &Terminal<'_>) {
    match output {
        Output::Json => terminal.print_json(manifest),
        Output::Text => terminal.print(text(manifest).trim_end()),
    }
}

fn text(manifest: &Manifest) -> String {
    let Manifest { format, seal, sizes, index, metrics, provenance, parts, .. } = manifest;
    let mut text = format!(
        "{} of {} users, {} events, {} items ({} ranked, {} dimensions, {} weights)\nbundle format {format}, seal {seal}\n",
        manifest.model_name().unwrap_or("a model"),
        sizes.users,
        sizes.events,
        sizes.items,
        sizes.items_ranked,
        sizes.dim,
        sizes.weights
    );
    text += &match index {
        None => "no index: searches are exact\n".to_owned(),
        Some(index) => format!(
            "index {}: recall@{} {:.4} (at least {}), {:.0} µs a search, exact search {:.0} µs\n",
            index.measured.kind,
            index.measured.k,
            index.measured.recall,
            index.min_recall,
            index.measured.p50_us,
            index.exact.p50_us
        ),
    };
    if manifest.seen == Seen::Kept {
        text += "seen items are kept, as in the evaluation\n";
    }
    let mut rows = vec![["part", "bytes", "shape", "SHA-256"].map(str::to_owned).to_vec()];
    for (part, entry) in parts {
        let [a, b] = entry.shape;
        let shape = format!("{a} x {b}");
        rows.push(vec![part.file_name().to_owned(), entry.bytes.to_string(), shape, entry.sha256.clone()]);
    }
    text += &format!("\n{}", grid(&rows));
    for (title, values) in [("measured", &metrics["metrics"]), ("from", provenance)] {
        text += &format!("\n{title}\n");
        for (key, value) in values.as_object().into_iter().flatten() {
            let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            text += &format!("  {key}: {value}\n");
        }
    }
    text
}
