#!/usr/bin/env bash
# The journeys of the service's page in headless Chromium: each opens the page of `u2i serve`, does what people do, and
# looks at what they see. Pictures of what it looked like at the end of each are left in PICTURES.
#
#     scripts/page.sh U2I PICTURES                        with bundles of an invented cinema, made in a minute
#     scripts/page.sh U2I PICTURES BUNDLE [SHADOW]        with bundles of yours, which have titles and times
#
# U2I is the program. Ends with 77 where there is no Node.js, npm or Chromium, or playwright-core cannot be had, and says
# which; with 1 if a journey failed.
set -euo pipefail

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache="${XDG_CACHE_HOME:-$HOME/.cache}/u2i"
skip() {
    echo "page: skipped, $1" >&2
    exit 77
}
absolute() { (cd "$(dirname "$1")" && printf '%s/%s' "$PWD" "$(basename "$1")"); }

u2i=$(absolute "${1:?usage: scripts/page.sh U2I PICTURES [BUNDLE [SHADOW]]}")
pictures=${2:?usage: scripts/page.sh U2I PICTURES [BUNDLE [SHADOW]]}
mkdir -p "$pictures"
pictures=$(absolute "$pictures")
command -v node >/dev/null || skip "there is no node"
command -v npm >/dev/null || skip "there is no npm"
[ "$(node -p 'Number(process.versions.node.split(".")[0]) >= 20')" = true ] || skip "node is older than 20"
chromium=$(command -v chromium || command -v chromium-browser || command -v google-chrome) || skip "there is no chromium"

# playwright-core lies in the cache, outside of the checkout, beside a copy of the journeys that import it.
home="$cache/page"
mkdir -p "$home"
cp "$top"/scripts/page/*.mjs "$home/"
if ! cmp -s "$top/scripts/page/package-lock.json" "$home/installed"; then
    cp "$top"/scripts/page/package.json "$top"/scripts/page/package-lock.json "$home/"
    (cd "$home" && npm ci --ignore-scripts --no-audit --no-fund >&2) || skip "npm cannot install playwright-core"
    # Written last, so that what was left half made is made again.
    cp "$top/scripts/page/package-lock.json" "$home/installed"
fi

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
if [ $# -ge 3 ]; then
    bundles=(--bundle "$3")
    if [ $# -ge 4 ]; then bundles+=(--shadow "$4"); fi
else
    node "$home/data.mjs" "$scratch"
    # A bundle from tables: files of events, users and items, then what is set.
    bundle() {
        local name=$1 tables=$2
        shift 2
        # shellcheck disable=SC2086
        (cd "$scratch" && "$u2i" init $tables --time-unit s --out "$name.toml" && "$u2i" train "$name.toml" --out "$name-run" "$@" &&
            "$u2i" export "$name-run" --out "$name") >"$scratch/$name.log" 2>&1 || {
            cat "$scratch/$name.log" >&2
            exit 1
        }
    }
    bundle cinema "cinema.csv films.csv guests.csv" --set train.epochs=4
    bundle other "cinema.csv films.csv guests.csv" --set train.epochs=2 --set seed=2
    bundle plain "plain.csv" --set train.epochs=1
    bundles=(--bundle "$scratch/cinema" --shadow "$scratch/other" --plain "$scratch/plain" --invented)
fi
node "$home/run.mjs" --u2i "$u2i" --chromium "$chromium" --pictures "$pictures" "${bundles[@]}"
