"""Searches with faiss from Python, on vectors and indices that ours wrote: what a search costs.

    python faiss_flat.py --threads N --data DIR --what evaluate|exact|ivf|hnsw [--nprobe 32] [--ef-search 256]

- `evaluate`: the best 100 of `items.npy` for each of `users.npy`, without what each has seen, which is
  `seen.npy[seen_offsets[user] : seen_offsets[user + 1]]`. A flat index has no filter per query: it is asked
  for as many more as the users of a group have seen at most, users of similar numbers being a group, and
  numpy takes out what they have seen. A round is the grouping, the searches and the taking out.
- `exact`: the best 100 of `base.npy` for each of `queries.npy`, all queries in one call.
- `ivf`, `hnsw`: the same with the index in `ivf.faiss` or `hnsw.faiss`, one query at a time (`single_s`),
  then 64 at a time (`batch_s`). `wall_s` is of both.

Not timed are the reading of files and the adding to an index. `work` counts queries. What the first two find
is written to `DIR/evaluate_peer.npy` or `DIR/exact_peer.npy` before the first round, places in order of rank
and -1 where there is none, and its `digest`, the sum of (rank + 1) * (place + 1) modulo 2^61, stands in the
ready line.
"""

import os
import platform
import time

import faiss
import numpy as np

import rounds

K = 100
# Users searched together by `evaluate`, and queries by the batches of `ivf` and `hnsw`.
GROUP, BATCH = 128, 64


def flat(vectors):
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(vectors)
    return index


def search_unseen(index, users, offsets, seen):
    """Places of the best `K` items that each user has not seen, -1 where there are fewer."""
    counts = np.diff(offsets)
    is_seen = np.zeros((len(users), index.ntotal), bool)
    is_seen[np.repeat(np.arange(len(users)), counts), seen] = True
    found = np.full((len(users), K), -1, np.int32)
    by_count = np.argsort(counts)
    for begin in range(0, len(users), GROUP):
        group = by_count[begin : begin + GROUP]
        # No user of the group has seen more than its last.
        k = min(K + int(counts[group[-1]]), index.ntotal)
        _, places = index.search(users[group], k)
        unseen = ~is_seen[group[:, None], places]
        rank = np.cumsum(unseen, axis=1, dtype=np.int32) - 1
        row, column = np.nonzero(unseen & (rank < K))
        found[group[row], rank[row, column]] = places[row, column]
    return found


def exact_rounds(what, load):
    """A function that searches, with its lists as its result."""
    if what == "evaluate":
        index, users = flat(load("items")), load("users")
        offsets, seen = load("seen_offsets"), load("seen")
        return lambda: search_unseen(index, users, offsets, seen)
    index, queries = flat(load("base")), load("queries")
    return lambda: index.search(queries, K)[1]


def approximate_rounds(index, queries):
    """A function that searches one by one and then in batches, with the seconds of both as its result."""

    def search(batch):
        begin = time.perf_counter()
        for first in range(0, len(queries), batch):
            index.search(queries[first : first + batch], K)
        return time.perf_counter() - begin

    return lambda: {"single_s": search(1), "batch_s": search(BATCH), "work": len(queries)}


def main():
    parser = rounds.arguments(__doc__)
    parser.add_argument("--what", choices=["evaluate", "exact", "ivf", "hnsw"], required=True)
    parser.add_argument("--nprobe", type=int, default=32, help="lists that `ivf` looks at")
    parser.add_argument("--ef-search", type=int, default=256, help="candidates that `hnsw` keeps")
    args = parser.parse_args()
    faiss.omp_set_num_threads(args.threads)
    versions = {"python": platform.python_version(), "numpy": np.__version__, "faiss": faiss.__version__}
    versions["faiss_options"] = faiss.get_compile_options().strip()

    def path(name):
        return os.path.join(args.data, name)

    def load(name):
        return np.load(path(f"{name}.npy"))

    if args.what in ("evaluate", "exact"):
        search = exact_rounds(args.what, load)
        found = search().astype(np.int32)
        np.save(path(f"{args.what}_peer.npy"), found)
        digest = int((np.arange(1, K + 1) * (found.astype(np.int64) + 1)).sum()) % 2**61

        def run():
            return {"work": len(search())}

        rounds.serve(run, versions, digest=str(digest))
    else:
        index = faiss.read_index(path(f"{args.what}.faiss"))
        name, value = {"ivf": ("nprobe", args.nprobe), "hnsw": ("efSearch", args.ef_search)}[args.what]
        # Sets it in an index that is wrapped in another, too.
        faiss.ParameterSpace().set_index_parameter(index, name, value)
        rounds.serve(approximate_rounds(index, load("queries")), versions)


if __name__ == "__main__":
    main()
