"""Searches with faiss from Python, on vectors and indices that ours wrote: what a search costs.

    python faiss_flat.py --threads N --data DIR --what evaluate|exact|ivf|hnsw [--batch 1]

- `evaluate`: the best 100 of `items.npy` for each of `users.npy`, without what each has seen, which is
  `seen.npy[seen_offsets[user] : seen_offsets[user + 1]]`. A flat index has no filter per query: it is asked
  for as many more as the users of a group have seen at most, users of similar numbers being a group, and
  numpy takes out what they have seen. A round is the grouping, the searches and the taking out.
- `exact`: the best 100 of `base.npy` for each of `queries.npy`, all queries in one call.
- `ivf`, `hnsw`: the same with the index in `ivf.faiss` or `hnsw.faiss`, so many queries at a time.

Not timed are the reading of files and the adding to an index. `work` counts queries. What the first two find
is written to `DIR/evaluate_peer.npy` or `DIR/exact_peer.npy` before the first round, places in order of rank
and -1 where there is none.
"""

import os
import platform

import faiss
import numpy as np

import rounds

K = 100
# Users searched together by `evaluate`.
GROUP = 128
# As ours searches them: lists that are looked at, candidates that are kept.
SETTINGS = {"ivf": ("nprobe", 32), "hnsw": ("efSearch", 256)}


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


def approximate_round(index, queries, batch):
    """Searches all queries, `batch` at a time."""
    for first in range(0, len(queries), batch):
        index.search(queries[first : first + batch], K)
    return {"work": len(queries)}


def main():
    parser = rounds.arguments(__doc__)
    parser.add_argument("--what", choices=["evaluate", "exact", "ivf", "hnsw"], required=True)
    parser.add_argument("--batch", type=int, default=1, help="queries that `ivf` and `hnsw` search together")
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
        np.save(path(f"{args.what}_peer.npy"), search().astype(np.int32))
        rounds.serve(lambda: {"work": len(search())}, versions)
    else:
        index = faiss.read_index(path(f"{args.what}.faiss"))
        faiss.ParameterSpace().set_index_parameter(index, *SETTINGS[args.what])
        queries = load("queries")
        rounds.serve(lambda: approximate_round(index, queries, args.batch), versions)


if __name__ == "__main__":
    main()
