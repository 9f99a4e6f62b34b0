#!/usr/bin/env python3
"""Reads a bundle with the programs that others would use, and compares what they see.

    check_bundle.py FOLDER

FOLDER holds `bundle/` and `answers.json`, as the example `write_for_peers` of u2i-bundle writes them. Needs numpy,
faiss-cpu, safetensors and pyarrow; `scripts/peers.sh` installs them. Ends with 1 at the first difference.
"""

import hashlib
import json
import os
import pathlib
import re
import sys

import faiss
import numpy
import pyarrow.parquet as parquet
from safetensors import safe_open

DOC = pathlib.Path(__file__).resolve().parent.parent / "docs" / "bundle.md"


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def check(holds, what):
    if not holds:
        sys.exit(f"check_bundle: {what}")


def hashes(bundle, manifest):
    raw = (bundle / "manifest.json").read_bytes()
    check(sha256(raw[:-68]) == manifest["manifest_sha256"], "the manifest's own SHA-256 differs")
    for name, part in manifest["parts"].items():
        data = (bundle / name).read_bytes()
        check((sha256(data), len(data)) == (part["sha256"], part["bytes"]), f"{name} differs")


def seals(bundle, manifest):
    stamps = {}
    for path in bundle.glob("*.parquet"):
        stamps[path.name] = parquet.read_metadata(path).metadata[b"u2i.seal"].decode()
    with safe_open(bundle / "weights.safetensors", "numpy") as weights:
        stamps["weights.safetensors"] = weights.metadata()["u2i.seal"]
        shapes = [weights.get_tensor(name).shape for name in weights.keys()]
        numbers = sum(int(numpy.prod(shape)) for shape in shapes)
    trailer = (bundle / "item_vectors.npy").read_bytes()[-89:]
    check(trailer.startswith(b"u2i-npy\n"), "item_vectors.npy has no trailer")
    stamps["item_vectors.npy"] = trailer[8:].decode()
    for name, stamp in stamps.items():
        seal, digits = stamp.split("-")
        check(seal == manifest["seal"], f"{name} carries the seal of another bundle")
        check(digits == sha256((name + seal).encode())[:16], f"{name} carries a damaged seal")
    check(set(stamps) == set(manifest["parts"]) - {"index.faiss"}, f"seals of {sorted(stamps)}")
    check([len(shapes), numbers] == manifest["parts"]["weights.safetensors"]["shape"], "other weights")


def tables(bundle, manifest):
    sizes = manifest["sizes"]
    table = {path.stem: parquet.read_table(path).to_pydict() for path in bundle.glob("*.parquet")}
    for name, columns in table.items():
        rows = len(next(iter(columns.values())))
        check([rows, len(columns)] == manifest["parts"][f"{name}.parquet"]["shape"], f"the shape of {name}")
    items, users = table["items"], table["users"]
    check(items["item_idx"] == list(range(1, sizes["items"] + 1)), "items are not numbered from 1")
    check(sum(count > 0 for count in items["train_count"]) == sizes["items_trained"], "training counts")
    events = [item for history in users["history"] for item in history]
    check(len(events) == sizes["events"] and set(events) <= set(items["item_idx"]), "histories")
    check([len(h) for h in users["history"]] == [len(t) for t in users["times"]], "times of events")
    words = {}
    for column, row in zip(table["vocab"]["column"], table["vocab"]["row"]):
        check(row == 2 + words.get(column, 0), f"rows of column {column}")
        words[column] = words.get(column, 0) + 1
    for column in manifest["columns"]:
        kind = next(iter(column["transform"].values()))
        check(words.get(column["name"], 0) == kind.get("values", 0), f"values of column {column['name']}")
    return table


def vectors(bundle, manifest, table, answers):
    matrix = numpy.load(bundle / "item_vectors.npy")
    check(matrix.dtype == numpy.float32, f"vectors of {matrix.dtype}")
    check(list(matrix.shape) == manifest["parts"]["item_vectors.npy"]["shape"], f"vectors of {matrix.shape}")
    other = table["item_vectors"]
    check(numpy.array_equal(numpy.array(other["vector"], numpy.float32), matrix), "Parquet holds other vectors")
    check(other["item_id"] == table["items"]["item_id"][: len(matrix)], "Parquet names other items")

    query = numpy.array(answers["query"], numpy.float32)
    scores = matrix @ query
    best = numpy.argsort(-scores, kind="stable")[:10]
    names, numbers = zip(*answers["top"])
    check([other["item_id"][row] for row in best] == list(names), "numpy finds another top 10")
    check(numpy.allclose(scores[best], numbers, atol=1e-6), "numpy finds other scores")
    if "index.faiss" not in manifest["parts"]:
        print("check_bundle: no index.faiss, written by a build without faiss")
        return
    index = faiss.read_index(str(bundle / "index.faiss"))
    check(index.ntotal == len(matrix), f"faiss holds {index.ntotal} vectors")
    check(numpy.array_equal(index.reconstruct_n(0, index.ntotal), matrix), "faiss holds other vectors")
    _, found = index.search(query[None], 10)
    overlap = len(set(found[0]) & set(best)) / 10
    check(overlap >= manifest["index"]["min_recall"], f"faiss finds {overlap} of the exact top 10")


def example(folder):
    """Runs the example of docs/bundle.md, which reads `bundle/` in the current folder."""
    [code] = re.findall(r"```python\n(.*?)```", DOC.read_text(encoding="utf-8"), re.DOTALL)
    os.chdir(folder)
    exec(compile(code, str(DOC), "exec"), {})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = pathlib.Path(sys.argv[1])
    bundle = folder / "bundle"
    manifest = json.loads((bundle / "manifest.json").read_text(encoding="utf-8"))
    answers = json.loads((folder / "answers.json").read_text(encoding="utf-8"))
    hashes(bundle, manifest)
    seals(bundle, manifest)
    table = tables(bundle, manifest)
    vectors(bundle, manifest, table, answers)
    example(folder)
    versions = f"numpy {numpy.__version__}, faiss {faiss.__version__}"
    print(f"check_bundle: {len(manifest['parts'])} parts read alike by {versions}, safetensors, pyarrow")


main()
