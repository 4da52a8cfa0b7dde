"""What MLflow is told of a training: curves on two axes, speed of the moment, logs and samples as files."""

from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from o1exp.history.arms import gather
from o1exp.history.runs import RunRecord
from o1exp.history.trained import TrainedPhase
from o1exp.report.curves import CURVE_POINTS, CurvePoint, points, steps, thinned
from o1exp.track.study import log_run
from o1exp.track.traces import EACH
from o1exp.track.tracking import Tracking
from tests.artefacts import FAST, SLOW, trained_arm


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> RunRecord:
    """A run of one arm, SFT and then DPO."""
    root = tmp_path_factory.mktemp("curves").resolve()
    return RunRecord(folder=root / "runs" / "alone", root=root, title="training", arms={"run": trained_arm(root)})


@pytest.fixture(scope="module")
def phases(record: RunRecord) -> list[TrainedPhase]:
    return record.gathered()[0].trainings


@pytest.fixture(scope="module")
def logged(record: RunRecord) -> tuple[Any, str]:
    """A client and the run's id."""
    run = log_run(Tracking(), record)
    from mlflow import MlflowClient

    return MlflowClient(tracking_uri=Tracking().address(record.root)), run


@pytest.mark.parametrize(("count", "most"), [(7, 3), (1000, 10), (501, 500), (5, 5), (2, 9), (0, 3)])
def test_thinning_keeps_the_ends_and_even_distances(count: int, most: int) -> None:
    kept = thinned(range(count), most)
    assert len(kept) == min(count, most)
    assert kept[:1] == list(range(count))[:1]
    assert kept[-1:] == list(range(count))[-1:]
    gaps = [after - before for before, after in pairwise(kept)]
    assert not gaps or max(gaps) - min(gaps) <= 1


def test_speed_is_that_of_the_last_steps(phases: list[TrainedPhase]) -> None:
    rows = steps(phases[0])
    assert rows[0].tokens_per_second is None, "nothing lies before the first step"
    assert rows[49].tokens_per_second == pytest.approx(1000 / SLOW)
    assert rows[-1].tokens_per_second == pytest.approx(1000 / FAST), "not the mean since the start"


def test_every_curve_stands_by_step_and_by_tokens(phases: list[TrainedPhase]) -> None:
    first, second = phases
    found = {(point.name, point.at): point for point in points(first)}
    names = ("loss", "accuracy", "grad_norm", "lr", "tokens", "tokens_per_second", "memory_mb")
    assert {name for name, _ in found if name.startswith("phase1/") and "validation" not in name} == {f"phase1/{name}" for name in names}
    assert found["phase1/loss", 100].value == found["phase1_by_tokens/loss", 100_000].value == 0.03
    assert found["phase1/tokens", 7].value == 7000
    assert found["phase1/memory_mb", 100].value == 600
    assert found["phase1/validation_loss", 0].value == found["phase1_by_tokens/validation_loss", 0].value == 3.5
    assert found["phase1_by_tokens/validation_accuracy", 50_000].value == 0.25
    assert found["phase1/validation_loss", 50].seconds == found["phase1/loss", 50].seconds == 50 * SLOW
    assert {point.name.partition("/")[0] for point in points(second)} == {"phase2", "phase2_by_tokens"}


def test_long_curves_are_thinned(tmp_path: Path) -> None:
    (arm,) = gather(tmp_path, {"run": trained_arm(tmp_path, steps=1700)})
    found: dict[str, list[CurvePoint]] = {}
    for point in points(arm.trainings[0]):
        found.setdefault(point.name, []).append(point)
    assert {len(curve) for name, curve in found.items() if "validation" not in name} == {CURVE_POINTS, CURVE_POINTS - 1}
    assert len(found["phase1/tokens_per_second"]) == CURVE_POINTS - 1, "all but the first step"
    assert [found["phase1/loss"][place].at for place in (0, -1)] == [1, 1700]
    assert [found["phase1_by_tokens/loss"][place].at for place in (0, -1)] == [1000, 1_700_000]
    assert [point.at for point in found["phase1/validation_loss"]] == [0, 850, 1700]


def test_a_training_of_before_has_the_curves_that_were_written_then(tmp_path: Path) -> None:
    (arm,) = gather(tmp_path, {"run": trained_arm(tmp_path)})
    folder = arm.trainings[0].artefact.folder
    (folder / "curve.jsonl").write_text('{"step": 1, "tokens": 9, "loss": 2.0, "lr": 0.1, "grad_norm": 1.0}\n')
    for name in ("timing", "validation", "samples"):
        (folder / f"{name}.jsonl").unlink()
    found = {point.name for point in points(arm.trainings[0])}
    assert found == {f"phase1/{name}" for name in ("loss", "lr", "grad_norm", "tokens")} | {
        f"phase1_by_tokens/{name}" for name in ("loss", "lr", "grad_norm")
    }


def test_mlflow_holds_curves_at_the_times_of_the_training(phases: list[TrainedPhase], logged: tuple[Any, str]) -> None:
    client, run = logged
    curve = client.get_metric_history(run, "phase1/loss")
    assert [point.step for point in curve] == list(range(1, 101))
    assert [point.step for point in client.get_metric_history(run, "phase1_by_tokens/loss")] == [1000 * step for step in range(1, 101)]
    started = datetime.fromisoformat(phases[0].artefact.manifest.started).timestamp()
    assert curve[0].timestamp == 1000 * (started + SLOW)
    assert curve[49].timestamp == 1000 * (started + 50 * SLOW)
    assert client.get_run(run).data.metrics["phase2/validation_accuracy"] == 0.5
    tags = client.get_run(run).data.tags
    assert (tags["o1exp.phase1"], tags["o1exp.phase2"]) == ("SFT", "DPO")


def test_mlflow_holds_logs_samples_and_the_mask(logged: tuple[Any, str], tmp_path: Path) -> None:
    client, run = logged
    names = {"curve.jsonl", "timing.jsonl", "validation.jsonl", "samples.jsonl", "samples.md", "preview.html"}
    for phase in ("phase1", "phase2"):
        assert {Path(file.path).name for file in client.list_artifacts(run, phase)} == names
    text = Path(client.download_artifacts(run, "phase1/samples.md", str(tmp_path))).read_text()
    assert text.startswith("# Phase 1: SFT")
    assert text.count("## Row ") == 2
    assert "    What is " in text, "the prompt"
    assert text.index("### Before training") < text.index("### Step 50, 50,000 tokens") < text.index("### In the data")
    assert "3 tokens given" in Path(client.download_artifacts(run, "phase1/preview.html", str(tmp_path))).read_text()


def test_the_trained_model_is_linked_to_its_scores_and_to_the_data(record: RunRecord, logged: tuple[Any, str]) -> None:
    client, run = logged
    (output,) = client.get_run(run).outputs.model_outputs
    model = client.get_logged_model(output.model_id)
    assert (model.source_run_id, str(model.status)) == (run, "READY")
    assert model.name == "Untrained-SFT-DPO"
    assert model.tags["o1exp.path"] == record.gathered()[0].model.path  # type: ignore[union-attr]
    (score,) = [metric for metric in model.metrics if metric.key == "sums/accuracy"]
    data = {one.dataset.name: one.dataset.digest for one in client.get_run(run).inputs.dataset_inputs}
    assert data[score.dataset_name] == score.dataset_digest
    assert score.dataset_name == "sums"


def test_some_answers_can_be_read_with_problem_and_verdict(logged: tuple[Any, str]) -> None:
    client, run = logged
    found = client.search_traces(locations=[client.get_run(run).info.experiment_id])
    assert len(found) == 1 + EACH, "of twelve answers one is right"
    for trace in found:
        (span,) = trace.data.spans
        assert span.inputs["problem"].startswith("What is ")
        assert span.outputs["answer"] == "\\boxed{0}"
        assert span.outputs["verdict"] == trace.info.tags["verdict"] == ("right" if span.inputs["gold answer"] == "0" else "wrong")
        assert trace.info.trace_metadata["mlflow.sourceRun"] == run
