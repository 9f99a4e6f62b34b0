"""What contenders in Python have in common: a process that gets ready, then works a round per line of input.

    python NAME.py --threads N [--data DIR] [other flags]

It prints a line of JSON, `{"ready": true, "versions": {...}, ...}`, when all that is not measured is done.
For each line that it then reads it works one round and prints a line of JSON: `wall_s`, `cpu_s` (user and
system, of this process and of the children that it waited for), `peak_rss_mib` (the highest within the round, of
this process) and what the round has to tell. It ends with its input. Only those lines go to standard output.
"""

import argparse
import contextlib
import json
import os
import resource
import sys
import time

# From here on, whatever a library writes to standard output, from Python or not, goes to standard error.
REPORTS = os.fdopen(os.dup(1), "w")
os.dup2(2, 1)


def arguments(description):
    """A parser of the arguments of every contender."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--data", help="directory with the data")
    return parser


def cpu_s():
    """Seconds of CPU time up to now, of this process and of the children that it waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def reset_peak():
    """Begins the peak of memory anew, as our side does, where Linux lets it."""
    with contextlib.suppress(OSError), open("/proc/self/clear_refs", "w") as file:
        file.write("5")


def peak_mib():
    """Most memory since then; since the process began where the system does not tell."""
    with contextlib.suppress(OSError), open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmHWM:")) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def serve(run, versions, **ready):
    """Says that it is ready, and calls `run` once for each line of input.

    `run` returns a dictionary to report or nothing. A `wall_s` or `cpu_s` in it replaces the whole round's,
    where only a part of the round is to be timed.
    """

    def report(line):
        print(json.dumps(line), file=REPORTS, flush=True)

    report({"ready": True, "versions": versions, **ready})
    for _ in sys.stdin:
        reset_peak()
        wall, cpu = time.perf_counter(), cpu_s()
        told = run() or {}
        times = {"wall_s": time.perf_counter() - wall, "cpu_s": cpu_s() - cpu}
        report({**times, "peak_rss_mib": peak_mib(), **told})
