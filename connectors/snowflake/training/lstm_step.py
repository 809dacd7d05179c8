"""One round of local LSTM training inside Snowflake: rows in, a weight update out, no row leaves.

The handler of a Snowpark procedure (procedure.ts). It does what the product's own training thread does, number for number up to
float32 rounding: windows over scaled rows that cross no entity and no gap, batches in the order of the job's seed, PyTorch's
LSTM and GRU with a linear head, SGD or Adam. Its one argument is the job:

  silo, seed, round, epochs, batch   as in the training job; they decide the order of the windows
  query      the feature query: time in seconds, entity (any text), then the features; ordered by entity and time
  scales     per feature [mean, deviation]
  targets    positions of the targets among the features
  window, horizon, step              rows of a window, rows ahead, seconds between rows that belong together
  spec       cell, inputs, hidden, layers, outputs, biases (1 or 2), readout ("last" or "every"), loss ("mse", "mae", "huber")
  optimizer  name ("sgd", "adam", "adamw"), learningRate, momentum, weightDecay, clipNorm, proximal
  weights    float32, little-endian, base64, in the order of torch.nn.LSTM followed by torch.nn.Linear
"""

import base64
import hashlib
import json

import numpy as np
import torch
from torch import nn


def run(session, job):
    values, starts = windows_of(session.sql(job["query"]).to_local_iterator(), job)
    if len(starts) == 0:
        raise ValueError("the query has no whole window")
    before = np.frombuffer(base64.b64decode(job["weights"]), dtype="<f4")
    recurrent, head, parameters = network(job["spec"])
    load(parameters, before)
    loss = train(recurrent, head, parameters, torch.from_numpy(values), starts, job)
    after = np.concatenate([p.detach().numpy().reshape(-1) for p in parameters])
    update = (after - before).astype("<f4")
    return {"update": base64.b64encode(update.tobytes()).decode(), "windows": len(starts), "loss": loss}


def windows_of(rows, job):
    """Scaled rows, and the first rows of all windows that fit between two breaks."""
    features, breaks, last = [], [0], None
    for time, entity, *values in rows:
        follows = last is not None and entity == last[1] and abs(time - last[0] - job["step"]) < 1e-6 * job["step"]
        if last is not None and not follows:
            breaks.append(len(features))
        last = (time, entity)
        features.append([(float(v) - mean) / deviation for v, (mean, deviation) in zip(values, job["scales"])])
    length = job["window"] + job["horizon"]
    ends = [*breaks[1:], len(features)]
    starts = [s for first, end in zip(breaks, ends) for s in range(first, end - length + 1)]
    return np.array(features, dtype=np.float32), np.array(starts, dtype=np.int64)


def network(spec):
    kind = nn.LSTM if spec["cell"] == "lstm" else nn.GRU
    recurrent = kind(spec["inputs"], spec["hidden"], spec["layers"], batch_first=True)
    head = nn.Linear(spec["hidden"], spec["outputs"])
    if spec["biases"] == 1:
        for layer in range(spec["layers"]):
            bias = getattr(recurrent, f"bias_hh_l{layer}")
            nn.init.zeros_(bias)
            bias.requires_grad_(False)
    return recurrent, head, [p for p in [*recurrent.parameters(), *head.parameters()] if p.requires_grad]


def load(parameters, weights):
    if sum(p.numel() for p in parameters) != len(weights):
        raise ValueError("the weights are not those of the model")
    at = 0
    with torch.no_grad():
        for p in parameters:
            p.copy_(torch.from_numpy(weights[at : at + p.numel()].reshape(p.shape).copy()))
            at += p.numel()


def train(recurrent, head, parameters, values, starts, job):
    spec, optimizer = job["spec"], job["optimizer"]
    step = optimizer_of(optimizer, parameters)
    centre = [p.detach().clone() for p in parameters]
    every = spec["readout"] == "every"
    mean = 0.0
    for epoch in range(1, job["epochs"] + 1):
        order, total = shuffled(starts, seed_of(job["seed"], job["silo"], job["round"], epoch)), 0.0
        for at in range(0, len(order), job["batch"]):
            batch = torch.from_numpy(order[at : at + job["batch"]])
            steps = batch[:, None] + torch.arange(job["window"])
            expected = values[steps + job["horizon"]][:, :, job["targets"]]
            hidden, _ = recurrent(values[steps])
            outputs = head(hidden if every else hidden[:, -1])
            loss = loss_of(spec, outputs, expected if every else expected[:, -1])
            step.zero_grad()
            loss.backward()
            for p, c in zip(parameters, centre):
                p.grad += optimizer.get("proximal", 0) * (p.detach() - c)
            if "clipNorm" in optimizer:
                nn.utils.clip_grad_norm_(parameters, optimizer["clipNorm"])
            step.step()
            total += loss.item() * len(batch)
        mean = total / len(order)
    return mean


def loss_of(spec, outputs, expected):
    if spec["loss"] == "mae":
        return nn.functional.l1_loss(outputs, expected)
    if spec["loss"] == "huber":
        return nn.functional.huber_loss(outputs, expected, delta=spec.get("delta", 1))
    if spec["loss"] == "mse":
        return nn.functional.mse_loss(outputs, expected)
    raise ValueError(f"the loss {spec['loss']} is not trained inside Snowflake")


def optimizer_of(spec, parameters):
    rate, decay = spec["learningRate"], spec.get("weightDecay", 0)
    if spec["name"] == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=spec.get("momentum", 0), weight_decay=decay)
    if spec["name"] == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=decay)
    if spec["name"] == "adamw":
        return torch.optim.AdamW(parameters, rate, weight_decay=spec.get("weightDecay", 0.01))
    raise ValueError(f"the optimizer {spec['name']} is not run inside Snowflake")


def seed_of(*parts):
    """The product's seeds: the first 32 bits, little-endian, of SHA-256 over the parts as JSON."""
    text = json.dumps(parts, separators=(",", ":"), ensure_ascii=False)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "little")


def shuffled(starts, seed):
    """Fisher-Yates over MT19937 without bias, as the product's."""
    random, order = np.random.RandomState(seed), starts.copy()
    for i in range(len(order) - 1, 0, -1):
        limit = 2**32 - 2**32 % (i + 1)
        draw = limit
        while draw >= limit:
            draw = int(random.randint(0, 2**32, dtype=np.uint32))
        j = draw % (i + 1)
        order[i], order[j] = order[j], order[i]
    return order
