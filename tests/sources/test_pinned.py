"""A file whose sha256 the config pins is that file, wherever a stage stands on one; another one under its path is refused in time."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from o1exp.bench.rated import Human as Ratings
from o1exp.bench.rated import Rated
from o1exp.flow import Stage
from o1exp.sources.checked import Checked
from o1exp.sources.facteval import FactEval
from o1exp.sources.local import Local
from o1exp.thoughts.human import Human
from o1exp.thoughts.labelled import RightSolutions
from o1exp.train.bases.gguf import Gguf
from tests.planted import Planted, held_out

Made = Callable[[str, str], Stage[Any]]
STAGES: dict[str, Made] = {
    "local": lambda path, sha256: Local(path=path, sha256=sha256),
    "checked": lambda path, sha256: Checked(path=path, sha256=sha256),
    "facteval": lambda path, sha256: FactEval(path=path, sha256=sha256),
    "human": lambda path, sha256: Human(problems=held_out(), path=path, sha256=sha256),
    "right solutions": lambda path, sha256: RightSolutions(path=path, sha256=sha256),
    "gguf": lambda path, sha256: Gguf(path=path, sha256=sha256),
    "ratings": lambda path, sha256: Rated(
        attempts=Planted(problems=held_out(), skill=1.0),
        problems=held_out(), ratings=Ratings(path=path, sha256=sha256),
    ),
}  # fmt: skip


@pytest.mark.parametrize("made", STAGES.values(), ids=STAGES)
def test_another_file_than_the_pinned_one_is_told_before_the_run(made: Made, tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    file.write_text('{"question": "1+1?", "answer": "2"}\n')
    pinned = made(str(file), "")
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    assert made(str(file), digest).key == pinned.key
    assert not [line for line in pinned.preflight() if "the config pins" in line]
    file.write_text('{"question": "1+2?", "answer": "3"}\n')
    (said,) = [line for line in made(str(file), digest).preflight() if "the config pins" in line]
    assert f"{file} has sha256 " in said
    assert f"the config pins {digest[:12]}..." in said
