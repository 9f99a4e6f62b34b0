#!/bin/sh
# Installs what checks need beside Rust: cargo-deny, for `cargo xtask ci deny`. Does nothing where it is there.
#
#   scripts/tools.sh [ROOT]   installs to ROOT/bin, or where cargo installs programs
#
# Exit codes: 0 all is there, otherwise cargo's.
set -eu

# The version that deny.toml was written for; a later one may read it differently.
version=0.20.2

say() { printf 'tools: %s\n' "$*" >&2; }

root=${1:-}
found=$({ [ -n "$root" ] && "$root/bin/cargo-deny" --version; } 2>/dev/null || cargo-deny --version 2>/dev/null || true)
if [ "$found" = "cargo-deny $version" ]; then
    exit 0
fi

set -- install cargo-deny --version "$version" --locked
[ -z "$root" ] || set -- "$@" --root "$root"
say "running: cargo $*"
say "this compiles for 2 to 5 minutes, once"
# Elsewhere than among what this project builds: cargo then uses a folder of its own and removes it.
unset CARGO_TARGET_DIR
exec cargo "$@"
