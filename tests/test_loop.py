"""A whole training run equals a plain loop that shares no code with training, shards and data.

The plain loop below is the definition: batches by hand, shards by hand, one Adam in five lines.
"""

import numpy as np
import pytest

import tinylstm as tl
from tinylstm.penalties import L2

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 7, 150)
STARTS = [0, 40, 41, 90]
LENGTHS = [4, 2, 6, 1, 3, 6, 5]
ROWS = [RNG.standard_normal((n, 3)) for n in LENGTHS]
EACH = RNG.integers(0, 4, len(LENGTHS))  # a class for each sequence
EVERY = [RNG.integers(0, 4, n) for n in LENGTHS]  # and one for each step


def plain_streams(epoch, seed=3, B=5, T=6):
    """x, targets, reset, mask of each batch of Streams(Tokens(IDS, STARTS), B, T, seed)."""
    ends = [*STARTS[1:], len(IDS)]
    pieces = np.random.default_rng([seed, epoch]).permutation(len(STARTS))
    chunks = [(p, t) for p in pieces for t in range(STARTS[p], ends[p] - 1, T)]
    lanes = [chunks[len(chunks) * b // B : len(chunks) * (b + 1) // B] for b in range(B)]
    for step in range(max(map(len, lanes))):
        x, y = np.zeros((T, B), int), np.full((T, B), -1)
        reset = np.ones(B, bool)
        for b, lane in enumerate(lanes):
            if step < len(lane):
                piece, first = lane[step]
                for t in range(min(T, ends[piece] - 1 - first)):
                    x[t, b], y[t, b] = IDS[first + t], IDS[first + t + 1]
                reset[b] = step == 0 or first == STARTS[piece]
        yield x, y, reset, None


def plain_arrays(targets, epoch, seed=3, B=3):
    """The same for Arrays(ROWS, targets, B, seed=seed)."""
    order = np.random.default_rng([seed, epoch]).permutation(len(ROWS))
    for i in range(0, len(order), B):
        rows = order[i : i + B]
        T = max(LENGTHS[r] for r in rows)
        x, mask = np.zeros((T, len(rows), 3)), np.zeros((T, len(rows)), bool)
        y = np.full((T, len(rows)), -1)
        for b, r in enumerate(rows):
            x[: LENGTHS[r], b], mask[: LENGTHS[r], b] = ROWS[r], True
            if targets is EVERY:
                y[: LENGTHS[r], b] = EVERY[r]
        yield x, y if targets is EVERY else EACH[rows], np.ones(len(rows), bool), mask


def plain_windows(epoch, seed=3, B=8, T=5):
    """The same for Windows(Tokens(IDS, STARTS), B, T, seed)."""
    ends = np.random.default_rng([seed, epoch]).permutation(np.arange(T, len(IDS)))
    for i in range(0, len(ends), B):
        x = np.array([IDS[e - T : e] for e in ends[i : i + B]]).T
        yield x, IDS[ends[i : i + B]], np.ones(x.shape[1], bool), None


def plain_shards(model, batch, states, threads, entropy, count):
    """The loss and the gradients of one batch, and the states after it, from shards in order.

    entropy: of dropout; None without it, and without gradients.
    """
    x, y, _, mask = batch
    B, loss, grads, after = x.shape[1], 0.0, model.zero_grads(), []
    cuts = [
        (B * i // min(threads, B), B * (i + 1) // min(threads, B)) for i in range(min(threads, B))
    ]
    seen = []
    for shard, (a, b) in enumerate(cuts):
        part = [tuple(s[a:b] for s in state) for state in states]
        rng = None
        if entropy is not None:
            seed, step, nth = entropy
            rng = np.random.Generator(np.random.SFC64([seed, step, shard, *([nth] if nth else [])]))
        own = None if mask is None else mask[:, a:b]
        out, final, caches = model.forward(x[:, a:b], part, rng, own)
        wanted = y[:, a:b] if out.ndim == 3 else y[a:b]
        z = out - out.max(axis=-1, keepdims=True)
        p = np.exp(z) / np.exp(z).sum(axis=-1, keepdims=True)
        kept = wanted >= 0
        loss -= np.log(p[kept, wanted[kept]]).sum() / count
        dout = np.where(kept[..., None], p, 0)
        dout[kept, wanted[kept]] -= 1
        after.append(final)
        if entropy is not None:
            shard_grads = model.zero_grads()
            model.backward(dout / count, caches, shard_grads)
            for path in grads:
                grads[path] += shard_grads[path]
            seen.append(caches)
    for caches in seen:
        for layer, cache in zip(model.layers, caches, strict=True):
            layer.update_statistics(cache)
    joined = [
        tuple(np.concatenate([f[i][j] for f in after]) for j in range(len(states[i])))
        for i in range(len(states))
    ]
    return loss, grads, joined


def carried(model, states, reset):
    """The states that a batch starts from."""
    if states is None or any(len(s) != len(reset) for state in states for s in state):
        return model.initial_states(len(reset))
    return [tuple(np.where(reset[:, None], 0, s) for s in state) for state in states]


def plain_fit(model, batches, epochs, held_out, accumulate, clip=0.5, seed=11, threads=2):
    """Adam with averages of the weights, and L2: the losses of all steps, and the history."""
    params, m, v, averages, step = model.params, {}, {}, {}, 0
    losses, history = [], []
    for epoch in range(epochs):
        states, total, targets, norms = None, 0.0, 0, []
        group, todo = [], list(batches(epoch))
        while todo:
            group, todo = todo[:accumulate], todo[accumulate:]
            count = sum(int((y >= 0).sum()) for _, y, _, _ in group)
            sums, value = model.zero_grads(), 0.0
            for nth, batch in enumerate(group):
                states = carried(model, states, batch[2])
                part, grads, states = plain_shards(
                    model, batch, states, threads, (seed, step, nth), count
                )
                value += part
                for path in sums:
                    sums[path] += grads[path]
            for path, p in params.items():
                sums[path] += 2 * 0.01 * p * (p.ndim > 1)
            norm = np.sqrt(sum((g**2).sum() for g in sums.values()))
            step, scale = step + 1, min(1, clip / norm)
            momentum = min(0.9, 1 - 9 / (step + 8))
            for path, p in params.items():
                g = sums[path] * scale
                m[path] = 0.9 * m.get(path, 0) + 0.1 * g
                v[path] = 0.999 * v.get(path, 0) + 0.001 * g**2
                rate = 0.02 * np.sqrt(1 - 0.999**step) / (1 - 0.9**step)
                p -= rate * m[path] / (np.sqrt(v[path]) + 1e-7)
                averages[path] = momentum * averages.get(path, 0) + (1 - momentum) * p
            losses.append(value)
            norms.append(norm)
            total, targets = total + value * count, targets + count
        own = {path: p.copy() for path, p in params.items()}
        model.set_weights(model.weights | averages)
        history.append((total / targets, np.mean(norms), plain_loss(model, held_out)))
        model.set_weights(model.weights | own)
    model.set_weights(model.weights | averages)
    return losses, history


def plain_loss(model, batches, threads=2):
    """The mean loss per target, without dropout."""
    states, total, targets = None, 0.0, 0
    for batch in batches:
        states, count = carried(model, states, batch[2]), int((batch[1] >= 0).sum())
        value, _, states = plain_shards(model, batch, states, threads, None, max(count, 1))
        total, targets = total + value * count, targets + count
    return total / targets


class Losses(tl.Callback):
    def __init__(self):
        self.losses = []

    def on_batch_end(self, run, loss):
        self.losses.append(loss)


def network(first, size, classes, sequences=True):
    lstm = tl.LSTM(6, return_sequences=sequences, recurrent_dropout=0.2)
    layers = [*first, tl.BatchNormalization(0.8), lstm, tl.Dropout(0.25), tl.Dense(classes)]
    return tl.Sequential(layers, size, seed=2, dtype="float64")


def streams(shuffle=True):
    return tl.Streams(tl.Tokens(IDS, STARTS), 5, 6, seed=3, shuffle=shuffle)


class Unbroken:
    """Data of one's own that never resets a state: only an epoch begins from zero."""

    def epoch(self, epoch):
        for batch in streams().epoch(epoch):
            yield batch._replace(reset=np.zeros(5, bool))

    def __len__(self):
        return len(streams())


CASES = {
    "data of one's own": (
        lambda: network([tl.Embedding(7, 4)], None, 7),
        Unbroken,
        lambda epoch: ((x, y, np.zeros(5, bool), m) for x, y, _, m in plain_streams(epoch)),
        Unbroken,
    ),
    "streams": (
        lambda: network([tl.Embedding(7, 4)], None, 7), streams, plain_streams, lambda: streams(),
    ),
    "arrays, a target for each": (
        lambda: network([], 3, 4, False),
        lambda: tl.Arrays(ROWS, EACH, 3, seed=3, dtype="float64"),
        lambda epoch: plain_arrays(EACH, epoch),
        lambda: tl.Arrays(ROWS, EACH, 3, seed=3, dtype="float64"),
    ),
    "arrays, one for every step": (
        lambda: network([], 3, 4),
        lambda: tl.Arrays(ROWS, EVERY, 3, seed=3, dtype="float64"),
        lambda epoch: plain_arrays(EVERY, epoch),
        lambda: tl.Arrays(ROWS, EVERY, 3, seed=3, dtype="float64"),
    ),
    "windows": (
        lambda: network([tl.Embedding(7, 4)], None, 7, False),
        lambda: tl.Windows(tl.Tokens(IDS, STARTS), 8, 5, seed=3),
        plain_windows,
        lambda: tl.Windows(tl.Tokens(IDS, STARTS), 8, 5, seed=3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("accumulate", [1, 2])
def test_fit_is_the_plain_loop(case, accumulate):
    make, data, batches, held_out = CASES[case]
    model, plain, seen = make(), make(), Losses()
    options = {"clip": 0.5, "seed": 11, "threads": 2, "penalty": L2(0.01), "accumulate": accumulate}
    optimizer = tl.Adam(0.02, ema_momentum=0.9)
    history = tl.fit(model, data(), 3, held_out(), optimizer, callbacks=[seen], **options)
    losses, expected = plain_fit(plain, batches, 3, list(batches(0)), accumulate)
    np.testing.assert_allclose(seen.losses, losses, rtol=1e-7)
    found = [(entry["loss"], entry["norm"], entry["val_loss"]) for entry in history]
    np.testing.assert_allclose(found, expected, rtol=1e-7)
    for path, weight in plain.weights.items():
        np.testing.assert_allclose(model.weights[path], weight, rtol=1e-6, atol=1e-9, err_msg=path)
    evaluated = tl.evaluate(model, data(), threads=3)
    assert evaluated == pytest.approx(plain_loss(plain, list(batches(0)), 3), rel=1e-6)


class Slower(tl.Callback):
    """A learning rate that only the optimizer remembers; and the end of the run at some step."""

    def __init__(self, stop=None):
        self.stop = stop

    def on_batch_end(self, run, loss):
        run.optimizer.learning_rate *= 0.9
        if run.step == self.stop:
            raise KeyboardInterrupt


@pytest.mark.parametrize("stop", [1, 5, 6, 9])
def test_a_run_that_goes_on_ends_in_the_same_bits(stop, tmp_path):
    def run(path, stop, resume=None, **options):
        model, optimizer = CASES["streams"][0](), tl.Adam(0.02, ema_momentum=0.9)
        callbacks = [Slower(stop), tl.ModelCheckpoint(path, every=0)]
        options = {"seed": 11, "threads": 2, "callbacks": callbacks, "resume": resume, **options}
        history = tl.fit(model, streams(), 3, streams(False), optimizer, **options)
        kept = [{k: v for k, v in e.items() if "second" not in k} for e in history]
        return {path: a.copy() for path, a in model.weights.items()}, kept

    whole, history = run(tmp_path / "whole.npz", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut.npz", stop)
    for change in ({"seed": 12}, {"clip": 1.0}, {"shards": 3}, {"accumulate": 2}):
        with pytest.raises(ValueError, match=f"which cannot go on: .*{next(iter(change))} was"):
            run(tmp_path / "cut.npz", None, tmp_path / "cut.npz", **change)
    weights, kept = run(tmp_path / "cut.npz", None, tmp_path / "cut.npz")
    assert kept == history
    assert all(np.array_equal(weights[path], a) for path, a in whole.items())


def test_rows_that_are_held_out_are_the_last_and_none_of_the_others():
    train, held_out = tl.Arrays(ROWS, EACH, 3, seed=3).split(0.3)
    for part, rows in ((train, ROWS[:5]), (held_out, ROWS[5:])):
        assert len(part.x) == len(rows) and part.lengths().tolist() == [len(r) for r in rows]
        for x, row in zip(part.x, rows, strict=True):
            np.testing.assert_allclose(x[: len(row)], row, rtol=1e-6)
    assert train.y.tolist() == EACH[:5].tolist() and held_out.y.tolist() == EACH[5:].tolist()
    assert train.shuffle and not held_out.shuffle and train.seed == held_out.seed == 3


def test_whole_pieces_leave_no_state_behind():
    """Streams that cut no piece give the loss of each piece alone, read from zero to its end."""
    model = CASES["streams"][0]()
    data = tl.Streams(tl.Tokens(IDS, STARTS), 3, 6, whole_pieces=True, shuffle=False)
    total = targets = 0
    for a, b in zip(STARTS, [*STARTS[1:], len(IDS)], strict=True):
        if b - a > 1:
            y, _, _ = model.forward(IDS[a : b - 1, None])
            loss, _ = tl.CategoricalCrossentropy().forward(y, IDS[a + 1 : b, None])
            total, targets = total + float(loss) * (b - a - 1), targets + b - a - 1
    assert tl.evaluate(model, data, threads=2) == pytest.approx(total / targets, rel=1e-9)


def test_a_metric_is_the_mean_over_all_shards_and_batches():
    model = CASES["arrays, one for every step"][0]()
    data = tl.Arrays(ROWS, EVERY, 3, dtype="float64")
    right = [
        (model.forward(row[:, None])[0][:, 0].argmax(axis=-1) == wanted).sum()
        for row, wanted in zip(ROWS, EVERY, strict=True)
    ]
    found = tl.measure(model, data, metrics=["accuracy"], threads=2)["accuracy"]
    assert found == pytest.approx(sum(right) / sum(LENGTHS))
