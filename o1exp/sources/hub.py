"""Problems from a data set on the Hugging Face hub."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar

from o1exp.flow import AtLeast, Expect, Role, Stage, StageFailed, Work, added, how
from o1exp.flow.hub import look_for_hub
from o1exp.flow.revision import is_moving, moving
from o1exp.records import Problem, Table
from o1exp.records.rows import Row
from o1exp.sources.fields import Origin
from o1exp.sources.local import no_fields, write_problems


@dataclass(frozen=True, kw_only=True)
class Hub(Stage[Table[Problem]]):
    """Problems of a hub data set; `only` keeps rows whose column `only_column` is one of the given values.

    A branch or tag may move: a run resolves it to the commit of the day and keeps that. `expected_rows` is a hint for the plan alone.
    Errors: StageFailed in one sentence where the hub cannot be reached.
    """

    role: ClassVar[Role] = "source"
    does: ClassVar[str] = "problems of a data set on the hub"
    version: ClassVar[int] = 7

    name: str
    revision: str
    subset: str = ""
    split: str = "train"
    only_column: str = ""
    only: tuple[str, ...] = ()
    fields: dict[str, str] = dataclasses.field(default_factory=no_fields)
    limit: Annotated[int, AtLeast(1)] | None = None
    gold: bool = added(True)
    """Whether there are gold answers; false: prompts alone, which a judge scores."""
    expected_rows: int | None = how(None)
    provider: str = how("")
    """Who the data are from, and under which `licence` (as the hub spells it, e.g. apache-2.0), for the data card."""
    licence: str = how("")
    citation: str = how("")

    def mistakes(self) -> Iterator[tuple[str, str]]:
        if not self.revision:
            yield "revision", "must pin the data: give a commit hash, tag or branch of the data set"
        if bool(self.only) != bool(self.only_column):
            yield "only", "goes with only_column: give both or none"

    def expect(self, inputs: dict[str, Expect]) -> Expect:
        rows = self.expected_rows if self.limit is None else min(self.limit, self.expected_rows or self.limit)
        return Expect(
            rows=rows, disk_gb=(rows or 0) * 3e-6, remark="; ".join(filter(None, ("downloads from the hub", moving(self.revision))))
        )

    def make(self, work: Work) -> None:
        found, commit = self._download()
        work.note(fingerprint=str(found._fingerprint), downloaded=len(found), commit=commit)
        if is_moving(self.revision):
            now = f"commit {commit}" if commit else "not known as a commit"
            work.console.line(f"[yellow]moving[/] {self.name}: {self.revision} is {now} now, which this run keeps")
        rows = (Row(place, dict(values)) for place, values in enumerate(found, start=1))
        kept = (row for row in rows if not self.only or str(row.values.get(self.only_column)) in self.only)
        write_problems(work, kept, self.fields, (0, self.limit), Origin(self.name, commit or self.revision, self.name, self.gold))

    def _download(self) -> tuple[Any, str]:
        """The rows, and the commit that the revision names now ("" where the library does not say)."""
        import datasets

        away = look_for_hub(self.name)
        try:
            builder = datasets.load_dataset_builder(self.name, self.subset or None, revision=self.revision)
            builder.download_and_prepare()
            return builder.as_dataset(split=self.split), "" if is_moving(str(builder.hash)) else str(builder.hash)
        except (OSError, datasets.exceptions.DatasetNotFoundError) as problem:
            reason = away or str(problem).splitlines()[0]
            raise StageFailed(
                f"the data set {self.name} at revision {self.revision} cannot be loaded from the hub ({reason}); "
                "check the network and the names, or download it and use source=local source.path=FILE"
            ) from problem
