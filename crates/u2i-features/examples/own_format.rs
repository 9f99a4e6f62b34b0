//! A format of one's own: text in columns of fixed width, read as the built-in ones are.

use std::path::Path;

use u2i_features::{
    Cells, EventsConfig, FeatureError, FileFormat, FilePart, Formats, Incomplete, OtherFormat, ReadLimits,
    Reject, RowFormat, RowSource, TablesConfig, TimeConfig, TimeUnit, content_hash,
};

/// Text whose columns have the same width on every line.
#[derive(Debug)]
struct FixedWidth {
    /// Name and bytes of each column.
    columns: Vec<(&'static str, usize)>,
}

impl RowFormat for FixedWidth {
    fn name(&self) -> &str {
        "fixed_width"
    }

    fn open(&self, path: &Path, _limits: &ReadLimits) -> Result<Box<dyn RowSource>, FeatureError> {
        let io = |source| FeatureError::Io { path: path.to_owned(), source };
        let names = self.columns.iter().map(|(name, _)| (*name).to_owned()).collect();
        let widths = self.columns.iter().map(|(_, width)| *width).collect();
        let text = std::fs::read_to_string(path).map_err(io)?;
        let hash = content_hash(text.as_bytes());
        Ok(Box::new(Rows { names, widths, text: Some(text), hash }))
    }
}

/// A file of it, which is one part.
struct Rows {
    names: Vec<String>,
    widths: Vec<usize>,
    text: Option<String>,
    hash: [u8; 32],
}

impl RowSource for Rows {
    fn columns(&self) -> &[String] {
        &self.names
    }

    fn next_part(&mut self) -> Result<Option<FilePart>, FeatureError> {
        let Some(text) = self.text.take() else { return Ok(None) };
        let (mut cells, mut lines, mut rejects) =
            (vec![Vec::new(); self.widths.len()], Vec::new(), Vec::new());
        let wanted: usize = self.widths.iter().sum();
        for (line, row) in (1..).zip(text.lines()) {
            if !row.is_ascii() || row.len() != wanted {
                let reason = format!("expected {wanted} letters of ASCII, found {:?}", row.trim_end());
                rejects.push(Reject { line, column: String::new(), reason });
                continue;
            }
            let mut rest = row;
            for (column, &width) in cells.iter_mut().zip(&self.widths) {
                let (cell, behind) = rest.split_at(width);
                column.push(Some(cell.trim().to_owned()));
                rest = behind;
            }
            lines.push(line);
        }
        Ok(Some(FilePart::new(cells.into_iter().map(Cells::text).collect(), lines).with_rejects(rejects)))
    }

    fn finish(self: Box<Self>) -> [u8; 32] {
        self.hash
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::temp_dir().join(format!("u2i-own-format-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    std::fs::write(folder.join("plays"), "ann 007  978300760\nbob 7\nann 7    978300800\n")?;

    // What an experiment file says as `format = { other = { name = "fixed_width" } }`.
    let format = FileFormat::Other(OtherFormat { name: "fixed_width".into() });
    let config = TablesConfig {
        events: EventsConfig {
            file: "plays".into(),
            format,
            user: "listener".into(),
            item: "track".into(),
            time: Some(TimeConfig { column: "played_at".into(), unit: TimeUnit::Seconds }),
            request: vec![],
            without_user: Incomplete::Rejected,
            without_item: Incomplete::Rejected,
            without_time: Incomplete::Rejected,
        },
        users: None,
        items: None,
        whole_number_ids: false,
        sequences: vec![],
        missing: None,
        limits: ReadLimits { max_reject_ratio: 0.5, ..ReadLimits::STRICT },
    };
    let columns = vec![("listener", 4), ("track", 5), ("played_at", 9)];
    let formats = Formats::built_in().with(FixedWidth { columns });
    let raw = formats.read_tables(&config, &folder)?;
    std::fs::remove_dir_all(&folder)?;

    // Ids are exact text, and the short row is a reject with its line.
    assert_eq!(
        (raw.user_ids, raw.item_ids),
        (vec!["ann".to_owned()], vec!["007".to_owned(), "7".to_owned()])
    );
    assert_eq!(raw.events.time_s, [978_300_760, 978_300_800]);
    let file = &raw.files[0];
    assert_eq!((file.read, file.kept, file.rejects[0].line), (3, 2, 2));
    // Of the name and the content of the file, whatever its format.
    assert_eq!(&raw.hash[..8], "6fac7a5d");
    Ok(())
}
