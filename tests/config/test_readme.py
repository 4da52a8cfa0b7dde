"""Every command in the README's table does what the reader is told: it is read from there."""

import importlib
import json
import re
import shlex
from pathlib import Path

import pytest
from hydra import initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.types import RunMode

from o1exp.app.cells import cells, checked
from o1exp.app.job import arranged
from o1exp.config import options
from o1exp.config.compose import composed, study_of
from o1exp.config.options import Origin
from tests.conftest import ROOT
from tests.inside import Command

TABLE = re.findall(r"^\| `(.+?)` \| (.+) \|$", (ROOT / "README.md").read_text(), re.MULTILINE)
COMMANDS = [command for command, _ in TABLE if command.split()[0] in ("o1exp", "python", "make")]
O1EXP = [shlex.split(command)[1:] for command in COMMANDS if command.split()[0] == "o1exp"]
SWEEPS = [words for words in O1EXP if {"-m", "--config-name"} & set(words)]
MODULES = [shlex.split(re.sub(r"\[.*?\]|\.\.\.", "", command))[2:] for command in COMMANDS if command.startswith("python -m")]
ROW = {"problem": "Compute 12+30.", "answer": "42", "F": "\\boxed{42}", "G": "42"}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """What FILE stands for: problems that the built-in teacher can solve, and outputs in the columns F and G."""
    (tmp_path / "file.jsonl").write_text(json.dumps(ROW) + "\n")
    return str(tmp_path / "file.jsonl")


def _overrides(text: str) -> list[str]:
    """Settings that the explanation of a command names beside it, e.g. `think.tuning=lora`."""
    return re.findall(r"`(\w[\w.@]*=[\w.]+)`", text)


def test_the_table_is_found() -> None:
    assert len(O1EXP) > 10
    assert len(MODULES) > 5
    assert len(SWEEPS) == 2


@pytest.mark.parametrize("words", [words for words in O1EXP if words not in SWEEPS], ids=shlex.join)
def test_a_command_composes_and_builds(words: list[str], file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    given = arranged([word.replace("FILE", file) for word in words])
    more = next(_overrides(text) for command, text in TABLE if shlex.split(command)[1:] == words)
    given += ["source.path=", "bench.gsm8k.path="] if "smollm2" in shlex.join(words) else []  # data of their own
    for overrides in (given, *([*given, one] for one in more)):
        assert study_of(composed(overrides, Origin.named(overrides)), overrides).wanted


@pytest.mark.parametrize("words", SWEEPS, ids=shlex.join)
def test_a_sweep_composes_in_all_its_cells(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    origin = Origin.named(words)
    options.register()
    monkeypatch.setattr(options.MorePlaces, "paths", [f"file://{place}" for place in origin.places[1:]])
    with initialize_config_dir(str(origin.places[0]), version_base="1.3"):
        hydra = GlobalHydra.instance().hydra
        assert hydra is not None
        config = hydra.compose_config(origin.name, [word for word in words if "=" in word], RunMode.MULTIRUN)
        assert len(cells(config)) == 6
        assert checked(config, cells(config), lambda overrides, study: None).wanted


@pytest.mark.parametrize("words", MODULES, ids=shlex.join)
def test_a_module_runs(words: list[str], file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(Path(file).parent)
    code = importlib.import_module(f"{words[0]}.__main__").main([word.replace("FILE", file) for word in words[1:]])
    said = capsys.readouterr()
    if {"RUN", "ledger", "move"} & set(words):  # nothing was made here
        assert (code, "outputs" in said.err) == (2, True), said.err
    else:
        assert code == 0, said.err
        assert said.out


def test_what_make_is_asked_for_is_a_target() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {command.split()[1] for command in COMMANDS if command.startswith("make ")} <= set(targets)


def test_problems_beyond_the_teacher_are_refused_before_anything_is_made(o1exp: Command, tmp_path: Path) -> None:
    rows = [{"problem": f"Tom has {n} apples and eats one. How many are left?", "answer": str(n - 1)} for n in range(1, 9)]
    (tmp_path / "words.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    for also in ([], ["filter=paper"]):
        done = o1exp("source=local", "source.path=words.jsonl", *also)
        assert done.code == 2
        assert "thought: the procedural teacher only adds whole numbers, and the first problem is 'Tom has 1 apples" in done.err
        assert "choose another teacher, or thought=shortcut" in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["words.jsonl"]


def test_columns_that_are_not_known_are_refused_before_anything_is_made(o1exp: Command, tmp_path: Path) -> None:
    (tmp_path / "odd.jsonl").write_text('{"x": 1, "y": 2}\n')
    done = o1exp("source=local", "source.path=odd.jsonl")
    assert done.code == 2
    assert "source: " in done.err
    assert "source.fields" in done.err or "fields" in done.err
