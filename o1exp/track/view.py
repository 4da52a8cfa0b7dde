"""A saved view of MLflow's run table: scores and swept settings as columns.

The UI keeps shared views as experiment tags, compressed JSON under `mlflow.sharedViewState.<key>`, and opens one by its key.
"""

import base64
import json
import re
import zlib
from typing import Any

KEY = "o1exp"
NAME = f"mlflow.sharedViewState.{KEY}"
HEADER = "deflate;"
RUN_NAME, CREATED, DURATION = "attributes.`Run Name`", "runDateAndNestInfo", "duration"
"""Columns the UI always shows, by the ids of its grid."""
TRAINING = re.compile(r"phase\d+(_by_tokens)?/")
"""Curves of a training, whose accuracy is that of tokens."""
MOST_PARAMETERS = 8
"""Swept settings that become columns."""

Logged = tuple[str, str | None, dict[str, str], dict[str, float]]
"""Run id, parent's id or None, parameters, metrics."""


def view(runs: list[Logged]) -> dict[str, Any]:
    """The state of the run table: which columns, how wide, best accuracy first.

    Sorted by a score the UI lists parents, cells and arms in one flat table; sorted by date it would fold the children away.
    """
    metrics = scores(runs)
    columns = [f"params.`{name}`" for name in swept(runs)] + [f"metrics.`{name}`" for name in metrics]
    best = f"metrics.`{metrics[0]}`" if metrics else "attributes.`Created`"
    return {
        "searchFilter": "", "orderByKey": best, "orderByAsc": False, "startTime": "ALL", "lifecycleFilter": "Active",
        "datasetsFilter": [], "modelVersionFilter": "All Runs",
        "selectedColumns": columns, "columnOrder": [RUN_NAME, *columns, CREATED, DURATION],
        "columnWidths": {RUN_NAME: 200, CREATED: 130, DURATION: 80, **{column: 6 * len(column) + 10 for column in columns}},
        "runsHiddenMode": "FIRST_20_RUNS", "viewMaximized": False, "runListHidden": False, "isAccordionReordered": False, "groupBy": None,
        "groupsExpanded": {}, "useGroupedValuesInCharts": True, "hideEmptyCharts": True,
    }  # fmt: skip


def scores(runs: list[Logged]) -> list[str]:
    """Accuracies, then output tokens. Where arms are logged one by one, the run's own copies under the arms' names are left out."""
    found = {name for _, _, _, metrics in runs for name in metrics if name.endswith(("/accuracy", "/output_tokens"))}
    names = sorted((name for name in found if not TRAINING.match(name)), key=_order)
    return [name for name in names if not any(name != other and name.endswith("/" + other) for other in names)]


def swept(runs: list[Logged]) -> list[str]:
    """Parameters with more than one value among runs on the same level: those that all have first, seed before think.seed."""
    levels: dict[str | None, list[dict[str, str]]] = {}
    for _, parent, params, _ in runs:
        if params:
            levels.setdefault(parent, []).append(params)
    differing: dict[str, tuple[bool, int]] = {}
    for group in levels.values():
        for name in {name for params in group for name in params} - {"arm"}:  # the run is named by it
            values = {params.get(name) for params in group}
            if len(values) > 1:
                differing[name] = max((None in values, len(values)), differing.get(name, (False, 0)))
    return sorted(differing, key=lambda name: (differing[name][0], name.count("."), differing[name][1], name))[:MOST_PARAMETERS]


def packed(state: dict[str, Any]) -> str:
    """The tag's value, as the UI itself writes it."""
    return HEADER + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def unpacked(value: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(value.removeprefix(HEADER))))
    return state


def address(experiment_id: str, port: int) -> str:
    return f"http://127.0.0.1:{port}/#/experiments/{experiment_id}/runs?workflowType=machine_learning&viewStateShareKey={KEY}"


def _order(name: str) -> tuple[int, str]:
    return (0 if name.endswith("/accuracy") else 1, name)
