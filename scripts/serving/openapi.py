"""Holds `u2i serve` to its own OpenAPI document with schemathesis: `python openapi.py U2I`.

U2I is the program. A bundle of an invented shop is made and served with a token; then schemathesis asks what the document
allows and what it does not, with all of its checks. Ends with 1 where an answer is none that the document
has, or a 5xx. Run by `scripts/peers.sh --openapi`, which makes the environment.
"""

import copy
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TOKEN = "a-token-of-the-checks"
# Requests to each endpoint that are made up, and the least of all that must have been, so that no run is for nothing.
EXAMPLES, LEAST = 30, 300


def shop(folder: Path) -> None:
    """Events, goods and customers, the same each time."""
    draw = 25
    events = ["user,item,time"]
    for user in range(60):
        for n in range(12):
            draw = (draw * 1_103_515_245 + 12_345) % 2**31
            events.append(f"{user},g{(user % 8 * 10 + draw // 65_536 % 14) % 80},{1_700_000_000 + 86_400 * n + user}")
    goods = ["item,title,kinds,price"]
    goods += [f"g{i},Thing number {i},{'a|b' if i % 3 else 'c'},{i % 7}.5" for i in range(80)]
    customers = ["user,plan"] + [f"{user},{'yearly' if user % 3 else 'monthly'}" for user in range(60)]
    for name, lines in [("events", events), ("goods", goods), ("customers", customers)]:
        (folder / f"{name}.csv").write_text("\n".join(lines) + "\n")


def bundle(u2i: str, folder: Path) -> None:
    shop(folder)
    for command in [
        "init events.csv goods.csv customers.csv --time-unit s --out shop.toml",
        "train shop.toml --out run --set train.epochs=1",
        "export run --out bundle",
    ]:
        done = subprocess.run([u2i, *command.split()], cwd=folder, capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"u2i {command}: {done.stderr}")


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait(url: str, service: subprocess.Popen) -> None:
    for _ in range(300):
        if service.poll() is not None:
            sys.exit(f"u2i serve ended with {service.returncode}")
        try:
            with urllib.request.urlopen(f"{url}/readyz", timeout=5):
                return
        except OSError:
            time.sleep(0.1)
    sys.exit("u2i serve is not ready after 30 s")


def narrowed(document: dict) -> dict:
    """The document with what only this bundle's data says: conditions and columns are text to it, and any other text is
    rightly refused."""
    conditions = {"type": "string", "enum": ["price < 3", "kinds has a and price >= 1.5", "title = 'Thing number 7'"]}
    plans = {"enum": ["yearly", "monthly", None]}
    columns = {"type": "object", "additionalProperties": False, "properties": {"plan": plans}}
    request = document["components"]["schemas"]["RecommendRequest"]["properties"]
    request |= {"where": conditions, "attributes": columns, "context": {"type": "object", "additionalProperties": False}}
    for parameter in document["paths"]["/v1/users/{id}/recommendations"]["get"]["parameters"]:
        if parameter["name"] == "where":
            parameter["schema"] = conditions
    # One at fault in a batch is that entry's error: whatever it is, the batch is answered.
    batch = {"type": "object", "properties": {"requests": {"type": "array", "minItems": 1, "maxItems": 1000}}}
    batch |= {"required": ["requests"], "additionalProperties": False}
    body = {"oneOf": [{"$ref": "#/components/schemas/RecommendRequest"}, batch]}
    document["paths"]["/v1/recommend"]["post"]["requestBody"]["content"]["application/json"]["schema"] = body
    # The vectors of a batch belong to one bundle, which the document's schema cannot say.
    batches = []
    for which, required in [("current", []), ("shadow", ["bundle"])]:
        one = copy.deepcopy(document["components"]["schemas"]["RecommendRequest"])
        one["properties"]["bundle"] = {"const": which}
        one["required"] = [*one.get("required", []), *required]
        array = {"type": "array", "minItems": 1, "maxItems": 1000, "items": one}
        batches.append({**batch, "properties": {"requests": array}})
    body = {"oneOf": [{"$ref": "#/components/schemas/RecommendRequest"}, *batches]}
    document["paths"]["/v1/vectors"]["post"]["requestBody"]["content"]["application/json"]["schema"] = body
    return document


def main() -> None:
    u2i = str(Path(sys.argv[1]).resolve())
    schemathesis = Path(sys.executable).with_name("st")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle(u2i, folder)
        (folder / "token").write_text(TOKEN)
        url = f"http://127.0.0.1:{free_port()}"
        serve = [u2i, "serve", "bundle", "--addr", url.removeprefix("http://"), "--token-file", "token"]
        with open(folder / "log", "w") as log:
            service = subprocess.Popen([*serve, "--log-level", "warn"], cwd=folder, stderr=log)
            try:
                wait(url, service)
                with urllib.request.urlopen(f"{url}/openapi.json", timeout=5) as answer:
                    document = narrowed(json.load(answer))
                (folder / "openapi.json").write_text(json.dumps(document))
                options = f"--url {url} --checks all --phases fuzzing,stateful --max-examples {EXAMPLES} --seed 25"
                options += " --generation-database none --suppress-health-check all --continue-on-failure --warnings off"
                options += " --no-color --report json --report-json-path report.json"
                done = subprocess.run(
                    [schemathesis, "run", "openapi.json", *options.split(), "-H", f"Authorization: Bearer {TOKEN}"],
                    cwd=folder,
                    env={**os.environ, "SCHEMATHESIS_HOOKS": ""},
                    timeout=400,
                )
                report = json.loads((folder / "report.json").read_text())
                n = report["test_cases"]["generated"]
                if not report["complete"] or n < LEAST:
                    sys.exit(f"schemathesis made up {n} requests, wanted at least {LEAST}")
                if service.poll() is not None:
                    sys.exit(f"u2i serve ended with {service.returncode}")
            finally:
                service.terminate()
                stopped = service.wait(timeout=20)
        print((folder / "log").read_text(), end="", file=sys.stderr)
        if stopped != 0:
            sys.exit(f"u2i serve ended with {stopped} when it was told to stop")
        sys.exit(min(done.returncode, 1))


main()
