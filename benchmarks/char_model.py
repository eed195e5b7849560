"""A character model against PyTorch and a 5-gram: same text, batches, updates, first weights.

    python benchmarks/char_model.py                         128 units, 5 epochs, 3 seeds
    python benchmarks/char_model.py --units 256 --epochs 10 --seeds 0
    python benchmarks/char_model.py --threads 1             where other work runs

Each seed gives a network and an order of the batches. PyTorch starts from the same weights and
takes one step on each batch right after ours, in one process, so the two stay comparable on a
machine where other work runs; between them both sleep until the other's threads are idle. The two
round differently, so the runs part after some updates: the spread over seeds tells how much that
matters. Bits per character are measured on the last tenth of the text.
"""

import argparse
import os
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import mean, median, stdev
from typing import Any

import numpy as np
import torch
from torch import nn

import tinylstm as tl

TEXT = Path(__file__).resolve().parent.parent / "examples/data/two_plays.txt"
CLIP, PAUSE = 5.0, 0.02  # the largest norm of the gradients; seconds until spinning threads sleep


class Net(nn.Module):
    """The network in PyTorch, with our weights. Its second bias is redundant, and stays zero."""

    def __init__(self, model: tl.Sequential):
        super().__init__()
        embedding, lstm, dense = (layer.params for layer in model.layers)
        (V, D), (H, _) = embedding["table"].shape, lstm["Wh"].shape
        self.embedding, self.lstm, self.dense = nn.Embedding(V, D), nn.LSTM(D, H), nn.Linear(H, V)
        values = [embedding["table"], lstm["Wx"].T, lstm["Wh"].T, lstm["b"], 0 * lstm["b"],
                  dense["W"].T, dense["b"]]  # fmt: skip
        with torch.no_grad():
            for own, ours in zip(self.parameters(), values, strict=True):
                own.copy_(torch.from_numpy(np.ascontiguousarray(ours)))
        self.lstm.bias_hh_l0.requires_grad_(False)

    def forward(self, x: Any, state: Any) -> Any:
        y, state = self.lstm(self.embedding(x), state)
        return self.dense(y), state

    def states(self, batches: Iterator[tl.Batch]) -> Iterator[tuple[Any, int]]:
        """The loss of each batch, and its number of targets, with the state carried."""
        state = None
        for batch in batches:
            if state is not None:
                keep = torch.from_numpy(~batch.reset[None, :, None])
                state = tuple(part.detach() * keep for part in state)
            logits, state = self(torch.from_numpy(batch.x), state)
            targets = torch.from_numpy(batch.targets).reshape(-1)
            logits = logits.reshape(len(targets), -1)
            yield nn.functional.cross_entropy(logits, targets, ignore_index=-1), batch.tokens


class InTurns(tl.Callback):
    """After each of our updates, one of PyTorch's on the same batch."""

    def __init__(self, model: tl.Sequential, data: tl.Streams, judged: tl.Streams, rate: float):
        self.net, self.data, self.judged = Net(model), data, judged
        weights = [p for p in self.net.parameters() if p.requires_grad]
        self.optimizer = torch.optim.Adam(weights, rate, eps=tl.Adam().epsilon)
        self.seconds: list[tuple[float, float]] = []  # ours and theirs, for each update
        self.held_out = 0.0  # nats per character, PyTorch's

    def on_train_begin(self, run: tl.Run) -> None:
        self.losses = self.net.states(self.data.epoch(0))
        self.begin = time.perf_counter()

    def on_batch_end(self, run: tl.Run, loss: float) -> None:
        ours = time.perf_counter() - self.begin
        time.sleep(PAUSE)
        begin = time.perf_counter()
        self.optimizer.zero_grad()
        theirs, _ = next(self.losses)
        theirs.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), CLIP)
        self.optimizer.step()
        self.seconds.append((ours, time.perf_counter() - begin))
        if run.step == 1 and abs(loss - theirs.item()) > 1e-4:
            raise SystemExit(f"the first losses differ: {loss} and {theirs.item()}")
        time.sleep(PAUSE)
        self.begin = time.perf_counter()

    def on_epoch_end(self, run: tl.Run) -> None:
        with torch.no_grad():
            found = [(loss.item() * n, n) for loss, n in self.net.states(self.judged.epoch(0))]
        self.held_out = sum(loss for loss, _ in found) / sum(n for _, n in found)
        self.losses = self.net.states(self.data.epoch(len(run.history)))
        self.begin = time.perf_counter()


def main() -> None:
    raw = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=raw)
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--units", type=int, default=128)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--rate", type=float, default=0.004)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int, default=os.cpu_count(), help="of each of the two")
    args = parser.parse_args()
    torch.set_flush_denormal(True)
    torch.set_num_threads(args.threads)

    letters, ids = np.unique(list(args.text.read_text("utf-8")), return_inverse=True)  # (V,), (N,)
    cut, V = len(ids) * 9 // 10, len(letters)
    text, held_out = tl.Tokens(ids[:cut]), tl.Tokens(ids[cut:])
    baselines = tl.baselines(text, held_out, V).items()
    print("bits per character: ", *(f"{name} {nats / np.log(2):.3f}  " for name, nats in baselines))
    rows = []
    for seed in args.seeds:
        layers = [tl.Embedding(V, 64), tl.LSTM(args.units, return_sequences=True), tl.Dense(V)]
        model = tl.Sequential(layers, seed=seed)
        data = tl.Streams(text, streams=32, steps=64, seed=seed)
        judged = tl.Streams(held_out, streams=1, steps=256, shuffle=False)
        turns = InTurns(model, data, judged, args.rate)
        history = tl.fit(model, data, args.epochs, judged, tl.Adam(args.rate), clip=CLIP,
                         seed=seed, callbacks=[turns], threads=args.threads)  # fmt: skip
        bits = [history[-1]["val_loss"] / np.log(2), turns.held_out / np.log(2)]
        ratio = median(theirs / ours for ours, theirs in turns.seconds[10:])
        ours, theirs = (1000 * median(column) for column in zip(*turns.seconds[10:], strict=True))
        rows.append((*bits, ratio))
        print(f"seed {seed}  {len(turns.seconds)} updates  tinylstm {bits[0]:.3f}  PyTorch "
              f"{bits[1]:.3f}  a step {ours:.0f} ms, {theirs:.0f} ms, ratio {ratio:.2f}",
              flush=True)  # fmt: skip
    if len(rows) > 1:
        ours, theirs, ratios = zip(*rows, strict=True)
        print(f"tinylstm {mean(ours):.3f}, spread {stdev(ours):.3f}; PyTorch {mean(theirs):.3f}, "
              f"spread {stdev(theirs):.3f}; ratio {mean(ratios):.2f}")  # fmt: skip


if __name__ == "__main__":
    main()
