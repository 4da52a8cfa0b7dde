from math import comb
from pathlib import Path

import pytest

from o1exp.flow import SettingsError, Store
from o1exp.records import Problem
from o1exp.sources.arithmetic import Arithmetic, World, side


def problems(root: Path, source: Arithmetic) -> list[Problem]:
    return list(Store(root).get(source))


def operands(problem: Problem) -> tuple[int, ...]:
    return tuple(int(number) for number in problem.question.removeprefix("Compute ").removesuffix(".").split("+"))


def test_problems_are_sums_with_their_answer_as_the_shortcut(tmp_path: Path) -> None:
    made = problems(tmp_path, Arithmetic(count=50))
    assert len(made) == 50
    for problem in made:
        total = sum(operands(problem))
        assert problem.answer == str(total)
        assert problem.solution == f"\\boxed{{{total}}}"
        assert problem.id == "sum-" + "-".join(map(str, operands(problem)))
        assert all(10 <= number <= 99 for number in operands(problem))
    assert [len(operands(problem)) for problem in made[:4]] == [2, 3, 2, 3]


def test_splits_share_no_operands_in_any_order_for_any_seeds(tmp_path: Path) -> None:
    train = {tuple(sorted(operands(p))) for seed in range(3) for p in problems(tmp_path, Arithmetic(count=1500, seed=seed))}
    test = {tuple(sorted(operands(p))) for seed in range(3, 6) for p in problems(tmp_path, Arithmetic(count=400, seed=seed, split="test"))}
    assert not train & test
    assert side((47, 38, 12)) == side((12, 47, 38)) == side((38, 12, 47))


def test_no_split_repeats_a_sum_in_another_order(tmp_path: Path) -> None:
    made = problems(tmp_path, Arithmetic(count=1000, operands=(2,)))
    assert len({tuple(sorted(operands(p))) for p in made}) == len({p.id for p in made}) == 1000
    assert any(operands(p) != tuple(sorted(operands(p))) for p in made)


def test_same_settings_give_the_same_bytes_and_another_seed_other_problems(tmp_path: Path) -> None:
    stores, source = (Store(tmp_path / "a"), Store(tmp_path / "b")), Arithmetic(count=40)
    digests = []
    for store in stores:
        store.get(source)
        manifest = store.manifest(source)
        assert manifest is not None
        digests.append(manifest.digest)
    assert digests[0] == digests[1]
    ids = {p.id for p in stores[0].get(source)}
    assert len(ids & {p.id for p in stores[0].get(Arithmetic(count=40, seed=1))}) < 10


def test_a_small_world_can_be_used_up_but_not_more(tmp_path: Path) -> None:
    world = World(2, 1)
    given = len(world.draw("train", 1000, 0))
    assert given + len(world.draw("test", 1000, 0)) == world.size == comb(10, 2)
    assert len(problems(tmp_path, Arithmetic(count=given, operands=(2,), digits=1))) == given
    with pytest.raises(SettingsError, match=rf"asks for {given + 1} sums .* has {given} of them; lower count"):
        Arithmetic(count=given + 1, operands=(2,), digits=1)


def test_ranks_number_every_multiset_once() -> None:
    world = World(3, 1)
    multisets = [world.multiset(rank) for rank in range(world.size)]
    assert len(set(map(tuple, map(sorted, multisets)))) == world.size
    assert {number for multiset in multisets for number in multiset} == set(range(1, 10))


def test_a_world_beyond_64_bits_is_drawn_too() -> None:
    drawn = World(12, 9).draw("test", 30, 0)
    assert len(set(drawn)) == 30
    assert all(side(sums) == "test" and min(sums) >= 10**8 for sums in drawn)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"count": 0}, "count"), ({"operands": ()}, "operands"), ({"operands": (1, 2)}, "operands"), ({"operands": (2, 2)}, "operands"),
        ({"digits": 0}, "digits"), ({"split": "dev"}, "split"),
    ],
)  # fmt: skip
def test_wrong_settings_are_named(fields: dict[str, object], field: str) -> None:
    with pytest.raises(SettingsError) as wrong:
        Arithmetic(**fields)  # type: ignore[arg-type]
    assert [name for name, _ in wrong.value.mistakes] == [field]
