"""`python -m o1exp.report compare` over finished runs."""

import json
import shutil
from pathlib import Path

import pytest

from o1exp.history.runs import find
from o1exp.report import runs
from o1exp.report.__main__ import main
from tests.report.conftest import Made
from tests.report.world import finished_run, report


def test_one_run_by_name_and_by_folder(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "deep" / "page.html"
    assert main(["compare", "quickstart", "--outputs", str(made.root), "--out", str(page)]) == 0
    by_name = capsys.readouterr().out
    assert main(["compare", str(made.run)]) == 0
    assert capsys.readouterr().out.splitlines()[:3] == by_name.splitlines()[:3]
    assert "long is above shortcut" in by_name, "the run's own baseline"
    assert "<h2>Result</h2>" in page.read_text()
    assert "no evidence about o1-style reflection" in page.read_text()


def test_arms_of_the_same_name_get_their_runs_name(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    finished_run(made.root, report(seed=3, skill=0.7), "other")
    assert main(["compare", "quickstart", "other", "--outputs", str(made.root), "--baseline", "quickstart/shortcut"]) == 0
    text = capsys.readouterr().out
    for name in ("quickstart/long", "quickstart/shortcut", "other/long", "other/shortcut"):
        assert name in text
    assert "unpaired" in text, "the other run has other problems"


def test_the_same_run_twice_is_listed_once(made: Made) -> None:
    run = find(str(made.run), made.root)
    assert [arm.name for arm in runs.merge([run, run])] == ["long", "shortcut"]


def test_an_unknown_run_exits_with_2(made: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", "nope", "--outputs", str(made.root)]) == 2
    assert "no run 'nope'" in (text := capsys.readouterr().err)
    assert "quickstart" in text
    assert main(["compare", "nope", "--outputs", str(tmp_path)]) == 2
    assert "there is no run in" in capsys.readouterr().err


def test_an_unknown_baseline_exits_with_2_and_names_the_choices(made: Made, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(made.run), "--baseline", "absent"]) == 2
    assert capsys.readouterr().err.strip().endswith("choose one of: long, shortcut")


def test_a_broken_record_exits_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "run.json").write_text('{"name": "x"}')
    assert main(["compare", str(tmp_path)]) == 2
    assert "is no record of a run" in capsys.readouterr().err


def test_a_moved_outputs_folder_still_compares(made: Made, tmp_path: Path) -> None:
    moved = tmp_path / "moved"
    shutil.copytree(made.root / "artefacts", moved / "artefacts")
    shutil.copytree(made.run, moved / "runs" / made.run.name)
    record = json.loads((moved / "runs" / made.run.name / "run.json").read_text())
    (moved / "runs" / made.run.name / "run.json").write_text(json.dumps({**record, "outputs": "/somewhere/else"}))
    run = find(str(moved / "runs" / made.run.name), Path("outputs"))
    assert run.root == moved
    assert len(runs.merge([run])) == 2
