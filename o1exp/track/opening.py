"""A sweep's run in MLflow and its saved views, there before the first cell."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from o1exp.history import numbers
from o1exp.history.arms import Arm
from o1exp.history.cells import outcomes
from o1exp.track import view
from o1exp.track.columns import Columns, of_sweep
from o1exp.track.names import run_name, searched
from o1exp.track.tracking import KEY_TAG, PARENT_TAG

if TYPE_CHECKING:
    from mlflow import MlflowClient


def sweep_run(client: "MlflowClient", root: Path, experiment_id: str, sweep: str, asked: Iterable[str] = ()) -> str:
    """The run that the sweep's cells stand below; made, with its view, where there is none."""
    key = searched(f"sweep {sweep}")
    for run in client.search_runs([experiment_id], f"tags.`{KEY_TAG}` = '{key}'", max_results=10):
        if run.data.tags.get(PARENT_TAG) is None:
            return str(run.info.run_id)
    made = client.create_run(experiment_id, run_name=run_name(sweep), tags={KEY_TAG: key, "o1exp.kind": "sweep"})
    client.set_terminated(made.info.run_id)  # it holds the cells and nothing else; each cell has a state of its own
    save_views(client, experiment_id, str(made.info.run_id), root / "runs" / sweep, (), asked)
    return str(made.info.run_id)


def save_views(
    client: "MlflowClient", experiment: str, parent: str, folder: Path, arms: Sequence[Arm], asked: Iterable[str] = ()
) -> Columns:  # fmt: skip
    """The sweep's table, and that of its means over seeds where there are any; of nothing but the sweep's own files."""
    cells = list(numbers.read(folder).values()) or [cell.overrides for cell in outcomes(folder)]
    columns = of_sweep(cells, arms, asked)
    client.set_experiment_tag(experiment, view.tag(key(folder)), view.packed(view.of_sweep(columns, parent)))
    if "seed" in columns.params:
        client.set_experiment_tag(experiment, view.tag(f"{key(folder)}-seeds"), view.packed(view.of_seeds(columns, parent)))
    return columns


def key(folder: Path) -> str:
    """Of the sweep's view, as an address takes it."""
    return "".join(letter if letter.isalnum() or letter in "-_" else "-" for letter in folder.name)
