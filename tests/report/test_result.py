"""The numbers of one arm."""

import json
import subprocess
import sys
from pathlib import Path

from o1exp.bench.outcome import Outcome
from o1exp.bench.summary import summarise
from o1exp.flow import Store
from tests.planted import PlantedRun, held_out, planted_arm


def test_the_artefact_is_read_back_and_does_not_depend_on_row_order(planted: PlantedRun) -> None:
    stage = planted.goal.arms["long"]
    folder = Store(planted.root).folder(stage)
    stored = json.loads((folder / "results.json").read_text())["benchmarks"]["held-out sums"]
    assert Outcome.read(folder).benchmarks["held-out sums"].accuracy == stored["accuracy"]
    grade = Store(planted.root).get(stage.inputs["scores.held-out sums"])
    assert summarise(list(grade)) == summarise(list(grade)[::-1])


def test_two_outputs_folders_get_the_same_digests(planted: PlantedRun, tmp_path: Path) -> None:
    """No timing, date or order of making shows in results.json, results.csv or results.tex."""
    other = Store(tmp_path)
    other.make([planted.goal])
    first, second = Store(planted.root).manifest(planted.goal), other.manifest(planted.goal)
    assert first is not None
    assert second is not None
    assert first.digest == second.digest
    assert set(first.files) == {"index.html", "results.csv", "results.json", "results.tex"}


def test_the_room_is_light_to_import() -> None:
    heavy = "{'mlflow', 'numpy', 'scipy', 'matplotlib', 'jinja2', 'pyarrow', 'pandas', 'omegaconf'}"
    names = "o1exp.report, o1exp.track.tracking, o1exp.report.table, o1exp.report.runs, o1exp.report.render, o1exp.report.compare"
    code = f"import {names}, sys; print(sorted({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"


def test_results_of_other_keys_differ() -> None:
    assert planted_arm(0.9).key != planted_arm(0.9, problems=held_out(seed=1)).key
