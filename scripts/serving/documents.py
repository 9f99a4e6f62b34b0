"""Does what docs/serving.md says, from top to bottom: `python3 documents.py U2I [--write]`.

U2I is the program. Each block marked `sh` or `python` is run, in a folder with an invented cinema
(scripts/page/data.mjs). `u2i serve …` stays until the next one, and where the document says 127.0.0.1:8080 it is a free
port. A block marked `json` or `text` after one that was run holds what that printed: of JSON the keys and kinds of values
are compared, of text nothing. With --write the blocks are written anew with what was printed.

Ends with 1 where a command fails or an answer has another shape, and with 77 where there is no node or curl.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
DOCUMENT = TOP / "docs/serving.md"
ADDRESS = "127.0.0.1:8080"


def blocks(text: str):
    """Each block as (kind, text, where it begins, where it ends)."""
    for found in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S):
        yield found[1], found[2], found.start(2), found.end(2)


def shape(value):
    """The keys and kinds of a JSON value. A list is the shape of its first entry; numbers and nothing are alike."""
    match value:
        case dict():
            return {key: shape(one) for key, one in value.items()}
        case list():
            return [shape(value[0])] if value else []
        case bool():
            return "truth"
        case None | int() | float():
            return "number"
    return "text"


def fits(shown, found) -> bool:
    """Whether an answer has the shape of the one that is shown, where `…` stands for more."""
    if isinstance(shown, dict) and isinstance(found, dict):
        more = "…" in shown
        keys = [key for key in shown if key != "…"]
        return all(key in found and fits(shown[key], found[key]) for key in keys) and (more or len(keys) == len(found))
    if isinstance(shown, list) and isinstance(found, list):
        return not shown or (bool(found) and fits(shown[0], found[0]))
    return shown == found


class Folder:
    """Where the blocks are run."""

    def __init__(self, u2i: Path, path: Path):
        self.path = path
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{listener.getsockname()[1]}"
        programs = path / "programs"
        programs.mkdir()
        (programs / "u2i").symlink_to(u2i)
        self.environment = {**os.environ, "PATH": f"{programs}:{os.environ['PATH']}"}
        for name in ["U2I_TOKEN", "U2I_EVENTS", "U2I_DATA_DIR"]:
            self.environment.pop(name, None)
        self.service = None

    def run(self, kind: str, text: str) -> str:
        text = text.replace(ADDRESS, self.address)
        if kind == "sh" and text.startswith("u2i serve") and "--check" not in text:
            self.serve(text)
            return ""
        command = ["bash", "-euo", "pipefail", "-c", text] if kind == "sh" else [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            fail(f"{done.stderr}{done.stdout}\nfailed with {done.returncode}:\n{text}")
        return done.stdout.replace(self.address, ADDRESS)

    def serve(self, text: str) -> None:
        self.stop()
        words = text.replace("\\\n", " ").split()
        address = [] if "--addr" in words else ["--addr", self.address]
        with open(self.path / "log", "w") as log:
            self.service = subprocess.Popen([*words, *address], cwd=self.path, env=self.environment, stderr=log)
        for _ in range(300):
            if self.service.poll() is not None:
                fail(f"{(self.path / 'log').read_text()}\nended:\n{text}")
            try:
                with urllib.request.urlopen(f"http://{self.address}/readyz", timeout=5):
                    return
            except OSError:
                time.sleep(0.1)
        fail(f"not ready after 30 s:\n{text}")

    def stop(self) -> None:
        if self.service is None:
            return
        self.service.terminate()
        code = self.service.wait(timeout=20)
        self.service = None
        if code != 0:
            fail(f"u2i serve ended with {code}")


def fail(reason: str):
    sys.exit(f"{DOCUMENT.relative_to(TOP)}: {reason}")


def shown(printed: str, kind: str) -> str:
    """What the document shows of what was printed."""
    if kind == "json":
        # One list on a line reads better than a number on each.
        printed = json.dumps(json.loads(printed), indent=2, ensure_ascii=False)
        printed = re.sub(r"\[\s+([^][{}]{0,80}?)\s+\]", lambda found: "[" + re.sub(r",\s+", ", ", found[1]) + "]", printed)
    lines = printed.rstrip("\n").split("\n")
    return "\n".join(lines) + "\n"


def main() -> None:
    u2i = Path(sys.argv[1]).resolve()
    for program in ["node", "curl", "bash"]:
        if shutil.which(program) is None:
            print(f"documents: skipped, there is no {program}", file=sys.stderr)
            sys.exit(77)
    text, written, at, printed, n = DOCUMENT.read_text(), [], 0, None, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Folder(u2i, Path(name))
        subprocess.run(["node", TOP / "scripts/page/data.mjs", name], check=True)
        try:
            for kind, block, begin, end in blocks(text):
                if kind in ("sh", "python"):
                    printed, n = folder.run(kind, block), n + 1
                elif kind in ("json", "text") and printed is not None:
                    if kind == "json" and "--write" not in sys.argv:
                        wanted, found = shape(json.loads(block)), shape(json.loads(printed))
                        if not fits(wanted, found):
                            fail(f"another shape:\n{json.dumps(wanted)}\nis shown, and there was\n{json.dumps(found)}")
                    written += [text[at:begin], shown(printed, kind)]
                    printed, at = None, end
                else:
                    printed = None
        finally:
            if folder.service is not None and folder.service.poll() is None:
                folder.stop()
    if "--write" in sys.argv:
        DOCUMENT.write_text("".join([*written, text[at:]]))
    print(f"documents: {n} blocks of {DOCUMENT.relative_to(TOP)} do what they say")


main()
