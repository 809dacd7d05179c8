"""Local LSTM training inside Snowflake: rows in, a weight update or sums of errors out, no row leaves.

The handler of a Snowpark procedure (procedure.ts). It does what the product's own training thread does, number for number up to
the rounding of float32: windows over scaled rows that cross no entity, gap, NULL or border of the split, batches in the order of the
job's seed, PyTorch's LSTM and GRU with a linear head, SGD or Adam. Its one argument is a job of connectors/training-step.ts,
whose "ask" is describe, train, evaluate or alone; the answer is what is said there of it.
"""

import base64
import datetime
import hashlib
import json
import math
import time

import numpy as np
import torch
from torch import nn

PARTS = ("train", "validation", "test")
EPOCH = datetime.datetime(1970, 1, 1)


def run(session, job):
    rows = Rows(session.sql(job["query"]).to_local_iterator(), job)
    asks = {"describe": describe, "train": train, "evaluate": evaluate, "alone": alone}
    return asks[job["ask"]](rows, job)


def number(value):
    """Microseconds of dates and times, as the product counts them; other values as they are."""
    if isinstance(value, datetime.datetime):
        naive = value if value.tzinfo is None else value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
        return float((naive - EPOCH) // datetime.timedelta(microseconds=1))
    if isinstance(value, datetime.date):
        return (value - EPOCH.date()).days * 86400e6
    if isinstance(value, datetime.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1e6 + value.microsecond
    return float(value)


class Rows:
    """The rows without a NULL, as float32 differences from each feature's first value; segments and windows of each part."""

    def __init__(self, given, job):
        names, first = job["names"], 2 if job["entity"] else 1
        times, values, breaks, entities, received, entity = [], [], [0], 0, 0, None
        seen = [False] * len(names)
        for row in given:
            row = tuple(row)
            received += 1
            if entities == 0 or (job["entity"] and row[1] != entity):
                entity, entities = row[1], entities + 1
                breaks.append(len(times))
            features = [None if v is None else number(v) for v in row[first:]]
            for f, value in enumerate(features):
                if value is not None and not math.isfinite(value):
                    raise ValueError(f'column "{names[f]}" is {value} in row {received}')
                seen[f] = seen[f] or value is not None
            if row[0] is None or None in features:
                breaks.append(len(times))
                continue
            times.append(number(row[0]))
            values.append(features)
        if received > 0 and not all(seen):
            raise ValueError(f'column "{names[seen.index(False)]}" is NULL in every row')
        self.times = np.array(times, dtype=np.float64)
        exact = np.array(values, dtype=np.float64).reshape(len(times), len(names))
        self.origin = exact[0] if len(times) > 0 else np.zeros(len(names))
        self.values = (exact - self.origin).astype(np.float32)
        self.incomplete, self.entities = received - len(times), entities
        self.cut(np.unique([b for b in breaks if b < len(times)]).astype(np.int64), job)

    def cut(self, breaks, job):
        sequence, n = job["sequence"], len(self.times)
        validate, test = borders(self.times, job["split"])
        part = (self.times >= validate).astype(int) + (self.times >= test)
        begins = np.zeros(n, dtype=bool)
        begins[breaks] = True
        begins[1:] |= np.diff(self.times) > sequence.get("maxGap", math.inf)
        begins[1:] |= np.diff(part) != 0
        starts = np.flatnonzero(begins)
        self.segments = [(s, e, int(part[s])) for s, e in zip(starts, np.append(starts[1:], n))]
        length = sequence["window"] + sequence["horizon"]
        windows = [[], [], []]
        for s, e, p in self.segments:
            windows[p].extend(range(s, e - length + 1, sequence["stride"]))
        self.windows = {name: np.array(w, dtype=np.int64) for name, w in zip(PARTS, windows)}

    def scaled(self, job):
        columns = self.values[:, job["kept"]].astype(np.float64)
        mean, deviation = np.array(job["scales"], dtype=np.float64).reshape(-1, 2).T
        return ((columns + (self.origin[job["kept"]] - mean)) * (1 / deviation)).astype(np.float32)


def borders(times, split):
    """The times at which validation and test begin."""
    if "testFrom" in split:
        return split["validateFrom"], split["testFrom"]
    n, ordered = len(times), np.sort(times)
    # Half a millionth of a row absorbs the rounding of 1 - 0.1 - 0.1.
    count = lambda share: math.floor(share * n + 5e-7)
    at = lambda row: ordered[row] if row < n else math.inf
    first = count(1 - split["validate"] - split["test"])
    return at(first), at(first + count(split["validate"]))


def describe(rows, job):
    parts = {name: sum(int(e - s) for s, e, p in rows.segments if PARTS[p] == name) for name in PARTS}
    training = np.concatenate([np.arange(s, e) for s, e, p in rows.segments if p == 0] or [np.arange(0)])
    values, n = rows.values[training].astype(np.float64), len(training)
    means = values.mean(axis=0) if n > 0 else np.zeros(len(rows.origin))
    squares = ((values - means) ** 2).sum(axis=0)
    return {
        "rows": len(rows.times),
        "incompleteRows": rows.incomplete,
        "entities": rows.entities,
        "segments": len(rows.segments),
        "longest": max([int(e - s) for s, e, p in rows.segments if p == 0], default=0),
        "rowsPerPart": parts,
        "windows": {name: len(rows.windows[name]) for name in PARTS},
        "moments": [{"n": n, "mean": float(m + o), "m2": float(s)} for m, o, s in zip(means, rows.origin, squares)],
    }


def train(rows, job):
    model, before = Network(job["spec"]), weights_of(job)
    model.load(before)
    began = time.perf_counter()
    losses, steps = model.train(rows, rows.scaled(job), job, job["round"], job["optimizer"])
    update = model.weights() - before
    if not np.isfinite(update).all():
        raise ValueError(f'weights are infinite or no numbers after step {steps} of round {job["round"]}')
    return {
        "update": base64.b64encode(update.astype("<f4").tobytes()).decode(),
        "windows": len(rows.windows["train"]),
        "losses": losses,
        "steps": steps,
        "seconds": time.perf_counter() - began,
    }


def evaluate(rows, job):
    model = Network(job["spec"])
    model.load(weights_of(job))
    return model.evaluate(rows, rows.scaled(job), job, job["part"])


def alone(rows, job):
    model, values = Network(job["spec"]), rows.scaled(job)
    weights = weights_of(job)
    best, best_round, best_weights = math.inf, 0, weights
    for round, rate in enumerate(job["rates"], 1):
        if round - best_round > job["patience"]:
            break
        model.load(weights)
        model.train(rows, values, job, round, {**job["optimizer"], "learningRate": rate})
        weights = model.weights()
        found = model.evaluate(rows, values, job, "validation")
        loss = found["lossSum"] / found["lossWeight"] if found["lossWeight"] > 0 else 0
        if loss < best or found["lossWeight"] == 0:
            best, best_round, best_weights = loss, round, weights
    model.load(best_weights)
    return model.evaluate(rows, values, job, "test")


def weights_of(job):
    return np.frombuffer(base64.b64decode(job["weights"]), dtype="<f4").copy()


class Network:
    def __init__(self, spec):
        kind = nn.LSTM if spec["cell"] == "lstm" else nn.GRU
        self.spec = spec
        self.every = spec["readout"] == "every"
        self.recurrent = kind(spec["inputs"], spec["hidden"], spec["layers"], batch_first=True)
        self.head = nn.Linear(spec["hidden"], spec["outputs"])
        if spec["biases"] == 1:
            for layer in range(spec["layers"]):
                bias = getattr(self.recurrent, f"bias_hh_l{layer}")
                nn.init.zeros_(bias)
                bias.requires_grad_(False)
        self.parameters = [p for p in [*self.recurrent.parameters(), *self.head.parameters()] if p.requires_grad]

    def load(self, weights):
        if sum(p.numel() for p in self.parameters) != len(weights):
            raise ValueError("the weights are not those of the model")
        at = 0
        with torch.no_grad():
            for p in self.parameters:
                p.copy_(torch.from_numpy(weights[at : at + p.numel()].reshape(p.shape)))
                at += p.numel()

    def weights(self):
        return np.concatenate([p.detach().numpy().reshape(-1) for p in self.parameters])

    def outputs(self, values, starts, job):
        """What the network puts out for these windows, and what it should: of the last step, or of every one."""
        steps = torch.from_numpy(starts)[:, None] + torch.arange(job["sequence"]["window"])
        hidden, _ = self.recurrent(values[steps])
        expected = values[steps + job["sequence"]["horizon"]][:, :, job["targets"]]
        return (self.head(hidden), expected) if self.every else (self.head(hidden[:, -1]), expected[:, -1])

    def train(self, rows, values, job, round, optimizer):
        step, values, losses, steps = optimizer_of(optimizer, self.parameters), torch.from_numpy(values), [], 0
        centre = [p.detach().clone() for p in self.parameters]
        for epoch in range(1, job["epochs"] + 1):
            order = shuffled(rows.windows["train"], seed_of(job["seed"], job["silo"], round, epoch))
            total = 0.0
            for at in range(0, len(order), job["batch"]):
                starts = order[at : at + job["batch"]]
                loss = loss_of(self.spec, *self.outputs(values, starts, job), "mean")
                steps += 1
                if not math.isfinite(loss.item()):
                    raise ValueError(f"the training loss is {loss.item()} at step {steps} of round {round}")
                step.zero_grad()
                loss.backward()
                for p, c in zip(self.parameters, centre):
                    p.grad += optimizer.get("proximal", 0) * (p.detach() - c)
                if "clipNorm" in optimizer:
                    nn.utils.clip_grad_norm_(self.parameters, optimizer["clipNorm"])
                step.step()
                total += loss.item() * len(starts)
            losses.append(total / len(order))
        return losses, steps

    def evaluate(self, rows, values, job, part):
        starts, sequence, count = rows.windows[part], job["sequence"], len(job["targets"])
        tensor, loss, weight, last = torch.from_numpy(values), 0.0, 0, [np.zeros((0, count), dtype=np.float32)]
        with torch.no_grad():
            for at in range(0, len(starts), job["batch"]):
                outputs, expected = self.outputs(tensor, starts[at : at + job["batch"]], job)
                loss += loss_of(self.spec, outputs.double(), expected.double(), "sum").item()
                weight += outputs.numel()
                last.append((outputs[:, -1] if self.every else outputs).numpy())
        rows_ = starts + sequence["window"] - 1 + sequence["horizon"]
        predicted = np.concatenate(last).astype(np.float64)
        targets = [errors(rows, values, job, i, rows_, predicted[:, i]) for i in range(count)]
        return {"windows": len(starts), "lossSum": loss, "lossWeight": weight, "targets": targets}


def errors(rows, values, job, index, at, predicted):
    """The model's errors beside those of the naive rules, in the target's own units."""
    column, sequence = job["targets"][index], job["sequence"]
    mean, deviation = job["scales"][column]
    value = lambda row: values[row, column].astype(np.float64) * deviation + mean
    actual = value(at)
    average = actual.mean() if len(at) > 0 else 0.0
    found = {
        "model": sums(actual, predicted * deviation + mean),
        "persistence": sums(actual, value(at - sequence["horizon"])),
        "actual": {"n": len(at), "mean": float(average), "m2": float(((actual - average) ** 2).sum())},
    }
    season = sequence.get("season")
    if season is not None:
        back = season * math.ceil(sequence["horizon"] / season)
        begins = np.array([s for s, _, _ in rows.segments], dtype=np.int64)
        known = at - back >= begins[np.searchsorted(begins, at, side="right") - 1] if len(at) > 0 else at == at
        found["seasonal"] = sums(actual[known], value(at[known] - back))
    return found


def sums(actual, predicted):
    error, some = predicted - actual, actual != 0
    return {
        "count": len(error),
        "squaredErrorSum": float((error**2).sum()),
        "absoluteErrorSum": float(np.abs(error).sum()),
        "relativeErrorSum": float(np.abs(error[some] / actual[some]).sum()),
        "relativeCount": int(some.sum()),
    }


def loss_of(spec, outputs, expected, reduction):
    if spec["loss"] == "mae":
        return nn.functional.l1_loss(outputs, expected, reduction=reduction)
    if spec["loss"] == "huber":
        return nn.functional.huber_loss(outputs, expected, delta=spec.get("delta", 1), reduction=reduction)
    if spec["loss"] == "mse":
        return nn.functional.mse_loss(outputs, expected, reduction=reduction)
    raise ValueError(f"the loss {spec['loss']} is not trained inside Snowflake")


def optimizer_of(spec, parameters):
    rate, decay = spec["learningRate"], spec.get("weightDecay", 0)
    adam = {"betas": tuple(spec.get("betas", (0.9, 0.999))), "eps": spec.get("epsilon", 1e-8)}
    if spec["name"] == "sgd":
        return torch.optim.SGD(parameters, rate, momentum=spec.get("momentum", 0), weight_decay=decay)
    if spec["name"] == "adam":
        return torch.optim.Adam(parameters, rate, weight_decay=decay, **adam)
    if spec["name"] == "adamw":
        return torch.optim.AdamW(parameters, rate, weight_decay=spec.get("weightDecay", 0.01), **adam)
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
