"""The Audit stage: a run's transparency, from its cards and artefacts, for the report and MLflow."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

from o1exp.cards.card import Card
from o1exp.flow import Expect, Role, Stage, Work, how
from o1exp.flow.content import differs, pinned
from o1exp.tti.audit import Dossier, audit, checklist, stored
from o1exp.tti.checklist import written
from o1exp.tti.questions import answers, mistake

AUDIT = "audit.json"
CHECKLIST = "checklist.yaml"


@dataclass(frozen=True)
class Audited:
    """A finished audit: points by dimension and in all, and a row for each item."""

    points: dict[str, int]
    findings: list[dict[str, Any]]

    @classmethod
    def read(cls, folder: Path) -> "Audited":
        stored = json.loads((folder / AUDIT).read_text(encoding="utf-8"))
        return cls(stored["points"], stored["findings"])


@dataclass(frozen=True, kw_only=True)
class Audit(Stage[Audited]):
    """Answer the 25 items of the Technical Transparency Index for a run (Part 2, section 5).

    `answers` is a file with what only a person knows; the key holds its content. `run` names the run's folder. The artefact is
    audit.json and checklist.yaml, which `python -m o1exp.tti score` and `board` read.
    """

    role: ClassVar[Role] = "description"
    does: ClassVar[str] = "how much of the run is told, with evidence"

    data: Stage[Card]
    model: Stage[Card]
    sha256: str = ""
    answers: str = how("")
    run: str = how("")
    command: str = how("o1exp")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "sha256", pinned(self.answers, self.sha256))

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if self.answers and (why := mistake(Path(self.answers))):
            yield "answers", why

    def preflight(self) -> Iterator[str]:
        yield from differs(self.answers, self.sha256)

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=25)

    def make(self, work: Work) -> None:
        cards = {name: f"{stage.kind}/{stage.key}" for name, stage in (("data", self.data), ("model", self.model))}
        said = answers(Path(self.answers)) if self.answers else {}
        findings = audit(Dossier(root=work.store.root, run=self.run, cards=cards, answers=said, command=self.command))
        name = self.run or "run"
        (work.folder / AUDIT).write_text(stored(findings, name), encoding="utf-8")
        (work.folder / CHECKLIST).write_text(written(checklist(findings, name)), encoding="utf-8")
        points = checklist(findings, name).standing
        work.note(**points.points, total=points.total)

    def of(self, arms: dict[str, Stage[Any]], baseline: str, why: dict[str, str]) -> "Audit":
        """The same audit over these arms: both cards describe them."""
        data = self.data.replace(arms=arms, baseline=baseline)
        return self.replace(data=data, model=self.model.replace(arms=arms, baseline=baseline, why=why))

    def at(self, run: str, command: str) -> "Audit":
        """The same audit with the run's folder and command; the key stays as it is."""
        return dataclasses.replace(self, run=run, command=command)
