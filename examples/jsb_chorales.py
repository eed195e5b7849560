"""Predict piano rolls, such as Bach's chorales: the test of Boulanger-Lewandowski et al. (2012).

    python examples/jsb_chorales.py --data jsb-chorales-quarter.json          chooses its settings
    python examples/jsb_chorales.py --data FILE --minutes 60 --seeds 0
    python examples/jsb_chorales.py --data FILE --set cell=GRU units=400      does not choose these

FILE is JSON with "train", "valid" and "test": lists of pieces, each a list of frames, each a list
of the MIDI pitches that sound. For each key of the piano, the net predicts whether it sounds in the
next frame. The result is the negative log-likelihood per frame in nats: summed over keys, averaged
over all frames but each piece's first.

Settings are chosen on "valid": many are tried for a few epochs, the best third of them for three
times as many (successive halving; K. Jamieson and A. Talwalkar, 2016). LSTM or GRU, how many units,
how much dropout, and whether to transpose show only in the end (a GRU is ahead at first), so these
are chosen among whole runs. "valid" also says when to stop; "test" is used once for each seed. What
the net sees: rolls.py.
"""

import argparse
import time
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from rolls import FrameLoss, Rolls

import tinylstm as tl

SPACE: dict[str, list[Any]] = {  # the first of each is where the search begins
    "rate": [0.01, 0.005, 0.002],
    "batch": [8, 16, 32],
    "steps": [100, 200, 50],
}
WHOLE: dict[str, list[Any]] = {
    "cell": ["LSTM", "GRU"],
    "units": [200, 400],
    "dropout": [0.4, 0.6, 0.2],
    "shift": [3, 0],
}
TRIALS, EPOCHS = 9, 4  # of the first round
Settings = dict[str, Any]


class Watch(tl.Callback):
    """Says every ten seconds how far a run is, and ends it when its time is up."""

    def __init__(self, seconds: float):
        self.end, self.said = time.monotonic() + seconds, time.monotonic()

    def on_epoch_end(self, run: tl.Run) -> None:
        now, entry = time.monotonic(), run.history[-1]
        run.stop = run.stop or now >= self.end
        if now - self.said >= 10:
            self.said = now
            print(f"  epoch {len(run.history)} of at most {run.epochs}: ", end="")
            print(f"train {entry['loss']:.3f}, valid {entry['val_loss']:.3f}", flush=True)


class Lab:
    """Trains nets on the rolls, and keeps to the time that was given."""

    def __init__(self, args: argparse.Namespace):
        self.args, self.rolls = args, Rolls(args.data)
        self.loss = FrameLoss(self.rolls.keys)
        self.begin = time.monotonic()
        self.pace: dict[str, float] = {}  # seconds per epoch

    def left(self, share: float = 1.0) -> float:
        """Seconds until a share of the time is over."""
        return self.begin + share * 60 * self.args.minutes - time.monotonic()

    def network(self, s: Settings, seed: int) -> tl.Sequential:
        """One recurrent layer with dropout, which begins with what is true without any context."""
        recurrent = {"recurrent_dropout": s["dropout"] / 2} if s["cell"] == "LSTM" else {}
        cell = getattr(tl, s["cell"])(s["units"], return_sequences=True, **recurrent)
        layers = [tl.Dropout(0.1), cell, tl.Dropout(s["dropout"]), tl.Dense(self.rolls.keys)]
        model = tl.Sequential(layers, input_size=self.rolls.inputs, seed=seed)
        p = self.rolls.often  # (keys,)
        model.params["dense_1.b"][...] = np.log(p / (1 - p))
        return model

    def run(
        self, s: Settings, epochs: int, seconds: float, seed: int = 0
    ) -> tuple[float, tl.Sequential]:
        """Train one net; returns its best result on "valid", and the net as it was then."""
        model, begin = self.network(s, seed), time.monotonic()
        speed = " ".join(
            str(s[name]) for name in (*SPACE, "units")
        )  # what the time of an epoch depends on
        if speed in self.pace:  # so that the learning rate's schedule ends in time
            epochs = max(min(epochs, int(seconds / self.pace[speed])), 1)
        train = self.rolls.batches("train", s["batch"], s["steps"], s["shift"], seed)
        momentum = 1 - 1 / max(3 * len(train), 10)  # averages of the weights over three epochs
        history: tl.History = []
        try:
            history = tl.fit(
                model,
                train,
                epochs,
                self.rolls.batches("valid", 64, 200),
                tl.Adam(s["rate"], ema_momentum=momentum),
                self.loss,
                seed=seed,
                threads=self.args.threads,
                callbacks=[
                    tl.LearningRateScheduler(tl.cosine(s["rate"])),
                    tl.EarlyStopping(patience=12, restore_best_weights=True),
                    Watch(seconds),
                ],
            )
        except tl.DivergedError:
            print("  diverged")
        self.pace[speed] = (time.monotonic() - begin) / max(len(history), 1)
        best, at = min(((h["val_loss"], h["epoch"]) for h in history), default=(np.inf, 0))
        print(f"{told(s)}: valid {best:.3f}, best epoch {at:.0f} of {len(history)}, ", end="")
        print(f"{time.monotonic() - begin:.0f} s", flush=True)
        return best, model


def told(s: Settings) -> str:
    """Settings as `--set` takes them."""
    return " ".join(f"{name}={value}" for name, value in s.items())


def halving(lab: Lab, fixed: Settings) -> Settings:
    """The best of SPACE after rounds in which a third of the settings go on, three times as long.
    Takes at most a third of the time.
    """
    first = {name: values[0] for name, values in (SPACE | WHOLE).items()}
    drawn = list(product(*SPACE.values()))
    trials: list[Settings] = [first | fixed]
    for i in np.random.default_rng(0).permutation(len(drawn)):
        s = first | dict(zip(SPACE, drawn[i], strict=True)) | fixed
        if s not in trials and len(trials) < TRIALS:
            trials.append(s)
    epochs = EPOCHS
    while len(trials) > 1:
        print(f"{len(trials)} settings, {epochs} epochs each")
        share = 1 / 3 if len(trials) <= 3 else 1 / 6
        results: list[tuple[float, int]] = []
        for i, s in enumerate(trials):
            seconds = lab.left(share) / (len(trials) - i)
            if seconds > 0 or not results:
                results.append((lab.run(s, epochs, seconds)[0], i))
        trials = [trials[i] for _, i in sorted(results)[: max(len(trials) // 3, 1)]]
        epochs *= 3
    return trials[0]


def whole_runs(lab: Lab, s: Settings, fixed: Settings) -> list[tuple[float, tl.Sequential]]:
    """A whole run for each seed, with the best of WHOLE for the first seed; sharing the time."""
    args = lab.args
    others = {name: values[1:] for name, values in WHOLE.items() if name not in fixed}
    runs = len(args.seeds) + sum(len(values) for values in others.values())

    def whole(s: Settings, seed: int) -> tuple[float, tl.Sequential]:
        nonlocal runs
        runs -= 1
        return lab.run(s, args.epochs, lab.left() / (runs + 1), seed)

    print(f"whole runs, {args.epochs} epochs at most")
    best = whole(s, args.seeds[0])
    for name, values in others.items():
        for value in values:
            other = s | {name: value}
            result = whole(other, args.seeds[0])
            s, best = (other, result) if result[0] < best[0] else (s, best)
    if best[0] == np.inf:
        raise SystemExit("error: no run gave a number: use --set rate= with a lower one")
    print(f"chosen: --set {told(s)}")
    return [best, *(whole(s, seed) for seed in args.seeds[1:])]


def settings(words: list[str]) -> Settings:
    """What `--set` fixes. Raises SystemExit for a name or a value that is not one."""
    fixed: Settings = {}
    for word in words:
        name, _, value = word.partition("=")
        values = (SPACE | WHOLE).get(name)
        if values is None:
            raise SystemExit(f"error: --set {word}: the settings are {', '.join(SPACE | WHOLE)}")
        try:
            fixed[name] = type(values[0])(value)
        except ValueError:
            raise SystemExit(f"error: --set {word}: want a number, such as {values[0]}") from None
    if fixed.get("cell", "LSTM") not in WHOLE["cell"]:
        raise SystemExit(f"error: --set cell={fixed['cell']}: want LSTM or GRU")
    return fixed


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=20, help="for all of it, about")
    parser.add_argument("--epochs", type=int, default=60, help="of a whole run, at most")
    parser.add_argument("--set", nargs="+", default=[], metavar="NAME=VALUE")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--threads", type=int)
    args = parser.parse_args()
    if args.minutes <= 0 or args.epochs < 1:
        raise SystemExit(f"error: {args.minutes} minutes, {args.epochs} epochs: want more than 0")
    fixed, lab = settings(args.set), Lab(args)
    found = whole_runs(lab, halving(lab, fixed), fixed)
    test = lab.rolls.batches("test", 64, 200)
    results = [(best, tl.evaluate(model, test, lab.loss, args.threads)) for best, model in found]
    for seed, (valid, tested) in zip(args.seeds, results, strict=True):
        print(f"seed {seed}: valid {valid:.3f}, test {tested:.3f} nats per frame")
    valid, tested = np.mean(results, axis=0)
    print(f"mean of {len(results)} seeds: valid {valid:.3f}, test {tested:.3f} ", end="")
    print(f"(standard deviation {np.std([t for _, t in results]):.3f})")


if __name__ == "__main__":
    main()
