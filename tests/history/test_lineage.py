"""What an artefact was made of, from the manifests of a run that is over."""

import shutil
from pathlib import Path

import pytest

from o1exp.bench.grade import ATTEMPTS, PROBLEMS, Grade
from o1exp.bench.result import SCORES, Result
from o1exp.config.groups import GROUPS, classes
from o1exp.flow import Stage
from o1exp.flow.check import typed_fields
from o1exp.history.arms import Arm, gather, subject
from o1exp.history.lineage import Lineage
from o1exp.report.compare import rows
from o1exp.report.ledger import bills, costs, funnels
from o1exp.train.facts import BASES, START
from o1exp.train.sft import Sft
from tests.artefacts import trained_arm
from tests.finished import Finished


@pytest.fixture(scope="module")
def arms(finished: Finished) -> list[Arm]:
    return finished.record.gathered()


def test_phases_come_in_order_with_their_data(arms: list[Arm]) -> None:
    arm = arms[0]
    assert [training.label for training in arm.trainings] == ["Phase 1: SFT", "Phase 2: SFT"]
    first, second = arm.trainings
    assert [table.stage for table in second.tables] == ["Arithmetic", "Rules", "Distil", "Rejection"]
    assert [one.stage for one in second.data] == ["Arithmetic", "Rules", "Distil", "Rejection", "Prepare"]
    assert second.prepared is not None
    assert (second.prepared.stage, second.window) == ("Prepare", 1024)
    assert arm.training_tokens == first.facts.tokens + second.facts.tokens == first.logs.curve[-1].tokens + second.logs.curve[-1].tokens
    assert arm.training_examples == first.facts.rows + second.facts.rows
    assert [model.stage for model in arm.models] == ["Untrained", "Sft", "Sft"]
    assert second.encoded is not None
    assert second.encoded.max_length == second.prepared.manifest.settings["max_length"]
    assert not second.facts.pairs


def test_preferences_are_a_phase_like_any_other(tmp_path: Path) -> None:
    (arm,) = gather(tmp_path, {"run": trained_arm(tmp_path)})
    assert [(one.label, one.facts.pairs) for one in arm.trainings] == [("Phase 1: SFT", False), ("Phase 2: DPO", True)]
    assert [table.stage for table in arm.trainings[1].tables] == ["Local", "Distil", "Pairs"]


def test_an_arm_knows_its_samples_its_problems_and_its_model(arms: list[Arm]) -> None:
    arm = arms[0]
    assert {name: found.stage for name, found in arm.sampled.items()} == {"arithmetic": "Sample"}
    assert {name: found.stage for name, found in arm.posed.items()} == {"arithmetic": "Arithmetic"}
    assert arm.model is not None
    assert arm.model == arm.models[-1] == arm.making[-1]
    assert {name: len(found) for name, found in arm.attempts("arithmetic").items()} == dict.fromkeys(arm.scores("arithmetic"), 4)
    assert set(arm.problems("arithmetic")) == set(arm.scores("arithmetic"))
    assert subject(arms, arm.name) is arms[1]


def test_edges_that_a_finished_stage_is_read_by_are_edges() -> None:
    assert {ATTEMPTS, PROBLEMS} <= {field.name for field, _ in typed_fields(Grade)}
    assert {SCORES} <= {field.name for field, _ in typed_fields(Result)}


def test_funnels_and_costs_count_shared_stages_once(arms: list[Arm]) -> None:
    first, *others = funnels(arms)
    assert first.arms == ("long thoughts", "shortcut")
    assert [step.rows for step in first.steps] == [12, 12, 12, 12]
    assert [step.stage for step in others[0].steps] == ["Arithmetic", "Rules", "Distil", "Rejection", "Sft"]
    assert "right" in others[0].steps[3].remark
    everything = costs(arms)
    assert len({cost.artefact.path for cost in everything}) == len(everything)
    shared = [cost for cost in everything if len(cost.arms) == 2]
    assert [cost.artefact.stage for cost in shared].count("Sft") == 1
    long, shortcut = bills(arms)
    assert long.money.answers.answered == sum(cost.money.answers.answered for cost in everything) >= 12
    assert shortcut.money.answers.answered == 0, "nobody was asked for short answers"


def test_deleted_inputs_are_left_out(finished: Finished, tmp_path: Path) -> None:
    """A result outlives what it was made of: its numbers stay, its curves and samples are gone."""
    shutil.copytree(finished.root / "artefacts", tmp_path / "artefacts")
    for stage in ("Sft", "Arithmetic", "Sample"):
        shutil.rmtree(tmp_path / "artefacts" / stage)
    arms = gather(tmp_path, finished.record.arms)
    assert arms[0].trainings == []
    assert arms[0].attempts("arithmetic") == {}
    assert len(rows(arms, "shortcut")) == 2


def test_a_missing_result_is_named(finished: Finished) -> None:
    with pytest.raises(ValueError, match=r"Result/feed is not among the artefacts of .*run its experiment again"):
        gather(finished.root, {"x": "Result/feed"})


def test_a_half_made_folder_is_no_artefact(finished: Finished, tmp_path: Path) -> None:
    target = tmp_path / "artefacts" / "Result" / "abc"
    shutil.copytree(Lineage(finished.root).get(finished.record.arms["shortcut"]).folder, target)
    (target / "manifest.json").unlink()
    with pytest.raises(ValueError, match="Result/abc"):
        gather(tmp_path, {"x": "Result/abc"})


@pytest.mark.parametrize("gone", ["Sft Dpo", "Sft", "Sample", "Grade", "Untrained"])
def test_what_was_trained_is_unknown_once_a_phase_may_be_gone(tmp_path: Path, gone: str) -> None:
    """Never zero: a deleted training took tokens too, and the phase that is left is not the first."""
    result = trained_arm(tmp_path)
    whole = gather(tmp_path, {"run": result})[0]
    assert (whole.training_tokens, whole.gone, whole.lost) == (120_000, [], [])
    for stage in gone.split():
        shutil.rmtree(tmp_path / "artefacts" / stage)
    (arm,) = gather(tmp_path, {"run": result})
    numbers = (arm.training_tokens, arm.training_examples, arm.training_cpu_seconds)
    assert arm.gone
    if gone == "Untrained":  # a base, and nothing was trained in it
        assert numbers == (120_000, 180, 2.0)
    else:
        assert numbers == (None, None, None)
        assert arm.trainings == []


def test_a_base_is_known_by_its_name_when_it_is_gone() -> None:
    targets = classes({"model": GROUPS["model"]})["model"]
    assert {found.__name__ for found in targets if issubclass(found, Stage) and found.role == "base"} == set(BASES)
    assert START in {field.name for field, _ in typed_fields(Sft)}
