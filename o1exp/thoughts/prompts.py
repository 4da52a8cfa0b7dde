"""Prompts of the searches: templates in our own words, since the papers publish none."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from o1exp.records import Problem

Show = Literal["nothing", "answer", "solution"]
"""What of the gold a model sees that should not need it."""
NOTHING = "(none)"
"""What stands below a heading with nothing to say."""
_KEPT = "\n\nFor your eyes only, never to be mentioned: "


def filled(template: str, known: Mapping[str, str]) -> str:
    """The template with {name} replaced for each known name, in one pass: what a text of a model says in braces stays as it is."""
    names = "|".join(map(re.escape, known))
    return re.sub(rf"\{{({names})\}}", lambda found: known[found[1]], template)


def shown(problem: Problem, show: Show) -> str:
    """What is added to a question that shows the gold; "" for nothing."""
    if show == "nothing":
        return ""
    if show == "solution" and problem.solution.strip():
        return f"{_KEPT}a correct solution is\n{problem.solution.strip()}"
    return f"{_KEPT}the correct answer is {problem.answer}"


def listed(steps: Sequence[str]) -> str:
    """Steps as they stand in a prompt, a blank line between two."""
    return "\n\n".join(steps) or NOTHING


def without(template: str, field: str, names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """A mistake for each place that the template has to have."""
    for name in names:
        if f"{{{name}}}" not in template:
            yield field, f"has no {{{name}}}; put it where it belongs"
