"""What stands in the fields of people's rows: found by a dotted path or a usual name, read as text."""

import ast
import json
import math
import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Any

Values = Mapping[str, Any]
"""One row: what its fields hold, by name."""
MISSING = object()
"""What `field` gives where a row has no such field; None is a value that a file can hold."""
PROBLEM = ("problem", "question.stem", "question", "query", "prompt", "instruction", "input", "messages", "conversations", "conversation")
"""The usual names of a problem's text, or of the chat that holds it."""
USER, ASSISTANT = ("user", "human"), ("assistant", "gpt", "model", "bot", "chatgpt")
"""Who speaks in a chat."""
_IMAGE = "<image>"
_LISTED = re.compile(r"""\[\s*(['"]).*\1\s*,?\s*\]""", re.DOTALL)
_OBJECT = re.compile(r"""\[?\s*\{\s*(['"])[^'"]*\1\s*:.*\}\s*\]?""", re.DOTALL)
_BESIDE = re.compile(r"""(['"])\s+(['"])""")
"""Between the items of a list as numpy writes it; Python would take them as one text."""
_ARRAY = re.compile(r"\barray\((\[[^\[\]]*\])(?:,\s*dtype=\w+)?\)")
"""A list of numpy within an object that a table was saved with."""
_NAN = ("nan", "<na>", "n/a", "#n/a", "null")


def field(row: Values, name: str) -> Any:
    """The value at `name`; `a.b` also looks into an object, `a.0` into a list. MISSING where there is none."""
    if name in row:
        return row[name]
    value: Any = row
    for part in name.split("."):
        value = written(value)
        if isinstance(value, dict) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdecimal() and int(part) < len(value):
            value = value[int(part)]
        else:
            return MISSING
    return value


def written(value: Any) -> Any:
    """The object or list that a text spells as JSON or as Python does (a table saved as CSV holds such texts), else the value itself."""
    if not (isinstance(value, str) and _OBJECT.fullmatch(value.strip())):
        return value
    for read in (json.loads, lambda text: ast.literal_eval(_ARRAY.sub(lambda found: _spaced(found[1]), text))):
        try:
            return read(value.strip())
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    return value


def listed(text: str) -> list[Any] | None:
    """The list of texts that a text spells as JSON, as Python or as numpy does; None where it is none."""
    if not _LISTED.fullmatch(text.strip()):
        return None
    try:
        found = ast.literal_eval(_spaced(text.strip()))
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None
    return found if isinstance(found, list) else None


def _spaced(text: str) -> str:
    return _BESIDE.sub(r"\1, \2", text)


def first_field(row: Values, names: Sequence[str]) -> str:
    """The first of the names that the row has, as the row spells it (`Final Answer` is final_answer); "" for none."""
    spelled = {_plain(name): name for name in reversed(list(row))}
    for name in names:
        if name in row or ("." in name and field(row, name) is not MISSING):
            return name
        if name in spelled:
            return spelled[name]
    return ""


@lru_cache(maxsize=4096)
def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", str(name).strip()).casefold()


def as_text(value: Any) -> str:
    """27.0 is "27", true is "true", a list its items joined by a comma; null, NaN and an absent field are "".

    Errors: ValueError for what is no text, number or list of them: an object, bytes.
    """
    if value is None or value is MISSING:
        return ""
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float | Decimal):
        return _number(value)
    if isinstance(value, list | tuple):
        return parts_text(value) or ", ".join(text for item in value if (text := as_text(item)))
    if isinstance(value, int | date):
        return str(value)
    if isinstance(value, dict):
        raise ValueError(f"holds an object with the fields {', '.join(map(str, value)) or '(none)'}")
    raise ValueError(f"holds {type(value).__name__}, which is no text")


def _number(value: float | Decimal) -> str:
    if math.isnan(value):
        return ""
    return str(int(value)) if math.isfinite(value) and value == int(value) else str(value)


def answer_text(value: Any) -> str:
    """As `as_text`, for an answer: the texts `nan` and `N/A` are none, and `['3', '-3']`, a list that was written as a text, is `3, -3`.

    Errors: as there, also for an object that was written as a text.
    """
    text = as_text(written(value))
    if (items := listed(text)) is not None:
        text = as_text(items)
    return "" if text.casefold() in _NAN else text


def parts_text(value: Any) -> str:
    """The text of a message in parts, `[{"type": "text", "text": ...}, ...]`, pictures as `<image>`; "" where it is nothing of the kind."""
    if not (isinstance(value, list | tuple) and value and all(isinstance(part, dict) and "type" in part for part in value)):
        return ""
    texts = [part["text"] if isinstance(part.get("text"), str) else _IMAGE * ("image" in str(part["type"])) for part in value]
    return as_text("\n".join(filter(None, texts)))


def is_chat(value: Any) -> bool:
    """A list of turns, each with a role."""
    return isinstance(value, list) and bool(value) and all(isinstance(turn, dict) and ("role" in turn or "from" in turn) for turn in value)


def user_text(value: Any) -> str:
    """A text, or of a chat the user's last turn. Errors: as `as_text`."""
    return _last_turn(value, USER)


def assistant_text(value: Any) -> str:
    """A text, or of a chat the model's last turn, "" where it has none. Errors: as `as_text`."""
    return _last_turn(value, ASSISTANT)


def _last_turn(value: Any, speakers: Sequence[str]) -> str:
    value = chat if is_chat(chat := written(value)) else value
    if not is_chat(value):
        return as_text(value)
    said = [turn for turn in value if str(turn.get("role", turn.get("from"))).casefold() in speakers]
    last = said[-1] if said else {}
    return as_text(next((last[name] for name in ("content", "value", "text") if name in last), None))


def as_list(value: Any) -> list[Any]:
    """Samples of one problem: a list as it is, `[[a, b]]` its inner list, anything else as a list of one."""
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], list):
        return value[0]
    return value if isinstance(value, list) else [value]
