"""How checkpoints are damaged, and what must become of them; `python tests/damaged.py` runs it.

Bytes as a broken disk leaves them must be refused, or give exactly what was written. So must
archives that were put together again with something in them that does not belong. A JSON text with
another value may be another valid checkpoint; then a run that goes on from it must not crash.
"""

import contextlib
import copy
import io
import json
import signal
import warnings
import zipfile
from pathlib import Path

import numpy as np
import resumed

import tinylstm as tl

WHOLE: list[tuple[bytes, str]] = []  # checkpoints of an unfinished and a finished run


class Stop(tl.Callback):
    """Presses Ctrl-C after a step."""

    def on_batch_end(self, run, loss):
        if run.step == 13:
            signal.raise_signal(signal.SIGINT)


def prepare(folder: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job ignores it
    for name, callbacks in (("unfinished", [Stop()]), ("finished", [])):
        path = folder / f"{name}.npz"
        with contextlib.suppress(KeyboardInterrupt):
            resumed.train(path, callbacks, epochs=2)
        WHOLE.append((path.read_bytes(), fingerprint(tl.load_checkpoint(path))))


def fingerprint(loaded: tl.Checkpoint) -> str:
    """All that a checkpoint holds, to the last bit."""
    parts = [loaded.history, loaded.settings, loaded.tokenizer, resumed.digest(loaded.model)]
    parts += [repr(loaded.model.config()), loaded.progress and loaded.progress.description()]
    arrays = loaded.progress.arrays() if loaded.progress else {}
    return json.dumps([*parts, {k: a.tobytes().hex() for k, a in arrays.items()}])


def case(folder: Path, number: int, seed: int) -> str:
    """Damage one file in one way, and read it."""
    rng = np.random.default_rng([seed, number])
    data, right = WHOLE[number % len(WHOLE)]
    ways = (bytes_damaged, archive_damaged, description_damaged)
    way = ways[number // len(WHOLE) % len(ways)]
    path = folder / "model.npz"
    path.write_bytes(way(data, rng))
    try:
        loaded = tl.load_checkpoint(path)
    except tl.FileError as error:
        return f"refused: {error}" if str(path) in str(error) else f"nameless: {error}"
    if fingerprint(loaded) == right:
        return "harmless"
    if way is not description_damaged:
        return f"silent: {way.__name__}"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            resumed.train(path, epochs=2)
        except (tl.FileError, ValueError, tl.DivergedError) as error:
            return f"refused: {error}"
    return "another"


def bytes_damaged(data: bytes, rng) -> bytes:
    """As a disk or a transfer leaves it."""
    found = bytearray(data)
    place, length = int(rng.integers(len(data))), int(rng.integers(1, 2000))
    match rng.integers(7):
        case 0:
            return data[:place]
        case 1:
            for where in rng.integers(0, len(data), rng.integers(1, 9)):
                found[where] ^= 1 << int(rng.integers(8))
        case 2:  # in the table at the end, where it hurts
            for where in rng.integers(len(data) - 3000, len(data), rng.integers(1, 9)):
                found[where] ^= 1 << int(rng.integers(8))
        case 3:
            del found[place : place + length]
        case 4:
            found[place:place] = found[place : place + length]
        case 5:
            found[place : place + length] = rng.bytes(len(found[place : place + length]))
        case 6:
            found[place : place + length] = bytes(len(found[place : place + length]))
    return bytes(found)


def members(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def packed(parts: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    stream = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a name twice
        with zipfile.ZipFile(stream, "w", compression) as archive:
            for name, content in parts:
                archive.writestr(name, content)
    return stream.getvalue()


def npy(array: np.ndarray) -> bytes:
    stream = io.BytesIO()
    np.save(stream, array, allow_pickle=True)
    return stream.getvalue()


def archive_damaged(data: bytes, rng) -> bytes:
    """A whole archive, with checksums that are right, of other members."""
    parts = members(data)
    names = [name for name in parts if name != "description.json.npy"]
    name = names[rng.integers(len(names))]
    array = np.load(io.BytesIO(parts[name]))
    giant = b"\x93NUMPY\x01\x00\x76\x00" + b"{'descr': '<f4', 'fortran_order': False, 'shape': "
    way = int(rng.integers(13))
    compression = zipfile.ZIP_DEFLATED if way == 0 else zipfile.ZIP_STORED
    if way == 1:
        del parts[name]
    elif way == 2:
        parts[name.replace(".npy", "x.npy")] = parts.pop(name)
    elif way == 3:
        parts[str(rng.choice(["run/slots/z/a.npy", "extra.npy", "run/a.npy", "x", "../a.npy"]))] = (
            npy(np.zeros(3, np.float32))
        )
    elif way == 4:
        return packed([*parts.items(), (name, parts[name])])
    elif way == 5:
        parts[name] = npy(np.resize(array, (*array.shape[:-1], array.shape[-1] + 1)))
    elif way == 6:
        parts[name] = npy(array.reshape(1, *array.shape))
    elif way == 7:
        other = [np.float64, np.int32, np.complex64, np.float16, "U3", object, bool]
        parts[name] = npy(array.astype(other[rng.integers(len(other))]))
    elif way == 8:
        array.flat[rng.integers(array.size)] = rng.choice([np.nan, np.inf, -np.inf])
        parts[name] = npy(array)
    elif way == 9:
        shape = [(1 << 40,), (-5, -5), (1 << 62, 1 << 62), (0,), (True,), (2.5,)][rng.integers(6)]
        text = giant + repr(shape).encode() + b", }"
        parts[name] = text.ljust(127) + b"\n" + array.tobytes()
    elif way == 10:
        parts[name] = parts[name][: rng.integers(len(parts[name]))]
    elif way == 11:
        parts[name] += b"more"
    elif way == 12:
        parts[name] = npy(array[..., :0])
    return packed(list(parts.items()), compression)


NASTY = [None, True, False, -1, 0, 2, 10**9, 10**400, 1.5, -1e300, float("nan"), float("inf")]
NASTY += ["", "x", "LSTM", "float16", "complex64", "object", [], [1], {}, {"a": 1}, [[[]]], "\x00"]


def description_damaged(data: bytes, rng) -> bytes:
    """A whole archive with another text."""
    parts = members(data)
    right = json.loads(np.load(io.BytesIO(parts["description.json.npy"])).tobytes())
    wrong = copy.deepcopy(right)
    for _ in range(rng.integers(1, 3)):
        places = list(containers(wrong))
        place = places[rng.integers(len(places))]
        if not place:
            continue
        key = list(place)[rng.integers(len(place))] if isinstance(place, dict) else 0
        match rng.integers(4):
            case 0:
                del place[key]
            case 1 | 2:
                place[key] = copy.deepcopy(NASTY[rng.integers(len(NASTY))])
            case 3 if isinstance(place, dict):
                place["unheard of"] = 1
            case _:
                place.append(copy.deepcopy(place[0]))
    text = json.dumps(wrong).encode()
    if rng.integers(20) == 0:
        text = [b"[" * 100_000, b"", text[:-5], b"\xff\xfe" + text, b"null", b"[]", b"7"][
            rng.integers(7)
        ]
    parts["description.json.npy"] = npy(np.frombuffer(text, np.uint8))
    return packed(list(parts.items()))


def containers(value):
    """All tables and lists in a JSON value."""
    if isinstance(value, dict | list):
        yield value
        for inner in value.values() if isinstance(value, dict) else value:
            yield from containers(inner)
