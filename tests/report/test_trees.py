import re
from pathlib import Path
from typing import Any

from o1exp.flow import Stage
from o1exp.history.lineage import Lineage
from o1exp.records import Node
from o1exp.report.trees import MOST, Line, journey_of, svg
from o1exp.sources.local import Local
from o1exp.thoughts.human import Human
from o1exp.thoughts.rewrite import Keeping
from o1exp.thoughts.walk import DepthFirst
from tests.thoughts.parts import store

THOUGHT = """problem: What is 4 + 4 < 9?
answer: 8

I add.

[trial] 4 times 4 is 16 & more.

So it is 16.

[reflection] It says plus, I multiplied.

[correction] Four and four, so \\boxed{8}.
"""


def made(root: Path, path: Path, **walk: Any) -> tuple[Lineage, list[str]]:
    """Human, its walk and the text of it, and their paths."""
    here = store(root)
    problems = Local(path=str(path))
    found = Human(problems=problems, path=str(path))
    drafts = DepthFirst(found=found, problems=problems, **walk).stage()
    text: Stage[Any] = Keeping(drafts=drafts).stage()
    here.get(text)
    return Lineage(here.root), [f"{stage.kind}/{stage.key}" for stage in (drafts, text)]


def test_a_thought_its_tree_its_walk_and_its_text_are_one_journey(tmp_path: Path) -> None:
    path = tmp_path / "thoughts.txt"
    path.write_text(THOUGHT)
    lineage, (drafts, text) = made(tmp_path / "o", path)
    journey = journey_of(lineage, [lineage.get(text)], lineage.get(drafts), "human")
    assert journey is not None
    assert (journey.arm, journey.gold, journey.nodes) == ("human", "8", 5)
    assert [(one.number, one.part, one.text) for one in journey.said] == [
        (1, "path", "I add."), (2, "detour", "4 times 4 is 16 & more."), (3, "detour", "So it is 16."),
        (None, "turn", "It says plus, I multiplied."), (4, "path", "Four and four, so \\boxed{8}."),
    ]  # fmt: skip
    assert journey.thought == "\n\n".join(one.text for one in journey.said), "what the person wrote, word for word"
    assert [(line.depth, line.node and line.node.id, line.visits) for line in journey.lines] == [
        (0, "0", (1,)), (1, "0.0", (2,)), (2, "0.0.0", (3,)), (3, "0.0.0.0", ()), (1, "0.1", (4,)),
    ]  # fmt: skip
    picture = str(journey.picture)
    assert "4 times 4 is 16 &amp; more." in picture
    assert re.findall(r'text-anchor="middle" font-size="10">([\d,]+)<', picture) == ["1", "2", "3", "4"]
    assert picture.count("\u2717") == 3
    assert picture.count("\u2713\u2713") == 1


def test_a_tree_of_hundreds_of_steps_is_drawn_as_far_as_it_fits(tmp_path: Path, shared_data: Path) -> None:
    lineage, (drafts, text) = made(tmp_path, shared_data / "steps/prm800k_phase1_train.json", trials=3)
    journey = journey_of(lineage, [lineage.get(text)], lineage.get(drafts), "human")
    assert journey is not None
    visited = [line for line in journey.lines if line.visits]
    assert sorted(number for line in visited for number in line.visits) == [one.number for one in journey.said if one.number]
    assert len([line for line in journey.lines if line.node and not line.visits]) <= MOST
    assert any(one.part == "turn" for one in journey.said)
    width = max(float(x) for x in re.findall(r'<text x="([\d.]+)"', str(journey.picture)))
    assert width < 380


def test_nothing_of_a_text_is_markup_and_what_is_left_out_is_counted() -> None:
    node = Node(problem="p", id="0", text="<script>\n\u202eabc" + "x" * 200, verdict="wrong", reason="<b>")
    picture = str(svg((Line(0, node, (1,)), Line(0, None, more=7))))
    assert "<script" not in picture
    assert "\u202e" not in picture
    assert "&lt;script&gt; abc" in picture
    assert "+ 7 more" in picture
    assert "<b>" not in picture


def test_a_walk_whose_tree_was_deleted_is_not_drawn(tmp_path: Path) -> None:
    path = tmp_path / "thoughts.txt"
    path.write_text(THOUGHT)
    lineage, (drafts, text) = made(tmp_path / "o", path)
    for manifest in (tmp_path / "o").glob("artefacts/Human/*/manifest.json"):
        manifest.unlink()
    fresh = Lineage(lineage.root)
    assert journey_of(fresh, [fresh.get(text)], fresh.get(drafts), "human") is None
