#!/usr/bin/env bash
# Has Python read a bundle: numpy, faiss, safetensors and pyarrow, of fixed versions, in an environment of their own
# outside of the checkout.
#
#     scripts/peers.sh FOLDER
#
# FOLDER holds what the example `write_for_peers` of u2i-bundle wrote. Ends with 77 where there is no Python, or its
# packages cannot be had, and says which.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
packages=(numpy==2.2.6 faiss-cpu==1.12.0 safetensors==0.6.2 pyarrow==21.0.0)
home="${XDG_CACHE_HOME:-$HOME/.cache}/u2i/peers"
skip() {
    echo "peers: skipped, $1" >&2
    exit 77
}

folder=${1:?usage: scripts/peers.sh FOLDER}
command -v python3 >/dev/null || skip "there is no python3"
# Written last, so that an environment that was left half made is made again.
if [ "$(cat "$home/packages" 2>/dev/null)" != "${packages[*]}" ]; then
    echo "peers: python3 -m venv $home, with ${packages[*]}" >&2
    rm -rf "$home"
    python3 -m venv "$home" >&2 || skip "python3 has no venv"
    "$home/bin/pip" install --quiet --disable-pip-version-check "${packages[@]}" >&2 ||
        skip "pip cannot install ${packages[*]}"
    echo "${packages[*]}" >"$home/packages"
fi
"$home/bin/python" "$top/scripts/check_bundle.py" "$folder"
