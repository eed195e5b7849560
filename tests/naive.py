"""The package's maths in scalar loops, one number at a time, written from the papers.

It shares no code with the package and uses no vector operations: the loops are documentation.
"""

import math

import numpy as np


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def dot(vector, matrix, column):
    return sum(vector[k] * matrix[k, column] for k in range(len(vector)))


def lstm(x, h0, c0, Wx, Wh, b, dropout=None, mask=None):
    """The LSTM, one sequence and one unit at a time. Gates i f g o in blocks of H columns.

    A step that the mask leaves out is not made: the sequence goes on as if it were not there.
    """
    (T, B, _), H = x.shape, len(Wh)
    outputs, hT, cT = np.zeros((T, B, H)), np.zeros((B, H)), np.zeros((B, H))
    for n in range(B):
        h, c = list(h0[n]), list(c0[n])
        for t in range(T):
            if mask is not None and not mask[t, n]:
                outputs[t, n] = h
                continue
            seen = h if dropout is None else [h[k] * dropout[n, k] for k in range(H)]
            new_h, new_c = [], []
            for k in range(H):

                def z(gate, t=t, k=k, n=n, seen=seen):
                    column = gate * H + k
                    return dot(x[t, n], Wx, column) + dot(seen, Wh, column) + b[column]

                i, f, g, o = sigmoid(z(0)), sigmoid(z(1)), math.tanh(z(2)), sigmoid(z(3))
                new_c.append(f * c[k] + i * g)
                new_h.append(o * math.tanh(new_c[-1]))
            h, c = new_h, new_c
            outputs[t, n] = h
        hT[n], cT[n] = h, c
    return outputs, hT, cT


def gru(x, h0, Wx, Wh, b, bh, mask=None):
    """Gates r u n in blocks of H columns; the reset gate after the product, as in PyTorch."""
    (T, B, _), H = x.shape, len(Wh)
    outputs = np.zeros((T, B, H))
    for n in range(B):
        h = list(h0[n])
        for t in range(T):
            if mask is not None and not mask[t, n]:
                outputs[t, n] = h
                continue
            new = []
            for k in range(H):
                r, u, m = (k, H + k, 2 * H + k)
                xr, xu, xm = (dot(x[t, n], Wx, column) + b[column] for column in (r, u, m))
                hr, hu, hm = (dot(h, Wh, column) + bh[column] for column in (r, u, m))
                reset, update = sigmoid(xr + hr), sigmoid(xu + hu)
                candidate = math.tanh(xm + reset * hm)
                new.append((1 - update) * candidate + update * h[k])
            h = new
            outputs[t, n] = h
    return outputs, outputs[-1]


def gru_reset_before(x, h0, Wx, Wh, b, mask=None):
    """The same with the reset gate before the product, as in the paper."""
    (T, B, _), H = x.shape, len(Wh)
    outputs = np.zeros((T, B, H))
    for n in range(B):
        h = list(h0[n])
        for t in range(T):
            if mask is not None and not mask[t, n]:
                outputs[t, n] = h
                continue
            z = [dot(x[t, n], Wx, column) + b[column] for column in range(3 * H)]
            reset = [sigmoid(z[k] + dot(h, Wh, k)) for k in range(H)]
            update = [sigmoid(z[H + k] + dot(h, Wh, H + k)) for k in range(H)]
            seen = [r * a for r, a in zip(reset, h, strict=True)]
            candidate = [math.tanh(z[2 * H + k] + dot(seen, Wh, 2 * H + k)) for k in range(H)]
            h = [(1 - update[k]) * candidate[k] + update[k] * h[k] for k in range(H)]
            outputs[t, n] = h
    return outputs, outputs[-1]


def simple_rnn(x, h0, Wx, Wh, b, mask=None):
    (T, B, _), H = x.shape, len(Wh)
    outputs = np.zeros((T, B, H))
    for n in range(B):
        h = list(h0[n])
        for t in range(T):
            if mask is not None and not mask[t, n]:
                outputs[t, n] = h
                continue
            h = [math.tanh(dot(x[t, n], Wx, k) + dot(h, Wh, k) + b[k]) for k in range(H)]
            outputs[t, n] = h
    return outputs, outputs[-1]


def batch_norm(x, gamma, beta, epsilon):
    """One feature at a time; x (N, D)."""
    y = np.zeros_like(x)
    for d in range(x.shape[1]):
        column = [float(v) for v in x[:, d]]
        mean = sum(column) / len(column)
        variance = sum((v - mean) ** 2 for v in column) / len(column)
        for n, v in enumerate(column):
            y[n, d] = gamma[d] * (v - mean) / math.sqrt(variance + epsilon) + beta[d]
    return y


def softmax(row):
    powers = [math.exp(v) for v in row]
    return [p / sum(powers) for p in powers]


def cross_entropy(logits, targets, smoothing=0.0):
    """logits (N, V), targets (N,); the mean over the targets that are not negative."""
    losses = []
    for row, target in zip(logits, targets, strict=True):
        if target >= 0:
            p, V = softmax(row), len(row)
            q = [(1 - smoothing) * (v == target) + smoothing / V for v in range(V)]
            losses.append(-sum(q[v] * math.log(p[v]) for v in range(V)))
    return sum(losses) / max(len(losses), 1)


def binary_cross_entropy(logits, targets):
    p = [1 / (1 + math.exp(-z)) for z in logits.ravel()]
    t = targets.ravel()
    terms = [t[k] * math.log(p[k]) + (1 - t[k]) * math.log(1 - p[k]) for k in range(len(p))]
    return -sum(terms) / len(terms)


def sgd(p, gradients, rate, momentum):
    """Polyak's heavy ball, for one number and a list of its gradients."""
    velocity = 0.0
    for g in gradients:
        velocity = momentum * velocity - rate * g
        p = p + velocity
    return p


def rmsprop(p, gradients, rate, rho, epsilon):
    square = 0.0
    for g in gradients:
        square = rho * square + (1 - rho) * g * g
        p = p - rate * g / math.sqrt(square + epsilon)
    return p


def adam(p, gradients, rate, beta_1, beta_2, epsilon, decay=0.0):
    """Algorithm 1 of the paper, with epsilon hat as at the end of its section 2; decay: AdamW's."""
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        p = p - rate * decay * p
        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g * g
        m_hat = m / (1 - beta_1**t)
        v_hat = v / (1 - beta_2**t)
        p = p - rate * m_hat / (math.sqrt(v_hat) + epsilon / math.sqrt(1 - beta_2**t))
    return p
