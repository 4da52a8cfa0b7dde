"""How anybody's fields are read."""

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from o1exp.records.fields import MISSING, PROBLEM, answer_text, as_list, as_text, assistant_text, field, first_field, user_text


def test_a_field_is_found_by_its_name_or_by_a_path() -> None:
    row = {"a.b": 1, "a": {"b": 2, "c": {"d": None}}, "l": [{"x": 3}]}
    assert (field(row, "a.b"), field(row, "a.c.d"), field(row, "l.0.x")) == (1, None, 3)
    assert {field(row, name) for name in ("a.x", "l.1.x", "l.x")} == {MISSING}
    assert first_field({"question": "?", "input": "?"}, PROBLEM) == "question"
    assert first_field({"text": "?"}, PROBLEM) == ""


def test_a_usual_name_is_found_however_it_is_spelled() -> None:
    assert first_field({"ID": 1, " Problem ": "?"}, PROBLEM) == " Problem "
    assert first_field({"Final Answer": 1}, ("answer", "final_answer")) == "Final Answer"
    assert first_field({"Final-Answer": 1, "final_answer": 2}, ("answer", "final_answer")) == "final_answer"
    assert first_field({"reward_model": {"ground_truth": 1}}, ("answer", "reward_model.ground_truth")) == "reward_model.ground_truth"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (27.0, "27"), (0.5, "0.5"), (True, "true"), (["$8$", 3], "$8$, 3"), (None, ""), (MISSING, ""), (float("inf"), "inf"), (" a ", "a"),
        (float("nan"), ""), ([None, "3"], "3"), (["3", float("nan")], "3"), (Decimal("4.0"), "4"), (date(1905, 3, 14), "1905-03-14"),
        ([{"type": "text", "text": "Look:"}, {"type": "image_url", "image_url": {}}], "Look:\n<image>"),
    ],
)  # fmt: skip
def test_any_value_has_a_text(value: Any, text: str) -> None:
    assert as_text(value) == text


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"value": 8, "unit": "cm"}, "an object with the fields value, unit"),
        (b"8", "bytes"),
        ([{"value": 8}], "fields value"),
        ({}, "none"),
    ],
)
def test_what_is_no_text_is_refused(value: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        as_text(value)


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        ("nan", ""), ("NaN", ""), ("<NA>", ""), ("NA", "NA"), ("None", "None"), ("['3', '-3']", "3, -3"), ('["$5$"]', "$5$"),
        ("[1, 2]", "[1, 2]"), ("['a' b']", "['a' b']"), (["3"], "3"),
    ],
)  # fmt: skip
def test_an_answer_is_none_where_it_says_nothing(value: Any, answer: str) -> None:
    assert answer_text(value) == answer


def test_an_object_that_was_written_as_a_text_is_looked_into_or_refused() -> None:
    for text in ('{"ground_truth": "3", "style": "rule"}', "{'ground_truth': '3', 'style': 'rule'}"):
        assert field({"reward_model": text}, "reward_model.ground_truth") == "3"
        with pytest.raises(ValueError, match="holds an object with the fields ground_truth, style"):
            answer_text(text)
    assert user_text("[{'role': 'user', 'content': 'last'}]") == "last"
    assert (answer_text(r"\{1, 2\}"), answer_text("{1, 2}"), answer_text("{x: x > 1}")) == (r"\{1, 2\}", "{1, 2}", "{x: x > 1}")


def test_of_a_chat_the_last_turn_of_each_side_is_the_text() -> None:
    turns = [{"role": "user", "content": "first"}, {"from": "human", "value": "last"}, {"role": "assistant", "content": "answer"}]
    assert (user_text(turns), assistant_text(turns)) == ("last", "answer")
    assert (user_text("plain"), assistant_text(turns[:1])) == ("plain", "")
    assert user_text([{"role": "user", "content": [{"type": "text", "text": "in parts"}]}]) == "in parts"


def test_samples_are_a_list_that_may_stand_in_a_list() -> None:
    assert (as_list("a"), as_list(["a", "b"]), as_list([["a", "b"]]), as_list([["a"], ["b"]])) == (
        ["a"],
        ["a", "b"],
        ["a", "b"],
        [["a"], ["b"]],
    )
