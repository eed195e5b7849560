"""More callbacks: those that end a run early, and a log. callbacks.py has the usual ones."""

import csv
import io
from pathlib import Path

from .files import replacing
from .model import NamedArrays
from .training import Callback, Run


class EarlyStopping(Callback):
    """Ends the run when `monitor` has not improved for `patience` epochs.

    restore_best_weights: the model ends with the weights of its best epoch. They are kept in memory
    only; to keep them through a crash, use `ModelCheckpoint`.

    >>> import numpy as np
    >>> from tinylstm import Dense, OneHot, Sequential, Streams, Tokens, fit
    >>> train, held_out = Tokens(np.tile([0, 1, 2], 9), [0]), Tokens(np.tile([2, 1, 0], 9), [0])
    >>> data, validation = Streams(train, streams=1), Streams(held_out, streams=1)
    >>> model = Sequential([OneHot(3), Dense(3)])    # learns the wrong order
    >>> len(fit(model, data, 50, validation, callbacks=[EarlyStopping(patience=2)]))
    3
    """

    def __init__(
        self, monitor: str = "val_loss", patience: int = 5, restore_best_weights: bool = False
    ):
        self.monitor = monitor
        self.patience = patience
        self.restore_best_weights = restore_best_weights
        self.weights: NamedArrays = {}

    def on_train_begin(self, run: Run) -> None:
        if run.history:  # resumed: the last epoch may have been the one to stop after
            self.on_epoch_end(run)

    def on_epoch_end(self, run: Run) -> None:
        since = run.since_best(self.monitor)
        run.stop = run.stop or since >= self.patience
        if self.restore_best_weights and since == 0:
            self.weights = {path: array.copy() for path, array in run.weights.items()}

    def on_train_end(self, run: Run) -> None:
        if self.weights:
            run.model.set_weights(self.weights)


class TimeLimit(Callback):
    """Ends the run after the first epoch that reaches `seconds` of training.

    >>> import numpy as np
    >>> from tinylstm import Dense, OneHot, Sequential, Streams, Tokens, fit
    >>> model = Sequential([OneHot(3), Dense(3)])
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 9), [0]), streams=1, steps=13)
    >>> len(fit(model, data, 50, callbacks=[TimeLimit(1e-9)]))
    1
    """

    def __init__(self, seconds: float):
        self.seconds = seconds

    def on_train_begin(self, run: Run) -> None:
        self.on_epoch_end(run)

    def on_epoch_end(self, run: Run) -> None:
        run.stop = run.stop or sum(entry["seconds"] for entry in run.history) >= self.seconds


class CSVLogger(Callback):
    """A .csv file with one line per epoch, rewritten atomically.

    >>> import numpy as np
    >>> from tinylstm import Dense, OneHot, Sequential, Streams, Tokens, fit
    >>> model = Sequential([OneHot(3), Dense(3)])
    >>> data = Streams(Tokens(np.tile([0, 1, 2], 9), [0]), streams=1, steps=13)
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "log.csv"
    >>> history = fit(model, data, 2, callbacks=[CSVLogger(path)])
    >>> path.read_text().splitlines()[0]
    'epoch,loss,norm,seconds,tokens_per_second'
    """

    def __init__(self, path: str | Path):
        self.path = Path(path)

    def on_epoch_end(self, run: Run) -> None:
        text = io.StringIO()
        writer = csv.DictWriter(text, run.history[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(run.history)
        with replacing(self.path) as file:
            file.write(text.getvalue().encode())
