"""Which language a question is written in: by its script, and in Latin letters by its small words."""

import re

_SCRIPTS = (
    ("ja", re.compile("[\u3040-\u30ff]")), ("ko", re.compile("[\uac00-\ud7af\u1100-\u11ff]")), ("zh", re.compile("[\u3400-\u9fff]")),
    ("ru", re.compile("[\u0400-\u04ff]")), ("ar", re.compile("[\u0600-\u06ff]")), ("he", re.compile("[\u0590-\u05ff]")),
    ("hi", re.compile("[\u0900-\u097f]")), ("th", re.compile("[\u0e00-\u0e7f]")),
)  # fmt: skip
"""Japanese is asked for first: it has Chinese letters too."""
_SMALL = {
    "en": "the of and is that in for are with find how what be to if such all let prove show compute determine number",
    "fr": "le la les des est une que dans pour et du un sont par avec trouver soit nombre montrer combien quel quelle",
    "es": "el la los las de que en es un una con por para del se y son cuántos hallar demostrar sea número calcular cuál",
    "de": "der die das und ist ein eine von mit für den dem sind zu im man zeige bestimme zahl wie viele sei gilt",
    "pt": "o os as que em um uma com por para do da e são quantos sejam número determine calcule qual não dos das",
    "it": "il lo la gli le di che è un una con per del della sono quanti trovare numero sia dimostrare quale",
}
_WORDS = {language: frozenset(words.split()) for language, words in _SMALL.items()}
_TEXT = re.compile(r"\$[^$]*\$|\\\([^)]*\\\)|\\\[.*?\\\]|\\[A-Za-z]+|\[asy\].*?\[/asy\]", re.DOTALL)
_WORD = re.compile(r"[^\W\d_]{1,20}")
_LEAST, _START = 0.3, 2000
SURE = 4
"""Letters, or small words, of its language that a text has at least, where its language is beyond doubt."""
SCRIPTS = tuple(code for code, _ in _SCRIPTS)
"""Languages that are known by their letters."""


def language_of(question: str) -> str:
    """The code of its language (en, zh, fr ...); "" where there are too few words to tell."""
    prose = _TEXT.sub(" ", question[:_START])
    letters = sum(map(str.isalpha, prose))
    for code, script in _SCRIPTS:
        if len(script.findall(prose)) > _LEAST * letters > 0:
            return code
    hits = _hits(prose)
    best = max(hits, key=lambda code: hits[code])
    return best if hits[best] else ""


def surely(text: str) -> str:
    """The same, where it is beyond doubt: by `SURE` letters, or with Latin ones by as many small words, twice as many as of any other."""
    code = language_of(text)
    if code in SCRIPTS:
        return code if len(dict(_SCRIPTS)[code].findall(text[:_START])) >= SURE else ""
    if not code:
        return ""
    hits = _hits(_TEXT.sub(" ", text[:_START]))
    others = max(count for other, count in hits.items() if other != code)
    return code if hits[code] >= max(SURE, 2 * others) else ""


def _hits(prose: str) -> dict[str, int]:
    words = [word.casefold() for word in _WORD.findall(prose)]
    return {code: sum(word in small for word in words) for code, small in _WORDS.items()}
