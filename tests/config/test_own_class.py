"""A class of one's own, from a package beside the current folder, as an option of one's own."""

import json
from pathlib import Path

import pytest

from tests.app.commands import o1exp as script
from tests.inside import Command

PACKAGE = '''
from dataclasses import dataclass

from o1exp.chat.servers.procedural import Procedural
from o1exp.flow import Settings, Stage, Work
from o1exp.records import Example, Problem, Table


@dataclass(frozen=True, kw_only=True)
class Poet(Procedural):
    """Answers in verse."""

    verses: int = 3
    """Verses of an answer."""


@dataclass(frozen=True, kw_only=True)
class Restated(Stage[Table[Example]]):
    """The question once more, then the short solution."""

    problems: Stage[Table[Problem]]
    times: int = 1

    def make(self, work: Work) -> None:
        problems = work.open(self.problems)
        work.write(Example, (Example(problem=p.id, prompt=p.question, response=p.question * self.times + p.solution) for p in problems))


class Plain:
    """No settings at all."""


class Unmade(Stage[Table[Example]]):
    """A stage without make."""


def function() -> None: ...
'''
FILES = {
    "teacher/poet.yaml": "# In verse.\n_target_: poetry.Poet\nmistake_rate: 0\n",
    "thought/restated.yaml": "# Twice.\n_target_: poetry.Restated\ntimes: 2\n",
    "thought/typo.yaml": "_target_: poetry.Restated\ntime: 2\n",
    "thought/plain.yaml": "_target_: poetry.Plain\n",
    "thought/function.yaml": "_target_: poetry.function\n",
    "thought/unmade.yaml": "_target_: poetry.Unmade\n",
    "thought/system.yaml": "_target_: os.system\n",
    "thought/nowhere.yaml": "_target_: nowhere.Stage\n",
    "thought/broken.yaml": "_target_: broken.Stage\n",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder: a package, and conf/ with options that name its classes."""
    (tmp_path / "poetry.py").write_text(PACKAGE)
    (tmp_path / "broken.py").write_text("1 / 0\n")
    for name, text in FILES.items():
        path = tmp_path / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path


def test_classes_of_ones_own_are_composed_built_and_run(o1exp: Command, folder: Path) -> None:
    words = ["--config-dir", "conf", "source.count=3", "track=none"]
    done = o1exp(*words, "thought=restated", "thought.times=3", "goal=thought")
    assert done.code == 0, done.err
    manifest = json.loads(next(folder.glob("outputs/artefacts/Restated/*/manifest.json")).read_text())
    assert manifest["settings"]["times"] == 3
    by_script = script(folder, *words, "teacher=poet", "goal=verify")
    assert by_script.returncode == 0, by_script.stderr
    manifest = json.loads(next(folder.glob("outputs/artefacts/Distil/*/manifest.json")).read_text())
    assert manifest["settings"]["teacher"]["verses"] == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["teacher=poet", "teacher.verse=1"], "teacher.verse=1: there is no such setting; did you mean teacher.verses?"),
        (["teacher=poet", "teacher.verses=many"], "teacher.verses=many: must be of type integer"),
        (["thought=typo"], "conf/thought/typo.yaml, line 2: time=2: there is no such setting; did you mean times?"),
        (["thought=plain"], "conf/thought/plain.yaml, line 1: _target_=poetry.Plain: is no class of settings; derive it from Stage"),
        (["thought=function"], "_target_=poetry.function: is no class of settings"),
        (["thought=unmade"], "_target_=poetry.Unmade: lacks make, which every class of its kind has"),
        (["thought=system"], "_target_=os.system: is no class of settings"),
        (["thought=nowhere"], "_target_=nowhere.Stage: cannot be imported (ModuleNotFoundError: No module named 'nowhere')"),
        (["thought=broken"], "_target_=broken.Stage: cannot be imported (ZeroDivisionError: division by zero)"),
        (["thought._target_=subprocess.run"], "thought._target_=subprocess.run: is no class of settings"),
        (["thought=poet"], "thought=poet: there is no such option"),
    ],
)
def test_what_is_none_or_does_not_fit_is_refused(o1exp: Command, folder: Path, words: list[str], said: str) -> None:
    done = o1exp("--config-dir", "conf", *words, "action=plan")
    assert done.code == 2, done.out
    assert said in done.err
    assert not (folder / "outputs").exists()


def test_a_class_of_ones_own_is_an_option_of_a_sweep(o1exp: Command, folder: Path) -> None:
    done = o1exp(
        "--config-dir", "conf", "-m", "thought=restated,shortcut", "source.count=2", "goal=thought", "track=none", "hydra/launcher=basic"
    )
    assert done.code == 0, done.err
    assert list(folder.glob("outputs/artefacts/Restated/*/manifest.json"))


def test_help_and_the_choices_of_hydras_own_search_path_know_it(o1exp: Command, folder: Path) -> None:
    done = o1exp(f"hydra.searchpath=[file://{folder}/conf]", "thought=restated", "goal=thought", "action=plan")
    assert done.code == 0, done.err
    assert "Restated" in done.out
