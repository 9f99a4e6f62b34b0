"""What peers of the whole job have in common: a data frame of events in, the best 100 items of 10,000 users out.

    python NAME.py --threads N --data DIR --events 1e6 --lists FILE [--limit-s SECONDS] [other flags]

`DIR/whole-job-EVENTS/` holds `events.csv` (`user,item,time`, in the order of time) and `last.csv`, the last events of
the users that are asked for. A peer is given all events but the last one of each user who has three or more, as texts
and seconds in a pandas data frame, and recommends nothing that its user has met. A round is all from that frame to
the lists: numbering ids, the library's own preparation, training, searching. Reading the file and writing the lists
are not timed. `--lists` gets a line for each user of `last.csv`, the best item first, with commas in between.

A peer that takes longer than `--limit-s` says `"stopped": true` and ends.
"""

import json
import os
import platform
import threading
import time
from importlib.metadata import version

import numpy as np
import pandas as pd

import rounds

K = 100


def arguments(description):
    """A parser of the arguments of every peer of the whole job."""
    parser = rounds.arguments(description)
    parser.add_argument("--events", required=True, help="1e6 for instance")
    parser.add_argument("--lists", required=True, help="where the lists go")
    parser.add_argument("--limit-s", type=float, default=36_000)
    return parser


def known(folder):
    """The events that a peer may see."""
    frame = pd.read_csv(os.path.join(folder, "events.csv"), dtype={"user": str, "item": str})
    users = frame.groupby("user", sort=False)["item"]
    is_last = (users.cumcount(ascending=False) == 0) & (users.transform("size") >= 3)
    return frame[~is_last].reset_index(drop=True)


def numbered(column):
    """Numbers from 0 on in the order in which values are met, and the values."""
    numbers, values = pd.factorize(column)
    return numbers.astype(np.int32), pd.Index(values)


def stop_after(seconds):
    """Ends the process with a word, unless it ends before."""

    def stop():
        print(json.dumps({"stopped": True, "wall_s": seconds}), file=rounds.REPORTS, flush=True)
        os._exit(0)

    timer = threading.Timer(seconds, stop)
    timer.daemon = True
    timer.start()
    return timer


def serve(args, run, packages):
    """Runs `run(frame, users)` for each round; it returns the ids of the best items of each of `users`."""
    folder = os.path.join(args.data, f"whole-job-{args.events}")
    frame = known(folder)
    users = pd.read_csv(os.path.join(folder, "last.csv"), dtype=str)["user"].to_numpy()

    def one():
        timer = stop_after(args.limit_s)
        wall, cpu = time.perf_counter(), rounds.cpu_s()
        lists = run(frame, users)
        took = {"wall_s": time.perf_counter() - wall, "cpu_s": rounds.cpu_s() - cpu, "work": len(frame)}
        timer.cancel()
        with open(args.lists, "w") as file:
            file.writelines(",".join(own) + "\n" for own in lists)
        return took

    versions = {name: version(name) for name in packages}
    rounds.serve(one, {"python": platform.python_version(), **versions})
