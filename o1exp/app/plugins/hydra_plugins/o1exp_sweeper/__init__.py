"""Where Hydra looks for sweepers: it takes them from this place alone. What they do stands in o1exp/app/sweeping.py."""

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


class _Prepared(Sweeper):
    """Keeps what Hydra hands over; the settings are read from the config itself."""

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self.config: DictConfig = config
        self.hydra_context = hydra_context
        self.launcher: Launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )


class CellSweeper(_Prepared):
    """All cells over axes (conf/hydra/sweeper/cells.yaml), checked and planned before the first one starts."""

    def __init__(self, params: Any, design: str, fraction: int, runs: int, on_failure: str, only: Any) -> None:
        """Hydra passes the settings by name."""

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        from o1exp.app.sweeping import sweep

        return sweep(self.config, self.launcher)


class OptunaSweeper(_Prepared):
    """A search by Optuna (conf/hydra/sweeper/optuna.yaml)."""

    def __init__(self, params: Any, n_trials: int, sampler: str, objectives: Any, constraints: Any, options: Any) -> None:
        """Hydra passes the settings by name."""

    def sweep(self, arguments: list[str]) -> Sequence[Any]:
        from o1exp.app.search.run import search

        return search(self.config, self.launcher)
