"""Weights and whole nets to and from ONNX, Keras and PyTorch. docs/interchange.md is the guide.

Read tables.py first: the frameworks' gate orders and layouts. None of the frameworks is needed;
the packages that read and write the files are in the extra `interchange`, and are imported when
they are first used.
"""

from .onnx import to_onnx
from .onnx_in import from_onnx

__all__ = ["from_onnx", "to_onnx"]
