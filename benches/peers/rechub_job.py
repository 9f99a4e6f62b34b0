"""The whole job with torch-rechub: YoutubeDNN or DSSM, as the library's examples of them have it.

    python rechub_job.py --model youtube_dnn|dssm --threads N --data DIR --events 1e6 --lists FILE

Samples are those of `generate_seq_feature_match` and `gen_model_input`, which hold the last event of each user out, as ours
does for validation, and write each history out; 50 items of it are used. `MatchTrainer` trains five epochs in batches of
2,048 positives: YoutubeDNN by a softmax over a positive and 20 negatives, drawn by popularity, at temperature 0.1; DSSM by
binary cross-entropy of a positive and 3 negatives, each a row. Vectors have 64 numbers, towers a hidden layer of 128, users
no column but their history. As in the examples: Adam, weight decay 1e-6, and vectors by `inference_embedding`. The
learning rate is 0.001. In place of the examples' Annoy, torch compares all items, which is exact.
"""

import tempfile

import numpy as np
import pandas as pd
import torch
from torch_rechub.basic.features import SequenceFeature, SparseFeature
from torch_rechub.models.matching import DSSM, YoutubeDNN
from torch_rechub.trainers import MatchTrainer
from torch_rechub.utils.data import MatchDataGenerator, pad_sequences
from torch_rechub.utils.match import gen_model_input, generate_seq_feature_match

import jobs

DIM, HIDDEN, LENGTH, BATCH, EPOCHS, TEMPERATURE = 64, 128, 50, 2048, 5, 0.1
# Users that are searched for together.
GROUP = 256
# Negatives of each positive, and the library's number for what is trained: by lists or by points.
MODELS = {"youtube_dnn": (20, 2), "dssm": (3, 0)}


def build(name, n_items):
    """The model, over items from 1 to `n_items`."""
    history = SequenceFeature("hist_item", n_items + 1, DIM, pooling="mean", shared_with="item", padding_idx=0)
    item = SparseFeature("item", n_items + 1, DIM)
    if name == "youtube_dnn":
        others = SequenceFeature("neg_items", n_items + 1, DIM, pooling="concat", shared_with="item")
        return YoutubeDNN([history], [item], [others], {"dims": [HIDDEN, DIM]}, temperature=TEMPERATURE)
    tower = {"dims": [HIDDEN, DIM], "activation": "prelu"}
    return DSSM([history], [item], tower, tower, temperature=TEMPERATURE)


def best(users, items, seen):
    """Places of the best `K` of `items` by inner product for each of `users`, without those of `seen`."""
    found = []
    for begin in range(0, len(users), GROUP):
        scores = users[begin : begin + GROUP] @ items.T
        for row, own in enumerate(seen[begin : begin + GROUP]):
            scores[row, own] = -torch.inf
        found.append(torch.topk(scores, jobs.K).indices)
    return torch.cat(found).numpy()


def main():
    parser = jobs.arguments(__doc__)
    parser.add_argument("--model", choices=list(MODELS), required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    np.random.seed(1)
    negatives, mode = MODELS[args.model]

    def run(frame, asked):
        users, user_ids = jobs.numbered(frame["user"])
        items, item_ids = jobs.numbered(frame["item"])
        events = pd.DataFrame({"user": users, "item": items + 1, "time": frame["time"]})
        n_items = len(item_ids)
        samples, _ = generate_seq_feature_match(
            events, "user", "item", "time", sample_method=1, mode=mode, neg_ratio=negatives
        )
        profiles = pd.DataFrame({"user": np.arange(len(user_ids))}), pd.DataFrame({"item": np.arange(n_items) + 1})
        x = gen_model_input(samples, profiles[0], "user", profiles[1], "item", LENGTH)
        # The positive stands first in a list.
        y = x["label"] if mode == 0 else np.zeros(len(samples), np.int64)

        places = user_ids.get_indexer(asked)
        own = events[events["user"].isin(places)].groupby("user")["item"].apply(list)
        histories = [own[place] for place in places]
        test = {"hist_item": pad_sequences(histories, maxlen=LENGTH, value=0, padding="pre", truncating="pre")}
        every = {"item": np.arange(n_items) + 1}
        batch = BATCH * (1 + negatives) if mode == 0 else BATCH
        loaders = MatchDataGenerator(x, y).generate_dataloader(test, every, batch_size=batch, num_workers=0)
        model = build(args.model, n_items)
        with tempfile.TemporaryDirectory() as folder:
            adam = {"lr": 1e-3, "weight_decay": 1e-6}
            trainer = MatchTrainer(
                model, mode=mode, optimizer_params=adam, n_epoch=EPOCHS, device="cpu", model_path=folder
            )
            trainer.fit(loaders[0])
            user_vectors = trainer.inference_embedding(model, "user", loaders[1], folder)
            item_vectors = trainer.inference_embedding(model, "item", loaders[2], folder)
        seen = [np.asarray(history) - 1 for history in histories]
        return item_ids.to_numpy()[best(user_vectors, item_vectors, seen)]

    jobs.serve(args, run, ("torch-rechub", "torch", "numpy", "pandas"))


if __name__ == "__main__":
    main()
