"""The arrays of a Keras weights file, read as a stranger's: nothing larger than the file itself.

HDF5 can do more than Keras uses: arrays that lie in other files, links to other files, compressed
arrays, and arrays of any size that were never written. All of these are refused.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy import ndarray

from .parts import KEY, need

LARGEST_TEXT = 2**26  # bytes of our own description


class Store:
    """An open weights file of `size` bytes."""

    def __init__(self, file: Any, size: int):
        self.h5py, self.file, self.left = need("h5py"), file, size
        if "layers" not in file:
            raise ValueError("it has no group 'layers': it was not written by Keras 3. In Keras, "
                             'load it and write it anew: model.save("net.keras")')  # fmt: skip

    def member(self, path: str) -> Any:
        """The group or array at a path, or None. Raises ValueError for a link."""
        found = self.file
        for part in path.split("/"):
            link = found.get(part, getlink=True) if isinstance(found, self.h5py.Group) else None
            if link is None:
                return None
            if not isinstance(link, self.h5py.HardLink):
                raise ValueError(f"{path} is a link to another place, which is not followed")
            found = found[part]
        return found

    def names(self) -> list[str]:
        """The layers that have arrays."""
        layers = self.member("layers")
        return [name for name in layers if any(a for _, a in self.below(name))]

    def below(self, name: str) -> Iterator[tuple[str, list[str]]]:
        """The places in a layer that may have arrays, and the paths of these."""
        inner = ("cell", "forward_layer/cell", "backward_layer/cell", "layer")
        for place in ("", *inner):
            path = "/".join(part for part in ("layers", name, place, "vars") if part)
            group = self.member(path)
            count = len(group) if isinstance(group, self.h5py.Group) else 0
            yield place, [f"{path}/{k}" for k in range(count)]

    def arrays(self, name: str) -> dict[str, list[ndarray]]:
        """All arrays of a layer, by their place in it."""
        return {place: [self.array(path) for path in paths] for place, paths in self.below(name)}

    def array(self, path: str) -> ndarray:
        """One array. Raises ValueError, before it is read, if the file cannot hold it."""
        found = self.member(path)
        if not isinstance(found, self.h5py.Dataset) or found.dtype.kind not in "fu":
            raise ValueError(f"{path} is not an array of numbers")
        size = int(np.prod(found.shape, dtype=object)) * found.dtype.itemsize
        odd = found.chunks is not None or found.external or found.is_virtual
        if odd or size > self.left or found.id.get_storage_size() != size or not size:
            raise ValueError(f"{path} is an array of {size:,} bytes which are not all in this file")
        self.left -= size
        return found[()]

    def description(self) -> str | None:
        """The text that to_keras wrote for a file without a configuration."""
        if self.member(KEY) is None:
            return None
        text = self.array(KEY).tobytes()
        if len(text) > LARGEST_TEXT:
            raise ValueError(f"its description has {len(text):,} bytes")
        return text.decode()


@contextmanager
def opened(source: str | Path | IO[bytes], size: int) -> Iterator[Store]:
    """Open a weights file, or one in memory, of `size` bytes."""
    with need("h5py").File(source, "r") as file:
        yield Store(file, size)
