"""Every file of sweeps/ is planned in the small world and at the scale of the paper, and its short form runs to the page."""

import shlex
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode
from omegaconf import DictConfig

from o1exp.app.cells import cells
from o1exp.app.sweeping import planned
from o1exp.app.whole_page import show_whole
from o1exp.config import options
from o1exp.config.spine import conf_dir
from o1exp.history.cells import outcomes
from tests.conftest import ROOT
from tests.inside import Command

FILES = sorted((ROOT / "sweeps").glob("*.yaml"))
PAPER, SHORT = "# At the paper's scale: o1exp ", "# In short: o1exp "
ALONE = ("hydra/launcher=basic", "track=none")
"""In this process, which has everything loaded."""


def _words(file: Path, size: str) -> list[str]:
    """The command's words for a size, as the file's comment says; none where it has no such size."""
    lines = file.read_text().splitlines()
    said = next((shlex.split(line.removeprefix(size)) for line in lines if line.startswith(size)), [])
    return [str(ROOT / word) if word == "sweeps" else word for word in said]


def _composed(words: list[str], monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    """The config that the command has Hydra compose; to ask Hydra itself takes twice as long."""
    options.register()
    monkeypatch.setattr(options.MorePlaces, "paths", [f"file://{words[1]}"])
    with initialize_config_dir(str(conf_dir()), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        return hydra.compose_config(words[3], [word for word in words[4:] if "=" in word], RunMode.MULTIRUN)


def test_each_says_its_question_and_how_it_is_run() -> None:
    assert len(FILES) > 12
    assert all("?" in file.read_text().splitlines()[0] or ":" in file.read_text().splitlines()[0] for file in FILES)
    assert [file.stem for file in FILES if not _words(file, PAPER)] == []
    assert all(_words(file, SHORT)[3] == file.stem for file in FILES)


@pytest.mark.parametrize("size", ["small", "short", "paper"])
def test_one_is_planned_by_its_command(o1exp: Command, size: str) -> None:
    words = _words(ROOT / "sweeps" / "phase1.yaml", PAPER if size == "paper" else SHORT)
    done = o1exp(*(words[:4] if size == "small" else words), "action=plan")
    assert done.code == 0, done.err
    assert " distinct of " in done.out
    assert "detect" in done.out


QUICK = {("filters_out", "paper"), ("seeds", "small")}
"""Planned in every run of the tests; the others are slow."""
CASES = [
    pytest.param(file, size, id=f"{file.stem}-{size}", marks=[] if (file.stem, size) in QUICK else pytest.mark.slow)
    for file in FILES
    for size in ("small", "paper")
    if _words(file, PAPER) or size == "small"
]


@pytest.mark.parametrize(("file", "size"), CASES)
def test_it_plans(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], file: Path, size: str) -> None:
    words = _words(file, PAPER) if size == "paper" else _words(file, SHORT)[:4]
    config = _composed([*words, "action=plan", f"outputs={tmp_path}"], monkeypatch)
    first, whole = planned(config, cells(config))
    show_whole(first, whole)
    assert len(whole.cells) > 1
    assert len(whole.steps) < whole.naive
    assert "detect" in capsys.readouterr().out


@pytest.fixture(scope="module")
def outputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for the short forms of all files: what they share is made once."""
    return tmp_path_factory.mktemp("short") / "outputs"


@pytest.mark.slow
@pytest.mark.parametrize("file", FILES, ids=[file.stem for file in FILES])
def test_its_short_form_runs_to_the_page(o1exp: Command, outputs: Path, file: Path) -> None:
    done = o1exp(*_words(file, SHORT), *ALONE, f"outputs={outputs}")
    assert done.code == 0, done.out + done.err
    (page,) = (outputs / "runs").glob(f"{file.stem}-*/cells.json")
    found = outcomes(page.parent)
    assert len(found) > 1
    assert {cell.state for cell in found} == {"FINISHED"}
    assert (page.parent / "report.html").stat().st_size > 10_000
