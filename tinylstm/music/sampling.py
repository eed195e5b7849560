"""Composing: one token after the other, each drawn from what the model thinks comes next.

The model is only asked for logits; how one is chosen is here. Arrays are time-major, (T, B).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy import ndarray

from .article import ArticleTokenizer
from .notes import Note, Piece

PRIMER = 100  # tokens, as in the article


def choose(logits: ndarray, temperature: float, rng: np.random.Generator) -> ndarray:
    """One class for each row of logits (B, V): (B,).

    temperature: above 1 is more adventurous, below 1 safer; 0 always takes the likeliest (argmax).

    >>> choose(np.array([[0.0, 5.0, 1.0]]), 0.0, np.random.default_rng(0)).tolist()
    [1]
    """
    if temperature < 0:
        raise ValueError(f"temperature is {temperature}: use 0 (argmax) or a positive number")
    if temperature == 0:
        return logits.argmax(axis=-1)
    # argmax(logits / temperature + Gumbel noise) is a draw from the softmax (E. Gumbel, 1954)
    noise = rng.gumbel(size=logits.shape)  # (B, V)
    return (logits / temperature + noise).argmax(axis=-1)


def compose(
    model: Any,
    primer: ndarray,
    length: int,
    temperature: float = 1.0,
    seed: int = 0,
    window: int | None = None,
) -> ndarray:
    """Continue `primer`, (T,) or (T, B) ids; returns (length,) or (length, B).

    The state is carried from token to token. With `window`, as in the article, the net instead reads
    the last `window` tokens anew for each one, from a zero state.
    """
    history = primer[:, None] if primer.ndim == 1 else primer  # (T, B)
    if not len(history):
        raise ValueError("the primer is empty: give at least one token")
    rng = np.random.default_rng(seed)
    out = np.empty((length, history.shape[1]), np.int64)  # (length, B)
    x, states = history, None
    for i in range(length):
        logits, states, _ = model.forward(x, states)
        out[i] = choose(logits[-1] if logits.ndim == 3 else logits, temperature, rng)
        x = out[i : i + 1]  # (1, B)
        if window is not None:
            history, states = np.concatenate([history, x])[-window:], None
            x = history
    return out[:, 0] if primer.ndim == 1 else out


def compose_notes(
    checkpoint: Any,
    length: int = 500,
    temperature: float | None = None,
    seed: int = 0,
    primer: Piece | None = None,
) -> list[Note]:
    """Notes that a loaded checkpoint makes of `length` tokens.

    primer: a piece whose last tokens start the music; otherwise the seed picks one of the openings
    that the checkpoint holds. temperature: by default what its preset says.

    Raises:
        ValueError: the checkpoint has no tokenizer, or the primer is empty.
    """
    settings = checkpoint.settings
    if checkpoint.tokenizer is None or not settings.get("primers"):
        raise ValueError("the checkpoint holds no vocabulary: it was not trained on music")
    tokenizer = ArticleTokenizer.from_config(checkpoint.tokenizer)
    if primer is not None:
        start = tokenizer.encode(primer)[-PRIMER:]
    else:
        primers = settings["primers"]
        start = np.array(primers[np.random.default_rng(seed).integers(len(primers))])
    if temperature is None:
        temperature = settings["temperature"]
    ids = compose(checkpoint.model, start, length, temperature, seed, settings["window"])
    return tokenizer.decode(ids)


def openings(tokens: Any, length: int = PRIMER, most: int = 50) -> list[list[int]]:
    """The first `length` ids of up to `most` pieces, for a checkpoint to start music from."""
    ends = np.minimum(tokens.starts + length, tokens.ends)
    chosen = list(zip(tokens.starts, ends, strict=True))[:most]
    return [tokens.ids[a:b].tolist() for a, b in chosen if b - a == length] or [
        tokens.ids[:length].tolist()
    ]
