#!/usr/bin/env python3
"""Whether two builds of the program `u2i` find the same, byte for byte.

    scripts/same_results.py OLD NEW [DATA_DIR]

Trains the recipes of the synthetic data under all protocols and, where DATA_DIR has an ml-100k, those of MovieLens 100K,
makes a config for MovieLens 100K, trains, exports and asks the bundle. Compares the weights, the rank of each target, the
recommended items, and the reports, which hold the hashes of data, columns, samples and vectors. Times, memory and the
build are left aside. Ends with 1 and names what differs.
"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

ASIDE = {"build", "version", "threads", "samples_per_s", "queries_per_s", "peak_rss_mib"}
FILES = ["model.safetensors", "ranks.parquet", "recommended.parquet"]


def run(program, folder, data_dir):
    def u2i(*arguments):
        done = subprocess.run([program, *arguments], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"{program} {' '.join(arguments)} ends with {done.returncode}:\n{done.stderr}")
        return done.stdout

    u2i("reproduce", "--dataset", "synthetic", "--protocol", "all", "--out", "synthetic")
    said = {}
    if data_dir and (data_dir / "ml-100k").is_dir():
        u2i("reproduce", "--dataset", "ml-100k", "--protocol", "all", "--data-dir", str(data_dir), "--out", "ml-100k")
        u2i("init", str(data_dir / "ml-100k"), "--out", "own.toml")
        u2i("train", "own.toml", "--out", "own")
        u2i("export", "own", "--out", "bundle")
        said["own.toml"] = (folder / "own.toml").read_text()
        for options in (["--exact"], []):
            key = " ".join(["recommend", *options])
            said[key] = u2i("recommend", "bundle", "--history", "50,172,181", "--k", "20", *options)
    return said


def without_times(value):
    if isinstance(value, dict):
        kept = {key: without_times(one) for key, one in value.items() if key not in ASIDE}
        return {key: one for key, one in kept.items() if not key.endswith(("_s", "_us"))}
    return [without_times(one) for one in value] if isinstance(value, list) else value


def found(folder):
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.name == "report.json":
            found[name] = without_times(json.loads(path.read_text()))
        elif path.name in FILES:
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    data_dir = pathlib.Path(sys.argv[3]).resolve() if len(sys.argv) == 4 else None
    results = []
    for program in sys.argv[1:3]:
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            said = run(str(pathlib.Path(program).resolve()), folder, data_dir)
            results.append({**found(folder), **said})
    old, new = results
    differ = sorted(key for key in old.keys() | new.keys() if old.get(key) != new.get(key))
    for key in differ:
        print(f"differs: {key}")
    print(f"{len(old) - len(differ)} of {len(old)} results are the same")
    return 1 if differ or not old else 0


if __name__ == "__main__":
    sys.exit(main())
