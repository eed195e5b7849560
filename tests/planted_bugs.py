"""Bugs of one line each, of the kinds that teaching codes and their readers really had.

Each is applied to a copy of the real source, and the ordinary tests of that file must fail on it:
test_planted_bugs.py asserts it, docs/make_proof.py tabulates it. A bug is a file, the text that is
there (once), the text that takes its place, and what kind of mistake that is.
"""

import contextlib
import io
import multiprocessing
import os
import shutil
import sys
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
CHECKS = {  # the file a bug is in: the tests that mirror it; the others follow if those are content
    "functional.py": "test_functional.py",
    "recurrent.py": "test_functional.py",
    "reset_before.py": "test_reset_before.py",
    "normalization.py": "test_functional.py",
    "layers": "test_layers.py",
    "losses.py": "test_losses.py",
    "pointwise.py": "test_losses.py",
    "penalties.py": "test_penalties.py",
    "optimizers.py": "test_optimizers.py",
    "model.py": "test_model.py",
    **{
        f"{name}.py": f"test_{name}.py"
        for name in ("arrays", "metrics", "evaluation", "schedules", "parallel", "training")
    },
}


class Bug(NamedTuple):
    """One line gone wrong."""

    file: str
    right: str
    wrong: str
    kind: str
    checks: str = ""  # the tests that should see it first, if not those of CHECKS

    @property
    def first_checks(self) -> str:
        """The tests that should see it first."""
        return self.checks or CHECKS[self.file.split("/")[0]]


F, R, N, RB = "functional.py", "recurrent.py", "normalization.py", "reset_before.py"
SEQ, DENSE, TOKENS, DROP, BATCH, BI = (
    f"layers/{name}.py"
    for name in (
        "sequences",
        "dense",
        "tokens",
        "dropout",
        "normalization",
        "bidirectional",
    )
)
LOSS, POINT, PEN = "losses.py", "pointwise.py", "penalties.py"
OPT, MODEL = "optimizers.py", "model.py"
ARR, MET, EVAL, PAR, TRAIN = (
    f"{name}.py" for name in ("arrays", "metrics", "evaluation", "parallel", "training")
)
SCHED = "schedules.py"

BUGS = [
    # ------------------------------------------------------------------ the LSTM's forward pass
    Bug(F, "return 0.5 + 0.5 * np.tanh(0.5 * x)", "return 0.5 + 0.5 * np.tanh(x)",
        "a sigmoid of 2x (autograd's example had it)"),
    Bug(F, "zi, zf, zg, zo = np.split(z", "zf, zi, zg, zo = np.split(z",
        "gates swapped going in"),
    Bug(F, "g = np.tanh(zg)", "g = sigmoid(zg)", "the candidate squashed like a gate"),
    Bug(F, "    c = f * c_prev + i * g  # (B, H)", "    c = f * c_prev + g  # (B, H)",
        "the input gate left out"),
    Bug(F, "    c = f * c_prev + i * g  # (B, H)", "    c = i * g  # (B, H)", "a missing carry"),
    Bug(F, "    h = o * np.tanh(c)  # (B, H)", "    h = o * c  # (B, H)",
        "the cell shown without its tanh"),
    Bug(F, "np.concatenate([i, f, g, o], axis=-1)", "np.concatenate([i, f, o, g], axis=-1)",
        "gates cached in another order than backward reads"),
    Bug(F, "@ Wx + b).reshape(T, B, 4 * H)", "@ Wx).reshape(T, B, 4 * H)", "a bias left out"),
    Bug(F, "h[0], c[0] = h0, c0", "h[0], c[0] = 0, 0", "the initial state ignored"),
    Bug(F, "h[0], c[0] = h0, c0", "h[0], c[0] = h0, h0", "h taken for c in the initial state"),
    Bug(F, "lstm_cell_forward(zx[t], h_in, c[t], Wh)", "lstm_cell_forward(zx[t], h_in, c[0], Wh)",
        "a stale cell state"),
    Bug(F, "h_in = h[t] if dropout is None else h[t] * dropout",
        "h_in = h[0] if dropout is None else h[t] * dropout", "a stale hidden state"),
    Bug(F, "return h[1:], h[T], c[T], LSTMCache", "return h[:T], h[T], c[T], LSTMCache",
        "outputs off by one step"),
    Bug(F, "return h[1:], h[T], c[T], LSTMCache", "return h[1:], h[T], c[T - 1], LSTMCache",
        "the last cell state but one"),
    # ----------------------------------------------------------------- the LSTM's backward pass
    Bug(F, "dc = dc + dh * o * (1 - tanh_c**2)", "dc = dh * o * (1 - tanh_c**2)",
        "the gradient from the next cell dropped"),
    Bug(F, "dc = dc + dh * o * (1 - tanh_c**2)", "dc = dc + dh * o * (1 - c**2)",
        "the slope of tanh at the wrong place"),
    Bug(F, "dc = dc + dh * o * (1 - tanh_c**2)", "dc = dc + dh * (1 - tanh_c**2)",
        "the output gate forgotten"),
    Bug(F, "dc_prev = dc * f", "dc_prev = dc", "the forget gate left out of the carry"),
    Bug(F, "df = dc * c_prev", "df = dc * c", "the new cell taken for the old"),
    Bug(F, "di = dc * g", "di = dc * i", "a gate taken for the candidate"),
    Bug(F, "dzf = df * f * (1 - f)", "dzf = df * (1 - f)", "half of the sigmoid's slope"),
    Bug(F, "dzo = do * o * (1 - o)", "dzo = do * o * (1 - o**2)", "the slopes mixed up"),
    Bug(F, "dzg = dg * (1 - g**2)", "dzg = dg * g * (1 - g)", "tanh taken for a sigmoid"),
    Bug(F, "np.concatenate([dzi, dzf, dzg, dzo], axis=-1), dc_prev",
        "np.concatenate([dzi, dzf, dzo, dzg], axis=-1), dc_prev", "gates swapped going out"),
    Bug(F, "dh, dc = dhT, dcT", "dh, dc = dhT, 0 * dcT",
        "the gradient of the final cell ignored"),
    Bug(F, "dh, dc = dhT, dcT", "dh, dc = 0 * dhT, dcT",
        "the gradient of the final h ignored"),
    Bug(F, "dh = dh + dout[t]", "dh = dout[t]", "no backpropagation through time"),
    Bug(F, "dh = dh + dout[t]", "dh = dh + dout[T - 1]", "one output's gradient for all steps"),
    Bug(F, "lstm_cell_backward(dh, dc, c[t], c[t + 1], gates[t])",
        "lstm_cell_backward(dh, dc, c[t + 1], c[t], gates[t])", "cells off by one"),
    Bug(F, "dh_prev if dropout is None else dh_prev * dropout", "dh_prev",
        "recurrent dropout forgotten on the way back"),
    Bug(F, "h_in = h[:T] if dropout is None else h[:T] * dropout", "h_in = h[:T]",
        "recurrent dropout forgotten in dWh"),
    Bug(F, "h_in = h[:T] if dropout is None", "h_in = h[1:] if dropout is None",
        "dWh from the new h, not the old"),
    Bug(F, "dWh += h_in", "dWh[...] = h_in", "a gradient overwritten, not added"),
    Bug(F, "    db += dz2.sum(axis=0)", "    db += dz2[-1]", "the bias's gradient from one row"),
    Bug(F, "dx = (dz2 @ Wx.T).reshape(T, B, D)",
        "dx = (dz2 @ Wx.T).reshape(B, T, D).swapaxes(0, 1)",
        "time and batch mixed up"),
    # ------------------------------------------------------------------------------ the loss
    Bug(F, "dlogits[rows, targets[rows]] -= 1 / count", "dlogits[rows, targets[rows]] -= 1",
        "the mean forgotten for the target"),
    Bug(F, "dlogits[rows] = p[rows] / count", "dlogits[rows] = p[rows]",
        "the mean forgotten for the rest"),
    Bug(F, "dlogits[rows] = p[rows] / count", "dlogits[:] = p / count",
        "targets that are left out pull all the same"),
    Bug(F, "e = np.exp(z)", "e = np.exp(logits)", "a softmax that overflows"),
    Bug(F, "count = max(len(rows), 1) if count is None else count\n    # p",
        "count = len(targets)\n    # p", "padding counted in the mean"),
    Bug(LOSS, "dlogits[rows] -= self.label_smoothing / V / divisor",
        "dlogits[rows] -= self.label_smoothing / divisor", "smoothing not spread over classes"),
    Bug(POINT, "np.where(positive, -z, z)", "np.where(positive, z, -z)",
        "a binary cross-entropy that overflows"),
    Bug(POINT, "return (p - targets.astype(p.dtype))", "return (targets.astype(p.dtype) - p)",
        "uphill instead of down"),
    Bug(PEN, "grads[name] += 2 * self.rate * w", "grads[name] += self.rate * w",
        "L2 by half"),
    Bug(PEN, "grads[name] += 2 * self.rate * w", "grads[name] = 2 * self.rate * w",
        "L2 in place of the gradient"),
    # ---------------------------------------------------------------------------- optimizers
    Bug(OPT, "(1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)",
        "(1 - self.beta_2) ** 0.5 / (1 - self.beta_1)",
        "no t in Adam (ML-From-Scratch had it; one step cannot tell)"),
    Bug(OPT, "(1 - self.beta_2**t) ** 0.5 / (1 - self.beta_1**t)", "1.0",
        "no bias correction in Adam"),
    Bug(OPT, "v += (1 - self.beta_2) * g**2", "v += (1 - self.beta_2) * g",
        "Adam's second moment without its square"),
    Bug(OPT, "m *= self.beta_1", "m *= self.beta_2", "Adam's betas swapped"),
    Bug(OPT, "s += (1 - self.rho) * g**2", "s += g**2", "RMSprop's mean not a mean"),
    Bug(OPT, "g / np.sqrt(s + self.epsilon)", "g / np.sqrt(s) + self.epsilon",
        "a parenthesis of RMSprop's misplaced"),
    Bug(OPT, "v -= self.learning_rate * g", "v = -self.learning_rate * g",
        "momentum without memory"),
    Bug(OPT, "self.steps += 1", "self.steps = 1", "a step counter that stands still"),
    Bug(OPT, "if name not in memory:", "if True:", "a memory wiped at every step"),
    Bug(OPT, "    if norm > limit:\n", "    if True:\n", "small gradients blown up by clipping"),
    Bug(OPT, "float(np.vdot(g, g).real) for g", "float(np.vdot(g, g).real) ** 0.5 for g",
        "norms added instead of their squares"),
    # ------------------------------------------------------------------------ layers and state
    Bug(SEQ, "return (outputs if self.return_sequences else outputs[-1])",
        "return (outputs if self.return_sequences else outputs[0])",
        "the first output, not the last"),
    Bug(SEQ, "dfinal = (dfinal[0] + dy, *dfinal[1:])", "dfinal = (dy, *dfinal[1:])",
        "the final state's gradient lost beside the output's"),
    Bug(SEQ, "self.params[\"b\"][H : 2 * H] = self.forget_bias",
        "self.params[\"b\"][:H] = self.forget_bias", "the forget bias on another gate"),
    Bug(SEQ, "zeros if state is None else state", "zeros", "the state not carried over"),
    Bug(BI, "yb = yb[::-1] if self.return_sequences else yb", "yb = yb",
        "the second reader's steps in reverse"),
    Bug(BI, "return dxa + dxb[::-1]", "return dxa + dxb", "its gradient in reverse"),
    Bug(TOKENS, "grads[\"table\"] += dy2.T @ x.reshape(-1, x.shape[-1])",
        "grads[\"table\"][...] = dy2.T @ x.reshape(-1, x.shape[-1])",
        "tied weights: one gradient overwrites the other"),
    Bug(DENSE, "grads[\"b\"] += dz.sum(axis=0)", "grads[\"b\"] += dz.mean(axis=0)",
        "a mean where the sum belongs"),
    Bug(DENSE, "return y * (dy - (dy * y).sum(axis=-1, keepdims=True))", "return y * (1 - y) * dy",
        "softmax taken for a sigmoid: only the diagonal"),
    Bug(DENSE, "return dy * (1 - y**2)", "return dy * (1 - np.tanh(y) ** 2)",
        "the slope taken at the output"),
    Bug(DROP, "return kept * np.asarray(1 / (1 - rate), dtype)", "return kept.astype(dtype)",
        "dropout that is not scaled"),
    Bug(DROP, ">= round(rate * 65536)", "< round(rate * 65536)", "kept and dropped swapped"),
    Bug(BATCH, "if rng is None or not len(rows):\n", "if rng is not None or not len(rows):\n",
        "running statistics in training"),
    Bug(BATCH, "running += (1 - self.momentum) * value", "running += self.momentum * value",
        "the momentum the wrong way round"),
    Bug(N, "variance = ((x - mean) ** 2).mean(axis=0)", "variance = (x**2).mean(axis=0)",
        "a variance about zero"),
    Bug(N, "mean(axis=0)  # (D,)\n    return scale * (dxhat - shift - xhat * stretch)",
        "mean(axis=0)  # (D,)\n    return scale * (dxhat - shift)",
        "the variance taken for a constant"),
    Bug(R, "n = np.tanh(zn + r * an)", "n = np.tanh(zn + an)", "the reset gate left out"),
    Bug(R, "h = (1 - u) * n + u * h_prev  # (B, H)", "h = u * n + (1 - u) * h_prev  # (B, H)",
        "the update gate the wrong way round"),
    Bug(R, "du = dh * (h_prev - n)", "du = dh * (n - h_prev)", "a sign"),
    Bug(R, "dh_prev = dh_prev + da[t] @ Wh.T", "dh_prev = da[t] @ Wh.T",
        "the GRU's straight path cut"),
    Bug(RB, "zn + (r * h_prev) @ Wh[:, 2 * H :]", "zn + r * (h_prev @ Wh[:, 2 * H :])",
        "the reset gate after the product"),
    Bug(RB, "dh_prev = dh_prev + dreset * r", "dh_prev = dh_prev + dreset",
        "its gradient not gated"),
    Bug(RB, "(r2 * h2).T @ dz2", "h2.T @ dz2", "the whole state where the gated one belongs"),
    Bug(BI, "return np.ascontiguousarray(dy[::-1]), ()", "return dy, ()",
        "a gradient that is not turned round"),
    Bug(R, "dz[t] = dh * (1 - h[t + 1] ** 2)", "dz[t] = dh * (1 - h[t] ** 2)", "off by one step"),
    # ------------------------------------------------------------------------------ the model
    Bug(MODEL, "x, state, cache = layer.forward(x, state, rng, **use)",
        "x, state, cache = layer.forward(x, None, rng)", "states that never reach the layers"),
    Bug(MODEL, "x, state, cache = layer.forward(x, state, rng, **use)",
        "x, state, cache = layer.forward(x, state)", "training without its randomness"),
    Bug(MODEL, "dy, dstate = layer.backward(dy, cache, own, dstate)",
        "dy, dstate = layer.backward(dy, cache, own)", "the final states' gradients lost"),
    Bug(MODEL, "initial.insert(0, dstate)", "initial.append(dstate)", "states in reverse order"),
    Bug(MODEL, "            array[...] = weights[path]", "            array = weights[path]",
        "weights loaded into a name, not into the model"),
    Bug(MODEL, "save_arrays(path, self.weights", "save_arrays(path, self.params",
        "running statistics left out of the file"),
    # --------------------------------------------------------------------------------- masks
    Bug(F, "h[t + 1, ~mask[t]], c[t + 1, ~mask[t]] = h[t, ~mask[t]], c[t, ~mask[t]]",
        "h[t + 1, ~mask[t]] = h[t, ~mask[t]]", "padding that changes the cell"),
    Bug(F, "h[t + 1, ~mask[t]], c[t + 1, ~mask[t]] = h[t, ~mask[t]], c[t, ~mask[t]]",
        "h[t + 1, ~mask[t]], c[t + 1, ~mask[t]] = 0, 0", "padding that forgets everything"),
    Bug(F, "dz[t, ~mask[t]], dh_prev[~mask[t]], dc_prev[~mask[t]] = 0, dh[~mask[t]], dc[~mask[t]]",
        "dz[t, ~mask[t]], dh_prev[~mask[t]], dc_prev[~mask[t]] = 0, 0, dc[~mask[t]]",
        "h's gradient lost in the padding"),
    Bug(F, "dz[t, ~mask[t]], dh_prev[~mask[t]], dc_prev[~mask[t]] = 0, dh[~mask[t]], dc[~mask[t]]",
        "dz[t, ~mask[t]], dh_prev[~mask[t]] = 0, dh[~mask[t]]",
        "the cell's gradient through a step that was not made"),
    Bug(F, "dz[t, ~mask[t]], dh_prev[~mask[t]], dc_prev[~mask[t]] = 0, dh[~mask[t]], dc[~mask[t]]",
        "dh_prev[~mask[t]], dc_prev[~mask[t]] = dh[~mask[t]], dc[~mask[t]]",
        "weights that learn from padding"),
    Bug(F, "if mask is not None:  # h[t+1] = h[t], c[t+1] = c[t]", "if False:",
        "the mask forgotten on the way back"),
    Bug(R, "dzx[t, ~mask[t]], da[t, ~mask[t]], dh_prev[~mask[t]] = 0, 0, dh[~mask[t]]",
        "dzx[t, ~mask[t]], dh_prev[~mask[t]] = 0, dh[~mask[t]]",
        "the GRU's Wh learns from padding"),
    Bug(R, "dz[t, ~mask[t]], dh_prev[~mask[t]] = 0, dh[~mask[t]]", "dz[t, ~mask[t]] = 0",
        "the simple net's gradient stops at padding"),
    Bug(BI, "reverse = None if mask is None else mask[::-1]", "reverse = mask",
        "a mask that is not reversed with its input"),
    Bug(BATCH, "rows = x.reshape(-1, len(gamma)) if mask is None else x[mask]  # (N, D)\n"
        "        if rng", "rows = x.reshape(-1, len(gamma))\n        mask = None\n        if rng",
        "padding counted in the batch's mean"),
    Bug(MODEL, 'else {"mask": mask}', "else {}", "a mask that never reaches the layers"),
    Bug(LOSS, "    dy[mask] = dkept", "    dy.reshape(-1, y.shape[-1])[: len(dkept)] = dkept",
        "gradients of the wrong steps"),
    Bug(LOSS, "(y[mask], targets[mask])", "(y[mask], targets[~mask])", "targets of padding"),
    Bug(R, "gru_cell_forward(zx[t], h[t], Wh, bh)\n        if mask is not None:",
        "gru_cell_forward(zx[t], h[t], Wh, bh)\n        if False:", "the GRU reads padding"),
    Bug(R, "h[t + 1] = np.tanh(zx[t] + h[t] @ Wh)  # (B, H)\n        if mask is not None:",
        "h[t + 1] = np.tanh(zx[t] + h[t] @ Wh)  # (B, H)\n        if False:",
        "the simple net reads padding"),
    Bug(R, "dh_prev[~mask[t]] = 0, 0, dh[~mask[t]]", "dh_prev[~mask[t]] = 0, 0, 0",
        "the GRU's gradient stops at padding"),
    Bug(SEQ, "state is None else state, rng, mask)", "state is None else state, rng)",
        "a mask that never reaches the maths"),
    Bug(BI, "ahead.forward(x, first, rng, mask)", "ahead.forward(x, first, rng)",
        "a mask for one reader only"),
    Bug(PAR, "batch.mask[:, a:b]", "batch.mask[:, : b - a]",
        "every shard with the first one's mask"),
    Bug(PAR, "masked = batch.mask is not None and", "masked = False and",
        "padding counted in the mean, as a target"),
    Bug(PAR, "mask = mask if self.model.return_sequences else None", "mask = mask",
        "a mask over time for an output without time"),
    # --------------------------------------------------- arrays, metrics, means, accumulation
    Bug(ARR, "np.ascontiguousarray(mask[:T])", "np.ascontiguousarray(mask[-T:])",
        "the mask cut at the other end than its sequences"),
    Bug(ARR, "mask = np.arange(T) < lengths[:, None]", "mask = np.arange(T) <= lengths[:, None]",
        "one step of padding too many"),
    Bug(ARR, "y[on] = short[np.arange(short.shape[1]) < self.lengths()[:, None]]",
        "y[:, : short.shape[1]] = short", "targets at the start, steps elsewhere"),
    Bug(ARR, "np.random.default_rng([self.seed, epoch])", "np.random.default_rng(self.seed)",
        "the same order in every epoch"),
    Bug(ARR, "x, y = self.x[rows], self.y[rows]", "x, y = self.x[rows], self.y[: len(rows)]",
        "inputs shuffled away from their targets"),
    Bug(ARR, "shuffle, self.seed, self.dtype)", "shuffle, self.seed, x.dtype)",
        "targets cut to whole numbers, the type of the ids"),
    Bug(ARR, "counted &= mask if self.every_step and mask is not None else True", "counted &= True",
        "padding counted as targets"),
    Bug(ARR, "np.swapaxes(a, 0, 1)", "a.reshape(a.shape[1], a.shape[0], *a.shape[2:])",
        "a reshape where axes should be swapped"),
    Bug(MET, "        return self.loss.count(targets)\n", "        return targets.size\n",
        "targets that are left out counted"),
    Bug(MET, "math.exp(min(mean, 700.0))", "2 ** min(mean, 700.0)", "nats taken for bits"),
    Bug(MET, "y > self.threshold", "y > 0.5", "logits judged as probabilities"),
    Bug(EVAL, 'found = [("loss", loss * tokens), ("tokens", tokens)]',
        'found = [("loss", loss), ("tokens", 1)]', "a mean of the batches' means"),
    Bug(EVAL, "keep = ~batch.reset[:, None]", "keep = batch.reset[:, None]",
        "states kept where a piece begins, lost where it goes on"),
    Bug(EVAL, "if states is None or size != B:", "if states is None:",
        "the states of another batch"),
    Bug(SCHED, "min(peak, peak * max(share, 1e-3) / warmup)", "peak * max(share, 1e-3) / warmup",
        "a short warm-up that begins above the peak"),
    Bug(SCHED, "after((share - warmup) / (1 - warmup))", "after(share - warmup)",
        "a decay that does not reach its end"),
    Bug(PAR, "if not (nth and shard == 0):", "if not nth:",
        "shards of an earlier batch added once more"),
    Bug(PAR, "= sum(totals), sum(counts)", "= totals[0], counts[0]",
        "a metric of the first shard alone"),
    Bug(TRAIN, "run.states, seed, count, i)", "run.states, seed, count)",
        "an update from the last of its batches"),
    Bug(TRAIN, "count = max(sum(counts), 1)", "count = max(counts[0], 1)",
        "accumulated gradients that are not a mean"),
    Bug(TRAIN, "value * (count / max(counts[i], 1))", "value",
        "a batch's share taken for its loss"),
    Bug(TRAIN, "max if monitor.removeprefix", "min if monitor.removeprefix",
        "the lowest accuracy taken for the best"),
    Bug(TRAIN, "norm / max(-(-self.batch // self.accumulate), 1)", "norm / max(self.batch, 1)",
        "a mean over batches where there were updates"),
    # ------------------------------------------- errors, weights, layer normalization, AdamW
    Bug(POINT, "return 2 * error / divisor", "return error / divisor",
        "half of the square's slope"),
    Bug(POINT, "return error * np.sign(error.real)", "return abs(error)",
        "a modulus of complex numbers, which has no derivative"),
    Bug(LOSS, "logits = y if self.takes_logits else np.log", "logits = y if True else np.log",
        "probabilities taken for logits"),
    Bug(LOSS, "dlogits[rows] *= self.weights(ids)", "dlogits[rows] * self.weights(ids)",
        "class weights forgotten on the way back"),
    Bug(LOSS, "classes[classes >= 0]) / count", "classes[classes >= 0]) / len(classes.ravel())",
        "targets that are left out in the weighted mean"),
    Bug(N, "centred = x - x.mean(axis=-1, keepdims=True)", "centred = x - x.mean(axis=0)",
        "layer normalization over the rows"),
    Bug(N, "stretch = (dxhat * xhat).mean(axis=-1, keepdims=True)  # (N, 1)", "stretch = 0",
        "layer normalization's variance taken for a constant"),
    Bug(OPT, "p *= 1 - self.learning_rate * self.weight_decay", "p *= 1 - self.weight_decay",
        "weight decay without the learning rate"),
    Bug(OPT, "p *= 1 - self.learning_rate * self.weight_decay", "g = g + self.weight_decay * p",
        "weight decay in the gradient: L2, not AdamW"),
]  # fmt: skip


def patched_package(bug: Any, folder: Path, leave_out: tuple = ("music", "kernels")) -> Path:
    """A copy of the package with the bug in it; returns the folder that holds the copy."""
    target = folder / "tinylstm"
    skip = shutil.ignore_patterns("__pycache__", *leave_out)
    shutil.copytree(ROOT / "tinylstm", target, ignore=skip)
    source = (target / bug.file).read_text()
    if source.count(bug.right) != 1:
        times = source.count(bug.right)
        raise ValueError(f"{bug.file} holds {bug.right!r} {times} times, not once: {bug.kind}")
    (target / bug.file).write_text(source.replace(bug.right, bug.wrong))
    return folder


def run_tests(folder: Path, tests: list[str]) -> None:
    """In a process of its own: the tests against the copy in `folder`. Exits with 10 plus pytest's
    status, so that a process that failed to start is not taken for a test that failed.
    """
    os.environ["TINYLSTM_BACKEND"] = "numpy"  # the bugs are in the textbook
    sys.path.insert(0, str(folder))
    sys.dont_write_bytecode = True
    for name in list(sys.modules):  # what the caller's script has brought along
        if name.partition(".")[0] in ("tinylstm", "naive") or name.startswith("test_"):
            del sys.modules[name]
    import pytest

    import tinylstm

    assert str(folder) in str(tinylstm.__file__)
    options = ["-x", "-q", "--no-header", "-p", "no:cacheprovider", "-p", "no:xdist"]
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # hypothesis came before pytest
    with contextlib.redirect_stdout(io.StringIO()):
        status = pytest.main([*options, *(str(ROOT / "tests" / name) for name in tests)])
    os._exit(10 + int(status))


def caught_by(bug: Bug, folder: Path) -> str:
    """The test file that fails on the bug; empty if none does."""
    patched_package(bug, folder)
    others = [name for name in dict.fromkeys(CHECKS.values()) if name != bug.first_checks]
    for tests in ([bug.first_checks], others):
        if not pass_on(folder, tests):
            return ", ".join(tests)
    return ""


def pass_on(folder: Path, tests: list[str]) -> bool:
    """Whether the tests pass on the copy of the package in `folder`."""
    process = CONTEXT.Process(target=run_tests, args=(folder, tests))
    process.start()
    process.join()
    if process.exitcode not in (10, 11):
        raise RuntimeError(f"pytest ended with {process.exitcode}: neither passed nor failed")
    return process.exitcode == 10


# A server that has imported what takes long, and from which each run is forked
CONTEXT = multiprocessing.get_context("forkserver" if sys.platform != "win32" else "spawn")
if sys.platform != "win32":
    CONTEXT.set_forkserver_preload(["numpy", "pytest", "hypothesis", "music21"])
