"""Trains a model of torch-rechub with its own trainer, as its users do: what an epoch costs.

    python rechub.py --threads N --data DIR --model youtube_dnn|dssm --negatives N

Read are `DIR/rechub.safetensors`: for each positive its user, the 50 items before it (newest last, 0 is
padding) and its target; columns of users, and genres of items. The models are `YoutubeDNN`, a softmax over a
positive and negatives of its own, and `DSSM`, binary cross-entropy of rows of a user and an item, each
positive followed by its negatives. Both have vectors of 64 numbers, a hidden layer of 128, histories that
become their mean, and batches of 2,048 positives (and, of DSSM, their negatives).

A round is one epoch of `MatchTrainer.train_one_epoch`, and the making of batches by the loader that
`MatchDataGenerator` gives (shuffled, no workers) is part of it, as it is part of what its users wait for.
Not timed are the reading of the file and the drawing of negatives, uniformly and once for all rounds. `work`
counts positives of `YoutubeDNN` and rows, positives and negatives, of `DSSM`. Rounds go on with the weights
of the last one.

As the library has it, all columns have vectors as long as those of items, each dense layer is followed by
batch normalisation and an activation, the last one, too, and `DSSM` leaves out its temperature.
"""

import os
import platform
from importlib.metadata import version

import numpy as np
import torch
from safetensors.numpy import load_file
from torch_rechub.basic.features import SequenceFeature, SparseFeature
from torch_rechub.models.matching import DSSM, YoutubeDNN
from torch_rechub.trainers import MatchTrainer
from torch_rechub.utils.data import MatchDataGenerator

import rounds

DIM, HIDDEN, BATCH, TEMPERATURE = 64, 128, 2048, 0.1


def user_side(file, rows):
    """Features of users, and what they are of the positives, repeated `rows` times."""
    users, history = (file[name].repeat(rows, axis=0) for name in ("users", "history"))
    n_items = int(file["items"][0])
    shared = {"shared_with": "item", "padding_idx": 0}
    features = [SequenceFeature("history", n_items + 1, DIM, pooling="mean", **shared)]
    x = {"history": history}
    for i, column in enumerate(file["user_columns"]):
        features.append(SparseFeature(f"column_{i}", int(column.max()) + 1, DIM))
        x[f"column_{i}"] = column[users]
    return features, x


def youtube_dnn(file, negatives, generator):
    """Model, trainer's mode, inputs and labels: a row per positive."""
    features, x = user_side(file, 1)
    n, n_items = len(file["targets"]), int(file["items"][0])
    x["item"] = file["targets"]
    x["negatives"] = generator.integers(1, n_items + 1, (n, negatives), dtype=np.int32)
    item = SparseFeature("item", n_items + 1, DIM)
    others = SequenceFeature("negatives", n_items + 1, DIM, pooling="concat", shared_with="item")
    model = YoutubeDNN(features, [item], [others], {"dims": [HIDDEN, DIM]}, temperature=TEMPERATURE)
    # The positive stands first.
    return model, 2, x, np.zeros(n, np.int64)


def dssm(file, negatives, generator):
    """The same, with a row per positive and one per negative."""
    features, x = user_side(file, 1 + negatives)
    n, n_items, genres = len(file["targets"]), int(file["items"][0]), file["genres"]
    items = generator.integers(1, n_items + 1, (n, 1 + negatives), dtype=np.int32)
    items[:, 0] = file["targets"]
    labels = np.zeros(items.shape, np.float32)
    labels[:, 0] = 1
    x["item"] = items.reshape(-1)
    x["genres"] = genres[x["item"]]
    item = [
        SparseFeature("item", n_items + 1, DIM),
        SequenceFeature("genres", int(genres.max()) + 1, DIM, pooling="mean", padding_idx=0),
    ]
    # Activated as in the library's example of the model.
    tower = {"dims": [HIDDEN, DIM], "activation": "prelu"}
    return DSSM(features, item, tower, tower, temperature=TEMPERATURE), 0, x, labels.reshape(-1)


def main():
    parser = rounds.arguments(__doc__)
    parser.add_argument("--model", choices=["youtube_dnn", "dssm"], required=True)
    parser.add_argument("--negatives", type=int, required=True, help="of each positive")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    file = load_file(os.path.join(args.data, "rechub.safetensors"))
    make = {"youtube_dnn": youtube_dnn, "dssm": dssm}[args.model]
    model, mode, x, y = make(file, args.negatives, np.random.default_rng(1))
    few = {name: values[:1] for name, values in x.items()}
    batch = BATCH * len(y) // len(file["targets"])
    loader, _, _ = MatchDataGenerator(x, y).generate_dataloader(few, few, batch_size=batch, num_workers=0)
    adam = {"lr": 1e-3, "weight_decay": 1e-6}
    trainer = MatchTrainer(model, mode=mode, optimizer_params=adam, device="cpu")

    def run():
        return {"loss": trainer.train_one_epoch(loader), "work": len(y)}

    versions = {name: version(name) for name in ("torch-rechub", "torch", "numpy")}
    rounds.serve(run, {"python": platform.python_version(), **versions})


if __name__ == "__main__":
    main()
