"""What the terminal shows: one line per finished stage, bars for what takes long."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console as Terminal
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from o1exp.secrets import masked


class Bar(Protocol):
    """A running bar."""

    def advance(self, steps: float = 1) -> None: ...

    def at(self, done: float, note: str = "") -> None:
        """Set the absolute position, with a short note beside it."""
        ...


class Console:
    """Lines and bars; threads may share it. Without a terminal the bars stay silent and the lines remain."""

    def __init__(self, terminal: Terminal | None = None) -> None:
        self.terminal = terminal or Terminal(stderr=False)
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
                   TextColumn("{task.fields[note]}", markup=False))  # fmt: skip
        self._progress = Progress(*columns, console=self.terminal, transient=True, disable=not self.terminal.is_terminal)

    def line(self, text: str) -> None:
        self.terminal.print(masked(text), highlight=False, soft_wrap=True)

    @contextmanager
    def live(self) -> Iterator[None]:
        """Bars are drawn while this is open."""
        with self._progress:
            yield

    @contextmanager
    def bar(self, what: str, total: float | None = None) -> Iterator[Bar]:
        task = self._progress.add_task(what, total=total, note="")
        try:
            yield _RichBar(self._progress, task)
        finally:
            self._progress.remove_task(task)


class _RichBar:
    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def advance(self, steps: float = 1) -> None:
        self._progress.advance(self._task, steps)

    def at(self, done: float, note: str = "") -> None:
        self._progress.update(self._task, completed=done, note=note)
