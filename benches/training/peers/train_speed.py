"""Times training steps of the three models in PyTorch and prints a line of JSON, as `train_speed` of u2i-bench-training does.

The models are those of `benches/training/src/lib.rs`: the same sizes, pooling, loss and optimizer. Written for speed: pooled
histories are one banded matrix product per batch, the loss is one matrix product over shared negatives, tables have
sparse gradients (SparseAdam) where the size asks for it, and batches are made before the clock starts, in pinned
memory, so that their making costs nothing here while it is part of what is timed of u2i.

    python train_speed.py --model youtube_dnn --size ml-1m --device auto
"""

import argparse
import json
import math
import time

import torch
import torch.nn.functional as F
from torch import nn

TARGETS, HISTORY, NEGATIVES, GENRES, GENRES_OF_ITEM = 64, 50, 512, 18, 2
USER_COLUMNS = [2, 7, 21, 676]
SIZES = {
    "tiny": dict(items=500, users=200, chunks=4, dim=16),
    "ml-1m": dict(items=3_706, users=6_040, chunks=32, dim=64),
    "large": dict(items=1_000_000, users=100_000, chunks=128, dim=64),
}
SLOPES = {"fm": [0.02, 0.1, 0.5, 3.0], "dssm": [0.0, 0.05, 0.3, 2.0], "youtube_dnn": [0.0, 0.05, 0.3, 2.0]}


def arguments():
    parser = argparse.ArgumentParser()
    parser.add_argument("--model", choices=SLOPES, required=True)
    parser.add_argument("--size", choices=SIZES, required=True)
    parser.add_argument("--device", default="auto")
    parser.add_argument("--steps", type=int, default=160)
    parser.add_argument("--warm-up", type=int, default=48)
    return parser.parse_args()


def mlp(inputs, dim):
    return nn.Sequential(nn.Linear(inputs, 128), nn.GELU(), nn.Linear(128, dim))


class TwoTower(nn.Module):
    def __init__(self, model, items, dim, sparse):
        super().__init__()
        self.model, self.dim = model, dim
        slopes = torch.tensor(SLOPES[model])
        lags = torch.arange(HISTORY)
        self.log_weights = nn.Parameter(-slopes[:, None] * lags)

        def table(n, dim, sd):
            return self.table(n, dim, sd, sparse)

        n_history = len(slopes) if model == "fm" else 1
        self.history = nn.ModuleList(table(items + 1, dim, 0.05) for _ in range(n_history))
        self.items = table(items + 1, dim, 0.05)
        column_dim = dim if model == "fm" else 16
        self.user = nn.ModuleList(self.table(n + 2, column_dim, 0.05, False) for n in USER_COLUMNS)
        if model == "fm":
            self.item_weights = table(items + 1, 1, 0.001)
            self.genres = self.table(GENRES + 2, dim, 0.05, False)
            self.genre_weights = self.table(GENRES + 2, 1, 0.001, False)
        else:
            self.user_mlp = mlp(len(slopes) * dim + 16 * len(USER_COLUMNS) + 1, dim)
            self.skip = nn.Parameter(torch.full((1, len(slopes), 1), 1 / len(slopes)))
        if model == "dssm":
            self.genres = self.table(GENRES + 2, 16, 0.05, False)
            self.item_mlp = mlp(dim + 16, dim)

    @staticmethod
    def table(n, dim, sd, sparse):
        embedding = nn.Embedding(n, dim, sparse=sparse)
        nn.init.normal_(embedding.weight, 0, sd)
        return embedding

    def pool(self, history, lag, inside):
        """[chunks, TARGETS, heads, dim] of histories [chunks, HISTORY + TARGETS - 1]."""
        chunks, width = history.shape
        largest = self.log_weights.detach().amax(1, keepdim=True)
        band = torch.exp(self.log_weights - largest)[:, lag] * inside
        heads = band.shape[0]
        total = band.sum(2).t()[None, :, :, None]
        if len(self.history) > 1:
            sums = [
                (band[k] @ table(history).transpose(0, 1).reshape(width, -1)).view(TARGETS, chunks, -1)
                for k, table in enumerate(self.history)
            ]
            sums = torch.stack(sums, 1)
        else:
            vectors = self.history[0](history).transpose(0, 1).reshape(width, -1)
            sums = (band.transpose(0, 1).reshape(-1, width) @ vectors).view(TARGETS, heads, chunks, -1)
        return sums.permute(2, 0, 1, 3) / total

    def encode_users(self, batch):
        pooled = self.pool(batch["history"], batch["lag"], batch["inside"])
        chunks = pooled.shape[0]
        columns = [table(batch["user"][i]) for i, table in enumerate(self.user)]
        if self.model == "fm":
            vectors = pooled.sum(2) + sum(columns)[:, None]
            return vectors.reshape(-1, self.dim)
        columns = [column[:, None].expand(chunks, TARGETS, 16) for column in columns]
        x = torch.cat([pooled.reshape(chunks, TARGETS, -1), *columns, batch["log_n"]], 2)
        x = self.user_mlp(x) + (pooled * self.skip).sum(2)
        return F.normalize(x.reshape(-1, self.dim), dim=1)

    def encode_items(self, batch):
        ids, genres = batch["candidates"], batch["genres"]
        vectors = self.items(ids)
        if self.model == "youtube_dnn":
            return F.normalize(vectors, dim=1), None
        of_genres = self.genres(genres)
        if self.model == "dssm":
            x = torch.cat([vectors, of_genres.sum(1)], 1)
            return F.normalize(self.item_mlp(x) + vectors, dim=1), None
        total = vectors + of_genres.sum(1)
        squares = vectors**2 + (of_genres**2).sum(1)
        own = self.item_weights(ids) + self.genre_weights(genres).sum(1)
        return total, (own + 0.5 * (total**2 - squares).sum(1, keepdim=True)).squeeze(1)

    def loss(self, batch):
        users, (items, bias) = self.encode_users(batch), self.encode_items(batch)
        scale = 1.0 if self.model == "fm" else 10.0
        users = users * scale
        positives, negatives = items[batch["positives"]], items[batch["negatives"]]
        own = (users * positives).sum(1)
        others = torch.addmm(-batch["log_expected"][None], users, negatives.t())
        if bias is not None:
            own, others = own + bias[batch["positives"]], others + bias[batch["negatives"]][None]
        hits = batch["positives"][:, None] == batch["negatives"][None]
        others = others.masked_fill(hits, -math.inf)
        return (torch.logaddexp(own, others.logsumexp(1)) - own).mean()


def batches(size, n, device, generator):
    """Batches of the shape of ours, in pinned memory where there is a card."""
    items, chunks = size["items"], size["chunks"]
    log = math.log(items + 1)

    def draw(*shape):
        rank = torch.exp(torch.rand(*shape, generator=generator) * log).long().clamp(1, items)
        return 1 + (rank * 7_919) % items

    position = torch.arange(TARGETS)[:, None]
    lag = HISTORY - 1 + position - torch.arange(HISTORY + TARGETS - 1)[None]
    inside = ((lag >= 0) & (lag < HISTORY)).float()
    fixed = {"lag": lag.clamp(0, HISTORY - 1).to(device), "inside": inside.to(device)}
    made = []
    for _ in range(n):
        targets = draw(chunks * TARGETS)
        drawn = torch.randint(1, items + 1, (NEGATIVES,), generator=generator)
        negatives, count = drawn.unique(return_counts=True)
        candidates, places = torch.cat([targets, negatives]).unique(return_inverse=True)
        batch = {
            "history": draw(chunks, HISTORY + TARGETS - 1),
            "user": torch.stack([torch.randint(2, n + 2, (chunks,), generator=generator) for n in USER_COLUMNS]),
            "log_n": torch.rand(chunks, TARGETS, 1, generator=generator),
            "candidates": candidates,
            "genres": 2 + (candidates[:, None] * GENRES_OF_ITEM + torch.arange(GENRES_OF_ITEM)) % GENRES,
            "positives": places[: len(targets)],
            "negatives": places[len(targets) :],
            "log_expected": math.log(NEGATIVES / items) - count.float().log(),
        }
        made.append({key: value.pin_memory() if device.type == "cuda" else value for key, value in batch.items()})
    return made, fixed


def main():
    args = arguments()
    name = args.device
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    device = torch.device(name)
    sync = torch.cuda.synchronize if device.type == "cuda" else lambda: None
    size, sparse = SIZES[args.size], args.size == "large"
    generator = torch.Generator().manual_seed(1)
    torch.manual_seed(1)
    model = TwoTower(args.model, size["items"], size["dim"], sparse).to(device)
    rows = [module.weight for module in model.modules() if isinstance(module, nn.Embedding) and module.sparse]
    ids = {id(weight) for weight in rows}
    dense = [parameter for parameter in model.parameters() if id(parameter) not in ids]
    optimizers = [torch.optim.Adam(dense, lr=1e-3, fused=device.type == "cuda")]
    if rows:
        optimizers.append(torch.optim.SparseAdam(rows, lr=1e-3))
    made, fixed = batches(size, 16, device, generator)
    targets = size["chunks"] * TARGETS
    loss = None
    for step in range(args.warm_up + args.steps):
        if step == args.warm_up:
            sync()
            begin = time.perf_counter()
        batch = {key: value.to(device, non_blocking=True) for key, value in made[step % len(made)].items()}
        loss = model.loss({**batch, **fixed})
        for optimizer in optimizers:
            optimizer.zero_grad(set_to_none=True)
        loss.backward()
        for optimizer in optimizers:
            optimizer.step()
    sync()
    seconds = time.perf_counter() - begin
    print(json.dumps({
        "framework": f"PyTorch {torch.__version__}",
        "model": args.model,
        "size": args.size,
        "device": device.type,
        "adapter": torch.cuda.get_device_name(device) if device.type == "cuda" else None,
        "samples_per_s": targets * args.steps / seconds,
        "step_ms": 1e3 * seconds / args.steps,
        "loss": loss.item(),
    }))


if __name__ == "__main__":
    main()
