"""How an answer is none: it is empty, repeats itself until it is cut off, begins with a refusal, or is not in the question's language."""

import re
import unicodedata
from collections.abc import Sequence
from typing import Literal

from o1exp.records.language import SCRIPTS, language_of, surely

Manner = Literal["", "empty", "endless", "refused", "other language"]
MANNERS: tuple[Manner, ...] = ("empty", "endless", "refused", "other language")
"""What is counted, the first that holds: "" is an answer like any other."""
TAIL, ROUNDS, LEAST = 4000, 3, 60
"""An endless answer repeats its end `ROUNDS` times or more, over `LEAST` letters of the last `TAIL` at least."""
START = 400
"""Letters of an answer in which a refusal stands."""
_LATIN_WORDS, _OTHER_SCRIPT = (
    re.compile(r"(?:[A-Za-z]{2,}\W+){2}[A-Za-z]{2,}"),
    re.compile(r"[\u0400-\u06ff\u0900-\u0e7f\u1100-\u11ff\u3040-\u9fff\uac00-\ud7af]{2}"),
)
_CANNOT = (
    r"(?:can(?:no|['\u2019])t|can not|could not|won['\u2019]t|will not|(?:am|['\u2019]m) (?:un|not )able to|am not (?:going|comfortable))"
)
_REFUSAL = re.compile(
    rf"\bI(?: really| simply)? ?{_CANNOT} (?:\w+ )?(?:help|assist|provide|comply|fulfil|discuss|engage|support|share|create|write|continue|"
    r"give|offer|do (?:that|this)|answer (?:that|this)|participate|generate|promote|encourage)"
    r"|\bI(?:['\u2019]m| am)(?: very| really| truly)? sorry,? (?:but )?(?:I|this|that)\b.{0,40}?(?:can|won|not|unable)"
    r"|\bI (?:must|have to|will|respectfully)?\s?(?:decline|refuse)\b"
    r"|(?:抱歉|对不起|很遗憾)[^。\n]{0,24}?(?:不能|无法|不便|不可以|不会)"
    r"|我(?:不能|无法|不会|不可以|拒绝)(?:为[您你])?(?:提供|回答|帮助|协助|满足|参与|讨论|支持|生成|继续|完成)",
    re.IGNORECASE,
)
_NAMED = re.compile(
    r"\b(?:in|into|to|from) (?:english|chinese|mandarin|french|german|spanish|japanese|korean|russian|italian|portuguese|latin|arabic|"
    r"hindi)\b"
    r"|translat|翻译|译成|译为|英文|英语|中文|汉语|日语|日文|法语|德语|韩语|俄语",
    re.IGNORECASE,
)
"""A question that names a language may be answered in it."""


def manner(question: str, answer: str, cut_off: str = "") -> Manner:
    """The manner of an answer, its thought left out; `cut_off` is all that was written, where it ran out of tokens.

    Rules alone, so that the same text has always the same one.
    """
    if repeats(cut_off):
        return "endless"
    if all(sign.isspace() or unicodedata.category(sign) in ("Cc", "Cf") for sign in answer):
        return "empty"
    if _REFUSAL.search(answer[:START]):
        return "refused"
    return "other language" if _elsewhere(question, answer) else ""


def repeats(text: str) -> bool:
    """Does a text end in the same passage again and again?"""
    backwards = text.rstrip()[: -TAIL - 1 : -1]
    same = _shared(backwards)
    return any(period + same[period] >= max(ROUNDS * period, LEAST) for period in range(1, len(backwards) // ROUNDS + 1))


def _shared(text: str) -> Sequence[int]:
    """For each place, how many signs from there on are those of the beginning (the Z function)."""
    found, left, right = [0] * (len(text) + 1), 0, 0
    for place in range(1, len(text)):
        length = min(right - place, found[place - left]) if place < right else 0
        while place + length < len(text) and text[length] == text[place + length]:
            length += 1
        found[place] = length
        if place + length > right:
            left, right = place, place + length
    return found


def _elsewhere(question: str, answer: str) -> bool:
    """Both languages are beyond doubt, and differ. A question in two scripts ("论文 Attention Is All You Need 的作者") may have either."""
    if _NAMED.search(question):
        return False
    asked, said = language_of(question), surely(answer)
    if not said or asked == said or not (asked and (asked in SCRIPTS or said in SCRIPTS or surely(question))):
        return False
    return not (_LATIN_WORDS.search(question) and _OTHER_SCRIPT.search(question))
