"""Where Hydra looks for launchers: cells on Ray. The published launcher pins a cloudpickle that joblib is too new for; ours needs Ray."""

import os
from collections.abc import Sequence
from typing import Any

from hydra.core.singleton import Singleton
from hydra.core.utils import JobReturn, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

OURS = "O1EXP_"
"""How the environment variables begin that a sweep tells its cells of."""
WITHOUT = {"RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0", "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"}
"""Ray hides no GPU from a cell, since stages lease theirs themselves, reports to nobody, and lets cells run at this process's priority."""


class RayLauncher(Launcher):
    """Each cell is a task of a Ray cluster, or of one on this machine (conf/hydra/launcher/ray.yaml)."""

    def __init__(self, init: Any, remote: Any) -> None:
        """Hydra passes the settings by name: those of ray.init, and what a cell takes of the cluster."""
        self._init, self._remote = plain(init), plain(remote)

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        self._context, self._task, self._config = hydra_context, task_function, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """What the cells return. Errors: ray's own where the process of one was killed."""
        os.environ |= WITHOUT
        try:
            import ray
        except ImportError:
            raise ValueError("hydra/launcher=ray needs Ray: pip install 'o1exp[ray]'") from None
        setup_globals()
        if not ray.is_initialized():
            ray.init(**self._init)
        ours = {name: value for name, value in os.environ.items() if name.startswith(OURS)}
        once = ray.put((self._context, self._config, self._task, Singleton.get_state()))
        cell = ray.remote(_cell).options(max_retries=0, **self._remote)
        waiting = [cell.remote(initial_job_idx + place, list(words), once, ours, os.getcwd()) for place, words in enumerate(job_overrides)]
        ray.wait(waiting, num_returns=len(waiting))  # what kills one takes no other along
        return [ray.get(one) for one in waiting]


def plain(settings: Any) -> dict[str, Any]:
    found: Any = OmegaConf.to_container(settings, resolve=True) if OmegaConf.is_config(settings) else settings
    return {str(name): value for name, value in (found or {}).items()}


def _cell(number: int, words: list[str], once: tuple[Any, ...], ours: dict[str, str], folder: str) -> JobReturn:
    """In a process of Ray's, which may have made another cell before."""
    from hydra_plugins.hydra_joblib_launcher._core import execute_job

    for name in [name for name in os.environ if name.startswith(OURS)]:
        del os.environ[name]
    os.environ |= ours
    os.chdir(folder)
    context, config, task, state = once
    done: JobReturn = execute_job(number, words, context, config, task, state)
    return done
