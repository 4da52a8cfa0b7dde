"""What follows an answer and says for which values it holds: "where k is an integer", k ∈ Z, n ≥ 1, 其中k为整数."""

import re

ANY_NAME = "\u03df"  # the name of a parameter that may have any
_MARKS = re.compile("[\u27e6\u27e7]")
_NUMBERS = r"(?:arbitrary|integers?|real|constants?)"
_CONDITION = re.compile(
    r"\u27e6\s*+,?\s*+(?:where|for|with|if|when|iff)\b"
    r"|\(\s*+(?:\u27e6\s*+)?(?:since|because|as|note|i\.e\.)\b|\u27e6\s*+\((?:since|because|as|note|i\.e\.)\b"
    r"|(?<![A-Za-z])(?:where|for (?:all|any|some|every|each|[a-z](?=\s*[\u2265>=\u2208]))|for (?:an )?integers?"
    r"|with [a-z] (?:an? |any )?(?:arbitrary )?(?:integer|real|constant))\b"
    r"|[\s,(]\s*+(?:any |an? )?(?:integer|real(?: number)?|constant)s? [a-zA-Z](?=\W*$)"
    rf"|[,(\s]\s*+[a-zA-Z]\s*+(?:\u27e6 ?)?(?:(?:is|are) )?(?:an?|any)? ?(?:arbitrary )?(?:\u27e6 ?)?{_NUMBERS}\b"
    r"|[,(\s]\s*+(?:其中|对于?任意|对所有|对一切)|[,(\s]\s*+[a-zA-Z]\s*+(?:为|是)(?:任意|任何|一切)?的?(?:整数|实数|常数|正整数|自然数)"
)
_COUNTING = re.compile(r"[,(\s]\s*+[a-z]\s*+=\s*+[01]\s*+,[\d,\u00b1 ]*+\u2026\s*+\)?$")
_DOMAIN = re.compile(r"[,(]\s*+[a-z]\s*+[\u2265>]\s*+[01]\s*+\)?$")
_BELONGS = re.compile(r"\u2208\s*+(?:\u2124|\u2115|\u211d|\u211a|\\?[ZNRQ])[+*]?(?:\s*+[\^_]\s*+(?:\{[^{}]*\}|[^\s{]))*\s*+\)?$")
_LETTERS_BACKWARD = re.compile(r"\s*+[a-zA-Z](?![A-Za-z\\])(?:\s*+,\s*+[a-zA-Z](?=\s*+[,(]))*")
_KINDS = r"real|integers?|numbers?|constants?|values? of|positive|primes?|odd|even|natural|rational|complex|non-?(?:negative|zero)"
_FREE = re.compile(
    r"(?<![A-Za-z])([a-zA-Z])\s*+(?:[\u2208\u2265>=]|(?:is |are )?(?:an? |any |arbitrary )?(?:integer|real|constant|arbitrary"
    r"|positive|natural)|为|是)"
    rf"|(?:any|all|every|each|some|integers?|real|constants?|任意|所有|一切)\s+(?:(?:{_KINDS}|非零|实数|整数)\s*+)*+([a-zA-Z])(?![A-Za-z])"
)


def without_condition(text: str) -> tuple[str, str]:
    """An answer without its condition, and the parameter that the condition leaves free, "" where it names none."""
    starts = [found.start() for found in (_CONDITION.search(text), _COUNTING.search(text)) if found]
    if (belongs := _BELONGS.search(text)) and (letters := _LETTERS_BACKWARD.match(text[: belongs.start()][::-1])):
        starts.append(belongs.start() - letters.end())
    if (domain := _DOMAIN.search(text)) and not any(sign in text[: domain.start()] for sign in "<>\u2264\u2265,"):
        starts.append(domain.start())
    rest = text[: min(starts, default=0)].rstrip(" ,;(")
    if not rest or rest.endswith(("|", ":", "\u2983")):
        return text, ""
    free = _FREE.search(_MARKS.sub(" ", text[len(rest) :]))
    return rest, (free[1] or free[2]) if free else ""
