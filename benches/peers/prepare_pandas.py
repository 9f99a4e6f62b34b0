"""MovieLens 1M in pandas, as the book's code prepares it: from its files to the first batch.

    python prepare_pandas.py --threads N --data FOLDER [--batch 2048]

FOLDER holds `ratings.dat`, `users.dat` and `movies.dat`. A round is all there is, from opening the files to
the first batch, and leaves out what the book's code does beside it: negatives, the shuffle, the genres of
the history, pickled files. `work` counts events. Only imports are not measured. All of it runs on one
thread, whatever `--threads` says. The memory told is the highest of the process: start one for each round.

As in the book's code, values become numbers from 1 on in the order of their values, those of all rows and
not of training alone; each user's events are cut, in a loop, into a window for each target; histories are
filled up with zeros on the left to 50 items; and all samples are written out before the first is used.
Unlike there, events are in the order of time (ties: of the file), the newest of a history comes last, all
genres of a target count, and users have no limit of samples. So the samples are ours: each user's last event
is for testing, the one before for validation, and the first is history only.

Faster than the book's code where pandas and numpy allow it: the C engine reads what has no colons in its
values, as separated by `:` with empty columns in between (it takes no `::`); columns of users are encoded
in their own table before they are spread over the samples; and windows go straight into one array of 32-bit
numbers, not through lists.
"""

import os
import platform
from importlib.metadata import version

import numpy as np
import pandas as pd

import rounds

LENGTH = 50
USER_COLUMNS = ["gender", "age", "occupation", "zip"]


def read(folder, name, columns, **options):
    """The named columns of a file, in its order."""
    path = os.path.join(folder, name)
    return pd.read_csv(path, header=None, names=columns, encoding="latin-1", **options)


def encode(column):
    """Numbers from 1 on, in the order of values, and the values."""
    codes, values = pd.factorize(column, sort=True)
    return (codes + 1).astype(np.int32), values


def samples(ratings):
    """User, history, its length and target of each training sample, users one after the other."""
    users = ratings.sort_values("time", kind="stable").groupby("user")["item"]
    # Not the first event, which has no history, and not the last two.
    sizes = (users.size() - 3).clip(lower=0)
    n = int(sizes.sum())
    history = np.zeros((n, LENGTH), np.int32)
    length = np.empty(n, np.int32)
    target = np.empty(n, np.int32)
    row = 0
    for _, items in users:
        items = items.to_numpy()
        for position in range(1, len(items) - 2):
            window = items[max(0, position - LENGTH) : position]
            history[row, LENGTH - len(window) :] = window
            length[row] = len(window)
            target[row] = items[position]
            row += 1
    return np.repeat(sizes.index.to_numpy(), sizes), history, length, target


def prepare(folder, batch):
    """Numbers of events and of samples, and the first batch."""
    columns = {"sep": ":", "usecols": [0, 2, 6]}
    ratings = read(folder, "ratings.dat", ["user_id", "movie_id", "time"], **columns)
    columns = {"sep": ":", "usecols": [0, 2, 4, 6, 8], "dtype": {"zip": str}}
    users = read(folder, "users.dat", ["user_id", *USER_COLUMNS], **columns)
    movies = read(folder, "movies.dat", ["movie_id", "title", "genres"], sep="::", engine="python")

    ratings["user"], user_ids = encode(ratings["user_id"])
    ratings["item"], movie_ids = encode(ratings["movie_id"])
    users = users.set_index("user_id").reindex(user_ids)
    genres = movies.set_index("movie_id")["genres"].str.get_dummies("|").reindex(movie_ids)

    user, history, length, target = samples(ratings)
    train = {"user": user, "history": history, "length": length, "target": target}
    train |= {column: encode(users[column])[0][user - 1] for column in USER_COLUMNS}
    train["genres"] = genres.to_numpy(np.int8)[target - 1]
    return len(ratings), len(target), {name: values[:batch] for name, values in train.items()}


def main():
    parser = rounds.arguments(__doc__)
    parser.add_argument("--batch", type=int, default=2048, help="samples of the first batch")
    args = parser.parse_args()

    def run():
        events, n, first = prepare(args.data, args.batch)
        return {"work": events, "samples": n, "batch": len(first["target"])}

    versions = {name: version(name) for name in ("pandas", "numpy")}
    rounds.serve(run, {"python": platform.python_version(), **versions})


if __name__ == "__main__":
    main()
