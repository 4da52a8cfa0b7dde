"""Every file of sweeps/ is planned at both of its sizes: in the small world, and as its own comment says for the paper's."""

import shlex
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.inside import Command

FILES = sorted((ROOT / "sweeps").glob("*.yaml"))
PAPER = "# At the paper's scale: o1exp "


def _paper(file: Path) -> list[str]:
    lines = file.read_text().splitlines()
    return next((shlex.split(line.removeprefix(PAPER)) for line in lines if line.startswith(PAPER)), [])


def test_each_says_its_question() -> None:
    assert len(FILES) > 12
    assert all("?" in file.read_text().splitlines()[0] or ":" in file.read_text().splitlines()[0] for file in FILES)
    assert [file.stem for file in FILES if not _paper(file)] == ["three_seeds"]


QUICK = ("phase1", "filters_out")
"""Planned in every run of the tests; the others are slow."""


@pytest.mark.parametrize("file", [pytest.param(file, marks=[] if file.stem in QUICK else pytest.mark.slow, id=file.stem) for file in FILES])
@pytest.mark.parametrize("size", ["small", "paper"])
def test_it_plans(o1exp: Command, file: Path, size: str) -> None:
    words = _paper(file) if size == "paper" else ["--config-dir", "sweeps", "--config-name", file.stem]
    if not words:
        pytest.skip("the small world alone")
    done = o1exp(*[str(ROOT / word) if word == "sweeps" else word for word in words], "action=plan")
    assert done.code == 0, done.err
    assert " distinct of " in done.out
    assert "detect" in done.out
