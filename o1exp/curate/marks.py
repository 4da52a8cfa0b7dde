"""What marks a question that needs a picture, asks for a proof or lists options: patterns of our own, measured in docs/sources.md."""

import re

_PICTURE = r"(?:figures?|diagrams?|pictures?|images?|drawings?|illustrations?|photo(?:graph)?s?|sketch(?:es)?|figs?\.)"
_PLOT = r"(?:graphs?|charts?|plots?|maps?)"
_SHAPE = (
    r"(?:triangles?|rectangles?|squares?|circles?|semicircles?|polygons?|quadrilaterals?|pentagons?|hexagons?|octagons?|trapezoids?|"
    r"parallelograms?|cubes?|prisms?|pyramids?|cylinders?|grids?|boards?|shapes?|solids?|objects?|nets?|spinners?|patterns?|designs?|"
    r"arrangements?|configurations?|circuits?|networks?|mazes?|clocks?|paths?|regions?)"
)
_SIDE = r"(?:(?:on|at|to) (?:the )?(?:right|left)|opposite|alongside)"
_SHOWN = r"(?:shown|pictured|drawn|depicted|illustrated|sketched)"
EMBEDDED = re.compile(
    r"\[asy\]|\\begin\s*\{(?:asy|tikzpicture|pspicture|picture)\}|\\includegraphics|!\[[^\]\n]{0,200}\]\(|"
    r"<\|?(?:img|image|figure|picture|vision_start)(?:_?\d+|here)?\b[^>\n]{0,200}>|\[(?:image|img|figure|picture)\b[^\]\n]{0,20}\]|data:image/",
    re.IGNORECASE,
)
SAID = re.compile(
    rf"\b(?:in|see|from|using|on|to|of|by|with|per|consider|study|consult|examine)\s++(?:(?:the|this|that|each|these|attached)\s++)?"
    rf"(?:figures?|diagrams?|illustrations?|fig\.)(?![A-Za-z])(?!\s+(?:skat|eight|of speech|out))"
    rf"|\bsee\s+(?:the\s+)?(?:{_PICTURE}|{_PLOT})(?![A-Za-z])"
    rf"|(?:^|[.!?:;]\s++|\n[^\S\n]*+)(?:in|from|using) the (?:picture|image|photo|drawing)\b"
    rf"|(?<!\ba )\b(?:figures?|diagrams?|fig\.?)\s*\(?\d+(?:\.\d+)*\b"
    rf"|\b(?:the|an?)\s+(?:accompanying|adjoining|adjacent|following|attached)\s+{_PICTURE}"
    rf"|\bthe\s+(?:accompanying|adjoining|attached)\s+{_PLOT}\b"
    rf"|\b{_PICTURE}\s+(?:is |are )?(?:below|above|{_SHOWN}|provided|{_SIDE})\b"
    rf"|\b{_PLOT}\s+(?:is |are )?(?:below|{_SHOWN}|{_SIDE})\b"
    rf"|\b{_SHOWN}\s+(?:here\s+)?(?:in|on|by)\s+(?:the\s+)?(?:\w+\s+)?(?:{_PICTURE}|graph\b(?! paper))"
    rf"|\b(?:pictured|depicted|{_SHOWN} (?:{_SIDE}))\b(?!\s+(?:by|as)\b)"
    r"|\bthe (?:shown|pictured|depicted) [a-z]+"
    r"|\b(?:fraction|percent(?:age)?|part|portion|proportion|how much) of the [a-z ]{1,30}\b(?:is|are) (?:now )?shaded\b",
    re.IGNORECASE,
)
BESIDE = re.compile(
    rf"\b(?:the|this)\s+(?:\w+\s+)?(?:figure|diagram|illustration|sketch|drawing)\s+(?:\w+ly\s+)?"
    rf"(?:shows?|indicates?|depicts?|illustrates?|represents?|displays?)\b"
    rf"|\bas\s+(?:is\s+)?(?:{_SHOWN}|seen)\b(?!\s+(?:in|by|on|that|to|earlier|before|previously|above in)\b)"
    rf"|\b{_SHAPE}(?:\s+\$?\\?[A-Za-z_]{{0,20}}\s?[A-Z]{{2,8}}\$?)?\s+(?:(?:is|are)\s+)?"
    rf"(?:below(?=\s*[,.:;)?]|\s+(?:is|are|has|have|was|consists?|each|so|into)\b)|(?:shown|pictured)\b(?!\s+(?:to|that)\b))"
    rf"|\b{_SHAPE}(?:(?!example)[^.?!\n]){{0,80}}\b{_SHOWN}\s+(?:below|above|here)\b",
    re.IGNORECASE,
)
SOME = [
    "fig", "diagram", "pict", "image", "draw", "illustrat", "photo", "sketch", "graph", "chart", "plot", "map", "show", "below", "seen",
    "shaded",
]  # fmt: skip
"""One of these stands in all that is said of pictures."""
_TABLE = re.compile(r"\\begin\s*\{(?:array|tabular|[pbv]?matrix|align|aligned|cases)|\n[^\S\n]*+\|.*\|")
"""What may be meant by "as shown" where no picture is named."""
CHINESE_IMAGE_LETTER = "图"
_SEQUENCE = re.compile(r"\\[lc]?dots|\.\.\.|\$\$|\\\]")
_CHINESE_IMAGE = re.compile(
    r"如[上下左右]?图(?!书)|[上下左右]图(?!书)|由图(?!书)|看图|据图|见图|从图|依图|附图|示意图|统计图|"
    r"图(?:中|示|所示|可知|甲|乙|[0-9一二三四五六①②③④(\uff08])"
)
PROVE = re.compile(
    r"\b(?:(?:dis)?prove\b|(?:show|demonstrate|verify|establish|deduce)(?=\s*[,:]?\s*(?:that|why|the following|[\\$]))"
    r"|(?:give|provide|write|present) (?:a|the|your) (?:\w+ )?proof\b)(?:\s*(?:that|:))?|\bproof(?=\s+that\b)",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"\b(?:to|can|could|may|might|will|would|not|cannot|we|you|they|data|studies|records|results|surveys|tests|or)$", re.IGNORECASE
)
"""Before "show that" and "prove that", where nobody is asked to, or may do something else."""
_OF_ANSWER = re.compile(r"\s+(?:it|(?:your|the) (?:answers?|claims?|assertions?|results?))\s*[.!]?\s*(?:\Z|\n)", re.IGNORECASE)
"""Behind "prove", at the end: only the answer that was asked for is to be proved."""
_CLAUSE = re.compile(r"(?:^|[^\w\s]|\d|\b(?:and|then|but|also|please|hence|thus|must))\s*$", re.IGNORECASE)
_LONGEST = 1000
"""Letters of a sentence that are looked at."""
_FIND = re.compile(
    r"\b(?:find|determine|compute|calculate|evaluate|what|which|how many|how much|(?:give|provide|state|write) (?:an|the|your) answer)\b",
    re.IGNORECASE,
)
_CHINESE_PROOF = re.compile(r"求证|试证|(?<!身份)(?<!毕业)(?<!可以)(?<!已经)证明(?!书|信|材料|文件|了)")
_OPTION = tuple(
    tuple(re.compile(style.format(letter)) for letter in "ABC")
    for style in (r"\((?<![\w\\]\()\s*+{0}\s*+\)", r"{0}(?<![\w(\\]{0})\s*+\)", r"{0}(?<![\w(\\]{0})\s*+[.:\uff0e\u3001\uff1a](?=\s|\\|\$)")
)
"""Ways to letter the options of a question, the same for all of them; each begins with the sign itself, which is found fast."""
_SENTENCE = re.compile(r"[.!?。][$)\]*\\]*(?=\s|$)|\n")


def picture_mark(question: str) -> str:
    """The words that say a picture belongs to the question, "" where none do."""
    match = EMBEDDED.search(question) or _CHINESE_IMAGE.search(question)
    lower = question.lower()
    if match is None and any(word in lower for word in SOME):  # the patterns cost much more
        match = SAID.search(question) or (None if _TABLE.search(question) else _beside(question))
    return match[0].strip() if match else ""


def _beside(question: str) -> re.Match[str] | None:
    """Words beside a picture, unless they point at a sequence or formula in the same sentence: 1 - 3 + 5 ..., as shown."""
    for match in BESIDE.finditer(question):
        sentence = _SENTENCE.split(question[: match.start()][-_LONGEST:])[-1]
        if not (match[0].lower().startswith("as ") and _SEQUENCE.search(sentence)):
            return match
    return None


def proof_mark(question: str) -> str:
    """The words that ask for a proof, "" where none do.

    "Find n, or show that there is none" asks for n, and so does "Find n, and prove that it is the least".
    """
    if match := _CHINESE_PROOF.search(question):
        return match[0]
    for match in PROVE.finditer(question):
        before = question[: match.start()]
        if _OF_ANSWER.match(question, match.end()) and _FIND.search(before):
            continue
        if _SAYS.search(before.rstrip()) or not (match[0].endswith("that") or _CLAUSE.search(before)):
            continue
        if not _FIND.search(_SENTENCE.split(before[-_LONGEST:])[-1]):
            return match[0]
    return ""


def options_mark(question: str) -> str:
    """The lettered options that a question lists, "" where it lists none."""
    for style in _OPTION if "B" in question and "C" in question else ():
        first = match = style[0].search(question)
        for letter in style[1:]:
            match = match and letter.search(question, match.end())
        if first and match:
            return question[first.start() : match.end()]
    return ""
