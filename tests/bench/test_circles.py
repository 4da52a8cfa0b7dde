"""Imports inside the room run one way too, those inside functions included."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import o1exp

ROOM = Path(o1exp.__file__).parent / "bench"
SAMPLING = ("engines", "sample", "bench")
"""Who generates is looked at apart from who scores."""


def imported(module: Path) -> set[str]:
    """The names of this room's modules that a module imports."""
    nodes = [node for node in ast.walk(ast.parse(module.read_text())) if isinstance(node, ast.ImportFrom) and node.module]
    return {(node.module or "").split(".")[2] for node in nodes if (node.module or "").startswith("o1exp.bench.")}


def test_scoring_has_no_circle() -> None:
    graph = {path.stem: imported(path) for path in sorted(ROOM.glob("*.py")) if path.stem not in SAMPLING}
    order = list(TopologicalSorter(graph).static_order())  # CycleError names the circle
    assert order.index("outcome") < order.index("scaling") < order.index("summary") < order.index("result")
