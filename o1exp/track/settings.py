"""What a run is told by: its parameters and its name. Only what was set, or chosen among options; the whole config is a file of the run."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from o1exp.history.runs import RunRecord
from o1exp.track import names

HOW = frozenset(
    ("action", "stale", "goal", "outputs", "machine", "budget", "store", "ledger", "track", "hydra", "arms", "baseline", "study", "report")
)
"""What says how to run, or what is shown of it: no parameter of an experiment."""


def settings(record: RunRecord, arm: str = "") -> dict[str, str]:
    """The option of every node, the seed, and each value that was set; of an arm with its own in their place."""
    found = {node(choice): option for choice, option in record.choices.items() if choice not in HOW}
    if "seed" in record.config:
        found["seed"] = str(record.config["seed"])
    arms = record.config.get("arms") or {}
    for key, value in words([*record.overrides, *(arms.get(arm) or ())]):
        found[node(key)] = value
    return found


def words(overrides: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Overrides as (key, value), without those that say how to run. One that takes something away has the value "none"."""
    for override in overrides:
        key, sign, value = override.lstrip("+~").partition("=")
        if re.split(r"[.@]", key)[0] not in HOW:
            yield key, (value if sign else "none")


def name(record: RunRecord) -> str:
    """What was set on the command line, or the study's name: never a key."""
    told = [f"{key}={value}" for key, value in words(record.overrides) if key != "experiment"]
    return names.run_name(" ".join(told) or record.title or "run")


def params(given: dict[str, str]) -> list[Any]:
    """As MLflow's own; names and values within its limits."""
    from mlflow.entities import Param

    called = names.keys(given)
    return [Param(called[name], names.value(value)) for name, value in given.items()]


def node(choice: str) -> str:
    """`sft@think` chooses the node `think`."""
    return choice.partition("@")[2] or choice
