"""What arms were trained on, problem by problem: the tree, the walk over it, the long thought, and whether it was kept."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeVar

from o1exp.history.arms import Arm
from o1exp.history.lineage import Artefact
from o1exp.history.trained import TrainedPhase
from o1exp.records import Draft, Example, Node, Problem
from o1exp.records.tree import Tree, trees
from o1exp.report.trees import Line, Said, outline, said
from o1exp.report.ways import is_text

R = TypeVar("R")
MOST_STEPS = 200
"""Steps of one tree that are shown; those of the walk all are."""


@dataclass(frozen=True)
class Chain:
    """One way from problems to the text of a last SFT phase, as far as its tables are still there; `arms` share it.

    `written` is the first table of texts, `learned` the one that was trained on: what is not in it was dropped on the way.
    """

    arms: tuple[str, ...]
    way: str
    posed: Artefact | None
    trees: Artefact | None
    drafts: Artefact | None
    written: Artefact | None
    learned: Artefact

    def problems(self) -> list[str]:
        """The ids of all problems that it has a tree or a text for."""
        tables = [table for table in (self.trees, self.written, self.learned) if table]
        return list(dict.fromkeys(row for table in tables for row in table.column("problem")))


@dataclass(frozen=True)
class Thought:
    """One try at a problem. `text` is what was learned, or written where it was `kept` out; `before` what it was before a rewrite.

    `lines` outline its tree of `nodes` steps, `steps` are its walk; a tree without a right end has no text.
    """

    draw: int
    text: str
    kept: bool
    before: str = ""
    lines: tuple[Line, ...] = ()
    nodes: int = 0
    steps: tuple[Said, ...] = ()


def chains(arms: list[Arm]) -> list[Chain]:
    """One for each table of texts that the last SFT phase of an arm was trained on; none for arms that were not trained."""
    found: dict[str, Chain] = {}
    for arm in arms:
        phases = [phase for phase in arm.trainings if phase.artefact.role == "sft"]
        chain = _chain(arm, phases[-1]) if phases else None
        if chain is not None:
            place = f"{arm.lineage.root} {chain.learned.path}"
            before = found.get(place)
            found[place] = replace(before or chain, arms=(*(before.arms if before else ()), *chain.arms))
    return list(found.values())


def thoughts(chain: Chain, wanted: Collection[str]) -> dict[str, list[Thought]]:
    """The tries at the wanted problems by their ids, those that were kept first."""
    grown = {tree.problem: tree for tree in trees(_rows(chain.trees, Node, wanted))} if chain.trees else {}
    walks = {(draft.problem, draft.draw): draft for draft in _rows(chain.drafts, Draft, wanted)}
    written = {(row.problem, row.draw): row for row in _rows(chain.written, Example, wanted)}
    learned = {(row.problem, row.draw): row for row in _rows(chain.learned, Example, wanted)}
    found: dict[str, list[Thought]] = {}
    for place in [*learned, *(place for place in {**written, **walks} if place not in learned)]:
        texts = [table[place].response for table in (learned, written) if place in table]
        before = texts[1] if len(texts) > 1 and texts[1] != texts[0] else ""
        tree, walk = grown.get(place[0]), walks.get(place)
        found.setdefault(place[0], []).append(Thought(
            place[1], texts[0] if texts else "", place in learned, before, tuple(outline(tree, walk, MOST_STEPS)) if tree else (),
            len(tree.nodes) if tree else 0, tuple(said(walk)) if walk else (),
        ))  # fmt: skip
    return found | {name: [_unsolved(tree)] for name, tree in grown.items() if name not in found}


def posed(chain: Chain, wanted: Collection[str]) -> Mapping[str, Problem]:
    """The wanted problems by their ids; empty where they were deleted."""
    return {row.id: row for row in chain.posed.rows_of(Problem, "id", wanted)} if chain.posed else {}


def _unsolved(tree: Tree) -> Thought:
    return Thought(0, "", False, lines=tuple(outline(tree, None, MOST_STEPS)), nodes=len(tree.nodes))


def _chain(arm: Arm, phase: TrainedPhase) -> Chain | None:
    """None where the examples were deleted."""
    tables = phase.tables
    columns = {table.path: table.columns for table in tables}
    writers = [table for table in tables if is_text(table)]
    first = next((table for table in writers if table.manifest.long_thoughts), writers[0] if writers else None)
    if first is None or "response" not in columns[tables[-1].path]:
        return None
    behind = tables[tables.index(first) :]
    grown, drafts, written = (
        next((table for table in behind if sign <= columns[table.path]), None) for sign in ({"parent", "verdict"}, {"steps"}, {"response"})
    )
    return Chain((arm.name,), first.does, arm.lineage.inputs(first).get("problems"), grown, drafts, written, tables[-1])


def _rows(table: Artefact | None, record: type[R], wanted: Collection[str]) -> Iterator[R]:
    return iter(()) if table is None else table.rows_of(record, "problem", wanted)
