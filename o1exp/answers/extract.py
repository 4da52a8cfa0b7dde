r"""Find the final answer in a model's text.

Order of trust: the last complete \boxed, `#### x`, an "answer is" cue, mathematics at the end, the last number. Only what follows the last
closed thought (`</think>` and its kin) is searched.
"""

import re
from dataclasses import dataclass

from o1exp.answers.boxes import boxed, last_box, unclosed_box
from o1exp.answers.cues import at_the_end, cued, last_number

__all__ = ["Found", "after_thought", "extract", "last_box"]

_THOUGHT_END = re.compile(r"</think(?:ing)?>|<\|end_of_thought\|>|</thought>|<\|/think\|>", re.IGNORECASE)
_THOUGHT_START = re.compile(r"<think(?:ing)?>|<\|begin_of_thought\|>|<thought>", re.IGNORECASE)
_HASHES = re.compile(r"####[ \t]*([^\n]*)")
_SOLUTION = re.compile(r"<\|(?:begin|end)_of_solution\|>|</?answer>|<\|im_end\|>|<\|endoftext\|>|<\|eot_id\|>|</s>", re.IGNORECASE)
_TAIL = 20_000


@dataclass(frozen=True)
class Found:
    """The answer's text ("" if none), how it was found (boxed, hashes, cue, end, number, none), and whether the text broke off."""

    text: str
    method: str
    truncated: bool = False


def extract(text: str, truncated: bool = False) -> Found:
    """The final answer of a response; in truncated output only a complete box counts."""
    tail, open_thought = after_thought(text), False
    if not tail.strip():
        tail, open_thought = text, True
    elif _THOUGHT_START.search(tail):
        open_thought = True
    tail = _SOLUTION.sub(" ", tail)
    if box := boxed(tail):
        return Found(box, "boxed", truncated)
    if truncated or open_thought or unclosed_box(tail):
        return Found("", "none", True)
    tail = tail[-_TAIL:]
    if (matches := _HASHES.findall(tail)) and (hashed := matches[-1].strip().strip("*").rstrip(". ")):
        return Found(hashed, "hashes")
    for method, find in (("cue", cued), ("end", at_the_end), ("number", last_number)):
        if found := find(tail):
            return Found(found, method)
    return Found("", "none")


def after_thought(text: str) -> str:
    """The part after the last closed thought; the whole text where no thought is closed."""
    end = 0
    for match in _THOUGHT_END.finditer(text):
        end = match.end()
    return text[end:]
