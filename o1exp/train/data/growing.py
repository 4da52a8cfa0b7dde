"""An array on disk that grows row by row and is never held: numpy's own file, with the bytes that `np.save` would write."""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

BLOCK = 1 << 20
"""Numbers of an array that are looked at together."""


class Growing:
    """An open `.npy` of one dimension; `count` numbers stand in it."""

    def __init__(self, file: IO[bytes], kind: npt.DTypeLike, count: int) -> None:
        self._file, self._kind, self.count = file, np.dtype(kind), count
        self._head()
        file.seek(count * self._kind.itemsize, os.SEEK_CUR)
        file.truncate()

    def extend(self, numbers: Any) -> None:
        some = np.asarray(numbers, dtype=self._kind)
        self._file.write(some.tobytes())
        self.count += len(some)

    def flush(self) -> None:
        """What stands in it outlives a kill."""
        self._file.flush()

    def close(self) -> None:
        """Write how many there are; the header has room for it."""
        self._file.seek(0)
        self._head()

    def _head(self) -> None:
        described = {"descr": np.lib.format.dtype_to_descr(self._kind), "fortran_order": False, "shape": (self.count,)}
        np.lib.format.write_array_header_1_0(self._file, described)


@contextmanager
def growing(path: Path, kind: npt.DTypeLike, count: int = 0) -> Iterator[Growing]:
    """A new array, or one that goes on behind the first `count` numbers of the file."""
    with path.open("r+b" if count else "wb") as file:
        found = Growing(file, kind, count)
        yield found
        found.close()


def grown(path: Path, kind: npt.DTypeLike) -> int:
    """How many numbers stand in a file that may not have been closed."""
    if not path.is_file():
        return 0
    head = io.BytesIO()
    Growing(head, kind, 0)
    return max(0, path.stat().st_size - head.tell()) // np.dtype(kind).itemsize


def pieces(numbers: npt.NDArray[Any]) -> Iterator[npt.NDArray[Any]]:
    """The parts of an array, one after another; those of a whole file that is mapped are read, since what is mapped stays in memory."""
    if not isinstance(numbers, np.memmap):
        yield from (numbers[first : first + BLOCK] for first in range(0, len(numbers), BLOCK))
        return
    with Path(str(numbers.filename)).open("rb") as file:
        file.seek(numbers.offset)
        for first in range(0, len(numbers), BLOCK):
            yield np.fromfile(file, numbers.dtype, min(BLOCK, len(numbers) - first))
