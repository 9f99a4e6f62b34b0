#!/bin/sh
# Installs what the checks of the service need beside Rust: PostgreSQL for `scripts/postgres.sh`, Chromium for the tests of
# the page, and wrk for the load tests. Says nothing where they are there. Where one cannot be had the check that needs it
# says UNCHECKED.
#
# Exit codes: 0 all is there, 1 something is missing, which is named.
set -u

say() { printf 'serving_tools: %s\n' "$*" >&2; }

has_postgres() {
    command -v initdb >/dev/null && return
    for program in /usr/lib/postgresql/*/bin/initdb; do [ -x "$program" ] && return; done
    return 1
}
has_chromium() { command -v chromium >/dev/null || command -v chromium-browser >/dev/null; }
has_wrk() { command -v wrk >/dev/null; }

missing=
for tool in postgresql chromium wrk; do
    case $tool in
    postgresql) has_postgres ;;
    chromium) has_chromium ;;
    wrk) has_wrk ;;
    esac || missing="$missing $tool"
done
[ -n "$missing" ] || exit 0

if ! command -v apt-get >/dev/null || [ "$(id -u)" != 0 ]; then
    say "cannot install$missing: that takes apt-get and root"
    exit 1
fi
say "running: apt-get install --yes --no-install-recommends$missing"
export DEBIAN_FRONTEND=noninteractive
apt-get update --quiet=2 >/dev/null 2>&1 || say "apt-get cannot update its lists"
code=0
# One at a time, so that one that cannot be had keeps no other away. A cluster of the system is not needed.
for tool in $missing; do
    apt-get install --yes --no-install-recommends --quiet=2 "$tool" >/dev/null || {
        say "cannot install $tool"
        code=1
    }
done
exit "$code"
