"""What pyproject.toml promises: the oldest and the newest libraries, installed by make into a fresh environment, train the tiny model."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT

ENGINE = ("torch", "lightning", "deepspeed", "accelerate", "transformers")
"""What trains, and what a range is tested for."""
WITH_IT = ("pytorch-lightning", "tokenizers", "huggingface_hub", "hf-xet", "typer", "shellingham", "trl")
"""What comes with these in versions of their choice."""
TRAINS = (
    "tests/train/test_sft.py", "tests/train/test_lora.py", "tests/train/test_single.py", "tests/train/test_export.py",
    "tests/bench/test_sample.py",
)  # fmt: skip
"""Training, resuming, export and sampling; one device, LoRA and recomputation among them."""


def ranges() -> dict[str, tuple[str, str]]:
    """The oldest version and the first that is too new, by library."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    found = (re.fullmatch(r"([\w-]+)>=([\d.]+),<([\d.]+)", line) for line in listed)
    return {one[1]: (one[2], one[3]) for one in found if one}


def pins(which: str) -> str:
    """constraints.txt with the oldest, or without any, versions of what trains; torch stays, whose other builds take gigabytes."""
    free = {*ENGINE, *WITH_IT} - {"torch"}
    kept = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.partition("==")[0] not in free]
    oldest = [f"{name}=={ranges()[name][0]}" for name in ENGINE if name != "torch"]
    return "\n".join([*kept, *(oldest if which == "oldest" else [])]) + "\n"


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """The files of this checkout that git knows or would take, elsewhere."""
    listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    for name in filter(None, subprocess.run(listed, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split("\0")):
        if (ROOT / name).is_file():  # a deleted one is listed until it is committed
            (tmp_path / "o1exp" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / "o1exp" / name)
    return tmp_path / "o1exp"


def made(checkout: Path, *words: str) -> list[str]:
    """The commands that make would run."""
    done = subprocess.run(["make", "-n", "-B", *words], cwd=checkout, capture_output=True, text=True, check=True, env=environment())
    return done.stdout.splitlines()


def environment() -> dict[str, str]:
    """Ours without what points at this installation or chooses another torch."""
    return {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "TORCH", "PYTHON", "MAKEFLAGS", "MAKELEVEL")}


def test_every_library_that_trains_has_a_range_with_two_ends() -> None:
    pinned = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines() if "==" in line)
    for name in ENGINE:
        oldest, above = ranges()[name]
        assert numbers(oldest) <= numbers(pinned[name]) < numbers(above), name


def numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


@pytest.mark.long
def test_another_torch_is_what_make_is_told_and_stays(checkout: Path) -> None:
    asked = "torch==2.11.0 --index-url there"
    (pinned,) = (line for line in (ROOT / "constraints.txt").read_text().splitlines() if line.startswith("torch=="))
    assert [line for line in made(checkout, ".venv/installed") if line.endswith(f" {pinned}")]
    first = made(checkout, ".venv/installed", f"TORCH={asked}")
    assert [line for line in first if "pip install" in line and line.endswith(f" {asked}")]
    (kept,) = (line for line in first if line.startswith("echo "))
    (checkout / ".venv").mkdir()
    subprocess.run(kept, shell=True, cwd=checkout, check=True)
    assert [line for line in made(checkout, ".venv/installed") if "pip install" in line and line.endswith(f" {asked}")]


@pytest.mark.long
def test_nothing_else_that_make_installs_replaces_torch(checkout: Path) -> None:
    commands = made(checkout, ".venv/installed-test")
    pip = [line for line in commands if "pip install" in line]
    assert len(pip) == 3
    assert all(" -c .venv/constraints.txt " in line for line in pip)
    assert "grep -v ^torch== constraints.txt > .venv/constraints.txt" in commands
    (freezing,) = (line for line in commands if line.endswith(">> .venv/constraints.txt"))
    assert commands.index(pip[0]) < commands.index(freezing) < commands.index(pip[1])


@pytest.fixture(params=["oldest", "newest"])
def installed(request: pytest.FixtureRequest, checkout: Path) -> Iterator[Path]:
    """The checkout, with an environment of its own; it takes 2 GB and the package index."""
    (checkout / "constraints.txt").write_text(pins(request.param))
    done = subprocess.run(
        ["make", ".venv/installed-test", f"PYTHON={sys.executable}"], cwd=checkout, env=environment(), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    yield checkout
    shutil.rmtree(checkout / ".venv")


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_what_is_promised_trains(installed: Path) -> None:
    command = [".venv/bin/python", "-m", "pytest", "-p", "no:cacheprovider", "-m", "not slow and not long", *TRAINS]
    done = subprocess.run(command, cwd=installed, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
