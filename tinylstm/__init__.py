"""The LSTM you can read, check and break."""

__version__ = "0.1.0"
