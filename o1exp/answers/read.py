"""From an answer's text to what it says: one or several readings, the likeliest first."""

import re
from fractions import Fraction
from functools import lru_cache

from o1exp.answers.clauses import balanced, conditioned, cut, domain, enclosed, exact_side, linked
from o1exp.answers.glyphs import CURRENCIES, ROW, SET_CLOSE, SET_OPEN, joined, without_marks
from o1exp.answers.kinds import Answer, Choice, Grid, Many, Named, Opaque, Ratio, Region, Value, Words, with_symbol
from o1exp.answers.nodes import ANY_NAME, num
from o1exp.answers.normalise import clean, thousands_joined
from o1exp.answers.notations import all_whole, based, clock, column, congruence, grid, statements, vector
from o1exp.answers.quantities import compound, expression, expressions, in_two_units, quantity
from o1exp.answers.regions import between, empty
from o1exp.answers.relations import equations, in_signs, is_about_sets, is_union, label, piecewise, sets
from o1exp.answers.tokens import FUNCTIONS
from o1exp.answers.units import is_unit
from o1exp.answers.words import dated, digits_for_numerals, named_set, plain_words, reasoned, spelled_number, stated, wordy

_POINT = re.compile(r"^[ABDEFGHKMOPQRST]\s?(?=\(\s?[-\d\\(][^=<>]*,)")  # P(3,-4)
_PLAIN_NUMBER = re.compile(r"-?\d+(?:\.\d+)?$")
_PLAIN_BUILDER = re.compile(r"\{\s*(?:[a-zA-Z]\s*(?:\u2208[^|:]{1,20})?|\([a-z, ]{1,20}\)\s*)[|:]")
_LETTER = re.compile(
    r"^(?:(?:option|choice|answer|\u9009\u9879?|\u9009\u62e9)\s*)?[(\[{]*\s*([A-J])\s*[)\]}]*\s*(?:选项|项)?[.:]?$", re.IGNORECASE
)
_LETTERS = re.compile(r"^[A-H](?:\s*,?\s*(?:and\s+)?[A-H]){1,7}$")
_BEFORE = re.compile(
    r"^(?:(?:option|choice)\s+)?(?:[(\[]\s*([A-J])\s*[)\]]\s*[.:,]?|([A-J])\s*[).]|([A-J]):\s|(?<=option )([A-J]),\s)\s*(?![\^/=<>!*+]|"
    r"- )(\S.*)$"
)
_OPTION = re.compile(r"(?<!\w)\(?[B-J]\)\s")
_AFTER = re.compile(
    r"^(.+?)(?:\u27e6\s*+\(([A-J])\)\s*+\u27e7"
    r"|,?\s+(?:which is )?(?:\(\s?(?:option|choice) ([A-J])\s?\)|(?:option|choice) \(?([A-J])\)?))$",
    re.IGNORECASE,
)
_TRANSPOSED = re.compile(r"(?<=^[(\[])([^()\[\]]*[)\]])\s?\^\s?\{?\s?(?:T|\\top)\s?\}?$")
_IN = re.compile(r"(?<=[a-zA-Z])\s+\u27e6?\s?in\s?\u27e7?\s+(?=[ZNRQ\u2124\u2115\u211d\u211a](?![A-Za-z]))")
_STATED = re.compile(
    r"^(?:(?:so|thus|therefore|hence|and),?\s+)?(?:the\s+)?(?:(?:final|correct|right)\s+)?answer\s*(?:is|:|"
    r"=)\s*:?\s*(?=\S)",
    re.IGNORECASE,
)
_TOLD = re.compile(
    r"^(?:(?:\u27e6\s*)?[A-Za-z(){}_\d]{0,8}\s?[\u4e00-\u9fff][\u4e00-\u9fffA-Za-z, ]{0,30}?(?:为|是|等于|(?=:)):?"  # 椭圆C的方程为
    r"\s*(?:\u27e7\s*)?(?=[^\u4e00-\u9fff])"
    r"|(?:\u27e6\s*)?[A-Za-z][A-Za-z ]{2,40}:\s*(?:\u27e7\s*)?(?=\S)|(?:so|thus|therefore|hence|then)[,:]?\s+|\u2234|解:?\s*"
    r"|(?:\u27e6\s*)?all\s*(?:\u27e7\s*)?(?=[a-z] ?[\u2264\u2265<>])"
    r"|(?:\u27e6\s*)?(?:the|an?|its|one)\s[A-Za-z' ]{1,60}?\b(?:is|are|equals)\b(?:\s*:)?\s*(?:\u27e7)?\s*"
    r"|(?:the|an?)\s(?:[A-Za-z]{3,20}\s){1,4}(?=[^=A-Za-z]*[a-z][^=]*\^[^=]*=))",  # the circle x^2 + y^2 = 4
    re.IGNORECASE,
)
_BUILT = re.compile("^\u2983\\s*+([a-zA-Z])\\s*+[|:]\\s*+([^|]*=[^|]*)\u2984$")
_MATHEMATICS = re.compile(r"[=<>\u2264\u2265\u2260\u222a\u2208\d]")
_TO = re.compile(r"(?<=\d)\s*(?:比|\u27e6\s*to\s*\u27e7|\bto\b)\s*(?=\d)")
_CASES = re.compile(r"\\(?:begin|end) \{(?:cases|aligned|gathered|array|align\*?)\}(?:\s*\{[lcr|]*\})?")
_FUNCTION_WORDS = re.compile(r"(?<![A-Za-z])(?:" + "|".join(sorted(FUNCTIONS, key=len, reverse=True)) + r")(?![A-Za-z])(?=[ ({])")
_IN_FIGURES = re.compile(r"([a-zA-Z -]{3,60}) \((\d[\d,]{0,15})\)")
_GROUPS = re.compile(r"-?\d+(?:,\d+)*,0\d+(?:,\d+)*")  # 1,000,000 groups digits and is no list of 1, 0 and 0
_EMPTY = frozenset({"\u2205", "\u2983\u2984", "no solution"})
_NOTHING = frozenset({"", "none", "null", "nan", "n/a", "na", "?", "-", "[]", "{}"})
_DEEPEST = 5
_WHOLE = domain("k \u2208 \u2124")
_PLAIN_SET = re.compile(r"\u2983([^|:\u2983\u2984=]*[a-z\d][^|:\u2983\u2984=]*)[|:]\s*([a-z]\s*\u2208\s*\u2124)\s*\u2984")
_SETS = tuple("\u2124 \u2115 \u211a \u2102 integer number odd even prime natural rational multiple divisible composite".split())


def unreadable(gold: str) -> bool:
    """Whether a gold answer says nothing that could be compared: empty, a placeholder for nothing, or broken LaTeX."""
    if gold.strip().lower() in _NOTHING - {"none"} or not re.search(r"\w|\u221e|\u2205|[\\{]", gold):
        return True
    return "\\" in gold and not balanced(clean(gold)) and not wordy(re.sub(r"\\[A-Za-z]+", " ", gold))


def read(answer: str, decimal_comma: bool = True) -> tuple[Answer, ...]:
    """All readings of an answer; none where it is empty or too long to read."""
    return read_clean(clean(answer), decimal_comma)


@lru_cache(maxsize=50_000)
def read_clean(text: str, decimal_comma: bool) -> tuple[Answer, ...]:
    """The same for an answer that is in the reader's alphabet already."""
    if not text:
        return ()
    try:
        return readings(text, decimal_comma)
    except Exception:  # no text may end the grading of all others, whatever it makes us raise
        return (Opaque(_opaque(text)),)


def readings(text: str, decimal_comma: bool) -> tuple[Answer, ...]:
    """The same without a net: what reading a text raises is a fault of ours, found by the tests."""
    return tuple(dict.fromkeys(_Reading(decimal_comma)(text)))


class _Reading:
    """The grammar of answers, for one way to take a decimal comma."""

    def __init__(self, decimal_comma: bool, depth: int = 0) -> None:
        self.comma, self.depth = decimal_comma, depth

    def inner(self) -> "_Reading":
        """The same grammar one level deeper."""
        return _Reading(self.comma, self.depth + 1)

    def __call__(self, text: str) -> list[Answer]:
        if _PLAIN_NUMBER.match(text):
            return [Value(num(Fraction(text) if "." in text else int(text)))]
        if self.depth > _DEEPEST:
            return [Opaque(_opaque(text))]
        if (braced := _PLAIN_BUILDER.match(text)) and enclosed(text):  # {x | x > 3} without backslashes
            text = SET_OPEN + text[1:-1] + SET_CLOSE
        elif braced is None and text.startswith(SET_OPEN) and text.count(SET_OPEN) > text.count(SET_CLOSE):
            text = text[1:].lstrip()  # the brace in front of a system of equations
        inner = self.inner()
        text = _TRANSPOSED.sub(r"\1", _IN.sub("\u2208", _last_claim(text)))
        if _LETTERED.match(text) and (lettered := self._by_name(cut(text, ",;"))):
            return lettered
        found = _choice(text, inner)
        if found and isinstance(found[0], Choice) and found[0].content is not None:
            return found
        if verdict := reasoned(joined(text)):
            return [*found, *verdict, *_words(text)]
        for step in (clock, grid, column, vector, based, congruence, _empty):
            if some := step(text):
                return found + some
        lowered = text.lower()
        sets_named = named_set(text) if any(word in lowered for word in _SETS) else []
        if "\\begin" in text and "&" in text and (pieces := piecewise(text, inner)):
            return found + pieces
        if "\\begin" in text and "&" not in text:
            text = " ".join(_CASES.sub(" ", text).split()).strip(ROW + " .,;")
        bare, condition, free = conditioned(_built(text))
        read = inner._structured(bare) or [Opaque(_opaque(bare))]
        # k of "k \u2208 Z" may have any other name
        freed = [with_symbol(each, free, ANY_NAME) for each in read if free]
        return [*found, *read, *freed, *sets_named, *(all_whole(read, free) if domain(condition) == _WHOLE else [])]

    def _structured(self, text: str) -> list[Answer]:
        text = in_signs(_STATED.sub("", text))
        if text[:1].isdigit() and (both := in_two_units(without_marks(text))):
            return both
        if text[:1].isalnum() and (spelled := _spelled(text)):
            return spelled
        if (is_about_sets(text) or is_union(text)) and (some := sets(text)):
            return some if is_about_sets(text) else [*some, *self._list(text)]
        if told := self._told(text):
            return told
        if (built := _BUILT.match(text)) and built[1] in built[2]:  # {x | x = 2k, k \u2208 Z} is what its condition says
            return self.inner()(built[2])
        found = self._whole(text)
        if found:
            return found
        found = self._list(text)
        plain = thousands_joined(text)
        if plain != text:
            found = [*(self._list(plain) if "," in plain else []), *quantity(plain, self.comma), *found]
        if self.comma and found and "," in text:
            found += [one for one in quantity(text, True) if one not in found]
        if not found and "=" in text:
            found = equations(text, self)
        return found or self._one(text)

    def _told(self, text: str) -> list[Answer]:
        """What words lead up to: "the equation is y = 2x", 取值范围是a>3."""
        match = _TOLD.match(text)
        if not match or not (rest := text[match.end() :]) or not _MATHEMATICS.search(rest):
            return []
        if len(pieces := cut(text, ",;")) > 1 and _counted_names(pieces):
            return []
        found = self.inner()(rest)
        return [] if not found or isinstance(found[0], Words | Opaque) else found

    def _whole(self, text: str) -> list[Answer]:
        """What one pair of brackets encloses."""
        if text[:1].isupper():
            text = _POINT.sub("", text)
        if not enclosed(text):
            return []
        inside, opener = text[1:-1].strip(), text[0]
        if opener == "\u27e6":
            return self.inner()(inside)
        pieces = cut(inside, ",;")
        if opener == "\u2983" or (opener == "{" and len(pieces) > 1):
            items = _flat([self._item(piece) for piece in pieces if piece])
            return [Many("set", tuple(items))]
        if opener not in "([" or len(pieces) < 2 or not all(pieces):
            return []
        items = [self._item(piece) for piece in pieces]
        found: list[Answer] = [Many("tuple" if opener == "(" else "square", tuple(items))]
        if len(items) == 2 and (ends := expressions(pieces)):
            interval = between(ends[0], ends[1], opener == "[", opener == "[")
            if not empty(interval):
                found = [*found, Region((interval,))] if opener == "(" else [Region((interval,)), *found]
        if opener == "[" and all(piece.startswith("[") and enclosed(piece) for piece in pieces):
            rows = [expressions(cut(piece[1:-1], ",")) for piece in pieces]
            if all(row is not None for row in rows):
                found.append(Grid(tuple(tuple(row) for row in rows if row is not None)))
        return found

    def _item(self, piece: str) -> Answer:
        found = self.inner()(piece)
        values = [one for one in found if not isinstance(one, Choice)]
        return (values or found)[0]

    def _list(self, text: str) -> list[Answer]:
        """Several answers after one another."""
        if compound(text) is not None:
            return []
        pieces = [piece for clause in cut(text.replace(ROW, ";"), ";") for part in linked(clause) for piece in cut(part, ",")]
        pieces = [piece for piece in pieces if piece]
        if len(pieces) < 2 or len(pieces) > 200 or (pieces[0][0] != "0" and _GROUPS.fullmatch(text)):
            return []
        if wordy(joined(text)) and not re.search(r"\d", text) and not linked(text)[1:] and len(pieces) == 2 and len(text) > 60:
            return []
        if named := self._by_name(pieces):
            return named
        return [Many("bare", tuple(_named_once(_flat([self._item(piece) for piece in pieces]))))]

    def _by_name(self, pieces: list[str]) -> list[Answer]:
        """Values that each have a name of their own: A: 3, B: 5; red 3, blue 4."""
        if len(pieces) < 2 or not (names := _counted_names(pieces)):
            return []
        values = [self._item(piece[len(name) :].lstrip(": ")) for name, piece in zip(names, pieces, strict=True)]
        return [Many("bare", tuple(Named(_bare_name(name), value) for name, value in zip(names, values, strict=True)))]

    def _one(self, text: str) -> list[Answer]:
        parts = cut(_TO.sub(":", digits_for_numerals(text) if "比" in text else text), ":")
        if 2 <= len(parts) <= 6 and (nodes := expressions(parts)):
            return [Ratio(tuple(nodes))]
        bare = without_marks(text).strip()
        words = _words(text)
        if words and _FUNCTION_WORDS.search(bare) and (formula := quantity(text, self.comma)):
            return formula
        if words and "\u27e6" in text:
            measured = [one for one in quantity(text, False) if isinstance(one, Value) and is_unit(one.unit)]
            if measured:
                return [*measured, *words]
        if words and (len(bare) > 3 or " " in bare or not bare.isascii()):
            return words if bare.isascii() else [*quantity(text, self.comma), *words]
        return words + quantity(text, self.comma)


def _built(text: str) -> str:
    """2k+1, k \u2208 Z for {2k+1 : k \u2208 Z}; other texts as they are."""
    match = _PLAIN_SET.fullmatch(text) if text[:1] == SET_OPEN else None
    return f"{match[1]}, {match[2]}" if match else text


def _flat(items: list[Answer]) -> list[Answer]:
    """With the values of a plus-minus sign side by side."""
    flat: list[Answer] = []
    for item in items:
        flat += item.items if isinstance(item, Many) and item.kind == "bare" else [item]
    return flat


def _named_once(items: list[Answer]) -> list[Answer]:
    """Without the name that all values share: x = 1, x = 3 and x = 1, 3 are the values 1 and 3."""
    names = {item.name for item in items if isinstance(item, Named)}
    if len(names) == 1 and isinstance(items[0], Named) and len(items) > 1 and not items[0].argument:
        return [item.value if isinstance(item, Named) else item for item in items]
    if names and all(isinstance(item, Named) and item.argument for item in items) and len(names) == 1:
        return [item.value for item in items if isinstance(item, Named)]
    return items


_LETTERED = re.compile(r"[A-Z]\s*:\s*\S")
_COUNTED = re.compile(
    r"[A-Z]\s*:\s*(?=\S)|(?:[\u4e00-\u9fff]{1,8}|(?!and |or )[A-Za-z]{3,15}(?: (?:has|gets|is|have|had|got|are))?)\s*:?\s*"
    rf"(?=[-\d\\{CURRENCIES}])"
)
_HAVING = re.compile(r"(?:一?共?有|得到|得|需要?|是|为|买了?|花了?| (?:has|gets|is|have|had|got|are))?\s*:?\s*$")


def _counted_names(pieces: list[str]) -> list[str]:
    """The names in front of counted things (鸡有7只, 兔有12只; red 3, blue 4), none where one has no name of its own."""
    found = [match[0] if (match := _COUNTED.match(piece)) else "" for piece in pieces]
    names = [_bare_name(name) for name in found]
    return found if all(names) and len(set(names)) == len(names) else []


def _bare_name(name: str) -> str:
    return _HAVING.sub("", name).strip()


def _last_claim(text: str) -> str:
    """What remains of a derivation: behind the last arrow, and the exact side of an approximation."""
    for arrow in ("\u21d2", "\u21d4", "\u2192"):
        if arrow in text:
            text = text.rsplit(arrow, 1)[1].strip() or text
    text = exact_side(text)
    if "\u2248" in text:
        text = text.lstrip("\u2248 ")
        parts = cut(text, "\u2248")
        text = " = ".join(parts[:2]) if label(parts[0]) else parts[0] or text
    return text


def _choice(text: str, inner: _Reading) -> list[Answer]:
    plain = joined(text)
    if some := statements(plain):
        return some
    if match := _LETTER.match(plain):
        letter = match[1]
        return [Choice(letter.upper())] if letter.isupper() or "(" in plain else []
    if (match := _LETTERS.match(plain)) and (letters := [letter for letter in plain if letter in "ABCDEFGH"]) == sorted(set(letters)):
        return [Many("set", tuple(Choice(letter) for letter in letters))]
    if match := _BEFORE.match(plain):
        letter = match[1] or match[2] or match[3] or match[4]
        # the text's marks are needed again to tell units from letters
        start = next(found.end() for found in re.finditer(letter, text) if not text[found.end() :][:1].isalpha())
        content = re.sub("^[\\s\u27e7)\\].:,]+", "", text[start:])
        if _OPTION.search(content):  # a list of the options chooses none of them
            return []
        return _chosen(letter, inner(content) if content else [])
    if match := _AFTER.match(text):
        return _chosen((match[2] or match[3] or match[4]).upper(), inner(match[1].rstrip()))
    return []


def _chosen(letter: str, contents: list[Answer]) -> list[Answer]:
    return [Choice(letter, content) for content in contents] or [Choice(letter)]


def _empty(text: str) -> list[Answer]:
    bare = joined(text).replace(" ", "")
    if bare in _EMPTY or plain_words(text) == "no solution":
        return [Many("set", ()), Words("no solution")]
    return []


def _spelled(text: str) -> list[Answer]:
    """A number or a date in words."""
    bare = without_marks(text).strip()
    if len(bare) < 40 and (date := dated(bare)):
        return [Words(date)]
    if not bare.isascii() or len(bare) > 200:
        return []
    if (twice := _IN_FIGURES.fullmatch(bare)) and spelled_number(twice[1]) == twice[2].replace(",", ""):
        bare = twice[1]  # twelve (12)
    spelled = spelled_number(bare) if bare[0].isalpha() else None
    node = expression(spelled) if spelled is not None else None
    return [] if node is None else [Value(node), Words(plain_words(bare))]


def _words(text: str) -> list[Answer]:
    """Text that is neither mathematics nor a number."""
    bare = without_marks(text)
    if not wordy(bare) or re.search(r"\d|[\\^_=<>+*/]", bare):
        return []
    return [*stated(bare)]


def _opaque(text: str) -> str:
    return re.sub(r"\s+", "", joined(text)).replace("{", "").replace("}", "")
