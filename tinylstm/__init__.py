"""The LSTM you can read, check and break.

Read `functional.py` first: it follows a step forward and back. What is imported here needs NumPy
alone; music lives in `tinylstm.music`.
"""

from .backend import SlowerWarning, set_backend
from .callbacks import (
    CSVLogger,
    EarlyStopping,
    LearningRateScheduler,
    ModelCheckpoint,
    ProgressBar,
    TimeLimit,
    cosine,
)
from .checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from .data import Batch, Streams, Tokens
from .files import FileError
from .generate import Sampling, generate
from .gradcheck import gradcheck
from .layers import (
    LSTM,
    Dense,
    Dropout,
    Embedding,
    Layer,
    OneHot,
    ScaledInteger,
    TiedDense,
    register,
)
from .losses import CategoricalCrossentropy, Loss
from .model import Sequential
from .ngram import baselines, bigram_nats, ngram_nats, unigram_nats
from .optimizers import SGD, Adam, RMSprop, clip_by_global_norm
from .plots import plot_history, plot_roll
from .presets import PRESETS, Preset
from .training import Callback, DivergedError, History, evaluate, fit
from .windows import Windows

__version__ = "0.2.0"

__all__ = [
    "LSTM",
    "PRESETS",
    "SGD",
    "Adam",
    "Batch",
    "CSVLogger",
    "Callback",
    "CategoricalCrossentropy",
    "Checkpoint",
    "Dense",
    "DivergedError",
    "Dropout",
    "EarlyStopping",
    "Embedding",
    "FileError",
    "History",
    "Layer",
    "LearningRateScheduler",
    "Loss",
    "ModelCheckpoint",
    "OneHot",
    "Preset",
    "ProgressBar",
    "RMSprop",
    "Sampling",
    "ScaledInteger",
    "Sequential",
    "SlowerWarning",
    "Streams",
    "TiedDense",
    "TimeLimit",
    "Tokens",
    "Windows",
    "baselines",
    "bigram_nats",
    "clip_by_global_norm",
    "cosine",
    "evaluate",
    "fit",
    "generate",
    "gradcheck",
    "load_checkpoint",
    "ngram_nats",
    "plot_history",
    "plot_roll",
    "register",
    "save_checkpoint",
    "set_backend",
    "unigram_nats",
]
