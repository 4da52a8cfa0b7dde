"""Thoughts that people wrote down while they solved a problem, with marks where they tried, looked back and corrected themselves.

As text: a head of `problem:` and, as far as known, `answer:` and `by:` lines, an empty line, then paragraphs; a paragraph may begin with
[trial], [reflection] or [correction]. A line of three dashes or more ends a problem. As JSON: `problem`, `answer`, `by`, and `thought`,
the same paragraphs as one text or as a list of {kind, text}.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from o1exp.records.fields import Values, as_text, first_field
from o1exp.records.labelled.steps import ROOT, Labelled, Reading, Step

KINDS = ("step", "trial", "reflection", "correction")
_MARK = re.compile(r"^\[\s*([A-Za-z-]+)\s*\]\s*")
_HEAD = re.compile(r"^\s*(?:#+\s*)?(problem|question|answer|by)\s*[:：]\s?(.*)$", re.IGNORECASE)  # noqa: RUF001
_END = re.compile(r"^-{3,}\s*$")
_BLANK = re.compile(r"\n[^\S\n]*\n")


def is_aloud(row: Values) -> bool:
    return "thought" in row and isinstance(row["thought"], str | list) and bool(first_field(row, ("problem", "question")))


def read(row: Values, place: int) -> Labelled:
    """The row as a tree: a trial is a way that did not lead on, and a correction goes on from where it began."""
    thought = _Thought(as_text(row.get("by")) or "person")
    for number, (kind, text) in enumerate(_paragraphs(row["thought"]), 1):
        thought.add(kind, text, f"paragraph {number}")
    if thought.trial:
        thought.draft.missing.append(f"the trial in {thought.trial} is never corrected")
    if not thought.draft.steps:
        thought.draft.missing.append("has no thought")
    answer, question = as_text(row.get("answer")), as_text(row[first_field(row, ("problem", "question"))])
    return Labelled(
        place=place, form="think_aloud", question=question, answer=answer, steps=tuple(thought.draft.steps),
        missing=tuple(thought.draft.missing),
    )  # fmt: skip


def _paragraphs(thought: Any) -> Iterator[tuple[str, str]]:
    if isinstance(thought, str):
        for part in filter(None, map(str.strip, _BLANK.split(thought))):
            mark = _MARK.match(part)
            known = mark and mark[1].lower() in (*KINDS, "correct", "reflect", "try")
            yield (mark[1].lower() if mark else "step", part[mark.end() :].strip() if mark and known else part)
        return
    for item in thought:
        if isinstance(item, dict):
            yield as_text(item.get("kind")).lower() or "step", as_text(item.get("text"))
        else:
            yield "step", as_text(item)


@dataclass
class _Thought:
    """The tree while it grows: `at` is the step that the next one follows, `back` the one that a trial began from."""

    by: str
    draft: Reading = field(default_factory=Reading)
    at: int = ROOT
    back: int = ROOT
    trial: str = ""
    """Where the trial that is under way began; "" for none."""

    def add(self, kind: str, text: str, name: str) -> None:
        if not text:
            self.draft.missing.append(f"{name} has no text")
        elif kind == "trial":
            if not self.trial:  # a trial within a trial goes on where it stands
                self.back = self.at
            self.trial = self.trial or name
            self._append(text, "wrong")
        elif kind == "reflection":
            self._reflect(text, name)
        elif kind == "correction":
            self._correct(text, name)
        else:
            if kind != "step":
                self.draft.missing.append(f"{name} has the mark {kind!r}, which is none of {', '.join(KINDS)}; it is taken as a step")
            self._append(text, "wrong" if self.trial else "right")

    def _append(self, text: str, verdict: Any, action: Any = "continue") -> None:
        step = Step(
            text=text, parent=self.at, verdict=verdict, action=action, chosen=not self.trial, writer=self.by, judge=self.by
        )  # fmt: skip
        self.at = self.draft.add(step)

    def _reflect(self, text: str, name: str) -> None:
        """In a trial it is also the reason why that was wrong."""
        if self.at == ROOT:
            self.draft.missing.append(f"the reflection in {name} has nothing before it")
        elif self.trial:
            self._change(self.at, reason=text)
        self._append(text, "wrong" if self.trial else "right", "reflect")

    def _correct(self, text: str, name: str) -> None:
        """Goes on from where the trial began; without a trial the step before it was the wrong one."""
        if self.at != ROOT and self.draft.steps[self.at].action == "reflect":  # with these words the thought turned back
            self._change(self.at, action="backtrack")
        if self.trial:
            self.at, self.trial = self.back, ""
        elif self.at == ROOT:
            self.draft.missing.append(f"the correction in {name} has nothing before it")
        else:
            wrong = self.at
            while self.draft.steps[wrong].action in ("reflect", "backtrack") and self.draft.steps[wrong].parent != ROOT:
                wrong = self.draft.steps[wrong].parent
            for place in self._from(wrong):
                self._change(place, verdict="wrong", chosen=False)
            self.at = self.draft.steps[wrong].parent
        self._append(text, "right")

    def _change(self, place: int, **fields: Any) -> None:
        self.draft.steps[place] = replace(self.draft.steps[place], **fields)

    def _from(self, place: int) -> list[int]:
        """The steps from the present one back to that one."""
        found = [self.at]
        while found[-1] != place:
            found.append(self.draft.steps[found[-1]].parent)
        return found


def rows_of(text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """The problems of a text file: the line that each begins at, and its fields."""
    begin, lines = 1, list[str]()
    for number, line in enumerate([*text.split("\n"), "---"], 1):
        if not _END.match(line):
            lines.append(line)
            continue
        if any(part.strip() for part in lines):
            blank = next(at for at, part in enumerate(lines) if part.strip())
            yield begin + blank, _fields(lines[blank:])
        begin, lines = number + 1, []


def _fields(lines: list[str]) -> dict[str, Any]:
    found: dict[str, str] = {}
    name, behind = "", len(lines)
    for at, line in enumerate(lines):
        head = _HEAD.match(line)
        if head:
            name = "problem" if head[1].lower() == "question" else head[1].lower()
            found[name] = head[2].strip()
        elif name and line.strip():
            found[name] += "\n" + line.strip()
        else:
            behind = at
            break
    return {**found, "thought": "\n".join(lines[behind:]).strip()}
