"""The loss on held-out problems, what is kept because of it, and the answers written at every evaluation."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from o1exp.flow import Store
from o1exp.train.data.encode import Encoded
from o1exp.train.data.schedule import held_out
from tests.train.parts import SMALL, Other, document_loss, loaded
from tests.train.watched import on, watch

CHECKED = SMALL.replace(lr=1e-2, epochs=3, validation_fraction=0.3, evaluations=3, samples=2, sample_tokens=12)
OVERFIT = CHECKED.replace(
    lr=1e-2,
    epochs=60,
    batch_tokens=512,
    evaluations=12,
    samples=0,
    validation_fraction=0.8,
    keep="best",
    lr_scheduler_type="constant",
    keep_checkpoints=1,
)
"""A dozen examples sixty times."""


def rows(spec: Any, name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(spec.out) / f"{name}.jsonl").read_text().splitlines()]


def plain_loss(model: Any, data: Encoded, share: float) -> float:
    """Summed loss of the held-out documents by their tokens, each document computed alone."""
    import torch

    held = held_out(data, share)[1]
    with torch.no_grad():
        return float(sum(document_loss(model, data, document).double() for document in held)) / int(data.labels[held].sum())


@pytest.fixture(scope="module")
def looked(trained: Store, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """CHECKED with two sizes of micro-batches, and OVERFIT, each on one device."""
    single = {"strategy": "single"}
    stages = [on(CHECKED, **single), on(CHECKED, **single, micro_batch_tokens=512), on(OVERFIT, **single)]
    return [seen["spec"] for seen in watch(trained, tmp_path_factory.mktemp("looked"), stages)]


@pytest.fixture(scope="module")
def data(trained: Store) -> Encoded:
    return trained.get(CHECKED.prepared).encoded()


def test_validation_loss_is_all_losses_by_all_tokens(trained: Store, looked: list[Any], data: Encoded) -> None:
    wide, narrow, _ = (rows(spec, "validation") for spec in looked)
    assert [row["step"] for row in wide] == [0, 2, 3, 5]
    assert wide[0]["loss"] == pytest.approx(plain_loss(loaded(trained.get(SMALL.start).source), data, 0.3), rel=1e-6)
    assert narrow[0]["loss"] == pytest.approx(wide[0]["loss"], rel=1e-6)
    assert wide[0]["accuracy"] == narrow[0]["accuracy"]
    for spec, found in zip(looked, (wide, narrow), strict=False):
        assert found[-1]["loss"] == pytest.approx(plain_loss(loaded(Path(spec.out) / "model"), data, 0.3), rel=1e-6)
        assert found[-1]["loss"] < found[0]["loss"] - 0.3
    # The mean of the documents' means would be another number, so the test can tell.
    held = held_out(data, 0.3)[1]
    assert len(set(data.labels[held].tolist())) > 2


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "zero_stages"), [(1, (1,)), (2, (2, 3))])
def test_validation_loss_is_the_same_on_ranks(
    trained: Store, looked: list[Any], tmp_path: Path, ranks: int, zero_stages: tuple[int, ...]
) -> None:
    for seen in watch(trained, tmp_path, [on(CHECKED, devices=ranks, zero_stage=stage) for stage in zero_stages]):
        alone, together = rows(looked[0], "validation"), rows(seen["spec"], "validation")
        assert [row["step"] for row in together] == [row["step"] for row in alone]
        assert together[0]["loss"] == pytest.approx(alone[0]["loss"], rel=1e-6)
        assert [row["loss"] for row in together] == pytest.approx([row["loss"] for row in alone], rel=1e-4)
        assert rows(seen["spec"], "samples")[0] == rows(looked[0], "samples")[0]


def test_held_out_problems_are_the_same_in_every_arm_and_never_trained_on(trained: Store, looked: list[Any], data: Encoded) -> None:
    arm = CHECKED.replace(data=Other())
    trained.make([arm.prepared])
    problems = []
    for stage in (CHECKED, arm):
        examples, encoded = list(trained.get(stage.data)), trained.get(stage.prepared).encoded()
        learned, held = ({examples[encoded.rows[d]].problem for d in documents} for documents in held_out(encoded, 0.3))
        assert not learned & held
        problems.append((learned, held))
    assert problems[0][1] & problems[1][0] == set() == problems[1][1] & problems[0][0]
    assert problems[0][1] & problems[1][1]
    assert 0.1 < len(problems[0][1]) / 60 < 0.5
    facts = json.loads((Path(looked[0].scratch) / "result.json").read_text())
    assert facts["rows"] == len(problems[0][0]) < 60
    assert facts["held_out"] == facts["held_out_problems"] == len(problems[0][1])
    assert len(facts["held_out_digest"]) == 16
    assert held_out(data, 0.0)[0].tolist() == list(range(60))
    assert np.isin(held_out(data, 0.1)[1], held_out(data, 0.3)[1]).all()


def test_the_best_weights_are_exported_where_asked_for(looked: list[Any], data: Encoded) -> None:
    best_is_exported(looked[2], data)
    last = json.loads((Path(looked[0].scratch) / "result.json").read_text())
    assert last["exported_step"] == last["steps"]


def best_is_exported(spec: Any, data: Encoded) -> None:
    checked, facts = rows(spec, "validation"), json.loads((Path(spec.scratch) / "result.json").read_text())
    lowest = min(checked, key=lambda row: row["loss"])
    assert 0 < lowest["step"] < checked[-1]["step"]
    assert checked[-1]["loss"] > lowest["loss"] + 0.01
    assert plain_loss(loaded(Path(spec.out) / "model"), data, 0.8) == pytest.approx(lowest["loss"], rel=1e-6)
    assert (facts["exported_step"], facts["validation_loss"]) == (lowest["step"], lowest["loss"])
    assert len(list((Path(spec.scratch) / "steps").iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("ranks", "zero_stages"), [(1, (0, 1)), (2, (2, 3))])
def test_the_best_weights_under_zero(trained: Store, tmp_path: Path, data: Encoded, ranks: int, zero_stages: tuple[int, ...]) -> None:
    for seen in watch(trained, tmp_path, [on(OVERFIT, devices=ranks, zero_stage=stage) for stage in zero_stages]):
        best_is_exported(seen["spec"], data)


def test_samples_are_greedy_answers_at_every_evaluation(trained: Store, looked: list[Any], data: Encoded) -> None:
    import torch
    from transformers import AutoTokenizer

    samples = rows(looked[0], "samples")
    assert [row["step"] for row in samples] == [row["step"] for row in rows(looked[0], "validation")]
    tokenizer = AutoTokenizer.from_pretrained(Path(looked[0].out) / "model")
    held = held_out(data, 0.3)[1][:2]
    for row, folder in ((samples[0], trained.get(SMALL.start).source), (samples[-1], Path(looked[0].out) / "model")):
        assert [sample["row"] for sample in row["samples"]] == data.rows[held].tolist()
        for sample, document in zip(row["samples"], held, strict=True):
            ids = torch.from_numpy(data.document(document)[: data.prompts[document]].astype("int64"))[None]
            model = loaded(folder)
            answer: list[int] = []
            while len(answer) < 12 and (not answer or answer[-1] != tokenizer.eos_token_id):
                with torch.no_grad():
                    answer.append(int(model(torch.cat([ids, torch.tensor([answer], dtype=torch.int64)], 1)).logits[0, -1].argmax()))
            assert sample["text"] == tokenizer.decode(answer, skip_special_tokens=True)
