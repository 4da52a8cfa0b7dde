"""How anybody's fields are read."""

from typing import Any

import pytest

from o1exp.records.fields import MISSING, PROBLEM, as_text, field, first_field, user_text


def test_a_field_is_found_by_its_name_or_by_a_path() -> None:
    row = {"a.b": 1, "a": {"b": 2, "c": {"d": None}}}
    assert (field(row, "a.b"), field(row, "a.c.d")) == (1, None)
    assert field(row, "a.x") is MISSING
    assert first_field({"question": "?", "input": "?"}, PROBLEM) == "question"
    assert first_field({"text": "?"}, PROBLEM) == ""


@pytest.mark.parametrize(
    ("value", "text"),
    [(27.0, "27"), (0.5, "0.5"), (True, "true"), (["$8$", 3], "$8$, 3"), (None, ""), (MISSING, ""), (float("inf"), "inf"), (" a ", "a")],
)
def test_any_value_has_a_text(value: Any, text: str) -> None:
    assert as_text(value) == text


def test_of_a_chat_the_users_last_turn_is_the_text() -> None:
    turns = [{"role": "user", "content": "first"}, {"from": "human", "value": "last"}, {"role": "assistant", "content": "answer"}]
    assert user_text(turns) == "last"
    assert user_text("plain") == "plain"
