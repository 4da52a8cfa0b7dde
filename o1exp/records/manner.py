"""How an answer is none: it is empty, repeats itself until it is cut off, begins with a refusal, or is not in the question's language."""

import re
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
    r"(?:can(?:no|['\u2019])t(?: and (?:will not|won['\u2019]t))?|can not|could not|(?:won['\u2019]t|will not)(?: be able to)?|am not going"
    r"|(?:should|must)(?: not|n['\u2019]t)"
    r"|(?:(?:am|['\u2019]m) not |do(?: not|n['\u2019]t) feel |(?:am|['\u2019]m) un)comfortable(?: with)?"
    r"|(?:am|['\u2019]m) (?:unable to|not (?:able|permitted|allowed|in a position) to)|do(?: not|n['\u2019]t) have the ability to)"
)
_THAT = r"(?:that|this|it|your|such|any|you)\b"
_SERVE = (
    rf"(?:help(?! but\b)|assist|comply|fulfil|discuss|engag|participat|answer(?:ing)? {_THAT}"
    r"|(?:provid|creat|writ|giv|offer|generat)(?:e|ing)?\b(?! (?:all|an? better)\b)(?![^.!?\n]*\bthan\b)"
    rf"|(?:do|shar(?:e|ing)|support|promote|encourage|continue) {_THAT}"
    r"(?=[^\w\s]|$| (?:request|question|topic|kind|type|sort|information|content|conversation)))"
)
_IMPROPER = (
    r"(?:(?:is|['\u2019]s|would|['\u2019]d|will)(?: not|n['\u2019]t)(?: be)?(?: really)? (?:appropriate|ethical|responsible|proper|right)"
    r"|(?:is|['\u2019]s|would be|['\u2019]d be) (?:inappropriate|unethical|irresponsible|improper))"
)
_FOR_ME = (
    r"(?:answer|respond|comment|discuss|provide|give|share|offer|express|speculate|generate|create|write|help|assist|engage|participate"
    r"|advise|recommend|disclose|reveal|comply|fulfil|continue|support|promote|encourage|take (?:a|any) (?:side|position|stance)"
    r"|make (?:a|any|such) (?:joke|comment|judge?ment)s?|do (?:so|that|this))\b"
)
_ABLE = r"(?:do\b|help|assist|discuss|engag|provid|answer|support|shar|talk|comment)"
_TOLD = r"(?:guidelines?|polic(?:y|ies)|programming|principles|ethics|safety|values)\b"
_REFUSAL = re.compile(
    rf"(?<!if )(?<!unless )(?<!when )(?<!how )\bI(?: really| simply)? ?{_CANNOT} (?:in good conscience |\w+ )?{_SERVE}"
    rf"|\bI(?:['\u2019]m| am)(?: very| really| truly)? sorry,? (?:but )?I ?{_CANNOT} (?:\w+ )?do\b"
    rf"|\b(?:it|this|that) ?{_IMPROPER} (?:for|of) me to (?:\w+ )?{_FOR_ME}"
    r"|\b(?:this|that|it) ?(?:is|['\u2019]s)"
    r"(?:(?: not|n['\u2019]t) something (?:that )?I(?: can|['\u2019]m| am| will)(?: able to| comfortable)?"
    r"| something (?:that )?I(?: can(?:no|['\u2019])t| won['\u2019]t|(?:['\u2019]m| am) (?:un|not )(?:able to|comfortable)))"
    rf" {_ABLE}"
    # what forbids it
    r"|\b(?:against|violat\w+|conflicts? with|goes beyond|not (?:aligned?|in line|consistent) with)"
    rf" (?:my|our|the (?:content|usage)|openai['\u2019]s) (?:\w+ )?{_TOLD}"
    rf"|\b(?:my|our) {_TOLD} (?:do(?:es)?(?: not|n['\u2019]t) (?:allow|permit)|prevents?|prohibits?|forbids?)"
    # what is rather not done
    r"|\bI(?:['\u2019]d| would) (?:rather|prefer) not(?: to)?"
    r"(?:\s*[.!]| (?:answer|discuss|say|comment|talk|help|share|give|provide|engage))"
    r"|\bI do(?: not|n['\u2019]t) (?:condone|engage in|participate in|create|generate|promote|provide)"
    r" (?:that|this|any|such|harmful|illegal|hateful|violent|explicit|offensive)\b"
    r"|\bI(?: must| have to| will|['\u2019]ll)?(?: have to)? refrain from (?:answer|provid|discuss|shar|engag|giv|comment|participat)ing"
    r"|^\W*(?:sorry|unfortunately|no)\b\W{1,3}(?:but )?(?:I )?(?:can(?:no|['\u2019])t|(?:am )?unable to)"
    r" (?:do (?:that|this|it)|help|assist|answer (?:that|this)|comply)|^\W*unable to (?:comply|assist|help)\b"
    r"|\bI (?:(?:must|have to|will) )?(?:respectfully )?(?:decline|refuse)"
    r"(?:\s*[.!;]|\s*$| to (?:answer|help|assist|provide|comply|discuss|do (?:that|this))| (?:this|that|your) )"
    r"|(?:抱歉|对不起|對不起|很遗憾|很遺憾)[^。\n]{0,24}?(?:不能|无法|無法|不便|不可以|不会|不會)[^。\n,\uff0c]{0,6}?"
    r"(?:提供|回答|推荐|推薦|评价|評價|点评|查阅|查询|简介|帮助|幫助|协助|協助|满足|滿足|参与|參與|讨论|討論|支持|生成|完成)"
    r"|(?:抱歉|对不起|對不起|遗憾)[^。\n]{0,10}?(?:不能|无法|無法|不便)对[^。\n,\uff0c]{1,12}进行(?:评价|评论|点评|讨论)"
    r"|我(?:不能|无法|無法|不会|不會|不可以|拒绝|拒絕)(?:[为為][您你])?(?:提供|回答|帮助|幫助|协助|協助|满足|滿足|参与|參與|讨论|討論|支持|生成|完成)"
    r"|没有?(?:学会|学习)(?:如何|怎[么样])回答|(?:^|[请請]|我们|咱们)[您你]?[換换]一?[个個](?:问题|問題|话题|話題)|恕我?(?:难从命|無法|无法|不能)|无可奉告"
    r"|不(?:便|方便|适合)(?:对此|就此)?(?:回答|评论|评价|透露|回应)",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"\"[^\"\n]*\"|\u201c[^\u201d]*\u201d|[\u300c\u300e][^\u300d\u300f]*[\u300d\u300f]|^>.*$", re.MULTILINE)
_CODE = re.compile(r"```.*?(?:```|\Z)|`[^`\n]+`|^(?: {4}|\t)[^\n]*$", re.DOTALL | re.MULTILINE)
_ANSWERED = re.compile(r"\\boxed\{|\b(?:final |correct |right )?answer(?: is|:)|答案(?:是|为|為|:|\uff1a)", re.IGNORECASE)
"""What gives an answer is no refusal, whatever it regrets."""
_NOTHING = re.compile(
    r"(?:[\s\x00-\x1f\x7f-\x9f\xad\u115f\u1160\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u2800\u3164\ufeff\uffa0\ufffd"
    r"\U000e0000-\U000e007f]|\.{2,}+|\u2026|\*{2,}+|_{2,}+|`{3,}+\w*+|\\boxed\{\s*+\})*+"
)
"""Signs that show nothing, and marks with nothing between them."""
_NAMED = re.compile(
    r"\b(?:in|into|to|from) (?:english|chinese|mandarin|french|german|spanish|japanese|korean|russian|italian|portuguese|latin|arabic|"
    r"hindi)\b"
    r"|translat|\b(?:quot(?:e|ation)s?|recit|lyric|motto|verbatim)|原文|背诵|默写|歌词|翻译|译成|译为|英文|英语|中文|汉语|日语|日文|法语|德语|韩语|俄语",
    re.IGNORECASE,
)
"""A question that names a language may be answered in it, and one that asks for a quotation in that of its source."""


def manner(question: str, answer: str, cut_off: str = "") -> Manner:
    """The manner of an answer, its thought left out; `cut_off` is all that was written, where it ran out of tokens.

    Rules alone, so that the same text has always the same one.
    """
    if repeats(cut_off):
        return "endless"
    if _NOTHING.fullmatch(answer):
        return "empty"
    if _REFUSAL.search(_QUOTED.sub(" ", answer[: 4 * START])[:START]) and not _ANSWERED.search(answer):
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
    asked, said = language_of(question), surely(_CODE.sub(" ", answer))
    if not said or asked == said or not (asked and (asked in SCRIPTS or said in SCRIPTS or surely(question))):
        return False
    return not (_LATIN_WORDS.search(question) and _OTHER_SCRIPT.search(question))
