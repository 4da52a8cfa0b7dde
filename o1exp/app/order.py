"""In which order the stages of a run or a sweep are made: what the most work waits for first."""

import heapq
from collections.abc import Mapping, Sequence
from typing import Protocol

from o1exp.app.axes import Value
from o1exp.flow.expect import Expect
from o1exp.flow.plan import PlannedStage


class Planned(Protocol):
    """A stage of a plan and the keys of what it stands on. Plans hold inputs before what stands on them."""

    @property
    def state(self) -> str: ...

    @property
    def expect(self) -> Expect: ...

    @property
    def inputs(self) -> tuple[str, ...]: ...


def tails(steps: Mapping[str, Planned]) -> dict[str, float]:
    """The expected hours from the beginning of each stage to the end of the longest chain that stands on it."""
    behind = dict.fromkeys(steps, 0.0)
    for key in reversed(list(steps)):
        behind[key] += hours(steps[key])
        for inner in steps[key].inputs:
            behind[inner] = max(behind.get(inner, 0.0), behind[key])
    return behind


def urgency(steps: Sequence[PlannedStage]) -> dict[str, float]:
    """How urgent each stage of a run's plan is: what the longest chain waits for comes first, and so does not keep other runs waiting."""
    return tails({step.stage.key: step for step in steps})


def hours(step: Planned) -> float:
    """What is left to do of it."""
    return step.expect.hours if step.state == "make" else 0.0


def critical(steps: Mapping[str, Planned]) -> list[str]:
    """The longest chain of stages that are to be made, first to last: no number of machines makes the sweep shorter."""
    behind, on_it = tails(steps), dict[str, list[str]]()
    for key, step in steps.items():
        for inner in step.inputs:
            on_it.setdefault(inner, []).append(key)
    chain, ready = [], [key for key, step in steps.items() if step.state == "make"]
    while ready:
        chain.append(max(ready, key=behind.__getitem__))
        ready = [key for key in on_it.get(chain[-1], []) if steps[key].state == "make"]
    return chain


def in_order(cells: Mapping[Value, Sequence[str]], steps: Mapping[str, Planned]) -> list[Value]:
    """The cells, each time the one with the most work that none before it has begun; the earlier one where two have as much.

    So those that run side by side begin with different stages, and a cell whose stages are others' work comes when that is done.
    """
    begun: set[str] = set()

    def new(cell: Value) -> float:
        return sum(hours(steps[key]) for key in cells[cell] if key not in begun)

    waiting = [(-new(cell), place, cell) for place, cell in enumerate(cells)]
    heapq.heapify(waiting)
    found = []
    while waiting:
        _, place, cell = heapq.heappop(waiting)
        now = -new(cell)  # it only becomes less while others are begun
        if waiting and (now, place) > waiting[0][:2]:
            heapq.heappush(waiting, (now, place, cell))
            continue
        begun.update(cells[cell])
        found.append(cell)
    return found
