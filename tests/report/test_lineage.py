"""What an artefact was made of, from manifests alone."""

import shutil
from pathlib import Path

import pytest

from o1exp.flow import Store
from o1exp.history.arms import gather
from o1exp.report.compare import rows
from o1exp.report.ledger import bills, costs, funnels
from tests.report.conftest import Made


def arms_of(made: Made, root: Path | None = None) -> dict[str, str]:
    return {name: f"Result/{stage.key}" for name, stage in made.goal.arms.items()}


def test_phases_come_in_order_with_their_data(made: Made) -> None:
    arm = gather(made.root, arms_of(made))[0]
    assert [training.phase for training in arm.trainings] == [1, 2]
    assert [table.stage for table in arm.trainings[1].tables] == ["Arithmetic", "Rules", "Distil", "Rejection"]
    assert (arm.training_tokens, arm.training_examples) == (160_000, 90 + 87)
    assert arm.trainings[1].curve[0]["tokens"] == 1000


def test_funnels_and_costs_count_shared_stages_once(made: Made) -> None:
    arms = gather(made.root, arms_of(made))
    first, *others = funnels(arms)
    assert first.arms == ("long", "shortcut")
    assert [step.rows for step in first.steps] == [100, 90, 90, 90]
    assert first.steps[1].remark == "10 dropped (proof)"
    assert others[0].steps[3].remark == "87 right, 2 wrong, 1 no answer"
    everything = costs(arms)
    assert len({cost.artefact.path for cost in everything}) == len(everything)
    shared = [cost for cost in everything if cost.arms == ("long", "shortcut")]
    assert [cost.artefact.stage for cost in shared].count("Sft") == 1
    alone = bills(arms)
    assert alone[0].money.answers.answered == 180
    assert alone[1].money.answers.answered == 90, "its phase 2 asks what phase 1 asked"
    assert sum(cost.fact("requests") for cost in everything) == 180


def test_deleted_inputs_are_left_out(made: Made, tmp_path: Path) -> None:
    """A result outlives what it was made of: its numbers stay, its curves and samples are gone."""
    shutil.copytree(made.root / "artefacts", tmp_path / "artefacts")
    for stage in ("Sft", "Arithmetic", "Sample"):
        shutil.rmtree(tmp_path / "artefacts" / stage)
    arms = gather(tmp_path, arms_of(made))
    assert arms[0].trainings == []
    assert arms[0].attempts("held-out sums") == {}
    assert len(rows(arms, "shortcut")) == 2


def test_a_missing_result_is_named(made: Made) -> None:
    with pytest.raises(ValueError, match=r"Result/feed is not among the artefacts of .*run its experiment again"):
        gather(made.root, {"x": "Result/feed"})


def test_a_half_made_folder_is_no_artefact(made: Made, tmp_path: Path) -> None:
    target = tmp_path / "artefacts" / "Result" / "abc"
    shutil.copytree(Store(made.root).folder(made.goal.arms["long"]), target)
    (target / "manifest.json").unlink()
    with pytest.raises(ValueError, match="Result/abc"):
        gather(tmp_path, {"x": "Result/abc"})
