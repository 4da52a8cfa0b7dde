"""A training that is told to end keeps what it has, and goes on: to the same bytes, or on another number of ranks to the same losses."""

from pathlib import Path

import pytest

from o1exp.flow import Store
from o1exp.train.sft import Sft
from tests.train.killing import stopped_run, with_inputs
from tests.train.parts import curve_of, manifest_of, on_ranks

EPOCHS = 11.0


def alone(ranks: int, zero_stage: int) -> Sft:
    """Without checkpoints but that of its end."""
    return on_ranks(ranks, zero_stage, EPOCHS).replace(checkpoint_seconds=1e6)


@pytest.fixture(scope="module")
def undisturbed(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = with_inputs(tmp_path_factory.mktemp("undisturbed"), trained, alone(1, 1))
    store.make([alone(1, 1)])
    return store


@pytest.mark.slow
def test_a_stopped_training_keeps_its_last_step_and_ends_with_the_same_bytes(trained: Store, undisturbed: Store, tmp_path: Path) -> None:
    stage = alone(1, 1)
    store = with_inputs(tmp_path, trained, stage)
    kept = stopped_run(tmp_path, stage, 3)
    assert kept >= 3
    store.make([stage])
    made = manifest_of(store, stage)
    assert made.facts["resumed_at"] == kept
    assert made.digest == manifest_of(undisturbed, stage).digest


@pytest.mark.slow
@pytest.mark.parametrize(("zero_stage", "before", "after"), [(1, 2, 1), (3, 1, 2)])
def test_on_other_ranks_it_goes_on_with_the_same_batches(
    trained: Store, undisturbed: Store, tmp_path: Path, zero_stage: int, before: int, after: int
) -> None:
    store = with_inputs(tmp_path, trained, alone(before, zero_stage))
    kept = stopped_run(tmp_path, alone(before, zero_stage), 3)
    later = alone(after, zero_stage)
    store.make([later])
    assert manifest_of(store, later).facts["resumed_at"] == kept >= 3
    expected, found = curve_of(undisturbed, later), curve_of(store, later)
    assert len(found) == len(expected) > kept + 5
    assert [row["tokens"] for row in found] == [row["tokens"] for row in expected]
    assert [row["loss"] for row in found] == pytest.approx([row["loss"] for row in expected], rel=2e-5)
    assert [row["grad_norm"] for row in found] == pytest.approx([row["grad_norm"] for row in expected], rel=1e-3)
    assert not list((tmp_path / "scratch").glob("*/steps/cut-anew-*"))
