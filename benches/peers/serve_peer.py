"""Serves a bundle of ours as people serve a recall model today: FastAPI on uvicorn, a PyTorch tower, faiss.

    U2I_PEER_BUNDLE=DIR python -m uvicorn serve_peer:app --app-dir benches/peers --port N --workers 2 \
        --loop uvloop --http httptools --no-access-log --log-level warning

`POST /recommend` takes `{"history": ["12", "7"], "k": 100}`, oldest first, and answers with the best `k` items that are not
in it: id, title, score and number of training events of each, as ours does. `GET /healthz` says when it is ready. The tower
has the weights of `weights.safetensors`, the search is that of `index.faiss` itself, with its settings, so that both sides
walk the same graph.

Written for speed where that is usual: uvloop and httptools, orjson for answers, no access log, one thread of PyTorch and
faiss in each worker and a worker for each core, an `async` endpoint that computes in the event loop (a thread pool would add
a switch of threads to less than a millisecond of work), inference mode, one user without padding, weights of the pooling
computed beforehand for each length of a history, the garbage collector told to leave alone what is loaded. faiss is asked for
as many items more as the history has, and those that are in it are taken out. Batches are not gathered from several requests:
that takes a queue and a timer, which are a framework of their own (Triton, Ray Serve).
"""

import gc
import json
import math
import os
from importlib.metadata import version

import faiss
import orjson
import pyarrow.parquet as parquet
import torch
import torch.nn.functional as F
from fastapi import FastAPI, Response
from pydantic import BaseModel, Field
from safetensors.torch import load_file


class Tower:
    """The user tower of YouTubeDNN: histories pooled by recency, two dense layers, a sum of the pooled vectors."""

    def __init__(self, weights):
        def take(end):
            return next(tensor for name, tensor in weights.items() if name.endswith(end)).contiguous()

        self.items = take("items.weight")
        # [outputs, inputs], as a product with one vector reads it.
        layers = [(take(f"mlp.layers.{i}.weight"), take(f"mlp.layers.{i}.bias")) for i in range(2)]
        self.layers = [(weight.t().contiguous(), bias) for weight, bias in layers]
        self.skip = take("user.skip").reshape(1, -1)
        log_weights = take("log_weights")
        self.length = log_weights.shape[1]
        # Of the oldest to the newest of so many events, [heads, events]; lag 0 is the newest.
        self.shares = [log_weights[:, :n].softmax(1).flip(1) for n in range(self.length + 1)]

    def __call__(self, rows):
        """The vector, [1, dim], of a user with these items, the newest last."""
        newest = torch.tensor(rows[-self.length :])
        pooled = self.shares[len(newest)] @ self.items.index_select(0, newest)
        size = torch.tensor([math.log1p(len(rows)) / 5])
        (weight, bias), (last_weight, last_bias) = self.layers
        x = F.gelu(torch.addmv(bias, weight, torch.cat([pooled.view(-1), size])))
        output = torch.addmv(last_bias, last_weight, x) + self.skip @ pooled
        return F.normalize(output)


class Recommender:
    def __init__(self, folder):
        self.tower = Tower(load_file(os.path.join(folder, "weights.safetensors")))
        self.index = faiss.read_index(os.path.join(folder, "index.faiss"))
        with open(os.path.join(folder, "manifest.json")) as file:
            spec = json.load(file)["index"]["spec"]
        if "hnsw" in spec:
            self.index.hnsw.efSearch = spec["hnsw"]["ef_search"]
        items = parquet.read_table(os.path.join(folder, "items.parquet"))
        self.ids, self.titles, self.counts = (
            items[name].to_pylist() for name in ("item_id", "title", "train_count")
        )
        self.place = {item_id: place for place, item_id in enumerate(self.ids)}

    @torch.inference_mode()
    def recommend(self, history, k):
        known = [self.place[item_id] for item_id in history if item_id in self.place]
        if not known:
            return {"strategy": "popular", "items": []}
        # Row 0 of the table is padding.
        user = self.tower([place + 1 for place in known])
        scores, places = self.index.search(user.numpy(), k + len(known))
        seen = set(known)
        ids, titles, counts = self.ids, self.titles, self.counts
        items = [
            {"id": ids[place], "title": titles[place], "score": score, "train_count": counts[place]}
            for place, score in zip(places[0].tolist(), scores[0].tolist())
            if place >= 0 and place not in seen
        ]
        return {"strategy": "model", "items": items[:k]}


class Request(BaseModel):
    history: list[str]
    k: int = Field(10, ge=1, le=1000)


app = FastAPI()

torch.set_num_threads(1)
faiss.omp_set_num_threads(1)
recommender = Recommender(os.environ["U2I_PEER_BUNDLE"])
gc.collect()
gc.freeze()


@app.post("/recommend")
async def recommend(request: Request):
    answer = recommender.recommend(request.history, request.k)
    return Response(orjson.dumps(answer), media_type="application/json")


@app.get("/healthz")
async def healthz():
    packages = ("fastapi", "uvicorn", "uvloop", "httptools", "pydantic", "orjson", "torch", "faiss-cpu")
    return {name: version(name) for name in packages}

