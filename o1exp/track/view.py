"""Saved views of MLflow's run table: what was swept, then what came out, in one window; and the charts behind it.

The UI keeps shared views as experiment tags, compressed JSON under `mlflow.sharedViewState.<key>`, and opens one by its key.
"""

import base64
import json
import zlib
from typing import Any

from o1exp.track.columns import Columns
from o1exp.track.logged import KIND, STATUS
from o1exp.track.measured import score_tag

STUDY = "study"
HEADER = "deflate;"
RUN_NAME, CREATED, DURATION = "attributes.`Run Name`", "runDateAndNestInfo", "duration"
"""Columns the UI always shows, by the ids of its grid."""
WIDEST = 3
"""With more benchmarks than these their mean is a column too."""


def tag(key: str) -> str:
    """The experiment's tag with the view of this key."""
    return f"mlflow.sharedViewState.{key}"


def view(columns: Columns, search: str) -> dict[str, Any]:
    """The state of the run table: which runs, which columns in which order, how wide, best accuracy first; and the charts.

    Sorted by a score the UI lists parents, cells and arms in one flat table; sorted by date it would fold the children away.
    """
    widths = _widths(columns)
    shown = list(widths)
    return {
        "searchFilter": search, "orderByKey": "metrics.`accuracy`", "orderByAsc": False, "startTime": "ALL", "lifecycleFilter": "Active",
        "datasetsFilter": [], "modelVersionFilter": "All Runs",
        "selectedColumns": shown, "columnOrder": [RUN_NAME, *shown, DURATION, CREATED],
        "columnWidths": {RUN_NAME: 160, CREATED: 75, DURATION: 70, **widths},
        "runsHiddenMode": "SHOW_ALL", "viewMaximized": False, "runListHidden": False, "isAccordionReordered": True, "groupBy": None,
        "groupsExpanded": {}, "useGroupedValuesInCharts": True, "hideEmptyCharts": True,
        "compareRunCharts": charts(columns), "compareRunSections": sections(),
    }  # fmt: skip


def _widths(columns: Columns) -> dict[str, int]:
    """Column -> pixels: what was swept, then what came out."""
    found = {f"params.`{name}`": max(55, min(120, 7 * len(name) + 25)) for name in columns.params}
    found |= {f"tags.`{score_tag(name)}`": 150 for name in columns.benchmarks}
    if len(columns.benchmarks) > WIDEST:
        found["metrics.`accuracy`"] = 75
    return found | {"metrics.`tokens`": 70, "metrics.`usd`": 60, f"tags.`{STATUS}`": 80, "metrics.`train_tokens`": 95}


def charts(columns: Columns) -> list[dict[str, Any]]:
    """Accuracy against tokens and dollars, loss against tokens, and the curves of all runs."""
    found = [
        _scatter("accuracy", "tokens", "Accuracy against output tokens"),
        _scatter("accuracy", "train_tokens", "Accuracy against tokens trained on"),
    ]
    found += [_scatter("accuracy", "usd", "Accuracy against dollars")]
    for number in range(1, columns.phases + 1):
        found.append(_line(f"phase{number}_by_tokens/loss", f"Phase {number}: loss against tokens", "loss"))
    for number in range(1, columns.phases + 1):
        for curve, words in (("validation_loss", "held-out loss"), ("validation_accuracy", "held-out accuracy"), ("lr", "learning rate")):
            found.append(_line(f"phase{number}/{curve}", f"Phase {number}: {words} by step", "curves"))
    return found


def sections() -> list[dict[str, Any]]:
    named = {"cost": "Accuracy and its price", "loss": "Loss against tokens", "curves": "Curves"}
    return [
        {"uuid": key, "name": name, "display": True, "isReordered": True, "deleted": False, "isGenerated": False}
        for key, name in named.items()
    ]


def _scatter(up: str, along: str, title: str) -> dict[str, Any]:
    axes = {"xaxis": {"key": along, "type": "METRIC"}, "yaxis": {"key": up, "type": "METRIC"}, "runsCountToCompare": 100}
    return {**_card(f"{up}-{along}", "SCATTER", title, "cost"), **axes}


def _line(key: str, title: str, section: str) -> dict[str, Any]:
    return {
        **_card(key, "LINE", title, section), "metricKey": key, "selectedMetricKeys": [key], "lineSmoothness": 0,
        "xAxisScaleType": "linear",
        "scaleType": "linear", "range": {}, "xAxisKey": "step", "selectedXAxisMetricKey": "", "yAxisKey": "metric", "yAxisExpressions": [],
        "ignoreOutliers": False, "useGlobalXaxisKey": False, "useGlobalLineSmoothing": True, "runsCountToCompare": 100,
    }  # fmt: skip


def _card(key: str, kind: str, title: str, section: str) -> dict[str, Any]:
    return {"uuid": key, "type": kind, "displayName": title, "metricSectionId": section, "deleted": False, "isGenerated": False}


def of_study(columns: Columns) -> dict[str, Any]:
    """All runs, cells and arms of a study; the means over seeds have a view of their own."""
    return view(columns, f"tags.`{KIND}` != 'seeds'")


def of_sweep(columns: Columns, parent: str) -> dict[str, Any]:
    return view(columns, f"tags.`mlflow.parentRunId` = '{parent}' and tags.`{KIND}` != 'seeds'")


def of_seeds(columns: Columns, parent: str) -> dict[str, Any]:
    """A run for all cells that differ in the seed alone."""
    without = Columns(tuple(name for name in columns.params if name != "seed"), columns.benchmarks)
    return view(without, f"tags.`mlflow.parentRunId` = '{parent}' and tags.`{KIND}` = 'seeds'")


def packed(state: dict[str, Any]) -> str:
    """The tag's value, as the UI itself writes it."""
    return HEADER + base64.b64encode(zlib.compress(json.dumps(state).encode())).decode()


def unpacked(value: str) -> dict[str, Any]:
    state: dict[str, Any] = json.loads(zlib.decompress(base64.b64decode(value.removeprefix(HEADER))))
    return state


def address(experiment_id: str, port: int, key: str = STUDY) -> str:
    """The table of the view, in the workflow of model training: an experiment opens in that of agents otherwise."""
    place = f"http://127.0.0.1:{port}/#/experiments/{experiment_id}/runs"
    return f"{place}?workflowType=machine_learning&compareRunsMode=TABLE&viewStateShareKey={key}"
