"""Parity with PyTorch and Keras: the comparisons, and how weights and settings are converted.

Each comparison is a function of a dtype that returns rows: quantity, our array, theirs.
test_parity.py asserts that they are equal; docs/make_proof.py prints them as a table.

Conventions that differ, and their conversion:
- PyTorch's LSTM has our gate order i f g o, but weights transposed and a second, redundant bias,
  which stays at zero. Keras's LSTM has our order (it calls g "c"), shapes and single bias.
- PyTorch's GRU has our order r u n (it calls u "z") and both biases; Keras's is z r h: blocks move.
- PyTorch's Adam adds epsilon after the bias correction, we and Keras before it: epsilon is 1e-30.
  RMSprop: PyTorch adds epsilon after the root, we and Keras under it: epsilon is 1e-30.
- PyTorch clips by limit / (norm + 1e-6): our limit is reduced accordingly.
- Masks: PyTorch packs sequences of different lengths, and its outputs at padding are zeros, as are
  those of Keras's Bidirectional; we and Keras's other layers repeat the output before it there.
- Batch normalization: PyTorch's momentum is one minus ours; its running variance divides by N - 1.
"""

import os

import keras_numbers
import numpy as np

from tinylstm.layers import (
    GRU,
    LSTM,
    BatchNormalization,
    Bidirectional,
    Dense,
    Embedding,
    LayerNormalization,
    SimpleRNN,
)
from tinylstm.layers.dense import softmax
from tinylstm.losses import CategoricalCrossentropy
from tinylstm.metrics import Accuracy, BinaryAccuracy, metric_from
from tinylstm.model import Sequential
from tinylstm.optimizers import SGD, Adam, AdamW, RMSprop, clip_by_global_norm
from tinylstm.pointwise import BinaryCrossentropy, MeanAbsoluteError, MeanSquaredError

T, B, D, H, V, STEPS = 7, 4, 5, 6, 9, 20


def numbers(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def randomised(layer, size, dtype, seed=1):
    """A built layer in which no parameter is zero."""
    layer.build(size, np.random.default_rng(0), dtype)
    for k, p in enumerate(layer.params.values()):
        p[...] = 0.4 * numbers(*p.shape, seed=seed + k)
    return layer


def ours_forward_backward(layer, x, state, dy, dstate, **mask):
    """Outputs, final state, and every gradient, by name."""
    y, final, cache = layer.forward(x, state, np.random.default_rng(0), **mask)
    grads = {name: np.zeros_like(p) for name, p in layer.params.items()}
    dx, dinitial = layer.backward(dy, cache, grads, dstate)
    found = {"outputs": y, **{f"final state {k}": a for k, a in enumerate(final)}}
    found |= {"dx": dx, **{f"d initial state {k}": a for k, a in enumerate(dinitial)}}
    return found | {f"d{name}": g for name, g in grads.items()}


def rows(prefix, ours, theirs):
    """Pair two dictionaries by the keys of `theirs`."""
    return [(f"{prefix}: {name}", ours[name], np.asarray(theirs[name])) for name in theirs]


# ---------------------------------------------------------------------------------- PyTorch


def tensor(array, grad=False):
    import torch

    return torch.tensor(np.asarray(array), requires_grad=grad)


def torch_recurrent(kind, dtype):
    """Forward and every gradient of LSTM, GRU, SimpleRNN, with states in and out."""
    import torch

    layer = randomised(kind(H, True), D, dtype)
    n = layer.memories
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, H, seed=9, dtype=dtype)
    state = tuple(numbers(B, H, seed=20 + k, dtype=dtype) for k in range(n))
    dstate = tuple(numbers(B, H, seed=30 + k, dtype=dtype) for k in range(n))
    ours = ours_forward_backward(layer, x, state, dy, dstate)
    net = {LSTM: torch.nn.LSTM, GRU: torch.nn.GRU, SimpleRNN: torch.nn.RNN}[kind](D, H)
    net = net.to(torch.float64 if dtype == np.float64 else torch.float32)
    load_torch_recurrent(net, layer)
    tx, ts = tensor(x, True), [tensor(s[None], True) for s in state]
    outputs, final = net(tx, tuple(ts) if n == 2 else ts[0])
    final = final if n == 2 else (final,)
    total = (outputs * tensor(dy)).sum()
    for f, w in zip(final, dstate, strict=True):
        total = total + (f[0] * tensor(w)).sum()
    total.backward()
    theirs = {"outputs": outputs.detach(), "dx": tx.grad}
    theirs |= {f"final state {k}": f[0].detach() for k, f in enumerate(final)}
    theirs |= {f"d initial state {k}": s.grad[0] for k, s in enumerate(ts)}
    theirs |= {"dWx": net.weight_ih_l0.grad.T, "dWh": net.weight_hh_l0.grad.T}
    theirs |= {"db": net.bias_ih_l0.grad}
    theirs |= {"dbh": net.bias_hh_l0.grad} if kind is GRU else {}
    return rows(kind.__name__, ours, theirs)


def load_torch_recurrent(net, layer, reverse=""):
    """Copy our weights into PyTorch's layer, or into the reverse one of its two."""
    import torch

    p = layer.params
    kernel, recurrent, bias, second = torch_weights(net, reverse)
    with torch.no_grad():
        kernel.copy_(tensor(p["Wx"].T.copy()))
        recurrent.copy_(tensor(p["Wh"].T.copy()))
        bias.copy_(tensor(p["b"]))
        second.copy_(tensor(p.get("bh", np.zeros_like(p["b"]))))
    if "bh" not in p:
        second.requires_grad_(False)


def torch_weights(net, reverse=""):
    """The four weights of PyTorch's layer, or of the reverse one of its two."""
    names = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    return [getattr(net, f"{name}_l0{reverse}") for name in names]


LENGTHS = np.array([3, 7, 1, 5])
MASKS = {  # (T, B)
    "": np.arange(T)[:, None] < LENGTHS,
    ", holes": np.arange(T * B).reshape(T, B) % 6 != 2,
}


def masked_case(kind, both, dtype):
    """A layer, its readers by the prefix of their parameters, and all that a pass needs."""
    layer = kind(H, True)
    layer = randomised(Bidirectional(layer) if both else layer, D, dtype)
    readers = {f"{d}.": r for d, r in layer.readers.items()} if both else {"": layer}
    states = range(len(layer.initial_state(B)))
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, H * len(readers), seed=9, dtype=dtype)
    state = tuple(numbers(B, H, seed=20 + k, dtype=dtype) for k in states)
    dstate = tuple(numbers(B, H, seed=30 + k, dtype=dtype) for k in states)
    return layer, readers, x, state, dy, dstate


def torch_packed(kind, both, dtype):
    """Sequences of different lengths: ours by a mask, theirs packed."""
    import torch
    from torch.nn.utils import rnn

    layer, readers, x, state, dy, dstate = masked_case(kind, both, dtype)
    mask = MASKS[""]
    dy = dy * mask[..., None]
    ours = ours_forward_backward(layer, x, state, dy, dstate, mask=mask)
    ours["outputs"] = ours["outputs"] * mask[..., None]
    make = {LSTM: torch.nn.LSTM, GRU: torch.nn.GRU, SimpleRNN: torch.nn.RNN}[kind]
    net = make(D, H, bidirectional=both).to(tensor(x).dtype)
    ends = dict(zip(readers, ("", "_reverse"), strict=False))
    for prefix, reader in readers.items():
        load_torch_recurrent(net, reader, ends[prefix])
    n = len(state) // len(readers)  # arrays that one reader remembers
    tx = tensor(x, True)
    ts = [tensor(np.stack(state[k::n]), True) for k in range(n)]  # (readers, B, H)
    packed = rnn.pack_padded_sequence(tx, torch.tensor(LENGTHS), enforce_sorted=False)
    outputs, final = net(packed, tuple(ts) if n == 2 else ts[0])
    outputs, _ = rnn.pad_packed_sequence(outputs)
    final = final if n == 2 else (final,)
    total = (outputs * tensor(dy)).sum()
    for k, f in enumerate(final):
        total = total + (f * tensor(np.stack(dstate[k::n]))).sum()
    total.backward()
    theirs = {"outputs": outputs.detach(), "dx": tx.grad}
    for k in range(len(state)):
        theirs[f"final state {k}"] = final[k % n][k // n].detach()
        theirs[f"d initial state {k}"] = ts[k % n].grad[k // n]
    for prefix in readers:
        Wx, Wh, b, bh = torch_weights(net, ends[prefix])
        theirs |= {f"d{prefix}Wx": Wx.grad.T, f"d{prefix}Wh": Wh.grad.T, f"d{prefix}b": b.grad}
        theirs |= {f"d{prefix}bh": bh.grad} if kind is GRU else {}
    return rows(f"{'Bidirectional ' * both}{kind.__name__}, masked", ours, theirs)


def torch_layer_norm(dtype):
    import torch

    layer = randomised(LayerNormalization(1e-3), D, dtype)
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, D, seed=9, dtype=dtype)
    ours = ours_forward_backward(layer, x, (), dy, ())
    net = torch.nn.LayerNorm(D, 1e-3, dtype=tensor(x).dtype)
    with torch.no_grad():
        net.weight.copy_(tensor(layer.params["gamma"]))
        net.bias.copy_(tensor(layer.params["beta"]))
    tx = tensor(x, True)
    y = net(tx)
    (y * tensor(dy)).sum().backward()
    theirs = {"outputs": y.detach(), "dx": tx.grad}
    theirs |= {"dgamma": net.weight.grad, "dbeta": net.bias.grad}
    return rows("LayerNormalization", ours, theirs)


def torch_batch_norm(dtype):
    import torch

    layer = randomised(BatchNormalization(momentum=0.9, epsilon=1e-3), D, dtype)
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, D, seed=9, dtype=dtype)
    ours = ours_forward_backward(layer, x, (), dy, ())
    layer.update_statistics(layer.forward(x, None, np.random.default_rng(0))[2])
    net = torch.nn.BatchNorm1d(D, eps=1e-3, momentum=0.1, dtype=tensor(x).dtype)
    with torch.no_grad():
        net.weight.copy_(tensor(layer.params["gamma"]))
        net.bias.copy_(tensor(layer.params["beta"]))
    tx = tensor(x, True)
    y = net(tx.reshape(-1, D)).reshape(T, B, D)
    (y * tensor(dy)).sum().backward()
    theirs = {"outputs": y.detach(), "dx": tx.grad}
    theirs |= {"dgamma": net.weight.grad, "dbeta": net.bias.grad}
    N = T * B
    ours["running mean"] = layer.statistics["mean"]
    ours["running variance"] = layer.statistics["variance"]
    theirs["running mean"] = net.running_mean
    biased = 0.9 + (net.running_var.numpy() - 0.9) * (N - 1) / N
    theirs["running variance"] = biased
    ours["in use"] = layer.forward(x)[0]
    net.running_var.copy_(tensor(layer.statistics["variance"]))
    net.eval()
    theirs["in use"] = net(tensor(x).reshape(-1, D)).reshape(T, B, D).detach()
    return rows("BatchNormalization", ours, theirs)


def torch_embedding(dtype):
    import torch

    layer = randomised(Embedding(V, D), None, dtype)
    ids, dy = np.random.default_rng(0).integers(V, size=(T, B)), numbers(T, B, D, dtype=dtype)
    ours = ours_forward_backward(layer, ids, (), dy, ())
    table = tensor(layer.params["table"], True)
    y = torch.nn.functional.embedding(tensor(ids), table)
    (y * tensor(dy)).sum().backward()
    return rows("Embedding", ours, {"outputs": y.detach(), "dtable": table.grad})


def loss_rows(name, criterion, logits, targets, loss, dlogits):
    value, cache = criterion.forward(logits, targets)
    return [
        (f"{name}: loss", np.asarray(value), np.asarray(loss)),
        (f"{name}: dlogits", criterion.backward(cache), np.asarray(dlogits)),
    ]


def torch_losses(dtype):
    import torch
    from torch.nn import functional as F

    logits, targets = (
        numbers(T, B, V, dtype=dtype),
        np.random.default_rng(0).integers(V, size=(T, B)),
    )
    targets[0, 1] = targets[3, 2] = -1
    found = []
    for smoothing in (0.0, 0.1):
        z = tensor(logits, True)
        loss = F.cross_entropy(
            z.reshape(-1, V),
            tensor(targets).reshape(-1),
            ignore_index=-1,
            label_smoothing=smoothing,
        )
        loss.backward()
        name = "cross-entropy" + (", label smoothing" if smoothing else "")
        criterion = CategoricalCrossentropy(smoothing)
        found += loss_rows(name, criterion, logits, targets, loss.detach(), z.grad)
    keys = np.random.default_rng(1).random((T, B, V)).round().astype(dtype)
    z = tensor(logits, True)
    loss = torch.nn.functional.binary_cross_entropy_with_logits(z, tensor(keys))
    loss.backward()
    criterion = BinaryCrossentropy()
    found += loss_rows("binary cross-entropy", criterion, logits, keys, loss.detach(), z.grad)
    wanted = numbers(T, B, V, seed=2, dtype=dtype)
    for title, criterion, function in (
        ("squared error", MeanSquaredError(), F.mse_loss),
        ("absolute error", MeanAbsoluteError(), F.l1_loss),
    ):
        z = tensor(logits, True)
        loss = function(z, tensor(wanted))
        loss.backward()
        found += loss_rows(title, criterion, logits, wanted, loss.detach(), z.grad)
    return found


def torch_training(optimizer, dtype):
    """20 steps of LSTM and Dense with cross-entropy and clipping; the weights after each."""
    import torch

    model, x, targets = training_case(dtype)
    kind = tensor(x).dtype
    lstm, dense = torch.nn.LSTM(D, H).to(kind), torch.nn.Linear(H, V).to(kind)
    load_torch_recurrent(lstm, model.layers[0])
    with torch.no_grad():
        dense.weight.copy_(tensor(model.params["dense_1.W"].T.copy()))
        dense.bias.copy_(tensor(model.params["dense_1.b"]))
    weights = [p for p in (*lstm.parameters(), *dense.parameters()) if p.requires_grad]
    ours, theirs = {
        "Adam": (
            Adam(0.02, epsilon=1e-30),
            torch.optim.Adam(weights, 0.02, eps=1e-30, foreach=False),
        ),
        "RMSprop": (
            RMSprop(0.002, epsilon=1e-30),
            torch.optim.RMSprop(weights, 0.002, alpha=0.9, eps=1e-30),
        ),
        "SGD with momentum": (SGD(0.1, 0.9), torch.optim.SGD(weights, 0.1, momentum=0.9)),
        "AdamW": (
            AdamW(0.02, 0.3, epsilon=1e-30),
            torch.optim.AdamW(weights, 0.02, eps=1e-30, weight_decay=0.3, foreach=False),
        ),
    }[optimizer]
    found, limit = [], 0.1  # less than the norms: every step is clipped
    for _ in range(STEPS):
        theirs.zero_grad()
        logits = dense(lstm(tensor(x))[0])
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, V), tensor(targets).reshape(-1))
        loss.backward()
        norm = float(torch.nn.utils.clip_grad_norm_(weights, limit))
        theirs.step()
        our_loss, our_norm = our_step(model, x, targets, ours, limit * norm / (norm + 1e-6))
        found.append((f"{optimizer}: losses", our_loss, loss.detach()))
        found.append((f"{optimizer}: gradient norms", our_norm, norm))
        for path, p in (
            ("lstm_1.Wx", lstm.weight_ih_l0.T),
            ("lstm_1.Wh", lstm.weight_hh_l0.T),
            ("lstm_1.b", lstm.bias_ih_l0),
            ("dense_1.W", dense.weight.T),
            ("dense_1.b", dense.bias),
        ):
            name = f"{optimizer}: weights after each of {STEPS} steps"
            found.append((name, model.params[path].copy(), p.detach().numpy().copy()))
    return found


def training_case(dtype):
    model = Sequential([LSTM(H, return_sequences=True), Dense(V)], D, dtype=dtype)
    x = numbers(T, B, D, dtype=dtype)
    return model, x, np.random.default_rng(5).integers(V, size=(T, B))


def our_step(model, x, targets, optimizer, limit):
    """One step of ours; returns the loss and the norm before clipping."""
    criterion, grads = CategoricalCrossentropy(), model.zero_grads()
    y, _, caches = model.forward(x)
    loss, cache = criterion.forward(y, targets)
    model.backward(criterion.backward(cache), caches, grads)
    norm = clip_by_global_norm(grads, limit)
    optimizer.update(model.params, grads)
    return np.asarray(loss), np.asarray(norm)


# ------------------------------------------------------------------------------ Keras on JAX


def keras(dtype):
    """Keras on JAX, set to this dtype, and the dtype's name."""
    os.environ.setdefault("KERAS_BACKEND", "jax")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", np.dtype(dtype) == np.float64)
    import keras
    from keras.src.backend.common import dtypes

    # On JAX, Keras's promotion table turns float64 into float32 halfway through a layer (with
    # TensorFlow it does not). This keeps the double precision that was asked for.
    dtypes.BIT64_TO_BIT32_DTYPE["float64"] = "float64"
    name = np.dtype(dtype).name
    keras.config.set_floatx(name)
    return keras, name


def moved_blocks(array, order):
    """Permute the H-wide blocks of the last axis."""
    blocks = np.split(array, len(order), axis=-1)
    return np.concatenate([blocks[k] for k in order], axis=-1)


def keras_weights(layer):
    """Our recurrent weights in Keras's layout."""
    p = layer.params
    if isinstance(layer, GRU):
        order = (1, 0, 2)  # r u n to z r h, and back
        return [
            moved_blocks(p["Wx"], order),
            moved_blocks(p["Wh"], order),
            moved_blocks(np.stack([p["b"], p["bh"]]), order),
        ]
    return [p["Wx"], p["Wh"], p["b"]]


def keras_recurrent(kind, dtype):
    k, name = keras(dtype)
    import jax

    layer = randomised(kind(H, True), D, dtype)
    n = layer.memories
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, H, seed=9, dtype=dtype)
    state = tuple(numbers(B, H, seed=20 + i, dtype=dtype) for i in range(n))
    dstate = tuple(numbers(B, H, seed=30 + i, dtype=dtype) for i in range(n))
    ours = ours_forward_backward(layer, x, state, dy, dstate)
    make = {LSTM: k.layers.LSTM, GRU: k.layers.GRU, SimpleRNN: k.layers.SimpleRNN}[kind]
    net = make(H, return_sequences=True, return_state=True, dtype=name)
    net.build((B, T, D))
    frozen = [v.value for v in net.non_trainable_variables]

    def total(weights, x, state):
        outputs, _ = net.stateless_call(weights, frozen, x, initial_state=list(state))
        y, *final = outputs
        value = (y * np.swapaxes(dy, 0, 1)).sum()
        for f, w in zip(final, dstate, strict=True):
            value = value + (f * w).sum()
        return value, (y, final)

    given = (keras_weights(layer), np.swapaxes(x, 0, 1), state)
    (_, (y, final)), grads = jax.jit(jax.value_and_grad(total, (0, 1, 2), has_aux=True))(*given)
    dweights, dx, dinitial = grads
    theirs = {"outputs": np.swapaxes(y, 0, 1), "dx": np.swapaxes(dx, 0, 1)}
    theirs |= {f"final state {i}": f for i, f in enumerate(final)}
    theirs |= {f"d initial state {i}": d for i, d in enumerate(dinitial)}
    theirs |= {f"d{n}": d for n, d in named_weights(kind, dweights).items()}
    return rows(kind.__name__, ours, theirs)


def keras_masked(kind, both, dtype):
    """Padding at the end, and masks with holes, from the first step to the last."""
    k, name = keras(dtype)
    import jax

    layer, readers, x, state, dy, dstate = masked_case(kind, both, dtype)
    make = {LSTM: k.layers.LSTM, GRU: k.layers.GRU, SimpleRNN: k.layers.SimpleRNN}[kind]
    net = make(H, return_sequences=True, return_state=True, dtype=name)
    net = k.layers.Bidirectional(net, dtype=name) if both else net
    net.build((B, T, D))
    frozen = [v.value for v in net.non_trainable_variables]
    weights = [w for reader in readers.values() for w in keras_weights(reader)]
    found = []
    for title, mask in MASKS.items():
        on = mask[..., None] if both else np.ones((T, B, 1))
        weight = dy * on
        ours = ours_forward_backward(layer, x, state, weight, dstate, mask=mask)
        ours["outputs"] = ours["outputs"] * on

        def total(weights, x, state, mask=mask, weight=weight):
            outputs, _ = net.stateless_call(
                weights, frozen, x, initial_state=list(state), mask=mask.T
            )
            y, *final = outputs
            value = (y * np.swapaxes(weight, 0, 1)).sum()
            for f, w in zip(final, dstate, strict=True):
                value = value + (f * w).sum()
            return value, (y, final)

        given = weights, np.swapaxes(x, 0, 1), state
        (_, (y, final)), grads = jax.jit(jax.value_and_grad(total, (0, 1, 2), has_aux=True))(*given)
        dweights, dx, dinitial = grads
        theirs = {"outputs": np.swapaxes(y, 0, 1), "dx": np.swapaxes(dx, 0, 1)}
        theirs |= {f"final state {i}": f for i, f in enumerate(final)}
        theirs |= {f"d initial state {i}": d for i, d in enumerate(dinitial)}
        for prefix, three in zip(readers, (dweights[:3], dweights[3:]), strict=False):
            theirs |= {f"d{prefix}{n}": d for n, d in named_weights(kind, three).items()}
        found += rows(f"{'Bidirectional ' * both}{kind.__name__}, masked{title}", ours, theirs)
    return found


def named_weights(kind, three):
    """Keras's three arrays of a recurrent layer in our layout, by our names."""
    if kind is not GRU:
        return dict(zip(("Wx", "Wh", "b"), three, strict=True))
    Wx, Wh, both = (moved_blocks(np.asarray(d), (1, 0, 2)) for d in three)
    return {"Wx": Wx, "Wh": Wh, "b": both[0], "bh": both[1]}


def keras_numbers_now(dtype):
    """The cases of Keras's own tests, computed by Keras."""
    k, _ = keras(dtype)
    return [
        (
            f"Keras's own tests: {case.kind.__name__}",
            keras_numbers.ours(case, dtype),
            keras_numbers.theirs(case, dtype, k),
        )
        for case in keras_numbers.CASES
    ]


def keras_layer_norm(dtype):
    k, name = keras(dtype)
    import jax

    layer = randomised(LayerNormalization(), D, dtype)
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, D, seed=9, dtype=dtype)
    ours = ours_forward_backward(layer, x, (), dy, ())
    net = k.layers.LayerNormalization(dtype=name)
    net.build((T, B, D))

    def total(weights, x):
        y = net.stateless_call(weights, [], x)[0]
        return (y * dy).sum(), y

    weights = [layer.params["gamma"], layer.params["beta"]]
    (_, y), grads = jax.value_and_grad(total, (0, 1), has_aux=True)(weights, x)
    theirs = {"outputs": y, "dx": grads[1], "dgamma": grads[0][0], "dbeta": grads[0][1]}
    return rows("LayerNormalization", ours, theirs)


def keras_metrics(dtype):
    """Metrics over two batches of different sizes."""
    k, name = keras(dtype)
    y, classes = numbers(6, V, dtype=dtype), np.array([0, 3, 8, 8, 2, 1])
    classes[:4] = y[:4].argmax(axis=1)
    wanted = numbers(6, V, seed=2, dtype=dtype)
    keys = (np.random.default_rng(1).random((6, V)) > 0.5).astype(dtype)
    onehot = np.eye(V, dtype=dtype)[classes]
    found = []
    for ours, theirs, outputs, targets in (
        (Accuracy(), k.metrics.SparseCategoricalAccuracy(dtype=name), y, classes),
        (Accuracy(), k.metrics.CategoricalAccuracy(dtype=name), y, onehot),
        (BinaryAccuracy(), k.metrics.BinaryAccuracy(threshold=0.0, dtype=name), y, keys),
        (BinaryAccuracy(0.5), k.metrics.BinaryAccuracy(dtype=name), softmax(3 * y), keys),
        (metric_from("mse"), k.metrics.MeanSquaredError(dtype=name), y, wanted),
        (metric_from("mae"), k.metrics.MeanAbsoluteError(dtype=name), y, wanted),
    ):
        total, count = 0.0, 0
        for part in (slice(0, 4), slice(4, 6)):
            total += ours.total(outputs[part], targets[part])
            count += ours.count(targets[part])
            theirs.update_state(targets[part], outputs[part])
        value = np.asarray(theirs.result())
        found.append((f"metrics: {ours.name}", np.asarray(ours.result(total / count)), value))
    return found


def keras_batch_norm(dtype):
    k, name = keras(dtype)
    import jax

    layer = randomised(BatchNormalization(momentum=0.9), D, dtype)
    x, dy = numbers(T, B, D, dtype=dtype), numbers(T, B, D, seed=9, dtype=dtype)
    ours = ours_forward_backward(layer, x, (), dy, ())
    layer.update_statistics(layer.forward(x, None, np.random.default_rng(0))[2])
    net = k.layers.BatchNormalization(momentum=0.9, dtype=name)
    net.build((T, B, D))
    before = [v.value for v in net.non_trainable_variables]

    def total(weights, x):
        y, after = net.stateless_call(weights, before, x, training=True)
        return (y * dy).sum(), (y, after)

    weights = [layer.params["gamma"], layer.params["beta"]]
    (_, (y, after)), grads = jax.value_and_grad(total, (0, 1), has_aux=True)(weights, x)
    theirs = {"outputs": y, "dx": grads[1], "dgamma": grads[0][0], "dbeta": grads[0][1]}
    theirs |= {"running mean": after[0], "running variance": after[1]}
    ours["running mean"] = layer.statistics["mean"]
    ours["running variance"] = layer.statistics["variance"]
    ours["in use"] = layer.forward(x)[0]
    theirs["in use"] = net.stateless_call(weights, after, x, training=False)[0]
    return rows("BatchNormalization", ours, theirs)


def keras_embedding(dtype):
    k, name = keras(dtype)
    import jax

    layer = randomised(Embedding(V, D), None, dtype)
    ids, dy = np.random.default_rng(0).integers(V, size=(T, B)), numbers(T, B, D, dtype=dtype)
    ours = ours_forward_backward(layer, ids, (), dy, ())
    net = k.layers.Embedding(V, D, dtype=name)
    net.build((T, B))

    def total(table):
        y = net.stateless_call([table], [], ids)[0]
        return (y * dy).sum(), y

    (_, y), dtable = jax.value_and_grad(total, has_aux=True)(layer.params["table"])
    return rows("Embedding", ours, {"outputs": y, "dtable": dtable})


def keras_losses(dtype):
    k, name = keras(dtype)
    import jax

    logits = numbers(T, B, V, dtype=dtype)
    classes = np.random.default_rng(0).integers(V, size=(T, B))
    onehot = np.eye(V, dtype=dtype)[classes]
    keys = np.random.default_rng(1).random((T, B, V)).round().astype(dtype)
    wanted = numbers(T, B, V, seed=2, dtype=dtype)
    found = []
    for title, theirs, ours, targets, given in (
        (
            "cross-entropy",
            k.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=name),
            CategoricalCrossentropy(),
            classes,
            classes,
        ),
        (
            "cross-entropy, label smoothing",
            k.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1, dtype=name),
            CategoricalCrossentropy(0.1),
            onehot,
            onehot,
        ),
        (
            "binary cross-entropy",
            k.losses.BinaryCrossentropy(from_logits=True, dtype=name),
            BinaryCrossentropy(),
            keys,
            keys,
        ),
        (
            "squared error",
            k.losses.MeanSquaredError(dtype=name),
            MeanSquaredError(),
            wanted,
            wanted,
        ),
        (
            "absolute error",
            k.losses.MeanAbsoluteError(dtype=name),
            MeanAbsoluteError(),
            wanted,
            wanted,
        ),
    ):
        loss, dlogits = jax.value_and_grad(lambda z, f=theirs, t=given: f(t, z))(logits)
        found += loss_rows(title, ours, logits, targets, loss, dlogits)
    return found + keras_class_weights(k, name, logits, classes)


def keras_class_weights(k, name, logits, classes):
    """`fit(class_weight=)` in Keras gives each sample the weight of its class."""
    import jax

    weights = {0: 3.0, 2: 0.5, 7: 0.0}
    each = np.array([weights.get(int(c), 1.0) for c in classes.ravel()]).reshape(classes.shape)
    found = []
    for title, from_logits, y in (
        ("class weights", True, logits),
        ("class weights, probabilities", False, softmax(logits)),
    ):
        theirs = k.losses.SparseCategoricalCrossentropy(from_logits=from_logits, dtype=name)
        loss, dy = jax.value_and_grad(lambda z, f=theirs: f(classes, z, each))(y)
        ours = CategoricalCrossentropy(from_logits=from_logits, class_weight=weights)
        found += loss_rows(title, ours, y, classes, loss, dy)
    return found


def keras_training(optimizer, dtype):
    """20 steps of LSTM and Dense with cross-entropy and clipping; the weights after each."""
    k, name = keras(dtype)
    import jax

    model, x, targets = training_case(dtype)
    lstm, dense = k.layers.LSTM(H, return_sequences=True, dtype=name), k.layers.Dense(V, dtype=name)
    net = k.Sequential([k.Input((T, D), dtype=name), lstm, dense])
    net.set_weights([p.copy() for p in model.params.values()])
    limit = 0.1  # less than the norms: every step is clipped
    ours, theirs = {
        "Adam": (Adam(0.02), k.optimizers.Adam(0.02, global_clipnorm=limit)),
        "RMSprop": (RMSprop(0.002), k.optimizers.RMSprop(0.002, global_clipnorm=limit)),
        "SGD with momentum": (
            SGD(0.1, 0.9),
            k.optimizers.SGD(0.1, momentum=0.9, global_clipnorm=limit),
        ),
        "AdamW": (
            AdamW(0.02, 0.3),
            k.optimizers.AdamW(0.02, weight_decay=0.3, global_clipnorm=limit),
        ),
    }[optimizer]
    criterion = k.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=name)
    theirs.build(net.trainable_variables)
    weights = [v.value for v in net.trainable_variables]
    memory = [v.value for v in theirs.variables]
    frozen = [v.value for v in net.non_trainable_variables]

    def total(weights):
        y, _ = net.stateless_call(weights, frozen, np.swapaxes(x, 0, 1))
        return criterion(targets.T, y)

    slope, apply, found = jax.jit(jax.value_and_grad(total)), jax.jit(theirs.stateless_apply), []
    for _ in range(STEPS):
        loss, grads = slope(weights)
        norm = np.sqrt(sum((np.asarray(g, np.float64) ** 2).sum() for g in grads))
        weights, memory = apply(memory, grads, weights)
        our_loss, our_norm = our_step(model, x, targets, ours, limit)
        found.append((f"{optimizer}: losses", our_loss, np.asarray(loss)))
        found.append((f"{optimizer}: gradient norms", our_norm, norm))
        for p, w in zip(model.params.values(), weights, strict=True):
            title = f"{optimizer}: weights after each of {STEPS} steps"
            found.append((title, p.copy(), np.asarray(w).copy()))
    return found


OPTIMIZERS = ("Adam", "AdamW", "RMSprop", "SGD with momentum")
KINDS = (LSTM, GRU, SimpleRNN)
WAYS = [(kind, both) for both in (False, True) for kind in KINDS]
COMPARISONS = {
    "torch": {
        **{f"torch {kind.__name__}": (torch_recurrent, kind) for kind in KINDS},
        **{f"torch packed {k.__name__}{' both' * b}": (torch_packed, k, b) for k, b in WAYS},
        "torch BatchNormalization": (torch_batch_norm,),
        "torch LayerNormalization": (torch_layer_norm,),
        "torch Embedding": (torch_embedding,),
        "torch losses": (torch_losses,),
        **{f"torch {name}": (torch_training, name) for name in OPTIMIZERS},
    },
    "keras": {
        **{f"keras {kind.__name__}": (keras_recurrent, kind) for kind in KINDS},
        **{f"keras masked {k.__name__}{' both' * b}": (keras_masked, k, b) for k, b in WAYS},
        "keras BatchNormalization": (keras_batch_norm,),
        "keras LayerNormalization": (keras_layer_norm,),
        "keras metrics": (keras_metrics,),
        "keras numbers": (keras_numbers_now,),
        "keras Embedding": (keras_embedding,),
        "keras losses": (keras_losses,),
        **{f"keras {name}": (keras_training, name) for name in OPTIMIZERS},
    },
}


def compare(comparison, dtype):
    """The rows of one comparison."""
    function, *arguments = comparison
    if function.__name__.startswith("torch"):
        import torch

        torch.set_num_threads(1)  # the arrays are small
    return function(*arguments, dtype)


def difference(ours, theirs):
    """The largest difference, relative to the largest number if that is above 1."""
    ours, theirs = np.asarray(ours, np.float64), np.asarray(theirs, np.float64)
    return float(np.abs(ours - theirs).max() / max(1.0, np.abs(theirs).max()))
