"""A filled-in checklist as YAML, read with the line of every mistake."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from o1exp.tti.index import BY_ID, DIMENSIONS, ITEMS, IndexItem, Standing

YES, NO, NOT_USED = "yes", "no", "not used"
ANSWERS = (YES, NO, NOT_USED)
_WORDS = {"yes": YES, "true": YES, "no": NO, "false": NO, "not used": NOT_USED, "not_used": NOT_USED, "openly not used": NOT_USED}
_FIELDS = ("answer", "evidence", "note")


@dataclass(frozen=True, kw_only=True)
class ItemAnswer:
    """One item's answer. `evidence` are links or paths; without one nothing but No is possible."""

    item: IndexItem
    answer: str
    evidence: tuple[str, ...] = ()
    note: str = ""

    @property
    def points(self) -> int:
        return 0 if self.answer == NO else self.item.points


@dataclass(frozen=True)
class Checklist:
    """Answers by item id, in the index's order."""

    name: str
    answers: dict[str, ItemAnswer]

    @property
    def standing(self) -> Standing:
        sums = {d: sum(a.points for a in self.answers.values() if a.item.dimension == d) for d in DIMENSIONS}
        return Standing(self.name, sums)


class ChecklistError(ValueError):
    """Everything that is wrong with a checklist, a line each."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


def read(path: Path, asked: Sequence[IndexItem] = ITEMS) -> Checklist:
    """The checklist in a file that answers the `asked` items, all of them. Errors: ChecklistError with every mistake and its line."""
    import yaml

    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise ChecklistError([f"{path}: cannot be read ({problem})"]) from problem
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as problem:
        raise ChecklistError([f"{path}: no YAML: {' '.join(str(problem).split())}"]) from problem
    reader = _ChecklistReader(path, {item.id for item in asked})
    found = reader.checklist(root)
    if reader.mistakes:
        raise ChecklistError([f"{path}:{line}: {what}" for line, what in sorted(reader.mistakes)])
    return found


def written(checklist: Checklist, remarks: Sequence[str] = ()) -> str:
    """The checklist as YAML, each item under its question; `read` gives it back."""
    lines = [f"# {remark}" for remark in remarks] + [f"name: {_quoted(checklist.name)}", "answers:"]
    dimension = ""
    for answer in checklist.answers.values():
        item = answer.item
        if item.dimension != dimension:
            dimension = item.dimension
            lines += ["", f"  # {DIMENSIONS[dimension]}"]
        lines += [f"  {item.id}:  # {item.question} ({item.points} points)", f"    answer: {_quoted(answer.answer)}"]
        lines += ["    evidence:", *(f"    - {_quoted(link)}" for link in answer.evidence)] if answer.evidence else ["    evidence: []"]
        lines += [f"    note: {_quoted(answer.note)}"]
    return "\n".join(lines) + "\n"


def empty(name: str, asked: Sequence[IndexItem] = ITEMS) -> Checklist:
    """Everything answered with No."""
    return Checklist(name, {item.id: ItemAnswer(item=item, answer=NO) for item in asked})


class _ChecklistReader:
    """Walks the nodes of a YAML document; a mistake is (line, sentence)."""

    def __init__(self, path: Path, asked: set[str]) -> None:
        self.path = path
        self.asked = asked
        self.mistakes: list[tuple[int, str]] = []

    def checklist(self, root: Any) -> Checklist:
        top = dict(self._pairs(root, "a checklist", ("name", "answers"), 1))
        name = self._text(top["name"][0], "name") if "name" in top else self.path.stem
        if "answers" not in top:
            if not self.mistakes:
                self._wrong(1, "there is no `answers:`; `python -m o1exp.tti score --template FILE` writes an empty checklist")
            return Checklist(name, {})
        node, line = top["answers"]
        given = {}
        for item, (inner, place) in self._pairs(node, "`answers`", tuple(i.id for i in ITEMS if i.id in self.asked), line):
            given[item] = self._answer(BY_ID[item], inner, place)
        if missing := [item.id for item in ITEMS if item.id in self.asked and item.id not in self._named(node)]:
            self._wrong(line, f"no answer for {', '.join(missing)}; answer each item with yes, no or not used")
        return Checklist(name, {item.id: found for item in ITEMS if (found := given.get(item.id))})

    def _answer(self, item: IndexItem, node: Any, line: int) -> ItemAnswer | None:
        if type(node).__name__ == "ScalarNode":  # `rl: no` for short
            fields: dict[str, tuple[Any, int]] = {"answer": (node, line)}
        else:
            fields = dict(self._pairs(node, item.id, _FIELDS, line))
        if "answer" not in fields:
            self._wrong(line, f"{item.id} has no `answer`; write yes, no or not used")
            return None
        where = fields["answer"][1]
        said = self._text(fields["answer"][0], "answer")
        word = _WORDS.get(said.strip().lower())
        evidence = self._evidence(fields.get("evidence"), item)
        note = self._text(fields["note"][0], "note") if "note" in fields else ""
        if word is None:
            self._wrong(where, f"{item.id}: {said!r} is no answer; write yes, no or not used")
            return None
        if word == NOT_USED and not item.technique:
            others = ", ".join(i.id for i in ITEMS if i.technique)
            self._wrong(where, f"{item.id}: only a technique can be not used ({others}); write yes or no")
        if word != NO and not evidence:
            self._wrong(where, f"{item.id}: {word} needs evidence; give a link or a path, or answer no")
        return ItemAnswer(item=item, answer=word, evidence=evidence, note=note)

    def _evidence(self, given: tuple[Any, int] | None, item: IndexItem) -> tuple[str, ...]:
        if given is None:
            return ()
        node, line = given
        nodes = node.value if type(node).__name__ == "SequenceNode" else [node]
        found = [self._text(inner, "evidence").strip() for inner in nodes]
        links = tuple(link for link in found if link and link.lower() not in ("null", "~"))
        if any(any(c.isspace() for c in link) and "://" in link for link in links):
            self._wrong(line, f"{item.id}: a link of `evidence` has a space in it; give one link or path per line, and words in `note`")
        return links

    def _pairs(self, node: Any, what: str, known: tuple[str, ...], line: int) -> Iterator[tuple[str, tuple[Any, int]]]:
        import difflib

        if type(node).__name__ != "MappingNode":
            self._wrong(line, f"{what} must be a mapping with {', '.join(known[:3])}{' ...' if len(known) > 3 else ''}")
            return
        seen: dict[str, int] = {}
        for key, value in node.value:
            name, place = str(key.value), key.start_mark.line + 1
            if name in seen:
                self._wrong(place, f"{name} stands here a second time (first in line {seen[name]}); keep one of them")
            elif name not in known:
                near = [f"did you mean {word}? " for word in difflib.get_close_matches(name, known, n=1)]
                self._wrong(place, f"{name} is not known in {what}; {''.join(near)}known are {', '.join(known)}")
            else:
                yield name, (value, place)
            seen.setdefault(name, place)

    def _named(self, node: Any) -> set[str]:
        return {str(key.value) for key, _ in node.value} if type(node).__name__ == "MappingNode" else self.asked

    def _text(self, node: Any, what: str) -> str:
        if type(node).__name__ != "ScalarNode":
            self._wrong(node.start_mark.line + 1, f"{what} must be a text")
            return ""
        return str(node.value)

    def _wrong(self, line: int, what: str) -> None:
        self.mistakes.append((line, what))


def _quoted(text: str) -> str:
    import json

    plain = text.replace("_", "a").replace("-", "a").replace(" ", "a")
    return (
        text if plain.isalnum() and plain.isascii() and text.strip() == text and text[0].isalpha() else json.dumps(text, ensure_ascii=False)
    )
