"""Tiny real stages for the tests of the flow."""

import json
import os
import signal
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from o1exp.flow import Above, AtLeast, Checkpoint, Machine, Stage, StageFailed, Stopped, Work, how
from o1exp.flow.process import child_environment
from o1exp.flow.stage import Recipe
from o1exp.records import Problem, Table
from tests.waiting import until


@dataclass(frozen=True, kw_only=True)
class Numbers(Stage[Table[Problem]]):
    count: Annotated[int, AtLeast(1)] = 3
    rate: float = 0.5
    flavour: Literal["plain", "odd"] = "plain"
    machine: Machine = how(Machine())

    def make(self, work: Work) -> None:
        work.write(Problem, (Problem(id=str(n), question=f"{n}?", answer=str(n)) for n in range(self.count)))
        with (work.shared("calls.log")).open("a") as log:
            log.write(f"Numbers {self.count}\n")


@dataclass(frozen=True, kw_only=True)
class Head(Stage[Table[Problem]]):
    problems: Stage[Table[Problem]]
    keep: Annotated[int, Above(0)] = 2
    extra: Stage[Table[Problem]] | None = None

    def make(self, work: Work) -> None:
        work.write(Problem, list(work.open(self.problems))[: self.keep])


@dataclass(frozen=True, kw_only=True)
class Model(Stage[Checkpoint]):
    size: int = 1

    def make(self, work: Work) -> None:
        (work.folder / "model").mkdir()


@dataclass(frozen=True, kw_only=True)
class Merge(Stage[Table[Problem]]):
    parts: dict[str, Stage[Table[Problem]]]

    def make(self, work: Work) -> None:
        work.write(Problem, [problem for part in self.parts.values() for problem in work.open(part)])


@dataclass(frozen=True, kw_only=True)
class Peeking(Stage[Table[Problem]]):
    """Opens what its input stands on, which is no input of its own."""

    head: Stage[Table[Problem]]
    manifest_only: bool = False

    def make(self, work: Work) -> None:
        below = self.head.inputs["problems"]
        work.write(Problem, [] if self.manifest_only and work.manifest(below) else work.open(below))


@dataclass(frozen=True, kw_only=True)
class Broken(Stage[Table[Problem]]):
    problems: Stage[Table[Problem]]
    words: str = "the disk is full"

    def make(self, work: Work) -> None:
        (work.scratch / "half.txt").write_text("kept")
        raise OSError(self.words)


@dataclass(frozen=True, kw_only=True)
class Slow(Stage[Table[Problem]]):
    """Writes its rows, then waits for `seconds` before it is done; `victim` kills the whole process instead."""

    seconds: float = 0.3
    victim: bool = how(False)

    def make(self, work: Work) -> None:
        with (work.shared("calls.log")).open("a") as log:
            log.write("Slow\n")
        work.write(Problem, [Problem(id="1", question="?", answer="1")])
        if self.victim:
            os.kill(os.getpid(), signal.SIGKILL)
        late = time.monotonic() + self.seconds
        while time.monotonic() < late and not work.stopping:
            time.sleep(0.02)


@dataclass(frozen=True, kw_only=True)
class Signalled(Stage[Table[Problem]]):
    """Sends a signal to the thread that makes it while the main one waits; goes on for `seconds`, or until it is stopped."""

    sign: int
    seconds: float

    def make(self, work: Work) -> None:
        main = threading.main_thread().ident
        assert main is not None
        until(lambda: sys._current_frames()[main].f_code.co_name == "wait")
        time.sleep(0.3)  # it is about to
        signal.pthread_kill(threading.get_ident(), self.sign)
        late = time.monotonic() + self.seconds
        while time.monotonic() < late:
            if work.stopping:
                raise Stopped
            time.sleep(0.02)
        work.write(Problem, [])


@dataclass(frozen=True, kw_only=True)
class Meeting(Stage[Table[Problem]]):
    """Notes when it begins and ends, and ends once so many like it have begun."""

    number: int
    guests: int = how(1)

    def make(self, work: Work) -> None:
        log = work.shared("meeting.log")
        _note(log, f"begins {self.number}")
        until(lambda: log.read_text().count("begins") >= self.guests)
        _note(log, f"ends {self.number}")
        work.write(Problem, [])


def _note(log: Path, line: str) -> None:
    with log.open("a") as out:
        out.write(f"{line}\n")


@dataclass(frozen=True, kw_only=True)
class Long(Stage[Table[Problem]]):
    """Notes in calls.log when it begins and when it ends."""

    number: int

    def make(self, work: Work) -> None:
        for word in ("begins", "ends"):
            with (work.shared("calls.log")).open("a") as log:
                log.write(f"{word} {self.number}\n")
            time.sleep(0.1)
        work.write(Problem, [])


@dataclass(frozen=True, kw_only=True)
class Child(Stage[Checkpoint]):
    """Runs a Python program in a child process and keeps its rows."""

    program: str

    def make(self, work: Work) -> None:
        rows: list[dict[str, Any]] = []
        work.run([sys.executable, "-c", self.program], rows.append, child_environment(1))
        (work.folder / "rows.json").write_text(json.dumps(rows))


COMPUTING = """
import os, sys, time
from pathlib import Path
if sys.argv[4:] != ["deaf"]:
    from o1exp.flow.process import die_with_parent
    die_with_parent()
log, go, name = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
def note(word):
    with log.open("a") as out:
        out.write(f"{word} {name} {os.environ.get('CUDA_VISIBLE_DEVICES')} {os.getpid()}\\n")
note("begins")
while not go.exists():
    time.sleep(0.02)
note("ends")
"""


@dataclass(frozen=True, kw_only=True)
class Computing(Stage[Checkpoint]):
    """Takes GPUs; its child notes in gpus.log which ones it sees, and goes on until there is a file `go-<name>` or its run has ended.

    A `deaf` child outlives its run.
    """

    name: str
    count: int = how(1)
    deaf: bool = how(False)

    @property
    def gpus(self) -> int:
        return self.count

    def make(self, work: Work) -> None:
        words = [str(work.shared("gpus.log")), str(work.shared(f"go-{self.name}")), self.name, *(["deaf"] if self.deaf else [])]
        work.run([sys.executable, "-c", COMPUTING, *words], print, child_environment(1))


@dataclass(frozen=True, kw_only=True)
class Page(Stage[Checkpoint]):
    """Its page differs from run to run, its numbers do not."""

    volatile: ClassVar[tuple[str, ...]] = ("page.html",)

    def make(self, work: Work) -> None:
        (work.folder / "page.html").write_text(str(time.time_ns()))
        (work.folder / "numbers.json").write_text("[1, 2]")


@dataclass(frozen=True, kw_only=True)
class Small(Recipe):
    """Expands to the head of some numbers."""

    count: int = 5
    keep: int = 1

    def stage(self) -> Stage[Table[Problem]]:
        return Head(problems=Numbers(count=self.count), keep=self.keep)


__all__ = [
    "Broken", "Child", "Computing", "Head", "Long", "Meeting", "Merge", "Model", "Numbers", "Page", "Peeking",
    "Slow", "Small", "StageFailed",
]  # fmt: skip
