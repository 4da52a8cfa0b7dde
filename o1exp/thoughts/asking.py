"""Many searches that ask models side by side: each is a generator that gives what it asks and goes on when all of it is answered."""

from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from o1exp.chat import spent
from o1exp.chat.request import Answer, Message, Request
from o1exp.chat.teacher import Budget, Teacher
from o1exp.flow import Work

if TYPE_CHECKING:
    from o1exp.chat.client import Calls, Client

T = TypeVar("T")


@dataclass(frozen=True)
class Ask:
    """One question to one model. `shown` says that the gold answer stands in it."""

    teacher: Teacher
    text: str
    draw: int = 0
    shown: bool = False


Exploring = Generator[list[Ask], list[Answer], T]
"""Gives what it asks together, takes the answers in the same order, and returns a T."""


@dataclass
class _Batch:
    """What one search has asked and waits for."""

    answers: list[Answer | None]
    left: int


@dataclass
class _Line:
    """The client of one model, what waits to be asked there, and all that was."""

    client: "Client"
    waiting: list[Request] = field(default_factory=list)
    asked: list[tuple[int, int, Request]] = field(default_factory=list)


class Asking(Generic[T]):
    """Runs searches together, each model through a client of its own; use as a context manager.

    A search goes on the moment its own answers are there, whatever the others wait for. Only where several models take turns does a
    question to the one that is not being asked wait until the other's questions are answered.
    """

    def __init__(self, teachers: Sequence[Teacher], budget: Budget, work: Work, what: str) -> None:
        self._teachers, self._budget, self._work, self._what = teachers, budget, work, what
        self._open = ExitStack()
        self._lines: list[tuple[Teacher, _Line]] = []
        self._lock = Lock()
        self._searches: list[Exploring[T]] = []
        self._batches: dict[int, _Batch] = {}
        self._places: list[tuple[int, int]] = []
        self._results: dict[int, T] = {}
        self._counts: dict[int, int] = {}
        self._shown = 0

    def __enter__(self) -> Self:
        from o1exp.chat.client import Client

        for teacher in self._teachers:
            if all(known != teacher for known, _ in self._lines):
                self._lines.append((teacher, _Line(self._open.enter_context(Client(teacher, self._budget, self._work)))))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._open.__exit__(kind, error, trace)

    def run(self, searches: Iterable[Exploring[T]]) -> list[T]:
        """What each search returns, in their order."""
        self._searches = list(searches)
        for number in range(len(self._searches)):
            self._go_on(number, None)
        while line := next((line for _, line in self._lines if line.waiting), None):
            line.client.pursue(_taken(line), self._after(line), self._what)
        return [self._results[number] for number in range(len(self._searches))]

    def _after(self, line: _Line) -> Callable[[Answer], Sequence[Request]]:
        def after(answer: Answer) -> Sequence[Request]:
            with self._lock:
                number, slot = self._places[answer.request.place]
                batch = self._batches[number]
                batch.answers[slot] = answer
                batch.left -= 1
                if not batch.left:
                    self._go_on(number, [found for found in batch.answers if found is not None])
                return _taken(line)

        return after

    def _go_on(self, number: int, answers: list[Answer] | None) -> None:
        """Let a search go on until it asks for something, or is over."""
        search = self._searches[number]
        try:
            asked = next(search) if answers is None else search.send(answers)
            while not asked:
                asked = search.send([])
        except StopIteration as over:
            self._results[number] = over.value
            return
        self._batches[number] = _Batch([None] * len(asked), len(asked))
        for slot, ask in enumerate(asked):
            request = Request((Message("user", ask.text),), ask.draw, len(self._places))
            self._places.append((number, slot))
            line = next(line for known, line in self._lines if known == ask.teacher)
            line.waiting.append(request)
            self._counts[number] = self._counts.get(number, -1) + 1
            line.asked.append((number, self._counts[number], request))
            self._shown += ask.shown

    def facts(self, problems: Sequence[str] = ()) -> dict[str, Any]:
        """Counts over all answers; `shown`: how often the gold answer stood in what was asked.

        With the problem of each search, what each problem cost is written beside the stage's table (chat/spent.py).
        """
        each = self._each()
        if problems:
            spent.write(self._work.folder, _by_problem(problems, each))
        return {**spent.total(each.values()).facts(), "shown": self._shown}

    def _each(self) -> dict[int, "Calls"]:
        """Counts by the number of the search that asked; an answer counts once, where it was asked for first."""
        from o1exp.chat.client import Calls

        found = {number: Calls() for number in range(len(self._searches))}
        for _, line in self._lines:
            for number, _, request in sorted(line.asked, key=lambda entry: entry[:2]):
                found[number].add(line.client.answer(request))
        return found


def _by_problem(problems: Sequence[str], each: Mapping[int, "Calls"]) -> dict[str, "Calls"]:
    """Searches of one problem are together; in the order of the problems."""
    numbers: dict[str, list[int]] = {}
    for number, problem in enumerate(problems):
        numbers.setdefault(problem, []).append(number)
    return {problem: spent.total(each[number] for number in own) for problem, own in numbers.items()}


def _taken(line: _Line) -> list[Request]:
    taken, line.waiting = line.waiting, []
    return taken
