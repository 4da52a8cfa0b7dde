"""Hydra's hooks around a sweep. Hydra makes them for every command, so what they need comes with the first one that is called."""

from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

if TYPE_CHECKING:
    from o1exp.config.compose import Study


class Sweep(Callback):
    """Called in the process that starts the cells."""

    _first: "Study"

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every cell, then create what they share. Errors: Refused, before the first cell starts."""
        from o1exp.app.cells import checked

        self._first = checked(config)
        from o1exp.app import sweep

        sweep.opened(self._first, config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare all finished cells on one page."""
        from o1exp.app import sweep

        sweep.ended(self._first, config)
