"""Where runs are logged, and what every module of it speaks of: a study, a cell, a run that was begun."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from o1exp.flow import Settings
from o1exp.history.runs import RunRecord
from o1exp.secrets import refusal
from o1exp.track.place import address
from o1exp.track.usable import no_address

KEY_TAG = "o1exp.key"
PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True, kw_only=True)
class Tracking(Settings):
    """Where runs are logged. An empty `uri` is sqlite at <outputs>/mlflow.db with its artifacts beside it."""

    enabled: bool = True
    uri: str = ""

    def mistakes(self) -> Iterator[tuple[str, str]]:
        yield from super().mistakes()
        if why := refusal(self.uri):
            places = "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN"
            if not self.uri.startswith(("http://", "https://")):
                places = "what its driver reads, e.g. PGUSER and PGPASSWORD"
            yield "uri", f"{why}; leave that out and put it into the environment: {places}"
        elif why := no_address(self.uri):
            yield "uri", why

    def address(self, root: Path) -> str:
        return address(self.uri, root)


@dataclass(frozen=True)
class StudyHandle:
    """An open study: its experiment, and the parent run of the sweep ("" for a single run). Both are "" where the server is down."""

    experiment_id: str
    run_id: str


@dataclass(frozen=True)
class Cell:
    """A cell of a sweep: the names of the sweep's folder and of its own (its number, or where it lies if it is beside the sweep's cells),
    the sweep's run in MLflow ("" where the server was down), and what tells it apart.
    """

    sweep: str
    place: str
    parent: str = ""
    name: str = ""


@dataclass
class Begun:
    """What stands in MLflow already: run ids by arm ("" is the run itself), and of each the last step of every curve; when work ended."""

    runs: dict[str, str] = field(default_factory=dict)
    told: dict[str, dict[str, int]] = field(default_factory=dict)
    ended: float = 0.0


def key_of(record: RunRecord, cell: Cell | None) -> str:
    """By what a run is known to be logged already: two cells of one result are two rows."""
    return record.key if cell is None else f"{record.key} {cell.place}"
