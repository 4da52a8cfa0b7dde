"""Where the rows are in one JSON value: a list, columns, objects by id, a list under a name, one of several splits, or one row."""

from collections.abc import Mapping
from typing import Any

from o1exp.records.fields import PROBLEM, first_field, is_chat

SPLITS = ("train", "training", "test", "testing", "validation", "valid", "val", "dev", "eval")


def listed(content: Any, split: str = "", line: bool = False) -> list[Any]:
    """The rows in order; `line`: the value stands in a JSONL file, where an object is a row unless it holds rows that look like problems.

    Errors: ValueError, to be read after the file's name, where there are several sets of rows and `split` names none of them.
    """
    if not isinstance(content, dict):
        if split:
            raise ValueError(f"holds one list of rows and no split {split}; leave split empty")
        return content if isinstance(content, list) else [content]
    sets = _sets(content)
    if split:
        if split not in sets:
            raise ValueError(f"has no split {split}; it holds {', '.join(sets) or 'one set of rows'}")
        return listed(content[split])
    if len(sets) > 1:
        sizes = " and ".join(f"{name} ({len(listed(content[name]))} rows)" for name in sets)
        raise ValueError(f"holds several sets of rows, {sizes}: say which by split=NAME, or keep it in a file of its own")
    if _is_problem(content):
        return [content]
    if sets:
        name = sets[0]
        if not line or name in SPLITS or any(_is_problem(row) for row in listed(content[name])):
            return listed(content[name])
    return [content] if line and not _is_keyed(content) else _table(content)


def _sets(content: Mapping[str, Any]) -> list[str]:
    """The names that hold rows: lists of objects, or anything under the name of a split."""
    lists = [value for value in content.values() if isinstance(value, list)]
    columns = len(lists) == len(content) > 1 and len(set(map(len, lists))) == 1 and not all(map(_is_rows, lists))
    names = [] if columns else [name for name, value in content.items() if _is_rows(value)]
    by_split = [name for name, value in content.items() if name.casefold() in SPLITS and isinstance(value, list | dict)]
    return by_split if len(by_split) == len(content) else names


def _is_rows(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value) and not is_chat(value)


def _is_problem(content: Any) -> bool:
    """An object with the text of a problem, or its chat."""
    if not isinstance(content, dict):
        return False
    name = first_field(content, PROBLEM)
    return bool(name) and (isinstance(content[name], str) or is_chat(content[name]))


def _is_keyed(content: Mapping[str, Any]) -> bool:
    return bool(content) and all(_is_problem(value) for value in content.values())


def _table(content: dict[str, Any]) -> list[Any]:
    """Objects by id; columns (lists of one length, or objects by index as pandas writes them) as rows; an empty list; else one row."""
    values = list(content.values())
    if content and all(isinstance(value, dict) for value in values):
        if _is_keyed(content) or not all(str(index).isdecimal() for value in values for index in value):
            return [{**({} if "id" in row else {"id": key}), **row} for key, row in content.items()]
        return _columns({name: list(column.values()) for name, column in content.items()})
    if isinstance(content.get("columns"), list) and isinstance(content.get("data"), list):  # pandas, orient="split"
        return [dict(zip(content["columns"], row, strict=False)) for row in content["data"]]
    lists = [value for value in values if isinstance(value, list)]
    if len(lists) == 1 and not lists[0]:
        return []
    return _columns(content) if lists and len(lists) == len(content) else [content]


def _columns(content: dict[str, list[Any]]) -> list[Any]:
    if len({len(column) for column in content.values()}) > 1:
        return [content]
    return [dict(zip(content, values, strict=True)) for values in zip(*content.values(), strict=True)]
