"""Several tables of examples as one."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from o1exp.curate.mix import Mix
from o1exp.flow import Expect, SettingsError, Stage, StageFailed, Store, Work
from o1exp.records import Example, Table


@dataclass(frozen=True, kw_only=True)
class Part(Stage[Table[Example]]):
    """`count` examples by `origin`."""

    origin: str
    count: int = 10

    def make(self, work: Work) -> None:
        rows = range(self.count)
        work.write(Example, (Example(problem=str(number), prompt="?", response="!", origin=self.origin) for number in rows))


MIX = Mix(parts={"short": Part(origin="short"), "long": Part(origin="long", count=7)})


def made(root: Path, stage: Mix) -> tuple[list[Example], dict[str, Any]]:
    store = Store(root)
    rows = list(store.get(stage))
    manifest = store.manifest(stage)
    assert manifest is not None
    return rows, manifest.facts


def test_all_of_all_parts_shuffled(tmp_path: Path) -> None:
    rows, facts = made(tmp_path, MIX)
    assert Counter(row.origin for row in rows) == {"short": 10, "long": 7}
    assert len({(row.origin, row.problem) for row in rows}) == 17
    assert {row.origin for row in rows[:7]} == {"short", "long"} == {row.origin for row in rows[-7:]}
    assert facts["taken"] == {"short": 10, "long": 7}


def test_the_seed_alone_shuffles(tmp_path: Path) -> None:
    rows, _ = made(tmp_path, MIX)
    again, _ = made(tmp_path / "again", MIX)
    other, _ = made(tmp_path, MIX.replace(seed=1))
    assert rows == again != other
    assert sorted(map(repr, rows)) == sorted(map(repr, other))


@pytest.mark.parametrize(("share", "count"), [(2.0, 20), (0.5, 5), (0.0, 0), (1.5, 15), (2.3, 23)])
def test_a_share_repeats_or_thins_a_part(tmp_path: Path, share: float, count: int) -> None:
    stage = MIX.replace(shares={"short": share})
    rows, facts = made(tmp_path, stage)
    found = Counter(row.problem for row in rows if row.origin == "short")
    assert found.total() == count == facts["taken"]["short"]
    assert all(int(share) <= found[str(number)] <= int(share) + 1 for number in range(10))
    assert sum(row.origin == "long" for row in rows) == 7
    expected = stage.expect({"parts.short": Expect(rows=10, tokens_per_row=4), "parts.long": Expect(rows=7, tokens_per_row=8)})
    assert expected.rows == pytest.approx(count + 7)
    assert expected.rows is not None
    assert expected.tokens_per_row == pytest.approx((4 * count + 56) / (count + 7))


def test_an_empty_mix_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(StageFailed, match="the mix of short, long is empty; raise a share"):
        made(tmp_path, MIX.replace(shares={"short": 0.0, "long": 0.0}))


def test_settings() -> None:
    with pytest.raises(SettingsError, match="middle is none of the parts short, long"):
        MIX.replace(shares={"middle": 1.0})
    with pytest.raises(SettingsError, match="must not be negative"):
        MIX.replace(shares={"short": -1.0})
    with pytest.raises(SettingsError, match="nothing to mix"):
        Mix(parts={})
