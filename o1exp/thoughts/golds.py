"""The gold answers of tens of millions of problems by id, and how often each problem was answered."""

from typing import TYPE_CHECKING

from o1exp.records import Problem, Table
from o1exp.records.seen import number_of

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from polars import Series


class Golds:
    """Answers by id, 30 bytes of a problem beside the letters of its answer; of problems of one id the last counts.

    Ids are known by a hash of 64 bits. `covered` counts the answers of each problem that are kept.
    """

    def __init__(self, problems: Table[Problem]) -> None:
        import numpy as np
        import polars

        numbers, answers = [np.zeros(0, np.uint64)], [polars.Series([], dtype=polars.String)]
        for frame in problems.frames(("id", "answer")):
            numbers.append(np.fromiter(map(number_of, frame["id"]), np.uint64, frame.height))
            answers.append(frame["answer"])
        every = np.concatenate(numbers)
        order = np.argsort(every, kind="stable")
        last = np.concatenate((every[order][1:] != every[order][:-1], [True]))[: len(every)]
        self._places = order[last].astype(np.int32)
        self._numbers: NDArray[np.uint64] = every[self._places]
        self._answers: Series = polars.concat(answers)
        self.covered: NDArray[np.int32] = np.zeros(len(self._numbers), np.int32)

    def __len__(self) -> int:
        return len(self._numbers)

    def find(self, name: str) -> int:
        """The place of a problem's id, -1 for one that is not there."""
        import numpy as np

        number = np.uint64(number_of(name))
        place = int(np.searchsorted(self._numbers, number))
        return place if place < len(self._numbers) and self._numbers[place] == number else -1

    def answer(self, place: int) -> str:
        found: str = self._answers[int(self._places[place])]
        return found
