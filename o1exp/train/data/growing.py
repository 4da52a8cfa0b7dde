"""An array on disk that grows row by row and is never held: numpy's own file, with the bytes that `np.save` would write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt


class Growing:
    """An open `.npy` of one dimension; `count` numbers stand in it."""

    def __init__(self, file: IO[bytes], kind: npt.DTypeLike) -> None:
        self._file, self._kind, self.count = file, np.dtype(kind), 0
        self._head()

    def extend(self, numbers: Any) -> None:
        some = np.asarray(numbers, dtype=self._kind)
        self._file.write(some.tobytes())
        self.count += len(some)

    def close(self) -> None:
        """Write how many there are; the header has room for it."""
        self._file.seek(0)
        self._head()

    def _head(self) -> None:
        described = {"descr": np.lib.format.dtype_to_descr(self._kind), "fortran_order": False, "shape": (self.count,)}
        np.lib.format.write_array_header_1_0(self._file, described)


@contextmanager
def growing(path: Path, kind: npt.DTypeLike) -> Iterator[Growing]:
    with path.open("wb") as file:
        found = Growing(file, kind)
        yield found
        found.close()
