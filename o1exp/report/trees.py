"""One tree of a real run, the walk over it, and the long thought that it became (Part 1's figure of the journey)."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup, escape

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact, Lineage
from o1exp.media.style import COLOURS, GRID, INK, SOFT
from o1exp.media.text import one_line
from o1exp.records import Draft, Example, Node, Problem
from o1exp.records.tree import Tree, trees

MOST = 28
"""Steps of a tree that are drawn."""
ASIDE = 2
"""Steps of one place that the walk did not visit and that are drawn all the same."""
LINE, INDENT, WIDTH = 24, 13, 380
"""Pixels: the height of a step, how far a child stands in, and the width of the picture, which fits a phone."""
LETTER = 6.1
"""Pixels of a letter at the size of the steps, for cutting them."""
_COLOUR = {"right": COLOURS[2], "wrong": COLOURS[5], "neutral": COLOURS[4], "": SOFT}
_SIGN = {"right": "\u2713", "wrong": "\u2717", "neutral": "~", "": "\u00b7"}


@dataclass(frozen=True)
class Line:
    """One drawn step: `visits` are the numbers of the walk's visits, from 1; without a node it says how many more there are."""

    depth: int
    node: Node | None
    visits: tuple[int, ...] = ()
    more: int = 0

    @property
    def tone(self) -> str:
        """The verdict on it: right, wrong, neutral, or "" where nobody gave one."""
        assert self.node is not None
        return self.node.verdict if self.node.correct is None else "right" if self.node.correct else "wrong"

    @property
    def sign(self) -> str:
        """The same as a sign, doubled where the step ends with an answer."""
        assert self.node is not None
        return _SIGN[self.tone] * (1 if self.node.correct is None else 2)


@dataclass(frozen=True)
class Said:
    """One part of the draft, numbered as in the picture; a turn has no number of its own."""

    number: int | None
    text: str
    part: str


@dataclass(frozen=True)
class Journey:
    """A tree, its walk and what became of it. `thought` is the text that the student learned, "" where it was not kept."""

    arm: str
    way: str
    question: str
    gold: str
    lines: tuple[Line, ...]
    said: tuple[Said, ...]
    thought: str
    nodes: int

    @property
    def picture(self) -> Markup:
        return svg(self.lines)


def journeys(arms: list[Arm]) -> list[Journey]:
    """One for each walk over trees that an arm was trained on, equal ones once."""
    found: dict[str, Journey] = {}
    for arm in arms:
        for drafts in arm.making:
            if drafts.is_table and "trees" in drafts.manifest.inputs and drafts.path not in found:
                journey = journey_of(arm.lineage, arm.making, drafts, arm.name)
                if journey is not None:
                    found[drafts.path] = journey
    return list(found.values())


def journey_of(lineage: Lineage, making: list[Artefact], drafts: Artefact, name: str) -> Journey | None:
    """The walk with most turns among those that fit the picture; `making` is what was made of it. None where the tree was deleted."""
    inputs = lineage.inputs(drafts)
    if "trees" not in inputs or "problems" not in inputs:
        return None
    grown = {tree.problem: tree for tree in trees(inputs["trees"].rows(Node))}
    walks = [draft for draft in drafts.rows(Draft) if draft.problem in grown]
    if not walks:
        return None
    draft = max(walks, key=lambda one: (len(one.steps) <= MOST, _turns(one), -len(grown[one.problem].nodes), one.problem))
    tree, problem = grown[draft.problem], {row.id: row for row in inputs["problems"].rows(Problem)}.get(draft.problem)
    return Journey(
        name, inputs["trees"].does, draft.prompt, problem.answer if problem else "", tuple(_drawn(tree, draft)), tuple(said(draft)),
        _thought(making, drafts, draft), len(tree.nodes),
    )  # fmt: skip


def _turns(draft: Draft) -> int:
    return min(3, sum(step.part == "turn" for step in draft.steps))


def said(draft: Draft) -> Iterator[Said]:
    """The parts of a walk in order."""
    number = 0
    for step in draft.steps:
        number += step.part != "turn"
        yield Said(None if step.part == "turn" else number, step.text, step.part)


def _thought(making: list[Artefact], drafts: Artefact, draft: Draft) -> str:
    """What the stage behind the walk made of the draft."""
    for table in making:
        if table.is_table and drafts.path in table.manifest.inputs.values():
            row = next((row for row in table.rows(Example) if (row.problem, row.draw) == (draft.problem, draft.draw)), None)
            if row is not None:
                return row.response
    return ""


def _visits(draft: Draft) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    number = 0
    for step in draft.steps:
        if step.part != "turn":
            number += 1
            found.setdefault(step.node, []).append(number)
    return found


def _drawn(tree: Tree, draft: Draft) -> Iterator[Line]:
    """Every visited step and a few beside them, depth first, as an outline."""
    visits, left = _visits(draft), [MOST]

    def below(parent: str, depth: int) -> Iterator[Line]:
        children = tree.children.get(parent, ())
        visited = [child for child in children if child.id in visits]
        aside = [child for child in children if child.id not in visits]
        shown = {child.id for child in (*visited, *aside[:ASIDE])}
        for child in sorted((child for child in children if child.id in shown), key=lambda one: min(visits.get(one.id, [0]))):
            if left[0] > 0 or child.id in visits:
                left[0] -= 1
                yield Line(depth, child, tuple(visits.get(child.id, ())))
                if child.id in visits:
                    yield from below(child.id, depth + 1)
        if len(aside) > ASIDE:
            yield Line(depth, None, more=len(aside) - ASIDE)

    yield from below("", 0)


def outline(tree: Tree, draft: Draft | None, most: int) -> Iterator[Line]:
    """At most so many steps, depth first as far as the walk goes in the order of its visits; all steps of the walk are among them.

    A step alone below its parent stands as far in as that one: a chain of them is no deeper than its first.
    """
    visits = _visits(draft) if draft else {}
    room = max(0, most - len(visits))
    shown = set(visits) | set([node for node in tree.nodes if node not in visits][:room])
    left = [(child, 0) for child in reversed(_ordered(tree, "", visits))]
    while left:
        node, depth = left.pop()
        if node.id in shown:
            yield Line(depth, node, tuple(visits.get(node.id, ())))
            below = _ordered(tree, node.id, visits)
            left += [(child, depth + (len(below) > 1)) for child in reversed(below)]
    if len(tree.nodes) > len(shown):
        yield Line(0, None, more=len(tree.nodes) - len(shown))


def _ordered(tree: Tree, parent: str, visits: dict[str, list[int]]) -> list[Node]:
    """The steps below one, those that the walk visits first in the order of its first visits."""
    return sorted(tree.children.get(parent, ()), key=lambda child: min(visits.get(child.id, [len(tree.nodes)])))


def svg(lines: tuple[Line, ...]) -> Markup:
    """The outline as a picture: a line a step, verdicts by sign and colour, the walk's numbers in circles."""
    height = LINE * len(lines) + 12
    parts = [
        Markup('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {} {}" width="{}" height="{}" role="img" aria-label="tree of steps" '
               'font-family="sans-serif" font-size="12" style="max-width: 100%; height: auto">').format(WIDTH, height, WIDTH, height)
    ]  # fmt: skip
    places: dict[int, float] = {}
    steps = []
    for row, line in enumerate(lines):
        y = 12 + LINE * row + LINE / 2 - 6
        parts.append(_branch(line, places, y))
        steps.append(_step(line, y))
        places = {depth: at for depth, at in places.items() if depth < line.depth} | {line.depth: y}
    return Markup("").join([*parts, *steps, Markup("</svg>")])


def _x(depth: int) -> float:
    return 12 + INDENT * min(depth, 10)


def _branch(line: Line, places: dict[int, float], y: float) -> Markup:
    """The joint to the step above of the same place, or to the parent."""
    if not line.depth and 0 not in places:
        return Markup("")
    start = places.get(line.depth, places.get(line.depth - 1, y))
    x = _x(line.depth) if line.depth in places or not line.depth else _x(line.depth - 1)
    path = f"M{x} {start} V{y} H{_x(line.depth)}"
    return Markup('<path d="{}" fill="none" stroke="{}" stroke-width="1.2"/>').format(path, GRID if not line.visits else SOFT)


def _step(line: Line, y: float) -> Markup:
    x = _x(line.depth)
    if line.node is None:
        return Markup('<text x="{}" y="{}" fill="{}">+ {} more</text>').format(x + 12, y + 4, SOFT, line.more)
    colour, sign = _COLOUR[line.tone], line.sign
    room = int((WIDTH - x - 42) / LETTER)
    text = one_line(line.node.text)
    shown = text if len(text) <= room else f"{text[: room - 1]}\u2026"
    number = ",".join(map(str, line.visits))
    dot = Markup('<circle cx="{}" cy="{}" r="9" fill="{}"/><text x="{}" y="{}" fill="white" text-anchor="middle" font-size="10">{}</text>')
    if number:
        mark = dot.format(x, y, colour, x, y + 3.6, number)
    else:
        mark = Markup('<circle cx="{}" cy="{}" r="4" fill="white" stroke="{}" stroke-width="1.4"/>').format(x, y, colour)
    style = Markup(' fill="{}"').format(INK if number else SOFT)
    whole = Markup("<title>{}</title>").format(text if not line.node.reason else f"{text} ({one_line(line.node.reason)})")
    return Markup('{}<text x="{}" y="{}"{}>{}<tspan fill="{}" font-weight="bold">{}</tspan> {}</text>').format(
        mark, x + 14, y + 4, style, whole, colour, sign, escape(shown)
    )  # fmt: skip
