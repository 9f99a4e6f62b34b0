"""One small table in files of the real writers: scripts/writers.py FOLDER

`crates/u2i-features/tests/it/writers.rs` has the table as it should be read, written by hand. Each file holds as many of
its columns as its writer has types for; `files.json` lists both. What a writer refuses to write is printed.
"""

import datetime as dt
import decimal
import glob
import json
import os
import shutil
import sys
import uuid

FOLDER = sys.argv[1]
LISTED = []
UTC = dt.timezone.utc
NAN = float("nan")
DECIMAL = decimal.Decimal

MOMENTS = [
    dt.datetime(2000, 12, 31, 22, 12, 40, 123456),
    dt.datetime(1970, 1, 1),
    dt.datetime(2020, 2, 29, 12),
    dt.datetime(2038, 1, 19, 3, 14, 8),
]
TABLE = {
    "id": ["0", "1", "2", "3"],
    "name": ["Käse", "日本語", None, "a b"],
    "i8": [-128, 127, 0, 5],
    "u8": [0, 255, 7, 5],
    "i16": [-32768, 32767, 0, 5],
    "u16": [0, 65535, 7, 5],
    "i32": [-2147483648, 2147483647, 0, 5],
    "u32": [0, 4294967295, 7, 5],
    "i64": [-9223372036854775808, 9223372036854775807, 0, 5],
    "u64": [0, 18446744073709551615, 7, 5],
    "gaps": [7, 9007199254740993, None, 1],
    "f32": [0.5, -1.5, NAN, 2.0],
    "f64": [0.1, NAN, None, 1e300],
    "price": [DECIMAL("1.50"), DECIMAL("-0.01"), None, DECIMAL("999.99")],
    "whole": [DECIMAL("12345678901234567890123456789012345678"), DECIMAL("-1"), None, DECIMAL("7")],
    "flag": [True, False, None, True],
    "kind": ["tea", "milk", None, "tea"],
    "blob": [b"ab", "é".encode(), None, b""],
    "key": [uuid.UUID("123e4567-e89b-12d3-a456-426614174000"), uuid.UUID(int=0), None, uuid.UUID(int=1)],
    "words": [["a", "b c"], [], None, ["ü"]],
    "codes": [[1, 2], [], None, [-3]],
    "geo": [{"city": "Oslo", "lat": 59.9}, {"city": None, "lat": 1.5}, None, {"city": "Ü", "lat": -1.0}],
    "day": [moment.date() for moment in MOMENTS],
    "ts_s": [moment.replace(microsecond=0) for moment in MOMENTS],
    "ts_ms": [moment.replace(microsecond=moment.microsecond // 1000 * 1000) for moment in MOMENTS],
    "ts_us": MOMENTS,
    "ts_ns": MOMENTS,
    "ts_utc": [moment.replace(tzinfo=UTC) for moment in MOMENTS],
    "ts_berlin": [moment.replace(tzinfo=UTC) for moment in MOMENTS],
}
TIMES = ["day", "ts_s", "ts_ms", "ts_us", "ts_ns", "ts_utc", "ts_berlin"]


def write(name, columns, writer, kind="parquet"):
    """Has a file written, and lists it."""
    path = os.path.join(FOLDER, name)
    try:
        writer(path)
    except Exception as error:
        print(f"writers: {name}: {type(error).__name__}: {error}".splitlines()[0])
        return
    LISTED.append({"file": name, "format": kind, "columns": list(columns)})


def of_pyarrow():
    import pyarrow as pa

    types = {
        "id": pa.string(), "name": pa.string(), "i8": pa.int8(), "u8": pa.uint8(), "i16": pa.int16(),
        "u16": pa.uint16(), "i32": pa.int32(), "u32": pa.uint32(), "i64": pa.int64(), "u64": pa.uint64(),
        "gaps": pa.int64(), "f32": pa.float32(), "f64": pa.float64(), "price": pa.decimal128(10, 2),
        "whole": pa.decimal128(38, 0), "flag": pa.bool_(), "kind": pa.dictionary(pa.int8(), pa.string()),
        "blob": pa.binary(), "words": pa.list_(pa.string()), "codes": pa.large_list(pa.int16()),
        "geo": pa.struct([("city", pa.string()), ("lat", pa.float64())]), "day": pa.date32(),
        "ts_s": pa.timestamp("s"), "ts_ms": pa.timestamp("ms"), "ts_us": pa.timestamp("us"),
        "ts_ns": pa.timestamp("ns"), "ts_utc": pa.timestamp("us", "UTC"),
        "ts_berlin": pa.timestamp("ms", "Europe/Berlin"),
    }
    arrays = {}
    for name, kind in types.items():
        values = TABLE["ts_ms"] if name == "ts_berlin" else TABLE[name]
        if name == "ts_berlin":
            values = [value.replace(tzinfo=UTC) for value in values]
        arrays[name] = pa.array(values, kind)
    keys = [None if key is None else key.bytes for key in TABLE["key"]]
    arrays["key"] = pa.array(keys, pa.binary(16)).cast(pa.uuid()) if hasattr(pa, "uuid") else None
    return pa.table({name: array for name, array in arrays.items() if array is not None})


def pyarrow_files():
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.ipc
    import pyarrow.parquet as pq

    table = of_pyarrow()
    names = table.column_names
    floats = ["f32", "f64"]
    plain = [name for name in names if name not in floats]
    variants = {
        "default": {},
        "version-1.0": {"version": "1.0"},
        "version-2.4": {"version": "2.4"},
        "version-2.6": {"version": "2.6"},
        "plain": {"use_dictionary": False},
        "int96": {"use_deprecated_int96_timestamps": True},
        "pages-2": {"data_page_version": "2.0"},
        "split": {"use_dictionary": plain, "use_byte_stream_split": floats},
        "delta": {
            "use_dictionary": False,
            "column_encoding": {
                "i32": "DELTA_BINARY_PACKED", "i64": "DELTA_BINARY_PACKED", "name": "DELTA_BYTE_ARRAY",
                "kind": "DELTA_LENGTH_BYTE_ARRAY",
            },
        },
        "no-schema": {"store_schema": False},
        "groups": {"row_group_size": 1},
        "small-pages": {"data_page_size": 1, "write_batch_size": 1},
        "old-lists": {"use_compliant_nested_type": False},
        "small-decimals": {"store_decimal_as_integer": True},
        "checked": {"write_page_checksum": True, "write_page_index": True},
    }
    variants |= {codec: {"compression": codec} for codec in ["none", "snappy", "gzip", "brotli", "zstd", "lz4"]}
    for name, options in variants.items():
        write(f"pyarrow-{name}.parquet", names, lambda path: pq.write_table(table, path, **options))
    views = table.set_column(names.index("name"), "name", table["name"].cast(pa.string_view()))
    views = views.set_column(names.index("blob"), "blob", views["blob"].cast(pa.large_binary()))
    write("pyarrow-views.parquet", names, lambda path: pq.write_table(views, path))
    for codec in ["uncompressed", "lz4", "zstd"]:
        feather = lambda path: pyarrow.feather.write_feather(table, path, compression=codec)
        write(f"pyarrow-{codec}.feather", names, feather, "arrow")
    write("pyarrow-views.feather", names, lambda path: pyarrow.feather.write_feather(views, path), "arrow")

    def stream(path):
        with pyarrow.ipc.new_stream(path, table.schema) as writer:
            for batch in table.to_batches(max_chunksize=2):
                writer.write(batch)

    write("pyarrow.arrows", names, stream, "arrow")


def of_pandas():
    import pandas as pd

    frame = pd.DataFrame({name: pd.Series(TABLE[name], dtype=object) for name in ["id", "name", "flag"]})
    for name in ["i8", "u8", "i16", "u16", "i32", "u32", "i64", "u64"]:
        frame[name] = pd.Series(TABLE[name], dtype={"i": "int", "u": "uint"}[name[0]] + name[1:])
    frame["gaps"] = pd.Series(TABLE["gaps"], dtype="Int64")
    frame["flag"] = pd.Series(TABLE["flag"], dtype="boolean")
    frame["f32"] = pd.Series(TABLE["f32"], dtype="float32")
    frame["f64"] = pd.Series(TABLE["f64"], dtype="float64")
    frame["kind"] = pd.Series(TABLE["kind"], dtype="category")
    frame["blob"] = pd.Series(TABLE["blob"], dtype=object)
    for unit in ["s", "ms", "us", "ns"]:
        frame[f"ts_{unit}"] = pd.Series(TABLE[f"ts_{unit}"]).astype(f"datetime64[{unit}]")
    frame["ts_utc"] = pd.Series(TABLE["ts_utc"]).astype("datetime64[us, UTC]")
    frame["ts_berlin"] = frame["ts_utc"].dt.tz_convert("Europe/Berlin")
    return frame


def pandas_files():
    import pandas as pd

    frame = of_pandas()
    # fastparquet writes seconds that it marks as milliseconds; so says pyarrow, too.
    without = frame.drop(columns="ts_s")
    write("pandas-fastparquet.parquet", without.columns, lambda path: without.to_parquet(path, engine="fastparquet"))
    for codec in ["gzip", "zstd", "brotli", "lz4"]:
        fast = lambda path: without.to_parquet(path, engine="fastparquet", compression=codec)
        write(f"pandas-fastparquet-{codec}.parquet", without.columns, fast)
    for name in ["price", "whole", "words", "codes", "geo", "day"]:
        frame[name] = pd.Series(TABLE[name], dtype=object)
    write("pandas-pyarrow.parquet", frame.columns, lambda path: frame.to_parquet(path, engine="pyarrow"))
    indexed = frame.set_index("id")
    write("pandas-index.parquet", frame.columns, lambda path: indexed.to_parquet(path, engine="pyarrow"))
    write("pandas.feather", frame.columns, lambda path: frame.to_feather(path), "arrow")
    arrow = frame.convert_dtypes(dtype_backend="pyarrow")
    write("pandas-arrow-types.parquet", arrow.columns, lambda path: arrow.to_parquet(path, engine="pyarrow"))


def polars_files():
    import polars as pl

    types = {
        "id": pl.String, "name": pl.String, "i8": pl.Int8, "u8": pl.UInt8, "i16": pl.Int16, "u16": pl.UInt16,
        "i32": pl.Int32, "u32": pl.UInt32, "i64": pl.Int64, "u64": pl.UInt64, "gaps": pl.Int64,
        "f32": pl.Float32, "f64": pl.Float64, "price": pl.Decimal(10, 2), "whole": pl.Decimal(38, 0),
        "flag": pl.Boolean, "kind": pl.Categorical, "blob": pl.Binary, "words": pl.List(pl.String),
        "codes": pl.List(pl.Int16), "geo": pl.Struct({"city": pl.String, "lat": pl.Float64}), "day": pl.Date,
        "ts_ms": pl.Datetime("ms"), "ts_us": pl.Datetime("us"), "ts_ns": pl.Datetime("ns"),
        "ts_utc": pl.Datetime("us", "UTC"), "ts_berlin": pl.Datetime("us", "UTC"),
    }
    frame = pl.DataFrame({name: pl.Series(name, TABLE[name], dtype=kind) for name, kind in types.items()})
    frame = frame.with_columns(pl.col("ts_berlin").dt.convert_time_zone("Europe/Berlin"))
    for codec in ["uncompressed", "snappy", "gzip", "brotli", "zstd", "lz4"]:
        parquet = lambda path: frame.write_parquet(path, compression=codec)
        write(f"polars-{codec}.parquet", frame.columns, parquet)
    enum = frame.with_columns(pl.col("kind").cast(pl.String).cast(pl.Enum(["milk", "tea"])))
    write("polars-enum.parquet", enum.columns, lambda path: enum.write_parquet(path, row_group_size=2))
    for codec in ["uncompressed", "lz4", "zstd"]:
        ipc = lambda path: enum.write_ipc(path, compression=codec)
        write(f"polars-{codec}.arrow", enum.columns, ipc, "arrow")
    write("polars-categorical.arrow", frame.columns, lambda path: frame.write_ipc(path), "arrow")
    write("polars.arrows", frame.columns, lambda path: frame.write_ipc_stream(path), "arrow")


def duckdb_files():
    import duckdb

    table = of_pyarrow()
    casts = {
        "i8": "TINYINT", "u8": "UTINYINT", "u64": "UBIGINT", "kind": "ENUM('milk', 'tea')", "key": "UUID",
        "ts_s": "TIMESTAMP_S", "ts_ms": "TIMESTAMP_MS", "ts_ns": "TIMESTAMP_NS", "ts_utc": "TIMESTAMPTZ",
    }
    base = table.drop_columns(["key"])
    connection = duckdb.connect()
    connection.execute("SET TimeZone = 'UTC'")
    connection.register("base", base)
    chosen = ", ".join(f"{name}::{casts[name]} AS {name}" if name in casts else name for name in base.column_names)
    keys = " ".join(f"WHEN '{i}' THEN '{key}'" for i, key in enumerate(TABLE["key"]) if key)
    names = base.column_names + ["key"]
    query = f"SELECT {chosen}, (CASE id {keys} END)::UUID AS key FROM base ORDER BY id"
    variants = {"default": "", "v2": ", PARQUET_VERSION V2", "groups": ", ROW_GROUP_SIZE 2"}
    variants |= {codec: f", COMPRESSION {codec}" for codec in ["uncompressed", "gzip", "zstd", "brotli", "lz4_raw"]}
    for name, options in variants.items():
        copy = lambda path: connection.execute(f"COPY ({query}) TO '{path}' (FORMAT parquet{options})")
        write(f"duckdb-{name}.parquet", names, copy)


def spark_session():
    """A session, or None and the reason: a machine may have a Java that Spark does not start with."""
    if not shutil.which("java"):
        return None, "there is no java"
    from pyspark.sql import SparkSession

    try:
        builder = SparkSession.builder.master("local[1]")
        for key, value in {
            "spark.ui.enabled": "false",
            "spark.sql.session.timeZone": "UTC",
            "spark.driver.host": "127.0.0.1",
            "spark.driver.bindAddress": "127.0.0.1",
        }.items():
            builder = builder.config(key, value)
        return builder.getOrCreate(), None
    except Exception as error:
        return None, f"it does not start: {str(error).splitlines()[0]}"


def spark_files(spark):
    from pyspark.sql import types as t

    spark.sparkContext.setLogLevel("ERROR")
    types = {
        "id": t.StringType(), "name": t.StringType(), "i8": t.ByteType(), "i16": t.ShortType(),
        "i32": t.IntegerType(), "i64": t.LongType(), "gaps": t.LongType(), "f32": t.FloatType(),
        "f64": t.DoubleType(), "price": t.DecimalType(10, 2), "whole": t.DecimalType(38, 0),
        "flag": t.BooleanType(), "kind": t.StringType(), "blob": t.BinaryType(),
        "words": t.ArrayType(t.StringType()), "codes": t.ArrayType(t.ShortType()),
        "geo": t.StructType([t.StructField("city", t.StringType()), t.StructField("lat", t.DoubleType())]),
        "day": t.DateType(), "ts_us": t.TimestampNTZType(), "ts_utc": t.TimestampType(),
    }
    schema = t.StructType([t.StructField(name, kind) for name, kind in types.items()])
    rows = [tuple(TABLE[name][row] for name in types) for row in range(4)]
    frame = spark.createDataFrame(rows, schema).coalesce(1)
    variants = {
        "default": {},
        "int96": {"spark.sql.parquet.outputTimestampType": "INT96"},
        "micros": {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS"},
        "millis": {"spark.sql.parquet.outputTimestampType": "TIMESTAMP_MILLIS"},
        "legacy": {"spark.sql.parquet.writeLegacyFormat": "true"},
    }
    variants |= {codec: {"spark.sql.parquet.compression.codec": codec} for codec in ["none", "gzip", "zstd", "lz4", "lz4_raw"]}

    def parquet(path, options):
        before = {key: spark.conf.get(key) for key in options}
        for key, value in options.items():
            spark.conf.set(key, value)
        folder = path + ".parts"
        frame.write.parquet(folder)
        (part,) = glob.glob(os.path.join(folder, "part-*.parquet"))
        shutil.move(part, path)
        shutil.rmtree(folder)
        for key, value in before.items():
            spark.conf.set(key, value)

    for name, options in variants.items():
        write(f"spark-{name}.parquet", types, lambda path: parquet(path, options))
    spark.stop()


def main():
    os.makedirs(FOLDER, exist_ok=True)
    pyarrow_files()
    pandas_files()
    polars_files()
    duckdb_files()
    spark, reason = spark_session()
    if spark:
        spark_files(spark)
    else:
        print(f"writers: UNCHECKED: files of Spark: {reason}")
    with open(os.path.join(FOLDER, "files.json"), "w") as file:
        json.dump(LISTED, file, indent=1)
    print(f"writers: {len(LISTED)} files")


main()
