"""The experiments of the papers: each plans offline at full size, and in the quick start's world, where it also runs whole."""

import json
from pathlib import Path
from typing import Any

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


ARMS = {"math": 3, "beyond_math": 2, "journey": 4, "methods": 5, "scaling": 4}


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One store for all of them: what two have in common is made once."""
    return tmp_path_factory.mktemp("papers")


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", PAPERS)
def test_it_runs_whole_in_the_quick_start_s_world(name: str, papers: Path, loaded: None) -> None:
    done = run(papers, f"experiment=paper/{name}", "scale=tiny", "track=none", timeout=1500)
    assert done.returncode == 0, done.stdout + done.stderr
    study = f"paper-{name.replace('_', '-')}-tiny"
    (folder,) = (path.parent for path in (papers / "outputs" / "runs").glob(f"{study}-*/run.json"))
    record, html = read(folder), (folder / "report.html").read_text()
    assert len(record.arms) == ARMS[name]
    assert 'id="when-each-arm-was-made"' in html
    found = [
        json.loads((papers / "outputs" / "artefacts" / one / "results.json").read_text())["benchmarks"] for one in record.arms.values()
    ]
    if name == "beyond_math":
        _all_suites(found, html)
    if name == "scaling":
        assert "reused Sft" in done.stdout or "made   Sft" not in done.stdout, "the trainings are those of paper/math"
        assert "Maj@8" in html


def _all_suites(found: list[dict[str, Any]], html: str) -> None:
    """Before and after SFT on ten suites, with judges, and what the paper says."""
    for suites in found:
        assert len(suites) == 10
        assert suites.pop("arithmetic")["scorer"].startswith("comparison")
        assert all(score["scorer"] and score["labels"] for score in suites.values())
        assert "f1" in suites["simpleqa"]
    assert all(f'id="{part}"' in html for part in ("all-suites", "how-far-the-judges-can-be-trusted"))
    assert html.count('class="published"') == 18
