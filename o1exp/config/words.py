"""The words of a command line: flags, and overrides as Hydra's grammar reads them. What it cannot read is told how to be written."""

import difflib
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from o1exp.config import spine
from o1exp.secrets import masked_override

_WITH_VALUE = frozenset(
    (
        "--config-dir",
        "-cd",
        "--config-name",
        "-cn",
        "--config-path",
        "-cp",
        "--cfg",
        "-c",
        "--package",
        "-p",
        "--info",
        "-i",
        "--experimental-rerun",
    )
)


@dataclass(frozen=True)
class Word:
    """One override: `sign` is "", +, ++ or ~."""

    text: str
    sign: str
    key: str
    value: str

    @classmethod
    def of(cls, text: str) -> "Word":
        bare = text.lstrip("+~")
        key, _, value = bare.partition("=")
        return cls(text, text[: len(text) - len(bare)], key, value)

    @property
    def group(self) -> str:
        return self.key.partition("@")[0]

    def chooses(self, groups: Sequence[str]) -> bool:
        """Does it choose an option (and so decide which settings there are)?"""
        return "/" in self.key or "@" in self.key or self.key in groups or self.key.startswith("hydra")

    def parsed(self) -> Override | None:
        """As Hydra reads it; None where it cannot."""
        if not self.key:
            return None
        try:
            return OverridesParser.create().parse_override(self.text)
        except HydraException:
            return None

    def values(self, sweep: bool) -> "list[Word]":
        """The override once for each value that it sweeps over; itself where it names one, or no sweep was asked for."""
        override = self.parsed() if sweep else None
        if override is None or not override.is_discrete_sweep():
            return [self]
        return [Word.of(f"{self.sign}{self.key}={value}") for value in override.sweep_string_iterator()]


def overrides(words: Sequence[str]) -> list[Word]:
    """The overrides among the words of a command line."""
    return [Word.of(word) for word in words if not word.startswith("-") and ("=" in word or word.startswith("~"))]


def unreadable(words: Sequence[str], places: Sequence[Path]) -> dict[str, str]:
    """The words that Hydra's grammar does not take, each with a sentence."""
    found = {word.text: _quoted(word) for word in overrides(words) if not word.parsed()}
    return found | {word: _no_override(word, places) for word in _bare(words)}


def _bare(words: Sequence[str]) -> Iterator[str]:
    """Words that are neither flags nor their values, nor overrides."""
    for before, word in zip(["", *words], words, strict=False):
        if not word.startswith(("-", "~")) and "=" not in word and before not in _WITH_VALUE:
            yield word


def _quoted(word: Word) -> str:
    shown = masked_override(word.text)
    for mark in () if word.value[:1] in ("[", "{") else ('"', "'"):
        better = f"{word.sign}{word.key}={mark}{word.value}{mark}"
        if mark not in word.value and Word.of(better).parsed():
            remedy = shlex.quote(f"{word.sign}{masked_override(f'{word.key}={word.value}').replace('=', f'={mark}', 1)}{mark}")
            return f"{shown}: a value with such characters stands in quotes: {remedy}"
    if word.value[:1] in ("[", "{"):
        return f'{shown}: a value inside it with such characters stands in quotes, e.g. ["think.lr=3", "a b.jsonl"]'
    return f"{shown}: is no override; write NAME=VALUE, a value with such characters in quotes: 'NAME=\"VALUE\"'"


def _no_override(word: str, places: Sequence[Path]) -> str:
    names = {node.choice: f"{node.choice}=OPTION" for node in spine.nodes(places[0])}
    names |= {spine.EXPERIMENT: f"{spine.EXPERIMENT}=NAME"} | {field.name: f"{field.name}=..." for field in fields(spine.Run)}
    names |= {name: f"{spine.EXPERIMENT}={name}" for name in spine.options(places, spine.EXPERIMENT)}
    names |= {value: f"{key}={value}" for key, values in spine.CHOICES.items() for value in values}
    near = [f"did you mean {names[name]}? " for name in difflib.get_close_matches(word, names, n=1)]
    return f"{word}: is no setting; {''.join(near)}write NAME=VALUE (o1exp --help lists what there is)"
