#!/usr/bin/env bash
# Runs a command beside a PostgreSQL server of its own, in a temporary folder that is removed afterwards.
#
#     scripts/postgres.sh COMMAND…     prints the server's address, and runs the command with U2I_POSTGRES_URL set to it
#
# The server listens on a socket in that folder and nowhere else. As root it is run as postgres or nobody, since it refuses
# to be root. U2I_POSTGRES_BIN names the folder of initdb and pg_ctl, where they are not where Debian has them.
#
# Ends as the command does, and with 77 where PostgreSQL cannot be had, which it says.
set -euo pipefail

skip() {
    echo "postgres: skipped, $1" >&2
    exit 77
}
[ $# -gt 0 ] || { echo "usage: scripts/postgres.sh COMMAND…" >&2; exit 2; }

# The newest version that is there.
bin=${U2I_POSTGRES_BIN:-$(find /usr/lib/postgresql -mindepth 2 -maxdepth 2 -name bin 2>/dev/null | sort -V | tail -n 1)}
[ -n "$bin" ] || bin=$(dirname "$(readlink -f "$(command -v pg_ctl || echo /none/pg_ctl)")")
[ -x "$bin/initdb" ] && [ -x "$bin/pg_ctl" ] || skip "there is no initdb (Debian's package is postgresql)"

as=()
if [ "$(id -u)" = 0 ]; then
    user=postgres
    id "$user" >/dev/null 2>&1 || user=nobody
    command -v setpriv >/dev/null || skip "root needs setpriv to start a server as $user"
    as=(setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups --)
fi

# Short, since the name of a socket has at most 107 bytes.
home=$(mktemp -d /tmp/u2i-pg.XXXXXX)
stop() {
    trap - EXIT INT TERM
    [ ! -f "$home/data/postmaster.pid" ] || "${as[@]}" "$bin/pg_ctl" -D "$home/data" -m immediate -w stop >/dev/null 2>&1 || true
    rm -rf "$home"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
if [ ${#as[@]} -gt 0 ]; then chown "$user" "$home"; fi
cd "$home"

"${as[@]}" "$bin/initdb" -D "$home/data" -U u2i -A trust -E UTF8 --no-locale >"$home/initdb.log" 2>&1 || {
    cat "$home/initdb.log" >&2
    skip "initdb fails"
}
if ! "${as[@]}" "$bin/pg_ctl" -D "$home/data" -w -t 60 -l "$home/data/server.log" \
    -o "-c listen_addresses='' -c unix_socket_directories='$home' -c max_connections=200" start >/dev/null; then
    cat "$home/data/server.log" >&2 || true
    skip "the server does not start"
fi
export U2I_POSTGRES_URL="postgres://u2i@${home//\//%2F}/postgres"
echo "postgres: $("$bin/postgres" --version) at $U2I_POSTGRES_URL" >&2
cd "$OLDPWD"
code=0
"$@" || code=$?
exit "$code"
