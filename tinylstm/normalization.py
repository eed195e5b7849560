"""Batch and layer normalization, forward and backward, with the derivation. Pure functions.

Read functional.py first: names and complex numbers are the same. x has N rows (all steps of all
sequences) and D features. Batch normalization averages over the rows, for each feature; layer
normalization over the features, for each row.

Sources: S. Ioffe, C. Szegedy, Batch Normalization, ICML 2015; J. Ba, J. Kiros, G. Hinton, Layer
Normalization, 2016.
"""

from typing import NamedTuple

import numpy as np
from numpy import ndarray


class BatchNormCache(NamedTuple):
    """What the forward pass computes and the backward pass needs."""

    xhat: ndarray  # (N, D) the normalised input
    scale: ndarray  # (D,) 1 / sqrt(variance + epsilon)
    gamma: ndarray  # (D,)
    mean: ndarray  # (D,) used in this pass: the batch's in training, else the running mean
    variance: ndarray  # (D,) the same for the variance
    training: bool


def batch_norm_inference_forward(
    x: ndarray,
    gamma: ndarray,
    beta: ndarray,
    mean: ndarray,
    variance: ndarray,
    epsilon: float,
) -> tuple[ndarray, BatchNormCache]:
    """Normalise x (N, D) with a given mean and variance (D,); returns y (N, D) and the cache.

    >>> one = np.ones(1)
    >>> batch_norm_inference_forward(np.array([[7.0]]), one, one, 3 * one, 4 * one, 0.0)[0].item()
    3.0
    """
    scale = 1 / np.sqrt(variance + epsilon)  # (D,)
    xhat = (x - mean) * scale  # (N, D)
    # y = gamma * xhat + beta
    y = gamma * xhat + beta  # (N, D)
    return y, BatchNormCache(xhat, scale, gamma, mean, variance, False)


def batch_norm_inference_backward(
    dy: ndarray, cache: BatchNormCache, dgamma: ndarray, dbeta: ndarray
) -> ndarray:
    """The gradient dx (N, D) for a constant mean and variance; adds to dgamma and dbeta."""
    # y = gamma * xhat + beta
    dgamma += (dy * cache.xhat).sum(axis=0)  # (D,)
    dbeta += dy.sum(axis=0)  # (D,)
    dxhat = dy * cache.gamma  # (N, D)
    # xhat = (x - mean) * scale
    return dxhat * cache.scale  # (N, D)


def batch_norm_forward(
    x: ndarray, gamma: ndarray, beta: ndarray, epsilon: float
) -> tuple[ndarray, BatchNormCache]:
    """Normalise x (N, D) with its own mean and variance; returns y (N, D) and the cache.

    The variance is divided by N, not by N - 1, as in the paper and in Keras.

    >>> batch_norm_forward(np.array([[1.0], [3.0]]), np.ones(1), np.zeros(1), 0.0)[0].tolist()
    [[-1.0], [1.0]]
    """
    mean = x.mean(axis=0)  # (D,)
    variance = ((x - mean) ** 2).mean(axis=0)  # (D,) no absolute value: analytic for complex x
    y, cache = batch_norm_inference_forward(x, gamma, beta, mean, variance, epsilon)
    return y, cache._replace(training=True)


def batch_norm_backward(
    dy: ndarray, cache: BatchNormCache, dgamma: ndarray, dbeta: ndarray
) -> ndarray:
    """The gradient dx (N, D) when mean and variance depend on x; adds to dgamma and dbeta.

    Per feature, xhat_n = (x_n - mean) scale. Moving x_m by a small e moves
        the mean by e / N, the variance by 2 (x_m - mean) e / N, and hence
        scale = (variance + epsilon)^(-1/2) by -scale^3 (x_m - mean) e / N = -scale^2 xhat_m e / N.
    So   d xhat_n / d x_m = scale (1[n = m] - 1 / N) - (x_n - mean) scale^2 xhat_m / N
                          = scale (1[n = m] - 1 / N - xhat_n xhat_m / N).
    Multiplied by dxhat_n and summed over n:
         dx_m = scale (dxhat_m - mean(dxhat) - xhat_m mean(dxhat xhat)).
    In words: shifting or scaling all rows together has no effect, so that part of the gradient is
    removed.
    """
    xhat, scale = cache.xhat, cache.scale
    # y = gamma * xhat + beta
    dgamma += (dy * xhat).sum(axis=0)  # (D,)
    dbeta += dy.sum(axis=0)  # (D,)
    dxhat = dy * cache.gamma  # (N, D)
    # xhat = (x - mean) * scale
    shift = dxhat.mean(axis=0)  # (D,)
    stretch = (dxhat * xhat).mean(axis=0)  # (D,)
    return scale * (dxhat - shift - xhat * stretch)  # (N, D)


class LayerNormCache(NamedTuple):
    """What the forward pass computes and the backward pass needs."""

    xhat: ndarray  # (N, D) the normalised input
    scale: ndarray  # (N, 1) 1 / sqrt(variance + epsilon)
    gamma: ndarray  # (D,)


def layer_norm_forward(
    x: ndarray, gamma: ndarray, beta: ndarray, epsilon: float
) -> tuple[ndarray, LayerNormCache]:
    """Normalise each row of x (N, D) with its own mean and variance; returns y (N, D), the cache.

    >>> layer_norm_forward(np.array([[1.0, 3.0]]), np.ones(2), np.zeros(2), 0.0)[0].tolist()
    [[-1.0, 1.0]]
    """
    centred = x - x.mean(axis=-1, keepdims=True)  # (N, D)
    scale = 1 / np.sqrt((centred**2).mean(axis=-1, keepdims=True) + epsilon)  # (N, 1)
    xhat = centred * scale  # (N, D)
    # y = gamma * xhat + beta
    return gamma * xhat + beta, LayerNormCache(xhat, scale, gamma)


def layer_norm_backward(
    dy: ndarray, cache: LayerNormCache, dgamma: ndarray, dbeta: ndarray
) -> ndarray:
    """The gradient dx (N, D); adds to dgamma and dbeta. Batch normalization's derivation, with the
    sums over the D features of a row instead of the N rows of a feature.
    """
    xhat, scale, gamma = cache
    # y = gamma * xhat + beta
    dgamma += (dy * xhat).sum(axis=0)  # (D,)
    dbeta += dy.sum(axis=0)  # (D,)
    dxhat = dy * gamma  # (N, D)
    # xhat = (x - mean) * scale
    shift = dxhat.mean(axis=-1, keepdims=True)  # (N, 1)
    stretch = (dxhat * xhat).mean(axis=-1, keepdims=True)  # (N, 1)
    return scale * (dxhat - shift - xhat * stretch)  # (N, D)
