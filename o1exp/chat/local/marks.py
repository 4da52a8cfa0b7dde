"""The marks that models put around their thoughts."""

import re

_ABOUT_THOUGHT = re.compile("think|thought|reason", re.IGNORECASE)
_PAIRS = (("/", ""), ("end_of", "begin_of"), ("END_", "START_"), ("end_", "start_"))


def beginning(end: str) -> str:
    """The mark that opens a thought, by the one that ends it: <think> for </think>; "" where it does not tell."""
    return next((end.replace(closing, opening, 1) for closing, opening in _PAIRS if closing in end), "")


def is_thought_mark(token: str) -> bool:
    """Is this special token a mark of a thought, so that it belongs to the text?"""
    return bool(_ABOUT_THOUGHT.search(token))
