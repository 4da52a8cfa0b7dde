"""Which examples are of one problem: what is held out, is held out with all of them."""

from o1exp.records.question import question_number


class SameProblems:
    """Numbers for problems, the same for examples whose questions are one text in some spelling, or that share an id (a translation).

    A number comes from the texts alone, so that another order, other ids or other answers leave it as it is.
    """

    def __init__(self) -> None:
        self._texts: dict[str, int] = {}
        self._above: dict[str | int, str | int] = {}
        self._lowest: dict[str | int, int] = {}

    def add(self, name: str, question: str) -> None:
        """An example's problem by its id ("" for none) and its text."""
        if question not in self._texts:
            self._texts[question] = question_number(question)
        number = self._texts[question]
        one, other = self._root(number), self._root(name) if name else self._root(number)
        lowest = min(number, *(self._lowest.get(root, number) for root in (one, other)))
        self._above[other] = one
        self._lowest[one] = lowest

    def number(self, question: str) -> int:
        """That of an added question."""
        return self._lowest[self._root(self._texts[question])]

    def _root(self, one: str | int) -> str | int:
        while self._above.setdefault(one, one) != one:
            self._above[one] = one = self._above[self._above[one]]
        return one
