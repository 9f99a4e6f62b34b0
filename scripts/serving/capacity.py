"""What a bundle takes on this machine: `python3 capacity.py U2I BUNDLE…` prints a row of docs/serving.md for each.

U2I is the program. Each bundle is served without events and loaded by wrk from this machine for ten seconds, with single
requests of 100 of its users for 100 items each: first as many as it can take, from eight times as many connections as
there are threads, then from one connection. Ends with 77 where there is no wrk, and with 1 where an answer is not a good one.
"""

import json
import os
import re
import shutil
import socket
import string
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

SECONDS = 10
HEAD = (
    "| items | dim | index | bundle | opens in | memory | requests per second | p50, p99 at that load "
    "| p50, p99 of one client |"
)
SCRIPT = """
local users = {%s}
local n = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  n = n + 1
  return wrk.format(nil, "/v1/recommend", nil, '{"k":100,"user":' .. users[n %% #users + 1] .. '}')
end
done = function(summary, latency)
  io.write(string.format("u2i %%d %%d %%d %%d %%d\\n", summary.requests, summary.duration, latency:percentile(50),
    latency:percentile(99), summary.errors.status + summary.errors.read + summary.errors.timeout))
end
"""


def load(url: str, script: Path, connections: int):
    """Requests per second, and the 50th and 99th percentile of latency in ms."""
    threads = min(connections, 2)
    command = ["wrk", "--threads", str(threads), "--connections", str(connections), "--duration", f"{SECONDS}s"]
    done = subprocess.run([*command, "--script", script, url], capture_output=True, text=True, check=True)
    n, took_us, p50, p99, errors = map(int, re.search(r"^u2i (.*)$", done.stdout, re.M)[1].split())
    if errors:
        sys.exit(f"{errors} of {n} requests failed")
    return n / took_us * 1e6, p50 / 1e3, p99 / 1e3


def ask(url: str, path: str):
    with urllib.request.urlopen(url + path, timeout=5) as answer:
        return json.load(answer)


def memory_mib(pid: int) -> float:
    return int(re.search(r"^VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.M)[1]) / 1024


def row(u2i: str, bundle: Path, folder: Path) -> str:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    url, begun = f"http://{address}", time.monotonic()
    options = ["--addr", address, "--events", "none", "--log-level", "warn"]
    service = subprocess.Popen([u2i, "serve", bundle, *options])
    try:
        while True:
            try:
                ask(url, "/readyz")
                break
            except OSError:
                if service.poll() is not None:
                    sys.exit(f"u2i serve {bundle} ended with {service.returncode}")
                time.sleep(0.02)
        opened_s = time.monotonic() - begun
        about = ask(url, "/v1/bundle")
        found = [ask(url, f"/v1/users?query={first}&limit=100")["users"] for first in string.digits + string.ascii_letters]
        users = [json.dumps(user["id"]) for some in found for user in some]
        if not users:
            sys.exit(f"{bundle} has no users whose ids begin with a letter or a digit")
        script = folder / "load.lua"
        step = max(1, len(users) // 100)
        script.write_text(SCRIPT % ", ".join(f"'{user}'" for user in users[::step][:100]))
        full = load(url, script, 8 * (os.cpu_count() or 1))
        one = load(url, script, 1)
        used_mib = memory_mib(service.pid)
    finally:
        service.terminate()
        service.wait(timeout=20)
    size_mib = sum(file.stat().st_size for file in bundle.rglob("*") if file.is_file()) / 2**20
    sizes = about["sizes"]
    cells = [f"{sizes['items']:,}", sizes["dim"], about["index"], f"{size_mib:,.0f} MiB", f"{opened_s:.1f} s"]
    cells += [f"{used_mib:,.0f} MiB"]
    cells += [f"{full[0]:,.0f}", f"{full[1]:.2f}, {full[2]:.2f} ms", f"{one[1]:.2f}, {one[2]:.2f} ms"]
    return "| " + " | ".join(map(str, cells)) + " |"


def main() -> None:
    if shutil.which("wrk") is None:
        print("capacity: skipped, there is no wrk (scripts/serving_tools.sh installs it)", file=sys.stderr)
        sys.exit(77)
    print(HEAD)
    print(re.sub(r"[^|]+", "---", HEAD))
    with tempfile.TemporaryDirectory() as folder:
        for bundle in sys.argv[2:]:
            print(row(sys.argv[1], Path(bundle).resolve(), Path(folder)), flush=True)


main()
