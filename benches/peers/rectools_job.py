"""The whole job with RecTools: SASRec, as its tutorial on transformers has it for many items.

    python rectools_job.py --threads N --data DIR --events 1e6 --lists FILE

The loss is gBCE over 64 sampled negatives with t = 0.75, since a softmax over all items is out of reach; two blocks of
64 numbers with two heads, sessions of up to 32 events, batches of 256 sessions, three epochs, learning rate 0.001 and
dropout 0.2, all but the sizes being the library's defaults. Its loader, its negatives and its own search are part of a
round.
"""

import warnings

import pandas as pd
import torch
from rectools import Columns
from rectools.dataset import Dataset
from rectools.models import SASRecModel

import jobs


def main():
    args = jobs.arguments(__doc__).parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)

    def run(frame, asked):
        events = pd.DataFrame(
            {
                Columns.User: frame["user"],
                Columns.Item: frame["item"],
                Columns.Weight: 1,
                Columns.Datetime: pd.to_datetime(frame["time"], unit="s"),
            }
        )
        dataset = Dataset.construct(events)
        model = SASRecModel(
            n_factors=64,
            n_blocks=2,
            n_heads=2,
            session_max_len=32,
            loss="gBCE",
            n_negatives=64,
            gbce_t=0.75,
            batch_size=256,
            epochs=3,
            recommend_torch_device="cpu",
            recommend_n_threads=args.threads,
        )
        model.fit(dataset)
        found = model.recommend(users=asked, dataset=dataset, k=jobs.K, filter_viewed=True)
        lists = found.sort_values(Columns.Rank).groupby(Columns.User)[Columns.Item].apply(list)
        return [lists.get(user, []) for user in asked]

    jobs.serve(args, run, ("rectools", "torch", "pytorch-lightning", "numpy", "pandas"))


if __name__ == "__main__":
    main()
