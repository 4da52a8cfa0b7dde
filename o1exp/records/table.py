"""A table of records: one parquet file with a schema made from the record's dataclass."""

import dataclasses
import types
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar, Union, get_args, get_origin, get_type_hints

if TYPE_CHECKING:
    import pyarrow

R = TypeVar("R")
ROWS = "rows.parquet"


class Table(Generic[R]):
    """Records of one type in a folder (`rows.parquet`), readable by anything that reads parquet."""

    def __init__(self, path: Path, record: type[R]) -> None:
        self.path = path
        self.record = record

    @classmethod
    def read(cls, folder: Path, record: type[R]) -> "Table[R]":
        return cls(folder / ROWS, record)

    def __iter__(self) -> Iterator[R]:
        import pyarrow.parquet

        nested = {name: hint for name, hint in get_type_hints(self.record).items() if _is_nested(hint)}
        for batch in pyarrow.parquet.ParquetFile(self.path).iter_batches(batch_size=1024):
            for row in batch.to_pylist():
                for name in nested.keys() & row.keys():
                    row[name] = _typed(nested[name], row[name])
                yield self.record(**row)

    def __len__(self) -> int:
        import pyarrow.parquet

        return int(pyarrow.parquet.read_metadata(self.path).num_rows)


def write_table(folder: Path, record: type[R], rows: Iterable[R]) -> int:
    """Write the rows and return how many there were. The same rows give the same bytes."""
    import pyarrow
    import pyarrow.parquet

    schema, count = _schema(record), 0
    with pyarrow.parquet.ParquetWriter(folder / ROWS, schema, compression="zstd") as writer:
        for chunk in _chunks(rows, 1024):
            plain: list[dict[str, Any]] = [dataclasses.asdict(row) for row in chunk]  # type: ignore[call-overload]
            writer.write_table(pyarrow.Table.from_pylist(plain, schema=schema))
            count += len(chunk)
    return count


def _chunks(rows: Iterable[R], size: int) -> Iterator[list[R]]:
    chunk: list[R] = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _is_nested(hint: Any) -> bool:
    """A record, a tuple, or one of them that may be missing: what a column does not give back as it was."""
    return dataclasses.is_dataclass(hint) or get_origin(hint) is tuple or any(_is_nested(arg) for arg in get_args(hint))


def _typed(hint: Any, value: Any) -> Any:
    """A column's value as the declared type."""
    if value is None:
        return None
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        inner = get_type_hints(hint)
        return hint(**{name: _typed(inner[name], item) for name, item in value.items()})
    if get_origin(hint) is tuple:
        return tuple(_typed(get_args(hint)[0], item) for item in value)
    if get_origin(hint) in (Union, types.UnionType):
        return _typed(next(arg for arg in get_args(hint) if arg is not type(None)), value)
    return value


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
    if get_origin(hint) is tuple:
        return pyarrow.list_(_arrow(get_args(hint)[0]))
    raise TypeError(f"a record field of type {hint} has no column type")
