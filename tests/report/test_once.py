"""What is resampled is resampled once in the life of a run."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from o1exp.app.sweep import show
from o1exp.flow import Store
from o1exp.history.arms import Arm
from o1exp.history.runs import RunRecord
from o1exp.report.__main__ import main
from o1exp.report.compare import ResultRow, rows
from o1exp.report.page import Report
from o1exp.report.table import reported, summary
from o1exp.track.logged import arm_entry, entry
from tests.planted import planted_arm, planted_run

GOAL = Report(
    arms={name: planted_arm(skill, samples=4) for name, skill in (("long", 0.9), ("other", 0.6), ("base", 0.5))},
    baseline="base", title="Three arms on sixty questions",
)  # fmt: skip
NEEDED = 2 * 3
"""Two comparisons, each with its interval, its permutation test and the interval at equal tokens."""


@dataclass(frozen=True)
class Resampled:
    """A finished run, and how often it was resampled until the report stood."""

    record: RunRecord
    resamplings: int

    @property
    def report(self) -> Path:
        return Store(self.record.root).folder(GOAL)

    @property
    def arms(self) -> list[Arm]:
        return self.record.gathered()


@contextmanager
def counted() -> Iterator[list[str]]:
    """The modules that resample in here: each draws from a generator of its own."""
    found: list[str] = []
    plain = np.random.default_rng

    def counting(*seed: Any) -> np.random.Generator:
        caller = str(sys._getframe(1).f_globals["__name__"])
        found.extend([caller] if caller.startswith("o1exp.") else [])
        return plain(*seed)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(np.random, "default_rng", counting)
        yield found


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Resampled:
    with counted() as resampled:
        made = planted_run(tmp_path_factory.mktemp("outputs"), GOAL)
    return Resampled(made.record, len(resampled))


def test_report_terminal_and_mlflow_share_one_resampling(run: Resampled) -> None:
    assert run.resamplings == NEEDED
    record = run.record
    with counted() as resampled:
        arms = record.gathered()
        table = reported(arms, run.report)
        summary(table)
        metrics = {metric.key: metric.value for metric in entry(record, arms).metrics}
        for one in arms:
            arm_entry(record, one)
    assert resampled == [], "what the report compared is read back"
    assert [row.against and row.against.paired for row in table] == [True, True, None]
    assert metrics["long/held-out sums/difference"] == table[0].against.difference  # type: ignore[union-attr]


def test_a_comparison_of_runs_and_a_sweep_resample_once_for_table_and_page(run: Resampled, capsys: pytest.CaptureFixture[str]) -> None:
    with counted() as resampled:
        assert main(["compare", str(run.record.folder), "--out", str(run.record.folder / "page.html")]) == 0
    assert len(resampled) == NEEDED
    with counted() as resampled:
        show(run.record, "3 of 3 cells done")
    assert len(resampled) == NEEDED
    assert capsys.readouterr().out.count("long is above base") == 2


def test_what_is_read_back_is_what_was_compared(run: Resampled) -> None:
    kept, fresh = reported(run.arms, run.report), rows(run.arms, "base")
    assert [(row.arm.name, row.benchmark, row.score, row.verdict, row.at_equal_tokens) for row in kept] == [
        (row.arm.name, row.benchmark, row.score, row.verdict, row.at_equal_tokens) for row in fresh
    ]
    for one, other in zip(kept, fresh, strict=True):
        assert numbers(one) == pytest.approx(numbers(other), abs=1e-6)
    assert [row.equal is not None for row in kept] == [True, True, False]


def numbers(row: ResultRow) -> dict[str, float]:
    found = [asdict(one) for one in (row.against, row.equal) if one is not None]
    return {f"{place} {name}": float(value) for place, one in enumerate(found) for name, value in one.items() if not isinstance(value, str)}
