"""Trains YouTubeDNN in PyTorch, eagerly, on ours' batches and from ours' weights: what a step costs.

    python youtube_dnn_torch.py --threads N --data DIR [--steps 32]

Read are `DIR/youtube_dnn.safetensors`: weights, 16 batches, and ours' loss of each at those weights. If a
loss differs by more than 1e-4 of ours, it is not the same model, and nothing is measured.

A round is `--steps` steps of Adam over the batches in turn: forward, backward, update. Not timed are the
reading of the file and the making of batches (drawing negatives, slicing histories, finding distinct
candidates). `work` counts positives. Rounds go on with the weights of the last one.

Written for speed on a CPU: all histories are pooled by one product with a banded matrix, columns of users
enter the first layer once per chunk, negatives are shared, the loss has a gradient of its own that works in
the memory of the scores, the tables are small enough for dense gradients and a fused Adam, and denormal
numbers are flushed to zero.
"""

import os
import platform
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import load_file

import rounds

TEMPERATURE, BATCHES = 0.1, 16


class SampledSoftmax(torch.autograd.Function):
    """Mean of log(exp(own) + sum of exp(others)) - own; others at `hits` (rows, columns) do not count."""

    @staticmethod
    def forward(ctx, users, positives, negatives, log_expected, hits):
        users = users / TEMPERATURE
        scores = users.new_empty(len(users), 1 + len(negatives))
        own, others = scores[:, 0], scores[:, 1:]
        torch.sum(users * positives, 1, out=own)
        torch.addmm(log_expected, users, negatives.t(), beta=-1, out=others)
        others[hits] = -torch.inf
        torch.softmax(scores, 1, out=scores)
        loss = -own.log().mean()
        # The gradient by the scores, but for the mean.
        own -= 1
        ctx.save_for_backward(users, positives, negatives, scores)
        return loss

    @staticmethod
    def backward(ctx, gradient):
        users, positives, negatives, scores = ctx.saved_tensors
        own, others = scores[:, :1], scores[:, 1:]
        share = gradient / len(users)
        by_users = torch.addmm(own * positives, others, negatives).mul_(share / TEMPERATURE)
        users = users * share
        return by_users, users * own, others.t() @ users, None, None


class YoutubeDnn:
    """The weights, as leaves, and the loss."""

    def __init__(self, file):
        weights = {name[2:]: file[name].requires_grad_() for name in file if name.startswith("w/")}
        self.history, self.items = weights["history"], weights["items"]
        self.user = [weights[name] for name in sorted(weights) if name.startswith("user/")]
        self.log_weights, self.skip = weights["log_weights"], weights["skip"]
        self.layers = [(weights[f"mlp/{i}/weight"], weights[f"mlp/{i}/bias"]) for i in range(2)]
        self.parameters = list(weights.values())
        # Padding is a vector of zeros, and stays one: it gets no gradient.
        with torch.no_grad():
            self.history[0] = 0
        width, length = file["b/0/history"].shape[1], self.log_weights.shape[1]
        self.targets = width - length + 1
        # Puts the weight of each lag where a target, of [targets], sees an event, of [width], at that lag.
        lag = length - 1 + torch.arange(self.targets)[:, None] - torch.arange(width)
        self.spread = (lag.reshape(-1) == torch.arange(length)[:, None]).float()
        self.eye = torch.eye(self.history.shape[1])

    def pool(self, history):
        """[chunks, targets * heads, dim] of histories [chunks, width]."""
        log_weights, (chunks, width) = self.log_weights, history.shape
        by_lag = (log_weights - log_weights.detach().amax(1, keepdim=True)).exp()
        band = (by_lag @ self.spread).view(-1, self.targets, width).transpose(0, 1).reshape(-1, width)
        vectors = self.history.index_select(0, history.t().reshape(-1)).view(width, -1)
        sums = (band @ vectors).view(len(band), chunks, -1).transpose(0, 1).contiguous()
        total = (history != 0).float() @ band.t()
        return sums * total.clamp_min(1e-8).reciprocal().unsqueeze(2)

    def encode_users(self, batch):
        pooled = self.pool(batch["history"])
        chunks, dim = len(pooled), pooled.shape[2]
        pooled = pooled.view(chunks * self.targets, -1)
        (weight, bias), (last_weight, last_bias) = self.layers
        columns = [table.index_select(0, rows) for table, rows in zip(self.user, batch["user"])]
        columns = torch.cat(columns, 1)
        of_pooled, of_columns, of_size = weight.split([pooled.shape[1], columns.shape[1], 1])
        rest = torch.addmm(bias, columns, of_columns)[:, None] + batch["log_n"].view(chunks, -1, 1) * of_size
        # The first layer's and the skip connection's, in one product.
        skip = (self.skip.view(-1, 1, 1) * self.eye).view(-1, dim)
        x, skipped = (pooled @ torch.cat([of_pooled, skip], 1)).split([len(bias), dim], 1)
        x = F.gelu(x + rest.view(len(x), -1))
        return F.normalize(torch.addmm(last_bias, x, last_weight) + skipped, eps=1e-6)

    def loss(self, batch):
        users = self.encode_users(batch)
        items = F.normalize(self.items.index_select(0, batch["candidates"]), eps=1e-6)
        positives, negatives = batch["positives"], batch["negatives"]
        # Negatives are distinct: a positive is at most one of them.
        column = positives.new_full((len(items),), -1)
        column[negatives] = torch.arange(len(negatives))
        column = column[positives]
        rows = (column >= 0).nonzero().squeeze(1)
        chosen = items.index_select(0, positives), items.index_select(0, negatives)
        return SampledSoftmax.apply(users, *chosen, batch["log_expected"], (rows, column[rows]))


def main():
    parser = rounds.arguments(__doc__)
    parser.add_argument("--steps", type=int, default=32, help="of a round")
    args = parser.parse_args()
    # First, so that all threads do so: they inherit it.
    torch.set_flush_denormal(True)
    torch.set_num_threads(args.threads)
    file = load_file(os.path.join(args.data, "youtube_dnn.safetensors"))
    model = YoutubeDnn(file)
    names = "history", "user", "log_n", "candidates", "positives", "negatives", "log_expected"
    batches = [{name: file[f"b/{i}/{name}"] for name in names} for i in range(BATCHES)]
    for batch in batches:
        for name in names:
            if not batch[name].is_floating_point():
                batch[name] = batch[name].long()
    with torch.no_grad():
        expected = [file[f"b/{i}/loss"].item() for i in range(BATCHES)]
        differences = [abs(model.loss(batch).item() / loss - 1) for batch, loss in zip(batches, expected)]
    if not all(difference <= 1e-4 for difference in differences):
        sys.exit(f"losses differ from ours, relatively by {differences}")
    optimizer = torch.optim.Adam(model.parameters, lr=1e-3, fused=True)

    def run():
        for step in range(args.steps):
            batch = batches[step % BATCHES]
            loss = model.loss(batch)
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            model.history.grad[0] = 0
            optimizer.step()
        positives = sum(len(batches[step % BATCHES]["positives"]) for step in range(args.steps))
        return {"work": positives, "loss": loss.item()}

    versions = {"python": platform.python_version(), "torch": torch.__version__}
    rounds.serve(run, versions, loss_difference=max(differences))


if __name__ == "__main__":
    main()
