"""One glyph for one meaning: what Unicode and LaTeX offer for the same sign."""

import re

# Inside the reader text from \text{...} stands between these two, and set braces are these two; no answer contains them.
TEXT_OPEN, TEXT_CLOSE = "\u27e6", "\u27e7"
SET_OPEN, SET_CLOSE = "\u2983", "\u2984"
THIN = "\u2009"
MONEY = "\u00a4"  # a dollar sign that is money
CURRENCIES = f"{MONEY}\u20ac\u00a3\u00a5\u20b9\u20bd"
ROW = "\u23ce"
UNIT_VECTORS = "\u0131\u0237\u0138"  # i, j and k where they are no numbers

_FULL_WIDTH = {chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
_HALF = str.maketrans({wide: narrow for wide, narrow in _FULL_WIDTH.items() if narrow.isalnum() or narrow in "%+-=/<>*^$"})
_FULL_STOP = re.compile("(?<=\\d)\uff0e(?=\\d)")
_SIGNS = {
    "\u2212": "-", "\u2013": "-", "\u2014": "-", "\u2010": "-", "\u2011": "-", "\ufe63": "-",
    "\u00d7": "*", "\u00b7": "*", "\u22c5": "*", "\u2217": "*", "\u2715": "*", "\u2219": "*", "\u2022": "*",
    "\u00f7": "/", "\u2044": "/", "\u2215": "/", "\u2236": ":",
    "\u2264": "\u2264", "\u2a7d": "\u2264", "\u2266": "\u2264", "\u2265": "\u2265", "\u2a7e": "\u2265", "\u2267": "\u2265",
    "\u221b": "\\sqrt[3]", "\u221c": "\\sqrt[4]", "\u300c": '"', "\u300d": '"', "\u300e": '"', "\u300f": '"',
    "\u3000": " ", "\u00a0": " ", "\u202f": THIN, "\u2002": " ", "\u2003": " ", "\u2005": THIN, "\u200a": THIN, "\u200b": "", "\ufeff": "",
    "\u00ba": "\u00b0", "\u2103": "\u00b0C", "\u2109": "\u00b0F", "\u02da": "\u00b0",
    "\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'", "\u2032": "'", "\u2033": "''",
    "\u3010": "[", "\u3011": "]", "\u3014": "(", "\u3015": ")", "\u3001": ",", "\u3002": ".", "\u27e8": "(", "\u27e9": ")",
    "\u2205": "\u2205", "\u00f8": "\u2205", "\u2298": "\u2205", "\u2237": ":", "\u2016": "|", "\u2223": "|", "\u2026": "\u2026",
    "\u03d5": "\u03c6", "\u03b5": "\u03b5", "\u03f5": "\u03b5", "\u2061": "", "\uff5e": "~", "\u2248": "\u2248", "\u2243": "\u2248",
    "\u2245": "\u2248", "\u2261": "\u2261", "\u2227": " and ", "\u2228": " or ", "\u2216": "\\", "\u2220": "\u2220", "\u22ef": "\u2026",
    "\uffe5": "\u00a5", "\u2070": "^0", "\u00b9": "^1", "\u00b2": "^2", "\u00b3": "^3",
}  # fmt: skip
_VULGAR = {
    "\u00bd": (1, 2), "\u2153": (1, 3), "\u2154": (2, 3), "\u00bc": (1, 4), "\u00be": (3, 4), "\u2155": (1, 5), "\u2156": (2, 5),
    "\u2157": (3, 5), "\u2158": (4, 5), "\u2159": (1, 6), "\u215a": (5, 6), "\u2150": (1, 7), "\u215b": (1, 8), "\u215c": (3, 8),
    "\u215d": (5, 8), "\u215e": (7, 8), "\u2151": (1, 9), "\u2152": (1, 10),
}  # fmt: skip
_PLAIN = str.maketrans({**_FULL_WIDTH, **_SIGNS, **{glyph: rf" \frac{{{a}}}{{{b}}}" for glyph, (a, b) in _VULGAR.items()}})

_SUPER = dict(zip("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207a\u207b\u207f", "0123456789+-n", strict=True))
_SUB = dict(zip("\u2080\u2081\u2082\u2083\u2084\u2085\u2086\u2087\u2088\u2089\u2099", "0123456789n", strict=True))
_SUPERS = re.compile(f"[{''.join(_SUPER)}]+")
_SUBS = re.compile(f"[{''.join(_SUB)}]+")

# LaTeX commands that stand for one sign. "" drops a command that only sets type or spacing.
COMMANDS = {
    **dict.fromkeys(["left", "right", "big", "Big", "bigg", "Bigg", "bigl", "bigr", "Bigl", "Bigr", "biggl", "biggr", "middle"], ""),
    **dict.fromkeys("underline uline tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge".split(), ""),
    **dict.fromkeys(["displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "hline", "rm", "bf", "it", "noindent", "strut"], ""),
    **dict.fromkeys(["quad", "qquad", "enspace", "thinspace", "hfill", "newline", "par", "item", "smallskip"], " "),
    **dict.fromkeys(["le", "leq", "leqslant", "leqq"], "\u2264"), **dict.fromkeys(["ge", "geq", "geqslant", "geqq"], "\u2265"),
    **dict.fromkeys(["ne", "neq"], "\u2260"), "lt": "<", "gt": ">", "infty": "\u221e", "infin": "\u221e",
    **dict.fromkeys(["cup", "bigcup"], "\u222a"), **dict.fromkeys(["cap", "bigcap"], "\u2229"), "in": "\u2208", "notin": "\u2209",
    "pm": "\u00b1", "mp": "\u2213", **dict.fromkeys(["times", "cdot", "ast", "centerdot", "bullet"], "*"), "div": "/",
    **dict.fromkeys(["setminus", "smallsetminus", "backslash"], "\u2216"), **dict.fromkeys(["emptyset", "varnothing", "O"], "\u2205"),
    **dict.fromkeys(["approx", "thickapprox", "doteq", "simeq", "cong"], "\u2248"),
    **dict.fromkeys(["to", "rightarrow", "longrightarrow", "mapsto"], "\u2192"),
    **dict.fromkeys(["implies", "Rightarrow", "Longrightarrow", "therefore"], "\u21d2"),
    **dict.fromkeys(["iff", "Leftrightarrow"], "\u21d4"),
    **dict.fromkeys(["mid", "vert", "lvert", "rvert", "Vert", "lVert", "rVert"], "|"), "colon": ":", "ratio": ":", "equiv": "\u2261",
    **dict.fromkeys(["ldots", "dots", "cdots", "dotsc", "dotsb", "dotso"], "\u2026"),
    "langle": "(", "rangle": ")", "lbrack": "[", "rbrack": "]",
    "lbrace": SET_OPEN, "rbrace": SET_CLOSE, "lfloor": "\u230a", "rfloor": "\u230b", "lceil": "\u2308", "rceil": "\u2309",
    "forall": " for all ",
    **dict.fromkeys(["land", "wedge"], " and "), **dict.fromkeys(["lor", "vee"], " or "),
    "prime": "'", "degree": "\u00b0", "textdegree": "\u00b0",
    "circ": "\u00b0", "angle": "\u2220", "percent": "%", 
    "pounds": "\u00a3", "euro": "\u20ac", "texteuro": "\u20ac", "yen": "\u00a5", "textdollar": MONEY,
    **dict.fromkeys(["dfrac", "tfrac", "cfrac", "nicefrac", "sfrac"], "\\frac "), **dict.fromkeys(["dbinom", "tbinom"], "\\binom "),
    "i": "i", "imath": "i", "j": "j", "jmath": "j", "dot": "\\dot ",
    "R": "\u211d", "Z": "\u2124", "N": "\u2115", "Q": "\u211a", "C": "\u2102",
    "Reals": "\u211d", "Re": "\\Re ", "arg": "\\arg ", "textbackslash": "\\", "wp": "\u2118", "ell": "\u2113", "hbar": "\u210f",
}  # fmt: skip
_GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho varsigma sigma tau upsilon phi chi psi omega"
).split()
COMMANDS |= {name: chr(0x3B1 + place) for place, name in enumerate(_GREEK)}
COMMANDS |= {name.capitalize(): chr(0x391 + place) for place, name in enumerate(_GREEK)}
COMMANDS |= {"varphi": "\u03c6", "varepsilon": "\u03b5", "vartheta": "\u03b8", "varrho": "\u03c1"}


_BLANKED, _DROPPED = ({ord(mark): blank for mark in (TEXT_OPEN, TEXT_CLOSE)} for blank in (" ", ""))


def without_marks(text: str) -> str:
    r"""The text with blanks for the marks round what stood in \text."""
    return text.translate(_BLANKED) if TEXT_OPEN in text or TEXT_CLOSE in text else text


def joined(text: str) -> str:
    """The text with nothing in place of these marks."""
    return text.translate(_DROPPED)


def half_width(text: str) -> str:
    """The text with full-width digits, letters and signs in their usual width, letter for letter; the marks between sentences stay."""
    return _FULL_STOP.sub(".", text.translate(_HALF)) if not text.isascii() else text


def plain_glyphs(text: str) -> str:
    """The text with full-width forms, superscripts, subscripts, vulgar fractions and look-alike signs brought to one form."""
    if text.isascii():
        return text
    text = _SUPERS.sub(lambda run: "^{" + "".join(_SUPER[glyph] for glyph in run[0]) + "}", text)
    text = _SUBS.sub(lambda run: "_{" + "".join(_SUB[glyph] for glyph in run[0]) + "}", text)
    return text.translate(_PLAIN)
