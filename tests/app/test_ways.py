"""All ways to long thoughts in one sweep of the quick start's world, and one way more from outside the package."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.app.commands import TINY, o1exp

WAYS = ("distil", "tree", "propose_critique", "debate", "shortcut")
ASKING = {"distil": "Distil", "tree": "TreeSearch", "propose_critique": "ProposeCritique", "debate": "Debate"}


def noted(folder: Path, stage: str) -> dict[str, Any]:
    (path,) = (folder / "outputs" / "artefacts" / stage).glob("*/manifest.json")
    facts: dict[str, Any] = json.loads(path.read_text())["facts"]
    return facts


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_every_way_trains_the_small_model_and_all_are_compared(tmp_path: Path, loaded: None) -> None:
    done = o1exp(tmp_path, "-m", *TINY, f"thought={','.join(WAYS)}", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    folder = max((tmp_path / "outputs" / "runs").glob("quickstart-*/cells")).parent
    record = json.loads((folder / "run.json").read_text())
    assert sorted(record["arms"]) == sorted(f"thought={way}" for way in WAYS)
    page = (folder / "report.html").read_text()
    assert all(f"thought={way}" in page for way in WAYS)
    for stage in ASKING.values():
        facts = noted(tmp_path, stage)
        assert facts["problems"] == 12
        assert facts["right"] >= 8
        assert facts["tokens"] > 0
        assert facts["shown"] == 0
    made = {path.name: len(list(path.glob("[0-9a-f]*"))) for path in (tmp_path / "outputs" / "artefacts").iterdir()}
    assert (made["Arithmetic"], made["Walk"], made["Rewrite"]) == (2, 3, 3), "searches alone differ; examples pass walk and rewrite"


SIXTH = '''
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from o1exp.chat.headings import NEXT, PROBLEM, STEPS
from o1exp.records import Node, Problem
from o1exp.thoughts.asking import Ask, Exploring
from o1exp.thoughts.growing import Growing
from o1exp.thoughts.search import Search
from o1exp.thoughts.steps import ends, verdict


@dataclass(frozen=True, kw_only=True)
class Straight(Search):
    """Goes straight on, a step for each request, until an answer stands there."""

    does: ClassVar[str] = "one step after the other, without looking back"

    most: int = 10

    def explore(self, problem: Problem) -> Exploring[Sequence[Node]]:
        tree, at = Growing(problem), ""
        for _ in range(self.most):
            steps = "\\n\\n".join(tree.texts(at)) or "(none)"
            (answer,) = yield [Ask(self.teacher, f"{PROBLEM}\\n{problem.question}\\n\\n{STEPS}\\n{steps}\\n\\n{NEXT}")]
            over = ends(answer.text)
            node = tree.add(at, answer, answer.text.strip(), correct=verdict(problem, answer.text) if over else None)
            if over:
                break
            at = node.id
        return tree.rows()
'''


def test_a_sixth_way_is_one_stage_and_one_option(tmp_path: Path, loaded: None) -> None:
    (tmp_path / "ways.py").write_text(SIXTH)
    (tmp_path / "conf" / "thought").mkdir(parents=True)
    (tmp_path / "conf" / "thought" / "straight.yaml").write_text("# Straight on.\n_target_: ways.Straight\n")
    done = o1exp(tmp_path, "--config-dir", "conf", *TINY, "thought=straight", "thought.most=6", "goal=verify", "track=none", "arms={}")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = noted(tmp_path, "Straight")
    assert (facts["problems"], facts["requests"]) == (12, facts["nodes"])
    assert noted(tmp_path, "Rewrite")["drafts"] == facts["right"] > 0
