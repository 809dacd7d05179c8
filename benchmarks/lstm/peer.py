"""PyTorch's side of benchmarks/lstm: reads one request per line, answers with the median and least milliseconds of a step.

Request: {"key", "batch", "window", "inputs", "hidden", "every", "threads", "fused", "task", "budget"}.
"""

import json
import statistics
import sys
import time

import torch
from torch import nn

prepared = {}


def prepare(r):
    torch.manual_seed(0)
    lstm = nn.LSTM(r["inputs"], r["hidden"], batch_first=True)
    head = nn.Linear(r["hidden"], 1)
    x = torch.randn(r["batch"], r["window"], r["inputs"])
    y = torch.randn(r["batch"], r["window"], 1) if r["every"] else torch.randn(r["batch"], 1)
    optimizer = torch.optim.Adam([*lstm.parameters(), *head.parameters()], lr=1e-3, fused=r["fused"])

    def forward():
        hidden, _ = lstm(x)
        return head(hidden if r["every"] else hidden[:, -1])

    def train():
        optimizer.zero_grad(set_to_none=True)
        nn.functional.mse_loss(forward(), y).backward()
        optimizer.step()

    def predict():
        with torch.inference_mode():
            forward()

    return train if r["task"] == "train" else predict


print(json.dumps({"torch": torch.__version__}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    torch.set_num_threads(request["threads"])
    if request["key"] not in prepared:
        prepared[request["key"]] = prepare(request)
        prepared[request["key"]]()
    step = prepared[request["key"]]
    times, end = [], time.perf_counter() + request["budget"] / 1000
    while len(times) < 2 or time.perf_counter() < end:
        began = time.perf_counter()
        step()
        times.append(time.perf_counter() - began)
    print(json.dumps({"median": statistics.median(times) * 1000, "least": min(times) * 1000}), flush=True)
