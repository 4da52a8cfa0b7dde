"""People's labelled steps from a file to a trained model: human, walk, rewrite, verify, SFT, and the page that draws it."""

import json
import re
from pathlib import Path

import pytest

from o1exp.history.runs import PAGE
from tests.app.commands import TINY, o1exp

SHORT = ("think.batch_tokens=1024", "think.validation_fraction=0", "think.samples=0")
pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("loaded")]


def test_prm800k_becomes_long_thoughts_that_a_model_learns(tmp_path: Path, shared_data: Path) -> None:
    """All six rows: three of them have a solution that ends with the gold answer."""
    path = shared_data / "steps/prm800k.jsonl"
    words = [word for word in TINY if not word.startswith("source.")]
    human = ["source=local", f"source.path={path}", "thought=human", f"thought.path={path}", "sft@imitate=skip", "think.max_length=1024"]
    done = o1exp(tmp_path, *words, *human, "think.pack_length=1024", *SHORT, "arms={}")
    assert done.returncode == 0, done.stdout + done.stderr
    facts = {
        place.parent.parent.name: json.loads(place.read_text())["facts"] for place in tmp_path.glob("outputs/artefacts/*/*/manifest.json")
    }
    assert [facts[stage]["rows"] for stage in ("Local", "Human", "Walk", "Rewrite", "Rejection")] == [6, 79, 3, 3, 3]
    assert (facts["Walk"]["without_end"], facts["Walk"]["detours"]) == (3, 2)
    assert facts["Rejection"]["right"] == 3
    assert facts["Sft"]["rows"] == 3
    html = next(tmp_path.glob(f"outputs/runs/*/{PAGE}")).read_text()
    assert ">From a tree to a long thought</h2>" in html
    assert re.search(r'<li class="detour"><b>\d+</b>', html)
    assert "steps that people wrote or labelled, from a file" in html
