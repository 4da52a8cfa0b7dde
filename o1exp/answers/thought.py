r"""The marks round a model's thought, and the text parted at them: one list for grading and for the teacher client.

Nothing but `re` is needed here, so that whoever talks to a model can use it at no cost.
"""

import re
from dataclasses import dataclass

# <think>, <thinking>, <seed:think>, [THINK] and their kin: the name between < > or [ ], the closing one with a slash
_NAMES = r"(?:\w{1,20}:)?(?:think(?:ing)?|thoughts?|reason(?:ing)?|scratchpad)"
# (opening, closing) where the two are no pair of tags
_PAIRS = (
    ("\u25c1think\u25b7", "\u25c1/think\u25b7"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|(?:begin_of_)?think(?:ing)?\|>", r"<\|(?:/|end_of_)think(?:ing)?\|>"),
    (r"<\|channel\|>\s*+(?:analysis|commentary)\b[^<]{0,80}+<\|message\|>", r"<\|channel\|>\s*+final\b[^<]{0,80}+<\|message\|>"),
)
_LIKELY = ("think", "thought", "reason", "scratchpad", "channel|>", "_of_solution", "analysis")  # one of these stands in every mark
_OPENING = re.compile("|".join([rf"<{_NAMES}>|\[{_NAMES}\]", *(opening for opening, _ in _PAIRS)]), re.IGNORECASE)
_CLOSING = re.compile("|".join([rf"</{_NAMES}>|\[/{_NAMES}\]|<\|begin_of_solution\|>", *(closing for _, closing in _PAIRS)]), re.IGNORECASE)
# the channels of the last pair where the special tokens were left out: analysisWe add ... assistantfinalThe answer
_BARE_OPENING, _BARE_CLOSING = re.compile(r"\A\s*+analysis(?=[A-Z\s])"), re.compile(r"assistant\s?final")
_LEFTOVER = re.compile(
    r"<\|(?:begin|end)_of_solution\|>|<\|(?:im_end|im_start|endoftext|eot_id|end|return|start)\|>(?:assistant(?=\s|<|$))?|</s>",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Parts:
    """A text parted at its marks, without them. `unclosed`: the last thought never ends, so what stands in it is no answer."""

    thought: str
    answer: str
    unclosed: bool = False


def parted(text: str) -> Parts:
    """Thought and answer of a text: the answer follows the last closed thought.

    A closing mark alone ends a thought that the prompt opened. Where nothing follows the last thought, the answer is what stood before it.
    """
    if not any(word in text for word in _LIKELY) and not any(word in text.lower() for word in _LIKELY):
        return Parts("", _LEFTOVER.sub(" ", text).strip() if "<" in text else text.strip())
    closings = list(_CLOSING.finditer(text))
    if not closings and (bare := _BARE_OPENING.match(text)) and (ends := list(_BARE_CLOSING.finditer(text))):
        return Parts(_unmarked(text[bare.end() : ends[-1].start()]), _unmarked(text[ends[-1].end() :]))
    closed = closings[-1] if closings else None
    start = closed.end() if closed else 0
    if opening := _OPENING.search(text, start):
        return Parts(_unmarked(text[:start] + text[opening.end() :]), _unmarked(text[start : opening.start()]), True)
    if not closed:
        return Parts("", _unmarked(text))
    if answer := _unmarked(text[start:]):
        return Parts(_unmarked(text[: closed.start()]), answer)
    begun = _OPENING.search(text, 0, closed.start())
    before = text[: begun.start()] if begun else ""
    return Parts(_unmarked(text[len(before) : closed.start()]), _unmarked(before))


def _unmarked(text: str) -> str:
    return _LEFTOVER.sub(" ", _CLOSING.sub("\n", _OPENING.sub("\n", text))).strip()


def mark(text: str) -> str:
    """The first mark of a thought in a text, as it is named in counts: `<think>`, `</think>` where only the end is there, or "channels".

    "" for a text without one.
    """
    if not any(word in text.lower() for word in _LIKELY):
        return ""
    opening, closing = _OPENING.search(text), _CLOSING.search(text)
    if not opening and not closing:
        return "channels" if _BARE_OPENING.match(text) and _BARE_CLOSING.search(text) else ""
    found = opening if opening and (not closing or opening.start() < closing.start()) else closing
    assert found is not None
    return "channels" if "channel" in found[0] else found[0]
