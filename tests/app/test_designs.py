"""Axes, and which cells of their grid a sweep makes."""

import itertools

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser

from o1exp.app.axes import Axes, Axis
from o1exp.app.designs import cells


def _axes(*sizes: int, fixed: tuple[str, ...] = ()) -> Axes:
    return Axes(
        fixed, tuple(Axis(name, tuple((f"{name}={value}",) for value in range(size))) for name, size in zip("abcdef", sizes, strict=False))
    )


def _interval(word: str) -> Axis:
    override = OverridesParser.create().parse_override(word)
    return Axis(override.get_key_element(), interval=override)


def test_a_grid_has_every_combination_and_what_all_share_first() -> None:
    found = cells(_axes(2, 3, fixed=("x=1",)), "grid")
    assert len(found) == len(set(found)) == 6
    assert found[0] == ("x=1", "a=0", "b=0")


def test_a_list_walks_along_all_axes_and_needs_equal_ones() -> None:
    assert cells(_axes(3, 3), "list") == [("a=0", "b=0"), ("a=1", "b=1"), ("a=2", "b=2")]
    with pytest.raises(ValueError, match="the axes have 2, 3 values"):
        cells(_axes(2, 3), "list")


def test_one_at_a_time_leaves_one_out() -> None:
    found = cells(_axes(2, 2, 3), "one_at_a_time")
    assert found == [
        ("a=0", "b=0", "c=0"), ("a=1", "b=0", "c=0"), ("a=0", "b=1", "c=0"), ("a=0", "b=0", "c=1"), ("a=0", "b=0", "c=2"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("sizes", "fraction", "count"), [((2, 2, 2, 2), 2, 8), ((2, 2, 2, 2, 2), 4, 8), ((3, 3, 3), 3, 9), ((1, 2, 2, 2), 2, 4)]
)
def test_a_fraction_is_balanced_in_every_pair_of_axes(sizes: tuple[int, ...], fraction: int, count: int) -> None:
    found = cells(_axes(*sizes), "fractional", fraction)
    assert len(found) == count
    for one, other in itertools.combinations(range(len(sizes)), 2):
        pairs = [(cell[one], cell[other]) for cell in found]
        assert {pairs.count(pair) for pair in pairs} == {count // (sizes[one] * sizes[other])}


def test_a_fraction_that_is_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="3 axes of two values take 2 at most"):
        cells(_axes(2, 2, 2), "fractional", 4)


def test_random_cells_are_drawn_from_intervals_and_are_the_same_again() -> None:
    axes = Axes((), (_interval("lr=tag(log,interval(0.001,0.1))"), _interval("n=int(interval(1,9))"), *_axes(2).axes))
    found = cells(axes, "random", runs=30)
    assert found == cells(axes, "random", runs=30)
    rates = [float(cell[0].partition("=")[2]) for cell in found]
    assert all(0.001 <= rate <= 0.1 for rate in rates)
    assert sum(rate < 0.01 for rate in rates) > 8  # evenly in the logarithm
    assert {cell[1] for cell in found} <= {f"n={n}" for n in range(1, 10)}
    with pytest.raises(ValueError, match=r"lr=tag\(log,interval\(0.001,0.1\)\)"):
        cells(axes, "grid")


def test_a_design_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="design=gird: choose grid"):
        cells(_axes(2), "gird")
