"""Processes of a training: a failing rank ends all of them and is heard."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import pytest

from o1exp.flow import Machine, StageFailed, Store
from o1exp.train import Sft
from tests.train.killing import workers
from tests.train.parts import SMALL


@dataclass(frozen=True, kw_only=True)
class Failing(Sft):
    """Its second rank fails."""

    runs: ClassVar[tuple[str, ...]] = ("tests.train.failing",)


def test_a_failing_rank_ends_all_and_shows_its_own_traceback(tmp_path: Path) -> None:
    fields = {field.name: getattr(SMALL, field.name) for field in dataclasses.fields(SMALL)}
    stage = Failing(**fields | {"machine": Machine(devices=2, micro_batch_tokens=1024)})
    with pytest.raises(StageFailed) as failed:
        Store(tmp_path).make([stage])
    said = str(failed.value)
    assert "ArithmeticError: rank 1 cannot count any more" in said
    assert "in fail" in said
    assert "torch.distributed" not in said  # not the launcher's account of it
    assert not any(workers(tmp_path / "scratch" / f"Failing-{stage.key}"))
