"""What a command imports before it needs it: nothing. The console script as a process of its own."""

import subprocess
import sys
from pathlib import Path

import pytest

from o1exp.config import catalogue
from tests.app.commands import command, environment

HEAVY = ["torch", "lightning", "mlflow", "transformers", "optuna", "openai", "pydantic", "pyarrow", "datasets", "scipy", "matplotlib"]
LIGHT_TOO = [*HEAVY, "rich", "jinja2", "numpy", "sqlite3", "http", "filelock", "joblib"]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A cache folder that holds the facts of all classes."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    catalogue.kept.cache_clear()
    catalogue.kept()
    return str(tmp_path / "cache")


def _imported(words: list[str], cache: str, folder: Path) -> set[str]:
    """The modules that the command line has loaded when it ends."""
    program = (
        f"import sys\nsys.argv = ['o1exp', *{words!r}]\nfrom o1exp.app.main import main\n"
        "try:\n    main()\nfinally:\n    print('\\n' + ' '.join(sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment({"XDG_CACHE_HOME": cache}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.splitlines()[-1].split())


def test_a_config_is_composed_without_a_stage_and_without_their_libraries(cache: str, tmp_path: Path) -> None:
    loaded = _imported(["--cfg=job"], cache, tmp_path)
    assert {name.split(".")[1] for name in loaded if name.startswith("o1exp.")} == {"app", "config", "secrets"}
    assert not loaded & {*LIGHT_TOO, "o1exp.config.graph", "o1exp.config.declared"}


@pytest.mark.parametrize("words", [["--help"], ["--help", "think"], ["--complete", "o1exp think.l"]])
def test_help_needs_no_hydra(words: list[str], cache: str, tmp_path: Path) -> None:
    loaded = _imported(words, cache, tmp_path)
    assert not loaded & {*LIGHT_TOO, "hydra", "omegaconf", "o1exp.flow"}


def test_a_plan_needs_no_heavy_library_and_makes_nothing(cache: str, tmp_path: Path) -> None:
    (tmp_path / "here").mkdir()
    assert not _imported(["experiment=paper/math", "action=plan"], cache, tmp_path / "here") & set(HEAVY)
    assert list((tmp_path / "here").iterdir()) == []


def test_a_console_script_and_a_module_are_the_same(tmp_path: Path) -> None:
    script = Path(sys.executable).parent / "o1exp"
    if not script.exists():
        pytest.skip("the package is not installed in this environment")
    env = environment(None)
    by_script = subprocess.run([str(script), "--cfg", "job"], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    by_module = subprocess.run(command(["--cfg", "job"]), cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert by_script.stdout == by_module.stdout
