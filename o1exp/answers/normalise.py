"""Bring an answer to one spelling. Nothing is ever evaluated."""

import re

from o1exp.answers.glyphs import COMMANDS, MONEY, ROW, SET_CLOSE, SET_OPEN, TEXT_CLOSE, TEXT_OPEN, THIN, UNIT_VECTORS, plain_glyphs
from o1exp.answers.tokens import FUNCTIONS

LONGEST = 2000  # letters; a longer answer is compared as it is written

_PLAIN_INTEGER = re.compile(r"-?\d+")
_WRAPPED = re.compile(r"^\\(?:f?boxed|fbox|framebox)\s*(?:\{(.*)\}|(?<=\s)([^\s{]\S*))$", re.DOTALL)
_LISTED = re.compile(r"\[\s*([\"'])(.*)\1\s*\]", re.DOTALL)
_BETWEEN_QUOTES = re.compile(r"[\"']\s*,\s*[\"']")
_EATEN = re.compile(
    r"[\x08\x0c\x07\x0b\t\r](?=(?:(?<=\x08)(?:oxed|egin|inom|eta\b|ar\b|ig|oldsymbol|mod|ullet)|(?<=\x0c)(?:rac|box|loor|orall|ramebox)|(?<=\x07)"
    r"(?:lpha|pprox|ngle|rc|st)|(?<=\x0b)(?:ec\b|ee\b|ert)|(?<=\t)(?:ext|imes|heta|frac|an\b|au\b|riangle|binom)|(?<=\r)(?:ight|ho\b|angle|floor|ceil)))"
)
_ESCAPES = {"\x08": "\\b", "\x0c": "\\f", "\x07": "\\a", "\x0b": "\\v", "\t": "\\t", "\r": "\\r"}
_ONE_BACKSLASH = re.compile(r"(?<!\\)\\(?!\\)")
_DOUBLED = re.compile(r"\\\\([A-Za-z]{2,})")
_SIZED = re.compile(r"\\(?:left|right)(?![A-Za-z])\s*\.?")
_ANGLED = re.compile(r"<([^<>=]+,[^<>=]+)>")
_IMAGINARY = re.compile(r"(?<=[\d)])j")
_VECTORS = str.maketrans(dict(zip("ijk", UNIT_VECTORS, strict=True)))
_GROUPED = re.compile(r"(?<=\d),\s?\\[!,]\s?(?=\d{3}(?!\d))")
_SPACING = re.compile(r"\\[,:>]|\\thinspace(?![A-Za-z])|(?<!\\)~")
_NOTHING = re.compile(r"\\!|\\(?:hspace|vspace|phantom|label|tag|color|textcolor)\*?\s*\{[^{}]*\}|&(?=\s*=)")
_MATH_MARKS = re.compile(r"\\[()\[\]](?!\d*(?:\.\d+)?(?:pt|em|ex|cm|mm)\])|(?<!\\)\$")
_TEXT = re.compile(
    r"\\(?:text(?:bf|it|rm|sf|tt|normal|up)?|mathrm|mathbf|mathsf|mathit|mathtt|mbox|hbox|operatorname\*?|boldsymbol|"
    r"bold|bm|emph|unit|si)\s*\{((?:[^{}]|\{[^{}]*\})*+)\}"
)
_PRODUCT_END = re.compile(r"(?<=\})\s*\\(?:cdot|[,; ])\s*$")
_TIMES = re.compile(r"\\(?:cdot|times|centerdot)(?![A-Za-z])")
_BARE_TEXT = re.compile(r"\\(?:text|mathrm|mathbf|mbox|operatorname)\s+([A-Za-z])")
_ARROWED = re.compile(
    r"\\(?:vec|hat|bar|tilde|widehat|overrightarrow|mathcal|mathscr|mathfrak|mathnormal|widetilde|overline(?=\s*\{[A-Z]{2}\}))"
    r"\s*(?:\{([^{}]*)\}|([A-Za-z]))"
)
_UNIT_VECTOR = re.compile(
    r"\\(?:mathbf|boldsymbol|bold|bm|vec|hat|widehat|textbf)\s*+\{\s*+(?:\\(?:mathbf|boldsymbol|bold)\s*+\{)?"
    r"\s*+\\?([ijk])(?:math)?\s*+\}+"
)
_DOUBLE_STRUCK = re.compile(r"\\(?:mathbb|Bbb|mathds)\s*+\{?+\s*+([RZNQCF])\s*+\}?")
_COMMAND = re.compile(r"\\([A-Za-z]+)[ \t]*")
_DEGREE = re.compile(r"\^\s*(?:\{\s*\u00b0\s*\}|\u00b0)|(?<!\s)\s+\u00b0")
_PRIMES = re.compile(r"\^\s*(?:\{\s*('+)\s*\}|(?='))")
_BARE_FRACTION = re.compile(r"\\frac\s*(?:\{([^{}]*)\}|([0-9A-Za-z\u0370-\u03ff]))\s*(?:\{([^{}]*)\}|([0-9A-Za-z\u0370-\u03ff]))")
_THOUSANDS = re.compile(r"(?<![\d.,])(\d{1,3})((?:,\d{3})+)(?![\d,])")
_GAPS = re.compile(rf"(?<![\d.,])(\d{{1,3}})((?:{THIN}\d{{3}})+)(?!\d)")
_PLAIN_GAPS = re.compile(r"-?\d{1,3}(?: \d{3})+(?:\.\d+)?")
_BRACED_COMMA = re.compile(r"(?<=\d)\{,\}(?=\d)")
_MARKDOWN = re.compile(r"(?<![\w)\]}])\*\*+|\*\*+(?![\w(\[{\\])|__+(?=\w)|(?<=\w)__+|`")
_SPACES = re.compile(r"\s+")
_KEPT = frozenset("frac sqrt begin end overline dot sum prod lim int pmod bmod underbrace overbrace Re Im arg widehat triangle".split())
_TYPESET = frozenset("text mathrm mathbf mathbb left right boxed dfrac tfrac mathit operatorname textbf".split())
_LONGEST_COMMAND = max(map(len, [*COMMANDS, *FUNCTIONS]))
_UNIT_LETTERS = frozenset("mshgLlNJWVACFKt")
_CHOOSE = re.compile(r"\{((?:[^{}\\]|\\(?!(?:choose|over)(?![A-Za-z])))+)\\(choose|over)(?![A-Za-z])([^{}]++)\}")
_WHOLE_OVER = re.compile(r"\A\s*+([^{}\\=]++)\\over(?![A-Za-z])\s*+([^{}\\=]++)\Z")
_BOLD = ("\\mathbf", "\\boldsymbol", "\\bold", "\\bm", "\\textbf")
_SPACED_DIGITS = re.compile(r"(?<![\d.])\d(?: [\d.])+(?![\d.])")
"""2 0 2 8, as bold numbers come from scanned pages."""
_CLOSING = ".,;:!?"
_LONE_UNIT = re.compile(
    r"(-?[\d.,/]+(?:e[-+]?\d+|\s?(?:\\times|\\cdot|\*)\s?10\s?\^\s?(?:\{-?\d{1,3}\}|-?\d))?) ([msghLNJWVAK\u03a9])((?:\^\{?[23]\}?)?)"
)  # outside LaTeX "5 m" has a unit, "5m" may be a product
_EMPTY_GROUP = re.compile(r"(?<=[\w})])\{\}(?!\s*[_^])")
_LONE_DOLLAR = re.compile(r"\$(?=\s*\.?\d)|(?<=\d)\$(?!\.?$)")
_DROPPED_TEXT = re.compile(r"[\\{}]")


def clean(answer: str) -> str:
    r"""The answer in the reader's alphabet: one glyph per meaning, `\text` between marks, no layout, "" if it is too long to read."""
    text = restored(answer).strip()
    if len(text) > LONGEST:
        return ""
    if _PLAIN_INTEGER.fullmatch(text):
        return text
    text = plain_glyphs(_halved(text))
    if len(text) > LONGEST:  # one glyph may stand for a whole fraction
        return ""
    text = _unwrap(text)
    if "{,}" in text:
        text = _BRACED_COMMA.sub("\u201a", text)  # kept apart: it joins digits and never separates a list
    text = text.replace("{:}", ":").replace("...", "\u2026")
    if "j" in text:
        text = _units_of_vectors(text)
    if match := _LONE_UNIT.fullmatch(text):
        text = f"{match[1]} {TEXT_OPEN}{match[2]}{TEXT_CLOSE}{match[3]}"
    if "\\" in text or "$" in text:
        text = _latex(text)
    if text.lstrip()[:1] == "<" and (angled := _ANGLED.fullmatch(text.strip())):
        text = f"({angled[1]})"
    text = _MARKDOWN.sub(" " if "_" in text else "", text) if ("**" in text or "`" in text or "__" in text) else text
    text = text.replace("<=", "\u2264").replace(">=", "\u2265").replace("!=", "\u2260")
    text = _SPACES.sub(" ", text.replace(THIN, " ") if THIN in text and not _GAPS.search(text) else _GAPS.sub(_join_gaps, text)).strip()
    if _PLAIN_GAPS.fullmatch(text):
        text = text.replace(" ", "")
    return _close(text)


def normalise(answer: str) -> str:
    """One spelling without marks of text and spaces, for display and for keys."""
    text = clean(answer)
    return re.sub(rf"[\s{TEXT_OPEN}{TEXT_CLOSE}]", "", text)


def thousands_joined(text: str) -> str:
    """The text with 1,000,000 written as 1000000."""
    return _THOUSANDS.sub(lambda match: match[1] + match[2].replace(",", ""), text)


def restored(text: str) -> str:
    r"""The text with the backslashes that a JSON reader took for control characters: \x0crac is \frac again."""
    return text if text.isprintable() else _EATEN.sub(lambda match: _ESCAPES[match[0]], text)


def _halved(text: str) -> str:
    r"""The text with single backslashes where all were doubled, as in \\sqrt{2}; a row break between plain rows stays."""
    if "\\\\" not in text or _ONE_BACKSLASH.search(text):
        return text
    names = _DOUBLED.findall(text)
    return (
        text.replace("\\\\", "\\")
        if any(name in COMMANDS or name in FUNCTIONS or name in _KEPT or name in _TYPESET for name in names)
        else text
    )


def _units_of_vectors(text: str) -> str:
    """2 + 3j as a complex number, 2i + 3j as a vector, where no other letters stand."""
    letters = set(re.findall(r"[A-Za-z]+", text))
    if letters == {"j"}:
        return _IMAGINARY.sub("i", text)
    return text.translate(_VECTORS) if letters in ({"i", "j"}, {"j", "k"}, {"i", "j", "k"}) else text


def _join_gaps(match: "re.Match[str]") -> str:
    return match[1] + match[2].replace(THIN, "")


def _unwrap(text: str) -> str:
    if (listed := _LISTED.fullmatch(text)) and listed[1] not in _BETWEEN_QUOTES.sub(
        "", listed[2]
    ):  # ["4", "5"], a list as Python writes it
        text = _BETWEEN_QUOTES.sub(", ", listed[2])
    for _ in range(3):
        match = _WRAPPED.match(text.strip().strip("$").strip())
        if not match:
            break
        text = match[1] if match[1] is not None else match[2]
    return text


def _latex(text: str) -> str:
    text = _SIZED.sub("", _GROUPED.sub(",", text).replace("\\\\", ROW))
    text = text.replace("\\$", MONEY).replace("\\%", "%").replace("\\#", "#").replace("\\&", " and ").replace("\\_", "_")
    text = text.replace("\\/", "/")
    if text.count("$") == 1:
        text = _LONE_DOLLAR.sub(MONEY, text)
    text = _SPACING.sub(THIN, text).replace("\\;", " ").replace("\\ ", " ")
    text = _MATH_MARKS.sub(" ", _NOTHING.sub("", text))
    if "\\over" in text:
        text = _WHOLE_OVER.sub(r"{\1\\over \2}", text)
    text = _CHOOSE.sub(lambda match: rf"\{'binom' if match[2] == 'choose' else 'frac'}{{{match[1].strip()}}}{{{match[3].strip()}}}", text)
    text = text.replace("\\{", SET_OPEN).replace("\\}", SET_CLOSE).replace("\\|", "|")
    if "{}" in text:
        text = _EMPTY_GROUP.sub("", text)
    text = _UNIT_VECTOR.sub(lambda match: _VECTORS[ord(match[1])], text)
    text = _DOUBLE_STRUCK.sub(lambda match: COMMANDS.get(match[1], match[1]), text)
    for _ in range(3):
        text, found = _TEXT.subn(_text, text)
        text, other = _ARROWED.subn(lambda match: f"{{{match[1]}}}" if match[1] and len(match[1]) > 1 else match[1] or match[2], text)
        if not found and not other:
            break
    text = _BARE_TEXT.sub(r"\1", text)
    text = _COMMAND.sub(_command, text)
    text = _PRIMES.sub(lambda match: match[1] or "", _DEGREE.sub("\u00b0", text))
    return _BARE_FRACTION.sub(_fraction, text)


def _fraction(match: "re.Match[str]") -> str:
    top, bottom = (match[1] if match[1] is not None else match[2]), (match[3] if match[3] is not None else match[4])
    return rf"\frac{{{top}}}{{{bottom}}}"


def _text(match: "re.Match[str]") -> str:
    content = match[1].strip()
    if match[0].startswith(_BOLD) and " " in content:
        content = _SPACED_DIGITS.sub(lambda run: run[0].replace(" ", ""), content)
    if "{" in content:
        content = _TIMES.sub("*", content)
        if "\\" in content:  # mathematics set in bold, no words
            return f" {{{content}}} "
    before = _PRODUCT_END.sub("", match.string[max(0, match.start() - 20) : match.start()]).rstrip()[-1:]
    if not content or (len(content) == 1 and not (content in _UNIT_LETTERS and (before.isdigit() or before in tuple(")}{/\u00b0")))):
        return f" {content} "
    if not any(letter.isalpha() for letter in content):
        return f" {content} "
    if content in FUNCTIONS:
        return f" \\{content} "
    return f" {TEXT_OPEN}{_DROPPED_TEXT.sub('', content)}{TEXT_CLOSE} "


def _command(match: "re.Match[str]") -> str:
    name = match[1]
    if name in COMMANDS:
        return COMMANDS[name]
    if name in FUNCTIONS or name in _KEPT:
        return "\\" + name + " "
    for length in range(min(len(name) - 1, _LONGEST_COMMAND), 1, -1):  # \sinx and \pir, where spaces were removed
        if name[:length] in COMMANDS or name[:length] in FUNCTIONS:
            return COMMANDS.get(name[:length], "\\" + name[:length] + " ") + name[length:]
    return "\\" + name + " "


def _close(text: str) -> str:
    """Without the full stop of the sentence, and without brackets and quotes that hold nothing but each other."""
    while text and text[-1] in _CLOSING and not text.endswith(("\u2026", "...")) and not (text[-1] == "!" and _factorial(text)):
        text = text[:-1].rstrip()
    while text and text[0] in ",;:.=" and not re.match(r"\.\d", text):
        text = text[1:].lstrip()
    if len(text) > 1 and text[0] == text[-1] and text[0] in "\"'":
        text = text[1:-1].strip()
    return text


def _factorial(text: str) -> bool:
    """Whether the marks at the end are a factorial, or a double one, and no exclamation."""
    bare = text.rstrip("!")
    if not bare or len(text) - len(bare) > 2:
        return False
    return bare[-1] in ")}" or bare[-1].isdigit() or (bare[-1].isalpha() and (len(bare) == 1 or not bare[-2].isalpha()))
