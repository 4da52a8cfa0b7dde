"""Stages are scheduled, not cells: the longest chain is known, and cells that share stages do not begin with the same ones."""

import random
import re
from dataclasses import dataclass

import pytest

from o1exp.app.axes import Value
from o1exp.app.order import critical, in_order, tails
from o1exp.flow.expect import Expect
from tests.inside import Command


@dataclass(frozen=True)
class Step:
    expect: Expect
    inputs: tuple[str, ...] = ()
    state: str = "make"


def _step(hours: float, *inputs: str, state: str = "make") -> Step:
    return Step(Expect(hours=hours), inputs, state)


STEPS = {
    "source": _step(0),
    "teacher a": _step(5, "source"), "teacher b": _step(3, "source"), "format": _step(4, "source"),
    "think a1": _step(2, "format", "teacher a"), "think a2": _step(2, "format", "teacher a"), "think b1": _step(2, "format", "teacher b"),
}  # fmt: skip
CELLS: dict[Value, list[str]] = {
    ("a", "1"): ["source", "teacher a", "format", "think a1"],
    ("a", "2"): ["source", "teacher a", "format", "think a2"],
    ("b", "1"): ["source", "teacher b", "format", "think b1"],
}


def test_the_longest_chain_is_what_any_number_of_machines_waits_for() -> None:
    assert tails(STEPS)["source"] == 7
    assert tails(STEPS)["format"] == 6
    assert critical(STEPS) == ["source", "teacher a", "think a1"]
    finished = {**STEPS, "teacher a": _step(5, "source", state="reuse")}
    assert critical(finished) == ["source", "format", "think a1"]
    assert critical({"source": _step(1, state="reuse")}) == []


def test_the_cell_with_the_most_work_that_nobody_has_begun_comes_next() -> None:
    assert in_order(CELLS, STEPS) == [("a", "1"), ("b", "1"), ("a", "2")]
    unknown = {key: _step(0, *step.inputs) for key, step in STEPS.items()}
    assert in_order(CELLS, unknown) == list(CELLS)  # as they were asked for


def test_the_order_is_that_of_looking_at_all_cells_each_time() -> None:
    luck = random.Random(3)
    for _ in range(50):
        steps = {str(place): _step(luck.randint(0, 4)) for place in range(12)}
        cells: dict[Value, list[str]] = {(str(place),): luck.sample(sorted(steps), 5) for place in range(9)}
        begun: set[str] = set()
        slowly, left = [], list(cells)
        while left:
            most = max(left, key=lambda cell: (sum(steps[key].expect.hours for key in set(cells[cell]) - begun), -int(cell[0])))
            begun |= set(cells[most])
            slowly.append(most)
            left.remove(most)
        assert in_order(cells, steps) == slowly


@pytest.mark.slow
def test_a_grid_of_288_cells_takes_a_third_of_its_stages(o1exp: Command) -> None:
    """Sources of thoughts, teachers, filters, sizes, models, seeds: short solutions know no teacher, so there are 192 experiments."""
    axes = (
        "thought=distil,shortcut", "teacher.mistake_rate=0.1,0.15,0.2", "filter=none,paper", "source.count=100,200,300",
        "model.layers=1,2", "seed=0,1,2,3",
    )  # fmt: skip
    done = o1exp("-m", *axes, "action=plan")
    assert done.code == 0, done.err
    assert "288 cells, 192 experiments" in done.out
    stages = re.search(r"Stages +([\d,]+) distinct of ([\d,]+) in all cells", done.out)
    assert stages is not None
    distinct, of_all = (int(number.replace(",", "")) for number in stages.groups())
    assert 3 * distinct <= of_all
    made = {node: int(count) for node, count in re.findall(r"^(\S+) .* 288 +(\d+) ", done.out, re.MULTILINE)}
    assert [made[node] for node in ("imitate.prepared", "think.prepared", "imitate", "think")] == [6, 24, 48, 192]
    assert re.search(r"^thought +Distil +144 +18 +18 ", done.out, re.MULTILINE), "each teacher's thoughts once"
