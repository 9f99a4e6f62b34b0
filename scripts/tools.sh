#!/bin/sh
# Installs what checks need beside Rust: cargo-deny, for `cargo xtask ci deny`, the standard library for aarch64, for
# `cargo xtask ci portable`, and, once a git tag names a release, cargo-semver-checks, for `cargo xtask ci api`. Does
# nothing where they are there.
#
#   scripts/tools.sh [ROOT]   installs to ROOT/bin, or where cargo installs programs
#
# Exit codes: 0 all is there, otherwise cargo's.
set -eu

root=${1:-}

say() { printf 'tools: %s\n' "$*" >&2; }

# install PROGRAM VERSION ARGUMENT…: with these arguments the program prints its name and version.
install() {
    program=$1 version=$2
    shift 2
    found=$({ [ -n "$root" ] && "$root/bin/$program" "$@"; } 2>/dev/null || "$program" "$@" 2>/dev/null || true)
    case $found in *" $version") return ;; esac

    set -- install "$program" --version "$version" --locked
    [ -z "$root" ] || set -- "$@" --root "$root"
    say "running: cargo $*"
    say "this compiles for 2 to 5 minutes, once"
    # Elsewhere than among what this project builds: cargo then uses a folder of its own and removes it.
    (unset CARGO_TARGET_DIR && exec cargo "$@")
}

# Where it cannot be had, the check says UNCHECKED.
rustup target add aarch64-unknown-linux-gnu || say "no standard library for aarch64"

# The version that deny.toml was written for; a later one may read it differently.
install cargo-deny 0.20.2 --version
# Without a release there is no API to compare with.
if git describe --tags >/dev/null 2>&1; then
    install cargo-semver-checks 0.51.0 semver-checks --version
fi
