r"""Boxed answers: \boxed{...}, \fbox{...}, \framebox{...}, \boxed 7; several count together only where a list joins them."""

import re

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
_LINKS = re.compile(r",|\uff0c|\u3001|;|\band\b|\bor\b|\u548c|\u6216|\u4ee5\u53ca|\u4e0e")


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
    starts = [match for match in _BOX.finditer(text) if text[match.end() : match.end() + 1] == "{"]
    return bool(starts) and starts[-1].end() not in _closings(text, starts[-1].start())


def _boxes(text: str) -> list[tuple[int, int, str]]:
    """(start, end, content) of the complete outermost boxes that are not empty."""
    starts = list(_BOX.finditer(text))
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
                spans.append((match.start(), end + 1, content))
        elif bare := _BARE.match(text, match.end()):
            spans.append((match.start(), bare.end(), bare.group()))
    return spans


_BRACE = re.compile(r"\\.|[{}]", re.DOTALL)


def _closings(text: str, start: int) -> dict[int, int]:
    r"""Where each brace behind `start` closes, found in one pass; \{ and \} are no braces."""
    opened: list[int] = []
    closings: dict[int, int] = {}
    for match in _BRACE.finditer(text, start):
        if match[0] == "{":
            opened.append(match.start())
        elif match[0] == "}" and opened:
            closings[opened.pop()] = match.start()
    return closings
