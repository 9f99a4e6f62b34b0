#!/bin/sh
# Installs what `--device wgpu` needs beside a driver of the card's vendor: the Vulkan loader, and Mesa's drivers, among
# them one that does its work on the CPU, for tests where there is no GPU. Says what it does, asks nothing, and does
# nothing where all is there.
#
# Exit codes: 0 all is there, 2 something must be installed by hand (printed), otherwise the package manager's.
set -eu

say() { printf 'vulkan: %s\n' "$*" >&2; }
has() { command -v "$1" >/dev/null 2>&1; }

# Apple's machines have Metal.
[ "$(uname -s)" != Darwin ] || exit 0

# The folders in which the loader looks for drivers, and those in which the linker looks for the loader.
drivers=${VULKAN_DRIVERS:-/usr/share/vulkan/icd.d /usr/local/share/vulkan/icd.d /etc/vulkan/icd.d}
libraries=${VULKAN_LIBRARIES:-/usr/lib /usr/lib64 /usr/local/lib /lib}

# Both in one list: the loader, and any driver.
missing() {
    list=
    loader=$(find $libraries -maxdepth 2 -name 'libvulkan.so.1' 2>/dev/null || true)
    [ -n "$loader" ] || list="$list, the Vulkan loader"
    driver=$(find $drivers -name '*.json' 2>/dev/null || true)
    [ -n "$driver" ] || list="$list, a Vulkan driver"
    printf '%s' "${list#, }"
}

by_hand() {
    say "missing: $1"
    say "please install the Vulkan loader (libvulkan.so.1) and a driver, that of your card or Mesa's; then run this again"
    exit 2
}

wanted=$(missing)
[ -n "$wanted" ] || exit 0

root=
if [ "$(id -u)" -ne 0 ]; then
    has sudo || by_hand "$wanted, and neither root nor sudo to install it"
    root=sudo
fi

run() {
    say "running: $*"
    "$@"
}

say "missing: $wanted"
if has apt-get; then
    run $root env DEBIAN_FRONTEND=noninteractive apt-get update -qq
    run $root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        libvulkan1 mesa-vulkan-drivers
elif has dnf; then
    run $root dnf install -y vulkan-loader mesa-vulkan-drivers
elif has pacman; then
    run $root pacman -S --needed --noconfirm vulkan-icd-loader vulkan-swrast
elif has zypper; then
    run $root zypper --non-interactive install libvulkan1 libvulkan_lvp
else
    by_hand "$wanted, and no package manager that this script knows"
fi

wanted=$(missing)
[ -z "$wanted" ] || by_hand "$wanted, even after the installation"
say "all is there"
