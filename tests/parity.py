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
- Batch normalization: PyTorch's momentum is one minus ours; its running variance divides by N - 1.
"""

import os

import numpy as np

from tinylstm.layers import GRU, LSTM, BatchNormalization, Dense, Embedding, SimpleRNN
from tinylstm.losses import BinaryCrossentropy, CategoricalCrossentropy
from tinylstm.model import Sequential
from tinylstm.optimizers import SGD, Adam, RMSprop, clip_by_global_norm

T, B, D, H, V, STEPS = 7, 4, 5, 6, 9, 20


def numbers(*shape, seed=0, dtype=np.float64):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def randomised(layer, size, dtype, seed=1):
    """A built layer in which no parameter is zero."""
    layer.build(size, np.random.default_rng(0), dtype)
    for k, p in enumerate(layer.params.values()):
        p[...] = 0.4 * numbers(*p.shape, seed=seed + k)
    return layer


def ours_forward_backward(layer, x, state, dy, dstate):
    """Outputs, final state, and every gradient, by name."""
    y, final, cache = layer.forward(x, state, np.random.default_rng(0))
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


def load_torch_recurrent(net, layer):
    """Copy our weights into PyTorch's layer."""
    import torch

    p = layer.params
    with torch.no_grad():
        net.weight_ih_l0.copy_(tensor(p["Wx"].T.copy()))
        net.weight_hh_l0.copy_(tensor(p["Wh"].T.copy()))
        net.bias_ih_l0.copy_(tensor(p["b"]))
        net.bias_hh_l0.copy_(tensor(p.get("bh", np.zeros_like(p["b"]))))
    if "bh" not in p:
        net.bias_hh_l0.requires_grad_(False)


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
    return found + loss_rows("binary cross-entropy", criterion, logits, keys, loss.detach(), z.grad)


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

    jax.config.update("jax_enable_x64", True)
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
    if kind is GRU:
        back = [moved_blocks(np.asarray(d), (1, 0, 2)) for d in dweights]
        theirs |= {"dWx": back[0], "dWh": back[1], "db": back[2][0], "dbh": back[2][1]}
    else:
        theirs |= dict(zip(("dWx", "dWh", "db"), dweights, strict=True))
    return rows(kind.__name__, ours, theirs)


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
    ):
        loss, dlogits = jax.value_and_grad(lambda z, f=theirs, t=given: f(t, z))(logits)
        found += loss_rows(title, ours, logits, targets, loss, dlogits)
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


OPTIMIZERS = ("Adam", "RMSprop", "SGD with momentum")
KINDS = (LSTM, GRU, SimpleRNN)
COMPARISONS = {
    "torch": {
        **{f"torch {kind.__name__}": (torch_recurrent, kind) for kind in KINDS},
        "torch BatchNormalization": (torch_batch_norm,),
        "torch Embedding": (torch_embedding,),
        "torch losses": (torch_losses,),
        **{f"torch {name}": (torch_training, name) for name in OPTIMIZERS},
    },
    "keras": {
        **{f"keras {kind.__name__}": (keras_recurrent, kind) for kind in KINDS},
        "keras BatchNormalization": (keras_batch_norm,),
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
