"""Problems that are held, as a table in parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars

from o1exp.curate.words import Places


@dataclass
class Held:
    """Parts of `height` rows; `read` are the rows that were read back, `asked` the columns of each pass."""

    table: polars.DataFrame
    height: int = 1000
    read: list[int] = field(default_factory=list)
    asked: list[tuple[str, ...]] = field(default_factory=list)

    @classmethod
    def of(cls, questions: Sequence[str], height: int = 1000) -> "Held":
        columns = {"row": range(1, len(questions) + 1), "id": [f"p{n}" for n in range(len(questions))], "question": questions}
        return cls(polars.DataFrame(columns, schema={"row": polars.Int64, "id": polars.String, "question": polars.String}), height)

    def frames(self, columns: Sequence[str] = ()) -> Iterator[polars.DataFrame]:
        self.asked.append(tuple(columns))
        for first in range(0, self.table.height, self.height):
            yield self.table[first : first + self.height].select(columns or self.table.columns)

    def at(self, places: Places, columns: Sequence[str] = ()) -> polars.DataFrame:
        self.read += places.tolist()
        return self.table[places].select(columns or self.table.columns)
