"""The LSTM you can read, check and break.

Read `functional.py` first: it follows a step forward and back. What is imported here needs NumPy
alone; music lives in `tinylstm.music`.
"""

import sys
from typing import TYPE_CHECKING, Any

if sys.argv[:1] == ["-m"] and "tinylstm" in sys.orig_argv:  # `python -m tinylstm` comes here first
    from tinylstm_main import expect_ctrl_c

    expect_ctrl_c()

from .alone import world
from .arrays import Arrays
from .backend import SlowerWarning, set_backend
from .buckets import Buckets
from .callbacks import LearningRateScheduler, ModelCheckpoint, ProgressBar
from .checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .connectivity import connectivity
from .data import Batch, Data, Streams, Tokens
from .evaluation import evaluate, measure
from .files import FileError
from .generate import Sampling, generate, stream
from .gradcheck import gradcheck
from .layers import (
    GRU,
    LSTM,
    Activation,
    BatchNormalization,
    Bidirectional,
    Dense,
    Dropout,
    Embedding,
    Layer,
    LayerNormalization,
    OneHot,
    ScaledInteger,
    SimpleRNN,
    TiedDense,
    register,
)
from .losses import CategoricalCrossentropy, Loss
from .metrics import Accuracy, BinaryAccuracy, Metric, Perplexity
from .model import Sequential
from .more_callbacks import CSVLogger, EarlyStopping, TimeLimit
from .ngram import baselines, bigram_nats, ngram_nats, unigram_nats
from .optimizers import SGD, Adam, AdamW, Optimizer, RMSprop, clip_by_global_norm
from .penalties import L2
from .plots import plot_history, plot_roll
from .pointwise import BinaryCrossentropy, MeanAbsoluteError, MeanSquaredError
from .presets import PRESETS, Preset
from .schedules import cosine, exponential_decay, linear_decay
from .training import Callback, DivergedError, History, Run, fit
from .windows import Windows

if TYPE_CHECKING:
    from .interchange import from_keras, from_onnx, from_torch, to_keras, to_onnx, to_torch

__version__ = "0.2.0"
INTERCHANGE = ("from_keras", "from_onnx", "from_torch", "to_keras", "to_onnx", "to_torch")


def __getattr__(name: str) -> Any:
    """Load the room interchange when one of its functions is first used."""
    if name in INTERCHANGE:
        from . import interchange

        return getattr(interchange, name)
    raise AttributeError(f"module 'tinylstm' has no attribute {name!r}")


__all__ = [
    "GRU",
    "L2",
    "LSTM",
    "PRESETS",
    "SGD",
    "Accuracy",
    "Activation",
    "Adam",
    "AdamW",
    "Arrays",
    "Batch",
    "BatchNormalization",
    "Bidirectional",
    "BinaryAccuracy",
    "BinaryCrossentropy",
    "Buckets",
    "CSVLogger",
    "Callback",
    "CategoricalCrossentropy",
    "Checkpoint",
    "Data",
    "Dense",
    "DivergedError",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "FileError",
    "History",
    "Layer",
    "LayerNormalization",
    "LearningRateScheduler",
    "Loss",
    "MeanAbsoluteError",
    "MeanSquaredError",
    "Metric",
    "ModelCheckpoint",
    "OneHot",
    "Optimizer",
    "Perplexity",
    "Preset",
    "ProgressBar",
    "RMSprop",
    "Run",
    "Sampling",
    "ScaledInteger",
    "Sequential",
    "SimpleRNN",
    "SlowerWarning",
    "Streams",
    "TiedDense",
    "TimeLimit",
    "Tokens",
    "Windows",
    "baselines",
    "bigram_nats",
    "clip_by_global_norm",
    "connectivity",
    "cosine",
    "evaluate",
    "exponential_decay",
    "fit",
    "from_keras",
    "from_onnx",
    "from_torch",
    "generate",
    "gradcheck",
    "linear_decay",
    "load_checkpoint",
    "measure",
    "ngram_nats",
    "plot_history",
    "plot_roll",
    "register",
    "save_checkpoint",
    "set_backend",
    "stream",
    "to_keras",
    "to_onnx",
    "to_torch",
    "unigram_nats",
    "world",
]
