"""A sweep in MLflow: its page, names of its cells, those without a result, means over seeds, and its views."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from o1exp.history.arms import Arm, gather
from o1exp.history.cells import CellOutcome, labels, outcomes
from o1exp.history.runs import read
from o1exp.track.client import every
from o1exp.track.columns import Columns
from o1exp.track.logged import KIND, STATUS
from o1exp.track.names import run_name, tags, value
from o1exp.track.opening import save_views
from o1exp.track.seeds import means
from o1exp.track.settings import params, words
from o1exp.track.tracking import PARENT_TAG
from o1exp.track.writing import CELL, see

if TYPE_CHECKING:
    from mlflow import MlflowClient

LOST = ("FAILED", "KILLED", "PRUNED")


def finish(client: "MlflowClient", experiment: str, parent: str, folder: Path) -> None:
    """What is known when all cells have ended. It may be said again: what was said before is replaced."""
    found = outcomes(folder)
    called = labels(found)
    made = {cell.number: cell for cell in found if cell.run}
    records = {number: read(folder.parent / cell.run) for number, cell in made.items()}
    arms = {called[number]: next(iter(record.arms.values())) for number, record in records.items()}
    gathered = gather(folder.resolve().parents[1], arms)
    rows = _once(client, list(every(client, experiment, f"tags.`{PARENT_TAG}` = '{parent}'")), set(map(str, made)))
    _name(client, rows, called)
    _lose(client, experiment, parent, [cell for cell in found if cell.state in LOST], (rows, called))
    for run in rows:
        if run.data.tags.get(KIND) == "seeds":
            client.delete_run(run.info.run_id)
    _log_means(client, experiment, parent, gathered)
    for path in sorted(p for p in folder.iterdir() if p.is_file() and not p.name.startswith(".")):
        client.log_artifact(parent, str(path), "report")
    columns = save_views(client, experiment, parent, folder, gathered)
    _see_cells(client, experiment, parent, rows, columns)


def _once(client: "MlflowClient", rows: list[Any], made: set[str]) -> list[Any]:
    """The rows without those of a failure where the cell has a result by now, under whatever key it had been begun."""
    done = {run.data.tags.get(CELL, "") for run in rows if run.info.status == "FINISHED"} & made
    left = [run for run in rows if run.info.status in ("FAILED", "KILLED") and run.data.tags.get(CELL) in done]
    for run in left:
        client.delete_run(run.info.run_id)
    return [run for run in rows if run not in left]


def _name(client: "MlflowClient", rows: list[Any], called: dict[int, str]) -> None:
    """A cell is called by what tells it from the others, and those may be more than there were when it began."""
    for run in rows:
        number = run.data.tags.get(CELL, "")
        label = called.get(int(number)) if number.isdigit() else None
        if label and run.info.run_name != run_name(label):
            client.update_run(run.info.run_id, name=run_name(label))


def _lose(client: "MlflowClient", experiment: str, parent: str, lost: list[CellOutcome], known: tuple[list[Any], dict[int, str]]) -> None:
    """A run for each cell without a result, FAILED or KILLED, with the reason: the one it began, or one of its own."""
    rows, called = known
    begun = {run.data.tags[CELL]: run for run in rows if CELL in run.data.tags}
    numbers_lost = {str(cell.number) for cell in lost}
    for run in rows:
        if run.data.tags.get(KIND) == "failed cell" and run.data.tags.get(CELL) not in numbers_lost:
            client.delete_run(run.info.run_id)
    for cell in lost:
        run, status = begun.get(str(cell.number)), "KILLED" if cell.state == "PRUNED" else cell.state
        said = {STATUS: f"{cell.state.lower()}: {cell.reason}"[:500], "o1exp.error": value(cell.error)}
        if run is None:
            own = tags({PARENT_TAG: parent, KIND: "failed cell", CELL: str(cell.number), **said})
            run = client.create_run(experiment, run_name=run_name(called[cell.number]), tags=own)
            client.log_batch(run.info.run_id, params=params(dict(words(cell.overrides))))
        elif run.info.status == "FINISHED":
            continue  # it was made before, and only this time it failed
        else:
            for name, text in said.items():
                client.set_tag(run.info.run_id, name, text)
        client.set_terminated(run.info.run_id, status=status)


def _log_means(client: "MlflowClient", experiment: str, parent: str, arms: list[Arm]) -> None:
    """A run for all cells that differ in the seed alone: the UI averages over a group, but shows no interval."""
    for group in means(arms):
        own = tags({PARENT_TAG: parent, KIND: "seeds", STATUS: f"{group.seeds} seeds", **group.tags})
        run = client.create_run(experiment, run_name=run_name(group.name), tags=own, start_time=None)
        client.log_batch(run.info.run_id, metrics=group.metrics, params=params(group.params))
        client.set_terminated(run.info.run_id)


def _see_cells(client: "MlflowClient", experiment: str, parent: str, rows: list[Any], columns: Columns) -> None:
    """The study's view learns of the cells that it has not seen yet: the number of those stands at the sweep's run."""
    cells = [run for run in rows if run.data.tags.get(KIND) in ("cell", "failed cell")]
    seen = int(client.get_run(parent).data.tags.get("o1exp.cells", "0"))
    if len(cells) != seen:  # fewer: those of failures are gone
        new = cells[seen if seen < len(cells) else 0 :]
        see(client, experiment, [run.data.params for run in new], columns.benchmarks, columns.phases)
        client.set_tag(parent, "o1exp.cells", str(len(cells)))
