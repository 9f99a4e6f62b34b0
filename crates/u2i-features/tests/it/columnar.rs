//! What becomes of the types of Parquet and of Arrow, in files that other libraries write, or that are broken.

use std::path::Path;
use std::sync::Arc;

use ::parquet::data_type::*;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::parser::parse_message_type;
use polars_arrow::array::*;
use polars_arrow::bitmap::Bitmap;
use polars_arrow::datatypes::{
    ArrowDataType, ArrowSchema, ExtensionType, Field, IntegerType, TimeUnit as Unit,
};
use polars_arrow::io::ipc::write::{Compression, FileWriter, StreamWriter, WriteOptions};
use polars_arrow::record_batch::RecordBatchT;
use u2i_features::formats::Arrow;
use u2i_schema::ErrorKind;

use crate::*;

/// What one column of a Parquet file stores.
enum Values {
    Bool(Vec<bool>),
    I32(Vec<i32>),
    I64(Vec<i64>),
    I96(Vec<[u32; 3]>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    Bytes(Vec<&'static [u8]>),
    Fixed(Vec<Vec<u8>>),
}

use Values::*;

/// The columns of a row group: values, definition levels and repetition levels.
type Group = Vec<(Values, Option<Vec<i16>>, Option<Vec<i16>>)>;

/// A column in which each row has a value.
fn full(values: Values) -> (Values, Option<Vec<i16>>, Option<Vec<i16>>) {
    (values, None, None)
}

/// A column in which a row has a value where the level is `most`.
fn levels(values: Values, levels: &[i16]) -> (Values, Option<Vec<i16>>, Option<Vec<i16>>) {
    (values, Some(levels.to_vec()), None)
}

/// A Parquet file with the fields of a message and a column `id` before them, of text `0`, `1`, …, in row groups of
/// `rows` rows each.
fn write_parquet(path: &Path, fields: &str, rows: &[usize], groups: Vec<Group>) {
    let message = format!("message rows {{ required binary id (UTF8); {fields} }}");
    let schema = Arc::new(parse_message_type(&message).unwrap());
    let file = std::fs::File::create(path).unwrap();
    let mut writer = SerializedFileWriter::new(file, schema, Arc::new(WriterProperties::default())).unwrap();
    let mut first = 0;
    for (&n_rows, columns) in rows.iter().zip(groups) {
        let ids: Vec<&'static [u8]> =
            (first..first + n_rows).map(|row| &*row.to_string().into_bytes().leak()).collect();
        first += n_rows;
        let mut group = writer.next_row_group().unwrap();
        for (values, definition, repetition) in [full(Bytes(ids))].into_iter().chain(columns) {
            let mut column = group.next_column().unwrap().expect("a column for each field");
            let (definition, repetition) = (definition.as_deref(), repetition.as_deref());
            macro_rules! write {
                ($kind:ty, $values:expr) => {
                    column.typed::<$kind>().write_batch($values, definition, repetition).map(drop).unwrap()
                };
            }
            match values {
                Bool(values) => write!(BoolType, &values),
                I32(values) => write!(Int32Type, &values),
                I64(values) => write!(Int64Type, &values),
                I96(values) => {
                    let of = |[low, high, day]: [u32; 3]| {
                        let mut value = Int96::new();
                        value.set_data(low, high, day);
                        value
                    };
                    write!(Int96Type, &values.into_iter().map(of).collect::<Vec<_>>())
                }
                F32(values) => write!(FloatType, &values),
                F64(values) => write!(DoubleType, &values),
                Bytes(values) => {
                    write!(ByteArrayType, &values.into_iter().map(ByteArray::from).collect::<Vec<_>>())
                }
                Fixed(values) => {
                    let of = |value: Vec<u8>| FixedLenByteArray::from(ByteArray::from(value));
                    write!(FixedLenByteArrayType, &values.into_iter().map(of).collect::<Vec<_>>())
                }
            }
            column.close().unwrap();
        }
        assert!(group.next_column().unwrap().is_none(), "a field for each column");
        group.close().unwrap();
    }
    writer.close().unwrap();
}

/// A folder with a Parquet file `items` of one row group of `n` rows.
fn items(fields: &str, n: usize, columns: Group) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write_parquet(&dir.path().join("items"), fields, &[n], vec![columns]);
    dir
}

/// Attributes of the items 0, 1, … of the file `items` in a folder.
fn attributes(
    dir: &Path,
    format: impl Into<FileFormat>,
    wanted: &[(&str, AttributeKind)],
) -> Result<RawData, FeatureError> {
    let format = format.into();
    let profile = profile_table(&dir.join("items"), &format, ReadLimits::STRICT.max_line_bytes)?;
    let rows = (0..profile.n_rows).map(|row| format!("u,{row},{row}\n"));
    std::fs::write(dir.join("events"), "who,what,when\n".to_owned() + &rows.collect::<String>()).unwrap();
    let attribute = |(name, kind): &(&str, AttributeKind)| AttributeConfig {
        name: (*name).into(),
        column: None,
        kind: kind.clone(),
    };
    let attributes = wanted.iter().map(attribute).collect();
    let items = AttributesConfig { file: "items".into(), format, id: "id".into(), attributes };
    let limits = ReadLimits { max_reject_ratio: 0.9, ..ReadLimits::STRICT };
    read_tables(&TablesConfig { items: Some(items), ..events_csv(Encoding::Utf8, limits) }, dir)
}

const TEXT: AttributeKind = AttributeKind::Text {};
const NUMBER: AttributeKind = AttributeKind::Number {};
const LIST: AttributeKind = AttributeKind::List { separator: '|' };

fn texts(dir: &Path, name: &str) -> Vec<Option<String>> {
    let raw = attributes(dir, Parquet {}, &[(name, TEXT)]).unwrap();
    text_column(&raw.items, name).into_iter().map(|text| text.map(str::to_owned)).collect()
}

fn some(texts: &[&str]) -> Vec<Option<String>> {
    texts.iter().map(|text| Some((*text).to_owned())).collect()
}

/// The message that a column cannot be read with.
fn refusal(dir: &Path, format: impl Into<FileFormat>, name: &str, kind: AttributeKind) -> String {
    let error = attributes(dir, format, &[(name, kind)]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Data, "{error}");
    error.to_string()
}

#[test]
fn integers_of_every_width_are_exact() {
    let fields = "required int32 a (INTEGER(8,true)); required int32 b (INTEGER(8,false));
        required int32 c (INTEGER(16,true)); required int32 d (INTEGER(16,false));
        required int32 e; required int32 f (INTEGER(32,false));
        required int64 g; required int64 h (INTEGER(64,false));";
    let dir = items(
        fields,
        2,
        vec![
            full(I32(vec![-128, 127])),
            full(I32(vec![0, 255])),
            full(I32(vec![-32_768, 32_767])),
            full(I32(vec![0, 65_535])),
            full(I32(vec![i32::MIN, i32::MAX])),
            full(I32(vec![0, -1])),
            full(I64(vec![i64::MIN, i64::MAX])),
            full(I64(vec![0, -1])),
        ],
    );
    let cases = [
        ("a", ["-128", "127"]),
        ("b", ["0", "255"]),
        ("c", ["-32768", "32767"]),
        ("d", ["0", "65535"]),
        ("e", ["-2147483648", "2147483647"]),
        ("f", ["0", "4294967295"]),
        ("g", ["-9223372036854775808", "9223372036854775807"]),
        ("h", ["0", "18446744073709551615"]),
    ];
    for (name, wanted) in cases {
        assert_eq!(texts(dir.path(), name), some(&wanted), "{name}");
    }
}

fn big_endian(number: i128, n: usize) -> Vec<u8> {
    let sign = if number < 0 { 0xff } else { 0 };
    let bytes = number.to_be_bytes();
    if n > 16 { [vec![sign; n - 16], bytes.to_vec()].concat() } else { bytes[16 - n..].to_vec() }
}

#[test]
fn decimals_without_a_fraction_are_exact_integers_and_others_are_numbers() {
    let widest = 99_999_999_999_999_999_999_999_999_999_999_999_999i128;
    let fields = "required int32 small (DECIMAL(9,0)); required int64 mid (DECIMAL(18,0));
        required fixed_len_byte_array(16) snow (DECIMAL(38,0)); required fixed_len_byte_array(9) id (DECIMAL(20,0));
        required fixed_len_byte_array(24) wide (DECIMAL(50,0)); required binary var (DECIMAL(10,0));
        required int64 price (DECIMAL(12,2)); required fixed_len_byte_array(16) long (DECIMAL(38,30));"
        .replace(" id ", " key ");
    let dir = items(
        &fields,
        2,
        vec![
            full(I32(vec![-7, 999_999_999])),
            full(I64(vec![-7, 999_999_999_999_999_999])),
            full(Fixed(vec![big_endian(-widest, 16), big_endian(widest, 16)])),
            full(Fixed(vec![big_endian(0, 9), big_endian(18_446_744_073_709_551_615, 9)])),
            full(Fixed(vec![big_endian(-5, 24), big_endian(widest, 24)])),
            full(Bytes(vec![b"\xff", b"\x01\x00"])),
            full(I64(vec![-150, 1_999])),
            full(Fixed(vec![big_endian(1, 16), big_endian(widest, 16)])),
        ],
    );
    let cases = [
        ("small", ["-7", "999999999"]),
        ("mid", ["-7", "999999999999999999"]),
        ("snow", ["-99999999999999999999999999999999999999", "99999999999999999999999999999999999999"]),
        ("key", ["0", "18446744073709551615"]),
        ("wide", ["-5", "99999999999999999999999999999999999999"]),
        ("var", ["-1", "256"]),
    ];
    for (name, wanted) in cases {
        assert_eq!(texts(dir.path(), name), some(&wanted), "{name}");
    }
    let raw = attributes(dir.path(), Parquet {}, &[("price", NUMBER), ("long", NUMBER)]).unwrap();
    assert_eq!(number_column(&raw.items, "price"), [-1.5, 19.99]);
    assert_eq!(number_column(&raw.items, "long"), [1e-30, 1e8]);
    let message = refusal(dir.path(), Parquet {}, "price", TEXT);
    assert!(
        message.contains("column `price` (key data.tables.items.attributes) is of type f64"),
        "{message}"
    );
}

#[test]
fn booleans_are_the_words_true_and_false() {
    let dir = items("optional boolean new;", 3, vec![levels(Bool(vec![true, false]), &[1, 0, 1])]);
    assert_eq!(texts(dir.path(), "new"), [Some("true".to_owned()), None, Some("false".to_owned())]);
}

#[test]
fn nan_is_a_missing_number_and_an_infinity_is_a_reject() {
    let fields =
        "optional double wide; required float narrow; required fixed_len_byte_array(2) half (FLOAT16);";
    let half = |bits: u16| bits.to_le_bytes().to_vec();
    let columns = vec![
        levels(F64(vec![f64::NAN, 1.5, f64::INFINITY]), &[1, 1, 0, 1]),
        full(F32(vec![0.1, f32::NAN, 2.0, 3.0])),
        full(Fixed(vec![half(0x3c00), half(0x7e00), half(0xc000), half(0x3800)])),
    ];
    let dir = items(fields, 4, columns);
    let raw = attributes(dir.path(), Parquet {}, &[("wide", NUMBER), ("narrow", NUMBER), ("half", NUMBER)])
        .unwrap();
    let missing = |number: f64| number.is_nan().then_some(()).ok_or(number);
    let all = |name: &str| number_column(&raw.items, name).into_iter().map(missing).collect::<Vec<_>>();
    // The row of the infinity is no row.
    assert_eq!(all("wide"), [Ok(()), Err(1.5), Ok(()), Ok(())]);
    assert_eq!(all("narrow"), [Err(f64::from(0.1f32)), Ok(()), Err(2.0), Ok(())]);
    assert_eq!(all("half"), [Err(1.0), Ok(()), Err(-2.0), Ok(())]);
    let [reject] = raw.files[1].rejects.as_slice() else { panic!("{:?}", raw.files[1].rejects) };
    assert_eq!((reject.line, reject.column.as_str()), (4, "wide"));
    let profile =
        profile_table(&dir.path().join("items"), &Parquet {}.into(), 100.try_into().unwrap()).unwrap();
    let found: Vec<(usize, usize)> =
        profile.columns[1..].iter().map(|column| (column.n_missing, column.n_numbers)).collect();
    assert_eq!(found, [(2, 1), (1, 3), (1, 3)]);
}

#[test]
fn bytes_that_are_utf_8_throughout_are_text_and_others_are_refused() {
    let fields = "required binary name; required binary raw; required fixed_len_byte_array(2) land;
        required binary doc (JSON); required binary kind (ENUM);";
    let columns = vec![
        full(Bytes(vec!["Käse".as_bytes(), b"tea"])),
        full(Bytes(vec![b"ok", b"\xff\xfe"])),
        full(Fixed(vec![b"DE".to_vec(), b"FR".to_vec()])),
        full(Bytes(vec![b"{\"a\": 1}", b"[]"])),
        full(Bytes(vec![b"view", b"buy"])),
    ];
    let dir = items(fields, 2, columns);
    assert_eq!(texts(dir.path(), "name"), some(&["Käse", "tea"]));
    assert_eq!(texts(dir.path(), "land"), some(&["DE", "FR"]));
    assert_eq!(texts(dir.path(), "doc"), some(&["{\"a\": 1}", "[]"]));
    assert_eq!(texts(dir.path(), "kind"), some(&["view", "buy"]));
    let message = refusal(dir.path(), Parquet {}, "raw", TEXT);
    assert!(message.contains("column `raw`") && message.contains("binary that is not UTF-8"), "{message}");
}

/// `init` looks through every column, and one that it cannot use must not keep it from the others.
#[test]
fn a_column_that_turns_out_not_to_be_text_is_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("items");
    let groups = vec![vec![full(Bytes(vec![b"ok"]))], vec![full(Bytes(vec![b"\xff"]))]];
    write_parquet(&path, "required binary raw;", &[1, 1], groups);
    let profile = profile_table(&path, &Parquet {}.into(), 100.try_into().unwrap()).unwrap();
    assert_eq!(profile.columns[0].stored, Stored::Text);
    assert_eq!(profile.columns[1].stored, Stored::Other("binary that is not UTF-8".into()));
    assert_eq!(profile.columns[1].n_missing, 2);
}

#[test]
fn uuids_are_written_as_people_write_them() {
    let bytes = 0x123e_4567_e89b_12d3_a456_4266_1417_4000u128.to_be_bytes().to_vec();
    let columns = vec![levels(Fixed(vec![bytes, vec![0; 16]]), &[1, 0, 1])];
    let dir = items("optional fixed_len_byte_array(16) key (UUID);", 3, columns);
    let wanted = ["123e4567-e89b-12d3-a456-426614174000", "00000000-0000-0000-0000-000000000000"];
    assert_eq!(texts(dir.path(), "key"), [Some(wanted[0].to_owned()), None, Some(wanted[1].to_owned())]);
}

#[test]
fn fields_of_structs_are_columns_by_their_path() {
    let fields =
        "optional group geo { optional binary city (UTF8); required group at { optional double lat; }
        optional group tags (LIST) { repeated group list { optional binary element (UTF8); } } }";
    let columns = vec![
        levels(Bytes(vec![b"Oslo"]), &[2, 1, 0]),
        levels(F64(vec![59.9, 1.5]), &[2, 2, 0]),
        (Bytes(vec![b"a", b"b"]), Some(vec![4, 4, 2, 0]), Some(vec![0, 1, 0, 0])),
    ];
    let dir = items(fields, 3, columns);
    assert_eq!(texts(dir.path(), "geo.city"), [Some("Oslo".to_owned()), None, None]);
    let raw = attributes(dir.path(), Parquet {}, &[("geo.at.lat", NUMBER), ("geo.tags", LIST)]).unwrap();
    let lat = number_column(&raw.items, "geo.at.lat");
    assert!(lat[..2] == [59.9, 1.5] && lat[2].is_nan(), "{lat:?}");
    assert_eq!(list_column(&raw.items, "geo.tags"), [vec!["a", "b"], vec![], vec![]]);
    let message = refusal(dir.path(), Parquet {}, "geo", TEXT);
    assert!(message.contains("there is no column `geo`") && message.contains("geo.at.lat"), "{message}");
}

#[test]
fn lists_of_text_and_integers_are_lists_and_those_of_numbers_are_refused() {
    let list = |name: &str, kind: &str| {
        format!("optional group {name} (LIST) {{ repeated group list {{ optional {kind}; }} }} ")
    };
    let fields = list("words", "binary element (UTF8)")
        + &list("codes", "int32 element (INTEGER(8,false))")
        + "repeated int64 plain; optional group old (LIST) { repeated binary array (UTF8); }
            optional group hive (LIST) { repeated group bag { optional binary array_element (UTF8); } }"
        + &list("vector", "float element")
        + &list("whens", "int64 element (TIMESTAMP(MILLIS,true))");
    // Rows: two entries; none of them; an empty one; missing.
    let definition = Some(vec![3, 3, 2, 1, 0]);
    let repetition = Some(vec![0, 1, 0, 0, 0]);
    let columns = vec![
        (Bytes(vec![b"a", b"b c"]), definition.clone(), repetition.clone()),
        (I32(vec![255, 0]), definition.clone(), repetition.clone()),
        (I64(vec![1, -2]), Some(vec![1, 1, 0, 0, 0]), repetition.clone()),
        (Bytes(vec![b"x", b"y"]), Some(vec![2, 2, 1, 1, 0]), repetition.clone()),
        (Bytes(vec![b"x", b"y"]), definition.clone(), repetition.clone()),
        (F32(vec![0.5, 1.5]), definition.clone(), repetition.clone()),
        (I64(vec![1, 2]), definition, repetition),
    ];
    let dir = items(&fields, 4, columns);
    let wanted: [(&str, [&str; 2]); 5] = [
        ("words", ["a", "b c"]),
        ("codes", ["255", "0"]),
        ("plain", ["1", "-2"]),
        ("old", ["x", "y"]),
        ("hive", ["x", "y"]),
    ];
    for (name, entries) in wanted {
        let raw = attributes(dir.path(), Parquet {}, &[(name, LIST)]).unwrap();
        assert_eq!(list_column(&raw.items, name), [entries.to_vec(), vec![], vec![], vec![]], "{name}");
    }
    for (name, type_name) in [("vector", "list<float32>"), ("whens", "list<timestamp[ms]>")] {
        let message = refusal(dir.path(), Parquet {}, name, LIST);
        assert!(message.contains(&format!("column `{name}`")) && message.contains(type_name), "{message}");
    }
}

#[test]
fn types_of_no_use_are_passed_over_and_refused_by_name() {
    let fields = "required int32 noon (TIME(MILLIS,true)); required int64 late (TIME(MICROS,false));
        required fixed_len_byte_array(12) span (INTERVAL);
        optional group map (MAP) { repeated group key_value { required binary key (UTF8); optional int32 value; } }
        optional group pairs (LIST) { repeated group list { optional group element { required int32 a; required int32 b; } } }
        required int32 used;";
    let columns = vec![
        full(I32(vec![1])),
        full(I64(vec![1])),
        full(Fixed(vec![vec![0; 12]])),
        (Bytes(vec![b"k"]), Some(vec![2]), Some(vec![0])),
        (I32(vec![7]), Some(vec![3]), Some(vec![0])),
        (I32(vec![1]), Some(vec![3]), Some(vec![0])),
        (I32(vec![2]), Some(vec![3]), Some(vec![0])),
        full(I32(vec![5])),
    ];
    let dir = items(fields, 1, columns);
    assert_eq!(texts(dir.path(), "used"), some(&["5"]));
    let cases = [
        ("noon", "time of day"),
        ("late", "time of day"),
        ("span", "interval"),
        ("map", "map"),
        ("pairs", "list<struct<a: int32, b: int32>>"),
    ];
    for (name, type_name) in cases {
        let message = refusal(dir.path(), Parquet {}, name, TEXT);
        let wanted =
            format!("column `{name}` (key data.tables.items.attributes) is of type {type_name}, expected");
        assert!(message.contains(&wanted), "{message}");
    }
}

#[test]
fn a_column_of_the_type_of_nothing_is_missing_whatever_it_is_read_for() {
    let columns = vec![levels(I32(vec![]), &[0, 0])];
    let dir = items("optional int32 none (UNKNOWN);", 2, columns);
    assert_eq!(texts(dir.path(), "none"), [None, None]);
    let raw = attributes(dir.path(), Parquet {}, &[("none", LIST)]).unwrap();
    assert_eq!(list_column(&raw.items, "none"), [Vec::<String>::new(), vec![]]);
}

/// Events of a Parquet file whose column `when` is a time; `who` and `what` are the row.
fn event_times(field: &str, values: Values) -> RawData {
    let dir = tempfile::tempdir().unwrap();
    let n = match &values {
        I32(values) => values.len(),
        I64(values) => values.len(),
        I96(values) => values.len(),
        _ => unreachable!("times are integers"),
    };
    write_parquet(&dir.path().join("events"), field, &[n], vec![vec![full(values)]]);
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = Parquet {}.into();
    (config.events.user, config.events.item) = ("id".into(), "id".into());
    config.events.time.as_mut().unwrap().unit = TimeUnit::Datetime;
    read_tables(&config, dir.path()).unwrap()
}

#[test]
fn timestamps_of_96_bits_are_times() {
    // 2000-12-31 is day 2,451,910 by Julius Scaliger; 22:12:40 is 79,960 s after midnight.
    let ns = 79_960_123_456_789u64;
    let values = I96(vec![[ns as u32, (ns >> 32) as u32, 2_451_910], [0, 0, 2_440_588]]);
    assert_eq!(event_times("required int96 when;", values).events.time_s, [978_300_760, 0]);
    // Before 1970, and so far from it that no count of nanoseconds reaches there.
    let values = I96(vec![[0, 0, 2_440_588], [0, 0, 2_440_587], [0, 0, 9_000_000], [0, 0, 2_440_589]]);
    let raw = event_times("required int96 when;", values);
    assert_eq!(raw.events.time_s, [0, 86_400]);
    assert_eq!(raw.files[0].rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [2, 3]);
}

#[test]
fn rows_are_numbered_through_all_row_groups() {
    let dir = tempfile::tempdir().unwrap();
    let groups = vec![
        vec![full(I64(vec![1, 2, -1]))],
        vec![full(I64(vec![]))],
        vec![full(I64(vec![-1, 5]))],
        vec![full(I64(vec![6]))],
    ];
    write_parquet(&dir.path().join("events"), "required int64 when;", &[3, 0, 2, 1], groups);
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = Parquet {}.into();
    (config.events.user, config.events.item) = ("id".into(), "id".into());
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(raw.user_ids, ["0", "1", "4", "5"]);
    assert_eq!(raw.events.time_s, [1, 2, 5, 6]);
    assert_eq!(raw.files[0].rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [3, 4]);
    assert_balanced(&raw.files);
}

#[test]
fn broken_and_foreign_files_are_refused_by_name() {
    let dir = items("required int32 n;", 2, vec![full(I32(vec![1, 2]))]);
    let path = dir.path().join("items");
    let whole = std::fs::read(&path).unwrap();
    let cases: [(&[u8], &str); 6] = [
        (b"", "the file is empty"),
        (b"PAR1", ""),
        (&whole[..whole.len() - 1], ""),
        (&whole[..whole.len() / 2], ""),
        (b"id,n\n0,1\n", "expected Parquet, which begins with PAR1 (key format)"),
        (b"PARE\x01\x02", "it is Parquet with an encrypted footer, which is not read; write it without"),
    ];
    for (bytes, wanted) in cases {
        std::fs::write(&path, bytes).unwrap();
        let message = refusal(dir.path(), Parquet {}, "n", TEXT);
        assert!(message.contains("items: ") && message.contains(wanted), "{message}");
    }
    // The footer is whole and the columns are not.
    let mut holed = whole.clone();
    holed[4..40].fill(0xff);
    std::fs::write(&path, holed).unwrap();
    assert!(refusal(dir.path(), Parquet {}, "n", TEXT).contains("items: "));
}

/// Columns of every type that Arrow has and Parquet may lack, of three rows; the last is missing.
fn arrow_columns() -> Vec<(Field, Box<dyn Array>)> {
    let there = || Some(Bitmap::from([true, true, false]));
    let column =
        |name: &str, array: Box<dyn Array>| (Field::new(name.into(), array.dtype().clone(), true), array);
    let text = |texts: [Option<&str>; 3]| Utf8ViewArray::from_slice(texts);
    let keys = PrimitiveArray::<u8>::from([Some(1), Some(0), None]);
    let categories = Utf8Array::<i32>::from_slice(["tea", "Käse"]);
    let kinds = ArrowDataType::Dictionary(IntegerType::UInt8, Box::new(ArrowDataType::Utf8), false);
    let offsets = |ends: [i32; 4]| polars_arrow::offset::OffsetsBuffer::try_from(ends.to_vec()).unwrap();
    let list = |values: Box<dyn Array>| {
        let dtype = ListArray::<i32>::default_datatype(values.dtype().clone());
        ListArray::<i32>::new(dtype, offsets([0, 2, 2, 2]), values, there()).boxed()
    };
    let fixed = |values: Box<dyn Array>| {
        let dtype = FixedSizeListArray::default_datatype(values.dtype().clone(), 2);
        FixedSizeListArray::new(dtype, 3, values, there()).boxed()
    };
    let geo = [("city", text([Some("Oslo"), None, Some("hidden")]).boxed())];
    let geo_fields = geo.iter().map(|(name, array)| Field::new((*name).into(), array.dtype().clone(), true));
    let geo_type = ArrowDataType::Struct(geo_fields.collect());
    let extension = |name: &str, inner: ArrowDataType| {
        ArrowDataType::Extension(Box::new(ExtensionType { name: name.into(), inner, metadata: None }))
    };
    let uuid = extension("arrow.uuid", ArrowDataType::FixedSizeBinary(16));
    let uuids = [0x123e_4567_e89b_12d3_a456_4266_1417_4000u128.to_be_bytes(), [0; 16], [0; 16]].concat();
    let seconds = |ticks: [i64; 3], dtype| PrimitiveArray::new(dtype, ticks.to_vec().into(), there()).boxed();
    vec![
        column("id", text([Some("0"), Some("1"), Some("2")]).boxed()),
        column("small", PrimitiveArray::<i8>::from([Some(-1), Some(7), None]).boxed()),
        column("unsigned", PrimitiveArray::<u64>::from([Some(u64::MAX), Some(7), None]).boxed()),
        column("flag", BooleanArray::from([Some(true), Some(false), None]).boxed()),
        column("old_text", Utf8Array::<i32>::from([Some("a"), Some("é"), None]).boxed()),
        column(
            "bytes",
            BinaryArray::<i64>::from([Some(b"a".as_slice()), Some("é".as_bytes()), None]).boxed(),
        ),
        column(
            "money",
            PrimitiveArray::new(ArrowDataType::Decimal(10, 2), vec![-150i128, 1_999, 0].into(), there())
                .boxed(),
        ),
        column("number", PrimitiveArray::<f32>::from([Some(0.5), Some(f32::NAN), None]).boxed()),
        column("kind", DictionaryArray::<u8>::try_new(kinds, keys, categories.boxed()).unwrap().boxed()),
        column("words", list(Utf8Array::<i64>::from_slice(["a", "b"]).boxed())),
        column("codes", fixed(PrimitiveArray::<i16>::from_slice([1, 2, 3, 4, 5, 6]).boxed())),
        column("vector", fixed(PrimitiveArray::<f32>::from_slice([1., 2., 3., 4., 5., 6.]).boxed())),
        column(
            "geo",
            StructArray::new(geo_type, 3, geo.into_iter().map(|(_, array)| array).collect(), there()).boxed(),
        ),
        column("none", NullArray::new(ArrowDataType::Null, 3).boxed()),
        column("key", FixedSizeBinaryArray::new(uuid, uuids.into(), there()).boxed()),
        column("span", seconds([1, 2, 0], ArrowDataType::Duration(Unit::Second))),
        column("month", seconds([1, 2, 0], extension("pandas.period", ArrowDataType::Int64))),
    ]
}

fn batch(columns: &[(Field, Box<dyn Array>)]) -> (Arc<ArrowSchema>, RecordBatchT<Box<dyn Array>>) {
    let schema: ArrowSchema = columns.iter().map(|(field, _)| (field.name.clone(), field.clone())).collect();
    let schema = Arc::new(schema);
    let arrays: Vec<_> = columns.iter().map(|(_, array)| array.clone()).collect();
    (schema.clone(), RecordBatchT::new(columns[0].1.len(), schema, arrays))
}

fn arrow_file(
    columns: &[(Field, Box<dyn Array>)],
    n_batches: usize,
    compression: Option<Compression>,
) -> Vec<u8> {
    let (schema, batch) = batch(columns);
    let mut writer = FileWriter::new(Vec::new(), schema, None, WriteOptions { compression });
    writer.start().unwrap();
    (0..n_batches).for_each(|_| writer.write(&batch, None).unwrap());
    writer.finish().unwrap();
    writer.into_inner()
}

fn arrow_stream(columns: &[(Field, Box<dyn Array>)], is_finished: bool) -> Vec<u8> {
    let (schema, batch) = batch(columns);
    let mut writer = StreamWriter::new(Vec::new(), WriteOptions { compression: None });
    writer.start(&schema, None).unwrap();
    writer.write(&batch, None).unwrap();
    if is_finished {
        writer.finish().unwrap();
    }
    writer.into_inner()
}

fn check_arrow(bytes: &[u8]) {
    let dir = folder(&[("items", bytes)]);
    let word = |text: &str| Some(text.to_owned());
    let wanted = [
        ("small", [word("-1"), word("7"), None]),
        ("unsigned", [word("18446744073709551615"), word("7"), None]),
        ("flag", [word("true"), word("false"), None]),
        ("old_text", [word("a"), word("é"), None]),
        ("bytes", [word("a"), word("é"), None]),
        ("kind", [word("Käse"), word("tea"), None]),
        ("geo.city", [word("Oslo"), None, None]),
        ("none", [None, None, None]),
        (
            "key",
            [
                word("123e4567-e89b-12d3-a456-426614174000"),
                word("00000000-0000-0000-0000-000000000000"),
                None,
            ],
        ),
    ];
    let kinds: Vec<_> = wanted.iter().map(|(name, _)| (*name, TEXT)).collect();
    let others = [("words", LIST), ("codes", LIST), ("money", NUMBER), ("number", NUMBER)];
    let raw = attributes(dir.path(), Arrow {}, &[kinds, others.to_vec()].concat()).unwrap();
    for (name, wanted) in wanted {
        let found: Vec<_> =
            text_column(&raw.items, name).into_iter().map(|text| text.map(str::to_owned)).collect();
        assert_eq!(found, wanted, "{name}");
    }
    assert_eq!(list_column(&raw.items, "words"), [vec!["a", "b"], vec![], vec![]]);
    assert_eq!(list_column(&raw.items, "codes"), [vec!["1", "2"], vec!["3", "4"], vec![]]);
    let [money, number] = ["money", "number"].map(|name| number_column(&raw.items, name));
    assert!(money[..2] == [-1.5, 19.99] && money[2].is_nan(), "{money:?}");
    assert!(number[0] == 0.5 && number[1].is_nan() && number[2].is_nan(), "{number:?}");
    for (name, type_name) in
        [("vector", "fixed_size_list<float32>[2]"), ("span", "duration[s]"), ("month", "pandas.period")]
    {
        let message = refusal(dir.path(), Arrow {}, name, TEXT);
        assert!(message.contains(&format!("is of type {type_name}")), "{message}");
    }
    let found =
        Formats::built_in().recognise(&FileBeginning::read(&dir.path().join("items")).unwrap()).unwrap();
    assert_eq!(found.format, Arrow {}.into());
}

#[test]
fn arrow_files_and_streams_are_tables() {
    let columns = arrow_columns();
    check_arrow(&arrow_file(&columns, 1, None));
    check_arrow(&arrow_file(&columns, 1, Some(Compression::LZ4)));
    check_arrow(&arrow_file(&columns, 1, Some(Compression::ZSTD(Default::default()))));
    check_arrow(&arrow_stream(&columns, true));
}

#[test]
fn rows_are_numbered_through_all_batches() {
    let text = |texts: [&str; 2]| Utf8ViewArray::from_slice_values(texts).boxed();
    let column =
        |name: &str, array: Box<dyn Array>| (Field::new(name.into(), array.dtype().clone(), true), array);
    let when = PrimitiveArray::<i64>::from([Some(5), None]).boxed();
    let columns = [column("who", text(["a", "b"])), column("what", text(["x", "y"])), column("when", when)];
    let dir = folder(&[("events", &arrow_file(&columns, 2, None))]);
    let mut config = events_csv(Encoding::Utf8, lenient());
    config.events.format = Arrow {}.into();
    let raw = read_tables(&config, dir.path()).unwrap();
    assert_eq!(raw.events.time_s, [5, 5]);
    assert_eq!(raw.files[0].rejects.iter().map(|reject| reject.line).collect::<Vec<_>>(), [2, 4]);
}

/// pandas writes -1 where a category is missing.
#[test]
fn the_key_of_a_missing_cell_may_be_none() {
    let column =
        |name: &str, array: Box<dyn Array>| (Field::new(name.into(), array.dtype().clone(), true), array);
    let ids = ["0", "1", "2", "3"];
    let words: Vec<String> = (0..120).map(|number| format!("word {number}")).collect();
    let keys = PrimitiveArray::<i8>::from([Some(101), Some(103), Some(102), None]);
    let kinds = ArrowDataType::Dictionary(IntegerType::Int8, Box::new(ArrowDataType::Utf8), false);
    let words = Utf8Array::<i32>::from_slice(words).boxed();
    let kind = DictionaryArray::<i8>::try_new(kinds, keys, words).unwrap().boxed();
    let columns = [column("id", Utf8ViewArray::from_slice_values(ids).boxed()), column("kind", kind)];
    for (there, wanted) in [(101u8, Ok("word 101")), (0xff, Err("the key -1 of a dictionary"))] {
        let mut file = arrow_file(&columns, 1, None);
        let at = file.windows(4).position(|bytes| bytes == [101, 103, 102, 0]).unwrap();
        file[at] = there;
        file[at + 3] = 0xff;
        let dir = folder(&[("items", &file)]);
        match (attributes(dir.path(), Arrow {}, &[("kind", TEXT)]), wanted) {
            (Ok(raw), Ok(wanted)) => {
                let wanted = [Some(wanted), Some("word 103"), Some("word 102"), None];
                assert_eq!(text_column(&raw.items, "kind"), wanted);
            }
            (Err(error), Err(wanted)) => assert!(error.to_string().contains(wanted), "{error}"),
            (found, wanted) => panic!("expected {wanted:?}, found {:?}", found.map(|raw| raw.items)),
        }
    }
}

#[test]
fn broken_arrow_files_are_refused_by_name() {
    let columns = arrow_columns();
    let (file, stream) = (arrow_file(&columns, 1, None), arrow_stream(&columns, true));
    let cases: [(&[u8], &str); 6] = [
        (&file[..file.len() - 20], ""),
        (b"ARROW1\0\0", ""),
        (&arrow_stream(&columns, false), "the stream has no end: it was cut off"),
        (&stream[..stream.len() / 2], ""),
        (b"id,n\n", "expected an Arrow file, which begins with ARROW1 (key format)"),
        (b"FEA1\0\0\0\0", "Feather of version 1, which is not read"),
    ];
    for (bytes, wanted) in cases {
        let dir = folder(&[("items", bytes)]);
        let message = refusal(dir.path(), Arrow {}, "small", TEXT);
        assert!(message.contains("items: ") && message.contains(wanted), "{message}");
    }
}
