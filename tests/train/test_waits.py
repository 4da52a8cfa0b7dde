"""The host works ahead of a GPU: it waits once a step, however many micro-batches the step has. Counted on a CPU by what would wait."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.train.parts import a_spec, encoded, every_unit, the_plan


def seen_in(tmp_path: Path, objective: str, precision: str, waits: Any) -> tuple[list[list[str]], list[list[str]]]:
    """What waited in each micro-batch, and behind each step, of a training on one device without DeepSpeed."""
    import torch

    from o1exp.train.data.schedule import Feed
    from o1exp.train.worker.backend import Single, SingleBf16
    from o1exp.train.worker.evaluate import Evaluation
    from o1exp.train.worker.module import Student
    from o1exp.train.worker.objective import objective_of
    from o1exp.train.worker.optimizer import adamw
    from o1exp.train.worker.recompute import checkpoint_activations
    from o1exp.train.worker.record import Recorder
    from o1exp.train.worker.resume import Checkpoints
    from o1exp.train.worker.strategy import make_trainer
    from tests.train.test_loss import model

    spec = a_spec(
        objective=objective, scratch=str(tmp_path), strategy="single", precision=precision, max_steps=3, batch_tokens=256, pack_length=64,
        lr=1e-3, checkpoint_seconds=1e9,
    )  # fmt: skip
    data = encoded(np.arange(1200) % 50, np.arange(0, 1201, 20), np.full(60, 7), pairs=objective == "dpo")
    feed = Feed(spec, every_unit(spec, data), the_plan(spec, data), 0)
    student: Any = Student(spec, data, feed.todo, objective_of(spec, data, 0))
    student.model = model().to(torch.bfloat16 if precision == "bf16" else torch.float32)
    checkpoint_activations(student.model)
    optimizer = adamw(student.model, spec)
    student.backend = (SingleBf16 if precision == "bf16" else Single)(optimizer, student, spec.max_grad_norm)
    student.objective.ready(student.model, torch.device("cpu"))
    recorder: Any = Recorder(Checkpoints(spec), feed, Evaluation(spec, [], 0, [], None))
    recorder.saved = recorder.started = 1e12
    student.trainer = trainer = make_trainer(spec, recorder)
    trainer.strategy.connect(student)
    within: list[list[str]] = []
    behind: list[list[str]] = []
    for batch in feed:
        with waits() as seen:
            student.training_step(batch, 0)
        within.append(seen.seen)
        with waits() as seen:
            recorder.on_train_batch_end(trainer, student, None, batch, 0)
        behind.append(seen.seen)
    assert recorder.done == 3
    return within, behind


@pytest.mark.parametrize(("objective", "precision"), [("sft", "fp32"), ("sft", "bf16"), ("dpo", "bf16")])
def test_the_host_waits_once_a_step(tmp_path: Path, objective: str, precision: str) -> None:
    from tests.train.waits import Waits

    within, behind = seen_in(tmp_path, objective, precision, Waits)
    assert len(within) > 2 * 3, "several micro-batches a step"
    assert not any(within), within
    assert [waits for waits in behind if waits] == [["tolist"]] * 3


def test_what_waits_is_seen() -> None:
    import torch

    from tests.train.waits import Waits

    rows, mask = torch.arange(4.0), torch.tensor([True, False, True, False])
    calls: list[Any] = [
        lambda: float(rows.sum()), lambda: rows.tolist(), lambda: rows[[0, 1]], lambda: rows[mask], lambda: rows.numpy(),
        lambda: rows.cpu(), lambda: torch.tensor([1.0], device=rows.device), lambda: bool(rows.sum() > 1),
        lambda: torch.equal(rows, rows), lambda: rows.nonzero(), lambda: rows.__setitem__([0], 1.0),
    ]  # fmt: skip
    for number, call in enumerate(calls):
        with Waits() as waits:
            call()
        assert waits.seen, number
    with Waits() as waits:
        rows[torch.tensor([1])].mul_(2).sum()
        rows.new_full((1,), 3.0).clamp(max=2.0)
    assert not waits.seen
