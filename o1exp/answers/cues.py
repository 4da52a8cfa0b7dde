"""Answers that a text announces ("the answer is", "Answer: B", 故选C, {"answer": 42}), in English and Chinese.

An announcement is explicit where it speaks of the answer or of a choice; "the roots are" and 所以...是 only hint at one.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from o1exp.answers.glyphs import MONEY
from o1exp.answers.marked import first_formula, in_json, with_followers
from o1exp.answers.prose import first_expression, last_expression
from o1exp.answers.tokens import FUNCTIONS
from o1exp.answers.units import said_twice

_SPACE = r"[^\S\n]*+"
_STRONG = r"(?:\*\*|__|\*)?"
_COLON = r"[:\uff1a]"
_EXPLICIT = re.compile(
    # the answer is, Answer:, answer to the question =
    rf"(?<![\w\"'])(?:(?:final|correct|right)\s*+)?answers?\b{_SPACE}(?:choice|option)?{_SPACE}{_STRONG}{_SPACE}"
    r"(?:(?P<part>(?:to|for) (?:(?:the )?(?:first|second|third|next|last|other|previous) \w+|(?:part|question|step)s? \(?\w{1,3}\b\)?)\s*+)"
    r"|(?:to|for) (?:this|the)(?: \w+){1,2}\s*+|\([^()\n]{1,30}\)\s*+)?"
    r"(?:(?:is|are)(?:n['\u2019]t|\s+not)\s+[^.,;\n]{1,30}[,;]\s+(?:but|it['\u2019]s|it is)\s"
    rf"|(?:is|are)(?!n['\u2019]t)|would be|will be|should be|must be|comes out (?:to|as)|=|{_COLON})(?:\s*+{_COLON})?{_STRONG}"
    # Final Answer as a heading
    rf"|(?<!\w)(?:final answer|final result){_SPACE}{_STRONG}{_SPACE}{_COLON}?{_SPACE}{_STRONG}(?=\s*\n)"
    rf"|\b(?:my|our|the) (?:final )?(?:choice|pick|selection|guess)\s*+(?:is|would be|{_COLON})"
    rf"|^[^\w\n]*+(?:the |my )?answer\W*$|^{_SPACE}(?:\*\*)?(?:A|Ans)\.?(?:\*\*)?{_COLON}"
    r"|\b(?:correct|right|best) (?:option|choice|statement|one)s?\b\s*+(?:is|are|:)"
    # 答案是, 【答案】, 答:, 正确的是
    rf"|(?:最终|正确|参考|最后)?(?:的)?(?:答案|结果)(?:应该|应当|应)?(?:是|为|选|等于)?[\u3011\uff3d\]]?\s*+{_COLON}?\**"
    rf"|(?:^|[\u3002\n])[^\S\n]*+答\s*+{_COLON}"
    rf"|正确(?:的)?(?:选项|说法|结论|命题|序号|有)?(?:应该|应)?(?:是|为|有)\s*+{_COLON}?",
    re.IGNORECASE | re.MULTILINE,
)
_HINT = re.compile(
    r"\b(?:solutions|roots|values|zeros)\b(?: of [^.\n]{1,30}?)? (?:are|is)\b\s*+:?"
    rf"|(?:因此|所以|故|综上)[^\u3002\n]{{0,12}}?(?:等于|是|为)\s*+{_COLON}?",
    re.IGNORECASE,
)
_LETTER = r"\(?\**\(?[A-J]\b\)?\**"
_LETTERS = rf"{_LETTER}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){_LETTER}){{0,5}}+"
_CHOICE = re.compile(
    rf"\b(?:[Oo]ptions?|[Cc]hoices?|[Ss]tatements?|[Aa]nswers?)\s+(?P<named>{_LETTERS})\s+(?:is|are|must be)\s+(?:therefore\s+)?(?:the\s+)?"
    r"(?:only\s+)?(?:correct|right|true|best|answer)"
    rf"|(?<!nor )(?<!not )(?<!angle )(?<!ll but )(?<!except )(?<![\w(*])(?P<said>{_LETTERS})\s+(?:is|are|(?:must|has to|have to) be)\s+"
    rf"(?:therefore\s+)?(?:the\s+)?(?:only\s+)?"
    r"(?:correct|right|best|answer)(?:\s+(?:answer|option|choice|one))?(?=\s*[.,;:!)\n\u3002*]|\s+(?:because|since|as)\b|\s*$)"
    rf"|\b[Oo]nly\s+(?:(?:option|choice|statement|answer)\s+)?(?P<only>{_LETTER})\s+(?:is|works|fits|holds|remains|satisfies|matches|agrees)\b"
    rf"|\b(?:leaves|leaving)\s+(?:us\s+with\s+)?(?:only\s+)?(?:(?:option|choice|answer)\s+)?(?P<left>{_LETTER})(?=\W*(?:\n|\Z))"
    rf"|(?:\b(?:[Ww]hich|[Tt]his|[Tt]hat|[Ii]t)\s+(?:is|corresponds to|matches|equals|agrees with)|\()\s*"
    rf"(?:the\s+)?(?:answer\s+)?(?:[Oo]ption|[Cc]hoice)\s+"
    rf"(?P<beside>{_LETTER})(?=\W*(?:\n|\Z))"
    rf"|\b(?:pick|choose|chose|select|go with|going with)\s+(?:(?:the\s+)?(?:option|choice|answer"
    rf"|letter)\s+)?(?P<picked>{_LETTER})(?![\w'])"
    rf"|\b(?:[Hh]ence|[Ss]o|[Tt]hus|[Tt]herefore),?\s+(?:(?:it is|it's|it must be|the)\s+)?(?:option|choice"
    rf"|answer)\s+(?P<hence>{_LETTER})(?=[\s.!,;]|$)"
    rf"|\b(?:[Ii]t|[Tt]his|[Tt]he answer)\s+(?:must be|has to be)\s+(?P<must>{_LETTER})(?=,?\s+not\s|\.?\s*\Z)"
    rf"|(?<![\w(*])(?P<over>{_LETTER}),?\s+(?:and\s+)?not\s+(?:option\s+)?{_LETTER}(?=\W*\Z)"
    r"|(?:(?<![不未误能法])|(?<=只能))选(?:择|项)?(?:答案|选项)?\s*[:\uff1a]?\s*[\uff08(]?\s*(?P<chosen>[A-J](?:[\u3001,\uff0c和与]?\s?[A-J])*+)(?![A-Za-z])(?!\s*[\uff09)]?\s*(?:选项)?[中的]?"
    r"\s*(?:不|错|误|[:\uff1a]))"
    r"|(?<![A-Za-z])(?P<right>[A-J])\s*(?:选项|项)?\s*(?:是|为)?(?:正确|对)的?(?=[\u3002\uff0c,.\s]|$)"
)
_ITS = r"(?:(?:it|that)(?:['\u2019]s| is| must be| should be)|the (?:correct |right )?(?:answer|one|option|choice) is)"
_ENDS = r"(?=[)*]{0,3}(?:[.!\u3002]?\s*(?:\n|\Z)|[.;!\u3002]))"
_INSTEAD = re.compile(
    # B is not correct, A is; A, B and C are wrong, so D
    rf"(?:\bnot\b|n['\u2019]t\b|\b(?:incorrect|wrong|false|eliminated|excluded|ruled out)\b)[^.\n\u3002]{{0,40}}?"
    rf"(?:[,;.]\s+(?:(?:and|but|while|whereas)\s+)?(?:option\s+|choice\s+)?(?P<other>{_LETTER})\s+(?:is|must be|has to be){_ENDS}"
    rf"|[,;]?\s+(?:so|leaving|hence|thus)\s+(?:only\s+)?(?:it is\s+)?(?:option\s+)?(?P<left>{_LETTER}){_ENDS})"
    # not B but A; it's not B, it's A; I first thought B, but it's A
    rf"|\b[Nn]ot\s+(?:option\s+)?{_LETTER}[,;.]?\s+(?:but\s+)?(?:rather\s+|instead\s+|[Ii]t(?:['\u2019]s| is)\s+)?"
    rf"(?:option\s+)?(?P<but>{_LETTER}){_ENDS}"
    rf"|(?<![\w(*]){_LETTER},?\s+but\s+{_ITS}\s+(?:actually\s+|really\s+|in fact\s+)?(?P<really>{_LETTER}){_ENDS}"
    # Sorry, it is A; Correction: A
    rf"|\b(?:[Ww]ait|[Ss]orry|[Oo]ops|[Cc]orrection|[Aa]ctually|[Nn]o)\b[,:.!]?\s+(?:no,?\s+|[Aa]ctually,?\s+)?"
    rf"(?:{_ITS}\s+(?:actually\s+)?)?(?P<corrected>\(?[A-HJ]\b\)?|(?<=is )I\b){_ENDS}"
    rf"|不是\s?{_LETTER}[,\uff0c]?\s?(?:而)?(?:应该?)?是\s?(?P<rather>{_LETTER})(?=\W*(?:\n|\Z))"
)
_PUT_RIGHT = re.compile(
    r"\b(?:[Cc]orrection\s*:|(?:[Nn]o|[Ww]ait|[Ss]orry|[Oo]ops|[Aa]ctually)\b[,.!:]?\s+(?:[Nn]o,\s+|[Aa]ctually,?\s+)?"
    r"(?:[Ii]t|[Tt]hat)(?:['\u2019]s| is| should be| must be)|[Ii]t should (?:actually |really )?(?:be|have been))\s+(?=[^\n]{1,60}\Z)"
    r"(?!wrong|right|correct|not)"
)
_LAST = 300  # letters at the end in which a letter may be put right
_ANY_LETTER = re.compile(r"(?<![A-Za-z])[A-J]{1,6}(?![A-Za-z])")
_LONE_LETTER = re.compile(r"(?:\A|\n)[^\w\n]{0,8}(?:[Oo]ption |[Cc]hoice )?([A-J]|[Yy]es|[Nn]o|[Tt]rue|[Ff]alse|是|否)[^\w\n]{0,8}\Z")
_REASONED = re.compile(
    r"(?:\A|\n)[^\w\n]{0,8}([Yy]es|[Nn]o)\**[,.;:]?\**\s+(?:because|since|as|"
    r"(?:it|they|this|that|there) (?:is|are|does|do|can|has|have|will)(?:n['\u2019]t)?)\b[^\n]{1,300}\Z"
)
_VERDICT = re.compile(
    r"(?:\A|\n)[^\w\n]{0,6}\*\*([Yy]es|[Nn]o)[,.]?\*\*[,.:;]?\s[^\n]{1,300}\Z|\?\s+([Nn]o|[Yy]es),\s[^\n?]{1,200}\Z"
    r"|\b(?:[Ss]tatement|[Cc]laim|[Pp]roposition|[Aa]ssertion|[Cc]onjecture) is (?:therefore |thus |always )?"
    r"\**([Tt]rue|[Ff]alse)\b[^\n.?]{0,200}[.\s*]*\Z"
)
_OPTION = re.compile(r"(?:\A|\n)\s{0,3}\*\*(\(?[A-J][).:]\s[^\n*]{1,40})\*\*[.\s]{0,3}\Z")
_OPTION_ALONE = re.compile(r"\A\s{0,3}(\(?[A-J](?:\)|[.:]\s)\s?[^\s\n][^\n]{0,40})\Z")
_YES = re.compile(r"\A\W{0,4}([Yy]es|[Nn]o)\b[,.]\s[^\n?\d]{1,200}\Z")
_STRESSED = re.compile(r"\s\*\*([A-Za-z][A-Za-z -]{1,30})\*\*[.!\s]{0,4}\Z")
_IS = re.compile(
    r"\b(?:is|was|equals|becomes|(?:is|are) called)\s(?:an?\s|the\s)?\**"
    r"(?!(?:it|that|this|all|done|complete|clear|not|follows|proved|required|shown)\b)([A-Za-z-]{2,20}(?: [a-z-]{2,20})?)\**[.!]?\Z"
)
_NUMERAL = re.compile(
    "(?:\\A|[有是为得剩共下了到于出要需])((?:负|[零〇一二两三四五六七八九十百千万亿又]|分之|百分之){1,16}[个只条人本支张天元岁次块棵辆名米种页]?)[\u4e00-\u9fff]{0,2}[。.\uff01!\\s]{0,4}\\Z"
)
_HASHES = re.compile(r"(?<!#)####(?!#)[ \t]*+([^\n]*)")
_HEADING = re.compile(r"[\u4e00-\u9fff]{2,}|^\d+[.)]\s|\d\W*:\W*$")
_WORD = re.compile(r"(?<!\\)(?<![A-Za-z])[A-Za-z]{3,}")
_LETTER_OR_VERDICT = re.compile(r"\(?[A-J]\)?|yes|no|true|false|是|否", re.IGNORECASE)
_SUPPOSED = re.compile(r"\b(?:if|had|were)\b[^.!?\n]{0,160}\Z", re.IGNORECASE)
_IF = re.compile(r"[^.!?\n]{0,40}?\bif\b", re.IGNORECASE)
_ANOTHER = re.compile(
    r"\b(?:check|verify|confirm|checking|verifying|(?:check|verify|confirm)(?:ing)? (?:our|the|this|that|my|your|if (?:our|the))"
    r"|this|your|his|her|their|wrong|incorrect|mistaken|naive|tempting|trap|common|initial|earlier|previous|old|student's|someone's)\s\Z"
    r"|(?:错误|常见|原来|先前)的?\Z",
    re.IGNORECASE,
)
_CALCULATED = re.compile(
    r"\s*(?:(?:more|less|fewer|greater) than|times|of\s+\d+)\b[^.\n]{0,60}?(?:\bthat is\b|\bi\.e\.|\bwhich (?:is|equals)\b|=)",
    re.IGNORECASE,
)
_COMMENT = re.compile(
    r"\s*+(?:in|not)?\s?(?:correct|incorrect|right|wrong|clear|helpful|reasonable|unique|verified|consistent|confirmed|obvious|given|found|based|"
    r"rounded|valid|close|required|an? integer|above|below|boxed|in the box|see above|therefore\s*+$|shown|explained|as follows)\b",
    re.IGNORECASE,
)
_SENTENCE_END = re.compile(
    r"\n\s*\n|\n(?=\s*\S)|\u3002|\uff01|(?<!i\.e)(?<!e\.g)(?<!\bvs)[.?](?=\s|$|\*)|(?<!!)!++(?=\s|$|\*)|!{3,}|\uff1b|\uff0e"
)
_ASIDE = re.compile(
    r"(?<!\s)(?:,?\s+(?:or\s+)?[\u00a4$\u20ac\u00a3]?[\d.,]+\s+(?:more|less|fewer|greater|higher|lower|each|per)\b"
    r"|(?<=\d)\s+(?:for|at|after|from|per)\s+(?:the\s+|a\s+)?[\u00a4\d]|\s\((?:=|\u00a4)|,\s+or\s+\u00a4)|(?<!\s)\s*+(?:\((?:since"
    r"|because|as|note|which|where|i\.e\.|that is|approximately|not|from|see|using|instead|rounded"
    r"|rather|the (?:sum|product|difference|quotient))\b|,?\s*+\b(?:because|since|"
    r"which|where|as (?:shown|we|required|desired|expected)|so that|when|given that)\b"
    r"|,\s*+(?:i\.e\.|e\.g\.)|,\s*+(?:as|not|so|but|and not|rather than|for)\b|(?<=\s)(?:[\u2014\u2013]+|-{2,})(?=\s)"
    r"|(?<=\s)-\s+(?=[A-Za-z]{2,}|a\s)"
    r"|;\s+(?=(?:it|so|this|that|the|we|since|because|note|see|as|for|not|but|there|here)\b)"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff]|(?<=\s)[:;]-?\)|~$|\uff0c\s*+(?:因为|其中|而|共|理由|不|所以|即|也就是|故|此时|由|原因)|\uff08)",
    re.IGNORECASE,
)
_LEADING = re.compile(
    r"^(?:\s|\*|:|\uff1a|=|`|_(?=\w)|>|[-\u2014\u2013]{2,}|[-\u2014\u2013](?=\s)|~(?=\s))+"
    r"|^(?:that|therefore|thus|hence|simply|just|indeed|probably|clearly|exactly|obviously)\b[,\s]*"
    r"|^(?:I (?:think|believe|would say|guess|am (?:confident|sure))\s*(?:that\s*)?)?(?:it is|it's|it must be|this is)\s+"
    r"|^not [^\n.]{1,40}? but\s+|^(?:json|text|latex)\s*\n|^(?:the )?letter\s+(?=\W*[A-J]\b)|^应?(?:该|当)?(?:是|为|选)(?:择"
    r"|项)?(?!的?[\uff0c,\u3002\s]|的?$)|^(?:我认为|可能)(?:是)?",
    re.IGNORECASE,
)
_LIST = re.compile(r"\s?[,;\u3001\uff0c]\s?(?:(?:and|or)\s)?|\s(?:and|or)\s|[和或]")
_LONE = re.compile(r"[-\u2212+]?\s?[\u00a4\u20ac\u00a3\u00a5\uffe5\u20b9]?\s?[\d.,/]*\d[^=\d]*")
_MODULAR = re.compile(r"\s*\(?(?:mod|in base|base|/|[-+*=<>]|\\)")
_DENIED = re.compile(r"not\b|不是|不为|并非", re.IGNORECASE)
_FENCE = re.compile(r"^`{3,}\w*+\s*+|`{3,}\s*+$")
_DIGIT = re.compile(r"\d")
_CHINESE = re.compile("[\u4e00-\u9fff]")
_CLAUSE = re.compile(r"\s*(?![或和与且以])[\u4e00-\u9fff]{2,}")
_MARKS = "*`_ \t\n.,;:~\u3002\uff0c\uff0e\uff01\ufe0f"
_MOST_WORDS = 6
_SPAN = 600
_REACH = 200  # letters of the next lines that an announcement may look at
_ANNOUNCING = (
    "answer", "result", "ans", "a:", "a\uff1a", "choice", "pick", "selection", "guess", "option", "statement", "答", "结果", "正确",
)  # fmt: skip
_CHOOSING = (
    "leav", " correct", " right", " best", " answer", " true", "only", "pick ", "choos", "chose ", "select ", "go with", "going with",
    "option", "choice", "it must be", "this must be", "answer must be", "has to be", ", not ",
    "选", "正确", "对",
)  # fmt: skip
_DENYING = (
    "not ", "n't", "n\u2019t", "correct", "wrong", "false", "eliminated", "excluded", "ruled out",
    "ait", "orry", "ops", "orrection", "ctually", "No", "no,", "should be", "should have", "but it", "but that", "but the", "不是",
)  # fmt: skip
_HINTING = ("solutions", "roots", "values", "zeros", "因此", "所以", "故", "综上")


@dataclass(frozen=True)
class Announced:
    """What was announced, where, and how (cue, hashes; none: that there is no answer); not `firm` where it may be no more than a remark."""

    text: str
    place: int
    method: str = "cue"
    firm: bool = True


def announced(text: str) -> Announced | None:
    """The last explicit announcement that holds an answer."""
    said = _in_words(text)
    start = said.place if said else 0
    later = [_chosen(text, start), _corrected(text, start), _hashed(text, start)]
    if value := in_json(text, start):
        later.append(Announced(*value) if value[0] else Announced(*value, "none", firm=False))
    return max((one for one in (said, *later) if one), key=lambda one: one.place, default=None)


def hinted(text: str) -> str:
    """What the last "so that is" announces, or the letter that is the last line; "" where there is none."""
    text = text.rstrip()
    ending = text[text.rfind("\n", 0, max(0, text.rfind("\n"))) + 1 :]  # two lines
    whole = text if len(ending) == len(text) else ""
    if (
        last := _LONE_LETTER.search(ending)
        or _OPTION.search(ending)
        or _OPTION_ALONE.match(whole)
        or _YES.match(whole)
        or _REASONED.search(ending)
        or _VERDICT.search(ending)
        or _STRESSED.search(ending)
        or _NUMERAL.search(text[-40:])
    ):
        return last[last.lastindex or 1]
    for start, stop in _lines(text, _HINTING):
        for match in reversed(list(_HINT.finditer(text, start, stop))):
            if found := _phrase(text[match.end() : match.end() + _SPAN]):
                return found
    return ""


def last_word(text: str) -> str:
    """The word that the last sentence ends with, where it says what something is: "So the day is Monday."."""
    found = _IS.search(text.rstrip()[-_LAST:])
    return found[1] if found else ""


def _lines(text: str, words: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    """Where the lines start and end in which one of the words stands, the last first; others need no pattern to be tried."""
    stop, lowered = len(text), text.lower()
    if len(lowered) != stop:  # a letter whose small form is longer
        lowered = text
    present = [word for word in words if word in lowered]
    while stop > 0 and present:
        start = text.rfind("\n", 0, stop - 1) + 1
        if any(lowered.find(word, start, stop) >= 0 for word in present):
            yield start, stop
        stop = start


def _in_words(text: str) -> Announced | None:
    """The last "the answer is" behind which an answer stands; a remark about it ("is correct") where there is nothing else."""
    remark = None
    for start, stop in _lines(text, _ANNOUNCING):
        for match in reversed([match for match in _EXPLICIT.finditer(text, start, stop + _REACH) if match.start() < stop]):
            before = max(start, match.start() - _REACH)
            if _SUPPOSED.search(text, before, match.start()) and "would" in match[0].lower():
                continue  # "if order mattered, the answer would be 48"
            if "would" in match[0].lower() and _IF.match(text, match.end()):
                continue  # "the answer would be 48 if order mattered"
            if _ANOTHER.search(text, max(before, match.start() - 30), match.start()):
                continue
            if found := _phrase(text[match.end() : match.end() + _SPAN]):
                if not _COMMENT.match(found) and not match["part"]:
                    return Announced(found, match.start())
                remark = remark or Announced(found, match.start(), firm=False)
    return remark


def _chosen(text: str, start: int) -> Announced | None:
    """The last letter that is said to be chosen or correct."""
    for begin, stop in _lines(text, _CHOOSING):
        if stop <= start:
            break
        if not _ANY_LETTER.search(text, begin, stop):
            continue
        for match in reversed(list(_CHOICE.finditer(text, max(begin, start), stop))):
            letter = re.sub(r"[*()\s]+", " ", match[match.lastgroup or 0]).strip()
            value = last_expression(text[begin : match.start()]) if match["beside"] else ""
            return Announced(f"({letter}) {value}" if value else letter, match.start())
    return None


def _corrected(text: str, start: int) -> Announced | None:
    """What the end of the text puts in the place of a letter, or of an answer that was announced before."""
    last, end = None, max(start, len(text) - _LAST)
    if not any(text.find(word, end) >= 0 for word in _DENYING):
        return None
    for last in _INSTEAD.finditer(text, end):  # noqa: B007 - the last one is wanted
        pass
    if start and (said := _PUT_RIGHT.search(text, end)) and _DIGIT.search(found := _phrase(text[said.end() :])) and len(found.split()) < 4:
        return Announced(found, said.start())
    return Announced(re.sub(r"[*()\s]+", "", last[last.lastgroup or 0]), last.start(last.lastgroup or 0)) if last else None


def _hashed(text: str, start: int) -> Announced | None:
    """`#### 18`: a line that holds an answer. `#### Step 2` is a heading: words, with more text behind it."""
    last, end = None, len(text.rstrip())
    for match in _HASHES.finditer(text, start):
        content = match[1].strip().strip("*").rstrip(". ")
        if _EXPLICIT.search(content):  # "#### The answer is 7" is found as what it says
            continue
        if content and (match.end() >= end or _stands_alone(content)):
            last = Announced(content, match.start(), "hashes")
    if last and len(last.text.split()) > _MOST_WORDS:
        return Announced(last_expression(last.text) or last.text, last.place, "hashes")
    return last


def _stands_alone(content: str) -> bool:
    """Whether a line behind #### is an answer and no heading."""
    expression, rest = first_expression(content)
    if _LETTER_OR_VERDICT.fullmatch(content) or (expression and not rest.strip()):
        return True
    return bool(_DIGIT.search(content)) and not _HEADING.search(content) and set(_WORD.findall(content)) <= FUNCTIONS


def _phrase(rest: str) -> str:
    """The answer at the start of what follows an announcement."""
    rest = _FENCE.sub("", rest.lstrip(" \t:*\n"))
    while (lead := _LEADING.match(rest)) and lead.end():
        rest = rest[lead.end() :]
    if _DENIED.match(rest):
        return ""
    end = _SENTENCE_END.search(rest)
    formula = first_formula(rest, end.start() if end else len(rest))
    if formula and not _DIGIT.search(rest[: formula.start()]) and len(rest[: formula.start()].split()) <= 12:
        return with_followers(rest, formula)
    sentence = rest[: end.start()] if end else rest
    if both := said_twice(sentence):
        return both[0]
    first, behind = first_expression(sentence.lstrip("*_` "))
    if first and (sum_up := _CALCULATED.match(behind)):
        return last_expression(behind[sum_up.end() :])  # "5 more than 7, that is, 12"
    if _LONE.fullmatch(first) and _DIGIT.search(behind) and not _is_list(sentence.strip(_MARKS)) and not _MODULAR.match(behind):
        return first  # "12, which is 3 more than 9"
    aside = _ASIDE.search(sentence)
    sentence = _first_clause((sentence[: aside.start()] if aside and aside.start() else sentence).strip(_MARKS).replace("**", ""))
    if not sentence:
        return ""
    wordless = not set(re.findall(r"[A-Za-z]{2,}", sentence)) - {"and", "or"}
    if wordless or len(sentence.split()) <= _MOST_WORDS or re.match(r"[(\[\\]", sentence):
        return _without_lead(sentence)
    return first or last_expression(sentence) or sentence


def _first_clause(sentence: str) -> str:
    """What stands before a Chinese comma, where another clause stands behind it and not another part of the answer."""
    first, comma, rest = sentence.partition("\uff0c")
    return first if comma and len(_CHINESE.findall(first)) <= 2 and _CLAUSE.match(rest) else sentence


def _is_list(sentence: str) -> bool:
    """Whether a sentence is nothing but quantities: 7 chickens, 12 rabbits."""
    pieces = [piece.split() for piece in _LIST.split(sentence)]
    return all(0 < len(words) <= 3 and _DIGIT.search(words[0]) and not {"not", "which"} & set(words) for words in pieces)


def _without_lead(sentence: str) -> str:
    """A short announcement without the words around its one number."""
    if len(re.findall(r"\d[\d,.]*", sentence)) != 1:
        return sentence
    words = re.findall(r"[A-Za-z]{2,}", sentence)
    if len(_CHINESE.findall(sentence)) > 3 or (len(words) >= (2 if MONEY in sentence else 3) and not re.search(r"[\\=<>^]", sentence)):
        return last_expression(sentence) or sentence
    return sentence
