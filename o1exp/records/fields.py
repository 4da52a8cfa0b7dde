"""What stands in the fields of people's rows: found by a dotted path or a usual name, read as text."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

Values = Mapping[str, Any]
"""One row: what its fields hold, by name."""
MISSING = object()
"""What `field` gives where a row has no such field; None is a value that a file can hold."""
PROBLEM = ("problem", "question", "query", "prompt", "Problem", "instruction", "input")
"""The usual names of a problem's text."""


def field(row: Values, name: str) -> Any:
    """The value at `name`; `a.b` also looks into an object. MISSING where there is none."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        if not isinstance(value, dict) or part not in value:
            return MISSING
        value = value[part]
    return value


def first_field(row: Values, names: Sequence[str]) -> str:
    """The first of the names that the row has; "" for none."""
    return next((name for name in names if field(row, name) is not MISSING), "")


def as_text(value: Any) -> str:
    """27.0 is "27", true is "true", a list its items joined by a comma, null and an absent field ""."""
    if value is None or value is MISSING:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return str(int(value))
    if isinstance(value, list | tuple):
        return ", ".join(as_text(item) for item in value)
    return str(value).strip()


def user_text(value: Any) -> str:
    """A text, or of a chat the user's last turn."""
    if isinstance(value, list) and value and all(isinstance(turn, dict) for turn in value):
        users = [turn for turn in value if turn.get("role", turn.get("from")) in ("user", "human")]
        last = users[-1] if users else {}
        return as_text(last.get("content", last.get("value")))
    return as_text(value)


def as_list(value: Any) -> list[Any]:
    """Samples of one problem: a list as it is, anything else as a list of one."""
    return value if isinstance(value, list) else [value]
