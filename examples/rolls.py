"""Piano rolls for jsb_chorales.py: reading a file, what the net sees of it, batches, the loss."""

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy import ndarray

import tinylstm as tl

LOWEST, KEYS = 21, 88  # the piano's; all 128 pitches of MIDI if a file needs them
Piece = list[list[int]]  # frames of MIDI pitches


class FrameLoss(tl.BinaryCrossentropy):
    """Binary cross-entropy per frame: summed over keys, where tinylstm's own takes their mean."""

    unit = "nats per frame"

    def __init__(self, keys: int):
        self.keys = keys

    def count(self, targets: ndarray) -> int:
        return targets.size // self.keys


class Rolls:
    """The pieces of a file, a list of arrays of ones and zeros (T, keys) for each of its parts."""

    def __init__(self, path: Path):
        try:
            data = json.loads(path.read_text())
        except (OSError, ValueError) as error:
            raise SystemExit(f"error: {path} is not JSON that can be read: {error}") from None
        parts = {name: pieces_of(name, data, path) for name in ("train", "valid", "test")}
        pitches = {p for pieces in parts.values() for piece in pieces for f in piece for p in f}
        piano = min(pitches) >= LOWEST and max(pitches) < LOWEST + KEYS
        self.lowest, self.keys = (LOWEST, KEYS) if piano else (0, 128)
        self.inputs = self.keys + 12 + 4 + 4  # see `seen`
        self.parts = {name: [self.roll(piece) for piece in parts[name]] for name in parts}
        frames = sum(len(roll) for roll in self.parts["train"])
        sounds = sum(roll.sum(axis=0, dtype=np.int64) for roll in self.parts["train"])  # (keys,)
        self.often = (sounds + 1) / (frames + 2)  # how often each key sounds, never quite 0 or 1

    def roll(self, piece: Piece) -> ndarray:
        """A piece as ones and zeros, (T, keys)."""
        keys = np.zeros((len(piece), self.keys), np.uint8)
        for t, pitches in enumerate(piece):
            keys[t, np.array(pitches, int) - self.lowest] = 1
        return keys

    def seen(self, roll: ndarray) -> ndarray:
        """What the net sees, (T, inputs): the roll (T, keys); which of the twelve notes sound, in
        whatever octave; and the place of the frame in 4 and in 16 frames, a bar of most music. A
        net could learn the rest from the roll, but not from a few hundred pieces.
        """
        notes = np.zeros((len(roll), 12), np.uint8)
        for key in range(self.keys):
            notes[:, (key + self.lowest) % 12] |= roll[:, key]
        t = np.arange(len(roll))
        places = np.eye(4, dtype=np.uint8)
        return np.concatenate([roll, notes, places[t % 4], places[t // 4 % 4]], axis=1)

    def batches(self, part: str, batch: int, steps: int, shift: int = 0, seed: int = 0) -> Any:
        """Whole pieces, from each frame to the next one, `steps` at a time.

        shift: in every epoch a third of the pieces is moved by up to so many semitones.
        """
        x = [self.seen(roll)[:-1] for roll in self.parts[part]]
        y = [roll[1:] for roll in self.parts[part]]

        def moved(x: ndarray, y: ndarray, rng: np.random.Generator) -> tuple[ndarray, ndarray]:
            by = int(rng.integers(-shift, shift + 1)) if rng.random() < 1 / 3 else 0
            roll = np.concatenate([x[:1, : self.keys], y])  # (T + 1, keys)
            used = np.flatnonzero(roll.any(axis=0))
            if by == 0 or not len(used) or used[0] + by < 0 or used[-1] + by >= self.keys:
                return x, y
            roll = np.roll(roll, by, axis=1)
            return self.seen(roll)[:-1], roll[1:]

        vary = moved if shift else None
        return tl.Buckets(x, y, batch, steps, shuffle=part == "train", seed=seed, vary=vary)


def pieces_of(name: str, data: Any, path: Path) -> list[Piece]:
    """A part of a file, without pieces of one frame, which have nothing to predict. Raises
    SystemExit, which says what is wrong.
    """
    pieces = data.get(name) if isinstance(data, dict) else None
    if not isinstance(pieces, list):
        raise SystemExit(f'error: {path} has no list "{name}": want "train", "valid", "test"')
    for i, piece in enumerate(pieces):
        for t, frame in enumerate(piece if isinstance(piece, list) else [piece]):
            if not isinstance(frame, list) or not all(is_pitch(pitch) for pitch in frame):
                what = f"{name}, piece {i}, frame {t} is {str(frame)[:60]}"
                raise SystemExit(f"error: {path}: {what}: want a list of MIDI pitches, 0 to 127")
    whole = [piece for piece in pieces if len(piece) > 1]
    if not any(frame for piece in whole for frame in piece):
        raise SystemExit(f'error: {path}: "{name}" has no piece of two frames with a note')
    lengths = [len(piece) for piece in whole]
    print(f"{name}: {len(whole)} pieces of {min(lengths):,} to {max(lengths):,} frames", end="")
    print(f"; {len(pieces) - len(whole)} too short" if len(whole) < len(pieces) else "")
    return whole


def is_pitch(pitch: Any) -> bool:
    """Whether this is a MIDI pitch."""
    return isinstance(pitch, int | float) and pitch in range(128)
