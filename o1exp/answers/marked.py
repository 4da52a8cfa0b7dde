r"""Answers between marks: boxes, formulas between dollar signs or LaTeX brackets (which dollar signs are money?), tags, JSON."""

import json
import re

from o1exp.answers.clauses import cut
from o1exp.answers.glyphs import MONEY
from o1exp.answers.normalise import restored
from o1exp.answers.units import is_unit

_BOX = re.compile(
    r"\\(?:f?[bB]oxed|fbox|(?:framebox|bbox)(?:\s*\[[^\[\]{}]{0,40}\])*+|colorbox\s*\{\w{0,20}\}|fcolorbox\s*\{\w{0,20}\}\s*\{\w{0,20}\})"
    r"(?![A-Za-z])\s*"
)
_BARE = re.compile(r"-?(?:\d[\d,.]*\d|\d|[A-Za-z]\b|\\[A-Za-z]+(?:\s*\{[^{}]*\})*)")
_JOINT = re.compile(
    r"(?:\s|\\[,;! ]|\\q?quad|\\text\s*\{|[}$]|\\[()\[\]]|,|"
    r"\uff0c|\u3001|;|\.(?=\s*$)|\band\b|\bor\b|\u548c|\u6216\u8005|\u6216|\u4ee5\u53ca|\u4e0e)*",
    re.DOTALL,
)
_NAME = re.compile(r"(?<![A-Za-z\\])([A-Za-z](?:_\{?\w\}?)?)\s{0,3}=\s{0,3}\Z")
_NOT_IT = re.compile(r"(?:\b(?:not|rather than|instead of)|而不是|不是|而非)\s{0,2}[$(\\\[]{0,3}\s?\Z")
_CITED = re.compile(
    r"[(\uff08]\s?(?:see|from|using|since|because|given|with|cf\.?|as in|compare|by|where|the (?:sum|product|difference|quotient) of|"
    r"其中|由|因为|见)(?![A-Za-z])(?![^()\uff08\uff09]*(?:answer|答案))[^()\uff08\uff09]*\Z"
)
"""A box in a bracket that says where the answer comes from: 12 (the sum of the two boxed)."""
_NEGATED = re.compile(r"(?:[=$(]\s?|\A)-\Z")
_DIGIT_FIRST = re.compile(r"\d|\\(?:d?frac|sqrt)")
_BEFORE_BOX = 80  # letters that may say so
_LINKS = re.compile(r",|\uff0c|\u3001|;|\band\b|\bor\b|\u548c|\u6216|\u4ee5\u53ca|\u4e0e")


_MOST_BOXES = 60  # some texts repeat a box without end; what counts stands behind


def boxed(text: str) -> tuple[str, int]:
    """The last complete box, with those before it that a comma, "and" or "or" joins to it, and where it ends; ("", 0) for none."""
    spans = _boxes(text)
    if not spans:
        return "", 0
    kept = [spans[-1]]
    for span in reversed(spans[:-1]):
        between = text[span[1] : kept[-1][0]]
        if len(between) > 40 or not _JOINT.fullmatch(_NAME.sub("", between)) or not _LINKS.search(between):
            break
        kept.append(span)
    return ", ".join(dict.fromkeys(_named(text, kept[::-1]))), spans[-1][1]


def _named(text: str, spans: list[tuple[int, int, str]]) -> list[str]:
    """The contents, with the names in front of the boxes where several boxes have names of their own: x = 3, y = 4."""
    contents = [content for _, _, content in spans]
    names = [name[1] for start, _, _ in spans if (name := _NAME.search(text, max(0, start - 12), start))]
    if len(spans) == 1 or len(set(names)) < len(spans):
        return contents
    return [f"{name} = {content}" for name, content in zip(names, contents, strict=True)]


def last_box(text: str) -> str:
    """The content of the last complete box alone, "" where there is none."""
    spans = _boxes(text)
    return spans[-1][2] if spans else ""


def unclosed_box(text: str) -> bool:
    """Whether the last box never closes: the text broke off inside it."""
    starts = [match for match in _begun(text) if text[match.end() : match.end() + 1] == "{"]
    return bool(starts) and starts[-1].end() not in _closings(text, starts[-1].start())


def _begun(text: str) -> "list[re.Match[str]]":
    """Where boxes begin; most texts without one are told by a word."""
    return list(_BOX.finditer(text)) if "box" in text or "Boxed" in text else []


def _boxes(text: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of the complete outermost boxes that are not empty, of those that begin last."""
    starts = _begun(text)[-_MOST_BOXES:]
    if not starts:
        return []
    closings = _closings(text, starts[0].start()) if any(text[match.end() : match.end() + 1] == "{" for match in starts) else {}
    spans: list[tuple[int, int, str]] = []
    for match in starts:
        if spans and match.start() < spans[-1][1]:
            continue
        if text[match.end() : match.end() + 1] == "{":
            end = closings.get(match.end())
            if end is not None and (content := text[match.end() + 1 : end].strip()):
                spans.append((match.start(), end + 1, _signed(text, match.start(), content)))
        elif bare := _BARE.match(text, match.end()):
            spans.append((match.start(), bare.end(), bare.group()))
    return [span for span in spans if not _spoken_of(text[max(0, span[0] - _BEFORE_BOX) : span[0]])]


def _signed(text: str, start: int, content: str) -> str:
    """The content with the sign that stands before the box: x = -[3]."""
    return f"-{content}" if _NEGATED.search(text, max(0, start - 4), start) and _DIGIT_FIRST.match(content) else content


def _spoken_of(before: str) -> bool:
    """Whether what stands before a box says that it is not the answer: it is denied, or named as where the answer comes from."""
    return bool(_NOT_IT.search(before) or _CITED.search(before))


_BRACE = re.compile(r"(?<!\\)\\*+[{}]")


def _closings(text: str, start: int) -> dict[int, int]:
    r"""Where each brace behind `start` closes, found in one pass; \{ and \} are no braces."""
    opened: list[int] = []
    closings: dict[int, int] = {}
    for match in _BRACE.finditer(text, start):
        brace, last = match[0], match.end() - 1
        if len(brace) % 2 == 0:  # an odd number of backslashes
            continue
        if brace[-1] == "{":
            opened.append(last)
        elif opened:
            closings[opened.pop()] = last
    return closings


_MATH = re.compile(r"\$\$(.+?)\$\$|(?<!\\)\$(?!\$)([^$\n]+?)(?<!\\)\$|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL)
_JOIN = re.compile(r"\s*+(?:,|\uff0c|\u3001|;)?\s*+(?:and|or|和|或)?\s*+")
_OPENER = re.compile(r"[$\\]")
_ESCAPED = re.compile(r"(?<!\$)\\\$(?=\s?\.?\d)")
_AMOUNT = re.compile(r"(?<!\\)\$(?=\s?[-+\u2212]?\s?\.?\d)")
_DOLLAR = re.compile(r"(?<!\\)\$")
_PROSE = re.compile(r"(?<!\\)(?<![A-Za-z{\\])[A-Za-z]{3,}|[\u4e00-\u9fff]")
_UNIT = re.compile(r"\s*((?:(?:square|cubic)\s)?[A-Za-z/%\u00b0\u00b5]+(?:\^?\d)?|\\%|[\u4e00-\u9fff]{1,4})?(?=[.,;)\s\u3002\uff0c]|$)")
_MARKS = "*`_ \t\n.,;:\u3002\uff0c\uff01!\u2705\u2714"
_TEXT = re.compile(r"\\(?:text[a-z]{0,6}|mathrm|mathbf|mbox)\s?\{[^{}]{0,60}\}")
_LOOSE = re.compile(r"\b(?:of|for(?: all| any| every| each)?|on|from|by|with|in|where)\s\Z")
_LONE_NAME = re.compile(r"[A-Za-z](?:_\{?\w\}?)?(?:\s?\\in\s?\\(?:mathbb\s?\{?\s?)?[ZNRQ]\}?)?")
_PROVED = re.compile(r"(?<!\s)\s*+(?:\$?\s?\\(?:blacksquare|square|qed|Box)\s?\$?|[\u220e\u25a1\u25a0]|Q\.?E\.?D\.?)\Z")
_MARK_LENGTH = 30
_BOLD = re.compile(r"\\(?:mathbf|boldsymbol)\s?\{[^{}]{0,40}\d")
_ALIGNED = re.compile(r"\\(?:begin|end)\s?\{(?:aligned|align\*?|gathered|split)\}|&")
_LONGEST_VALUE = 600  # letters of a JSON value
_FARTHEST = 400  # letters between two dollar signs of one line


def money_marked(text: str) -> str:
    """The text with every dollar sign that stands for money under another sign, so that those that are left open and close formulas.

    A dollar sign before a digit opens a formula only where another closes it on the same line: one with no digit behind it and no words
    before it. That is how typesetters of Markdown tell them apart.
    """
    text = _ESCAPED.sub(MONEY, text)
    if "$" not in text:
        return text
    places = [match.start() for match in _DOLLAR.finditer(text)]
    amounts = {match.start() for match in _AMOUNT.finditer(text)}
    if not amounts:
        return text
    kept, opened = list(text), False
    for number, place in enumerate(places):
        if opened:
            opened = False
        elif place in amounts and not _closes(text, place, places[number + 1 : number + 2]):
            kept[place] = MONEY
        else:
            opened = True
    return "".join(kept)


def _closes(text: str, place: int, following: list[int]) -> bool:
    """Whether the next dollar sign closes a formula that this one opens."""
    if not following:
        return False
    stop = following[0]
    if stop == place + 1:  # $$ opens a formula of its own
        return True
    content = _TEXT.sub("", text[place + 1 : min(stop, place + _FARTHEST)])
    if text[stop + 1 : stop + 2].isdigit() or "\n" in content or stop - place > _FARTHEST or _PROSE.search(content):
        return False
    return not (content[:1].isdigit() and content[-1:].isspace() and content.rstrip()[-1:] in "=+-*/(")


def first_formula(text: str, stop: int) -> "re.Match[str] | None":
    """The first formula that starts before `stop`."""
    formulas = (_MATH.match(text, opener.start()) for opener in _OPENER.finditer(text, 0, stop))
    return next((formula for formula in formulas if formula), None)


def with_followers(text: str, first: "re.Match[str]") -> str:
    """The formulas that follow one another over a comma, "and" or "or", with the unit behind the last."""
    found, place = [_content(first)], first.end()
    while following := _MATH.search(text, place):
        between = text[place : following.start()]
        if not between.strip() or not _JOIN.fullmatch(between):
            break
        found.append(_content(following))
        place = following.end()
    unit = _UNIT.match(text, place)
    return ", ".join(found) + (_as_unit(unit[1]) if unit and unit[1] else "")


def at_the_end(text: str) -> str:
    """The formula, or list of formulas, that ends the text, with a few words behind it at most; "" where none does."""
    tail = text.rstrip()[-2000:]
    tail = tail[:-_MARK_LENGTH] + _PROVED.sub("", tail[-_MARK_LENGTH:])
    formulas, free = list(_MATH.finditer(tail)), ""
    while formulas and (loose := _LOOSE.search(tail, max(0, formulas[-1].start() - 12), formulas[-1].start())):
        letter = _content(formulas[-1])  # "for all n" is no answer
        if not _LONE_NAME.fullmatch(letter) or not _few_words(tail[formulas[-1].end() :]):
            break
        free = f", {letter}" if "\\in" in letter else ""
        tail = tail[: loose.start()]
        del formulas[-1]
    if not formulas:
        return ""
    behind = tail[formulas[-1].end() :].strip(_MARKS + "()")
    if not _few_words(behind):
        return ""
    first = len(formulas) - 1
    while first and (between := tail[formulas[first - 1].end() : formulas[first].start()]).strip() and _JOIN.fullmatch(between):
        first -= 1
    if _BOLD.search(last := _content(formulas[-1])):  # the one that is set in bold, of "with T = 12, d = **150**"
        last = _ALIGNED.sub(" ", last)
        return (cut(cut(last, "=")[-1], ",")[-1] if "=" in last else last).rstrip(" .") + _as_unit(behind)
    return ", ".join(_content(each) for each in formulas[first:]) + free + _as_unit(behind)


def _few_words(behind: str) -> bool:
    """Whether what stands behind a formula says no more of it than its unit or what it counts."""
    return len(behind.split()) <= 4 and not re.search(r"\d", behind)


def bold_at_the_end(text: str) -> str:
    """The same, where the formula is set in bold."""
    found = at_the_end(text) if "\\mathbf" in text[-300:] or "\\boldsymbol" in text[-300:] else ""
    return found if _BOLD.search(found) else ""


def _content(match: "re.Match[str]") -> str:
    return next(group for group in match.groups() if group is not None).strip().rstrip(".,")


def _as_unit(word: str) -> str:
    if word in ("%", "\\%", "\u00b0"):
        return word
    return rf"\text{{ {word}}}" if len(word) < 40 and is_unit(word) else ""


_JSON = re.compile(r"[\"'](?:final[_ ]?|correct[_ ]?)?(?:answer|result|答案|最终答案)[\"']\s*+:\s*+", re.IGNORECASE)
_NULL = re.compile(r"(?:null|None)\b|\"\s*\"")
_TAG = re.compile(
    r"<\|begin_of_(?P<framed>box)\|>|<(?P<name>(?:final[_-]?)?answer|final|ans|result|output)>|\[(?P<square>(?:final )?answer)\](?!\()",
    re.IGNORECASE,
)


def tagged(text: str) -> tuple[str, int] | None:
    """What stands in the last <answer> tag, and where; None where there is none."""
    last = None
    for last in _TAG.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    if not last:
        return None
    closing = "<|end_of_box|>" if last["framed"] else f"</{last['name']}>" if last["name"] else f"[/{last['square']}]"
    stop = text.lower().find(closing.lower(), last.end())
    content = text[last.end() : stop if stop >= 0 else len(text)].strip()
    return (content, last.start()) if content else None


def in_json(text: str, start: int) -> tuple[str, int] | None:
    """The last answer in JSON behind `start`, and where it stands; "" for one that is null; None where there is none."""
    for match in reversed(list(_JSON.finditer(text, start))):
        value = "" if _NULL.match(text, match.end()) else _json_value(text[match.end() : match.end() + _LONGEST_VALUE])
        if value or _NULL.match(text, match.end()):
            return value, match.start()
    return None


def _json_value(rest: str) -> str:
    """The JSON value at the start of a text, as text."""
    try:
        value, _ = json.JSONDecoder(strict=False).raw_decode(rest)
    except (ValueError, RecursionError):
        quoted = re.match(r"[\"']([^\"'\n]*+)[\"']|[^,}\n]++", rest)
        return (quoted[1] or quoted[0]).strip() if quoted else ""
    if isinstance(value, list) and all(isinstance(item, str | int | float) for item in value):
        return ", ".join(str(item) for item in value)
    return restored(str(value)) if isinstance(value, str | int | float) else ""
