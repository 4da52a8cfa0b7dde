r"""Find the final answer in a model's text.

Order of trust: the last complete \boxed, `#### x`, an "answer is" cue, the last number. What comes before the end of a thought
(`</think>` and its kin) is only searched when nothing follows it.
"""

import re
from dataclasses import dataclass

_THOUGHT_ENDS = ("</think>", "<|end_of_thought|>", "</Thought>", "</thought>")
_BOX = re.compile(r"\\f?boxed\s*")
_HASHES = re.compile(r"####\s*([^\n]+)")
_CUE = re.compile(
    r"(?:final answer|answer)\s*(?:is|:|=)\s*\$?([^\n$]+?)\$?(?:\.(?:\s|$)|\n|$)"
    r"|答案[是为]?[:\uFF1A\s]*([^\n。]+)",
    re.IGNORECASE,
)
_NUMBER = re.compile(r"[-\u2212]?\d[\d,]*(?:\.\d+)?(?:\s*/\s*\d+)?%?")


@dataclass(frozen=True)
class Found:
    """The answer's text ("" if none) and how it was found: boxed, hashes, cue, number or none."""

    text: str
    method: str


def extract(text: str, truncated: bool = False) -> Found:
    """The final answer of a response; in truncated output only a complete box counts."""
    tail = after_thought(text)
    if box := last_box(tail) or last_box(text):
        return Found(box, "boxed")
    if truncated:
        return Found("", "none")
    for method, pattern in (("hashes", _HASHES), ("cue", _CUE)):
        if matches := pattern.findall(tail):
            last = matches[-1]
            return Found((last if isinstance(last, str) else last[0] or last[1]).strip().rstrip("."), method)
    if numbers := _NUMBER.findall(tail):
        return Found(numbers[-1].strip(), "number")
    return Found("", "none")


def after_thought(text: str) -> str:
    """The part after the last closed thought, or the whole text where no thought is closed or nothing follows it."""
    ends = [text.rfind(mark) + len(mark) for mark in _THOUGHT_ENDS if mark in text]
    tail = text[max(ends) :] if ends else text
    return tail if tail.strip() else text


def last_box(text: str) -> str:
    r"""The content of the last complete \boxed{...}, nested braces kept; `\boxed 7` counts too."""
    for match in reversed(list(_BOX.finditer(text))):
        rest = text[match.end() :]
        if rest.startswith("{"):
            if (content := _braced(rest)) is not None:
                return content.strip()
        elif bare := re.match(r"-?\w+", rest):
            return bare.group()
    return ""


def _braced(text: str) -> str | None:
    depth = 0
    for place, letter in enumerate(text):
        if letter == "{" and text[place - 1 : place] != "\\":
            depth += 1
        elif letter == "}" and text[place - 1 : place] != "\\":
            depth -= 1
            if depth == 0:
                return text[1:place]
    return None
