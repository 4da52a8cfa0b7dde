"""The index: the paper's items, points and sums, and the published leaderboard."""

from dataclasses import replace

import pytest

from o1exp.tti.index import ITEMS, PUBLISHED, SUMS, TOTAL, check
from o1exp.tti.rules import BY_ITEM, RULES


def test_the_sums_are_those_of_the_paper() -> None:
    check(ITEMS)
    assert [sum(item.points for item in ITEMS if item.dimension == name) for name in SUMS] == [14, 33, 24, 29]
    assert sum(item.points for item in ITEMS) == TOTAL == 100
    points = [3, 3, 4, 4, 4, 6, 6, 6, 3, 2, 2, 4, 4, 4, 4, 4, 4, 4, 3, 5, 5, 4, 4, 4, 4]
    assert [item.points for item in ITEMS] == points, "the paper's order"


def test_other_points_items_or_orders_are_refused() -> None:
    with pytest.raises(AssertionError, match="the points by dimension"):
        check((replace(ITEMS[0], points=4), *ITEMS[1:]))
    with pytest.raises(AssertionError, match="not 25 different ones"):
        check((*ITEMS[:2], replace(ITEMS[2], points=0, id="more"), ITEMS[2], *ITEMS[3:]))
    with pytest.raises(AssertionError, match="order"):
        check((*ITEMS[4:], *ITEMS[:4]))


def test_the_published_sums() -> None:
    assert {work.name: work.total for work in PUBLISHED} == {
        "Open O1": 33, "O1-Journey (Part 1)": 76, "LLaMA-O1": 11, "K0Math": 16, "Skywork O1": 0, "DeepSeek-R1-Lite": 20,
        "O1-Journey (Part 2)": 79,
    }  # fmt: skip
    assert all(work.published and all(work.points[name] <= most for name, most in SUMS.items()) for work in PUBLISHED)


def test_every_item_has_one_rule() -> None:
    assert [rule.item for rule in RULES] == [item.id for item in ITEMS]
    assert all(bool(BY_ITEM[item.id].asked) == (item.dimension == "open_source") for item in ITEMS)
