"""The Report stage: one self-contained HTML page and the tables behind it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, ClassVar

from o1exp.bench.outcome import NAME, Outcome
from o1exp.flow import AtLeast, Role, Stage, Work, added, how
from o1exp.flow.expect import Expect
from o1exp.history.arms import gather
from o1exp.tti.stage import Audited


@dataclass(frozen=True)
class Page:
    """A finished report: the page and the values behind it."""

    html: Path
    results: dict[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "Page":
        return cls(folder / "index.html", json.loads((folder / NAME).read_text(encoding="utf-8")))


@dataclass(frozen=True, kw_only=True)
class Report(Stage[Page]):
    """Compare the arms with the baseline arm ("" = none) and write index.html, results.json, results.csv and results.tex.

    Arms that answered other questions than the baseline are not compared with it, unless `across` asks for it.
    `question` is what the experiment asked, `caveat` what its answer does and does not show; `audit` is how much of it the run
    tells others; `command` reproduces it.
    """

    role: ClassVar[Role] = "description"
    does: ClassVar[str] = "the arms compared on a page"
    version: ClassVar[int] = 5
    volatile: ClassVar[tuple[str, ...]] = ("index.html",)

    arms: dict[str, Stage[Outcome]]
    baseline: str = ""
    title: str = ""
    question: str = ""
    caveat: str = ""
    samples: Annotated[int, AtLeast(0)] = 5
    cases: tuple[str, ...] = added(())
    """Queries of the case studies, by the ids of their problems; none: the largest changes, one of each category in turn."""
    across: bool = added(False)
    """Compare arms that answered different questions too, as groups."""
    measures: dict[str, Stage[Any]] = field(default_factory=dict)
    """Judges that are themselves measured, by name: stages such as bench.measured.Measured."""
    audit: Stage[Audited] | None = None
    command: str = how("")

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.arms:
            yield "arms", "a report needs at least one arm"
        if self.baseline and self.baseline not in self.arms:
            yield "baseline", f"{self.baseline!r} is not one of the arms {', '.join(self.arms)}; leave it empty for no comparison"

    def make(self, work: Work) -> None:
        from o1exp.report.compare import rows
        from o1exp.report.render import PageWords, write

        arms = gather(work.store.root, {name: f"{arm.kind}/{arm.key}" for name, arm in self.arms.items()})
        table = rows(arms, self.baseline, self.across)
        judges = {name: arms[0].lineage.get(f"{judge.kind}/{judge.key}") for name, judge in self.measures.items()}
        words = PageWords(self.title, self.question, self.caveat, self.command, self.baseline, cases=self.cases, judges=judges)
        write(work.folder, words, table, arms, self.samples, work.open(self.audit) if self.audit else None)
        work.note(rows=len(table), arms=len(arms))

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        return Expect(rows=len(self.arms))
