"""Ids of tens of millions of rows, and what they would be with a dictionary."""

import random

from o1exp.records.seen import Seen
from o1exp.sources.seen import Ids


def plain(name: str, seen: dict[str, int]) -> str:
    found, times = name, seen.get(name, 0)
    while found in seen:
        times += 1
        found = f"{name}~{times}"
    seen[name] = max(times, 1)
    seen.setdefault(found, 1)
    return found


def test_ids_are_those_of_a_dictionary() -> None:
    for luck in range(300):
        dice, seen, ids = random.Random(luck), dict[str, int](), Ids()
        names = [dice.choice(["a", "b", "a~2", "a~3", "b~2", "a~2~2", ""]) for _ in range(12)]
        assert [ids.unused(name) for name in names] == [plain(name, seen) for name in names]


def test_two_sources_with_the_same_ids_leave_nothing_behind_but_their_hashes() -> None:
    ids = Ids()
    assert [ids.unused(name) for name in "abab"] == ["a", "b", "a~2", "b~2"]
    assert not ids._uses
    assert [ids.unused("a") for _ in range(3)] == ["a~3", "a~4", "a~5"]


def test_it_grows() -> None:
    seen = Seen()
    for number in range(10_000):
        seen.add(f"row {number}")
        seen.add(f"row {number}")
    assert len(seen) == 10_000
    assert all(f"row {number}" in seen for number in range(10_000))
    assert "row 10000" not in seen
