"""Is a step still there in a text that was written anew? Its formulas and numbers, and its words, are looked for in order."""

import math
import re
from collections.abc import Sequence

_FORMULA = re.compile(r"\d+(?:[.,]\d+)*|[a-z\\]+|[-+*/^=<>]", re.IGNORECASE)
_LAYOUT = re.compile(r"\\(?:left|right|[,;!: ()\[\]])|[${}]")
_SIGNS = {"\u00d7": "*", "\\times": "*", "\\cdot": "*", "·": "*", "÷": "/", "\u2212": "-"}
ROOM, LEAST_ROOM = 4, 24
"""A step is looked for in a stretch of so many times its own length, and of so many atoms at least."""


def atoms(text: str) -> list[str]:
    """Numbers, signs and words of a text, in small letters and without layout."""
    plain = _LAYOUT.sub(" ", text)
    for sign, meant in _SIGNS.items():
        plain = plain.replace(sign, meant)
    return [found.lower() for found in _FORMULA.findall(plain)]


def content(step: str) -> list[str]:
    """What of a step has to be found again: its numbers, and where it has fewer than two, its longer words."""
    own = atoms(step)
    numbers = [atom for atom in own if atom[0].isdigit()]
    return numbers if len(numbers) > 1 else [atom for atom in own if (len(atom) > 3 and "\\" not in atom) or atom[0].isdigit()] or own


def lost(steps: Sequence[str], text: str, keep: float) -> list[int]:
    """The places of the steps that are not found again, each behind the end of the former one; `keep` of its content makes a step."""
    whole, start, missing = atoms(text), 0, list[int]()
    before, former = 0, list[str]()  # where the last step that was found was looked for, and what of it
    for place, step in enumerate(steps):
        wanted = content(step)
        end = _end(wanted, whole, start, keep)
        if end is None and len(wanted) > len(former) and place - 1 not in missing and (own := _end(wanted, whole, before, keep)):
            missing.append(place - 1)  # what was taken for the former step is this one, which says more
            start, former = own, wanted
        elif end is None:
            missing.append(place)
        else:
            before, start, former = start, end, wanted
    return missing


def _end(wanted: list[str], whole: list[str], start: int, keep: float) -> int | None:
    """Where in `whole` the first stretch ends in which enough of `wanted` stands in order; None for nowhere."""
    if not wanted:
        return start
    room, need = max(LEAST_ROOM, ROOM * len(wanted)), max(1, math.ceil(keep * len(wanted) - 1e-9))
    first = set(wanted[: 1 + len(wanted) - need])
    for begin in range(start, len(whole)):
        if whole[begin] in first and (found := _in_order(wanted, whole[begin : begin + room], need)):
            return begin + found
    return None


def _in_order(wanted: list[str], stretch: list[str], need: int) -> int:
    """After how many atoms of the stretch so many of the wanted ones stood there in their order (longest common subsequence); 0: never."""
    row = [0] * (len(wanted) + 1)
    for count, atom in enumerate(stretch, 1):
        before = 0
        for place, one in enumerate(wanted, 1):
            before, row[place] = row[place], before + 1 if one == atom else max(row[place], row[place - 1])
        if row[-1] >= need:
            return count
    return 0
