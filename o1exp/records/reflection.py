"""The words by which a long thought shows that it looks back (paper, section 1 and Part 1's table 3)."""

import re

MARKERS = (
    "wait", "hmm", "alternatively", "let me check", "let me verify", "let me double-check", "let me re-check", "let me recheck",
    "let me compute", "let me reconsider", "let me think again", "let me try again", "double-check", "double check", "recheck", "re-check",
    "check", "verify", "on second thought", "actually", "mistake", "that is wrong", "that's wrong", "not right", "go back", "start over",
    "another way", "等等", "等一下", "让我检查", "让我验证", "再检查", "重新", "或者", "验证",
)  # fmt: skip
_LATIN = "|".join(re.escape(marker) for marker in sorted(MARKERS, key=len, reverse=True) if marker.isascii())
_OTHER = "|".join(re.escape(marker) for marker in MARKERS if not marker.isascii())
MARKER = re.compile(rf"\b(?:{_LATIN})(?:s|ed|ing)?\b|{_OTHER}", re.IGNORECASE)


def reflections(text: str) -> int:
    """How many reflective markers a text holds."""
    return len(MARKER.findall(text))


_SEARCHES = (
    r"let(?: me|['\u2019]s)(?: \w+){0,2} (?:search|look (?:it |this |that |them )?up|google|browse)",
    r"I(?:['\u2019]ll| will|['\u2019]m going to)(?: \w+)? (?:search|look (?:it |this |that )?up|google)",
    r"search(?:ing|ed)? (?:for|the (?:web|internet)|online|results?)",
    r"according to (?:the|my) search",
    r"(?:web|internet|online) search",
    r"<search>",
    "搜索",
    "检索",
    "查询",
    "查一下",
    "查阅",
    "上网查",
)
SEARCH = re.compile("|".join(_SEARCHES), re.IGNORECASE)
"""A model that has no search and says that it looks something up (Part 2, section 4: a simulated search)."""


def searches(text: str) -> int:
    """How often a text says that it searches."""
    return len(SEARCH.findall(text))
