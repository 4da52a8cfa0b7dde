"""What all stages of a plan come to."""

from o1exp.app.total import total
from o1exp.flow import Expect
from o1exp.flow.plan import PlannedStage
from tests.flow.stages import Numbers


def planned(state: str = "make", **expect: float) -> PlannedStage:
    return PlannedStage(Numbers(), state, Expect(**expect), ())  # type: ignore[arg-type]


def test_only_what_is_made_counts_and_the_worst_is_at_least_what_is_expected() -> None:
    steps = [
        planned(usd=5, most_usd=20, hours=2), planned(hours=3, gpus=8, gpu_usd=48, most_hours=6, most_usd=96), planned(usd=1, hours=1),
        planned("reuse", usd=1000, hours=1000, gpus=8, disk_gb=1000, download_gb=7),
    ]  # fmt: skip
    found = total(steps, 1)
    assert (found.usd, found.gpu_usd, found.hours, found.gpu_hours) == (6, 48, 6, 24)
    assert (found.most_usd, found.most_hours, found.most_gpu_hours) == (20 + 96 + 1, 2 + 6 + 1, 48)
    assert (found.disk, found.download) == (0, 0)


def test_checkpoints_of_trainings_side_by_side_are_there_at_once() -> None:
    steps = [planned(scratch_gb=size, disk_gb=1) for size in (3, 7, 5)]
    assert [total(steps, jobs).scratch for jobs in (1, 2, 3)] == [7, 12, 15]
    assert total(steps, 1).disk == 3
