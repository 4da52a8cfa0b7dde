"""Hydra's hooks around a sweep. Hydra makes them for every command, so what they need comes with the first one that is called."""

from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig, open_dict, read_write

if TYPE_CHECKING:
    from o1exp.config.compose import Study


class Sweep(Callback):
    """Called in the process that starts the cells."""

    _first: "Study"
    _nowhere: "TemporaryDirectory[str] | None" = None

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        """Check every cell, then create what they share. Errors: Refused, before the first cell starts."""
        from o1exp.app.cells import checked

        self._first = checked(config)
        if self._first.config.action in ("plan", "why"):  # they make nothing, and Hydra makes a folder for each cell
            self._nowhere = TemporaryDirectory(prefix="o1exp-plan-")
            with open_dict(config), read_write(config):
                config.hydra.sweep.dir = self._nowhere.name
                config.hydra.overrides.hydra = [*config.hydra.overrides.hydra, f"hydra.sweep.dir={self._nowhere.name}"]
        from o1exp.app import sweep

        sweep.opened(self._first, config)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        """Compare all finished cells on one page."""
        from o1exp.app import sweep

        sweep.ended(self._first, config)
        if self._nowhere is not None:
            self._nowhere.cleanup()
