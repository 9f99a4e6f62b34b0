#!/usr/bin/env bash
# Trains the three models on a GPU, on the CPU, and with PyTorch, in turn, and writes a Markdown table; below it both
# ways in which a GPU can update rows (`row_update`).
#
#     scripts/gpu_bench.sh [--tiny] [--device wgpu:N] [--features wgpu|vulkan|metal[,autotune]] [--rounds N] [OUT.md]
#
# At the size of ML-1M and at 10^6 items x 64 with batches of 8,192, or with --tiny at a size that a software driver
# does, too. Each figure is the median of the rounds. PyTorch takes the same card through CUDA (or ROCm) where it finds
# it, else the CPU, and the table says so. Needs python3; PyTorch goes into a virtual environment outside of the
# checkout.
#
# Exit codes: 2 for arguments or a missing python3, otherwise that of what failed.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
say() { echo "gpu_bench: $*" >&2; }
fail() { say "$*" && exit 2; }

sizes=(ml-1m large) device=wgpu features=wgpu rounds=3 out='' steps=() tiny=()
while [ $# -gt 0 ]; do
    case $1 in
    --tiny) sizes=(tiny) steps=(--steps 16 --warm-up 16) tiny=(--tiny) ;;
    --device | --features | --rounds)
        [ $# -gt 1 ] || fail "$1 needs a value"
        case $1 in
        --device) device=$2 ;;
        --features) features=$2 ;;
        --rounds) rounds=$2 ;;
        esac
        shift
        ;;
    -*) fail "unknown option $1" ;;
    *) out=$1 ;;
    esac
    shift
done
[[ $rounds =~ ^[1-9][0-9]*$ ]] || fail "--rounds $rounds is no number above 0"
command -v python3 >/dev/null || fail "there is no python3"

export CARGO_TARGET_DIR="${CARGO_TARGET_DIR:-$top/target}/wgpu"
say "building; burn with its GPU backend takes about 15 minutes on 2 cores the first time"
cargo build --release --locked --manifest-path "$top/Cargo.toml" --package u2i-bench-training --bins \
    --features "$features"
ours="$CARGO_TARGET_DIR/release/train_speed"

python=$("$top/scripts/peers.sh" --python)

lines=$(mktemp)
trap 'rm -f "$lines"' EXIT
for size in "${sizes[@]}"; do
    for model in fm dssm youtube_dnn; do
        for ((round = 1; round <= rounds; round++)); do
            say "$model, $size, round $round of $rounds"
            arguments=(--model "$model" --size "$size" ${steps[@]+"${steps[@]}"})
            "$ours" --device "$device" "${arguments[@]}" >>"$lines"
            "$ours" --device cpu "${arguments[@]}" >>"$lines"
            "$python" "$top/benches/training/peers/train_speed.py" "${arguments[@]}" >>"$lines"
        done
    done
done
table=$("$python" "$top/benches/training/peers/table.py" "$lines")
say "the update of rows"
table+=$'\n\n'$("$CARGO_TARGET_DIR/release/row_update" --device "$device" ${tiny[@]+"${tiny[@]}"})
if [ -n "$out" ]; then
    printf '%s\n' "$table" >"$out"
    say "$out"
else
    printf '%s\n' "$table"
fi
