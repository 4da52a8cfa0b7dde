"""A table of records: one parquet file with a schema made from the record's dataclass."""

import dataclasses
import types
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    import numpy.typing as npt
    import polars
    import pyarrow
    from pydantic import TypeAdapter, ValidationError

R = TypeVar("R")
ROWS = "rows.parquet"
CHUNK = 1024
"""Rows that are read or written at once."""
FRAME = 64 * CHUNK
"""Rows of a frame."""


class Table(Generic[R]):
    """Records of one type in a folder (`rows.parquet`), readable by anything that reads parquet."""

    def __init__(self, path: Path, record: type[R]) -> None:
        self.path = path
        self.record = record

    @classmethod
    def read(cls, folder: Path, record: type[R]) -> "Table[R]":
        return cls(folder / ROWS, record)

    def __iter__(self) -> Iterator[R]:
        """The records in order. Errors: ValueError where a row is no such record."""
        from pydantic import ValidationError

        typed, first = _typed(self.record), 0
        for batch in opened(self.path).iter_batches(batch_size=CHUNK):
            try:
                yield from typed.validate_python(batch.to_pylist())
            except ValidationError as wrong:
                raise ValueError(f"{self.path}: {_sentence(wrong, first)}; it is no table of {self.record.__name__}") from None
            first += batch.num_rows

    def frames(self, columns: Sequence[str] = ()) -> "Iterator[polars.DataFrame]":
        """The same rows by columns, some thousands at once; a column that came after the file was written holds its default."""
        file, names = opened(self.path), self._names(columns)
        for batch in file.iter_batches(batch_size=FRAME, columns=_there(file, names)):
            yield self._framed(batch, names)

    def at(self, places: "npt.ArrayLike", columns: Sequence[str] = ()) -> "polars.DataFrame":
        """The rows at these places, counted from 0, in the order of the places; of the file only their row groups are read."""
        import numpy as np
        import pyarrow

        wanted, order = np.unique(np.asarray(places, np.int64), return_inverse=True)
        file = opened(self.path)
        ends = np.cumsum([file.metadata.row_group(number).num_rows for number in range(file.num_row_groups)], dtype=np.int64)
        group = np.searchsorted(ends, wanted, side="right")
        groups, which = np.unique(group, return_inverse=True)
        heights = np.diff(ends, prepend=0)[groups]
        there = wanted - (ends[groups] - heights)[which] + (np.cumsum(heights) - heights)[which]
        names, found, first = self._names(columns), list[pyarrow.RecordBatch](), 0
        for batch in file.iter_batches(batch_size=FRAME, row_groups=groups.tolist(), columns=_there(file, names)):
            low, high = np.searchsorted(there, (first, first + batch.num_rows))
            found.append(batch.take(there[low:high] - first))  # Arrow copies the rows; those of Polars would hold all the others' letters
            first += batch.num_rows
        schema = pyarrow.schema([file.schema_arrow.field(name) for name in _there(file, names)])
        return self._framed(pyarrow.Table.from_batches(found, schema), names)[order]

    def _names(self, columns: Sequence[str]) -> list[str]:
        return list(columns or (field.name for field in dataclasses.fields(self.record)))  # type: ignore[arg-type]

    def _framed(self, rows: "pyarrow.RecordBatch | pyarrow.Table", names: list[str]) -> "polars.DataFrame":
        """With the default of each column that is not there."""
        import polars

        fields = {field.name: field for field in dataclasses.fields(self.record)}  # type: ignore[arg-type]
        frame = polars.from_arrow(rows)
        assert isinstance(frame, polars.DataFrame)
        late = [polars.lit(fields[name].default).alias(name) for name in names if name not in frame.columns]
        return frame.with_columns(late).select(names)

    def __len__(self) -> int:
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(self.path).num_rows)


def opened(path: Path) -> "pyarrow.parquet.ParquetFile":
    """A parquet file to be read part by part: by default Arrow keeps the bytes of all parts that it will read."""
    import pyarrow.parquet

    return pyarrow.parquet.ParquetFile(path, pre_buffer=False)


def _there(file: "pyarrow.parquet.ParquetFile", names: list[str]) -> list[str]:
    return [name for name in names if name in file.schema_arrow.names]


def write_table(folder: Path, record: type[R], rows: Iterable[R]) -> int:
    """Write the rows and return how many there were. The same rows give the same bytes."""
    import pyarrow
    import pyarrow.parquet

    schema, typed, count = _schema(record), _typed(record), 0
    with pyarrow.parquet.ParquetWriter(folder / ROWS, schema, compression="zstd") as writer:
        for chunk in _chunks(rows, CHUNK):
            writer.write_table(pyarrow.Table.from_pylist(typed.dump_python(chunk, warnings=False), schema=schema))
            count += len(chunk)
    return count


def write_frames(folder: Path, record: type, frames: "Iterable[polars.DataFrame]") -> int:
    """Write rows that are there by columns and return how many there were. The same rows give the bytes that `write_table` gives."""
    import polars
    import pyarrow.parquet

    schema, count = _schema(record), 0
    rest = polars.DataFrame()
    with pyarrow.parquet.ParquetWriter(folder / ROWS, schema, compression="zstd") as writer:
        for frame in frames:
            rest = polars.concat([rest, frame], rechunk=True) if rest.height else frame
            whole = rest.height - rest.height % CHUNK
            count += _write(writer, rest[:whole], schema)
            rest = rest[whole:]
        count += _write(writer, rest, schema)
    return count


def _write(writer: Any, frame: "polars.DataFrame", schema: "pyarrow.Schema") -> int:
    if frame.height:
        table = frame.select(schema.names).to_arrow().cast(schema).combine_chunks()
        for first in range(0, frame.height, CHUNK):
            writer.write_table(table.slice(first, CHUNK))
    return frame.height


def _chunks(rows: Iterable[R], size: int) -> Iterator[list[R]]:
    chunk: list[R] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _typed(record: type) -> "TypeAdapter[list[Any]]":
    """Rows as records and back, however deep."""
    return _adapter(record)


@cache
def _adapter(record: Any) -> "TypeAdapter[list[Any]]":
    from pydantic import TypeAdapter

    return TypeAdapter(list[record])


def _sentence(wrong: "ValidationError", first: int) -> str:
    """The first mistake: "row 3, usage.usd: input should be a valid number"."""
    mistake = wrong.errors(include_url=False, include_context=False, include_input=False)[0]
    place, *names = mistake["loc"]
    message = mistake["msg"]
    return f"row {first + int(place) + 1}, {'.'.join(map(str, names))}: {message[0].lower()}{message[1:]}"


def _schema(record: type) -> "pyarrow.Schema":
    import pyarrow

    hints = get_type_hints(record)
    return pyarrow.schema([pyarrow.field(f.name, _arrow(hints[f.name])) for f in dataclasses.fields(record)])


def _arrow(hint: Any) -> "pyarrow.DataType":
    import pyarrow

    scalars = {str: pyarrow.string(), int: pyarrow.int64(), float: pyarrow.float64(), bool: pyarrow.bool_()}
    if hint in scalars:
        return scalars[hint]
    if dataclasses.is_dataclass(hint):
        return pyarrow.struct([(f.name, _arrow(get_type_hints(hint)[f.name])) for f in dataclasses.fields(hint)])
    if get_origin(hint) in (Union, types.UnionType):
        return _arrow(next(arg for arg in get_args(hint) if arg is not type(None)))
    if get_origin(hint) is Literal:
        return pyarrow.string()
    if get_origin(hint) is tuple:
        return pyarrow.list_(_arrow(get_args(hint)[0]))
    raise TypeError(f"a record field of type {hint} has no column type")
