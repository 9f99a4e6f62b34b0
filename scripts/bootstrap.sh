#!/bin/sh
# Installs what faiss needs to be compiled: cmake (3.24 or newer), make, a C++ compiler with OpenMP, and
# BLAS and LAPACK (OpenBLAS). Says what it does, asks nothing, and does nothing where all is there.
#
# Exit codes: 0 all is there, 2 something must be installed by hand (printed), otherwise the package manager's.
set -eu

say() { printf 'bootstrap: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# The first of the usual names of a C++ compiler, honouring CXX.
cxx() {
    for name in "${CXX:-}" c++ g++ clang++; do
        if [ -n "$name" ] && has "${name%% *}"; then
            printf '%s\n' "$name"
            return
        fi
    done
}

cmake_is_new() {
    has cmake || return 1
    set -- $(cmake --version | sed -n '1s/[^0-9]*\([0-9]*\)\.\([0-9]*\).*/\1 \2/p')
    [ "${1:-0}" -gt 3 ] || { [ "${1:-0}" -eq 3 ] && [ "${2:-0}" -ge 24 ]; }
}

# Compiles and links with the libraries that faiss-sys names: only that shows that the linker finds them.
blas_links() {
    compiler=$(cxx)
    [ -n "$compiler" ] || return 1
    folder=$(mktemp -d)
    cat >"$folder/blas.cpp" <<'CPP'
extern "C" { void sgemm_(); void sgetrf_(); int omp_get_max_threads(); }
int main(int argc, char **) {
    if (argc > 1) { sgemm_(); sgetrf_(); }
    return omp_get_max_threads() < 1;
}
CPP
    status=0
    $compiler "$folder/blas.cpp" -o "$folder/blas" -llapack -lblas -lgomp >/dev/null 2>&1 || status=1
    rm -rf "$folder"
    return $status
}

# What is missing, in words, one line; empty where all is there.
missing() {
    list=
    [ -n "$(cxx)" ] || list="$list, a C++ compiler"
    has make || list="$list, make"
    cmake_is_new || list="$list, cmake 3.24 or newer"
    if [ -n "$(cxx)" ]; then
        blas_links || list="$list, BLAS, LAPACK and OpenMP to link with"
    else
        list="$list, BLAS and LAPACK"
    fi
    printf '%s' "${list#, }"
}

by_hand() {
    say "missing: $1"
    say "please install cmake (3.24 or newer), make, a C++ compiler with OpenMP (g++), and OpenBLAS with its"
    say "development files, such that '-lblas -llapack -lgomp' links; then run this script again"
    exit 2
}

if ! has cargo; then
    say "cargo, Rust's build tool, was not found: install Rust as https://rustup.rs says, then run this again"
    exit 2
fi

wanted=$(missing)
[ -n "$wanted" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
    # Homebrew refuses to run as root, and needs no rights.
    if has sudo; then
        root=sudo
    elif ! has brew; then
        by_hand "$wanted, and neither root nor sudo to install it"
    fi
fi

run() {
    say "running: $*"
    "$@"
}

say "missing: $wanted"
if has apt-get; then
    run $root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    run $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        cmake make g++ libopenblas-dev
elif has dnf; then
    run $root dnf install -y cmake make gcc-c++ openblas-devel blas-devel lapack-devel
elif has pacman; then
    run $root pacman -S --needed --noconfirm cmake make gcc blas-openblas
elif has zypper; then
    run $root zypper --non-interactive install cmake make gcc-c++ openblas-devel blas-devel lapack-devel
elif has brew; then
    run brew install cmake make gcc openblas lapack
else
    by_hand "$wanted, and no package manager that this script knows"
fi

wanted=$(missing)
[ -z "$wanted" ] || by_hand "$wanted, even after the installation"
say "all is there"
