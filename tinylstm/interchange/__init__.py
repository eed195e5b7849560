"""Weights and whole nets to and from ONNX, Keras and PyTorch. docs/interchange.md is the guide.

Read tables.py first: the frameworks' gate orders and layouts. None of the frameworks is needed;
the packages that read and write the files are in the extra `interchange`, and are imported when
they are first used.
"""

from .keras import to_keras
from .keras_in import from_keras
from .onnx import to_onnx
from .onnx_in import from_onnx
from .torch import to_torch
from .torch_in import from_torch

__all__ = ["from_keras", "from_onnx", "from_torch", "to_keras", "to_onnx", "to_torch"]
