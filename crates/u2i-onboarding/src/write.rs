//! The text of a config, each guess under its reason.

use std::path::{Path, PathBuf};

use serde::Serialize;
use u2i_features::{
    AttributeKind, AttributesConfig, ColumnKind, DataConfig, FileFormat, Incomplete, ReadLimits,
    SequencesLayout, TablesConfig, TimeUnit,
};
use u2i_schema::Side;

use crate::plan::{Feature, Plan};
use crate::times::unit_name;

/// A value of the config that was guessed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Guess {
    /// Key in the config.
    pub key: String,
    /// Its value, as written there.
    pub value: String,
    /// Why it has this value, in a sentence.
    pub reason: String,
}

/// A TOML file while it is written.
#[derive(Default)]
pub(crate) struct Writer {
    pub text: String,
    pub guesses: Vec<Guess>,
    section: String,
}

/// Comments are broken before they get longer.
const WIDTH: usize = 110;

impl Writer {
    pub(crate) fn comment(&mut self, text: &str) {
        self.comment_behind("", text);
    }

    fn comment_behind(&mut self, indent: &str, text: &str) {
        let mut line = format!("{indent}#");
        for word in text.split_whitespace() {
            if line.chars().count() + 1 + word.chars().count() > WIDTH {
                self.text += &format!("{line}\n");
                line = format!("{indent}#");
            }
            line += &format!(" {word}");
        }
        self.text += &format!("{line}\n");
    }

    pub(crate) fn blank(&mut self) {
        self.text.push('\n');
    }

    pub(crate) fn section(&mut self, name: &str) {
        self.section = name.to_owned();
        self.text += &format!("\n[{name}]\n");
    }

    pub(crate) fn line(&mut self, key: &str, value: &str) {
        self.text += &format!("{key} = {value}\n");
    }

    /// A value under the reason for it.
    pub(crate) fn guessed(&mut self, key: &str, value: &str, reason: &str) {
        self.comment(reason);
        self.line(key, value);
        self.guess(key, value, reason);
    }

    pub(crate) fn guess(&mut self, key: &str, value: &str, reason: &str) {
        let key = if self.section.is_empty() { key.to_owned() } else { format!("{}.{key}", self.section) };
        self.guesses.push(Guess { key, value: value.to_owned(), reason: reason.to_owned() });
    }

    fn reasoned(&mut self, key: &str, value: &str, reason: Option<&str>) {
        match reason {
            Some(reason) => self.guessed(key, value, reason),
            None => self.line(key, value),
        }
    }
}

/// Text as TOML writes it.
pub(crate) fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// A path as a config in `folder` names it: relative below the folder, else absolute.
pub(crate) fn relative(path: &Path, folder: &Path) -> PathBuf {
    let whole = |path: &Path| {
        std::fs::canonicalize(path).or_else(|_| std::path::absolute(path)).unwrap_or(path.to_owned())
    };
    let (path, folder) = (whole(path), whole(folder));
    path.strip_prefix(&folder).map(Path::to_owned).unwrap_or(path)
}

/// The section `[data]`. `file` says how a path is written, `rejects` why some rows may be unusable.
pub(crate) fn data(
    writer: &mut Writer,
    plan: &Plan,
    file: &dyn Fn(&Path) -> String,
    max_reject_ratio: f64,
    rejects: &str,
) {
    let reason = |key: &str| plan.reason(key);
    let (name, limits) = match &plan.data {
        DataConfig::Ml1m(config) | DataConfig::Ml10m(config) | DataConfig::Ml100k(config) => {
            let section = match &plan.data {
                DataConfig::Ml1m(_) => "data.files.ml_1m",
                DataConfig::Ml10m(_) => "data.files.ml_10m",
                _ => "data.files.ml_100k",
            };
            writer.section(section);
            writer.reasoned("dir", &file(&config.dir), reason("dir"));
            (section, config.limits)
        }
        DataConfig::Sequences(config) => {
            writer.section("data.files.sequences");
            writer.reasoned("file", &file(&config.file), reason("file"));
            if config.layout == SequencesLayout::Adjacency {
                writer.line("layout", "\"adjacency\"");
            }
            writer.line("encoding", &quoted(&config.encoding.label()));
            ("data.files.sequences", config.limits)
        }
        DataConfig::Logs(_) => unreachable!("no plan guesses kinds of events"),
        DataConfig::Tables(config) => {
            tables(writer, plan, config, file);
            ("data.files.tables", config.limits)
        }
    };
    let ReadLimits { max_line_bytes, .. } = limits;
    writer.section(&format!("{name}.limits"));
    writer.guessed("max_reject_ratio", &decimal(max_reject_ratio), rejects);
    writer.line("max_line_bytes", &max_line_bytes.to_string());
}

fn tables(writer: &mut Writer, plan: &Plan, config: &TablesConfig, file: &dyn Fn(&Path) -> String) {
    let events = &config.events;
    if config.whole_number_ids {
        writer.section("data.files.tables");
        writer.reasoned("whole_number_ids", "true", plan.reason("whole_number_ids"));
    }
    writer.section("data.files.tables.events");
    writer.line("file", &file(&events.file));
    writer.reasoned("format", &format(&events.format), plan.reason("events.format"));
    writer.reasoned("user", &quoted(&events.user), plan.reason("events.user"));
    writer.reasoned("item", &quoted(&events.item), plan.reason("events.item"));
    if let Some(time) = &events.time {
        let time = format!("{{ column = {}, unit = {} }}", quoted(&time.column), unit(&time.unit));
        writer.reasoned("time", &time, plan.reason("events.time"));
    }
    for (key, without) in [("without_user", events.without_user), ("without_item", events.without_item)] {
        if without == Incomplete::LeftOut {
            writer.line(key, "\"left_out\"");
        }
    }
    for (name, attributes) in [("users", &config.users), ("items", &config.items)] {
        if let Some(attributes) = attributes {
            table(writer, plan, name, attributes, file);
        }
    }
}

fn unit(unit: &TimeUnit) -> String {
    match unit {
        TimeUnit::Strftime(pattern) => format!("{{ strftime = {} }}", quoted(pattern.as_str())),
        unit => quoted(unit_name(unit)),
    }
}

fn table(
    writer: &mut Writer,
    plan: &Plan,
    name: &str,
    config: &AttributesConfig,
    file: &dyn Fn(&Path) -> String,
) {
    writer.section(&format!("data.files.tables.{name}"));
    writer.line("file", &file(&config.file));
    writer.reasoned("format", &format(&config.format), plan.reason(&format!("{name}.format")));
    writer.reasoned("id", &quoted(&config.id), plan.reason(&format!("{name}.id")));
    if config.attributes.is_empty() {
        writer.line("attributes", "[]");
        return;
    }
    writer.text += "attributes = [\n";
    for attribute in &config.attributes {
        let kind = match &attribute.kind {
            AttributeKind::Text {} => "{ text = {} }".to_owned(),
            AttributeKind::Number {} => "{ number = {} }".to_owned(),
            AttributeKind::List { separator } => {
                format!("{{ list = {{ separator = {} }} }}", quoted(&separator.to_string()))
            }
        };
        let column = attribute
            .column
            .as_ref()
            .map_or(String::new(), |column| format!("column = {}, ", quoted(column)));
        if let Some(reason) = plan.reason(&format!("{name}.attributes.{}", attribute.name)) {
            writer.comment_behind("    ", reason);
            writer.guess(&format!("attributes.{}", attribute.name), &kind, reason);
        }
        writer.text += &format!("    {{ name = {}, {column}kind = {kind} }},\n", quoted(&attribute.name));
    }
    writer.text += "]\n";
}

/// One `[[features.column]]`.
pub(crate) fn feature(writer: &mut Writer, feature: &Feature) {
    let kind = match &feature.kind {
        ColumnKind::Categorical { min_count } => format!("{{ categorical = {{ min_count = {min_count} }} }}"),
        ColumnKind::Hashed { buckets } => format!("{{ hashed = {{ buckets = {buckets} }} }}"),
        ColumnKind::MultiCategorical { min_count } => {
            format!("{{ multi_categorical = {{ min_count = {min_count} }} }}")
        }
        ColumnKind::BucketizedQuantiles { buckets } => {
            format!("{{ bucketized_quantiles = {{ buckets = {buckets} }} }}")
        }
        ColumnKind::BucketizedEdges { edges } => format!("{{ bucketized_edges = {{ edges = {edges:?} }} }}"),
        ColumnKind::Standardized {} => "{ standardized = {} }".to_owned(),
        ColumnKind::Log { scale } => format!("{{ log = {{ scale = {} }} }}", decimal(*scale)),
        ColumnKind::Sequence { length, min_count } => {
            format!("{{ sequence = {{ length = {length}, min_count = {min_count} }} }}")
        }
        ColumnKind::Cyclic { period } => format!("{{ cyclic = {{ period = {} }} }}", decimal(*period)),
    };
    writer.blank();
    writer.comment(&feature.reason);
    writer.text += "[[features.column]]\n";
    writer.line("name", &quoted(&feature.name));
    let side = match feature.side {
        Side::User => "user",
        Side::Item => "item",
        Side::Request => "request",
    };
    writer.line("side", &quoted(side));
    if let Some(source) = &feature.source {
        writer.line("source", &quoted(source));
    }
    writer.line("kind", &kind);
    let key = format!("features.column.{}", feature.name);
    writer.guesses.push(Guess { key, value: kind, reason: feature.reason.clone() });
}

/// A number as TOML writes one with a fraction.
pub(crate) fn decimal(number: f64) -> String {
    format!("{number:?}")
}

/// A format on one line.
fn format(format: &FileFormat) -> String {
    let mut text = String::new();
    let written = format.serialize(toml::ser::ValueSerializer::new(&mut text)).map(drop);
    written.expect("formats hold text and numbers");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_written_on_one_line() {
        use u2i_features::Encoding;
        use u2i_features::formats::{Csv, Parquet, Tsv};
        let encoding = Encoding::Utf8;
        let cases: [(FileFormat, &str); 4] = [
            (Csv::new(';', encoding).into(), r#"{ csv = { separator = ";", encoding = "utf-8" } }"#),
            (Csv::new('\t', encoding).into(), r#"{ csv = { separator = "\t", encoding = "utf-8" } }"#),
            (Tsv { encoding: Encoding::Latin1 }.into(), r#"{ tsv = { encoding = "latin-1" } }"#),
            (Parquet {}.into(), "{ parquet = {} }"),
        ];
        for (own, wanted) in cases {
            assert_eq!(format(&own), wanted);
        }
    }

    #[test]
    fn comments_are_broken_between_words() {
        let mut writer = Writer::default();
        writer.comment(&"word ".repeat(40));
        assert!(
            writer.text.lines().all(|line| line.starts_with("# word") && line.len() <= WIDTH),
            "{}",
            writer.text
        );
        assert_eq!(writer.text.matches("word").count(), 40);
    }

    #[test]
    fn text_is_written_as_toml_reads_it() {
        for text in ["plain", "a\tb", "\"quoted\"", "back\\slash", "it's", "é\n"] {
            let table: toml::Table = format!("key = {}", quoted(text)).parse().unwrap();
            assert_eq!(table["key"].as_str(), Some(text));
        }
    }

    #[test]
    fn paths_below_the_config_are_relative_and_others_absolute() {
        let folder = tempfile::tempdir().unwrap();
        let root = std::fs::canonicalize(folder.path()).unwrap();
        std::fs::create_dir(root.join("configs")).unwrap();
        std::fs::write(root.join("a.csv"), "").unwrap();
        assert_eq!(relative(&root.join("a.csv"), &root), Path::new("a.csv"));
        assert_eq!(relative(&root.join("configs/../a.csv"), &root), Path::new("a.csv"));
        assert_eq!(relative(&root.join("a.csv"), &root.join("configs")), root.join("a.csv"));
    }
}
