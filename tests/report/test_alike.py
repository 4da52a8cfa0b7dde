"""A comparison says where its arms were not made alike."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from o1exp.history.arms import Arm, gather
from o1exp.history.runs import read
from o1exp.report.__main__ import main
from o1exp.report.alike import RULE, unlike
from tests.planted import PlantedRun

Change = Callable[[dict[str, str]], dict[str, str]]


def copied(planted: PlantedRun, folder: Path, change: Change) -> list[Arm]:
    """The planted run with another `made_by` in the attempts of its second arm."""
    shutil.copytree(planted.root, folder / "outputs")
    record = read(folder / "outputs" / "runs" / planted.record.name)
    place = record.gathered()[1].sampled["held-out sums"].folder / "manifest.json"
    manifest = json.loads(place.read_text())
    manifest["made_by"] = change(manifest["made_by"])
    place.write_text(json.dumps(manifest))
    return gather(record.root, record.arms)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda made: made, []),
        (lambda made: made | {"commit": "another"}, []),
        (lambda made: {name: value for name, value in made.items() if name != "processor"}, []),
        (lambda made: made | {"processor": "arm64 Neoverse"}, ["the processor was", "arm64 Neoverse for shortcut"]),
        (lambda made: made | {"torch": "9.9"}, ["torch was", "9.9 for shortcut"]),
    ],
)
def test_processor_and_versions_are_told_apart(planted: PlantedRun, tmp_path: Path, change: Change, told: list[str]) -> None:
    found = unlike(copied(planted, tmp_path, change))
    assert len(found) == bool(told)
    assert all(word in found[0] for word in told)


def test_table_page_and_json_say_so(planted: PlantedRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copied(planted, tmp_path, lambda made: made | {"processor": "arm64 Neoverse"})
    words = ["compare", planted.record.name, "--outputs", str(tmp_path / "outputs"), "--out", str(tmp_path / "page.html")]
    assert main(words) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert "The arms were not made alike: the processor was" in said
    assert RULE in said
    assert "Not made alike" in (tmp_path / "page.html").read_text()
    assert main([*words, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert len(told["warnings"]) == 1
    assert (told["baseline"], told["page"]) == ("shortcut", str(tmp_path / "page.html"))
    assert [(row["arm"], row["against_baseline"] is None) for row in told["rows"]] == [("long", False), ("shortcut", True)]
    assert [(run["name"], run["arms"], run["failed"]) for run in told["runs"]] == [(planted.record.name, planted.results, {})]


def test_arms_made_alike_need_no_warning(planted: PlantedRun, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["compare", str(planted.record.folder), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["warnings"] == []
    assert "Not made alike" not in (planted.page / "index.html").read_text()
