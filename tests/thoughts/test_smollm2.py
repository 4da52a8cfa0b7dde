"""The searches against a real small model behind a real server: that all parts fit together, not that it can solve anything."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from o1exp.chat.servers.llama import SMOLLM2, Llama
from o1exp.thoughts.debate import Debate
from o1exp.thoughts.judge import Prompted
from o1exp.thoughts.propose import ProposeCritique
from o1exp.thoughts.search import Search
from o1exp.thoughts.tree import TreeSearch
from tests.thoughts.parts import facts, store
from tests.thoughts.searching import Problems

TEACHER = Llama(concurrency=2, max_tokens=96, temperature=0.3, stop=("\n",), max_failed=0.0)
"""One line for each step."""
ONE: dict[str, Any] = {"problems": Problems(sums=("12+34",)), "teacher": TEACHER}


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec(SMOLLM2) is None, reason="SmolLM2 or its server is not installed (make smollm2)"
)
@pytest.mark.parametrize(
    "search",
    [
        TreeSearch(**ONE, judge=Prompted(teacher=TEACHER), width=2, depth=2, beam=1, mark="\n"),
        ProposeCritique(**ONE, turns=3),
        Debate(**ONE, critic=TEACHER, turns=2, mark="\n"),
    ],
    ids=["tree", "propose_critique", "debate"],
)
def test_a_real_model_is_asked_step_by_step(tmp_path: Path, search: Search) -> None:
    here = store(tmp_path)
    nodes = list(here.get(search))
    told = facts(here, search)
    assert 0 < len(nodes) == told["nodes"]
    assert all(node.text and node.writer == TEACHER.model and node.tokens > 0 for node in nodes)
    assert told["requests"] >= 2
    assert (told["failed"], told["shown"]) == (0, 0)
    assert told["prompt_tokens"] > 100 * told["requests"] / 2
