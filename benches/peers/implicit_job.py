"""The whole job with implicit: matrix factorisation by alternating least squares (ALS) or Bayesian ranking (BPR).

    python implicit_job.py --model als|bpr --threads N --data DIR --events 1e6 --lists FILE

As the library's tutorial has it: ALS of 64 factors over what BM25 makes of the counts (K1 = 100, B = 0.8), with
regularisation 0.05 and alpha 2, 15 iterations; BLAS on one thread, since the library has threads of its own. BPR has
64 factors, too, and what else are its defaults: 100 iterations, learning rate and regularisation 0.01.
"""

import numpy as np
from implicit.als import AlternatingLeastSquares
from implicit.bpr import BayesianPersonalizedRanking
from implicit.nearest_neighbours import bm25_weight
from scipy.sparse import csr_matrix
from threadpoolctl import threadpool_limits

import jobs

FACTORS = 64


def als(matrix, threads):
    weighted = bm25_weight(matrix.T, K1=100, B=0.8).T.tocsr()
    model = AlternatingLeastSquares(
        factors=FACTORS, regularization=0.05, alpha=2.0, num_threads=threads, random_state=1
    )
    model.fit(weighted, show_progress=False)
    return model


def bpr(matrix, threads):
    model = BayesianPersonalizedRanking(factors=FACTORS, num_threads=threads, random_state=1)
    model.fit(matrix, show_progress=False)
    return model


def main():
    parser = jobs.arguments(__doc__)
    parser.add_argument("--model", choices=["als", "bpr"], required=True)
    args = parser.parse_args()
    threadpool_limits(1, "blas")
    train = {"als": als, "bpr": bpr}[args.model]

    def run(frame, asked):
        users, user_ids = jobs.numbered(frame["user"])
        items, item_ids = jobs.numbered(frame["item"])
        shape = (len(user_ids), len(item_ids))
        matrix = csr_matrix((np.ones(len(frame), np.float32), (users, items)), shape=shape)
        model = train(matrix, args.threads)
        rows = user_ids.get_indexer(asked)
        found, _ = model.recommend(rows, matrix[rows], N=jobs.K, filter_already_liked_items=True)
        return item_ids.to_numpy()[found]

    jobs.serve(args, run, ("implicit", "numpy", "scipy", "pandas"))


if __name__ == "__main__":
    main()
