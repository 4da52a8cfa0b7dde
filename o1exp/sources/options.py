"""The options of a multiple-choice row that stand beside its question, put behind it: without them nobody could answer."""

import re
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from o1exp.records.fields import Values, as_text, field, first_field, listed, written

_WRITTEN = re.compile(r"\b([A-Ha-h])\s*[).]\s*(.+?)\s*(?=,\s*[A-Ha-h]\s*[).]|$)")
"""Options in one text: `a ) 38 , b ) 27`."""
_NAMES = ("choices", "options", "question.choices", "question.options")
_LABEL, _TEXT = ("label", "key", "letter"), ("text", "content", "value", "option")


@dataclass(frozen=True)
class Options:
    """The text of each option by its label; `words`: all are texts, so that a number as the answer counts them."""

    texts: dict[str, str]
    words: bool = True

    def behind(self, question: str) -> str:
        """The question with the options behind it, unless it lists them already."""
        if all(re.search(rf"(?<!\w){re.escape(label)}\s*[).:\uff0e\u3001]", question) for label in self.texts):
            return question
        begun = all(re.match(rf"\(?{re.escape(label)}\s*[).:]", text) for label, text in self.texts.items())
        return "\n".join([question, *(text if begun else f"({label}) {text}" for label, text in self.texts.items())])

    def label(self, answer: Any) -> str:
        """The label of the option that a number counts from 0; "" for any other answer."""
        counts = self.words and isinstance(answer, int) and not isinstance(answer, bool) and 0 <= answer < len(self.texts)
        return list(self.texts)[answer] if counts else ""


def options(values: Values) -> Options | None:
    """The options of a row: a list, one text, texts by label, `{"text": [...], "label": [...]}`, objects with both, or columns A, B, C.

    A table saved as CSV spells the same as texts; ARC keeps them within its question.
    """
    name = first_field(values, _NAMES)
    columns = {letter: values[letter] for letter in "ABCDEFGH" if as_option(values.get(letter))}
    found = field(values, name) if name else columns if set("ABC") <= columns.keys() else None
    if isinstance(found, str):
        spelled = written(found)
        found = spelled if spelled is not found else listed(found) or dict(_WRITTEN.findall(found))
    if isinstance(found, dict) and isinstance(found.get("text"), list):
        labels = found.get("label")
        return _options(found["text"], labels if isinstance(labels, list) else None)
    if isinstance(found, dict):
        return _options(list(found.values()), list(found))
    if not isinstance(found, list) or not found:
        return None
    if not isinstance(found[0], dict):
        return _options(found, None)
    label, text = first_field(found[0], _LABEL), first_field(found[0], _TEXT)
    if not text or "finish_reason" in found[0] or not all(isinstance(option, dict) for option in found):
        return None
    return _options([option.get(text) for option in found], [option.get(label) for option in found] if label else None)


def as_option(value: Any) -> bool:
    """Whether a value can be an option."""
    return isinstance(value, str | int | float) and as_text(value) != ""


def _options(texts: list[Any], labels: list[Any] | None) -> Options | None:
    if len(texts) < 2 or not all(map(as_option, texts)):
        return None
    pairs = zip(labels or ascii_uppercase, texts, strict=False)
    return Options({str(label): as_text(text) for label, text in pairs}, all(isinstance(text, str) for text in texts))
