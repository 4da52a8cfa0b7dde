"""Direct preference optimization: its loss, its gradient and its pairs, by a plain computation over whole documents."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from o1exp.flow import SettingsError, Stage, Store, Work
from o1exp.records import Pair, Table
from o1exp.train.data.encode import CHOSEN, REJECTED
from o1exp.train.data.schedule import Feed, plan, units_of
from o1exp.train.dpo import Dpo
from tests.train.killing import checkpoint, killed_run, with_inputs
from tests.train.parts import SMALL, a_spec, curve_of, document_loss, loaded, manifest_of, sums
from tests.train.test_loss import documents, gradient, model
from tests.train.watched import flat, on, watch


@dataclass(frozen=True, kw_only=True)
class Preferences(Stage[Table[Pair]]):
    """The right sum preferred to one with another answer; every fifth problem's wrong answer is `long`."""

    count: int = 40
    long: bool = False

    def make(self, work: Work) -> None:
        work.write(Pair, self._pairs())

    def _pairs(self) -> Iterator[Pair]:
        for number, row in enumerate(sums(self.count)):
            wrong = row.response.split("Answer")[0] + f"Answer: {number}" + "?" * (300 * (self.long and number % 5 == 0))
            yield Pair(problem=row.problem, prompt=row.prompt, chosen=row.response, rejected=wrong)


DPO = on(
    Dpo(
        start=SMALL.start, pairs=Preferences(), lr=1e-3, lr_scheduler_type="constant", warmup_ratio=0.0, epochs=4, batch_tokens=2048,
        pack_length=512, max_length=512, max_grad_norm=0.0, machine=SMALL.machine, checkpoint_seconds=0.0, beta=0.5,
    ),
    strategy="single",
)  # fmt: skip


def plain_dpo(ours: Any, data: Any, pairs: list[list[int]], reference: list[float], beta: float) -> tuple[Any, int]:
    """-log sigmoid(beta x margin), summed over pairs, every document computed alone; and how many margins are positive."""
    import torch

    total, right = torch.zeros(()), 0
    for chosen, rejected in pairs:
        gains = [-document_loss(ours, data, document) - reference[document] for document in (chosen, rejected)]
        margin = gains[0] - gains[1]
        total, right = total - torch.log(torch.sigmoid(beta * margin)), right + int(margin > 0)
    return total, right


def test_loss_and_gradient_are_those_of_whole_documents() -> None:
    import torch

    from o1exp.train.data.batch import micro_batch
    from o1exp.train.worker.objective import Preference

    ours, data, spec = model(), documents(pairs=True), a_spec(objective="dpo", beta=0.3)
    units = units_of(spec, data, np.arange(8))
    assert units.members.tolist() == [[0, 1], [2, 3], [4, 5], [6, 7]]
    with torch.no_grad():
        ours.set_attn_implementation("sdpa")
        shift = np.random.default_rng(1).normal(0, 3, 8)
        reference = [-float(document_loss(ours, data, document)) + float(shift[document]) for document in range(8)]
    theirs, right = plain_dpo(ours, data, units.members.tolist(), reference, 0.3)
    plain = gradient(ours, theirs)
    objective = Preference(spec, units, rank=0)
    objective.reference = torch.tensor(reference, dtype=torch.float64)
    ours.set_attn_implementation("o1exp_documents")
    scored = objective(ours, micro_batch([5, 4, 0, 1, 6, 7, 3, 2], data))
    found = gradient(ours, scored.loss)
    assert 0 < int(scored.right) == right < 4
    assert float(scored.loss.detach()) == pytest.approx(float(theirs.detach()), rel=1e-5)
    assert float((found - plain).norm() / plain.norm()) < 1e-5
    idle = objective(ours, micro_batch([], data))
    assert (float(idle.loss.detach()), int(idle.right)) == (0.0, 0)


def test_the_reference_has_no_dropout(tmp_path: Path) -> None:
    import torch

    from o1exp.train.worker.objective import Preference

    ours, data = model(attention_dropout=0.5), documents(pairs=True)
    ours.set_attn_implementation("sdpa")
    with torch.no_grad():
        plain = [-float(document_loss(ours.eval(), data, document)) for document in range(8)]
    ours.set_attn_implementation("o1exp_documents")
    spec = a_spec(objective="dpo", scratch=str(tmp_path), pack_length=256, micro_batch_tokens=256)
    ours.train()
    for _ in range(2):  # computed, then read back
        objective = Preference(spec, units_of(spec, data, np.arange(8)), rank=0)
        objective.ready(ours, torch.device("cpu"))
        assert objective.reference is not None
        assert objective.reference.tolist() == pytest.approx(plain, rel=1e-5)
    assert ours.training


@pytest.fixture(scope="module")
def preferred(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """DPO, and the same with held-out pairs and half the micro-batches."""
    held = on(DPO.replace(validation_fraction=0.3, evaluations=2), micro_batch_tokens=2048)
    return watch(trained, tmp_path_factory.mktemp("preferred"), [DPO, held])


def curve(seen: dict[str, Any], name: str = "curve") -> list[dict[str, Any]]:
    return [json.loads(row) for row in (Path(seen["spec"].out) / f"{name}.jsonl").read_text().splitlines()]


def reference_of(trained: Store, data: Any) -> list[float]:
    import torch

    start = loaded(trained.get(DPO.start).source)
    with torch.no_grad():
        return [-float(document_loss(start, data, document)) for document in range(len(data))]


def test_the_whole_training_equals_a_plain_loop(trained: Store, preferred: list[dict[str, Any]]) -> None:
    import torch

    seen, data = preferred[0], trained.get(DPO.prepared).encoded()
    spec, ours, reference = seen["spec"], loaded(trained.get(DPO.start).source), reference_of(trained, data)
    units = units_of(spec, data, np.arange(len(data)))
    optimizer, losses, accuracies = torch.optim.AdamW(ours.parameters(), lr=spec.lr, weight_decay=0.0), [], []
    for number, step in enumerate(plan(spec, units)):
        pairs = [units.members[unit].tolist() for pack in step.packs for unit in pack]
        loss, right = plain_dpo(ours, data, pairs, reference, spec.beta)
        (loss / len(pairs)).backward()
        plain = flat({name: parameter.grad for name, parameter in ours.named_parameters()})
        difference = float((flat(seen["gradients"][number]) - plain).norm() / plain.norm())
        assert difference < (1e-5 if number == 0 else 1e-3), number  # later the weights differ by rounding, and Adam divides by it
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach()) / len(pairs))
        accuracies.append(right / len(pairs))
    found = curve(seen)
    assert len(found) == len(losses) > 5
    assert [row["loss"] for row in found] == pytest.approx(losses, rel=1e-4)
    assert [row["accuracy"] for row in found][1:] == accuracies[1:]  # at first every margin is 0 up to rounding
    assert found[0]["loss"] == pytest.approx(np.log(2), rel=1e-5)


def test_training_raises_the_margin_of_held_out_pairs_too(trained: Store, preferred: list[dict[str, Any]]) -> None:
    first, *_, last = curve(preferred[1], "validation")
    assert first["loss"] == pytest.approx(np.log(2), rel=1e-5)
    assert last["loss"] < first["loss"] - 0.1
    assert last["accuracy"] > 0.6
    data = trained.get(DPO.prepared).encoded()
    reference = reference_of(trained, data)
    held = units_of(preferred[1]["spec"], data, np.flatnonzero(data.problems % 10_000 < 3000)).members.tolist()
    loss, right = plain_dpo(loaded(Path(preferred[1]["spec"].out) / "model"), data, held, reference, DPO.beta)
    assert last["loss"] == pytest.approx(float(loss.detach()) / len(held), rel=1e-5)
    assert last["accuracy"] == pytest.approx(right / len(held))


@pytest.mark.parametrize("ranks", [1, 2, 3])
def test_both_of_a_pair_lie_in_the_same_micro_batch(trained: Store, ranks: int) -> None:
    stage = DPO.replace(pairs=Preferences(long=True))
    trained.make([stage.prepared])
    data = trained.get(stage.prepared).encoded()
    assert 0 < data.dropped == 8  # whole pairs are left out with them
    spec = a_spec(objective="dpo", devices=ranks, micro_batch_tokens=256, batch_tokens=1024, pack_length=256, epochs=2)
    units = units_of(spec, data, np.arange(len(data)))
    assert len(units.members) == 32
    seen = []
    for rank in range(ranks):
        for batch in Feed(spec, units, plan(spec, units), rank):
            chosen, rejected = (sorted(data.rows[d] for d in batch.documents if data.roles[d] == role) for role in (CHOSEN, REJECTED))
            assert chosen == rejected
            assert len(batch.documents) == 2 * len(chosen)
            seen += chosen
    assert sorted(seen) == sorted(2 * [n for n in range(40) if n % 5])


def test_a_pair_is_known_by_its_unit_and_its_roles() -> None:
    """Whatever the order of the documents, and with a unit whose other half was dropped."""
    data = dataclasses.replace(documents(pairs=True), units=np.array([7, 3, 7, 5, 3, 9, 5, 8]), roles=np.array([2, 1, 1, 1, 2, 1, 2, 2]))
    spec = a_spec(objective="dpo")
    assert units_of(spec, data, np.arange(8)).members.tolist() == [[1, 4], [3, 6], [2, 0]]
    assert units_of(spec, data, np.array([0, 1, 3, 4, 5])).members.tolist() == [[1, 4]]


def test_encoded_pairs_say_what_they_are(trained: Store) -> None:
    trained.make([DPO.prepared])
    data, shown = trained.get(DPO.prepared).encoded(), json.loads((trained.folder(DPO.prepared) / "preview.json").read_text())
    assert data.rows.tolist() == data.units.tolist() == [n // 2 for n in range(80)]
    assert data.roles.tolist() == [CHOSEN, REJECTED] * 40
    assert [(one["row"], one["role"]) for one in shown] == [(0, "chosen"), (0, "rejected"), (1, "chosen")]
    assert "<p>row 0, rejected: " in (trained.folder(DPO.prepared) / "preview.html").read_text()


@pytest.mark.slow
def test_a_killed_preference_training_goes_on_to_the_same_bytes(trained: Store, tmp_path: Path) -> None:
    stage = DPO
    calm, disturbed = with_inputs(tmp_path / "calm", trained, stage), with_inputs(tmp_path / "disturbed", trained, stage)
    calm.make([stage])
    killed_run(disturbed.root, stage, checkpoint(1))
    disturbed.make([stage])
    assert manifest_of(disturbed, stage).facts["resumed_at"] >= 1
    assert manifest_of(disturbed, stage).digest == manifest_of(calm, stage).digest
    assert curve_of(disturbed, stage) == curve_of(calm, stage)


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "zero_stages"), [(1, (0,)), (2, (2, 3))])
def test_preferences_under_zero(
    trained: Store, tmp_path: Path, preferred: list[dict[str, Any]], ranks: int, zero_stages: tuple[int, ...]
) -> None:
    stages = [on(DPO, strategy="deepspeed", devices=ranks, zero_stage=stage) for stage in zero_stages]
    for seen in watch(trained, tmp_path, stages):
        theirs, ours = flat(preferred[0]["gradients"][0]), flat(seen["gradients"][0])
        assert float((ours - theirs).norm() / theirs.norm()) < 1e-5
        assert [row["loss"] for row in curve(seen)] == pytest.approx([row["loss"] for row in curve(preferred[0])], rel=1e-4)


def test_settings() -> None:
    with pytest.raises(SettingsError, match="cut would compare answers without their ends"):
        DPO.replace(overlong="cut")
    assert DPO.prepared.max_length == 256
    assert DPO.replace(beta=0.1).key != DPO.key
