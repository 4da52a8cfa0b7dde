"""An outputs folder that is none."""

import os
import tempfile
from pathlib import Path

import pytest

from o1exp.flow.disk import unwritable
from tests.inside import Command


@pytest.mark.parametrize(
    ("outputs", "why"), [("/dev/null", "/dev/null is no folder"), ("here/x", "here is no folder"), ("''", "name a folder")]
)
@pytest.mark.parametrize("action", ["run", *(pytest.param(other, marks=pytest.mark.slow) for other in ("plan", "verify"))])
def test_a_file_or_nothing_is_refused(o1exp: Command, outputs: str, why: str, action: str) -> None:
    Path("here").write_text("")
    said = o1exp("goal=source", f"outputs={outputs}", f"action={action}")
    assert said.code == 2, said.err
    assert why in said.err
    assert os.listdir() == ["here"]


def test_a_sweep_into_a_file_makes_nothing(o1exp: Command) -> None:
    Path("here").write_text("")
    said = o1exp("-m", "goal=source", "outputs=here", "seed=0,1")
    assert (said.code, said.err.count("here is no folder")) == (2, 1), said.err


@pytest.mark.parametrize("outputs", ["/proc/x", "x" * 300])
def test_a_folder_that_cannot_be_made_is_a_sentence(o1exp: Command, outputs: str) -> None:
    said = o1exp("goal=source", f"outputs={outputs}")
    assert (said.code, said.err) == (1, f"{Path(outputs).resolve()} cannot be made; choose another folder with outputs=FOLDER\n")


def test_what_has_no_disk_is_not_full() -> None:
    assert unwritable(ValueError("x"), Path("/proc/x")) is None


@pytest.mark.parametrize("action", ["plan", "why"])
@pytest.mark.parametrize("launcher", [[], ["hydra/launcher=side_by_side"]], ids=["one", "two"])
def test_a_sweep_that_plans_makes_nothing(o1exp: Command, action: str, launcher: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    scratch = Path("scratch").resolve()
    scratch.mkdir()
    monkeypatch.setenv("TMPDIR", str(scratch))
    monkeypatch.setattr(tempfile, "tempdir", None)
    said = o1exp("-m", *launcher, "seed=0,1", "goal=source", f"action={action}")
    assert said.code == 0, said.err
    assert os.listdir() == ["scratch"]
    assert [name for name in os.listdir(scratch) if name.startswith("o1exp")] == []
