"""The experiments of the papers: each plans offline at full size, and in the quick start's world; two run there whole."""

import json
from pathlib import Path

import pytest

from o1exp.app.job import scaled
from o1exp.history.runs import read
from tests.app.commands import o1exp as run
from tests.conftest import ROOT
from tests.inside import Command

PAPERS = ("math", "beyond_math", "journey", "methods", "scaling")


def test_each_says_that_it_never_ran_at_full_size() -> None:
    for name in PAPERS:
        head = (ROOT / "conf" / "experiment" / "paper" / f"{name}.yaml").read_text().splitlines()[1]
        assert head.startswith("# Never run at full size."), name


def test_a_scale_is_a_part_of_the_experiment_s_name() -> None:
    assert scaled(["-m", "experiment=a,b", "scale=tiny", "seed=1"]) == ["-m", "experiment=a/tiny,b/tiny", "seed=1"]
    assert scaled(["experiment=a", "scale=full"]) == scaled(["experiment=a"]) == ["experiment=a"]


@pytest.mark.parametrize("scale", ["full", "tiny"])
@pytest.mark.parametrize("name", [pytest.param(name, marks=[] if name == "beyond_math" else pytest.mark.slow) for name in PAPERS])
def test_it_plans_offline(o1exp: Command, name: str, scale: str) -> None:
    done = o1exp(f"experiment=paper/{name}", f"scale={scale}", "action=plan", "track=none")
    assert done.code == 0, done.err


def test_an_experiment_without_a_small_world_says_so(o1exp: Command) -> None:
    done = o1exp("experiment=phases", "scale=tiny", "action=plan")
    assert done.code == 2
    assert "experiment=phases/tiny" in done.err


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", ["beyond_math", "journey"])
def test_it_runs_whole_in_the_quick_start_s_world(name: str, tmp_path: Path, loaded: None) -> None:
    done = run(tmp_path, f"experiment=paper/{name}", "scale=tiny", "track=none", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    (folder,) = (path.parent for path in (tmp_path / "outputs" / "runs").glob("*/run.json"))
    record = read(folder)
    assert len(record.arms) == {"beyond_math": 2, "journey": 4}[name]
    for result in record.arms.values():
        found = json.loads((tmp_path / "outputs" / "artefacts" / result / "results.json").read_text())["benchmarks"]
        if name == "beyond_math":
            assert len(found) == 10
            assert found.pop("arithmetic")["scorer"].startswith("comparison")
            assert all(score["scorer"] and score["labels"] for score in found.values())
            assert "f1" in found["simpleqa"]
    assert (folder / "report.html").stat().st_size > 10_000
