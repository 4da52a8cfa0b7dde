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
_EMBEDDED = re.compile(
    r"\[asy\]|\\begin\s*\{(?:asy|tikzpicture|pspicture|picture)\}|\\includegraphics|!\[[^\]\n]*\]\(|<\|?(?:img|image|figure|picture|vision_start)\b[^>\n]*>|"
    r"\[(?:image|img|figure|picture)\b[^\]\n]{0,20}\]|<image|data:image/",
    re.IGNORECASE,
)
_SAID = re.compile(
    rf"\b(?:in|see|from|using|on|to|of|by|with|per|consider|study|consult|examine)\s+(?:the|this|that|each|these|attached)?\s*"
    rf"(?:figures?|diagrams?|illustrations?|fig\.)(?![A-Za-z])(?!\s+(?:skat|eight|of speech|out))"
    rf"|\bsee\s+(?:the\s+)?(?:{_PICTURE}|{_PLOT})(?![A-Za-z])"
    rf"|(?:^|[.!?:;]\s+|\n\s*)(?:in|from|using) the (?:picture|image|photo|drawing)\b"
    rf"|(?<!\ba )\b(?:figures?|diagrams?|fig\.?)\s*\(?\d+(?:\.\d+)*\b"
    rf"|\b(?:the|an?)\s+(?:accompanying|adjoining|adjacent|following|attached)\s+{_PICTURE}"
    rf"|\bthe\s+(?:accompanying|adjoining|attached)\s+{_PLOT}\b"
    rf"|\b{_PICTURE}\s+(?:is |are )?(?:below|above|{_SHOWN}|provided|{_SIDE})\b"
    rf"|\b{_PLOT}\s+(?:is |are )?(?:below|{_SHOWN}|{_SIDE})\b"
    rf"|\b{_SHOWN}\s+(?:here\s+)?(?:in|on|by)\s+(?:the\s+)?(?:\w+\s+)?(?:{_PICTURE}|graph\b(?! paper))"
    rf"|\b(?:pictured|depicted|{_SHOWN} (?:{_SIDE}))\b(?!\s+(?:by|as)\b)",
    re.IGNORECASE,
)
_BESIDE = re.compile(
    rf"\b(?:the|this)\s+(?:\w+\s+)?(?:figure|diagram|illustration|sketch|drawing)\s+(?:\w+ly\s+)?"
    rf"(?:shows?|indicates?|depicts?|illustrates?|represents?|displays?)\b"
    rf"|\bas\s+(?:is\s+)?(?:{_SHOWN}|seen)\b(?!\s+(?:in|by|on|that|to|earlier|before|previously|above in)\b)"
    rf"|\b{_SHAPE}(?:\s+\$?\\?[A-Za-z_]*\s*[A-Z]{{2,8}}\$?)?\s+(?:(?:is|are)\s+)?(?:below(?=\s*[,.:;)?]|\s+(?:is|are|has|have|was|consists?|each|so|into)\b)|(?:shown|pictured)\b(?!\s+(?:to|that)\b))"
    rf"|\b{_SHAPE}(?:(?!example)[^.?!\n]){{0,80}}\b{_SHOWN}\s+(?:below|above|here)\b",
    re.IGNORECASE,
)
_TABLE = re.compile(r"\\begin\s*\{(?:array|tabular|[pbv]?matrix|align|aligned|cases)|\n\s*\|.*\|")
"""What may be meant by "as shown" where no picture is named."""
_CHINESE_IMAGE = re.compile(
    r"如[上下左右]?图(?!书)|[上下左右]图(?!书)|由图(?!书)|看图|据图|见图|从图|依图|图(?:中|示|所示|可知|甲|乙|[0-9一二三四五六①②③④(\uff08])|附图|示意图|统计图"
)
_PROVE = re.compile(
    r"\b(?:(?:dis)?prove\b|(?:show|demonstrate|verify|establish|deduce)(?=\s*[,:]?\s*(?:that|why|the following|[\\$]))"
    r"|(?:give|provide|write|present) (?:a|the|your) (?:\w+ )?proof\b)(?:\s*(?:that|:))?|\bproof(?=\s+that\b)",
    re.IGNORECASE,
)
_SAYS = re.compile(
    r"\b(?:to|can|could|may|might|will|would|not|cannot|we|you|they|data|studies|records|results|surveys|tests|or)$", re.IGNORECASE
)
"""Before "show that" and "prove that", where nobody is asked to, or may do something else."""
_CLAUSE = re.compile(r"(?:^|[^\w\s]|\d|\b(?:and|then|but|also|please|hence|thus|must))\s*$", re.IGNORECASE)
_FIND = re.compile(r"\b(?:find|determine|compute|calculate|evaluate|what|which|how many|how much)\b", re.IGNORECASE)
_CHINESE_PROOF = re.compile(r"求证|试证|(?<!身份)(?<!毕业)(?<!可以)(?<!已经)证明(?!书|信|材料|文件|了)")
_OPTION = tuple(
    re.compile(r".*?".join(style.format(letter) for letter in "ABC"), re.DOTALL)
    for style in (r"(?<![\w\\])\(\s*{}\s*\)", r"(?<![\w(\\]){}\s*\)", r"(?<![\w(\\]){}\s*[.:\uff0e\u3001\uff1a](?=\s|\\|\$)")
)
"""Ways to letter the options of a question, the same for all of them."""
_SENTENCE = re.compile(r"[.!?。][$)\]*\\]*(?=\s|$)|\n")


def picture_mark(question: str) -> str:
    """The words that say a picture belongs to the question, "" where none do."""
    for pattern in (_EMBEDDED, _SAID, _CHINESE_IMAGE):
        if match := pattern.search(question):
            return match[0].strip()
    match = None if _TABLE.search(question) else _BESIDE.search(question)
    return match[0].strip() if match else ""


def proof_mark(question: str) -> str:
    """The words that ask for a proof, "" where none do.

    "Find n, or show that there is none" asks for n, and so does "Find n, and prove that it is the least".
    """
    if match := _CHINESE_PROOF.search(question):
        return match[0]
    for match in _PROVE.finditer(question):
        before = question[: match.start()]
        if _SAYS.search(before.rstrip()) or not (match[0].endswith("that") or _CLAUSE.search(before)):
            continue
        if not _FIND.search(_SENTENCE.split(before)[-1]):
            return match[0]
    return ""


def options_mark(question: str) -> str:
    """The lettered options that a question lists, "" where it lists none."""
    match = next((match for style in _OPTION if (match := style.search(question))), None)
    return match[0] if match else ""
