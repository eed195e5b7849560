"""Damaged files of each format, read in a process of its own, which has a limit of memory.

    python tests/damaged_interchange.py 300            a table: read, refused, slowest, memory

A file either is read or is refused with a FileError that names it. Not a test: see
tests/test_interchange.py. Also damaged is what checksums would hide: the members of an archive and
the text in them, packed anew.
"""

import collections
import io
import json
import resource
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np

import tinylstm as tl
from tinylstm.layers import GRU, BatchNormalization, Bidirectional, SimpleRNN

FORMATS = {
    "net.onnx": (tl.to_onnx, tl.from_onnx),
    "net.keras": (tl.to_keras, tl.from_keras),
    "net.weights.h5": (tl.to_keras, tl.from_keras),
    "net.safetensors": (tl.to_torch, tl.from_torch),
}


def nets():
    """Two small nets that have everything between them."""
    yield tl.Sequential([
        tl.Embedding(9, 4), tl.LSTM(3, True), tl.Dropout(0.2), Bidirectional(GRU(3, True)),
        tl.LayerNormalization(), tl.Dense(9),
    ])  # fmt: skip
    yield tl.Sequential([BatchNormalization(), SimpleRNN(3), tl.Dense(2, "tanh")], input_size=3)


def damage(data, rng):
    """One of the ways in which files go wrong."""
    data = bytearray(data)
    kind, place = rng.integers(7), int(rng.integers(len(data)))
    if kind == 0:  # cut short
        return bytes(data[:place])
    if kind == 1:  # bits flipped
        for where in rng.integers(0, len(data), rng.integers(1, 20)):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == 2:  # bits flipped at the beginning, where sizes stand
        for where in rng.integers(0, min(200, len(data)), rng.integers(1, 6)):
            data[where] ^= 1 << int(rng.integers(8))
    elif kind == 3:  # a piece lost
        del data[place : place + int(rng.integers(1, 100))]
    elif kind == 4:  # a piece twice
        data[place:place] = data[place : place + int(rng.integers(1, 100))]
    elif kind == 5:  # a number that is far too large
        data[place : place + 8] = (2**62 - 1).to_bytes(8, "little")[: len(data) - place]
    else:  # a digit in a text changed to many
        digits = [i for i, byte in enumerate(data) if chr(byte).isdigit()]
        if digits:
            where = int(rng.choice(digits))
            data[where : where + 1] = b"9" * int(rng.integers(2, 12))
    return bytes(data)


def damaged(name, data, rng):
    """A damaged file. Half of them still parse, and what they say is wrong."""
    if name.endswith(".h5") or rng.random() < 0.5:
        return damage(data, rng)
    return {".onnx": odd_graph, ".keras": odd_archive, ".safetensors": odd_header}[
        Path(name).suffix
    ](data, rng)


def odd_graph(data, rng):
    """A graph with something in it changed."""
    import onnx

    proto = onnx.ModelProto.FromString(data)
    graph = proto.graph
    node, tensor = (rng.choice(list(each)) for each in (graph.node, graph.initializer))
    kind, large = rng.integers(8), int(2 ** rng.integers(1, 62))
    if kind == 0:
        tensor.dims.append(large)
    elif kind == 1:
        del tensor.dims[:]
    elif kind == 2:
        tensor.data_type = int(rng.integers(20))
    elif kind == 3:
        graph.node.remove(node)
    elif kind == 4:
        node.op_type = str(rng.choice([other.op_type for other in graph.node]))
    elif kind == 5:
        place = int(rng.integers(len(node.input)))
        node.input[place] = str(rng.choice([t.name for t in graph.initializer] + ["", "y"]))
    elif kind == 6:
        for attribute in node.attribute:
            attribute.i = large
    else:
        tensor.data_location = 1
        entry = tensor.external_data.add(key="location")
        entry.value = str(rng.choice(["net.onnx", "../net.onnx", "/dev/zero", ""]))
    return proto.SerializeToString()


def odd_header(data, rng):
    """A state dict with something in its header changed, and a right length of it."""
    length = int.from_bytes(data[:8], "little")
    header = damage(data[8 : 8 + length], rng)
    return len(header).to_bytes(8, "little") + header + data[8 + length :]


def odd_archive(data, rng):
    """An archive with a damaged member that has a right checksum."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        members = {member: archive.read(member) for member in archive.namelist()}
    member = str(rng.choice(list(members)))
    members[member] = damage(members[member], rng)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)
    return out.getvalue()


def read_all(count, folder):
    """Read `count` damaged files of each format; returns what became of them."""
    rows = []
    for name, (write, read) in FORMATS.items():
        sound, rng, path = [], np.random.default_rng(0), folder / name
        for net in nets():
            write(net, path)
            sound.append(path.read_bytes())
            assert read(path).model.config()["dtype"] == "float32"
        found, slowest = collections.Counter(), 0.0
        for number in range(count):
            path.write_bytes(damaged(name, sound[number % len(sound)], rng))
            print(name, number, file=sys.stderr, flush=True)  # the last line, if it crashes
            start = time.perf_counter()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    model = read(path).model
                assert all(np.isfinite(array).all() for array in model.weights.values())
                found["read"] += 1
            except tl.FileError as error:
                assert str(path) in str(error) and len(str(error)) > len(str(path)) + 10, error  # noqa: PT017
                found["refused"] += 1
            slowest = max(slowest, time.perf_counter() - start)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024  # MB, of all so far
        rows.append({"name": name, **found, "slowest": slowest, "memory": memory})
    return rows


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (2**31, 2**31))
    print(json.dumps(read_all(int(sys.argv[1]), Path(tempfile.mkdtemp())), indent=1))
