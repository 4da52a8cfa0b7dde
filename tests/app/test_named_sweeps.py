"""Every file of sweeps/ is planned at its three sizes: short, in the small world, and as its own comment says for the paper's."""

import shlex
from pathlib import Path

import pytest

from o1exp.history.cells import outcomes
from tests.app.commands import o1exp as script
from tests.conftest import ROOT
from tests.inside import Command

FILES = sorted((ROOT / "sweeps").glob("*.yaml"))
PAPER, SHORT = "# At the paper's scale: o1exp ", "# In short: o1exp "


def _words(file: Path, size: str) -> list[str]:
    """The command's words for a size, as the file's comment says; none where it has no such size."""
    lines = file.read_text().splitlines()
    said = next((shlex.split(line.removeprefix(size)) for line in lines if line.startswith(size)), [])
    return [str(ROOT / word) if word == "sweeps" else word for word in said]


def test_each_says_its_question_and_how_it_is_run() -> None:
    assert len(FILES) > 12
    assert all("?" in file.read_text().splitlines()[0] or ":" in file.read_text().splitlines()[0] for file in FILES)
    assert [file.stem for file in FILES if not _words(file, PAPER)] == ["three_seeds"]
    assert all(_words(file, SHORT)[3] == file.stem for file in FILES)


QUICK = {"phase1": ("small", "short"), "filters_out": ("paper",)}
"""Planned in every run of the tests; the others are slow."""
CASES = [
    pytest.param(file, size, id=f"{file.stem}-{size}", marks=[] if size in QUICK.get(file.stem, ()) else pytest.mark.slow)
    for file in FILES
    for size in ("small", "short", "paper")
    if file.stem != "three_seeds" or size != "paper"
]


@pytest.mark.parametrize(("file", "size"), CASES)
def test_it_plans(o1exp: Command, file: Path, size: str) -> None:
    words = _words(file, {"short": SHORT, "paper": PAPER, "small": SHORT}[size])
    done = o1exp(*(words[:4] if size == "small" else words), "action=plan")
    assert done.code == 0, done.err
    assert " distinct of " in done.out
    assert "detect" in done.out


@pytest.mark.slow
@pytest.mark.parametrize("name", ["rejection", "thought_source_matched"])
def test_its_short_form_runs_to_the_page(tmp_path: Path, name: str) -> None:
    words = _words(ROOT / "sweeps" / f"{name}.yaml", SHORT)
    done = script(tmp_path, *words, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    (page,) = (tmp_path / "outputs" / "runs").glob(f"{name}-*/cells.json")
    found = outcomes(page.parent)
    assert len(found) > 1
    assert {cell.state for cell in found} == {"FINISHED"}
    assert (page.parent / "report.html").stat().st_size > 10_000
