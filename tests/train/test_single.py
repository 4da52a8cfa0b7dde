"""machine.strategy=single: the same training without DeepSpeed."""

from pathlib import Path
from typing import Any

import pytest

from o1exp.flow import Machine, SettingsError, StageFailed, Store
from o1exp.train.logs import CURVE
from tests.train.killing import checkpoint, half_written_checkpoint, killed_run, with_inputs
from tests.train.parts import SMALL, curve_of, loaded, manifest_of
from tests.train.watched import logits, on, watch

SINGLE = on(SMALL, strategy="single")


@pytest.fixture(scope="module")
def single(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = with_inputs(tmp_path_factory.mktemp("single"), trained)
    store.make([SINGLE])
    return store


def test_it_trains_as_deepspeed_does(trained: Store, single: Store) -> None:
    assert SINGLE.key == SMALL.key
    ours, theirs = curve_of(single, SINGLE), curve_of(trained, SMALL)
    for name in ("loss", "grad_norm"):
        assert [row[name] for row in ours] == pytest.approx([row[name] for row in theirs], rel=2e-5)
    for name in ("step", "tokens", "lr"):
        assert [row[name] for row in ours] == [row[name] for row in theirs]
    difference = (logits(loaded(single.get(SINGLE).source)) - logits(loaded(trained.get(SMALL).source))).abs().max()
    assert float(difference) < 1e-4


@pytest.mark.parametrize("moment", [checkpoint(1), pytest.param(half_written_checkpoint, marks=pytest.mark.slow)])
def test_killed_it_goes_on_to_the_same_bytes(single: Store, tmp_path: Path, moment: object) -> None:
    with_inputs(tmp_path, single)
    killed_run(tmp_path, SINGLE, moment)  # type: ignore[arg-type]
    again = Store(tmp_path)
    again.make([SINGLE])
    assert manifest_of(again, SINGLE).digest == manifest_of(single, SINGLE).digest
    assert curve_of(again, SINGLE) == curve_of(single, SINGLE)
    assert 0 < manifest_of(again, SINGLE).facts["resumed_at"] < manifest_of(again, SINGLE).facts["steps"]


ALL_AT_ONCE = on(
    SMALL.replace(
        tuning="lora",
        lora_r=4,
        lora_dropout=0.2,
        lr=2e-2,
        epochs=6,
        validation_fraction=0.3,
        evaluations=5,
        samples=1,
        sample_tokens=6,
        keep="best",
    ),
    strategy="single",
)  # fmt: skip
"""What a checkpoint must know beside the weights: dropout, validation losses and samples so far, the best weights."""


@pytest.mark.slow
def test_killed_with_dropout_validation_and_the_best_weights(trained: Store, tmp_path: Path) -> None:
    calm, disturbed = (with_inputs(tmp_path / name, trained, ALL_AT_ONCE) for name in ("calm", "disturbed"))
    calm.make([ALL_AT_ONCE])
    killed_run(disturbed.root, ALL_AT_ONCE, checkpoint(1))
    disturbed.make([ALL_AT_ONCE])
    assert manifest_of(disturbed, ALL_AT_ONCE).facts["resumed_at"] >= 1
    assert manifest_of(disturbed, ALL_AT_ONCE).digest == manifest_of(calm, ALL_AT_ONCE).digest
    assert {"validation.jsonl", "samples.jsonl"} <= {path.name for path in disturbed.folder(ALL_AT_ONCE).iterdir()}
    quiet = ALL_AT_ONCE.replace(lora_dropout=0.0)
    disturbed.make([quiet])
    without, dropped = ([row["loss"] for row in curve_of(*run)] for run in ((disturbed, quiet), (calm, ALL_AT_ONCE)))
    assert without[0] == pytest.approx(dropped[0], rel=1e-6)  # B is zero
    assert without != pytest.approx(dropped, rel=1e-4)


@pytest.mark.slow
def test_zero_settings_say_nothing_to_a_single_device(trained: Store, tmp_path: Path) -> None:
    """machine.zero_stage=3 may stand in a machine's file beside strategy=single; evaluation must not wait for other ranks."""
    stage = on(SMALL.replace(epochs=1, validation_fraction=0.3, samples=1, sample_tokens=4), strategy="single", zero_stage=3)
    store = with_inputs(tmp_path, trained, stage)
    store.make([stage])
    assert manifest_of(store, stage).facts["steps"] == 2


def test_it_takes_one_device() -> None:
    with pytest.raises(SettingsError, match="single takes one device, not 2"):
        Machine(strategy="single", devices=2)


CLIMBING = on(
    SMALL.replace(
        lr=3.0,
        lr_scheduler_type="constant",
        warmup_ratio=0.5,
        epochs=8,
        batch_tokens=512,
        pack_length=256,
        max_length=256,
        max_grad_norm=0.0,
    ),
    strategy="single",
)
"""A learning rate that climbs until the loss does: 57 steps."""


def test_a_rising_loss_stops_the_run_with_step_and_rows(trained: Store, tmp_path: Path) -> None:
    store = with_inputs(tmp_path, trained, CLIMBING.replace(max_rise=0.5))
    says = r"step \d+: the mean loss of 20 steps is \d+\.\d+ above its lowest \(max_rise=0\.5\): .*worst step \d+ with the rows \[\d+"
    with pytest.raises(StageFailed, match=says):
        store.make([CLIMBING.replace(max_rise=0.5)])


SHORT = SMALL.replace(precision="bf16", epochs=1.5, warmup_ratio=0.0, lr_scheduler_type="constant")
"""Three steps in bf16: the second and third losses show the first updates, where a step counted twice would show."""


@pytest.mark.slow
def test_bf16_weights_move_as_under_zero_without_it_and_alone(trained: Store, tmp_path: Path) -> None:
    machines: list[dict[str, Any]] = [{"zero_stage": 1}, {"zero_stage": 0}, {"strategy": "single"}]
    seen = watch(with_inputs(tmp_path / "store", trained), tmp_path / "watched", [on(SHORT, **machine) for machine in machines])
    split, whole, alone = ([row.loss for row in CURVE.read(Path(one["spec"].scratch))] for one in seen)
    assert len(split) == 3
    assert split[2] < split[0] - 0.1
    assert whole == pytest.approx(split, rel=1e-5)
    assert alone == pytest.approx(split, rel=1e-5)
