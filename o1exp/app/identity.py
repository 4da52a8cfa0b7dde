"""Which sweep a command goes on with: the one with the same study, settings and axes, whatever their values are."""

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path

from omegaconf import DictConfig, open_dict, read_write

from o1exp.app.axes import Axes, Value

HOW = frozenset(("action", "stale", "outputs", "machine", "budget", "store", "ledger", "track", "hydra"))
"""Settings that say how a sweep runs, and so make no other one."""


def folder_of(config: DictConfig, axes: Axes) -> Path:
    """The sweep's folder: hydra.sweep.dir where it is given, else one that the command itself names."""
    if config.hydra.sweep.dir:
        return Path(config.hydra.sweep.dir).resolve()
    said = {
        "config": str(config.hydra.job.config_name), "fixed": sorted(what(axes.fixed)), "axes": sorted(axis.name for axis in axes.axes),
        "design": str(config.hydra.sweeper.get("design") or ""), "sweeper": str(config.hydra.sweeper._target_),
    }  # fmt: skip
    name = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:8]
    return Path(config.outputs).resolve() / "runs" / f"{config.study}-{name}"


def what(overrides: Sequence[str]) -> Value:
    """Without those that say how to run."""
    return tuple(word for word in overrides if re.split(r"[.=/@]", word.lstrip("+~"))[0] not in HOW)


def settle(config: DictConfig, folder: Path) -> None:
    """Let the cells of a launcher lie in the sweep's folder."""
    with open_dict(config), read_write(config):
        config.hydra.sweep.dir = str(folder)
        config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, f"hydra.sweep.dir='{folder}'"]


def launchable(number: int, overrides: Value, below: Path = Path()) -> list[str]:
    """The words that a launcher starts the cell by: it says itself where the cell lies, since launchers count from where they are told."""
    return [*overrides, f"hydra.sweep.subdir={below / 'cells' / str(number)}"]
